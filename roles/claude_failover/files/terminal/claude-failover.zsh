#compdef claude-failover
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of claude-failover for zsh, installed by secuaas.claude.claude_failover.
# Made by tests/gates/completions.py from the command line's parser: change that.

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
    'run:run the daemon in the foreground'
    'check-config:check a configuration and report every error'
    'reload:reload the daemon'\''s configuration'
    'version:print the version and the release'
    'validate:validate the shared links and the logins of every account'
    'doctor:look at everything that has to be right'
    'login:log in to an account with the Claude CLI'
    'status:show accounts, sessions and the last switch'
    'sessions:show the watched sessions'
    'attach:attach to a session'\''s terminal'
    'restart:start a session again in its conversation'
    'stop:end a session'\''s program, and keep it down'
    'switch:switch to another account now'
    'dispatch:dispatch a task to an idle session of the pool'
    'queue:show the tasks and their states'
    'history:show the switches, newest first'
    'classify:explain whether a text is a usage limit'
    'rehearse:rehearse a failover in a scratch folder'
  )
  _describe -t commands command commands
}

_claude_failover() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
  _arguments -C \
    '(-h --help)'{-h,--help}'[show this help message and exit]' \
    '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
    '--version[show program'\''s version number and exit]' \
    '1:command:_claude_failover_commands' \
    '*::argument:->argument'
  if [[ $state == argument ]]; then
    local -a config
    if [[ -n $opt_args[--config] ]]; then config=(--config "${(Q)opt_args[--config]}"); fi
    case $words[1] in
      run)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files'
        ;;
      check-config)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--host[look also whether the daemon could start here]' \
          '--no-programs[with --host\: start no program, not even for its version]' \
          '--json[print JSON]' \
          '1:FILE:_files'
        ;;
      reload)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files'
        ;;
      version)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files'
        ;;
      validate)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--strict[create nothing; a missing link is an error]' \
          '--json[print JSON]'
        ;;
      doctor)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--json[print JSON]'
        ;;
      login)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '1:ACCOUNT: _claude_failover_names accounts'
        ;;
      status)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--json[print JSON]' \
          '--watch[show it until q or Ctrl-C; with --json, one document per line]'
        ;;
      sessions)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--json[print JSON]'
        ;;
      attach)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '1:NAME: _claude_failover_names sessions'
        ;;
      restart)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--force[also in the middle of a turn, which is lost]' \
          '--json[print JSON]' \
          '1:NAME: _claude_failover_names sessions'
        ;;
      stop)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--force[also in the middle of a turn, which is lost]' \
          '--json[print JSON]' \
          '1:NAME: _claude_failover_names sessions'
        ;;
      switch)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--reason=[reason to record in the history]:R: ' \
          '--dry-run[show what would happen and why, and change nothing]' \
          '--force[allow an account that is exhausted or banned]' \
          '--json[print JSON]' \
          '1:ACCOUNT: _claude_failover_names accounts'
        ;;
      dispatch)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--session=[use only this session; a dedicated one is refused]:NAME: _claude_failover_names sessions' \
          '--cwd=[use only sessions that work in this folder]:DIR:_files -/' \
          '--command[the prompt is a command of Claude Code, such as /compact; without this one that begins with / is refused]' \
          '--request-id=[1 to 128 printable ASCII characters without blanks (default\: a random one)]:ID: ' \
          '--wait[wait until the task ends; exit 0 if done, 1 if failed or cancelled]' \
          '--json[print JSON]' \
          '1:PROMPT: '
        ;;
      queue)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--cancel=[cancel a queued task]:ID: ' \
          '--json[print JSON]'
        ;;
      history)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '-n[number of switches (default\: 20)]:N: ' \
          '--session=[only switches that concern this session, and its own fate]:NAME: _claude_failover_names sessions' \
          '--json[print JSON]'
        ;;
      classify)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--source=[pane\: lines of tmux capture-pane, with or without -e; hook\: one JSON object; transcript\: JSON Lines, or the output of --output-format stream-json]:{pane,hook,transcript}:(pane hook transcript)' \
          '--now=[time of the observation, ISO 8601 with a zone (default\: now)]:TIME: ' \
          '--tz=[zone of times without one (default\: the host'\''s)]:ZONE: ' \
          '--json[print JSON]'
        ;;
      rehearse)
        _arguments \
          '(-h --help)'{-h,--help}'[show this help message and exit]' \
          '--config=[configuration file (default\: $CLAUDE_FAILOVER_CONFIG, else /etc/claude-failover/config.yml)]:FILE:_files' \
          '--keep[keep the folder with the daemon'\''s log]' \
          '--narrate[tell what happens as it happens, with the sessions'\'' screens]' \
          '--json[print JSON]'
        ;;
    esac
  fi
}

if [[ $funcstack[1] == _claude-failover ]]; then
  _claude_failover "$@"
else
  compdef _claude_failover claude-failover
fi
