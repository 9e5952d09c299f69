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
--- scenario
is_created(exchange(post('tracker', tracker_text('taken'))), 'taken', 'first');
is(keyed('k', tracker_text('taken'))->{status}, 409, 'a name that is taken');
is(keyed('k', '{')->{status}, 400, 'no JSON');
is_created(keyed('k', tracker_text('n')), 'n', 'the key is still free');



=== other keys and other accounts have nothing to do with it
--- scenario
is_created(keyed('k', tracker_text('n'), account => 'a'), 'n', 'a');
is_created(keyed('k', tracker_text('n'), account => 'b'), 'n', 'b');
is(keyed('K', tracker_text('n'), account => 'a')->{status}, 409,
   'another key: the name is taken');
is_created(keyed('l', tracker_text('m'), account => 'a'), 'm', 'another key');



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
