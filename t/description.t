use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Digest::SHA ();

run_tests();

sub file {
    open my $in, '<', 'conf/openapi.yaml' or die "openapi.yaml: $!";

    return do { local $/; <$in> };
}

sub ask {
    my ($method, @o) = @_;

    return exchange(request($method, '/v1/manage/openapi.yaml',
                            token => undef, type => undef, @o));
}

__DATA__

=== the description is that of the sources, to the byte, without a token
--- scenario
my $get = ask('GET');
my $headers = $get->{headers};

is($get->{status}, 200, 'status');
ok($get->{body} eq file(), 'the file');
is($headers->{'content-type'}, 'application/yaml', 'type');
is($headers->{'content-length'}, length file(), 'length');
is($headers->{'cache-control'}, 'no-cache', 'caches');
is($headers->{vary}, undef, 'the same for all');

my $head = ask('HEAD');

is($head->{status}, 200, 'HEAD');
is($head->{body}, '', 'HEAD: no body');
is($head->{headers}{$_}, $headers->{$_}, "HEAD: $_")
    for qw(content-type content-length etag cache-control);

is(ask('GET', token => 'bad')->{status}, 200, 'nor is a token looked at');



=== its ETag is a digest
--- scenario
my $etag = ask('GET')->{headers}{etag};

is($etag, '"' . Digest::SHA::sha1_hex(file()) . '"', 'the ETag');

for my $method (qw(GET HEAD)) {
    my $same = ask($method, headers => ["If-None-Match: \"x\", W/$etag"]);

    is($same->{status}, 304, "$method: the same");
    is($same->{body}, '', 'no body');
    is($same->{headers}{etag}, $etag, 'its ETag');
    is($same->{headers}{'content-type'}, undef, 'no type');
    is(ask($method, headers => ['If-None-Match: "x"'])->{status}, 200,
       "$method: another");
    is(ask($method, headers => ["If-Match: $etag"])->{status}, 200,
       "$method: still the same");
}

my $changed = ask('GET', headers => ['If-Match: "x"']);

is($changed->{status}, 412, 'another than before');
is_message($changed->{body}, 'The description has changed.', 'message');
is($changed->{headers}{'content-type'}, 'application/json', 'as JSON');



=== it can be read only
--- scenario
for my $method (qw(POST PUT PATCH DELETE)) {
    my $response = ask($method, body => '{}', type => 'application/json');

    is($response->{status}, 405, $method);
    is($response->{headers}{allow}, 'GET, HEAD, OPTIONS', 'Allow');
}

my $options = ask('OPTIONS');

is($options->{status}, 204, 'OPTIONS');
is($options->{headers}{allow}, 'GET, HEAD, OPTIONS', 'Allow');



=== it needs no Redis, and is there under every prefix
--- config
    location /api {
        tracker_api;
        tracker_redis 127.0.0.1:1;
        client_max_body_size 1m;
    }
--- scenario
is(exchange(request('GET', '/api/openapi.yaml', token => undef))->{body},
   file(), 'the file');
is(exchange(request('GET', '/api/openapi.yaml/', token => undef))->{status},
   404, 'and no other path');



=== the rules of the site hold for it
--- config
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        deny all;
    }
--- scenario
is(ask('GET')->{status}, 403, 'denied');
