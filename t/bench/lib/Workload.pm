package Workload;

# What is asked of every contender: the requests, what must be there before,
# and what a right answer is.

use strict;
use warnings;

use JSON::PP ();

use Text;

use constant BASE => '/v1/manage/';

# a run of ten is replaced by a number that no other request has, see wrk.lua
use constant FRESH => '@' x 10;

my $checks = 0;

my @words = qw(
    account agree answer before billing callback cancel confirm contract
    customer delivery discount escalate follow happy insurance invoice later
    manager meeting message monthly number office order payment please policy
    price problem product question record refund renewal return schedule
    service shipping sorry support thank tomorrow transfer upgrade voice
    weekly welcome
);


# Each entry: name, what it is, connections of wrk, the status of a right
# answer, and what makes the request.  plot: it is a point of the plot; times:
# it is measured so many times longer, since what is under way at the end is
# not counted.  phrases: it is a text in which phrases of an account are found,
# so many.

my @all = (
    { name => 'W1', title => 'one tracker, 5 phrases', plot => 1,
      body => sub { object(5) }, trackers => 1 },

    { name => 'W2', title => 'one tracker, 26 phrases', plot => 1,
      body => sub { object(26) }, trackers => 1 },

    { name => 'W3', title => 'bulk, 100 trackers of 10 phrases', plot => 1,
      body => sub { bulk(100, 10) }, trackers => 100, connections => 8 },

    { name => 'W4', title => 'bulk, 450 trackers of 70 phrases', plot => 1,
      body => sub { bulk(450, 70) }, trackers => 450, connections => 2,
      times => 3 },

    { name => 'W5', title => 'a duplicate phrase: 400', status => 400,
      body => sub { object(4, FRESH, phrase(1)) } },

    { name => 'W6', title => 'the name exists: 409', status => 409,
      body => sub { object(5, 'taken') }, trackers => 1, mode => 'conflict',
      before => 'names' },

    { name => 'W7', title => 'the lock is in other hands: 429',
      status => 429, body => sub { object(5) }, trackers => 1,
      mode => 'locked', before => 'lock', accounts => 1 },

    { name => 'W8', title => 'GET by id', method => 'GET', mode => 'get',
      before => 'tracker', accounts => 1, trackers => 1,
      size => sub { length object(5) } },

    { name => 'W9', title => 'GET of 500 trackers of 10 phrases',
      method => 'GET', mode => 'list', before => 'trackers', accounts => 1,
      trackers => 500, connections => 8, size => sub { length bulk(500, 10) }
    },

    { name => 'W10', title => 'W1 while another account sends W4',
      body => sub { object(5) }, trackers => 1, connections => 8,
      beside => 'W4' },

    { name => 'L1', title => 'W1 over one connection', connections => 1,
      body => sub { object(5) }, trackers => 1 },

    { name => 'L14', title => 'W4 over one connection', connections => 1,
      body => sub { bulk(450, 70) }, trackers => 450, times => 3 },

    { name => 'L4', title => 'W4 over four connections', connections => 4,
      body => sub { bulk(450, 70) }, trackers => 450, times => 3 },

    # names only have to differ in an account; the peers cannot take as many
    { name => 'L30', title => 'bulk, 29,000 smallest trackers', connections => 1,
      body => sub { smallest(29000) }, trackers => 29000, times => 3,
      contenders => 'module|module-2|other|floor', once => 1 },

    { name => 'S1', title => 'bulk, 10 trackers of 10 phrases', plot => 1,
      body => sub { bulk(10, 10) }, trackers => 10, connections => 16 },

    { name => 'S2', title => 'bulk, 300 trackers of 10 phrases', plot => 1,
      body => sub { bulk(300, 10) }, trackers => 300, connections => 4 },

    { name => 'T1', title => '10 messages, an account of 500 phrases',
      phrases => 500, body => sub { Text::conversation(500, 10) } },

    { name => 'T2', title => 'messages of 1 MB, an account of 25,000 phrases',
      phrases => 25_000, connections => 2, times => 3,
      body => sub { Text::conversation(25_000, 0, 1_000_000) } },

    { name => 'T3', title => 'W1 while another account sends T2',
      body => sub { object(5) }, trackers => 1, connections => 8,
      beside => 'T2', times => 3 },
);


# The workloads of these names; when there are none, those without a text.

sub select {
    my ($class, @names) = @_;
    my %known = map { $_->{name} => $_ } @all;

    for (@names) {
        die "there is no workload $_\n" unless $known{$_};
    }

    return map { $class->new($known{$_}) }
           @names ? @names
                  : map { $_->{name} } grep { !of_text($_) } @all;
}


sub new {
    my ($class, $entry) = @_;
    my $self = bless { status => 200, connections => 32, method => 'POST',
                       mode => 'create', %$entry }, $class;

    $self->{text} = $self->{body} ? $self->{body}->() : '';
    $self->{bytes} = $self->{size} ? $self->{size}->() : length $self->{text};

    $self->{bulk} = $self->{text} =~ /^\[/;
    $self->{path} = BASE . ($self->{bulk} ? 'trackers' : 'tracker');

    if ($self->{phrases}) {
        $self->{path} = '/v1/process/text';
        $self->{status} = 201;
        $self->{before} = 'phrases';
        $self->{accounts} = 1;
        $self->{expected} = [Text::expected($self->{phrases}, $self->{text})];
    }

    return $self;
}


# bodies, the same ones in every run

# 20 to 36 bytes, as spoken phrases have; the number makes it unlike the others

sub phrase {
    my ($i) = @_;
    my $text = $i;
    my $next = $i * 7;
    my $length = 20 + $i * 5 % 17;

    while (length $text < $length) {
        $text .= ' ' . $words[$next % @words];
        $next = $next * 31 + 17 + $i;
        $next %= 65521;
    }

    return substr $text, 0, $length;
}


sub object {
    my ($n, $name, @more) = @_;

    $name //= FRESH;

    return sprintf '{"name":"tracker %s","vocabulary":[%s]}', $name,
                   join ',', map { qq("$_") } map({ phrase($_) } 1 .. $n),
                                              @more;
}


sub smallest {
    my ($n) = @_;

    return '[' . join(',', map { qq({"name":"$_","vocabulary":["a"]}) } 1 .. $n)
           . ']';
}


sub bulk {
    my ($n, $phrases) = @_;

    return '[' . join(',', map { object($phrases, "$_ " . FRESH) } 1 .. $n)
           . ']';
}


# Whether texts are posted, also beside it.

sub of_text {
    my ($workload) = @_;

    return $workload->{name} =~ /^T/;
}


# What a contender must hold before the requests are right: returns the path,
# which may depend on it.  Phrases are those of the account, else of the first.

sub prepare {
    my ($self, $contender, $accounts, $account) = @_;
    my $before = $self->{before} // '';

    if ($before eq 'names') {
        for my $account (1 .. $accounts) {
            expect($contender->exchange('POST', $self->{path}, $account,
                                        $self->{text}), 200);
        }

    } elsif ($before eq 'lock') {
        $contender->hold_lock(1);

    } elsif ($before eq 'tracker') {
        my $answer = expect($contender->exchange('POST', BASE . 'tracker', 1,
                                                 object(5)), 200);
        return BASE . "trackers/$answer->{tracker}{id}";

    } elsif ($before eq 'trackers') {
        expect($contender->exchange('POST', BASE . 'trackers', 1,
                                    bulk(500, 10)), 200);
        return BASE . 'trackers';

    } elsif ($before eq 'phrases') {
        expect($contender->exchange('POST', BASE . 'trackers', $account // 1,
                                    Text::trackers($self->{phrases})), 200);
    }

    return $self->{path};
}


# Asks once and dies when the answer is not the right one.

sub check {
    my ($self, $contender, $path) = @_;

    return $self->check_text($contender) if $self->{phrases};

    my $number = ++$checks;
    my $text = $self->{text} =~ s/@{[FRESH]}/sprintf '%010d', $number/ger;

    my ($status, $body) = $contender->exchange($self->{method}, $path, 1,
                                               $text);

    my $answer = expect($status, $body, $self->{status});

    if ($status != 200) {
        die "no message: $body\n" unless length($answer->{message} // '');
        return;
    }

    my @got = $answer->{trackers} ? @{ $answer->{trackers} }
                                  : $answer->{tracker};

    die "$self->{trackers} trackers expected, got @{[scalar @got]}\n"
        unless @got == $self->{trackers};

    die "the id of a tracker is wrong\n"
        if grep { ref \$_->{id} ne 'SCALAR' || $_->{id} !~ /^\d{16}$/ } @got;

    return if $self->{method} eq 'GET';

    my $sent = JSON::PP::decode_json($text);

    $sent = [$sent] unless $self->{bulk};

    for my $i (0 .. $#$sent) {
        die "tracker $i is not what was sent\n"
            unless $got[$i]{name} eq $sent->[$i]{name}
                   && "@{ $got[$i]{vocabulary} }"
                      eq "@{ $sent->[$i]{vocabulary} }";
    }
}


# A text is posted, and what was found in it compared with what there is.

sub check_text {
    my ($self, $contender) = @_;
    my $answer = expect($contender->exchange('POST', $self->{path}, 1,
                                             $self->{text}), 201);
    my $path = "/v1/conversations/$answer->{conversationId}/trackers";
    my @found = Text::found(expect($contender->exchange('GET', $path, 1, ''),
                                   200));

    die "@{[scalar @found]} phrases were found, there are "
        . "@{[scalar @{ $self->{expected} }]}, and not all are the same\n"
        unless "@found" eq "@{ $self->{expected} }";
}


sub expect {
    my ($status, $body, $expected) = @_;

    die "$expected expected, got $status: " . substr($body, 0, 200) . "\n"
        unless $status == $expected;

    return JSON::PP::decode_json($body);
}


1;
