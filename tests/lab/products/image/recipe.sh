# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/debian13.sh
. "$TREE/tests/lab/products/lib/debian13.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

root=$WORK/host

# units LIST: its names, one a line
units()
{
	sed 's/#.*//' "$1" | tr -s ' \t' '\n' | grep .
}

step "Debian 13 with systemd and libvirt"
debian13_root minbase "$root" "$PRODUCT_DIR/packages"

step "make it a lab host"
cp -a "$PRODUCT_DIR/files/." "$root/"
echo lab >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 lab\n' >"$root/etc/hosts"
echo 4c41422d686f73742d70666b65657031 >"$root/etc/machine-id"
: >"$root/etc/fstab"
rm -f "$root"/etc/resolv.conf "$root"/etc/libvirt/qemu/networks/autostart/* \
	"$root"/etc/systemd/system/timers.target.wants/*
# libvirt would take what D-Bus could start for something that it can use.
rm -f "$root"/usr/share/dbus-1/system-services/org.freedesktop.{login1,machine1}.service
for unit in $(units "$PRODUCT_DIR/masked-units"); do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
ln -sf /usr/lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
ln -sf /usr/lib/pfkeep/lab-agent.service "$root/etc/systemd/system/lab-agent.service"
mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
ln -sf /usr/lib/pfkeep/lab-agent.service \
	"$root/etc/systemd/system/sysinit.target.wants/lab-agent.service"
chroot "$root" passwd -d root
# Where the initramfs mounts the other disks, and the lab's own files go.
rm -rf "$root/usr/lib/modules"
mkdir -p "$root/usr/lib/modules" "$root/usr/lib/pfkeep/qemu" "$root/var/lib/pfkeep"
ln -s pfkeep "$root/usr/lib/pfkeep-lab"
rm -f "$root"/etc/systemd/system/*.wants/virtlogd*
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf /usr/lib/systemd/system/libvirtd.service \
	"$root/etc/systemd/system/multi-user.target.wants/libvirtd.service"
# Done here once instead of at each boot.
chroot "$root" systemd-hwdb update
chroot "$root" systemd-sysusers
chroot "$root" ldconfig
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/{doc,man,locale,info}
rm -rf "$root"/usr/lib/python3*/test "$root"/var/log/*.log

step "pack disk.img"
enter_root "$DEP_toolroot"
truncate -s 4G "$OUT/disk.img"
inside mke2fs -q -t ext4 -O ^has_journal,^resize_inode,^metadata_csum -m 0 \
	-E lazy_itable_init=1,nodiscard -L pfkeep-root -d /build/host /out/disk.img
chroot "$root" dpkg-query -W >"$OUT/packages.txt"
