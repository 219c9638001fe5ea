// SPDX-License-Identifier: GPL-2.0
#include "check.h"
#include "cmap_test.h"
#include "calls.h"

#include <kcmap.h>

#define PATIENCE	20000	/* milliseconds, for a busy machine */

/* ---- the kernel's log ---- */

static int kmsg = -1;

const char *fuzz_check_kernel(void)
{
	static const char *const complaints[] = {
		"WARNING:", "BUG:", "Oops", "general protection", "KASAN",
		"UBSAN", "KCSAN", "kmemleak", "possible recursive",
		"possible circular", "possible irq", "suspicious RCU",
		"refcount_t", "corruption", "stall", "soft lockup",
		"hard LOCKUP", "blocked for more than", "Call Trace",
		"Out of memory",
	};
	static char line[8192], first[512];
	bool found = false;
	ssize_t len;
	unsigned int i;

	while ((len = read(kmsg, line, sizeof(line) - 1)) > 0 ||
	       (len < 0 && errno == EPIPE)) {
		line[len > 0 ? len : 0] = 0;
		line[strcspn(line, "\n")] = 0;
		for (i = 0; i < sizeof(complaints) / sizeof(*complaints); i++) {
			if (!found && strstr(line, complaints[i])) {
				snprintf(first, sizeof(first), "%.500s", line);
				found = true;
			}
		}
	}
	return found ? first : NULL;
}

/* ---- checking one map ---- */

struct look {
	int fd;
	struct kcmap *window;	/* or NULL */
	uint64_t position;
	unsigned int looked;
	const char *wrong;
	bool hidden;
};

static char *value_buf;		/* large enough for any value */

static const char *stat_is_sane(const struct cmap_stat *stat)
{
	if (!stat->shards || stat->shards & (stat->shards - 1) ||
	    !stat->key_max || stat->key_max > CMAP_KEY_MAX ||
	    stat->value_max > CMAP_VALUE_MAX)
		return "stat: shape";
	if (stat->longest_chain > 17 || stat->reuses > stat->allocs ||
	    stat->table_bytes > stat->bytes)
		return "stat: numbers";
	if ((stat->max_entries && stat->entries > stat->max_entries) ||
	    (stat->max_bytes && stat->bytes > stat->max_bytes))
		return "stat: more than its limit";
	return NULL;
}

/* Background work may change the map meanwhile, so try again. */
static const char *check_stat(int fd, struct cmap_stat *stat)
{
	const char *wrong = NULL;
	int i;

	for (i = 0; i < 20; i++) {
		*stat = map_stat(fd);
		wrong = stat_is_sane(stat);
		if (!wrong)
			break;
		usleep(1000);
	}
	return wrong;
}

/* An entry may expire between two looks at it. */
static bool may_have_expired(uint64_t deadline)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return deadline && deadline <= ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void check_entry(const struct cmap_entry *e, const void *key,
			const void *value, void *arg)
{
	struct look *look = arg;
	uint32_t len = CMAP_VALUE_MAX;
	uint64_t version = 0;
	ssize_t got;

	/* Without a window, a cursor does not tell the position. */
	if (!look->hidden && e->cursor.position < look->position)
		look->wrong = "range: not in order";
	look->position = e->cursor.position;
	if (look->looked++ >= 16)
		return;

	if (get_version(look->fd, key, e->key_len, value_buf, &len, &version)) {
		if (!may_have_expired(e->deadline))
			look->wrong = "get: not there, but ranged over";
		return;
	}
	if (len != e->value_len || version != e->version ||
		 memcmp(value, value_buf, len))
		look->wrong = "get: not what was ranged over";

	if (!look->window)
		return;
	got = kcmap_get(look->window, key, e->key_len, value_buf,
			CMAP_VALUE_MAX, &version);
	if (got < 0 && may_have_expired(e->deadline))
		return;
	if (got < 0 || (uint32_t)got != e->value_len ||
	    version != e->version || memcmp(value, value_buf, (size_t)got))
		look->wrong = "window: not what was ranged over";
}

static const char *check_reads(int fd, const struct cmap_stat *stat)
{
	static unsigned int times;
	struct look look = {
		.fd = fd,
		.hidden = stat->create_flags & CMAP_CREATE_NO_WINDOW,
	};
	int64_t entries = count(fd);
	int64_t ranged;

	/* Opening a window takes as long as all other checks. */
	if (times++ % 4 == 0)
		look.window = kcmap_from_fd(dup(fd));
	ranged = range_all(fd, 2 << 20, check_entry, &look);
	kcmap_close(look.window);
	if (entries < 0 || ranged < 0)
		return "count or range failed";
	if (entries != ranged && !stat->deadlines)
		return "range: not as many as count says";
	return look.wrong;
}

static const char *check_writes(int fd, const struct cmap_stat *stat)
{
	static const char key[CMAP_KEY_MAX] = "a key that no program has";
	bool fixed_key = stat->create_flags & CMAP_CREATE_FIXED_KEY;
	bool fixed_value = stat->create_flags & CMAP_CREATE_FIXED_VALUE;
	uint32_t key_len = fixed_key || stat->key_max < 32 ? stat->key_max : 32;
	uint32_t len = fixed_value ? stat->value_max :
		       stat->value_max < 8 ? stat->value_max : 8;
	int err = set(fd, key, key_len, value_buf, len);
	int gone;

	if (err && err != -ENOSPC && err != -ENOMEM)
		return "set failed";
	gone = delete(fd, key, key_len);
	if (gone == -ENOENT && stat->default_ttl)
		return NULL;
	if (gone != (err ? -ENOENT : 0))
		return "delete failed";
	return NULL;
}

/*
 * @seen is the id of the map before.  A map with two descriptors is checked
 * once.
 */
static const char *check_map(int fd, uint64_t *seen)
{
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	struct cmap_stat stat = { .size = sizeof(stat) };
	const char *wrong;

	if (call(fd, CMAP_IOCTL_STAT, &stat) || stat.id == *seen)
		return NULL;
	if (mode == O_RDWR)
		*seen = stat.id;
	wrong = check_stat(fd, &stat);
	if (!wrong && mode == O_RDWR)
		wrong = check_writes(fd, &stat);
	if (!wrong && mode != O_WRONLY && mode != 3)
		wrong = check_reads(fd, &stat);
	return wrong;
}

const char *fuzz_check_maps(void)
{
	const char *wrong = NULL;
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < FUZZ_FDS && !wrong; i++)
		if (fcntl(fuzz_fd(i), F_GETFD) >= 0)
			wrong = check_map(fuzz_fd(i), &seen);
	return wrong;
}

/* ---- checking that nothing is left ---- */

static unsigned long long least_bytes;	/* that one map needs */

/* Create a map, with all maps limited to one map and @bytes. */
static int try_one(unsigned long long bytes)
{
	struct cmap_create args = { .shards = 1 };
	long long max_maps = set_parameter("max_maps", 1);
	long long max_bytes = set_parameter("max_bytes", (long long)bytes);
	int fd = -EACCES;

	if (max_maps >= 0 && max_bytes >= 0)
		fd = new_map_with(&args);
	if (max_maps >= 0)
		set_parameter("max_maps", max_maps);
	if (max_bytes >= 0)
		set_parameter("max_bytes", max_bytes);
	if (fd >= 0)
		close(fd);

	return fd < 0 ? fd : 0;
}

/* A map is freed some time after its last user; its bytes are freed earlier. */
static int make_one(unsigned long long bytes)
{
	int err = -ENFILE, waited;

	for (waited = 0; err == -ENFILE && waited < PATIENCE; waited += 5) {
		err = try_one(bytes);
		if (err == -ENFILE)
			usleep(5000);
	}
	return err;
}

void fuzz_check_init(void)
{
	unsigned long long low = 0, high = 1 << 20, middle;
	int err = 0;

	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	lseek(kmsg, 0, SEEK_END);
	value_buf = calloc(1, CMAP_VALUE_MAX);

	if (make_one(high))
		return;
	/* If maps are not freed, this ends, and the first check reports it. */
	while (high - low > 1 && err != -ENFILE) {
		middle = (low + high) / 2;
		err = make_one(middle);
		if (err)
			low = middle;
		else
			high = middle;
	}
	least_bytes = high;
}

const char *fuzz_check_nothing_left(void)
{
	switch (least_bytes ? make_one(least_bytes) : 0) {
	case 0:
		return NULL;
	case -ENFILE:
		return "maps are left";
	case -ENOSPC:
		return "bytes are left of maps that are gone";
	default:
		return "no map can be made any more";
	}
}
