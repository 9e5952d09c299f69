# The last file of t/run: what the logs of all others must not show.

use strict;
use warnings;

use File::Basename qw(basename);
use Test::More;

my $dir = $ENV{TRACKER_TMP};
my @tests = grep { starts_nginx($_) } split ' ', $ENV{TRACKER_FILES} // '';

plan skip_all => 'the logs are those of t/run' unless $dir;
plan skip_all => 'no other file of this run starts nginx' unless @tests;

my $watched = $ENV{TRACKER_WATCHED} // '';


# a file that looks at no log is none that is clean

is(join("\n", map { missing($_) } @tests), '',
   'each file that starts nginx has left its logs');

my @logs = glob "$dir/*/error.log";

cmp_ok(scalar @logs, '>', 0, 'there are error logs')
    if grep { !may_skip($_) } @tests;


# nginx's own words; a worker that a test killed is no finding

is(join('', map {
    findings($_, sub { /\[(?:alert|emerg)\]/ && !/exited on signal 9\b/ })
} @logs), '', 'no alert in any error log');

is(join('', map { sanitizer_findings($_) } glob "$dir/*/sanitizer.log"), '',
   'nothing from the sanitizers');

is(join('', map { findings($_, sub { 1 }) } glob "$dir/*/valgrind.*"), '',
   'nothing from valgrind');

done_testing();


sub starts_nginx {
    my ($test) = @_;

    return read_file($test) =~ /^use (?:Test::Nginx::Socket|Fault)\b/m;
}

# One that may skip all of its tests starts no nginx then.
sub may_skip {
    my ($test) = @_;

    return read_file($test) =~ /\bskip_all\b/;
}

# What should be in the folder of a test file.
sub missing {
    my ($test) = @_;
    my $folder = "$dir/" . basename($test, '.t');
    my @wanted = ('error.log', $watched eq 'asan' ? 'sanitizer.log'
                             : $watched eq 'valgrind' ? 'valgrind.*' : ());

    return if !-e "$folder/error.log" && may_skip($test);
    return map { "$folder/$_ is missing" }
           grep { !grep { -e } glob "$folder/$_" } @wanted;
}

sub findings {
    my ($file, $wanted) = @_;
    my @lines = grep { $wanted->() } split /^/m, read_file($file);

    return '' unless @lines;
    splice @lines, 100;
    return join '', "$file:\n", @lines;
}

sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!\n";
    local $/;
    return <$in> // '';
}


# The sanitizers write to stderr, as nginx does about its configuration.  A
# process that has only read the configuration leaves it behind when it exits.
# A line of undefined behavior may follow a report of leaks of another process:
# such lines are taken out first.  The hash of nginx 1.22 shifts a byte into the
# sign of an int, where a text is not of ASCII.

sub sanitizer_findings {
    my ($file) = @_;

    my $text = read_file($file);
    my @found;

    $text =~ s/^nginx(?: version)?: .*\n//mg;
    $text =~ s{^src/core/ngx_murmurhash\.c:\d+:\d+:\ runtime\ error:
               \ left\ shift\ .*\n?}{}mgx;

    push @found, $1 while $text =~ s/^(.*: runtime error: .*\n?)//m;

    for my $report (split /^={20,}\n/m, $text) {
        if ($report =~ /ERROR: LeakSanitizer/) {
            push @found, grep {
                /^(?:Direct|Indirect) leak/
                    && !/\ in\ (?:ngx_init_cycle|ngx_event_process_init
                                |ngx_regex_malloc)\ /x
                    && !/ in ngx_create_pool .*\n.* in main /
            } split /\n\n+/, $report;

        } elsif ($report =~ /\S/) {
            push @found, $report;
        }
    }

    return @found ? substr join("\n", "$file:", @found), 0, 10_000 : '';
}
