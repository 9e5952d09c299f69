# shellcheck shell=bash disable=SC2034
#
# Where the commands of the package find the key and the applications; in the
# place of conf/folder.sh.

folder_default() {
    echo /etc/nginx/tracker
}

folder_names=/etc/nginx/tracker
folder_origin="the package makes it when it is installed"
