use lib 't/lib';
use Tracker;
use Tracker::H2 qw(h2_connect h2_get frame);
use Tracker::Metrics;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use Time::HiRes qw(sleep time);

# GET trackers/changes: what has changed since a revision, and waiting for it.
# What writes leave in the log is in history.t.

add_block_preprocessor(sub {
    my ($block) = @_;

    # each block finds a Redis that runs, and all commands
    Tracker::stop_redis() if $block->fresh_redis;

    my $settings = $block->settings // 'tracker_history 1000;';

    $block->set_value(http_config => <<"CONFIG");
    tracker_redis \$TEST_NGINX_REDIS;
    tracker_jwt_key \$TEST_NGINX_KEY;
    $settings

    server {
        listen 127.0.0.1:\$TEST_NGINX_H2_PORT http2;

        location /v1/manage/ {
            tracker_api;
        }
    }
CONFIG

    $block->set_value(config => <<'CONFIG') unless defined $block->config;
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    # the same trackers, as an older version writes them
    location /old/v1/manage/ {
        tracker_api;
        tracker_history off;
        client_max_body_size 1m;
    }

    location = /status {
        tracker_status;
    }

    location = /pid {
        return 200 $pid;
    }
CONFIG
});

workers(2);
run_tests();

sub manage {
    my ($method, $path, $body, %o) = @_;

    return exchange(request($method, "/v1/manage/$path", body => $body, %o),
                    $o{sock});
}

sub create {
    my ($name, %o) = @_;
    my $response = manage('POST', 'tracker', tracker_text($name), %o);

    return decode($response->{body})->{tracker}{id}
           // die "$response->{status} $response->{body}\n";
}

# the ETag of the list, without its quotes
sub tag {
    my $response = manage('GET', 'trackers', undef, @_);

    return $response->{headers}{etag} =~ s/"//gr;
}

sub changes {
    my ($args, %o) = @_;

    return manage('GET', "trackers/changes?$args", undef, %o);
}

# of an answer: "created ID" and so on, the id of a tracker that comes along in
# capitals where it is not the one of the change
sub told {
    my ($response) = @_;

    return "$response->{status} $response->{body}"
        unless $response->{status} == 200;
    return map {
        my $tracker = $_->{tracker};
        "$_->{type} $_->{id}"
        . (!$tracker ? '' : $tracker->{id} eq $_->{id} ? " $tracker->{name}"
                                                       : ' ANOTHER');
    } @{decode($response->{body})->{changes}};
}

sub rev_of {
    return decode($_[0]{body})->{rev};
}

# a request that waits; several wait for the n-th one
sub waiting {
    my ($args, %o) = @_;
    my $sock = $o{sock} // connect_nginx();

    send_bytes($sock, request($o{method} // 'GET',
                              "/v1/manage/trackers/changes?$args", type => undef,
                              %o));
    return $sock;
}

sub number_waiting {
    return metric(scrape(), 'tracker_changes_waiting');
}

sub until_waiting {
    my ($n) = @_;

    wait_until(sub { number_waiting() == $n }, "$n requests wait");
}

sub has_answer {
    my ($sock) = @_;

    return IO::Select->new($sock)->can_read(0) ? 1 : 0;
}

# a connection to this worker
sub connect_worker {
    my ($pid) = @_;
    my $sock;

    wait_until(sub {
        $sock = connect_nginx();
        return exchange("GET /pid HTTP/1.1\r\nHost: a\r\n\r\n", $sock)
                   ->{body} == $pid;
    }, 'a connection to a worker');

    return $sock;
}

# the log by hand: revision, entry, and so on; the last one is the account's
sub write_log {
    my @log = @_;

    redis('DEL', account_key('tester', 'log'));
    redis('ZADD', account_key('tester', 'log'), @log);
    redis('SET', account_key('tester', 'rev'), $log[-2]);
}

# a tag of this account and of a revision
sub tag_of {
    my ($rev, $account) = @_;

    return (account_key($account // 'tester', '') =~ /\{(\w{16})/)[0]
           . "-$rev";
}

# the n-th tracker by hand
sub id_of {
    return sprintf '%016d', 4503599627370496 + $_[0];
}

sub write_tracker {
    my ($n, $more) = @_;
    my $id = id_of($n);

    redis('SET', account_key('tester', "id:$id"),
          "{\"id\":\"$id\",\"name\":\"t $n\",\"vocabulary\":[\""
          . ($more // 'a') . '"]}');
    redis('ZADD', account_key('tester', 'index'), $n, $id);
    return $id;
}

__DATA__

=== creates, changes and deletes, byte for byte
--- scenario
my $since = tag();
my $first = changes("since=$since");

is($first->{body}, "{\"changes\":[],\"rev\":\"$since\",\"more\":false}",
   'nothing so far');
is($first->{headers}{'cache-control'}, 'private, no-cache', 'Cache-Control');
like($first->{headers}{vary}, qr/Authorization/, 'Vary');
is($first->{headers}{etag}, undef, 'no ETag');
is($first->{headers}{'content-type'}, 'application/json', 'type');

my $before = int(1000 * time);
my $id = create('one');
my $after = int(1000 * time) + 1;
my $created = tag();
my $response = changes("since=$since");
my ($at) = $response->{body} =~ /"at":"([^"]+)"/;

is($response->{body}, "{\"changes\":[{\"rev\":\"$created\","
   . "\"type\":\"created\",\"id\":\"$id\",\"at\":\"$at\",\"tracker\":"
   . "{\"id\":\"$id\",\"name\":\"one\",\"vocabulary\":[\"phrase\"]}}],"
   . "\"rev\":\"$created\",\"more\":false}", 'a create');

like($at, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'its time');
my @t = $at =~ /(\d+)/g;
use Time::Local ();
my $ms = 1000 * Time::Local::timegm(@t[5, 4, 3, 2], $t[1] - 1, $t[0]) + $t[6];
cmp_ok($ms, '>=', $before, 'not before');
cmp_ok($ms, '<=', $after, 'not after');

my $other = create('two');
is(manage('PATCH', "tracker/$id", '{"name":"uno"}',
          type => 'application/merge-patch+json')->{status}, 200, 'a PATCH');
is(manage('PUT', "tracker/$id", tracker_text('eins'))->{status}, 200, 'a PUT');
manage('DELETE', "tracker/$other");

is(join(', ', told(changes("since=$since"))),
   "created $id eins, created $other, changed $id eins, changed $id eins, "
   . "deleted $other", 'all since the beginning, with what there is now');
is(join(', ', told(changes("since=$created"))),
   "created $other, changed $id eins, changed $id eins, deleted $other",
   'since the create');
is(rev_of(changes("since=$since")), tag(), 'the revision is the ETag');
is(join(', ', told(changes('since=' . tag()))), '', 'nothing after it');

# each revision is one to go on from
my @changes = @{decode(changes("since=$since")->{body})->{changes}};
is(join(', ', told(changes("since=$changes[3]{rev}"))), "deleted $other",
   'since the last but one');
is($changes[4]{tracker}, undef, 'what was deleted is not there');
is($changes[1]{tracker}, undef, 'nor before');

my $bulk = manage('POST', 'trackers', '[' . join(',', map { tracker_text($_) }
                                                      qw(a b c)) . ']');
my @ids = map { $_->{id} } @{decode($bulk->{body})->{trackers}};
is(join(', ', told(changes("since=$changes[4]{rev}"))),
   "created $ids[0] a, created $ids[1] b, created $ids[2] c",
   'a create of three');

my $merge = manage('POST', 'trackers?on_conflict=merge',
                   '[' . tracker_text('a', 'more') . ','
                   . tracker_text('d') . ']');
my ($new) = map { $_->{id} } grep { $_->{name} eq 'd' }
            @{decode(manage('GET', 'trackers')->{body})->{trackers}};
is(join(', ', sort(told(changes('since='
       . decode(changes("since=$changes[4]{rev}")->{body})
         ->{changes}[2]{rev})))),
   "changed $ids[0] a, created $new d", 'an import');



=== what since may be
--- scenario
my $id = create('one');
my $since = tag();
my $two = create('two');

for my $form ($since, "\"$since\"", "%22$since%22", "W/\"$since\"",
              "W%2F%22$since%22", "$since-lines", "%22$since-lines%22",
              "$since-part", "$since-lines-part") {
    is(join(', ', told(changes("since=$form"))), "created $two two", $form);
}

my $lines = manage('GET', 'trackers', undef,
                   headers => ['Accept: application/x-ndjson']);
my $etag = $lines->{headers}{etag} =~ s/"//gr;
like($etag, qr/-lines$/, 'the ETag of lines');
is(join(', ', told(changes("since=$etag"))), '', 'is one, too');

for my $args ('', 'limit=1', 'since', 'since=', 'since=x', "since=x$since",
              "since=${since}x", 'since=' . tag_of('01'),
              'since=' . tag_of('12345678901234567'), 'since=' . tag_of(''),
              'since=' . tag_of('-1'), 'since=' . tag_of('1.5'),
              'since=' . uc(tag_of('1') =~ s/^./F/r), 'Since=' . $since,
              "since=\"$since", 'since=' . substr($since, 1),
              'since=' . tag_of('1') . '%00', 'since=%22%22', 'since=W/') {
    my $response = changes($args);

    is($response->{status}, 400, "\"$args\"");
    is_message($response->{body}, '"since" is required: the ETag of the list '
               . 'of trackers, without its quotes, or the "rev" of an earlier '
               . 'answer.', "\"$args\"");
}

for my $limit ('', 0, 1001, -1, 'x', '1e2') {
    my $response = changes("since=$since&limit=$limit");

    is($response->{status}, 400, "limit=$limit");
    is_message($response->{body},
               '"limit" must be a number from 1 to 1000.', "limit=$limit");
}

for my $wait ('', 61, -1, 'x', '1.5', '1s') {
    my $response = changes("since=$since&wait=$wait");

    is($response->{status}, 400, "wait=$wait");
    is_message($response->{body}, '"wait" must be a number from 0 to 60.',
               "wait=$wait");
}

is(join(', ', told(changes("since=$since&wait=0"))), "created $two two",
   'wait=0');



=== methods
--- scenario
takes_only_reads('/v1/manage/trackers/changes?since=' . tag());

my $head = manage('HEAD', 'trackers/changes?since=' . tag());
is($head->{status}, 200, 'HEAD');
is($head->{headers}{'content-length'},
   length changes('since=' . tag())->{body}, 'HEAD: the length');

is(manage('GET', 'trackers/changes?since=' . tag(), undef, token => undef)
   ->{status}, 401, 'no token');
is(manage('GET', 'tracker/changes?since=' . tag())->{status}, 404,
   'no other path');



=== without a history there is no such endpoint
--- settings
--- scenario
my $response = changes('since=' . tag());

is($response->{status}, 404, 'status');
is_message($response->{body}, 'No such endpoint: tracker_history is off.',
           'message');
is(manage('POST', 'trackers/changes', '{}')->{status}, 405, 'methods');



=== pages
--- scenario
my $since = tag();
my @ids = map { create("t$_") } 1 .. 7;

for my $limit (1, 2, 3, 7, 8, 1000) {
    my ($rev, $pages, @all) = ($since, 0);

    for ( ;; ) {
        my $response = changes("since=$rev&limit=$limit");
        my $data = decode($response->{body});
        my $n = @{$data->{changes}};

        push @all, told($response);
        $pages++;
        cmp_ok($n, '<=', $limit, "limit=$limit: a page");
        is($data->{rev}, $data->{changes}[-1]{rev}, "limit=$limit: the next");
        $rev = $data->{rev};
        last unless $data->{more};
        is($n, $limit, "limit=$limit: a full page");
    }

    is($pages, int((7 + $limit - 1) / $limit), "limit=$limit: pages");
    is(join(', ', @all), join(', ', map { "created $ids[$_ - 1] t$_" } 1 .. 7),
       "limit=$limit: all");
    is($rev, tag(), "limit=$limit: the list's");
}



=== bytes end a page
--- scenario
my $since = tag();

create("t$_" . 'x' x 100_000) for 1 .. 7;

my ($rev, @pages) = ($since);
for ( ;; ) {
    my $data = decode(changes("since=$rev")->{body});

    push @pages, scalar @{$data->{changes}};
    $rev = $data->{rev};
    last unless $data->{more};
}

is("@pages", '3 3 1', 'as many as fit');

# a thousand changes without a limit
my $bulk = tag();
my $response = manage('POST', 'trackers', '[' . join(',', map {
    tracker_text("b$_", 'p') } 1 .. 1500) . ']');
is($response->{status}, 200, 'many');
$response = changes("since=$bulk");
is($response->{status}, 410, 'more than are kept');
my $first = decode(changes('since=' . tag_of(
    redis('ZRANGE', account_key('tester', 'log'), 0, 0, 'WITHSCORES')->[1]))
    ->{body});
is(scalar @{$first->{changes}}, 999, 'what is kept, in one page');
ok(!$first->{more}, 'no more');



=== what is too old or unknown is gone
--- settings
    tracker_history 3;
--- scenario
sub is_gone {
    my ($since, $title) = @_;
    my $response = changes("since=$since&wait=60");

    is($response->{status}, 410, $title);
    is_message($response->{body}, 'What has changed since then is not known: '
               . 'read the list of trackers again.', $title);
    is($response->{headers}{link},
       '</v1/manage/trackers>; rel="collection"', "$title: Link");
    is($response->{headers}{'cache-control'}, 'no-store', "$title: caches");
}

my @tags = tag();
for (1 .. 5) {
    create("t$_");
    push @tags, tag();
}

is_gone($tags[$_], "$_ changes") for 0 .. 2;
is(scalar(my @known = told(changes("since=$tags[$_]"))), 5 - $_,
   "since $_: known") for 3 .. 5;

my ($last) = $tags[5] =~ /-(\d+)/;
is_gone(tag_of($_), "revision $_")
    for 0, 1, $last - 1, $last + 1, '9007199254740992', '9007199254740993',
        '9999999999999999', 1 << 40;
is_gone(tag_of($last, 'another'), 'of another account');
is(changes("since=$tags[5]", account => 'another')->{status}, 410,
   'to another account');

my $problem = changes("since=$tags[0]",
                      headers => ['Accept: application/problem+json']);
is($problem->{headers}{'content-type'}, 'application/problem+json', 'type');
is_deeply(decode($problem->{body}), {
    type => 'about:blank', title => 'Gone', status => 410, code => 'gone',
    detail => 'What has changed since then is not known: read the list of '
              . 'trackers again.' }, 'a problem');

is(manage('HEAD', "trackers/changes?since=$tags[0]")->{status}, 410, 'HEAD');

# an older version, or a location without a history, has written
exchange(request('POST', '/old/v1/manage/tracker',
                 body => tracker_text('old')));
my $old = tag();
is_gone($tags[5], 'others have written since');
is(join(', ', told(changes("since=$old"))), '', 'the newest is known');
my $id = create('new');
is(join(', ', told(changes("since=$old"))), "created $id new",
   'from then on it goes on');
is_gone($tags[5], 'what was before stays gone');

# all was lost
redis('FLUSHALL');
is_gone($old, 'nothing is left');
is(join(', ', told(changes('since=' . tag()))), '', 'of an empty account');
my $empty = tag();
$id = create('next');
is(join(', ', told(changes("since=$empty"))), "created $id next",
   'since it was empty');
is_gone($old, 'of another life');

# the log alone was
redis('DEL', account_key('tester', 'log'));
is_gone($empty, 'no log');
is(join(', ', told(changes('since=' . tag()))), '', 'nothing since now');



=== the path of the list, whatever the location
--- config
    location /a%20b/v1/manage {
        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
my $response = exchange(request('GET',
    '/a%2520b/v1/manage/trackers/changes?since=' . tag_of(5)));

is($response->{status}, 410, 'gone');
is($response->{headers}{link},
   '</a%2520b/v1/manage/trackers>; rel="collection"', 'Link');



=== a log of any kind is an error and no more
--- scenario
my $id = write_tracker(1);
my ($rev, $since) = (10, tag_of(10));

write_log(10, '-', 20, "c$id 1764350000123");
is(changes("since=$since")->{body}, "{\"changes\":[{\"rev\":\"" . tag_of(20)
   . "\",\"type\":\"created\",\"id\":\"$id\","
   . "\"at\":\"2025-11-28T17:13:20.123Z\",\"tracker\":{\"id\":\"$id\","
   . "\"name\":\"t 1\",\"vocabulary\":[\"a\"]}}],\"rev\":\"" . tag_of(20)
   . "\",\"more\":false}", 'as it should be');

for my $time (0, 1, 999, 1000, 86399999, '99999999999999') {
    write_log(10, '-', 20, "c$id $time");
    like(changes("since=$since")->{body},
         qr/"at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, "at $time");
}

for my $entry ('', '-', 'c', "c$id", "c$id ", "x$id 1", "c$id 1x", "c$id -1",
               "c$id 1 ", "c$id\x001", "C$id 1", "c${id}1 1", "cx$id 1",
               'c' . substr($id, 1) . ' 1', 'c' . substr($id, 1) . 'x 1',
               "c$id 999999999999999", "c$id 18446744073709551616",
               "c$id \xff\xfe", "\"$id 1", "c$id 1.5", 'c' x 100_000) {
    write_log(10, 'first', 20, $entry);
    my $title = length $entry > 40 ? 'long' : $entry =~ s/[^ -~]/?/gr;
    my $response = changes("since=$since");

    is($response->{status}, 500, "an entry \"$title\"");
    is_message($response->{body}, 'Internal server error.', $title);
}

for my $score ('20.5', '1e300', 'inf', '12345678901234567890') {
    redis('DEL', account_key('tester', 'log'));
    redis('ZADD', account_key('tester', 'log'), 10, '-', $score, "c$id 1");
    my $last = redis('ZRANGE', account_key('tester', 'log'), -1, -1,
                     'WITHSCORES')->[1];
    redis('SET', account_key('tester', 'rev'), $last);
    is(changes("since=$since")->{status}, 500, "a score $score");
}

# the others know nothing of what is after the revision
write_log(10, '-', 20, "c$id 1", 15, "x");
redis('SET', account_key('tester', 'rev'), 20);
is(changes("since=$since")->{status}, 500, 'in the middle');
is(changes('since=' . tag_of(15))->{status}, 200, 'before');

for my $rev ('', 'x', '-5', '1.5', '20 ', '1' x 30, "2\0") {
    write_log(10, '-', 20, "c$id 1");
    redis('SET', account_key('tester', 'rev'), $rev);
    is(changes("since=$since")->{status}, 410,
       "a revision \"" . ($rev =~ s/\0/?/r) . '"');
}

for my $key (qw(rev log index)) {
    for my $type (['LPUSH', 'x'], ['HSET', 'x', 'y'], ['SET', 'x']) {
        my ($command, @args) = @$type;

        write_log(10, '-', 20, "c$id 1");
        redis('DEL', account_key('tester', $key));
        redis($command, account_key('tester', $key), @args);
        next if $key eq 'rev' && $command eq 'SET';
        is(changes("since=$since")->{status}, 500, "$command $key");
    }
    redis('DEL', account_key('tester', 'index'));
}

# records of any kind are as in the list
write_tracker(1);
write_log(10, '-', 20, "c$id 1");
redis('DEL', account_key('tester', "id:$id"));
redis('LPUSH', account_key('tester', "id:$id"), 'x');
is(changes("since=$since")->{status}, 500, 'a record of another type');
redis('DEL', account_key('tester', "id:$id"));
is(join(', ', told(changes("since=$since"))), "created $id", 'no record');
redis('SET', account_key('tester', "id:$id"), '');
is(join(', ', told(changes("since=$since"))), "created $id", 'a tombstone');

# a score would be rounded
write_log(10, '-', '9007199254740992', "c$id 1", '9007199254740994', "u$id 2");
is(changes('since=' . tag_of('9007199254740993'))->{status}, 410,
   'larger than any revision');
is(join(', ', told(changes('since=' . tag_of('9007199254740992')))),
   "changed $id", 'the largest');

# equal scores are no reason to hang
write_log(10, '-', 20, "c$id 1", 20, "u$id 2");
is(scalar(my @both = told(changes("since=$since"))), 2, 'equal scores');

create('well', account => 'another');
pass('the worker lives');



=== a request waits until something comes, by its worker or another one
--- scenario
my @pids = worker_pids();
my $since = tag();

for my $round (['another worker', 0, 1], ['the same', 0, 0],
               ['another worker again', 1, 0]) {
    my ($title, $waits, $writes) = @$round;
    my $sock = connect_worker($pids[$waits]);

    waiting("since=$since&wait=60", sock => $sock);
    until_waiting(1);
    ok(!has_answer($sock), "$title: nothing so far");

    my $id = create("t $title", sock => connect_worker($pids[$writes]));
    my $response = read_response($sock);
    is(join(', ', told($response)), "created $id t $title", $title);
    is(rev_of($response), tag(), "$title: the revision");
    $since = rev_of($response);
    is(number_waiting(), 0, "$title: nobody waits");
    is(exchange("GET /pid HTTP/1.1\r\nHost: a\r\n\r\n", $sock)->{body},
       $pids[$waits], "$title: the connection goes on");
}

my ($id) = manage('GET', 'trackers')->{body} =~ /"id":"(\d+)"/;

for my $write (['PATCH', "tracker/$id", '{"name":"p"}', "changed $id p",
                type => 'application/merge-patch+json'],
               ['PUT', "tracker/$id", tracker_text('q'), "changed $id q"],
               ['DELETE', "tracker/$id", undef, "deleted $id"]) {
    my ($method, $path, $body, $told, @o) = @$write;
    my $sock = waiting("since=$since&wait=60");

    until_waiting(1);
    is(manage($method, $path, $body, @o)->{status}, 200, $method);
    my $response = read_response($sock);
    is(join(', ', told($response)), $told, "$method: told");
    $since = rev_of($response);
}

# what is there already is not waited for
$since = tag();
$id = create('there');
is(join(', ', told(changes("since=$since&wait=60"))), "created $id there",
   'at once');

# HEAD waits as GET does
my $sock = waiting('since=' . tag() . '&wait=60', method => 'HEAD');
until_waiting(1);
create('for HEAD');
is(read_response($sock, 'HEAD')->{status}, 200, 'HEAD');

# a large create, and imports
for my $body ('[' . join(',', map { tracker_text("l$_") } 1 .. 100) . ']') {
    for my $query ('', '?on_conflict=replace') {
        $since = tag();
        $sock = waiting("since=$since&wait=60");
        until_waiting(1);
        is(manage('POST', "trackers$query",
                  $body =~ s/phrase/$query ? 'other' : 'phrase'/ger)->{status},
           200, "POST trackers$query");
        is(scalar(my @all = told(read_response($sock))), 100,
           "POST trackers$query: told");
    }
}



=== a write of the same worker is told at once
Each would be told 250 ms later, on average.
--- scenario
my ($pid) = worker_pids();
my ($waits, $writes) = map { connect_worker($pid) } 1, 2;
my $since = tag();
my $start = time;

for (1 .. 20) {
    waiting("since=$since&wait=60", sock => $waits);
    until_waiting(1);
    create("t$_", sock => $writes);
    $since = rev_of(read_response($waits));
}

cmp_ok(time - $start, '<', 3, 'twenty times');



=== a request waits so long, then there is nothing
--- scenario
my $since = tag();
my $start = time;
my $response = changes("since=$since&wait=1");

cmp_ok(time - $start, '>', 0.9, 'a second');
is($response->{body}, "{\"changes\":[],\"rev\":\"$since\",\"more\":false}",
   'nothing');
is(number_waiting(), 0, 'nobody waits');

# a quoted one is answered as the ETag is, too
is(rev_of(changes("since=%22$since-lines%22&wait=1")), $since, 'the tag');



=== the time that a request waits is not that of tracker_timeout
--- settings
    tracker_history 10;
    tracker_timeout 500ms;
    tracker_redis_timeout 400ms;
--- scenario
my $sock = waiting('since=' . tag() . '&wait=60');

until_waiting(1);
sleep 1.2;
ok(!has_answer($sock), 'it waits');
my $id = create('late');
is(join(', ', told(read_response($sock))), "created $id late", 'and is told');



=== sixteen of an account wait, the one that has waited longest is answered
--- scenario
my ($pid, $pid2) = worker_pids();
my $since = tag();
my @socks;

for my $n (1 .. 16) {
    push @socks, waiting("since=$since&wait=60", sock => connect_worker($pid));
    until_waiting($n);
}
ok(!(grep { has_answer($_) } @socks), 'sixteen wait');

# in another worker there is room
push @socks, waiting("since=$since&wait=60", sock => connect_worker($pid2));
until_waiting(17);

# and for another account
my $other = tag(account => 'other');
push @socks, waiting("since=$other&wait=60", account => 'other',
                     sock => connect_worker($pid));
until_waiting(18);
ok(!(grep { has_answer($_) } @socks), 'no one was answered');

push @socks, waiting("since=$since&wait=60", sock => connect_worker($pid));
wait_until(sub { has_answer($socks[0]) || number_waiting() == 19 },
           'it has come');
ok(has_answer($socks[0]), 'the first one is answered');
is(read_response(shift @socks)->{body},
   "{\"changes\":[],\"rev\":\"$since\",\"more\":false}", 'the first one');
is(number_waiting(), 18, 'as many as before');

push @socks, waiting("since=$since&wait=60", sock => connect_worker($pid));
is(read_response(shift @socks)->{status}, 200, 'the second one');
ok(!(grep { has_answer($_) } @socks), 'the others wait');

my $id = create('for all');
my ($for_other) = splice @socks, 15, 1;
is(join(', ', told(read_response($_))), "created $id for all", 'told')
    for @socks;
ok(!has_answer($for_other), 'another account is not');



=== as many requests as may wait in a worker
--- settings
    tracker_history 10;
    tracker_history_waiting 3;
--- scenario
my ($pid, $pid2) = worker_pids();
my @socks = map {
    my $sock = waiting('since=' . tag(account => "a$_") . '&wait=60',
                       account => "a$_", sock => connect_worker($pid));
    until_waiting($_);
    $sock;
} 1 .. 3;

my $response = read_response(waiting('since=' . tag() . '&wait=60',
                                     sock => connect_worker($pid)));
is($response->{status}, 503, 'one too many');
is_message($response->{body}, 'Too many requests are waiting for changes.',
           'one too many');
is($response->{headers}{'retry-after'}, 1, 'Retry-After');

# those that do not wait, and what is there already, need no place
is(changes('since=' . tag(), sock => connect_worker($pid))->{status}, 200,
   'without wait');
my $since = tag();
create('there');
is(changes("since=$since&wait=60", sock => connect_worker($pid))->{status}, 200,
   'what is there');

push @socks, waiting('since=' . tag() . '&wait=60',
                     sock => connect_worker($pid2));
until_waiting(4);

# a client that leaves makes room, also in the middle of a connection
close shift @socks;
until_waiting(3);
push @socks, waiting('since=' . tag() . '&wait=60',
                     sock => connect_worker($pid));
until_waiting(4);
close shift @socks while @socks;
until_waiting(0);



=== whatever the number of those who wait, Redis is asked once
--- scenario
my ($pid) = worker_pids();
my $since = tag();
my @socks;

# of 200 sixteen wait, the others are answered
for my $n (16, 184) {
    push @socks, waiting("since=$since&wait=60", sock => connect_worker($pid))
        for 1 .. $n;
    until_waiting(16);
    wait_until(sub { $#socks - 15 == grep { has_answer($_) } @socks },
               'the others are answered');

    # the tick is 500 ms; what is slow has fewer
    commands_seen('get');
    my $start = time;
    sleep 2;
    my $seen = commands_seen('get');

    cmp_ok($seen, '>=', 1, @socks . ' requests: Redis is asked');
    cmp_ok($seen, '<=', 2 + (time - $start) / 0.5, 'twice a second');
}

$_->close for @socks;
until_waiting(0);
sleep 0.6;
commands_seen('get');
sleep 1.5;
is(commands_seen('get'), 0, 'where nobody waits it is not asked');



=== a write that changes nothing wakes nobody
--- scenario
my ($pid) = worker_pids();
my $id = create('gone');
manage('DELETE', "tracker/$id");
my $text = tracker_text('same');
my $same = create('same');

my $sock = waiting('since=' . tag() . '&wait=60',
                   sock => connect_worker($pid));
until_waiting(1);
is(manage('PUT', "tracker/$same", $text, sock => connect_worker($pid))
   ->{status}, 200, 'what is there already') for 1 .. 3;
manage('DELETE', "tracker/$id", undef, sock => connect_worker($pid));
sleep 0.7;
my @told = has_answer($sock) ? told(read_response($sock)) : 'nothing';
like("@told", qr/^(nothing|changed $same same)/, 'nothing new');



=== Redis that fails meanwhile
--- scenario
my $since = tag();
create('one');
my $known = tag();
my $sock = waiting("since=$known&wait=60");
my $short = waiting("since=$known&wait=2");

until_waiting(2);
Tracker::stop_redis();
is(read_response($short)->{body},
   "{\"changes\":[],\"rev\":\"$known\",\"more\":false}", 'the time is over');
ok(!has_answer($sock), 'the other one waits');
is(changes("since=$known&wait=60")->{status}, 502, 'a new one');

# it comes back without anything
start_redis();
is(read_response($sock)->{status}, 410, 'all is lost');
--- grep_error_log eval
qr/\[(alert|crit|emerg)\]/
--- grep_error_log_out



=== Redis that refuses what is read
--- fresh_redis
--- scenario
my $sock = waiting('since=' . tag() . '&wait=60');

until_waiting(1);
redis('ACL', 'SETUSER', 'default', '-evalsha');
redis('INCR', account_key('tester', 'rev'));
my $response = read_response($sock);
is($response->{status}, 500, 'refused');
is_message($response->{body}, 'Internal server error.', 'refused');
redis('ACL', 'SETUSER', 'default', '+evalsha');

# only the revision cannot be read
create('one');
$sock = waiting('since=' . tag() . '&wait=60');
until_waiting(1);
redis('ACL', 'SETUSER', 'default', '-get');
sleep 0.7;
ok(!has_answer($sock), 'it waits on');
redis('ACL', 'SETUSER', 'default', '+get');
my $id = create('two');
is(join(', ', told(read_response($sock))), "created $id two", 'and is told');

# an account whose revision is no number, or of another type
$sock = waiting('since=' . tag() . '&wait=60');
until_waiting(1);
redis('SET', account_key('tester', 'rev'), 'x');
is(read_response($sock)->{status}, 410, 'no number');

redis('FLUSHALL');
$sock = waiting('since=' . tag() . '&wait=60');
until_waiting(1);
redis('LPUSH', account_key('tester', 'rev'), 'x');
sleep 0.7;
ok(!has_answer($sock), 'no string: it waits on');
redis('DEL', account_key('tester', 'rev'));
$id = create('three');
is(join(', ', told(read_response($sock))), "created $id three", 'as before');



=== a silent Redis
--- settings
    tracker_history 10;
    tracker_redis_timeout 1s;
--- scenario
my $since = tag();
my $sock = waiting("since=$since&wait=60");

until_waiting(1);
Tracker::pause_redis();
sleep 2.2;
ok(!has_answer($sock), 'it waits');
Tracker::resume_redis();
my $id;
wait_until(sub { $id = eval { create('one') } }, 'Redis is back');
is(join(', ', told(read_response($sock))), "created $id one", 'told');



=== others have written, all was lost
--- scenario
create('one');
my $sock = waiting('since=' . tag() . '&wait=60');

until_waiting(1);
exchange(request('POST', '/old/v1/manage/tracker',
                 body => tracker_text('old')));
is(read_response($sock)->{status}, 410, 'an older version');

$sock = waiting('since=' . tag() . '&wait=60');
until_waiting(1);
redis('FLUSHALL');
is(read_response($sock)->{status}, 410, 'FLUSHALL');

# it was empty, and is
my $empty = tag();
$sock = waiting("since=$empty&wait=60");
until_waiting(1);
redis('FLUSHALL');
sleep 0.7;
ok(!has_answer($sock), 'empty as before');
my $id = create('first');
is(join(', ', told(read_response($sock))), "created $id first",
   'the first one');



=== a reload answers at once, and the old workers end
--- scenario
my $since = tag();
my @old = worker_pids();
my @socks = map {
    waiting("since=$since&wait=60", sock => connect_worker($_))
} @old, @old;

push @socks, waiting('since=' . tag(account => 'other') . '&wait=60',
                     account => 'other');
until_waiting(5);

my $h2 = h2_connect();
my $path = "/v1/manage/trackers/changes?since=$since&wait=60";
send_bytes($h2, h2_get(1, $path, 'tester') . h2_get(3, $path, 'tester'));
until_waiting(7);

my $start = time;
kill HUP => Test::Nginx::Util::get_pid_from_pidfile('changes');

for (@socks) {
    my $response = read_response($_);
    is($response->{status}, 200, 'answered');
    like($response->{body}, qr/^\{"changes":\[\],"rev":"\w+-0","more":false\}$/,
         'with nothing');
    is($response->{headers}{connection}, 'close', 'the connection ends');
}

my $bytes = '';
1 while sysread $h2, $bytes, 65536, length $bytes;
is(scalar(() = $bytes =~ /\{"changes":\[\],"rev":"\Q$since\E","more":false\}/g),
   2, 'both streams');

wait_until(sub {
    my %now = map { $_ => 1 } worker_pids();
    !grep { $now{$_} } @old;
}, 'the old workers end');
cmp_ok(time - $start, '<', 10, 'long before the time is over');

# the new ones are as the old ones were
my $sock = waiting("since=$since&wait=60");
until_waiting(1);
my $id = create('one');
is(join(', ', told(read_response($sock))), "created $id one", 'told');



=== a worker that ends takes no request that waits with it
--- scenario
my $since = tag();
my ($pid, $pid2) = worker_pids();
my $sock = waiting("since=$since&wait=60", sock => connect_worker($pid));

until_waiting(1);
kill QUIT => $pid;
is(read_response($sock)->{status}, 200, 'answered');
wait_until(sub { !grep { $_ == $pid } worker_pids() }, 'it ends');



=== HTTP/2: streams wait and are told, and leave
--- scenario
my $since = tag();
my $h2 = h2_connect();
my $path = "/v1/manage/trackers/changes?since=$since&wait=60";

send_bytes($h2, join '', map { h2_get($_, $path, 'tester') } 1, 3, 5);
until_waiting(3);

# RST_STREAM
send_bytes($h2, frame(3, 0, 3, pack('N', 8)));
until_waiting(2);

my $id = create('two');
my $bytes = '';
wait_until(sub {
    sysread $h2, $bytes, 65536, length $bytes;
    2 == (() = $bytes =~ /created","id":"$id"/g);
}, 'both are told');
pass('both are told');

$since = tag();
$path = "/v1/manage/trackers/changes?since=$since&wait=60";
send_bytes($h2, join '', map { h2_get($_, $path, 'tester') } 7, 9);
until_waiting(2);
close $h2;
until_waiting(0);
pass('they leave with the connection');

# the seventeenth is of the same connection as the first
$h2 = h2_connect();
send_bytes($h2, join '', map { h2_get(2 * $_ - 1, $path, 'tester') } 1 .. 20);
until_waiting(16);
$bytes = '';
wait_until(sub {
    sysread $h2, $bytes, 65536, length $bytes;
    4 == (() = $bytes =~ /"changes":\[\]/g);
}, 'the first ones are answered');
is(number_waiting(), 16, 'the others wait');
close $h2;
until_waiting(0);



=== clients that leave, in any way
--- scenario
my $since = tag();
my @args = ("since=$since&wait=60");

# right behind the request
for (1 .. 20) {
    close waiting(@args);
}

# a reset
for (1 .. 5) {
    my $sock = waiting(@args);

    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
               pack 'll', 1, 0;
    close $sock;
}
until_waiting(0);

# a body of a GET that does not come to its end
my $sock = waiting(@args, length => 10, body => 'x');
until_waiting(1);
create('one');
my $response = read_response($sock);
is($response->{status}, 200, 'a body that is under way');
close $sock;

$sock = waiting('since=' . tag() . '&wait=60', length => 10, body => 'x');
until_waiting(1);
close $sock;
until_waiting(0);
pass('a body that was cut off');

# the next request is in the socket already
$since = tag();
$sock = connect_nginx();
waiting("since=$since&wait=60", sock => $sock);
send_bytes($sock, request('GET', '/v1/manage/trackers'));
until_waiting(1);
my $id = create('two');
is(join(', ', told(read_response($sock))), "created $id two",
   'the first of two');
is(read_response($sock)->{status}, 200, 'the second');



=== the requests of others go on
--- scenario
my ($pid) = worker_pids();
my $since = tag();
my @socks;

push @socks, waiting("since=$since&wait=60", sock => connect_worker($pid))
    for 1 .. 16;
until_waiting(16);

my $sock = connect_worker($pid);
is(manage('GET', 'trackers', undef, account => 'other', sock => $sock)
   ->{status}, 200, 'a read of another account') for 1 .. 20;
create("t$_", account => 'other', sock => $sock) for 1 .. 20;
is(manage('GET', 'trackers', undef, sock => $sock)->{status}, 200,
   'a read of the account');
ok(!(grep { has_answer($_) } @socks), 'they wait');
my $id = create('one', sock => $sock);
is(join(', ', told(read_response($_))), "created $id one", 'told') for @socks;



=== the metrics and the variables
--- settings
    tracker_history 10;
    log_format o '$tracker_outcome $status';
    map $uri $of_changes { ~changes 1; }
    access_log $TEST_NGINX_SCRATCH/outcomes o if=$of_changes;
--- scenario
my $since = tag();
my $before = scrape();
scratch('outcomes', '', 0666);
my $sock = waiting("since=$since&wait=60");

until_waiting(1);
is(metric(scrape(), 'tracker_requests_in_flight', endpoint => 'changes'), 1,
   'in flight');
create('one');
read_response($sock);

# one after the other, by the same worker
changes($_, sock => $sock)
    for 'since=' . tag_of(1), 'since=1', "since=$since&wait=61";

# the log phase comes behind the answer
wait_until(sub { lines() >= 4 && counted(scrape()) == counted($before) + 4 },
           'all four are counted');

my $text = scrape();

for (['found', 200], ['gone', 410], ['bad_since', 400], ['bad_wait', 400]) {
    my ($outcome, $code) = @$_;
    my ($was, $is) = map {
        metric($_, 'tracker_requests_total', endpoint => 'changes',
               outcome => $outcome, code => $code) // 0;
    } $before, $text;

    is($is - $was, 1, $outcome);
}

is(metric($text, 'tracker_changes_waiting'), 0, 'nobody waits');
cmp_ok(metric($text, 'tracker_redis_wait_seconds_count', step => 'changes'),
       '>=', 3, 'what Redis was asked for');

my @lines = lines();
is("@lines[-4 .. -1]", 'found 200 gone 410 bad_since 400 bad_wait 400',
   '$tracker_outcome');

sub counted {
    return metrics_sum(shift, 'tracker_requests_total', endpoint => 'changes');
}

sub lines {
    open my $in, '<', "$ENV{TEST_NGINX_SCRATCH}/outcomes" or return;
    return split /\n/, do { local $/; <$in> } // '';
}
