# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Debian's QEMU, unpacked and built in the Debian 13 root.
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

qemu=$WORK/qemu
# How many files a build makes, for the bar.
qemu_files=1500

unpack_qemu()
{
	step "unpack qemu $VERSION_qemu"
	(cd "$WORK" && apt-get -q --download-only source "qemu=$VERSION_qemu")
	enter_root "$DEP_toolroot"
	inside sh -c 'cd /build && dpkg-source --no-check -x qemu_*.dsc qemu'
}

# All are configured alike, so that what one compiled is in the cache for the next.
configure_qemu()
{
	local flags

	step "configure"
	flags=$(cat "$TREE/qemu-sriov-cap/configure-flags" \
		"$TREE/tests/lab/products/qemu/configure-flags" | grep -v '^#')
	mkdir "$qemu/obj"
	# shellcheck disable=SC2086 # one word a line, none with blanks
	inside sh -c 'cd /build/qemu/obj && exec ../configure "$@"' sh $flags '--cc=ccache gcc' ||
		fail "qemu $VERSION_qemu cannot be configured"
}

# compile_qemu TARGET...
compile_qemu()
{
	progress "$qemu_files" inside ninja -C /build/qemu/obj -j"$JOBS" "$@"
}

# pack_qemu DIRECTORY: the program alone, and its version in $OUT.
pack_qemu()
{
	cp "$qemu/obj/qemu-system-x86_64" "$OUT/$1/"
	inside strip "/out/$1/qemu-system-x86_64"
	inside "/out/$1/qemu-system-x86_64" --version | tee "$OUT/version"
}
