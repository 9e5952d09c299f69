# A master that sentinels know, with two replicas: it is killed, and comes back
# when another one is the master; or the sentinels are told to change it while
# it works.
#
# Clients fight for names, each create with an Idempotency-Key and repeated
# until it is answered with 200 or 409.  Afterwards no name has two trackers;
# names, records and index fit together; what was refused is not there; other
# statuses than 429, 502 and 504 were not seen.
#
# killed: with wait=1.  Nothing that was acknowledged is lost.
#
# changed: with wait=2.  Nothing is lost either; with wait=1 some is: the
# old master goes on until a sentinel tells it, and the other replica confirms.
#
# unwaited: the same without wait=: what is lost is counted.
#
# Control: wait= is ignored.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Tracker;
use Tracker::Sentinel;
use Tracker::Servers;
use Contest;
use Fault;

use constant REPLICAS => 2;

my @options = ('--appendonly', 'yes', '--appendfsync', 'everysec');
my $redis = join(' ', map { "127.0.0.1:$_" } sentinel_ports())
            . ' sentinel=main';
my $master;

seed();
whole();

contest_of('killed', ' wait=1:500ms', amount(1, 10), \&kill_master, kept => 1);
contest_of('changed', ' wait=2:500ms', amount(1, 10), \&change, kept => 1);
contest_of('unwaited', '', amount(1, 5), \&change);

control('wait= is ignored', 'byte for byte', ['changed'],
        ['src/redis/wait.c', '!op->cmd.write ||', '1 ||']);

finish();


sub contest_of {
    my ($kind, $wait, $times, $break, %o) = @_;

    contest($kind, redis => "$redis$wait", times => $times, break => $break,
            masters => sub { $master }, creates => amount(0, 500 * $times), %o)
        if part($kind);
}

sub whole {
    ($master) = group(REPLICAS, @options);
}

sub kill_master {
    kill_server($master);
    wait_until_changed();
    whole();
}

sub change {
    wait_until(sub {
        eval { ask_server((sentinel_ports())[0], 'SENTINEL', 'FAILOVER',
                          'main') };
    }, 'a sentinel begins');
    wait_until_changed();
    whole();
}

sub wait_until_changed {
    wait_until(sub {
        my $now = agreed();

        return $now && $now != $master;
    }, 'another master');
}
