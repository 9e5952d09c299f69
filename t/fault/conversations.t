# Every byte between nginx and Redis is cut once, of what is asked of
# conversations.
#
# The proxy breaks the connection, delays, falls silent or garbles at each
# position of the commands and of the replies, as in cuts.t.  A read is
# answered in full or not with 200, a detection too; a DELETE that was answered
# has deleted all, and one that was not has deleted all or nothing.
#
# Controls: a delete or a job that does not know its own work when it is sent
# again; a job without hits; pieces that are written twice; a transaction that
# leaves them; a delete that leaves messages behind.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Tracker::Conversation;
use Fault;

use constant ID => '4503599627370497';

my $path = '/v1/conversations/' . ID;
my @sentences = map { "m $_" } 1 .. 3;
my $messages = join ',', map { message(ID, ID, $sentences[$_], $_) } 0 .. 2;
my @said = ('{"payload":{"content":"Wear a mask. A cap."},'
            . '"from":{"name":"Ann"}}', '{"payload":{"content":"No mask!"}}');
my $talk = '{"messages":[' . join(',', @said) . ']}';

# so much more that the messages are written by one transaction, or by five: one
# for each piece of 64 KB
my ($more, $most) = (5000, 42_000);
my ($large, $huge) = map { '{"messages":[' . join(',', @said,
                           '{"payload":{"content":"' . 'x. ' x $_ . '"}}')
                           . ']}' } $more, $most;
my $detect = '/v1/conversations/detect';

# request, status and body of the answer, and what is wrong afterwards
my %shape = (
    forget => {
        method => 'DELETE', path => $path, after => \&left_of,
        body => '{"message":"successfully deleted the conversation"}',
    },
    messages => {
        method => 'GET', path => "$path/messages", after => \&lost_of,
        body => "{\"messages\":[$messages]}",
    },
    members => {
        method => 'GET', path => "$path/members", after => \&lost_of,
        body => '{"members":[' . member('Ann') . ']}',
    },
    found => {
        method => 'GET', path => "$path/trackers", after => \&lost_of,
        body => '[]',
    },
    create => {
        method => 'POST', path => '/v1/process/text', after => \&stored_of,
        talk => $talk, jobs => 0, good => 201,
    },
    large => {
        method => 'POST', path => '/v1/process/text', after => \&stored_of,
        talk => $large, jobs => 0, good => 201, more => $more,
    },
    huge => {
        method => 'POST', path => '/v1/process/text', after => \&stored_of,
        talk => $huge, jobs => 0, good => 201, more => $most, pieces => 5,
    },
    append => {
        method => 'PUT', path => '/v1/process/text/' . ID,
        after => \&stored_of, talk => $talk, jobs => 1, good => 201,
    },
    detect => {
        method => 'POST', path => $detect, after => \&detected_of,
        talk => $talk, good => 200,
        trackers => qr/\A\{"messages":\[.*"trackers":(\[.*\])\}\z/,
    },
    lines => {
        method => 'POST', path => $detect, after => \&detected_of,
        talk => join('', map { "$_\n" } @said), good => 200,
        type => 'application/x-ndjson',
        trackers => qr/\A((?:\{.*\}\n){2})\{"end":true,"count":2\}\n\z/,
    },
);

my ($accounts, $worst) = (0, 0);

seed();
start_redis();
start_nginx(redis => start_proxy(), timeout => '2s', redis_timeout => '250ms',
            server => <<'CONFIG');
        location = /ping { return 204; }
        location /v1/ { tracker_conversations; }
CONFIG

my ($worker) = workers();

for my $shape (sort keys %shape) {
    next unless part($shape);

    my @length = lengths($shape);
    diag("$shape: $length[0] bytes to Redis, $length[1] back");

    # of a large command some of its bytes are enough
    my $cuts = $shape{$shape}{pieces} ? 1000 : 4000;
    my @rare = (1 + int $length[0] / $cuts, 1);

    for my $dir (0, 1) {
        my $n = $length[$dir];
        my $name = ('command', 'reply')[$dir];

        cut_all("$shape: close in the $name", $shape, $dir, 'close',
                every($rare[$dir] * amount(3, 1), $n));
        cut_all("$shape: reset in the $name", $shape, $dir, 'reset',
                every($rare[$dir] * amount(5, 1), $n));
        cut_all("$shape: close in the $name that comes late", $shape, $dir,
                'late', every($rare[$dir] * amount(7, 1), $n));
        cut_all("$shape: stall in the $name", $shape, $dir, 'stall',
                every($rare[$dir] * amount(19, 2), $n - 1));
        cut_all("$shape: silence after the $name", $shape, $dir, 'mute',
                every($rare[$dir] * amount(97, 17), $n - 1));
    }

    cut_all("$shape: garbled reply", $shape, 1, 'flip',
            every(amount(3, 1), $length[1] - 1));
}

note(sprintf "%d cuts, the longest way to an answer took %.2f s", $accounts,
     $worst);
is(join(' ', workers()), $worker, 'the worker has lived through all of it');
log_is_clean('nothing worse than an error in the log');

control('a delete sent again is not recognised', 'close in the reply',
        ['forget'],
        ['src/store/conversation.c', 'return maybe ? TRACKER_OUTCOME_DELETED',
         'return 0 ? TRACKER_OUTCOME_DELETED']);
control('a job sent again is not recognised', 'close in the reply',
        [qw(create append)],
        ['src/store/lua/conversation_write.lua',
         'return have[4] == ARGV[3] and', 'return'],
        ['src/store/lua/conversation_write.lua', 'if have[7] then',
         'if false then']);
control('a job is stored without hits', 'close in the reply', ['create'],
        ['src/store/lua/conversation_write.lua',
         "redis.call('rpush', hits, ARGV[10])", 'job = job']);
control('pieces sent again are written twice', 'close in the reply', ['huge'],
        ['src/store/lua/conversation_stage.lua', 'if n ~= tonumber(ARGV[1])',
         'if n < tonumber(ARGV[1])'],
        ['src/store/conversation.c',
         'reply->integer == (int64_t) ctx->job.staged + 1',
         'reply->integer > (int64_t) ctx->job.staged'],
        ['src/store/lua/conversation_write.lua',
         "redis.call('llen', stage) ~=", "redis.call('llen', stage) <"]);
control('a transaction leaves what it wrote', 'close in the reply', ['large'],
        ['src/store/lua/conversation_write.lua',
         "redis.pcall('del', stage)", 'stage = stage']);
control('a delete leaves messages', 'forget', ['forget'],
        ['src/store/lua/conversation_delete.lua',
         "redis.call('unlink', conv, KEYS[2], KEYS[3], KEYS[4])",
         "redis.call('unlink', conv, KEYS[3], KEYS[4])"]);

finish();


sub every {
    my ($step, $n) = @_;

    # not the same positions each time, and always the last one
    return [grep({ $_ < $n } map { $_ * $step + int rand $step }
                             0 .. $n / $step), $n];
}

# A conversation of an account of its own, and the request.
sub prepare {
    my ($shape) = @_;
    my $account = 'account ' . ++$accounts;
    my $o = $shape{$shape};

    write_job(ID, account => $account, sentences => \@sentences)
        unless $o->{talk} && !$o->{jobs};
    write_tracker($account) if $o->{talk};

    return ($account, request($o->{method}, $o->{path}, account => $account,
                              $o->{talk} ? (body => $o->{talk}) : (),
                              $o->{type} || !$o->{talk}
                                  ? (type => $o->{type}) : ()));
}

# as a POST has written it: the worker has none of this account yet
sub write_tracker {
    my ($account) = @_;
    my $tracker = '{"id":"4503599627370497","name":"n","vocabulary":["mask"]}';

    redis('SET', account_key($account, 'id:4503599627370497'), $tracker);
    redis('ZADD', account_key($account, 'index'), 1, '4503599627370497');
    redis('SET', account_key($account, 'rev'), 1);
}

sub lengths {
    my ($shape) = @_;
    my (undef, $text) = prepare($shape);

    client_ask(client('one'), $text);
    (undef, $text) = prepare($shape);
    proxy('clear');
    client_ask(client('one'), $text);

    return (proxy('count'))[0, 1];
}

# what a DELETE has left, or should have left
sub left_of {
    my ($account, $gone) = @_;
    my @keys = conversation_keys($account, ID);
    my $n = redis('EXISTS', @keys);
    my $fields = join ' ', sort @{redis('HKEYS', $keys[0])};

    return '' if $n == 1 && $fields eq 'first';
    return '' if !$gone && $n == 5;
    return "$n keys, fields $fields";
}

# what a POST or PUT has stored, which is the whole job or none
sub stored_of {
    my ($account, $shape, $response) = @_;
    my $done = $response && $response->{status} eq '201';
    my $before = $shape{$shape}{jobs};
    my @ids = @{redis('ZRANGE', account_key($account, 'convs'), 0, -1)};
    my ($id) = $done && $response->{body}
               =~ /\A\{"conversationId":"(\d{16})","jobId":"[0-9a-f-]{36}"\}\z/;

    return "a body $response->{body}" if $done && !$id;

    for my $key (@{redis('KEYS', account_key($account, 'conv:*:new'))}) {
        my $ttl = redis('TTL', $key);

        return "a key of a transaction, for $ttl s"
            if $done || !$shape{$shape}{pieces} || $ttl < 0 || $ttl > 60;
    }

    return '' if !$done && @ids == 0 && $before == 0;
    return "conversations @ids" if @ids != 1 || $id && $ids[0] ne $id;

    my @keys = conversation_keys($account, $ids[0]);
    my $jobs = redis('HGET', $keys[0], 'jobs');
    my @said = @{redis('LRANGE', $keys[1], $before, -1)};
    my $pieces = $shape{$shape}{pieces} // 1;
    my @hits = @{redis('LRANGE', $keys[2], $before, -1)};

    return '' if !$done && $jobs == $before && !@said && !@hits;
    return "$jobs jobs, pieces: " . @said . ' and ' . @hits
        if $jobs != $before + 1 || @said != $pieces || @hits != 1;

    my $said = join '', @said;
    my ($first) = $said =~ /\A1\ (\d{16})\nM\ .*"name":"Ann".*\n
                                S\ "Wear\ a\ mask\."\nS\ "A\ cap\."\n
                                M\ .*\nS\ "No\ mask!"\n
                                (?:M\ .*\n((?:S\ "x\."\n)*))?\z/x;
    my $sentences = () = ($2 // '') =~ /\n/g;
    my $length = length $said;

    return "messages $said" unless $first;
    return "$sentences more sentences"
        if $sentences != ($shape{$shape}{more} // 0);
    return "hits $hits[0]"
        if $hits[0] !~ /\A1\ $first\ $length\nT\ 4503599627370497\ "n"\n
                         P\ "mask"\nR\ 0\ 7\ 11\ \d+\ 14\n
                         R\ 2\ 3\ 7\ \d+\ 10\n\z/x;
    return 'a key without an end'
        if grep { redis('TTL', $_) <= 0 } @keys[0 .. 2, 4];
    return '';
}

# what a detection has found, for nothing is stored
sub detected_of {
    my ($account, $shape, $response) = @_;
    my $stored = grep { redis('EXISTS', account_key($account, $_)) }
                      qw(convs lock);

    return "$stored keys" if $stored;
    return '' if !$response || $response->{status} ne '200';

    my ($found) = $response->{body} =~ $shape{$shape}{trackers}
        or return "a body $response->{body}";
    my $n = () = $found =~ /"offset":(?:7,"end":11|3,"end":7)/g;

    return $n == 2 ? '' : "found $found";
}

sub lost_of {
    my ($account) = @_;
    my $n = redis('EXISTS', conversation_keys($account, ID));

    return $n == 5 ? '' : "$n keys";
}

sub cut_all {
    my ($title, $shape, $dir, $what, $positions) = @_;
    my ($done, @wrong, %status) = 0;

    for my $pos (@$positions) {
        my $arg = { stall => 10, late => 3, flip => 1 + int rand 255 }->{$what}
                  // 0;
        my $result = one_cut($shape, join ' ', 'cut', qw(to from)[$dir], $pos,
                             $what, $arg);

        $done += $result->{done};
        $status{$result->{first}}++;
        push @wrong, "at $pos ($arg): $result->{wrong}"
            if $result->{wrong} && $what ne 'flip';
        last if enough(@wrong);
    }

    none("$title: " . @$positions . ' cuts, each answer is right', @wrong);
    note("$title: first answers " . join ', ', map { "$status{$_} x $_" }
                                               sort keys %status);
    cmp_ok($done, '>=', @$positions * 0.98, "$title: all were made");

    if ($what =~ /^(?:close|reset|late|stall)$/) {
        my $good = $shape{$shape}{good} // 200;

        is(join(' ', sort keys %status), $good,
           "$title: the first answer is $good already");
    }
}

sub one_cut {
    my ($shape, $cut) = @_;
    my $client = client('one');
    my ($account, $text) = prepare($shape);
    my ($first, $response);

    # an attempt before this one may have left nginx in a pause
    warm($client);
    proxy('clear', $cut);

    my $start = time();
    my $wrong = '';

    for (1 .. 1000) {
        $response = client_ask($client, $text);

        my $status = $response ? $response->{status} : 'none';
        $first //= $status;

        # sent again, it would be another job
        if ($shape{$shape}{talk}) {
            $wrong = "answered $status"
                if $status !~ /^(?:$shape{$shape}{good}|50[024])$/;
            last;
        }

        # what was deleted by a request whose answer was another
        last if $status eq '200' || $status eq '404' && $first ne '404'
                                    && $shape eq 'forget';

        $wrong ||= $shape{$shape}{after}->($account, 0);

        if ($status !~ /^(?:500|502|504)$/) {
            $wrong ||= "answered $status";
            last;
        }

        sleep 0.005;
    }

    my $took = time() - $start;
    $worst = $took if $took > $worst;

    my (undef, undef, $done) = proxy('count');
    proxy('clear');

    $wrong ||= $shape{$shape}{after}->($account,
               $shape{$shape}{talk} ? ($shape, $response) : 1);
    $wrong ||= "another body: $response->{body}"
        if $response && $response->{status} eq '200' && $shape{$shape}{body}
           && $response->{body} ne $shape{$shape}{body};

    redis('DEL', conversation_keys($account, ID));
    return { first => $first, done => $done > 0, wrong => $wrong };
}

sub warm {
    my ($client) = @_;
    my $text = request('GET', '/v1/conversations', type => undef);

    for (1 .. 1000) {
        my $response = client_ask($client, $text);

        return if $response && $response->{status} == 200;
        sleep 0.005;
    }

    die "nginx does not come back\n";
}
