use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Compress::Zlib ();

# What the clients of the hosted service send, and what they do with the
# answers: they must work when nothing but the host name is changed.

no_root_location();

use constant SECRET => 'b' x 64;

write_apps(app1 => SECRET);

our $conversations = <<'CONFIG';
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /v1/ {
        tracker_conversations;
        tracker_empty_insights on;
        client_max_body_size 1m;
    }
CONFIG

run_tests();

# A request with the header lines that a client sends, in its order.
sub wire {
    my ($start, $headers, $body) = @_;
    my @lines = ("$start HTTP/1.1", "Host: localhost:$ENV{TEST_NGINX_PORT}",
                 @$headers);

    push @lines, 'Content-Length: ' . length $body if defined $body;
    return join("\r\n", @lines, '', '') . ($body // '');
}

# One tracker that is there, its id.
sub a_tracker {
    my ($name, $account) = @_;

    return is_created(exchange(post('tracker', tracker_text($name // 'n'),
                                    account => $account // 'tester')),
                      $name // 'n', 'a tracker');
}

# One that has these phrases.
sub a_tracker_of {
    my ($name, @phrases) = @_;
    my $text = sprintf '{"name":"%s","vocabulary":[%s]}', $name,
                       join ',', map { qq("$_") } @phrases;

    return is_created(exchange(post('tracker', $text)), $name, 'a tracker');
}

# The answer to a text, of which some clients take no status but 201.
sub posted {
    my ($text) = @_;
    my $response = exchange($text);

    is($response->{status}, 201, 'posted') or diag($response->{body});

    my $answer = decode($response->{body});

    is(join(' ', sort keys %$answer), 'conversationId jobId', 'its keys');
    like($answer->{conversationId}, qr/^\d{16}$/, 'the conversation');
    return $answer;
}

sub got {
    my ($path, $headers) = @_;
    my $response = exchange(wire("GET $path", $headers));

    is($response->{status}, 200, "$path: status") or diag($response->{body});
    return decode($response->{body});
}

# Trackers that were found: a line for each phrase, with its offsets.
sub hits {
    my ($trackers) = @_;

    return map {
        my $name = $_->{name};

        map { "$name: $_->{value} "
              . join ' ', map { $_->{offset} } @{$_->{messageRefs}} }
            @{$_->{matches}};
    } @$trackers;
}

sub tracker_in {
    my ($response, $title) = @_;

    is($response->{status}, 200, "$title: status")
        or diag($response->{body});
    return decode($response->{body})->{tracker} // {};
}

# The headers of each client, before those of the body.

sub go {
    my ($token) = @_;

    return ['User-Agent: symbl.ai (go1.20.5)', 'Accept: application/json',
            ($token ? "Authorization: Bearer $token" : ()),
            'Content-Type: application/json', 'Accept-Encoding: gzip'];
}

sub node {
    return ['Authorization: Bearer ' . token('tester'),
            'Content-Type: application/json', 'Accept: */*',
            'User-Agent: node-fetch/1.0 (+https://github.com/bitinn/node-fetch)',
            'Accept-Encoding: gzip,deflate', 'Connection: close'];
}

sub browser {
    return ['Connection: keep-alive', 'Accept: application/json, text/plain, */*',
            'Authorization: Bearer ' . token('tester'),
            'Content-Type: application/json', 'Origin: http://localhost:3000',
            'Sec-Fetch-Mode: cors', 'Referer: http://localhost:3000/',
            'User-Agent: Mozilla/5.0', 'Accept-Encoding: gzip, deflate, br'];
}

sub api_key {
    my ($token) = @_;

    return ["x-api-key: $token", 'Content-Type: application/json',
            'Accept: */*', 'Accept-Language: *', 'Sec-Fetch-Mode: cors',
            'User-Agent: undici', 'Accept-Encoding: br, gzip, deflate'];
}

sub python {
    return ['User-Agent: python-requests/2.31.0',
            'Accept-Encoding: gzip, deflate', 'Accept: */*',
            'Connection: keep-alive', 'Authorization: Bearer ' . token('tester'),
            'Content-Type: application/json'];
}

__DATA__

=== Go SDK: login, list, create by /trackers, patch, delete
--- scenario
my $base = '/v1/manage/trackers';
my $login = exchange(wire('POST /oauth2/token:generate', go(),
    '{"AuthURI":"https://api.example.com/oauth2/token:generate",'
    . '"type":"application","appId":"app1","appSecret":"' . SECRET . '"}'));
is($login->{status}, 200, 'login');

my $session = decode($login->{body});
my $go = go($session->{accessToken});
cmp_ok($session->{expiresIn}, '>', 0, 'expiresIn is a number');

my $claims = decode((claims_of($session->{accessToken}))[1]);
cmp_ok($claims->{exp}, '>', time(), 'a token without exp would be refused');

my $response = exchange(wire("GET $base", $go));
is($response->{body}, '{"trackers":[]}', 'an empty list');

my $tracker = tracker_in(exchange(wire("POST $base", $go,
    '{"name":"Test1","categories":["cat1"],"languages":["en-US"],'
    . '"vocabulary":["hello","hi"]}')), 'create');
my $id = $tracker->{id};
is_deeply($tracker, { id => $id, name => 'Test1', categories => ['cat1'],
                      languages => ['en-US'], vocabulary => ['hello', 'hi'] },
          'the tracker');
like($id, qr/^\d{16}$/, 'its id is a string');

$tracker = tracker_in(exchange(wire("PATCH $base/$id", $go,
    '[{"op":"replace","path":"/description","value":"Updated Description"}]'
    )), 'patch');
is($tracker->{description}, 'Updated Description', 'patched');
is($tracker->{name}, 'Test1', 'the rest is as it was');

# the values of its operations are strings, whatever the path

$tracker = tracker_in(exchange(wire("PATCH $base/$id", $go,
    '[{"op":"add","path":"/vocabulary","value":"hey"},'
    . '{"op":"add","path":"/categories","value":"cat2"},'
    . '{"op":"replace","path":"/languages","value":"de-DE"}]')), 'lists');
is_deeply([@$tracker{qw(vocabulary categories languages)}],
          [['hello', 'hi', 'hey'], ['cat1', 'cat2'], ['de-DE']],
          'strings for lists');

$response = exchange(wire("GET $base", $go));
is_deeply(decode($response->{body})->{trackers}, [$tracker], 'the list');

$response = exchange(wire("DELETE $base/$id", $go));
is($response->{status}, 200, 'delete');
is(exchange(wire("GET $base", $go))->{body}, '{"trackers":[]}', 'deleted');



=== Go SDK: gzip where the site has turned it on
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        gzip on;
        gzip_types application/json;
        gzip_min_length 1;
    }
--- scenario
my $go = go(token('tester'));
my $id = a_tracker();
my $response = exchange(wire("GET /v1/manage/trackers/$id", $go));
my $etag = $response->{headers}{etag};

is($response->{headers}{'content-encoding'}, 'gzip', 'encoding');
is(Compress::Zlib::memGunzip($response->{body}),
   qq({"tracker":{"id":"$id","name":"n","vocabulary":["phrase"]}}), 'body');
like($etag, qr{^W/"}, 'the ETag is weak now');

# and may come back so
is(exchange(wire("GET /v1/manage/trackers/$id",
                 [@$go, "If-None-Match: $etag"]))->{status}, 304, 'not modified');
is(exchange(wire("DELETE /v1/manage/trackers/$id",
                 [@$go, "If-Match: $etag"]))->{status}, 200, 'delete');



=== Node samples: a JSON type on GET and DELETE too
--- scenario
my $tracker = tracker_in(exchange(wire('POST /v1/manage/tracker', node(),
    '{"name":"Node","vocabulary":["one phrase"]}')), 'create');
my $id = $tracker->{id};

is_deeply($tracker, { id => $id, name => 'Node',
                      vocabulary => ['one phrase'] }, 'the tracker');

my $response = exchange(wire('GET /v1/manage/tracker', node()));
is_deeply(decode($response->{body}), { trackers => [$tracker] }, 'list');

is_deeply(tracker_in(exchange(wire("GET /v1/manage/tracker/$id", node())),
                     'get'), $tracker, 'by id');

$response = exchange(wire("DELETE /v1/manage/tracker/$id", node()));
is($response->{status}, 200, 'delete: status');
is($response->{body}, qq({"id":"$id","type":"tracker","deleted":true}),
   'delete: body');

$response = exchange(wire("DELETE /v1/manage/tracker/$id", node()));
is($response->{status}, 404, 'again: status');
is_message($response->{body}, qq(Tracker with id "$id" does not exist.),
           'again');



=== Browser UI: a PUT without id
--- scenario
my $id = a_tracker();
my $tracker = tracker_in(exchange(wire("PUT /v1/manage/tracker/$id",
    browser(), '{"name":"renamed","vocabulary":["a","b"]}')), 'put');

is_deeply($tracker, { id => $id, name => 'renamed',
                      vocabulary => ['a', 'b'] }, 'the tracker');



=== Browser UI: deletes in parallel
--- scenario
my @ids = map { a_tracker("n$_") } 1 .. 20;
my @responses = parallel(map { wire("DELETE /v1/manage/tracker/$_",
                                    browser()) } @ids);

is($responses[$_]{body}, qq({"id":"$ids[$_]","type":"tracker","deleted":true}),
   "delete $_") for 0 .. $#ids;
is(exchange(wire('GET /v1/manage/trackers', browser()))->{body},
   '{"trackers":[]}', 'all are gone');



=== Browser UI: the preflight has no token
--- scenario
my %paths = (tracker => 'POST', trackers => 'POST', 'trackers/bulk' => 'POST',
             'tracker/4503599627370496' => 'PUT',
             'trackers/4503599627370496' => 'PATCH');

for my $path (sort keys %paths) {
    my $response = exchange(wire("OPTIONS /v1/manage/$path",
        ['Accept: */*', "Access-Control-Request-Method: $paths{$path}",
         'Access-Control-Request-Headers: authorization,content-type',
         'Origin: http://localhost:3000', 'User-Agent: Mozilla/5.0']));

    is($response->{status}, 204, "$path: status");
    like($response->{headers}{allow}, qr/\b$paths{$path}\b/, "$path: Allow");
}



=== Browser UI: a POST that is sent again after a 5xx
--- scenario
my $text = wire('POST /v1/manage/tracker', browser(), tracker_text('again'));
my $sock = connect_nginx();

stop_redis();
send_bytes($sock, $text);
is(read_response($sock)->{status}, 502, 'Redis is not there');

start_redis();
wait_until(sub {
    send_bytes($sock, $text);
    read_response($sock)->{status} == 200;
}, 'the retry succeeds');
pass('on the same connection');
is(redis('ZCARD', account_key('tester', 'index')), 1, 'there is one');



=== C#: Expect: 100-continue, the body follows when it is asked for
--- scenario
my $body = '{"name":"CSharp","vocabulary":["a"]}';
my $text = wire('POST /v1/manage/tracker',
    ['Authorization: Bearer ' . token('tester'), 'Expect: 100-continue',
     'Content-Type: application/json; charset=utf-8'], $body);
my ($head) = $text =~ /^(.*\r\n\r\n)/s;

my $sock = connect_nginx();
send_bytes($sock, $head);
is(read_response($sock)->{status}, 100, '100 Continue');
send_bytes($sock, $body);
is_created(read_response($sock), 'CSharp', 'created');

# the next one on the connection; after a while the body comes unasked
send_bytes($sock, $head);
is(read_response($sock)->{status}, 100, '100 Continue');
send_bytes($sock, $body);
is(read_response($sock)->{status}, 409, 'only 200 is read, this is not');

# nobody waits for the 100
$sock = connect_nginx();
send_bytes($sock, $text =~ s/CSharp/Charp2/r);
my $response = read_response($sock);
$response = read_response($sock) if $response->{status} == 100;
is_created($response, 'Charp2', 'body at once');

# refused: the body is never sent, and the connection is not used again
$sock = connect_nginx();
send_bytes($sock, $head =~ s/Bearer /Bearer x/r);
is(read_response($sock)->{status}, 401, '401 in place of 100');
is(read_rest($sock), '', 'closed');



=== C#: login with Expect
--- scenario
my $text = login_request('app1', SECRET, headers => ['Expect: 100-continue'],
                         type => 'application/json; charset=utf-8');
my ($head, $body) = $text =~ /^(.*\r\n\r\n)(.*)$/s;
my $sock = connect_nginx();

send_bytes($sock, $head);
is(read_response($sock)->{status}, 100, '100 Continue');
send_bytes($sock, $body);
is(read_response($sock)->{status}, 200, 'token');



=== JS client: x-api-key and no Authorization; every answer is JSON
--- scenario
my $js = api_key(token('tester'));
my $tracker = tracker_in(exchange(wire('POST /v1/manage/tracker', $js,
                                       tracker_text('js'))), 'create');
my $id = $tracker->{id};
my $path = "/v1/manage/tracker/$id";
my %answers = (
    'GET all' => [200, wire('GET /v1/manage/trackers', $js)],
    'GET one' => [200, wire("GET $path", $js)],
    'PUT' => [200, wire("PUT $path", $js, tracker_text('js'))],
    'PATCH' => [200, wire("PATCH $path", $js,
        '[{"op":"add","path":"/vocabulary","value":"x"}]')],
    'bad JSON' => [400, wire('POST /v1/manage/tracker', $js, '{')],
    'bad PATCH' => [400, wire("PATCH $path", $js, '{}')],
    'no body' => [400, wire('POST /v1/manage/tracker', $js)],
    'no token' => [401, wire("GET $path", [])],
    'bad token' => [401, wire("GET $path", api_key('x'))],
    'unknown id' => [404, wire('GET /v1/manage/tracker/4503599627370496',
                               $js)],
    'unknown path' => [404, wire('GET /v1/manage/conversations', $js)],
    'method' => [405, wire('DELETE /v1/manage/trackers', $js)],
    'conflict' => [409, wire('POST /v1/manage/tracker', $js,
                             tracker_text('js'))],
    'too large' => [413, wire('POST /v1/manage/tracker', $js,
                              ' ' x 1_048_577)],
    'bad login' => [401, wire('POST /oauth2/token:generate', $js,
        '{"type":"application","appId":"app1","appSecret":"x"}')],
);

for my $title (sort keys %answers) {
    my ($status, $text) = @{$answers{$title}};
    my $response = exchange($text);

    is($response->{status}, $status, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is(ref decode($response->{body}), 'HASH', "$title: json()");
}

hold_lock();
my $response = exchange(wire('POST /v1/manage/tracker', $js,
                             tracker_text('locked')));
is($response->{status}, 429, '429: status');
ok(decode($response->{body})->{message}, '429: json()');



=== Python: find a tracker by its name
--- scenario
my $id = a_tracker('Troubleshooting Tracker');
a_tracker('Troubleshooting');

for my $name ('Troubleshooting%20Tracker', 'Troubleshooting+Tracker') {
    my $response = exchange(wire("GET /v1/manage/trackers?name=$name",
                                 python()));
    my $trackers = decode($response->{body})->{trackers};

    is(scalar @$trackers, 1, "$name: one");
    is($trackers->[0]{id}, $id, "$name: the right one");
}

my $response = exchange(wire('GET /v1/manage/trackers?&name=None', python()));
is($response->{status}, 200, 'unknown: status');
is($response->{body}, '{"trackers":[]}', 'unknown: an empty list');



=== Python: a bulk of trackers, then all of them
--- scenario
my $response = exchange(wire('POST /v1/manage/trackers', python(),
    '[' . join(', ', map { tracker_text("n$_") } 1 .. 30) . ']'));
my $trackers = decode($response->{body})->{trackers};

is($response->{status}, 200, 'bulk');
is_deeply(decode(exchange(wire('GET /v1/manage/trackers', python()))->{body})
          ->{trackers}, $trackers, 'the list, in the same order');



=== Go SDK: its example of a text
--- config eval: $::conversations
--- scenario
my $go = go(token('tester'));

a_tracker_of('Weather', 'the weather is', 'next week');

my $posted = posted(wire('POST /v1/process/text', $go,
    '{"messages":[{"payload":{"content":"hello"}},{"payload":{"content":'
    . '"the weather is sunny and hot in Long Beach"}}],"features":{},'
    . '"metadata":{}}' . "\n"));
my $conversation = "/v1/conversations/$posted->{conversationId}";

# it asks at once, and again after two seconds unless it is completed
is_deeply(got("/v1/job/$posted->{jobId}", $go),
          { id => $posted->{jobId}, status => 'completed' }, 'the job');

is_deeply(got("$conversation/topics", $go), { topics => [] }, 'topics');

my $more = posted(wire("PUT /v1/process/text/$posted->{conversationId}", $go,
    '{"messages":[{"payload":{"content":"I think next week the weather is '
    . 'going to improve a lot"}}],"features":{},"metadata":{}}' . "\n"));

is($more->{conversationId}, $posted->{conversationId}, 'the same');
isnt($more->{jobId}, $posted->{jobId}, 'another job');
is(got("/v1/job/$more->{jobId}", $go)->{status}, 'completed', 'it too');

is_deeply([map { $_->{text} }
           @{got("$conversation/messages", $go)->{messages}}],
          ['hello', 'the weather is sunny and hot in Long Beach',
           'I think next week the weather is going to improve a lot'],
          'messages');

is_deeply([hits(got("$conversation/trackers", $go))],
          ['Weather: the weather is 0 18', 'Weather: next week 8'],
          'trackers: what no field of its body can ask for is the default');



=== C#: its text, job and conversation classes
--- config eval: $::conversations
--- scenario
my $token = 'Authorization: Bearer ' . token('tester');
my $send = ['accept: application/json', $token,
            'Content-Type: application/json'];
my $read = ['Content-Type: application/json', $token];

a_tracker_of('Covid', 'wear a mask', 'COVID-19');

my $said = '{"payload":{"content":"%s","contentType":"text/plain"},"from":'
           . '{"name":"Ranjan","userId":"ranjan@example.com"}}';
my $head = '{"name":"","detectPhrases":false,"enableAllTrackers":%s,'
           . '"detectEntities":false,"messages":[%s],"trackers":[%s]}';

my $posted = posted(wire('POST /v1/process/text', $send,
    sprintf $head, 'false', sprintf($said, 'Please wear a mask.'), ''));
is_deeply(got("/v1/conversations/$posted->{conversationId}/trackers-detected",
              $read), [], 'false, which it sends unless told otherwise: none');

$posted = posted(wire('POST /v1/process/text', $send, sprintf $head, 'true',
    sprintf($said, 'Hello. Please wear a mask, covid 19 is here.')
    . ',{"payload":{"content":"Now?","contentType":null},"from":null}',
    '{"name":"greet","vocabulary":["hello"]}'));

my $conversation = "/v1/conversations/$posted->{conversationId}";

is(got("/v1/job/$posted->{jobId}", $read)->{status}, 'completed', 'the job');
is_deeply([hits(got("$conversation/trackers-detected", $read))],
          ['Covid: wear a mask 7', 'Covid: COVID-19 20', 'greet: hello 0'],
          'trackers detected');

# a PUT has no enableAllTrackers, and an empty list of trackers
my $more = posted(wire("PUT /v1/process/text/$posted->{conversationId}", $send,
    sprintf '{"entities":[],"detectPhrases":false,"messages":[%s],'
            . '"trackers":[]}', sprintf $said, 'Hello again, wear a mask.'));

is(got("/v1/job/$more->{jobId}", $read)->{status}, 'completed', 'job');
is_deeply([hits(got("$conversation/trackers-detected", $read))],
          ['Covid: wear a mask 7 13', 'Covid: COVID-19 20', 'greet: hello 0'],
          'what was found before, and the stored trackers in what is new');

# what it cannot parse as a time is an exception
for my $message (@{got("$conversation/messages?sentiment=true",
                       $read)->{messages}}) {
    like($message->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, $_)
        for qw(startTime endTime);
}

is_deeply(got("$conversation/abstract-topics", $read),
          { abstractTopics => [] }, 'abstract topics');
is_deeply([map { "$_->{name} $_->{email}" }
           @{got("$conversation/members", $read)->{members}}],
          ['Ranjan ranjan@example.com'], 'members');

my $response = exchange(wire("DELETE $conversation", $read));
is($response->{status}, 200, 'delete');
is_message($response->{body}, 'successfully deleted the conversation', 'said');



=== Node samples: wait for the job, then trackers
--- config eval: $::conversations
--- scenario
a_tracker_of('Weather', 'sunny and hot');

my $posted = posted(wire('POST /v1/process/text', node(),
    '{"messages":[{"payload":{"content":"It is sunny and hot."}}]}'));

# whatever is not in_progress has ended
is(got("/v1/job/$posted->{jobId}", node())->{status}, 'completed', 'wait');

for my $query ('', '?parentRefs=true&sentiment=true') {
    is_deeply([hits(got("/v1/conversations/$posted->{conversationId}"
                        . "/trackers-detected$query", node()))],
              ['Weather: sunny and hot 6'], "trackers$query");
}

my $response = exchange(wire(
    'GET /v1/job/00000000-0000-4000-8000-000000000000', node()));
is($response->{status}, 404, 'another status than 200: it gives up');



=== JS client: what it reads of a conversation
--- config eval: $::conversations
--- scenario
my $js = api_key(token('tester'));
my $posted = posted(wire('POST /v1/process/text', $js,
    '{"messages":[{"payload":{"content":"Hello."},"from":{"name":"Ann",'
    . '"userId":"ann@example.com"}}]}'));
my $conversation = "/v1/conversations/$posted->{conversationId}";
my %lists = (
    'action-items' => 'actionItems', 'follow-ups' => 'followUps',
    insights => 'insights', intents => 'intents', questions => 'questions',
    topics => 'topics',
);

for (sort keys %lists) {
    is_deeply(got("$conversation/$_", $js), { $lists{$_} => [] }, $_);
}

is(got($conversation, $js)->{members}[0]{name}, 'Ann', 'the conversation');
is(got("$conversation/members", $js)->{members}[0]{email}, 'ann@example.com',
   'members');
is(got("$conversation/messages", $js)->{messages}[0]{from}{name}, 'Ann',
   'messages');



=== the body of a GET or DELETE is thrown away
--- scenario
my $id = a_tracker();
my $sock = connect_nginx();

for my $start ("GET /v1/manage/tracker/$id", 'GET /v1/manage/trackers',
               "DELETE /v1/manage/tracker/$id")
{
    send_bytes($sock, wire($start, node_keepalive(), '{"a":[1,2,3]}'));
    is(read_response($sock)->{status}, 200, $start);
}

send_bytes($sock, wire("GET /v1/manage/tracker/$id", node_keepalive()));
is(read_response($sock)->{status}, 404, 'the connection is in order');

sub node_keepalive {
    return [grep { !/^Connection/ } @{node()}];
}
