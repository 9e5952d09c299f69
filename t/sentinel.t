# A master that sentinels know: it is found, and found again after a failover.

use lib 't/lib';
use Tracker;
use Tracker::Played;
use Tracker::Sentinel;
use Tracker::Servers;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use Time::HiRes qw(sleep time);

use constant SENTINELS => sentinel_ports();
use constant OTHER => Tracker::Host::free_port();    # of no sentinel

BEGIN {
    @ENV{map { "TEST_NGINX_S$_" } 1 .. 3} = SENTINELS;
    $ENV{"TEST_NGINX_$_"} = Tracker::Host::free_port()
        for qw(DOWN1 DOWN2 PLAYED1 PLAYED2 PLAYED3);
    Tracker::Host::scratch('sentinel.password', "secret\n");
}

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('http_config', <<'CONFIG' . ($block->settings // ''))
    tracker_redis 127.0.0.1:$TEST_NGINX_S1 127.0.0.1:$TEST_NGINX_S2
                  127.0.0.1:$TEST_NGINX_S3 sentinel=main;
    tracker_jwt_key $TEST_NGINX_KEY;
CONFIG
        unless defined $block->http_config;
});

no_shuffle();
run_tests();

sub create {
    my ($name, %o) = @_;

    return exchange(post('tracker', tracker_text($name), %o));
}

# A sentinel that answers with what address() says: a host and a port, or a
# reply as it is.
sub play_sentinel {
    my ($n, $address) = @_;

    return play_redis($ENV{"TEST_NGINX_PLAYED$n"}, sub {
        my ($words, $conn, $notes) = @_;
        my ($host, $port) = $address->(++$notes->{asked});

        return $host unless defined $port;
        return "*2\r\n" . join '', map { '$' . length() . "\r\n$_\r\n" }
                                        $host, $port;
    });
}

# how many trackers of these names a server has
sub held {
    my ($port, @names) = @_;

    return ask_server($port, 'EXISTS',
                      map { account_key('tester', "name:$_") } @names);
}

__DATA__

=== the master is asked for when the first command comes
--- scenario
my ($master, $replica) = group(1);

is_created(create('found'), 'found', 'the first');
is(held($master, 'found'), 1, 'at the master');
is(exchange(request('GET', '/v1/manage/trackers'))->{status}, 200, 'a list');



=== a master that is killed: commands wait for the next one
--- scenario
my ($master, $replica) = group(1);
my (@made, %status);

is_created(create('before'), 'before', 'before');
wait_until(sub { held($replica, 'before') }, 'replicated');
kill_server($master);

for my $i (1 .. 400) {
    my $response = create("k$i");

    $status{$response->{status}}++;
    push @made, "k$i" if $response->{status} == 200;
    last if agreed() == $replica && @made > 3;
}

is(join(' ', keys %status), '200', 'none fails');
is(held($replica, 'before', @made), @made + 1, 'all are there');

start_server($master, '--replicaof', '127.0.0.1', $replica);



=== a failover that leaves the old master up: it is left soon
--- scenario
my ($master, $replica) = group(1);
my %status;

is_created(create('old'), 'old', 'a connection');
is(ask_server((SENTINELS)[0], 'SENTINEL', 'FAILOVER', 'main'), 'OK', 'begun');

# one client goes on, whatever happens
my ($n, $end) = (0);

until ($end && time() > $end) {
    $status{create('f' . ++$n)->{status}}++;
    $end //= time() + 2 if agreed() == $replica;
}

is(join(' ', keys %status), '200', 'none fails');

create('after');
is(held($replica, 'after'), 1, 'at the new master');



=== a master that is stopped: there is no reset, and no answer
--- settings
    tracker_redis_timeout 30s;
    tracker_timeout 60s;
--- scenario
my ($master, $replica) = group(1);

is_created(create('stopped'), 'stopped', 'a connection');
wait_until(sub { held($replica, 'stopped') }, 'replicated');
signal_server($master, 'STOP');

# nothing else comes that would tell, and what is under way is not given up
is(create('s')->{status}, 200, 'by the next master');
is(held($replica, 's'), 1, 'which has it');
signal_server($master, 'CONT');



=== sentinels that are not there: commands wait, and fail
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_DOWN1 127.0.0.1:$TEST_NGINX_DOWN2
                  sentinel=main;
    tracker_redis_failover_timeout 1s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- main_config
--- scenario
my $start = time;
is(create('n')->{status}, 502, 'no master');
cmp_ok(time - $start, '>=', 0.9, 'it was waited for');
is(create('n')->{status}, 502, 'the next one');
--- error_log eval
qr/no sentinel says where main\@127\.0\.0\.1:\d+ is/



=== one of three sentinels is wrong
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 127.0.0.1:$TEST_NGINX_PLAYED2
                  127.0.0.1:$TEST_NGINX_PLAYED3 sentinel=main;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
start_server(OTHER);

my @right = ('127.0.0.1', $ENV{TEST_NGINX_REDIS_PORT});
my @played = (play_sentinel(1, sub { '127.0.0.1', OTHER }),
              play_sentinel(2, sub { @right }), play_sentinel(3, sub { @right }));

# every one of them is the first at some time
my $end = time() + 4.5;
my ($n, %status) = (0);

while (time() < $end) {
    $status{create('w' . ++$n)->{status}}++;
    sleep 0.1;
}

is(join(' ', keys %status), '200', 'created');
is(redis('EXISTS', map { account_key('tester', "name:w$_") } 1 .. $n), $n,
   'all where two say');
end_played(@played);
kill_server(OTHER);



=== a server that is a replica still, though it is named
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 sentinel=main;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
start_server(OTHER, '--replicaof', '127.0.0.1', $ENV{TEST_NGINX_REDIS_PORT});
wait_until(sub { is_in_sync(OTHER) }, 'a replica');

my $played = play_sentinel(1, sub { '127.0.0.1', OTHER });
my $sock = connect_nginx();
send_bytes($sock, post('tracker', tracker_text('r')));
wait_until(sub {
    ask_server(OTHER, 'INFO', 'commandstats')
        =~ /^cmdstat_role:calls=([2-9]|\d\d)/m;
}, 'it is asked again');
ok(!IO::Select->new($sock)->can_read(0), 'no command goes there');

ask_server(OTHER, 'REPLICAOF', 'NO', 'ONE');
is(read_response($sock)->{status}, 200, 'promoted');
is(held(OTHER, 'r'), 1, 'and has it');
end_played($played);
kill_server(OTHER);



=== a sentinel that knows no address, or none that can be used
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 sentinel=main;
    tracker_redis_failover_timeout 200ms;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my @replies = ("*-1\r\n", "*0\r\n", "*1\r\n\$1\r\n1\r\n", ":1\r\n",
               "+OK\r\n", "-ERR no\r\n", "-NOPERM no\r\n",
               "*2\r\n:1\r\n:2\r\n", "*2\r\n\$-1\r\n\$-1\r\n", "*9\r\n",
               "\0", "*2\r\n\$9\r\n127.0.0.1\r\n\$1\r\n0\r\n",
               "*2\r\n\$9\r\n127.0.0.1\r\n\$5\r\n65536\r\n",
               "*2\r\n\$4\r\nhost\r\n\$4\r\n6379\r\n",
               "*2\r\n\$200\r\n" . '1' x 200 . "\r\n\$4\r\n6379\r\n",
               "+OK\r\n+OK\r\n");
my $played = play_sentinel(1, sub {
    my ($n) = @_;

    return $n <= @replies ? $replies[$n - 1]
                          : ('127.0.0.1', $ENV{TEST_NGINX_REDIS_PORT});
});

is(create('n')->{status}, 502, 'none');
wait_until(sub { create('n')->{status} != 502 }, 'after all of them');
is(redis('EXISTS', account_key('tester', 'name:n')), 1, 'the right one');
end_played($played);
--- error_log eval
[qr/sentinel 127\.0\.0\.1:\d+ knows no address of "main"/,
 qr/answered "ERR no" while asking for the master/]



=== a sentinel that answers more than it was asked is one sentinel
It is not passed over together with the next one.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 127.0.0.1:$TEST_NGINX_PLAYED2
                  sentinel=main;
    tracker_redis_failover_timeout 500ms;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my @played = (play_sentinel(1, sub { "+OK\r\n+OK\r\n" }),
              play_sentinel(2, sub { '127.0.0.1',
                                     $ENV{TEST_NGINX_REDIS_PORT} }));

is(create('n')->{status}, 200, 'the other one knows');
end_played(@played);



=== sentinels are asked once a second, whatever comes
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 127.0.0.1:$TEST_NGINX_PLAYED2
                  sentinel=main;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $asked = scratch('asked', '');
my $address = sub {
    open my $out, '>>', $asked;
    print $out '.';
    return ('127.0.0.1', $ENV{TEST_NGINX_REDIS_PORT});
};
my @played = map { play_sentinel($_, $address) } 1, 2;

create('first');

# two agree on what was not known
is(-s $asked, 2, 'at first');

my $start = time;

create('x') until time - $start > 3.2;
cmp_ok(-s $asked, '<=', 2 + (time - $start), 'one a second');
cmp_ok(-s $asked, '>=', 3, 'and not never');

my $seen = -s $asked;
sleep 1.5;
is(-s $asked, $seen, 'nothing at rest');
end_played(@played);



=== sentinels with a password, and a master with another one
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 sentinel=main
                  sentinel_password_file=$TEST_NGINX_SCRATCH/sentinel.password;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
start_sentinel($ENV{TEST_NGINX_PLAYED1}, 'main', $ENV{TEST_NGINX_REDIS_PORT},
               'requirepass secret');
is(create('p')->{status}, 200, 'found');
is(redis('EXISTS', account_key('tester', 'name:p')), 1, 'there');
kill_server($ENV{TEST_NGINX_PLAYED1});



=== a reload, and an end, while no sentinel answers
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 sentinel=main;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $listener = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$ENV{TEST_NGINX_PLAYED1}", Listen => 8,
    ReuseAddr => 1) or die "listen: $!";
my $sock = connect_nginx();
my @old = worker_pids();

send_bytes($sock, post('tracker', tracker_text('e')));
IO::Select->new($listener)->can_read(60) or die "no question\n";
kill HUP => Test::Nginx::Util::get_pid_from_pidfile('sentinel');
like(read_response($sock)->{status}, qr/^50[24]$/, 'answered');
close $sock;

my %old = map { $_ => 1 } @old;
wait_until(sub { !grep { $old{$_} } worker_pids() }, 'the old worker exits');
pass('the old worker has exited');
