use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

workers(2);

run_tests();

sub keyed {
    my ($key, $body, %o) = @_;

    return exchange(post($o{path} // 'tracker', $body, %o,
                         headers => [map { "Idempotency-Key: $_" }
                                     ref $key ? @$key : $key]));
}

__DATA__

=== a create that is sent again gets the same answer and the same id
--- scenario
my $first = keyed('a key', tracker_text('n', 'a'));
is_created($first, 'n', 'created');

for my $i (1 .. 3) {
    my $again = keyed('a key', tracker_text('n', 'a'));

    is($again->{status}, 200, "repetition $i");
    is($again->{body}, $first->{body}, "repetition $i: the same bytes");
    is($again->{headers}{etag}, $first->{headers}{etag},
       "repetition $i: the same ETag");
}

is(redis('ZCARD', account_key('tester', 'index')), 1, 'one tracker');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== a bulk too
--- scenario
my $text = '[' . join(',', map { tracker_text("n$_") } 1 .. 50) . ']';
my $first = keyed('k', $text, path => 'trackers');

is($first->{status}, 200, 'created');
is(keyed('k', $text, path => 'trackers')->{body}, $first->{body}, 'the same');
is(redis('ZCARD', account_key('tester', 'index')), 50, 'fifty trackers');



=== the key with another body or endpoint is a 409
--- scenario
is_created(keyed('k', tracker_text('n')), 'n', 'created');

for my $case ([tracker_text('n', 'other')], [tracker_text('m')],
              [' ' . tracker_text('n')],
              [tracker_text('n'), path => 'trackers'])
{
    my $response = keyed('k', @$case);

    is($response->{status}, 409, 'refused');
    is_message($response->{body},
               'Idempotency-Key was used with another request.', 'message');
}

is(redis('ZCARD', account_key('tester', 'index')), 1, 'one tracker');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== the answer stays when the tracker was changed or deleted
--- scenario
my $first = keyed('k', tracker_text('n'));
my $id = decode($first->{body})->{tracker}{id};
my @auth = (body => tracker_text('renamed'));

is(exchange(request('PUT', "/v1/manage/tracker/$id", @auth))->{status}, 200,
   'changed');
is(keyed('k', tracker_text('n'))->{body}, $first->{body}, 'after a change');

is(exchange(request('DELETE', "/v1/manage/tracker/$id"))->{status}, 200,
   'deleted');
is(keyed('k', tracker_text('n'))->{body}, $first->{body}, 'after a delete');
is(redis('ZCARD', account_key('tester', 'index')), 0, 'nothing came back');



=== nothing is kept for a request that failed
--- exchanges
POST /v1/manage/tracker {"name":"taken","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"taken","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"taken","vocabulary":["phrase"]}
Idempotency-Key: k
409 Tracker with name "taken" already exists.
POST /v1/manage/tracker {
Idempotency-Key: k
400 ~ ^Invalid JSON at line \d+ column \d+\.$
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Idempotency-Key: k
200 {"tracker":{"id":"ID2","name":"n","vocabulary":["phrase"]}}



=== other keys and other accounts have nothing to do with it
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Idempotency-Key: k
as a
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Idempotency-Key: k
as b
200 {"tracker":{"id":"ID2","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Idempotency-Key: K
as a
409 Tracker with name "n" already exists.
POST /v1/manage/tracker {"name":"m","vocabulary":["phrase"]}
Idempotency-Key: l
as a
200 {"tracker":{"id":"ID3","name":"m","vocabulary":["phrase"]}}



=== a key has 1 to 255 bytes and comes once
--- scenario
for my $key ('', 'x' x 256, ['a', 'b'], ['a', 'a']) {
    my $response = keyed($key, tracker_text('n'));

    is($response->{status}, 400, 'status');
    is_message($response->{body}, 'Idempotency-Key must be sent once and have '
                                  . '1 to 255 bytes.', 'message');
}

is(redis('DBSIZE'), 0, 'nothing was stored');
is_created(keyed('x' x 255, tracker_text('n')), 'n', '255 bytes');
is_created(keyed("\xc3\xa4 {}:*", tracker_text('m')), 'm', 'any bytes');



=== it is remembered for a day
--- scenario
is_created(keyed('k', tracker_text('n')), 'n', 'created');

my ($key) = @{redis('KEYS', '*:idem:*')};
my $ttl = redis('TTL', $key);
cmp_ok($ttl, '>', 86_000, 'about 24 hours');
cmp_ok($ttl, '<=', 86_400, 'and not longer');
unlike($key, qr/:idem:k$/, 'the key itself is not in Redis');



=== many at once with one key: one tracker, one id
--- scenario
my $text = post('tracker', tracker_text('n'),
                headers => ['Idempotency-Key: k']);
my %body;

for (1 .. 20) {
    my @responses = parallel(($text) x 10);

    $body{$_->{body}}++ for grep { $_->{status} == 200 } @responses;
    is(scalar(grep { $_->{status} !~ /^(?:200|429)$/ } @responses), 0,
       'created or locked');
}

is(scalar(keys %body), 1, 'all say the same');
is(redis('ZCARD', account_key('tester', 'index')), 1, 'one tracker');



=== so many keys are remembered, the oldest goes first
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_idempotency_keys 3;
        client_max_body_size 1m;
    }
--- scenario
my @first = map { keyed("k$_", tracker_text("n$_")) } 1 .. 5;

is(join(' ', map { $_->{status} } @first), '200 200 200 200 200', 'created');
is(scalar @{redis('KEYS', '*:idem:*')}, 3, 'three records');
is(redis('ZCARD', account_key('tester', 'idems')), 3, 'three in the index');

is(keyed("k$_", tracker_text("n$_"))->{body}, $first[$_ - 1]{body},
   "key $_ is known") for 3 .. 5;
is(keyed("k$_", tracker_text("n$_"))->{status}, 409,
   "key $_ is another request's") for 1, 2;

is(scalar @{redis('KEYS', '*:idem:*')}, 3, 'a 409 takes no place');
is_created(keyed('k', tracker_text('n'), account => 'other'), 'n',
           'another account');
is(scalar @{redis('KEYS', '*:idem:*')}, 4, 'has keys of its own');



=== a loop of POST and DELETE leaves a bounded number of keys
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_idempotency_keys 10;
        client_max_body_size 1m;
    }
--- scenario
my $sock = connect_nginx();

for my $i (1 .. 50) {
    my $text = post('tracker', tracker_text('n'),
                    headers => ["Idempotency-Key: $i"]);
    my $id = decode(exchange($text, $sock)->{body})->{tracker}{id};

    exchange(request('DELETE', "/v1/manage/tracker/$id"), $sock);
}

is(scalar @{redis('KEYS', '*:idem:*')}, 10, 'ten records');
is(redis('ZCARD', account_key('tester', 'idems')), 10, 'ten in the index');

# revision, index of keys, tombstones
is(redis('DBSIZE') - @{redis('KEYS', '*:id:*')}, 12, 'nothing else is left');



=== 10,000 keys an account where nothing is said
--- scenario
my $index = account_key('tester', 'idems');
my $now = time() * 1_000_000;

redis('ZADD', $index, map { ($now - 10_000 + $_, sprintf('%064d', $_)) }
                          1 .. 10_000);
is_created(keyed('k', tracker_text('n')), 'n', 'created');
is(redis('ZCARD', $index), 10_000, 'one for one');
is(redis('ZSCORE', $index, sprintf '%064d', 1), undef, 'the oldest is gone');
isnt(redis('ZSCORE', $index, sprintf '%064d', 2), undef, 'the next is not');



=== keys that have expired leave the index, and so does what is too many
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_idempotency_keys 4;
        client_max_body_size 1m;
    }
--- scenario
my $index = account_key('tester', 'idems');
my $now = time() * 1_000_000;
my @digests = map { sprintf '%064d', $_ } 1 .. 9;

redis('ZADD', $index, map { ($now - 86_401_000_000 + $_, $digests[$_]) }
                          0 .. 1);
is_created(keyed('k1', tracker_text('n1')), 'n1', 'created');
is(redis('ZCARD', $index), 1, 'two have expired');

my $ttl = redis('TTL', $index);
cmp_ok($ttl, '>', 86_000, 'the index lives as long as its keys');
cmp_ok($ttl, '<=', 86_400, 'and not longer');

# the limit was higher before
redis('ZADD', $index, map { ($now - 1000 + $_, $digests[$_]) } 0 .. 8);
redis('SET', account_key('tester', "idem:$digests[0]"), 'its record');

for my $i (2 .. 9) {
    is_created(keyed("k$i", tracker_text("n$i")), "n$i", "key $i");
}

is(redis('ZCARD', $index), 4, 'four are left');
is(redis('EXISTS', account_key('tester', "idem:$digests[0]")), 0,
   'the records go, too');
is(scalar @{redis('KEYS', '*:idem:*')}, 4, 'four records');



=== a key that has expired may be used again
--- scenario
my $text = tracker_text('n');
my $id = decode(keyed('k', $text)->{body})->{tracker}{id};
my $index = account_key('tester', 'idems');
my ($record) = @{redis('KEYS', '*:idem:*')};
my $digest = substr $record, -64;

redis('DEL', $record);
redis('ZADD', $index, (time() - 86_401) * 1_000_000, $digest);
exchange(request('DELETE', "/v1/manage/tracker/$id"));

my $first = keyed('k', $text);

is_created($first, 'n', 'created anew');
is(keyed('k', $text)->{body}, $first->{body}, 'and remembered');
is(redis('ZCARD', $index), 1, 'once');



=== off: keys are not counted
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_idempotency_keys off;
        client_max_body_size 1m;
    }
--- scenario
is_created(keyed($_, tracker_text("n$_")), "n$_", "key $_") for 1 .. 5;
is(scalar @{redis('KEYS', '*:idem:*')}, 5, 'five records');
is(redis('EXISTS', account_key('tester', 'idems')), 0, 'no index');



=== an index of keys that is none leaves nothing half done
--- scenario
redis('SET', account_key('tester', 'idems'), 'x');
is(keyed('k', tracker_text('n'))->{status}, 500, 'refused');
is(redis('DBSIZE'), 1, 'nothing was stored');
