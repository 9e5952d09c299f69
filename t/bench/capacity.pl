# What t/bench/capacity runs.  CPU is that of the processes, as the kernel
# counts it, and so does not depend on how fast the client is.

use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use Tracker;
use Fault;

my $scale = shift @ARGV or die "how much of everything?\n";
my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());
my $path = '/v1/manage';
my (@rows, $sock);

# a phrase of so many bytes, another for each number
sub phrase {
    my ($n, $length) = @_;

    return substr sprintf('%09d', $n) x 10, 0, $length // 20;
}

sub tracker {
    my ($name, $phrases) = @_;

    return tracker_text(sprintf('tracker %07d', $name),
                        map { phrase($name * 100 + $_) } 1 .. $phrases);
}

sub ask {
    my $response = client_ask(client('one'), request(@_)) // { status => 0 };

    die "$_[0] $_[1]: $response->{status} " . substr($response->{body}, 0, 200)
        if $response->{status} !~ /^2/;
    return $response;
}

sub row {
    my ($what, $value) = @_;

    push @rows, "| $what | $value |";
}

# 12345.6 as 12,300: three digits
sub about {
    my ($n) = @_;
    my $text = sprintf '%.0f', sprintf '%.2e', $n;

    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}


# Redis

sub memory {
    redis('MEMORY', 'PURGE');
    return redis('INFO', 'memory') =~ /^used_memory:(\d+)/m ? $1 : 0;
}

sub file_size {
    return redis('INFO', 'persistence') =~ /^aof_current_size:(\d+)/m ? $1 : 0;
}

sub measure_trackers {
    my ($phrases) = @_;
    my $n = 2000 * $scale;
    my $bulk = 1000;

    redis('FLUSHALL');
    my ($memory, $file) = (memory(), file_size());

    for (my $i = 0; $i < $n; $i += $bulk) {
        ask('POST', "$path/trackers", account => 'many', body => '['
            . join(',', map { tracker($i + $_, $phrases) } 1 .. $bulk) . ']');
    }

    row("Redis, a tracker of $phrases phrases of 20 bytes (JSON: "
        . length(tracker(1, $phrases)) . ' bytes)',
        about((memory() - $memory) / $n) . ' bytes');
    row('its append-only file, until Redis rewrites it, in a bulk',
        about((file_size() - $file) / $n) . ' bytes');
}

sub measure_accounts {
    my $n = 500 * $scale;
    my (@memory, @file);

    # with one tracker, and with two
    for my $trackers (1, 2) {
        redis('FLUSHALL');
        my ($memory, $file) = (memory(), file_size());

        for my $i (1 .. $n) {
            ask('POST', "$path/tracker", account => "account $i",
                body => tracker($_, 5)) for 1 .. $trackers;
        }

        push @memory, (memory() - $memory) / $n;
        push @file, (file_size() - $file) / $n;
    }

    row('the file, a create of one tracker of 5 phrases',
        about($file[1] - $file[0]) . ' bytes');
    row('the file, an account, besides its trackers',
        about(2 * $file[0] - $file[1]) . ' bytes');

    row('Redis, an account, besides its trackers',
        about(2 * $memory[0] - $memory[1]) . ' bytes');
}

sub measure_keys {
    my $n = 500 * $scale;
    my @memory;

    for my $keys (0, 1) {
        redis('FLUSHALL');
        my $memory = memory();

        for my $i (1 .. $n) {
            ask('POST', "$path/tracker", account => 'many',
                headers => $keys ? [sprintf 'Idempotency-Key: %036d', $i] : [],
                body => tracker($i, 5));
        }

        push @memory, (memory() - $memory) / $n;
    }

    row('Redis, an Idempotency-Key of 36 bytes, for 24 hours',
        about($memory[1] - $memory[0]) . ' bytes');
}


# CPU, of the worker and of Redis

sub cpu {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or die "$pid: $!";
    my ($rest) = <$in> =~ /\) (.*)/;
    my @fields = split ' ', $rest;

    return ($fields[11] + $fields[12]) / $ticks;
}

sub redis_pid {
    return redis('INFO', 'server') =~ /^process_id:(\d+)/m ? $1 : 0;
}

# Many requests on some connections, so that the worker is never idle for long.
sub measure_cpu {
    my ($title, $n, $make) = @_;
    my ($worker) = workers();
    my @socks = map { connect_nginx() } 1 .. 8;
    my @texts = map { $make->($_) } 1 .. $n;
    my @before = map { cpu($_) } $worker, redis_pid();
    my $at = 0;

    while ($at < $n) {
        my @now = grep { $at + $_ < $n } 0 .. $#socks;

        send_bytes($socks[$_], $texts[$at + $_]) for @now;

        for (@now) {
            my $response = read_response($socks[$_]);
            die "$title: $response->{status}\n" if $response->{status} != 200;
        }

        $at += @now;
    }

    my @after = map { cpu($_) } $worker, redis_pid();
    my @rate = map { $n / (($after[$_] - $before[$_]) || 1 / $ticks) } 0, 1;

    row($title, about($rate[0]) . ' a second of a core, '
                . about($rate[1]) . ' of Redis\'');
}

sub measure_requests {
    my $n = 2000 * $scale;

    redis('FLUSHALL');
    measure_cpu('creates of 5 phrases, a worker', $n, sub {
        request('POST', "$path/tracker", account => "account $_[0]",
                body => tracker($_[0], 5));
    });

    my ($id) = ask('GET', "$path/trackers", account => 'account 1')->{body}
               =~ /"id":"(\d+)"/;

    measure_cpu('GET of one tracker', $n, sub {
        request('GET', "$path/tracker/$id", account => 'account 1');
    });

    ask('POST', "$path/trackers", account => 'hundred', body => '['
        . join(',', map { tracker($_, 5) } 1 .. 100) . ']');
    measure_cpu('GET of a list of 100', $n / 4, sub {
        request('GET', "$path/trackers", account => 'hundred');
    });
}


# the worker

sub measure_worker {
    my ($worker) = workers();

    row('a worker, after all of this', about(rss_kb($worker) / 1024) . ' MB');

    for my $i (1 .. 20) {
        ask('POST', "$path/trackers", account => "large $i", body => '['
            . join(',', map { tracker($_, 44) } 1 .. 1000) . ']');
    }

    row('a worker, after 20 bodies of a megabyte',
        about(rss_kb($worker) / 1024) . ' MB');
}

sub measure_log {
    my ($size, $lines) = (-s scratch('access.log'), 0);

    open my $in, '<', scratch('access.log') or die "access.log: $!";
    $lines++ while <$in>;
    row('the access log, a request, in the format of the sample',
        about($size / $lines) . ' bytes');
}

# the log format of the sample, and the variable that is in it
sub log_format {
    open my $in, '<', 'conf/nginx.conf' or die "conf/nginx.conf: $!";
    my $text = do { local $/; <$in> };

    return join "\n", map { $text =~ /^ +($_)/ms ? $1
                            : die "conf/nginx.conf has nothing like $_\n" }
        qr/map \$http_x_request_id \$tracker_request_id \{.*?\n +\}/s,
        qr/log_format tracker .*?;/s;
}

chdir root();
start_redis('--appendonly', 'yes', '--appendfsync', 'always',
            '--auto-aof-rewrite-percentage', '0');
start_nginx(workers => 1, http => log_format(),
            location => 'client_max_body_size 2m; access_log '
                        . scratch('access.log') . ' tracker;');

measure_trackers($_) for 5, 10, 50;
measure_accounts();
measure_keys();
measure_requests();
measure_worker();
measure_log();

print STDERR "\n";
print map { "$_\n" } '| what | measured |', '|---|---|', @rows;
stop_nginx();
