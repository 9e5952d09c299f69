# Starts the contenders, measures them in turn, and reports.  Run by
# t/bench/run, in .build/bench.

use strict;
use warnings;

use Time::HiRes qw(sleep time);

use Contender;
use Processes;
use RedisServer;
use Report;
use Workload;

my ($contenders, $workloads, $rounds, $seconds, $save) = @ARGV;

my $bench = "$ENV{PROJECT}/t/bench";
my $build = "$ENV{PROJECT}/.build/bench";

my ($modules) = `nginx -V 2>&1` =~ /--modules-path=(\S+)/;

my %files = (
    bench   => $bench,
    build   => $build,
    floor   => "$build/floor/ngx_http_floor_module.so",
    key     => "$build/jwt.key",
    module  => "$ENV{PROJECT}/.build/ngx_http_tracker_module.so",
    modules => $modules,
);

$SIG{INT} = $SIG{TERM} = sub { exit 1 };

umask 077;
write_file('jwt.key', Contender::KEY);
write_file('tokens', map { Contender::token($_) . "\n" }
                         1 .. Contender::ACCOUNTS);

my @workloads = Workload->select(split /,/, $workloads);
my $redis = RedisServer->new("$bench/redis/redis.conf", Contender::SOCKET);
my (@contenders, %results);

for my $round (1 .. $rounds) {

    # processes differ, even of the same program: new ones in each round
    $_->stop for @contenders;
    @contenders = map { Contender->new($_, $redis, \%files) }
                      split /,/, $contenders;

    for my $workload (@workloads) {

        # another one is first in each round
        my @turn = @contenders;
        push @turn, shift @turn for 1 .. ($round - 1) % @turn;

        for my $contender (@turn) {
            my $result = measure($workload, $contender) or next;

            $results{$workload->{name}}{$contender->{name}}[$round - 1]
                = $result;

            printf STDERR "%d/%d %-4s %-24s %8.0f requests/s, CPU %8.1f us, "
                          . "Redis %7.1f us, p99 %.2f ms%s\n",
                          $round, $rounds, $workload->{name},
                          $contender->{title}, $result->{rate},
                          $result->{cpu} * 1e6, $result->{redis_cpu} * 1e6,
                          $result->{p99}, warnings_of($result);
        }
    }
}

Report::write(\@workloads, \@contenders, \%results, $rounds, $seconds,
              $save && $bench);

exit 0;


# Returns what was measured, or nothing where the contender does not take part.

sub measure {
    my ($workload, $contender) = @_;
    my $name = $contender->{name};

    $redis->command('FLUSHALL', 'SYNC');

    if ($name eq 'redis') {
        return if $workload->{status} == 400 || $workload->{beside};
        return sample($workload, $contender, redis_command($workload));
    }

    my $path = $workload->{path};

    if ($name eq 'floor') {
        $path = '/';

    } elsif ($contender->{skipped}{$workload->{name}}) {
        return;

    } else {
        $path = $workload->prepare($contender, Contender::ACCOUNTS);

        unless (eval { $workload->check($contender, $path) // die }) {
            die "$name, $workload->{name}: $@" if $@;

            print STDERR "$workload->{name} is left out for $name: it has no "
                         . "$workload->{method} $path\n";
            $contender->{skipped}{$workload->{name}} = 1;
            return;
        }
    }

    my @command = wrk_command($workload, $contender, $path);

    # first code is compiled and memory is mapped
    unless ($contender->{warm}{$workload->{name}}++) {
        run_load(map { s/^-d.*/-d1s/r } @command);
        $redis->command('FLUSHALL', 'SYNC') unless $workload->{before};
    }

    return sample($workload, $contender, @command) unless $workload->{beside};

    return sample_beside($workload, $contender, @command);
}


sub sample {
    my ($workload, $contender, @command) = @_;
    my $server = $contender->{processes};

    $server->forget_peak if $server;

    my @before = map { $_ ? $_->cpu : 0 } $server, $redis->{processes};
    my %got = run_load(@command);

    sleep 0.05;

    my @after = map { $_ ? $_->cpu : 0 } $server, $redis->{processes};

    my $done = $got{requests} or die "no request was answered\n";

    return {
        rate      => $done / $got{us} * 1e6,
        p50       => $got{p50} / 1000,
        p99       => $got{p99} / 1000,
        cpu       => ($after[0] - $before[0]) / $done,
        redis_cpu => ($after[1] - $before[1]) / $done,
        peak      => $server ? $server->peak : 0,
        lost      => $got{lost},
        wrong     => wrong($workload, $contender, %got),
    };
}


# The share of answers that were not the expected ones: wrk tells those of 400
# and up from the others.

sub wrong {
    my ($workload, $contender, %got) = @_;

    return 0 if !$contender->{lock};

    my $refused = $got{refused} / $got{requests};

    return $workload->{status} == 200 ? $refused : 1 - $refused;
}


# alone first, then beside the other load; what is reported is the latter

sub sample_beside {
    my ($workload, $contender, @command) = @_;
    my $alone = sample($workload, $contender, @command);
    my ($other) = Workload->select($workload->{beside});

    $other->{connections} = 1;
    $redis->command('FLUSHALL', 'SYNC');

    my @load = wrk_command($other, $contender, $contender->{name} eq 'floor'
                                               ? '/' : $other->{path},
                           Contender::ACCOUNTS, 1, $seconds + 1);
    my $load = Processes->start('beside', @load);

    sleep 0.3;

    my $result = sample($workload, $contender, @command);

    $load->stop;
    $result->{alone} = $alone->{p99};

    return $result;
}


sub warnings_of {
    my ($result) = @_;
    my $text = '';

    $text .= sprintf ', %.2f %% WRONG', 100 * $result->{wrong}
        if $result->{wrong} > 0.001;
    $text .= ", $result->{lost} LOST" if $result->{lost};
    $text .= sprintf ', alone %.2f ms', $result->{alone}
        if defined $result->{alone};

    return $text;
}


# Accounts from first on, count of them; without these all but the last one.

sub wrk_command {
    my ($workload, $contender, $path, $first, $count, $duration) = @_;
    my $file = "run/$contender->{name}/request";

    $file .= "-$workload->{name}";
    write_file($file, "$workload->{method} $path\n", $workload->{text});

    if ($contender->{name} eq 'floor') {
        write_file($file, "POST $path\n",
                   $workload->{text} || 'x' x $workload->{bytes});
    }

    $first //= 1;
    $count //= $workload->{accounts} // Contender::ACCOUNTS - 1;

    return ('wrk', '-t1', "-c$workload->{connections}",
            '-d' . ($duration // $seconds) . 's', '--timeout', '30s',
            '-s', "$bench/wrk.lua", "http://127.0.0.1:$contender->{port}/",
            '--', $file, 'tokens', $first, $count);
}


# the module's record of a tracker is what it sends in answer

sub redis_command {
    my ($workload) = @_;

    return ('./redis_alone', Contender::SOCKET,
            "$ENV{PROJECT}/src/lua/create.lua", $workload->{mode},
            $workload->{trackers},
            int($workload->{bytes} / $workload->{trackers}) + 24,
            $workload->{connections}, $seconds);
}


sub run_load {
    my (@command) = @_;

    open my $out, '-|', @command or die "$command[0]: $!\n";
    my $text = do { local $/; <$out> };
    close $out or die "$command[0] failed: $text\n";

    my ($line) = $text =~ /^bench (.*)/m or die "$command[0]: $text\n";

    return map { split /=/ } split ' ', $line;
}


sub write_file {
    my ($file, @text) = @_;

    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out @text;
    close $out or die "$file: $!\n";
}
