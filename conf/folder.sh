# shellcheck shell=bash disable=SC2034
#
# The run folder of conf/serve: sourced by the commands, not run.


# Prints where it is unless --run says otherwise: not in the project's folder,
# since what lies there may go with a git clean.

folder_default() {
    if [ "$(id -u)" = 0 ]; then
        echo /var/lib/nginx-tracker
        return
    fi

    # a relative one is invalid, says the XDG Base Directory Specification
    case ${XDG_STATE_HOME-} in
        /*) echo "$XDG_STATE_HOME/nginx-tracker" ;;
        *)  echo ~/.local/state/nginx-tracker ;;
    esac
}


# For the usage of the commands.

folder_names="/var/lib/nginx-tracker for root, for others
                    \$XDG_STATE_HOME/nginx-tracker, where that is not set
                    ~/.local/state/nginx-tracker"
