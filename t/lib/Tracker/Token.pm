package Tracker::Token;

# Tokens as the module takes them, and the credentials of its login.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 sha256_hex);
use Exporter 'import';
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64url);

use Tracker::Host qw(scratch);

our @EXPORT = qw(KEY sign_token token write_apps claims_of);

use constant KEY => 'the key of the tests: 32 bytes!!';

sub sign_token {
    my ($header, $payload, $key) = @_;
    my $text = join '.', map { encode_base64url($_) } $header, $payload;

    return $text . '.' . encode_base64url(hmac_sha256($text, $key // KEY));
}

sub token {
    my ($account, %claims) = @_;
    my %all = (sub => "$account", iat => time_now(), exp => time_now() + 3600,
               %claims);

    delete @all{grep { !defined $all{$_} } keys %all};

    return sign_token('{"alg":"HS256","typ":"JWT"}',
                      JSON::PP->new->canonical->encode(\%all));
}

# Replaces the credentials file by one with these applications, id => secret.
sub write_apps {
    my %secrets = @_;
    my $text = join '', map { "$_:" . sha256_hex($secrets{$_}) . "\n" }
                        sort keys %secrets;

    rename scratch('apps.new', $text), $ENV{TEST_NGINX_APPS}
        or die "apps: $!";
}

# The header and the claims of a token, two lists of keys and values as text.
sub claims_of {
    my ($token) = @_;

    return map { decode_base64url($_) } (split /\./, $token // '..')[0, 1];
}

sub time_now {
    return int(time());
}

1;
