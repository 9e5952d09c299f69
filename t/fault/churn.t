# Nodes that come and go: 1,000 maps, and the n-th allocation fails meanwhile.
#
# Many clusters of one worker, each with nodes of its own, whose slots move on
# time and again.  The nodes are played: one process at all addresses of
# 127.0.0.0/8 answers CLUSTER SLOTS, MOVED and ASK by a book that the test
# writes, plays sentinels, and hands what is for the owner of the slot to a real
# Redis.  Half of the clusters say names, which nginx's resolver looks up.
#
# First, 1,000 maps and more with memory for all of it: each request is answered
# with 200, what is not in the map any more is left, no socket stays open, and
# memory is flat.  Then the n-th allocation fails, n is 1, 2, 3 ... until the
# work needs fewer: of a first map; of a map with other nodes, after MOVED to a
# node that was unknown, by number and by name; of ASK; of a slot half moved; of
# a lock that is refused; of a master that is away, whose heir another node
# knows; and of sentinels who name another one.  The answer must be 200, 500,
# 502 or 504, or none where all that follow fail, too; the worker lives; and
# with memory again the next request, of the same client, is answered with 200:
# a map, a node, a name or a sentinel that there was no memory for is asked for
# again, and no lock stays, or where all fail, not beyond its time.  In the end
# there are as many sockets and pieces of memory as before.
#
# Where the module is linked into nginx, for the sanitizers or valgrind, only
# the first part is done.
#
# Controls: a node that is not left; a map that is not asked for again; a lock
# that is forgotten where its command finds no place at another node; a probe
# that is not freed; a socket that is not closed.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use List::Util qw(sum);
use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Tracker::Cluster qw(slot_of);
use Tracker::Dns;
use Tracker::Played qw(play_redis slots);
use Tracker::Servers qw(ask_server);
use Alloc;
use Fault;

use constant CLUSTERS => 120;       # those with odd numbers say names
use constant GENERATIONS => 4;      # of nodes; then the first ones come again
use constant MAPS => 1000;
use constant SENTINELS => 121 .. 150;    # groups with a master of their own
use constant TTL => 10;             # of a lock: 5 s and the margin

my $preloads = $ENV{TEST_NGINX_LOAD_MODULES}
               && !$ENV{TRACKER_FAULT_NO_PRELOAD};

if (!$preloads && !$ENV{TRACKER_WATCHED}) {
    plan skip_all => 'needs the module as a shared object, or a sanitizer';
}

# The account whose slot moves, and one whose slots stay at the first node of
# each cluster, the one that nginx is configured with.
my ($slot, $tag) = (slot_of('tester'), account_key('tester', '') =~ /\{(\w+)/);
my $port = Tracker::Host::free_port();
my $dns = Tracker::Host::free_port();
my $token = token('tester');        # a worker remembers each that it has seen
my %owner = map { $_ => 1 } 1 .. CLUSTERS, SENTINELS;
my (%text, %turns, $worker, $others, $round);

# What is asked, and whether another map must come of it.
my %scene = (
    first => { map => 1 },
    moved => { how => 'moved', map => 1 },
    named => { how => 'moved', map => 1, odd => 1 },
    asked => { how => 'ask' },
    half => { how => 'half', map => 1, text => sub {
        post('tracker', tracker_text($_[0]), token => $token,
             headers => ["Idempotency-Key: $_[0]"]);
    } },
    lead => { how => 'lead', map => 1, text => sub { $text{write} } },
    heir => { how => 'away', map => 1, before => sub {
        my ($k) = @_;
        ask($k, $text{other});
    } },
    sentinel => { how => 'gone', of => [SENTINELS] },
);

seed();
start_redis();
start_dns($dns);
names(map { my $k = $_; map { ("n$_.c$k.test" => "127.$k.$_.1") }
                            1 .. GENERATIONS } 1 .. CLUSTERS);

my $good = $ENV{TEST_NGINX_LOAD_MODULES};
my @environment;

if ($preloads) {

    # nginx as it is installed: the one of t/run has a log in which nothing may
    # fail
    delete $ENV{TEST_NGINX_BINARY};
    $ENV{TEST_NGINX_LOAD_MODULES} = linked_module();
    @environment = (env => alloc_environment());
}

play_redis($port, \&answer, '0.0.0.0');
start();
$ENV{TEST_NGINX_LOAD_MODULES} = $good;

fail_each('first') if $preloads && part('first');
churn() if part('churn');
fail_scenes() if $preloads;

is_consistent('names, records and index fit together');
is(join(' ', workers()), $worker, 'the worker has lived through all of it');
stop_nginx();
log_is_clean('nothing worse than an error in the log',
             $preloads ? qr/Cannot allocate memory|malloc\(|posix_memalign\(/
                       : undef);

control('a node is not left', 'left', ['churn'],
        ['src/redis/cluster.c', "if (!member->seed) {\n            "
                                . 'ngx_redis_cluster_remove',
         "if (0) {\n            ngx_redis_cluster_remove"]);
control('a map is not asked for again', 'first: the next', ['first'],
        ['src/redis/cluster.c', "later */\n\n    cluster->wanted = 0;\n"
                                . '    ngx_redis_cluster_want(cluster);',
         'later */']);
control('a lock is forgotten on the way to another node', 'half: the next',
        ['half'],
        ['src/redis/node.c', 'ngx_redis_lane_maybe(op)', '0']);
control('a probe is not freed', 'leak', ['heir'],
        ['src/redis/probe.c', 'ngx_redis_op_free(probe->op);', '']);
control('a socket that nginx has no place for is not closed', 'left|sockets',
        ['moved'],
        ['src/redis/conn.c', "redisAsyncFree(ac);\n"
                             . '        ngx_redis_conn_lost(conn, '
                             . 'NGX_REDIS_END_BUSY',
         'ngx_redis_conn_lost(conn, NGX_REDIS_END_BUSY']);

finish();


sub start {
    my $config = "resolver 127.0.0.1:$dns valid=1s;\n";

    for my $k (1 .. CLUSTERS, SENTINELS) {
        my $servers = $k <= CLUSTERS
                      ? node($k, 0) . ":$port cluster"
                      : join(' ', map { node($k, $_) . ":$port" } 201 .. 203)
                        . ' sentinel=main';

        $config .= "server {
            listen 127.0.0.1:$ENV{TEST_NGINX_PORT};
            server_name c$k;
            tracker_redis $servers;
            location /v1/manage/ { tracker_api; }
        }\n";
    }

    start_nginx(timeout => '5s', redis_timeout => '2s', http => $config,
                server => "server_name c0;
                           location = /ping { return 204; }
                           location = /lookup {
                               set \$name n1.c1.test;
                               proxy_pass http://\$name:1;
                           }", @environment);
    ($worker) = workers();

    for my $account (qw(tester other)) {
        my $made = ask(0, post('tracker', tracker_text('n'),
                               account => $account));
        my ($id) = $made->{body} =~ /"id":"(\d+)"/ or die $made->{body};

        $text{$account} = request('GET', "/v1/manage/tracker/$id",
                                  account => $account);
        $text{write} = request('PUT', "/v1/manage/tracker/$id",
                               body => tracker_text('m'))
            if $account eq 'tester';
    }

    # and the resolver's
    $others = descriptors($worker) + 1;
}

# the address of a node; the first one of a cluster is 0
sub node {
    my ($k, $g) = @_;

    return "127.$k.$g.1";
}

# 0 is the server that is no cluster
sub ask {
    my ($k, $text) = @_;

    return client_ask(client('one'), $text =~ s/^Host: .*\r$/Host: c$k\r/mr);
}

sub status {
    my ($response) = @_;

    return $response ? $response->{status} : 'none';
}

# Until nginx has done what there was to do when this was called.
sub ping {
    ask(0, "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n") for 1 .. 2;
}


# the nodes

# One process is all of them.  The book of a cluster says who the owner of the
# slot is; at: who was, and how that one says so.
sub answer {
    my ($words, $conn, $notes) = @_;
    my ($name, @rest) = @$words;

    return write_book($notes, @rest) if $name eq 'BOOK';
    return list(map { book($notes, $_)->{maps} } 0 .. CLUSTERS)
        if $name eq 'MAPS';
    return list(map { $_->{at} // () } values %{$notes->{open}})
        if $name eq 'OPEN';

    $conn->{at} //= $conn->{sock}->sockhost;

    my ($k, $g) = $conn->{at} =~ /^127\.(\d+)\.(\d+)/;
    my $book = book($notes, $k);
    my ($how, $owner, $at) = @$book{qw(how owner at)};

    return list(node($k, $owner), $port) if $name eq 'SENTINEL';

    if ($how eq 'away' && $g == $at || $how eq 'gone' && $g != $owner) {

        # the second time it is away
        pull_trigger($book) if $book->{calls}++;
        return undef;
    }

    if ($name eq 'CLUSTER') {
        $book->{maps}++;
        return map_of($book, $k);
    }

    $conn->{asking} = 1, return "+OK\r\n" if $name eq 'ASKING';

    my $asking = delete $conn->{asking};

    return relay($words) if "@$words" !~ /$tag/;
    return serve($book, $k, $words)
        if $g == $owner && ($how ne 'ask' || $asking);

    pull_trigger($book);
    return redirection('ASK', $book, $k, $owner) if $how eq 'ask' && $g == $at;
    return redirection('MOVED', $book, $k, $how eq 'ask' ? $at : $owner);
}

# by the owner; the first command of a request that has one ahead of it
sub serve {
    my ($book, $k, $words) = @_;

    if ($book->{how} eq 'half' && $words->[0] ne 'SET') {
        pull_trigger($book);
        @$book{qw(how owner)} = ('moved', $book->{next});
        return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
    }

    if ($book->{how} eq 'lead' && $words->[0] eq 'SET') {
        pull_trigger($book);
        $book->{how} = 'moved';
        return redirection('ASK', $book, $k, $book->{next});
    }

    return relay($words);
}

# from now on an allocation fails
sub pull_trigger {
    my ($book) = @_;

    arm(split / /, delete $book->{arm}) if $book->{arm};
}

sub book {
    my ($notes, $k) = @_;

    return $notes->{$k} //= { owner => 1, at => 1, maps => 0,
                              how => $k <= CLUSTERS ? 'moved' : 'gone' };
}

sub write_book {
    my ($notes, $k, %lines) = @_;

    $notes->{$k} = { maps => book($notes, $k)->{maps}, %lines };
    return "+OK\r\n";
}

sub redirection {
    my ($word, $book, $k, $to) = @_;

    return "-$word $slot " . host($book, $k, $to) . ":$port\r\n";
}

sub host {
    my ($book, $k, $g) = @_;

    return $k % 2 && $k <= CLUSTERS ? "n$g.c$k.test" : node($k, $g);
}

# Beside the slot's there is another new node, which nobody needs.  That one is
# away is found out by itself.
sub map_of {
    my ($book, $k) = @_;
    my $g = $book->{how} =~ /^(?:ask|away)$/ ? $book->{at} : $book->{owner};
    my $spare = host($book, $k, $g) =~ s/^n/m/r =~ s/\.1$/.2/r;

    return slots([0, $slot - 1, node($k, 0), $port],
                 [$slot, $slot, host($book, $k, $g), $port],
                 [$slot + 1, $slot + 1, $spare, $port],
                 [$slot + 2, 16383, node($k, 0), $port]);
}

sub list {
    return '*' . @_ . "\r\n" . join '', map { '$' . length() . "\r\n$_\r\n" }
                                        @_;
}

# what the real one says, byte by byte
sub relay {
    my ($words) = @_;

    our $real //= Tracker::Redis::redis_connect();
    print $real list(@$words);
    $real->flush;
    return raw_reply($real);
}

sub raw_reply {
    my ($sock) = @_;
    my $text = <$sock> // die "redis is gone\n";
    my ($type, $n) = $text =~ /^(.)(-?\d*)/;

    if ($type eq '$' && $n >= 0) {
        read $sock, $text, $n + 2, length $text;
    } elsif ($type eq '*' && $n > 0) {
        $text .= raw_reply($sock) for 1 .. $n;
    }

    return $text;
}

# The slot of cluster k moves on: arm says which allocation fails then.
sub move {
    my ($k, $how, $arm) = @_;
    my $at = $owner{$k};
    my $next = $at % GENERATIONS + 1;

    $owner{$k} = $next if $how ne 'lead';
    ask_server($port, 'BOOK', $k, how => $how, at => $at, next => $next,
               owner => $how =~ /^(?:half|lead)$/ ? $at : $next,
               arm => $arm // '');
}

# Nothing more is on its way to the owner, wherever the work has stopped.
sub stay {
    my ($k) = @_;

    ask_server($port, 'BOOK', $k, how => $k <= CLUSTERS ? 'moved' : 'gone',
               at => $owner{$k}, owner => $owner{$k});
}

# How many maps each cluster has got.
sub maps {
    return @{ask_server($port, 'MAPS')};
}


# the tests

sub churn {
    my (@wrong, @live, @open);

    push @open, settle('churn, at first', 1 .. CLUSTERS);
    my $start = sum maps();

    for my $half (1, 2) {
        push @wrong, move_all($start + $half * MAPS / 2);
        push @open, settle("churn, half $half", 1 .. CLUSTERS);
        push @live, live_again($live[0]) if $preloads;
    }

    my $maps = sum(maps()) - $start;

    note("$maps maps, @live pieces, @open descriptors");
    none('churn: each request is answered with 200', @wrong);
    cmp_ok($maps, '>=', MAPS, 'churn: so many maps');
    cmp_ok($live[1], '<=', $live[0], 'churn: memory is flat') if $preloads;
}

# Each slot moves, whenever its cluster has got another map, through all nodes
# at least once, until there have been so many maps.  Returns what was not
# answered with 200.
sub move_all {
    my ($until) = @_;
    my @seen = (-1) x (CLUSTERS + 1);
    my @moves = (GENERATIONS, (0) x CLUSTERS);
    my @wrong;

    until (enough(@wrong)) {
        my @maps = maps();
        my @moved = grep { $maps[$_] > $seen[$_] } 1 .. CLUSTERS;

        last if sum(@maps) >= $until && !grep { $_ < GENERATIONS } @moves;

        for my $k (@moved) {
            move($k, 'moved');
            my $status = status(ask($k, $text{tester}));
            push @wrong, "cluster $k: $status" if $status ne '200';
            $seen[$k] = $maps[$k];
            $moves[$k]++;
        }

        sleep 0.01 unless @moved;
    }

    return @wrong;
}

sub fail_scenes {
    my @scenes = grep { part($_) }
                      qw(moved named asked half lead heir sentinel);
    my (@live, @open);

    for (0 .. amount(1, 3)) {
        $round = $_;

        for my $scene ($round ? @scenes : ()) {
            fail_each($scene);
            fail_each($scene, 'on') if long_form() && $round == 1;
        }

        push @open, settle("round $round", 1 .. CLUSTERS, SENTINELS);
        push @live, live_again($live[0]);
    }

    note("@live pieces, @open descriptors");
    cmp_ok($live[-1], '<=', $live[0], 'no leak where an allocation fails');
}

# Pieces of memory in use when there are as few as before, or in the end.  The
# resolver frees two names that it has not needed for half a minute at a time,
# when it has told another one.
sub live_again {
    my ($before) = @_;
    my $live;

    wait_for(sub {
        $live = live();
        return 1 if !defined $before || $live <= $before;
        ask(0, "GET /lookup HTTP/1.1\r\nHost: a\r\n\r\n");
        return 0;
    });
    return $live;
}

# As wait_until(); what has not come in the end is for the caller to see.
sub wait_for {
    my ($condition) = @_;
    my $end = time() + ($ENV{TRACKER_FAULT_CONTROL} ? 15 : 60);

    until ($condition->() || time() > $end) {
        sleep 0.01;
    }
}

# Waits until the clusters have left all nodes that they need no more: each has
# one connection to its first node and one to the owner.  Returns how many
# descriptors the worker has.
sub settle {
    my ($title, @clusters) = @_;
    my (@wrong, @stays);

    for my $k (@clusters) {
        my ($first, $took) = until_good($k, $text{tester});

        push @wrong, "cluster $k: $first, good after $took s"
            if $first ne '200';
        until_good($k, $text{other});
    }

    none("$title: requests are answered with 200", @wrong);
    leave_spares(@clusters);

    my %wanted = map {
        (node($_, $owner{$_}) => 1, $_ <= CLUSTERS ? (node($_, 0) => 1) : ())
    } @clusters;

    wait_for(sub {
        my %left = %wanted;

        @stays = grep { !delete $left{$_} }
                 grep { $wanted{$_} || is_of($_, @clusters) }
                 @{ask_server($port, 'OPEN')};
        return !@stays && !%left;
    });
    none("$title: what is in no map is left", @stays);

    my $all = @{ask_server($port, 'OPEN')};
    my $more;

    wait_for(sub {
        $more = descriptors($worker) - $all;
        return $more <= $others;
    });
    cmp_ok($more, '<=', $others, "$title: no other sockets are open");

    return $all + $more;
}

# Where no other node had a map, that one was asked, too.
sub leave_spares {
    my %of = map { $_ => 1 } @_;

    for (grep { /\.2$/ } @{ask_server($port, 'OPEN')}) {
        my ($k) = /^127\.(\d+)/;

        next unless delete $of{$k};
        move($k, 'moved');
        until_good($k, $text{tester});
    }
}

sub is_of {
    my ($address, @clusters) = @_;

    return scalar grep { $address =~ /^127\.$_\./ } @clusters;
}

# The status of the next request, and the time until there is a 200, if need be
# by more of them.
sub until_good {
    my ($k, $text) = @_;
    my $start = time();
    my $end = $start + ($ENV{TRACKER_FAULT_CONTROL} ? 3 : TTL + 10);
    my ($first, $status);

    while (time() < $end) {
        $status = status(ask($k, $text));
        $first //= $status;
        last if $status eq '200' || !is_worker($worker);
        sleep 0.01;
    }

    return ($status eq '200' ? $first : "$status for ever", time() - $start);
}

# The one of the scene's clusters that has rested for the longest time.
sub next_of {
    my ($scene) = @_;
    my @all = @{$scene{$scene}{of} // [1 .. CLUSTERS]};

    @all = grep { !($_ % 2) == !$scene{$scene}{odd} } @all
        if !$scene{$scene}{of} && $scene ne 'first';
    return $all[$turns{$scene}++ % @all];
}

sub fail_each {
    my ($scene, $on) = @_;
    my $title = $on ? "$scene, and all that follow" : $scene;
    my (@wrong, @stuck, %status, $n);
    my $longest = 0;

    # without any memory nginx has no answer, and a lock expires
    my $may = $on ? qr/^(?:200|500|502|504|none)$/ : qr/^(?:200|500|502|504)$/;

    for ($n = 1; $n < 1000 && !enough(@wrong, @stuck); $n += $on ? 4 : 1) {
        my $k = next_of($scene);
        my $text = $scene{$scene}{text};

        $text = $text ? $text->("$title $round $n") : $text{tester};
        my ($response, $failed) = fail_one($scene, $k, $n, $on, $text);
        my $frames = frames();
        my $status = status($response);

        stay($k);

        if (!$failed) {
            push @wrong, "nothing failed, but $status" if $status ne '200';
            last;
        }

        $status{$status}++;
        push @wrong, "allocation $n: $status "
                     . ($response ? $response->{body} : '')
                     . ' ' . place($frames)
            if $status !~ $may;

        my ($next, $took) = until_good($k, $text);
        push @stuck, "allocation $n: $next, good after $took s "
                     . place($frames)
            if $next ne '200'
               && !($on && $next eq '429' && $took <= TTL + 3);
        $longest = $took if $took > $longest;

        if (!is_worker($worker)) {
            push @wrong, "allocation $n: the worker has died "
                         . place($frames);
            last;
        }
    }

    note("$title: " . ($n - 1) . ' allocations, '
         . join(', ', map { "$status{$_} x $_" } sort keys %status)
         . sprintf('; the next one within %.2f s', $longest));
    none("$title: each failure is answered with 500, 502 or 504", @wrong);
    none("$title: the next request succeeds", @stuck);
    cmp_ok($n, '>', 10, "$title: there were allocations to fail");
}

# One request, during which one fails; and a map that it leads to.
sub fail_one {
    my ($scene, $k, $n, $on, $text) = @_;
    my ($before, $how, $map) = @{$scene{$scene}}{qw(before how map)};
    my $arm = $n . ' ' . ($on ? 1 : 0);
    my $maps = (maps())[$k];

    $before->($k) if $before;
    $how ? move($k, $how, $arm) : arm($n, $on);

    my $response = ask($k, $text);

    wait_until(sub { has_failed() || !$map || (maps())[$k] > $maps },
               'another map');
    ping() if !has_failed();

    return ($response, disarm());
}
