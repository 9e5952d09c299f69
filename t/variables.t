use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

Tracker::scratch('other.key', 'the key of another location: 32 b');

run_tests();

# the lines of the log of this block, when there are n of them
sub logged {
    my ($n) = @_;
    my @lines;

    wait_until(sub {
        open my $in, '<', "$ENV{TEST_NGINX_SERVER_ROOT}/logs/tracker.log"
            or return;
        chomp(@lines = <$in>);
        @lines >= $n;
    }, "$n lines in the log");

    return @lines;
}

# The format of the sample that is there as a comment, and what it needs.
sub json_format {
    open my $in, '<', 'conf/nginx.conf' or die "conf/nginx.conf: $!";
    my $text = do { local $/; <$in> };
    my ($format) = $text =~ /^( *# log_format tracker_json (?:.*\n *#)*.*\n)/m;
    my ($map) = $text =~ /^( *map \$http_x_request_id \$tracker_request_id \{\n.*?^ *\}\n)/ms;

    return $format =~ s/^ *\K# ?//mgr . $map;
}

__DATA__

=== the access log tells account, outcome and the time spent in Redis
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    log_format tracker '$status $tracker_account $tracker_outcome '
                       '$tracker_redis_time';
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        access_log logs/tracker.log tracker;
    }
--- scenario
my $good = post('tracker', tracker_text('n'));
my $repeat = '[' . tracker_text('a') . ',' . tracker_text('a') . ']';
my $time = qr/\d+\.\d{3}/;
my @cases = (
    [$good, qr/^200 tester created $time$/],
    [$good, qr/^409 tester conflict $time$/],
    [post('trackers', $repeat), qr/^409 tester \w+ $time$/],
    [post('tracker', '{'), qr/^400 tester invalid -$/],
    [post('tracker', ''), qr/^400 tester \w+ -$/],
    [post('tracker', '{}', type => 'a/b'), qr/^400 tester \w+ -$/],
    [post('tracker', '{}', token => 'bad'), qr/^401 - \w+ -$/],
    [post('x', '{}'), qr/^404 tester \w+ -$/],
    [request('PUT', '/v1/manage/tracker', body => '{}'),
     qr/^405 tester \w+ -$/],
    [request('OPTIONS', '/v1/manage/tracker', token => undef),
     qr/^204 - \w+ -$/],
    [post('tracker', '', length => 2_000_000), qr/^413 tester \S+ -$/],
);

exchange($_->[0]) for @cases;

my @lines = logged(scalar @cases);
like($lines[$_], $cases[$_][1], "request $_") for 0 .. $#cases;

hold_lock();
exchange($good);
like((logged(@cases + 1))[-1], qr/^429 tester locked $time$/, 'locked');



=== and what was found in what was said
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_detect_max_hits 3;
    tracker_detect_max_phrases 4;
    tracker_conversation_max_size 2k;
    log_format found '$status $tracker_outcome $tracker_hits '
                     '$tracker_detect_time';
--- config
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
        access_log logs/tracker.log found;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
exchange(post('tracker', tracker_text('n', 'mask', 'cap')));

sub said {
    my ($text, $path) = @_;

    return request('POST', '/v1/' . ($path // 'process/text'),
                   body => qq({"messages":[{"payload":{"content":"$text"}}]}));
}

my $time = qr/\d\.\d{6}/;
my @cases = (
    [said('A mask. A cap, mask.'), qr/^201 processed 3 $time$/],
    [said('A mask.', 'conversations/detect'), qr/^200 found 1 $time$/],
    [said('Nothing.'), qr/^201 processed 0 $time$/],
    [said('Cap mask. Cap mask.'), qr/^400 many_hits \S+ \S+$/],
    [said('x' x 3000), qr/^400 large 0 $time$/],
    [said('\\x'), qr/^400 invalid - -$/],
    [request('GET', '/v1/conversations'), qr/^200 found - -$/],
    [request('GET', '/v1/conversations/x'), qr/^404 missing - -$/],
);

exchange($_->[0]) for @cases;

my @lines = logged(scalar @cases);
like($lines[$_], $cases[$_][1], "request $_") for 0 .. $#cases;

# what the first search found counts, when the trackers were others since

exchange(post('tracker', tracker_text('m', 1 .. 3)));
exchange(said('a mask'));
like((logged(@cases + 1))[-1], qr/^400 many_phrases 1 $time$/, 'searched');
exchange(said('a mask', 'conversations/detect'));
like((logged(@cases + 2))[-1], qr/^400 many_phrases - -$/, 'not searched');



=== no token is ever in a log
--- scenario
exchange(post('tracker', tracker_text('n'), token => 'a-bad-secret-token'));
exchange(post('tracker', tracker_text('a phrase in the log')));
pass('sent');
--- log_level: info
--- no_error_log
a-bad-secret-token
a phrase in the log
[alert]
[crit]
[emerg]



=== the log says what a client that goes away was waiting for
--- log_level: info
--- scenario
sub closed_while {
    my ($what) = @_;

    wait_until(sub {
        grep { /closed.* connection while $what, client:/ }
             @{Test::Nginx::Util::error_log_data()};
    }, $what);
}

is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'a connection');
pause_redis();

my $sock = connect_nginx();
send_bytes($sock, request('GET', '/v1/manage/trackers'));
select undef, undef, undef, 0.3;
close $sock;

closed_while('waiting for redis');
resume_redis();

$sock = connect_nginx();
send_bytes($sock, post('tracker', '{', length => 100));
wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');
close $sock;

closed_while('reading tracker request body');
wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is given back');
pass('both are told');



=== limit_req counts by account
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    limit_req_zone $tracker_account zone=accounts:1m rate=1r/m;
--- config
    location /v1/manage/ {
        limit_req zone=accounts;
        tracker_api;
        client_max_body_size 1m;
    }
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
as a
200 {"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"m","vocabulary":["phrase"]}
as a
503
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
as b
200 {"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"m","vocabulary":["phrase"]}
as b
503
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Authorization: Bearer bad
401
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Authorization: Bearer bad
401
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Authorization: Bearer bad
401



=== the account is known in every phase
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;

        if ($tracker_account = "banned") {
            return 403;
        }

        add_header X-Account $tracker_account always;
    }
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}
X-Account: tester
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
as banned
403
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Authorization: Bearer bad
401
! X-Account



=== outside tracker locations the variables are empty or need no location
--- config
    location /plain {
        return 200 "[$tracker_outcome][$tracker_redis_time]\n";
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- request
GET /plain
--- response_body
[][]



=== a site may check tokens for other locations with the account
--- config
    location /plain {
        return 200 "[$tracker_account]\n";
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- request eval
['GET /plain', 'GET /plain']
--- only_headers eval
['Authorization: Bearer ' . main::token('joe'), 'Authorization: Bearer x']
--- error_code eval
[200, 200]
--- response_body eval
["[joe]\n", "[]\n"]



=== the account and the time survive an internal redirect of an error page
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    log_format tracker '$status [$tracker_account]';
--- config
    location /v1/manage/ {
        deny all;
        error_page 403 /page;
        tracker_api;
        client_max_body_size 1m;
        access_log logs/tracker.log tracker;
    }

    location = /page {
        internal;
        access_log logs/tracker.log tracker;
        return 403 "page";
    }
--- scenario
is(exchange(post('tracker', tracker_text('n')))->{body}, 'page', 'page');
is((logged(1))[0], '403 [tester]', 'the log');



=== what authenticates is the location's own, whatever was asked before
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
--- config
    tracker_jwt_key $TEST_NGINX_KEY;

    if ($tracker_account = "nobody") {
        return 403;
    }

    location /server/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /key/ {
        tracker_api;
        tracker_jwt_key $TEST_NGINX_SCRATCH/other.key;
        client_max_body_size 1m;
        add_header X-Account $tracker_account always;
    }

    location /value/ {
        set $name $arg_name;
        set $args "";
        tracker_api;
        tracker_account $name;
        client_max_body_size 1m;
        add_header X-Account $tracker_account always;
    }

    location /rewritten/ {
        set $before $tracker_account;
        rewrite ^/rewritten/(.*)$ /key/$1 last;
    }
--- scenario
my $other = sign_token('{"alg":"HS256"}',
                       '{"sub":"joe","exp":' . (time() + 3600) . '}',
                       'the key of another location: 32 b');

for my $case (['server', token('tester'), 200, undef],
              ['server', $other, 401, undef],
              ['key', token('tester'), 401, undef],
              ['key', $other, 200, 'joe'],
              ['rewritten', token('tester'), 401, undef],
              ['rewritten', $other, 200, 'joe'],
              ['value', token('tester'), 401, undef],
              ['value', undef, 401, undef])
{
    my ($location, $token, $status, $account) = @$case;
    my $response = exchange(request('GET', "/$location/trackers",
                                    token => $token));

    is($response->{status}, $status, "$location: status");
    is($response->{headers}{'x-account'}, $account, "$location: account");
}

my $response = exchange(request('POST', '/value/tracker?name=bob',
                                body => tracker_text('n')));

is($response->{headers}{'x-account'}, 'bob', 'the name that the site says');
is(redis('ZCARD', account_key('bob', 'index')), 1, 'it is in his account');
is(redis('EXISTS', account_key('tester', 'index')), 0,
   'and not in that of the token');



=== the sample's log in JSON is JSON, whatever clients send
--- http_config eval
'tracker_redis $TEST_NGINX_REDIS; tracker_jwt_key $TEST_NGINX_KEY;'
. main::json_format()
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        access_log logs/tracker.log tracker_json;
    }
--- scenario
my @texts = (
    post('tracker', tracker_text('n'), account => 'a "quoted" \\ account'),
    request('GET', '/v1/manage/%22%5c%0a%ff'),
    request('GET', '/v1/manage/trackers', token => undef,
            headers => ['X-Request-Id: an-id.1']),
    request('GET', '/v1/manage/trackers', headers => ['X-Request-Id: "']),
    post('tracker', '', length => 2_000_000),
);

exchange($_) for @texts;

# a byte that is not of UTF-8 stays as it is
my @all = map { JSON::PP->new->decode(tr/\x80-\xff/?/r) }
          logged(scalar @texts);

is($all[0]{account}, 'a "quoted" \\ account', 'an account');
is($all[0]{outcome}, 'created', 'an outcome');
like($all[0]{redis_duration}, qr/^\d+\.\d{3}$/, 'a time');
like($all[1]{uri}, qr{^/v1/manage/"\\\n}, 'a path');
is($all[2]{request_id}, 'an-id.1', 'an id');
like($all[3]{request_id}, qr/^[0-9a-f]{32}$/, 'one of nginx');
is($_->{status} + 0, $_->{status}, 'a status') for @all;
is($all[4]{status}, 413, 'of nginx itself');
