use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

workers(2);

run_tests();

sub get {
    my ($path, %o) = @_;

    return exchange(request('GET', "/v1/manage/$path", type => undef, %o));
}

sub head {
    my ($path, %o) = @_;

    return exchange(request('HEAD', "/v1/manage/$path", type => undef, %o));
}

# creates trackers of these names, one by one; returns their JSON texts
sub create {
    return map {
        my $response = exchange(post('tracker', tracker_text($_)));
        my ($text) = $response->{body} =~ /^\{"tracker":(\{.*\})\}$/
            or die "$response->{status} $response->{body}\n";
        $text;
    } @_;
}

sub id_of {
    return decode($_[0])->{id};
}

sub list_of {
    return '{"trackers":[' . join(',', @_) . ']}';
}

sub is_answer {
    my ($response, $body, $title) = @_;

    is($response->{status}, 200, "$title: status");
    is($response->{body}, $body, "$title: body");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is($response->{headers}{'content-length'}, length $body,
       "$title: length");
}

sub is_refused {
    my ($response, $status, $message, $title) = @_;

    is($response->{status}, $status, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body}, $message, $title);
}

__DATA__

=== a tracker is read by its id, by singular and plural path
--- scenario
my $text = '{"vocabulary":["\u00fc","/"],"name":"a\"\u0001\ud83d\ude00",'
           . '"description":"","languages":[],"categories":["","x",""]}';
my $created = exchange(post('tracker', $text));
my $id = decode($created->{body})->{tracker}{id};

for my $path ("tracker/$id", "trackers/$id", "tracker/$id?name=x&limit=0",
              "tracker//$id", "tracker/" . join '', map {
                  sprintf '%%%02x', ord } split //, $id)
{
    my $response = get($path);

    is_answer($response, $created->{body}, $path);
    is($response->{headers}{etag}, $created->{headers}{etag}, 'ETag');
}



=== a record goes through as it is stored, unparsed
--- scenario
my ($text) = create('n');
my $id = id_of($text);

for my $record ('{ "any" : "text" }', "no JSON \0\r\n\xff", 'x' x 300_000) {
    redis('SET', account_key('tester', "id:$id"), $record);
    is_answer(get("tracker/$id"), "{\"tracker\":$record}", 'by id');
    is_answer(get('trackers'), list_of($record), 'in the list');
    is_answer(get('trackers?name=n'), list_of($record), 'by name');
}



=== an account without trackers has an empty list
--- scenario
is_answer(get($_), '{"trackers":[]}', $_)
    for qw(trackers tracker trackers?name=n trackers? trackers?x=1
           trackers?NAME=x&LIMIT=x&n%61me=x trackers?namex=y);

create('n');
is_answer(get('trackers', account => 'other'), '{"trackers":[]}', 'other');



=== the list has the order of creation, by singular and plural path
--- scenario
my @texts = create(qw(z a m));
my $bulk = exchange(post('trackers',
                         '[' . join(',', map { tracker_text($_) }
                                         qw(y b x c)) . ']'))->{body};
push @texts, $bulk =~ /^\{"trackers":\[(.*)\]\}$/, create(qw(d w));

is_answer(get($_), list_of(@texts), $_) for qw(trackers tracker);



=== a list of one
--- scenario
my ($text) = create('n');
is_answer(get('trackers'), list_of($text), 'the only one');



=== each account sees its own trackers
--- scenario
my ($text) = create('n');
my $id = id_of($text);

is_refused(get("tracker/$id", account => 'other'), 404,
           "Tracker with id \"$id\" does not exist.", 'by id');
is_answer(get('trackers?name=n', account => 'other'), '{"trackers":[]}',
          'by name');



=== ?name= finds the one with exactly that name
--- scenario
my @names = ('Troubleshooting Tracker', 'COVID-19', 'covid-19', 'a+b', '100%',
             'a&b=c', 'a%zb', ' x ', 'x', '%41', '?', 'name', '#');
my %text = map { $_ => exchange(post('tracker', tracker_text('n') =~
                     s/"n"/JSON::PP->new->allow_nonref->encode($_)/er,
                     ))->{body} =~ /^\{"tracker":(.*)\}$/ } @names;

my @found = (
    'name=Troubleshooting%20Tracker' => $names[0],
    'name=Troubleshooting+Tracker' => $names[0],
    'name=%54roubleshooting%20Tracker' => $names[0],
    '&name=COVID-19' => 'COVID-19',
    '&&name=COVID-19&' => 'COVID-19',
    'name=covid-19' => 'covid-19',
    'x=1&name=COVID-19&y=2' => 'COVID-19',
    'xname=covid-19&name=COVID-19' => 'COVID-19',
    'name=COVID-19&name=covid-19' => 'COVID-19',
    'name=a%2Bb' => 'a+b',
    'name=a%2bb' => 'a+b',
    'name=100%25' => '100%',
    'name=100%' => '100%',
    'name=a%zb' => 'a%zb',
    'name=%61%zb' => 'a%zb',
    'name=a%26b%3Dc' => 'a&b=c',
    'name=a%26b=c' => 'a&b=c',
    'name=+x+' => ' x ',
    'name=%20x%20' => ' x ',
    'name=x' => 'x',
    'name=%2541' => '%41',
    'name=%3F' => '?',
    'name=?' => '?',
    'name=%23' => '#',
    'name=name' => 'name',
    'name=x&limit=1' => 'x',
    'Name=covid-19&name=COVID-19' => 'COVID-19',
);

while (my ($query, $name) = splice @found, 0, 2) {
    is_answer(get("trackers?$query"), list_of($text{$name}), $query);
    is_answer(get("tracker?$query"), list_of($text{$name}), $query);
}

for my $query (qw(name=Covid-19 name= name=&name=x name=nothing name=a+b
                  name=100 name=100%2 name=100%2x name=%20x name=x%20 name=A name=%00
                  name=x%00 name=%ff &name= name name&name=x),
               'name=' . 'x' x 3000)
{
    is_answer(get("trackers?$query"), '{"trackers":[]}', substr $query, 0, 40);
}



=== ?name= in UTF-8
--- scenario
is(exchange(post('tracker', '{"name":"\u00fc \ud83d\ude00","vocabulary":'
                            . '["v"]}'))->{status}, 200, 'created');

for my $query ('%C3%BC%20%F0%9F%98%80', '%c3%bc+%f0%9f%98%80',
               "\xc3\xbc+\xf0\x9f\x98\x80")
{
    is(scalar @{decode(get("trackers?name=$query")->{body})->{trackers}}, 1,
       'found');
}

is_answer(get('trackers?name=%FC+%F0%9F%98%80'), '{"trackers":[]}',
          'other bytes');



=== a name key without its record finds nothing
--- scenario
my ($text) = create('n');

redis('DEL', account_key('tester', 'id:' . id_of($text)));
is_answer(get('trackers?name=n'), '{"trackers":[]}', 'by name');
is_answer(get('trackers'), '{"trackers":[]}', 'in the list');



=== an id that is not there, or is none, is a 404 that says which
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}
GET /v1/manage/tracker/4503599627370496
no Content-Type
404 Tracker with id "4503599627370496" does not exist.
GET /v1/manage/trackers/4503599627370496
no Content-Type
404 Tracker with id "4503599627370496" does not exist.
GET /v1/manage/tracker/9007199254740991
no Content-Type
404 Tracker with id "9007199254740991" does not exist.
GET /v1/manage/trackers/9007199254740991
no Content-Type
404 Tracker with id "9007199254740991" does not exist.
GET /v1/manage/tracker/0000000000000000
no Content-Type
404 Tracker with id "0000000000000000" does not exist.
GET /v1/manage/trackers/0000000000000000
no Content-Type
404 Tracker with id "0000000000000000" does not exist.
GET /v1/manage/tracker/123
no Content-Type
404 Tracker with id "123" does not exist.
GET /v1/manage/trackers/123
no Content-Type
404 Tracker with id "123" does not exist.
GET /v1/manage/tracker/bulk
no Content-Type
404 Tracker with id "bulk" does not exist.
GET /v1/manage/tracker/45035996273704960
no Content-Type
404 Tracker with id "45035996273704960" does not exist.
GET /v1/manage/trackers/45035996273704960
no Content-Type
404 Tracker with id "45035996273704960" does not exist.
GET /v1/manage/tracker/450359962737049x
no Content-Type
404 Tracker with id "450359962737049x" does not exist.
GET /v1/manage/trackers/450359962737049x
no Content-Type
404 Tracker with id "450359962737049x" does not exist.
GET /v1/manage/tracker/index
no Content-Type
404 Tracker with id "index" does not exist.
GET /v1/manage/trackers/index
no Content-Type
404 Tracker with id "index" does not exist.
GET /v1/manage/tracker/*
no Content-Type
404 Tracker with id "*" does not exist.
GET /v1/manage/trackers/*
no Content-Type
404 Tracker with id "*" does not exist.
GET /v1/manage/tracker/...
no Content-Type
404 Tracker with id "..." does not exist.
GET /v1/manage/trackers/...
no Content-Type
404 Tracker with id "..." does not exist.
GET /v1/manage/tracker/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
no Content-Type
404 Tracker with id "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" does not exist.
GET /v1/manage/trackers/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
no Content-Type
404 Tracker with id "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" does not exist.



=== a long id is cut in the message
--- config
    large_client_header_buffers 4 16k;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- request eval
'GET /v1/manage/tracker/' . 'x' x 5000
--- error_code: 404
--- message eval
'Tracker with id "' . 'x' x 100 . '" does not exist.'



=== an unknown path is a 404
--- scenario
my ($text) = create('n');
my $id = id_of($text);

is_refused(get($_), 404, 'No such endpoint.', "\"$_\"")
    for '', 'x', 'tracker/', 'trackers/', 'trackerss', 'Tracker',
        "tracker/$id/", "tracker/$id/x", "trackerx/$id", "trackers/bulk/$id",
        "tracker/a%20b", "tracker/%C3%BC", "tracker/$id%2Fx", $id;



=== no token, no tracker
--- scenario
my ($text) = create('n');
my $id = id_of($text);

for my $path ('trackers', 'tracker', 'trackers?name=n', 'trackers?limit=x',
              "tracker/$id", 'tracker/1')
{
    for my $token (undef, 'x.y.z') {
        my $response = get($path, token => $token);

        is_refused($response, 401,
                   'Token validation failed for provided token.', $path);
        is($response->{headers}{'www-authenticate'},
           defined $token ? 'Bearer error="invalid_token"' : 'Bearer', $path);
    }
}



=== HEAD is a GET without the body, whatever the status
--- scenario
my @texts = create(map { "name $_" } 1 .. 30);
my $id = id_of($texts[0]);
my $sock = connect_nginx();

for my $path ('trackers', 'tracker', "tracker/$id", "trackers/$id",
              'trackers?name=name+3', 'trackers?name=nobody',
              'trackers?limit=3', 'trackers?limit=0', 'tracker/1', 'x')
{
    my $got = get($path);

    send_bytes($sock, request('HEAD', "/v1/manage/$path", type => undef));
    my $head = read_response($sock, 'HEAD');

    is($head->{status}, $got->{status}, "$path: status");
    is($head->{headers}{$_}, $got->{headers}{$_}, "$path: $_")
        for qw(content-length content-type etag);
    is($got->{headers}{'content-length'}, length $got->{body},
       "$path: the right length");
}

is(head('trackers', token => undef)->{status}, 401, 'no token');
is(head('trackers/bulk')->{status}, 405, 'no method');

# no byte of a body came in between
send_bytes($sock, request('GET', "/v1/manage/tracker/$id"));
is(read_response($sock)->{status}, 200, 'the connection is in step');



=== OPTIONS says what a path allows, without a token
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my $all = 'GET, HEAD, POST, OPTIONS';
my $item = 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS';
my @allowed = (
    tracker => $all, trackers => $all, 'trackers/bulk' => 'POST, OPTIONS',
    "tracker/$id" => $item, "trackers/$id" => $item, 'tracker/1' => $item,
);

while (my ($path, $allow) = splice @allowed, 0, 2) {
    for my $token (undef, token('tester')) {
        my $response = exchange(request('OPTIONS', "/v1/manage/$path",
                                        token => $token, type => undef));

        is($response->{status}, 204, "$path: status");
        is($response->{headers}{allow}, $allow, "$path: Allow");
        is($response->{headers}{etag}, undef, "$path: no ETag");
    }
}

is_refused(exchange(request('OPTIONS', '/v1/manage/x', token => undef)), 404,
           'No such endpoint.', 'an unknown path');



=== OPTIONS with a body keeps the connection in step
--- scenario
my $sock = connect_nginx();

send_bytes($sock, request('OPTIONS', '/v1/manage/tracker', body => '{"a":1}',
                          token => undef)
                  . request('OPTIONS', '/v1/manage/tracker',
                            chunks => ['abc', 'd'])
                  . request('GET', '/v1/manage/trackers'));
is(read_response($sock)->{status}, 204, 'by length');
is(read_response($sock)->{status}, 204, 'in chunks');
is(read_response($sock)->{body}, '{"trackers":[]}', 'the next');



=== any other method is a 405 that says what is allowed
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my @others = qw(LOCK MKCOL COPY PROPFIND FOO);
my @cases = (
    tracker => [qw(PUT PATCH DELETE), @others], 'GET, HEAD, POST, OPTIONS',
    trackers => [qw(PUT PATCH DELETE), @others], 'GET, HEAD, POST, OPTIONS',
    'trackers/bulk' => [qw(GET HEAD PUT PATCH DELETE), @others],
        'POST, OPTIONS',
    "tracker/$id" => ['POST', @others],
        'GET, HEAD, PUT, PATCH, DELETE, OPTIONS',
    "trackers/$id" => ['POST', @others],
        'GET, HEAD, PUT, PATCH, DELETE, OPTIONS',
    'tracker/1' => ['POST'], 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS',
);

while (my ($path, $methods, $allow) = splice @cases, 0, 3) {
    for my $method (@$methods) {
        my $response = exchange(request($method, "/v1/manage/$path",
                                        token => undef));

        is($response->{status}, 405, "$method $path: status");
        is($response->{headers}{allow}, $allow, "$method $path: Allow");
        is_message($response->{body}, "Method $method is not allowed.",
                   "$method $path") unless $method eq 'HEAD';
    }
}



=== a body sent with a GET is thrown away
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my $sock = connect_nginx();
my %bodies = (
    'a small one' => [body => '{"name":"x"}'],
    'one that looks like a request' => [body =>
        request('DELETE', "/v1/manage/tracker/$id")],
    'a large one' => [body => 'x' x 500_000],
    'chunks' => [chunks => [qw(a b c), 'x' x 5000]],
    'large chunks' => [chunks => [('x' x 60_000) x 5]],
    'an empty one' => [headers => ['Content-Length: 0']],
    'no chunks' => [chunks => []],
);

for my $title (sort keys %bodies) {
    for my $path ("tracker/$id", 'trackers', 'tracker?name=n') {
        send_bytes($sock, request('GET', "/v1/manage/$path",
                                  @{$bodies{$title}}));
        is(read_response($sock)->{status}, 200, "$title: $path");
    }
}

send_bytes($sock, request('HEAD', '/v1/manage/trackers', body => 'x' x 9000));
is(read_response($sock, 'HEAD')->{status}, 200, 'HEAD');
is(get("tracker/$id")->{status}, 200, 'nothing was deleted');



=== a body sent with a DELETE is thrown away
--- scenario
my @ids = map { id_of($_) } create(map { "n$_" } 1 .. 6);
my $sock = connect_nginx();
my @bodies = ([body => '{"id":"1"}'], [body => 'x' x 500_000], [body => '{'],
              [chunks => [qw(a b)]], [chunks => ['x' x 70_000]],
              [type => 'text/plain', body => 'a']);

for my $id (@ids) {
    send_bytes($sock, request('DELETE', "/v1/manage/tracker/$id",
                              @{shift @bodies}));

    my $response = read_response($sock);
    is($response->{status}, 200, 'deleted');
    is(decode($response->{body})->{id}, $id, 'this one');
}

send_bytes($sock, request('DELETE', "/v1/manage/tracker/$ids[0]",
                          body => 'x' x 100_000));
is(read_response($sock)->{status}, 404, 'an error too');
send_bytes($sock, request('GET', '/v1/manage/trackers'));
is(read_response($sock)->{body}, '{"trackers":[]}', 'the connection is good');



=== a body that comes after the answer is thrown away
--- scenario
my ($text) = create('n');
my $id = id_of($text);

for my $head (request('GET', "/v1/manage/tracker/$id", length => 300_000),
              request('GET', '/v1/manage/trackers', length => 300_000),
              request('GET', '/v1/manage/tracker/1', length => 300_000),
              request('DELETE', "/v1/manage/tracker/$id", length => 300_000))
{
    my $sock = connect_nginx();
    my ($title) = $head =~ /^(.*?) HTTP/;

    send_bytes($sock, $head);
    my $response = read_response($sock);
    like($response->{status}, qr/^(200|404)$/, "$title: before the body");

    send_bytes($sock, request('GET', '/v1/manage/x') . 'x' x 100_000);
    send_bytes($sock, 'x' x (200_000 - length request('GET', '/v1/manage/x'))
                      . request('GET', '/v1/manage/trackers?name=none'));
    is(read_response($sock)->{body}, '{"trackers":[]}', "$title: the next");
}



=== reads with bodies may be pipelined
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my $path = "/v1/manage/tracker/$id";
my $sock = connect_nginx();

send_bytes($sock, request('GET', $path, body => 'abc')
                  . request('GET', $path, chunks => ['x' x 3000, 'y'])
                  . request('HEAD', $path, body => 'abc')
                  . request('GET', '/v1/manage/trackers')
                  . request('GET', '/v1/manage/tracker/1', body => '{')
                  . request('GET', $path, body => 'x' x 40_000)
                  . request('DELETE', $path, chunks => ['a'])
                  . request('DELETE', $path, body => 'b' x 20_000)
                  . post('tracker', tracker_text('n')));

is(read_response($sock)->{body}, "{\"tracker\":$text}", 'GET with a body');
is(read_response($sock)->{body}, "{\"tracker\":$text}", 'GET with chunks');
is(read_response($sock, 'HEAD')->{status}, 200, 'HEAD');
is(read_response($sock)->{body}, list_of($text), 'the list');
is(read_response($sock)->{status}, 404, 'a 404');
is(read_response($sock)->{status}, 200, 'GET with a large body');
is(read_response($sock)->{status}, 200, 'DELETE with chunks');
is(read_response($sock)->{status}, 404, 'DELETE again');
is_created(read_response($sock), 'n', 'POST');



=== a client that waits for "100 Continue" gets its answer
--- scenario
my ($text) = create('n');
my $id = id_of($text);

for my $method (qw(GET DELETE)) {
    my $sock = connect_nginx();

    send_bytes($sock, request($method, "/v1/manage/tracker/$id", length => 5,
                              headers => ['Expect: 100-continue']));
    my $response = read_response($sock);

    if ($response->{status} == 100) {
        send_bytes($sock, 'abcde');
        $response = read_response($sock);
    }

    is($response->{status}, 200, "$method: status");

    $sock = connect_nginx();
    send_bytes($sock, request('GET', '/v1/manage/trackers', body => 'abcde',
                              headers => ['Expect: 100-continue'])
                      . request('GET', '/v1/manage/trackers'));
    $response = read_response($sock);
    $response = read_response($sock) if $response->{status} == 100;
    is($response->{status}, 200, 'the body along with the headers');
    is(read_response($sock)->{status}, 200, 'and the next request');
}



=== a bad body, or one that is too large, is refused
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my $path = "/v1/manage/tracker/$id";

for my $method (qw(GET DELETE)) {
    is_refused(exchange(request($method, $path, length => 1_048_577)), 413,
               'Request body exceeds the limit of 1048576 bytes.', $method);

    my $response = exchange(request($method, $path,
                                    headers => ['Transfer-Encoding: chunked'])
                            . "zz\r\n");
    is($response->{status}, 400, "$method: a bad chunk");
    ok(decode($response->{body})->{message}, "$method: with a message");
}

is(get("tracker/$id")->{status}, 200, 'it is still there');



=== a body that another module has read first
--- config
    location /v1/manage/ {
        tracker_api;
        mirror /mirror;
        client_max_body_size 1m;
        client_body_buffer_size 1k;
    }

    location = /mirror {
        internal;
        return 204;
    }
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my $sock = connect_nginx();

for my $o ([], [body => 'abc'], [body => 'x' x 50_000], [chunks => ['abc']]) {
    send_bytes($sock, request('GET', "/v1/manage/tracker/$id", @$o));
    is(read_response($sock)->{body}, "{\"tracker\":$text}", 'GET');
    send_bytes($sock, request('GET', '/v1/manage/trackers', @$o));
    is(read_response($sock)->{body}, list_of($text), 'list');
}

send_bytes($sock, request('DELETE', "/v1/manage/tracker/$id", body => 'abc'));
is(read_response($sock)->{status}, 200, 'DELETE');



=== reads need no lock and leave none
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my $rev = redis('GET', account_key('tester', 'rev'));

hold_lock();
is(get($_)->{status}, 200, $_)
    for 'trackers', 'trackers?name=n', 'trackers?limit=1', "tracker/$id";
is(get('tracker/1')->{status}, 404, 'a 404');
is(redis('GET', lock_key()), 'held by the test', 'the lock is its owner\'s');

redis('DEL', lock_key());
get($_) for 'trackers', "tracker/$id";
is(redis('EXISTS', lock_key()), 0, 'no lock is left');
is(redis('GET', account_key('tester', 'rev')), $rev, 'no revision more');



=== a list is one round trip, not one per tracker
--- scenario
exchange(post('trackers', '[' . join(',', map { tracker_text("n$_") }
                                          1 .. 500) . ']'));
commands_seen('evalsha');

is(scalar @{decode(get('trackers')->{body})->{trackers}}, 500, 'all');
is(commands_seen('evalsha'), 1, 'one script');

my ($text) = create('n');
get('trackers?name=n');
commands_seen('evalsha', 'get');
get('trackers?name=n');
is(commands_seen('evalsha'), 1, 'one for a name');
get('tracker/' . id_of($text));
is(commands_seen('evalsha', 'get'), 1, 'one for an id');



=== HTTP/1.0
--- scenario
my ($text) = create('n');
my $id = id_of($text);
my %want = ("tracker/$id" => "{\"tracker\":$text}",
            'trackers' => list_of($text));

for my $path (sort keys %want) {
    my $sock = connect_nginx();

    send_bytes($sock, request('GET', "/v1/manage/$path") =~
                      s{HTTP/1\.1}{HTTP/1.0}r);
    is_answer(read_response($sock), $want{$path}, $path);
    is(read_rest($sock), '', 'closed');
}



=== HTTP/2
--- h2_server
--- scenario
my ($text) = create('n');
my $id = id_of($text);

sub h2 {
    my ($path, @options) = @_;
    my @command = ('nghttp', '-t', 60, @options,
                   '-H', 'authorization: Bearer ' . token('tester'),
                   "http://127.0.0.1:$ENV{TEST_NGINX_H2_PORT}/v1/manage/$path");

    open my $out, '-|', @command or die "nghttp: $!";
    my $body = do { local $/; <$out> } // '';
    close $out;

    return $body;
}

my $file = scratch('body', 'x' x 100_000);

is(h2("tracker/$id"), "{\"tracker\":$text}", 'by id');
is(h2('trackers'), list_of($text), 'the list');
is(h2('trackers?name=n'), list_of($text), 'by name');
is(h2("tracker/$id", '-d', $file, '-H', ':method: GET'),
   "{\"tracker\":$text}", 'with a body');
is_message(h2('tracker/1'), 'Tracker with id "1" does not exist.', '404');
is_message(h2("trackers/$id", '-H', ':method: POST'),
           'Method POST is not allowed.', '405');
is(h2("tracker/$id", '-d', $file, '-H', ':method: DELETE'),
   "{\"id\":\"$id\",\"type\":\"tracker\",\"deleted\":true}", 'DELETE');



=== what is stored in the wrong shape is a 500
--- scenario
my ($text) = create('n');
my $id = id_of($text);

for my $key ('index', "id:$id", 'rev', 'name:n') {
    my $name = account_key('tester', $key);

    redis('RENAME', $name, 'aside');
    redis('RPUSH', $name, 'x');

    my @paths = $key eq 'index' ? 'trackers'
              : $key eq "id:$id" ? ("tracker/$id", 'trackers?name=n')
              : $key eq 'rev' ? ('trackers', 'trackers?name=n')
              : 'trackers?name=n';

    is_refused(get($_), 500, 'Internal server error.', "$key: $_") for @paths;

    redis('DEL', $name);
    redis('RENAME', 'aside', $name);
}

is_answer(get('trackers'), list_of($text), 'the list');



=== without Redis a read is a 502, with a silent one a 504
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_timeout 500ms;
        client_max_body_size 1m;
    }
--- scenario
my ($text) = create('n');
my @paths = ('tracker/' . id_of($text), 'trackers', 'trackers?name=n');

pause_redis();
for my $path (@paths) {
    my $response = get($path);
    is_refused($response, silence($response), $path);
}
resume_redis();

stop_redis();
is_refused(get($_), 502,
           'The tracker store did not acknowledge the request.', $_)
    for @paths;
is(get('tracker/1')->{status}, 404, 'what is no id needs no Redis');
is(get('trackers?limit=0')->{status}, 400, 'nor does a bad limit');



=== a client that goes away before its answer harms nobody
--- scenario
my ($text) = create('n');
my $id = id_of($text);

get('trackers') for 1 .. 4;
pause_redis();

for my $text (request('GET', "/v1/manage/tracker/$id"),
              request('GET', '/v1/manage/trackers'),
              request('GET', '/v1/manage/trackers', length => 1000),
              request('DELETE', '/v1/manage/tracker/4503599627370496'),
              request('HEAD', '/v1/manage/trackers'))
{
    for (1 .. 3) {
        my $sock = connect_nginx();
        send_bytes($sock, $text);
        close $sock;
    }
}

resume_redis();
is_answer(get("tracker/$id"), "{\"tracker\":$text}", 'the next');
