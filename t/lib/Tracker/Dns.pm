package Tracker::Dns;

# A name server of the test's own: it answers by a table that a test may change.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_INET AF_INET6 inet_pton);
use Time::HiRes qw(time);

use Tracker::Host qw(scratch);

our @EXPORT = qw(start_dns stop_dns names asked_for);

use constant { A => 1, AAAA => 28, SERVFAIL => 2, NXDOMAIN => 3, TTL => 1 };

my ($pid, %table);

sub start_dns {
    my ($port) = @_;
    my $sock = IO::Socket::INET->new(
        Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => $port)
        or die "port $port: $!";

    names();
    scratch('dns.asked', '');
    $pid = fork() // die "fork: $!";
    return if $pid;

    serve($sock);
    POSIX::_exit(0);
}

# What is sent to it then is refused by the kernel.
sub stop_dns {
    return unless $pid;
    kill KILL => $pid;
    waitpid $pid, 0;
    $pid = undef;
}

# What is known from now on: of each name its addresses, IPv4 or IPv6, with a
# space between them; or "servfail" or "silent".  Before them may be how many
# seconds it takes, as in "0.5s 127.0.0.1".  Other names do not exist.
sub names {
    %table = @_;

    scratch('dns.new', join '', map { "$_ $table{$_}\n" } keys %table);
    rename scratch('dns.new'), scratch('dns.table') or die "rename: $!";
}

# how often the server was asked for a name
sub asked_for {
    my ($name) = @_;
    open my $in, '<', scratch('dns.asked') or die "dns.asked: $!";

    return scalar grep { $_ eq "$name\n" } <$in>;
}

sub serve {
    my ($sock) = @_;
    my $select = IO::Select->new($sock);
    my @late;

    while (1) {
        my @ready = $select->can_read(@late ? 0.01 : undef);

        if (@ready && $sock->recv(my $query, 512)) {
            my ($after, $answer) = answer($query);
            push @late, [time() + $after, $answer, $sock->peername]
                if defined $answer;
        }

        for (grep { $_->[0] <= time() } @late) {
            $sock->send($_->[1], 0, $_->[2]);
        }

        @late = grep { $_->[0] > time() } @late;
    }
}

# seconds, and the answer; or nothing
sub answer {
    my ($query) = @_;
    my ($name, @labels);
    my $question = substr $query, 12;

    while ((my $n = ord $question) > 0) {
        push @labels, substr $question, 1, $n;
        $question = substr $question, 1 + $n;
    }

    $name = lc join '.', @labels;
    note($name);

    my %known = table();
    my ($after, $said) = ($known{$name} // 'nxdomain')
                         =~ /^(?:([\d.]+)s )?(.*)$/;
    my $type = unpack 'x n', $question;
    my ($code, @addresses) = (0);

    return if $said eq 'silent';

    if ($said eq 'servfail') {
        $code = SERVFAIL;
    } elsif ($said eq 'nxdomain') {
        $code = NXDOMAIN;
    } else {
        @addresses = grep { $type == (/:/ ? AAAA : A) } split ' ', $said;
    }

    my $records = join '', map {
        my $bytes = inet_pton(/:/ ? AF_INET6 : AF_INET, $_);
        pack 'n3 N n/a*', 0xc00c, $type, 1, TTL, $bytes;
    } @addresses;

    return ($after // 0,
            pack('n6', unpack('n', $query), 0x8180 | $code, 1,
                 scalar @addresses, 0, 0)
            . substr($query, 12) . $records);
}

sub note {
    open my $out, '>>', scratch('dns.asked');
    print $out "$_[0]\n";
}

sub table {
    open my $in, '<', scratch('dns.table') or return;
    return map { chomp; split / /, $_, 2 } <$in>;
}

END {
    local $?;
    stop_dns();
}

1;
