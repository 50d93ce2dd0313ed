# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Makes a Debian 13 root from the machine's own mirror.

# debian13_root VARIANT DIR PACKAGES_FILE [MMDEBSTRAP_OPTION...]
debian13_root()
{
	local variant=$1 dir=$2 list=$3

	shift 3
	grep '^deb ' "$SUITES" >"$WORK/suites.list"
	env -u APT_CONFIG mmdebstrap --mode=root --variant="$variant" --format=directory \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='force-unsafe-io' --include="$(packages "$list")" "$@" \
		trixie "$dir" "$WORK/suites.list"
}

# packages FILE: its names, without comments, with commas between
packages()
{
	sed 's/#.*//' "$1" | tr -s ' \t\n' ',' | sed 's/^,//; s/,$//'
}
