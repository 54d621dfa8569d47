# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion for cloche. Commands and options are what the command itself says of them.

_cloche_commands() {
	cloche help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p'
}

_cloche_options() { # COMMAND
	cloche help "$1" 2>/dev/null | grep -o -- '--[a-z]*'
}

_cloche_families() {
	echo %file %desc %net %proc %creds %sched %signal %mem %ipc %time %event %mount %system
}

_cloche() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} i

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_commands)" -- "$word")
		return
	fi
	if [[ $command == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_commands)" -- "$word")
		return
	fi
	case $previous in
	--net)
		mapfile -t COMPREPLY < <(compgen -W "none own host" -- "$word")
		return
		;;
	-p | --policy)
		mapfile -t COMPREPLY < <(
			compgen -W "default strict build open" -- "$word"
			compgen -f -X '!*.lua' -- "$word"
		)
		return
		;;
	--ask)
		mapfile -t COMPREPLY < <(compgen -W "exec connect write exec,connect,write" -- "$word")
		return
		;;
	-e | --expression)
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_families)" -- "$word")
		return
		;;
	-o | --output | --copy | --read | --write | --hide | --private | --report)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--cwd)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$word")
		return
		;;
	--env)
		mapfile -t COMPREPLY < <(compgen -e -- "$word")
		return
		;;
	-s | --strings | -b | --box | --hostname | --memory | --tasks | --cpu | --wall | --disk)
		return
		;;
	esac
	# Behind the two dashes is somebody else's command line.
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			mapfile -t COMPREPLY < <(if ((i + 1 == COMP_CWORD)); then compgen -c -- "$word"
				else compgen -f -- "$word"; fi)
			return
		fi
	done
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_options "$command")" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	fi
}

complete -F _cloche cloche
