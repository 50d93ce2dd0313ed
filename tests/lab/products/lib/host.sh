# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# The lab host's disk, booted once with the kernel that it will run, so that what
# is slow only the first time is behind it: libvirt's probes of each QEMU.
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

# warm_host KERNEL_PRODUCT_PATH
warm_host()
{
	local kernel=$1 disks=()

	step "copy the image"
	cp --sparse=always "$DEP_image/disk.img" "$OUT/disk.img"
	enter_root "$DEP_toolroot"
	mkdir "$WORK/kernel"
	mount --bind "$kernel" "$root_mnt/build/kernel"
	disks=(-drive "if=none,id=modules,format=raw,file=/build/kernel/modules.img,read-only=on"
		-device "virtio-blk-pci,drive=modules,serial=modules")
	if [ -n "${DEP_qemu:-}" ]; then
		mkdir "$WORK/qemu"
		mount --bind "$DEP_qemu" "$root_mnt/build/qemu"
		disks+=(-drive "if=none,id=qemu,format=raw,file=/build/qemu/qemu.img,read-only=on"
			-device "virtio-blk-pci,drive=qemu,serial=qemu")
	fi
	step "first boot"
	inside qemu-system-x86_64 -nodefaults -no-reboot -display none -accel tcg,thread=multi \
		-cpu EPYC -M q35,kernel-irqchip=split -smp 2,sockets=2 -m 2048 \
		-device intel-iommu,intremap=on,caching-mode=off \
		-kernel /build/kernel/vmlinuz -initrd /build/kernel/initrd.img \
		-append "console=ttyS0 rw no_timer_check panic=-1 systemd.wants=lab-prewarm.service" \
		-drive "if=none,id=root,format=raw,file=/out/disk.img,cache=unsafe" \
		-device virtio-blk-pci,drive=root,serial=root "${disks[@]}" \
		-device virtio-rng-pci -serial stdio | tee "$WORK/console"
	grep -q '^prewarm: done' "$WORK/console" ||
		fail "${PRODUCT_DIR##*/}: the lab host did not come up" "its console is in the log"
}
