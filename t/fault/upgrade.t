# Two versions serve one account at the same time.
#
# The version before this one, the newest tag below HEAD, is built from the
# repository, and runs beside this one over the same Redis, as while hosts are
# upgraded one after the other.  Clients work on one account and take either
# server for each request: they create trackers, send a create again to the
# other server with its Idempotency-Key, create the same names at the same time,
# read, replace, patch, delete, and read the list page by page.  First with the
# lock, then without it.  Nothing that was acknowledged may be lost or be there
# twice, and both must tell the same.  At the end this version serves alone what
# both have written.
#
# Controls: names under another key; a record of an Idempotency-Key that the
# other version does not find.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use IO::Socket::INET;
use POSIX qw(WNOHANG _exit);
use Storable qw(store retrieve);
use Test::More;
use Time::HiRes qw(sleep);
use Tracker;
use Fault;

# before there were tags
use constant FIRST => '22370f2819e3fc7741d87b233d2a9b8fe787c1cb';
use constant CLIENTS => 4;

my $revision = revision_before();

plan skip_all => 'this is no clone that has the version before: '
                 . 'no tag v* below HEAD, and not ' . FIRST
    unless $revision;
plan skip_all => 'the module is compiled into this nginx'
    unless $ENV{TEST_NGINX_LOAD_MODULES};

my $module_before = build_before();
my (%port, %sock, $before_pid, $known);

seed();
start_redis();
start_nginx(workers => 2, http => 'tracker_lock on;', server => <<'END');
        location /free/ {
            tracker_api;
            tracker_lock off;
        }
END
start_before();

note("the version before is $revision");

write_before();
both_work('/v1/manage', amount(60, 300));
both_work('/free', amount(60, 300));
both_tell_the_same();
stop_before();
alone();

control('names are under another key', 'name|twice|same|before', [],
        ['src/store/keys.h', '"name:"     /*', '"nam2:"     /*']);
control('a key is remembered elsewhere', 'again', [],
        ['src/store/keys.h', '"idem:"     /*', '"ide2:"     /*']);

finish();


# the version before

sub git {
    my @command = @_;

    open my $out, '-|', 'sh', '-c', 'exec git -C "$@" 2>/dev/null', 'sh',
         root(), @command or die "git: $!";
    my $text = do { local $/; <$out> } // '';
    close $out or return;

    return $text =~ s/\n\z//r;
}

sub revision_before {
    return git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*',
               'HEAD^')
           || git('rev-parse', '--verify', '--quiet', FIRST . '^{commit}');
}

# In a folder of its own, once for each revision.
sub build_before {
    my $folder = root() . "/.build/before/$revision";
    my $module = "$folder/.build/ngx_http_tracker_module.so";

    return $module if -e $module;

    system('sh', '-ec', 'mkdir -p "$2"; git -C "$1" archive "$3" | tar -x -C '
           . '"$2"; "$2/conf/build" >"$2/build.log" 2>&1 </dev/null', 'sh',
           root(), $folder, $revision) == 0
        or die "cannot build $revision, see $folder/build.log\n";

    return $module;
}

# The configuration of this version, with the other module and port.
sub start_before {
    my $text = read_file(scratch('fault.conf'));
    my $pid_file = scratch('before.pid');

    %port = (this => $ENV{TEST_NGINX_PORT}, before => Tracker::free_port());

    $text =~ s{\Q$ENV{TEST_NGINX_LOAD_MODULES}\E}{$module_before} or die;
    $text =~ s{127\.0\.0\.1:$port{this}}{127.0.0.1:$port{before}} or die;
    $text =~ s{^(pid|error_log) \S+/fault}{$1 . ' ' . scratch('before')}mge == 2
        or die;

    my $conf = scratch('before.conf', $text, 0644);

    $before_pid = fork() // die "fork: $!";

    if ($before_pid == 0) {
        exec $ENV{TEST_NGINX_BINARY} || 'nginx', '-p', scratch('fault') . '/',
             '-c', $conf or _exit(127);
    }

    wait_until(sub {
        die "nginx with $module_before does not start\n"
            if waitpid($before_pid, WNOHANG);
        -s $pid_file && connection('before');
    }, 'the version before starts');
}

sub stop_before {
    kill QUIT => $before_pid;
    delete $sock{before};
    waitpid $before_pid, 0;
    is($?, 0, 'the version before ends with status 0');

    my $log = read_file(scratch('before-error.log'));
    unlike($log, qr/\[(?:alert|crit|emerg)\]/, 'its log is clean');
    undef $before_pid;
}

sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!";
    local $/;
    return <$in> // '';
}

END {
    local $?;
    kill TERM => $before_pid if $before_pid;
}


# requests

sub connection {
    my ($server) = @_;

    return $sock{$server} //= IO::Socket::INET->new(
        PeerAddr => "127.0.0.1:$port{$server}");
}

# One request to this server; once more while the account is locked.
sub ask {
    my ($server, $method, $path, %o) = @_;

    for (1 .. 2000) {
        my $sock = connection($server) or die "$server: $!\n";

        send_bytes($sock, request($method, $path, %o));
        my $response = read_response($sock);

        if (!$response || ($response->{headers}{connection} // '') eq 'close') {
            delete $sock{$server};
        }

        die "$server: $method $path: no answer\n" unless $response;
        return $response if $response->{status} != 429;
        sleep 0.002 + rand 0.01;
    }

    die "$server: $method $path: 429 for ever\n";
}

sub either {
    return rand() < 0.5 ? 'this' : 'before';
}

sub other {
    return $_[0] eq 'this' ? 'before' : 'this';
}

# The tracker of an answer, as its JSON text.
sub tracker_of {
    return $_[0]{body} =~ /^\{"tracker":(\{.*\})\}$/s ? $1 : "no: $_[0]{body}";
}

sub id_of {
    return $_[0] =~ /"id":"(\d{16})"/ ? $1 : 0;
}


# What was there before this version came: all of it is read and changed by
# this one.
sub write_before {
    my %trackers;

    for my $i (1 .. 10) {
        my %o = (body => tracker_text("old $i", 'p'),
                 headers => ["Idempotency-Key: old $i"]);
        my $text = tracker_of(ask('before', 'POST', '/v1/manage/tracker', %o));
        my $again = ask('this', 'POST', '/v1/manage/tracker', %o);

        is(tracker_of($again), $text, "before: a create of \"old $i\" again");
        $trackers{"old $i"} = $text;
    }

    my ($path) = map { '/v1/manage/tracker/' . id_of($_) } $trackers{'old 1'};
    my $etag = ask('before', 'GET', $path)->{headers}{etag};

    is(ask('this', 'GET', $path)->{headers}{etag}, $etag, 'before: an ETag');
    is(ask('this', 'GET', $path, headers => ["If-None-Match: $etag"])->{status},
       304, 'before: which matches');

    my $changed = ask('this', 'PUT', $path, headers => ["If-Match: $etag"],
                      body => tracker_text('old 1', 'q'));
    is($changed->{status}, 200, 'before: changed under its ETag');
    $trackers{'old 1'} = tracker_of($changed);
    is(ask('this', 'POST', '/v1/manage/tracker',
           body => tracker_text('old 2'))->{status}, 409, 'before: a name');

    $known = \%trackers;
}


# What a client does: { trackers => { name => JSON text }, won => { name },
# wrong => [texts] }.
sub work {
    my ($number, $base, $rounds) = @_;
    my (%trackers, %won, @wrong);
    my $is = sub {
        my ($got, $expected, $what) = @_;
        push @wrong, "$what: $got, not $expected" if $got ne $expected;
    };

    for my $i (1 .. $rounds) {
        my $name = "$base $number $i";
        my $at = either();
        my %o = (body => tracker_text($name, 'p'),
                 headers => ["Idempotency-Key: $name"]);

        # created once, whichever is asked again
        my $text = tracker_of(ask($at, 'POST', "$base/tracker", %o));
        $is->(tracker_of(ask(other($at), 'POST', "$base/tracker", %o)), $text,
              'a create again');

        my $path = "$base/tracker/" . id_of($text);
        my $read = ask(either(), 'GET', $path);
        $is->(tracker_of($read), $text, 'read');

        # replaced under the ETag of one, patched by the other
        $is->(ask(other($at), 'PUT', $path, body => tracker_text($name, 'q'),
                  headers => ["If-Match: $read->{headers}{etag}"])->{status},
              200, 'PUT');
        my $patched = ask($at, 'PATCH', $path, body =>
            '[{"op":"add","path":"/vocabulary/-","value":"r"}]');
        $is->($patched->{status}, 200, 'PATCH');
        $text = tracker_of($patched);
        $is->(($text =~ /("vocabulary":.*)\}/)[0], '"vocabulary":["q","r"]',
              'both changes');

        if ($i % 3 == 0) {
            $is->(ask(either(), 'DELETE', $path)->{status}, 200, 'DELETE');
            $is->(ask($_, 'GET', $path)->{status}, 404, "gone at $_")
                for qw(this before);
        } else {
            $trackers{$name} = $text;
        }

        # all clients want this name, and several more in one body
        my @names = ("$base shared $i", map { "$base shared $i $_" } 1 .. 3);
        my $one = ask(either(), 'POST', "$base/tracker",
                      body => tracker_text($names[0]));
        my $bulk = ask(either(), 'POST', "$base/trackers",
                       body => '[' . join(',', map { tracker_text($_) }
                                               @names[1 .. 3]) . ']');

        push @wrong, "shared: $_->{status} $_->{body}"
            for grep { $_->{status} !~ /^(?:200|409)$/ } $one, $bulk;
        $won{$names[0]}++ if $one->{status} == 200;
        $won{$names[1]}++ if $bulk->{status} == 200;
    }

    return { trackers => \%trackers, won => \%won, wrong => \@wrong };
}

sub both_work {
    my ($base, $rounds) = @_;
    my (@pids, %won, @wrong);

    for my $number (1 .. CLIENTS) {
        my $pid = fork() // die "fork: $!";
        push @pids, $pid;
        next if $pid;

        # the connections of the parent are not for two
        %sock = ();
        srand $$;
        my $done = eval { work($number, $base, $rounds) }
                   // { wrong => ["$@"] };
        store $done, scratch("client $number");
        _exit(0);
    }

    waitpid $_, 0 for @pids;

    for my $done (map { retrieve(scratch("client $_")) } 1 .. CLIENTS) {
        push @wrong, @{$done->{wrong}};
        $known->{$_} = $done->{trackers}{$_} for keys %{$done->{trackers}};
        $won{$_} += $done->{won}{$_} for keys %{$done->{won}};
    }

    none("$base: every answer is right, of either version", @wrong);
    is(join(' ', grep { $won{$_} != 1 } sort keys %won), '',
       "$base: no name was given twice");
    is(scalar keys %won, 2 * $rounds, "$base: each name was given");
}


# the end

# Name => JSON text, page by page, each page by the next server.
sub pages {
    my @servers = @_;
    my ($query, %trackers, $n) = ('?limit=7');

    while (defined $query) {
        my $server = shift @servers;
        push @servers, $server;

        my $body = ask($server, 'GET', "/v1/manage/trackers$query")->{body};
        my $page = decode($body);

        for my $tracker (@{$page->{trackers}}) {
            $trackers{$tracker->{name}} = $tracker;
            $n++;
        }

        $query = defined $page->{next}
               ? "?limit=7&cursor=$page->{next}" : undef;
    }

    is($n, scalar keys %trackers, "@_: no name is there twice");
    return \%trackers;
}

sub both_tell_the_same {
    my @lists = map { ask($_, 'GET', '/v1/manage/trackers') } qw(this before);

    is($lists[0]{body}, $lists[1]{body}, 'the same list');
    is($lists[0]{headers}{etag}, $lists[1]{headers}{etag}, 'the same ETag');
    is_known(pages(qw(this before)), 'pages of both');
    is(join(' ', keys %{locks()}), '', 'no lock is left');
}

sub alone {
    is_known(pages('this'), 'pages of this version alone');
    is_consistent('this version alone');
    log_is_clean('the log of this version is clean');
}

# What was acknowledged is there as it was told, and nothing else but the shared
# names.
sub is_known {
    my ($trackers, $title) = @_;
    my %there = %$trackers;
    my @lost = grep {
        my $tracker = delete $there{$_};
        !$tracker || !eq_hash($tracker, decode($known->{$_}));
    } sort keys %$known;

    is(join(', ', @lost[0 .. ($#lost > 9 ? 9 : $#lost)]), '',
       "$title: nothing is lost");
    is(join(', ', grep { !/ shared / } sort keys %there), '',
       "$title: nothing else is there");
}
