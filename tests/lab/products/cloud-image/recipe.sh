# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/debian13.sh
. "$TREE/tests/lab/products/lib/debian13.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

root=$WORK/host

step "Debian 13 as Debian's cloud images have it"
debian13_root minbase "$root" "$PRODUCT_DIR/packages"

step "make it a PF VM, by hand"
cp -a "$PRODUCT_DIR/files/." "$root/"
echo cloud >"$root/etc/hostname"
echo '/dev/vda / ext4 rw,discard,errors=remount-ro 0 1' >"$root/etc/fstab"
# As on Debian's: each VM gets its own at its first boot.
: >"$root/etc/machine-id"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log
cp -L "$root/vmlinuz" "$root/initrd.img" "$OUT/"
mv "$OUT/initrd.img" "$OUT/initrd"

step "pack disk.qcow2"
enter_root "$DEP_toolroot"
truncate -s 3G "$WORK/disk.raw"
inside mke2fs -q -t ext4 -m 0 -d /build/host /build/disk.raw
# Compressed, as Debian's are.
inside qemu-img convert -c -O qcow2 /build/disk.raw /out/disk.qcow2
chroot "$root" dpkg-query -W >"$OUT/packages.txt"
