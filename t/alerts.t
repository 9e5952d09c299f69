# conf/alerts.yml and conf/dashboard.json: promtool takes them, the rules do what
# t/alerts.yml says, and both ask for metrics that there are.

use strict;
use warnings;

use lib 't/lib';
use File::Temp ();
use JSON::PP ();
use Test::More;

my $promtool = $ENV{TRACKER_PROMTOOL}
    or plan skip_all => 'promtool: run this test by t/run';

my $dir = File::Temp->newdir(TMPDIR => 1);

sub read_file {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    local $/;
    return <$in>;
}

sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', "$dir/$name" or die "$name: $!";
    print $out $text;
    close $out or die "$name: $!";
    return "$dir/$name";
}

# The status of promtool, and its words.
sub promtool {
    my $words = `$promtool @_ 2>&1`;

    return ($? >> 8, $words);
}

sub is_taken {
    my ($title, @command) = @_;
    my ($status, $words) = promtool(@command);

    is($status, 0, $title) or diag($words);
}

my $rules = read_file('conf/alerts.yml');
my $tests = read_file('t/alerts.yml');
my @alerts = $rules =~ /^ *- alert: (\w+)$/mg;


# the rules

is_taken('the rules', 'check rules conf/alerts.yml');
is_taken('what they do', 'test rules t/alerts.yml');
cmp_ok(scalar @alerts, '>', 5, 'they were found');

# one that never fires is found out by its test
for my $alert (@alerts) {
    my $broken = $rules =~ s{(- alert: $alert\n *expr: )(?:\|\n(?: {10}.*\n)+|.*\n)}
                            {$1vector(0) > 1\n}r;

    isnt($broken, $rules, "$alert: another one");
    write_file('broken.yml', $broken);

    my $file = write_file('tests.yml',
                          $tests =~ s{\.\./conf/alerts\.yml}{broken.yml}r);
    my ($status) = promtool("test rules $file");

    isnt($status, 0, "$alert: a test needs it");
}

my ($readme) = read_file('README.md') =~ /^### Metrics\n(.*?)^### /ms;
my %metrics = map { $_ => 1 } $readme =~ /^\| `(tracker_\w+)`/mg;

sub unknown_metrics {
    my ($text) = @_;

    return grep { !$metrics{$_} && !$metrics{s/_(?:bucket|sum|count)$//r} }
           $text =~ /\b(tracker_\w+)(?=\{|\[| [<>=]|\)|$)/mg;
}

cmp_ok(scalar keys %metrics, '>', 30, 'the table of README');
is(join(' ', unknown_metrics($rules =~ s/^ *#.*//mgr)), '',
   'the rules ask for what there is');


# the dashboard

my $dashboard = JSON::PP->new->utf8->decode(read_file('conf/dashboard.json'));
my @panels = @{$dashboard->{panels}};
my @queries = map { $_->{expr} } map { @{$_->{targets}} } @panels;

is(scalar @panels, 6, 'six panels');
is(join(' ', unknown_metrics(join "\n", @queries)), '',
   'they ask for what there is');

my $n = 0;
my $text = join '', "groups:\n- name: queries\n  rules:\n", map {
    my $expr = s/\$__rate_interval/5m/gr;

    $n++;
    "  - record: q$n\n    expr: >-\n      $expr\n";
} @queries;

is_taken('their queries', 'check rules ' . write_file('queries.yml', $text));
is(join(' ', grep { !/instance=~"\$instance"/ } @queries), '',
   'each can be asked of one instance');

done_testing();
