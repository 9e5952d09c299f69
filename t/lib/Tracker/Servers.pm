package Tracker::Servers;

# Redis servers and sentinels beside the one of Tracker::Redis, by their ports.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep);

use Tracker::Host qw(scratch wait_until);
use Tracker::Redis ();

our @EXPORT = qw(
    start_server start_sentinel kill_server signal_server server_runs
    ask_server is_in_sync
);

my $program = $ENV{TRACKER_REDIS_SERVER} || 'redis-server';
my %pids;

# One that keeps nothing on disk, unless the options say so: they are as on the
# command line.
sub start_server {
    my ($port, @options) = @_;

    run($port, '--port', $port, '--bind', '127.0.0.1', '--save', '',
        '--appendonly', 'no', '--maxmemory-policy', 'noeviction',
        '--repl-diskless-sync-delay', 0, '--dir', scratch(''),
        '--dbfilename', "$port.rdb", '--appenddirname', "$port.aof",
        @options);
}

# quorum 2; lines: more of its configuration
sub start_sentinel {
    my ($port, $name, $master, @lines) = @_;
    my $file = scratch("sentinel-$port.conf", join "\n",
        "port $port", 'bind 127.0.0.1', 'dir ' . scratch(''),
        "sentinel monitor $name 127.0.0.1 $master 2",
        "sentinel down-after-milliseconds $name 1000",
        "sentinel failover-timeout $name 4000", @lines, '');

    run($port, $file, '--sentinel');
}

sub run {
    my ($port, @arguments) = @_;

    $pids{$port} = fork() // die "fork: $!";

    if ($pids{$port} == 0) {
        open STDOUT, '>>', scratch("server-$port.log");
        open STDERR, '>&', \*STDOUT;
        exec($program, @arguments) or POSIX::_exit(127);
    }

    wait_until(sub {
        die "$program does not start, see " . scratch('') . "server-$port.log\n"
            if waitpid($pids{$port}, WNOHANG) != 0;

        my $reply = eval { ask_server($port, 'PING') } || $@;
        $reply =~ /PONG|NOAUTH/;
    }, "a server at port $port");
}

sub signal_server {
    my ($port, $signal) = @_;

    kill $signal => $pids{$port};
}

sub server_runs {
    my ($port) = @_;

    return exists $pids{$port};
}

sub kill_server {
    my ($port) = @_;
    my $pid = delete $pids{$port} or return;

    kill KILL => $pid;
    waitpid $pid, 0;
}

# One command on a connection of its own; dies with the words of an error.
sub ask_server {
    my ($port, @command) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
        or die "cannot connect to port $port: $!\n";

    return Tracker::Redis::redis_command($sock, @command);
}

# Whether a replica has all of its master.
sub is_in_sync {
    my ($port) = @_;
    my $info = eval { ask_server($port, 'INFO', 'replication') } // '';

    return $info =~ /^master_link_status:up/m
           && $info =~ /^master_sync_in_progress:0/m;
}

END {
    local $?;
    kill_server($_) for keys %pids;
}

1;
