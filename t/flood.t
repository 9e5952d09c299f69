use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use IO::Socket::INET;
use List::Util qw(max min);
use Time::HiRes qw(sleep time);
use Tracker::H2 qw(h2_connect h2_get frame header);

# One account floods, another one works: it must not notice much of it, nor may
# the memory of Redis or of a worker grow with what the first one asks for.

use constant {
    SECONDS      => 1,
    TRIES        => 3,
    # a busy machine's own: seven processes share its cores, some of them for a
    # scheduler's slice or two; what has to be seen here are seconds
    NOISE        => 0.25,
    REDIS_BYTES  => 256 << 20,
    # what watches memory keeps what was freed
    WORKER_BYTES => $ENV{TRACKER_WATCHED} ? 1 << 40 : 128 << 20,
    VALGRIND     => ($ENV{TRACKER_WATCHED} // '') eq 'valgrind',
};

sub LARGE { tracker_text('large', 'x' x 1_000_000) }

# a line of debugging for each step would be most of what is measured
log_level('warn');
worker_connections(4096);

run_tests();

sub create {
    my ($account, $text) = @_;

    return decode(exchange(post('tracker', $text, account => $account))
                  ->{body})->{tracker}{id};
}

sub list_of_1000 {
    my ($account) = @_;
    my $text = join ',', map { tracker_text("n$_", 'x' x 900) } 1 .. 1000;

    is(exchange(post('trackers', "[$text]", account => $account))->{status},
       200, 'a list of a thousand');
}

# The memory of Redis, and what nginx' workers have in RAM together, in bytes.
sub memory {
    my ($redis) = redis('INFO', 'memory') =~ /^used_memory:(\d+)/m;
    my $workers = 0;

    for my $pid (worker_pids()) {
        open my $in, '<', "/proc/$pid/status" or next;
        local $/;
        $workers += <$in> =~ /^VmRSS:\s+(\d+)/m ? $1 * 1024 : 0;
    }

    return ($redis, $workers);
}

# One request after the other for so many seconds: how often each status came,
# the time that 99 of a hundred took at most, and the most memory that was seen.
sub work {
    my ($id, $seconds) = @_;
    my $sock = connect_nginx();
    my $get = request('GET', "/v1/manage/tracker/$id", account => 'worker');
    my ($end, $look) = (time + $seconds, 0);
    my (%statuses, @times, $redis, $workers);

    while ((my $start = time) < $end) {
        my $response = exchange($get, $sock);

        push @times, time - $start;
        $statuses{$response->{status}}++;

        $sock = connect_nginx()
            if ($response->{headers}{connection} // '') eq 'close';

        if (time > $look) {
            my ($r, $w) = memory();

            ($redis, $workers) = (max($redis // 0, $r), max($workers // 0, $w));
            $look = time + 0.05;
        }
    }

    @times = sort { $a <=> $b } @times;

    return { statuses => \%statuses, p99 => $times[0.99 * @times],
             n => scalar @times, redis => $redis, workers => $workers };
}

# Works while so many processes run the code again and again.
sub beside {
    my ($id, $processes, $code) = @_;
    my @pids;

    for (1 .. $processes) {
        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            $SIG{PIPE} = 'IGNORE';
            eval { $code->() } while getppid() != 1;
            POSIX::_exit(0);
        }

        push @pids, $pid;
    }

    sleep 0.3;
    my $got = work($id, SECONDS);

    kill KILL => @pids;
    waitpid $_, 0 for @pids;

    return $got;
}

# A flood by so many processes, made of what the code is for a path.  Its effect
# on another account is compared with that of rest, and with that of the same
# flood of requests for a file: the rest of a wait is nginx' own, and that of a
# busy machine.
sub flooded {
    my ($title, $processes, $code, $path) = @_;
    my $id = create('worker', tracker_text('small'));
    my ($redis, $workers) = memory();
    my ($got, $most);

    for (1 .. TRIES) {
        my $rest = work($id, SECONDS);
        my $static = beside($id, $processes, $code->('/static'));

        $got = beside($id, $processes, $code->($path));
        $most = max(NOISE, 10 * max($rest->{p99}, $static->{p99}));

        diag(sprintf '%s: %d requests, p99 %.1f ms; for a file %d, %.1f ms; at '
                     . 'rest %d, %.1f ms; Redis +%.0f MB, nginx +%.0f MB',
             $title, map({ $_->{n}, 1000 * $_->{p99} } $got, $static, $rest),
             ($got->{redis} - $redis) / 1e6,
             ($got->{workers} - $workers) / 1e6);

        last if $got->{p99} <= $most;
    }

    is(join(' ', keys %{$got->{statuses}}), 200,
       "$title: the other account is served");
    cmp_ok($got->{redis} - $redis, '<', REDIS_BYTES, "$title: memory of Redis");
    cmp_ok($got->{workers} - $workers, '<', WORKER_BYTES,
           "$title: memory of nginx");
    cmp_ok($got->{p99}, '<=', $most, "$title: it hardly waits");
}

# A connection, a request, and away before the answer.
sub ask_and_leave {
    my ($path) = @_;
    my $get = request('GET', $path, account => 'flood');

    return sub {
        my $sock = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1',
            PeerPort => Test::Nginx::Util::server_port_for_client())
            or return;

        syswrite $sock, $get;
        close $sock;
    };
}

# A stream after the other, each reset at once.
sub ask_and_reset {
    my ($path) = @_;
    my $get = h2_get(1, $path, 'flood');

    return sub {
        my $sock = h2_connect(window => 2 ** 31 - 1);
        my $stream = 1;

        $sock->blocking(0);

        for (1 .. 400) {
            my $bytes = '';

            for (1 .. 32) {
                substr($get, 5, 4) = pack 'N', $stream;
                $bytes .= $get . frame(3, 0, $stream, pack 'N', 8);
                $stream += 2;
            }

            while (length $bytes) {
                IO::Select->new($sock)->can_write(1) or return;
                my $n = syswrite($sock, $bytes) or return;
                substr($bytes, 0, $n) = '';
            }

            1 while sysread $sock, my $answer, 1 << 20;
        }
    };
}

# The status in a HEADERS frame: HPACK has numbers for some, others are text.
sub h2_status {
    my ($frame) = @_;

    return { 0x88 => 200, 0x8b => 304 }->{ord substr $frame, 9, 1}
           // substr $frame, 11, 3;
}

# How often each status came on these connections, with so many answers each.
sub h2_statuses {
    my ($n, @socks) = @_;
    my %statuses;

    for my $sock (@socks) {
        my ($bytes, $seen) = ('', 0);

        while ($seen < $n) {
            IO::Select->new($sock)->can_read(60) or die "no answer\n";
            sysread $sock, $bytes, 1 << 16, length $bytes or die "closed\n";

            while (length $bytes >= 9) {
                my $length = unpack 'N', "\0$bytes";

                last if length $bytes < 9 + $length;
                my $frame = substr $bytes, 0, 9 + $length, '';
                next if ord substr($frame, 3, 1) != 1;

                $seen++;
                $statuses{h2_status($frame)}++;
            }
        }
    }

    return \%statuses;
}

sub shown_statuses {
    my ($statuses) = @_;

    return join ' ', map { "$statuses->{$_} x $_" } sort keys %$statuses;
}

__DATA__

=== clients that ask for a large tracker and leave
--- scenario
my $id = create('flood', LARGE);
flooded('GET and close', 4, \&ask_and_leave, "/v1/manage/tracker/$id");



=== clients that ask for a long list and leave
--- scenario
list_of_1000('flood');
flooded('list and close', 4, \&ask_and_leave, '/v1/manage/trackers');



=== HTTP/2: a large tracker, streams that are reset
--- h2_server
--- scenario
my $id = create('flood', LARGE);
flooded('GET and reset', 2, \&ask_and_reset, "/v1/manage/tracker/$id");



=== HTTP/2: a long list, streams that are reset
--- h2_server
--- scenario
list_of_1000('flood');
flooded('list and reset', 2, \&ask_and_reset, '/v1/manage/trackers');



=== HTTP/2: streams that ask for a large tracker and read nothing of it
With a window of 0 each answer was held as long as the client liked.
--- h2_server
--- scenario
my $large = create('flood', LARGE);
my $small = create('worker', tracker_text('small'));
my ($redis, $workers) = memory();
my @socks = map { h2_connect(window => 0) } 1 .. 4;

for my $sock (@socks) {
    send_bytes($sock, join '', map { h2_get(2 * $_ - 1,
                                            "/v1/manage/tracker/$large",
                                            'flood') } 1 .. 128);
}

my $statuses = h2_statuses(128, @socks);
my $got = work($small, SECONDS);

diag('GET: ', shown_statuses($statuses));
cmp_ok($got->{workers} - $workers, '<', WORKER_BYTES, 'memory of nginx');
cmp_ok($statuses->{200}, '>', 16, 'some are held');

SKIP: {
    skip 'under valgrind most of them come too late', 1 if VALGRIND;
    cmp_ok($statuses->{429}, '>', 256, 'more are refused');
}

is(join(' ', keys %{$got->{statuses}}), 200, 'the other account is served');

my $response = exchange(request('GET', "/v1/manage/tracker/$large",
                                account => 'flood'));
is($response->{status}, 429, 'any more of that account is refused');
is_message($response->{body},
           'Too many requests of this account are waiting.', 'and why');
is($response->{headers}{'retry-after'}, 1, 'and when to come back');

close $_ for @socks;
wait_until(sub {
    exchange(request('GET', "/v1/manage/tracker/$large",
                     account => 'flood'))->{status} == 200;
}, 'what was held is free');



=== HTTP/2: a PATCH for which no memory is left is refused, and holds up none
It is found out under the lock, when the record is there.
--- h2_server
--- scenario
my $large = create('flood', LARGE);
my $other = create('worker', LARGE);
my @socks = map { h2_connect(window => 0) } 1 .. 4;
my $patch = sub {
    my ($account, $id, $description) = @_;

    return exchange(request('PATCH', "/v1/manage/tracker/$id",
        account => $account, body => qq([{"op":"add","path":"/description",)
                                     . qq("value":"$description"}])));
};

for my $sock (@socks) {
    send_bytes($sock, join '', map { h2_get(2 * $_ - 1,
                                            "/v1/manage/tracker/$large",
                                            'flood') } 1 .. 128);
}

h2_statuses(128, @socks);

for my $round (1 .. 5) {
    my $refused = $patch->('flood', $large, $round);

    is($refused->{status}, 429, 'PATCH');
    is_message($refused->{body},
               'Too many requests of this account are waiting.', 'and why');

    is(exchange(post('tracker', tracker_text("n$round"),
                     account => 'flood'))->{status}, 200,
       'the next write of that account, at once');
    is($patch->('worker', $other, $round)->{status}, 200, 'another account');
}

is(redis('EXISTS', lock_key($_)), 0, "$_: no lock is left")
    for qw(flood worker);

close $_ for @socks;
wait_until(sub { $patch->('flood', $large, 'x')->{status} == 200 },
           'what was held is free');



=== HTTP/2: refusals that are not read keep nothing of what they refuse
--- h2_server
--- scenario
my $large = create('flood', LARGE);
my %refused = (
    'DELETE' => header(2, 'DELETE') . header(39, '"no"'),
    'GET' => "\x82" . header(39, '"no"'),
    'GET, unmodified' => "\x82" . header(41, '*'),
);

for my $title (sort keys %refused) {
    my ($redis, $workers) = memory();
    my @socks = map { h2_connect(window => 0) } 1 .. 4;

    for my $sock (@socks) {
        send_bytes($sock, join '', map {
            frame(1, 5, 2 * $_ - 1,
                  $refused{$title} . "\x86"
                  . header(4, "/v1/manage/tracker/$large")
                  . header(1, 'localhost')
                  . header(23, 'Bearer ' . token('flood')))
        } 1 .. 128);
    }

    my $statuses = h2_statuses(128, @socks);

    diag("$title: ", shown_statuses($statuses));
    cmp_ok((memory())[1] - $workers, '<', WORKER_BYTES,
           "$title: memory of nginx");
    close $_ for @socks;
}



=== HTTP/2: creates whose answers are not read
--- h2_server
--- scenario
my ($redis, $workers) = memory();
my (@socks, %statuses);

for my $n (1 .. 3) {
    my $sock = h2_connect(window => 0);
    my $bytes = '';

    push @socks, $sock;

    for my $stream (map { 2 * $_ - 1 } 1 .. 64) {
        my $body = tracker_text("n$n-$stream", 'x' x 900_000);
        my ($window, $at, $status) = (65535, 0);

        # what comes: windows for the body, then the answer
        my $take = sub {
            IO::Select->new($sock)->can_read(60) or die "no answer\n";
            sysread $sock, $bytes, 1 << 16, length $bytes or die "closed\n";

            while (length $bytes >= 9) {
                my $length = unpack 'N', "\0$bytes";

                last if length $bytes < 9 + $length;
                my $frame = substr $bytes, 0, 9 + $length, '';
                my ($type, $of) = (ord substr($frame, 3, 1),
                                   unpack 'N', substr $frame, 5, 4);

                next if $of != $stream;
                $window += unpack 'N', substr $frame, 9, 4 if $type == 8;
                $status = h2_status($frame) if $type == 1;
            }
        };

        send_bytes($sock, frame(1, 4, $stream,
                                "\x83\x86" . header(4, '/v1/manage/tracker')
                                . header(1, 'localhost')
                                . header(31, 'application/json')
                                . header(28, length $body)
                                . header(23, 'Bearer ' . token('flood'))));

        while ($at < length $body && !$status) {
            my $size = min(16384, $window, length($body) - $at);

            if ($size <= 0) {
                $take->();
                next;
            }

            send_bytes($sock, frame(0, $at + $size == length $body ? 1 : 0,
                                    $stream, substr $body, $at, $size));
            $at += $size;
            $window -= $size;
        }

        $take->() until $status;
        $statuses{$status}++;
    }
}

diag('POST: ', shown_statuses(\%statuses));
cmp_ok((memory())[1] - $workers, '<', WORKER_BYTES, 'memory of nginx');
cmp_ok($statuses{429}, '>', 64, 'most are refused');
close $_ for @socks;



=== an answer that Redis does not want to give
The connection that it closes was that of all others too.
--- scenario
my $large = create('flood', LARGE);
my $small = create('worker', tracker_text('small'));

redis('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 100000 0 0');

my $pid = fork() // die "fork: $!";

if ($pid == 0) {
    my $get = request('GET', "/v1/manage/tracker/$large", account => 'flood');

    exchange($get) while getppid() != 1;
    POSIX::_exit(0);
}

my $got = work($small, 2);
my $response = exchange(request('GET', "/v1/manage/tracker/$large",
                                account => 'flood'));

kill KILL => $pid;
waitpid $pid, 0;
redis('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0');

is(join(' ', keys %{$got->{statuses}}), 200, 'the other account is served');
is($response->{status}, 500, 'the one that asks for it is refused');
--- error_log
closed the connection twice under the same command
