use lib 't/lib';
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
                 0, 2 ** 40, 1, ('{}') x $n);
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
is_deeply(create_script(a => $free[0], n => $id), ['conflict', 1, 1],
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
