# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Runs a command inside the Debian 13 root, which stays as it is: read only,
# with this build's $WORK as /build, $OUT as /out, the tree as /tree and a compiler
# cache that outlives us. The engine gave us mounts of our own; they end with us.

enter_root()
{
	local root=$1

	root_mnt=$(mktemp -d "$WORK/root.XXXXXX")
	mount --bind "$root" "$root_mnt"
	mount -o remount,bind,ro "$root_mnt"
	mount -t proc proc "$root_mnt/proc"
	mount --rbind /dev "$root_mnt/dev"
	mount -t tmpfs -o mode=1777 tmp "$root_mnt/tmp"
	mount --bind "$WORK" "$root_mnt/build"
	mount --bind "$OUT" "$root_mnt/out"
	mount --bind "$SCRATCH" "$root_mnt/scratch"
	mount --bind "$TREE" "$root_mnt/tree"
	mount -o remount,bind,ro "$root_mnt/tree"
}

# inside [ENV=VALUE...] COMMAND...
inside()
{
	chroot "$root_mnt" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp \
		LC_ALL=C.UTF-8 TERM=dumb JOBS="$JOBS" CCACHE_DIR=/scratch/ccache CCACHE_MAXSIZE=3G "$@"
}
