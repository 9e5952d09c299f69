use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Digest::SHA qw(sha256_hex);
use File::Temp ();

# conf/app, and the file that it writes.

no_root_location();
run_tests();

# Status, what was printed, and what was said on stderr.
sub run_app {
    my @arguments = @_;
    my $errors = scratch('app.errors');

    open my $keep, '>&', \*STDERR or die "stderr: $!";
    open STDERR, '>', $errors or die "$errors: $!";
    my $running = open my $out, '-|', 'conf/app', @arguments;
    open STDERR, '>&', $keep or die "stderr: $!";
    die "conf/app: $!" unless $running;

    my $text = do { local $/; <$out> } // '';
    close $out;

    return ($? >> 8, $text, read_file($errors));
}

sub read_file {
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return <$in> // '';
}

# The secret that was printed for this name.
sub secret_of {
    my ($name, $text) = @_;

    return $text =~ /^appId \Q$name\E appSecret ([0-9a-f]{64})\n\z/ ? $1 : '';
}

__DATA__

=== an application made while nginx runs logs in
--- scenario
my ($status, $text) = run_app('new-app', '--run', scratch(''));
my $secret = secret_of('new-app', $text);

is($status, 0, 'status');
ok($secret, 'id and secret are printed, nothing else');

wait_until(sub {
    exchange(login_request('new-app', $secret))->{status} == 200;
}, 'the login');
pass('logged in');



=== the file: a line each, digests only, for owner and group
--- scenario
my $run = File::Temp->newdir;
my @run = ('--run', "$run");
my %secrets;

for my $name ('a', 'b:c', "\xc3\xbc", 'x' x 255, 'a.*', '$HOME', '\\n') {
    my ($status, $text) = run_app($name, @run);

    $secrets{$name} = secret_of($name, $text);
    is($status, 0, "status for $name");
    ok($secrets{$name}, "a secret for $name");
}

is(join('', sort split /(?<=\n)/, read_file("$run/apps")),
   join('', sort map { "$_:" . sha256_hex($secrets{$_}) . "\n" }
                     keys %secrets), 'the lines');
is((stat "$run/apps")[2] & 07777, 0640, 'mode');
is((stat "$run/apps")[5], (stat "$run")[5], 'the group is that of the folder');

opendir my $folder, "$run" or die;
is(join(' ', grep { !/^\./ } readdir $folder), 'apps', 'nothing else is left');



=== what is in the file stays: owner, mode, comments, the last line
--- scenario
my $run = File::Temp->newdir;
my $old = "# mine\n\na:" . sha256_hex('s');

open my $out, '>', "$run/apps" or die;
print $out $old;
close $out;
chmod 0600, "$run/apps";
chown 65534, 65534, "$run/apps" if $> == 0;

my ($status, $text) = run_app('b', '--run', "$run");

is($status, 0, 'status');
is(read_file("$run/apps"),
   "$old\nb:" . sha256_hex(secret_of('b', $text)) . "\n", 'the file');
is((stat "$run/apps")[2] & 07777, 0600, 'mode');
is((stat "$run/apps")[4], $> == 0 ? 65534 : $>, 'owner');



=== an id that exists is refused, and nothing is changed
--- scenario
my $run = File::Temp->newdir;

run_app('a', '--run', "$run");
my $before = read_file("$run/apps");
my ($status, $text, $errors) = run_app('a', '--run', "$run");

is($status, 1, 'status');
is($text, '', 'no secret is printed');
like($errors, qr/^app: there is an application a already/, 'message');
is(read_file("$run/apps"), $before, 'the file');



=== names that cannot be
--- scenario
my $run = File::Temp->newdir;

for my $name ('x' x 256, 'a b', "a\tb", "a\nb", '#a', "a\x7f", "a\xff") {
    my ($status, $text, $errors) = run_app($name, '--run', "$run");

    is($status, 1, 'status');
    like($errors, qr/^app: /, 'message');
}

for my $arguments ([], [''], ['--other'], ['a', 'b'], ['a', '--run']) {
    my ($status, $text) = run_app(@$arguments);

    like($status, qr/^[12]$/, "status of \"@$arguments\"");
    is($text, '', 'nothing is printed');
}

my ($status, $text, $errors) = run_app('a', '--run', "$run/none");
is($status, 1, 'no folder');
like($errors, qr/there is no folder/, 'no folder: message');
ok(!-e "$run/apps", 'no file was made');



=== many at the same time: every line is there
--- scenario
my $run = File::Temp->newdir;
my @pids;

for my $n (1 .. 20) {
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        exec 'conf/app', "app$n", '--run', "$run";
    }

    push @pids, $pid;
}

waitpid $_, 0 for @pids;
is(scalar(() = read_file("$run/apps") =~ /^app\d+:[0-9a-f]{64}$/mg), 20,
   'lines');
