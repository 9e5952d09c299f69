package Tracker::Conversation;

# Conversations as they lie in Redis: written by the script that the module
# runs, and the ids of their jobs, made by hand.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';

use Tracker::Host qw(root);
use Tracker::Redis;

our @EXPORT = qw(conversation_keys write_job job_id message member);

# what was said, as one JSON text
sub message {
    my ($id, $conversation, $text) = @_;

    $id = sprintf '%016d', $id =~ /^\d+$/ ? $id : ord $id;

    return qq({"id":"$id","text":"$text","from":{"id":"1","name":"Ann",)
           . qq("email":"ann\@x.org"},"startTime":"2026-01-01T10:00:00.000Z",)
           . qq("endTime":"2026-01-01T10:00:05.000Z","timeOffset":0,)
           . qq("duration":5,"conversationId":"$conversation","phrases":[]});
}

sub member {
    my ($name) = @_;

    return qq({"id":"$name","name":"$name","email":"$name\@x.org"});
}

# of the account, without its revision, which stands before them
sub conversation_keys {
    my ($account, $id) = @_;

    return map { account_key($account, $_) }
           "conv:$id", map({ "conv:$id:$_" } qw(msgs hits who)), 'convs';
}

# Runs the script with what is given, else with this; returns its reply.
sub write_job {
    my ($id, %o) = @_;
    my $account = $o{account} // 'tester';
    my $first = $o{first} // $id;
    my @messages = @{$o{messages} // [message($first, $id, 'Hello.')]};
    my $members = join "\n", @{$o{members} // [member('Ann')]};

    return redis('EVAL', script('conversation_write'), 6,
                 account_key($account, 'rev'),
                 conversation_keys($account, $id),
                 $o{append} ? 'append' : 'create', $o{rev} // '', $first,
                 $o{ttl} // 86400, $o{size} // 8_388_608,
                 $o{meta} // ($o{append} ? '' : qq("name":"$id")),
                 $o{start} // ($o{append} ? ''
                               : '"2026-01-01T10:00:00.000Z"'),
                 $o{end} // '"2026-01-01T10:00:05.000Z"', $members,
                 $o{hits} // 'hits', @messages);
}

# the UUID of a job of the account
sub job_id {
    my ($account, $id, $number) = @_;
    no warnings 'portable';
    my $base = account_key($account, '');
    my $check = hex(substr sha256_hex("$base$id$number"), 0, 12)
                & (1 << 46) - 1;
    my $high = $id - (1 << 52) << 8 | $number >> 16;
    my $hex = sprintf '%012x8%03x%016x', $high >> 12, $high & 0xfff,
                      2 << 62 | ($number & 0xffff) << 46 | $check;

    return join '-', unpack 'A8 A4 A4 A4 A12', $hex;
}

1;
