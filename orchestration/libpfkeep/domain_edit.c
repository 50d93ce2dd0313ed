// SPDX-License-Identifier: GPL-2.0-only
/* Hostdevs put into a domain's XML and taken out. */
#include <errno.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/domain_priv.h"

static xmlNodePtr child(xmlNodePtr parent, const char *name)
{
	xmlNodePtr node = parent ? parent->children : NULL;

	while (node && (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name)))
		node = node->next;
	return node;
}

static int source_of(xmlNodePtr hostdev, struct bdf *ret_bdf)
{
	xmlNodePtr address = child(child(hostdev, "source"), "address");

	return address ? domain_read_address(address, ret_bdf) : -EINVAL;
}

static xmlNodePtr find(xmlNodePtr devices, const struct bdf *bdf)
{
	struct bdf found;

	for (xmlNodePtr node = devices->children; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE &&
		    !strcmp((const char *)node->name, "hostdev") && !source_of(node, &found) &&
		    bdf_equal(&found, bdf))
			return node;
	return NULL;
}

static int edit(xmlDocPtr doc, xmlDocPtr device, bool add, struct problem *problem)
{
	xmlNodePtr devices = child(xmlDocGetRootElement(doc), "devices");
	xmlNodePtr hostdev = xmlDocGetRootElement(device), found, copy;
	char text[BDF_TEXT];
	struct bdf bdf;

	if (!devices || source_of(hostdev, &bdf))
		return problem_set(problem, -EINVAL, "the domain's XML has no <devices>");
	found = find(devices, &bdf);
	bdf_format(&bdf, text);
	if (!add && !found)
		return problem_set(problem, -ENOENT, "the domain has no hostdev %s", text);
	if (!add) {
		xmlUnlinkNode(found);
		xmlFreeNode(found);
		return 0;
	}
	if (found)
		return problem_set(problem, -EEXIST, "the domain has hostdev %s already", text);
	copy = xmlDocCopyNode(hostdev, doc, 1);
	if (!copy)
		return -ENOMEM;
	if (xmlAddChild(devices, copy))
		return 0;
	xmlFreeNode(copy);
	return -ENOMEM;
}

static int dump(xmlDocPtr doc, char **ret_xml)
{
	xmlChar *text = NULL;
	int len;

	xmlDocDumpMemory(doc, &text, &len);
	if (!text)
		return -ENOMEM;
	*ret_xml = strdup((const char *)text);
	xmlFree(text);
	return *ret_xml ? 0 : -ENOMEM;
}

int domain_edit_hostdev(const char *xml, const char *hostdev, bool add, char **ret_xml,
			struct problem *problem)
{
	xmlDocPtr doc = NULL, device = NULL;
	int ret;

	ret = domain_parse_xml(xml, strlen(xml), &doc, problem);
	if (!ret)
		ret = domain_parse_xml(hostdev, strlen(hostdev), &device, problem);
	if (!ret)
		ret = edit(doc, device, add, problem);
	if (!ret)
		ret = dump(doc, ret_xml);
	xmlFreeDoc(doc);
	xmlFreeDoc(device);
	return ret;
}
