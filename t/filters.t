use lib 't/lib';
use Tracker;
use Test::Nginx::Socket;

use IO::Uncompress::Gunzip ();

# Answers pass through the body filters of other modules: nginx's own, and
# those of Lua and subs_filter, which Debian has as dynamic modules.

my $modules = '/usr/lib/nginx/modules';
my @modules = map { "$modules/$_.so" }
              qw(ndk_http_module ngx_http_lua_module
                 ngx_http_subs_filter_module);

# only Debian's nginx can load them
if (grep { !-f } @modules or !$ENV{TEST_NGINX_LOAD_MODULES}) {
    plan(skip_all => 'needs modules of Debian\'s nginx');
} else {
    plan('no_plan');
}

log_level('warn');

BEGIN { $ENV{TEST_NGINX_SLOW_PORT} = Tracker::Host::free_port() }

add_block_preprocessor(sub {
    my ($block) = @_;
    my $settings = $block->settings;

    $block->set_value(main_config =>
                      join ' ', map { "load_module $_;" } @modules);
    $block->set_value(config => <<"CONFIG");
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
        send_timeout 60s;
        gzip_types application/json;
        $settings
    }

    location /plain/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location /text/ {
        return 200 'some text ';
    }
CONFIG
    $block->set_value(http_config => <<"CONFIG");
    tracker_redis \$TEST_NGINX_REDIS;
    tracker_jwt_key \$TEST_NGINX_KEY;

    charset_map koi8-r utf-8 { 80 E282AC; }
    charset_map koi8-r windows-1251 { 80 88; }

    server {
        listen 127.0.0.1:\$TEST_NGINX_H2_PORT http2 sndbuf=16k;
        listen 127.0.0.1:\$TEST_NGINX_SLOW_PORT sndbuf=16k;

        location /v1/manage/ {
            tracker_api;
            client_max_body_size 1m;
            gzip_types application/json;
            $settings
        }

        location /text/ {
            return 200 'some text ';
        }
    }
CONFIG
});

run_tests();

# Fills the account with trackers whose list is read in four stretches, and
# returns the list.
sub fill {
    my ($phrase) = @_;
    my @keys;

    for my $i (1 .. 3500) {
        my $id = 4503599627370496 + $i;
        my $noise = join '', map { sprintf '%08x', rand 2 ** 32 } 1 .. 15;

        push @keys, account_key('tester', "id:$id"),
                    "{\"id\":\"$id\",\"name\":\"t $i\","
                    . "\"vocabulary\":[\"$phrase\",\"$noise\"]}";
    }

    redis('MSET', splice @keys, 0, 1000) while @keys;
    redis('ZADD', account_key('tester', 'index'),
          map { ($_, 4503599627370496 + $_) } 1 .. 3500);
    redis('SET', account_key('tester', 'rev'), 3500);

    my $list = exchange(request('GET', '/plain/trackers'))->{body};
    cmp_ok(length $list, '>', 500_000, 'a long list');

    return $list;
}

sub whole {
    my ($response) = @_;
    my $body = $response->{body};

    return $body if !$response->{headers}{'content-encoding'};

    IO::Uncompress::Gunzip::gunzip(\$body => \my $text)
        or return "not gzip: $IO::Uncompress::Gunzip::GunzipError";
    return $text;
}

# a client whose socket, and that of nginx, hold little
sub slow_connection {
    my $sock = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";

    setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 4096;
    connect($sock, Socket::pack_sockaddr_in($ENV{TEST_NGINX_SLOW_PORT},
                   Socket::inet_aton('127.0.0.1'))) or die "connect: $!";
    return $sock;
}

# The list as every kind of client gets it is the wanted one.
sub is_whole {
    my ($want, $kind) = @_;
    my @get = ('GET', '/v1/manage/trackers');
    my $sock = connect_nginx();

    for my $n (1 .. 2) {
        my $response = exchange(request(@get), $sock);
        ok($response->{body} eq $want, "$kind: HTTP/1.1, list $n");
        diag(length($response->{body}) . ' of ' . length($want) . ' bytes')
            if length $response->{body} != length $want;
    }

    my @gzip = (headers => ['Accept-Encoding: gzip']);
    ok(whole(exchange(request(@get, @gzip), $sock)) eq $want, "$kind: gzip");

    $sock = slow_connection();
    send_bytes($sock, request(@get));
    select undef, undef, undef, 0.2;
    ok(read_response($sock)->{body} eq $want, "$kind: read late");
    ok(whole(exchange(request(@get, @gzip), $sock)) eq $want,
       "$kind: gzip, read slowly");

    ok(curl() eq $want, "$kind: HTTP/2");
    ok(curl('--limit-rate', '2m') eq $want, "$kind: HTTP/2, read slowly");
}

sub curl {
    open my $out, '-|', 'curl', '-s', '--http2-prior-knowledge', '-m', 60,
         '-H', 'Authorization: Bearer ' . token('tester'), @_,
         "http://127.0.0.1:$ENV{TEST_NGINX_H2_PORT}/v1/manage/trackers"
        or die "curl: $!";
    local $/;

    return <$out> // '';
}

__DATA__

=== Lua: a filter that waits for the end gets all of it, and one end
--- settings
header_filter_by_lua_block { ngx.header.content_length = nil }
body_filter_by_lua_block {
    local seen = ngx.ctx

    seen.text = (seen.text or '') .. ngx.arg[1]
    ngx.arg[1] = nil

    if ngx.arg[2] then
        seen.ends = (seen.ends or 0) + 1
        ngx.arg[1] = seen.text .. ' end ' .. seen.ends
    end
}
--- scenario
is_whole(fill('x') . ' end 1', 'held');

my $body = exchange(request('GET', '/v1/manage/tracker/1'))->{body};
is($body, '{"message":"Tracker with id \"1\" does not exist."} end 1',
   'an error');



=== Lua: a filter that holds a part of what it gets
--- settings
body_filter_by_lua_block {
    local text = (ngx.ctx.text or '') .. ngx.arg[1]

    if ngx.arg[2] then
        ngx.arg[1] = text
    else
        ngx.arg[1] = text:sub(1, -100001)
        ngx.ctx.text = text:sub(-100000)
    end
}
--- scenario
is_whole(fill('x'), 'a part');



=== subs_filter: a list has no line feed, so all of it is one line
--- settings
subs_filter_types application/json;
subs_filter 'a phrase' 'a longer phrase' g;
--- scenario
my $want = fill('a phrase') =~ s/a phrase/a longer phrase/gr;

is_whole($want, 'subs_filter');



=== subs_filter behind Lua
--- settings
subs_filter_types application/json;
subs_filter 'a phrase' 'b' g;
header_filter_by_lua_block { ngx.header.content_length = nil }
body_filter_by_lua_block { ngx.arg[1] = ngx.arg[1]:gsub('vocabulary', 'V') }
--- scenario
my $want = fill('a phrase') =~ s/a phrase/b/gr =~ s/vocabulary/V/gr;

is_whole($want, 'both');



=== sub_filter
--- settings
sub_filter_types application/json;
sub_filter_once off;
sub_filter 'a phrase' 'b';
--- scenario
is_whole(fill('a phrase') =~ s/a phrase/b/gr, 'sub_filter');



=== sub_filter and gzip
--- settings
sub_filter_types application/json;
sub_filter_once off;
sub_filter 'a phrase' 'b';
gzip on;
gzip_buffers 2 1k;
--- scenario
is_whole(fill('a phrase') =~ s/a phrase/b/gr, 'sub_filter, gzip');



=== ssi: a phrase may be a command
--- settings
ssi on;
ssi_types application/json;
--- scenario
my $list = fill('<!--#echo var=\"request_method\" --> <!--# x');

isnt(index($list, '#echo var'), -1, 'commands');
$list = fill('<!--#if expr="$request_method" -->y<!--#endif -->');
is_whole($list =~ s/<!--.*?-->//gr, 'ssi');



=== ssi: commands that ask for others
--- settings
ssi on;
ssi_types application/json;
--- scenario
my $list = fill('<!--#include virtual="/text/" -->');

is_whole($list =~ s/<!--.*?-->/some text /gr, 'ssi');



=== addition
--- settings
addition_types application/json;
add_before_body /text/;
add_after_body /text/;
--- scenario
my $list = fill('x');

is_whole("some text ${list}some text ", 'addition');



=== charset: bytes become others
--- settings
source_charset utf-8;
charset koi8-r;
charset_types application/json;
--- scenario
is_whole(fill("5 \xe2\x82\xac") =~ s/\xe2\x82\xac/\x80/gr, 'charset');



=== charset: bytes become others, one for one
--- settings
source_charset koi8-r;
charset windows-1251;
charset_types application/json;
gzip on;
--- scenario
is_whole(fill("5 \x80") =~ s/\x80/\x88/gr, 'charset');



=== gzip at a limited rate
--- settings: gzip on; limit_rate 2m;
--- scenario
is_whole(fill('x'), 'gzip');
