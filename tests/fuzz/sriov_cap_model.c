// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each bit of the capability knows by its number alone whether it can change
 * (bit_is_plain: at once; bit_is_guarded: if the whole register's new value is
 * acceptable). A write goes bit by bit into a proposal; what the proposal means
 * is then read off its bits.
 */
#include "tests/fuzz/sriov_cap_model.h"

/* First bits of the registers, from the figures of section 9.3.3. */
#define VF_ENABLE   (0x08 * 8 + 0)
#define VF_MSE	    (0x08 * 8 + 3)
#define ARI	    (0x08 * 8 + 4)
#define NUM_VFS	    (0x10 * 8)
#define SYSTEM_PAGE (0x20 * 8)
#define VF_BARS	    (0x24 * 8)
#define VF_BARS_END (0x3c * 8)

static u64 number(const bool *bit, unsigned int first, unsigned int width)
{
	u64 n = 0;

	for (unsigned int i = width; i-- > 0;)
		n = n * 2 + bit[first + i];
	return n;
}

static void set_number(bool *bit, unsigned int first, unsigned int width, u64 n)
{
	for (unsigned int i = 0; i < width; i++, n /= 2)
		bit[first + i] = n % 2;
}

/* 2 to the power of a BAR's size class, found by counting, page size included. */
static unsigned int address_starts_at(const bool *bit, u64 size)
{
	unsigned int bar = 0, page = 12;

	while (size > 1) {
		size /= 2;
		bar++;
	}
	while (!bit[SYSTEM_PAGE + page - 12])
		page++;
	return bar > page ? bar : page;
}

/* Whether bit @b of the VF BARs holds an address bit. */
static bool is_address(const struct model *m, const bool *bit, unsigned int b)
{
	unsigned int bar = (b - VF_BARS) / 32, place = (b - VF_BARS) % 32;
	const struct sriov_cap_bar *bars = m->config->bars;

	if (!bars[bar].size) {
		if (bar == 0 || !bars[bar - 1].size || !bars[bar - 1].is_64bit)
			return false;
		bar--;
		place += 32;
	}
	return place >= address_starts_at(bit, bars[bar].size);
}

static void drop_bits_below_the_address(const struct model *m, bool *bit)
{
	for (unsigned int b = VF_BARS; b < VF_BARS_END; b++) {
		unsigned int bar = (b - VF_BARS) / 32, place = (b - VF_BARS) % 32;
		const struct sriov_cap_bar *desc = &m->config->bars[bar];

		if (is_address(m, bit, b))
			continue;
		bit[b] = desc->size &&
			 ((place == 2 && desc->is_64bit) || (place == 3 && desc->prefetch));
	}
}

static void follow_num_vfs(struct model *m)
{
	u64 n = number(m->bit, NUM_VFS, 16);

	set_number(m->bit, 0x14 * 8, 16, m->config->geometry[n].offset);
	set_number(m->bit, 0x16 * 8, 16, m->config->geometry[n].stride);
}

void model_reset(struct model *m, const struct sriov_cap_config *config)
{
	unsigned int smallest = 0;

	memset(m, 0, sizeof(*m));
	m->config = config;
	m->bit[0x04 * 8 + 1] = config->caps / 2 % 2;
	m->bit[ARI] = config->ari;
	set_number(m->bit, 0x0c * 8, 16, config->total_vfs);
	set_number(m->bit, 0x0e * 8, 16, config->total_vfs);
	set_number(m->bit, 0x12 * 8, 8, config->func_link);
	set_number(m->bit, 0x1a * 8, 16, config->vf_device_id);
	set_number(m->bit, 0x1c * 8, 32, config->supported_page_sizes);
	while (!m->bit[0x1c * 8 + smallest])
		smallest++;
	m->bit[SYSTEM_PAGE + smallest] = true;
	follow_num_vfs(m);
	drop_bits_below_the_address(m, m->bit);
}

bool model_read(const struct model *m, unsigned int offset, unsigned int size, u32 *ret_value)
{
	if (offset < 4 || offset >= 64 || offset + size > 64)
		return false;
	if (size != 1 && size != 2 && size != 4)
		return false;
	*ret_value = (u32)number(m->bit, offset * 8, size * 8);
	return true;
}

static void say(struct sriov_cap_verdict *v, int request, int todo, int why)
{
	v->request = request;
	v->todo = todo;
	v->why = why;
}

static void judge_page_size(struct model *m, const bool *proposal, struct sriov_cap_verdict *v)
{
	const unsigned int page = SYSTEM_PAGE, sup = 0x1c * 8;
	unsigned int set = 0, unsupported = 0, changed = 0;

	for (unsigned int i = 0; i < 32; i++) {
		set += proposal[page + i];
		unsupported += proposal[page + i] && !m->bit[sup + i];
		changed += proposal[page + i] != m->bit[page + i];
	}
	if (!changed)
		return;
	if (m->bit[VF_ENABLE]) {
		say(v, VFIO_PCI_SRIOV_ACT_PAGE_SIZE, 0, VFIO_PCI_SRIOV_WHY_FROZEN);
	} else if (set != 1 || unsupported) {
		say(v, VFIO_PCI_SRIOV_ACT_PAGE_SIZE, 0, VFIO_PCI_SRIOV_WHY_PAGE_SIZE);
	} else {
		say(v, VFIO_PCI_SRIOV_ACT_PAGE_SIZE, 0, 0);
		memcpy(&m->bit[page], &proposal[page], 32 * sizeof(bool));
		drop_bits_below_the_address(m, m->bit);
	}
}

static void judge_num_vfs(struct model *m, const bool *proposal, const struct sriov_cap_host *host,
			  struct sriov_cap_verdict *v)
{
	u64 want = number(proposal, NUM_VFS, 16);
	int why = 0;

	if (want == number(m->bit, NUM_VFS, 16))
		return;
	if (want > host->limit && want != host->num_vfs)
		why = VFIO_PCI_SRIOV_WHY_LIMIT;
	if (want > number(m->bit, 0x0e * 8, 16))
		why = VFIO_PCI_SRIOV_WHY_TOTAL;
	if (m->bit[VF_ENABLE])
		why = VFIO_PCI_SRIOV_WHY_FROZEN;
	say(v, VFIO_PCI_SRIOV_ACT_NUM_VFS, 0, why);
	v->num_vfs = (u16)want;
	if (why)
		return;
	memcpy(&m->bit[NUM_VFS], &proposal[NUM_VFS], 16 * sizeof(bool));
	follow_num_vfs(m);
}

static void judge_rise(struct model *m, const struct sriov_cap_host *host,
		       struct sriov_cap_verdict *v)
{
	u64 n = number(m->bit, NUM_VFS, 16);

	v->num_vfs = (u16)n;
	if (host->num_vfs == 0 && n == 0) {
		say(v, VFIO_PCI_SRIOV_ACT_ENABLE, 0, 0);
		m->bit[VF_ENABLE] = true;
	} else if (host->num_vfs == n) {
		say(v, VFIO_PCI_SRIOV_ACT_ADOPT, VFIO_PCI_SRIOV_ACT_ADOPT, 0);
		m->bit[VF_ENABLE] = true;
	} else if (host->num_vfs != 0 && host->held) {
		say(v, VFIO_PCI_SRIOV_ACT_ENABLE, 0, VFIO_PCI_SRIOV_WHY_HELD);
	} else if (n > host->limit) {
		say(v, VFIO_PCI_SRIOV_ACT_ENABLE, 0, VFIO_PCI_SRIOV_WHY_LIMIT);
	} else {
		say(v, VFIO_PCI_SRIOV_ACT_ENABLE, VFIO_PCI_SRIOV_ACT_ENABLE, 0);
	}
}

static void judge_vf_enable(struct model *m, const bool *proposal,
			    const struct sriov_cap_host *host, struct sriov_cap_verdict *v)
{
	if (!m->bit[VF_ENABLE] && proposal[VF_ENABLE]) {
		judge_rise(m, host, v);
	} else if (m->bit[VF_ENABLE] && !proposal[VF_ENABLE]) {
		m->bit[VF_ENABLE] = false;
		say(v, VFIO_PCI_SRIOV_ACT_DISABLE, host->num_vfs ? VFIO_PCI_SRIOV_ACT_DISABLE : 0,
		    0);
		v->deferred = host->num_vfs && host->held;
	}
}

bool model_write(struct model *m, unsigned int offset, unsigned int size, u32 value,
		 const struct sriov_cap_host *host, struct sriov_cap_verdict *ret_verdict)
{
	bool proposal[MODEL_BITS];
	u32 ignored;

	if (!model_read(m, offset, size, &ignored))
		return false;
	memset(ret_verdict, 0, sizeof(*ret_verdict));
	memcpy(proposal, m->bit, sizeof(proposal));
	for (unsigned int i = 0; i < size * 8; i++)
		proposal[offset * 8 + i] = value >> i & 1;

	judge_num_vfs(m, proposal, host, ret_verdict);
	judge_page_size(m, proposal, ret_verdict);
	for (unsigned int b = VF_BARS; b < VF_BARS_END; b++)
		if (is_address(m, m->bit, b))
			m->bit[b] = proposal[b];
	m->bit[VF_MSE] = proposal[VF_MSE];
	judge_vf_enable(m, proposal, host, ret_verdict);
	return true;
}

void model_enable_done(struct model *m, bool success)
{
	m->bit[VF_ENABLE] = success;
}

void model_attach(struct model *m, u16 num_vfs)
{
	if (num_vfs > number(m->bit, 0x0e * 8, 16))
		return;
	set_number(m->bit, NUM_VFS, 16, num_vfs);
	follow_num_vfs(m);
	m->bit[VF_ENABLE] = m->bit[VF_MSE] = true;
}

void model_detach(struct model *m)
{
	m->bit[VF_ENABLE] = false;
}
