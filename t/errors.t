use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

# the methods of an Allow header
sub allowed {
    my ($response) = @_;

    return { map { $_ => 1 }
             split /\s*,\s*/, $response->{headers}{allow} // '' };
}

sub is_json_error {
    my ($response, $status, $message, $title) = @_;

    is($response->{status}, $status, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is($response->{headers}{'content-length'}, length $response->{body},
       "$title: length");
    is_message($response->{body}, $message, $title);
}

__DATA__

=== unknown paths are 404
--- scenario
for my $path ('', 'x', 'track', 'tracker/', 'trackers/', 'trackerx',
              'Tracker', 'trackers/bulk/', 'trackers/bulk/x', 'tracker/bulk/x',
              'tracker/x/y', 'tracker/%2e%2e')
{
    is_json_error(exchange(post($path, tracker_text('n'))), 404,
                  'No such endpoint.', "path $path");
}



=== a path may be percent-encoded
--- scenario
is_created(exchange(post('%74racker', tracker_text('n'))), 'n', 'created');



=== a method that no endpoint of the path has is 405, with Allow
--- scenario
for my $path (qw(tracker trackers trackers/bulk)) {
    for my $method (qw(PUT PATCH DELETE FOO)) {
        my $response = exchange(request($method, "/v1/manage/$path",
                                        body => tracker_text('n')));

        is_json_error($response, 405, "Method $method is not allowed.",
                      "$method $path");
        ok(allowed($response)->{POST}, 'Allow has POST');
        ok(!allowed($response)->{$method}, "Allow has not $method");
    }
}



=== OPTIONS is 204 with Allow, before any token is asked for
--- scenario
for my $path (qw(tracker trackers trackers/bulk)) {
    my $sock = connect_nginx();

    send_bytes($sock, request('OPTIONS', "/v1/manage/$path", token => undef,
                              type => undef));
    my $response = read_response($sock);

    is($response->{status}, 204, "$path: status");
    ok(allowed($response)->{POST}, "$path: POST");
    ok(allowed($response)->{OPTIONS}, "$path: OPTIONS");
}



=== OPTIONS of an unknown path is 404
--- scenario
is_json_error(exchange(request('OPTIONS', '/v1/manage/x', token => undef)),
              404, 'No such endpoint.', 'OPTIONS');



=== checks come in the order of the contract
--- scenario
hold_lock();

my @bad = (token => undef, type => 'text/plain', body => '{');
my @large = (length => 2_000_000);
my $uri = '/v1/manage/tracker';

is(exchange(request('PUT', '/v1/manage/x', @bad, @large))->{status}, 413,
   '413 by Content-Length is first');
is(exchange(request('PUT', '/v1/manage/x', @bad))->{status}, 404, 'then 404');
is(exchange(request('PUT', $uri, @bad))->{status}, 405, 'then 405');
is(exchange(request('POST', $uri, @bad))->{status}, 401, 'then 401');

my $response = exchange(request('POST', $uri, @bad[2 .. 5]));
is_message($response->{body}, 'Content-Type must be application/json.',
           'then the type');

$response = exchange(request('POST', $uri, @bad[4, 5]));
is_message($response->{body}, qr/^Invalid JSON/, 'then the body that is here');

is(exchange(request('POST', $uri, body => tracker_text('n')))->{status}, 429,
   'then the lock');

my $sock = connect_nginx();
send_bytes($sock, request('POST', $uri, length => 10));
is(read_response($sock)->{status}, 429, 'also where the body is not here yet');

redis('DEL', lock_key());
is(exchange(request('POST', $uri, body => tracker_text('n')))->{status}, 200,
   'then the store');
is(exchange(request('POST', $uri, body => tracker_text('n')))->{status}, 409,
   'a conflict is last');



=== a path that a rewrite has taken out of the location is 404
--- config
    location /v1/manage/ {
        rewrite ^/v1/manage/away/(.*)$ /elsewhere/$1 break;
        rewrite ^/v1/manage/in/(.*)$ /v1/manage/$1 break;
        tracker_api;
        client_max_body_size 1m;
    }

    location /noslash {
        rewrite ^/noslash/away/(.*)$ /elsewhe/$1 break;
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
for my $path ('/v1/manage/away/tracker', '/noslash/away/tracker') {
    is_json_error(exchange(request('POST', $path, body => tracker_text('n'))),
                  404, 'No such endpoint.', $path);
}

is(redis('DBSIZE'), 0, 'nothing was written');

# no path of the OpenAPI description
Tracker::Answers::leave();
is_created(exchange(post('in/tracker', tracker_text('n'))), 'n', 'inside');
is_created(exchange(request('POST', '/noslash/tracker',
                            body => tracker_text('m'))), 'm', 'no slash');



=== what access modules refuse
--- config
    location /v1/manage/ {
        deny all;
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my $sock = connect_nginx();

for (1 .. 2) {
    send_bytes($sock, post('tracker', tracker_text('n')));
    is_json_error(read_response($sock), 403, 'Forbidden.', 'deny');
}



=== what limit_req refuses
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    limit_req_zone $server_name zone=one:1m rate=1r/m;
--- config
    location /v1/manage/ {
        limit_req zone=one;
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the first');
is_json_error(exchange(post('tracker', tracker_text('m'))), 503,
              qr/^Service temporarily unavailable\.$/i, 'the second');



=== limit_req_status is followed
A zone of its own: what one has counted outlives a reload.
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    limit_req_zone $server_name zone=two:1m rate=1r/m;
--- config
    location /v1/manage/ {
        limit_req zone=two;
        limit_req_status 429;
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the first');
is_json_error(exchange(post('tracker', tracker_text('m'))), 429,
              qr/./, 'the second');



=== what auth_basic refuses keeps its own WWW-Authenticate
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
--- config
    location /v1/manage/ {
        auth_basic site;
        auth_basic_user_file $TEST_NGINX_SCRATCH/users;
        tracker_api;
        tracker_account $remote_user;
        client_max_body_size 1m;
    }
--- post_setup_server_root
Tracker::scratch('users', "joe:{PLAIN}secret\n", 0644);
--- scenario
my $response = exchange(post('tracker', tracker_text('n'), token => undef));

is_json_error($response, 401, qr/./, 'auth_basic');
is($response->{headers}{'www-authenticate'}, 'Basic realm="site"', 'header');



=== what the rewrite module returns
--- config
    location /500/ { tracker_api; client_max_body_size 1m; return 500; }
    location /404/ { tracker_api; client_max_body_size 1m; return 404; }
    location /410/ { tracker_api; client_max_body_size 1m; return 410; }
    location /451/ { tracker_api; client_max_body_size 1m; return 451; }
    location /502/ { tracker_api; client_max_body_size 1m; return 502; }
    location /507/ { tracker_api; client_max_body_size 1m; return 507; }
--- scenario
for my $status (500, 404, 410, 502, 507) {
    is_json_error(exchange(request('POST', "/$status/tracker",
                                   body => tracker_text('n'))),
                  $status, qr/^[A-Z].*\.$/, "return $status");
}

# nginx has no page of its own for it
is(exchange(request('POST', '/451/tracker', body => '{}'))->{status}, 451,
   'return 451');



=== what an upstream says of its own error is not said of ours
curl gave up on our JSON, which was said to be gzip (error 61).
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;

    server {
        listen unix:$TEST_NGINX_SCRATCH/upstream.sock;

        location / {
            add_header Content-Encoding gzip always;
            add_header Content-Language de always;
            add_header Content-Location /x always;
            add_header Content-Disposition attachment always;
            add_header Content-Range "bytes 0-9/10" always;
            add_header Content-MD5 x always;
            add_header Content-Digest x always;
            add_header Repr-Digest x always;
            add_header Digest x always;
            add_header ETag '"x"' always;
            add_header Last-Modified "Mon, 01 Jan 2001 00:00:00 GMT" always;
            add_header Accept-Ranges bytes always;
            add_header Cache-Control "public, max-age=60" always;
            add_header CDN-Cache-Control max-age=60 always;
            add_header Expires "Fri, 01 Jan 2100 00:00:00 GMT" always;
            add_header Pragma cache always;
            add_header Age 1 always;
            add_header Retry-After 7 always;
            add_header WWW-Authenticate "Basic realm=x" always;
            add_header Set-Cookie a=b always;
            add_header X-Own x always;
            return 401 "$request_method, and so on";
        }
    }
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        gunzip on;

        if ($http_x_upstream) {
            proxy_pass http://unix:$TEST_NGINX_SCRATCH/upstream.sock;
        }
    }
--- scenario
my %kept = ('cache-control' => 'no-store', 'retry-after' => 7,
            'www-authenticate' => 'Basic realm=x', 'set-cookie' => 'a=b',
            'x-own' => 'x');

for my $method (qw(GET HEAD POST)) {
    my $sock = connect_nginx();
    my $response = exchange(request($method, '/v1/manage/trackers',
                                    body => $method eq 'POST' ? '{}' : '',
                                    headers => ['X-Upstream: 1']), $sock);
    my %headers = %{$response->{headers}};

    is($response->{status}, 401, "$method: status");
    is_json_error($response, 401, 'Unauthorized.', $method)
        if $method ne 'HEAD';
    is($headers{'content-length'}, length '{"message":"Unauthorized."}',
       "$method: length");

    delete @headers{qw(server date connection content-type content-length)};
    is_deeply(\%headers, \%kept, "$method: the headers that are left");

    is(exchange(request('GET', '/v1/manage/tracker', type => undef), $sock)
           ->{status}, 200, "$method: the connection is in step");
}



=== an error is JSON even where return has a text
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        return 403 "go away";
    }
--- scenario
is_json_error(exchange(post('tracker', tracker_text('n'))), 403, 'Forbidden.',
              'return');



=== a redirect is left alone
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        return 307 https://example.com/;
    }
--- scenario
my $response = exchange(post('tracker', tracker_text('n')));

is($response->{status}, 307, 'status');
is($response->{headers}{location}, 'https://example.com/', 'Location');



=== an error that comes from an if or a limit_except inside the location
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;

        if ($arg_block) {
            return 403;
        }
    }

    location /post/ {
        tracker_api;
        client_max_body_size 1m;

        limit_except POST {
            deny all;
        }
    }
--- scenario
is_created(exchange(post('tracker', tracker_text('a'))), 'a', 'no if');
is_json_error(exchange(post('tracker?block=1', tracker_text('b'))), 403,
              'Forbidden.', 'if');

is_created(exchange(request('POST', '/post/tracker',
                            body => tracker_text('c'))), 'c', 'POST');
is_json_error(exchange(request('PUT', '/post/tracker', body => '{}')), 403,
              'Forbidden.', 'limit_except');



=== an if that only sets something does not take the endpoints away
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        set $flag 0;

        if ($http_x_flag) {
            set $flag 1;
        }
    }
--- scenario
my @flag = (headers => ['X-Flag: 1']);

is_created(exchange(post('tracker', tracker_text('a'), @flag)), 'a', 'if');
is_json_error(exchange(post('x', tracker_text('a'), @flag)), 404,
              'No such endpoint.', 'if, unknown path');



=== too large a body, by nginx itself
--- scenario
is_json_error(exchange(post('tracker', '', length => 1_048_577)), 413,
              'Request body exceeds the limit of 1048576 bytes.', 'too large');



=== a user's error_page wins for what other modules answer
--- config
    location /v1/manage/ {
        deny all;
        error_page 403 413 /page;
        tracker_api;
        client_max_body_size 1m;
    }

    location = /page {
        return 418 "the site's page\n";
    }
--- scenario
my $response = exchange(post('tracker', tracker_text('n')));
is($response->{body}, "the site's page\n", 'deny');

$response = exchange(post('tracker', '', length => 2_000_000));
is($response->{body}, "the site's page\n", 'too large');



=== error_page does not touch our own answers, keepalive survives them
--- config
    location /v1/manage/ {
        error_page 400 401 404 405 409 429 /page;
        tracker_api;
        client_max_body_size 1m;
    }

    location = /page {
        return 418 "the site's page\n";
    }
--- scenario
my $sock = connect_nginx();
my $one = post('tracker', tracker_text('n'));

for my $case ([200, $one], [409, $one], [400, post('tracker', '{')],
              [401, post('tracker', '{}', token => 'bad')],
              [404, post('x', '{}')],
              [405, request('PUT', '/v1/manage/tracker', body => '{}')])
{
    my ($status, $text) = @$case;

    send_bytes($sock, $text);
    my $response = read_response($sock);
    is($response->{status}, $status, "$status: status");
    ok(decode($response->{body})->{message}, "$status: message")
        if $status != 200;
}



=== subrequests are not served
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /auth/ {
        auth_request /v1/manage/tracker;
    }

    location /mirror/ {
        mirror /v1/manage/tracker;
        return 204;
    }
--- scenario
for my $path ('/auth/x', '/mirror/x') {
    my $status = exchange(request('POST', $path, body => tracker_text('n')))
                 ->{status};

    like($status, qr/^(204|500)$/, $path);
}

is(redis('DBSIZE'), 0, 'nothing was written');



=== errors of other locations stay as they are
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /other/ {
        return 403;
    }
--- scenario
for my $path ('/other/', '/missing') {
    my $response = exchange("GET $path HTTP/1.1\r\nHost: a\r\n\r\n");

    is($response->{headers}{'content-type'}, 'text/html', "$path: type");
    like($response->{body}, qr/<html>/, "$path: body");
}



=== answers carry no file's headers
--- scenario
my $response = exchange(post('tracker', tracker_text('n')));

is($response->{headers}{'last-modified'}, undef, 'no Last-Modified');
is($response->{headers}{'accept-ranges'}, undef, 'no ranges');



=== gzip works on answers and errors
--- config
    location /v1/manage/ {
        gzip on;
        gzip_min_length 1;
        gzip_types application/json;
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
use IO::Uncompress::Gunzip qw(gunzip);

my $text = tracker_text('n', map { "phrase $_" } 1 .. 100);

for my $case ([200, 'tracker'], [404, 'x']) {
    my ($status, $path) = @$case;
    my $sock = connect_nginx();

    send_bytes($sock, post($path, $text, headers =>
                           ['Accept-Encoding: gzip', 'Connection: close']));
    my ($head, $rest) = split /\r\n\r\n/, read_rest($sock), 2;

    like($head, qr/^HTTP\/1\.1 $status .*Content-Encoding: gzip/si,
         "$status: gzip");
    like($head, qr/Content-Type: application\/json/i, "$status: type");

    $rest = join '', $rest =~ /\G[0-9a-f]+\r\n(.*?)\r\n(?=[0-9a-f]+\r\n)/gs
        if $head =~ /chunked/;
    gunzip(\$rest => \my $json);
    is(ref decode($json), 'HASH', "$status: JSON");
}



=== HEAD of what is refused has the headers and no body
--- config
    location /v1/manage/ {
        deny all;
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my $sock = connect_nginx();

send_bytes($sock, request('HEAD', '/v1/manage/trackers',
                          headers => ['Connection: close']));
my $rest = read_rest($sock);
like($rest, qr/^HTTP\/1\.1 403 .*application\/json.*\r\n\r\n\z/s,
     'no body with HEAD');
