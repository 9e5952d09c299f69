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

# the sanitizers write to stderr, as nginx does about its configuration

is(findings("$dir/sanitizer.log", sub { !/^nginx(?: version)?: / }), '',
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
