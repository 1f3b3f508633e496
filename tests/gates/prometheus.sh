#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# prometheus.sh [promtool|prometheus]
#
# Takes promtool and the server out of Debian's package prometheus into .cache/prometheus, and prints the path of the
# one that is named (promtool). Nothing is installed, so no server is started.
set -eu

name=${1:-promtool}
folder=$(cd "$(dirname "$0")/../.." && pwd)/.cache/prometheus
program=$folder/$name

case $name in
    promtool | prometheus) ;;
    *)
        printf 'prometheus.sh: found %s, expected promtool or prometheus\n' "$name" >&2
        exit 2
        ;;
esac
if installed=$(command -v "$name"); then
    printf '%s\n' "$installed"
    exit 0
fi
if [ ! -x "$program" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    if ! apt-get -qq download prometheus >&2; then
        # No lists of packages yet, or old ones.
        if [ "$(id -u)" -eq 0 ]; then apt-get -qq update >&2; else sudo apt-get -qq update >&2; fi
        apt-get -qq download prometheus >&2
    fi
    dpkg-deb -x ./prometheus_*.deb tree
    mkdir -p "$folder"
    for each in promtool prometheus; do
        mv "tree/usr/bin/$each" "$folder/$each.$$"
        mv "$folder/$each.$$" "$folder/$each"  # by one rename: two stages may run at once
    done
fi
printf '%s\n' "$program"
