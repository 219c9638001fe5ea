// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the library makes of what seldom happens: of a window that is a file in
 * memory, and of what the test has the kernel answer.
 */
#include "window_file.h"

#include <stdarg.h>
#include <stdlib.h>

/* ---- the kernel ---- */

static int answer;		/* errno of every ioctl() that fails, or 0 */
static unsigned int asked;

int __wrap_ioctl(int from, unsigned long command, ...);
int __wrap_ioctl(int from, unsigned long command, ...)
{
	struct cmap_ops *ops;
	struct cmap_op *op;
	va_list args;
	uint32_t i;

	(void)from;
	asked++;
	if (command == CMAP_IOCTL_BATCH) {
		va_start(args, command);
		ops = va_arg(args, struct cmap_ops *);
		va_end(args);
		op = (struct cmap_op *)(uintptr_t)ops->ops;
		for (i = 0; i < ops->count; i++)
			op[i].error = -answer;
		ops->done = ops->count;
		return 0;
	}
	errno = answer;
	return answer ? -1 : 0;
}

/* ---- the tests ---- */

static int number, failed;

/* What is not as it should be is told by its line. */
#define WANT(condition) do {						\
	if (!(condition)) {						\
		fprintf(stderr, "line %d: %s\n", __LINE__, #condition);	\
		failed = 1;						\
	}								\
} while (0)

static struct cmap map_of_file(void)
{
	return (struct cmap){ .fd = fd, .view = cmap_view_open(fd) };
}

/*
 * Read everything once, so that it is mapped.  (What would be the first node
 * has a ref that says there is none.)
 */
static void warm(struct cmap *map)
{
	char key[KEY_MAX + 1], value[VALUE_MAX];
	uint32_t i;

	for (i = 1; i < KEYS; i++) {
		size_t len = key_of(i, key);

		WANT(cmap_get(map, key, len, value, sizeof(value), NULL) ==
		     (ssize_t)(i % VALUE_MAX));
	}
}

/* Quickly or with care, a lookup says the same of a key. */
static void lookups(void)
{
	struct cmap map = map_of_file();
	char key[KEY_MAX + 1], value[VALUE_MAX];
	size_t len = key_of(40, key);
	struct cmap_lookup lookup[] = {
		{ .key = key, .key_len = len, .size = VALUE_MAX },
		{ .key = key, .key_len = len, .buf = value, .size = 39 },
		{ .key = key, .key_len = len, .buf = value, .size = 40 },
		{ .key = "is not", .key_len = 6, .buf = value, .size = 40 },
	};
	int round;

	/* Nothing is mapped in the first round. */
	for (round = 0; round < 3; round++) {
		lookup[0].version = lookup[1].version = 42;
		lookup[2].version = lookup[3].version = 42;
		asked = 0;
		WANT(cmap_get_many(&map, lookup, 4) == 1);
		WANT(!asked);
		/* No buffer, though with a size: only the length is told. */
		WANT(lookup[0].error == EMSGSIZE && lookup[0].len == 40 &&
		     lookup[0].version == 0);
		WANT(lookup[1].error == EMSGSIZE && lookup[1].len == 40 &&
		     lookup[1].version == 0);
		WANT(lookup[2].error == 0 && lookup[2].len == 40 &&
		     lookup[2].version == 41);
		WANT(lookup[3].error == ENOENT && lookup[3].len == 0 &&
		     lookup[3].version == 0);
		warm(&map);
	}
	cmap_view_close(map.view);
}

/* Without a window what the kernel says is passed on, and nothing else. */
static void lookups_by_call(void)
{
	struct cmap map = { .fd = fd, .no_window = 1 };
	char value[8];
	struct cmap_lookup lookup = {
		.key = "key", .key_len = 3, .buf = value, .size = 8,
		.version = 42,
	};

	answer = ENOENT;
	asked = 0;
	WANT(cmap_get_many(&map, &lookup, 1) == 0);
	WANT(lookup.error == ENOENT && !lookup.len && !lookup.version);
	answer = EMSGSIZE;
	WANT(cmap_get_many(&map, &lookup, 1) == 0);
	WANT(lookup.error == EMSGSIZE && lookup.len == 8);
	/* The length came with the answer; another may be another value's. */
	WANT(asked == 2);
}

/* The room for a value is not the length of one. */
static void batch_lengths(void)
{
	struct cmap map = { .fd = fd, .no_window = 1 };
	struct cmap_batch *batch = cmap_batch_new(3);
	static const int answers[] = { 0, EMSGSIZE, ENOENT };
	struct cmap_result result;
	char value[8];
	unsigned int i, j;

	for (i = 0; i < 3; i++) {
		answer = answers[i];
		cmap_batch_reset(batch);
		cmap_batch_get(batch, "key", 3, value, 8);
		cmap_batch_take(batch, "key", 3, value, 8);
		cmap_batch_swap(batch, "key", 3, "new", 3, value, 8);
		WANT(cmap_batch_submit(batch, &map) == 3);
		for (j = 0; j < 3; j++) {
			WANT(!cmap_batch_result(batch, j, &result));
			WANT(result.error == answer);
			WANT(result.value_len == (answer == ENOENT ? 0 : 8));
		}
	}
	cmap_batch_free(batch);
}

static void test(const char *name, void (*run)(void))
{
	int before = failed;

	failed = 0;
	answer = 0;
	make();
	run();
	printf("%sok %d %s\n", failed ? "not " : "", ++number, name);
	failed |= before;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	state = 1;
	if (window_file())
		return perror("window"), 1;

	test("lookups", lookups);
	test("lookups by system call", lookups_by_call);
	test("lengths in a batch", batch_lengths);
	return failed;
}
