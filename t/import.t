use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# POST trackers?dryRun=true: what would become of each tracker.

run_tests();

sub keys_of {
    return join ' ', sort @{redis('KEYS', '*')};
}

sub dry {
    my ($body, %o) = @_;
    my $path = delete $o{path} // 'trackers?dryRun=true';

    return exchange(request('POST', "/v1/manage/$path", body => $body, %o));
}

__DATA__

=== a dry run says what would be created, and nothing is
--- exchanges
POST /v1/manage/trackers?dryRun=true [{"name":"A","vocabulary":["x"]},{"name":"\u0022é","vocabulary":["x"]}]
200 {"dryRun":true,"results":[{"index":0,"name":"A","result":"created"},{"index":1,"name":"\"é","result":"created"}],"summary":{"created":2}}
! Location
! ETag

POST /v1/manage/trackers/bulk?dryRun=true [{"name":"A","vocabulary":["x"]}]
200 {"dryRun":true,"results":[{"index":0,"name":"A","result":"created"}],"summary":{"created":1}}

POST /v1/manage/trackers?dryRun=true {"name":"A","vocabulary":["x"]}
200 {"dryRun":true,"results":[{"index":0,"name":"A","result":"created"}],"summary":{"created":1}}

GET /v1/manage/trackers
200 {"trackers":[]}



=== what GET answers is taken as it is
--- exchanges
POST /v1/manage/trackers?dryRun=true {"trackers":[{"id":"4503599627370496","name":"A","vocabulary":["x"]}]}
200 {"dryRun":true,"results":[{"index":0,"name":"A","result":"created"}],"summary":{"created":1}}

POST /v1/manage/trackers?dryRun=false {"trackers":[{"name":"A","vocabulary":["x"]}]}
400 "trackers" is not allowed

POST /v1/manage/trackers {"trackers":[{"name":"A","vocabulary":["x"]}]}
400 "trackers" is not allowed

POST /v1/manage/trackers [{"id":"4503599627370496","name":"A","vocabulary":["x"]}]
400 "[0].id" is not allowed



=== all faults are listed
--- exchanges
POST /v1/manage/trackers?dryRun=true [{"name":"A","vocabulary":["x","","x"]},{"name":1},{"y/z":2,"name":"B","vocabulary":["x"]}]
400 {"message":"\"[0].vocabulary[1]\" is not allowed to be empty","errors":[{"pointer":"/0/vocabulary/1","message":"\"[0].vocabulary[1]\" is not allowed to be empty"},{"pointer":"/0/vocabulary/2","message":"\"[0].vocabulary[2]\" contains a duplicate value"},{"pointer":"/1/name","message":"\"[1].name\" must be a string"},{"pointer":"/1/vocabulary","message":"\"[1].vocabulary\" is required"},{"pointer":"/2/y~1z","message":"\"[2].y/z\" is not allowed"}]}

POST /v1/manage/trackers?dryRun=true {"trackers":[{}]}
400 {"message":"\"trackers[0].name\" is required","errors":[{"pointer":"/trackers/0/name","message":"\"trackers[0].name\" is required"},{"pointer":"/trackers/0/vocabulary","message":"\"trackers[0].vocabulary\" is required"}]}

POST /v1/manage/trackers?dryRun=true [{},
400 {"message":"Invalid JSON at line 1 column 4.","errors":[{"pointer":"","message":"Invalid JSON at line 1 column 4."}]}

POST /v1/manage/trackers/bulk?dryRun=true {}
400 {"message":"Request body must be an array.","errors":[{"pointer":"","message":"Request body must be an array."}]}

POST /v1/manage/trackers?dryRun=true [{},1]
Accept: application/problem+json
400 {"type":"about:blank","title":"Bad Request","status":400,"detail":"\"[0].name\" is required","code":"invalid","errors":[{"pointer":"/0/name","detail":"\"[0].name\" is required"},{"pointer":"/0/vocabulary","detail":"\"[0].vocabulary\" is required"},{"pointer":"/1","detail":"\"[1]\" must be an object"}]}
Content-Type: application/problem+json



=== names that exist, or repeat, are the conflict that they are without it
--- exchanges
POST /v1/manage/tracker {"name":"A","vocabulary":["x"]}
200 {"tracker":{"id":"ID1","name":"A","vocabulary":["x"]}}

POST /v1/manage/trackers?dryRun=true [{"name":"B","vocabulary":["x"]},{"name":"A","vocabulary":["x"]}]
409 {"message":"Tracker with name \"A\" already exists.","conflicts":[{"index":1,"name":"A","id":"ID1"}]}

POST /v1/manage/trackers?dryRun=true {"trackers":[{"name":"B","vocabulary":["x"]},{"name":"B","vocabulary":["x"]}]}
409 "trackers[1].name" repeats the name of "[0]".

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["x"]}]}



=== only imports know the argument, once, and only two values of it
--- exchanges
POST /v1/manage/tracker?dryRun=true {"name":"A","vocabulary":["x"]}
400 "dryRun" is not allowed.

POST /v1/manage/trackers?dryrun=true {"name":"A","vocabulary":["x"]}
400 "dryrun" is not allowed.

POST /v1/manage/trackers?dryRun=true&dryRun=false {"name":"A","vocabulary":["x"]}
400 "dryRun" is not allowed.

POST /v1/manage/trackers?dryRun=1 {"name":"A","vocabulary":["x"]}
400 "dryRun" must be "true" or "false".

POST /v1/manage/trackers?dryRun {"name":"A","vocabulary":["x"]}
400 "dryRun" must be "true" or "false".

POST /v1/manage/trackers?dryRun=true&x=1 {"name":"A","vocabulary":["x"]}
400 "x" is not allowed.

GET /v1/manage/trackers
200 {"trackers":[]}



=== nothing is written, locked or remembered
--- scenario
my $create = exchange(request('POST', '/v1/manage/trackers',
                              body => tracker_text('there')));
my $before = keys_of();
my $key = ['Idempotency-Key: k', 'Prefer: return=minimal'];
my $told = '{"dryRun":true,"results":[{"index":0,"name":"n",'
           . '"result":"created"}],"summary":{"created":1}}';

is($create->{status}, 200, 'there is one');

for my $body (tracker_text('n'), '[' . tracker_text('n') . ']') {
    my $response = dry($body, headers => $key);

    is($response->{status}, 200, 'checked');
    is($response->{body}, $told, 'what it says');
    is($response->{headers}{'preference-applied'}, undef, 'whatever');
    is($response->{headers}{'cache-control'}, 'private, no-cache', 'caches');
    is(keys_of(), $before, 'no key has come');
}

my $post = exchange(request('POST', '/v1/manage/trackers', headers => $key,
                            body => '[' . tracker_text('other') . ']'));

is($post->{status}, 200, 'the Idempotency-Key was not used');
is(dry('[{}]')->{status}, 400, 'faults');
is(dry('[' . tracker_text('n') . ']')->{status}, 200, 'as before');



=== a large body, its last tracker exists
--- scenario
my @trackers = map { tracker_text("name $_") } 1 .. 20_000;
my $response = dry('[' . join(',', @trackers) . ']');

is($response->{status}, 200, 'checked');

my $told = decode($response->{body});

is(scalar @{$told->{results}}, 20_000, 'a result each');
is_deeply($told->{results}[19_999],
          { index => 19_999, name => 'name 20000', result => 'created' },
          'the last one');
is_deeply($told->{summary}, { created => 20_000 }, 'the summary');

exchange(request('POST', '/v1/manage/trackers', body => $trackers[-1]));
$response = dry('[' . join(',', @trackers) . ']');
is($response->{status}, 409, 'a conflict');
is(decode($response->{body})->{conflicts}[0]{index}, 19_999, 'its place');

$response = dry('[' . join(',', @trackers, '{}', ('1') x 200) . ']');
is($response->{status}, 400, 'and faults behind them');
$told = decode($response->{body});
is(scalar @{$told->{errors}}, 100, 'a hundred are listed');
is($told->{errors}[99]{pointer}, '/20098', 'the last one');



=== over tracker_max_trackers
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 1;
        client_max_body_size 1m;
    }
--- exchanges
POST /v1/manage/trackers?dryRun=true [{"name":"A","vocabulary":["x"]},{"name":"B","vocabulary":["x"]}]
400 The account may hold at most 1 trackers, it has 0 and the request adds 2.



=== names that exist: skipped, merged, replaced
--- exchanges
POST /v1/manage/trackers?on_conflict=error [{"name":"A","description":"d","vocabulary":["x","y"]},{"name":"B","vocabulary":["x"]}]
200 {"results":[{"index":0,"name":"A","id":"ID1","result":"created"},{"index":1,"name":"B","id":"ID2","result":"created"}],"summary":{"created":2}}

POST /v1/manage/trackers?on_conflict=error [{"name":"C","vocabulary":["x"]},{"name":"A","vocabulary":["z"]}]
409 {"message":"Tracker with name \"A\" already exists.","conflicts":[{"index":1,"name":"A","id":"ID1"}]}

POST /v1/manage/trackers?on_conflict=skip [{"name":"C","vocabulary":["x"]},{"name":"A","vocabulary":["z"]}]
200 {"results":[{"index":0,"name":"C","id":"ID3","result":"created"},{"index":1,"name":"A","id":"ID1","result":"skipped"}],"summary":{"created":1,"skipped":1}}

POST /v1/manage/trackers?on_conflict=merge [{"name":"B","vocabulary":["x"]},{"name":"D","vocabulary":["x"]},{"name":"A","description":"e","categories":[],"vocabulary":["z","y","w"]}]
200 {"results":[{"index":0,"name":"B","id":"ID2","result":"unchanged"},{"index":1,"name":"D","id":"ID4","result":"created"},{"index":2,"name":"A","id":"ID1","result":"merged"}],"summary":{"created":1,"merged":1,"unchanged":1}}

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"A","description":"d","vocabulary":["x","y","z","w"]},{"id":"ID2","name":"B","vocabulary":["x"]},{"id":"ID3","name":"C","vocabulary":["x"]},{"id":"ID4","name":"D","vocabulary":["x"]}]}

POST /v1/manage/trackers/bulk?on_conflict=replace {"trackers":[{"id":"1","name":"A","vocabulary":["n"]},{"name":"D","vocabulary":["x"]},{"name":"E","vocabulary":["x"]}]}
200 {"results":[{"index":0,"name":"A","id":"ID1","result":"replaced"},{"index":1,"name":"D","id":"ID4","result":"unchanged"},{"index":2,"name":"E","id":"ID5","result":"created"}],"summary":{"created":1,"replaced":1,"unchanged":1}}

POST /v1/manage/trackers?on_conflict=merge {"name":"E","vocabulary":["y"]}
200 {"results":[{"index":0,"name":"E","id":"ID5","result":"merged"}],"summary":{"merged":1}}

POST /v1/manage/trackers?on_conflict=skip [{"name":"E","vocabulary":["y"]}]
Prefer: return=minimal
200 {"summary":{"skipped":1}}
Preference-Applied: return=minimal

POST /v1/manage/trackers?on_conflict=skip {"name":"E","vocabulary":["y"]}
Prefer: return=minimal
200 {"summary":{"skipped":1}}

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["n"]},{"id":"ID2","name":"B","vocabulary":["x"]},{"id":"ID3","name":"C","vocabulary":["x"]},{"id":"ID4","name":"D","vocabulary":["x"]},{"id":"ID5","name":"E","vocabulary":["x","y"]}]}



=== what would become of names that exist
--- exchanges
POST /v1/manage/trackers [{"name":"A","vocabulary":["x"]},{"name":"B","vocabulary":["x"]}]
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["x"]},{"id":"ID2","name":"B","vocabulary":["x"]}]}

POST /v1/manage/trackers?dryRun=true&on_conflict=merge [{"name":"A","vocabulary":["y"]},{"name":"B","vocabulary":["x"]},{"name":"C","vocabulary":["x"]}]
200 {"dryRun":true,"results":[{"index":0,"name":"A","id":"ID1","result":"merged"},{"index":1,"name":"B","id":"ID2","result":"unchanged"},{"index":2,"name":"C","result":"created"}],"summary":{"created":1,"merged":1,"unchanged":1}}

POST /v1/manage/trackers?on_conflict=replace&dryRun=true [{"name":"A","vocabulary":["y"]}]
200 {"dryRun":true,"results":[{"index":0,"name":"A","id":"ID1","result":"replaced"}],"summary":{"replaced":1}}

POST /v1/manage/trackers?on_conflict=skip&dryRun=true [{"name":"A","vocabulary":["y"]}]
200 {"dryRun":true,"results":[{"index":0,"name":"A","id":"ID1","result":"skipped"}],"summary":{"skipped":1}}

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["x"]},{"id":"ID2","name":"B","vocabulary":["x"]}]}



=== a policy is one of four, once, on an import
--- exchanges
POST /v1/manage/trackers?on_conflict=update [{"name":"A","vocabulary":["y"]}]
400 "on_conflict" must be "error", "skip", "merge" or "replace".

POST /v1/manage/trackers?on_conflict=skip&on_conflict=skip [{"name":"A","vocabulary":["y"]}]
400 "on_conflict" is not allowed.

POST /v1/manage/tracker?on_conflict=skip {"name":"A","vocabulary":["y"]}
400 "on_conflict" is not allowed.



=== an import that was done is told again
--- scenario
my $post = sub {
    my ($query, $body) = @_;

    return exchange(request('POST', "/v1/manage/trackers?$query",
                            body => $body, headers => ['Idempotency-Key: k']));
};
my $body = '[' . join(',', map { tracker_text($_) } qw(a b)) . ']';

exchange(request('POST', '/v1/manage/trackers', body => tracker_text('a')));

my $first = $post->('on_conflict=skip', $body);

is($first->{status}, 200, 'done');
like($first->{body}, qr/"summary":\{"created":1,"skipped":1\}/, 'one is new');

my $before = redis('GET', (grep { /:rev$/ } @{redis('KEYS', '*')})[0]);
my $again = $post->('on_conflict=skip', $body);

is($again->{body}, $first->{body}, 'the same answer');
is(redis('GET', (grep { /:rev$/ } @{redis('KEYS', '*')})[0]), $before,
   'nothing is written');
is($post->('on_conflict=merge', $body)->{status}, 409, 'another policy');
is($post->('on_conflict=skip', '[]')->{status}, 400, 'another body');
is_deeply([grep { /:lock$/ } @{redis('KEYS', '*')}], [], 'no lock is left');



=== a large import, of which half exists
--- scenario
my @half = map { tracker_text("name $_") } 1 .. 5000;
my $all = '[' . join(',', map { tracker_text("name $_", 'x', "p $_") }
                          1 .. 10_000) . ']';

is(exchange(request('POST', '/v1/manage/trackers',
                    body => '[' . join(',', @half) . ']'))->{status},
   200, 'half of it');

for (['merge', 'merged'], ['merge', 'unchanged'], ['replace', 'unchanged']) {
    my ($policy, $half) = @$_;
    my $response = exchange(request('POST',
                                    "/v1/manage/trackers?on_conflict=$policy",
                                    body => $all));

    is($response->{status}, 200, $policy);

    my $summary = decode($response->{body})->{summary};

    is(($summary->{created} // 0) + ($summary->{$half} // 0)
       + ($summary->{replaced} // 0), 10_000, 'a result each');
}

my $list = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});

is(scalar @{$list->{trackers}}, 10_000, 'as many are there');
is_deeply($list->{trackers}[9999]{vocabulary}, ['x', 'p 10000'], 'the last');



=== the index of a large import: in order, and nothing besides
--- scenario
my $index = account_key('tester', 'index');
my @names;

for my $n (63, 64, 1100) {
    exchange(post('trackers?on_conflict=skip', '['
        . join(',', map { tracker_text("$n $_") } 1 .. $n) . ']'));
    push @names, map { "$n $_" } 1 .. $n;

    my $list = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});
    my @had = @{redis('ZRANGE', $index, -$n, -1, 'WITHSCORES')};
    my $rev = redis('GET', account_key('tester', 'rev'));
    my $wrong = grep { $had[2 * $_ + 1] != $rev - $n + 1 + $_ } 0 .. $n - 1;

    ok("@names" eq join(' ', map { $_->{name} } @{$list->{trackers}}),
       "$n: in their order");
    is($wrong, 0, "$n: the scores");
    is(redis('ZCARD', $index), @names, "$n: the members");
}

# Redis would make a list of them, and walk through it for each one

redis('FLUSHALL');
exchange(post('trackers?on_conflict=skip', '['
    . join(',', map { tracker_text("n$_") } 1 .. 64) . ']'));
is(redis('OBJECT', 'ENCODING', $index), 'skiplist', 'of 64 alone');
is(redis('ZCARD', $index), 64, 'all of them');



=== the limits hold for what is made of both
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 2;
        tracker_max_phrases 2;
        client_max_body_size 1m;
    }
--- exchanges
POST /v1/manage/trackers?on_conflict=merge [{"name":"A","vocabulary":["x"]}]
200 {"results":[{"index":0,"name":"A","id":"ID1","result":"created"}],"summary":{"created":1}}

POST /v1/manage/trackers?on_conflict=merge {"trackers":[{"name":"B","vocabulary":["x"]},{"name":"A","vocabulary":["y","z"]}]}
400 {"message":"\"trackers[1].vocabulary\" must contain at most 2 phrases, found 3","errors":[{"pointer":"/trackers/1/vocabulary","message":"\"trackers[1].vocabulary\" must contain at most 2 phrases, found 3"}]}

POST /v1/manage/trackers?on_conflict=skip [{"name":"A","vocabulary":["y"]},{"name":"B","vocabulary":["y"]},{"name":"C","vocabulary":["y"]}]
400 The account may hold at most 2 trackers, it has 1 and the request adds 2.

POST /v1/manage/trackers?dryRun=true&on_conflict=skip [{"name":"A","vocabulary":["y"]},{"name":"B","vocabulary":["y"]},{"name":"C","vocabulary":["y"]}]
400 The account may hold at most 2 trackers, it has 1 and the request adds 2.

POST /v1/manage/trackers?on_conflict=skip [{"name":"A","vocabulary":["y"]},{"name":"B","vocabulary":["y"]}]
200 {"results":[{"index":0,"name":"A","id":"ID1","result":"skipped"},{"index":1,"name":"B","id":"ID2","result":"created"}],"summary":{"created":1,"skipped":1}}



=== a tracker of client_max_body_size: replaced as by PUT, but not merged
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1k;
    }
--- scenario
my $all = sub {
    my ($c) = @_;

    return tracker_text('a', $c x (1024 - length tracker_text('a', '')));
};
my $id = decode(exchange(post('trackers', tracker_text('a')))->{body})
         ->{tracker}{id};

is(exchange(request('PUT', "/v1/manage/tracker/$id",
                    body => $all->('p')))->{status}, 200, 'PUT');
exchange(request('PUT', "/v1/manage/tracker/$id", body => tracker_text('a')));

for my $query ('on_conflict=replace&dryRun=true', 'on_conflict=replace') {
    my $response = exchange(post("trackers?$query", $all->('r')));

    is($response->{status}, 200, $query);
    like($response->{body}, qr/"summary":\{"replaced":1\}/, 'what it says');
}

my ($b, $m) = (tracker_text('b'), tracker_text('a', 'm'));
my $says = 'would make its tracker exceed the limit of 1024 bytes';

for (['The tracker would exceed the limit of 1024 bytes.', '', $m],
     [qq("[1]" $says), '/1', "[$b,$m]"],
     [qq("trackers[1]" $says), '/trackers/1', qq({"trackers":[$b,$m]})],
     ["Line 3 $says", '/1', "$b\n\n$m\n", type => 'application/x-ndjson'])
{
    my ($message, $pointer, $body, @type) = @$_;

    for my $query ('on_conflict=merge', 'on_conflict=merge&dryRun=true') {
        my $response = exchange(post("trackers?$query", $body, @type));

        is($response->{status}, 400, "$query: $message");
        is_deeply(decode($response->{body}),
                  { message => $message,
                    errors => [{ pointer => $pointer,
                                 message => $message }] }, 'which it is');
    }

    my $problem = decode(exchange(post('trackers?on_conflict=merge', $body,
        @type, headers => ['Accept: application/problem+json']))->{body});

    is($problem->{code}, 'grown', 'a problem');
    is_deeply($problem->{errors}, [{ pointer => $pointer,
                                     detail => $message }], 'which it is');
}



=== of two large imports one is done, and what is done is told
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 16m;
        tracker_timeout 120s;
        tracker_redis_timeout 60s;
    }
--- scenario
my $body = sub {
    my ($n) = @_;

    return '[' . join(',', map { qq({"name":"$_","vocabulary":["x"]}) }
                           1 .. $n) . ']';
};
my $skip = '/v1/manage/trackers?on_conflict=skip';
my $large = request('POST', $skip, body => $body->(80_000));
my @statuses = sort map { $_->{status} } parallel($large, $large);

is($statuses[0], 200, "one of them is done: @statuses");
is(redis('EXISTS', lock_key()), 0, 'no lock is left');

# the memory that a dry run holds meanwhile leaves none for the answer
my $n = 47_000;
my $all = $body->($n);

for my $less (37_000, 39_000, 40_000) {
    redis('FLUSHALL');

    my ($done) = parallel(request('POST', $skip, body => $all),
                          request('POST', "$skip&dryRun=true",
                                  body => $body->($less)));

    is(redis('ZCARD', account_key('tester', 'index')),
       $done->{status} == 200 ? $n : 0, "$less: $done->{status}");
}



=== one tracker, sent again with its Idempotency-Key: no Location of another
--- scenario
my @key = (headers => ['Idempotency-Key: k', 'Prefer: return=representation']);
my ($first, $again) = map {
    exchange(post('trackers?on_conflict=skip', tracker_text('a'), @key))
} 1 .. 2;

is($_->{status}, 200, 'status') for $first, $again;
is($again->{body}, $first->{body}, 'the first answer');
is($again->{headers}{location}, undef, 'its id is in the results');
is($_->{headers}{'preference-applied'}, undef, 'results, not the tracker')
    for $first, $again;



=== a client that goes away: all of its import, or nothing, and no lock
--- scenario
my $body = '[' . join(',', map { tracker_text("n $_") } 1 .. 300) . ']';
my $request = request('POST', '/v1/manage/trackers?on_conflict=merge',
                      body => $body);
my %seen;

for my $round (1 .. 40) {
    my $sock = connect_nginx();

    send_bytes($sock, $request);
    select undef, undef, undef, $round / 4000;
    close $sock;

    wait_until(sub { !redis('EXISTS', lock_key()) }, 'no lock is left');

    my $n = redis('ZCARD', account_key('tester', 'index'));

    $seen{$n}++;
    redis('FLUSHALL');
}

is(join(' ', grep { $_ != 0 && $_ != 300 } keys %seen), '', 'all or nothing');



=== a client that goes away while a large tracker is merged
--- scenario
my $request = post('trackers?on_conflict=merge', tracker_text('n', 'more'));

for my $round (1 .. 40) {
    my $sock;

    if ($round % 10 == 1) {
        redis('FLUSHALL');
        exchange(post('trackers', tracker_text('n', map { "p $_" } 1 .. 80_000)));
    }

    $sock = connect_nginx();
    send_bytes($sock, $request);
    select undef, undef, undef, $round % 10 / 1000;
    close $sock;

    wait_until(sub { !redis('EXISTS', lock_key()) }, 'no lock is left');
}

is(decode(exchange($request)->{body})->{summary}{unchanged}
   // decode(exchange($request)->{body})->{summary}{unchanged}, 1, 'merged');



=== imports, changes and deletes at the same time
--- scenario
my @names = map { "n $_" } 1 .. 40;
my $all = sub {
    my ($policy, $phrase) = @_;

    return request('POST', "/v1/manage/trackers?on_conflict=$policy",
                   body => '[' . join(',', map { tracker_text($_, $phrase) }
                                      @names) . ']');
};

exchange($all->('error', 'first'));

my (%statuses, $first);

for my $round (1 .. 30) {
    my $list = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});
    my @ids = map { $_->{id} } @{$list->{trackers}};
    my @answers = parallel($all->('merge', "p $round"),
                           map({ request('DELETE', "/v1/manage/tracker/$_") }
                               @ids[0 .. 9]),
                           $all->('replace', "r $round"));

    $statuses{$_->{status}}++ for @answers;

    if ($answers[0]{status} == 200 && !$first++) {
        is(scalar @{decode($answers[0]{body})->{results}}, 40, 'all results');
    }

    # each name is that of the tracker that has it
    my @now = @{decode(exchange(request('GET', '/v1/manage/trackers'))
                           ->{body})->{trackers}};
    my %ids = map { $_->{name} => $_->{id} } @now;

    my @wrong = grep {
        (redis('GET', account_key('tester', "name:$_")) // '') ne
            ($ids{$_} // '')
    } @names;

    is("@wrong", '', "round $round: names and trackers agree");
    is(scalar keys %ids, scalar @now, 'no name twice');
    exchange($all->('skip', 'again'));
}

is(join(' ', grep { !/^(200|404|429)$/ } keys %statuses), '',
   'statuses: ' . join ' ', sort keys %statuses);



=== without locks, too
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        client_max_body_size 1m;
    }
--- scenario
my $body = '[' . join(',', map { tracker_text("n $_", 'p') } 1 .. 50) . ']';
my @answers = parallel(map { request('POST',
    '/v1/manage/trackers?on_conflict=merge', body => $body) } 1 .. 8);

is(join(' ', map { $_->{status} } @answers), join(' ', (200) x 8), 'all done');

my @created = grep { $_->{body} =~ /"created":50/ } @answers;

is(scalar @created, 1, 'one of them has created all');
is(redis('ZCARD', account_key('tester', 'index')), 50, 'once');



=== a connection that is lost: done, and done once
--- scenario
my $body = '[' . join(',', map { tracker_text("n $_", 'x' x 50) } 1 .. 2000)
           . ']';
my $request = request('POST', '/v1/manage/trackers?on_conflict=merge',
                      body => $body);
my (%statuses, %told);

for my $round (1 .. 25) {
    my $sock = connect_nginx();

    send_bytes($sock, $request);
    select undef, undef, undef, $round / 1500;
    redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

    my $response = read_response($sock);

    $statuses{$response->{status}}++;
    $told{join ' ', sort keys %{decode($response->{body})->{summary} // {}}}++;

    is(redis('ZCARD', account_key('tester', 'index')), 2000, 'all, once');
    redis('FLUSHALL');
}

is(join(' ', keys %statuses), 200, 'each is answered');
is(join(', ', keys %told), 'created', 'by what it did');



=== what Redis has does not fit together: no write, and no attempts for ever
--- scenario
redis('LPUSH', account_key('tester', 'name:list'), 'x');
redis('SET', account_key('tester', 'name:gone'), '4503599627370497');

my $before = keys_of();

for (['on_conflict=skip', 'list', 500], ['on_conflict=merge', 'list', 500],
     ['dryRun=true', 'list', 500], ['on_conflict=merge', 'gone', 500],
     ['on_conflict=replace&dryRun=true', 'gone', 500],
     ['on_conflict=skip', 'gone', 200])
{
    my ($query, $name, $status) = @$_;
    my $response = exchange(request('POST', "/v1/manage/trackers?$query",
                                    body => '[' . tracker_text($name) . ']'));

    is($response->{status}, $status, "$query, $name");
}

is(keys_of(), $before, 'nothing is written, no lock is left');
is(redis('TYPE', account_key('tester', 'name:list')), 'list', 'as it was');



=== a stored record that is invalid is not merged, nor deleted
--- scenario
my $id = decode(exchange(post('trackers', tracker_text('a')))->{body})
         ->{tracker}{id};

redis('SET', account_key('tester', "id:$id"), qq({"id":"$id","name":1}));

my $before = keys_of();

for (['on_conflict=merge', 'a'], ['on_conflict=merge&dryRun=true', 'a'],
     ['on_conflict=replace&rest=delete', 'b', headers => ['If-Match: *']])
{
    my ($query, $name, @if) = @$_;
    my $response = exchange(post("trackers?$query",
                                 '[' . tracker_text($name, 'y') . ']', @if));

    is($response->{status}, 500, $query);
}

is(keys_of(), $before, 'nothing is written, no lock is left');
is(exchange(post('trackers?on_conflict=replace', tracker_text('a')))->{status},
   200, 'it is replaced');
--- error_log
stored record of tracker


=== rest=delete: the body is the whole dictionary
--- exchanges
POST /v1/manage/trackers [{"name":"A","vocabulary":["x"]},{"name":"B\"é","vocabulary":["x"]},{"name":"C","vocabulary":["x"]}]
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["x"]},{"id":"ID2","name":"B\"é","vocabulary":["x"]},{"id":"ID3","name":"C","vocabulary":["x"]}]}

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["x"]},{"id":"ID2","name":"B\"é","vocabulary":["x"]},{"id":"ID3","name":"C","vocabulary":["x"]}]}
ETag: "ETAG1"

POST /v1/manage/trackers?on_conflict=replace&rest=delete&dryRun=true [{"name":"C","vocabulary":["x"]},{"name":"D","vocabulary":["x"]},{"name":"A","vocabulary":["y"]}]
If-Match: "ETAG1"
200 {"dryRun":true,"results":[{"index":0,"name":"C","id":"ID3","result":"unchanged"},{"index":1,"name":"D","result":"created"},{"index":2,"name":"A","id":"ID1","result":"replaced"},{"name":"B\"é","id":"ID2","result":"deleted"}],"summary":{"created":1,"replaced":1,"unchanged":1,"deleted":1}}
! ETag

POST /v1/manage/trackers?on_conflict=replace&rest=delete [{"name":"C","vocabulary":["x"]},{"name":"D","vocabulary":["x"]},{"name":"A","vocabulary":["y"]}]
If-Match: "ETAG1"
200 {"results":[{"index":0,"name":"C","id":"ID3","result":"unchanged"},{"index":1,"name":"D","id":"ID4","result":"created"},{"index":2,"name":"A","id":"ID1","result":"replaced"},{"name":"B\"é","id":"ID2","result":"deleted"}],"summary":{"created":1,"replaced":1,"unchanged":1,"deleted":1}}
! ETag

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["y"]},{"id":"ID3","name":"C","vocabulary":["x"]},{"id":"ID4","name":"D","vocabulary":["x"]}]}
ETag: "ETAG2"

GET /v1/manage/tracker/ID2
404 Tracker with id "ID2" does not exist.

POST /v1/manage/trackers?on_conflict=replace&rest=delete [{"name":"C","vocabulary":["x"]}]
If-Match: "ETAG1"
412 The list of trackers has changed.

POST /v1/manage/trackers?on_conflict=replace&rest=delete {"trackers":[{"id":"1","name":"C","vocabulary":["x"]}]}
If-Match: "x", W/"ETAG2"
Prefer: return=minimal
200 {"summary":{"unchanged":1,"deleted":2}}

POST /v1/manage/trackers/bulk?rest=delete&on_conflict=replace [{"name":"B\"é","vocabulary":["x"]}]
If-Match: *
200 {"results":[{"index":0,"name":"B\"é","id":"ID5","result":"created"},{"name":"C","id":"ID3","result":"deleted"}],"summary":{"created":1,"deleted":1}}

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID5","name":"B\"é","vocabulary":["x"]}]}



=== rest=delete needs If-Match, replace, and an array
--- exchanges
POST /v1/manage/trackers?on_conflict=replace&rest=delete [{"name":"C","vocabulary":["x"]}]
428 If-Match with the ETag of the list is required.

POST /v1/manage/trackers?on_conflict=replace&rest=delete&dryRun=true [{"name":"C","vocabulary":["x"]}]
428 If-Match with the ETag of the list is required.

POST /v1/manage/trackers?on_conflict=replace&rest=delete&dryRun=true [{"name":"C","vocabulary":["x"]}]
If-Match: "x"
412 The list of trackers has changed.

POST /v1/manage/trackers?on_conflict=merge&rest=delete [{"name":"C","vocabulary":["x"]}]
If-Match: *
400 "rest" must be "delete", and "on_conflict" "replace".

POST /v1/manage/trackers?rest=delete [{"name":"C","vocabulary":["x"]}]
If-Match: *
400 "rest" must be "delete", and "on_conflict" "replace".

POST /v1/manage/trackers?on_conflict=replace&rest=keep [{"name":"C","vocabulary":["x"]}]
If-Match: *
400 "rest" must be "delete", and "on_conflict" "replace".

POST /v1/manage/trackers?on_conflict=replace&rest=delete {"name":"C","vocabulary":["x"]}
If-Match: *
400 {"message":"Request body must be an array.","errors":[{"pointer":"","message":"Request body must be an array."}]}

POST /v1/manage/trackers?on_conflict=replace&rest=delete []
If-Match: *
400 {"message":"Request body must not be empty.","errors":[{"pointer":"","message":"Request body must not be empty."}]}

POST /v1/manage/trackers?on_conflict=replace&rest=delete [{"name":"C","vocabulary":["x"]}]
If-Match: *
If-None-Match: "x"
400 If-None-Match is not supported with POST.

POST /v1/manage/trackers?on_conflict=replace [{"name":"C","vocabulary":["x"]}]
If-Match: *
400 If-Match is not supported with POST.

POST /v1/manage/tracker?on_conflict=replace&rest=delete {"name":"C","vocabulary":["x"]}
If-Match: *
400 "on_conflict" is not allowed.

GET /v1/manage/trackers
200 {"trackers":[]}



=== rest=delete makes room under tracker_max_trackers
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 2;
        client_max_body_size 1m;
    }
--- exchanges
POST /v1/manage/trackers [{"name":"A","vocabulary":["x"]},{"name":"B","vocabulary":["x"]}]
200 {"trackers":[{"id":"ID1","name":"A","vocabulary":["x"]},{"id":"ID2","name":"B","vocabulary":["x"]}]}

POST /v1/manage/trackers?on_conflict=replace&rest=delete&dryRun=true [{"name":"B","vocabulary":["x"]},{"name":"C","vocabulary":["x"]},{"name":"D","vocabulary":["x"]}]
If-Match: *
400 The account may hold at most 2 trackers, it has 2 and the request adds 1.

POST /v1/manage/trackers?on_conflict=replace&rest=delete [{"name":"B","vocabulary":["x"]},{"name":"C","vocabulary":["x"]},{"name":"D","vocabulary":["x"]}]
If-Match: *
400 The account may hold at most 2 trackers, it has 2 and the request adds 1.

POST /v1/manage/trackers?on_conflict=replace&rest=delete&dryRun=true [{"name":"C","vocabulary":["x"]},{"name":"D","vocabulary":["x"]}]
If-Match: *
200 {"dryRun":true,"results":[{"index":0,"name":"C","result":"created"},{"index":1,"name":"D","result":"created"},{"name":"A","id":"ID1","result":"deleted"},{"name":"B","id":"ID2","result":"deleted"}],"summary":{"created":2,"deleted":2}}

POST /v1/manage/trackers?on_conflict=replace&rest=delete [{"name":"C","vocabulary":["x"]},{"name":"D","vocabulary":["x"]}]
If-Match: *
200 {"results":[{"index":0,"name":"C","id":"ID3","result":"created"},{"index":1,"name":"D","id":"ID4","result":"created"},{"name":"A","id":"ID1","result":"deleted"},{"name":"B","id":"ID2","result":"deleted"}],"summary":{"created":2,"deleted":2}}

GET /v1/manage/trackers
200 {"trackers":[{"id":"ID3","name":"C","vocabulary":["x"]},{"id":"ID4","name":"D","vocabulary":["x"]}]}



=== a whole dictionary that was replaced is told again, byte for byte
--- scenario
my $post = sub {
    my ($names, %o) = @_;
    my $rest = $o{keep} ? '' : '&rest=delete';
    my $key = $o{key} // 'k';

    return exchange(request('POST', "/v1/manage/trackers?on_conflict=replace$rest",
                            body => '[' . join(',', map { tracker_text($_) }
                                               @$names) . ']',
                            headers => ["Idempotency-Key: $key",
                                        $o{keep} ? () : "If-Match: $o{tag}"]));
};

$post->(['a', 'b', "\x{22}"], keep => 1, key => 'first');

my $list = exchange(request('GET', '/v1/manage/trackers'));
my $tag = $list->{headers}{etag};
my $first = $post->(['b', 'c'], tag => $tag);

is($first->{status}, 200, 'done');
like($first->{body}, qr/"summary":\{"created":1,"unchanged":1,"deleted":2\}/,
     'what became of them');
is($post->(['b', 'c'], tag => $tag)->{body}, $first->{body},
   'the same answer, though the list has changed');
is($post->(['b', 'c'], tag => '"x"')->{body}, $first->{body},
   'whatever If-Match says now');
is($post->(['b', 'c'], keep => 1)->{status}, 409, 'without rest: another');
is($post->(['b', 'c'], tag => $tag, key => 'other')->{status}, 412,
   'another request');

my $stored = keys_of();

unlike($stored, qr/:name:[a"]/, 'no name is left');
unlike($stored, qr/:lock/, 'no lock is left');
is(redis('ZCARD', account_key('tester', 'index')), 2, 'two trackers');

# those that were deleted have tombstones, which end
my @empty = grep { /:id:/ && redis('GET', $_) eq '' } @{redis('KEYS', '*')};

is(scalar @empty, 4, 'tombstones, and marks of two imports');
is(scalar(grep { redis('PTTL', $_) <= 0 } @empty), 0, 'all of them end');

# the tag of the lines is one of the list, too
my $lines = exchange(request('GET', '/v1/manage/trackers',
                             headers => ['Accept: application/x-ndjson']));

like($lines->{headers}{etag}, qr/-lines"$/, 'a tag of the lines');
is($post->(['d'], tag => $lines->{headers}{etag}, key => 'l')->{status}, 200,
   'is taken');



=== rest=delete: the ETag of a part of the list is not the list's
--- scenario
my $body = '[' . join(',', map { tracker_text($_) } qw(a b c)) . ']';
my $whole = 'trackers?on_conflict=replace&rest=delete';
my $tag = sub {
    my ($query, @headers) = @_;

    return exchange(request('GET', "/v1/manage/trackers$query",
                            headers => [@headers]))->{headers}{etag};
};

exchange(post('trackers', $body));

my $next = decode(exchange(request('GET', '/v1/manage/trackers?limit=1'))
                      ->{body})->{next};
my @lines = ('Accept: application/x-ndjson');

for (['?limit=2'], ['?name=a'], ["?cursor=$next"], ['?limit=1000'],
     ['?limit=2', @lines])
{
    for my $query ($whole, "$whole&dryRun=true") {
        my $response = exchange(post($query, $body,
                                     headers => ['If-Match: '
                                                 . $tag->(@$_)]));

        is($response->{status}, 412, "@$_");
        is_message($response->{body},
                   'If-Match has the ETag of a part of the list.', 'why');
    }
}

is(exchange(post($whole, $body, headers => ["If-Match: $_"]))->{status}, 200,
   "the whole: $_")
    for $tag->(''), $tag->('', @lines), $tag->('?limit=1') . ', ' . $tag->('');



=== of two whole dictionaries one is the account's, nothing is mixed
--- scenario
my %statuses;

for my $round (1 .. 25) {
    exchange(request('POST', '/v1/manage/trackers',
                     body => '[' . join(',', map { tracker_text("o $_") }
                                        1 .. 30) . ']'));

    my $list = exchange(request('GET', '/v1/manage/trackers'));
    my @ids = $list->{body} =~ /"id":"(\d+)"/g;
    my $replace = sub {
        my ($prefix) = @_;

        return request('POST',
                       '/v1/manage/trackers?on_conflict=replace&rest=delete',
                       body => '[' . join(',', map { tracker_text("$prefix $_") }
                                          1 .. 30) . ']',
                       headers => ["If-Match: $list->{headers}{etag}"]);
    };
    my @answers = parallel($replace->('a'), $replace->('b'),
                           $round % 2 ? () : request('DELETE',
                               "/v1/manage/tracker/$ids[3]"));

    $statuses{$_->{status}}++ for @answers;

    my $now = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});
    my %kinds = map { substr($_->{name}, 0, 1) => 1 } @{$now->{trackers}};

    is(scalar keys %kinds, 1, "round $round: one of them");
    cmp_ok(scalar @{$now->{trackers}}, '>=', 29, 'all of it');

    my @names = grep { /:name:/ } @{redis('KEYS', '*')};

    is(scalar @names, scalar @{$now->{trackers}}, 'a name for each');
    redis('FLUSHALL');
}

is(join(' ', grep { !/^(200|404|412|429)$/ } keys %statuses), '',
   'statuses: ' . join ' ', sort keys %statuses);



=== a large dictionary that is replaced, without locks
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        client_max_body_size 1m;
    }
--- scenario
my $post = sub {
    my ($query, @names) = @_;

    return exchange(request('POST', "/v1/manage/trackers$query",
                            body => '[' . join(',', map { tracker_text($_) }
                                               @names) . ']',
                            headers => $query ? ['If-Match: *'] : []));
};

is($post->('', map { "n $_" } 1 .. 12_000)->{status}, 200, 'what there is');

my $query = '?on_conflict=replace&rest=delete';
my @names = map { "n $_" } 6001 .. 18_000;
my $summary = { created => 6000, unchanged => 6000, deleted => 6000 };

is_deeply(decode($post->("$query&dryRun=true", @names)->{body})->{summary},
          $summary, 'what would become of it');
is_deeply(decode($post->($query, @names)->{body})->{summary}, $summary,
          'what became of it');
is(scalar(grep { /:name:/ } @{redis('KEYS', '*')}), 12_000, 'so many names');

my $list = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});

is($list->{trackers}[-1]{name}, 'n 18000', 'the last one');



=== more, or larger ones, than one import may delete
--- scenario
my $index = account_key('tester', 'index');
my $tracker = tracker_text('n');
my $replace = request('POST',
                      '/v1/manage/trackers?on_conflict=replace&rest=delete',
                      body => "[$tracker]", headers => ['If-Match: *']);

exchange(request('POST', '/v1/manage/trackers', body => $tracker));
redis('EVAL', 'for i = 1, 50001 do redis.call("zadd", KEYS[1], i, '
              . '"4503599627" .. string.format("%06d", i)) end', 1, $index);

my $response = exchange($replace);

is($response->{status}, 400, 'too many');
is_message($response->{body}, 'The request would delete more than 50000 '
           . 'trackers, the limit of one request.', 'why');
redis('ZREMRANGEBYRANK', $index, 17, -1);

for my $id (1 .. 17) {
    redis('SET', account_key('tester', sprintf 'id:4503599627%06d', $id),
          sprintf '{"id":"4503599627%06d","name":"%d","vocabulary":["%s"]}',
                  $id, $id, 'x' x 1_000_000);
}

$response = exchange($replace);
is($response->{status}, 400, 'too large');
is_message($response->{body}, 'The trackers that the request would change or '
           . 'delete have more than 16777216 bytes, the limit of one request.',
           'why');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');
redis('ZREMRANGEBYRANK', $index, 3, -1);
like(exchange($replace)->{body}, qr/"deleted":3\}/, 'a few large ones');



=== large records are fetched by few names at a time, small ones by a thousand
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 16m;
    }
--- scenario
my $all = sub {
    my (@phrases) = @_;

    return post('trackers?on_conflict=merge',
                '[' . join(',', map({ tracker_text("a $_", 's', @phrases) }
                                    1 .. 150),
                           map({ tracker_text("b $_",
                                              @phrases ? 's' : 'x' x 64_000) }
                               1 .. 150),
                           map({ tracker_text("c $_", 's', @phrases) }
                               1 .. 2000)) . ']');
};

is(exchange($all->())->{status}, 200, 'what there is');

redis('CONFIG', 'SET', 'slowlog-max-len', 10_000);
redis('CONFIG', 'SET', 'slowlog-log-slower-than', 0);
redis('SLOWLOG', 'RESET');

like(exchange($all->('t'))->{body}, qr/"summary":\{"merged":2300\}/, 'merged');

# arguments of each command: of a script, the number of its keys
my @fetches = map { $_->[3][2] } reverse grep {
    $_->[3][0] =~ /^evalsha$/i && $_->[3][3] =~ /:id:/ && $_->[3][2] <= 1000
} @{redis('SLOWLOG', 'GET', -1)};

redis('CONFIG', 'SET', 'slowlog-log-slower-than', -1);

is($fetches[0], 1000, 'a thousand at first');
is((sort { $a <=> $b } @fetches[2 .. 30])[-1], 64, 'few of the large ones');
is((sort { $a <=> $b } @fetches[31 .. $#fetches])[-1], 1000,
   'a thousand of the small ones');
cmp_ok(scalar @fetches, '<', 60, 'stretches') or diag("@fetches");



=== lines: the same as an array of them
--- scenario
sub post_lines {
    my ($query, $body, %o) = @_;

    return exchange(request('POST', "/v1/manage/trackers$query",
                            type => 'application/x-ndjson', body => $body,
                            %o));
}

my ($a, $b, $c) = map { tracker_text($_) } qw(a b c);
my $response = post_lines('', "$a\n$b\n");

is($response->{status}, 200, 'created');
is_deeply([map { $_->{name} } @{decode($response->{body})->{trackers}}],
          ['a', 'b'], 'in their order');

$response = post_lines('', "$c\n", headers => ['Prefer: return=minimal']);
is($response->{status}, 200, 'one line');
is($response->{body}, '{"summary":{"created":1}}', 'is a bulk');

$response = post_lines('', "\n$c");
is($response->{status}, 409, 'a name exists');
like($response->{body}, qr/"conflicts":\[\{"index":0,"name":"c"/, 'where');

$response = post_lines('?on_conflict=skip', "$a\r\n\r\n{\"id\":\"1\"," .
                       '"name":"d","vocabulary":["x"]}');
like($response->{body}, qr/"summary":\{"created":1,"skipped":1\}/, 'a policy');

$response = post_lines('?dryRun=true', tracker_text('e'));
is($response->{body}, '{"dryRun":true,"results":[{"index":0,"name":"e",'
                      . '"result":"created"}],"summary":{"created":1}}',
   'a dry run');
is(exchange(request('POST', '/v1/manage/trackers/bulk', body => "$a\n",
                    type => 'application/x-ndjson; charset=utf-8'))->{status},
   409, 'trackers/bulk');

is_message(exchange(request('POST', '/v1/manage/tracker', body => "$a\n",
                            type => 'application/x-ndjson'))->{body},
           'Content-Type must be application/json.', 'tracker');

for (["\n", 'Request body must not be empty.'],
     ["$a\n[1\n", 'Invalid JSON at line 2 column 2.'],
     ["$a,\n$b", 'Invalid JSON at line 1 column ' . (1 + length $a) . '.'],
     ["\n{}\n", 'Line 2: \"name\" is required'],
     ["$a\n\n[]", 'Line 3 must be an object'])
{
    my ($body, $message) = @$_;

    for my $query ('', '?dryRun=true', '?on_conflict=merge') {
        $response = post_lines($query, $body);
        is($response->{status}, 400, "status $query");
        like($response->{body}, qr/^\{"message":"\Q$message\E","errors":\[\{/,
             $message);
    }
}

$response = post_lines('?on_conflict=skip', "$a\n\n$a\n");
is($response->{status}, 409, 'a name twice');
is_message($response->{body}, 'Line 3: "name" repeats the name of line 1.', 'where');



=== lines without an argument: ids are ignored and faults listed, not so in an array
--- scenario
my $id = '{"id":"4503599627370496","name":"a","vocabulary":["x"]}';
my $post = sub {
    my ($body, $type) = @_;

    return exchange(request('POST', '/v1/manage/trackers', body => $body,
                            type => "application/$type"));
};

is($post->("[$id]", 'json')->{body}, '{"message":"\"[0].id\" is not allowed"}',
   'an array');

my $lines = $post->("$id\n{\"end\":true,\"count\":1}\n", 'x-ndjson');
my $created = decode($lines->{body})->{trackers};

is(scalar @$created, 1, 'lines, as GET answers them');
like($created->[0]{id}, qr/^\d{16}$/, 'an id');
isnt($created->[0]{id}, '4503599627370496', 'another one');

is_deeply(decode($post->("{}\n", 'x-ndjson')->{body})->{errors},
          [{ pointer => '/0/name', message => 'Line 1: "name" is required' },
           { pointer => '/0/vocabulary',
             message => 'Line 1: "vocabulary" is required' }], 'all faults');
is($post->('[{}]', 'json')->{body}, '{"message":"\"[0].name\" is required"}',
   'of an array the first one, as ever');
is_deeply(decode($post->('{"id":1}', 'x-ndjson')->{body})->{errors}[0],
          { pointer => '/0/id', message => 'Line 1: "id" must be a string' },
          'an id that is no string');



=== lines: what GET answers posts back, whole or not at all
--- scenario
my $says = sub {
    my ($response, $message, $title) = @_;

    is(decode($response->{body})->{message}, $message, $title);
};
my $as = sub {
    my ($account, $method, $path, %o) = @_;

    return exchange(request($method, "/v1/manage/$path", account => $account,
                            %o));
};
my @lines = (headers => ['Accept: application/x-ndjson']);
my @type = (type => 'application/x-ndjson');

$as->('from', 'POST', 'trackers', body => '[' . join(',',
      map { tracker_text("n $_", "a\nb", "p $_") } 1 .. 3000) . ']');

my $export = $as->('from', 'GET', 'trackers', @lines);
my ($body, $tag) = ($export->{body}, $export->{headers}{etag});

is($as->('to', 'POST', 'trackers', body => $body, @type)->{status}, 200,
   'into another account');

my $copy = $as->('to', 'GET', 'trackers', @lines)->{body};

is($copy =~ s/"id":"\d+",//gr, $body =~ s/"id":"\d+",//gr, 'the same list');

my $merge = $as->('to', 'POST', 'trackers?on_conflict=merge', body => $body,
                  @type);
like($merge->{body}, qr/"summary":\{"unchanged":3000\}/, 'nothing new');

my $whole = 'trackers?on_conflict=replace&rest=delete';
my @if = (headers => ["If-Match: $tag"]);
my $cut = join '', (split /^/, $body)[0 .. 1000];

$says->($as->('from', 'POST', $whole, body => $cut, @type, @if),
           'The last line must be {"end":true,"count":1001}.', 'cut off');
$says->($as->('from', 'POST', $whole, @type, @if,
                 body => "$cut\n{\"end\":true,\"count\":3000}"),
           'Line 1003 does not end a list of 1001 trackers: it was cut, or '
           . 'changed.', 'lines are missing');
is($as->('from', 'POST', 'trackers?on_conflict=merge', @type,
         body => $cut)->{status}, 200, 'lines need no end');
$says->($as->('from', 'POST', 'trackers?on_conflict=merge', @type,
                 body => $body . tracker_text('x')),
           'Line 3002 does not end a list of 3000 trackers: it was cut, or '
           . 'changed.', 'a line behind the end');

my $page = $as->('from', 'GET', 'trackers?limit=1', @lines)->{body};

is($as->('from', 'POST', $whole, body => $page, @type, @if)->{status}, 400,
   'a page is not the whole');
like($as->('from', 'POST', $whole, body => $body, @type, @if)->{body},
     qr/"summary":\{"unchanged":3000\}/, 'the whole');



=== lines: a line over client_max_body_size, and limits
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_bulk 2;
        tracker_max_phrases 2;
        client_max_body_size 1k;
    }
--- scenario
my $post = sub {
    my ($body) = @_;

    return exchange(request('POST', '/v1/manage/trackers?on_conflict=merge',
                            type => 'application/x-ndjson', body => $body));
};
my @some = map { tracker_text($_, 'x', 'y') } qw(a b c);

is($post->(join "\n", @some[0, 1])->{status}, 200, 'two');
like($post->(join "\n\n", @some)->{body},
     qr/must contain at most 2 trackers, found 3/, 'three');
like($post->("\n$some[2]\n" . tracker_text('a', 'z'))->{body},
     qr/Line 3: \\"vocabulary\\" must contain at most 2 phrases, found 3/,
     'too many phrases of both');
is($post->(tracker_text('d', 'x' x 1024))->{status}, 413, 'too large');
