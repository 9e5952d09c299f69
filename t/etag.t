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
--- scenario
my ($id) = create('n');
my $bulk = '[' . tracker_text('a') . ']';

is(etag(exchange(post('trackers', $bulk))), undef, 'a bulk');
is(etag(exchange(post('trackers', $bulk))), undef, 'a 409');
is(etag(exchange(post('tracker', '{'))), undef, 'a 400');
is(etag(get('tracker/1')), undef, 'a 404');
is(etag(item('POST', $id)), undef, 'a 405');
is(etag(item('PUT', $id, body => tracker_text('a'))), undef, '409 of a PUT');
is(etag(item('PATCH', $id, body => '[]')), undef, '400 of a PATCH');
is(etag(item('OPTIONS', $id)), undef, 'OPTIONS');
is(etag(item('DELETE', $id)), undef, 'DELETE');



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
is(etag(get('trackers?name=other')), $etag, 'by name');
is(etag(get('trackers?limit=1')), $etag, 'a page');
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
--- scenario
my ($id, $etag) = create('n');
my $i = 0;

for my $form ('%s', 'W/%s', '"x", %s', '%s, "x"', '*') {
    my @match = (headers => ['If-Match: ' . $form =~ s/%s/$etag/r]);
    my $response = item('PUT', $id, @match,
                        body => tracker_text('n', 'phrase ' . $i++));

    is($response->{status}, 200, "PUT $form");
    isnt(etag($response), $etag, 'has another ETag');
    $etag = etag($response);

    @match = (headers => ['If-Match: ' . $form =~ s/%s/$etag/r]);
    $response = item('PATCH', $id, @match, body => describe($i++));
    is($response->{status}, 200, "PATCH $form");
    isnt(etag($response), $etag, 'has another ETag');
    $etag = etag($response);
}

is(item('DELETE', $id, headers => ["If-Match: W/$etag"])->{status}, 200,
   'DELETE');



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
--- scenario
my %body = (PUT => tracker_text('m'), PATCH => describe('d'), DELETE => '');

for my $method (sort keys %body) {
    is(item($method, '4503599627370496', body => $body{$method},
            headers => ["If-Match: $_"])->{status}, 404, "$method $_")
        for '"x"', '*';
}



=== of two who have read the same one writes
--- scenario
my ($id) = create('n');
my ($first, $second) = map { etag(get("tracker/$id")) } 1 .. 2;

my $response = item('PATCH', $id, body => describe('of the first'),
                    headers => ["If-Match: $first"]);
is($response->{status}, 200, 'the first');
is_unmatched(item('PUT', $id, body => tracker_text('n', 'of the second'),
                  headers => ["If-Match: $second"]), $id, 'the second');
is_unmatched(item('DELETE', $id, headers => ["If-Match: $second"]), $id,
             'a third');
is(item('PUT', $id, body => tracker_text('n', 'of the second'),
        headers => ['If-Match: ' . etag(get("tracker/$id"))])->{status}, 200,
   'after it has read again');



=== If-Match that does not match, on a read: 412
RFC 9110 section 13.1.1: for any method.
--- scenario
my ($id, $etag) = create('n');
my $list = list_etag();

for my $value ('"x"', '', substr($etag, 1, -1), '"x", "y"') {
    my $response = get("tracker/$id", "If-Match: $value");

    is($response->{status}, 412, "<$value>: status");
    is_message($response->{body}, "Tracker with id \"$id\" has changed.",
               $value);
    is(etag($response), undef, "<$value>: no ETag");

    $response = get('trackers', "If-Match: $value");
    is($response->{status}, 412, "list, <$value>: status");
    is_message($response->{body}, 'The list of trackers has changed.', $value);
}

for my $tag ('*', '"x", %s', 'W/%s') {
    is(get("tracker/$id", 'If-Match: ' . $tag =~ s/%s/$etag/r)->{status}, 200,
       $tag);
    is(get('trackers?name=n', 'If-Match: ' . $tag =~ s/%s/$list/r)->{status},
       200, "list, $tag");
}

is(item('HEAD', $id, headers => ['If-Match: "x"'])->{status}, 412, 'HEAD');
is(get("tracker/$id", 'If-Match: "x"', "If-None-Match: $etag")->{status}, 412,
   'it is the first to be looked at');
is(get("tracker/$id", "If-Match: $etag", "If-None-Match: $etag")->{status},
   304, 'then If-None-Match');
is(get('tracker/4503599627370496', 'If-Match: "x"')->{status}, 404,
   'no such tracker');



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
--- scenario
my ($id, $etag) = create('n');
my $old = 'Mon, 01 Jan 2001 00:00:00 GMT';
my $new = 'Fri, 01 Jan 2100 00:00:00 GMT';

for my $header ("If-Unmodified-Since: $old", "If-Modified-Since: $new",
                'If-Range: "x"', "If-Range: $etag", 'Range: bytes=0-3',
                "Range: bytes=0-3\r\nIf-Range: $etag")
{
    is(get("tracker/$id", $header)->{status}, 200, "a tracker, $header");
    is(get('trackers', $header)->{status}, 200, "the list, $header");
    is(item('HEAD', $id, headers => [$header])->{status}, 200,
       "HEAD, $header");
}

for my $header ('If-Match: "x"', 'If-None-Match: *',
                "If-Unmodified-Since: $old")
{
    is(item('OPTIONS', $id, headers => [$header])->{status}, 204,
       "OPTIONS, $header");
}



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
--- scenario
my $text = post('tracker', tracker_text('n'),
                headers => ['Idempotency-Key: once']);
my $first = exchange($text);
my $id = decode($first->{body})->{tracker}{id};

item('PATCH', $id, body => describe('d'));

my $again = exchange($text);
is($again->{body}, $first->{body}, 'the same answer');
is(etag($again), etag($first), 'the same ETag');



=== gzip weakens an ETag, which still matches
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        gzip on;
        gzip_types application/json;
        gzip_min_length 1;
    }
--- scenario
my ($id, $etag) = create('n');
my @gzip = ('Accept-Encoding: gzip');
my $response = get("tracker/$id", @gzip);

is(etag($response), "W/$etag", 'weak');
is(get("tracker/$id", @gzip, "If-None-Match: W/$etag")->{status}, 304, 'GET');
$response = item('PUT', $id, body => tracker_text('n', 'x'),
                 headers => [@gzip, "If-Match: W/$etag"]);
is($response->{status}, 200, 'PUT');
like(etag($response), qr{^W/"}, 'weak too');
is(item('DELETE', $id, headers => [@gzip, 'If-Match: ' . etag($response)])
       ->{status}, 200, 'DELETE');
