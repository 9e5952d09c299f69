# Redis Cluster: each account at the node that has its slot, wherever that is
# by now.

use lib 't/lib';
use Tracker;
use Tracker::Cluster;
use Tracker::Host qw(times_woken);
use Tracker::Metrics;
use Tracker::Played qw(play_redis end_played slots record);
use Tracker::Servers;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use Time::HiRes qw(sleep time);

BEGIN {
    my @nodes = cluster_ports(6);

    $ENV{"TEST_NGINX_N$_"} = $nodes[$_ - 1] for 1 .. 3;
    $ENV{"TEST_NGINX_PLAYED$_"} = Tracker::Host::free_port() for 1 .. 3;
}

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('http_config', <<'CONFIG' . ($block->settings // ''))
    tracker_redis 127.0.0.1:$TEST_NGINX_N1 127.0.0.1:$TEST_NGINX_N2
                  127.0.0.1:$TEST_NGINX_N3 cluster;
    tracker_jwt_key $TEST_NGINX_KEY;
CONFIG
        unless defined $block->http_config;
});

no_shuffle();
run_tests();

sub create {
    my ($name, %o) = @_;

    return exchange(post('tracker', tracker_text($name), %o));
}

# how many trackers of these names a node has
sub held {
    my ($port, $account, @names) = @_;

    return grep {
        ask_server($port, 'EXISTS', account_key($account, "name:$_"));
    } @names;
}

# an account whose slot this node has
sub account_at {
    my ($port, $n) = @_;

    for ($n = $n // 0; ; $n++) {
        return "a$n" if owner_of(slot_of("a$n")) == $port;
    }
}

# A node at PLAYED n: map() answers CLUSTER SLOTS, the how often; other() any
# other command by its key, or undef: a record.
sub play_node {
    my ($n, $map, $other) = @_;

    return play_redis($ENV{"TEST_NGINX_PLAYED$n"}, sub {
        my ($words, $conn, $notes) = @_;

        return $map->(++$notes->{maps}) if $words->[0] eq 'CLUSTER';
        return "+OK\r\n" if $words->[0] ne 'GET';

        $notes->{slot} = slot_of('tester');
        return ($other && $other->($words->[1], $notes)) // record();
    });
}

# For play_node(): where 2 is read, it has MOVED, to where it is, each second
# time.  Each makes a worker want another map.
sub moved_in_turn {
    my ($key, $notes) = @_;

    return $key =~ /:id:2/ && $notes->{moved}++ % 2 == 0
           ? "-MOVED $notes->{slot} 127.0.0.1:$ENV{TEST_NGINX_PLAYED1}\r\n"
           : undef;
}

sub note_in {
    my ($file, $text) = @_;

    open my $out, '>>', $file;
    print $out $text;
    return undef;
}

sub get {
    my ($digit) = @_;

    return exchange(request('GET', '/v1/manage/tracker/' . $digit x 15 . 1));
}

# of clients of a node, ours included
sub connections {
    my ($port) = @_;

    return scalar(() = ask_server($port, 'CLIENT', 'LIST', 'TYPE', 'NORMAL')
                       =~ /^id=/mg);
}

sub join_cluster {
    my ($port, $known) = @_;

    ask_server($port, 'CLUSTER', 'MEET', '127.0.0.1', $known,
               ask_bus($known));
    wait_until(sub {
        ask_server($port, 'CLUSTER', 'INFO') =~ /^cluster_state:ok/m
        && owner_of(0, $port);
    }, 'it knows the others');
}

# the port of a node's cluster bus
sub ask_bus {
    my ($port) = @_;

    return (ask_server($port, 'CLUSTER', 'NODES')
            =~ /:$port\@(\d+)/)[0];
}

__DATA__

=== accounts at all of the nodes
--- scenario
start_cluster(1);

my %at;

for my $n (1 .. 30) {
    my $account = "account$n";
    my $response = create('n', account => $account);

    is($response->{status}, 200, $account);
    $at{my $port = owner_of(slot_of($account))}++;
    is(scalar held($port, $account, 'n'), 1, "$account: at its node");

    my $list = exchange(request('GET', '/v1/manage/trackers',
                                account => $account));
    is(scalar @{decode($list->{body})->{trackers}}, 1, "$account: its list");

    my $import = exchange(request('POST',
                                  '/v1/manage/trackers?on_conflict=merge',
                                  account => $account, body => '['
                                  . tracker_text('n', 'more') . ','
                                  . tracker_text('m') . ']'));

    is($import->{status}, 200, "$account: an import");
    like($import->{body}, qr/"summary":\{"created":1,"merged":1\}/,
         "$account: of both kinds");
    is(scalar held($port, $account, 'm'), 1, "$account: at its node, too");
}

is(join(' ', sort keys %at), join(' ', masters()), 'three nodes');



=== a slot that moves, and moves back
--- scenario
my $slot = slot_of('mover');
my ($from) = owner_of($slot);
my ($to) = grep { $_ != $from } masters();
my $n = 0;

is(create('first', account => 'mover')->{status}, 200, 'before');
my $id = decode(create('second', account => 'mover')->{body})->{tracker}{id};

for my $way ([$from, $to], [$to, $from]) {
    move_slot($slot, @$way, sub {
        my ($how) = @_;

        is(exchange(request('GET', "/v1/manage/tracker/$id",
                            account => 'mover'))->{status}, 200,
           "$how moved: a read");

        # other accounts of the node are not held up
        my $sock = connect_nginx();
        send_bytes($sock, post('tracker', tracker_text('m' . ++$n),
                               account => 'mover'));
        my $other = account_at($way->[0], 100 * $n);
        is(create('o', account => $other)->{status}, 200,
           "$how moved: another account");
        push @Tracker::Test::waiting, $sock;
    });

    is(read_response($_)->{status} =~ /^(200|429)$/, 1, 'what waited')
        for splice @Tracker::Test::waiting;
    is(create('after' . $n, account => 'mover')->{status}, 200, 'moved');
    is(scalar held($way->[1], 'mover', 'first', 'second', "after$n"), 3,
       'all of it is there');
}



=== reads of a slot that is half moved wait, rather than miss what is to come
To the node that gets it a key that has not come yet does not exist.
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }
--- scenario
my @o = (account => 'half');
my $slot = slot_of('half');
my ($from) = owner_of($slot);
my ($to) = grep { $_ != $from } masters();

create("n$_", @o) for 1 .. 20;
exchange(request('POST', '/v1/process/text', @o, body =>
    '{"messages":[{"payload":{"content":"a b"},"from":{"name":"me"}}]}'))
    for 1 .. 3;

my %reads = ('/v1/manage/trackers' => 20, '/v1/manage/trackers?name=n7' => 1,
             '/v1/conversations' => 3);
my @first = map { account_key('half', $_) } qw(rev index name:n7 convs);
my %socks;

move_slot($slot, $from, $to, sub {
    my ($how) = @_;

    return if $how ne 'none';
    ask_server($from, 'MIGRATE', '127.0.0.1', $to, $_, 0, 5000) for @first;

    for my $path (keys %reads) {
        send_bytes($socks{$path} = connect_nginx(),
                   request('GET', $path, @o));
    }

    ok(!IO::Select->new(values %socks)->can_read(1), 'none is answered');
});

for my $path (sort keys %reads) {
    my $response = read_response($socks{$path});
    my $list = decode($response->{body});

    is($response->{status}, 200, $path);
    is(scalar @{$list->{trackers} // $list->{conversations} // [$list->{tracker}]},
       $reads{$path}, "$path: all");
}



=== a change of a tracker whose slot is on its way waits, too
Its lock and its record are two keys: where one has moved, the other may not
have.
--- scenario
my @o = (account => 'changed');
my $slot = slot_of('changed');
my ($from) = owner_of($slot);
my ($to) = grep { $_ != $from } masters();
my $id = decode(create('n', @o)->{body})->{tracker}{id};
my @socks;

move_slot($slot, $from, $to, sub {
    my ($how) = @_;

    return if $how ne 'none';

    send_bytes($socks[0] = connect_nginx(),
               request('PUT', "/v1/manage/tracker/$id", @o,
                       body => tracker_text('m')));
    ok(!IO::Select->new(@socks)->can_read(1), 'not answered');
});

is(read_response($_)->{status}, 200, 'changed') for @socks;
is(ask_server($to, 'EXISTS', account_key('changed', 'lock')), 0, 'no lock');



=== a history is where its account is
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_history 1000;
        client_max_body_size 1m;
    }
--- scenario
for my $account (map { "log$_" } 1 .. 6) {
    my @o = (account => $account);
    my $port = owner_of(slot_of($account));
    my $id = decode(create('n', @o)->{body})->{tracker}{id};
    my $bulk = '[' . join(',', map { tracker_text("b$_") } 1 .. 20) . ']';

    is(exchange(request($_->[0], "/v1/manage/$_->[1]", body => $_->[2], @o))
           ->{status}, 200, "$account: $_->[0] $_->[1]")
        for [POST => 'trackers', $bulk],
            [PUT => "tracker/$id", tracker_text('m')],
            [POST => 'trackers?on_conflict=merge',
             '[' . tracker_text('m', 'more') . ',' . tracker_text('o') . ']'],
            [DELETE => "tracker/$id"];

    my @log = @{ask_server($port, 'ZRANGE', account_key($account, 'log'), 0,
                           -1, 'WITHSCORES')};

    is(join('', map { substr $log[2 * $_], 0, 1 } 0 .. $#log / 2),
       '-' . 'c' x 21 . 'uucd', "$account: the log");
    is($log[-1], ask_server($port, 'GET', account_key($account, 'rev')),
       "$account: the revision");

    my $list = exchange(request('GET', '/v1/manage/trackers?expand=times',
                                @o));
    is(scalar(() = $list->{body} =~ /"createdAt"/g), 21, "$account: times");
}



=== times of a slot that is half moved are waited for
The times have come to the node that gets the slot, the trackers have not; then
both, and the log has not.
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_history 1000;
        client_max_body_size 1m;
    }
--- scenario
my @o = (account => 'timed');
my $slot = slot_of('timed');
my ($from) = owner_of($slot);
my ($to) = grep { $_ != $from } masters();
my $id = decode(create('n0', @o)->{body})->{tracker}{id};

create("n$_", @o) for 1 .. 9;

my %reads = ('trackers?expand=times' => 10,
             'trackers?name=n7&expand=times' => 1,
             "tracker/$id?expand=times" => 1);
my (%socks, $put);

# the second time the list is one that the worker knows
for my $way ([$from, $to], [$to, $from]) {
    move_slot($slot, @$way, sub {
        my ($how) = @_;

        return if $how ne 'none';
        ask_server($way->[0], 'MIGRATE', '127.0.0.1', $way->[1],
                   account_key('timed', 'times'), 0, 5000);

        for my $path (keys %reads) {
            send_bytes($socks{$path} = connect_nginx(),
                       request('GET', "/v1/manage/$path", @o));
        }

        send_bytes($put = connect_nginx(),
                   request('PUT', "/v1/manage/tracker/$id", @o,
                           body => tracker_text('m', "to $way->[1]")));
        ok(!IO::Select->new(values %socks, $put)->can_read(1),
           'none is answered');
    });

    for my $path (sort keys %reads) {
        my $response = read_response($socks{$path});

        is($response->{status}, 200, $path);
        is(scalar(() = $response->{body} =~ /"createdAt"/g), $reads{$path},
           "$path: all have times");
    }

    is(read_response($put)->{status}, 200, 'a change');

    my @log = @{ask_server($way->[1], 'ZRANGE', account_key('timed', 'log'), 0,
                           -1, 'WITHSCORES')};

    is($log[-1], ask_server($way->[1], 'GET', account_key('timed', 'rev')),
       'the log ends at the revision');
    is($log[0], '-', 'it has all');
}



=== changes are waited for at their nodes, also where a slot moves meanwhile
Half of it moved, a read of changes waits: what has not come yet is not missing.
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_history 1000;
        client_max_body_size 1m;
    }
--- scenario
my (%socks, %since);

sub changes {
    my ($account, $since) = @_;
    my $sock = connect_nginx();

    send_bytes($sock, request('GET', '/v1/manage/trackers/changes?wait=60&since='
                              . $since, account => $account));
    return $sock;
}

for my $account (map { "follow$_" } 1 .. 12) {
    my $list = exchange(request('GET', '/v1/manage/trackers',
                                account => $account));

    $since{$account} = $list->{headers}{etag} =~ s/"//gr;
    $socks{$account} = changes($account, $since{$account});
}

is(scalar(keys %{{ map { owner_of(slot_of($_)) => 1 } keys %socks }}), 3,
   'at each node');

for my $account (sort keys %socks) {
    ok(!IO::Select->new($socks{$account})->can_read(0), "$account: waits");
    is(create('n', account => $account)->{status}, 200, "$account: a create");
    my $body = read_response($socks{$account})->{body};
    like($body, qr/"type":"created",.*"name":"n"/, "$account: told");
    ($since{$account}) = $body =~ /"rev":"([^"]+)","more":false/;
}

my $slot = slot_of('follow1');
my ($from) = owner_of($slot);
my ($to) = grep { $_ != $from } masters();

# something that was deleted, and something that is there
for my $name ('gone', 'there') {
    my $id = decode(create($name, account => 'follow1')->{body})->{tracker}{id};

    exchange(request('DELETE', "/v1/manage/tracker/$id", account => 'follow1'))
        if $name eq 'gone';
}

my $now = exchange(request('GET', '/v1/manage/trackers', account => 'follow1'))
              ->{headers}{etag} =~ s/"//gr;

for my $way ([$from, $to, 'rev'], [$to, $from, 'log'], [$from, $to, 'index'],
             [$to, $from, 'rev', 'log'], [$from, $to, 'rev', 'log', 'index']) {
    my ($source, $target, @first) = @$way;
    my $waits = changes('follow1', $now);
    my $reads;

    move_slot($slot, $source, $target, sub {
        my ($how) = @_;

        return if $how ne 'none';
        ask_server($source, 'MIGRATE', '127.0.0.1', $target,
                   account_key('follow1', $_), 0, 5000) for @first;
        $reads = changes('follow1', $since{follow1});
        ok(!IO::Select->new($reads)->can_read(0.7), "@first moved: it waits");
    });

    my $response = read_response($reads);
    is($response->{status}, 200, "@first moved: 200");
    is(join(' ', $response->{body} =~ /"type":"(\w+)"/g),
       'created deleted created',
       "@first moved: all of it");
    is(scalar(() = $response->{body} =~ /"tracker":/g), 1,
       "@first moved: with the one that is there");
    ok(!IO::Select->new($waits)->can_read(0),
       "@first moved: nothing new is no news");
    close $waits;
}

# one that waits meanwhile is told by the node that has the slot then
my $waits = changes('follow1', $now);
sleep 0.2;
move_slot($slot, owner_of($slot), (grep { $_ != owner_of($slot) } masters())[0]);
sleep 0.7;
ok(!IO::Select->new($waits)->can_read(0), 'moved: it waits');
is(create('last', account => 'follow1')->{status}, 200, 'a create');
like(read_response($waits)->{body}, qr/"type":"created",.*"name":"last"/,
     'told');



=== a failover that is asked for
--- scenario
my $slot = slot_of('over');
my $old = owner_of($slot);
my $new = replica_of($slot);
my %status;

create('before', account => 'over');
ask_server($new, 'CLUSTER', 'FAILOVER');

for (my ($n, $end) = (0); !$end || time() < $end; ) {
    $status{create('f' . ++$n, account => 'over')->{status}}++;
    $end //= time() + 2 if owner_of($slot) == $new;
}

is(join(' ', keys %status), '200', 'none fails');
create('last', account => 'over');
is(scalar held($new, 'over', 'before', 'last'), 2, 'at the new master');



=== a master that is killed
--- scenario
my $slot = slot_of('killed');
my $old = owner_of($slot);
my $new = replica_of($slot);
my ($seen) = grep { $_ != $old } masters();
my ($n, %status) = (0);

create('before', account => 'killed');
wait_until(sub { held_by_replica($new) }, 'replicated');
kill_server($old);

until (owner_of($slot, $seen) == $new && $n > 3) {
    $status{create('k' . ++$n, account => 'killed')->{status}}++;
}

sub held_by_replica {
    my ($port) = @_;

    return ask_server($port, 'DBSIZE')
           == ask_server(owner_of(slot_of('killed')), 'DBSIZE');
}

is(join(' ', keys %status), '200', 'none fails');
is(scalar held($new, 'killed', 'before', map { "k$_" } 1 .. $n), $n + 1,
   'all are there');

start_node($old);
wait_until(sub { is_in_sync($old) }, 'the old one is a replica');
settle();



=== a master that is stopped: there is no reset, and no answer
--- settings
    tracker_redis_timeout 30s;
    tracker_timeout 60s;
--- scenario
my $slot = slot_of('stopped');
my $old = owner_of($slot);
my $new = replica_of($slot);
my ($seen) = grep { $_ != $old } masters();

is(create('before', account => 'stopped')->{status}, 200, 'before');
signal_server($old, 'STOP');

# nothing else comes that would tell, and what is under way is not given up
is(create('s', account => 'stopped')->{status}, 200, 'by the new master');
wait_until(sub { owner_of($slot, $seen) == $new }, 'that there is');

signal_server($old, 'CONT');
wait_until(sub { is_in_sync($old) }, 'the old one is a replica');
settle();



=== a master that is stopped, no heir, and nobody who waits for one
--- scenario
my $slot = slot_of('nobody');
my @nodes = (replica_of($slot), owner_of($slot));
my ($worker) = worker_pids();
my $sock = connect_nginx();

is(create('before', account => 'nobody')->{status}, 200, 'before');
signal_server($_, 'STOP') for @nodes;
send_bytes($sock, request('GET', '/v1/manage/trackers', account => 'nobody'));

# it is looked for, until the client goes
my $woken = times_woken($worker);
wait_until(sub { times_woken($worker) > $woken + 20 }, 'it is looked for');
close $sock;

sleep 0.5;
$woken = times_woken($worker);
sleep 2;
cmp_ok(times_woken($worker), '<', $woken + 20, 'then the map, at most');

signal_server($_, 'CONT') for @nodes;
wait_until(sub {
    create('after', account => 'nobody')->{status} =~ /^(?:200|409)$/;
}, 'it is there again');
wait_until(sub {
    my $new = replica_of($slot);

    return $new && is_in_sync($new);
}, 'and its replica');
settle();



=== a master that is lost holds up nobody else
Its replica is not let until the others have been served.
--- settings
    tracker_redis_failover_timeout 40s;
    tracker_timeout 60s;
--- scenario
my $slot = slot_of('lost');
my $old = owner_of($slot);
my $new = replica_of($slot);
my ($seen) = grep { $_ != $old } masters();
my @others = map { account_at($_) } grep { $_ != $old } masters();

ask_server($_, 'CONFIG', 'SET', 'cluster-require-full-coverage', 'no')
    for cluster_ports(6);

is(create('before', account => $_)->{status}, 200, "$_: before")
    for 'lost', @others;
wait_until(sub { is_in_sync($new) }, 'replicated');
signal_server($new, 'STOP');
kill_server($old);

my $sock = connect_nginx();
send_bytes($sock, post('tracker', tracker_text('waits'), account => 'lost'));

for my $n (1 .. 20) {
    is(create("o$n", account => $_)->{status}, 200, "$_: $n") for @others;
    sleep 0.1;
}

ok(!IO::Select->new($sock)->can_read(0), 'its own request waits');
signal_server($new, 'CONT');
is(read_response($sock)->{status}, 200, 'until the replica is the master');
wait_until(sub { owner_of($slot, $seen) == $new }, 'which it is');

start_node($old);
ask_server($_, 'CONFIG', 'SET', 'cluster-require-full-coverage', 'yes')
    for cluster_ports(6);
wait_until_whole();



=== a node that has left is not called any more, one that came is
--- scenario
my $port = (cluster_ports(7))[6];
my ($first) = masters();

start_node($port);
join_cluster($port, $first);
settle();

my $slot = slot_of('guest');
my $from = owner_of($slot, $first);

is(create('before', account => 'guest')->{status}, 200, 'before');
move_slot($slot, $from, $port);
is(create('there', account => 'guest')->{status}, 200, 'at the new node');
is(scalar held($port, 'guest', 'before', 'there'), 2, 'all of it');

move_slot($slot, $port, $from);
is(create('back', account => 'guest')->{status}, 200, 'back');
wait_until(sub {
    create('x', account => 'guest');
    connections($port) == 1;
}, 'the connection to it is closed');



=== played nodes: a map by every form that a host may have
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_redis_failover_timeout 300ms;
    tracker_timeout 2s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $port = $ENV{TEST_NGINX_PLAYED1};

for my $case (['127.0.0.1', 200], [undef, 200], ['', 200],
              ['name.test', 200, ip => '127.0.0.1'],
              ['name.test', 200, x => 'y', ip => '127.0.0.1'],
              ['?', 200, ip => '127.0.0.1'],
              ['?', 502], ['name.test', 502], ['name.test', 502, ip => 'x'],
              ['name.test', 502, 'ip'])
{
    my ($host, $status, @more) = @$case;
    my $played = play_node(1, sub { slots([0, 16383, $host, $port, @more]) });

    wait_until(sub { get(1)->{status} == $status },
               ($host // 'nil') . " @more: $status");
    pass(($host // 'nil') . " @more");
    end_played($played);

    # the next one is not this one's map
    my %old = map { $_ => 1 } worker_pids();
    kill HUP => Test::Nginx::Util::get_pid_from_pidfile('cluster');
    wait_until(sub { !grep { $old{$_} } worker_pids() }, 'another worker');
}
--- error_log eval
qr/no node of cluster\@127\.0\.0\.1:\d+ has a map of the slots/



=== played nodes: what is no map does not replace one
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_timeout 3s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $port = $ENV{TEST_NGINX_PLAYED1};
my @none = ("*0\r\n", "*-1\r\n", "-ERR This instance has cluster support "
            . "disabled\r\n", ":1\r\n", "+OK\r\n", "*1\r\n:1\r\n",
            "*1\r\n*1\r\n:0\r\n", "*1\r\n*2\r\n:0\r\n:16384\r\n",
            "*1\r\n*2\r\n:5\r\n:4\r\n", "*1\r\n*2\r\n:-1\r\n:4\r\n",
            "*1\r\n*3\r\n:0\r\n:9\r\n:1\r\n",
            "*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n:1\r\n:2\r\n",
            slots([0, 100, '127.0.0.1', $port]),
            slots([0, 16383, '127.0.0.1', 0]),
            slots([0, 16383, '127.0.0.1', 65536]),
            slots([0, 9000, '127.0.0.1', $port], [8000, 16383, '127.0.0.1', 1]),
            slots(map { [$_, $_, '127.0.0.1', 1 + $_] } 1 .. 1100));
my $asked = scratch('asked', '');
my $played = play_node(1, sub {
    my ($n) = @_;

    note_in($asked, '.');
    return $n == 1 ? slots([0, 16383, '127.0.0.1', $port])
                   : $none[($n - 2) % @none];
}, \&moved_in_turn);

my $start = time;

until (-s $asked > 3) {
    is(get(1)->{status}, 200, 'the first map holds');
    is(get(2)->{status}, 200, 'and where it is said to be moved');
    sleep 0.05;
}

cmp_ok(-s $asked, '<=', 2 + (time - $start), 'a map a second at most');
end_played($played);



=== played nodes: a map that is refused makes nobody known
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my ($port, $other) = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my ($asked, $called) = map { scratch($_, '') } qw(asked called);
my @played = (play_node(1, sub {
    my ($n) = @_;

    note_in($asked, '.');
    return slots([0, 16383, '127.0.0.1', $port]) if $n == 1;
    return slots([0, 9000, '127.0.0.1', $other],
                 [8000, 16383, '127.0.0.1', $port]) if $n == 2;
    return slots([0, 9, '127.0.0.1', $other], [10, 10, '127.0.0.1', $port])
        if $n == 3;
    return slots([0, 0, '127.0.0.1', $other], [2000, 16383, '127.0.0.1', $port],
                 map { [$_, $_, '127.0.0.1', 20000 + $_] } 1 .. 1100);
}, \&moved_in_turn), play_redis($other, sub { note_in($called, '.') }));

until (-s $asked > 4) {
    is(get(2)->{status}, 200, 'the first map holds');
    sleep 0.05;
}

is(-s $called, 0, 'those that it names are not called');
end_played(@played);



=== played nodes: one that gets slots, and has none yet, is not left at once
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my ($port, $other) = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my ($asked, $connected) = map { scratch($_, '') } qw(asked connected);
my @played = (play_node(1, sub {
    note_in($asked, '.');
    return slots([0, 16383, '127.0.0.1', $port]);
}, sub {
    my ($key, $notes) = @_;

    return $key =~ /:id:3/ ? "-ASK $notes->{slot} 127.0.0.1:$other\r\n"
                           : moved_in_turn(@_);
}), play_redis($other, sub {
    my ($words, $conn) = @_;

    note_in($connected, '.') unless $conn->{seen}++;
    return $words->[0] eq 'GET' ? record() : "+OK\r\n";
}));

until (-s $asked > 4) {
    is(get(3)->{status}, 200, 'by ASK');
    is(get(2)->{status}, 200, 'another map');
    sleep 0.05;
}

is(-s $connected, 1, 'one connection');
end_played(@played);



=== played nodes: fewer slots than before, for all that anybody knows
The best map of a round is taken, where none has half of what there was.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1
                  127.0.0.1:$TEST_NGINX_PLAYED2 cluster;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my ($port, $other) = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my ($asked, $called) = map { scratch($_, '') } qw(asked called);
my $slot = slot_of('tester');
my $map = sub {
    my ($mine) = @_;

    note_in($asked, '.');
    return -s $asked == 1 ? slots([0, 16383, '127.0.0.1', $port]) : $mine;
};
my @played = (play_node(1, sub {
    $map->(slots([$slot, $slot, '127.0.0.1', $port]))
}, \&moved_in_turn), play_node(2, sub {
    $map->(slots([$slot - 50, $slot + 50, '127.0.0.1', $other]))
}, sub { note_in($called, '.') }));

wait_until(sub { get(2)->{status} == 200 && -s $called }, 'the better one');
cmp_ok(-s $asked, '>', 2, 'both were asked');
end_played(@played);



=== played nodes: a master that is away, and another one knows its heir
The map, which comes once a second, goes on to say the old one.
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_redis_failover_timeout 30s;
    tracker_timeout 60s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my ($port, $away, $heir) = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1 .. 3;
my $asked = scratch('asked', '');
my $map = sub { slots([0, 16383, '127.0.0.1', $away]) };
my $says = scratch('says', $away);
my $knows = play_node(1, $map, sub {
    my ($key, $notes) = @_;
    open my $in, '<', $says;

    note_in($asked, "$key\n");
    return "-MOVED $notes->{slot} 127.0.0.1:" . <$in> . "\r\n";
});
my $played = play_node(2, $map);

is(get(1)->{status}, 200, 'at first');
is(-s $asked, 0, 'nobody else is asked');
end_played($played);

my $sock = connect_nginx();
my $start = time;
send_bytes($sock, request('GET', '/v1/manage/tracker/' . 1 x 16));
wait_until(sub { -s $asked > 200 }, 'another one is asked');

my @keys = split /\n/, do { local (@ARGV, $/) = $asked; <> };
cmp_ok(scalar @keys, '<=', 1 + 20 * (time - $start), 'not all the time');
is(scalar(grep { $_ ne account_key('tester', '') } @keys), 0,
   'for a key of the account at which nothing is');

$played = play_node(3, $map);
scratch('says', $heir);
is(read_response($sock)->{status}, 200, 'at the heir');
end_played($knows, $played);



=== an exiting worker asks no more nodes, unless something waits for them
--- http_config eval
my $nodes = join ' ', map { "127.0.0.$_:$ENV{TEST_NGINX_PLAYED1}" } 2 .. 61;

"    tracker_redis $nodes cluster;
    tracker_jwt_key $ENV{TEST_NGINX_KEY};"
--- scenario
my $silent = IO::Socket::INET->new(
    LocalAddr => '0.0.0.0', LocalPort => $ENV{TEST_NGINX_PLAYED1},
    Listen => 100, ReuseAddr => 1) or die "listen: $!";
my $select = IO::Select->new($silent);
my $sock = connect_nginx();

send_bytes($sock, request('GET', '/v1/manage/tracker/' . 1 x 16));
ok($select->can_read(10), 'the first one is asked');
close $sock;

my %old = map { $_ => 1 } worker_pids();
kill HUP => Test::Nginx::Util::get_pid_from_pidfile('cluster');
wait_until(sub { !grep { $old{$_} } worker_pids() }, 'another worker');

my $asked = 0;
$asked++ while $select->can_read(0) && $silent->accept;
cmp_ok($asked, '<', 60, 'not all of them');



=== played nodes: redirections that lead nowhere
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_timeout 1s;
    tracker_redis_timeout 1s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my @ports = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my $hops = scratch('hops', '');
my @played = map {
    my $other = $ports[2 - $_];

    play_node($_, sub { slots([0, 16383, '127.0.0.1', $ports[0]]) }, sub {
        my ($key, $notes) = @_;
        my ($digit) = $key =~ /:id:(\d)/;
        my $slot = $notes->{slot};

        note_in($hops, $digit);

        return "-MOVED $slot 127.0.0.1:$other\r\n" if $digit == 2;
        return "-ASK $slot 127.0.0.1:$other\r\n" if $digit == 3;
        return "-MOVED\r\n" if $digit == 4;
        return "-MOVED 1 x\r\n" if $digit == 5;
        return "-ASK $slot 127.0.0.1:99999\r\n" if $digit == 6;
        return "-MOVED $slot host.test:7000\r\n" if $digit == 7;
        return "-MOVED $slot :$other\r\n" if $digit == 8 && !$notes->{eight}++;
        return undef;
    })
} 1, 2;

is(get(1)->{status}, 200, 'no redirection');
like(get(2)->{status}, qr/^50[24]$/, 'two that point at each other');
like(get(3)->{status}, qr/^50[24]$/, 'by ASK');
is(get(4)->{status}, 500, 'no slot');
is(get(5)->{status}, 500, 'another slot, no port');
like(get(6)->{status}, qr/^50[24]$/, 'an impossible port');
like(get(7)->{status}, qr/^50[24]$/, 'a name');
is(get(8)->{status}, 200, 'no host: the one that says so');
is(get(1)->{status}, 200, 'others');

my $seen = do { local (@ARGV, $/) = $hops; <> };
cmp_ok(scalar(() = $seen =~ /2/g), '<', 200, 'it did not spin');
end_played(@played);



=== played nodes: one that says that the cluster is down, to all or to writes
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_redis_failover_timeout 2s;
    tracker_timeout 40s;
    tracker_redis_timeout 40s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $asked = scratch('asked', '');
my $down = scratch('down', 'GET');
my $played = play_redis($ENV{TEST_NGINX_PLAYED1}, sub {
    my ($words) = @_;
    my $refused = do { local (@ARGV, $/) = $down; <> } // '';

    return slots([0, 16383, '127.0.0.1', $ENV{TEST_NGINX_PLAYED1}])
        if $words->[0] eq 'CLUSTER';
    return $words->[0] eq 'GET' ? record() : "+OK\r\n"
        if " $refused " !~ / $words->[0] /;

    # not the script behind a SET
    note_in($asked, 'x') if $words->[0] ne 'EVALSHA';
    return "-CLUSTERDOWN The cluster is down\r\n";
});

is(get(1)->{status}, 502, 'it is waited for');
cmp_ok(-s $asked, '>', 1, 'and asked again');

scratch('asked', '');
is(get(1)->{status}, 502, 'the next one');
is(-s $asked, 1, 'has its answer at once');

scratch('down', '');
is(get(1)->{status}, 200, 'until there is another');
scratch('down', 'GET');
scratch('asked', '');
is(get(1)->{status}, 502, 'down again');
cmp_ok(-s $asked, '>', 1, 'which is waited for again');

scratch('down', '');
is(get(1)->{status}, 200, 'up again');
scratch('down', 'SET EVALSHA');
scratch('asked', '');

# at first the lock alone, ahead of a body that is still to come
my $late = post('tracker', tracker_text('n'),
                headers => ['Expect: 100-continue']);

is(exchange($late)->{status}, 502, 'a write is waited for');
cmp_ok(-s $asked, '>', 1, 'and asked again');

for my $next ($late, post('tracker', tracker_text('n'))) {
    is(get(1)->{status}, 200, 'a read');
    scratch('asked', '');
    is(exchange($next)->{status}, 502, 'the next write');
    is(-s $asked, 1, 'has its answer at once');
}

end_played($played);



=== played nodes: ASKING comes right ahead of what is asked, each time
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my @ports = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my $played = play_node(1, sub { slots([0, 16383, '127.0.0.1', $ports[0]]) },
    sub { "-ASK $_[1]{slot} 127.0.0.1:$ports[1]\r\n" });
my $asking = play_redis($ports[1], sub {
    my ($words, $conn, $notes) = @_;

    $notes->{asking} = 1, return "+OK\r\n" if $words->[0] eq 'ASKING';

    my $may = delete $notes->{asking};

    return "+OK\r\n" unless $words->[0] =~ /^(GET|EVALSHA)$/;
    return "-MOVED 1 127.0.0.1:$ports[0]\r\n" unless $may;
    return "-NOSCRIPT No matching script\r\n"
        if $words->[0] eq 'EVALSHA' && !$notes->{loaded}++;
    return record() if $words->[0] eq 'GET';
    return "*2\r\n\$1\r\n5\r\n*0\r\n";
});

is(get(1)->{status}, 200, 'GET');
isnt(exchange(request('GET', '/v1/manage/trackers'))->{status}, 504, 'EVALSHA');
end_played($played, $asking);



=== played nodes: what health says of a cluster, and that redirections count
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_redis_timeout 1s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /health {
        tracker_health;
    }

    location = /status {
        tracker_status;
    }
--- scenario
my @ports = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my $health = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
my $map = sub { slots([0, 16383, '127.0.0.1', $ports[0]]) };

is(exchange($health)->{status}, 503, 'no node is there');

my @played = (play_node(1, $map, sub { "-MOVED $_[1]{slot} 127.0.0.1:$ports[1]\r\n" }),
              play_node(2, $map));

wait_until(sub { exchange($health)->{status} == 200 }, 'ready');
like(exchange($health)->{body}, qr/"ready"/, 'a node that has slots answers');

my $text = scrape();
is(get(1)->{status}, 200, 'by way of the other one');
cmp_ok(metrics_sum(scrape(), 'tracker_redis_errors_total', word => 'MOVED'),
       '>', metrics_sum($text, 'tracker_redis_errors_total', word => 'MOVED'),
       'MOVED is counted');
end_played(@played);
