# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/qemu.sh
. "$TREE/tests/lab/products/lib/qemu.sh"

unpack_qemu
step "apply qemu-sriov-cap"
"$TREE/qemu-sriov-cap/apply" "$qemu" qemu-10.2 ||
	fail "the series does not apply to qemu $VERSION_qemu" \
		"refresh it for this point release"
configure_qemu
step "compile"
compile_qemu qemu-system-x86_64 tests/qtest/vfio-sriov-test

# A QEMU in its build tree looks for firmware in there only.
step "qtest"
mkdir -p "$qemu/obj/qemu-bundle/usr/share"
ln -s /usr/share/seabios "$qemu/obj/qemu-bundle/usr/share/seabios"
inside sh -c 'cd /build/qemu/obj && QTEST_QEMU_BINARY=./qemu-system-x86_64 exec \
	timeout 300 tests/qtest/vfio-sriov-test --tap' | tee "$WORK/tap" ||
	fail "vfio-sriov-test fails" "its report is in the log"
grep -q '^ok ' "$WORK/tap" || fail "vfio-sriov-test ran no test"

step "pack qemu.img"
mkdir -p "$OUT/qemu/bin"
pack_qemu qemu/bin
mib=$(du -sm "$OUT/qemu" | cut -f1)
truncate -s "$((mib + mib / 4 + 16))M" "$OUT/qemu.img"
inside mke2fs -q -t ext4 -O ^has_journal,^resize_inode -m 0 -L pfkeep-qemu -d /out/qemu /out/qemu.img
