// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "orchestration/hook/hook.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/domain.h"
#include "pfkeep/pci.h"
#include "pfkeep/view.h"
#include "pfkeep/wire.h"

/* All of the input, terminated; what is longer than any domain is refused. */
static int read_xml(int fd, char **ret_xml, size_t *ret_len, struct problem *problem)
{
	CLEANUP(cleanup_free) char *xml = malloc(DOMAIN_XML_MAX + 1);
	size_t len = 0;

	if (!xml)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, xml + len, DOMAIN_XML_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return problem_set(problem, -errno, "the domain's XML: %s",
					   strerror(errno));
		if (!n)
			break;
		len += (size_t)n;
		if (len > DOMAIN_XML_MAX)
			return problem_set(problem, -EINVAL,
					   "the domain's XML is longer than %u bytes",
					   DOMAIN_XML_MAX);
	}
	xml[len] = '\0';
	if (strlen(xml) != len)
		return problem_set(problem, -EINVAL, "the domain's XML holds a zero byte");
	*ret_xml = TAKE_PTR(xml);
	*ret_len = len;
	return 0;
}

static bool is_vf(const struct root *root, const struct bdf *bdf)
{
	char path[PCI_ATTR_PATH];

	return root_exists(root, pci_path(bdf, "physfn", path));
}

/*
 * Has the domain to do with VFs at all? Most haven't, and PF VMs, which pfkeepd
 * itself starts and waits for, mustn't have to.
 */
static int concerns_us(const struct root *root, const char *xml, size_t len, bool *ret_concerned,
		       struct problem *problem)
{
	struct domain_info info;
	int ret;

	ret = domain_parse(xml, len, &info, problem);
	if (ret)
		return ret;
	*ret_concerned = info.n_wants;
	for (size_t i = 0; i < info.n_hostdevs; i++)
		*ret_concerned |= is_vf(root, &info.hostdevs[i].bdf);
	domain_release(&info);
	return 0;
}

static int ask(const char *socket, const char *xml, struct problem *problem)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct json_object *parameters, *answer;
	int ret;

	ret = wire_connect(socket, &fd, problem);
	if (ret)
		return ret;
	parameters = json_object_new_object();
	ret = parameters ? view_add(parameters, "xml", json_object_new_string(xml)) : -ENOMEM;
	if (!ret)
		ret = wire_call(fd, "MayStart", TAKE_PTR(parameters), &answer, problem);
	json_object_put(parameters);
	if (!ret)
		json_object_put(answer);
	return ret;
}

int hook_main(int argc, char **argv, const struct hook_input *input)
{
	CLEANUP(cleanup_free) char *xml = NULL;
	struct problem problem = { "" };
	bool concerned = false;
	size_t len = 0;
	int ret;

	if (argc < 4) {
		fprintf(input->err, "pfkeep: usage: DOMAIN OPERATION SUBOPERATION EXTRA\n");
		return 2;
	}
	if (strcmp(argv[2], "prepare") || strcmp(argv[3], "begin"))
		return 0;
	ret = read_xml(input->in, &xml, &len, &problem);
	if (!ret)
		ret = concerns_us(input->root, xml, len, &concerned, &problem);
	if (!ret && concerned)
		ret = ask(input->socket, xml, &problem);
	if (ret && !*problem.text)
		problem_set(&problem, ret, "%s", strerror(-ret));
	if (ret)
		fprintf(input->err, "pfkeep: %s\n", problem.text);
	return ret ? 1 : 0;
}
