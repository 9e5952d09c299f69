use lib 't/lib';

# nchan closes the socket of a lost connection twice, and the number before it
# has told nginx: poll() may be asked for that number, which is an alert.
BEGIN { delete $ENV{TEST_NGINX_EVENT_TYPE} }

use Tracker;
use Test::Nginx::Socket;

# nginx loads modules with global symbols, and nchan brings a hiredis of its
# own that all others see: whoever is loaded first, each must get its own.
# t/run fetches nchan out of its Debian package.

my ($module, $nchan);

BEGIN {
    $module = $ENV{TEST_NGINX_LOAD_MODULES};
    $nchan = $ENV{TRACKER_NCHAN};

    # what is loaded already keeps its symbols in a reload
    $Test::Nginx::Util::UseHup = 0;
}

plan skip_all => 't/run gives no nchan: not Debian, or memory is watched'
    unless $nchan;
plan 'no_plan';

add_block_preprocessor(sub {
    my ($block) = @_;
    my %path = (nchan => $nchan, module => $module);

    $Test::Nginx::Util::LoadModules =
        join ' ', map { $path{$_} // () } split ' ', $block->load;

    # nchan closes the socket of a lost connection twice (1.3.6, alone too);
    # Test::Nginx looks for the word in the comment
    $block->set_value(no_error_log => ['[alert]', '[emerg]',
        qr/\[crit\](?!.* close\(\) socket \d+ failed)(?#[crit])/]);

    $block->set_value(http_config => <<'CONFIG');
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;

    variables_hash_bucket_size 128;

    upstream redis {
        nchan_redis_server redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
        nchan_redis_connect_timeout 500ms;
    }
CONFIG

    $block->set_value(config => <<'CONFIG');
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location ~ ^/publish/(\w+)$ {
        nchan_publisher;
        nchan_channel_id $1;
        nchan_redis_pass redis;
    }

    location ~ ^/subscribe/(\w+)$ {
        nchan_subscriber longpoll;
        nchan_channel_id $1;
        nchan_redis_pass redis;
    }
CONFIG
});

run_tests();

sub get {
    my ($path) = @_;

    return exchange(request('GET', $path, token => undef))->{body};
}

# Until nchan has said so n times.  While it tries to connect to a Redis that
# is down, nchan closes a socket twice, which may be that of a client by then:
# so it is not asked.
sub wait_for_nchan {
    my ($words, $n) = @_;

    wait_until(sub {
        open my $log, '<', "$ENV{TEST_NGINX_SERVROOT}/logs/error.log";
        $n <= grep { /nchan: Redis upstream redis: $words/ } <$log>;
    }, "nchan: $words");
}

# A message by way of nchan and Redis, and a tracker.
sub both_work {
    my ($name, $when) = @_;
    my $response;

    exchange(request('POST', "/publish/$name", token => undef,
                     type => 'text/plain', body => "message $name"));
    is(get("/subscribe/$name"), "message $name", "nchan $when");
    ok(grep({ /^\{channel:.*\b$name\}/ } @{redis('KEYS', '*')}),
       "its message is in Redis $when");

    # an attempt to connect may have failed before Redis was back
    wait_until(sub {
        $response = exchange(post('tracker', tracker_text($name)));
        $response->{status} != 502;
    }, "the module $when");

    is_created($response, $name, "the module $when");
    like(exchange(request('GET', '/v1/manage/trackers'))->{body},
         qr/"name":"$name"/, "it lists $when");
}

sub both_work_with_redis_restarted {
    wait_for_nchan('ready', 1);
    both_work('one', 'at first');

    my $sock = connect_nginx();

    stop_redis();
    is(exchange(post('tracker', tracker_text('down')), $sock)->{status}, 502,
       'no Redis');
    wait_for_nchan('will reconnect', 1);
    start_redis();
    wait_for_nchan('ready', 2);
    both_work('two', 'with Redis restarted');
}

__DATA__

=== nchan loaded before this module: both work
--- load: nchan module
--- scenario
both_work_with_redis_restarted();



=== nchan loaded after this module: both work
--- load: module nchan
--- skip_eval: 1:!$ENV{TEST_NGINX_LOAD_MODULES}
--- scenario
both_work_with_redis_restarted();



=== nginx with this module compiled in shares no name of hiredis
--- load: nchan
--- skip_eval: 1:$ENV{TEST_NGINX_LOAD_MODULES}
--- scenario
my $master = Test::Nginx::Util::get_pid_from_pidfile('names');
my @names = `nm -D /proc/$master/exe`;

cmp_ok(scalar @names, '>', 100, 'nginx has names');
is(join('', grep { / (?:redis|sds)/ } @names), '', 'none is of hiredis');
