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

# The id and the secret that were printed, in the form of the hosted service:
# its SDK for browsers sends nothing for any other.
sub credentials {
    my ($text) = @_;

    return $text =~ /^appId ([0-9a-f]{64}) appSecret ([0-9a-f]{128})\n\z/;
}

sub line_of {
    my ($name, $id, $secret) = @_;

    return "$id:" . sha256_hex($secret) . ":$name\n";
}

__DATA__

=== an application made while nginx runs logs in, to the account of its name
--- scenario
my ($status, $text) = run_app('new-app', '--run', scratch(''));
my ($id, $secret) = credentials($text);

is($status, 0, 'status');
ok($secret, 'id and secret are printed, nothing else');

my $response;
wait_until(sub {
    $response = exchange(login_request($id, $secret));
    $response->{status} == 200;
}, 'the login');

my (undef, $claims) = claims_of(decode($response->{body})->{accessToken});
is(decode($claims)->{sub}, 'new-app', 'the account');



=== a second application of an account: both log in, to the same
--- scenario
my @credentials = map { [credentials((run_app('twice', '--run', scratch('')))[1])] }
                  1, 2;

isnt($credentials[0][0], $credentials[1][0], 'other ids');
isnt($credentials[0][1], $credentials[1][1], 'other secrets');

wait_until(sub {
    exchange(login_request(@{$credentials[1]}))->{status} == 200;
}, 'the login');

for my $pair (@credentials) {
    my $response = exchange(login_request(@$pair));
    my (undef, $claims) = claims_of(decode($response->{body})->{accessToken});

    is(decode($claims)->{sub}, 'twice', 'the account');
}

is(exchange(login_request($credentials[0][0], $credentials[1][1]))->{status},
   401, 'not with the secret of the other');



=== the file: a line each, digests only, for owner and group
--- scenario
my $run = File::Temp->newdir;
my $lines = '';

for my $name ('a', 'b:c', "\xc3\xbc", 'x' x 255, 'a.*', '$HOME', '\\n', '#a',
              '0' x 64)
{
    my ($status, $text, $errors) = run_app($name, '--run', "$run");
    my @credentials = credentials($text);

    is($status, 0, "status for $name");
    is(scalar @credentials, 2, "credentials for $name");
    is($errors, '', "nothing else is said for $name");
    $lines .= line_of($name, @credentials);
}

is(read_file("$run/apps"), $lines, 'the lines');
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
is(read_file("$run/apps"), "$old\n" . line_of('b', credentials($text)),
   'the file');
is((stat "$run/apps")[2] & 07777, 0600, 'mode');
is((stat "$run/apps")[4], $> == 0 ? 65534 : $>, 'owner');



=== that an account has several is said; lines of both forms count
--- scenario
my $run = File::Temp->newdir;
my $old = "# a:" . sha256_hex('s') . "\na:" . sha256_hex('s') . "\n";

open my $out, '>', "$run/apps" or die;
print $out $old;
close $out;

for my $n (2, 3) {
    my ($status, $text, $errors) = run_app('a', '--run', "$run");

    is($status, 0, 'status');
    is($errors, "app: the account a has $n applications now in $run/apps\n",
       'what is said');
}

is((run_app('b', '--run', "$run"))[2], '', 'nothing of another account');
is(index(read_file("$run/apps"), $old), 0, 'what was there stays');



=== names that cannot be
--- scenario
my $run = File::Temp->newdir;

for my $name ('x' x 256, 'a b', "a\tb", "a\nb", "a\x7f", "a\xff") {
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
my @names = read_file("$run/apps") =~ /^[0-9a-f]{64}:[0-9a-f]{64}:(app\d+)$/mg;
is(join(' ', sort @names), join(' ', sort map { "app$_" } 1 .. 20), 'lines');
