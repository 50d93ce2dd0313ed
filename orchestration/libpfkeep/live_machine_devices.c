// SPDX-License-Identifier: GPL-2.0-only
/*
 * cgroup2 knows no list of devices but a program that is asked at each open(). libvirt has
 * one, and beside it a table that it adds to and takes from when something is plugged: by
 * major and minor number, or all ones for any, what is allowed. libvirtd finds the first
 * program of the group and the first table of that; finding none, it would begin an empty
 * one when a device is plugged in, which takes all others away.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_machine.h"
#include "pfkeep/cleanup.h"

#define ANY	  UINT32_MAX
#define TABLE_MIN 64 /* libvirt's own first one */
#define INSNS_MAX 80
#define NODE_MAX  128

static int bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : (int)ret;
}

/* In "libvirt" below a scope, else in the machine's own group. */
static int open_group(const struct root *root, const char *path, int *ret_fd)
{
	char nested[PATH_MAX + 32];

	snprintf(nested, sizeof(nested), LIVE_CGROUP "%s/libvirt", path);
	if (root_exists(root, nested))
		return root_openat(root, nested, O_RDONLY | O_DIRECTORY, ret_fd);
	*strrchr(nested, '/') = '\0';
	return root_openat(root, nested, O_RDONLY | O_DIRECTORY, ret_fd);
}

/* save */

static int fd_of(int cmd, uint32_t id)
{
	union bpf_attr attr = { .prog_id = id }; /* where a table's is, too */

	return bpf(cmd, &attr);
}

static int table_of(int program, uint32_t *ret_id)
{
	struct bpf_prog_info info = { .nr_map_ids = 1, .map_ids = (uintptr_t)ret_id };
	union bpf_attr attr = { .info = { .bpf_fd = (uint32_t)program,
					  .info_len = sizeof(info),
					  .info = (uintptr_t)&info } };
	int ret = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);

	return ret ? ret : info.nr_map_ids ? 0 : -ENOENT;
}

/* -ENOENT: libvirt has none. */
static int open_table(int group, int *ret_table)
{
	CLEANUP(cleanup_close) int program = -1;
	struct bpf_map_info info = { 0 };
	uint32_t ids[16] = { 0 };
	union bpf_attr attr = { .query = { .target_fd = (uint32_t)group,
					   .attach_type = BPF_CGROUP_DEVICE,
					   .prog_ids = (uintptr_t)ids,
					   .prog_cnt = 16 } };
	int ret = bpf(BPF_PROG_QUERY, &attr);

	if (!ret && !attr.query.prog_cnt)
		ret = -ENOENT;
	if (!ret)
		ret = program = fd_of(BPF_PROG_GET_FD_BY_ID, ids[0]);
	if (ret >= 0)
		ret = table_of(program, &ids[0]);
	if (!ret)
		ret = *ret_table = fd_of(BPF_MAP_GET_FD_BY_ID, ids[0]);
	if (ret < 0)
		return ret;
	attr = (union bpf_attr){ .info = { .bpf_fd = (uint32_t)*ret_table,
					   .info_len = sizeof(info),
					   .info = (uintptr_t)&info } };
	ret = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
	return ret ? ret : info.key_size == 8 && info.value_size == 4 ? 0 : -ENOENT;
}

/* "DEVNAME=vfio/12": a number may be another device's in the next kernel. */
static void find_node(const struct root *root, bool block, uint32_t major, uint32_t minor,
		      char ret_node[static NODE_MAX])
{
	char path[96], text[ROOT_ATTR], *at;

	*ret_node = '\0';
	snprintf(path, sizeof(path), "sys/dev/%s/%u:%u/uevent", block ? "block" : "char", major,
		 minor);
	if (root_read(root, path, text, sizeof(text)) || !(at = strstr(text, "DEVNAME=")))
		return;
	at += strlen("DEVNAME=");
	at[strcspn(at, "\n")] = '\0';
	if (strlen(at) < NODE_MAX)
		memcpy(ret_node, at, strlen(at) + 1);
}

static void add_device(const struct root *root, uint64_t key, uint32_t allow,
		       struct json_object *list)
{
	uint32_t major = (uint32_t)(key >> 32), minor = (uint32_t)key;
	struct json_object *one = json_append(list);
	char node[NODE_MAX];

	find_node(root, allow & BPF_DEVCG_DEV_BLOCK, major, minor, node);
	json_put_text(one, "node", node);
	json_put_number(one, "allow", allow);
	json_put_number(one, "major", major);
	json_put_number(one, "minor", minor);
}

static int add_table(const struct root *root, int table, struct json_object *list)
{
	uint64_t key = 0, last = 0;
	uint32_t allow = 0;
	union bpf_attr next = { .map_fd = (uint32_t)table, .next_key = (uintptr_t)&key };
	union bpf_attr get = { .map_fd = (uint32_t)table,
			       .key = (uintptr_t)&key,
			       .value = (uintptr_t)&allow };
	int ret;

	while (!(ret = bpf(BPF_MAP_GET_NEXT_KEY, &next))) {
		if (json_object_array_length(list) == LIVE_MACHINE_PARTS)
			return -E2BIG;
		if (!bpf(BPF_MAP_LOOKUP_ELEM, &get))
			add_device(root, key, allow, list);
		last = key;
		next.key = (uintptr_t)&last;
	}
	return ret == -ENOENT ? 0 : ret;
}

int live_machine_devices_save(const struct root *root, const char *path, struct json_object *list)
{
	CLEANUP(cleanup_close) int group = -1, table = -1;
	int ret = open_group(root, path, &group);

	if (ret)
		return ret;
	ret = open_table(group, &table);
	/* A kernel or a libvirt without: nothing is barred. */
	if (ret == -ENOENT || ret == -EINVAL || ret == -ENOSYS)
		return 0;
	return ret ? ret : add_table(root, table, list);
}

/* lay */

static size_t emit(struct bpf_insn *program, size_t n, uint8_t code, uint8_t dst, uint8_t src,
		   int16_t off, int32_t imm)
{
	program[n] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
	return n + 1;
}

/* r2 = this field of what is asked for, or all ones. */
static size_t emit_number(struct bpf_insn *p, size_t n, uint8_t reg, size_t field, bool any)
{
	if (any)
		return emit(p, n, BPF_ALU | BPF_MOV | BPF_K, reg, 0, 0, -1);
	return emit(p, n, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_6, (int16_t)field, 0);
}

/*
 * Allowed, if the table has all that is asked for under this key. r6: what is asked for. BPF_K of
 * an addition and BPF_IMM of a load have no bits.
 */
static size_t emit_look_up(struct bpf_insn *p, size_t n, int table, bool any_major, bool any_minor)
{
	n = emit_number(p, n, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, major), any_major);
	n = emit_number(p, n, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), any_minor);
	n = emit(p, n, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_2, 0, 0, 32);
	n = emit(p, n, BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_2, BPF_REG_1, 0, 0);
	n = emit(p, n, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_2, -8, 0);
	n = emit(p, n, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0);
	n = emit(p, n, BPF_ALU64 | BPF_ADD, BPF_REG_2, 0, 0, -8);
	n = emit(p, n, BPF_LD | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, table);
	n = emit(p, n, 0, 0, 0, 0, 0);
	n = emit(p, n, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	n = emit(p, n, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 6, 0);
	n = emit(p, n, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_0, 0, 0);
	n = emit(p, n, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_6,
		 offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	n = emit(p, n, BPF_ALU64 | BPF_AND | BPF_X, BPF_REG_1, BPF_REG_2, 0, 0);
	n = emit(p, n, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_2, 2, 0);
	n = emit(p, n, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
	return emit(p, n, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int load_program(int table)
{
	static const char license[] = "GPL";
	struct bpf_insn p[INSNS_MAX];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
				.insns = (uintptr_t)p,
				.license = (uintptr_t)license };
	size_t n = emit(p, 0, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);

	for (int any = 0; any < 4; any++)
		n = emit_look_up(p, n, table, any & 2, any & 1);
	n = emit(p, n, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	attr.insn_cnt = (uint32_t)emit(p, n, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return bpf(BPF_PROG_LOAD, &attr);
}

/*
 * A node that isn't there any more is nobody's. Without one only what is allowed of a whole major is
 * carried, terminals and sound, which every kernel gives the same.
 */
static bool key_of(const struct root *root, struct json_object *one, uint64_t *ret_key,
		   uint32_t *ret_allow)
{
	char path[NODE_MAX + 8], node[NODE_MAX] = "";
	CLEANUP(cleanup_close) int fd = -1;
	uint64_t allow, major, minor;
	struct stat st;

	if (!json_object_is_type(one, json_type_object) ||
	    json_get_number(one, "allow", UINT32_MAX, &allow) ||
	    json_get_number(one, "major", UINT32_MAX, &major) ||
	    json_get_number(one, "minor", UINT32_MAX, &minor))
		return false;
	if (json_get_text(one, "node", node, sizeof(node))) {
		if (minor != ANY)
			return false;
	} else {
		snprintf(path, sizeof(path), "dev/%s", node);
		if (root_openat(root, path, O_PATH | O_NOFOLLOW, &fd) || fstat(fd, &st) ||
		    (allow & BPF_DEVCG_DEV_BLOCK ? !S_ISBLK(st.st_mode) : !S_ISCHR(st.st_mode)))
			return false;
		major = major(st.st_rdev);
		minor = minor(st.st_rdev);
	}
	*ret_key = major << 32 | minor;
	*ret_allow = (uint32_t)allow;
	return true;
}

static int fill_table(const struct root *root, struct json_object *list, int table)
{
	uint64_t key = 0;
	uint32_t allow = 0;
	union bpf_attr attr = { .map_fd = (uint32_t)table,
				.key = (uintptr_t)&key,
				.value = (uintptr_t)&allow };
	int ret = 0;

	for (size_t i = 0; i < json_object_array_length(list) && !ret; i++)
		if (key_of(root, json_object_array_get_idx(list, i), &key, &allow))
			ret = bpf(BPF_MAP_UPDATE_ELEM, &attr);
	return ret;
}

static int attach(int group, int program)
{
	/* No flags: as libvirt's own, by which it replaces this one when the table is full. */
	union bpf_attr attr = { .target_fd = (uint32_t)group,
				.attach_bpf_fd = (uint32_t)program,
				.attach_type = BPF_CGROUP_DEVICE };

	return bpf(BPF_PROG_ATTACH, &attr);
}

static int lay(const struct root *root, const char *path, struct json_object *list)
{
	CLEANUP(cleanup_close) int group = -1, table = -1, program = -1;
	size_t n = json_object_array_length(list);
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH,
				.key_size = 8,
				.value_size = 4,
				.max_entries = n > TABLE_MIN ? (uint32_t)n : TABLE_MIN };
	int ret = open_group(root, path, &group);

	if (!ret)
		ret = table = bpf(BPF_MAP_CREATE, &attr);
	if (ret >= 0)
		ret = fill_table(root, list, table);
	if (!ret)
		ret = program = load_program(table);
	return ret < 0 ? ret : attach(group, program);
}

int live_machine_devices_lay(const struct root *root, const struct live_machine *machine,
			     struct problem *problem)
{
	struct json_object *list = json_get_list(machine->account, "devices", LIVE_MACHINE_PARTS);
	int ret = list ? 0 : -EBADMSG;

	if (list && json_object_array_length(list))
		ret = lay(root, machine->path, list);
	return ret ? problem_set(problem, ret, "%.60s: its list of devices: %s", machine->name,
				 strerror(-ret))
		   : 0;
}
