# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/host.sh
. "$TREE/tests/lab/products/lib/host.sh"

warm_host "$DEP_kernel_stock_6_12"
