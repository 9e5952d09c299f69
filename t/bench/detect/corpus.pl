# Writes the corpora of the match's bench: t/bench/detect/corpus.pl FOLDER
# FORTUNES WORDS CFG ...
#
# Messages are pieces of the fortunes and lines that are spoken in the campaigns
# of Wesnoth, each on one line.  Every second one is text to be searched,
# FOLDER/text: some of them together, a kilobyte or a little more, and a NUL
# after it.  The others give phrases, FOLDER/phrases-N, a line each and all
# different: 70 % have 1 to 8 words in a row of them, any such row as likely as
# another however often it is said, 30 % are words of the list.
#
# FOLDER/text-nested and FOLDER/phrases-nested are the worst that a client can
# ask for: phrases of one word, of two of it, and so on to 1,000, in a megabyte
# of it.

use strict;
use warnings;

my @sizes = (10, 100, 500, 1000, 2000, 5000, 10000, 25000, 50000);
my ($folder, $fortunes, $list, @cfg) = @ARGV;

srand 42;

my @messages = (fortunes($fortunes), map { spoken($_) } sort @cfg);
my (@learn, @text);

for my $i (0 .. $#messages) {
    push @{$i % 2 ? \@text : \@learn}, $messages[$i];
}

write_text("$folder/text", @text);

my @rows = map { rows($_) } 1 .. 8;
my @words = shuffled(map { chomp; $_ } split /^/, content($list));

write_phrases($_) for @sizes;

write_file("$folder/text-nested", 'a ' x 524_288 . "\0");
write_file("$folder/phrases-nested",
           map { join(' ', ('a') x $_) . "\n" } 1 .. 1000);


sub content {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub one_line {
    my ($message) = @_;

    $message =~ s/\s+/ /g;
    $message =~ s/^ | $//g;

    # no drawings
    return $message =~ /[a-z] [a-z]/i ? $message : ();
}

sub fortunes {
    my ($folder) = @_;
    my @files = grep { -f && !/\.|art$|translate-me$/ } sort glob "$folder/*";

    return map { one_line($_) } map { split /^%\n/m, content($_) } @files;
}

sub spoken {
    my ($file) = @_;
    my $text = content($file);

    return map { one_line(s/""/"/gr) }
               $text =~ /\bmessage\s*=\s*_\s*"((?:[^"]|"")*)"/g;
}

sub shuffled {
    my @list = @_;

    for my $i (reverse 1 .. $#list) {
        my $k = int rand($i + 1);

        @list[$i, $k] = @list[$k, $i];
    }

    return @list;
}

# the different rows of so many words, inside of sentences
sub rows {
    my ($n) = @_;
    my %rows;

    for my $message (@learn) {
        my @words = split / /, $message;

        for my $i (0 .. @words - $n) {
            my $row = join ' ', @words[$i .. $i + $n - 1];

            $row =~ s/^\W+|\W+$//g;
            $rows{lc $row} = $row if $row ne '' && $row !~ /[.!?]\W* /
                                     && $row !~ /[^ -~]/;
        }
    }

    return [ shuffled(map { $rows{$_} } sort keys %rows) ];
}

sub write_text {
    my ($file, @messages) = @_;
    my $piece = '';
    my @pieces;

    for my $message (@messages) {
        $piece .= "$message\n";

        if (length $piece >= 1024) {
            push @pieces, "$piece\0";
            $piece = '';
        }
    }

    write_file($file, @pieces);
}

sub write_phrases {
    my ($n) = @_;
    my (%seen, @next);
    my ($k, $word) = (0, 0);
    my @phrases;

    while (keys %seen < $n) {
        my $phrase;

        if (keys(%seen) % 10 < 7) {
            $k = ($k + 1) % 8;
            $phrase = $rows[$k][$next[$k]++] // next;

        } else {
            $phrase = $words[$word++] // die "there are too few words\n";
        }

        push @phrases, "$phrase\n"
            unless $seen{lc($phrase) =~ s/\W+/ /gr}++;
    }

    write_file("$folder/phrases-$n", @phrases);
}

sub write_file {
    my ($file, @lines) = @_;

    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out @lines;
    close $out or die "$file: $!\n";
}
