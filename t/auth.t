use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

sub is_refused {
    my ($response, $title) = @_;

    is($response->{status}, 401, "$title: status");
    is($response->{headers}{'www-authenticate'}, 'Bearer', "$title: header");
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

is_refused(with_headers(), 'no header');
is_refused(with_headers("Authorization: $_"), "Authorization: $_")
    for 'Bearer', 'Bearer ', 'Bearer x', 'Bearer .', 'Bearer ..', 'Bearer ...',
        $token, "Basic $token", "Bearer$token", "Token $token",
        "Bearer $token x", "Bearer $token,$token", "Bearer $token.",
        "Bearer .$token", "Bearer \"$token\"", 'Bearer ' . 'a' x 4000,
        'Bearer a.b.c.d', "Bearer: $token";
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
    for 'a', 'x' x 255, "\xc3\xa9" x 127, '\u00e9', 'a b/{c}:*';

is_refused(with_headers('Authorization: Bearer ' . raw(undef, $_)), $_)
    for "{$exp}", "{\"sub\":\"\",$exp}", "{\"sub\":1,$exp}",
        "{\"sub\":null,$exp}", "{\"sub\":[\"a\"],$exp}",
        '{"sub":"' . 'x' x 256 . "\",$exp}",
        '{"sub":"' . "\xc3\xa9" x 128 . "\",$exp}",
        "{\"sub\":\"a\\u0000b\",$exp}", "{\"sub\":\"a\xff\",$exp}";



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
    for 'x', '', "Bearer $token";
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
is_refused(with_headers("Authorization: $_", "x-api-key: $b"), $_)
    for 'Bearer bad', 'Bearer', '', "Basic $b", $b;



=== a token in the query string is none
--- scenario
my $token = token('tester');

is_refused(exchange(post("tracker?access_token=$token&x-api-key=$token",
                         tracker_text('n'), token => undef)), 'query');



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
is_refused(with_headers(), 'no account');
is_refused(with_headers('X-Site-User: good-'), 'an empty account');
is_refused(with_headers('Authorization: Bearer ' . token('a')),
           'tokens are not looked at');



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
