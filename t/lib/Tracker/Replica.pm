package Tracker::Replica;

# A replica of the test's Redis, which must be running.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);

use Tracker::Host qw(free_port scratch wait_until);
use Tracker::Redis qw(redis redis_command redis_connect);

our @EXPORT = qw(
    start_replica stop_replica pause_replica resume_replica replica
    await_replica replica_runs written
);

my $server = $ENV{TRACKER_REDIS_SERVER} || 'redis-server';
my $dir = scratch('') =~ s{/$}{}r;
my ($pid, $port);

# Returns when it has what the master has.
sub start_replica {
    die "a replica runs already\n" if $pid;

    $port //= free_port();

    # what reaches replicas is then what was written, and nothing else
    redis('CONFIG', 'SET', 'repl-diskless-sync-delay', 0);
    redis('CONFIG', 'SET', 'repl-ping-replica-period', 3600);

    $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', "$dir/replica.log";
        open STDERR, '>&', \*STDOUT;
        exec($server, '--bind', '127.0.0.1', '--port', $port,
             '--unixsocket', "$dir/replica.sock", '--dir', $dir,
             '--dbfilename', 'replica.rdb', '--save', '', '--appendonly', 'no',
             '--replicaof', '127.0.0.1', $ENV{TEST_NGINX_REDIS_PORT})
            or POSIX::_exit(127);
    }

    await_replica();
}

# Until it follows the master, and says so.
sub await_replica {
    my $sock;

    wait_until(sub {
        die "$server does not start, see $dir/replica.log\n"
            if waitpid($pid, WNOHANG) != 0;

        $sock = redis_connect();
        redis_command($sock, 'PUBLISH', 'replica', 'are you there?');
        redis_command($sock, 'WAIT', 1, 1000) == 1;
    }, 'the replica is in sync');
}

sub stop_replica {
    return unless $pid;

    kill KILL => $pid;
    waitpid $pid, 0;
    unlink "$dir/replica.sock";
    undef $pid;
}

sub pause_replica {
    kill STOP => $pid;
}

sub resume_replica {
    kill CONT => $pid if $pid;
}

sub replica_runs {
    return defined $pid;
}

# One command on a connection of its own.
sub replica {
    my $sock = IO::Socket::UNIX->new(Peer => "$dir/replica.sock")
        or die "cannot connect to the replica: $!\n";

    return redis_command($sock, @_);
}

# How many bytes the master has written for replicas so far.
sub written {
    my ($offset) = redis('INFO', 'replication')
                   =~ /^master_repl_offset:(\d+)/m;

    return $offset;
}

END {
    local $?;
    stop_replica();
}

1;
