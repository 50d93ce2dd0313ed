# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/qemu.sh
. "$TREE/tests/lab/products/lib/qemu.sh"

unpack_qemu
for patch in "$PRODUCT_DIR"/patches/*.patch; do
	step "apply ${patch##*/}"
	patch -d "$qemu" -p1 -F0 --no-backup-if-mismatch -s <"$patch" ||
		fail "${patch##*/} does not apply to qemu $VERSION_qemu" \
			"refresh it for this point release"
done
configure_qemu
step "compile"
compile_qemu qemu-system-x86_64
pack_qemu .
