# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# A disk of its own, mounted on /usr/lib/pfkeep, so that a change in the tree
# costs a second and not a new image.
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

payload=$WORK/payload

step "pack payload.img"
mkdir -p "$payload/guest" "$payload/qemu"
install -m 755 "$TREE"/build/lab/{lab-agent,guest-exec,qmp-do} "$TREE/tests/lab/agent/lab-ready" \
	"$payload/"
install -m 644 "$TREE/tests/lab/agent/lab-agent.service" "$payload/"
cp "$DEP_guest"/{vmlinuz,initramfs} "$payload/guest/"
mib=$(du -sm "$payload" | cut -f1)
truncate -s "$((mib + mib / 4 + 8))M" "$OUT/payload.img"
enter_root "$DEP_toolroot"
inside mke2fs -q -t ext4 -O ^has_journal,^resize_inode -m 0 -L pfkeep-payload -d /build/payload \
	/out/payload.img
