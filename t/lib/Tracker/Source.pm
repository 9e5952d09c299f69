package Tracker::Source;

# What t/house.t asks of the C sources: which functions a file has, how long
# they are and whom they call; what a header offers; structs and their fields.
# It reads text in the form that nginx has: a definition's name and its closing
# brace are the first on their lines.
#
#   my $source = Tracker::Source->new('src');   # folder/file.[ch] below it
#
#   functions()     all that are defined: { file, name, static, lines, calls },
#                   calls: names of functions in other files
#   home(NAME)      the files that define a function that others may call
#   arrows()        { file => { another file that it calls => [names] } }
#   header(FILE)    { functions, types, constants }: names, in lists; macros
#                   with arguments are functions, others constants; and the
#                   number of functions that are no macros: prototypes
#   bare(FILE)      names of the header's functions without a comment
#   structs()       all of them: { file, name, fields }
#   code(FILE)      the text without comments and strings, line by line as it
#                   was
#   words(FILE)     the names that occur in it, those in its macros too
#   includes(FILE)  headers of this tree that it includes
#   calls(NAME)     { file, args } of each call of that function, args as texts
#   log_lines()     { file, level, text } of each line for the error log, debug
#                   aside: text is the format, macros of nginx in it as <name>
#
#   Tracker::Source::circles(ARROWS)   groups of files that reach each other

use strict;
use warnings;
use File::Find;

# what looks like a call, and is none
my %WORD = map { $_ => 1 } qw(if for while switch return sizeof offsetof do else
                              defined case);

sub new {
    my ($class, $folder) = @_;
    my $self = bless { text => {} }, $class;

    find({ no_chdir => 1, wanted => sub {
        return unless /\.[ch]$/;
        open my $in, '<:raw', $_ or die "$_: $!";
        local $/;
        $self->add(s{^\Q$folder\E/}{}r, scalar <$in>);
    } }, $folder);

    return $self;
}

# A file; its text may come from anywhere.
sub add {
    my ($self, $file, $text) = @_;
    my ($code, $macros) = take_directives(strip($text));

    $self->{text}{$file} = $text;
    $self->{code}{$file} = $code;
    $self->{macros}{$file} = $macros;
    $self->{defined}{$file} = [definitions($file, $code)];
}

sub files {
    my ($self) = @_;

    return sort keys %{$self->{text}};
}

sub code {
    my ($self, $file) = @_;

    return $self->{code}{$file};
}

sub words {
    my ($self, $file) = @_;

    return strip($self->{text}{$file} =~ s/^\s*#\s*include\b.*//mgr)
           =~ /\b([A-Za-z_]\w*)\b/g;
}

sub includes {
    my ($self, $file) = @_;

    return grep { $self->{text}{$_} }
           $self->{text}{$file} =~ /^\s*#\s*include\s*"([^"]+)"/mg;
}

# The arguments of a call stand in the text as it is, so that strings are whole;
# where one ends is seen in the same text with its strings blanked.
sub calls {
    my ($self, $name) = @_;
    my @calls;

    for my $file ($self->files) {
        my $text = $self->{text}{$file};
        my $code = strip($text);

        while ($code =~ /(?<!\w)\Q$name\E(\((?:[^()]++|(?1))*\))/g) {
            my ($from, $to) = ($-[1] + 1, $+[1] - 1);
            my (@args, $depth);

            push @args, '';

            for my $at ($from .. $to - 1) {
                my $char = substr $code, $at, 1;

                $depth += $char eq '(' ? 1 : $char eq ')' ? -1 : 0;
                push @args, '' and next if $char eq ',' && !$depth;
                $args[-1] .= substr $text, $at, 1;
            }

            push @calls, { file => $file,
                           args => [map { s/^\s+|\s+$//gr } @args] };
        }
    }

    return @calls;
}

sub log_lines {
    my ($self) = @_;

    return map {
        my ($level, $format) = @{$_->{args}}[0, 3];

        # a prototype has no strings
        ($format // '') !~ /"|_n\b/ ? () : {
            file => $_->{file}, level => $level, text => string($format),
        };
    } $self->calls('ngx_log_error'), $self->calls('ngx_conf_log_error');
}

# What a C expression of strings and names stands for.
sub string {
    my ($text) = @_;
    my $value = '';

    while ($text =~ /"((?:[^"\\]|\\.)*)"|(\w+)/g) {
        my ($string, $name) = ($1, $2);

        $value .= defined $name ? "<$name>" : $string =~ s/\\(.)/$1/gr;
    }

    return $value;
}


# text

# Comments and what strings hold become blanks; what is left stays in its place.
sub strip {
    my ($text) = @_;

    $text =~ s{ (/\*.*?\*/) | "((?:[^"\\\n]|\\.)*)" | '((?:[^'\\\n]|\\.)*)' }
              { defined $1 ? $1 =~ s/[^\n]/ /gr
                : defined $2 ? '"' . $2 =~ s/[^\n]/ /gr . '"'
                : "'" . ' ' x length($3) . "'" }gsex;
    return $text;
}

# The text without lines for the preprocessor, and the macros that they define:
# { name => { arguments, text } }.
sub take_directives {
    my ($text) = @_;
    my %macros;

    $text =~ s{^[ \t]*\#((?:[^\n]*\\\n)*[^\n]*)}{
        my $line = $1;

        if ($line =~ /^\s*define\s+(\w+)(\(?)(.*)/s) {
            $macros{$1} = { arguments => $2 ne '', text => $3 };
        }

        $line =~ s/[^\n]+//gr;
    }gmex;

    return ($text, \%macros);
}

# The functions that a text without comments defines.
sub definitions {
    my ($file, $code) = @_;
    my @functions;

    while ($code =~ /^((?:\w[\w \t*]*\n)?)([\w \t*]*?\b)(\w+)\(([^;{}]*)\)\n\{\n
                     (.*?)^\}/gmsx)
    {
        my ($type, $name, $body) = ("$1$2", $3, $5);
        my $lines = (substr($code, $-[3], $+[0] - $-[3]) =~ tr/\n//) + 1;

        push @functions, {
            file => $file, name => $name, body => $body, lines => $lines,
            static => $type =~ /\bstatic\b/ ? 1 : 0,
        };
    }

    return @functions;
}

# Names of what a text calls; not of members that it calls.
sub called {
    my ($text) = @_;

    return grep { !$WORD{$_} } $text =~ /(?<![\w.>])(?<!->\ )(\w+)\s*\(/gx;
}


# functions and calls

sub functions {
    my ($self) = @_;

    $self->resolve unless $self->{functions};
    return @{$self->{functions}};
}

sub home {
    my ($self, $name) = @_;

    $self->functions;
    return @{$self->{home}{$name} // []};
}

sub resolve {
    my ($self) = @_;
    my @functions = map { @{$self->{defined}{$_}} } $self->files;
    my (%home, %own, %macros);

    for my $function (@functions) {
        my ($file, $name) = @$function{qw(file name)};

        $own{$file}{$name} = 1;
        push @{$home{$name}}, $file unless $function->{static};
    }

    %macros = (%macros, %{$self->{macros}{$_}}) for $self->files;

    for my $function (@functions) {
        my $file = $function->{file};
        my $body = $function->{body};
        my %here = (%macros, %{$self->{macros}{$file}});

        # what a macro calls, its user calls: one level
        $body .= join "\n", '', map { $_->{text} } map { $here{$_} // () }
                 $body =~ /\b(\w+)\b/g;

        my %calls = map { $_ => 1 }
                    grep { $home{$_} && !$own{$file}{$_} } called($body);
        $function->{calls} = [sort keys %calls];
    }

    $self->{functions} = \@functions;
    $self->{home} = \%home;
}

sub arrows {
    my ($self) = @_;
    my %arrows;

    for my $function ($self->functions) {
        my $file = $function->{file};

        $arrows{$file} //= {};

        for my $name (@{$function->{calls}}) {
            $arrows{$file}{$_}{$name} = 1 for $self->home($name);
        }
    }

    for my $to (values %arrows) {
        $_ = [sort keys %$_] for values %$to;
    }

    return \%arrows;
}

# Tarjan's: groups of two or more that reach each other, in a list of lists.
sub circles {
    my ($arrows) = @_;
    my (%index, %low, %waits, @stack, @circles, $visit);

    $visit = sub {
        my ($at) = @_;

        $index{$at} = $low{$at} = keys %index;
        push @stack, $at;
        $waits{$at} = 1;

        for my $to (sort keys %{$arrows->{$at} // {}}) {
            $visit->($to) unless exists $index{$to};
            $low{$at} = $low{$to} if $waits{$to} && $low{$to} < $low{$at};
        }

        return if $low{$at} != $index{$at};

        my @group;

        do {
            push @group, pop @stack;
            delete $waits{$group[-1]};
        } until $group[-1] eq $at;

        push @circles, [sort @group] if @group > 1;
    };

    for (sort keys %$arrows) {
        $visit->($_) unless exists $index{$_};
    }

    undef $visit;
    return @circles;
}


# headers

# Functions of a header, each a list: name, where its text begins, where it ends,
# and "prototype" or "inline".
sub prototypes {
    my ($code) = @_;
    my @found;

    # what stands in braces, and types of functions, is none of them
    $code =~ s{(\{(?:[^{}]++|(?1))*\})}{$1 =~ s/[^\n]/ /gr}ge;

    while ($code =~ /^(\w[\w \t*\n]*?[\s*])(\w+)\s*(\((?:[^;()]|(?3))*\))
                     (?:\s*__attribute__\s*(?3))?\s*?(;|\n[ ]*\n)/gmx)
    {
        push @found, [$2, $-[0], $+[0], $4 eq ';' ? 'prototype' : 'inline']
            unless $1 =~ /^typedef\b|\bextern\b/;
    }

    return @found;
}

sub header {
    my ($self, $file) = @_;
    my $code = $self->{code}{$file};
    my %macros = %{$self->{macros}{$file}};
    my @guard = grep { /_INCLUDED_$/ } keys %macros;
    my @prototypes = prototypes($code);
    my (@types, @constants);

    delete @macros{@guard};

    push @types, $code =~ /\btypedef\b[^;{}]*?(\w+)\s*;/g,
                 $code =~ /^\}\s*(\w+)\s*;/mg,
                 $code =~ /\b(?:struct|enum|union)\s+(\w+)/g,
                 $code =~ /\btypedef\b[^;{}]*?\(\*?(\w+)\)\s*\(/g;

    push @constants, $1 =~ /(?:^|,)\s*(\w+)/g
        while $code =~ /\benum\b[^{};]*\{([^{}]*)\}/g;

    my %types = map { $_ => 1 } @types;

    return {
        prototypes => scalar @prototypes,
        functions => [(map { $_->[0] } @prototypes),
                      sort grep { $macros{$_}{arguments} } keys %macros],
        types => [sort keys %types],
        constants => [@constants,
                      sort grep { !$macros{$_}{arguments} } keys %macros],
    };
}

# A comment stands directly above a prototype, or above the first of those that
# follow each other without an empty line; above a definition, an empty line may
# be between them.
sub bare {
    my ($self, $file) = @_;
    my $text = $self->{text}{$file} =~ s{/\*.*?\*/}{
        $& =~ s/[^\n]/ /gr =~ s{  $}{*/}r }gser;
    my ($code) = take_directives($text);
    my ($end, $told, @bare) = (-1, 0);

    # the marks of comments are no code
    for my $one (prototypes($code =~ s{\*/}{  }gr)) {
        my ($name, $start, $past, $kind) = @$one;
        my $before = substr $code, 0, $start;

        $told = 0 unless $end >= 0 && substr($code, $end, $start - $end)
                                      =~ /^\n?\z/;
        $told = 1 if $before =~ ($kind eq 'inline' ? qr{\*/\n\n?\z}
                                                   : qr{\*/\n\z});
        push @bare, $name unless $told;
        $end = $past;
    }

    return @bare;
}


# structs

sub structs {
    my ($self) = @_;
    my @structs;

    for my $file ($self->files) {
        my $code = $self->{code}{$file};

        # from the inside: what is counted is one name to what is around it
        while ($code =~ /\b(struct|union)\s*(\w*)\s*\{([^{}]*)\}(\s*(\w+)\s*;)?/)
        {
            my ($kind, $tag, $body, $name) = ($1, $2, $3, $5);

            push @structs, { file => $file, fields => fields($body),
                             name => $name // ($tag eq '' ? 'a struct' : $tag) }
                if $kind eq 'struct';
            $code =~ s/\b(?:struct|union)\s*\w*\s*\{[^{}]*\}/counted/;
        }
    }

    return @structs;
}

sub fields {
    my ($body) = @_;
    my $n = 0;

    1 while $body =~ s/\([^()]*\)|\[[^\[\]]*\]//g;

    $n += 1 + tr/,// for grep { /\S/ } split /;/, $body;
    return $n;
}

1;
