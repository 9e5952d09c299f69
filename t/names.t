# Servers that announce names, and names whose addresses change: nginx's
# resolver is asked.

use lib 't/lib';
use Tracker;
use Tracker::Cluster;
use Tracker::Dns;
use Tracker::Played qw(play_redis end_played slots record);
use Tracker::Servers;
use Tracker::Tls ();
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

BEGIN {
    my @nodes = cluster_ports(6);

    $ENV{"TEST_NGINX_N$_"} = $nodes[$_ - 1] for 1 .. 3;
    $ENV{"TEST_NGINX_$_"} = Tracker::Host::free_port()
        for qw(DNS PLAYED1 PLAYED2 PLAYED3 TLS S1 S2);
    $ENV{TEST_NGINX_CA} = Tracker::Tls::authority('names');
    start_dns($ENV{TEST_NGINX_DNS});
}

add_block_preprocessor(sub {
    my ($block) = @_;
    my $servers = $block->servers
                  // '127.0.0.1:$TEST_NGINX_PLAYED1 cluster';
    my $settings = $block->settings // '';

    $block->set_value('http_config', <<"CONFIG") unless $block->http_config;
    tracker_redis $servers;
    tracker_jwt_key \$TEST_NGINX_KEY;
    resolver 127.0.0.1:\$TEST_NGINX_DNS valid=1s;
$settings
CONFIG
});

no_shuffle();
my $created = 0;

run_tests();

sub create {
    my ($name, %o) = @_;

    return exchange(post('tracker', tracker_text($name), %o));
}

sub get {
    return exchange(request('GET', '/v1/manage/tracker/' . 1 x 16));
}

# the addresses of a server that its clients have connected to, ours left out
sub used {
    my ($port) = @_;
    my %seen = map { $_ => 1 }
               ask_server($port, 'CLIENT', 'LIST', 'TYPE', 'NORMAL')
               =~ /laddr=([\d.]+):\d+ .*cmd=(?!client)/mg;

    return join ' ', sort keys %seen;
}

# A cluster whose nodes announce names; each is at three addresses.
sub named_cluster {
    my @nodes = cluster_ports(6);

    start_cluster(1, '--bind', map { "127.0.0.$_" } 1 .. 3);

    for my $i (1 .. 6) {
        ask_server($nodes[$i - 1], 'CONFIG', 'SET', 'cluster-announce-hostname',
                   "node$i.test");
        ask_server($nodes[$i - 1], 'CONFIG', 'SET',
                   'cluster-preferred-endpoint-type', 'hostname');
    }

    wait_until(sub {
        !grep { !/^node\d\.test$/ }
         map { my $range = $_; map { $_->[0] // '' } @$range[2 .. $#$range] }
         map { @{ask_server($_, 'CLUSTER', 'SLOTS')} } @nodes;
    }, 'all names are known');
}

# all nodes at one address
sub nodes_at {
    my ($address) = @_;

    names(map { ("node$_.test" => $address) } 1 .. 6);
}

# the name of a node by its port
sub name_of {
    my ($port) = @_;
    my @nodes = cluster_ports(6);
    my ($i) = grep { $nodes[$_ - 1] == $port } 1 .. 6;

    return "node$i.test";
}

# Creates trackers until the replica is the master of a slot, and some more.  A
# node that has just come is not always heard: it is asked again.
sub create_over {
    my ($account, $replica) = @_;
    my ($seen) = grep { $_ != owner_of(slot_of($account)) } masters();
    my ($asked, %status) = (0);

    until (owner_of(slot_of($account), $seen) == $replica
           && ($status{200} // 0) > 3)
    {
        ($asked, undef) = (time, ask_server($replica, 'CLUSTER', 'FAILOVER'))
            if time() > $asked + 2
               && ask_server($replica, 'ROLE')->[0] ne 'master';

        $status{create('o' . ++$created, account => $account)->{status}}++;
    }

    is(join(' ', keys %status), '200', 'none fails');
}

# A node that has all slots, by a host that says() gives, and serves what is
# asked for, by that host; it is at 127.0.0.1, or at host.
sub play_node {
    my ($says, $host) = @_;
    my $port = $ENV{TEST_NGINX_PLAYED1};
    my $slot = slot_of('tester');

    return play_redis($port, sub {
        my ($words) = @_;

        return slots([0, 16383, ref $says ? $says->() : $says, $port])
            if $words->[0] eq 'CLUSTER';
        return "+OK\r\n" if $words->[0] ne 'GET';
        return $words->[1] =~ /:id:/ ? record()
                                     : "-MOVED $slot " . ($says // '') . ":$port\r\n";
    }, $host);
}

# one that says that a sentinel
sub play_sentinel {
    my ($n, $host, $port) = @_;

    return play_redis($ENV{"TEST_NGINX_PLAYED$n"}, sub {
        return "*2\r\n" . join '', map { '$' . length() . "\r\n$_\r\n" }
                                        ref $host ? $host->() : $host, $port;
    });
}

# another worker, which knows nothing; the old one has ended
sub reload {
    my %old = map { $_ => 1 } worker_pids();

    kill HUP => Test::Nginx::Util::get_pid_from_pidfile('names');
    wait_until(sub { !grep { $old{$_} } worker_pids() }, 'another worker');
}

__DATA__

=== nodes that announce names: the resolver says where they are
--- servers
127.0.0.1:$TEST_NGINX_N1 127.0.0.1:$TEST_NGINX_N2 cluster
--- scenario
named_cluster();
nodes_at('127.0.0.2');

my %used;

for my $n (1 .. 30) {
    is(create('n', account => "a$n")->{status}, 200, "a$n");
    $used{owner_of(slot_of("a$n"))}++;
}

is(keys %used, 3, 'three nodes');
like(used($_), qr/127\.0\.0\.2/, "$_: by its name") for keys %used;
isnt(asked_for(name_of($_)), 0, "$_: it was looked up") for keys %used;



=== a failover, and a node that comes back at another address of its name
--- servers
127.0.0.1:$TEST_NGINX_N1 127.0.0.1:$TEST_NGINX_N2 cluster
--- scenario
nodes_at('127.0.0.2');

my $slot = slot_of('over');
my $old = owner_of($slot);
my $new = replica_of($slot);
my ($seen) = grep { $_ != $old } masters();
my ($n, %status) = (0);

$status{create('before', account => 'over')->{status}}++;
kill_server($old);

until (owner_of($slot, $seen) == $new && $n > 3) {
    $status{create('k' . ++$n, account => 'over')->{status}}++;
}

is(join(' ', keys %status), '200', 'none fails');
like(used($new), qr/127\.0\.0\.2/, 'at the name of the new master');

# the address that is known of it is gone
start_node($old, '--bind', '127.0.0.1', '127.0.0.3',
           '--cluster-announce-hostname', name_of($old),
           '--cluster-preferred-endpoint-type', 'hostname');
wait_until_whole();
nodes_at('127.0.0.3');
create_over('over', $old);
wait_until(sub {
    create('l' . ++$n, account => 'over');
    used($old) =~ /127\.0\.0\.3/;
}, 'at its new address');



=== no name server: known connections go on, others go where the map says
--- servers
127.0.0.1:$TEST_NGINX_N1 127.0.0.1:$TEST_NGINX_N2 cluster
--- scenario
nodes_at('127.0.0.1');

my $slot = slot_of('deaf');

is(create('first', account => "b$_")->{status}, 200, "b$_") for 1 .. 20;
nodes_at('silent');
sleep 1.1;
is(create('second', account => "b$_")->{status}, 200, "b$_: goes on")
    for 1 .. 20;

create_over('deaf', replica_of($slot));



=== without a resolver a name is that of the address beside it
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_N1 127.0.0.1:$TEST_NGINX_N2 cluster;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
nodes_at('127.0.0.2');
my $asked = asked_for(name_of($ENV{TEST_NGINX_N1}));

is(create("m$_", account => "a$_")->{status}, 200, "a$_") for 1 .. 20;
is(used($_), '127.0.0.1', "$_: by its number") for masters();
is(asked_for(name_of($ENV{TEST_NGINX_N1})), $asked, 'nothing is looked up');



=== a name that nobody knows: the address beside it is another one then
--- settings
    tracker_redis_failover_timeout 500ms;
    tracker_timeout 3s;
--- scenario
my @ports = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my $file = scratch('address', '127.0.0.2');

names();

# it says where the node is, and has no key itself
my $map = play_redis($ports[0], sub {
    open my $in, '<', $file or die "$file: $!";
    return $_[0][0] eq 'CLUSTER'
           ? slots([0, 16383, 'node.test', $ports[1], 'ip', scalar <$in>])
           : "+OK\r\n";
});
my $node = sub {
    my ($host) = @_;
    return play_redis($ports[1], sub {
        return $_[0][0] eq 'GET' ? record() : "+OK\r\n";
    }, $host);
};

my $played = $node->('127.0.0.2');
is(get()->{status}, 200, 'where the map says');
end_played($played);
scratch('address', '127.0.0.3');
$played = $node->('127.0.0.3');
wait_until(sub { get()->{status} == 200 }, 'where it says now');
pass('where it says now');
end_played($map, $played);



=== a name and nothing else, and no resolver
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 cluster;
    tracker_redis_failover_timeout 300ms;
    tracker_timeout 2s;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $played = play_node('Node.Test.');

is(get()->{status}, 502, 'nobody has the slot');
end_played($played);
--- error_log eval
qr/\[error\] .*redis: no resolver defined to resolve "node\.test" of cluster\@127\.0\.0\.1:\d+/



=== a name and nothing else
--- settings
    resolver_timeout 500ms;
    tracker_redis_failover_timeout 1s;
    tracker_timeout 3s;
--- scenario
my $played = play_node('Node.Test.');

for my $case (['127.0.0.1', 200], ['::1 127.0.0.1', 200],
              ['127.0.0.3 127.0.0.1 127.0.0.2', 200], ['0.3s 127.0.0.1', 200],
              ['::1', 502], ['127.0.0.2', 502], ['servfail', 502],
              ['nxdomain', 502])
{
    my ($known, $status) = @$case;

    names('node.test' => $known);
    reload();
    is(get()->{status}, $status, "$known: $status");
}

names('node.test' => 'silent');
reload();
like(get()->{status}, qr/^50[24]$/, 'silent');
names('node.test' => '127.0.0.1');
wait_until(sub { get()->{status} == 200 }, 'found later');
pass('found later');
end_played($played);
--- error_log eval
[qr/could not connect to node\.test:\d+: could not be resolved \(2: Server failure\)/,
 qr/could not connect to node\.test:\d+: could not be resolved \(3: Host not found\)/,
 qr/could not connect to node\.test:\d+: could not be resolved \(110: Operation timed out\)/]



=== what is no name is not looked up
--- settings
    tracker_redis_failover_timeout 200ms;
    tracker_timeout 2s;
--- scenario
names();

my @none = ('?', 'a b', "a\nb", "a\0b", '.', '..', 'a..b', '.a', '*', '1.2.3',
            '127.0.0.256', 'a.b.3', 'a' x 64, ('a' x 63) . '.' . 'a' x 64,
            join('.', ('a' x 60) x 5), '[::1]', 'a:b', "\xc3\xa4", '%s%s%n');
my $next = scratch('next', 0);
my $asked = -s scratch('dns.asked');
my $played = play_node(sub {
    open my $in, '<', $next;
    return $none[<$in> // 0];
});

for my $i (0 .. $#none) {
    scratch('next', $i);
    reload();
    is(get()->{status}, 502, $none[$i] =~ s/[^ -~]/./gr);
}

is(-s scratch('dns.asked'), $asked, 'nothing was asked');
end_played($played);



=== MOVED to a name
--- scenario
my @ports = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my $slot = slot_of('tester');

names('other.test' => '127.0.0.2');

my @played = (play_redis($ports[0], sub {
    my ($words) = @_;

    return slots([0, 16383, '127.0.0.1', $ports[0]])
        if $words->[0] eq 'CLUSTER';
    return $words->[0] eq 'GET' ? "-MOVED $slot other.test:$ports[1]\r\n"
                                : "+OK\r\n";
}), play_redis($ports[1], sub {
    my ($words) = @_;

    return $words->[0] eq 'GET' ? record() : "+OK\r\n";
}, '127.0.0.2'));

is(get()->{status}, 200, 'there');
isnt(asked_for('other.test'), 0, 'it was looked up');
end_played(@played);



=== nodes are left while their names are looked up
Each map has another one; what waits goes where the last one says.
--- settings
    resolver_timeout 60s;
    tracker_redis_timeout 30s;
    tracker_redis_failover_timeout 30s;
    tracker_timeout 60s;
--- scenario
my $maps = scratch('maps', '');
my $played = play_node(sub {
    open my $out, '>>', $maps;
    print $out '.';
    close $out;
    return -s $maps < 7 ? 'n' . (-s $maps) . '.test' : '127.0.0.1';
});
my @socks;

names(map { ("n$_.test" => 'silent') } 1 .. 6);

wait_until(sub {
    sleep 0.2;
    push @socks, connect_nginx();
    send_bytes($socks[-1], request('GET', '/v1/manage/tracker/' . 1 x 16));
    return -s $maps == 7;
}, 'all maps');

is(join(' ', map { read_response($_)->{status} } @socks),
   join(' ', (200) x @socks), 'all are answered');
isnt(asked_for("n$_.test"), 0, "n$_.test was looked up") for 1 .. 6;
end_played($played);



=== a worker exits while a name is looked up
--- settings
    resolver_timeout 10m;
--- scenario
my $played = play_node('exit.test');
my $sock = connect_nginx();

names('exit.test' => 'silent');
send_bytes($sock, request('GET', '/v1/manage/tracker/' . 1 x 16));
wait_until(sub { asked_for('exit.test') }, 'it is looked up');
close $sock;
reload();
pass('the old worker has exited');
end_played($played);



=== sentinels that announce names, and a failover
--- servers
127.0.0.1:$TEST_NGINX_S1 127.0.0.1:$TEST_NGINX_S2 sentinel=main
--- scenario
my @servers = map { $ENV{"TEST_NGINX_PLAYED$_"} } 1, 2;
my @sentinels = map { $ENV{"TEST_NGINX_S$_"} } 1, 2;
# where sentinels find localhost is for the machine to say
my @bind = ('--bind', '127.0.0.1', '127.0.0.2', '-::1');

names('localhost' => '127.0.0.2');
start_server($servers[0], @bind, '--replica-announce-ip', 'localhost');
start_server($servers[1], @bind, '--replica-announce-ip', 'localhost',
             '--replicaof', '127.0.0.1', $servers[0]);

for (@sentinels) {
    start_sentinel($_, 'other', $ENV{TEST_NGINX_REDIS_PORT},
                   'sentinel resolve-hostnames yes',
                   'sentinel announce-hostnames yes',
                   'sentinel announce-ip 127.0.0.1');
    ask_server($_, 'SENTINEL', 'MONITOR', 'main', 'localhost', $servers[0], 2);
    ask_server($_, 'SENTINEL', 'SET', 'main', 'down-after-milliseconds', 1000);
}

wait_until(sub {
    !grep {
        my %main = @{ask_server($_, 'SENTINEL', 'MASTER', 'main')};
        $main{'num-slaves'} != 1 || $main{'num-other-sentinels'} != 1;
    } @sentinels;
}, 'the sentinels know all');

my $said = ask_server($sentinels[0], 'SENTINEL', 'get-master-addr-by-name',
                      'main');
is($said->[0], 'localhost', 'a name is announced');
is(create('before')->{status}, 200, 'before');
like(used($servers[0]), qr/127\.0\.0\.2/, 'at its name');
wait_until(sub { is_in_sync($servers[1]) }, 'the replica is in sync');
kill_server($servers[0]);

my %status;

for my $i (1 .. 400) {
    $status{create("f$i")->{status}}++;
    last if ask_server($servers[1], 'ROLE')->[0] eq 'master' && $i > 3;
}

is(join(' ', keys %status), '200', 'none fails');
like(used($servers[1]), qr/127\.0\.0\.2/, 'at the next name');
kill_server($_) for @sentinels, $servers[1];



=== sentinels that announce names, and no resolver
--- http_config
    tracker_redis 127.0.0.1:$TEST_NGINX_PLAYED1 sentinel=main;
    tracker_redis_failover_timeout 300ms;
    tracker_jwt_key $TEST_NGINX_KEY;
--- scenario
my $played = play_sentinel(1, 'Master.Test', $ENV{TEST_NGINX_REDIS_PORT});

is(create('n')->{status}, 502, 'no master');
end_played($played);
--- error_log eval
qr/\[error\] .*redis: no resolver defined to resolve "master\.test" of main\@127\.0\.0\.1:\d+/



=== two names of one sentinel are one voice
--- servers
127.0.0.1:$TEST_NGINX_PLAYED1 localhost:$TEST_NGINX_PLAYED1 127.0.0.1:$TEST_NGINX_PLAYED2 127.0.0.1:$TEST_NGINX_PLAYED3 sentinel=main
--- scenario
my $port = $ENV{TEST_NGINX_REDIS_PORT};

names('right.test' => '127.0.0.1', 'wrong.test' => '127.0.0.1');
start_server($ENV{TEST_NGINX_TLS});

my @played = (play_sentinel(1, 'wrong.test', $ENV{TEST_NGINX_TLS}),
              map { play_sentinel($_, 'right.test', $port) } 2, 3);

is(create("v$_")->{status}, 200, "v$_") for 1 .. 4;
is(redis('EXISTS', map { account_key('tester', "name:v$_") } 1 .. 4), 4,
   'all where two say');
end_played(@played);
kill_server($ENV{TEST_NGINX_TLS});



=== TLS: the name that is announced is that of the certificate
--- servers
127.0.0.1:$TEST_NGINX_TLS cluster ssl
--- settings
    tracker_redis_ssl_trusted_certificate $TEST_NGINX_CA;
    tracker_redis_failover_timeout 1s;
--- scenario
my $port = $ENV{TEST_NGINX_TLS};
my $plain = $ENV{TEST_NGINX_S1};

# 127.0.0.2, where the names are, is not in it
Tracker::Tls::certificate('node', 'names',
                          names => 'IP:127.0.0.1,DNS:node.test');
names('node.test' => '127.0.0.2', 'other.test' => '127.0.0.2');
start_server($plain, '--bind', '127.0.0.1', '127.0.0.2',
             '--cluster-enabled', 'yes', '--cluster-config-file', 'tls.conf',
             '--cluster-port', $ENV{TEST_NGINX_S2}, '--tls-cluster', 'yes',
             '--cluster-announce-hostname', 'node.test',
             '--cluster-preferred-endpoint-type', 'hostname',
             Tracker::Tls::redis_options($port, 'node', 'names'));
ask_server($plain, 'CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
wait_until(sub { ask_server($plain, 'CLUSTER', 'INFO') =~ /state:ok/ }, 'up');

is(create('n')->{status}, 200, 'by this name');
like(used($plain), qr/127\.0\.0\.2/, 'at its address');
ask_server($plain, 'CONFIG', 'SET', 'cluster-announce-hostname', 'other.test');
reload();
is(create('m')->{status}, 200, 'where it was configured, as it has the slot');
is(used($plain), '127.0.0.1', 'not by another name');
kill_server($plain);
--- error_log eval
qr/could not connect to other\.test:\d+: certificate does not match "other\.test"/



=== seeds: a name whose address changes
--- servers
localhost:$TEST_NGINX_PLAYED1
--- scenario
names('localhost' => '127.0.0.2');

my $asked = asked_for('localhost');
my $played = play_node('?');
is(get()->{status}, 200, 'where it was when nginx started');
is(asked_for('localhost'), $asked, 'it was not looked up');
end_played($played);

$played = play_node('?', '127.0.0.2');
wait_until(sub { get()->{status} == 200 }, 'where it is now');
isnt(asked_for('localhost'), $asked, 'it was looked up');
end_played($played);



=== seeds of a cluster: a name whose address changes
--- servers
localhost:$TEST_NGINX_PLAYED1 cluster
--- scenario
names('localhost' => '127.0.0.2');

my $played = play_node(undef);
is(get()->{status}, 200, 'where it was when nginx started');
end_played($played);

$played = play_node(undef, '127.0.0.2');
wait_until(sub { get()->{status} == 200 }, 'where it is now');
pass('where it is now');
end_played($played);



=== seeds: a name whose address changes, and no name server
--- servers
localhost:$TEST_NGINX_PLAYED1
--- scenario
names('localhost' => 'silent');

for (1, 2) {
    my $played = play_node('?');
    wait_until(sub { get()->{status} == 200 }, 'where it is');
    pass('where it is, and was');
    end_played($played);
}



=== seeds: a name of a master and a replica, and the master comes back
--- servers
localhost:$TEST_NGINX_PLAYED1
--- settings
    tracker_redis_failover_timeout 200ms;
    tracker_timeout 2s;
--- scenario
names('localhost' => '127.0.0.1 127.0.0.2');

my $asked = scratch('replica.asked', '');
my $replica = play_redis($ENV{TEST_NGINX_PLAYED1}, sub {
    return "+OK\r\n" if $_[0][0] ne 'GET';
    scratch('replica.asked', 1);
    return "-READONLY You can't write against a read only replica.\r\n";
}, '127.0.0.2');
my $master = play_node('?');

is(get()->{status}, 200, 'the master');
end_played($master);
wait_until(sub { get()->{status} != 200 && -s $asked }, 'the replica');
$master = play_node('?');
wait_until(sub { get()->{status} == 200 }, 'the master again');
pass('the master again');
end_played($master, $replica);
