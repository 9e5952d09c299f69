# The rules that a machine can check: those of the source tree, and one of the
# tests.

use strict;
use warnings;
use Encode qw(decode);
use File::Find;
use Test::More;

use lib 't/lib';
use Tracker::Source;

my %text;

find({ no_chdir => 1, wanted => sub {
    return unless /\.(c|h|lua)$/;
    open my $in, '<:raw', $_ or die "$_: $!";
    local $/;
    $text{s{^src/}{}r} = <$in>;
} }, 'src');

ok(scalar keys %text, 'there are sources');

# the files, comments left out, that a pattern is found in
sub files_with {
    my ($pattern) = @_;

    return grep {
        my $code = $text{$_};
        $code =~ s{/\*.*?\*/}{}gs unless /\.lua$/;
        $code =~ $pattern;
    } sort keys %text;
}

sub only_in {
    my ($pattern, $allowed, $title) = @_;
    my @others = grep { $_ !~ /^(?:$allowed)$/ } files_with($pattern);

    is("@others", '', $title);
}

# Nothing is on the list; what is, is said where it is seen.
sub none {
    my ($title, @list) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok(!@list, $title) or diag(map { "    $_\n" } @list);
}

# The folders, bottom up: a file includes headers of its own folder and of those
# that it stands on, and calls no others.

my @order = qw(tracker jwt json redis store detect http);
my %below = (
    tracker => [],
    jwt => [],
    json => [qw(tracker)],
    redis => [],
    store => [qw(tracker redis)],
    detect => [qw(tracker json store)],
    http => [qw(tracker jwt json redis store detect)],
);

for my $i (0 .. $#order) {
    my %known = map { $_ => 1 } @order[0 .. $i - 1];

    none("$order[$i] stands on folders below it",
         grep { !$known{$_} } @{$below{$order[$i]}});
}

is(join(' ', grep { !m{^(\w+)/\w+\.[ch]$|^(store)/lua/\w+\.lua$}
                    || !$below{$1 // $2} } sort keys %text), '',
   'each file is in one of the folders');

# nginx names an object by the last folder and the file: addon/store/txn.o
{
    my %objects;

    push @{$objects{s{.*/(?=[^/]+/)}{}r}}, $_ for grep { /\.c$/ } keys %text;
    none('no two files are one object',
         map { "@$_" } grep { @$_ > 1 } values %objects);
}

for my $file (grep { /\.[ch]$/ } sort keys %text) {
    my ($folder) = $file =~ m{^(\w+)};
    my $known = join '|', $folder, @{$below{$folder}};
    my @others = grep { !m{^(?:$known)/\w+\.h$}
                        && !/^tracker_(?:lua|openapi|version)\.h$/ }
                 $text{$file} =~ /^\s*#\s*include\s*"([^"]+)"/mg;

    is("@others", '', "$file: includes point down");
}

# ngx_config.h says which names libc's headers offer, so that none of them may
# come before it: where nginx is 1.26, a file does not compile otherwise.

for my $file (grep { m{^(redis|store|http)/\w+\.c$} } sort keys %text) {
    is(first_include($file, {}), 'ngx_config.h', "$file: nginx comes first");
}

# the first header that a file includes and that is not in this tree
sub first_include {
    my ($file, $seen) = @_;

    for ($text{$file} =~ /^\s*#\s*include\s*([<"][^>"]+)/mg) {
        my ($kind, $name) = /(.)(.*)/;
        return $name if $kind eq '<';

        my $found = !$seen->{$name}++ && $text{$name}
                    && first_include($name, $seen);
        return $found if $found;
    }

    return '';
}

# Calls.  What goes up is handed down before, as a pointer to a function.

my $source = Tracker::Source->new('src');
my @functions = $source->functions;
my $arrows = $source->arrows;

cmp_ok(scalar @functions, '>', 300, 'the functions were read');
cmp_ok(scalar(map { keys %$_ } values %$arrows), '>', 100, 'and their calls');

{
    my @up;

    for my $from (sort keys %$arrows) {
        my ($folder) = $from =~ m{^(\w+)};
        my $known = join '|', $folder, @{$below{$folder}};

        push @up, map { "$from calls $_: @{$arrows->{$from}{$_}}" }
                  grep { !m{^(?:$known)/} } sort keys %{$arrows->{$from}};
    }

    none('calls point down', @up);
}

# Circles of calls between files that may stay: each a line of its files, in the
# order of the alphabet, with a space between them.

my @circles = ();

none('no files call each other in a circle',
     grep { my $circle = $_; !grep { $_ eq $circle } @circles }
     map { "@$_" } Tracker::Source::circles($arrows));

# A step, or the handler of a reply, says which function goes on.

none('no switch over states',
     grep { $source->code($_) =~ /\bswitch\s*\([^()]*\bstate\s*\)/ }
     $source->files);

# Bounds.  Lines are counted from a function's name to its closing brace; each
# member counts as a field, those of one bit too, a struct or union inside as
# one.

use constant {
    MAX_FIELDS => 24, MAX_PUBLIC => 16, MEDIAN_LINES => 24, MAX_LINES => 100,
};

none('no struct has more than ' . MAX_FIELDS . ' fields',
     map { "$_->{file} $_->{name}: $_->{fields}" }
     grep { $_->{fields} > MAX_FIELDS } $source->structs);

none('no function has more than ' . MAX_LINES . ' lines',
     map { "$_->{file} $_->{name}: $_->{lines}" }
     grep { $_->{lines} > MAX_LINES } @functions);

cmp_ok((sort { $a <=> $b } map { $_->{lines} } @functions)[@functions / 2],
       '<=', MEDIAN_LINES, 'the median of their lines');

# What headers offer.  A file may include one if it uses a type of it, or a
# constant, or a third of its functions, of a small one any; macros with
# arguments are functions here.  A struct of the header may have its typedef
# elsewhere.  The file that defines one of the functions has to.

use constant SMALL => 6;

my %header = map { $_ => $source->header($_) }
             grep { /\.h$/ } $source->files;

none('no header has more than ' . MAX_PUBLIC . ' functions',
     map { "$_: $header{$_}{prototypes}" }
     grep { $header{$_}{prototypes} > MAX_PUBLIC } sort keys %header);

none('functions in headers have a comment',
     map { my $file = $_; map { "$file $_" } $source->bare($file) }
     sort keys %header);

{
    my %defines;
    my @idle;

    $defines{$_->{file}}{$_->{name}} = 1 for @functions;

    for my $file (grep { /\.c$/ } $source->files) {
        my %words = map { $_ => 1 } $source->words($file);

        for my $name ($source->includes($file)) {
            my ($functions, $types, $constants) =
                @{$header{$name}}{qw(functions types constants)};
            my $used = grep { $words{$_} } @$functions;

            next if grep { $words{$_} || $words{s/_s$/_t/r} } @$types;
            next if grep { $words{$_} } @$constants;
            next if $used && (@$functions <= SMALL
                              || 3 * $used >= @$functions);
            next if grep { $defines{$file}{$_} } @$functions;

            push @idle, "$file uses $used of " . @$functions . " of $name";
        }
    }

    none('no file includes a header that it hardly uses', @idle);
}

only_in(qr/#\s*include\s*[<"](hiredis|async|read|sds)\b/, 'redis/.*',
        'hiredis is included by the Redis client only');
only_in(qr/\bredis(Async|Reply|Reader|Context)\w*/, 'redis/.*',
        'and its names are used nowhere else');
is(join(' ', grep { $_ eq 'redis/ngx_redis.h' } files_with(qr/hiredis/)), '',
   'the public header does not know it');
only_in(qr{#\s*include\s*"redis/(?!ngx_redis\.h")}, 'redis/.*',
        'and is the only one that others include');

only_in(qr/#\s*include\s*<jansson\.h>/, 'json/jansson_walk\.h|jwt/jwt\.c',
        'jansson is included by json/jansson_walk.h and jwt/jwt.c only');
only_in(qr{#\s*include\s*"json/jansson_walk\.h"}, 'json/jansson\w*\.c',
        'and the former by json/jansson*.c');
only_in(qr/\bjson_(t|loads|loadb|object|array|string|decref)\b/,
        'json/jansson\w*\.[ch]|jwt/jwt\.c', 'and its names are used nowhere else');

only_in(qr/#\s*include\s*<utf8proc\.h>|\butf8proc_\w+/, 'detect/char\.c',
        'utf8proc is used by detect/char.c only');

only_in(qr/#\s*include\s*<libstemmer\.h>|\bsb_stemmer_\w+/, 'detect/stem\.c',
        'libstemmer is used by detect/stem.c only');

only_in(qr/ngx_http/, 'http/.*', 'rooms below know no HTTP');
is(join(' ', grep { m{^(tracker|json|jwt|detect)/}
                    && !m{^detect/dictionary\.[ch]$} } files_with(qr/\bngx_/)),
   '', 'the pure rooms know no nginx');

only_in(qr{#\s*include\s*"(?!detect/)}, '(?!detect/).*|detect/(?:'
        . 'trackers|search|record|report|dictionary|answer)\.[ch]',
        'the automaton knows libc and utf8proc only');

# a step in the metrics has the name of one of them
only_in(qr/"(name|id|idem|conv):|\b(name|id|idem|conv):%
             |"(lock|index|rev|idems|convs|:(msgs|hits|who))"/x,
        'store/keys\.h|http/status\.c', 'names of keys are in one file only');

only_in(qr/\b[45]\d\d\s*[,;\)]|"[45]\d\d\b/,
        'http/response\.c|store/lua/.*',
        'numeric statuses are in the table of responses only');

only_in(qr/\bngx_http_finalize_request\b/,
        'http/(request|stream|body|health)\.c',
        'requests are finalized by the handlers and the body reader only');

only_in(qr{(?<![:"])//}, 'store/lua/.*', 'comments are /* */');

is(join(' ', grep { $text{$_} !~ /\n\#pragma\ GCC\ visibility\ push\(hidden\)\n
                                  .*\n\#pragma\ GCC\ visibility\ pop\n/sx }
             grep { /\.h$/ } sort keys %text), '',
   'no header offers its names to other modules');

if (my $module = $ENV{TEST_NGINX_LOAD_MODULES}) {
    my @names = grep { !/ngx_module(s|_names|_order)$/ }
                     `nm -D --defined-only $module`;

    is("@names", '', 'the module exports what nginx asks for, and nothing else');

    # Without a version a name is whoever's was loaded first.

    SKIP: {
        my $log = $module =~ s{[^/]+$}{objs/configure.log}r;

        skip 'hiredis is a shared library here', 1
            if -e $log && `cat $log` =~ /hiredis: shared library/;

        my @taken = grep { / U / && !/ ngx_|\@/ } `nm -D $module`;

        is("@taken", '',
           'and takes nothing from others but of nginx, or of a version');
    }
}

for my $file (sort keys %text) {
    my @lines = split /\n/, decode('UTF-8', $text{$file});
    my @long = grep { length $lines[$_ - 1] > 80 } 1 .. @lines;
    my @blank = grep { $lines[$_ - 1] =~ /\t|\s$/ } 1 .. @lines;

    is("@long", '', "$file: 80 columns");
    is("@blank", '', "$file: no tabs, no blanks at the end of a line");
    is($text{$file} =~ /\b(TO[D]O|FIX[M]E|X{3})\b/ ? $1 : '', '',
       "$file: nothing is left to do");
}

# Behind a script without a first line "#!lua", Valkey 9 does not send what a
# transaction writes to the node that its slot is being migrated to.

{
    my $all = join '', values %text;
    my @calls = $all =~ /\bcmd->before\s*=\s*(?!NULL)(\w[^;]*);/g;
    my @first;

    # a call names the script, or the function that is called does

    for my $call (@calls) {
        my ($maker) = $call =~ /^(\w+)/;
        my $named = $call =~ /tracker_lua_/ ? $call
                    : $all =~ /^\Q$maker\E\(.*?^\}/ms ? $& : '';

        push @first, $named =~ /tracker_lua_(\w+)/;
    }

    cmp_ok(scalar @first, '>', 1, 'there are transactions');
    is(scalar @first, scalar @calls, 'each begins with a script');
    none('such a script names its slot',
         grep { $text{"store/lua/$_.lua"} !~ /\A#!lua\b/ } sort @first);
}

# README has a row for each outcome, with its status.

{
    my (%answers, %rows);

    $answers{$2} = $1 while $text{'http/response.c'}
        =~ /^ {8}\{ (\d{3}), ngx_string\("([^"]+)"\)/mg;

    open my $in, '<', 'README.md' or die "README.md: $!";
    my ($section) = do { local $/; <$in> } =~ /^## Variables\n(.*?)^## /ms;

    for my $row ($section =~ /^\| (`.*)/mg) {
        my ($words, $status, $when) = split / \| /, $row;

        next unless $status =~ /^\d{3}$/;

        for my $word ($words =~ /`([^`]+)`/g) {
            ok(!$rows{$word}, "README: one row for $word");
            ok($when =~ /\w/, "README: when it is $word");
            $rows{$word} = $status;
        }
    }

    cmp_ok(scalar keys %answers, '>', 30, 'the table of answers was read');
    is_deeply(\%rows, \%answers, 'README: outcomes and their statuses');
}

# With HUP a zone keeps what it has counted, and blocks run in any order.

for my $file (glob 't/*.t') {
    open my $in, '<', $file or die "$file: $!";
    my %blocks;
    local $/;
    $blocks{$_}++ for <$in> =~ /\blimit_\w+_zone\s.*\bzone=(\w+):/g;

    is(join(' ', grep { $blocks{$_} > 1 } sort keys %blocks), '',
       "$file: no two blocks count in one zone");
}

done_testing();
