// SPDX-License-Identifier: GPL-2.0-only
/*
 * AppArmor as Debian's libvirt has it: libvirtd starts programs in /usr/bin, and
 * each domain's profile has the abstraction libvirt-qemu in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/doctor_priv.h"
#include "pfkeep/cleanup.h"

#define RULES	 "etc/apparmor.d/"
#define OURS	 "abstractions/libvirt-qemu.d/pfkeep"
#define OLDER	 "local/abstractions/libvirt-qemu" /* before there was libvirt-qemu.d */
#define DAEMON	 "usr.sbin.libvirtd"
#define PROGRAMS "/usr/bin/"
#define FILE_MAX (1u << 20)

/* Does the file among AppArmor's rules hold the text? */
static bool says(struct doctor *d, const char *file, const char *text)
{
	CLEANUP(cleanup_free) char *all = NULL;
	char path[256];

	snprintf(path, sizeof(path), RULES "%s", file);
	return !root_slurp(d->root, path, FILE_MAX, &all) && strstr(all, text);
}

static bool in_force(struct doctor *d)
{
	char text[ROOT_ATTR];

	return !root_read(d->root, "sys/module/apparmor/parameters/enabled", text, sizeof(text)) &&
	       !strcmp(text, "Y");
}

static bool domains_may(struct doctor *d)
{
	if (says(d, "abstractions/libvirt-qemu", "<abstractions/libvirt-qemu.d>"))
		return says(d, OURS, "/run/pfkeep/tokens/");
	return says(d, OLDER, "<" OURS ">") || says(d, OLDER, "/run/pfkeep/tokens/");
}

/* What the name stands for decides, not the name. */
static bool libvirtd_may(struct doctor *d, const char *qemu)
{
	char target[256];

	if (root_target(d->root, qemu, target, sizeof(target)))
		snprintf(target, sizeof(target), "%s", qemu);
	return !strncmp(target, PROGRAMS, strlen(PROGRAMS)) || says(d, "local/" DAEMON, target);
}

void doctor_apparmor(struct doctor *d)
{
	const char *qemu = d->options->qemu ? d->options->qemu : DOCTOR_QEMU;
	char mend[512];

	if (!in_force(d) || !root_exists(d->root, RULES "abstractions/libvirt-qemu")) {
		doctor_found(d, DOCTOR_OK, NULL, "AppArmor doesn't confine libvirt's domains");
		return;
	}
	if (!domains_may(d))
		doctor_found(d, DOCTOR_BLOCKER,
			     "echo 'include <" OURS ">' >>/" RULES OLDER
			     ", or install pfkeep's package again",
			     "AppArmor keeps domains from their tokens in /run/pfkeep/tokens");
	else
		doctor_found(d, DOCTOR_OK, NULL, "AppArmor lets domains read their tokens");
	if (libvirtd_may(d, qemu) || !root_exists(d->root, RULES DAEMON))
		return;
	snprintf(mend, sizeof(mend),
		 "echo '%.160s PUx,' >>/" RULES "local/" DAEMON
		 " && apparmor_parser -r /" RULES DAEMON,
		 qemu);
	doctor_found(d, DOCTOR_BLOCKER, mend, "AppArmor keeps libvirtd from starting %.160s", qemu);
}
