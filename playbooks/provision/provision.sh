#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Behind `make provision`, `drift`, `doctor` and `status`: a virtual environment with ansible-core and this collection in
# it, one playbook, and, where this machine itself was provisioned, its status and the next step. For another inventory
# the run ends with a line for each host.
#
#   INVENTORY=FILE CHECK=1 provision.sh site|drift|doctor|status [argument of ansible-playbook…]
set -eu

playbook=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cd "$top"
venv=$top/.venv
collections=$venv/collections
local_inventory=playbooks/inventories/local.yml
inventory=${INVENTORY:-$local_inventory}

say() { printf '==> %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Ansible wants a UTF-8 locale, and a fresh machine may have none set.
export LC_ALL=C.UTF-8
# No settings and no collections of whoever runs this are used.
export ANSIBLE_CONFIG="$top/ansible.cfg" ANSIBLE_HOME="$venv/ansible" ANSIBLE_COLLECTIONS_PATH="$collections"

if ! [ -r "$inventory" ]; then
    echo "there is no inventory $inventory" >&2
    exit 1
fi

say "ansible-core in .venv"
"$here/venv.sh" "$venv" "$here/requirements.txt"

say "the collection in .venv"
rm -rf "$venv/dist"
"$venv/bin/ansible-galaxy" collection build --force --output-path "$venv/dist" . >/dev/null
"$venv/bin/ansible-galaxy" collection install "$venv"/dist/*.tar.gz -p "$collections" --offline --force >/dev/null

set -- -i "$inventory" "$@"
if [ "$inventory" = "$local_inventory" ] && [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
    set -- "$@" --ask-become-pass
fi
if [ -n "${CHECK:-}" ] && [ "$CHECK" != 0 ]; then set -- "$@" --check --diff; fi
if [ "$playbook" = site ] && [ "$inventory" != "$local_inventory" ]; then
    export ANSIBLE_CALLBACKS_ENABLED=secuaas.claude.claude_failover_summary
fi
say "ansible-playbook secuaas.claude.$playbook $*"
"$venv/bin/ansible-playbook" "secuaas.claude.$playbook" "$@"

if [ "$playbook" != site ] || [ "$inventory" != "$local_inventory" ] || [ -n "${CHECK:-}" ]; then exit 0; fi

# --- this machine: its status, and what is left to do ----------------------------------------------------------------
# Only programs of root's are started here, by their own paths: what the sessions' user can change would have root's
# terminal.
if ! [ -x /usr/local/bin/claude-failover ]; then
    say "claude-failover is not on this machine any more (claude_failover_state: absent); homes, shared folders, links and"
    say "state stay. To have it back: make provision"
    exit 0
fi
if [ -d /run/systemd/system ]; then
    say "claude-failover status"
    as_root /usr/local/bin/claude-failover status
    as_root /usr/bin/python3 -B -I "$here/next_steps.py"
else
    as_root /usr/bin/python3 -B -I "$here/next_steps.py" --no-systemd
fi
