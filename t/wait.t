use lib 't/lib';
use Tracker;
use Tracker::Metrics;
use Tracker::Replica;
use Test::Nginx::Socket 'no_plan';

# wait= of tracker_redis: a write is answered when replicas have it.

use IO::Select;

# The time is long where the replica comes back, so that it decides nothing.

add_block_preprocessor(sub {
    my ($block) = @_;
    my $wait = $block->wait // '1:20s';
    my $settings = $block->settings // '';

    $wait = "wait=$wait" if $wait;

    start_redis() unless Tracker::Redis::redis_runs();
    start_replica() unless replica_runs();

    # a block that fails may leave it stopped
    resume_replica();
    await_replica();

    $block->set_value(http_config => <<"CONFIG") unless $block->http_config;
    tracker_redis $ENV{TEST_NGINX_REDIS} $wait;
    tracker_redis_timeout 50s;
    tracker_timeout 50s;
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
    $settings
CONFIG
    $block->set_value(config => <<'CONFIG');
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /kept/manage/ {
        tracker_api;
        tracker_history 1000;
        client_max_body_size 1m;
    }

    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }

    location = /health {
        tracker_health;
        tracker_redis_timeout 100ms;
    }

    location = /status {
        tracker_status;
    }
CONFIG
});

run_tests();

# nginx has written, and waits for the replica
sub await_wait {
    my ($n) = @_;

    wait_until(sub { waits() == ($n // 1) }, 'Redis waits for the replica');
}

sub waits {
    return (redis('INFO', 'clients') =~ /^blocked_clients:(\d+)/m)[0];
}

# WAIT is under way on a connection: returns the id of that.  The counts of
# commands do not tell, a later Redis counts a WAIT when it has ended.
sub await_wait_of_another {
    my ($id) = @_;
    my $found;

    wait_until(sub {
        ($found) = redis('CLIENT', 'LIST')
                   =~ /^id=(\d+) .* flags=\w*b\w* .* cmd=wait /m;

        defined $found && $found != ($id // 0);
    }, 'it is sent again, and then WAIT');

    return $found;
}

# the worker has so many commands that are not answered
sub await_pending {
    my ($n) = @_;

    wait_until(sub {
        metric(scrape(), 'tracker_redis_pending_commands', lane => 'small')
        == $n
    }, "$n commands are sent");
}

sub is_silent {
    my ($sock, $title) = @_;

    is(scalar IO::Select->new($sock)->can_read(0), undef, $title);
}

sub call {
    my ($method, $path, $body, @o) = @_;

    return request($method, "/v1/$path", body => $body // '', @o);
}

sub create {
    my ($name, @o) = @_;

    return call('POST', 'manage/tracker', tracker_text($name), @o);
}

sub id_of {
    return decode($_[0]{body})->{tracker}{id};
}

sub bulk {
    my ($name, $n) = @_;

    return call('POST', 'manage/trackers',
                '[' . join(',', map { tracker_text("$name$_") } 1 .. $n) . ']');
}

sub talk {
    return '{"messages":[{"payload":{"content":"Wear a mask."}}]}';
}

# of everything that a server has
sub contents {
    my ($ask) = @_;

    return join "\n", map { "$_ " . unpack 'H*', $ask->('DUMP', $_) }
                      sort @{$ask->('KEYS', '*')};
}

# an answer that comes only after the replica has what the master has
sub is_held {
    my ($text, $status, $title) = @_;
    my $sock = connect_nginx();

    pause_replica();
    send_bytes($sock, $text);
    await_wait();
    is_silent($sock, "$title: no answer yet");
    resume_replica();

    my $response = read_response($sock);

    is($response->{status}, $status, "$title: status");
    is(contents(\&replica), contents(\&redis), "$title: the replica has it");
    return $response;
}

sub is_timeout {
    my ($response, $title) = @_;

    is($response->{status}, 504, "$title: status");
    is_message($response->{body},
               'The tracker store did not respond in time.', $title);
}

sub kill_connections {
    redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
}

# connections to Redis but for that of the test and the replica's
sub connections {
    my @lines = grep { !/ flags=S / } split /\n/, redis('CLIENT', 'LIST');

    return @lines - 1;
}

__DATA__

=== each write is answered when the replica has it
--- scenario
my $id = id_of(is_held(create('n'), 200, 'create'));

is_held(bulk('few', 3), 200, 'a small bulk');
is_held(bulk('many', 40), 200, 'a large bulk');
is_held(call('POST', 'manage/tracker', tracker_text('large', 'x' x 100_000)),
        200, 'a large tracker');
is_held(call('PUT', "manage/tracker/$id", tracker_text('m')), 200, 'PUT');
is_held(call('POST', "manage/trackers?on_conflict=$_", '['
             . tracker_text('m', "by $_") . ',' . tracker_text("new $_")
             . ']'), 200, $_) for qw(skip merge replace);
is_held(call('PATCH', "manage/tracker/$id",
             '[{"op":"add","path":"/vocabulary/-","value":"x"}]'), 200,
        'PATCH');
is_held(call('DELETE', "manage/tracker/$id"), 200, 'DELETE');

my $said = is_held(call('POST', 'process/text', talk()), 201, 'process');
my $conversation = decode($said->{body})->{conversationId};

is_held(call('PUT', "process/text/$conversation", talk()), 201, 'append');
is_held(call('DELETE', "conversations/$conversation"), 200, 'forget');



=== reads are answered meanwhile
--- scenario
my $id = id_of(exchange(create('n')));
my $sock = connect_nginx();

pause_replica();
send_bytes($sock, create('m'));
await_wait();

is(exchange(call('GET', $_))->{status}, 200, $_ =~ s/$id/ID/r)
    for "manage/tracker/$id", 'manage/trackers', 'manage/trackers?limit=1',
        'manage/trackers?name=m', 'conversations';
is(exchange(request('GET', '/health'))->{status}, 200, '/health');
is_silent($sock, 'the write waits');
is(connections(), 2, 'two connections');

resume_replica();
is(read_response($sock)->{status}, 200, 'and is answered');



=== the same where a history is kept
--- scenario
my $kept = sub {
    my ($method, $path, $body) = @_;

    return call($method, "manage/$path", $body) =~ s{/v1/}{/kept/}r;
};
my $id = id_of(is_held($kept->(POST => 'tracker', tracker_text('n')), 200,
                       'create'));

is_held($kept->(POST => 'trackers',
                '[' . join(',', map { tracker_text("b$_") } 1 .. 20) . ']'),
        200, 'bulk');
is_held($kept->(PUT => "tracker/$id", tracker_text('m')), 200, 'PUT');
is_held($kept->(POST => 'trackers?on_conflict=merge',
                '[' . tracker_text('m', 'x') . ']'), 200, 'import');

exchange($kept->(GET => 'trackers'));

my $sock = connect_nginx();

pause_replica();
send_bytes($sock, $kept->(POST => 'tracker', tracker_text('o')));
await_wait();

# what was written is the master's already: the second one is of a list that
# the worker knows
for my $path ("tracker/$id", 'trackers', 'trackers', 'trackers?name=m') {
    my $query = $path =~ /\?/ ? '&' : '?';
    my $response = exchange($kept->(GET => "$path${query}expand=times"));

    is($response->{status}, 200, $path =~ s/$id/ID/r);
    like($response->{body}, qr/"updatedAt"/, 'times');
}

is_silent($sock, 'the write waits');
resume_replica();
is(read_response($sock)->{status}, 200, 'and is answered');
is_held($kept->(DELETE => "tracker/$id"), 200, 'DELETE');



=== too few replicas: 504, and the same request again is 200
--- wait: 1:200ms
--- settings: tracker_lock off;
--- scenario
my @once = (headers => ['Idempotency-Key: k']);

exchange(create('first'));
pause_replica();
is_timeout(exchange(create('n', @once)), 'create');
is_timeout(exchange(create('n', @once)), 'the same');
is(redis('ZCARD', account_key('tester', 'index')), 2, 'it is written');
is(exchange(create('n'))->{status}, 504, 'and may be by another');
resume_replica();
await_replica();

my $response = exchange(create('n', @once));

is($response->{status}, 200, 'now it is known');
is(redis('GET', account_key('tester', 'name:n')), id_of($response),
   'one tracker');
is(replica('GET', account_key('tester', 'name:n')), id_of($response),
   'and the replica has it');
is(redis('ZCARD', account_key('tester', 'index')), 2, 'nothing more');
like(join('', @{Test::Nginx::Util::error_log_data()}),
     qr/redis: \S+ has written to 0 replicas of 1 in 200 ms/, 'logged');



=== the same with the lock, which is free afterwards
--- wait: 1:200ms
--- scenario
my @once = (headers => ['Idempotency-Key: k']);
my $id = id_of(exchange(create('n')));
my $put = call('PUT', "manage/tracker/$id", tracker_text('m'));

pause_replica();
is_timeout(exchange(create('k', @once)), 'create');
is_timeout(exchange(bulk('b', 40)), 'a bulk');
is_timeout(exchange($put), 'PUT');
is_timeout(exchange($put), 'the same');
resume_replica();
await_replica();
is(exchange($put)->{status}, 200, 'PUT');
is(exchange(create('k', @once))->{status}, 200, 'create');
is(exchange(bulk('b', 40))->{status}, 409, 'the bulk is there');
wait_until(sub { !redis('EXISTS', lock_key()) }, 'no lock is left');
is(redis('ZCARD', account_key('tester', 'index')), 42, 'all of it, once');



=== more replicas than there are
--- wait: 2:50ms
--- scenario
is_timeout(exchange(create('n')), 'create');
is(exchange(call('GET', 'manage/trackers?name=n'))->{status}, 200, 'a read');



=== the time is half of tracker_redis_timeout at most, where none is given
--- wait: 1
--- settings
    server {
        listen 127.0.0.1:$TEST_NGINX_H2_PORT;
        tracker_redis_timeout 300ms;

        location /v1/manage/ {
            tracker_api;
        }
    }
--- scenario
exchange(create('first'));
pause_replica();
is_timeout(exchange(create('n')), 'create');
like(join('', @{Test::Nginx::Util::error_log_data()}), qr/of 1 in 150 ms/,
     'the least of all');
resume_replica();



=== one WAIT for many writes
--- settings: tracker_lock off;
--- scenario
my @accounts = map { "account $_" } 1 .. 40;
my @socks = map { connect_nginx() } @accounts;

exchange(create('first'));
commands_seen();
pause_redis();
send_bytes($socks[$_], create('n', account => $accounts[$_]))
    for 0 .. $#socks;
await_pending(40);
resume_redis();

is(join(' ', map { read_response($_)->{status} } @socks),
   join(' ', map { 200 } @socks), 'all are created');

my $waits = commands_seen('wait');

cmp_ok($waits, '>', 0, 'they have waited');
cmp_ok($waits, '<=', 4, "$waits WAITs");
is(scalar(grep { replica('EXISTS', account_key($_, 'name:n')) } @accounts),
   40, 'the replica has all');



=== what is written during a WAIT gets the next one
--- settings: tracker_lock off;
--- scenario
my @accounts = map { "account $_" } 1 .. 20;
my @socks = map { connect_nginx() } @accounts;

exchange(create('first'));
commands_seen();
pause_replica();
send_bytes($socks[0], create('n', account => $accounts[0]));
await_wait();

# in a turn each
for my $i (1 .. $#socks) {
    send_bytes($socks[$i], create('n', account => $accounts[$i]));
    await_pending($i + 1);
}

is_silent($_, 'no answer') for @socks[0, 1, -1];
resume_replica();

is(join(' ', map { read_response($_)->{status} } @socks),
   join(' ', map { 200 } @socks), 'all are created');
is(commands_seen('wait'), 2, 'two WAITs');



=== a connection that is lost during WAIT
--- scenario
my @socks = map { connect_nginx() } 1 .. 3;

exchange(create('first'));
pause_replica();
send_bytes($socks[0], create('n'));

my $id = await_wait_of_another();

send_bytes($socks[$_], create('n', account => "other $_")) for 1, 2;
await_pending(3);
kill_connections();
await_wait_of_another($id);
is_silent($_, 'no answer') for @socks;
resume_replica();
is(read_response($_)->{status}, 200, 'created') for @socks;
is(redis('ZCARD', account_key($_, 'index')), $_ eq 'tester' ? 2 : 1,
   'one tracker') for 'tester', 'other 1', 'other 2';
is(contents(\&replica), contents(\&redis), 'the replica has them');



=== one that is lost each time
--- settings: tracker_lock off;
--- scenario
my $sock = connect_nginx();
my $id;

exchange(create('first'));
pause_replica();
send_bytes($sock, create('n'));

for (1 .. 4) {
    $id = await_wait_of_another($id);
    kill_connections();
}

is(read_response($sock)->{status}, 502, 'is given up');
resume_replica();
is(exchange(create('m'))->{status}, 200, 'and then the next');



=== a master that becomes a replica during WAIT, and a master again
--- settings: tracker_lock off;
--- scenario
my $sock = connect_nginx();

exchange(create('first'));
pause_replica();
send_bytes($sock, create('n'));
await_wait();
redis('REPLICAOF', '127.0.0.1', 1);
wait_until(sub { redis('INFO', 'errorstats') =~ /^errorstat_READONLY:/m },
           'it is sent again');
is_silent($sock, 'no answer');
redis('REPLICAOF', 'NO', 'ONE');
resume_replica();
is(read_response($sock)->{status}, 200, 'created');
is(contents(\&replica), contents(\&redis), 'the replica has it');
is(redis('ZCARD', account_key('tester', 'index')), 2, 'once');



=== a client that goes away during WAIT
--- scenario
my $sock = connect_nginx();

exchange(create('first'));
pause_replica();
send_bytes($sock, create('n'));
await_wait();
close $sock;
resume_replica();
wait_until(sub { exchange(create('m'))->{status} == 200 }, 'the next write');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');
is(redis('ZCARD', account_key('tester', 'index')), 3, 'all are there');



=== a request that ends before its WAIT does
--- settings
    server {
        listen 127.0.0.1:$TEST_NGINX_H2_PORT;

        location /v1/manage/ {
            tracker_api;
            tracker_lock off;
            tracker_timeout 300ms;
        }
    }
--- scenario
my $sock = IO::Socket::INET->new(
    PeerAddr => "127.0.0.1:$ENV{TEST_NGINX_H2_PORT}");
my $losses = sub { metrics_sum(scrape(), 'tracker_redis_losses_total') };
my $before = $losses->();

exchange(create('first'));
pause_replica();
send_bytes($sock, create('n'));
is_timeout(read_response($sock), 'create');
is(waits(), 1, 'Redis still waits');
resume_replica();
is(exchange(create('m'))->{status}, 200, 'the next write');
is($losses->(), $before, 'on the same connection');
is(redis('ZCARD', account_key('tester', 'index')), 3, 'all are there');



=== a reload during WAIT
--- scenario
my $sock = connect_nginx();

exchange(create('first'));
pause_replica();
send_bytes($sock, create('n'));
await_wait();

my %old = map { $_ => 1 } worker_pids();

kill HUP => Test::Nginx::Util::get_pid_from_pidfile('wait');
wait_until(sub { grep { !$old{$_} } worker_pids() }, 'a new worker');
resume_replica();
is(read_response($sock)->{status}, 200, 'the old worker answers');
wait_until(sub { !grep { $old{$_} } worker_pids() }, 'and ends');



=== worker_shutdown_timeout ends it
--- main_config
    worker_shutdown_timeout 1s;
--- scenario
my ($sock, $gone) = map { connect_nginx() } 1, 2;

exchange(create('first'));
pause_replica();
send_bytes($gone, create('m', account => 'gone'));
await_wait();
close $gone;
send_bytes($sock, create('n'));
await_pending(2);

my %old = map { $_ => 1 } worker_pids();
my $start = time;

kill HUP => Test::Nginx::Util::get_pid_from_pidfile('wait');

my $response = eval { read_response($sock) };

ok(!$response || $response->{status} == 502, 'no other answer');
wait_until(sub { !grep { $old{$_} } worker_pids() }, 'the old worker ends');
cmp_ok(time - $start, '<', 12, 'before WAIT does');
resume_replica();



=== the rights that the README asks for are enough
--- http_config eval
"    tracker_redis $ENV{TEST_NGINX_REDIS} user=app wait=1:20s
                  password_file=$ENV{TEST_NGINX_SCRATCH}/app.password;
    tracker_redis_timeout 50s;
    tracker_jwt_key $ENV{TEST_NGINX_KEY};"
--- post_setup_server_root
Tracker::scratch('app.password', 'its password');
--- scenario
open my $in, '<', 'README.md' or die "README.md: $!";
my ($rights, $keys, $more) = do { local $/; <$in> }
    =~ /may \s do \s `([^`]+)` \s on \s `([^`]+)`;
        .*? \s with \s `wait=` \s also \s `([^`]+)`/xs;

redis('ACL', 'SETUSER', 'app', 'reset', 'on', '>its password', $keys,
      split ' ', "$rights $more");

is(exchange($_)->{status}, 200, 'created') for create('n'), bulk('b', 40);
is(exchange(create('k', headers => ['Idempotency-Key: k']))->{status}, 200,
   'an Idempotency-Key') for 1, 2;
unlike(join('', @{Test::Nginx::Util::error_log_data()}), qr/answered "/,
       'no complaint');



=== a user who may not do WAIT
--- scenario
exchange(create('first'));
redis('ACL', 'SETUSER', 'default', '-wait');
is_timeout(exchange(create('n')), 'create');
is(exchange(call('GET', 'manage/trackers'))->{status}, 200, 'a read');
redis('ACL', 'SETUSER', 'default', '+wait');
is(exchange(create('m'))->{status}, 200, 'and with the right');
like(join('', @{Test::Nginx::Util::error_log_data()}),
     qr/answered "NOPERM .* while waiting for replicas/, 'logged');



=== without wait=: no WAIT, and one connection
--- wait:
--- scenario
commands_seen();

my $id = id_of(exchange(create('n')));

exchange($_) for bulk('many', 40), call('GET', "manage/tracker/$id"),
                 call('PUT', "manage/tracker/$id", tracker_text('m')),
                 call('POST', 'process/text', talk()),
                 call('DELETE', "manage/tracker/$id");

# those of the test do not count
is(commands_seen('wait'), 0, 'no WAIT');
pause_replica();
is(exchange(create('n'))->{status}, 200, 'no replica is waited for');
resume_replica();
is(commands_seen('wait'), 0, 'no WAIT');
is(connections(), 1, 'one connection');
