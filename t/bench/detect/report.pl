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

my ($results, $plot) = @ARGV;
my %median = medians($results);
my @sizes = sort { $a <=> $b } keys %{$median{match}};

print table('us a KB of text', sub { number($_[0][0]) }),
      table('times the floor of the same size',
            sub { number($_[0][0] / $median{floor}{$_[1]}[0]) }),
      table('hits a KB', sub { number($_[0][1]) }, qw(cut floor)),
      table('ms to build', sub { number($_[0][2]) }, qw(cut floor)),
      table('bytes a phrase', sub { $_[0][3] ? int($_[0][3] / $_[1]) : '-' },
            qw(cut floor node));

write_file($plot, plot());


sub medians {
    my ($file) = @_;
    my (%lists, %medians);

    for (split /\n/, content($file)) {
        my ($name, $size, @values) = split ' ';

        push @{$lists{$name}{$size}[$_]}, $values[$_] for 0 .. $#values;
    }

    for my $name (keys %lists) {
        for my $size (keys %{$lists{$name}}) {
            $medians{$name}{$size} = [ map {
                (sort { $a <=> $b } @$_)[$#$_ / 2]
            } @{$lists{$name}{$size}} ];
        }
    }

    return %medians;
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
                 . join(' | ', map { $cell->($median{$name}{$_}, $_) } @sizes)
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

    for (sort { $median{$b->[0]}{$sizes[-1]}[0]
                <=> $median{$a->[0]}{$sizes[-1]}[0] } @contenders)
    {
        my ($name, $color, $title) = @$_;
        my @points = map { [$x->($_), $y->($median{$name}{$_}[0])] } @sizes;
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
