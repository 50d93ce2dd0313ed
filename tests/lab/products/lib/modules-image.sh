# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154

# pack_modules RELEASE: modules.img from $OUT/lib/modules, with the kernel and
# initramfs beside its modules, for kexec. The initramfs mounts it on /usr/lib/modules.
pack_modules()
{
	local tree=$OUT/lib/modules mib

	step "pack modules.img"
	cp "$OUT/vmlinuz" "$OUT/initrd.img" "$tree/$1/"
	mib=$(du -sm "$tree" | cut -f1)
	truncate -s "$((mib + mib / 4 + 16))M" "$OUT/modules.img"
	inside mke2fs -q -t ext4 -O ^has_journal,^resize_inode -m 0 -L pfkeep-modules -d /out/lib/modules \
		/out/modules.img
}
