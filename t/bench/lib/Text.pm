package Text;

# What people said, the same in every run: trackers, messages, and what is to be
# found in them.

use strict;
use warnings;

use JSON::PP ();

use constant PHRASES => 50;

my @small = qw(
    and are but can for from have it not of on our that the there they this to
    was we what when will with you
);

my @words = qw(
    account agree answer billing callback cancel confirm contract customer
    delivery discount escalate follow happy insurance invoice later manager
    meeting message monthly number office order payment please policy price
    problem product question record refund renewal return schedule service
    shipping sorry support thank tomorrow transfer upgrade voice weekly welcome
);

my @speakers = (
    '{"name":"Ann","userId":"ann@example.com"}',
    '{"name":"Bob","userId":"bob@example.com"}',
);


# Numbers below n that look like chance.

my $state;

sub some {
    my ($n) = @_;

    $state = ($state * 1103515245 + 12345) % 2147483648;

    return int($state / 65536) % $n;
}


# So many phrases of 3 to 5 words, no two the same.

sub phrases {
    my ($n) = @_;
    my (@phrases, %seen);

    $state = 1;

    while (@phrases < $n) {
        my $phrase = join ' ', map { $words[some(scalar @words)] }
                                   0 .. 2 + some(3);

        push @phrases, $phrase unless $seen{$phrase}++;
    }

    return @phrases;
}


# The body of a bulk that holds them, PHRASES a tracker.

sub trackers {
    my ($n) = @_;
    my @phrases = phrases($n);
    my @trackers;

    while (my @some = splice @phrases, 0, PHRASES) {
        push @trackers, sprintf '{"name":"tracker %d","vocabulary":[%s]}',
                                scalar @trackers,
                                join ',', map { qq("$_") } @some;
    }

    return '[' . join(',', @trackers) . ']';
}


# The body of a POST: so many messages, or as many as fit into so many bytes.
# Each has a sentence or two, and every third one a phrase of n.

sub conversation {
    my ($n, $count, $bytes) = @_;
    my @phrases = phrases($n);
    my $text = '{"messages":[';

    $state = 2;

    for (my $i = 0; !$count || $i < $count; $i++) {
        my $content = sentence($i % 3 == 0 && $phrases[some($n)]);

        $content .= ' ' . sentence() if length $content < 45;

        my $message = ($i ? ',' : '') . qq({"payload":{"content":"$content",)
                      . '"contentType":"text/plain"},"from":'
                      . $speakers[some(2)] . '}';

        last if $bytes && length($text) + length($message) + 2 > $bytes;
        $text .= $message;
    }

    return "$text]}";
}


sub sentence {
    my ($phrase) = @_;
    my @said = map { some(100) < 55 ? $small[some(scalar @small)]
                                    : $words[some(scalar @words)] }
                   0 .. 4 + some(5);

    splice @said, 1 + some($#said), 0, $phrase if $phrase;

    return ucfirst(join ' ', @said) . '.';
}


# What must be found in a body: lines of tracker, phrase, sentence and offset.

sub expected {
    my ($n, $body) = @_;
    my @phrases = phrases($n);
    my %place = map { $phrases[$_] => int($_ / PHRASES) } 0 .. $#phrases;
    my @found;

    for my $message (@{ JSON::PP::decode_json($body)->{messages} }) {
        for my $text ($message->{payload}{content} =~ /\S[^.]*\./g) {
            my @said = split ' ', lc substr $text, 0, -1;
            my %seen;

            for my $first (0 .. $#said) {
                for my $last ($first + 2 .. $first + 4) {
                    last if $last > $#said;

                    my $phrase = join ' ', @said[$first .. $last];

                    next unless defined $place{$phrase} && !$seen{$phrase}++;

                    push @found, line("tracker $place{$phrase}", $phrase,
                        $text, length join ' ', @said[0 .. $first - 1], '');
                }
            }
        }
    }

    return sort @found;
}


# The same of an answer.

sub found {
    my ($trackers) = @_;
    my @found;

    for my $tracker (@$trackers) {
        for my $match (@{ $tracker->{matches} }) {
            push @found, line($tracker->{name}, $match->{value},
                              @$_{qw(text offset)})
                for @{ $match->{messageRefs} };
        }
    }

    return sort @found;
}


sub line {
    return join '|', @_;
}


1;
