use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

# a token that is not good
sub is_refused {
    my ($response, $title) = @_;

    is_unauthorized($response, $title, 'Bearer error="invalid_token"');
}

# no token at all
sub is_challenged {
    my ($response, $title) = @_;

    is_unauthorized($response, $title, 'Bearer');
}

sub is_unauthorized {
    my ($response, $title, $challenge) = @_;

    is($response->{status}, 401, "$title: status");
    is($response->{headers}{'www-authenticate'}, $challenge,
       "$title: header");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body},
               'Token validation failed for provided token.', $title);
}

# a create with just these header lines in place of a good token
sub with_headers {
    my @lines = @_;

    return exchange(post('tracker', tracker_text('n'), token => undef,
                         headers => \@lines));
}

# a token from the text of its header and its payload
sub raw {
    my ($header, $payload, $key) = @_;

    return sign_token($header // '{"alg":"HS256"}', $payload, $key);
}

sub claims {
    my ($rest) = @_;
    my $exp = time() + 3600;

    return '{"sub":"tester","exp":' . $exp . ($rest // '') . '}';
}

# the lines of nginx' error log that match
sub logged {
    my ($pattern) = @_;

    open my $in, '<', "$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log"
        or die "error.log: $!";
    return grep { /$pattern/ } <$in>;
}

# the account whose tracker "n" exists, of those named
sub written {
    return grep { redis('EXISTS', account_key($_, 'name:n')) } @_;
}

__DATA__

=== the scheme Bearer in any case, then one token
--- scenario
for my $scheme ('Bearer', 'bearer', 'BEARER', 'bEaReR') {
    my $token = token("account $scheme");
    my $response = with_headers("Authorization: $scheme $token");

    is_created($response, 'n', $scheme);
    is_deeply([written("account $scheme")], ["account $scheme"], 'account');
}



=== no token, or none that can be one
--- scenario
my $token = token('tester');

is_challenged(with_headers(), 'no header');
is_challenged(with_headers("Authorization: $_"), "Authorization: $_")
    for 'Bearer', 'Bearer ', $token, "Basic $token", "Bearer$token",
        "Token $token", "Bearer: $token", 'Beare', '';
is_refused(with_headers("Authorization: $_"), "Authorization: $_")
    for 'Bearer x', 'Bearer .', 'Bearer ..', 'Bearer ...', "Bearer $token x",
        "Bearer $token,$token", "Bearer $token.", "Bearer .$token",
        "Bearer \"$token\"", 'Bearer ' . 'a' x 4000, 'Bearer a.b.c.d';
is(redis('DBSIZE'), 0, 'nothing was written');



=== a signature that is not ours
--- scenario
my $token = token('tester');
my ($head, $body, $signature) = split /\./, $token;
my $other = token('other');

is_refused(with_headers("Authorization: Bearer $_"), $_)
    for "$head.$body.", "$head.$body", "$head.$body.AAAA",
        "$head.$body." . substr($signature, 0, -1),
        "$head.$body.$signature" . 'A', "$head.$body.$signature=",
        "$head.$body." . reverse($signature),
        "$head." . (split /\./, $other)[1] . ".$signature",
        raw(undef, claims(), 'another key of the tests, 32 byte'),
        raw(undef, claims(), KEY . "\n"), raw(undef, claims(), '');



=== one changed character anywhere makes a token bad
--- scenario
my $token = token('tester');
my %seen;

for my $at (0 .. length($token) - 2) {
    my $bad = $token;
    substr($bad, $at, 1) = substr($bad, $at, 1) eq 'B' ? 'C' : 'B';
    $seen{with_headers("Authorization: Bearer $bad")->{status}}++;
}

is_deeply([keys %seen], [401], 'all are refused');



=== HS256 and nothing else
--- scenario
my $exp = claims();

is_refused(with_headers("Authorization: Bearer " . raw($_, $exp)), $_)
    for '{"alg":"none"}', '{"alg":"None"}', '{"alg":"HS512"}',
        '{"alg":"HS384"}', '{"alg":"RS256"}', '{"alg":"hs256"}', '{}',
        '{"typ":"JWT"}', '{"alg":null}', '{"alg":["HS256"]}', '[]', 'x', '',
        '{"alg":"HS256"', '{"alg":"HS256","alg":"none"}',
        '{"alg":"HS256","crit":["exp"]}', '{"alg":"HS256","crit":[]}',
        '{"alg":"HS256","crit":["b64"],"b64":false}';

my ($body) = (split /\./, token('tester'))[1];
is_refused(with_headers("Authorization: Bearer eyJhbGciOiJub25lIn0.$body."),
           'alg none without a signature');



=== a NUL in the header or the claims makes a token bad
jansson lost one behind a number, and the token verified.
--- scenario
my $exp = time() + 3600;

is_refused(with_headers('Authorization: Bearer ' . raw(@$_)), 'a NUL')
    for ["{\"alg\":\"HS256\",\"x\":1\0}", claims()],
        ["{\"alg\":\"HS256\",\"x\":[null\0]}", claims()],
        [undef, "{\"sub\":\"tester\",\"exp\":$exp\0}"],
        [undef, claims(",\"x\":true\0")], [undef, claims() . "\0"];
is(redis('DBSIZE'), 0, 'nothing was written');



=== other members of the header do not matter
--- scenario
is_created(with_headers('Authorization: Bearer '
                        . raw('{"typ":"x","cty":"y","alg":"HS256"}',
                              claims())), 'n', 'created');



=== exp is required, an integer, and not over
--- scenario
my $now = time();

is_refused(with_headers('Authorization: Bearer ' . raw(undef, $_)), $_)
    for '{"sub":"tester"}', '{"sub":"tester","exp":' . ($now - 1) . '}',
        '{"sub":"tester","exp":"' . ($now + 900) . '"}',
        '{"sub":"tester","exp":' . ($now + 900) . '.5}',
        '{"sub":"tester","exp":9e12}', '{"sub":"tester","exp":null}',
        '{"sub":"tester","exp":0}', '{"sub":"tester","exp":-1}',
        '{"sub":"tester","exp":true}', '{"sub":"tester","exp":[]}',
        '{"sub":"tester","exp":99999999999999999999}';



=== nbf and iat may be 60 s ahead
--- scenario
my $now = int(time());

for my $claim (qw(nbf iat)) {
    my ($good, $bad) = map { claims(",\"$claim\":" . ($now + $_)) } 30, 200;

    like(with_headers('Authorization: Bearer ' . raw(undef, $good))->{status},
         qr/^(200|409)$/, "$claim in 30 s");
    is_refused(with_headers('Authorization: Bearer ' . raw(undef, $bad)),
               "$claim in 200 s");
    is_refused(with_headers('Authorization: Bearer '
                            . raw(undef, claims(",\"$claim\":$_"))),
               "$claim $_")
        for '"1"', 'null', '{}', 'true';
}



=== sub is a string of 1 to 255 bytes
--- scenario
my $exp = '"exp":' . (int(time()) + 900);

is_created(with_headers('Authorization: Bearer '
                        . raw(undef, "{\"sub\":\"$_\",$exp}")), 'n', $_)
    for 'a', 'x' x 255, "\xc3\xa9" x 127, '\u00e9', 'a b/{c}:*', '\"\\\\',
        "\xc2\x80";

is_refused(with_headers('Authorization: Bearer ' . raw(undef, $_)), $_)
    for "{$exp}", "{\"sub\":\"\",$exp}", "{\"sub\":1,$exp}",
        "{\"sub\":null,$exp}", "{\"sub\":[\"a\"],$exp}",
        '{"sub":"' . 'x' x 256 . "\",$exp}",
        '{"sub":"' . "\xc3\xa9" x 128 . "\",$exp}",
        "{\"sub\":\"a\\u0000b\",$exp}", "{\"sub\":\"a\xff\",$exp}";



=== a control character in sub is 401, and reaches no header
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        add_header X-Account $tracker_account always;
    }
--- scenario
my $exp = '"exp":' . (int(time()) + 900);

for my $char ('\r\n', map { sprintf '\u%04x', $_ } 1 .. 31, 127) {
    my $sub = "joe${char}X-Evil: 1";
    my $response = with_headers('Authorization: Bearer '
                                . raw(undef, "{\"sub\":\"$sub\",$exp}"));

    is_refused($response, $char);
    is($response->{headers}{$_}, undef, "$char: no $_")
        for 'x-account', 'x-evil';
}

is_refused(with_headers('Authorization: Bearer '
                        . raw(undef, "{\"sub\":\"a\x7f\",$exp}")), 'DEL');
is(redis('DBSIZE'), 0, 'nothing was written');



=== conf/token makes no token that is refused
--- scenario
my $run = scratch('') =~ s{/$}{}r;
my $quiet = '2>/dev/null';

for my $account ('a', 'joe "\\" {c}:*', "\xc3\xa9" x 127) {
    my $name = $account =~ s/'/'\\''/gr;

    chomp(my $token = `conf/token '$name' --run '$run'`);
    is_created(with_headers("Authorization: Bearer $token"), 'n', $account);
}

for my $account ("a\nb", "a\tb", "\x01", "a\x7f", 'x' x 256, "\xff", '') {
    is(`conf/token '$account' --run '$run' $quiet`, '', 'no token');
    isnt($?, 0, 'status');
}



=== the payload is one JSON object
--- scenario
my $good = claims();

is_refused(with_headers('Authorization: Bearer ' . raw(undef, $_)), $_)
    for '', '[]', '"x"', 'null', "$good,", "[$good]", substr($good, 0, -1),
        $good . $good, claims(',"sub":"other"'), claims(',"exp":1');



=== issuer, audience and other claims are not looked at
--- scenario
my $token = raw(undef, claims(',"iss":7,"aud":["x"],"jti":null,"x":{}'));

is_created(with_headers("Authorization: Bearer $token"), 'n', 'created');



=== x-api-key where there is no Authorization
--- scenario
my $token = token('tester');

is_created(with_headers("X-API-Key: $token"), 'n', 'good');
is(with_headers("x-api-key: $token")->{status}, 409, 'any case');
is_refused(with_headers("x-api-key: $_"), "x-api-key: $_")
    for 'x', "Bearer $token";
is_challenged(with_headers('x-api-key:'), 'empty');
is_refused(with_headers("x-api-key: $token", "x-api-key: $token"), 'twice');
is_refused(with_headers("x-api-key: $token", 'x-api-key:'), 'twice, one empty');



=== Authorization decides, whatever x-api-key says
--- scenario
my ($a, $b) = (token('a'), token('b'));

is_created(with_headers("Authorization: Bearer $a", "x-api-key: $b"), 'n',
           'both good');
is_deeply([written('a', 'b')], ['a'], 'the account is that of the bearer');
is(with_headers("Authorization: Bearer $a", 'x-api-key: bad')->{status}, 409,
   'x-api-key bad');
is_refused(with_headers('Authorization: Bearer bad', "x-api-key: $b"), 'bad');
is_challenged(with_headers("Authorization: $_", "x-api-key: $b"), $_)
    for 'Bearer', '', "Basic $b", $b;



=== a token in the query string is none
--- request eval
my $token = main::token('tester');
"POST /v1/manage/tracker?access_token=$token&x-api-key=$token
{\"name\":\"n\",\"vocabulary\":[\"phrase\"]}"
--- only_headers
Content-Type: application/json
--- error_code: 401
--- response_headers
Content-Type: application/json
WWW-Authenticate: Bearer
--- message: Token validation failed for provided token.



=== two keys: tokens of both are good, a kid picks its key
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY kid=new;
    tracker_jwt_key $TEST_NGINX_SCRATCH/old.key kid=old;
--- post_setup_server_root
Tracker::scratch('old.key', 'the old key of the tests, 32 byte');
--- scenario
my $old = 'the old key of the tests, 32 byte';
my @good = (
    [undef, KEY], [undef, $old],
    ['{"alg":"HS256","kid":"new"}', KEY],
    ['{"alg":"HS256","kid":"old"}', $old],
    ['{"alg":"HS256","kid":"unknown"}', KEY],
    ['{"alg":"HS256","kid":"unknown"}', $old],
);
my @bad = (
    ['{"alg":"HS256","kid":"new"}', $old],
    ['{"alg":"HS256","kid":"old"}', KEY],
    [undef, 'a key that nobody has told us of.'],
);

like(with_headers('Authorization: Bearer '
                  . raw($_->[0], claims(), $_->[1]))->{status},
     qr/^(200|409)$/, ($_->[0] // 'no kid') . " $_->[1]") for @good;
is_refused(with_headers('Authorization: Bearer '
                        . raw($_->[0], claims(), $_->[1])),
           ($_->[0] // 'no kid') . " $_->[1]") for @bad;



=== every location has the keys it was given
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_jwt_key $TEST_NGINX_SCRATCH/inner.key;
        client_max_body_size 1m;
    }
--- post_setup_server_root
Tracker::scratch('inner.key', 'the inner key of the tests: 32 by');
--- scenario
my $inner = raw(undef, claims(), 'the inner key of the tests: 32 by');

is_created(with_headers("Authorization: Bearer $inner"), 'n', 'its own');
is_refused(with_headers('Authorization: Bearer ' . token('tester')),
           'not that of the level above');



=== tracker_account: the account from a variable
--- http_config
    tracker_redis $TEST_NGINX_REDIS;

    map $http_x_site_user $site_account {
        ~^good-(?<user>.*)$  $user;
    }
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_account $site_account;
        client_max_body_size 1m;
    }
--- scenario
is_created(with_headers('X-Site-User: good-a'), 'n', 'a');
is_created(with_headers('X-Site-User: good-b'), 'n', 'b');
is_deeply([written('a', 'b', '')], ['a', 'b'], 'accounts');
is_challenged(with_headers(), 'no account');
is_challenged(with_headers('X-Site-User: good-'), 'an empty account');
is_challenged(with_headers('Authorization: Bearer ' . token('a')),
              'tokens are not looked at');



=== tracker_account: a control character in it is 401
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
--- config
    set $site_account "";

    if ($uri ~ "^/users/(?<user>[^/]*)/") {
        set $site_account $user;
    }

    location /users/ {
        tracker_api;
        tracker_account $site_account;
        client_max_body_size 1m;
        add_header X-Account $tracker_account always;

        rewrite ^/users/[^/]*/(.*)$ /users/$1 break;
    }
--- exchanges
GET /users/joe%20x/trackers
no Authorization
200
X-Account: joe x
GET /users/joe%0d%0aX-Evil:%201/trackers
no Authorization
401 Token validation failed for provided token.
WWW-Authenticate: Bearer
! X-Account
! X-Evil
GET /users/joe%0aX-Evil:%201/trackers
no Authorization
401 Token validation failed for provided token.
WWW-Authenticate: Bearer
! X-Account
! X-Evil
GET /users/joe%09X-Evil:%201/trackers
no Authorization
401 Token validation failed for provided token.
WWW-Authenticate: Bearer
! X-Account
! X-Evil
GET /users/joe%01X-Evil:%201/trackers
no Authorization
401 Token validation failed for provided token.
WWW-Authenticate: Bearer
! X-Account
! X-Evil
GET /users/joe%1fX-Evil:%201/trackers
no Authorization
401 Token validation failed for provided token.
WWW-Authenticate: Bearer
! X-Account
! X-Evil
GET /users/joe%7fX-Evil:%201/trackers
no Authorization
401 Token validation failed for provided token.
WWW-Authenticate: Bearer
! X-Account
! X-Evil



=== tracker_account: text and variables together
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
--- config
    location /v1/manage/ {
        auth_basic site;
        auth_basic_user_file $TEST_NGINX_SCRATCH/users;
        tracker_api;
        tracker_account site/$remote_user;
        client_max_body_size 1m;
    }
--- post_setup_server_root
Tracker::scratch('users', "joe:{PLAIN}secret\n", 0644);
--- scenario
is_created(with_headers('Authorization: Basic am9lOnNlY3JldA=='), 'n', 'joe');
is_deeply([written('site/joe')], ['site/joe'], 'account');
is(with_headers('Authorization: Basic am9lOmJhZA==')->{status}, 401,
   'a bad password');



=== the error log says why, once a request, and not a byte of the token
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY kid=main;
    large_client_header_buffers 4 32k;

    log_format account '$tracker_account';
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        access_log logs/account.log account;
        add_header X-Account $tracker_account always;
    }

    set $site_account "";

    if ($uri ~ "^/site/(?<user>[^/]+)/") {
        set $site_account $user;
    }

    location /site/ {
        tracker_api;
        tracker_account $site_account;
        client_max_body_size 1m;

        rewrite ^/site/[^/]+/(.*)$ /site/$1 break;
    }
--- log_level: info
--- scenario
my $now = int(time());
my $good = claims();
my $secret = 'Hush';

sub bearer { return 'Authorization: Bearer ' . raw(@_) }

sub with_exp {
    my ($rest) = @_;

    return "{\"jti\":\"$secret\",$rest}";
}

my @cases = (
    ['no token'],
    ['no token', 'Authorization: Bearer'],
    ['no token', 'x-api-key:'],
    ['"Authorization" is not Bearer', "Authorization: Basic $secret"],
    ['"x-api-key" is sent more than once', "x-api-key: $secret",
     "x-api-key: $secret"],
    ['the token is malformed', "Authorization: Bearer $secret"],
    ['the token is malformed', "Authorization: Bearer $secret.$secret.x"],
    ['the token is malformed', "x-api-key: $secret"],
    ['the token is malformed', bearer(undef, "[\"$secret\"]")],
    ['the token is too long', 'Authorization: Bearer ' . $secret x 2500],
    [q{the token's "alg" is not HS256}, bearer('{"alg":"none"}', $good)],
    [q{the token has a "crit"}, bearer('{"alg":"HS256","crit":[]}', $good)],
    [q{the token's "kid" is not a string},
     bearer('{"alg":"HS256","kid":7}', $good)],
    [q{the token's "kid" is unknown, and no key verifies its signature},
     bearer("{\"alg\":\"HS256\",\"kid\":\"$secret\"}", $good, 'x' x 32)],
    [q{the token's signature does not verify}, bearer(undef, $good, 'x' x 32)],
    [q{the token's "exp" is missing or not an integer},
     bearer(undef, with_exp("\"sub\":\"$secret\""))],
    ['the token has expired',
     bearer(undef, with_exp("\"sub\":\"$secret\",\"exp\":" . ($now - 1)))],
    [q{the token's "nbf" or "iat" is ahead or not an integer},
     bearer(undef, claims(',"nbf":' . ($now + 900)))],
    [q{the token's "sub" is missing, not 1 to 255 bytes, or has a control }
     . 'character',
     bearer(undef, with_exp('"sub":"a\n","exp":' . ($now + 900)))],
);

for my $case (@cases) {
    my ($cause, @headers) = @$case;
    my $before = () = logged(qr/unauthorized/);

    is(with_headers(@headers)->{status}, 401, $cause);

    my @lines = logged(qr/unauthorized/);
    is(@lines, $before + 1, 'one line');
    like($lines[-1], qr/\[info\].* tracker: unauthorized: \Q$cause\E, client: /,
         'it says why');
}

for my $case (['', '"tracker_account" is empty'],
              ['a%0ab/', '"tracker_account" has a control character'])
{
    my ($path, $cause) = @$case;

    is(exchange(request('GET', "/site/${path}trackers"))->{status}, 401,
       $cause);
    like((logged(qr/unauthorized/))[-1], qr/: \Q$cause\E, client: /, 'why');
}

is(scalar logged(qr/$secret|SHVza|h1c2|IdXNo/), 0, 'no part of a token');
