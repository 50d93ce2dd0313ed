// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/labctl/command.h"
#include "tests/lab/lib/client.h"

/* What each action takes; the far end checks the values. */
static const struct {
	const char *name;
	const char *options; /* words of the list below */
} actions[] = {
	{ "stats", "" },
	{ "send", " kind id dst src mac vlan rate size count port " },
	{ "listen", " id src dst vlan port " },
	{ "stop", " id " },
	{ "reset", " id " },
	{ "remove", " id " },
	{ "wait", " id " },
	{ "address", " ip vlan " },
};

static bool is_number_option(const char *name)
{
	return strstr(" id vlan rate size count port ", name) != NULL;
}

static const char *find_action(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(name, actions[i].name) == 0)
			return actions[i].options;
	return NULL;
}

static bool is_allowed(const char *list, const char *name)
{
	char word[32];

	snprintf(word, sizeof(word), " %.20s ", name);
	return !strchr(name, ' ') && strstr(list, word) != NULL;
}

/* "--rate 100" becomes "rate": 100. */
static int add_option(const struct command *command, json_object *request, const char *allowed,
		      const char *option, const char *value)
{
	char *end;
	long long number;

	if (strncmp(option, "--", 2) != 0 || !is_allowed(allowed, option + 2))
		return command_fail(command, EXIT_USAGE, "unknown argument %s", option);
	if (!value)
		return command_fail(command, EXIT_USAGE, "%s needs a value", option);
	if (!is_number_option(option + 2)) {
		json_object_object_add(request, option + 2, json_object_new_string(value));
		return -1;
	}
	number = strtoll(value, &end, 10);
	if (end == value || *end)
		return command_fail(command, EXIT_USAGE, "%s %.40s: not a number", option, value);
	json_object_object_add(request, option + 2, json_object_new_int64(number));
	return -1;
}

static int64_t count(json_object *object, const char *key)
{
	return jsonline_int(object, key, 0);
}

static void print_flow(json_object *flow)
{
	json_object *part;

	printf("  flow %lld %s %s: sent %lld, received %lld, lost %lld, pending %lld, duplicated "
	       "%lld, reordered %lld, corrupted %lld\n",
	       (long long)count(flow, "id"), jsonline_string(flow, "kind", "?"),
	       jsonline_string(flow, "state", "?"), (long long)count(flow, "sent"),
	       (long long)count(flow, "received"), (long long)count(flow, "lost"),
	       (long long)count(flow, "pending"), (long long)count(flow, "duplicated"),
	       (long long)count(flow, "reordered"), (long long)count(flow, "corrupted"));
	if (json_object_object_get_ex(flow, "rtt_ns", &part))
		printf("    round trip p50 %.3f ms, p99 %.3f ms, max %.3f ms\n",
		       (double)count(part, "p50") / 1e6, (double)count(part, "p99") / 1e6,
		       (double)count(part, "max") / 1e6);
	if (json_object_object_get_ex(flow, "blackout", &part))
		printf("    blackout %.3f ms\n", (double)count(part, "ns") / 1e6);
}

static void print_text(unsigned int pf, json_object *reply)
{
	json_object *cable, *flows;

	if (json_object_object_get_ex(reply, "cable", &cable))
		printf("wire of PF %u: %lld frames sent, %lld received\n", pf,
		       (long long)count(cable, "sent"), (long long)count(cable, "received"));
	if (json_object_object_get_ex(reply, "flows", &flows))
		for (size_t i = 0; i < json_object_array_length(flows); i++)
			print_flow(json_object_array_get_idx(flows, i));
}

/* The request's action and options from argv[pos] on; -1, or an exit status. */
static int parse(const struct command *command, int argc, char **argv, int pos,
		 json_object *request)
{
	const char *action = pos < argc ? argv[pos] : "stats", *allowed = find_action(action);
	int ret;

	if (!allowed)
		return command_fail(command, EXIT_USAGE, "unknown action %s", action);
	for (pos++; pos < argc; pos += 2) {
		ret = add_option(command, request, allowed, argv[pos],
				 pos + 1 < argc ? argv[pos + 1] : NULL);
		if (ret >= 0)
			return ret;
	}
	/* Listening is a flow that a guest sends and we count. */
	if (strcmp(action, "listen") == 0) {
		json_object_object_add(request, "kind", json_object_new_string("receive"));
		action = "send";
	}
	json_object_object_add(request, "action", json_object_new_string(action));
	return -1;
}

static int ask(const struct command *command, const struct command_options *options,
	       json_object *request)
{
	struct lab_error error;
	struct client client;
	json_object *reply;
	int err;

	if (client_open(options->name, &client, &error) < 0)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	err = client_call(&client, "wire", request, &reply, &error);
	client_close(&client);
	if (err)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	if (options->json)
		printf("%s\n", json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PRETTY));
	else
		print_text(options->pf, reply);
	json_object_put(reply);
	return EXIT_DONE;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct command_options options;
	json_object *request;
	int pos, ret;

	ret = command_options(command, argc, argv, OPTION_PF | OPTION_JSON, &options, &pos);
	if (ret >= 0)
		return ret;
	/* --json is natural behind the action, too. */
	if (pos < argc && strcmp(argv[argc - 1], "--json") == 0) {
		options.json = true;
		argc--;
	}
	request = json_object_new_object();
	json_object_object_add(request, "pf", json_object_new_int((int)options.pf));
	ret = parse(command, argc, argv, pos, request);
	if (ret < 0)
		ret = ask(command, &options, request);
	json_object_put(request);
	return ret;
}

const struct command cmd_wire = {
	"wire",
	"[--name N] [--pf I] [--json] ACTION [OPTION VALUE]...",
	"The far end of PF I's cable (0): a station with the address 10.77.I.1. Answers with\n"
	"the account of all its flows.\n\n"
	"  stats                     the account as it is\n"
	"  send --dst IP             start a flow of numbered datagrams\n"
	"    [--kind K]              echo: the guest answers each (default); send: the guest\n"
	"                            counts; receive: the guest sends\n"
	"    [--id N] [--mac M] [--vlan V] [--src IP] [--port P]\n"
	"    [--rate R] [--size S]   frames a second (100), bytes of payload (64)\n"
	"    [--count C]             stop after C frames (never)\n"
	"  listen [--id N] [--src IP] [--dst IP] [--vlan V] [--port P]\n"
	"                            count a flow that a guest sends\n"
	"  stop|reset|remove --id N  send no more; count anew; forget\n"
	"  wait --id N               answer when the flow is done\n"
	"  address --ip IP [--vlan V]  answer ARP and ping for one more address\n",
	run,
};
