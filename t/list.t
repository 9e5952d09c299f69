use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# What a worker has listed is read by MGET as long as the revision is the same.

run_tests();

sub get {
    my ($path, %o) = @_;

    return exchange(request('GET', "/v1/manage/$path", type => undef, %o));
}

# creates trackers of these names, one by one; returns their JSON texts
sub create {
    return map {
        my $response = exchange(post('tracker', tracker_text($_)));
        my ($text) = $response->{body} =~ /^\{"tracker":(\{.*\})\}$/
            or die "$response->{status} $response->{body}\n";
        $text;
    } @_;
}

sub id_of {
    return decode($_[0])->{id};
}

__DATA__

=== a list that was read before is read again when anything has changed
--- scenario
my %id = map { my ($text) = create($_); ($_ => id_of($text)) } qw(a b c d);

sub list {
    my ($query) = @_;
    my $response = get('trackers' . ($query // ''));
    my $again = get('trackers' . ($query // ''));

    is($again->{body}, $response->{body}, 'the same body twice');
    is($again->{headers}{etag}, $response->{headers}{etag}, 'and ETag');
    commands_seen('evalsha');
    my $third = get('trackers' . ($query // ''));
    is($third->{body}, $response->{body}, 'and once more');
    is(commands_seen('evalsha'), 0, 'not by the script');

    return decode($response->{body});
}

sub names_of {
    return join ' ', map { $_->{name} } @{list(@_)->{trackers}};
}

is(names_of(), 'a b c d', 'all');

my $page = list('?limit=2');
is(join(' ', map { $_->{name} } @{$page->{trackers}}), 'a b', 'a page');
is(names_of("?limit=2&cursor=$page->{next}"), 'c d', 'the next one');
is(names_of("?limit=1&cursor=$page->{next}"), 'c', 'another limit');

exchange(request('PUT', "/v1/manage/tracker/$id{b}",
                 body => tracker_text('B', 'other')));
is(names_of(), 'a B c d', 'a change');
is(list('?limit=2')->{trackers}[1]{vocabulary}[0], 'other', 'on the page');

exchange(request('DELETE', "/v1/manage/tracker/$id{a}"));
is(names_of(), 'B c d', 'a tracker less');
is(names_of('?limit=2'), 'B c', 'on the page');

create('e');
is(names_of(), 'B c d e', 'a tracker more');

# what no module does: a record goes, and the revision stays

redis('SET', account_key('tester', "id:$id{c}"), '');
is(join(' ', map { $_->{name} }
        @{decode(get('trackers')->{body})->{trackers}}), 'B d e',
   'a record that is not there');

redis('FLUSHALL');
is(get('trackers')->{body}, '{"trackers":[]}', 'no account any more');



=== lists of two accounts that were read before
--- scenario
for my $account ('a', 'b') {
    exchange(post('tracker', tracker_text("of $account"),
                  account => $account)) for 1;
}

for (1 .. 3) {
    for my $account ('a', 'b') {
        my $list = exchange(request('GET', '/v1/manage/trackers',
                                    account => $account))->{body};
        is(decode($list)->{trackers}[0]{name}, "of $account",
           "account $account");
    }
}
