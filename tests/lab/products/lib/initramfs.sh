# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# The lab host's initramfs: busybox, our init, the modules that the root needs.

# make_initramfs FILE MODULES_DIR [MODULE_FILE...]: modules in loading order
make_initramfs()
{
	local file=$1 modules=$2 root=$WORK/initramfs module

	shift 2
	step "pack ${file##*/}"
	mkdir -p "$root"/{bin,dev,proc,sys,run,root,modules}
	cp "$root_mnt/usr/bin/busybox" "$root/bin/"
	cp "$TREE/tests/lab/products/lib/initramfs-init" "$root/init"
	chmod 755 "$root/init"
	for module; do
		cp "$modules/$module" "$root/modules/"
		echo "/modules/${module##*/}" >>"$root/modules/order"
	done
	inside sh -c 'cd /build/initramfs && find . | LC_ALL=C sort | cpio -o -H newc --quiet \
		--reproducible -R 0:0 | zstd -q -10 >/build/initrd.img'
	mv "$WORK/initrd.img" "$file"
}
