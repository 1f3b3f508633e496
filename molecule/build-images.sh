#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Builds the images that molecule boots, from Debian's packages, for those who have no container registry at hand.
#
#   build-images.sh [bookworm] [trixie]      both when none is named
#
# The images are claude-failover-molecule:SUITE. One that exists is built again only when this script, or what it
# takes over from this machine, has changed: a digest of both is kept in a label of the image.
# MOLECULE_DEBIAN_MIRROR names another mirror than the one that mmdebstrap takes by itself.
set -eu

LABEL=org.secuaas.claude.molecule.digest
# What a Debian cloud image has and the role builds on. tmux and python3-yaml are left out on purpose: to install
# them is the role's work.
PACKAGES=systemd,systemd-sysv,dbus,python3,python3-apt,sudo,ca-certificates,procps,iproute2,kmod
CA_FOLDER=/usr/local/share/ca-certificates

say() { printf 'build-images: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Settings without which apt does not get through from this machine: its proxy, and whether a mirror's dates are
# believed. They go into the image, so that apt inside a container gets through too.
apt_settings() {
    apt-config dump 2>/dev/null | grep -E '^Acquire::(https?::(Proxy|CAInfo)|Check-(Valid-Until|Date)) ' || true
    if [ -n "${http_proxy:-}" ]; then printf 'Acquire::http::Proxy "%s";\n' "$http_proxy"; fi
    if [ -n "${https_proxy:-}" ]; then printf 'Acquire::https::Proxy "%s";\n' "$https_proxy"; fi
}

digest() {
    {
        cat "$0"
        apt_settings
        printf '%s\n' "$1" "${MOLECULE_DEBIAN_MIRROR:-}"
        find "$CA_FOLDER" -name '*.crt' -exec cat {} + 2>/dev/null || true
    } | sha256sum | cut -d' ' -f1
}

build() {
    suite=$1
    image=claude-failover-molecule:$suite
    want=$(digest "$suite")
    have=$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$image" 2>/dev/null || true)
    if [ "$have" = "$want" ]; then say "$image is up to date"; return 0; fi
    say "building $image (one to two minutes)"
    began=$(date +%s)
    set -- --variant=minbase --include="$PACKAGES"
    settings=$(apt_settings)
    if [ -n "$settings" ]; then
        old_ifs=$IFS
        IFS='
'
        for line in $settings; do set -- "$@" --aptopt="$line"; done
        IFS=$old_ifs
    fi
    if [ -n "$(find "$CA_FOLDER" -name '*.crt' 2>/dev/null)" ]; then
        # shellcheck disable=SC2016  # mmdebstrap's shell expands $1
        set -- "$@" --customize-hook="cp $CA_FOLDER/*.crt \"\$1$CA_FOLDER/\"" \
            --customize-hook='chroot "$1" update-ca-certificates'
    fi
    # An image has no machine id of its own: each container gets one at its first boot.
    # shellcheck disable=SC2016  # mmdebstrap's shell expands $1
    set -- "$@" --customize-hook=': >"$1/etc/machine-id"' "$suite" "$work/$suite.tar"
    if [ -n "${MOLECULE_DEBIAN_MIRROR:-}" ]; then set -- "$@" "$MOLECULE_DEBIAN_MIRROR"; fi
    if ! as_root mmdebstrap "$@" >"$work/$suite.log" 2>&1; then
        say "mmdebstrap failed for $suite; the last lines of its log:" >&2
        tail -n 30 "$work/$suite.log" >&2
        return 1
    fi
    docker import --change 'CMD ["/lib/systemd/systemd"]' \
        --change "LABEL $LABEL=$want" "$work/$suite.tar" "$image" >/dev/null
    as_root rm -f "$work/$suite.tar"
    say "built $image in $(($(date +%s) - began)) s"
}

[ $# -gt 0 ] || set -- bookworm trixie
if ! command -v mmdebstrap >/dev/null 2>&1 || ! [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
    say "installing mmdebstrap"
    "$(dirname "$0")/../playbooks/provision/apt.sh" mmdebstrap debian-archive-keyring
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# One after the other on one core, side by side on more.
pids=""
for suite in "$@"; do
    build "$suite" &
    pids="$pids $!"
    if [ "$(nproc)" -lt 2 ]; then wait $!; fi
done
status=0
for pid in $pids; do wait "$pid" || status=1; done
exit "$status"
