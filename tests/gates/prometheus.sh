#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Takes promtool out of Debian's package prometheus into .cache/prometheus, and prints its path. Nothing is installed,
# so no server is started.
set -eu

folder=$(cd "$(dirname "$0")/../.." && pwd)/.cache/prometheus
program=$folder/promtool

if installed=$(command -v promtool); then
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
    mv tree/usr/bin/promtool "$program.$$"
    mv "$program.$$" "$program"  # by one rename: two stages may run at once
fi
printf '%s\n' "$program"
