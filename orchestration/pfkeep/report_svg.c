// SPDX-License-Identifier: GPL-2.0-only
/*
 * One row a phase and one a VM, all on one scale, so that labels have places of
 * their own and never meet, however long or short what they name was.
 */
#include <errno.h>
#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/pfkeep/report.h"

#define WIDTH	  1160
#define MARGIN	  28
#define LEFT	  345  /* of the scale; names and explanations before it */
#define RIGHT	  1040 /* durations behind it */
#define ROW	  26
#define BAR	  14
#define NAME_X	  MARGIN
#define TEXT_X	  118
#define LINE_MAX_ 155 /* letters of a small text that fit a line */
#define NAME_MAX_ 38  /* letters of a VM's name that fit before the scale */
#define BAR_MIN	  2.0
#define SEAM_MIN  4.0 /* shorter ones are not parted from those before */
#define FONT	  "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"

#define INK	"#1f2933"
#define MUTED	"#616e7c"
#define GRID	"#e4e7eb"
#define PAPER	"#ffffff"
#define BAND	"#fdf3e7" /* where VMs stand still */
#define RUNS	"#d3e9dc"
#define BAD	"#c22f2f"
#define NOTHING "#eef1f4"

struct canvas {
	xmlTextWriterPtr w;
	bool broken; /* a write failed: nothing comes of it */
	const struct live *live;
	uint64_t begin, end;
	double y; /* the next row's top */
};

static const char *const colours[] = {
	[REPORT_OLD] = "#3566a5",
	[REPORT_JUMP] = "#e08a2c",
	[REPORT_NEW] = "#2f8a5b",
	[REPORT_BACK] = "#8a5aa8",
};

static void begin(struct canvas *c, const char *name)
{
	c->broken |= xmlTextWriterStartElement(c->w, BAD_CAST name) < 0;
}

static void end(struct canvas *c)
{
	c->broken |= xmlTextWriterEndElement(c->w) < 0;
}

static void attr(struct canvas *c, const char *name, const char *value)
{
	c->broken |= xmlTextWriterWriteAttribute(c->w, BAD_CAST name, BAD_CAST value) < 0;
}

static void number(struct canvas *c, const char *name, double value)
{
	char text[40];

	snprintf(text, sizeof(text), "%.1f", value);
	attr(c, name, text);
}

static void content(struct canvas *c, const char *text)
{
	c->broken |= xmlTextWriterWriteString(c->w, BAD_CAST text) < 0;
}

/* What a viewer shows when the mouse is over it. */
static void hint(struct canvas *c, const char *text)
{
	begin(c, "title");
	content(c, text);
	end(c);
}

static void rect(struct canvas *c, double x, double y, double width, double height,
		 const char *fill, const char *why)
{
	begin(c, "rect");
	number(c, "x", x);
	number(c, "y", y);
	number(c, "width", width);
	number(c, "height", height);
	attr(c, "fill", fill);
	attr(c, "shape-rendering", "crispEdges");
	if (why)
		hint(c, why);
	end(c);
}

static void line(struct canvas *c, double x, double from, double to, const char *stroke)
{
	begin(c, "line");
	number(c, "x1", x);
	number(c, "x2", x);
	number(c, "y1", from);
	number(c, "y2", to);
	attr(c, "stroke", stroke);
	end(c);
}

struct pen {
	double size;
	const char *fill;
	const char *anchor; /* start, middle, end */
	bool bold;
};

static const struct pen title_pen = { 20, INK, "start", true };
static const struct pen failed_pen = { 20, BAD, "start", true };
static const struct pen small_pen = { 12, MUTED, "start", false };
static const struct pen reason_pen = { 12, BAD, "start", false };
static const struct pen name_pen = { 12.5, INK, "start", true };
static const struct pen bad_name_pen = { 12.5, BAD, "start", true };
static const struct pen figure_pen = { 12.5, INK, "end", false };
static const struct pen strong_pen = { 12.5, INK, "end", true };
static const struct pen bad_figure_pen = { 12.5, BAD, "end", true };
static const struct pen axis_pen = { 11, MUTED, "middle", false };
static const struct pen head_pen = { 11, MUTED, "start", true };
static const struct pen inside_pen = { 11, PAPER, "middle", true };

static void text(struct canvas *c, double x, double y, const struct pen *pen, const char *what)
{
	begin(c, "text");
	number(c, "x", x);
	number(c, "y", y);
	number(c, "font-size", pen->size);
	attr(c, "fill", pen->fill);
	attr(c, "text-anchor", pen->anchor);
	if (pen->bold)
		attr(c, "font-weight", "bold");
	content(c, what);
	end(c);
}

static double x_of(const struct canvas *c, uint64_t ticks)
{
	if (ticks <= c->begin || c->end <= c->begin)
		return LEFT;
	if (ticks >= c->end)
		return RIGHT;
	return LEFT + (RIGHT - LEFT) * ((double)(ticks - c->begin) / (double)(c->end - c->begin));
}

/* A time, be it ever so short, is seen, and doesn't leave the scale. */
static void bar(struct canvas *c, uint64_t from, uint64_t to, const char *fill, const char *why)
{
	double x = x_of(c, from), width = x_of(c, to) - x;

	if (width < BAR_MIN)
		width = BAR_MIN;
	if (x + width > RIGHT)
		x = RIGHT - width;
	rect(c, x, c->y + (ROW - BAR) / 2.0, width, BAR, fill, why);
}

/* Words of a long text, as many as fit each line. */
static void paragraph(struct canvas *c, const struct pen *pen, const char *words)
{
	char part[LINE_MAX_ + 1];

	while (*words) {
		size_t n = strlen(words);

		if (n > LINE_MAX_) {
			n = LINE_MAX_;
			while (n && words[n] != ' ')
				n--;
			n = n ? n : LINE_MAX_;
		}
		snprintf(part, sizeof(part), "%.*s", (int)n, words);
		text(c, MARGIN, c->y + 12, pen, part);
		c->y += 17;
		words += n;
		words += *words == ' ';
	}
}

/* 1, 2 or 5 times a power of ten, so that there are some five to ten of them. */
static double step_of(double total)
{
	double step = 0.001;

	while (total / step > 50)
		step *= 10;
	if (total / step > 25)
		return step * 5;
	return total / step > 10 ? step * 2 : step;
}

static void axis(struct canvas *c, double bottom)
{
	double total = live_report_ms(c->live, c->begin, c->end), step;
	char label[40];

	if (total <= 0)
		return;
	step = step_of(total);
	for (int i = 0; i * step <= total; i++) {
		double ms = i * step, x = LEFT + (RIGHT - LEFT) * (ms / total);

		line(c, x, c->y + 6, bottom, GRID);
		if (step >= 1000)
			snprintf(label, sizeof(label), "%.5g s", ms / 1000);
		else if (total >= 2000)
			snprintf(label, sizeof(label), "%.1f s", ms / 1000);
		else
			snprintf(label, sizeof(label), "%g ms", ms);
		text(c, x, c->y, &axis_pen, label);
	}
}

/* From the first VM's stop until the last one runs. */
static void band(struct canvas *c, double bottom)
{
	uint64_t from = UINT64_MAX, to = 0;
	double width;

	for (size_t i = 0; i < c->live->n_vms; i++) {
		struct live_blackout b = live_report_blackout(&c->live->vms[i]);

		if (!b.stopped)
			continue;
		from = b.from < from ? b.from : from;
		to = !b.over ? c->end : b.to > to ? b.to : to;
	}
	width = to > from ? x_of(c, to) - x_of(c, from) : 0;
	if (width > BAR_MIN)
		rect(c, x_of(c, from), c->y + 6, width, bottom - c->y - 6, BAND, NULL);
}

/* When the next kernel had the CPU; 0: not in this update. */
static uint64_t jump_of(const struct live *live)
{
	for (size_t i = 1; i < live->n_phases; i++)
		if (!strcmp(live->phases[i].name, "jump") || !strcmp(live->phases[i].name, "boot"))
			return live->result == LIVE_FAILED && !strcmp(live->failed, "jump")
				       ? 0
				       : live->phases[i].ticks;
	return 0;
}

/* A text inside a bar, if it fits there. */
static void inside(struct canvas *c, uint64_t from, uint64_t to, const char *what)
{
	double width = x_of(c, to) - x_of(c, from);

	if (width > 7.5 * (double)strlen(what) + 8)
		text(c, x_of(c, from) + width / 2, c->y + ROW / 2.0 + 4, &inside_pen, what);
}

static void kernels(struct canvas *c)
{
	uint64_t jump = jump_of(c->live);
	char old[96], next[96];

	snprintf(old, sizeof(old), "%s", *c->live->from ? c->live->from : "old kernel");
	snprintf(next, sizeof(next), "%s", *c->live->to ? c->live->to : "next kernel");
	text(c, NAME_X, c->y + ROW / 2.0 + 4, &name_pen, "release");
	text(c, TEXT_X, c->y + ROW / 2.0 + 4, &small_pen, "which kernel has the host");
	bar(c, c->begin, jump ? jump : c->end, colours[REPORT_OLD], old);
	inside(c, c->begin, jump ? jump : c->end, old);
	if (jump) {
		bar(c, jump, c->end, colours[REPORT_NEW], next);
		inside(c, jump, c->end, next);
	}
	c->y += ROW;
}

static void phase_row(struct canvas *c, const struct live_phase *phase)
{
	const struct live *live = c->live;
	bool failed = live->result == LIVE_FAILED && !strcmp(phase->name, live->failed);
	struct report_phase is = report_phase(phase->name);
	char took[32], why[128];

	report_duration(live_report_ms(live, phase[-1].ticks, phase->ticks), took, sizeof(took));
	snprintf(why, sizeof(why), "%s: %s", phase->name, took);
	text(c, NAME_X, c->y + ROW / 2.0 + 4, failed ? &bad_name_pen : &name_pen, phase->name);
	text(c, TEXT_X + (is.side == REPORT_BACK ? 24 : 0), c->y + ROW / 2.0 + 4,
	     failed ? &reason_pen : &small_pen, failed ? "failed here" : is.text);
	bar(c, phase[-1].ticks, phase->ticks, failed ? BAD : colours[is.side], why);
	text(c, WIDTH - MARGIN, c->y + ROW / 2.0 + 4, failed ? &bad_figure_pen : &figure_pen, took);
	c->y += ROW;
}

static void short_name(const struct live_vm *vm, char *ret_name, size_t size)
{
	char name[LIVE_NAME];

	report_name(vm, name, sizeof(name));
	if (strlen(name) > NAME_MAX_)
		snprintf(ret_name, size, "%.*s...", NAME_MAX_ - 3, name);
	else
		snprintf(ret_name, size, "%s", name);
}

/* Without a jump it came back to where it had been. */
static const char *vm_colour(const struct live *live, const char *phase)
{
	if (jump_of(live))
		return colours[report_phase(phase).side];
	return colours[strcmp(phase, LIVE_VM_RESUME) ? REPORT_OLD : REPORT_BACK];
}

/* It runs, but for what its phases say. */
static void vm_row(struct canvas *c, const struct live_vm *vm)
{
	struct live_blackout b = live_report_blackout(vm);
	bool away = b.stopped && !b.over;
	char name[LIVE_NAME], took[32], why[64];

	short_name(vm, name, sizeof(name));
	report_blackout(c->live, vm, took, sizeof(took));
	text(c, NAME_X, c->y + ROW / 2.0 + 4, away ? &bad_name_pen : &name_pen, name);
	bar(c, c->begin, b.stopped ? b.from : c->end, RUNS, "runs");
	if (b.over && b.to < c->end)
		bar(c, b.to, c->end, RUNS, "runs");
	if (away)
		bar(c, b.to, c->end, NOTHING, "doesn't run");
	for (size_t i = 1; i < vm->n_phases; i++) {
		const struct live_phase *phase = &vm->phases[i];

		if (!b.stopped || phase->ticks <= b.from)
			continue;
		snprintf(why, sizeof(why), "%s: ", phase->name);
		report_duration(live_report_ms(c->live, phase[-1].ticks, phase->ticks),
				why + strlen(why), sizeof(why) - strlen(why));
		bar(c, phase[-1].ticks, phase->ticks, vm_colour(c->live, phase->name), why);
		if (x_of(c, phase->ticks) - x_of(c, phase[-1].ticks) > SEAM_MIN)
			line(c, x_of(c, phase[-1].ticks), c->y + (ROW - BAR) / 2.0,
			     c->y + (ROW + BAR) / 2.0, PAPER);
	}
	text(c, WIDTH - MARGIN, c->y + ROW / 2.0 + 4, away ? &bad_figure_pen : &strong_pen, took);
	c->y += ROW;
}

static void legend(struct canvas *c)
{
	static const struct {
		const char *colour, *text;
		double width;
		bool failed; /* only then */
	} keys[] = {
		{ RUNS, "VM runs", 100, false },
		{ BAND, "a VM stands still", 155, false },
		{ "#3566a5", "old kernel", 115, false },
		{ "#e08a2c", "kexec and boot, no QEMU", 205, false },
		{ "#2f8a5b", "next kernel, next QEMU", 190, false },
		{ BAD, "failed", 85, true },
		{ "#8a5aa8", "taken back", 110, true },
	};
	double x = MARGIN;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].failed && c->live->result != LIVE_FAILED)
			continue;
		rect(c, x, c->y, 12, 12, keys[i].colour, NULL);
		text(c, x + 17, c->y + 10, &small_pen, keys[i].text);
		x += keys[i].width;
	}
}

static void heading(struct canvas *c, const char *left, const char *right)
{
	static const struct pen right_pen = { 11, MUTED, "end", true };

	text(c, NAME_X, c->y, &head_pen, left);
	text(c, WIDTH - MARGIN, c->y, &right_pen, right);
}

static void draw(struct canvas *c)
{
	const struct live *live = c->live;
	size_t rows = (live->n_phases ? live->n_phases - 1 : 0) + 1;
	char words[REPORT_LINE];
	double bottom;

	report_title(live, words, sizeof(words));
	text(c, MARGIN, 42, live->result == LIVE_DONE ? &title_pen : &failed_pen, words);
	report_subtitle(live, words, sizeof(words));
	c->y = 54;
	paragraph(c, &small_pen, words);
	if (live->result == LIVE_FAILED)
		paragraph(c, &reason_pen, live->why.text);
	c->y += 28;
	bottom = c->y + 10 + (double)rows * ROW;
	if (live->n_vms)
		bottom += 34 + (double)live->n_vms * ROW;
	heading(c, "HOST", "TOOK");
	band(c, bottom);
	axis(c, bottom);
	c->y += 10;
	kernels(c);
	for (size_t i = 1; i < live->n_phases; i++)
		phase_row(c, &live->phases[i]);
	if (live->n_vms) {
		c->y += 24;
		heading(c, "VMS", "BLACKOUT");
		c->y += 10;
	}
	for (size_t i = 0; i < live->n_vms; i++)
		vm_row(c, &live->vms[i]);
	c->y = bottom + 16;
	legend(c);
	c->y += 12 + MARGIN;
}

static double page(struct canvas *c, double height)
{
	char box[64];

	c->broken |= xmlTextWriterStartDocument(c->w, NULL, "UTF-8", NULL) < 0;
	begin(c, "svg");
	attr(c, "xmlns", "http://www.w3.org/2000/svg");
	number(c, "width", WIDTH);
	number(c, "height", height);
	snprintf(box, sizeof(box), "0 0 %d %.0f", WIDTH, height);
	attr(c, "viewBox", box);
	attr(c, "font-family", FONT);
	rect(c, 0, 0, WIDTH, height, PAPER, NULL);
	draw(c);
	end(c);
	c->broken |= xmlTextWriterEndDocument(c->w) < 0;
	return c->y;
}

/* Drawn to see how high it is, and then on a page of that height. */
static int draw_on(const struct live *live, double height, double *ret_height, char **ret_svg)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	struct canvas c = {
		.w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL,
		.live = live,
		.begin = live_report_begin(live),
		.end = live_report_end(live),
	};

	if (!c.w) {
		xmlBufferFree(buffer);
		return -ENOMEM;
	}
	xmlTextWriterSetIndent(c.w, 1);
	*ret_height = page(&c, height);
	xmlFreeTextWriter(c.w);
	*ret_svg = c.broken ? NULL : strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return *ret_svg ? 0 : -ENOMEM;
}

int report_svg(const struct live *live, char **ret_svg)
{
	double height;
	int ret = draw_on(live, 0, &height, ret_svg);

	if (ret)
		return ret;
	free(*ret_svg);
	return draw_on(live, height, &height, ret_svg);
}
