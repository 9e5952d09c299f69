package Tracker::Tls;

# Certificates of the test's own, and what Redis is told of them.

use strict;
use warnings;

use Exporter 'import';

use Tracker::Host qw(scratch);

our @EXPORT_OK = qw(authority certificate redis_options);

# how long all of them are good, in days; expired ones have ended
use constant DAYS => 2;

sub openssl {
    my @command = @_;
    my $log = scratch('openssl.log');

    system("openssl @command >$log 2>&1") == 0
        or die "openssl @command: see $log\n";
}

# A key, and a certificate that has signed itself: "NAME.pem" and "NAME.key".
sub authority {
    my ($name) = @_;

    openssl('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes',
            '-subj', "/CN=$name", '-days', DAYS,
            '-out', scratch("$name.pem"), '-keyout', scratch("$name.key"));
    return scratch("$name.pem");
}

# The same, signed by an authority, for these names, such as "DNS:localhost".
sub certificate {
    my ($name, $authority, %o) = @_;
    my ($request, $extensions) = (scratch("$name.csr"), scratch("$name.ext"));

    scratch("$name.ext", $o{names} ? "subjectAltName=$o{names}\n" : '');
    openssl('req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes',
            '-subj', '/CN=' . ($o{subject} // $name), '-out', $request,
            '-keyout', scratch("$name.key"));
    openssl('x509 -req -in', $request, '-CA', scratch("$authority.pem"),
            '-CAkey', scratch("$authority.key"), '-CAcreateserial',
            '-extfile', $extensions, $o{expired} ? expired() : ('-days', DAYS),
            '-out', scratch("$name.pem"));
    return scratch("$name.pem");
}

# OpenSSL 3.5 takes no negative number of days, 3.0 no dates.
sub expired {
    return `openssl x509 -help 2>&1` =~ /-not_after/
           ? qw(-not_before 20250101000000Z -not_after 20250102000000Z)
           : qw(-days -1);
}

# What a redis-server needs to speak TLS on a port of its own.
sub redis_options {
    my ($port, $name, $authority) = @_;

    return ('--tls-port', $port, '--tls-cert-file', scratch("$name.pem"),
            '--tls-key-file', scratch("$name.key"), '--tls-ca-cert-file',
            scratch("$authority.pem"), '--tls-auth-clients', 'no');
}

1;
