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
# waited: failover and kill in turn with wait=1 and two replicas of each master,
# 50,000 creates in the long form.  Nothing that was acknowledged is lost.
#
# forced: force with wait=2.  Nothing is lost either; with wait=1 some is:
# the other replica still confirms to a master that has not heard of the new
# one.
#
# frozen: masters that are stopped (SIGSTOP) and go on when a replica has taken
# over, with wait=1.  Nothing is lost.
#
# storm: a master without a replica is gone, and wanted by a third of many
# requests.  No worker asks for the map more than once a second, and none does
# anything when there is nothing to do.
#
# reshard: slots move to another master and back, a few keys at a time, while
# clients create, read, list, change and delete.  No request fails, each list
# has all that the account had before, and what was acknowledged is there.  How
# long requests of accounts that stay take meanwhile, and took before, is in the
# notes.
#
# migrate: the same with a hundred slots that move as a whole, as Valkey 9 can
# (CLUSTER MIGRATESLOTS).  No node says TRYAGAIN.  Skipped with other servers.
#
# Controls: a script that does not look whether a name exists; one that forgets
# the index; TRYAGAIN as a failure.  Where slots move as a whole: MOVED as a
# failure; transactions whose writes Valkey 9 does not send to the new node.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use List::Util qw(max shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Tracker::Cluster;
use Tracker::Host qw(times_woken);
use Tracker::Servers;
use Contest;
use Fault;

use constant CLIENTS => 8;
use constant MADE => 100;         # by a client in an account, at a time
use constant TALKS => 3;          # the same
use constant SENTENCES => 40_000; # of a conversation: five transactions
use constant RANGE => 100;        # slots that move as a whole
use constant AT_ONCE => 30;       # requests of a client, in a storm

# no replica goes to another master, which would be one too few for wait=2
my @options = ('--appendonly', 'yes', '--appendfsync', 'everysec',
               '--cluster-allow-replica-migration', 'no');
my ($stored, @served);

seed();
start_cluster(2, @options);

my @ports = cluster_ports(9);
my $redis = join(' ', map { "127.0.0.1:$_" } @ports[0 .. 2]) . ' cluster';
my @where = (redis => $redis, masters => \&masters);

contest('failover', @where, times => amount(5, 20), break => sub {
    fail_over();
}, kept => 1) if part('failover');

contest_timed('kill', times => amount(3, 20), break => \&kill_master)
    if part('kill');

contest('force', @where, times => amount(2, 5), break => sub {
    fail_over('FORCE');
}) if part('force');

contest('waited', @where, redis => "$redis wait=1:500ms",
        times => amount(6, 40), break => sub {
    my ($n) = @_;

    return $n % 2 ? kill_master(int $n / 2) : fail_over();
}, creates => amount(0, 50_000), kept => 1) if part('waited');

contest('forced', @where, redis => "$redis wait=2:500ms",
        times => amount(2, 20), break => sub {
    fail_over('FORCE');
}, kept => 1) if part('forced');

contest_timed('frozen', redis => "$redis wait=1:500ms",
              times => amount(2, 20), break => \&freeze_master, kept => 1)
    if part('frozen');

storm(amount(4, 10)) if part('storm');
reshard(amount(1, 12)) if part('reshard');
migrate(amount(2, 20)) if part('migrate');

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
    control('the map is asked for at any time', 'a map a second', ['storm'],
            ['src/redis/cluster.c', 'NGX_REDIS_MAP_PAUSE      1000',
             'NGX_REDIS_MAP_PAUSE      10']);
    controls_of_migrate() if migrates_slots();
}

finish();


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
    my $old = comes_back(sub {
        my ($port) = @_;

        kill_server($port);
        start_node($port, @options) unless $n % 2;
    }, 1);

    start_node($old, @options) if $n % 2;
    wait_until_whole();
}

# It goes on, with what is on its connections, when it is no master any more.
sub freeze_master {
    signal_server(comes_back(sub { signal_server($_[0], 'STOP') }), 'CONT');
    wait_until_whole();
}

# Calls gone() with the port of a master, and waits until the cluster and the
# module serve its slots again; the port may do so itself, or must not be asked.
# Returns the port.  How long both took is kept.
sub comes_back {
    my ($gone, $itself) = @_;
    my $account = 'waiting ' . int rand 1000;
    my $key = account_key($account, 'x');
    my $slot = slot_of($account);
    my $old = owner_of($slot);
    my @heirs = grep { $itself || $_ != $old } @ports;
    my ($other) = grep { $_ != $old } masters();
    my $start = time();

    $gone->($old);

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my $end = time() + 60;    # the parent has given up by then

        sleep 0.002 until time() > $end
            || grep { eval { ask_server($_, 'GET', $key); 1 } } @heirs;
        scratch('served', time());
        POSIX::_exit(0);
    }

    wait_until(sub {
        my $response = exchange(list_of($account));

        return $response && $response->{status} == 200;
    }, 'a list');

    my $answered = time();

    waitpid $pid, 0;
    open my $in, '<', scratch('served') or die $!;
    my $served = <$in>;

    push @served, [$served - $start, $answered - $served];
    wait_until(sub { owner_of($slot, $other) != $old }, 'another master')
        unless server_runs($old) && $itself;
    return $old;
}

# How long the cluster, and then the module, was away.
sub contest_timed {
    my ($kind, @more) = @_;

    @served = ();
    contest($kind, @where, @more);

    for my $i (0, 1) {
        my @took = sort { $a <=> $b } map { $_->[$i] } @served;

        note(sprintf '%s: %s after %.2f to %.2f s, the median %.2f s', $kind,
             ('the cluster serves its slots', 'from then on the module answers'
              )[$i], @took[0, -1], $took[$#took / 2]) if @took;
    }
}


# storm

# For so many seconds.
sub storm {
    my ($seconds) = @_;
    my $slot = int rand 16384;
    my $owner = owner_of($slot);
    my @gone = (replicas_of($slot), $owner);
    my ($asked, %woken, %count);

    start_nginx(workers => 4, redis => $redis,
                http => 'tracker_redis_failover_timeout 200ms;');

    my @left = grep { my $port = $_; !grep { $_ == $port } @gone } @ports;

    kill_server($_) for @gone;

    for (@left) {
        ask_server($_, 'CONFIG', 'RESETSTAT');
        ask_server($_, 'CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
    }

    my $start = time();
    my @lines = play(CLIENTS, \&ask_many, sub { sleep $seconds });
    my $took = time() - $start;

    $asked = maps_asked(@left);
    $count{$_->[0]} += $_->[1] for @lines;
    note(sprintf 'storm: %.1f s, requests a second: %s; the map asked for %d'
         . ' times', $took,
         join(', ', map { sprintf '%d x %s', $count{$_} / $took, $_ }
                    sort keys %count), $asked);

    none('storm: no other statuses',
         grep { !/^(?:200|502|504)$/ } sort keys %count);
    ok(($count{200} // 0) > 500 && ($count{502} // 0) > 100,
       'storm: for one that is gone, and others');
    cmp_ok($asked, '>', $seconds / 2, 'storm: the map is asked for');
    cmp_ok($asked, '<=', 4 * ($took + 1),
           'storm: a map a second and worker at most');

    # what had begun is over
    sleep 2;
    ask_server($_, 'CONFIG', 'RESETSTAT') for @left;
    $woken{$_} = times_woken($_) for workers();
    sleep 2;

    none('storm: an idle worker sleeps',
         grep { times_woken($_) > $woken{$_} + 2 } sort keys %woken);
    is(maps_asked(@left), 0, 'storm: an idle worker does not ask');

    ask_server($_, 'CONFIG', 'SET', 'cluster-require-full-coverage', 'yes')
        for @left;
    start_node($_, @options) for reverse @gone;
    wait_until_whole();
    wait_until(sub {
        !grep { $_ != 200 } map { $_->{status} } map { exchange($_) }
              map { list_of("storm $_") } 1 .. 20;
    }, 'all is well again');
    log_is_clean('storm: nothing worse than an error in the log');
    stop_nginx();
}

sub list_of {
    my ($account) = @_;

    return request('GET', '/v1/manage/trackers', token => token_of($account));
}

# A client asks for lists of many accounts at once.
sub ask_many {
    my ($client, $out) = @_;
    my $socks = client('many')->{socks} //= [map { connect_nginx() }
                                             1 .. AT_ONCE];
    my %count;

    send_bytes($_, list_of('storm ' . int rand 1000)) for @$socks;
    $count{$_->{status}}++ for map { read_response($_) } @$socks;
    print $out "$_\t$count{$_}\n" for sort keys %count;
}

# How often nodes have been asked for the map since the last RESETSTAT.
sub maps_asked {
    my $n = 0;

    for my $port (@_) {
        ask_server($port, 'INFO', 'commandstats')
            =~ /^cmdstat_cluster\|slots:calls=(\d+)/m and $n += $1;
    }

    return $n;
}

# reshard and migrate

sub reshard {
    my ($times) = @_;
    my @long = amount(0, 1) ? (1000, 2000, 5000) : ();
    my %size = ((map { ("sized $_" => $_) } 10, 20, 50, 100, 200, 500, @long),
                (map { ("staying $_" => $_) } 10, 20, 50));
    my @all = shuffle grep { /^sized/ } keys %size;

    slots_move('reshard', \%size, sub {
        my ($timed) = @_;

        for my $account ((@all) x $times) {
            my $slot = slot_of($account);

            to_and_fro($slot, $timed->(sub { move_slot($slot, @_) }));
        }
    });
}

sub migrate {
    my ($times) = @_;
    my $title = 'migrate: slots that move as a whole';

    SKIP: {
        skip("$title - needs Valkey 9", 1) unless migrates_slots();

        my $first = a_range();
        my $last = $first + RANGE - 1;
        my $inside = sub { $_[0] >= $first && $_[0] <= $last };
        my %size = ((map { (account_where($inside, "moving $_") => $_) }
                     10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
                    (map { (account_where(sub { !$inside->(@_) },
                                          "staying $_") => $_) } 10, 20, 50));

        my @failed;

        ask_server($_, 'CONFIG', 'RESETSTAT') for masters();

        slots_move('migrate', \%size, sub {
            my ($timed) = @_;
            my $move = $timed->(sub {
                push @failed, migrate_slots($first, $last, @_) unless @failed;
            });

            to_and_fro($first, $move) for 1 .. $times;
        });

        my %errors = errors_of(masters());

        note('migrate: said by the nodes: ' . join ', ',
             map { "$errors{$_} x $_" } sort keys %errors);
        none('migrate: no migration fails', @failed);
        is($errors{TRYAGAIN} // 0, 0, 'migrate: no node says TRYAGAIN');
        cmp_ok($errors{MOVED} // 0, '>', 0, 'migrate: but MOVED');
    }
}

# The first slot of a range that one master has.
sub a_range {
    my $first;

    do {
        $first = int rand 16384 - RANGE;
    } until owner_of($first) == owner_of($first + RANGE - 1);

    return $first;
}

# The name of an account whose slot is as wanted.
sub account_where {
    my ($wanted, $prefix) = @_;
    my $n = 1;

    $n++ until $wanted->(slot_of("$prefix $n"));
    return "$prefix $n";
}

# Calls move() with the ports of two masters, there and back.
sub to_and_fro {
    my ($slot, $move) = @_;
    my $from = owner_of($slot);
    my ($to) = shuffle grep { $_ != $from } masters();

    $move->(@$_) for [$from, $to], [$to, $from];
}

# What nodes have said since the last RESETSTAT: words and how often.
sub errors_of {
    my %count;

    for my $port (@_) {
        my $info = ask_server($port, 'INFO', 'errorstats');

        $count{$1} += $2 while $info =~ /^errorstat_(\w+):count=(\d+)/mg;
    }

    return %count;
}

# Clients use accounts, whose sizes are given, while move() runs.  It is given a
# function that makes one that moves slots into one whose time is taken.
sub slots_move {
    my ($kind, $size, $move) = @_;
    my ($moves, $longest_move, $moving) = (0, 0);

    start_nginx(workers => 2, redis => $redis,
                server => 'location /v1/ { tracker_conversations; }');
    my %ids = map { ($_ => [fill_account($_, $size->{$_})]) } sort keys %$size;

    my @lines = play(CLIENTS, sub { ask_anything(\%ids, @_) }, sub {
        sleep 2;
        $moving = time();

        $move->(sub {
            my ($one) = @_;

            return sub {
                my $start = time();

                $one->(@_);
                $longest_move = max($longest_move, time() - $start);
                $moves++;
                sleep 0.5;    # what has waited for one waits for no other
            };
        });
    });

    note(sprintf '%s: %d moves, the longest %.2f s', $kind, $moves,
         $longest_move);
    check_moved($kind, $size, $moving, @lines);
    $stored = is_consistent("$kind: names, records and index fit together",
                            masters());
    none("$kind: every success lies in Redis byte for byte",
         not_stored(@lines));
    none("$kind: every conversation has its messages", not_told(@lines));
    log_is_clean("$kind: nothing worse than an error in the log");
    stop_nginx();
}

# Returns the ids.
sub fill_account {
    my ($account, $n) = @_;
    my $response = exchange(post('trackers', '[' . join(',',
        map { tracker_text("base $_") } 1 .. $n) . ']',
        token => token_of($account)));

    is($response->{status}, 200, "$account: made");
    return $response->{body} =~ /"id":"(\d+)"/g;
}

sub check_moved {
    my ($kind, $size, $moving, @lines) = @_;
    my (%count, @failed, @short, %stay, %longest);

    for my $line (@lines) {
        my ($what, $account, $start, $took, $status, $found) = @$line;

        my $when = $start < $moving ? 'before' : 'meanwhile';

        push @{$stay{$when}}, $took if $account =~ /^staying/;
        $count{$status}++;
        $longest{$when}{$what} = max($longest{$when}{$what} // 0, $took);
        push @failed, "$what $account: $status"
            if $status !~ /^(?:200|201|429)$/;
        push @short, "$account: $found" if $what eq 'list' && $status == 200
                                           && $found != $size->{$account};
    }

    note(sprintf '%s: %d requests (%s)', $kind, scalar @lines,
         join(', ', map { "$count{$_} x $_" } sort keys %count));

    for my $when (qw(before meanwhile)) {
        my @took = @{$stay{$when} // []};

        note(sprintf '%s, %s: the longest requests are %s; 99 in 100 of %d of'
             . ' accounts that stay within %.1f ms', $kind, $when,
             join(', ', map { sprintf "$_ %.2f s", $longest{$when}{$_} }
                        sort keys %{$longest{$when}}),
             scalar @took, 1000 * percentile(99, @took));
    }

    none("$kind: no request fails", @failed);
    none("$kind: each list has what was there before", @short);
    cmp_ok($count{200} // 0, '>', 200, "$kind: there was load");
}

# A client changes and deletes what it has made itself: the last word counts.
sub not_stored {
    my (%last, @wrong);

    for my $line (@_) {
        my ($what, $account, $status, $id, $body) = @$line[0, 1, 4, 6, 7];

        next if $status ne '200';
        $last{$account}{$id} = '' if $what eq 'delete';
        next if $what !~ /^(?:create|bulk|change)$/;
        $last{$account}{$2} = $1 while $body =~ /(\{"id":"(\d+)".*?\]\})/g;
    }

    for my $account (sort keys %last) {
        my $records = $stored->{account_of($account)}{id};

        push @wrong, map { "$account, $_: stored " . ($records->{$_} // '')
                           . ", answered $last{$account}{$_}" }
                     grep { ($records->{$_} // '') ne $last{$account}{$_} }
                     sort keys %{$last{$account}};
    }

    return @wrong;
}

sub controls_of_migrate {
    control('MOVED is a failure', 'no request fails', ['migrate'],
            ['src/redis/error.c', '"MOVED"),      NGX_REDIS_ERROR,       '
             . 'NGX_REDIS_MOVED', '"MOVED"),      NGX_REDIS_ERROR,       '
             . 'NGX_REDIS_FAIL']);
    control('a large create that does not name its slot', 'byte for byte',
            ['migrate'], ['src/store/lua/bulk_begin.lua', '#!lua', '--']);
    control('a large conversation that does not name its slot',
            'no migration fails', ['migrate'],
            ['src/store/lua/conversation_stage.lua', '#!lua', '--']);
}

sub percentile {
    my ($n, @values) = @_;

    return (sort { $a <=> $b } @values)[@values * $n / 100] // 0;
}

# A large conversation is written by several transactions.
sub not_told {
    my @wrong;

    for my $line (grep { $_->[0] eq 'talk' && $_->[4] eq '201' } @_) {
        my ($account, $name, $id) = ($line->[1], $line->[6],
                                     $line->[7] =~ /"conversationId":"(\d+)"/);
        my $response = exchange(request('GET',
            "/v1/conversations/$id/messages", token => token_of($account)));

        my $told = () = $response->{body} =~ /"x\."/g;

        push @wrong, "$account, $id: $response->{status}, $told"
            if index($response->{body}, "\"$name.\"") < 0
               || $told != SENTENCES;
    }

    return @wrong;
}

my ($made, %made, %talks);

# One request of some kind to one of the accounts.
sub ask_anything {
    my ($ids, $client, $out) = @_;
    my $account = (sort keys %$ids)[rand keys %$ids];
    my @token = (token => token_of($account));
    my $what = (qw(create create bulk get get list find delete change talk)
               )[rand 10];
    my $name = "made $client " . ++$made;
    my $id = $ids->{$account}[rand @{$ids->{$account}}];
    my $own = $made{$account} //= [];
    my $text;

    $what = 'delete' if @$own > MADE && $what =~ /^(?:create|bulk)$/;

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

    } elsif ($what eq 'delete' && @$own) {
        $id = $own->[-1];
        $text = request('DELETE', "/v1/manage/tracker/$id", @token);

    } elsif ($what eq 'change' && @$own) {
        $id = $own->[rand @$own];
        $text = request('PATCH', "/v1/manage/tracker/$id", @token, body =>
            qq([{"op":"replace","path":"/vocabulary","value":["$name"]}]));

    } elsif ($what eq 'talk' && ($talks{$account} // 0) < TALKS) {
        $id = $name;
        $text = request('POST', '/v1/process/text', @token, body =>
            sprintf '{"messages":[{"payload":{"content":"%s"}}]}',
                    "$name." . ' x.' x SENTENCES);

    } else {
        $what = 'list';
        $text = request('GET', '/v1/manage/trackers', @token);
    }

    my $start = time();
    my $response = client_ask(client('http'), $text)
                   // { status => 'none', body => '' };
    my @names = $response->{body} =~ /"name":"base \d+"/g;

    if ($response->{status} eq '200') {
        push @$own, $response->{body} =~ /"id":"(\d+)"/g
            if $what =~ /^(?:create|bulk)$/;
        pop @$own if $what eq 'delete';
    }

    $talks{$account}++ if $response->{status} eq '201';

    print $out join("\t", $what, $account, $start, time() - $start,
                    $response->{status}, scalar @names, $id,
                    $what eq 'list' ? '' : $response->{body}), "\n";
}
