# SPDX-License-Identifier: GPL-2.0-only
# What an operator touches: libpfkeep (the logic, and what the tests link), the
# daemon, the command line and the libvirt hook over it.

L := orchestration/libpfkeep

ORCH_NAMES := $(addprefix $(L)/,bdf.c number.c problem.c vfconf.c vfname.c)

$(eval $(call unit_test,orch_names,$(L)/names_test.c $(ORCH_NAMES)))
