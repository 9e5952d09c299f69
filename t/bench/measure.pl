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

my ($contenders, $workloads, $rounds, $seconds, $save, $other) = @ARGV;

# as it is before anything runs
my $machine = Report::machine("medians of $rounds x $seconds s");

my $bench = "$ENV{PROJECT}/t/bench";
my $build = "$ENV{PROJECT}/.build/bench";

my ($modules) = `nginx -V 2>&1` =~ /--modules-path=(\S+)/;

my %files = (
    bench   => $bench,
    build   => $build,
    floor   => "$build/floor/ngx_http_floor_module.so",
    key     => "$build/jwt.key",
    module  => "$ENV{PROJECT}/.build/ngx_http_tracker_module.so",
    other   => $other,
    modules => $modules,
);

$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP PIPE);

umask 077;
write_file('jwt.key', Contender::KEY);
write_file('tokens', map { Contender::token($_) . "\n" }
                         1 .. Contender::ACCOUNTS);

my @workloads = Workload->select(split /,/, $workloads);
my $redis = RedisServer->new("$bench/redis/redis.conf", Contender::SOCKET,
                             $contenders =~ /\bmodule-tls\b/
                             && Contender::free_port());
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
                          . "Redis %7.1f us, at most %.2f ms, p50 %.2f ms, "
                          . "p99 %.2f ms%s\n",
                          $round, $rounds, $workload->{name},
                          $contender->{title}, $result->{rate},
                          $result->{cpu} * 1e6, $result->{redis_cpu} * 1e6,
                          $result->{longest}, $result->{p50}, $result->{p99},
                          warnings_of($result);
        }
    }
}

Report::write(\@workloads, \@contenders, \%results, $machine,
              $save && $bench);

exit 0;


# Returns what was measured, or nothing where the contender does not take part.
# The answer is looked at before and afterwards: wrk only tells those of 400 and
# up from the others.

sub measure {
    my ($workload, $contender) = @_;
    my $name = $contender->{name};

    # one takes a tracker only where it is one of many, others take no texts
    return if $workload->of_text && $name =~ /^(?:lua|lua-one|redis)$/;
    return if $contender->{texts} && !$workload->{phrases};
    return if $workload->{contenders}
              && $name !~ /^(?:$workload->{contenders})$/;

    $redis->command('FLUSHALL', 'SYNC');

    if ($name eq 'redis') {
        return if $workload->{status} == 400 || $workload->{beside};

        my @command = redis_command($workload);

        unless ($contender->{warm}{$workload->{name}}++) {
            run_load(@command);
            $redis->command('FLUSHALL', 'SYNC');
        }

        return sample($workload, $contender, @command);
    }

    my $path = $name eq 'floor'
               ? '/' : $workload->prepare($contender, Contender::ACCOUNTS);
    my @command = wrk_command($workload, $contender, $path);

    check($workload, $contender, $path);
    $redis->command('FLUSHALL', 'SYNC') if $workload->{once};

    # first code is compiled and memory is mapped
    unless ($contender->{warm}{$workload->{name}}++) {
        run_load(map { s/^-d.*/-d1s/r } @command);
        $redis->command('FLUSHALL', 'SYNC') unless $workload->{before};
    }

    my $result = $workload->{beside}
                 ? sample_beside($workload, $contender, @command)
                 : sample($workload, $contender, @command);

    $redis->command('FLUSHALL', 'SYNC') if $workload->{once};
    check($workload, $contender, $path);

    return $result;
}


# dies where an answer is not what it should be

sub check {
    my ($workload, $contender, $path) = @_;

    if ($contender->{name} eq 'floor') {
        my $text = body_for_floor($workload);
        my ($status, $body) = $contender->exchange('POST', $path, 1, $text);

        die "floor, $workload->{name}: status $status, @{[length $body]} "
            . "bytes for @{[length $text]}\n"
            unless $status == 200 && length $body == length $text;

    } elsif (!eval { $workload->check($contender, $path); 1 }) {
        die "$contender->{name}, $workload->{name}: $@";
    }

    # the server may close it before it is used again
    $contender->disconnect;
}


# as many bytes as the answers of the others have, about

sub body_for_floor {
    my ($workload) = @_;

    return $workload->{text} || 'x' x $workload->{bytes};
}


sub sample {
    my ($workload, $contender, @command) = @_;
    my $server = $contender->{processes};

    $server->forget_peak if $server;
    $redis->watch;

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
        longest   => $redis->longest,
        peak      => $server ? $server->peak : 0,
        lost      => $got{lost},
        wrong     => wrong($workload, $contender, %got),
    };
}


# The share of answers that were not of the expected sort, under 400 or not; the
# floor has one answer to all.

sub wrong {
    my ($workload, $contender, %got) = @_;

    my $refused = $got{refused} / $got{requests};

    return $workload->{status} < 400 || !$contender->{lock}
           ? $refused : 1 - $refused;
}


# alone first, then beside the other load; what is reported is the latter

sub sample_beside {
    my ($workload, $contender, @command) = @_;

    @command = Processes::elsewhere(@command);

    my $alone = sample($workload, $contender, @command);
    my ($other) = Workload->select($workload->{beside});

    $other->{connections} = 1;
    $redis->command('FLUSHALL', 'SYNC');
    $other->prepare($contender, 0, Contender::ACCOUNTS)
        if $other->{phrases} && $contender->{name} ne 'floor';
    $contender->disconnect;

    my @load = wrk_command($other, $contender, $contender->{name} eq 'floor'
                                               ? '/' : $other->{path},
                           Contender::ACCOUNTS, 1,
                           $seconds * ($workload->{times} // 1) + 1);
    my $load = Processes->start('beside', @load);

    sleep 0.3;

    my $result = sample($workload, $contender, @command);
    my %got = results($load->finish);

    die "$contender->{name}: the load beside $workload->{name} had no answers, "
        . "or wrong ones\n"
        if !$got{requests} || $got{lost} || wrong($other, $contender, %got);

    $result->{alone} = $alone->{p99};

    return $result;
}


sub warnings_of {
    my ($result) = @_;
    my $text = '';

    $text .= sprintf ', %.2f %% WRONG', 100 * $result->{wrong}
        if $result->{wrong};
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
        write_file($file, "POST $path\n", body_for_floor($workload));
    }

    $first //= 1;
    $count //= $workload->{accounts} // Contender::ACCOUNTS - 1;

    # with the server, as a client that waits for it; the other load has both
    my $cpu = defined $duration ? undef : Processes::SERVER_CPU;

    $duration //= $seconds * ($workload->{times} // 1);

    return (Processes::pinned($cpu, 'wrk'), '-t1',
            "-c$workload->{connections}", "-d${duration}s", '--timeout', '30s',
            '-s', "$bench/wrk.lua", "http://127.0.0.1:$contender->{port}/",
            '--', $file, 'tokens', $first, $count);
}


# the module's record of a tracker is what it sends in answer

sub redis_command {
    my ($workload) = @_;

    return (Processes::pinned(Processes::SERVER_CPU, './redis_alone'),
            Contender::SOCKET,
            "$ENV{PROJECT}/src/store/lua", $workload->{mode},
            $workload->{trackers},
            int($workload->{bytes} / $workload->{trackers}) + 24,
            $workload->{connections}, $seconds);
}


sub run_load {
    my (@command) = @_;

    open my $out, '-|', @command or die "$command[0]: $!\n";
    my $text = do { local $/; <$out> };
    close $out or die "$command[0] failed: $text\n";

    return results($text);
}


# the line that wrk.lua and redis_alone print

sub results {
    my ($text) = @_;
    my ($line) = $text =~ /^bench (.*)/m or die "no results: $text\n";

    return map { split /=/ } split ' ', $line;
}


sub write_file {
    my ($file, @text) = @_;

    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out @text;
    close $out or die "$file: $!\n";
}
