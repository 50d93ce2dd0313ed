# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

room=$TREE/qemu-sriov-cap
# How many files a build makes, for the bar.
qemu_files=1500

step "unpack qemu $VERSION_qemu"
(cd "$WORK" && apt-get -q --download-only source "qemu=$VERSION_qemu")
enter_root "$DEP_toolroot"
inside sh -c 'cd /build && dpkg-source --no-check -x qemu_*.dsc qemu'

step "apply qemu-sriov-cap"
"$room/apply" "$WORK/qemu" qemu-10.2 ||
	fail "the series does not apply to qemu $VERSION_qemu" \
		"refresh it for this point release"

step "configure"
flags=$(cat "$room/configure-flags" "$PRODUCT_DIR/configure-flags" 2>/dev/null | grep -v '^#')
mkdir "$WORK/qemu/obj"
# shellcheck disable=SC2086 # one word a line, none with blanks
inside sh -c 'cd /build/qemu/obj && exec ../configure "$@"' sh $flags '--cc=ccache gcc' ||
	fail "qemu $VERSION_qemu cannot be configured"

step "compile"
progress "$qemu_files" inside ninja -C /build/qemu/obj -j"$JOBS" qemu-system-x86_64 \
	tests/qtest/vfio-sriov-test

# A QEMU in its build tree looks for firmware in there only.
step "qtest"
mkdir -p "$WORK/qemu/obj/qemu-bundle/usr/share"
ln -s /usr/share/seabios "$WORK/qemu/obj/qemu-bundle/usr/share/seabios"
inside sh -c 'cd /build/qemu/obj && QTEST_QEMU_BINARY=./qemu-system-x86_64 exec \
	timeout 300 tests/qtest/vfio-sriov-test --tap' | tee "$WORK/tap" ||
	fail "vfio-sriov-test fails" "its report is in the log"
grep -q '^ok ' "$WORK/tap" || fail "vfio-sriov-test ran no test"

step "pack qemu.img"
mkdir -p "$OUT/qemu/bin"
cp "$WORK/qemu/obj/qemu-system-x86_64" "$OUT/qemu/bin/"
inside strip /out/qemu/bin/qemu-system-x86_64
inside /out/qemu/bin/qemu-system-x86_64 --version | tee "$OUT/version"
mib=$(du -sm "$OUT/qemu" | cut -f1)
truncate -s "$((mib + mib / 4 + 16))M" "$OUT/qemu.img"
inside mke2fs -q -t ext4 -O ^has_journal,^resize_inode -m 0 -L pfkeep-qemu -d /out/qemu /out/qemu.img
