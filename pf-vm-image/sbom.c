// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>

#include "pf-vm-image/sbom.h"
#include "tests/lab/products/hash.h"

#define IMAGE_ID "SPDXRef-Image"

static void add_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

/* SPDX ids hold letters, digits, '.' and '-' only. */
static void package_id(const struct package *pkg, char *id, size_t size)
{
	snprintf(id, size, "SPDXRef-Package-%s-%s", pkg->name, pkg->architecture);
	for (char *c = id; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-')
			*c = '-';
}

/* A package URL: what isn't plain is percent-encoded. */
static void purl_escape(const char *in, char *out, size_t size)
{
	size_t used = 0;

	for (; *in && used + 4 < size; in++) {
		if (isalnum((unsigned char)*in) || strchr(".-_~", *in))
			out[used++] = *in;
		else
			used += snprintf(out + used, size - used, "%%%02X", (unsigned char)*in);
	}
	out[used] = '\0';
}

static struct json_object *external_refs(const struct package *pkg)
{
	struct json_object *list = json_object_new_array(), *o = json_object_new_object();
	char name[256], version[256], arch[64], purl[700];

	purl_escape(pkg->name, name, sizeof(name));
	purl_escape(pkg->version, version, sizeof(version));
	purl_escape(pkg->architecture, arch, sizeof(arch));
	snprintf(purl, sizeof(purl), "pkg:deb/debian/%s@%s?arch=%s", name, version, arch);
	add_string(o, "referenceCategory", "PACKAGE-MANAGER");
	add_string(o, "referenceType", "purl");
	add_string(o, "referenceLocator", purl);
	json_object_array_add(list, o);
	return list;
}

static struct json_object *package_object(const char *id, const char *name)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "SPDXID", id);
	add_string(o, "name", name);
	add_string(o, "downloadLocation", "NOASSERTION");
	json_object_object_add(o, "filesAnalyzed", json_object_new_boolean(0));
	add_string(o, "licenseConcluded", "NOASSERTION");
	add_string(o, "licenseDeclared", "NOASSERTION");
	add_string(o, "copyrightText", "NOASSERTION");
	return o;
}

static struct json_object *package_to_json(const struct package *pkg, const char *id)
{
	struct json_object *o = package_object(id, pkg->name);
	char source[512];

	snprintf(source, sizeof(source), "built from source package %s %s", pkg->source,
		 pkg->source_version);
	add_string(o, "versionInfo", pkg->version);
	add_string(o, "sourceInfo", source);
	json_object_object_add(o, "externalRefs", external_refs(pkg));
	return o;
}

static void add_relation(struct json_object *list, const char *a, const char *how, const char *b)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "spdxElementId", a);
	add_string(o, "relationshipType", how);
	add_string(o, "relatedSpdxElement", b);
	json_object_array_add(list, o);
}

static struct json_object *creation_info(int64_t epoch)
{
	struct json_object *o = json_object_new_object(), *by = json_object_new_array();
	time_t t = (time_t)epoch;
	char date[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_array_add(by, json_object_new_string("Tool: pf-image"));
	add_string(o, "created", date);
	json_object_object_add(o, "creators", by);
	return o;
}

int sbom_new(const struct packages *pk, int64_t epoch, struct json_object **ret_document)
{
	struct json_object *doc = json_object_new_object(), *list = json_object_new_array();
	struct json_object *relations = json_object_new_array();
	char id[512], hex[HASH_HEX + 1], space[128];
	const char *text;

	add_string(doc, "spdxVersion", "SPDX-2.3");
	add_string(doc, "dataLicense", "CC0-1.0");
	add_string(doc, "SPDXID", "SPDXRef-DOCUMENT");
	add_string(doc, "name", "pf-vm-image");
	json_object_object_add(doc, "creationInfo", creation_info(epoch));
	json_object_array_add(list, package_object(IMAGE_ID, "pf-vm-image"));
	add_relation(relations, "SPDXRef-DOCUMENT", "DESCRIBES", IMAGE_ID);
	for (size_t i = 0; i < pk->n; i++) {
		package_id(&pk->list[i], id, sizeof(id));
		json_object_array_add(list, package_to_json(&pk->list[i], id));
		add_relation(relations, IMAGE_ID, "CONTAINS", id);
	}
	json_object_object_add(doc, "packages", list);
	json_object_object_add(doc, "relationships", relations);
	/* The namespace must differ between documents, and not between builds. */
	text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN);
	hash_bytes(text, strlen(text), hex);
	snprintf(space, sizeof(space), "urn:pfkeep:sbom:%s", hex);
	add_string(doc, "documentNamespace", space);
	*ret_document = doc;
	return 0;
}
