package Contest;

# Clients that use the module while something breaks: the file that uses this
# says what, and where the trackers lie.

use strict;
use warnings;

use Exporter 'import';
use IO::Handle;
use List::Util qw(max);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Fault;
use Tracker;

our @EXPORT = qw(play contest token_of);

use constant RIVALS => 6;
use constant ACCOUNTS => 9;
use constant NAMES => 30;         # contested at a time
use constant NEW_NAMES => 20;     # a second
use constant PATIENCE => 90;      # seconds until one that is refused gives up

my %tokens;

# Runs be(client, out) in n processes of their own, again and again, while
# break() runs; returns what they have written to out, lines of fields.
sub play {
    my ($n, $be, $break) = @_;
    my (@pids, @lines);
    my $over = scratch('over');
    my $seed = int rand 2 ** 31;

    unlink $over, glob scratch('lines.*');

    for my $i (1 .. $n) {
        push @pids, fork() // die "fork: $!";
        next if $pids[-1];

        srand $seed + $i;
        my $done = eval {
            open my $out, '>', scratch("lines.$i") or die $!;
            $out->autoflush();
            $be->($i, $out) until -e $over;
            close $out or die $!;
        };
        print STDERR "client: $@" unless $done;
        POSIX::_exit($done ? 0 : 1);
    }

    sleep 0.5;
    my $broken = eval { $break->(); 1 };
    my $error = $@;
    sleep 0.5;
    scratch('over', 'now');

    for my $i (1 .. $n) {
        waitpid $pids[$i - 1], 0;
        is($?, 0, "client $i has come to its end");
        open my $in, '<', scratch("lines.$i") or die $!;
        push @lines, map { chomp; [split /\t/, $_, -1] } <$in>;
    }

    die $error unless $broken;
    return @lines;
}

# Until they have written so many lines.
sub wait_for_lines {
    my ($wanted) = @_;
    my ($seen, $since) = (0, time());

    while ((my $n = lines_of_play()) < $wanted) {
        ($seen, $since) = ($n, time()) if $n > $seen;
        die "no client goes on\n" if time() > $since + 60;
        sleep 0.5;
    }
}

sub lines_of_play {
    my $n = 0;

    for my $file (glob scratch('lines.*')) {
        open my $in, '<', $file or die $!;
        $n++ while <$in>;
    }

    return $n;
}

sub token_of {
    my ($account) = @_;

    return $tokens{$account} //= token($account);
}

# Clients fight for names in some accounts, each create with an Idempotency-Key
# and repeated until it is answered with 200 or 409, or for PATIENCE, while
# something breaks so many times.  Options: redis, the parameter of tracker_redis; times; break, a
# function that is given the number; masters, a function that returns the ports
# of those who have the trackers; creates, at least so many, a share of them
# after each break; kept, whether nothing that was acknowledged may be lost.
sub contest {
    my ($kind, %o) = @_;
    my $n = 0;

    start_nginx(workers => 2, timeout => '6s', redis => $o{redis},
                http => 'tracker_redis_failover_timeout 5s;');

    my @lines = play(RIVALS, sub { create_contested($kind, @_, ++$n) }, sub {
        for my $time (1 .. $o{times}) {
            $o{break}->($time);
            wait_for_lines(($o{creates} // 0) * $time / $o{times});
        }
    });

    my $stored = is_consistent("$kind: names, records and index fit together",
                               $o{masters}->());

    check_contest($kind, $stored, \%o, @lines);
    log_is_clean("$kind: nothing worse than an error in the log");
    stop_nginx();
}

sub create_contested {
    my ($kind, $client, $out, $n) = @_;
    my $account = "$kind " . int rand ACCOUNTS;
    my $name = 'name ' . (int(time() * NEW_NAMES) + int rand NAMES);
    my $phrase = "phrase $kind $client $n";
    my $text = post('tracker', tracker_text($name, $phrase),
                    token => token_of($account),
                    headers => ["Idempotency-Key: $phrase"]);
    my $end = time() + PATIENCE;
    my ($response, %seen, $longest);

    do {
        my $start = time();

        sleep 0.02 + rand 0.05 if %seen;
        $response = client_ask(client('http'), $text);
        $seen{$response ? $response->{status} : 'none'}++;
        $longest = max($longest // 0, time() - $start);
    } until !$response || $response->{status} !~ /^(?:429|502|504)$/
            || time() > $end;

    print $out join("\t", $account, $name, $phrase, $longest,
                    join(' ', %seen), $response ? @$response{qw(status body)}
                                                : ('none', '')), "\n";
}

sub check_contest {
    my ($kind, $stored, $o, @lines) = @_;
    my (%count, %refused, @lost, @ghosts, @others, %success);
    my $longest = 0;

    for my $line (@lines) {
        my ($account, $name, $phrase, $took, $seen, $status, $body) = @$line;
        my %seen = split / /, $seen;

        $longest = max($longest, $took);
        $count{$_} += $seen{$_} for keys %seen;
        push @others, "$phrase: $status $body" if $status !~ /^(?:200|409)$/;
        $refused{$phrase} = 1 if $status == 409;
        next if $status ne '200';

        my $of = $stored->{account_of($account)} // {};
        my $record = $of->{id}{$of->{name}{$name} // ''} // '(nothing)';

        $success{"$account, $name"}++;
        push @lost, "$account, $name: stored $record, answered $body"
            if $body ne "{\"tracker\":$record}";
    }

    for my $record (map { values %{$_->{id}} } values %$stored) {
        my ($phrase) = $record =~ /"(phrase $kind \d+ \d+)"/ or next;
        push @ghosts, $record if $refused{$phrase};
    }

    note(sprintf '%s: %d times, %d creates (%s), %d acknowledged, %d of them'
         . ' lost, the longest answer after %.2f s', $kind, $o->{times},
         scalar @lines, join(', ', map { "$count{$_} x $_" } sort keys %count),
         $count{200}, scalar @lost, $longest);

    none("$kind: no other statuses", @others);
    none("$kind: nothing of a refused request lies in Redis", @ghosts);
    none("$kind: every success lies in Redis byte for byte", @lost)
        if $o->{kept};
    none("$kind: a name has a second success only where the first was lost",
         grep { defined } (grep { $success{$_} > 1 } sort keys %success)
                          [@lost .. scalar keys %success]);
    ok($count{200} > 100 && $count{409} > 100,
       "$kind: there were both 200 and 409");
}

1;
