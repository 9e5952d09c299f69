use lib 't/lib';

BEGIN {
    $ENV{TRACKER_REDIS_TLS} = 1;
}

use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep);

use Tracker::Host ();
use Tracker::Tls qw(authority certificate);

use constant MIB => 1_048_576;

BEGIN {
    $ENV{TEST_NGINX_CA} = scratch('ca.pem');
    $ENV{TEST_NGINX_OTHER_CA} = authority('other');
    $ENV{TEST_NGINX_CLIENT} = certificate('client', 'ca');
    $ENV{TEST_NGINX_CLIENT_KEY} = scratch('client.key');
    $ENV{TEST_NGINX_FOREIGNER} = certificate('foreigner', 'other');
    $ENV{TEST_NGINX_FOREIGNER_KEY} = scratch('foreigner.key');
    $ENV{TEST_NGINX_RELAY_PORT} = Tracker::free_port();

    certificate('expired', 'ca', names => 'IP:127.0.0.1', expired => 1);
    certificate('named', 'ca', names => 'DNS:redis.internal');
    certificate('subject', 'ca', subject => 'redis.internal');

    # a key with a passphrase
    system('openssl ec -aes256 -passout pass:hush -in ' . scratch('client.key')
           . ' -out ' . scratch('locked.key') . ' 2>/dev/null') == 0
        or die "openssl: no key\n";
    $ENV{TEST_NGINX_LOCKED_KEY} = scratch('locked.key');
    $ENV{TEST_NGINX_PHRASE} = scratch('phrase', "hush\n");
}

my @relays;

add_block_preprocessor(sub {
    my ($block) = @_;

    # each block finds a Redis of its own settings
    stop_redis();

    # nginx's default, which Test::Nginx has changed
    $block->set_value(config => $block->config
                      =~ s/tracker_api;/$& client_max_body_size 1m;/gr)
        if defined $block->config;
});

run_tests();

END {
    local $?;
    end_relay();
}

sub create {
    my ($name, %o) = @_;

    return exchange(post('tracker', tracker_text($name), %o));
}

sub list {
    my ($location) = @_;

    return exchange(request('GET', '/' . ($location // 'v1/manage')
                                   . '/trackers'));
}

# n trackers of so many bytes, as the list has them
sub fill {
    my ($n, $length) = @_;
    my (@texts, @pairs);

    for my $i (1 .. $n) {
        my $id = 4503599627370496 + $i;
        my $text = "{\"id\":\"$id\",\"name\":\"t $i\",\"vocabulary\":[\""
                   . join('', map { sprintf '%08x', rand 2 ** 32 }
                              1 .. $length / 8) . '"]}';

        push @texts, $text;
        push @pairs, account_key('tester', "id:$id"), $text,
                     account_key('tester', "name:t $i"), $id;
    }

    redis('MSET', splice @pairs, 0, 400) while @pairs;
    redis('ZADD', account_key('tester', 'index'),
          map { ($_, 4503599627370496 + $_) } 1 .. $n);
    redis('SET', account_key('tester', 'rev'), $n);

    return '{"trackers":[' . join(',', @texts) . ']}';
}

# the lines that are new
sub logged {
    my ($pattern) = @_;

    return grep { $_ =~ $pattern } @{Test::Nginx::Util::error_log_data()};
}

# whether each handshake has used a session again, 1 or 0
sub sessions {
    return join ' ', map { /session reused: (\d)/ }
           logged(qr/redis TLS handshake/);
}

# refused with 502, and one line of level error says why
sub is_refused {
    my ($location, $why, $title) = @_;
    my $response = list($location);

    is($response->{status}, 502, "$title: status");
    is_message($response->{body},
               'The tracker store did not acknowledge the request.', $title);

    my @lines = logged(qr/\[(?:error|crit|alert)\]/);

    is(scalar @lines, 1, "$title: one line") or diag(@lines);
    like($lines[0], qr/\[error\] .*redis: could not connect to \S+: $why/,
         "$title: the reason");
}

# Redis shows this certificate from now on.
sub show_certificate {
    my ($name) = @_;

    redis('CONFIG', 'SET', 'tls-cert-file', scratch("$name.pem"),
          'tls-key-file', scratch("$name.key"));
}

# Clients of TLS that Redis has, other than the test itself.
sub clients {
    return grep { /laddr=\S+:$ENV{TEST_NGINX_REDIS_TLS_PORT} / }
           split /\n/, redis('CLIENT', 'LIST');
}

# A process that passes bytes between nginx and Redis: from a port, or from the
# socket relay.sock.  It ends the first n connections when so many bytes came
# from Redis.
sub relay {
    my (%o) = @_;
    my $path = scratch('relay.sock');

    unlink $path;

    my $listen = $o{unix}
        ? IO::Socket::UNIX->new(Local => $path, Listen => 16)
        : IO::Socket::INET->new(
              LocalAddr => '127.0.0.1', Listen => 16, ReuseAddr => 1,
              LocalPort => $ENV{TEST_NGINX_RELAY_PORT});

    die "relay: $!" unless $listen;
    chmod 0777, $path;

    my $pid = fork // die "fork: $!";

    if ($pid) {
        push @relays, $pid;
        return;
    }

    setpgrp;
    $o{times} //= 0;

    while (my $client = $listen->accept) {
        my $bytes = $o{times}-- > 0 ? $o{bytes} : 0;

        fork and next;
        pass_bytes($client, $bytes);
        POSIX::_exit(0);
    }
}

sub pass_bytes {
    my ($client, $limit) = @_;
    my $redis = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $ENV{TEST_NGINX_REDIS_TLS_PORT}) or return;
    my $select = IO::Select->new($client, $redis);
    my $n = 0;

    while (my @ready = $select->can_read) {
        for my $from (@ready) {
            my $to = $from == $client ? $redis : $client;

            sysread $from, my $bytes, 4096 or return;
            if ($from == $redis) {
                $n += length $bytes;
                return if $limit && $n > $limit;
            }
            while (length $bytes) {
                my $done = syswrite $to, $bytes or return;
                substr($bytes, 0, $done) = '';
            }
        }
    }
}

sub signal_relay {
    my ($signal) = @_;

    kill $signal => map { -$_ } @relays;
}

sub end_relay {
    signal_relay('KILL');
    waitpid $_, 0 for @relays;
    @relays = ();
}

__DATA__

=== a tracker's life, and Redis saw it through TLS
--- scenario
my $id = is_created(create('n'), 'n', 'POST');
my $path = "/v1/manage/tracker/$id";

is(exchange(request('GET', $path))->{status}, 200, 'GET');
is(exchange(request('PUT', $path, body => tracker_text('m')))->{status}, 200,
   'PUT');
is_json(list()->{body}, { trackers => [{ id => 'ID', name => 'm',
                                         vocabulary => ['phrase'] }] },
        'the list');
is(exchange(request('DELETE', $path))->{status}, 200, 'DELETE');
is(scalar clients(), 1, 'one connection of TLS');



=== bodies of all sizes about a record's
--- scenario
for my $size (1, 4000, 15_000, 16_300, 16_384, 17_000, 60_000, 66_000, 300_000)
{
    my $text = tracker_text("n $size", 'x' x $size);
    my $id = is_created(exchange(post('tracker', $text)), "n $size",
                        "$size bytes");
    my $got = exchange(request('GET', "/v1/manage/tracker/$id"));

    is($got->{body} =~ tr/x//, $size, "$size bytes come back");
}



=== bulks of 1 MB, several at a time, while Redis reads nothing
--- config
    location /v1/manage/ {
        tracker_api;
    }
--- scenario
my $n = 6;

# both connections are there
is_created(create('small'), 'small', 'small');
is_created(exchange(post('tracker', tracker_text('large', 'x' x 70_000))),
           'large', 'large');

pause_redis();

my @socks = map {
    my $i = $_;
    my $body = '[' . join(',', map {
        tracker_text("bulk $i $_", 'x' x 9_000)
    } 1 .. 110) . ']';
    my $sock = connect_nginx();

    send_bytes($sock, post('trackers', $body, account => "a $i"));
    $sock;
} 1 .. $n;

# each of them waits for its lock; what is sent behind it goes out in pieces
sleep 0.2;
resume_redis();

for my $i (1 .. $n) {
    my $response = read_response($socks[$i - 1]);

    is($response->{status}, 200, "bulk $i");
    is(() = $response->{body} =~ /"name":"bulk $i \d+"/g, 110,
       "all of bulk $i");
}

is_deeply([logged(qr/\[error\]/)], [], 'no connection was lost');



=== what the socket does not take is written later, more of it behind
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_lock off;
        tracker_redis unix:$TEST_NGINX_SCRATCH/relay.sock ssl;
        tracker_redis_ssl_name redis.internal;
    }
--- scenario
# A unix socket takes no more than about 200 KB.  With less than 256 KB in its
# output buffer, hiredis is given more.
relay(unix => 1);

my $large = sub {
    my ($account, $size) = @_;

    return post('tracker', tracker_text('n', 'x' x $size),
                account => $account);
};

is_created(exchange($large->('first', 100_000)), 'n',
           'there is a connection');

for my $size (230_000, 90_000, 700_000) {
    my @accounts = map { "a $size $_" } 1 .. 5;

    signal_relay('STOP');

    my @socks = map {
        my $sock = connect_nginx();
        send_bytes($sock, $large->($_, $size));
        sleep 0.1;
        $sock;
    } @accounts;

    signal_relay('CONT');

    for my $i (0 .. $#accounts) {
        my $id = is_created(read_response($socks[$i]), 'n', $accounts[$i]);

        cmp_ok(redis('STRLEN', account_key($accounts[$i], "id:$id")), '>',
               $size, 'all of it');
    }
}

is_created(create('small'), 'small', 'another connection');
is_deeply([logged(qr/\[error\]/)], [], 'no connection was lost');
end_relay();



=== a long list, and many at the same time
--- config
    location /v1/manage/ {
        tracker_api;
    }
--- scenario
my $want = fill(1000, 4000);

ok(list()->{body} eq $want, 'the list');

my @responses = parallel((request('GET', '/v1/manage/trackers')) x 6);

is(scalar(grep { $_->{body} eq $want } @responses), 6, 'six at a time');
is_deeply([logged(qr/\[error\]/)], [], 'no connection was lost');



=== a name that the certificate does not have
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_name other.internal;
    }
--- scenario
is_refused(undef, 'certificate does not match "other\.internal"', 'a name');



=== an address that the certificate does not have
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_name 127.0.0.2;
    }
--- scenario
is_refused(undef, 'certificate does not match "127\.0\.0\.2"', 'an address');



=== the address is the name where no other is given
--- scenario
show_certificate('named');
is_refused(undef, 'certificate does not match "127\.0\.0\.1"',
           'a certificate of names only');



=== names that the certificate has
--- config
    location /name/ {
        tracker_api;
        tracker_redis_ssl_name redis.internal;
    }

    location /address/ {
        tracker_api;
        tracker_redis_ssl_name 127.0.0.1;
    }
--- scenario
is(list($_)->{status}, 200, $_) for qw(name address);
is(scalar clients(), 2, 'two servers, as their settings differ');

show_certificate('subject');
redis('CLIENT', 'KILL', 'TYPE', 'normal');
is(list('name')->{status}, 200, 'a subject, in a certificate without names');



=== an authority that is not trusted
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_trusted_certificate $TEST_NGINX_OTHER_CA;
    }
--- scenario
is_refused(undef, 'certificate verify error: \(19:self.signed certificate in '
                  . 'certificate chain\)', 'an authority');



=== an authority of a file, instead of the system's
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_trusted_certificate $TEST_NGINX_CA;
        tracker_redis_ssl_verify_depth 0;
    }
--- scenario
is_created(create('n'), 'n', 'it is trusted');



=== a certificate that has expired
--- scenario
show_certificate('expired');
is_refused(undef, 'certificate verify error: \(10:certificate has expired\)',
           'expired');



=== a certificate that is not verified may be any
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_verify off;
        tracker_redis_ssl_name other.internal;
        tracker_redis_ssl_trusted_certificate $TEST_NGINX_OTHER_CA;
    }
--- scenario
show_certificate('expired');
is_created(create('n'), 'n', 'created');



=== a refused certificate is refused again, though its session was kept
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_name other.internal;
        tracker_redis_ssl_protocols TLSv1.2;
    }
--- scenario
for (1 .. 3) {
    is(list()->{status}, 502, "request $_");
    sleep 0.1;
}

is(scalar logged(qr/certificate does not match/) >= 1, 1, 'for its name');
is(redis('DBSIZE'), 0, 'nothing was stored');



=== a port without TLS is silent: 502, and the log says what it may be
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_REDIS_PORT ssl;
        tracker_redis_timeout 500ms;
    }
--- scenario
is_refused(undef, '(?:no TLS handshake in time: is it a port without TLS\?'
                  . '|SSL_do_handshake\(\) failed .*wrong version number)',
           'a plain port');



=== a port of TLS, and nginx does not know: 502
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_REDIS_TLS_PORT;
        tracker_redis_timeout 500ms;
    }
--- scenario
is(list()->{status}, 502, 'status');



=== Redis is away: one line, as without TLS; when it is back, nothing is needed
--- scenario
stop_redis();
is_refused(undef, 'Connection refused', 'away');
start_redis();
wait_until(sub { list()->{status} == 200 }, 'it is back');
is_created(create('n'), 'n', 'created');



=== Redis wants no certificate, and gets one
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_certificate $TEST_NGINX_CLIENT;
        tracker_redis_ssl_certificate_key $TEST_NGINX_CLIENT_KEY;
    }
--- scenario
is_created(create('n'), 'n', 'created');



=== Redis demands a certificate
--- config
    location /given/ {
        tracker_api;
        tracker_redis_ssl_certificate $TEST_NGINX_CLIENT;
        tracker_redis_ssl_certificate_key $TEST_NGINX_CLIENT_KEY;
    }

    location /locked/ {
        tracker_api;
        tracker_redis_ssl_certificate $TEST_NGINX_CLIENT;
        tracker_redis_ssl_certificate_key $TEST_NGINX_LOCKED_KEY;
        tracker_redis_ssl_password_file $TEST_NGINX_PHRASE;
    }
--- scenario
redis('CONFIG', 'SET', 'tls-auth-clients', 'yes');
is(list($_)->{status}, 200, $_) for qw(given locked);



=== Redis demands a certificate, and gets none
--- config
    location /v1/manage/ {
        tracker_api;
    }
--- scenario
redis('CONFIG', 'SET', 'tls-auth-clients', 'yes');
is(list()->{status}, 502, 'status');

my @lines = logged(qr/\[(?:error|crit|alert)\]/);

is(scalar @lines, 1, 'one line') or diag(@lines);
like($lines[0], qr/could not connect to \S+: SSL_(?:read|write)\(\) failed/,
     'the reason');



=== Redis demands a certificate, and gets none, in TLS 1.2
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_protocols TLSv1.2;
    }
--- scenario
redis('CONFIG', 'SET', 'tls-auth-clients', 'yes');
is_refused(undef, 'SSL_do_handshake\(\) failed .*alert handshake failure',
           'none');



=== Redis demands a certificate, and gets that of another authority
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_certificate $TEST_NGINX_FOREIGNER;
        tracker_redis_ssl_certificate_key $TEST_NGINX_FOREIGNER_KEY;
    }
--- scenario
redis('CONFIG', 'SET', 'tls-auth-clients', 'yes');
is(list()->{status}, 502, 'status');



=== no protocol that both speak
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_protocols TLSv1.2;
    }
--- scenario
redis('CONFIG', 'SET', 'tls-protocols', 'TLSv1.3');
is_refused(undef, 'SSL_do_handshake\(\) failed .*alert protocol version',
           'protocol');



=== a session is used again, a handshake saved, with TLS 1.3 and with TLS 1.2
--- log_level: debug
--- config
    location /v1/manage/ {
        tracker_api;
    }

    location /old/ {
        tracker_api;
        tracker_redis_ssl_protocols TLSv1.2;
    }

    location /never/ {
        tracker_api;
        tracker_redis_ssl_session_reuse off;
    }
--- scenario
for my $location (qw(v1/manage old never)) {
    for my $i (1 .. 3) {
        is(list($location)->{status}, 200, "$location, connection $i");
        redis('CLIENT', 'KILL', 'TYPE', 'normal');
        wait_until(sub { !clients() }, 'all are gone');
    }

    is(sessions(), $location eq 'never' ? '0 0 0' : '0 1 1',
       "$location: a full handshake only the first time");
}



=== both connections of a worker share the session
--- log_level: debug
--- scenario
is_created(create('small'), 'small', 'small');
is_created(exchange(post('tracker', tracker_text('large', 'x' x 70_000))),
           'large', 'large');
is(sessions(), '0 1', 'reused');



=== Redis dies in the middle of a reply: the command is sent again
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT ssl;
    }
--- scenario
my $want = fill(500, 4000);

for my $bytes (100_000, 777_777) {
    relay(times => 1, bytes => $bytes);
    ok(list()->{body} eq $want, "after $bytes bytes");
    end_relay();
    sleep 0.1;
}



=== Redis dies in the middle of each reply, and of a handshake
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis 127.0.0.1:$TEST_NGINX_RELAY_PORT ssl;
    }
--- scenario
fill(500, 4000);

for my $bytes (100_000, 300, 5) {
    relay(times => 1000, bytes => $bytes);
    like(list()->{status}, qr/^50[02]$/, "after $bytes bytes");
    end_relay();
    sleep 0.1;
}



=== AUTH and SELECT go through TLS
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis $TEST_NGINX_REDIS db=3
                      password_file=$TEST_NGINX_PHRASE;
    }
--- scenario
redis_password('hush');
is_created(create('n'), 'n', 'created');
like(redis('INFO', 'keyspace'), qr/db3:keys=/, 'in its database');



=== the probe and the counters
--- config
    location /v1/manage/ {
        tracker_api;
    }

    location = /health {
        tracker_health;
    }

    location = /status {
        tracker_status;
    }
--- scenario
my $status = sub {
    return exchange("GET /status HTTP/1.1\r\nHost: a\r\n\r\n")->{body};
};
my $probe = sub {
    return exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")->{status};
};
my $name = qr/address="127\.0\.0\.1:$ENV{TEST_NGINX_REDIS_TLS_PORT} ssl"/;

is($probe->(), 200, 'ready');
like($status->(), qr/^tracker_redis_connects_total\{$name,result="ok"\} 1$/m,
     'a connection is counted');
like($status->(), qr/^tracker_redis_up\{$name\} 1$/m, 'up');

stop_redis();
is($probe->(), 503, 'not ready');
like($status->(), qr/^tracker_redis_up\{$name\} 0$/m, 'down');



=== what a level inherits
--- http_config
    tracker_redis $TEST_NGINX_REDIS;
    tracker_jwt_key $TEST_NGINX_KEY;
    tracker_redis_ssl_name other.internal;
--- config
    tracker_redis_ssl_trusted_certificate $TEST_NGINX_CA;

    location /v1/manage/ {
        tracker_api;
        tracker_redis_ssl_name redis.internal;

        if ($arg_none) {
            set $a 1;
        }
    }

    location /plain/ {
        tracker_api;
        tracker_redis unix:$TEST_NGINX_SCRATCH/redis.sock;
    }

    location /wrong/ {
        tracker_api;
    }
--- scenario
is_created(create('n'), 'n', 'created');
is(exchange(request('GET', '/v1/manage/trackers?none=1'))->{status}, 200,
   'in an if');
is(list('plain')->{status}, 200, 'a level without TLS');
is(list('wrong')->{status}, 502, 'the name of the outer level');



=== reload: old and new workers, and no socket is left
--- scenario
is_created(create('before'), 'before', 'before');

for my $i (1 .. 3) {
    my %old = map { $_ => 1 } worker_pids();

    kill HUP => Test::Nginx::Util::get_pid_from_pidfile('reload');
    wait_until(sub { !grep { $old{$_} } worker_pids() }, 'the old one exits');
    is_created(create("after $i"), "after $i", "after reload $i");
}

is(scalar clients(), 1, 'one connection is left');



=== worker_shutdown_timeout ends a handshake that nobody answers
--- main_config
    worker_shutdown_timeout 200ms;
--- config
    location /v1/manage/ {
        tracker_api;
        tracker_redis_timeout 30s;
    }
--- scenario
my ($old) = worker_pids();

pause_redis();

my $sock = connect_nginx();

send_bytes($sock, request('GET', '/v1/manage/trackers'));
sleep 0.2;
kill HUP => Test::Nginx::Util::get_pid_from_pidfile('reload');
wait_until(sub { !grep { $_ == $old } worker_pids() }, 'it exits');
pass('the old worker is gone');
resume_redis();
is(list()->{status}, 200, 'the new one works');
