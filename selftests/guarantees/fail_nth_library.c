// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of the library, for fail_nth.
 */
#include "fail_nth.h"

#define LIBRARY(expression) ((expression) < 0 ? -errno : 0)

static int lib_get(struct subject *s)
{
	ssize_t len = kcmap_get(s->handle, "long", 4, cold(), sizeof(out),
				NULL);

	return got(LIBRARY(len), len, big, LONG);
}

static int lib_get_dup(struct subject *s)
{
	size_t len;
	void *copy = kcmap_get_dup(s->handle, "long", 4, &len, NULL);
	int err = copy ? CHECK(len == LONG && !memcmp(copy, big, len)) : -errno;

	free(copy);
	return err;
}

static void is_long(const void *value, size_t len, void *ok)
{
	*(bool *)ok = len == LONG && !memcmp(value, big, len);
}

static int lib_visit(struct subject *s)
{
	bool ok = false;

	return LIBRARY(kcmap_visit(s->handle, "long", 4, is_long, &ok, NULL)) ?:
	       CHECK(ok);
}

static int lib_get_many(struct subject *s)
{
	char short_one[8];
	struct kcmap_lookup lookups[2] = {
		{ .key = "long", .key_len = 4, .buf = cold(), .size = LONG },
		{ .key = "short", .key_len = 5, .buf = short_one, .size = 8 },
	};
	ssize_t n = kcmap_get_many(s->handle, lookups, 2);

	if (n < 0)
		return -errno;
	if (lookups[1].error)
		return -lookups[1].error;
	return got(-lookups[0].error, lookups[0].len, big, LONG);
}

static int lib_set(struct subject *s)
{
	return LIBRARY(kcmap_set(s->handle, "new", 3, big, SOME, NULL));
}

static int lib_insert(struct subject *s)
{
	return LIBRARY(kcmap_insert(s->handle, "new", 3, big, SOME, NULL));
}

static int lib_replace(struct subject *s)
{
	return LIBRARY(kcmap_replace(s->handle, "short", 5, big, SOME, NULL));
}

static int lib_delete(struct subject *s)
{
	return LIBRARY(kcmap_delete(s->handle, "long", 4, NULL));
}

static int lib_take(struct subject *s)
{
	ssize_t len = kcmap_take(s->handle, "long", 4, cold(), sizeof(out),
				 NULL);

	return got(LIBRARY(len), len, big, LONG);
}

static int lib_swap(struct subject *s)
{
	size_t len = sizeof(out);
	int err = LIBRARY(kcmap_swap(s->handle, "long", 4, big, SOME, cold(),
				     &len, NULL));

	return got(err, len, big, LONG);
}

static int lib_get_or_set(struct subject *s)
{
	size_t len = sizeof(out);

	return LIBRARY(kcmap_get_or_set(s->handle, "new", 3, big, SOME, cold(),
					&len, NULL));
}

static int lib_compare_swap(struct subject *s)
{
	return LIBRARY(kcmap_compare_swap(s->handle, "long", 4, big, LONG, big,
					  SOME, NULL));
}

static int lib_compare_delete(struct subject *s)
{
	return LIBRARY(kcmap_compare_delete(s->handle, "long", 4, big, LONG,
					    NULL));
}

static int lib_add(struct subject *s)
{
	return LIBRARY(kcmap_add(s->handle, "new", 3, 1, 1, NULL, NULL));
}

static int lib_touch(struct subject *s)
{
	return LIBRARY(kcmap_touch(s->handle, "long", 4, 3600 * KCMAP_SECOND,
				   NULL));
}

static int lib_get_deadline(struct subject *s)
{
	uint64_t deadline = 42;

	return LIBRARY(kcmap_get_deadline(s->handle, "long", 4, &deadline,
					  NULL)) ?: CHECK(!deadline);
}

static int lib_write(struct subject *s)
{
	const struct kcmap_command command = {
		.sz = sizeof(command), .operation = KCMAP_OP_INSERT,
		.flags = KCMAP_WRITE_TTL, .ttl = 3600 * KCMAP_SECOND,
		.key = "new", .key_len = 3, .value = big, .value_len = SOME,
	};

	return LIBRARY(kcmap_write(s->handle, &command, NULL));
}

static int lib_clear(struct subject *s)
{
	return LIBRARY(kcmap_clear(s->handle));
}

static int lib_count(struct subject *s)
{
	int64_t n = kcmap_count(s->handle);

	return LIBRARY(n) ?: CHECK(n == FILLERS + 3);
}

static int lib_stat(struct subject *s)
{
	struct kcmap_info info = { .sz = sizeof(info) };

	return LIBRARY(kcmap_stat(s->handle, &info)) ?:
	       CHECK(info.entries == FILLERS + 3);
}

static int lib_range(struct subject *s)
{
	struct kcmap_range *range = kcmap_range_new(s->handle, 0, NULL);
	struct kcmap_item item;
	int seen = 0, more;

	if (!range)
		return -errno;
	while ((more = kcmap_range_next(range, &item)) > 0)
		seen++;
	more = LIBRARY(more);
	kcmap_range_free(range);
	return more ?: CHECK(seen == FILLERS + 3);
}

static int lib_batch(struct subject *s)
{
	struct kcmap_batch *batch = kcmap_batch_new(2);
	struct kcmap_result result;
	int err = -errno;

	if (!batch)
		return err;
	err = LIBRARY(kcmap_batch_set(batch, "new", 3, big, SOME)) ?:
	      LIBRARY(kcmap_batch_submit(batch, s->handle)) ?:
	      LIBRARY(kcmap_batch_result(batch, 0, &result)) ?:
	      -result.error;
	kcmap_batch_free(batch);
	return err;
}

static int lib_open(struct subject *s)
{
	struct kcmap *map = kcmap_open(NAME, O_RDWR, NULL);
	int err = map ? 0 : -errno;

	kcmap_close(map);
	return err;
}

static int lib_rename(struct subject *s)
{
	return LIBRARY(kcmap_rename(s->handle, OTHER_NAME));
}

static int lib_chmod(struct subject *s)
{
	return LIBRARY(kcmap_chmod(s->handle, 0644));
}

static int lib_limits(struct subject *s)
{
	struct kcmap_usage usage = { .sz = sizeof(usage) };

	return LIBRARY(kcmap_limits(&usage)) ?: CHECK(usage.all_maps >= 1);
}

static int lib_from_fd(struct subject *s)
{
	int fd = dup(s->fd);
	struct kcmap *map = fd < 0 ? NULL : kcmap_from_fd(fd);
	int err = map ? 0 : -errno;

	if (!map)
		close(fd);
	kcmap_close(map);
	return err;
}

#define LIB(name) { "kcmap_" #name "()", lib_##name }

const struct call lib_calls[] = {
	LIB(get), LIB(get_dup), LIB(visit), LIB(get_many), LIB(set),
	LIB(insert), LIB(replace), LIB(delete), LIB(take), LIB(swap),
	LIB(get_or_set), LIB(compare_swap), LIB(compare_delete), LIB(add),
	LIB(touch), LIB(get_deadline), LIB(write),
	LIB(clear), LIB(count), LIB(stat), LIB(range), LIB(batch), LIB(open),
	LIB(from_fd), LIB(rename), LIB(chmod), LIB(limits),
};

const unsigned int lib_calls_count = sizeof(lib_calls) / sizeof(*lib_calls);
