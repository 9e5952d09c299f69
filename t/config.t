use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# What nginx -t says: each configuration is tested by a run of its own.

my $refused = 0;

sub config_test {
    my ($http, $server) = @_;
    my $load = join '', map { "load_module $_;\n" }
                        split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $root = scratch('');
    my $temp = join '', map { "${_}_temp_path $root/temp;\n" }
                        qw(client_body proxy fastcgi uwsgi scgi);
    my $file = scratch('test.conf', <<"CONFIG");
$load
events {}
pid $root/test.pid;
http {
    access_log off;
    $temp
    $http
    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_PORT};
        $server
    }
}
CONFIG
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my $words = `$binary -t -e $root/test.log -p $root -c $file 2>&1`;

    return ($? >> 8, $words);
}

sub expand {
    my ($text) = @_;

    return $text =~ s/\$(TEST_NGINX_\w+)/$ENV{$1}/gr;
}

sub is_refused {
    my ($http, $server, $message, $title) = @_;
    my ($status, $words) = config_test(expand($http), expand($server));

    is($status, 1, "$title: refused");
    like($words, qr/\[emerg\].*$message/, $title);
    $refused++ if $status == 1 && $words =~ /\[emerg\].*"[^"]*"/;
}

sub is_accepted {
    my ($http, $server, $title) = @_;
    my ($status, $words) = config_test(expand($http), expand($server));

    is($status, 0, "$title: accepted") or diag($words);
    unlike($words, qr/\[(warn|error|emerg)\]/, "$title: no warning");
}

sub is_warned {
    my ($http, $server, $message, $title) = @_;
    my ($status, $words) = config_test(expand($http), expand($server));

    is($status, 0, "$title: accepted");
    like($words, qr/\[warn\].*$message/, $title);
}

# the command that a warning names takes its cause away
sub is_mended {
    my ($title, $http, $server) = @_;
    my (undef, $words) = config_test(expand($http), expand($server));
    my ($command) = $words =~ /\[warn\].*"(sed -i '[^']*' [^"]+)"/;

    ok($command, "$title: a command") or return;
    is(system($command), 0, "$title: $command");
    is_accepted($http, $server, "$title, after it");
}

# one directive beside what every tracker location needs
sub directive {
    my ($line) = @_;

    return ('tracker_jwt_key $TEST_NGINX_KEY;',
            "location /t/ { tracker_api; $line }");
}

# as many addresses
sub hosts {
    my ($n) = @_;

    return join ' ', map { '127.0.' . ($_ >> 8) . '.' . ($_ & 255) } 1 .. $n;
}

sub KEY_LINE { 'tracker_jwt_key $TEST_NGINX_KEY;' }

run_tests();

cmp_ok($refused, '>=', 65, 'so many wrong configurations are refused, with the '
                           . 'value or the directive quoted');
Test::More::note("$refused wrong configurations");

__DATA__

=== an authenticator is enough
--- scenario
is_accepted(KEY_LINE, 'location /t/ { tracker_api; }', 'key');
is_accepted('tracker_account $remote_user;', 'location /t/ { tracker_api; }',
            'account');
is_accepted('', 'tracker_account $remote_user; location / { tracker_api; }',
            'in the server');
is_accepted('', "location / { tracker_api; @{[KEY_LINE]} }", 'after it');



=== without an authenticator nginx does not start
--- scenario
is_refused('', 'location /t/ { tracker_api; }',
           '"tracker_api".*"/t/".*authenticator.*"tracker_jwt_key"', 'none');
is_refused('', "location /t/ { tracker_api; }
                location /u/ { tracker_api; @{[KEY_LINE]} }",
           '"/t/".*authenticator', 'elsewhere only');
is_accepted('', 'location / { return 204; }', 'no tracker_api, no matter');



=== tracker_api: prefix locations only
--- scenario
my $key = KEY_LINE;

is_refused($key, 'location ~ /t/ { tracker_api; }', '"tracker_api"', 'regex');
is_refused($key, 'location ~* /t/ { tracker_api; }', '"tracker_api"',
           'regex, any case');
is_refused($key, 'location @t { tracker_api; }', '"tracker_api"', 'named');
is_refused($key, 'location = /t/ { tracker_api; }', '"tracker_api"', 'exact');
is_refused($key, 'location /t/ { if ($arg_a) { tracker_api; } }',
           '"tracker_api"', 'if');
is_refused($key, 'location /t/ { limit_except GET { tracker_api; } }',
           '"tracker_api"', 'limit_except');
is_refused($key, 'tracker_api;', '"tracker_api"', 'server');
is_refused("$key tracker_api;", '', '"tracker_api"', 'http');
is_refused($key, 'location /t/ { tracker_api on; }', '"tracker_api"',
           'an argument');
is_refused($key, 'location /t/ { tracker_api; tracker_api; }', 'duplicate',
           'twice');
is_accepted($key, 'location ^~ /t/ { tracker_api; }', 'prefix that ends');
is_accepted($key, 'location /t/ { location /t/u/ { tracker_api; } }',
            'nested');
is_accepted($key, 'location /t/ { tracker_api; } location /u/ { tracker_api; }',
            'two locations');



=== client_max_body_size has an end where tracker_api is
--- scenario
my $key = KEY_LINE;
my $api = 'location /t/ { tracker_api; }';

is_refused("$key client_max_body_size 0;", $api, '"client_max_body_size"',
           'none');
is_refused($key, "client_max_body_size 17m; $api", '"client_max_body_size"',
           'over 16m');
is_refused($key, 'location /t/ { client_max_body_size 16777217; tracker_api; }',
           '"client_max_body_size"', 'one byte over');
is_accepted($key, 'location /t/ { client_max_body_size 16m; tracker_api; }',
            '16m');
is_accepted("$key client_max_body_size 0;",
            'location /t/ { tracker_api; client_max_body_size 1m; }
             location /u/ { return 204; }', 'without elsewhere');



=== tracker_jwt_key: a file of 32 bytes or more
--- scenario
sub key_of {
    my ($bytes, $mode) = @_;

    scratch('test.key', $bytes, $mode // 0600);
    return ('tracker_jwt_key $TEST_NGINX_SCRATCH/test.key;',
            'location /t/ { tracker_api; }');
}

is_accepted(key_of('x' x 32), '32 bytes');
is_accepted(key_of('x' x 32 . "\n"), '32 and a newline');
is_accepted(key_of("\x00\xff\n" x 20), 'binary');
is_refused(key_of('x' x 31), '".*test\.key".*\b31\b.*\b32\b', '31 bytes');
is_refused(key_of('x' x 31 . "\n"), '\b31\b.*\b32\b', '31 and a newline');
is_refused(key_of("\n"), '\b0\b.*\b32\b', 'a newline');
is_refused(key_of(''), '\b0\b.*\b32\b', 'empty');
is_warned(key_of('x' x 32, 0644), '".*test\.key".*others', 'for everybody');
is_accepted(key_of('x' x 32, 0640), 'owner and group');
is_warned(key_of('x' x 32 . "\r\n"),
          'test\.key" ends in CR LF', 'CR LF');
is_mended('CR LF', key_of('x' x 32 . "\r\n"));
is_warned(key_of("\xef\xbb\xbf" . 'x' x 32),
          'test\.key" begins with a byte order mark', 'a byte order mark');
is_mended('a byte order mark', key_of("\xef\xbb\xbf" . 'x' x 32));
is_accepted(key_of('x' x 32 . "\r"), 'a CR alone: bytes may end so');
is_refused(key_of('x' x 31 . "\r\n"), 'test\.key" holds 31 bytes, 32',
           '31 and CR LF');
is_refused('tracker_jwt_key $TEST_NGINX_SCRATCH/none.key;',
           'location /t/ { tracker_api; }',
           '".*none\.key".*No such file', 'missing');
is_refused('tracker_jwt_key $TEST_NGINX_SCRATCH;',
           'location /t/ { tracker_api; }', '".*"', 'a folder');



=== tracker_jwt_key: parameters and repetition
--- scenario
my $api = 'location /t/ { tracker_api; }';

is_accepted('tracker_jwt_key $TEST_NGINX_KEY kid=a;
             tracker_jwt_key $TEST_NGINX_KEY kid=b;
             tracker_jwt_key $TEST_NGINX_KEY;', $api, 'three keys');
is_refused('tracker_jwt_key $TEST_NGINX_KEY kid=;', $api, '"kid="',
           'an empty kid');
is_refused("tracker_jwt_key \$TEST_NGINX_KEY kid=\xff;", $api, '"kid=.*UTF-8',
           'a kid in Latin-1');
is_refused('tracker_jwt_key $TEST_NGINX_KEY kid=' . 'a' x 3000 . ';', $api,
           '"kid=a+', 'a kid that is too long');
is_accepted('tracker_jwt_key $TEST_NGINX_KEY kid=' . 'a' x 1000 . ';', $api,
            'a long kid');
is_refused('tracker_jwt_key $TEST_NGINX_KEY key=a;', $api, '"key=a"',
           'another parameter');
is_refused('tracker_jwt_key;', $api, '"tracker_jwt_key"', 'no path');
is_refused('tracker_jwt_key a kid=a kid=b;', $api, '"tracker_jwt_key"',
           'too many');



=== a relative path begins in the folder of the configuration
--- scenario
is_accepted('tracker_jwt_key jwt.key;', 'location /t/ { tracker_api; }',
            'relative');



=== tracker_account: a warning where clients name their account
--- scenario
my $api = 'location /t/ { tracker_api; }';

is_warned("tracker_account $_;", $api, '"tracker_account', $_)
    for '$http_x_user', '$arg_user', '$cookie_user', '"${http_x_user}"';
is_accepted("tracker_account $_;", $api, $_)
    for '$remote_user', '$ssl_client_s_dn', 'fixed', 'site/$remote_user';
is_refused('tracker_account $remote_user; tracker_account $remote_addr;',
           $api, 'duplicate', 'twice');
is_refused('tracker_account;', $api, '"tracker_account"', 'no value');
is_refused('tracker_account $no_such_variable;', $api, 'no_such_variable',
           'unknown variable');



=== tracker_redis: addresses and parameters
--- scenario
scratch('redis.password', "secret\n");
scratch('empty.password', "\n");
scratch('none.password', '');
scratch('crlf.password', "\r\n");

is_accepted(directive("tracker_redis $_;"), $_)
    for '127.0.0.1:6379', '127.0.0.1', 'localhost:7000', '[::1]:6379',
        'unix:/run/redis.sock', '127.0.0.1:6379 db=0', '127.0.0.1 db=15',
        '127.0.0.1 password_file=$TEST_NGINX_SCRATCH/redis.password',
        '127.0.0.1 user=u password_file=redis.password db=3',
        '127.0.0.1 cluster', '127.0.0.1:1 localhost:2 [::1] cluster db=0',
        '127.0.0.1 sentinel=main', '127.0.0.1 127.0.0.2:1 [::1] sentinel=main',
        'unix:/a=b unix:/c sentinel=main db=3',
        '127.0.0.1 sentinel=main sentinel_user=u
             sentinel_password_file=redis.password',
        '127.0.0.1 wait=1', '127.0.0.1 wait=16:10ms', '127.0.0.1 wait=1:2500ms',
        '127.0.0.1 db=1 user=u password_file=redis.password wait=2:1s',
        '127.0.0.1 wait=1; tracker_redis_timeout 100ms';
is_refused(directive("tracker_redis $_->[0];"), $_->[1], $_->[0])
    for ['127.0.0.1:0', '127\.0\.0\.1:0'],
        ['127.0.0.1:70000', '127\.0\.0\.1:70000'],
        ['127.0.0.1:x', '127\.0\.0\.1:x'],
        ['no-such-host.invalid:6379', 'no-such-host\.invalid'],
        ['unix:', 'unix:'],
        ['127.0.0.1 db=x', '"db=x"'], ['127.0.0.1 db=-1', '"db=-1"'],
        ['127.0.0.1 db=', '"db="'], ['127.0.0.1 user=', '"user="'],
        ['127.0.0.1 password_file=', '"password_file="'],
        ['127.0.0.1 password=x', '"password=x"'],
        ['127.0.0.1 user=u', 'password_file'],
        ['127.0.0.1 127.0.0.2', 'more than one address.*needs a "sentinel="'],
        ['127.0.0.1 sentinel=', '"sentinel="'],
        ['127.0.0.1 cluster=', '"cluster="'],
        ['127.0.0.1 clusters=1', '"clusters=1"'],
        ['127.0.0.1 cluster sentinel=a', 'has no sentinels'],
        ['127.0.0.1 cluster db=3', '"db=3"'],
        ['unix:/a cluster', 'no node at "unix:/a"'],
        ['127.0.0.1 127.0.0.2:x sentinel=a', '127\.0\.0\.2:x'],
        ['127.0.0.1 sentinel=a sentinel_user=u', 'sentinel_password_file'],
        ['127.0.0.1 sentinel_user=u', 'sentinel_password_file'],
        ['127.0.0.1 sentinel_password_file=redis.password',
         '"sentinel_password_file=" needs a "sentinel="'],
        ['127.0.0.1 sentinel=a sentinel_password_file=none', 'none".*No such'],
        (map { ["127.0.0.1 wait=$_", "\"wait=$_\", expected \"wait=N\" or .* "
                                     . 'in \S+/test\.conf:\d'] }
             '', qw(0 17 -1 x 1x 1:0 1:x 1: :1s 1:-1 99999999999999999999)),
        ['127.0.0.1 waits=1', '"waits=1", expected "db="'],
        ['127.0.0.1 wait', 'more than one address'],
        (map { ["127.0.0.1 $_ $_", "duplicate parameter \"$_\""] }
             'db=1', 'user=u', 'wait=1',
             'password_file=redis.password', 'ssl', 'cluster',
             'sentinel=a'),
        ['127.0.0.1 wait=1 wait=2', 'duplicate parameter "wait=2"'],
        ['127.0.0.1 wait=1:2501ms',
         '"tracker_redis_timeout", 5000 ms, in location "/t/"'],
        ['127.0.0.1 wait=1:51ms; tracker_redis_timeout 100ms',
         '"tracker_redis_timeout", 100 ms'],
        ['127.0.0.1 password_file=$TEST_NGINX_SCRATCH/none', 'none".*No such'],
        (map { ["127.0.0.1 password_file=\$TEST_NGINX_SCRATCH/$_.password",
                $_ . '\.password" holds 0 bytes'] } qw(empty none crlf)),
        ['127.0.0.1; tracker_redis 127.0.0.1', 'duplicate'];
is_refused(directive('tracker_redis;'), '"tracker_redis"', 'no address');
is_accepted(directive("tracker_redis @{[hosts(1000)]} cluster;"), '1000 nodes');
is_refused(directive("tracker_redis @{[hosts(1001)]} cluster;"),
           'more than 1000 nodes.*"127\.0\.3\.233:6379"', '1001 nodes');



=== tracker_redis_ssl_*: what fits together, and what does not
--- scenario
my ($crt, $key) = map { scratch("own.$_") } qw(crt key);

system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1'
       . " -nodes -subj /CN=own -keyout $key -out $crt 2>/dev/null") == 0
    or die "openssl: no certificate\n";
scratch('phrases', "one\ntwo\n");

my $own = "tracker_redis_ssl_certificate $crt";
my $own_key = "tracker_redis_ssl_certificate_key $key";

is_accepted(directive("tracker_redis $_;"), $_)
    for '127.0.0.1:6380 ssl', '[::1]:6380 ssl', 'localhost:6380 db=1 ssl',
        "127.0.0.1 ssl; $own; $own_key",
        "127.0.0.1 ssl; tracker_redis_ssl_trusted_certificate $crt",
        '127.0.0.1 ssl; tracker_redis_ssl_protocols TLSv1.2 TLSv1.3',
        '127.0.0.1 ssl; tracker_redis_ssl_ciphers HIGH:!aNULL',
        '127.0.0.1 ssl; tracker_redis_ssl_password_file phrases',
        'unix:/run/redis.sock ssl; tracker_redis_ssl_name redis.internal',
        'unix:/run/redis.sock ssl; tracker_redis_ssl_verify off',
        # as with proxy_pass http:// they have no effect
        "127.0.0.1; $own", '127.0.0.1; tracker_redis_ssl_verify off';

is_refused(directive("tracker_redis $_->[0];"), $_->[1], $_->[0])
    for ['127.0.0.1 ssl=on', '"ssl=on"'],
        ["127.0.0.1 ssl; $own", '"tracker_redis_ssl_certificate_key".*own\.crt'
                                . '.*"/t/"'],
        ["127.0.0.1 ssl; $own_key", '"tracker_redis_ssl_certificate".*own\.key'
                                    . '.*"/t/"'],
        ['unix:/run/redis.sock ssl', 'unix:/run/redis\.sock.*"/t/"'
                                     . '.*"tracker_redis_ssl_name"'],
        ["127.0.0.1 ssl; $own; tracker_redis_ssl_certificate_key /none/key",
         '/none/key'],
        ['127.0.0.1 ssl; tracker_redis_ssl_trusted_certificate /none/ca',
         '/none/ca'],
        ["127.0.0.1 ssl; tracker_redis_ssl_crl $key", 'own\.key'],
        ['127.0.0.1 ssl; tracker_redis_ssl_ciphers none', '"none"'],
        ['127.0.0.1 ssl; tracker_redis_ssl_protocols TLSv9', '"TLSv9"'],
        ['127.0.0.1 ssl; tracker_redis_ssl_password_file /none/phrases',
         '/none/phrases'],
        ['127.0.0.1 ssl; tracker_redis_ssl_verify maybe', '"maybe"'],
        ['127.0.0.1 ssl; tracker_redis_ssl_verify_depth x', 'invalid number'];

for my $line ('name a', 'trusted_certificate a', 'crl a', 'certificate a',
              'certificate_key a', 'password_file phrases', 'ciphers HIGH',
              'verify on', 'verify_depth 1', 'server_name on',
              'session_reuse on')
{
    is_refused(directive("tracker_redis_ssl_$line; " x 2), 'duplicate', $line);
    is_accepted("tracker_redis_ssl_$line; " . KEY_LINE,
                'location /t/ { tracker_api; }', "http: $line");
}



=== tracker_redis: a password for everybody gets a warning
--- scenario
scratch('redis.password', "secret\n", 0644);
is_warned(directive('tracker_redis 127.0.0.1
                     password_file=$TEST_NGINX_SCRATCH/redis.password;'),
          'redis\.password.*others', 'warning');



=== tracker_redis: what a password file should not hold gets a warning
--- scenario
sub password_of {
    my ($bytes) = @_;

    scratch('test.password', $bytes);
    return directive('tracker_redis 127.0.0.1
                      password_file=$TEST_NGINX_SCRATCH/test.password;');
}

is_warned(password_of("secret\r\n"), 'test\.password" ends in CR LF', 'CR LF');
is_mended('CR LF', password_of("secret\r\n"));
is_warned(password_of($_), 'test\.password" holds a control character',
          $_ =~ s/([^ -~])/sprintf '\x%02x', ord $1/ger)
    for "secret\n\n", "one\ntwo\n", "secret\r", "sec\0ret", "s\0e\0c\0\n\0",
        "\tsecret", "secret\x7f\n";
is_warned(password_of("\xef\xbb\xbfsecret\n"),
          'test\.password" begins with a byte order mark', 'BOM');
is_accepted(password_of($_), "\"$_\"")
    for "secret\n", 'secret', " a secret with blanks \n", "\xc3\xa9\xff\n";

my (undef, $words) = config_test(map { expand($_) } password_of("hush\r\n"));
unlike($words, qr/hush/, 'the password is not in the warning');



=== the other directives: values, bounds, repetition
--- scenario
my %directives = (
    tracker_prefix => { good => ['a', 'a:b', 'x-1_y'],
                        bad => ['""', '"a{b"', '"a}b"'] },
    tracker_timeout => { good => ['100ms', '1s', '30', '1h'],
                         bad => ['0', '-1', 'x', '10ms', '25h', '""'] },
    tracker_redis_failover_timeout => {
        good => ['100ms', '10s'], bad => ['0', '99ms', '-1', 'x', '25h'] },
    tracker_redis_timeout => { good => ['100ms', '5s'],
                               bad => ['0', '-1', 'x', '10ms', '25h'] },
    tracker_lock => { good => ['on', 'off'], bad => ['yes', '1'] },
    tracker_max_trackers => { good => ['off', '1', '500'],
                              bad => ['0', '-1', 'x', '99999999999999999999',
                                      '1k', '1.5', 'on'] },
    tracker_max_idempotency_keys => { good => ['off', '1', '500'],
                                      bad => ['0', '-1', 'x'] },
    tracker_history => { good => ['off', '1', '1000', '100000'],
                         bad => ['0', '-1', 'x', '100001', 'on'] },
    tracker_history_waiting => { good => ['1', '256', '1000000'],
                                 bad => ['0', 'off', '-1', 'x', '1000001'] },
    tracker_max_bulk => { good => ['off', '1', '500'],
                          bad => ['0', '-1', 'x', '99999999999999999999'] },
    tracker_max_phrases => { good => ['off', '1', '50'],
                             bad => ['0', '-1', 'x', '99999999999999999999'] },
    tracker_min_phrases => { good => ['1', '5'],
                             bad => ['0', 'off', '-1', 'x',
                                     '99999999999999999999'] },
    tracker_token_ttl => { good => ['1s', '60', '24h', '365d'],
                           bad => ['0', '-1', 'x', '366d', '""', '100ms'] },
);

for my $name (sort keys %directives) {
    my ($good, $bad) = @{$directives{$name}}{qw(good bad)};

    is_accepted(directive("$name $_;"), "$name $_") for @$good;

    for my $value (@$bad) {
        my $quoted = $value =~ s/"//gr;
        is_refused(directive("$name $value;"), "\"\Q$quoted\E\"",
                   "$name $value");
    }

    is_refused(directive("$name $good->[0]; $name $good->[0];"), 'duplicate',
               "$name twice");
    is_refused(directive("$name;"), "\"$name\"", "$name without a value");
    is_refused(directive("$name $good->[0] $good->[0];"), "\"$name\"",
               "$name with two values");
}



=== limits that contradict each other
--- scenario
is_refused(directive('tracker_min_phrases 5; tracker_max_phrases 4;'),
           '"tracker_max_phrases" is 4.*"tracker_min_phrases" 5', 'phrases');
is_accepted(directive('tracker_min_phrases 5; tracker_max_phrases 5;'),
            'equal');



=== settings are inherited and replaced, level by level
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_prefix outer;
    tracker_max_phrases 2;
    tracker_max_bulk 1;
    tracker_lock off;
--- config
    tracker_prefix middle;

    location /a/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /b/ {
        tracker_api;
        client_max_body_size 1m;
        tracker_prefix inner;
        tracker_max_phrases off;
        tracker_max_bulk off;
        tracker_lock on;

        location /b/c/ {
            tracker_api;
        }
    }
--- scenario
my @three = (body => tracker_text('n', 1 .. 3));
my @bulk = (body => '[' . tracker_text('x') . ',' . tracker_text('y') . ']');

is(exchange(request('POST', '/a/tracker', @three))->{status}, 400,
   'phrases of http');
is(exchange(request('POST', '/a/trackers', @bulk))->{status}, 400,
   'bulk of http');
my $response = exchange(request('POST', '/b/tracker', @three));
is($response->{status}, 200, 'phrases of the location')
    or diag($response->{body});
is(exchange(request('POST', '/b/c/tracker', @three))->{status}, 409,
   'the nested location has the same store');
is(exchange(request('POST', '/b/c/trackers', @bulk))->{status}, 200,
   'bulk of the location');
is(exchange(request('POST', '/a/tracker', body => tracker_text('n')))
   ->{status}, 200, 'another prefix, another store');

ok(redis('EXISTS', account_key('tester', 'name:n', 'middle')), 'middle');
ok(redis('EXISTS', account_key('tester', 'name:n', 'inner')), 'inner');
ok(!redis('EXISTS', account_key('tester', 'name:n', 'outer')), 'not outer');

redis('SET', lock_key('tester', 'inner'), 'held', 'PX', 600_000);
redis('SET', lock_key('tester', 'middle'), 'held', 'PX', 600_000);
is(exchange(request('POST', '/b/tracker', body => tracker_text('z')))
   ->{status}, 429, 'lock of the location');
is(exchange(request('POST', '/a/tracker', body => tracker_text('z')))
   ->{status}, 200, 'lock of http');



=== tracker_token needs a key and the applications
--- scenario
my $apps = 'tracker_token_apps $TEST_NGINX_APPS;';
my $key = KEY_LINE;

is_accepted("$key $apps", 'location = /t { tracker_token; }', 'exact');
is_accepted("$key $apps", "location $_ { tracker_token; }", $_)
    for '/t', '^~ /t', '~ ^/t', '@t';
is_accepted('', "location = /t { tracker_token; $key $apps }", 'after it');
is_accepted('tracker_account $remote_user;',
            "location = /t { tracker_token; $key $apps }",
            'accounts from elsewhere');
is_refused($apps, 'location = /t { tracker_token; }',
           '"tracker_token".*"/t".*write "tracker_jwt_key"', 'no key');
is_refused($key, 'location = /t { tracker_token; }',
           '"tracker_token".*"/t".*write "tracker_token_apps"',
           'no applications');
is_refused("$key $apps", 'location = /t { tracker_token on; }',
           '"tracker_token"', 'an argument');
is_refused("$key $apps", 'location = /t { tracker_token; tracker_token; }',
           'duplicate', 'twice');
is_refused("$key $apps tracker_token;", '', '"tracker_token"', 'http');
is_refused("$key $apps", 'tracker_token;', '"tracker_token"', 'server');
is_refused("$key $apps", 'location /t { if ($arg_a) { tracker_token; } }',
           '"tracker_token"', 'if');
is_refused("$key $apps", "location /t { tracker_token; client_max_body_size $_; }",
           '"client_max_body_size".*"/t".*"tracker_token" needs', "size $_")
    for '0', '17m';



=== tracker_token and tracker_api not in one location
--- scenario
my $http = KEY_LINE . 'tracker_token_apps $TEST_NGINX_APPS;';

is_refused($http, 'location /t/ { tracker_api; tracker_token; }',
           '"tracker_token".*cannot be in one location with "tracker_api"',
           'api first');
is_refused($http, 'location /t/ { tracker_token; tracker_api; }',
           '"tracker_api".*cannot be in one location with "tracker_token"',
           'token first');
is_accepted($http, 'location /t/ { tracker_api;
                        location = /t/login { tracker_token; } }', 'nested');



=== tracker_token_apps: every line is an application, a comment or blank
--- scenario
use Digest::SHA qw(sha256_hex);

my $digest = sha256_hex('secret');
my @good = ('', "\n", "# c", "# c\n\n \t \n", "a:$digest", "a:$digest\n",
            'a:' . uc $digest, "a:b:$digest", 'x' x 255 . ":$digest",
            "\xc3\xa9:$digest", "a:$digest\nb:$digest\n",
            "a:$digest:b", "a:$digest:b:c\n", "a:$digest:$digest",
            "$digest:$digest", "$digest:$digest:$digest",
            "a:$digest:" . 'x' x 255, "a:$digest:\xc3\xa9",
            "a:$digest:c\nb:$digest:c\n", "a:$digest:a\n",
            "a:$digest\na:" . sha256_hex('x') . "\n",
            "a:$digest:b\na:" . sha256_hex('x') . ":b\n",
            "a:$digest\na:" . sha256_hex('x') . ":a\n");
my @bad = ([1, "a:b\n"], [1, "$digest\n"], [1, ":$digest\n"],
           [1, "a$digest\n"], [1, "a:${digest}0\n"],
           [1, 'a:' . substr($digest, 1)], [1, "a:$digest \n"],
           [1, "a:$digest\r\r\n"], [1, " a:$digest\n"],
           [1, "a:$digest:"], [1, "a:$digest:b c"], [1, "a:$digest:b "],
           [1, "a:$digest: b"], [1, "a:$digest:b\x01"], [1, "a:$digest:b\x7f"],
           [1, "a:$digest:b\0"], [1, "a:$digest:" . 'x' x 256],
           [1, "a:$digest:\xff"], [1, "a:$digest:\xc3"], [1, ":$digest:b"],
           [1, "a:b\x01:$digest"], [1, " # c\n"],
           [1, 'a:g' . substr($digest, 1)], [1, 'x' x 256 . ":$digest"],
           [1, "a b:$digest"], [1, "a\t:$digest"], [1, "a\0:$digest"],
           [1, "a\x7f:$digest"], [1, "\xff:$digest"], [1, "\xc3:$digest"],
           [3, "# c\n\na\n"], [2, "a:$digest\nb:$digest$digest\na:b"]);

sub apps_test {
    my ($text) = @_;

    scratch('test.apps', $text);
    return (KEY_LINE . 'tracker_token_apps $TEST_NGINX_SCRATCH/test.apps;',
            'location = /t { tracker_token; }');
}

is_accepted(apps_test($good[$_]), "good file $_") for 0 .. $#good;
is_refused(apps_test($_->[1]),
           "test\\.apps\" line $_->[0] is not \"appId:DIGEST\"",
           "line $_->[0] of \"" . substr($_->[1], 0, 20) . '"') for @bad;
is_refused(apps_test("a:$digest\n#\na:$digest\n"),
           'test\.apps" line 3 repeats the appId and the digest of line 1',
           'a line twice');
is_refused(apps_test("a:$digest\n#\na:$digest:b\n"),
           'test\.apps" line 3 repeats', 'and another account');
is_refused(apps_test("a:$digest:b\n#\na:" . sha256_hex($_) . "$_\n"),
           'test\.apps" line 3 gives the appId of line 1 another account',
           "two accounts, \"$_\"") for '', ':c', ':a';
is_warned(apps_test($_), 'test\.apps" has lines that end in CR LF or begins',
          'of another system')
    for "a:$digest\r\n", "# c\n\r\na:$digest\n", "a:$digest:b\r\n",
        "\xef\xbb\xbfa:$digest\n", "\xef\xbb\xbf# c\r\n";

my (undef, $words) = config_test(map { expand($_) }
                                 apps_test("a:my own secret\n"));
unlike($words, qr/my own/, 'a line is never quoted');



=== tracker_token_apps: a file of at most 1 MiB that only few can read
--- scenario
my $server = 'location = /t { tracker_token; }';
my $path = scratch('test.apps', '#' x (1024 * 1024));
my $http = KEY_LINE . "tracker_token_apps $path;";

is_accepted($http, $server, 'one MiB');
scratch('test.apps', '#' x (1024 * 1024 + 1));
is_refused($http, $server, 'test\.apps" is not a file of at most 1048576',
           'one byte more');
is_refused(KEY_LINE . 'tracker_token_apps $TEST_NGINX_SCRATCH;', $server,
           'is not a file', 'a folder');
is_refused(KEY_LINE . 'tracker_token_apps none;', $server,
           'none" failed.*No such', 'no file');
is_refused(KEY_LINE . 'tracker_token_apps;', $server, '"tracker_token_apps"',
           'no path');

scratch('test.apps', '', 0640);
is_accepted($http, $server, 'owner and group');
is_refused("$http tracker_token_apps $path;", $server, 'duplicate', 'twice');
scratch('test.apps', '', 0644);
is_warned($http, $server, 'test\.apps.*others', 'everybody');



=== tracker_conversations: where trackers are, in a location of its own
--- scenario
my $key = KEY_LINE;

is_accepted($key, 'location /v1/ { tracker_conversations; }
                   location /v1/manage/ { tracker_api; }', 'side by side');
is_accepted($key, 'location /v1/ { tracker_conversations;
                       location /v1/manage/ { tracker_api; } }', 'nested');
is_accepted($key, 'location /t/ { tracker_conversations;
                       if ($arg_a) { set $a 1; } }', 'with an if');
is_refused('', 'location /t/ { tracker_conversations; }',
           '"tracker_conversations".*"/t/".*authenticator', 'no key');
is_refused("$key tracker_account a;",
           'location /t/ { tracker_conversations; }', 'exclude', 'both');

# of lines; other bodies have a limit of their own
is_accepted($key, 'location /t/ { client_max_body_size 0;
                       tracker_conversations; }', 'no limit');
is_accepted($key, 'location /t/ { client_max_body_size 1g;
                       tracker_conversations; }', 'one of lines');
is_refused($key, 'location /t/ { client_max_body_size 0;
                       tracker_conversations;
                       location /t/u/ { tracker_api; } }',
           '"client_max_body_size".*"tracker_api" needs', 'inherited');

for my $where ('~ /t/', '@t', '= /t/') {
    is_refused($key, "location $where { tracker_conversations; }",
               '"tracker_conversations" is allowed in prefix locations',
               $where);
}

is_refused($key, 'tracker_conversations;', '"tracker_conversations"',
           'server');
is_refused($key, 'location /t/ { tracker_conversations on; }',
           '"tracker_conversations"', 'arguments');
is_refused($key, 'location /t/ { tracker_conversations;
                       tracker_conversations; }', 'duplicate', 'twice');

for my $pair (['tracker_api', 'tracker_conversations'],
              ['tracker_conversations', 'tracker_api'],
              ['tracker_conversations', 'tracker_token'])
{
    my ($one, $two) = @$pair;

    is_refused($key, "location /t/ { $one; $two; }",
               "\"$two\".*cannot be in one location with \"$one\"", "@$pair");
}



=== the bounds of conversations
--- scenario
for my $line (qw(1s 24h 365d)) {
    is_accepted(directive("tracker_conversation_ttl $line;"), $line);
}

for my $line (qw(0 366d -1 x)) {
    is_refused(directive("tracker_conversation_ttl $line;"),
               '"tracker_conversation_ttl"|from 1s to 365d', $line);
}

for my $line (qw(1k 8m 256m)) {
    is_accepted(directive("tracker_conversation_max_size $line;"),
                "size $line");
}

for my $line (qw(0 1023 257m 1g x)) {
    is_refused(directive("tracker_conversation_max_size $line;"),
               '"tracker_conversation_max_size"|from 1k to 256m', "size $line");
}

is_accepted(directive("tracker_empty_insights $_;"), $_) for qw(on off);
is_refused(directive('tracker_empty_insights maybe;'),
           'tracker_empty_insights', 'neither');

is_accepted(directive("tracker_detect_default $_;"), $_) for qw(all none);
is_refused(directive("tracker_detect_default $_;"), "invalid value \"$_\"",
           $_) for qw(some on);

my %bounds = (
    tracker_detect_cache => [[qw(64k 64m 1024m)], [qw(0 63k 1025m x)]],
    tracker_detect_max_phrases => [[1, 1_000_000], [0, 1_000_001, -1, 'x']],
    tracker_detect_max_hits => [[1, 250_000], [0, 250_001, -1, 'x']],
);

for my $name (sort keys %bounds) {
    is_accepted(directive("$name $_;"), "$name $_") for @{$bounds{$name}[0]};
    is_refused(directive("$name $_;"), "\"$name\"|must be .*from|value must be", "$name $_")
        for @{$bounds{$name}[1]};
}

for my $line ('tracker_conversation_ttl 1h;',
              'tracker_conversation_max_size 1m;', 'tracker_empty_insights on;',
              'tracker_detect_default none;', 'tracker_detect_cache 1m;',
              'tracker_detect_max_phrases 9;', 'tracker_detect_max_hits 9;')
{
    is_refused(directive("$line $line"), 'duplicate', "twice: $line");
    is_accepted("$line @{[KEY_LINE]}", 'location /t/ { tracker_api; }',
                "http: $line");
}



=== conf/nginx.conf has every directive and is accepted
--- scenario
open my $in, '<', 'conf/nginx.conf' or die "conf/nginx.conf: $!";
my $text = do { local $/; <$in> };

for my $name (qw(tracker_api tracker_redis tracker_prefix tracker_jwt_key
                 tracker_account tracker_timeout tracker_redis_timeout
                 tracker_lock tracker_max_trackers tracker_max_bulk
                 tracker_max_idempotency_keys tracker_history
                 tracker_history_waiting tracker_max_phrases
                 tracker_min_phrases tracker_token tracker_token_apps
                 tracker_token_ttl tracker_status tracker_health
                 tracker_conversations
                 tracker_conversation_ttl tracker_conversation_max_size
                 tracker_empty_insights tracker_detect_default
                 tracker_detect_similar tracker_detect_cache
                 tracker_detect_max_phrases tracker_detect_max_hits
                 tracker_redis_ssl_trusted_certificate))
{
    like($text, qr/^\s*(# *)?$name\b/m, $name);
}

my $root = scratch('');
my ($http) = $text =~ /^http \{\n(.*)^\}/ms;

$http =~ s{/etc/nginx/tracker/jwt\.key}{$ENV{TEST_NGINX_KEY}};
$http =~ s{/etc/nginx/tracker/apps}{$ENV{TEST_NGINX_APPS}};
$http =~ s{/var/log/nginx/}{$root}g;
$http =~ s{listen 80;}{listen 127.0.0.1:$ENV{TEST_NGINX_H2_PORT};};
$http =~ s{^\s*access_log }{#$&}m;
is_accepted($http, 'location / { return 204; }', 'the sample');

# what is there as a comment: the locations, the server, the log format
my $n = ($http =~ s{^([ ]*)\#[ ]((?:location[ ]=[ ]/health|server[ ]\{|log_format[ ]tracker_json)
                         .*\n(?:\1\#.*\n)*)}
                    {"$1$2" =~ s/^ *\K#//mgr}gmex);

is($n, 3, 'three comments');
$http =~ s{listen 127\.0\.0\.1:9113;}{listen 127.0.0.1:$ENV{TEST_NGINX_REDIS_PORT};};
is_accepted($http, 'location / { return 204; }', 'without its comments');



=== tracker_status and tracker_health: a location that answers nothing else
--- scenario
my @answer = qw(tracker_api tracker_conversations tracker_token tracker_status
                tracker_health);
my $http = KEY_LINE . ' tracker_token_apps $TEST_NGINX_APPS;';

for my $name (qw(tracker_status tracker_health)) {
    is_refused($http, "location /t/ { $name; $name; }", 'duplicate', $name);
    is_refused($http, "location /t/ { $name on; }", "\"$name\"", $name);
    is_refused($http, "$name;", "\"$name\"", $name);
    is_refused($http, "location /t/ { $name; $_; }", 'one location', "$_ too"),
    is_refused($http, "location /t/ { $_; $name; }", 'one location', "$_ before")
        for grep { $_ ne $name } @answer;
    is_accepted($http, "location = /t { $name; }", $name);
    is_accepted($http, "location /t { if (\$arg_a) { set \$a 1; } $name; }",
                "$name, an if");
}

is_accepted('', 'location = /t { tracker_health; }', 'the default Redis');
is_accepted('', 'location /t { tracker_status; } location /u { tracker_status; }',
            'two');

my $many = join '', map { "location /l$_ { tracker_health; "
                          . "tracker_redis 127.0.0.1:63$_; }" } 10 .. 18;

is_warned('', "location /t { tracker_status; } $many",
          '"tracker_status" has room for 8 servers', 'a ninth server');


=== conf/tracker.conf is what conf/nginx.conf has inside of http { }
--- scenario
sub sample {
    my ($name) = @_;

    open my $in, '<', "conf/$name" or die "conf/$name: $!";
    local $/;
    return <$in>;
}

my ($http) = sample('nginx.conf') =~ /^http \{\n(.*)^\}/ms;
my $tracker = sample('tracker.conf');

$http =~ s/^ {4}//mg;
is($tracker =~ s/\A(?:#.*\n)+\n//r, $http,
   'to make it: sed "1,/^http {/d; /^}/,$d; s/^    //" conf/nginx.conf');
like($tracker, qr/\A# /, 'and it says what it is');
