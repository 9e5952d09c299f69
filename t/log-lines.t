# README, "Lines of the error log", has a row for each line that the source can
# write to the error log, and no row for another one.  Lines of level debug are
# left out, and those of level emerg: they are about the configuration, quote
# what is wrong in it, and nginx does not start.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Tracker::Source;

# what rows call what is put into a line; "..." may be anything, or nothing
my $VALUE = qr/\b(?:ADDRESS|VERSION|FILE|N|APPID|ID|VALUE|CALL)\b/;

# formats that are words of a caller: the function, and how it begins and ends
my %WRAPPED = (
    'redis: %s %V%s%s' => ['ngx_redis_log_outage', 'redis: ', ' %V: %s'],
);

my $source = Tracker::Source->new('src');
my @lines;

for my $line ($source->log_lines) {
    next if $line->{level} eq 'NGX_LOG_EMERG';

    my $wrapped = $WRAPPED{$line->{text}};

    if (!$wrapped) {
        push @lines, $line;
        next;
    }

    my ($function, $head, $tail) = @$wrapped;

    for my $call ($source->calls($function)) {
        my @words = map { Tracker::Source::string($_) }
                    grep { /^"[^"]+"$/ } @{$call->{args}};

        push @lines, { %$line, file => $call->{file},
                       text => "$head$words[0]$tail" } if @words;
    }
}

open my $in, '<', 'README.md' or die "README.md: $!";
my ($table) = do { local $/; <$in> }
    =~ /^### Lines of the error log\n(.*?)\n(?:\* |#)/ms;
my @rows = map { split /`, `/, s/^\| `|` \|.*$//gr }
           ($table // '') =~ /^(\| `.*)/mg;

# A line with "#" for each value; one right behind a quote is "..." or nothing.
sub plain {
    my ($text) = @_;

    $text =~ s/"\K%s//g;
    return $text =~ s/%\*?[a-zA-Z]{1,2}|<\w+>/#/gr =~ s/#(?=#)//gr;
}

# A row as a pattern; a line may go on where the row ends.
sub pattern {
    my ($row) = @_;
    my $pattern = join '.*', map {
        join '#', map { quotemeta } split /$VALUE/, $_, -1
    } split /\.\.\./, $row, -1;

    return qr/^$pattern/;
}

sub none {
    my ($title, @list) = @_;

    ok(!@list, $title) or diag(map { "    $_\n" } @list);
}

cmp_ok(scalar @lines, '>', 30, 'the lines of the source were read');
cmp_ok(scalar @rows, '>', 20, 'the rows of README');

none('README has a row for each line', map { "$_->{file}: $_->{text}" } grep {
    my $text = plain($_->{text});
    !grep { $text =~ pattern($_) } @rows;
} @lines);

none('and no row for another one', grep {
    my $pattern = pattern($_);
    !grep { plain($_->{text}) =~ $pattern } @lines;
} @rows);

none('a row says which line it is', grep { tr/a-z// < 6 } @rows);

done_testing();
