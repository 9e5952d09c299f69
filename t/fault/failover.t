# A Redis Cluster whose masters change, die and hand slots to each other.
#
# failover, kill, force: clients fight for names in accounts at all masters,
# each create with an Idempotency-Key and repeated until it is answered with
# 200 or 409.  Meanwhile replicas become masters by CLUSTER FAILOVER; masters
# are killed with -9 and started again, at once or when the replica has taken
# over; replicas take over from a master that works (CLUSTER FAILOVER FORCE).
# Afterwards: no name has two trackers; names, records and index fit together;
# what was refused is not there; other statuses than 429, 502 and 504 were not
# seen.  A CLUSTER FAILOVER loses nothing that was acknowledged.  What the
# others have lost is counted: Redis replicates asynchronously.
#
# waited: the same with wait=1 and two replicas of each master, masters killed
# and replicas that take over in turn.  Nothing that was acknowledged is lost.
#
# reshard: slots move to another master and back, a few keys at a time, while
# clients create, read, list and delete.  No request fails, and each list has
# all that the account had before.  How long requests of accounts that stay take
# meanwhile, and took before, is in the notes.
#
# Controls: a script that does not look whether a name exists; one that forgets
# the index; TRYAGAIN as a failure; answers that do not wait for the replicas.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use List::Util qw(max shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Tracker::Cluster;
use Tracker::Host;
use Tracker::Servers;
use Fault;

use constant CLIENTS => 6;
use constant ACCOUNTS => 9;
use constant NAMES => 30;         # contested at a time
use constant NEW_NAMES => 20;     # a second

my $seed = seed();
my @options = ('--appendonly', 'yes', '--appendfsync', 'everysec');
my (%tokens, $stored);

start_cluster(2, @options);
my @ports = cluster_ports(9);

contest('failover', amount(5, 20), sub { fail_over() }) if part('failover');
contest('kill', amount(3, 20), \&kill_master) if part('kill');
contest('force', amount(2, 5), sub { fail_over('FORCE') }) if part('force');
contest('waited', amount(6, 40), sub {
    my ($n) = @_;

    return $n % 2 ? kill_master($n + 1) : fail_over();
}, ' wait=1:500ms') if part('waited');
reshard(amount(1, 8)) if part('reshard');

if (!$ENV{TRACKER_FAULT_CONTROL}) {
    control('a name that exists is not seen in a cluster', 'fit together',
            ['failover'], ['src/store/lua/create.lua', "redis.pcall('msetnx'",
                           "1, redis.pcall('mset'"]);
    control('the index is forgotten in a cluster', 'fit together',
            ['failover'], ['src/store/lua/create.lua', "redis.pcall('zadd'",
                           "n -- redis.pcall('zadd'"]);
    control('TRYAGAIN is a failure', 'no request fails', ['reshard'],
            ['src/redis/error.c', '"TRYAGAIN"),   NGX_REDIS_UNAVAILABLE, '
             . 'NGX_REDIS_DELAY', '"TRYAGAIN"),   NGX_REDIS_UNAVAILABLE, '
             . 'NGX_REDIS_FAIL']);
}

finish();


# Runs be() in processes of their own while break() runs; returns what they have
# written, lines of fields.
sub play {
    my ($be, $break) = @_;
    my (@pids, @lines);
    my $over = scratch('over');

    unlink $over;

    for my $i (1 .. CLIENTS) {
        push @pids, fork() // die "fork: $!";
        next if $pids[-1];

        srand $seed + $i;
        my $done = eval {
            open my $out, '>', scratch("lines.$i") or die $!;
            $be->($i, $out) until -e $over;
            close $out or die $!;
        };
        print STDERR "client: $@" unless $done;
        POSIX::_exit($done ? 0 : 1);
    }

    sleep 0.5;
    my $broken = eval { $break->(); 1 };
    my $error = $@;
    sleep 0.5;
    scratch('over', 'now');

    for my $i (1 .. CLIENTS) {
        waitpid $pids[$i - 1], 0;
        is($?, 0, "client $i has come to its end");
        open my $in, '<', scratch("lines.$i") or die $!;
        push @lines, map { chomp; [split /\t/, $_, -1] } <$in>;
    }

    die $error unless $broken;
    return @lines;
}

sub token_of {
    my ($account) = @_;

    return $tokens{$account} //= token($account);
}


# failover and kill

sub contest {
    my ($kind, $times, $break, $more) = @_;
    my $n = 0;

    start_nginx(workers => 2, timeout => '6s',
                http => 'tracker_redis_failover_timeout 5s;',
                redis => cluster_redis() . ($more // ''));

    my @lines = play(sub { create_contested($kind, @_, ++$n) }, sub {
        $break->($_) for 1 .. $times;
    });

    $stored = is_consistent("$kind: names, records and index fit together",
                            masters());
    check_contest($kind, $times, @lines);
    log_is_clean("$kind: nothing worse than an error in the log");
    stop_nginx();
}

sub cluster_redis {
    return join(' ', map { "127.0.0.1:$_" } @ports[0 .. 2]) . ' cluster';
}

sub create_contested {
    my ($kind, $client, $out, $n) = @_;
    my $account = "$kind " . int rand ACCOUNTS;
    my $name = 'name ' . (int(time() * NEW_NAMES) + int rand NAMES);
    my $phrase = "phrase $kind $client $n";
    my $text = post('tracker', tracker_text($name, $phrase),
                    token => token_of($account),
                    headers => ["Idempotency-Key: $phrase"]);
    my ($response, %seen, $longest);

    do {
        my $start = time();

        sleep 0.02 + rand 0.05 if %seen;
        $response = client_ask(client('http'), $text);
        $seen{$response ? $response->{status} : 'none'}++;
        $longest = max($longest // 0, time() - $start);
    } until !$response || $response->{status} !~ /^(?:429|502|504)$/;

    print $out join("\t", $account, $name, $phrase, $longest,
                    join(' ', %seen), $response ? @$response{qw(status body)}
                                                : ('none', '')), "\n";
}

sub check_contest {
    my ($kind, $times, @lines) = @_;
    my (%count, %refused, @lost, @ghosts, @others, %success);
    my $longest = 0;

    for my $line (@lines) {
        my ($account, $name, $phrase, $took, $seen, $status, $body) = @$line;
        my %seen = split / /, $seen;

        $longest = max($longest, $took);
        $count{$_} += $seen{$_} for keys %seen;
        push @others, "$phrase: $status $body" if $status !~ /^(?:200|409)$/;
        $refused{$phrase} = 1 if $status == 409;
        next if $status ne '200';

        my $of = $stored->{account_of($account)} // {};
        my $record = $of->{id}{$of->{name}{$name} // ''} // '(nothing)';

        $success{"$account, $name"}++;
        push @lost, "$account, $name: stored $record, answered $body"
            if $body ne "{\"tracker\":$record}";
    }

    for my $record (map { values %{$_->{id}} } values %$stored) {
        my ($phrase) = $record =~ /"(phrase $kind \d+ \d+)"/ or next;
        push @ghosts, $record if $refused{$phrase};
    }

    note(sprintf '%s: %d times, %d creates (%s), %d acknowledged, %d of them'
         . ' lost, the longest answer after %.2f s', $kind, $times,
         scalar @lines, join(', ', map { "$count{$_} x $_" } sort keys %count),
         $count{200}, scalar @lost, $longest);

    none("$kind: no other statuses", @others);
    none("$kind: nothing of a refused request lies in Redis", @ghosts);
    none("$kind: every success lies in Redis byte for byte", @lost)
        if $kind =~ /^(?:failover|waited)$/;
    none("$kind: a name has a second success only where the first was lost",
         (grep { $success{$_} > 1 } sort keys %success)
         [@lost .. scalar keys %success]);
    ok($count{200} > 100 && $count{409} > 100,
       "$kind: there were both 200 and 409");
}

sub none {
    my ($title, @findings) = @_;

    @findings = grep { defined } @findings;
    my $n = @findings;
    splice @findings, 5;
    is(join("\n", @findings), '', $title);
    note("$n findings") if $n;
}

# A replica becomes the master.
sub fail_over {
    my @how = @_;
    my $slot = int rand 16384;
    my $new;

    wait_until(sub { $new = replica_of($slot) }, 'there is a replica');
    wait_until(sub {
        eval { ask_server($new, 'CLUSTER', 'FAILOVER', @how) };
        my $end = time() + 6;    # it gives up after 5 s
        sleep 0.05 until owner_of($slot, $new) == $new || time() > $end;
        owner_of($slot, $new) == $new;
    }, 'the replica is the master');

    wait_until_whole();
}

# It comes back at once, or as a replica.
sub kill_master {
    my ($n) = @_;
    my $slot = int rand 16384;
    my $old = owner_of($slot);
    my ($seen) = grep { $_ != $old } masters();

    kill_server($old);

    if ($n % 2) {
        wait_until(sub { owner_of($slot, $seen) != $old },
                   'the replica is the master');
    }

    start_node($old, @options);
    wait_until_whole();
}


# reshard

sub reshard {
    my ($times) = @_;
    my %size = ((map { ("sized $_" => $_) } 10, 20, 50, 100, 200, 500),
                (map { ("staying $_" => $_) } 10, 20, 50));
    my %ids;

    start_nginx(workers => 2, redis => cluster_redis());

    for my $account (sort keys %size) {
        my $response = exchange(post('trackers', '[' . join(',',
            map { tracker_text("base $_") } 1 .. $size{$account}) . ']',
            token => token_of($account)));

        is($response->{status}, 200, "$account: made");
        $ids{$account} = [$response->{body} =~ /"id":"(\d+)"/g];
    }

    my ($moves, $longest_move, $moving) = (0, 0);
    my @all = shuffle grep { /^sized/ } keys %size;
    my @lines = play(sub { ask_anything(\%ids, @_) }, sub {
        sleep 2;
        $moving = time();

        for my $account ((@all) x $times) {
            my $slot = slot_of($account);
            my $from = owner_of($slot);
            my ($to) = shuffle grep { $_ != $from } masters();

            for my $way ([$from, $to], [$to, $from]) {
                my $start = time();

                move_slot($slot, @$way);
                $longest_move = max($longest_move, time() - $start);
                $moves++;
                sleep 0.1;
            }
        }
    });

    my (%count, @failed, @short, @before, @meanwhile);
    my $longest = 0;

    for my $line (@lines) {
        my ($what, $account, $start, $took, $status, $found) = @$line;

        push @{$start < $moving ? \@before : \@meanwhile}, $took
            if $account =~ /^staying/;
        $count{$status}++;
        $longest = max($longest, $took);
        push @failed, "$what $account: $status" if $status !~ /^(?:200|429)$/;
        push @short, "$account: $found" if $what eq 'list' && $status == 200
                                           && $found != $size{$account};
    }

    note(sprintf 'reshard: %d moves, the longest %.2f s, meanwhile %d requests'
         . ' (%s), the longest %.2f s', $moves, $longest_move, scalar @lines,
         join(', ', map { "$count{$_} x $_" } sort keys %count), $longest);
    note(sprintf 'reshard: %d requests of accounts that stay before, %d'
         . ' meanwhile, 99 in 100 within %.1f and %.1f ms', scalar @before,
         scalar @meanwhile, map { 1000 * percentile(99, @$_) } \@before,
         \@meanwhile);
    none('reshard: no request fails', @failed);
    none('reshard: each list has what was there before', @short);
    cmp_ok($count{200} // 0, '>', 200, 'reshard: there was load');
    $stored = is_consistent('reshard: names, records and index fit together',
                            masters());
    log_is_clean('reshard: nothing worse than an error in the log');
    stop_nginx();
}

sub percentile {
    my ($n, @values) = @_;

    return (sort { $a <=> $b } @values)[@values * $n / 100] // 0;
}

my ($made, %made);

# One request of some kind to one of the accounts.
sub ask_anything {
    my ($ids, $client, $out) = @_;
    my $account = (sort keys %$ids)[rand keys %$ids];
    my @token = (token => token_of($account));
    my $what = (qw(create create bulk get get list find delete))[rand 8];
    my $name = "made $client " . ++$made;
    my $id = $ids->{$account}[rand @{$ids->{$account}}];
    my $text;

    if ($what eq 'create') {
        $text = post('tracker', tracker_text($name), @token);

    } elsif ($what eq 'bulk') {
        $text = post('trackers', '[' . join(',', map {
            tracker_text("$name $_")
        } 1 .. 20) . ']', @token);

    } elsif ($what eq 'get') {
        $text = request('GET', "/v1/manage/tracker/$id", @token);

    } elsif ($what eq 'find') {
        $text = request('GET', '/v1/manage/trackers?name=base%201', @token);

    } elsif ($what eq 'delete' && @{$made{$account} // []}) {
        $id = $made{$account}[-1];
        $text = request('DELETE', "/v1/manage/tracker/$id", @token);

    } else {
        $what = 'list';
        $text = request('GET', '/v1/manage/trackers', @token);
    }

    my $start = time();
    my $response = client_ask(client('http'), $text)
                   // { status => 'none', body => '' };
    my @names = $response->{body} =~ /"name":"base \d+"/g;

    if ($response->{status} eq '200') {
        push @{$made{$account}}, $response->{body} =~ /"id":"(\d+)"/g
            if $what =~ /^(?:create|bulk)$/;
        pop @{$made{$account}} if $what eq 'delete';
    }

    print $out join("\t", $what, $account, $start, time() - $start,
                    $response->{status}, scalar @names), "\n";
}
