use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use Digest::SHA qw(sha1_hex);

run_tests();

sub item {
    my ($method, $id, %o) = @_;

    return exchange(request($method, "/v1/manage/tracker/$id", %o));
}

sub get {
    my ($path, @headers) = @_;

    return exchange(request('GET', "/v1/manage/$path", type => undef,
                            headers => \@headers));
}

sub etag {
    return $_[0]{headers}{etag};
}

# creates a tracker: its id and ETag
sub create {
    my ($name) = @_;
    my $response = exchange(post('tracker', tracker_text($name)));

    return (is_created($response, $name, "created $name"), etag($response));
}

sub list_etag {
    my ($account) = @_;

    return etag(exchange(request('GET', '/v1/manage/trackers',
                                 account => $account // 'tester')));
}

sub describe {
    my ($text) = @_;

    return "[{\"op\":\"add\",\"path\":\"/description\",\"value\":\"$text\"}]";
}

sub is_unmodified {
    my ($response, $etag, $title) = @_;

    is($response->{status}, 304, "$title: status");
    is(etag($response), $etag, "$title: ETag");
    is($response->{headers}{'content-type'}, undef, "$title: no type");
    is($response->{headers}{'content-length'}, undef, "$title: no length");
}

sub is_unmatched {
    my ($response, $id, $title) = @_;

    is($response->{status}, 412, "$title: status");
    is_message($response->{body}, "Tracker with id \"$id\" has changed.",
               $title);
    is(etag($response), undef, "$title: no ETag");
    is(redis('EXISTS', lock_key()), 0, "$title: no lock is left");
}

__DATA__

=== POST, GET, HEAD, PUT and PATCH tell the same ETag of the same tracker
--- scenario
my $text = '{"name":"n","description":"d","vocabulary":["\u00fc"]}';
my $response = exchange(post('tracker', $text));
my ($record, $id) = $response->{body} =~ /^\{"tracker":(\{"id":"(\d+)".*)\}$/;
my $etag = etag($response);

is($etag, '"' . sha1_hex($record) . '"', 'a digest of the record');
is(etag(get("tracker/$id")), $etag, 'GET');
is(etag(get("trackers/$id")), $etag, 'GET, plural');
is(etag(item('HEAD', $id)), $etag, 'HEAD');
is(etag(item('PUT', $id, body => $text)), $etag, 'PUT of the same');
is(etag(item('PATCH', $id, body => describe('d'))), $etag, 'PATCH to the same');

my $put = item('PUT', $id, body => tracker_text('n', 'x'));
isnt(etag($put), $etag, 'another after a PUT');
is(etag(get("tracker/$id")), etag($put), 'GET after the PUT');

my $patch = item('PATCH', $id, body => describe('e'));
isnt(etag($patch), etag($put), 'another after a PATCH');
is(etag(get("tracker/$id")), etag($patch), 'GET after the PATCH');

is(etag(item('PUT', $id, body => $text)), $etag, 'the first again');



=== what is no tracker and no list has no ETag
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
POST /v1/manage/trackers [{"name":"a","vocabulary":["phrase"]}]
200 {"trackers":[{"id":"ID2","name":"a","vocabulary":["phrase"]}]}
! ETag
POST /v1/manage/trackers [{"name":"a","vocabulary":["phrase"]}]
409 Tracker with name "a" already exists.
! ETag
POST /v1/manage/tracker {
400 ~ ^Invalid JSON
! ETag
GET /v1/manage/tracker/1
404 Tracker with id "1" does not exist.
! ETag
POST /v1/manage/tracker/ID1
405 Method POST is not allowed.
! ETag
PUT /v1/manage/tracker/ID1 {"name":"a","vocabulary":["phrase"]}
409 Tracker with name "a" already exists.
! ETag
PATCH /v1/manage/tracker/ID1 []
400 Request body must not be empty.
! ETag
OPTIONS /v1/manage/tracker/ID1
204
! ETag
DELETE /v1/manage/tracker/ID1
200 {"id":"ID1","type":"tracker","deleted":true}
! ETag



=== the ETag of a list changes with every write, and only then
--- scenario
my %seen;
my $etag = list_etag();

sub changes {
    my ($title) = @_;
    my $new = list_etag();

    ok(!$seen{$new}++, $title);
    $etag = $new;
}

sub stays {
    my ($title) = @_;

    is(list_etag(), $etag, $title);
}

like($etag, qr/^"[0-9a-f]{16}-\d+"$/, 'of an empty list');
isnt(list_etag('other'), $etag, 'of another account');
changes('at first');
my ($id) = create('n');
changes('POST');
my ($other) = create('other');
changes('another POST');
exchange(post('trackers', '[' . join(',', map { tracker_text($_) } 'a' .. 'e')
                          . ']'));
changes('bulk');
item('PUT', $id, body => tracker_text('n', 'x'));
changes('PUT');
item('PUT', $id, body => tracker_text('m', 'x'));
changes('PUT with another name');
item('PATCH', $id, body => describe('d'));
changes('PATCH');
item('DELETE', $id);
changes('DELETE');

item('DELETE', $id);
stays('a DELETE that finds nothing');
my $part = $etag =~ s/"$/-part"/r;

is(etag(get("trackers?$_")), $part, $_)
    for 'name=other', 'name=', 'limit=1', 'limit=1000', 'limit=2&name=n';
is(etag(exchange(request('HEAD', '/v1/manage/trackers?limit=1'))), $part,
   'HEAD of a page');
is(etag(get('trackers?x=1')), $etag, 'an argument that is ignored');
is(etag(get('tracker')), $etag, 'the singular path');
is(etag(exchange(request('HEAD', '/v1/manage/trackers'))), $etag, 'HEAD');
exchange(post('tracker', tracker_text('other')));
stays('a 409');
exchange(post('tracker', '{'));
stays('a 400');
item('PUT', $other, body => tracker_text('other'));
stays('a PUT of what is there');
item('PUT', $other, body => tracker_text('a'));
stays('409 of a PUT');
item('PATCH', $other, body => describe('d'), headers => ['If-Match: "x"']);
stays('a 412');
exchange(post('tracker', tracker_text('n'), account => 'another'));
stays('a write of another account');



=== an account that begins anew does not know the ETags of its old lists
--- scenario
my @keys = map { account_key('tester', $_) } qw(rev index);
my @etags;

for my $round (1 .. 3) {
    my ($id) = create("n$round");
    my $etag = list_etag();

    is(get('trackers', "If-None-Match: $_")->{status}, 200, "round $round")
        for @etags;
    is(get('trackers', "If-None-Match: $etag")->{status}, 304, 'its own');
    push @etags, $etag;

    # as the README deletes an account
    redis('DEL', @{redis('KEYS', '*')});
}



=== an account that was restored does not know the ETags of what was lost
--- scenario
my $key = account_key('tester', 'rev');
my $unmodified = 0;
my ($id) = create('n');

# a revision may come again, one in tens of thousands does
for my $round (1 .. 5) {
    my $backup = redis('GET', $key);

    item('PATCH', $id, body => describe("lost $round"));
    my $etag = list_etag();

    redis('SET', $key, $backup);
    item('PATCH', $id, body => describe("new $round"));
    $unmodified++
        if get('trackers', "If-None-Match: $etag")->{status} == 304;
}

cmp_ok($unmodified, '<=', 1, 'another list');



=== revisions of an older version go on
--- scenario
my $rev = account_key('tester', 'rev');
my $index = account_key('tester', 'index');

sub older_create {
    my ($name, $id) = @_;
    my $score = redis('INCRBY', $rev, 1);

    redis('ZADD', $index, $score, $id);
    redis('SET', account_key('tester', "name:$name"), $id);
    redis('SET', account_key('tester', "id:$id"),
          "{\"id\":\"$id\",\"name\":\"$name\",\"vocabulary\":[\"p\"]}");
}

sub names {
    return join ' ', map { $_->{name} }
           @{decode(get("trackers$_[0]")->{body})->{trackers}};
}

older_create('a', '4503599627370500');
older_create('b', '4503599627370400');
create('c');
older_create('d', '4503599627370300');
exchange(post('trackers', '[' . join(',', map { tracker_text($_) } 'e' .. 'g')
                          . ']'));
older_create('h', '4503599627370200');

is(names(''), 'a b c d e f g h', 'the order of creation');

my $cursor = decode(get('trackers?limit=5')->{body})->{next};
is(names("?cursor=$cursor"), 'f g h', 'pages');



=== the scores of a bulk rise by one, below what is exact
--- scenario
create('n');
exchange(post('trackers', '[' . join(',', map { tracker_text("n$_") } 1 .. 600)
                          . ']'));
my %scores = @{redis('ZRANGE', account_key('tester', 'index'), 0, -1,
                     'WITHSCORES')};
my @scores = sort { $a <=> $b } values %scores;

is($scores[-1] - $scores[1], 599, 'the bulk');
cmp_ok($scores[1], '>', $scores[0], 'and what was there before');
is($scores[-1], redis('GET', account_key('tester', 'rev')), 'the revision');
cmp_ok($scores[0], '>=', 2 ** 40, 'the first');
cmp_ok($scores[-1], '<', 2 ** 42, 'the last');



=== If-None-Match: a tracker
--- scenario
my ($id, $etag) = create('n');
my @matching = ($etag, "W/$etag", "\"x\", $etag", "$etag, \"x\"",
                "\"x\",W/\"y\",,$etag", '*', "  $etag  ", "\"a,b\", $etag",
                '"", ' . $etag);
my @others = ('"x"', 'W/"x"', substr($etag, 1, -1), substr($etag, 0, -1),
              $etag =~ s/"$/x"/r, '"x", "y"', '', ',', 'W/', '"', '""',
              "x$etag", uc $etag, "\"x $etag\"", '"*"', "w/$etag",
              substr($etag, 0, 20) . '"');

is_unmodified(get("tracker/$id", "If-None-Match: $_"), $etag, $_)
    for @matching;

for my $value (@others) {
    my $response = get("tracker/$id", "If-None-Match: $value");

    is($response->{status}, 200, "<$value>: status");
    is(etag($response), $etag, "<$value>: ETag");
}

is(item('HEAD', $id, headers => ["If-None-Match: $etag"])->{status}, 304,
   'HEAD');

item('PATCH', $id, body => describe('d'));
is(get("tracker/$id", "If-None-Match: $etag")->{status}, 200, 'changed');
item('DELETE', $id);
is(get("tracker/$id", "If-None-Match: $_")->{status}, 404, "deleted: $_")
    for $etag, '*';



=== If-None-Match: a list
--- scenario
for my $path (qw(trackers tracker trackers?name=n trackers?limit=2)) {
    my $etag = etag(get($path));

    is_unmodified(get($path, "If-None-Match: $_"), $etag, "$path: $_")
        for $etag, "W/$etag", "\"x\", $etag", '*';
    is(get($path, 'If-None-Match: "x"')->{status}, 200, "$path: another");
    is(exchange(request('HEAD', "/v1/manage/$path",
                        headers => ["If-None-Match: $etag"]))->{status}, 304,
       "$path: HEAD");

    exchange(post('tracker', tracker_text($path)));
    is(get($path, "If-None-Match: $etag")->{status}, 200, "$path: changed");
}



=== a 304 leaves the connection in step
--- scenario
my ($id, $etag) = create('n');
my $list = list_etag();
my $sock = connect_nginx();

send_bytes($sock, request('GET', "/v1/manage/tracker/$id", body => 'abc',
                          headers => ["If-None-Match: $etag"])
                  . request('GET', '/v1/manage/trackers',
                            headers => ["If-None-Match: $list"])
                  . request('HEAD', '/v1/manage/trackers',
                            headers => ["If-None-Match: $list"])
                  . request('GET', "/v1/manage/tracker/$id"));
is(read_response($sock)->{status}, 304, 'a tracker');
is(read_response($sock)->{status}, 304, 'a list');
is(read_response($sock)->{status}, 304, 'HEAD');
is(read_response($sock)->{status}, 200, 'the next');



=== If-Match that matches: PUT, PATCH and DELETE are done, and say so
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["phrase 0"]}
If-Match: "ETAG1"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase 0"]}}
ETag: "ETAG2"
PATCH /v1/manage/tracker/ID1 [{"op":"add","path":"/description","value":"0"}]
If-Match: "ETAG2"
200 {"tracker":{"id":"ID1","name":"n","description":"0","vocabulary":["phrase 0"]}}
ETag: "ETAG3"
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["phrase 1"]}
If-Match: W/"ETAG3"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase 1"]}}
ETag: "ETAG4"
PATCH /v1/manage/tracker/ID1 [{"op":"add","path":"/description","value":"1"}]
If-Match: W/"ETAG4"
200 {"tracker":{"id":"ID1","name":"n","description":"1","vocabulary":["phrase 1"]}}
ETag: "ETAG5"
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["phrase 2"]}
If-Match: "x", "ETAG5"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase 2"]}}
ETag: "ETAG6"
PATCH /v1/manage/tracker/ID1 [{"op":"add","path":"/description","value":"2"}]
If-Match: "x", "ETAG6"
200 {"tracker":{"id":"ID1","name":"n","description":"2","vocabulary":["phrase 2"]}}
ETag: "ETAG7"
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["phrase 3"]}
If-Match: "ETAG7", "x"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase 3"]}}
ETag: "ETAG8"
PATCH /v1/manage/tracker/ID1 [{"op":"add","path":"/description","value":"3"}]
If-Match: "ETAG8", "x"
200 {"tracker":{"id":"ID1","name":"n","description":"3","vocabulary":["phrase 3"]}}
ETag: "ETAG9"
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["phrase 4"]}
If-Match: *
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase 4"]}}
ETag: "ETAG10"
PATCH /v1/manage/tracker/ID1 [{"op":"add","path":"/description","value":"4"}]
If-Match: *
200 {"tracker":{"id":"ID1","name":"n","description":"4","vocabulary":["phrase 4"]}}
ETag: "ETAG11"
DELETE /v1/manage/tracker/ID1
If-Match: W/"ETAG11"
200 {"id":"ID1","type":"tracker","deleted":true}



=== If-Match that does not match: 412, and nothing was done
--- scenario
my ($id, $etag) = create('n');
my $record = redis('GET', account_key('tester', "id:$id"));
my $list = list_etag();
my %body = (PUT => tracker_text('m'), PATCH => describe('d'), DELETE => '');

for my $method (sort keys %body) {
    is_unmatched(item($method, $id, body => $body{$method},
                      headers => ["If-Match: $_"]), $id, "$method <$_>")
        for '"x"', 'W/"x"', '"x", "y"', substr($etag, 1, -1), '', '"*"',
            $list, substr($etag, 0, 30) . '"';
}

is_unmatched(item('PUT', $id, body => tracker_text('n'),
                  headers => ['If-Match: "x"']), $id, 'a PUT of the same');

is(redis('GET', account_key('tester', "id:$id")), $record, 'the record');
is(redis('EXISTS', account_key('tester', 'name:m')), 0, 'the name');
is(list_etag(), $list, 'the revision');



=== If-Match and a tracker that is not there: 404
--- exchanges
DELETE /v1/manage/tracker/4503599627370496
If-Match: "x"
404 Tracker with id "4503599627370496" does not exist.
DELETE /v1/manage/tracker/4503599627370496
If-Match: *
404 Tracker with id "4503599627370496" does not exist.
PATCH /v1/manage/tracker/4503599627370496 [{"op":"add","path":"/description","value":"d"}]
If-Match: "x"
404 Tracker with id "4503599627370496" does not exist.
PATCH /v1/manage/tracker/4503599627370496 [{"op":"add","path":"/description","value":"d"}]
If-Match: *
404 Tracker with id "4503599627370496" does not exist.
PUT /v1/manage/tracker/4503599627370496 {"name":"m","vocabulary":["phrase"]}
If-Match: "x"
404 Tracker with id "4503599627370496" does not exist.
PUT /v1/manage/tracker/4503599627370496 {"name":"m","vocabulary":["phrase"]}
If-Match: *
404 Tracker with id "4503599627370496" does not exist.



=== of two who have read the same one writes
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/tracker/ID1
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/tracker/ID1
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
PATCH /v1/manage/tracker/ID1 [{"op":"add","path":"/description","value":"of the first"}]
If-Match: "ETAG1"
200 {"tracker":{"id":"ID1","name":"n","description":"of the first","vocabulary":["phrase"]}}
ETag: "ETAG2"
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["of the second"]}
If-Match: "ETAG1"
412 Tracker with id "ID1" has changed.
! ETag
DELETE /v1/manage/tracker/ID1
If-Match: "ETAG1"
412 Tracker with id "ID1" has changed.
! ETag
GET /v1/manage/tracker/ID1
200 {"tracker":{"id":"ID1","name":"n","description":"of the first","vocabulary":["phrase"]}}
ETag: "ETAG2"
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["of the second"]}
If-Match: "ETAG2"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["of the second"]}}
ETag: "ETAG3"



=== If-Match that does not match, on a read: 412
RFC 9110 section 13.1.1: for any method.
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
ETag: "ETAG2"
GET /v1/manage/tracker/ID1
If-Match: "x"
412 Tracker with id "ID1" has changed.
! ETag
GET /v1/manage/trackers
If-Match: "x"
412 The list of trackers has changed.
! ETag
GET /v1/manage/tracker/ID1
If-Match:
412 Tracker with id "ID1" has changed.
! ETag
GET /v1/manage/trackers
If-Match:
412 The list of trackers has changed.
! ETag
GET /v1/manage/tracker/ID1
If-Match: ETAG1
412 Tracker with id "ID1" has changed.
! ETag
GET /v1/manage/trackers
If-Match: ETAG1
412 The list of trackers has changed.
! ETag
GET /v1/manage/tracker/ID1
If-Match: "x", "y"
412 Tracker with id "ID1" has changed.
! ETag
GET /v1/manage/trackers
If-Match: "x", "y"
412 The list of trackers has changed.
! ETag
GET /v1/manage/tracker/ID1
If-Match: *
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/trackers?name=n
If-Match: *
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
ETag: "ETAG3"
GET /v1/manage/tracker/ID1
If-Match: "x", "ETAG1"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/trackers?name=n
If-Match: "x", "ETAG3"
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
ETag: "ETAG3"
GET /v1/manage/tracker/ID1
If-Match: W/"ETAG1"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/trackers?name=n
If-Match: W/"ETAG3"
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
ETag: "ETAG3"
HEAD /v1/manage/tracker/ID1
If-Match: "x"
412
GET /v1/manage/tracker/ID1
If-Match: "x"
If-None-Match: "ETAG1"
412 Tracker with id "ID1" has changed.
! ETag
GET /v1/manage/tracker/ID1
If-Match: "ETAG1"
If-None-Match: "ETAG1"
304
ETag: "ETAG1"
GET /v1/manage/tracker/4503599627370496
If-Match: "x"
404 Tracker with id "4503599627370496" does not exist.



=== If-None-Match that matches, on a write: 412, and nothing was done
--- scenario
my ($id, $etag) = create('n');
my $record = redis('GET', account_key('tester', "id:$id"));
my %body = (PUT => tracker_text('m'), PATCH => describe('d'), DELETE => '');

for my $method (sort keys %body) {
    for my $value ('*', $etag, "W/$etag", "\"x\", $etag",
                   "$etag,\"x\"")
    {
        my $response = item($method, $id, body => $body{$method},
                            headers => ["If-None-Match: $value"]);

        is($response->{status}, 412, "$method <$value>: status");
        is_message($response->{body},
                   "Tracker with id \"$id\" matches If-None-Match.",
                   "$method $value");
        is(etag($response), undef, "$method <$value>: no ETag");
        is(redis('EXISTS', lock_key()), 0, 'no lock is left');
    }

    is(item($method, $id, body => $body{$method},
            headers => ["If-Match: $etag", "If-None-Match: *"])->{status}, 412,
       "$method, both");
}

is(redis('GET', account_key('tester', "id:$id")), $record, 'the record');

is(item($_, '4503599627370496', body => $body{$_},
        headers => ['If-None-Match: *'])->{status}, 404,
   "$_: a tracker that is not there is not created") for sort keys %body;

for my $value ('"x"', 'W/"x"', '"x", "y"', '"*"') {
    is(item('PUT', $id, body => tracker_text('n', $value),
            headers => ["If-None-Match: $value"])->{status}, 200,
       "$value: PUT is done");
}

is(item('PATCH', $id, body => describe('d'),
        headers => ['If-None-Match: "x"'])->{status}, 200, 'PATCH is done');
is(item('DELETE', $id, headers => ['If-None-Match: "x"'])->{status}, 200,
   'DELETE is done');



=== an If-None-Match that is none is refused on a write, not passed over
--- scenario
my ($id, $etag) = create('n');
my %body = (PUT => tracker_text('m'), PATCH => describe('d'), DELETE => '');
my $record = redis('GET', account_key('tester', "id:$id"));

for my $value (substr($etag, 1, -1), '', ',', '"', 'W/', '"x", *', '*, "x"',
               '**', '"x", y', 'w/"x"')
{
    for my $method (sort keys %body) {
        my $response = item($method, $id, body => $body{$method},
                            headers => ["If-None-Match: $value"]);

        is($response->{status}, 400, "$method <$value>: status");
        is_message($response->{body},
                   'If-None-Match must be "*" or a list of entity tags.',
                   "$method $value");
    }

    is(get("tracker/$id", "If-None-Match: $value")->{status}, 200,
       "GET <$value>");
}

is(redis('GET', account_key('tester', "id:$id")), $record, 'the record');



=== a condition comes in one line
nginx itself refuses two.
--- scenario
my ($id, $etag) = create('n');

Tracker::Answers::leave();

for my $name (qw(If-Match If-None-Match If-Modified-Since)) {
    is(item($_, $id, body => tracker_text('n'),
            headers => ["$name: \"x\"", "$name: $etag"])->{status}, 400,
       "$_, $name") for qw(GET PUT);
}



=== a condition that a write cannot keep is refused
No time of a change is stored, and a create does not look at the list.
--- scenario
my ($id, $etag) = create('n');
my $list = list_etag();
my $record = redis('GET', account_key('tester', "id:$id"));
my $time = 'Fri, 01 Jan 2100 00:00:00 GMT';
my @writes = ([PUT => "tracker/$id", tracker_text('m')],
              [PATCH => "trackers/$id", describe('d')],
              [DELETE => "tracker/$id", '']);
my @creates = ([POST => 'tracker', tracker_text('m')],
               [POST => 'trackers', tracker_text('m')],
               [POST => 'trackers', '[' . tracker_text('m') . ']'],
               [POST => 'trackers/bulk', '[' . tracker_text('m') . ']']);

for my $case (['If-Modified-Since', $time, @writes, @creates],
              ['If-Unmodified-Since', $time, @writes, @creates],
              ['If-Range', $etag, @writes, @creates],
              ['If-Range', $time, @writes, @creates],
              ['If-Match', $list, @creates], ['If-Match', '*', @creates],
              ['If-None-Match', '*', @creates],
              ['If-None-Match', '"x"', @creates])
{
    my ($name, $value, @calls) = @$case;

    for my $call (@calls) {
        my ($method, $path, $body) = @$call;
        my $response = exchange(request($method, "/v1/manage/$path",
                                        body => $body,
                                        headers => ["$name: $value"]));

        is($response->{status}, 400, "$method $path, $name: status");
        is_message($response->{body}, "$name is not supported with $method.",
                   "$method $path, $name");
    }
}

is(redis('GET', account_key('tester', "id:$id")), $record, 'the record');
is(list_etag(), $list, 'the revision');

my $response = item('PUT', $id, body => tracker_text('n', 'x'), headers =>
                    ["If-Match: $etag", "If-Unmodified-Since: $time"]);

is($response->{status}, 200,
   'If-Unmodified-Since beside If-Match is not looked at');
is_unmatched(item('DELETE', $id, headers => [
    "If-Match: $etag", "If-Unmodified-Since: $time"]), $id, 'If-Match is');



=== a read ignores what RFC 9110 tells it to ignore
Sections 13.1.3 and 13.1.4: no time of a change; 13.1.5, 14.2: no ranges.
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/tracker/ID1
If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
GET /v1/manage/trackers
If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
HEAD /v1/manage/tracker/ID1
If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT
200
GET /v1/manage/tracker/ID1
If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
GET /v1/manage/trackers
If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
HEAD /v1/manage/tracker/ID1
If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT
200
GET /v1/manage/tracker/ID1
If-Range: "x"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
GET /v1/manage/trackers
If-Range: "x"
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
HEAD /v1/manage/tracker/ID1
If-Range: "x"
200
GET /v1/manage/tracker/ID1
If-Range: "ETAG1"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
GET /v1/manage/trackers
If-Range: "ETAG1"
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
HEAD /v1/manage/tracker/ID1
If-Range: "ETAG1"
200
GET /v1/manage/tracker/ID1
Range: bytes=0-3
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
GET /v1/manage/trackers
Range: bytes=0-3
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
HEAD /v1/manage/tracker/ID1
Range: bytes=0-3
200
GET /v1/manage/tracker/ID1
Range: bytes=0-3
If-Range: "ETAG1"
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
GET /v1/manage/trackers
Range: bytes=0-3
If-Range: "ETAG1"
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["phrase"]}]}
HEAD /v1/manage/tracker/ID1
Range: bytes=0-3
If-Range: "ETAG1"
200
OPTIONS /v1/manage/tracker/ID1
If-Match: "x"
204
OPTIONS /v1/manage/tracker/ID1
If-None-Match: *
204
OPTIONS /v1/manage/tracker/ID1
If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT
204



=== a condition comes after what would be refused without it
RFC 9110 section 13.2.1.
--- scenario
my ($id) = create('n');
my @none = (headers => ['If-None-Match: *']);
my @range = (headers => ['If-Range: "x"']);

is(item('PUT', $id, @none, body => '{')->{status}, 400, 'a bad body');
is(item('PUT', $id, @none, body => '{}', token => 'bad')->{status}, 401,
   'a bad token');
is(item('POST', $id, @range, body => '{}')->{status}, 405, 'a method');
is(item('PUT', '1', @range, body => '{}')->{status}, 404, 'an id');

hold_lock();
is(item('PUT', $id, @none, body => tracker_text('n'))->{status}, 429,
   'another write');



=== a create that is answered again has the ETag it had
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Idempotency-Key: once
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
PATCH /v1/manage/tracker/ID1 [{"op":"add","path":"/description","value":"d"}]
200 {"tracker":{"id":"ID1","name":"n","description":"d","vocabulary":["phrase"]}}
ETag: "ETAG2"
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
Idempotency-Key: once
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"



=== gzip weakens an ETag, which still matches
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        gzip on;
        gzip_types application/json;
        gzip_min_length 1;
    }
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
ETag: "ETAG1"
GET /v1/manage/tracker/ID1
Accept-Encoding: gzip
200
ETag: W/"ETAG1"
Content-Encoding: gzip
GET /v1/manage/tracker/ID1
Accept-Encoding: gzip
If-None-Match: W/"ETAG1"
304
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["x"]}
Accept-Encoding: gzip
If-Match: W/"ETAG1"
200
ETag: W/"ETAG2"
Content-Encoding: gzip
DELETE /v1/manage/tracker/ID1
Accept-Encoding: gzip
If-Match: W/"ETAG2"
200
Content-Encoding: gzip
