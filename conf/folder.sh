# shellcheck shell=bash disable=SC2034
#
# The run folder of conf/serve: sourced by the commands, not run.


# Prints the default of --run.  It is not in the project's folder, where a git
# clean may delete it.

folder_default() {
    if [ "$(id -u)" = 0 ]; then
        echo /var/lib/nginx-tracker
        return
    fi

    # the XDG Base Directory Specification says that a relative one is invalid
    case ${XDG_STATE_HOME-} in
        /*) echo "$XDG_STATE_HOME/nginx-tracker" ;;
        *)  echo ~/.local/state/nginx-tracker ;;
    esac
}


# For the usage of the commands.

folder_names="/var/lib/nginx-tracker for root, for others
                    \$XDG_STATE_HOME/nginx-tracker, where that is not set
                    ~/.local/state/nginx-tracker"

folder_origin="conf/serve makes it at its first start"
