package Tracker::Redis;

# A Redis of the test's own, and a client to look at what lies in it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);

use Tracker::Answers ();
use Tracker::Host qw(scratch wait_until);
use Tracker::Tls ();

our @EXPORT = qw(
    redis redis_password start_redis stop_redis pause_redis resume_redis
    account_key lock_key hold_lock commands_seen script
    unread_by_redis silence
);
our @EXPORT_OK = qw(redis_command redis_connect redis_reply redis_runs);

my $server = $ENV{TRACKER_REDIS_SERVER} || 'redis-server';
my $dir = scratch('') =~ s{/$}{}r;
my ($redis_pid, $redis_password);

sub start_redis {
    my @options = @_;

    unshift @options,
            Tracker::Tls::redis_options($ENV{TEST_NGINX_REDIS_TLS_PORT},
                                        'redis', 'ca')
        if $ENV{TEST_NGINX_REDIS_TLS_PORT};

    die "redis runs already\n" if $redis_pid;
    $redis_pid = fork() // die "fork: $!";

    if ($redis_pid == 0) {
        open STDOUT, '>', "$dir/redis.log";
        open STDERR, '>&', \*STDOUT;
        exec($server, '--bind', '127.0.0.1',
             '--port', $ENV{TEST_NGINX_REDIS_PORT},
             '--unixsocket', "$dir/redis.sock", '--unixsocketperm', '777',
             '--dir', $dir, '--save', '', '--appendonly', 'no',
             '--maxmemory-policy', 'noeviction', @options)
            or POSIX::_exit(127);
    }

    wait_until(sub {
        die "$server does not start, see $dir/redis.log\n"
            if waitpid($redis_pid, WNOHANG) != 0;
        my $reply = eval { redis('PING') } || $@;
        $reply =~ /PONG|NOAUTH/;
    }, 'redis starts');
}

# From now on clients need this password, redis() included.
sub redis_password {
    my ($password) = @_;

    redis('CONFIG', 'SET', 'requirepass', $password);
    $redis_password = $password;
}

sub stop_redis {
    return unless $redis_pid;

    kill KILL => $redis_pid;
    waitpid $redis_pid, 0;
    unlink "$dir/redis.sock";
    undef $redis_pid;
    undef $redis_password;
}

sub pause_redis {
    kill STOP => $redis_pid;
}

sub resume_redis {
    kill CONT => $redis_pid;
}

# What an answer must be where Redis says nothing, its status and its message.
# With TLS a new connection does not even come about.
sub silence {
    my ($response) = @_;

    return (502, 'The tracker store did not acknowledge the request.')
        if $ENV{TEST_NGINX_REDIS_TLS_PORT} && $response->{status} == 502;
    return (504, 'The tracker store did not respond in time.');
}

# bytes that wait in the socket of a connection to Redis, where most do
sub unread_by_redis {
    my $port = sprintf ':%04X', $ENV{TEST_NGINX_REDIS_PORT};
    my $most = 0;

    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    while (<$in>) {
        my ($local, $queues) = (split)[1, 4];
        my $unread = hex(($queues =~ /:(\w+)$/)[0] // 0);

        $most = $unread if $local =~ /$port$/ && $unread > $most;
    }

    return $most;
}

# One command on a connection of its own; dies with the words of an error.
sub redis {
    my @command = @_;

    # a record that the test writes may hold anything
    Tracker::Answers::leave() if $command[0] =~ /SET/ && "@command" =~ /:id:/;

    return redis_command(redis_connect(), @command);
}

sub redis_connect {
    my $sock = IO::Socket::UNIX->new(Peer => "$dir/redis.sock")
        or die "cannot connect to redis: $!\n";

    redis_command($sock, 'AUTH', $redis_password) if defined $redis_password;

    return $sock;
}

sub redis_command {
    my ($sock, @command) = @_;

    print $sock '*' . @command . "\r\n",
                map { '$' . length() . "\r\n$_\r\n" } @command;
    $sock->flush;

    return redis_reply($sock);
}

sub redis_reply {
    my ($sock) = @_;

    defined(my $line = <$sock>) or die "redis closed the connection\n";
    my ($type, $rest) = $line =~ /^(.)(.*)\r\n$/;

    die "$rest\n" if $type eq '-';
    return $rest if $type eq '+' || $type eq ':';
    return undef if $rest < 0;
    return [map { redis_reply($sock) } 1 .. $rest] if $type eq '*';

    read $sock, my $bytes, $rest + 2;
    return substr $bytes, 0, $rest;
}

# The keys of DESIGN.md: account_key('a', 'name:x') and so on.
sub account_key {
    my ($account, $rest, $prefix) = @_;
    my $digest = substr sha256_hex($account), 0, 32;

    return ($prefix // 'tracker') . ":{$digest}:$rest";
}

sub lock_key {
    my ($account, $prefix) = @_;

    return account_key($account // 'tester', 'lock', $prefix);
}

sub hold_lock {
    my ($account) = @_;

    redis('SET', lock_key($account), 'held by the test', 'PX', 600_000);
}

# How often Redis ran these commands since the last call.  One that blocks
# counts from its start on, or, from Redis 7.2 on, when it has ended.
sub commands_seen {
    my @names = @_;
    my $stats = redis('INFO', 'commandstats');
    my $n = 0;

    $n += $stats =~ /^cmdstat_$_:calls=(\d+)/m ? $1 : 0 for @names;
    redis('CONFIG', 'RESETSTAT');

    return $n;
}

# The text of a server-side script.
sub script {
    my ($name) = @_;

    open my $in, '<', "src/store/lua/$name.lua" or die "$name.lua: $!";
    local $/;
    return <$in>;
}

sub redis_runs {
    return defined $redis_pid;
}

END {
    local $?;
    stop_redis();
}

1;
