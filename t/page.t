use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Uncompress::Gunzip ();
use Time::HiRes qw(sleep);

log_level('warn');

add_block_preprocessor(sub {
    my ($block) = @_;

    # each block finds a Redis that runs
    Tracker::stop_redis() if $block->fresh_redis;

    # a second server that fills its socket with little
    my $http = <<'CONFIG';
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    gzip_types application/json;
    gzip_min_length 20;

    server {
        listen 127.0.0.1:$TEST_NGINX_SLOW_PORT sndbuf=16k;
        output_buffers 1 8k;
        SETTINGS

        location /v1/manage/ {
            tracker_api;
        }
    }

    server {
        listen 127.0.0.1:$TEST_NGINX_H2_PORT http2;
        SETTINGS

        location /v1/manage/ {
            tracker_api;
        }
    }
CONFIG
    my $settings = $block->settings // '';

    $http =~ s/SETTINGS/$settings/g;
    $block->set_value(http_config => $http);
});

BEGIN {
    $ENV{TEST_NGINX_SLOW_PORT} = Tracker::free_port();
}

run_tests();

sub get {
    my ($path, %o) = @_;

    return exchange(request('GET', "/v1/manage/$path", type => undef, %o));
}

sub names {
    my ($body) = @_;
    my $data = decode($body) // {};

    return map { $_->{name} } @{$data->{trackers} // []};
}

sub create {
    return map {
        decode(exchange(post('tracker', tracker_text($_)))->{body})
            ->{tracker}{id};
    } @_;
}

sub remove {
    exchange(request('DELETE', "/v1/manage/tracker/$_")) for @_;
}

# n trackers, called "t 1" to "t n", as a create stores them
sub fill {
    my ($n, $phrase) = @_;
    my @ids = map { 4503599627370496 + 7 * $_ } 1 .. $n;

    $phrase //= 'a phrase';

    for (my $i = 0; $i < $n; $i += 1000) {
        my $last = $i + 1000 < $n ? $i + 1000 : $n;

        redis('MSET', map {
            my $id = $ids[$_];
            my $text = ref $phrase ? $phrase->() : $phrase;
            (account_key('tester', "id:$id"),
             "{\"id\":\"$id\",\"name\":\"t " . ($_ + 1)
             . "\",\"vocabulary\":[\"$text\"]}",
             account_key('tester', 'name:t ' . ($_ + 1)), $id);
        } $i .. $last - 1);
        redis('ZADD', account_key('tester', 'index'),
              map { ($_ + 1, $ids[$_]) } $i .. $last - 1);
    }

    redis('SET', account_key('tester', 'rev'), $n);
    return @ids;
}

# all pages from the first on, whose names are handed to the callback
sub walk {
    my ($limit, $seen) = @_;
    my $cursor = '';

    for (my $page = 0; $page < 1000; $page++) {
        my $response = get("trackers?limit=$limit$cursor");
        my $data = decode($response->{body});

        $seen->($page, map { $_->{name} } @{$data->{trackers}});
        return $page + 1 unless exists $data->{next};
        $cursor = "&cursor=$data->{next}";
    }

    return 'no end';
}

# a connection to the server with the small socket, that reads little
sub slow_connection {
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";

    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 4096;
    connect($sock, Socket::pack_sockaddr_in($ENV{TEST_NGINX_SLOW_PORT},
                   Socket::inet_aton('127.0.0.1'))) or die "connect: $!";
    return $sock;
}

# the same, its list under way and its socket full
sub slow_list {
    my ($headers, $version) = @_;
    my $sock = slow_connection();

    send_bytes($sock, request('GET', '/v1/manage/trackers', type => undef,
                              headers => $headers)
                      =~ s{HTTP/1\.1}{'HTTP/' . ($version // '1.1')}er);
    sysread $sock, my $bytes, 1000;
    ${*$sock}{unread} = $bytes;

    return $sock;
}

# a list of all that fill() made, in order; quicker than a JSON decoder
sub is_whole {
    my ($body, $n, $title) = @_;
    my $i = 0;

    $body //= '';
    pos($body) = length '{"trackers":[' if $body =~ /^\{"trackers":\[/;

    while ($body =~ /\G(,?)\{"id":"\d{16}","name":"t\ (\d+)",
                     "vocabulary":\["[\w ]*"\]\}/xgc)
    {
        last if $2 != ++$i || ($1 ne '') != ($i > 1);
    }

    is($i, $n, "$title: all, in order");
    ok($body =~ /\G\]\}\z/, "$title: well-formed")
        or diag("bad at $i of ", length $body);
}

# so many that the sockets hold a small part of them
sub fill_slowly {
    fill(4000, sub { join '', map { sprintf '%08x', rand 2 ** 32 } 1 .. 50 });
}

sub gunzip {
    my ($bytes) = @_;

    IO::Uncompress::Gunzip::gunzip(\$bytes => \my $text)
        or return "not gzip: $IO::Uncompress::Gunzip::GunzipError";
    return $text;
}

# one frame of HTTP/2
sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return pack('CnCCN', length($payload) >> 16, length($payload) & 0xffff,
                $type, $flags, $stream) . $payload;
}

sub read_frame {
    my ($sock) = @_;
    my $head = read_exactly($sock, 9);
    my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $head;

    return ($type, $flags, read_exactly($sock, $high << 16 | $low));
}

sub read_exactly {
    my ($sock, $n) = @_;
    my $bytes = '';

    while (length $bytes < $n) {
        IO::Select->new($sock)->can_read(60) or die "nothing comes\n";
        sysread $sock, $bytes, $n - length $bytes, length $bytes
            or die "closed\n";
    }

    return $bytes;
}

# asks for the list over HTTP/2 and takes no more than the first window
sub h2_list {
    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $ENV{TEST_NGINX_H2_PORT})
        or die "connect: $!";
    my $headers = join '', map { "\0" . join '', map { chr(length) . $_ } @$_ }
        [':method', 'GET'], [':scheme', 'http'],
        [':path', '/v1/manage/trackers'], [':authority', 'a'];
    my $auth = 'Bearer ' . token('tester');

    # a length of 127 and more takes a second byte
    $headers .= "\0" . chr(13) . 'authorization' . "\x7f"
                . (length($auth) - 127 < 128
                   ? chr(length($auth) - 127)
                   : chr((length($auth) - 127) % 128 + 128)
                     . chr((length($auth) - 127) >> 7)) . $auth;

    send_bytes($sock, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '')
                      . frame(1, 5, 1, $headers));

    my $body = '';
    while (length $body < 65535) {
        my ($type, $flags, $payload) = read_frame($sock);

        die "the stream ended\n" if $type == 3 || $type == 7;
        $body .= $payload if $type == 0;
    }

    return ($sock, $body);
}

# opens the windows and reads to the end of the stream: the body, and the
# type of the last frame
sub h2_rest {
    my ($sock, $body) = @_;
    my $window = pack 'N', 0x7fff0000;

    send_bytes($sock, frame(8, 0, 0, $window) . frame(8, 0, 1, $window));

    for ( ;; ) {
        my ($type, $flags, $payload) = read_frame($sock);

        $body .= $payload if $type == 0;
        return ($body, $type) if $type == 3 || $type == 7
                                 || ($type == 0 && $flags & 1);
    }
}

# the ETag of the list at a revision
sub etag {
    my ($rev) = @_;
    my ($digest) = account_key('tester', '') =~ /\{(\w{16})/;

    return "\"$digest-$rev\"";
}

__DATA__

=== pages of any size show everything once, in order
--- scenario
my @all = map { "t $_" } 1 .. 20;

fill(20);

for my $limit (1, 2, 3, 7, 19, 20, 21, 1000) {
    my (@seen, @sizes);
    my $pages = walk($limit, sub {
        my ($page, @names) = @_;
        push @seen, @names;
        push @sizes, scalar @names;
    });

    is_deeply(\@seen, \@all, "$limit at a time");
    is($pages, int((20 + $limit - 1) / $limit), 'as many pages as needed');
    is(scalar(grep { $_ != $limit } @sizes[0 .. $#sizes - 1]), 0,
       'all but the last are full');
}



=== "next" is there only when more follows
--- exchanges
POST /v1/manage/trackers [{"name":"t 1","vocabulary":["phrase"]},{"name":"t 2","vocabulary":["phrase"]},{"name":"t 3","vocabulary":["phrase"]},{"name":"t 4","vocabulary":["phrase"]},{"name":"t 5","vocabulary":["phrase"]},{"name":"t 6","vocabulary":["phrase"]}]
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?limit=5
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]}],"next":"NEXT1"}
GET /v1/manage/trackers?limit=6
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?limit=7
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?limit=1
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]}],"next":"NEXT2"}
GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?x=1
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?name=t+1&limit=1
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?limit=3
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]}],"next":"NEXT3"}
GET /v1/manage/tracker?limit=3&cursor=NEXT3
200 {"trackers":[{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?cursor=NEXT3
200 {"trackers":[{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?cursor=NEXT1
200 {"trackers":[{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
POST /v1/manage/tracker {"name":"t 7","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID7","name":"t 7","vocabulary":["phrase"]}}
GET /v1/manage/trackers?limit=6
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}],"next":"NEXT4"}
DELETE /v1/manage/tracker/ID7
200 {"id":"ID7","type":"tracker","deleted":true}
GET /v1/manage/trackers?limit=3&cursor=NEXT4
200 {"trackers":[]}



=== the pages of an account without trackers
--- request
GET /v1/manage/trackers?limit=5
--- json
{"trackers":[]}



=== what is created and deleted between two pages harms nothing
--- scenario
my @ids = fill(60);
my (%seen, %gone);

my $pages = walk(4, sub {
    my ($page, @names) = @_;
    $seen{$_}++ for @names;

    return if $page > 12;

    # one from a page that was read, one from a page to come, the last read
    my ($last) = ($names[-1] // '') =~ /^t (\d+)$/ or return;

    for my $n ($last - 2, $last, $last + 3) {
        next if $n > 60 || $gone{$n};
        $gone{$n} = $seen{"t $n"} // 0;
        remove($ids[$n - 1]);
    }

    create("new $page") if $page < 5;
});

for my $n (1 .. 60) {
    my $times = exists $gone{$n} ? $gone{$n} : 1;
    is($seen{"t $n"} // 0, $times, "t $n: $times times");
}

is($seen{"new $_"}, 1, "new $_ comes at the end") for 0 .. 4;
ok((grep { !$_ } values %gone) > 5, 'some were deleted before their page');



=== a cursor outlives its tracker
--- exchanges
POST /v1/manage/trackers [{"name":"t 1","vocabulary":["phrase"]},{"name":"t 2","vocabulary":["phrase"]},{"name":"t 3","vocabulary":["phrase"]},{"name":"t 4","vocabulary":["phrase"]},{"name":"t 5","vocabulary":["phrase"]},{"name":"t 6","vocabulary":["phrase"]}]
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?limit=3
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]}],"next":"NEXT1"}
DELETE /v1/manage/tracker/ID2
200 {"id":"ID2","type":"tracker","deleted":true}
DELETE /v1/manage/tracker/ID3
200 {"id":"ID3","type":"tracker","deleted":true}
DELETE /v1/manage/tracker/ID4
200 {"id":"ID4","type":"tracker","deleted":true}
GET /v1/manage/trackers?limit=3&cursor=NEXT1
200 {"trackers":[{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
DELETE /v1/manage/tracker/ID5
200 {"id":"ID5","type":"tracker","deleted":true}
DELETE /v1/manage/tracker/ID6
200 {"id":"ID6","type":"tracker","deleted":true}
GET /v1/manage/trackers?limit=3&cursor=NEXT1
200 {"trackers":[]}



=== a change does not move a tracker to another page
--- exchanges
POST /v1/manage/trackers [{"name":"t 1","vocabulary":["phrase"]},{"name":"t 2","vocabulary":["phrase"]},{"name":"t 3","vocabulary":["phrase"]},{"name":"t 4","vocabulary":["phrase"]},{"name":"t 5","vocabulary":["phrase"]},{"name":"t 6","vocabulary":["phrase"]}]
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]},{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?limit=3
200 {"trackers":[{"id":"ID1","name":"t 1","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]}],"next":"NEXT1"}
PUT /v1/manage/tracker/ID1 {"name":"renamed","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"renamed","vocabulary":["phrase"]}}
GET /v1/manage/trackers?limit=3&cursor=NEXT1
200 {"trackers":[{"id":"ID4","name":"t 4","vocabulary":["phrase"]},{"id":"ID5","name":"t 5","vocabulary":["phrase"]},{"id":"ID6","name":"t 6","vocabulary":["phrase"]}]}
GET /v1/manage/trackers?limit=3
200 {"trackers":[{"id":"ID1","name":"renamed","vocabulary":["phrase"]},{"id":"ID2","name":"t 2","vocabulary":["phrase"]},{"id":"ID3","name":"t 3","vocabulary":["phrase"]}],"next":"NEXT1"}



=== a limit that is none from 1 to 1000 is a 400
--- exchanges
GET /v1/manage/trackers?limit=
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=0
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=0
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=-1
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=-1
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=1001
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=1001
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=x
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=x
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=1x
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=1x
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=1.5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=1.5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=+5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=+5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=0x5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=0x5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=99999
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=99999
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=18446744073709551617
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=18446744073709551617
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=1e2
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=1e2
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=%20
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=%20
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=0&limit=5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit=0&limit=5
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/tracker?limit
400 "limit" must be a number from 1 to 1000.
GET /v1/manage/trackers?limit=1
200 {"trackers":[]}
GET /v1/manage/trackers?limit=1000
200 {"trackers":[]}
GET /v1/manage/trackers?limit=5&limit=x
200 {"trackers":[]}
GET /v1/manage/trackers?limit=5&Limit=0
200 {"trackers":[]}
GET /v1/manage/trackers?limit=0
no Authorization
401 Token validation failed for provided token.



=== a cursor that we did not give is a 400
--- exchanges
GET /v1/manage/trackers?cursor=
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=x
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=x
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=-1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=-1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=1.5
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=1.5
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=1e5
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=1e5
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=+1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=+1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=0x1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=0x1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=inf
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=inf
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=-inf
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=-inf
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=[1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=[1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=12345678901234567
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=12345678901234567
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=1x
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=1x
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=(1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=(1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=%20
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=%20
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=1%00
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor=1%00
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/tracker?cursor
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=0
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=01
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=1
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=9999999999999999
400 "cursor" must be the "next" of an earlier answer.
GET /v1/manage/trackers?cursor=1&limit=5
400 "cursor" must be the "next" of an earlier answer.



=== nor is one that no tracker of the account can have had
--- scenario
my @ids = create(map { "t $_" } 1 .. 3);
my $first = get('trackers?limit=1');
my $next = decode($first->{body})->{next};
my $rev = redis('GET', account_key('tester', 'rev'));
my @same = (headers => ["If-None-Match: $first->{headers}{etag}"]);

# a place in the list, a time, an id, a good one with a digit more
my @strays = (1, 100, 2 ** 40 - 1, $rev + 1, time, $ids[1], "0$next",
              "${next}0", '9' x 16);

# what a worker has listed it reads in another way
for my $time (1, 2) {
    for my $cursor (@strays) {
        for my $more ('', '&limit=1', '&limit=1000') {
            my $response = get("trackers?cursor=$cursor$more");

            is($response->{status}, 400, "$cursor$more: status, $time");
            is_message($response->{body}, '"cursor" must be the "next" of an '
                       . 'earlier answer.', "$cursor$more, $time");
        }

        is(get("trackers?cursor=$cursor", @same)->{status}, 400,
           "$cursor: before a condition, $time");
    }

    is(join(' ', names(get("trackers?limit=1&cursor=$next")->{body})), 't 2',
       "a good one, $time");
    is(get("trackers?limit=1&cursor=$next", @same)->{status}, 304,
       "a good one with a condition, $time");
    is(join(' ', names(get("trackers?cursor=$rev")->{body})), '',
       "the last one, $time");
}

remove(@ids);
is(get("trackers?cursor=$next")->{body}, '{"trackers":[]}',
   'its tracker is gone');



=== a cursor of an account that began with small revisions
--- scenario
fill(5);
is(join(' ', names(get('trackers?limit=2&cursor=2')->{body})), 't 3 t 4',
   'one of its own');
is(get('trackers?cursor=5')->{body}, '{"trackers":[]}', 'the last one');
is(get("trackers?cursor=$_")->{status}, 400, "cursor $_") for 6, 2 ** 40;



=== twenty thousand trackers: one list, in chunks, others are not held up
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /static {
        return 200 "static\n";
    }
--- scenario
my @ids = fill(20_000);
my $response = get('trackers');

is($response->{status}, 200, 'status');
is($response->{headers}{'transfer-encoding'}, 'chunked', 'chunked');
is($response->{headers}{'content-type'}, 'application/json', 'type');
is($response->{headers}{'content-length'}, undef, 'no length');
is($response->{headers}{etag}, etag(20000), 'the revision');
is(join(',', names($response->{body})), join(',', map { "t $_" } 1 .. 20_000),
   'all of them, in order');

# three long lists at once, and others in between
my @socks = map { slow_list() } 1 .. 2;

is(static_answers(20), 20, 'another location');
is(get("tracker/$ids[777]")->{status}, 200, 'a tracker');
is_created(exchange(post('tracker', tracker_text('n'), account => 'other')),
           'n', 'a create');
is(IO::Select->new($socks[0])->can_read(0) ? 1 : 0, 1, 'the lists wait');

is_whole(read_response($_)->{body}, 20_000, 'a slow reader') for @socks;



=== many trackers by pages of a thousand
--- scenario
fill(4000);

my @seen;
is(walk(1000, sub { push @seen, @_[1 .. $#_] }), 4, 'pages');
is_deeply(\@seen, [map { "t $_" } 1 .. 4000], 'all of them, in order');



=== a long list: HEAD, 304 and the next request on the connection
--- scenario
fill(2500);

my $sock = connect_nginx();
my $path = '/v1/manage/trackers';

send_bytes($sock, request('HEAD', $path) . request('GET', $path)
                  . request('GET', $path,
                            headers => ['If-None-Match: ' . etag(2500)])
                  . request('GET', $path, body => 'x' x 10_000)
                  . request('GET', "$path?limit=1"));

my $head = read_response($sock, 'HEAD');
is($head->{status}, 200, 'HEAD');
is($head->{headers}{etag}, etag(2500), 'ETag of a HEAD');
is_whole(read_response($sock)->{body}, 2500, 'GET');
is(read_response($sock)->{status}, 304, 'unmodified');
is_whole(read_response($sock)->{body}, 2500, 'GET with a body');
is(join(' ', names(read_response($sock)->{body})), 't 1', 'a page');



=== a body that comes while a long list goes out
--- scenario
fill_slowly();

my $sock = slow_connection();
my $rest = 'x' x 300_000 . request('GET', '/v1/manage/trackers?limit=1');

send_bytes($sock, request('GET', '/v1/manage/trackers', length => 300_000));
sysread $sock, my $bytes, 1000;
${*$sock}{unread} = $bytes;
send_bytes($sock, $rest);

is_whole(read_response($sock)->{body}, 4000, 'the list');
is(join(' ', names(read_response($sock)->{body})), 't 1', 'the next');



=== a page of large trackers is one page
--- scenario
fill(900, 'x' x 3000);

my $response = get('trackers?limit=800');
my $data = decode($response->{body});

is($response->{headers}{'transfer-encoding'}, 'chunked', 'in stretches');
is(scalar @{$data->{trackers}}, 800, 'as many as were asked for');
is(join(' ', map { $_->{name} } @{$data->{trackers}}[0, 799]), 't 1 t 800',
   'the first');
$data = decode(get("trackers?limit=800&cursor=$data->{next}")->{body});
is(join(' ', map { $_->{name} } @{$data->{trackers}}[0, 99]), 't 801 t 900',
   'and the others');
ok(!exists $data->{next}, 'the end');



=== large trackers
--- scenario
fill(45, 'x' x 250_000);
is_whole(get('trackers')->{body}, 45, '11 MB');



=== index entries without a record leave no gap
--- scenario
my @ids = fill(4400);
my $index = account_key('tester', 'index');

sub drop {
    redis('DEL', map { account_key('tester', "id:$_") } @ids[$_[0] .. $_[1]]);
}

# no record in the first two stretches, one in the middle, the last
drop(0, 2099);
is_deeply([names(get('trackers')->{body})], [map { "t $_" } 2101 .. 4400],
          'none at the beginning');
drop(2200, 3999);
drop(4100, 4399);
is_deeply([names(get('trackers')->{body})],
          [map { "t $_" } 2101 .. 2200, 4001 .. 4100],
          'none in the middle and at the end');

drop(2100, 2199);
drop(4000, 4099);
is(get('trackers')->{body}, '{"trackers":[]}', 'none at all');



=== what changes behind the reader's place is seen, nothing comes twice
--- scenario
my @ids = fill(3000, 'x' x 500);
my $sock = slow_list();

remove(@ids[0, 1, 2990 .. 2994]);
create('new');

my @names = names(read_response($sock)->{body});
my %seen;
$seen{$_}++ for @names;

is(scalar(grep { $_ > 1 } values %seen), 0, 'nothing twice');
is_deeply([@names[2 .. 2989]], [map { "t $_" } 3 .. 2990], 'what stays');
is(join(' ', @names[2990 .. $#names]), 't 2996 t 2997 t 2998 t 2999 t 3000 new',
   'the end as it is when it is read');



=== Redis killed in the middle of a list: the answer is cut off
--- fresh_redis: 1
--- settings: gzip on;
--- scenario
fill_slowly();

my %kinds = (
    'HTTP/1.1' => [[], '1.1'],
    'HTTP/1.0' => [[], '1.0'],
    'gzip' => [['Accept-Encoding: gzip'], '1.1'],
);

my %sock = map { $_ => slow_list(@{$kinds{$_}}) } sort keys %kinds;
my ($h2, $body) = h2_list();

stop_redis();

for my $kind (sort keys %sock) {
    my $rest = read_rest($sock{$kind});

    like($rest, qr{^HTTP/1.1 200}, "$kind: it had begun");
    ok(length $rest < 700_000, "$kind: but is not whole");
    unlike($rest, qr/0\r\n\r\n\z/, "$kind: no last chunk");
    unlike($rest, qr/\}\]\}\s*\z/, "$kind: no end of the list");
}

($body, my $type) = h2_rest($h2, $body);
is($type, 3, 'HTTP/2: RST_STREAM');
unlike($body, qr/\}\]\}\s*\z/, 'HTTP/2: no end of the list');

my $response = get('trackers');
is($response->{status}, 502, 'the next is a 502');



=== a Redis that falls silent in the middle of a list
--- settings: tracker_redis_timeout 500ms;
--- scenario
fill_slowly();

my $sock = slow_list();
pause_redis();
my $response = read_response($sock);
resume_redis();

is($response, undef, 'the answer is cut off');



=== a reader may take longer than tracker_timeout
--- settings: tracker_timeout 2s;
--- scenario
fill_slowly();

my $sock = slow_list();
my ($h2, $body) = h2_list();

sleep 2.5;
is_whole((read_response($sock) // {})->{body}, 4000, 'HTTP/1.1');
($body) = h2_rest($h2, $body);
is_whole($body, 4000, 'HTTP/2');



=== a reader that stops is dropped after send_timeout
--- settings: send_timeout 1s;
--- scenario
fill_slowly();

my $sock = slow_list();
my $log = "$ENV{TEST_NGINX_SERVROOT}/logs/access.log";

wait_until(sub {
    open my $in, '<', $log or return 0;
    grep { m{GET /v1/manage/trackers } } <$in>;
}, 'the request is logged');

is(read_response($sock), undef, 'the answer is cut off');



=== readers that go away in the middle harm nobody
--- scenario
fill_slowly();

close slow_list() for 1 .. 5;
my ($h2) = h2_list();
close $h2;

is(decode(get('trackers?limit=1000')->{body})->{trackers}[999]{name},
   't 1000', 'the next');



=== HTTP/2
--- scenario
fill_slowly();

my ($sock, $body) = h2_list();
($body, my $type) = h2_rest($sock, $body);

is($type, 0, 'it ends well');
is_whole($body, 4000, 'all of them');



=== HTTP/1.0
--- scenario
fill_slowly();

my $sock = connect_nginx();
send_bytes($sock, request('GET', '/v1/manage/trackers') =~
                  s{HTTP/1\.1}{HTTP/1.0}r);
my ($head, $body) = split /\r\n\r\n/, read_rest($sock), 2;

like($head, qr{^HTTP/1.1 200}, 'status');
unlike($head, qr/chunked|Content-Length/i, 'as long as the connection');
is_whole($body, 4000, 'all of them');



=== gzip
--- settings: gzip on;
--- scenario
fill_slowly();

my $sock = slow_connection();
my @gzip = (headers => ['Accept-Encoding: gzip']);

for my $n (1 .. 2) {
    send_bytes($sock, request('GET', '/v1/manage/trackers', @gzip));
    my $response = read_response($sock);

    is($response->{headers}{'content-encoding'}, 'gzip', 'compressed');
    is($response->{headers}{etag}, 'W/' . etag(4000), 'a weak ETag');
    is_whole(gunzip($response->{body}), 4000, "list $n");
}

send_bytes($sock, request('GET', '/v1/manage/trackers?limit=2', @gzip));
is(join(' ', names(gunzip(read_response($sock)->{body}))), 't 1 t 2', 'a page');
send_bytes($sock, request('GET', '/v1/manage/trackers', headers =>
                          [$gzip[1][0], 'If-None-Match: W/' . etag(4000)]));
is(read_response($sock)->{status}, 304, 'unmodified');
send_bytes($sock, request('GET', '/v1/manage/trackers?limit=2'));
is(join(' ', names(read_response($sock)->{body})), 't 1 t 2', 'not asked for');



=== gzip, sent byte by byte
--- settings: gzip on; sendfile_max_chunk 1;
--- scenario
fill(2000, 'x' x 500);

my $sock = slow_connection();
send_bytes($sock, request('GET', '/v1/manage/trackers',
                          headers => ['Accept-Encoding: gzip']));
is_whole(gunzip(read_response($sock)->{body}), 2000, 'all of them');



=== sub_filter, which keeps what it has not sent
--- settings
        sub_filter_types application/json;
        sub_filter '"vocabulary"' '"phrases"';
        sub_filter_once off;
--- scenario
fill_slowly();

my $sock = slow_connection();
send_bytes($sock, request('GET', '/v1/manage/trackers'));
my $body = (read_response($sock) // {})->{body} // '';
is($body =~ s/"phrases"/"vocabulary"/g, 4000, 'each is changed');
is_whole($body, 4000, 'all of them');



=== ssi
--- settings: ssi on; ssi_types application/json;
--- scenario
fill_slowly();

my $sock = slow_connection();
send_bytes($sock, request('GET', '/v1/manage/trackers'));
is_whole((read_response($sock) // {})->{body}, 4000, 'all of them');



=== limit_rate
--- settings: limit_rate 2m;
--- scenario
fill_slowly();

my $sock = slow_connection();
send_bytes($sock, request('GET', '/v1/manage/trackers'));
is_whole(read_response($sock)->{body}, 4000, 'all of them');
