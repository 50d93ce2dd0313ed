# SPDX-License-Identifier: GPL-2.0-only
# Each scenario is a cmocka program of its own; check-lab runs them one after
# another, each in labs that it starts and ends itself.
HARNESS   := $(wildcard tests/lab/harness/*.c) orchestration/libpfkeep/base64.c
# Events and verdicts of a lab, in labctl's own terms.
LAB_CLIENT := $(addprefix tests/lab/lib/,client.c consoles.c guest_verdict.c guest_xml.c guests.c \
	jsonline.c rundir.c session.c session_exec.c session_file.c signature.c spec.c) \
	tests/lab/agent/proto.c
SCENARIOS := $(basename $(notdir $(wildcard tests/lab/scenarios/*.c)))

$(foreach s,$(SCENARIOS),$(eval $(call program,lab/scenarios/$(s),tests/lab/scenarios/$(s).c \
	$(HARNESS) $(LAB_CLIENT),json-c,-lcmocka)))

# Not in each check: too long, or not yet seen to pass.
LONG_SCENARIOS := bad_domain_xml cpr_keeps_vfs host_driver_reload_takes_vfs host_reboot \
	libvirtd_restart live_update live_update_libvirt operator_story parallel_starts_on_two_pfs \
	parallel_tenants pf_image_boots_as_pf_vm pf_vm_death_on_nvme_and_virtio \
	pf_vm_death_spares_vfs pf_vm_dies_by_itself \
	pf_vm_is_killed_while_it_starts pf_vm_that_cant_serve pf_vm_upgrade \
	pf_in_vm_is_as_fast tenant_life tenant_traffic token_required vfs_from_guest vmm_update

SCENARIO ?= $(filter-out $(LONG_SCENARIOS),$(SCENARIOS))
# What a lab runs on; built or found in the cache.
LAB_PRODUCTS := toolroot emulator image host-pfkeep host-stock payload module-pfkeep qemu pf-image

CHECK_LAST += lab
.PHONY: check-lab lab-ready

lab-ready: $(addprefix $(BUILD)/lab/,products labctl labd lab-agent pfkeep.deb guest-exec qmp-do \
		vfio_sriov_client guest/tsc guest/floor.cpio liveupdate/lu-client liveupdate/lu.cpio liveupdate/restore.cpio)
	$(Q)$(BUILD)/lab/products build $(LAB_PRODUCTS)

## check-lab: the scenarios in the emulated lab (root), or one by SCENARIO=name
check-lab: $(BUILD)/tests/run $(addprefix $(BUILD)/lab/scenarios/,$(SCENARIO)) lab-ready
	$(Q)$(RUN) --title lab --timeout 900 $(RUN_TALLY) -- \
		$(addprefix $(BUILD)/lab/scenarios/,$(SCENARIO))

# The main job, then what is lost without pfkeep, then what isn't with it.
DEMO_SCENARIOS := operator_story host_owned_pf_baseline stock_pf_in_vm_has_no_sriov stock_kexec_loses_vfs \
	bare_kexec_floor live_update_libvirt

.PHONY: demo
## demo: set everything up, then the operator's story, what a kexec costs today, and a live update (root)
demo:
	$(Q)tests/lab/products/bootstrap.sh
	$(Q)$(MAKE) --no-print-directory check-lab SCENARIO='$(DEMO_SCENARIOS)'
	$(Q)$(MAKE) --no-print-directory $(BUILD)/bench/table
	$(Q)$(BUILD)/bench/table

# Campaigns of qemu-sriov-cap; docs/qemu-sriov-cap.md says what each proves.
SOAK += vfs-from-guest hostile-guest qemu-matrix cpr qemu-bisect live-update

MATRIX = '$(1): $(2)=env VFS_PF=$(1) VFS_VM="$(2)" VFS_CYCLES=$(or $(COUNT),5) \
	$(BUILD)/lab/scenarios/vfs_from_guest'

## soak-vfs-from-guest: COUNT (200) cycles of VFs made and removed, on each kind of PF
soak-vfs-from-guest: $(BUILD)/tests/run $(BUILD)/lab/scenarios/vfs_from_guest lab-ready
	$(Q)VFS_CYCLES=$(or $(COUNT),200) $(RUN) --title vfs-from-guest $(RUN_TALLY) --follow \
		--timeout 14400 -- $(BUILD)/lab/scenarios/vfs_from_guest

## soak-hostile-guest: a PF VM attacks for COUNT (30) rounds of 20 s
soak-hostile-guest: $(BUILD)/tests/run $(BUILD)/lab/scenarios/tenant_traffic lab-ready
	$(Q)HOSTILE_ROUNDS=$(or $(COUNT),30) $(RUN) --title hostile-guest $(RUN_TALLY) --follow \
		--timeout 14400 -- $(BUILD)/lab/scenarios/tenant_traffic

## soak-qemu-matrix: PF VMs with 4 CPUs, under TCG, behind a switch, by iommufd
soak-qemu-matrix: $(BUILD)/tests/run $(BUILD)/lab/scenarios/vfs_from_guest lab-ready
	$(Q)$(RUN) --title qemu-matrix $(RUN_TALLY) --plain --follow --timeout 3600 -- \
		$(call MATRIX,igb,4cpus) $(call MATRIX,igb,tcg) $(call MATRIX,igb,switch) \
		$(call MATRIX,nvme,iommufd) $(call MATRIX,nvme,iommufd switch 4cpus) \
		$(call MATRIX,virtio-net,iommufd)

## soak-cpr: QEMU replaced under PF VM and tenant, COUNT (5) rounds
soak-cpr: $(BUILD)/tests/run $(BUILD)/lab/scenarios/cpr_keeps_vfs lab-ready
	$(Q)CPR_ROUNDS=$(or $(COUNT),5) $(RUN) --title cpr $(RUN_TALLY) --follow --timeout 7200 -- \
		$(BUILD)/lab/scenarios/cpr_keeps_vfs

## soak-live-update: COUNT (10) live updates in a row from the initramfs, after one from init
soak-live-update: $(BUILD)/tests/run $(BUILD)/lab/scenarios/live_update lab-ready
	$(Q)LU_ROUNDS=$(or $(COUNT),10) $(RUN) --title live-update $(RUN_TALLY) --follow --timeout 7200 \
		-- $(BUILD)/lab/scenarios/live_update

# A campaign of orchestration.
SOAK += vmm-update

## soak-vmm-update: PF VM and tenant get another QEMU, COUNT (50) rounds under traffic
soak-vmm-update: $(BUILD)/tests/run $(BUILD)/lab/scenarios/vmm_update lab-ready
	$(Q)VMM_ROUNDS=$(or $(COUNT),50) $(RUN) --title vmm-update $(RUN_TALLY) --follow \
		--timeout 14400 -- $(BUILD)/lab/scenarios/vmm_update

## soak-qemu-bisect: each patch for QEMU builds alone; checkpatch
soak-qemu-bisect: $(BUILD)/tests/run $(BUILD)/lab/products
	$(Q)$(RUN) --title qemu-bisect $(RUN_TALLY) --plain --follow --timeout 7200 -- \
		'each patch=$(BUILD)/lab/products build qemu-each-patch'

# Of orchestration; docs/orchestration.md says what it proves.
SOAK += parallel

## soak-parallel: 32 tenants of two PFs start and stop COUNT (2) times, all at once
soak-parallel: $(BUILD)/tests/run $(BUILD)/lab/scenarios/parallel_starts_on_two_pfs lab-ready
	$(Q)PARALLEL_ROUNDS=$(or $(COUNT),2) $(RUN) --title parallel $(RUN_TALLY) --follow \
		--timeout 14400 -- $(BUILD)/lab/scenarios/parallel_starts_on_two_pfs
