// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state's writer is killed at every call that touches the disk, in turn:
 * before it, after it, and halfway through a write. What is then found, both by
 * a process that merely follows (all that was written is there) and after a
 * power cut (what wasn't synced is lost, wholly or in part), must be the state
 * before or after the transaction under way, and never less than was reported.
 *
 * The calls are wrapped by the linker (--wrap). "disk" holds what is synced:
 * disk/data/INODE a file's content at its last fsync, disk/names/NAME the inode
 * behind a name at the directory's last fsync.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/state.h"

#define CHANGES	 8
#define KEYS	 6
#define PATH_LEN 512
#define BULK	 14000 /* bytes of a value, so that snapshots are rewritten on the way */

static char top[32], live[64], disk[64];

/* What the child leaves behind; shared with the parent. */
struct progress {
	int calls;    /* that touch the disk */
	int reported; /* transactions reported as done */
};

static struct progress *progress;

enum moment { BEFORE, AFTER, HALFWAY, MOMENTS };
/* Which call to die in, by number; or before the first write, or in none. */
#define FIRST_WRITE (-2)
#define NONE	    (-1)
static int crash_call = NONE;
static enum moment crash_moment;

__attribute__((format(printf, 2, 3))) static void path_of(char dst[static PATH_LEN],
							  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dst, PATH_LEN, fmt, ap);
	va_end(ap);
}

static void copy(int from, off_t len, const char *path)
{
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char buf[4096];

	assert_true(to >= 0);
	for (off_t at = 0; at < len;) {
		size_t want = len - at < (off_t)sizeof(buf) ? (size_t)(len - at) : sizeof(buf);
		ssize_t n = pread(from, buf, want, at);

		assert_true(n > 0);
		/* Not write(): that one is wrapped. */
		assert_int_equal(pwrite(to, buf, (size_t)n, at), n);
		at += n;
	}
	close(to);
}

/* An fsync that took effect. */
static void settle_file(int fd)
{
	char path[PATH_LEN], proc[64];
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	path_of(path, "%s/data/%ju", disk, (uintmax_t)st.st_ino);
	copy(fd, st.st_size, path);
	/* Pinned, so that no later file gets this inode number. */
	path_of(path, "%s/pins/%ju", disk, (uintmax_t)st.st_ino);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
		assert_int_equal(errno, EEXIST);
}

/* Call fn for "state", "state.new" or whatever else lies in the directory. */
static void each_name(const char *dir, void (*fn)(const char *dir, const char *name))
{
	CLEANUP(cleanup_dir) DIR *d = opendir(dir);
	struct dirent *entry;

	assert_non_null(d);
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lock"))
			fn(dir, entry->d_name);
}

static void drop_name(const char *dir, const char *name)
{
	char path[PATH_LEN];

	path_of(path, "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static void settle_name(const char *dir, const char *name)
{
	char path[PATH_LEN], target[32];
	struct stat st;

	path_of(path, "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	snprintf(target, sizeof(target), "%ju", (uintmax_t)st.st_ino);
	path_of(path, "%s/names/%s", disk, name);
	assert_int_equal(symlink(target, path), 0);
}

static void settle_dir(void)
{
	char names[PATH_LEN];

	path_of(names, "%s/names", disk);
	each_name(names, drop_name);
	each_name(live, settle_name);
}

static void die(void)
{
	kill(getpid(), SIGKILL);
}

/* True if this call is the one to die in, halfway. */
static bool at_call(void)
{
	int call = progress->calls++;

	if (call == crash_call && crash_moment == BEFORE)
		die();
	return call == crash_call && crash_moment == HALFWAY;
}

static void after_call(void)
{
	if (progress->calls - 1 == crash_call && crash_moment == AFTER)
		die();
}

ssize_t __real_write(int fd, const void *buf, size_t len);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_ftruncate(int fd, off_t len);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_unlinkat(int dir, const char *name, int flags);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate(int fd, off_t len);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dir, const char *name, int flags);

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	ssize_t n;

	if (crash_call == FIRST_WRITE)
		die();
	if (at_call()) {
		__real_write(fd, buf, len / 2);
		die();
	}
	n = __real_write(fd, buf, len);
	after_call();
	return n;
}

int __wrap_fsync(int fd)
{
	struct stat st;
	int ret;

	at_call();
	ret = __real_fsync(fd);
	assert_int_equal(fstat(fd, &st), 0);
	if (S_ISDIR(st.st_mode))
		settle_dir();
	else
		settle_file(fd);
	after_call();
	return ret;
}

int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

int __wrap_ftruncate(int fd, off_t len)
{
	int ret;

	at_call();
	ret = __real_ftruncate(fd, len);
	after_call();
	return ret;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	int ret;

	at_call();
	ret = __real_renameat(from_dir, from, to_dir, to);
	after_call();
	return ret;
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	int ret;

	at_call();
	ret = __real_unlinkat(dir, name, flags);
	after_call();
	return ret;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void make_dir(const char *parent, const char *name)
{
	char path[PATH_LEN];

	path_of(path, "%s/%s", parent, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int setup(void **state)
{
	/* In memory if there is such a place: real syncs take their time and add nothing here. */
	snprintf(top, sizeof(top), "/dev/shm/pfkeep-crash-XXXXXX");
	if (!mkdtemp(top)) {
		snprintf(top, sizeof(top), "/tmp/pfkeep-crash-XXXXXX");
		assert_non_null(mkdtemp(top));
	}
	snprintf(live, sizeof(live), "%s/live", top);
	snprintf(disk, sizeof(disk), "%s/disk", top);
	make_dir(top, "live");
	make_dir(top, "disk");
	make_dir(disk, "data");
	make_dir(disk, "names");
	make_dir(disk, "pins");
	memset(progress, 0, sizeof(*progress));
	return 0;
}

static int teardown(void **state)
{
	return nftw(top, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/*
 * Transaction number i (from 1) sets key i % KEYS to i and key (i + 1) % KEYS to
 * -i, and deletes key (i + 3) % KEYS. The model says what a key then holds.
 */
static int model(int changes, int key)
{
	int value = 0;

	for (int i = 1; i <= changes; i++) {
		if (key == i % KEYS)
			value = i;
		else if (key == (i + 1) % KEYS)
			value = -i;
		else if (key == (i + 3) % KEYS)
			value = 0;
	}
	return value;
}

static const char *key_name(int key)
{
	static char name[32];

	snprintf(name, sizeof(name), "vf/0000:01:00.0/%d", key);
	return name;
}

static struct json_object *value_of(int number)
{
	struct json_object *value = json_object_new_object();
	char bulk[BULK];

	memset(bulk, 'x', sizeof(bulk));
	json_object_object_add(value, "n", json_object_new_int(number));
	json_object_object_add(value, "bulk", json_object_new_string_len(bulk, sizeof(bulk)));
	return value;
}

static int do_change(struct state *state, int i)
{
	struct state_change change;
	int ret;

	assert_int_equal(state_change_init(&change), 0);
	assert_int_equal(state_put(&change, key_name(i % KEYS), value_of(i)), 0);
	assert_int_equal(state_put(&change, key_name((i + 1) % KEYS), value_of(-i)), 0);
	assert_int_equal(state_delete(&change, key_name((i + 3) % KEYS)), 0);
	ret = state_commit(state, &change, NULL);
	state_change_release(&change);
	return ret;
}

/* Runs in a child that may be killed on the way. */
static void work(void)
{
	struct state *state;

	if (state_open(live, &state, NULL))
		_exit(1);
	/* What a writer has found it may act on: as good as reported. */
	progress->reported = (int)state_serial(state);
	for (int i = progress->reported + 1; i <= CHANGES; i++) {
		if (do_change(state, i))
			_exit(2);
		progress->reported = i;
	}
	_exit(0);
}

/* True if it was killed; anything but that and success ends the test. */
static bool run_child(int call, enum moment moment)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		crash_call = call;
		crash_moment = moment;
		work();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return false;
}

static void check_image(const char *dir, const char *what)
{
	struct problem problem = { "" };
	struct state *state = NULL;
	int found;

	if (state_open(dir, &state, &problem))
		fail_msg("%s, call %d: %s", what, progress->calls, problem.text);
	found = (int)state_serial(state);
	if (found != progress->reported && found != progress->reported + 1)
		fail_msg("%s, call %d: transaction %d was reported, %d is there", what,
			 progress->calls, progress->reported, found);
	for (int key = 0; key < KEYS; key++) {
		struct json_object *value = state_get(state, key_name(key));
		int n = json_object_get_int(json_object_object_get(value, "n"));

		if (n != model(found, key))
			fail_msg("%s, call %d: key %d holds %d", what, progress->calls, key, n);
		json_object_put(value);
	}
	state_close(state);
}

/*
 * A power cut's disk in dir: the names as synced, of each file as much as was
 * synced and the given quarters of what came behind that.
 */
static void build_image(const char *dir, int quarters)
{
	char names[PATH_LEN], path[PATH_LEN], inode[32];
	struct dirent *entry;

	path_of(names, "%s/names", disk);
	CLEANUP(cleanup_dir) DIR *d = opendir(names);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		struct stat synced = { 0 }, now;
		ssize_t n;
		off_t len;

		if (entry->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(d), entry->d_name, inode, sizeof(inode) - 1);
		assert_true(n > 0);
		inode[n] = '\0';
		path_of(path, "%s/data/%s", disk, inode);
		CLEANUP(cleanup_close) int data = open(path, O_RDONLY | O_CLOEXEC);
		path_of(path, "%s/pins/%s", disk, inode);
		CLEANUP(cleanup_close) int pin = open(path, O_RDONLY | O_CLOEXEC);
		path_of(path, "%s/%s", dir, entry->d_name);
		if (data < 0 || pin < 0) {
			/* Named but never synced: empty. */
			copy(-1, 0, path);
			continue;
		}
		assert_int_equal(fstat(data, &synced), 0);
		assert_int_equal(fstat(pin, &now), 0);
		len = synced.st_size;
		if (quarters && now.st_size > len)
			len += (now.st_size - len) * quarters / 4;
		copy(quarters ? pin : data, len, path);
	}
}

static void check_power_cuts(void)
{
	char image[64];

	for (int quarters = 0; quarters <= 4; quarters += 2) {
		snprintf(image, sizeof(image), "%s/cut%d", top, quarters);
		assert_int_equal(mkdir(image, 0700), 0);
		build_image(image, quarters);
		check_image(image, "after a power cut");
		assert_int_equal(nftw(image, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	}
}

/*
 * The next writer is killed too, as soon as it writes; then one
 * goes on to the end: nothing is left in the way.
 */
static void check_next_lives(void)
{
	progress->calls = 0;
	if (run_child(FIRST_WRITE, BEFORE))
		check_power_cuts();
	assert_false(run_child(NONE, BEFORE));
	assert_int_equal(progress->reported, CHANGES);
	check_image(live, "in the next life");
}

static void crash_everywhere(enum moment moment)
{
	bool killed = true;
	int call;

	for (call = 0; killed; call++) {
		setup(NULL);
		killed = run_child(call, moment);
		if (killed) {
			/* The copies first: opening the live one mends it. */
			check_power_cuts();
			check_next_lives();
		}
		teardown(NULL);
		/* "Halfway" only ever kills in a write: the last calls are syncs. */
		if (!killed && moment == HALFWAY && call < progress->calls)
			killed = true;
	}
	/* Two calls a transaction, and what rewriting the snapshot takes. */
	assert_true(call > 2 * CHANGES + 10);
}

static void a_kill_before_any_call_loses_nothing(void **state)
{
	crash_everywhere(BEFORE);
}

static void a_kill_after_any_call_loses_nothing(void **state)
{
	crash_everywhere(AFTER);
}

static void a_kill_halfway_through_any_write_loses_nothing(void **state)
{
	crash_everywhere(HALFWAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kill_before_any_call_loses_nothing),
		cmocka_unit_test(a_kill_after_any_call_loses_nothing),
		cmocka_unit_test(a_kill_halfway_through_any_write_loses_nothing),
	};

	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (progress == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
