// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/guest/flow_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/wire/flow.h"

const char flow_options_usage[] =
	"usage: wire-flow echo IP [OPTION]...     sends numbered datagrams, counts their echoes\n"
	"       wire-flow send IP [OPTION]...     sends them one way\n"
	"       wire-flow receive [OPTION]...     counts what comes one way\n"
	"  --port P   theirs, for receive ours (7777)    --bind IP    our address (any)\n"
	"  --id N     the flow's number (1)              --count N    then end (no end)\n"
	"  --rate R   datagrams a second (100)           --drain MS   wait for answers (2000)\n"
	"  --size B   bytes of payload (200)\n";

enum {
	OPT_PORT = 1,
	OPT_ID,
	OPT_RATE,
	OPT_SIZE,
	OPT_COUNT,
	OPT_DRAIN,
	OPT_BIND,
};

static const struct option long_options[] = {
	{ "port", required_argument, NULL, OPT_PORT },
	{ "id", required_argument, NULL, OPT_ID },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "drain", required_argument, NULL, OPT_DRAIN },
	{ "bind", required_argument, NULL, OPT_BIND },
	{ NULL, 0, NULL, 0 },
};

static int complain(const char *what, const char *text, const char *rule)
{
	fprintf(stderr, "wire-flow: %s '%s': %s\n", what, text, rule);
	return -EINVAL;
}

static int parse_ip(const char *what, const char *text, uint32_t *ret_ip)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		return complain(what, text, "must be an IPv4 address");
	*ret_ip = ntohl(addr.s_addr);
	return 0;
}

static int parse_number(const char *what, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	char *end, rule[80];
	uint64_t value;

	errno = 0;
	value = strtoull(optarg, &end, 10);
	if (errno || end == optarg || *end || *optarg == '-' || value < min || value > max) {
		snprintf(rule, sizeof(rule), "must be %llu to %llu", (unsigned long long)min,
			 (unsigned long long)max);
		return complain(what, optarg, rule);
	}
	*ret_value = value;
	return 0;
}

static int parse_option(int c, struct flow_options *options)
{
	uint64_t value = 0;
	int r = -EINVAL;

	switch (c) {
	case OPT_PORT:
		r = parse_number("--port", 0, UINT16_MAX, &value);
		options->port = (uint16_t)value;
		break;
	case OPT_ID:
		r = parse_number("--id", 1, UINT16_MAX, &value);
		options->id = (uint16_t)value;
		break;
	case OPT_RATE:
		r = parse_number("--rate", 1, 100000, &value);
		options->rate = (uint32_t)value;
		break;
	case OPT_SIZE:
		r = parse_number("--size", FLOW_PAYLOAD_MIN, FLOW_PAYLOAD_MAX, &value);
		options->size = (uint32_t)value;
		break;
	case OPT_COUNT:
		r = parse_number("--count", 1, UINT32_MAX, &options->count);
		break;
	case OPT_DRAIN:
		r = parse_number("--drain", 0, 3600000, &options->drain_ms);
		break;
	case OPT_BIND:
		r = parse_ip("--bind", optarg, &options->bind);
		break;
	default:
		break;
	}
	return r;
}

static int parse_mode(const char *text, enum flow_mode *ret_mode)
{
	static const char *const modes[] = { "echo", "send", "receive" };

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, modes[i]) == 0) {
			*ret_mode = (enum flow_mode)i;
			return 0;
		}
	}
	return complain("mode", text, "must be echo, send or receive");
}

int flow_options_parse(int argc, char *argv[], struct flow_options *ret_options)
{
	struct flow_options options = {
		.port = FLOW_ECHO_PORT,
		.id = 1,
		.rate = 100,
		.size = 200,
		.drain_ms = 2000,
	};
	int c, r, wanted;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		r = parse_option(c, &options);
		if (r < 0)
			return r;
	}
	r = parse_mode(optind < argc ? argv[optind] : "", &options.mode);
	if (r < 0)
		return r;
	wanted = options.mode == FLOW_MODE_RECEIVE ? 1 : 2;
	if (argc - optind != wanted)
		return complain("mode", argv[optind],
				wanted == 1 ? "takes no address" : "takes one address");
	if (wanted == 2)
		r = parse_ip("address", argv[optind + 1], &options.peer);
	*ret_options = options;
	return r;
}
