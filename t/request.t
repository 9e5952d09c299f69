use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# What a request says beside its method, its path and its body: arguments and
# header lines.  Conditions are in etag.t, Idempotency-Key in idempotency.t,
# Expect in body.t.

write_apps(app1 => 'secret');

run_tests();

sub item {
    my ($method, $id, %o) = @_;

    return exchange(request($method, "/v1/manage/tracker/$id", %o));
}

sub create {
    return is_created(exchange(post('tracker', tracker_text($_[0]))), $_[0],
                      "created $_[0]");
}

# One write of each kind, with the trailing options of request(): the name of
# the call, the text of the request.
sub writes {
    my ($id, $args, @options) = @_;
    my $one = tracker_text('m');

    return map { ["$_->[0] $_->[1]",
                  request($_->[0], "/v1/manage/$_->[1]$args",
                          body => $_->[2], @options)] }
        [POST => 'tracker', $one], [POST => 'trackers', $one],
        [POST => 'trackers', "[$one]"], [POST => 'trackers/bulk', "[$one]"],
        [PUT => "tracker/$id", $one], [PUT => "trackers/$id", $one],
        [PATCH => "tracker/$id",
         '[{"op":"add","path":"/description","value":"d"}]'],
        [DELETE => "tracker/$id", ''];
}

# Each of these writes is refused with that sentence, and nothing was done.
sub are_refused {
    my ($message, @writes) = @_;
    my $record = stored();

    for my $write (@writes) {
        my ($name, $text) = @$write;
        my $response = exchange($text);

        is($response->{status}, 400, "$name: status");
        is_message($response->{body}, ref $message ? $message->($name)
                                                   : $message, $name);
    }

    is(stored(), $record, 'nothing was done');
    is(redis('EXISTS', lock_key()), 0, 'no lock is left');
}

# all that the account has
sub stored {
    return exchange(request('GET', '/v1/manage/trackers'))->{body};
}

__DATA__

=== an argument that a write does not know is refused, and named
--- scenario
my $id = create('n');

are_refused('"dryRun" is not allowed.', writes($id, '?dryRun=true'));
are_refused("\"$_\" is not allowed.", writes($id, "?$_=x"))
    for qw(on_conflict validateOnly rest name limit cursor id);



=== it is named as it was sent, cut where it is long
--- scenario
my $id = create('n');

for my $case (['?a', 'a'], ['?a&b=1', 'a'], ['?&&b=1&a', 'b'],
              ['?a=b=c', 'a'], ['?=x', ''], ['?on%5Fconflict=x',
                                            'on%5Fconflict'],
              ["?\xfc=1", '%FC'], ["?\xc3\xbc\x80", '%C3%BC%80'],
              ['?a"b\\c', 'a"b\\c'], ['??', '?'],
              ['?' . 'x' x 100, 'x' x 100],
              ['?' . "\xff" x 101, '%FF' x 100 . '...'],
              ['?' . 'x' x 5000 . '=1', 'x' x 100 . '...'])
{
    my ($args, $name) = @$case;

    are_refused("\"$name\" is not allowed.", (writes($id, $args))[0, 7]);
}



=== no argument is none
--- scenario
for my $args ('', '?', '?&', '?&&') {
    my $id = create('n');

    is(item('PUT', $id . $args, body => tracker_text('m'))->{status}, 200,
       "PUT $args");
    is(item('DELETE', $id . $args)->{status}, 200, "DELETE $args");
    is_created(exchange(post("tracker$args", tracker_text("p$args"))),
               "p$args", "POST $args");
}



=== path, token and id are looked at before arguments, the body is after them
--- scenario
my $args = '?dryRun=true';

is(exchange(post("x$args", '{}'))->{status}, 404, 'path');
is(item('POST', "4503599627370496$args", body => '{}')->{status}, 405,
   'method');
is(exchange(post("tracker$args", '{}', token => 'bad'))->{status}, 401,
   'token');
is(item('DELETE', "1$args")->{status}, 404, 'an id that is none');
are_refused('"dryRun" is not allowed.',
            ['type', post("tracker$args", '{}', type => 'text/plain')],
            ['no body', post("tracker$args", '')],
            ['body', post("tracker$args", '{')],
            ['no such tracker',
             request('DELETE', "/v1/manage/tracker/4503599627370496$args")]);



=== reads, the login and OPTIONS ignore what they do not know
--- scenario
my $id = create('n');

for my $path ('trackers?dryRun=true', "tracker/$id?dryRun=true") {
    is(exchange(request($_, "/v1/manage/$path"))->{status},
       $_ eq 'OPTIONS' ? 204 : 200, "$_ $path") for qw(GET HEAD OPTIONS);
}

my $login = login_request('app1', 'secret');

is(exchange($login =~ s/ HTTP/?dryRun=true HTTP/r)->{status}, 200, 'login');



=== arguments for another module are taken away by the site
As README says.
--- config
    location /v1/manage/ {
        if ($arg_key != "letmein") {
            return 403;
        }

        set $args "";

        tracker_api;
        client_max_body_size 1m;
    }
--- scenario
is_created(exchange(post('tracker?key=letmein&x=1', tracker_text('n'))), 'n',
           'a key');
is(exchange(post('tracker?key=no', tracker_text('m')))->{status}, 403,
   'a wrong one');
