# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"

# A first boot under this kernel, with libvirt's probes, takes longer than the few
# labs that it has would gain by it.
step "copy the disk of kernel pfkeep's host"
cp --sparse=always "$DEP_host_pfkeep/disk.img" "$OUT/disk.img"
