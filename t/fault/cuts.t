# Every byte between nginx and Redis is cut once.
#
# A proxy (proxy.c) closes or resets the connection, delays, falls silent or
# garbles at each position of the commands and of the replies of a create, on
# an established connection and on a new one.  The client sends each request
# with an Idempotency-Key until it is answered with 200, then once more.  There
# must be one record for each tracker, the same body each time, and no lock
# that lives longer than its time.
#
# Without a key nothing is repeated, and a closed connection must not be seen
# by the client at all.
#
# Likewise imports, into accounts that have trackers: a merge, and lines that
# replace the whole dictionary.  A dry run writes nothing, whatever is cut.
#
# With wait= of tracker_redis WAIT and its reply are cut, too, and the replica
# has each record when the 200 comes.
#
# Controls: a script that does not remember the Idempotency-Key; a call that
# does not recognise its own work when it is sent again; a write that is not
# sent again when its WAIT is lost; an import that does not recognise its own
# work; one that leaves the names of what it deletes; a lock for ever.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Tracker::Replica;
use Fault;

use constant TTL => 7;            # of the lock: 2 s and the margin

# The lock is taken by a command of its own where the body comes later, and
# before a large create, which is a transaction; else it goes along with the
# create's script.
my %shape = (
    single => { path => 'tracker', names => ['one'], later => 1,
                body => tracker_text('one') },
    large => { path => 'trackers', names => [map { "n$_" } 1 .. 16],
               body => '[' . join(',', map { tracker_text("n$_") } 1 .. 16)
                       . ']' },
    bulk => { path => 'trackers', names => ['a', 'b', 'c'],
              body => '[' . join(',', map { tracker_text($_) } qw(a b c))
                      . ']' },
    plain => { path => 'tracker', names => ['one'],
               body => tracker_text('one'), no_key => 1 },
    waited => { path => 'tracker', names => ['one'], replica => 1,
                body => tracker_text('one') },
);

my $there = '[' . join(',', map { tracker_text($_) } qw(a b)) . ']';

$shape{merge} = {
    path => 'trackers?on_conflict=merge', names => [qw(a b c)],
    before => $there, results => 'a merged, c created',
    body => '[' . tracker_text('a', 'more') . ',' . tracker_text('c') . ']',
    phrases => { a => '["phrase","more"]', b => '["phrase"]',
                 c => '["phrase"]' } };
$shape{again} = { %{$shape{merge}}, no_key => 1 };
$shape{whole} = {
    path => 'trackers?on_conflict=replace&rest=delete', names => [qw(a c)],
    before => $there, results => 'a replaced, c created, b deleted',
    headers => ['If-Match: *'], type => 'application/x-ndjson',
    body => tracker_text('a', 'other') . "\n" . tracker_text('c')
            . "\n{\"end\":true,\"count\":2}\n",
    phrases => { a => '["other"]', c => '["phrase"]' } };
$shape{dry} = {
    path => 'trackers?on_conflict=merge&dryRun=true', names => [qw(a b)],
    before => $there, results => 'a merged, c created', no_key => 1,
    body => $shape{merge}{body},
    phrases => { a => '["phrase"]', b => '["phrase"]' } };

my ($cuts, %accounts, %first, $worst);

seed();
start_redis();

my $proxy = start_proxy();
my ($worker) = start($proxy, '250ms');

for my $shape (qw(single bulk large)) {
    next unless part($shape);
    my @length = lengths($shape, 0);
    my @new = lengths($shape, 1);

    diag("$shape: $length[0] bytes to Redis, $length[1] back; on a new "
         . "connection $new[0] and $new[1]");

    for my $dir (0, 1) {
        my $n = $length[$dir];
        my $name = ('command', 'reply')[$dir];

        # a command of some thousand bytes is not cut at each of them
        my $wide = $shape eq 'large' && !$dir ? 20 : 1;

        cut_all("$shape: close in the $name", $shape, 0, $dir, 'close',
                every($wide, $n));
        cut_all("$shape: reset in the $name", $shape, 0, $dir, 'reset',
                every($wide * amount(4 - 3 * $dir, 1), $n));
        cut_all("$shape: close in the $name, new connection", $shape, 1, $dir,
                'close', every($wide * amount(29, 1), $new[$dir]));
        cut_all("$shape: stall in the $name", $shape, 0, $dir, 'stall',
                every($wide * amount(31 - 26 * $dir, 2), $n - 1));
        cut_all("$shape: close in the $name that comes late", $shape, 0, $dir,
                'late', every($wide * amount(5, 1), $n));
        cut_all("$shape: silence after the $name", $shape, 0, $dir, 'mute',
                every($wide * amount(101 - 96 * $dir, 41 - 40 * $dir),
                      $n - 1));
    }

    cut_all("$shape: garbled reply", $shape, 0, 1, 'flip',
            every(1, $length[1] - 1));
    cut_all("$shape: garbled reply, new connection", $shape, 1, 1, 'flip',
            every(amount(37, 3), $new[1] - 1));
    cut_often($shape, amount(60, 1000), @length);
}

plain() if part('plain');
imports();
waited() if part('waited');

note("first answers: " . join ', ', map { "$first{$_} x $_" }
                                    sort keys %first);
note(sprintf "%d cuts, the longest way to a 200 took %.2f s", $cuts, $worst);

check_locks();
check_store();
garbled_commands() if part('garbled');

is(join(' ', workers()), $worker, 'the worker has lived through all of it');
log_is_clean('nothing worse than an error in the log');

control('the Idempotency-Key is not remembered', 'ends in one 200',
        ['single'],
        ['src/store/lua/create.lua', "if earlier[1] == digest then",
         "if false then"],
        ['src/store/lua/create.lua', "if earlier[1] then", "if false then"],
        ['src/store/lua/create.lua', "not earlier[1] and (not", "(not"]);
control('a call sent again is not recognised', 'no key', ['plain'],
        ['src/store/lua/create.lua',
         "if redis.call('exists', KEYS[ids + 1]) == 1 then",
         "if false then"]);
control('a write is lost with its WAIT', 'wait: ', ['waited'],
        ['src/redis/loss.c', 'ngx_redis_loss_again(lane, op, end, 0);',
         'ngx_redis_queue_again(&lane->queue, op);'
         . ' ngx_redis_queue_fail(&lane->queue, op, NGX_REDIS_UNAVAILABLE);']);
control('an import sent again is not recognised', 'just what was answered',
        ['again', 'whole'],
        ['src/store/lua/import.lua', "if mark == '' then", "if false then"],
        ['src/store/lua/import.lua', "if mark then", "if false then"]);
control('names of what was deleted are left', 'fit together', ['whole'],
        ['src/store/lua/import.lua', "redis.call('del', unpack(free))", '']);
control('locks for ever', 'time of a lock', ['single'],
        ['src/store/txn.c', 'ctx->store->timeout + TRACKER_LOCK_MARGIN',
         '86400000']);

finish();


sub start {
    my ($redis, $timeout) = @_;

    start_nginx(redis => $redis, timeout => '2s', redis_timeout => $timeout,
                server => 'location = /ping { return 204; }');
    return workers();
}

sub plain {
    my @length = lengths('plain', 0);

    for my $dir (0, 1) {
        my $name = ('command', 'reply')[$dir];

        cut_all("no key: $_ in the $name", 'plain', 0, $dir, $_,
                every($dir ? 1 : amount(5, 1), $length[$dir]))
            for qw(close reset late);
    }
}

# Each with a few bytes of the command left out: its keys take most of them.  A
# garbled record would be JSON still, and be written.
sub imports {
    for my $shape (grep { part($_) } qw(merge again whole dry)) {
        my @length = lengths($shape, 0);
        my @what = qw(close reset late stall);

        push @what, 'mute' unless $shape{$shape}{no_key};

        for my $dir (0, 1) {
            my $name = ('command', 'reply')[$dir];
            my $wide = amount($dir ? 2 : 17, 1);

            cut_all("$shape: $_ in the $name", $shape, 0, $dir, $_,
                    every($wide * ($_ eq 'mute' ? amount(9, 41) : 1),
                          $length[$dir] - 1)) for @what;
        }
    }
}

sub waited {
    stop_nginx();
    start_replica();
    ($worker) = start("$proxy wait=1", '2s');

    my @length = lengths('waited', 0);

    for my $dir (0, 1) {
        my $name = ('command', 'reply')[$dir];

        cut_all("wait: $_ in the $name", 'waited', 0, $dir, $_,
                every($dir ? 1 : amount(5, 1), $length[$dir]))
            for qw(close reset late);
    }

    cut_all('wait: garbled reply', 'waited', 0, 1, 'flip',
            every(1, $length[1] - 1));
    cut_often('waited', amount(20, 400), @length);
}

sub every {
    my ($step, $n) = @_;

    # not the same positions each time, and always the last one
    return [grep({ $_ < $n } map { $_ * $step + int rand $step }
                             0 .. $n / $step), $n];
}

sub lengths {
    my ($shape, $new) = @_;
    my $client = client('one');

    client_ask($client, request_of($shape, "warm $shape $new"));
    ask_before($client, $shape, "dry $shape $new");
    new_connection($client) if $new;
    proxy('clear');
    client_ask($client, request_of($shape, "dry $shape $new"));

    return (proxy('count'))[0, 1];
}

# what the account has before
sub ask_before {
    my ($client, $shape, $account) = @_;
    my $before = $shape{$shape}{before} or return;

    ask_until_200($client, post('trackers', $before, account => $account),
                  time() + 30);
}

# nginx must have seen that its connection to Redis is closed
sub new_connection {
    my ($client) = @_;

    proxy('drop');
    client_ask($client, "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
}

sub request_of {
    my ($shape, $account) = @_;

    my @key = $shape{$shape}{no_key} ? () : ('Idempotency-Key: the key');

    push @key, 'Expect: 100-continue' if $shape{$shape}{later};
    push @key, @{$shape{$shape}{headers} // []};

    return post($shape{$shape}{path}, $shape{$shape}{body},
                account => $account, headers => \@key,
                $shape{$shape}{type} ? (type => $shape{$shape}{type}) : ());
}

sub cut_all {
    my ($title, $shape, $new, $dir, $what, $positions) = @_;
    my ($done, @wrong, %status) = 0;

    for my $pos (@$positions) {
        my $arg = { stall => 10, late => 3, flip => 1 + int rand 255 }->{$what}
                  // 0;
        my $result = one_cut($shape, $new,
                             join ' ', 'cut', qw(to from)[$dir], $pos, $what,
                                       $arg);

        $done += $result->{done};
        $status{$result->{first}}++;
        push @wrong, "at $pos ($arg): $result->{wrong}" if $result->{wrong};
        last if enough(@wrong);
    }

    report($title, scalar @$positions, \%status, @wrong);

    # the reply to INFO, and the number that raises a revision, are not always
    # as long
    cmp_ok($done, '>=', @$positions * ($new ? 0.9 : 0.98) - 1,
           "$title: all were made");

    if ($what =~ /^(?:close|reset|late|stall)$/) {
        is(join(' ', sort keys %status), '200',
           "$title: the first answer is 200 already");
    }
}

sub report {
    my ($title, $n, $status, @wrong) = @_;

    $cuts += $n;
    $first{$_} += $status->{$_} for keys %$status;

    none("$title: $n cuts, each ends in one 200", @wrong);
    note("$title: first answers " . join ', ', map { "$status->{$_} x $_" }
                                               sort keys %$status);
}

# Several cuts in the way of one request, its repetitions included.
sub cut_often {
    my ($shape, $n, @length) = @_;
    my (@wrong, %status);

    for my $i (1 .. $n) {
        my @some = map {
            my $dir = int rand 2;
            my $what = (qw(close reset late stall flip))[rand(4 + $dir)];

            # one digit for another in the ids of a repetition is no nonsense
            # that anybody could notice
            my $arg = 1 + int rand 20;
            $arg |= 0x40 if $what eq 'flip';

            join ' ', 'cut', qw(to from)[$dir], int rand $length[$dir], $what,
                      $arg;
        } 1 .. 2 + rand 4;
        my $result = one_cut($shape, rand() < 0.2, @some);

        $status{$result->{first}}++;
        push @wrong, "@some: $result->{wrong}" if $result->{wrong};
        last if enough(@wrong);
    }

    report("$shape: several cuts", $n, \%status, @wrong);
}

sub one_cut {
    my ($shape, $new, @commands) = @_;
    my $client = client('one');
    my $account = sprintf 'account %d', 1 + keys %accounts;
    my $text = request_of($shape, $account);
    my ($first, $answer, @statuses);

    # an attempt before this one may have left nginx in a pause
    client_ask($client, request_of('single', 'warm'));
    ask_before($client, $shape, $account);

    new_connection($client) if $new;
    proxy('clear', @commands);

    my $start = time();
    my $end = $start + TTL + 30;

    until ($answer) {
        my $response = client_ask($client, $text);
        my $status = $response ? $response->{status} : 'none';

        $first //= $status;
        push @statuses, $status;

        return { first => $first, done => 0, wrong => "@statuses" }
            if $status !~ /^(?:200|429|500|502|504)$/ || time() > $end;

        $answer = $response->{body} if $status == 200;
        sleep(@statuses < 10 ? 0.005 : 0.1) unless $answer;
    }

    my $took = time() - $start;
    $worst = $took if $took > ($worst // 0);

    my $behind = $shape{$shape}{replica}
                 && !replica('EXISTS', account_key($account, 'name:one'));

    my (undef, undef, $done) = proxy('count');
    proxy('clear');

    my $again = $shape{$shape}{no_key} ? $answer
                : ask_until_200($client, $text, $end);
    my $wrong = $again ne $answer ? "$answer, then $again"
                : $behind ? 'the replica does not have it' : '';

    $accounts{$account} = { answer => $answer, shape => $shape };
    return { first => $first, done => $done > 0, wrong => $wrong };
}

# The lock may be held by an earlier attempt, and nginx may wait for Redis.
sub ask_until_200 {
    my ($client, $text, $end) = @_;
    my $response;

    while (time() < $end) {
        $response = client_ask($client, $text);
        return $response->{body} if $response && $response->{status} == 200;
        return 'nothing' unless $response;
        return "$response->{status} $response->{body}"
            if $response->{status} !~ /^(?:429|502|504)$/;
        sleep 0.01;
    }

    return 'nothing but 429, 502, 504';
}

sub check_locks {
    my $locks = locks();
    my $longest = (sort { $b <=> $a } values %$locks, 0)[0];

    note(scalar(keys %$locks) . ' accounts are locked by a late SET, for '
         . "$longest ms at most");
    cmp_ok($longest, '<=', TTL * 1000, 'the time of a lock is bounded');
    ok(!(grep { $_ < 0 } values %$locks), 'the time of a lock: none has none');
    return if $ENV{TRACKER_FAULT_CONTROL};

    wait_until(sub { !%{locks()} }, 'all locks end');
    pass('no lock is left when their time is over');
}

sub check_store {
    my $stored = is_consistent('names, records and index fit together');
    my @wrong;

    for my $account (sort keys %accounts) {
        my $got = $stored->{account_of($account)};
        my ($answer, $shape) = @{$accounts{$account}}{qw(answer shape)};
        my @records = map { $got->{id}{$got->{name}{$_} // ''} // '(none)' }
                      @{$shape{$shape}{names}};
        my $want = $shape{$shape}{path} eq 'trackers'
                   ? '{"trackers":[' . join(',', @records) . ']}'
                   : "{\"tracker\":$records[0]}";

        if ($shape{$shape}{results}) {
            my $why = wrong_import($shape, $answer, $got);

            push @wrong, "$account: $why" if $why;

        } elsif ($answer ne $want) {
            push @wrong, "$account: $answer, stored $want";
        }

        push @wrong, "$account has " . join ', ', sort values %{$got->{id}}
            if (grep { ($_ // '') ne '' } values %{$got->{id}}) != @records;
    }

    none(keys(%accounts) . ' accounts have just what was answered', @wrong);
}

# What is wrong with the answer to an import, or with what is stored then.
sub wrong_import {
    my ($shape, $answer, $got) = @_;
    my $want = $shape{$shape};
    my $results = decode($answer)->{results} // [];
    my $told = join ', ', map { "$_->{name} $_->{result}" } @$results;

    return "$answer, not $want->{results}" if $told ne $want->{results};

    for my $name (sort keys %{$want->{phrases}}) {
        my $id = $got->{name}{$name} // 'none';
        my $record = $got->{id}{$id} // 'nothing';

        return "$name: stored $record, answered $answer"
            if $record ne "{\"id\":\"$id\",\"name\":\"$name\","
                          . "\"vocabulary\":$want->{phrases}{$name}}"
               || grep { $_->{name} eq $name && ($_->{id} // $id) ne $id }
                       @$results;
    }

    return '';
}

# A garbled command may store anything under any key: what is asked for is
# that the worker goes on.
sub garbled_commands {
    my $client = client('one');
    my (%status, $good);

    for my $shape (qw(single bulk)) {
        my @length = lengths($shape, 0);
        my $positions = every(amount(17, 1), $length[0] - 1);

        for my $pos (@$positions) {
            proxy('clear', "cut to $pos flip " . (1 + int rand 255));

            my $response = client_ask($client,
                                      request_of($shape, "garbled $pos"));
            $status{$response ? $response->{status} : 'none'}++;

            proxy('clear');
            my $next = ask_until_200($client,
                                     request_of($shape, "next $shape $pos"),
                                     time() + 30);
            $good++ if $next =~ /^\{"tracker/;
        }

        is($good, scalar @$positions, "$shape: garbled commands, each next "
                                      . 'request is answered with 200');
        $good = 0;
    }

    is(join(' ', grep { !/^(?:200|400|409|429|500|502|504)$/ } keys %status),
       '', 'garbled commands are answered');
    note(join ', ', map { "$status{$_} x $_" } sort keys %status);
    redis('FLUSHALL');
}
