use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

sub prefer {
    my ($preference, $method, $path, %o) = @_;

    push @{$o{headers}}, map { "Prefer: $_" }
        ref $preference ? @$preference : $preference;
    return exchange(request($method, "/v1/manage/$path", %o));
}

sub is_empty {
    my ($response, $title) = @_;
    my $headers = $response->{headers};

    is($response->{status}, 204, "$title: status");
    is($response->{body}, '', "$title: body");
    is($headers->{'preference-applied'}, 'return=minimal', "$title: applied");
    is($headers->{'content-length'}, undef, "$title: no length");
    is($headers->{'content-type'}, undef, "$title: no type");
    is($headers->{'cache-control'}, 'private, no-cache', "$title: caches");
}

sub applied_for {
    my (@lines) = @_;
    my $response = prefer(\@lines, 'POST', 'tracker',
                          body => tracker_text("n @lines"));

    is($response->{status}, ($response->{headers}{'preference-applied'} // '')
                            eq 'return=minimal' ? 204 : 200, "@lines: status");
    return $response->{headers}{'preference-applied'};
}

__DATA__

=== a single write answers with its headers only
--- scenario
my $sock = connect_nginx();
my $call = sub {
    my ($method, $path, @o) = @_;

    return exchange(request($method, "/v1/manage/$path", @o,
                            headers => ['Prefer: return=minimal']), $sock);
};

for my $list (qw(tracker trackers)) {
    my $made = $call->('POST', $list, body => tracker_text('n'));

    is_empty($made, "POST $list");
    like($made->{headers}{location}, qr{^/v1/manage/tracker/\d{16}$},
         'its path');

    my ($id) = $made->{headers}{location} =~ /(\d+)$/;
    my $get = sub {
        my $got = exchange(request('GET', "/v1/manage/tracker/$id"));

        is($got->{headers}{etag}, $_[0]->{headers}{etag}, 'its ETag');
        return decode($got->{body})->{tracker};
    };

    is($get->($made)->{name}, 'n', 'it is there');

    my $put = $call->('PUT', "$list/$id", body => tracker_text('m'));

    is_empty($put, "PUT $list");
    is($put->{headers}{location}, undef, 'no path');
    is($get->($put)->{name}, 'm', 'it has changed');

    my $patch = $call->('PATCH', "$list/$id", body =>
                        '[{"op":"add","path":"/vocabulary","value":"w"}]');

    is_empty($patch, "PATCH $list");
    is_deeply($get->($patch)->{vocabulary}, ['phrase', 'w'], 'and again');

    my $delete = $call->('DELETE', "$list/$id");

    is_empty($delete, "DELETE $list");
    is($delete->{headers}{etag}, undef, 'no ETag');
    is(exchange(request('GET', "/v1/manage/tracker/$id"))->{status}, 404,
       'it is gone');
}



=== a bulk answers with how many there are
--- scenario
for my $path (qw(trackers trackers/bulk)) {
    my $text = '[' . join(',', map { tracker_text("$path $_") } 1 .. 12) . ']';
    my @o = (body => $text, headers => ["Idempotency-Key: $path"]);

    for my $title ('new', 'again') {
        my $response = prefer('return=minimal', 'POST', $path, @o);
        my $headers = $response->{headers};

        is($response->{status}, 200, "$title: status");
        is($response->{body}, '{"summary":{"created":12}}', "$title: body");
        is($headers->{'content-type'}, 'application/json', "$title: type");
        is($headers->{'content-length'}, length $response->{body},
           "$title: length");
        is($headers->{'preference-applied'}, 'return=minimal',
           "$title: applied");
        @o = @o[0 .. 1], push @o, headers => ["Idempotency-Key: $path"];
    }
}

is(@{decode(exchange(request('GET', '/v1/manage/trackers'))->{body})
     ->{trackers}}, 24, 'they are there, once');



=== a repeated create answers as the first one, in the form that is asked for
--- scenario
my @o = ('POST', 'tracker', body => tracker_text('n'));
my $key = 'Idempotency-Key: k';
my $one = prefer('return=minimal', @o, headers => [$key]);
my $two = prefer('return=minimal', @o, headers => [$key]);
my $three = exchange(request('POST', '/v1/manage/tracker',
                             body => tracker_text('n'), headers => [$key]));

is_empty($_, 'minimal') for $one, $two;
is($two->{headers}{$_}, $one->{headers}{$_}, $_) for qw(location etag);
is($three->{status}, 200, 'and with a body');
is($three->{headers}{$_}, $one->{headers}{$_}, "its $_") for qw(location etag);
is($three->{headers}{'preference-applied'}, undef, 'nothing was asked for');



=== how it may be written
--- scenario
is(applied_for(@$_), 'return=minimal', "@$_") for
    ['return=minimal'], ['Return=Minimal'], ['return="minimal"'],
    ['return = minimal'], ['respond-async, return=minimal, wait=1'],
    ['wait=1', 'return=minimal'], ['return=minimal; foo="a,b"'],
    ['foo="return=representation,", return=minimal'],
    ['return=minimal, return=representation'],
    ['return=minimal', 'return=representation'], [',,return=minimal,'];

is(applied_for(@$_), 'return=representation', "@$_") for
    ['return=representation'], ['return=representation, return=minimal'],
    ['return=representation', 'return=minimal'];

is(applied_for(@$_), undef, "not @$_") for
    [''], ['return'], ['return='], ['return=minimalx'], ['xreturn=minimal'],
    ['minimal'], ['foo=return=minimal'], ['foo; return=minimal'],
    ['foo="return=minimal"'], ['foo=", return=minimal'], ['return=other'],
    ['return="mini'], ['return="'], ['return=other, return=minimal'],
    ['handling=strict'];



=== what is asked for with a read or an error changes nothing
--- exchanges
POST /v1/manage/tracker {"name":"n","vocabulary":["v"]}
Prefer: return=representation
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["v"]}}
Preference-Applied: return=representation
GET /v1/manage/tracker/ID1
Prefer: return=minimal
200 {"tracker":{"id":"ID1","name":"n","vocabulary":["v"]}}
!Preference-Applied
GET /v1/manage/trackers
Prefer: return=minimal
200 {"trackers":[{"id":"ID1","name":"n","vocabulary":["v"]}]}
!Preference-Applied
POST /v1/manage/tracker {"name":"n","vocabulary":["v"]}
Prefer: return=minimal
409 {"message":"Tracker with name \"n\" already exists.","conflicts":[{"index":0,"name":"n","id":"ID1"}]}
!Preference-Applied
PUT /v1/manage/tracker/ID1 {"name":"n"}
Prefer: return=minimal
400 "vocabulary" is required
!Preference-Applied
DELETE /v1/manage/tracker/4503599627370496
Prefer: return=minimal
404 Tracker with id "4503599627370496" does not exist.
!Preference-Applied
OPTIONS /v1/manage/tracker
Prefer: return=minimal
204
!Preference-Applied
Allow: GET, HEAD, POST, OPTIONS



=== conversations are answered as before
--- config
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }
--- scenario
my $made = exchange(request('POST', '/v1/process/text',
                            body => '{"messages":[{"payload":{"content":"a"}}'
                                    . ']}',
                            headers => ['Prefer: return=minimal']));

is($made->{status}, 201, 'status');
ok(decode($made->{body})->{conversationId}, 'its id');
is($made->{headers}{'preference-applied'}, undef, 'not applied');
