/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a scenario is written with: a lab of its own, driven through labctl as a
 * person would. Each call that can't do what it says fails the running cmocka
 * test, with what labctl said; a lab that the emulator spoiled is said to be that
 * ("# emulator-failure: ..."), and the test still doesn't pass.
 */
#ifndef TESTS_LAB_HARNESS_LAB_H
#define TESTS_LAB_HARNESS_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>

struct lab {
	char name[32];
	bool up;
};

struct lab_options {
	const char *kernel;	    /* as labctl knows them */
	const char *const *pfs;	    /* NULL-terminated */
	const char *cpus, *ram_gib; /* NULL: labctl's own */
	const char *timeout_s;	    /* to come up; NULL: labctl's own */
	const char *append;	    /* NULL: nothing more on the kernel's command line */
};

/*
 * For cmocka's group setup and teardown; 0 or -1. The lab ends with the process that
 * calls lab_up(), also with one that a signal ends.
 */
int lab_up(struct lab *lab, const struct lab_options *options);
int lab_down(struct lab *lab);

/* Runs a shell script in the lab host; its standard output, which the caller frees. */
__attribute__((format(printf, 3, 4))) char *lab_run(struct lab *lab, unsigned int timeout_s,
						    const char *format, ...);
/* The same, its exit status; the output, if asked for, is both streams'. */
__attribute__((format(printf, 4, 5))) int lab_try(struct lab *lab, unsigned int timeout_s,
						  char **ret_output, const char *format, ...);
/* The same without a result but the status: its lines are shown as they come. */
__attribute__((format(printf, 3, 4))) int lab_show(struct lab *lab, unsigned int timeout_s,
						   const char *format, ...);

/* The program itself. */
const char *lab_ctl_path(void);
/* labctl with these arguments (NULL-terminated), of this lab. */
char *lab_ctl(struct lab *lab, unsigned int timeout_s, const char *verb, ...);

/* A script that ends the kernel it runs in, by kexec: its own end is not waited for. */
void lab_leave(struct lab *lab, const char *script);
/* Until libvirt answers in the lab host after that many boots, the first included. */
void lab_wait_boot(struct lab *lab, unsigned int boots, unsigned int timeout_s);
/* Until the lab host has switched itself off; its console, which the caller frees. */
char *lab_wait_end(struct lab *lab, unsigned int timeout_s);
/* From labctl up to the answer of libvirt in the lab host's first boot. */
double lab_boot_seconds(struct lab *lab);
/* A number of `labctl status`. */
int64_t lab_status_number(struct lab *lab, const char *key);
/* Says on the test's output what labd knows about the lab. */
void lab_explain(const struct lab *lab);
/* And under which of its VMs the emulator failed (guests.c). */
void lab_explain_guests(const struct lab *lab);
/* Of a lab that is down: where its logs are, and what wasn't said yet about its VMs. */
void lab_say_runs(const struct lab *lab);
/* A diagnostic that the runner shows: every line behind "# ". */
void lab_diagnose(const char *title, const char *text);

/*
 * A mark in the output of lab_run(): the text between `key` and the end of its
 * line. Fails the test when it isn't there. The caller frees.
 */
char *lab_field(const char *text, const char *key);

#endif
