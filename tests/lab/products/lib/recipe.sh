# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What a recipe tells the engine, on fd 3.

step()
{
	echo "step: $*" >&3
	echo "== $*"
}

# fail WHAT [WHAT_TO_DO]
fail()
{
	echo "error: $1" >&3
	[ -z "${2:-}" ] || echo "hint: $2" >&3
	exit 1
}

# progress TOTAL COMMAND...: counts the command's lines that name a made file.
progress()
{
	local total=$1 n=0 line

	shift
	"$@" 2>&1 | while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		*" CC "* | *" LD "* | *" AR "* | "["[0-9]*) n=$((n + 1)) ;;
		esac
		[ $((n % 20)) != 0 ] || echo "progress: $n/$total" >&3
	done
}
