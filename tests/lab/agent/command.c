// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/agent/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a cancelled command may take to end after SIGTERM. */
#define COMMAND_TERM_MS 2000
/* Grant stdin credit in pieces of at least this, or when all is consumed. */
#define COMMAND_GRANT 16384

struct command {
	struct session *session;
	pid_t pid;
	struct loop_source exit; /* a pidfd */
	struct loop_source in;	 /* our end of its stdin; fd -1 once closed */
	struct loop_source out;
	struct loop_source err;
	struct loop_source kill_timer;
	bool cancelled;
	bool exited;
	bool in_eof;
	siginfo_t how;
	size_t in_len;
	uint32_t granted; /* consumed, not yet granted again */
	uint8_t in_buf[PROTO_CREDIT];
};

static void close_source(struct command *cmd, struct loop_source *src)
{
	if (src->fd < 0)
		return;
	loop_unwatch(cmd->session->loop, src);
	close(src->fd);
	src->fd = -1;
}

static void command_free(struct command *cmd)
{
	struct session *session = cmd->session;

	close_source(cmd, &cmd->in);
	close_source(cmd, &cmd->out);
	close_source(cmd, &cmd->err);
	close_source(cmd, &cmd->exit);
	loop_timer_close(session->loop, &cmd->kill_timer);
	free(cmd);
	session_work_ended(session);
}

/*
 * Pass on what a stream holds now. True when it is dry (nothing to read, or
 * closed); false when the outbox took no more: room() continues.
 */
static bool command_drain(struct command *cmd, struct loop_source *src, enum proto_type type)
{
	uint8_t buf[PROTO_PAYLOAD_MAX];
	ssize_t n;

	while (src->fd >= 0) {
		if (!session_has_room(cmd->session)) {
			loop_unwatch(cmd->session->loop, src);
			return false;
		}
		n = read(src->fd, buf, sizeof(buf));
		if (n > 0) {
			session_send(cmd->session, type, buf, (size_t)n);
		} else if (n < 0 && errno == EAGAIN) {
			loop_watch(cmd->session->loop, src);
			return true;
		} else if (n == 0 || errno != EINTR) {
			close_source(cmd, src);
		}
	}
	return true;
}

static void command_grant(struct command *cmd)
{
	uint8_t payload[4];

	if (!cmd->granted || !session_has_room(cmd->session))
		return;
	if (cmd->granted < COMMAND_GRANT && cmd->in_len)
		return;
	session_send(cmd->session, PROTO_CREDIT_GRANT, payload,
		     proto_u32_pack(cmd->granted, payload));
	cmd->granted = 0;
}

/*
 * Its streams are passed on as far as they go; a process that it left behind
 * and that holds them open doesn't hold up the end.
 */
static void command_progress(struct command *cmd)
{
	struct proto_exit how;
	uint8_t payload[8];
	bool dry;

	dry = command_drain(cmd, &cmd->out, PROTO_OUT);
	dry = command_drain(cmd, &cmd->err, PROTO_ERR) && dry;
	if (!cmd->exited || !dry)
		return;
	how.signalled = cmd->how.si_code != CLD_EXITED;
	how.value = (uint32_t)cmd->how.si_status & 0xff;
	session_send(cmd->session, PROTO_EXIT, payload, proto_exit_pack(&how, payload));
	command_free(cmd);
}

static void command_exit_event(struct loop_source *src, uint32_t events)
{
	struct command *cmd = src->data;

	/* While the leader is unreaped its group's number can't be another's. */
	if (cmd->cancelled)
		kill(-cmd->pid, SIGKILL);
	if (waitid(P_PID, (id_t)cmd->pid, &cmd->how, WEXITED) < 0)
		return;
	cmd->exited = true;
	close_source(cmd, &cmd->exit);
	if (cmd->cancelled)
		command_free(cmd);
	else
		command_progress(cmd);
}

static void command_output_event(struct loop_source *src, uint32_t events)
{
	struct command *cmd = src->data;

	command_drain(cmd, src, src == &cmd->out ? PROTO_OUT : PROTO_ERR);
}

/* Write what is buffered to its stdin; watch for room if some is left. */
static void command_feed(struct command *cmd)
{
	ssize_t n = 0;

	if (cmd->in.fd >= 0 && cmd->in_len)
		n = write(cmd->in.fd, cmd->in_buf, cmd->in_len);
	if (n > 0) {
		memmove(cmd->in_buf, cmd->in_buf + n, cmd->in_len - (size_t)n);
		cmd->in_len -= (size_t)n;
		cmd->granted += (uint32_t)n;
	} else if (n < 0 && errno != EAGAIN) {
		/* It closed its stdin: swallow the rest. */
		close_source(cmd, &cmd->in);
	}
	if (cmd->in.fd < 0) {
		cmd->granted += (uint32_t)cmd->in_len;
		cmd->in_len = 0;
	} else if (cmd->in_len) {
		loop_watch(cmd->session->loop, &cmd->in);
	} else {
		loop_unwatch(cmd->session->loop, &cmd->in);
		if (cmd->in_eof)
			close_source(cmd, &cmd->in);
	}
	command_grant(cmd);
}

static void command_input_event(struct loop_source *src, uint32_t events)
{
	command_feed(src->data);
}

static void command_kill_event(struct loop_source *src, uint32_t events)
{
	struct command *cmd = src->data;

	loop_timer_ack(src);
	kill(-cmd->pid, SIGKILL);
}

static void command_cancel(struct session *session)
{
	struct command *cmd = session->work_data;

	if (cmd->cancelled)
		return;
	cmd->cancelled = true;
	close_source(cmd, &cmd->in);
	close_source(cmd, &cmd->out);
	close_source(cmd, &cmd->err);
	if (cmd->exited) {
		command_free(cmd);
		return;
	}
	kill(-cmd->pid, SIGTERM);
	loop_timer_arm(&cmd->kill_timer, COMMAND_TERM_MS);
}

static void command_frame(struct session *session, const struct proto_frame *frame)
{
	struct command *cmd = session->work_data;
	uint32_t number;

	switch (frame->type) {
	case PROTO_IN:
		/* More than was granted: a broken client's own loss. */
		if (frame->len > sizeof(cmd->in_buf) - cmd->in_len)
			return;
		memcpy(cmd->in_buf + cmd->in_len, frame->payload, frame->len);
		cmd->in_len += frame->len;
		command_feed(cmd);
		break;
	case PROTO_IN_EOF:
		cmd->in_eof = true;
		command_feed(cmd);
		break;
	case PROTO_SIGNAL:
		if (!proto_u32_parse(frame->payload, frame->len, &number) && number < 65 &&
		    !cmd->exited)
			kill(-cmd->pid, (int)number);
		break;
	default:
		break;
	}
}

static void command_room(struct session *session)
{
	struct command *cmd = session->work_data;

	command_grant(cmd);
	command_progress(cmd);
}

static const struct session_work command_work = {
	.frame = command_frame,
	.room = command_room,
	.cancel = command_cancel,
};

/* In the child: never returns; what fails goes into the status pipe. */
static void command_become(const struct proto_exec *exec, const int std[3], int status_fd)
{
	sigset_t none;
	ssize_t n;
	int error;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		/* NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): all are open */
		dup2(std[i], i);
	if (!*exec->cwd || chdir(exec->cwd) == 0) {
		environ = exec->envp;
		execvp(exec->argv[0], exec->argv);
	}
	error = errno;
	n = write(status_fd, &error, sizeof(error));
	(void)n;
	_exit(127);
}

/* *ret_std: the child's ends; the parent's ends go into the sources. */
static int command_pipes(struct command *cmd, int ret_std[3])
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	cmd->in.fd = in[1];
	ret_std[0] = in[0];
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	cmd->out.fd = out[0];
	ret_std[1] = out[1];
	if (pipe2(err, O_CLOEXEC) < 0)
		return -errno;
	cmd->err.fd = err[0];
	ret_std[2] = err[1];
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	return 0;
}

/* Fork and wait until the child's exec succeeded or said why it did not. */
static int command_fork(struct command *cmd, const struct proto_exec *exec, const int std[3])
{
	int status[2], error = 0;
	ssize_t n;

	if (pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	cmd->pid = fork();
	if (cmd->pid == 0)
		command_become(exec, std, status[1]);
	error = cmd->pid < 0 ? errno : 0;
	close(status[1]);
	if (!error) {
		do
			n = read(status[0], &error, sizeof(error));
		while (n < 0 && errno == EINTR);
		if (n == (ssize_t)sizeof(error))
			waitpid(cmd->pid, NULL, 0);
		else
			error = 0;
	}
	close(status[0]);
	return -error;
}

static int command_watch(struct command *cmd)
{
	struct loop *loop = cmd->session->loop;
	int err;

	cmd->exit.fd = (int)syscall(SYS_pidfd_open, cmd->pid, 0);
	if (cmd->exit.fd < 0)
		return -errno;
	err = loop_watch(loop, &cmd->exit);
	if (!err)
		err = loop_watch(loop, &cmd->out);
	if (!err)
		err = loop_watch(loop, &cmd->err);
	return err;
}

static struct command *command_new(struct session *session)
{
	struct command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd)
		return NULL;
	cmd->session = session;
	cmd->exit = (struct loop_source){ -1, EPOLLIN, command_exit_event, cmd, false };
	cmd->in = (struct loop_source){ -1, EPOLLOUT, command_input_event, cmd, false };
	cmd->out = (struct loop_source){ -1, EPOLLIN, command_output_event, cmd, false };
	cmd->err = (struct loop_source){ -1, EPOLLIN, command_output_event, cmd, false };
	cmd->kill_timer = (struct loop_source){ -1, EPOLLIN, command_kill_event, cmd, false };
	return cmd;
}

static int command_run(struct command *cmd, const struct proto_exec *exec)
{
	int std[3] = { -1, -1, -1 };
	int err;

	err = loop_timer_open(cmd->session->loop, &cmd->kill_timer);
	if (!err)
		err = command_pipes(cmd, std);
	if (!err)
		err = command_fork(cmd, exec, std);
	for (int i = 0; i < 3; i++)
		if (std[i] >= 0)
			close(std[i]);
	if (err)
		return err;
	err = command_watch(cmd);
	if (err) {
		kill(-cmd->pid, SIGKILL);
		waitpid(cmd->pid, NULL, 0);
	}
	return err;
}

void command_start(struct session *session, const struct proto_frame *frame)
{
	struct command *cmd = command_new(session);
	struct proto_exec exec;
	int err;

	if (!cmd) {
		session_send_fail(session, ENOMEM, "exec");
		return;
	}
	session->work = &command_work;
	session->work_data = cmd;
	err = proto_exec_parse(frame->payload, frame->len, &exec);
	if (err) {
		session_send_fail(session, -err, "exec request");
		command_free(cmd);
		return;
	}
	err = command_run(cmd, &exec);
	if (err) {
		session_send_fail(session, -err, exec.argv[0]);
		command_free(cmd);
	}
	proto_exec_release(&exec);
}
