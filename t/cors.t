use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Cwd qw(abs_path);

# conf/cors.conf, with a client that does what a browser does: it asks first
# where it must, and gives the page what the answer allows.

BEGIN { $ENV{TEST_NGINX_CORS} = abs_path('conf/cors.conf') }

no_root_location();
write_apps(app1 => 'secret');

our $HTTP = <<'CONFIG';
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_token_apps $TEST_NGINX_APPS;
    limit_req_zone $server_name zone=requests:1m rate=1r/m;
CONFIG

our $CONFIG = <<'CONFIG';
    include $TEST_NGINX_CORS;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1000;
    }

    location = /oauth2/token:generate {
        tracker_token;
        client_max_body_size 1000;
    }

    location /denied/ {
        tracker_api;
        client_max_body_size 1000;
        deny all;
    }

    location /limited/ {
        tracker_api;
        client_max_body_size 1000;
        limit_req zone=requests;
    }
CONFIG

use constant ORIGIN => 'https://app.example.com';

run_tests();

# the rules of the Fetch standard
my %SAFE_METHODS = map { $_ => 1 } qw(GET HEAD POST);
my %SAFE_HEADERS = map { $_ => 1 } qw(accept accept-language);

sub list_of {
    my ($response, $name) = @_;

    return map { lc } split /\s*,\s*/, $response->{headers}{$name} // '';
}

sub shared_with {
    my ($origin, $response) = @_;

    return ($response->{headers}{'access-control-allow-origin'} // '')
           eq $origin;
}

# May a page of that origin send this?  headers: names, in lower case.
sub preflight {
    my ($origin, $method, $path, @headers) = @_;
    my $names = join ',', sort grep { !$SAFE_HEADERS{$_} } @headers;
    my $response = exchange(request('OPTIONS', $path, token => undef,
        type => undef, headers => ["Origin: $origin",
        "Access-Control-Request-Method: $method",
        $names eq '' ? () : "Access-Control-Request-Headers: $names"]));
    my %methods = map { $_ => 1 }
                  list_of($response, 'access-control-allow-methods');
    my %names = map { $_ => 1 }
                list_of($response, 'access-control-allow-headers');

    return $response->{status} =~ /^2/
           && shared_with($origin, $response)
           && ($SAFE_METHODS{$method} || $methods{lc $method})
           && !grep { !$names{$_} } split /,/, $names;
}

# What the page gets to see: undef, a network error; or status, body and the
# headers that are exposed.
sub fetch {
    my ($origin, $method, $path, %o) = @_;
    my @names = map { lc s/:.*//r } @{$o{headers} // []};

    push @names, 'authorization' unless exists $o{token} && !$o{token};
    push @names, 'content-type' if defined $o{body};

    return undef unless preflight($origin, $method, $path, @names);

    push @{$o{headers}}, "Origin: $origin";
    $o{type} = undef unless defined $o{body};

    my $sock = connect_nginx();
    send_bytes($sock, request($method, $path, %o));
    my $response = read_response($sock, $method);

    return undef unless shared_with($origin, $response);

    my %exposed = map { $_ => 1 } 'content-type', 'content-length',
        'cache-control', list_of($response, 'access-control-expose-headers');
    my $headers = $response->{headers};

    return { %$response, headers => { map { $_ => $headers->{$_} }
                                      grep { $exposed{$_} }
                                      keys %$headers } };
}

__DATA__

=== a page of the named origin does everything
--- http_config eval: $::HTTP
--- config eval: $::CONFIG
--- scenario
my $base = '/v1/manage';
my $login = fetch(ORIGIN, 'POST', '/oauth2/token:generate', token => undef,
    body => '{"type":"application","appId":"app1","appSecret":"secret"}');
my @token = (token => decode($login->{body})->{accessToken});

my $response = fetch(ORIGIN, 'POST', "$base/tracker", @token,
                     body => tracker_text('n'),
                     headers => ['Idempotency-Key: k']);
my $id = is_created($response, 'n', 'create');
is($response->{headers}{location}, "$base/tracker/$id",
   'the page sees the Location');

$response = fetch(ORIGIN, 'GET', "$base/tracker/$id", @token);
my $etag = $response->{headers}{etag};
is($response->{status}, 200, 'GET');
ok($etag, 'the page sees the ETag');

is(fetch(ORIGIN, 'GET', "$base/tracker/$id", @token,
         headers => ["If-None-Match: $etag"])->{status}, 304, 'a 304');
is(fetch(ORIGIN, 'HEAD', "$base/tracker/$id", @token)->{status}, 200, 'HEAD');
is(fetch(ORIGIN, 'PUT', "$base/tracker/$id", @token,
         body => tracker_text('m'),
         headers => ["If-Match: $etag"])->{status}, 200, 'PUT');
is(fetch(ORIGIN, 'PATCH', "$base/tracker/$id", @token,
         body => '[{"op":"add","path":"/description","value":"d"}]')
   ->{status}, 200, 'PATCH');
is(fetch(ORIGIN, 'GET', "$base/trackers?name=m", @token)->{status}, 200,
   'list');
is(fetch(ORIGIN, 'DELETE', "$base/tracker/$id", @token)->{status}, 200,
   'DELETE');
is(fetch(ORIGIN, 'POST', "$base/trackers", token => undef,
         body => '[' . tracker_text('k') . ']',
         headers => ["X-Api-Key: $token[1]"])->{status}, 200, 'x-api-key');



=== it can read errors, whoever answers them
--- http_config eval: $::HTTP
--- config eval: $::CONFIG
--- scenario
my $base = '/v1/manage';
my $id = is_created(fetch(ORIGIN, 'POST', "$base/tracker",
                          body => tracker_text('n')), 'n', 'create');
my @put = ('PUT', "$base/tracker/$id", body => tracker_text('n'));
my @errors = (
    [400, 'POST', "$base/tracker", body => '{'],
    [401, 'GET', "$base/trackers", token => 'bad'],
    [401, 'POST', '/oauth2/token:generate', token => undef, body =>
        '{"type":"application","appId":"app1","appSecret":"x"}'],
    [404, 'GET', "$base/tracker/4503599627370496"],
    [405, 'PUT', "$base/trackers", body => '{}'],
    [409, 'POST', "$base/tracker", body => tracker_text('n')],
    [412, @put, headers => ['If-Match: "x"']],
    [413, 'POST', "$base/tracker", body => ' ' x 1001],
    [413, 'POST', "$base/tracker", chunks => [' ' x 1001], body => ''],
    [413, 'POST', '/oauth2/token:generate', body => ' ' x 1001],
    [403, 'GET', '/denied/trackers'],
);

for my $error (@errors) {
    my ($status, @request) = @$error;
    my $response = $request[1] =~ /denied/
                   ? without_preflight(@request) : fetch(ORIGIN, @request);

    is($response->{status}, $status, "$status: $request[0] $request[1]");
    ok(decode($response->{body})->{message}, "$status: a message");
}

is(fetch(ORIGIN, 'GET', "$base/trackers", token => 'bad')
   ->{headers}{'www-authenticate'}, 'Bearer error="invalid_token"',
   'WWW-Authenticate');

hold_lock();
my $response = fetch(ORIGIN, 'POST', "$base/tracker",
                     body => tracker_text('m'));
is($response->{status}, 429, 'status of a 429');
is($response->{headers}{'retry-after'}, 1, 'Retry-After');

is(without_preflight('GET', '/limited/trackers')->{status}, 200, 'not limited');
is(without_preflight('GET', '/limited/trackers')->{status}, 503, 'limited');

stop_redis();
is(fetch(ORIGIN, 'GET', "$base/trackers")->{status}, 502, 'no Redis');
start_redis();

# a browser that has asked already
sub without_preflight {
    my ($method, $path) = @_;
    my $response = exchange(request($method, $path, type => undef,
                                    headers => ['Origin: ' . ORIGIN]));

    return shared_with(ORIGIN, $response) ? $response : undef;
}



=== a page of another origin does nothing
--- http_config eval: $::HTTP
--- config eval: $::CONFIG
--- scenario
for my $origin ('https://evil.example.com', 'http://app.example.com',
                'https://app.example.com.evil.example', 'null',
                'https://app.example.com:8443')
{
    is(fetch($origin, 'POST', '/v1/manage/tracker',
             body => tracker_text('n')), undef, "$origin: POST");
    is(fetch($origin, 'GET', '/v1/manage/trackers'), undef, "$origin: GET");
}

is(redis('DBSIZE'), 0, 'nothing was written');



=== credentials of the browser are never asked for
--- http_config eval: $::HTTP
--- config eval: $::CONFIG
--- scenario
for my $method (qw(OPTIONS GET)) {
    my $response = exchange(request($method, '/v1/manage/trackers',
                                    headers => ['Origin: ' . ORIGIN]));

    is($response->{headers}{'access-control-allow-credentials'}, undef,
       $method);
}



=== several origins, by a map, as the file says
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;

    map $http_origin $allowed_origin {
        https://app.example.com    $http_origin;
        https://other.example.com  $http_origin;
    }
--- post_setup_server_root
open my $in, '<', $ENV{TEST_NGINX_CORS} or die;
my $text = join '', <$in>;
$text =~ s/"https:\/\/app\.example\.com"/\$allowed_origin/
    or die 'the origin is not in the file';
Tracker::scratch('cors.conf', "$text\nadd_header Vary Origin always;\n");
--- config
    include $TEST_NGINX_SCRATCH/cors.conf;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my @get = ('GET', '/v1/manage/trackers');

is(fetch($_, @get)->{status}, 200, $_)
    for 'https://app.example.com', 'https://other.example.com';
is(fetch('https://evil.example.com', @get), undef, 'another');
like(exchange(request(@get))->{headers}{vary}, qr/\bOrigin\b/, 'Vary');



=== off by default, in the module and in the sample
--- scenario
for my $text (request('OPTIONS', '/v1/manage/trackers', token => undef),
              request('GET', '/v1/manage/trackers'),
              login_request('app1', 'secret'))
{
    my $headers = exchange($text =~ s/\r\n/"\r\nOrigin: " . ORIGIN . "\r\n"/er)
                  ->{headers};

    is(join(' ', grep { /^access-control/ } keys %$headers), '',
       'no such header');
}

open my $in, '<', 'conf/nginx.conf' or die "conf/nginx.conf: $!";
is_deeply([map { s/^\s+|\s+$//gr } grep { /cors/ } <$in>],
          ['# include cors.conf;'], 'the include is a comment');
