// SPDX-License-Identifier: GPL-2.0-only
/* Checks of the machine and its kernel. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/doctor_priv.h"
#include "pfkeep/cleanup.h"

/* VMs that can be handed over have shared memory: the size of its pages. */
#define SHMEM "sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define KERNEL_OPTION(what) \
	"add " what " to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot"
#define PROC_FILE_MAX (4u << 20)

/* Entries of a directory, "." and ".." apart; 0 if it can't be read. */
static size_t count_entries(const struct root *root, const char *path)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	struct dirent *entry;
	size_t n = 0;

	if (root_opendir(root, path, &dir))
		return 0;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	return n;
}

/* Is the word, alone or as word=..., on the kernel's command line? */
static bool booted_with(const struct root *root, const char *word)
{
	char cmdline[ROOT_ATTR], *rest = cmdline, *part;

	if (root_read(root, "proc/cmdline", cmdline, sizeof(cmdline)))
		return false;
	while ((part = strsep(&rest, " ")))
		if (!strcmp(part, word))
			return true;
	return false;
}

void doctor_iommu(struct doctor *d)
{
	size_t n = count_entries(d->root, "sys/kernel/iommu_groups");

	if (n) {
		doctor_found(d, DOCTOR_OK, NULL, "the IOMMU is on, with %zu groups", n);
		return;
	}
	if (booted_with(d->root, "intel_iommu=off") || booted_with(d->root, "amd_iommu=off") ||
	    booted_with(d->root, "iommu=off"))
		doctor_found(d, DOCTOR_BLOCKER,
			     "take iommu=off out of /etc/default/grub, then: update-grub && reboot",
			     "the IOMMU is switched off on the kernel's command line");
	else if (count_entries(d->root, "sys/class/iommu"))
		doctor_found(d, DOCTOR_BLOCKER, KERNEL_OPTION("intel_iommu=on"),
			     "there is an IOMMU, but no device is behind it");
	else
		doctor_found(d, DOCTOR_BLOCKER,
			     "switch VT-d or AMD-Vi on in the firmware; on Intel also boot with "
			     "intel_iommu=on",
			     "no IOMMU: devices can't be given to VMs");
}

/*
 * Interrupt chips are named in /proc/interrupts: with remapping on, x86 shows
 * IR-IO-APIC, IR-PCI-MSI and the like.
 */
void doctor_remapping(struct doctor *d)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char unsafe[8] = "N";

	if (root_slurp(d->root, "proc/interrupts", PROC_FILE_MAX, &text)) {
		doctor_found(d, DOCTOR_WARNING, NULL, "/proc/interrupts can't be read");
		return;
	}
	root_read(d->root, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", unsafe,
		  sizeof(unsafe));
	if (*unsafe == 'Y')
		doctor_found(
			d, DOCTOR_WARNING,
			"rm the allow_unsafe_interrupts option from /etc/modprobe.d/, then reboot",
			"vfio allows unsafe interrupts: a tenant's device can raise any interrupt");
	if (!strstr(text, "IO-APIC") || strstr(text, "IR-"))
		doctor_found(d, DOCTOR_OK, NULL, "interrupts are remapped");
	else
		doctor_found(d, DOCTOR_BLOCKER,
			     "switch interrupt remapping (VT-d, x2APIC) on in the firmware; boot "
			     "without intremap=off",
			     "interrupts aren't remapped: VFIO refuses devices");
}

/* The file alone says nothing: systemd makes it at boot, for whoever opens it to load KVM. */
void doctor_kvm(struct doctor *d)
{
	if (!root_exists(d->root, "sys/class/misc/kvm"))
		doctor_found(d, DOCTOR_BLOCKER, "modprobe kvm_intel || modprobe kvm_amd",
			     "no KVM: virtualisation is off in the firmware or the module isn't "
			     "loaded");
	else if (!root_exists(d->root, "dev/kvm"))
		doctor_found(d, DOCTOR_BLOCKER, "udevadm trigger --name-match=kvm",
			     "KVM is loaded, but there is no /dev/kvm");
	else
		doctor_found(d, DOCTOR_OK, NULL, "KVM is there");
}

/* Pid of the daemon that starts QEMU, 0 if none runs. */
static uint64_t libvirt_pid(const struct root *root)
{
	uint64_t pid = 0;

	if (root_read_number(root, "run/virtqemud.pid", INT32_MAX, &pid))
		root_read_number(root, "run/libvirtd.pid", INT32_MAX, &pid);
	return pid;
}

/* A hexadecimal or other field of /proc/PID/status. */
static bool status_field(const struct root *root, uint64_t pid, const char *field, char *ret_value,
			 size_t size)
{
	char path[64], text[ROOT_ATTR], *at;

	snprintf(path, sizeof(path), "proc/%" PRIu64 "/status", pid);
	if (root_read(root, path, text, sizeof(text)))
		return false;
	at = strstr(text, field);
	if (!at)
		return false;
	at += strlen(field);
	at += strspn(at, " \t");
	snprintf(ret_value, size, "%.*s", (int)strcspn(at, "\n"), at);
	return true;
}

#define CAP_SYS_RESOURCE_BIT 24

/*
 * A VM with a VFIO device has all of its memory locked. libvirt raises the
 * limit of the QEMU that it starts, which takes CAP_SYS_RESOURCE.
 */
void doctor_memlock(struct doctor *d)
{
	uint64_t pid = libvirt_pid(d->root), limit;
	char caps[32];

	if (!root_read_number(d->root, "sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
			      UINT32_MAX, &limit) &&
	    limit < 65535)
		doctor_found(d, DOCTOR_WARNING,
			     "echo 65535 > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
			     "vfio allows only %" PRIu64 " mappings a VM", limit);
	if (!pid) {
		doctor_found(d, DOCTOR_WARNING, NULL,
			     "libvirt's daemon doesn't run, its right to lock memory isn't known");
		return;
	}
	if (status_field(d->root, pid, "CapEff:", caps, sizeof(caps)) &&
	    strtoull(caps, NULL, 16) >> CAP_SYS_RESOURCE_BIT & 1)
		doctor_found(d, DOCTOR_OK, NULL, "libvirt may lock the memory of VMs");
	else
		doctor_found(
			d, DOCTOR_BLOCKER,
			"systemctl edit libvirtd (or virtqemud): [Service] CapabilityBoundingSet "
			"with CAP_SYS_RESOURCE",
			"libvirt's daemon (process %" PRIu64
			") has no CAP_SYS_RESOURCE: it can't raise a VM's limit of locked memory",
			pid);
}

void doctor_kexec(struct doctor *d)
{
	uint64_t disabled = 0;

	if (!root_exists(d->root, "sys/kernel/kexec_loaded")) {
		doctor_found(d, DOCTOR_WARNING, "boot a kernel with CONFIG_KEXEC_FILE=y",
			     "this kernel has no kexec: no live update");
		return;
	}
	root_read_number(d->root, "proc/sys/kernel/kexec_load_disabled", 1, &disabled);
	if (disabled)
		doctor_found(d, DOCTOR_WARNING,
			     "take kernel.kexec_load_disabled out of /etc/sysctl.d/, then reboot",
			     "loading a kernel is disabled until the next boot: no live update");
	else
		doctor_found(d, DOCTOR_OK, NULL, "kexec can load a kernel");
}

/*
 * What is handed over page by page takes the longer the smaller the pages are. "advise" is
 * not enough: iommufd takes the pages from the file, not from the mapping with the advice.
 */
static bool has_large_pages(const struct doctor *d)
{
	char text[128];

	return root_read(d->root, SHMEM, text, sizeof(text)) || strstr(text, "[always]") ||
	       strstr(text, "[within_size]") || strstr(text, "[force]");
}

void doctor_luo(struct doctor *d)
{
	if (root_exists(d->root, "dev/liveupdate") && has_large_pages(d))
		doctor_found(d, DOCTOR_OK, NULL, "the kernel can carry devices and memory over");
	else if (root_exists(d->root, "dev/liveupdate"))
		doctor_found(d, DOCTOR_WARNING,
			     "echo within_size >/" SHMEM
			     ", and " KERNEL_OPTION("transparent_hugepage_shmem=within_size"),
			     "VMs' memory is in pages of 4 KiB: a live update is seconds longer by "
			     "the GiB");
	else if (root_exists(d->root, "sys/kernel/debug/kho") || booted_with(d->root, "kho=on"))
		doctor_found(
			d, DOCTOR_WARNING, KERNEL_OPTION("liveupdate=on"),
			"kexec handover is on, the live update orchestrator isn't: no live update");
	else
		doctor_found(
			d, DOCTOR_WARNING, KERNEL_OPTION("kho=on liveupdate=on"),
			"no /dev/liveupdate: no live update with this kernel as it was booted");
}
