// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SR-IOV capability as a state machine; see sriov_cap.h. The table
 * sriov_cap_registers is the policy: which register has which writable bits and
 * which rule decides over a write to them.
 */
#include "sriov_cap.h"

struct sriov_cap_register;

typedef void (*sriov_cap_rule)(struct sriov_cap *cap, const struct sriov_cap_register *reg,
			       u32 value, const struct sriov_cap_host *host,
			       struct sriov_cap_verdict *verdict);

/* @writable: bits that a write may change; a register without a rule has none. */
struct sriov_cap_register {
	u8 offset;
	u8 width;
	u32 writable;
	sriov_cap_rule rule;
};

static u32 get(const struct sriov_cap *cap, unsigned int offset, unsigned int width)
{
	u32 value = 0;
	unsigned int i;

	for (i = 0; i < width; i++)
		value |= (u32)cap->regs[offset + i] << (8 * i);
	return value;
}

static void put(struct sriov_cap *cap, unsigned int offset, unsigned int width, u32 value)
{
	unsigned int i;

	for (i = 0; i < width; i++)
		cap->regs[offset + i] = (u8)(value >> (8 * i));
}

bool sriov_cap_vf_enabled(const struct sriov_cap *cap)
{
	return get(cap, SRIOV_CAP_CTRL, 2) & SRIOV_CAP_CTRL_VF_ENABLE;
}

/* Whether the VFs decode memory, as far as the user's bits go (9.3.3.3.4). */
bool sriov_cap_vf_memory(const struct sriov_cap *cap)
{
	u32 both = SRIOV_CAP_CTRL_VF_ENABLE | SRIOV_CAP_CTRL_VF_MSE;

	return (get(cap, SRIOV_CAP_CTRL, 2) & both) == both;
}

u16 sriov_cap_num_vfs(const struct sriov_cap *cap)
{
	return (u16)get(cap, SRIOV_CAP_NUM_VFS, 2);
}

/* 9.3.3.9, 9.3.3.10: First VF Offset and VF Stride may follow NumVFs. */
static void set_num_vfs(struct sriov_cap *cap, u16 num_vfs)
{
	const struct sriov_cap_geometry *geometry = &cap->config.geometry[num_vfs];

	put(cap, SRIOV_CAP_NUM_VFS, 2, num_vfs);
	put(cap, SRIOV_CAP_VF_OFFSET, 2, geometry->offset);
	put(cap, SRIOV_CAP_VF_STRIDE, 2, geometry->stride);
}

/*
 * 9.3.3.14: a VF BAR sizes like any BAR, and never below the System Page Size
 * (9.3.3.13). Sizes are powers of two; sriov_cap_init() has checked that.
 */
static u64 bar_address_bits(const struct sriov_cap *cap, const struct sriov_cap_bar *bar)
{
	u64 page = (u64)get(cap, SRIOV_CAP_SYS_PAGE_SIZE, 4) << 12;
	u64 size = bar->size > page ? bar->size : page;
	u64 bits = ~(size - 1) & ~0xfULL;

	return bar->is_64bit ? bits : bits & 0xffffffff;
}

/* Address bits of the register at VF BAR @i; 0 for one that is absent. */
static u32 bar_writable(const struct sriov_cap *cap, unsigned int i)
{
	const struct sriov_cap_bar *bars = cap->config.bars;

	if (bars[i].size)
		return (u32)bar_address_bits(cap, &bars[i]);
	if (i && bars[i - 1].size && bars[i - 1].is_64bit)
		return (u32)(bar_address_bits(cap, &bars[i - 1]) >> 32);
	return 0;
}

static u32 bar_fixed(const struct sriov_cap_bar *bar)
{
	if (!bar->size)
		return 0;
	return (bar->is_64bit ? 0x4 : 0) | (bar->prefetch ? 0x8 : 0);
}

/* Give every VF BAR its fixed bits and drop address bits below its size. */
static void settle_bars(struct sriov_cap *cap)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_SRIOV_NUM_BARS; i++) {
		u32 address = get(cap, SRIOV_CAP_BAR0 + 4 * i, 4) & bar_writable(cap, i);

		put(cap, SRIOV_CAP_BAR0 + 4 * i, 4, address | bar_fixed(&cap->config.bars[i]));
	}
}

static void refuse(struct sriov_cap_verdict *verdict, enum vfio_pci_sriov_why why)
{
	verdict->why = why;
	verdict->todo = VFIO_PCI_SRIOV_ACT_NONE;
}

static void set_vf_enable(struct sriov_cap *cap, bool on)
{
	u32 ctrl = get(cap, SRIOV_CAP_CTRL, 2) & ~(u32)SRIOV_CAP_CTRL_VF_ENABLE;

	put(cap, SRIOV_CAP_CTRL, 2, on ? ctrl | SRIOV_CAP_CTRL_VF_ENABLE : ctrl);
}

/*
 * 9.3.3.3.1: setting VF_Enable makes NumVFs VFs. VFs that are there already are
 * taken over if they are as many, and replaced if not and nobody holds one.
 */
static void request_enable(struct sriov_cap *cap, const struct sriov_cap_host *host,
			   struct sriov_cap_verdict *verdict)
{
	u16 num_vfs = sriov_cap_num_vfs(cap);

	verdict->request = VFIO_PCI_SRIOV_ACT_ENABLE;
	verdict->num_vfs = num_vfs;
	if (host->num_vfs && host->num_vfs == num_vfs) {
		verdict->request = VFIO_PCI_SRIOV_ACT_ADOPT;
		verdict->todo = VFIO_PCI_SRIOV_ACT_ADOPT;
		set_vf_enable(cap, true);
	} else if (host->num_vfs && host->held) {
		refuse(verdict, VFIO_PCI_SRIOV_WHY_HELD);
	} else if (num_vfs > host->limit) {
		refuse(verdict, VFIO_PCI_SRIOV_WHY_LIMIT);
	} else if (!num_vfs && !host->num_vfs) {
		set_vf_enable(cap, true);
	} else {
		verdict->todo = VFIO_PCI_SRIOV_ACT_ENABLE;
	}
}

/* 9.3.3.3.1: clearing VF_Enable removes the VFs; held ones go later. */
static void request_disable(struct sriov_cap *cap, const struct sriov_cap_host *host,
			    struct sriov_cap_verdict *verdict)
{
	verdict->request = VFIO_PCI_SRIOV_ACT_DISABLE;
	set_vf_enable(cap, false);
	if (!host->num_vfs)
		return;
	verdict->todo = VFIO_PCI_SRIOV_ACT_DISABLE;
	verdict->deferred = host->held;
}

/*
 * 9.3.3.3: of the control bits VF_Enable and VF_MSE are the user's. VF_MSE holds
 * what is written; ARI is the host's (9.3.3.3.5), migration is not offered
 * (9.3.3.3.2, 9.3.3.3.3), nor are 10-bit tags (9.3.3.3.6).
 */
static void rule_ctrl(struct sriov_cap *cap, const struct sriov_cap_register *reg, u32 value,
		      const struct sriov_cap_host *host, struct sriov_cap_verdict *verdict)
{
	bool was = sriov_cap_vf_enabled(cap);
	bool want = value & SRIOV_CAP_CTRL_VF_ENABLE;

	put(cap, SRIOV_CAP_CTRL, 2, value);
	set_vf_enable(cap, was);
	if (want && !was)
		request_enable(cap, host, verdict);
	else if (!want && was)
		request_disable(cap, host, verdict);
}

/*
 * 9.3.3.7: NumVFs may be written while VF_Enable is clear alone, and must not
 * exceed TotalVFs. Writing the value that is there asks for nothing.
 */
static void rule_num_vfs(struct sriov_cap *cap, const struct sriov_cap_register *reg, u32 value,
			 const struct sriov_cap_host *host, struct sriov_cap_verdict *verdict)
{
	if (value == sriov_cap_num_vfs(cap))
		return;
	verdict->request = VFIO_PCI_SRIOV_ACT_NUM_VFS;
	verdict->num_vfs = (u16)value;
	if (sriov_cap_vf_enabled(cap))
		refuse(verdict, VFIO_PCI_SRIOV_WHY_FROZEN);
	else if (value > cap->config.total_vfs)
		refuse(verdict, VFIO_PCI_SRIOV_WHY_TOTAL);
	else if (value > host->limit && value != host->num_vfs)
		refuse(verdict, VFIO_PCI_SRIOV_WHY_LIMIT);
	else
		set_num_vfs(cap, (u16)value);
}

/*
 * 9.3.3.13: System Page Size is one of the Supported Page Sizes, and can't
 * change while VF_Enable is set. It moves the size of the VF BARs.
 */
static void rule_page_size(struct sriov_cap *cap, const struct sriov_cap_register *reg, u32 value,
			   const struct sriov_cap_host *host, struct sriov_cap_verdict *verdict)
{
	bool one = value && !(value & (value - 1));

	if (value == get(cap, SRIOV_CAP_SYS_PAGE_SIZE, 4))
		return;
	verdict->request = VFIO_PCI_SRIOV_ACT_PAGE_SIZE;
	if (sriov_cap_vf_enabled(cap)) {
		refuse(verdict, VFIO_PCI_SRIOV_WHY_FROZEN);
	} else if (!one || !(value & cap->config.supported_page_sizes)) {
		refuse(verdict, VFIO_PCI_SRIOV_WHY_PAGE_SIZE);
	} else {
		put(cap, SRIOV_CAP_SYS_PAGE_SIZE, 4, value);
		settle_bars(cap);
	}
}

/* 9.3.3.14: the VF BARs hold the address bits that are written to them. */
static void rule_bar(struct sriov_cap *cap, const struct sriov_cap_register *reg, u32 value,
		     const struct sriov_cap_host *host, struct sriov_cap_verdict *verdict)
{
	put(cap, reg->offset, 4, value);
	settle_bars(cap);
}

#define BAR(i) { SRIOV_CAP_BAR0 + 4 * (i), 4, 0xffffffff, rule_bar }

/* A register that isn't here is read-only, as are reserved bits (7.4: RsvdP). */
static const struct sriov_cap_register sriov_cap_registers[] = {
	{ SRIOV_CAP_CTRL, 2, SRIOV_CAP_CTRL_VF_ENABLE | SRIOV_CAP_CTRL_VF_MSE, rule_ctrl },
	{ SRIOV_CAP_NUM_VFS, 2, 0xffff, rule_num_vfs },
	{ SRIOV_CAP_SYS_PAGE_SIZE, 4, 0xffffffff, rule_page_size },
	BAR(0),
	BAR(1),
	BAR(2),
	BAR(3),
	BAR(4),
	BAR(5),
};

#define NUM_REGISTERS (sizeof(sriov_cap_registers) / sizeof(sriov_cap_registers[0]))

static bool access_ok_at(unsigned int offset, unsigned int size)
{
	if (size != 1 && size != 2 && size != 4)
		return false;
	return offset >= SRIOV_CAP_CAPS && offset <= SRIOV_CAP_END - size;
}

/**
 * sriov_cap_read - read 1, 2 or 4 bytes at any alignment
 * @cap: the capability
 * @offset: from its start; the header (offsets 0 to 3) isn't part of the image
 * @size: 1, 2 or 4
 * @ret_value: the bytes, the one at @offset lowest
 *
 * Return: 0, or -EINVAL for another size or a byte outside.
 */
int sriov_cap_read(const struct sriov_cap *cap, unsigned int offset, unsigned int size,
		   u32 *ret_value)
{
	if (!access_ok_at(offset, size))
		return -EINVAL;
	*ret_value = get(cap, offset, size);
	return 0;
}

/*
 * Lay the written bytes over @reg: the bits of the register that they cover and
 * that may change come from @value, the others stay.
 */
static bool merge(const struct sriov_cap *cap, const struct sriov_cap_register *reg,
		  unsigned int offset, unsigned int size, u32 value, u32 *ret_value)
{
	u32 merged = get(cap, reg->offset, reg->width);
	bool covered = false;
	unsigned int i;

	for (i = 0; i < size; i++) {
		unsigned int byte = offset + i - reg->offset;
		u32 mask;

		if (offset + i < reg->offset || byte >= reg->width)
			continue;
		mask = reg->writable & (0xffU << (8 * byte));
		merged = (merged & ~mask) | (((value >> (8 * i)) & 0xff) << (8 * byte) & mask);
		covered = true;
	}
	*ret_value = merged;
	return covered;
}

/**
 * sriov_cap_write - write 1, 2 or 4 bytes at any alignment
 * @cap: the capability
 * @offset: from its start, as for sriov_cap_read()
 * @size: 1, 2 or 4
 * @value: the bytes, the one for @offset lowest
 * @host: what the host knows
 * @ret_verdict: what was asked for, whether it is granted, what must follow
 *
 * The two requests that one write could hold (NumVFs, VF_Enable) lie 8 bytes
 * apart, so that one verdict is enough.
 *
 * Return: 0, or -EINVAL for another size or a byte outside: nothing changed.
 */
int sriov_cap_write(struct sriov_cap *cap, unsigned int offset, unsigned int size, u32 value,
		    const struct sriov_cap_host *host, struct sriov_cap_verdict *ret_verdict)
{
	struct sriov_cap_verdict verdict = { 0 };
	unsigned int i;

	if (!access_ok_at(offset, size))
		return -EINVAL;
	for (i = 0; i < NUM_REGISTERS; i++) {
		const struct sriov_cap_register *reg = &sriov_cap_registers[i];
		u32 merged;

		if (merge(cap, reg, offset, size, value, &merged))
			reg->rule(cap, reg, merged, host, &verdict);
	}
	*ret_verdict = verdict;
	return 0;
}

/* The host has created the VFs that a verdict asked for, or has failed to. */
void sriov_cap_enable_done(struct sriov_cap *cap, bool success)
{
	set_vf_enable(cap, success);
}

/* @num_vfs VFs exist already and are the user's: as if it had enabled them. */
void sriov_cap_attach(struct sriov_cap *cap, u16 num_vfs)
{
	u32 ctrl = get(cap, SRIOV_CAP_CTRL, 2);

	if (num_vfs > cap->config.total_vfs)
		return;
	set_num_vfs(cap, num_vfs);
	put(cap, SRIOV_CAP_CTRL, 2, ctrl | SRIOV_CAP_CTRL_VF_ENABLE | SRIOV_CAP_CTRL_VF_MSE);
}

/* The VFs went by another hand than the user's. */
void sriov_cap_detach(struct sriov_cap *cap)
{
	set_vf_enable(cap, false);
}

/* A VF BAR is a power of two from 16 bytes; a 64-bit one isn't the last. */
static bool bars_valid(const struct sriov_cap_bar *bars)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_SRIOV_NUM_BARS; i++) {
		u64 size = bars[i].size;

		if (!size)
			continue;
		if (size < 16 || (size & (size - 1)))
			return false;
		if (!bars[i].is_64bit && size > 0x80000000)
			return false;
		if (bars[i].is_64bit &&
		    (i == VFIO_PCI_SRIOV_NUM_BARS - 1 || bars[i + 1].size))
			return false;
	}
	return true;
}

/**
 * sriov_cap_init - the capability after reset
 * @cap: filled in
 * @config: what the hardware and the host fix; copied, its geometry is not
 *
 * InitialVFs equals TotalVFs, as it must without migration (9.3.3.5). System
 * Page Size starts at the smallest supported one (9.3.3.13: 4 KB).
 *
 * Return: 0, or -EINVAL for a configuration that no hardware can have.
 */
int sriov_cap_init(struct sriov_cap *cap, const struct sriov_cap_config *config)
{
	u32 pages = config->supported_page_sizes;

	if (!pages || !config->geometry || !bars_valid(config->bars))
		return -EINVAL;
	memset(cap, 0, sizeof(*cap));
	cap->config = *config;
	put(cap, SRIOV_CAP_CAPS, 4, config->caps & SRIOV_CAP_CAPS_ARI_PRESERVED);
	put(cap, SRIOV_CAP_CTRL, 2, config->ari ? SRIOV_CAP_CTRL_ARI : 0);
	put(cap, SRIOV_CAP_INITIAL_VFS, 2, config->total_vfs);
	put(cap, SRIOV_CAP_TOTAL_VFS, 2, config->total_vfs);
	put(cap, SRIOV_CAP_FUNC_LINK, 1, config->func_link);
	put(cap, SRIOV_CAP_VF_DEVICE_ID, 2, config->vf_device_id);
	put(cap, SRIOV_CAP_SUP_PAGE_SIZES, 4, pages);
	put(cap, SRIOV_CAP_SYS_PAGE_SIZE, 4, pages & ~(pages - 1));
	set_num_vfs(cap, 0);
	settle_bars(cap);
	return 0;
}
