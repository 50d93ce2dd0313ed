// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_cmdline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/cleanup.h"

#define SAID_MAX 64

/* What is settled by the command line. */
enum setting {
	KHO,
	LIVEUPDATE,
	IOMMU,
	VTD,
	AMD,
	SCALABLE,
	REMAPPING,
	APIC,
	ACPI,
	PCI,
	MSI,
	BUSES,
	WINDOWS,
	SETTINGS
};

/* Said of a setting by a word: of "name=word,word", or "name" alone. */
static const struct rule {
	const char *name;
	const char *word; /* NULL: yes or no, in any of the kernel's ways; "": alone */
	enum setting setting;
	bool good;
} rules[] = {
	{ "kho", NULL, KHO, true },
	{ "liveupdate", NULL, LIVEUPDATE, true },
	{ "iommu", "off", IOMMU, false },
	{ "intel_iommu", "off", VTD, false },
	{ "intel_iommu", "on", VTD, true },
	{ "intel_iommu", "sm_on", SCALABLE, false },
	{ "intel_iommu", "sm_off", SCALABLE, true },
	{ "amd_iommu", "off", AMD, false },
	{ "intremap", "off", REMAPPING, false },
	{ "intremap", "on", REMAPPING, true },
	{ "nointremap", "", REMAPPING, false },
	{ "noapic", "", APIC, false },
	{ "nolapic", "", APIC, false },
	{ "disableapic", "", APIC, false },
	{ "acpi", "off", ACPI, false },
	{ "pci", "off", PCI, false },
	{ "pci", "nomsi", MSI, false },
	{ "pci", "assign-busses", BUSES, false },
	{ "pci", "realloc", WINDOWS, false },
	{ "pci", "realloc=on", WINDOWS, false },
	{ "pci", "realloc=off", WINDOWS, true },
};

static const char *const reasons[SETTINGS] = {
	[IOMMU] = "the IOMMU would be off",
	[VTD] = "the IOMMU would be off",
	[AMD] = "the IOMMU would be off",
	[SCALABLE] = "in scalable mode translation can't be taken over",
	[REMAPPING] = "interrupts wouldn't be remapped",
	[APIC] = "there would be no remapped interrupts",
	[ACPI] = "the IOMMU wouldn't be found",
	[PCI] = "no function would be found",
	[MSI] = "functions would have no interrupts",
	[BUSES] = "functions would get other addresses",
	[WINDOWS] = "BARs of live functions would move",
};

struct state {
	bool said[SETTINGS], good[SETTINGS];
	char what[SETTINGS][SAID_MAX];
};

/* kstrtobool(); false: it's neither. */
static bool to_bool(const char *word, bool *ret_value)
{
	if (strchr("yYtT1", *word) && *word) {
		*ret_value = true;
		return true;
	}
	if (strchr("nNfF0", *word) && *word) {
		*ret_value = false;
		return true;
	}
	if (*word != 'o' && *word != 'O')
		return false;
	*ret_value = word[1] == 'n' || word[1] == 'N';
	return *ret_value || word[1] == 'f' || word[1] == 'F';
}

static bool applies(const struct rule *rule, const char *word, bool *ret_good)
{
	bool value;

	*ret_good = rule->good;
	if (rule->word)
		return !strcmp(word, rule->word);
	if (!to_bool(word, &value))
		return false;
	*ret_good = value == rule->good;
	return true;
}

static void say(struct state *state, const char *name, const char *word)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		enum setting setting = rules[i].setting;
		bool good;

		if (strcmp(name, rules[i].name) != 0 || !applies(&rules[i], word, &good))
			continue;
		state->said[setting] = true;
		state->good[setting] = good;
		snprintf(state->what[setting], sizeof(state->what[setting]), "%s%s%s", name,
			 *word ? "=" : "", word);
	}
}

/* "-" and "_" are the same in a parameter's name, but not in what it is set to. */
static void say_parameter(struct state *state, char *word)
{
	char *value = strchr(word, '='), *one;

	if (value)
		*value++ = '\0';
	for (char *p = word; *p; p++)
		if (*p == '-')
			*p = '_';
	if (!value)
		say(state, word, "");
	while (value && (one = strsep(&value, ",")))
		say(state, word, one);
}

/* Up to a blank that isn't quoted, without its quotes. NULL: there is none. */
static const char *next_word(const char *line, char *ret_word)
{
	bool quoted = false;

	line += strspn(line, " \t\n");
	if (!*line)
		return NULL;
	for (; *line && (quoted || !strchr(" \t\n", *line)); line++) {
		if (*line == '"')
			quoted = !quoted;
		else
			*ret_word++ = *line;
	}
	*ret_word = '\0';
	return line;
}

int live_cmdline_check(const char *line, struct problem *problem)
{
	static const char *const needed[] = { [KHO] = "kho=on", [LIVEUPDATE] = "liveupdate=on" };
	struct state state = { 0 };
	CLEANUP(cleanup_free) char *word = strdup(line);

	if (!word)
		return problem_set(problem, -ENOMEM, "no memory");
	/* What is behind it is init's. */
	while ((line = next_word(line, word)) && strcmp(word, "--") != 0)
		say_parameter(&state, word);
	for (int i = KHO; i <= LIVEUPDATE; i++) {
		if (!state.said[i])
			return problem_set(problem, -EINVAL,
					   "the next kernel's command line lacks %s", needed[i]);
		if (!state.good[i])
			return problem_set(problem, -EINVAL,
					   "the next kernel's command line has %s: %s is needed",
					   state.what[i], needed[i]);
	}
	for (int i = LIVEUPDATE + 1; i < SETTINGS; i++)
		if (state.said[i] && !state.good[i])
			return problem_set(problem, -EINVAL,
					   "the next kernel's command line has %s: %s",
					   state.what[i], reasons[i]);
	return 0;
}
