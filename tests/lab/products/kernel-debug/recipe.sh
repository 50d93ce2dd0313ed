# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck source=tests/lab/products/lib/kernel.sh
. "$TREE/tests/lab/products/lib/kernel.sh"

build_kernel "$TREE/tests/lab/products/kernel-pfkeep/config" "$PRODUCT_DIR/config"
