package RedisServer;

# The Redis that all contenders share.

use strict;
use warnings;

use Cwd ();
use File::Path qw(make_path remove_tree);
use IO::Socket::UNIX;

use Processes;


# With tls_port also there, with a certificate: a path that contenders read.

sub new {
    my ($class, $conf, $socket, $tls_port) = @_;
    my $self = bless { path => $socket, tls_port => $tls_port }, $class;

    remove_tree('redis');
    make_path('redis');

    $self->{processes} = Processes->start('redis/output',
        Processes::pinned(Processes::REDIS_CPU, 'redis-server', $conf,
                          '--dir', 'redis', $tls_port ? $self->tls : ()));
    $self->{processes}->wait_for('Redis', sub {
        -S $socket && eval { $self->command('PING') }
    });

    return $self;
}


# its options

sub tls {
    my ($self) = @_;

    $self->{certificate} = Cwd::abs_path('redis') . '/tls.crt';

    system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 '
           . '-nodes -days 1 -subj /CN=redis '
           . '-addext subjectAltName=IP:127.0.0.1 -keyout redis/tls.key '
           . '-out redis/tls.crt 2>redis/openssl.log') == 0
        or die "openssl makes no certificate, see redis/openssl.log\n";

    return ('--tls-port', $self->{tls_port}, '--tls-auth-clients', 'no',
            '--tls-cert-file', 'tls.crt', '--tls-key-file', 'tls.key',
            '--tls-ca-cert-file', 'tls.crt');
}


# Sends one command whose reply is a line or a text; dies when it is an error.

sub command {
    my ($self, @words) = @_;

    my $socket = $self->{socket} //= IO::Socket::UNIX->new($self->{path})
        or die "Redis: $!\n";

    print $socket '*' . @words . "\r\n",
                  map { '$' . length($_) . "\r\n$_\r\n" } @words;
    $socket->flush;

    my $line = <$socket> // die "Redis: no reply to $words[0]\n";

    $line =~ s/\r\n$//;
    die "Redis: $line\n" if $line =~ /^-/;

    return substr $line, 1 unless $line =~ /^\$(\d+)/;

    read($socket, my $text, $1 + 2) == $1 + 2
        or die "Redis: the reply to $words[0] is cut off\n";

    return $text;
}


# Since watch() was called, the command that took longest, in ms.  A script, or a
# transaction, is one.

sub watch {
    my ($self) = @_;

    $self->command(qw(CONFIG SET latency-tracking-info-percentiles 100));
    $self->command(qw(CONFIG RESETSTAT));
}


sub longest {
    my ($self) = @_;
    my $most = 0;

    for ($self->command(qw(INFO latencystats))
         =~ /^latency_percentiles_usec_(?!config|info)\S+?:p100=([\d.]+)/mg)
    {
        $most = $_ if $_ > $most;
    }

    return $most / 1000;
}


1;
