use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use IO::Socket::INET;

BEGIN { $ENV{TEST_NGINX_RELAY_PORT} = Tracker::Host::free_port() }

workers(2);

run_tests();

sub is_locked {
    my ($response, $title) = @_;

    is($response->{status}, 429, "$title: status");
    is($response->{headers}{'retry-after'}, 1, "$title: Retry-After");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body}, qr/limit of 1 concurrent request/, $title);
}

sub lock_is_free {
    my ($title) = @_;

    is(redis('EXISTS', lock_key()), 0, $title);
}

# Goes between nginx and Redis until the response on sock is there.  Returns it
# and, for each time that something was read of nginx, the names of the commands
# that were whole then; not those of a new connection.  rest is sent to nginx
# after the first of these.
sub relayed {
    my ($listener, $conns, $sock, $rest) = @_;
    my $select = IO::Select->new($listener, $sock, map { @$_{qw(from to)} }
                                                       values %$conns);
    my @writes;

    while (1) {
        for my $ready ($select->can_read(60)) {
            if ($ready == $sock) {
                return read_response($sock), @writes;
            }

            if ($ready == $listener) {
                my $conn = { from => scalar $listener->accept, in => '',
                             to => IO::Socket::INET->new(
                                 "127.0.0.1:$ENV{TEST_NGINX_REDIS_PORT}") };

                @$conns{@$conn{qw(from to)}} = ($conn, $conn);
                $select->add(@$conn{qw(from to)});
                next;
            }

            my $conn = $conns->{$ready};
            my $other = $conn->{$ready == $conn->{to} ? 'from' : 'to'};

            sysread $ready, my $bytes, 1 << 20 or die "a connection ended\n";
            send_bytes($other, $bytes);
            next if $ready == $conn->{to};

            $conn->{in} .= $bytes;
            my @names = grep { !/^(?:INFO|SCRIPT)$/ } names_in(\$conn->{in});
            push @writes, "@names" if @names;
            send_bytes($sock, $rest) if @writes == 1 && $rest;
            $rest = '' if @writes;
        }
    }
}

# takes the commands that are whole, and returns their names
sub names_in {
    my ($in) = @_;
    my @names;

    COMMAND: while ($$in =~ /^\*(\d+)\r\n/) {
        my ($n, $at, @words) = ($1, $+[0]);

        for (1 .. $n) {
            substr($$in, $at) =~ /^\$(\d+)\r\n/ or last COMMAND;
            $at += $+[0] + $1 + 2;
            last COMMAND if length $$in < $at;
            push @words, substr $$in, $at - $1 - 2, $1;
        }

        substr $$in, 0, $at, '';
        push @names, $words[0];
    }

    return @names;
}

# counts of the statuses of responses
sub statuses {
    my %n;

    $n{$_ ? $_->{status} : 'none'}++ for @_;
    return \%n;
}

__DATA__

=== a second write of an account is refused at once
--- scenario
hold_lock();

my $sock = connect_nginx();
send_bytes($sock, post('tracker', tracker_text('n')));
is_locked(read_response($sock), 'one object');

is_locked(exchange(post('trackers', '[' . tracker_text('n') . ']')), 'bulk');
is(redis('GET', lock_key()), 'held by the test', 'the lock stays its owner\'s');
is(redis('DBSIZE'), 1, 'nothing was written');

redis('DEL', lock_key());
send_bytes($sock, post('tracker', tracker_text('n')));
is_created(read_response($sock), 'n', 'the connection is still good');



=== the connection is closed where the body is not read
--- scenario
hold_lock();

for my $o ([ length => 1000 ], [ headers => ['Transfer-Encoding: chunked'] ]) {
    my $sock = connect_nginx();

    send_bytes($sock, post('tracker', '', @$o));
    my $response = read_response($sock);

    is_locked($response, "@$o[0]");
    is($response->{headers}{connection}, 'close', 'Connection: close');
    is(read_rest($sock), '', 'closed');
}



=== other accounts are not disturbed
--- scenario
hold_lock('a');
is_created(exchange(post('tracker', tracker_text('n'), account => 'b')), 'n',
           'another account');
is(exchange(post('tracker', tracker_text('n'), account => 'a'))->{status}, 429,
   'the same account');



=== the lock is free when the answer is there, whatever the status
--- scenario
my $sock = connect_nginx();
my $long = '[' . join(',', map { tracker_text("n$_") } 1 .. 3000) . ']';

for my $case ([200, tracker_text('n')], [409, tracker_text('n')],
              [400, '{'], [200, $long], [409, $long], [400, "$long]"],
              [409, '[' . tracker_text('a') . ',' . tracker_text('a') . ']'])
{
    my ($status, $body) = @$case;

    send_bytes($sock, post('trackers', $body));
    is(read_response($sock)->{status}, $status, "status $status");
    lock_is_free('no lock');
}



=== a locked account is free again when the lock's time is over
--- scenario
redis('SET', lock_key(), 'of a dead worker', 'PX', 300);
wait_until(sub {
    exchange(post('tracker', tracker_text('n')))->{status} == 200;
}, 'the lock ends');
pass('created');



=== the lock's time is the request's deadline and a margin
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '{', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

my $ttl = redis('PTTL', lock_key());
cmp_ok($ttl, '>', 20_000, 'at least the 30 s of tracker_timeout');
cmp_ok($ttl, '<=', 60_000, 'with a margin');



=== a request whose body still comes holds the lock
--- scenario
my $text = post('tracker', tracker_text('slow'));
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, -5);
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

is_locked(exchange(post('tracker', tracker_text('fast'))), 'a rival');
is_created(exchange(post('tracker', tracker_text('x'), account => 'other')),
           'x', 'another account');

send_bytes($sock, substr $text, -5);
is_created(read_response($sock), 'slow', 'the first');
lock_is_free('no lock is left');



=== tracker_lock off
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        client_max_body_size 1m;
    }
--- scenario
hold_lock();
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'created');
is(redis('GET', lock_key()), 'held by the test', 'the lock is not touched');
is(exchange(post('tracker', tracker_text('n')))->{status}, 409,
   'names are unique without the lock');

my @responses = parallel((post('tracker', tracker_text('same'))) x 20);
is_deeply(statuses(@responses), { 200 => 1, 409 => 19 }, 'under a race too');



=== fifty creates at once of one account: some 200, some 429, nothing else
--- scenario
my @responses = parallel(map { post('tracker', tracker_text("n$_")) } 1 .. 50);
my $n = statuses(@responses);

cmp_ok($n->{200}, '>=', 1, 'some are created');
is($n->{200} + ($n->{429} // 0), 50, 'the others are refused');

for my $i (1 .. 50) {
    my $id = redis('GET', account_key('tester', "name:n$i"));
    my $created = $responses[$i - 1]{status} == 200;

    is(defined $id, $created, "n$i is stored if and only if it was a 200");
    is(decode($responses[$i - 1]{body})->{tracker}{id}, $id, 'with its id')
        if $created;
}

is(redis('ZCARD', account_key('tester', 'index')), $n->{200}, 'the index');
lock_is_free('no lock is left');



=== fifty at once of one name in fifty accounts: all are created
--- scenario
my @responses = parallel(map { post('tracker', tracker_text('same'),
                                    account => "account $_") } 1 .. 50);

is_deeply(statuses(@responses), { 200 => 50 }, 'all 200');



=== fifty at once of one name in one account: exactly one is created
--- scenario
my $text = post('tracker', tracker_text('same'));
my $waiting = 50;
my %n = (200 => 0);

for (my $round = 0; $waiting && $round < 500; $round++) {
    my $got = statuses(parallel(($text) x $waiting));

    $n{$_} += $got->{$_} for grep { $_ != 429 } keys %$got;
    $waiting = $got->{429} // 0;
}

is_deeply(\%n, { 200 => 1, 409 => 49 }, 'one 200, the others 409');



=== a client that goes away in its body leaves no lock
--- scenario
for my $i (1 .. 5) {
    my $sock = connect_nginx();

    send_bytes($sock, post('tracker', '{"name":', length => 100 * $i));
    wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');
    close $sock;
    wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');

    is_created(exchange(post('tracker', tracker_text("n$i"))), "n$i",
               'the next request');
}



=== a client that resets its connection leaves no lock
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '{"name":', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');
setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'ii', 1, 0;
close $sock;
wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');

is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the next');



=== a client that ends its body early leaves no lock
--- scenario
for my $o ([ length => 100 ], [ headers => ['Transfer-Encoding: chunked'] ]) {
    my $sock = connect_nginx();

    send_bytes($sock, post('tracker', '', @$o));
    wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');
    shutdown $sock, 1;
    unlike(read_rest($sock), qr/ 200 /, "@$o[0]: nothing is created");
    wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');
}

is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the next');



=== clients that go away at once leave no lock
--- scenario
for my $i (1 .. 30) {
    my $sock = connect_nginx();

    send_bytes($sock, post('tracker', tracker_text("gone $i")));
    close $sock;
}

wait_until(sub {
    exchange(post('tracker', tracker_text('n')))->{status} =~ /^(200|409)$/;
}, 'the account is free');
wait_until(sub { !redis('EXISTS', lock_key()) }, 'no lock is left');

# in one step: the other worker may still be at one of the thirty
my $nameless = redis('EVAL', q{
    return #redis.call('KEYS', ARGV[1]) - redis.call('ZCARD', KEYS[1])
}, 1, account_key('tester', 'index'),
                  account_key('tester', 'name:*') =~ s/[{}]/\\$&/gr);
is($nameless, 0, 'a record for each name');



=== a request hidden in the unread body of a refused one is not answered
--- scenario
hold_lock();

my $hidden = post('tracker', tracker_text('hidden'), account => 'other');
my $length = 2 * length $hidden;
my %refused = (
    'locked' => [post('tracker', '', length => $length), 429],
    'locked, chunked' => [post('tracker', '', headers =>
        ['Transfer-Encoding: chunked']) . sprintf("%x\r\n", $length), 429],
    'no token' => [post('tracker', '', token => undef, length => $length),
                   401],
    'no such endpoint' => [post('x', '', length => $length), 404],
    'no such method' => [request('PUT', '/v1/manage/tracker',
                                 length => $length), 405],
    'bad type' => [post('tracker', '', type => 'a/b', length => $length),
                   400],
    'too large' => [post('tracker', '', length => 10_000_000), 413],
);

for my $title (sort keys %refused) {
    my ($head, $status) = @{$refused{$title}};

    # together with the head
    my $sock = connect_nginx();
    send_bytes($sock, $head . $hidden);
    is(read_response($sock)->{status}, $status, "$title: status");
    shutdown $sock, 1;
    is(read_rest($sock), '', "$title: nothing follows");

    # after the answer came
    $sock = connect_nginx();
    send_bytes($sock, $head);
    is(read_response($sock)->{status}, $status, "$title: status, body later");
    send_bytes($sock, $hidden) && shutdown $sock, 1;
    is(eval { read_rest($sock) } // '', '', "$title: nothing follows later");
}

is(redis('EXISTS', account_key('other', 'name:hidden')), 0,
   'the hidden request did not run');



=== a request after a whole refused one is answered
--- scenario
hold_lock();

my $sock = connect_nginx();
send_bytes($sock, post('tracker', tracker_text('a'))
                  . post('tracker', tracker_text('b'), account => 'other'));

is(read_response($sock)->{status}, 429, 'the first is refused');
is_created(read_response($sock), 'b', 'the second is answered');



=== a small create and its lock are one trip, a change and its lock two
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /off/ {
        tracker_api;
        tracker_lock off;
        client_max_body_size 1m;
    }
--- scenario
my $listener = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$ENV{TEST_NGINX_RELAY_PORT}", Listen => 8,
    ReuseAddr => 1) or die "listen: $!";
my $sock = connect_nginx();
my %conns;

sub trips {
    my ($text, $late) = @_;
    my $rest = $late ? substr $text, -5, 5, '' : '';

    send_bytes($sock, $text);
    return relayed($listener, \%conns, $sock, $rest);
}

sub list {
    my ($name, $n) = @_;

    return '[' . join(',', map { tracker_text("$name$_") } 1 .. $n) . ']';
}

my ($first) = trips(post('tracker', tracker_text('first')));
is_created($first, 'first', 'a connection to Redis');

my $item = '/v1/manage/tracker/' . decode($first->{body})->{tracker}{id};
my $append = '[{"op":"add","path":"/vocabulary/-","value":"x"}]';
my @key = (headers => ['Idempotency-Key: k']);

for my $case (
    ['SET EVALSHA', post('tracker', tracker_text('one'))],
    ['SET EVALSHA', post('tracker', tracker_text('one')), 409],
    ['SET EVALSHA', post('trackers', list('small', 15))],
    ['SET EVALSHA', post('tracker', tracker_text('keyed'), @key)],
    ['SET EVALSHA', post('tracker', tracker_text('keyed'), @key)],
    ['SET GET, EVALSHA', request('PUT', $item, body => tracker_text('put'))],
    ['SET GET, EVALSHA', request('PATCH', $item, body => $append)],
    ['SET GET, EVALSHA', request('PUT', '/v1/manage/tracker/4503599627370496',
                                 body => tracker_text('put')), 404],
    ['GET, EVALSHA', request('DELETE', $item)],
    ['EVALSHA', post('tracker', tracker_text('off')) =~ s{/v1/manage}{/off}r],

    # what is large, or still to come, is not sent before the lock is ours
    ['SET, MULTI EVAL MSETNX EVAL EXEC', post('trackers', list('large', 16))],
    ['SET, MULTI EVAL MSETNX EVAL EXEC',
     post('tracker', tracker_text('long', 'x' x 17_000))],
    ['SET, EVALSHA', post('tracker', tracker_text('late')), 200, 'late'],
    ['SET, EVALSHA', post('trackers', '[' . tracker_text('a') . ','
                                      . tracker_text('a') . ']'), 409],
) {
    my ($want, $text, $status, $late) = @$case;
    my ($response, @writes) = trips($text, $late);
    my ($title) = $text =~ /^(\S+ \S+)/;

    is($response->{status}, $status // 200, "$title: status");

    # a long command may be read in pieces
    my $got = join ', ', @writes;
    $got =~ s/, /,_/;
    $got =~ s/, / /g if $want =~ /MULTI/;
    is($got =~ s/,_/, /r, $want, "$title: $want");
}

lock_is_free('no lock is left');
close $listener;



=== what a worker knows to be locked does not wait for Redis
--- scenario
my @texts = map { post('tracker', tracker_text("n$_")) } 1 .. 50;
my @socks = map { connect_nginx() } @texts;
my $select = IO::Select->new(@socks);

is(exchange(request('GET', '/v1/manage/trackers'))->{status}, 200,
   'a connection to Redis');
pause_redis();
send_bytes($socks[$_], $texts[$_]) for 0 .. $#texts;
wait_until(sub { my @ready = $select->can_read(0); @ready >= 48 },
           'all but one in each of two workers are refused');
resume_redis();

my $n = statuses(map { read_response($_) } @socks);

cmp_ok($n->{200}, '<=', 2, 'one in each worker at most');
cmp_ok($n->{200}, '>=', 1, 'one at least');
is($n->{200} + $n->{429}, 50, 'and nothing else');
is(redis('ZCARD', account_key('tester', 'index')), $n->{200}, 'the index');
lock_is_free('no lock is left');



=== a client that goes away before its commands are sent leaves nothing
Until Redis has answered SELECT, no command is sent.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_REDIS_PORT db=5;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        access_log $TEST_NGINX_SCRATCH/unsent.log;
    }
--- scenario
my $log = Tracker::Host::scratch('unsent.log');

pause_redis();

for my $body (tracker_text('gone'), '[' . tracker_text('gone') . ']') {
    my $sock = connect_nginx();

    send_bytes($sock, post('trackers', $body));
    wait_until(sub { unread_by_redis() > 0 }, 'a connection is made');
    close $sock;
}

wait_until(sub {
    open my $in, '<', $log or return;
    (grep { / 499 / } <$in>) == 2;
}, 'both have gone');
resume_redis();

is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the next');
is(exchange(post('tracker', tracker_text('gone')))->{status}, 200,
   'the name is free');



=== a client that goes away after its commands are sent leaves no lock
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_REDIS_PORT;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_timeout 1h;
        client_max_body_size 1m;
    }
--- scenario
my $first = exchange(post('tracker', tracker_text('first')));
my $item = '/v1/manage/tracker/' . decode($first->{body})->{tracker}{id};

is(exchange(request('GET', '/v1/manage/trackers'))->{status}, 200,
   'a connection to Redis') for 1 .. 10;

for my $i (1 .. 10) {
    my $sock = connect_nginx();
    my $body = tracker_text("gone $i");

    # what a PUT takes the lock with does not release it

    pause_redis();
    send_bytes($sock, $i % 2 ? post('tracker', $body)
                             : request('PUT', $item, body => $body));
    wait_until(sub { unread_by_redis() > 0 }, 'the commands are sent');
    close $sock;
    resume_redis();

    wait_until(sub { exchange(post('tracker', tracker_text("n$i")))->{status}
                     == 200 }, 'the account is free');
}

lock_is_free('no lock is left');
