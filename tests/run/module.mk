# SPDX-License-Identifier: GPL-2.0-only
# The runner of all test programs, and its own tests.

RUN_SOURCES := $(addprefix tests/run/,runner.c tap.c child.c program.c progress.c tally.c)

$(eval $(call program,tests/run,tests/run/main.c $(RUN_SOURCES)))

$(eval $(call unit_test,run_tap,tests/run/tap_test.c tests/run/tap.c))

# The probe is a real cmocka program, so that the dialect of this machine's
# cmocka is what the runner is tested with.
$(eval $(call program,tests/run_probe,tests/run/probe.c,cmocka))
$(eval $(call unit_test,run_end_to_end,tests/run/end_to_end_test.c $(RUN_SOURCES)))
$(BUILD)/tests/run_end_to_end: | $(BUILD)/tests/run_probe
