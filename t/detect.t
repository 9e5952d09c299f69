use lib 't/lib';
use Tracker;
use Tracker::Conversation;
use Test::Nginx::Socket 'no_plan';

use Time::HiRes qw(sleep time);

# The dictionaries of workers: a tracker that was written through one worker is
# found through any other at once; what is kept, loaded and given up.

# an emulator is some 30 times slower, the sanitizers three times
use constant SLOW => ($ENV{TRACKER_WATCHED} // '') eq 'valgrind';
use constant ROUNDS => SLOW ? 60 : $ENV{TRACKER_WATCHED} ? 500 : 10_000;

add_block_preprocessor(sub {
    my ($block) = @_;
    my $settings = $block->settings // '';

    $block->set_value(http_config => <<"CONFIG");
    tracker_redis $ENV{TEST_NGINX_REDIS};
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
    keepalive_requests 100000;
    $settings
CONFIG
    $block->set_value(config => <<'CONFIG');
    location /v1/ {
        add_header X-Worker $pid always;
        tracker_conversations;
        client_max_body_size 1m;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 16m;
    }

    location /small/ {
        tracker_conversations;
        tracker_detect_max_phrases 10;
        client_max_body_size 1m;
    }
CONFIG
    workers($block->workers // 1);
});

run_tests();

sub json {
    return JSON::PP->new->utf8->canonical->encode($_[0]);
}

sub talk {
    my ($text) = @_;

    return json({ messages => [{ payload => { content => $text } }] });
}

sub process {
    my ($text, %o) = @_;

    return request('POST', '/v1/process/text', body => talk($text), %o);
}

sub detect {
    my ($text, %o) = @_;

    return request('POST', '/v1/conversations/detect', body => talk($text),
                   %o);
}

# "name: phrase phrase, name: phrase" of an answer, or its status
sub names {
    my ($response) = @_;

    return $response ? $response->{status} : 'none'
        unless $response && $response->{status} == 200;

    my $data = decode($response->{body});

    return join ', ', map {
        join ' ', "$_->{name}:", map { $_->{value} } @{$_->{matches}}
    } @{ref $data eq 'HASH' ? $data->{trackers} : $data};
}

# What is found in a text: by detect, or stored and read.
sub found {
    my ($text, %o) = @_;

    return names(exchange(detect($text, %o)));
}

sub stored {
    my ($response, %o) = @_;
    my ($id) = ($response->{body} // '') =~ /"conversationId":"(\d+)"/;

    return $response->{status} unless $id;
    return names(exchange(request('GET', "/v1/conversations/$id/trackers",
                                  type => undef, %o)));
}

# n trackers "t 0", ... of m phrases each
sub fill {
    my ($n, $m, %o) = @_;
    my $body = json([map { my $i = $_;
                           { name => "t $i", vocabulary =>
                             [map { "p$i $_" } 0 .. $m - 1] } } 0 .. $n - 1]);
    my $response = exchange(post('trackers', $body, %o));

    is($response->{status}, 200, "$n trackers of $m phrases")
        or diag($response->{body});
}

# connections to each of n workers, one or more, in lists
sub connections {
    my ($n, $each) = @_;
    my %socks;

    wait_until(sub {
        my $sock = connect_nginx();
        my $response = exchange(request('GET', '/v1/conversations',
                                        type => undef), $sock);

        push @{$socks{$response->{headers}{'x-worker'}}}, $sock;
        return $n == grep { @$_ >= ($each // 1) } values %socks;
    }, 'connections to each worker');

    return values %socks;
}

# so that the next one of the account loads again
sub outdate {
    redis('INCRBY', account_key($_[0] // 'tester', 'rev'), 7);
}

# Loads and job writes of the requests in the code.
sub scripts_run {
    my ($code) = @_;

    commands_seen('evalsha');
    $code->();
    return commands_seen('evalsha');
}

__DATA__

=== freshness: what one worker wrote, any other knows at once
--- workers: 4
--- scenario
my @socks = map { $_->[0] } connections(4);
my (%stale, %seen, $id, $phrase);


for my $round (1 .. ROUNDS) {
    my ($writer, $reader) = map { $socks[rand @socks] } 1, 2;
    my $kind = !defined $id ? 'created' : (qw(changed deleted))[rand 2];
    my $word = "w$round";
    my $before = $phrase // 'none';
    my ($text, $want, $got);

    if ($kind eq 'created') {
        my $response = exchange(post('tracker', tracker_text('n', $word)),
                                $writer);
        ($id) = $response->{body} =~ /"id":"(\d+)"/ or last;
        ($phrase, $want) = ($word, "n: $word");

    } elsif ($kind eq 'changed') {
        exchange(request('PUT', "/v1/manage/tracker/$id",
                         body => tracker_text('n', $word)), $writer)->{status}
            == 200 or last;
        ($phrase, $want) = ($word, "n: $word");

    } else {
        exchange(request('DELETE', "/v1/manage/tracker/$id", type => undef),
                 $writer)->{status} == 200 or last;
        ($id, $phrase, $want) = (undef, undef, '');
    }

    $text = "a $before b $word c";

    if ($round % 2) {
        $got = names(exchange(detect($text), $reader));
    } else {
        $got = stored(exchange(process($text), $reader));
    }

    $seen{"$kind, " . ($round % 2 ? 'detect' : 'process')}++;
    $stale{"$kind in round $round: $got, not $want"}++ if $got ne $want;
}

is(join("\n", sort keys %stale), '', 'nothing stale');
is(join(' ', map { $seen{$_} } grep { !$seen{$_} } keys %seen), '', 'each kind');
cmp_ok(eval { my $n = 0; $n += $_ for values %seen; $n }, '==', ROUNDS,
       join ', ', map { "$seen{$_} $_" } sort keys %seen);
is(scalar keys %seen, 6, 'of six kinds');



=== freshness: a load that had begun before a tracker was written
--- workers: 2
--- scenario
# read at once, then decoded and compiled in many turns
fill(200, 250);

my ($one, $other) = connections(2, 2);
my ($loader, $joiner, $writer) = (@$one[0, 1], $other->[0]);
my (%stale, $id);

for my $round (1 .. (SLOW ? 5 : 40)) {
    outdate();
    send_bytes($loader, detect('nothing'));
    sleep rand 0.02;

    my $response = exchange(post('tracker', tracker_text('new', "w$round")),
                            $writer);
    ($id) = $response->{body} =~ /"id":"(\d+)"/ or last;

    # it may wait for the load that is under way
    $response = exchange($round % 2 ? detect("w$round") : process("w$round"),
                         $joiner);
    read_response($loader);

    my $got = $round % 2 ? names($response) : stored($response);
    $stale{"round $round: $got"}++ if $got ne "new: w$round";

    exchange(request('DELETE', "/v1/manage/tracker/$id", type => undef),
             $writer);
}

ok($id, 'trackers were written');
is(join("\n", sort keys %stale), '', 'each is found');



=== freshness under load: writers and readers of one account
--- workers: 3
--- scenario
# each process has a tracker of its own, which it must find as it wrote it last
my @pids;

for my $i (1 .. 4) {
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my $wrong = 0;

        for my $n (1 .. (SLOW ? 5 : 25)) {
            my $name = "n$i";
            my $word = "w${i}x$n";
            my $response;

            # other writers hold the lock
            wait_until(sub {
                $response = exchange(post('tracker',
                                          tracker_text("$name $n", $word)));
                $response->{status} != 429;
            }, 'the lock');

            $wrong++ if found("a $word b") ne "$name $n: $word"
                        || stored(exchange(process("a $word b")))
                           ne "$name $n: $word";
        }

        POSIX::_exit($wrong);
    }

    push @pids, $pid;
}

is(join(' ', map { waitpid $_, 0; $? >> 8 } @pids), '0 0 0 0', 'none stale');



=== a dictionary is kept, and loaded once for all that wait
--- scenario
fill(10, 10);
is(found('p3 4'), 't 3: p3 4', 'loaded');

is(scripts_run(sub { exchange(process('a')) }), 1, 'kept: only a write');
is(scripts_run(sub { found('a') }), 0, 'detect asks for the revision');

outdate();
is(scripts_run(sub { exchange(process('a')) }), 3,
   'another revision: a write that is refused, a load, a write');
outdate();
is(scripts_run(sub { found('a') }), 1, 'detect: a load');

# many at once

for my $text (\&process, \&detect) {
    exchange(post('tracker', tracker_text('n')));
    outdate();
    pause_redis();

    my @socks = map { connect_nginx() } 1 .. 30;
    my $asked = $text->('x p3 4 y');
    send_bytes($_, $asked) for @socks;
    sleep 0.2;
    resume_redis();

    my @responses = map { read_response($_) } @socks;
    is(scalar(grep { $_->{status} =~ /^20[01]$/ } @responses), 30, 'all');
    is(join(' ', grep { $_ ne 't 3: p3 4' }
                 map { $_->{status} == 200 ? names($_) : stored($_) }
                 @responses), '', 'each has found');
    exchange(request('DELETE', "/v1/manage/tracker/$_->{id}"))
        for grep { $_->{name} eq 'n' }
            @{decode(exchange(request('GET', '/v1/manage/trackers'))->{body})
              ->{trackers}};
}

# of a new account

exchange(post('tracker', tracker_text('n', 'mask'), account => 'new'));
pause_redis();
my @socks = map { connect_nginx() } 1 .. 20;
send_bytes($_, process('a mask', account => 'new')) for @socks;
sleep 0.2;
resume_redis();
is(join(' ', map { stored(read_response($_), account => 'new') } @socks),
   join(' ', ('n: mask') x 20), 'waiting for the first load');



=== a small cache, and accounts that take turns
--- settings: tracker_detect_cache 64k;
--- scenario
# some 20 KB each, and one that does not fit
my %phrases = (map({ ("account $_" => 100) } 1 .. 8), large => 2000);

for my $account (sort keys %phrases) {
    fill($phrases{$account} / 10, 10, account => $account);
}

sub look {
    my ($account) = @_;
    my $n = int rand $phrases{$account} / 10;

    is(found("p$n 5", account => $account), "t $n: p$n 5", $account);
}

look('account 1');
is(scripts_run(sub { look('account 1') }), 0, 'kept');
is(scripts_run(sub { look('account 1') }), 0, 'and kept');
look($_) for map { "account $_" } 2 .. 8;
is(scripts_run(sub { look('account 8') }), 0, 'the last one is kept');
is(scripts_run(sub { look('account 1') }), 1, 'the first one was given up');
look('large') for 1, 2;
is(scripts_run(sub { look('large') }), 1, 'too large to be kept');
is(scripts_run(sub { look('account 1') }), 0, 'nothing gives way to it');

# many at once, so that what is searched is given up meanwhile

my @accounts = keys %phrases;
my $bad = 0;

for (1 .. (SLOW ? 3 : 20)) {
    my @asked = map { my $a = $accounts[rand @accounts];
                      [$a, int rand $phrases{$a} / 10] } 1 .. 12;
    my @responses = parallel(map {
        detect("p$_->[1] 5 " . 'word ' x 5000, account => $_->[0]) } @asked);

    for my $i (0 .. $#asked) {
        my $n = $asked[$i][1];
        $bad++ if index($responses[$i]{body},
                        qq("name":"t $n","matches":[{"type":"vocabulary",)
                        . qq("value":"p$n 5")) < 0;
    }

    outdate($accounts[rand @accounts]) if rand() < 0.3;
}

is($bad, 0, 'each finds what it has');



=== clients that go away while a dictionary is loaded
--- scenario
fill(300, 10);
is(found('p3 4'), 't 3: p3 4', 'loaded');

for my $leave (1, 3, 4) {
    outdate();
    pause_redis();

    my @socks = map { connect_nginx() } 1 .. 4;
    send_bytes($_, rand() < 0.5 ? process('p3 4') : detect('p3 4'))
        for @socks;
    sleep 0.1;
    close $_ for splice @socks, 0, $leave;
    sleep 0.1;
    resume_redis();

    is(join(' ', map { $_->{status} =~ /^20[01]$/ ? 'good' : $_->{status} }
                 map { read_response($_) } @socks),
       join(' ', ('good') x @socks), "$leave of 4 have left");
    is(found('p3 4'), 't 3: p3 4', 'the next one');
}

# at any moment

for (1 .. (SLOW ? 5 : 60)) {
    my @socks = map { connect_nginx() } 1 .. 3;

    outdate();
    send_bytes($_, detect('p3 4 ' . 'word ' x 10_000)) for @socks;
    sleep rand 0.01;
    close $_ for @socks;
}

is(found('p3 4'), 't 3: p3 4', 'the worker lives');



=== workers that end while they load or search
--- workers: 2
--- scenario
fill(300, 10);
my $text = 'p3 4 ' . 'word ' x 150_000;
my $master = Test::Nginx::Util::get_pid_from_pidfile('end');

# a reload: what was begun is done

for my $paused (1, 0) {
    my %old = map { $_ => 1 } worker_pids();

    outdate();
    pause_redis() if $paused;

    my @socks = map { connect_nginx() } 1 .. 4;
    send_bytes($_, detect($text)) for @socks;
    sleep 0.1 if $paused;
    kill HUP => $master;
    wait_until(sub { 2 == grep { !$old{$_} } worker_pids() }, 'new workers');
    resume_redis() if $paused;

    is(scalar(grep { $_ && $_->{status} == 200
                     && index($_->{body}, '"value":"p3 4"') > 0 }
              map { read_response($_) } @socks), 4,
       $paused ? 'while they load' : 'while they search');
    close $_ for @socks;
    wait_until(sub { !grep { $old{$_} } worker_pids() }, 'old workers exit');
}

# TERM ends a worker at once; the others are not harmed

for (1 .. (SLOW ? 2 : 5)) {
    my @old = worker_pids();

    outdate();
    my @socks = map { connect_nginx() } 1 .. 4;
    send_bytes($_, detect($text)) for @socks;
    sleep rand 0.02;
    kill TERM => @old;
    wait_until(sub { my %old = map { $_ => 1 } @old;
                     2 == grep { !$old{$_} } worker_pids() }, 'new workers');
    close $_ for @socks;
}

wait_until(sub { found('p3 4') eq 't 3: p3 4' }, 'new workers find it');
pass('after TERM');



=== connections to Redis that break while a dictionary is loaded
--- log_level: crit
--- scenario
# in several stretches
fill(4000, 5);
is(found('p3 4'), 't 3: p3 4', 'loaded');

my %answers;

for (1 .. (SLOW ? 5 : 25)) {
    my $sock = connect_nginx();

    outdate();
    send_bytes($sock, detect('p3 4'));
    sleep rand 0.02;
    redis('CLIENT', 'KILL', 'TYPE', 'normal');
    $answers{names(read_response($sock))}++;
}

is(join(' ', sort grep { !/^(?:t 3: p3 4|50[024])$/ } keys %answers), '',
   join ', ', map { "$answers{$_} x $_" } sort keys %answers);
ok($answers{'t 3: p3 4'}, 'most are loaded again');

# Redis is gone

for my $wait (0, 0.005) {
    my @socks = map { connect_nginx() } 1 .. 3;

    outdate();
    send_bytes($_, process('p3 4')) for @socks;
    sleep $wait;
    stop_redis();

    my @statuses = map { read_response($_)->{status} } @socks;
    like("@statuses", qr/^(?:(?:201|502|504) ?)+$/, "gone: @statuses");

    start_redis();
    fill(4000, 5);
}

wait_until(sub { found('p3 4') eq 't 3: p3 4' }, 'Redis is back');
pass('loaded from the new one');



=== loads while trackers are written all the time
--- settings: tracker_timeout 2s;
--- scenario
fill(4000, 5);
fill(5, 5, account => 'small');

my $pid = fork() // die "fork: $!";

if ($pid == 0) {
    # faster than any client of nginx can
    for (;;) {
        outdate($_) for 'tester', 'small';
    }
}

my (%large, %small);

for (1 .. 20) {
    $small{found('p3 4', account => 'small')}++;
    $small{stored(exchange(process('p3 4', account => 'small')),
                  account => 'small')}++;
}

$large{found('p3 4')}++;
kill KILL => $pid;
waitpid $pid, 0;

is_deeply(\%small, { 't 3: p3 4' => 40 }, 'one stretch is always loaded');
is(join(' ', grep { !/^(?:t 3: p3 4|504)$/ } keys %large), '',
   'several are, or time is up: ' . join ', ', %large);
is(found('p3 4'), 't 3: p3 4', 'when it is over');



=== two locations with two limits
--- scenario
fill(3, 4);

sub small {
    return exchange(request('POST', '/small/conversations/detect',
                            body => talk('p1 1')));
}

for (1, 2) {
    is_message(small()->{body}, 'Trackers of at most 10 phrases can be '
               . 'detected, the account has 12.', 'too many for one');
    is(found('p1 1'), 't 1: p1 1', 'not for the other');
}

outdate();
is(small()->{status}, 400, 'loaded there');
is(found('p1 1'), 't 1: p1 1', 'and here');



=== what others have put in place of a tracker
--- log_level: crit
--- scenario
fill(3, 4);
my ($id) = @{redis('ZRANGE', account_key('tester', 'index'), 0, 0)};
my $good = redis('GET', account_key('tester', "id:$id"));

for my $record ('{', '[]', 'x', '{"id":"1"}', "\xff", '{}',
                substr($good, 0, -1), $good =~ s/"vocabulary":\[/$&1,/r,
                $good =~ s/"name":"t 0"/"name":7/r)
{
    redis('SET', account_key('tester', "id:$id"), $record);
    outdate();
    is(exchange($_)->{status}, 500, "500 for $record")
        for detect('p1 1'), process('p1 1');
}

redis('DEL', account_key('tester', "id:$id"));
outdate();
is(found('p1 1 p0 1'), 't 1: p1 1', 'one that is gone is not there');

redis('DEL', account_key('tester', 'rev'));
redis('LPUSH', account_key('tester', 'rev'), 'x');
is(exchange($_)->{status}, 500, 'rev of another type')
    for detect('p1 1'), process('p1 1');
