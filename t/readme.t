# The lines and links of README.md, and those of its commands that need no more
# than a Redis, as they are written there.  t/serve.t runs those of the quick
# start, t/install those of the installation.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use Encode qw(decode);
use File::Basename qw(dirname);
use File::Temp ();
use Test::More;
use Tracker::Host qw(wait_until);

my $dir = File::Temp->newdir(TMPDIR => 1);
my $pid;

my $readme = read_file('README.md');

sub read_file {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    return decode('UTF-8', do { local $/; <$in> });
}

# The anchors that GitHub makes of the headings of a text.
sub anchors {
    my ($text) = @_;
    my %anchors;

    # a comment of a shell is no heading
    $text =~ s/^```.*?^```$//msg;

    for my $heading ($text =~ /^#+ (.*)/mg) {
        my $anchor = lc $heading =~ s/[^\w -]//gr;

        $anchor =~ tr/ /-/;
        $anchors{$anchor} = 1;
    }

    return \%anchors;
}

# The links of a file that lead nowhere.
sub broken_links {
    my ($file) = @_;
    my @broken;

    for my $link (read_file($file) =~ /\]\(([^()\s]+)\)/g) {
        next if $link =~ /^https?:/;

        my ($path, $anchor) = split /#/, $link;
        my $target = $path ? dirname($file) . "/$path" : $file;

        push @broken, $link
            unless -e $target
                   && (!defined $anchor
                       || anchors(read_file($target))->{$anchor});
    }

    return @broken;
}

# The first block of commands under that heading.
sub commands_under {
    my ($heading) = @_;

    return $1
        if $readme =~ /^#+ \Q$heading\E\n(?:(?!^#).)*?^```sh\n(.*?)\n```/ms;
    die "README.md: no commands under \"$heading\"\n";
}

# Runs them in a shell whose redis-cli finds the Redis of this test.
sub run_commands {
    my ($text) = @_;

    local $ENV{SOCKET} = "$dir/redis.sock";
    open my $out, '-|', 'bash', '-euc',
        'redis-cli() { command redis-cli -s "$SOCKET" "$@"; };' . "\n$text"
        or die "bash: $!";
    my $words = do { local $/; <$out> } // '';
    close $out;

    is($?, 0, 'status');
    return $words;
}

sub redis {
    my @command = @_;

    open my $out, '-|', 'sh', '-c', 'exec redis-cli -s "$@" 2>/dev/null',
        'sh', "$dir/redis.sock", @command or die "redis-cli: $!";
    my $answer = do { local $/; <$out> } // '';
    close $out;

    return $answer =~ s/\n\z//r;
}

# The file is that of an operator: nothing is said in it but where.
sub start {
    my @lines = @_;

    if (@lines || !-e "$dir/redis.conf") {
        open my $out, '>>', "$dir/redis.conf" or die "redis.conf: $!";
        print $out map { "$_\n" } @lines;
        close $out;
    }

    $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        exec 'redis-server', "$dir/redis.conf" or POSIX::_exit(127);
    }

    wait_until(sub { redis('PING') eq 'PONG' }, 'Redis');
}

sub stop {
    redis('SHUTDOWN', 'SAVE');
    waitpid $pid, 0;
    undef $pid;
}

END {
    local $?;
    kill KILL => $pid if $pid;
}


# lines and links

my @lines = split /\n/, $readme;

is(join(' ', grep { length $lines[$_ - 1] > 130 } 1 .. @lines), '',
   'lines of more than 130 columns');

for my $file ('README.md', glob 't/*/README.md .github/*.md') {
    is(join(' ', broken_links($file)), '', "links of $file");
}


# durability

my @where = ("dir $dir", 'port 0', "unixsocket $dir/redis.sock");

start(@where);
redis('SET', 'k', 'v');
stop();
start();
is(redis('GET', 'k'), 'v', 'a Redis with a snapshot');
stop();

ok(-e "$dir/dump.rdb", 'which is a file');
system 'cp', "$dir/redis.conf", "$dir/before.conf";
start('appendonly yes');
is(redis('GET', 'k'), '', 'appendonly in its file alone: all is lost');
redis('SHUTDOWN', 'NOSAVE');
waitpid $pid, 0;

system 'rm', '-r', "$dir/appendonlydir";
system 'cp', "$dir/before.conf", "$dir/redis.conf";
start();
is(redis('GET', 'k'), 'v', 'as it was before');
run_commands(commands_under('Durability'));
redis('SET', 'l', 'w');
stop();
start();
is(redis('CONFIG', 'GET', 'appendonly'), "appendonly\nyes",
   'the commands of README: it is on after a restart');
is(redis('MGET', 'k', 'l'), "v\nw", 'and all is there');


# a lock, an account

my $digest = substr sha256_hex('somebody'), 0, 32;
my $other = substr sha256_hex('else'), 0, 32;

redis('SET', "tracker:{$digest}:lock", 1);
redis('SET', "tracker:{$digest}:name:n", 1);
redis('SET', "tracker:{$other}:lock", 1);
run_commands('account=somebody' . "\n"
             . commands_under('Free a lock by hand'));
is(redis('EXISTS', "tracker:{$digest}:lock"), 0, 'the lock is gone');
is(redis('EXISTS', "tracker:{$digest}:name:n", "tracker:{$other}:lock"), 2,
   'and nothing else');

redis('EVAL', 'for i = 1, 5000 do redis.call("set", ARGV[1] .. i, 1) end', 0,
      "tracker:{$digest}:name:a\n");
redis('SET', "tracker:{$other}:name:n", 1);
is(run_commands("digest=$digest\n" . commands_under('Delete an account')),
   '', 'nothing failed');
is(redis('--raw', 'KEYS', '*name*'), "tracker:{$other}:name:n",
   'the account is gone, others are not');
stop();



# the drop-in of Debian's service, where systemd is to read it

SKIP: {
    my $unit = '/lib/systemd/system/nginx.service';

    skip 'no systemd-analyze, or no unit of nginx', 2
        unless -e $unit && grep { -x "$_/systemd-analyze" } qw(/bin /usr/bin);

    mkdir $_ for "$dir/units", "$dir/units/nginx.service.d";
    system 'cp', $unit, "$dir/units";
    system 'cp', 'conf/nginx-stop.conf',
           "$dir/units/nginx.service.d/tracker.conf";

    local $ENV{SYSTEMD_UNIT_PATH} = "$dir/units:/lib/systemd/system";
    my $words = `systemd-analyze verify $dir/units/nginx.service 2>&1`;

    is($?, 0, 'conf/nginx-stop.conf is a drop-in');
    unlike($words, qr/tracker\.conf/, 'without a complaint');
}

done_testing();
