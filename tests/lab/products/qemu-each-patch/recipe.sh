# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# A reviewer's and a bisecter's view of the series: with the new files in the tree,
# it builds without a warning before the first patch and after each, and
# checkpatch finds nothing in patches and files.
# shellcheck source=tests/lab/products/lib/qemu.sh
. "$TREE/tests/lab/products/lib/qemu.sh"

room=$TREE/qemu-sriov-cap
series=$room/patches/qemu-10.2

# checkpatch FILE_OR_PATCH...
checkpatch()
{
	inside sh -c 'cd /build/qemu && exec perl scripts/checkpatch.pl --no-signoff -q "$@"' sh "$@" ||
		fail "checkpatch finds fault: $*" "its words are in the log"
}

build()
{
	compile_qemu qemu-system-x86_64 ||
		fail "QEMU does not build $1"
}

unpack_qemu
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

configure_qemu

step "build without a patch"
build "before the first patch"
while read -r patch; do
	step "build with $patch"
	patch -d "$qemu" -p1 -F0 --no-backup-if-mismatch -s <"$series/$patch" ||
		fail "$patch does not apply to qemu $VERSION_qemu"
	build "after $patch"
	echo "$patch" >>"$OUT/report"
done <"$series/series"
