package Tracker::Answers;

# Keeps the answers of tracker and login locations that tests see, one JSON
# text a line, so that t/openapi.t can compare all of them with the OpenAPI
# description.

use strict;
use warnings;

use Compress::Zlib ();
use Fcntl qw(LOCK_EX);
use JSON::PP ();

# of one method, path and status in one test file; more tell nothing new
use constant ENOUGH => 50;

use constant MAX_BODY => 200_000;

# of a conversation: no part of the description
my $NOT_OFFERED = join '|', qw(topics questions follow-ups action-items entities
                               analytics summary callscore abstract-topics
                               insights intents);

my ($file, $block, %count);

sub keep_in {
    ($file) = @_;
}

sub file {
    return $file;
}

# Answers belong to this block now.  Where a site's own pages, headers or
# challenges stand in for ours, they are none of ours.
sub begin {
    ($block) = @_;

    my $config = ($block->config // '') . ($block->http_config // '');
    leave() if $config =~ /\b(?:error_page|auth_basic|add_header|return)\b/;
}

# What the block sees from here on is nothing that we would have written.
sub leave {
    undef $block;
}

# Bytes that go out on a connection.
sub asked {
    my ($sock, $bytes) = @_;

    my $late = ${*$sock}{late} // 0;

    # what was missing of a body, when its answer came
    ${*$sock}{late} = $late > length $bytes ? $late - length $bytes : 0;
    ${*$sock}{asked} .= $late < length $bytes ? substr $bytes, $late : '';
}

# The next response on it.
sub answered {
    my ($sock, $response) = @_;

    return if $response->{status} == 100;

    my ($method, $path) = take_request($sock, \${*$sock}{asked});
    keep($method, $path, $response) if defined $path;
}

# Cuts the first request off; returns its method and its path.
sub take_request {
    my ($sock, $bytes) = @_;

    return unless defined $$bytes
        && $$bytes =~ m{\A(\S+) (/\S*) HTTP/1\.[01]\r\n(.*?)\r\n\r\n}s;

    my ($method, $path, $headers, $end) = ($1, $2, $3, $+[0]);

    substr($$bytes, 0, $end) = '';

    if ($headers =~ /^Transfer-Encoding:/mi) {
        $$bytes =~ s/\A(?:.*?\r\n)?0\r\n\r\n//s or $$bytes = '';

    } elsif ($headers =~ /^Content-Length:\s*(\d+)/mi) {
        my $missing = $1 - length $$bytes;

        ${*$sock}{late} = $missing > 0 ? $missing : 0;
        $$bytes = $missing < 0 ? substr $$bytes, $1 : '';
    }

    return ($method, $path);
}

sub keep {
    my ($method, $path, $response) = @_;

    return unless $file && $block
        && $path =~ m{^/v1/(?:manage|job|process|conversations)\b[\w/.-]*(?:\?|$)
                      |^/oauth2/token:generate$}x
        && $path !~ m{^/v1/conversations/[^/]+/(?:$NOT_OFFERED)$}
        && $path !~ m{^[^?]*//}
        && length $response->{body} <= MAX_BODY;

    my $kind = join ' ', $method, $path =~ s/\d{16}|\?.*//gr,
                         $response->{status};
    return if ++$count{$kind} > ENOUGH;

    my %seen = %$response;

    $seen{body} = Compress::Zlib::memGunzip($seen{body})
        if ($seen{headers}{'content-encoding'} // '') eq 'gzip';

    # a long line is written in pieces, others may write too
    open my $out, '>>', $file or die "$file: $!";
    flock $out, LOCK_EX or die "$file: $!";
    print $out JSON::PP->new->latin1->canonical->encode({
        test => "$0 " . $block->name, method => $method, path => $path,
        map { $_ => $seen{$_} } qw(status headers body),
    }), "\n";
    close $out or die "$file: $!";
}

1;
