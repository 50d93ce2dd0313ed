// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/agent/proto.h"

/* Of each kernel of the lab. */
#define KERNEL_HZ 250
/* Queues of an NVMe VF: admin and two for I/O, an interrupt each. */
#define NVME_VF_QUEUES 3
/* What the PF's own controller keeps. */
#define NVME_PF_QUEUES 8

struct argv {
	char **v;
	size_t n;
	bool failed; /* out of memory: nothing more is added */
};

__attribute__((format(printf, 2, 3))) static void add(struct argv *argv, const char *format, ...)
{
	va_list args;
	char **v;

	if (argv->failed)
		return;
	v = realloc(argv->v, (argv->n + 2) * sizeof(*v));
	if (!v) {
		argv->failed = true;
		return;
	}
	argv->v = v;
	va_start(args, format);
	if (vasprintf(&v[argv->n], format, args) < 0)
		argv->failed = true;
	else
		argv->n++;
	va_end(args);
	v[argv->n] = NULL;
}

static void add_board(struct argv *argv, const struct machine *m)
{
	add(argv, "%s", m->qemu);
	add(argv, "-nodefaults");
	add(argv, "-no-user-config");
	add(argv, "-display");
	add(argv, "none");
	add(argv, "-name");
	add(argv, "%s", m->spec->name);
	add(argv, "-M");
	add(argv, "q35,kernel-irqchip=split");
	add(argv, "-accel");
	add(argv, m->kvm ? "kvm" : "tcg,thread=multi");
	add(argv, "-cpu");
	add(argv, m->kvm ? "host" : "EPYC");
	/*
	 * A socket each: CPUID is then the same for any number of them, and what
	 * libvirt remembers of its QEMUs, which is keyed by it, holds.
	 */
	add(argv, "-smp");
	add(argv, "%u,sockets=%u", m->spec->cpus, m->spec->cpus);
	add(argv, "-m");
	add(argv, "%u", m->spec->ram_mib);
	add(argv, "-device");
	add(argv, "intel-iommu,intremap=on,caching-mode=off");
	/* A reset ends the run; what was reset and why is in the log. */
	add(argv, "-action");
	add(argv, "reboot=shutdown,panic=none");
	add(argv, "-d");
	add(argv, "cpu_reset");
	add(argv, "-D");
	add(argv, MACHINE_RUN "/qemu.log");
}

static void add_kernel(struct argv *argv, const struct machine *m)
{
	char tsc[80] = "";

	/*
	 * Each CPU is a package of its own: Linux would take their TSCs for unsynchronized,
	 * and measure for up to a second how each counts.
	 */
	if (m->tsc_khz)
		snprintf(tsc, sizeof(tsc), " tsc_early_khz=%u tsc=reliable lpj=%" PRIu64,
			 m->tsc_khz, (uint64_t)m->tsc_khz * 1000 / KERNEL_HZ);
	add(argv, "-kernel");
	add(argv, "%s", m->kernel);
	add(argv, "-initrd");
	add(argv, "%s", m->initrd);
	add(argv, "-append");
	add(argv,
	    "console=ttyS0 root=/dev/vda rw%s no_timer_check intel_iommu=on panic=-1 "
	    "oops=panic%s%s",
	    tsc, m->spec->append ? " " : "", m->spec->append ? m->spec->append : "");
}

static void add_disk(struct argv *argv, const struct machine_disk *disk)
{
	add(argv, "-drive");
	add(argv, "if=none,id=%s,format=raw,file=%s,%s", disk->serial, disk->path,
	    disk->keeps_nothing ? "snapshot=on,cache=unsafe" : "read-only=on");
	add(argv, "-device");
	add(argv, "virtio-blk-pci,drive=%s,serial=%s", disk->serial, disk->serial);
}

static void add_channels(struct argv *argv, const struct machine *m)
{
	add(argv, "-chardev");
	add(argv, "socket,id=qmp,fd=%d", m->qmp_fd);
	add(argv, "-mon");
	add(argv, "chardev=qmp,mode=control");
	add(argv, "-chardev");
	add(argv, "socket,id=console,fd=%d", m->console_fd);
	add(argv, "-serial");
	add(argv, "chardev:console");
	add(argv, "-device");
	add(argv, "virtio-serial-pci,id=serial,max_ports=16");
	add(argv, "-chardev");
	add(argv, "socket,id=events,fd=%d", m->event_fd);
	add(argv, "-device");
	add(argv, "virtserialport,bus=serial.0,chardev=events,name=" PROTO_EVENT_PORT);
	for (int i = 0; i < PROTO_PORTS; i++) {
		add(argv, "-chardev");
		add(argv, "socket,id=agent%d,fd=%d", i, m->agent_fds[i]);
		add(argv, "-device");
		add(argv, "virtserialport,bus=serial.0,chardev=agent%d,name=" PROTO_PORT_NAME "%d",
		    i, i);
	}
}

void machine_mac(unsigned int pf, char ret_mac[18])
{
	snprintf(ret_mac, 18, "52:54:00:70:%02x:00", pf & 0xff);
}

/* A root port has ACS, and room for VFs' BARs that firmware knows nothing of. */
static void add_root_port(struct argv *argv, unsigned int pf)
{
	add(argv, "-device");
	add(argv,
	    "pcie-root-port,id=rp%u,bus=pcie.0,addr=0x%x,chassis=%u,slot=%u,mem-reserve=8M,"
	    "pref64-reserve=64M",
	    pf, 0x10 + pf, pf + 1, pf + 1);
}

static void add_wire(struct argv *argv, unsigned int pf)
{
	add(argv, "-netdev");
	add(argv,
	    "stream,id=wire%u,server=off,addr.type=unix,addr.path=" MACHINE_RUN "/wire.%u.sock", pf,
	    pf);
}

static void add_igb(struct argv *argv, unsigned int pf)
{
	char mac[18];

	machine_mac(pf, mac);
	add_wire(argv, pf);
	add(argv, "-device");
	add(argv, "igb,id=pf%u,bus=rp%u,addr=0,netdev=wire%u,mac=%s", pf, pf, pf, mac);
}

static void add_nvme_with(struct argv *argv, unsigned int pf, unsigned int vfs)
{
	unsigned int vq = vfs * NVME_VF_QUEUES;

	add(argv, "-device");
	add(argv, "nvme-subsys,id=subsys%u,nqn=lab%u", pf, pf);
	add(argv, "-device");
	add(argv,
	    "nvme,id=pf%u,bus=rp%u,addr=0,serial=lab-nvme-%u,subsys=subsys%u,max_ioqpairs=%u,"
	    "msix_qsize=%u,sriov_max_vfs=%u,sriov_vq_flexible=%u,sriov_vi_flexible=%u",
	    pf, pf, pf, pf, vq + NVME_PF_QUEUES, vq + NVME_PF_QUEUES + 1, vfs, vq, vq);
	for (unsigned int ns = 1; ns <= MACHINE_NVME_NS; ns++) {
		add(argv, "-drive");
		add(argv,
		    "if=none,id=pf%u-ns%u,format=raw,cache=unsafe,file=" MACHINE_RUN
		    "/nvme.%u.%u.img",
		    pf, ns, pf, ns);
		/* Attached to no controller yet: they are there to hand out. */
		add(argv, "-device");
		add(argv, "nvme-ns,drive=pf%u-ns%u,nsid=%u,bus=pf%u%s", pf, ns, ns, pf,
		    ns == 1 ? ",shared=off" : ",detached=on");
	}
}

static void add_nvme(struct argv *argv, unsigned int pf)
{
	add_nvme_with(argv, pf, MACHINE_NVME_VFS);
}

static void add_nvme_127(struct argv *argv, unsigned int pf)
{
	add_nvme_with(argv, pf, MACHINE_NVME_MOST_VFS);
}

/*
 * Composed SR-IOV: VFs are devices of their own, and one hub joins all ports. By
 * default virtio goes past the IOMMU: a VM that was given one would have its DMA land
 * in the lab host's memory.
 */
static void add_virtio_net(struct argv *argv, unsigned int pf)
{
	char mac[18];

	machine_mac(pf, mac);
	add_wire(argv, pf);
	add(argv, "-netdev");
	add(argv, "hubport,id=hub%u-wire,hubid=%u,netdev=wire%u", pf, pf, pf);
	/* The PF comes last: it looks for its VFs when it is made. */
	for (int fn = MACHINE_VIRTIO_VFS; fn >= 0; fn--) {
		add(argv, "-netdev");
		add(argv, "hubport,id=hub%u-%d,hubid=%u", pf, fn, pf);
		add(argv, "-device");
		if (fn)
			add(argv,
			    "virtio-net-pci,bus=rp%u,addr=0.%d,netdev=hub%u-%d,sriov-pf=pf%u,"
			    "iommu_platform=on,mac=%.15s%02x",
			    pf, fn, pf, fn, pf, mac, (unsigned int)fn);
		else
			add(argv,
			    "virtio-net-pci,id=pf%u,bus=rp%u,addr=0.0,netdev=hub%u-0,"
			    "iommu_platform=on,mac=%s",
			    pf, pf, pf, mac);
	}
}

static void (*const add_pf[])(struct argv *argv, unsigned int pf) = {
	[LAB_PF_IGB] = add_igb,
	[LAB_PF_NVME] = add_nvme,
	[LAB_PF_NVME_127] = add_nvme_127,
	[LAB_PF_VIRTIO_NET] = add_virtio_net,
};

int machine_argv(const struct machine *m, char ***ret_argv)
{
	struct argv argv = { 0 };

	add_board(&argv, m);
	add_kernel(&argv, m);
	add_channels(&argv, m);
	for (size_t i = 0; i < m->n_disks; i++)
		add_disk(&argv, &m->disks[i]);
	add(&argv, "-device");
	add(&argv, "virtio-rng-pci");
	for (unsigned int i = 0; i < m->spec->n_pfs; i++) {
		add_root_port(&argv, i);
		add_pf[m->spec->pfs[i]](&argv, i);
	}
	if (argv.failed) {
		machine_argv_free(argv.v);
		return -ENOMEM;
	}
	*ret_argv = argv.v;
	return 0;
}

void machine_argv_free(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}
