/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A live update in its barest form, without QEMU: a PF of the lab's igb and some
 * of its VFs receive into memory of ours through VFIO, while the kernel under
 * them is replaced.
 */
#ifndef TESTS_LAB_LIVEUPDATE_LU_H
#define TESTS_LAB_LIVEUPDATE_LU_H

#include <stdbool.h>
#include <stdint.h>

#define LU_DEVICES_MAX 8
#define LU_SESSION     "lu"

/* say.c: the kernel's console is where the other side reads. */
void lu_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void lu_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* sysfs.c */
struct lu_bdf {
	char text[16];
};

int lu_write(const char *path, const char *text);
int lu_read(const char *path, char *text, unsigned int size);
void lu_bind(const struct lu_bdf *bdf, const char *driver);
void lu_set_vfs(const struct lu_bdf *pf, unsigned int vfs);
struct lu_bdf lu_vf_bdf(const struct lu_bdf *pf, unsigned int vf);
unsigned int lu_config(const struct lu_bdf *bdf, unsigned int offset, unsigned int size);
int lu_open_cdev(const struct lu_bdf *bdf);

/* memory.c: what a device reaches, and nothing else. */
#define LU_IOVA	       0x10000000u
#define LU_MEMORY      (32u << 20)
#define LU_RING	       (64u << 10)
#define LU_RING_SIZE   4096u
#define LU_BUFFERS     (1u << 20)
#define LU_BUFFER_SIZE 2048u

struct lu_memory {
	int fd;
	uint8_t *base;
};

void lu_memory_new(struct lu_memory *memory);
void lu_memory_take(struct lu_memory *memory, int fd);
/* Bytes of what no device was to write that have changed. */
unsigned int lu_memory_damage(const struct lu_memory *memory);

/* device.c */
struct lu_device {
	struct lu_bdf bdf;
	int fd;
	int iommufd;
	volatile uint8_t *bar0;
	struct lu_memory memory;
};

void lu_device_attach(struct lu_device *dev, bool vf);
void lu_device_set_token(const struct lu_device *pf);
void lu_device_master(const struct lu_device *dev);

/* ring.c: an igb receive queue */
struct lu_count {
	unsigned int frames;  /* received */
	unsigned int gaps;    /* numbers missing between them */
	unsigned int doubled; /* numbers seen before */
	unsigned int damaged; /* not what was sent */
	uint64_t first, last; /* numbers */
};

void lu_igb_reset(const struct lu_device *pf);
void lu_igb_to_one(const struct lu_device *pf);
void lu_igb_to_pools(const struct lu_device *pf, unsigned int vfs);
void lu_ring_start(const struct lu_device *dev, bool vf, unsigned int queue);
void lu_ring_count(const struct lu_memory *memory, struct lu_count *ret_count);
/* Until that many more frames are there. */
void lu_ring_await(const struct lu_memory *memory, unsigned int more, unsigned int timeout_s);

/* luo.c */
int lu_session_new(void);
void lu_session_hold(const char *name);
int lu_session_get(void);
void lu_session_put_fd(int session, uint64_t token, int fd);
int lu_session_get_fd(int session, uint64_t token);
int lu_session_finish(int session);

/* boot.c: as PID 1 of the next kernel */
void lu_boot(void);
unsigned int lu_boot_log(const char *needle, const char *second);

/* pack.c */
void lu_pack(const char *path);

#endif
