package Alloc;

# The allocations of nginx under the hand of a test, by alloc.c and
# alloc_calls.c: the n-th fails, and what is not freed is counted.
#
# With TRACKER_FAULT_ASAN=1 the module is compiled for the sanitizers: they see
# what is used after it was freed.  Then only what the module itself asks nginx
# and hiredis for fails, and nothing is counted.

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use Time::HiRes qw(sleep);

use Tracker;
use Fault;

our @EXPORT = qw(
    alloc_environment linked_module arm disarm has_failed live frames place
);

my @wrapped = qw(ngx_array_push ngx_list_push ngx_alloc_chain_link ngx_palloc
                 ngx_pnalloc ngx_pcalloc ngx_pstrdup ngx_alloc ngx_calloc
                 ngx_create_pool ngx_create_temp_buf ngx_http_cleanup_add
                 ngx_pool_cleanup_add ngx_get_connection redisAsyncConnect
                 redisAsyncConnectUnix redisAsyncFormattedCommand
                 redisAppendFormattedCommand);

my ($control, $module, %state);

# nginx passes NULL with a length of zero
my @sanitize = $ENV{TRACKER_FAULT_ASAN}
               ? ('-fsanitize=address,undefined',
                  '-fno-sanitize=nonnull-attribute') : ();

# What start_nginx() gets as its env.
sub alloc_environment {
    my @preload = compile('alloc', '-shared', '-fPIC');

    # before all else, or it is no use
    unshift @preload, `cc -print-file-name=libasan.so` =~ /(.+)/ if @sanitize;

    $control = scratch('alloc', pack('q6 x1024', (0) x 6), 0666);

    return { LD_PRELOAD => join(':', @preload),
             ASAN_OPTIONS => 'detect_leaks=0',
             TRACKER_FAULT_ALLOC => $control };
}

# The objects of the module, linked once more; with the shared hiredis, so that
# alloc.c can tell an old one from the module.
sub linked_module {
    my $objs = dirname((split ' ', $ENV{TEST_NGINX_LOAD_MODULES})[0])
               . '/objs';

    # all that includes this header is compiled again
    $objs = dirname(Fault::broken_module('sanitized',
        ['objs/Makefile', 'CFLAGS = ', "CFLAGS = @sanitize "],
        ['objs/ngx_auto_config.h', "\n", "\n"])) . '/objs' if @sanitize;

    $module = scratch('alloc_tracker_module.so');

    my @command = ('cc', '-shared', '-fPIC', @sanitize, '-o', $module,
                   glob("$objs/addon/*/*.o"),
                   "$objs/ngx_http_tracker_module_modules.o",
                   root() . '/t/fault/alloc_calls.c',
                   map({ "-Wl,--wrap=$_" } @wrapped),
                   qw(-ljansson -lhiredis -lutf8proc -lstemmer -lcrypto));

    system(@command) == 0 or die "cannot link the module\n";
    chmod 0755, $module;
    return $module;
}

# Counts from now on, and the n-th allocation fails; where on is true, so do all
# that follow.  A child of the test may do so, too.
sub arm {
    my ($n, $on) = @_;
    my $state = state();

    sysseek $state, 8, 0;
    syswrite $state, pack('q4', $n, $on ? 1 : 0, 0, 0);
    sysseek $state, 0, 0;
    syswrite $state, pack('q', 1);
}

# Returns how many have failed.
sub disarm {
    my $state = state();

    sysseek $state, 0, 0;
    syswrite $state, pack('q', 0);
    return has_failed();
}

sub has_failed {
    return (counters())[4];
}

sub counters {
    my $state = state();

    sysseek $state, 0, 0;
    sysread $state, my $bytes, 6 * 8;
    return unpack 'q6', $bytes;
}

# each process has a handle of its own: they have a place in the file
sub state {
    if (!$state{$$}) {
        open $state{$$}, '+<', $control or die "$control: $!";
        binmode $state{$$};
    }

    return $state{$$};
}

# Pieces of memory in use when nginx has nothing to do.
sub live {
    my ($last, $same) = (0, 0);

    for (1 .. 200) {
        my $now = (counters())[5];

        $same = $now == $last ? $same + 1 : 0;
        $last = $now;
        last if $same == 3;
        sleep 0.001;
    }

    return $last;
}

# Who asked for the allocation that failed, as addresses,
sub frames {
    my $state = state();

    sysseek $state, 6 * 8, 0;
    sysread $state, my $bytes, 1024;
    return ($bytes =~ /^([^\0]*)/)[0];
}

# and in words.
sub place {
    my @frames = split / /, $_[0];
    my @offsets = map { /^0x/ ? sprintf '%x', hex($_) - 1 : () } @frames;
    my @lines = split /\n/, `addr2line -s -f -p -e $module @offsets 2>&1`;

    s/^0x.*/shift @lines/e for @frames;
    return join ' < ', map { s/ at / /r }
                       grep { !/^(?:fault_alloc|__wrap|malloc$|calloc$)/ }
                       @frames;
}

1;
