// SPDX-License-Identifier: GPL-2.0-only
/* A second module, which nothing but its name asks for: a boot script loads it. */
#include <linux/module.h>

static int __init aux_init(void)
{
	return 0;
}
module_init(aux_init);

static void __exit aux_exit(void)
{
}
module_exit(aux_exit);

MODULE_DESCRIPTION("A helper of a vendor's driver, for tests of pf-image");
MODULE_LICENSE("GPL");
