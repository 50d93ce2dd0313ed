// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemon dies before each of its calls to the outside, in turn, in each of its
 * operations: calls that change the state on disk, a file of the host, libvirt, or
 * ask a PF VM's agent. It is started anew and recovers, and then books, host,
 * definitions, settings and tokens must agree, and the operation must be possible
 * again or be done.
 *
 * A death is a longjmp() out of the wrapped call (--wrap): libvirt's test driver,
 * which lives in this process, goes on as libvirtd would, and so do the files that
 * are the host. What the daemon had in memory is left lying about, as after a kill;
 * hence no leak check here.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"
#include "pfkeep/token.h"
#include "pfkeep/vfname.h"
#include "pfkeep/virt.h"

#define DEVICES "sys/bus/pci/devices/"
#define NUMVFS	DEVICES BED_PF "/sriov_numvfs"
#define KEEP	DEVICES BED_PF "/vfio_sriov/keep_alive"
#define VF_MAX	7

const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static jmp_buf death;
static unsigned int calls_left; /* 0: nobody dies */
static unsigned int outside;	/* how deep in what isn't the daemon */

static void call_outside(void)
{
	if (outside || !calls_left)
		return;
	calls_left--;
	if (!calls_left)
		longjmp(death, 1);
}

/* A call by its real function, which is not the daemon. */
#define WRAP(type, name, parameters, arguments)   \
	type __real_##name parameters;            \
	type __wrap_##name parameters;            \
	type __wrap_##name parameters             \
	{                                         \
		type result;                      \
                                                  \
		call_outside();                   \
		outside++;                        \
		result = __real_##name arguments; \
		outside--;                        \
		return result;                    \
	}

WRAP(ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
WRAP(int, virDomainUndefineFlags, (virDomainPtr dom, unsigned int flags), (dom, flags))
/* The test driver has no such thing, so that the PF VM is started once more, with its PF. */
WRAP(int, virDomainAttachDeviceFlags, (virDomainPtr dom, const char *xml, unsigned int flags),
     (dom, xml, flags))
/* The schema is for core_test.c: reading it takes longer than all else. */
WRAP(virDomainPtr, virDomainDefineXMLFlags,
     (virConnectPtr conn, const char *xml, unsigned int flags),
     (conn, xml, flags & ~(unsigned int)VIR_DOMAIN_DEFINE_VALIDATE))

static bool is_pfvm(virDomainPtr dom)
{
	return !strcmp(virDomainGetName(dom), BED_VM);
}

int __real_virDomainCreate(virDomainPtr dom);
int __wrap_virDomainCreate(virDomainPtr dom);

/* A PF VM knows nothing of before: its kernel clears VF_Enable when it finds the PF. */
static void find_pf(void)
{
	bed.guest.num_vfs = 0;
	fakeguest_forget(&bed.guest);
	assert_int_equal(root_write(&bed.host.root, NUMVFS, "0"), 0);
}

int __wrap_virDomainCreate(virDomainPtr dom)
{
	int ret;

	call_outside();
	outside++;
	if (is_pfvm(dom))
		find_pf();
	ret = __real_virDomainCreate(dom);
	outside--;
	return ret;
}

virDomainPtr __real_virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags);
virDomainPtr __wrap_virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags);

virDomainPtr __wrap_virDomainCreateXML(virConnectPtr conn, const char *xml, unsigned int flags)
{
	virDomainPtr dom;

	call_outside();
	outside++;
	if (strstr(xml, DOMAIN_ALIAS_PF))
		find_pf();
	dom = __real_virDomainCreateXML(conn, xml, flags);
	outside--;
	return dom;
}

int __real_virDomainDestroy(virDomainPtr dom);
int __wrap_virDomainDestroy(virDomainPtr dom);

static bool is_kept_alive(void)
{
	char text[ROOT_ATTR];

	return root_exists(&bed.host.root, KEEP) && (bed_read(KEEP, text), !strcmp(text, "1"));
}

/* With the PF's last user go VFs that nobody holds, but for keep-alive. */
int __wrap_virDomainDestroy(virDomainPtr dom)
{
	struct record_pf record;
	int ret;

	call_outside();
	outside++;
	ret = __real_virDomainDestroy(dom);
	/* A PF that is given back is reset then. */
	if (is_pfvm(dom) && !record_get_pf(bed.core.state, &bed_pf, &record) &&
	    record.phase != RECORD_ADOPTED)
		assert_false(is_kept_alive());
	if (is_pfvm(dom) && !is_kept_alive())
		assert_int_equal(root_write(&bed.host.root, NUMVFS, "0"), 0);
	outside--;
	return ret;
}

static int (*kernel_write)(const struct root *root, const char *path, const char *text);

static int write_host(const struct root *root, const char *path, const char *text)
{
	int ret;

	call_outside();
	outside++;
	ret = kernel_write(root, path, text);
	outside--;
	return ret;
}

static struct agent_link guest_link;

static int ask_agent(void *data, const char *request, unsigned int timeout_s, char **ret_reply,
		     struct problem *problem)
{
	int ret;

	call_outside();
	outside++;
	ret = guest_link.command(guest_link.data, request, timeout_s, ret_reply, problem);
	outside--;
	return ret;
}

static int open_agent(void *data, virDomainPtr dom, struct agent_link *ret_link, struct problem *p)
{
	if (virDomainIsActive(dom) != 1)
		return problem_set(p, -ENOTCONN, "Guest agent is not connected");
	*ret_link = (struct agent_link){ ask_agent, NULL };
	return 0;
}

/* An operation, what goes before it, and what may be said to it a second time. */
struct operation {
	void (*prepare)(void);
	int (*run)(void);
	int again; /* -errno that says: it is done */
};

static struct vfconf conf_of(const char *name, const char *value)
{
	struct vfconf conf = { 0 };

	assert_int_equal(vfconf_set(&conf, name, value, NULL), 0);
	return conf;
}

#define WANT "<p:vf xmlns:p='urn:pfkeep:domain:1' pf='" BED_PF "' "

static void adopt_three(void)
{
	bed_must_adopt(3);
}

static void want_one(void)
{
	bed_must_adopt(3);
	bed_define("web", BED_WEB, WANT "vlan='7'/>", "");
}

static void have_one(void)
{
	want_one();
	assert_int_equal(core_settle_domain(&bed.core, BED_WEB, NULL), 0);
}

static void want_another(void)
{
	have_one();
	bed_define("web", BED_WEB, WANT "index='2' rate='5'/>", "");
}

static void undefined(void)
{
	have_one();
	bed_undefine("web");
}

static void assigned(void)
{
	const struct vfconf conf = conf_of("vlan", "7");

	bed_must_adopt(3);
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
}

/* As after the host's boot. */
static void rebooted(void)
{
	assigned();
	bed_stop(BED_VM);
	assert_int_equal(driver_restore(&bed.host.root, &bed_pf, "igb", NULL), 0);
	bed_reload();
}

static int run_adopt(void)
{
	return bed_adopt(3);
}

static int run_release(void)
{
	return core_release(&bed.core, &bed_pf, false, &bed.problem);
}

static int run_force(void)
{
	return core_release(&bed.core, &bed_pf, true, &bed.problem);
}

static int run_set_vfs(void)
{
	return core_set_vfs(&bed.core, &bed_pf, 5, &bed.problem);
}

static int run_set_vf(void)
{
	const struct vfconf conf = conf_of("vlan", "9");

	return core_set_vf(&bed.core, &bed_pf, 1, &conf, &bed.problem);
}

static int run_assign(void)
{
	return core_assign(&bed.core, &bed_pf, 2, "sql", NULL, &bed.problem);
}

static int run_unassign(void)
{
	return core_unassign(&bed.core, &bed_pf, 1, &bed.problem);
}

static int run_settle(void)
{
	return core_settle_domain(&bed.core, BED_WEB, &bed.problem);
}

static int run_restart(void)
{
	return core_restart_pf(&bed.core, &bed_pf, &bed.problem);
}

static int run_upgrade(void)
{
	return core_upgrade_pf(&bed.core, &bed_pf, "/dev/null", 0, &bed.problem);
}

static int run_recover(void)
{
	return core_recover(&bed.core, bed_report, NULL, &bed.problem);
}

static const struct operation op_adopt = { NULL, run_adopt, -EEXIST },
			      op_release = { adopt_three, run_release, -ENOENT },
			      op_force = { assigned, run_force, -ENOENT },
			      op_set_vfs = { adopt_three, run_set_vfs, 0 },
			      op_set_vf = { assigned, run_set_vf, 0 },
			      op_assign = { assigned, run_assign, -EBUSY },
			      op_unassign = { assigned, run_unassign, -ENOENT },
			      op_give = { want_one, run_settle, 0 },
			      op_change = { want_another, run_settle, 0 },
			      op_take_back = { undefined, run_settle, 0 },
			      op_restart = { assigned, run_restart, 0 },
			      op_upgrade = { assigned, run_upgrade, 0 },
			      op_recover = { rebooted, run_recover, 0 };

/* How many of pfkeep's hostdevs the definition has; each must be owned by it. */
static size_t check_definition(const char *uuid)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	CLEANUP(cleanup_free) char *xml = NULL;
	struct domain_info info;
	size_t n = 0;

	if (virt_find(bed.core.conn, uuid, &dom, NULL))
		return 0;
	assert_int_equal(virt_definition(dom, &xml, NULL), 0);
	assert_int_equal(domain_parse(xml, strlen(xml), &info, NULL), 0);
	for (size_t i = 0; i < info.n_hostdevs; i++) {
		const struct vfname name = { .bdf = info.hostdevs[i].bdf };
		struct owner_claim claim;
		struct bdf pf, vf;
		uint16_t index;

		assert_int_equal(pci_resolve_vf(&bed.host.root, &name, &pf, &index, &vf, NULL), 0);
		assert_int_equal(owner_of(bed.core.owners, &pf, index, &claim), 0);
		assert_string_equal(claim.uuid, uuid);
		n++;
	}
	domain_release(&info);
	return n;
}

/* The PF VM's driver has what is recorded, and a free VF is as new. */
static void check_settings(uint16_t vfs)
{
	for (uint16_t i = 0; i < vfs; i++) {
		struct vfconf conf = bed.guest.confs[i], nothing = { 0 }, change;
		struct record_vf vf = { .conf = { 0 } };

		record_get_vf(bed.core.state, &bed_pf, i, &vf);
		vfconf_change(&conf, &vf.conf, &change);
		/* What is back at a driver's own value needs no record. */
		vfconf_change(&conf, &nothing, &nothing);
		if (vf.conf.set)
			assert_int_equal(change.set & vf.conf.set, 0);
		conf.set &= ~vf.conf.set;
		assert_true(fakeguest_is_default(&conf));
	}
}

/* A free VF's token is nobody's. */
static void check_tokens(uint16_t vfs)
{
	static const char *const uuids[] = { BED_WEB, BED_SQL };

	for (uint16_t i = 0; i < vfs; i++) {
		char path[128], text[ROOT_ATTR];

		if (!owner_of(bed.core.owners, &bed_pf, i, NULL))
			continue;
		snprintf(path, sizeof(path), DEVICES "0000:01:10.%u/vfio_sriov/vf_token", i * 2U);
		if (i > 3)
			continue; /* on the next device number */
		bed_read(path, text);
		assert_int_equal(strlen(text), UUID_TEXT - 1);
		for (size_t t = 0; t < ARRAY_SIZE(uuids); t++) {
			struct token token = { "" };

			if (!token_read(&bed.host.root, uuids[t], &token, NULL))
				assert_string_not_equal(token.text, text);
		}
	}
}

static void check_host(const struct record_pf *record)
{
	struct pci_pf now;

	assert_int_equal(pci_read_pf(&bed.host.root, &bed_pf, &now, NULL), 0);
	assert_string_equal(now.fn.driver, record ? DRIVER_VFIO : "igb");
	assert_int_equal(is_kept_alive(), record != NULL);
	assert_int_equal(now.n_vfs, record ? record->vfs : 0);
	for (size_t i = 0; i < now.n_vfs; i++)
		assert_string_equal(now.vfs[i].fn.driver, DRIVER_VFIO);
	pci_pf_release(&now);
}

/* No QEMU starts: none needs a token any more. */
static void check_nothing_is_shown(void)
{
	CLEANUP(cleanup_free) char(*uuids)[UUID_TEXT] = NULL;
	size_t n;

	assert_int_equal(token_list_shown(&bed.host.root, &uuids, &n), 0);
	assert_int_equal(n, 0);
}

static void check_all(void)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	struct record_pf record;
	size_t defined = check_definition(BED_WEB) + check_definition(BED_SQL);

	assert_int_equal(owner_check(bed.core.owners, NULL), 0);
	check_nothing_is_shown();
	if (record_get_pf(bed.core.state, &bed_pf, &record)) {
		assert_int_equal(defined, 0);
		assert_int_equal(json_object_object_length(state_all(bed.core.state)), 0);
		assert_int_equal(virt_find(bed.core.conn, BED_VM, &dom, NULL), -ENOENT);
		check_host(NULL);
		return;
	}
	assert_int_equal(record.phase, RECORD_ADOPTED);
	assert_true(virt_is_running(bed.core.conn, record.uuid));
	assert_true(owner_is_ready(bed.core.owners, &bed_pf));
	assert_int_equal(defined, owner_count(bed.core.owners, &bed_pf));
	check_host(&record);
	check_settings(record.vfs);
	check_tokens(record.vfs);
}

static void start(const struct operation *op)
{
	assert_int_equal(bed_setup(NULL), 0);
	bed.core.open_agent = open_agent;
	guest_link = fakeguest_link(&bed.guest);
	kernel_write = bed.host.root.write;
	bed.host.root.write = write_host;
	if (op->prepare)
		op->prepare();
}

static void start_anew(unsigned int n)
{
	outside = 0;
	bed_reload();
	bed.reports = 0;
	if (core_recover(&bed.core, bed_report, NULL, &bed.problem) || bed.reports)
		fail_msg("death before call %u: %s", n, bed.problem.text);
}

/* True if it died. */
static bool die_in(const struct operation *op, unsigned int n)
{
	start(op);
	calls_left = n;
	if (setjmp(death))
		return true;
	assert_int_equal(op->run(), 0);
	calls_left = 0;
	return false;
}

static void run_again(const struct operation *op, unsigned int n)
{
	int ret = op->run();

	if (ret && ret != op->again)
		fail_msg("death before call %u, then again: %s", n, bed.problem.text);
}

static void crash_everywhere(void **state)
{
	const struct operation *op = *state;
	unsigned int n = 1;

	while (die_in(op, n)) {
		start_anew(n);
		check_all();
		run_again(op, n);
		check_all();
		bed_teardown(NULL);
		n++;
	}
	check_all();
	bed_teardown(NULL);
	assert_true(n > 1);
	print_message("%u deaths survived\n", n - 1);
}

/* What the dead leave open. */
static int allow_files(void **state)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
#define T(op) ((struct CMUnitTest){ #op, crash_everywhere, NULL, NULL, (void *)&(op) })
	const struct CMUnitTest tests[] = {
		T(op_adopt),   T(op_release),  T(op_force),   T(op_set_vfs), T(op_set_vf),
		T(op_assign),  T(op_unassign), T(op_give),    T(op_change),  T(op_take_back),
		T(op_restart), T(op_upgrade),  T(op_recover),
	};

	return cmocka_run_group_tests(tests, allow_files, NULL);
}
