package Tracker::Sentinel;

# A master of the test's own, its replicas, and three sentinels that know them
# as "main".

use strict;
use warnings;

use Exporter 'import';

use Tracker::Host qw(free_port wait_until);
use Tracker::Servers;

our @EXPORT = qw(group sentinel_ports agreed);

my (@servers, @sentinels);

sub sentinel_ports {
    push @sentinels, free_port() while @sentinels < 3;
    return @sentinels;
}

# Starts those that do not run, with options as start_server() has them, and
# waits until all is well.  Returns the ports of the master and its replicas.
sub group {
    my ($replicas, @options) = @_;
    my ($master, @others);

    push @servers, free_port() while @servers <= $replicas;

    if (!grep { eval { ask_server($_, 'PING') } } sentinel_ports()) {
        start_server($servers[0], @options);
        start_server($_, '--replicaof', '127.0.0.1', $servers[0], @options)
            for @servers[1 .. $replicas];
        start_sentinel($_, 'main', $servers[0]) for @sentinels;
    }

    for my $port (@servers) {
        eval { ask_server($port, 'PING') } or start_server($port, @options);
    }

    wait_until(sub {
        $master = agreed() or return 0;
        @others = grep { $_ != $master } @servers;
        return !grep({ !is_in_sync($_) } @others)
               && !grep { !is_well($_) } @sentinels;
    }, 'the sentinels agree');

    return ($master, @others);
}

# The port that all sentinels say, or 0.
sub agreed {
    my %said = map { master_by($_) => 1 } @sentinels;

    return keys %said == 1 ? (keys %said)[0] : 0;
}

sub master_by {
    my ($sentinel) = @_;

    return ask_server($sentinel, 'SENTINEL', 'get-master-addr-by-name',
                      'main')->[1];
}

# Whether a sentinel sees all of the others, and each replica as one.
sub is_well {
    my ($sentinel) = @_;
    my %master = @{ask_server($sentinel, 'SENTINEL', 'master', 'main')};
    my @replicas = @{ask_server($sentinel, 'SENTINEL', 'replicas', 'main')};

    return $master{flags} eq 'master' && $master{'num-other-sentinels'} == 2
           && @servers - 1 == grep {
                  my %replica = @$_;

                  $replica{flags} eq 'slave'
                      && $replica{'master-link-status'} eq 'ok';
              } @replicas;
}

1;
