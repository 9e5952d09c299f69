use lib 't/lib';
use Tracker;
use Tracker::Conversation;
use Tracker::Replica;
use Test::Nginx::Socket 'no_plan';

use Digest::SHA;

# What the scripts owe a Redis with replicas, and a Redis Cluster.

use constant { ONE => '1111111111111111', SAID => '1111111111111112' };

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(config => <<'CONFIG');
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }
CONFIG
});

run_tests();

sub call {
    my ($method, $path, $body, @o) = @_;

    return request($method, "/v1/$path", body => $body // '', @o);
}

sub create {
    my ($name, @o) = @_;

    return call('POST', 'manage/tracker', tracker_text($name), @o);
}

sub talk {
    return '{"messages":[{"payload":{"content":"Wear a mask."}}]}';
}

# of everything in Redis
sub contents {
    return join "\n", map { "$_ " . unpack 'H*', redis('DUMP', $_) }
                      sort @{redis('KEYS', '*')};
}

# the keys of a call by hand
sub keys_of {
    return map { account_key('tester', $_) } @_;
}

# a call that is sent again writes something, and changes nothing
sub is_written_again {
    my ($call, $reply, $title) = @_;

    is_deeply($call->(), $reply, "$title: done");

    my ($before, $at) = (contents(), written());

    is_deeply($call->(), $reply, "$title: sent again");
    cmp_ok(written(), '>', $at, "$title: WAIT has something to wait for");
    is(contents(), $before, "$title: nothing is changed");

    redis('CONFIG', 'SET', 'maxmemory', 1);
    $at = written();
    is_deeply(eval { $call->() } // $@, $reply, "$title: in a full Redis");
    cmp_ok(written(), '>', $at, "$title: there, too");
    redis('CONFIG', 'SET', 'maxmemory', 0);
}

__DATA__

=== scripts that are sent again find what they have written, and write
Behind one that does not, Redis 8.0.6 answers WAIT at once: no replica has it.
--- scenario
start_replica();

my ($first, $record) = ('{"id":"' . ONE . '","a":1}', '{"changed":1}');
my @once = map { $_ x 64 } 'a', 'b';

is_written_again(sub {
    redis('EVAL', script('create'), 5,
          keys_of('lock', 'index', 'rev', 'name:n', 'id:' . ONE),
          '', 0, '', 0, 2 ** 40, 1, 1, '', $first);
}, ['created'], 'create');

my $create_once = sub {
    redis('EVAL', script('create'), 7,
          keys_of('lock', 'index', 'rev', "idem:$once[0]", 'idems', 'name:k',
                  "id:$_[0]"),
          '', 0, $once[1], 0, 2 ** 40, 1, 1, '', $first);
};

is_deeply($create_once->(SAID), ['created'], 'with an Idempotency-Key');
is_written_again(sub { $create_once->('9999999999999999') },
                 ['replayed', SAID], 'a repeated one');

is_written_again(sub {
    redis('EVAL', script('change'), 5,
          keys_of('lock', 'rev', 'id:' . ONE, 'name:n', 'name:m'), '',
          Digest::SHA::sha1_hex($first), $record, 2 ** 40, 1);
}, ['changed'], 'change');

is_written_again(sub {
    redis('EVAL', script('delete'), 4,
          keys_of('rev', 'index', 'id:' . ONE, 'name:m'),
          Digest::SHA::sha1_hex($record), 600_000, 2 ** 40, 1);
}, ['deleted'], 'delete');

# an import: a new tracker, and one that changes
my $rev = redis('GET', keys_of('rev'));
my $import = sub {
    my ($mark, @idem) = @_;

    redis('EVAL', script('import'), 7 + 2 * !!@idem,
          keys_of('lock', 'index', 'rev', "id:$mark",
                  @idem ? ("idem:$idem[0]", 'idems') : (), 'name:i',
                  'id:5555555555555555', 'id:' . SAID),
          '', 0, $idem[1] // '', 0, 2 ** 40, 1, 1, $rev, 600_000, 0, 'told',
          $first, $record);
};

is_written_again(sub { $import->('6666666666666666') }, ['imported'],
                 'an import');
is_deeply($import->('7777777777777777'), ['stale'], 'the account has changed');
is_deeply($import->(SAID), ['taken'], 'a mark that is a tracker');

$rev = redis('GET', keys_of('rev'));
is_deeply($import->('7777777777777777'), ['taken'], 'an id is in use');
redis('DEL', keys_of('id:5555555555555555'));
is_deeply($import->('7777777777777777'), ['taken'], 'a name is');
redis('DEL', keys_of('name:i'));
my @other = map { $_ x 64 } 'c', 'd';
is_deeply($import->('7777777777777777', @other), ['imported'],
          'with an Idempotency-Key');
is_written_again(sub { $import->('8888888888888888', @other) },
                 ['replayed', 'told'], 'a repeated import');

is_written_again(sub { write_job(ONE) }, ['created', 1], 'a conversation');
is_written_again(sub { write_job(ONE, append => 1, first => 'b') },
                 ['created', 2], 'more of it');

my $forget = sub {
    redis('EVAL', script('conversation_delete'), 5,
          conversation_keys('tester', ONE), 600_000);
};

is_deeply($forget->(), ['deleted'], 'a conversation is deleted');
is_written_again($forget, ['gone'], 'again');



=== scripts that read name no key that is never there
A Redis Cluster answers TRYAGAIN to them while a slot migrates.
--- scenario
exchange($_) for create('n'), call('POST', 'process/text', talk());

my $monitor = Tracker::Redis::redis_connect();

is(Tracker::Redis::redis_command($monitor, 'MONITOR'), 'OK', 'MONITOR');
is(exchange(call('GET', $_))->{status}, 200, $_)
    for 'manage/trackers', 'manage/trackers?name=n', 'conversations';
redis('PING');

my %seen;

while (<$monitor>) {
    last if /"PING"\r/;
    my ($n, $keys) = /"EVALSHA" "\w+" "(\d+)" ([^\r]*)/ or next;
    my @keys = (split ' ', $keys)[0 .. $n - 1];

    $seen{s/^"|"$//gr} = 1 for @keys;
}

is(join(' ', sort keys %seen),
   join(' ', sort(keys_of('rev', 'index', 'name:n', 'convs'))), 'these keys');
is(scalar(grep { redis('EXISTS', $_) } keys %seen), 4, 'they exist');
