use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# conf/nginx.conf on a public address: with the files that README says to
# include, in the form that this nginx has.  Only addresses, paths and what the
# section "change" changes are other than in the sample.

use Digest::SHA qw(sha256_hex);
use IO::Socket::SSL qw(SSL_VERIFY_NONE);

log_level('warn');

# ports, and who has HTTP/3
our ($plain, $tls, $http3, $client3);

BEGIN {
    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my ($minor) = `$binary -v 2>&1` =~ m{nginx/1\.(\d+)};

    $http3 = $minor >= 25 && `$binary -V 2>&1` =~ /http_v3_module/;
    $client3 = `curl -V` =~ /^Features:.*\bHTTP3\b/m;
    ($plain, $tls) = map { Tracker::free_port() } 1, 2;

    system('openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost'
           . ' -out ' . scratch('server.crt') . ' -keyout '
           . scratch('server.key') . ' 2>/dev/null') == 0
        or die "openssl: no certificate\n";
}

my $blocks = 0;

add_block_preprocessor(sub {
    my ($block) = @_;
    local $_ = sample('conf/nginx.conf');

    # as README says
    my $other = $http3 ? 'http3' : 'http2';
    s{# (include tracker/(?:tls|$other)\.conf;)}{$1}g == 2
        or die "conf/nginx.conf: no such includes\n";

    if (defined $block->change) {
        eval $block->change . '; 1' or die "change: $@";
    }

    # with HUP a zone keeps what it has counted
    $blocks++;
    s/(\bzone=)(\w+)/$1${2}_$blocks/g;
    s/(\blimit_conn )(\w+)/$1${2}_$blocks/g;

    s{^ *include tracker/(\w+)\.conf;}{included($1)}mge;
    s{listen 80;}{listen 127.0.0.1:$plain;};
    s{/etc/nginx/tracker/jwt\.key}{$ENV{TEST_NGINX_KEY}};
    s{/etc/nginx/tracker/apps}{$ENV{TEST_NGINX_APPS}};
    s{unix:/run/redis/redis-server\.sock}{$ENV{TEST_NGINX_REDIS}};
    s{/var/log/nginx/}{logs/};

    $block->set_value(http_config => $_);
    $block->set_value(config => 'location /t { return 204; }');
});

run_tests();

# What is inside of http { }, or the whole file.
sub sample {
    my ($name) = @_;

    open my $in, '<', $name or die "$name: $!";
    my $text = do { local $/; <$in> };

    return $text =~ /^http \{\n(.*)^\}/ms ? $1 : $text;
}

sub included {
    my ($name) = @_;
    my $text = sample("conf/$name.conf");
    my $has_v6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1);

    $text =~ s{/etc/nginx/tracker/}{scratch('')}ge;
    $text =~ s{^listen \[::\].*\n}{}mg unless $has_v6;
    $text =~ s{^listen \[::\]:443\b}{listen [::1]:$tls}mg;
    $text =~ s{^listen 443\b}{listen 127.0.0.1:$tls}mg;

    return $text;
}

sub connect_to {
    my ($port) = @_;

    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
           || die "127.0.0.1:$port: $!\n" if $port == $plain;
    return IO::Socket::SSL->new(PeerAddr => "127.0.0.1:$port",
                                SSL_verify_mode => SSL_VERIFY_NONE)
           || die "TLS: $IO::Socket::SSL::SSL_ERROR\n";
}

sub ask {
    return exchange(request(@_), connect_to($tls));
}

# By curl: { version, status, body, headers }.
sub curl {
    my ($path, @options) = @_;

    for my $header ('Authorization: Bearer ' . token('tester'),
                    'Content-Type: application/json')
    {
        my ($name) = $header =~ /^([^:]+:)/;

        push @options, '-H', $header unless grep { /^$name/ } @options;
    }

    open my $out, '-|', 'curl', '-sk', '-m', 60, '-D', scratch('headers'),
         '-w', "\n%{http_version} %{http_code}", @options,
         "https://localhost:$tls$path" or die "curl: $!";
    my $answer = do { local $/; <$out> } // '';
    close $out;

    my ($body, $version, $status) = $answer =~ /\A(.*)\n(\S+) (\d+)\z/s;
    my %headers = map { /^([^:]+): (.*?)\r?\n/ ? (lc $1, $2) : () }
                  split /^/m, slurp('headers');

    return { status => $status, body => $body, version => $version,
             headers => \%headers };
}

sub slurp {
    my ($name) = @_;

    open my $in, '<', scratch($name) or return '';
    local $/;
    return <$in> // '';
}

sub is_limited {
    my ($response, $title) = @_;

    is($response->{status}, 429, "$title: 429");
    is($response->{headers}{'retry-after'}, 1, "$title: Retry-After");
    like($response->{body}, qr/^\{"message":"[^"]+"\}$/, "$title: JSON");
}

__DATA__

=== the sample starts without a warning, and answers over TLS
--- scenario
redis('CONFIG', 'SET', 'appendonly', 'yes');
is_created(ask('POST', '/v1/manage/tracker', body => tracker_text('n')), 'n',
           'a create');
is(ask('GET', '/v1/manage/trackers', token => undef)->{status}, 401,
   'no token');
--- no_error_log
[warn]
[error]
[crit]
[alert]
[emerg]



=== plain text is redirected before anything is looked at
--- scenario
our $plain;
for my $one (['GET', '/v1/manage/trackers?name=a%20b'],
             ['POST', '/v1/manage/tracker', body => tracker_text('n')],
             ['POST', '/oauth2/token:generate', body => '{}'])
{
    my $response = exchange(request(@$one), connect_to($plain));

    is($response->{status}, 308, "$one->[0] $one->[1]");
    is($response->{headers}{location}, "https://localhost$one->[1]",
       'the same path and arguments');
}

is(ask('GET', '/v1/manage/trackers')->{body}, '{"trackers":[]}',
   'nothing was created');



=== headers for security, on answers of any status and module
--- scenario
our $http3;
for my $one (['GET', '/v1/manage/trackers'],
             ['GET', '/v1/manage/trackers', token => 'no'],
             ['POST', '/v1/manage/tracker', body => 'x' x 2_000_000],
             ['GET', '/v1/manage/openapi.yaml'], ['GET', '/else'],
             ['POST', '/oauth2/token:generate', body => '{}'])
{
    my $response = ask(@$one);
    my $headers = $response->{headers};
    my $title = "$one->[1]: $response->{status}";

    like($headers->{'strict-transport-security'}, qr/^max-age=\d{7,}/,
         "$title, HSTS");
    is($headers->{'x-content-type-options'}, 'nosniff', "$title, nosniff");
    is($headers->{'content-security-policy'}, "frame-ancestors 'none'",
       "$title, no frames");
    is($headers->{'referrer-policy'}, 'no-referrer', "$title, no referrer");
    is($headers->{'retry-after'}, undef, "$title, no Retry-After");
    unlike($headers->{server} // '', qr/\d/, "$title, no version");
    is(defined $headers->{'alt-svc'} ? 1 : 0, $http3 ? 1 : 0,
       "$title, Alt-Svc where HTTP/3 is");
}



=== the description, without a token
--- scenario
my $response = ask('GET', '/v1/manage/openapi.yaml', token => undef);
open my $in, '<', 'conf/openapi.yaml' or die "openapi.yaml: $!";

is($response->{status}, 200, 'status');
is($response->{headers}{'content-type'}, 'application/yaml', 'its type');
is($response->{body}, do { local $/; <$in> }, 'the file');
is(ask('POST', '/v1/manage/openapi.yaml', body => '{}')->{body},
   '{"message":"Method POST is not allowed."}', 'nothing can be sent there');



=== HTTP/2
--- scenario
our $tls;
my @v2 = ('--http2', '--resolve', "localhost:$tls:127.0.0.1");
my $response = curl('/v1/manage/tracker', @v2, '-d', tracker_text('n'));

is($response->{version}, 2, 'HTTP/2');
is($response->{status}, 200, 'a create');
is(curl('/v1/manage/trackers', @v2)->{status}, 200, 'a list');



=== an account has so many requests a second, others have theirs
--- change
s{zone=accounts:10m rate=100r/s}{zone=accounts:10m rate=1r/m} or die;
s{zone=accounts burst=200}{zone=accounts burst=2} or die;
--- scenario
my @list = ('GET', '/v1/manage/trackers');

is(ask(@list, account => 'a')->{status}, 200, "request $_") for 1 .. 3;
is_limited(ask(@list, account => 'a'), 'one more');
is(ask(@list, account => 'b')->{status}, 200, 'another account');



=== an address has so many requests at a time
--- change
s{limit_conn addresses_open 200}{limit_conn addresses_open 2}g == 2 or die;
--- scenario
our $tls;
my @open = map { connect_to($tls) } 1, 2;

send_bytes($open[$_], post('tracker', '', length => 100, account => "a $_"))
    for 0, 1;
wait_until(sub { redis('EXISTS', map { lock_key("a $_") } 0, 1) == 2 },
           'both are under way');
is_limited(ask('GET', '/v1/manage/trackers', account => 'b'), 'one more');
is_limited(ask('POST', '/oauth2/token:generate', body => '{}'), 'a login');



=== behind a proxy: a limit for each address that it names
--- change
s{# (set_real_ip_from) \S+;}{$1 127.0.0.0/8;} or die;
s{# (real_ip_)}{$1}g == 2 or die;
s{zone=logins:10m rate=50r/s}{zone=logins:10m rate=1r/m} or die;
s{zone=logins burst=200}{zone=logins burst=1} or die;
--- scenario
sub login_from {
    my ($address) = @_;

    return ask('POST', '/oauth2/token:generate', body => '{}', token => undef,
               headers => ["X-Forwarded-For: 6.6.6.6, $address"]);
}

for my $address ('192.0.2.1', '192.0.2.2') {
    isnt(login_from($address)->{status}, 429, "$address: login $_") for 1, 2;
    is_limited(login_from($address), "$address: one more");
}



=== HTTP/3
--- scenario
our ($tls, $http3, $client3);
SKIP: {
    skip 'this nginx has no HTTP/3', 1 unless $http3;
    skip 'curl has no HTTP/3', 1 unless $client3;

    my @v3 = ('--http3-only', '--resolve', "localhost:$tls:127.0.0.1");
    my $sent = sub {
        my ($text, @options) = @_;

        return curl('/v1/manage/tracker', @v3, '--data-binary',
                    '@' . scratch('body', $text), @options);
    };
    my $body_of = sub {
        my ($length) = @_;

        return tracker_text("n $length", 'x' x ($length - length
                            tracker_text("n $length", '')));
    };

    # bodies about the size of packets, of buffers, of flow control windows,
    # and of the limit
    for my $size (100, 1000, 1200, 5000, 16_384, 65_536, 100_000, 500_000,
                  1_048_575, 1_048_576)
    {
        my $response = $sent->($body_of->($size));

        is($response->{version}, 3, "$size: HTTP/3");
        is_created($response, "n $size", "$size bytes");
    }

    my $response = $sent->($body_of->(70_000 + 1), '-H', 'Content-Length:');
    is($response->{status}, 200, 'without a length');

    $response = curl('/v1/manage/trackers', @v3);
    is($response->{status}, 200, 'a list of megabytes');
    is(scalar @{decode($response->{body})->{trackers}}, 11, 'all of them');

    # curl may take what follows an answer that comes before the body for an
    # error: for large ones see the client of the next block
    my $body = $body_of->(100);

    is($sent->($body, '-H', 'Authorization: Bearer no')->{status}, 401,
       'no good token');
    is($sent->($body, '-H', 'Content-Type: text/plain')->{status}, 400,
       'another type');
    hold_lock();
    is($sent->($body)->{status}, 429, 'locked');
    redis('DEL', lock_key());

    is($sent->('{')->{status}, 400, 'no JSON');
    is($sent->($body_of->(100) . '{')->{status}, 400, 'more than JSON');
    is(curl('/v1/manage/nothing', @v3)->{status}, 404, 'no endpoint');
    is(curl('/v1/manage/openapi.yaml', @v3)->{status}, 200, 'the description');
}



=== HTTP/3: clients that go away
--- change
s{client_max_body_size 1m;}{client_max_body_size 1m; tracker_timeout 20s;}
    or die;
s{tracker_timeout 30s;}{} or die;
--- scenario
our ($tls, $http3);

# what the client of t/http3.py says at the end
sub told {
    my ($what, $path, $length, $ready) = @_;

    my $pid = IPC::Open2::open2(my $out, my $in, 'python3', 't/http3.py', $tls,
                                token('tester'), $path, $length, $what);
    is(<$out> // '', "sent\n", "$what of $length: sent");
    wait_until($ready, "$what: under way") if $ready;
    print $in "go on\n";
    close $in;

    my $answer = <$out> // '';
    waitpid $pid, 0;
    return $answer =~ s/\n\z//r;
}

SKIP: {
    require IPC::Open2;

    skip 'this nginx has no HTTP/3', 1 unless $http3;

    my $locked = sub { redis('EXISTS', lock_key()) };
    my $is_free = sub {
        my ($title) = @_;

        wait_until(sub { !$locked->() }, "$title: the lock is free");
        is(ask('GET', '/v1/manage/trackers')->{body}, '{"trackers":[]}',
           "$title: nothing was created");
    };

    for my $length (100, 5000, 100_000) {
        for my $what (qw(reset stop close)) {
            my $answer = told($what, '/v1/manage/trackers', $length, $locked);

            unlike($answer, qr/^200/, "$what: $answer");
            $is_free->("$what of $length");
        }

        like(told('end', '/v1/manage/trackers', $length, $locked),
             qr/^(?:400 \{"message":|reset)/,
             "a body of $length that ends early");
        $is_free->("end of $length");
    }

    # refused before the body is there
    like(told('end', '/v1/manage/trackers', 4_000_000), qr/^413 \{"message":/,
         'too large');
    like(told('end', '/v1/manage/nothing', 100_000), qr/^404 \{"message":/,
         'no such endpoint');
    hold_lock();
    like(told('end', '/v1/manage/trackers', 100_000), qr/^429 \{"message":/,
         'locked');
    redis('DEL', lock_key());

    # a list that does not fit into the client's window
    is(ask('POST', '/v1/manage/tracker',
           body => tracker_text("n $_", 'x' x 500_000))->{status}, 200,
       'filled') for 1 .. 4;
    told($_, '/v1/manage/trackers', 0) for qw(stop close);
    like(ask('GET', '/v1/manage/trackers')->{body}, qr/"n 4"/,
         'the next one gets it');
}
