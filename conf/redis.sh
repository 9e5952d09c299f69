# shellcheck shell=bash disable=SC2034
#
# Redis servers that a command starts in folders of their own: sourced by the
# commands, not run.  The command has a function fail.


# Prints the ids of the processes with this name and working directory: a pid
# file may be stale, and a killed nginx leaves workers that are in no file.

processes() {
    local process name

    for process in /proc/[0-9]*; do
        if [ "$process/cwd" -ef "$2" ] && read -r name <"$process/comm" \
            && [ "$name" = "$1" ]
        then
            echo "${process#/proc/}"
        fi
    done 2>/dev/null
}


# Ends these processes by the graceful signal, then by TERM, then by KILL.

end_processes() {
    local name=$1 folder=$2 graceful=$3 signal pids i

    for signal in "$graceful" TERM KILL; do
        pids=$(processes "$name" "$folder")
        # shellcheck disable=SC2086
        [ -z "$pids" ] || kill -s "$signal" $pids 2>/dev/null || true

        for ((i = 0; i < 100; i++)); do
            [ -n "$(processes "$name" "$folder")" ] || return 0
            sleep 0.1
        done
    done
}


# Whether the process runs in the folder; a zombie does not.

running() {
    [ "/proc/$1/cwd" -ef "$2" ]
}


# Whether something listens on the port of 127.0.0.1.

port_in_use() {
    (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}


# If we are root, Redis has a user of its own, and redis_as is what runs a
# command as this one.

redis_choose_user() {
    redis_as=()
    redis_user=
    redis_group=

    [ "$(id -u)" = 0 ] || return 0

    redis_user=redis
    redis_group=$(id -gn $redis_user) || fail "Redis needs a user of its" \
        "own: useradd --system $redis_user"
    redis_as=(setpriv --reuid="$redis_user" --regid="$redis_group"
        --init-groups)
}


# Starts a server in this folder with the configuration on standard input, and
# sets redis_pid.

redis_start() {
    local umask

    # 077: the folder's group is for the socket only, whose mode is in
    # redis.conf
    umask=$(umask)
    umask 077
    cd "$1" || return

    # Written by Redis' user: Redis could redirect root by a symbolic link.
    # Written at each start: CONFIG REWRITE adds the full name of the folder,
    # and the folder may be moved.
    "${redis_as[@]}" sh -c 'cat >redis.conf.new && mv redis.conf.new redis.conf'

    # redis-server needs a full name, but may have no access, as through /root
    setsid "${redis_as[@]}" redis-server /proc/self/cwd/redis.conf \
        </dev/null 8>&- &
    redis_pid=$!

    cd .. || return
    umask "$umask"
}
