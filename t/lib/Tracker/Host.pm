package Tracker::Host;

# What a test takes from the machine it runs on: a folder, ports, time.

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(LIMIT root tmp kept scratch free_port wait_until
                    times_woken);

# a wait for something that must come; it never decides how fast
use constant LIMIT => 60;

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');
my $tmp = $ENV{TRACKER_TMP} || "$root/.build/test";

make_path($tmp);
$tmp = Cwd::abs_path($tmp);

# test files may run at the same time
my $kept = "$tmp/" . basename($0, '.t');

make_path($kept);
chmod 0755, $kept;

# the path of a unix socket ends at about 100 bytes
my $dir = length($kept) < 70
          ? File::Temp::tempdir(DIR => $kept, CLEANUP => 1)
          : File::Temp::tempdir(TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

# the ports of this process, see free_port()
my @reserved;

# the checkout
sub root {
    return $root;
}

# the folder of all test files, which outlives them
sub tmp {
    return $tmp;
}

# the folder of this test file, which outlives it
sub kept {
    return $kept;
}

# A port on which nothing listens and that no other test is given while this
# one runs.  It is none of those that the kernel gives to connections: between
# two blocks, when no nginx holds the port, a client of another test could get
# it.  What reserves it is an abstract socket: like the port it belongs to the
# network namespace, and it is gone with the process.
sub free_port {
    for (1 .. 1000) {
        my $port = 10_000 + int rand 20_000;
        my $mark = IO::Socket::UNIX->new(
            Type => SOCK_DGRAM, Local => "\0tracker-test-port-$port") or next;

        IO::Socket::INET->new(LocalPort => $port, Listen => 1) or next;
        push @reserved, $mark;
        return $port;
    }

    die "no free port: $!";
}

# Writes a file of the tests; returns its path.
sub scratch {
    my ($name, $bytes, $mode) = @_;
    my $path = "$dir/$name";

    if (defined $bytes) {
        open my $out, '>:raw', $path or die "$path: $!";
        print $out $bytes;
        close $out or die "$path: $!";
        chmod $mode // 0600, $path;
    }

    return $path;
}

# How often a process has gone to sleep.
sub times_woken {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/status" or die "process $pid: $!";
    my ($n) = do { local $/; <$in> } =~ /^voluntary_ctxt_switches:\s+(\d+)/m;

    return $n;
}

sub wait_until {
    my ($condition, $what) = @_;
    my $end = time() + LIMIT;

    until ($condition->()) {
        die "waited in vain: $what\n" if time() > $end;
        sleep 0.01;
    }

    return 1;
}

1;
