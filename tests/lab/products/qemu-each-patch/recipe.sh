# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# A reviewer's and a bisecter's view of the series: with the new files in the tree,
# it builds without a warning before the first patch and after each, and
# checkpatch finds nothing in patches and files.
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

room=$TREE/qemu-sriov-cap
series=$room/patches/qemu-10.2
qemu=$WORK/qemu

# checkpatch FILE_OR_PATCH...
checkpatch()
{
	inside sh -c 'cd /build/qemu && exec perl scripts/checkpatch.pl --no-signoff -q "$@"' sh "$@" ||
		fail "checkpatch finds fault: $*" "its words are in the log"
}

build()
{
	progress 1700 inside ninja -C /build/qemu/obj -j"$JOBS" qemu-system-x86_64 ||
		fail "QEMU does not build $1"
}

step "unpack qemu $VERSION_qemu"
(cd "$WORK" && apt-get -q --download-only source "qemu=$VERSION_qemu")
enter_root "$DEP_toolroot"
inside sh -c 'cd /build && dpkg-source --no-check -x qemu_*.dsc qemu'
cp -R "$room/src/." "$qemu/"
cp "$TREE/host-vfio-sriov/include/uapi/linux/vfio_pci_sriov.h" "$qemu/linux-headers/linux/"

step "checkpatch"
(cd "$room/src" && find . -name '*.[ch]' -printf '%P\n') >"$WORK/files"
while read -r file; do
	checkpatch -f "$file"
done <"$WORK/files"
cp -R "$series" "$WORK/qemu/series"
while read -r patch; do
	checkpatch "series/$patch"
done <"$series/series"

step "configure"
flags=$(cat "$room/configure-flags" "$TREE/tests/lab/products/qemu/configure-flags" | grep -v '^#')
mkdir "$qemu/obj"
# shellcheck disable=SC2086 # one word a line, none with blanks
inside sh -c 'cd /build/qemu/obj && exec ../configure "$@"' sh $flags '--cc=ccache gcc' ||
	fail "qemu $VERSION_qemu cannot be configured"

step "build without a patch"
build "before the first patch"
while read -r patch; do
	step "build with $patch"
	patch -d "$qemu" -p1 -F0 --no-backup-if-mismatch -s <"$series/$patch" ||
		fail "$patch does not apply to qemu $VERSION_qemu"
	build "after $patch"
	echo "$patch" >>"$OUT/report"
done <"$series/series"
