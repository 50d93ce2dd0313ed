# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

# What outlives a build: the appliance that libguestfs made, a kernel for it, the
# verdict on KVM.
cache=$SCRATCH/pf-image

# With the machine's own apt sources, as an operator runs it.
pf_image()
{
	env -u APT_CONFIG PFKEEP_CACHE="$SCRATCH" LIBGUESTFS_CACHEDIR="$cache" \
		PF_IMAGE_LOG="$WORK/log" "$WORK/make/pf-vm-image/pf-image" "$@"
}

step "compile pf-image"
make -s -C "$TREE" BUILD="$WORK/make" -j"$JOBS" "$WORK"/make/pf-vm-image/pf-{image,init} ||
	fail "pf-image does not compile"

step "pf-image build"
mkdir -p "$cache"
pf_image build "$OUT/image" 2>&1 | tee "$WORK/said" || {
	tail -n 50 "$WORK/log"
	fail "$(tail -n 1 "$WORK/said")"
}

step "pack pf-image.img"
mib=$(du -sm "$OUT/image" | cut -f1)
truncate -s "$((mib + 16))M" "$OUT/pf-image.img"
enter_root "$DEP_toolroot"
inside mke2fs -q -t ext4 -O ^has_journal,^resize_inode -m 0 -L pf-image -d /out/image \
	/out/pf-image.img
