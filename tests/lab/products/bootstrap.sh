#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs by apt what this machine lacks of tests/lab/products/needs.d/*: one
# file a room, package names, # starts a comment. Asks dpkg first: when nothing is
# missing it takes no network and no root. Needs nothing but a bare Debian.
#   bootstrap.sh [FILE...]     default: every file
set -u

here=$(dirname "$0")

die()
{
	echo "setup: $1 ($2)" >&2
	exit 1
}

wanted()
{
	sed 's/#.*//' "$@" | tr -s ' \t' '\n' | grep . | sort -u
}

installed()
{
	dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^.i  *//p' | sort -u
}

# What a failed apt-get said, as one line.
explain()
{
	local log=$1

	if grep -q 'No space left' "$log"; then
		die "the disk is full" "free some space and run it again"
	elif grep -Eq 'Temporary failure resolving|Could not (resolve|connect)|Unable to connect|unreachable' "$log"; then
		die "no network: apt cannot reach its mirror" "check the network and /etc/apt, then run it again"
	elif grep -q 'Could not get lock' "$log"; then
		die "another apt is at work" "wait until it is done and run it again"
	elif grep -q 'Unable to locate package' "$log"; then
		die "$(sed -n 's/^E: //p' "$log" | head -1)" "is 'main' of Debian 12 or 13 among apt's sources?"
	fi
	die "apt-get failed: $(sed -n 's/^E: //p' "$log" | head -1)" "details: $log"
}

# apt STEP ARG...: shows how long it takes
run_apt()
{
	local step=$1 log=/var/log/pfkeep-setup.log began=$SECONDS pid

	shift
	echo "setup: $step"
	DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q -y -o DPkg::Lock::Timeout=300 \
		-o Acquire::Retries=3 -o APT::Install-Recommends=false "$@" >"$log" 2>&1 &
	pid=$!
	trap 'kill "$pid" 2>/dev/null; wait "$pid"; echo "setup: interrupted at: $step" >&2; exit 130' INT TERM
	wait "$pid" || explain "$log"
	trap - INT TERM
	echo "setup: $step: done after $((SECONDS - began)) s"
}

[ $# -gt 0 ] || set -- "$here"/needs.d/*
command -v dpkg-query >/dev/null || die "this is no Debian" "Debian 12 or 13 is needed"
missing=$(comm -23 <(wanted "$@") <(installed))
[ -n "$missing" ] || exit 0
echo "setup: missing here: ${missing//$'\n'/ }"
[ "$(id -u)" = 0 ] || die "installing them needs root" "run 'make setup' as root once"
run_apt "fetch the package lists" update
# shellcheck disable=SC2086 # a list
run_apt "install $(echo $missing | wc -w) packages" install $missing
missing=$(comm -23 <(wanted "$@") <(installed))
[ -z "$missing" ] || die "still missing: ${missing//$'\n'/ }" "see /var/log/pfkeep-setup.log"
