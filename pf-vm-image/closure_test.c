// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "pf-vm-image/closure.h"

static const char dep[] =
	"kernel/net/core/failover.ko.xz:\n"
	"kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz\n"
	"kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz "
	"kernel/net/core/failover.ko.xz\n"
	"kernel/drivers/net/ethernet/intel/igb/igb.ko.xz: kernel/drivers/dca/dca.ko.xz\n"
	"kernel/drivers/dca/dca.ko.xz:\n"
	"kernel/drivers/pci/pci-stub.ko.xz:";
static const char builtin[] = "kernel/drivers/virtio/virtio_pci.ko\n"
			      "kernel/drivers/char/virtio_console.ko\n";

static size_t position(const struct closure *c, const char *name)
{
	char found[128];

	for (size_t i = 0; i < c->n; i++) {
		closure_module_name(c->paths[i], found, sizeof(found));
		if (!strcmp(found, name))
			return i;
	}
	fail_msg("%s isn't in the closure", name);
	return 0;
}

static void a_module_comes_after_what_it_depends_on(void **state)
{
	static const char *const names[] = { "virtio_net", "igb", NULL };
	struct problem p = { .text = "" };
	struct closure c;

	assert_int_equal(closure_find(dep, builtin, names, "6.12", &c, &p), 0);
	assert_int_equal(c.n, 5);
	assert_true(position(&c, "failover") < position(&c, "net_failover"));
	assert_true(position(&c, "net_failover") < position(&c, "virtio_net"));
	assert_true(position(&c, "dca") < position(&c, "igb"));
	closure_free(&c);
}

static void a_module_is_taken_once(void **state)
{
	static const char *const names[] = { "virtio_net", "failover", "virtio-net", NULL };
	struct problem p = { .text = "" };
	struct closure c;

	assert_int_equal(closure_find(dep, builtin, names, "6.12", &c, &p), 0);
	assert_int_equal(c.n, 3);
	closure_free(&c);
}

static void dash_and_underscore_are_the_same(void **state)
{
	static const char *const names[] = { "pci_stub", NULL };
	struct problem p = { .text = "" };
	struct closure c;

	assert_int_equal(closure_find(dep, builtin, names, "6.12", &c, &p), 0);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.paths[0], "kernel/drivers/pci/pci-stub.ko.xz");
	closure_free(&c);
}

static void what_the_kernel_has_built_in_needs_no_module(void **state)
{
	static const char *const names[] = { "virtio_pci", NULL };
	struct problem p = { .text = "" };
	struct closure c;

	assert_int_equal(closure_find(dep, builtin, names, "6.12", &c, &p), 0);
	assert_int_equal(c.n, 0);
	closure_free(&c);
}

static void a_driver_that_the_kernel_lacks_is_named(void **state)
{
	static const char *const names[] = { "igb", "vendor_pf", NULL };
	struct problem p = { .text = "" };
	struct closure c;

	assert_int_equal(closure_find(dep, builtin, names, "6.12", &c, &p), -ENOENT);
	assert_string_equal(p.text, "driver 'vendor_pf': kernel 6.12 has none");
}

static void a_part_of_a_name_is_not_the_name(void **state)
{
	static const char *const names[] = { "virtio", NULL };
	struct problem p = { .text = "" };
	struct closure c;

	assert_int_equal(closure_find(dep, builtin, names, "6.12", &c, &p), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_comes_after_what_it_depends_on),
		cmocka_unit_test(a_module_is_taken_once),
		cmocka_unit_test(dash_and_underscore_are_the_same),
		cmocka_unit_test(what_the_kernel_has_built_in_needs_no_module),
		cmocka_unit_test(a_driver_that_the_kernel_lacks_is_named),
		cmocka_unit_test(a_part_of_a_name_is_not_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
