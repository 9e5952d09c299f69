# shellcheck shell=bash disable=SC2086,SC2034
#
# Debian packages: sourced by the commands, not run.

# Debian leaves it out of the PATH of ordinary users; nginx lives there
PATH=$PATH:/usr/sbin:/sbin

# what conf/build needs
packages_build="nginx nginx-dev gcc make libhiredis-dev libjansson-dev libssl-dev
libstemmer-dev libutf8proc-dev"


packages_fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}


# Prints those of the packages that are not installed.

packages_missing() {
    local package

    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
        in
            installed) ;;
            *) echo "$package" ;;
        esac
    done
}


# Runs a command as root.

packages_as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}


# Installs those of the packages that are missing.  If none is, it prints
# nothing and does not use the network.  Without dpkg it does nothing: the user
# installs them, and the command that needs one reports that it is missing.

packages_install() {
    local missing

    command -v dpkg-query >/dev/null || return 0

    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0

    echo "installing" $missing "(it may take some minutes)" >&2

    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        packages_fail "needs root or sudo to run: apt-get install" $missing
    fi

    packages_hold_services
    packages_apt update || true
    packages_apt install $missing \
        || packages_fail "cannot install:" $missing
    packages_release_services
}


# Runs apt-get without questions; prints its output only if it fails.
# Arguments are an apt-get command, and packages or files.

packages_apt() {
    local log

    log=$(mktemp)

    if ! packages_as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" \
        >"$log" 2>&1 </dev/null
    then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi

    rm -f "$log"
}


# The packages of nginx and Redis start their services when they are
# installed.  A server on port 80 is not wanted, so Debian's documented
# switch, policy-rc.d, forbids it while apt runs; an existing one is left as it
# is.

packages_policy=/usr/sbin/policy-rc.d

packages_hold_services() {
    [ ! -e $packages_policy ] || return 0

    trap packages_release_services EXIT
    printf '#!/bin/sh\n# made by %s\nexit 101\n' "${0##*/}" \
        | packages_as_root tee $packages_policy >/dev/null
    packages_as_root chmod 755 $packages_policy
    packages_held=yes
}

packages_release_services() {
    [ "${packages_held:-no}" = yes ] || return 0

    packages_held=no
    trap - EXIT
    packages_as_root rm -f $packages_policy
}
