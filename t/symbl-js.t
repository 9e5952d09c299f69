use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Cwd qw(abs_path);

# The SDK itself, @symblai/symbl-js, as t/run has installed it.

no_root_location();

use constant SECRET => 'c' x 64;

write_apps('app-of-the-SDK' => SECRET);

run_tests();

# What t/npm/symbl-js.js prints.
sub run_sdk {
    my @arguments = @_;
    my $modules = abs_path('.build/npm/node_modules') // '';

    die "no $modules/\@symblai/symbl-js, run this test by t/run\n"
        unless -d "$modules/\@symblai/symbl-js";

    local $ENV{NODE_PATH} = $modules;
    local $ENV{NODE_NO_WARNINGS} = 1;

    open my $out, '-|', 'node', 't/npm/symbl-js.js', @arguments
        or die "node: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out;

    is($?, 0, 'status of node');
    return decode($text);
}

__DATA__

=== the SDK logs in, uses its token and looks into it
--- scenario
my $url = "http://127.0.0.1:$ENV{TEST_NGINX_PORT}";
my $seen = run_sdk($url, 'app-of-the-SDK', SECRET);

is($seen->{wrong}{message},
   'Combination of appId and appSecret is not valid.', 'a wrong secret');
is($seen->{wrong}{status}, 401, 'a wrong secret: status');

my ($head, $claims) = claims_of($seen->{token});
is($seen->{token}, sign_token($head, $claims), 'the token is ours');
is(decode($claims)->{sub}, 'app-of-the-SDK', 'its account');
is($seen->{expiresIn}, 86400, 'expiresIn');

is($seen->{created}{status}, 200, 'create with its X-API-KEY');
is($seen->{created}{body}{tracker}{name}, 'from the SDK', 'the tracker');
is_deeply($seen->{list}{body}{trackers}, [$seen->{created}{body}{tracker}],
          'the list');
ok(redis('EXISTS', account_key('app-of-the-SDK', 'name:from the SDK')),
   'stored in its account');

is($seen->{refreshed}{accessToken}, $seen->{token},
   'the token is good for long');
cmp_ok($seen->{refreshed}{expiresIn}, '>', 86000, 'and says how long');
