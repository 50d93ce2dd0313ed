// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "orchestration/pfkeepd/events.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/view.h"

#define BACKLOG 4096 /* messages that nobody has read yet; all VFs of a big PF change at once */

/* Messages are texts: json-c's reference counts aren't for several threads. */
struct subscriber {
	struct subscriber *next;
	int wake; /* eventfd */
	size_t n, head;
	bool lost;
	char *messages[BACKLOG];
};

/* Protects the list and the subscribers' queues. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct subscriber *subscribers;

static void push(struct subscriber *subscriber, const char *text)
{
	const uint64_t one = 1;
	char *copy = subscriber->n < BACKLOG ? strdup(text) : NULL;

	if (copy)
		subscriber->messages[(subscriber->head + subscriber->n++) % BACKLOG] = copy;
	else
		subscriber->lost = true;
	if (write(subscriber->wake, &one, sizeof(one)) < 0)
		subscriber->lost = true; /* can't be: the counter is far from full */
}

/* {"parameters":{"event":EVENT},"continues":true}; takes over event. */
static struct json_object *new_message(struct json_object *event)
{
	struct json_object *message = json_object_new_object(),
			   *parameters = json_object_new_object();

	view_add(parameters, "event", event);
	view_add(message, "parameters", parameters);
	view_add(message, "continues", json_object_new_boolean(true));
	return message;
}

static const char *text_of(struct json_object *message)
{
	return json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE);
}

void events_tell(void *data, struct json_object *event)
{
	struct json_object *message = new_message(event);
	const char *text = text_of(message);

	pthread_mutex_lock(&lock);
	for (struct subscriber *s = subscribers; s && text; s = s->next)
		push(s, text);
	pthread_mutex_unlock(&lock);
	json_object_put(message);
}

void events_tell_problem(const struct problem *problem)
{
	struct json_object *event = json_object_new_object();

	view_add(event, "event", json_object_new_string("problem"));
	view_add(event, "message", json_object_new_string(problem->text));
	events_tell(NULL, event);
}

static char *pop(struct subscriber *subscriber, bool *ret_lost)
{
	char *message = NULL;

	pthread_mutex_lock(&lock);
	if (subscriber->n) {
		message = subscriber->messages[subscriber->head];
		subscriber->head = (subscriber->head + 1) % BACKLOG;
		subscriber->n--;
	}
	*ret_lost = !message && subscriber->lost;
	pthread_mutex_unlock(&lock);
	return message;
}

static int send_text(int fd, const char *text)
{
	size_t left = strlen(text) + 1;

	while (left) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

static int send_all(int fd, struct subscriber *subscriber)
{
	bool lost = false;
	char *message;
	int ret = 0;

	while (!ret && (message = pop(subscriber, &lost))) {
		ret = send_text(fd, message);
		free(message);
	}
	return ret ? ret : lost ? -EOVERFLOW : 0;
}

/* Until the other end is gone, or says something: it has nothing to say. */
static int await(int fd, int wake)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN | POLLRDHUP },
				{ .fd = wake, .events = POLLIN } };
	uint64_t count;

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (fds[0].revents)
		return -ENOTCONN;
	return read(wake, &count, sizeof(count)) < 0 ? -errno : 0;
}

/* By the first one the other end knows that it misses none from now on. */
static int join(struct subscriber *subscriber)
{
	struct json_object *event = json_object_new_object(), *message;

	subscriber->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (subscriber->wake < 0) {
		json_object_put(event);
		return -errno;
	}
	view_add(event, "event", json_object_new_string("begin"));
	message = new_message(event);
	pthread_mutex_lock(&lock);
	push(subscriber, text_of(message));
	subscriber->next = subscribers;
	subscribers = subscriber;
	pthread_mutex_unlock(&lock);
	json_object_put(message);
	return 0;
}

static void leave(struct subscriber *subscriber)
{
	struct subscriber **at = &subscribers;
	char *message;
	bool lost;

	pthread_mutex_lock(&lock);
	while (*at != subscriber)
		at = &(*at)->next;
	*at = subscriber->next;
	pthread_mutex_unlock(&lock);
	while ((message = pop(subscriber, &lost)))
		free(message);
	close(subscriber->wake);
}

void events_serve(int fd)
{
	CLEANUP(cleanup_free) struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
	int ret;

	if (!subscriber || join(subscriber))
		return;
	do {
		ret = await(fd, subscriber->wake);
		if (!ret)
			ret = send_all(fd, subscriber);
	} while (!ret);
	leave(subscriber);
}
