use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

sub bulk {
    return '[' . join(',', @_) . ']';
}

sub names {
    my ($response) = @_;
    my $data = decode($response->{body});

    return [map { $_->{name} } @{$data->{trackers} // []}];
}

# n trackers of m phrases; each phrase has the given length
sub large_bulk {
    my ($n, $m, $length) = @_;

    return bulk(map {
        my $i = $_;
        tracker_text("tracker $i", map { sprintf "%-${length}s", "$i $_" }
                                   1 .. $m);
    } 1 .. $n);
}

# runs create.lua as the module does: pairs of a name and an id
sub create_script {
    my (@pairs) = @_;
    my $n = @pairs / 2;
    my @keys = map { account_key('tester', $_) } qw(lock index rev),
        map({ "name:$pairs[2 * $_]" } 0 .. $n - 1),
        map({ "id:$pairs[2 * $_ + 1]" } 0 .. $n - 1);

    return redis('EVAL', script('create'), scalar @keys, @keys, '', 0, '',
                 0, 2 ** 40, 1, $n, '', ('{}') x $n);
}

__DATA__

=== trackers are answered in the order of the request
--- request
POST /v1/manage/trackers
[{"name":"c","vocabulary":["3"]},{"name":"a","vocabulary":["1","0"],"description":"d"},{"name":"b","vocabulary":["2"]}]
--- answer
{"trackers":[{"id":"ID","name":"c","vocabulary":["3"]},
             {"id":"ID","name":"a","description":"d","vocabulary":["1","0"]},
             {"id":"ID","name":"b","vocabulary":["2"]}]}



=== an array of one is answered as an array
--- request
POST /v1/manage/trackers
[{"name":"a","vocabulary":["1"]}]
--- json
{"trackers":[{"id":"ID","name":"a","vocabulary":["1"]}]}



=== /trackers/bulk takes an array too
--- request
POST /v1/manage/trackers/bulk
[{"name":"a","vocabulary":["1"]},{"name":"b","vocabulary":["1"]}]
--- answer
{"trackers":[{"id":"ID","name":"a","vocabulary":["1"]},
             {"id":"ID","name":"b","vocabulary":["1"]}]}



=== every tracker of a bulk has an id and a record of its own
--- scenario
my $text = bulk(map { tracker_text("n$_", "p$_") } 1 .. 5);
my $body = exchange(post('trackers', $text))->{body};
my $trackers = decode($body)->{trackers};
my %ids = map { $_->{id} => 1 } @$trackers;

is(scalar keys %ids, 5, 'five ids');

for my $t (@$trackers) {
    my $record = redis('GET', account_key('tester', "id:$t->{id}"));
    ok(index($body, $record) > 0, "the record of $t->{name} is in the answer");
    is(redis('GET', account_key('tester', "name:$t->{name}")), $t->{id},
       "the name $t->{name}");
}

is_deeply(redis('ZRANGE', account_key('tester', 'index'), 0, -1),
          [map { $_->{id} } @$trackers], 'the index has the order of creation');



=== nothing is created when one name is taken
--- scenario
exchange(post('tracker', tracker_text('taken')));

my $before = redis('DBSIZE');
my $text = bulk(map { tracker_text($_) } qw(a b taken c));
my $response = exchange(post('trackers', $text));

is($response->{status}, 409, 'conflict');
is(redis('DBSIZE'), $before, 'nothing was written');
is_created(exchange(post('tracker', tracker_text('a'))), 'a', 'a is free');



=== nothing is created when one tracker is not valid
--- scenario
my $text = bulk(tracker_text('a'), '{"name":"b"}', tracker_text('c'));
my $response = exchange(post('trackers', $text));

is($response->{status}, 400, 'refused');
is(redis('DBSIZE'), 0, 'nothing was written');



=== nothing is created when one of the ids is another's
--- scenario
my $response = exchange(post('tracker', tracker_text('n')));
my $id = decode($response->{body})->{tracker}{id};
my @free = map { 4_503_599_627_370_496 + $_ } 1 .. 1200;
my $keys = redis('DBSIZE');
my $rev = redis('GET', account_key('tester', 'rev'));

is_deeply(create_script(a => $free[0], b => $id), ['taken'], 'the second');
is_deeply(create_script(map({ ("n$_", $free[$_]) } 0 .. 1100), b => $id),
          ['taken'], 'the last of three chunks');
is_deeply(create_script(a => $free[0], n => $id), ['conflict', 1, 1, $id],
          'a name that exists is said first');
is(redis('DBSIZE'), $keys, 'nothing was written');
is(redis('GET', account_key('tester', 'rev')), $rev, 'the revision');
is_deeply(create_script(a => $free[0], b => $free[1]), ['created'],
          'others are free');
is(redis('DBSIZE'), $keys + 4, 'and written');



=== nothing is created when the index is somebody else's key
--- scenario
redis('SET', account_key('tester', 'index'), 'x');

my $response = exchange(post('trackers', bulk(map { tracker_text($_) }
                                              qw(a b))));

is($response->{status}, 500, 'refused');
is(join(' ', @{redis('KEYS', '*:name:*')}, @{redis('KEYS', '*:id:*')}), '',
   'no name and no record');



=== 1,000 trackers in one bulk
--- scenario
my $text = large_bulk(1000, 3, 10);
my $response = exchange(post('trackers', $text));

is($response->{status}, 200, 'created');
is_deeply(names($response), [map { "tracker $_" } 1 .. 1000], 'in order');
is(redis('ZCARD', account_key('tester', 'index')), 1000, 'all in the index');
is(redis('DBSIZE'), 2002, 'a record and a name each, index and revision');



=== 2,500 trackers need more than one chunk of the script
--- scenario
my $text = large_bulk(2500, 1, 8);
my $response = exchange(post('trackers', $text));

is($response->{status}, 200, 'created');
is_deeply(names($response), [map { "tracker $_" } 1 .. 2500], 'in order');
is(redis('DBSIZE'), 5002, 'all is stored');

$response = exchange(post('trackers', bulk(tracker_text('new'),
                                           tracker_text('tracker 2500'))));
is($response->{status}, 409, 'the last name is taken');



=== 20,000 trackers, which take many turns of the loop
--- scenario
my $text = bulk(map { tracker_text("t$_", 'p') } 1 .. 20_000);
my $response = exchange(post('trackers', $text));

is($response->{status}, 200, 'created');
is_deeply(names($response), [map { "t$_" } 1 .. 20_000], 'in order');
is(redis('DBSIZE'), 40_002, 'all is stored');

my $last = decode($response->{body})->{trackers}[-1];
is(redis('GET', account_key('tester', 'name:t20000')), $last->{id},
   'the last name has its id');
is_deeply(decode(redis('GET', account_key('tester', "id:$last->{id}"))), $last,
          'and the id its record');

$text =~ s/"t20000"/"t1"/;
$response = exchange(post('trackers', $text));
is($response->{status}, 409, 'a name twice, found in the last turn');

$text =~ s/"p"\]\}\]$/""]}]/;
$response = exchange(post('trackers', $text));
is($response->{status}, 400, 'an empty phrase, found before');
is(redis('EXISTS', lock_key()), 0, 'the lock is given back');
is(redis('DBSIZE'), 40_002, 'nothing more is stored');



=== 20,000 trackers again, with an Idempotency-Key
--- scenario
my $text = bulk(map { tracker_text("t$_", 'p') } 1 .. 20_000);
my @responses = map {
    exchange(post('trackers', $text, headers => ['Idempotency-Key: k']))
} 1 .. 2;

is($responses[0]{status}, 200, 'created');
is($responses[1]{status}, 200, 'replayed');
is($responses[0]{body}, $responses[1]{body}, 'the same answer');



=== clients that go away between two turns leave nothing locked
--- scenario
my $body = bulk(map { tracker_text("t$_", 'p') } 1 .. 20_000);
my @workers = worker_pids();

for my $i (1 .. 12) {
    my $account = "account $i";
    my $text = post('trackers', $body, account => $account);
    my $sock = connect_nginx();

    send_bytes($sock, substr $text, 0, -5);
    wait_until(sub { redis('EXISTS', lock_key($account)) }, 'accepted');
    send_bytes($sock, substr $text, -5);

    # the turns take some 20 ms
    select undef, undef, undef, $i / 1000;
    close $sock;

    wait_until(sub { !redis('EXISTS', lock_key($account)) }, 'lock is free');
    like(redis('ZCARD', account_key($account, 'index')), qr/^(?:0|20000)$/,
         'all is stored, or nothing');
}

is(exchange(post('tracker', tracker_text('next')))->{status}, 200, 'next');
is(join(' ', worker_pids()), "@workers", 'the worker lives');



=== a command of more than 32 MB is not refused by an idle connection
--- config eval
"location /v1/manage/ {
     tracker_api;
     tracker_prefix " . 'p' x 2000 . ";
     client_max_body_size 16m;
}"
--- scenario
# each key has the prefix, so that it takes few trackers
my $text = bulk(map { tracker_text("t$_", 'p') } 1 .. 8200);

is(exchange(post('trackers', $text))->{status}, 200, 'created');
is(redis('DBSIZE'), 2 * 8200 + 2, 'all is stored');



=== 450 trackers with 70 phrases each, 0.98 MB, come back in order
--- scenario
my $text = large_bulk(450, 70, 28);
my $response = exchange(post('trackers', $text));
my $sent = decode($text);
my $got = decode($response->{body})->{trackers};

cmp_ok(length $text, '>', 970_000, 'the body is large');
cmp_ok(length $text, '<=', 1_048_576, 'and not too large');
is($response->{status}, 200, 'created');
delete $_->{id} for @$got;
is_deeply($got, $sent, 'every name and phrase, in order');
is(redis('DBSIZE'), 902, 'all is stored');



=== a large bulk that is refused has changed nothing
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 100;
        client_max_body_size 1m;
    }
--- scenario
sub state_of_all {
    my %state;

    for (@{redis('KEYS', '*')}) {
        my $type = redis('TYPE', $_);
        $state{$_} = $type eq 'zset' ? redis('ZRANGE', $_, 0, -1, 'WITHSCORES')
                                     : redis('GET', $_);
    }

    return \%state;
}

sub post_n {
    my ($first, $last) = @_;

    return exchange(post('trackers', bulk(map { tracker_text("n$_") }
                                              $first .. $last)));
}

is(post_n(1, 40)->{status}, 200, 'created');

my $before = state_of_all();

is(post_n(40, 79)->{status}, 409, 'a name that exists');
is_deeply(state_of_all(), $before, 'nothing has changed');

is(post_n(41, 101)->{status}, 400, 'too many');
is_deeply(state_of_all(), $before, 'nothing has changed');

redis('SET', account_key('tester', 'lock'), 'another');
is(post_n(41, 80)->{status}, 429, 'locked');
redis('DEL', account_key('tester', 'lock'));
is_deeply(state_of_all(), $before, 'nothing has changed');

redis('SET', account_key('tester', 'stop'), 'yes');
is(post_n(41, 101)->{status}, 400, 'too many, and what a transaction left');
is_deeply(state_of_all(), $before, 'nothing has changed');

redis('SET', account_key('tester', 'stop'), 'yes');
is(post_n(41, 80)->{status}, 200, 'what is left of a transaction');
is(redis('EXISTS', account_key('tester', 'stop')), 0, 'and is removed');
is(redis('ZCARD', account_key('tester', 'index')), 80, 'all are there');



=== a large bulk leaves nothing half done where a key has another type
--- scenario
my $text = post('trackers', bulk(map { tracker_text("n$_") } 1 .. 40));

for (['index', 'SET', 'x'], ['rev', 'SET', 'x'], ['rev', 'LPUSH', 'x'],
     ['rev', 'SET', '9007199254740993000'], ['rev', 'SET', ''],
     ['rev', 'SET', '007'], ['rev', 'SET', '-5'])
{
    my ($key, $command, $value) = @$_;

    redis('FLUSHALL');
    redis($command, account_key('tester', $key), $value);
    is(exchange($text)->{status}, 500, "$key: $command $value");
    is_deeply(redis('KEYS', '*'), [account_key('tester', $key)],
              'nothing is written');
}



=== a large bulk leaves nothing half done where Redis forbids a command
--- scenario
my $text = post('trackers', bulk(map { tracker_text("n$_") } 1 .. 40));

for (qw(incrby zadd msetnx multi exec eval get del zcard)) {
    redis('ACL', 'SETUSER', 'default', "-$_");
    my $status = exchange($text)->{status};
    redis('ACL', 'SETUSER', 'default', '+@all');

    is($status, 500, "no $_: status");
    is_deeply([grep { !/:(?:stop|lock)$/ } @{redis('KEYS', '*')}], [],
              "no $_: nothing is written");

    # it cannot be released without GET and DEL, and is free after its ttl
    redis('DEL', lock_key());
}

is(exchange($text)->{status}, 200, 'with all of them');



=== a bulk keeps its Idempotency-Key, which another had more than a day ago
--- scenario
my $text = post('trackers', bulk(map { tracker_text("n$_") } 1 .. 40),
                headers => ['Idempotency-Key: k']);

# what is left of it: its hash has expired
redis('ZADD', account_key('tester', 'idems'), (time() - 86_401) * 1_000_000,
      sha256_hex('k'));

my $first = exchange($text);
is($first->{status}, 200, 'created');

my $again = exchange($text);
is($again->{status}, 200, 'again');
is($again->{body}, $first->{body}, 'the first answer');



=== a large bulk does not need the scripts that were loaded
--- scenario
my $text = post('trackers', bulk(map { tracker_text("n$_") } 1 .. 40));

exchange(post('tracker', tracker_text('first')));
redis('SCRIPT', 'FLUSH');
is(exchange($text)->{status}, 200, 'created');
redis('SCRIPT', 'FLUSH');
is(exchange($text)->{status}, 409, 'and there');



=== the index of large bulks: in order, one revision each, and nothing besides
--- scenario
my $index = account_key('tester', 'index');
my @made;

for my $n (63, 20, 64, 3100) {
    my $answer = exchange(post('trackers', bulk(map { tracker_text("$n $_") }
                                                1 .. $n)));
    my @ids = map { $_->{id} } @{decode($answer->{body})->{trackers}};
    my %score = @{redis('ZRANGE', $index, 0, -1, 'WITHSCORES')};
    my $rev = redis('GET', account_key('tester', 'rev'));

    push @made, @ids;
    is("@{redis('ZRANGE', $index, 0, -1)}", "@made", "$n: the members");
    is("@score{@ids}", join(' ', $rev - $n + 1 .. $rev), "$n: the scores");
}



=== an index in which Redis would look for each member by a walk
--- scenario
my $index = account_key('tester', 'index');

exchange(post('trackers', bulk(map { tracker_text("n$_") } 1 .. 63)));
is(redis('OBJECT', 'ENCODING', $index), 'listpack', 'of 63');
redis('FLUSHALL');

exchange(post('trackers', bulk(map { tracker_text("n$_") } 1 .. 64)));
is(redis('OBJECT', 'ENCODING', $index), 'skiplist', 'of 64');
is(redis('ZCARD', $index), 64, 'all of them, and nothing besides');

# to a user who may not delete
redis('FLUSHALL');
redis('ACL', 'SETUSER', 'default', '-zrem');

my $status = exchange(post('trackers', bulk(map { tracker_text("n$_") }
                                            1 .. 64)))->{status};

redis('ACL', 'SETUSER', 'default', '+@all');
is($status, 200, 'without ZREM');
is(redis('ZCARD', $index), 64, 'all of them, and nothing besides');



=== a full Redis refuses a large bulk
--- scenario
exchange(post('trackers', bulk(map { tracker_text("n$_") } 1 .. 40)));

redis('CONFIG', 'SET', 'maxmemory', 1);
my $other = exchange(post('trackers', bulk(map { tracker_text("m$_") }
                                               1 .. 40)));
redis('CONFIG', 'SET', 'maxmemory', 0);

is($other->{status}, 500, 'refused');
is(redis('ZCARD', account_key('tester', 'index')), 40, 'nothing was added');



=== fifty large bulks of the same names at once: one is created
--- scenario
my $text = post('trackers', bulk(map { tracker_text("n$_") } 1 .. 40));
my %n = (200 => 0);
my $waiting = 50;

for (my $round = 0; $waiting && $round < 500; $round++) {
    my %got;

    $got{$_->{status}}++ for parallel(($text) x $waiting);
    $n{$_} += $got{$_} for grep { $_ != 429 } keys %got;
    $waiting = $got{429} // 0;
}

is_deeply(\%n, { 200 => 1, 409 => 49 }, 'one 200, the others 409');
is(redis('ZCARD', account_key('tester', 'index')), 40, 'the index');
