# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck source=tests/lab/products/lib/stock-kernel.sh
. "$TREE/tests/lab/products/lib/stock-kernel.sh"

stock_kernel "$TREE/tests/lab/products/kernel-stock/modules"
