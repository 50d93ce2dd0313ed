// SPDX-License-Identifier: GPL-2.0-only
/* What a QEMU sends by cpr-transfer is taken, by a process that sends as QEMU does. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_take.h"
#include "pfkeep/cprstate.h"
#include "pfkeep/qmp.h"

#define TAKE_MS 10000
#define DEVICES "{\"page_size\": 4096, \"devices\": []}"

/* How the sender misbehaves. */
enum sender { GOOD, HALF_A_LIST, NO_DESCRIPTOR, DIES_IN_ITS_STATE };

static char dir[] = "/tmp/live-take-XXXXXX";
static struct live_take take;
static struct live_vm vm;

static int reach(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		_exit(10);
	return fd;
}

static void say(int to, const void *data, size_t len)
{
	if (send(to, data, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(11);
}

static void say_u32(int to, uint32_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
				  (uint8_t)(value >> 8), (uint8_t)value };

	say(to, bytes, sizeof(bytes));
}

/* -1: the byte alone. */
static void say_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", blank = ' ';
	struct iovec iov = { &blank, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(to, &msg, MSG_NOSIGNAL) != 1)
		_exit(12);
}

static void say_named(int to, const char *name, int fd)
{
	say(to, "\1", 1);
	say_u32(to, (uint32_t)strlen(name) + 1);
	say(to, name, strlen(name) + 1);
	say_u32(to, 0);
	say_fd(to, fd);
}

static void send_fds(enum sender how)
{
	int to = reach(take.cpr_path);
	char byte;

	say_u32(to, 0x51435052);
	say_u32(to, 1);
	say_named(to, "pc.ram", memfd_create("pc.ram", 0));
	say_named(to, "vfio_group", eventfd(0, 0));
	say_named(to, "0000:01:10.0_req", how == NO_DESCRIPTOR ? -1 : eventfd(0, 0));
	if (how == HALF_A_LIST)
		_exit(0);
	say(to, "\0rest", 5);
	shutdown(to, SHUT_WR);
	/* until it has been read */
	if (read(to, &byte, 1) != 0)
		_exit(13);
	close(to);
}

/* As QEMU waits for its successor's word; 0: our end has closed. */
static void send_state(enum sender how)
{
	int to = reach(take.main_path);
	char byte;

	say(to, "QEVM}", 5);
	if (how == DIES_IN_ITS_STATE)
		_exit(0);
	say(to, "\0\6", 2);
	say_u32(to, sizeof(DEVICES) - 1);
	say(to, DEVICES, sizeof(DEVICES) - 1);
	_exit(read(to, &byte, 1) == 0 ? 0 : 14);
}

static pid_t start_sender(enum sender how)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	alarm(TAKE_MS / 1000);
	send_fds(how);
	send_state(how);
	_exit(0);
}

static void ends_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	struct problem problem = { "" };

	vm = (struct live_vm){ .hold = -1, .state = -1 };
	vm.fds = calloc(LIVE_FDS_MAX, sizeof(*vm.fds));
	assert_non_null(vm.fds);
	/* of its command line */
	vm.fds[vm.n_fds++] = (struct live_fd){ .number = 100, .kind = LIVE_LISTEN, .fd = -1 };
	return live_take_listen(&take, dir, geteuid(), qmp_now_ms() + TAKE_MS, &problem);
}

static int teardown(void **state)
{
	for (size_t i = 0; i < vm.n_fds; i++)
		if (vm.fds[i].fd >= 0)
			close(vm.fds[i].fd);
	free(vm.fds);
	if (vm.state >= 0)
		close(vm.state);
	live_take_end(&take);
	return access(take.cpr_path, F_OK) && access(take.main_path, F_OK) ? 0 : -1;
}

static const struct cprstate_fd *named(const struct cprstate_fd *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

static enum live_kind kind_of(int number)
{
	for (size_t i = 0; i < vm.n_fds; i++)
		if (vm.fds[i].number == number)
			return vm.fds[i].kind;
	fail_msg("nobody has number %d", number);
	return LIVE_KINDS;
}

static int fd_of(int number)
{
	for (size_t i = 0; i < vm.n_fds; i++)
		if (vm.fds[i].number == number)
			return vm.fds[i].fd;
	return -1;
}

static void state_is_read_and_the_sender_waits(void **state)
{
	struct problem problem = { "" };
	struct cprstate_fd list[8];
	pid_t pid = start_sender(GOOD);
	char cpr[512], text[64];
	size_t n;
	ssize_t len;

	if (live_take_fds(&take, &vm, &problem) || live_take_state(&take, &vm, &problem))
		fail_msg("%s", problem.text);
	len = pread(fd_of(vm.cpr), cpr, sizeof(cpr), 0);
	assert_true(len > 4);
	assert_memory_equal(cpr + len - 4, "rest", 4);
	assert_int_equal(cprstate_parse(cpr, (size_t)len, 8, list, &n, &problem), 0);
	assert_int_equal(n, 3);
	assert_int_equal(kind_of(named(list, n, "pc.ram")->fd), LIVE_MEMORY);
	assert_int_equal(kind_of(named(list, n, "0000:01:10.0_req")->fd), LIVE_EVENT);
	/* in place of its group */
	assert_int_equal(kind_of(named(list, n, LIVE_IOMMUFD)->fd), LIVE_IOMMU);
	assert_null(named(list, n, "vfio_group"));
	assert_int_equal(pread(vm.state, text, sizeof(text), 0), 5 + 6 + sizeof(DEVICES) - 1);
	/* it goes on when we let go */
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	close(vm.hold);
	ends_well(pid);
}

static void refuses(enum sender how, int err)
{
	struct problem problem = { "" };
	pid_t pid = start_sender(how);
	int ret = live_take_fds(&take, &vm, &problem);

	if (!ret)
		ret = live_take_state(&take, &vm, &problem);
	assert_int_equal(ret, err);
	assert_true(*problem.text);
	assert_true(vm.hold < 0);
	live_take_end(&take);
	waitpid(pid, NULL, 0);
}

static void a_list_that_breaks_off_is_refused(void **state)
{
	refuses(HALF_A_LIST, -EBADMSG);
}

static void a_descriptor_that_did_not_come_is_missed(void **state)
{
	refuses(NO_DESCRIPTOR, -EBADMSG);
}

static void a_state_that_breaks_off_is_refused(void **state)
{
	refuses(DIES_IN_ITS_STATE, -EPIPE);
}

static void a_silent_sender_is_not_waited_for_forever(void **state)
{
	struct problem problem = { "" };

	take.deadline = qmp_now_ms();
	assert_int_equal(live_take_fds(&take, &vm, &problem), -ETIMEDOUT);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(state_is_read_and_the_sender_waits),
		CASE(a_list_that_breaks_off_is_refused),
		CASE(a_descriptor_that_did_not_come_is_missed),
		CASE(a_state_that_breaks_off_is_refused),
		CASE(a_silent_sender_is_not_waited_for_forever),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
