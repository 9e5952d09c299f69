use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# tracker_health: whether Redis answers, for whom has no token.

run_tests();

sub health {
    return exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n", @_);
}

sub is_health {
    my ($response, $status, $word, $title) = @_;

    is($response->{status}, $status, "$title: $status");
    is($response->{body}, "{\"status\":\"$word\"}", "$title: $word");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: JSON");
    is($response->{headers}{'cache-control'}, 'no-store',
       "$title: nobody keeps it");
}

sub health_is {
    my ($status) = @_;

    wait_until(sub { health()->{status} == $status }, "$status");
}

sub CONFIG_TEXT { <<'CONFIG' }
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /health {
        tracker_health;
        tracker_redis_timeout 500ms;
    }
CONFIG

__DATA__

=== ready while Redis answers, also on one connection again and again
--- config eval: main::CONFIG_TEXT()
--- scenario
my $sock = connect_nginx();

is_health(health($sock), 200, 'ready', "request $_") for 1 .. 3;
cmp_ok(commands_seen('ping'), '>=', 3, 'it has asked');
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'beside it');



=== GET and HEAD only, and errors are JSON
--- config eval: main::CONFIG_TEXT()
--- scenario
my $head = exchange("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n");

is($head->{status}, 200, 'HEAD');
is($head->{headers}{'content-length'}, 18, 'the length of what GET has');
takes_only_reads('/health');



=== unavailable while Redis is down, and ready again without a reload
--- config eval: main::CONFIG_TEXT()
--- scenario
is_health(health(), 200, 'ready', 'before');
stop_redis();
health_is(503);
is_health(health(), 503, 'unavailable', 'down');
start_redis();
health_is(200);
is_health(health(), 200, 'ready', 'back');



=== a silent Redis is unavailable, within tracker_redis_timeout
--- config eval: main::CONFIG_TEXT()
--- scenario
is_health(health(), 200, 'ready', 'before');
pause_redis();
is_health(health(), 503, 'unavailable', 'silent');
resume_redis();
health_is(200);



=== a Redis that loads its data, or denies PING, is unavailable
--- http_config
    tracker_redis $TEST_NGINX_REDIS user=probe password_file=$TEST_NGINX_SCRATCH/probe.password;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config eval: main::CONFIG_TEXT()
--- post_setup_server_root
Tracker::scratch('probe.password', 'its password');
--- scenario
redis('ACL', 'SETUSER', 'probe', 'on', '>its password', '~*', '+@all',
      '-ping');
is_health(health(), 503, 'unavailable', 'no right');
redis('ACL', 'SETUSER', 'probe', '+ping');
is_health(health(), 200, 'ready', 'a right');
redis('ACL', 'DELUSER', 'probe');
health_is(503);
--- error_log
while checking its health



=== its place is not taken by requests that wait, nor by clients that leave
--- config eval: main::CONFIG_TEXT()
--- scenario
pause_redis();

my @socks = map { connect_nginx() } 1 .. 200;
send_bytes($_, post('tracker', tracker_text('n'))) for @socks;

for (1 .. 20) {
    my $gone = connect_nginx();

    send_bytes($gone, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    close $gone;
}

resume_redis();
health_is(200);
read_response($_) for @socks;
is(health()->{status}, 200, 'ready');



=== a reload ends an old worker that asks
--- config eval: main::CONFIG_TEXT()
--- scenario
pause_redis();

my $sock = connect_nginx();
my @old = worker_pids();

send_bytes($sock, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
kill HUP => Test::Nginx::Util::get_pid_from_pidfile('health');
is(read_response($sock)->{status}, 503, 'answered');
close $sock;

my %old = map { $_ => 1 } @old;
wait_until(sub { !grep { $old{$_} } worker_pids() }, 'the old worker exits');
pass('the old worker has exited');
resume_redis();
