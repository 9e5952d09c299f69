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
