use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Select;

workers(4);
log_level('warn');

add_block_preprocessor(sub {
    my ($block) = @_;
    my $lock = $block->lock // 'on';

    $block->set_value(config => <<"CONFIG");
    location /v1/manage/ {
        tracker_api;
        tracker_lock $lock;
        client_max_body_size 1m;
        add_header X-Worker \$pid always;
    }
CONFIG
});

our @auth = (token => token('tester'));

run_tests();

sub create {
    return map {
        decode(exchange(post('tracker', tracker_text($_)))->{body})
            ->{tracker}{id} // die "$_ was not created\n";
    } @_;
}

sub item {
    my ($method, $id, $body, %o) = @_;

    return request($method, "/v1/manage/tracker/$id", body => $body // '',
                   @auth, %o);
}

sub rename_to {
    return '[{"op":"replace","path":"/name","value":"' . $_[0] . '"}]';
}

sub append {
    return '[{"op":"add","path":"/vocabulary","value":"' . $_[0] . '"}]';
}

# counts of "METHOD STATUS"
sub count {
    my ($counts, $text, $response) = @_;
    my ($method) = $text =~ /^(\w+)/;

    $counts->{"$method $response->{status}"}++;
}

sub is_allowed {
    my ($counts, @allowed) = @_;
    my %allowed = map { $_ => 1 } @allowed;

    is(join(', ', grep { !$allowed{$_} } sort keys %$counts), '',
       'only statuses of the contract');
    Test::More::note(join ', ', map { "$_: $counts->{$_}" } sort keys %$counts);
}

# Several connections, each with one request under way: next() gives the text
# of another request, or undef; seen() is told of each answer, in the order
# they are read.
sub storm {
    my ($connections, $next, $seen) = @_;
    my (%text, %worker);
    my $select = IO::Select->new;

    for (1 .. $connections) {
        my $sock = connect_nginx();
        my $text = $next->() // last;

        $text{$sock} = $text;
        $select->add($sock);
        send_bytes($sock, $text);
    }

    while ($select->count) {
        my @ready = $select->can_read(60) or die "nothing comes\n";

        for my $sock (@ready) {
            my $response = read_response($sock) // die "a connection ended\n";

            $worker{$response->{headers}{'x-worker'}} = 1;
            $seen->($text{$sock}, $response);

            my $text = $next->();
            if (!defined $text) {
                $select->remove($sock);
                next;
            }

            # nginx ends a connection after a thousand requests

            if (lc($response->{headers}{connection} // '') eq 'close') {
                $select->remove($sock);
                $sock = connect_nginx();
                $select->add($sock);
            }

            $text{$sock} = $text;
            send_bytes($sock, $text);
        }
    }

    return scalar keys %worker;
}

# one request after another, sent again while it is refused with these
sub until_done {
    my ($connections, $again, $counts, @texts) = @_;
    my @responses;

    storm($connections, sub { shift @texts }, sub {
        my ($text, $response) = @_;

        count($counts, $text, $response);
        if ($response->{status} =~ /^(?:$again)$/) {
            push @texts, $text;
        } else {
            push @responses, $response;
        }
    });

    return @responses;
}

# Names, records and index of the account agree; returns its trackers by id.
sub is_consistent {
    my $base = account_key('tester', '');
    my (%id, %record);

    for my $key (@{redis('KEYS', ($base =~ s/[{}]/\\$&/gr) . '*')}) {
        my ($kind, $rest) = substr($key, length $base) =~ /^(\w+):?(.*)$/s;

        $id{$rest} = redis('GET', $key) if $kind eq 'name';
        next unless $kind eq 'id';

        my $text = redis('GET', $key);
        $record{$rest} = decode($text) if $text ne '';
    }

    is_deeply(\%id, { map { $record{$_}{name} => $_ } keys %record },
              'a name for each record, a record for each name');
    is(scalar(keys %id), scalar(keys %record), 'no name twice');
    is(join(' ', grep { $record{$_}{id} ne $_ } keys %record), '',
       'each record under its id');
    is_deeply([sort @{redis('ZRANGE', "${base}index", 0, -1)}],
              [sort keys %record], 'the index has just these');
    is(redis('EXISTS', lock_key()), 0, 'no lock is left');

    return \%record;
}

# Random requests of every kind about few names.  Every answer is believed,
# and in the end the store must hold just what they said.
sub storm_of_all {
    my $left = 3000;
    my (@ids, %counts, %created, %deleted, %list, @broken);

    my $next = sub {
        return if $left-- <= 0;

        my $name = 'n' . int rand 8;
        my $id = @ids ? $ids[-1 - int rand(@ids < 12 ? @ids : 12)]
                      : '4503599627370496';

        return (
            sub { post('tracker', tracker_text($name), @auth) },
            sub { post('tracker', tracker_text($name), @auth) },
            sub { post('trackers', '[' . tracker_text($name) . ','
                       . tracker_text("$name bulk") . ']', @auth) },
            sub { item('PUT', $id, tracker_text($name, rand)) },
            sub { item('PATCH', $id, rename_to($name)) },
            sub { item('PATCH', $id, append(rand)) },
            sub { item('DELETE', $id) },
            sub { item('GET', $id) },
            sub { request('GET', '/v1/manage/trackers', @auth) },
            sub { request('GET', "/v1/manage/trackers?name=$name", @auth) },
        )[rand 10]->();
    };

    my $seen = sub {
        my ($text, $response) = @_;
        my ($method, $path) = $text =~ m{^(\w+) /v1/manage/(\S+)};
        my (@ids_seen, %name);

        # quicker than a JSON decoder
        while ($response->{body} =~ /"id":"(\d+)"(?:,"name":"([^"]*)")?/g) {
            push @ids_seen, $1;
            $name{$2 // ''}++;
        }

        count(\%counts, $text, $response);
        return if $response->{status} != 200;

        if ($method eq 'POST') {
            push @ids, @ids_seen;
            @created{@ids_seen} = ();

        } elsif ($method eq 'DELETE') {
            @deleted{@ids_seen} = ();

        } elsif ($path eq 'trackers') {
            my $etag = $response->{headers}{etag};

            push @broken, "a name twice: $response->{body}"
                if keys %name != @ids_seen;
            push @broken, "two lists with the ETag $etag"
                if ($list{$etag} //= $response->{body}) ne $response->{body};

        } elsif ($path =~ /name=(.*)/) {
            push @broken, "$path: $response->{body}"
                if @ids_seen > 1 || grep { $_ ne $1 } keys %name;

        } else {
            push @broken, "$path: $response->{body}"
                if "tracker/@ids_seen" ne $path;
        }
    };

    my $workers = storm(10, $next, $seen);

    Test::More::note("$workers workers");
    is_allowed(\%counts, 'GET 200', 'GET 404', 'DELETE 200', 'DELETE 404',
               map { my $method = $_; map { "$method $_" }
                     $method eq 'POST' ? (200, 409, 429)
                                       : (200, 404, 409, 429) }
               qw(POST PUT PATCH));
    ok($counts{"$_ 200"}, "some are done: $_")
        for qw(POST PUT PATCH DELETE GET);
    is(join("\n", @broken), '', 'each answer is whole and about its request');

    my $left_over = is_consistent();
    delete @created{keys %deleted};
    is_deeply([sort keys %$left_over], [sort keys %created],
              'what was created and not deleted is there, and no more');
}

__DATA__

=== DELETE against DELETE
--- scenario
my %counts;

for my $round (1 .. 25) {
    my ($id) = create('n');
    my @texts = (item('DELETE', $id)) x 8;
    my @responses = parallel(@texts);

    count(\%counts, $texts[$_], $responses[$_]) for 0 .. $#texts;
    ok((grep { $_->{status} == 200 } @responses), "round $round: deleted");
    is(exchange($texts[0])->{status}, 404, 'and gone');
}

is_allowed(\%counts, 'DELETE 200', 'DELETE 404');
is_deeply(is_consistent(), {}, 'nothing is left');



=== PATCH and PUT against DELETE
--- scenario
my %counts;

for my $round (1 .. 40) {
    my ($id) = create('n');
    my @texts = (item('PATCH', $id, append('x')), item('DELETE', $id),
                 item('PATCH', $id, rename_to("m$round")),
                 item('PUT', $id, tracker_text("o$round")),
                 item('GET', $id),
                 request('GET', '/v1/manage/trackers?name=n'));
    push @texts, shift @texts for 1 .. $round % @texts;

    my @responses = parallel(@texts);
    count(\%counts, $texts[$_], $responses[$_]) for 0 .. $#texts;
    is(exchange(item('GET', $id))->{status}, 404, "round $round: it is gone");
}

is_allowed(\%counts, 'PATCH 200', 'PATCH 404', 'PATCH 429', 'PUT 200',
           'PUT 404', 'PUT 429', 'DELETE 200', 'GET 200', 'GET 404');
is($counts{'DELETE 200'}, 40, 'every DELETE is done');
is_deeply(is_consistent(), {}, 'nothing is left, no name is taken');



=== PATCH and PUT against DELETE without the lock
--- lock: off
--- scenario
my %counts;

for my $round (1 .. 40) {
    my ($id) = create('n');
    my @texts = (item('PATCH', $id, append('x')), item('DELETE', $id),
                 item('PATCH', $id, rename_to("m$round")),
                 item('PUT', $id, tracker_text("o$round")),
                 item('PATCH', $id, append('y')));
    push @texts, shift @texts for 1 .. $round % @texts;

    my @responses = parallel(@texts);
    count(\%counts, $texts[$_], $responses[$_]) for 0 .. $#texts;
    is(exchange(item('GET', $id))->{status}, 404, "round $round: it is gone");
}

is_allowed(\%counts, map { ("$_ 200", "$_ 404") } qw(PATCH PUT DELETE));
is($counts{'DELETE 200'}, 40, 'every DELETE is done');
is_deeply(is_consistent(), {}, 'nothing is left, no name is taken');



=== renames to one name: one is done, the others are conflicts
--- scenario
my %counts;

for my $round (1 .. 10) {
    my @ids = create(map { "n$round $_" } 1 .. 6);
    my @texts = map { $_ % 2 ? item('PUT', $ids[$_], tracker_text("x$round"))
                             : item('PATCH', $ids[$_], rename_to("x$round"))
                    } 0 .. $#ids;
    my @responses = until_done(6, 429, \%counts, @texts);

    is(join(' ', sort map { $_->{status} } @responses),
       '200 409 409 409 409 409', "round $round");
}

is_allowed(\%counts, map { ("$_ 200", "$_ 409", "$_ 429") } qw(PUT PATCH));
is(scalar keys %{is_consistent()}, 60, 'all trackers are there');



=== the same without the lock
--- lock: off
--- scenario
my %counts;

for my $round (1 .. 10) {
    my @ids = create(map { "n$round $_" } 1 .. 6);
    my @texts = map { $_ % 2 ? item('PUT', $ids[$_], tracker_text("x$round"))
                             : item('PATCH', $ids[$_], rename_to("x$round"))
                    } 0 .. $#ids;
    my @responses = parallel(@texts);

    count(\%counts, $texts[$_], $responses[$_]) for 0 .. $#texts;
    is(join(' ', sort map { $_->{status} } @responses),
       '200 409 409 409 409 409', "round $round");
}

is_allowed(\%counts, map { ("$_ 200", "$_ 409") } qw(PUT PATCH));
is(scalar keys %{is_consistent()}, 60, 'all trackers are there');



=== a rename against a create of the same name
--- lock: off
--- scenario
my %counts;

for my $round (1 .. 20) {
    my ($id) = create("n$round");
    my @texts = (item('PUT', $id, tracker_text("x$round")),
                 post('tracker', tracker_text("x$round")),
                 item('PATCH', $id, rename_to("x$round")),
                 post('tracker', tracker_text("n$round")));
    push @texts, shift @texts for 1 .. $round % @texts;

    my @responses = parallel(@texts);
    count(\%counts, $texts[$_], $responses[$_]) for 0 .. $#texts;
}

is_allowed(\%counts, map { ("$_ 200", "$_ 409") } qw(PUT PATCH POST));

my $all = is_consistent();
is(scalar keys %$all, 20 + $counts{'POST 200'}, 'one for each create');



=== no appended phrase is lost, with the lock and retries
--- scenario
my ($id) = create('n');
my %counts;
my @responses = until_done(8, 429, \%counts,
                           map { item('PATCH', $id, append("p$_")) } 1 .. 200);

is_allowed(\%counts, 'PATCH 200', 'PATCH 429');
is($counts{'PATCH 200'}, 200, 'all are done');

my $phrases = is_consistent()->{$id}{vocabulary};
is_deeply([sort @$phrases], [sort 'phrase', map { "p$_" } 1 .. 200],
          'each phrase once');



=== no appended phrase is lost without the lock
--- lock: off
--- scenario
my ($id) = create('n');
my %counts;

commands_seen();
my @texts = map { item('PATCH', $id, append("p$_")) } 1 .. 200;
my @responses = until_done(8, 429, \%counts, @texts);

is_allowed(\%counts, 'PATCH 200', 'PATCH 429');
is($counts{'PATCH 200'}, 200, 'all are done');

my $phrases = is_consistent()->{$id}{vocabulary};
is_deeply([sort @$phrases], [sort 'phrase', map { "p$_" } 1 .. 200],
          'each phrase once');
is(commands_seen('incrby'), 200, 'a revision for each');



=== If-Match: of all who have read the same state one writes
--- lock: off
--- scenario
my ($id) = create('n');
my %counts;

commands_seen();

for my $round (1 .. 25) {
    my $etag = exchange(item('GET', $id))->{headers}{etag};
    my @texts = map { item($_ % 2 ? ('PUT', $id, tracker_text('n',
                           "round $round", $_)) : ('PATCH', $id,
                           append("$round $_")),
                           headers => ["If-Match: $etag"]) } 1 .. 6;
    my @responses = parallel(@texts);

    count(\%counts, $texts[$_], $responses[$_]) for 0 .. $#texts;
    is(join(' ', sort map { $_->{status} } @responses),
       '200 412 412 412 412 412', "round $round");
}

is_allowed(\%counts, map { ("$_ 200", "$_ 412") } qw(PUT PATCH));
is(commands_seen('incrby'), 25, 'a revision for each');



=== If-Match: a DELETE does not take away what another has changed
--- lock: off
--- scenario
my %counts;

for my $round (1 .. 25) {
    my ($id) = create("n$round");
    my $etag = exchange(item('GET', $id))->{headers}{etag};
    my @match = (headers => ["If-Match: $etag"]);
    my @texts = (item('DELETE', $id, '', @match),
                 item('PUT', $id, tracker_text("n$round", 'x'), @match));
    @texts = reverse @texts if $round % 2;

    my %status;
    my @responses = parallel(@texts);
    for my $i (0, 1) {
        my ($method) = $texts[$i] =~ /^(\w+)/;
        $status{$method} = $responses[$i]{status};
        count(\%counts, $texts[$i], $responses[$i]);
    }

    like("$status{DELETE} $status{PUT}", qr/^(200 404|412 200)$/,
         "round $round: one or the other");
    is(exchange(item('GET', $id))->{status},
       $status{DELETE} == 200 ? 404 : 200, 'as was said');
}

is_allowed(\%counts, 'PUT 200', 'PUT 404', 'DELETE 200', 'DELETE 412');
is(scalar keys %{is_consistent()}, $counts{'PUT 200'} // 0, 'what is left');



=== one after another, over all workers: never a 429
The lock is free before the answer is sent.
--- scenario
my (%sock, %counts, $id);

wait_until(sub {
    my $sock = connect_nginx();

    send_bytes($sock, request('GET', '/v1/manage/trackers'));
    $sock{read_response($sock)->{headers}{'x-worker'}} //= $sock;
    keys %sock == 4;
}, 'a connection to each worker');

for my $i (1 .. 200) {
    for my $pid (sort keys %sock) {
        my $text = $i % 5 == 0 ? item('PUT', $id, tracker_text('put', "$i $pid"))
                   : $i % 5 == 1 && $id ? item('PATCH', $id, append("$i $pid"))
                   : post('tracker', tracker_text($i % 5 == 2 ? 'same'
                                                              : "$i $pid"));

        send_bytes($sock{$pid}, $text);
        my $response = read_response($sock{$pid});

        count(\%counts, $text, $response);
        $id //= decode($response->{body})->{tracker}{id};
    }
}

is_allowed(\%counts, 'POST 200', 'POST 409', 'PUT 200', 'PATCH 200');
is(scalar keys %{is_consistent()}, $counts{'POST 200'}, 'all are there');



=== everything at once, with the lock
--- scenario
storm_of_all();



=== everything at once, without the lock
--- lock: off
--- scenario
storm_of_all();
