use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# One block for each bug that was found and fixed, unless its subject's file
# has a rule of its own for it.

run_tests();

__DATA__

=== ?name= with a percent sign that begins no escape
ngx_unescape_uri() dropped it, and the tracker called "100" was found.
--- scenario
for my $name ('100', '100%') {
    is(exchange(post('tracker', tracker_text($name)))->{status}, 200, $name);
}

for my $case (['100%', '100%'], ['100%25', '100%'], ['100', '100'],
              ['10%30', '100'], ['100%2', undef], ['100%%', undef])
{
    my ($sent, $found) = @$case;
    my $response = exchange(request('GET', "/v1/manage/trackers?name=$sent"));
    my @names = map { $_->{name} } @{decode($response->{body})->{trackers}};

    is_deeply(\@names, defined $found ? [$found] : [], "name=$sent");
}
