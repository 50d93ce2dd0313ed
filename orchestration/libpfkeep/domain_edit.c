// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pfkeep adds to a tenant's definition, and takes out again; and a PF VM without
 * its PF. What is right
 * stays as it is: a hostdev that was taken out and put in again would move
 * inside the guest.
 */
#include <errno.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/domain_priv.h"

#define S(x)   ((const char *)(x))
#define X(x)   ((const xmlChar *)(x))
#define OBJECT "secret,id=" DOMAIN_TOKEN ",file="
#define GLOBAL "vfio-pci.vf-token-secret=" DOMAIN_TOKEN

struct editor {
	xmlDocPtr doc;
	xmlNodePtr domain, devices;
	const struct domain_tenant *tenant;
	bool changed;
	struct problem *problem;
};

static bool is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp(S(node->name), name);
}

static bool in_qemu(const xmlNode *node, const char *name)
{
	return is(node, name) && node->ns && !strcmp(S(node->ns->href), DOMAIN_QEMU_NAMESPACE);
}

static bool in_none(const xmlNode *node, const char *name)
{
	return is(node, name) && !node->ns;
}

/* The node itself or the first behind it. */
static xmlNodePtr seek(xmlNodePtr node, bool (*in)(const xmlNode *node, const char *name),
		       const char *name)
{
	while (node && !in(node, name))
		node = node->next;
	return node;
}

static xmlNodePtr child(xmlNodePtr parent, const char *name)
{
	return parent ? seek(parent->children, in_none, name) : NULL;
}

static xmlNodePtr qemu_child(xmlNodePtr parent, const char *name)
{
	return parent ? seek(parent->children, in_qemu, name) : NULL;
}

/* Does the attribute begin with the text, or, if exact, equal it? */
static bool attribute_is(xmlNodePtr node, const char *name, const char *text, bool exact)
{
	xmlChar *value = node ? xmlGetNoNsProp(node, X(name)) : NULL;
	bool same;

	if (!value)
		return false;
	same = exact ? !strcmp(S(value), text) : !strncmp(S(value), text, strlen(text));
	xmlFree(value);
	return same;
}

static void drop(struct editor *e, xmlNodePtr node)
{
	xmlUnlinkNode(node);
	xmlFreeNode(node);
	e->changed = true;
}

static void drop_empty(struct editor *e, xmlNodePtr list)
{
	if (list && !xmlFirstElementChild(list))
		drop(e, list);
}

static void alias_of(const struct domain_vf *vf, char dst[static DOMAIN_ALIAS])
{
	snprintf(dst, DOMAIN_ALIAS, DOMAIN_ALIAS_VF "%u", vf->request);
}

static bool has_source(xmlNodePtr hostdev, const struct bdf *bdf)
{
	xmlNodePtr address = child(child(hostdev, "source"), "address");
	struct bdf found;

	return address && !domain_read_address(address, &found) && bdf_equal(&found, bdf);
}

static bool is_hostdev(xmlNodePtr node)
{
	return is(node, "hostdev") ||
	       (is(node, "interface") && attribute_is(node, "type", "hostdev", true));
}

static bool is_ours(xmlNodePtr hostdev)
{
	return attribute_is(child(hostdev, "alias"), "name", DOMAIN_ALIAS_VF, false);
}

static bool is_vf(xmlNodePtr hostdev, const struct domain_vf *vf)
{
	char alias[DOMAIN_ALIAS];

	alias_of(vf, alias);
	return has_source(hostdev, &vf->bdf) &&
	       attribute_is(child(hostdev, "alias"), "name", alias, true);
}

static xmlNodePtr find_vf(struct editor *e, const struct domain_vf *vf)
{
	for (xmlNodePtr node = e->devices->children; node; node = node->next)
		if (is_hostdev(node) && is_vf(node, vf))
			return node;
	return NULL;
}

static bool is_wanted(struct editor *e, xmlNodePtr hostdev)
{
	for (size_t i = 0; i < e->tenant->n_vfs; i++)
		if (is_vf(hostdev, &e->tenant->vfs[i]))
			return true;
	return false;
}

/* Another hand's hostdev with a VF that is to be put in. */
static int check_foreign(struct editor *e, xmlNodePtr hostdev)
{
	char text[BDF_TEXT];

	for (size_t i = 0; i < e->tenant->n_vfs; i++)
		if (has_source(hostdev, &e->tenant->vfs[i].bdf))
			return problem_set(e->problem, -EEXIST,
					   "the domain has VF %s already, by another hand",
					   bdf_format(&e->tenant->vfs[i].bdf, text));
	return 0;
}

/* *ret_foreign: the domain has PCI functions that aren't pfkeep's to give. */
static int sort_out(struct editor *e, bool *ret_foreign)
{
	xmlNodePtr next;
	int ret;

	for (xmlNodePtr node = e->devices->children; node; node = next) {
		next = node->next;
		if (!is_hostdev(node))
			continue;
		if (!is_ours(node)) {
			*ret_foreign |= !attribute_is(node, "type", "usb", true);
			ret = check_foreign(e, node);
			if (ret)
				return ret;
		} else if (!is_wanted(e, node)) {
			drop(e, node);
		}
	}
	return 0;
}

static int add_vf(struct editor *e, const struct domain_vf *vf)
{
	char alias[DOMAIN_ALIAS], *xml = NULL;
	xmlDocPtr device = NULL;
	xmlNodePtr copy;
	int ret;

	alias_of(vf, alias);
	ret = domain_hostdev_xml(&vf->bdf, alias, &xml);
	if (ret)
		return ret;
	ret = domain_parse_xml(xml, strlen(xml), &device, e->problem);
	free(xml);
	if (ret)
		return ret;
	copy = xmlDocCopyNode(xmlDocGetRootElement(device), e->doc, 1);
	xmlFreeDoc(device);
	if (!copy || !xmlAddChild(e->devices, copy))
		return -ENOMEM;
	e->changed = true;
	return 0;
}

static int set_emulator(struct editor *e)
{
	xmlNodePtr node = child(e->devices, "emulator");
	xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	bool same = text && !strcmp(S(text), e->tenant->emulator);

	xmlFree(text);
	if (same)
		return 0;
	if (node)
		drop(e, node);
	e->changed = true;
	return xmlNewTextChild(e->devices, NULL, X("emulator"), X(e->tenant->emulator)) ? 0
											: -ENOMEM;
}

/* <qemu:commandline> or <qemu:override>, made if it isn't there. */
static xmlNodePtr need_qemu(struct editor *e, const char *name)
{
	xmlNodePtr node = qemu_child(e->domain, name);
	xmlNsPtr ns;

	if (node)
		return node;
	ns = xmlSearchNsByHref(e->doc, e->domain, X(DOMAIN_QEMU_NAMESPACE));
	if (!ns)
		ns = xmlNewNs(e->domain, X(DOMAIN_QEMU_NAMESPACE), X("qemu"));
	e->changed = true;
	return ns ? xmlNewTextChild(e->domain, ns, X(name), NULL) : NULL;
}

/* The argument before it is its option. */
static xmlNodePtr find_argument(struct editor *e, const char *text, bool exact,
				xmlNodePtr *ret_option)
{
	xmlNodePtr list = qemu_child(e->domain, "commandline");
	xmlNodePtr node = qemu_child(list, "arg");

	*ret_option = NULL;
	while (node && !attribute_is(node, "value", text, exact)) {
		*ret_option = node;
		node = seek(node->next, in_qemu, "arg");
	}
	return node;
}

/* The option with this value is there once, or, without value, no more. */
static int set_argument(struct editor *e, const char *option, const char *known, const char *value)
{
	xmlNodePtr flag, node, list;
	const char *const words[] = { option, value };

	if (value && find_argument(e, value, true, &flag))
		return 0;
	while ((node = find_argument(e, known, false, &flag))) {
		if (flag)
			drop(e, flag);
		drop(e, node);
	}
	if (!value)
		return 0;
	list = need_qemu(e, "commandline");
	for (int i = 0; i < 2; i++) {
		node = list ? xmlNewTextChild(list, list->ns, X("arg"), NULL) : NULL;
		if (!node || !xmlNewProp(node, X("value"), X(words[i])))
			return -ENOMEM;
	}
	e->changed = true;
	return 0;
}

static xmlNodePtr find_override(xmlNodePtr overrides, const char *alias)
{
	xmlNodePtr node = qemu_child(overrides, "device");

	while (node && !attribute_is(node, "alias", alias, true))
		node = seek(node->next, in_qemu, "device");
	return node;
}

static int add_override(struct editor *e, const char *alias)
{
	xmlNodePtr node = need_qemu(e, "override");
	static const char *const path[] = { "device", "frontend", "property" };

	if (find_override(node, alias))
		return 0;
	for (int i = 0; i < 3 && node; i++) {
		node = xmlNewTextChild(node, node->ns, X(path[i]), NULL);
		if (!i && node)
			xmlNewProp(node, X("alias"), X(alias));
	}
	if (!node || !xmlNewProp(node, X("name"), X("vf-token-secret")) ||
	    !xmlNewProp(node, X("type"), X("string")) ||
	    !xmlNewProp(node, X("value"), X(DOMAIN_TOKEN)))
		return -ENOMEM;
	e->changed = true;
	return 0;
}

/* libvirt refuses overrides of devices that aren't there. */
static void drop_overrides(struct editor *e)
{
	xmlNodePtr overrides = qemu_child(e->domain, "override"), next;

	for (xmlNodePtr node = overrides ? overrides->children : NULL; node; node = next) {
		char alias[DOMAIN_ALIAS];
		bool wanted = false;

		next = node->next;
		if (!in_qemu(node, "device") ||
		    !attribute_is(node, "alias", DOMAIN_ALIAS_VF, false))
			continue;
		for (size_t i = 0; i < e->tenant->n_vfs; i++) {
			alias_of(&e->tenant->vfs[i], alias);
			wanted |= attribute_is(node, "alias", alias, true);
		}
		if (!wanted)
			drop(e, node);
	}
	drop_empty(e, overrides);
}

/*
 * The token by name: for each VF that is there at the start, and, where all PCI
 * functions of the domain are VFs of pfkeep, for those that come later, which
 * an override doesn't reach.
 */
static int add_token(struct editor *e, bool foreign)
{
	char object[sizeof(OBJECT) + 128], alias[DOMAIN_ALIAS];
	size_t n = e->tenant->token_file ? e->tenant->n_vfs : 0;
	int ret;

	snprintf(object, sizeof(object), OBJECT "%s", n ? e->tenant->token_file : "");
	ret = set_argument(e, "-object", OBJECT, n ? object : NULL);
	if (!ret)
		ret = set_argument(e, "-global", GLOBAL, n && !foreign ? GLOBAL : NULL);
	for (size_t i = 0; i < n && !ret; i++) {
		alias_of(&e->tenant->vfs[i], alias);
		ret = add_override(e, alias);
	}
	drop_overrides(e);
	return ret;
}

/*
 * Memory that another QEMU can take over. What the domain says of its own is left: that
 * then decides whether it can.
 */
static int share_memory(struct editor *e)
{
	static const char *const rules[][3] = { { "source", "type", "memfd" },
						{ "access", "mode", "shared" } };
	xmlNodePtr backing = child(e->domain, "memoryBacking"), node;

	if (backing)
		return 0;
	backing = xmlNewTextChild(e->domain, NULL, X("memoryBacking"), NULL);
	e->changed = true;
	for (int i = 0; i < 2; i++) {
		node = backing ? xmlNewTextChild(backing, NULL, X(rules[i][0]), NULL) : NULL;
		if (!node || !xmlNewProp(node, X(rules[i][1]), X(rules[i][2])))
			return -ENOMEM;
	}
	return 0;
}

static int edit(struct editor *e)
{
	bool foreign = false;
	int ret;

	if (!e->devices)
		return problem_set(e->problem, -EINVAL, "the domain's XML has no <devices>");
	ret = sort_out(e, &foreign);
	for (size_t i = 0; i < e->tenant->n_vfs && !ret; i++)
		if (!find_vf(e, &e->tenant->vfs[i]))
			ret = add_vf(e, &e->tenant->vfs[i]);
	if (!ret && e->tenant->n_vfs)
		ret = set_emulator(e);
	if (!ret && e->tenant->n_vfs && e->tenant->token_file)
		ret = share_memory(e);
	if (!ret)
		ret = set_argument(e, "-machine", "aux-ram-share=",
				   e->tenant->n_vfs && e->tenant->token_file ? DOMAIN_SHARED
									     : NULL);
	if (!ret)
		ret = add_token(e, foreign);
	if (!ret)
		drop_empty(e, qemu_child(e->domain, "commandline"));
	return ret;
}

static int dump(xmlDocPtr doc, char **ret_xml)
{
	xmlChar *text = NULL;
	int len;

	xmlDocDumpMemory(doc, &text, &len);
	if (!text)
		return -ENOMEM;
	*ret_xml = strdup(S(text));
	xmlFree(text);
	return *ret_xml ? 0 : -ENOMEM;
}

int domain_edit_tenant(const char *xml, const struct domain_tenant *tenant, char **ret_xml,
		       struct problem *problem)
{
	struct editor e = { .tenant = tenant, .problem = problem };
	int ret;

	*ret_xml = NULL;
	ret = domain_parse_xml(xml, strlen(xml), &e.doc, problem);
	if (ret)
		return ret;
	e.domain = xmlDocGetRootElement(e.doc);
	e.devices = child(e.domain, "devices");
	ret = edit(&e);
	if (!ret && e.changed)
		ret = dump(e.doc, ret_xml);
	xmlFreeDoc(e.doc);
	return ret;
}

/* As -global has it. */
static int make_global(struct editor *e, xmlNodePtr property)
{
	xmlChar *name = xmlGetNoNsProp(property, X("name"));
	xmlChar *value = xmlGetNoNsProp(property, X("value"));
	const char *text = value ? S(value) : "";
	char *global = NULL;
	int ret;

	if (attribute_is(property, "type", "bool", true))
		text = !strcmp(text, "true") ? "on" : "off";
	ret = name && asprintf(&global, "vfio-pci.%s=%s", S(name), text) >= 0 ? 0 : -ENOMEM;
	if (!ret)
		ret = set_argument(e, "-global", global, global);
	free(global);
	xmlFree(name);
	xmlFree(value);
	return ret;
}

/* One property, one element: that is how they are written. */
static int make_globals(struct editor *e, const char *alias)
{
	xmlNodePtr overrides = qemu_child(e->domain, "override"), device;
	int ret = 0;

	while (!ret && (device = find_override(overrides, alias))) {
		xmlNodePtr frontend = qemu_child(device, "frontend");
		xmlNodePtr node = frontend ? frontend->children : NULL;

		for (; node && !ret; node = node->next)
			if (in_qemu(node, "property"))
				ret = make_global(e, node);
		drop(e, device);
	}
	drop_empty(e, overrides);
	return ret;
}

static xmlNodePtr find_pf(struct editor *e)
{
	xmlNodePtr node = child(e->devices, "hostdev");

	while (node && !attribute_is(child(node, "alias"), "name", DOMAIN_ALIAS_PF, true))
		node = seek(node->next, in_none, "hostdev");
	return node;
}

static int dump_node(xmlDocPtr doc, xmlNodePtr node, char **ret_xml)
{
	xmlBufferPtr buffer = xmlBufferCreate();

	*ret_xml = NULL;
	if (buffer && xmlNodeDump(buffer, doc, node, 0, 0) >= 0)
		*ret_xml = strdup(S(xmlBufferContent(buffer)));
	xmlBufferFree(buffer);
	return *ret_xml ? 0 : -ENOMEM;
}

int domain_pfvm_apart(const char *xml, char **ret_xml, char **ret_pf, struct problem *problem)
{
	struct editor e = { .problem = problem };
	xmlNodePtr pf;
	int ret;

	*ret_xml = NULL;
	*ret_pf = NULL;
	ret = domain_parse_xml(xml, strlen(xml), &e.doc, problem);
	if (ret)
		return ret;
	e.domain = xmlDocGetRootElement(e.doc);
	e.devices = child(e.domain, "devices");
	pf = find_pf(&e);
	ret = pf ? dump_node(e.doc, pf, ret_pf)
		 : problem_set(problem, -ENOENT, "the domain has no PF of pfkeep");
	if (!ret) {
		drop(&e, pf);
		ret = make_globals(&e, DOMAIN_ALIAS_PF);
	}
	if (!ret)
		ret = dump(e.doc, ret_xml);
	xmlFreeDoc(e.doc);
	if (ret) {
		free(*ret_pf);
		*ret_pf = NULL;
	}
	return ret;
}
