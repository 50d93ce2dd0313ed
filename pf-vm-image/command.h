/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands' files share: options are read there, the work is done elsewhere. */
#ifndef PF_VM_IMAGE_COMMAND_H
#define PF_VM_IMAGE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/products/problem.h"

/* Exit status of every command. */
enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

/* argv[0] is the command's name. Returns the exit status; p is printed if it is not done. */
int command_build(int argc, char **argv, struct problem *p);
int command_customize(int argc, char **argv, struct problem *p);
int command_inspect(int argc, char **argv, struct problem *p);
int command_verify(int argc, char **argv, struct problem *p);

#define COMMAND_LIST_MAX 32

/* An option that may be given more than once. */
struct command_list {
	const char *words[COMMAND_LIST_MAX + 1];
	size_t n;
};

int command_list_add(struct command_list *l, const char *option, const char *word,
		     struct problem *p);

/* The one operand. */
int command_operand(int argc, char **argv, int first, const char *what, const char **ret_operand,
		    struct problem *p);

int command_number(const char *option, const char *text, uint64_t min, uint64_t max,
		   uint64_t *ret_number, struct problem *p);

/* A word that is safe as a package's, driver's or suite's name. */
int command_name(const char *option, const char *text, struct problem *p);

int command_usage(struct problem *p, const char *command);

#endif
