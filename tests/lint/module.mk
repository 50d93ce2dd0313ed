# SPDX-License-Identifier: GPL-2.0-only
# The lint group of `make check`: each tool is one test. Code for the kernel and
# for QEMU has their checkpatch and their styles; all else is looked at here.

CLANG_FORMAT ?= clang-format
CLANG_TIDY   ?= clang-tidy
CPPCHECK     ?= cppcheck
SHELLCHECK   ?= shellcheck

LINT_ROOMS   := $(wildcard orchestration pf-vm-image tests)
LINT_FILES    = $(sort $(shell find $(LINT_ROOMS) -name '*.[ch]'))
LINT_SCRIPTS  = $(sort $(shell find . -path ./$(BUILD) -prune -o -path ./.git -prune -o -name '*.sh' -print) \
	$(wildcard .ci/run packaging/build packaging/*.p[or]*))
LINT_SOURCES  = $(sort $(C_SOURCES))
LINT_CFLAGS   = $(CPPFLAGS) -std=gnu11 $(call pkg_cflags,$(sort $(PKGS)))
LINT_JOBS    := 2

# The kernel's uAPI has structs with a flexible array, and we put such into others.
LINT_TIDY_FLAGS = $(LINT_CFLAGS) -Wno-gnu-variable-sized-type-not-at-end

$(eval $(call program,tests/banned,tests/lint/main.c tests/lint/banned.c))
$(eval $(call unit_test,lint_banned,tests/lint/banned_test.c tests/lint/banned.c))

LINT_MAKE := $(MAKE) -s -k -j$(LINT_JOBS) --no-print-directory
LINTS     := clang-format tidy-reasons clang-tidy cppcheck shellcheck banned

CHECK_LAST += lint

.PHONY: lint check-lint format $(LINTS:%=lint-%)

## lint: formatting, clang-tidy, cppcheck, shellcheck, banned calls
lint: check-lint
check-lint: $(BUILD)/tests/run $(BUILD)/tests/banned
	$(Q)MAKEFLAGS= $(BUILD)/tests/run --title lint $(RUN_TALLY) --timeout 1200 --plain -- \
		$(foreach l,$(LINTS),'$(l)=$(LINT_MAKE) lint-$(l)')

## format: clang-format over the tree
format:
	$(CLANG_FORMAT) -i $(LINT_FILES)

lint-clang-format:
	@$(CLANG_FORMAT) --dry-run -Werror $(LINT_FILES)

# The checks that are off in .clang-tidy, less those with a reason there.
lint-tidy-reasons:
	@without=$$(comm -23 \
		<(sed -n 's/^  -\([a-z][^,]*\),\{0,1\}$$/\1/p' .clang-tidy | sort) \
		<(sed -n 's/^# \([a-zA-Z0-9.-]*\): ..*/\1/p' .clang-tidy | sort)); \
	if [ -n "$$without" ]; then echo ".clang-tidy: off without a reason: $$without"; exit 1; fi

# Expanded late: rooms that are read after this one are looked at, too.
.SECONDEXPANSION:
lint-clang-tidy: $$(patsubst %.c,$(BUILD)/lint/%.tidy,$$(LINT_SOURCES))

# With cmocka the analyzer is off: it doesn't know that assert_non_null() ends the test.
$(BUILD)/lint/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	@$(CC) $(LINT_CFLAGS) -MM -MP -MT $@ -MF $(@:.tidy=.d) $<
	@$(CLANG_TIDY) --quiet $$(grep -q '^#include.*[</]cmocka\.h[>"]' $< && echo '--checks=-clang-analyzer-*') \
		$< -- $(LINT_TIDY_FLAGS) >$@.log 2>&1 || { grep -v 'warnings\? generated' $@.log; exit 1; }
	@mv $@.log $@

# A macro of json-c's is more than its preprocessor takes. Without a semicolon in its
# place: newer ones read -D as a list whose parts those end.
lint-cppcheck:
	@mkdir -p $(BUILD)/lint/cppcheck
	@$(CPPCHECK) -q -j$(LINT_JOBS) --enable=warning,performance,portability --std=c11 \
		--inline-suppr --error-exitcode=1 --library=posix,gnu \
		--cppcheck-build-dir=$(BUILD)/lint/cppcheck --suppressions-list=tests/lint/cppcheck.txt \
		$(CPPFLAGS) '-Djson_object_object_foreach(o,k,v)=while(json_next(o,&k,&v))' $(LINT_SOURCES)

lint-shellcheck:
	@$(if $(strip $(LINT_SCRIPTS)),$(SHELLCHECK) -x $(LINT_SCRIPTS))

lint-banned: $(BUILD)/tests/banned
	@$(BUILD)/tests/banned tests/lint/banned.txt $(LINT_FILES)
