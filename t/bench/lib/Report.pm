package Report;

# The tables in Markdown and the plot in SVG.

use strict;
use warnings;

# how many times less CPU than the Lua peer's the module's server may use: at
# least, and what is aimed at
my %target = (
    W1 => [2.5, 3.5], W2 => [3, 3.5], W3 => [3, 8], W4 => [3, 7],
    W5 => [1.9, 2.1], W6 => [2.3, 3], W7 => [2.2, 2.5],
);

# the same of a text: the most microseconds, and how many times as many the Node
# and the Python peer use at least
my %text_target = (
    T1 => { module => 40, node => 5, python => 10 },
    T2 => { module => 20_000 },
);

# how many times that alone the p99 of a workload may be beside a text
use constant BESIDE => 2;

my @colors = map { "#$_" } qw(0b6e4f 5fb49c c44536 e09f3e 666666 335c9e);


# results: workload name -> contender name -> a list, one result a round;
# machine is what machine() returned before them.  bench is t/bench where the
# report is to be kept, else false.

sub write {
    my ($workloads, $contenders, $results, $machine, $bench) = @_;
    my %median;

    for my $workload (keys %$results) {
        for my $contender (keys %{ $results->{$workload} }) {
            $median{$workload}{$contender}
                = medians(@{ $results->{$workload}{$contender} });
        }
    }

    my @measured = grep { $median{$_->{name}} } @$workloads;

    my $text = $machine
               . targets(\@measured, \%median, $results)
               . text_targets(\@measured, \%median, $results)
               . join '', map { table($_, $contenders, $median{$_->{name}}) }
                              @measured;

    save('report.md', $text);
    print $text;

    my @points = sort { $a->{bytes} <=> $b->{bytes} }
                 grep { $_->{plot} } @measured;

    save('plot.svg', plot(\@points, $contenders, \%median)) if @points > 1;

    return unless $bench;

    keep($bench, $measured[0]->of_text ? 'texts' : 'report', $text);

    if (@points > 1) {
        save("$bench/plot.svg", plot(\@points, $contenders, \%median));
    }
}


sub medians {
    my (@results) = @_;
    my %median = (rounds => scalar @results);

    for my $field (keys %{ $results[0] }) {
        $median{$field} = median(sort { $a <=> $b }
                                 map { $_->{$field} } @results);
    }

    # what went wrong in one round is not made good by the others

    ($median{wrong}) = sort { $b <=> $a } map { $_->{wrong} } @results;
    ($median{lost}) = sort { $b <=> $a } map { $_->{lost} } @results;

    return \%median;
}


sub median {
    my (@sorted) = @_;
    my $middle = int($#sorted / 2);

    return @sorted % 2 ? $sorted[$middle]
                       : ($sorted[$middle] + $sorted[$middle + 1]) / 2;
}


sub machine {
    my (@more) = @_;
    my ($model) = (`cat /proc/cpuinfo` =~ /^model name\s*: (.*)/m);
    my $cores = () = `cat /proc/cpuinfo` =~ /^processor/mg;
    my ($nginx) = `nginx -v 2>&1` =~ m{nginx/(\S+)};
    my ($redis) = `redis-server --version` =~ /v=(\S+)/;
    my ($node) = `node --version 2>&1` =~ /^v(\S+)/;
    my $commit = `git -C '$ENV{PROJECT}' describe --always --dirty` || '-';
    my ($load) = split ' ', `cat /proc/loadavg`;
    my @date = localtime;

    chomp $commit;

    return sprintf("%04d-%02d-%02d, commit %s, %d cores of %s, nginx %s, "
                   . "Redis %s, Node %s, load average before %s",
                   $date[5] + 1900, $date[4] + 1, $date[3], $commit, $cores,
                   $model // 'an unknown CPU', $nginx, $redis, $node // '-',
                   $load)
           . join('', map { "; $_" } @more) . ".\n\n";
}


sub targets {
    my ($workloads, $median, $results) = @_;
    my $rows = '';

    for my $workload (@$workloads) {
        my $name = $workload->{name};
        my ($lua, $module, $floor)
            = @{ $median->{$name} }{qw(lua module floor)};
        my $target = $target{$name};

        next unless $lua && $module && !$workload->{beside};

        my ($ratio, $lowest, $highest) = ratios($results->{$name}, 'module');
        my ($bound) = $floor ? ratios($results->{$name}, 'floor') : ();

        my $verdict = !$target ? '' : $ratio >= $target->[1] ? 'aim reached'
                      : $ratio >= $target->[0] ? 'reached'
                      : $bound && $bound < $target->[0]
                      ? '**missed**, and out of reach' : '**missed**';

        $rows .= sprintf "| %s | %s | %s | %s | %.2f | %.2f to %.2f | %s "
                         . "| %s | %s | %s |\n",
                         $name, micro($lua->{cpu}), micro($module->{cpu}),
                         $floor ? micro($floor->{cpu}) : '',
                         $ratio, $lowest, $highest,
                         $bound ? sprintf '%.2f', $bound : '',
                         $target ? @$target : ('', ''), $verdict;
    }

    return '' unless $rows;

    return "| workload | Lua peer, us | this module, us | floor, us | ratio "
           . "| in each round | the floor's ratio | at least | aim | |\n"
           . "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n$rows\n";
}


# What a text costs each of them, and how many times the module's CPU that is.

sub text_targets {
    my ($workloads, $median, $results) = @_;
    my $rows = '';

    for my $workload (grep { $_->{phrases} && !$_->{beside} } @$workloads) {
        my $name = $workload->{name};
        my $limit = $text_target{$name} // {};

        for my $contender (qw(module node python floor)) {
            my $got = $median->{$name}{$contender} or next;
            my $us = $got->{cpu} * 1e6;
            my $least = $limit->{$contender};
            my @ratio = $contender eq 'module' || !$median->{$name}{module}
                        ? () : ratios($results->{$name}, 'module', $contender);

            $rows .= sprintf "| %s | %s | %s | %s | %s | %s | %s |\n",
                             $name, $contender, micro($got->{cpu}),
                             @ratio ? sprintf('%.2f', $ratio[0]) : '',
                             @ratio ? sprintf('%.2f to %.2f', @ratio[1, 2])
                                    : '',
                             !$least ? '' : @ratio ? "$least times"
                                     : "at most $least us",
                             !$least ? '' : (@ratio ? $ratio[0] >= $least
                                                    : $us <= $least)
                                     ? 'reached' : '**missed**';
        }
    }

    return '' unless $rows;

    return "| workload | | server CPU, us | times the module's | in each round "
           . "| target | |\n|---|---|--:|--:|--:|--:|---|\n$rows\n"
           . beside_target($workloads, $results);
}


# How many times that alone the p99 of the module's other account is.

sub beside_target {
    my ($workloads, $results) = @_;
    my ($workload) = grep { $_->of_text && $_->{beside} } @$workloads;
    my @sorted = $workload
                 ? sort { $a <=> $b } map { $_->{p99} / $_->{alone} }
                        @{ $results->{ $workload->{name} }{module} // [] }
                 : ();

    return '' unless @sorted;

    return sprintf "%s: the p99 is %.2f times that alone (%.2f to %.2f in each "
                   . "round), at most %d wanted: %s.\n\n",
                   $workload->{name}, median(@sorted), @sorted[0, -1], BESIDE,
                   median(@sorted) <= BESIDE ? 'reached' : '**missed**';
}


# How many times less CPU than the Lua peer, or another one, a contender used:
# the median over the rounds, the lowest and the highest.  The speed of a
# machine drifts; the two of one round are neighbours in time.

sub ratios {
    my ($results, $contender, $peer) = @_;
    my ($lua, $other) = @{$results}{$peer // 'lua', $contender};
    my @sorted = sort { $a <=> $b }
                 map { $lua->[$_]{cpu} / $other->[$_]{cpu} } 0 .. $#$lua;

    return (median(@sorted), @sorted[0, -1]);
}


sub table {
    my ($workload, $contenders, $median) = @_;
    my $base = $median->{$workload->{phrases} ? 'module' : 'lua'};
    my ($peer) = sort { $b->{rate} <=> $a->{rate} }
                 grep { $_ } @{$median}{qw(lua lua-one)};

    my $text = sprintf "**%s: %s** (%s, %d connections)\n\n",
                       $workload->{name}, $workload->{title},
                       bytes($workload->{bytes}), $workload->{connections};

    return $text . table_beside($contenders, $median) if $workload->{beside};

    $text .= '| | requests/s | p50 ms | p99 ms | server CPU, s per 1,000 '
             . '| Redis CPU, s per 1,000 | peak RSS, MB | server CPU, '
             . ($workload->{phrases} ? 'this module' : 'Lua peer')
             . ' = 1 | requests/s, better Lua peer = 1 | Redis CPU, the '
             . "same peer = 1 | longest command of Redis, ms |\n"
             . "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";

    for my $contender (@$contenders) {
        my $got = $median->{$contender->{name}} or next;
        my $server = $contender->{processes};

        $text .= sprintf "| %s | %.0f | %s | %s | %s | %s | %s | %s | %s "
                         . "| %s | %.2f |\n",
            $contender->{title}, $got->{rate},
            $got->{p99} ? sprintf('%.2f', $got->{p50}) : '-',
            $got->{p99} ? sprintf('%.2f', $got->{p99}) : '-',
            $server ? sprintf('%.4f', $got->{cpu} * 1000) : '-',
            sprintf('%.4f', $got->{redis_cpu} * 1000),
            $server ? sprintf('%.1f', $got->{peak} / 1048576) : '-',
            $server && $base ? sprintf('%.2f', $got->{cpu} / $base->{cpu})
                             : '-',
            $peer ? sprintf('%.2f', $got->{rate} / $peer->{rate}) : '-',
            $peer ? sprintf('%.2f', $got->{redis_cpu} / $peer->{redis_cpu})
                  : '-',
            $got->{longest};
    }

    return "$text\n" . notes($contenders, $median);
}


# CPU would be that of both loads

sub table_beside {
    my ($contenders, $median) = @_;
    my $text = "| | requests/s | p50 ms | p99 ms | p99 ms without the other "
               . "load | ratio |\n|---|--:|--:|--:|--:|--:|\n";

    for my $contender (@$contenders) {
        my $got = $median->{$contender->{name}} or next;

        $text .= sprintf "| %s | %.0f | %.2f | %.2f | %.2f | %.2f |\n",
                         $contender->{title}, $got->{rate}, $got->{p50},
                         $got->{p99}, $got->{alone},
                         $got->{p99} / $got->{alone};
    }

    return "$text\n" . notes($contenders, $median);
}


# what went wrong, a line each: for the reader, who would take it for speed

sub notes {
    my ($contenders, $median) = @_;
    my $text = '';

    for my $contender (@$contenders) {
        my $got = $median->{$contender->{name}} or next;

        $text .= sprintf "%s: %.2f %% of the answers had another status.\n\n",
                         $contender->{title}, $got->{wrong} * 100
            if $got->{wrong};
        $text .= "$contender->{title}: $got->{lost} requests had no answer.\n\n"
            if $got->{lost};
    }

    return $text;
}


sub micro {
    my ($seconds) = @_;
    my $us = $seconds * 1e6;

    return $us < 100 ? sprintf '%.1f', $us : sprintf '%.0f', $us;
}


sub bytes {
    my ($n) = @_;

    return $n < 10000 ? "$n bytes" : sprintf '%.0f KB', $n / 1000;
}


# CPU of the server by size of the body, both axes logarithmic; of Redis where
# there is no server.

sub plot {
    my ($points, $contenders, $median) = @_;
    my ($width, $height, $left, $bottom, $top, $right) = (760, 480, 70, 50,
                                                         20, 190);
    my (@lines, @all);

    for my $contender (@$contenders) {
        my $field = $contender->{processes} ? 'cpu' : 'redis_cpu';
        my @line = map { [$_->{bytes},
                          $median->{$_->{name}}{$contender->{name}}{$field}
                          * 1e6] }
                   grep { $median->{$_->{name}}{$contender->{name}} } @$points;

        push @lines, [$contender, @line];
        push @all, @line;
    }

    my ($x_min, $x_max) = decades(map { $_->[0] } @all);
    my ($y_min, $y_max) = decades(map { $_->[1] } @all);

    my $x = sub { sprintf '%.1f', $left + (log10($_[0]) - $x_min)
                  / ($x_max - $x_min) * ($width - $left - $right) };
    my $y = sub { sprintf '%.1f', $height - $bottom - (log10($_[0]) - $y_min)
                  / ($y_max - $y_min) * ($height - $bottom - $top) };

    my $svg = qq(<svg xmlns="http://www.w3.org/2000/svg" )
              . qq(viewBox="0 0 $width $height" font-family="sans-serif" )
              . qq(font-size="12">\n)
              . qq(<rect width="$width" height="$height" fill="white"/>\n);

    for my $i ($x_min .. $x_max) {
        my $at = $x->(10 ** $i);

        $svg .= qq(<path d="M$at ) . $y->(10 ** $y_min) . 'V'
                . $y->(10 ** $y_max) . qq(" stroke="#ddd"/>\n)
                . qq(<text x="$at" y="@{[$height - $bottom + 18]}" )
                . qq(text-anchor="middle">) . thousands($i) . "</text>\n";
    }

    for my $i ($y_min .. $y_max) {
        my $at = $y->(10 ** $i);

        $svg .= qq(<path d="M) . $x->(10 ** $x_min) . " ${at}H"
                . $x->(10 ** $x_max) . qq(" stroke="#ddd"/>\n)
                . qq(<text x="@{[$left - 8]}" y="@{[$at + 4]}" )
                . qq(text-anchor="end">) . thousands($i) . "</text>\n";
    }

    $svg .= qq(<text x="@{[($left + $width - $right) / 2]}" )
            . qq(y="@{[$height - 8]}" text-anchor="middle">body of the )
            . "request, bytes</text>\n"
            . qq(<text transform="translate(16 @{[$height / 2]}) )
            . qq(rotate(-90)" text-anchor="middle">CPU a request, )
            . "microseconds</text>\n";

    for my $i (0 .. $#lines) {
        my ($contender, @line) = @{ $lines[$i] };
        my $color = $colors[$i % @colors];
        my $path = join 'L', map { $x->($_->[0]) . ' ' . $y->($_->[1]) } @line;
        my $at = $top + 20 + 20 * $i;

        $svg .= qq(<path d="M$path" fill="none" stroke="$color" )
                . qq(stroke-width="2"/>\n);
        $svg .= sprintf qq(<circle cx="%s" cy="%s" r="3" fill="$color"/>\n),
                        $x->($_->[0]), $y->($_->[1]) for @line;
        $svg .= qq(<path d="M@{[$width - $right + 16]} ${at}h20" )
                . qq(stroke="$color" stroke-width="2"/>\n)
                . qq(<text x="@{[$width - $right + 42]}" y="@{[$at + 4]}">)
                . "$contender->{title}</text>\n";
    }

    return "$svg</svg>\n";
}


sub log10 {
    return log($_[0]) / log(10);
}


sub decades {
    my @sorted = sort { $a <=> $b } @_;
    my ($min, $max) = (log10($sorted[0]), log10($sorted[-1]));

    return (int($min), $max > int($max) ? int($max) + 1 : int($max));
}


sub thousands {
    my $text = 10 ** $_[0];

    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;

    return $text;
}


# Puts a text between the marks of that name in the README.

sub keep {
    my ($bench, $mark, $text) = @_;

    open my $in, '<', "$bench/README.md" or die "README.md: $!\n";
    my $readme = do { local $/; <$in> };
    close $in;

    $readme =~ s/(<!-- $mark -->\n).*(<!-- end of $mark -->)/$1\n$text$2/s
        or die "README.md has no place for the $mark\n";

    save("$bench/README.md", $readme);
}


sub save {
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    chmod 0644, $file;
}


1;
