use lib 't/lib';
use Tracker;
use Tracker::Conversation;
use Test::Nginx::Socket 'no_plan';
use Cwd qw(abs_path);
use Tracker::H2 qw(h2_connect h2_get);

# conf/openapi.yaml is OpenAPI 3.1, and the answers that the tests see are as
# it says: those of this file, which meet every status of every operation, and
# in t/run those of all files before.  t/npm/openapi.js compares.

no_root_location();

use constant NO_ID => '4503599627370496';

# those that need a failure inside the module
my @NOT_MET = ('POST /oauth2/token:generate 500');

write_apps(app1 => 'secret');

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => ($block->config // <<'CONFIG') . <<'MORE');
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }
CONFIG
    tracker_history 1000;

    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }
MORE
});

run_tests();

my $modules = abs_path('.build/npm/node_modules') // '';
die "nothing in $modules, run this test by t/run\n" unless -d $modules;

$ENV{NODE_PATH} = $modules;
open my $out, '-|', 'node', 't/npm/openapi.js', 'conf/openapi.yaml',
     Tracker::Answers::file() or die "node: $!\n";
my $verdict = decode(do { local $/; <$out> } // '');
close $out;

is($?, 0, 'status of node');
is($verdict->{version}, '3.1.0', 'the version of OpenAPI');
is_deeply($verdict->{document}, [], 'conf/openapi.yaml conforms to it');
is(join("\n", @{$verdict->{clashes}}), '', 'each name is that of one thing');
cmp_ok($verdict->{count}, '>', 100, "$verdict->{count} answers were seen");
is(join("\n", @{$verdict->{faults}}), '', 'all are as the document says');
is(join("\n", @{$verdict->{unseen}}), join("\n", @NOT_MET),
   'every status of every operation was met');

# HTTP

sub call {
    my ($status, $method, $path, %o) = @_;
    my $response = exchange(request($method, $path, %o));

    is($response->{status}, $status, "$status: $method $path")
        or diag($response->{body});
    return $response;
}

# Options of call() that ask for an error as a problem.
sub problem {
    return headers => ['Accept: application/problem+json'];
}

sub is_problem {
    my ($response) = @_;

    is($response->{headers}{'content-type'}, 'application/problem+json',
       'a problem');
}

sub create {
    my ($name) = @_;
    my $body = call(200, 'POST', '/v1/manage/tracker',
                    body => tracker_text($name))->{body};

    return decode($body)->{tracker}{id};
}

# What has changed since a revision of the account.
sub changes {
    my ($rev) = @_;
    my ($account) = account_key('tester', '') =~ /\{(\w{16})/;

    return "/v1/manage/trackers/changes?since=$account-$rev";
}

# The paths of the list, those of one tracker, those of creates with a good
# body each.

sub lists {
    return '/v1/manage/tracker', '/v1/manage/trackers';
}

sub singles {
    my ($id) = @_;

    return map { "$_/$id" } lists();
}

sub creates {
    my ($name) = @_;
    my $one = tracker_text($name);

    return ['/v1/manage/tracker', $one], ['/v1/manage/trackers', $one],
           ['/v1/manage/trackers/bulk', "[$one]"];
}

# What is read of the conversation NO_ID, which each block may write.

sub talks {
    my $path = '/v1/conversations/' . NO_ID;

    return $path, map({ "$path/$_" } qw(messages members trackers
                                        trackers-detected)),
           '/v1/job/' . job_id('tester', NO_ID, 1);
}

# Where what was said is sent to, as method, path and body.

sub spoken {
    my $talk = '{"messages":[{"payload":{"content":"A phrase."}}]}';

    return ['POST', '/v1/process/text', body => $talk],
           ['PUT', '/v1/process/text/' . NO_ID, body => $talk],
           ['POST', '/v1/conversations/detect', body => $talk];
}

# Every request that needs the store, against one that is in no state to
# answer.
sub call_all {
    my ($status, $id) = @_;
    my $patch = '[{"op":"replace","path":"/name","value":"other"}]';

    for my $method (qw(GET HEAD)) {
        call($status, $method, $_) for lists(), singles($id), changes(5);
    }

    call($status, 'POST', $_->[0], body => $_->[1]) for creates('more');

    for my $path (singles($id)) {
        call($status, 'PUT', $path, body => tracker_text('other'));
        call($status, 'PATCH', $path, body => $patch);
        call($status, 'DELETE', $path);
    }

    for my $method (qw(GET HEAD)) {
        call($status, $method, $_) for '/v1/conversations', talks();
    }

    call($status, 'DELETE', '/v1/conversations/' . NO_ID);
    call($status, @$_) for spoken();
}

__DATA__

=== success
--- scenario
my ($etag, $list);

for my $path ('/v1/manage/tracker', '/v1/manage/trackers') {
    my $id = create("n $path");

    $etag = call(200, 'GET', "$path/$id")->{headers}{etag};
    call(200, 'HEAD', "$path/$id");
    call(304, $_, "$path/$id", headers => ["If-None-Match: $etag"])
        for qw(GET HEAD);

    $list = call(200, 'GET', $path)->{headers}{etag};
    call(200, 'HEAD', $path);
    call(304, $_, $path, headers => ["If-None-Match: $list"])
        for qw(GET HEAD);

    call(200, 'GET', "$path?name=n%20$path");
    call(200, 'GET', "$path?name=none");

    call(200, 'PUT', "$path/$id", body => tracker_text("m $path", 1 .. 9));
    call(200, 'PATCH', "$path/$id",
         body => '[{"op":"add","path":"/description","value":"d"}]');
    call(200, 'PATCH', "$path/$id", type => 'application/merge-patch+json',
         body => '{"description":null}');
    call(400, 'PATCH', "$path/$id", type => 'application/merge-patch+json',
         body => $_) for '{"name":null}', '[]', '{"x":null}';
    call(400, 'PATCH', "$path/$id", type => 'text/plain', body => '{}');
    call(200, 'DELETE', "$path/$id");
    call(204, 'OPTIONS', $_, token => undef) for $path, "$path/$id";
}

# of everything above, and of nothing
$list =~ s/"//g;
call(200, $_, changes(0)) for qw(GET HEAD);
call(200, 'GET', changes(0) . '&limit=1');
call(200, 'GET', "/v1/manage/trackers/changes?since=$list&wait=1");
create('after');
call(200, 'GET', "/v1/manage/trackers/changes?since=$list");
call(204, 'OPTIONS', changes(0), token => undef);

$etag = call(200, 'GET', '/v1/manage/openapi.yaml', token => undef)
            ->{headers}{etag};
call(200, 'HEAD', '/v1/manage/openapi.yaml', token => undef);
call(204, 'OPTIONS', '/v1/manage/openapi.yaml', token => undef);
call(304, $_, '/v1/manage/openapi.yaml', headers => ["If-None-Match: $etag"])
    for qw(GET HEAD);

my @minimal = (headers => ['Prefer: return=minimal']);

for my $path (lists()) {
    call(204, 'POST', $path, body => tracker_text("minimal $path"), @minimal)
        ->{headers}{location} =~ /(\d{16})$/ or die "no id\n";

    call(204, 'PUT', "$path/$1", body => tracker_text('minimal', 1), @minimal);
    call(204, 'PATCH', "$path/$1", @minimal,
         body => '[{"op":"add","path":"/description","value":"d"}]');
    call(204, 'DELETE', "$path/$1", @minimal);
}

call(200, 'POST', $_, body => '[' . tracker_text("3 $_") . ']', @minimal)
    for '/v1/manage/trackers', '/v1/manage/trackers/bulk';
call(200, 'POST', '/v1/manage/trackers', body => tracker_text('4'),
     headers => ['Prefer: return=representation']);

call(200, 'POST', '/v1/manage/trackers', body => tracker_text('one'));
call(200, 'POST', '/v1/manage/trackers', body => '['
     . join(',', map { tracker_text("many $_") } 1 .. 9) . ']');
call(200, 'POST', '/v1/manage/trackers/bulk', body => '['
     . join(',', map { tracker_text("bulk $_") } 1 .. 9) . ']');

my $page = call(200, 'GET', '/v1/manage/trackers?limit=4');
my $next = decode($page->{body})->{next};
ok($next, 'a next page');
call(200, 'GET', "/v1/manage/trackers?limit=4&cursor=$next");

call(204, 'OPTIONS', $_, token => undef)
    for '/v1/manage/trackers/bulk', '/oauth2/token:generate',
        '/v1/conversations', talks(), map { $_->[1] } spoken();

write_job(NO_ID, meta => '"name":"n","metadata":[{}]');
write_job(NO_ID, append => 1, first => '4503599627370497',
          members => [member('Bob')]);

for my $path ('/v1/conversations', '/v1/conversations?limit=9&offset=1',
              talks())
{
    call(200, $_, $path) for qw(GET HEAD);
}

create('found');

my $line = '{"payload":{"content":"A phrase."}}';

for ("$line\n", "{}\n$line", "$line\n$line\n{}\n") {
    my $lines = call(200, 'POST', '/v1/conversations/detect', body => $_,
                     type => 'application/x-ndjson');

    is($lines->{headers}{'content-type'}, 'application/x-ndjson', 'lines');
}

for ("[]\n", "{}\n\n{}\n") {
    call(400, 'POST', '/v1/conversations/detect', body => $_,
         type => 'application/x-ndjson');
    is_problem(call(400, 'POST', '/v1/conversations/detect', body => $_,
                    type => 'application/x-ndjson', problem()));
}

# the last line is an error, which no client can ask to be a problem
for my $accept ([], [problem()]) {
    my $lines = call(200, 'POST', '/v1/conversations/detect', @$accept,
                     body => "$line\n[]\n", type => 'application/x-ndjson');

    is($lines->{headers}{'content-type'}, 'application/x-ndjson', 'lines');
}

for (spoken()) {
    call($_->[1] =~ /detect/ ? 200 : 201, @$_);
}

like(call(200, 'GET', '/v1/conversations/' . NO_ID . '/trackers')->{body},
     qr/"value":"phrase"/, 'a tracker is found');
call(201, 'POST', '/v1/process/text', body => '{"name":"n","metadata":{},'
     . '"messages":[{"payload":{"content":"a"},"from":{"userId":"u"}},'
     . '{"payload":{"content":"b"},"from":{"userId":"u@x","name":"U"}}]}');
call(200, 'GET', '/v1/conversations');
call(200, 'DELETE', '/v1/conversations/' . NO_ID);
is(exchange(login_request('app1', 'secret'))->{status}, 200, 'login');



=== errors of the request
--- scenario
my $id = create('here');
my $patch = '[{"op":"replace","path":"/name","value":"taken"}]';
my @bad = (body => '{"name":1}');
my @old = (headers => ['If-Match: "0"']);
my @large = (body => '', length => 2_000_000);
my @coded = (headers => ['Content-Encoding: gzip']);

create('taken');

for my $path (lists()) {
    call(400, $_, "$path?limit=0") for qw(GET HEAD);
    call(401, $_, $path, token => 'bad') for qw(GET HEAD);
    call(413, $_, $path, @large) for qw(GET HEAD);
    call(405, $_, $path, body => '{}') for qw(PUT PATCH DELETE);
    call(412, $_, $path, @old) for qw(GET HEAD);
}

for my $method (qw(GET HEAD)) {
    call(400, $method, $_)
        for '/v1/manage/trackers/changes', changes('x'),
            map { changes(0) . "&$_" } 'limit=0', 'wait=61';
    call(401, $method, changes(0), token => 'bad');
    call(410, $method, changes(5));
    call(413, $method, changes(0), @large);
}

is_problem(call(410, 'GET', changes(5), problem()));
call(405, $_, changes(0), body => '{}') for qw(POST PUT PATCH DELETE);

for my $create (creates('taken')) {
    my ($path, $body) = @$create;

    call(400, 'POST', $path, body => '{');
    call(400, 'POST', $path, body => $_)
        for tracker_text('x', 'a', 'a'), '[]', '{"name":"\""}',
            '[{"a\nb":1}]';
    call(400, 'POST', $path, body => $body, type => 'text/plain');
    call(400, 'POST', $path);
    call(401, 'POST', $path, body => $body, token => undef);
    call(409, 'POST', $path, body => $body);
    call(413, 'POST', $path, @large);
}

for my $create (creates('taken')) {
    my ($path, $body) = @$create;

    is_problem(call(400, 'POST', $path, body => $_, problem()))
        for '{', tracker_text('x', 'a', 'a');
    is_problem(call(401, 'POST', $path, body => $body, token => undef,
                    problem()));
    is_problem(call(409, 'POST', $path, body => $body, problem()));
    is_problem(call(413, 'POST', $path, body => $body, length => 2_000_000,
                    problem()));
}

call(405, $_, '/v1/manage/trackers/bulk') for qw(GET HEAD DELETE);

call(412, $_, '/v1/manage/openapi.yaml', @old) for qw(GET HEAD);
call(413, $_, '/v1/manage/openapi.yaml', @large) for qw(GET HEAD);
call(400, $_, '/v1/manage/openapi.yaml', @coded) for qw(GET HEAD);
call(405, 'PUT', '/v1/manage/openapi.yaml', body => '{}');
call(409, 'POST', '/v1/manage/trackers',
     body => '[' . tracker_text('a') . ',' . tracker_text('a') . ']');
call(409, 'POST', '/v1/manage/trackers',
     body => '[' . tracker_text('taken') . ',' . tracker_text('here') . ']');

for my $list ('/v1/manage/trackers', '/v1/manage/trackers/bulk') {
    my $path = "$list?dryRun=true";
    my $good = tracker_text('new');
    my $taken = tracker_text('taken');

    call(200, 'POST', $path, body => $_) for "[$good]", "{\"trackers\":[$good]}";

    for (['400', '[{},{"name":1,"x":2}]'], ['400', '{"trackers":[{},1]}'],
         ['400', '[{}'], ['409', "[$good,$taken]"], ['409', "[$good,$good]"],
         ['409', "{\"trackers\":[$good,$taken]}"])
    {
        call($_->[0], 'POST', $path, body => $_->[1]);
        is_problem(call($_->[0], 'POST', $path, body => $_->[1], problem()));
    }
}

call(400, 'POST', '/v1/manage/trackers?dryRun=1', body => '[]');

for my $list ('/v1/manage/trackers', '/v1/manage/trackers/bulk') {
    for my $policy (qw(error skip merge replace)) {
        my $path = "$list?on_conflict=$policy";
        my $status = $policy eq 'error' ? 409 : 200;

        call($status, 'POST', $path, body => '['
             . tracker_text("$list $policy") . ',' . tracker_text('here') . ']');
        call($status, 'POST', "$path&dryRun=true", body => '['
             . tracker_text("$list, $policy") . ',' . tracker_text('here')
             . ']');
        call(400, 'POST', $path, body => '[{}]');
    }

    call(200, 'POST', "$list?on_conflict=merge", body => '['
         . tracker_text('here', 'more', $list) . ']',
         headers => ['Prefer: return=minimal']);
}

call(200, 'POST', '/v1/manage/trackers?on_conflict=skip',
     body => tracker_text('here'), headers => ['Prefer: return=minimal']);
call(400, 'POST', '/v1/manage/trackers?on_conflict=x', body => '[]');

for my $list ('/v1/manage/trackers', '/v1/manage/trackers/bulk') {
    my $path = "$list?on_conflict=replace&rest=delete";
    my @body = (body => '[' . tracker_text('here') . ','
                        . tracker_text('taken') . ']');
    my @any = (headers => ['If-Match: *']);

    call(428, 'POST', $path, @body);
    call(412, 'POST', $path, @body, @old);
    call(400, 'POST', "$list?rest=delete", @body, @any);
    call(200, 'POST', "$path&dryRun=true", @body, @any);
    create('gone');
    call(200, 'POST', "$path&dryRun=true", @body, @any);
    call(200, 'POST', $path, @body, @any);
}

for my $list ('/v1/manage/trackers', '/v1/manage/trackers/bulk') {
    my @type = (type => 'application/x-ndjson');
    my @tracker = map { tracker_text("$list $_") } 1 .. 3;
    my $end = '{"end":true,"count":1}';

    call(200, 'POST', $list, body => "$tracker[0]\n$tracker[1]\n", @type);
    call(200, 'POST', "$list?on_conflict=skip", body => "$tracker[0]\n$end",
         @type);
    call(200, 'POST', "$list?dryRun=true", body => "$tracker[2]\n", @type);
    call(409, 'POST', $list, body => "$tracker[0]\n", @type);
    call(409, 'POST', $list, body => "$tracker[2]\n$tracker[2]\n", @type);
    call(400, 'POST', $list, body => $_, @type)
        for "{}\n", "[]\n", "1\n", "$tracker[2]\n{}\n$end";
    call(400, 'POST', "$list?on_conflict=replace&rest=delete",
         body => "$tracker[2]\n", @type, headers => ['If-Match: *']);
}

for my $path (singles($id)) {
    call(400, 'PUT', $path, @bad);
    call(400, 'PATCH', $path, body => $_)
        for '{}', '[{"op":"add","path":"/id"}]', '[1]',
            '[{"op":"remove","path":"/vocabulary/9"}]',
            '[{"op":"x","path":"/name"}]', '[{"path":"/name"}]';
    call(400, 'DELETE', "$path?dryRun=true");
    call(409, 'PUT', $path, body => tracker_text('taken'));
    call(409, 'PATCH', $path, body => $patch);
    call(412, 'PUT', $path, body => tracker_text('here'), @old);
    call(412, 'PATCH', $path, body => $patch, @old);
    call(412, $_, $path, @old) for qw(GET HEAD DELETE);
    call(412, 'DELETE', $path, headers => ['If-None-Match: *']);
    call(400, 'DELETE', $path, headers => [$_])
        for 'If-None-Match: x', 'If-Range: x';
    call(400, $_, $path, @coded) for qw(GET HEAD DELETE);
    call(413, $_, $path, @large) for qw(GET HEAD PUT PATCH DELETE);
    call(405, 'POST', $path, body => '{}');

    for my $method (qw(GET HEAD PUT PATCH DELETE)) {
        my @body = $method eq 'PATCH' ? (body => $patch)
                   : $method eq 'PUT' ? (body => tracker_text('n')) : ();

        call(401, $method, $path, @body, token => 'bad');
        call(404, $method, $path =~ s/\d{16}/NO_ID/er, @body);
    }
}

for my $path ('/v1/conversations', talks()) {
    call(401, $_, $path, token => 'bad') for qw(GET HEAD);
    call(400, $_, $path, @coded) for qw(GET HEAD);
    call(413, $_, $path, @large) for qw(GET HEAD);
    call(405, $_, $path) for qw(POST PUT PATCH);
}

for my $path (talks()) {
    call(404, $_, $path) for qw(GET HEAD);
}

for my $argument (qw(limit=0 offset=x)) {
    call(400, $_, "/v1/conversations?$argument") for qw(GET HEAD);
}

my ($path) = talks();

call(400, 'DELETE', "$path?dryRun=true");
call(400, 'DELETE', $path, headers => ['If-Match: *']);
call(401, 'DELETE', $path, token => undef);
call(404, 'DELETE', $path);
call(413, 'DELETE', $path, @large);

for (spoken()) {
    my ($method, $path, @body) = @$_;

    call(400, $method, $path, body => $_)
        for '{', '{}', '{"messages":[{}]}', '{"messages":[]}',
            '{"messages":[{"payload":{"content":"a"}}],"trackers":'
            . '[{"id":"' . NO_ID . '"}]}';
    call(401, $method, $path, @body, token => 'bad');
    call(404, $method, $path, @body) if $method eq 'PUT';
    call(405, $_, $path, @body) for qw(PATCH DELETE);
    call(413, $method, $path, @large);
}

call(404, 'GET', $_) for '/v1/manage/', '/v1/manage/x',
                         '/v1/manage/tracker/1/2';

hold_lock();
call(429, 'POST', $_->[0], body => $_->[1]) for creates('n');

for my $path (singles($id)) {
    call(429, 'PUT', $path, body => tracker_text('n'));
    call(429, 'PATCH', $path, body => $patch);
}



=== no history
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_history off;
        client_max_body_size 1m;
    }
--- scenario
for my $method (qw(GET HEAD)) {
    call(404, $method, changes(0));
    is_problem(call(404, $method, changes(0), problem()));
}



=== as many as may wait
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_history_waiting 1;
        client_max_body_size 1m;
    }
--- scenario
# one after the other, whichever comes first
my @socks = map { connect_nginx() } 1, 2;

send_bytes($_, request('GET', changes(0) . '&wait=60')) for @socks;

my ($refused) = IO::Select->new(@socks)->can_read(Tracker::Host::LIMIT());
is(read_response($refused)->{status}, 503, 'one of two');

for my $method (qw(GET HEAD)) {
    my $path = changes(0) . '&wait=60';

    is(call(503, $method, $path)->{headers}{'retry-after'}, 1, 'Retry-After');
    is_problem(call(503, $method, $path, problem()));
}



=== errors of the login
--- scenario
my $path = '/oauth2/token:generate';

call(400, 'POST', $path, body => $_) for '{', '{}', '[]';
call(400, 'POST', $path, body => '{}', type => undef);
call(405, $_, $path) for qw(GET HEAD PUT PATCH DELETE);
call(413, 'POST', $path, body => '', length => 2_000_000);
is(exchange(login_request('app1', 'wrong'))->{status}, 401, 'a wrong secret');



=== the limit of the sample configuration
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    limit_req_zone $server_name zone=logins:1m rate=1r/m;
--- config
    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
        limit_req zone=logins;
        limit_req_status 429;
    }
--- scenario
is(exchange(login_request('app1', 'secret'))->{status}, 200, 'the first');
is(exchange(login_request('app1', 'secret'))->{status}, 429, 'the second');



=== a limit of the site's own
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    limit_req_zone $uri zone=paths:1m rate=1r/m;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        limit_req zone=paths;
        limit_req_status 429;
    }
--- scenario
for my $path (singles(NO_ID)) {
    call(404, 'DELETE', $path);
    call(429, 'DELETE', $path);
}



=== too many requests of an account wait
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_redis_timeout 60s;
    tracker_jwt_key $TEST_NGINX_KEY;
    keepalive_requests 10000;

    server {
        listen 127.0.0.1:$TEST_NGINX_H2_PORT http2;
        http2_max_concurrent_streams 5000;

        location /v1/manage/ {
            tracker_api;
            tracker_timeout 60s;
        }
    }
--- scenario
my $id = create('n');
my $sock = h2_connect();

# 4,096 of a connection to Redis may; a PATCH goes by the other one
pause_redis();
send_bytes($sock, join '', map { h2_get(2 * $_ - 1, '/v1/manage/trackers',
                                        'tester') } 1 .. 4200);
wait_until(sub {
    grep { /more are refused/ } @{Test::Nginx::Util::error_log_data()};
}, 'some are refused');

for my $method (qw(GET HEAD)) {
    call(429, $method, $_) for lists(), singles($id), changes(5),
                               '/v1/conversations', talks();
}

call(429, 'DELETE', '/v1/conversations/' . NO_ID);
call(429, @$_) for spoken();
call(429, 'POST', $_->[0], body => $_->[1]) for creates('more');

for my $path (singles($id)) {
    call(429, 'PUT', $path, body => tracker_text('other'));

    my $response = call(429, 'DELETE', $path);

    is_message($response->{body},
               'Too many requests of this account are waiting.', 'and why');
    is($response->{headers}{'retry-after'}, 1, 'and when to come back');
}

resume_redis();
wait_until(sub {
    exchange(request('GET', "/v1/manage/tracker/$id"))->{status} == 200;
}, 'they are answered');



=== bodies that do not come
--- config
    client_body_timeout 100ms;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }
--- scenario
my $id = create('n');

call(408, $_->[0], $_->[1], length => 10) for spoken();

call(408, 'POST', $_, length => 10)
    for '/oauth2/token:generate', map { $_->[0] } creates('x');

for my $path (singles($id)) {
    call(408, $_, $path, length => 10) for qw(PUT PATCH);
}



=== a store of the wrong shape
--- scenario
my $id = create('n');

redis('DEL', account_key('tester', $_)) for 'index', 'rev', "id:$id";
redis('LPUSH', account_key('tester', $_), 'x')
    for 'index', 'rev', "id:$id", 'convs', 'conv:' . NO_ID;

call_all(500, $id);



=== a store that is not there
--- scenario
my $id = create('n');

stop_redis();
call_all(502, $id);
start_redis();



=== a store that does not answer
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_redis_timeout 500ms;
--- scenario
my $id = create('n');

pause_redis();
call_all(504, $id);
resume_redis();



=== what other modules decide
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_token_apps $TEST_NGINX_APPS;
--- config
    deny all;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        client_max_body_size 1m;
    }
--- scenario
call(403, 'GET', '/v1/manage/trackers');
call(403, 'POST', '/oauth2/token:generate', body => '{}');
