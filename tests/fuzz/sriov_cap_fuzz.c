// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzes the SR-IOV capability's state machine against the bit-serial model:
 * the input picks a piece of hardware and then drives writes, host answers and
 * changes of the host's state; image and verdict must agree after each.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/sriov_cap_model.h"

#define MAX_VFS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

struct pair {
	struct sriov_cap cap;
	struct model model;
	struct sriov_cap_host host;
};

static unsigned long long writes;
static bool reports;

static void report_writes(void)
{
	fprintf(stderr, "sriov_cap_fuzz: %llu writes without a difference\n", writes);
}

static u32 take(struct input *in, unsigned int bytes)
{
	u32 value = 0;

	while (bytes-- && in->left) {
		value = value << 8 | *in->data++;
		in->left--;
	}
	return value;
}

/* Any hardware that sriov_cap_init() accepts, and some that it must not. */
static void take_config(struct input *in, struct sriov_cap_geometry *geometry,
			struct sriov_cap_config *config)
{
	u32 shape = take(in, 1);

	*config = (struct sriov_cap_config){
		.caps = take(in, 1),
		.ari = shape & 1,
		.total_vfs = shape & 2 ? MAX_VFS : take(in, 1),
		.func_link = (u8)take(in, 1),
		.vf_device_id = (u16)take(in, 2),
		.supported_page_sizes = shape & 4 ? 0x553 : take(in, 4),
		.geometry = geometry,
	};
	for (unsigned int i = 0; i < VFIO_PCI_SRIOV_NUM_BARS; i++) {
		u32 bar = take(in, 1);

		if (!(bar & 3))
			continue;
		config->bars[i] =
			(struct sriov_cap_bar){ 1ULL << (4 + (bar >> 4) * 2), bar & 2, bar & 4 };
		if (bar & 2 && bar & 8)
			i++;
	}
	for (unsigned int i = 0; i <= MAX_VFS; i++)
		geometry[i] = (struct sriov_cap_geometry){ shape & 8 ? 128 : 128 + i, shape >> 4 };
}

static void agree(const struct pair *p)
{
	for (unsigned int offset = 4; offset < 64; offset += 4) {
		u32 ours = 0, models = 0;

		if (sriov_cap_read(&p->cap, offset, 4, &ours) ||
		    !model_read(&p->model, offset, 4, &models) || ours != models) {
			fprintf(stderr, "offset %#x: %#x, the model says %#x\n", offset, ours,
				models);
			abort();
		}
	}
}

static void agree_on_verdict(const struct sriov_cap_verdict *a, const struct sriov_cap_verdict *b)
{
	if (a->request != b->request || a->todo != b->todo || a->why != b->why ||
	    a->num_vfs != b->num_vfs || a->deferred != b->deferred) {
		fprintf(stderr, "verdict %d/%d/%d/%u/%d, the model says %d/%d/%d/%u/%d\n",
			a->request, a->todo, a->why, a->num_vfs, a->deferred, b->request, b->todo,
			b->why, b->num_vfs, b->deferred);
		abort();
	}
}

/* The host does what the verdict says, or fails to. */
static void obey(struct pair *p, const struct sriov_cap_verdict *v, bool success)
{
	if (v->todo == VFIO_PCI_SRIOV_ACT_ENABLE) {
		sriov_cap_enable_done(&p->cap, success);
		model_enable_done(&p->model, success);
		p->host.num_vfs = success ? v->num_vfs : 0;
		p->host.held = false;
	} else if (v->todo == VFIO_PCI_SRIOV_ACT_DISABLE && !v->deferred) {
		p->host.num_vfs = 0;
	}
}

static void step_write(struct pair *p, struct input *in, u32 op)
{
	struct sriov_cap_verdict ours = { 0 }, models = { 0 };
	static const u8 likely[] = { 0x08, 0x08, 0x10, 0x10, 0x11, 0x20, 0x24, 0x0f };
	unsigned int offset = op & 0x10 ? likely[op & 7] : take(in, 1) % 68;
	unsigned int size = 1U << (op >> 5 & 3);
	u32 value = take(in, op & 8 ? 1 : 4);
	bool valid;

	valid = model_write(&p->model, offset, size, value, &p->host, &models);
	if ((sriov_cap_write(&p->cap, offset, size, value, &p->host, &ours) == 0) != valid) {
		fprintf(stderr, "write of %u at %#x: accepted by one alone\n", size, offset);
		abort();
	}
	writes++;
	agree_on_verdict(&ours, &models);
	agree(p);
	obey(p, &ours, op & 0x80 || value & 0x40);
}

/* The host's own hand: holders come and go, VFs come and go, the limit moves. */
static void step_host(struct pair *p, struct input *in)
{
	u32 what = take(in, 1), number = take(in, 1);

	switch (what % 4) {
	case 0:
		p->host.held = p->host.num_vfs && number & 1;
		break;
	case 1:
		p->host.limit = (u16)number;
		break;
	case 2:
		if (sriov_cap_vf_enabled(&p->cap) && !p->host.held) {
			p->host.num_vfs = 0;
			sriov_cap_detach(&p->cap);
			model_detach(&p->model);
		}
		break;
	default:
		if (!p->host.num_vfs) {
			p->host.num_vfs = (u16)number;
			sriov_cap_attach(&p->cap, (u16)number);
			model_attach(&p->model, (u16)number);
		}
	}
	agree(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sriov_cap_geometry geometry[MAX_VFS + 1];
	struct input in = { data, size };
	struct sriov_cap_config config;
	struct pair p = { .host = { .limit = MAX_VFS } };

	if (!reports)
		reports = !atexit(report_writes);
	take_config(&in, geometry, &config);
	if (sriov_cap_init(&p.cap, &config))
		return 0;
	model_reset(&p.model, &config);
	agree(&p);
	while (in.left) {
		u32 op = take(&in, 1);

		if ((op & 0x78) == 0x78)
			step_host(&p, &in);
		else
			step_write(&p, &in, op);
	}
	return 0;
}
