package Tracker::Client;

# Clients of nginx: requests as text, answers from sockets, many at once.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);

use Tracker::Answers ();
use Tracker::Host qw(LIMIT scratch wait_until);
use Tracker::Token;

our @EXPORT = qw(
    tracker_text request post login_request connect_nginx send_bytes
    read_response read_rest exchange parallel static_answers nghttp
);
our @EXPORT_OK = qw(take_response);

# A tracker as JSON text.
sub tracker_text {
    my ($name, @phrases) = @_;

    @phrases = ('phrase') unless @phrases;
    return JSON::PP->new->canonical->encode(
        { name => $name, vocabulary => [map { "$_" } @phrases] });
}

# The text of a request.  Options: account or token, type (undef: none),
# body, headers (a list of lines), chunks (a list, instead of a body),
# length (sent instead of the body's).
sub request {
    my ($method, $path, %o) = @_;
    my $token = exists $o{token} ? $o{token} : token($o{account} // 'tester');
    my $type = exists $o{type} ? $o{type} : 'application/json';
    my $body = $o{body} // '';
    my @lines = ("$method $path HTTP/1.1", 'Host: localhost');

    push @lines, "Authorization: Bearer $token" if defined $token;
    push @lines, "Content-Type: $type" if defined $type;
    push @lines, @{$o{headers}} if $o{headers};

    if ($o{chunks}) {
        push @lines, 'Transfer-Encoding: chunked';
        $body = join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
                         @{$o{chunks}}, '';

    } elsif (defined $o{length} || length $body) {
        push @lines, 'Content-Length: ' . ($o{length} // length $body);
    }

    return join("\r\n", @lines, '', '') . $body;
}

sub post {
    my ($path, $body, %o) = @_;

    return request('POST', "/v1/manage/$path", body => $body, %o);
}

# The text of a login.  Options are those of request(), and members: more of
# the body, undef leaves one out.
sub login_request {
    my ($id, $secret, %o) = @_;
    my %all = (type => 'application', appId => $id, appSecret => $secret,
               %{delete $o{members} // {}});

    delete @all{grep { !defined $all{$_} } keys %all};

    return request('POST', '/oauth2/token:generate', token => undef,
                   body => JSON::PP->new->utf8->canonical->encode(\%all), %o);
}

sub connect_nginx {
    my $sock;

    wait_until(sub {
        $sock = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1',
            PeerPort => Test::Nginx::Util::server_port_for_client());
    }, 'nginx accepts a connection');

    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    return $sock;
}

# Sends what the peer takes; 0 when it closed before all was sent.
sub send_bytes {
    my ($sock, $bytes) = @_;
    my $at = 0;

    local $SIG{PIPE} = 'IGNORE';

    Tracker::Answers::asked($sock, $bytes);

    while ($at < length $bytes) {
        my $n = syswrite $sock, $bytes, length($bytes) - $at, $at;
        return 0 unless defined $n;
        $at += $n;
    }

    return 1;
}

# Reads one response: { status, headers, body }, names of headers in lower
# case; undef when the connection ends before it is whole.  To a HEAD only
# when the method says so.
sub read_response {
    my ($sock, $method) = @_;
    my $bytes = ${*$sock}{unread} // '';
    my $response;

    until ($response = take_response(\$bytes, $method // '')) {
        my $n = read_some($sock, \$bytes);
        last unless $n;
    }

    ${*$sock}{unread} = $bytes;
    Tracker::Answers::answered($sock, $response) if $response;
    return $response;
}

# What is left until the peer closes the connection.
sub read_rest {
    my ($sock) = @_;
    my $bytes = ${*$sock}{unread} // '';

    1 while read_some($sock, \$bytes);

    return $bytes;
}

sub read_some {
    my ($sock, $bytes) = @_;

    # what TLS has decoded already is not waited for
    $sock->can('pending') && $sock->pending
        or IO::Select->new($sock)->can_read(LIMIT)
        or die "nothing comes from nginx\n";
    return sysread($sock, $$bytes, 65536, length $$bytes);
}

sub take_response {
    my ($bytes, $method) = @_;

    # a 100 has no header lines, and the next answer may be right behind it
    return unless $$bytes =~ m{^HTTP/1\.1\ (\d+)[^\r]*\r\n
                               ((?:[^\r\n]+\r\n)*)\r\n}x;
    my ($status, $start) = ($1, $+[0]);
    my %headers;

    # lines of one name are a list
    for (split /\r\n/, $2) {
        my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
        $headers{lc $name} = join ', ', $headers{lc $name} // (), $value;
    }

    my $length = $headers{'content-length'};
    my ($body, $end);

    if ($status =~ /^(100|204|304)$/ || $method eq 'HEAD') {
        ($body, $end) = ('', $start);

    } elsif (($headers{'transfer-encoding'} // '') eq 'chunked') {
        ($body, $end) = take_chunks($bytes, $start) or return;

    } else {
        die "a response without a length\n" unless defined $length;
        $end = $start + $length;
        return if length($$bytes) < $end;
        $body = substr $$bytes, $start, $length;
    }

    substr($$bytes, 0, $end) = '';

    return { status => $status, headers => \%headers, body => $body };
}

# What the chunks at this place hold, and where they end.
sub take_chunks {
    my ($bytes, $at) = @_;
    my $body = '';

    for ( ;; ) {
        pos($$bytes) = $at;
        $$bytes =~ /\G([0-9a-f]+)\r\n/gc or return;

        my ($from, $n) = (pos($$bytes), hex $1);
        $at = $from + $n + 2;
        return if length($$bytes) < $at;

        $body .= substr $$bytes, $from, $n;
        return ($body, $at) unless $n;
    }
}

# One request, on a connection of its own unless one is given.
sub exchange {
    my ($text, $sock) = @_;

    $sock //= connect_nginx();
    send_bytes($sock, $text);
    return read_response($sock, $text =~ /^(\S+)/);
}

# All requests at the same moment, each on a connection of its own; the
# responses in their order.
sub parallel {
    my @texts = @_;
    my @socks = map { connect_nginx() } @texts;

    send_bytes($socks[$_], $texts[$_]) for 0 .. $#texts;
    return map { read_response($_) } @socks;
}

# How many of n requests to the location /static are answered with 200.
sub static_answers {
    my ($n) = @_;

    return scalar grep { $_->{status} == 200 }
                  map { exchange("GET /static HTTP/1.1\r\nHost: a\r\n\r\n") }
                  1 .. $n;
}

# A POST over HTTP/2 without TLS: the status, the JSON and the frame log.
sub nghttp {
    my ($path, $body, @options) = @_;
    my $file = scratch('nghttp.body', $body);
    my $url = "http://127.0.0.1:$ENV{TEST_NGINX_H2_PORT}$path";
    my @command = ('nghttp', '-v', '-t', LIMIT, '-d', $file, @options,
                   '-H', 'authorization: Bearer ' . token('tester'),
                   '-H', 'content-type: application/json', $url);

    open my $out, '-|', @command or die "nghttp: $!";
    my $log = do { local $/; <$out> } // '';
    close $out;

    my ($status) = $log =~ /recv \(stream_id=\d+\) :status: (\d+)/;
    my ($json) = $log =~ /(\{"(?:tracker|message).*\})/;

    return { status => $status // 0, body => $json // '', log => $log };
}

1;
