// SPDX-License-Identifier: GPL-2.0-only
/*
 * lab-soak: boots many nested VMs and says how often the emulator failed. One
 * process works; this one keeps the other CPUs busy, shows that it goes on, and
 * when it is told to stop ends the worker and then the lab that it had up.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/soak/soak.h"

#define EXIT_USAGE  2
#define HEARTBEAT_S 30
#define BUSY_MAX    64

static const char usage[] =
	"usage: soak [--count N] [--groups G] [--limit S] [--append ARGS]\n"
	"\n"
	"Boots N nested VMs (200), three side by side, G groups (12) in each lab, while the\n"
	"machine's other CPUs are kept busy. Every VM has to come to its init, to run ten\n"
	"timers and to switch itself off. Exit status 0: all did, but for at most one\n"
	"emulator failure in 200 boots.\n"
	"\n"
	"  --limit S      seconds that three VMs have, boot to end (240)\n"
	"  --append ARGS  more for the lab host's command line\n";

double soak_seconds(void)
{
	static double start;
	struct timespec t;
	double now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	if (start == 0)
		start = now;
	return now - start;
}

void soak_say(const char *format, ...)
{
	unsigned int s = (unsigned int)soak_seconds();
	va_list args;

	printf("[%2u:%02u] ", s / 60, s % 60);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static int parse(int argc, char **argv, struct soak_options *ret_options)
{
	static const struct option long_options[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "groups", required_argument, NULL, 'g' },
		{ "limit", required_argument, NULL, 'l' },
		{ "append", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, err = 0;

	*ret_options = (struct soak_options){ .count = 200, .groups = 12, .limit_s = 240 };
	while (!err && (c = getopt_long(argc, argv, "c:g:l:a:h", long_options, NULL)) != -1) {
		if (c == 'c')
			err = lab_parse_number(optarg, 1, 100000, &ret_options->count);
		else if (c == 'g')
			err = lab_parse_number(optarg, 1, 1000, &ret_options->groups);
		else if (c == 'l')
			err = lab_parse_number(optarg, 1, 86400, &ret_options->limit_s);
		else if (c == 'a')
			ret_options->append = optarg;
		else
			return c == 'h' ? 1 : -EINVAL;
		if (err)
			fprintf(stderr, "soak: -%c %s: must be a number of at least 1\n", c,
				optarg);
	}
	if (!err && optind < argc) {
		fprintf(stderr, "soak: unknown argument %s\n", argv[optind]);
		err = -EINVAL;
	}
	return err;
}

/* A child that ends with us. */
static pid_t fork_with_us(void)
{
	pid_t self = getpid(), pid;
	sigset_t none;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != self)
		_exit(1);
	/* A signal to the whole group is ours alone to deal with. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* Every CPU but one has something to do beside the lab. */
static size_t keep_busy(pid_t *ret_pids)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = cpus < 2 ? 1 : (size_t)cpus - 1;
	volatile unsigned long turns = 0;

	n = n < BUSY_MAX ? n : BUSY_MAX;
	for (size_t i = 0; i < n; i++) {
		ret_pids[i] = fork_with_us();
		while (ret_pids[i] == 0)
			turns = turns + 1;
	}
	return n;
}

static void end_child(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
}

/* Until the worker is done: 0, or a signal that ends us. */
static int watch(const struct soak *soak, pid_t worker, const sigset_t *signals)
{
	const struct timespec heartbeat = { .tv_sec = HEARTBEAT_S };
	int sig;

	for (;;) {
		sig = sigtimedwait(signals, NULL, &heartbeat);
		if (sig < 0 && errno == EAGAIN)
			soak_say("%s", soak->doing);
		if (sig == SIGCHLD && waitpid(worker, NULL, WNOHANG) == worker)
			return 0;
		if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP)
			return sig;
	}
}

static int run(struct soak *soak)
{
	pid_t busy[BUSY_MAX], worker;
	sigset_t signals;
	size_t n_busy;
	int sig;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	n_busy = keep_busy(busy);
	worker = fork_with_us();
	if (worker == 0) {
		soak_campaign(soak);
		_exit(0);
	}
	sig = worker < 0 ? SIGTERM : watch(soak, worker, &signals);
	if (sig)
		end_child(worker);
	for (size_t i = 0; i < n_busy; i++)
		end_child(busy[i]);
	if (soak->up)
		soak_lab_down(soak->lab);
	else if (soak->lab[0])
		soak_lab_wait(soak->lab);
	return sig;
}

static void save(const struct soak *soak)
{
	const struct soak_counts *c = &soak->counts;
	struct bench bench = bench_open();

	bench_row(&bench, "nested VMs booted", c->boots, "");
	bench_row(&bench, "emulator failures under the lab host", c->lab_failures, "");
	bench_row(&bench, "emulator failures under a VM", c->guest_failures, "");
	bench_row(&bench, "VM boots that failed otherwise", c->failed, "");
	if (c->boots)
		bench_row(&bench, "three nested VMs side by side, boot to end",
			  soak->boot_s * SOAK_GROUP / c->boots, "s");
	bench_save(&bench, "lab_soak");
}

static void conclude(const struct soak *soak)
{
	const struct soak_counts *c = &soak->counts;

	printf("%u boots, %u emulator failures (%u lab, %u guest), %u failed\n", c->boots,
	       c->lab_failures + c->guest_failures, c->lab_failures, c->guest_failures, c->failed);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct soak *soak = mmap(NULL, sizeof(*soak), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret, sig;

	if (soak == MAP_FAILED) {
		fprintf(stderr, "soak: no memory\n");
		return 1;
	}
	ret = parse(argc, argv, &soak->options);
	if (ret) {
		fputs(usage, ret > 0 ? stdout : stderr);
		return ret > 0 ? 0 : EXIT_USAGE;
	}
	soak_seconds();
	sig = run(soak);
	if (sig)
		soak_say("interrupted by %s", strsignal(sig));
	else if (soak->counts.boots)
		save(soak);
	conclude(soak);
	if (sig)
		return 128 + sig;
	return soak_passed(soak) ? 0 : 1;
}
