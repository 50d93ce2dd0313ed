/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes captures that tshark and tcpdump read: classic pcap, Ethernet, stamps
 * in ns. The stamps are the caller's CLOCK_MONOTONIC times, moved to wall-clock
 * time by the difference as it was at the start, so that they never step.
 */
#ifndef TESTS_LAB_WIRE_PCAP_H
#define TESTS_LAB_WIRE_PCAP_H

#include <stddef.h>
#include <stdint.h>

struct pcap;

/*
 * max_bytes bounds what the capture takes on disk, 0 doesn't: when half of it
 * is full, the file becomes PATH.1 (replacing an older one) and a new one
 * begins, so that the newest frames are the ones kept. Otherwise -EINVAL if
 * max_bytes is less than PCAP_MIN_BYTES.
 */
#define PCAP_MIN_BYTES 65536
int pcap_open(const char *path, uint64_t max_bytes, struct pcap **ret_pcap);

int pcap_write(struct pcap *pcap, const uint8_t *frame, size_t len, uint64_t now_ns);

/* What is written so far can be read by others. */
int pcap_flush(struct pcap *pcap);

/* Frames written since the start, those in replaced files included. */
uint64_t pcap_frames(const struct pcap *pcap);

/* NULL is fine. */
void pcap_close(struct pcap *pcap);

#endif
