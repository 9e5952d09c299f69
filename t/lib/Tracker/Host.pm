package Tracker::Host;

# What a test takes from the machine it runs on: a folder, ports, time.

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(LIMIT root tmp scratch free_port wait_until);

# a wait for something that must come; it never decides how fast
use constant LIMIT => 60;

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');
my $tmp = $ENV{TRACKER_TMP} || "$root/.build/test";

make_path($tmp);
$tmp = Cwd::abs_path($tmp);

# the path of a unix socket ends at about 100 bytes
my $dir = length($tmp) < 70
          ? File::Temp::tempdir(DIR => $tmp, CLEANUP => 1)
          : File::Temp::tempdir(TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

# the checkout
sub root {
    return $root;
}

# the folder of all test files, which outlives them
sub tmp {
    return $tmp;
}

sub free_port {
    my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $!";

    return $sock->sockport;
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
