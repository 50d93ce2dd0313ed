// SPDX-License-Identifier: GPL-2.0-only
/* What inspect reads out of an image: packages, bill of materials, drivers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <json-c/json.h>
#include <cmocka.h>

#include "pf-vm-image/drivers.h"
#include "pf-vm-image/packages.h"
#include "pf-vm-image/sbom.h"

static const char status[] = "Package: udev\n"
			     "Status: install ok installed\n"
			     "Architecture: amd64\n"
			     "Source: systemd\n"
			     "Version: 257.13-1~deb13u1\n"
			     "Description: devices\n"
			     " Version: 666 is only part of the description\n"
			     "\n"
			     "Package: gone\n"
			     "Status: deinstall ok config-files\n"
			     "Architecture: amd64\n"
			     "Version: 1\n"
			     "\n"
			     "Package: libc6\n"
			     "Status: install ok installed\n"
			     "Architecture: amd64\n"
			     "Source: glibc (2.41-12)\n"
			     "Version: 2.41-12+b1\n"
			     "\n"
			     "Package: g++-rt\n"
			     "Status: install ok installed\n"
			     "Version: 1:2+3\n"
			     "Architecture: all\n";

static void installed_packages_are_listed_by_name(void **state)
{
	struct packages pk;

	assert_int_equal(packages_parse(status, &pk), 0);
	assert_int_equal(pk.n, 3);
	assert_string_equal(pk.list[0].name, "g++-rt");
	assert_string_equal(pk.list[0].source, "g++-rt");
	assert_string_equal(pk.list[0].source_version, "1:2+3");
	assert_string_equal(pk.list[1].name, "libc6");
	assert_string_equal(pk.list[1].source, "glibc");
	assert_string_equal(pk.list[1].source_version, "2.41-12");
	assert_string_equal(pk.list[2].version, "257.13-1~deb13u1");
	assert_string_equal(pk.list[2].source, "systemd");
	packages_free(&pk);
}

static void odd_status_files_do_no_harm(void **state)
{
	static const char *const odd[] = { "",
					   "\n\n\n",
					   "Package:\nStatus:\nVersion:\n",
					   "Package: a\nStatus: installed\n",
					   "no colon at all",
					   "Package: a\nPackage: b\nSource: (\nSource: )x (",
					   ":\n:\n" };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct packages pk;

		assert_int_equal(packages_parse(odd[i], &pk), 0);
		assert_int_equal(pk.n, 0);
		packages_free(&pk);
	}
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	assert_true(json_object_object_get_ex(o, key, &v));
	return v;
}

static void the_bill_of_materials_is_spdx_and_reproducible(void **state)
{
	struct json_object *a, *b, *package, *ref;
	struct packages pk;

	assert_int_equal(packages_parse(status, &pk), 0);
	assert_int_equal(sbom_new(&pk, 1767225600, &a), 0);
	assert_int_equal(sbom_new(&pk, 1767225600, &b), 0);
	assert_string_equal(json_object_to_json_string(a), json_object_to_json_string(b));
	json_object_put(b);
	assert_int_equal(sbom_new(&pk, 1767225601, &b), 0);
	assert_string_not_equal(json_object_get_string(get(a, "documentNamespace")),
				json_object_get_string(get(b, "documentNamespace")));
	assert_string_equal(json_object_get_string(get(a, "spdxVersion")), "SPDX-2.3");
	assert_string_equal(json_object_get_string(get(get(a, "creationInfo"), "created")),
			    "2026-01-01T00:00:00Z");
	/* The image itself and its three packages. */
	assert_int_equal(json_object_array_length(get(a, "packages")), 4);
	assert_int_equal(json_object_array_length(get(a, "relationships")), 4);
	package = json_object_array_get_idx(get(a, "packages"), 1);
	assert_string_equal(json_object_get_string(get(package, "SPDXID")),
			    "SPDXRef-Package-g---rt-all");
	ref = json_object_array_get_idx(get(package, "externalRefs"), 0);
	assert_string_equal(json_object_get_string(get(ref, "referenceLocator")),
			    "pkg:deb/debian/g%2B%2B-rt@1%3A2%2B3?arch=all");
	json_object_put(a);
	json_object_put(b);
	packages_free(&pk);
}

static const char aliases[] = "# Aliases extracted from modules themselves.\n"
			      "alias pci:v00008086d000010E6sv*sd*bc*sc*i* igb\n"
			      "alias pci:v00008086d000010C9sv*sd*bc*sc*i* igb\n"
			      "alias pci:v00008086d00001592sv000015D9sd00000942bc*sc*i* ice\n"
			      "alias pci:v*d*sv*sd*bc01sc08i02* nvme\n"
			      "alias pci:v00000BADdZsv*sd*bc*sc*i* broken\n"
			      "alias pci:v00008086\n"
			      "alias virtio:d00000001v* virtio_net\n"
			      "alias fs-squashfs squashfs\n";

static void drivers_are_listed_with_the_ids_that_they_bind(void **state)
{
	struct drivers d;
	char text[64];

	assert_int_equal(drivers_parse(aliases, &d), 0);
	assert_int_equal(d.n, 3);
	assert_string_equal(d.list[0].name, "ice");
	driver_id_format(&d.list[0].ids[0], text, sizeof(text));
	assert_string_equal(text, "8086:1592/15d9:0942");
	assert_string_equal(d.list[1].name, "igb");
	assert_int_equal(d.list[1].n_ids, 2);
	driver_id_format(&d.list[1].ids[0], text, sizeof(text));
	assert_string_equal(text, "8086:10c9");
	assert_string_equal(d.list[2].name, "nvme");
	driver_id_format(&d.list[2].ids[0], text, sizeof(text));
	assert_string_equal(text, "class 010802");
	drivers_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installed_packages_are_listed_by_name),
		cmocka_unit_test(odd_status_files_do_no_harm),
		cmocka_unit_test(the_bill_of_materials_is_spdx_and_reproducible),
		cmocka_unit_test(drivers_are_listed_with_the_ids_that_they_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
