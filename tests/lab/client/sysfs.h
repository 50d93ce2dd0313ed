/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI devices in sysfs. Results: 0 or more, or -errno. */
#ifndef TESTS_LAB_CLIENT_SYSFS_H
#define TESTS_LAB_CLIENT_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BDF_LEN 16

int sysfs_write(const char *bdf, const char *attr, const char *value);
int sysfs_read(const char *bdf, const char *attr, char *buf, size_t size);
long sysfs_number(const char *bdf, const char *attr);
int sysfs_link_name(const char *bdf, const char *link, char *buf, size_t size);
bool sysfs_exists(const char *bdf, const char *attr);
/* The bridge above @bdf. */
int sysfs_bridge(const char *bdf, char *ret_bdf);
int sysfs_vf_bdf(const char *pf, unsigned int vf, char *ret_bdf);
int sysfs_driver(const char *bdf, char *buf, size_t size);
int sysfs_bind(const char *bdf, const char *driver);
int sysfs_unbind(const char *bdf);
/* Back to the driver that the kernel would choose. */
int sysfs_bind_default(const char *bdf);
int sysfs_config_read(const char *bdf, unsigned int offset, void *buf, size_t size);

/* Wait until @attr holds @text or, with a NULL @text, is gone; false after @seconds. */
bool sysfs_await(const char *bdf, const char *attr, const char *text, unsigned int seconds);

#endif
