// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/pfkeep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"

#define IMAGE_DISK "/dev/disk/by-id/virtio-pf-image"
#define CONFIG	   "/etc/pfkeep/pfkeepd.conf"
#define MODULE	   "/var/lib/vfio-pci-sriov.ko"
#define PACKAGE	   "/run/pfkeep.deb"
#define ADOPT_S	   420 /* pfkeepd itself gives a PF VM 300 s to boot */
#define SERVES_S   180
#define OWNERS_S   300 /* each domain is asked for its XML */

/* modprobe finds it, as if DKMS had installed it: the kernel's own modules are read-only. */
static void install_module(struct lab *lab)
{
	char *path = sriov_product("module-pfkeep", "vfio-pci-sriov.ko");

	free(lab_ctl(lab, 60, "push", path, MODULE, NULL));
	free(path);
	free(lab_run(lab, 60,
		     "echo 'install vfio-pci-sriov modprobe -a vfio-pci vfio_iommu_type1 iommufd; "
		     "[ -e /sys/module/vfio_pci_sriov ] || insmod " MODULE "' "
		     ">/etc/modprobe.d/pfkeep-lab.conf"));
}

/* The image's disk is in fstab, so that it is there again after a boot. */
void pfkeep_install(struct lab *lab)
{
	install_module(lab);
	free(lab_ctl(lab, 60, "push", "build/lab/pfkeep.deb", PACKAGE, NULL));
	free(lab_run(
		lab, 300,
		"dpkg --force-unsafe-io -i " PACKAGE " >&2\n"
		"mkdir -p " PFKEEP_IMAGE "\n"
		"if [ -e " IMAGE_DISK " ] && ! mountpoint -q " PFKEEP_IMAGE "; then\n"
		"  echo '" IMAGE_DISK " " PFKEEP_IMAGE " ext4 ro,nofail 0 0' >>/etc/fstab\n"
		"  mount " PFKEEP_IMAGE "\n"
		"fi\n"
		"systemctl is-active pfkeepd >&2 || { journalctl -b -u pfkeepd --no-pager >&2; "
		"exit 1; }\n"
		"[ -e /sys/module/vfio_pci_sriov ]"));
}

char *pfkeep_adopt(struct lab *lab, enum pf_kind kind, const char *options)
{
	static const char *const drivers[] = {
		[PF_IGB] = "igb", [PF_NVME] = "nvme", [PF_VIRTIO_NET] = "virtio_net"
	};
	char *pf = pf_find(lab, kind);

	free(lab_run(lab, ADOPT_S,
		     "for dom in $(virsh -q list --all --name | grep -v ^pfkeep-); do\n"
		     "  virsh -q destroy $dom >&2 || :\n"
		     "  virsh -q undefine $dom >&2 || :\n"
		     "done\n"
		     "if ! pfkeep pf show %s | grep -q '^driver  *vfio-pci-sriov$'; then\n"
		     "  modprobe %s; udevadm settle; pfkeep pf adopt %s %s\n"
		     "fi",
		     pf, drivers[kind], options, pf));
	return pf;
}

char *pfkeep_adopted(struct lab *lab)
{
	pfkeep_install(lab);
	return pfkeep_adopt(lab, PF_IGB, "");
}

char *pfkeep_pf_vm(struct lab *lab)
{
	char *text = lab_run(lab, 60, "echo VM $(virsh -q list --name | grep ^pfkeep-)");
	char *name = lab_field(text, "VM ");

	free(text);
	assert_non_null(name);
	return name;
}

void pfkeep_options(struct lab *lab, const char *options)
{
	free(lab_run(lab, 120, "echo 'PFKEEPD_OPTIONS=%s' >" CONFIG "; systemctl restart pfkeepd",
		     options));
}

static char *vformat(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		fail_msg("no memory");
	return text;
}

char *pfkeep_fails(struct lab *lab, unsigned int timeout_s, int status, const char *words,
		   const char *format, ...)
{
	char *output = NULL;
	va_list args;

	va_start(args, format);
	char *command = vformat(format, args);

	va_end(args);
	int got = lab_try(lab, timeout_s, &output, "pfkeep %s", command);
	size_t line = strcspn(output, "\n");

	if (got != status)
		fail_msg("pfkeep %s: status %d instead of %d: %s", command, got, status, output);
	if (!line || strcmp(output + line, "\n") || strncmp(output, "pfkeep: ", 8))
		fail_msg("pfkeep %s: doesn't say one line: %s", command, output);
	if (words && !strstr(output, words))
		fail_msg("pfkeep %s: says nothing of '%s': %s", command, words, output);
	output[line] = '\0';
	free(command);
	return output;
}

void pfkeep_define(struct lab *lab, struct tenant *tenant, const char *pf, unsigned int vf,
		   const char *mac)
{
	char metadata[256], wanted[32] = "";

	if (mac)
		snprintf(wanted, sizeof(wanted), " mac='%s'", mac);
	snprintf(metadata, sizeof(metadata),
		 "<pfkeep:vf xmlns:pfkeep='urn:pfkeep:domain:1' pf='%s' index='%u'%s/>", pf, vf,
		 wanted);
	printf("# %s: %s\n", tenant->name, metadata);
	tenant->metadata = metadata;
	tenant_define(lab, tenant);
	tenant->metadata = NULL;
}

/* An event that came before virsh listened is made up for by looking each second. */
void pfkeep_wait_vf(struct lab *lab, const struct tenant *tenant)
{
	free(lab_run(lab, 70,
		     "timeout 60 sh -c 'until virsh -q dumpxml --inactive %s | "
		     "grep -q \"<hostdev\"; do "
		     "virsh -q event --event lifecycle --timeout 1 >/dev/null 2>&1 || :; done' || "
		     "{ journalctl -b -u pfkeepd --no-pager >&2; exit 1; }",
		     tenant->name));
}

void pfkeep_serve(struct lab *lab, struct tenant *tenant, const char *pf, unsigned int vf,
		  const char *mac)
{
	pfkeep_define(lab, tenant, pf, vf, mac);
	pfkeep_wait_vf(lab, tenant);
	tenant_boot(lab, tenant);
	free(tenant_wait(lab, tenant, SERVES_S, TENANT_SERVES));
}

/* "BDF DOMAIN" of each VF that has an owner, and of each VF that a domain has in its XML. */
static const char owners_script[] =
	"cd /run/pfkeep-lab\n"
	"pfkeep vf list %s %s | while read -r vf bdf ids driver group domain; do\n"
	"  echo \"$bdf $domain\"\n"
	"done | grep '^0000:.* [^-]' >owned || :\n"
	"vfs_of() { virsh -q dumpxml $2 $1 | sed -n '/<hostdev/,/<\\/hostdev>/{"
	"/<source>/,/<\\/source>/"
	"s/.*domain=.0x\\(....\\). bus=.0x\\(..\\). slot=.0x\\(..\\). function=.0x\\(.\\).*/"
	"\\1:\\2:\\3.\\4 '$1'/p}'; }\n"
	"for dom in $(virsh -q list --name | grep -v ^pfkeep-); do vfs_of $dom; done >live\n"
	"for dom in $(virsh -q list --all --persistent --name | grep -v ^pfkeep-); do\n"
	"  vfs_of $dom --inactive; done >defined\n"
	"show() { for f in owned live defined; do sed \"s/^/$f: /\" $f >&2; done; exit 1; }\n"
	"for f in owned live defined; do\n"
	"  [ -z \"$(cut -d' ' -f1 $f | sort | uniq -d)\" ] || show; done\n"
	"! grep -vxFf owned live >&2 || show\n"
	"! grep -vxFf owned defined >&2 || show\n"
	"! grep -vxFf defined owned >&2 || show\n";

void pfkeep_assert_owners(struct lab *lab, const char *pf)
{
	free(lab_run(lab, OWNERS_S, owners_script, pf ? "--pf" : "", pf ? pf : ""));
}

/* By the first event it is known that none is missed from then on. */
char *pfkeep_until(struct lab *lab, unsigned int timeout_s, const char *script, const char *events)
{
	return lab_run(lab, timeout_s + 60,
		       "fifo=$(mktemp -u); mkfifo $fifo\n"
		       "timeout %u pfkeep events >$fifo & pid=$!\n"
		       "trap 'kill $pid || :; rm $fifo' EXIT\n"
		       "set -f; set -- %s\n"
		       "while [ $# -gt 0 ] && read -r line; do\n"
		       "  echo \"event: $line\" >&2\n"
		       "  case $line in begin) (set +f\n%s\n);; $1|$1\\ *) shift;; esac\n"
		       "done <$fifo\n"
		       "[ $# = 0 ] || { echo \"no event $1 in %u s\" >&2; exit 1; }",
		       timeout_s, events, script, timeout_s);
}

/*
 * Before systemd 258 its watchdog counts on while a unit is frozen. After a minute it would
 * end pfkeepd, which, frozen, can't end, and, as it is to end, can't be thawed.
 */
void pfkeep_freeze(struct lab *lab)
{
	free(lab_run(lab, 60, "systemctl service-watchdogs no; systemctl freeze pfkeepd"));
}

void pfkeep_thaw(struct lab *lab)
{
	free(lab_run(lab, 60, "systemctl thaw pfkeepd"));
}

/* Looked at behind each event, the first of which says that none is missed from then on. */
void pfkeep_wait_ready(struct lab *lab, const char *pf, unsigned int timeout_s)
{
	free(lab_run(lab, 2 * timeout_s + 60,
		     "timeout %u systemctl start pfkeepd >&2 || {\n"
		     "  journalctl -b -u pfkeepd --no-pager >&2; exit 1; }\n"
		     "ready() { pfkeep metrics | grep -qxF 'pfkeep_pf_ready{pf=\"%s\"} 1'; }\n"
		     "fifo=$(mktemp -u); mkfifo $fifo\n"
		     "timeout %u pfkeep events >$fifo & pid=$!\n"
		     "trap 'kill $pid || :; rm $fifo' EXIT\n"
		     "while read -r event; do\n"
		     "  echo \"event: $event\" >&2\n"
		     "  if ready; then exit 0; fi\n"
		     "done <$fifo\n"
		     "journalctl -b -u pfkeepd --no-pager >&2; exit 1",
		     timeout_s, pf, timeout_s));
}
