# SPDX-License-Identifier: GPL-2.0-only
# How every program and unit test of the tree is built. A folder's module.mk
# calls these; nothing else writes compile rules.
#
#   $(eval $(call program,PATH,SOURCES[,PKGS[,LDLIBS]]))   build/PATH from C files
#   $(eval $(call unit_test,NAME,SOURCES[,PKGS[,LDLIBS]])) a cmocka program, run by check-unit
#   $(eval $(call install,PACKAGE,MODE,FILE,PLACE))        what `make install` puts where;
#                                                          see mk/install.mk
#
# A source outside the folder is named by its path from the top. Objects lie
# under build/obj/, mirrored, so that two programs share an object; unit tests
# have objects of their own under build/san/, with the sanitizers on.

CC        ?= gcc
BUILD     := build
WARN      := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
             -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-unused-parameter
CPPFLAGS  += -D_GNU_SOURCE -I. -Ihost-vfio-sriov/include -Iorchestration/include -Itests/lab/include
CFLAGS    ?= -O2 -g
# The debug information has the folder in it, and the build id is made of that too: from any
# folder the same bytes.
override CFLAGS += -std=gnu11 $(WARN) -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=.
SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
san = $(patsubst %.c,$(BUILD)/san/%.o,$(1))
pkg_cflags = $(if $(strip $(1)),$(shell pkg-config --cflags $(1) 2>/dev/null))
pkg_libs   = $(if $(strip $(1)),$(shell pkg-config --libs $(1) 2>/dev/null))

# Shown as one short line a file; V=1 shows the commands.
Q     := $(if $(V),,@)
say    = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(OBJ_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/san/%.o: %.c
	$(call say,CC san,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DPFKEEP_TEST -O1 -g $(CFLAGS) $(SANITIZE) $(OBJ_CFLAGS) -MMD -MP -c -o $@ $<

define program
$(BUILD)/$(1): $(call obj,$(2))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) -o $$@ $(call obj,$(2)) $$(call pkg_libs,$(3)) $(4)
$(call obj,$(2)): OBJ_CFLAGS += $$(call pkg_cflags,$(3))
PROGRAMS += $(BUILD)/$(1)
PKGS += $(3)
C_SOURCES += $(2)
endef

define unit_test
$(BUILD)/tests/$(1): $(call san,$(2))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) $(SANITIZE) -o $$@ $(call san,$(2)) $$(call pkg_libs,$(3)) -lcmocka $(4)
$(call san,$(2)): OBJ_CFLAGS += $$(call pkg_cflags,$(3))
UNIT_TESTS += $(BUILD)/tests/$(1)
PKGS += $(3)
C_SOURCES += $(2)
endef

# A libFuzzer program: $(eval $(call fuzzer,NAME,SOURCES,MAX_LEN[,PKGS[,FLAGS]])). Its
# sources include LLVMFuzzerTestOneInput(). check-fuzz runs each FUZZ_RUNS times
# with a fixed seed; a long run is the same with FUZZ_RUNS=1000000 FUZZ_SEED=0.
FUZZ_CC   ?= clang
FUZZ_RUNS ?= 2000
FUZZ_SEED ?= 1
fuz = $(patsubst %.c,$(BUILD)/fuzz-obj/%.o,$(1))

$(BUILD)/fuzz-obj/%.o: %.c
	$(call say,CC fuzz,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) -DPFKEEP_TEST -O1 -g $(CFLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link \
		$(OBJ_CFLAGS) -MMD -MP -c -o $@ $<

define fuzzer
$(BUILD)/fuzz/$(1): $(call fuz,$(2))
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(FUZZ_CC) $(SANITIZE) -fsanitize=fuzzer -o $$@ $(call fuz,$(2)) $$(call pkg_libs,$(4))
$(call fuz,$(2)): OBJ_CFLAGS += $$(call pkg_cflags,$(4))
FUZZERS += $(BUILD)/fuzz/$(1)
FUZZ_COMMANDS += '$(BUILD)/fuzz/$(1) -runs=$$(FUZZ_RUNS) -seed=$$(FUZZ_SEED) -max_len=$(strip $(3)) -len_control=0 -artifact_prefix=$(BUILD)/fuzz/$(1)- $(5)'
C_SOURCES += $(2)
endef

# MODE is as for chmod, or: conf (644, not over one that is there), link (FILE is
# what it points to). PLACE is a whole path. A program is built first.
define install
INSTALL_$(1) += $(2)|$(3)|$(strip $(4))
INSTALL_FILES_$(1) += $(if $(filter link,$(2)),,$(3))
endef
PREFIX     ?= /usr/local
BINDIR     := $(PREFIX)/bin
SBINDIR    := $(PREFIX)/sbin
LIBEXECDIR := $(PREFIX)/libexec/pfkeep
LIBDIR     := $(PREFIX)/lib
SHAREDIR   := $(PREFIX)/share
