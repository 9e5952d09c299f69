# The unit tests of t/unit, built with both sanitizers and without nginx:
# the rooms that they test know no nginx, and this shows it.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Test::More;

my $top = dirname(dirname(abs_path(__FILE__)));
my $build = "$top/.build/unit";

my @cflags = (qw(-std=gnu99 -O1 -g -Wall -Wextra -Werror),
              '-fsanitize=address,undefined', '-fno-sanitize-recover=all');

my @tracker = map { "tracker/$_.c" } qw(tracker fault duplicate lines report);
my @patch = (@tracker, qw(tracker/rope.c tracker/patch.c tracker/merge.c));
my @json = (@patch, map { "json/$_.c" } qw(jansson write));
my @body = (@patch, qw(tracker/conversation.c tracker/join.c json/*.c));
my @detect = map { "detect/$_.c" } qw(array char dict match stem text);
my @records = map { "detect/$_.c" }
    qw(answer record report search time trackers);

# name, sources, libraries, what else the compiler is told
my @tests = (
    [ tracker_test => [@tracker], [] ],
    [ tracker_number_test => [], [] ],
    [ tracker_job_test => [@tracker, 'tracker/job.c'], [] ],
    [ tracker_patch_test => [@patch], [] ],
    [ tracker_patch_many_test => [@patch], [] ],
    [ tracker_json_test => [@json], ['-ljansson'] ],
    [ tracker_json_change_test => [@json], ['-ljansson'] ],
    map({ my $name = $_;
          map { [ $name => [@body], ['-ljansson'], @$_ ] }
              [], ['-DTRACKER_NO_READER=1'] }
        qw(tracker_reader_test tracker_decode_test tracker_merge_test
           tracker_report_test tracker_conversation_test)),
    map({ [ $_ => [@body], ['-ljansson'], '-U__SSE2__' ] }
        qw(tracker_reader_test tracker_conversation_test tracker_json_test)),
    [ jwt_test => [qw(jwt/jwt.c)], [qw(-ljansson -lcrypto)] ],
    [ jwt_cache_test => ['jwt/*.c'],
      [qw(-ljansson -lcrypto)] ],
    [ detect_char_test => [qw(detect/char.c)], ['-lutf8proc'] ],
    map({ [ $_ => [@detect], [qw(-lutf8proc -lstemmer)] ],
          [ $_ => [@detect], [qw(-lutf8proc -lstemmer)], '-U__SSE2__' ] }
        qw(detect_text_test detect_match_test detect_naive_test)),
    # ten times as many pairs, without the sanitizers, in a quarter of a minute
    [ detect_naive_test => [@detect], [qw(-lutf8proc -lstemmer)],
      qw(-fno-sanitize=all -O2 -DPAIRS=1000000) ],
    [ detect_record_test => [@detect, @tracker, qw(json/write.c), @records],
      [qw(-lutf8proc -lstemmer)] ],
    [ detect_alloc_test => [map { "detect/$_.c" } qw(char text match stem)],
      [qw(-lutf8proc -lstemmer)] ],
);

plan tests => scalar @tests;

make_path($build);

# findings and leaks must end a program with a status, whoever runs this
delete @ENV{qw(ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS)};

for (@tests) {
    my ($name, $sources, $libraries, @flags) = @$_;

    subtest "@{[$name, @flags]}" => sub {
        my @command = ($ENV{CC} || 'gcc', @cflags, @flags, "-I$top/src",
                       "$top/t/unit/$name.c",
                       map({ glob "$top/src/$_" } @$sources),
                       '-o', "$build/$name", @$libraries);

        if (system(@command) != 0) {
            fail("@command");
            return;
        }

        run("$build/$name");
    };
}


# Passes the lines of a program that prints TAP on to Test::More.

sub run {
    my ($program) = @_;
    my ($seen, $planned) = (0, -1);

    open my $out, '-|', $program or die "cannot run $program: $!";

    while (my $line = <$out>) {
        if ($line =~ /^(not )?ok \d+ - (.*)/) {
            $seen++;
            ok(!$1, $2);

        } elsif ($line =~ /^1\.\.(\d+)$/) {
            $planned = $1;

        } else {
            chomp $line;
            diag($line);
        }
    }

    close $out;

    is($planned, $seen, 'ran to its end');
    is($?, 0, 'status, memory and undefined behaviour');
}
