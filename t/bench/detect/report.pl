# The tables and the plot of the match's bench: report.pl RESULTS PLOT; or puts
# tables into a page, in place of those there: report.pl --save PAGE TABLES.
# A line of results: contender, phrases, microseconds a KB, hits a KB,
# milliseconds to build, bytes.

use strict;
use warnings;

my @contenders = (
    ['match', '#c0392b', 'this module'],
    ['hyperscan', '#2471a3', 'Hyperscan, literals'],
    ['python', '#1e8449', 'pyahocorasick'],
    ['node', '#7d6608', 'modern-ahocorasick'],
    ['cut', '#999999', 'only the words'],
    ['floor', '#bbbbbb', 'the floor'],
);

if ($ARGV[0] eq '--save') {
    save(@ARGV[1, 2]);
    exit;
}

# what a value is in a line of results
use constant { TIME => 0, HITS => 1, BUILD => 2, BYTES => 3 };

my ($results, $plot) = @ARGV;
my %rounds = rounds($results);
my @sizes = sort { $a <=> $b } keys %{$rounds{match}};

print table('us a KB of text', sub { number(value(@_, TIME)) }),
      table('times the floor of the same size',
            sub { number(ratio(@_, TIME, 'floor')) }),
      table('hits a KB', sub { number(value(@_, HITS)) }, qw(cut floor)),
      table('ms to build', sub { number(value(@_, BUILD)) }, qw(cut floor)),
      table('bytes a phrase', sub {
          my $bytes = value(@_, BYTES);
          $bytes ? int($bytes / $_[1]) : '-';
      }, qw(cut floor node)),
      targets();

write_file($plot, plot());


# contender -> phrases -> a list of values for each round
sub rounds {
    my ($file) = @_;
    my %rounds;

    for (split /\n/, content($file)) {
        my ($name, $size, @values) = split ' ';

        push @{$rounds{$name}{$size}}, \@values;
    }

    return %rounds;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[$#sorted / 2];
}

sub value {
    my ($name, $size, $what) = @_;

    return median(map { $_->[$what] } @{$rounds{$name}{$size}});
}

# of both in the same round, as the machine may be slower in the next one
sub ratio {
    my ($name, $size, $what, $other) = @_;
    my ($list, $others) = map { $rounds{$_}{$size} } $name, $other;

    return median(map { $list->[$_][$what] / $others->[$_][$what] }
                      0 .. $#$list);
}

# where each is to be, and is
sub targets {
    my @large = grep { $_ >= 5000 } @sizes;
    my $text = "| what | bound | aim | measured |\n|---|--:|--:|--:|\n";

    my $row = sub {
        my ($what, $least, $aim, $measured) = @_;
        my $missed = $least < $aim ? $measured < $least : $measured > $least;

        $text .= sprintf "| %s | %s | %s | %s |\n", $what, $least, $aim,
                         $missed ? "**@{[number($measured)]}**"
                                 : number($measured);
    };

    $row->('times the floor, 500 phrases', 5, 4,
           ratio('match', 500, TIME, 'floor'));
    $row->('times the floor, 25,000', 10, 8,
           ratio('match', 25_000, TIME, 'floor'));
    $row->('us a KB, 25,000', 10, 8, value('match', 25_000, TIME));
    $row->('us a KB, 1,000 phrases that are nested', 15, 8,
           value('nested', 1000, TIME));
    $row->('bytes a phrase, 25,000', 200, 130,
           value('match', 25_000, BYTES) / 25_000);
    $row->('times as fast as pyahocorasick, 500', 5, 7,
           ratio('python', 500, TIME, 'match'));
    $row->('the same, 25,000', 12, 20, ratio('python', 25_000, TIME, 'match'));
    $row->('times as fast as modern-ahocorasick, 500', 10, 15,
           ratio('node', 500, TIME, 'match'));
    $row->('the same, 25,000', 15, 20, ratio('node', 25_000, TIME, 'match'));
    $row->('times as fast as Hyperscan, 5,000 and more: the least', 1, 1.5,
           (sort { $a <=> $b }
                map { ratio('hyperscan', $_, TIME, 'match') } @large)[0]);
    $row->('the same of building', 20, 50,
           (sort { $a <=> $b }
                map { ratio('hyperscan', $_, BUILD, 'match') } @large)[0]);

    return "$text\n";
}

sub number {
    my ($value) = @_;

    return $value >= 100 ? sprintf '%.0f', $value
         : $value >= 10 ? sprintf '%.1f', $value : sprintf '%.2f', $value;
}

sub table {
    my ($title, $cell, @without) = @_;
    my $text = "| $title | " . join(' | ', @sizes) . " |\n"
               . '|---|' . '--:|' x @sizes . "\n";

    for (@contenders) {
        my ($name, undef, $label) = @$_;

        next if grep { $_ eq $name } @without;

        $text .= "| $label | "
                 . join(' | ', map { $cell->($name, $_) } @sizes)
                 . " |\n";
    }

    return "$text\n";
}

# both axes logarithmic
sub plot {
    my ($width, $height, $left, $right, $top, $bottom) = (640, 400, 56, 170,
                                                          16, 44);
    my @x = map { log($_) / log(10) } @sizes[0, -1];
    my @y = (-0.5, 2.6);

    my $x = sub {
        sprintf '%.1f', $left + ($width - $left - $right)
                        * (log($_[0]) / log(10) - $x[0]) / ($x[1] - $x[0]);
    };
    my $y = sub {
        sprintf '%.1f', $height - $bottom - ($height - $top - $bottom)
                        * (log($_[0]) / log(10) - $y[0]) / ($y[1] - $y[0]);
    };

    my $svg = qq(<svg xmlns="http://www.w3.org/2000/svg" width="$width" )
              . qq(height="$height" font-family="sans-serif" )
              . qq(font-size="12">\n)
              . qq(<rect width="$width" height="$height" fill="white"/>\n);

    for my $value (1, 10, 100) {
        my $at = $y->($value);

        $svg .= qq(<path d="M$left ${at}H@{[$width - $right]}" )
                . qq(stroke="#ddd"/>\n<text x="@{[$left - 6]}" )
                . qq(y="@{[$at + 4]}" text-anchor="end">$value</text>\n);
    }

    for my $value (grep { /^10*$/ || $_ == $sizes[-1] } @sizes) {
        $svg .= qq(<text x="@{[$x->($value)]}" y="@{[$height - 26]}" )
                . qq(text-anchor="middle">$value</text>\n);
    }

    $svg .= qq(<text x="@{[($left + $width - $right) / 2]}" )
            . qq(y="@{[$height - 8]}" text-anchor="middle">phrases</text>\n)
            . qq{<text transform="translate(16 @{[$height / 2]}) }
            . qq{rotate(-90)" text-anchor="middle">us a KB of text</text>\n};

    my $label = 0;

    for (sort { value($b->[0], $sizes[-1], TIME)
                <=> value($a->[0], $sizes[-1], TIME) } @contenders)
    {
        my ($name, $color, $title) = @$_;
        my @points = map { [$x->($_), $y->(value($name, $_, TIME))] } @sizes;
        my $at = $points[-1][1] < $label + 14 ? $label + 14 : $points[-1][1];

        $label = $at;
        $svg .= qq(<path d="M@{[join 'L', map { "@$_" } @points]}" )
                . qq(fill="none" stroke="$color" stroke-width="2"/>\n)
                . qq(<text x="@{[$width - $right + 8]}" y="@{[$at + 4]}" )
                . qq(fill="$color">$title</text>\n);
    }

    return "$svg</svg>\n";
}

sub save {
    my ($page, $tables) = @_;
    my $text = content($page);
    my $new = content($tables);

    $text =~ s/(<!-- tables -->\n).*?(<!-- end -->)/$1\n$new$2/s
        or die "$page has no place for tables\n";

    write_file($page, $text);
}

sub content {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub write_file {
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}
