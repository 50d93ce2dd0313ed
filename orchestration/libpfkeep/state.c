// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "orchestration/libpfkeep/state_line.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/state.h"

#define STATE_NAME "state"
#define STATE_NEW  "state.new"
#define STATE_LOCK "lock"

/* The journal may outgrow its snapshot by this much before it is rewritten. */
#define STATE_SLACK 65536

struct state {
	char *path; /* of the directory, for messages */
	int dir;
	int lock;
	int fd; /* the journal, or -1 as long as there is none */
	size_t len;
	size_t snapshot_len;
	uint64_t serial;
	bool torn;
	bool stale; /* disk and memory may differ */
	struct json_object *all;
};

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_file(int fd, size_t size, char **ret_text)
{
	char *text = malloc(size + 1);
	size_t len = 0;

	if (!text)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = pread(fd, text + len, size - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(text);
			return n ? -errno : -EBADMSG;
		}
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret_text = text;
	return 0;
}

/* Take the record in, if it is the one that comes next. */
static int replay_line(struct state *state, const char *line, size_t len, bool first)
{
	struct json_object *record;
	uint64_t serial;
	int ret;

	ret = state_line_parse(line, len, &serial, &record);
	if (ret)
		return ret;
	if (first)
		state->serial = serial;
	else if (serial != state->serial + 1)
		ret = -EBADMSG;
	else
		state->serial = serial;
	if (!ret)
		ret = state_line_apply(state->all, record, first);
	json_object_put(record);
	return ret;
}

static bool sum_ok(const char *line, size_t len)
{
	struct json_object *record;
	uint64_t serial;
	int ret;

	ret = state_line_parse(line, len, &serial, &record);
	if (!ret)
		json_object_put(record);
	return ret != -EILSEQ;
}

/*
 * Does anything in the text, from its second character on, carry a right sum?
 * Not only after a newline: that may be what was damaged.
 */
static bool any_valid(const char *text, size_t len)
{
	const char *end = text + len;

	while (++text < end) {
		const char *nl;

		if (!state_line_starts(text, (size_t)(end - text)))
			continue;
		nl = memchr(text, '\n', (size_t)(end - text));
		if (nl && sum_ok(text, (size_t)(nl - text)))
			return true;
	}
	return false;
}

static int replay(struct state *state, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	int ret;

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		bool first = at == text;

		ret = nl ? replay_line(state, at, (size_t)(nl - at), first) : -EILSEQ;
		if (ret == -EILSEQ) {
			/* A snapshot was synced before it got its name: it can't be torn. */
			if (first || any_valid(at, (size_t)(end - at)))
				return -EBADMSG;
			state->torn = true;
			break;
		}
		if (ret)
			return ret;
		at = nl + 1;
		if (first)
			state->snapshot_len = (size_t)(at - text);
	}
	state->len = (size_t)(at - text);
	return state->len ? 0 : -EBADMSG;
}

/* Read the journal behind fd into memory. */
static int load(struct state *state)
{
	CLEANUP(cleanup_free) char *text = NULL;
	struct stat st;
	int ret;

	if (fstat(state->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > STATE_FILE_MAX)
		return -EBADMSG;
	ret = read_file(state->fd, (size_t)st.st_size, &text);
	if (ret)
		return ret;
	return replay(state, text, (size_t)st.st_size);
}

static int snapshot_record(const struct state *state, struct json_object **ret_record)
{
	struct json_object *record = json_object_new_object();

	if (!record)
		return -ENOMEM;
	if (json_object_object_add(record, "version", json_object_new_int(STATE_VERSION)) ||
	    json_object_object_add(record, "put", json_object_get(state->all))) {
		json_object_put(record);
		return -ENOMEM;
	}
	*ret_record = record;
	return 0;
}

/* Write the snapshot into a new file, synced but without its name yet. */
static int write_new(struct state *state, int *ret_fd, size_t *ret_len)
{
	CLEANUP(cleanup_close) int fd = -1;
	CLEANUP(cleanup_free) char *line = NULL;
	struct json_object *record;
	size_t len;
	int ret;

	ret = snapshot_record(state, &record);
	if (ret)
		return ret;
	ret = state_line_format(state->serial, record, &line, &len);
	json_object_put(record);
	if (ret)
		return ret;
	if (unlinkat(state->dir, STATE_NEW, 0) && errno != ENOENT)
		return -errno;
	fd = openat(state->dir, STATE_NEW, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, line, len);
	if (!ret && fsync(fd))
		ret = -errno;
	if (ret)
		return ret;
	*ret_fd = take_fd(&fd);
	*ret_len = len;
	return 0;
}

/* Put a snapshot in the journal's place. */
static int rewrite(struct state *state)
{
	CLEANUP(cleanup_close) int fd = -1;
	size_t len = 0;
	int ret;

	ret = write_new(state, &fd, &len);
	if (ret)
		return ret;
	if (renameat(state->dir, STATE_NEW, state->dir, STATE_NAME))
		return -errno;
	/* From here on a power cut may bring back the old file: not to be appended to. */
	if (fsync(state->dir)) {
		ret = -errno;
		state->stale = true;
		return ret;
	}
	if (state->fd >= 0)
		close(state->fd);
	state->fd = take_fd(&fd);
	state->len = state->snapshot_len = len;
	return 0;
}

static int open_dir(const char *dir, struct state **ret_state)
{
	struct state *state = calloc(1, sizeof(*state));
	int ret;

	if (!state)
		return -ENOMEM;
	state->lock = state->fd = -1;
	state->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = state->dir < 0 ? -errno : 0;
	state->path = strdup(dir);
	state->all = json_object_new_object();
	if (!ret && (!state->path || !state->all))
		ret = -ENOMEM;
	if (ret) {
		state_close(state);
		return ret;
	}
	*ret_state = state;
	return 0;
}

static int take_lock(struct state *state)
{
	state->lock =
		openat(state->dir, STATE_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (state->lock < 0)
		return -errno;
	if (flock(state->lock, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

/*
 * Make the file as long as what was read from it, and what was read durable: the
 * last writer may not have lived to sync it.
 */
static int drop_tail(struct state *state)
{
	if (ftruncate(state->fd, (off_t)state->len) || fsync(state->fd))
		return -errno;
	return 0;
}

static int open_journal(struct state *state, int flags)
{
	state->fd = openat(state->dir, STATE_NAME, flags | O_NOFOLLOW | O_CLOEXEC);
	if (state->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return load(state);
}

static int explain(struct problem *problem, int err, const char *dir)
{
	switch (err) {
	case -EBUSY:
		return problem_set(problem, err, "%s: another process has the state", dir);
	case -EBADMSG:
		return problem_set(problem, err,
				   "%s/" STATE_NAME ": damaged, not a state of pfkeep", dir);
	case -ENOTSUP:
		return problem_set(problem, err, "%s/" STATE_NAME ": not of version %d", dir,
				   STATE_VERSION);
	default:
		return problem_set(problem, err, "%s: %s", dir, strerror(-err));
	}
}

int state_open(const char *dir, struct state **ret_state, struct problem *problem)
{
	struct state *state;
	int ret;

	ret = open_dir(dir, &state);
	if (ret)
		return explain(problem, ret, dir);
	ret = take_lock(state);
	if (!ret)
		ret = open_journal(state, O_RDWR | O_APPEND);
	if (!ret && state->fd >= 0)
		ret = drop_tail(state);
	if (!ret && fsync(state->dir))
		ret = -errno;
	if (!ret && state->fd < 0)
		ret = rewrite(state);
	if (ret) {
		state_close(state);
		return explain(problem, ret, dir);
	}
	*ret_state = state;
	return 0;
}

int state_open_read(const char *dir, struct state **ret_state, struct problem *problem)
{
	struct state *state;
	int ret;

	ret = open_dir(dir, &state);
	if (ret)
		return explain(problem, ret, dir);
	ret = open_journal(state, O_RDONLY);
	if (ret) {
		state_close(state);
		return explain(problem, ret, dir);
	}
	state->stale = true;
	*ret_state = state;
	return 0;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	if (state->fd >= 0)
		close(state->fd);
	if (state->lock >= 0)
		close(state->lock);
	if (state->dir >= 0)
		close(state->dir);
	json_object_put(state->all);
	free(state->path);
	free(state);
}

void cleanup_state(struct state **state)
{
	state_close(*state);
}

bool state_was_torn(const struct state *state)
{
	return state->torn;
}

uint64_t state_serial(const struct state *state)
{
	return state->serial;
}

struct json_object *state_get(const struct state *state, const char *key)
{
	struct json_object *packed = json_object_object_get(state->all, key);

	return packed ? state_unpack(packed) : NULL;
}

struct json_object *state_unpack(struct json_object *packed)
{
	return json_tokener_parse(json_object_get_string(packed));
}

struct json_object *state_all(const struct state *state)
{
	return state->all;
}

int state_change_init(struct state_change *ret_change)
{
	ret_change->put = json_object_new_object();
	ret_change->delete = json_object_new_object();
	if (ret_change->put && ret_change->delete)
		return 0;
	state_change_release(ret_change);
	return -ENOMEM;
}

void state_change_release(struct state_change *change)
{
	json_object_put(change->put);
	json_object_put(change->delete);
	change->put = change->delete = NULL;
}

int state_put(struct state_change *change, const char *key, struct json_object *value)
{
	if (!state_line_key_ok(key) || !json_object_is_type(value, json_type_object)) {
		json_object_put(value);
		return -EINVAL;
	}
	json_object_object_del(change->delete, key);
	if (json_object_object_add(change->put, key, value)) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

int state_delete(struct state_change *change, const char *key)
{
	if (!state_line_key_ok(key))
		return -EINVAL;
	json_object_object_del(change->put, key);
	return json_object_object_add(change->delete, key, NULL) ? -ENOMEM : 0;
}

static int deleted_keys(const struct state_change *change, struct json_object **ret_keys)
{
	struct json_object *keys = json_object_new_array();

	if (!keys)
		return -ENOMEM;
	json_object_object_foreach(change->delete, key, nothing) {
		(void)nothing;
		if (json_object_array_add(keys, json_object_new_string(key))) {
			json_object_put(keys);
			return -ENOMEM;
		}
	}
	*ret_keys = keys;
	return 0;
}

static int change_record(const struct state_change *change, struct json_object **ret_record)
{
	struct json_object *record = json_object_new_object(), *keys;
	int ret;

	if (!record)
		return -ENOMEM;
	ret = deleted_keys(change, &keys);
	if (!ret && json_object_object_add(record, "delete", keys)) {
		json_object_put(keys);
		ret = -ENOMEM;
	}
	if (!ret && json_object_object_add(record, "put", json_object_get(change->put))) {
		json_object_put(change->put);
		ret = -ENOMEM;
	}
	if (ret) {
		json_object_put(record);
		return ret;
	}
	*ret_record = record;
	return 0;
}

/* Write the line and sync it; on failure make the file what it was. */
static int append(struct state *state, const char *line, size_t len)
{
	int ret;

	if (state->len + len > STATE_FILE_MAX)
		return -EFBIG;
	ret = write_all(state->fd, line, len);
	if (ret) {
		if (drop_tail(state))
			state->stale = true;
		return ret;
	}
	if (fdatasync(state->fd)) {
		/* What a failed sync has left on the disk nobody knows. */
		ret = -errno;
		state->stale = true;
		return ret;
	}
	state->len += len;
	return 0;
}

/* The change as a line, and as what reading that line will give. */
static int make_line(const struct state *state, const struct state_change *change, char **ret_line,
		     size_t *ret_len, struct json_object **ret_record)
{
	struct json_object *record;
	uint64_t serial;
	int ret;

	ret = change_record(change, &record);
	if (ret)
		return ret;
	ret = state_line_format(state->serial + 1, record, ret_line, ret_len);
	json_object_put(record);
	if (ret)
		return ret;
	/* A value that the reader would refuse (depth, encoding) must not get in. */
	ret = state_line_parse(*ret_line, *ret_len - 1, &serial, ret_record);
	return ret == -EBADMSG ? -EINVAL : ret;
}

int state_commit(struct state *state, const struct state_change *change, struct problem *problem)
{
	CLEANUP(cleanup_free) char *line = NULL;
	struct json_object *record = NULL;
	size_t len;
	int ret;

	if (state->stale)
		return problem_set(problem, -ESTALE, "%s: the state must be opened again",
				   state->path);
	ret = make_line(state, change, &line, &len, &record);
	if (!ret)
		ret = append(state, line, len);
	if (!ret) {
		state->serial++;
		/* It is on disk: memory that can't follow must not be written from again. */
		ret = state_line_apply(state->all, record, false);
		if (ret)
			state->stale = true;
	}
	json_object_put(record);
	if (ret)
		return problem_set(problem, ret, "%s: %s", state->path, strerror(-ret));
	/* The transaction stands whether or not there is room for a new snapshot now. */
	if (state->len > 2 * state->snapshot_len + STATE_SLACK)
		rewrite(state);
	return 0;
}
