#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Behind `make provision` and `make drift`: a virtual environment with ansible-core and this collection in it, one
# playbook, and, where this machine itself was provisioned, its status and the next step.
#
#   INVENTORY=FILE CHECK=1 provision.sh site|drift [argument of ansible-playbook…]
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
say "ansible-playbook secuaas.claude.$playbook $*"
"$venv/bin/ansible-playbook" "secuaas.claude.$playbook" "$@"

if [ "$playbook" != site ] || [ "$inventory" != "$local_inventory" ] || [ -n "${CHECK:-}" ]; then exit 0; fi

# --- this machine: its status, and what is left to do ----------------------------------------------------------------
config=/etc/claude-failover/config.yml
user=$(as_root stat -c %U /var/lib/claude-failover)
if [ -d /run/systemd/system ]; then
    say "claude-failover status"
    as_root claude-failover status
else
    say "there is no systemd on this machine: start the tmux server and the daemon yourself"
    cat <<TEXT
  sudo install -d -o $user -m 0755 /run/claude-failover
  sudo install -d -o $user -m 0700 /run/claude-failover-tmux
  sudo -u $user tmux -D -f /etc/claude-failover/tmux.conf -S /run/claude-failover-tmux/tmux.sock &
  sudo -u $user claude-failover run
TEXT
fi
# The PATH is that of the sessions, as the role's unit sets it.
path=$(getent passwd "$user" | cut -d: -f6)/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if ! as_root runuser -u "$user" -- env -i PATH="$path" sh -c 'command -v claude' >/dev/null; then
    say "next: install the Claude Code CLI, which the user $user does not find: in your own way, or from npm by"
    echo "  make provision ARGS='-e claude_failover_claude_install=npm'"
fi
say "next: log each account in, once"
# The role has installed python3-yaml; the accounts stand in the configuration in their order of preference.
as_root /usr/bin/python3 -I - "$user" "$config" <<'PYTHON'
import sys
import yaml
user, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    for account in yaml.safe_load(file)["accounts"]:
        print(f"  sudo -u {user} claude-failover login {account['name']}")
PYTHON
