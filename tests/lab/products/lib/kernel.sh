# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Builds linux-source-7.3 with our series. Makes in $OUT: vmlinuz, initrd.img,
# modules.img (what the lab host mounts on /usr/lib/modules), lib/modules/ (the same
# as files), build/ (for modules out of the tree) and release (its version).
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"
# shellcheck source=tests/lab/products/lib/modules-image.sh
. "$TREE/tests/lab/products/lib/modules-image.sh"
# shellcheck source=tests/lab/products/lib/initramfs.sh
. "$TREE/tests/lab/products/lib/initramfs.sh"

series_dir=$TREE/host-vfio-sriov/patches/linux-7.3
# How many files a build makes, for the bar.
kernel_files=2150

unpack_source()
{
	step "unpack linux-source-7.3 $VERSION_linux_source_7_3"
	(cd "$WORK" && apt-get -q download "linux-source-7.3=$VERSION_linux_source_7_3")
	dpkg-deb --fsys-tarfile "$WORK"/linux-source-*.deb |
		tar -xO --wildcards './usr/src/linux-source-7.3.tar.*' >"$WORK/linux.tar.xz"
	mkdir "$WORK/linux"
	tar -xf "$WORK/linux.tar.xz" -C "$WORK/linux" --strip-components=1
	rm "$WORK/linux.tar.xz" "$WORK"/linux-source-*.deb
}

apply_series()
{
	local patch

	[ -f "$series_dir/series" ] || return 0
	while read -r patch; do
		case $patch in '' | '#'*) continue ;; esac
		step "apply $patch"
		patch -d "$WORK/linux" -p1 -F0 --forward --batch <"$series_dir/$patch" ||
			fail "patch $patch does not apply to linux $VERSION_linux_source_7_3" \
				"refresh the series for this point release"
	done <"$series_dir/series"
}

# configure FRAGMENT...: all that the fragments ask for must come out of it.
configure()
{
	local missing

	step "configure"
	cat "$@" | grep -v '^#' >"$WORK/fragment"
	inside make -s -C /build/linux KCONFIG_ALLCONFIG=/build/fragment allnoconfig
	missing=$(grep '=[ym]$' "$WORK/fragment" | grep -vxFf "$WORK/linux/.config" || true)
	missing=${missing//$'\n'/ }
	[ -z "$missing" ] || fail "configuration not possible as asked: $missing" \
		"a dependency changed in linux $VERSION_linux_source_7_3"
}

# Host names and dates would make each build another one, and miss the compiler cache.
# The build writes each object's dependencies anyway: with them, the cache need not
# preprocess every file first, a quarter of a cold build.
kmake()
{
	inside CCACHE_DEPEND=1 KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=pfkeep KBUILD_BUILD_HOST=lab \
		make -C /build/linux CC="ccache gcc" HOSTCC="ccache gcc" "$@"
}

# What a module out of the tree needs: the kernel's own script picks it.
keep_build_tree()
{
	step "keep what modules are built with"
	# shellcheck disable=SC2016 # for make
	kmake -s run-command \
		KBUILD_RUN_COMMAND='+${srctree}/scripts/package/install-extmod-build /out/build'
}


build_kernel()
{
	local release

	enter_root "$DEP_toolroot"
	unpack_source
	apply_series
	configure "$@"
	step "compile"
	progress "$kernel_files" kmake -j"$((JOBS * 2))" bzImage modules
	release=$(kmake -s kernelrelease)
	step "install"
	mkdir -p "$OUT/lib/modules"
	kmake -s INSTALL_MOD_PATH=/build/mod INSTALL_MOD_STRIP=1 modules_install
	mv "$WORK/mod/lib/modules/$release" "$OUT/lib/modules/"
	rm -f "$OUT/lib/modules/$release/build" "$OUT/lib/modules/$release/source"
	cp "$WORK/linux/arch/x86/boot/bzImage" "$OUT/vmlinuz"
	cp "$WORK/linux/.config" "$OUT/config"
	cp "$WORK/linux/System.map" "$OUT/System.map"
	echo "$release" >"$OUT/release"
	keep_build_tree
	make_initramfs "$OUT/initrd.img" ""
	pack_modules "$release"
}
