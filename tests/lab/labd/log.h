/* SPDX-License-Identifier: GPL-2.0-only */
/* labd's own log: its stderr, a line each, seconds since labd started first. */
#ifndef LABD_LOG_H
#define LABD_LOG_H

__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);
/* Seconds since the first call of anything here. */
double log_uptime(void);

#endif
