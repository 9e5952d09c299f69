# Makes the bodies, times their decoding, and posts them.  Run by t/bench/steps,
# in .build/bench.

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Contender;
use RedisServer;
use Report;
use Text;
use Workload;

use constant SIZE => 1048576;

# milliseconds that one step may take
use constant { GOOD => 3, HOSTILE => 60 };

use constant POSTS => 5;

# name, title, limit, what makes it, where it goes, else to "trackers", and what
# makes the tracker that it changes, else a small one, or the text or the trackers
# that are posted before it, else none

my @bodies = (
    [ 'bulk', 'bulk, 450 trackers of 70 phrases', GOOD,
      sub { Workload::bulk(450, 70) } ],
    [ 'one-large', 'one tracker of 1 MiB', GOOD,
      sub { phrases(sub { Workload::phrase($_[0]) }) } ],
    [ 'small-trackers', 'a bulk of the smallest trackers', GOOD,
      sub { list('[', ']', sub { qq({"name":"$_[0]","vocabulary":["a"]}) }) }
    ],
    [ 'short-phrases', 'one tracker of 140,000 phrases', HOSTILE,
      sub { phrases(sub { base36($_[0]) }) } ],
    [ 'one-phrase', 'one phrase of 1 MiB', HOSTILE,
      sub { one_phrase('x' x (SIZE - 30)) } ],
    [ 'escapes', 'one phrase, escapes only', HOSTILE,
      sub { one_phrase('\\u00e9' x ((SIZE - 30) / 6)) } ],
    [ 'short-escapes', 'phrases of one escape and a number', HOSTILE,
      sub { phrases(sub { '\\n' . base36($_[0]) }) } ],
    [ 'empty-objects', '[{},{},...]', HOSTILE,
      sub { list('[', ']', sub { '{}' }) } ],
    [ 'empty-arrays', '[[],[],...]', HOSTILE,
      sub { list('[', ']', sub { '[]' }) } ],
    [ 'numbers', 'an array of numbers', HOSTILE,
      sub { list('[', ']', sub { '1' }) } ],
    [ 'one-number', 'one number of 1 MiB', HOSTILE,
      sub { '[' . '1' x (SIZE - 2) . ']' } ],
    [ 'deep', '[[[[... without an end', HOSTILE,
      sub { '[' x SIZE } ],
    [ 'deep-often', 'arrays 2,000 deep, again and again', HOSTILE,
      sub { list('[', ']', sub { '[' x 2000 . ']' x 2000 }) } ],
    [ 'keys', 'an object of many keys', HOSTILE,
      sub { list('{', '}', sub { '"' . base36($_[0]) . '":0' }) } ],
    [ 'repeated-key', 'many keys, the last one twice', HOSTILE,
      sub { list('{', ',"k1":0}', sub { qq("k$_[0]":0) }) } ],
    [ 'same-keys', 'bulk, "name" twice in the last tracker', HOSTILE,
      sub { Workload::bulk(450, 70)
            =~ s/"vocabulary"(?!.*"vocabulary")/"name":"x","vocabulary"/r } ],
    [ 'late-repeat', 'bulk, the last phrase repeats', HOSTILE,
      sub { Workload::bulk(450, 70) =~ s/("[^"]+")\]\}\]$/$1,$1]}]/r } ],
    [ 'late-fault', 'bulk, the last bracket is missing', HOSTILE,
      sub { Workload::bulk(450, 70) =~ s/\]$//r } ],
    [ 'late-utf8', 'bulk, bad UTF-8 in the last phrase', HOSTILE,
      sub { Workload::bulk(450, 70) =~ s/"\]\}\]$/\xff"]}]/r } ],
    [ 'late-type', 'bulk, the last tracker is a number', HOSTILE,
      sub { Workload::bulk(450, 70) =~ s/\]$/,1]/r } ],
    [ 'late-small', 'the smallest trackers, the last bracket is missing',
      HOSTILE,
      sub { list('[', '', sub { qq({"name":"$_[0]","vocabulary":["a"]}) }) }
    ],
    [ 'late-empty', 'empty strings, the last bracket is missing', HOSTILE,
      sub { list('{"name":"x","categories":[', '', sub { '""' }) } ],

    [ 'tracker-objects', 'POST tracker: [{},{},...]', HOSTILE,
      sub { list('[', ']', sub { '{}' }) }, 'tracker' ],
    [ 'bulk-objects', 'POST trackers/bulk: {"1":{},"2":{},...}', HOSTILE,
      sub { list('{', '}', sub { qq("$_[0]":{}) }) }, 'bulk' ],

    [ 'put-large', 'PUT: one tracker of 1 MiB', GOOD,
      sub { phrases(sub { Workload::phrase($_[0]) }) }, 'put' ],
    [ 'put-short', 'PUT: 140,000 phrases', HOSTILE,
      sub { phrases(sub { base36($_[0]) }) }, 'put' ],
    [ 'put-objects', 'PUT: [{},{},...]', HOSTILE,
      sub { list('[', ']', sub { '{}' }) }, 'put' ],
    [ 'put-keys', 'PUT: {"1":{},"2":{},...}', HOSTILE,
      sub { list('{', '}', sub { qq("$_[0]":{}) }) }, 'put' ],
    [ 'put-name', 'PUT: a name of [[],[],...]', HOSTILE,
      sub { list('{"name":[', ']}', sub { '[]' }) }, 'put' ],
    [ 'put-late', 'PUT: empty strings, the last bracket is missing', HOSTILE,
      sub { list('{"name":"x","categories":[', '', sub { '""' }) }, 'put' ],

    [ 'patch-large', 'PATCH: a vocabulary of 1 MiB', GOOD,
      sub { operation('vocabulary', sub { Workload::phrase($_[0]) }) },
      'patch' ],
    [ 'patch-short', 'PATCH: a vocabulary of 140,000 phrases', HOSTILE,
      sub { operation('vocabulary', sub { base36($_[0]) }) }, 'patch' ],
    [ 'patch-add', 'PATCH: 16,000 phrases, each an operation', HOSTILE,
      sub { list('[', ']', sub {
          qq({"op":"add","path":"/vocabulary/-","value":"$_[0]"}) }) },
      'patch' ],
    [ 'patch-remove', 'PATCH: 26,000 times the same remove', HOSTILE,
      sub { list('[', ']', sub {
          '{"op":"remove","path":"/vocabulary/0"}' }) }, 'patch' ],
    [ 'patch-lists', 'PATCH: 25,000 empty lists', HOSTILE,
      sub { list('[', ']', sub {
          '{"op":"add","path":"/languages","value":[]}' }) }, 'patch' ],
    [ 'patch-objects', 'PATCH: [{},{},...]', HOSTILE,
      sub { list('[', ']', sub { '{}' }) }, 'patch' ],
    [ 'patch-keys', 'PATCH: {"1":{},"2":{},...}', HOSTILE,
      sub { list('{', '}', sub { qq("$_[0]":{}) }) }, 'patch' ],
    [ 'patch-value', 'PATCH: a value of [[],[],...]', HOSTILE,
      sub { list('[{"op":"add","path":"/languages","value":[', ']}]',
                 sub { '[]' }) }, 'patch' ],
    [ 'patch-ignored', 'PATCH: an ignored member, [{},{},...]', HOSTILE,
      sub { list('[{"op":"remove","path":"/name","x":[', ']}]',
                 sub { '{}' }) }, 'patch' ],
    [ 'patch-most', 'PATCH: as many ignored values as are taken', HOSTILE,
      sub { '[{"op":"remove","path":"/name"'
            . join('', map { qq(,"$_":{}) } 1 .. 32_000) . '}]' }, 'patch' ],
    [ 'patch-late', 'PATCH: empty strings, the last bracket is missing',
      HOSTILE,
      sub { operation('categories', sub { '' }) =~ s/\]$//r }, 'patch' ],

    [ 'patch-stored', 'PATCH: 26,000 removes from 140,000 phrases', HOSTILE,
      sub { list('[', ']', sub {
          '{"op":"remove","path":"/vocabulary/0"}' }) }, 'patch',
      sub { phrases(sub { base36($_[0]) }) } ],
    [ 'patch-anywhere', 'PATCH: 24,000 removes all over 140,000 phrases',
      HOSTILE,
      sub { list('[', ']', sub {
          sprintf '{"op":"remove","path":"/vocabulary/%d"}',
                  $_[0] * 7919 % 110_000 }) }, 'patch',
      sub { phrases(sub { base36($_[0]) }) } ],
    [ 'patch-empty', 'PATCH: a new name where 349,000 strings are empty',
      HOSTILE,
      sub { '[{"op":"replace","path":"/name","value":"y"}]' }, 'patch',
      sub { list('{"name":"x","vocabulary":["x"],"categories":[', ']}',
                 sub { '""' }) } ],

    [ 'import-merge', 'import: 450 trackers of 70 phrases, merged into as many',
      GOOD, sub { Workload::bulk(450, 70) }, 'merge',
      sub { Workload::bulk(450, 69) =~ s/"vocabulary":\[/$&"x",/gr } ],
    [ 'import-same', 'import: 450 trackers of 70 phrases that are there', GOOD,
      sub { Workload::bulk(450, 70) }, 'merge',
      sub { Workload::bulk(450, 70) } ],
    [ 'import-replace', 'import: the smallest trackers in place of as many',
      GOOD,
      sub { list('[', ']', sub { qq({"name":"$_[0]","vocabulary":["a"]}) }) },
      'replace',
      sub { list('[', ']', sub { qq({"name":"$_[0]","vocabulary":["b"]}) }) }
    ],
    [ 'import-rest', 'import: the smallest trackers, as many others deleted',
      GOOD,
      sub { list('[', ']', sub { qq({"name":"$_[0]","vocabulary":["a"]}) }) },
      'rest',
      sub { list('[', ']', sub { qq({"name":"-$_[0]","vocabulary":["b"]}) }) }
    ],
    [ 'import-lines', 'import: 450 lines of 70 phrases', GOOD,
      sub { join '', map { "$_\n" } split /(?<=\}),/,
            Workload::bulk(450, 70) =~ s/^\[|\]$//gr }, 'lines' ],
    [ 'import-large', 'import: one phrase more for a tracker of 1 MiB', GOOD,
      sub { one_phrase('y') }, 'merge',
      sub { phrases(sub { Workload::phrase($_[0]) })
            =~ s/(?:,"[^"]*"){4}\]\}$/]}/r } ],
    [ 'import-short', 'import: one phrase more for 140,000', HOSTILE,
      sub { one_phrase('y') }, 'merge',
      sub { phrases(sub { base36($_[0]) }) =~ s/(?:,"[^"]*"){9}\]\}$/]}/r } ],
    [ 'import-faults', 'import: [1,1,...], all faults are listed', HOSTILE,
      sub { list('[', ']', sub { '1' }) }, 'merge' ],
    [ 'import-keys', 'import: trackers of 31 unknown keys', HOSTILE,
      sub { list('[', ']', sub { '{' . join(',', map { qq("$_":0) } 10 .. 40)
                                 . '}' }) }, 'merge' ],
    [ 'import-more', 'import: 30,000 unknown keys of one tracker', HOSTILE,
      sub { '[{' . join(',', map { sprintf '"%028d":0', $_ } 1 .. 30_000)
            . '}]' }, 'merge' ],
    [ 'import-values', 'import: values of many keys for "name"', HOSTILE,
      sub { list('[', ']', sub { '{"name":[' . join(',',
          ('{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0}') x 400)
          . ']}' }) }, 'merge' ],
    [ 'lines-faults', 'import: an empty object a line', HOSTILE,
      sub { list('', "\n", sub { '{}' }) =~ tr/,/\n/r }, 'lines' ],

    [ 'login-objects', 'login: [{},{},...]', HOSTILE,
      sub { list('[', ']', sub { '{}' }) }, 'login' ],
    [ 'login-keys', 'login: ignored keys, {"1":{},"2":{},...}', HOSTILE,
      sub { list('{', '}', sub { qq("$_[0]":{}) }) }, 'login' ],

    [ 'text', 'a text of 1 MB, 25,000 phrases to be compiled first', GOOD,
      sub { Text::conversation(25_000, 0, 1_000_000) }, 'text', '' ],
    [ 'text-again', 'a text of 1 MB, 25,000 phrases compiled before', GOOD,
      sub { Text::conversation(25_000, 0, 1_000_000) }, 'text',
      sub { Text::conversation(25_000, 10) } ],
    [ 'text-load', 'ten messages, 25,000 phrases to be compiled first', GOOD,
      sub { Text::conversation(25_000, 10) }, 'text', '' ],
);

# what a worker gets to do with a body: method, path, and headers

my %requests = (
    trackers => [ POST => '/v1/manage/trackers' ],
    tracker  => [ POST => '/v1/manage/tracker' ],
    bulk     => [ POST => '/v1/manage/trackers/bulk' ],
    put      => [ PUT => '/v1/manage/tracker/ID' ],
    patch    => [ PATCH => '/v1/manage/tracker/ID' ],
    merge    => [ POST => '/v1/manage/trackers?on_conflict=merge' ],
    replace  => [ POST => '/v1/manage/trackers?on_conflict=replace' ],
    rest     => [ POST => '/v1/manage/trackers?on_conflict=replace&rest=delete',
                  'If-Match: *' ],
    lines    => [ POST => '/v1/manage/trackers?on_conflict=merge',
                  'Content-Type: application/x-ndjson' ],
    login    => [ POST => '/oauth2/token:generate' ],
    text     => [ POST => '/v1/process/text' ],
);

my ($save, @names) = @ARGV;
my %wanted = map { $_ => 1 } @names;
my @chosen = grep { !@names || $wanted{$_->[0]} } @bodies;

die "there is no such body\n" if @names && @chosen != keys %wanted;

$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP PIPE);
umask 077;

my $machine = Report::machine();

for (@chosen) {
    my ($name, $title, $limit, $make) = @$_;

    write_file("steps/$name", $make->());
    die "$name is larger than 1 MiB\n" if -s "steps/$name" > SIZE;
}

my %decoding = decode_all();
my %waiting = post_all();

my $text = "| body | bytes | answer | decoding, ms | its longest turn, ms | "
           . "memory, MB | the worker, ms | its longest turn, ms | another "
           . "request waits, ms | limit, ms |\n"
           . "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n"
           . sprintf "| nothing is posted | | | | | | %.1f | %.2f | %.1f | |\n",
                     @{ $waiting{''} }[1 .. 3];

for (@chosen) {
    my ($name, $title, $limit) = @$_;
    my ($outcome, $whole, $turn, $memory) = @{ $decoding{$name} };
    my ($status, $cpu, $loop, $wait) = @{ $waiting{$name} };

    # operations that decode may still not apply
    die "$name: decoding gave $outcome, the answer was $status\n"
        unless $outcome eq ($status < 300 ? 'valid' : $status)
               || $outcome eq 'valid' && $status == 400
                  && to($_) eq 'patch';

    $text .= sprintf "| %s | %d | %s | %s | %s | %s | %.1f | %.2f | %.1f "
                     . "| %s |\n",
                     $title, -s "steps/$name", $status, $whole, $turn,
                     $memory, $cpu, $loop, $wait,
                     $loop > $limit ? "**$limit**" : $limit;
}

$text = "$machine$text\n";
print $text;

Report::keep("$ENV{PROJECT}/t/bench", 'steps', $text) if $save;

exit 0;


# pieces of bodies

sub one_phrase {
    return qq({"name":"x","vocabulary":["$_[0]"]});
}


sub phrases {
    my ($phrase) = @_;

    return list('{"name":"x","vocabulary":[', ']}',
                sub { '"' . $phrase->($_[0]) . '"' });
}


# a PATCH of one list

sub operation {
    my ($key, $string) = @_;

    return list(qq([{"op":"add","path":"/$key","value":[), ']}]',
                sub { '"' . $string->($_[0]) . '"' });
}


# as many elements as there is room for

sub list {
    my ($head, $tail, $element) = @_;
    my $text = $head;

    for (my $i = 1; ; $i++) {
        my $next = ($i > 1 ? ',' : '') . $element->($i);

        last if length($text) + length($next) + length($tail) > SIZE;
        $text .= $next;
    }

    return $text . $tail;
}


# four characters, all different below 1.6 million

sub base36 {
    my ($n) = @_;

    return join '', map { (0 .. 9, 'a' .. 'z')[int($n / 36 ** $_) % 36] }
                        reverse 0 .. 3;
}


# name -> [outcome, whole, longest turn, memory]

sub decode_all {
    my %decoding;

    for (@chosen) {
        my $line = `./step_timer @{[to($_)]} steps/$_->[0]`;

        die "step_timer failed\n" if $?;
        $decoding{$_->[0]} = [split ' ', $line];
    }

    return %decoding;
}


sub to {
    return $_[0][4] // 'trackers';
}


# name -> [status, ms, ms, ms]: medians, over several posts, of the CPU time that
# the worker took for all, of its longest turn, and of the longest time that
# another connection's request took while one was answered.  '': the same while
# nothing is posted.

sub post_all {
    my %waiting;

    write_file('jwt.key', Contender::KEY);

    my $redis = RedisServer->new("$ENV{PROJECT}/t/bench/redis/redis.conf",
                                 Contender::SOCKET);
    write_file('steps/longest', pack 'd', 0);

    local $ENV{TURN_METER} = "$ENV{PROJECT}/.build/bench/steps/longest";
    local $ENV{LD_PRELOAD} = "$ENV{PROJECT}/.build/bench/turn_meter.so";

    my $server = Contender->new('module', $redis, {
        bench   => "$ENV{PROJECT}/t/bench",
        floor   => '',
        key     => "$ENV{PROJECT}/.build/bench/jwt.key",
        module  => "$ENV{PROJECT}/.build/ngx_http_tracker_module.so",
        modules => '',
    });

    delete $ENV{LD_PRELOAD};

    for my $entry ([''], @chosen) {
        my (@cpus, @turns, @waits, $status);
        my $name = $entry->[0];
        my $body = $name eq '' ? '' : read_file("steps/$name");
        my ($method, $path, @headers) = @{ $requests{to($entry)} };

        for (1 .. POSTS) {
            $redis->command('FLUSHALL', 'SYNC');

            my $id = $path =~ /ID$/ ? create($server, $entry->[5]) : '';

            prepare_text($server, $entry->[5]) if to($entry) eq 'text';
            prepare_import($server, $entry->[5])
                if to($entry) =~ /^(?:merge|replace|rest)$/ && $entry->[5];

            my $wait = watch($server->{port});

            sleep 0.01;
            longest(0);

            my $before = $server->{processes}->cpu;

            if ($name eq '') {
                $status = '';
                sleep 0.2;

            } else {
                my ($got) = $server->exchange($method, $path =~ s/ID$/$id/r,
                                              1, $body, @headers);

                die "$name: first $status, then $got\n"
                    if $_ > 1 && $got != $status;

                $status = $got;
                sleep 0.01;
            }

            push @cpus, 1000 * ($server->{processes}->cpu - $before);

            push @waits, $wait->();
            push @turns, longest();
        }

        $waiting{$name} = [$status, map { (sort { $a <=> $b } @$_)[POSTS / 2] }
                                        \@cpus, \@turns, \@waits];
    }

    return %waiting;
}


# the id of a tracker that is there to be changed

sub create {
    my ($server, $make) = @_;
    my ($status, $text) = $server->exchange('POST', '/v1/manage/tracker', 1,
                                            $make ? $make->()
                                                  : one_phrase('x'));

    return $text =~ /"id":"(\d+)"/ ? $1 : die "$text\n";
}


# the phrases, and what is posted first

sub prepare_text {
    my ($server, $make) = @_;
    my %before = ('/v1/manage/trackers' => Text::trackers(25_000),
                  $make ? ('/v1/process/text' => $make->()) : ());

    for my $path (sort keys %before) {
        my ($status, $text) = $server->exchange('POST', $path, 1,
                                                $before{$path});

        die "$text\n" unless $status =~ /^20[01]$/;
    }
}


# what an import finds, an array of trackers or one

sub prepare_import {
    my ($server, $make) = @_;
    my ($status, $text) = $server->exchange('POST', '/v1/manage/trackers', 1,
                                            $make->());

    die "$text\n" unless $status == 200;
}


# The CPU time of the worker's longest turn, in ms, since it was last set.

sub longest {
    my ($value) = @_;

    open my $file, '+<:raw', 'steps/longest' or die "longest: $!\n";

    if (defined $value) {
        syswrite $file, pack 'd', $value;
        return $value;
    }

    sysread $file, my $bytes, 8;

    return unpack 'd', $bytes;
}


# Another process asks for /idle, again and again.  Returns a function that
# ends it and returns its longest wait in ms.

sub watch {
    my ($port) = @_;

    pipe(my $started, my $start) or die "pipe: $!\n";
    pipe(my $answer, my $out) or die "pipe: $!\n";

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        my $socket = IO::Socket::INET->new("127.0.0.1:$port");
        my $longest = 0;
        my $ended = 0;

        $SIG{TERM} = sub { $ended = 1 };
        syswrite $start, 'x';

        until ($ended) {
            my $sent = time;

            syswrite $socket, "GET /idle HTTP/1.1\r\nHost: bench\r\n\r\n";

            # an answer is small enough to come in one piece
            sysread $socket, my $part, 65536;

            my $took = time - $sent;

            $longest = $took if $took > $longest;
            select undef, undef, undef, 0.0002;
        }

        syswrite $out, $longest;
        require POSIX;
        POSIX::_exit(0);
    }

    close $out;
    sysread $started, my $byte, 1;

    return sub {
        kill 'TERM', $pid;
        sysread $answer, my $longest, 100;
        waitpid $pid, 0;

        return $longest * 1000;
    };
}


sub write_file {
    my ($file, $text) = @_;

    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}


sub read_file {
    my ($file) = @_;

    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;

    return scalar <$in>;
}
