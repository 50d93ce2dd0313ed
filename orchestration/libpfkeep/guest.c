// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pfkeep/guest.h"
#include "pfkeep/number.h"

#define PF_DIR		"/sys/bus/pci/devices/" GUEST_PF
#define EXEC_MS		30000 /* a busy host has its PF VMs wait */
#define DRIVER_PAUSE_MS 100

static int read_count(const struct agent_link *link, const char *path, uint16_t *ret_count,
		      struct problem *problem)
{
	char text[16];
	uint64_t count;
	int ret;

	ret = agent_read(link, path, text, sizeof(text), problem);
	if (ret)
		return ret;
	if (number_parse(text, UINT16_MAX, &count))
		return problem_set(problem, -EPROTO, "the PF VM: %s holds '%.16s'", path, text);
	*ret_count = (uint16_t)count;
	return 0;
}

int guest_get_vfs(const struct agent_link *link, uint16_t *ret_num, uint16_t *ret_total,
		  struct problem *problem)
{
	int ret;

	ret = read_count(link, PF_DIR "/sriov_totalvfs", ret_total, problem);
	if (!ret)
		ret = read_count(link, PF_DIR "/sriov_numvfs", ret_num, problem);
	return ret;
}

static unsigned int now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned int)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* A line DRIVER=... is there once a driver has it. */
static bool has_driver(const char *uevent)
{
	return !strncmp(uevent, "DRIVER=", 7) || strstr(uevent, "\nDRIVER=");
}

/* No event tells it: the agent has no word for it. */
int guest_wait_driver(const struct agent_link *link, unsigned int timeout_ms,
		      struct problem *problem)
{
	const struct timespec pause = { .tv_nsec = DRIVER_PAUSE_MS * 1000000L };
	unsigned int start = now_ms();

	for (;;) {
		char text[1024];
		int ret;

		ret = agent_read(link, PF_DIR "/uevent", text, sizeof(text), problem);
		/* A function that isn't there (yet) is the agent's error, not ours. */
		if (ret && ret != -EREMOTEIO)
			return ret;
		if (!ret && has_driver(text))
			return 0;
		if (now_ms() - start >= timeout_ms)
			return problem_set(problem, -ETIMEDOUT,
					   "no driver of the PF VM has taken the PF within %u ms",
					   timeout_ms);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}

static int write_count(const struct agent_link *link, uint16_t num, struct problem *problem)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", num);
	return agent_write(link, PF_DIR "/sriov_numvfs", text, problem);
}

int guest_set_vfs(const struct agent_link *link, uint16_t num, struct problem *problem)
{
	uint16_t now, total;
	int ret;

	ret = guest_get_vfs(link, &now, &total, problem);
	if (ret || now == num)
		return ret;
	if (num > total)
		return problem_set(problem, -ERANGE, "the PF VM's PF has %u VFs, not %u", total,
				   num);
	if (now && num)
		ret = write_count(link, 0, problem);
	if (!ret)
		ret = write_count(link, num, problem);
	if (!ret)
		ret = guest_get_vfs(link, &now, &total, problem);
	if (!ret && now != num)
		ret = problem_set(problem, -EIO, "the PF VM made %u VFs instead of %u", now, num);
	return ret;
}

/* A name that the kernel would give, so that it can't be taken for an option. */
static bool plausible_name(const char *name)
{
	size_t n = strlen(name);

	return n && n < IFNAMSIZ &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
		       n &&
	       *name != '-' && *name != '.';
}

static const char *member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

/* The one interface of "ip -json -details link" whose parent is the PF. */
static int pick_netdev(struct json_object *links, char ret_name[static IFNAMSIZ],
		       struct problem *problem)
{
	unsigned int found = 0;

	if (!json_object_is_type(links, json_type_array))
		return problem_set(problem, -EPROTO, "the PF VM: ip printed no list");
	for (size_t i = 0; i < json_object_array_length(links); i++) {
		struct json_object *one = json_object_array_get_idx(links, i);
		const char *name = member(one, "ifname");

		if (strcmp(member(one, "parentdev"), GUEST_PF))
			continue;
		if (!plausible_name(name))
			return problem_set(problem, -EPROTO,
					   "the PF VM: an interface named '%.20s'", name);
		snprintf(ret_name, IFNAMSIZ, "%s", name);
		found++;
	}
	if (!found)
		return problem_set(
			problem, -ENOTSUP,
			"the PF isn't a network device in its VM: its VFs have no such settings");
	if (found > 1)
		return problem_set(problem, -ENOTSUP, "the PF has %u network interfaces in its VM",
				   found);
	return 0;
}

static int find_netdev(const struct agent_link *link, char ret_name[static IFNAMSIZ],
		       struct problem *problem)
{
	static const char *const argv[] = { "/usr/sbin/ip", "-json", "-details", "link", NULL };
	struct agent_output output;
	struct json_object *links = NULL;
	struct json_tokener *tok;
	int ret;

	ret = agent_exec(link, argv, EXEC_MS, &output, problem);
	if (ret)
		return ret;
	tok = json_tokener_new_ex(AGENT_DEPTH);
	if (tok && !output.status)
		links = json_tokener_parse_ex(tok, output.out, (int)output.out_len + 1);
	if (!tok)
		ret = -ENOMEM;
	else if (output.status)
		ret = problem_set(problem, -EREMOTEIO, "the PF VM: ip failed: %.120s", output.err);
	else
		ret = pick_netdev(links, ret_name, problem);
	if (tok)
		json_tokener_free(tok);
	json_object_put(links);
	agent_output_release(&output);
	return ret;
}

/* Run ip; what it says is after the words of what. */
static int run_ip(const struct agent_link *link, const char *const *argv, const char *what,
		  struct problem *problem)
{
	struct agent_output output;
	int ret;

	ret = agent_exec(link, argv, EXEC_MS, &output, problem);
	if (ret)
		return ret;
	if (output.status)
		ret = problem_set(problem, -EREMOTEIO, "%s: the PF's driver refuses: %.160s", what,
				  output.err);
	agent_output_release(&output);
	return ret;
}

int guest_up(const struct agent_link *link, struct problem *problem)
{
	char name[IFNAMSIZ];
	const char *const argv[] = { "/usr/sbin/ip", "link", "set", "dev", name, "up", NULL };
	int ret;

	ret = find_netdev(link, name, problem);
	if (ret == -ENOTSUP)
		return 0;
	return ret ? ret : run_ip(link, argv, "up", problem);
}

/* The words of ip for a field. */
static const char *ip_word(enum vfconf_field field)
{
	return field == VFCONF_RATE ? "max_tx_rate" : NULL;
}

int guest_set_vf(const struct agent_link *link, uint16_t index, const struct vfconf *conf,
		 struct problem *problem)
{
	char name[IFNAMSIZ], number[8], what[16], values[VFCONF_FIELDS][VFCONF_VALUE];
	const char *argv[8 + 2 * VFCONF_FIELDS] = { "/usr/sbin/ip", "link", "set", "dev",
						    name,	    "vf",   number };
	int n = 7, ret;

	if (!conf->set)
		return 0;
	ret = find_netdev(link, name, problem);
	if (ret)
		return ret;
	snprintf(number, sizeof(number), "%u", index);
	for (int i = 0; i < VFCONF_FIELDS; i++) {
		enum vfconf_field field = vfconf_bit(i);

		if (!(conf->set & field))
			continue;
		argv[n++] = ip_word(field) ? ip_word(field) : vfconf_name(i);
		argv[n++] = vfconf_format(conf, field, values[i]);
	}
	snprintf(what, sizeof(what), "VF %u", index);
	return run_ip(link, argv, what, problem);
}
