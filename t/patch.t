use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

our $accounts = 0;

# a tracker of an account of its own: the account and the id
sub create {
    my ($text) = @_;
    my $account = 'account ' . $accounts++;
    my $response = exchange(post('tracker', $text, account => $account));

    return ($account, decode($response->{body})->{tracker}{id}
                      // die "$response->{body}\n");
}

sub patch {
    my ($account, $id, $body, %o) = @_;

    return exchange(request('PATCH', "/v1/manage/tracker/$id", body => $body,
                            account => $account, %o));
}

sub record {
    my ($account, $id) = @_;

    return redis('GET', account_key($account, "id:$id"));
}

# Lines: a tracker, without its id; operations, without the outer brackets;
# and the tracker that comes out, or a message, after "409 " where that is its
# status.
sub is_patched {
    my @lines = map { grep { length } split /\n/ } @_;

    while (my ($text, $operations, $want) = splice @lines, 0, 3) {
        my ($account, $id) = create($text);
        my $before = record($account, $id);
        my $response = patch($account, $id, "[$operations]");
        my $title = "$operations";

        if ($want =~ /^\{/) {
            $want =~ s/^\{/{"id":"$id",/;
            is($response->{body}, "{\"tracker\":$want}", $title);
            is($response->{status}, 200, 'status');
            is(record($account, $id), $want, 'what is stored');

        } else {
            my $status = $want =~ s/^(409) // ? $1 : 400;

            is($response->{status}, $status, "$title: status");
            is_message($response->{body}, $want, $title);
            is(record($account, $id), $before, 'nothing was changed');
        }

        is(redis('EXISTS', lock_key($account)), 0, 'no lock is left');
    }
}

# operations that no tracker takes: lines of operations and messages
sub is_refused {
    my @lines = grep { length } split /\n/, $_[0];
    my ($account, $id) = create(tracker_text('n', 'a', 'b'));
    my $before = record($account, $id);

    while (my ($body, $message) = splice @lines, 0, 2) {
        my $response = patch($account, $id, $body);

        is($response->{status}, 400, "$body: status");
        is_message($response->{body}, $message, $body);
    }

    is(record($account, $id), $before, 'nothing was changed');
}

__DATA__

=== add and replace set what is there and what is not
--- scenario
for my $op (qw(add replace)) {
    is_patched(<<'END' =~ s/OP/$op/gr);
{"name":"n","vocabulary":["a"]}
{"op":"OP","path":"/name","value":"m"}
{"name":"m","vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"OP","path":"/description","value":"d"}
{"name":"n","description":"d","vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"description":"d"}
{"op":"OP","path":"/description","value":""}
{"name":"n","description":"","vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"OP","path":"/categories","value":["c","","c"]}
{"name":"n","categories":["c","","c"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"categories":["c"]}
{"op":"OP","path":"/categories","value":[]}
{"name":"n","categories":[],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"OP","path":"/languages","value":["en-US"]}
{"name":"n","languages":["en-US"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"OP","path":"/vocabulary","value":["c","b"]}
{"name":"n","vocabulary":["c","b"]}
END
}



=== remove takes an optional key away
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a"],"description":"d","languages":["l"],"categories":["c"]}
{"op":"remove","path":"/description"}
{"name":"n","categories":["c"],"languages":["l"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"description":"","languages":["l"],"categories":["c"]}
{"op":"remove","path":"/categories"},{"op":"remove","path":"/description"}
{"name":"n","languages":["l"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"languages":[]}
{"op":"remove","path":"/languages"}
{"name":"n","vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"description":"d"}
{"op":"remove","path":"/description","value":{"any":"thing"}}
{"name":"n","vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/description"}
"[0].path" does not exist
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/categories"}
"[0].path" does not exist
{"name":"n","vocabulary":["a"],"languages":["l"]}
{"op":"remove","path":"/languages"},{"op":"remove","path":"/languages"}
"[1].path" does not exist
END



=== one phrase: add, replace and remove by its index
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary/0","value":"x"}
{"name":"n","vocabulary":["x","a","b","c"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary/1","value":"x"}
{"name":"n","vocabulary":["a","x","b","c"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary/3","value":"x"}
{"name":"n","vocabulary":["a","b","c","x"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary/-","value":"x"}
{"name":"n","vocabulary":["a","b","c","x"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"replace","path":"/vocabulary/0","value":"x"}
{"name":"n","vocabulary":["x","b","c"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"replace","path":"/vocabulary/2","value":"x"}
{"name":"n","vocabulary":["a","b","x"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"remove","path":"/vocabulary/0"}
{"name":"n","vocabulary":["b","c"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"remove","path":"/vocabulary/2"}
{"name":"n","vocabulary":["a","b"]}
END



=== an index beyond the end
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary/4","value":"x"}
"[0].path" is beyond the end of a vocabulary of 3 phrases
{"name":"n","vocabulary":["a","b","c"]}
{"op":"replace","path":"/vocabulary/3","value":"x"}
"[0].path" is beyond the end of a vocabulary of 3 phrases
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary/1"}
"[0].path" is beyond the end of a vocabulary of 1 phrase
{"name":"n","vocabulary":["a","b"]}
{"op":"remove","path":"/vocabulary/0"},{"op":"remove","path":"/vocabulary/0"},{"op":"remove","path":"/vocabulary/0"}
"[2].path" is beyond the end of a vocabulary of 0 phrases
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/vocabulary/99999999999999999999999999","value":"x"}
"[0].path" is beyond the end of a vocabulary of 1 phrase
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/vocabulary/18446744073709551616","value":"x"}
"[0].path" is beyond the end of a vocabulary of 1 phrase
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/vocabulary/4294967296","value":"x"}
"[0].path" is beyond the end of a vocabulary of 1 phrase
END



=== add of a string appends it to the list, or makes a list of one
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary","value":"x"}
{"name":"n","vocabulary":["a","b","x"]}
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/vocabulary","value":"x"},{"op":"add","path":"/vocabulary","value":"y"}
{"name":"n","vocabulary":["a","x","y"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary","value":"a"}
"vocabulary[2]" contains a duplicate value
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary","value":""}
"vocabulary[2]" is not allowed to be empty
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary"},{"op":"add","path":"/vocabulary","value":"x"}
{"name":"n","vocabulary":["x"]}
END

for my $key (qw(categories languages)) {
    is_patched(<<'END' =~ s/KEY/$key/gr);
{"name":"n","vocabulary":["a"],"KEY":["c"]}
{"op":"add","path":"/KEY","value":"x"}
{"name":"n","KEY":["c","x"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"KEY":["c"]}
{"op":"add","path":"/KEY","value":"\u0063"},{"op":"add","path":"/KEY","value":""}
{"name":"n","KEY":["c","c",""],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"KEY":[]}
{"op":"add","path":"/KEY","value":"x"}
{"name":"n","KEY":["x"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/KEY","value":"x"}
{"name":"n","KEY":["x"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/KEY","value":""},{"op":"add","path":"/KEY","value":"x"}
{"name":"n","KEY":["","x"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"KEY":["c"]}
{"op":"add","path":"/KEY","value":"x"},{"op":"add","path":"/KEY","value":["y"]},{"op":"add","path":"/KEY","value":"z"}
{"name":"n","KEY":["y","z"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"KEY":["c"]}
{"op":"add","path":"/KEY","value":"x"},{"op":"remove","path":"/KEY"}
{"name":"n","vocabulary":["a"]}
END
}

is_patched(<<'END');
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/vocabulary","value":"b"},{"op":"add","path":"/languages","value":"l"},{"op":"add","path":"/categories","value":"c"},{"op":"add","path":"/vocabulary/0","value":"x"},{"op":"add","path":"/languages","value":"m"}
{"name":"n","categories":["c"],"languages":["l","m"],"vocabulary":["x","a","b"]}
END



=== replace of a list by a string makes a list of one
--- scenario
for my $key (qw(categories languages)) {
    is_patched(<<'END' =~ s/KEY/$key/gr);
{"name":"n","vocabulary":["a"],"KEY":["c","d"]}
{"op":"replace","path":"/KEY","value":"x"}
{"name":"n","KEY":["x"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/KEY","value":"x"}
{"name":"n","KEY":["x"],"vocabulary":["a"]}
{"name":"n","vocabulary":["a"],"KEY":["c"]}
{"op":"add","path":"/KEY","value":"x"},{"op":"replace","path":"/KEY","value":"y"},{"op":"add","path":"/KEY","value":"z"}
{"name":"n","KEY":["y","z"],"vocabulary":["a"]}
END
}

is_patched(<<'END');
{"name":"n","vocabulary":["a","b"]}
{"op":"replace","path":"/vocabulary","value":"x"}
{"name":"n","vocabulary":["x"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary/0","value":"y"},{"op":"replace","path":"/vocabulary","value":"x"},{"op":"add","path":"/vocabulary/0","value":"z"}
{"name":"n","vocabulary":["z","x"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"replace","path":"/vocabulary","value":""}
"vocabulary[0]" is not allowed to be empty
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary"},{"op":"replace","path":"/vocabulary","value":"x"}
"[1].path" does not exist
END



=== test: the value is compared, after decoding, with what is there at its turn
--- scenario
is_patched(<<'END');
{"name":"n","description":"d","categories":["b","a"],"languages":[],"vocabulary":["a","\u0062","c"]}
{"op":"test","path":"/name","value":"\u006e"},{"op":"test","path":"/description","value":"d"},{"op":"test","path":"/categories","value":["b","a"]},{"op":"test","path":"/languages","value":[]},{"op":"test","path":"/vocabulary","value":["\u0061","b","c"]},{"op":"test","path":"/vocabulary/2","value":"c"}
{"name":"n","description":"d","categories":["b","a"],"languages":[],"vocabulary":["a","b","c"]}
{"name":"n","vocabulary":["a"],"description":""}
{"op":"test","path":"/description","value":""},{"op":"replace","path":"/name","value":"m"},{"op":"test","path":"/name","value":"m"}
{"name":"m","description":"","vocabulary":["a"]}
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary/1","value":"x"},{"op":"remove","path":"/vocabulary/0"},{"op":"test","path":"/vocabulary","value":["x","b","c"]},{"op":"test","path":"/vocabulary/1","value":"b"},{"op":"add","path":"/vocabulary","value":"d"}
{"name":"n","vocabulary":["x","b","c","d"]}
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/categories","value":"c"},{"op":"test","path":"/categories","value":["c"]}
{"name":"n","categories":["c"],"vocabulary":["a"]}
END



=== test: where it fails the answer is 409 and nothing is done
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a"]}
{"op":"test","path":"/name","value":"N"}
409 "[0].value" does not equal "/name"
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/name","value":"m"},{"op":"test","path":"/name","value":"n"}
409 "[1].value" does not equal "/name"
{"name":"n","vocabulary":["a"],"description":"d"}
{"op":"test","path":"/description","value":""},{"op":"replace","path":"/name","value":"m"}
409 "[0].value" does not equal "/description"
{"name":"n","vocabulary":["a"],"categories":["c","c"]}
{"op":"test","path":"/categories","value":["c"]}
409 "[0].value" does not equal "/categories"
{"name":"n","vocabulary":["a"],"languages":[]}
{"op":"test","path":"/languages","value":[""]}
409 "[0].value" does not equal "/languages"
{"name":"n","vocabulary":["a","b"]}
{"op":"test","path":"/vocabulary","value":["b","a"]}
409 "[0].value" does not equal "/vocabulary"
{"name":"n","vocabulary":["a","b"]}
{"op":"test","path":"/vocabulary","value":[]}
409 "[0].value" does not equal "/vocabulary"
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary","value":"c"},{"op":"test","path":"/vocabulary","value":["a","b"]}
409 "[1].value" does not equal "/vocabulary"
{"name":"n","vocabulary":["a","b"]}
{"op":"test","path":"/vocabulary/1","value":"a"}
409 "[0].value" does not equal "/vocabulary/1"
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary/0","value":"x"},{"op":"test","path":"/vocabulary/0","value":"a"}
409 "[1].value" does not equal "/vocabulary/0"
{"name":"n","vocabulary":["a"]}
{"op":"test","path":"/description","value":""}
409 "[0].path" does not exist
{"name":"n","vocabulary":["a"]}
{"op":"test","path":"/categories","value":[]}
409 "[0].path" does not exist
{"name":"n","vocabulary":["a"]}
{"op":"test","path":"/vocabulary/1","value":"a"}
409 "[0].path" is beyond the end of a vocabulary of 1 phrase
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/name"},{"op":"test","path":"/name","value":"n"}
409 "[1].path" does not exist
END



=== test: the request is judged before the tracker, and what comes first counts
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a"]}
{"op":"test","path":"/name","value":"x"},{"op":"add","path":"/id","value":"1"}
"[1].path" must be one of "/name", "/description", "/categories", "/languages", "/vocabulary", "/vocabulary/-", "/vocabulary/INDEX"
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/languages"},{"op":"test","path":"/name","value":"x"}
"[0].path" does not exist
{"name":"n","vocabulary":["a"]}
{"op":"test","path":"/name","value":"x"},{"op":"remove","path":"/languages"}
409 "[0].value" does not equal "/name"
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/vocabulary","value":"a"},{"op":"test","path":"/name","value":"n"}
"vocabulary[1]" contains a duplicate value
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/vocabulary","value":"a"},{"op":"test","path":"/name","value":"x"}
409 "[1].value" does not equal "/name"
END

my ($account, $id) = create(tracker_text('n'));
my $unequal = '[{"op":"test","path":"/name","value":"x"}]';

is(patch($account, $id, $unequal, headers => ['If-Match: "0"'])->{status},
   412, 'after If-Match');
is(patch($account, '4503599627370496', $unequal)->{status}, 404,
   'after the tracker was found');



=== test: an access log tells it by its outcome
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    log_format outcome '$status $tracker_outcome';
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        access_log logs/outcome.log outcome;
    }
--- scenario
my ($account, $id) = create(tracker_text('n'));

patch($account, $id, '[{"op":"test","path":"/name","value":"x"}]');

my $log = "$ENV{TEST_NGINX_SERVER_ROOT}/logs/outcome.log";
my $lines;

wait_until(sub {
    open my $in, '<', $log or return 0;
    local $/;
    $lines = <$in>;
    $lines =~ /409/;
}, 'a line');
is($lines =~ s/^200 created\n//r, "409 unequal\n", 'the line');



=== operations apply in their order, each on what the last has left
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary/0","value":"x"},{"op":"remove","path":"/vocabulary/1"},{"op":"add","path":"/vocabulary/-","value":"y"}
{"name":"n","vocabulary":["x","b","y"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"remove","path":"/vocabulary/0"},{"op":"remove","path":"/vocabulary/0"},{"op":"add","path":"/vocabulary/-","value":"x"}
{"name":"n","vocabulary":["x"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary/-","value":"a"},{"op":"remove","path":"/vocabulary/0"}
{"name":"n","vocabulary":["b","a"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"replace","path":"/vocabulary/0","value":"b"},{"op":"replace","path":"/vocabulary/1","value":"a"}
{"name":"n","vocabulary":["b","a"]}
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary/0","value":"x"},{"op":"replace","path":"/vocabulary","value":["c"]},{"op":"add","path":"/vocabulary/0","value":"y"}
{"name":"n","vocabulary":["y","c"]}
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary"},{"op":"add","path":"/vocabulary","value":["x"]},{"op":"remove","path":"/name"},{"op":"add","path":"/name","value":"m"}
{"name":"m","vocabulary":["x"]}
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/name","value":""},{"op":"replace","path":"/name","value":"last"}
{"name":"last","vocabulary":["a"]}
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary"},{"op":"add","path":"/vocabulary/-","value":"x"}
"[1].path" does not exist
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary"},{"op":"replace","path":"/vocabulary","value":["x"]}
"[1].path" does not exist
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/name"},{"op":"replace","path":"/name","value":"m"}
"[1].path" does not exist
{"name":"n","vocabulary":["a"],"description":"d"}
{"op":"remove","path":"/description"},{"op":"replace","path":"/description","value":"e"}
{"name":"n","description":"e","vocabulary":["a"]}
END



=== all operations are done, or none
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/description","value":"d"},{"op":"remove","path":"/languages"}
"[1].path" does not exist
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/name","value":"m"},{"op":"add","path":"/vocabulary/9","value":"x"}
"[1].path" is beyond the end of a vocabulary of 1 phrase
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/name","value":"m"},{"op":"add","path":"/vocabulary/-","value":"a"}
"vocabulary[1]" contains a duplicate value
END

is(exchange(post('tracker', tracker_text('m'), account => "account $_"))
       ->{status}, 200, 'the name of a failed one is free')
    for $main::accounts - 2, $main::accounts - 1;



=== the result is validated as a PUT is
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a","b"]}
{"op":"replace","path":"/vocabulary/1","value":"a"}
"vocabulary[1]" contains a duplicate value
{"name":"n","vocabulary":["a","b"]}
{"op":"add","path":"/vocabulary/0","value":"\u0062"}
"vocabulary[2]" contains a duplicate value
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary/0"}
"vocabulary" is not allowed to be empty
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/vocabulary","value":[]}
"vocabulary" is not allowed to be empty
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/vocabulary","value":["a","b","a"]}
"vocabulary[2]" contains a duplicate value
{"name":"n","vocabulary":["a"]}
{"op":"add","path":"/vocabulary/0","value":""}
"vocabulary[0]" is not allowed to be empty
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/vocabulary"}
"vocabulary" is required
{"name":"n","vocabulary":["a"]}
{"op":"remove","path":"/name"}
"name" is required
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/name","value":""}
"name" is not allowed to be empty
END



=== the limits of phrases hold for the result
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_min_phrases 2;
        tracker_max_phrases 3;
        tracker_max_trackers 1;
        client_max_body_size 1m;
    }
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary","value":"d"}
"vocabulary" must contain at most 3 phrases, found 4
{"name":"n","vocabulary":["a","b"]}
{"op":"remove","path":"/vocabulary/0"}
"vocabulary" must contain at least 2 phrases, found 1
{"name":"n","vocabulary":["a","b","c"]}
{"op":"add","path":"/vocabulary","value":"d"},{"op":"remove","path":"/vocabulary/0"}
{"name":"n","vocabulary":["b","c","d"]}
END



=== an operation that is none
--- scenario
is_refused(<<'END');
[{"op":"move","from":"/name","path":"/description"}]
"[0].op" must be one of "add", "replace", "remove", "test"
[{"op":"copy","path":"/vocabulary/0","from":"/vocabulary/1"}]
"[0].op" must be one of "add", "replace", "remove", "test"
[{"op":"Test","path":"/name","value":"n"}]
"[0].op" must be one of "add", "replace", "remove", "test"
[{"op":"add","path":"/name","value":"m"},{"op":"x","path":"/name","value":"n"}]
"[1].op" must be one of "add", "replace", "remove", "test"
[{"op":"","path":"/name","value":"n"}]
"[0].op" is not allowed to be empty
[{"path":"/name","value":"n"}]
"[0].op" is required
[{"op":1,"path":"/name","value":"n"}]
"[0].op" must be a string
[{"op":"add","value":"n"}]
"[0].path" is required
[{"op":"add","path":null,"value":"n"}]
"[0].path" must be a string
[{"op":"add","path":"/name"}]
"[0].value" is required
[{"op":"replace","path":"/vocabulary/0"}]
"[0].value" is required
[{"op":"test","path":"/name"}]
"[0].value" is required
[1]
"[0]" must be an object
[{"op":"add","path":"/name","value":"m"},null]
"[1]" must be an object
{"op":"add","path":"/name","value":"m"}
Request body must be an array.
[]
Request body must not be empty.
[{"op":"add","path":"/name","value":"m"}
Invalid JSON at line 1 column 40.
[{"op":"add","op":"add","path":"/name","value":"m"}]
Duplicate key at line 1 column 17.
END



=== a path that is none
--- scenario
my $paths = '"/name", "/description", "/categories", "/languages", '
            . '"/vocabulary", "/vocabulary/-", "/vocabulary/INDEX"';

for my $path (qw(/id /Name name /name/ /name/0 / /foo /description/x
                 /categories/0 /languages/- /vocabulary/ /vocabulary/x
                 /vocabulary/-1 /vocabulary/+1 /vocabulary/1x /vocabulary/0/0
                 /vocabulary/1.0 /vocabulary/-- /vocabularyx /vocabulary//0
                 ~1name /vocabulary/%30), '/vocabulary/ 1', '/vocabulary/0 ')
{
    is_refused("[{\"op\":\"$_\",\"path\":\"$path\",\"value\":\"x\"}]\n"
               . "\"[0].path\" must be one of $paths")
        for qw(add remove test);
}

is_refused(<<'END');
[{"op":"add","path":"","value":{}}]
"[0].path" is not allowed to be empty
[{"op":"add","path":"/vocabulary/00","value":"x"}]
"[0].path" must have an index without leading zeros
[{"op":"remove","path":"/vocabulary/01"}]
"[0].path" must have an index without leading zeros
[{"op":"remove","path":"/vocabulary/-"}]
"[0].path" must have an index, "-" is for "add" only
[{"op":"replace","path":"/vocabulary/-","value":"x"}]
"[0].path" must have an index, "-" is for "add" only
[{"op":"test","path":"/vocabulary/-","value":"x"}]
"[0].path" must have an index, "-" is for "add" only
END



=== a value of the wrong type
--- scenario
for my $op (qw(add replace)) {
    is_refused(<<'END' =~ s/OP/$op/gr);
[{"op":"OP","path":"/name","value":1}]
"[0].value" must be a string
[{"op":"OP","path":"/name","value":null}]
"[0].value" must be a string
[{"op":"OP","path":"/description","value":["d"]}]
"[0].value" must be a string
[{"op":"OP","path":"/description","value":null}]
"[0].value" must be a string
[{"op":"OP","path":"/categories","value":{}}]
"[0].value" must be an array or a string
[{"op":"OP","path":"/categories","value":null}]
"[0].value" must be an array or a string
[{"op":"OP","path":"/languages","value":false}]
"[0].value" must be an array or a string
[{"op":"OP","path":"/languages","value":["l",2]}]
"[0].value[1]" must be a string
[{"op":"OP","path":"/vocabulary","value":1}]
"[0].value" must be an array or a string
[{"op":"OP","path":"/vocabulary","value":["a",null]}]
"[0].value[1]" must be a string
[{"op":"OP","path":"/vocabulary/0","value":["x"]}]
"[0].value" must be a string
END
}

is_refused(<<'END');
[{"op":"add","path":"/vocabulary/-","value":["x"]}]
"[0].value" must be a string
[{"op":"add","path":"/description","value":"d"},{"op":"add","path":"/description","value":0}]
"[1].value" must be a string
[{"op":"test","path":"/name","value":1}]
"[0].value" must be a string
[{"op":"test","path":"/description","value":null}]
"[0].value" must be a string
[{"op":"test","path":"/vocabulary/0","value":["a"]}]
"[0].value" must be a string
[{"op":"test","path":"/vocabulary","value":"a"}]
"[0].value" must be an array
[{"op":"test","path":"/categories","value":{}}]
"[0].value" must be an array
[{"op":"test","path":"/vocabulary","value":["a",1]}]
"[0].value[1]" must be a string
END



=== members without a meaning are ignored
--- scenario
is_patched(<<'END');
{"name":"n","vocabulary":["a"]}
{"op":"replace","path":"/description","value":"d","from":1,"x":[{}]}
{"name":"n","description":"d","vocabulary":["a"]}
END



=== a NUL in a member without a meaning is as wrong as elsewhere
jansson lost one behind a number, and the operation was done.
--- scenario
my ($account, $id) = create('{"name":"n","description":"d",'
                            . '"vocabulary":["a"]}');
my $before = record($account, $id);
my $remove = '"op":"remove","path":"/description"';

for my $blanks (0, 70_000) {
    for my $body ("[{$remove,\"old\":1\0}]", "[{$remove,\"value\":[1\0]}]",
                  "[{$remove,\"value\":null\0}]", "[{\"x\":true\0,$remove}]")
    {
        my $sent = $body =~ s/^\[/'[' . ' ' x $blanks/er;
        my $response = patch($account, $id, $sent);
        my $column = 1 + index $sent, "\0";

        is($response->{status}, 400, 'status');
        is_message($response->{body},
                   "Invalid JSON at line 1 column $column.", 'place');
    }
}

is(record($account, $id), $before, 'nothing was changed');



=== in a large body there may be 32,768 values when some are without a meaning
--- scenario
my ($account, $id) = create('{"name":"n","description":"d",'
                            . '"vocabulary":["a"]}');
my $ops = '[{"op":"remove","path":"/description","old":[%s]}]';

SKIP: {
    skip 'without the strict reader there is no limit', 2
        if $ENV{TEST_NGINX_LOAD_MODULES} =~ /no-reader/;

    my $response = patch($account, $id, sprintf $ops,
                         join ',', ('{}') x 32_765);
    is($response->{status}, 400, 'status');
    is_message($response->{body}, 'Request body must contain at most 32768 '
                                  . 'values, found 32769.', 'one more');
}

is(patch($account, $id, sprintf $ops, join ',', ('{}') x 32_764)->{status},
   200, 'as many');



=== operations that change nothing
--- scenario
my ($account, $id) = create(tracker_text('n', 'a', 'b'));
my $before = record($account, $id);
my $rev = redis('GET', account_key($account, 'rev'));

is(patch($account, $id, "[$_]")->{body}, "{\"tracker\":$before}", $_)
    for '{"op":"replace","path":"/name","value":"n"}',
        '{"op":"replace","path":"/vocabulary/1","value":"b"}',
        '{"op":"add","path":"/vocabulary/-","value":"x"},'
        . '{"op":"remove","path":"/vocabulary/2"}';

is(redis('GET', account_key($account, 'rev')), $rev, 'no revision more');



=== the first generation's and the second's path
--- scenario
my ($account, $id) = create(tracker_text('n'));
my $n = 0;

for my $path (qw(tracker trackers)) {
    $n++;
    my $body = "[{\"op\":\"replace\",\"path\":\"/description\","
               . "\"value\":\"d$n\"}]";
    my $response = exchange(request('PATCH', "/v1/manage/$path/$id",
                                    body => $body, account => $account));

    is($response->{status}, 200, "$path: status");
    is(decode($response->{body})->{tracker}{description}, "d$n", $path);
}



=== thousands of operations
--- scenario
my ($account, $id) = create(tracker_text('n', map { "p$_" } 0 .. 4999));
my @want = map { "p$_" } 0 .. 4999;
my @operations;
my $seed = 1;

for my $i (1 .. 8000) {
    $seed = ($seed * 1103515245 + 12345) % 2 ** 31;
    my $at = ($seed >> 8) % @want;
    my $op = qw(add replace remove add)[($seed >> 4) % 4];

    push @operations, "{\"op\":\"$op\",\"path\":\"/vocabulary/$at\""
                      . ($op eq 'remove' ? '}' : ",\"value\":\"q$i\"}");
    splice @want, $at, $op eq 'add' ? 0 : 1, $op eq 'remove' ? () : "q$i";
}

my $response = patch($account, $id, '[' . join(',', @operations) . ']');

is($response->{status}, 200, 'status');
is_deeply(decode($response->{body})->{tracker}{vocabulary}, \@want,
          'as if done one by one');



=== thousands of strings appended to lists, and of tests
Each test of all phrases costs what its own value does, in bytes.
--- scenario
my ($account, $id) = create(tracker_text('n', map { "p$_" } 0 .. 100_000));
my $append = join ',', map {
    my $key = (qw(categories languages))[$_ % 2];
    "{\"op\":\"add\",\"path\":\"/$key\",\"value\":\"$_\"}"
} 0 .. 19_999;
my $response = patch($account, $id, "[$append]");
my $t = decode($response->{body})->{tracker};

is($response->{status}, 200, 'status');
is_deeply($t->{categories}, [map { 2 * $_ } 0 .. 9999], 'categories');
is_deeply($t->{languages}, [map { 2 * $_ + 1 } 0 .. 9999], 'languages');

my $before = record($account, $id);
my @tests = ('{"op":"test","path":"/vocabulary/99999","value":"p99999"}')
            x 10_000;

$response = patch($account, $id, '[' . join(',', @tests) . ']');
is($response->{status}, 200, 'tests of a phrase');

@tests = ('{"op":"test","path":"/vocabulary","value":["p0"]}') x 10_000;
$response = patch($account, $id, '[' . join(',', @tests) . ']');
is($response->{status}, 409, 'tests of all');
is_message($response->{body}, '"[0].value" does not equal "/vocabulary"',
           'the first is the last');
is(record($account, $id), $before, 'nothing was changed');

my $all = join ',', map { "\"p$_\"" } 0 .. 99_999;

$response = patch($account, $id,
                  '[{"op":"remove","path":"/vocabulary/100000"},'
                  . '{"op":"test","path":"/vocabulary",'
                  . "\"value\":[$all]},"
                  . '{"op":"replace","path":"/name","value":"m"}]');
is($response->{status}, 200, 'one of 100,000 phrases');
is(decode($response->{body})->{tracker}{name}, 'm', 'and on');



=== a tracker does not grow beyond what a PUT could send
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 2000;
    }
--- scenario
my ($account, $id) = create(tracker_text('n', 'x' x 900));
my $add = '[{"op":"add","path":"/vocabulary","value":"%s"}]';

is(patch($account, $id, sprintf $add, 'y' x 900)->{status}, 200, '1.8 KB');

my $before = record($account, $id);
my $response = patch($account, $id, sprintf $add, 'z' x 900);
is($response->{status}, 400, '2.7 KB');
is_message($response->{body}, 'The tracker would exceed the limit of 2000 '
                              . 'bytes.', '2.7 KB');
is(record($account, $id), $before, 'nothing was changed');
is(redis('EXISTS', lock_key($account)), 0, 'no lock is left');

is(patch($account, $id, '[{"op":"remove","path":"/vocabulary/0"}]')->{status},
   200, 'it may shrink');
is(patch($account, $id, sprintf $add, 'z' x 900)->{status}, 200,
   'and grow again');



=== PATCH is asked for as POST is
--- scenario
my ($account, $id) = create(tracker_text('n'));
my $ops = '[{"op":"replace","path":"/description","value":"d"}]';
my @cases = (
    [400, 'Content-Type must be application/json.', type => undef],
    map({ [400, 'Content-Type must be application/json.', type => $_] }
        'application/json-patch', 'application/json-patch+jsonx',
        'application/json-patch+json x', 'application/patch+json',
        'text/plain;application/json-patch+json'),
    [400, 'Request body is required.', body => ''],
    [413, 'Request body exceeds the limit of 1048576 bytes.',
     length => 1_048_577, body => ''],
    [401, 'Token validation failed for provided token.', token => 'x'],
);

for my $case (@cases) {
    my ($status, $message, @o) = @$case;
    my $response = patch($account, $id, $ops, @o);

    is($response->{status}, $status, "$message: status");
    is_message($response->{body}, $message, $message);
}

is(patch($account, $id, $ops, type => 'Application/JSON; charset=utf-8')
       ->{status}, 200, 'with parameters');

for my $type ('application/json-patch+json',
              'Application/JSON-Patch+JSON ; charset=utf-8',
              'application/json-patch+json;x=y')
{
    my $test = $ops =~ s/replace/test/r;

    is(patch($account, $id, $ops, type => $type)->{status}, 200, $type);
    is(patch($account, $id, $test, type => $type)->{status}, 200,
       "$type: a test");
}

is(patch($account, $id, $ops =~ s/replace/test/r)->{status}, 200,
   'a test, as JSON');
my $response = exchange(request('PUT', "/v1/manage/tracker/$id",
                                body => tracker_text('n'), account => $account,
                                type => 'application/json-patch+json'));

is($response->{status}, 400, 'but of no PUT');
is_message($response->{body}, 'Content-Type must be application/json.', 'PUT');
is(patch($account, '4503599627370496', $ops)->{status}, 404, 'another id');
is(patch($account, $id, '', chunks => [split //, $ops])->{status}, 200,
   'in chunks');
