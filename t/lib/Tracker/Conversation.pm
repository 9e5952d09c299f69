package Tracker::Conversation;

# Conversations as they lie in Redis: written by the script that the module
# runs, in the lines of src/detect/record.h; and the ids of their jobs, made by
# hand.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';

use Tracker::Host qw(root);
use Tracker::Redis;

our @EXPORT = qw(conversation_keys write_job job_id message member said);

# what all sentences have
my $WHO = '"from":{"id":"1","name":"Ann","email":"ann@x.org"},'
          . '"startTime":"2026-01-01T10:00:00.000Z",'
          . '"endTime":"2026-01-01T10:00:05.000Z"';

# The number of a sentence: a word stands for one, plus what is added.
sub number {
    my ($first, $n) = @_;

    return ($first =~ /^\d{16}$/ ? $first : (1 << 52) + 1000 * ord $first)
           + ($n // 0);
}

# A sentence, the n-th (0) of the job, as it is answered.
sub message {
    my ($first, $conversation, $text, $n) = @_;
    my $id = number($first, $n);

    return qq({"id":"$id","text":"$text",$WHO,"timeOffset":0,"duration":5,)
           . qq("conversationId":"$conversation","phrases":[]});
}

# The sentences of a job as they are stored, in one message.
sub said {
    my ($first, @texts) = @_;

    return '1 ' . number($first) . "\nM 1767261600000 5000 $WHO\n"
           . join '', map { qq(S "$_"\n) } @texts;
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
# sentences are texts; or messages, pieces of the lines.
sub write_job {
    my ($id, %o) = @_;
    my $account = $o{account} // 'tester';
    my $first = $o{first} // $id;
    my @messages = @{$o{messages}
                     // [said($first, @{$o{sentences} // ['Hello.']})]};
    my $members = join "\n", @{$o{members} // [member('Ann')]};
    my $hits = join ' ', 1, number($first), length join '', @messages;

    return redis('EVAL', script('conversation_write'), 6,
                 account_key($account, 'rev'),
                 conversation_keys($account, $id),
                 $o{append} ? 'append' : 'create', $o{rev} // '', $first,
                 $o{ttl} // 86400, $o{size} // 8_388_608,
                 $o{meta} // ($o{append} ? '' : qq("name":"$id")),
                 $o{start} // ($o{append} ? ''
                               : '"2026-01-01T10:00:00.000Z"'),
                 $o{end} // '"2026-01-01T10:00:05.000Z"', $members,
                 $o{hits} // "$hits\n", @messages);
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
