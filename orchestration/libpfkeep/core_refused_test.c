// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that can't be done: one line says why and names the object, and books,
 * definitions and the host are as they were, whether the order was wrong or the PF VM's
 * agent is silent, refuses or lies about any of its commands. Once it is honest again, the
 * same order is carried out.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/core.h"
#include "pfkeep/driver.h"
#include "pfkeep/virt.h"

#define WANT "<p:vf xmlns:p='urn:pfkeep:domain:1' pf='" BED_PF "' "

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Keys in order: a record that was deleted and put again is the same. */
static void print_state(FILE *out)
{
	const char *lines[32];
	size_t n = 0;

	json_object_object_foreach(state_all(bed.core.state), key, packed) {
		struct json_object *record = state_unpack(packed);
		char *line;

		assert_true(n < ARRAY_SIZE(lines) &&
			    asprintf(&line, "%s %s", key, json_object_to_json_string(record)) > 0);
		lines[n++] = line;
		json_object_put(record);
	}
	qsort(lines, n, sizeof(lines[0]), compare);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", lines[i]);
		free((char *)lines[i]);
	}
}

static void print_definition(FILE *out, const char *name)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	CLEANUP(cleanup_free) char *xml = NULL;

	if (virt_find(bed.core.conn, name, &dom, NULL)) {
		fprintf(out, "no %s\n", name);
		return;
	}
	assert_int_equal(virt_definition(dom, &xml, NULL), 0);
	fprintf(out, "%s\n", xml);
}

/* What a failed order must leave as it is; allocated. */
static char *look(void)
{
	struct pci_function pf;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	print_state(out);
	print_definition(out, "web");
	print_definition(out, "sql");
	print_definition(out, BED_VM);
	assert_int_equal(pci_read_function(&bed.host.root, &bed_pf, &pf), 0);
	fprintf(out, "driver %s, %zu VFs owned\n", pf.driver,
		owner_count(bed.core.owners, &bed_pf));
	fclose(out);
	return text;
}

static void assert_says(const char *object)
{
	const char *text = bed.problem.text;

	if (!*text || strchr(text, '\n') || !strstr(text, object))
		fail_msg("doesn't name %s in one line: '%s'", object, text);
}

static struct vfconf conf_of(const char *name, const char *value)
{
	struct vfconf conf = { 0 };

	assert_int_equal(vfconf_set(&conf, name, value, NULL), 0);
	return conf;
}

static void adopted(void)
{
	bed_must_adopt(3);
}

/* web has VF 1, which is set. */
static void assigned(void)
{
	const struct vfconf conf = conf_of("vlan", "7");

	adopted();
	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, NULL), 0);
	assert_int_equal(core_assign(&bed.core, &bed_pf, 1, "web", NULL, &bed.problem), 0);
}

static void wanting(void)
{
	adopted();
	bed_define("web", BED_WEB, WANT "vlan='7'/>", "");
}

/* Its PF VM runs and nobody has heard its agent yet. */
static void unhear(void)
{
	struct record_pf record;

	assert_int_equal(record_get_pf(bed.core.state, &bed_pf, &record), 0);
	core_lost_pfvm(&bed.core, record.uuid);
}

static void unheard(void)
{
	assigned();
	unhear();
}

static void undo_adopt(void)
{
	assert_int_equal(core_release(&bed.core, &bed_pf, false, &bed.problem), 0);
}

static void undo_set_vfs(void)
{
	assert_int_equal(core_set_vfs(&bed.core, &bed_pf, 3, &bed.problem), 0);
}

static void undo_set_vf(void)
{
	const struct vfconf conf = conf_of("vlan", "7");

	assert_int_equal(core_set_vf(&bed.core, &bed_pf, 1, &conf, &bed.problem), 0);
}

static void undo_give(void)
{
	assert_int_equal(core_evict_vf(&bed.core, &bed_pf, 0, &bed.problem), 0);
}

static int run_adopt(void)
{
	return bed_adopt(3);
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

static int run_settle(void)
{
	return core_settle_domain(&bed.core, BED_WEB, &bed.problem);
}

static int run_refresh(void)
{
	return core_refresh_pf(&bed.core, &bed_pf, &bed.problem);
}

static int run_restart(void)
{
	return core_restart_pf(&bed.core, &bed_pf, &bed.problem);
}

/* Orders for which the agent is needed, what goes before them, and what undoes them. */
static const struct order {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
} orders[] = {
	{ "adopt", NULL, run_adopt, undo_adopt },
	{ "set-vfs", adopted, run_set_vfs, undo_set_vfs },
	{ "vf set", assigned, run_set_vf, undo_set_vf },
	{ "give", wanting, run_settle, undo_give },
	{ "refresh", unheard, run_refresh, unhear },
	{ "restart", assigned, run_restart, NULL },
};

static const char *const commands[] = {
	"guest-file-open",  "guest-file-read", "guest-file-write",  "guest-file-flush",
	"guest-file-close", "guest-exec",      "guest-exec-status",
};

static const char *const lies[] = {
	"",
	"{}",
	"[]",
	"{\"return\":7}",
	"{\"return\":{}}",
	"{\"return\":-1}",
	"{\"return\":{\"pid\":-1}}",
	"{\"return\":{\"count\":4294967295,\"eof\":true,\"buf-b64\":\"\"}}",
	"{\"return\":{\"count\":1,\"eof\":true,\"buf-b64\":\"!\"}}",
	"{\"return\":{\"exited\":true,\"exitcode\":1,\"err-data\":\"bm8K\"}}",
	"{\"return\":{\"exited\":true,\"signal\":9}}",
	"{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\\nnever\\u001b[2J\"}}",
	"{\"error\":7}",
};

static void spoil_nothing(void)
{
	bed.guest.silent = bed.guest.fail_write = bed.guest.ip_status = 0;
	bed.guest.lie_about = bed.guest.lie = NULL;
}

/* Does it fail? Only if the agent is asked what it lies about. */
static bool fails_in_vain(const struct order *order)
{
	CLEANUP(cleanup_free) char *before = look();
	CLEANUP(cleanup_free) char *after = NULL;
	int ret;

	/* A VM that starts has a driver that made no VFs yet. */
	if (!virt_is_running(bed.core.conn, BED_VM))
		bed.guest.num_vfs = 0;
	bed.problem.text[0] = '\0';
	ret = order->run();
	spoil_nothing();
	if (!ret)
		return false;
	assert_says(BED_PF);
	after = look();
	if (strcmp(before, after))
		fail_msg("%s (%s) left\n%s\nof\n%s", order->name, bed.problem.text, after, before);
	return true;
}

static void carry_out(const struct order *order)
{
	if (!virt_is_running(bed.core.conn, BED_VM))
		bed.guest.num_vfs = 0;
	if (order->run())
		fail_msg("%s fails afterwards, too: %s", order->name, bed.problem.text);
}

static void begin(const struct order *order)
{
	bed_setup(NULL);
	if (order->prepare)
		order->prepare();
}

static void an_agent_that_is_silent_changes_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		begin(&orders[i]);
		bed.guest.silent = 1;
		if (!fails_in_vain(&orders[i]))
			fail_msg("%s: doesn't ask the agent", orders[i].name);
		carry_out(&orders[i]);
		bed_teardown(NULL);
	}
}

/* How many lies are found out. */
static unsigned int lie_about_all(const struct order *order)
{
	unsigned int failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(commands) * ARRAY_SIZE(lies); i++) {
		bed.guest.lie_about = commands[i % ARRAY_SIZE(commands)];
		bed.guest.lie = lies[i / ARRAY_SIZE(commands)];
		if (fails_in_vain(order))
			failed++;
		else if (order->undo)
			order->undo();
	}
	return failed;
}

static void an_agent_that_lies_changes_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		begin(&orders[i]);
		assert_true(lie_about_all(&orders[i]) > ARRAY_SIZE(lies));
		carry_out(&orders[i]);
		bed_teardown(NULL);
	}
}

static int wrong_adopt(void)
{
	return bed_adopt(3);
}

static int wrong_number(void)
{
	return core_set_vfs(&bed.core, &bed_pf, 8, &bed.problem);
}

static int number_while_held(void)
{
	return core_set_vfs(&bed.core, &bed_pf, 0, &bed.problem);
}

static int set_no_vf(void)
{
	const struct vfconf conf = conf_of("vlan", "9");

	return core_set_vf(&bed.core, &bed_pf, 3, &conf, &bed.problem);
}

static int assign_taken(void)
{
	return core_assign(&bed.core, &bed_pf, 1, "sql", NULL, &bed.problem);
}

static int assign_no_vf(void)
{
	return core_assign(&bed.core, &bed_pf, 3, "sql", NULL, &bed.problem);
}

static int assign_to_nobody(void)
{
	return core_assign(&bed.core, &bed_pf, 0, "nobody", NULL, &bed.problem);
}

static int assign_to_a_pf_vm(void)
{
	return core_assign(&bed.core, &bed_pf, 0, BED_VM, NULL, &bed.problem);
}

static int unassign_free(void)
{
	return core_unassign(&bed.core, &bed_pf, 0, &bed.problem);
}

static int release_held(void)
{
	return core_release(&bed.core, &bed_pf, false, &bed.problem);
}

static int upgrade_to_nothing(void)
{
	return core_upgrade_pf(&bed.core, &bed_pf, "/no/such/image", 0, &bed.problem);
}

static int start_running(void)
{
	return core_start_pf(&bed.core, &bed_pf, &bed.problem);
}

/* All of a PF of which web has VF 1. */
static const struct {
	int (*run)(void);
	int ret;
	const char *object;
} wrong[] = {
	{ wrong_adopt, -EEXIST, BED_PF },
	{ wrong_number, -EBUSY, BED_PF },
	{ number_while_held, -EBUSY, BED_PF },
	{ set_no_vf, -ENOENT, BED_PF "/3" },
	{ assign_taken, -EBUSY, BED_PF "/1" },
	{ assign_no_vf, -ENOENT, BED_PF },
	{ assign_to_nobody, -ENOENT, "nobody" },
	{ assign_to_a_pf_vm, -EINVAL, BED_VM },
	{ unassign_free, -ENOENT, BED_PF "/0" },
	{ release_held, -EBUSY, BED_PF },
	{ upgrade_to_nothing, -ENOENT, "/no/such/image" },
	{ start_running, -EALREADY, BED_PF },
};

static void a_wrong_order_changes_nothing(void **state)
{
	bed_setup(NULL);
	assigned();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		CLEANUP(cleanup_free) char *before = look();
		CLEANUP(cleanup_free) char *after = NULL;

		bed.problem.text[0] = '\0';
		if (wrong[i].run() != wrong[i].ret)
			fail_msg("order %zu: %s", i, bed.problem.text);
		assert_says(wrong[i].object);
		after = look();
		assert_string_equal(after, before);
	}
	bed_teardown(NULL);
}

/* Nobody is there who would answer the driver of a VF that is new to its guest. */
static void a_pf_vm_that_isnt_ready_gives_running_domains_nothing(void **state)
{
	CLEANUP(cleanup_free) char *before = NULL;
	CLEANUP(cleanup_free) char *after = NULL;

	bed_setup(NULL);
	assigned();
	assert_int_equal(bed_may_start("web"), 0);
	assert_int_equal(virt_start(bed.core.conn, BED_WEB, NULL), 0);
	unhear();
	before = look();
	assert_int_equal(core_assign(&bed.core, &bed_pf, 0, "web", NULL, &bed.problem), -EAGAIN);
	assert_string_equal(bed.problem.text, "attach: " BED_PF ": its PF VM isn't ready");
	after = look();
	assert_string_equal(after, before);
	/* One that is off is given it, and waits. */
	assert_int_equal(core_assign(&bed.core, &bed_pf, 0, "sql", NULL, &bed.problem), 0);
	assert_int_equal(bed_may_start("sql"), -EAGAIN);
	assert_int_equal(core_refresh_pf(&bed.core, &bed_pf, &bed.problem), 0);
	assert_int_equal(bed_may_start("sql"), 0);
	bed_teardown(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_that_is_silent_changes_nothing),
		cmocka_unit_test(an_agent_that_lies_changes_nothing),
		cmocka_unit_test(a_wrong_order_changes_nothing),
		cmocka_unit_test(a_pf_vm_that_isnt_ready_gives_running_domains_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
