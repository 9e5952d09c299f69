# Commands of README.md, as they are written there, that need no more than a
# Redis.  t/serve.t runs those of the quick start, t/install those of the
# installation.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use File::Temp ();
use Test::More;
use Tracker::Host qw(wait_until);

my $dir = File::Temp->newdir(TMPDIR => 1);
my $pid;

open my $in, '<', 'README.md' or die "README.md: $!";
my $readme = do { local $/; <$in> };

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

done_testing();
