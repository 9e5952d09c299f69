use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Socket::SSL qw(SSL_VERIFY_NONE);
use IO::Uncompress::Gunzip ();
use Time::HiRes qw(sleep);

log_level('warn');

use constant MIB => 1_048_576;

# a record of TLS holds no more, and nginx reads no more of one at a time than
# it has room for: the rest waits where no event of the socket tells of it
use constant RECORD => 16_384;

BEGIN {
    $ENV{TEST_NGINX_TLS_PORT} = Tracker::free_port();
    $ENV{TEST_NGINX_CERT} = scratch('tls.crt');
    $ENV{TEST_NGINX_CERT_KEY} = scratch('tls.key');

    system('openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost'
           . " -out $ENV{TEST_NGINX_CERT} -keyout $ENV{TEST_NGINX_CERT_KEY}"
           . ' 2>/dev/null') == 0
        or die "openssl: no certificate\n";
}

add_block_preprocessor(sub {
    my ($block) = @_;
    my $settings = $block->settings // '';

    $block->set_value(http_config => <<"CONFIG");
    tracker_redis \$TEST_NGINX_REDIS;
    tracker_jwt_key \$TEST_NGINX_KEY;

    server {
        listen 127.0.0.1:\$TEST_NGINX_TLS_PORT ssl http2 sndbuf=16k;
        ssl_certificate \$TEST_NGINX_CERT;
        ssl_certificate_key \$TEST_NGINX_CERT_KEY;
        gzip_types application/json;
        $settings

        location /v1/manage/ {
            tracker_api;
        }
    }
CONFIG
});

run_tests();

# HTTP/1.1 in TLS; little is read ahead with a small buffer
sub connect_tls {
    my (%o) = @_;
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";

    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), $o{buffer}
        if $o{buffer};
    connect($sock, Socket::pack_sockaddr_in($ENV{TEST_NGINX_TLS_PORT},
                   Socket::inet_aton('127.0.0.1'))) or die "connect: $!";

    return IO::Socket::SSL->start_SSL($sock,
                                      SSL_verify_mode => SSL_VERIFY_NONE)
        || die "TLS: $IO::Socket::SSL::SSL_ERROR\n";
}

# a tracker of about so many bytes
sub text_of {
    my ($length, $name) = @_;

    my $empty = length tracker_text($name, '');

    return tracker_text($name, 'x' x ($length - $empty));
}

sub list {
    return request('GET', '/v1/manage/trackers', @_);
}

# n trackers, "t 1" to "t n", that gzip makes little of; as the list has them
sub fill {
    my ($n, $words) = (@_, 50);
    my (@texts, @names);

    for my $i (1 .. $n) {
        my $id = 4503599627370496 + $i;
        my $noise = join '', map { sprintf '%08x', rand 2 ** 32 } 1 .. $words;
        my $text = "{\"id\":\"$id\",\"name\":\"t $i\","
                   . "\"vocabulary\":[\"$noise\"]}";

        push @texts, $text;
        push @names, account_key('tester', "id:$id"), $text,
                     account_key('tester', "name:t $i"), $id;
    }

    redis('MSET', splice @names, 0, 1000) while @names;
    redis('ZADD', account_key('tester', 'index'),
          map { ($_, 4503599627370496 + $_) } 1 .. $n);
    redis('SET', account_key('tester', 'rev'), $n);

    return '{"trackers":[' . join(',', @texts) . ']}';
}

sub gunzip {
    my ($response) = @_;

    IO::Uncompress::Gunzip::gunzip(\($response->{body} // '') => \my $text)
        or return "not gzip: $IO::Uncompress::Gunzip::GunzipError";
    return $text;
}

# by curl, whose HTTP/2 is in TLS
sub curl {
    my ($path, @options) = @_;

    open my $out, '-|', 'curl', '-sk', '--http2', '-m', 60,
         '-w', "\n%{http_version} %{http_code}",
         '-H', 'Authorization: Bearer ' . token('tester'), @options,
         "https://127.0.0.1:$ENV{TEST_NGINX_TLS_PORT}/v1/manage/$path"
        or die "curl: $!";
    my $answer = do { local $/; <$out> } // '';
    close $out;

    my ($body, $version, $status) = $answer =~ /\A(.*)\n(\S+) (\d+)\z/s;
    is($version, 2, 'HTTP/2');
    return { status => $status, body => $body };
}

__DATA__

=== a tracker's life on one connection
--- scenario
my $sock = connect_tls();
my $ask = sub { exchange(request(@_), $sock) };

my $response = $ask->('POST', '/v1/manage/tracker',
                      body => tracker_text('n', 'p'));
is_created($response, 'n', 'POST');
my $path = '/v1/manage/tracker/'
           . (decode($response->{body}) // {})->{tracker}{id};

is($ask->('GET', $path)->{status}, 200, 'GET');
is($ask->('PUT', $path, body => tracker_text('m', 'q'))->{status}, 200, 'PUT');
is($ask->('POST', "$path/no", body => '{')->{status}, 404, 'nothing is there');
is($ask->('GET', '/v1/manage/nothing')->{status}, 404, 'no endpoint');
is($ask->('GET', $path, token => 'no')->{status}, 401, 'no token');
is($ask->('DELETE', $path)->{status}, 200, 'DELETE');
is($ask->('GET', $path)->{status}, 404, 'GET of what is gone');



=== bodies of all sizes about a record's
--- scenario
my $sock = connect_tls();

for my $size (RECORD - 1000, RECORD - 1, RECORD, RECORD + 1, 5 * RECORD, MIB) {
    send_bytes($sock, post('tracker', text_of($size, "n $size")));
    is_created(read_response($sock), "n $size", "$size bytes");
}



=== a body with its header in one record, and in records of their own
--- scenario
my $sock = connect_tls();

for my $size (1000, 5000, 15_000) {
    send_bytes($sock, post('tracker', text_of($size, "n $size")));
    is_created(read_response($sock), "n $size", "$size bytes at once");

    my ($head, $body) = split /(?<=\r\n\r\n)/,
                              post('tracker', text_of($size, "m $size")), 2;
    send_bytes($sock, $head);
    sleep 0.05;
    send_bytes($sock, $body);
    is_created(read_response($sock), "m $size", "$size bytes in two");
}



=== a body that comes in small records
--- scenario
my $sock = connect_tls();
my $text = post('tracker', text_of(20_000, 'n'));

send_bytes($sock, substr $text, 0, 37, '') while length $text;
is_created(read_response($sock), 'n', 'created');



=== chunks
--- scenario
my $sock = connect_tls();

for my $size (200, RECORD, 100_000) {
    my $text = text_of(200_000, "n $size");
    my @chunks;
    push @chunks, substr $text, 0, $size, '' while length $text;

    send_bytes($sock, post('tracker', '', chunks => \@chunks));
    is_created(read_response($sock), "n $size", "chunks of $size");
}



=== requests one behind the other in one record
--- scenario
my $sock = connect_tls();

send_bytes($sock, join '', map { post('tracker', text_of(3000, "n $_")) }
                           1 .. 4);
is_created(read_response($sock), "n $_", "request $_") for 1 .. 4;



=== a small body buffer
--- settings: client_body_buffer_size 1k; client_header_buffer_size 1k;
--- scenario
my $sock = connect_tls();

for my $size (500, 3000, 15_000, 300_000) {
    send_bytes($sock, post('tracker', text_of($size, "n $size")));
    is_created(read_response($sock), "n $size", "$size bytes");
}



=== refused before the body was read
--- scenario
my $sock = connect_tls();

send_bytes($sock, post('tracker', text_of(100_000, 'n'), token => 'no'));
is(read_response($sock)->{status}, 401, 'no token');

$sock = connect_tls();
send_bytes($sock, post('tracker', '', length => MIB + 1));
is(read_response($sock)->{status}, 413, 'too large');

hold_lock();
is(exchange(post('tracker', text_of(5000, 'n')), connect_tls())->{status}, 429,
   'locked');



=== a client that goes away while Redis is asked
--- scenario
my $sock = connect_tls();

pause_redis();
send_bytes($sock, post('tracker', tracker_text('n')));
sleep 0.2;
close $sock;
resume_redis();

wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');
is_created(exchange(post('tracker', tracker_text('m')), connect_tls()), 'm',
           'the next');



=== a slow reader of a long list
--- scenario
my $want = fill(4000);
my $sock = connect_tls(buffer => 4096);

for my $n (1 .. 2) {
    send_bytes($sock, list());
    sleep 0.2;
    ok(read_response($sock)->{body} eq $want, "list $n");
}



=== the same with gzip
--- settings: gzip on;
--- scenario
my $want = fill(4000);
my $sock = connect_tls(buffer => 4096);

for my $n (1 .. 2) {
    send_bytes($sock, list(headers => ['Accept-Encoding: gzip']));
    sleep 0.2;
    ok(gunzip(read_response($sock)) eq $want, "list $n");
}



=== a long list in small pieces
--- settings: gzip on; sendfile_max_chunk 97; ssl_buffer_size 1k;
--- scenario
my $want = fill(1500, 8);
my $sock = connect_tls();

send_bytes($sock, list());
ok(read_response($sock)->{body} eq $want, 'plain');
send_bytes($sock, list(headers => ['Accept-Encoding: gzip']));
ok(gunzip(read_response($sock)) eq $want, 'gzip');



=== a reader of a list that goes away
--- scenario
my $want = fill(4000);

for (1 .. 3) {
    my $sock = connect_tls(buffer => 4096);
    send_bytes($sock, list());
    sysread $sock, my $bytes, 1000;
    close $sock;
}

ok(exchange(list(), connect_tls())->{body} eq $want, 'the next');



=== HTTP/2
--- scenario
my $file = scratch('body');

for my $size (1000, RECORD, 300_000, MIB) {
    scratch('body', text_of($size, "n $size"));
    my $response = curl('tracker', '--data-binary', "\@$file",
                        '-H', 'Content-Type: application/json');

    is($response->{status}, 200, "$size bytes: status");
    is_json($response->{body} =~ s/x{100,}/x/r,
            { tracker => { id => 'ID', name => "n $size",
                           vocabulary => ['x'] } }, "$size bytes");
}

redis('FLUSHALL');
my $want = fill(4000);
ok(curl('trackers')->{body} eq $want, 'a long list');
ok(curl('trackers', '--compressed', '--limit-rate', '2m')->{body} eq $want,
   'read slowly');
