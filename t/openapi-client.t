use lib 't/lib';
use Tracker;
use Test::Nginx::Socket 'no_plan';
use Cwd qw(abs_path);
use File::Copy qw(copy);
use File::Path qw(make_path);

# A client that a generator makes of conf/openapi.yaml compiles, and does what
# its operations say.  The names of all components are one room to a generator.

no_root_location();

write_apps(app1 => 'secret');

my $modules = abs_path('.build/npm/node_modules') // '';
die "nothing in $modules, run this test by t/run\n" unless -d $modules;

run_tests();

# A command of the packages; what it says is shown when it fails.
sub run_package {
    my ($title, $command, @arguments) = @_;

    open my $out, '-|', "$modules/.bin/$command", @arguments
        or die "$command: $!\n";
    my $words = do { local $/; <$out> } // '';
    close $out;

    is($?, 0, $title) or diag($words);
}

# What t/npm/client.ts prints.
sub run_client {
    my @arguments = @_;
    my $dir = scratch('program');

    make_path($dir);
    run_package('a client is generated', 'openapi',
                '--input', 'conf/openapi.yaml', '--output', "$dir/api",
                '--useUnionTypes');

    copy('t/npm/client.ts', "$dir/client.ts") or die "client.ts: $!\n";
    run_package('it compiles', 'tsc', '--strict', '--module', 'commonjs',
                '--target', 'es2021', '--lib', 'es2021,dom',
                '--outDir', "$dir/out", "$dir/client.ts", glob "$dir/api/models/*.ts");

    local $ENV{NODE_NO_WARNINGS} = 1;

    open my $out, '-|', 'node', "$dir/out/client.js", @arguments
        or die "node: $!\n";
    my $text = do { local $/; <$out> } // '';
    close $out;

    is($?, 0, 'status of node');
    return decode($text);
}

__DATA__

=== a generated client compiles and works
--- config
    location /v1/ {
        tracker_conversations;
        client_max_body_size 1m;
    }

    location /v1/manage/ {
        tracker_api;
        client_max_body_size 1m;
    }

    location = /oauth2/token:generate {
        tracker_token;
        tracker_token_apps $TEST_NGINX_APPS;
        client_max_body_size 1m;
    }
--- scenario
my $seen = run_client("http://127.0.0.1:$ENV{TEST_NGINX_PORT}", 'app1',
                      'secret');
my $id = $seen->{created}{id};

is($seen->{refused}{status}, 401, 'without a token');
is($seen->{expiresIn}, 86400, 'login');
like($id, qr/^\d{16}$/, 'a tracker is created');
is(join(' ', map { $_->{name} } @{$seen->{many}}), 'second third', 'bulk');
is_deeply($seen->{replaced}, { id => $id, name => 'first',
                               vocabulary => ['1'] }, 'replaced');
is_deeply($seen->{patched}, { id => $id, name => 'first',
                              vocabulary => ['1', 'uno'] }, 'patched');
is_deeply($seen->{found}, $seen->{patched}, 'found');
is_deeply($seen->{named}, [$seen->{many}[0]], 'found by name');
is(scalar @{$seen->{page}{trackers}}, 2, 'a page');
ok($seen->{page}{next}, 'and the next one');
is($seen->{job}{status}, 'completed', 'a job');
is(join(' ', map { my $t = $_;
                   map { my $m = $_;
                         map { "$t->{name}:$m->{value}\@$_->{offset}" }
                         @{$m->{messageRefs}} } @{$t->{matches}}
       } @{$seen->{heard}}),
   'first:uno@4 first:uno@4 given:say@0', 'what was said');
is($seen->{detected}{messages}[0]{text}, 'Say uno.', 'detect');
is($seen->{detected}{trackers}[0]{id}, $id, 'and its trackers');
is_deeply($seen->{deleted}, { id => $id, type => 'tracker', deleted => JSON::PP::true },
          'deleted');
is_deeply($seen->{missing}, { status => 404, body => {
    message => "Tracker with id \"$id\" does not exist." } }, 'gone');
