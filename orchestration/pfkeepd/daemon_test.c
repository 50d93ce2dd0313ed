// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs as they are installed: pfkeepd as a process of its own on libvirt's
 * test driver, the command line and the hook talking to it, killed and started
 * again.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestration/hook/hook.h"
#include "orchestration/pfkeep/command.h"
#include "orchestration/testing/fakehost.h"
#include "orchestration/testing/line.h"
#include "pfkeep/bdf.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/record.h"
#include "pfkeep/state.h"

#define DAEMON	   "build/bin/pfkeepd"
#define TIMEOUT_MS 20000
#define UUID	   "c7a5fdbd-edaf-9455-926a-d65c16db1809"

static struct fakehost host;
static char socket_path[96], state_dir[96], notify_path[96];
static int notify = -1;
static int complaints = -1; /* where the daemon's go; -1: nowhere */
static pid_t daemon_pid;
static char *err; /* what the hook said */

/* The daemon says READY=1 there, as it does to systemd. */
static void listen_for_ready(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(notify >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", notify_path);
	assert_int_equal(bind(notify, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

static pid_t spawn(void)
{
	char *argv[] = { (char *)DAEMON,
			 (char *)"--connect",
			 (char *)"test:///default",
			 (char *)"--vm-type",
			 (char *)"test",
			 (char *)"--root",
			 host.dir,
			 (char *)"--socket",
			 socket_path,
			 (char *)"--state",
			 state_dir,
			 (char *)"--agent-timeout",
			 (char *)"1",
			 NULL };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	setenv("NOTIFY_SOCKET", notify_path, 1);
	dup2(complaints >= 0 ? complaints : open("/dev/null", O_WRONLY), STDERR_FILENO);
	execv(DAEMON, argv);
	_exit(127);
}

static void start(void)
{
	struct pollfd pfd = { .fd = notify, .events = POLLIN };
	char text[64];
	ssize_t n;

	daemon_pid = spawn();
	/* The last one's farewell may still lie there. */
	do {
		assert_int_equal(poll(&pfd, 1, TIMEOUT_MS), 1);
		n = read(notify, text, sizeof(text) - 1);
		assert_true(n > 0);
		text[n] = '\0';
	} while (strcmp(text, "READY=1"));
}

static int stop(int signal)
{
	int status;

	assert_int_equal(kill(daemon_pid, signal), 0);
	assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
	daemon_pid = 0;
	return status;
}

static int setup(void **state)
{
	fakehost_setup(&host);
	fakehost_driver(&host, "igb");
	fakehost_bridge(&host, "0000:00:01.0", true);
	fakehost_pf(&host, "0000:00:01.0", &fakehost_igb);
	fakehost_dir(&host, "state");
	snprintf(state_dir, sizeof(state_dir), "%s/state", host.dir);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", host.dir);
	snprintf(notify_path, sizeof(notify_path), "%s/notify", host.dir);
	listen_for_ready();
	start();
	return 0;
}

static int teardown(void **state)
{
	if (daemon_pid)
		stop(SIGKILL);
	close(notify);
	fakehost_teardown(&host);
	line_release();
	free(err);
	err = NULL;
	return 0;
}

/* "@" stands for the options that lead to this host. */
static void expect(const char *line, enum command_status status, const char *words)
{
	line_fails(line, (const char *const[]){ "--root", host.dir, "--socket", socket_path, NULL },
		   status, words);
}

static void the_socket_is_for_root_alone(void **state)
{
	struct stat st;

	assert_int_equal(stat(socket_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void commands_reach_the_core_and_bring_its_answer_back(void **state)
{
	expect("pf release @ 0000:01:00.0", COMMAND_FAILED,
	       "pfkeep: 0000:01:00.0: isn't adopted\n");
	expect("pf set-vfs @ 0000:01:00.0 3", COMMAND_FAILED, "isn't adopted");
	expect("vf set @ 0000:01:00.0/0 --vlan 7", COMMAND_FAILED, "isn't adopted");
	expect("vf assign @ 0000:01:00.0/0 test", COMMAND_FAILED, "isn't adopted");
	expect("vf assign @ --pf 0000:01:00.0 test", COMMAND_FAILED, "isn't adopted");
	expect("vf unassign @ 0000:01:00.0/0", COMMAND_FAILED, "isn't adopted");
	expect("pf adopt @ 0000:09:00.0", COMMAND_FAILED, "0000:09:00.0: no such PCI function");
	expect("pf adopt @ 0000:01:00.0 --vfs 8", COMMAND_FAILED, "has 7 VFs, not 8");
}

static void what_is_wrong_on_its_face_isnt_sent(void **state)
{
	stop(SIGKILL);
	expect("pf adopt @ eth0", COMMAND_USAGE, "eth0: a PF is named");
	expect("pf adopt @ 0000:01:00.0 --vfs many", COMMAND_USAGE, "vfs 'many'");
	expect("pf set-vfs @ 0000:01:00.0 -- -1", COMMAND_USAGE, "vfs '-1'");
	expect("vf set @ 0000:01:00.0/0", COMMAND_USAGE, "nothing is to be set");
	expect("vf set @ 0000:01:00.0/0 --vlan 4095", COMMAND_USAGE, "vlan '4095'");
	expect("vf assign @ web", COMMAND_USAGE, "give a VF and a domain");
	expect("vf assign @ --pf 0000:01:00.0 a b", COMMAND_USAGE, "give a VF and a domain");
	expect("vf unassign @ 0000:01:10.0", COMMAND_FAILED, "0000:01:10.0: no such PCI function");
	expect("pf release @ 0000:01:00.0", COMMAND_FAILED, "pfkeepd doesn't answer at");
}

/* pfkeepd isn't even asked. */
static void a_pf_that_the_host_needs_isnt_adopted(void **state)
{
	stop(SIGKILL);
	fakehost_dir(&host, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/net/ens1");
	fakehost_file(&host, "proc/net/route",
		      "Iface\tDestination\tGateway \tFlags\nens1\t00000000\t0100000A\t0003\n");
	expect("pf adopt @ 0000:01:00.0", COMMAND_FAILED,
	       "0000:01:00.0: the default route goes through its ens1: route the host");
	fakehost_remove(&host, "proc/net/route");
	expect("pf adopt @ 0000:01:00.0", COMMAND_FAILED, "pfkeepd doesn't answer at");
}

/* No kernel is behind these files: binding comes to nothing, and is taken back. */
static void an_adoption_that_fails_leaves_nothing_behind(void **state)
{
	CLEANUP(cleanup_state) struct state *s = NULL;

	expect("pf adopt @ 0000:01:00.0", COMMAND_FAILED, "pfkeep: bind: 0000:01:00.0:");
	stop(SIGTERM);
	assert_int_equal(state_open(state_dir, &s, NULL), 0);
	assert_int_equal(json_object_object_length(state_all(s)), 0);
	assert_true(state_serial(s) > 0);
}

static void it_ends_when_told_and_starts_after_being_killed(void **state)
{
	int status = stop(SIGTERM);

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_false(root_exists(&host.root, "socket"));
	start();
	stop(SIGKILL);
	assert_true(root_exists(&host.root, "socket"));
	start();
	expect("pf release @ 0000:01:00.0", COMMAND_FAILED, "isn't adopted");
}

static void there_is_one_daemon(void **state)
{
	int status;
	pid_t pid = spawn();

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	expect("pf release @ 0000:01:00.0", COMMAND_FAILED, "isn't adopted");
}

static void a_damaged_state_keeps_it_from_starting(void **state)
{
	int status;
	pid_t pid;

	stop(SIGTERM);
	fakehost_file(&host, "state/state", "rubbish\n");
	pid = spawn();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* A PF is adopted, they say, by this domain. */
static void write_into_books(const char *domain, const char *uuid)
{
	struct record_pf pf = { .phase = RECORD_ADOPTED };
	struct state *books;
	struct state_change change;

	snprintf(pf.domain, sizeof(pf.domain), "%s", domain);
	snprintf(pf.uuid, sizeof(pf.uuid), "%s", uuid);
	assert_int_equal(bdf_parse("0000:01:00.0", &pf.bdf), 0);
	assert_int_equal(state_open(state_dir, &books, NULL), 0);
	assert_int_equal(state_change_init(&change), 0);
	assert_int_equal(record_put_pf(&change, &pf), 0);
	assert_int_equal(state_commit(books, &change, NULL), 0);
	state_change_release(&change);
	state_close(books);
}

static char said[4096]; /* what it complained about last */

static unsigned int complaints_about(const char *words, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	unsigned int n = 0;

	while (n < 2 && poll(&pfd, 1, TIMEOUT_MS) == 1) {
		ssize_t more = read(fd, said + len, sizeof(said) - 1 - len);

		if (more <= 0)
			break;
		len += (size_t)more;
		said[len] = '\0';
		n = 0;
		for (const char *at = said; (at = strstr(at, words)); at++)
			n++;
	}
	return n;
}

/* Started anew with these books it says so twice. */
static void complains_twice(const char *words)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	complaints = fds[1];
	start();
	complaints = -1;
	close(fds[1]);
	assert_int_equal(complaints_about(words, fds[0]), 2);
	close(fds[0]);
}

static void a_pf_vm_that_couldnt_be_started_is_tried_again(void **state)
{
	stop(SIGTERM);
	write_into_books("pfkeep-lost", UUID);
	complains_twice("0000:01:00.0");
}

/*
 * The domain that libvirt's test driver has from the start: it runs, and has no agent. Its
 * second start gets as far as this host lets it.
 */
static void a_pf_vm_whose_agent_stays_away_is_started_anew(void **state)
{
	stop(SIGTERM);
	write_into_books("test", "6695eb01-f6a4-8304-79aa-97f2502e193f");
	complains_twice("0000:01:00.0");
	assert_non_null(strstr(said, "0000:01:00.0: its PF VM test is ended: its agent was away "
				     "for 1 s"));
}

/* What the hook says to libvirt about a domain with this in its XML. */
static int hook(const char *operation, const char *metadata)
{
	char *argv[] = { (char *)"hook", (char *)"web", (char *)operation, (char *)"begin",
			 (char *)"-" };
	struct hook_input input = { .root = &host.root, .socket = socket_path };
	size_t len;
	int fds[2], ret;

	free(err);
	input.err = open_memstream(&err, &len);
	assert_non_null(input.err);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(dprintf(fds[1],
			    "<domain><name>web</name><uuid>" UUID
			    "</uuid><metadata>%s</metadata></domain>",
			    metadata) > 0);
	close(fds[1]);
	input.in = fds[0];
	ret = hook_main(5, argv, &input);
	close(fds[0]);
	fclose(input.err);
	return ret;
}

#define WANT  "<p:vf xmlns:p='urn:pfkeep:domain:1' pf='0000:01:00.0'/>"
#define SHOWN "run/pfkeep/tokens/" UUID ".qemu"

static void the_hook_refuses_what_cant_be_met(void **state)
{
	assert_int_equal(hook("prepare", ""), 0);
	assert_int_equal(hook("prepare", WANT), 1);
	assert_string_equal(err, "pfkeep: domain web: asks for a VF of 0000:01:00.0 "
				 "that isn't in its definition yet\n");
	assert_int_equal(hook("release", WANT), 0);
	assert_int_equal(hook("prepare", WANT WANT), 1);
	assert_non_null(strstr(err, "one <vfs>"));
	assert_int_equal(hook("prepare", "&bomb;"), 1);
}

/* A domain that runs is killed by libvirt if the hook fails then. */
static void a_domain_that_libvirt_finds_again_is_never_refused(void **state)
{
	fakehost_file(&host, SHOWN, "");
	assert_int_equal(hook("reconnect", WANT), 0);
	assert_false(root_exists(&host.root, SHOWN));
	assert_int_equal(hook("reconnect", WANT WANT), 0);
	stop(SIGKILL);
	assert_int_equal(hook("reconnect", WANT), 0);
}

static void without_the_daemon_only_domains_with_vfs_are_refused(void **state)
{
	stop(SIGKILL);
	assert_int_equal(hook("prepare", ""), 0);
	assert_string_equal(err, "");
	assert_int_equal(hook("prepare", WANT), 1);
	assert_non_null(strstr(err, "pfkeepd doesn't answer"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_socket_is_for_root_alone),
		T(commands_reach_the_core_and_bring_its_answer_back),
		T(what_is_wrong_on_its_face_isnt_sent),
		T(a_pf_that_the_host_needs_isnt_adopted),
		T(an_adoption_that_fails_leaves_nothing_behind),
		T(it_ends_when_told_and_starts_after_being_killed),
		T(there_is_one_daemon),
		T(a_damaged_state_keeps_it_from_starting),
		T(a_pf_vm_that_couldnt_be_started_is_tried_again),
		T(a_pf_vm_whose_agent_stays_away_is_started_anew),
		T(the_hook_refuses_what_cant_be_met),
		T(a_domain_that_libvirt_finds_again_is_never_refused),
		T(without_the_daemon_only_domains_with_vfs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
