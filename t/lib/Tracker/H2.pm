package Tracker::H2;

# An HTTP/2 client, without TLS, in frames: it does what no good client does,
# such as to reset a stream at once or to open no window.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;

use Tracker::Client qw(send_bytes);
use Tracker::Token;

our @EXPORT_OK = qw(h2_connect h2_get frame header);

# A connection on which nothing was read.  Options: buffer, the size of the
# socket's, in bytes; window, that of each stream, 65,535 if undefined.
sub h2_connect {
    my (%o) = @_;
    my $sock = IO::Socket::INET->new(
        PeerAddr => "127.0.0.1:$ENV{TEST_NGINX_H2_PORT}",
        $o{buffer} ? (Sockopts => [[Socket::SO_RCVBUF(), pack 'i', $o{buffer}]])
                   : ()) or die "h2: $!";
    my $most = 2 ** 31 - 1;

    # the initial window of streams, then that of the connection
    send_bytes($sock, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                      . frame(4, 0, 0, defined $o{window}
                                       ? pack('nN', 4, $o{window}) : '')
                      . frame(8, 0, 0, pack('N', $most - 65535)));
    return $sock;
}

# The HEADERS frame of a GET by an account.
sub h2_get {
    my ($stream, $path, $account) = @_;

    return frame(1, 5, $stream, "\x82\x86" . header(4, $path)
                                . header(1, 'localhost')
                                . header(23, 'Bearer ' . token($account)));
}

sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type, $flags, $stream) . $payload;
}

# a header that is not remembered, its name one of HPACK's table
sub header {
    my ($index, $value) = @_;

    return number(15, $index) . number(127, length $value) . $value;
}

# an integer of HPACK, whose first byte holds less than most
sub number {
    my ($most, $n) = @_;

    return chr $n if $n < $most;

    my $bytes = chr $most;

    for ($n -= $most; $n > 127; $n >>= 7) {
        $bytes .= chr($n % 128 | 128);
    }

    return $bytes . chr $n;
}

1;
