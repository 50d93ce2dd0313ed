// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a compromised PF VM might do: writes adversarial values into the whole
 * configuration space of the PF and of its VFs' placeholders, and all over the
 * placeholders' BARs.
 *
 *	hostile PF SECONDS SEED
 *
 * What is the PF's own to break stays whole, as its VFs' traffic would go with it:
 * its bus mastering, without which the emulated igb receives nothing for its VFs
 * either, and its registers: its BARs are put back before the others are attacked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONFIG_SIZE  4096
#define FUNCTIONS    64
#define BARS	     6
#define BURST	     64
#define COMMAND	     0x04
#define BAR0	     0x10
#define BUS_MASTER   0x04
#define CAP_POINTER  0x34
#define CAP_MSI	     0x05
#define CAP_MSIX     0x11
#define MSI_ENABLE   0x0001
#define MSIX_ENABLE  0x8000
#define MSIX_MASKALL 0x4000
#define ECAP_START   0x100
#define ECAP_SRIOV   0x10
#define SRIOV_SIZE   0x40

struct function {
	int config;
	bool pf;
	unsigned int sriov; /* offset of the capability; 0: none */
	struct {
		volatile uint8_t *map;
		size_t size;
	} bars[BARS];
};

static struct function functions[FUNCTIONS];
static uint32_t pf_bars[BARS];
static unsigned int n_functions;
static uint64_t random_state, config_writes, bar_writes;

/* xorshift64*: the same everywhere for the same seed. */
static uint32_t any(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dULL) >> 32);
}

static uint32_t get(const struct function *f, unsigned int offset, unsigned int len)
{
	uint32_t value = 0;

	if (pread(f->config, &value, len, offset) != (ssize_t)len)
		return UINT32_MAX;
	return value;
}

/* What configuration space refuses is not ours to mind. */
static void put(const struct function *f, unsigned int offset, uint32_t value, unsigned int len)
{
	if (f->pf && offset <= COMMAND && offset + len > COMMAND)
		value |= BUS_MASTER << (8 * (COMMAND - offset));
	if (pwrite(f->config, &value, len, offset) == (ssize_t)len)
		config_writes++;
}

static unsigned int find_cap(const struct function *f, uint8_t id)
{
	unsigned int at = get(f, CAP_POINTER, 1);

	for (int i = 0; at >= 0x40 && at < 0x100 && i < 48; i++, at = get(f, at + 1, 1))
		if (get(f, at, 1) == id)
			return at;
	return 0;
}

static unsigned int find_ecap(const struct function *f, uint16_t id)
{
	unsigned int at = ECAP_START;

	for (int i = 0; at >= ECAP_START && i < 64; i++) {
		uint32_t header = get(f, at, 4);

		if ((uint16_t)header == id)
			return at;
		at = header >> 20;
	}
	return 0;
}

static void open_bars(struct function *f, const char *dir)
{
	char path[320];
	struct stat st;

	for (int i = 0; i < BARS; i++) {
		snprintf(path, sizeof(path), "%s/resource%d", dir, i);
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (!fstat(fd, &st) && st.st_size > 0) {
			void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
					 MAP_SHARED, fd, 0);

			if (map != MAP_FAILED) {
				f->bars[i].map = map;
				f->bars[i].size = (size_t)st.st_size;
			}
		}
		close(fd);
	}
}

static int open_function(const char *dir, bool pf)
{
	struct function *f = &functions[n_functions];
	char path[320];

	snprintf(path, sizeof(path), "%s/config", dir);
	f->config = open(path, O_RDWR | O_CLOEXEC);
	if (f->config < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	f->pf = pf;
	f->sriov = find_ecap(f, ECAP_SRIOV);
	/* The PF's own BARs are its driver's business, not the host's. */
	if (!pf)
		open_bars(f, dir);
	n_functions++;
	return 0;
}

static int open_all(const char *pf)
{
	char dir[256], vf[288];
	int err;

	snprintf(dir, sizeof(dir), "/sys/bus/pci/devices/%s", pf);
	err = open_function(dir, true);
	for (unsigned int i = 0; !err && n_functions < FUNCTIONS; i++) {
		snprintf(vf, sizeof(vf), "%s/virtfn%u", dir, i);
		if (access(vf, F_OK))
			break;
		err = open_function(vf, false);
	}
	if (!err && !functions[0].sriov) {
		fprintf(stderr, "%s: no SR-IOV capability\n", pf);
		err = -ENOENT;
	}
	return err;
}

/*
 * Both kinds of interrupt switched on at once, and off in each order: what once
 * ended in an assertion of QEMU's.
 */
static int mix_interrupts(const struct function *f)
{
	unsigned int msi = find_cap(f, CAP_MSI), msix = find_cap(f, CAP_MSIX);

	if (!msi || !msix) {
		fprintf(stderr, "the PF has not both MSI and MSI-X: nothing to mix\n");
		return -ENOENT;
	}
	for (unsigned int order = 0; order < 16; order++) {
		uint16_t msi_off = get(f, msi + 2, 2) & ~MSI_ENABLE;
		uint16_t msix_off = get(f, msix + 2, 2) & ~MSIX_ENABLE;
		uint16_t msix_on = msix_off | MSIX_ENABLE | (order & 4 ? MSIX_MASKALL : 0);

		if (order & 8)
			msix_off &= ~MSIX_MASKALL;
		put(f, order & 1 ? msi + 2 : msix + 2, order & 1 ? msi_off | MSI_ENABLE : msix_on,
		    2);
		put(f, order & 1 ? msix + 2 : msi + 2, order & 1 ? msix_on : msi_off | MSI_ENABLE,
		    2);
		put(f, order & 2 ? msi + 2 : msix + 2, order & 2 ? msi_off : msix_off, 2);
		put(f, order & 2 ? msix + 2 : msi + 2, order & 2 ? msix_off : msi_off, 2);
	}
	return 0;
}

static uint32_t nasty_value(const struct function *f, unsigned int offset, unsigned int len)
{
	switch (any() % 6) {
	case 0:
		return 0;
	case 1:
		return UINT32_MAX;
	case 2:
		return 1u << (any() % 32);
	case 3:
		return get(f, offset, len) ^ (1u << (any() % (8 * len)));
	case 4:
		return get(f, offset, len) + (any() & 1 ? 1 : UINT32_MAX);
	default:
		return any();
	}
}

/* Half of them where the capability is, the others anywhere; not always aligned. */
static void attack_config(const struct function *f)
{
	unsigned int len = 1u << (any() % 3), offset;

	if (f->sriov && any() & 1)
		offset = f->sriov + any() % SRIOV_SIZE;
	else
		offset = any() & 1 ? any() % 0x100 : any() % CONFIG_SIZE;
	if (any() % 8)
		offset &= ~(len - 1);
	if (offset + len > CONFIG_SIZE)
		offset = CONFIG_SIZE - len;
	put(f, offset, nasty_value(f, offset, len), len);
}

static void attack_bar(const struct function *f)
{
	unsigned int i = any() % BARS, len = 1u << (any() % 4);

	if (!f->bars[i].map)
		return;

	volatile uint8_t *at = f->bars[i].map + (any() % f->bars[i].size & ~(size_t)(len - 1));

	if (len == 1)
		*at = (uint8_t)any();
	else if (len == 2)
		*(volatile uint16_t *)at = (uint16_t)any();
	else if (len == 4)
		*(volatile uint32_t *)at = any();
	else
		*(volatile uint64_t *)at = (uint64_t)any() << 32 | any();
	bar_writes++;
}

int main(int argc, char **argv)
{
	time_t end;

	if (argc != 4) {
		fprintf(stderr, "usage: hostile PF SECONDS SEED\n");
		return 2;
	}
	random_state = strtoull(argv[3], NULL, 10) * 2 + 1;
	if (open_all(argv[1]) || mix_interrupts(&functions[0]))
		return 1;
	end = time(NULL) + strtol(argv[2], NULL, 10);
	for (unsigned int i = 0; i < BARS; i++)
		pf_bars[i] = get(&functions[0], BAR0 + 4 * i, 4);
	while (time(NULL) < end) {
		for (int i = 0; i < BURST; i++)
			attack_config(&functions[any() % 2 ? 0 : any() % n_functions]);
		for (unsigned int i = 0; i < BARS; i++)
			put(&functions[0], BAR0 + 4 * i, pf_bars[i], 4);
		for (int i = 0; i < BURST; i++)
			attack_bar(&functions[any() % n_functions]);
	}
	printf("config=%" PRIu64 " bar=%" PRIu64 " functions=%u\n", config_writes, bar_writes,
	       n_functions);
	return 0;
}
