// SPDX-License-Identifier: GPL-2.0-only
/* Receive queues of the Intel 82576, for whom no CPU is needed once they run. */
#include <endian.h>
#include <poll.h>

#include "tests/lab/liveupdate/lu.h"
#include "tests/lab/wire/flow.h"

/* What a frame of the wire has before its datagram: Ethernet, IPv4, UDP. */
#define HEADERS (14 + 20 + 8)

#define CTRL	  0x0000
#define CTRL_SLU  (1u << 6)
#define CTRL_RST  (1u << 26)
#define STATUS	  0x0008
#define STATUS_LU (1u << 1)
#define MDIC	  0x0020
/* PHY 1, register 0: restart the negotiation of 1000 MBit/s, full duplex */
#define MDIC_NEGOTIATE (1u << 26 | 1u << 21 | 0x1340)
#define RCTL	       0x0100
#define RCTL_EN	       (1u << 1)
#define RCTL_UPE       (1u << 3)
#define RCTL_MPE       (1u << 4)
#define RCTL_BAM       (1u << 15)
#define IMC	       0x150c
#define EIMC	       0x1528
#define VFRE	       0x0c8c
#define RAL(n)	       (0x5400 + 8 * (n))
#define RAH(n)	       (0x5404 + 8 * (n))
#define RAH_AV	       (1u << 31)
#define RAH_POOL(n)    (1u << (18 + (n)))
#define MRQC	       0x5818
#define MRQC_VMDQ      3
#define VMOLR(n)       (0x5ad0 + 4 * (n))
#define VMOLR_BAM      (1u << 27)
#define VMOLR_AUPE     (1u << 24)

#define PF_QUEUE(n) (0xc000 + 0x40 * (n))
#define VF_QUEUE    0x2800
#define RDBAL	    0x00
#define RDBAH	    0x04
#define RDLEN	    0x08
#define SRRCTL	    0x0c
#define SRRCTL_ONE  (1u << 25) /* advanced, one buffer */
#define RDH	    0x10
#define RDT	    0x18
#define RXDCTL	    0x28
#define RXDCTL_EN   (1u << 25)

struct descriptor {
	uint64_t address; /* written back: what was found out about the frame */
	uint32_t status;
	uint16_t length;
	uint16_t vlan;
};

#define STATUS_DONE 1u

static void set(const struct lu_device *dev, unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(dev->bar0 + reg) = htole32(value);
}

static uint32_t get(const struct lu_device *dev, unsigned int reg)
{
	return le32toh(*(volatile uint32_t *)(dev->bar0 + reg));
}

/* Registers and memory that a device writes have no event to wait for. */
static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* Until the bits of a register are as wanted. */
static void await(const struct lu_device *dev, unsigned int reg, uint32_t bits, bool wanted)
{
	for (int ms = 0; ms < 10000; ms++) {
		if (!!(get(dev, reg) & bits) == wanted)
			return;
		pause_ms(1);
	}
	lu_fail("%s: register %#x doesn't become what it should", dev->bdf.text, reg);
}

/* Without interrupts, and with a link. */
void lu_igb_reset(const struct lu_device *pf)
{
	set(pf, IMC, ~0u);
	set(pf, CTRL, get(pf, CTRL) | CTRL_RST);
	await(pf, CTRL, CTRL_RST, false);
	set(pf, EIMC, ~0u);
	set(pf, IMC, ~0u);
	set(pf, CTRL, get(pf, CTRL) | CTRL_SLU);
	set(pf, MDIC, MDIC_NEGOTIATE);
	await(pf, STATUS, STATUS_LU, true);
}

/* The wire's frames for device n go to 02:70:66:00:00:a<n>: n is the VF's pool, 7 the PF's. */
void lu_igb_to_pools(const struct lu_device *pf, unsigned int vfs)
{
	static const unsigned int pf_pool = 7;

	set(pf, MRQC, MRQC_VMDQ);
	for (unsigned int pool = 0; pool < 8; pool++) {
		if (pool >= vfs && pool != pf_pool)
			continue;
		set(pf, RAL(pool), 0x00667002);
		set(pf, RAH(pool), RAH_AV | RAH_POOL(pool) | (0xa0 + pool) << 8);
		set(pf, VMOLR(pool), VMOLR_BAM | VMOLR_AUPE);
		set(pf, VFRE, get(pf, VFRE) | 1u << pool);
	}
	set(pf, RCTL, RCTL_EN | RCTL_BAM);
}

void lu_igb_to_one(const struct lu_device *pf)
{
	set(pf, RCTL, RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_BAM);
}

/* Before the device receives. All but one of the ring's buffers are its. */
void lu_ring_start(const struct lu_device *dev, bool vf, unsigned int queue)
{
	struct descriptor *ring = (struct descriptor *)(dev->memory.base + LU_RING);
	unsigned int regs = vf ? VF_QUEUE : PF_QUEUE(queue);

	for (unsigned int i = 0; i < LU_RING_SIZE; i++) {
		ring[i] = (struct descriptor){ .address = htole64(LU_IOVA + LU_BUFFERS +
								  i * LU_BUFFER_SIZE) };
	}
	set(dev, regs + RDBAL, LU_IOVA + LU_RING);
	set(dev, regs + RDBAH, 0);
	set(dev, regs + RDLEN, LU_RING_SIZE * sizeof(*ring));
	set(dev, regs + SRRCTL, SRRCTL_ONE | LU_BUFFER_SIZE / 1024);
	set(dev, regs + RDH, 0);
	set(dev, regs + RXDCTL, RXDCTL_EN);
	set(dev, regs + RDT, LU_RING_SIZE - 1);
}

/* Bytes of the datagram, by its UDP header: a frame may have padding or a checksum behind. */
static unsigned int datagram_len(const uint8_t *data, unsigned int len)
{
	unsigned int udp = len < HEADERS ? 0 : data[HEADERS - 4] << 8 | data[HEADERS - 3];

	return udp >= 8 && HEADERS - 8 + udp <= len ? udp - 8 : 0;
}

static void count_frame(const uint8_t *data, unsigned int len, struct lu_count *count)
{
	unsigned int datagram = datagram_len(data, len);
	struct flow_payload payload;

	if (datagram < FLOW_PAYLOAD_MIN || flow_payload_parse(data + HEADERS, datagram, &payload)) {
		count->damaged++;
		return;
	}
	if (!count->frames)
		count->first = payload.number;
	else if (payload.number <= count->last)
		count->doubled++;
	else
		count->gaps += (unsigned int)(payload.number - count->last - 1);
	count->last = payload.number;
	count->frames++;
}

void lu_ring_count(const struct lu_memory *memory, struct lu_count *ret_count)
{
	const volatile struct descriptor *ring = (void *)(memory->base + LU_RING);

	*ret_count = (struct lu_count){ 0 };
	for (unsigned int i = 0; i < LU_RING_SIZE; i++) {
		if (!(le32toh(ring[i].status) & STATUS_DONE))
			return;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		count_frame(memory->base + LU_BUFFERS + i * LU_BUFFER_SIZE, le16toh(ring[i].length),
			    ret_count);
	}
}

void lu_ring_await(const struct lu_memory *memory, unsigned int more, unsigned int timeout_s)
{
	struct lu_count start, now = { 0 };

	lu_ring_count(memory, &start);
	for (unsigned int ms = 0; ms < timeout_s * 1000; ms += 20) {
		lu_ring_count(memory, &now);
		if (now.frames >= start.frames + more)
			return;
		pause_ms(20);
	}
	lu_fail("no %u frames within %u s after the first %u (%u damaged)", more, timeout_s,
		start.frames, now.damaged);
}
