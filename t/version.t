use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# The version: one source, conf/debian/changelog, and where it is told.

workers(2);
log_level('notice');

run_tests();

sub version {
    open my $in, '<', 'conf/debian/changelog' or die "changelog: $!";

    return <$in> =~ /^libnginx-mod-http-tracker \(([0-9A-Za-z.+~]+)\) / && $1;
}

# What processes have said of it: id => lines, without the time.
sub told {
    my %told;

    open my $in, '<', "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log"
        or die "error.log: $!";

    for (<$in>) {
        push @{$told{$2}}, "$1 $3" if m{(\[\w+\]) (\d+)#\d+: (tracker/.*)};
    }

    return \%told;
}

# The children of the master that serve requests.
sub serving {
    return grep { open my $in, '<', "/proc/$_/cmdline" or next;
                  (<$in> // '') =~ /worker process\b/ } worker_pids();
}

sub is_told_by {
    my ($pid, $title) = @_;
    my ($version, $number) = (quotemeta version(), qr/\d+(?:\.\d+)+/);
    my @lines = @{told()->{$pid} // []};

    is(scalar @lines, 1, "$title: one line");
    like($lines[0] // '', qr{^\[notice\]\ tracker/$version\ \(nginx/$number,
                             \ hiredis/$number,\ jansson/$number\)$}x, $title);
}

__DATA__

=== each worker tells the version when it starts, and no other process
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    proxy_cache_path $TEST_NGINX_SCRATCH/cache keys_zone=cache:1m;
--- scenario
ok(version(), 'the changelog has a version');

SKIP: {
    skip 'valgrind hides which process is a worker', 1
        if ($ENV{TRACKER_WATCHED} // '') eq 'valgrind';

    my @workers = serving();
    my $master = Test::Nginx::Util::get_pid_from_pidfile('version');

    is(scalar @workers, 2, 'two workers');
    wait_until(sub { keys %{told()} >= 2 }, 'two lines');
    is_told_by($_, 'a worker') for @workers;

    kill HUP => $master;
    wait_until(sub { keys %{told()} >= 4 }, 'two more');

    my %old = map { $_ => 1 } @workers;
    my @new = grep { !$old{$_} } serving();

    is_told_by($_, 'a worker after a reload') for @new;
    is(join(' ', sort keys %{told()}), join(' ', sort @workers, @new),
       'no other process, as the cache manager');
}



=== a configuration without a tracker location: nothing else is said
--- http_config
--- config
    location /t {
        return 204;
    }
--- request
GET /t
--- error_code: 204
--- no_error_log
[alert]
[warn]
[error]
