# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# shellcheck source=tests/lab/products/lib/module.sh
. "$TREE/tests/lab/products/lib/module.sh"

module_for debug "$DEP_kernel_debug"
