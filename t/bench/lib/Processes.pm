package Processes;

# The processes of one server: starts them, ends them, and reads what they
# have used of CPU and memory.

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

my %running;
my $owner = $$;


# Which of the CPUs that we may use runs what.  Where a server and its clients
# run decides much of what it costs them to wake each other, and the kernel would
# place them anew in every run.

use constant { REDIS_CPU => 0, SERVER_CPU => 1 };

my @cpus = map { /(\d+)-(\d+)/ ? $1 .. $2 : $_ }
               split /,/, (slurp('/proc/self/status')
                           =~ /^Cpus_allowed_list:\s*(\S+)/m)[0];


# What runs a command on one of them, or on any where there is no such one.

sub pinned {
    my ($cpu, @command) = @_;

    return defined $cpu && defined $cpus[$cpu]
           ? ('taskset', '-c', $cpus[$cpu], @command) : @command;
}


# What runs a client whose times are of interest while its server's CPU is never
# idle: ahead of all others, as a client on another machine is.  Else the kernel
# would let it wait for the end of the server's time slice, some milliseconds.

sub elsewhere {
    my (@command) = @_;

    return system('chrt -f 1 true 2>/dev/null') == 0
           ? (qw(chrt -f 1), @command) : @command;
}


# Starts a command whose output goes to a file; returns the object.

sub start {
    my ($class, $log, @command) = @_;

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null' or die "/dev/null: $!\n";
        open STDOUT, '>', $log or die "$log: $!\n";
        open STDERR, '>&', \*STDOUT or die "$log: $!\n";
        exec @command or print "$command[0]: $!\n";
        POSIX::_exit(1);
    }

    $running{$pid} = 1;

    return bless { pid => $pid, log => $log }, $class;
}


# Waits until the code returns true.

sub wait_for {
    my ($self, $what, $code) = @_;
    my $end = time + 30;

    until ($code->()) {
        if (waitpid($self->{pid}, 1) == $self->{pid}) {
            delete $running{$self->{pid}};
            die "$what ended, see $self->{log}\n";
        }

        die "$what does not answer, see $self->{log}\n" if time > $end;
        sleep 0.05;
    }

    return $self;
}


sub stop {
    my ($self) = @_;

    end_process($self->{pid});
}


sub end_process {
    my ($pid) = @_;
    my $end = time + 10;

    return unless delete $running{$pid};

    kill 'TERM', $pid;

    while (waitpid($pid, 1) == 0) {
        if (time > $end) {
            kill 'KILL', family($pid);
            $end = time + 10;
        }

        sleep 0.02;
    }
}


# Waits until it ends by itself; returns what it has printed.

sub finish {
    my ($self) = @_;

    waitpid $self->{pid}, 0;
    delete $running{$self->{pid}};

    die "a process failed, see $self->{log}\n" if $?;

    return slurp($self->{log});
}


END {
    my $status = $?;

    if ($$ == $owner) {
        end_process($_) for keys %running;
    }

    $? = $status;
}


# The pids: the one that was started and all below it.

sub pids {
    my ($self) = @_;

    return family($self->{pid});
}


sub family {
    my @found = @_;
    my %children;

    for (glob '/proc/[0-9]*/stat') {
        my $stat = slurp($_) // next;
        my ($pid, $parent) = $stat =~ /^(\d+) \(.*\) \S (\d+)/s or next;
        push @{ $children{$parent} }, $pid;
    }

    for (my $i = 0; $i < @found; $i++) {
        push @found, @{ $children{ $found[$i] } || [] };
    }

    return @found;
}


# Seconds on a CPU so far, kernel and threads included.  schedstat counts
# nanoseconds, stat ticks of 10 ms.

sub cpu {
    my ($self) = @_;
    my $seconds = 0;

    for my $pid ($self->pids) {
        my @threads = glob "/proc/$pid/task/*/schedstat";

        if (@threads) {
            for (@threads) {
                my ($ns) = split ' ', slurp($_) // '0';
                $seconds += $ns / 1e9;
            }

            next;
        }

        my $stat = slurp("/proc/$pid/stat") // next;
        my @field = split ' ', $stat =~ s/.*\) //sr;
        $seconds += ($field[11] + $field[12]) / 100;
    }

    return $seconds;
}


# The largest resident size, in bytes, that one of the processes has reached
# since forget_peak().

sub peak {
    my ($self) = @_;
    my $most = 0;

    for my $pid ($self->pids) {
        my ($kb) = (slurp("/proc/$pid/status") // '') =~ /^VmHWM:\s+(\d+)/m;
        $most = $kb * 1024 if $kb && $kb * 1024 > $most;
    }

    return $most;
}


sub forget_peak {
    my ($self) = @_;

    for my $pid ($self->pids) {
        open my $out, '>', "/proc/$pid/clear_refs" or next;
        print $out '5';
        close $out;
    }
}


sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or return undef;
    local $/;

    return scalar <$in>;
}


1;
