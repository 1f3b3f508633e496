#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes a virtual environment that holds exactly what a requirements file asks for.
#
#   venv.sh FOLDER REQUIREMENTS [PYTHON]
#
# Without PYTHON it takes the first one of 3.11 or newer (ansible-core 2.19 needs that). An environment whose
# requirements and Python have not changed is left alone. Debian splits `venv` off from Python: where it is missing,
# its package is installed, with sudo for those who are not root.
set -eu

folder=$1
requirements=$2
python=${3:-}

say() { printf 'venv: %s\n' "$*"; }

if [ -z "$python" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        say "no Python of 3.11 or newer was found; ansible-core 2.19 needs one" >&2
        exit 1
    fi
fi
# The real program, behind a launcher such as pyenv's and behind another environment: $folder's own, too, may be in PATH.
python=$("$python" -c 'import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))')

want=$({
    cat "$requirements"
    "$python" -VV
    echo "$python"
} | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/.requirements" 2>/dev/null || true)" = "$want" ]; then exit 0; fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    say "installing $package"
    "$(dirname "$0")/apt.sh" "$package"
fi

say "making $folder with $("$python" -V)"
"$python" -m venv --clear "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check -qq --requirement "$requirements"
echo "$want" >"$folder/.requirements"
