/* SPDX-License-Identifier: GPL-2.0-only */
/* What the cases share: the PF under test and the steps that many take. */
#ifndef TESTS_LAB_CLIENT_CLIENT_H
#define TESTS_LAB_CLIENT_CLIENT_H

#include <sys/types.h>

#include "tests/lab/client/device.h"
#include "tests/lab/client/sysfs.h"
#include "tests/lab/client/tap.h"

#define DRIVER	    "vfio-pci-sriov"
#define TOKEN	    "2ab1d7c4-9bf3-4f6e-9a0e-0f8f4c2f2b61"
#define OTHER_TOKEN "b7d5d2a0-5a54-4f32-8a4d-6b3ce6b5e9f7"

#define CTRL_VF_ENABLE 0x01
#define CTRL_VF_MSE    0x08

/* What a case shows beside the driver's own rules, which are the same for all PFs. */
#define OF_RULES 0u /* nothing */
#define OF_PF	 1u /* its registers, its resets, where its VFs are */
#define OF_MODE	 2u /* how VFIO opens, closes and maps by group and by cdev */

struct context {
	const char *pf;
	enum device_mode mode;
	unsigned int cycles;
	unsigned int rounds; /* of a race; for one that lasts: seconds */
	unsigned int of;     /* only cases that show one of these; 0: all */
	bool cdev_tokens;    /* the kernel's cdev path carries tokens (6.17) */
};

struct client_case {
	const char *name;
	void (*run)(const struct context *c);
	unsigned int of;
};

extern const struct client_case capability_cases[];
extern const struct client_case bad_input_cases[];
extern const struct client_case protect_cases[];
extern const struct client_case region_cases[];
extern const struct client_case token_cases[];
extern const struct client_case keep_alive_cases[];
extern const struct client_case race_cases[];
extern const struct client_case cycle_cases[];

/* An open PF whose VFs are gone, its token set to TOKEN. */
struct pf {
	struct device dev;
	unsigned int cap; /* offset of the SR-IOV capability */
	struct vfio_pci_sriov_info info;
};

void client_fresh(const struct context *c);
void client_open_pf(const struct context *c, struct pf *pf);
void client_enable(const struct context *c, struct pf *pf, unsigned int num_vfs);
/*
 * The three in one. VFs that an earlier case has left serve again if they are as
 * many: PCIe gives each removal a second.
 */
void client_open_with_vfs(const struct context *c, struct pf *pf, unsigned int num_vfs);
struct vfio_pci_sriov_info client_info(const struct pf *pf);
uint32_t client_ctrl(const struct pf *pf);
void client_set_ctrl(const struct pf *pf, uint32_t value);
void client_vf_bdf(const struct context *c, unsigned int vf, char *ret_bdf);
/* By the group, with TOKEN: the way that every kernel has. */
int client_open_vf(const struct context *c, unsigned int vf, struct device *dev);
void client_hold(const struct context *c, unsigned int vf, struct device *dev);
/* The VF answers on the bus and has the bus mastering that client_hold() set. */
bool client_vf_alive(const char *bdf);
unsigned int client_num_vfs(const struct context *c);
/* How many interrupts VFIO has taken for @bdf. */
unsigned int client_interrupts(const char *bdf);
bool client_await_event(int fd, unsigned int seconds);

/* A child process that runs @run, says so, and waits for the word to end. */
struct child {
	pid_t pid;
	int to, from;
};

void client_child_start(struct child *child, void (*run)(const struct context *, struct child *),
			const struct context *c);
void client_child_say(struct child *child);
bool client_child_await(struct child *child, unsigned int seconds);
void client_child_end(struct child *child);
void client_child_kill(struct child *child);
void client_child_wait_word(struct child *self);
/* The exit status, or -ETIMEDOUT. */
int client_child_join(struct child *child, unsigned int seconds);

/*
 * Says "opened", or why not; 0, 1, and 2 when it can't be tried. With @stay a child of
 * its keeps what was opened until it is ended.
 */
int client_try_open(const char *bdf, enum device_mode mode, bool stay);

#endif
