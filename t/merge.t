use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use constant MERGE => 'application/merge-patch+json';
use constant TYPES => 'application/json, application/json-patch+json, '
                      . 'application/merge-patch+json';

run_tests();

sub create {
    my ($text) = @_;

    return decode(exchange(post('tracker', $text))->{body})->{tracker}{id};
}

sub merge {
    my ($id, $body, %o) = @_;

    return exchange(request('PATCH', "/v1/manage/tracker/$id", body => $body,
                            type => MERGE, %o));
}

sub record {
    return redis('GET', account_key('tester', "id:$_[0]"));
}

__DATA__

=== null removes, a value replaces, what is absent stays
--- exchanges
POST /v1/manage/tracker {"name":"n","description":"d","categories":["c"],"vocabulary":["a","b"]}
200 {"tracker":{"id":"ID1","name":"n","description":"d","categories":["c"],"vocabulary":["a","b"]}}
PATCH /v1/manage/tracker/ID1 {"description":null}
Content-Type: application/merge-patch+json
200 {"tracker":{"id":"ID1","name":"n","categories":["c"],"vocabulary":["a","b"]}}
PATCH /v1/manage/trackers/ID1 {"vocabulary":["b"],"languages":[],"categories":null}
Content-Type: Application/Merge-Patch+JSON; charset=utf-8
200 {"tracker":{"id":"ID1","name":"n","languages":[],"vocabulary":["b"]}}
PATCH /v1/manage/tracker/ID1 {"name":"m","description":"e","categories":null}
Content-Type: application/merge-patch+json
200 {"tracker":{"id":"ID1","name":"m","description":"e","languages":[],"vocabulary":["b"]}}
PATCH /v1/manage/tracker/ID1 {}
Content-Type: application/merge-patch+json
200 {"tracker":{"id":"ID1","name":"m","description":"e","languages":[],"vocabulary":["b"]}}
GET /v1/manage/trackers?name=m
200 {"trackers":[{"id":"ID1","name":"m","description":"e","languages":[],"vocabulary":["b"]}]}
GET /v1/manage/trackers?name=n
200 {"trackers":[]}



=== what no tracker takes is refused, and where
--- scenario
my $id = create(tracker_text('n', 'a', 'b'));
my $before = record($id);
my @cases = (
    ['{"name":null}', '"name" must not be null, it cannot be removed'],
    ['{"vocabulary":null}',
     '"vocabulary" must not be null, it cannot be removed'],
    ['{"id":null}', '"id" must not be null, it cannot be removed'],
    ['{"id":"4503599627370496"}', '"id" must be the id of the path'],
    ['{"vocabulary":[]}', '"vocabulary" is not allowed to be empty'],
    ['{"vocabulary":["a","a"]}',
     '"vocabulary[1]" contains a duplicate value'],
    ['{"vocabulary":["a",null]}', '"vocabulary[1]" must be a string'],
    ['{"categories":"c"}', '"categories" must be an array'],
    ['{"other":null}', '"other" is not allowed'],
    ['{"name":"a","name":null}', 'Duplicate key at line 1 column 18.'],
    ['[{"op":"remove","path":"/description"}]',
     'Request body must be an object.'],
    ['null', 'Invalid JSON at line 1 column 4.'],
    ['', 'Request body is required.'],
);

for my $case (@cases) {
    my ($body, $message) = @$case;
    my $response = merge($id, $body);

    is($response->{status}, 400, "$body: status");
    is_message($response->{body}, $message, $body);
    is(record($id), $before, 'nothing was changed');
    is(redis('EXISTS', lock_key()), 0, 'no lock is left');
}

my $problem = decode(merge($id, '{"vocabulary":["a","a"]}',
                           headers => ['Accept: application/problem+json'])
                     ->{body});

is_deeply($problem->{errors}, [{ pointer => '/vocabulary/1' }], 'its place');



=== a large one is read, and refused, as a small one
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my $id = create('{"name":"n","description":"d","vocabulary":["a"]}');
my $list = join ',', map { "\"phrase $_\"" } 1 .. 40_000;
my $response = merge($id, "{\"vocabulary\":[$list],\"description\":null}");

is($response->{status}, 200, 'applied');
is($response->{body},
   "{\"tracker\":{\"id\":\"$id\",\"name\":\"n\",\"vocabulary\":[$list]}}",
   'the tracker');
is(merge($id, "{\"vocabulary\":[$list,\"phrase 7\"]}")->{status}, 400,
   'a duplicate');
is_message(merge($id, "{\"vocabulary\":[$list],\"name\":null}")->{body},
           '"name" must not be null, it cannot be removed', 'a null');
is_message(merge($id, '{"description":"' . 'x' x 700_000 . '"}')->{body},
           'The tracker would exceed the limit of 1048576 bytes.',
           'and the tracker does not grow');



=== conditions, the lock, names and a missing tracker are as with JSON Patch
--- scenario
my $id = create(tracker_text('n'));
my $other = create(tracker_text('taken'));
my $etag = exchange(request('GET', "/v1/manage/tracker/$id"))
               ->{headers}{etag};

is_message(merge($id, '{"name":"m"}', headers => ['If-Match: "0"'])->{body},
           "Tracker with id \"$id\" has changed.", 'an old ETag');

my $response = merge($id, '{"name":"m"}', headers => ["If-Match: $etag"]);

is($response->{status}, 200, 'the ETag');
isnt($response->{headers}{etag}, $etag, 'another one');
is(exchange(request('GET', "/v1/manage/tracker/$id"))->{headers}{etag},
   $response->{headers}{etag}, 'that of the tracker');

my $taken = decode(merge($id, '{"name":"taken"}',
                         headers => ['Accept: application/problem+json'])
                   ->{body});

is($taken->{code}, 'conflict', 'a name that exists');
is_deeply($taken->{errors}, [{ pointer => '/name' }], 'its place');
is_deeply($taken->{conflicts},
          [{ index => 0, name => 'taken', id => $other }], 'who has it');

hold_lock();
is(merge($id, '{}')->{status}, 429, 'locked');
redis('DEL', lock_key());

is(merge('4503599627370496', '{}')->{status}, 404, 'missing');
is(merge($id, "{\"id\":\"$id\"}")->{status}, 200, 'its own id');
is(merge($id, '{"description":"d"}', headers => ['Prefer: return=minimal'])
       ->{status}, 204, 'return=minimal');
is(merge($id, '', chunks => [split //, '{"description":null}'])->{body},
   "{\"tracker\":{\"id\":\"$id\",\"name\":\"m\",\"vocabulary\":[\"phrase\"]}}",
   'in chunks');



=== the type is told, and is of no other method
--- scenario
my $id = create(tracker_text('n'));

for my $type ('text/plain', 'application/merge-patch', MERGE . 'x', undef,
              "application/json\r\nContent-Type: " . MERGE,
              MERGE . "\r\nContent-Type: application/json-patch+json")
{
    my $response = merge($id, '{}', type => $type);

    is($response->{status}, 400, $type // 'none');
    is_message($response->{body}, 'Content-Type must be application/json.',
               'message');
    is($response->{headers}{'accept-patch'}, TYPES, 'Accept-Patch');
}

is(merge($id, '{}', type => MERGE . "\r\nContent-Type: " . MERGE)->{status},
   200, 'twice the same');
is(merge($id, '[]', type => 'application/json')->{headers}{'accept-patch'},
   undef, 'not where the type is right');

for (['PUT', "tracker/$id"], ['POST', 'tracker']) {
    my ($method, $path) = @$_;
    my $response = exchange(request($method, "/v1/manage/$path",
                                    body => tracker_text('n'),
                                    type => MERGE));

    is_message($response->{body}, 'Content-Type must be application/json.',
               $method);
    is($response->{headers}{'accept-patch'}, undef, 'no Accept-Patch');
}

for (["tracker/$id", TYPES], ["trackers/$id", TYPES], ['tracker', undef],
     ['trackers/bulk', undef])
{
    my ($path, $types) = @$_;
    my $response = exchange(request('OPTIONS', "/v1/manage/$path",
                                    token => undef));

    is($response->{status}, 204, "OPTIONS $path");
    is($response->{headers}{'accept-patch'}, $types, 'Accept-Patch');
}
