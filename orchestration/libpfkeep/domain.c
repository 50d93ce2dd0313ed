// SPDX-License-Identifier: GPL-2.0-only
/* What domain XML says. Writing it is in domain_write.c. */
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/domain_priv.h"
#include "pfkeep/number.h"

#define S(x)		 ((const char *)(x))
#define NAMESPACE_FAMILY "urn:pfkeep:"

struct reader {
	struct domain_info *info;
	struct problem *problem;
};

static void refuse_dtd(void *ctx, const xmlChar *name, const xmlChar *id, const xmlChar *uri)
{
	xmlParserCtxtPtr ctxt = ctx;

	ctxt->_private = ctxt;
	xmlStopParser(ctxt);
}

int domain_parse_xml(const char *xml, size_t len, xmlDocPtr *ret_doc, struct problem *problem)
{
	xmlParserCtxtPtr ctxt;
	xmlDocPtr doc;
	int ret = 0;

	if (len > DOMAIN_XML_MAX)
		return problem_set(problem, -EINVAL, "the domain's XML is longer than %u bytes",
				   DOMAIN_XML_MAX);
	ctxt = xmlNewParserCtxt();
	if (!ctxt)
		return problem_set(problem, -ENOMEM, "%s", strerror(ENOMEM));
	/* Where a DTD begins, parsing ends: nothing declares entities. */
	ctxt->sax->internalSubset = refuse_dtd;
	doc = xmlCtxtReadMemory(ctxt, xml, (int)len, NULL, "UTF-8",
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					XML_PARSE_NOCDATA);
	if (ctxt->_private)
		ret = problem_set(problem, -EINVAL,
				  "the domain's XML has a DTD, it must have none");
	else if (!doc)
		ret = problem_set(problem, -EINVAL, "the domain's XML is not well-formed (line %d)",
				  ctxt->lastError.line);
	xmlFreeParserCtxt(ctxt);
	if (ret) {
		xmlFreeDoc(doc);
		return ret;
	}
	*ret_doc = doc;
	return 0;
}

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !node->ns && !strcmp(S(node->name), name);
}

/* The child of that name; -EINVAL if there are two. */
static int only_child(struct reader *r, xmlNodePtr parent, const char *name, xmlNodePtr *ret_node)
{
	*ret_node = NULL;
	for (xmlNodePtr node = parent->children; node; node = node->next) {
		if (!is_element(node, name))
			continue;
		if (*ret_node)
			return problem_set(r->problem, -EINVAL, "the domain has two <%s>", name);
		*ret_node = node;
	}
	return 0;
}

/* Text of the only child of that name. -ENOENT if there is none. */
static int child_text(struct reader *r, xmlNodePtr parent, const char *name, char *ret_text,
		      size_t size)
{
	xmlNodePtr node;
	xmlChar *text;
	int ret;

	ret = only_child(r, parent, name, &node);
	if (ret)
		return ret;
	if (!node)
		return -ENOENT;
	text = xmlNodeGetContent(node);
	if (!text)
		return -ENOMEM;
	if (strlen(S(text)) >= size)
		ret = problem_set(r->problem, -EINVAL, "the domain's <%s> is longer than %zu bytes",
				  name, size - 1);
	else
		memcpy(ret_text, S(text), strlen(S(text)) + 1);
	xmlFree(text);
	return ret;
}

static int read_identity(struct reader *r, xmlNodePtr root)
{
	char uuid[64];
	int ret;

	ret = child_text(r, root, "name", r->info->name, sizeof(r->info->name));
	if (ret == -ENOENT || (!ret && !*r->info->name))
		return problem_set(r->problem, -EINVAL, "the domain has no <name>");
	if (ret)
		return ret;
	ret = child_text(r, root, "uuid", uuid, sizeof(uuid));
	if (ret == -ENOENT)
		return problem_set(r->problem, -EINVAL, "domain %.60s has no <uuid>",
				   r->info->name);
	if (ret)
		return ret;
	if (uuid_parse(uuid, r->info->uuid))
		return problem_set(r->problem, -EINVAL, "domain %.60s: its <uuid> isn't one",
				   r->info->name);
	return 0;
}

static int set_pf(struct reader *r, struct domain_want *want, const char *value, bool *has_pf)
{
	if (bdf_parse(value, &want->pf))
		return problem_set(r->problem, -EINVAL,
				   "domain %.60s: pf '%.40s' isn't a BDF (0000:01:00.0)",
				   r->info->name, value);
	*has_pf = true;
	return 0;
}

static int set_index(struct reader *r, struct domain_want *want, const char *value)
{
	uint64_t index;

	if (number_parse(value, UINT16_MAX, &index))
		return problem_set(r->problem, -EINVAL,
				   "domain %.60s: index '%.40s' isn't a VF's number", r->info->name,
				   value);
	want->index = (uint16_t)index;
	want->any = false;
	return 0;
}

static int set_attribute(struct reader *r, struct domain_want *want, xmlAttrPtr attr, bool *has_pf)
{
	const char *name = S(attr->name);
	xmlChar *value;
	int ret;

	if (attr->ns)
		return problem_set(r->problem, -EINVAL,
				   "domain %.60s: attribute '%.40s' has a namespace", r->info->name,
				   name);
	value = xmlNodeGetContent((xmlNodePtr)attr);
	if (!value)
		return -ENOMEM;
	if (!strcmp(name, "pf"))
		ret = set_pf(r, want, S(value), has_pf);
	else if (!strcmp(name, "index"))
		ret = set_index(r, want, S(value));
	else
		ret = vfconf_set(&want->conf, name, S(value), r->problem);
	xmlFree(value);
	if (ret == -ENOENT)
		return problem_set(r->problem, -EINVAL,
				   "domain %.60s: <vf> has no attribute '%.40s'", r->info->name,
				   name);
	return ret;
}

static bool is_blank(const xmlNode *node)
{
	return node->type == XML_COMMENT_NODE || xmlIsBlankNode(node);
}

static int read_want(struct reader *r, xmlNodePtr node)
{
	struct domain_want want = { .any = true };
	bool has_pf = false;
	int ret;

	if (r->info->n_wants == DOMAIN_WANTS_MAX)
		return problem_set(r->problem, -EINVAL, "domain %.60s asks for more than %d VFs",
				   r->info->name, DOMAIN_WANTS_MAX);
	for (xmlNodePtr child = node->children; child; child = child->next)
		if (!is_blank(child))
			return problem_set(r->problem, -EINVAL, "domain %.60s: <vf> must be empty",
					   r->info->name);
	for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
		ret = set_attribute(r, &want, attr, &has_pf);
		if (ret)
			return ret;
	}
	if (!has_pf)
		return problem_set(r->problem, -EINVAL,
				   "domain %.60s: <vf> doesn't say of which pf", r->info->name);
	r->info->wants[r->info->n_wants++] = want;
	return 0;
}

/* Of our family of namespaces? *ret_ours: of exactly ours. */
static bool in_family(const xmlNode *node, bool *ret_ours)
{
	const char *href = node->ns ? S(node->ns->href) : NULL;

	if (node->type != XML_ELEMENT_NODE || !href)
		return false;
	*ret_ours = !strcmp(href, DOMAIN_NAMESPACE);
	return !strncmp(href, NAMESPACE_FAMILY, strlen(NAMESPACE_FAMILY));
}

static int read_list(struct reader *r, xmlNodePtr list)
{
	bool ours;
	int ret;

	if (list->properties)
		return problem_set(r->problem, -EINVAL, "domain %.60s: <vfs> has no attributes",
				   r->info->name);
	for (xmlNodePtr node = list->children; node; node = node->next) {
		if (is_blank(node))
			continue;
		if (!in_family(node, &ours) || !ours || strcmp(S(node->name), "vf"))
			return problem_set(r->problem, -EINVAL,
					   "domain %.60s: <vfs> holds <vf> only, all in %s",
					   r->info->name, DOMAIN_NAMESPACE);
		ret = read_want(r, node);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_top(struct reader *r, xmlNodePtr node, bool ours, unsigned int *seen)
{
	if (!ours)
		return problem_set(r->problem, -EINVAL,
				   "domain %.60s: namespace '%.60s' isn't " DOMAIN_NAMESPACE,
				   r->info->name, S(node->ns->href));
	if ((*seen)++)
		return problem_set(r->problem, -EINVAL,
				   "domain %.60s: libvirt keeps one element of a namespace in "
				   "<metadata>: put them into one <vfs>",
				   r->info->name);
	if (!strcmp(S(node->name), "vf"))
		return read_want(r, node);
	if (!strcmp(S(node->name), "vfs"))
		return read_list(r, node);
	return problem_set(r->problem, -EINVAL, "domain %.60s: there is no <%.40s> in %s",
			   r->info->name, S(node->name), DOMAIN_NAMESPACE);
}

/* A VF asked for twice can't be given twice. */
static int check_doubles(struct reader *r)
{
	char bdf[BDF_TEXT];

	for (size_t i = 0; i < r->info->n_wants; i++)
		for (size_t j = 0; j < i; j++) {
			const struct domain_want *a = &r->info->wants[i], *b = &r->info->wants[j];

			if (!a->any && !b->any && a->index == b->index && bdf_equal(&a->pf, &b->pf))
				return problem_set(
					r->problem, -EINVAL, "domain %.60s asks for %s/%u twice",
					r->info->name, bdf_format(&a->pf, bdf), a->index);
		}
	return 0;
}

static int read_metadata(struct reader *r, xmlNodePtr root)
{
	xmlNodePtr metadata;
	unsigned int seen = 0;
	bool ours;
	int ret;

	ret = only_child(r, root, "metadata", &metadata);
	if (ret || !metadata)
		return ret;
	for (xmlNodePtr node = metadata->children; node; node = node->next) {
		if (!in_family(node, &ours))
			continue;
		ret = read_top(r, node, ours, &seen);
		if (ret)
			return ret;
	}
	return check_doubles(r);
}

/* domain='0x0000' and the like; -EINVAL if it isn't there. */
static int hex_attribute(xmlNodePtr node, const char *name, uint64_t max, uint64_t *ret_value)
{
	xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)name);
	int ret;

	if (!text)
		return -EINVAL;
	ret = number_parse_hex(S(text), max, ret_value);
	if (ret)
		ret = number_parse(S(text), max, ret_value);
	xmlFree(text);
	return ret ? -EINVAL : 0;
}

int domain_read_address(xmlNodePtr address, struct bdf *ret_bdf)
{
	uint64_t domain = 0, bus, slot, function;

	if (xmlHasProp(address, (const xmlChar *)"domain") &&
	    hex_attribute(address, "domain", UINT32_MAX, &domain))
		return -EINVAL;
	if (hex_attribute(address, "bus", 0xff, &bus) ||
	    hex_attribute(address, "slot", 0x1f, &slot) ||
	    hex_attribute(address, "function", 7, &function))
		return -EINVAL;
	*ret_bdf = (struct bdf){ (uint32_t)domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)function };
	return 0;
}

static bool attribute_is(xmlNodePtr node, const char *name, const char *value)
{
	xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)name);
	bool is = text && !strcmp(S(text), value);

	xmlFree(text);
	return is;
}

static int read_alias(struct reader *r, xmlNodePtr node, char *ret_alias)
{
	xmlNodePtr alias;
	xmlChar *text;
	int ret;

	ret = only_child(r, node, "alias", &alias);
	if (ret || !alias)
		return ret;
	text = xmlGetNoNsProp(alias, (const xmlChar *)"name");
	if (text)
		snprintf(ret_alias, DOMAIN_ALIAS, "%s", S(text));
	xmlFree(text);
	return 0;
}

static int append_hostdev(struct domain_info *info, const struct domain_hostdev *hostdev)
{
	struct domain_hostdev *all;

	all = reallocarray(info->hostdevs, info->n_hostdevs + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	info->hostdevs = all;
	all[info->n_hostdevs++] = *hostdev;
	return 0;
}

static int read_hostdev(struct reader *r, xmlNodePtr node, bool interface)
{
	struct domain_hostdev hostdev = { .interface = interface };
	xmlNodePtr source, address = NULL;
	int ret;

	ret = only_child(r, node, "source", &source);
	if (!ret && source)
		ret = only_child(r, source, "address", &address);
	if (!ret && (!address || domain_read_address(address, &hostdev.bdf)))
		ret = problem_set(r->problem, -EINVAL,
				  "domain %.60s: a hostdev of it has no PCI address",
				  r->info->name);
	if (!ret)
		ret = read_alias(r, node, hostdev.alias);
	return ret ? ret : append_hostdev(r->info, &hostdev);
}

static int read_devices(struct reader *r, xmlNodePtr root)
{
	xmlNodePtr devices;
	int ret;

	ret = only_child(r, root, "devices", &devices);
	if (ret || !devices)
		return ret;
	for (xmlNodePtr node = devices->children; node && !ret; node = node->next) {
		if (is_element(node, "hostdev") && attribute_is(node, "type", "pci"))
			ret = read_hostdev(r, node, false);
		else if (is_element(node, "interface") && attribute_is(node, "type", "hostdev"))
			ret = read_hostdev(r, node, true);
	}
	return ret;
}

int domain_parse(const char *xml, size_t len, struct domain_info *ret_info, struct problem *problem)
{
	struct domain_info info = { 0 };
	struct reader r = { &info, problem };
	xmlNodePtr root;
	xmlDocPtr doc;
	int ret;

	ret = domain_parse_xml(xml, len, &doc, problem);
	if (ret)
		return ret;
	root = xmlDocGetRootElement(doc);
	if (!root || !is_element(root, "domain"))
		ret = problem_set(problem, -EINVAL, "the XML isn't a <domain>");
	if (!ret)
		ret = read_identity(&r, root);
	if (!ret)
		ret = read_metadata(&r, root);
	if (!ret)
		ret = read_devices(&r, root);
	xmlFreeDoc(doc);
	if (ret == -ENOMEM)
		problem_set(problem, ret, "%s", strerror(ENOMEM));
	if (ret) {
		domain_release(&info);
		return ret;
	}
	*ret_info = info;
	return 0;
}

void domain_release(struct domain_info *info)
{
	free(info->hostdevs);
	info->hostdevs = NULL;
	info->n_hostdevs = 0;
}

bool domain_ends_at_reboot(const char *xml)
{
	struct domain_info info = { 0 };
	struct reader r = { &info, NULL };
	char action[16] = "";
	xmlNodePtr root;
	xmlDocPtr doc;

	if (domain_parse_xml(xml, strlen(xml), &doc, NULL))
		return false;
	root = xmlDocGetRootElement(doc);
	if (root && child_text(&r, root, "on_reboot", action, sizeof(action)))
		action[0] = '\0';
	xmlFreeDoc(doc);
	return !strcmp(action, "destroy");
}
