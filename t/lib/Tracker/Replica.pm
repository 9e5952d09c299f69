package Tracker::Replica;

# A replica of the test's Redis, which must be running.

use strict;
use warnings;

use Exporter 'import';

use Tracker::Host qw(free_port wait_until);
use Tracker::Redis qw(redis redis_command redis_connect);
use Tracker::Servers;

our @EXPORT = qw(
    start_replica stop_replica pause_replica resume_replica replica
    await_replica replica_runs written
);

my $port;

# Returns when it has what the master has.
sub start_replica {
    die "a replica runs already\n" if replica_runs();

    $port //= free_port();

    # what reaches replicas is then what was written, and nothing else
    redis('CONFIG', 'SET', 'repl-diskless-sync-delay', 0);
    redis('CONFIG', 'SET', 'repl-ping-replica-period', 3600);

    start_server($port, '--replicaof', '127.0.0.1',
                 $ENV{TEST_NGINX_REDIS_PORT});
    await_replica();
}

# Until it follows the master, and says so.
sub await_replica {
    my $sock;

    wait_until(sub {
        $sock = redis_connect();
        redis_command($sock, 'PUBLISH', 'replica', 'are you there?');
        redis_command($sock, 'WAIT', 1, 1000) == 1;
    }, 'the replica is in sync');
}

sub stop_replica {
    kill_server($port) if $port;
}

sub pause_replica {
    signal_server($port, 'STOP');
}

sub resume_replica {
    signal_server($port, 'CONT') if replica_runs();
}

sub replica_runs {
    return $port && server_runs($port);
}

# One command on a connection of its own.
sub replica {
    return ask_server($port, @_);
}

# How many bytes the master has written for replicas so far.
sub written {
    my ($offset) = redis('INFO', 'replication')
                   =~ /^master_repl_offset:(\d+)/m;

    return $offset;
}

1;
