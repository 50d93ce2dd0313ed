/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_RUN_RUNNER_H
#define TESTS_RUN_RUNNER_H

/* The whole program but for its name: apart from main() so that tests can call it. */
int runner_main(int argc, char *argv[]);

#endif
