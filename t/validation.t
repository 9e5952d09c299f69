use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

sub deep {
    my ($n) = @_;

    return '{"name":' . '[' x $n . ']' x $n . ',"vocabulary":["v"]}';
}

__DATA__

=== name: a non-empty string, required
--- cases
/v1/manage/tracker
{"vocabulary":["v"]}
400 "name" is required
{"name":"","vocabulary":["v"]}
400 "name" is not allowed to be empty
{"name":1,"vocabulary":["v"]}
400 "name" must be a string
{"name":1.5,"vocabulary":["v"]}
400 "name" must be a string
{"name":null,"vocabulary":["v"]}
400 "name" must be a string
{"name":true,"vocabulary":["v"]}
400 "name" must be a string
{"name":["n"],"vocabulary":["v"]}
400 "name" must be a string
{"name":{},"vocabulary":["v"]}
400 "name" must be a string



=== vocabulary: a non-empty array of non-empty strings, required
--- cases
/v1/manage/tracker
{"name":"n"}
400 "vocabulary" is required
{"name":"n","vocabulary":[]}
400 "vocabulary" .+
{"name":"n","vocabulary":"v"}
400 "vocabulary" must be an array
{"name":"n","vocabulary":null}
400 "vocabulary" must be an array
{"name":"n","vocabulary":{"0":"v"}}
400 "vocabulary" must be an array
{"name":"n","vocabulary":["a","b","c",4]}
400 "vocabulary\[3\]" must be a string
{"name":"n","vocabulary":[null]}
400 "vocabulary\[0\]" must be a string
{"name":"n","vocabulary":["a",["b"]]}
400 "vocabulary\[1\]" must be a string
{"name":"n","vocabulary":["a",""]}
400 "vocabulary\[1\]" is not allowed to be empty



=== no two phrases are equal, compared after decoding
--- cases
/v1/manage/tracker
{"name":"n","vocabulary":["a","a"]}
400 "vocabulary\[1\]" contains a duplicate value
{"name":"n","vocabulary":["a","b","c","d","e","f","g","a"]}
400 "vocabulary\[7\]" contains a duplicate value
{"name":"n","vocabulary":["z","y","b","b","z"]}
400 "vocabulary\[3\]" contains a duplicate value
{"name":"n","vocabulary":["A","\u0041"]}
400 "vocabulary\[1\]" contains a duplicate value
{"name":"n","vocabulary":["\ud83d\ude00","x","\uD83D\uDE00"]}
400 "vocabulary\[2\]" contains a duplicate value



=== phrases that differ in case, blanks or normalisation are no duplicates
--- cases
/v1/manage/tracker
{"name":"n","vocabulary":["a","A"," a","a ","aa","\u00e9","e\u0301"]}
200



=== description: a string
--- cases
/v1/manage/tracker
{"name":"n","vocabulary":["v"],"description":1}
400 "description" must be a string
{"name":"n","vocabulary":["v"],"description":null}
400 "description" must be a string
{"name":"n","vocabulary":["v"],"description":["d"]}
400 "description" must be a string



=== categories and languages: arrays of strings
--- cases
/v1/manage/tracker
{"name":"n","vocabulary":["v"],"categories":null}
400 "categories" must be an array
{"name":"n","vocabulary":["v"],"categories":"c"}
400 "categories" must be an array
{"name":"n","vocabulary":["v"],"categories":["c",1]}
400 "categories\[1\]" must be a string
{"name":"n","vocabulary":["v"],"languages":null}
400 "languages" must be an array
{"name":"n","vocabulary":["v"],"languages":{}}
400 "languages" must be an array
{"name":"n","vocabulary":["v"],"languages":[null]}
400 "languages\[0\]" must be a string



=== no other keys, and keys are case-sensitive
--- cases
/v1/manage/tracker
{"name":"n","vocabulary":["v"],"foo":1}
400 "foo" is not allowed
{"id":"4503599627370496","name":"n","vocabulary":["v"]}
400 "id" is not allowed
{"name":"n","vocabulary":["v"],"Name":"n"}
400 "Name" is not allowed
{"name":"n","vocabulary":["v"],"":"n"}
400 "" is not allowed
{"name":"n","vocabulary":["v"],"a\"b\u00e9":1}
400 "a"bé" is not allowed



=== an unknown key is cut at 100 characters in the message
--- request eval
'POST /v1/manage/tracker
{"name":"n","vocabulary":["v"],"' . "\xc3\xa9" x 5000 . '":1}'
--- error_code: 400
--- message_like eval
"^\"(\xc3\xa9){100}\\W+\" is not allowed\$"



=== one fault among several is named
--- cases
/v1/manage/tracker
{}
400 "(name|vocabulary)" is required
{"foo":1}
400 "(name|vocabulary|foo)" is .+
{"name":1,"vocabulary":2}
400 "(name|vocabulary)" must be .+



=== in a bulk body the path begins with the index
--- cases
/v1/manage/trackers
[{"name":"a","vocabulary":["v"]},{"vocabulary":["v"]}]
400 "\[1\]\.name" is required
[{"name":"a","vocabulary":["v"]},{"name":"b","vocabulary":["v"]},{"name":"c","vocabulary":["a","b","c",4]}]
400 "\[2\]\.vocabulary\[3\]" must be a string
[{"name":"a","vocabulary":["v","w","v"]}]
400 "\[0\]\.vocabulary\[2\]" contains a duplicate value
[{"name":"a","vocabulary":["v"],"foo":1}]
400 "\[0\]\.foo" is not allowed
[{"name":"","vocabulary":["v"]}]
400 "\[0\]\.name" is not allowed to be empty
[{"name":"a","vocabulary":["v"],"languages":7}]
400 "\[0\]\.languages" must be an array
[{"name":"a","vocabulary":["v"]},7]
400 "\[1\]" must be an object
[[{"name":"a","vocabulary":["v"]}]]
400 "\[0\]" must be an object
[null]
400 "\[0\]" must be an object



=== /tracker takes one object
--- cases
/v1/manage/tracker
[{"name":"a","vocabulary":["v"]}]
400 Request body must be an object\.
[]
400 Request body must be an object\.



=== /trackers/bulk takes an array
--- cases
/v1/manage/trackers/bulk
{"name":"a","vocabulary":["v"]}
400 Request body must be an array\.
{}
400 Request body must be an array\.
[]
400 Request body must not be empty\.



=== /trackers takes an array with something in it
--- cases
/v1/manage/trackers
[]
400 Request body must not be empty\.



=== the body is one JSON text, of an object or an array
--- cases
/v1/manage/trackers
{
400 Invalid JSON at line 1 column \d+\.
{"name":"n","vocabulary":["v"]}x
400 Invalid JSON at line 1 column \d+\.
{"name":"n","vocabulary":["v"]}{"name":"m","vocabulary":["v"]}
400 Invalid JSON at line 1 column \d+\.
{"name":"n","vocabulary":["v",]}
400 Invalid JSON at line 1 column \d+\.
{'name':'n','vocabulary':['v']}
400 Invalid JSON at line 1 column \d+\.
{"name":"n" /* comment */,"vocabulary":["v"]}
400 Invalid JSON at line 1 column \d+\.
{"name":1e999,"vocabulary":["v"]}
400 Invalid JSON at line 1 column \d+\.
{"name":"\ud800","vocabulary":["v"]}
400 Invalid JSON at line 1 column \d+\.
{"name":"\u0000","vocabulary":["v"]}
400 Invalid JSON at line 1 column \d+\.
{"name":"\x","vocabulary":["v"]}
400 Invalid JSON at line 1 column \d+\.
"a string"
400 Invalid JSON at line 1 column \d+\.
17
400 Invalid JSON at line 1 column \d+\.
null
400 Invalid JSON at line 1 column \d+\.
not json
400 Invalid JSON at line 1 column \d+\.



=== bytes that are no UTF-8, a BOM and NUL are no JSON
--- request eval
[map { "POST /v1/manage/tracker\n$_" }
 "{\"name\":\"\xff\",\"vocabulary\":[\"v\"]}",
 "{\"name\":\"\xc0\x80\",\"vocabulary\":[\"v\"]}",
 "{\"name\":\"\xed\xa0\x80\",\"vocabulary\":[\"v\"]}",
 "{\"name\":\"\xf5\x80\x80\x80\",\"vocabulary\":[\"v\"]}",
 "{\"name\":\"\xe2\x82\",\"vocabulary\":[\"v\"]}",
 "{\"name\":\"a\x00b\",\"vocabulary\":[\"v\"]}",
 "{\"name\":\"a\nb\",\"vocabulary\":[\"v\"]}",
 "{\"name\":\"n\",\"vocabulary\":[\"v\"]}\x00",
 "\xef\xbb\xbf{\"name\":\"n\",\"vocabulary\":[\"v\"]}",
 "\xff\xfe{\x00}\x00"]
--- error_code eval
[(400) x 10]
--- message_like eval
[('^Invalid JSON at line \d+ column \d+\.$') x 10]



=== a NUL is no JSON, whatever stands before it
jansson lost one behind a number, true, false and null, and took the rest.
--- request eval
[map { "POST /v1/manage/trackers\n$_" }
 "[1\x00]", "[-1.5\x00]", "[true\x00]", "[false\x00]", "[null\x00]",
 "[1\x00\x00\x00]", "[1\x00", "{\"name\":1\x00,\"vocabulary\":[\"v\"]}",
 "{\n\"foo\":[null\x00]}"]
--- error_code eval
[(400) x 9]
--- message eval
[map { "Invalid JSON at line $_." } '1 column 3', '1 column 6', '1 column 6',
 '1 column 7', '1 column 6', '1 column 3', '1 column 3', '1 column 10',
 '2 column 12']



=== the message names the line
--- request
POST /v1/manage/tracker
{
    "name": "n",
    "vocabulary": [
        "v"
        "w"
    ]
}
--- error_code: 400
--- message_like: ^Invalid JSON at line 5 column \d+\.$



=== a key twice in one object
--- cases
/v1/manage/trackers
{"name":"a","name":"b","vocabulary":["v"]}
400 Duplicate key at line 1 column \d+\.
{"name":"a","n\u0061me":"b","vocabulary":["v"]}
400 Duplicate key at line 1 column \d+\.
[{"name":"a","vocabulary":["v"],"vocabulary":["v"]}]
400 Duplicate key at line 1 column \d+\.



=== the message never quotes more of the body than names of keys
--- request
POST /v1/manage/tracker
{"name":"secret phrase" "vocabulary":["v"]}
--- error_code: 400
--- message_like: ^Invalid JSON at line 1 column \d+\.$



=== deep nesting is refused without harm
--- request eval
["POST /v1/manage/tracker\n" . main::deep(1000),
 "POST /v1/manage/tracker\n" . main::deep(500_000),
 "POST /v1/manage/tracker\n" . '[' x 1_000_000]
--- error_code eval
[400, 400, 400]
--- message_like eval
['^(Invalid JSON|"name" must be)', '^Invalid JSON',
 '^(Invalid JSON|Request body must be an object)']



=== large bodies of many small things are checked like others
--- scenario
my $phrases = join ',', map { "\"$_\"" } 100_000 .. 215_000;
my $objects = '[' . join(',', ('{}') x 249_000) . ']';

my $response = exchange(post('trackers', $objects));
is($response->{status}, 400, 'empty objects');
is_message($response->{body}, qr/^"\[0\]\.(name|vocabulary)" is required$/,
           'empty objects');

$response = exchange(post('tracker', "{\"name\":\"n\",\"vocabulary\":"
                                     . "[$phrases]}"));
is($response->{status}, 200, '115,001 phrases');

$response = exchange(post('tracker', "{\"name\":\"m\",\"vocabulary\":"
                                     . "[$phrases,\"100000\"]}"));
is($response->{status}, 400, 'the last repeats the first');
is_message($response->{body},
           '"vocabulary[115001]" contains a duplicate value', 'place');



=== a large body of the wrong shape is refused for that, whatever it holds
--- scenario
my $array = '[' . join(',', ('{}', '[]', '[1]') x 80_000) . ']';
my $object = '{' . join(',', map { "\"$_\":{}" } 1 .. 80_000) . '}';
my ($status, $text) = @{ exchange(post('tracker', tracker_text('n'))) }
                       {'status', 'body'};
my $item = '/v1/manage/tracker/' . decode($text)->{tracker}{id};

for my $case (['an object', POST => '/v1/manage/tracker', $array],
              ['an array', POST => '/v1/manage/trackers/bulk', $object],
              ['an object', PUT => $item, $array],
              ['an array', PATCH => $item, $object])
{
    my ($want, $method, $path, $body) = @$case;
    my $response = exchange(request($method, $path, body => $body));

    is($response->{status}, 400, "$method $path: status");
    is_message($response->{body}, "Request body must be $want.",
               "$method $path");
}

my $blanks = ' ' x 65_536;

for my $case ([PUT => "{\"name\":[{},[]],$blanks\"vocabulary\":[]}",
               '"name" must be a string'],
              [PUT => "{\"foo\":{},$blanks\"vocabulary\":[]}",
               '"foo" is not allowed'],
              [PUT => "[$blanks]", 'Request body must be an object.'],
              [PATCH => "[$blanks]", 'Request body must not be empty.'],
              [PATCH => "[{},$blanks\[]]", '"[0].op" is required'])
{
    my ($method, $body, $message) = @$case;
    my $response = exchange(request($method, $item, body => $body));

    is($response->{status}, 400, "$method, $message: status");
    is_message($response->{body}, $message, "$method, $message");
}



=== a POST needs a body
--- request eval
[map { "POST /v1/manage/$_" } qw(tracker trackers trackers/bulk)]
--- error_code eval
[400, 400, 400]
--- message eval
[('Request body is required.') x 3]



=== an empty body is no body
--- scenario
for my $o ([ headers => ['Content-Length: 0'] ], [ chunks => [] ]) {
    my $response = exchange(post('tracker', '', @$o));

    is($response->{status}, 400, 'status');
    is_message($response->{body}, 'Request body is required.', "@$o[0]");
}



=== a body of blanks is no JSON
--- request eval
"POST /v1/manage/tracker\n \r\n\t "
--- more_headers
Content-Length: 5
--- error_code: 400
--- message_like: ^Invalid JSON at line \d+ column \d+\.$



=== Content-Type must be application/json
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
no Content-Type
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type:
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: text/plain
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: application/jsonx
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: application
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: application/json-patch+json
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: application/json x
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: text/application/json
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: application/x-www-form-urlencoded
400 Content-Type must be application/json.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Content-Type: multipart/form-data; x=application/json
400 Content-Type must be application/json.



=== Content-Type: case is ignored, parameters are allowed
--- exchanges
POST /v1/manage/tracker {"name":"n1","vocabulary":["phrase"]}
Content-Type: APPLICATION/JSON
200 {"tracker":{"id":"ID","name":"n1","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"n2","vocabulary":["phrase"]}
Content-Type: application/json; charset=utf-8
200 {"tracker":{"id":"ID","name":"n2","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"n3","vocabulary":["phrase"]}
Content-Type: application/json;charset=UTF-8
200 {"tracker":{"id":"ID","name":"n3","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"n4","vocabulary":["phrase"]}
Content-Type: Application/Json ;a=b
200 {"tracker":{"id":"ID","name":"n4","vocabulary":["phrase"]}}



=== an invalid small request costs Redis nothing
--- scenario
commands_seen();

for my $body ('{', '{"name":"n"}', '{"name":"n","vocabulary":["v","v"]}') {
    my $response = exchange(post('tracker', $body));
    is($response->{status}, 400, $body);
}

is(commands_seen(qw(set evalsha eval get)), 0, 'no command');



=== tracker_max_bulk: trackers in a body
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_bulk 2;
        client_max_body_size 1m;
    }
--- cases
/v1/manage/trackers
[{"name":"a","vocabulary":["v"]},{"name":"b","vocabulary":["v"]}]
200
[{"name":"c","vocabulary":["v"]},{"name":"d","vocabulary":["v"]},{"name":"e","vocabulary":["v"]}]
400 .*\b(2\b.*\b3|3\b.*\b2)\b.*



=== tracker_max_bulk: a large body is counted, not read, beyond the limit
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_bulk 2;
        client_max_body_size 1m;
    }
--- request eval
"POST /v1/manage/trackers\n["
. CORE::join(',', map { main::tracker_text("n$_", '[,]') } 1 .. 3)
. ',{"x":[{},{}]}' x 60_000 . ']'
--- error_code: 400
--- message: Request body must contain at most 2 trackers, found 60003.



=== tracker_max_phrases: phrases of a tracker
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_phrases 3;
        client_max_body_size 1m;
    }
--- cases
/v1/manage/trackers
{"name":"a","vocabulary":["1","2","3"]}
200
{"name":"b","vocabulary":["a","b","c","d"]}
400 "vocabulary" .*\b(3\b.*\b4|4\b.*\b3)\b.*
[{"name":"c","vocabulary":["a"]},{"name":"d","vocabulary":["a","b","c","d"]}]
400 "\[1\]\.vocabulary" .*\b(3\b.*\b4|4\b.*\b3)\b.*



=== tracker_min_phrases: phrases of a tracker
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_min_phrases 2;
        client_max_body_size 1m;
    }
--- cases
/v1/manage/trackers
{"name":"a","vocabulary":["1","2"]}
200
{"name":"b","vocabulary":["a"]}
400 "vocabulary" .*\b(2\b.*\b1|1\b.*\b2)\b.*
[{"name":"c","vocabulary":["a"]}]
400 "\[0\]\.vocabulary" .*\b(2\b.*\b1|1\b.*\b2)\b.*



=== tracker_max_trackers: trackers in the account
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 3;
        client_max_body_size 1m;
    }
--- scenario
for my $name (qw(a b)) {
    is_created(exchange(post('tracker', tracker_text($name))), $name, $name);
}

my $before = redis('DBSIZE');
my $two = '[' . tracker_text('c') . ',' . tracker_text('d') . ']';
my $response = exchange(post('trackers', $two));

is($response->{status}, 400, 'two more are too many');
is_message($response->{body}, qr/\b3\b/, 'the limit is named');
is(redis('DBSIZE'), $before, 'nothing was written');

is_created(exchange(post('tracker', tracker_text('c'))), 'c', 'one fits');

$response = exchange(post('tracker', tracker_text('d')));
is($response->{status}, 400, 'the account is full');
is_message($response->{body}, qr/\b3\b.*\b4\b|\b4\b.*\b3\b|\b3\b.*\b3\b/,
           'the limit and the number');

is_created(exchange(post('tracker', tracker_text('d'), account => 'other')),
           'd', 'other accounts have room');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== a full account still says 409 or 400, never 500, for a taken name
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 1;
        client_max_body_size 1m;
    }
--- request eval
[('POST /v1/manage/tracker
{"name":"a","vocabulary":["phrase"]}') x 2]
--- error_code_like eval
['^200$', '^4(00|09)$']
