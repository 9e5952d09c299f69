package Fault;

# What the fault tests share: an nginx of their own, the proxy of proxy.c,
# the audit of what lies in Redis, and controls.
#
# A control is a build of the module that is broken on purpose.  The test runs
# once more against it, and that run must fail: so one knows that the test can.
# Controls are part of the long form (TRACKER_FAULT_LONG=1) only; with
# TRACKER_FAULT_LONG=controls they come after a short one.

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use IO::Handle;
use IPC::Open2 qw(open2);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Tracker;

our @EXPORT = qw(
    long_form amount part seed enough none control finish
    start_nginx stop_nginx reload_nginx master_pid workers is_worker
    log_lines log_is_clean rss_kb descriptors
    client client_ask
    start_proxy proxy median
    redis_all audit audit_nodes account_of locks is_consistent
    compile root
);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../..');
my $build = "$root/.build/fault";
my ($master, $log, $log_read, $proxy_in, $proxy_out, $proxy_pid);
my %clients;
our $audited;    # the port of the node, or undef: the Redis of Tracker::Redis

$SIG{PIPE} = 'IGNORE';


# forms and controls

sub root {
    return $root;
}

sub long_form {
    return ($ENV{TRACKER_FAULT_LONG} // '') eq '1';
}

# The first number in the short form, the second in the long one.
sub amount {
    my ($short, $long) = @_;

    return long_form() ? $long : $short;
}

# The named parts of a test alone run when names are on its command line.
sub part {
    my ($name) = @_;

    return 1 if !@ARGV || grep { $_ eq $name } @ARGV;
    return 0;
}

# Whether so many findings are enough: a control needs no more.
sub enough {
    return @_ >= ($ENV{TRACKER_FAULT_CONTROL} ? 2 : 20);
}

# One test: there are no findings.  Shows the first of them.
sub none {
    my ($title, @findings) = @_;
    my $more = @findings - 8;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    splice @findings, 8;
    push @findings, "and $more more" if $more > 0;
    is(join("\n", @findings), '', $title);
}

sub seed {
    my $seed = $ENV{TRACKER_FAULT_SEED} || (time() * 1000 ^ $$) & 0x7fffffff;

    note("TRACKER_FAULT_SEED=$seed");
    srand $seed;
    return $seed;
}

# control($title, pattern of the test titles that must fail, parts to run,
#         [file, from, to], ...)
sub control {
    my ($title, $pattern, $parts, @edits) = @_;

    # where the source has changed, the short form says so too
    for my $edit (@edits) {
        my ($file, $from) = @$edit;

        die "$file has no \"$from\" any more\n"
            if index(slurp("$root/$file"), $from) < 0;
    }

    return if !$ENV{TRACKER_FAULT_LONG};
    return skip_control($title, 'a binary of its own')
        if $ENV{TEST_NGINX_BINARY} && !$ENV{TEST_NGINX_LOAD_MODULES};

    my $module = broken_module($title, @edits);
    local %ENV = (%ENV, TEST_NGINX_LOAD_MODULES => $module,
                  TRACKER_FAULT_LONG => '', TRACKER_FAULT_CONTROL => 1);
    delete @ENV{qw(TEST_NGINX_BINARY TEST_NGINX_PORT TEST_NGINX_SERVROOT)};

    my (@lines, @caught);

    # some faults do not show each time

    for (1 .. 3) {
        open my $out, '-|', 'sh', '-c', 'exec timeout -k 5 300 "$@" 2>&1', 'sh',
             $^X, "-I$root/t/lib", "-I$root/t/fault", $0, @$parts
            or die "$0: $!";
        @lines = <$out>;
        close $out;

        @caught = grep { /^not ok/ && /$pattern/ } @lines;
        last if @caught;
    }

    ok(scalar @caught, "control: $title - is caught")
        or diag(@lines > 30 ? @lines[-30 .. -1] : @lines);
    note("by: $_") for splice @caught, 0, 3;
}

sub skip_control {
    my ($title, $why) = @_;

    SKIP: { skip("control: $title - $why", 1) }
}

# Builds a copy of the module in which pieces of text are replaced.  What the
# good build has compiled is not compiled again.
sub broken_module {
    my ($title, @edits) = @_;
    my ($good) = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my $objs = dirname($good) . '/objs';
    my $copy = "$build/broken-" . $title =~ s/\W+/-/gr;

    system('rm', '-rf', $copy) == 0 && make_path($copy);
    system('cp', '-a', "$root/config", "$root/src", $objs, $copy) == 0
        or die "cannot copy the sources to $copy\n";
    edit_file("$copy/objs/Makefile",
              sub { $_[0] =~ s/(\Q$objs\E|\Q$root\E)(?=[\/ \n])
                              /$1 eq $objs ? "$copy\/objs" : $copy/gex });

    replace_text($copy, @$_) for @edits;

    my $said = "$copy/build.log";
    system("make -C /usr/share/nginx/src -f $copy/objs/Makefile modules"
           . " >$said 2>&1 </dev/null") == 0
        or die "cannot build \"$title\", see $said\n";

    system('cp', "$copy/objs/" . basename($good), $copy) == 0 or die;
    return "$copy/" . basename($good);
}

sub replace_text {
    my ($copy, $file, $from, $to) = @_;
    my $start = 0;

    # scripts are compiled as the C strings that config has made of them
    if ($file =~ m{^src/store/lua/(\w+)\.lua$}) {
        my $script = $1;

        ($from, $to) = map { s/(["\\])/\\$1/gr =~ s/\n/\\n"\n    "/gr }
                       $from, $to;
        edit_file("$copy/src/store/scripts.c", sub { $_[0] .= "\n" });
        $file = 'objs/tracker_lua.h';
        $start = index slurp("$copy/$file"), "tracker_script($script,";
    }

    edit_file("$copy/$file", sub {
        my $at = index $_[0], $from, $start;

        die "$file has no \"$from\" any more\n" if $at < 0;
        substr($_[0], $at, length $from) = $to;
    });
}

sub edit_file {
    my ($path, $edit) = @_;
    my $text = slurp($path);

    $edit->($text);
    open my $out, '>:raw', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
}

sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$in> // '';
}

# Compiles t/fault/NAME.c when it is newer than what is there; flags may make
# it a shared object.
sub compile {
    my ($name, @flags) = @_;
    my $shared = grep { $_ eq '-shared' } @flags;
    my ($from, $to) = ("$root/t/fault/$name.c",
                       "$build/$name" . ($shared ? '.so' : ''));

    return $to if -e $to && -M $to < -M $from;

    make_path($build);
    system('cc', '-Wall', '-Wextra', '-Werror', '-O2', '-g', '-o',
           "$to.$$", $from, @flags) == 0 or die "cannot compile $from\n";
    rename "$to.$$", $to or die "$to: $!";

    return $to;
}

# The end of every fault test.
sub finish {
    stop_nginx() if $master;
    stop_proxy();
    done_testing();
}


# nginx

# Options: workers, main, http, server, location (text for the configuration),
# redis (the parameter of tracker_redis), timeout, redis_timeout, env (a hash).
sub start_nginx {
    my (%o) = @_;

    die "nginx runs already\n" if $master;

    $log = scratch('fault-error.log');
    $log_read = -s $log // 0;

    mkdir scratch('fault');
    chmod 0777, scratch('fault');

    my @command = ($ENV{TEST_NGINX_BINARY} || 'nginx', '-p',
                   scratch('fault') . '/', '-c', write_conf(%o));
    my $pid_file = scratch('fault.pid');
    unlink $pid_file;

    local %ENV = (%ENV, %{$o{env} // {}});
    $ENV{PATH} .= ':/usr/sbin';

    # "daemon off": the master is a child of ours, nothing is left behind
    $master = fork() // die "fork: $!";

    if ($master == 0) {
        exec @command or POSIX::_exit(127);
    }

    wait_until(sub {
        die "nginx does not start, see $log\n"
            if waitpid($master, POSIX::WNOHANG()) != 0;
        -s $pid_file && workers() == ($o{workers} // 1);
    }, 'nginx starts');
}

sub write_conf {
    my (%o) = @_;
    my $workers = $o{workers} // 1;
    my $redis = $o{redis} // $ENV{TEST_NGINX_REDIS};
    my $timeout = $o{timeout} // '30s';
    my $redis_timeout = $o{redis_timeout} // '5s';
    my $load = join '', map { "load_module $_;\n" }
               split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my ($pid, $dir) = (scratch('fault.pid'), scratch('fault'));

    $o{$_} //= '' for qw(main http server location);

    return scratch('fault.conf', <<"CONFIG", 0644);
$load
daemon off;
worker_processes $workers;
pid $pid;
error_log $log warn;
$o{main}
events {
    worker_connections 1024;
}
http {
    log_format fault '\$status \$tracker_account \$tracker_outcome';
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    keepalive_requests 1000000;
    tracker_redis $redis;
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
    tracker_timeout $timeout;
    tracker_redis_timeout $redis_timeout;
    $o{http}
    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_PORT} backlog=1024;
        $o{server}
        location /v1/manage/ {
            tracker_api;
            $o{location}
        }
    }
}
CONFIG
}

sub master_pid {
    return $master;
}

sub workers {
    return grep { Tracker::parent_of($_) == $master }
           map { m{^/proc/(\d+)/} } glob '/proc/[0-9]*/stat';
}

sub is_worker {
    my ($pid) = @_;

    return Tracker::parent_of($pid) == $master;
}

sub reload_nginx {
    kill HUP => $master;
}

# Ends nginx as QUIT does; 0 when it had to be killed.
sub stop_nginx {
    my $pid = $master;
    my $end = time() + 30;

    undef $master;
    %clients = ();
    kill QUIT => $pid;

    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        if (time() > $end) {
            end_nginx($pid);
            return 0;
        }

        sleep 0.01;
    }

    return 1;
}

sub end_nginx {
    my ($pid) = @_;

    $master = $pid;
    my @all = ($pid, workers());
    undef $master;

    kill KILL => @all;
    waitpid $pid, 0;
}

# Lines of the error log, since nginx was started, that match.
sub log_lines {
    my ($pattern) = @_;

    open my $in, '<', $log or return;
    seek $in, $log_read, 0;
    return grep { /$pattern/ } <$in>;
}

sub log_is_clean {
    my ($title, $allowed) = @_;
    my @lines = log_lines(qr/\[(?:alert|crit|emerg)\]|Sanitizer:
                             |runtime\ error:/x);

    @lines = grep { !/$allowed/ } @lines if $allowed;
    splice @lines, 10;
    is(join('', @lines), '', $title);
}

# Memory of a process that is its own, in KB.
sub rss_kb {
    my ($pid) = @_;
    my ($kb) = eval { slurp("/proc/$pid/status") } =~ /^RssAnon:\s+(\d+)/m;

    return $kb // 0;
}

sub descriptors {
    my ($pid) = @_;

    return scalar(() = glob "/proc/$pid/fd/*");
}


# clients

# A client keeps its connection, if nginx does.
sub client {
    my ($name) = @_;

    return $clients{$name} //= {};
}

# One request; undef when the connection ended before the answer was whole.
sub client_ask {
    my ($client, $text) = @_;
    my $response;

    $client->{sock} //= connect_nginx();

    if (send_bytes($client->{sock}, $text)) {
        do { $response = read_response($client->{sock}) }
            while $response && $response->{status} == 100;
    } else {
        # an early answer may be there all the same
        $response = eval { read_response($client->{sock}) };
    }

    delete $client->{sock}
        if !$response || ($response->{headers}{connection} // '') eq 'close';
    return $response;
}


# the proxy

# Returns the address for tracker_redis.
sub start_proxy {
    my $program = compile('proxy');

    $proxy_pid = open2($proxy_out, $proxy_in, $program,
                       scratch('redis.sock'));
    my ($port) = (<$proxy_out> // '') =~ /^port (\d+)$/
        or die "the proxy does not start\n";

    return "127.0.0.1:$port";
}

# Commands of proxy.c; the answer to the last.
sub proxy {
    my @commands = @_;
    my $answer;

    print $proxy_in map { "$_\n" } @commands;
    $proxy_in->flush;

    for my $command (@commands) {
        defined($answer = <$proxy_out>) or die "the proxy is gone\n";
        chomp $answer;
        die "proxy: $command: $answer\n" if $answer =~ /^no such/;
    }

    return wantarray ? split(' ', $answer) : $answer;
}

sub stop_proxy {
    return unless $proxy_pid;

    close $proxy_in;
    waitpid $proxy_pid, 0;
    undef $proxy_pid;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;

    return @sorted ? $sorted[@sorted / 2] : 0;
}


# what lies in Redis

# Replies to many commands, sent at once.
sub redis_all {
    my @commands = @_;
    my $sock = $audited
               ? IO::Socket::INET->new(PeerAddr => "127.0.0.1:$audited")
               : IO::Socket::UNIX->new(Peer => scratch('redis.sock'));
    my @replies;

    $sock or die "cannot connect to redis: $!\n";

    while (my @some = splice @commands, 0, 500) {
        for my $command (@some) {
            print $sock '*' . @$command . "\r\n",
                        map { '$' . length() . "\r\n$_\r\n" } @$command;
        }

        $sock->flush;
        push @replies, Tracker::redis_reply($sock) for @some;
    }

    return @replies;
}

# How an account is called in audit().
sub account_of {
    my ($account) = @_;

    return account_key($account, '') =~ /\{(\w+)\}/ ? $1 : die;
}

# The locks that are held: account => ms.
sub locks {
    my @keys = @{redis('KEYS', 'tracker:*:lock')};
    my @left = redis_all(map { ['PTTL', $_] } @keys);
    my %locks;

    for (0 .. $#keys) {
        next if $left[$_] == -2;
        $locks{$keys[$_] =~ /\{(\w+)\}/ ? $1 : $keys[$_]} = $left[$_];
    }

    return \%locks;
}

# All accounts, { account => { name => { NAME => ID }, id => { ID => RECORD },
# index => { ID => SCORE }, idem => { KEY => IDS }, log => [MEMBER, SCORE, ...],
# times => [FIELD, MS, ...] } }, and a list of what does not fit together.
sub audit {
    my (%accounts, @wrong, %want);

    for my $key (map { @$_ } redis_all(['KEYS', '*'])) {
        my ($account, $kind, $rest) =
            $key =~ /^tracker:\{([0-9a-f]{32})\}:
                     (lock|index|rev|name|idems?|id|log|times|convs?)
                     (?::(.+))?$/xs;

        # of a conversation: itself, and what it has
        if (!$account
            || $kind eq 'conv'
               && ($rest // '') !~ /^\d+(?::(?:msgs|hits|who|new))?$/
            || defined $rest && $kind !~ /^(?:name|idem|id|conv)$/)
        {
            push @wrong, "unknown key $key";
            next;
        }

        $accounts{$account} //= { name => {}, id => {}, index => {},
                                  idem => {}, idems => [], rev => 0,
                                  log => [], times => [] };
        push @{$want{$kind}}, [$account, $rest, $key];
    }

    # messages that nothing followed expire

    my @staged = grep { /:new$/ } map { $_->[2] } @{$want{conv} // []};
    my @ttl = redis_all(map { ['TTL', $_] } @staged);

    push @wrong, map { "$staged[$_] does not expire" }
                 grep { $ttl[$_] == -1 } 0 .. $#staged;

    fetch(\%accounts, $want{$_}, $_, 'GET') for qw(name id rev);
    fetch(\%accounts, $want{idem}, 'idem', 'HGET', 'ids');
    fetch(\%accounts, $want{index}, 'index', 'ZRANGE', 0, -1, 'WITHSCORES');
    fetch(\%accounts, $want{idems}, 'idems', 'ZRANGE', 0, -1);
    fetch(\%accounts, $want{log}, 'log', 'ZRANGE', 0, -1, 'WITHSCORES');
    fetch(\%accounts, $want{times}, 'times', 'HGETALL');

    for my $account (sort keys %accounts) {
        $accounts{$account}{index} = { @{$accounts{$account}{index}} }
            if ref $accounts{$account}{index} eq 'ARRAY';
        push @wrong, map { "$account: $_" }
                     audit_account($accounts{$account});
    }

    return (\%accounts, @wrong);
}

# The same of all nodes with these ports.
sub audit_nodes {
    my @ports = @_;
    my (%all, @wrong);

    for my $port (@ports) {
        local $audited = $port;
        my ($accounts, @found) = audit();

        push @wrong, map { "$port: $_" } @found;
        push @wrong, map { "$_ is at two nodes" } grep { $all{$_} }
                     keys %$accounts;
        %all = (%all, %$accounts);
    }

    return (\%all, @wrong);
}

sub fetch {
    my ($accounts, $keys, $kind, $command, @arguments) = @_;
    my @replies = redis_all(map { [$command, $_->[2], @arguments] } @$keys);

    for my $i (0 .. $#replies) {
        my ($account, $rest) = @{$keys->[$i]};

        if (defined $rest) {
            $accounts->{$account}{$kind}{$rest} = $replies[$i];
        } else {
            $accounts->{$account}{$kind} = $replies[$i];
        }
    }
}

sub audit_account {
    my ($account) = @_;
    my ($names, $ids, $index) = @$account{qw(name id index)};
    my (@wrong, %scores);

    for my $name (keys %$names) {
        my $record = $ids->{$names->{$name} // ''};

        if (!defined $record) {
            push @wrong, "name \"$name\" has no record";
        } elsif ($record !~ /^\{"id":"\Q$names->{$name}\E","name":"\Q$name\E",
                              .*\]\}$/xs) {
            push @wrong, "record of name \"$name\" is $record";
        }
    }

    my %named = map { $_ => 1 } grep { defined } values %$names;

    for my $id (keys %$ids) {

        # Empty for a while after it was deleted: others look at names and
        # index.  It may have expired since its key was listed.
        next if ($ids->{$id} // '') eq '' && !$named{$id};

        push @wrong, "id $id has no name: $ids->{$id}" unless $named{$id};
        push @wrong, "id $id is not in the index" unless $index->{$id};
    }

    for my $id (keys %$index) {
        my $score = $index->{$id};

        push @wrong, "index holds $id, no such record" unless $ids->{$id};
        push @wrong, "two trackers have score $score" if $scores{$score}++;
        push @wrong, "score $score is over rev $account->{rev}"
            if $score > $account->{rev} || $score < 1;
    }

    push @wrong, 'the index of Idempotency-Keys has other ones'
        if "@{[sort @{$account->{idems}}]}"
           ne "@{[sort keys %{$account->{idem}}]}";

    for my $key (keys %{$account->{idem}}) {
        my $list = $account->{idem}{$key} // '';

        # an import keeps what it told; that may be deleted by now
        next if $list =~ /^(?:[csmru]\d{16})+(?:d\d{16}[^\0]+\0)*$/;

        push @wrong, "ids of an Idempotency-Key are \"$list\""
            if $list !~ /^(?:\d{16})+$/;
        push @wrong, map { "id $_ of an Idempotency-Key has no record" }
                     grep { !defined $ids->{$_} } $list =~ /(\d{16})/g;
    }

    return @wrong, audit_log($account);
}

# A log that ends at the revision has all since it begins; where that is the
# first change of the account, it says which trackers there are.
sub audit_log {
    my ($account) = @_;
    my ($index, $rev) = @$account{qw(index rev)};
    my @log = @{$account->{log}} or return;
    my $whole = $log[0] eq '-' && $log[1] == 0 && $log[-1] == $rev;
    my (@wrong, %scores, %there, %times);

    while (my ($member, $score) = splice @log, 0, 2) {
        my ($op, $id, $at) = $member =~ /^(?:-|([cud])(\d{16}) (\d{13}))$/
            or push(@wrong, "\"$member\" is in the log"), next;

        push @wrong, "two changes have score $score" if $scores{$score}++;
        push @wrong, "the change of score $score is over rev $rev"
            if $score > $rev;
        next if !$op;

        push @wrong, "$id was created twice" if $op eq 'c' && $there{$id};
        push @wrong, "$member: it was not there"
            if $whole && $op ne 'c' && !$there{$id};
        push @wrong, "$member has score $score, not that of the index"
            if $op eq 'c' && $index->{$id} && $index->{$id} != $score;
        $op eq 'd' ? delete $there{$id} : ($there{$id} = 1);
        $times{$op eq 'u' ? "u$id" : $id} = $at;
        delete @times{$id, "u$id"} if $op eq 'd';
    }

    push @wrong, 'the log has other trackers than the index'
        if $whole && "@{[sort keys %there]}" ne "@{[sort keys %$index]}";

    my %kept = @{$account->{times}};

    push @wrong, 'the times are not those of the log'
        if $whole && join(' ', map { "$_ $kept{$_}" } sort keys %kept)
                     ne join(' ', map { "$_ $times{$_}" } sort keys %times);
    return @wrong;
}

# One test; returns the accounts.  With ports: of all these nodes.
sub is_consistent {
    my ($title, @ports) = @_;
    my ($accounts, @wrong) = @ports ? audit_nodes(@ports) : audit();

    none($title, @wrong);

    return $accounts;
}

END {
    local $?;
    end_nginx($master) if $master && kill 0, $master;
    stop_proxy();
}

1;
