use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# Redis serves, except for some commands: it is full, paused, a replica, or
# cannot write to its disk.  What needs none of those works.

log_level('warn');

run_tests();

sub create {
    my ($name, @phrases) = @_;
    my $response = exchange(post('tracker', tracker_text($name, @phrases)));

    return is_created($response, $name, "created $name");
}

sub status_of {
    my ($method, $path, @o) = @_;

    return exchange(request($method, "/v1/manage/$path", @o))->{status};
}

sub used_memory {
    return redis('INFO', 'memory') =~ /^used_memory:(\d+)/m && $1;
}

sub are_read {
    my ($title, $id) = @_;

    is(status_of('GET', "tracker/$id"), 200, "$title: by id");
    is(status_of('GET', 'trackers'), 200, "$title: the list");
    is(status_of('GET', 'trackers?limit=1'), 200, "$title: a page");
    is(status_of('GET', 'trackers?name=n'), 200, "$title: by name");
    is(status_of('GET', 'trackers?name=x'), 200, "$title: by no name");
}

__DATA__

=== full: reads work
--- scenario
my $id = create('n');

redis('CONFIG', 'SET', 'maxmemory', 1);
are_read('full', $id);
redis('CONFIG', 'SET', 'maxmemory', 0);



=== full: a DELETE makes room
--- scenario
# The limit is below what is used by more than a buffer that was grown for one
# of them, which Redis 7.0 may free at any time, and above what is left without
# two of them by less than one: a copy that a script has left would be seen.
my @ids = map { create("n$_", 'x' x 500_000) } 1 .. 4;
my $most = used_memory() - 700_000;

redis('CONFIG', 'SET', 'maxmemory', $most);

is(status_of('POST', 'tracker', body => tracker_text('n')), 500, 'POST');
is(status_of('PUT', "tracker/$ids[0]", body => tracker_text('n1')), 500,
   'PUT');
is(status_of('DELETE', "tracker/$_"), 200, "DELETE $_") for @ids[0 .. 1];
is(status_of('DELETE', "tracker/$ids[0]"), 404, 'it is gone');

# buffers of clients are freed later
wait_until(sub { used_memory() < $most }, 'there is room');
create('n');
is(redis('ZCARD', account_key('tester', 'index')), 3, 'three are left');
redis('CONFIG', 'SET', 'maxmemory', 0);



=== full: the lock is given back
--- scenario
my $text = post('tracker', tracker_text('n', 'x' x 100_000));
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, 50_000, '');
wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');
redis('CONFIG', 'SET', 'maxmemory', 1);
send_bytes($sock, $text);

is(read_response($sock)->{status}, 500, 'refused');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');

redis('CONFIG', 'SET', 'maxmemory', 0);
create('n');



=== full, no lock used: what changes nothing is answered
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        tracker_max_trackers 2;
        client_max_body_size 1m;
    }
--- scenario
my @once = (headers => ['Idempotency-Key: k'], body => tracker_text('n'));
my $id = decode(exchange(request('POST', '/v1/manage/tracker', @once))
                ->{body})->{tracker}{id};
my $other = create('m');

redis('CONFIG', 'SET', 'maxmemory', 1);

is(status_of('POST', 'tracker', @once), 200, 'a POST that was done before');
is(status_of('POST', 'tracker', body => tracker_text('n')), 409,
   'a name that exists');
is(status_of('POST', 'tracker', body => tracker_text('x')), 400, 'a limit');
is(status_of('PUT', "tracker/$id", body => tracker_text('n')), 200,
   'a PUT of what is there');
is(status_of('PUT', "tracker/$id", body => tracker_text('m')), 409,
   'a PUT of a name that exists');
is(status_of('PUT', "tracker/$id", body => tracker_text('x')), 500, 'a PUT');
is(status_of('DELETE', "tracker/$other"), 200, 'a DELETE');
is(status_of('POST', 'tracker', body => tracker_text('x')), 500, 'a POST');

redis('CONFIG', 'SET', 'maxmemory', 0);
are_read('and later', $id);



=== writes are paused, as by a failover: reads work
--- scenario
my $id = create('n');

# longer than an answer is waited for
redis('CLIENT', 'PAUSE', 8000, 'WRITE');
are_read('paused', $id);

redis('CLIENT', 'UNPAUSE');
create('m');



=== writes are paused, and the scripts are not loaded yet: reads work
--- scenario
redis('CLIENT', 'PAUSE', 8000, 'WRITE');
is(status_of('GET', 'trackers'), 200, 'the list');
is(status_of('GET', 'trackers?name=n'), 200, 'by name');
redis('CLIENT', 'UNPAUSE');



=== a replica: reads work
--- scenario
my $id = create('n');

redis('REPLICAOF', '127.0.0.1', 1);
are_read('a replica', $id);
redis('REPLICAOF', 'NO', 'ONE');
create('m');



=== a Redis that must not write without replicas: reads work
--- scenario
my $id = create('n');

redis('CONFIG', 'SET', 'min-replicas-to-write', 1);
are_read('no replicas', $id);
redis('CONFIG', 'SET', 'min-replicas-to-write', 0);
create('m');



=== a disk that cannot be written to: reads work
--- scenario
my $dir = scratch('disk');

mkdir $dir or die "$dir: $!";
Tracker::Redis::stop_redis();
start_redis('--dir', $dir, '--save', '36000 1');

my $id = create('n');

rmdir $dir or die "$dir: $!";
redis('BGSAVE');
wait_until(sub { redis('INFO', 'persistence')
                 =~ /^rdb_last_bgsave_status:err/m }, 'it cannot save');

are_read('no disk', $id);
is(status_of('DELETE', "tracker/$id"), 500, 'a DELETE');
is(status_of('POST', 'tracker', body => tracker_text('x')), 500, 'a POST');

redis('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
is(status_of('DELETE', "tracker/$id"), 200, 'the disk is not asked any more');

Tracker::Redis::stop_redis();
start_redis();
