# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

modules="igb igbvf nvme virtio_net 8021q overlay pci-stub vfio-pci"
root=$WORK/guest
version=$(ls "$DEP_kernel_pfkeep/lib/modules")

enter_root "$DEP_toolroot"

step "programs"
mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,etc,jobs,usr/sbin,usr/bin,mnt}
cp "$DEP_toolroot/usr/bin/busybox" "$root/bin/"
install -m 755 "$TREE/tests/lab/guest/init" "$root/init"
cp "$TREE"/tests/lab/guest/jobs/* "$root/jobs/"
inside make -s -C /tree BUILD=/build/make /build/make/lab/{lab-agent,guest/{wire-echo,wire-flow,hostile}}
cp "$WORK"/make/lab/{lab-agent,guest/{wire-echo,wire-flow,hostile}} "$root/bin/"

step "guest agent $VERSION_qemu_guest_agent"
(cd "$WORK" && apt-get -q download "qemu-guest-agent=$VERSION_qemu_guest_agent" &&
	dpkg-deb -x qemu-guest-agent_*.deb agent)
install -m 755 "$WORK/agent/usr/sbin/qemu-ga" "$root/usr/sbin/"
inside ldd /build/agent/usr/sbin/qemu-ga | grep -q 'not found' &&
	fail "guest: the Debian 13 root lacks a library of qemu-ga" "add its package to toolroot/packages"
inside ldd /build/agent/usr/sbin/qemu-ga | grep -o '/[^ ]*' | sort -u | while read -r lib; do
	install -D -m 755 "$root_mnt/$lib" "$root/$lib"
done

step "modules of $version"
for module in $modules; do
	modprobe --show-depends -d "$DEP_kernel_pfkeep" -S "$version" "$module" 2>/dev/null || true
done | sed -n 's/^insmod //p' | sort -u | while read -r file; do
	install -D -m 644 "$file" "$root/lib/modules/$version/${file##*/"$version"/}"
done
cp "$DEP_kernel_pfkeep/lib/modules/$version"/modules.{builtin,order,builtin.modinfo} \
	"$root/lib/modules/$version/"
depmod -b "$root" "$version"

step "initramfs"
find "$root" -exec touch -h -d "@0" {} +
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet) |
	zstd -q -9 >"$OUT/initramfs"
cp "$DEP_kernel_pfkeep/vmlinuz" "$OUT/vmlinuz"
