#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs Debian packages, with sudo for those who are not root.
#
#   apt.sh PACKAGE…
#
# A machine that has just booted fetches updates of its own: its locks are waited for, LOCK_TIMEOUT seconds at most.
set -eu

LOCK_TIMEOUT=300

say() { printf 'apt: %s\n' "$*" >&2; }

apt_get() {
    set -- env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o Dpkg::Use-Pty=0 \
        -o "DPkg::Lock::Timeout=$LOCK_TIMEOUT" "$@"
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

deadline=$(($(date +%s) + LOCK_TIMEOUT))
# The lock of the package lists is the one that apt-get itself does not wait for (seen with apt 2.6).
until told=$(apt_get update 2>&1); do
    case $told in
        *'Could not get lock'*) ;;
        *)
            # One broken source of many is no reason to give up: the installation tells what is really missing.
            printf '%s\n' "$told" >&2
            say "the package lists could not all be fetched; going on with those at hand"
            break
            ;;
    esac
    if [ "$(date +%s)" -ge "$deadline" ]; then
        printf '%s\n' "$told" >&2
        say "another program still holds apt's lock after $LOCK_TIMEOUT s; run this again when it has ended"
        exit 1
    fi
    sleep 2
done
apt_get -y install --no-install-recommends "$@" >&2
