# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/module.sh
. "$TREE/tests/lab/products/lib/module.sh"

module_for_stock "$DEP_kernel_stock"
# No lab runs on 7.2, but the module must build for it.
try_module 7.2
