// SPDX-License-Identifier: GPL-2.0-only
/* Domain XML that pfkeep makes; libxml2 does the quoting. */
#include <errno.h>
#include <libxml/tree.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/domain_priv.h"
#include "pfkeep/domain.h"

#define ALIAS_PORT "ua-pfkeep-port"

#define X(x) ((const xmlChar *)(x))

/* Allocation failures add up in one flag; what is built then is thrown away. */
struct writer {
	bool failed;
};

static xmlNodePtr element(struct writer *w, xmlNodePtr parent, const char *name, const char *text)
{
	/* xmlNewTextChild() quotes; xmlNewChild() would take entities. */
	xmlNodePtr node = parent ? xmlNewTextChild(parent, NULL, X(name), X(text)) : NULL;

	w->failed |= !node;
	return node;
}

/* Attributes as pairs of strings, ended by NULL. */
static xmlNodePtr attributes(struct writer *w, xmlNodePtr node, ...) __attribute__((sentinel));

static xmlNodePtr attributes(struct writer *w, xmlNodePtr node, ...)
{
	const char *name, *value;
	va_list ap;

	va_start(ap, node);
	while (node && (name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		w->failed |= !xmlNewProp(node, X(name), X(value));
	}
	va_end(ap);
	return node;
}

static xmlNodePtr number(struct writer *w, xmlNodePtr parent, const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return element(w, parent, name, text);
}

static void add_source(struct writer *w, xmlNodePtr hostdev, const struct bdf *bdf)
{
	xmlNodePtr source = element(w, hostdev, "source", NULL);
	char domain[16], bus[8], slot[8], function[8];

	snprintf(domain, sizeof(domain), "0x%04x", bdf->domain);
	snprintf(bus, sizeof(bus), "0x%02x", bdf->bus);
	snprintf(slot, sizeof(slot), "0x%02x", bdf->device);
	snprintf(function, sizeof(function), "0x%x", bdf->function);
	attributes(w, element(w, source, "address", NULL), "domain", domain, "bus", bus, "slot",
		   slot, "function", function, NULL);
}

static void add_alias(struct writer *w, xmlNodePtr node, const char *name)
{
	attributes(w, element(w, node, "alias", NULL), "name", name, NULL);
}

/* Not managed: pfkeep, not libvirt, says which driver a function is bound to. */
static void fill_hostdev(struct writer *w, xmlNodePtr hostdev, const struct bdf *bdf,
			 const char *alias)
{
	attributes(w, hostdev, "mode", "subsystem", "type", "pci", "managed", "no", NULL);
	add_source(w, hostdev, bdf);
	add_alias(w, hostdev, alias);
}

static int dump(struct writer *w, xmlDocPtr doc, char **ret_xml)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	char *xml = NULL;

	if (buffer && !w->failed && xmlNodeDump(buffer, doc, xmlDocGetRootElement(doc), 0, 1) >= 0)
		xml = strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	if (!xml)
		return -ENOMEM;
	*ret_xml = xml;
	return 0;
}

static xmlDocPtr document(struct writer *w, const char *root)
{
	xmlDocPtr doc = xmlNewDoc(X("1.0"));
	xmlNodePtr node = doc ? xmlNewDocNode(doc, NULL, X(root), NULL) : NULL;

	w->failed |= !node;
	if (node)
		xmlDocSetRootElement(doc, node);
	return doc;
}

int domain_hostdev_xml(const struct bdf *vf, const char *alias, char **ret_xml)
{
	struct writer w = { 0 };
	xmlDocPtr doc = document(&w, "hostdev");
	int ret;

	if (!w.failed)
		fill_hostdev(&w, xmlDocGetRootElement(doc), vf, alias);
	ret = dump(&w, doc, ret_xml);
	xmlFreeDoc(doc);
	return ret;
}

/* A PF VM starts no VMs: less to attack, and a nested host needs it off. */
static void add_cpu(struct writer *w, xmlNodePtr domain)
{
	static const char *const off[] = { "svm", "vmx" };
	xmlNodePtr cpu = element(w, domain, "cpu", NULL);

	attributes(w, cpu, "mode", "host-passthrough", "migratable", "off", NULL);
	for (int i = 0; i < 2; i++)
		attributes(w, element(w, cpu, "feature", NULL), "policy", "disable", "name", off[i],
			   NULL);
}

/* What it boots by, in <os>. */
static void add_boot(struct writer *w, xmlNodePtr os, const struct domain_pfvm *vm)
{
	char cmdline[DOMAIN_CMDLINE];

	if (!vm->kernel) {
		attributes(w, element(w, os, "boot", NULL), "dev", "hd", NULL);
		return;
	}
	element(w, os, "kernel", vm->kernel);
	element(w, os, "initrd", vm->initrd);
	/*
	 * Without it the kernel looks for peer bridges at every device number of 256
	 * buses: 16,384 exits to QEMU, minutes of a nested VM's boot. ACPI names the
	 * buses that there are.
	 */
	snprintf(cmdline, sizeof(cmdline), "%s pci=lastbus=1", vm->cmdline);
	element(w, os, "cmdline", cmdline);
}

static void add_machine(struct writer *w, xmlNodePtr domain, const struct domain_pfvm *vm)
{
	xmlNodePtr node;

	element(w, domain, "name", vm->name);
	element(w, domain, "uuid", vm->uuid);
	attributes(w, number(w, domain, "memory", vm->memory_mib), "unit", "MiB", NULL);
	/* Shared memory outlives the process that maps it: for updates of QEMU and kernel. */
	node = element(w, domain, "memoryBacking", NULL);
	attributes(w, element(w, node, "source", NULL), "type", "memfd", NULL);
	attributes(w, element(w, node, "access", NULL), "mode", "shared", NULL);
	element(w, domain, "vcpu", "1");
	node = element(w, domain, "os", NULL);
	attributes(w, element(w, node, "type", "hvm"), "arch", "x86_64", "machine", "q35", NULL);
	add_boot(w, node, vm);
	node = element(w, domain, "features", NULL);
	element(w, node, "acpi", NULL);
	element(w, node, "apic", NULL);
	if (!strcmp(vm->type, "kvm"))
		add_cpu(w, domain);
	element(w, domain, "on_poweroff", "destroy");
	/*
	 * A guest that panics resets its machine. Were that started anew as it is, tenants would
	 * miss the PF for a whole boot; one that ends is started without the PF (core_start.c).
	 */
	element(w, domain, "on_reboot", "destroy");
	element(w, domain, "on_crash", "destroy");
}

/* One image serves all PF VMs: what one writes goes with it. */
static void add_mode(struct writer *w, xmlNodePtr disk, const struct domain_pfvm *vm)
{
	element(w, disk, vm->kernel ? "readonly" : "transient", NULL);
}

static void add_disk(struct writer *w, xmlNodePtr devices, const struct domain_pfvm *vm)
{
	xmlNodePtr disk = element(w, devices, "disk", NULL);

	attributes(w, disk, "type", "file", "device", "disk", NULL);
	attributes(w, element(w, disk, "driver", NULL), "name", "qemu", "type", "qcow2", NULL);
	attributes(w, element(w, disk, "source", NULL), "file", vm->image, NULL);
	attributes(w, element(w, disk, "target", NULL), "dev", "vda", "bus", "virtio", NULL);
	add_mode(w, disk, vm);
}

static void add_console(struct writer *w, xmlNodePtr devices)
{
	xmlNodePtr node = element(w, devices, "serial", NULL);

	attributes(w, node, "type", "pty", NULL);
	attributes(w, element(w, node, "target", NULL), "port", "0", NULL);
	node = element(w, devices, "console", NULL);
	attributes(w, node, "type", "pty", NULL);
	attributes(w, element(w, node, "target", NULL), "type", "serial", "port", "0", NULL);
	node = element(w, devices, "channel", NULL);
	attributes(w, node, "type", "unix", NULL);
	attributes(w, element(w, node, "target", NULL), "type", "virtio", "name",
		   "org.qemu.guest_agent.0", NULL);
}

/* The PF behind a root port of its own, alone on its bus, as a PCIe card sits. */
static void add_pf(struct writer *w, xmlNodePtr devices, const struct domain_pfvm *vm)
{
	xmlNodePtr node = element(w, devices, "controller", NULL);

	attributes(w, node, "type", "usb", "model", "none", NULL);
	node = element(w, devices, "controller", NULL);
	attributes(w, node, "type", "pci", "index", "0", "model", "pcie-root", NULL);
	node = element(w, devices, "controller", NULL);
	attributes(w, node, "type", "pci", "index", "1", "model", "pcie-root-port", NULL);
	add_alias(w, node, ALIAS_PORT);
	node = element(w, devices, "hostdev", NULL);
	fill_hostdev(w, node, &vm->pf, DOMAIN_ALIAS_PF);
	attributes(w, element(w, node, "address", NULL), "type", "pci", "domain", "0x0000", "bus",
		   "0x01", "slot", "0x00", "function", "0x0", NULL);
}

/* <qemu:device alias=A><qemu:frontend><qemu:property name=N type=T value=V/> */
static void override(struct writer *w, xmlNodePtr overrides, xmlNsPtr ns, const char *alias,
		     const char *name, const char *type, const char *value)
{
	xmlNodePtr node = overrides;
	static const char *const path[] = { "device", "frontend", "property" };

	for (int i = 0; i < 3; i++) {
		node = node ? xmlNewTextChild(node, ns, X(path[i]), NULL) : NULL;
		w->failed |= !node;
		if (!i)
			attributes(w, node, "alias", alias, NULL);
	}
	attributes(w, node, "name", name, "type", type, "value", value, NULL);
}

/* The token by the name of a file; and no memory that another QEMU couldn't take over. */
static void add_arguments(struct writer *w, xmlNodePtr domain, xmlNsPtr ns, const char *file)
{
	xmlNodePtr list = xmlNewTextChild(domain, ns, X("commandline"), NULL), node;
	char object[256];
	const char *const args[] = { "-object", object, "-machine", DOMAIN_SHARED };

	snprintf(object, sizeof(object), "secret,id=" DOMAIN_TOKEN ",file=%s", file);
	for (int i = 0; i < 4; i++) {
		node = list ? xmlNewTextChild(list, ns, X("arg"), NULL) : NULL;
		w->failed |= !node;
		attributes(w, node, "value", args[i], NULL);
	}
}

/* What libvirt has no element for. */
static void add_overrides(struct writer *w, xmlNodePtr domain, const struct domain_pfvm *vm)
{
	xmlNsPtr ns = xmlNewNs(domain, X(DOMAIN_QEMU_NAMESPACE), X("qemu"));
	xmlNodePtr overrides = ns ? xmlNewTextChild(domain, ns, X("override"), NULL) : NULL;
	char buses[16];

	w->failed |= !overrides;
	if (!overrides)
		return;
	add_arguments(w, domain, ns, vm->token_file);
	snprintf(buses, sizeof(buses), "%u", vm->spare_buses);
	if (vm->spare_buses)
		override(w, overrides, ns, ALIAS_PORT, "bus-reserve", "unsigned", buses);
	override(w, overrides, ns, DOMAIN_ALIAS_PF, "sriov", "bool", "true");
	override(w, overrides, ns, DOMAIN_ALIAS_PF, "vf-token-secret", "string", DOMAIN_TOKEN);
}

int domain_pfvm_xml(const struct domain_pfvm *vm, char **ret_xml)
{
	struct writer w = { 0 };
	xmlDocPtr doc = document(&w, "domain");
	xmlNodePtr domain, devices;
	int ret;

	if (!w.failed) {
		domain = xmlDocGetRootElement(doc);
		attributes(&w, domain, "type", vm->type, NULL);
		add_machine(&w, domain, vm);
		devices = element(&w, domain, "devices", NULL);
		element(&w, devices, "emulator", vm->emulator);
		add_disk(&w, devices, vm);
		add_pf(&w, devices, vm);
		add_console(&w, devices);
		attributes(&w, element(&w, devices, "memballoon", NULL), "model", "none", NULL);
		add_overrides(&w, domain, vm);
	}
	ret = dump(&w, doc, ret_xml);
	xmlFreeDoc(doc);
	return ret;
}

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static xmlNodePtr find(xmlNodePtr parent, const char *name)
{
	xmlNodePtr node = parent ? parent->children : NULL;

	while (node && !is(node, name))
		node = node->next;
	return node;
}

static void drop_all(xmlNodePtr parent, const char *const *names)
{
	xmlNodePtr node;

	for (; *names; names++)
		while ((node = find(parent, *names))) {
			xmlUnlinkNode(node);
			xmlFreeNode(node);
		}
}

/* The disk that add_disk() wrote, as libvirt knows it. */
static xmlNodePtr find_disk(xmlNodePtr devices)
{
	xmlNodePtr node = devices ? devices->children : NULL;

	for (; node; node = node->next) {
		xmlChar *dev = is(node, "disk") && find(node, "target")
				       ? xmlGetNoNsProp(find(node, "target"), X("dev"))
				       : NULL;
		bool same = dev && !strcmp((const char *)dev, "vda");

		xmlFree(dev);
		if (same)
			return node;
	}
	return NULL;
}

int domain_set_image(const char *xml, const struct domain_pfvm *vm, char **ret_xml,
		     struct problem *problem)
{
	static const char *const boot[] = { "kernel", "initrd", "cmdline", "boot", NULL };
	static const char *const file[] = { "source", "backingStore", "readonly", "transient",
					    NULL };
	struct writer w = { 0 };
	xmlDocPtr doc;
	xmlNodePtr os, disk;
	int ret;

	ret = domain_parse_xml(xml, strlen(xml), &doc, problem);
	if (ret)
		return ret;
	os = find(xmlDocGetRootElement(doc), "os");
	disk = find_disk(find(xmlDocGetRootElement(doc), "devices"));
	if (os && disk) {
		drop_all(os, boot);
		add_boot(&w, os, vm);
		drop_all(disk, file);
		attributes(&w, element(&w, disk, "source", NULL), "file", vm->image, NULL);
		add_mode(&w, disk, vm);
		ret = dump(&w, doc, ret_xml);
	} else {
		ret = problem_set(problem, -EINVAL, "the PF VM's definition has no disk vda");
	}
	xmlFreeDoc(doc);
	return ret;
}
