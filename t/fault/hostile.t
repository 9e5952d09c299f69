# A Redis that means harm, or is broken.
#
# This test plays Redis itself: it answers with each error word, with replies
# of the wrong shape, with bytes that are no replies, with too little and too
# much, and before a large command has come as a whole.  The status must be
# the right one, the worker must live, and no answer may be 200 unless the
# reply says that the trackers were created.
#
# Controls: a wrong row in the table of error words; a word that is not known
# taken for "created"; a reply that nobody waits for handed to hiredis; a
# connection used again inside a command that was given up.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Digest::SHA qw(sha1_hex);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_RCVBUF TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Tracker::Conversation;
use Fault;

use constant FAILED => qr/^50[024]$/;

my $ID = '5000000000000001';
my $NAMELESS = qr/^(?:200|429|50[024])$/;

my %good = (
    lock => "\$-1\r\n",
    create => words('created'),
    multi => "+OK\r\n",
    queued => "+QUEUED\r\n",
    exec => exec_reply(words('begun'), ":1\r\n", words('created')),
    release => ":1\r\n",
    info => bulk("maxmemory_policy:noeviction\r\naof_enabled:1\r\n"),
    auth => "+OK\r\n",
    select => "+OK\r\n",
    load => sub { bulk(sha1_hex($_[0][2])) },
);

# The first words of issues and manuals; the status, and how often the command
# is sent: once, twice (after SCRIPT LOAD), or until the deadline.
my @error_words = (
    ['NOSCRIPT No matching script. Please use EVAL.',           500, 'twice'],
    ['LOADING Redis is loading the dataset in memory',          502, 'often'],
    ['MASTERDOWN Link with MASTER is down',                     502, 'often'],
    ['CLUSTERDOWN The cluster is down',                         502, 'often'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 502, 'often'],
    ['ERR Script attempted to access a non local key in a',     502, 'often'],
    ['ERR Attempted to access a non local key in a cluster',    502, 'often'],
    ["READONLY You can't write against a read only replica.",   502, 'often'],
    ['EXECABORT Transaction discarded because of: READONLY no', 502, 'often'],
    ['BUSY Redis is busy running a script.',                    504, 'often'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 500, 'once'],
    ['MISCONF Redis is configured to save RDB snapshots, but',  500, 'once'],
    ['NOREPLICAS Not enough good replicas to write.',           502, 'often'],
    ['NOAUTH Authentication required.',                         500, 'once'],
    ['WRONGPASS invalid username-password pair',                500, 'once'],
    ['NOPERM this user has no permissions to run the command',  500, 'once'],
    ['WRONGTYPE Operation against a key holding the wrong kind', 500, 'once'],
    ["ERR unknown command 'SET', with args beginning with: ",   500, 'once'],
    ['ERR user_script:31: attempt to index a nil value',        500, 'once'],
    ['EXECABORT Transaction discarded',                         500, 'once'],
    ['LOADINGS is another word',                                500, 'once'],
    ['loading is another word',                                 500, 'once'],
    [' LOADING',                                                500, 'once'],
    ['',                                                        500, 'once'],
);

# Replies of some shape to the commands of a create.
my @shapes = (
    lock => [
        ["+OK\r\n", 500], [":0\r\n", 500], [":1\r\n", 500], ["*0\r\n", 500],
        [bulk(''), 429], [bulk('another token'), 429], [bulk('x' x 32), 429],
        ["*1\r\n\$-1\r\n", 500], ["*1\r\n-ERR\r\n", 500],
        ["*1\r\n" . bulk('x' x 32), 500],
    ],
    create => [
        ["+created\r\n", 500], [bulk('created'), 500], [":1\r\n", 500],
        ["\$-1\r\n", 500], ["*-1\r\n", 500], ["*0\r\n", 500],
        ["*1\r\n:1\r\n", 500], ["*1\r\n\$-1\r\n", 500], [words(''), 500],
        [words('create'), 500], [words('createdx'), 500],
        [words('Created'), 500], [words("created\0"), 500],
        ["*1\r\n" . words('created'), 500], ["*1\r\n-ERR\r\n", 500],
        ["*1\r\n+created\r\n", 500],
        [words('conflict'), 500], [words('conflict', 1), 500],
        [words('conflict', 1, 0), 500], [conflict(1, 0, bulk($ID)), 409],
        [conflict(1, 0, bulk('')), 409], [conflict(1, 0, bulk("${ID}1")), 409],
        [conflict(1, 0, bulk('50000000"0000001')), 409],
        [conflict(1, 0, ":$ID\r\n"), 409], [conflict(1, 0, "\$-1\r\n"), 409],
        [conflict(1, 0, "*0\r\n"), 409], [conflict(1, 1, bulk($ID)), 500],
        [conflict(1, -1, bulk($ID)), 500], [conflict(-1, 0, bulk($ID)), 500],
        [conflict(1, 2 ** 31, bulk($ID)), 500],
        [conflict('9007199254740992', 0, bulk($ID)), 409],
        [conflict(1, '9223372036854775807', bulk($ID)), 500],
        [words('conflict', (0) x 202), 500], [words('conflict', (0) x 201), 409],
        ["*4\r\n" . bulk('conflict') . bulk(1) . ":0\r\n" . bulk($ID), 500],
        ["*4\r\n" . bulk('conflict') . ":1\r\n" . bulk(0) . bulk($ID), 500],
        [words('quota'), qr/^[45]00$/], [words('quota', 5), 400],
        [words('quota', -5), 500], ["*2\r\n" . bulk('quota') . bulk(5), 500],
        [words('reused'), 409], [words('locked'), 429],
        [words('changed'), 500], [words('deleted'), 500],
        [words('missing'), 500], [words('stale'), 500],
        [words('replayed'), 500], [words('replayed', 5), 500],
        ["*2\r\n" . bulk('replayed') . "\$-1\r\n", 500],
        ["*2\r\n" . bulk('replayed') . bulk(''), 500],
        ["*2\r\n" . bulk('replayed') . bulk($ID), 200],
        ["*2\r\n" . bulk('replayed') . bulk("${ID}1"), 500],
        ["*2\r\n" . bulk('replayed') . bulk("$ID$ID"), 500],
        ["*2\r\n" . bulk('replayed') . bulk('50000000"0000001'), 500],
    ],
    exec => [
        ["+OK\r\n", 500], [":1\r\n", 500], ["\$-1\r\n", 500],
        ["*-1\r\n", 500], ["*0\r\n", 500], [words('created'), 500],
        [words('created', 1, 1), 500],
        [exec_reply(words('begun'), words('created')), 500],
        [exec_reply(words('begun'), ":1\r\n", bulk('created')), 500],
        [exec_reply(words('begun'), ":1\r\n", words('refuse')), 500],
        [exec_reply(words('begun'), ":1\r\n", words('')), 500],
        [exec_reply(words('begun'), ":1\r\n", "*0\r\n"), 500],
        [exec_reply(words('begun'), ":1\r\n", "-ERR no\r\n"), 'asked'],
        [exec_reply("-ERR no\r\n", ":0\r\n", words('refused')), 'asked'],
        [exec_reply(words('refused'), ":0\r\n", words('refused')), 'asked'],
        ["-EXECABORT Transaction discarded\r\n", 'asked'],
    ],
    release => [
        ["\$-1\r\n", 200], ["+OK\r\n", 200], ["*0\r\n", 200],
        ["-ERR no\r\n", 200],
    ],
);

# Replies to what is read of a conversation, and to its DELETE.
my $TALK = "conversations/$ID";
my @stretches = (
    ["*2\r\n:0\r\n" . bulk(0), 200],
    ["*3\r\n:0\r\n" . bulk(1)
     . bulk("1 5000000000000002\nM 0 0 \"a\":1\nS \"b\"\n"), 200],
    ["*1\r\n:0\r\n", 500], ["*2\r\n:-1\r\n" . bulk(0), 500],
    ["*2\r\n" . bulk(0) . bulk(0), 500], ["*2\r\n:0\r\n:0\r\n", 500],
    ["*2\r\n:0\r\n" . bulk(''), 500], ["*2\r\n:0\r\n" . bulk('x'), 500],
    ["*2\r\n:0\r\n" . bulk('1' x 17), 500],
    ["*2\r\n:0\r\n\$-1\r\n", 500],
    ["*3\r\n:0\r\n" . bulk(1) . ":1\r\n", 500],
    ["*3\r\n:0\r\n" . bulk(1) . "\$-1\r\n", 500],
    ["*-1\r\n", 500], ["\$-1\r\n", 500], [":1\r\n", 500],
    [bulk('{}'), 500], ["+OK\r\n", 500],
);
my @records = (
    ["*1\r\n" . bulk('{}'), 200], ["*0\r\n", 404], ["*1\r\n:1\r\n", 500],
    ["*1\r\n\$-1\r\n", 500], ["*1\r\n*1\r\n" . bulk('{}'), 500],
    ["*2\r\n" . bulk('{}') . bulk('{}'), 500], ["*1\r\n-ERR no\r\n", 500],
    ["*-1\r\n", 500], ["\$-1\r\n", 500], [":1\r\n", 500],
    [bulk('{}'), 500], ["+OK\r\n", 500],
);
my @talks = (
    [GET => $TALK, talk => @records],
    [GET => "$TALK/members", talk => @records],
    [GET => "$TALK/messages", talk => ["*0\r\n", 404],
        ["*3\r\n:0\r\n" . bulk(1) . bulk('{}'), 500], @stretches],
    [GET => 'conversations', talk => ["*0\r\n", 500], @stretches],
    [GET => 'job/' . job_id('talker', $ID, 2), job =>
        ["*2\r\n\$-1\r\n\$-1\r\n", 404],
        ["*2\r\n" . bulk('') . bulk(2), 200],
        ["*2\r\n" . bulk('') . bulk(1), 404],
        map({ ["*2\r\n" . bulk('') . bulk($_), 500] }
            '', 'x', '-2', '2.0', '1' x 17),
        ["*2\r\n" . bulk('') . "\$-1\r\n", 500],
        ["*2\r\n" . bulk('') . ":2\r\n", 500], ["*1\r\n" . bulk(''), 500],
        ["*3\r\n" . bulk('') . bulk(2) . bulk(''), 500], ["*0\r\n", 500],
        [bulk(''), 500], ["\$-1\r\n", 500]],
    [DELETE => $TALK, forget =>
        [words('deleted'), 200], [words('missing'), 404], [words('gone'), 404],
        map({ [$_, 500] } words('created'), words('Deleted'), words(''),
                          "*0\r\n", "*-1\r\n", "\$-1\r\n", "+deleted\r\n",
                          bulk('deleted'), "*1\r\n:1\r\n", ":1\r\n")],
);

my @malformed = (
    "?\r\n", "\r\n", "\n", "\0\0\0\0", "created\r\n", "HTTP/1.1 200 OK\r\n\r\n",
    "\$9999999999\r\n", "\$2147483647\r\n", "\$4294967295\r\n",
    "\$536870913\r\n", "\$-2\r\n", "\$abc\r\n", "\$\r\n", "\$7\r\ncreatedXX",
    "*2147483647\r\n", "*4294967295\r\n", "*4294967297\r\n", "*1048577\r\n",
    "*9223372036854775807\r\n", "*-2\r\n", "*abc\r\n", "*\r\n",
    "*1\r\n" x 9 . "\$7\r\ncreated\r\n", "*1\r\n" x 5000, "*2\r\n" x 100,
    ":99999999999999999999\r\n", ":\r\n", ":x\r\n", ':' . '1' x 100 . "\r\n",
    '+' . 'x' x 100_000, '-' . 'x' x 100_000, '$' . '1' x 5000,
    "*1\r\n\$7\r\ncreated", "*1\r\n\$7\r\n", "*1\r\n\$7", '*1', '*', '$', '-',
    "*1\r\n\$2147483647\r\ncreated\r\n", "*1\n\$7\ncreated\n",
    "%1\r\n\$7\r\ncreated\r\n:1\r\n", "~1\r\n\$7\r\ncreated\r\n",
    ">1\r\n\$7\r\ncreated\r\n", "#t\r\n", ",1.5\r\n", "(1234\r\n",
    "=15\r\ntxt:Some string\r\n", "!5\r\nERR x\r\n",
);

my ($answers, %seen, %conns, @never_well);
my $last_told = '';
my $bulk = '[' . join(',', map { tracker_text("n$_") } 1 .. 16) . ']';
my $large = '[' . join(',', map { tracker_text("n$_", 'x' x 20_000) } 1 .. 200)
            . ']';
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
    or die "listen: $!";
# what is not read fills the buffers soon
setsockopt $listener, SOL_SOCKET, SO_RCVBUF, 16384;
my $address = '127.0.0.1:' . $listener->sockport;
my $number = 0;

seed();
start_nginx(redis => $address, timeout => '700ms', redis_timeout => '250ms',
            location => <<"CONFIG" . "}\nlocation /v2/manage/ {" . <<"MORE");
            tracker_max_trackers 1000;
            client_max_body_size 8m;
CONFIG
            tracker_api;
            tracker_redis $address db=3 password_file=$ENV{TEST_NGINX_KEY};
        }

        location /v1/ {
            tracker_conversations;
            client_max_body_size 8m;
        }

        location /v3/manage/ {
            tracker_api;
            tracker_timeout 20s;
            tracker_redis_timeout 20s;
            client_max_body_size 8m;
MORE

my ($worker) = workers();

test_good();
test_words() if part('words');
test_setup() if part('setup');
test_shapes() if part('shapes');
test_talks() if part('talks');
test_taken() if part('taken');
test_malformed() if part('malformed');
test_partial() if part('partial');
test_early() if part('early');
test_unsolicited() if part('unsolicited');
test_random() if part('random');
test_idle_junk() if part('unsolicited');

is(status_of(), 200, 'after all that a good Redis is answered with 200');
well_again();
same_worker('at the end');
log_is_clean('nothing worse than an error in the log');

control('OOM taken for a server that is away', 'OOM', ['words'],
        ['src/redis/error.c',
         'ngx_string("OOM"),        NGX_REDIS_ERROR',
         'ngx_string("OOM"),        NGX_REDIS_UNAVAILABLE']);
control('an unknown word taken for created', 'create', ['shapes'],
        ['src/store/write.c',
         'ngx_null_string, TRACKER_OUTCOME_ERROR',
         'ngx_null_string, TRACKER_OUTCOME_CREATED']);
control('a cursor is not looked at', 'conversations|messages', ['talks'],
        ['src/store/conversation.c',
         '|| tracker_reply_digits(&cursor) != NGX_OK', '']);
control('more than was asked for goes to hiredis', 'lives|worker',
        ['unsolicited'],
        ['src/redis/conn.c', 'ac->c.reader->pos < ac->c.reader->len',
         'ac->c.reader->pos > ac->c.reader->len']);
control('a stream that was given up is used again', 'next one', ['early'],
        ['src/redis/lane.c', 'lane->broken = 1;', 'lane->broken = 0;']);

finish();


# replies

sub bulk {
    my ($bytes) = @_;

    return '$' . length($bytes) . "\r\n$bytes\r\n";
}

sub exec_reply {
    return '*' . @_ . "\r\n" . join '', @_;
}

# an array of a word and integers
sub words {
    my ($word, @numbers) = @_;

    return '*' . (1 + @numbers) . "\r\n" . bulk($word)
           . join '', map { sprintf ":%s\r\n", $_ } @numbers;
}

sub conflict {
    my ($total, $place, $id) = @_;

    return "*4\r\n" . bulk('conflict') . ":$total\r\n:$place\r\n$id";
}


# Redis

# One turn of the loop: takes connections and commands, answers.
sub serve {
    my ($seconds, @others) = @_;
    my @heard = map { $_->{sock} } grep { !$_->{deaf} } values %conns;
    my $select = IO::Select->new($listener, @heard, @others);
    my @ready;

    for my $sock ($select->can_read($seconds)) {
        if ($sock == $listener) {
            my $conn = { sock => scalar $listener->accept, in => '' };
            $conns{fileno $conn->{sock}} = $conn;
            setsockopt $conn->{sock}, IPPROTO_TCP, TCP_NODELAY, 1;
            speak($conn, $answers->{accept}, []) if $answers->{accept};

        } elsif ($conns{fileno $sock}) {
            hear($conns{fileno $sock});

        } else {
            push @ready, $sock;
        }
    }

    return @ready;
}

sub hear {
    my ($conn) = @_;
    my $n = sysread $conn->{sock}, $conn->{in}, 65536, length $conn->{in};

    return hang_up($conn) unless $n;

    while ($conn->{sock} && (my $command = take_command($conn))) {
        my $step = step_of($command);
        my $n = $seen{$step}++;
        my $answer = exists $answers->{$step} ? $answers->{$step}
                                              : $good{$step};

        $answer = $answer->[$n < @$answer ? $n : -1] if ref $answer eq 'ARRAY';
        speak($conn, $answer, $command);
    }

    if (exists $answers->{early} && $conn->{sock}
        && $conn->{in} =~ /^\*\d{3}\r\n\$6\r\nMSETNX\r\n/)
    {
        # the rest of a large command is not read
        my $n = $seen{early}++;
        my $early = $answers->{early};

        $conn->{deaf} = 1;
        sleep 0.05;
        speak($conn, ref $early ? $early->[$n < @$early ? $n : -1] : $early);
    }
}

# An answer is text, code that makes it, or { text, close }; undef: silence.
sub speak {
    my ($conn, $answer, $command) = @_;
    my $close;

    $answer = $answer->($command) if ref $answer eq 'CODE';
    ($answer, $close) = @$answer{qw(text close)} if ref $answer eq 'HASH';

    send_bytes($conn->{sock}, $answer) if defined $answer;
    hang_up($conn) if $close;
}

sub hang_up {
    my ($conn) = @_;

    delete $conns{fileno $conn->{sock}};
    close delete $conn->{sock};
}

# Goes on with a command of many pieces where it had to stop.
sub take_command {
    my ($conn) = @_;
    my $bytes = \$conn->{in};

    if (!$conn->{words}) {
        return unless substr($$bytes, 0, 20) =~ /^\*(\d+)\r\n/;
        @$conn{qw(words n at)} = ([], $1, $+[0]);
    }

    while (@{$conn->{words}} < $conn->{n}) {
        return unless length $$bytes > $conn->{at}
                      && substr($$bytes, $conn->{at}, 20) =~ /^\$(\d+)\r\n/;
        my $start = $conn->{at} + $+[0];
        return if length $$bytes < $start + $1 + 2;
        push @{$conn->{words}}, substr $$bytes, $start, $1;
        $conn->{at} = $start + $1 + 2;
    }

    substr($$bytes, 0, $conn->{at}) = '';
    return delete $conn->{words};
}

sub step_of {
    my ($command) = @_;
    my $name = $command->[0];

    # by the number of keys; a list has one, too, and more arguments
    if ($name eq 'EVALSHA') {
        return 'talk' if $command->[2] == 1 && @$command > 5;
        return { 1 => 'release', 2 => 'talk', 5 => 'forget' }->{$command->[2]}
               // 'create';
    }

    return { HMGET => 'job', SET => 'lock', SCRIPT => 'load', INFO => 'info', AUTH => 'auth',
             SELECT => 'select', MULTI => 'multi', EVAL => 'queued',
             MSETNX => 'queued', EXEC => 'exec' }->{$name} // die "unexpected $name\n";
}


# nginx

# The response to one create while Redis answers as it is told.  along: the lock
# goes along with the create.  beside: gets
# the status of another create, of more patience, that comes while the first one
# is amid its command; to that one Redis is good.
sub ask {
    my ($told, %o) = @_;
    my $text = $o{text}
               // post($o{large} ? ('trackers', $large)
                       : $told->{exec} || $o{bulk} ? ('trackers', $bulk)
                       : ('tracker', tracker_text('n')),
                    account => 'a' . ++$number,
                    headers => ['Idempotency-Key: k', 'Connection: close']);
    my $bytes = '';
    my $end = time() + 30;
    my $beside;

    $text =~ s{/v1/}{/v2/} if $o{v2};
    $text =~ s{/v1/}{/v3/} if $o{v3};
    $answers = $told;
    %seen = ();

    # for the lock alone, and its release, a body that comes later

    my $late = !$o{along}
               && grep { $told->{$_} || exists $told->{$_} } qw(lock release);
    my $rest = $late ? substr $text, -5, 5, '' : '';

    my $sock = connect_nginx();
    my $sender = send_all($sock, $text);

    while (time() < $end) {
        if ($o{beside} && $seen{early} && !$beside) {
            $answers = {};
            $beside = ask_beside();
        }

        my $ready = serve($late && !$seen{lock} ? 0.02 : 1, $sock);

        if ($late && $seen{lock}) {
            $late = 0;
            send_bytes($sock, $rest);
        }

        next unless $ready;
        last unless sysread $sock, $bytes, 65536, length $bytes;
    }

    waitpid $sender, 0 if $sender;

    if ($beside) {
        serve(0.02) until waitpid $beside, POSIX::WNOHANG();
        ${$o{beside}} = $? == 0 ? 200 : 0;
    }

    $answers = {};
    return Tracker::take_response(\$bytes, $text =~ /^(\w+)/)
           // { status => 0 };
}

# Another process, which ends in time: with 0 if its create, which goes where a
# large one does, is answered with 200.
sub ask_beside {
    my $bulk = '[' . join(',', map { tracker_text("n$_", 'x' x 20_000) } 1 .. 5)
               . ']';
    my $text = post('trackers', $bulk, account => 'a' . ++$number)
               =~ s{/v1/}{/v3/}r;
    my $pid = fork() // die "fork: $!";

    return $pid if $pid;

    alarm 15;
    POSIX::_exit((eval { exchange($text)->{status} } // 0) != 200);
}

# A large body is read after the lock was taken from us: another process sends
# it.
sub send_all {
    my ($sock, $text) = @_;

    return 0 * send_bytes($sock, $text) if length $text < 65536;

    my $pid = fork() // die "fork: $!";
    return $pid if $pid;

    send_bytes($sock, $text);
    POSIX::_exit(0);
}

# The status of a create, begun on a connection where all is well.
sub status_of {
    my ($told, %o) = @_;

    my $status = ask({}, %o)->{status};

    for (my $end = time() + 5; $status != 200; ) {
        serve(0.02);
        $status = ask({}, %o)->{status};
        next if $status == 200 || time() < $end;

        # from the other side it can be healed
        push @never_well, $last_told;
        hang_up($_) for values %conns;
        give_up() if enough(@never_well);
        last;
    }

    return $status if !$told;
    $last_told = join ' ', map { "$_: " . shown_answer($told->{$_}) }
                           keys %$told;

    if ($o{new}) {
        hang_up($_) for values %conns;
        sleep 0.005;
        client_ask(client('other'), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    return ask($told, %o)->{status};
}

sub well_again {
    is(join("\n", @never_well), '',
       'Redis being well again, so are the answers');
}

sub give_up {
    well_again();
    finish();
    exit 1;
}

sub same_worker {
    my ($title) = @_;

    is(join(' ', workers()), $worker, "$title: the worker lives");
}

sub shown_answer {
    my ($answer) = @_;

    $answer = $answer->[0] if ref $answer eq 'ARRAY';
    $answer = $answer->{text} if ref $answer eq 'HASH';
    return defined $answer ? shown($answer) : 'nothing';
}

sub shown {
    my ($bytes) = @_;
    my $text = length $bytes > 60 ? substr($bytes, 0, 60) . '...' : $bytes;

    return $text =~ s/([^ -~])/sprintf '\x%02x', ord $1/ger;
}


# tests

sub test_good {
    is(status_of(), 200, 'a good Redis is answered with 200');
    is(status_of(undef, v2 => 1), 200, 'also after AUTH and SELECT');
}

# The step that the answers of a mode are for, and how the create is sent.
sub told_in {
    my ($mode) = @_;

    return $mode eq 'along' ? ('lock', along => 1) : $mode;
}

sub test_words {
    for my $row (@error_words) {
        my ($text, $status, $times) = @$row;

        for my $mode (qw(lock create along)) {
            my $title = "\"" . substr($text, 0, 20) . "\" to the $mode";
            my $twice = $times eq 'twice' && $mode ne 'lock';
            my ($step, %o) = told_in($mode);

            is(status_of({ $step => "-$text\r\n" }, %o), $status,
               "$title: status");

            if ($times eq 'often') {
                cmp_ok($seen{$step}, '>', 2, "$title: sent again and again");
                cmp_ok($seen{$step}, '<=', 15, "$title: not too often");

                # a replica is left: a new connection loads them
                is(!!$seen{load}, $text =~ /(?:^|: )(READONLY|MASTERDOWN) /,
                   "$title: SCRIPT LOAD");
            } else {
                is($seen{$step}, $twice ? 2 : 1, "$title: sent $times");
                is(!!$seen{load}, !!$twice, "$title: SCRIPT LOAD");
            }

            next if $times eq 'once' || $times eq 'twice' && !$twice;
            is(status_of({ $step => ["-$text\r\n", $good{$step}] }, %o), 200,
               "$title: once only");
        }
    }

    my $full = { text => "-ERR max number of clients reached\r\n",
                 close => 1 };

    is(status_of({ accept => $full }, new => 1), 502, 'too many clients');
    is(status_of({ lock => $full }), 502, 'too many clients, said later');
    same_worker('error words');
}

sub test_setup {
    my @rows = (["-WRONGPASS no\r\n", 500], ["-ERR no\r\n", 500],
                ["-NOPERM no\r\n", 500], ["-LOADING no\r\n", 502],
                [bulk('OK'), 500], [":1\r\n", 500], ["\$-1\r\n", 500],
                ["*1\r\n+OK\r\n", 500], [undef, 504],
                [{ text => '+O', close => 1 }, 502], ["?\r\n", FAILED]);

    for my $step (qw(auth select)) {
        for my $row (@rows) {
            my ($answer, $status) = @$row;
            my $title = "$step is answered with "
                        . shown_answer($answer);

            hang_up($_) for values %conns;
            like(status_of({ $step => $answer }, v2 => 1, new => 1),
                 ref $status ? $status : qr/^$status$/, $title);
            is(($seen{lock} // 0) + ($seen{create} // 0), 0,
               "$title: no command is sent");
        }
    }

    like(status_of({ load => "-$_\r\n" }, new => 1), qr/^(?:200|500|50[24])$/,
         "$_ to SCRIPT LOAD")
        for 'ERR no', 'NOPERM no', 'LOADING no', 'OOM no';
    is(status_of({ info => $_ }, new => 1), 200,
       'INFO is answered with ' . shown($_))
        for "-NOPERM no\r\n", "\$-1\r\n", "*0\r\n", bulk(''), ":1\r\n",
            bulk('maxmemory_policy:'), bulk("aof_enabled"), bulk("\r\n" x 99),
            bulk("maxmemory_policy:" . 'x' x 5000);
    same_worker('replies to AUTH, SELECT, SCRIPT LOAD and INFO');
}

sub test_shapes {
    my @left = @shapes;

    while (my ($step, $rows) = splice @left, 0, 2) {
        for my $row (@$rows) {
            my ($answer, $status) = @$row;
            my $title = "$step is answered with " . shown($answer);

            # create.lua is asked why, and what it says is the answer
            if ($status eq 'asked') {
                for ([conflict(1, 0, bulk($ID)), 409], [words('locked'), 429],
                     [words('created'), 200], [words('free'), 500])
                {
                    is(status_of({ $step => $answer, create => $_->[0] }),
                       $_->[1], "$title, then " . shown($_->[0]));
                }

                next;
            }

            like(status_of({ $step => $answer }),
                 ref $status ? $status : qr/^$status$/, $title);
        }
    }

    same_worker('replies of other shapes');
}

sub test_talks {
    for my $row (@talks) {
        my ($method, $path, $step, @rows) = @$row;
        my $text = request($method, "/v1/$path", account => 'talker',
                           type => undef, headers => ['Connection: close']);

        for (@rows) {
            status_of();
            is(ask({ $step => $_->[0] }, text => $text)->{status}, $_->[1],
               "$method $path is answered with " . shown($_->[0]));
        }
    }

    same_worker('replies about conversations');
}

# All ids in use for ever: cannot be, and must end.
sub test_taken {
    my $start = time();

    like(status_of({ create => words('taken') }), FAILED, '"taken" for ever');
    cmp_ok($seen{create}, '<=', 100, '"taken" for ever: not asked for ever');
    note("\"taken\" for ever: $seen{create} tries");
    is(status_of({ create => [words('taken'), words('created')] }), 200,
       '"taken" once');
    same_worker('"taken"');
}

sub test_malformed {
    for my $step (qw(lock create)) {
        for my $bytes (@malformed) {
            # hiredis does not look at the end of a string
            my $want = $step eq 'lock' && $bytes =~ /^\$7\r\ncreated../
                       ? qr/^429$/ : FAILED;

            like(status_of({ $step => $bytes }), $want,
                 "$step is answered with " . shown($bytes));
            next if !long_form();
            like(status_of({ $step => { text => $bytes, close => 1 } }),
                 $want, 'and closed');
        }
    }

    same_worker('malformed replies');
}

# A reply cut anywhere, then silence or the end of the connection.
sub test_partial {
    for my $mode (qw(lock create along)) {
        my ($step, %o) = told_in($mode);
        my $good = $good{$step};

        for my $n (0 .. length($good) - 1) {
            my $part = substr $good, 0, $n;

            like(status_of({ $step => { text => $part, close => 1 } }, %o),
                 qr/^502$/, "$mode: $n bytes, then closed");
            is(status_of({ $step => [{ text => $part, close => 1 }, $good] },
                         %o),
               200, "$mode: $n bytes, then closed, then well");
            is(status_of({ $o{along} ? (create => undef) : (),
                           $step => $n ? $part : undef }, %o), 504,
               "$mode: $n bytes, then silence") if $n % 3 == 0 || long_form();
        }
    }

    same_worker('partial replies');
}

# An answer to a bulk that has not come as a whole, or silence.
sub test_early {
    my $error = "-ERR Protocol error: invalid bulk length\r\n";
    my $loading = "-LOADING Redis is loading the dataset in memory\r\n";

    is_taken('a large bulk is taken');
    is_early($error, 500, 'an error amid a large command');

    # which of the two depends on what the deadline has left for the silence
    is_early([$loading, undef], qr/^50[24]$/,
             'a word that is waited for, silence');
    is_early($good{create}, FAILED, '"created" before it can be');
    is_early(undef, 504, 'silence amid a large command');

    # one of more patience waits: the connection is not taken for dead so soon

    my $title = 'silence amid a command of less patience';

    is_early(undef, 504, $title, beside => \my $beside);
    is($beside, 200, "$title: the next one, which waits behind it");
    same_worker('answers to parts of commands');
}

sub is_early {
    my ($early, $status, $title, %o) = @_;

    # and nothing of it was done
    like(ask({ early => $early, create => words('free') },
             large => 1, %o)->{status},
         ref $status ? $status : qr/^$status$/, $title);
    cmp_ok($seen{early}, '>=', 1, "$title: it was sent in pieces");
    is_taken("$title: the next one");
}

sub is_taken {
    my ($title) = @_;
    my ($end, $status) = time() + 5;

    do {
        serve(0.02);
        $status = ask({}, large => 1, v3 => 1)->{status};
    } while ($status != 200 && time() < $end);

    is($status, 200, $title);
}

sub test_unsolicited {
    my %junk = (reply => "+OK\r\n", nil => "\$-1\r\n", half => '$5',
                created => words('created'), many => "+OK\r\n" x 5000,
                error => "-ERR no\r\n", garbage => "\0\xff" x 50);

    for my $name (sort keys %junk) {
        like(status_of({ lock => $good{lock} . $junk{$name} }), $NAMELESS,
             "$name behind the reply to the lock");
        is(status_of({ create => $good{create} . $junk{$name} }), 200,
           "$name behind the reply to the create");
        like(status_of({ accept => $junk{$name} }, new => 1), $NAMELESS,
             "$name before anything was asked");
    }

    same_worker('unsolicited replies');
}

# Bytes on connections that wait for nothing.
sub test_idle_junk {
    my $sent = 0;

    for my $i (1 .. amount(50, 500)) {
        is(status_of(), 200, 'idle junk: a good request') if $i % 10 == 0;
        status_of();

        for my $conn (values %conns) {
            $sent += send_bytes($conn->{sock},
                                $good{(qw(lock create release info))[rand 4]});
        }

        serve(0.01) for 1 .. 2;
    }

    note("junk on $sent idle connections");
    same_worker('replies on idle connections');
}

sub test_random {
    my ($n, %status, @wrong) = amount(400, 6000);

    for my $i (1 .. $n) {
        my ($step, %o) = told_in(qw(lock along create create)[rand 4]);
        my $bytes = mutation(rand() < 0.8 ? $good{$step}
                             : $shapes[3][rand @{$shapes[3]}][0]);
        my $status = status_of({ $step => { text => $bytes,
                                            close => rand() < 0.9 } }, %o);

        $status{$status}++;
        push @wrong, "$status for the $step " . shown($bytes)
            if $status !~ /^(?:200|400|409|429|500|502|504)$/
               || $status == 200 && $step eq 'create' && !says_created($bytes);
    }

    note(join ', ', map { "$status{$_} x $_" } sort keys %status);
    none("$n random replies: no false 200", @wrong);
    same_worker('random replies');
}

sub mutation {
    my ($bytes) = @_;

    for (0 .. rand 3) {
        my $at = int rand(1 + length $bytes);
        my $some = join '', map { chr rand 256 } 0 .. rand 4;
        my $word = ("\r\n", '$-1', '*1', '$', '*', ':', '-', '0', '9' x 20,
                    "\0")[rand 10];

        (sub { substr($bytes, $at) = '' },
         sub { substr($bytes, $at, 1) = chr rand 256 if $at < length $bytes },
         sub { substr($bytes, $at, 0) = $some },
         sub { substr($bytes, $at, 0) = $word },
         sub { substr($bytes, $at, 1) = '' if $at < length $bytes },
         sub { $bytes .= $bytes },
         sub { $bytes = $some })[rand 7]->();
    }

    return $bytes;
}

# Generous: a reply that may be read as an array that begins with the word.
sub says_created {
    my ($bytes) = @_;

    return $bytes =~ /^\*\s*\+?0*([1-9]\d*)\r\n
                      \$\s*\+?0*(?:7\r\ncreated|8\r\nreplayed)../xs;
}
