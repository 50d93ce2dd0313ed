// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestration/libpfkeep/vmm_spawn.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/qmp.h"

#define MONITOR_FD 3
#define END_MS	   5000

static unsigned int part(struct json_object *version, const char *name)
{
	return (unsigned int)json_object_get_int(json_object_object_get(version, name)) % 1000;
}

int vmm_read_version(struct json_object *value, struct vmm_qemu *qemu)
{
	struct json_object *version = json_object_object_get(value, "qemu");
	unsigned int major = part(version, "major"), minor = part(version, "minor"),
		     micro = part(version, "micro");

	if (!major)
		return -EBADMSG;
	qemu->version = major * 1000000 + minor * 1000 + micro;
	snprintf(qemu->text, sizeof(qemu->text), "%u.%u.%u", major, minor, micro);
	return 0;
}

static bool has_property(struct json_object *list, const char *name)
{
	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		const char *found = json_object_get_string(
			json_object_object_get(json_object_array_get_idx(list, i), "name"));

		if (found && !strcmp(found, name))
			return true;
	}
	return false;
}

static int ask(struct qmp *qmp, struct vmm_qemu *qemu, struct problem *problem)
{
	struct json_object *value = NULL, *type = json_object_new_object();
	int ret;

	json_object_object_add(type, "typename", json_object_new_string("vfio-pci"));
	/* One without that device says so by refusing. */
	ret = qmp_command(qmp, "device-list-properties", type, &value, problem);
	if (ret && ret != -EREMOTEIO)
		return ret;
	qemu->sriov = has_property(value, "sriov");
	qemu->token = has_property(value, "vf-token-secret");
	json_object_put(value);
	value = NULL;
	ret = qmp_command(qmp, "query-version", NULL, &value, problem);
	if (!ret)
		ret = vmm_read_version(value, qemu);
	json_object_put(value);
	value = NULL;
	if (!ret)
		ret = qmp_command(qmp, "query-qmp-schema", NULL, &value, problem);
	qemu->cpr_transfer =
		!ret && strstr(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
			       "\"cpr-transfer\"");
	json_object_put(value);
	return ret;
}

static int check_file(const char *program, struct problem *problem)
{
	struct stat st;

	if (*program != '/' || strlen(program) >= PATH_MAX)
		return problem_set(problem, -EINVAL, "%.200s: isn't an absolute path", program);
	if (stat(program, &st))
		return problem_set(problem, -errno, "%.200s: %s", program, strerror(errno));
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return problem_set(problem, -EACCES, "%.200s: isn't an executable file", program);
	return 0;
}

int vmm_probe(const char *program, pid_t like, int pidfd, int64_t deadline,
	      struct vmm_qemu *ret_qemu, struct problem *problem)
{
	char *const argv[] = { (char *)program,
			       (char *)"-M",
			       (char *)"none",
			       (char *)"-nodefaults",
			       (char *)"-no-user-config",
			       (char *)"-display",
			       (char *)"none",
			       (char *)"-S",
			       (char *)"-chardev",
			       (char *)"socket,id=m,fd=3",
			       (char *)"-mon",
			       (char *)"chardev=m,mode=control",
			       NULL };
	CLEANUP(cleanup_close) int mine = -1;
	CLEANUP(cleanup_close) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	CLEANUP(cleanup_close) int child = -1;
	int fds[2], ret;
	struct qmp qmp;
	pid_t pid;

	*ret_qemu = (struct vmm_qemu){ 0 };
	ret = check_file(program, problem);
	if (ret)
		return ret;
	if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	mine = fds[0];
	const struct vmm_pass passes[] = {
		{ null, 0 }, { null, 1 }, { null, 2 }, { fds[1], MONITOR_FD }
	};
	ret = vmm_spawn(like, pidfd, argv, passes, 4, &pid, &child, problem);
	close(fds[1]);
	if (ret)
		return ret;
	ret = qmp_open(&qmp, mine, "QEMU", deadline, problem);
	if (!ret) {
		ret = ask(&qmp, ret_qemu, problem);
		qmp_close(&qmp);
	}
	vmm_kill(child, END_MS);
	waitpid(pid, NULL, WNOHANG);
	return ret ? problem_prefix(problem, ret, "%.160s", program) : 0;
}
