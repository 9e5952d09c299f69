use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';

# Where phrases stand in what was said, as a client in JavaScript cuts them out.

# an emulator is some 30 times slower
use constant HITS => ($ENV{TRACKER_WATCHED} // '') eq 'valgrind' ? 3_000
                                                               : 100_000;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<"CONFIG");
    tracker_redis $ENV{TEST_NGINX_REDIS};
    tracker_jwt_key $ENV{TEST_NGINX_KEY};
CONFIG
    $block->set_value(config => <<'CONFIG');
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }
CONFIG
});

run_tests();

__DATA__

=== text.slice(offset, end) has the words of the phrase, and no more
--- scenario
open my $out, '-|', 'node', 't/npm/offsets.js',
    "http://127.0.0.1:$ENV{TEST_NGINX_PORT}", token('tester'), HITS
    or die "node: $!\n";
my $text = do { local $/; <$out> } // '';
close $out;

is($?, 0, 'status of node') or return;

my $seen = decode($text);

is_deeply($seen->{wrong}, [], 'each is right');
cmp_ok($seen->{hits}, '>=', HITS, "$seen->{hits} hits");
cmp_ok($seen->{beyond}, '>', $seen->{hits} / 5,
       "$seen->{beyond} behind characters of two units");
cmp_ok($seen->{seen}, '>', 100, "of $seen->{seen} phrases");
