// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the time stamp counter, behind a mark: it runs on across a kexec, so
 * two of these tell how long the kernel was away. As PID 1 (in an initramfs of
 * its own) it then powers off.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>
#include <x86intrin.h>

int main(int argc, char *argv[])
{
	unsigned long long tsc = __rdtsc();
	int console = getpid() == 1 ? open("/dev/console", O_WRONLY) : 1;

	dprintf(console, "%s %llu\n", argc > 1 ? argv[1] : "LAB-TSC", tsc);
	if (getpid() != 1)
		return 0;
	if (console >= 0)
		fsync(console);
	return reboot(RB_POWER_OFF);
}
