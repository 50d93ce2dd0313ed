// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_domain.h"

#include <errno.h>
#include <json-c/json_object.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/vmm_args.h"

bool live_domain_is(const char *cmdline, size_t len)
{
	/* libvirt's own files of the domain are there, and only it has this one. */
	static const char key[] = "/master-key.aes";

	return memmem(cmdline, len, key, sizeof(key) - 1);
}

int live_domain_describe(struct live_vm *vm, const char *cmdline, size_t len,
			 struct problem *problem)
{
	struct vmm_args *args = calloc(1, sizeof(*args));
	int ret;

	vm->domain = calloc(1, sizeof(*vm->domain));
	if (!args || !vm->domain) {
		free(args);
		return -ENOMEM;
	}
	vm->domain->args = args;
	ret = vmm_args_read(cmdline, len, args, problem);
	if (!ret && args->n > LIVE_ARGS_MAX)
		ret = problem_set(problem, -E2BIG, "its command line is too long");
	if (ret)
		return ret;
	live_domain_take_args(vm);
	return 0;
}

/* They are vm's from now on. */
void live_domain_take_args(struct live_vm *vm)
{
	vm->argv = vm->domain->args->argv;
	vm->argc = (int)vm->domain->args->n;
	vm->domain->args->argv = NULL;
	vm->domain->args->n = 0;
}

void live_domain_lend_args(struct live_vm *vm)
{
	vm->domain->args->argv = vm->argv;
	vm->domain->args->n = (size_t)vm->argc;
	vm->argv = NULL;
	vm->argc = 0;
}

void live_domain_release(struct live_domain *domain)
{
	if (!domain)
		return;
	if (domain->args)
		vmm_args_release(domain->args);
	free(domain->args);
	json_object_put(domain->machine);
	free(domain->status);
	free(domain->model);
	free(domain);
}
