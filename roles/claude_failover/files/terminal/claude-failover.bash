# shellcheck shell=bash
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of claude-failover for bash, installed by secuaas.claude.claude_failover.
# Made by tests/gates/completions.py from the command line's parser: change that.

# Names of the running daemon; $1: sessions or accounts. $config and $cur are those of the caller.
_claude_failover_names() {
    local name quoted
    while IFS= read -r name; do
        printf -v quoted %q "$name"
        if [[ $quoted == "$cur"* ]]; then COMPREPLY+=("$quoted"); fi
    done < <(claude-failover "${config[@]}" complete "$1" 2>/dev/null)
}

_claude_failover_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

_claude_failover_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_claude_failover() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' index value
    local -a config=()
    COMPREPLY=()
    # bash splits --option=value into three words.
    if [[ $cur == = ]]; then
        cur=''
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
            --config)
                value=$((index + 1))
                if [[ ${COMP_WORDS[value]} == = ]]; then value=$((index + 2)); fi
                if ((value < COMP_CWORD)); then config=(--config "${COMP_WORDS[value]}"); fi
                index=$value
                ;;
            -*) ;;
            *)
                command=${COMP_WORDS[index]}
                break
                ;;
        esac
    done
    case $command:$prev in
        *:--config) _claude_failover_files -f; return ;;
        switch:--reason) return ;;
        dispatch:--session) _claude_failover_names sessions; return ;;
        dispatch:--cwd) _claude_failover_files -d; return ;;
        dispatch:--request-id) return ;;
        queue:--cancel) return ;;
        history:-n) return ;;
        history:--session) _claude_failover_names sessions; return ;;
        classify:--source) _claude_failover_words 'pane hook transcript'; return ;;
        classify:--now) return ;;
        classify:--tz) return ;;
    esac
    case $command:$cur in
        :-*) _claude_failover_words '-h --help --config --version'; return ;;
        run:-*) _claude_failover_words '-h --help --config'; return ;;
        check-config:-*) _claude_failover_words '-h --help --config --host --no-programs --json'; return ;;
        reload:-*) _claude_failover_words '-h --help --config'; return ;;
        version:-*) _claude_failover_words '-h --help --config'; return ;;
        validate:-*) _claude_failover_words '-h --help --config --strict --json'; return ;;
        doctor:-*) _claude_failover_words '-h --help --config --json'; return ;;
        login:-*) _claude_failover_words '-h --help --config'; return ;;
        status:-*) _claude_failover_words '-h --help --config --json --watch'; return ;;
        sessions:-*) _claude_failover_words '-h --help --config --json'; return ;;
        attach:-*) _claude_failover_words '-h --help --config'; return ;;
        restart:-*) _claude_failover_words '-h --help --config --force --json'; return ;;
        stop:-*) _claude_failover_words '-h --help --config --force --json'; return ;;
        switch:-*) _claude_failover_words '-h --help --config --reason --dry-run --force --json'; return ;;
        dispatch:-*) _claude_failover_words '-h --help --config --session --cwd --command --request-id --wait --json'; return ;;
        queue:-*) _claude_failover_words '-h --help --config --cancel --json'; return ;;
        history:-*) _claude_failover_words '-h --help --config -n --session --json'; return ;;
        classify:-*) _claude_failover_words '-h --help --config --source --now --tz --json'; return ;;
        rehearse:-*) _claude_failover_words '-h --help --config --keep --narrate --json'; return ;;
    esac
    case $command in
        '') _claude_failover_words 'run check-config reload version validate doctor login status sessions attach restart stop switch dispatch queue history classify rehearse' ;;
        check-config) _claude_failover_files -f ;;
        login) _claude_failover_names accounts ;;
        attach) _claude_failover_names sessions ;;
        restart) _claude_failover_names sessions ;;
        stop) _claude_failover_names sessions ;;
        switch) _claude_failover_names accounts ;;
    esac
}

complete -F _claude_failover claude-failover
