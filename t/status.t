use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Cwd qw(abs_path);
use Tracker::Metrics;

# tracker_status: what is counted, by which names, and that it outlives workers.
# The last block's text is read by promtool and by a parser from npm.

workers(2);

write_apps(app1 => 'secret');

Tracker::scratch('new.key', 'n' x 32);

# a zone outlives HUP, and with it what other blocks have counted
my $before = '';

run_tests();

# How much a counter has grown since begin().
sub grown {
    my ($text, $name, %labels) = @_;

    return metrics_sum($text, $name, %labels)
           - metrics_sum($before, $name, %labels);
}

sub begin {
    $before = scrape();
}

# The scrape of a state that comes soon: a worker writes its log, and counts,
# behind the last byte of the answer.
sub scrape_when {
    my ($condition, $what) = @_;
    my $text;

    wait_until(sub { $condition->($text = scrape()) }, $what);
    return $text;
}

sub requests {
    my ($text) = @_;

    return grown($text, 'tracker_requests_total');
}

# The scrape when so many requests have ended: one is counted by and by, and
# leaves those in flight last.
sub scrape_after {
    my ($n, $what) = @_;

    return scrape_when(sub {
        my ($text) = @_;

        return requests($text) >= $n
               && metrics_sum($text, 'tracker_requests_in_flight') == 0;
    }, $what);
}

sub is_grown {
    my ($text, $n, $name, %labels) = @_;

    is(grown($text, $name, %labels), $n,
       join ' ', $name, map { "$_=$labels{$_}" } sort keys %labels);
}

sub reload {
    my $master = Test::Nginx::Util::get_pid_from_pidfile('reload');
    my %old = map { $_ => 1 } worker_pids();

    kill HUP => $master;
    wait_until(sub { 2 == grep { !$old{$_} } worker_pids() }, 'new workers');
    return keys %old;
}

sub wait_for_exit {
    my %old = map { $_ => 1 } @_;

    wait_until(sub { !grep { $old{$_} } worker_pids() }, 'old workers exit');
}

# Histograms whose buckets fall, or that do not end in their count.
sub wrong_histograms {
    my ($text) = @_;
    my (%last, @wrong);

    for (split /\n/, $text) {
        if (/^(\w+)_bucket\{(.*?),?le="[^"]+"\} (\d+)$/) {
            push @wrong, $_ if $3 < ($last{"$1 $2"} // 0);
            $last{"$1 $2"} = $3;

        } elsif (/^(\w+)_count(?:\{(.*)\})? (\d+)$/) {
            push @wrong, $_ if $3 != ($last{"$1 " . ($2 // '')} // -1);
        }
    }

    return @wrong;
}

sub CONFIG_TEXT { <<'CONFIG' }
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }

    location = /status {
        tracker_status;
    }
CONFIG

__DATA__

=== each request is counted once, by endpoint, outcome and status
--- config eval: main::CONFIG_TEXT()
--- scenario
begin();

my $base = '/v1/manage/tracker';
my $one = exchange(post('tracker', tracker_text('a')));
my $id = decode($one->{body})->{tracker}{id};
my @cases = (
    [create => created => 200, sub { $one }],
    [create => conflict => 409, sub { exchange(post('tracker',
                                                    tracker_text('a'))) }],
    [create => created => 200, sub { exchange(post('trackers',
                                                   tracker_text('b'))) }],
    [bulk => created => 200, sub { exchange(post('trackers', '['
        . tracker_text('c') . ',' . tracker_text('d') . ']')) }],
    [bulk => invalid => 400, sub { exchange(post('trackers/bulk', '[]x')) }],
    [list => found => 200, sub { exchange(request('GET', "${base}s")) }],
    [find => found => 200, sub { exchange(request('GET',
                                                  "${base}s?name=a")) }],
    [get => found => 200, sub { exchange(request('GET', "$base/$id")) }],
    [get => missing => 404, sub { exchange(request('GET', "$base/1")) }],
    [put => changed => 200, sub { exchange(request('PUT', "$base/$id",
                                           body => tracker_text('e'))) }],
    [patch => changed => 200, sub { exchange(request('PATCH', "$base/$id",
        body => '[{"op":"add","path":"/vocabulary/-","value":"x"}]')) }],
    [patch => unequal => 409, sub { exchange(request('PATCH', "$base/$id",
        body => '[{"op":"test","path":"/name","value":"x"}]')) }],
    [delete => deleted => 200, sub { exchange(request('DELETE',
                                                      "$base/$id")) }],
    [options => options => 204, sub { exchange(request('OPTIONS', $base)) }],
    [none => no_endpoint => 404, sub { exchange(request('GET',
                                                        '/v1/manage/x')) }],
    [none => bad_method => 405, sub { exchange(request('PUT', $base)) }],
    [none => too_large => 413, sub { exchange(post('tracker', '',
                                                   length => 2_000_000)) }],
    [login => logged_in => 200, sub { exchange(login_request('app1',
                                                             'secret')) }],
    [login => bad_login => 401, sub { exchange(login_request('app1',
                                                             'x')) }],
);

is($_->[3]->()->{status}, $_->[2], "$_->[0] $_->[1]") for @cases;

my $text = scrape_after(scalar @cases, 'all are counted');
is(requests($text), @cases, 'none is counted twice');

my %n;
$n{join ' ', @$_[0 .. 2]}++ for @cases;

for (sort keys %n) {
    my ($endpoint, $outcome, $code) = split;

    is_grown($text, $n{$_}, 'tracker_requests_total', endpoint => $endpoint,
             outcome => $outcome, code => $code);
}

is_grown($text, scalar @cases, 'tracker_request_duration_seconds_count');
is_grown($text, 4, 'tracker_trackers_created_total');
is_grown($text, 2, 'tracker_trackers_changed_total');
is_grown($text, 1, 'tracker_trackers_deleted_total');
is_grown($text, 0, 'tracker_redis_wait_seconds_count', step => 'lock');
is_grown($text, 4, 'tracker_redis_wait_seconds_count', step => 'create');
is_grown($text, 5, 'tracker_redis_wait_seconds_count', step => 'get');
is_grown($text, 1, 'tracker_redis_wait_seconds_count', step => 'find');
is_grown($text, 1, 'tracker_request_body_bytes_bucket', endpoint => 'none',
         le => '+Inf');
is_grown($text, 0, 'tracker_request_body_bytes_bucket', endpoint => 'none',
         le => '1048576.0');
is_grown($text, 1, 'tracker_request_body_bytes_bucket', endpoint => 'none',
         le => '4194304.0');
is_grown($text, 2_000_000, 'tracker_request_body_bytes_sum',
         endpoint => 'none');



=== a request that is under way is in flight
--- config eval: main::CONFIG_TEXT()
--- scenario
sub in_flight {
    return metric(shift, 'tracker_requests_in_flight', endpoint => shift);
}

my $sock = connect_nginx();
my $body = tracker_text('slow');

send_bytes($sock, substr post('trackers', $body), 0, -5);
scrape_when(sub { in_flight(shift, 'bulk') == 1 }, 'in flight');
send_bytes($sock, substr $body, -5);
is(read_response($sock)->{status}, 200, 'one tracker');

# it has ended as one tracker's create, and has left both
scrape_when(sub { metrics_sum(shift, 'tracker_requests_in_flight') == 0 }, 'done');

send_bytes($sock, substr post('tracker', $body), 0, -5);
scrape_when(sub { in_flight(shift, 'create') == 1 }, 'in flight');
close $sock;
scrape_when(sub { in_flight(shift, 'create') == 0 }, 'the client has gone');



=== a client that goes away, and what other modules answer
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    limit_req_zone $server_name zone=status_none:1m rate=1r/m;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;

        location /v1/manage/trackers/ {
            tracker_api;
            client_max_body_size 1m;
            deny all;
        }
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
        limit_req zone=status_none;
        limit_req_status 429;
    }

    location = /status {
        tracker_status;
    }
--- scenario
begin();

my $sock = connect_nginx();
send_bytes($sock, post('tracker', '', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');
close $sock;

exchange(request('GET', '/v1/manage/trackers/1'));
exchange(login_request('app1', 'secret'));
exchange(login_request('app1', 'secret'));

my $text = scrape_after(4, 'all are counted');
is_grown($text, 1, 'tracker_requests_total', endpoint => 'create',
         outcome => 'other', code => 499);
is_grown($text, 1, 'tracker_requests_total', endpoint => 'none',
         outcome => 'other', code => 403);
is_grown($text, 1, 'tracker_requests_total', endpoint => 'none',
         outcome => 'other', code => 429);
is_grown($text, 1, 'tracker_logins_total', result => 'ok');
is_grown($text, 1, 'tracker_logins_total', result => 'limited');



=== tokens by verdict, logins, keys and the cache
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_SCRATCH/new.key kid="ne\"w";
    tracker_jwt_key $TEST_NGINX_KEY;
--- config eval: main::CONFIG_TEXT()
--- scenario
begin();

my $base = '/v1/manage/trackers';
my $good = token('tester');
my %tokens = (
    ok => [$good, $good],
    missing => [undef],
    malformed => ['x'],
    signature => [$good =~ s/.{9}$/AAAAAAAAA/r],
    expired => [token('a', exp => time - 10)],
    not_yet => [token('a', nbf => time + 500)],
    claims => [token('')],
);

for my $result (sort keys %tokens) {
    exchange(request('GET', $base, token => $_)) for @{$tokens{$result}};
}

exchange(request('GET', $base, token => undef,
                 headers => ["x-api-key: $good"]));
exchange(request('GET', $base, token => undef, headers => ['x-api-key: x']));
exchange(login_request('app1', 'secret'));
exchange(login_request('app1', 'wrong'));
exchange(login_request('nobody', 'secret'));

my $n = 13;
my $text = scrape_after($n, 'all are counted');

for my $result (sort keys %tokens) {
    is_grown($text, scalar @{$tokens{$result}}, 'tracker_tokens_total',
             result => $result, via => 'authorization');
}

is_grown($text, 1, 'tracker_tokens_total', result => 'ok',
         via => 'x_api_key');
is_grown($text, 1, 'tracker_tokens_total', result => 'malformed',
         via => 'x_api_key');
is_grown($text, 0, 'tracker_token_key_used_total', key => 'ne\"w');
is_grown($text, 3, 'tracker_token_key_used_total',
         key => $ENV{TEST_NGINX_KEY});
is(grown($text, 'tracker_token_cache_hits_total')
   + grown($text, 'tracker_token_cache_misses_total'), 3, 'hits and misses');
is_grown($text, 1, 'tracker_logins_total', result => $_)
    for qw(ok secret unknown);



=== applications: how many, since when, and what could not be read
--- config eval: main::CONFIG_TEXT()
--- scenario
my $text = scrape();
my $file = $ENV{TEST_NGINX_APPS};

begin();
is(metric($text, 'tracker_apps', file => $file), 1, 'one');
cmp_ok(abs(time - metric($text, 'tracker_apps_loaded_timestamp_seconds',
                         file => $file)), '<', 600, 'lately');

write_apps(app1 => 'secret', app2 => 'secret');
scrape_when(sub { metric(shift, 'tracker_apps', file => $file) == 2 }, 'two');

Tracker::scratch('apps', "nonsense\n");
$text = scrape_when(sub { grown(shift, 'tracker_apps_load_failures_total') },
                    'a failure');
cmp_ok(metric($text, 'tracker_apps', file => $file), '>', 0,
       'those that this worker has read last');
write_apps(app1 => 'secret');



=== an outage of Redis, and its end
--- config eval: main::CONFIG_TEXT()
--- scenario
sub up { return metric(shift, 'tracker_redis_up') // 'unknown' }

is(exchange(post('tracker', tracker_text("n$_")))->{status}, 200, 'created')
    for 1 .. 8;

my $text = scrape();
begin();
is(up($text), 1, 'up');
cmp_ok(metric($text, 'tracker_redis_connections', lane => 'small'), '>', 0,
       'connected');
is(metric($text, 'tracker_redis_connections', lane => $_), 0, "not $_")
    for 'large', 'read';
is(metric($text, 'tracker_redis_setting_ok', setting => 'maxmemory_policy'),
   1, 'noeviction');
is(metric($text, 'tracker_redis_setting_ok', setting => 'appendonly'), 0,
   'no append-only file');

pause_redis();
my $sock = connect_nginx();
send_bytes($sock, post('tracker', tracker_text('p')));
$text = scrape_when(sub {
    metric(shift, 'tracker_redis_pending_commands', lane => 'small') == 1
}, 'a command waits');
cmp_ok(metric($text, 'tracker_redis_pending_bytes', lane => 'small'), '>', 50,
       'its bytes');

# lost under it, and not to be had again
stop_redis();
is(read_response($sock)->{status}, 502, 'unavailable');
$text = scrape_when(sub { up(@_) eq '0' }, 'down');
cmp_ok(grown($text, 'tracker_redis_connects_total', result => 'refused'),
       '>', 0, 'refused');

# a dying Redis may take a connection, and lose it again
for my $name (qw(tracker_redis_losses_total tracker_redis_resends_total)) {
    cmp_ok(grown($text, $name), '>', 0, $name);
}

is(metric($text, 'tracker_redis_connections', lane => 'small'), 0,
   'no connection') if $ENV{TEST_NGINX_USE_HUP};

start_redis();
wait_until(sub { exchange(post('tracker', tracker_text('q')))->{status}
                 =~ /200|409/ }, 'Redis is back');
scrape_when(sub { up(@_) eq '1' }, 'up');

# the release of the lock waited too
scrape_when(sub { metrics_sum(shift, 'tracker_redis_pending_commands') == 0 },
            'nothing waits');



=== errors of Redis by their first word, and nothing else of them
--- config eval: main::CONFIG_TEXT()
--- scenario
begin();
redis('SET', account_key('tester', 'index'), 'no list');
redis('SET', account_key('other', 'rev'), 'no number');

is(exchange(post('tracker', tracker_text('n')))->{status}, 500, 'refused');
is(exchange(post('tracker', tracker_text('n'), account => 'other'))->{status},
   500, 'refused');

my $text = scrape_after(2, 'all are counted');
is_grown($text, 2, 'tracker_redis_errors_total');
unlike($text, qr/value is not|wrong kind/, 'no words of Redis');



=== a lock that expires before its write, and one that cannot be released
--- config eval: main::CONFIG_TEXT()
--- scenario
begin();

my $text = post('tracker', tracker_text('n'));
my $sock = connect_nginx();

send_bytes($sock, substr $text, 0, -5);
wait_until(sub { redis('EXISTS', lock_key()) }, 'the request is accepted');
hold_lock('tester');
send_bytes($sock, substr $text, -5);
is(read_response($sock)->{status}, 429, 'another one has the lock');
scrape_when(sub { grown(shift, 'tracker_locks_expired_total') == 1 },
            'it is counted');



=== long work is divided into turns, whose time is counted
--- config eval: main::CONFIG_TEXT()
--- scenario
begin();

my $list = '[' . join(',', map { tracker_text("t$_", 'p') } 1 .. 20_000) . ']';

is(exchange(post('trackers', $list))->{status}, 200, 'a large bulk');
my $text = scrape_after(1, 'it is counted');
cmp_ok(grown($text, 'tracker_turn_duration_seconds_count'), '>', 2, 'turns');
cmp_ok(grown($text, 'tracker_turn_duration_seconds_sum'), '>', 0.0001,
       'their time');
is_grown($text, 20_000, 'tracker_trackers_created_total');



=== the trackers that an import deletes are found in turns, too
Their records are gone, so that nothing else takes turns.
--- config eval: main::CONFIG_TEXT()
--- scenario
redis('EVAL', 'for i = 1, 50000 do redis.call("zadd", KEYS[1], i, '
              . '"4503599627" .. string.format("%06d", i)) end', 1,
      account_key('tester', 'index'));
begin();

my $response = exchange(post('trackers?on_conflict=replace&rest=delete',
                             '[' . tracker_text('n') . ']',
                             headers => ['If-Match: *']));

is($response->{status}, 500, 'what Redis has does not fit together');

my $text = scrape_after(1, 'it is counted');
cmp_ok(grown($text, 'tracker_turn_duration_seconds_count'), '>', 10, 'turns');
--- error_log
names and trackers of an account do not fit together



=== a large tracker is decoded, joined or changed, and written in turns
--- config eval: main::CONFIG_TEXT()
--- scenario
my $large = tracker_text('n', map { "p $_" } 1 .. 80_000);

is(exchange(post('tracker', $large))->{status}, 200, 'it is there');
begin();

my $response = exchange(post('trackers?on_conflict=merge',
                             tracker_text('n', 'more')));

is(decode($response->{body})->{summary}{merged}, 1, 'merged');

my $text = scrape_after(1, 'it is counted');
cmp_ok(grown($text, 'tracker_turn_duration_seconds_count'), '>=', 2, 'turns');

my $list = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});
my $phrases = $list->{trackers}[0]{vocabulary};

is(scalar @$phrases, 80_001, 'all phrases');
is($phrases->[80_000], 'more', 'the new one');

begin();
$response = exchange(request('PATCH',
    "/v1/manage/tracker/$list->{trackers}[0]{id}",
    body => '[{"op":"remove","path":"/vocabulary/0"}]'));

is($response->{status}, 200, 'PATCH');
$text = scrape_after(1, 'it is counted');
is(grown($text, 'tracker_turn_duration_seconds_count'), 2, 'turns');
is(scalar @{decode($response->{body})->{tracker}{vocabulary}}, 80_000,
   'a phrase less');



=== a reload keeps what was counted, and old workers count on
--- config eval: main::CONFIG_TEXT()
--- scenario
begin();
exchange(post('tracker', tracker_text("n$_"))) for 1 .. 10;

my $text = tracker_text('slow');
my $sock = connect_nginx();
send_bytes($sock, substr post('tracker', $text, account => 'b'), 0, -5);
wait_until(sub { redis('EXISTS', lock_key('b')) }, 'accepted');

my $count = scrape_when(sub { requests(@_) >= 10 }, 'ten');
my $start = metric($count, 'tracker_start_time_seconds');
my @old = reload();

# a new worker is there before it has its slot
my $after = scrape_when(sub { metric($_[0], 'tracker_workers') > 2 },
                        'the old worker has its slot, too');
is_grown($after, 10, 'tracker_trackers_created_total');
is(metric($after, 'tracker_start_time_seconds'), $start, 'the same start');
is(metric($after, 'tracker_requests_in_flight', endpoint => 'create'), 1,
   'the request of an old worker');

send_bytes($sock, substr $text, -5);
is(read_response($sock)->{status}, 200, 'the old worker has answered');
close $sock;
wait_for_exit(@old);

$after = scrape_when(sub { requests(@_) >= 11 }, 'eleven');
is_grown($after, 11, 'tracker_trackers_created_total');
is(metric($after, 'tracker_workers'), 2, 'the new workers');
is(metrics_sum($after, 'tracker_requests_in_flight'), 0, 'nothing is left');
is(metrics_sum($after, 'tracker_redis_connections'), 0,
   'nor a connection of the old ones');



=== a worker that was killed has counted what it had counted
--- config eval: main::CONFIG_TEXT()
--- scenario
begin();
exchange(post('tracker', tracker_text("n$_"))) for 1 .. 10;

my $sock = connect_nginx();
send_bytes($sock, substr post('tracker', tracker_text('x'), account => 'b'),
           0, -5);
wait_until(sub { redis('EXISTS', lock_key('b')) }, 'accepted');
scrape_when(sub { requests(@_) >= 10 }, 'ten');

# the master starts new ones
my %old = map { $_ => 1 } worker_pids();
kill KILL => keys %old;
wait_until(sub { 2 == grep { !$old{$_} } worker_pids() }, 'new workers');
close $sock;

my $text = scrape_when(sub { metric(shift, 'tracker_workers') == 2 }, 'two');
is_grown($text, 10, 'tracker_trackers_created_total');
is(metrics_sum($text, 'tracker_requests_in_flight'), 0, 'nothing in flight');
--- no_error_log
[crit]
[emerg]



=== a binary upgrade: the new nginx counts from zero, beside the old one
--- config eval: main::CONFIG_TEXT()
--- scenario
SKIP: {
    skip 'a reload would find the other nginx', 3
        if $ENV{TEST_NGINX_USE_HUP} || $ENV{TRACKER_WATCHED};

    my $file = "$ENV{TEST_NGINX_SERVER_ROOT}/logs/nginx.pid";
    my $old = Test::Nginx::Util::get_pid_from_pidfile('upgrade');
    my $start = metric(scrape(), 'tracker_start_time_seconds');

    exchange(post('tracker', tracker_text("n$_"))) for 1 .. 10;
    scrape_when(sub { metric(shift, 'tracker_trackers_created_total') == 10 },
                'ten');

    # the times are in seconds
    sleep 1;
    kill USR2 => $old;
    wait_until(sub { -e "$file.oldbin" && -s $file }, 'the new nginx');

    my %seen;
    wait_until(sub {
        my $text = scrape();
        $seen{metric($text, 'tracker_start_time_seconds')} =
            metric($text, 'tracker_trackers_created_total');
        keys %seen == 2;
    }, 'both answer');

    is(delete $seen{$start}, 10, 'the old one has its counters');
    is(join(' ', values %seen), 0, 'the new one begins');

    kill QUIT => $old;
    wait_until(sub { !-e "$file.oldbin" }, 'the old one has ended');
    isnt(metric(scrape(), 'tracker_start_time_seconds'), $start,
         'what is left is the new one');
}



=== only GET and HEAD
--- config eval: main::CONFIG_TEXT()
--- scenario
for my $method (qw(GET HEAD)) {
    my $response = exchange(request($method, '/status', type => undef));

    is($response->{status}, 200, $method);
    is($response->{headers}{'content-type'},
       'text/plain; version=0.0.4; charset=utf-8', "$method: type");
}

takes_only_reads('/status');



=== no byte of a client is in the text, which others can read
--- config eval: main::CONFIG_TEXT()
--- scenario
my $mark = 'mArKeD';

exchange(post('tracker', tracker_text("$mark n", "$mark p"),
              account => "$mark account"));
exchange(request('GET', "/v1/manage/trackers?name=$mark",
                 account => "$mark account"));
exchange(request('GET', "/v1/manage/$mark", headers => ["x-$mark: $mark"]));
exchange(request(uc $mark, "/v1/manage/trackers"));
exchange(request('GET', '/v1/manage/trackers', token => $mark));
exchange(login_request($mark, $mark));
exchange(post('tracker', "{\"$mark\":1}"));
exchange(post('tracker', tracker_text('n'), type => "a/$mark"));
exchange(request('GET', '/v1/manage/tracker/1'));

my $type = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
my $text = scrape();
my $open = exchange("GET /status HTTP/1.1\r\nHost: a\r\n"
                    . "Accept: text/html, $type;q=0.5, */*;q=0.1\r\n\r\n");

is($open->{headers}{'content-type'}, $type, 'OpenMetrics, if it is accepted');
like($open->{body}, qr/\n# EOF\n\z/, 'to its end');
like($open->{body}, qr/^# TYPE tracker_requests counter$/m, 'its names');
like($text, qr/^# TYPE tracker_requests_total counter$/m, 'those of before');
unlike($text, qr/$mark/i, 'no byte of a client');
unlike($open->{body}, qr/$mark/i, 'nor there');

my @lines = grep { !/^#/ } split /\n/, $text;
my @others = grep { !/^\w+(\{\w+="(?:[^"\\]|\\.)*"(,\w+="(?:[^"\\]|\\.)*")*\})? \d+(\.\d+)?$/ }
             @lines;
is("@others", '', 'each line is a sample');

my %seen;
is(join("\n", grep { $seen{s/ \S+$//r}++ } @lines), '', 'none is there twice');

is(join("\n", wrong_histograms($text)), '', 'histograms only rise');

my $file = Tracker::scratch('metrics.txt', $text);

SKIP: {
    my $promtool = $ENV{TRACKER_PROMTOOL};

    skip 'promtool: run this test by t/run', 2 unless $promtool;

    my $words = `$promtool check metrics <$file 2>&1`;

    is($? >> 8, 0, 'promtool takes it');
    is($words, '', 'and has nothing to say');
}

SKIP: {
    my $modules = abs_path('.build/npm/node_modules') // '';

    skip 'npm: run this test by t/run', 4 unless -d $modules;

    local $ENV{NODE_PATH} = $modules;
    my $all = decode(scalar `node t/npm/metrics.js $file`);

    cmp_ok(keys %$all, '>', 30, 'families');
    is($all->{tracker_requests_total}{type}, 'COUNTER', 'a counter');

    is($all->{tracker_requests_total}{samples}
           {'code=404,endpoint=none,outcome=no_endpoint'},
       metric($text, 'tracker_requests_total', endpoint => 'none',
              outcome => 'no_endpoint'), 'its labels');

    # those with labels it takes for one
    my $turns = $all->{tracker_turn_duration_seconds}{samples}{''};

    is($turns->{buckets}{'+Inf'},
       metric($text, 'tracker_turn_duration_seconds_count'), 'a histogram');

    # README has a row for each
    open my $in, '<', 'README.md' or die "README.md: $!";
    my ($table) = do { local $/; <$in> } =~ /^### Metrics\n(.*?)^### /ms;
    my %rows = map { $_ => 1 } ($table // '') =~ /^\| `(tracker_\w+)`/mg;

    is(join(' ', grep { !$rows{$_} } sort keys %$all), '',
       'README names each of them');
    is(join(' ', grep { !$all->{$_} } sort keys %rows), '', 'and no other one');
}
