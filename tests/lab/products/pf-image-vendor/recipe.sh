# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

kernel=$(grep -m1 -o '"kernel":"[^"]*"' "$DEP_pf_image/image/manifest.json" | cut -d'"' -f4)
enter_root "$DEP_toolroot"

# build_for NAME HEADERS: HEADERS as the Debian 13 root sees them
build_for()
{
	step "for ${2##*/linux-headers-}"
	mkdir "$WORK/$1" "$OUT/$1"
	cp "$TREE"/tests/pf-image/vendor/* "$WORK/$1/"
	inside make -C "$2" M="/build/$1" modules || fail "the vendor driver does not build for $2"
	cp "$WORK/$1"/*.ko "$OUT/$1/"
}

# The image's kernel comes with security updates, which the root's headers do not.
step "headers of kernel $kernel"
(cd "$WORK" && apt-get -q download "linux-headers-$kernel" \
	"linux-headers-${kernel%-amd64}-common" "linux-kbuild-${kernel%-amd64}") ||
	fail "no headers of the image's kernel $kernel" \
		"remove $DEP_pf_image, whose kernel is older than the mirror's, and run it again"
for deb in "$WORK"/linux-*.deb; do
	dpkg-deb -x "$deb" "$WORK/headers"
done
sed -i 's,/usr/src/,/build/headers/usr/src/,' "$WORK/headers/usr/src/linux-headers-$kernel/Makefile"
build_for this "/build/headers/usr/src/linux-headers-$kernel"

# Any other that the root has headers of.
for headers in "$root_mnt"/usr/src/linux-headers-*-amd64; do
	[ "${headers##*/linux-headers-}" = "$kernel" ] || break
done
build_for other "/usr/src/${headers##*/}"
