use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

use IO::Select ();

# What a search may cost, whatever the body and the trackers are.

add_block_preprocessor(sub {
    my ($block) = @_;

    my $settings = $block->settings // '';

    $block->set_value(http_config => <<"CONFIG");
    tracker_redis $ENV{TEST_NGINX_REDIS};
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
CONFIG
    $block->set_value(config => <<"CONFIG");
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
        $settings
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }
CONFIG
});

run_tests();

sub json {
    return JSON::PP->new->canonical->encode($_[0]);
}

sub detect {
    my ($content, @trackers) = @_;

    return exchange(request('POST', '/v1/conversations/detect', body => json({
        messages => [{ payload => { content => $content } }],
        trackers => \@trackers,
    })));
}

sub refused {
    my ($response, $status, $message) = @_;

    is($response->{status}, $status, "status of: $message");
    is_message($response->{body}, $message, $message);
}

sub store {
    my ($name, @phrases) = @_;

    return decode(exchange(request('POST', '/v1/manage/tracker', body => json({
        name => $name, vocabulary => \@phrases,
    })))->{body})->{tracker}{id};
}

__DATA__

=== TEST 1: trackers of a body may have as many phrases as an account's
--- settings
        tracker_detect_max_phrases 4;
--- scenario
my @given = map { { name => "n$_", vocabulary => ['a', 'b'] } } 1 .. 3;

is(detect('a', @given[0, 1])->{status}, 200, 'as many');
refused(detect('a', @given), 400,
           'Trackers of at most 4 phrases can be detected, "trackers" has '
           . 'more.');
--- no_error_log
[alert]
[crit]
[error]



=== TEST 2: a search ends in time, whatever is found that nobody wants
--- settings
        tracker_timeout 200ms;
--- scenario
my $wanted = store('wanted', 'wanted');

store('unwanted', map { 'b' . '!' x $_ } 1 .. 900);

is(detect('b. wanted.', { id => $wanted })->{status}, 200, 'little to do');
refused(detect('b. ' x 300_000, { id => $wanted }), 504,
           'The messages were not searched in time.');
--- no_error_log
[alert]
[crit]
[error]



=== TEST 3: many ids, one of which is none
--- scenario
my $id = store('one', 'x');

is(detect('x', map { { id => $id } } 1 .. 20_000)->{status}, 200,
   'the same one many times');
refused(detect('x', (map { { id => $id } } 1 .. 20_000),
                  { id => '5555555555555555' }), 400,
           '"trackers[20000].id" is not the id of a tracker');
--- no_error_log
[alert]
[crit]
[error]



=== TEST 4: bodies that do not end are counted while they are received
--- scenario
my @clients = map { connect_nginx() } 1 .. 40;
my $refused;

for (@clients) {
    send_bytes($_, request('POST', '/v1/process/text', length => 1_000_000,
                           body => ' ' x 900_000));
}

# those that are refused are told at once
for (reverse @clients) {
    next if $refused;

    $refused = read_response($_)
        if IO::Select->new($_)->can_read(0.5);
}

is($refused && $refused->{status}, 429, 'too many bodies: status');
is_message($refused && $refused->{body},
           'Too many requests of this account are waiting.', 'too many bodies');

is(exchange(request('POST', '/v1/conversations/detect', account => 'other',
                    body => json({ messages => [
                        { payload => { content => 'x' } } ] })))->{status},
   200, 'another account is served');

close $_ for @clients;
--- no_error_log
[alert]
[crit]
[error]
