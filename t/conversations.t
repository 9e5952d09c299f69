use lib 't/lib';
use Tracker;
use Tracker::Conversation;
use Test::Nginx::Socket 'no_plan';

use Socket ();

# What is read of conversations, and DELETE.  They are written by the script
# that the module runs.

workers(2);

use constant {
    ONE => '4503599627370497', TWO => '9007199254740991',
    NONE => '5555555555555555',
};

my $slow = $ENV{TEST_NGINX_SLOW_PORT} = Tracker::Host::free_port();

add_block_preprocessor(sub {
    my ($block) = @_;

    Tracker::stop_redis() if $block->fresh_redis;

    my $settings = $block->settings // '';

    $block->set_value(http_config => <<"CONFIG") unless $block->http_config;
    tracker_redis $ENV{TEST_NGINX_REDIS};
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
    $settings

    server {
        listen 127.0.0.1:$slow sndbuf=4k;

        location /v1/ {
            tracker_conversations;
            client_max_body_size 1m;
        }
    }
CONFIG
    $block->set_value(config => <<'CONFIG') unless $block->config;
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
CONFIG
});

run_tests();

sub call {
    my ($method, $path, %o) = @_;

    return exchange(request($method, "/v1/$path", type => undef, %o));
}

sub get {
    return call('GET', @_);
}

sub is_answer {
    my ($response, $body, $title) = @_;

    is($response->{status}, 200, "$title: status");
    is($response->{body}, $body, "$title: body");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
}

sub is_refused {
    my ($response, $status, $message, $title) = @_;

    is($response->{status}, $status, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body}, $message, $title);
}

sub missing {
    my ($id) = @_;

    return "Conversation with id \"$id\" does not exist.";
}

sub conversation {
    my ($id, %o) = @_;

    return qq({"id":"$id","type":"meeting",) . ($o{meta} // qq("name":"$id"))
           . ',"startTime":' . ($o{start} // '"2026-01-01T10:00:00.000Z"')
           . ',"endTime":' . ($o{end} // '"2026-01-01T10:00:05.000Z"')
           . ',"members":[' . join(',', @{$o{members} // [member('Ann')]})
           . ']}';
}

sub listed {
    my ($response) = @_;

    return join ' ', map { $_->{id} }
                     @{decode($response->{body})->{conversations}};
}

# of which the sockets hold a small part
sub fill {
    my ($id, $pieces) = @_;
    my $text = 'x' x 60_000;
    my ($head, @lines) = said($id, ($text) x $pieces) =~ /(.*\n)/g;

    # the lines that the first sentence needs are in its piece
    $head .= shift @lines;
    $lines[0] = $head . $lines[0];

    write_job($id, messages => \@lines, size => 1e9);
    return map { message($id, $id, $text, $_) } 0 .. $pieces - 1;
}

sub slow_messages {
    my ($id) = @_;
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";

    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 4096;
    connect($sock, Socket::pack_sockaddr_in($slow,
                   Socket::inet_aton('127.0.0.1'))) or die "connect: $!";
    send_bytes($sock, request('GET', "/v1/conversations/$id/messages",
                              type => undef));
    sysread $sock, my $bytes, 1000;
    ${*$sock}{unread} = $bytes;

    return $sock;
}

__DATA__

=== a conversation, its messages and its members
--- scenario
is_deeply(write_job(ONE, meta => '"name":"Call","metadata":{"a":[1]}'),
          ['created', 1], 'written');

is_answer(get('conversations/' . ONE),
          conversation(ONE, meta => '"name":"Call","metadata":{"a":[1]}'),
          'the conversation');
is_answer(get('conversations/' . ONE . '/messages'),
          '{"messages":[' . message(ONE, ONE, 'Hello.') . ']}', 'messages');
is_answer(get('conversations/' . ONE . '/members'),
          '{"members":[' . member('Ann') . ']}', 'members');
is_answer(get('conversations'),
          '{"conversations":['
          . conversation(ONE, meta => '"name":"Call","metadata":{"a":[1]}')
          . ']}', 'the list');

my $response = get('conversations/' . ONE . '/messages?verbose=true');
is($response->{status}, 200, 'arguments of the hosted service are ignored');
is($response->{headers}{'content-length'}, length $response->{body},
   'Content-Length');
is($response->{headers}{'cache-control'}, 'private, no-cache', 'caching');
is($response->{headers}{vary}, 'Authorization, X-Api-Key', 'Vary');
ok(!exists $response->{headers}{etag}, 'no ETag');



=== what a PUT adds
--- scenario
write_job(ONE, messages => [said(ONE, 'm 1', 'm 2'), qq(S "m 3"\n)],
          members => [map { member($_) } qw(Ann Bob Ann)]);
is_deeply(write_job(ONE, append => 1, first => 'b', sentences => ['m 4'],
                    members => [map { member($_) } qw(Bob Cem Ann)],
                    end => '"later"'), ['created', 2], 'second job');
is_deeply(write_job(ONE, append => 1, first => 'c', sentences => ['m 5'],
                    members => [], meta => '"name":"New"', start => '"s"',
                    end => ''), ['created', 3], 'third job');

is_answer(get('conversations/' . ONE . '/messages'),
          '{"messages":['
          . join(',', map({ message(ONE, ONE, 'm ' . ($_ + 1), $_) } 0 .. 2),
                 message('b', ONE, 'm 4'), message('c', ONE, 'm 5'))
          . ']}', 'messages');
is_answer(get('conversations/' . ONE . '/members'),
          '{"members":[' . join(',', map { member($_) } qw(Ann Bob Cem))
          . ']}', 'members in the order in which they spoke');
is_answer(get('conversations/' . ONE),
          conversation(ONE, meta => '"name":"New"', start => '"s"',
                       end => '"later"',
                       members => [map { member($_) } qw(Ann Bob Cem)]),
          'the conversation');

is_deeply(write_job(TWO, messages => []), ['created', 1], 'no message');
is_answer(get('conversations/' . TWO . '/messages'), '{"messages":[]}',
          'an empty list');



=== a job is completed at once
--- scenario
write_job(ONE);
write_job(ONE, append => 1, first => 'b');
write_job(TWO, account => 'other');

for my $number (1, 2) {
    my $job = job_id('tester', ONE, $number);

    is_answer(get("job/$job"), "{\"id\":\"$job\",\"status\":\"completed\"}",
              "job $number");
    is_answer(get('job/' . uc $job),
              '{"id":"' . uc($job) . '","status":"completed"}', 'upper case');
    is_refused(get("job/$job", account => 'other'), 404,
               "Job with id \"$job\" does not exist.", 'of another account');
}

my $good = job_id('tester', ONE, 1);
my $last = substr($good, -1) eq '0' ? '1' : '0';

for my $job (job_id('tester', ONE, 3), job_id('tester', NONE, 1),
             job_id('tester', ONE, 0), job_id('other', TWO, 1),
             substr($good, 0, -1) . $last, substr($good, 1), "${good}0", 'x',
             '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d', ONE, 'a' x 36)
{
    is_refused(get("job/$job"), 404,
               "Job with id \"$job\" does not exist.", $job);
}

call('DELETE', 'conversations/' . ONE);
is(get("job/$good")->{status}, 404, 'of a conversation that was deleted');



=== unknown conversations
--- scenario
write_job(TWO, account => 'other');

for my $id (NONE, TWO, 'x', '1', NONE . '0', 'messages', '-', '"') {
    is_refused(get("conversations/$id$_"), 404, missing($id), "$id$_")
        for '', '/messages', '/members';
    is_refused(call('DELETE', "conversations/$id"), 404,
               'The conversationId is either invalid or does not exist.',
               "DELETE $id");
}

is(get('conversations/' . TWO, account => 'other')->{status}, 200,
   'the other has it');
is_answer(get('conversations'), '{"conversations":[]}', 'an empty list');



=== DELETE
--- scenario
write_job($_) for ONE, TWO;

is_answer(call('DELETE', 'conversations/' . ONE),
          '{"message":"successfully deleted the conversation"}', 'DELETE');
is_refused(call('DELETE', 'conversations/' . ONE), 404,
           'The conversationId is either invalid or does not exist.', 'again');

is_refused(get('conversations/' . ONE . $_), 404, missing(ONE), "GET $_")
    for '', '/messages', '/members';
is(listed(get('conversations')), TWO, 'the list');

my @keys = conversation_keys('tester', ONE);
is(redis('EXISTS', @keys[1 .. 3]), 0, 'messages, hits and members are gone');
is_deeply(redis('HKEYS', $keys[0]), ['first'], 'a tombstone is left');

my $ttl = redis('PTTL', $keys[0]);
ok($ttl > 30_000 && $ttl <= 35_000, 'and lives as long as a lock')
    or diag($ttl);

is_deeply(write_job(ONE), ['created', 1], 'a create that comes late');
is(get('conversations/' . ONE)->{status}, 404, 'does not bring it back');
is_deeply(write_job(ONE, first => 'b'), ['taken'], 'the id is not free yet');
is_deeply(write_job(ONE, first => 'b', append => 1), ['missing'],
          'nothing can be appended');



=== a job is written once, whole or not at all
--- scenario
my @keys = conversation_keys('tester', ONE);

for my $rev (undef, 7) {
    redis('SET', account_key('tester', 'rev'), $rev) if $rev;

    is_deeply(write_job(NONE, rev => 5), ['stale'], 'another revision');
    is_deeply(write_job(NONE, append => 1, rev => 5), ['missing'],
              'append to none');
    is(redis('EXISTS', conversation_keys('tester', NONE)), 0,
       'nothing is written');
}

is_deeply(write_job(ONE, rev => 7), ['created', 1], 'the right revision');
redis('SET', account_key('tester', 'rev'), 8);
is_deeply(write_job(ONE, rev => 7), ['created', 1], 'sent again');
is_deeply(write_job(ONE, first => 'b'), ['taken'], 'the id is taken');
is_deeply(write_job(ONE, append => 1, first => 'b', rev => 7), ['stale'],
          'append of another revision');
is_deeply(write_job(ONE, append => 1, first => 'b', rev => 8), ['created', 2],
          'append');
is_deeply(write_job(ONE, append => 1, first => 'b', rev => 7), ['created', 2],
          'sent again');
is(redis('LLEN', $keys[1]), 2, 'two pieces of messages');
is(redis('LLEN', $keys[2]), 2, 'two records of hits');
is(redis('HGET', $keys[0], 'jobs'), 2, 'two jobs');

my ($word, $bytes) = @{write_job(ONE, append => 1, first => 'c', size => 9)};
is($word, 'large', 'too large');

is_deeply(write_job(ONE, append => 1, first => 'c', size => $bytes - 1),
          ['large', $bytes], 'by a byte');
is(redis('HGET', $keys[0], 'jobs'), 2, 'nothing is written');
is_deeply(write_job(ONE, append => 1, first => 'c', size => $bytes),
          ['created', 3], 'just not too large');
is(redis('HGET', $keys[0], 'bytes'), $bytes, 'bytes are counted');

for my $i (0 .. 4) {
    redis('COPY', $keys[$i], 'kept');
    redis('DEL', $keys[$i]);
    redis('SET', $keys[$i], 'a string');

    my $before = join ' ', map { redis('DUMP', $_) // '' } @keys;

    eval { write_job(ONE, append => 1, first => 'd') };
    like($@, qr/WRONGTYPE/, "key $i of another type");
    is(join(' ', map { redis('DUMP', $_) // '' } @keys), $before,
       'nothing is written');

    redis('DEL', $keys[$i]);
    redis('RENAME', 'kept', $keys[$i]);
}



=== every key expires, refreshed by each write
--- scenario
my @keys = conversation_keys('tester', ONE);

write_job(ONE, ttl => 100);
redis('EXPIRE', $_, 5) for @keys;
write_job(ONE, append => 1, first => 'b', ttl => 100);

for my $key (@keys) {
    my $ttl = redis('TTL', $key);
    ok($ttl > 90 && $ttl <= 100, $key =~ s/.*://r . ": $ttl s");
}

is(scalar @{redis('KEYS', '*')}, 5, 'there are no other keys');

# the list forgets what has expired

redis('ZADD', $keys[4], 'XX', (time() - 101) * 1000, ONE);
write_job(TWO, ttl => 100);
is_deeply(redis('ZRANGE', $keys[4], 0, -1), [TWO], 'trimmed');



=== the list: the last one written first, limit and offset
--- scenario
my @ids = map { sprintf '5%015d', $_ } 1 .. 60;

write_job($_) for @ids;
my @want = reverse @ids;

is(listed(get('conversations')), "@want[0 .. 19]", 'twenty');
is(listed(get('conversations?limit=1')), $want[0], 'one');
is(listed(get('conversations?limit=60')), "@want", 'as many as there are');
is(listed(get('conversations?limit=1000')), "@want", 'more');
is(listed(get('conversations?limit=7&offset=5')), "@want[5 .. 11]", 'offset');
is(listed(get('conversations?offset=50')), "@want[50 .. 59]", 'the end');
is(listed(get('conversations?offset=60')), '', 'behind it');
is(listed(get('conversations?offset=1000000&order=desc')), '', 'far');

write_job($ids[2], append => 1, first => 'b');
is(listed(get('conversations?limit=2')), "$ids[2] $want[0]", 'a PUT');

is_refused(get("conversations?limit=$_"), 400,
           '"limit" must be a number from 1 to 1000.', "limit $_")
    for '', 0, -1, 1001, 'x', '1x', '00001', '1' x 30;
is_refused(get("conversations?offset=$_"), 400,
           '"offset" must be a number from 0 to 1000000.', "offset $_")
    for '', -1, 1_000_001, 'x', '1.5', '1' x 30;

# one whose keys have expired is not in the list

redis('DEL', account_key('tester', "conv:$ids[2]"));
is(listed(get('conversations?limit=2')), "@want[0, 1]", 'expired');



=== a long list is read in stretches
--- scenario
my @ids = map { sprintf '5%015d', $_ } 1 .. 30;
my $meta = '"name":"' . 'n' x 50_000 . '"';

write_job($_, meta => $meta) for @ids;
redis('CONFIG', 'RESETSTAT');

my $response = get('conversations?limit=29');
is($response->{body},
   '{"conversations":['
   . join(',', map { conversation($_, meta => $meta) } reverse @ids[1 .. 29])
   . ']}', 'all of them');
is($response->{headers}{'transfer-encoding'}, 'chunked', 'in stretches');
is(commands_seen('evalsha'), 5, 'of 256 KB');



=== long messages are read in stretches
--- scenario
my @messages = fill(ONE, 30);

redis('CONFIG', 'RESETSTAT');

my $response = get('conversations/' . ONE . '/messages');
is($response->{body}, '{"messages":[' . join(',', @messages) . ']}', 'all');
is(commands_seen('evalsha'), 6, 'in stretches of 256 KB');

$response = call('HEAD', 'conversations/' . ONE . '/messages');
is($response->{status}, 200, 'HEAD');
is($response->{body}, '', 'no body');



=== a slow reader of messages
--- scenario
my @messages = fill(ONE, 60);
my $sock = slow_messages(ONE);

write_job(ONE, append => 1, first => 'b', sentences => ['new']);

is(read_response($sock)->{body},
   '{"messages":[' . join(',', @messages, message('b', ONE, 'new')) . ']}',
   'all, and what was added meanwhile');



=== messages that are deleted while they are sent: the answer is cut off
--- scenario
fill(ONE, 60);

my $sock = slow_messages(ONE);

call('DELETE', 'conversations/' . ONE);
my $rest = read_rest($sock);

like($rest, qr{^HTTP/1.1 200}, 'it had begun');
ok($rest !~ /\]\}\]\}\s*(?:0\s*)?\z/, 'no end of the list');
ok($rest !~ /0\r\n\r\n\z/, 'no last chunk');



=== texts go through as they are stored
--- scenario
Tracker::Answers::leave();

my $text = "\0\xff\r\"";
my $meta = "{\"any\" : \"$text\n\"}";

write_job(ONE, sentences => [$text], members => ["\xff"], meta => $meta);
is_answer(get('conversations/' . ONE . '/messages'),
          '{"messages":[' . message(ONE, ONE, $text) . ']}', 'messages');
is_answer(get('conversations/' . ONE . '/members'), "{\"members\":[\xff]}",
          'members');
is_answer(get('conversations/' . ONE),
          conversation(ONE, meta => $meta, members => ["\xff"]),
          'the conversation');



=== what others have put in place of our keys
--- log_level: crit
--- scenario
my @keys = conversation_keys('tester', ONE);
my %paths = (
    0 => ['conversations', 'conversations/' . ONE,
          map({ 'conversations/' . ONE . "/$_" } qw(messages members)),
          'job/' . job_id('tester', ONE, 1)],
    1 => [map { 'conversations/' . ONE . "/$_" }
              qw(messages trackers trackers-detected)],
    2 => ['conversations/' . ONE . '/trackers'],
    3 => ['conversations', 'conversations/' . ONE,
          'conversations/' . ONE . '/members'],
    4 => ['conversations'],
);

for my $i (sort keys %paths) {
    redis('FLUSHALL');
    write_job(ONE);
    redis('SET', $keys[$i], 'a string');

    is_refused(get($_), 500, 'Internal server error.', "$i: $_")
        for @{$paths{$i}};
}

for my $i (0, 4) {
    redis('FLUSHALL');
    write_job(ONE);
    redis('SET', $keys[$i], 'a string');
    is_refused(call('DELETE', 'conversations/' . ONE), 500,
               'Internal server error.', "$i: DELETE");
}

redis('FLUSHALL');
write_job(ONE);
redis('HSET', $keys[0], 'jobs', $_) and
is(get('job/' . job_id('tester', ONE, 1))->{status}, 500, "jobs $_")
    for 'x', '-1', '1' x 17;

ok(1, 'the worker lives');



=== stored texts that are cut, or others than were written
--- log_level: crit
--- scenario
Tracker::Answers::leave();

my $path = 'conversations/' . ONE;
my ($msgs, $hits) = (conversation_keys('tester', ONE))[1, 2];
my $said = said(ONE, 'Hello.', 'You.');
my $found = join "\n", '1 ' . ONE . ' ' . length $said,
                 'T 4503599627370497 "greetings"', 'P "hello"',
                 'R 0 0 5 ' . index($said, '"Hello."') . ' 8', '';
my $tracker = '[{"id":"4503599627370497","name":"greetings","matches":['
              . '{"type":"vocabulary","value":"hello","messageRefs":[{"id":"'
              . ONE . '","text":"Hello.","offset":0,"end":5}],'
              . '"insightRefs":[]}]}]';

sub stored {
    my ($key, $text) = @_;

    redis('DEL', $key);
    redis('RPUSH', $key, ref $text ? @$text : $text);
}

write_job(ONE, messages => [$said], hits => $found);
is_answer(get("$path/messages"),
          '{"messages":[' . join(',', message(ONE, ONE, 'Hello.'),
                                 message(ONE, ONE, 'You.', 1)) . ']}',
          'messages');
is_answer(get("$path/trackers"), $tracker, 'trackers');

# a text of messages that is no text is not; a short one is, up to a line

my %status;

for my $n (0 .. length($said) - 1) {
    stored($msgs, substr $said, 0, $n);

    my $whole = $n == 0 || substr($said, $n - 1, 1) eq "\n";
    my $response = get("$path/messages");

    $status{messages}{$response->{status}}++;
    is($response->{status}, $whole ? 200 : 500, "messages cut at $n")
        if $response->{status} != ($whole ? 200 : 500);
    ok(decode($response->{body}), 'is JSON');

    # what was found has the length of the text
    my $status = get("$path/trackers")->{status};
    $status{trackers}{$status}++;
}

is($status{messages}{500}, length($said) - 4, 'messages cut in a line: 500');
is_deeply($status{trackers}, { 500 => length $said },
          'trackers need the whole text');

stored($msgs, $said);
$status{hits} = {};

for my $n (0 .. length($found) - 1) {
    stored($hits, substr $found, 0, $n);

    # a tracker without a phrase is not written either
    my $whole = $n == 0 || substr($found, 0, $n) =~ /^[1PR] .*\n\z/m;
    my $response = get("$path/trackers");

    $status{hits}{$response->{status}}++;
    is($response->{status}, $whole ? 200 : 500, "hits cut at $n")
        if $response->{status} != ($whole ? 200 : 500);
    ok(decode($response->{body}), 'is JSON');
}

is($status{hits}{500}, length($found) - 3, 'hits cut in a line: 500');

# other heads and lines

my $far = '9' x 18;
my ($head, $rest) = $found =~ /\A(.*?\n)(.*)\z/s;

for my $text ($rest, "$head$head$rest", "2$found", "1 x 1\n$rest",
              '1 ' . ONE . "\n$rest", '1 ' . ONE . " $far\n$rest",
              "1 -1 5\n$rest", "$head\n$rest", "${head}P \"hello\"\n",
              "${head}R 0 0 5 1 1\n", "${head}X y\n$rest",
              $found =~ s/T \d+/T 1/r, $found =~ s/"hello"/hello/r,
              $found =~ s/"greetings"/"/r, "\0" x 100, "\n", ' ', '[]',
              map({ $found =~ s/R .*/R $_/r }
                  '', 1, 'a b c d e', "0 0 5 $far 8", "0 0 5 2 $far",
                  '0 0 5 0 8', "0 0 5 30 " . length $said, '0 0 5 -1 8',
                  '0 0 5 2 8 9', '0 0 5 2 1', '0 0 5 2 0'))
{
    stored($hits, $text);
    is_refused(get("$path/trackers"), 500, 'Internal server error.',
               substr $text =~ s/\n/|/gr, -60);
}

stored($hits, [$head, $rest]);
is_answer(get("$path/trackers"), $tracker, 'in two pieces');

my ($first, $more) = $said =~ /\A(.*?\n)(.*)\z/s;

for my $text ($more, "2$said", "1 x\n$more", "1 0\n$more", "1 -5\n$more",
              $said =~ s/^M.*\n//mr, map({ $said =~ s/^M.*/$_/mr }
              'M', 'M ', 'M 1', 'M 1 x "a":1', 'M x 1 "a":1', 'M -  "a":1',
              'M 1 -1 "a":1', "M $far$far 1 \"a\":1"),
              $said =~ s/S "Hello."/S Hello./r, $said =~ s/S "Hello."/S "/r,
              $said =~ s/^S/X/mr, "\n", "\0", '{"messages":[]}', "T a\n")
{
    stored($msgs, $text);
    is_refused(get("$path/messages"), 500, 'Internal server error.',
               substr $text =~ s/\n/|/gr, 0, 60);
}

# an answer that has begun is cut off

stored($msgs, [said(ONE, ('x' x 60_000) x 10), "S no string\n"]);
my $sock = connect_nginx();
send_bytes($sock, request('GET', "/v1/$path/messages", type => undef));
my $bytes = read_rest($sock);
like($bytes, qr{^HTTP/1.1 200}, 'it had begun');
ok($bytes !~ /\]\}\]\}\s*(?:0\s*)?\z/, 'and has no end');

is(get('conversations')->{status}, 200, 'the worker lives');



=== what is wrong with a stored text is logged, not the text
--- scenario
my $path = 'conversations/' . ONE;

write_job(ONE, hits => "foreign\n");
is(get("$path/trackers")->{status}, 500, 'hits');
write_job(TWO, messages => ["foreign\n"]);
is(get('conversations/' . TWO . '/messages')->{status}, 500, 'messages');
--- grep_error_log eval: qr/a stored conversation is not what was written|foreign/
--- grep_error_log_out
a stored conversation is not what was written
a stored conversation is not what was written



=== what is not offered, and empty lists in its place
--- settings: tracker_empty_insights off;
--- scenario
write_job(ONE);

for (qw(topics questions follow-ups action-items entities analytics summary
        callscore abstract-topics insights intents))
{
    is_refused(get('conversations/' . ONE . "/$_"), 404,
               "\"$_\" of a conversation is not offered, \"messages\", "
               . '"members", "trackers" and "trackers-detected" are.', $_);
    is(get('conversations/' . ONE . "/$_", token => 'bad')->{status}, 401,
       'without an account');
}



=== tracker_empty_insights on
--- settings: tracker_empty_insights on;
--- scenario
my %empty = (
    topics => '{"topics":[]}', questions => '{"questions":[]}',
    'follow-ups' => '{"followUps":[]}',
    'action-items' => '{"actionItems":[]}', entities => '{"entities":[]}',
    analytics => '{"metrics":[],"members":[]}', summary => '{"summary":[]}',
    callscore => '{"criteria":[]}',
    'abstract-topics' => '{"abstractTopics":[]}',
    insights => '{"insights":[]}', intents => '{"intents":[]}',
);

write_job(ONE);

for (sort keys %empty) {
    is_answer(get('conversations/' . ONE . "/$_"), $empty{$_}, $_);
    is_refused(get('conversations/' . NONE . "/$_"), 404, missing(NONE),
               "$_ of none");
    is_refused(get("conversations/x/$_"), 404, missing('x'), "$_ of x");
}



=== methods and paths
--- scenario
write_job(ONE);

my %allow = (
    conversations => 'GET, HEAD, OPTIONS',
    'conversations/' . ONE() => 'GET, HEAD, DELETE, OPTIONS',
    'job/' . job_id('tester', ONE, 1) => 'GET, HEAD, OPTIONS',
    map({ ('conversations/' . ONE . "/$_" => 'GET, HEAD, OPTIONS') }
        qw(messages members topics)),
);

for my $path (sort keys %allow) {
    my $response = call('OPTIONS', $path, token => undef);

    is($response->{status}, 204, "OPTIONS $path");
    is($response->{headers}{allow}, $allow{$path}, 'Allow');

    for my $method (qw(GET HEAD DELETE POST PUT PATCH)) {
        next if $allow{$path} =~ /$method/;

        $response = call($method, $path);
        is_refused($response, 405, "Method $method is not allowed.",
                   "$method $path");
        is($response->{headers}{allow}, $allow{$path}, 'Allow');
    }

    next if $path =~ /topics/;

    my $get = get($path);
    my $head = call('HEAD', $path);

    is($head->{status}, 200, "HEAD $path");
    is($head->{body}, '', 'no body');
    is($head->{headers}{'content-length'}, length $get->{body}, 'its length');
    is(get($path, token => 'bad')->{status}, 401, 'a bad token');
}

is_refused(get($_), 404, 'No such endpoint.', $_)
    for '', 'x', 'job', 'job/', 'job/a/b', 'conversations/',
        'conversations/' . ONE . '/', 'conversations/' . ONE . '/x',
        'conversations/' . ONE . '/messages/', 'conversations/a/b/messages',
        'Conversations', 'tracker', 'manage';

is(get('conversations/%34503599627370497')->{status}, 200, 'an escaped digit');
is(get('conversations/' . ONE . '%20')->{status}, 404, 'a blank');
is_answer(get('manage/trackers'), '{"trackers":[]}', 'tracker_api below it');



=== DELETE has no arguments and no conditions
--- scenario
write_job(ONE);

is_refused(call('DELETE', 'conversations/' . ONE . '?dryRun=true'), 400,
           '"dryRun" is not allowed.', 'an argument');

is_refused(call('DELETE', 'conversations/' . ONE, headers => ["$_: \"x\""]),
           400, "$_ is not supported with DELETE.", $_)
    for qw(If-Match If-None-Match If-Modified-Since If-Range
           If-Unmodified-Since X-HTTP-Method-Override);

is(get('conversations/' . ONE)->{status}, 200, 'it is still there');
is(get('conversations/' . ONE, headers => ['If-None-Match: *'])->{status},
   200, 'a read has all of them');



=== a request that is encoded is refused, whatever it asks for
--- scenario
my @gzip = (headers => ['Content-Encoding: gzip']);

write_job(ONE);

for (map({ [GET => $_] } 'conversations', 'conversations/' . ONE,
         'job/' . job_id('tester', ONE, 1), map { 'conversations/' . ONE . $_ }
         qw(/messages /members /trackers /topics)),
     [DELETE => 'conversations/' . ONE])
{
    my ($method, $path) = @$_;

    is_refused(call($method, $path, @gzip), 400,
               'Content-Encoding "gzip" is not supported.', "$method $path");
}

is(get('conversations/' . ONE, headers => ['Content-Encoding: identity'])
       ->{status}, 200, 'it is still there');



=== a location without a slash at its end
--- config
    location /v1 {
        tracker_conversations;
        client_max_body_size 1m;
    }
--- scenario
write_job(ONE);
is(get('conversations/' . ONE)->{status}, 200, 'a conversation');
is(call('GET', '../v1x/conversations')->{status}, 404, 'another path');



=== errors of nginx are JSON here too
--- config
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
        deny all;
    }
--- request
GET /v1/conversations
--- error_code: 403
--- message: Forbidden.



=== Redis is down
--- fresh_redis: 1
--- settings: tracker_timeout 500ms;
--- log_level: crit
--- scenario
stop_redis();

is(get($_)->{status}, 502, $_)
    for 'conversations', 'conversations/' . ONE,
        map({ 'conversations/' . ONE . "/$_" } qw(messages members)),
        'job/' . job_id('tester', ONE, 1);
is(call('DELETE', 'conversations/' . ONE)->{status}, 502, 'DELETE');

start_redis();
