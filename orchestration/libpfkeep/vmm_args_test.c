// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/vmm_args.h"

#define KEY                                                                           \
	"-object\0{\"qom-type\":\"secret\",\"id\":\"masterKey0\",\"format\":\"raw\"," \
	"\"file\":\"/var/lib/libvirt/qemu/domain-1-red/master-key.aes\"}\0"

static int read_words(const char *words, size_t size, struct vmm_args *args,
		      struct problem *problem)
{
	/* A literal has a zero of its own behind the last one. */
	return vmm_args_read(words, size - 1, args, problem);
}

static char *joined(const struct vmm_args *args)
{
	static char text[4096];
	size_t n = 0;

	for (size_t i = 0; i < args->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
				      args->argv[i]);
	return text;
}

static void the_same_machine_waits_for_the_old_ones_state(void **state)
{
	static const char words[] = "/usr/bin/qemu\0-name\0guest=red\0-S\0" KEY
				    "-chardev\0socket,id=charmonitor,fd=32,server=on,wait=off\0"
				    "-m\0size=1\0";
	struct vmm_args args;
	char *text;

	assert_int_equal(read_words(words, sizeof(words), &args, NULL), 0);
	assert_string_equal(args.dir, "/var/lib/libvirt/qemu/domain-1-red");
	assert_int_equal(vmm_args_take_over(&args, "/new/qemu", 3, 4, "/d/main"), 0);
	text = joined(&args);
	assert_int_equal(strncmp(text, "/new/qemu -name guest=red -object ", 34), 0);
	assert_null(strstr(text, " -S "));
	assert_non_null(strstr(text, "-chardev socket,id=charmonitor,fd=32,server=on,wait=off "
				     "-m size=1 -chardev socket,id=pfkeep-monitor,fd=3 "
				     "-mon chardev=pfkeep-monitor,mode=control "
				     "-incoming unix:/d/main -incoming {"));
	assert_non_null(strstr(text, "\"type\":\"fd\",\"str\":\"4\""));
	vmm_args_release(&args);
}

static void a_second_time_leaves_out_what_the_first_put_in(void **state)
{
	static const char words[] =
		"qemu\0" KEY "-chardev\0socket,id=pfkeep-monitor,fd=3\0"
		"-mon\0chardev=pfkeep-monitor,mode=control\0-incoming\0unix:/d/main\0"
		"-incoming\0{\"channel-type\":\"cpr\"}\0-msg\0timestamp=on\0";
	struct vmm_args args;

	assert_int_equal(read_words(words, sizeof(words), &args, NULL), 0);
	assert_int_equal(args.n, 5);
	assert_string_equal(args.argv[3], "-msg");
	assert_int_equal(args.n_fds, 0);
	vmm_args_release(&args);
}

static void descriptors_are_found_in_both_forms(void **state)
{
	static const char words[] = "qemu\0" KEY "-add-fd\0set=1,fd=34,opaque=serial0\0"
				    "-chardev\0{\"backend\":\"x\",\"fd\":\"35\"}\0"
				    "-device\0{\"id\":\"pdfd=9\"}\0";
	struct vmm_args args;

	assert_int_equal(read_words(words, sizeof(words), &args, NULL), 0);
	assert_int_equal(args.n_fds, 2);
	assert_int_equal(args.fds[0].number, 34);
	assert_int_equal(args.fds[0].set, 1);
	assert_int_equal(args.fds[1].number, 35);
	assert_int_equal(args.fds[1].set, -1);
	vmm_args_release(&args);
}

static void what_needs_a_new_enough_qemu_is_seen(void **state)
{
	static const char words[] =
		"qemu\0" KEY "-device\0{\"driver\":\"vfio-pci\",\"sriov\":true}\0"
		"-global\0vfio-pci.vf-token-secret=pfkeep-token\0";
	struct vmm_args args;

	assert_int_equal(read_words(words, sizeof(words), &args, NULL), 0);
	assert_true(args.sriov);
	assert_true(args.token);
	vmm_args_release(&args);
}

static void what_cpr_does_not_carry_is_named(void **state)
{
	static const struct {
		const char *words;
		size_t size;
		const char *why;
	} cases[] = {
#define CASE(w, y) { w, sizeof(w), y }
		CASE("q\0" KEY "-netdev\0{\"type\":\"tap\"}\0", "network backend"),
		CASE("q\0" KEY "-vnc\0"
		     "127.0.0.1:0\0",
		     "VNC"),
		CASE("q\0" KEY "-device\0{\"driver\":\"vhost-vsock-pci\"}\0", "vhost"),
		CASE("q\0-m\0size=1\0", "libvirt"),
		CASE("q\0" KEY "-chardev\0socket,id=a,fd=1\0", "as libvirt writes"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct problem problem = { "" };
		struct vmm_args args;

		assert_int_equal(read_words(cases[i].words, cases[i].size, &args, &problem),
				 -ENOTSUP);
		assert_non_null(strstr(problem.text, cases[i].why));
	}
}

static void no_display_is_in_nobodys_way(void **state)
{
	static const char words[] = "q\0" KEY "-vnc\0none\0";
	struct vmm_args args;

	assert_int_equal(read_words(words, sizeof(words), &args, NULL), 0);
	assert_int_equal(args.n, 5);
	vmm_args_release(&args);
}

static void a_cut_command_line_is_refused(void **state)
{
	struct vmm_args args;

	assert_int_equal(vmm_args_read("qemu", 4, &args, NULL), -EINVAL);
	assert_int_equal(vmm_args_read("", 0, &args, NULL), -EINVAL);
}

static bool is_root_port(void *data, const char *id)
{
	return !strcmp(id, "pci.1");
}

static void devices_come_and_go_by_their_id(void **state)
{
	static const char words[] =
		"qemu\0" KEY "-device\0{\"driver\":\"pcie-root-port\",\"id\":\"pci.1\"}\0"
		"-device\0virtio-rng,id=rng0,bus=pci.2\0-device\0isa-debugcon\0"
		"-device\0{\"driver\":\"vfio-pci\",\"id\":\"ua-gone\"}\0";
	struct vmm_args args;

	assert_int_equal(read_words(words, sizeof(words), &args, NULL), 0);
	assert_true(vmm_args_has_device(&args, "pci.1"));
	assert_true(vmm_args_has_device(&args, "rng0"));
	assert_false(vmm_args_has_device(&args, "rng"));
	vmm_args_keep_devices(&args, is_root_port, NULL);
	assert_false(vmm_args_has_device(&args, "rng0"));
	assert_false(vmm_args_has_device(&args, "ua-gone"));
	assert_int_equal(vmm_args_add_vfio(&args, "ua-new", "0000:01:10.2", "pci.1", 0x11), 0);
	assert_true(vmm_args_has_device(&args, "ua-new"));
	assert_int_equal(vmm_args_take_over(&args, "q", 3, 4, "/m"), 0);
	assert_non_null(strstr(joined(&args),
			       " -device {\"driver\":\"pcie-root-port\",\"id\":\"pci.1\"}"
			       " -device isa-debugcon"
			       " -device {\"driver\":\"vfio-pci\",\"host\":\"0000:01:10.2\","
			       "\"id\":\"ua-new\",\"bus\":\"pci.1\",\"addr\":\"0x2.0x1\"}"
			       " -chardev "));
	vmm_args_release(&args);
}

static void devices_by_groups_go_on_by_iommufd(void **state)
{
	static const char words[] =
		"qemu\0" KEY "-device\0{\"driver\":\"vfio-pci\",\"host\":\"0000:01:10.2\"}\0"
		"-device\0vfio-pci,host=0000:01:10.4\0"
		"-device\0{\"driver\":\"vfio-pci\",\"iommufd\":\"own\"}\0"
		"-global\0vfio-pci.x=y\0-device\0virtio-rng\0";
	static const char changed[] =
		" -device {\"driver\":\"vfio-pci\",\"host\":\"0000:01:10.2\",\"iommufd\":\"io\"}"
		" -device vfio-pci,host=0000:01:10.4,iommufd=io"
		" -device {\"driver\":\"vfio-pci\",\"iommufd\":\"own\"}"
		" -global vfio-pci.x=y -device virtio-rng -object iommufd,id=io -chardev ";
	struct vmm_args args;

	assert_int_equal(read_words(words, sizeof(words), &args, NULL), 0);
	assert_int_equal(vmm_args_use_iommufd(&args, "io"), 0);
	/* as after an update, for the next one */
	assert_int_equal(vmm_args_use_iommufd(&args, "io"), 0);
	assert_int_equal(vmm_args_take_over(&args, "q", 3, 4, "/m"), 0);
	assert_non_null(strstr(joined(&args), changed));
	vmm_args_release(&args);
	assert_int_equal(
		read_words("q\0" KEY "-m\0001\0", sizeof("q\0" KEY "-m\0001\0"), &args, NULL), 0);
	assert_int_equal(vmm_args_use_iommufd(&args, "io"), 0);
	for (size_t i = 0; i < args.n; i++)
		assert_null(strstr(args.argv[i], "iommufd"));
	vmm_args_release(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_machine_waits_for_the_old_ones_state),
		cmocka_unit_test(a_second_time_leaves_out_what_the_first_put_in),
		cmocka_unit_test(descriptors_are_found_in_both_forms),
		cmocka_unit_test(what_needs_a_new_enough_qemu_is_seen),
		cmocka_unit_test(what_cpr_does_not_carry_is_named),
		cmocka_unit_test(no_display_is_in_nobodys_way),
		cmocka_unit_test(a_cut_command_line_is_refused),
		cmocka_unit_test(devices_come_and_go_by_their_id),
		cmocka_unit_test(devices_by_groups_go_on_by_iommufd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
