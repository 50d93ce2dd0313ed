# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Builds vfio-pci-sriov. A warning of the compiler or of sparse is an error.
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

# Debian's headers lack the script that says whether sparse is there, and Debian 13's
# sparse is older than two things in 7.3's: typeof_unqual, and a constant expression
# in MODULE_LICENSE() and the like.
sparse='sparse -D__typeof_unqual__=__typeof__'

# complaints LOG: those about our files; the kernel's own headers are not ours to mend
complaints()
{
	grep -E '^(/build/module/)?[a-z_]+\.[ch]:.*(warning|error):' "$1" |
		grep -vE '^main\.c:.*error: bad constant expression$'
}

# build_module KERNEL KDIR: KDIR as seen inside; makes $WORK/module/vfio-pci-sriov.ko
build_module()
{
	local log=$WORK/module.log

	step "build vfio-pci-sriov for $1"
	rm -rf "$WORK/module"
	mkdir "$WORK/module"
	cp -r "$TREE"/host-vfio-sriov/. "$WORK/module/"
	inside make -C "$2" M=/build/module W=1 C=1 KBUILD_CHECKSRC=1 CHECK="$sparse" \
		-j"$JOBS" modules >"$log" 2>&1 || {
		cat "$log"
		fail "vfio-pci-sriov does not build for $1"
	}
	cat "$log"
	grep -q '  CHECK  ' "$log" || fail "sparse did not look at vfio-pci-sriov"
	! complaints "$log" || fail "vfio-pci-sriov builds with warnings for $1"
}

# module_for KERNEL KERNEL_PRODUCT_PATH: for a kernel that we built; also makes pretend.ko
module_for()
{
	mkdir "$WORK/kernel"
	enter_root "$DEP_toolroot"
	mount --bind "$2/build" "$root_mnt/build/kernel"
	build_module "kernel $1" /build/kernel
	cp "$WORK/module/vfio-pci-sriov.ko" "$OUT/"
	step "build pretend"
	cp -r "$TREE/tests/lab/vfio/pretend" "$WORK/"
	inside make -C /build/kernel M=/build/pretend W=1 modules
	cp "$WORK/pretend/pretend.ko" "$OUT/"
}

# module_for_stock KERNEL_PRODUCT_PATH: with Debian's headers, from the Debian 13 root
module_for_stock()
{
	local release

	release=$(cat "$1/release")
	enter_root "$DEP_toolroot"
	[ -d "$root_mnt/usr/src/linux-headers-$release" ] ||
		fail "the Debian 13 root has no headers of $release" \
			"run \`build/lab/products update\`, then build toolroot and the kernel anew"
	build_module "$release" "/usr/src/linux-headers-$release"
	cp "$WORK/module/vfio-pci-sriov.ko" "$OUT/"
}

# try_module SERIES: with Debian's newest headers of it, which the Debian 13 root lacks
try_module()
{
	local package common kbuild deb

	package=$(apt-cache pkgnames "linux-headers-$1" |
		grep -E "^linux-headers-${1//./\\.}\.[0-9]+\+deb13-amd64$" | sort -V | tail -1)
	[ -n "$package" ] || fail "trixie-backports has no linux-headers-$1.*" \
		"run \`build/lab/products update\`; if $1 is gone, it needs no building for any more"
	common=${package%-amd64}-common
	kbuild=${package/headers/kbuild}
	mkdir "$WORK/debs" "$WORK/headers"
	(cd "$WORK/debs" && apt-get -q download "$package" "$common" "${kbuild%-amd64}")
	for deb in "$WORK"/debs/*.deb; do
		dpkg-deb -x "$deb" "$WORK/headers"
	done
	sed -i 's|/usr/src/|/build/headers/usr/src/|' "$WORK/headers/usr/src/$package/Makefile"
	build_module "$1" "/build/headers/usr/src/$package"
}
