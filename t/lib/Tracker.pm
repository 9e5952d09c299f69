package Tracker;

# What the tests of this module need beside Test::Nginx::Socket: one Redis for
# each test file, tokens, and clients that speak over several sockets at once,
# each in a room of its own in Tracker/; here are the settings, the blocks and
# the comparing.
#
# Sections that blocks may use in addition to those of Test::Nginx:
#
#   scenario      Perl, run instead of a request when nginx is up
#   cases         pairs of lines, a body and "STATUS message": each body is
#                 posted to the path in the section's first line
#   exchanges     requests, one after the other, and what comes:
#
#                     POST /v1/manage/tracker {"name":"n"}
#                     X-Some: header          also "no Authorization", and
#                     as joe                  whose token it is
#                     400 "vocabulary" is required
#                     X-Some: header          also "! X-None"
#
#                 Behind the status: a sentence as in message, "~ PATTERN" as
#                 in message_like, or the body as in json.  ID1, ID2, ... stand
#                 for the ids that answers told, each one counted where it came
#                 first, in what is sent and in what is to come; ETAG1, ... for
#                 what ETags have between the quotes, NEXT1, ... for cursors.
#                 An answer to HEAD, a 204 and a 304 have no body.
#   answer        the body as JSON, ids left out of the comparison
#   json          the body byte by byte, where ID stands for any id
#   message       the body is {"message":"..."} with just this text
#   message_like  the same by pattern
#   only_headers  request headers; more_headers are added to a good token and
#                 the JSON content type, these stand alone
#
# A block without config or http_config gets the default ones below.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

use Tracker::Answers ();
use Tracker::Host qw(LIMIT root tmp kept scratch free_port wait_until);
use Tracker::Token;
use Tracker::Redis qw(:DEFAULT redis_reply redis_runs);
use Tracker::Tls ();
use Tracker::Client qw(:DEFAULT take_response);

our @EXPORT = (
    qw(decode without_ids is_json is_message is_created takes_only_reads
       scratch wait_until worker_pids),
    @Tracker::Token::EXPORT,
    @Tracker::Redis::EXPORT,
    @Tracker::Client::EXPORT,
);


# settings, before Test::Nginx looks at them

BEGIN {
    if (!$ENV{TEST_NGINX_BINARY} && !$ENV{TEST_NGINX_LOAD_MODULES}) {
        $ENV{TEST_NGINX_LOAD_MODULES} =
            root() . '/.build/ngx_http_tracker_module.so';
    }

    # t/run has one folder for all test files
    Tracker::Answers::keep_in($ENV{TRACKER_TMP} ? tmp() . '/answers'
                                                : scratch('answers'));

    # where the nginx of t/run logs
    $ENV{TRACKER_LOGS} = kept();

    $ENV{TEST_NGINX_SERVROOT} ||= kept() . '/servroot';
    $ENV{TEST_NGINX_PORT} ||= free_port();
    $ENV{TEST_NGINX_TIMEOUT} ||= LIMIT;

    # for the text of configurations
    $ENV{TEST_NGINX_H2_PORT} = free_port();
    $ENV{TEST_NGINX_SCRATCH} = scratch('') =~ s{/$}{}r;
    $ENV{TEST_NGINX_REDIS} = 'unix:' . scratch('redis.sock');
    $ENV{TEST_NGINX_REDIS_PORT} = free_port();

    # The workers speak TLS to Redis.  The configurations need not say whom they
    # trust: nginx takes this authority for the only one of the system.
    if ($ENV{TRACKER_REDIS_TLS}) {
        $ENV{TEST_NGINX_REDIS_TLS_PORT} = free_port();
        $ENV{TEST_NGINX_REDIS} =
            "127.0.0.1:$ENV{TEST_NGINX_REDIS_TLS_PORT} ssl";
        $ENV{SSL_CERT_FILE} = Tracker::Tls::authority('ca');
        Tracker::Tls::certificate('redis', 'ca',
                                  names => 'IP:127.0.0.1,DNS:redis.internal');
    }

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

# what the section "h2_server" adds
my $HTTP2 = <<'CONFIG';

    server {
        listen 127.0.0.1:$TEST_NGINX_H2_PORT http2;

        location /v1/manage/ {
            tracker_api;
        }
    }
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

    start_redis() unless redis_runs();
    redis('FLUSHALL');

    $block->set_value(name => 'TEST ' . $block->seq_num . ': '
                              . $block->name);

    cases_to_requests($block) if defined $block->cases;
    exchanges_to_requests($block) if defined $block->exchanges;

    default_section($block, http_config => $HTTP_CONFIG
                            . (defined $block->h2_server ? $HTTP2 : ''));
    default_section($block, config => $CONFIG);
    Tracker::Answers::begin($block);

    if (defined $block->must_die) {
        default_section($block, suppress_stderr => '');
        default_section($block, no_error_log => [@TROUBLE[0, 1]]);
        return;
    }

    default_section($block, no_error_log => [@TROUBLE]);
    default_section($block, no_shutdown_error_log => ['[alert]']);
    return if defined $block->scenario;

    $block->set_value(more_headers => request_headers($block));

    if (!defined $block->exchanges
        && grep { defined $block->$_ } qw(answer json message message_like))
    {
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

    my $default = default_headers('tester');
    my $more = $block->more_headers;

    return [map { with_default_headers($_, $default) } @$more]
        if ref $more;
    return with_default_headers($more // '', $default);
}

sub default_headers {
    my ($account) = @_;

    return 'Authorization: Bearer ' . token($account) . "\n"
           . "Content-Type: application/json\n";
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

# What exchanges call ID1, ETAG1, NEXT1 and so on.
my %told;

sub exchanges_to_requests {
    my ($block) = @_;
    my (@all, $one);

    %told = ();

    for (grep { /\S/ } split /\n/, $block->exchanges) {
        if (/^([A-Z]+ \/\S*)(?: (.*))?$/) {
            $one = { request => "$1\n" . ($2 // ''), account => 'tester',
                     without => '', headers => '' };
            push @all, $one;

        } elsif (!defined $one->{status} && /^as (.+)$/) {
            $one->{account} = $1;

        } elsif (!defined $one->{status} && /^no (\S+)$/) {
            $one->{without} .= " $1";

        } elsif (!defined $one->{status} && /^(\d{3})(?: (.*))?$/) {
            $one->{status} = $1;
            $one->{expected} = '';
            expect_body($one, $2) if defined $2;

        } else {
            $one->{defined $one->{status} ? 'expected' : 'headers'} .= "$_\n";
        }
    }

    $block->set_value(request => [map { $_->{request} } @all]);
    $block->set_value(only_headers => [map { headers_of($_) } @all]);
    $block->set_value(error_code => [map { $_->{status} } @all]);
    $block->set_value(response_headers => [map { $_->{expected} } @all]);

    for my $section (qw(message message_like json)) {
        $block->set_value($section => [map { $_->{$section} } @all]);
    }
}

# What an exchange says behind the status.
sub expect_body {
    my ($one, $text) = @_;

    if ($text =~ /^\{/) {
        $one->{json} = $text;
    } elsif ($text =~ /^~ (.*)$/) {
        $one->{message_like} = $1;
    } else {
        $one->{message} = $text;
    }

    $one->{expected} = "Content-Type: application/json\n";
}

sub headers_of {
    my ($one) = @_;
    my $headers = with_default_headers($one->{headers},
                                       default_headers($one->{account}));

    $headers =~ s/^\Q$_\E:.*\n//mi for split ' ', $one->{without};
    return $headers;
}

sub learn {
    my ($response) = @_;
    my %seen = (
        ID => [$response->content =~ /"id":"(\d{16})"/g],
        ETAG => [($response->header('ETag') // '') =~ /"(.*)"/],
        NEXT => [$response->content =~ /"next":"([^"\s]+)"/],
    );

    for my $kind (keys %seen) {
        my @known = grep { /^$kind\d/ } keys %told;
        my %name = map { $told{$_} => $_ } @known;

        for my $value (grep { !$name{$_} } @{$seen{$kind}}) {
            $name{$value} = $kind . (1 + keys %name);
            $told{$name{$value}} = $value;
        }
    }
}

sub fill_in {
    my ($text) = @_;

    return $text && $text =~ s/\b((?:ID|ETAG|NEXT)\d+)/$told{$1} \/\/ $1/ger;
}

# Learns from an answer, and fills in what is expected of it.
sub complete_exchange {
    my ($block, $response, $index) = @_;

    learn($response);

    for my $section (qw(request response_headers message message_like json)) {
        $block->$section->[$index] = fill_in($block->$section->[$index]);
    }

    Test::More::is($response->content, '',
                   $block->name . " (request $index) - no body")
        if $block->request->[$index] =~ /^HEAD /
           || $response->code =~ /^[23]04$/;
}

Test::Nginx::Socket::add_response_body_check(sub {
    my ($block, $body, $index, undef, $dry_run) = @_;
    return if $dry_run;

    my $title = $block->name . " (request $index)";

    for my $section (qw(answer json message message_like)) {
        my $want = $block->$section;
        $want = $want->[$index] if ref $want eq 'ARRAY';
        next unless defined $want;

        is_json($body, decode($want), $title) if $section eq 'answer';
        is_exactly($body, $want, $title) if $section eq 'json';
        is_message($body, $want, $title) if $section eq 'message';
        is_message($body, qr/$want/, $title) if $section eq 'message_like';
    }
});

sub is_exactly {
    my ($body, $want, $title) = @_;

    chomp $want;
    $want = join '"\d{16}"', map { quotemeta } split /"ID"/, $want, -1;
    Test::More::like($body, qr/\A$want\z/, "$title - the body");
}

# Every request that Test::Nginx itself sends, and every response that it reads,
# comes by here.

my $check_status = \&Test::Nginx::Socket::check_error_code;
my $send_request = \&Test::Nginx::Socket::send_request;

{
    no warnings qw(redefine prototype);

    *Test::Nginx::Socket::send_request = sub {
        my ($request, $delay, $timeout, $block, @tries) = @_;

        if (defined $block->exchanges) {
            $_->{value} = fill_in($_->{value}) for @$request;
        }

        return $send_request->($request, $delay, $timeout, $block, @tries);
    };

    *Test::Nginx::Socket::check_error_code = sub {
        my ($block, $response, $dry_run, $index) = @_;

        if ($response && !$dry_run) {
            complete_exchange($block, $response, $index)
                if defined $block->exchanges;
            keep_answer($block, $response, $index);
            check_length($block, $response, $index);
        }

        return $check_status->(@_);
    };
}

# Where a body is compared, its length is as it says.
sub check_length {
    my ($block, $response, $index) = @_;
    my $given = grep {
        my $want = $block->$_;
        defined(ref $want eq 'ARRAY' ? $want->[$index] : $want);
    } qw(answer json message message_like);

    Test::More::is($response->header('Content-Length'),
                   length $response->content,
                   $block->name . " (request $index) - Content-Length")
        if $given;
}

sub keep_answer {
    my ($block, $response, $index) = @_;
    my $request = $block->request // return;

    $request = $request->[$index] if ref $request;

    my ($method, $path) = $request =~ /^(\S+)\s+(\S+)/ or return;
    my %headers = map { lc, scalar $response->header($_) }
                  $response->header_field_names;

    Tracker::Answers::keep($method, $path, {
        status => $response->code, headers => \%headers,
        body => $response->content,
    });
}

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

    # a name that exists already is told for programs too
    my $keys = ($message // '') =~ /already exist/ ? 'conflicts message'
                                                   : 'message';

    Test::More::is(join(' ', sort keys %{$data // {}}), $keys,
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

# A location that takes GET and HEAD only says so, on one connection.
sub takes_only_reads {
    my ($path) = @_;
    my $sock = connect_nginx();
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $method (qw(POST PUT PATCH DELETE FOO OPTIONS)) {
        my $response = exchange(request($method, $path, token => undef,
                                        $method eq 'OPTIONS' ? ()
                                                             : (body => 'x')),
                                $sock);
        my $headers = $response->{headers};

        Test::More::is($response->{status}, $method eq 'OPTIONS' ? 204 : 405,
                       "$method: status");
        Test::More::is($headers->{allow}, 'GET, HEAD, OPTIONS',
                       "$method: Allow");
        Test::More::is($headers->{'cache-control'}, 'no-store',
                       "$method: nobody keeps it");
        next if $method eq 'OPTIONS';
        Test::More::is($headers->{'content-type'}, 'application/json',
                       "$method: type");
        is_message($response->{body}, "Method $method is not allowed.",
                   $method);
    }

    Test::More::is(exchange(request('GET', $path), $sock)->{status}, 200,
                   'the connection goes on');
}


# nginx

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
