use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Time::HiRes qw(sleep);

use constant MIB => 1_048_576;

run_tests();

# a tracker as JSON text of just so many bytes
sub text_of {
    my ($length, $name) = @_;
    my $empty = length tracker_text($name // 'n', '');

    return tracker_text($name // 'n', 'x' x ($length - $empty));
}

sub too_large {
    my ($response, $title) = @_;

    is($response->{status}, 413, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type") if $response->{headers};
    is_message($response->{body},
               'Request body exceeds the limit of 1048576 bytes.', $title);
}

# as chunks of the sizes given in turn
sub chunks {
    my ($text, @sizes) = @_;
    my @chunks;

    for (my $i = 0; length $text; $i++) {
        push @chunks, substr $text, 0, $sizes[$i % @sizes], '';
    }

    return \@chunks;
}

sub lock_is_free {
    wait_until(sub { !redis('EXISTS', lock_key()) }, 'the lock is free');
    pass('no lock is left');
}

__DATA__

=== 1,048,576 bytes pass, by Content-Length and in chunks
--- scenario
my $text = text_of(MIB);

is_created(exchange(post('tracker', $text, account => 'a')), 'n', 'length');

for my $size (65_536, 8_191, MIB) {
    is_created(exchange(post('tracker', '', account => "chunks $size",
                             chunks => chunks($text, $size))),
               'n', "chunks of $size");
}



=== 1,048,577 bytes do not, by Content-Length and in chunks
--- scenario
my $text = text_of(MIB + 1);

too_large(exchange(post('tracker', '', length => MIB + 1)), 'length alone');

for my $size (65_536, 8_191, MIB + 1) {
    my $sock = connect_nginx();

    send_bytes($sock, post('tracker', '', chunks => chunks($text, $size)));
    too_large(read_response($sock), "chunks of $size");
    lock_is_free();
}

is(redis('DBSIZE'), 0, 'nothing was written');



=== the limit is client_max_body_size
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 100;
    }
--- scenario
for my $case ([100, 200], [101, 413]) {
    my ($length, $status) = @$case;
    my $text = text_of($length, "n$length");

    is(exchange(post('tracker', $text))->{status}, $status,
       "$length by length");

    my $response = exchange(post('tracker', '', account => 'chunks',
                                 chunks => chunks($text, 7)));
    is($response->{status}, $status, "$length in chunks");
    is_message($response->{body},
               'Request body exceeds the limit of 100 bytes.', 'message')
        if $status == 413;
}



=== the blanks and trailers of a chunked body do not count
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 100;
    }
--- scenario
my $text = text_of(100);
my $body = join '', map { "1;extension=value\r\n$_\r\n" } split //, $text;
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '',
                       headers => ['Transfer-Encoding: chunked'])
                  . $body . "0\r\n\r\n");
is_created(read_response($sock), 'n', 'created');



=== a body may come byte by byte
--- scenario
for my $text (post('tracker', tracker_text('a')),
              post('tracker', '', chunks => chunks(tracker_text('b'), 3, 1)))
{
    my $sock = connect_nginx();

    for my $byte (split //, $text) {
        send_bytes($sock, $byte);
        sleep 0.0005;
    }

    is(read_response($sock)->{status}, 200, 'created');
    lock_is_free();
}



=== head and body may be split anywhere
--- scenario
my $text = post('trackers', tracker_text('n'), account => 'split');
my $head = index($text, "\r\n\r\n") + 4;
my @at = ($head - 3 .. $head + 3, length($text) - 1);

for my $at (@at) {
    my $sock = connect_nginx();

    send_bytes($sock, substr $text, 0, $at);
    sleep 0.02;
    send_bytes($sock, substr $text, $at);

    my $response = read_response($sock);
    is($response->{status}, $at == $at[0] ? 200 : 409, "split at $at");
}



=== a large body may come in pieces
--- scenario
my $text = post('tracker', text_of(300_000));
my $sock = connect_nginx();

while (length $text) {
    send_bytes($sock, substr $text, 0, 30_011, '');
    sleep 0.005;
}

is_created(read_response($sock), 'n', 'created');



=== chunks of any size make one body
--- scenario
my $text = tracker_text('n', map { "phrase $_" } 1 .. 2000);

for my $sizes ([1], [2, 3, 5, 7], [1000, 1], [length $text]) {
    my $response = exchange(post('tracker', '', account => "@$sizes",
                                 chunks => chunks($text, @$sizes)));

    is_created($response, 'n', "chunks of @$sizes");
    is(scalar @{decode($response->{body})->{tracker}{vocabulary}}, 2000,
       'all phrases');
}



=== a bad chunk is a 400 and ends the connection
--- scenario
my $bad = "5\r\n{\"nam\r\nzz\r\n";
my %cases = (
    'no size' => "zz\r\n",
    'no size after a chunk' => $bad,
    'no line end after the data' => "2\r\n{}x",
    'size overflow' => "fffffffffffffffff\r\n",
    'negative size' => "-1\r\n",
);

for my $title (sort keys %cases) {
    for my $pause (0, 0.05) {
        my $sock = connect_nginx();

        send_bytes($sock, post('tracker', '',
                               headers => ['Transfer-Encoding: chunked']));
        sleep $pause;
        send_bytes($sock, $cases{$title});

        my $response = read_response($sock);
        is($response->{status}, 400, "$title: status");
        ok(length(decode($response->{body})->{message} // ''),
           "$title: message");
        is(eval { read_rest($sock) } // '', '', "$title: closed");
        lock_is_free();
    }
}



=== pipelined requests are answered in order
--- scenario
my @names = map { "n$_" } 1 .. 20;
my $sock = connect_nginx();

send_bytes($sock, join '', map { post('tracker', tracker_text($_)) } @names);
is_created(read_response($sock), $_, "tracker $_") for @names;



=== pipelined chunked requests and errors keep their places
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '', chunks => chunks(tracker_text('a'), 4))
                  . post('tracker', tracker_text('a'))
                  . post('tracker', '{')
                  . post('nothing', tracker_text('x'))
                  . post('tracker', '', chunks => chunks(tracker_text('b'), 9))
                  . "GET /static HTTP/1.1\r\nHost: a\r\n\r\n"
                  . post('tracker', tracker_text('c')));
is(join(' ', map { read_response($sock)->{status} } 1 .. 7),
   '200 409 400 404 200 200 200', 'statuses');
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /static {
        return 200 "static\n";
    }



=== Expect: the 100 comes when the lock is taken, then the answer
--- scenario
my $body = tracker_text('n');
my $sock = connect_nginx();

send_bytes($sock, post('tracker', '', length => length $body,
                       headers => ['Expect: 100-continue']));
is(read_response($sock)->{status}, 100, 'go on');
is(redis('EXISTS', lock_key()), 1, 'the lock is taken');

send_bytes($sock, $body);
is_created(read_response($sock), 'n', 'created');
lock_is_free();



=== Expect: a request that is refused sees no 100
--- scenario
hold_lock();

my @expect = (length => 100, headers => ['Expect: 100-continue']);
my %cases = (
    429 => post('tracker', '', @expect),
    401 => post('tracker', '', @expect, token => 'bad'),
    404 => post('nothing', '', @expect),
    400 => post('tracker', '', @expect, type => 'text/plain'),
    413 => post('tracker', '', @expect, length => 2 * MIB),
);

for my $status (sort keys %cases) {
    my $sock = connect_nginx();

    send_bytes($sock, $cases{$status});
    is(read_response($sock)->{status}, $status, "$status at once");
}



=== Expect with the body sent along works
--- scenario
my $sock = connect_nginx();

send_bytes($sock, post('tracker', tracker_text('n'),
                       headers => ['Expect: 100-continue']));

my $response = read_response($sock);
$response = read_response($sock) if $response->{status} == 100;
is_created($response, 'n', 'created');



=== a body that stops is a 408 after client_body_timeout
--- config
    location /v1/manage/ {
        tracker_api;
        client_body_timeout 1s;
        client_max_body_size 1m;
    }
--- scenario
my @heads = (post('tracker', '{"name":', length => 100),
             post('tracker', '', length => 100),
             post('tracker', '', headers => ['Transfer-Encoding: chunked'])
             . "5\r\n{\"nam\r\n");
my @socks;

# three accounts, so that they wait at the same time
for my $i (0 .. $#heads) {
    my $token = token("account $i");
    push @socks, connect_nginx();
    send_bytes($socks[$i], $heads[$i] =~ s/Bearer \S+/Bearer $token/r);
}

for my $i (0 .. $#heads) {
    my $response = read_response($socks[$i]);

    is($response->{status}, 408, "case $i: status");
    is($response->{headers}{'content-type'}, 'application/json', 'type');
    is_message($response->{body},
               'The request body did not arrive in time.', "case $i");
    is($response->{headers}{connection}, 'close', 'Connection: close');
    is(read_rest($socks[$i]), '', 'closed');
    is(redis('EXISTS', lock_key("account $i")), 0, 'no lock is left');
}



=== a body that creeps is a 408 after tracker_timeout in all
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_timeout 2s;
        client_max_body_size 1m;
    }
--- scenario
my $sock = connect_nginx();
my $select = IO::Select->new($sock);
my $sent = 0;

send_bytes($sock, post('tracker', '', length => 100_000));
until ($select->can_read(0.1) || $sent > 400) {
    send_bytes($sock, ' ');
    $sent++;
}

my $response = read_response($sock);
is($response->{status}, 408, 'status');
is_message($response->{body}, 'The request body did not arrive in time.',
           'the deadline');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'the next');



=== a body that another module has read, in memory
--- config
    location /v1/manage/ {
        tracker_api;
        mirror /mirror;
        client_max_body_size 1m;
        client_body_buffer_size 1m;
    }

    location = /mirror {
        internal;
        return 204;
    }
--- scenario
for my $size (100, 200_000) {
    my $text = text_of($size, "n$size");

    is_created(exchange(post('tracker', $text)), "n$size", "$size by length");
    is_created(exchange(post('tracker', '', account => 'chunks',
                             chunks => chunks($text, 1000))), "n$size",
               "$size in chunks");
}

is(exchange(post('tracker', '{'))->{status}, 400, 'checked as ever');
is(exchange(post('tracker', ''))->{status}, 400, 'none');
is(exchange(post('tracker', text_of(100, 'n100')))->{status}, 409, 'conflict');
hold_lock();
is(exchange(post('tracker', tracker_text('n')))->{status}, 429, 'locked');



=== a body that another module has read, in a file
--- config
    location /v1/manage/ {
        tracker_api;
        mirror /mirror;
        client_max_body_size 1m;
        client_body_buffer_size 1k;
    }

    location = /mirror {
        internal;
        return 204;
    }
--- scenario
for my $size (100, 200_000, MIB) {
    my $text = text_of($size, "n$size");
    my $response = exchange(post('tracker', $text));

    is_created($response, "n$size", "$size bytes");
    is(length decode($response->{body})->{tracker}{vocabulary}[0],
       length decode($text)->{vocabulary}[0], 'all of it');
}

too_large(exchange(post('tracker', '', length => MIB + 1)), 'length');



=== a body that another module has read, always in a file
--- config
    location /v1/manage/ {
        tracker_api;
        mirror /mirror;
        client_max_body_size 1m;
        client_body_in_file_only clean;
    }

    location = /mirror {
        internal;
        return 204;
    }
--- scenario
is_created(exchange(post('tracker', tracker_text('n'))), 'n', 'created');
is(exchange(post('tracker', ''))->{status}, 400, 'none');



=== client_body_in_single_buffer, small buffers and no mirror
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        client_body_buffer_size 1k;
        client_body_in_single_buffer on;
        client_body_in_file_only clean;
    }
--- scenario
is_created(exchange(post('tracker', text_of(100_000))), 'n', 'created');



=== HTTP/2: small and large bodies are created
--- h2_server
--- scenario
for my $size (100, 300_000, MIB) {
    my $got = nghttp('/v1/manage/tracker', text_of($size, "n$size"));

    is($got->{status}, 200, "$size bytes: status") or diag($got->{log});
    ok(index($got->{log}, "\"name\":\"n$size\"") > 0, "$size bytes: answer");
    is(redis('EXISTS', lock_key()), 0, 'no lock is left');
}

my $got = nghttp('/v1/manage/tracker', tracker_text('n100'));
is($got->{status}, 409, 'conflict');
is_message($got->{body}, 'Tracker with name "n100" already exists.', 'h2');



=== HTTP/2: one byte more is a 413, with a length and without
--- h2_server
--- scenario
my $text = text_of(MIB + 1);

too_large(nghttp('/v1/manage/tracker', $text), 'with a length');
too_large(nghttp('/v1/manage/tracker', $text, '--no-content-length'),
          'without');
lock_is_free();
is(redis('DBSIZE'), 0, 'nothing was written');



=== HTTP/2: refused early, each with its message
--- h2_server
--- scenario
my $got = nghttp('/v1/manage/tracker', '{');
is($got->{status}, 400, 'not JSON');
is_message($got->{body}, qr/^Invalid JSON/, 'not JSON');

$got = nghttp('/v1/manage/nothing', text_of(500_000));
is($got->{status}, 404, 'no endpoint');
is_message($got->{body}, 'No such endpoint.', 'no endpoint');

hold_lock();
$got = nghttp('/v1/manage/tracker', text_of(500_000));
is($got->{status}, 429, 'locked');
is_message($got->{body}, qr/limit of 1 concurrent request/, 'locked');
