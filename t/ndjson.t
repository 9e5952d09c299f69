use lib 't/lib';
use Tracker;
use Tracker::H2 qw(h2_connect frame header);
use Test::Nginx::Socket 'no_plan';

use Compress::Zlib ();
use IO::Select;
use Time::HiRes qw(sleep time);

# POST conversations/detect of lines: a message a line in, an answer a line out,
# while both go on.

# an emulator is some 30 times slower, and memory is not what it is elsewhere
use constant SLOW => ($ENV{TRACKER_WATCHED} // '') eq 'valgrind';
use constant WATCHED => ($ENV{TRACKER_WATCHED} // '') ne '';

my $location = <<'CONFIG';
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }

    location /stream/ {
        tracker_conversations;
        client_max_body_size 0;
        access_log $TEST_NGINX_SCRATCH/ndjson.log ndjson;
    }

    location /short/ {
        tracker_conversations;
        client_max_body_size 0;
        client_body_timeout 500ms;
        send_timeout 500ms;
        tracker_timeout 1s;
    }

    location /few/ {
        tracker_conversations;
        tracker_detect_max_hits 2;
        tracker_detect_max_phrases 3;
        client_max_body_size 400;
    }

    location /mirrored/ {
        tracker_conversations;
        client_max_body_size 0;
        client_body_buffer_size 16k;
        mirror /sink;
    }

    location = /sink {
        return 204;
    }

    location /zipped/ {
        tracker_conversations;
        client_max_body_size 0;
        gzip on;
        gzip_types application/x-ndjson;
        gzip_min_length 1;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
CONFIG

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<"CONFIG");
    tracker_redis $ENV{TEST_NGINX_REDIS};
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
    keepalive_requests 100000;
    log_format ndjson '\$status \$tracker_outcome \$tracker_hits '
                      '\$tracker_detect_time';

    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_H2_PORT} http2;
$location
    }
CONFIG
    $block->set_value(config => $location);
    workers(1);
});

no_long_string();
run_tests();

sub json {
    return JSON::PP->new->utf8->canonical->encode($_[0]);
}

# A message whose times are told: its answer is always the same, but for ids.
sub said {
    my ($text, %o) = @_;

    return { payload => { content => $text },
             from => { name => 'Ann', userId => 'ann@x.org' },
             duration => { startTime => '2026-01-01T10:00:00.000Z',
                           endTime => '2026-01-01T10:00:05.000Z' }, %o };
}

sub lines {
    return join '', map { json(ref ? $_ : said($_)) . "\n" } @_;
}

sub stream {
    my ($body, %o) = @_;
    my $path = delete $o{path} // '/stream/';

    return request('POST', $path . 'conversations/detect',
                   type => 'application/x-ndjson',
                   ref $body ? (chunks => $body)
                             : (body => $body, length => length $body), %o);
}

# what is answered to each line
sub answers {
    my ($response) = @_;

    return map { decode($_) } split /\n/, $response ? $response->{body} : '';
}

sub is_end {
    my ($answer, $count, $title) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is_deeply($answer, { end => JSON::PP::true, count => $count }, $title);
}

# "tracker: phrase" of an answer, or its message
sub names {
    my ($answer) = @_;

    return $answer->{message} // join ', ', map {
        my $name = $_->{name};
        map { "$name: $_->{value}" } @{$_->{matches}}
    } @{$answer->{trackers}};
}

sub create {
    my ($name, @phrases) = @_;

    return is_created(exchange(post('tracker', tracker_text($name, @phrases))),
                      $name, "tracker $name");
}

# A stream that goes on: its head, with chunks to come.
sub open_stream {
    my (%o) = @_;
    my $sock = connect_nginx();

    send_bytes($sock, request('POST', ($o{path} // '/stream/')
                                      . 'conversations/detect',
                              type => 'application/x-ndjson',
                              headers => ['Transfer-Encoding: chunked']));
    return $sock;
}

sub send_chunk {
    my ($sock, $bytes) = @_;

    return send_bytes($sock, sprintf "%x\r\n%s\r\n", length $bytes, $bytes);
}

# Bytes of the answer, the head of it included, until they match.
sub read_until {
    my ($sock, $pattern) = @_;
    my $bytes = '';

    until ($bytes =~ $pattern) {
        IO::Select->new($sock)->can_read(20) or last;
        sysread $sock, $bytes, 65536, length $bytes or last;
    }

    return $bytes;
}

# kilobytes of the worker; of one that ends after a reload, too
sub worker_memory {
    my $sum = 0;

    for my $pid (worker_pids()) {
        open my $in, '<', "/proc/$pid/status" or next;
        local $/;
        $sum += $1 if (<$in> // '') =~ /^VmRSS:\s+(\d+)/m;
    }

    return $sum;
}

# the lines of the log
sub logged {
    open my $in, '<', "$ENV{TEST_NGINX_SCRATCH}/ndjson.log" or return;
    return <$in>;
}

# the n-th one behind those that there were, when it is there
sub logged_after {
    my ($before, $n) = @_;

    wait_until(sub { scalar(() = logged()) >= $before + $n },
               'a line of the log');
    return (logged())[$before + $n - 1];
}

__DATA__

=== each line is answered as a body with that message alone
--- scenario
create('mask', 'wear a mask', 'masks');
create('hello', 'good morning');

my @texts = ('Please wear a mask. Good morning!', 'Nothing.', '',
             "Masks \x{e9}t\x{e9}; wear a mask, wear a mask.");
my $response = exchange(stream(lines(@texts)));
my @lines = answers($response);

is($response->{status}, 200, 'status');
is($response->{headers}{'content-type'}, 'application/x-ndjson', 'type');
is($response->{headers}{'cache-control'}, 'private, no-cache', 'caching');
is_end(pop @lines, 4, 'the end');
is(scalar @lines, 4, 'a line each');

for my $i (0 .. $#texts) {
    my $alone = exchange(request('POST', '/v1/conversations/detect',
                                 body => json({ messages =>
                                                [said($texts[$i])] })));

    is_deeply(without_ids($lines[$i]), without_ids(decode($alone->{body})),
              "line $i");
}

is(names($lines[0]), 'mask: wear a mask, hello: good morning', 'names');

=== the end of a line is LF or CR LF or that of the body, empty lines do not count
--- scenario
create('mask', 'mask');

my $one = json(said('a mask'));
my %bodies = (
    'one, no newline' => [$one, 1],
    'one' => ["$one\n", 1],
    'CR LF' => ["$one\r\n$one\r\n", 2],
    'CR at the end' => ["$one\n$one\r", 2],
    'empty lines' => ["\n\r\n\n$one\n\n\n$one\r\n\r\n", 2],
    'blanks around' => [" \t$one \n", 1],
);

for my $title (sort keys %bodies) {
    my ($body, $n) = @{$bodies{$title}};

    for my $form ($body, [$body]) {
        my @lines = answers(exchange(stream($form)));

        is_end(pop @lines, $n, "$title: count");
        is(join(' | ', map { names($_) } @lines),
           join(' | ', ('mask: mask') x $n), $title);
    }
}

for my $empty ('', "\n", "\r\n\n", [], ["\n"], "{}\n", '{"trackers":[]}') {
    my $response = exchange(stream($empty));

    is($response->{status}, 200, 'no messages: status');
    is($response->{body}, qq({"end":true,"count":0}\n), 'no messages: the end');
    is($response->{headers}{'content-type'}, 'application/x-ndjson', 'type');
}

=== lines that are cut at any byte
--- scenario
create('mask', 'mask');

my $body = "\n" . lines({ trackers => [{ name => 'x', vocabulary => ['tea'] }],
                          enableAllTrackers => 'true' }, 'a mask')
           . "\r\n" . json(said('Tea?'));
my $sock = connect_nginx();
my $good = 0;

# on one connection: it is kept
for my $at (1 .. length($body) - 1) {
    my $request = stream([substr($body, 0, $at), substr($body, $at)]);
    my $head = index($request, "\r\n\r\n") + 4 + length(sprintf '%x', $at)
               + 2 + $at + 2;

    send_bytes($sock, substr $request, 0, $head);
    sleep 0.001;
    send_bytes($sock, substr $request, $head);

    my @lines = answers(read_response($sock));

    $good++ if @lines == 3 && $lines[2]{count} == 2
               && names($lines[0]) eq 'mask: mask'
               && names($lines[1]) eq 'x: tea';
}

is($good, length($body) - 1, 'all cuts');

$good = 0;
my @bytes = map { substr $body, $_, 1 } 0 .. length($body) - 1;
my @lines = answers(exchange(stream(\@bytes), $sock));

is_end($lines[2], 2, 'a chunk a byte');

=== an answer comes while the request is still being sent
--- scenario
create('mask', 'mask');

my $sock = open_stream();
my $n = 5;

for my $i (1 .. $n) {
    send_chunk($sock, lines("a mask $i"));
    my $bytes = read_until($sock, qr/\n\r\n/);

    like($bytes, qr/"text":"a mask $i".*"value":"mask"/, "line $i");
    unlike($bytes, qr/\{"end"/, "line $i is not the last one");
}

# half a line is no line
my $line = lines('another mask');
send_chunk($sock, substr $line, 0, 20);
is(IO::Select->new($sock)->can_read(0.2), undef, 'nothing for half a line');
send_chunk($sock, substr $line, 20);
like(read_until($sock, qr/\n\r\n/), qr/another mask/, 'the other half');

send_bytes($sock, "0\r\n\r\n");
my $end = read_until($sock, qr/\r\n0\r\n\r\n/);
like($end, qr/\{"end":true,"count":6\}\n\r\n0\r\n\r\n$/, 'the end');

my $next = exchange(request('GET', '/v1/conversations', type => undef), $sock);
is($next->{status}, 200, 'the connection is kept');

=== lines that come together are answered together
--- scenario
create('mask', 'mask');

my $sock = open_stream();

send_chunk($sock, lines(('a mask') x 50));
my $bytes = read_until($sock, qr/(?:\{"messages".*\n){50}\r\n/);
my $chunks = () = $bytes =~ /\r\n[0-9a-f]+\r\n/g;

is($chunks, 1, 'one chunk');

=== settings in the first line
--- scenario
my $id = create('mask', 'mask');
create('hello', 'hello');

my $text = 'A mask. Hello. Tea!';
my $tea = { name => 'tea', vocabulary => ['tea'] };

for my $case (
    ['all by default', undef, 'mask: mask, hello: hello'],
    ['none', { enableAllTrackers => 'false' }, ''],
    ['by id', { trackers => [{ id => $id }] }, 'mask: mask'],
    ['those that come with it', { trackers => [$tea] }, 'tea: tea'],
    ['both', { trackers => [$tea], enableAllTrackers => JSON::PP::true },
     'mask: mask, hello: hello, tea: tea'],
    ['unknown keys', { languageCode => 'en-US', payload => undef },
     'mask: mask, hello: hello'],
) {
    my ($title, $settings, $expected) = @$case;
    my @lines = answers(exchange(stream(lines($settings // (), $text,
                                              $text))));

    is(join(' | ', map { names($_) } @lines[0, 1]), "$expected | $expected",
       $title);
    is_end($lines[2], 2, "$title: the settings are no message");
}

# only there
my @lines = answers(exchange(stream(lines(said($text), { trackers => [] }))));
is(names($lines[0]), 'mask: mask, hello: hello', 'a message comes first');
is($lines[1]{message}, 'Line 2: "payload.content" is required', 'then none');
is(scalar @lines, 2, 'and no end');

for my $case (
    [{ trackers => [$tea, { id => '4503599627370496' }] },
     'Line 2: "trackers[1].id" is not the id of a tracker'],
    [{ trackers => [{ name => 'a' }] },
     'Line 2: "trackers[0].vocabulary" is required'],
    [{ messages => [said('a')] }, 'Line 2: "messages" is not allowed'],
) {
    my $response = exchange(stream("\n" . lines($case->[0], 'a mask')));

    is($response->{status}, 400, $case->[1]);
    is_message($response->{body}, $case->[1], 'refused');
    is($response->{headers}{'content-type'}, 'application/json', 'type');
}

my $similar = stream(lines('Wearing masks is good.'));
$similar =~ s{/detect}{/detect?similar=true};
like(exchange($similar)->{body}, qr/"value":"mask".*"offset":-1/, 'similar');

$similar =~ s{=true}{=maybe};
is_message(exchange($similar)->{body}, '"similar" must be "true" or "false".',
           'another value');

=== a line that is wrong ends the stream
--- scenario
create('mask', 'mask');
my $logged = () = logged();

for my $case (
    ['{', 'Line %d: Invalid JSON at line 1 column 1.'],
    ['[]', 'Line %d must be an object.'],
    ['{"payload":{}}', 'Line %d: "payload.content" is required'],
    ['{"payload":"text"}', 'Line %d: "payload" must be an object'],
    ['{"payload":{"content":"a"},"from":[]}',
     'Line %d: "from" must be an object'],
    ['{"payload":{"content":"a"},"from":{"name":"' . 'n' x 1001 . '"}}',
     'Line %d: "from.name" must contain at most 1000 bytes, found 1001'],
    ['{"payload":{"content":"a"}}{}',
     'Line %d: Invalid JSON at line 1 column 28.'],
    ["{\"payload\":{\"content\":\"\xff\"}}", qr/^Line %d: Invalid JSON at/],
    [' ', 'Line %d: Invalid JSON at line 1 column 1.'],
    ['5', 'Line %d: Invalid JSON at line 1 column 1.'],
) {
    my ($line, $expected) = @$case;
    my $is = sub {
        my ($body, $n, $title) = @_;
        my $want = $expected =~ s/%d/$n/r;

        is_message($body, ref $expected ? qr/$want/ : $want,
                   substr("$title: $line", 0, 50));
    };

    my $response = exchange(stream("$line\n" . lines('a mask')));
    is($response->{status}, 400, 'first: status');
    is($response->{headers}{'content-type'}, 'application/json', 'type');
    $is->($response->{body}, 1, 'first');

    $response = exchange(stream(lines('a mask') . "\n$line\n"
                                . lines('a mask')));
    is($response->{status}, 200, 'later: status');
    is($response->{headers}{'content-type'}, 'application/x-ndjson', 'type');

    my @lines = split /\n/, $response->{body};
    is(scalar @lines, 2, 'no end');
    is(names(decode($lines[0])), 'mask: mask', 'what came before');
    $is->($lines[1], 3, 'later');
}

# when its answer has begun, and more is to come
my $sock = open_stream();

send_chunk($sock, lines('a mask'));
like(read_until($sock, qr/\n\r\n/), qr/^HTTP\S* 200 /, '200');
send_chunk($sock, "{\n");
send_chunk($sock, lines('a mask'));
my $bytes = read_until($sock, qr/0\r\n\r\n/);
like($bytes, qr/^\S+\r\n\{"message":"Line 2: .*"\}\n\r\n0\r\n\r\n$/,
     'the last line');
is(read_until($sock, qr/./), '', 'the connection is closed');

like(logged_after($logged, 1), qr/^400 invalid - -$/,
     'the log, nothing searched');
like(logged_after($logged, 2), qr/^200 invalid 1 0\.\d+$/, 'the log');

=== limits of a line
--- scenario
create('mask', 'mask');
my $long = 1024 * 1024;

# just as long as it may be
my $line = json(said('mask '));
$line =~ s/mask /'mask' . ' ' x ($long - length($line) + 1)/e;
is(length $line, $long, 'a line');

my @lines = answers(exchange(stream("$line\n$line")));
is(names($lines[1]), 'mask: mask', 'it is searched');
is_end($lines[2], 2, 'twice');

for my $form ("$line \n", ["\n$line ", 'x' x 100]) {
    my $n = ref $form ? 2 : 1;
    my $response = exchange(stream($form));

    is($response->{status}, 400, 'a byte more');
    is_message($response->{body},
               "Line $n: A line may have at most 1048576 bytes.", 'message');
}

@lines = answers(exchange(stream(lines('a mask') . ' ' x 3_000_000)));
is(names($lines[0]), 'mask: mask', 'a line before a long one');
is($lines[1]{message}, 'Line 2: A line may have at most 1048576 bytes.',
   'without an end');
is(scalar @lines, 2, 'that is all');

# those of the location
@lines = answers(exchange(stream(lines('mask. mask', 'mask. mask. mask'),
                                 path => '/few/')));
is(names($lines[0]), 'mask: mask', 'two hits');
is($lines[1]{message}, 'Line 2: The messages have more than 2 hits, the limit '
                       . 'of a request.', 'three hits');

is_message(exchange(stream('{"trackers":[{"name":"a","vocabulary":'
                           . '["1","2","3","4"]}]}', path => '/few/'))->{body},
           'Line 1: Trackers of at most 3 phrases can be detected, "trackers" '
           . 'has more.', 'four phrases');

is(exchange(stream(lines(('mask') x 4), path => '/few/'))->{status}, 413,
   'client_max_body_size, by the length');
my $chunked = exchange(stream([map { lines('mask') } 1 .. 4],
                              path => '/few/'));
like($chunked->{body}, qr/Request body exceeds the limit of 400 bytes\./,
     'and by the chunks');
unlike($chunked->{body}, qr/\{"end"/, 'no end');

=== other bodies have an end where lines have none
--- scenario
my $small = json({ messages => [said('mask')] });

for my $path ('conversations/detect', 'process/text') {
    my $fits = request('POST', "/stream/$path", body => $small);
    like(exchange($fits)->{status}, qr/^20[01]$/, "$path: a small one");

    my $sock = connect_nginx();
    send_bytes($sock, request('POST', "/stream/$path", body => $small,
                              length => 16 * 1024 * 1024 + 1));
    my $response = read_response($sock);
    is($response->{status}, 413, "$path: too large by its length");
    is_message($response->{body},
               'Request body exceeds the limit of 16777216 bytes.', 'message');

    $response = exchange(request('POST', "/stream/$path",
                                 chunks => [(' ' x 65536) x 256, ' ']));
    is($response->{status}, 413, "$path: too large by its chunks");
    is_message($response->{body},
               'Request body exceeds the limit of 16777216 bytes.', 'message');
}

=== headers
--- scenario
my $body = lines('a mask');

for my $type ('application/x-ndjson; charset=utf-8', 'Application/X-NDJSON') {
    is(exchange(stream($body, type => $type))->{status}, 200, $type);
}

for my $type ('application/ndjson', 'application/x-ndjsonx', 'text/plain',
              undef)
{
    my $response = exchange(stream($body, type => $type));

    is($response->{status}, 400, $type // 'none');
    is_message($response->{body}, 'Content-Type must be application/json or '
               . 'application/x-ndjson.', 'message');
}

is(exchange(stream($body, headers => ['Content-Type: application/json']))
   ->{status}, 400, 'two types');
is_message(exchange(stream($body, headers => ['Content-Encoding: gzip']))
           ->{body}, 'Content-Encoding "gzip" is not supported.', 'a coding');
is(exchange(stream($body, headers => ['Content-Encoding: identity']))
   ->{status}, 200, 'no coding');
is(exchange(stream($body, token => undef))->{status}, 401, 'no token');
is(exchange(stream($body, headers => ['Expect: 100-continue']))->{status},
   100, '100 Continue');

for my $path ('/v1/process/text', '/v1/manage/tracker') {
    my $response = exchange(request('POST', $path, body => $body,
                                    type => 'application/x-ndjson'));

    is_message($response->{body}, 'Content-Type must be application/json.',
               $path);
}

=== HTTP/2
--- scenario
create('mask', 'mask');

my $one = nghttp('/stream/conversations/detect', lines(('a mask') x 1000),
                 '-H', 'x-none: 1');
is($one->{status}, 400, 'another type');

# lines as they come, on a stream that goes on
my $sock = h2_connect(window => 2 ** 31 - 1);
my $head = "\x83\x86" . header(4, '/stream/conversations/detect')
           . header(1, 'localhost') . header(31, 'application/x-ndjson')
           . header(23, 'Bearer ' . token('tester'));

send_bytes($sock, frame(1, 4, 1, $head));

for my $i (1 .. 3) {
    send_bytes($sock, frame(0, 0, 1, lines("a mask $i")));
    like(read_until($sock, qr/a mask $i.*\n/), qr/"value":"mask"/, "line $i");
}

send_bytes($sock, frame(0, 1, 1, json(said('the last'))));
like(read_until($sock, qr/\{"end".*\n/),
     qr/the last.*\n\{"end":true,"count":4\}\n/s, 'the end');

# more than the window, which opens as lines are answered
my $body = lines(map { "a mask $_" } 1 .. 3000);
my ($sent, $bytes) = (0, '');

send_bytes($sock, frame(1, 4, 3, $head));

my $window = 65536;         # http2_body_preread_size

for ( ;; ) {
    while ($sent < length $body && $window > 0) {
        my $n = (sort { $a <=> $b } $window, 8192, length($body) - $sent)[0];

        send_bytes($sock, frame(0, $sent + $n == length $body ? 1 : 0, 3,
                                substr $body, $sent, $n));
        $sent += $n;
        $window -= $n;
    }

    last if $sent == length $body;
    IO::Select->new($sock)->can_read(20) or last;
    sysread $sock, $bytes, 65536, length $bytes or last;

    # how far the window was opened
    while (length $bytes >= 9) {
        my ($high, $len, $type, $flags, $id) = unpack 'CnCCN', $bytes;

        $len += $high << 16;
        last if length $bytes < 9 + $len;

        $window += unpack 'x9 N', $bytes if $type == 8 && $id == 3;
        substr($bytes, 0, 9 + $len) = '';
    }
}

is($sent, length $body, 'all was sent');
like(read_until($sock, qr/\{"end".*\n/), qr/\{"end":true,"count":3000\}/,
     'all was answered');

=== a long stream, in memory that does not grow
--- log_level: warn
--- scenario
create('mask', 'mask', 'good morning');
my $logged = () = logged();

my $rounds = SLOW ? 20 : 1000;
my $lines = lines(map { "a mask $_, good morning. Or not?" } 1 .. 100);
my $sock = open_stream();
my ($count, %memory) = (0);
my $read = '';

for my $round (1 .. $rounds) {
    send_chunk($sock, $lines);
    $count += 100;

    until ($read =~ s/^.*"a mask 100, good morning\.".*?\n\r\n//s) {
        sysread $sock, $read, 262144, length $read or last;
    }

    $memory{$round} = worker_memory()
        if $round == $rounds / 10 || $round == $rounds;
}

send_bytes($sock, "0\r\n\r\n");
like(read_until($sock, qr/0\r\n\r\n/), qr/\{"end":true,"count":$count\}/,
     "$count messages");

my $grown = $memory{$rounds} - $memory{$rounds / 10};

cmp_ok($grown, '<', 1024, "kilobytes more after $count than after a tenth")
    unless WATCHED;
like(logged_after($logged, 1), qr/^200 found ${\($count * 2)} \d+\.\d+$/,
     'the log, hits');

=== a line at a time, as many as may come, in memory that does not grow
--- log_level: warn
--- scenario
create('mask', 'mask');

my $rounds = SLOW ? 200 : 20000;
my $sock = open_stream();
my $line = lines('a mask');
my %memory;

for my $round (1 .. $rounds) {
    send_chunk($sock, $line);
    read_until($sock, qr/\n\r\n/);

    $memory{$round} = worker_memory()
        if $round == $rounds / 10 || $round == $rounds;
}

cmp_ok($memory{$rounds} - $memory{$rounds / 10}, '<', 512,
       'kilobytes more than after a tenth') unless WATCHED;

send_bytes($sock, "0\r\n\r\n");
like(read_until($sock, qr/0\r\n\r\n/), qr/\{"end":true,"count":$rounds\}/,
     'the end');

=== a client that does not read is not read from
--- log_level: warn
--- scenario
create('mask', 'mask');

my $sock = open_stream();
my $lines = lines(map { "a mask $_" } 1 .. 200);
my ($sent, $idle) = (0, 0);

# as much as the buffers between us take
$sock->blocking(0);
my $bytes = sprintf("%x\r\n%s\r\n", length $lines, $lines) x 50;
my $before = worker_memory();
my $at = 0;

while ($idle < 20 && $sent < 200_000_000) {
    my $n = syswrite $sock, $bytes, length($bytes) - $at, $at;

    if ($n) {
        $sent += $n;
        $at = ($at + $n) % length $bytes;
        $idle = 0;
    } else {
        $idle++;
        sleep 0.05;
    }
}

cmp_ok($sent, '<', 200_000_000, "nothing more is taken after $sent bytes");
cmp_ok(worker_memory() - $before, '<', 8192, 'kilobytes of the worker')
    unless WATCHED;

is(exchange(request('GET', '/v1/conversations', type => undef))->{status}, 200,
   'others are served');

# and it goes on when the client does
$sock->blocking(1);
my $more = substr $bytes, $at;
my $pid = fork // die "fork: $!";

if ($pid == 0) {
    send_bytes($sock, "${more}0\r\n\r\n");
    require POSIX;
    POSIX::_exit(0);
}

my ($all, $tail) = (0, '');
while ($tail !~ /\r\n0\r\n\r\n$/) {
    my $n = sysread $sock, my $some, 262144 or last;
    $all += $n;
    $tail = substr "$tail$some", -100;
}

waitpid $pid, 0;
like($tail, qr/\{"end":true,"count":\d+\}\n\r\n0\r\n\r\n$/,
     "the rest, $all bytes");

=== a client that does not read is given up after send_timeout
--- log_level: warn
--- scenario
create('mask', 'mask');

my $sock = open_stream(path => '/short/');
my $lines = lines(map { "a mask $_" } 1 .. 500);

local $SIG{PIPE} = 'IGNORE';
my $end = time + 20;
$sock->blocking(0);

my $bytes = sprintf "%x\r\n%s\r\n", length $lines, $lines;
my ($at, $gone) = (0, 0);

while (!$gone && time < $end) {
    my $n = syswrite $sock, $bytes, length($bytes) - $at, $at;

    if (defined $n) {
        $at = ($at + $n) % length $bytes;
    } elsif ($!{EAGAIN}) {
        sleep 0.05;
    } else {
        $gone = 1;
    }
}

ok($gone, 'the connection is closed');

=== clients that are slow, but not too slow, and those that are
--- scenario
create('mask', 'mask');

# longer than tracker_timeout and client_body_timeout together
my $sock = open_stream(path => '/short/');

for my $i (1 .. 10) {
    send_chunk($sock, lines("a mask $i"));
    read_until($sock, qr/\n\r\n/);
    sleep 0.2;
}

send_bytes($sock, "0\r\n\r\n");
like(read_until($sock, qr/0\r\n\r\n/), qr/\{"end":true,"count":10\}/,
     'no total deadline');

$sock = open_stream(path => '/short/');
send_chunk($sock, lines('a mask'));
like(read_until($sock, qr/0\r\n\r\n/),
     qr/\{"message":"The request body did not arrive in time."\}\n\r\n0\r\n/,
     'client_body_timeout ends it');

$sock = open_stream(path => '/short/');
is(read_response($sock)->{status}, 408, 'before anything was answered');

=== clients that go away in the middle
--- scenario
create('mask', 'mask');

my $lines = lines(map { "a mask $_" } 1 .. 300);

for my $round (1 .. 30) {
    my $sock = open_stream();

    send_chunk($sock, $lines);
    read_until($sock, qr/a mask/) if $round % 3;
    send_chunk($sock, substr $lines, 0, 1000 + $round) if $round % 2;
    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
               pack 'ii', 1, 0 if $round % 5 == 0;
    close $sock;
}

my $sock = connect_nginx();
send_bytes($sock, stream("$lines$lines", length => 10_000_000));
read_until($sock, qr/a mask 300/);
close $sock;

is(exchange(stream(lines('a mask')))->{status}, 200, 'others are served');

=== trackers that were written meanwhile are found in the next line
--- scenario
create('mask', 'mask');

my $sock = open_stream();

for my $i (1 .. 20) {
    send_chunk($sock, lines("a mask and tea $i"));
    my $bytes = read_until($sock, qr/\n\r\n/);
    my $n = () = $bytes =~ /"value":"tea $i"/g;
    my $last = $i - 1;

    is($n, 0, "not before it was written, $i");

    create("tea $i", "tea $i");
    send_chunk($sock, lines("a mask and tea $i"));
    like(read_until($sock, qr/\n\r\n/), qr/"value":"tea $i"/, "tea $i");
}

# one trip a piece, whatever is in it
send_chunk($sock, lines('mask'));
read_until($sock, qr/\n\r\n/);
my $before = commands_seen('get');
send_chunk($sock, lines(('mask') x 100));
read_until($sock, qr/(?:"messages":.*\n){100}/);
cmp_ok(commands_seen('get') - $before, '<=', 2, 'questions to Redis');

=== a tracker that was chosen by id is deleted meanwhile
--- scenario
my $id = create('mask', 'mask');
my $sock = open_stream();

send_chunk($sock, lines({ trackers => [{ id => $id }] }, 'a mask'));
like(read_until($sock, qr/\n\r\n/), qr/"value":"mask"/, 'it is found');
is(exchange(request('DELETE', "/v1/manage/tracker/$id", type => undef))
   ->{status}, 200, 'deleted');
send_chunk($sock, lines('a mask'));
like(read_until($sock, qr/0\r\n\r\n/),
     qr/\{"message":"Line 3: \\"trackers\[0\].id\\" is not the id of a tracker"/,
     'the stream ends');

=== Redis is stopped in the middle
--- log_level: crit
--- scenario
create('mask', 'mask');

my $sock = open_stream();
my $given = open_stream();
my $tea = { trackers => [{ name => 'tea', vocabulary => ['tea'] }] };

send_chunk($sock, lines('a mask'));
like(read_until($sock, qr/\n\r\n/), qr/"value":"mask"/, 'before');
send_chunk($given, lines($tea, 'tea'));
like(read_until($given, qr/\n\r\n/), qr/"value":"tea"/, 'before, given');

stop_redis();

send_chunk($sock, lines('a mask'));
like(read_until($sock, qr/0\r\n\r\n/),
     qr/^\S+\r\n\{"message":"The tracker store did not .*"\}\n\r\n0\r\n\r\n$/,
     'the last line');
send_chunk($given, lines('tea'));
like(read_until($given, qr/\n\r\n/), qr/"value":"tea"/,
     'not needed for trackers that came with it');

my $response = exchange(stream(lines('a mask')));
is($response->{status}, 502, 'nothing was answered');

start_redis();

=== an answer that is longer than a stretch
--- scenario
create('a', map { "a $_" } 1 .. 300);

my $text = join '. ', map { my $i = $_; join ' ', map { "a $_" } 1 .. 100 }
           1 .. 20;
my $response = exchange(stream(lines('x', $text, 'y')));
my @lines = answers($response);

cmp_ok(length $response->{body}, '>', 500_000, 'long');
is(scalar @lines, 4, 'four lines');
is(scalar @{$lines[1]{trackers}[0]{matches}}, 100, 'all phrases');
is_end($lines[3], 3, 'the end');

=== two settings cannot be mixed up by streams at once
--- scenario
create('mask', 'mask');

my @socks = map { open_stream() } 1 .. 5;

for my $i (0 .. 4) {
    send_chunk($socks[$i], lines({ trackers => [{ name => "t$i",
                                                  vocabulary => ["w$i"] }] }));
}

for my $round (1 .. 3) {
    send_chunk($_, lines('w0 w1 w2 w3 w4')) for @socks;

    for my $i (0 .. 4) {
        my $bytes = read_until($socks[$i], qr/\n\r\n/);
        is(join(' ', $bytes =~ /"value":"(w\d)"/g), "w$i", "stream $i");
    }
}

=== other modules: one that has read the body, and one that packs the answer
--- scenario
create('mask', 'mask');

my $body = lines(map { "a mask $_" } 1 .. 2000);

for my $form ($body, [$body], lines('a mask'), '') {
    my $n = () = (ref $form ? $body : $form) =~ /\n/g;
    my @lines = answers(exchange(stream($form, path => '/mirrored/')));

    is(scalar(grep { names($_) eq 'mask: mask' } @lines[0 .. $n - 1]), $n,
       "mirrored: $n lines");
    is_end($lines[$n], $n, 'the end');
}

my $packed = exchange(stream($body, path => '/zipped/',
                             headers => ['Accept-Encoding: gzip']));
is($packed->{headers}{'content-encoding'}, 'gzip', 'packed');

my @lines = answers({ body => Compress::Zlib::memGunzip($packed->{body}) });
is(scalar(grep { names($_) eq 'mask: mask' } @lines[0 .. 1999]), 2000,
   'all lines');
is_end($lines[2000], 2000, 'the end');
