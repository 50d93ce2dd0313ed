// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_machine.h"
#include "pfkeep/cleanup.h"

#define MACHINED "org.freedesktop.machine1"
#define CALL_US	 (60 * UINT64_C(1000000)) /* systemd-machined may have to be started */

static void uuid_bytes(const char *uuid, uint8_t ret_bytes[static 16])
{
	unsigned int byte;

	for (size_t i = 0; i < 16; i++, uuid += 2) {
		uuid += *uuid == '-';
		sscanf(uuid, "%2x", &byte);
		ret_bytes[i] = (uint8_t)byte;
	}
}

/* Of the scope itself. */
static struct json_object *own_group(const struct live_machine *machine)
{
	struct json_object *list = json_get_list(machine->account, "groups", LIVE_MACHINE_PARTS);

	return list && json_object_array_length(list) ? json_object_array_get_idx(list, 0) : NULL;
}

static int add_knobs(sd_bus_message *m, struct json_object *group)
{
	uint64_t value;
	int ret = 0;

	if (!json_object_is_type(group, json_type_object))
		return 0;
	for (const struct live_knob *knob = live_knobs; knob->file && ret >= 0; knob++)
		if (!live_machine_property(group, knob, &value))
			ret = sd_bus_message_append(m, "(sv)", knob->property, "t", value);
	return ret;
}

/*
 * As libvirt has it, but for After=libvirtd.service: the scope would wait for libvirtd to
 * start, which waits for us.
 */
static int add_properties(sd_bus_message *m, const struct live_machine *machine)
{
	int ret = sd_bus_message_open_container(m, 'a', "(sv)");

	if (ret >= 0)
		ret = sd_bus_message_append(m, "(sv)(sv)", "Slice", "s", machine->slice, "Before",
					    "as", 1, "virt-guest-shutdown.target");
	if (ret >= 0)
		ret = add_knobs(m, own_group(machine));
	return ret < 0 ? ret : sd_bus_message_close_container(m);
}

static int make_call(sd_bus *bus, const struct live_machine *machine, sd_bus_message **ret_call)
{
	uint8_t uuid[16];
	int ret =
		sd_bus_message_new_method_call(bus, ret_call, MACHINED, "/org/freedesktop/machine1",
					       MACHINED ".Manager", "CreateMachineWithNetwork");

	uuid_bytes(machine->uuid, uuid);
	if (ret >= 0)
		ret = sd_bus_message_append(*ret_call, "s", machine->machine);
	if (ret >= 0)
		ret = sd_bus_message_append_array(*ret_call, 'y', uuid, sizeof(uuid));
	/* Of a network there is nothing: who has more than VFs isn't carried. */
	if (ret >= 0)
		ret = sd_bus_message_append(*ret_call, "ssusai", "libvirt-qemu", "vm",
					    (uint32_t)machine->pid, "", 0);
	return ret < 0 ? ret : add_properties(*ret_call, machine);
}

/*
 * One that could be asked libvirtd asks for the scope of a domain whose groups it finds, and ends
 * the domain if there is none. Without groups it asks for nothing.
 */
static int refuse_machined(sd_bus *bus, const struct live_machine *machine, struct problem *problem)
{
	char **names = NULL;
	int ret = sd_bus_list_names(bus, NULL, &names);

	for (char **name = names; name && *name; name++) {
		if (!strcmp(*name, MACHINED))
			ret = -EEXIST;
		free(*name);
	}
	free(names);
	if (ret == -EEXIST)
		return problem_set(problem, ret,
				   "%.60s: libvirt had made its control groups without "
				   "systemd-machined, which there is now",
				   machine->name);
	return ret < 0 ? problem_set(problem, ret, "%.60s: D-Bus: %s", machine->name,
				     strerror(-ret))
		       : 0;
}

int live_machine_register(const struct live_machine *machine, struct problem *problem)
{
	CLEANUP(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	CLEANUP(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	CLEANUP(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int ret = sd_bus_open_system(&bus);

	/* Without a bus libvirtd asks nobody. */
	if (!machine->scope)
		return ret < 0 ? 0 : refuse_machined(bus, machine, problem);
	if (ret >= 0)
		ret = make_call(bus, machine, &call);
	if (ret >= 0)
		ret = sd_bus_call(bus, call, CALL_US, &error, NULL);
	if (ret >= 0)
		return 0;
	return problem_set(problem, ret,
			   "%.60s: systemd-machined doesn't make it a machine: %.200s",
			   machine->name, error.message ? error.message : strerror(-ret));
}
