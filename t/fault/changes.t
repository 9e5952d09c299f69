# Every byte between nginx and Redis is cut once while changes are read, or
# trackers with their times: the answer is whole, or a clean error.
#
# So is every byte of the question that a worker asks for those who wait: they
# wait on, and are told.  Then all of it at random.
#
# Controls: an answer that is not read again after a wake; a question that is
# not asked again when it has failed.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Fault;

seed();
start_redis();

my $proxy = start_proxy();

start_nginx(redis => $proxy, timeout => '5s', redis_timeout => '1s',
            location => 'tracker_history 1000;',
            server => 'location = /ping { return 204; }'
                      . 'location = /status { tracker_status; }');

my ($worker) = workers();
my $client = client('one');
my $since = tag_of(0);

ask(post('trackers', '[' . join(',', map { tracker_text($_) } qw(a b c))
                     . ']'));
my ($id) = ask(changes())->{body} =~ /"id":"(\d+)"/;
ask(request('PUT', "/v1/manage/tracker/$id", body => tracker_text('d', 'e')));
ask(request('DELETE', "/v1/manage/tracker/$id"));

# what is read, and its answer
my $read = \&changes;
my $whole = ask(changes())->{body};

is(scalar(() = $whole =~ /"type":/g), 5, 'three creates, a PUT and a DELETE');

reads('changes', 0, 1) if part('reads');
expanded() if part('expanded');
waits() if part('waits');

is(join(' ', workers()), $worker, 'the worker has lived through all of it');
log_is_clean('nothing worse than an error in the log');

control('a question is not asked again', 'told after each', ['waits'],
        ['src/store/watch.c',
         "} else {\n        ngx_add_timer(&watch->timer,",
         "} else if (status == NGX_REDIS_OK) {\n"
         . "        ngx_add_timer(&watch->timer,"]);
control('half an answer is one', 'whole or a clean error', ['reads'],
        ['src/http/changes.c',
         'if (ctx->txn->outcome != TRACKER_OUTCOME_FOUND) {', 'if (0) {']);

finish();


sub ask {
    my ($text) = @_;

    return client_ask($client, $text);
}

sub tag_of {
    my ($rev) = @_;

    return (account_key('tester', '') =~ /\{(\w{16})/)[0] . "-$rev";
}

sub changes {
    return request('GET', "/v1/manage/trackers/changes?since=$since"
                          . ($_[0] // ''), type => undef);
}

# nginx must have seen that its connection to Redis is closed
sub new_connection {
    proxy('drop');
    ask("GET /ping HTTP/1.1\r\nHost: a\r\n\r\n");
}

sub every {
    my ($step, $n) = @_;

    return (grep({ $_ < $n } map { $_ * $step + int rand $step }
                             0 .. $n / $step), $n);
}

# bytes to Redis and back
sub lengths {
    my ($new) = @_;

    wait_until(sub { ask($read->())->{status} == 200 }, 'Redis is reached');
    new_connection() if $new;
    proxy('clear');
    ask($read->());

    return (proxy('count'))[0, 1];
}

sub reads {
    my ($name, @new) = @_;

    for my $new (@new) {
        my @length = lengths($new);

        for my $dir (0, 1) {
            for my $what (qw(close reset late stall mute flip)) {
                my $step = $what eq 'mute' ? amount(199, 41)
                           : $new ? amount(41, 1)
                           : amount($dir ? 7 : 11, 1);

                cut_reads($name, $new, $dir, $what,
                          every($step, $length[$dir] - 1));
            }
        }
    }
}

# the times of a list and of a tracker, which another command reads
sub expanded {
    my ($other) = ask(request('GET', '/v1/manage/trackers', type => undef))
                      ->{body} =~ /"id":"(\d+)"/;

    for my $path ('trackers', "tracker/$other") {
        $read = sub {
            return request('GET', "/v1/manage/$path?expand=times",
                           type => undef);
        };
        $whole = ask($read->())->{body};
        like($whole, qr/"createdAt":"2/, "$path: with times");
        reads($path =~ s/\d+/ID/r, 0);
    }

    $read = \&changes;
    $whole = ask(changes())->{body};
}

sub cut_reads {
    my ($name, $new, $dir, $what, @positions) = @_;
    my $title = "$name: $what in the " . ('command', 'reply')[$dir]
                . ($new ? ', new connection' : '');
    my ($done, @wrong, %status) = 0;

    # a garbled command may be any other
    return if $what eq 'flip' && !$dir;

    for my $pos (@positions) {
        my $arg = { stall => 10, late => 3, flip => 1 + int rand 255 }->{$what}
                  // 0;

        # an attempt before this one may have left nginx in a pause
        wait_until(sub { ask($read->())->{body} eq $whole }, 'Redis is back');
        new_connection() if $new;
        proxy('clear', join ' ', 'cut', qw(to from)[$dir], $pos, $what, $arg);

        my $response = ask($read->());
        my (undef, undef, $made) = proxy('count');

        proxy('clear');
        $done++ if $made > 0;
        $status{$response ? $response->{status} : 'none'}++;

        my $wrong = wrong($response, $what);
        push @wrong, "at $pos ($arg): $wrong" if $wrong;
        last if enough(@wrong);
    }

    cmp_ok($done, '>=', @positions * ($new ? 0.9 : 0.98) - 1,
           "$title: all were made");
    none("$title: whole or a clean error", @wrong);
    note("$title: ", join ', ', map { "$status{$_} x $_" } sort keys %status);
    is(join(' ', keys %status), '200', "$title: read again")
        if $what =~ /^(?:close|reset|late|stall)$/;
}

# what is wrong with an answer, or nothing
sub wrong {
    my ($response, $what) = @_;

    return 'no answer' unless $response;

    my ($status, $body) = @$response{qw(status body)};

    # a digit of a time may be another one, and a record have any bytes
    return $what eq 'flip' || $body eq $whole ? '' : $body if $status == 200;

    # any number may be that of the account
    return '' if $status == 410 && $what eq 'flip';
    return "$status $body" unless $status =~ /^50[024]$/;
    return $body =~ /^\{"message":"[^"]+"\}$/ ? '' : $body;
}

sub number_waiting {
    my $body = ask("GET /status HTTP/1.1\r\nHost: a\r\n\r\n")->{body};

    return ($body =~ /^tracker_changes_waiting (\d+)/m)[0];
}

# The question of those who wait is cut; then something changes.
sub waits {
    my ($n, @wrong) = 0;
    my @length;

    for my $round (0 .. amount(14, 80)) {
        my $dir = $round % 2;
        my @what = (qw(mute close reset late stall flip))[0 .. 4 + $dir];
        my $what = $what[$round / 2 % @what];
        my $answer = read_after_cut($dir, $what);

        $n++;
        push @wrong, "$what: $answer"
            unless $answer =~ /"type":"created".*"name":"w \d+"/;
        last if enough(@wrong);
    }

    none("those who wait are told after each of $n", @wrong);
}

my $created;

sub read_after_cut {
    my ($dir, $what) = @_;

    wait_until(sub { (ask(changes()) // {})->{status} == 200 },
               'Redis is back');
    $since = (ask(changes())->{body} =~ /"rev":"([^"]+)","more":false\}$/)[0];

    my $sock = connect_nginx();
    my $pos = int rand($dir ? 18 : 70);
    my $arg = { stall => 10, late => 3, flip => 1 + int rand 255 }->{$what}
              // 0;

    send_bytes($sock, changes('&wait=60'));
    wait_until(sub { number_waiting() == 1 }, 'it waits');
    proxy('clear', join ' ', 'cut', qw(to from)[$dir], $pos, $what, $arg);

    # what is garbled may wake it
    wait_until(sub { (proxy('count'))[2] > 0 }, 'a question is cut');

    # a silence is one that the question does not outlive
    sleep($what eq 'mute' ? 1.3 : rand 0.5);
    proxy('clear');

    return '"type":"created","name":"w 0"'
        if $what eq 'flip' && IO::Select->new($sock)->can_read(0);

    # by another host: this worker asks at once after a write of its own
    write_elsewhere('w ' . ++$created);

    my $response = eval { read_response($sock) };

    return $response ? $response->{body} : 'nothing';
}

# A create without nginx, in one step.
sub write_elsewhere {
    my ($name) = @_;
    my $id = 4503599627370496 + $created;
    my @keys = map { account_key('tester', $_) } 'rev', 'log', 'index',
                                                 "id:$id";

    redis('EVAL', <<'LUA', 4, @keys, $id,
local rev = redis.call('incrby', KEYS[1], 1000)
redis.call('zadd', KEYS[2], rev, 'c' .. ARGV[1] .. ' 1')
redis.call('zadd', KEYS[3], rev, ARGV[1])
redis.call('set', KEYS[4], ARGV[2])
LUA
          "{\"id\":\"$id\",\"name\":\"$name\",\"vocabulary\":[\"x\"]}");
}
