use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(sleep time);

no_root_location();

# the application of most blocks
use constant SECRET => 'a' x 64;

write_apps(app1 => SECRET);

run_tests();

sub is_logged_in {
    my ($response, $id, $title) = @_;
    my $data = $response->{status} == 200 ? decode($response->{body}) : {};
    my (undef, $claims) = claims_of($data->{accessToken});

    is($response->{status}, 200, "$title: status")
        or diag($response->{body});
    is(decode($claims)->{sub}, $id, "$title: the token's account")
        if $claims;

    return $data->{accessToken};
}

sub is_refused {
    my ($response, $status, $message, $title) = @_;

    is($response->{status}, $status, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body}, $message, $title);
}

sub is_unknown {
    my ($response, $title) = @_;

    is_refused($response, 401, 'Invalid appId or appSecret.', $title);
}

# a login with just this body
sub raw {
    my ($body, %o) = @_;

    return exchange(login_request('', '', body => $body, %o));
}

# waits until a login ends so; the file is looked at once a second
sub wait_for_status {
    my ($status, $id, $secret, $title) = @_;

    wait_until(sub {
        exchange(login_request($id, $secret))->{status} == $status;
    }, $title);
    pass($title);
}

# replaces the file of the applications
sub apps_are {
    my ($text) = @_;

    rename scratch('apps.new', $text), $ENV{TEST_NGINX_APPS} or die "apps: $!";
}

# the lines of nginx' error log that match
sub logged {
    my ($pattern) = @_;

    open my $in, '<', "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log"
        or die "error.log: $!";
    return grep { /$pattern/ } <$in>;
}

__DATA__

=== the answer: a token and how long it is good, nothing else
--- scenario
my $before = int(time());
my $response = exchange(login_request('app1', SECRET));
my ($token) = $response->{body}
              =~ /^\{"accessToken":"([\w-]+\.[\w-]+\.[\w-]+)","expiresIn":86400\}$/;
my ($head, $claims) = claims_of($token);

is($response->{status}, 200, 'status');
ok($token, 'the form of the answer');
is($response->{headers}{'content-type'}, 'application/json', 'type');
is($response->{headers}{'content-length'}, length $response->{body},
   'length');
is($response->{headers}{'cache-control'}, 'no-store', 'cache-control');
is_deeply(decode($head), { alg => 'HS256', typ => 'JWT' }, 'header');
like($claims, qr/^\{"sub":"app1","iat":\d+,"exp":\d+\}$/,
     'claims, numbers without a fraction');

my ($iat, $exp) = @{decode($claims)}{qw(iat exp)};
is($exp - $iat, 86400, 'a day');
cmp_ok($iat, '>=', $before - 1, 'from now on');
cmp_ok($iat, '<=', int(time()) + 1, 'and no later');
is($token, sign_token($head, $claims), 'signed with the key');



=== the token is good for the tracker endpoints, its account the app id
--- scenario
my $token = is_logged_in(exchange(login_request('app1', SECRET)), 'app1',
                         'login');

is_created(exchange(post('tracker', tracker_text('n'), token => $token)),
           'n', 'created');
ok(redis('EXISTS', account_key('app1', 'name:n')), 'in the account');



=== a login needs no Redis
--- scenario
stop_redis();
is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'no Redis');
start_redis();



=== other keys do not matter, nor does the order
--- scenario
is_logged_in(exchange(login_request('app1', SECRET, members => {
    AuthURI => 'https://api.example.com/oauth2/token:generate',
    more => { list => [1, undef] } })), 'app1', 'more keys');
is_logged_in(raw(qq{ {"appSecret":"@{[SECRET]}","appId":"\\u0061pp1",
                      "type":"application"} }), 'app1', 'another order');



=== a NUL in a key that does not matter is as wrong as elsewhere
jansson lost one behind a number, and a token was given.
--- scenario
for my $value ("1\0", "[false\0]", "{\"y\":null\0}") {
    my $body = "{\"type\":\"application\",\"appId\":\"app1\","
               . "\"appSecret\":\"@{[SECRET]}\",\"x\":$value}";
    my $column = 1 + index $body, "\0";

    is_refused(raw($body), 400, "Invalid JSON at line 1 column $column.",
               'a NUL');
}



=== an unknown id and a wrong secret get one and the same answer
--- scenario
my @answers = map {
    my $sock = connect_nginx();

    send_bytes($sock, login_request(@$_, headers => ['Connection: close']));
    read_rest($sock) =~ s/^Date:.*\r\n//mr;
} ['app1', 'b' x 64], ['nobody', SECRET], ['nobody', 'b' x 64];

like($answers[0], qr/^HTTP\/1\.1 401 /, 'status');
is($answers[1], $answers[0], 'a wrong secret, an unknown id');
is($answers[2], $answers[0], 'both wrong');
like($answers[0], qr/\r\n\r\n\{"message":"Invalid appId or appSecret\."\}$/,
     'the answer');



=== what is not the id and the secret, byte for byte
--- scenario
is_unknown(exchange(login_request(@$_)), substr "@$_", 0, 30)
    for ['App1', SECRET], ['app1 ', SECRET], [' app1', SECRET],
        ['app', SECRET], ['app1', SECRET . 'a'], ['app1', substr SECRET, 1],
        ['app1', uc SECRET], ['app1', sha256_hex(SECRET)],
        ['app1', '0' x 64], ['nobody', '0'], ['app1:' . sha256_hex(SECRET), 'x'],
        ['x' x 256, SECRET], ['x' x 5000, 'y' x 5000], ["app1\n", SECRET],
        ['#', SECRET], ["app1\x{e9}", SECRET];



=== bodies that are no login
--- cases
/oauth2/token:generate
{
400 Invalid JSON at line \d+ column \d+\.
{} {}
400 Invalid JSON at line \d+ column \d+\.
"application"
400 Invalid JSON at line \d+ column \d+\.
{"type":"application","type":"application","appId":"app1","appSecret":"s"}
400 Duplicate key at line \d+ column \d+\.
{"type":"application","appId":"a\u0000","appSecret":"s"}
400 Invalid JSON at line \d+ column \d+\.
[]
400 Request body must be an object\.
[{"type":"application","appId":"app1","appSecret":"s"}]
400 Request body must be an object\.
{}
400 "type" is required
{"appId":"app1","appSecret":"s"}
400 "type" is required
{"type":"application"}
400 "appId" is required
{"type":"application","appid":"app1","appSecret":"s"}
400 "appId" is required
{"type":"application","appId":"app1"}
400 "appSecret" is required
{"type":1,"appId":"app1","appSecret":"s"}
400 "type" must be a string
{"type":null,"appId":"app1","appSecret":"s"}
400 "type" must be a string
{"type":"","appId":"app1","appSecret":"s"}
400 "type" is not allowed to be empty
{"type":"user","appId":"app1","appSecret":"s"}
400 "type" must be "application"
{"type":"Application","appId":"app1","appSecret":"s"}
400 "type" must be "application"
{"type":"application","appId":1,"appSecret":"s"}
400 "appId" must be a string
{"type":"application","appId":["app1"],"appSecret":"s"}
400 "appId" must be a string
{"type":"application","appId":"","appSecret":"s"}
400 "appId" is not allowed to be empty
{"type":"application","appId":"app1","appSecret":{}}
400 "appSecret" must be a string
{"type":"application","appId":"app1","appSecret":""}
400 "appSecret" is not allowed to be empty



=== a login may hold 32,768 values, ignored ones included
--- scenario
my $login = '{"type":"application","appId":"app1","appSecret":"%s","x":[%s]}';

for my $case ([32_764, 200], [32_765, 400]) {
    my ($n, $status) = @$case;
    my $response = raw(sprintf $login, SECRET, join ',', ('{}') x $n);

    is($response->{status}, $status, "$n and four");
    is_message($response->{body}, 'Request body must contain at most 32768 '
                                  . 'values, found 32769.', 'one more')
        if $status == 400;
}



=== bad UTF-8 and a BOM are no JSON
--- scenario
is_refused(raw($_), 400, qr/^Invalid JSON at line 1 column \d+\.$/, 'bytes')
    for "\xef\xbb\xbf{}", "{\"type\":\"\xff\"}", "{}\0";



=== the JSON type is required
--- scenario
my $message = 'Content-Type must be application/json.';

is_refused(exchange(login_request('app1', SECRET, type => $_)), 400, $message,
           $_ // 'none')
    for undef, 'text/plain', 'application/x-www-form-urlencoded',
        'application/jsonx', 'application/problem+json',
        'application/json-patch+json', '';
is_logged_in(exchange(login_request('app1', SECRET, type => $_)), 'app1', $_)
    for 'application/json; charset=utf-8', 'Application/JSON',
        'application/json ;x=y';



=== a body is required
--- scenario
my $message = 'Request body is required.';

is_refused(raw(''), 400, $message, 'none');
is_refused(raw('', length => 0), 400, $message, 'length 0');
is_refused(raw('', type => undef), 400, $message, 'before the type');
is_refused(raw('', chunks => []), 400, $message, 'no chunks');



=== POST and OPTIONS only
--- exchanges
GET /oauth2/token:generate {}
no Authorization
405 Method GET is not allowed.
Allow: POST, OPTIONS
HEAD /oauth2/token:generate {}
no Authorization
405
Allow: POST, OPTIONS
Content-Type: application/json
PUT /oauth2/token:generate {}
no Authorization
405 Method PUT is not allowed.
Allow: POST, OPTIONS
PATCH /oauth2/token:generate {}
no Authorization
405 Method PATCH is not allowed.
Allow: POST, OPTIONS
DELETE /oauth2/token:generate {}
no Authorization
405 Method DELETE is not allowed.
Allow: POST, OPTIONS
FOO /oauth2/token:generate {}
no Authorization
405 Method FOO is not allowed.
Allow: POST, OPTIONS
OPTIONS /oauth2/token:generate
no Authorization
no Content-Type
204
Allow: POST, OPTIONS
! Content-Type



=== checks come in the order of the contract
--- scenario
my @bad = (type => 'text/plain', body => '{');

is(exchange(request('PUT', '/oauth2/token:generate', @bad,
                    length => 2_000_000))->{status}, 413, 'first 413');
is(exchange(request('PUT', '/oauth2/token:generate', @bad))->{status}, 405,
   'then 405');
is_refused(raw('{', type => 'text/plain'), 400, qr/Content-Type/,
           'then the type');
is_refused(raw('{"appSecret":1}'), 400, '"type" is required', 'then the body');



=== the body limit, by Content-Length and in chunks
--- config
    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1000;
    }
--- scenario
my $message = 'Request body exceeds the limit of 1000 bytes.';
my $body = qq({"type":"application","appId":"app1","appSecret":"@{[SECRET]}"});
my $whole = $body . ' ' x (1000 - length $body);

is_logged_in(raw($whole), 'app1', '1000 bytes');
is_logged_in(raw('', chunks => [$whole]), 'app1', '1000 bytes in a chunk');
is_refused(raw("$whole "), 413, $message, '1001 bytes');
is_refused(raw('', chunks => [$whole, ' ']), 413, $message, 'in chunks');



=== a body that comes byte by byte, in chunks, after "100 Continue"
--- scenario
my $text = login_request('app1', SECRET);
my $sock = connect_nginx();

for my $byte (split //, $text) {
    send_bytes($sock, $byte);
    sleep 0.001;
}

is_logged_in(read_response($sock), 'app1', 'byte by byte');

my ($head, $body) = $text =~ /^(.*\r\n)\r\n(.*)/s;

is_logged_in(raw('', chunks => [split /(?<=,)/, $body]), 'app1', 'chunks');

$sock = connect_nginx();
send_bytes($sock, "${head}Expect: 100-continue\r\n\r\n");
is(read_response($sock)->{status}, 100, 'the body is asked for');
send_bytes($sock, $body);
is_logged_in(read_response($sock), 'app1', 'after it');



=== bad chunks are 400, and the connection ends
--- scenario
my $sock = connect_nginx();

send_bytes($sock, login_request('', '', body => '',
                                headers => ['Transfer-Encoding: chunked'])
                  . "zz\r\n");
is_refused(read_response($sock), 400,
           'The request body is not encoded as its headers say.', 'chunks');
is(read_rest($sock), '', 'closed');



=== over HTTP/2
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_token_apps $TEST_NGINX_APPS;

    server {
        listen 127.0.0.1:$TEST_NGINX_H2_PORT http2;

        location = /oauth2/token:generate {
            tracker_token;
            client_max_body_size 1000;
        }
    }
--- config
--- scenario
my $body = qq({"type":"application","appId":"app1","appSecret":"@{[SECRET]}"});

my $response = nghttp('/oauth2/token:generate', $body);
is($response->{status}, 200, 'login');
like($response->{log}, qr/"accessToken":"[\w-]+\.[\w-]+\.[\w-]+"/, 'token');

$response = nghttp('/oauth2/token:generate', $body =~ s/aaa/bbb/r);
is_refused({ %$response, headers => { 'content-type' => 'application/json' } },
           401, 'Invalid appId or appSecret.', 'wrong');

$response = nghttp('/oauth2/token:generate', ' ' x 1001);
is($response->{status}, 413, 'too large');



=== a body that does not come is 408, after tracker_timeout at the latest
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_token_apps $TEST_NGINX_APPS;
--- config
    location = /oauth2/token:generate {
        tracker_token;
        tracker_timeout 700ms;
        client_max_body_size 1m;
    }

    location = /slow {
        tracker_token;
        client_body_timeout 300ms;
        client_max_body_size 1m;
    }
--- scenario
my $late = 'The request body did not arrive in time.';
my $text = login_request('app1', SECRET);

for my $path ('/oauth2/token:generate', '/slow') {
    my $sock = connect_nginx();

    send_bytes($sock, substr($text, 0, -1) =~ s{/oauth2\S+}{$path}r);
    is_refused(read_response($sock), 408, $late, $path);
    is(read_rest($sock), '', "$path: closed");
}

# a byte now and then keeps client_body_timeout away, not tracker_timeout
my $sock = connect_nginx();
my $sent = length($text) - 20;
send_bytes($sock, substr $text, 0, $sent);

while ($sent < length($text) - 1
       && !IO::Select->new($sock)->can_read(0.1))
{
    send_bytes($sock, substr $text, $sent++, 1);
}

is_refused(read_response($sock), 408, $late, 'byte by byte');



=== requests on one connection, and none hidden in a body
--- scenario
my $sock = connect_nginx();
my $good = login_request('app1', SECRET);
my $bad = login_request('app1', 'bad');

send_bytes($sock, $good . $bad . $good);
is_logged_in(read_response($sock), 'app1', 'pipelined');
is_unknown(read_response($sock), 'pipelined, bad');
is_logged_in(read_response($sock), 'app1', 'after it');

for my $refused (login_request('', '', type => 'text/plain', body => $good),
                 request('PUT', '/oauth2/token:generate', body => $good))
{
    my $sock = connect_nginx();

    send_bytes($sock, $refused);
    like(read_response($sock)->{status}, qr/^4/, 'refused');
    send_bytes($sock, $bad);
    is_unknown(read_response($sock), 'the next one is ours');
}



=== a client that goes away leaves nothing behind
--- scenario
my $text = login_request('app1', SECRET);

for my $n (1, length($text) - 1, length $text) {
    my $sock = connect_nginx();

    send_bytes($sock, substr $text, 0, $n);
    close $sock;
}

is_logged_in(exchange($text), 'app1', 'the next login');



=== what nginx and its modules answer here is JSON too
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_token_apps $TEST_NGINX_APPS;
    limit_req_zone $server_name zone=logins:1m rate=1r/m;
--- config
    location = /denied {
        tracker_token;
        deny all;
        client_max_body_size 1m;
    }

    location = /limited {
        tracker_token;
        limit_req zone=logins;
        client_max_body_size 1m;
    }
--- scenario
my $text = login_request('app1', SECRET);
my ($denied, $limited) = map { $text =~ s{/oauth2\S+}{$_}r }
                         '/denied', '/limited';

is_refused(exchange($denied), 403, 'Forbidden.', 'deny');
is_logged_in(exchange($limited), 'app1', 'limit_req, the first');
is_refused(exchange($limited), 503, 'Service temporarily unavailable.',
           'limit_req, the second');



=== an if or a limit_except inside does not take the login away
--- config
    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;

        if ($arg_set) {
            set $some thing;
        }

        if ($arg_deny) {
            return 403;
        }

        limit_except POST OPTIONS {
            deny all;
        }
    }
--- scenario
my $text = login_request('app1', SECRET);
my ($set, $deny) = map { $text =~ s/generate/generate?$_=1/r } 'set', 'deny';

is_logged_in(exchange($text), 'app1', 'none');
is_logged_in(exchange($set), 'app1', 'an if that sets something');
is_refused(exchange($deny), 403, 'Forbidden.', 'an if that returns');
is_refused(exchange($text =~ s/^POST/PUT/r), 403, 'Forbidden.',
           'limit_except');



=== tracker_token_ttl
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_token_apps $TEST_NGINX_APPS;
    tracker_token_ttl 1h;
--- config
    location = /hour {
        tracker_token;
        client_max_body_size 1m;
    }

    location = /second {
        tracker_token;
        tracker_token_ttl 1s;
        client_max_body_size 1m;
    }

    location /v1/manage/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS;
        client_max_body_size 1m;
    }
--- scenario
my $text = login_request('app1', SECRET);
my %ttl = (hour => 3600, second => 1);

for my $name (sort keys %ttl) {
    my $answer = decode(exchange($text =~ s{/oauth2\S+}{/$name}r)->{body});
    my $claims = decode((claims_of($answer->{accessToken}))[1]);

    is($answer->{expiresIn}, $ttl{$name}, "$name: expiresIn");
    is($claims->{exp} - $claims->{iat}, $ttl{$name}, "$name: exp");
}

my $token = decode(exchange($text =~ s{/oauth2\S+}{/second}r)->{body})
            ->{accessToken};
wait_until(sub {
    exchange(post('tracker', tracker_text('n'), token => $token))->{status}
    == 401;
}, 'the token is over');
pass('a token of one second is over after it');



=== two keys: the first signs and is named, both verify
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_token_apps $TEST_NGINX_APPS;
    tracker_jwt_key $TEST_NGINX_SCRATCH/new.key kid=new;
    tracker_jwt_key $TEST_NGINX_KEY kid=old;
--- post_setup_server_root
Tracker::scratch('new.key', 'the new key of the tests, 32 byte');
--- scenario
my $token = is_logged_in(exchange(login_request('app1', SECRET)), 'app1',
                         'login');
my ($head, $claims) = claims_of($token);

is_deeply(decode($head), { alg => 'HS256', typ => 'JWT', kid => 'new' },
          'the header names the key');
is($token, sign_token($head, $claims, 'the new key of the tests, 32 byte'),
   'signed with the first key');
is_created(exchange(post('tracker', tracker_text('a'), token => $token)),
           'a', 'the new token');
is_created(exchange(post('tracker', tracker_text('b'), account => 'app1')),
           'b', 'a token of the old key');



=== an application is added and removed while nginx runs
--- scenario
my @two = (app1 => SECRET, app2 => 'second');

is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'before');
is_unknown(exchange(login_request('app2', 'second')), 'before');

write_apps(@two);
wait_for_status(200, 'app2', 'second', 'added');
is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'still there');

write_apps(app1 => SECRET);
wait_for_status(401, 'app2', 'second', 'removed');
is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'left alone');

# written in place, the same size, in the second in which it was read
for my $n (1 .. 3) {
    sleep 1 - (time() - int(time())) + 0.1;
    scratch('apps', 'app1:' . sha256_hex("first $n") . "\n");
    is_logged_in(exchange(login_request('app1', "first $n")), 'app1',
                 'read at once');
    scratch('apps', 'app1:' . sha256_hex("then $n") . "\n");
    wait_for_status(200, 'app1', "then $n", "changed again, $n");
}

write_apps(app1 => SECRET);
wait_for_status(200, 'app1', SECRET, 'as before');



=== a file that went bad is not taken; the log says so
--- no_error_log
[alert]
[crit]
[emerg]
--- scenario
is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'before');

scratch('apps', "# fine\n\napp2:" . sha256_hex('x') . "\nwrong\n");
wait_until(sub {
    exchange(login_request('app2', 'x'));
    logged(qr/\[error\].*apps" line 4 is not "appId:DIGEST"/);
}, 'the line in the log');

is_logged_in(exchange(login_request('app1', SECRET)), 'app1',
             'what was read before stays');
is_unknown(exchange(login_request('app2', 'x')), 'nothing of the new file');
is(scalar logged(qr/wrong/), 0, 'the line itself is not in the log');

write_apps(app1 => SECRET, app2 => 'x');
wait_for_status(200, 'app2', 'x', 'right again');
write_apps(app1 => SECRET);



=== a file that is gone leaves what was read before; the log says so once
--- scenario
is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'before');
unlink scratch('apps');

wait_until(sub {
    exchange(login_request('app1', SECRET));
    logged(qr/\[error\].*apps" failed/);
}, 'the line in the log');

my $end = time() + 2.5;

while (time() < $end) {
    is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'gone');
    sleep 0.5;
}

is(scalar logged(qr/apps" failed/), 1, 'said once');

write_apps(app2 => 'x');
wait_for_status(200, 'app2', 'x', 'there again');
is_unknown(exchange(login_request('app1', SECRET)), 'the new file counts');

unlink scratch('apps');
wait_until(sub {
    exchange(login_request('app2', 'x'));
    logged(qr/apps" failed/) == 2;
}, 'gone again, said again');

write_apps(app1 => SECRET);
wait_for_status(200, 'app1', SECRET, 'as before');



=== comments, blank lines, any case of hex, no newline at the end
--- post_setup_server_root
my %secrets = ('a:b' => 's1', 'x' x 255 => 's2', "\xc3\xa9" => 's3',
               '.' => 's4');

Tracker::scratch('forms', "# a comment: with colons\n\n   \t\n#\n"
    . join("\n", map { "$_:" . uc Digest::SHA::sha256_hex($secrets{$_}) }
                 sort keys %secrets));
--- config
    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_SCRATCH/forms;
        client_max_body_size 1m;
    }
--- scenario
my %secrets = ('a:b' => 's1', 'x' x 255 => 's2', "\x{e9}" => 's3',
               '.' => 's4');

is_logged_in(exchange(login_request($_, $secrets{$_})), $_, "the id $_")
    for '.', 'a:b', 'x' x 255;

my $claims = (claims_of(decode(exchange(login_request("\x{e9}", 's3'))
                               ->{body})->{accessToken}))[1];
is(decode($claims)->{sub}, "\x{e9}", 'not ASCII');
is_unknown(exchange(login_request('# a comment', ' with colons')), 'comment');



=== a line may name the account of its application
--- post_setup_server_root
my $d = sub { Digest::SHA::sha256_hex(@_) };

Tracker::scratch('accounts', join "\n",
    'one:' . $d->('s1') . ':joe', 'two:' . $d->('s2') . ':joe',
    'joe:' . $d->('s3'), 'a:b:' . $d->('s4') . ':c:d',
    'four:' . $d->('s5') . ':' . $d->('s4'),
    $d->('x') . ':' . $d->('s6'),
    'x:' . $d->('s7') . ':' . 'y' x 255,
    'y:' . $d->('s8') . ":\xc3\xa9");
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    log_format account '$tracker_account';
--- config
    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_SCRATCH/accounts;
        client_max_body_size 1m;
        access_log logs/accounts.log account;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my ($digest, $other) = map { sha256_hex($_) } 's4', 'x';

for my $case (['one', 's1', 'joe'], ['two', 's2', 'joe'], ['joe', 's3', 'joe'],
              ['a:b', 's4', 'c:d'], ['four', 's5', $digest],
              [$other, 's6', $other], ['x', 's7', 'y' x 255],
              ['y', 's8', "\x{e9}"])
{
    my ($id, $secret, $account) = @$case;

    is_logged_in(exchange(login_request($id, $secret)), $account, "login $id");
}

my $token = is_logged_in(exchange(login_request('two', 's2')), 'joe', 'two');

is_created(exchange(post('tracker', tracker_text('n'), token => $token)),
           'n', 'a tracker');
ok(redis('EXISTS', account_key('joe', 'name:n')), 'in the account');
ok(!redis('EXISTS', account_key('two', 'name:n')), 'and not in the appId');

is_unknown(exchange(login_request(@$_)), "@$_")
    for ['one', 's2'], ['one', 's3'], ['two', 's1'], ['joe', 's1'],
        ['c:d', 's4'], ['a', 's4'], ['four:' . sha256_hex('s5'), 's4'];

my @lines;

wait_until(sub {
    open my $in, '<', "$ENV{TEST_NGINX_SERVER_ROOT}/logs/accounts.log"
        or return;
    chomp(@lines = <$in>);
    @lines >= 3;
}, 'the access log');
is("@lines[0 .. 2]", 'joe joe joe', 'the log tells the account');



=== a secret is replaced without a gap: two appIds of one account
--- scenario
my %digest = map { $_ => sha256_hex($_) } qw(old new);

apps_are("a1:$digest{old}:acme\n");
wait_for_status(200, 'a1', 'old', 'the old one');
apps_are("a1:$digest{old}:acme\na2:$digest{new}:acme\n");
wait_for_status(200, 'a2', 'new', 'the new one beside it');
is_logged_in(exchange(login_request('a1', 'old')), 'acme', 'both are good');
apps_are("a2:$digest{new}:acme\n");
wait_for_status(401, 'a1', 'old', 'the old one is out');
is_logged_in(exchange(login_request('a2', 'new')), 'acme', 'the new one');
write_apps(app1 => SECRET);
wait_for_status(200, 'app1', SECRET, 'as before');



=== a secret is replaced without a gap: two lines of one appId
--- scenario
my %digest = map { $_ => sha256_hex($_) } qw(old new);

apps_are("acme:$digest{old}\n");
wait_for_status(200, 'acme', 'old', 'the old one');
apps_are("acme:$digest{old}\nacme:$digest{new}\n");
wait_for_status(200, 'acme', 'new', 'the new one beside it');
is_logged_in(exchange(login_request('acme', 'old')), 'acme', 'both are good');
is_unknown(exchange(login_request('acme', 'other')), 'no other one');
apps_are("acme:$digest{new}\n");
wait_for_status(401, 'acme', 'old', 'the old one is out');
is_logged_in(exchange(login_request('acme', 'new')), 'acme', 'the new one');

apps_are("acme:$digest{new}:one\nacme:$digest{old}:two\n");
wait_until(sub {
    exchange(login_request('acme', 'new'));
    logged(qr/\[error\].*apps" line 2 gives the appId of line 1 another account/);
}, 'one appId, two accounts');
is_logged_in(exchange(login_request('acme', 'new')), 'acme',
             'what was read before stays');
write_apps(app1 => SECRET);
wait_for_status(200, 'app1', SECRET, 'as before');



=== ten thousand applications
--- post_setup_server_root
Tracker::scratch('many', join '', map {
    "app-$_:" . Digest::SHA::sha256_hex("secret $_") . "\n"
} 1 .. 10_000);
--- config
    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_SCRATCH/many;
        client_max_body_size 1m;
    }
--- scenario
for my $n (1, 2, 17, 4_999, 10_000) {
    is_logged_in(exchange(login_request("app-$n", "secret $n")), "app-$n",
                 "number $n");
    is_unknown(exchange(login_request("app-$n", 'secret ' . ($n + 1))),
               "number $n, the secret of another");
}



=== the access log tells who logged in, and what became of a login
--- http_config
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_token_apps $TEST_NGINX_APPS;
    log_format tracker '$status $tracker_account $tracker_outcome '
                       '$tracker_redis_time';
--- config
    location = /oauth2/token:generate {
        tracker_token;
        access_log logs/login.log tracker;
        client_max_body_size 1m;
    }
--- scenario
exchange($_) for login_request('app1', SECRET), login_request('app1', 'bad'),
                 login_request('app1', ''), login_request('', '', body => '{');

my @lines;

wait_until(sub {
    open my $in, '<', "$ENV{TEST_NGINX_SERVER_ROOT}/logs/login.log" or return;
    chomp(@lines = <$in>);
    @lines == 4;
}, 'four lines in the log');

is_deeply(\@lines, ['200 app1 logged_in -', '401 - bad_login -',
                    '400 - invalid -', '400 - invalid -'], 'lines');
is(scalar logged(SECRET), 0, 'no secret in the error log');



=== a login that failed is in the error log at level info, with its appId
--- log_level: info
--- scenario
my %cause = (id => 'the appId is unknown', secret => 'the secret is wrong');
my $key = 'a1b2c3d4' x 8;

for my $case (['app1', 'bad', 'app1', 'secret'],
              ['nobody', SECRET, 'nobody', 'id'],
              ['App1', SECRET, 'App1', 'id'],
              ["app1\r\n[warn] \e[2J\x7f\"\x{e9}", SECRET,
               'app1??[warn] ?[2J????', 'id'],
              ['x' x 32, SECRET, 'x' x 32, 'id'],
              ['x' x 33, SECRET, 'x' x 32 . '"...', 'id'],
              [$key, 'app1', substr($key, 0, 32) . '"...', 'id'])
{
    my ($id, $secret, $shown, $cause) = @$case;
    my $before = () = logged(qr/tracker: login/);

    is_unknown(exchange(login_request($id, $secret)), $shown);

    my @lines = logged(qr/tracker: login/);
    my $words = $shown =~ /"\.\.\.$/ ? $shown : "$shown\"";

    is(@lines, $before + 1, 'one line');
    like($lines[-1],
         qr/\[info\].* tracker: login of "\Q$words\E refused: $cause{$cause}, /,
         'it says whose and why');
}

is(scalar logged(qr/\Q$key\E|@{[SECRET]}/), 0,
   'who takes a secret for an appId does not write it into the log');

my $lines = () = logged(qr/tracker: login/);
is_logged_in(exchange(login_request('app1', SECRET)), 'app1', 'a good one');
is(scalar(() = logged(qr/tracker: login/)), $lines, 'is not logged');
