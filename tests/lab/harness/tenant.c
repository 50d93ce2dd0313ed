// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/tenant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/lib/consoles.h"
#include "tests/lab/lib/guest_verdict.h"
#include "tests/lab/lib/guest_xml.h"

/* virsh VERB with its XML. */
static void give_to_virsh(struct lab *lab, const struct tenant *tenant, const char *verb)
{
	struct guest_xml guest = {
		.name = tenant->name,
		.bdf = tenant->bdf,
		.append = tenant->append,
		.emulator = tenant->emulator,
		.tools = tenant->tools,
		.metadata = tenant->metadata,
	};
	char xml[GUEST_XML_MAX];
	int err = guest_xml(&guest, xml);

	if (err)
		fail_msg("tenant %s: %s", tenant->name, strerror(-err));
	free(lab_run(lab, 120,
		     "mkdir -p " CONSOLES_DIR "; : >" CONSOLES_DIR "/%s.log\n"
		     "cat >/run/pfkeep-lab/%s.xml <<'XML'\n%s\nXML\n"
		     "virsh -q %s /run/pfkeep-lab/%s.xml >&2",
		     tenant->name, tenant->name, xml, verb, tenant->name));
}

void tenant_start(struct lab *lab, const struct tenant *tenant)
{
	give_to_virsh(lab, tenant, "create");
}

void tenant_define(struct lab *lab, const struct tenant *tenant)
{
	give_to_virsh(lab, tenant, "define");
}

void tenant_boot(struct lab *lab, const struct tenant *tenant)
{
	free(lab_run(lab, 120, ": >" CONSOLES_DIR "/%s.log; virsh -q start '%s' >&2", tenant->name,
		     tenant->name));
}

void tenant_undefine(struct lab *lab, const struct tenant *tenant)
{
	free(lab_run(lab, 60, "virsh -q undefine '%s' >&2", tenant->name));
}

/* $mark, $limit and $vm; when it doesn't come, what there is to see of the VM. */
static const char wait_script[] = GUEST_PROBE
	"cd " CONSOLES_DIR "\n"
	"timeout $limit tail -n +1 -F $vm.log 2>/dev/null | grep -a -m1 \"$mark\" && exit\n"
	"echo \"$vm: no '$mark' in $limit s; its console ends:\" >&2\n"
	"tail -n 30 $vm.log >&2 || :; virsh list --all >&2; systemctl --failed --no-legend >&2\n"
	"probe $vm; exit 1\n";

char *tenant_wait(struct lab *lab, const struct tenant *tenant, unsigned int timeout_s,
		  const char *mark)
{
	char *line = lab_run(lab, timeout_s + 30, "vm='%s' limit=%u mark='%s'\n%s", tenant->name,
			     timeout_s, mark, wait_script);
	char *rest = lab_field(line, mark);

	free(line);
	return rest;
}

void tenant_destroy(struct lab *lab, const struct tenant *tenant)
{
	free(lab_run(lab, 60, "virsh -q destroy '%s' >&2", tenant->name));
}
