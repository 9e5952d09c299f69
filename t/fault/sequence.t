# One request after another never meets its own lock; rivals always do.
#
# Many strictly sequential requests of one account, 200, 400 and 409 mixed,
# small and bulk, in one piece and in several, on one connection and on new
# ones, over two workers: each gets its own status, never 429.  Then 2 to 100
# rivals against a request whose body is held back: all 429, other accounts are
# not touched, and after the holder has ended, however it ends, the next
# request is accepted at once.
#
# Controls: a 409 that keeps the lock; an answer that does not wait until the
# lock is given back; a lock that nobody looks at.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Test::More;
use Time::HiRes qw(time);
use Tracker;
use Fault;

my (%created, $free);

seed();
start_redis();
start_nginx(workers => 2);

sequence(amount(2000, 10_000)) if part('sequence');

if (part('rivals')) {
    my $ends = { body => 200, bad => 400, name => 409, gone => undef };

    for my $n ($ENV{TRACKER_FAULT_CONTROL} ? 2 : (2, 3, 10, 50, 100)) {
        rivals($n, $_, $ends->{$_}) for sort keys %$ends;
    }
}

is_consistent('names, records and index fit together');
is(join(' ', values %{locks()}), '', 'no lock is left');
log_is_clean('nothing worse than an error in the log');

control('a conflict keeps the lock', 'sequential', ['sequence'],
        ['src/store/lua/create.lua', "    if total > 0 then\n",
         "    if total > 0 then\ntoken = ''\n"]);
control('a refusal does not wait for its release', 'sequential|rivals',
        ['sequence', 'rivals'],
        ['src/store/lua/release.lua', "if redis.call('get', KEYS[1]) == ARGV[1]",
         "if false"]);
control('the lock is not looked at', 'rivals', ['rivals'],
        ['src/store/txn.c',
         "    if (reply->type == NGX_REDIS_NIL) {\n"
         . "        return 0;",
         "    if (reply->type != NGX_REDIS_OTHER) {\n"
         . "        return 0;"],
        ['src/store/claim.c', 'if (ngx_str_rbtree_lookup(&tracker_claims, base,'
         . ' hash)) {', 'if (0) {'],
        ['src/store/lua/create.lua',
         "token ~= '' and holder ~= token and (holder or ARGV[8] ~= '')",
         'false']);

finish();


sub sequence {
    my ($n) = @_;
    my (%status, @wrong);

    for my $i (1 .. $n) {
        my ($want, $text) = one($i);
        my $response = send_somehow($text);
        my $status = $response ? $response->{status} : 'none';

        $status{$status}++;
        push @wrong, "request $i: $status instead of $want"
            if $status ne $want;
        last if enough(@wrong);
    }

    note(join ', ', map { "$status{$_} x $_" } sort keys %status);
    is($status{429} // 0, 0, "$n sequential requests: not one 429");

    none("$n sequential requests: each its own status", @wrong);
}

# a request and the status it must have
sub one {
    my ($i) = @_;
    my $name = "n$i";
    my @old = sort keys %created;
    my $old = @old ? $old[rand @old] : undef;
    my $kind = int rand 10;

    $kind = 0 unless defined $old;

    if ($kind < 3) {
        $created{$name} = 1;
        return (200, post('tracker', tracker_text($name)));
    }

    if ($kind == 3) {
        my @names = map { "$name.$_" } 1 .. 2 + rand 20;
        @created{@names[0, 1]} = (1, 1);
        return (200, post('trackers', array(@names)));
    }

    # the first names stay few, so that the list is short
    delete @created{@old[20 .. $#old]} if @old > 40;

    return (409, post('tracker', tracker_text($old))) if $kind == 4;
    return (409, post('trackers/bulk', array($name, $old))) if $kind == 5;
    return (409, post('trackers', array($name, $name))) if $kind == 6;
    return (400, post('tracker', '{"name":"x"}')) if $kind == 7;
    return (400, post('trackers', '[' . tracker_text($name) . ',{}]'))
        if $kind == 8;
    return (400, post('tracker', tracker_text($name) . '}'));
}

sub array {
    return '[' . join(',', map { tracker_text($_) } @_) . ']';
}

sub send_somehow {
    my ($text) = @_;
    my $client = rand() < 0.7 ? client('kept') : {};

    return client_ask($client, $text) if rand() < 0.5;

    # in two pieces: the lock is taken before the body is there
    my $head = index($text, "\r\n\r\n") + 4;
    my $at = $head + int rand(length($text) - $head);

    $client->{sock} //= connect_nginx();
    send_bytes($client->{sock}, substr $text, 0, $at);
    select undef, undef, undef, 0.001 if rand() < 0.3;

    return client_ask($client, substr $text, $at);
}

sub rivals {
    my ($n, $end, $status) = @_;
    my $account = "$n $end";
    my $title = "$n rivals, the holder ends by $end";
    my $body = $end eq 'bad' ? '{"name":1}'
               : tracker_text($end eq 'name' ? 'old' : 'new');
    my $text = post('tracker', $body, account => $account);

    exchange(post('tracker', tracker_text('old'), account => $account));

    my $holder = connect_nginx();
    send_bytes($holder, substr $text, 0, -1);
    wait_until(sub { redis('EXISTS', lock_key($account)) },
               'the holder has the lock');

    my @rivals = map { post($_ % 2 ? 'tracker' : 'trackers',
                            $_ % 2 ? tracker_text("r$_") : array("r$_"),
                            account => $account) } 1 .. $n;
    my @responses = parallel(@rivals);
    my @others = map { $_->{status} } grep { $_->{status} != 429 } @responses;

    is("@others", '', "$title: all get 429");
    is(exchange(post('tracker', tracker_text('o'), account => "not $account"))
       ->{status}, 200, "$title: another account does not notice");

    if (defined $status) {
        send_bytes($holder, substr $text, -1);
        is(read_response($holder)->{status}, $status, "$title: its status");
    } else {
        close $holder;
        wait_until(sub { !redis('EXISTS', lock_key($account)) },
                   'the lock of a client that is gone ends');
    }

    is(exchange($rivals[0])->{status}, 200, "$title: the next is accepted");
}
