# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

step "build vfio-pci-sriov"
mkdir "$WORK/module" "$WORK/kernel"
cp -r "$TREE"/host-vfio-sriov/. "$WORK/module/"
enter_root "$DEP_toolroot"
mount --bind "$DEP_kernel_pfkeep/build" "$root_mnt/build/kernel"
inside make -C /build/kernel M=/build/module W=1 -j"$JOBS" modules ||
	fail "vfio-pci-sriov does not build for kernel pfkeep"
cp "$WORK/module/vfio-pci-sriov.ko" "$OUT/"
