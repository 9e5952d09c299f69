package Tracker::Cluster;

# A Redis Cluster of the test's own: masters, and replicas of each.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';

use Tracker::Host qw(free_port wait_until);
use Tracker::Servers;

our @EXPORT = qw(
    start_cluster start_node settle wait_until_whole cluster_ports owner_of
    slot_of move_slot migrate_slots migrates_slots masters replica_of
    replicas_of
);

use constant SLOTS => 16384;

my (@ports, %bus);

# The ports of n nodes that may be started, from the configuration on.
sub cluster_ports {
    my ($n) = @_;

    push @ports, free_port() while @ports < $n;
    return @ports[0 .. $n - 1];
}

# One node, or one that was killed: it knows where it belongs.
sub start_node {
    my ($port, @options) = @_;

    $bus{$port} //= free_port();
    start_server($port, '--cluster-enabled', 'yes',
                 '--cluster-config-file', "nodes-$port.conf",
                 '--cluster-port', $bus{$port},
                 '--cluster-node-timeout', 1000, @options);
}

# Three masters share the slots; replicas is how many each of them has.
sub start_cluster {
    my ($replicas, @options) = @_;
    my @nodes = cluster_ports(3 + 3 * $replicas);

    start_node($_, @options) for @nodes;

    for my $i (0 .. $#nodes) {
        ask_server($nodes[$i], 'CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
        ask_server($nodes[0], 'CLUSTER', 'MEET', '127.0.0.1', $nodes[$i],
                   $bus{$nodes[$i]}) if $i;
    }

    for my $i (0 .. 2) {
        ask_server($nodes[$i], 'CLUSTER', 'ADDSLOTSRANGE',
                   int(SLOTS * $i / 3), int(SLOTS * ($i + 1) / 3) - 1);
    }

    wait_until(sub {
        !grep { ask_server($_, 'CLUSTER', 'INFO')
                !~ /^cluster_known_nodes:${\ scalar @nodes}\r$/m } @nodes;
    }, 'the nodes know each other');

    for my $i (3 .. $#nodes) {
        my $id = ask_server($nodes[($i - 3) % 3], 'CLUSTER', 'MYID');

        wait_until(sub {
            eval { ask_server($nodes[$i], 'CLUSTER', 'REPLICATE', $id) };
        }, 'a replica');
    }

    wait_until(sub {
        return 0 if grep { ask_server($_, 'CLUSTER', 'INFO')
                           !~ /^cluster_state:ok/m } @nodes;
        return 0 if grep { !is_in_sync($_) } @nodes[3 .. $#nodes];
        return @{ask_server($nodes[0], 'CLUSTER', 'SLOTS')->[0]}
               == 3 + $replicas;
    }, 'the cluster is up');
}

# Waits until all nodes that run say the same.
sub settle {
    wait_until(sub {
        my %seen = map { eval { map_of($_) } // 'down' => 1 } @ports;

        delete $seen{down};
        return keys %seen == 1;
    }, 'the nodes agree');
}

# Waits until all nodes run, agree, and each replica is in step.
sub wait_until_whole {
    wait_until(sub {
        !grep { !is_whole($_) } @ports;
    }, 'the cluster is whole');
    settle();
}

sub is_whole {
    my ($port) = @_;
    my $info = eval { ask_server($port, 'CLUSTER', 'INFO') } // '';
    my $role = eval { ask_server($port, 'ROLE') } // ['none'];

    return $info =~ /^cluster_state:ok/m
           && ($role->[0] eq 'master' ? @{$role->[2]} > 0
                                      : is_in_sync($port));
}

sub map_of {
    my ($port) = @_;

    return join ' ', sort map { "$_->[0]-$_->[1]:$_->[2][1]" }
                          @{ask_server($port, 'CLUSTER', 'SLOTS')};
}

# The slot of an account's keys.
sub slot_of {
    my ($account) = @_;
    my $crc = 0;

    for my $byte (unpack 'C*', substr sha256_hex($account), 0, 32) {
        $crc ^= $byte << 8;
        $crc = $crc & 0x8000 ? ($crc << 1 ^ 0x1021) & 0xffff
                             : $crc << 1 for 1 .. 8;
    }

    return $crc % SLOTS;
}

# What a node answers to CLUSTER SLOTS; one that copies its master's data says
# LOADING meanwhile.
sub slots_of {
    my ($port) = @_;
    my $slots;

    wait_until(sub {
        $slots = eval { ask_server($port // $ports[0], 'CLUSTER', 'SLOTS') };
        die $@ if !$slots && $@ !~ /^LOADING\b/;
        return $slots;
    }, 'the node has its data');

    return @$slots;
}

# The port of a slot's master, as a node sees it.
sub owner_of {
    my ($slot, $port) = @_;

    for my $range (slots_of($port)) {
        return $range->[2][1]
            if $slot >= $range->[0] && $slot <= $range->[1];
    }

    return 0;
}

# The ports of those that have slots.
sub masters {
    my ($port) = @_;
    my %seen = map { $_->[2][1] => 1 } slots_of($port);

    return sort keys %seen;
}

# The ports of the replicas of a slot's master.
sub replicas_of {
    my ($slot, $port) = @_;

    for my $range (slots_of($port)) {
        return map { $_->[1] } @$range[3 .. $#$range]
            if $slot >= $range->[0] && $slot <= $range->[1];
    }

    return ();
}

sub replica_of {
    my ($one) = replicas_of(@_);

    return $one;
}

# As redis-cli does it, ten keys at a time; with pause() one at a time, and it
# is called with the slot half moved.
sub move_slot {
    my ($slot, $from, $to, $pause) = @_;
    my ($source, $target) = map { ask_server($_, 'CLUSTER', 'MYID') }
                                $from, $to;

    ask_server($to, 'CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $source);
    ask_server($from, 'CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $target);
    $pause->('none') if $pause;

    for (my $n = 0; ; $n++) {
        my $keys = ask_server($from, 'CLUSTER', 'GETKEYSINSLOT', $slot,
                              $pause ? 1 : 10);

        last unless @$keys;
        ask_server($from, 'MIGRATE', '127.0.0.1', $to, '', 0, 5000, 'KEYS',
                   @$keys);
        $pause->('some') if $pause && $n == 0;
    }

    $pause->('all') if $pause;

    for my $port ($to, grep { $_ != $to } masters($to)) {
        # one that has no slot left becomes a replica by itself
        eval {
            ask_server($port, 'CLUSTER', 'SETSLOT', $slot, 'NODE', $target);
            1;
        } or $@ =~ /only with masters/ or die $@;
    }
}

# Moves the slots of a range as a whole (Valkey 9), and waits until all nodes
# know it.  Returns why it has failed, or nothing.
sub migrate_slots {
    my ($first, $last, $from, $to) = @_;
    my %newest;

    ask_server($from, 'CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', $first, $last,
               'NODE', ask_server($to, 'CLUSTER', 'MYID'));

    wait_until(sub {
        %newest = @{ask_server($from, 'CLUSTER', 'GETSLOTMIGRATIONS')->[0]};

        return $newest{state} =~ /^(?:failed|cancelled)$/
               || $newest{state} eq 'success'
                  && !grep { owner_of($first, $_) != $to } @ports;
    }, 'the slots have moved');

    return $newest{state} eq 'success' ? ()
                                       : "$newest{state}: $newest{message}";
}

# Whether the nodes can do so.
sub migrates_slots {
    return defined ask_server($ports[0], 'COMMAND', 'INFO',
                              'cluster|migrateslots')->[0];
}

1;
