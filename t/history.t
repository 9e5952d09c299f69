use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use Time::HiRes ();

# tracker_history: what writes leave in the log, and the times of trackers.

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => <<'CONFIG') unless defined $block->config;
    location /v1/manage/ {
        tracker_api;
        tracker_history 1000;
        client_max_body_size 1m;
    }

    # the same trackers, without a history
    location /plain/v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
CONFIG
});

run_tests();

sub key {
    return account_key('tester', $_[0]);
}

sub rev {
    return redis('GET', key('rev')) // 0;
}

# what the log has: [revision, what was done, id, ms]
sub entries {
    my @flat = @{redis('ZRANGE', key('log'), 0, -1, 'WITHSCORES')};
    my @entries;

    while (my ($member, $score) = splice @flat, 0, 2) {
        my ($op, $id, $at) = $member =~ /^(?:-|([cud])(\d{16}) (\d{13}))$/
            or die "\"$member\" is in the log\n";

        push @entries, [$score, $op // '-', $id // '', $at // 0];
    }

    return @entries;
}

# The log is this: "-" or "c ID" and so on, as revisions rise; the last one is
# that of the account.
sub is_logged {
    my ($title, @expected) = @_;
    my @entries = entries();
    my $before = -1;

    is(join("\n", map { $_->[1] . ($_->[2] && " $_->[2]") } @entries),
       join("\n", @expected), $title);
    is($entries[-1][0], rev(), "$title: the revision");

    for (@entries) {
        cmp_ok($_->[0], '>', $before, "$title: revisions rise")
            unless $_->[0] > $before;
        $before = $_->[0];
    }
}

# the times of trackers, by their ids: [created, changed], in ms
sub kept_times {
    my %flat = @{redis('HGETALL', key('times'))};
    my %times;

    for (keys %flat) {
        my ($changed, $id) = /^(u?)(\d{16})$/ or die "\"$_\" is in times\n";

        $times{$id}[$changed ? 1 : 0] = $flat{$_};
    }

    return \%times;
}

# each tracker has the times of its entries, and nothing else is there
sub has_times_of_log {
    my ($title) = @_;
    my %times;

    for (entries()) {
        my (undef, $op, $id, $at) = @$_;

        delete $times{$id} if $op eq 'd';
        $times{$id}[$op eq 'c' ? 0 : 1] = $at if $op =~ /[cu]/;
    }

    is_deeply(kept_times(), \%times, "$title: times");
}

sub manage {
    my ($method, $path, $body, %o) = @_;

    return exchange(request($method, "/v1/manage/$path", body => $body, %o));
}

sub plain {
    my ($method, $path, $body, %o) = @_;

    return exchange(request($method, "/plain/v1/manage/$path", body => $body,
                            %o));
}

# creates trackers; their ids
sub create {
    return map { id_of(manage('POST', 'tracker', tracker_text($_))) } @_;
}

sub id_of {
    return decode($_[0]{body})->{tracker}{id} // die "no id in $_[0]{body}\n";
}

sub bulk_text {
    return '[' . join(',', map { tracker_text($_) } @_) . ']';
}

sub ids_of {
    return map { $_->{id} } @{decode($_[0]{body})->{trackers}};
}

sub ms {
    return int(1000 * Time::HiRes::time());
}

# all keys and their values
sub dump_of {
    return join "\n", map { "$_ " . unpack('H*', redis('DUMP', $_)) }
                          sort @{redis('KEYS', '*')};
}

__DATA__

=== each write is in the log with its revision
--- scenario
my $start = ms();
my ($a) = create('a');

is_logged('the first', '-', "c $a");
is((entries())[0][0], 0, 'it begins at 0');

my ($b) = create('b');
my $seen = rev();

is_logged('another', '-', "c $a", "c $b");

my @bulk = ids_of(manage('POST', 'trackers', bulk_text('c', 'd')));
is_logged('a bulk', '-', "c $a", map { "c $_" } $b, @bulk);

is(manage('PUT', "tracker/$a", tracker_text('e'))->{status}, 200, 'PUT');
is_logged('PUT', '-', map({ "c $_" } $a, $b, @bulk), "u $a");

is(manage('PATCH', "trackers/$b",
          '[{"op":"replace","path":"/name","value":"f"}]')->{status},
   200, 'PATCH');
is(manage('PATCH', "trackers/$b", '{"description":"g"}',
          type => 'application/merge-patch+json')->{status},
   200, 'a merge patch');
is(manage('DELETE', "tracker/$bulk[0]", undef, type => undef)->{status}, 200,
   'DELETE');
is_logged('all', '-', map({ "c $_" } $a, $b, @bulk), "u $a", "u $b", "u $b",
          "d $bulk[0]");
has_times_of_log('all');

my %score = @{redis('ZRANGE', key('index'), 0, -1, 'WITHSCORES')};
my %created = map { ($_->[2] => $_->[0]) } grep { $_->[1] eq 'c' } entries();

is($created{$_}, $score{$_}, "$_ has the revision of the index")
    for keys %score;
is(scalar(grep { $_->[0] == $seen } entries()), 1,
   'the ETag of a list is an entry');
ok(!(grep { $_->[1] ne '-' && ($_->[3] < $start || $_->[3] > ms()) } entries()),
   'the times are those of now');



=== a bulk that is a transaction
--- scenario
my ($a) = create('a');
my @ids = ids_of(manage('POST', 'trackers',
                        bulk_text(map { "n$_" } 1 .. 4000)));

is(scalar @ids, 4000, 'created');
is_logged('the last thousand', map { "c $_" } @ids[3000 .. 3999]);
is(scalar keys %{kept_times()}, 4001, 'all have a time');

my %score = @{redis('ZRANGE', key('index'), 0, -1, 'WITHSCORES')};
is(join(' ', map { $_->[0] } entries()),
   join(' ', map { $score{$_} } @ids[3000 .. 3999]),
   'the revisions of the index');

redis('FLUSHALL');
@ids = ids_of(manage('POST', 'trackers', bulk_text(map { "n$_" } 1 .. 100)));
is_logged('the first of an account', '-', map { "c $_" } @ids);
has_times_of_log('the first of an account');
is(redis('EXISTS', key('stop')), 0, 'no key is left');



=== a write of many takes steps of as many
A revision that a failover has lost is as rarely that of one of many changes as
of one change alone.
--- scenario
my ($id) = create('first');
my $rev = rev();
my $n = 0;

my %write = (
    'a few' => [7, sub { bulk_text(map { 'f' . ++$n } 1 .. 7) }],
    'a transaction' => [90, sub { bulk_text(map { 't' . ++$n } 1 .. 90) }],
    'more than are kept' => [1007, sub {
        bulk_text(map { 'm' . ++$n } 1 .. 1007) }],
    'an import' => [11, sub {
        '[' . join(',', tracker_text('first', 'phrase ' . ++$n),
                        map { tracker_text('i' . ++$n) } 1 .. 10) . ']' },
        '?on_conflict=replace'],
);

for my $name (sort keys %write) {
    my ($many, $text, $args) = @{$write{$name}};
    my $kept = $many < 1000 ? $many : 1000;

    for my $round (1 .. 4) {
        is(manage('POST', 'trackers' . ($args // ''), $text->())->{status}, 200,
           "$name: $round");
        is((rev() - $rev - ($many - $kept)) % $kept, 0, "$name: the step");
        $rev = rev();
    }
}



=== imports: what is deleted, what changes, what is new
--- scenario
my ($a, $b, $c) = create('a', 'b', 'c');
my $lines = join "\n", tracker_text('a', 'other'), tracker_text('b'),
                       tracker_text('x'), tracker_text('y');

is(manage('POST', 'trackers?on_conflict=merge', $lines,
          type => 'application/x-ndjson')->{status}, 200, 'an import');

my %id = map { ($_->{name} => $_->{id}) }
             @{decode(manage('GET', 'trackers')->{body})->{trackers}};
my @before = ('-', map { "c $_" } $a, $b, $c);

is_logged('an import', @before, "u $a", map { "c $id{$_}" } 'x', 'y');

my $etag = manage('GET', 'trackers')->{headers}{etag};
is(manage('POST', 'trackers?on_conflict=replace&rest=delete',
          '[' . join(',', tracker_text('b', 'new'), tracker_text('z')) . ']',
          headers => ["If-Match: $etag"])->{status}, 200, 'the whole list');

my ($z) = map { $_->{id} } grep { $_->{name} eq 'z' }
              @{decode(manage('GET', 'trackers')->{body})->{trackers}};
my @all = entries();

is(join(' ', map { "$_->[1] $_->[2]" } @all[-2, -1]), "u $b c $z",
   'first what changes, then what is new');
is(join(' ', sort map { "$_->[1] $_->[2]" } @all[-6 .. -3]),
   join(' ', sort map { "d $_" } $a, $c, $id{x}, $id{y}),
   'before it what is deleted');
is($all[-1][0], rev(), 'the last one has the revision');
has_times_of_log('all');

my %score = @{redis('ZRANGE', key('index'), 0, -1, 'WITHSCORES')};
is($all[-1][0], $score{$z}, 'that of the index, too');



=== what writes nothing logs nothing
--- scenario
my ($a) = create('a');
my @key = (headers => ['Idempotency-Key: k']);
my $import = 'trackers?on_conflict=skip';

manage('POST', 'tracker', tracker_text('b'), @key);
manage('POST', 'trackers', bulk_text(map { "n$_" } 1 .. 20),
       headers => ['Idempotency-Key: bulk']);
manage('POST', $import, bulk_text('i'), headers => ['Idempotency-Key: i']);

my $log = redis('ZRANGE', key('log'), 0, -1, 'WITHSCORES');
my $times = kept_times();

for ([200, 'POST', 'tracker', tracker_text('b'), @key],
     [200, 'POST', 'trackers', bulk_text(map { "n$_" } 1 .. 20),
      headers => ['Idempotency-Key: bulk']],
     [200, 'POST', $import, bulk_text('i'), headers => ['Idempotency-Key: i']],
     [200, 'POST', $import, bulk_text('a', 'b')],
     [200, 'POST', 'trackers?dryRun=true', bulk_text('q')],
     [409, 'POST', 'tracker', tracker_text('a')],
     [409, 'POST', 'trackers', bulk_text('z', 'a')],
     [409, 'POST', 'trackers', bulk_text(map { "n$_" } 0 .. 20)],
     [200, 'PUT', "tracker/$a", tracker_text('a')],
     [409, 'PUT', "tracker/$a", tracker_text('b')],
     [200, 'PATCH', "tracker/$a",
      '[{"op":"replace","path":"/name","value":"a"}]'],
     [400, 'PATCH', "tracker/$a", '[{"op":"remove","path":"/name"}]'],
     [404, 'DELETE', 'tracker/4503599627370496', undef, type => undef],
     [404, 'PUT', 'tracker/4503599627370496', tracker_text('q')])
{
    my ($status, @request) = @$_;

    is(manage(@request)->{status}, $status, "$status @request[0, 1]");
    is_deeply(redis('ZRANGE', key('log'), 0, -1, 'WITHSCORES'), $log,
              "@request[0, 1]: the log");
    is_deeply(kept_times(), $times, "@request[0, 1]: times");
}



=== a script that is sent again logs nothing more
--- scenario
my ($a) = create('a');
my $id = '4503599627370497';
my @log = (key('log'), key('times'));
my $record = '{"id":"' . $id . '","name":"n","vocabulary":["b"]}';
my @create = (script('create'), 7, map({ key($_) } 'lock', 'index', 'rev'),
              @log, key('name:n'), key("id:$id"),
              '', 0, '', 0, 2 ** 40, 1, 1, '', 1000, $record);

is(redis('EVAL', @create)->[0], 'created', 'create.lua');
is_logged('create.lua', '-', "c $a", "c $id");
is(redis('EVAL', @create)->[0], 'created', 'again');
is_logged('again', '-', "c $a", "c $id");

my $new = '{"id":"' . $id . '","name":"m","vocabulary":["b"]}';
my @change = (script('change'), 7,
              map({ key($_) } 'lock', 'rev', "id:$id", 'name:n', 'name:m'),
              @log, '', redis('EVAL', 'return redis.sha1hex(ARGV[1])', 0,
                              $record), $new, 2 ** 40, 1, 1000);

is(redis('EVAL', @change)->[0], 'changed', 'change.lua');
is(redis('EVAL', @change)->[0], 'changed', 'again');
is_logged('again', '-', "c $a", "c $id", "u $id");

my @delete = (script('delete'), 6,
              map({ key($_) } 'rev', 'index', "id:$id", 'name:m'), @log,
              redis('EVAL', 'return redis.sha1hex(ARGV[1])', 0, $new), 60_000,
              2 ** 40, 1, 1000);

is(redis('EVAL', @delete)->[0], 'deleted', 'delete.lua');
is(redis('EVAL', @delete)->[0], 'deleted', 'again');
is_logged('again', '-', "c $a", "c $id", "u $id", "d $id");
has_times_of_log('all');

my @import = (script('import'), 12,
              map({ key($_) } 'lock', 'index', 'rev', 'id:4503599627370499'),
              @log, map({ key($_) } 'name:i', 'id:4503599627370500', "id:$a",
                        'name:d', 'id:4503599627370501'));

$import[1] = @import - 2;
push @import, '', 0, '', 0, 2 ** 40, 1, 1, rev(), 60_000, 1, '', 1000, 'i',
     'a';
is(redis('EVAL', @import)->[0], 'imported', 'import.lua');
is(redis('EVAL', @import)->[0], 'imported', 'again');
is_logged('again', '-', "c $a", "c $id", "u $id", "d $id",
          'd 4503599627370501', "u $a", 'c 4503599627370500');



=== the log keeps so many changes
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_history 5;
        client_max_body_size 1m;
    }
--- scenario
my @ids = create('a' .. 'd');
is_logged('four, and where it begins', '-', map { "c $_" } @ids);

push @ids, create('e');
is_logged('five', map { "c $_" } @ids);

push @ids, create('f');
is_logged('six', map { "c $_" } @ids[1 .. 5]);

manage('PUT', "tracker/$ids[0]", tracker_text('a', 'x'));
is_logged('PUT', map({ "c $_" } @ids[2 .. 5]), "u $ids[0]");

manage('DELETE', "tracker/$ids[0]", undef, type => undef);
is_logged('DELETE', map({ "c $_" } @ids[3 .. 5]), "u $ids[0]", "d $ids[0]");

manage('POST', 'trackers?on_conflict=replace',
       bulk_text(map { "i$_" } 1 .. 7));
is(scalar entries(), 5, 'an import');
is((entries())[-1][0], rev(), 'the revision');

my @bulk = ids_of(manage('POST', 'trackers',
                         bulk_text(map { "n$_" } 1 .. 20)));
is_logged('a bulk', map { "c $_" } @bulk[15 .. 19]);
is(scalar keys %{kept_times()}, 5 + 7 + 20, 'all times');

manage('POST', 'trackers', bulk_text(map { "m$_" } 1 .. 2));
is(join(' ', map { $_->[2] } (entries())[0 .. 2]), "@bulk[17 .. 19]",
   'a small one');



=== a log that has missed a write begins anew
--- scenario
my ($a) = create('a');
my ($id, @new);

for my $write (
    sub { @new = create('b'); map { "c $_" } @new },
    sub { manage('PUT', "tracker/$a", tracker_text('a', ms())); "u $a" },
    sub { manage('DELETE', "tracker/$id", undef, type => undef); "d $id" },
    sub { map { "c $_" } ids_of(manage('POST', 'trackers',
                                       bulk_text(map { "n$_" } 1 .. 20))) },
    sub { manage('POST', 'trackers?on_conflict=replace',
                 '[' . tracker_text('a', 'import') . ']'); "u $a" })
{
    $id = id_of(plain('POST', 'tracker', tracker_text('p' . ms() . rand)));

    my $before = rev();
    isnt((entries())[-1][0], $before, 'the log does not have it');

    my @expected = $write->();
    is_logged("anew: $expected[0]", '-', @expected);
    is((entries())[0][0], $before, 'from the revision before on');
}

redis('DEL', key('log'));
($id) = create('z');
is_logged('without a log', '-', "c $id");



=== without the directive there are no such keys and no such arguments
--- scenario
commands_seen();

my $id = id_of(plain('POST', 'tracker', tracker_text('a')));

plain('PUT', "tracker/$id", tracker_text('b'));
plain('POST', 'trackers', bulk_text(map { "n$_" } 1 .. 20));
plain('POST', 'trackers?on_conflict=skip', bulk_text('x'));
plain('DELETE', "tracker/$id", undef, type => undef);

is(redis('EXISTS', key('log'), key('times')), 0, 'no keys');
is(commands_seen(qw(hset hmget hdel zremrangebyrank)), 0, 'no commands');



=== changes of one tracker in one millisecond are all there
--- scenario
my ($a) = create('a');

for my $i (1 .. 5) {
    my $record = redis('GET', key("id:$a"));
    my $lua = script('change') =~ s/redis\.call\('time'\)/{'7', '0'}/r;

    is(redis('EVAL', $lua, 7,
             map({ key($_) } 'lock', 'rev', "id:$a", 'name:a', 'name:a',
                             'log', 'times'),
             '', redis('EVAL', 'return redis.sha1hex(ARGV[1])', 0, $record),
             "$record $i", 2 ** 40, 1, 1000)->[0],
       'changed', "change $i");
}

is(redis('ZCARD', key('log')), 2 + 5, 'in the log');
is(join(' ', @{redis('ZRANGE', key('log'), 2, -1)}),
   join(' ', map { "u$a $_" } 7000 .. 7004), 'in their order');

my %score = @{redis('ZRANGE', key('log'), 2, -1, 'WITHSCORES')};
is(scalar(keys %{{ reverse %score }}), 5, 'each has a revision');
is(redis('ZSCORE', key('log'), "u$a 7004"), rev(), 'the last one');
is(redis('HGET', key('times'), "u$a"), 7004, 'its time');



=== so is one by an import
--- scenario
my ($a, $b) = create('a', 'b');

for my $i (1 .. 3) {
    my $lua = script('import') =~ s/redis\.call\('time'\)/{'7', '0'}/r;
    my @keys = (map({ key($_) } 'lock', 'index', 'rev',
                                "id:450359962737049$i"),
                'log', 'times', key("id:$a"), key("id:$b"));

    is(redis('EVAL', $lua, scalar @keys, @keys, '', 0, '', 0, 2 ** 40, 1, 0,
             rev(), 60_000, 0, '', 1000, "a $i", "b $i")->[0],
       'imported', "import $i");
}

is(join(' ', @{redis('ZRANGE', 'log', 0, -1)}),
   join(' ', '-', map { ("u$a $_", "u$b $_") } 7000 .. 7002), 'in the log');



=== a key of another type is an error, and nothing is done
--- scenario
for my $wrong ('log', 'times') {
    redis('FLUSHALL');

    my ($a, $b) = create('a', 'b');

    redis('DEL', key($wrong));
    redis('SET', key($wrong), 'x');

    my $before = dump_of();

    for ([POST => 'tracker', tracker_text('n')],
         [POST => 'tracker', tracker_text('n', 'x' x 20_000)],
         [POST => 'trackers', bulk_text('n', 'm')],
         [POST => 'trackers', bulk_text(map { "n$_" } 1 .. 20)],
         [POST => 'trackers?on_conflict=replace', bulk_text('a', 'n')],
         [POST => 'trackers?on_conflict=merge',
          '[' . tracker_text('a', 'new') . ']'],
         [PUT => "tracker/$a", tracker_text('n')],
         [PATCH => "tracker/$a", '[{"op":"add","path":"/categories",'
                                 . '"value":["c"]}]'],
         [DELETE => "tracker/$a", undef, type => undef])
    {
        my ($method, $path, @more) = @$_;
        my $title = "$wrong: $method $path " . length($more[0] // '');

        is(manage($method, $path, @more)->{status}, 500, $title);
        is(wait_until(sub { !redis('EXISTS', lock_key()) }), 1,
           "$title: the lock");
        is(dump_of(), $before, "$title: nothing is done");
    }

    redis('DEL', key($wrong));
    is(manage('DELETE', "tracker/$a", undef, type => undef)->{status}, 200,
       'it goes on');
}



=== a user of Redis who may not keep changes changes nothing
--- scenario
my ($a) = create('a');

for my $command (qw(zremrangebyrank hset hdel)) {
    redis('ACL', 'SETUSER', 'default', "-$command");

    my $before = dump_of();

    for ([POST => 'tracker', tracker_text('n')],
         [POST => 'trackers', bulk_text(map { "n$_" } 1 .. 20)],
         [POST => 'trackers?on_conflict=replace', bulk_text('a', 'n')],
         [PUT => "tracker/$a", tracker_text('n')],
         [DELETE => "tracker/$a", undef, type => undef])
    {
        my ($method, $path, @more) = @$_;

        next if $command eq 'hdel' && $method ne 'DELETE';
        next if $command eq 'hset' && $method eq 'DELETE';
        is(manage($method, $path, @more)->{status}, 500,
           "$command: $method $path");
        is(wait_until(sub { !redis('EXISTS', lock_key()) }), 1, 'the lock');
        is(dump_of(), $before, 'nothing is done');
    }

    redis('ACL', 'SETUSER', 'default', "+$command");
}

is(manage('DELETE', "tracker/$a", undef, type => undef)->{status}, 200,
   'with all rights');



=== the rights that the README asks for are enough
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_redis $TEST_NGINX_REDIS user=app
                  password_file=$TEST_NGINX_SCRATCH/app.password;
--- post_setup_server_root
Tracker::scratch('app.password', 'its password');
--- scenario
open my $in, '<', 'README.md' or die "README.md: $!";
my ($rights, $keys, $more) = do { local $/; <$in> }
    =~ /may \s do \s `([^`]+)` \s on \s `([^`]+)`;
        .*? for \s `tracker_history` \s also \s `([^`]+)`/xs;

redis('ACL', 'SETUSER', 'app', 'reset', 'on', '>its password', $keys,
      split ' ', "$rights $more");

my ($id) = create('a');
my $bulk = bulk_text(map { "n$_" } 1 .. 20);

is(manage(@$_)->{status}, 200, "@$_[0, 1]")
    for [POST => 'trackers', $bulk], [PUT => "tracker/$id", tracker_text('b')],
        [POST => 'trackers?on_conflict=merge', bulk_text('b', 'c')],
        [POST => 'trackers?on_conflict=replace&rest=delete', bulk_text('b'),
         headers => ['If-Match: *']],
        [GET => 'trackers?expand=times'], [GET => 'trackers?expand=times'],
        [GET => 'trackers?name=b&expand=times'],
        [GET => "tracker/$id?expand=times"],
        [DELETE => "tracker/$id", undef, type => undef];
unlike(join('', @{Test::Nginx::Util::error_log_data()}), qr/answered "/,
       'no complaint');



=== a full Redis refuses the first write only
--- scenario
my ($a) = create('a');
my $before;

redis('CONFIG', 'SET', 'maxmemory', 1);
$before = dump_of();

for ([POST => 'tracker', tracker_text('n')],
     [POST => 'trackers', bulk_text(map { "n$_" } 1 .. 20)],
     [POST => 'trackers?on_conflict=replace', bulk_text('n')],
     [PUT => "tracker/$a", tracker_text('n')])
{
    my ($method, $path, @more) = @$_;

    is(manage($method, $path, @more)->{status}, 500, "$method $path");
    is(dump_of(), $before, 'nothing is done');
}

is(manage('DELETE', "tracker/$a", undef, type => undef)->{status}, 200,
   'DELETE makes room');
redis('CONFIG', 'SET', 'maxmemory', 0);
is_logged('DELETE is in the log', '-', "c $a", "d $a");



=== expand=times tells when trackers were created and changed
--- scenario
my @ids = create('a', 'b', 'c');
my @plain = map { "{\"id\":\"$ids[$_]\",\"name\":\"" . chr(97 + $_)
                  . '","vocabulary":["phrase"]}' } 0 .. 2;

redis('HSET', key('times'), $ids[0], 1764351600123, $ids[1], 951782400000,
      "u$ids[1]", 4102444799999);
redis('HDEL', key('times'), $ids[2]);

# leap day, the last moment of a century, not known
my @told = ('"createdAt":"2025-11-28T17:40:00.123Z",'
            . '"updatedAt":"2025-11-28T17:40:00.123Z"',
            '"createdAt":"2000-02-29T00:00:00.000Z",'
            . '"updatedAt":"2099-12-31T23:59:59.999Z"');
my @expanded = ((map { $plain[$_] =~ s/\}$/,$told[$_]}/r } 0, 1), $plain[2]);
my $lines = join '', map { "$_\n" } @expanded,
                                    '{"end":true,"count":3}';
my $all = '{"trackers":[' . join(',', @expanded) . ']}';

# the second time the worker knows which they are
for my $time ('first', 'second') {
    is(manage('GET', 'trackers?expand=times')->{body}, $all, "list, $time");
    is(manage('GET', 'trackers')->{body},
       '{"trackers":[' . join(',', @plain) . ']}', "without, $time");
    is(manage('GET', 'trackers', undef,
              headers => ['Accept: application/x-ndjson'])->{body}, $lines,
       "lines, $time");

    my $page = manage('GET', 'trackers?limit=2&expand=times');
    my ($next) = $page->{body} =~ /"next":"(\d+)"/;

    is($page->{body}, '{"trackers":[' . join(',', @expanded[0, 1])
                      . "],\"next\":\"$next\"}", "a page, $time");
    is(manage('GET', "trackers?expand=times&limit=2&cursor=$next")->{body},
       "{\"trackers\":[$expanded[2]]}", "the next page, $time");
}

for my $i (0 .. 2) {
    my $name = chr(97 + $i);

    is(manage('GET', "trackers?name=$name&expand=times")->{body},
       "{\"trackers\":[$expanded[$i]]}", "by name $name");
    is(manage('GET', "tracker/$ids[$i]?expand=times")->{body},
       "{\"tracker\":$expanded[$i]}", "by id $name");
    is(manage('GET', "trackers/$ids[$i]")->{body}, "{\"tracker\":$plain[$i]}",
       "without $name");
}

is(manage('GET', 'trackers?name=q&expand=times')->{body}, '{"trackers":[]}',
   'a name that is not there');
is(manage('GET', 'trackers?expand=times', undef, account => 'other')->{body},
   '{"trackers":[]}', 'an account that has none');
is(manage('GET', 'tracker/4503599627370496?expand=times')->{status}, 404,
   'an id that is not there');



=== the times are those of the writes
--- scenario
my ($a) = create('a');
my $tell = sub {
    decode(manage('GET', "tracker/$a?expand=times")->{body})->{tracker};
};
my $new = $tell->();

like($new->{createdAt}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$/,
     'created');
is($new->{updatedAt}, $new->{createdAt}, 'not changed so far');

Time::HiRes::sleep(0.002);
manage('PUT', "tracker/$a", tracker_text('b'));
is($tell->()->{createdAt}, $new->{createdAt}, 'created as before');
cmp_ok($tell->()->{updatedAt}, 'gt', $new->{updatedAt}, 'changed');



=== a long list has all of them, in stretches
--- scenario
manage('POST', 'trackers', bulk_text(map { "a$_" } 1 .. 2500));

for my $time ('first', 'second') {
    my $list = decode(manage('GET', 'trackers?expand=times')->{body});

    is(scalar @{$list->{trackers}}, 2500, "all, $time");
    is(scalar(grep { $_->{createdAt} && $_->{updatedAt} }
                   @{$list->{trackers}}), 2500, "with times, $time");
}



=== times of trackers that are older than the history are not told
--- scenario
my $id = id_of(plain('POST', 'tracker', tracker_text('a')));
my $text = "{\"id\":\"$id\",\"name\":\"a\",\"vocabulary\":[\"phrase\"]}";

is(manage('GET', "tracker/$id?expand=times")->{body}, "{\"tracker\":$text}",
   'none');
is(manage('GET', 'trackers?expand=times')->{body}, "{\"trackers\":[$text]}",
   'none in the list');
is(plain('GET', "tracker/$id?expand=times")->{body}, "{\"tracker\":$text}",
   'nor without a history');

manage('PUT', "tracker/$id", tracker_text('a', 'new'));
like(manage('GET', "tracker/$id?expand=times")->{body},
     qr/"vocabulary":\["new"\],"updatedAt":"[^"]+"\}\}$/,
     'it was changed since');
unlike(plain('GET', 'trackers?expand=times')->{body}, qr/updatedAt/,
       'not told without a history');



=== expand has one value
--- scenario
my ($id) = create('a');

for my $value ('', 'Times', 'times,x', 'all', 'time') {
    for my $path ("tracker/$id", 'trackers', 'trackers?name=a') {
        my $response = manage('GET', $path . ($path =~ /\?/ ? '&' : '?')
                                     . "expand=$value");

        is($response->{status}, 400, "$path $value");
        is_message($response->{body}, '"expand" must be "times".',
                   "$path $value");
    }
}



=== the commands that times cost
--- scenario
my ($id) = create('a');

manage('GET', 'trackers');
commands_seen();
manage('GET', "tracker/$id");
manage('GET', 'trackers');
is(commands_seen('hmget'), 0, 'none, without times');

manage('GET', "tracker/$id?expand=times");
is(commands_seen('hmget'), 1, 'one');
manage('GET', 'trackers?expand=times');
is(commands_seen('eval', 'evalsha'), 0, 'no script for a list that is known');
manage('GET', 'trackers?expand=times');
is(commands_seen('hmget'), 1, 'one for a list');



=== the ETag is that of the tracker, and a weak one
--- scenario
my ($id) = create('a');
my $path = "tracker/$id?expand=times";
my $etag = manage('GET', "tracker/$id")->{headers}{etag};
my $told = manage('GET', $path);

is($told->{headers}{etag}, "W/$etag", 'weak');

for my $tag ($etag, "W/$etag") {
    my $same = manage('GET', $path, undef, headers => ["If-None-Match: $tag"]);

    is($same->{status}, 304, 'nothing has changed');
    is($same->{headers}{etag}, "W/$etag", 'its ETag');
}

is(manage('PUT', "tracker/$id", tracker_text('b'),
          headers => ["If-Match: W/$etag"])->{status}, 200, 'If-Match');
is(manage('GET', $path, undef,
          headers => ["If-None-Match: W/$etag"])->{status}, 200, 'another');
is(manage('GET', 'trackers?expand=times')->{headers}{etag},
   manage('GET', 'trackers')->{headers}{etag}, 'that of the list is the same');



=== times that are not what was written are an error
--- scenario
my ($id) = create('a');

manage('GET', 'trackers?expand=times');

for my $value ('x', '', '-1', '253402300800000', '1.5') {
    redis('HSET', key('times'), $id, $value);

    is(manage('GET', $_)->{status}, 500, "$_ $value")
        for "tracker/$id?expand=times", 'trackers?expand=times',
            'trackers?name=a&expand=times';
    is(manage('GET', "tracker/$id")->{status}, 200, 'without');
}

redis('DEL', key('times'));
redis('SET', key('times'), 'x');
is(manage('GET', $_)->{status}, 500, "$_: another type")
    for "tracker/$id?expand=times", 'trackers?expand=times',
        'trackers?name=a&expand=times';



=== what was told may come back
--- scenario
my @ids = create('a', 'b');
my $list = manage('GET', 'trackers?expand=times')->{body};
my $lines = manage('GET', 'trackers', undef,
                   headers => ['Accept: application/x-ndjson'])->{body};
my $log = redis('ZCARD', key('log'));

like($lines, qr/"createdAt"/, 'there are times');

for ([$list], [$lines, type => 'application/x-ndjson']) {
    my ($body, %o) = @$_;
    my $answer = manage('POST', 'trackers?on_conflict=replace', $body, %o);

    is($answer->{status}, 200, 'an import');
    like($answer->{body}, qr/"summary":\{"unchanged":2\}/, 'nothing changes');
}

is(redis('ZCARD', key('log')), $log, 'nothing is in the log');

my ($text) = $list =~ /(\{"id":"$ids[0]".*?\})/;

is(manage('PUT', "tracker/$ids[0]", $text =~ s/phrase/new/r)->{status}, 200,
   'PUT');
redis('FLUSHALL');
is(manage('POST', 'trackers?on_conflict=error', $list)->{status}, 200,
   'into another account');
unlike(manage('GET', 'trackers')->{body}, qr/createdAt|updatedAt/,
       'they are not stored');
is_message(manage('POST', 'tracker', $text)->{body}, '"id" is not allowed',
           'a create has no id');
is_message(manage('POST', 'tracker', $text =~ s/"id":"\d+",//r)->{body},
           '"createdAt" is not allowed', 'nor a time');
like(manage('POST', 'trackers?on_conflict=skip',
            '[{"name":"x","vocabulary":["y"],"createdAt":1}]')->{body},
     qr/^\{"message":"\\"\[0\]\.createdAt\\" must be a string"/,
     'a time is a string');
