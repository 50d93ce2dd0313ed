# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Makes in $OUT: selftests/ (programs for the lab host), checkpatch/.
# shellcheck source=tests/lab/products/lib/recipe.sh
. "$TREE/tests/lab/products/lib/recipe.sh"
# shellcheck source=tests/lab/products/lib/chroot.sh
. "$TREE/tests/lab/products/lib/chroot.sh"

linux=$WORK/linux
tests=$linux/tools/testing/selftests/vfio

step "unpack linux-source-7.3 $VERSION_linux_source_7_3"
(cd "$WORK" && apt-get -q download "linux-source-7.3=$VERSION_linux_source_7_3" "uuid-dev=$VERSION_uuid_dev")
mkdir "$linux"
dpkg-deb --fsys-tarfile "$WORK"/linux-source-*.deb |
	tar -xO --wildcards './usr/src/linux-source-7.3.tar.*' | xz -dc | tar -x -C "$linux" --strip-components=1
# Linked into the programs, so that the lab host needs no library of its own for it.
dpkg-deb -x "$WORK"/uuid-dev_*.deb "$WORK/uuid"
rm -f "$WORK"/*.deb "$WORK"/uuid/usr/lib/*/libuuid.so
enter_root "$DEP_toolroot"

step "build the selftests of VFIO"
# This test says that VFs must have the driver that their PF has, and means stock's.
sed -i 's/strcmp(vf_driver, "vfio-pci")/strncmp(vf_driver, "vfio-pci", 8)/' \
	"$tests/vfio_pci_sriov_uapi_test.c"
grep -q 'strncmp(vf_driver' "$tests/vfio_pci_sriov_uapi_test.c" ||
	fail "vfio_pci_sriov_uapi_test.c asks for the VF's driver in another way than it did"
inside make -s -C /build/linux -j"$JOBS" headers
inside make -C /build/linux/tools/testing/selftests TARGETS=vfio -j"$JOBS" \
	KHDR_INCLUDES="-isystem /build/linux/usr/include" \
	EXTRA_CFLAGS="-I/build/uuid/usr/include -L/build/uuid/usr/lib/x86_64-linux-gnu"
mkdir -p "$OUT/selftests" "$OUT/checkpatch"
find "$tests" -maxdepth 1 -name 'vfio_*_test' -type f -exec cp {} "$OUT/selftests/" \;
[ "$(find "$OUT/selftests" -type f | wc -l)" -ge 6 ] ||
	fail "fewer selftests of VFIO than linux $VERSION_linux_source_7_3 had"

step "checkpatch"
cp "$linux"/scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch} "$OUT/checkpatch/"
