package Tracker::Played;

# A Redis, or a sentinel, that is played: another process answers by the book of
# the test.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Socket qw(SOL_SOCKET);

use constant SO_BINDTODEVICE => 25;    # of Linux; Perl has no name for it

our @EXPORT = qw(play_redis end_played);
our @EXPORT_OK = qw(slots record);

my @pids;

# Returns the id of the process; it is at 127.0.0.1, or at host; 0.0.0.0 is all
# of 127.0.0.0/8, and nothing else.  answer gets the words of a command, what is
# known of its connection and room for notes; it returns the reply, or undef: to
# hang up.
sub play_redis {
    my ($port, $answer, $host) = @_;
    my $listener = IO::Socket::INET->new(
        LocalAddr => $host // '127.0.0.1', LocalPort => $port,
        Listen => 128, ReuseAddr => 1) or die "port $port: $!";

    if (($host // '') eq '0.0.0.0') {
        setsockopt $listener, SOL_SOCKET, SO_BINDTODEVICE, 'lo'
            or die "lo: $!";
    }

    my $pid = fork() // die "fork: $!";

    if ($pid) {
        push @pids, $pid;
        return $pid;
    }

    my $select = IO::Select->new($listener);
    my %conns;
    my %notes = (connections => 0, open => \%conns);

    while (my @ready = $select->can_read) {
        for my $sock (@ready) {
            if ($sock == $listener) {
                my $new = $listener->accept or next;

                $notes{connections}++;
                $conns{$new} = { sock => $new, in => '' };
                $select->add($new);

            } elsif (!play_on($conns{$sock}, $answer, \%notes)) {
                $select->remove($sock);
                delete $conns{$sock};
                close $sock;
            }
        }
    }

    POSIX::_exit(0);
}

# 0 when a connection has ended, or is to end
sub play_on {
    my ($conn, $answer, $notes) = @_;

    sysread $conn->{sock}, $conn->{in}, 1 << 20, length $conn->{in}
        or return 0;

    while (my @words = take_command(\$conn->{in})) {
        my $reply = $answer->(\@words, $conn, $notes) // return 0;

        syswrite $conn->{sock}, $reply;
    }

    return 1;
}

# the words of a command that has come as a whole
sub take_command {
    my ($in) = @_;
    my @words;

    pos($$in) = 0;
    $$in =~ /\G\*(\d+)\r\n/gc or return;

    for (1 .. $1) {
        $$in =~ /\G\$(\d+)\r\n/gc && length($$in) >= pos($$in) + $1 + 2
            or return;
        push @words, substr $$in, pos $$in, $1;
        pos($$in) += $1 + 2;
    }

    substr $$in, 0, pos $$in, '';
    return @words;
}

sub end_played {
    for (@_) {
        kill KILL => $_;    # no END of ours
        waitpid $_, 0;
    }
}

# what CLUSTER SLOTS says: first, last, host, port, and what else is known
sub slots {
    my @ranges = @_;

    return '*' . @ranges . "\r\n" . join '', map {
        my ($first, $last, $host, $port, @more) = @$_;

        "*3\r\n:$first\r\n:$last\r\n*4\r\n" . bulk($host) . ":$port\r\n"
        . bulk('id') . '*' . @more . "\r\n" . join '', map { bulk($_) } @more;
    } @ranges;
}

sub bulk {
    my ($text) = @_;

    return "\$-1\r\n" unless defined $text;
    return '$' . length($text) . "\r\n$text\r\n";
}

sub record {
    return bulk('{"id":"4503599627370497","name":"n","vocabulary":["b"]}');
}

# of a test that has failed: whoever reads its output would wait for them
END {
    local $?;
    kill KILL => grep { waitpid($_, WNOHANG) == 0 } @pids;
}

1;
