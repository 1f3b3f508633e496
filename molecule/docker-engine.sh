#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Gives molecule a Docker Engine, and takes away again only what it gave.
#
#   docker-engine.sh start         exit 0: an engine answers; 75: there is none and INSTALL_DOCKER=1 was not given;
#                                  1: failed
#   docker-engine.sh run PROGRAM…  runs a program of the caller's that talks to the engine
#   docker-engine.sh stop          ends the engine that `start` launched by hand; any other engine is left alone
#
# Debian lets only root and the group docker talk to the engine. `run` lends that group to the one program where the
# caller is not in it; nobody is made a member.
#
# Where systemd is PID 1 the engine is Debian's docker.service. Elsewhere (a container, a CI machine) dockerd is
# launched by hand; its pid and start time are written to .cache/dockerd, and `stop` compares both before it signals.
set -eu

# Where dockerd lies, which an ordinary user's PATH leaves out.
PATH=$PATH:/usr/sbin:/sbin
top=$(cd "$(dirname "$0")/.." && pwd)
state=$top/.cache/dockerd
socket=/var/run/docker.sock
SKIP=75

say() { printf 'docker-engine: %s\n' "$*"; }
answers() { docker info >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

answers_somebody() { answers || as_root docker info >/dev/null 2>&1; }

# Field 22 of /proc/PID/stat; the command, field 2, may hold blanks, so count from its closing bracket.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

install_engine() {
    say "installing Docker Engine from Debian's packages"
    "$top/playbooks/provision/apt.sh" docker.io iptables
    # Debian 13 split the command line off into a package of its own.
    command -v docker >/dev/null 2>&1 || "$top/playbooks/provision/apt.sh" docker-cli
}

launch_by_hand() {
    mkdir -p "$state"
    say "PID 1 is not systemd: launching dockerd by hand, log in $state/log"
    # The inner shell writes its own pid and becomes dockerd, so that the pid is right under sudo too.
    # shellcheck disable=SC2016  # expanded by the inner shell
    as_root setsid sh -c 'echo $$ > "$1/pid"; exec dockerd >>"$1/log" 2>&1 </dev/null' sh "$state" &
    launcher=$!
    deadline=$(($(date +%s) + 60))
    until answers_somebody; do
        if ! kill -0 "$launcher" 2>/dev/null && ! [ -d "/proc/$(cat "$state/pid" 2>/dev/null || echo none)" ]; then
            say "dockerd ended; the last lines of its log:" >&2
            tail -n 20 "$state/log" >&2
            exit 1
        fi
        if [ "$(date +%s)" -ge "$deadline" ]; then
            say "dockerd did not answer within 60 s; the last lines of its log:" >&2
            tail -n 20 "$state/log" >&2
            exit 1
        fi
        sleep 0.2
    done
    start_time "$(cat "$state/pid")" >"$state/start_time"
}

start() {
    if answers; then say "an engine answers"; return 0; fi
    if ! command -v dockerd >/dev/null 2>&1 || ! command -v docker >/dev/null 2>&1; then
        if [ "${INSTALL_DOCKER:-0}" != 1 ]; then
            say "there is no Docker Engine, and INSTALL_DOCKER=1 was not given" >&2
            exit $SKIP
        fi
        install_engine
    fi
    if [ -d /run/systemd/system ]; then
        as_root systemctl start docker.service
    elif ! answers_somebody; then
        launch_by_hand
    fi
    if ! answers_somebody; then say "the engine was started and does not answer" >&2; exit 1; fi
    say "the engine answers"
}

run() {
    if answers; then exec "$@"; fi
    # sudo tells a program that it is root's; this one is the caller's.
    exec sudo --preserve-env setpriv --reuid="$(id -u)" --regid="$(id -g)" \
        --groups="$(id -G | tr ' ' ','),$(stat -c %g "$socket")" \
        env PATH="$PATH" HOME="$HOME" USER="$(id -un)" LOGNAME="$(id -un)" "$@"
}

stop() {
    [ -f "$state/pid" ] || return 0
    pid=$(cat "$state/pid")
    if [ "$(start_time "$pid")" = "$(cat "$state/start_time" 2>/dev/null)" ] && [ -d "/proc/$pid" ]; then
        say "ending the dockerd that was launched here, pid $pid"
        as_root kill "$pid"
        deadline=$(($(date +%s) + 30))
        while [ -d "/proc/$pid" ]; do
            if [ "$(date +%s)" -ge "$deadline" ]; then say "pid $pid did not end within 30 s" >&2; exit 1; fi
            sleep 0.2
        done
    fi
    rm -f "$state/pid" "$state/start_time"
}

case "${1:-}" in
    start) start ;;
    run) shift && run "$@" ;;
    stop) stop ;;
    *) say "usage: docker-engine.sh start|run PROGRAM…|stop" >&2; exit 2 ;;
esac
