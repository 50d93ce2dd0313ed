// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/domain.h"
#include "tests/lab/harness/vfio.h"

#define AGAIN_S	 20 /* from the PF's return to its tenants'; igbvf looks each 2 s */
#define EVENTS_S 240

char *served_pf_vm(const char *pf)
{
	char *name;

	if (asprintf(&name, "pfkeep-%s", pf) < 0)
		fail_msg("no memory");
	for (char *p = name; (p = strpbrk(p, ":."));)
		*p = '-';
	return name;
}

static void begin(struct served *served, struct lab *lab, char *pf, const char *mac)
{
	*served = (struct served){ .lab = lab, .bench = bench_open(), .pf = pf, .settings = mac };
	served->tenant = (struct tenant){ .name = "red", .append = "lab.ip=10.77.0.11/24" };
	served->pf_vm = served_pf_vm(pf);
	served->vfs = vfio_num_vfs(lab, pf);
	pfkeep_serve(lab, &served->tenant, pf, 0, mac);
}

void served_begin(struct served *served, struct lab *lab)
{
	begin(served, lab, pfkeep_adopted(lab), SERVED_MAC);
}

void served_begin_on(struct served *served, struct lab *lab, char *pf)
{
	begin(served, lab, pf, NULL);
}

int served_end(struct served *served, const char *scenario)
{
	free(served->pf);
	free(served->pf_vm);
	return served->lab ? bench_save(&served->bench, scenario) : 0;
}

struct wire_flow served_flow(struct served *served, unsigned int count)
{
	struct wire_flow flow = { .id = 10 + served->flows++,
				  .ip = "10.77.0.11",
				  .rate = SERVED_FRAMES,
				  .size = 128,
				  .count = count };

	wire_start(served->lab, &flow);
	return flow;
}

void served_finish_whole(struct served *served, const struct wire_flow *flow, const char *figure)
{
	struct wire_report r = wire_finish(served->lab, flow);

	bench_silence(&served->bench, figure, &r);
	wire_assert_whole(&r);
	wire_report_free(&r);
}

void served_finish(struct served *served, const struct wire_flow *flow, const char *figure)
{
	struct wire_report r = wire_finish(served->lab, flow);

	bench_silence(&served->bench, figure, &r);
	wire_report_free(&r);
}

void served_as_before(struct served *served)
{
	struct wire_flow flow = served_flow(served, AGAIN_S * SERVED_FRAMES);
	struct wire_report r = wire_finish(served->lab, &flow);

	assert_true(r.received > 0);
	wire_report_free(&r);
	flow = served_flow(served, 5 * SERVED_FRAMES);
	r = wire_finish(served->lab, &flow);
	wire_assert_whole(&r);
	wire_report_free(&r);
	assert_int_equal(vfio_num_vfs(served->lab, served->pf), served->vfs);
	free(lab_run(served->lab, 60,
		     "[ $(grep -ac '" TENANT_SERVES "' /run/pfkeep-lab/consoles/%s.log) = 1 ]\n"
		     "pfkeep vf list --pf %s | grep ' %s'",
		     served->tenant.name, served->pf, served->tenant.name));
	if (served->settings)
		free(lab_run(served->lab, 60,
			     "pfkeep vf set %s/1 --vlan 9; pfkeep vf set %s/1 --vlan 0", served->pf,
			     served->pf));
}

void served_tell_pf_vm(struct served *served, const char *line, const char *events)
{
	char *script = domain_command(served->pf_vm, line);

	free(events ? pfkeep_until(served->lab, EVENTS_S, script, events)
		    : lab_run(served->lab, 60, "%s", script));
	free(script);
}
