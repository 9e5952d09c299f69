# Clients that go away at any byte.
#
# A client closes or resets its connection after each byte of head and body;
# then with the command to Redis sent and its reply held back.  The lock must
# be free soon after (the measured times are printed), the next request of the
# account must succeed, and what is stored must be whole.
#
# Controls: a request that goes away without giving its lock back; one whose
# end is not noticed while Redis is waited for.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Fault;

# far more than the 100 ms that are promised: other processes want the CPU too
use constant SOON => 5;

my (@times, %accounts);
my $access = scratch('gone-access.log', '', 0666);

seed();
start_redis();
start_nginx(redis => start_proxy(), timeout => '120s', redis_timeout => '60s',
            server => "access_log $access fault;\n"
                      . "location = /ping { return 204; }");

my ($worker) = workers();
my $client = client('other');

at_every_byte() if part('bytes');
while_redis_works() if part('command');

is_consistent('names, records and index fit together');
is(join(' ', values %{locks()}), '', 'no lock is left');
is(join(' ', workers()), $worker, 'the worker has lived through all of it');
log_is_clean('nothing worse than an error in the log');

control('a lock is not given back', 'free', ['bytes'],
        ['src/store/txn.c', 'ctx->create.set = NULL;',
         "ctx->create.set = NULL;\n    txn->holds_lock = 0;"]);
control('a client that is gone is not noticed', '499', ['command'],
        ['src/http/request.c',
         "return;\n    }\n\n    r->read_event_handler"
         . " = ngx_http_test_reading;",
         "return;\n    }\n\n    r->read_event_handler"
         . " = ngx_http_block_reading;"]);

finish();


sub request_of {
    my ($account, $name, @chunked) = @_;

    return post('tracker', tracker_text($name), account => $account)
        unless @chunked;
    return post('tracker', '', account => $account,
                chunks => [unpack '(a9)*', tracker_text($name)]);
}

sub leave {
    my ($sock, $how) = @_;

    setsockopt $sock, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
        if $how eq 'reset';
    close $sock;
}

# Ends when nginx has handled what came before.
sub ping {
    client_ask($client, "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
}

# Seconds until the lock is free, in words when it is not.
sub until_free {
    my ($account, $start) = @_;
    my $key = lock_key($account);

    while (redis('EXISTS', $key)) {
        return 'not free' if time() > $start + SOON;
        sleep 0.001;
    }

    return time() - $start;
}

# The next request, and what is wrong with it.
sub next_of {
    my ($account) = @_;
    my $response = client_ask($client, request_of($account, 'next'));

    return '' if $response && $response->{status} == 200;
    return $response ? "next: $response->{status}" : 'next: no answer';
}

sub report {
    my ($title, $n, $times, @wrong) = @_;
    my @sorted = sort { $a <=> $b } @$times;

    note(sprintf '%s: lock free after %.1f ms (median), %.1f ms (longest)',
         $title, 1000 * median(@sorted), 1000 * ($sorted[-1] // 0));

    none("$title: $n clients, the lock is free, the next request succeeds",
         @wrong);
}

sub at_every_byte {
    my $step = amount(3, 1);

    for my $how (qw(close reset)) {
        for my $chunked (0, 1) {
            my $title = $how . ($chunked ? ', chunked' : '');

            bytes($title, $how, $step, $chunked ? 1 : ());
        }
    }
}

sub bytes {
    my ($title, $how, $step, @chunked) = @_;
    my $text = request_of("$title 00000", 'left', @chunked);
    my $head = index($text, "\r\n\r\n") + 4;
    my ($n, $in_body, @times, @wrong) = (0, 0);

    my $log = open_access_log();

    for (my $at = int rand $step; $at <= length $text;
         $at += $at < $head - 10 ? $step : 1)
    {
        my $account = sprintf '%s %05d', $title, $at;
        my $part = substr request_of($account, 'left', @chunked), 0, $at;
        my $sock = connect_nginx();

        send_bytes($sock, $part);

        # with and without the time to get that far
        if ($at % 2) {
            ping();
            wait_until(sub { redis('EXISTS', lock_key($account)) }, 'locked')
                if $at > $head && $at < length $text;
        }

        my $start = time();
        leave($sock, $how);

        # it may have come that far only now
        ping() unless $at % 2;
        my $free = until_free($account, $start);

        $n++;
        $in_body++ if $at >= $head && $at < length $text;
        push @times, $free if $free ne 'not free';
        push @wrong, "after $at bytes: $free" if $free eq 'not free';

        my $next = next_of($account);
        push @wrong, "after $at bytes: $next" if $next;
        last if enough(@wrong);
    }

    report("$title at any byte", $n, \@times, @wrong);

    ping();
    my @gone = grep { /^499/ } <$log>;
    cmp_ok(scalar @gone, '>=', $in_body,
           "$title: 499 in the log for each of $in_body in the body");
}

# What is written from now on.
sub open_access_log {
    open my $log, '<', $access or die "$access: $!";
    seek $log, 0, 2;

    return $log;
}

# The client goes away while the proxy keeps the replies, or the commands.
sub while_redis_works {
    for my $dir (qw(to from)) {
        for my $passed (0, 1) {
            for my $how (qw(close reset)) {
                held("$how, with the " . ($passed ? 'create' : 'lock')
                     . ($dir eq 'to' ? ' on its way' : "'s reply on its way"),
                     $dir, $passed, $how);
            }
        }
    }
}

sub held {
    my ($title, $dir, $passed, $how) = @_;
    my $n = amount(15, 150);
    my (@times, @wrong);
    my ($lock_to, $lock_from) = lock_lengths();
    my $log = open_access_log();

    for my $i (1 .. $n) {
        my $account = sprintf '%s %05d', $title, $i;
        my $sock = connect_nginx();

        # the lock's command and reply pass, or nothing does; what follows
        # comes when the client is gone
        my $pos = $passed ? ($dir eq 'to' ? $lock_to : $lock_from) : 0;

        proxy('clear', "cut $dir $pos stall 30");
        send_bytes($sock, request_of($account, 'left'));
        wait_until(sub { (proxy('count'))[2] }, 'the proxy holds it back');
        leave($sock, $how);

        my $start = time() + 0.03;
        sleep 0.03;
        ping();

        my $free = until_free($account, $start);
        push @times, $free > 0 ? $free : 0 if $free ne 'not free';
        push @wrong, "client $i: $free" if $free eq 'not free';
        proxy('clear');

        my $next = next_of($account);
        push @wrong, "client $i: $next" if $next;
        last if enough(@wrong);
    }

    report($title, $n, \@times, @wrong);
    ping();

    # on a busy machine a client may leave later than the reply comes
    my @gone = grep { /^499/ } <$log>;
    cmp_ok(scalar @gone, '>', 0, "$title: 499 in the log");
}

# How long the command that takes a lock is, and its reply.
sub lock_lengths {
    my $account = 'x 00000';
    my $sock = connect_nginx();

    proxy('clear');
    next_of($account);
    proxy('clear');
    send_bytes($sock, substr request_of($account, 'left'), 0, -1);
    wait_until(sub { redis('EXISTS', lock_key($account)) }, 'locked');
    ping();

    my @length = proxy('count');
    leave($sock, 'close');
    until_free($account, time());

    return @length[0, 1];
}
