package Tracker;

# What the tests of this module need beside Test::Nginx::Socket: one Redis for
# each test file, tokens, and clients that speak over several sockets at once.
#
# Sections that blocks may use in addition to those of Test::Nginx:
#
#   scenario      Perl, run instead of a request when nginx is up
#   cases         pairs of lines, a body and "STATUS message": each body is
#                 posted to the path in the section's first line
#   answer        the body as JSON, ids left out of the comparison
#   message       the body is {"message":"..."} with just this text
#   message_like  the same by pattern
#   only_headers  request headers; more_headers are added to a good token and
#                 the JSON content type, these stand alone
#
# A block without config or http_config gets the default ones below.

use strict;
use warnings;

use Cwd ();
use Digest::SHA qw(hmac_sha256 sha256_hex);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64url);
use POSIX qw(WNOHANG);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    token sign_token KEY
    write_apps login_request claims_of
    redis redis_password start_redis stop_redis pause_redis resume_redis
    account_key lock_key hold_lock commands_seen
    tracker_text post request connect_nginx send_bytes read_response
    read_rest exchange parallel
    nghttp decode without_ids is_json is_message is_created
    wait_until static_answers worker_pids scratch
);

# a wait for something that must come; it never decides how fast
use constant LIMIT => 60;

use constant KEY => 'the key of the tests: 32 bytes!!';

my ($dir, $redis_pid, $redis_password);
my $server = $ENV{TRACKER_REDIS_SERVER} || 'redis-server';


# environment

sub free_port {
    my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $!";

    return $sock->sockport;
}

# Writes a file of the tests; returns its path.
sub scratch {
    my ($name, $bytes, $mode) = @_;
    my $path = "$dir/$name";

    if (defined $bytes) {
        open my $out, '>:raw', $path or die "$path: $!";
        print $out $bytes;
        close $out or die "$path: $!";
        chmod $mode // 0600, $path;
    }

    return $path;
}

BEGIN {
    my $root = Cwd::abs_path(dirname(__FILE__) . '/../..');
    my $tmp = $ENV{TRACKER_TMP} || "$root/.build/test";

    make_path($tmp);
    $tmp = Cwd::abs_path($tmp);

    # the path of a unix socket ends at about 100 bytes
    $dir = length($tmp) < 70
           ? File::Temp::tempdir('XXXXXXXX', DIR => $tmp, CLEANUP => 1)
           : File::Temp::tempdir(TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $dir;

    if (!$ENV{TEST_NGINX_BINARY} && !$ENV{TEST_NGINX_LOAD_MODULES}) {
        $ENV{TEST_NGINX_LOAD_MODULES} =
            "$root/.build/ngx_http_tracker_module.so";
    }

    $ENV{TEST_NGINX_SERVROOT} ||= "$tmp/servroot";
    $ENV{TEST_NGINX_PORT} ||= free_port();
    $ENV{TEST_NGINX_TIMEOUT} ||= LIMIT;

    # for the text of configurations
    $ENV{TEST_NGINX_H2_PORT} = free_port();
    $ENV{TEST_NGINX_SCRATCH} = $dir;
    $ENV{TEST_NGINX_REDIS} = "unix:$dir/redis.sock";
    $ENV{TEST_NGINX_REDIS_PORT} = free_port();
    $ENV{TEST_NGINX_KEY} = scratch('jwt.key', KEY . "\n");
    $ENV{TEST_NGINX_APPS} = scratch('apps', '');
}

use Test::Nginx::Socket ();

$SIG{INT} = $SIG{TERM} = sub { exit 1 };


# configuration and blocks

my $HTTP_CONFIG = <<'CONFIG';
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
CONFIG

my $CONFIG = <<'CONFIG';
    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }
CONFIG

# what no block may log: trouble, and what a sanitizer says on stderr
my @TROUBLE = ('[alert]', '[crit]', '[emerg]', 'Sanitizer:',
               'runtime error:');

Test::Nginx::Util::master_on();
Test::Nginx::Util::worker_connections(1024);

Test::Nginx::Util::add_block_preprocessor(sub {
    my ($block) = @_;

    start_redis() unless $redis_pid;
    redis('FLUSHALL');

    $block->set_value(name => 'TEST ' . $block->seq_num . ': '
                              . $block->name);

    cases_to_requests($block) if defined $block->cases;

    default_section($block, http_config => $HTTP_CONFIG);
    default_section($block, config => $CONFIG);

    if (defined $block->must_die) {
        default_section($block, suppress_stderr => '');
        default_section($block, no_error_log => [@TROUBLE[0, 1]]);
        return;
    }

    default_section($block, no_error_log => [@TROUBLE]);
    default_section($block, no_shutdown_error_log => ['[alert]']);
    return if defined $block->scenario;

    $block->set_value(more_headers => request_headers($block));

    if (grep { defined $block->$_ } qw(answer message message_like)) {
        my $n = ref $block->request ? @{$block->request} : 1;
        default_section($block, response_headers =>
                        [('Content-Type: application/json') x $n]);
    }
});

sub default_section {
    my ($block, $section, $value) = @_;

    $block->set_value($section => $value) unless defined $block->$section;
}

sub request_headers {
    my ($block) = @_;

    return $block->only_headers if defined $block->only_headers;

    my $default = "Authorization: Bearer " . token('tester') . "\n"
                  . "Content-Type: application/json\n";
    my $more = $block->more_headers;

    return [map { with_default_headers($_, $default) } @$more]
        if ref $more;
    return with_default_headers($more // '', $default);
}

sub with_default_headers {
    my ($more, $default) = @_;

    for my $name (qw(Authorization Content-Type)) {
        $default =~ s/^$name:.*\n//m if $more =~ /^$name:/mi;
    }

    return $default . $more;
}

sub cases_to_requests {
    my ($block) = @_;
    my ($path, @lines) = split /\n/, $block->cases;
    my (@requests, @codes, @messages);

    while (@lines) {
        my ($body, $want) = splice @lines, 0, 2;
        my ($code, $message) = $want =~ /^(\d{3})(?: (.*))?$/
            or die "bad case \"$want\"\n";

        push @requests, "POST $path\n$body";
        push @codes, $code;
        push @messages, $message;
    }

    $block->set_value(request => \@requests);
    $block->set_value(error_code => \@codes);
    $block->set_value(message_like =>
                      [map { defined() ? "^$_\$" : undef } @messages]);
}

Test::Nginx::Socket::add_response_body_check(sub {
    my ($block, $body, $index, undef, $dry_run) = @_;
    return if $dry_run;

    my $title = $block->name . " (request $index)";

    for my $section (qw(answer message message_like)) {
        my $want = $block->$section;
        $want = $want->[$index] if ref $want eq 'ARRAY';
        next unless defined $want;

        is_json($body, decode($want), $title) if $section eq 'answer';
        is_message($body, $want, $title) if $section eq 'message';
        is_message($body, qr/$want/, $title) if $section eq 'message_like';
    }
});

my $run_request = $Test::Nginx::Util::RunTestHelper;

$Test::Nginx::Util::RunTestHelper = sub {
    my ($block, $dry_run, $repeat) = @_;

    return $run_request->(@_) unless defined $block->scenario;

    run_scenario($block) unless $dry_run;

    $Test::Nginx::Util::CheckErrorLog->($block, undef, $dry_run, $repeat, 0);
    Test::Nginx::Socket::check_access_log($block, $dry_run, $repeat);
};

sub run_scenario {
    my ($block) = @_;
    my $code = $block->scenario;
    my $line = scenario_line($code);

    Test::More::note($block->name);

    eval "package main; use strict; use warnings;\n"
         . "#line $line \"$0\"\n$code; 1"
        or Test::More::fail($block->name . ": $@");
}

sub scenario_line {
    my ($code) = @_;

    open my $in, '<', $0 or return 1;
    my $text = do { local $/; <$in> };
    my $at = index $text, $code;

    return $at < 0 ? 1 : 1 + (substr($text, 0, $at) =~ tr/\n//);
}


# tokens

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

# The header and the claims of a token, two lists of keys and values as text.
sub claims_of {
    my ($token) = @_;

    return map { decode_base64url($_) } (split /\./, $token // '..')[0, 1];
}

sub time_now {
    return int(time());
}



# Redis

sub start_redis {
    my @options = @_;

    die "redis runs already\n" if $redis_pid;
    $redis_pid = fork() // die "fork: $!";

    if ($redis_pid == 0) {
        open STDOUT, '>', "$dir/redis.log";
        open STDERR, '>&', \*STDOUT;
        exec($server, '--bind', '127.0.0.1',
             '--port', $ENV{TEST_NGINX_REDIS_PORT},
             '--unixsocket', "$dir/redis.sock", '--unixsocketperm', '777',
             '--dir', $dir, '--save', '', '--appendonly', 'no',
             '--maxmemory-policy', 'noeviction', @options)
            or POSIX::_exit(127);
    }

    wait_until(sub {
        die "$server does not start, see $dir/redis.log\n"
            if waitpid($redis_pid, WNOHANG) != 0;
        my $reply = eval { redis('PING') } || $@;
        $reply =~ /PONG|NOAUTH/;
    }, 'redis starts');
}

# From now on clients need this password, redis() included.
sub redis_password {
    my ($password) = @_;

    redis('CONFIG', 'SET', 'requirepass', $password);
    $redis_password = $password;
}

sub stop_redis {
    return unless $redis_pid;

    kill KILL => $redis_pid;
    waitpid $redis_pid, 0;
    unlink "$dir/redis.sock";
    undef $redis_pid;
    undef $redis_password;
}

sub pause_redis {
    kill STOP => $redis_pid;
}

sub resume_redis {
    kill CONT => $redis_pid;
}

# One command on a connection of its own; dies with the words of an error.
sub redis {
    my @command = @_;
    my $sock = IO::Socket::UNIX->new(Peer => "$dir/redis.sock")
        or die "cannot connect to redis: $!\n";

    redis_command($sock, 'AUTH', $redis_password) if defined $redis_password;

    return redis_command($sock, @command);
}

sub redis_command {
    my ($sock, @command) = @_;

    print $sock '*' . @command . "\r\n",
                map { '$' . length() . "\r\n$_\r\n" } @command;
    $sock->flush;

    return redis_reply($sock);
}

sub redis_reply {
    my ($sock) = @_;

    defined(my $line = <$sock>) or die "redis closed the connection\n";
    my ($type, $rest) = $line =~ /^(.)(.*)\r\n$/;

    die "$rest\n" if $type eq '-';
    return $rest if $type eq '+' || $type eq ':';
    return undef if $rest < 0;
    return [map { redis_reply($sock) } 1 .. $rest] if $type eq '*';

    read $sock, my $bytes, $rest + 2;
    return substr $bytes, 0, $rest;
}

# The keys of DESIGN.md: account_key('a', 'name:x') and so on.
sub account_key {
    my ($account, $rest, $prefix) = @_;
    my $digest = substr sha256_hex($account), 0, 32;

    return ($prefix // 'tracker') . ":{$digest}:$rest";
}

sub lock_key {
    my ($account, $prefix) = @_;

    return account_key($account // 'tester', 'lock', $prefix);
}

sub hold_lock {
    my ($account) = @_;

    redis('SET', lock_key($account), 'held by the test', 'PX', 600_000);
}

# How often Redis ran these commands since the last call.
sub commands_seen {
    my @names = @_;
    my $stats = redis('INFO', 'commandstats');
    my $n = 0;

    $n += $stats =~ /^cmdstat_$_:calls=(\d+)/m ? $1 : 0 for @names;
    redis('CONFIG', 'RESETSTAT');

    return $n;
}

END {
    local $?;
    stop_redis();
}


# HTTP over sockets

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

    IO::Select->new($sock)->can_read(LIMIT)
        or die "nothing comes from nginx\n";
    return sysread($sock, $$bytes, 65536, length $$bytes);
}

sub take_response {
    my ($bytes, $method) = @_;

    return unless $$bytes =~ m{^HTTP/1\.1\ (\d+)[^\r]*\r\n(.*?)\r\n\r\n}sx
                  || $$bytes =~ m{^HTTP/1\.1\ (\d+)[^\r]*\r\n()\r\n}sx;
    my ($status, $start) = ($1, $+[0]);
    my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () }
                  split /\r\n/, $2;
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

# One request on a connection of its own.
sub exchange {
    my ($text) = @_;
    my $sock = connect_nginx();

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


# comparing

sub decode {
    my ($text) = @_;
    my $data = eval { JSON::PP->new->utf8->decode($text) };

    Test::More::diag("not JSON: " . substr $text // '(nothing)', 0, 300)
        unless defined $data;
    return $data;
}

# A copy of an answer with every id of 16 digits replaced by "ID".
sub without_ids {
    my ($data) = @_;

    return [map { without_ids($_) } @$data] if ref $data eq 'ARRAY';
    return $data unless ref $data eq 'HASH';

    my %copy = map { $_ => without_ids($data->{$_}) } keys %$data;
    $copy{id} = 'ID' if ($copy{id} // '') =~ /^\d{16}$/;
    return \%copy;
}

sub is_json {
    my ($body, $want, $title) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    Test::More::is_deeply(without_ids(decode($body)), without_ids($want),
                          "$title - JSON");
}

sub is_message {
    my ($body, $want, $title) = @_;
    my $data = decode($body);
    my $message = ref $data eq 'HASH' ? $data->{message} : undef;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    utf8::encode($message) if defined $message;

    if (ref $want) {
        Test::More::like($message, $want, "$title - message");
    } else {
        Test::More::is($message, $want, "$title - message");
    }

    Test::More::is(join(' ', keys %{$data // {}}), 'message',
                   "$title - only a message");
}

# A 200 that holds one tracker of this name; returns its id.
sub is_created {
    my ($response, $name, $title) = @_;
    my $tracker = $response && $response->{status} == 200
                  ? decode($response->{body})->{tracker} : {};
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    Test::More::is($tracker->{name}, $name, $title);
    Test::More::diag("$response->{status} $response->{body}")
        if $response && $response->{status} != 200;

    return $tracker->{id};
}


# waiting

sub wait_until {
    my ($condition, $what) = @_;
    my $end = time() + LIMIT;

    until ($condition->()) {
        die "waited in vain: $what\n" if time() > $end;
        sleep 0.01;
    }

    return 1;
}

# The worker processes of the running nginx.
sub worker_pids {
    my $master = Test::Nginx::Util::get_pid_from_pidfile('worker_pids');
    my @pids = grep { $_ } map { m{^/proc/(\d+)/} } glob '/proc/[0-9]*/stat';

    return grep { parent_of($_) == $master } @pids;
}

sub parent_of {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return 0;
    my ($parent) = (<$in> // '') =~ /\) \S (\d+)/;

    return $parent // 0;
}

1;
