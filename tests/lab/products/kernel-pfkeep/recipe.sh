# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck source=tests/lab/products/lib/kernel.sh
. "$TREE/tests/lab/products/lib/kernel.sh"

build_kernel "$PRODUCT_DIR/config"
