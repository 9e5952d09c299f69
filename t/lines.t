# The list as NDJSON: a tracker a line, and a last line that says that it is the
# last.

use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

run_tests();

sub lines_of {
    my ($args, @o) = @_;
    my %o = (headers => ['Accept: application/x-ndjson'], @o);
    my $response = exchange(request($o{method} // 'GET',
                                    "/v1/manage/trackers$args", %o));

    return ($response, split /^/, $response->{body} // '');
}

sub fill {
    my ($n) = @_;

    is(exchange(post('trackers', '[' . join(',', map {
        tracker_text("n$_", "a\nb, c")
    } 1 .. $n) . ']'))->{status}, 200, "$n trackers");
}

__DATA__

=== a tracker a line, and the end
--- scenario
my ($response, @lines) = lines_of('');

is($response->{status}, 200, 'none');
is($response->{headers}{'content-type'}, 'application/x-ndjson', 'type');
is("@lines", qq({"end":true,"count":0}\n), 'the end alone');

fill(3);
($response, @lines) = lines_of('');

my $list = decode(exchange(request('GET', '/v1/manage/trackers'))->{body});

is(pop @lines, qq({"end":true,"count":3}\n), 'the end');
is_deeply([map { decode($_) } @lines], $list->{trackers}, 'as the list has them');
like($response->{headers}{vary}, qr/\bAccept\b/, 'Vary');

($response, @lines) = lines_of('?name=n2');
is(scalar @lines, 2, 'by name');
is(decode($lines[0])->{name}, 'n2', 'that one');
($response, @lines) = lines_of('?name=x');
is("@lines", qq({"end":true,"count":0}\n), 'no such name');

($response, @lines) = lines_of('?limit=2');
my $end = decode(pop @lines);
is("$end->{end} $end->{count} " . @lines, '1 2 2', 'a page');
($response, @lines) = lines_of("?limit=2&cursor=$end->{next}");
is(decode($lines[0])->{name}, 'n3', 'and the next');
is($lines[1], qq({"end":true,"count":1}\n), 'which is the last');



=== tags: lines are another representation
--- scenario
fill(1);

my ($lines) = lines_of('');
my $json = exchange(request('GET', '/v1/manage/trackers'));
my $tag = $lines->{headers}{etag};

isnt($tag, $json->{headers}{etag}, 'another tag');
is((lines_of('', headers => ['Accept: application/x-ndjson',
                             "If-None-Match: $tag"]))[0]{status}, 304, 'same');
is(exchange(request('GET', '/v1/manage/trackers',
                    headers => ["If-None-Match: $tag"]))->{status}, 200,
   'not that of the list');
is((lines_of('', method => 'HEAD'))[0]{headers}{'content-type'},
   'application/x-ndjson', 'HEAD');



=== whoever does not name it gets the list
--- scenario
fill(1);

for my $accept ('*/*', 'application/*', 'application/json',
                'application/x-ndjson;q=0',
                'application/json, application/x-ndjson;q=0.5')
{
    my ($response) = lines_of('', headers => ["Accept: $accept"]);

    is($response->{headers}{'content-type'}, 'application/json', $accept);
    is(scalar @{decode($response->{body})->{trackers}}, 1, "$accept: the list");
}

for my $accept ('application/x-ndjson, */*', 'Application/X-NDJSON;q=1.0',
                'application/json, application/x-ndjson')
{
    my ($response) = lines_of('', headers => ["Accept: $accept"]);

    is($response->{headers}{'content-type'}, 'application/x-ndjson', $accept);
}

is((lines_of('?limit=0'))[0]{headers}{'content-type'}, 'application/json',
   'an error is none of the lines');



=== a list of many stretches, also when it is read again by MGET
--- scenario
fill(1000);
fill_more($_) for 1 .. 3;

sub fill_more {
    my ($i) = @_;

    exchange(post('trackers', '[' . join(',', map {
        tracker_text("m$i-$_", 'b')
    } 1 .. 1000) . ']'));
}

for my $time ('first', 'again') {
    my ($response, @lines) = lines_of('');

    is(pop @lines, qq({"end":true,"count":4000}\n), "$time: the end");
    is(scalar @lines, 4000, "$time: all");
    is(scalar(grep { !eval { decode($_)->{name} } } @lines), 0,
       "$time: each line is a tracker");
}
