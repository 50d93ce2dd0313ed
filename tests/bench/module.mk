# SPDX-License-Identifier: GPL-2.0-only
# Figures come from scenarios, which save them under build/bench/ as they run.
$(eval $(call program,bench/table,tests/bench/table.c,json-c))

BENCH_SCENARIOS := bare_kexec_floor host_owned_pf_baseline stock_kexec_loses_vfs vfio_config_cost

.PHONY: bench
## bench: run what measures, and print the figures as a table (root)
bench: $(addprefix $(BUILD)/bench/,orch_scale table vfio_config_bench)
	$(Q)$(BUILD)/bench/orch_scale
	$(Q)$(MAKE) --no-print-directory check-lab SCENARIO='$(BENCH_SCENARIOS)'
	$(Q)$(BUILD)/bench/table
