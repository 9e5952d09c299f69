# Many clients want the same names while workers and Redis are killed.
#
# In each round clients fight for 200 names in each of a few accounts, by
# single creates, bulks and imports that skip what exists, some with an
# Idempotency-Key, which they repeat until they know; in one account more each
# request replaces the whole dictionary.  Meanwhile workers and Redis (AOF,
# appendfsync always) are killed with -9 and Redis is started again.  Every
# request carries a phrase of its own, so that it is seen whose tracker was
# stored and whose answer came.
# Afterwards: each name at most one success; what was answered with 200 lies in
# Redis byte for byte; what was refused does not; a dictionary is that of one
# request; names, records and index fit together.
#
# Controls: a script that does not look whether a name exists; one that
# forgets the index; a Redis that loses what it has said.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use Tracker;
use Fault;

use constant NAMES => 200;
use constant CLIENTS => 8;
use constant ACCOUNTS => 8;
use constant REQUESTS => 1500;    # of a round

my $seed = seed();
my $attempts = amount(3000, 100_000);
my @aof = $ENV{TRACKER_FAULT_LOSE} ? ()
          : ('--appendonly', 'yes', '--appendfsync', 'always');

my (%killed, %count, @wrong, %tokens);

start_redis(@aof);
start_nginx(workers => 4, timeout => '2s', redis_timeout => '1s');

for (my $round = 1; ($count{attempts} // 0) < $attempts; $round++) {
    play($round);
}

# the pauses after the last kill are over
wait_until(sub {
    my $response = eval { exchange(post('tracker', tracker_text('end'),
                                        account => 'end',
                                        headers => ['Idempotency-Key: k'])) };
    $response && $response->{status} == 200;
}, 'all is well again');

check_history();

wait_until(sub { !%{locks()} }, 'all locks end');
log_is_clean('nothing worse than an error in the log',
             qr/exited on signal 9\b|shared memory zone .* was locked by/);

if (!$ENV{TRACKER_FAULT_CONTROL}) {
    control('a name that exists is not seen', 'one success|byte for byte|fit',
            [], ['src/store/lua/create.lua', "redis.pcall('msetnx'",
                 "1, redis.pcall('mset'"]);
    control('the index is forgotten', 'fit together', [],
            ['src/store/lua/create.lua', "redis.pcall('zadd'",
             "n -- redis.pcall('zadd'"],
            ['src/store/lua/bulk_end.lua',
             "redis.call('zadd', KEYS[2], unpack(members))", '']);
    control('a dictionary keeps what it should lose', 'of one request|fit', [],
            ['src/store/lua/import.lua',
             "redis.call('zrem', KEYS[2], unpack(members))", '']);
    local $ENV{TRACKER_FAULT_LOSE} = 1;
    control('Redis loses what it has said', 'byte for byte', []);
}

finish();


# One round: the clients are processes of their own.
sub play {
    my ($round) = @_;
    my (%clients, $workers, $redis);
    my $enough = scratch('enough');

    unlink $enough;

    for my $i (1 .. CLIENTS) {
        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            srand $seed + 1000 * $round + $i;
            my $done = eval { be_client($round, $i); 1 };
            print STDERR "client: $@" unless $done;
            POSIX::_exit($done ? 0 : 1);
        }

        $clients{$pid} = 1;
    }

    my ($next_worker, $next_redis) = (time() + 0.2, time() + 0.5);

    while (%clients) {
        for my $pid (keys %clients) {
            next unless waitpid($pid, WNOHANG) == $pid;
            push @wrong, "client $pid of round $round failed" if $?;
            delete $clients{$pid};
        }

        if (time() > $next_worker) {
            my @pids = workers();
            kill KILL => $pids[rand @pids] if @pids;
            $killed{worker}++;
            $workers++;
            $next_worker = time() + 0.3 + rand 1.5;
        }

        if (time() > $next_redis) {
            stop_redis();
            sleep rand 0.3;
            start_redis(@aof);
            $killed{redis}++;
            $redis++;
            $next_redis = time() + 1 + rand 2;
        }

        scratch('enough', 'both were killed') if $workers && $redis;
        sleep 0.01;
    }

    read_history($round, $_) for 1 .. CLIENTS;
}

sub be_client {
    my ($round, $client) = @_;
    my $file = scratch("history.$round.$client");
    my $http = {};

    open my $out, '>', $file or die "$file: $!";

    for (my $i = 1; $i <= REQUESTS / CLIENTS || !-e scratch('enough'); $i++) {
        my $kind = (qw(single single single single single bulk bulk import
                       import whole))[rand 10];
        my $account = $kind eq 'whole' ? "r$round w"
                      : "r$round a" . int rand ACCOUNTS;
        my @names = pick($kind eq 'single' ? 1 : 2 + int rand 5);
        my $phrase = "phrase $round $client $i";
        my @key = rand() < 0.5 ? ("Idempotency-Key: $phrase") : ();
        my $text = post_with($account, $kind, $phrase, [@key], @names);
        my ($status, $body, $tries) = ('none', '', 0);

        while ($tries++ < 500) {
            my $response = eval { client_ask($http, $text) };

            $http = {} unless $response;
            ($status, $body) = $response ? @$response{qw(status body)}
                                         : ('none', '');

            # unknown: with a key one may ask again
            last unless @key && $status =~ /^(?:none|429|502|504)$/;
            sleep 0.01 + rand 0.05;
        }

        print $out join("\t", $account, $kind,
                        join(',', @names), $phrase, $status, $tries,
                        @key ? 'key' : '-', $body), "\n";
        sleep rand 0.02 if $status eq 'none' || $status == 502;
    }

    close $out or die "$file: $!";
}

sub pick {
    my ($n) = @_;
    my %names;

    $names{'name ' . int rand NAMES} = 1 while keys %names < $n;
    return sort keys %names;
}

sub post_with {
    my ($account, $kind, $phrase, $headers, @names) = @_;
    my @texts = map { tracker_text($_, $phrase) } @names;
    my %query = (single => '', bulk => 's', import => 's?on_conflict=skip',
                 whole => 's?on_conflict=replace&rest=delete');

    push @$headers, 'If-Match: *' if $kind eq 'whole';

    # one token an account: what is to be measured is not Perl
    $tokens{$account} //= token($account);
    return post("tracker$query{$kind}", $kind eq 'single' ? $texts[0]
                                        : '[' . join(',', @texts) . ']',
                token => $tokens{$account}, headers => $headers);
}

my (%success, %of_phrase, @conflicts);

sub read_history {
    my ($round, $client) = @_;
    my $file = scratch("history.$round.$client");

    open my $in, '<', $file or return push @wrong, "$file: $!";

    while (my $line = <$in>) {
        chomp $line;
        my ($account, $kind, $names, $phrase, $status, $tries, $key, $body) =
            split /\t/, $line, 8;
        my @names = split /,/, $names;

        $count{attempts} += $tries;
        $count{requests}++;
        $count{$status}++;
        $of_phrase{$phrase} = { account => $account, status => $status,
                                names => \@names, key => $key };

        if ($status eq '200' && $kind eq 'import') {
            remember_import($account, $phrase, $body, @names);
        } elsif ($status eq '200' && $kind eq 'whole') {
            $count{dictionaries}++;
        } elsif ($status eq '200') {
            remember($account, $kind, $phrase, $body, @names);
        } elsif ($status eq '409') {
            push @conflicts, [$account, $phrase, $body, @names];
        } elsif ($status !~ /^(?:none|429|502|504)$/) {
            push @wrong, "$phrase: $status $body";
        }
    }

    close $in;
    unlink $file;
}

# The answer must be that of this request: its names and its phrase.
sub remember {
    my ($account, $kind, $phrase, $body, @names) = @_;
    my @records = $kind eq 'single' ? $body =~ /^\{"tracker":(\{.*\})\}$/
                  : split /(?<=\}),(?=\{)/,
                          ($body =~ /^\{"trackers":\[(.*)\]\}$/)[0] // '';

    push @wrong, "$phrase: answer $body" if @records != @names;

    for my $i (0 .. $#records) {
        my $want = qr/^\{"id":"\d{16}","name":"\Q$names[$i]\E",
                      "vocabulary":\["\Q$phrase\E"\]\}$/x;

        push @wrong, "$phrase got the answer $body"
            unless $records[$i] =~ $want;
        push @{$success{$account}{$names[$i]}}, $records[$i];
    }
}

# What was skipped was created by another request.
sub remember_import {
    my ($account, $phrase, $body, @names) = @_;
    my @results = @{decode($body)->{results} // []};

    push @wrong, "$phrase: answer $body"
        if join(',', map { $_->{name} } @results) ne join ',', @names;

    for (@results) {
        push @{$success{$account}{$_->{name}}},
             "{\"id\":\"$_->{id}\",\"name\":\"$_->{name}\","
             . "\"vocabulary\":[\"$phrase\"]}" if $_->{result} eq 'created';
        push @wrong, "$phrase: answer $body"
            unless $_->{result} =~ /^(?:created|skipped)$/;
    }
}

# Of each account whose dictionary was replaced: what is not of one request.
sub mixed {
    my ($stored) = @_;
    my @mixed;

    for my $account (map { "r$_ w" } 1 .. 1000) {
        my $of = $stored->{account_of($account)} or next;
        my %phrases = map { /"(phrase \d+ \d+ \d+)"/ ? ($1 => 1) : () }
                          values %{$of->{id}};
        my ($phrase) = keys %phrases;
        my $names = $phrase ? join ',', sort keys %{$of->{name}} : '';

        push @mixed, "$account has $names of " . join ', ', sort keys %phrases
            if keys %phrases > 1
               || $phrase && $names ne join ',', @{$of_phrase{$phrase}{names}};
        $count{mixed}++;
    }

    return @mixed;
}

sub check_history {
    my $stored = is_consistent('names, records and index fit together');
    my (@twice, @lost, @ghosts, @false);

    note(join ', ', map { "$count{$_} x $_" } sort keys %count);
    note(join ', ', map { "$killed{$_} x $_ killed" } sort keys %killed);

    for my $account (sort keys %success) {
        my $of = $stored->{account_of($account)};

        for my $name (sort keys %{$success{$account}}) {
            my @all = @{$success{$account}{$name}};
            my $record = $of->{id}{$of->{name}{$name} // ''} // '(nothing)';

            push @twice, "$account, $name: @all" if @all > 1;
            push @lost, "$account, $name: stored $record, answered $_"
                for grep { $_ ne $record } @all;
        }
    }

    for my $account (values %$stored) {
        for my $record (values %{$account->{id}}) {
            my ($phrase) = $record =~ /"(phrase \d+ \d+ \d+)"/ or next;
            my $request = $of_phrase{$phrase};

            push @ghosts, "answered $request->{status}: $record"
                if $request->{status} !~ /^(?:200|none|502|504)$/;
        }
    }

    for my $conflict (@conflicts) {
        my ($account, $phrase, $body, @names) = @$conflict;
        my $of = $stored->{account_of($account)};
        my %own = map { $_ => 1 } @names;
        my @named = $body =~ /\\"(name \d+)\\"/g;

        push @false, "$phrase: $body"
            if !@named || grep { !$own{$_} || !$of->{name}{$_} } @named;
    }

    none('every name has at most one success', @twice);
    none('every success lies in Redis byte for byte', @lost);
    none('nothing of a refused request lies in Redis', @ghosts);
    none('a dictionary is that of one request', mixed($stored));
    none('every conflict is about a name of the request that exists', @false);
    none('no answer belongs to another request, none is another status',
         @wrong);
    ok($count{200} > 0 && $count{409} > 0, 'there were both 200 and 409');
    ok($count{dictionaries} && $count{mixed}, 'and whole dictionaries');
    ok($killed{worker} && $killed{redis}, 'workers and Redis were killed');
}
