/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domain XML. What a tenant asks for is in its <metadata>:
 *
 *	<pfkeep:vf xmlns:pfkeep="urn:pfkeep:domain:1" pf="0000:01:00.0"
 *		mac="52:54:00:12:34:56" vlan="7"/>
 *
 * with the attributes pf (needed), index, mac, vlan, rate, trust, spoofchk; or
 * several of them inside one <pfkeep:vfs>. (libvirt keeps one top-level element
 * of a namespace only and drops the rest without a word, so two <pfkeep:vf> side
 * by side are refused here.)
 *
 * Input is hostile: no DTD, no entities but the five of XML, no network, UTF-8,
 * limits on size, depth and number.
 */
#ifndef PFKEEP_DOMAIN_H
#define PFKEEP_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/uuid.h"
#include "pfkeep/vfconf.h"

#define DOMAIN_NAMESPACE "urn:pfkeep:domain:1"
#define DOMAIN_XML_MAX	 (1u << 20)
#define DOMAIN_NAME	 256
#define DOMAIN_WANTS_MAX 64
#define DOMAIN_ALIAS	 64
#define DOMAIN_CMDLINE	 2048 /* of the PF VM's kernel; image.c takes less */
/* User aliases of the hostdevs that pfkeep puts in; followed by the request's number. */
#define DOMAIN_ALIAS_VF "ua-pfkeep-vf"
#define DOMAIN_ALIAS_PF "ua-pfkeep-pf"
/* ID of the QEMU object that holds a domain's token. */
#define DOMAIN_TOKEN "pfkeep-token"
/* Of -machine: what is no guest RAM can be taken over by another QEMU, too. */
#define DOMAIN_SHARED "aux-ram-share=on"

#define DOMAIN_QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/* A VF that the domain asks for. */
struct domain_want {
	struct bdf pf;
	bool any;	/* any free VF of the PF */
	uint16_t index; /* if not any */
	struct vfconf conf;
};

/* A PCI function that the domain has, as <hostdev> or <interface type='hostdev'>. */
struct domain_hostdev {
	struct bdf bdf;
	bool interface;
	char alias[DOMAIN_ALIAS]; /* empty if it has none */
};

struct domain_info {
	char name[DOMAIN_NAME];
	char uuid[UUID_TEXT];
	struct domain_want wants[DOMAIN_WANTS_MAX];
	size_t n_wants;
	struct domain_hostdev *hostdevs;
	size_t n_hostdevs;
};

/* xml needs no terminator. -EINVAL with the rule that is broken, or -ENOMEM. */
int domain_parse(const char *xml, size_t len, struct domain_info *ret_info,
		 struct problem *problem);
void domain_release(struct domain_info *info);

/* Ends it when its guest resets it? Else it boots again in the same QEMU. */
bool domain_ends_at_reboot(const char *xml);

/* A <hostdev> for a VF that is bound already; allocated. */
int domain_hostdev_xml(const struct bdf *vf, const char *alias, char **ret_xml);

/* A VF that pfkeep gives to a tenant, known in its XML by the request's number. */
struct domain_vf {
	struct bdf bdf;
	uint16_t request;
};

struct domain_tenant {
	const char *emulator;	/* a QEMU that knows how to hand over a token */
	const char *token_file; /* which this QEMU reads at its start; NULL: it is no QEMU */
	const struct domain_vf *vfs;
	size_t n_vfs;
};

/*
 * The definition with exactly these VFs of pfkeep in it, and with what QEMU needs to
 * open them: allocated, or NULL if it is so already. Without VFs nothing of
 * pfkeep stays but the emulator and memory that is shared. -EEXIST if another hostdev has one of them.
 */
int domain_edit_tenant(const char *xml, const struct domain_tenant *tenant, char **ret_xml,
		       struct problem *problem);

/* The VM that owns a PF. */
struct domain_pfvm {
	const char *type; /* "kvm" */
	const char *name;
	const char *uuid;
	unsigned int memory_mib;
	const char *emulator;
	const char *image;		       /* its disk, qcow2 */
	const char *kernel, *initrd, *cmdline; /* NULL: boots from its disk */
	const char *token_file;		       /* its token: domain_tenant */
	struct bdf pf;
	unsigned int spare_buses; /* behind the PF's port, for VFs that lie on another bus */
};

int domain_pfvm_xml(const struct domain_pfvm *vm, char **ret_xml);

/*
 * The same VM without its PF, which it is to be given while it runs, and the PF's <hostdev>.
 * What only the PF was told by <qemu:override>, which doesn't reach what comes later, any
 * vfio-pci of this QEMU then is. -ENOENT if there is no PF of pfkeep in it.
 */
int domain_pfvm_apart(const char *xml, char **ret_xml, char **ret_pf, struct problem *problem);

/* The same PF VM with the image of vm, of which nothing else is looked at. */
int domain_set_image(const char *xml, const struct domain_pfvm *vm, char **ret_xml,
		     struct problem *problem);

#endif
