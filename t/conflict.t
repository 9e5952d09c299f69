use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

sub bulk {
    return '[' . join(',', map { tracker_text($_) } @_) . ']';
}

__DATA__

=== a name that exists is refused
--- exchanges
POST /v1/manage/tracker {"name":"COVID-19","vocabulary":["covid"]}
200 {"tracker":{"id":"ID1","name":"COVID-19","vocabulary":["covid"]}}
POST /v1/manage/tracker {"name":"COVID-19","vocabulary":["covid"]}
409 Tracker with name "COVID-19" already exists.
POST /v1/manage/tracker {"name":"covid-19","vocabulary":["covid"]}
200 {"tracker":{"id":"ID2","name":"covid-19","vocabulary":["covid"]}}



=== the first tracker stays as it was
--- scenario
my $id = is_created(exchange(post('tracker', tracker_text('n', 'first'))),
                    'n', 'created');
my $key = account_key('tester', "id:$id");
my $record = redis('GET', $key);
my $keys = redis('DBSIZE');
my $rev = redis('GET', account_key('tester', 'rev'));

is(exchange(post('tracker', tracker_text('n', 'second')))->{status}, 409,
   'refused');
is(redis('GET', $key), $record, 'the record');
is(redis('GET', account_key('tester', 'name:n')), $id, 'the name');
is(redis('GET', account_key('tester', 'rev')), $rev, 'the revision');
is(redis('DBSIZE'), $keys, 'no key more');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== names are compared after decoding
--- request eval
['POST /v1/manage/tracker
{"name":"A/\u00e9","vocabulary":["v"]}',
 "POST /v1/manage/tracker
{\"name\":\"\\u0041\\/\xc3\xa9\",\"vocabulary\":[\"v\"]}"]
--- error_code eval
[200, 409]
--- message eval
[undef, "Tracker with name \"A/\xc3\xa9\" already exists."]



=== a name with quotes and control characters stays JSON in the message
--- request eval
[('POST /v1/manage/tracker
{"name":"a\"b\\\\c\n\u0001d","vocabulary":["v"]}') x 2]
--- error_code eval
[200, 409]
--- message eval
[undef, "Tracker with name \"a\"b\\c\n\x01d\" already exists."]



=== a bulk that meets one name says where
--- exchanges
POST /v1/manage/trackers [{"name":"A","vocabulary":["phrase"]},{"name":"B","vocabulary":["phrase"]}]
200 {"trackers":[{"id":"ID","name":"A","vocabulary":["phrase"]},{"id":"ID","name":"B","vocabulary":["phrase"]}]}
POST /v1/manage/trackers [{"name":"x","vocabulary":["phrase"]},{"name":"A","vocabulary":["phrase"]},{"name":"y","vocabulary":["phrase"]}]
409 Tracker with name "A" already exists.



=== a bulk that meets several names says which and where
--- scenario
exchange(post('trackers', bulk(qw(A B))));

my $before = redis('DBSIZE');
my $response = exchange(post('trackers/bulk', bulk(qw(x A y z B))));

is($response->{status}, 409, 'status');
is_message($response->{body},
           'Trackers with these names already exist: "A" at [1], "B" at [4].',
           'two names');
is(redis('DBSIZE'), $before, 'nothing was written');



=== ten names are told, the rest is counted
--- scenario
exchange(post('trackers', bulk(map { "n$_" } 0 .. 12)));

my $response = exchange(post('trackers', bulk(map { "n$_" } 0 .. 9)));
my $ten = join ', ', map { "\"n$_\" at [$_]" } 0 .. 9;

is_message($response->{body},
           "Trackers with these names already exist: $ten.", 'just ten');

$response = exchange(post('trackers', bulk(map { "n$_" } 0 .. 12)));
is($response->{status}, 409, 'status');
is_message($response->{body},
           "Trackers with these names already exist: $ten and 3 more.",
           'thirteen');



=== ten names are told of a large bulk, wherever they are in it
--- scenario
my @at = (3, 499, 500, 998, 999, 1000, 1250, 1251, 1400, 1498, 1499);
my $told = sub { join ', ', map { "\"n$_\" at [$_]" } @_ };

exchange(post('trackers', bulk(map { "n$_" } @at)));

my $response = exchange(post('trackers', bulk(map { "n$_" } 0 .. 1499)));

is_message($response->{body}, 'Trackers with these names already exist: '
           . $told->(@at[0 .. 9]) . ' and 1 more.', 'eleven');

$response = exchange(post('trackers', bulk(map { "n$_" } 4 .. 1498)));
is_message($response->{body}, 'Trackers with these names already exist: '
           . $told->(@at[1 .. 9]) =~ s/\[(\d+)\]/'[' . ($1 - 4) . ']'/ger
           . '.', 'nine');



=== for a 409 Redis looks for each name once, and for no id
--- scenario
my $text = bulk(map { "n$_" } 1 .. 3000);

is(exchange(post('trackers', $text))->{status}, 200, 'created');
redis('CONFIG', 'RESETSTAT');
is(exchange(post('trackers', $text))->{status}, 409, 'refused');

my $stats = redis('INFO', 'stats');
my ($hits, $misses) = map { $stats =~ /^keyspace_$_:(\d+)/m } qw(hits misses);

# those of one chunk are read to tell which exist
cmp_ok($hits + $misses, '<', 3600, 'looked for');



=== ten names of 2 KB are cut at 100 characters each
--- scenario
my @names = map { chr(ord('a') + $_) . 'x' x 2047 } 0 .. 10;

is(exchange(post('trackers', bulk(@names)))->{status}, 200, 'created');

my $response = exchange(post('trackers', bulk(@names)));
my $list = join ', ', map {
    my $cut = substr $names[$_], 0, 100;
    "\"$cut...\" at [$_]";
} 0 .. 9;

is($response->{status}, 409, 'status');
is_message($response->{body},
           "Trackers with these names already exist: $list and 1 more.",
           'the names are cut');



=== a long name is cut between characters
--- scenario
for my $char ("\xf0\x9f\x98\x80", "\xc3\xa9", '"') {
    my $name = $char x 150;
    my $body = '{"name":' . ($char eq '"' ? '"' . '\"' x 150 . '"'
                                          : "\"$name\"")
               . ',"vocabulary":["v"]}';

    is(exchange(post('tracker', $body))->{status}, 200, 'created');

    my $response = exchange(post('tracker', $body));
    my $cut = $char x 100;

    is($response->{status}, 409, 'status');
    is_message($response->{body},
               "Tracker with name \"$cut...\" already exists.", 'cut');
}



=== programs are told the place, the name and who has it
--- exchanges
POST /v1/manage/tracker {"name":"A","vocabulary":["v"]}
200 {"tracker":{"id":"ID1","name":"A","vocabulary":["v"]}}
POST /v1/manage/tracker {"name":"A","vocabulary":["v"]}
409 {"message":"Tracker with name \"A\" already exists.","conflicts":[{"index":0,"name":"A","id":"ID1"}]}
POST /v1/manage/trackers {"name":"A","vocabulary":["v"]}
409 {"message":"Tracker with name \"A\" already exists.","conflicts":[{"index":0,"name":"A","id":"ID1"}]}
POST /v1/manage/trackers [{"name":"x","vocabulary":["v"]},{"name":"A","vocabulary":["v"]}]
409 {"message":"Tracker with name \"A\" already exists.","conflicts":[{"index":1,"name":"A","id":"ID1"}]}
POST /v1/manage/tracker {"name":"\"\u0001","vocabulary":["v"]}
200 {"tracker":{"id":"ID2","name":"\"\u0001","vocabulary":["v"]}}
POST /v1/manage/trackers/bulk [{"name":"\"\u0001","vocabulary":["v"]},{"name":"y","vocabulary":["v"]},{"name":"A","vocabulary":["v"]}]
409 {"message":"Trackers with these names already exist: \"\"\u0001\" at [0], \"A\" at [2].","conflicts":[{"index":0,"name":"\"\u0001","id":"ID2"},{"index":2,"name":"A","id":"ID1"}]}



=== a hundred are told, with their names in full, wherever they are
--- scenario
my @names = map { sprintf('%04d', $_) . 'x' x 200 } 0 .. 1499;
my @there = @names[grep { $_ % 7 == 3 } 0 .. $#names];

my $made = decode(exchange(post('trackers', bulk(@there)))->{body})->{trackers};
my %id = map { $_->{name} => $_->{id} } @$made;

for my $n (99, 100, 101, scalar @there) {
    my $last = 7 * ($n - 1) + 3;
    my $data = decode(exchange(post('trackers',
                                    bulk(@names[0 .. $last])))->{body});
    my $told = $n < 100 ? $n : 100;

    like($data->{message}, qr/ and @{[$n - 10]} more\.$/, "$n in the message");
    is_deeply($data->{conflicts},
              [map { { index => 7 * $_ + 3, name => $there[$_],
                       id => $id{$there[$_]} } } 0 .. $told - 1],
              "$told of $n");
}



=== who has a name is told of a small and of a large bulk, after an older request
--- scenario
my $one = '{"name":"n","vocabulary":["' . 'v' x 70000 . '"]}';
my $id = is_created(exchange(post('tracker', $one)), 'n', 'created');

for my $body ($one, "[$one]", '[' . tracker_text('a') . ",$one]",
              '[' . tracker_text('n') . ']')
{
    my $answer = exchange(post('trackers', $body,
                               headers => ['Idempotency-Key: other']));

    is($answer->{status}, 409, 'status');
    is(decode($answer->{body})->{conflicts}[0]{id}, $id, 'the id');
}



=== a name key that this module has not written is a conflict without an id
--- scenario
my $key = account_key('tester', 'name:n');

for my $write ([SET => $key, 'other'], [SET => $key, '4503599627370496x'],
               [SET => $key, ''], [RPUSH => $key, '4503599627370496'])
{
    redis('DEL', $key);
    redis(@$write);

    my $response = exchange(post('tracker', tracker_text('n')));

    is($response->{status}, 409, "@$write");
    is($response->{body},
       '{"message":"Tracker with name \"n\" already exists.",'
       . '"conflicts":[{"index":0,"name":"n"}]}', "@$write - body");
}



=== of a small and of a large bulk the place of such a key is told, too
--- scenario
exchange(post('tracker', tracker_text('n3')));
redis('RPUSH', account_key('tester', "name:$_"), 'x') for qw(n1 n501);

for my $n (4, 600) {
    my $response = exchange(post('trackers', bulk(map { "n$_" } 0 .. $n - 1)));
    my $told = decode($response->{body})->{conflicts};
    my @id = map { delete $_->{id} } @$told;

    is($response->{status}, 409, "$n trackers");
    is_deeply($told, [map { { index => $_, name => "n$_" } }
                      grep { $_ < $n } 1, 3, 501], "$n trackers - places");
    is_deeply([map { defined } @id], [map { $_->{index} == 3 } @$told],
              "$n trackers - only a tracker has an id");
}

is_message(exchange(post('trackers', bulk(qw(a n1))))->{body},
           'Tracker with name "n1" already exists.', 'alone');



=== one name twice in a bulk body
--- scenario
my $response = exchange(post('trackers', bulk(qw(a b c d e c))));

is($response->{status}, 409, 'status');
is_message($response->{body}, '"[5].name" repeats the name of "[2]".',
           'places');
is(redis('DBSIZE'), 0, 'nothing was written, no lock is left');



=== the lowest repeat is named
--- exchanges
POST /v1/manage/trackers [{"name":"z","vocabulary":["phrase"]},{"name":"y","vocabulary":["phrase"]},{"name":"x","vocabulary":["phrase"]},{"name":"y","vocabulary":["phrase"]},{"name":"z","vocabulary":["phrase"]}]
409 "[3].name" repeats the name of "[1]".



=== names in a bulk body differ by case
--- request
POST /v1/manage/trackers
[{"name":"covid","vocabulary":["phrase"]},{"name":"Covid","vocabulary":["phrase"]},{"name":"COVID","vocabulary":["phrase"]}]
--- json
{"trackers":[{"id":"ID","name":"covid","vocabulary":["phrase"]},{"id":"ID","name":"Covid","vocabulary":["phrase"]},{"id":"ID","name":"COVID","vocabulary":["phrase"]}]}



=== a repeated name is found under the lock
--- scenario
hold_lock();
is(exchange(post('trackers', bulk(qw(a a))))->{status}, 429, 'first the lock');
redis('DEL', lock_key());
is(exchange(post('trackers', bulk(qw(a a))))->{status}, 409, 'then the names');
is(redis('EXISTS', lock_key()), 0, 'no lock is left');



=== a conflict in one account is none in another
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
as a
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
as a
409 Tracker with name "n" already exists.
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
as b
200 {"tracker":{"id":"ID2","name":"n","vocabulary":["phrase"]}}



=== keepalive survives a conflict
--- scenario
my $sock = connect_nginx();
my $text = post('tracker', tracker_text('n'));
my @statuses;

for (1 .. 3) {
    send_bytes($sock, $text);
    push @statuses, read_response($sock)->{status};
}

is("@statuses", '200 409 409', 'three answers on one connection');
