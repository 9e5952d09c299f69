# What conf/dashboard.json shows of a load: see t/bench/dashboard.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Processes;
use Tracker::Token qw(KEY token);

# seconds
use constant {
    LENGTH => 120,         # of the whole load
    SILENT => [35, 39],    # Redis is stopped, and goes on
    AWAY => [65, 73],      # Redis has ended, and is started anew
    GUESSES => [90, 110],  # logins with secrets that are wrong
    CLIENTS => 12,
    WINDOW => 5,           # of a rate
};

use constant { WIDTH => 400, HEIGHT => 210, GAP => 20 };

my @colors = map { "#$_" } qw(0b6e4f c44536 335c9e e09f3e 5fb49c 8a4fae 666666
                              b5838d 2a9d8f 9b2226);

my $save = shift;
my $dir = "$ENV{PROJECT}/.build/bench/dashboard";
my ($web, $metrics, $prometheus) = map { free_port() } 1 .. 3;

system 'rm', '-rf', $dir;
mkdir $dir or die "$dir: $!\n";
chmod 0755, $dir;

write_files();

my $redis = start_redis();
my $nginx = start_nginx();
my $server = start_prometheus();
my $start = time;

my @clients = map { start_client($_) } 1 .. CLIENTS;

at(SILENT->[0], sub { kill STOP => $redis->{pid} });
at(SILENT->[1], sub { kill CONT => $redis->{pid} });
at(AWAY->[0], sub { $redis->stop });
at(AWAY->[1], sub { $redis = start_redis() });
at(GUESSES->[0], sub { push @clients, start_guesser() });
at(LENGTH, sub { $_->finish for @clients });

my @panels = ask();
my $file = $save ? "$ENV{PROJECT}/t/bench/dashboard.svg"
                 : "$ENV{PROJECT}/.build/bench/dashboard.svg";

write_file($file, draw(@panels));
$nginx->stop;
$server->stop;
print "$file\n";


# files and processes

sub free_port {
    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
           ->sockport;
}

sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', $name or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}

sub write_files {
    my $digest = sha256_hex('secret');

    write_file("$dir/key", KEY);
    write_file("$dir/apps", "app:$digest\n");
    chmod 0640, "$dir/key", "$dir/apps";
    chown -1, scalar getgrnam('www-data') // -1, "$dir/apps";

    write_file("$dir/nginx.conf", <<"END");
load_module $ENV{PROJECT}/.build/ngx_http_tracker_module.so;
user www-data;
worker_processes 2;
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log warn;
events { worker_connections 1024; }

http {
    access_log off;
    client_body_temp_path $dir/temp;
    tracker_redis unix:$dir/redis.sock;
    tracker_redis_timeout 2s;
    tracker_jwt_key $dir/key;

    server {
        listen 127.0.0.1:$web;

        location /v1/manage/ {
            tracker_api;
            client_max_body_size 1m;
        }

        location = /oauth2/token:generate {
            tracker_token;
            tracker_token_apps $dir/apps;
            client_max_body_size 16k;
        }
    }

    server {
        listen 127.0.0.1:$metrics;

        location = /metrics {
            tracker_status;
        }
    }
}
END

    write_file("$dir/prometheus.yml", <<"END");
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [ $ENV{PROJECT}/conf/alerts.yml ]
scrape_configs:
  - job_name: tracker
    static_configs: [ { targets: [ "127.0.0.1:$metrics" ] } ]
END
}

sub start_redis {
    return Processes->start("$dir/redis.log", 'redis-server', '--port', 0,
                            '--unixsocket', "$dir/redis.sock",
                            '--unixsocketperm', 777, '--save', '',
                            '--dir', $dir)
           ->wait_for('Redis', sub { -S "$dir/redis.sock" });
}

sub start_nginx {
    return Processes->start("$dir/nginx.log", 'nginx', '-c',
                            "$dir/nginx.conf", '-p', $dir, '-e',
                            "$dir/error.log")
           ->wait_for('nginx', sub { get($metrics, '/metrics') });
}

sub start_prometheus {
    return Processes->start("$dir/prometheus.log",
                            "$ENV{PROJECT}/.build/prometheus/prometheus",
                            "--config.file=$dir/prometheus.yml",
                            "--storage.tsdb.path=$dir/data",
                            "--web.listen-address=127.0.0.1:$prometheus")
           ->wait_for('Prometheus', sub { get($prometheus, '/-/ready') });
}

sub get {
    my ($port, $path) = @_;
    my $answer = HTTP::Tiny->new(timeout => 10)
                 ->get("http://127.0.0.1:$port$path");

    return $answer->{success} ? $answer->{content} : undef;
}

sub at {
    my ($when, $do) = @_;
    my $left = $start + $when - time;

    sleep $left if $left > 0;
    $do->();
}


# the load: some hundred requests a second, that of each client differs

sub start_client {
    my ($i) = @_;

    return start_load(LENGTH, sub { one_of($i, @_) });
}

sub start_guesser {
    return start_load(GUESSES->[1] - GUESSES->[0], sub {
        my ($http) = @_;

        login($http, rand() < 0.3 ? 'nobody' : 'app', 'guess');
        sleep 0.02;
    });
}

# A process that does this again and again, for so many seconds.
sub start_load {
    my ($seconds, $do) = @_;
    my $pid = fork() // die "fork: $!\n";

    return bless { pid => $pid, log => '/dev/null' }, 'Processes' if $pid;

    srand $$;

    my $end = time + $seconds;
    my $http = HTTP::Tiny->new(timeout => 30, keep_alive => 1);

    $do->($http) while time < $end;
    POSIX::_exit(0);
}

my ($n, @ids);

sub one_of {
    my ($i, $http) = @_;
    my $base = "http://127.0.0.1:$web/v1/manage";
    my ($kind, $luck) = (rand, rand);
    my %o = (headers => {
        Authorization => 'Bearer ' . ($luck < 0.01 ? 'bad'
            : token('account ' . ($i % 8),
                    $luck < 0.03 ? (exp => int time - 1) : ())),
        'Content-Type' => 'application/json',
    });

    sleep rand 0.03;

    if ($kind < 0.05) {
        login($http, 'app', 'secret');

    } elsif ($kind < 0.35 || !@ids) {
        $o{content} = tracker('name ' . ($kind < 0.1 ? 1 : $$ . '-' . $n++));
        my $text = $http->post("$base/tracker", \%o)->{content};
        push @ids, $text =~ /"id":"(\d{16})"/ if @ids < 100;

    } elsif ($kind < 0.38) {
        $n++;
        $o{content} = '[' . join(',', map { tracker("bulk $$-$n-$_") }
                                          1 .. 200) . ']';
        $http->post("$base/trackers", \%o);

    } elsif ($kind < 0.4) {
        $http->get("$base/trackers?limit=1000", \%o);

    } elsif ($kind < 0.55) {
        $http->get("$base/trackers?name=name+1", \%o);

    } elsif ($kind < 0.65) {
        $o{content} = tracker("name $$-put");
        $http->put("$base/tracker/$ids[rand @ids]", \%o);

    } else {
        $http->get("$base/tracker/$ids[rand @ids]", \%o);
    }
}

sub tracker {
    my ($name) = @_;

    return JSON::PP->new->encode({ name => $name,
                                   vocabulary => [map { "phrase $_" } 1 .. 8] });
}

sub login {
    my ($http, $id, $secret) = @_;

    $http->post("http://127.0.0.1:$web/oauth2/token:generate", {
        headers => { 'Content-Type' => 'application/json' },
        content => JSON::PP->new->encode({ type => 'application',
                                           appId => $id,
                                           appSecret => $secret }),
    });
}


# the queries: { title, description, unit, lines: [{ name, points }] }, each
# point seconds since the start, and the value

sub ask {
    my $text = do {
        open my $in, '<', "$ENV{PROJECT}/conf/dashboard.json" or die "$!\n";
        local $/;
        <$in>;
    };

    return map {
        my $panel = $_;

        {
            title => $panel->{title},
            description => $panel->{description},
            unit => $panel->{fieldConfig}{defaults}{unit},
            lines => [map { query($_) } @{$panel->{targets}}],
        };
    } @{JSON::PP->new->utf8->decode($text)->{panels}};
}

sub query {
    my ($target) = @_;
    my $expr = $target->{expr};
    my $window = WINDOW . 's';

    $expr =~ s/\$__rate_interval/$window/g;
    $expr =~ s/\$instance/.*/g;

    my $text = get($prometheus, '/api/v1/query_range?'
        . HTTP::Tiny->new->www_form_urlencode({
              query => $expr, start => $start + WINDOW, end => $start + LENGTH,
              step => 1,
          })) // die "Prometheus refuses: $expr\n";
    my $results = JSON::PP->new->utf8->decode($text)->{data}{result};

    return map {
        my $metric = $_->{metric};
        my $name = $target->{legendFormat};

        $name =~ s/\{\{(\w+)\}\}/$metric->{$1} \/\/ ''/ge;
        { name => $name,
          points => [map { [$_->[0] - $start, $_->[1]] }
                     grep { $_->[1] =~ /^[\d.e+-]+$/ } @{$_->{values}}] };
    } sort { encode($a->{metric}) cmp encode($b->{metric}) } @$results;
}

sub encode {
    return JSON::PP->new->canonical->encode(shift);
}


# the picture

sub draw {
    my @panels = @_;
    my $width = 2 * WIDTH + 3 * GAP;
    my $height = 3 * HEIGHT + 4 * GAP;
    my $text = <<"END";
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" font-family="sans-serif" font-size="11">
<rect width="$width" height="$height" fill="white"/>
END

    for my $i (0 .. $#panels) {
        my $x = GAP + ($i % 2) * (WIDTH + GAP);
        my $y = GAP + int($i / 2) * (HEIGHT + GAP);

        $text .= "<g transform=\"translate($x $y)\">\n"
                 . draw_panel($panels[$i]) . "</g>\n";
    }

    return "$text</svg>\n";
}

sub draw_panel {
    my ($panel) = @_;
    my ($left, $top, $right, $bottom) = (44, 24, 110, 22);
    my ($w, $h) = (WIDTH - $left - $right, HEIGHT - $top - $bottom);
    my $max = nice_max(map { $_->[1] } map { @{$_->{points}} }
                       @{$panel->{lines}});
    my $px = sub { sprintf '%.1f', $left + $w * $_[0] / LENGTH };
    my $py = sub { sprintf '%.1f', $top + $h * (1 - $_[0] / $max) };
    my $text = "<text x=\"0\" y=\"12\"><tspan font-weight=\"bold\">"
               . "$panel->{title}</tspan> $panel->{description}</text>\n";

    for my $step (0 .. 4) {
        my $value = $max * $step / 4;
        my $y = $py->($value);

        $text .= "<path d=\"M$left ${y}h$w\" stroke=\"#ddd\"/>\n"
                 . sprintf("<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">"
                           . "%s</text>\n", $left - 4, $y + 4,
                           shown($value, $panel->{unit}));
    }

    for my $t (0, 30, 60, 90, 120) {
        $text .= sprintf "<text x=\"%s\" y=\"%d\" text-anchor=\"middle\">"
                         . "%d s</text>\n", $px->($t), HEIGHT - 6, $t;
    }

    my $i = 0;

    for my $line (grep { @{$_->{points}} } @{$panel->{lines}}) {
        my $color = $colors[$i % @colors];

        $text .= "<path d=\"" . path_of($line->{points}, $px, $py)
                 . "\" fill=\"none\" stroke=\"$color\" stroke-width=\"1.3\"/>\n";

        if ($i < 13) {
            my $y = $top + 6 + 12 * $i;
            my $x = WIDTH - $right + 8;

            $text .= "<path d=\"M$x ${y}h10\" stroke=\"$color\""
                     . " stroke-width=\"2\"/>\n"
                     . sprintf("<text x=\"%d\" y=\"%d\" font-size=\"10\">%s"
                               . "</text>\n", $x + 14, $y + 4, $line->{name});
        }

        $i++;
    }

    return $text;
}

# A line begins anew where a value is missing.
sub path_of {
    my ($points, $px, $py) = @_;
    my ($path, $last) = ('', -10);

    for (@$points) {
        my ($t, $value) = @$_;

        $path .= ($t - $last > 1.5 ? 'M' : 'L') . $px->($t) . ' '
                 . $py->($value);
        $last = $t;
    }

    return $path;
}

# 1, 2, 4 or 5 times a power of ten, not below any of the values.
sub nice_max {
    my ($max) = sort { $b <=> $a } @_;
    my $power = 10 ** POSIX::floor(log($max || 1) / log 10);

    for (1, 2, 4, 5, 8, 10) {
        return $_ * $power if $_ * $power >= ($max || 1);
    }
}

sub shown {
    my ($value, $unit) = @_;

    return sprintf '%g %%', 100 * $value if $unit eq 'percentunit';
    return $value < 1 && $value > 0 ? sprintf('%g ms', 1000 * $value)
                                    : sprintf('%g s', $value) if $unit eq 's';
    return sprintf '%g', $value;
}
