# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion for cloche. Commands and options are what the command itself says of them.

_cloche_commands() { # [COMMAND]
	cloche help "$@" 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p'
}

_cloche_options() { # COMMAND [PART]
	cloche help "$@" 2>/dev/null | grep -o -- '--[a-z]*'
}

# The names of boxes, of those that run, and of a box's snapshots.
_cloche_boxes() {
	cloche box list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_cloche_running() {
	cloche ps 2>/dev/null | awk 'NR > 1 { print $1 == "-" ? $2 : $1 }'
}

_cloche_snapshots() { # BOX
	cloche box snapshots "$1" 2>/dev/null | awk 'NR > 1 { print substr($0, 3) }' | awk '{ print $1 }'
}

_cloche_box() { # what comes behind "cloche box"
	local word=${COMP_WORDS[COMP_CWORD]} part=${COMP_WORDS[2]}

	if ((COMP_CWORD == 2)); then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_commands box)" -- "$word")
	elif [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_options box "$part")" -- "$word")
	elif [[ $part == import ]] || [[ $part == export && $COMP_CWORD -gt 3 ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	elif [[ ($part == rollback || $part == drop) && $COMP_CWORD -gt 3 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_snapshots "${COMP_WORDS[3]}")" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_boxes)" -- "$word")
	fi
}

_cloche_families() {
	echo %file %desc %net %proc %creds %sched %signal %mem %ipc %time %event %mount %system
}

_cloche() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} named='' i

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_commands)" -- "$word")
		return
	fi
	if [[ $command == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_commands)" -- "$word")
		return
	fi
	case $command in
	box)
		_cloche_box
		return
		;;
	kill | pause | resume)
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_running)" -- "$word")
		return
		;;
	log)
		mapfile -t COMPREPLY < <(compgen -W "--json $(_cloche_boxes)" -- "$word")
		return
		;;
	esac
	case $previous in
	-b | --box | --base)
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_boxes)" -- "$word")
		return
		;;
	--net)
		mapfile -t COMPREPLY < <(compgen -W "none own host" -- "$word")
		return
		;;
	--display)
		mapfile -t COMPREPLY < <(compgen -W "${DISPLAY:-:0}" -- "$word")
		return
		;;
	--windows)
		mapfile -t COMPREPLY < <(compgen -W "light services desktop services,desktop" -- "$word")
		return
		;;
	-p | --policy)
		mapfile -t COMPREPLY < <(
			compgen -W "default strict build open" -- "$word"
			compgen -f -X '!*.lua' -- "$word"
		)
		return
		;;
	--accept-risk)
		mapfile -t COMPREPLY < <(
			compgen -W "set-id device shell git cron systemd autostart ssh sudo preload
				editor path link permission" -- "$word"
			compgen -f -- "$word"
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
	-x | --exclude | --force-conflict | -o | --output | --copy | --read | --write | --hide | --private | --report | --screenshot)
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
	-s | --strings | --hostname | --memory | --tasks | --cpu | --wall | --disk)
		return
		;;
	esac
	# Behind the two dashes is somebody else's command line.
	for ((i = 2; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* || ${COMP_WORDS[i - 1]} == --* ]] || named=1
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			mapfile -t COMPREPLY < <(if ((i + 1 == COMP_CWORD)); then compgen -c -- "$word"
				else compgen -f -- "$word"; fi)
			return
		fi
	done
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_options "$command")" -- "$word")
	elif [[ $command == exec && -z $named ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_cloche_boxes)" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	fi
}

complete -F _cloche cloche
