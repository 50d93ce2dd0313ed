// SPDX-License-Identifier: GPL-2.0-only
/* What is told of a live update: as text, as JSON and as a picture. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestration/pfkeep/command.h"
#include "orchestration/pfkeep/report.h"
#include "pfkeep/cleanup.h"

#define MS 1000000ULL /* ticks, so that the counter runs at 1 GHz */

struct host {
	char path[64];
	struct root root;
	char *out, *err;
};

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof(*h));
	char path[128];

	snprintf(h->path, sizeof(h->path), "/tmp/report_test.XXXXXX");
	if (!mkdtemp(h->path) || root_open(h->path, &h->root))
		return -1;
	snprintf(path, sizeof(path), "%s/var", h->path);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/var/lib", h->path);
	mkdir(path, 0755);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { LIVE_REPORT, "/picture.svg", "/var/lib/pfkeep",
					     "/var/lib",  "/var",	  "" };
	struct host *h = *state;
	char path[160];
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s%s", h->path, names[i]);
		ret = remove(path);
	}
	root_close(&h->root);
	free(h->out);
	free(h->err);
	free(h);
	return ret;
}

static enum command_status run(struct host *h, const char *option, const char *value)
{
	char *argv[] = { (char *)"pfkeep",
			 (char *)"report",
			 (char *)"--root",
			 h->path,
			 (char *)option,
			 (char *)value,
			 NULL };
	size_t n_out, n_err;
	enum command_status status;
	FILE *out, *err;

	free(h->out);
	free(h->err);
	out = open_memstream(&h->out, &n_out);
	err = open_memstream(&h->err, &n_err);
	assert_true(out && err);
	status = command_main(4 + (option != NULL) + (value != NULL), argv, out, err);
	fclose(out);
	fclose(err);
	return status;
}

static void says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("no '%s' in: %s", words, text);
}

/* PHASE MS PHASE MS ..., from the first on. */
struct step {
	const char *name;
	uint64_t ms;
};

static void host_phases(struct live *live, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		live_phase_at(live, steps[i].name, 7000 * MS + steps[i].ms * MS);
}

static struct live_vm *add_vm(struct live *live, const char *name, const struct step *steps,
			      size_t n)
{
	struct live_vm *vm = &live->vms[live->n_vms++];

	vm->hold = vm->state = -1;
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	for (size_t i = 0; i < n; i++)
		live_vm_phase_at(vm, steps[i].name, 7000 * MS + steps[i].ms * MS);
	return vm;
}

static void begin(struct live *live)
{
	live_init(live);
	live->vms = calloc(LIVE_VMS_MAX, sizeof(*live->vms));
	live->ticks_per_ms = MS;
	live->since = 1795282203;
	snprintf(live->from, sizeof(live->from), "7.3.4-old");
}

static const struct step all_phases[] = {
	{ "begin", 0 },	       { "check", 35 },	    { "load", 180 },	 { "save", 1480 },
	{ "preserve", 1650 },  { "jump", 3400 },    { "kernel", 7200 },	 { "init", 11900 },
	{ "retrieve", 12450 }, { "attach", 16100 }, { "resume", 18300 }, { "finish", 18304 },
};
static const struct step vm_phases[] = {
	{ "order", 810 },   { "stop", 815 },	 { "save", 1480 },    { "carry", 12450 },
	{ "start", 12700 }, { "attach", 14000 }, { "resume", 17815 },
};

static void a_good_one(struct live *live, size_t vms, const char *name)
{
	begin(live);
	snprintf(live->to, sizeof(live->to), "7.3.5-new");
	host_phases(live, all_phases, ARRAY_SIZE(all_phases));
	for (size_t i = 0; i < vms; i++)
		add_vm(live, name, vm_phases, ARRAY_SIZE(vm_phases));
}

static void write_report(struct host *h, struct live *live)
{
	struct problem problem = { "" };

	if (live_report_write(&h->root, live, &problem))
		fail_msg("%s", problem.text);
	live_release(live);
}

/* Found at a dotted path of keys and places: "vms.0.blackout_ms". */
static char *json_at(const char *text, const char *path, char *ret_value, size_t size)
{
	struct json_object *all = json_tokener_parse(text), *o = all;
	char copy[128], *rest = copy, *key;

	assert_non_null(all);
	snprintf(copy, sizeof(copy), "%s", path);
	while (o && (key = strsep(&rest, ".")))
		o = json_object_is_type(o, json_type_array)
			    ? json_object_array_get_idx(o, strtoul(key, NULL, 10))
			    : json_object_object_get(o, key);
	snprintf(ret_value, size, "%s", o ? json_object_get_string(o) : "(none)");
	json_object_put(all);
	return ret_value;
}

static void without_an_update_there_is_nothing_to_tell(void **state)
{
	struct host *h = *state;

	assert_int_equal(run(h, NULL, NULL), COMMAND_FAILED);
	says(h->err, "there was no live update yet");
}

static void each_phase_and_each_blackout_is_told(void **state)
{
	struct host *h = *state;
	struct live live;
	char value[64];

	a_good_one(&live, 2, "red");
	write_report(h, &live);
	assert_int_equal(run(h, NULL, NULL), COMMAND_DONE);
	says(h->out, "Live update: 2 VMs went on\n");
	says(h->out, "kernel 7.3.4-old to 7.3.5-new, 18.30 s in all, longest blackout 17.00 s\n");
	says(h->out, "jump               1.75 s     3.40 s");
	says(h->out, "finish            4.00 ms    18.30 s");
	says(h->out, "stop 5.00 ms, save 665 ms, carry 10.97 s, start 250 ms, attach 1.30 s");
	assert_int_equal(run(h, "--json", NULL), COMMAND_DONE);
	assert_string_equal(json_at(h->out, "result", value, sizeof(value)), "done");
	assert_string_equal(json_at(h->out, "phases.4.phase", value, sizeof(value)), "jump");
	assert_string_equal(json_at(h->out, "phases.4.from_ms", value, sizeof(value)), "1650.000");
	assert_string_equal(json_at(h->out, "phases.4.ms", value, sizeof(value)), "1750.000");
	assert_string_equal(json_at(h->out, "vms.1.blackout_ms", value, sizeof(value)),
			    "17000.000");
	assert_string_equal(json_at(h->out, "vms.1.phases.3.phase", value, sizeof(value)), "start");
}

static void rolled_back(struct live *live)
{
	static const struct step phases[] = { { "begin", 0 },	    { "check", 35 },
					      { "load", 180 },	    { "save", 1480 },
					      { "preserve", 1490 }, { "undo save", 2350 },
					      { "undo load", 2351 } };
	static const struct step vm[] = { { "order", 185 },
					  { "stop", 190 },
					  { "save", 800 },
					  { "carry", 1491 },
					  { "resume", 2190 } };
	struct problem why;

	begin(live);
	host_phases(live, phases, ARRAY_SIZE(phases));
	add_vm(live, "red", vm, ARRAY_SIZE(vm));
	problem_set(&why, 0, "live update session pfkeep: File exists");
	live_fail(live, "preserve", &why);
}

static void a_failed_one_is_told_up_to_where_it_failed(void **state)
{
	struct host *h = *state;
	struct live live;
	char value[64];

	rolled_back(&live);
	write_report(h, &live);
	assert_int_equal(run(h, NULL, NULL), COMMAND_DONE);
	says(h->out, "Live update failed in preserve: all VMs run on\n");
	says(h->out, "\npreserve: live update session pfkeep: File exists\n");
	says(h->out, "preserve            10 ms     1.49 s  failed\n");
	says(h->out, "undo save          860 ms     2.35 s  taken back\n");
	says(h->out, "red                          2.00 s");
	assert_null(strstr(h->out, "jump"));
	assert_int_equal(run(h, "--json", NULL), COMMAND_DONE);
	assert_string_equal(json_at(h->out, "result", value, sizeof(value)), "failed");
	assert_string_equal(json_at(h->out, "failed", value, sizeof(value)), "preserve");
	assert_string_equal(json_at(h->out, "vms.0.runs", value, sizeof(value)), "true");
}

/* As it is on disk when the kernel jumps. */
static void jumped(struct live *live)
{
	begin(live);
	live->result = LIVE_OPEN;
	host_phases(live, all_phases, 5);
	add_vm(live, "red", vm_phases, 3);
}

static void an_update_nobody_came_back_from_is_told(void **state)
{
	struct host *h = *state;
	struct problem why;
	struct live live;
	char value[64];

	jumped(&live);
	write_report(h, &live);
	assert_int_equal(run(h, NULL, NULL), COMMAND_DONE);
	says(h->out, "the next kernel hasn't reported back");
	says(h->out, "red                         unknown");
	problem_set(&why, 0, "it was handed no session");
	live_report_lost(&h->root, "retrieve", &why);
	assert_int_equal(run(h, NULL, NULL), COMMAND_DONE);
	says(h->out, "Live update failed in retrieve: 1 of 1 VM didn't come back");
	says(h->out, "\nretrieve: it was handed no session\n");
	assert_int_equal(run(h, "--json", NULL), COMMAND_DONE);
	assert_string_equal(json_at(h->out, "vms.0.runs", value, sizeof(value)), "false");
	assert_string_equal(json_at(h->out, "vms.0.blackout_ms", value, sizeof(value)), "(none)");
}

/* An ordinary boot, after an update that was over: nothing becomes of it. */
static void an_update_that_is_over_stays_as_it_was(void **state)
{
	struct host *h = *state;
	struct problem why = { "no session" };
	struct live live;

	a_good_one(&live, 1, "red");
	write_report(h, &live);
	live_report_lost(&h->root, "retrieve", &why);
	assert_int_equal(run(h, NULL, NULL), COMMAND_DONE);
	says(h->out, "Live update: 1 VM went on");
}

struct label {
	double x0, x1, y;
	char words[200];
};

static double attribute(xmlNodePtr node, const char *name)
{
	char *text = (char *)xmlGetProp(node, BAD_CAST name);
	double value = text ? strtod(text, NULL) : -1;

	xmlFree(text);
	return value;
}

/* Where it begins and ends, for letters that are wider than most. */
static struct label measure(xmlNodePtr node)
{
	char *words = (char *)xmlNodeGetContent(node);
	char *anchor = (char *)xmlGetProp(node, BAD_CAST "text-anchor");
	char *weight = (char *)xmlGetProp(node, BAD_CAST "font-weight");
	double width =
		(double)strlen(words) * attribute(node, "font-size") * (weight ? 0.63 : 0.57);
	struct label label = { .x0 = attribute(node, "x"), .y = attribute(node, "y") };

	if (!strcmp(anchor, "middle"))
		label.x0 -= width / 2;
	if (!strcmp(anchor, "end"))
		label.x0 -= width;
	label.x1 = label.x0 + width;
	snprintf(label.words, sizeof(label.words), "%s", words);
	xmlFree(words);
	xmlFree(anchor);
	xmlFree(weight);
	return label;
}

static void apart(const struct label *a, const struct label *b)
{
	double dy = a->y < b->y ? b->y - a->y : a->y - b->y;

	if (dy < 11 && a->x0 < b->x1 && b->x0 < a->x1)
		fail_msg("'%s' lies on '%s'", a->words, b->words);
}

/* What stands before the scale doesn't reach into it, where its lines are. */
static void before_the_scale(xmlNodePtr root, const struct label *labels, size_t n)
{
	xmlNodePtr line = root->children;
	double left, top, bottom;

	while (line && xmlStrcmp(line->name, BAD_CAST "line"))
		line = line->next;
	if (!line)
		return;
	left = attribute(line, "x1");
	top = attribute(line, "y1");
	bottom = attribute(line, "y2");
	for (size_t i = 0; i < n; i++)
		if (labels[i].y > top && labels[i].y < bottom && labels[i].x0 < left &&
		    labels[i].x1 > left)
			fail_msg("'%s' reaches into the scale", labels[i].words);
}

static void check_picture(struct live *live, const char *words)
{
	static struct label labels[400];
	CLEANUP(cleanup_free) char *svg = NULL;
	double width, height;
	bool found = false;
	size_t n = 0;
	xmlDocPtr doc;

	assert_int_equal(report_svg(live, &svg), 0);
	doc = xmlReadMemory(svg, (int)strlen(svg), "svg", NULL, XML_PARSE_NONET);
	assert_non_null(doc);
	width = attribute(xmlDocGetRootElement(doc), "width");
	height = attribute(xmlDocGetRootElement(doc), "height");
	for (xmlNodePtr node = xmlDocGetRootElement(doc)->children; node; node = node->next) {
		if (!xmlStrcmp(node->name, BAD_CAST "rect")) {
			assert_true(attribute(node, "x") >= 0);
			assert_true(attribute(node, "width") > 0);
			assert_true(attribute(node, "x") + attribute(node, "width") <= width);
			assert_true(attribute(node, "y") + attribute(node, "height") <= height);
		}
		if (node->type != XML_ELEMENT_NODE || xmlStrcmp(node->name, BAD_CAST "text"))
			continue;
		assert_true(n < ARRAY_SIZE(labels));
		labels[n] = measure(node);
		assert_true(labels[n].x0 >= 0 && labels[n].x1 <= width && labels[n].y < height);
		for (size_t i = 0; i < n; i++)
			apart(&labels[i], &labels[n]);
		found |= strstr(labels[n++].words, words) != NULL;
	}
	before_the_scale(xmlDocGetRootElement(doc), labels, n);
	xmlFreeDoc(doc);
	if (!found)
		fail_msg("the picture doesn't say '%s'", words);
}

static void labels_of_the_picture_never_meet(void **state)
{
	static const size_t many[] = { 0, 1, 2, 10, LIVE_VMS_MAX };
	struct live live;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		a_good_one(&live, many[i], "a-tenant-whose-name-goes-on-and-on-and-on-for-ever");
		check_picture(&live, many[i] ? "17.00 s" : "18.30 s");
		live_release(&live);
	}
}

/* Each phase in turn a thousand times as long as all others together, or nothing. */
static void phases_of_any_length_are_drawn(void **state)
{
	struct live live;

	for (size_t i = 1; i < ARRAY_SIZE(all_phases); i++) {
		for (uint64_t ms = 0; ms < 100000000; ms = ms * 1000 + 1) {
			a_good_one(&live, 2, "red");
			for (size_t k = i; k < live.n_phases; k++)
				live.phases[k].ticks += ms * MS;
			check_picture(&live, all_phases[i].name);
			live_release(&live);
		}
	}
}

static void a_failed_update_is_drawn(void **state)
{
	struct problem why;
	struct live live;

	rolled_back(&live);
	check_picture(&live, "failed in preserve: all VMs run on");
	memset(why.text, 'x', sizeof(why.text) - 1);
	why.text[sizeof(why.text) - 1] = '\0';
	live.why = why;
	check_picture(&live, "failed here");
	live_release(&live);
	jumped(&live);
	check_picture(&live, "hasn't reported back");
	live_release(&live);
	begin(&live);
	check_picture(&live, "0 VMs");
	live_release(&live);
}

/* Ticks of any kind, in any order, and a name that is no text. */
static void a_hostile_report_is_drawn_too(void **state)
{
	static const uint64_t values[] = { 0, 1, INT64_MAX, 7000 * MS };
	struct live live;

	for (unsigned int seed = 0; seed < 256; seed++) {
		a_good_one(&live, 1, "<&\"'\x01\xff]]>");
		for (size_t k = 0; k < live.n_phases; k++)
			live.phases[k].ticks = values[(seed >> (k % 4) * 2) & 3];
		for (size_t k = 0; k < live.vms[0].n_phases; k++)
			live.vms[0].phases[k].ticks = values[(seed >> (k % 3) * 2) & 3];
		live.ticks_per_ms = values[seed & 3];
		check_picture(&live, "<&\"'??]]>");
		live_release(&live);
	}
}

static void the_picture_goes_into_a_file(void **state)
{
	struct host *h = *state;
	CLEANUP(cleanup_free) char *svg = NULL;
	struct live live;
	char path[128];

	a_good_one(&live, 1, "red");
	write_report(h, &live);
	snprintf(path, sizeof(path), "%s/picture.svg", h->path);
	assert_int_equal(run(h, "--svg", path), COMMAND_DONE);
	says(h->out, "17.00 s");
	assert_int_equal(root_slurp(&h->root, "picture.svg", 1 << 20, &svg), 0);
	says(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
	says(svg, "17.00 s");
	assert_int_equal(run(h, "--svg", "/no/such/place.svg"), COMMAND_FAILED);
	says(h->err, "/no/such/place.svg: the picture can't be written: No such file");
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_HOST(without_an_update_there_is_nothing_to_tell),
		ON_A_HOST(each_phase_and_each_blackout_is_told),
		ON_A_HOST(a_failed_one_is_told_up_to_where_it_failed),
		ON_A_HOST(an_update_nobody_came_back_from_is_told),
		ON_A_HOST(an_update_that_is_over_stays_as_it_was),
		ON_A_HOST(the_picture_goes_into_a_file),
		cmocka_unit_test(labels_of_the_picture_never_meet),
		cmocka_unit_test(phases_of_any_length_are_drawn),
		cmocka_unit_test(a_failed_update_is_drawn),
		cmocka_unit_test(a_hostile_report_is_drawn_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
