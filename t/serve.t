# conf/serve: what it starts and for whom, what it says, what it leaves behind.

use strict;
use warnings;

use lib 't/lib';
use Cwd qw(abs_path);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep);
use Tracker::Host qw(free_port root wait_until);

my $module = abs_path('.build/ngx_http_tracker_module.so') // '';

plan skip_all => 'conf/serve runs the installed nginx and .build/*.so'
    if ($ENV{TEST_NGINX_LOAD_MODULES} // '') ne $module
       || $ENV{TEST_NGINX_USE_HUP};

# that of the user who has no name; nobody would have a name
use constant SOMEBODY => 64123;

my $is_root = $> == 0;
my $all = File::Temp->newdir(TMPDIR => 1);
my $folders = 0;
my %running;

chmod 0755, "$all";


# A new folder, for that user.
sub folder {
    my ($mode, $uid) = @_;
    my $path = "$all/" . ++$folders;

    mkdir $path or die "$path: $!";
    chmod $mode // 0755, $path;
    chown $uid, $uid, $path if defined $uid;

    return $path;
}

sub read_file {
    my ($path) = @_;

    open my $in, '<:raw', $path or return '';
    local $/;
    return <$in> // '';
}

sub write_file {
    my ($path, $text) = @_;

    open my $out, '>:raw', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
}

sub run_quietly {
    my @command = @_;

    open my $out, '-|', @command or die "$command[0]: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;

    return $text;
}

# A checkout whose module is built already, with sample files of its own:
# name => sub that changes the text in $_.
sub checkout {
    my %changes = @_;
    my $path = folder();

    run_quietly('cp', '-r', 'conf', 'README.md', $path);
    mkdir "$path/.build";
    run_quietly('cp', $module, "$path/.build");
    write_file("$path/conf/build", "#!/bin/sh\ntouch '$path/built'\n");

    for my $name (keys %changes) {
        local $_ = read_file("$path/conf/$name");
        my $before = $_;
        $changes{$name}->();
        isnt($_, $before, "$name is changed");
        write_file("$path/conf/$name", $_);
    }

    return $path;
}

# Runs conf/serve until it is ready or has ended.  Options: project, run (undef:
# the default), port, arguments, uid, env.
sub serve {
    my %o = @_;
    my $self = { run => folder(), port => free_port(),
                 project => root(), %o };
    my $words = folder();
    my @command = ("$self->{project}/conf/serve", '--port', $self->{port},
                   $self->{run} ? ('--run', $self->{run}) : (),
                   '--workers', 1, @{$o{arguments} // []});

    unshift @command, 'setpriv', "--reuid=$o{uid}", "--regid=$o{uid}",
            '--clear-groups' if $o{uid} && $is_root;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        $ENV{$_} = $o{env}{$_} for keys %{$o{env} // {}};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$words/out";
        open STDERR, '>', "$words/err";
        exec @command or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $running{$pid} = 1;

    my ($is_done, $said) = (0, 0);

    # a build may take long: the time begins anew with each word of it
    wait_until(sub {
        my $size = -s "$words/err" // 0;

        $self->{out} = read_file("$words/out");

        if (waitpid $pid, WNOHANG) {
            $self->{status} = $? >> 8;
            $self->{ended} = 1;
            delete $running{$pid};
        }

        $is_done = $self->{ended}
                   || $self->{out} =~ m{/v1/manage/tracker\n\n\z};
        return $is_done || $size > $said && ($said = $size);
    }, 'conf/serve') until $is_done;

    $self->{err} = read_file("$words/err");
    diag($self->{err}) if $self->{ended} && !$o{fails};

    return $self;
}

# The first of n ports in a row that are free.
sub free_ports {
    my ($n, $first) = @_;

    until ($first && $n == grep {
        IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $_,
                              Listen => 1)
    } $first .. $first + $n - 1) {
        $first = free_port();
    }

    return $first;
}

# Status, as the shell has it.
sub stop {
    my ($self, $signal) = @_;

    return $self->{status} if $self->{ended};

    kill $signal // 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    delete $running{$self->{pid}};

    return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

END {
    local $?;
    kill TERM => keys %running;
    waitpid $_, 0 for keys %running;
}

# The pids of those with that name that work below the folder.
sub processes {
    my ($name, $path) = @_;

    return grep {
        my $cwd = readlink("/proc/$_/cwd") // '';
        $cwd =~ m{^\Q$path\E(?:/|\z)}
            && read_file("/proc/$_/comm") =~ /^$name/;
    } map { m{(\d+)} } glob '/proc/[0-9]*';
}

# What a user pastes: the token and the request.
sub paste {
    my ($self) = @_;
    my @lines = grep { /^(?:token=|curl )/ } split /^/, $self->{out};

    return run_quietly('sh', '-c', join '', @lines);
}

# An exchange of HTTP on a connection of its own: status, headers, body.
sub get {
    my ($self, $path, @headers) = @_;

    return exchange($self, join "\r\n", "GET $path HTTP/1.1",
                    'Host: localhost', 'Connection: close', @headers, '', '');
}

sub exchange {
    my ($self, $text) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $self->{port})
        or die "port $self->{port}: $!";

    print $sock $text;
    local $/;
    my ($head, $body) = split /\r\n\r\n/, <$sock> // '', 2;
    my %headers = map { /^([^:]+): (.*)/ ? (lc $1, $2) : () }
                  split /\r\n/, $head;

    return { status => $head =~ m{^HTTP/1.1 (\d+)}, headers => \%headers,
             body => $body };
}

sub redis {
    my ($self, @command) = @_;

    return run_quietly('sh', '-c', 'exec "$@" 2>/dev/null', 'sh',
                       'redis-cli', '-s', "$self->{run}/redis.sock", @command);
}

sub mode {
    my ($path) = @_;

    return sprintf '%o', (lstat $path)[2] & 07777;
}


{
    my $serve = serve();
    my ($id, $secret) = $serve->{out} =~ m{
        \A ready\ http://127\.0\.0\.1:$serve->{port}/\n
        API\ http://127\.0\.0\.1:$serve->{port}/v1/manage/\n
        run\ folder\ \Q$serve->{run}\E\n
        demo\ application:\ appId\ ([0-9a-f]{64})\ appSecret\ ([0-9a-f]{128})\n
        \n
        token=.*\n
        curl\ .*\n
        \n \z
    }x;

    ok($id, 'what is printed') or diag($serve->{out});
    like(paste($serve), qr/^\{"tracker":.*"name":"COVID-19"/,
         'the lines that are printed can be pasted');
    ok(-S "$serve->{run}/redis.sock", 'redis.sock');
    is(read_file("$serve->{run}/redis.pid"),
       join('', processes('redis-server', $serve->{run})) . "\n",
       'redis.pid');
    is(stop($serve), 0, 'TERM: status 0');
    is(join(' ', processes('.', $serve->{run})), '', 'nothing is left');

    my $again = serve(run => $serve->{run});
    unlike($again->{out}, qr/appSecret/, 'no secret at the second start');
    like(paste($again), qr/already exists/, 'what was stored is there');
    is(stop($again, 'INT'), 0, 'INT: status 0');
    is(join(' ', processes('.', $serve->{run})), '', 'nothing is left by INT');

    $again = serve(run => $serve->{run});
    is(stop($again, 'HUP'), 0, 'HUP: status 0');
    is(join(' ', processes('.', $serve->{run})), '', 'nothing is left by HUP');
}

{
    # README's quick start, with the lines that were printed
    my ($console) = read_file('README.md')
                    =~ /\n## Quick start\n.*?\n```console\n(.*?)\n```/s;
    my $serve = serve();
    my ($token, $create) = $serve->{out} =~ /^(token=.*\n)(curl .*)/m;
    my (@commands, @answers);

    for my $line (split /\n/, $console) {
        if ($line =~ /^\$ (.*)/) {
            push @commands, $1;
            push @answers, '';

        } else {
            $answers[-1] .= $line;
        }
    }

    # the two that are cut off there
    @commands[0, 1] = ($token =~ s/\n//r, $create);
    s/127\.0\.0\.1:8080/127.0.0.1:$serve->{port}/ for @commands;

    my @seen = split /\n/, run_quietly('sh', '-c',
        join '', map { "$_\necho\n" } @commands), -1;

    is(scalar @commands, 8, 'commands of the quick start');

    for my $n (0 .. $#commands) {
        my $answer = join '.*', map { quotemeta =~ s/\d{16}/\\d{16}/r }
                                split /\.\.\./, $answers[$n];

        like($seen[$n], qr/^$answer$/, "README: $commands[$n]");
    }

    is(stop($serve), 0, 'status 0');
}

SKIP: {
    skip 'only root has other users', 1 unless $is_root;

    # a folder that neither Redis' user nor nginx' workers could walk to
    my $run = folder(0700) . '/run';
    mkdir $run, 0700;
    my $serve = serve(run => $run);
    my $redis = getpwnam 'redis';

    like(paste($serve), qr/^\{"tracker":/,
         'root: workers reach the socket in a folder of root alone');

    my ($pid) = processes('redis-server', $run);
    is((stat "/proc/$pid")[4], $redis, 'Redis runs as its own user');

    my @files = split /\n/, run_quietly('find', "$run/redis");
    cmp_ok(scalar @files, '>', 5, 'there are files of Redis');
    is(join(' ', grep { (lstat)[4] != $redis } @files), '',
       'and they belong to it');
    is(join(' ', grep { !-l && (lstat _)[2] & 0007 } @files), '',
       'nobody else may read them');
    is(mode("$run/jwt.key"), '600', 'the key is for root');
    is((stat "$run/$_")[4], 0, "$_ belongs to root")
        for qw(. jwt.key apps nginx.conf logs);

    is(redis($serve, 'CONFIG', 'REWRITE'), "OK\n", 'CONFIG REWRITE works');
    is(stop($serve), 0, 'status 0');
}

{
    my $serve = serve(run => "$all/made/by/serve");
    my @open = grep {
        (lstat)[2] & 0004 && !-l && !m{/(?:serve\.lock|welcome/.*)$};
    } split /\n/, run_quietly('find', $serve->{run});

    is("@open", '', 'a folder that it makes: nothing in it is for everybody');
    is(mode("$serve->{run}/welcome"), '750', 'the pages neither');
    is(stop($serve), 0, 'status 0');
}

{
    my $before = read_file('conf/redis.conf');
    my $one = serve();

    paste($one);
    is(redis($one, qw(CONFIG SET maxmemory 100mb)), "OK\n", 'CONFIG SET');
    is(redis($one, qw(CONFIG REWRITE)), "OK\n", 'CONFIG REWRITE');
    is(read_file('conf/redis.conf'), $before,
       'the checkout stays as it is when Redis writes its configuration');
    like(read_file("$one->{run}/redis/redis.conf"), qr/^maxmemory 100mb/m,
         'the copy in the run folder has changed');

    my $two = serve();
    isnt((redis($two, qw(CONFIG GET dir)) =~ /\n(.+)/)[0],
         (redis($one, qw(CONFIG GET dir)) =~ /\n(.+)/)[0],
         'another run folder, another Redis');
    is(redis($two, 'DBSIZE'), "1\n" =~ s/1/0/r, 'without what the first has');

    my $three = serve(run => $one->{run}, fails => 1);
    is($three->{status}, 1, 'a second one in the same folder: status');
    like($three->{err}, qr/^serve: another conf\/serve runs in /m,
         'a second one in the same folder says so');
    like(paste($one), qr/already exists/, 'and does the first one no harm');

    is(stop($two), 0, 'status 0');

    my $four = serve(arguments => ['--redis', "unix:$one->{run}/redis.sock"]);
    like(paste($four), qr/already exists/, '--redis: the Redis of another');
    ok(!-e "$four->{run}/redis", 'and none of its own');
    is(stop($_), 0, 'status 0') for $one, $four;
}

{
    my $ports = free_ports(12);
    my @cluster = ('--redis-cluster', $ports);
    my $serve = serve(arguments => \@cluster);
    my $name = sub { read_file("/proc/$_[0]/comm") =~ s/\n//r };
    my $at = sub {
        run_quietly('redis-cli', '-p', $ports + $_[0], @_[1 .. $#_]);
    };

    like(paste($serve), qr/^\{"tracker":/, '--redis-cluster: a request');

    # a node hears a while later what the others are
    wait_until(sub { 3 == (() = $at->(0, qw(cluster nodes))
                                =~ / (?:myself,)?slave /g) },
               'three replicas');
    like(read_file("$serve->{run}/nginx.conf"),
         qr/tracker_redis 127\.0\.0\.1:$ports .* cluster;/, 'in nginx.conf');
    ok(!-e "$serve->{run}/redis", 'and no other Redis');

    # the master that has it
    my ($master) = grep { $at->($_, 'dbsize') > 0
                          && $at->($_, 'role') =~ /^master/ } 0 .. 5;
    $at->($master, qw(shutdown nosave));
    wait_until(sub { read_file("$serve->{run}/logs/cluster.log")
                     =~ /^the node on port .* runs again$/m }, 'it is back');
    like(paste($serve), qr/already exists/, 'a node that ends is started again');
    is(stop($serve), 0, 'TERM: status 0');
    is(join(' ', processes('.', $serve->{run})), '', 'nothing is left');

    # ports of which some were of other nodes before
    $cluster[1] = $ports = free_ports(12, $ports + 1);
    $serve = serve(run => $serve->{run}, arguments => \@cluster);
    like(paste($serve), qr/already exists/, 'what was stored is there');
    unlike($at->(0, qw(cluster nodes)), qr/fail|noaddr/, 'on other ports');
    stop($serve, 'KILL');
    is(join(' ', sort map { $name->($_) } processes('.', $serve->{run})),
       join(' ', 'cluster', qw(nginx) x 2, ('redis-server') x 6),
       'a killed one leaves them behind');

    $serve = serve(run => $serve->{run}, arguments => \@cluster);
    like(paste($serve), qr/already exists/, 'the next start works');
    is(stop($serve, 'INT'), 0, 'INT: status 0');
    is(join(' ', processes('.', $serve->{run})), '', 'nothing is left by INT');
}

{
    my $serve = serve();
    my @before = processes('.', $serve->{run});

    paste($serve);
    stop($serve, 'KILL');
    ok(scalar processes('redis-server', $serve->{run}),
       'a killed one leaves its processes behind');

    my $again = serve(run => $serve->{run}, port => $serve->{port});
    like(paste($again), qr/already exists/, 'the next start works, on its port');
    is(join(' ', grep { my $pid = $_; grep { $_ == $pid } @before }
                      processes('.', $serve->{run})), '', 'and has ended them');
    is(stop($again), 0, 'status 0');
}

{
    my $project = checkout();
    my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    my $serve = serve(project => $project, port => $sock->sockport, fails => 1);

    is($serve->{status}, 1, 'a port in use: status');
    is($serve->{err}, 'serve: port ' . $sock->sockport . ' is in use: choose '
       . "another one with --port\n", 'a port in use: said');
    ok(!-e "$project/built", 'before anything is built');
}

{
    my $project = checkout(build => sub { $_ .= "sleep 60\n" });
    my $run = folder();
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        exec "$project/conf/serve", '--port', free_port(), '--run', $run
            or POSIX::_exit(127);
    }

    wait_until(sub { processes('sleep', $run) }, 'the build');
    is(stop({ pid => $pid }), 0, 'TERM while the module is built: status 0');
    is(join(' ', processes('.', $run)), '', 'and the build has ended');
}

for my $arguments (['--port', 0], ['--port', 65536], ['--workers', 'x'],
                   ['--cors', 'app.example.com'], ['--cors', 'http://a/"'],
                   ['--cors', "http://a\nb"], ['--tls', 'a,'],
                   ['--tls', 'a b'], ['--redis', 'a;b'], ['--redis-cluster', 65525],
                   ['--redis-cluster', '--redis', 'a'], ['--run'], ['x'])
{
    my $serve = serve(arguments => $arguments, fails => 1);

    ok($serve->{status}, "refused: @$arguments");
    like($serve->{err}, qr/^(?:serve: |Usage: )/, 'with a message');
}

{
    my $serve = serve(arguments => ['--cors', 'http://localhost:3000']);
    my $answer = get($serve, '/v1/manage/trackers');

    is($answer->{status}, 401, '--cors: an answer');
    is($answer->{headers}{'access-control-allow-origin'},
       'http://localhost:3000', '--cors: the origin is in it');
    is(stop($serve), 0, 'status 0');

    $serve = serve();
    is(get($serve, '/v1/manage/trackers')->{headers}
       {'access-control-allow-origin'}, undef, 'without --cors it is not');
    is(stop($serve), 0, 'status 0');

    $serve = serve(project => checkout('nginx.conf' => sub {
        s/# (include cors\.conf;)/$1/;
    }));
    is(get($serve, '/v1/manage/trackers')->{headers}
       {'access-control-allow-origin'}, 'https://app.example.com',
       'the include of the sample works when its comment is taken away');
    is(stop($serve), 0, 'status 0');
}

{
    my $serve = serve();
    my %browser = (Accept => 'text/html,application/xhtml+xml,*/*;q=0.8');
    my $page = get($serve, '/', "Accept: $browser{Accept}");

    is($page->{status}, 200, '/ in a browser');
    like($page->{headers}{'content-type'}, qr{^text/html}, 'is a page');
    like($page->{body}, qr/\Q$_\E/, "that names $_")
        for '/v1/manage/', '/oauth2/token:generate', 'openapi.yaml';

    # each file of it, of a type that nosniff accepts, under the same policy
    for my $file (map { s{.*/}{}r } glob 'conf/ui/*') {
        my $got = get($serve, "/ui/$file");
        my %type = (html => 'text/html', js => 'text/javascript',
                    css => 'text/css', svg => 'image/svg+xml');

        is($got->{status}, 200, "/ui/$file");
        like($got->{headers}{'content-type'}, qr/^\Q$type{$file =~ s{.*\.}{}r}\E/,
             "/ui/$file: type");
        like($got->{headers}{'content-security-policy'},
             qr/^default-src 'none'; .*; trusted-types 'none'$/,
             "/ui/$file: policy");
    }

    is($page->{headers}{'content-security-policy'},
       get($serve, '/ui/')->{headers}{'content-security-policy'},
       'the policy of the page is that of its files');

    my $other = get($serve, '/');
    is($other->{headers}{'content-type'}, 'application/json', '/ is JSON else');
    ok(JSON::PP->new->decode($other->{body})->{message}, 'with a message');

    is(get($serve, $_)->{status}, 200, "$_ is there")
        for '/README.md', '/openapi.yaml';

    # the sample takes over the id of a request if it is sane
    for my $case (['abc-1.x_Y', 1], ['x' x 64, 1], ['x' x 65, 0], ['a b', 0],
                  ['<script>', 0], ["a\tb", 0])
    {
        my ($sent, $sane) = @$case;
        my $id = get($serve, '/v1/manage/trackers', "X-Request-Id: $sent")
                 ->{headers}{'x-request-id'} // '';

        if ($sane) {
            is($id, $sent, 'the id of a request, also of one that is refused');

        } else {
            like($id, qr/^[0-9a-f]{32}$/, "an id of nginx instead of \"$sent\"");
        }

        wait_until(sub {
            read_file("$serve->{run}/logs/access.log") =~ / \Q$id\E \d+$/m
        }, 'it is in the log');
    }

    for my $text ("GET /foo", "GET /v1/", "GET /oauth2/", "GET /index.html", "GET /map.conf",
                  "GET /index.json", "GET /ui.conf", "GET /ui/none",
                  "POST /", "POST /ui/", "DELETE /README.md")
    {
        my $answer = exchange($serve, "$text HTTP/1.1\r\nHost: a\r\n"
                              . "Connection: close\r\n\r\n");

        is($answer->{status}, 404, "$text is not an endpoint");
        is($answer->{body}, '{"message":"No such endpoint."}',
           "$text: in JSON");
        is($answer->{headers}{'content-type'}, 'application/json',
           "$text: type");
    }

    is(stop($serve), 0, 'status 0');
}

{
    my $serve = serve();
    my $body = '{"type":"application","appId":"a","appSecret":"b"}';
    my $login = "POST /oauth2/token:generate HTTP/1.1\r\nHost: a\r\n"
                . "Content-Type: application/json\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body";
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $serve->{port});

    print $sock $login x 400, "GET / HTTP/1.0\r\n\r\n";
    my $text = do { local $/; <$sock> };
    my @refused = $text =~ m{HTTP/1\.1 429 (.*?)(?=HTTP/1\.1 )}gs;

    cmp_ok(scalar @refused, '<', 200, 'logins: a burst of 200 is answered');
    cmp_ok(scalar @refused, '>', 10, 'but not any number');
    like($refused[0], qr/^Retry-After: 1\r$/m, 'a refused one: Retry-After');
    is(() = $refused[0] =~ /^Retry-After/mg, 1, 'once');
    like($refused[0], qr/\r\n\r\n\{"message":"[^"]+"\}$/, 'and JSON');
    unlike($text =~ s/HTTP\/1\.1 429 .*?(?=HTTP\/1\.1 )//gsr, qr/Retry-After/,
           'the others have none');
    is(stop($serve), 0, 'status 0');
}

{
    my $serve = serve(project => checkout('nginx.conf' => sub {
        s/limit_conn accounts_open 100/limit_conn accounts_open 2/;
    }));
    my ($token) = run_quietly("$serve->{project}/conf/token", 'demo', '--run',
                              $serve->{run}) =~ /(\S+)/;
    my @auth = ("Authorization: Bearer $token");
    my @json = ('Content-Type: application/json', 'Connection: close');

    for my $n (1 .. 12) {
        my $body = qq({"name":"n$n","vocabulary":[") . $n x 1_000_000 . '"]}'
                   =~ s/^\d/0/r;
        $body = substr($body, 0, 1_000_000) . '"]}';
        exchange($serve, join "\r\n", 'POST /v1/manage/tracker HTTP/1.1',
                 'Host: a', @auth, @json, 'Content-Length: ' . length $body,
                 '', $body);
    }

    my @slow = map {
        my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                         PeerPort => $serve->{port});
        print $sock join "\r\n", 'GET /v1/manage/trackers HTTP/1.1', 'Host: a',
                         @auth, '', '';
        sysread $sock, my $bytes, 100;
        like($bytes, qr{^HTTP/1.1 200}, "slow reader $_");
        $sock;
    } 1, 2;

    my $answer = get($serve, '/v1/manage/trackers', @auth);
    is($answer->{status}, 429, 'slow readers: the next one is refused');
    is($answer->{headers}{'retry-after'}, 1, 'with Retry-After');
    like($answer->{body}, qr/^\{"message":/, 'in JSON');

    close $_ for @slow;
    is(stop($serve), 0, 'status 0');
}

{
    my $serve = serve(arguments => ['--tls', 'api.symbl.ai,tracker.example']);
    my $ca = "$serve->{run}/tls/ca.crt";
    my $status = sub {
        my ($name, @options) = @_;
        my $port = $serve->{port};

        return run_quietly('curl', '-s', '--max-time', 20, '-o', '/dev/null',
            '-w', '%{http_code}', @options,
            (map { ('--resolve', "$_:$port:127.0.0.1") }
             qw(api.symbl.ai tracker.example other.example)),
            "https://$name:$port/v1/manage/trackers");
    };

    like($serve->{out}, qr{\Aready https://127\.0\.0\.1:$serve->{port}/\n},
         '--tls: ready');
    like($serve->{out}, qr{\Q$ca\E$}m, '--tls: says what is to be trusted');
    like(paste($serve), qr/^\{"tracker":/, '--tls: the lines can be pasted');
    is($status->($_, '--cacert', $ca), 401, "--tls: good for $_")
        for qw(api.symbl.ai tracker.example localhost 127.0.0.1);
    is($status->('other.example', '--cacert', $ca), '000',
       '--tls: not for another name');
    is($status->('api.symbl.ai'), '000', '--tls: trusted by nobody else');
    is(mode("$serve->{run}/tls/server.key"), '600', '--tls: its key');
    is(join(' ', sort map { s{.*/}{}r } glob "$serve->{run}/tls/*"),
       'ca.crt names server.crt server.key',
       '--tls: the key of the authority is nowhere');
    is(stop($serve), 0, 'status 0');

    my $before = read_file($ca);
    $serve = serve(run => $serve->{run},
                   arguments => ['--tls', 'api.symbl.ai,tracker.example']);
    is(read_file($ca), $before, '--tls: it stays the same');
    is(stop($serve), 0, 'status 0');

    $serve = serve(run => $serve->{run}, arguments => ['--tls']);
    isnt(read_file($ca), $before, '--tls: other names, another one');
    is($status->('api.symbl.ai', '--cacert', $ca), 401,
       '--tls without names is for api.symbl.ai');
    is(stop($serve), 0, 'status 0');
}

{
    # as it was: Redis in the run folder itself
    my $make_old = sub {
        my ($run, $uid) = @_;
        my $port = free_port();
        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            POSIX::setuid($uid) if $uid;
            chdir $run;
            open STDOUT, '>', '/dev/null';
            exec('redis-server', '--port', 0, '--unixsocket', 'redis.sock',
                 qw(--appendonly yes --save), '') or POSIX::_exit(127);
        }

        my $old = { run => $run };
        wait_until(sub { redis($old, 'SET', 'k', 'v') eq "OK\n" }, 'Redis');
        redis($old, 'SHUTDOWN');
        waitpid $pid, 0;

        mkdir "$run/logs";
        write_file("$run/jwt.key", 'x' x 64);
        write_file("$run/apps", 'a:' . 'a' x 64 . "\n");
        write_file("$run/serve.lock", '');
        run_quietly('chown', '-R', "$uid:$uid", $run) if $uid;
    };

    my $run = folder();
    $make_old->($run);
    my $serve = serve(run => $run);
    is(redis($serve, 'GET', 'k'), "v\n",
       'a run folder of an earlier version: the data is there');
    ok(-e "$run/redis/appendonlydir" && !-e "$run/appendonlydir", 'moved');
    is(stop($serve), 0, 'status 0');

    # one that both versions have used
    mkdir "$run/appendonlydir";
    $serve = serve(run => $run, fails => 1);
    is($serve->{status}, 1, 'data in both places: status');
    like($serve->{err}, qr/there are two, .*appendonlydir/,
         'data in both places: said');

    # a checkout of somebody who has built nothing yet
    my $uid = $is_root ? SOMEBODY : $>;
    my $project = folder(0755, $uid);
    run_quietly('cp', '-r', 'conf', 'src', 'config', 'README.md', $project);
    mkdir $_ for "$project/.build", "$project/.build/run", "$project/home";
    run_quietly('chown', '-R', "$uid:$uid", $project) if $is_root;
    $make_old->("$project/.build/run", $is_root ? $uid : undef);

    my %own = (project => $project, run => undef, uid => $uid,
               env => { HOME => "$project/home", XDG_STATE_HOME => '' });
    my $default = "$project/home/.local/state/nginx-tracker";

    $serve = serve(%own);
    like($serve->{err}, qr{^compiling tracker/tracker\.c$}m,
         'an ordinary user: progress is said while the module is built');
    like($serve->{out}, qr/^run folder \Q$default\E$/m,
         'an ordinary user: the run folder is outside of the checkout');
    like($serve->{err}, qr/\Q$project\E\/\.build\/run was copied to/,
         'that of an earlier version is copied');
    $serve->{run} = $default;
    is(redis($serve, 'GET', 'k'), "v\n", 'with its data');
    is(read_file("$default/jwt.key"), 'x' x 64, 'and its key');
    ok(-e "$project/.build/run/appendonlydir", 'the old one stays');
    like(paste($serve), qr/^\{"tracker":/, 'an ordinary user: a request');
    is(join(' ', grep { (stat "/proc/$_")[4] != $uid }
                      processes('.', $default)), '',
       'all that runs is of that user');
    is(stop($serve), 0, 'status 0');

    run_quietly('rm', '-rf', "$project/.build/run/copied");
    $serve = serve(%own);
    like($serve->{err}, qr/\.build\/run is not used/,
         'an old one that is not taken is mentioned');
    is(stop($serve), 0, 'status 0');

    SKIP: {
        skip 'only root has other users', 2 unless $is_root;

        $serve = serve(run => $default, fails => 1);
        is($serve->{status}, 1, 'root in the folder of somebody else: status');
        like($serve->{err}, qr/belongs to/, 'says so');
    }
}

done_testing();
