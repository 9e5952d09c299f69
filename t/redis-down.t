use lib 't/lib';
use Tracker;
use Tracker::Played;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use List::Util;
use Time::HiRes;

BEGIN {
    $ENV{TEST_NGINX_DENIED_PORT} = Tracker::Host::free_port();
    Tracker::Host::scratch('denied.password', "secret\n");
}

add_block_preprocessor(sub {
    # each block finds a Redis of its own settings
    stop_redis();
});

run_tests();

sub create {
    my ($name, %o) = @_;

    return exchange(post('tracker', tracker_text($name), %o));
}

sub status_of {
    return exchange(request(@_))->{status};
}

sub is_unavailable {
    my ($response, $title) = @_;

    is($response->{status}, 502, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body},
               'The tracker store did not acknowledge the request.', $title);
}

sub is_timeout {
    my ($response, $title) = @_;
    my ($status, $message) = silence($response);

    is($response->{status}, $status, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body}, $message, $title);
}

# the connections of five creates that Redis does not answer
sub create_while_paused {
    pause_redis();

    my @socks = map { connect_nginx() } 1 .. 5;
    send_bytes($socks[$_], post('tracker', tracker_text('n'),
                                account => "account $_")) for 0 .. $#socks;
    return @socks;
}

# lines of the error log of this block, since the last look at it
sub logged {
    my ($like) = @_;

    return scalar grep { /$like/ } @{Test::Nginx::Util::error_log_data()};
}

# connections to Redis but for that of the test
sub connections {
    my @lines = split /\n/, redis('CLIENT', 'LIST');

    return @lines - 1;
}

sub is_readable {
    my ($sock) = @_;

    vec(my $in = '', fileno $sock, 1) = 1;
    return select $in, undef, undef, 0;
}

# the reply that holds the record of a tracker of this name
sub record {
    my ($name) = @_;
    my $text = qq({"id":"4503599627370497","name":"$name","vocabulary":["b"]});

    return '$' . length($text) . "\r\n$text\r\n";
}

# a read of one digit's account and tracker
sub get {
    my ($digit, $last) = @_;

    return request('GET', '/v1/manage/tracker/' . $digit x 15 . ($last // 0),
                   account => $digit);
}

# until the module dares to connect again
sub wait_for_answer {
    my ($text) = @_;
    my $response;

    wait_until(sub {
        $response = exchange($text);
        $response->{status} != 502;
    }, 'the store is back');

    return $response;
}

sub wait_for_create {
    my ($name) = @_;

    return wait_for_answer(post('tracker', tracker_text($name)));
}

__DATA__

=== Redis stopped: 502 at once; back: 200 without a reload
--- scenario
is_created(create('before'), 'before', 'it runs');

stop_redis();
for my $i (1 .. 10) {
    is_unavailable(create('down'), "request $i");

    # so that the module tries to connect more than once
    select undef, undef, undef, 0.1;
}

start_redis();
is_created(wait_for_create('after'), 'after', 'it runs again');

is(logged('\[error\].*(?:could not connect to|connection lost to)'), 1,
   'logged once');



=== Redis absent at start is normal
--- init
Tracker::stop_redis();
--- scenario
is_unavailable(create('n'), 'absent');
start_redis();
is_created(wait_for_create('n'), 'n', 'it came');



=== keepalive survives a 502
--- scenario
stop_redis();

my $sock = connect_nginx();
for (1 .. 3) {
    send_bytes($sock, post('tracker', tracker_text('n')));
    is_unavailable(read_response($sock), 'one connection');
}



=== a body that is still to come is not waited for when Redis is down
--- scenario
stop_redis();

my $sock = connect_nginx();
send_bytes($sock, post('tracker', '', length => 1000));
my $response = read_response($sock);
is_unavailable($response, 'at once');
is($response->{headers}{connection}, 'close', 'Connection: close');
is(read_rest($sock), '', 'closed');



=== what needs no Redis needs no Redis
--- scenario
stop_redis();
is(exchange(post('tracker', '{'))->{status}, 400, 'not JSON');
is(exchange(post('x', '{}'))->{status}, 404, 'no endpoint');
is(exchange(post('tracker', '{}', token => 'x'))->{status}, 401, 'no token');
is(exchange(request('OPTIONS', '/v1/manage/tracker'))->{status}, 204,
   'OPTIONS');



=== over TCP the same
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_REDIS_PORT;
        client_max_body_size 1m;
    }
--- scenario
is_created(create('before'), 'before', 'it runs');
stop_redis();
is_unavailable(create('down'), 'stopped');
start_redis();
is_created(wait_for_create('after'), 'after', 'it runs again');



=== a silent Redis: 504 at the timeout, other locations are not held up
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_timeout 2s;
        client_max_body_size 1m;
    }

    location /static {
        return 200 "static\n";
    }
--- scenario
is_created(create('before'), 'before', 'it runs');
pause_redis();

my @socks = map { connect_nginx() } 1 .. 3;
send_bytes($socks[$_], post('tracker', tracker_text('n'),
                            account => "account $_")) for 0 .. 2;

is(static_answers(50), 50, 'other locations answer');
ok(!IO::Select->new(@socks)->can_read(0),
   'before the first request has waited for its two seconds');

is_timeout(read_response($_), 'silent') for @socks;

resume_redis();
is(wait_for_create('after')->{status}, 200, 'it speaks again');



=== a Redis that accepts and says nothing: 504 on the first connection too
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_timeout 500ms;
        client_max_body_size 1m;
    }
--- scenario
pause_redis();
is_timeout(create('n'), 'silent from the start');
resume_redis();
wait_until(sub { create('after')->{status} =~ /^(200|409)$/ }, 'back');
pass('it speaks again');



=== a client that goes away while Redis is silent harms nobody
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_timeout 500ms;
        client_max_body_size 1m;
    }
--- scenario
is_created(create('before'), 'before', 'it runs');
pause_redis();

for (1 .. 5) {
    my $sock = connect_nginx();
    send_bytes($sock, post('tracker', tracker_text("gone $_")));
    close $sock;
}

is_timeout(create('n', account => 'other'), 'another');
resume_redis();
wait_until(sub { create('after')->{status} =~ /^(200|409)$/ }, 'back');
wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');
pass('the account is free');



=== Redis killed under a request: no false answer
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_redis_timeout 1s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
is_created(create('before'), 'before', 'it runs');
my @socks = create_while_paused();
stop_redis();

for my $sock (@socks) {
    my $response = read_response($sock);

    like($response->{status}, qr/^50[24]$/, 'lost');
    ok(decode($response->{body})->{message}, 'with a message');
}

start_redis();
is(wait_for_create('after')->{status}, 200, 'it runs again');



=== Redis killed under requests and back in time: they succeed
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_redis_timeout 30s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
is_created(create('before'), 'before', 'it runs');
my @socks = create_while_paused();

# answered when those before it have gone to Redis
exchange(post('x', '{}')) for 1 .. 2;

# what comes while it is down is refused: then the module knows of it
stop_redis();
is_unavailable(create('down'), 'meanwhile');

# they have little time: attempts to connect do not become rare
my $attempts = 0;
wait_until(sub { ($attempts += logged('could not connect to')) >= 20 },
           'many attempts');
start_redis();

is_created(read_response($_), 'n', 'sent again') for @socks;



=== a lock whose client goes away meanwhile is free soon after
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_redis_timeout 500ms;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my @kept = ('--appendonly', 'yes', '--appendfsync', 'always');

stop_redis();
start_redis(@kept);
hold_lock('other');

my $sock = connect_nginx();
send_bytes($sock, post('tracker', '', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

stop_redis();
close $sock;
select undef, undef, undef, 2.5;
start_redis(@kept);

my $start = time;
is(redis('EXISTS', lock_key('other')), 1, 'Redis has kept the locks');
wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');
cmp_ok(time - $start, '<', 15, 'long before its time is over');



=== Redis killed inside a large bulk and back in time: it succeeds
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_REDIS_PORT;
    tracker_redis_timeout 30s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        client_max_body_size 8m;
    }
--- scenario
my $text = '[' . join(',', map { tracker_text("n$_", 'x' x 20_000) } 1 .. 300)
           . ']';

is(exchange(post('trackers', $text, account => 'first'))->{status}, 200,
   'it runs');
pause_redis();

# 6 MB are more than sockets take
my $sock = connect_nginx();
send_bytes($sock, post('trackers', $text));
wait_until(sub { unread_by_redis() > 65_536 }, 'a part of it is sent');

stop_redis();
is_unavailable(create('down', account => 'other'), 'meanwhile');
start_redis();

my $response = read_response($sock);
is($response->{status}, 200, 'sent again');
is(redis('ZCARD', account_key('tester', 'index')), 300, 'all of it');
is(redis('DBSIZE'), 602, 'and once');



=== what waits for a stalled Redis is bounded: more is refused at once
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_redis_timeout 30s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        client_max_body_size 1m;
    }
--- scenario
is_created(create('before'), 'before', 'it runs');
pause_redis();

my $text = tracker_text('large', map { 'x' x 1000 . $_ } 1 .. 1000);
my @socks = map { connect_nginx() } 1 .. 80;
send_bytes($socks[$_], post('tracker', $text, account => "account $_"))
    for 0 .. $#socks;

# 64 MB may wait for a connection
my %refused;
wait_until(sub {
    $refused{$_} = 1 for grep { is_readable($socks[$_]) } 0 .. $#socks;
    keys %refused >= 8;
}, 'some are refused');

is_unavailable(read_response($socks[$_]), 'refused')
    for sort { $a <=> $b } keys %refused;

resume_redis();
my @waited = map { $refused{$_} ? () : read_response($socks[$_])->{status} }
                 0 .. $#socks;
is(scalar(grep { !/^(?:200|502)$/ } @waited), 0, 'stored or refused');
cmp_ok(scalar(grep { $_ == 200 } @waited), '>=', 40, 'what waited is stored');
is_created(create('after'), 'after', 'it runs again');
--- error_log
more are refused



=== a large body has a connection of its own, small ones do not wait for it
--- scenario
my $text = '[' . join(',', map { tracker_text("n$_", 'x' x 200) } 1 .. 900)
           . ']';

is(connections(), 0, 'none before the first request');
is_created(create($_), $_, 'small') for 'a', 'b';
is(connections(), 1, 'one for all that is small');

for my $account ('c', 'd') {
    is(exchange(post('trackers', $text, account => $account))->{status}, 200,
       'large');
    is(connections(), 2, 'another one for what is large');
}



=== when one connection is there, the other one does not wait
--- scenario
my $large = '[' . join(',', map { tracker_text("n$_", 'x' x 200) } 1 .. 900)
            . ']';

# until there is a second and more between its attempts to connect
stop_redis();
my $end = time + 3;
while (time < $end) {
    is_unavailable(exchange(post('trackers', $large)), 'down');
    select undef, undef, undef, 0.1;
}

start_redis();
is_created(create('small'), 'small', 'the small one');
is(exchange(post('trackers', $large))->{status}, 200, 'the large one');



=== Redis restarted between two requests is not noticed
--- scenario
is_created(create('before'), 'before', 'it runs');

for my $i (1 .. 3) {
    stop_redis();
    start_redis();
    is_created(wait_for_create("n$i"), "n$i", "after restart $i");
}



=== scripts that Redis has forgotten are loaded again
--- scenario
is_created(create('before'), 'before', 'it runs');
redis('SCRIPT', 'FLUSH');
is_created(create('after'), 'after', 'loaded again');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== and again, while a request waits for another reason
--- scenario
my $text = post('tracker', tracker_text('n'));
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, -5);
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

# a replica of nobody has no scripts and takes no writes
redis('REPLICAOF', '127.0.0.1', 1);
redis('SCRIPT', 'FLUSH');
send_bytes($sock, substr $text, -5);
wait_until(sub { logged('answered "READONLY') }, 'it waits');

redis('SCRIPT', 'FLUSH');
redis('REPLICAOF', 'NO', 'ONE');
is_created(read_response($sock), 'n', 'loaded twice');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== connections that Redis closes are opened again
--- scenario
is_created(create('before'), 'before', 'it runs');
redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
is_created(wait_for_create('after'), 'after', 'opened again');



=== a large bulk and small ones share a lost connection
--- scenario
my $text = '[' . join(',', map { tracker_text("n$_", 'x' x 200) } 1 .. 900)
           . ']';

is(exchange(post('trackers', $text))->{status}, 200, 'large');
is_created(create('small'), 'small', 'small');
stop_redis();
is_unavailable(exchange(post('trackers', $text)), 'large, down');
start_redis();
is_created(wait_for_create('again'), 'again', 'small, again');
is(wait_for_answer(post('trackers', $text))->{status}, 200, 'large, again');



=== a password, a user, a database
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /password/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS db=3
                      password_file=$TEST_NGINX_SCRATCH/redis.password;
        client_max_body_size 1m;
    }

    location /user/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS db=4 user=joe
                      password_file=$TEST_NGINX_SCRATCH/joe.password;
        client_max_body_size 1m;
    }

    location /bad/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS
                      password_file=$TEST_NGINX_SCRATCH/bad.password;
        client_max_body_size 1m;
    }

    location /none/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS db=5;
        client_max_body_size 1m;
    }
--- post_setup_server_root
Tracker::scratch('redis.password', "the password\n");
Tracker::scratch('joe.password', "joe's password");
Tracker::scratch('bad.password', "no password\n");
--- scenario
redis('ACL', 'SETUSER', 'joe', 'on', ">joe's password", '~*', '+@all');
redis_password('the password');

for my $place (qw(password user)) {
    is_created(exchange(request('POST', "/$place/tracker",
                                body => tracker_text('n'))), 'n', $place);
}

for my $place (qw(bad none)) {
    my $response = exchange(request('POST', "/$place/tracker",
                                    body => tracker_text('n')));
    is($response->{status}, 500, "$place: status");
    is_message($response->{body}, 'Internal server error.', $place);
}

my $keyspace = redis('INFO', 'keyspace');
like($keyspace, qr/^db3:keys=4,/m, 'database 3');
like($keyspace, qr/^db4:keys=4,/m, 'database 4');
unlike($keyspace, qr/^db[05]:/m, 'nothing elsewhere');



=== a password that Redis does not take: the log has its words, once
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /wrong/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS db=1
                      password_file=$TEST_NGINX_SCRATCH/wrong.password;
        client_max_body_size 1m;
    }

    location /crlf/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS db=2
                      password_file=$TEST_NGINX_SCRATCH/crlf.password;
        client_max_body_size 1m;
    }
--- post_setup_server_root
Tracker::scratch('wrong.password', "another hush\n");
Tracker::scratch('crlf.password', "hush hush\r\n");
--- suppress_stderr
--- scenario
my $log = "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log";

sub said {
    open my $in, '<', $log or die "$log: $!";
    return grep { /\[error\] .*redis: .* while authenticating/ } <$in>;
}

my $call = sub {
    is(exchange(request('GET', "/$_[0]/trackers"))->{status}, 500, $_[0]);
};

$call->('wrong') for 1 .. 3;
is(scalar said(), 1, 'no password is wanted: one line');
like((said())[0], qr/\[error\] .*redis: \S+ answered "ERR AUTH .*called without any password/,
     'it says so');

redis_password('hush hush');
sleep 2;

$call->('crlf') for 1 .. 3;
is(scalar said(), 2, 'CR LF: one line');
like((said())[1], qr/\[error\] .*answered "WRONGPASS invalid username-password/,
     'it says so');

open my $in, '<', $log or die "$log: $!";
is(scalar(grep { /hush/ } <$in>), 0, 'no password in the log');



=== a Redis that may lose trackers: the log says so once, and what to do
--- scenario
redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
is_created(create($_), $_, "created $_") for 'a', 'b';
redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
is_created(create('c'), 'c', 'on a new connection');
redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');

my @lines = grep { /\[warn\]/ } @{Test::Nginx::Util::error_log_data()};

is(scalar @lines, 2, 'two lines');
like($lines[0], qr/maxmemory-policy of \S+ is "allkeys-lru": it may /,
     'it evicts');
like($lines[0], qr/set it to "noeviction"/, 'which can be set');

# with "appendonly yes" in its file it does not read the snapshot it has
like($lines[1], qr/appendonly of \S+ is "no": a restart may lose /,
     'it forgets');
like($lines[1], qr/by CONFIG SET while Redis runs/, 'what to do');
unlike($lines[1], qr/"yes"/, 'and not to change its file');



=== the rights that the README asks for are enough
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_redis $TEST_NGINX_REDIS db=4 user=app
                  password_file=$TEST_NGINX_SCRATCH/app.password;
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 11;
        tracker_max_idempotency_keys 1;
        client_max_body_size 1m;
    }
--- post_setup_server_root
Tracker::scratch('app.password', 'its password');
--- scenario
open my $in, '<', 'README.md' or die "README.md: $!";
my ($rights, $keys) = do { local $/; <$in> }
    =~ /Redis a user that may do `([^`]+)` on `([^`]+)`/;

redis('ACL', 'SETUSER', 'app', 'on', '>its password', $keys,
      split ' ', $rights);

my $base = '/v1/manage/tracker';
my $list = '[' . join(',', map { tracker_text("n$_") } 1 .. 3) . ']';
my %once = (headers => ['Idempotency-Key: once'], body => tracker_text('k'));
my $id = decode(create('n')->{body})->{tracker}{id};

is(status_of('POST', "${base}s", body => $list), 200, 'a bulk');
is(status_of('POST', "${base}s", body => $list), 409, 'again');
is(status_of('POST', $base, %once), 200, 'an Idempotency-Key');
is(status_of('POST', $base, %once), 200, 'again');
is(status_of('POST', $base, headers => ['Idempotency-Key: twice'],
             body => tracker_text('l')), 200, 'another one');
is(status_of('GET', "$base/$id"), 200, 'by id');
is(status_of('GET', "${base}s"), 200, 'the list');
is(status_of('GET', "${base}s?limit=2"), 200, 'a page');
is(status_of('GET', "${base}s?name=n"), 200, 'by name');
is(status_of('PUT', "$base/$id", body => tracker_text('m')), 200, 'PUT');
is(status_of('PATCH', "$base/$id", body => '[{"op":"add",'
             . '"path":"/vocabulary/-","value":"x"}]'), 200, 'PATCH');
is(status_of('DELETE', "$base/$id"), 200, 'DELETE');
is(status_of('POST', "${base}s",
             body => $list =~ s/"n(\d)"/"o$1"/gr), 200, 'a bulk more');
is(status_of('POST', $base, headers => ['Idempotency-Key: large'],
             body => tracker_text('large', 'x' x 20_000)), 200, 'a large one');
is(status_of('POST', "${base}s", body => $list =~ s/"n(\d)"/"p$1"/gr
                                               =~ s/\]$/,/r
             . substr($list =~ s/"n(\d)"/"q$1"/gr, 1)), 400, 'too many');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');
is(logged('answered "'), 0, 'no complaint');



=== with those that it adds for conversations they are enough for these, too
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_redis $TEST_NGINX_REDIS db=4 user=app
                  password_file=$TEST_NGINX_SCRATCH/app.password;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }

    location = /health {
        tracker_health;
    }
--- post_setup_server_root
Tracker::scratch('app.password', 'its password');
--- scenario
open my $in, '<', 'README.md' or die "README.md: $!";
my ($rights, $keys, $more) = do { local $/; <$in> }
    =~ /may \s do \s `([^`]+)` \s on \s `([^`]+)`;
        \s for \s conversations \s also \s `([^`]+)`/x;

redis('ACL', 'SETUSER', 'app', 'reset', 'on', '>its password', $keys,
      split ' ', "$rights $more");

my $text = '{"messages":[{"payload":{"content":"Wear x."},'
           . '"from":{"name":"Ann","userId":"ann@x.org"}}]}';

is_created(create('n'), 'n', 'a tracker');

my $said = exchange(request('POST', '/v1/process/text', body => $text));
is($said->{status}, 201, 'a conversation');

my ($id, $job) = @{decode($said->{body}) // {}}{qw(conversationId jobId)};
my $base = '/v1/conversations';

is(status_of('PUT', "/v1/process/text/$id", body => $text), 201, 'more of it');
is(status_of('POST', "$base/detect", body => $text), 200, 'one not stored');

for my $path ("/v1/job/$job", $base, "$base?limit=1",
              map { "$base/$id$_" } '', qw(/messages /members /trackers))
{
    is(status_of('GET', $path, type => undef), 200, $path =~ s/$id/ID/r);
}

is(status_of('DELETE', "$base/$id", type => undef), 200, 'DELETE');
is(status_of('GET', "$base/$id", type => undef), 404, 'it is gone');
is(status_of('GET', '/health', type => undef), 200, 'the probe');
is(logged('answered "'), 0, 'no complaint');



=== nothing is written without the right to take the lock
The script of a create has all the rights that it needs.
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
my $id = decode(create('n')->{body})->{tracker}{id};
my $keys = redis('DBSIZE');
my $rev = redis('GET', account_key('tester', 'rev'));
my @key = (headers => ['Idempotency-Key: k']);

redis('ACL', 'SETUSER', 'default', '-set');

is(create('m')->{status}, 500, 'one');
is(create('m', @key)->{status}, 500, 'one with a key');
is(exchange(post('trackers', '[' . tracker_text('m') . ','
                             . tracker_text('o') . ']'))->{status}, 500, 'two');
is(exchange(request('PUT', "/v1/manage/tracker/$id",
                    body => tracker_text('m')))->{status}, 500, 'PUT');
is(exchange(request('PUT', '/v1/manage/tracker/4503599627370496',
                    body => tracker_text('m')))->{status}, 500,
   'PUT of what does not exist');
is(redis('DBSIZE'), $keys, 'nothing was written');
is(redis('GET', account_key('tester', 'rev')), $rev, 'the revision');

is(exchange(post('tracker', tracker_text('m')) =~ s{/v1/manage}{/off}r)
   ->{status}, 200, 'without the lock it is written');
redis('ACL', 'SETUSER', 'default', '+set');
--- error_log
answered "NOPERM
while locking



=== what takes the lock and what goes with it are sent again in order
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DENIED_PORT;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        client_max_body_size 1m;
        tracker_api;
        tracker_timeout 2s;
    }
--- scenario
my $nil = "\$-1\r\n";
my $other = "\$5\r\nother\r\n";
my $created = "*1\r\n\$7\r\ncreated\r\n";
my $locked = "*1\r\n\$6\r\nlocked\r\n";
my $unlocked = "*1\r\n\$8\r\nunlocked\r\n";
my $full = "-OOM command not allowed\r\n";
my $wait = "-TRYAGAIN Multiple keys request\r\n";
my $text = record('n');

# the status, then, for each time that they are sent, the replies to SET and to
# what goes with it; undef: none, the connection ends
my %create = (
    'taken' => [200, [$nil, $created]],
    'in other hands' => [429, [$other, $locked]],
    'in other hands, and given back' => [429, [$other, $unlocked]],
    'lost' => [200, [undef], [$nil, $created]],
    'lost behind the lock' => [200, [$nil, undef], ['own', $created]],
    'lost, but done, and others have it' =>
        [200, [$nil, undef], [$other, $created]],
    'lost, and others have it' => [429, [$nil, undef], [$other, $locked]],
    'lost, but done, then full' => [200, [$nil, undef], [$full, $created]],
    'lost, then full' => [500, [$nil, undef], [$full, $unlocked]],
    'full' => [500, [$full, $unlocked]],
    'full, and nonsense' => [500, [$full, $created]],
    'no word for an error' => [500, ["-\r\n", $created]],
    'expired at once' => [500, [$nil, $unlocked]],
    'the lock has to wait' => [200, [$wait, $unlocked], [$wait, $unlocked],
                               [$nil, $created]],
    'the other has to wait' => [200, [$nil, $wait], ['own', $wait],
                                ['own', $created]],
    'the other waits in vain' => [502, [$nil, $wait], (['own', $wait]) x 50],
    'no script' => [200, [$nil, "-NOSCRIPT no\r\n"], ['own', $created]],
    'loading' => [200, [("-LOADING no\r\n") x 2], [$nil, $created]],
);
my %change = (
    'taken' => [200, [$nil, $text]],
    'in other hands' => [429, [$other, $text]],
    'in other hands, not there' => [429, [$other, $nil]],
    'not there' => [404, [$nil, $nil]],
    'full' => [500, [$full, $text]],
    'lost' => [200, [$nil, undef], ['own', $text]],
    'lost, then full' => [500, [$nil, undef], [$full, $text]],
    'another type' => [500, [":1\r\n", $text]],
    'the lock has to wait' => [200, [$wait, $text], [$nil, $text]],
    'the other has to wait' => [200, [$nil, $wait], ['own', $text]],
);

# what was taken, or may have been, and was not used up by the script
my %released = map { $_ => 1 } map({ "create: $_" }
    'lost, then full', 'expired at once', 'the other waits in vain'),
    map({ "change: $_" } 'not there', 'lost, then full', 'another type');

my %replies = (
    map({ account_key("create $_", '') => $create{$_} } keys %create),
    map({ account_key("change $_", '') => $change{$_} } keys %change));

my $pid = play_redis($ENV{TEST_NGINX_DENIED_PORT}, sub {
    my ($command, $conn, $notes) = @_;
    my ($base) = "@$command" =~ /(tracker:\{\w+\}:)/ or return "+OK\r\n";
    my $is_set = $command->[0] eq 'SET';

    # from the test
    return ':' . ($notes->{$base}{released} // 0) . "\r\n"
        if $command->[0] eq 'EXISTS';

    # the release, and change.lua
    if ($command->[0] eq 'EVALSHA') {
        return ':' . ++$notes->{$base}{released} . "\r\n"
            if $command->[2] == 1;
        return "*1\r\n\$7\r\nchanged\r\n" if $command->[4] =~ /:rev$/;
    }

    # both, in this order, and no more often
    my $times = $notes->{$base}{times} += $is_set;
    my $replies = $replies{$base}[$times];
    my $behind = delete $notes->{$base}{set};

    $notes->{$base}{set} = $conn if $is_set;
    return "*0\r\n" if !$replies || !$is_set && ($behind // '') ne $conn;

    my $reply = $replies->[!$is_set];
    return ($reply // '') eq 'own' ? "\$32\r\n$command->[2]\r\n" : $reply;
});

my $self = IO::Socket::INET->new("127.0.0.1:$ENV{TEST_NGINX_DENIED_PORT}")
    or die "denied: $!";

sub is_released {
    my ($step, $title) = @_;
    my @look = ($self, 'EXISTS', account_key("$step $title", 'lock'));

    return unless $released{"$step: $title"};
    wait_until(sub { Tracker::Redis::redis_command(@look) > 0 },
               "$step: $title: the lock is released");
}

for my $title (sort keys %create) {
    is(create('n', account => "create $title")->{status}, $create{$title}[0],
       "create: $title");
    is_released('create', $title);
}

for my $title (sort keys %change) {
    is(exchange(request('PUT', '/v1/manage/tracker/5555555555555555',
                        account => "change $title",
                        body => tracker_text('m')))->{status},
       $change{$title}[0], "change: $title");
    is_released('change', $title);
}

kill KILL => $pid;
waitpid $pid, 0;
--- error_log
answered "OOM command not allowed" while locking



=== a store that refuses for its own reasons is a 500, its words stay here
--- scenario
is_created(create('n'), 'n', 'it works');
redis('SET', account_key('tester', 'index'), 'not a zset');

my $response = create('m');
is($response->{status}, 500, 'status');
is_message($response->{body}, 'Internal server error.', 'message');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== a full store is a 500
--- scenario
redis('CONFIG', 'SET', 'maxmemory', '1');

for (1 .. 5) {
    my $response = create('n');

    is($response->{status}, 500, 'status');
    is_message($response->{body}, 'Internal server error.', 'message');
}

is(logged('answered "OOM '), 1, 'logged once');

redis('CONFIG', 'SET', 'maxmemory', '0');
is_created(create('n'), 'n', 'it has room again');



=== too few replicas are waited for, and are a 502 in the end
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        client_max_body_size 1m;
        tracker_api;
    }

    location /short/ {
        client_max_body_size 1m;
        tracker_api;
        tracker_timeout 500ms;
    }
--- scenario
my $sock = connect_nginx();

redis('CONFIG', 'SET', 'min-replicas-to-write', 1);
send_bytes($sock, post('tracker', tracker_text('a')));
select undef, undef, undef, 0.5;
redis('CONFIG', 'SET', 'min-replicas-to-write', 0);
is(read_response($sock)->{status}, 200, 'there in time');

redis('CONFIG', 'SET', 'min-replicas-to-write', 1);
is_unavailable(exchange(request('POST', '/short/tracker', account => 'other',
                                body => tracker_text('b'))), 'too late');
redis('CONFIG', 'SET', 'min-replicas-to-write', 0);
is_deeply(decode(exchange(request('GET', '/v1/manage/trackers',
                                  account => 'other'))->{body}),
          { trackers => [] }, 'and nothing was written');
--- error_log
answered "NOREPLICAS



=== what Redis asks to try again waits by itself
A slot of a cluster that is being moved: one account is told TRYAGAIN, the
other one goes on.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DENIED_PORT;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        client_max_body_size 1m;
        tracker_api;
        tracker_timeout 2s;
    }
--- scenario
my %words = (1 => '-TRYAGAIN Multiple keys request',
             2 => '-CLUSTERDOWN Hash slot not served',
             3 => '-NOREPLICAS Not enough good replicas');

my $pid = play_redis($ENV{TEST_NGINX_DENIED_PORT}, sub {
    my ($command, undef, $notes) = @_;
    my ($word, $soon) = "@$command" =~ /:id:([123])\1+([09])/;

    return "+OK\r\n" if $command->[0] ne 'GET';

    # refused once, then nothing comes
    return $notes->{silent}++ ? '' : "$words{1}\r\n"
        if "@$command" =~ /:id:5/;

    return record('a') if !$word || $soon && $notes->{$word}++ > 4;
    return "$words{$word}\r\n";
});

for my $word (1 .. 3) {
    my $never = connect_nginx();
    my $soon = connect_nginx();
    my $start = Time::HiRes::time();

    send_bytes($never, get($word));
    send_bytes($soon, get($word, 9));

    for (1 .. 50) {
        is(exchange(get(4))->{status}, 200, 'others go on');
    }

    ok(!IO::Select->new($never)->can_read(0),
       "$word: they do not wait for this one");
    is(read_response($soon)->{status}, 200, "$word: served in the end");
    is_unavailable(read_response($never), "$word: given up at its deadline");
    cmp_ok(Time::HiRes::time() - $start, '>', 1,
           "$word: and not before");
}

is_unavailable(exchange(get(5)), 'given up during another attempt');

kill KILL => $pid;
waitpid $pid, 0;
--- error_log
answered "TRYAGAIN



=== what was lost once and is told to wait then goes beside others
Only one that was lost, and not answered since, has a connection to itself.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DENIED_PORT;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        client_max_body_size 1m;
        tracker_api;
        tracker_timeout 4s;
    }
--- scenario
my $pid = play_redis($ENV{TEST_NGINX_DENIED_PORT}, sub {
    my ($command, $conn, $notes) = @_;

    return "+OK\r\n" if $command->[0] ne 'GET';
    return record('other') if "@$command" !~ /:id:1{15}0/;

    my $asked = $notes->{asked}++;

    return if $asked == 0;

    # the reply is withheld: does another command come meanwhile?
    return record('beside')
        if $asked > 1 && (length $conn->{in}
                          || IO::Select->new($conn->{sock})->can_read(0.3));
    return "-CLUSTERDOWN Hash slot not served\r\n";
});

my $sock = connect_nginx();

send_bytes($sock, get(1));

until (is_readable($sock)) {
    is(exchange(get(4))->{status}, 200, 'others go on');
}

my $response = read_response($sock);

is($response->{status}, 200, 'served in the end');
is(decode($response->{body})->{tracker}{name}, 'beside', 'beside another');
is(logged('\[error\].*connection lost to'), 1, 'it was lost once');

kill KILL => $pid;
waitpid $pid, 0;



=== a write that a replica refuses does not stop reads
It waits by itself; meanwhile other connections are tried, one of which may lead
to the master.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DENIED_PORT;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        client_max_body_size 1m;
        tracker_api;
        tracker_timeout 2s;
    }
--- scenario
my $pid = play_redis($ENV{TEST_NGINX_DENIED_PORT}, sub {
    my ($command, undef, $notes) = @_;

    if ($command->[0] eq 'SET') {
        $notes->{gets} = 0;
        return "-READONLY You can't write against a read only replica.\r\n";
    }

    return "+OK\r\n" if $command->[0] ne 'GET';

    # the most reads between two attempts to write, and the connections so far
    $notes->{most} = List::Util::max($notes->{most} // 0, ++$notes->{gets})
        if defined $notes->{gets};
    return record(join ' ', $notes->{most} // 0, $notes->{connections});
});

my $start = Time::HiRes::time();
my $sock = connect_nginx();
my $response;

send_bytes($sock, post('tracker', tracker_text('n')));

until (is_readable($sock)) {
    $response = exchange(get(4));
    is($response->{status}, 200, 'reads go on');
}

is_unavailable(read_response($sock), 'the write is given up');
cmp_ok(Time::HiRes::time() - $start, '>', 1, 'at its deadline');

my ($most, $connections) =
    split ' ', decode($response->{body})->{tracker}{name};

cmp_ok($most, '>', 5, 'many reads between two attempts to write');
cmp_ok($connections, '>', 2, 'new connections were tried');

kill KILL => $pid;
waitpid $pid, 0;
--- error_log
answered "READONLY



=== nor is it given up when the next connection is silent
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DENIED_PORT
                  password_file=$TEST_NGINX_SCRATCH/denied.password;
    tracker_redis_timeout 2s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $pid = play_redis($ENV{TEST_NGINX_DENIED_PORT}, sub {
    my ($command, undef, $notes) = @_;
    my $number = $notes->{connections};

    return $number == 2 ? '' : "+OK\r\n" if $command->[0] eq 'AUTH';
    return "*1\r\n\$7\r\ncreated\r\n" if $command->[0] eq 'EVALSHA';
    return "+OK\r\n" if $command->[0] ne 'SET';
    return "\$-1\r\n" if $number > 1;
    return "-READONLY You can't write against a read only replica.\r\n";
});

is_created(create('n'), 'n', 'written by way of the third one');

kill KILL => $pid;
waitpid $pid, 0;
--- error_log
no answer from



=== a unix socket with a full backlog is tried again
--- http_config
    tracker_redis unix:$TEST_NGINX_SCRATCH/busy.sock;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $path = scratch('busy.sock');
my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 1)
    or die "$path: $!";
my @fill;

chmod 0777, $path;

while (my $sock = IO::Socket::UNIX->new(Type => Socket::SOCK_STREAM())) {
    $sock->blocking(0);
    last unless connect $sock, Socket::pack_sockaddr_un($path);
    push @fill, $sock;
}

cmp_ok(scalar @fill, '>', 0, 'the backlog is full');

my $client = connect_nginx();

send_bytes($client, post('tracker', tracker_text('n')));
ok(!IO::Select->new($client)->can_read(0.5), 'it is waited for');

# they leave, and the next one is nginx
$listener->accept for 1 .. @fill;
@fill = ();

my $nginx = $listener->accept;
my $redis = IO::Socket::UNIX->new(Peer => scratch('redis.sock'))
    or die "redis: $!";
my $both = IO::Select->new($nginx, $redis);

until (is_readable($client)) {
    for my $from ($both->can_read(0.05)) {
        sysread $from, my $bytes, 1 << 16 or die "closed\n";
        syswrite $from == $nginx ? $redis : $nginx, $bytes;
    }
}

is_created(read_response($client), 'n', 'a place in time');
--- error_log
could not connect to unix:



=== a server that answers AUTH and hangs up is not asked again at once
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DENIED_PORT
                  password_file=$TEST_NGINX_SCRATCH/denied.password;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $listener = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => $ENV{TEST_NGINX_DENIED_PORT},
    Listen => 64, ReuseAddr => 1) or die "denied: $!";
my $pid = fork() // die "fork: $!";

if ($pid == 0) {
    while (my $sock = $listener->accept) {
        sysread $sock, my $bytes, 1 << 20;
        syswrite $sock, "+OK\r\n";
        sysread $sock, $bytes, 1 << 20;
        close $sock;
    }

    POSIX::_exit(0);
}

close $listener;
is_unavailable(create('n'), 'hung up');
cmp_ok(logged('connection lost to'), '<', 100, 'a few connections');

kill KILL => $pid;
waitpid $pid, 0;



=== an outage right behind another one is logged too
--- scenario
is_created(create('a'), 'a', 'it runs');
redis('CLIENT', 'PAUSE', 5000, 'WRITE');

my $sock = connect_nginx();

send_bytes($sock, post('tracker', tracker_text('b')));
select undef, undef, undef, 0.2;
redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
redis('CLIENT', 'UNPAUSE');
is_created(read_response($sock), 'b', 'sent again');
is(logged('\[error\].* connection lost to'), 1, 'one outage');

stop_redis();
wait_until(sub {
    is_unavailable(create('c'), 'down');
    logged('\[error\].* could not connect to');
}, 'the other outage');



=== what Redis says unasked before it hangs up is logged
As it does in protected mode, to whoever comes from another address.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DENIED_PORT;
    tracker_redis_timeout 1s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $listener = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => $ENV{TEST_NGINX_DENIED_PORT},
    Listen => 8, ReuseAddr => 1) or die "denied: $!";
my $pid = fork() // die "fork: $!";

if ($pid == 0) {
    while (my $sock = $listener->accept) {
        syswrite $sock, "-DENIED Redis is running in protected mode\e[1m "
                        . "because ...\r\n";

        # what is sent to it meanwhile makes a reset of its close
        select undef, undef, undef, 0.1;
        close $sock;
    }

    POSIX::_exit(0);
}

close $listener;
is_unavailable(exchange(post('tracker', tracker_text('n'))), 'denied');

kill KILL => $pid;
waitpid $pid, 0;
--- error_log
DENIED Redis is running in protected mode?[1m because
