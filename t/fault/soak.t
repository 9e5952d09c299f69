# Reloads every second under load: no request fails, nothing is left.
#
# Clients create trackers, on new connections and on kept ones, while nginx is
# reloaded every second.  No request may fail: a kept connection that nginx
# closes while it is idle is no failure, its request is sent again on another.
# At the end no old worker is left, and the memory and the descriptors of the
# master are what they were.  Then one worker runs without reloads: its memory
# and descriptors must stay flat.
#
# Controls: a txn that keeps its memory; a connection to Redis that is not
# ended with its worker; a request that dies with its worker.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Fault;

use constant CLIENTS => 3;
use constant WORKERS => 2;

my (%count, @wrong, $round);

seed();
start_redis();

reloads(amount(15, 60)) if part('reloads');
steady(amount(8, 40)) if part('steady');

control('a txn keeps its memory', 'memory', ['steady'],
        ['src/store/txn.c', 'ctx->freed = 1;', 'return;']);
control('a connection to Redis outlives its worker', 'log|left|descriptors',
        ['reloads'],
        ['src/redis/lane.c', 'c->idle = 1;', 'c->idle = 0;'],
        ['src/redis/node.c', 'node->stage = NGX_REDIS_STOPPED;',
         "if (node->stage == NGX_REDIS_RUNNING) {\n        return;\n    }"]);

finish();


sub reloads {
    my ($seconds) = @_;

    start_nginx(workers => WORKERS);
    play(2, sub { });

    my $master = master_pid();
    my @before = (rss_kb($master), descriptors($master));
    my ($n, %old) = 0;

    play($seconds, sub {
        @old{workers()} = ();
        reload_nginx();
        $n++;
    });

    note("$n reloads, " . join ', ', map { "$count{$_} x $_" }
                                     sort keys %count);
    none('reloads: every request is answered with 200', splice @wrong);
    cmp_ok($count{200}, '>', 100 * $seconds ** 0.5, 'reloads: under load');

    # the last generation stays
    wait_until(sub {
        my @now = workers();
        @now == WORKERS && !grep { exists $old{$_} } @now;
    }, 'old workers leave');
    pass('reloads: no old worker is left');

    my @after = (rss_kb($master), descriptors($master));

    note("master: $before[0] KB, $before[1] descriptors before, "
         . "$after[0] KB, $after[1] descriptors after");
    cmp_ok($after[0], '<=', $before[0] + 1024 + 20 * $n,
           'reloads: the memory of the master stays')
        if $ENV{TEST_NGINX_LOAD_MODULES};
    is($after[1], $before[1], 'reloads: the descriptors of the master stay');

    ok(stop_nginx(), 'reloads: nginx ends');
    is_consistent('reloads: names, records and index fit together');
    log_is_clean('reloads: nothing worse than an error in the log');
}

sub steady {
    my ($seconds) = @_;

    start_nginx(workers => 1);
    play(3, sub { });

    my ($worker) = workers();
    my @rss = (rss_kb($worker));
    my @descriptors = (descriptors($worker));

    play($seconds, sub { push @rss, rss_kb($worker) });
    sleep 0.1;
    push @descriptors, descriptors($worker);
    push @rss, rss_kb($worker);

    note("worker: @rss KB; @descriptors descriptors; $count{200} answers");
    none('steady: every request is answered with 200', splice @wrong);
    is(join(' ', workers()), $worker, 'steady: one worker all the time');

    # the heap may take a while to find its size; a sanitizer keeps what is
    # freed
    cmp_ok($rss[-1], '<=', $rss[0] + 1024, 'steady: memory stays flat')
        if $ENV{TEST_NGINX_LOAD_MODULES};
    cmp_ok($descriptors[1], '<=', $descriptors[0],
           'steady: descriptors stay the same');

    stop_nginx();
    log_is_clean('steady: nothing worse than an error in the log');
}

# Load for some time; calls the code every second.
sub play {
    my ($seconds, $every_second) = @_;
    my $end = time() + $seconds;
    my $next = time() + 1;
    my %clients;

    $round++;
    %count = (200 => 0);

    for my $i (1 .. CLIENTS) {
        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            my $done = eval { be_client($i, $end); 1 };
            print STDERR "client: $@" unless $done;
            POSIX::_exit($done ? 0 : 1);
        }

        $clients{$pid} = $i;
    }

    while (%clients) {
        sleep 0.02;

        if (time() > $next && time() < $end) {
            $next++;
            $every_second->();
        }

        for my $pid (keys %clients) {
            next unless waitpid($pid, WNOHANG) == $pid;
            push @wrong, "a client failed" if $?;
            read_result(delete $clients{$pid});
        }
    }
}

sub be_client {
    my ($i, $end) = @_;
    my (%count, @wrong, $http);
    my $token = token("account $i");
    my $n = 0;

    while (time() < $end) {
        my $keep = $n++ % 4 != 0;
        my $bulk = $n % 10 == 0;
        my @texts = map { tracker_text("$round $i $n $_", 'a' .. 'z') }
                    1 .. ($bulk ? 50 : 1);
        my $text = post($bulk ? 'trackers' : 'tracker',
                        $bulk ? '[' . join(',', @texts) . ']' : $texts[0],
                        token => $token,
                        headers => ["Idempotency-Key: $round $n",
                                    $keep ? () : 'Connection: close']);
        my $reused = $keep && $http && $http->{sock};
        my $response = client_ask($keep ? $http //= {} : {}, $text);

        if (!$response && $reused) {
            $count{'closed while idle'}++;
            $http = {};
            $response = client_ask($http, $text);
        }

        my $status = $response ? $response->{status} : 'none';
        $count{$status}++;
        push @wrong, "client $i, request $n: $status "
                     . ($response ? $response->{body} : '')
            if $status ne '200';
        $http = undef if !$response;

        # two cores are for all
        sleep 0.001;
    }

    open my $out, '>', scratch("soak.$i") or die $!;
    print $out map({ "$count{$_} $_\n" } keys %count), map { "! $_\n" } @wrong;
    close $out;
}

sub read_result {
    my ($i) = @_;

    open my $in, '<', scratch("soak.$i") or return push @wrong, 'no result';

    while (my $line = <$in>) {
        chomp $line;
        my ($n, $what) = split / /, $line, 2;

        if ($n eq '!') {
            push @wrong, $what;
        } else {
            $count{$what} += $n;
        }
    }
}
