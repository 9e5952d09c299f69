package Contender;

# One server that answers the workloads, on a port and in a folder of its own.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(hmac_sha256 sha256_hex);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);

use Processes;

use constant ACCOUNTS => 1024;
use constant KEY => 'the key of the bench, 32 bytes or more';

# relative, since the path of a socket may not be long
use constant SOCKET => 'redis/redis.sock';


# lock: the key of an account's lock

my %all = (
    'module' => {
        title => 'this module', folder => 'module', workers => 1,
        lock => sub { 'tracker:{' . substr(sha256_hex($_[0]), 0, 32)
                      . '}:lock' },
    },
    'other' => {
        title => 'the other build', folder => 'module', workers => 1,
        lock => sub { 'tracker:{' . substr(sha256_hex($_[0]), 0, 32)
                      . '}:lock' },
    },
    'module-tls' => {
        title => 'this module, Redis through TLS', folder => 'module',
        workers => 1,
        lock => sub { 'tracker:{' . substr(sha256_hex($_[0]), 0, 32)
                      . '}:lock' },
    },
    'module-2' => {
        title => 'this module, 2 workers', folder => 'module', workers => 2,
        lock => sub { 'tracker:{' . substr(sha256_hex($_[0]), 0, 32)
                      . '}:lock' },
    },
    'lua' => {
        title => 'Lua peer', folder => 'lua', workers => 1,
        lock => sub { 'peer:{' . md5_hex($_[0]) . '}:lock' },
    },
    'lua-one' => {
        title => 'Lua peer, one write', folder => 'lua', workers => 1,
        lock => sub { 'peer:{' . md5_hex($_[0]) . '}:lock' },
    },
    'node' => {
        title => 'Node peer', folder => 'node', workers => 1,
        lock => sub { 'peer:{' . md5_hex($_[0]) . '}:lock' },
    },
    'python' => {
        title => 'Python peer', folder => 'python', workers => 1, texts => 1,
    },
    'floor' => { title => 'floor', folder => 'floor', workers => 1 },
    'redis' => { title => 'Redis alone' },
);


sub names {
    return qw(module module-2 module-tls other lua lua-one node python floor
              redis);
}


# Starts the one of this name.  files has the paths it is configured with.

sub new {
    my ($class, $name, $redis, $files) = @_;
    my $entry = $all{$name} or die "there is no contender $name\n";
    my $self = bless { name => $name, redis => $redis, %$entry }, $class;

    return $self unless $self->{folder};

    $self->{port} = free_port();
    remove_tree("run/$name");
    make_path("run/$name");

    my @command;

    if ($name eq 'node') {
        @command = ('node', "$files->{build}/node/peer.js", $self->{port},
                    SOCKET, $files->{key}, "$files->{bench}/lua/create.lua",
                    "$files->{bench}/lua/text.lua");

    } elsif ($name eq 'python') {
        # Debian's, whose packages these are
        @command = ('/usr/bin/python3', "$files->{bench}/python/peer.py",
                    $self->{port}, SOCKET, $files->{key},
                    "$files->{bench}/lua/create.lua",
                    "$files->{bench}/lua/text.lua");

    } else {
        $self->configure($files);
        @command = ('nginx', '-p', "run/$name", '-c', 'nginx.conf', '-e',
                    'error.log', '-g', 'daemon off;');
    }

    $self->{processes} = Processes->start("run/$name/output",
        $self->{workers} == 1
            ? Processes::pinned(Processes::SERVER_CPU, @command) : @command);

    $self->{processes}->wait_for($name, sub {
        IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}")
    });

    return $self;
}


sub stop {
    my ($self) = @_;

    $self->disconnect;
    $self->{processes}->stop if $self->{processes};
}


sub configure {
    my ($self, $files) = @_;

    my $tls = $self->{name} eq 'module-tls';

    my %value = (
        ADDRESS => $tls ? "127.0.0.1:$self->{redis}{tls_port} ssl"
                        : 'unix:' . SOCKET,
        BENCH   => $files->{bench},
        FLOOR   => $files->{floor},
        KEY     => $files->{key},
        MODULE  => $files->{$self->{name} eq 'other' ? 'other' : 'module'},
        MODULES => $files->{modules},
        ONE     => $self->{name} eq 'lua-one' ? 'true' : 'false',
        PORT    => $self->{port},
        REDIS   => SOCKET,
        TLS     => $tls ? 'tracker_redis_ssl_trusted_certificate '
                          . "$self->{redis}{certificate};" : '',
        USER    => scalar getpwuid($>),
        WORKERS => $self->{workers},
    );

    open my $in, '<', "$files->{bench}/$self->{folder}/nginx.conf"
        or die "nginx.conf: $!\n";
    open my $out, '>', "run/$self->{name}/nginx.conf"
        or die "nginx.conf: $!\n";

    while (<$in>) {
        s/\@([A-Z]+)\@/$value{$1}/g;
        print $out $_;
    }

    close $out or die "nginx.conf: $!\n";

    # nobody logs in, but somebody may try
    open my $apps, '>', "run/$self->{name}/apps" or die "apps: $!\n";
}


sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $!\n";

    return $socket->sockport;
}


# the client, for one request at a time

sub exchange {
    my ($self, $method, $path, $account, $body, @headers) = @_;
    my $socket = $self->{socket};

    unless ($socket) {
        $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}")
            or die "$self->{name}: $!\n";
        $self->{socket} = $socket;
    }

    my $head = "$method $path HTTP/1.1\r\nHost: bench\r\n"
               . 'Authorization: Bearer ' . token($account) . "\r\n";

    push @headers, 'Content-Type: application/json'
        if length $body && !grep { /^Content-Type:/ } @headers;
    push @headers, 'Content-Length: ' . length $body if length $body;

    $head .= "$_\r\n" for @headers;

    print $socket "$head\r\n$body";
    $socket->flush;

    my ($status, $length, $chunked, $close);

    while (defined(my $line = <$socket>)) {
        last if $line eq "\r\n";

        $status = $1 if $line =~ m{^HTTP/1.1 (\d+)};
        $length = $1 if $line =~ /^content-length: (\d+)/i;
        $chunked = 1 if $line =~ /^transfer-encoding: chunked/i;
        $close = 1 if $line =~ /^connection: close/i;
    }

    die "$self->{name}: no answer to $method $path\n" unless defined $status;

    my $answer = '';

    if ($chunked) {
        $answer .= $self->read_bytes($length)
            while ($length = $self->chunk_length);

    } elsif ($length) {
        $answer = $self->read_bytes($length);
    }

    delete $self->{socket} if $close;

    return ($status, $answer);
}


sub read_bytes {
    my ($self, $length) = @_;

    read($self->{socket}, my $bytes, $length) == $length
        or die "$self->{name}: the answer is cut off\n";

    return $bytes;
}


# of the next chunk, behind the end of the one before; 0 after the last one

sub chunk_length {
    my ($self) = @_;
    my $socket = $self->{socket};
    my $line = <$socket> // '';

    $line = <$socket> // '' if $line eq "\r\n";
    $line =~ /^([0-9a-f]+)\r\n$/i
        or die "$self->{name}: the answer is cut off\n";

    my $length = hex $1;

    <$socket> unless $length;

    return $length;
}


sub disconnect {
    my ($self) = @_;

    delete $self->{socket};
}


sub hold_lock {
    my ($self, $account) = @_;

    $self->{redis}->command('SET', $self->{lock}->(account($account)),
                            'somebody else', 'PX', 600000);
}


# accounts and their tokens

sub account {
    return "account-$_[0]";
}


my %tokens;

sub token {
    my ($account) = @_;

    return $tokens{$account} //= do {
        my $now = time;
        my $text = join '.', map { encode_base64url($_) }
            '{"alg":"HS256","typ":"JWT"}',
            sprintf('{"sub":"%s","iat":%d,"exp":%d}', account($account),
                    $now, $now + 86400);

        "$text." . encode_base64url(hmac_sha256($text, KEY));
    };
}


1;
