# The n-th allocation fails, for every n.
#
# alloc.c is preloaded into nginx and makes the n-th allocation of the module,
# or of the libraries it calls, fail during one request; n is 1, 2, 3 ... until
# the request needs fewer.  A create and bulks, on an established connection to
# Redis and on a new one.  The answer must be 500 or 502 (or 200 where the
# memory was not needed, or none where nginx itself closes); the worker lives,
# nothing leaks, the account is free within the lock's time, and the request,
# sent again with its Idempotency-Key, is carried out once.  Trackers are listed
# with their times, by the script and as a list that the worker knows; and loaded
# and detected.  All is kept in a history; it is read, and, in the long form,
# waited for.
#
# Controls: a pointer that is not looked at; an operation that is not freed
# when sending fails; a lock that is kept for ever.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Alloc;
use Fault;

use constant TTL => 7;            # of the lock: 2 s and the margin

if (!$ENV{TEST_NGINX_LOAD_MODULES} || $ENV{TRACKER_FAULT_NO_PRELOAD}) {
    plan skip_all => 'needs the module as a shared object, and glibc';
}

# nginx as it is installed: the one of t/run has a log in which nothing may fail
delete $ENV{TEST_NGINX_BINARY};

my %shape = (
    single => ['tracker', tracker_text('one'), ['one']],
    bulk => ['trackers', array(qw(a b c d e)), [qw(a b c d e)]],
    large => ['trackers', array_of(10, 'x' x 7000),
              [map { "n$_" } 1 .. 10]],
    late => ['tracker', tracker_text('one', 'y' x 3000), ['one']],
    conflict => ['tracker', tracker_text('there'), undef],
    token => ['tracker', tracker_text('one'), ['one']],
    map({ $_ => [undef, '{"messages":[{"payload":{"content":"A phrase. B."},'
                        . '"from":{"name":"A"}},{"payload":{"content":"\u00e9'
                        . ' mask"}}],"trackers":[{"name":"g","vocabulary":'
                        . '["mask"]}],"enableAllTrackers":true}', undef] }
        qw(detect process)),
    staged => [undef, '{"messages":[{"payload":{"content":"' . 'x. ' x 42_000
                      . '"}}]}', undef],
    map({ $_ => [undef, '', undef] } qw(times known changes waited)),
);
my %path = (detect => '/v1/conversations/detect',
            map({ $_ => '/v1/process/text' } qw(process staged)),
            map({ $_ => '/v1/manage/trackers?expand=times' } qw(times known)),
            changes => sub { changes_since($_[0], 0) },
            waited => sub {
                changes_since($_[0], redis('GET', account_key($_[0], 'rev')))
                . '&wait=1';
            });
my %good = (conflict => 409, map { $_ => 201 } qw(process staged));
my ($worker, %stored);

seed();
start_redis();


my $good = $ENV{TEST_NGINX_LOAD_MODULES};
$ENV{TEST_NGINX_LOAD_MODULES} = linked_module();
start_nginx(timeout => '2s', redis_timeout => '1s',
            location => 'tracker_history 1000;',
            server => <<'CONFIG',
        location = /ping { return 204; }
        location /v1/ { tracker_conversations; }
CONFIG
            env => alloc_environment());
$ENV{TEST_NGINX_LOAD_MODULES} = $good;

($worker) = workers();

for my $shape (qw(single bulk large late conflict token times known detect
                   process staged changes waited)) {
    for my $new (0, 1) {
        my $title = $shape . ($new ? ', new connection' : '');

        next unless part($shape);
        next if $shape eq 'waited' && !long_form() && !@ARGV;
        next if $new && !long_form() && $shape ne 'single';
        fail_each($title, $shape, $new, 0);
        fail_each("$title, and all that follow", $shape, $new, 1)
            if long_form() && $shape eq 'single';
    }
}

# what is audited are trackers; conversations.t looks at these
redis('DEL', 'none', grep { /:convs?\b/ } @{redis('KEYS', '*')});

check_store();
is(join(' ', workers()), $worker, 'the worker has lived through all of it');
log_is_clean('nothing worse than an error in the log',
             qr/Cannot allocate memory|malloc\(|posix_memalign\(/);

control('a pointer is not looked at', 'lived|each', ['single'],
        ['src/store/write.c', 'if (names == NULL || p == NULL',
         'if (0']);
control('what could not be sent is not freed', 'leak', ['single', 'bulk'],
        ['src/redis/op.c', "ngx_redis_op_clear_error(op);\n    ngx_free(op);",
         'ngx_redis_op_clear_error(op);']);
control('locks are kept for ever', 'free', ['late'],
        ['src/store/lua/release.lua', "if redis.call('get', KEYS[1]) == ARGV[1]",
         'if false'],
        ['src/store/txn.c', 'ctx->store->timeout + TRACKER_LOCK_MARGIN',
         '86400000']);

finish();


sub array {
    return '[' . join(',', map { tracker_text($_) } @_) . ']';
}

sub array_of {
    my ($n, $phrase) = @_;

    return '[' . join(',', map { tracker_text("n$_", $phrase) } 1 .. $n) . ']';
}

sub request_of {
    my ($shape, $account) = @_;
    my ($path, $body) = @{$shape{$shape}};

    # long tokens are not remembered: nothing that stays is allocated
    my @pad = $shape eq 'token' ? () : (pad => 'x' x 500);

    my $read = $path{$shape};

    $read = $read->($account) if ref $read;

    # each job is a new one
    return request($body eq '' ? 'GET' : 'POST', $read, body => $body,
                   token => token($account, @pad),
                   headers => ['Connection: close']) if $path{$shape};

    return post($path, $body, token => token($account, @pad),
                headers => ['Idempotency-Key: k', 'Connection: close']);
}

sub changes_since {
    my ($account, $rev) = @_;
    my ($tag) = account_key($account, '') =~ /\{(\w{16})/;

    return "/v1/manage/trackers/changes?since=$tag-$rev";
}

sub send_request {
    my ($shape, $account) = @_;
    my $text = request_of($shape, $account);

    return eval { client_ask({}, $text) } if $shape ne 'late';

    # the body comes when the lock is taken
    my $sock = connect_nginx();
    my $end = time() + 5;

    send_bytes($sock, substr $text, 0, -1500);

    while (!redis('EXISTS', lock_key($account)) && time() < $end) {
        last if IO::Select->new($sock)->can_read(0.001);
    }

    send_bytes($sock, substr $text, -1500);
    return eval { read_response($sock) };
}

# Until nginx talks to Redis again as if nothing had been.
sub settle {
    my ($account) = @_;
    my $end = time() + 30;

    while (time() < $end) {
        my $response = send_request('single', $account);
        return 1 if $response && $response->{status} == 200;
        sleep 0.01;
    }

    return 0;
}

sub fail_each {
    my ($title, $shape, $new, $on) = @_;
    my $good = $good{$shape} // 200;
    my (@wrong, @leaks, @stuck, %status, $longest);
    my $step = $on ? 4 : 1;
    my $n = 1 - $step;

    settle("$title settle") or return fail("$title: never well");
    my $first = live();

    while (($n += $step) < 2000 && !enough(@wrong, @stuck)) {
        # a worker keeps what it has loaded of an account
        my $account = $path{$shape} ? $title : "$title $n";

        prepare($shape, $account);
        settle("$title settle");
        my $before = long_form() ? live() : 0;

        if ($new) {
            redis('CLIENT', 'KILL', 'TYPE', 'normal');
            client_ask(client('ping'), "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
        }

        arm($n, $on);
        my $response = send_request($shape, $account);
        my $status = $response ? $response->{status} : 'none';
        my $failed = disarm();
        my $frames = frames();

        if (!$failed) {
            push @wrong, "nothing failed, but $status" if $status != $good;
            last;
        }

        $status{$status}++;
        push @wrong, "allocation $n: $status "
                     . ($response ? $response->{body} : '')
                     . ' ' . place($frames)
            if $status !~ /^(?:none|500|502|$good)$/;

        my ($next, $took) = until_good($shape, $account, $good);
        push @stuck, "allocation $n: $next after $took s " . place($frames)
            if $next ne $good;
        $longest = $took if $took > ($longest // 0);

        if (!is_worker($worker)) {
            push @wrong, "allocation $n: the worker has died "
                         . place($frames);
            wait_until(sub { workers() }, 'a new worker');
            ($worker) = workers();
            settle("$title settle");
            $first = live();
            next;
        }

        next if !long_form();
        settle("$title settle");
        my $after = live();
        push @leaks, "allocation $n: " . ($after - $before) . ' '
                      . place($frames)
            if $after != $before;
    }

    settle("$title settle");
    my $last = live();

    note("$title: " . ($n - 1) . ' allocations, '
         . join(', ', map { "$status{$_} x $_" } sort keys %status)
         . sprintf('; free after %.2f s at most; %d pieces before, %d after',
                   $longest // 0, $first, $last));
    none("$title: each failure is answered with 500 or 502", @wrong);
    none("$title: the account is free, the next request succeeds", @stuck);
    cmp_ok($n, '>', 20, "$title: there were allocations to fail");

    return if $shape eq 'token';

    # OpenSSL keeps its last 16 errors, two pieces each
    ok($last <= $first + 40, "$title: no leak")
        or diag(join "\n", @leaks[0 .. ($#leaks > 20 ? 20 : $#leaks)]);
}

sub prepare {
    my ($shape, $account) = @_;

    $stored{$account} = $shape{$shape}[2] // ['there'];
    return if $shape ne 'conflict' && !$path{$shape};

    # it is loaded again
    redis('INCR', account_key($account, 'rev'))
        if $path{$shape} && $shape !~ /^(?:known|changes|waited)$/;

    # with another key, else it would be the same request
    exchange(post('tracker', tracker_text('there', 'before'),
                  token => token($account, pad => 'x' x 500),
                  headers => ['Connection: close']));
}

sub until_good {
    my ($shape, $account, $good) = @_;
    my $start = time();
    my $status;

    while (time() < $start + TTL + 10) {
        my $response = send_request($shape, $account);

        $status = $response ? $response->{status} : 'none';
        last if $status eq $good || $status eq '400';
        last unless is_worker($worker);
        sleep 0.01;
    }

    my $took = time() - $start;

    return ($status eq $good && $took > TTL + 3 ? 'too late' : $status, $took);
}

sub check_store {
    my $all = is_consistent('names, records and index fit together');
    my @wrong;

    for my $account (sort keys %stored) {
        my $names = join ' ', sort keys %{$all->{account_of($account)}{name}};
        my $want = join ' ', sort @{$stored{$account}};

        push @wrong, "$account has $names" if $names ne $want;
    }

    none(keys(%stored) . ' accounts have just what was asked for', @wrong);
}
