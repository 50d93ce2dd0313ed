// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "tests/lab/lib/session_priv.h"

int session_exec(const char *lab, const char *cwd, char *const *argv, char *const *envp,
		 const struct session_io *io, struct session_result *ret_result,
		 struct lab_error *ret_error)
{
	static char *const default_env[] = {
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"HOME=/root",
		(char *)"LANG=C.UTF-8",
		NULL,
	};
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->io = io;
	s->result = ret_result;
	s->error = ret_error;
	s->request = PROTO_EXEC;
	err = proto_exec_pack(cwd, argv, envp ? envp : default_env, s->payload, sizeof(s->payload),
			      &s->payload_len);
	if (err)
		lab_error_set(ret_error, "the command line is longer than %d bytes",
			      PROTO_PAYLOAD_MAX);
	else
		err = session_run(s, lab);
	free(s);
	return err;
}
