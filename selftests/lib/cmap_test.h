/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions for all selftests.  They use the ABI directly, without the library,
 * so that a mistake in the library cannot hide one in the module.
 *
 * Everything returns 0 or a negative errno.
 *
 * Tests get values and range over maps through a door: by system calls, or,
 * with window.h, through the window by means of the library.
 */
#ifndef CMAP_TEST_H
#define CMAP_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/cmap.h>

#define POISON 0xa5

static inline uint64_t u64_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static inline int call(int fd, unsigned long command, void *arg)
{
	return ioctl(fd, command, arg) ? -errno : 0;
}

static inline int device(int flags)
{
	return open(CMAP_DEVICE, flags | O_CLOEXEC);
}

/* ---- doors: the ways to read a map ---- */

typedef void (*entry_fn)(const struct cmap_entry *e, const void *key,
			 const void *value, void *arg);

/* A way to read a map. */
struct door {
	int (*get)(int fd, const void *key, size_t key_len, void *buf,
		   uint32_t *len, uint64_t *version);
	int64_t (*range)(int fd, size_t size, entry_fn fn, void *arg);
	/* Called when the descriptor may become another map's; may be NULL. */
	void (*forget)(int fd);
};

static inline int get_by_call(int fd, const void *key, size_t key_len,
			      void *buf, uint32_t *len, uint64_t *version);
static inline int64_t range_by_call(int fd, size_t size, entry_fn fn, void *arg);

/* The door that get() and range_all() use. */
static struct door door = {
	.get = get_by_call, .range = range_by_call,
};

/* ---- creating and opening maps ---- */

static inline int create_with(int fd, struct cmap_create *args)
{
	args->size = sizeof(*args);
	return call(fd, CMAP_IOCTL_CREATE, args);
}

static inline int create_named(int fd, const char *name, unsigned int mode)
{
	struct cmap_create args = {
		.name = u64_of(name), .name_len = strlen(name), .mode = mode,
	};

	return create_with(fd, &args);
}

static inline int name_call(int fd, unsigned long command, const char *name)
{
	struct cmap_name args = {
		.size = sizeof(args),
		.name = u64_of(name), .name_len = strlen(name),
	};

	return call(fd, command, &args);
}

static inline int open_named(int fd, const char *name)
{
	return name_call(fd, CMAP_IOCTL_OPEN, name);
}

static inline int unlink_named(const char *name)
{
	int fd = device(O_RDONLY);
	int err = fd < 0 ? -errno : name_call(fd, CMAP_IOCTL_UNLINK, name);

	close(fd);
	return err;
}

/* Create an anonymous map.  Returns its descriptor. */
static inline int new_map_with(struct cmap_create *args)
{
	int fd = device(O_RDWR);
	int err = fd < 0 ? -errno : create_with(fd, args);

	if (err) {
		close(fd);
		return err;
	}
	if (door.forget)
		door.forget(fd);
	return fd;
}

static inline int new_map(void)
{
	struct cmap_create args = {};

	return new_map_with(&args);
}

/* ---- one key ---- */

static inline int op_call(int fd, unsigned long command, struct cmap_op *op)
{
	op->size = sizeof(*op);
	return call(fd, command, op);
}

static inline int set_flags(int fd, const void *key, size_t key_len,
			    const void *value, size_t len, uint16_t flags,
			    uint64_t *version)
{
	struct cmap_op op = {
		.flags = flags,
		.key = u64_of(key), .key_len = key_len,
		.value = u64_of(value), .value_len = len,
		.version = version ? *version : 0,
	};
	int err = op_call(fd, CMAP_IOCTL_SET, &op);

	if (version)
		*version = op.version;
	return err;
}

static inline int set(int fd, const void *key, size_t key_len,
		      const void *value, size_t len)
{
	return set_flags(fd, key, key_len, value, len, 0, NULL);
}

static inline int get_by_call(int fd, const void *key, size_t key_len,
			      void *buf, uint32_t *len, uint64_t *version)
{
	struct cmap_op op = {
		.key = u64_of(key), .key_len = key_len,
		.value = u64_of(buf), .value_len = *len,
	};
	int err;

	err = op_call(fd, CMAP_IOCTL_GET, &op);
	*len = op.value_len;
	if (version)
		*version = op.version;
	return err;
}
static inline int get_version(int fd, const void *key, size_t key_len,
			      void *buf, uint32_t *len, uint64_t *version)
{
	if (buf)
		memset(buf, POISON, *len);
	return door.get(fd, key, key_len, buf, len, version);
}

static inline int get(int fd, const void *key, size_t key_len, void *buf,
		      uint32_t *len)
{
	return get_version(fd, key, key_len, buf, len, NULL);
}

static inline int delete(int fd, const void *key, size_t key_len)
{
	struct cmap_op op = { .key = u64_of(key), .key_len = key_len };

	return op_call(fd, CMAP_IOCTL_DELETE, &op);
}

static inline int add(int fd, const void *key, size_t key_len, int64_t delta,
		      int64_t *sum)
{
	struct cmap_op op = {
		.key = u64_of(key), .key_len = key_len, .number = delta,
	};
	int err = op_call(fd, CMAP_IOCTL_ADD, &op);

	if (sum)
		*sum = op.number;
	return err;
}

/* ---- the map ---- */

static inline int64_t number_call(int fd, unsigned long command)
{
	struct cmap_op op = { .number = -1 };
	int err = op_call(fd, command, &op);

	return err ? err : op.number;
}

static inline int64_t count(int fd)
{
	return number_call(fd, CMAP_IOCTL_COUNT);
}

static inline int64_t clear(int fd)
{
	return number_call(fd, CMAP_IOCTL_CLEAR);
}

static inline struct cmap_stat map_stat(int fd)
{
	struct cmap_stat stat = { .size = sizeof(stat) };

	if (ioctl(fd, CMAP_IOCTL_STAT, &stat))
		memset(&stat, 0xff, sizeof(stat));
	return stat;
}

/* Usage and limits of this user and of all.  All ones if that fails. */
static inline struct cmap_limits limits_now(void)
{
	struct cmap_limits limits = { .size = sizeof(limits) };
	int fd = device(O_RDONLY);

	if (call(fd, CMAP_IOCTL_LIMITS, &limits))
		memset(&limits, 0xff, sizeof(limits));
	close(fd);
	return limits;
}

static inline int64_t range_by_call(int fd, size_t size, entry_fn fn, void *arg)
{
	struct cmap_range range = { .size = sizeof(range) };
	int64_t seen = 0;
	char *buf = malloc(size);
	int err;

	range.buf = u64_of(buf);
	do {
		const char *p = buf;
		unsigned int i;

		range.buf_len = size;
		err = call(fd, CMAP_IOCTL_RANGE, &range);
		for (i = 0; !err && i < range.count; i++) {
			const struct cmap_entry *e = (const void *)p;

			if (fn)
				fn(e, p + e->key_offset, p + e->value_offset, arg);
			p += e->size;
			seen++;
		}
	} while (!err && range.count);
	free(buf);

	return err ? err : seen;
}
/*
 * Call @fn for each entry, with buffers of @size.  Returns how many, or an
 * errno.
 */
static inline int64_t range_all(int fd, size_t size, entry_fn fn, void *arg)
{
	return door.range(fd, size, fn, arg);
}

/* ---- time and children ---- */

static inline double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* How long a race runs: CMAP_TEST_SECONDS, or a default for an emulator. */
static inline double race_seconds(void)
{
	const char *given = getenv("CMAP_TEST_SECONDS");

	return given ? atof(given) : 4;
}

/*
 * How many times slower than a usual machine this one is, because of debugging
 * in the kernel or because of other load.  The test rig sets this.
 */
static inline unsigned int slowness(void)
{
	const char *slow = getenv("CMAP_TEST_SLOW");

	return slow && atoi(slow) > 0 ? atoi(slow) : 1;
}

/*
 * True if the clock counts instructions, so that times do not depend on the
 * machine and its other load.
 */
static inline bool time_is_counted(void)
{
	return getenv("CMAP_TEST_COUNT");
}

/* How often to poll, or how long to wait, before something counts as stuck. */
static inline int patient(int n)
{
	return n * slowness();
}

/* Wait until a map uses at most @bytes.  Returns false if it does not. */
static inline bool shrinks_to(int fd, uint64_t bytes)
{
	int i;

	for (i = 0; i < patient(6000) && map_stat(fd).bytes > bytes; i++)
		usleep(10000);
	if (map_stat(fd).bytes <= bytes)
		return true;
	printf("# %llu bytes, not %llu\n",
	       (unsigned long long)map_stat(fd).bytes, (unsigned long long)bytes);
	return false;
}

/*
 * Also scales the deadlines of the harness.  They detect what hangs, and were
 * chosen on a faster machine.
 */
static inline unsigned int slow_alarm(unsigned int seconds)
{
	return alarm(3 * seconds * slowness());
}
#define alarm slow_alarm

/* Run on one CPU from here on. */
static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Wait for @n children.  Returns true if all exited with 0. */
static inline bool children_ok(int n)
{
	bool ok = true;
	int status;

	while (n--) {
		if (wait(&status) < 0)
			return false;
		if (status) {
			printf("# a child ended with status %#x\n", status);
			ok = false;
		}
	}
	return ok;
}

/* ---- files of the kernel ---- */

static inline int write_text(const char *file, const char *text)
{
	ssize_t len = strlen(text), written;
	int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	written = write(fd, text, len);
	err = written == len ? 0 : written < 0 ? -errno : -EIO;
	close(fd);
	return err;
}

/* The number after a word, or the first number without one; -1 if none. */
static inline long long number_in(const char *file, const char *word)
{
	static char text[1 << 16];
	ssize_t len = 0, got = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *at = text;

	if (fd < 0)
		return -1;
	while (len < (ssize_t)sizeof(text) - 1 &&
	       (got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += got;
	close(fd);
	if (got < 0)
		return -1;
	text[len] = 0;
	if (word)
		at = strstr(text, word);
	return at ? strtoll(at + (word ? strlen(word) : 0), NULL, 10) : -1;
}

/* Returns the number before, or -1 if it cannot be set. */
static inline long long set_number(const char *file, long long value)
{
	long long old = number_in(file, NULL);
	char text[32];

	snprintf(text, sizeof(text), "%lld", value);
	return write_text(file, text) ? -1 : old;
}

/* The same for a parameter of the module. */
static inline long long set_parameter(const char *name, long long value)
{
	char file[128];

	snprintf(file, sizeof(file), "/sys/module/cmap/parameters/%s", name);
	return set_number(file, value);
}

static inline bool user_mode_linux(void)
{
	static char text[4096];
	FILE *info = fopen("/proc/cpuinfo", "r");

	if (info) {
		text[fread(text, 1, sizeof(text) - 1, info)] = 0;
		fclose(info);
	}
	return strstr(text, "User Mode Linux");
}

/* The number after a word in what debugfs says of a map; -1 if none. */
static inline long long debug_figure(uint64_t id, const char *word)
{
	FILE *file = fopen("/sys/kernel/debug/cmap/maps", "r");
	unsigned long long map = 0;
	long long figure = -1;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "map: %llu", &map) == 1)
			continue;
		if (map == id && !strncmp(line, word, strlen(word)))
			figure = strtoll(line + strlen(word), NULL, 10);
	}
	if (file)
		fclose(file);
	return figure;
}

static inline void *shared_memory(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Compare what a call of the library returns as error. */
#define ERR(want, expression) do {					\
	errno = 0;							\
	EXPECT_EQ(-1, expression);					\
	EXPECT_EQ(want, errno);						\
} while (0)

#endif /* CMAP_TEST_H */
