// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pf-vm-image/recipe.h"

const char *const recipe_packages[] = {
	"systemd",  "udev",	"kmod", "qemu-guest-agent", "ethtool", "iproute2",
	"nvme-cli", "pciutils", NULL,
};

/*
 * What only installing and logging in need. dpkg itself goes last; its status
 * file stays: it is what inspect reads.
 */
const char *const recipe_purged[] = {
	"bash",		  "bsdutils",
	"debconf",	  "debian-archive-keyring",
	"diffutils",	  "e2fsprogs",
	"findutils",	  "gzip",
	"hostname",	  "init-system-helpers",
	"login",	  "login.defs",
	"logsave",	  "mawk",
	"ncurses-base",	  "ncurses-bin",
	"passwd",	  "openssl-provider-legacy",
	"perl-base",	  "sqv",
	"sysvinit-utils", "tar",
	"tzdata",	  "util-linux",
	"dpkg",		  NULL,
};

const char *const recipe_excluded[] = {
	"/usr/share/bash-completion/*",
	"/usr/share/bug/*",
	"/usr/share/common-licenses/*",
	"/usr/share/doc/*",
	"/usr/share/gcc/*",
	"/usr/share/i18n/*",
	"/usr/share/info/*",
	"/usr/share/lintian/*",
	"/usr/share/locale/*",
	"/usr/share/man/*",
	"/usr/share/zoneinfo/*",
	"/usr/share/zsh/*",
	"/usr/lib/systemd/catalog/*",
	"/usr/lib/udev/hwdb.d/*",
	"/usr/lib/*/gconv/*",
	"/usr/lib/*/libmvec.so*",
	"/usr/lib/systemd/systemd-logind*",
	"/usr/lib/systemd/systemd-networkd*",
	NULL,
};

/* pci-stub holds the VFs: their own drivers never bind in the PF VM. */
const char *const recipe_drivers[] = {
	"igb",	"ixgbe", "i40e",       "ice",	     "bnxt_en",	   "mlx5_core", "nfp",
	"qede", "nvme",	 "virtio_net", "virtio_rng", "virtio_blk", "pci_stub",	NULL,
};

const char *const recipe_initrd_modules[] = { "virtio_blk", "squashfs", "overlay", NULL };

/*
 * no_timer_check: without KVM on a loaded host the check fails now and then.
 * panic=-1: whoever runs the VM sees a reset, not a hang.
 */
const char recipe_cmdline[] = "console=ttyS0 quiet no_timer_check panic=-1 net.ifnames=0 "
			      "random.trust_cpu=1 systemd.show_status=0 systemd.gpt_auto=0";

static const char *const udev_rules_kept[] = {
	"50-udev-default.rules",
	"60-qemu-guest-agent.rules",
	"80-drivers.rules",
	"99-systemd.rules",
	NULL,
};

static const char *const nothing_kept[] = { NULL };

static const struct {
	const char *dir;
	const char *const *kept;
} pruned[] = {
	{ "/usr/lib/udev/rules.d", udev_rules_kept },
	{ "/usr/lib/systemd/system-generators", nothing_kept },
	/* Before ours are written: what packages switched on for machines of all kinds. */
	{ "/etc/systemd/system", nothing_kept },
	{ "/var/cache", nothing_kept },
	{ "/var/log", nothing_kept },
	{ "/var/lib/apt", nothing_kept },
	{ "/var/lib/dpkg/info", nothing_kept },
};

/* Written by maintainer scripts, dated or large, and not needed to run. */
static const char *const removed[] = {
	"/etc/apt",
	"/etc/cron.daily",
	"/etc/fstab",
	"/etc/hostname",
	"/etc/machine-id",
	"/etc/nvme/hostid",
	"/etc/nvme/hostnqn",
	"/etc/.pwd.lock",
	"/etc/passwd-",
	"/etc/group-",
	"/etc/shadow-",
	"/etc/gshadow-",
	"/etc/resolv.conf",
	"/usr/lib/udev/hwdb.bin",
	"/var/lib/dbus",
	"/var/lib/dpkg/status-old",
	"/var/lib/dpkg/available-old",
	"/var/lib/systemd/catalog",
	"/var/lib/pam",
};

#define UNIT_DIR "/etc/systemd/system/"

static const char pf_vm_target[] =
	"[Unit]\n"
	"Description=PF VM\n"
	"DefaultDependencies=no\n"
	"Wants=systemd-journald.service systemd-udevd.service systemd-udev-trigger.service\n"
	"Wants=pf-vm-boot.service\n"
	"AllowIsolate=yes\n";

/* Nothing that the host's side of the PF VM doesn't use. */
static const char agent_conf[] =
	"[general]\n"
	"allow-rpcs=guest-sync,guest-sync-delimited,guest-ping,guest-info,guest-get-osinfo,"
	"guest-exec,guest-exec-status,guest-file-open,guest-file-close,guest-file-read,"
	"guest-file-write,guest-file-flush,guest-network-get-interfaces,guest-shutdown\n";

/* udev starts it when its port is there; it waits for nothing else. */
static const char agent_unit[] = "[Unit]\n"
				 "Description=Agent: the way into the PF VM\n"
				 "DefaultDependencies=no\n"
				 "BindsTo=dev-virtio\\x2dports-org.qemu.guest_agent.0.device\n"
				 "After=dev-virtio\\x2dports-org.qemu.guest_agent.0.device\n"
				 "\n"
				 "[Service]\n"
				 "ExecStart=/usr/sbin/qemu-ga --method=virtio-serial"
				 " --path=/dev/virtio-ports/org.qemu.guest_agent.0\n"
				 "Restart=always\n"
				 "RestartSec=100ms\n";

static const char boot_unit[] =
	"[Unit]\n"
	"Description=Scripts added to the image\n"
	"DefaultDependencies=no\n"
	"ConditionDirectoryNotEmpty=" RECIPE_BOOT_DIR "\n"
	"After=systemd-udev-trigger.service\n"
	"\n"
	"[Service]\n"
	"Type=oneshot\n"
	"RemainAfterExit=yes\n"
	"ExecStart=/bin/sh -ec 'for s in " RECIPE_BOOT_DIR "/*; do \"$$s\"; done'\n";

/*
 * A PF is ready when its driver is bound: built-in drivers are before udev
 * starts (seen at "add"), modules later ("bind"). VFs get no driver of their
 * own: autoprobe is off before they exist, and pci-stub takes them by name. The
 * kernel links a VF to its PF after "add" and says "change" then.
 */
static const char pci_rules[] =
	"SUBSYSTEM!=\"pci\", GOTO=\"pf_vm_end\"\n"
	"TEST==\"physfn\", GOTO=\"pf_vm_vf\"\n"
	"ACTION!=\"add|bind\", GOTO=\"pf_vm_end\"\n"
	"DRIVER!=\"?*\", GOTO=\"pf_vm_end\"\n"
	"TEST!=\"sriov_numvfs\", GOTO=\"pf_vm_end\"\n"
	"ATTR{sriov_numvfs}!=\"0\", GOTO=\"pf_vm_end\"\n"
	"ATTR{sriov_drivers_autoprobe}=\"0\"\n"
	"IMPORT{cmdline}=\"pf_vm.vfs\"\n"
	"ENV{pf_vm.vfs}!=\"?*\", ENV{pf_vm.vfs}=\"$env{PF_VM_VFS}\"\n"
	"ENV{pf_vm.vfs}==\"[1-9]*\", ATTR{sriov_numvfs}=\"$env{pf_vm.vfs}\"\n"
	"GOTO=\"pf_vm_end\"\n"
	"LABEL=\"pf_vm_vf\"\n"
	"ACTION==\"add|change\", DRIVER!=\"pci-stub\", ATTR{driver_override}=\"pci-stub\", "
	"RUN{builtin}+=\"kmod load "
	"pci-stub\", "
	"RUN+=\"/bin/sh -c 'echo $kernel >/sys/bus/pci/drivers_probe'\"\n"
	"LABEL=\"pf_vm_end\"\n";

/*
 * Coldplug of what a PF VM has a use for, the agent's port first: the hundreds of
 * other devices (ttys, CPUs, ACPI) would only take its time.
 */
static const char trigger_conf[] =
	"[Service]\n"
	"ExecStart=\n"
	"ExecStart=-udevadm trigger --action=add --subsystem-match=virtio-ports\n"
	"ExecStart=-udevadm trigger --action=add --subsystem-match=pci --subsystem-match=virtio "
	"--subsystem-match=net --subsystem-match=nvme --subsystem-match=block\n";

static const char journald_conf[] = "[Journal]\n"
				    "Storage=volatile\n"
				    "RuntimeMaxUse=4M\n"
				    "MaxLevelConsole=warning\n";

static const char systemd_conf[] = "[Manager]\n"
				   "ShowStatus=no\n"
				   "DefaultTimeoutStopSec=5s\n"
				   "LogLevel=notice\n";

static const struct {
	const char *path;
	const char *text;
} written[] = {
	{ "/etc/hostname", "pf-vm\n" },
	{ "/etc/machine-id", "" },
	{ "/etc/fstab", "" },
	{ "/etc/qemu/qemu-ga.conf", agent_conf },
	{ "/etc/udev/rules.d/60-pf-vm.rules", pci_rules },
	{ "/etc/systemd/journald.conf.d/pf-vm.conf", journald_conf },
	{ "/etc/systemd/system.conf.d/pf-vm.conf", systemd_conf },
	{ UNIT_DIR "pf-vm.target", pf_vm_target },
	{ UNIT_DIR "pf-vm-boot.service", boot_unit },
	{ UNIT_DIR "qemu-guest-agent.service", agent_unit },
	{ UNIT_DIR "systemd-udev-trigger.service.d/pf-vm.conf", trigger_conf },
};

/* The agent shuts down with /sbin/shutdown, which is systemctl by another name. */
static const struct {
	const char *path;
	const char *target;
} links[] = {
	{ "/usr/sbin/shutdown", "../bin/systemctl" },
	{ UNIT_DIR "default.target", "pf-vm.target" },
};

static int drop_setuid(struct edit *e, const struct tree *root)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < root->n; i++) {
		const struct tree_entry *t = &root->entries[i];

		if (t->type == 'f' && (t->mode & (S_ISUID | S_ISGID)))
			ret = edit_chmod(e, t->path, t->mode & 0777);
	}
	return ret;
}

int recipe_set_vfs(struct edit *e, unsigned int vfs)
{
	char text[64];

	snprintf(text, sizeof(text), "SUBSYSTEM==\"pci\", ENV{PF_VM_VFS}=\"%u\"\n", vfs);
	return edit_write(e, RECIPE_VFS_RULES, 0644, text, strlen(text));
}

int recipe_apply(struct edit *e, const struct tree *root)
{
	int ret = drop_setuid(e, root);

	for (size_t i = 0; !ret && i < sizeof(pruned) / sizeof(pruned[0]); i++)
		if (tree_find(root, pruned[i].dir))
			ret = edit_keep_only(e, pruned[i].dir, pruned[i].kept);
	for (size_t i = 0; !ret && i < sizeof(removed) / sizeof(removed[0]); i++)
		ret = edit_remove(e, removed[i]);
	for (size_t i = 0; !ret && i < sizeof(written) / sizeof(written[0]); i++)
		ret = edit_write(e, written[i].path, 0644, written[i].text,
				 strlen(written[i].text));
	for (size_t i = 0; !ret && i < sizeof(links) / sizeof(links[0]); i++)
		ret = edit_symlink(e, links[i].target, links[i].path);
	return ret ?: edit_mkdir(e, RECIPE_BOOT_DIR);
}
