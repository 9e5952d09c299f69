use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# What a request says beside its method, its path and its body: arguments and
# header lines.  Conditions are in etag.t, Idempotency-Key in idempotency.t,
# Expect in body.t.

write_apps(app1 => 'secret');

run_tests();

sub item {
    my ($method, $id, %o) = @_;

    return exchange(request($method, "/v1/manage/tracker/$id", %o));
}

sub create {
    return is_created(exchange(post('tracker', tracker_text($_[0]))), $_[0],
                      "created $_[0]");
}

# One write of each kind, with the trailing options of request(): the name of
# the call, the text of the request.
sub writes {
    my ($id, $args, @options) = @_;
    my $one = tracker_text('m');

    return map { ["$_->[0] $_->[1]",
                  request($_->[0], "/v1/manage/$_->[1]$args",
                          body => $_->[2], @options)] }
        [POST => 'tracker', $one], [POST => 'trackers', $one],
        [POST => 'trackers', "[$one]"], [POST => 'trackers/bulk', "[$one]"],
        [PUT => "tracker/$id", $one], [PUT => "trackers/$id", $one],
        [PATCH => "tracker/$id",
         '[{"op":"add","path":"/description","value":"d"}]'],
        [DELETE => "tracker/$id", ''];
}

# Each of these writes is refused with that sentence, and nothing was done.
sub are_refused {
    my ($message, @writes) = @_;
    my $record = stored();

    for my $write (@writes) {
        my ($name, $text) = @$write;
        my $response = exchange($text);

        is($response->{status}, 400, "$name: status");
        is_message($response->{body}, ref $message ? $message->($name)
                                                   : $message, $name);
    }

    is(stored(), $record, 'nothing was done');
    is(redis('EXISTS', lock_key()), 0, 'no lock is left');
}

# all that the account has
sub stored {
    return exchange(request('GET', '/v1/manage/trackers'))->{body};
}

__DATA__

=== an argument that a write does not know is refused, and named
--- scenario
my $id = create('n');

are_refused("\"$_\" is not allowed.", writes($id, "?$_=x"))
    for qw(validateOnly name limit cursor id);

# for imports these are arguments
are_refused("\"$_\" is not allowed.",
            grep { $_->[0] !~ m{^POST trackers} } writes($id, "?$_=true"))
    for qw(dryRun on_conflict rest);



=== it is named as it was sent, cut where it is long
--- scenario
my $id = create('n');

for my $case (['?a', 'a'], ['?a&b=1', 'a'], ['?&&b=1&a', 'b'],
              ['?a=b=c', 'a'], ['?=x', ''], ['?on%5Fconflict=x',
                                            'on%5Fconflict'],
              ["?\xfc=1", '%FC'], ["?\xc3\xbc\x80", '%C3%BC%80'],
              ['?a"b\\c', 'a"b\\c'], ['??', '?'],
              ['?' . 'x' x 100, 'x' x 100],
              ['?' . "\xff" x 101, '%FF' x 100 . '...'],
              ['?' . 'x' x 5000 . '=1', 'x' x 100 . '...'])
{
    my ($args, $name) = @$case;

    are_refused("\"$name\" is not allowed.", (writes($id, $args))[0, 7]);
}



=== no argument is none
--- scenario
for my $args ('', '?', '?&', '?&&') {
    my $id = create('n');

    is(item('PUT', $id . $args, body => tracker_text('m'))->{status}, 200,
       "PUT $args");
    is(item('DELETE', $id . $args)->{status}, 200, "DELETE $args");
    is_created(exchange(post("tracker$args", tracker_text("p$args"))),
               "p$args", "POST $args");
}



=== path, token and id are looked at before arguments, the body is after them
--- scenario
my $args = '?dryRun=true';

is(exchange(post("x$args", '{}'))->{status}, 404, 'path');
is(item('POST', "4503599627370496$args", body => '{}')->{status}, 405,
   'method');
is(exchange(post("tracker$args", '{}', token => 'bad'))->{status}, 401,
   'token');
is(item('DELETE', "1$args")->{status}, 404, 'an id that is none');
are_refused('"dryRun" is not allowed.',
            ['type', post("tracker$args", '{}', type => 'text/plain')],
            ['no body', post("tracker$args", '')],
            ['body', post("tracker$args", '{')],
            ['no such tracker',
             request('DELETE', "/v1/manage/tracker/4503599627370496$args")]);



=== reads, the login and OPTIONS ignore what they do not know
--- scenario
my $id = create('n');

for my $path ('trackers?dryRun=true', "tracker/$id?dryRun=true") {
    is(exchange(request($_, "/v1/manage/$path"))->{status},
       $_ eq 'OPTIONS' ? 204 : 200, "$_ $path") for qw(GET HEAD OPTIONS);
}

my $login = login_request('app1', 'secret');

is(exchange($login =~ s/ HTTP/?dryRun=true HTTP/r)->{status}, 200, 'login');



=== arguments for another module are taken away by the site
As README says.
--- config
    location /v1/manage/ {
        if ($arg_key != "letmein") {
            return 403;
        }

        set $args "";

        tracker_api;
        client_max_body_size 1m;
    }
--- exchanges
POST /v1/manage/tracker?key=letmein&x=1 {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker?key=no {"name":"m","vocabulary":["phrase"]}
403



=== a body that is encoded is refused, whatever it holds
--- scenario
my $id = create('n');
my @writes = grep { $_->[0] !~ /DELETE/ } writes($id, '');

for my $case ([gzip => 'gzip'], [GZIP => 'GZIP'], [br => 'br'],
              ['identity, gzip' => 'gzip'], ['gzip, br' => 'gzip'],
              [", \t deflate \t," => 'deflate'], ['x gzip' => 'x gzip'],
              ["identity\r\nContent-Encoding: zstd" => 'zstd'],
              ["gzip\r\ncontent-encoding: identity" => 'gzip'],
              ["\xff" => '%FF'], ['x' x 101 => 'x' x 100 . '...'])
{
    my ($value, $coding) = @$case;

    are_refused("Content-Encoding \"$coding\" is not supported.",
                map { [$_->[0], $_->[1] =~ s/\r\n/\r\nContent-Encoding: $value\r\n/r] }
                    @writes);
}

use IO::Compress::Gzip qw(gzip);

gzip(\tracker_text('m') => \my $body);
are_refused('Content-Encoding "gzip" is not supported.',
            ['gzip', post('tracker', $body,
                          headers => ['Content-Encoding: gzip'])]);



=== a login that is encoded is refused
--- scenario
my @gzip = (headers => ['Content-Encoding: gzip']);
my $response = exchange(login_request('app1', 'secret', @gzip));

is($response->{status}, 400, 'status');
is_message($response->{body}, 'Content-Encoding "gzip" is not supported.',
           'login');
is(exchange(login_request('app1', 'secret',
                          headers => ['Content-Encoding: identity']))
       ->{status}, 200, 'identity');



=== identity is no encoding
--- scenario
my $id = create('n');

for my $value ('identity', 'Identity', '', ' , identity,',
               "identity\r\nContent-Encoding: identity")
{
    my @coding = (headers => ["Content-Encoding: $value"]);

    is(item('PUT', $id, body => tracker_text('n'), @coding)->{status}, 200,
       "PUT <$value>");
    is(item($_, $id, @coding)->{status}, 200, "$_ <$value>")
        for qw(GET HEAD);
    is(exchange(request('GET', '/v1/manage/openapi.yaml', @coding))->{status},
       200, "the description <$value>");
}

is(item('DELETE', $id, body => 'x', headers =>
        ['Content-Encoding: identity'])->{status}, 200, 'DELETE');



=== a read or a DELETE that is encoded is refused, also without a body
--- scenario
my $id = create('n');
my @gzip = (headers => ['Content-Encoding: gzip']);
my $sock = connect_nginx();

for my $path ("tracker/$id", "trackers/$id", 'trackers', 'tracker',
              'trackers?name=n', 'trackers?limit=1', 'openapi.yaml')
{
    my $head = exchange(request('HEAD', "/v1/manage/$path", @gzip));

    is($head->{status}, 400, "HEAD $path");
    is($head->{body}, '', "HEAD $path: no body");

    for my $body ('', 'x') {
        my $response = exchange(request('GET', "/v1/manage/$path", @gzip,
                                        body => $body), $sock);

        is($response->{status}, 400, "GET $path <$body>");
        is_message($response->{body},
                   'Content-Encoding "gzip" is not supported.',
                   "GET $path <$body>");
    }
}

are_refused('Content-Encoding "gzip" is not supported.',
            map { ["DELETE <$_>", request('DELETE', "/v1/manage/tracker/$id",
                                          @gzip, body => $_)] } '', 'x');

is(exchange(request('GET', '/v1/manage/trackers', @gzip, token => 'bad'))
       ->{status}, 401, 'the token comes before');
is(item($_, '1', @gzip)->{status}, 404, "$_: so does an id that is none")
    for qw(GET DELETE);
is(item('OPTIONS', $id, @gzip)->{status}, 204, 'OPTIONS comes before all');



=== an encoded body is not read before it is refused
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '', length => 100, headers =>
                       ['Content-Encoding: gzip', 'Expect: 100-continue']));
is(read_response($sock)->{status}, 400, 'no 100');

my $small = post('tracker', tracker_text('n'),
                 headers => ['Content-Encoding: gzip']);

$sock = connect_nginx();
is(exchange($small, $sock)->{status}, 400, 'a small one');
is_created(exchange(post('tracker', tracker_text('n')), $sock), 'n',
           'the connection goes on');



=== a header that would give a write another meaning is refused
RFC 9110 section 14.5: a Content-Range on a PUT means a part of the tracker.
--- scenario
my $id = create('n');
my %headers = (
    'Content-Range' => 'bytes 0-9/100',
    'X-HTTP-Method-Override' => 'PATCH',
    'X-HTTP-Method' => 'DELETE',
    'X-Method-Override' => 'GET',
);

for my $name (sort keys %headers) {
    are_refused(sub { "$name is not supported with @{[split / .*/, $_[0]]}." },
                writes($id, '', headers => [lc "$name: $headers{$name}"]));
}

is(item($_, $id, headers => ['X-HTTP-Method-Override: DELETE'])->{status}, 200,
   "a $_ stays one") for qw(GET HEAD);



=== headers that a server may pass over are passed over
Range: RFC 9110 section 14.2; Expect: 10.1.1; TE, Upgrade: hop by hop; Prefer:
RFC 7240 section 2; Accept: 12.4.1.  Idempotency-Key is for POST.
--- scenario
my @headers = (
    'Range: bytes=0-3', 'Expect: 200-ok', 'TE: trailers',
    "Upgrade: h2c\r\nConnection: upgrade", 'Prefer: return=other, wait=9',
    'Prefer: handling=strict, respond-async', 'Accept: text/html',
    'Accept-Charset: utf-16', 'Accept-Language: de',
    'Cache-Control: only-if-cached', 'Max-Forwards: 0', 'Early-Data: 1',
    'Content-Language: de', 'Content-Location: /x', 'Content-MD5: x',
    'Digest: x', 'Origin: null', 'Cookie: a=b', 'Date: x', 'Overwrite: F',
);

for my $header (@headers) {
    my @all = (headers => [$header]);
    my $response = exchange(post('tracker', tracker_text($header), @all));
    my $id = is_created($response, $header, "POST, $header");

    is(item('GET', $id, @all)->{body}, $response->{body}, "GET, $header");
    is(item('PUT', $id, @all, body => tracker_text($header, 'x'))->{status},
       200, "PUT, $header");
    is(item('PATCH', $id, @all,
            body => '[{"op":"add","path":"/description","value":"d"}]')
           ->{status}, 200, "PATCH, $header");
    is(item('DELETE', $id, @all)->{status}, 200, "DELETE, $header");
}



=== Idempotency-Key is for POST: others do not look at it
--- scenario
my $id = create('n');

for my $key ('', 'k') {
    my @key = (headers => ["Idempotency-Key: $key"]);

    is(item('PUT', $id, @key, body => tracker_text('n', $_))->{status}, 200,
       "PUT <$key> $_") for 1, 2;
    is(item('PATCH', $id, @key, body =>
            "[{\"op\":\"add\",\"path\":\"/description\",\"value\":\"$_\"}]")
           ->{status}, 200, "PATCH <$key> $_") for 1, 2;
}

my @key = (headers => ['Idempotency-Key: k']);

is(item('DELETE', $id, @key)->{status}, 200, 'DELETE');
is(item('DELETE', $id, @key)->{status}, 404, 'and again');



=== a charset means nothing, and never that other bytes are taken
RFC 8259 section 11.
--- scenario
my $i = 0;

for my $charset (qw(utf-8 utf-16 iso-8859-1)) {
    my $type = "application/json; charset=$charset";
    my $text = tracker_text('n' . $i++, 'x') =~ s/x/\xc3\xbc/r;
    my $response = exchange(post('tracker', $text, type => $type));

    is(decode($response->{body})->{tracker}{vocabulary}[0], "\x{fc}",
       "$charset: UTF-8");
    like(exchange(post('tracker', $text =~ s/\xc3\xbc/\xfc/r, type => $type))
             ->{body}, qr/Invalid JSON/, "$charset: Latin-1");
    like(exchange(post('tracker', $text =~ s/(.)/\0$1/gsr, type => $type))
             ->{body}, qr/Invalid JSON/, "$charset: UTF-16");
}



=== a Content-Type that is sent twice is JSON twice
nginx 1.22 keeps the first line.
--- scenario
my $json = 'application/json';
my $more = "\r\nContent-Type: ";

are_refused('Content-Type must be application/json.',
            map { [$_, post('tracker', tracker_text('n'), type => $_)] }
                "$json${more}text/plain", "text/plain$more$json",
                "$json$more$json${more}x");
is_created(exchange(post('tracker', tracker_text('n'),
                         type => "$json$more$json")), 'n', 'the same');
is(exchange(login_request('app1', 'secret', type => "$json${more}text/plain"))
       ->{status}, 400, 'a login');
