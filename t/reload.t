use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

workers(2);

run_tests();

# Reloads; returns when every worker that ran before accepts no more.
sub reload {
    my $master = Test::Nginx::Util::get_pid_from_pidfile('reload');
    my %old = map { $_ => 1 } worker_pids();

    kill HUP => $master;
    wait_until(sub { 2 == grep { !$old{$_} } worker_pids() }, 'new workers');
    wait_until(sub { !grep { !is_leaving($_) } keys %old },
               'old workers leave');

    return keys %old;
}

# it has closed its listening sockets
sub is_leaving {
    my ($pid) = @_;
    my %listening;

    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    while (<$in>) {
        my ($state, $inode) = (split)[3, 9];
        $listening{"socket:[$inode]"} = 1 if $state eq '0A';
    }

    return !grep { $listening{readlink // ''} } glob "/proc/$pid/fd/*";
}

sub wait_for_exit {
    my %old = map { $_ => 1 } @_;

    wait_until(sub { !grep { $old{$_} } worker_pids() }, 'old workers exit');
    pass('old workers are gone');
}

# seconds, while timeouts of this module are 20 s and more
sub exits_soon {
    my ($since, @old) = @_;

    wait_for_exit(@old);
    cmp_ok(time - $since, '<', 12, 'before any timeout of a request is over');
}

sub lost_redis {
    my $log = join '', @{Test::Nginx::Util::error_log_data()};

    return $log =~ /could not connect to/;
}

__DATA__

=== a request whose body is under way is finished by the old worker
--- scenario
my $text = post('tracker', tracker_text('slow'));
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, -5);
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

my @old = reload();
is_created(exchange(post('tracker', tracker_text('new'), account => 'new')),
           'new', 'a new worker');
is(exchange(post('tracker', tracker_text('x')))->{status}, 429,
   'the lock is still held');

send_bytes($sock, substr $text, -5);
is_created(read_response($sock), 'slow', 'the old worker');
close $sock;
wait_for_exit(@old);
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== idle connections to Redis do not keep an old worker
--- scenario
my @texts = map { post('tracker', tracker_text('n'), account => $_) } 1 .. 8;

is($_->{status}, 200, 'created') for parallel(@texts);
wait_for_exit(reload());



=== a client that goes away from an old worker leaves no lock
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

my @old = reload();
close $sock;
wait_for_exit(@old);
is(redis('EXISTS', lock_key()), 0, 'no lock is left');
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'next');



=== reloads under load lose no request
--- scenario
my $i = 0;

for my $round (1 .. 3) {
    my @socks = map { connect_nginx() } 1 .. 10;

    send_bytes($_, post('tracker', tracker_text('n'),
                        account => 'account ' . $i++)) for @socks;
    my @old = reload();

    is($_ && $_->{status}, 200, "round $round")
        for map { read_response($_) } @socks;
    close $_ for @socks;
    wait_for_exit(@old);
}



=== a large bulk is finished by an old worker that waits for nothing else
--- scenario
my $text = post('trackers', '[' . join(',', map { tracker_text("t$_", 'p') }
                                                1 .. 20_000) . ']');
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, -5);
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');

# the worker finds the last bytes and the reload at the same time
my $master = Test::Nginx::Util::get_pid_from_pidfile('reload');
my @old = worker_pids();

kill STOP => @old;
send_bytes($sock, substr $text, -5);
kill HUP => $master;
wait_until(sub { worker_pids() > @old }, 'new workers');

# the master lets these start before it tells the old ones
select undef, undef, undef, 0.5;
kill CONT => @old;

my $response = read_response($sock);
is($response && $response->{status}, 200, 'created');
close $sock;
wait_for_exit(@old);
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== an old worker that waits for a silent Redis ends at its timeout
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_timeout 1s;
        client_max_body_size 1m;
    }
--- scenario
is_created(exchange(post('tracker', tracker_text('before'))), 'before', 'up');
pause_redis();

my $sock = connect_nginx();
send_bytes($sock, post('tracker', tracker_text('n')));
my @old = reload();

my $response = read_response($sock);
is($response->{status}, (silence($response))[0], 'answered');
close $sock;
resume_redis();
wait_for_exit(@old);



=== worker_shutdown_timeout ends what does not end
--- main_config
    worker_shutdown_timeout 1s;
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');
wait_for_exit(reload());
wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');
pass('the lock is free');



=== no old worker outlives worker_shutdown_timeout to give back a lock
--- main_config
    worker_shutdown_timeout 1s;
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_timeout 20s;
        client_max_body_size 1m;
    }
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');
stop_redis();

my $start = time;
exits_soon($start, reload());



=== nor a lock that a client left behind before
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_timeout 20s;
        tracker_redis_timeout 20s;
        client_max_body_size 1m;
    }
--- scenario
# a replica takes no writes
for my $outage ([\&stop_redis, \&start_redis],
                [\&pause_redis, \&resume_redis],
                [sub { redis('REPLICAOF', '127.0.0.1', 1) },
                 sub { redis('REPLICAOF', 'NO', 'ONE') }])
{
    my ($begin, $end) = @$outage;
    my $sock = connect_nginx();

    send_bytes($sock, post('tracker', '', length => 100));
    wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');
    $begin->();
    close $sock;

    # the release waits when the worker has seen that the client is gone
    select undef, undef, undef, 0.5;

    my $start = time;
    exits_soon($start, reload());
    $end->();
    redis('FLUSHALL');
}



=== nor a create that a client left behind, and that was lost with Redis
There is no connection by which nginx could tell that the worker is to end.
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_redis_timeout 30s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $text = post('tracker', tracker_text('n'));
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, -5);
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');
pause_redis();
send_bytes($sock, substr $text, -5);
exchange(post('x', '{}')) for 1 .. 4;
close $sock;

# the worker has seen that the client is gone
select undef, undef, undef, 0.5;

stop_redis();
wait_until(\&lost_redis, 'the connection is lost');

my $start = time;
exits_soon($start, reload());



=== nor a create that was lost with Redis
--- main_config
    worker_shutdown_timeout 1s;
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_redis_timeout 30s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $text = post('tracker', tracker_text('n'));
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, -5);
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');
pause_redis();
send_bytes($sock, substr $text, -5);

# answered by either worker, behind the create if it is by the same one
exchange(post('x', '{}')) for 1 .. 4;
stop_redis();
wait_until(\&lost_redis, 'the connection is lost');

my $start = time;
exits_soon($start, reload());
