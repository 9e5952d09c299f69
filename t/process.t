use lib 't/lib';
use IO::Select;
use Tracker;
use Tracker::Conversation;
use Test::Nginx::Socket 'no_plan';

use utf8;

# What was said: POST and PUT process/text, conversations/detect, and the
# trackers that are found.  What the dictionaries of workers have to do with it:
# t/detect.t.

workers(2);

binmode $_, ':encoding(UTF-8)'
    for map { Test::More->builder->$_ } qw(output failure_output);

use constant {
    NONE => '5555555555555555', MIB => 1_048_576,
};

add_block_preprocessor(sub {
    my ($block) = @_;
    my $settings = $block->settings // '';

    $block->set_value(http_config => <<"CONFIG");
    tracker_redis $ENV{TEST_NGINX_REDIS};
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
    $settings

    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_H2_PORT} http2;

        location /v1/ {
            tracker_conversations;
            client_max_body_size 1m;
        }
    }
CONFIG
    $block->set_value(config => <<'CONFIG');
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /none/ {
        tracker_conversations;
        tracker_detect_default none;
        client_max_body_size 1m;
    }
CONFIG
});

run_tests();

my $json;

sub json {
    $json //= JSON::PP->new->utf8->canonical;
    return $json->encode($_[0]);
}

# A body: messages are texts, or hashes as they are sent.
sub talk {
    my ($messages, %more) = @_;

    $messages = [$messages] unless ref $messages;
    return json({ messages => [map { ref() ? $_
                                     : { payload => { content => $_ } } }
                               @$messages], %more });
}

sub call {
    my ($method, $path, $body, %o) = @_;

    return exchange(request($method, "/v1/$path", defined $body
                            ? (body => $body) : (type => undef), %o));
}

sub get {
    my ($path, %o) = @_;

    return call('GET', $path, undef, %o);
}

# The ids of the conversation and of the job that a body makes.
sub said_in {
    my ($method, $path, $body, %o) = @_;
    my $response = call($method, $path, $body, %o);
    my $title = "$method $path";

    is($response->{status}, 201, $title) or diag($response->{body});
    like($response->{body}, qr/\A\{"conversationId":"\d{16}","jobId":
                               "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}
                               -[0-9a-f]{12}"\}\z/x, "$title: answer");

    my $data = decode($response->{body}) // {};
    return @$data{qw(conversationId jobId)};
}

sub say {
    my ($body, %o) = @_;

    return (said_in('POST', 'process/text', $body, %o))[0];
}

sub add {
    my ($id, $body, %o) = @_;

    return (said_in('PUT', "process/text/$id", $body, %o))[0];
}

sub create {
    my ($name, $vocabulary, %o) = @_;
    my $response = exchange(post('tracker', json({ name => $name,
                            vocabulary => $vocabulary }), %o));

    return is_created($response, $name, "tracker $name");
}

# An array of trackers in short: "name: value@offset-end value@..., ...".
sub short {
    my ($trackers) = @_;

    return join ', ', map {
        my $t = $_;

        join ' ', "$t->{name}:", map {
            my $match = $_;

            map { "$match->{value}\@$_->{offset}-$_->{end}" }
                @{$match->{messageRefs}}
        } @{$t->{matches}};
    } @$trackers;
}

sub trackers_of {
    my ($id, %o) = @_;
    my $one = get("conversations/$id/trackers", %o);
    my $other = get("conversations/$id/trackers-detected", %o);

    is($one->{status}, 200, 'trackers');
    is($other->{body}, $one->{body}, 'trackers-detected are the same');

    return decode($one->{body});
}

# What is found, in short; by detect it is the same.
sub found {
    my ($body, %o) = @_;
    my $found = short(trackers_of(say($body, %o), %o));
    my $direct = call('POST', 'conversations/detect', $body, %o);

    is($direct->{status}, 200, 'detect') or diag($direct->{body});
    is(short(decode($direct->{body})->{trackers}), $found,
       'detect finds the same');

    return $found;
}

# What is found of phrases in a text, each a tracker of the body.
sub found_of {
    my ($phrases, $text) = @_;

    return found(talk($text, trackers => [
        map { { name => "t$_", vocabulary => [$phrases->[$_]] } }
        0 .. $#$phrases ]));
}

sub messages_of {
    my ($id) = @_;

    return @{decode(get("conversations/$id/messages")->{body})->{messages}};
}

# without the decoder, which takes a second for 100 KB
sub texts_of {
    my ($id) = @_;

    return get("conversations/$id/messages")->{body}
           =~ /\{"id":"\d{16}","text":"([^"\\]*)"/g;
}

sub refused {
    my ($response, $status, $message, $title) = @_;

    is($response->{status}, $status, "$title: status")
        or diag($response->{body});
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is_message($response->{body}, $message, $title);
}

# Runs in n processes at once; what each returns must be true.
sub at_once {
    my ($n, $code) = @_;
    my @pids;

    for my $i (1 .. $n) {
        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            my $ok = eval { $code->($i) };

            print STDERR $@ if $@;
            POSIX::_exit($ok ? 0 : 1);
        }

        push @pids, $pid;
    }

    return scalar grep { waitpid($_, 0) == $_ && $? == 0 } @pids;
}

# A table of README.md below a heading, rows of cells.
sub readme_table {
    my ($heading) = @_;

    open my $in, '<:encoding(UTF-8)', 'README.md' or die "README.md: $!";
    my $text = do { local $/; <$in> };
    my ($part) = $text =~ /^## \Q$heading\E\n(.*?)(?=^## )/ms
        or die "no $heading\n";

    return map { [split /\s*\|\s*/, $_ =~ s/^\|\s*//r] }
           grep { !/^\|(?:-+\|)+$/ } $part =~ /^(\|.*)$/mg;
}

__DATA__

=== POST: a conversation, a job, what is read of them
--- scenario
my $tracker = create('greetings', ['good morning', 'hello']);
my ($id, $job) = said_in('POST', 'process/text', json({
    name => 'standup', metadata => { a => [1] },
    messages => [
        { payload => { content => 'Good morning! Hello.' },
          from => { name => 'Ann', userId => 'ann@example.com' },
          duration => { startTime => '2026-01-31T12:00:00Z',
                        endTime => '2026-01-31T12:00:02.5Z' } },
        { payload => { content => 'hello' }, from => { name => 'Bob' },
          duration => { startTime => '2026-01-31T12:00:04.25Z',
                        endTime => '2026-01-31T12:00:05Z' } },
    ],
}));

is(get("job/$job")->{body}, qq({"id":"$job","status":"completed"}),
   'the job is completed');

my @messages = messages_of($id);
my ($first) = map { $_->{id} } @messages;
my @ids = map { $first + $_ } 0 .. 2;
my @of = ('"from":{"id":"ID","name":"Ann","email":"ann@example.com"},'
          . '"startTime":"2026-01-31T12:00:00Z",'
          . '"endTime":"2026-01-31T12:00:02.5Z","timeOffset":0,"duration":2.5,'
          . qq("conversationId":"$id","phrases":[]),
          '"from":{"id":"ID","name":"Bob"},'
          . '"startTime":"2026-01-31T12:00:04.25Z",'
          . '"endTime":"2026-01-31T12:00:05Z","timeOffset":4.25,'
          . qq("duration":0.75,"conversationId":"$id","phrases":[]));

like($first, qr/^\d{16}$/, 'ids of messages have 16 digits');
is(get("conversations/$id/messages")->{body} =~ s/("from":\{"id":")\d{16}/$1ID/gr,
   qq({"messages":[{"id":"$ids[0]","text":"Good morning!",$of[0]},)
   . qq({"id":"$ids[1]","text":"Hello.",$of[0]},)
   . qq({"id":"$ids[2]","text":"hello",$of[1]}]}), 'a message is a sentence');

is(get("conversations/$id/members")->{body} =~ s/"id":"\d{16}"/"id":"ID"/gr,
   '{"members":[{"id":"ID","name":"Ann","email":"ann@example.com"},'
   . '{"id":"ID","name":"Bob"}]}', 'members');
is(get("conversations/$id")->{body} =~ s/("members":).*/$1/r,
   qq({"id":"$id","type":"meeting","name":"standup","metadata":{"a":[1]},)
   . '"startTime":"2026-01-31T12:00:00Z","endTime":"2026-01-31T12:00:05Z",'
   . '"members":', 'the conversation');

my $answer = get("conversations/$id/trackers");

is($answer->{body},
   qq([{"id":"$tracker","name":"greetings","matches":[)
   . '{"type":"vocabulary","value":"good morning","messageRefs":['
   . qq({"id":"$ids[0]","text":"Good morning!","offset":0,"end":12}],)
   . '"insightRefs":[]},{"type":"vocabulary","value":"hello","messageRefs":['
   . qq({"id":"$ids[1]","text":"Hello.","offset":0,"end":5},)
   . qq({"id":"$ids[2]","text":"hello","offset":0,"end":5}],)
   . '"insightRefs":[]}]}]', 'trackers');
is($answer->{headers}{'content-type'}, 'application/json', 'type');
is(get("conversations/$id/trackers-detected")->{body}, $answer->{body},
   'trackers-detected');

my @keys = conversation_keys('tester', $id);

for my $key (@keys) {
    my $ttl = redis('TTL', $key);
    ok($ttl > 86_300 && $ttl <= 86_400, $key =~ s/.*://r . ": $ttl s");
}

is(call('HEAD', "conversations/$id/trackers", undef)->{body}, '', 'HEAD');



=== it takes no lock
--- scenario
hold_lock();
add(say(talk('a')), talk('b'));



=== another account has nothing of it
--- scenario
create('n', ['mask']);
my ($id, $job) = said_in('POST', 'process/text', talk('A mask.'));
my @other = (account => 'other');

is(short(trackers_of($id)), 'n: mask@2-6', 'the owner');
is(get("conversations/$id$_", @other)->{status}, 404, "GET $_")
    for '', '/messages', '/members', '/trackers', '/trackers-detected';
is(get("job/$job", @other)->{status}, 404, 'the job');
refused(call('PUT', "process/text/$id", talk('b'), @other), 404,
        "Conversation with id \"$id\" does not exist.", 'PUT');
is(call('DELETE', "conversations/$id", undef, @other)->{status}, 404,
   'DELETE');
is(scalar messages_of($id), 1, 'nothing was added');
is(short(trackers_of(say(talk('A mask.'), @other), @other)), '',
   'nor has it the trackers');



=== PUT adds to a conversation
--- scenario
my $one = create('one', ['mask', 'cap']);
my ($id, $first) = said_in('POST', 'process/text',
    json({ name => 'n', metadata => { a => 1 }, messages => [
        { payload => { content => 'A mask.' }, from => { name => 'Ann' },
          duration => { startTime => '2026-01-01T00:00:00Z',
                        endTime => '2026-01-01T00:00:01Z' } }] }));

my $two = create('two', ['mask']);
my ($same, $second) = said_in('PUT', "process/text/$id",
    json({ name => 'other', metadata => { b => 1 }, messages => [
        { payload => { content => 'A cap. The mask.' },
          from => { name => 'Bob' },
          duration => { startTime => '2026-01-01T00:00:05Z',
                        endTime => '2026-01-01T00:00:06Z' } },
        { payload => { content => 'Mask?' }, from => { name => 'Ann' },
          duration => { startTime => '2026-01-01T00:00:07Z',
                        endTime => '2026-01-01T00:00:08Z' } }],
          trackers => [{ name => 'given', vocabulary => ['the mask'] }],
          enableAllTrackers => JSON::PP::true() }));

is($same, $id, 'the same conversation');
isnt($second, $first, 'another job');
is(get("job/$_")->{status}, 200, 'both are there') for $first, $second;

is(join(' ', map { "$_->{text}\@$_->{timeOffset}" } messages_of($id)),
   'A mask.@0 A cap.@5 The mask.@5 Mask?@7', 'messages of both');
is(join(' ', map { $_->{name} } @{decode(get("conversations/$id/members")
   ->{body})->{members}}), 'Ann Bob', 'members of both');

my $conversation = decode(get("conversations/$id")->{body});
is($conversation->{name}, 'n', 'the name stays');
is_deeply($conversation->{metadata}, { a => 1 }, 'and so do the metadata');
is("$conversation->{startTime} $conversation->{endTime}",
   '2026-01-01T00:00:00Z 2026-01-01T00:00:08Z', 'from the first to the last');

my $trackers = trackers_of($id);
is(short($trackers), 'one: mask@2-6 mask@4-8 mask@0-4 cap@2-5, '
   . 'two: mask@4-8 mask@0-4, given: the mask@0-8', 'trackers are merged');

my %text = map { $_->{id} => $_->{text} } messages_of($id);
is(scalar keys %text, 4, 'each message has an id of its own');
is(scalar(grep { $text{$_->{id}} ne $_->{text} }
          map { @{$_->{messageRefs}} } map { @{$_->{matches}} } @$trackers), 0,
   'which is that of its references');

# what is given has the same id in each job

my $given = (grep { $_->{name} eq 'given' } @$trackers)[0]{id};
like($given, qr/^\d{16}$/, 'what is given has an id');
add($id, talk('the mask', trackers => [{ name => 'given',
                                         vocabulary => ['the mask'] }]));
is_deeply([map { $_->{id} } grep { $_->{name} eq 'given' } @{trackers_of($id)}],
          [$given], 'which is always the same');

# a tracker that was renamed is one

exchange(request('PUT', "/v1/manage/tracker/$one", body =>
                 tracker_text('uno', 'mask', 'cap')));
add($id, talk('mask'));
is_deeply([map { "$_->{id} $_->{name}" } grep { $_->{id} == $one }
           @{trackers_of($id)}], ["$one uno"], 'it has its last name');



=== PUT of what is not there
--- scenario
my $id = say(talk('a'));
call('DELETE', "conversations/$id", undef);

for my $none (NONE, $id, 'x', '1', NONE . '0') {
    refused(call('PUT', "process/text/$none", talk('a')), 404,
            "Conversation with id \"$none\" does not exist.", "PUT $none");
}

is(redis('EXISTS', conversation_keys('tester', NONE)), 0, 'nothing is stored');



=== what is wrong with a body, and where
--- settings: tracker_max_phrases 3;
--- scenario
my $good = '"messages":[{"payload":{"content":"a"}}]';
my $m = 'messages[1]';
my $two = '{"messages":[{"payload":{"content":"a"}},';

my @cases = (
    ['{', qr/^Invalid JSON at line 1 column \d+\.$/],
    ['{"messages":[{"payload":{"content":"a"}}],}', qr/^Invalid JSON at line 1 column 43\.$/],
    map({ ["{\"messages\":[{\"payload\":{\"content\":\"$_\"}}]}",
           qr/^Invalid JSON at line 1 column \d+\.$/] }
        "\xff", '\u0000', '\ud800', "\n"),
    ['[]', qr/^Request body must be an object/],
    ['"a"', qr/^Invalid JSON/],
    ['{}', '"messages" is required'],
    ['{"messages":null}', '"messages" is required'],
    ['{"messages":[]}', '"messages" is not allowed to be empty'],
    ['{"messages":{}}', '"messages" must be an array'],
    ['{"messages":"a"}', '"messages" must be an array'],
    ["$two 1]}", "\"$m\" must be an object"],
    ["${two}null]}", "\"$m\" must be an object"],
    ["$two\{}]}", "\"$m.payload.content\" is required"],
    ["$two\{\"payload\":null}]}", "\"$m.payload.content\" is required"],
    ["$two\{\"payload\":{\"content\":\"a\"},\"from\":{\"name\":\"" . 'n' x 1001
         . "\"}}]}",
     "\"$m.from.name\" must contain at most 1000 bytes, found 1001"],
    ["$two\{\"payload\":1}]}", "\"$m.payload\" must be an object"],
    ["$two\{\"payload\":{}}]}", "\"$m.payload.content\" is required"],
    ["$two\{\"payload\":{\"content\":null}}]}",
     "\"$m.payload.content\" is required"],
    ["$two\{\"payload\":{\"content\":[]}}]}",
     "\"$m.payload.content\" must be a string"],
    map({ my ($object, $key) = split /\./;
          ["$two\{\"payload\":{\"content\":\"b\"},\"$object\":7}]}",
           "\"$m.$object\" must be an object"],
          ["$two\{\"payload\":{\"content\":\"b\"},"
           . "\"$object\":{\"$key\":7}}]}", "\"$m.$_\" must be a string"] }
        qw(from.name from.userId duration.startTime duration.endTime)),
    ["{$good,\"name\":[]}", '"name" must be a string'],
    ["{$good,\"enableAllTrackers\":1}",
     '"enableAllTrackers" must be a boolean'],
    ["{$good,\"enableAllTrackers\":\"yes\"}",
     '"enableAllTrackers" must be a boolean'],
    ["{$good,\"trackers\":\"a\"}", '"trackers" must be an array'],
    ["{$good,\"trackers\":[{}]}", '"trackers[0].name" is required'],
    ["{$good,\"trackers\":[1]}", '"trackers[0]" must be an object'],
    ["{$good,\"trackers\":[{\"name\":\"n\"}]}",
     '"trackers[0].vocabulary" is required'],
    ["{$good,\"trackers\":[{\"name\":\"n\",\"vocabulary\":[\"a\",2]}]}",
     '"trackers[0].vocabulary[1]" must be a string'],
    ["{$good,\"trackers\":[{\"name\":\"n\",\"vocabulary\":[\"a\",\"a\"]}]}",
     '"trackers[0].vocabulary[1]" contains a duplicate value'],
    ["{$good,\"trackers\":[{\"name\":\"n\",\"vocabulary\":"
     . '["a","b","c","d"]}]}', qr/^"trackers\[0\]\.vocabulary" must contain/],
    ["{$good,\"trackers\":[{\"id\":\"" . NONE . '"},{"id":"x"}]}',
     '"trackers[1].id" must be a string of 16 digits'],
    ["{$good,\"trackers\":[{\"id\":5}]}", '"trackers[0].id" must be a string'],
);

my $id = say(talk('a'));
my $keys = redis('DBSIZE');

for my $case (@cases) {
    my ($body, $message) = @$case;

    for (['POST', 'process/text'], ['PUT', "process/text/$id"],
         ['POST', 'conversations/detect'])
    {
        refused(call(@$_, $body), 400, $message,
                "$_->[0] " . substr $body =~ s/[^ -~]/?/gr, -50);
    }
}

is(redis('DBSIZE'), $keys, 'nothing is stored');
is(scalar messages_of($id), 1, 'nothing is added');

for (['POST', 'process/text'], ['PUT', "process/text/$id"],
     ['POST', 'conversations/detect'])
{
    is(call(@$_, talk('a'), type => 'text/plain')->{status}, 400,
       "$_->[1]: type");
    is(call(@$_, talk('a'), token => 'bad')->{status}, 401, 'token');
    like(call($_->[0], "$_->[1]?webhookUrl=http://x.example/", talk('a'))
             ->{status}, qr/^20[01]$/, 'arguments of the hosted service');
    is(call(@$_, '', length => 0)->{status}, 400, 'no body');
    is(call('GET', $_->[1])->{status}, 405, 'GET')
        unless $_->[1] =~ /conversations/;
}



=== what clients send
--- scenario
create('greetings', ['hello']);
my $id = create('mask', ['mask']);

# nulls, empty strings, booleans as strings, unknown keys

for my $more ('', '"name":"",', '"name":null,', '"trackers":[],',
              '"trackers":null,', '"enableAllTrackers":"true",',
              '"enableAllTrackers":"True","detectPhrases":"true",',
              '"enableAllTrackers":null,', '"metadata":null,',
              '"metadata":{},"features":{},"startTime":"x",',
              '"features":{"callScore":{"a":[{"b":[1e5,null,true]}]}},',
              '"confidenceThreshold":0.5,"entities":[{"a":1}],'
              . '"webhookUrl":"http://x.example/","languageCode":"en-US",',
              '"conversationId":"1","\u0061":1,"":2,')
{
    is(found("{$more\"messages\":[{\"payload\":{\"content\":\"Hello, mask.\","
             . '"contentType":null},"from":null,"duration":null,"x":[{}]}]}'),
       'greetings: hello@0-5, mask: mask@7-11', "with $more");
}

for my $more ('"enableAllTrackers":false', '"enableAllTrackers":"false"',
              '"enableAllTrackers":"FALSE","trackers":[]')
{
    is(found("{\"messages\":[{\"payload\":{\"content\":\"hello\"}}],$more}"),
       '', "none with $more");
}

# the C# SDK

my $messages = '"messages":[{"payload":{"content":"Hello, a mask.",'
               . '"contentType":null},"from":{"name":"Ann","userId":null},'
               . '"duration":null}]';
my $talk = '{"name":"","detectPhrases":false,"enableAllTrackers":ALL,'
           . "\"detectEntities\":false,$messages,\"trackers\":[]}";

is(found($talk =~ s/ALL/true/r), 'greetings: hello@0-5, mask: mask@9-13',
   'C#, all');
is(found($talk =~ s/ALL/false/r), '', 'C#, none');

my $conversation = say($talk =~ s/ALL/false/r);
is(decode(get("conversations/$conversation")->{body})->{name}, $conversation,
   'without a name it has its id');
add($conversation, $talk =~ s/"enableAllTrackers":ALL,//r);
is(short(trackers_of($conversation)), 'greetings: hello@0-5, mask: mask@9-13',
   'C#, PUT');

# the Go SDK

is(found('{"name":"","confidenceThreshold":0,"detectPhrases":false,'
         . '"enableSummary":false,"features":{},"metadata":{},'
         . '"messages":[{"payload":{"content":"Hello.","contentType":""},'
         . '"from":{"name":"Ann","userId":"ann@x.example"},'
         . '"duration":{"startTime":"","endTime":""}}]}'),
   'greetings: hello@0-5', 'Go');

# with the key of the hosted service's first clients

my $response = call('POST', 'process/text', talk('hello'), token => undef,
                    headers => ['x-api-key: ' . token('tester')]);
is($response->{status}, 201, 'x-api-key');

# an id beside a name wins; an empty one is none

is(found(talk('hello mask', trackers => [{ id => $id, name => 'x',
                                           vocabulary => ['hello'] }])),
   'mask: mask@6-10', 'id and name');
is(found(talk('hello mask', trackers => [{ id => '', name => 'x',
                                           vocabulary => ['hello'] }])),
   'x: hello@0-5', 'an empty id');



=== which trackers are looked for
--- scenario
my %id = map { $_ => create($_, [$_]) } qw(one two);
my $text = 'one two three';
my %found = (one => 'one: one@0-3', two => 'two: two@4-7',
             given => 'given: three@8-13');
my $given = { name => 'given', vocabulary => ['three'] };

# enableAllTrackers, trackers, and what is found; "default": all or nothing
my @cases = (
    [undef, undef, 'default'], [undef, [], 'default'],
    [undef, ['two'], 'two'], [undef, ['given'], 'given'],
    [undef, ['given', 'one'], 'one given'],
    [0, undef, ''], [0, [], ''], [0, ['two'], 'two'], [0, ['given'], 'given'],
    [0, ['given', 'two'], 'two given'],
    [1, undef, 'one two'], [1, [], 'one two'], [1, ['two'], 'one two'],
    [1, ['two', 'two', 'one'], 'one two'],
    [1, ['given'], 'one two given'], [1, ['given', 'one'], 'one two given'],
);

for my $path ('', '../none/') {
    my $default = $path ? '' : 'one two';

    for my $case (@cases) {
        my ($all, $trackers, $want) = @$case;
        my %more;

        $more{enableAllTrackers} = $all ? JSON::PP::true() : JSON::PP::false()
            if defined $all;
        $more{trackers} = [map { $_ eq 'given' ? $given : { id => $id{$_} } }
                           @$trackers] if $trackers;
        $want = $default if $want eq 'default';

        my $response = call('POST', "${path}conversations/detect",
                            talk($text, %more));
        my $title = "$path " . json(\%more) =~ s/\d{16}/ID/gr;

        is(short(decode($response->{body})->{trackers}),
           join(', ', map { $found{$_} } split ' ', $want), "detect $title");

        my ($id) = said_in('POST', "${path}process/text", talk($text, %more));
        is(short(trackers_of($id)),
           join(', ', map { $found{$_} } split ' ', $want), $title);
    }
}



=== an id that no tracker has
--- scenario
my $id = create('one', ['one']);
my $other = create('two', ['two'], account => 'other');

for my $none (NONE, $other) {
    my $body = talk('one two', trackers => [
        { name => 'n', vocabulary => ['two'] }, { id => $id },
        { id => $none }]);

    refused(call('POST', $_, $body), 400,
            '"trackers[2].id" is not the id of a tracker', $_)
        for 'process/text', 'conversations/detect';
}

is(redis('EXISTS', account_key('tester', 'convs')), 0, 'nothing is stored');

my $late = create('late', ['two']);
is(found(talk('one two', trackers => [{ id => $late }])), 'late: two@4-7',
   'one that was created just before');
exchange(request('DELETE', "/v1/manage/tracker/$late"));
refused(call('POST', 'process/text', talk('two', trackers =>
             [{ id => $late }])), 400,
        '"trackers[0].id" is not the id of a tracker', 'deleted just before');



=== sentences are messages, offsets are units of UTF-16
--- scenario
my @cases = (
    ['One. Two! Three? Four…' => 'One.|Two!|Three?|Four…'],
    ["a\nb\r\n\n c" => 'a|b|c'],
    ['Ask Mr. Smith. Or "Dr. No."' => 'Ask Mr. Smith.|Or "Dr. No."'],
    ['It is 3.5 or 10,000.' => 'It is 3.5 or 10,000.'],
    ['你好。再见！' => '你好。|再见！'],
    ['' => ''], ['   ' => ''], ['a' => 'a'],
    ['"Yes." "No."' => '"Yes."|"No."'],
);

for (@cases) {
    my ($text, $want) = @$_;
    my @messages = messages_of(say(talk($text)));

    is(join('|', map { $_->{text} } @messages), $want, $want || 'none');
}

my $id = say(talk(['One. Two.', 'C.', '', 'Four. Five.']));
my @messages = messages_of($id);
is(join(' ', map { $_->{text} } @messages), 'One. Two. C. Four. Five.',
   'all of them');
is(join(' ', map { $_->{id} - $messages[0]{id} } @messages), '0 1 2 3 4',
   'ids in their order');

is(found_of(['mask'], '😀 mask 😀'), 't0: mask@3-7', 'an emoji is two units');
is(found_of(['cafe'], 'İİ cafe'), 't0: cafe@3-7', 'İ is one');
is(found_of(['café'], "😀 İ CAFE\x{301}!"), "t0: café\@5-10", 'composed');
is(found_of(['😀', 'x'], '😀 x'), 't1: x@3-4', 'an emoji is no word');
is(found_of(['爱'], '我爱你'), 't0: 爱@1-2', 'Han');
is(found_of(['b'], "a\x{1} b \"\\"), 't0: b@3-4', 'control characters');
is(found_of(["b\"\\\n"], 'a b'), "t0: b\"\\\n\@2-3",
   'a phrase comes back as it is');

@messages = messages_of(say(talk("a\x{1f} \"\\/ \x{7f}\x{80}😀")));
ok($messages[0]{text} eq "a\x{1f} \"\\/ \x{7f}\x{80}😀", 'so does a text');



=== once a sentence, in the order of the vocabulary and of the text
--- scenario
my $id = create('b', ['two', 'one', 'ONE', 'one two']);
create('a', ['one', 'none']);

is(found(talk(['One two one. Two.', 'x one'])),
   'b: two@4-7 two@0-3 one@0-3 one@2-5 ONE@0-3 ONE@2-5 one two@0-7, '
   . 'a: one@0-3 one@2-5', 'found');
is(found(talk('nothing')), '', 'nothing');
is(get('conversations/' . say(talk('nothing')) . '/trackers')->{body}, '[]',
   'an empty array');

# of a tracker that is given as one is stored

is(found(talk('one', trackers => [{ name => 'a', vocabulary => ['one'] }],
              enableAllTrackers => JSON::PP::true())),
   'b: one@0-3 ONE@0-3, a: one@0-3, a: one@0-3', 'both of one name');

# two given ones of one name are one tracker

is(found(talk('one two', trackers => [
       { name => 'a', vocabulary => ['one'] },
       { name => 'a', vocabulary => ['one', 'two'] }])) =~ s/ one\@0-3(?= one)//r,
   'a: one@0-3 two@4-7', 'two of one name');



=== the documents' samples
--- scenario
open my $in, '<', 't/unit/detect_match_test.c' or die "$!";
my $text = do { local $/; <$in> };
my ($table) = $text =~ /samples\[\] = \{\n(.*?)\{ 0, NULL/s;
my $string = qr/"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*/;
my @samples;

while ($table =~ /\{ (-?\d+), ($string),\s*($string) \}/g) {
    push @samples, [$1, map { s/"\s*"//gr =~ s/^"|"$//gr } $2, $3];
}

is(scalar @samples, () = $table =~ /\{ -?\d/g, 'all were read');
is(scalar @samples, 35, 'all that the documents have');

for (@samples) {
    my ($offset, $value, $text) = @$_;
    my $id = say(talk($text, trackers => [{ name => 'n',
                                            vocabulary => [$value] }]));
    my @refs = map { @{$_->{messageRefs}} } map { @{$_->{matches}} }
               @{trackers_of($id)};

    is(join(' ', map { $_->{offset} } @refs), $offset < 0 ? '' : $offset,
       "$value: $offset");
    is($refs[0]{text}, $text, 'one sentence') if @refs;
}



=== README's table, row by row
--- scenario
my @rows = grep { $_->[0] ne 'phrase' } readme_table('Detection');

cmp_ok(scalar @rows, '>=', 9, @rows . ' rows');

for my $row (@rows) {
    my ($phrases, $texts) = map { [/`` ?(.*?) ?``|`(.*?)`/g] } @$row[0, 1];

    $_ = [grep { defined } @$_] for $phrases, $texts;
    is(scalar @$texts, scalar @$phrases, "a text for each of @$phrases");

    for my $i (0 .. $#$phrases) {
        my $found = found_of([$phrases->[$i]], $texts->[$i]);
        my $title = "\"$phrases->[$i]\" in \"$texts->[$i]\"";

        if ($row->[2] =~ /^not found/) {
            is($found, '', "$title: not found");
        } else {
            like($found, qr/^t0: \Q$phrases->[$i]\E\@\d+-\d+$/, $title);
        }
    }
}

is(found_of(['ABC Corp'], "ABC Corp's"), 't0: ABC Corp@0-8', "not the 's");
is(found_of(['price'], 'How much is it?'), '', 'what is meant');
is(found_of(['???', 'x' x 257, 'a'], '??? a ' . 'x' x 257), 't2: a@0-1',
   'what is never found');



=== times with and without a duration
--- scenario
my $before = time();
my @messages = messages_of(say(json({ messages => [
    { payload => { content => 'a' } },
    { payload => { content => 'b' },
      duration => { startTime => '2020-01-01T00:00:00.000Z' } },
    { payload => { content => 'c' }, duration => { endTime => 'tomorrow' } },
    { payload => { content => 'd' },
      duration => { startTime => '2020-01-01T00:00:09Z',
                    endTime => '2020-01-01T00:00:08Z' } },
    { payload => { content => 'e' }, duration => {} },
] })));

for (@messages) {
    ok(length $_->{startTime} && length $_->{endTime},
       "$_->{text} has both times");
    cmp_ok($_->{duration}, '>=', 0, "$_->{text}: $_->{duration} s");
    cmp_ok($_->{timeOffset}, '>=', 0, "$_->{text}: after $_->{timeOffset} s");
}

# the ends of the calendar, and a message that is earlier than the first

my ($one, $two) = messages_of(say(json({ messages => [
    { payload => { content => 'a' },
      duration => { startTime => '2020-01-01T00:00:00Z',
                    endTime => '9999-12-31T23:59:59Z' } },
    { payload => { content => 'b' },
      duration => { startTime => '0001-01-01T00:00:00Z',
                    endTime => '0001-01-01T00:00:01Z' } },
] })));
is("$one->{timeOffset} $one->{duration}", '0 251824463999', 'until 9999');
is("$two->{timeOffset} $two->{duration}", '0 1', 'in the year 1');

like($messages[0]{startTime}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
     'now');
is($messages[0]{endTime}, $messages[0]{startTime}, 'until now');
is($messages[1]{endTime}, '2020-01-01T00:00:00.000Z', 'an end is its start');
is($messages[2]{endTime}, 'tomorrow', 'an end as it was sent');

my $id = say(talk('a'));
my $conversation = decode(get("conversations/$id")->{body});
is($conversation->{startTime}, (messages_of($id))[0]{startTime},
   'of the conversation');



=== PUTs at once all land
--- scenario
create('n', ['mask']);
my $id = say(talk('A mask 0 0.'));

is(at_once(8, sub {
    my ($i) = @_;

    for my $n (1 .. 6) {
        my $response = call('PUT', "process/text/$id", talk("A mask $i $n."));
        return 0 if $response->{status} != 201;
    }

    return 1;
}), 8, 'all got 201');

my @texts = map { $_->{text} } messages_of($id);
is(join('|', sort @texts), join('|', sort 'A mask 0 0.',
   map { my $i = $_; map { "A mask $i $_." } 1 .. 6 } 1 .. 8),
   'each is there once');

my @refs = map { @{$_->{messageRefs}} } map { @{$_->{matches}} }
           @{trackers_of($id)};
is(join('|', map { $_->{text} } @refs), join('|', @texts), 'and was searched');

# many conversations at once

is(at_once(4, sub {
    for (1 .. 10) {
        return 0 if call('POST', 'process/text', talk('a'))->{status} != 201;
    }

    return 1;
}), 4, 'POSTs at once');
is(scalar @{decode(get('conversations?limit=100')->{body})->{conversations}},
   41, 'are as many conversations');



=== PUT while DELETE
--- scenario
for (1 .. 20) {
    my $id = say(talk('a'));
    my @answers = parallel(
        request('DELETE', "/v1/conversations/$id", type => undef),
        map { request('PUT', "/v1/process/text/$id", body => talk('b')) } 1, 2);

    is($answers[0]{status}, 200, 'deleted');
    like($_->{status}, qr/^(?:201|404)$/, "PUT $_->{status}")
        for @answers[1, 2];
    is(get("conversations/$id")->{status}, 404, 'it is gone');
    is(redis('EXISTS', (conversation_keys('tester', $id))[1 .. 3]), 0,
       'nothing is left');
}



=== limits
--- settings
    tracker_detect_max_hits 5;
    tracker_detect_max_phrases 6;
    tracker_conversation_max_size 2k;
--- scenario
create('n', ['a', 'b']);

my $five = talk('a b. a b. a.');
my $six = talk('a b. a b. a b.');

is(found($five), 'n: a@0-1 a@0-1 a@0-1 b@2-3 b@2-3', 'five hits');
my $id = say($five);

refused(call(@$_, $six), 400,
        'The messages have more than 5 hits, the limit of a request.',
        "six: $_->[1]")
    for ['POST', 'process/text'], ['PUT', "process/text/$id"],
        ['POST', 'conversations/detect'];
is(scalar messages_of($id), 3, 'nothing is added');

create('m', ['1', '2', '3', '4']);
is(found(talk('a')), 'n: a@0-1', 'six phrases');
create('o', ['a']);

refused(call('POST', $_, talk('a')), 400,
        'Trackers of at most 6 phrases can be detected, the account has 7.',
        $_)
    for 'process/text', 'conversations/detect';

my @given = (enableAllTrackers => JSON::PP::false(), trackers => [
    { name => 'g', vocabulary => ['a'] }]);
is(found(talk('a', @given)), 'g: a@0-1', 'what is given is no part of it');

# the size of a conversation

refused(call('POST', 'process/text', talk('x' x 3000, @given)), 400,
        qr/^A conversation may have at most 2048 bytes, this one would have \d{4}\.$/,
        'a large one');
$id = say(talk('x' x 1000, @given));
refused(call('PUT', "process/text/$id", talk('y' x 1000, @given)), 400,
        qr/^A conversation may have at most 2048 bytes, this one would have \d{4}\.$/,
        'too much is added');
is(join(' ', map { length $_->{text} } messages_of($id)), 1000,
   'nothing is added');
is(call('POST', 'conversations/detect', talk('x' x 3000, @given))->{status},
   200, 'detect stores nothing');



=== bodies of a megabyte
--- scenario
create('n', ['mask', 'b']);

# one sentence, cut at blanks

my $text = 'word ' x (MIB / 5 - 20) . 'mask';
my $body = talk($text);
cmp_ok(length $body, '<=', MIB, length($body) . ' bytes');

my $id = say($body);

my @texts = texts_of($id);
is(join(' ', @texts), $text, 'nothing is lost');
cmp_ok((sort { $b <=> $a } map { length } @texts)[0], '<=', 2000,
       @texts . ' sentences, the longest has 2,000 characters');

my ($ref) = map { @{$_->{messageRefs}} } map { @{$_->{matches}} }
            @{trackers_of($id)};
is($ref->{text}, $texts[-1], 'found in the last one');
is(substr($ref->{text}, $ref->{offset}, $ref->{end} - $ref->{offset}), 'mask',
   'where it stands');

# no blank at all, and many messages

is(join('', texts_of(say(talk('x' x (MIB - 100))))), 'x' x (MIB - 100),
   'one word');

my $many = '{"messages":[' . join(',', ('{"payload":{"content":"b"}}') x 9_000)
           . ']}';
my ($messages, $trackers) = split /,"trackers":/,
    call('POST', 'conversations/detect', $many)->{body};
is(scalar(() = $messages =~ /"text":"b"/g), 9_000, 'messages');
is(scalar(() = $trackers =~ /"text":"b","offset":0,"end":1/g), 9_000, 'hits');

my $over = talk('x' x MIB);
refused(call(@$_, $over), 413,
        'Request body exceeds the limit of 1048576 bytes.', $_->[1])
    for ['POST', 'process/text'], ['PUT', "process/text/$id"],
        ['POST', 'conversations/detect'];
refused(exchange(request('POST', '/v1/process/text', chunks => [
            map { substr $over, $_ * 65_536, 65_536 } 0 .. 16])), 413,
        'Request body exceeds the limit of 1048576 bytes.', 'by chunks');



=== bodies that are deep, wide or long
--- scenario
create('n', ['mask']);
my $messages = '"messages":[{"payload":{"content":"A mask."}}]';

for my $depth (5, 500, 100_000) {
    for my $key ('x', 'metadata') {
        for my $deep ('[' x $depth . ']' x $depth,
                      '{"a":' x $depth . '1' . '}' x $depth)
        {
            my $response = call('POST', 'process/text',
                                "{\"$key\":$deep,$messages}");
            like($response->{status}, $depth > 5000 ? qr/^400$/ : qr/^201$/,
                 "$key, $depth deep") or diag(substr $response->{body}, 0, 99);
        }
    }
}

refused(call('POST', 'process/text', "{$messages,$messages}"), 400,
        qr/^Duplicate key at line 1 column \d+\.$/, 'a key twice');

# as many members as there are messages

my $id = say('{"messages":[' . join(',', map {
    "{\"payload\":{\"content\":\"m\"},\"from\":{\"name\":\"n$_\"}}"
} 1 .. 5000) . ']}');
my @names = get("conversations/$id/members")->{body} =~ /"name":"(n\d+)"/g;
is("@names", join(' ', map { "n$_" } 1 .. 5000), 'each is a member');
add($id, talk([{ payload => { content => 'a' }, from => { name => 'n7' } }]));
is(scalar(() = get("conversations/$id")->{body} =~ /"name":"n\d+"/g), 5000,
   'one that is known is not added');

# as many trackers as fit

my $given = join ',', map { "{\"name\":\"t$_\",\"vocabulary\":[\"w$_\"]}" }
                      1 .. 20_000;
my $response = call('POST', 'conversations/detect',
    "{\"messages\":[{\"payload\":{\"content\":\"w7 w20000 w0\"}}],"
    . "\"trackers\":[$given]}");
is(short(decode($response->{body})->{trackers}),
   't7: w7@0-2, t20000: w20000@3-9', 'each is looked for');



=== an answer that many hits make long, and its reader
--- scenario
create('n', [map { 'word ' x $_ . 'word' } 0 .. 199]);

# 200 hits in each sentence of 2,000 characters
my $body = talk('word ' x 40_000);
my $id = say($body);

for my $path ("conversations/$id/trackers", 'conversations/detect') {
    my $text = request($path =~ /detect/ ? ('POST', "/v1/$path", body => $body)
                                         : ('GET', "/v1/$path", type => undef));
    my $sock = connect_nginx();

    # it leaves at any moment
    for (1 .. 5) {
        send_bytes($sock, $text);
        sysread $sock, my $bytes, 1 + int rand 100_000;
        close $sock;
        $sock = connect_nginx();
    }

    # one that takes its time; chunks are not put together here
    send_bytes($sock, $text =~ s/\r\n/\r\nConnection: close\r\n/r);
    select undef, undef, undef, 0.2;

    my $bytes = read_rest($sock);
    my $n = () = $bytes =~ /"offset":0/g;

    cmp_ok(length $bytes, '>', 30_000_000, "$path: " . length $bytes);
    cmp_ok($n, '>', 15_000, "$n hits");
    like(substr($bytes, -20), qr/\]\}?\r\n0\r\n\r\n\z/, 'it has its end');
}



=== clients that go away while their job is written
--- scenario
create('n', ['mask']);
my $text = 'A mask. ' . 'word ' x 150_000;

say(talk('the dictionary is loaded'));

# more than fits into the socket: it is sent when the request is gone

for (1 .. 5) {
    my @socks = map { connect_nginx() } 1 .. 2;

    pause_redis();
    send_bytes($_, request('POST', '/v1/process/text', body => talk($text)))
        for @socks;
    select undef, undef, undef, 0.1;
    close $_ for @socks;
    select undef, undef, undef, 0.05;
    resume_redis();

    # what waited before it is through
    say(talk('next'));
}

wait_until(sub {
    my @ids = map { $_->{id} } @{decode(get('conversations?limit=100')->{body})
                                 ->{conversations}};
    my $whole = 0;

    for my $id (@ids) {
        my @keys = conversation_keys('tester', $id);

        $whole += redis('LLEN', $keys[1]) && redis('LLEN', $keys[2]);
    }

    $whole == @ids;
}, 'each is whole or not there');

for my $conversation (@{decode(get('conversations?limit=100')->{body})
                        ->{conversations}})
{
    my $body = get("conversations/$conversation->{id}/messages")->{body};
    my $said = join ' ', $body =~ /\{"id":"\d{16}","text":"([^"\\]*)"/g;

    ok($said =~ /^(?:next|the dictionary is loaded)$/ || "$said " eq $text,
       "$conversation->{id} is whole") or diag(length $said);
}



=== what is lost between two transactions is written anew
--- log_level: crit
--- scenario
create('n', ['mask']);

my $text = join ' ', 'A mask.', ('x.') x 150_000;
my $request = request('POST', '/v1/process/text', body => talk($text));
my $lost = 0;

say(talk('the dictionary is loaded'));

# some of the time it is all written before we look

for (1 .. 100) {
    my $sock = connect_nginx();
    my $answered = IO::Select->new($sock);

    send_bytes($sock, $request);

    until ($lost || $answered->can_read(0)) {
        $lost = redis('EVAL', <<'LUA', 0);
            local keys = redis.call('keys', '*:new')
            return #keys > 0 and redis.call('del', keys[1]) or 0
LUA
    }

    my $response = read_response($sock);
    my $id = decode($response->{body})->{conversationId};

    is($response->{status}, 201, 'it is written');
    is(join(' ', texts_of($id)), $text, 'all of it');
    last if $lost;
}

is($lost, 1, 'some was lost');
is(scalar @{redis('KEYS', '*:new')}, 0, 'nothing is left');



=== a large text is written by transactions, which leave nothing behind
--- log_level: crit
--- scenario
my $id = create('n', ['mask']);
my $text = join ' ', 'A mask.', ('x.') x 20_000;

sub is_whole {
    my ($title) = @_;
    my $id = say(talk($text));

    is(join(' ', texts_of($id)), $text, "$title: whole");
    is(short(trackers_of($id)), 'n: mask@2-6', "$title: what was found");

    is(call('PUT', "process/text/$id", talk($text))->{status}, 201,
       "$title: more of it");
    is(join(' ', texts_of($id)), "$text $text",
       "$title: whole behind the other");

    my @keys = grep { /:conv:/ } @{redis('KEYS', '*')};
    is(join(' ', sort map { /:conv:\d{16}(:?\w*)$/ } @keys), ' :hits :msgs',
       "$title: its keys, and no other");
    is(scalar grep({ redis('TTL', $_) <= 0 } @keys), 0, "$title: they expire");
    redis('DEL', @keys, account_key('tester', 'convs'));
}

commands_seen('exec');
is_whole('as it should be');
is(commands_seen('exec'), 3, 'three transactions, of the POST');

# a user who may not do all of it: a script alone does

for (qw(rename multi exec)) {
    redis('ACL', 'SETUSER', 'default', "-$_");
    is_whole("without \U$_");
    redis('ACL', 'SETUSER', 'default', '+@all');
}

commands_seen('exec');
say(talk('A mask.'));
is(commands_seen('exec'), 0, 'a small one is none');
redis('DEL', grep { /:conv/ } @{redis('KEYS', '*')});

# another worker, or host, has changed the trackers since

redis('INCRBY', account_key('tester', 'rev'), 7);
is_whole('found again');

$id = say(talk('before'));
redis('INCRBY', account_key('tester', 'rev'), 7);
is(call('PUT', "process/text/$id", talk($text))->{status}, 201,
   'more, found again');
is(join(' ', texts_of($id)), "before $text", 'once');

# what it cannot write to

redis('FLUSHALL');
create('n', ['mask']);
redis('SET', account_key('tester', 'convs'), 'x');
my @before = sort @{redis('KEYS', '*')};

refused(call('POST', 'process/text', talk($text)), 500,
        'Internal server error.', 'a key of another type');
is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is left');
redis('DEL', account_key('tester', 'convs'));

$id = say(talk('before'));
@before = sort @{redis('KEYS', '*')};

for my $kind (':hits', ':who', '') {
    my $key = account_key('tester', $kind ? "conv:$id$kind" : 'convs');

    redis('RENAME', $key, "kept $id") if redis('EXISTS', $key);
    redis('SET', $key, 'x');
    refused(call('PUT', "process/text/$id", talk($text)), 500,
            'Internal server error.', "a PUT, $key of another type");
    redis('DEL', $key);
    redis('RENAME', "kept $id", $key) if redis('EXISTS', "kept $id");
    is(join(' ', texts_of($id)), 'before', 'nothing is added');
    is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is left');
}

my $conv = account_key('tester', "conv:$id");

redis('HSET', $conv, 'bytes', 'many');
refused(call('PUT', "process/text/$id", talk($text)), 500,
        'Internal server error.', 'a PUT to one that has no count');
is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is left');
is(call('DELETE', "conversations/$id", undef)->{status}, 200, 'deleted');
redis('DEL', $conv, account_key('tester', 'convs'));

# what it has no place for

refused(call('PUT', 'process/text/' . NONE, talk($text)), 404,
        'Conversation with id "' . NONE . '" does not exist.', 'a PUT to none');

redis('CONFIG', 'SET', 'maxmemory', '1');
@before = sort @{redis('KEYS', '*')};
refused(call('POST', 'process/text', talk($text)), 500,
        'Internal server error.', 'a full Redis');
is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is left');

# full after some of the transactions

my ($used) = redis('INFO', 'memory') =~ /^used_memory:(\d+)/m;

redis('CONFIG', 'SET', 'maxmemory', $used + 500_000);
commands_seen('exec');
refused(call('POST', 'process/text', talk($text . ' x.' x 130_000)), 500,
        'Internal server error.', 'a Redis that fills');
cmp_ok(commands_seen('exec'), '>', 1, 'some were done');
is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is left');

redis('CONFIG', 'SET', 'maxmemory', '0');
$id = say(talk('before'));
@before = sort @{redis('KEYS', '*')};
($used) = redis('INFO', 'memory') =~ /^used_memory:(\d+)/m;
redis('CONFIG', 'SET', 'maxmemory', $used + 500_000);
refused(call('PUT', "process/text/$id", talk($text . ' x.' x 130_000)), 500,
        'Internal server error.', 'the same of a PUT');
is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is left');
is(join(' ', texts_of($id)), 'before', 'nothing is added');

redis('CONFIG', 'SET', 'maxmemory', '0');
redis('DEL', grep { /:conv/ } @{redis('KEYS', '*')});
is_whole('in the end');



=== large texts that are added to one conversation at once
--- scenario
my $id = say(talk('before'));
my @before = sort @{redis('KEYS', '*')};
my @texts = map { join ' ', "text $_.", ('x.') x 30_000 } 1 .. 6;
my @socks = map { connect_nginx() } @texts;

send_bytes($socks[$_], request('PUT', "/v1/process/text/$id",
                               body => talk($texts[$_])))
    for 0 .. $#texts;

is(read_response($_)->{status}, 201, 'written') for @socks;

my ($before, @said) = split / (?=text)/, join ' ', texts_of($id);

is($before, 'before', 'what was there');
is(join("\n", sort @said), join("\n", @texts), 'each of them, as a whole');
is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is left');



=== a full Redis
--- log_level: crit
--- scenario
create('n', ['mask']);
my $id = say(talk('A mask.'));
my @before = sort @{redis('KEYS', '*')};

redis('CONFIG', 'SET', 'maxmemory', '1');
refused(call(@$_, talk('A mask.')), 500, 'Internal server error.', $_->[0])
    for ['POST', 'process/text'], ['PUT', "process/text/$id"];
is(short(decode(call('POST', 'conversations/detect', talk('A mask.'))->{body})
         ->{trackers}), 'n: mask@2-6', 'detect needs no memory');
is(short(trackers_of($id)), 'n: mask@2-6', 'nor do reads');
is(join(' ', sort @{redis('KEYS', '*')}), "@before", 'nothing is stored');
is(scalar messages_of($id), 1, 'or added');
is(call('DELETE', "conversations/$id", undef)->{status}, 200, 'DELETE works');
redis('CONFIG', 'SET', 'maxmemory', '0');
say(talk('a'));



=== a body that is not read is no request
--- scenario
my $inner = "GET /v1/conversations HTTP/1.1\r\nHost: a\r\n\r\n";

for my $path ('process/text/x', 'process/text/' . NONE, 'process/x') {
    my $sock = connect_nginx();

    send_bytes($sock, request('PUT', "/v1/$path", body => $inner));
    shutdown $sock, 1;
    my $rest = read_rest($sock);
    is(scalar(() = $rest =~ m{^HTTP/1\.1 }mg), 1, "one answer: $path");
}



=== chunks, Expect, HTTP/2
--- scenario
create('n', ['mask']);
my $body = talk('A mask.');

my $response = exchange(request('POST', '/v1/process/text', chunks => [
    map { substr $body, $_ * 5, 5 } 0 .. length($body) / 5]));
is($response->{status}, 201, 'chunks');
is(short(trackers_of(decode($response->{body})->{conversationId})),
   'n: mask@2-6', 'found');

my $sock = connect_nginx();
send_bytes($sock, request('POST', '/v1/process/text', length => length $body,
                          headers => ['Expect: 100-continue']));
is(read_response($sock)->{status}, 100, 'go on');
send_bytes($sock, $body);
is(read_response($sock)->{status}, 201, 'Expect');

$sock = connect_nginx();
send_bytes($sock, request('PUT', '/v1/process/text/' . NONE,
                          length => length $body,
                          headers => ['Expect: 100-continue']));
$response = read_response($sock);
ok($response->{status} =~ /^(?:100|404)$/, 'one that is not there');

# byte by byte

$sock = connect_nginx();
my $text = request('POST', '/v1/process/text', body => $body);
send_bytes($sock, $_) for split //, $text;
is(read_response($sock)->{status}, 201, 'byte by byte');

for my $path ('/v1/process/text', '/v1/conversations/detect') {
    for my $large ($body, talk('A mask. ' x 20_000)) {
        my $got = nghttp($path, $large);
        is($got->{status}, $path =~ /detect/ ? 200 : 201, "HTTP/2: $path");
    }
}



=== detect stores nothing and tells all
--- scenario
create('n', ['mask']);
my $body = json({ name => 'x', messages => [
    { payload => { content => 'A mask. 😀 mask!' },
      from => { name => 'Ann', userId => 'ann@x.example' },
      duration => { startTime => '2026-01-01T00:00:00Z',
                    endTime => '2026-01-01T00:00:01Z' } },
    { payload => { content => 'b' } }] });
my @keys = sort @{redis('KEYS', '*')};
my $response = call('POST', 'conversations/detect', $body);

is($response->{status}, 200, 'detect');
is($response->{headers}{'content-type'}, 'application/json', 'type');
is(join(' ', sort @{redis('KEYS', '*')}), "@keys", 'nothing in Redis');

my $data = decode($response->{body});
is(join(' ', sort keys %$data), 'messages trackers', 'both');
is_deeply([map { exists $_->{conversationId} ? 1 : 0 } @{$data->{messages}}],
          [0, 0, 0], 'there is no conversation');

my $id = say($body);
my $stored = decode(get("conversations/$id/messages")->{body})->{messages};
my $trackers = trackers_of($id);

# ids and the times of now are others

sub plain {
    my ($data) = @_;

    return [map { plain($_) } @$data] if ref $data eq 'ARRAY';
    return $data unless ref $data eq 'HASH';
    return { map { $_ => plain($data->{$_}) }
             grep { !/^(?:id|conversationId)$/ } keys %$data };
}

delete @$_{qw(startTime endTime timeOffset)}
    for $data->{messages}[2], $stored->[2];

is_deeply(plain($data->{messages}), plain($stored), 'the same messages');
is_deeply(plain($data->{trackers}), plain($trackers), 'the same trackers');

my %text = map { $_->{id} => $_->{text} } @{$data->{messages}};
is_deeply([map { $text{$_->{id}} } map { @{$_->{messageRefs}} }
           map { @{$_->{matches}} } @{$data->{trackers}}],
          ['A mask.', '😀 mask!'], 'references are to its messages');



=== nothing of it is logged
--- log_level: debug
--- scenario
create('Zebrahead', ['wildebeest']);
my $id = say(talk('A wildebeest said okapi.', trackers => [
    { name => 'Aardvark', vocabulary => ['okapi'] }],
    enableAllTrackers => JSON::PP::true()));
is(short(trackers_of($id)),
   'Zebrahead: wildebeest@2-12, Aardvark: okapi@18-23', 'found');

my $tracker = join '', grep { /tracker|redis/i && !/http script|recv|send/ }
              @{Test::Nginx::Util::error_log_data()};
like($tracker, qr/tracker/, 'there are lines of ours');
unlike($tracker, qr/zebrahead|wildebeest|okapi|aardvark/i, 'not in the log');
