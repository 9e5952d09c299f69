package Tracker::Metrics;

# What /status of nginx says, as tests ask for it.

use strict;
use warnings;

use Exporter 'import';

use Tracker::Client qw(exchange);

our @EXPORT = qw(scrape metric metrics_sum);

# The text; options are lines of the request's header.
sub scrape {
    my @headers = @_;
    my $response = exchange(join "\r\n", 'GET /status HTTP/1.1', 'Host: a',
                                 @headers, '', '');

    die "/status: $response->{status}\n" unless $response->{status} == 200;
    return $response->{body};
}

# The value of the one sample of this name with these labels, among others that
# it may have; undef when there is none.
sub metric {
    my ($text, $name, %labels) = @_;
    my @found = samples($text, $name, %labels);

    die "$name is ambiguous\n" if @found > 1;
    return $found[0];
}

# The sum of all samples of this name with these labels.
sub metrics_sum {
    my ($text, $name, %labels) = @_;
    my $sum = 0;

    $sum += $_ for samples($text, $name, %labels);
    return $sum;
}

sub samples {
    my ($text, $name, %labels) = @_;
    my @found;

    for my $line (grep { /^\Q$name\E[{ ]/ } split /\n/, $text) {
        my ($all, $value) = $line =~ /^\w+(?:\{(.*)\})? (\S+)$/
            or die "not a sample: $line\n";

        push @found, $value unless grep {
            ",$all," !~ /,\Q$_\E="\Q$labels{$_}\E",/
        } keys %labels;
    }

    return @found;
}

1;
