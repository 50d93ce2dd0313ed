// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "orchestration/pfkeepd/listener.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/wire.h"

static atomic_int connections;

struct connection {
	struct service *service;
	int fd;
};

static void *run_connection(void *data)
{
	struct connection *connection = data;

	service_serve(connection->service, connection->fd);
	close(connection->fd);
	free(connection);
	atomic_fetch_sub(&connections, 1);
	return NULL;
}

/* The file's mode keeps others out; this holds should that be changed. */
static int check_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	return peer.uid == 0 || peer.uid == geteuid() ? 0 : -EACCES;
}

static int start_connection(struct service *service, int fd)
{
	struct connection *connection = malloc(sizeof(*connection));
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	if (!connection)
		return -ENOMEM;
	*connection = (struct connection){ service, fd };
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ret = pthread_create(&thread, &attr, run_connection, connection);
	pthread_attr_destroy(&attr);
	if (ret)
		free(connection);
	return -ret;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct listener *listener = data;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (peer < 0)
		return 0;
	if (atomic_fetch_add(&connections, 1) >= LISTENER_CONNECTIONS || check_peer(peer) ||
	    start_connection(listener->service, peer)) {
		atomic_fetch_sub(&connections, 1);
		close(peer);
	}
	return 0;
}

static int bind_socket(const char *path, struct problem *problem)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_close) int fd = -1;
	CLEANUP(cleanup_close) int other = -1;
	mode_t mask;
	int ret;

	if (!wire_connect(path, &other, NULL))
		return problem_set(problem, -EADDRINUSE, "%s: another pfkeepd listens there", path);
	if (strlen(path) >= sizeof(addr.sun_path))
		return problem_set(problem, -ENAMETOOLONG, "%.60s: is too long for a socket", path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (unlink(path) && errno != ENOENT))
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, SOMAXCONN) ? -errno
											: 0;
	umask(mask);
	if (ret)
		return problem_set(problem, ret, "%s: %s", path, strerror(-ret));
	return take_fd(&fd);
}

int listener_open(struct listener *listener, sd_event *event, struct service *service,
		  const char *path, struct problem *problem)
{
	int ret;

	*listener = (struct listener){ .service = service, .path = path };
	listener->fd = bind_socket(path, problem);
	if (listener->fd < 0)
		return listener->fd;
	ret = sd_event_add_io(event, &listener->source, listener->fd, EPOLLIN, on_connection,
			      listener);
	if (ret >= 0)
		return 0;
	listener_close(listener);
	return problem_set(problem, ret, "%s: %s", path, strerror(-ret));
}

void listener_close(struct listener *listener)
{
	sd_event_source_unref(listener->source);
	close(listener->fd);
	unlink(listener->path);
}
