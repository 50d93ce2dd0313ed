// SPDX-License-Identifier: GPL-2.0-only
/*
 * 10,000 VFs of 100 PFs, all owned but a few, on a host made of files: what lists,
 * assignments and the daemon's memory cost. No root, no lab. Saves its figures
 * where those of the scenarios are.
 */
#include "orchestration/testing/cmocka.h"

#include <ftw.h>
#include <json-c/json.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "orchestration/pfkeep/command.h"
#include "orchestration/pfkeepd/service.h"
#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"
#include "pfkeep/virt.h"

#define PFS    100
#define VFS    100 /* of each */
#define FREE   10  /* of the first PF's */
#define ROUNDS 50
#define OUTPUT "build/bench/orch_scale.json"

static struct fakehost host;
static struct core core;
static struct core_config config = { .vm_type = "test", .emulator = "/usr/bin/qemu" };
static char state_dir[] = "/dev/shm/pfkeep-scale-XXXXXX";
static char socket_path[96];
static struct service service = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct json_object *rows;

/* Of this process's CPU time: others may be busy on the machine. */
static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void row(const char *figure, double value, const char *unit)
{
	struct json_object *one = json_object_new_object();
	char text[32];

	snprintf(text, sizeof(text), "%.3g", value);
	json_object_object_add(one, "figure", json_object_new_string(figure));
	json_object_object_add(one, "value", json_object_new_double_s(value, text));
	json_object_object_add(one, "unit", json_object_new_string(unit));
	json_object_array_add(rows, one);
	printf("  %-60s %10s %s\n", figure, text, unit);
}

static struct bdf pf_bdf(unsigned int i)
{
	return (struct bdf){ 0, (uint8_t)(i + 1), 0, 0 };
}

static void add_pf(unsigned int i)
{
	struct fakehost_pf pf = fakehost_igb;
	char bridge[16], name[BDF_TEXT], path[128];
	const struct bdf bdf = pf_bdf(i);

	snprintf(bridge, sizeof(bridge), "0000:00:%02x.%x", 1 + i / 8, i % 8);
	pf.bdf = bdf_format(&bdf, name);
	pf.total_vfs = VFS;
	pf.vf_offset = 1;
	pf.vf_stride = 1;
	pf.driver = pf.vf_driver = DRIVER_VFIO;
	fakehost_bridge(&host, bridge, true);
	fakehost_pf(&host, bridge, &pf);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/sriov_numvfs", name);
	snprintf(bridge, sizeof(bridge), "%d", VFS);
	assert_int_equal(root_write(&host.root, path, bridge), 0);
}

static void put_vf(struct state_change *change, unsigned int pf, uint16_t index)
{
	struct record_vf vf = { .claim = { .pf = pf_bdf(pf), .index = index } };

	snprintf(vf.claim.uuid, UUID_TEXT, "c7a5fdbd-edaf-9455-926a-%012x", pf * VFS + index);
	snprintf(vf.domain, sizeof(vf.domain), "tenant-%u", pf * VFS + index);
	vf.conf = (struct vfconf){ .set = VFCONF_VLAN, .vlan = 7 };
	assert_int_equal(record_put_vf(change, &vf), 0);
}

static void put_pf(struct state_change *change, unsigned int i)
{
	struct record_pf pf = {
		.bdf = pf_bdf(i), .phase = RECORD_ADOPTED, .driver = "igb", .vfs = VFS
	};

	snprintf(pf.domain, sizeof(pf.domain), "pf-vm-%u", i);
	snprintf(pf.uuid, UUID_TEXT, "d7a5fdbd-edaf-9455-926a-%012x", i);
	assert_int_equal(record_put_pf(change, &pf), 0);
	for (uint16_t vf = i ? 0 : FREE; vf < VFS; vf++)
		put_vf(change, i, vf);
}

static void load(unsigned int pfs)
{
	struct state_change change;
	struct problem problem;

	assert_int_equal(state_open(state_dir, &core.state, NULL), 0);
	assert_int_equal(state_change_init(&change), 0);
	for (unsigned int i = 0; i < pfs; i++)
		put_pf(&change, i);
	assert_int_equal(state_commit(core.state, &change, &problem), 0);
	state_change_release(&change);
	state_close(core.state);
	double start = now_ms();

	assert_int_equal(state_open(state_dir, &core.state, NULL), 0);
	if (core_load(&core, &problem))
		fail_msg("%s", problem.text);
	if (pfs == PFS)
		row("state of 10,000 VFs read, books built", now_ms() - start, "ms");
}

static double assign_ms(void)
{
	const struct bdf pf = pf_bdf(0);
	struct problem problem;
	double start = now_ms();

	for (int i = 0; i < ROUNDS; i++) {
		uint16_t index;

		if (core_assign(&core, &pf, -1, "web", &index, &problem) ||
		    core_unassign(&core, &pf, index, &problem))
			fail_msg("%s", problem.text);
	}
	return (now_ms() - start) / ROUNDS;
}

/* Resident, in MiB. */
static double memory(void)
{
	unsigned long size, resident;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
	fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* From sysfs, as without a daemon. */
static void list_host(FILE *out)
{
	char *argv[] = { (char *)"pfkeep",	 (char *)"vf", (char *)"list",
			 (char *)"--root",	 host.dir,     (char *)"--socket",
			 (char *)"/nonexistent", NULL };

	assert_int_equal(command_main(7, argv, out, stderr), COMMAND_DONE);
}

static void list_daemon(FILE *out)
{
	char *argv[] = { (char *)"pfkeep",   (char *)"vf", (char *)"list",
			 (char *)"--socket", socket_path,  NULL };

	assert_int_equal(command_main(5, argv, out, stderr), COMMAND_DONE);
}

/* Connections one after another, each served as the daemon does. */
static void *serve(void *data)
{
	for (;;) {
		int fd = accept(*(int *)data, NULL, NULL);

		service_serve(&service, fd);
		close(fd);
	}
	return NULL;
}

/* Nothing happens on this host that isn't said by hand. */
static void catch_up(void *data, struct vfcache *cache)
{
}

static void start_daemon(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	static int fd;
	pthread_t thread;

	snprintf(socket_path, sizeof(socket_path), "%s/socket", host.dir);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	service.core = &core;
	assert_int_equal(vfcache_new(&host.root, catch_up, NULL, &core.vfs), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &fd), 0);
}

/* Printing from memory what the list printed. */
static double print_ms(char *text)
{
	FILE *out = fopen("/dev/null", "w");
	double start = now_ms();

	for (char *line = text; *line; line = strchr(line, '\n') + 1)
		fprintf(out, "%.*s\n", (int)strcspn(line, "\n"), line);
	fclose(out);
	return now_ms() - start;
}

/* Of this process: the daemon's part is in it where it has one. */
static double measure_list(const char *figure, void (*list)(FILE *out))
{
	CLEANUP(cleanup_free) char *text = NULL;
	size_t len, lines = 0;
	FILE *out = open_memstream(&text, &len), *null = fopen("/dev/null", "w");
	double start, took;

	assert_non_null(null);
	start = now_ms();
	list(null);
	took = now_ms() - start;
	fclose(null);
	list(out);
	fclose(out);
	for (char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, PFS * VFS + 1);
	row(figure, took, "ms");
	return print_ms(text);
}

static void measure_lists(void)
{
	const struct bdf pf = pf_bdf(PFS / 2), vf = { 0, PFS / 2 + 1, 0, 7 };
	double print;

	measure_list("vf list of 10,000 VFs, without the daemon", list_host);
	start_daemon();
	measure_list("the same by the daemon, its first", list_daemon);
	vfcache_touch_owner(core.vfs, &pf);
	measure_list("after a VF was given to a domain", list_daemon);
	vfcache_touch(core.vfs, &vf);
	measure_list("after a VF was bound to a driver", list_daemon);
	print = measure_list("after nothing has changed", list_daemon);
	row("printing the same lines", print, "ms");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void define_tenant(void)
{
	assert_int_equal(virt_connect("test:///default", &core.conn, NULL), 0);
	assert_int_equal(virt_define(core.conn,
				     "<domain type='test'><name>web</name><uuid>" BED_WEB "</uuid>"
				     "<memory>4096</memory><os><type>hvm</type></os><devices/>"
				     "</domain>",
				     NULL),
			 0);
}

static void save(void)
{
	struct json_object *all = json_object_new_object();

	json_object_object_add(all, "rows", rows);
	mkdir("build", 0755);
	mkdir("build/bench", 0755);
	if (json_object_to_file_ext(OUTPUT, all, JSON_C_TO_STRING_PRETTY))
		fail_msg("%s can't be written", OUTPUT);
	json_object_put(all);
}

int main(void)
{
	double few, many, before;

	rows = json_object_new_array();
	assert_non_null(mkdtemp(state_dir));
	fakehost_setup(&host);
	fakehost_driver(&host, DRIVER_VFIO);
	for (unsigned int i = 0; i < PFS; i++)
		add_pf(i);
	config.qemu_user = geteuid();
	core = (struct core){ .root = &host.root, .config = &config };
	define_tenant();
	load(1);
	few = assign_ms();
	core_unload(&core);
	state_close(core.state);
	before = memory();
	load(PFS);
	malloc_trim(0);
	row("state and books of 10,000 VFs", memory() - before, "MiB");
	many = assign_ms();
	row("vf assign and unassign, 100 VFs on the host", few, "ms");
	row("the same, 10,000 VFs on the host", many, "ms");
	measure_lists();
	malloc_trim(0);
	row("all that the daemon keeps of 10,000 VFs", memory() - before, "MiB");
	row("the whole of it, with its libraries", memory(), "MiB");
	save();
	core_unload(&core);
	state_close(core.state);
	virConnectClose(core.conn);
	fakehost_teardown(&host);
	return nftw(state_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
