use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use Time::HiRes qw(sleep);

workers(2);

run_tests();

sub item {
    my ($method, $id, $body, %o) = @_;

    return exchange(request($method, "/v1/manage/tracker/$id",
                            body => $body, %o));
}

sub rename_to {
    return '[{"op":"replace","path":"/name","value":"' . $_[0] . '"}]';
}

# creates a tracker; its id
sub create {
    my ($text, %o) = @_;

    $text = tracker_text($text) unless $text =~ /^\{/;
    return decode(exchange(post('tracker', $text, %o))->{body})->{tracker}{id}
           // die "not created: $text\n";
}

sub record {
    my ($id, $account) = @_;

    return redis('GET', account_key($account // 'tester', "id:$id"));
}

sub name_key {
    my ($name) = @_;

    return redis('GET', account_key('tester', "name:$name"));
}

sub names {
    return join ' ', map { $_->{name} } @{decode(exchange(request(
               'GET', '/v1/manage/trackers'))->{body})->{trackers}};
}

sub is_refused {
    my ($response, $status, $message, $title) = @_;

    is($response->{status}, $status, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body}, $message, $title);
}

sub lock_is_free {
    is(redis('EXISTS', lock_key()), 0, "$_[0]: no lock is left");
}

__DATA__

=== PUT replaces a tracker, by singular and plural path
--- scenario
my $id = create('{"name":"n","description":"d","vocabulary":["a"],'
                . '"languages":["l"],"categories":["c"]}');

for my $path ("tracker/$id", "trackers/$id") {
    my $body = "{\"vocabulary\":[\"\\u00fc\",\"x\"],\"description\":\"$path\","
               . '"name":"n"}';
    my $response = exchange(request('PUT', "/v1/manage/$path", body => $body));
    my $want = "{\"id\":\"$id\",\"name\":\"n\",\"description\":\"$path\","
               . "\"vocabulary\":[\"\xc3\xbc\",\"x\"]}";

    is($response->{status}, 200, "$path: status");
    is($response->{body}, "{\"tracker\":$want}", "$path: the whole tracker");
    is($response->{headers}{'content-type'}, 'application/json', 'type');
    is(record($id), $want, 'what is stored');
}

lock_is_free('PUT');



=== what a PUT leaves out is gone
--- scenario
my $id = create('{"name":"n","description":"d","vocabulary":["a"],'
                . '"languages":["l"],"categories":["c"]}');

is(item('PUT', $id, '{"name":"n","languages":[],"vocabulary":["a"]}')->{body},
   "{\"tracker\":{\"id\":\"$id\",\"name\":\"n\",\"languages\":[],"
   . '"vocabulary":["a"]}}', 'two keys less');
is(item('PUT', $id, '{"name":"n","vocabulary":["a"]}')->{body},
   "{\"tracker\":{\"id\":\"$id\",\"name\":\"n\",\"vocabulary\":[\"a\"]}}",
   'one more');



=== a body id must be the path's
--- scenario
my $id = create('n');
my $other = create('m');
my $body = '{"id":%s,"name":"n","vocabulary":["x"]}';

is(item('PUT', $id, sprintf $body, "\"$id\"")->{status}, 200, 'the same');

for my $case (["\"$other\"", 'must be the id of the path'],
              ['"1"', 'must be the id of the path'],
              ['""', 'must be the id of the path'],
              ["\"$id \"", 'must be the id of the path'],
              [$id, 'must be a string'], ['null', 'must be a string'])
{
    my ($value, $message) = @$case;

    is_refused(item('PUT', $id, sprintf $body, $value), 400,
               "\"id\" $message", "id $value");
}



=== PUT is validated as POST is
--- scenario
my $id = create('n');
my $before = record($id);
my @cases = split /\n/, <<'END';
{"vocabulary":["v"]}
"name" is required
{"name":"","vocabulary":["v"]}
"name" is not allowed to be empty
{"name":1,"vocabulary":["v"]}
"name" must be a string
{"name":"n"}
"vocabulary" is required
{"name":"n","vocabulary":[]}
"vocabulary" is not allowed to be empty
{"name":"n","vocabulary":"v"}
"vocabulary" must be an array
{"name":"n","vocabulary":["a",""]}
"vocabulary[1]" is not allowed to be empty
{"name":"n","vocabulary":["a",1]}
"vocabulary[1]" must be a string
{"name":"n","vocabulary":["a","b","\u0061"]}
"vocabulary[2]" contains a duplicate value
{"name":"n","vocabulary":["v"],"description":null}
"description" must be a string
{"name":"n","vocabulary":["v"],"categories":null}
"categories" must be an array
{"name":"n","vocabulary":["v"],"languages":[1]}
"languages[0]" must be a string
{"name":"n","vocabulary":["v"],"foo":1}
"foo" is not allowed
{"name":"n","name":"n","vocabulary":["v"]}
Duplicate key at line 1 column 19.
{"name":"n","vocabulary":["v"]}x
Invalid JSON at line 1 column 32.
[{"name":"n","vocabulary":["v"]}]
Request body must be an object.
"n"
Invalid JSON at line 1 column 3.
END

while (my ($body, $message) = splice @cases, 0, 2) {
    my $response = item('PUT', $id, $body);

    # where jansson 2.14 and another see the fault may differ by a column
    s/column \d+/column C/ for $message, $response->{body};
    is_refused($response, 400, $message, $body);
}

is(record($id), $before, 'nothing was changed');
lock_is_free('PUT');



=== the limits: phrases hold for a PUT, the number of trackers does not
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 1;
        tracker_min_phrases 2;
        tracker_max_phrases 3;
        client_max_body_size 1m;
    }
--- scenario
my $id = create(tracker_text('n', 'a', 'b'));

is(item('PUT', $id, tracker_text('m', 'a', 'b', 'c'))->{status}, 200, 'three');
is_refused(item('PUT', $id, tracker_text('m', 1 .. 4)), 400,
           '"vocabulary" must contain at most 3 phrases, found 4', 'four');
is_refused(item('PUT', $id, tracker_text('m', 'a')), 400,
           '"vocabulary" must contain at least 2 phrases, found 1', 'one');
is(item('PATCH', $id, rename_to('o'))->{status}, 200, 'PATCH');



=== an id that is not there, or is none, is a 404
--- scenario
my $id = create('n', account => 'other');
my %body = (PUT => tracker_text('m'), PATCH => rename_to('m'));

for my $method (sort keys %body) {
    for my $none ($id, '4503599627370496', '1', 'bulk', 'x' x 16) {
        is_refused(item($method, $none, $body{$method}), 404,
                   "Tracker with id \"$none\" does not exist.",
                   "$method $none");
        lock_is_free("$method $none");
    }
}

is(redis('EXISTS', account_key('tester', 'name:m')), 0, 'no name was taken');



=== a new name moves the name key, the old name is free
--- scenario
my $id = create('first');
my $last = create('last');

for my $case ([PUT => tracker_text('second'), 'first', 'second'],
              [PATCH => rename_to('third'), 'second', 'third'],
              [PUT => tracker_text('THIRD'), 'third', 'THIRD'],
              [PATCH => rename_to('\u00fc \u0022'), 'THIRD', "\xc3\xbc \""])
{
    my ($method, $body, $old, $new) = @$case;
    my $rev = redis('GET', account_key('tester', 'rev'));

    is(item($method, $id, $body)->{status}, 200, "$method: from $old");
    is(name_key($new), $id, 'the new name key');
    is(name_key($old), undef, 'the old one is gone');
    like(names(), qr/^\Q@{[$new =~ s{\xc3\xbc}{\xfc}r]}\E last$/,
         'the place in the list stays');
    cmp_ok(redis('GET', account_key('tester', 'rev')), '>', $rev,
           'the revision');

    my $again = create($old);
    is(exchange(request('DELETE', "/v1/manage/tracker/$again"))->{status},
       200, 'the old name can be given again');
}

is(redis('ZCARD', account_key('tester', 'index')), 2, 'the index');



=== a name that exists is a 409, and both trackers stay as they were
--- scenario
my $id = create('a');
my $other = create('b');
my @before = map { record($_) } $id, $other;
my $long = 'x' x 150;

create($long);
my $rev = redis('GET', account_key('tester', 'rev'));

for my $case ([PUT => tracker_text('b')], [PATCH => rename_to('b')],
              [PUT => tracker_text('b', 'other', 'phrases')])
{
    is_refused(item(@$case[0], $id, @$case[1]), 409,
               'Tracker with name "b" already exists.', "@$case");
    lock_is_free("@$case");

    is_deeply(decode(item(@$case[0], $id, @$case[1])->{body})->{conflicts},
              [{ index => 0, name => 'b', id => $other }],
              "@$case - who has it");
}

is_refused(item('PUT', $id, tracker_text($long)), 409,
           'Tracker with name "' . 'x' x 100 . '..." already exists.', 'long');
is_refused(item('PATCH', $id, rename_to($long)), 409,
           'Tracker with name "' . 'x' x 100 . '..." already exists.', 'long');

is_deeply([map { record($_) } $id, $other], \@before, 'the records');
is(join(' ', map { name_key($_) } qw(a b)), "$id $other", 'the names');
is(redis('GET', account_key('tester', 'rev')), $rev, 'the revision');



=== a tracker keeps its own name
--- scenario
my $id = create('n');

is(item('PUT', $id, tracker_text('n', 'x'))->{status}, 200, 'PUT');
is(item('PATCH', $id, rename_to('n'))->{status}, 200, 'PATCH');
is(name_key('n'), $id, 'the name key');



=== two trackers change names by a third name
--- scenario
my ($a, $b) = map { create($_) } qw(a b);

is(item('PUT', $a, tracker_text('b'))->{status}, 409, 'not at once');
is(item('PUT', $a, tracker_text('c'))->{status}, 200, 'a to c');
is(item('PATCH', $b, rename_to('a'))->{status}, 200, 'b to a');
is(item('PUT', $a, tracker_text('b'))->{status}, 200, 'c to b');
is(names(), 'b a', 'each has the other\'s');
is(join(' ', map { name_key($_) // '-' } qw(a b c)), "$b $a -", 'the names');



=== a PUT of what is there changes nothing
--- scenario
my $id = create('n');
my $before = record($id);
my $rev = redis('GET', account_key('tester', 'rev'));

is(item('PUT', $id, tracker_text('n'))->{body}, "{\"tracker\":$before}",
   'the same answer');
is(item('PUT', $id, $before)->{body}, "{\"tracker\":$before}",
   'the tracker itself');
is(redis('GET', account_key('tester', 'rev')), $rev, 'no revision more');
lock_is_free('PUT');



=== PUT and PATCH are refused while another writes
--- scenario
my $id = create('n');
my $before = record($id);
my %body = (PUT => tracker_text('m'), PATCH => rename_to('m'));

hold_lock();

for my $method (sort keys %body) {
    my $response = item($method, $id, $body{$method});

    is_refused($response, 429, 'Too many requests: the account has reached '
               . 'its limit of 1 concurrent request.', $method);
    is($response->{headers}{'retry-after'}, 1, "$method: Retry-After");

    my $sock = connect_nginx();
    send_bytes($sock, request($method, "/v1/manage/tracker/$id",
                              length => 1000));
    is(read_response($sock)->{status}, 429, "$method: before the body");
    is(read_rest($sock), '', "$method: closed");
}

is(redis('GET', lock_key()), 'held by the test', 'the lock is its owner\'s');
is(record($id), $before, 'the record');

redis('DEL', lock_key());
is(item('PUT', $id, $body{PUT})->{status}, 200, 'when it is free');



=== a write whose body still comes holds the lock
--- scenario
my $id = create('n');
my $n = 0;

for my $case ([PUT => tracker_text('m')], [PATCH => rename_to('o')]) {
    my ($method, $body) = @$case;
    my $text = request($method, "/v1/manage/tracker/$id", body => $body);
    my $sock = connect_nginx();

    $n++;
    send_bytes($sock, substr $text, 0, -5);
    wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');

    is(exchange(post('tracker', tracker_text("a$n")))->{status}, 429,
       "$method: a POST");
    is(item('PUT', $id, tracker_text('x'))->{status}, 429, "$method: a PUT");
    is(item('GET', $id, '')->{status}, 200, "$method: a GET");

    send_bytes($sock, substr $text, -5);
    is(read_response($sock)->{status}, 200, "$method: done");
    lock_is_free($method);
}



=== the lock is free when the answer is there, whatever the status
--- scenario
my $id = create('n');
my $taken = create('taken');
my $sock = connect_nginx();
my $large = tracker_text('n', map { "phrase $_" } 1 .. 20_000);

for my $case ([200, PUT => tracker_text('m')], [200, PATCH => rename_to('n')],
              [409, PUT => tracker_text('taken')], [400, PUT => '{'],
              [409, PATCH => rename_to('taken')], [400, PATCH => '[1]'],
              [400, PATCH => '[{"op":"remove","path":"/name"}]'],
              [200, PUT => $large], [200, PATCH => rename_to('m')],
              [400, PUT => "$large]"], [200, PUT => tracker_text('n')])
{
    my ($status, $method, $body) = @$case;

    send_bytes($sock, request($method, "/v1/manage/tracker/$id",
                              body => $body));
    is(read_response($sock)->{status}, $status, "$method: $status");
    lock_is_free("$method $status");
}



=== tracker_lock off
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        client_max_body_size 1m;
    }
--- scenario
my $id = create('n');

hold_lock();
is(item('PUT', $id, tracker_text('m'))->{status}, 200, 'PUT');
is(item('PATCH', $id, rename_to('o'))->{status}, 200, 'PATCH');
is(item('PATCH', $id, rename_to('o'))->{status}, 200, 'PATCH to the same');
is(item('PUT', '4503599627370496', tracker_text('x'))->{status}, 404, 'none');
is(redis('GET', lock_key()), 'held by the test', 'the lock is not touched');



=== the order of checks
--- scenario
my $id = create('n');
my $path = "/v1/manage/tracker/$id";
my $none = '/v1/manage/tracker/4503599627370496';
my $large = 2_000_000;

hold_lock();

for my $case (
    [413, "/v1/manage/x", length => $large, token => undef],
    [413, '/v1/manage/tracker', length => $large],
    [404, '/v1/manage/x', token => undef, type => undef],
    [405, '/v1/manage/tracker', token => undef, type => undef],
    [401, $path, token => undef, type => undef, body => '{'],
    [401, '/v1/manage/tracker/1', token => undef],
    [404, '/v1/manage/tracker/1', type => undef, body => '{'],
    [400, $path, type => undef, body => '{', 'Content-Type'],
    [400, $none, type => undef, body => '{', 'Content-Type'],
    [400, $path, type => undef, 'Request body'],
    [400, $path, body => '{', 'Invalid JSON'],
    [400, $none, body => '1{', 'Invalid JSON'],
    [429, $path, length => 100],
    [429, $none, length => 100],
    [429, $none, body => tracker_text('m')],
)
{
    my ($status, $path, @o) = @$case;
    my $message = @o % 2 ? pop @o : '';

    for my $method (qw(PUT PATCH)) {
        my $response = exchange(request($method, $path, @o) =~
            s/\Q@{[tracker_text('m')]}\E$/$method eq 'PUT' ? $& :
              '[{"op":"remove","path":"\/name"}]'/er);

        is($response->{status}, $status,
           "$method: $status " . join ' ', map { $_ // 'undef' } @o);
        like($response->{body}, qr/$message/, "$method: message") if $message;
    }
}

redis('DEL', lock_key());
is(item('PUT', '4503599627370496', tracker_text('n'))->{status}, 404,
   'the tracker before its name');



=== bodies come as those of a POST
--- scenario
my $id = create('n');
my $path = "/v1/manage/tracker/$id";
my $i = 0;

for my $method (qw(PUT PATCH)) {
    my $next = sub {
        $i++;
        $method eq 'PUT' ? tracker_text("n$i") : rename_to("n$i");
    };
    my $is_done = sub {
        my ($response, $title) = @_;
        is(($response->{status} // 0) . ' ' . ($response->{body} =~
           /"name":"(\w+)"/)[0], "200 n$i", "$method: $title");
    };

    for my $size (1, 7, 1000) {
        my $body = $next->();
        $is_done->(item($method, $id, '', chunks =>
                        [$body =~ /(.{1,$size})/gs]), "chunks of $size");
    }

    my $sock = connect_nginx();
    for my $byte (split //, request($method, $path, body => $next->())) {
        send_bytes($sock, $byte);
        sleep 0.0005;
    }
    $is_done->(read_response($sock), 'byte by byte');

    $sock = connect_nginx();
    my $body = $next->();
    send_bytes($sock, request($method, $path, length => length $body,
                              headers => ['Expect: 100-continue']));
    is(read_response($sock)->{status}, 100, "$method: Expect");
    is(redis('EXISTS', lock_key()), 1, "$method: the lock is taken");
    send_bytes($sock, $body);
    $is_done->(read_response($sock), 'Expect');

    $sock = connect_nginx();
    send_bytes($sock, join '', map { request($method, $path,
                                             body => $next->()) } 1 .. 4);
    read_response($sock) for 1 .. 3;
    $is_done->(read_response($sock), 'pipelined');
    lock_is_free($method);
}



=== the body of a refused one is not taken for a request
--- scenario
my $id = create('n');
my $hidden = request('DELETE', "/v1/manage/tracker/$id");

for my $method (qw(PUT PATCH)) {
    my @refused = (request($method, '/v1/manage/tracker/1', body => $hidden),
                   request($method, "/v1/manage/tracker/$id", body => $hidden),
                   request($method, "/v1/manage/tracker/$id", body => $hidden,
                           type => 'text/plain'),
                   request($method, '/v1/manage/tracker', chunks => [$hidden]));
    my $sock = connect_nginx();

    send_bytes($sock, join '', @refused, request('GET', '/v1/manage/trackers'));
    is(join(' ', map { read_response($sock)->{status} } @refused),
       '404 400 400 405', "$method: refused");
    like(read_response($sock)->{body}, qr/"$id"/, "$method: the next");
}



=== 1,048,576 bytes pass, one more does not
--- scenario
my $id = create('n');
my $text = tracker_text('n', '');

substr $text, index($text, '""') + 1, 0, 'x' x (1_048_576 - length $text);

for my $o ([], [chunks => [$text =~ /(.{1,60000})/gs]]) {
    my $response = item('PUT', $id, @$o ? '' : $text, @$o);

    is($response->{status}, 200, "PUT @{[$$o[0] // 'by length']}");
    is(length decode($response->{body})->{tracker}{vocabulary}[0],
       length decode($text)->{vocabulary}[0], 'all of it');
}

my $change = '[{"op":"add","path":"/vocabulary/0","value":"%s"},'
             . '{"op":"remove","path":"/vocabulary/1"}]';
$change = sprintf $change, 'y' x (1_048_576 - length($change) + 2);
is(item('PATCH', $id, $change)->{status}, 200, 'PATCH');

for my $case ([PUT => "$text "], [PATCH => "$change "]) {
    my ($method, $body) = @$case;

    for my $o ([length => length $body],
               [chunks => [$body =~ /(.{1,60000})/gs]])
    {
        my $sock = connect_nginx();

        send_bytes($sock, request($method, "/v1/manage/tracker/$id", @$o));
        is_refused(read_response($sock), 413,
                   'Request body exceeds the limit of 1048576 bytes.',
                   "$method, $$o[0]");
        wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');
    }
}

is(item('GET', $id, '')->{headers}{'content-length'},
   length(record($id)) + length('{"tracker":}'), 'GET');
is(item('PATCH', $id, rename_to('m'))->{status}, 200, 'a large one is renamed');
is(item('DELETE', $id, '')->{status}, 200, 'and deleted');



=== a body that stops is a 408
--- config
    location /v1/manage/ {
        tracker_api;
        client_body_timeout 1s;
        client_max_body_size 1m;
    }
--- scenario
my %id = map { $_ => create('n', account => $_) } qw(PUT PATCH);
my %sock;

for my $method (sort keys %id) {
    $sock{$method} = connect_nginx();
    send_bytes($sock{$method},
               request($method, "/v1/manage/tracker/$id{$method}",
                       account => $method, length => 100));
}

for my $method (sort keys %id) {
    is_refused(read_response($sock{$method}), 408,
               'The request body did not arrive in time.', $method);
    is(read_rest($sock{$method}), '', "$method: closed");
    is(redis('EXISTS', lock_key($method)), 0, "$method: no lock is left");
}



=== an Idempotency-Key is for POST only
--- scenario
my $id = create('n');
my @key = (headers => ['Idempotency-Key: k']);

is(item('PUT', $id, tracker_text('a'), @key)->{status}, 200, 'PUT');
is(item('PUT', $id, tracker_text('b'), @key)->{status}, 200, 'another');
is(item('PATCH', $id, rename_to('c'), @key)->{status}, 200, 'PATCH');
is(item('PUT', $id, tracker_text('d'), headers => ["Idempotency-Key: " .
                                                   'x' x 300])->{status},
   200, 'one that is too long');
is(item('DELETE', $id, '', @key)->{status}, 200, 'DELETE');
is(scalar @{redis('KEYS', '*idem:*')}, 0, 'nothing is kept');



=== HTTP/2
--- h2_server
--- scenario
my $id = create('n');

for my $size (10, 300_000) {
    my $got = nghttp("/v1/manage/tracker/$id", tracker_text('m', 'x' x $size),
                     '-H', ':method: PUT');
    is($got->{status}, 200, "PUT of $size bytes");
    is(decode(record($id))->{vocabulary}[0], 'x' x $size, 'stored');
}

my $got = nghttp("/v1/manage/tracker/$id", rename_to('o'),
                 '-H', ':method: PATCH');
is($got->{status}, 200, 'PATCH');
is(name_key('o'), $id, 'the name');



=== a record that is no tracker is a 500
--- scenario
my $id = create('n');
my $key = account_key('tester', "id:$id");

for my $record ('x', '{', '[]', '{"id":"1"}', "{\"id\":\"$id\"}",
                "{\"id\":\"$id\",\"name\":1,\"vocabulary\":[\"a\"]}")
{
    redis('SET', $key, $record);

    for my $case ([PUT => tracker_text('m')], [PATCH => rename_to('m')],
                  [DELETE => ''])
    {
        is_refused(item(@$case[0], $id, @$case[1]), 500,
                   'Internal server error.', "@$case[0] $record");
        lock_is_free("@$case[0] $record");
    }

    is(redis('GET', $key), $record, 'it stays');
}



=== without Redis a change is a 502, with a silent one a 504
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_timeout 500ms;
        client_max_body_size 1m;
    }
--- scenario
my $id = create('n');
my @cases = ([PUT => tracker_text('m')], [PATCH => rename_to('m')],
             [DELETE => '']);

pause_redis();
for (@cases) {
    my $response = item(@$_[0], $id, @$_[1]);
    is_refused($response, silence($response), @$_[0]);
}
resume_redis();

stop_redis();
is_refused(item(@$_[0], $id, @$_[1]), 502,
           'The tracker store did not acknowledge the request.', @$_[0])
    for @cases;
is(item('PUT', $id, '{')->{status}, 400, 'what needs no Redis needs none');



=== a client that goes away leaves no lock
--- scenario
my $id = create('n');

for my $i (1 .. 5) {
    for my $method (qw(PUT PATCH)) {
        my $sock = connect_nginx();

        send_bytes($sock, request($method, "/v1/manage/tracker/$id",
                                  length => 100 * $i) . '{"na');
        wait_until(sub { redis('EXISTS', lock_key()) }, 'the lock is taken');
        close $sock;
        wait_until(sub { !redis('EXISTS', lock_key()) }, 'it is free');
    }
}

for my $i (1 .. 10) {
    my $sock = connect_nginx();

    send_bytes($sock, request('PUT', "/v1/manage/tracker/$id",
                              body => tracker_text("n$i")));
    close $sock;
}

wait_until(sub {
    item('PUT', $id, tracker_text('last'))->{status} == 200;
}, 'the account is free');
wait_until(sub { !redis('EXISTS', lock_key()) }, 'no lock is left');
is_deeply(redis('KEYS', '*name:*'), [account_key('tester', 'name:last')],
          'one name');
