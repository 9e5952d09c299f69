# The last file of t/run: what the logs of all others must not show.

use strict;
use warnings;

use Test::More;

my $dir = $ENV{TRACKER_TMP};

plan skip_all => 'the logs are those of t/run' unless $dir;


# nginx's own words; a worker that a test killed is no finding

is(findings("$dir/error.log", sub {
    /\[(?:alert|emerg)\]/ && !/exited on signal 9\b/;
}), '', 'no alert in any error log');

is(sanitizer_findings("$dir/sanitizer.log"), '',
   'nothing from the sanitizers');

is(join('', map { findings($_, sub { 1 }) } glob "$dir/valgrind.*"), '',
   'nothing from valgrind');

done_testing();


sub findings {
    my ($file, $wanted) = @_;

    open my $in, '<', $file or return '';
    my @lines = grep { $wanted->() } <$in>;

    return '' unless @lines;
    splice @lines, 100;
    return join '', "$file:\n", @lines;
}


# The sanitizers write to stderr, as nginx does about its configuration.  A
# process that has only read the configuration leaves it behind when it exits.

sub sanitizer_findings {
    my ($file) = @_;

    open my $in, '<', $file or return '';
    my $text = do { local $/; <$in> } // '';
    my @found;

    $text =~ s/^nginx(?: version)?: .*\n//mg;

    for my $report (split /^={20,}\n/m, $text) {
        if ($report =~ /ERROR: LeakSanitizer/) {
            push @found, grep {
                /^(?:Direct|Indirect) leak/
                    && !/ in (?:ngx_init_cycle|ngx_regex_malloc) /
                    && !/ in ngx_create_pool .*\n.* in main /
            } split /\n\n+/, $report;

        } elsif ($report =~ /\S/) {
            push @found, $report;
        }
    }

    return @found ? substr join("\n", "$file:", @found), 0, 10_000 : '';
}
