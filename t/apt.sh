# shellcheck shell=bash
#
# Things of Debian that the machine's own apt does not offer (sources, newer
# releases): sourced by the commands in t/, not run.  apt gets a throw-away
# configuration in a folder of ours; nothing in /etc changes.


# Prints the address of the mirror that the machine takes Debian from.

apt_mirror() {
    local release

    release=$(. /etc/os-release && echo "$VERSION_CODENAME")

    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
            'Created-By: Packages' \
        | awk -v release="$release" '
            $1 ~ /^https?:/ && $3 == "main" \
                && ($2 == release || $2 == "stable") { print $1; exit }' \
        | grep . || { echo "no Debian mirror in apt's sources" >&2; return 1; }
}


# apt_elsewhere FOLDER SOURCE ARGUMENTS: apt-get with one line of sources.list
# instead of the machine's.  Its state is kept in FOLDER.  A mirror may be a
# snapshot, so a signed list is taken whatever its age.

apt_elsewhere() {
    local folder=$1 source=$2
    shift 2

    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    echo "$source" >"$folder/sources.list"

    apt-get -q -o Dir::Etc::SourceList="$folder/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$folder/lists" \
        -o Dir::Cache="$folder/cache" \
        -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Check-Valid-Until=false \
        -o Acquire::Languages=none \
        "$@"
}


# apt_prometheus FOLDER: promtool and Prometheus itself out of their Debian
# package, two since Debian 13: installed, it would run as a service.  Sets
# TRACKER_PROMTOOL, the path of promtool.

apt_prometheus() {
    local folder=$1 source suite

    command -v apt-get >/dev/null || return 0

    if [ ! -e "$folder/promtool" ]; then
        echo "fetching promtool" >&2
        mkdir -p "$folder"

        suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
        source="deb $(apt_mirror) $suite main"

        if ! (
            apt_elsewhere "$folder" "$source" update \
                && cd "$folder" \
                && apt_elsewhere "$folder" "$source" download prometheus \
                && dpkg-deb -x prometheus_*.deb . \
                && { [ -e usr/bin/promtool ] \
                     || { apt_elsewhere "$folder" "$source" download promtool \
                          && dpkg-deb -x promtool_*.deb .; }; } \
                && mv usr/bin/prometheus usr/bin/promtool .
        ) >"$folder/fetch.log" 2>&1; then
            cat "$folder/fetch.log" >&2
            return 1
        fi

        rm -rf "${folder:?}"/{lists,cache,usr,etc,lib,var} "$folder"/*.deb
    fi

    export TRACKER_PROMTOOL=$folder/promtool
}
