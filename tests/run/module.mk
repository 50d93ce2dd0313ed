# SPDX-License-Identifier: GPL-2.0-only
# The runner of all test programs, and its own tests.

RUN := $(addprefix tests/run/,runner.c tap.c child.c program.c progress.c tally.c)

$(eval $(call program,tests/run,tests/run/main.c $(RUN)))

$(eval $(call unit_test,run_tap,tests/run/tap_test.c tests/run/tap.c))
