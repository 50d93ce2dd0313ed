// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VF opens for who has its token, and for nobody else: a VFIO client in the lab
 * host, as root and past libvirt, tries VFs of tenants and free ones, by group and
 * by cdev, with no token and with every other that there is. The tokens are in
 * root's own files below /run/pfkeep/tokens and nowhere else: not among processes,
 * in logs, in libvirt's XML or in any other file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/tenant.h"

#define RED_MAC	 "02:70:66:00:00:01"
#define BLUE_MAC "02:70:66:00:00:02"
#define TOKENS	 "/run/pfkeep/tokens"
/* Copies of tokens, for the client: root's own, too, and looked past when they are searched. */
#define COPIES "/run/pfkeep-lab/copies"

enum { RED_VF = 1, BLUE_VF, FREE_VF };

static struct lab lab;
static char *pf;

static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" RED_MAC };
static struct tenant blue = { .name = "blue", .append = "lab.ip=10.77.0.12/24 lab.mac=" BLUE_MAC };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	free(pf);
	return lab_down(&lab);
}

/* What the domain's token is now, under a name of its own: what somebody once knew. */
static void copy_token(const char *domain, const char *copy)
{
	free(lab_run(&lab, 30,
		     "umask 077; mkdir -p " COPIES "\n"
		     "cat " TOKENS "/$(virsh domuuid %s) >" COPIES "/%s\n"
		     "[ $(wc -c <" COPIES "/%s) = 36 ]",
		     domain, copy, copy));
}

/* What the client says, by group and by cdev; NULL: without a token. */
static void assert_opens(unsigned int vf, const char *copy, const char *expected)
{
	static const char *const modes[] = { "group", "cdev" };
	char *bdf = pf_vf_bdf(&lab, pf, vf);

	for (int i = 0; i < 2; i++) {
		char *output = NULL;
		int status =
			lab_try(&lab, 30, &output, "/run/client --open %s --mode %s <%s%s", bdf,
				modes[i], copy ? COPIES "/" : "/dev/null", copy ? copy : "");

		printf("# VF %u by %s, token %s: %s", vf, modes[i], copy ? copy : "none", output);
		if (status > 1 || strncmp(output, expected, strlen(expected)))
			fail_msg("VF %u by %s, token %s: %s instead of %s", vf, modes[i],
				 copy ? copy : "none", output, expected);
		free(output);
	}
	free(bdf);
}

#define DENIED "Permission denied\n"
#define BUSY   "Device or resource busy\n"
#define OPENED "opened\n"

static void tenants_have_vfs(void **state)
{
	char *vm;

	pf = pfkeep_adopted(&lab);
	free(lab_ctl(&lab, 60, "push", "build/lab/vfio_sriov_client", "/run/client", NULL));
	free(lab_run(&lab, 30, "chmod +x /run/client"));
	vm = pfkeep_pf_vm(&lab);
	pfkeep_define(&lab, &blue, pf, BLUE_VF, BLUE_MAC);
	pfkeep_serve(&lab, &red, pf, RED_VF, RED_MAC);
	pfkeep_wait_vf(&lab, &blue);
	free(lab_run(&lab, 60, "virsh -q start --paused blue >&2"));
	copy_token("red", "red");
	copy_token("blue", "blue");
	copy_token(vm, "pf");
	free(vm);
}

/* The right one opens nothing either: they are in use. */
static void nobody_opens_what_a_tenant_runs_with(void **state)
{
	static const char *const copies[] = { NULL, "red", "blue", "pf" };

	for (int i = 0; i < 4; i++) {
		assert_opens(RED_VF, copies[i], BUSY);
		assert_opens(BLUE_VF, copies[i], BUSY);
	}
	assert_opens(FREE_VF, NULL, DENIED);
	assert_opens(FREE_VF, "red", DENIED);
	assert_opens(FREE_VF, "pf", DENIED);
}

/*
 * A line for each place that holds one of the patterns in $1: processes' arguments and
 * environments, what the kernel and the journal have logged, libvirt's XML of all
 * domains, pfkeep's own words, and files. None of these programs has one as an argument.
 */
static const char search_script[] =
	"found() { grep -qaFf $patterns && echo $1 || :; }\n"
	"search() {\n"
	"patterns=$1\n"
	"cat /proc/[0-9]*/cmdline 2>/dev/null | found cmdline\n"
	"cat /proc/[0-9]*/environ 2>/dev/null | found environ\n"
	"journalctl -b -o export --no-pager | found journal\n"
	"dmesg | found dmesg\n"
	"for dom in $(virsh -q list --all --name); do\n"
	"  for how in '' --inactive; do virsh -q dumpxml --security-info $how $dom; done\n"
	"done | found xml\n"
	"{ pfkeep vf list --json; pfkeep pf list --json; pfkeep metrics; pfkeep pf show $pf; "
	"pfkeep vf show $pf/1; "
	"} | found pfkeep\n"
	"for f in /sys/bus/pci/devices/*/vfio_sriov/vf_token; do cat $f; done 2>/dev/null | "
	"found sysfs\n"
	"grep -rlaFf $patterns -D skip --exclude-dir=pf-vm /etc /run /var /tmp /root /dev/shm "
	"2>/dev/null | grep -v ^" COPIES "/ || :\n"
	"}\n";

/* One that is where none may be: else nothing that isn't found means anything. */
static void what_is_lying_about_is_found(void **state)
{
	char *found = lab_run(
		&lab, 120,
		"%spf=%s\n"
		"umask 022; token=$(cat /proc/sys/kernel/random/uuid)\n"
		"mkdir -p " COPIES "; echo $token >" COPIES "/leak; echo $token >/tmp/leak\n"
		"logger $token; journalctl --sync\n"
		"systemd-run -q --service-type=exec --unit=leak sh -c 'sleep 120; :' $token\n"
		"systemd-run -q --service-type=exec --unit=leak-env -E TOKEN=$token sh -c 'sleep "
		"120; :'\n"
		"search " COPIES "/leak\n"
		"systemctl stop leak leak-env; rm /tmp/leak " COPIES "/leak",
		search_script, pf);

	printf("# %s\n", found);
	assert_non_null(strstr(found, "cmdline\n"));
	assert_non_null(strstr(found, "environ\n"));
	assert_non_null(strstr(found, "journal\n"));
	assert_non_null(strstr(found, "/tmp/leak\n"));
	free(found);
}

static void tokens_are_in_root_s_own_files_alone(void **state)
{
	char *found =
		lab_run(&lab, 120,
			"%spf=%s\n"
			"for f in " TOKENS "/*; do cat $f; echo; done >" COPIES "/all\n"
			"[ $(grep -c . " COPIES "/all) -ge 3 ]\n"
			"search " COPIES "/all | grep -v '^" TOKENS "/[0-9a-f-]*$' || :\n"
			/* whose QEMU runs has read it */
			"stat -c '%%U %%a %%n' " TOKENS "/* | grep -v '^root 400 .*[0-9a-f]$' "
			"|| :\n"
			"stat -c '%%U %%a %%n' " TOKENS " | grep -v '^root 711 ' || :",
			search_script, pf);

	assert_string_equal(found, "");
	free(found);
}

/* Also with the right token: what isn't root gets as far as the group's file. */
static void another_user_opens_nothing(void **state)
{
	char *bdf = pf_vf_bdf(&lab, pf, FREE_VF), *found;

	found = lab_run(&lab, 60,
			"as() { setpriv --reuid=nobody --regid=nogroup --clear-groups \"$@\"; }\n"
			"as /run/client --open %s --mode group </dev/null || :\n"
			"as /run/client --open %s --mode cdev </dev/null || :\n"
			"as cat " TOKENS "/$(virsh domuuid red) && echo read || :\n"
			"as ls " TOKENS " && echo listed || :\n"
			"as pfkeep vf unassign %s/1 && echo obeyed || :",
			bdf, bdf, pf);
	assert_string_equal(found, DENIED DENIED);
	free(found);
	free(bdf);
}

static void a_tenant_that_is_off_keeps_others_out(void **state)
{
	tenant_destroy(&lab, &red);
	assert_opens(RED_VF, NULL, DENIED);
	assert_opens(RED_VF, "blue", DENIED);
	assert_opens(RED_VF, "pf", DENIED);
	/* Root may know it; and so the refusals above are for the token. */
	assert_opens(RED_VF, "red", OPENED);
}

static void each_start_has_a_token_of_its_own(void **state)
{
	free(lab_run(&lab, 60, "virsh -q start --paused red >&2"));
	copy_token("red", "red-again");
	tenant_destroy(&lab, &red);
	assert_opens(RED_VF, "red", DENIED);
	assert_opens(RED_VF, "red-again", OPENED);
}

static void a_vf_that_changes_hands_knows_its_last_owner_no_more(void **state)
{
	struct tenant green = { .name = "green", .append = "" };

	tenant_undefine(&lab, &red);
	pfkeep_define(&lab, &green, pf, RED_VF, RED_MAC);
	pfkeep_wait_vf(&lab, &green);
	assert_opens(RED_VF, "red-again", DENIED);
	assert_opens(RED_VF, NULL, DENIED);
	free(lab_run(&lab, 60, "virsh -q start --paused green >&2"));
	copy_token("green", "green");
	tenant_destroy(&lab, &green);
	assert_opens(RED_VF, "red-again", DENIED);
	assert_opens(RED_VF, "green", OPENED);
	tenant_undefine(&lab, &green);
	tenant_destroy(&lab, &blue);
	tenant_undefine(&lab, &blue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tenants_have_vfs),
		cmocka_unit_test(nobody_opens_what_a_tenant_runs_with),
		cmocka_unit_test(what_is_lying_about_is_found),
		cmocka_unit_test(tokens_are_in_root_s_own_files_alone),
		cmocka_unit_test(another_user_opens_nothing),
		cmocka_unit_test(a_tenant_that_is_off_keeps_others_out),
		cmocka_unit_test(each_start_has_a_token_of_its_own),
		cmocka_unit_test(a_vf_that_changes_hands_knows_its_last_owner_no_more),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
