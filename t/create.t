use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

no_root_location();

run_tests();

__DATA__

=== the sample of create-tracker.md is answered as the page shows it
--- request
POST /v1/manage/tracker
{
    "name": "COVID-19",
    "vocabulary": [
      "covid",
      "cover your mouth with a mask", 
      "coughing",
      "social distancing",
      "vaccine"
    ]
}
--- answer
{
	"tracker": {
		"id": "4476908732794496",
		"name": "COVID-19",
		"vocabulary": [
			"covid",
			"cover your mouth with a mask",
			"coughing",
			"social distancing",
			"vaccine"
		]
	}
}
--- response_headers
Content-Type: application/json
Content-Length: 150
Retry-After:



=== the bulk sample of create-tracker.md is answered as the page shows it
--- request
POST /v1/manage/trackers
[{
	"name": "Voice Message",
	"vocabulary": [
		"At the tone please record",
		"Please leave message after tone",
		"Call back during normal office hours",
		"If you are calling about an emergency",
		"Our offices are currently closed",
		"Our repesentatives are unavailable at this time",
		"Please leave message",
		"start recording message",
		"Begin recording message",
		"sending you to his voicemail",
		"Leave Name and contact info",
		"Leave name and number",
		"I can call after",
		"Leave message with name",
		"leave message with number",
		"press to listen",
		"press to record",
		"press to send",
		"Record your message",
		"Return call ASAP",
		"return your call as soon as possible",
		"get back soon",
		"get back as quickly as possible",
		"Sorry we missed your call",
		"sorry we missed you",
		"You have reached office"
	]
}]
--- answer
{
	"trackers": [{
		"id": "7476908732794496",
		"name": "Voice Message",
		"vocabulary": [
			"At the tone please record",
			"Please leave message after tone",
			"Call back during normal office hours",
			"If you are calling about an emergency",
			"Our offices are currently closed",
			"Our repesentatives are unavailable at this time",
			"Please leave message",
			"start recording message",
			"Begin recording message",
			"sending you to his voicemail",
			"Leave Name and contact info",
			"Leave name and number",
			"I can call after",
			"Leave message with name",
			"leave message with number",
			"press to listen",
			"press to record",
			"press to send",
			"Record your message",
			"Return call ASAP",
			"return your call as soon as possible",
			"get back soon",
			"get back as quickly as possible",
			"Sorry we missed your call",
			"sorry we missed you",
			"You have reached office"
		]
	}]
}



=== keys come in the order of the contract, whatever the request's order
--- request
POST /v1/manage/tracker
{"vocabulary":["v"],"languages":["l"],"categories":["c"],"description":"d","name":"n"}
--- response_body_like chomp
\A\{"tracker":\{"id":"\d{16}","name":"n","description":"d","categories":\["c"\],"languages":\["l"\],"vocabulary":\["v"\]\}\}\Z



=== optional keys may be empty, hold empty strings and repeats
--- request
POST /v1/manage/tracker
{"name":"n","vocabulary":["v"],"description":"","categories":[],"languages":["","en","en",""]}
--- answer
{"tracker":{"id":"ID","name":"n","vocabulary":["v"],"description":"","categories":[],"languages":["","en","en",""]}}



=== an object sent to /trackers creates one tracker
--- request
POST /v1/manage/trackers
{"name":"Test1","categories":["cat1"],"languages":["en-US"],"vocabulary":["hello","hi"]}
--- answer
{"tracker":{"id":"ID","name":"Test1","categories":["cat1"],"languages":["en-US"],"vocabulary":["hello","hi"]}}



=== strings are kept byte for byte after decoding
--- request eval
"POST /v1/manage/tracker\n"
. '{"name":" \u0041\/\"\\\\\b\f\n\r\t\u001f\u007f ","vocabulary":["\u00e9",'
. '"e\u0301","\ud83d\ude00","' . "\xf0\x9f\x98\x81\xe2\x80\xa8" . '"]}'
--- answer eval
'{"tracker":{"id":"ID","name":" A/\"\\\\\b\f\n\r\t\u001f' . "\x7f" . ' ",'
. '"vocabulary":["\u00e9","e\u0301","\ud83d\ude00","\ud83d\ude01\u2028"]}}'



=== blanks around the JSON text and inside it do not matter
--- request eval
"POST /v1/manage/tracker\n{\r\n\t\"name\" : \"n\" ,\n\"vocabulary\" : [ \"v\" ] }"
--- answer
{"tracker":{"id":"ID","name":"n","vocabulary":["v"]}}



=== names are case-sensitive, not trimmed and not normalised
--- request eval
[map { "POST /v1/manage/tracker\n{\"name\":\"$_\",\"vocabulary\":[\"v\"]}" }
 'covid', 'Covid', ' covid', 'covid ', '\u00e9', 'e\u0301']
--- error_code eval
[(200) x 6]



=== each account has names of its own
--- exchanges
POST /v1/manage/tracker {"name":"shared","vocabulary":["phrase"]}
as a
200 {"tracker":{"id":"ID","name":"shared","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"shared","vocabulary":["phrase"]}
as b
200 {"tracker":{"id":"ID","name":"shared","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"shared","vocabulary":["phrase"]}
as ab
200 {"tracker":{"id":"ID","name":"shared","vocabulary":["phrase"]}}



=== names that look like keys of the store are names
--- scenario
for my $name ('lock', 'rev', 'index', '}:lock', '*', 'name:lock',
              lock_key(), '%s%n', '../..')
{
    is_created(exchange(post('tracker', tracker_text($name))), $name,
               "the name $name");
}



=== an id is a string of 16 digits, chosen at random, exact in a double
--- scenario
my %seen;

for my $i (1 .. 40) {
    my $body = exchange(post('tracker', tracker_text("n$i")))->{body};
    my ($id) = $body =~ /^\{"tracker":\{"id":"(\d{16})",/;

    $seen{$id // ''} = 1;
    ok($id && $id >= 4503599627370496 && $id <= 9007199254740991, "id $i");
}

is(scalar keys %seen, 40, 'all ids differ');



=== the store holds the record as it is answered, its name, its place
--- scenario
my $text = '{"vocabulary":["\u00fc","b"],"name":"stored","description":"d"}';
my $body = exchange(post('tracker', $text))->{body};
my ($record, $id) = $body =~ /^\{"tracker":(\{"id":"(\d+)".*\})\}$/;

is(redis('GET', account_key('tester', "id:$id")), $record, 'record');
is(redis('GET', account_key('tester', 'name:stored')), $id, 'name');
is_deeply(redis('ZRANGE', account_key('tester', 'index'), 0, -1), [$id],
          'index');
my $rev = redis('GET', account_key('tester', 'rev'));

cmp_ok($rev, '>=', 2 ** 40, 'revision');

exchange(post('tracker', tracker_text('second')));
cmp_ok(redis('GET', account_key('tester', 'rev')), '>', $rev,
       'revision of the second');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');
is(redis('DBSIZE'), 6, 'nothing else is stored');



=== tracker_prefix begins every key
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_prefix other;
        client_max_body_size 1m;
    }
--- scenario
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'created');
is_deeply([grep { !/^other:/ } @{redis('KEYS', '*')}], [], 'all prefixed');
ok(redis('EXISTS', account_key('tester', 'name:n', 'other')), 'name key');



=== the location's prefix is the base of the paths
--- config
    location / {
        tracker_api;
        client_max_body_size 1m;
    }
--- request
POST /tracker
{"name":"n","vocabulary":["v"]}
--- answer
{"tracker":{"id":"ID","name":"n","vocabulary":["v"]}}



=== a query string does not change the endpoint
--- request
POST /v1/manage/tracker?name=x
{"name":"n","vocabulary":["v"]}
--- error_code: 400
--- message: "name" is not allowed.



=== requests on one connection are answered one after the other
--- scenario
my $sock = connect_nginx();

for my $name (qw(a b c)) {
    send_bytes($sock, post('tracker', tracker_text($name)));
    is_created(read_response($sock), $name, "tracker $name");
}



=== HTTP/1.0 works
--- request
POST /v1/manage/tracker HTTP/1.0
{"name":"n","vocabulary":["v"]}
--- answer
{"tracker":{"id":"ID","name":"n","vocabulary":["v"]}}



=== a thousand requests one after the other never meet a lock
--- scenario
my $sock = connect_nginx();
my %seen;

for my $i (1 .. 1000) {
    send_bytes($sock, post('tracker', tracker_text($i % 3 ? "n$i" : 'same')));
    $seen{read_response($sock)->{status}}++;
}

is_deeply(\%seen, { 200 => 668, 409 => 332 }, 'statuses');



=== a create of one tracker names its path, and the status stays 200
A path as it is: nginx would make a whole URL of a header that it knows.
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /noslash {
        tracker_api;
        client_max_body_size 1m;
    }

    location "/a b%ü/" {
        tracker_api;
        client_max_body_size 1m;
        absolute_redirect off;
    }
--- scenario
sub location {
    my ($path, $body, @headers) = @_;
    my $response = exchange(request('POST', $path, body => $body,
                                    headers => \@headers));

    is($response->{status}, 200, "$path: status") or diag($response->{body});
    return ($response->{headers}{location},
            decode($response->{body})->{tracker}{id});
}

for my $case (['/v1/manage/tracker' => '/v1/manage/tracker/'],
              ['/v1/manage/trackers' => '/v1/manage/tracker/'],
              ['/v1//manage/./tracker' => '/v1/manage/tracker/'],
              ['/noslash/tracker' => '/noslash/tracker/'],
              ['/a%20b%25%c3%bc/tracker' => '/a%20b%25%C3%BC/tracker/'])
{
    my ($path, $base) = @$case;
    my ($location, $id) = location($path, tracker_text($path));

    is($location, $base . $id, "$path: Location");
    is(exchange(request('GET', $location))->{status}, 200, "$path: it is one");
}

my @once = ('Idempotency-Key: once');
my ($first, $id) = location('/v1/manage/tracker', tracker_text('n'), @once);

exchange(request('DELETE', $first));
is((location('/v1/manage/tracker', tracker_text('n'), @once))[0], $first,
   'a create that is answered again has the Location that it had');

is((location('/v1/manage/trackers', '[' . tracker_text('a') . ']'))[0], undef,
   'a bulk of one has none');

my $put = exchange(request('PUT', '/v1/manage/tracker/'
                           . (location('/v1/manage/tracker',
                                       tracker_text('p')))[1],
                           body => tracker_text('p', 'x')));

is($put->{status}, 200, 'a PUT');
is($put->{headers}{location}, undef, 'has none');
is(exchange(post('tracker', tracker_text('p')))->{headers}{location}, undef,
   'a 409 has none');



=== the path of a create over HTTP/2
--- h2_server
--- scenario
my $response = nghttp('/v1/manage/tracker', tracker_text('n'));
my $id = decode($response->{body})->{tracker}{id};

like($response->{log}, qr{ location: /v1/manage/tracker/$id\n},
     'a path as it is');
