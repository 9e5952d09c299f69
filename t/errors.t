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
--- exchanges
POST /v1/manage/ {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/x {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/track {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/tracker/ {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/trackers/ {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/trackerx {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/Tracker {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/trackers/bulk/ {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/trackers/bulk/x {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/tracker/bulk/x {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/tracker/x/y {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.
POST /v1/manage/tracker/%2e%2e {"name":"n","vocabulary":["phrase"]}
404 No such endpoint.



=== a path may be percent-encoded
--- request
POST /v1/manage/%74racker
{"name":"n","vocabulary":["phrase"]}
--- json
{"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}



=== a method that no endpoint of the path has is 405, with Allow
--- exchanges
PUT /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
405 Method PUT is not allowed.
Allow: GET, HEAD, POST, OPTIONS
PATCH /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
405 Method PATCH is not allowed.
Allow: GET, HEAD, POST, OPTIONS
DELETE /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
405 Method DELETE is not allowed.
Allow: GET, HEAD, POST, OPTIONS
FOO /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
405 Method FOO is not allowed.
Allow: GET, HEAD, POST, OPTIONS
PUT /v1/manage/trackers {"name":"n","vocabulary":["phrase"]}
405 Method PUT is not allowed.
Allow: GET, HEAD, POST, OPTIONS
PATCH /v1/manage/trackers {"name":"n","vocabulary":["phrase"]}
405 Method PATCH is not allowed.
Allow: GET, HEAD, POST, OPTIONS
DELETE /v1/manage/trackers {"name":"n","vocabulary":["phrase"]}
405 Method DELETE is not allowed.
Allow: GET, HEAD, POST, OPTIONS
FOO /v1/manage/trackers {"name":"n","vocabulary":["phrase"]}
405 Method FOO is not allowed.
Allow: GET, HEAD, POST, OPTIONS
PUT /v1/manage/trackers/bulk {"name":"n","vocabulary":["phrase"]}
405 Method PUT is not allowed.
Allow: POST, OPTIONS
PATCH /v1/manage/trackers/bulk {"name":"n","vocabulary":["phrase"]}
405 Method PATCH is not allowed.
Allow: POST, OPTIONS
DELETE /v1/manage/trackers/bulk {"name":"n","vocabulary":["phrase"]}
405 Method DELETE is not allowed.
Allow: POST, OPTIONS
FOO /v1/manage/trackers/bulk {"name":"n","vocabulary":["phrase"]}
405 Method FOO is not allowed.
Allow: POST, OPTIONS



=== OPTIONS is 204 with Allow, before any token is asked for
--- exchanges
OPTIONS /v1/manage/tracker
no Authorization
no Content-Type
204
Allow: GET, HEAD, POST, OPTIONS
OPTIONS /v1/manage/trackers
no Authorization
no Content-Type
204
Allow: GET, HEAD, POST, OPTIONS
OPTIONS /v1/manage/trackers/bulk
no Authorization
no Content-Type
204
Allow: POST, OPTIONS



=== OPTIONS of an unknown path is 404
--- exchanges
OPTIONS /v1/manage/x
no Authorization
404 No such endpoint.



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
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"m","vocabulary":["phrase"]}
503 ~ (?i)^Service temporarily unavailable\.$



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
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"m","vocabulary":["phrase"]}
429 ~ .



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
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
no Authorization
401 ~ .
WWW-Authenticate: Basic realm="site"



=== what the rewrite module returns
nginx has no page of its own for 451.
--- config
    location /500/ { tracker_api; client_max_body_size 1m; return 500; }
    location /404/ { tracker_api; client_max_body_size 1m; return 404; }
    location /410/ { tracker_api; client_max_body_size 1m; return 410; }
    location /451/ { tracker_api; client_max_body_size 1m; return 451; }
    location /502/ { tracker_api; client_max_body_size 1m; return 502; }
    location /507/ { tracker_api; client_max_body_size 1m; return 507; }
--- exchanges
POST /500/tracker {"name":"n","vocabulary":["phrase"]}
500 ~ ^[A-Z].*\.$
POST /404/tracker {"name":"n","vocabulary":["phrase"]}
404 ~ ^[A-Z].*\.$
POST /410/tracker {"name":"n","vocabulary":["phrase"]}
410 ~ ^[A-Z].*\.$
POST /502/tracker {"name":"n","vocabulary":["phrase"]}
502 ~ ^[A-Z].*\.$
POST /507/tracker {"name":"n","vocabulary":["phrase"]}
507 ~ ^[A-Z].*\.$
POST /451/tracker {}
451



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
--- request
POST /v1/manage/tracker
{"name":"n","vocabulary":["phrase"]}
--- error_code: 403
--- message: Forbidden.



=== a redirect is left alone
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        return 307 https://example.com/;
    }
--- request
POST /v1/manage/tracker
{"name":"n","vocabulary":["phrase"]}
--- error_code: 307
--- response_headers
Location: https://example.com/



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
--- exchanges
POST /v1/manage/tracker {"name":"a","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID","name":"a","vocabulary":["phrase"]}}
POST /v1/manage/tracker?block=1 {"name":"b","vocabulary":["phrase"]}
403 Forbidden.
POST /post/tracker {"name":"c","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID","name":"c","vocabulary":["phrase"]}}
PUT /post/tracker {}
403 Forbidden.



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
--- exchanges
POST /v1/manage/tracker {"name":"a","vocabulary":["phrase"]}
X-Flag: 1
200 {"tracker":{"id":"ID","name":"a","vocabulary":["phrase"]}}
POST /v1/manage/x {"name":"a","vocabulary":["phrase"]}
X-Flag: 1
404 No such endpoint.



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
--- request eval
['GET /other/', 'GET /missing']
--- only_headers
--- error_code eval
[403, 404]
--- response_headers eval
['Content-Type: text/html', 'Content-Type: text/html']
--- response_body_like eval
['<html>', '<html>']



=== answers carry no file's headers
--- request
POST /v1/manage/tracker
{"name":"n","vocabulary":["phrase"]}
--- response_headers
! Last-Modified
! Accept-Ranges



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
