# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash source=tests/lab/products/lib/recipe.sh
# $1 in the hooks is mmdebstrap's: the root.
# shellcheck disable=SC2016
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/debian13.sh
. "$TREE/tests/lab/products/lib/debian13.sh"

# The newest headers of the series that the module must build for.
headers_73=$(apt-cache pkgnames linux-headers-7.3 | grep -E '^linux-headers-7\.3\.[0-9]+\+deb13-amd64$' |
	sort -V | tail -1)
[ -n "$headers_73" ] || fail "toolroot: trixie-backports has no linux-headers-7.3.*" \
	"run \`build/lab/products update\`; if 7.3 is gone, the series must move on"
more=$(packages "$PRODUCT_DIR/packages-backports" | tr ',' ' ')

step "Debian 13 with compilers"
debian13_root apt "$OUT" "$PRODUCT_DIR/packages" \
	--customize-hook='echo "step: kernel headers and QEMU of trixie-backports" >&3 || true' \
	--customize-hook='APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -y --no-install-recommends \
		-o DPkg::Chroot-Directory="$1" -t trixie-backports install '"$more linux-headers-amd64 $headers_73"

# Those of Debian 13 would draw in a whole kernel image, which nothing here runs.
step "kernel headers of Debian 13"
mkdir "$WORK/headers"
headers=$(apt-cache show "linux-headers-amd64=$(apt-cache madison linux-headers-amd64 |
	awk -F' *[|] *' '/ trixie\/main /{print $2; exit}')" | sed -n 's/^Depends: .*\(linux-headers-[^ ]*-amd64\).*/\1/p' | head -1)
common=${headers%-amd64}-common
kbuild=${headers/headers/kbuild}
(cd "$WORK/headers" && apt-get -q download "$headers" "$common" "${kbuild%-amd64}")
cp "$WORK"/headers/*.deb "$OUT/tmp/"
chroot "$OUT" sh -c 'dpkg --force-depends -i /tmp/*.deb && rm -f /tmp/*.deb'

# Where a build's own folders are mounted.
mkdir -p "$OUT/build" "$OUT/out" "$OUT/tree" "$OUT/scratch"
rm -rf "$OUT"/var/cache/apt/*.bin "$OUT"/var/lib/apt/lists/*
chroot "$OUT" qemu-system-x86_64 --version
