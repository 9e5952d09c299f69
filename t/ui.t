# The page of conf/ui: its pure parts, in node.

use strict;
use warnings;

use File::Copy qw(copy);
use File::Temp ();
use Test::More;

my $node = `node --version 2>&1` // '';
plan skip_all => 'node is not installed: run this test by t/run'
    unless $node =~ /^v\d/;

pure();
done_testing();

# What node's own runner says, a test a line.
sub pure {
    my $folder = File::Temp->newdir;

    copy($_, $folder) or die "$_: $!\n"
        for glob('conf/ui/*.js'), 't/ui/pure.js';
    write_file("$folder/package.json", '{"type":"module"}');

    open my $out, '-|', 'node', '--test', '--test-reporter=tap',
         "$folder/pure.js" or die "node: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out;

    is($?, 0, 'pure parts: status of node');
    cmp_ok(take($text), '>', 20, 'and there are tests');
}

# Counts the tests of a text in TAP, and fails for each that failed in there.
sub take {
    my ($text) = @_;
    my $n = 0;

    while ($text =~ /^(?: {4})?(not )?ok \d+ - (.*)\n((?:\s+.*\n)*)/mg) {
        ok(!$1, $2) or diag($3);
        $n++;
    }

    return $n;
}

sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}
