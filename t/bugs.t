use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use IO::Socket::UNIX;
use Tracker::H2 qw(h2_connect frame h2_get header);

# One block for each bug that was found and fixed, unless its subject's file
# has a rule of its own for it.

# A port for a block that has something between nginx and Redis.
BEGIN { $ENV{TEST_NGINX_RELAY_PORT} = Tracker::Host::free_port() }

# a module of Debian's package libnginx-mod-http-image-filter
our $IMAGE_FILTER = '/usr/lib/nginx/modules/ngx_http_image_filter_module.so';

run_tests();

sub create {
    return decode(exchange(post('tracker', tracker_text(@_)))->{body})
           ->{tracker}{id};
}

# Forwards between nginx and Redis, in a process of its own.  Of the first
# EVALSHA with so many keys, where a number is given, the reply is not given
# back: after the code has run the connection is closed; after SIGUSR2 so it is
# once more.  With "before" instead the code runs before each of those EVALSHA,
# and nothing is lost.  At SIGUSR1 the connections that there are hang, and new
# ones are served.  Returns the pid.
sub relay {
    my ($n_keys, $code, $before) = @_;
    my $listener = IO::Socket::INET->new(
        LocalAddr => "127.0.0.1:$ENV{TEST_NGINX_RELAY_PORT}", Listen => 8,
        ReuseAddr => 1) or die "relay: $!";
    my $pid = fork() // die "fork: $!";

    return $pid if $pid;

    $SIG{TERM} = 'DEFAULT';

    my $select = IO::Select->new($listener);
    my (%peer, %is_nginx, %lose, $lost, @hanging);

    $SIG{USR1} = sub {
        @hanging = grep { $_ != $listener } $select->handles;
        $select->remove(@hanging);
    };
    $SIG{USR2} = sub { $lost = 0 };

    for ( ; ; ) {
        for my $from ($select->can_read) {
            if ($from == $listener) {
                my $nginx = $listener->accept;
                my $redis = IO::Socket::UNIX->new(
                    Peer => scratch('redis.sock')) or last;

                @peer{$nginx, $redis} = ($redis, $nginx);
                $is_nginx{$nginx} = 1;
                $select->add($nginx, $redis);
                next;
            }

            my $to = $peer{$from} // next;
            my $n = sysread $from, my $bytes, 1 << 20;

            if (!$n || $lose{$from}) {
                $code->() if $n;
                $select->remove($from, $to);
                delete @peer{$from, $to};
                delete @is_nginx{$from, $to};
                delete @lose{$from, $to};
                close $_ for $from, $to;
                next;
            }

            if ($n_keys && $is_nginx{$from} && !$lost && $bytes
                =~ /EVALSHA\r\n\$40\r\n\w+\r\n\$1\r\n$n_keys\r/)
            {
                $before ? $code->() : ($lost = $lose{$to} = 1);
            }

            syswrite $to, $bytes;
        }
    }
}

# the most memory that a process has had, in MB
sub peak_of {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/status" or die "$pid: $!";
    my ($kb) = do { local $/; <$in> } =~ /^VmHWM:\s+(\d+)/m;

    return $kb / 1024;
}

__DATA__

=== ?name= with a percent sign that begins no escape
ngx_unescape_uri() dropped it, and the tracker called "100" was found.
--- exchanges
POST /v1/manage/tracker {"name":"100","vocabulary":["a"]}
200 {"tracker":{"id":"ID1","name":"100","vocabulary":["a"]}}
POST /v1/manage/tracker {"name":"100%","vocabulary":["a"]}
200 {"tracker":{"id":"ID2","name":"100%","vocabulary":["a"]}}
GET /v1/manage/trackers?name=100%
200 {"trackers":[{"id":"ID2","name":"100%","vocabulary":["a"]}]}
GET /v1/manage/trackers?name=100%25
200 {"trackers":[{"id":"ID2","name":"100%","vocabulary":["a"]}]}
GET /v1/manage/trackers?name=100
200 {"trackers":[{"id":"ID1","name":"100","vocabulary":["a"]}]}
GET /v1/manage/trackers?name=10%30
200 {"trackers":[{"id":"ID1","name":"100","vocabulary":["a"]}]}
GET /v1/manage/trackers?name=100%2
200 {"trackers":[]}
GET /v1/manage/trackers?name=100%%
200 {"trackers":[]}



=== a change whose reply is lost is not made twice
Another request changed the tracker before it was sent again: it was taken for
one that had not been made, and made once more, upon what the other had left.
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /relayed/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT;
        client_max_body_size 1m;
    }
--- scenario
my @cases = (
    [PATCH => '[{"op":"remove","path":"/vocabulary/0"}]',
     '[{"op":"add","path":"/vocabulary","value":"z"}]', ['b', 'c', 'z']],
    [PUT => tracker_text('n', 'x'),
     '[{"op":"add","path":"/vocabulary","value":"z"}]', ['x', 'z']],
    [PATCH => '[{"op":"add","path":"/vocabulary","value":"d"}]', undef, undef],
);
my @others = map { $_->[2] } @cases;

# one for all cases: what is still on its way when a relay ends is lost, and the
# next case would find a Redis that cannot be reached
my $relay = relay(5, sub {
    my $path = '/v1/manage/tracker/' . redis('GET', 'changed');
    my $other = shift @others;

    exchange($other ? request('PATCH', $path, body => $other)
                    : request('DELETE', $path));
});

for my $case (@cases) {
    my ($method, $body, undef, $left) = @$case;

    redis('FLUSHALL');

    my $id = create('n', 'a', 'b', 'c');

    redis('SET', 'changed', $id);
    kill USR2 => $relay;

    my $response = exchange(request($method, "/relayed/tracker/$id",
                                    body => $body));

    is($response->{status}, 502, "$method: nobody can say what became of it");

    my $found = exchange(request('GET', "/v1/manage/tracker/$id"));

    is_deeply($found->{status} == 200
                  ? decode($found->{body})->{tracker}{vocabulary} : undef,
              $left, "$method: it was made once");
    wait_until(sub { !redis('EXISTS', lock_key()) }, 'no lock is left');
}

kill TERM => $relay;
waitpid $relay, 0;



=== a write whose reply is lost is recognized in a Redis that is full by then
A script with flags is refused as a whole: what was done would have been a 500.
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /relayed/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT;
        client_max_body_size 1m;
    }
--- scenario
my $id = create('n', 'a');

for my $case (['POST', 'tracker', 5], ['PUT', "tracker/$id", 5],
              ['DELETE', "tracker/$id", 4])
{
    my ($method, $path, $n_keys) = @$case;
    my $relay = relay($n_keys, sub { redis('CONFIG', 'SET', 'maxmemory', 1) });
    my $response = exchange(request($method, "/relayed/$path",
                                    body => $method eq 'DELETE' ? ''
                                            : tracker_text("by $method")));

    kill TERM => $relay;
    waitpid $relay, 0;
    redis('CONFIG', 'SET', 'maxmemory', 0);

    is($response->{status}, 200, $method);
    wait_until(sub { !redis('EXISTS', lock_key()) }, 'no lock is left');
}



=== a change that others are always faster than ends, and takes little memory
Each round kept its memory, and the rounds ended with tracker_timeout.
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT;
        client_max_body_size 2m;
    }

    location /direct/ {
        tracker_api;
        client_max_body_size 2m;
    }
--- scenario
my $id = decode(exchange(request('POST', '/direct/tracker',
                                 body => tracker_text('n', 'x' x 900_000)))
                ->{body})->{tracker}{id};
my $key = account_key('tester', "id:$id");
my ($worker) = worker_pids();

for my $case (['PATCH', 5, '[{"op":"add","path":"/description","value":"d"}]'],
              ['PUT', 5, tracker_text('m', 'y' x 900_000)], ['DELETE', 4, ''])
{
    my ($method, $n_keys, $body) = @$case;
    my $n = 0;
    my $relay = relay($n_keys, sub {
        redis('SETRANGE', $key, 100, sprintf '%09d', ++$n);
        redis('INCR', 'rounds');
    }, 'before');
    my $before = peak_of($worker);
    my $response = exchange(request($method, "/v1/manage/tracker/$id",
                                    body => $body));

    kill TERM => $relay;
    waitpid $relay, 0;

    is($response->{status}, 429, "$method: status");
    is($response->{headers}{'retry-after'}, 1, "$method: Retry-After");
    is(redis('GETDEL', 'rounds'), 50, "$method: rounds");

    # sanitizers keep what is freed
    cmp_ok(peak_of($worker) - $before, '<', 24, "$method: MB of memory")
        if $ENV{TEST_NGINX_LOAD_MODULES};

    is(exchange(request('GET', "/direct/tracker/$id"))->{status}, 200,
       "$method: nothing was done");
}



=== an early answer to a body with a bad chunk along is JSON, and what it should be
What nginx says of the chunk took its place, as HTML.
--- scenario
my $chunked = 'Transfer-Encoding: chunked';
my %cases = (
    401 => request('POST', '/v1/manage/tracker', token => undef,
                   headers => [$chunked]),
    404 => request('POST', '/v1/manage/foo', headers => [$chunked]),
    405 => request('PUT', '/v1/manage/trackers', headers => [$chunked]),
    204 => request('OPTIONS', '/v1/manage/trackers', headers => [$chunked]),
    400 => request('POST', '/v1/manage/tracker', type => 'text/plain',
                   headers => [$chunked]),
);

for my $status (sort keys %cases) {
    my $sock = connect_nginx();

    send_bytes($sock, $cases{$status} . "zz\r\n");

    my $response = read_response($sock);

    is($response->{status}, $status, "$status: status");
    is(eval { read_rest($sock) } // '', '', "$status: closed");
    next if $status == 204;

    is($response->{headers}{'content-type'}, 'application/json',
       "$status: type");
    ok(length(decode($response->{body})->{message} // ''),
       "$status: message");
}



=== the list of large trackers is read a few at a time
Fifty records were read in one go, whatever their size: 50 MB, and Redis stood
still for a second.
--- scenario
my $phrase = 'x' x 1_000_000;

create("n$_", $phrase) for 1 .. 4;
redis('CONFIG', 'RESETSTAT');

my $list = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});

is(join(' ', map { $_->{name} } @{$list->{trackers}}), 'n1 n2 n3 n4',
   'all of them');
is(commands_seen('evalsha'), 4, 'in four stretches');



=== a key of another type leaves nothing half done
--- scenario
my $id = create('n', 'a');
my $name = account_key('tester', 'name:n');
my $rev = account_key('tester', 'rev');
my %keys = ($rev => 'rev', $name => 'the old name');

for my $key (sort keys %keys) {
    my $kept = redis('GET', $key);

    redis('DEL', $key);
    redis('RPUSH', $key, 'x');

    is(exchange(request('PUT', "/v1/manage/tracker/$id",
                        body => tracker_text('m', 'a')))->{status}, 500,
       "$keys{$key}: PUT");
    is(exchange(request('DELETE', "/v1/manage/tracker/$id"))->{status}, 500,
       "$keys{$key}: DELETE");

    redis('SET', $key, $kept);

    is(redis('EXISTS', account_key('tester', 'name:m')), 0,
       "$keys{$key}: no new name");
    is(redis('ZCARD', account_key('tester', 'index')), 1,
       "$keys{$key}: the index");
    is(decode(exchange(request('GET', "/v1/manage/tracker/$id"))->{body})
       ->{tracker}{name}, 'n', "$keys{$key}: the record");
}



=== a body that nginx has begun to throw away is no body
The worker died: there was no request_body.
--- config
    location /small {
        client_max_body_size 1;
        error_page 413 = @other;
    }

    location @other {
        rewrite ^ /v1/manage/tracker last;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my @workers = worker_pids();
my $sock = connect_nginx();

send_bytes($sock, request('POST', '/small', length => 100) . '{"na');

my $response = read_response($sock);

is($response->{status}, 400, 'status');
is_message($response->{body}, 'Request body is required.', 'body');
close $sock;
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the next one');
is(join(' ', worker_pids()), "@workers", 'the worker lives');



=== HTTP/2: an answer that is broken off ends with its own bytes
A frame that is under way when its stream is reset is sent to its end; the
answer's memory had another account's by then.
--- h2_server
--- scenario
use constant STREAMS => 10;

# a client with windows as large as can be, which has not begun to read
sub ask {
    my ($account, $id) = @_;
    my $sock = h2_connect(buffer => 4096, window => 2 ** 31 - 1);

    send_bytes($sock, join '',
               map { h2_get(2 * $_ - 1, "/v1/manage/tracker/$id", $account) }
                   1 .. STREAMS);
    select undef, undef, undef, 0.5;

    return $sock;
}

my %id;

for my $account (qw(A B)) {
    my $text = tracker_text('n', $account x 900_000);

    $id{$account} = decode(exchange(post('tracker', $text,
                                         account => $account))->{body})
                    ->{tracker}{id};
}

my $sock = ask('A', $id{A});

send_bytes($sock, join '', map { frame(3, 0, 2 * $_ - 1, pack 'N', 8) }
                               1 .. STREAMS);
select undef, undef, undef, 0.2;

my $other = ask('B', $id{B});
my $got = '';

while (IO::Select->new($sock)->can_read(1)) {
    sysread $sock, $got, 1 << 20, length $got or last;
}

ok($got =~ /A{16}/, 'there is an answer');
ok($got !~ /B{16}/, 'and nothing of the other one');
close $_ for $sock, $other;



=== limit_except: what it lets through is answered, too
The handler was that of files.
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;

        limit_except GET {
            allow 127.0.0.1;
            deny all;
        }
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;

        limit_except POST {
            allow 127.0.0.1;
            deny all;
        }
    }
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["a"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["a"]}}
PUT /v1/manage/tracker
405 Method PUT is not allowed.
OPTIONS /oauth2/token:generate
204
Allow: POST, OPTIONS



=== post_action: nothing follows the answer
The list went out behind it, without a header.
--- config
    location /first/ {
        tracker_api;
        client_max_body_size 1m;
        post_action /v1/manage/trackers;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
create('n');

my $sock = connect_nginx();

for (1 .. 2) {
    send_bytes($sock, request('GET', '/first/tracker/1'));
    is(read_response($sock)->{status}, 404, "answer $_");
}

select undef, undef, undef, 0.2;
ok(!IO::Select->new($sock)->can_read(0), 'and that is all');
close $sock;



=== a connection that died is noticed at the timeout of who waits
A location with a longer one had raised it for all, for as long as the worker
lived.
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /short/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT;
        tracker_redis_timeout 500ms;
        client_max_body_size 1m;
    }

    location /long/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT;
        tracker_redis_timeout 60s;
        tracker_timeout 60s;
        client_max_body_size 1m;
    }
--- scenario
my $pid = relay();
my $account = 0;

sub status_of {
    my ($place) = @_;

    return exchange(request('POST', "/$place/tracker", body => tracker_text('n'),
                            account => 'a' . ++$account))->{status};
}

is(status_of($_), 200, $_) for qw(long short);
kill 'USR1', $pid;

is(status_of('short'), 504, 'silence');
is(status_of('short'), 200, 'a new connection');

kill 'TERM', $pid;
waitpid $pid, 0;



=== what was the master is left, for whoever it is now
The connection was kept, and every write waited for its deadline.
--- scenario
my $id = create('n');
my $sock = connect_nginx();

# but for that which asks
sub clients {
    return map { /^id=(\d+)/ } grep { !/ cmd=client/ }
           split /\n/, redis('CLIENT', 'LIST', 'TYPE', 'normal');
}

my %before = map { $_ => 1 } clients();

redis('REPLICAOF', '127.0.0.1', $ENV{TEST_NGINX_RELAY_PORT});
send_bytes($sock, post('tracker', tracker_text('m')));
wait_until(sub { grep { !$before{$_} } clients() }, 'another connection');
redis('REPLICAOF', 'NO', 'ONE');

is_created(read_response($sock), 'm', 'the write');
is(exchange(request('GET', "/v1/manage/tracker/$id"))->{status}, 200, 'a read');



=== a list whose client has gone before it was sent is never sent
Once it was, with a cursor in the memory of the request that had gone.
--- http_config
    tracker_redis $TEST_NGINX_REDIS db=1;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
sub ask_for {
    my ($cursor) = @_;
    my $sock = connect_nginx();

    send_bytes($sock,
               request('GET', "/v1/manage/trackers?limit=1&cursor=$cursor"));
    select undef, undef, undef, 0.2;

    return $sock;
}

redis('CONFIG', 'SET', 'slowlog-log-slower-than', 0);
redis('SLOWLOG', 'RESET');

# the command waits for the answer to SELECT
pause_redis();
close ask_for('12345678');
my @others = map { ask_for('99999999') } 1 .. 5;
resume_redis();

is(read_response($_)->{status}, 400, 'the others: no list has that cursor')
    for @others;

my @lists = map { $_->[3] } grep { $_->[3][0] eq 'EVALSHA' }
            @{redis('SLOWLOG', 'GET', 100)};
redis('CONFIG', 'SET', 'slowlog-log-slower-than', 10000);

is(scalar(grep { grep { $_ eq '12345678' } @$_ } @lists), 0, 'its cursor');
is(scalar(grep { grep { $_ eq '99999999' } @$_ } @lists), 5, 'the others\'');



=== post_action after a client has gone that waited for the lock
The lock's answer met a request without a context, and the worker crashed.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_REDIS_PORT;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        post_action /after;
    }

    location /other/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /after {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RELAY_PORT;
    }
--- scenario
my $listener = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$ENV{TEST_NGINX_RELAY_PORT}", Listen => 8,
    ReuseAddr => 1) or die "listen: $!";
my @workers = worker_pids();

is(exchange(request('GET', '/other/trackers'))->{status}, 200, 'a connection');
commands_seen('evalsha');
pause_redis();

my $sock = connect_nginx();
send_bytes($sock, post('tracker', '{', length => 100_000));
wait_until(sub { unread_by_redis() > 0 }, 'the lock is asked for');
close $sock;

IO::Select->new($listener)->can_read(60) or die "no post_action\n";
my $after = $listener->accept;
resume_redis();


# counted by Redis: what is seen is not lost between two looks
wait_until(sub {
    redis('DBSIZE') == 0
        && redis('INFO', 'commandstats') =~ /^cmdstat_evalsha:/m;
}, 'the lock is given back');
close $_ for $after, $listener;

is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the next');
is(join(' ', worker_pids()), join(' ', @workers), 'the same worker');



=== HTTP/2: client_body_timeout is not for the time that the lock takes
Each frame that came meanwhile had started it, and a body that was all there
was answered with 408.
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;

    server {
        listen 127.0.0.1:$TEST_NGINX_H2_PORT http2;
        tracker_redis_timeout 20s;
        client_body_timeout 1s;

        location /v1/manage/ {
            tracker_api;
        }
    }
--- scenario
my $sock = h2_connect();

pause_redis();
send_bytes($sock, frame(1, 4, 1, "\x83\x86" . header(4, '/v1/manage/tracker')
                                 . header(1, 'localhost')
                                 . header(23, 'Bearer ' . token('tester'))
                                 . header(31, 'application/json')));
select undef, undef, undef, 0.3;
send_bytes($sock, frame(0, 1, 1, tracker_text('n')));
select undef, undef, undef, 1.5;
resume_redis();

my ($got, $status) = '';

until (defined $status) {
    IO::Select->new($sock)->can_read(60) or die "no answer\n";
    sysread $sock, $got, 1 << 16, length $got or die "closed\n";

    while (length $got >= 9) {
        my ($length, $type) = (unpack('N', "\0$got"), ord substr $got, 3, 1);

        last if length $got < 9 + $length;
        my $payload = substr substr($got, 0, 9 + $length, ''), 9;
        $status = ord $payload if $type == 1;
    }
}

# HPACK has a number for 200
is($status, 0x88, 'created');
close $sock;



=== post_action after a client has gone that had the lock and sent no more
The lock stayed until the post_action was over.
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        post_action /after;
    }

    location = /after {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RELAY_PORT;
    }
--- scenario
my $listener = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$ENV{TEST_NGINX_RELAY_PORT}", Listen => 8,
    ReuseAddr => 1) or die "listen: $!";
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '{', length => 100_000));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');
close $sock;

IO::Select->new($listener)->can_read(60) or die "no post_action\n";
my $after = $listener->accept;

wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is given back');
ok(!IO::Select->new($after)->can_read(0) || sysread($after, my $bytes, 1),
   'and the post_action goes on');
close $_ for $after, $listener;



=== a filter that answers by itself amid a list, and waits for the client
A worker ended: the filter had taken the context of the request away.
--- skip_eval: 5: !$ENV{TEST_NGINX_LOAD_MODULES} || !-e $::IMAGE_FILTER
--- main_config eval: "load_module $::IMAGE_FILTER;"
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /page/ {
        tracker_api;
        client_max_body_size 1m;
        image_filter test;
        limit_rate 200;
    }

    location /elsewhere/ {
        tracker_api;
        client_max_body_size 1m;
        image_filter test;
        limit_rate 200;
        error_page 415 https://example.com/;
    }
--- scenario
my $texts = join ',', map { tracker_text("n$_") } 1 .. 1001;

is(exchange(post('trackers', "[$texts]"))->{status}, 200, 'more than a page');

my %answer = map {
    my $sock = connect_nginx();

    send_bytes($sock, request('GET', "/$_/trackers", type => undef));
    $_ => read_response($sock);
} qw(page elsewhere);

is($answer{page}{status}, 415, 'the status of the filter');
is_message($answer{page}{body}, 'Unsupported media type.', 'its page');
is($answer{elsewhere}{status}, 302, 'the status of error_page');
is($answer{elsewhere}{headers}{location}, 'https://example.com/',
   'its page');



=== a filter that refuses an answer by its header is answered in JSON
It was taken for an answer of ours, and its page was HTML.
--- skip_eval: 5: !$ENV{TEST_NGINX_LOAD_MODULES} || !-e $::IMAGE_FILTER
--- main_config eval: "load_module $::IMAGE_FILTER;"
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        image_filter test;
        image_filter_buffer 1;
    }
--- exchanges
GET /v1/manage/trackers
no Content-Type
415 Unsupported media type.
! ETag
Cache-Control: no-store



=== a lock whose release Redis has lost is released by the next one who meets it
The account stayed locked until it expired: after a failover to a replica that
had the lock and not yet its release.
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my $monitor = Tracker::Redis::redis_connect();
my $n = 0;

is(Tracker::Redis::redis_command($monitor, 'MONITOR'), 'OK', 'watched');

for my $case (['tracker', \&tracker_text],
              ['trackers', sub {
                  '[' . join(',', map { tracker_text("$_[0] $_") } 1 .. 40) . ']'
              }])
{
    my ($what, $body) = @$case;

    my $answer = exchange(post($what, $body->('n' . ++$n)));
    my ($id) = $answer->{body} =~ /"id":"(\d+)"/;

    is($answer->{status}, 200, $what);

    my $seen = '';
    my $lock = lock_key();

    wait_until(sub {
        sysread $monitor, $seen, 1 << 16, length $seen;
        $seen =~ /"SET" "\Q$lock\E" "([0-9a-f]{32})"/i;
    }, 'its token');
    $seen =~ /"SET" "\Q$lock\E" "([0-9a-f]{32})"/i;
    redis('SET', $lock, $1, 'PX', 3_600_000);

    # what takes no lock has none that Redis could have lost
    is(exchange(request('DELETE', "/v1/manage/tracker/$id"))->{status}, 200,
       "$what: a DELETE");

    is(exchange(post($what, $body->('n' . ++$n)))->{status}, 429,
       "$what: locked");
    wait_until(sub {
        exchange(post($what, $body->('n' . ++$n)))->{status} == 200;
    }, 'the account is free');
    is(redis('EXISTS', $lock), 0, "$what: released");

    # the next case sees its own token
    sysread $monitor, $seen, 1 << 20
        while IO::Select->new($monitor)->can_read(0.2);
}

redis('SET', lock_key(), 'f' x 32, 'PX', 3_600_000);
is(exchange(post('tracker', tracker_text('o')))->{status}, 429, 'of another')
    for 1 .. 3;
is(redis('EXISTS', lock_key()), 1, 'it stays');
