use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# What caches are told, and what a real one makes of it.

write_apps(app1 => 'secret');

run_tests();

sub item {
    my ($method, $id, %o) = @_;

    return exchange(request($method, "/v1/manage/tracker/$id", %o));
}

# All lines of a header, in their order.
sub lines_of {
    my ($text, $name) = @_;
    my $sock = connect_nginx();

    send_bytes($sock, $text =~ s/\r\n/\r\nConnection: close\r\n/r);
    my ($head) = split /\r\n\r\n/, read_rest($sock);

    return join ' | ', $head =~ /^\Q$name\E: (.*?)\r?$/gim;
}

sub is_private {
    my ($response, $status, $title) = @_;
    my $headers = $response->{headers};

    is($response->{status}, $status, "$title: status");
    is($headers->{'cache-control'}, 'private, no-cache',
       "$title: Cache-Control");
    is($headers->{vary}, 'Authorization, X-Api-Key', "$title: Vary");
}

sub is_not_stored {
    my ($response, $status, $title) = @_;
    my $headers = $response->{headers};

    is($response->{status}, $status, "$title: status");
    is($headers->{'cache-control'}, 'no-store', "$title: Cache-Control");
    is($headers->{vary}, undef, "$title: no Vary");
}

__DATA__

=== a cache in front gives nobody the answer of another
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    proxy_cache_path $TEST_NGINX_SCRATCH/cache keys_zone=cache:1m;
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }

    location /front/ {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/;
        proxy_cache cache;
        proxy_cache_methods GET HEAD POST;
        proxy_cache_valid any 1h;
        add_header X-Cache $upstream_cache_status always;
    }
--- scenario
my $list = '/front/v1/manage/trackers';
my %text = map {
    $_ => exchange(post('tracker', tracker_text($_), account => $_))->{body}
          =~ /^\{"tracker":(.*)\}$/;
} qw(alice bob);
my ($id) = $text{alice} =~ /"id":"(\d+)"/;

sub get {
    my ($path, %o) = @_;

    return exchange(request('GET', $path, type => undef, %o));
}

sub is_fresh {
    my ($response, $status, $body, $title) = @_;

    is($response->{status}, $status, "$title: status");
    is($response->{body}, $body, "$title: body") if defined $body;
    isnt($response->{headers}{'x-cache'}, 'HIT', "$title: not of the cache");
}

is_fresh(get($list, account => 'alice'), 200,
         "{\"trackers\":[$text{alice}]}", 'alice');
is_fresh(get($list, token => undef,
             headers => ['X-Api-Key: ' . token('bob')]), 200,
         "{\"trackers\":[$text{bob}]}", 'bob, by x-api-key');
is_fresh(get($list, token => undef), 401, undef, 'nobody');
is_fresh(get($list, account => 'bob'), 200, "{\"trackers\":[$text{bob}]}",
         'bob');

my $path = "/front/v1/manage/tracker/$id";

is_fresh(get($path, account => 'bob'), 404, undef, 'a tracker of alice, bob');
is_fresh(get($path, account => 'alice'), 200, "{\"tracker\":$text{alice}}",
         'a tracker of alice');
is_fresh(get($path, account => 'bob'), 404, undef, 'bob again');

is(item('DELETE', $id, account => 'alice')->{status}, 200, 'deleted');
is_fresh(get($path, account => 'alice'), 404, undef, 'it is gone');
is_fresh(get($list, account => 'alice'), 200, '{"trackers":[]}',
         'from the list too');

my $login = login_request('app1', 'secret') =~ s{ /}{ /front/}r;

is_fresh(exchange($login), 200, undef, 'a login');
is_fresh(exchange($login =~ s/secret/wrong!/r), 401, undef, 'a wrong one');

my $post = request('POST', '/front/v1/manage/tracker',
                   body => tracker_text('n'));

is_fresh(exchange($post), 200, undef, 'a create');
is_fresh(exchange($post), 409, undef, 'the same again');
is_fresh(get('/front/v1/manage/x'), 404, undef, 'no endpoint');



=== 200 and 304 of every call are private
--- scenario
my $text = post('tracker', tracker_text('n'),
                headers => ['Idempotency-Key: k']);
my $response = exchange($text);
my $id = is_created($response, 'n', 'create');
my $etag = $response->{headers}{etag};

is_private($response, 200, 'POST tracker');
is_private(exchange($text), 200, 'replayed');
is_private(exchange(post('trackers', '[' . tracker_text('m') . ']')), 200,
           'bulk');

for my $path ('trackers', 'trackers?name=n', 'trackers?limit=1',
              "tracker/$id")
{
    for my $method (qw(GET HEAD)) {
        my $call = sub {
            exchange(request($method, "/v1/manage/$path", headers => [@_]))
        };

        $response = $call->();
        is_private($response, 200, "$method $path");
        is_private($call->("If-None-Match: $response->{headers}{etag}"), 304,
                   "$method $path, 304");
    }
}

is_private(item('PUT', $id, body => tracker_text('n', 'x')), 200, 'PUT');
is_private(item('PATCH', $id, body =>
                '[{"op":"add","path":"/description","value":"d"}]'), 200,
           'PATCH');
is_private(item('DELETE', $id), 200, 'DELETE');

exchange(post('trackers', '[' . join(',', map { tracker_text($_) } 1 .. 1001)
                          . ']'));
is_private(exchange(request('GET', '/v1/manage/trackers')), 200,
           'a list in stretches');



=== errors, logins and OPTIONS are not stored
--- config
    client_body_timeout 100ms;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }

    location /denied/ {
        deny all;
        tracker_api;
        client_max_body_size 1m;
    }

    location /returned/ {
        tracker_api;
        client_max_body_size 1m;
        return 503;
    }
--- scenario
my ($id) = is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'n');
my $base = '/v1/manage';
my $one = tracker_text('n');
my $login = '/oauth2/token:generate';
my @old = (headers => ['If-Match: "x"']);

for my $case (
    [400, POST => "$base/tracker", body => '{'],
    [400, POST => "$base/tracker", body => $one, type => 'text/plain'],
    [400, GET => "$base/trackers?limit=0"],
    [401, GET => "$base/trackers", token => 'bad'],
    [404, GET => "$base/x"],
    [404, GET => "$base/tracker/4503599627370496"],
    [405, PUT => "$base/trackers", body => '[]'],
    [408, POST => "$base/tracker", length => 10],
    [409, POST => "$base/tracker", body => $one],
    [409, POST => "$base/trackers", body => "[$one,$one]"],
    [412, PUT => "$base/tracker/$id", body => $one, @old],
    [412, GET => "$base/tracker/$id", @old],
    [413, POST => "$base/tracker", body => '', length => 2_000_000],
    [413, POST => "$base/tracker", chunks => [' ' x 1_100_000]],
    [204, OPTIONS => "$base/tracker"],
    [200, POST => $login, body => '{"type":"application","appId":"app1",'
                                  . '"appSecret":"secret"}'],
    [401, POST => $login, body => '{"type":"application","appId":"app1",'
                                  . '"appSecret":"x"}'],
    [400, POST => $login, body => '{}'],
    [405, GET => $login],
    [204, OPTIONS => $login],
    [413, POST => $login, body => '', length => 2_000_000],
    [403, GET => '/denied/trackers'],
    [503, GET => '/returned/trackers'])
{
    my ($status, $method, $path, %o) = @$case;

    is_not_stored(exchange(request($method, $path, %o)), $status,
                  "$method $path, $status");
}

hold_lock();
is_not_stored(exchange(post('tracker', $one)), 429, 'locked');
stop_redis();
is_not_stored(exchange(request('GET', "$base/trackers")), 502, 'no Redis');
start_redis();



=== what a site adds for caches does not make an answer public
"expires" would replace a line that it knows.
--- config
    expires 1h;
    add_header Cache-Control public;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my $get = request('GET', '/v1/manage/trackers');

like(lines_of($get, 'Cache-Control'), qr/(^| )private, no-cache( |$)/, 'GET');
like(lines_of($get, 'Vary'), qr/^Authorization, X-Api-Key$/, 'Vary');
like(lines_of($get =~ s/Bearer/Bear/r, 'Cache-Control'),
     qr/(^| )no-store( |$)/, 'a 401');



=== gzip_vary adds its own Vary
--- config
    gzip on;
    gzip_vary on;
    gzip_types application/json;
    gzip_min_length 1;

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- request
GET /v1/manage/trackers
--- more_headers
Accept-Encoding: gzip
--- raw_response_headers_like chomp
\r\nVary: Accept-Encoding\r\n(?s:.*\r\n|)Vary: Authorization, X-Api-Key\r\n
--- response_headers
Vary: Accept-Encoding, Authorization, X-Api-Key
