# The page of conf/ui: its pure parts in node, and all of it in a real browser,
# Debian's Chromium, against conf/serve with a Redis of its own.

use strict;
use warnings;

use lib 't/lib';
use Cwd qw(abs_path);
use Encode qw(decode);
use File::Copy qw(copy);
use File::Temp ();
use POSIX qw(WNOHANG);
use Test::More;
use Tracker::Host qw(free_port wait_until);

my $module = abs_path('.build/ngx_http_tracker_module.so') // '';
my $modules = abs_path('.build/npm/node_modules') // '';
my ($chromium) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};

plan skip_all => 'conf/serve runs the installed nginx and .build/*.so'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') ne $module;

needs('node', `node --version 2>&1` =~ /^v\d/);
needs('chromium', $chromium);
needs($_, -d "$modules/$_") for 'puppeteer-core', 'axe-core';

house();
pure();
browser();
done_testing();

# t/run has installed it: then it is there, or the test fails.
sub needs {
    my ($what, $is_there) = @_;

    return if $is_there;
    die "$what is missing\n" if $ENV{TRACKER_TMP};
    plan skip_all => "$what is not installed: run this test by t/run";
}

# No text becomes markup or a program, nothing is kept, nothing comes from
# elsewhere.
sub house {
    my $forbidden = qr/\b(?:(?:inner|outer)HTML|insertAdjacentHTML|DOMParser
                      |createContextualFragment|srcdoc|eval|Function\(
                      |document\.write|document\.cookie|indexedDB
                      |(?:local|session)Storage|https?:|javascript:)/x;
    my @files = glob 'conf/ui/*.js';

    cmp_ok(scalar @files, '>', 20, 'there are modules');

    for my $file (@files) {
        my $text = decode('UTF-8', read_file($file));

        is(join(' ', $text =~ /$forbidden/g), '', "$file: elements and text");
        is(join(' ', grep { length > 80 } split /\n/, $text), '',
           "$file: 80 columns");
    }
}

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

    diag($1) while $text =~ /^# (.* ms)$/mg;

    while ($text =~ /^(?: {4})?(not )?ok \d+ - (.*)\n((?:\s+.*\n)*)/mg) {
        ok(!$1, $2) or diag($3);
        $n++;
    }

    return $n;
}

sub browser {
    my $serve = serve();
    local $ENV{NODE_PATH} = $modules;

    open my $out, '-|', 'node', 't/ui/browser.js', $chromium,
         @$serve{qw(url id secret run)} or die "node: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out;

    is($?, 0, 'in a browser: status of node');
    cmp_ok(take($text), '>', 150, 'and there are tests');
    stop($serve);
}

# conf/serve, when it is ready.
sub serve {
    my $folder = File::Temp->newdir;
    my $port = free_port();
    my $pid = fork() // die "fork: $!";

    chmod 0755, $folder;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$folder/out";
        open STDERR, '>', "$folder/err";
        exec 'conf/serve', '--port', $port, '--run', "$folder/run",
             '--workers', 2 or POSIX::_exit(127);
    }

    my $out;

    wait_until(sub {
        $out = read_file("$folder/out");
        return 1 if $out =~ m{/v1/manage/tracker\n\n\z};
        die 'conf/serve: ' . read_file("$folder/err")
            if waitpid $pid, WNOHANG;
    }, 'conf/serve');

    my ($url) = $out =~ m{\Aready (http://\S+)/\n};
    my ($id, $secret) = $out =~ /appId (\S+) appSecret (\S+)/;

    return { pid => $pid, folder => $folder, run => "$folder/run",
             url => $url, id => $id, secret => $secret };
}

sub stop {
    my ($serve) = @_;

    kill TERM => $serve->{pid};
    waitpid $serve->{pid}, 0;
    is($? >> 8, 0, 'conf/serve ends');
}

sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;
    return <$in> // '';
}

sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}
