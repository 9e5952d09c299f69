use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use constant PROBLEM => 'application/problem+json';

write_apps(app1 => 'secret');

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => $block->config // <<'CONFIG');
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1k;
    }

    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }
CONFIG
});

run_tests();

# A request that accepts problems; options are those of request().
sub ask {
    my ($method, $path, %o) = @_;
    my $accept = delete $o{accept} // PROBLEM;

    push @{$o{headers}}, "Accept: $accept";
    return exchange(request($method, $path, %o));
}

sub is_problem {
    my ($response, $title, %want) = @_;
    my $body = decode($response->{body});

    is($response->{status}, $want{status}, "$title: status");
    is($response->{headers}{'content-type'}, PROBLEM, "$title: type");
    is($response->{headers}{'content-length'}, length $response->{body},
       "$title: length");
    is($response->{headers}{'cache-control'}, 'no-store', "$title: caches");
    is($response->{headers}{vary}, 'Accept', "$title: Vary");
    is_deeply($body, { type => 'about:blank', %want }, "$title: body");
}

sub type_for {
    my (@lines) = @_;
    my $response = exchange(request('GET', '/v1/manage/none',
                                    headers => [map { "Accept: $_" } @lines]));

    is($response->{status}, 404, "status: @lines");
    return $response->{headers}{'content-type'};
}

__DATA__

=== the bytes of a problem
--- scenario
is(ask('POST', '/v1/manage/trackers',
       body => '[{"name":"n","vocabulary":["a",1]}]')->{body},
   '{"type":"about:blank","title":"Bad Request","status":400,'
   . '"detail":"\"[0].vocabulary[1]\" must be a string","code":"invalid",'
   . '"errors":[{"pointer":"/0/vocabulary/1"}]}', 'with a place');
is(ask('GET', '/v1/manage/tracker/1')->{body},
   '{"type":"about:blank","title":"Not Found","status":404,'
   . '"detail":"Tracker with id \"1\" does not exist.","code":"missing"}',
   'without');



=== only its name chooses it
--- scenario
is(type_for(@$_), PROBLEM, "@$_") for
    [PROBLEM], ['APPLICATION/Problem+JSON'], [PROBLEM . ';q=0.001'],
    ['text/html, ' . PROBLEM], ['text/html', PROBLEM], [PROBLEM, 'text/html'],
    ['application/json, ' . PROBLEM], ['application/json;q=0.9,' . PROBLEM],
    ['*/*;q=0.8, application/*;q=0.8, ' . PROBLEM . ';q=0.8'],
    ['*/*, application/json;q=0.1, ' . PROBLEM . ';q=0.2'],
    ['application/json;q=0.1, */*, ' . PROBLEM . ';q=0.2'],
    ["\t" . PROBLEM . " \t;\tq=1.000 "], [PROBLEM . ';charset=utf-8; q=1'],
    [',, ,' . PROBLEM . ',,'], ['text/html;x="a,b;c\",", ' . PROBLEM],
    [PROBLEM . ';q=0, ' . PROBLEM];

is(type_for(@$_), 'application/json', "not @$_") for
    [], ['*/*'], ['application/*'], ['application/json'], [''], [','],
    [PROBLEM . ';q=0'], [PROBLEM . ';q=0.000'], [PROBLEM . '; Q=0'],
    ['application/json, ' . PROBLEM . ';q=0.9'],
    ['*/*, ' . PROBLEM . ';q=0.9'],
    ['application/*;q=0.9, */*;q=0.1, ' . PROBLEM . ';q=0.5'],
    ['*/*;q=0.1, application/*;q=0.9, ' . PROBLEM . ';q=0.5'],
    ['application/problem'], ['application/problem+jsonx'],
    ['xapplication/problem+json'], ['application/problem+json/x'],
    ['text/html;x="' . PROBLEM . '"'], ['text/html;x=",' . PROBLEM . ',"'],
    ['text/html;x="' . PROBLEM], ['text/html; ' . PROBLEM],
    map({ [PROBLEM . ";q=$_"] }
        '', 'x', '2', '1.001', '1.1', '0.0001', '00.5', '.5', '0,5', '-1',
        '0.5x', '+1', '1e0', '"1"');



=== an answer that is no error, and an error without it, are as they were
--- scenario
my $made = ask('POST', '/v1/manage/tracker', body => tracker_text('n'));

is($made->{status}, 200, 'created');
is($made->{headers}{'content-type'}, 'application/json', 'its type');
is($made->{headers}{vary}, 'Authorization, X-Api-Key', 'its Vary');

my $error = exchange(request('GET', '/v1/manage/tracker/1'));

is($error->{body}, '{"message":"Tracker with id \"1\" does not exist."}',
   'an error');
is($error->{headers}{vary}, undef, 'no Vary');



=== each endpoint, from 400 to 502
--- scenario
my $name = '"name" is required';

is_problem(ask('POST', '/v1/manage/tracker', body => '{'), 'no JSON',
           status => 400, title => 'Bad Request', code => 'invalid',
           detail => 'Invalid JSON at line 1 column 1.');
is_problem(ask('POST', '/v1/manage/tracker', token => undef, body => '{}'),
           'no token', status => 401, title => 'Unauthorized',
           code => 'unauthorized',
           detail => 'Token validation failed for provided token.');
is_problem(ask('PUT', '/v1/manage/trackers', body => '{}'), 'a method',
           status => 405, title => 'Method Not Allowed', code => 'bad_method',
           detail => 'Method PUT is not allowed.');
is_problem(ask('POST', '/v1/manage/tracker', body => tracker_text('x' x 2000)),
           'too large', status => 413, title => 'Content Too Large',
           code => 'too_large',
           detail => 'Request body exceeds the limit of 1024 bytes.');
is_problem(ask('POST', '/v1/manage/tracker', chunks => ['{"a":', 'x' x 2000]),
           'too large, in chunks', status => 413,
           title => 'Content Too Large', code => 'too_large',
           detail => 'Request body exceeds the limit of 1024 bytes.');

hold_lock();
is_problem(ask('POST', '/v1/manage/tracker', body => tracker_text('n')),
           'locked', status => 429, title => 'Too Many Requests',
           code => 'locked', detail => 'Too many requests: the account has '
                                       . 'reached its limit of 1 concurrent '
                                       . 'request.');
redis('DEL', lock_key());

is_problem(ask('POST', '/v1/process/text',
               body => '{"messages":[{"payload":{"content":"a"}},'
                       . '{"payload":{}}]}'), 'a conversation',
           status => 400, title => 'Bad Request', code => 'invalid',
           detail => '"messages[1].payload.content" is required',
           errors => [{ pointer => '/messages/1/payload/content' }]);
is_problem(ask('POST', '/v1/conversations/detect',
               body => '{"messages":[{"payload":{"content":"a"}}],"trackers":'
                       . '[{"name":"n","vocabulary":["v","w","v"]}]}'),
           'a detection', status => 400, title => 'Bad Request',
           code => 'invalid',
           detail => '"trackers[0].vocabulary[2]" contains a duplicate value',
           errors => [{ pointer => '/trackers/0/vocabulary/2' }]);
is_problem(ask('POST', '/v1/conversations/detect',
               body => '{"messages":[{"payload":{"content":"a"}}],"trackers":'
                       . '[{"id":"4503599627370496"}]}'),
           'an id', status => 400, title => 'Bad Request', code => 'invalid',
           detail => '"trackers[0].id" is not the id of a tracker',
           errors => [{ pointer => '/trackers/0/id' }]);
is_problem(ask('GET', '/v1/job/x'), 'a job', status => 404,
           title => 'Not Found', code => 'missing',
           detail => 'Job with id "x" does not exist.');
is_problem(ask('POST', '/oauth2/token:generate', body => '{"type":"x"}'),
           'a login', status => 400, title => 'Bad Request',
           code => 'invalid', detail => '"type" must be "application"',
           errors => [{ pointer => '/type' }]);
is_problem(exchange(login_request('app1', 'wrong',
                                  headers => ['Accept: ' . PROBLEM])),
           'a secret', status => 401, title => 'Unauthorized',
           code => 'bad_login', detail => 'Invalid appId or appSecret.');



=== a stream of lines: as long as no line of it is answered
--- scenario
sub lines {
    return ask('POST', '/v1/conversations/detect', body => join("\n", @_),
               type => 'application/x-ndjson');
}

my $said = '{"payload":{"content":"a"}}';

is_problem(lines('{"enableAllTrackers":true}', '{"payload":{}}'), 'a line',
           status => 400, title => 'Bad Request', code => 'invalid',
           detail => 'Line 2: "payload.content" is required',
           errors => [{ pointer => '/payload/content' }]);
is_problem(lines('[]'), 'all of a line', status => 400,
           title => 'Bad Request', code => 'invalid',
           detail => 'Line 1 must be an object.',
           errors => [{ pointer => '' }]);
is_problem(lines('{'), 'no JSON', status => 400, title => 'Bad Request',
           code => 'invalid',
           detail => 'Line 1: Invalid JSON at line 1 column 1.');
is_problem(ask('POST', '/v1/conversations/detect', body => $said,
               type => 'text/plain'), 'a type', status => 400,
           title => 'Bad Request', code => 'bad_type',
           detail => 'Content-Type must be application/json or '
                     . 'application/x-ndjson.');

my $begun = lines($said, '{"payload":{}}');

is($begun->{status}, 200, 'then: status');
is($begun->{headers}{'content-type'}, 'application/x-ndjson', 'its type');
is($begun->{headers}{vary}, 'Authorization, X-Api-Key', 'its Vary');
like($begun->{body}, qr/\A\{"messages":.*\}\n
                        \{"message":"Line\ 2:\ \\"payload\.content\\"
                        \ is\ required"\}\n\z/x, 'its last line');



=== an error of the store
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis 127.0.0.1:1;
        client_max_body_size 1m;
    }
--- scenario
is_problem(ask('GET', '/v1/manage/trackers'), 'no Redis', status => 502,
           title => 'Bad Gateway', code => 'unavailable',
           detail => 'The tracker store did not acknowledge the request.');



=== the pointer of each kind of fault
--- scenario
for my $case (
    ['POST', 'tracker', '[]', '"" Request body must be an object.'],
    ['POST', 'trackers', '[]', '"" Request body must not be empty.'],
    ['POST', 'trackers', '[1]', '"/0" "[0]" must be an object'],
    ['POST', 'tracker', '{}', '"/name" "name" is required'],
    ['POST', 'tracker', '{"name":"n","vocabulary":["a","b","a"]}',
     '"/vocabulary/2" "vocabulary[2]" contains a duplicate value'],
    ['POST', 'tracker', '{"a.b/c~":1}',
     '"/a.b~1c~0" "a.b/c~" is not allowed'],
    ['POST', 'trackers/bulk', '[{"' . 'k' x 300 . '":1}]',
     '"/0" "[0].' . 'k' x 100 . '..." is not allowed'],
    ['POST', 'trackers', '[' . join(',', map { tracker_text($_) } qw(a b a))
                         . ']',
     '"/2/name" "[2].name" repeats the name of "[0]".'],
    ['PATCH', 'tracker/ID', '[{"op":"add","path":"/x","value":"v"}]',
     qr/^"\/0\/path" "\[0\]\.path" must be one of /],
    ['PATCH', 'tracker/ID', '[{"op":"remove","path":"/languages"}]',
     '"/0/path" "[0].path" does not exist'],
    ['PATCH', 'tracker/ID', '[{"op":"remove","path":"/vocabulary/7"}]',
     '"/0/path" "[0].path" is beyond the end of a vocabulary of 1 phrase'],
    ['PATCH', 'tracker/ID', '[{"op":"test","path":"/name","value":"other"}]',
     '"/0/value" "[0].value" does not equal "/name"'],
    # what is wrong with the result is in no place of the body
    ['PATCH', 'tracker/ID', '[{"op":"replace","path":"/vocabulary",'
                            . '"value":["a","a"]}]',
     'none "vocabulary[1]" contains a duplicate value'],
    ['PUT', 'tracker/ID', '{"id":"4503599627370496","name":"n",'
                          . '"vocabulary":["v"]}',
     '"/id" "id" must be the id of the path'],
) {
    my ($method, $path, $body, $want) = @$case;

    redis('FLUSHALL');

    my $id = is_created(exchange(post('tracker', tracker_text('there'))),
                        'there', 'created');
    my $problem = decode(ask($method, '/v1/manage/' . $path =~ s/ID/$id/r,
                             body => $body)->{body});
    my $pointer = exists $problem->{errors}
                  ? '"' . $problem->{errors}[0]{pointer} . '"' : 'none';
    my $told = "$pointer $problem->{detail}";

    ref $want ? like($told, $want, "$method $path")
              : is($told, $want, "$method $path");
    cmp_ok(scalar @{$problem->{errors} // []}, '<=', 1, 'one place');
}



=== names that exist
--- scenario
my @made = map { is_created(exchange(post('tracker', tracker_text($_))), $_,
                            "created $_") } qw(a b);
my %same = (status => 409, title => 'Conflict', code => 'conflict');

is_problem(ask('POST', '/v1/manage/tracker', body => tracker_text('a')),
           'one', %same, detail => 'Tracker with name "a" already exists.',
           errors => [{ pointer => '/name' }],
           conflicts => [{ index => 0, name => 'a', id => $made[0] }]);
is_problem(ask('POST', '/v1/manage/trackers',
               body => '[' . join(',', map { tracker_text($_) } qw(x b a))
                       . ']'),
           'a bulk', %same,
           detail => 'Trackers with these names already exist: "b" at [1], '
                     . '"a" at [2].',
           errors => [{ pointer => '/1/name' }, { pointer => '/2/name' }],
           conflicts => [{ index => 1, name => 'b', id => $made[1] },
                         { index => 2, name => 'a', id => $made[0] }]);
is_problem(ask('PUT', "/v1/manage/tracker/$made[0]",
               body => tracker_text('b')), 'a PUT', %same,
           detail => 'Tracker with name "b" already exists.',
           errors => [{ pointer => '/name' }],
           conflicts => [{ index => 0, name => 'b', id => $made[1] }]);
is_problem(ask('PATCH', "/v1/manage/tracker/$made[0]",
               body => '[{"op":"replace","path":"/name","value":"b"}]'),
           'a PATCH', %same,
           detail => 'Tracker with name "b" already exists.',
           conflicts => [{ index => 0, name => 'b', id => $made[1] }]);



=== what another module decides has no code; HEAD has no body
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        location /v1/manage/tracker/ {
            tracker_api;
            deny all;
        }
    }
--- scenario
my $path = '/v1/manage/tracker/4503599627370496';
my $get = ask('GET', $path);

is_problem($get, 'deny', status => 403, title => 'Forbidden',
           detail => 'Forbidden.');

my $head = ask('HEAD', $path);

is($head->{headers}{'content-type'}, PROBLEM, 'HEAD: type');
is($head->{headers}{'content-length'}, length $get->{body}, 'HEAD: length');
is($head->{body}, '', 'HEAD: no body');
is_problem(ask('POST', '/v1/manage/tracker', body => tracker_text('n'),
               length => 2 ** 21), 'by the length', status => 413,
           title => 'Content Too Large', code => 'too_large',
           detail => 'Request body exceeds the limit of 1048576 bytes.');



=== a site's own problem is left alone
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        default_type application/problem+json;
        return 403 '{"title":"Mine"}';
    }
--- scenario
is(ask('GET', '/v1/manage/trackers')->{body}, '{"title":"Mine"}', 'its body');
