use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

sub item {
    my ($method, $id, %o) = @_;

    return exchange(request($method, "/v1/manage/tracker/$id", type => undef,
                            %o));
}

# creates trackers; their ids
sub create {
    return map {
        decode(exchange(post('tracker', tracker_text($_)))->{body})
            ->{tracker}{id} // die "$_ was not created\n";
    } @_;
}

sub names {
    return join ' ', map { $_->{name} } @{decode(exchange(request(
               'GET', '/v1/manage/trackers'))->{body})->{trackers}};
}

sub key {
    return account_key('tester', $_[0]);
}

sub rev {
    return redis('GET', key('rev'));
}

sub is_deleted {
    my ($response, $id, $title) = @_;

    is($response->{status}, 200, "$title: status");
    is($response->{headers}{'content-type'}, 'application/json',
       "$title: type");
    is($response->{body},
       "{\"id\":\"$id\",\"type\":\"tracker\",\"deleted\":true}", $title);
}

sub is_missing {
    my ($response, $id, $title) = @_;

    is($response->{status}, 404, "$title: status");
    is_message($response->{body}, "Tracker with id \"$id\" does not exist.",
               $title);
}

# runs create.lua as the module does, with the id of a tracker
sub create_again {
    my ($id, $name, $record) = @_;

    return redis('EVAL', script('create'), 5,
                 map({ key($_) } 'lock', 'index', 'rev', "name:$name",
                     "id:$id"), '', 0, '', 0, 2 ** 40, 1, 1, '', $record);
}

__DATA__

=== a DELETE answers what was deleted, by singular and plural path
--- exchanges
POST /v1/manage/tracker {"name":"a","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"a","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"b","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID2","name":"b","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"c","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID3","name":"c","vocabulary":["phrase"]}}
DELETE /v1/manage/tracker/ID1
200 {"id":"ID1","type":"tracker","deleted":true}
DELETE /v1/manage/trackers/ID2
no Content-Type
200 {"id":"ID2","type":"tracker","deleted":true}
GET /v1/manage/trackers
200 {"trackers":[{"id":"ID3","name":"c","vocabulary":["phrase"]}]}
DELETE /v1/manage/tracker/ID3
no Content-Type
200 {"id":"ID3","type":"tracker","deleted":true}
GET /v1/manage/trackers
200 {"trackers":[]}



=== a second DELETE is a 404
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["phrase"]}}
DELETE /v1/manage/tracker/ID1
no Content-Type
200 {"id":"ID1","type":"tracker","deleted":true}
DELETE /v1/manage/tracker/ID1
no Content-Type
404 Tracker with id "ID1" does not exist.
GET /v1/manage/tracker/ID1
no Content-Type
404 Tracker with id "ID1" does not exist.
PUT /v1/manage/tracker/ID1 {"name":"n","vocabulary":["phrase"]}
404 Tracker with id "ID1" does not exist.
PATCH /v1/manage/tracker/ID1 [{"op":"remove","path":"/name"}]
404 Tracker with id "ID1" does not exist.
HEAD /v1/manage/tracker/ID1
no Content-Type
404



=== an id that is not there, or is none, is a 404
--- scenario
my ($id) = create('n');
my $rev = rev();

is_missing(item('DELETE', $_), $_, $_)
    for '4503599627370496', '1', 'bulk', substr($id, 1), "${id}0";
is_missing(item('DELETE', $id, account => 'other'), $id, 'another account');
is(item('DELETE', $id, token => undef)->{status}, 401, 'no token');
is(names(), 'n', 'it is still there');
is(rev(), $rev, 'no revision more');



=== the name is free
--- scenario
my ($id) = create('n');

for my $i (1 .. 3) {
    is_deleted(item('DELETE', $id), $id, "time $i");
    is(redis('EXISTS', key('name:n')), 0, 'no name key');
    my ($new) = create('n');
    isnt($new, $id, 'another id');
    is(redis('GET', key('name:n')), $new, 'the name is the new one\'s');
    is_missing(item('DELETE', $id), $id, 'the old one');
    is(names(), 'n', 'and that harms nothing');
    $id = $new;
}



=== what is left in the store
--- scenario
my @ids = create(qw(a b c));
my $rev = rev();

is_deleted(item('DELETE', $ids[1]), $ids[1], 'b');
is(redis('GET', key("id:$ids[1]")), '', 'a tombstone');

my $ttl = redis('PTTL', key("id:$ids[1]"));
cmp_ok($ttl, '>', 20_000, 'that lives as long as a lock');
cmp_ok($ttl, '<=', 60_000, 'and no longer');

is_deeply(redis('ZRANGE', key('index'), 0, -1), [@ids[0, 2]], 'the index');
is(redis('EXISTS', key('name:b')), 0, 'no name');
cmp_ok(rev(), '>', $rev, 'a revision more');
is(redis('DBSIZE'), 7, 'nothing else');

redis('DEL', key("id:$ids[1]"));
is_missing(item('DELETE', $ids[1]), $ids[1], 'without the tombstone');



=== a create that is sent again does not bring a deleted tracker back
--- scenario
my ($id) = create('n');
my $record = redis('GET', key("id:$id"));
my $rev = rev();

is_deeply(create_again($id, 'n', $record), ['created'],
          'it sees what it has done');
is(rev(), $rev, 'and does it no more');

is_deleted(item('DELETE', $id), $id, 'deleted');
is_deeply(create_again($id, 'n', $record), ['created'],
          'it sees what it has done');
is(names(), '', 'nothing is there');
is(redis('EXISTS', key('name:n')), 0, 'the name is free');
is_missing(item('GET', $id), $id, 'GET');



=== a tombstone is no tracker
--- scenario
my ($id) = create('n');

item('DELETE', $id);

# what could be left of a name and an index that a crash has kept
redis('SET', key('name:n'), $id);
redis('ZADD', key('index'), 1, $id);

is(names(), '', 'not in the list');
is(exchange(request('GET', '/v1/manage/trackers?name=n'))->{body},
   '{"trackers":[]}', 'not by name');
is_missing(item('DELETE', $id), $id, 'not by id');



=== a name key that is another's is not taken away
--- scenario
my ($id) = create('n');

redis('SET', key('name:n'), '4503599627370496');
is_deleted(item('DELETE', $id), $id, 'deleted');
is(redis('GET', key('name:n')), '4503599627370496', 'the name key stays');



=== no lock is needed, and none is touched
--- scenario
my @ids = create(qw(a b));

hold_lock();
is_deleted(item('DELETE', $ids[0]), $ids[0], 'while another writes');
is_missing(item('DELETE', $ids[0]), $ids[0], 'again');
is(redis('GET', lock_key()), 'held by the test', 'the lock is its owner\'s');

redis('DEL', lock_key());
is_deleted(item('DELETE', $ids[1]), $ids[1], 'without a lock');
is(redis('EXISTS', lock_key()), 0, 'none is left');



=== the quota counts what is there
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_max_trackers 2;
        client_max_body_size 1m;
    }
--- exchanges
POST /v1/manage/tracker {"name":"a","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID1","name":"a","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"b","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID2","name":"b","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"c","vocabulary":["phrase"]}
400 The account may hold at most 2 trackers, it has 2 and the request adds 1.
DELETE /v1/manage/tracker/ID1
no Content-Type
200 {"id":"ID1","type":"tracker","deleted":true}
POST /v1/manage/tracker {"name":"c","vocabulary":["phrase"]}
200 {"tracker":{"id":"ID3","name":"c","vocabulary":["phrase"]}}
POST /v1/manage/tracker {"name":"d","vocabulary":["phrase"]}
400 The account may hold at most 2 trackers, it has 2 and the request adds 1.
GET /v1/manage/trackers
200 {"trackers":[{"id":"ID2","name":"b","vocabulary":["phrase"]},{"id":"ID3","name":"c","vocabulary":["phrase"]}]}



=== many at once, on one connection and on many
--- scenario
my @ids = create(map { "n$_" } 1 .. 60);
my $sock = connect_nginx();

send_bytes($sock, join '', map { request('DELETE', "/v1/manage/tracker/$_",
                                         type => undef) } @ids[0 .. 29]);
is_deleted(read_response($sock), $_, 'pipelined') for @ids[0 .. 29];

my @responses = parallel(map { request('DELETE', "/v1/manage/tracker/$_") }
                             @ids[30 .. 59]);
is_deleted($responses[$_], $ids[30 + $_], 'at once') for 0 .. 29;
is(names(), '', 'all are gone');
is(redis('ZCARD', key('index')), 0, 'the index');
is(scalar @{redis('KEYS', '*name:*')}, 0, 'the names');



=== a renamed tracker frees its new name
--- scenario
my ($id) = create('old');

is(item('PUT', $id, body => tracker_text('new'),
        type => 'application/json')->{status}, 200, 'renamed');
create('old');
is_deleted(item('DELETE', $id), $id, 'deleted');
is(redis('EXISTS', key('name:new')), 0, 'the new name is free');
is(names(), 'old', 'the old name is another\'s');
