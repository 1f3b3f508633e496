# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the completions for bash, zsh and fish from the parser of the command line.

``python tests/gates/completions.py`` writes them. The names of sessions and accounts are asked for when Tab is pressed.
"""

from __future__ import annotations

import command_line
from command_line import Argument, Command

_HEAD = """\
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of claude-failover for {name}, installed by secuaas.claude.claude_failover.
# Made by tests/gates/completions.py from the command line's parser: change that.
"""

_BASH = r"""
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
@VALUES@
    esac
    case $command:$cur in
@OPTIONS@
    esac
    case $command in
@POSITIONALS@
    esac
}

complete -F _claude_failover claude-failover
"""


def bash(program: Command, commands: list[Command]) -> str:
    """Return the completion for bash, which needs no package bash-completion to work."""
    values, options, positionals = [], [], []
    names = " ".join(command.name for command in commands)
    positionals.append(_bash_case("''", f"_claude_failover_words '{names}'"))
    for command in [program, *commands]:
        name = "" if command is program else command.name
        for option in command.options:
            if option.value is not None and (not name or option.names != ("--config",)):
                pattern = "|".join(f"{name or '*'}:{each}" for each in option.names)
                values.append(_bash_case(pattern, _bash_value(option), "return"))
        words = " ".join(each for option in command.options for each in option.names)
        options.append(_bash_case(f"{name}:-*", f"_claude_failover_words '{words}'", "return"))
        positionals += [_bash_case(name, _bash_value(each)) for each in command.positionals if _bash_value(each)]
    text = _BASH.replace("@VALUES@", "\n".join(values)).replace("@OPTIONS@", "\n".join(options))
    head = "# shellcheck shell=bash\n" + _HEAD.format(name="bash")
    return head + text.replace("@POSITIONALS@", "\n".join(positionals))


def _bash_case(pattern: str, *commands: str) -> str:
    return f"        {pattern}) {'; '.join(filter(None, commands))} ;;"


def _bash_value(argument: Argument) -> str:
    """Return the command that completes a value, empty where nothing does."""
    return {
        "file": "_claude_failover_files -f",
        "folder": "_claude_failover_files -d",
        "words": f"_claude_failover_words '{' '.join(argument.choices)}'",
        "sessions": "_claude_failover_names sessions",
        "accounts": "_claude_failover_names accounts",
    }.get(argument.kind, "")


_ZSH = r"""
# Names of the running daemon; $1: sessions or accounts. $config is that of the caller.
_claude_failover_names() {
  local -a names
  names=("${(@f)$(claude-failover $config complete $1 2>/dev/null)}")
  names=(${names:#})
  _wanted names expl $1 compadd -a names
}

_claude_failover_commands() {
  local -a commands
  commands=(
@COMMANDS@
  )
  _describe -t commands command commands
}

_claude_failover() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C \
@PROGRAM@
    '1:command:_claude_failover_commands' \
    '*::argument:->argument'
  if [[ $state == argument ]]; then
    local -a config
    if [[ -n $opt_args[--config] ]]; then config=(--config "${(Q)opt_args[--config]}"); fi
    case $words[1] in
@CASES@
    esac
  fi
}

if [[ $funcstack[1] == _claude-failover ]]; then
  _claude_failover "$@"
else
  compdef _claude_failover claude-failover
fi
"""


def zsh(program: Command, commands: list[Command]) -> str:
    """Return the completion for zsh."""
    listed = "\n".join(f"    '{command.name}:{_zsh_text(command.brief)}'" for command in commands)
    cases = []
    for command in commands:
        lines = [*map(_zsh_argument, command.options), *map(_zsh_argument, command.positionals)]
        cases.append(f"      {command.name})\n        _arguments \\\n" + _joined(lines, 10) + "\n        ;;")
    text = _ZSH.replace("@COMMANDS@", listed).replace("@CASES@", "\n".join(cases))
    own = "".join(f"    {_zsh_argument(option)} \\\n" for option in program.options).rstrip("\n")
    return "#compdef claude-failover\n" + _HEAD.format(name="zsh") + text.replace("@PROGRAM@", own)


def _joined(lines: list[str], indent: int) -> str:
    return " \\\n".join(" " * indent + line for line in lines)


def _zsh_argument(argument: Argument) -> str:
    action = {
        "file": "_files",
        "folder": "_files -/",
        "words": f"({' '.join(argument.choices)})",
        "sessions": " _claude_failover_names sessions",  # with the blank, _arguments adds no words
        "accounts": " _claude_failover_names accounts",
    }.get(argument.kind, " ")
    value = _zsh_text(argument.value or "")
    if not argument.names:
        return f"'1:{value}:{action}'"
    ending = "" if argument.value is None else f":{value}:{action}"
    brief = f"[{_zsh_text(argument.brief)}]"
    if len(argument.names) > 1:
        return f"'({' '.join(argument.names)})'{{{','.join(argument.names)}}}'{brief}{ending}'"
    equals = "=" if argument.value is not None and argument.names[0].startswith("--") else ""
    return f"'{argument.names[0]}{equals}{brief}{ending}'"


def _zsh_text(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, "\\" + character)
    return text.replace("'", "'\\''")


_FISH = """
function __claude_failover_names
    set -l words (commandline -opc)
    set -l config
    for index in (seq (count $words))
        if string match -q -- '--config=*' $words[$index]
            set config --config (string replace -- '--config=' '' $words[$index])
        else if test "$words[$index]" = --config; and test $index -lt (count $words)
            set config --config $words[(math $index + 1)]
        end
    end
    claude-failover $config complete $argv[1] 2>/dev/null
end

complete -c claude-failover -f
"""


def fish(program: Command, commands: list[Command]) -> str:
    """Return the completion for fish."""
    lines = [_fish_argument("__fish_use_subcommand", option) for option in program.options]
    lines += [
        f"complete -c claude-failover -n __fish_use_subcommand -a {command.name} -d {_fish_text(command.brief)}"
        for command in commands
    ]
    for command in commands:
        condition = f"'__fish_seen_subcommand_from {command.name}'"
        lines += [_fish_argument(condition, each) for each in (*command.options, *command.positionals)]
    return _HEAD.format(name="fish") + _FISH + "\n".join(line for line in lines if line) + "\n"


def _fish_argument(condition: str, argument: Argument) -> str:
    """Return the line of an option, or of a positional argument; empty where nothing completes it."""
    values = {
        "file": "-F",
        "folder": "-a '(__fish_complete_directories)'",
        "words": f"-a {_fish_text(' '.join(argument.choices))}",
        "sessions": "-a '(__claude_failover_names sessions)'",
        "accounts": "-a '(__claude_failover_names accounts)'",
    }.get(argument.kind, "")
    start = f"complete -c claude-failover -n {condition}"
    if not argument.names:
        return f"{start} {values}" if values else ""
    short = "".join(f" -s {name[1:]}" for name in argument.names if not name.startswith("--"))
    long = "".join(f" -l {name[2:]}" for name in argument.names if name.startswith("--"))
    value = "" if argument.value is None else (f" -r {values}" if argument.kind == "file" else f" -x {values}").rstrip()
    return f"{start}{short}{long}{value} -d {_fish_text(argument.brief)}"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def files() -> dict[str, str]:
    """Return the content of each file by its name."""
    program, commands = command_line.read()
    return {
        "claude-failover.bash": bash(program, commands),
        "claude-failover.zsh": zsh(program, commands),
        "claude-failover.fish": fish(program, commands),
    }


if __name__ == "__main__":
    for made, content in files().items():
        command_line.write(made, content)
