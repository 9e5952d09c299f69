# Every byte of a write that is kept in the history is cut once.
#
# As cuts.t, with tracker_history: a small create, a bulk, a PATCH, a DELETE and
# an import, each in an account of its own that has trackers.  A connection that
# is closed, reset or stalled must not be seen by the client; after silence, or
# a garbled reply, it may be answered with 502 or 504.  What was answered with
# 200 is in the log, once, and its last revision is the account's; what was not
# has done all, or nothing.  The log says which trackers there are.
#
# Controls: a change that is not in the log; a create that is sent again and is
# logged again; a bulk whose log does not end at the revision; an import whose
# deletes are not in the log.

use strict;
use warnings;
use lib 't/lib', 't/fault';

use Test::More;
use Tracker;
use Fault;

# what each does to an account that has a and b
my %shape = (
    create => { method => 'POST', path => 'tracker', body => tracker_text('n'),
                logs => 'c' },
    bulk => { method => 'POST', path => 'trackers', logs => 'c' x 16,
              body => '[' . join(',', map { tracker_text("n$_") } 1 .. 16)
                      . ']' },
    patch => { method => 'PATCH', path => 'tracker/ID', logs => 'u',
               body => '[{"op":"replace","path":"/name","value":"n"}]' },
    merge => { method => 'PATCH', path => 'tracker/ID', logs => 'u',
               type => 'application/merge-patch+json', body => '{"name":"n"}' },
    delete => { method => 'DELETE', path => 'tracker/ID', logs => 'd' },
    import => { method => 'POST', logs => 'duc', if_match => 1,
                path => 'trackers?on_conflict=replace&rest=delete',
                body => '[' . tracker_text('b', 'other') . ','
                        . tracker_text('n') . ']' },
);

my (%answered, $accounts, $cuts);

seed();
start_redis();

my $proxy = start_proxy();

start_nginx(redis => $proxy, timeout => '2s', redis_timeout => '250ms',
            location => 'tracker_history 1000;',
            server => 'location = /ping { return 204; }');

my ($worker) = workers();

for my $shape (qw(create bulk patch merge delete import)) {
    next unless part($shape);

    my @length = lengths($shape);

    note("$shape: $length[0] bytes to Redis, $length[1] back");

    for my $dir (0, 1) {
        my $name = ('command', 'reply')[$dir];

        # a command of some thousand bytes is not cut at each of them
        my $wide = $length[$dir] > 2000 ? amount(71, 20) : amount(13, 1);

        $wide = amount(2, 1) if $dir;
        cut_all("$shape: $_ in the $name", $shape, $dir, $_,
                every($wide * ($_ eq 'stall' ? amount(5, 2) : 1),
                      $length[$dir] - 1)) for qw(close reset late stall);
        cut_all("$shape: silence after the $name", $shape, $dir, 'mute',
                every($wide * amount(29, 37), $length[$dir] - 1));
    }

    cut_all("$shape: garbled reply", $shape, 1, 'flip',
            every(amount(5, 1), $length[1] - 1));
}

note("$cuts cuts, answers: " . join ', ', map { "$answered{$_} x $_" }
                                          sort keys %answered);
wait_until(sub { !%{locks()} }, 'all locks end')
    if !$ENV{TRACKER_FAULT_CONTROL};
is_consistent('names, records, index and log fit together');
is(join(' ', workers()), $worker, 'the worker has lived through all of it');
log_is_clean('nothing worse than an error in the log');

control('a change is not in the log', 'in the log', ['patch'],
        ['src/store/lua/change.lua', 'KEYS[6], 0, -ARGV[6] - 1)',
         'KEYS[6], -1, -1)']);
control('a create that is sent again is logged again', 'in the log',
        ['create'],
        ['src/store/lua/create.lua',
         "return answer_again('created')",
         "redis.call('zadd', KEYS[log], redis.call('incrby', KEYS[3], 1), "
         . "'c4503599627370496 1764350000000') "
         . "return answer_again('created')"]);
control('a bulk does not end at the revision', 'in the log', ['bulk'],
        ['src/store/lua/bulk_end.lua',
         "entries[#entries + 1] = format('%d', rev + j)",
         "entries[#entries + 1] = format('%d', rev + j - 1)"]);
control('a delete by an import is not in the log', 'in the log', ['import'],
        ['src/store/lua/import.lua', "if j > all - ARGV[12] then",
         "if j > all - ARGV[12] and op ~= 'd' then"]);

finish();


sub every {
    my ($step, $n) = @_;

    # not the same positions each time, and always the last one
    return [grep({ $_ < $n } map { $_ * $step + int rand $step }
                             0 .. $n / $step), $n];
}

# an account with two trackers: what the request needs to know of it
sub new_account {
    my $name = 'account ' . ++$accounts;
    my $client = client('one');
    my $response;

    wait_until(sub {
        $response = client_ask($client, post('trackers',
            '[' . tracker_text('a') . ',' . tracker_text('b') . ']',
            account => $name));
        $response && $response->{status} =~ /^(?:200|409)$/;
    }, 'an account is there');

    return ($name, redis('GET', account_key($name, 'name:a')),
            (client_ask($client, request('GET', '/v1/manage/trackers',
                                         account => $name)) // {})
                ->{headers}{etag} // '*');
}

sub request_of {
    my ($shape, $account, $id, $etag) = @_;
    my $what = $shape{$shape};

    return request($what->{method},
                   '/v1/manage/' . $what->{path} =~ s/ID/$id/r,
                   body => $what->{body}, account => $account,
                   exists $what->{type} || !defined $what->{body}
                   ? (type => $what->{type}) : (),
                   $what->{if_match} ? (headers => ["If-Match: $etag"]) : ());
}

sub lengths {
    my ($shape) = @_;

    # the first time a script is loaded
    for (1 .. 2) {
        my @account = new_account();

        proxy('clear');
        client_ask(client('one'), request_of($shape, @account));
    }

    return (proxy('count'))[0, 1];
}

sub cut_all {
    my ($title, $shape, $dir, $what, $positions) = @_;
    my (@wrong, %status, $done);

    for my $pos (@$positions) {

        # one digit for another in an id, or one letter of a name that an
        # import is to delete, is no nonsense that anybody could notice: what
        # is no UTF-8 is
        my $arg = { stall => 10, late => 3, flip => 0x80 | int rand 128 }
                  ->{$what} // 0;
        my ($status, $made, $why) =
            one_cut($shape, join ' ', 'cut', qw(to from)[$dir], $pos, $what,
                                      $arg);

        $cuts++;
        $done += $made;
        $status{$status}++;
        $answered{$status}++;
        push @wrong, "at $pos ($arg): $why" if $why;
        last if enough(@wrong);
    }

    none("$title: " . @$positions . ' cuts, each write is in the log once',
         @wrong);
    cmp_ok($done, '>=', @$positions * 0.95 - 1, "$title: all were made");
    is(join(' ', sort keys %status), '200', "$title: nobody sees it")
        if $what =~ /^(?:close|reset|late|stall)$/;
}

# the status, whether the cut was made, and what is wrong
sub one_cut {
    my ($shape, $command) = @_;
    my $client = client('one');
    my @account = new_account();
    my ($before) = log_of($account[0]);

    proxy('clear', $command);

    my $response = client_ask($client, request_of($shape, @account));
    my $status = $response ? $response->{status} : 'none';
    my (undef, undef, $made) = proxy('count');

    proxy('clear');

    # a command that nobody waits for any more may come all the same
    my ($after, $end) = settled($account[0]);
    my $rev = redis('GET', account_key($account[0], 'rev'));
    my $new = substr $after, length $before;

    return ($status, $made > 0,
            $status !~ /^(?:200|500|502|504)$/ ? "answered with $status"
            : $end != $rev ? "the log ends at $end, the revision is $rev"
            : $status == 200 && $new ne $shape{$shape}{logs}
              ? "200, and \"$new\" is in the log"
            : $new ne '' && $new ne $shape{$shape}{logs}
              ? "$status, and \"$new\" is in the log"
            : '');
}

# what was done, a letter each, and the last revision
sub log_of {
    my ($account) = @_;
    my @log = @{redis('ZRANGE', account_key($account, 'log'), 0, -1,
                      'WITHSCORES')};

    return (join('', map { substr $log[2 * $_], 0, 1 } 0 .. $#log / 2),
            $log[-1]);
}

# The same when no command is under way: a request that comes behind it on the
# same connection was answered.
sub settled {
    my ($account) = @_;

    wait_until(sub {
        my $response = client_ask(client('one'),
                                  request('GET', '/v1/manage/trackers?limit=1',
                                          account => $account));
        $response && $response->{status} == 200;
    }, 'Redis is asked again');

    return log_of($account);
}
