# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# A kernel as Debian ships it, with the modules that the lab needs. Makes in $OUT:
# vmlinuz, initrd.img, modules.img, lib/modules/ and release (its version).
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"
# shellcheck source=tests/lab/products/lib/initramfs.sh
. "$TREE/tests/lab/products/lib/initramfs.sh"
# shellcheck source=tests/lab/products/lib/modules-image.sh
. "$TREE/tests/lab/products/lib/modules-image.sh"

# What the root disk and the agent's channel need, before udev.
early="virtio_pci virtio_blk virtio_console ext4"

# dependency PACKAGE=VERSION PATTERN: the package that it depends on
dependency()
{
	apt-cache show "$1" | sed -n 's/^\(Pre-\)\?Depends: //p' | tr ',' '\n' |
		sed 's/^ *//; s/ .*//' | grep -E "^$2" | head -1
}

# Sets release, vmlinuz and modules (a folder).
unpack_kernel()
{
	local image packages part deb

	step "download Linux $VERSION_linux_image_amd64"
	image=$(dependency "linux-image-amd64=$VERSION_linux_image_amd64" 'linux-image-[0-9]')
	[ -n "$image" ] || fail "linux-image-amd64 $VERSION_linux_image_amd64 names no kernel image"
	release=${image#linux-image-}
	# Since 7.2 the kernel and its modules are packages of their own.
	mkdir "$WORK/debs" "$WORK/root"
	packages=$image
	for part in linux-binary linux-modules linux-base; do
		packages="$packages $(dependency "$image" "$part-[0-9]" || true)"
	done
	# shellcheck disable=SC2086 # a list
	(cd "$WORK/debs" && apt-get -q download $packages)
	step "unpack $release"
	for deb in "$WORK"/debs/*.deb; do
		dpkg-deb -x "$deb" "$WORK/root"
	done
	modules=$(find "$WORK/root" -type d -path "*/lib/modules/$release" | head -1)
	vmlinuz=$(find "$WORK/root" -type f \
		\( -name "vmlinuz-$release" -o -path "*/$release/vmlinuz" \) | head -1)
	if [ -z "$modules" ] || [ -z "$vmlinuz" ]; then
		fail "the packages of $release hold no kernel or no modules"
	fi
}

# keep_modules LIST: a wanted folder's modules, then what modules.dep says these need
keep_modules()
{
	local kept=$OUT/lib/modules/$release path

	step "keep the modules that the lab needs"
	mkdir -p "$WORK/all/lib/modules" "$kept"
	mv "$modules" "$WORK/all/lib/modules/$release"
	inside depmod -b /build/all "$release"
	cd "$WORK/all/lib/modules/$release"
	sed 's/#.*//' "$1" | tr -s ' \t' '\n' | grep . >"$WORK/wanted"
	find kernel -name '*.ko*' | sort >"$WORK/modules.list"
	while read -r path; do
		grep -E "^${path%.ko}(/|\.ko)" "$WORK/modules.list" || echo "no such module: $path" >&2
	done <"$WORK/wanted" >"$WORK/first"
	awk 'NR == FNR { want[$1]; next }
	     { name = substr($1, 1, length($1) - 1) }
	     name in want { for (i = 2; i <= NF; i++) print $i; print name }' \
		"$WORK/first" modules.dep | sort -u >"$WORK/keep"
	tar -cf - -T "$WORK/keep" modules.order modules.builtin modules.builtin.modinfo |
		tar -xf - -C "$kept"
	cd "$WORK"
	inside depmod -b /out "$release"
}

# In the loading order that modprobe sees; busybox loads no compressed module.
pack_early_modules()
{
	local kept=$OUT/lib/modules/$release module order file early_files=""

	# shellcheck disable=SC2086 # a list
	order=$(for module in $early; do
		inside modprobe -d /out -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { sub(".*/modules/[^/]*/", "", $2); print $2 }')
	for file in $order; do
		case $file in
		*.xz) inside xz -dk "/out/lib/modules/$release/$file" ;;
		*.zst) inside zstd -qdk "/out/lib/modules/$release/$file" ;;
		esac
		early_files="$early_files ${file%.[xz]*}"
	done
	# shellcheck disable=SC2086 # a list
	make_initramfs "$OUT/initrd.img" "$kept" $early_files
	for file in $order; do
		case $file in *.xz | *.zst) rm "$kept/${file%.*}" ;; esac
	done
}

# stock_kernel MODULES_LIST
stock_kernel()
{
	unpack_kernel
	cp "$vmlinuz" "$OUT/vmlinuz"
	echo "$release" >"$OUT/release"
	enter_root "$DEP_toolroot"
	keep_modules "$1"
	pack_early_modules
	pack_modules "$release"
}
