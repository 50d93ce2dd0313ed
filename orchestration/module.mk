# SPDX-License-Identifier: GPL-2.0-only
# What an operator touches: libpfkeep (the logic, and what the tests link), the
# daemon, the command line and the libvirt hook over it.

comma := ,
L := orchestration/libpfkeep
ORCH_TESTING := orchestration/testing/fakehost.c
ORCH_LINE    := orchestration/testing/line.c

ORCH_NAMES := $(addprefix $(L)/,bdf.c number.c problem.c vfconf.c vfname.c)
ORCH_PCI   := $(addprefix $(L)/,pci.c pcicap.c root.c)

$(eval $(call unit_test,orch_names,$(L)/names_test.c $(ORCH_NAMES)))
$(eval $(call unit_test,orch_pci,$(L)/pci_test.c $(ORCH_TESTING) $(ORCH_NAMES) $(ORCH_PCI),libpci))

ORCH_STATE := $(addprefix $(L)/,crc32c.c state.c state_line.c)

$(eval $(call unit_test,orch_state,$(L)/state_test.c $(ORCH_NAMES) $(ORCH_STATE),json-c))
# The calls that touch the disk are wrapped, to be killed in.
$(eval $(call unit_test,orch_state_crash,$(L)/state_crash_test.c $(ORCH_NAMES) $(ORCH_STATE),json-c,\
	$(addprefix -Wl$(comma)--wrap=,write fsync fdatasync ftruncate renameat unlinkat)))

ORCH_DOCTOR := $(addprefix $(L)/,doctor.c doctor_apparmor.c doctor_host.c doctor_pf.c doctor_soft.c run.c)

$(eval $(call unit_test,orch_doctor,$(L)/doctor_test.c $(ORCH_TESTING) $(ORCH_NAMES) $(ORCH_PCI) \
	$(ORCH_DOCTOR),libpci libvirt))

# Live update: what both of its halves have, and the one in the old kernel.
ORCH_LIVE := $(addprefix $(L)/,live.c live_domain.c live_domain_record.c live_json.c live_qmp.c live_record.c \
	live_report.c luo.c qmp.c vmm_args.c vmm_model.c vmm_pty.c vmm_status.c)
ORCH_NEXT := $(addprefix $(L)/,initrd.c kernelimage.c unpack.c)
ORCH_NEXT_PKGS := zlib liblzma libzstd
ORCH_LIVE_OLD := $(addprefix $(L)/,cprstate.c live_check.c live_cmdline.c live_device.c live_domain_save.c live_early.c \
	live_kind.c live_machine_devices.c live_machine_save.c live_save.c live_take.c live_update.c \
	live_vm.c) $(ORCH_NEXT) $(ORCH_LIVE)

C := orchestration/pfkeep
ORCH_DOMAIN := $(addprefix $(L)/,domain.c domain_edit.c domain_write.c uuid.c)
# Another QEMU under a running domain.
ORCH_VMM := $(addprefix $(L)/,agent.c base64.c stages.c token.c virt.c vmm_libvirtd.c vmm_old.c vmm_probe.c \
	vmm_spawn.c vmm_threads.c vmm_update.c) $(ORCH_DOMAIN)
ORCH_CLI := $(addprefix $(C)/,command.c command_adopt.c command_assign.c command_doctor.c \
	command_live.c command_pf.c command_report.c command_vf.c command_vmm.c command_watch.c daemon.c report.c \
	report_svg.c table.c) $(L)/vftable.c \
	$(L)/view.c $(L)/wire.c $(ORCH_VMM) $(ORCH_LIVE_OLD)
ORCH_CLI_PKGS := libpci libvirt libvirt-qemu json-c libxml-2.0 $(ORCH_NEXT_PKGS)

$(eval $(call program,bin/pfkeep,$(C)/main.c $(ORCH_CLI) $(ORCH_NAMES) $(ORCH_PCI) $(ORCH_DOCTOR),\
	$(ORCH_CLI_PKGS)))
$(eval $(call unit_test,orch_command,$(C)/command_test.c $(ORCH_CLI) $(ORCH_TESTING) $(ORCH_LINE) $(ORCH_NAMES) \
	$(ORCH_PCI) $(ORCH_DOCTOR),$(ORCH_CLI_PKGS)))

$(eval $(call unit_test,orch_report,$(C)/report_test.c $(ORCH_CLI) $(ORCH_NAMES) $(ORCH_PCI) $(ORCH_DOCTOR),\
	$(ORCH_CLI_PKGS)))

$(eval $(call unit_test,orch_qmp,$(L)/qmp_test.c $(L)/qmp.c $(L)/problem.c,json-c))
$(eval $(call unit_test,orch_vmm_args,$(L)/vmm_args_test.c $(L)/vmm_args.c $(ORCH_NAMES)))
$(eval $(call unit_test,orch_vmm_status,$(L)/vmm_status_test.c $(L)/vmm_status.c $(L)/root.c $(ORCH_NAMES),\
	libxml-2.0))
$(eval $(call unit_test,orch_domain,$(L)/domain_test.c $(ORCH_NAMES) $(ORCH_DOMAIN),libxml-2.0 libvirt))

$(eval $(call unit_test,orch_image,$(L)/image_test.c $(L)/image.c $(L)/problem.c,json-c))

ORCH_DRIVER := $(addprefix $(L)/,driver.c token.c)

$(eval $(call unit_test,orch_owner,$(L)/owner_test.c $(L)/owner.c $(ORCH_NAMES)))
$(eval $(call unit_test,orch_stages,$(L)/stages_test.c $(L)/stages.c $(ORCH_NAMES)))
$(eval $(call unit_test,orch_run,$(L)/run_test.c $(L)/run.c $(ORCH_NAMES)))
$(eval $(call unit_test,orch_driver,$(L)/driver_test.c $(ORCH_DRIVER) $(L)/uuid.c $(ORCH_TESTING) \
	$(ORCH_NAMES) $(L)/pci.c $(L)/root.c))

ORCH_AGENT := $(addprefix $(L)/,agent.c base64.c guest.c)
ORCH_GUEST := orchestration/testing/fakeguest.c $(ORCH_TESTING)
ORCH_BED   := orchestration/testing/bed.c $(ORCH_GUEST)

$(eval $(call unit_test,orch_agent,$(L)/agent_test.c $(ORCH_AGENT) $(ORCH_GUEST) $(ORCH_NAMES) \
	$(L)/root.c,json-c))

$(eval $(call fuzzer,orch_domain_fuzz,tests/fuzz/orch_domain_fuzz.c $(ORCH_DOMAIN) $(ORCH_NAMES),65536,\
	libxml-2.0,-dict=tests/fuzz/orch_domain.dict))
$(eval $(call fuzzer,orch_state_fuzz,tests/fuzz/orch_state_fuzz.c $(ORCH_STATE) $(ORCH_NAMES),4096,\
	json-c,-dict=tests/fuzz/orch_state.dict))

ORCH_CORE := $(addprefix $(L)/,core.c core_adopt.c core_assign.c core_claim.c core_event.c core_metadata.c \
	core_recover.c core_shown.c core_start.c core_tenant.c core_unmet.c core_upgrade.c image.c \
	owner.c record.c stages.c vfcache.c vftable.c view.c virt.c)
ORCH_ALL  := $(sort $(ORCH_NAMES) $(ORCH_PCI) $(ORCH_DOCTOR) $(ORCH_STATE) $(ORCH_DOMAIN) $(ORCH_DRIVER) \
	$(ORCH_AGENT) $(ORCH_CORE))
ORCH_PKGS := libpci libvirt libvirt-qemu json-c libxml-2.0

$(eval $(call unit_test,orch_core,$(L)/core_test.c $(ORCH_ALL) $(ORCH_BED),$(ORCH_PKGS),\
	-Wl$(comma)--wrap=virDomainGetState))
$(eval $(call unit_test,orch_start,$(L)/core_start_test.c $(ORCH_ALL) $(ORCH_BED),$(ORCH_PKGS),\
	$(addprefix -Wl$(comma)--wrap=,virDomainAttachDeviceFlags virDomainCreateXML)))
$(eval $(call unit_test,orch_upgrade,$(L)/core_upgrade_test.c $(ORCH_ALL) $(ORCH_BED),$(ORCH_PKGS),\
	-Wl$(comma)--wrap=virDomainAttachDeviceFlags))
# The calls to the outside are wrapped, to die before them.
$(eval $(call unit_test,orch_crash,$(L)/core_crash_test.c $(ORCH_ALL) $(ORCH_BED),$(ORCH_PKGS),\
	$(addprefix -Wl$(comma)--wrap=,write fsync fdatasync renameat unlinkat virDomainCreate \
	virDomainDestroy virDomainUndefineFlags virDomainDefineXMLFlags virDomainCreateXML \
	virDomainAttachDeviceFlags)))
$(eval $(call unit_test,orch_virt,$(L)/virt_test.c $(ORCH_ALL),$(ORCH_PKGS),\
	-Wl$(comma)--wrap=virDomainIsActive))
$(eval $(call unit_test,orch_refused,$(L)/core_refused_test.c $(ORCH_ALL) $(ORCH_BED),$(ORCH_PKGS)))
$(eval $(call unit_test,orch_metadata,$(L)/core_metadata_test.c $(ORCH_ALL) $(ORCH_BED),$(ORCH_PKGS)))

D := orchestration/pfkeepd
ORCH_SERVICE := $(addprefix $(D)/,events.c interface.c methods.c metrics.c service.c uevents.c) $(L)/wire.c
ORCH_WATCHER := $(addprefix $(D)/,backoff.c watcher.c)

$(eval $(call unit_test,orch_backoff,$(D)/backoff_test.c $(D)/backoff.c))
$(eval $(call unit_test,orch_service,$(D)/service_test.c $(ORCH_SERVICE) $(ORCH_ALL) $(ORCH_TESTING),\
	$(ORCH_PKGS)))

$(eval $(call unit_test,orch_vfcache,$(D)/vfcache_test.c $(D)/uevents.c $(addprefix $(L)/,vfcache.c vftable.c view.c) \
	$(ORCH_TESTING) $(ORCH_NAMES) $(ORCH_PCI) $(ORCH_DOCTOR) $(L)/driver.c,$(ORCH_PKGS)))
$(eval $(call program,bin/pfkeepd,$(D)/main.c $(D)/listener.c $(ORCH_WATCHER) $(ORCH_SERVICE) $(ORCH_ALL),\
	$(ORCH_PKGS) libsystemd,-lpthread))

H := orchestration/hook
$(eval $(call program,bin/pfkeep-hook,$(H)/main.c $(H)/hook.c $(L)/wire.c $(ORCH_ALL),$(ORCH_PKGS)))

$(eval $(call unit_test,orch_parallel,$(D)/parallel_test.c $(ORCH_WATCHER) $(ORCH_SERVICE) $(ORCH_ALL) $(ORCH_BED),\
	$(ORCH_PKGS) libsystemd,-lpthread))

# libvirt's test driver has no agents to hear of.
$(eval $(call unit_test,orch_watcher,$(D)/watcher_test.c $(ORCH_WATCHER) $(ORCH_SERVICE) $(ORCH_ALL) $(ORCH_BED),\
	$(ORCH_PKGS) libsystemd,-lpthread $(addprefix -Wl$(comma)--wrap=,virConnectDomainEventRegisterAny \
	virDomainAttachDeviceFlags)))

$(eval $(call unit_test,orch_daemon,$(sort $(D)/daemon_test.c $(H)/hook.c $(ORCH_CLI) $(ORCH_ALL) $(ORCH_TESTING) \
	$(ORCH_LINE)),\
	$(ORCH_CLI_PKGS)))
$(BUILD)/tests/orch_daemon: | $(BUILD)/bin/pfkeepd
$(eval $(call unit_test,orch_manual,$(sort $(C)/manual_test.c $(ORCH_CLI) $(ORCH_ALL)),$(ORCH_CLI_PKGS)))

O := orchestration
$(eval $(call install,pfkeep,755,$(BUILD)/bin/pfkeep,$(BINDIR)/pfkeep))
$(eval $(call install,pfkeep,755,$(BUILD)/bin/pfkeepd,$(SBINDIR)/pfkeepd))
# In sbin and not among libvirt's files: there AppArmor lets libvirtd start it.
$(eval $(call install,pfkeep,755,$(BUILD)/bin/pfkeep-hook,$(SBINDIR)/pfkeep-hook))
$(eval $(call install,pfkeep,link,$(SBINDIR)/pfkeep-hook,/etc/libvirt/hooks/qemu.d/pfkeep))
$(eval $(call install,pfkeep,conf,$(O)/systemd/pfkeepd.conf,/etc/pfkeep/pfkeepd.conf))
$(eval $(call install,pfkeep,644,$(O)/systemd/pfkeepd.service,$(LIBDIR)/systemd/system/pfkeepd.service))
$(eval $(call install,pfkeep,644,$(O)/systemd/modules-load.conf,$(LIBDIR)/modules-load.d/pfkeep.conf))
# Among what each domain's profile includes; see doctor_apparmor.c.
$(eval $(call install,pfkeep,conf,$(O)/apparmor/libvirt-qemu,/etc/apparmor.d/abstractions/libvirt-qemu.d/pfkeep))
$(eval $(call install,pfkeep,644,$(O)/completion/pfkeep.bash,$(SHAREDIR)/bash-completion/completions/pfkeep))
$(eval $(call install,pfkeep,644,$(O)/man/pfkeep.1,$(SHAREDIR)/man/man1/pfkeep.1))
$(eval $(call install,pfkeep,644,$(O)/man/pfkeep-domain.7,$(SHAREDIR)/man/man7/pfkeep-domain.7))
$(eval $(call install,pfkeep,644,$(O)/man/pfkeepd.8,$(SHAREDIR)/man/man8/pfkeepd.8))

# 10,000 VFs of 100 PFs: some seconds, no root.
$(eval $(call program,bench/orch_scale,$(sort tests/bench/orch_scale.c $(ORCH_CLI) $(ORCH_SERVICE) $(ORCH_ALL) \
	$(ORCH_TESTING)),\
	$(ORCH_CLI_PKGS),-lcmocka -lpthread))

# Between QEMU's end and the jump, and after it. The first may be all that is left of a system.
$(eval $(call program,bin/pfkeep-carry,$(O)/carry/main.c,,-static))
$(eval $(call program,bin/pfkeep-restore,$(sort $(O)/restore/main.c $(L)/live_boot.c $(L)/live_domain_restore.c \
	$(L)/live_machine_note.c $(L)/live_restore.c $(L)/run.c $(ORCH_LIVE) $(L)/stages.c $(L)/pci.c $(L)/root.c \
	$(L)/token.c $(L)/uuid.c $(L)/vmm_threads.c $(ORCH_NAMES)),json-c libxml-2.0))
ORCH_MACHINE := $(addprefix $(L)/,live_json.c live_machine.c live_machine_devices.c live_machine_group.c live_machine_save.c \
	root.c uuid.c) $(ORCH_NAMES)

# When D-Bus is there, before libvirtd.
$(eval $(call program,bin/pfkeep-settle,$(O)/settle/main.c $(L)/live_machine_register.c $(ORCH_MACHINE),json-c libsystemd))
$(eval $(call unit_test,orch_live_machine,$(sort $(L)/live_machine_test.c $(L)/vmm_threads.c \
	$(ORCH_MACHINE) $(ORCH_LIVE) $(ORCH_TESTING)),json-c libxml-2.0,\
	-Wl$(comma)--wrap=live_machine_devices_save))
$(eval $(call install,pfkeep,755,$(BUILD)/bin/pfkeep-settle,$(SBINDIR)/pfkeep-settle))
$(eval $(call install,pfkeep,644,$(O)/systemd/pfkeep-settle.service,$(LIBDIR)/systemd/system/pfkeep-settle.service))
$(eval $(call install,pfkeep,755,$(BUILD)/bin/pfkeep-carry,$(SBINDIR)/pfkeep-carry))
$(eval $(call install,pfkeep,755,$(BUILD)/bin/pfkeep-restore,$(SBINDIR)/pfkeep-restore))
$(eval $(call install,pfkeep,644,$(O)/systemd/pfkeep-restore.service,$(LIBDIR)/systemd/system/pfkeep-restore.service))
$(eval $(call install,pfkeep,755,$(O)/initramfs/pfkeep-restore,$(SHAREDIR)/initramfs-tools/scripts/local-bottom/pfkeep-restore))

$(eval $(call unit_test,orch_kernelimage,$(L)/kernelimage_test.c $(ORCH_NEXT) $(L)/root.c $(ORCH_NAMES),\
	$(ORCH_NEXT_PKGS)))
$(eval $(call unit_test,orch_live_check,$(L)/live_check_test.c $(addprefix $(L)/,live_cmdline.c live_device.c live_early.c root.c) \
	$(ORCH_TESTING) $(ORCH_NAMES),json-c))
$(eval $(call fuzzer,orch_kernelimage_fuzz,tests/fuzz/orch_kernelimage_fuzz.c $(ORCH_NEXT) $(L)/root.c $(ORCH_NAMES),\
	4096,$(ORCH_NEXT_PKGS),-dict=tests/fuzz/orch_kernelimage.dict))
$(eval $(call unit_test,orch_cprstate,$(L)/cprstate_test.c $(L)/cprstate.c $(L)/problem.c))
$(eval $(call unit_test,orch_live_take,$(L)/live_take_test.c $(L)/live_take.c $(L)/live_kind.c $(L)/cprstate.c \
	$(ORCH_LIVE) $(L)/uuid.c $(L)/stages.c $(L)/root.c $(ORCH_NAMES),json-c libxml-2.0))
$(eval $(call unit_test,orch_live,$(L)/live_test.c $(L)/live_boot.c $(L)/live_vm.c $(ORCH_LIVE) $(L)/uuid.c \
	$(L)/stages.c $(ORCH_TESTING) $(ORCH_NAMES) $(L)/root.c,json-c libxml-2.0))
