use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# Of two writes of an account that meet in one worker, the second is refused
# without a word to Redis.

run_tests();

sub item {
    my ($method, $id, $body) = @_;

    return request($method, "/v1/manage/tracker/$id", body => $body);
}

sub id_of {
    return decode($_[0]{body})->{tracker}{id};
}

# begins a create whose body is not whole
sub begin {
    my ($name, @o) = @_;
    my $sock = connect_nginx();
    my $text = post('tracker', tracker_text($name), @o);

    send_bytes($sock, substr $text, 0, -5, '');
    wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

    return ($sock, $text);
}

sub patch {
    my ($id) = @_;

    return item('PATCH', $id,
                '[{"op":"add","path":"/vocabulary/-","value":"x"}]');
}

__DATA__

=== a create is two commands
--- scenario
exchange(post('tracker', tracker_text('first')));
commands_seen();
is(exchange(post('tracker', tracker_text('n')))->{status}, 200, 'created');
is(commands_seen('set', 'evalsha', 'eval'), 2, 'the lock, and one script');



=== the second write is refused, and Redis is not asked
--- scenario
my $id = id_of(exchange(post('tracker', tracker_text('n'))));
my ($sock, $rest) = begin('slow');

commands_seen();

is(exchange($_)->{status}, 429, 'refused')
    for post('tracker', tracker_text('m')), post('trackers', '['
        . tracker_text('m') . ']'), item('PUT', $id, tracker_text('m')),
        patch($id);

is(commands_seen('set', 'evalsha', 'get', 'multi'), 0, 'no command');

is(exchange(post('tracker', tracker_text('m'), account => 'other'))->{status},
   200, 'another account is served');
is(exchange(request('GET', "/v1/manage/tracker/$id"))->{status}, 200,
   'a GET is served');

send_bytes($sock, $rest);
is(read_response($sock)->{status}, 200, 'the first one');
is(exchange(patch($id))->{status}, 200, 'and then the next');



=== one after another is never refused, whatever the answers are
--- scenario
my $id = id_of(exchange(post('tracker', tracker_text('n'))));
my $large = '[' . join(',', map { tracker_text("l$_") } 1 .. 40) . ']';
my @steps = (
    [post('tracker', tracker_text('a')), 200],
    [post('tracker', tracker_text('a')), 409],
    [post('tracker', '{"name":""}'), 400],
    [post('trackers', $large), 200], [post('trackers', $large), 409],
    [post('trackers', '[' . tracker_text('t') . ',' . tracker_text('t')
          . ']'), 409],
    [item('PUT', $id, tracker_text('b')), 200],
    [item('PUT', $id, tracker_text('a')), 409],
    [item('PUT', '4503599627370496', tracker_text('c')), 404],
    [patch($id), 200], [patch($id), 400],
);

# on a connection each, so that nothing but the answer is waited for
for my $step (@steps, @steps[1, 2, 4, 5, 8]) {
    my ($text, $status) = @$step;
    my $sock = connect_nginx();

    send_bytes($sock, $text);
    is(read_response($sock)->{status}, $status, "status $status");
}

is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== the lock of another worker, or host, refuses a create
--- scenario
my @texts = (post('tracker', tracker_text('n')), post('trackers', '['
    . join(',', map { tracker_text("l$_") } 1 .. 40) . ']'));

redis('SET', lock_key(), 'of another host');

for (@texts) {
    is(exchange($_)->{status}, 429, 'refused');
    is_deeply(redis('KEYS', '*'), [lock_key()], 'nothing is written');
}

is(redis('GET', lock_key()), 'of another host', 'the lock is still there');
redis('DEL', lock_key());
is(exchange($_)->{status}, 200, 'then created') for @texts;



=== a repeated Idempotency-Key is refused while another host writes
--- scenario
my $text = post('tracker', tracker_text('n'),
                headers => ['Idempotency-Key: k']);
my $answer = exchange($text)->{body};

redis('SET', lock_key(), 'of another host');
is(exchange($text)->{status}, 429, 'refused');
redis('DEL', lock_key());
is(exchange($text)->{body}, $answer, 'then the first answer');



=== a client that goes away while Redis is at its create frees the account
--- scenario
exchange(post('tracker', tracker_text('first')));

for my $n (1, 40) {
    my $body = '[' . join(',', map { tracker_text("gone $n $_") } 1 .. $n)
               . ']';
    my $sock = connect_nginx();

    redis('CLIENT', 'PAUSE', 60_000, 'WRITE');
    send_bytes($sock, post('trackers', $body));
    wait_until(sub { redis('INFO', 'clients') =~ /^blocked_clients:[1-9]/m },
               'Redis has it');
    close $sock;
    redis('CLIENT', 'UNPAUSE');

    wait_until(sub {
        exchange(post('tracker', tracker_text("next $n")))->{status} == 200;
    }, 'the account is free');
    pass("$n trackers: the next one is served");
}

is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== two prefixes do not meet
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /v2/manage/ {
        tracker_api;
        tracker_prefix other;
        client_max_body_size 1m;
    }
--- scenario
my ($sock, $rest) = begin('slow');

is(exchange(request('POST', '/v2/manage/tracker',
                    body => tracker_text('n')))->{status}, 200, 'another one');
is(exchange(post('tracker', tracker_text('n')))->{status}, 429, 'the same');
send_bytes($sock, $rest);
is(read_response($sock)->{status}, 200, 'the first one');
