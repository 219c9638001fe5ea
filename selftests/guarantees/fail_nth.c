// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation on the way of every call fails once (guarantee D2): each
 * system call, each call of the library, and each of the kernel API, the
 * latter by way of the cmap_kapi_test module.
 *
 * A call is made again and again, each time on a new map, with its first
 * allocation failing, its second, and so on until there was none left to
 * fail.  It must then either be out of memory with the map as it was before,
 * and succeed when it is made once more; or have got by without, with the map
 * as it is after the call.
 *
 * Kernels fail copies from and to user memory as they fail allocations.
 * Nobody but a kernel that is told so can do that to a call whose memory is
 * fine, so EFAULT may have either outcome; but nothing in between.
 *
 * deadline: 240
 */
#include <kcmap.h>

#include "faults.h"
#include "load.h"
#include "kselftest_harness.h"

#define NAME		"fail_nth"
#define OTHER_NAME	"fail_nth_2"
#define LONG		20000
#define HUGE		100000	/* more than a range reads at once */
#define SOME		650	/* of a size that nothing in the map has */
#define FILLERS		20
#define RECORDS		300
#define NTH_MAX		500
#define KAPI_CALL	"/sys/module/cmap_kapi_test/parameters/call"

/* ---- failing ---- */

static int nth_file = -1, kapi_file = -1;

static bool can_fail(void)
{
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0)
		return false;

	spare_no_allocation();
	return true;
}

static void fail_at(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_file, text, len, 0) != len)
		abort();
}

/* True if something failed.  Asking can fail too: then nothing had yet. */
static bool failed(void)
{
	char left[16] = {};
	bool asked = pread(nth_file, left, sizeof(left) - 1, 0) > 0;

	if (pwrite(nth_file, "0", 1, 0) != 1)
		return false;
	return asked && !strcmp(left, "0\n");
}

/* ---- what a map holds ---- */

struct record {
	char key[16];
	uint32_t value_len;
	uint64_t version;
	uint64_t hash;		/* of the value */
};

struct contents {
	int64_t count;
	int64_t records;
	uint64_t bytes;		/* this is not compared for equality */
	struct cmap_stat stat;	/* what does not come and go with memory */
	struct record record[RECORDS];
};

static uint64_t hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

static void add_record(const struct cmap_entry *e, const void *key,
		       const void *value, void *arg)
{
	struct contents *contents = arg;
	struct record *record = &contents->record[contents->records++];

	memcpy(record->key, key, e->key_len);
	record->value_len = e->value_len;
	record->version = e->version;
	record->hash = hash(value, e->value_len);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((struct record *)a)->key));
}

static void look(int fd, struct contents *contents)
{
	int64_t seen;

	memset(contents, 0, sizeof(*contents));
	contents->count = count(fd);
	seen = range_all(fd, 300000, add_record, contents);
	if (seen != contents->records)
		contents->records = -1;
	else
		qsort(contents->record, seen, sizeof(*contents->record), by_key);

	contents->stat = map_stat(fd);
	contents->bytes = contents->stat.bytes;
	/* A map's number is its own; what is got stays, who asked for it or not. */
	contents->stat.id = 0;
	contents->stat.bytes = 0;
	contents->stat.table_bytes = 0;
	contents->stat.buckets = 0;
	contents->stat.longest_chain = 0;
	contents->stat.grows = 0;
	contents->stat.shrinks = 0;
	contents->stat.allocs = 0;
	contents->stat.reuses = 0;
	contents->stat.retries = 0;
}

static bool same(const struct contents *a, const struct contents *b)
{
	return a->count == b->count && a->records == b->records &&
	       !memcmp(&a->stat, &b->stat, sizeof(a->stat)) &&
	       !memcmp(a->record, b->record, sizeof(a->record));
}

/* ---- the map that a call is made on ---- */

struct subject {
	int fd;
	int fresh;		/* a descriptor bound to nothing */
	int pipes[2];
	struct kcmap *handle;	/* the library's */
	char *window;
};

static char big[HUGE];
static _Alignas(4096) char out[102400];

/* Results go to memory that is not there, so that they take a page fault. */
static void *cold(void)
{
	madvise(out, sizeof(out), MADV_DONTNEED);
	return out;
}

static int fill(int fd)
{
	int64_t five = 5;
	char key[16];
	int err, i;

	err = set(fd, "short", 5, "12345678", 8) ?:
	      set(fd, "long", 4, big, LONG) ?:
	      set(fd, "number", 6, &five, 8);
	for (i = 0; i < FILLERS && !err; i++)
		err = set(fd, key, sprintf(key, "filler%d", i), big, 10 * i);
	return err;
}

/* ---- the calls, as system calls ---- */

/* 0 if a condition on what a call returned holds. */
#define CHECK(condition) ((condition) ? 0 : -EPROTO)

static struct cmap_op op_on(const char *key)
{
	return (struct cmap_op) { .key = u64_of(key), .key_len = strlen(key) };
}

static int got(int err, uint32_t len, const void *want, uint32_t want_len)
{
	return err ?: CHECK(len == want_len && !memcmp(out, want, len));
}

static int sys_set(struct subject *s)
{
	return set(s->fd, "new", 3, big, SOME);
}

static int sys_set_long(struct subject *s)
{
	return set(s->fd, "new", 3, big, LONG + 5000);
}

static int sys_replace(struct subject *s)
{
	return set_flags(s->fd, "short", 5, big, SOME, CMAP_OP_REPLACE, NULL);
}

static int sys_insert(struct subject *s)
{
	return set_flags(s->fd, "new", 3, big, SOME, CMAP_OP_INSERT, NULL);
}

static int sys_delete(struct subject *s)
{
	return delete(s->fd, "long", 4);
}

/* Not by get(), which poisons the buffer first. */
static int sys_get(struct subject *s)
{
	struct cmap_op op = op_on("long");
	int err;

	op.value = u64_of(cold());
	op.value_len = sizeof(out);
	err = op_call(s->fd, CMAP_IOCTL_GET, &op);
	return got(err, op.value_len, big, LONG);
}

static int sys_take(struct subject *s)
{
	struct cmap_op op = op_on("long");
	int err;

	op.old = u64_of(cold());
	op.old_len = sizeof(out);
	err = op_call(s->fd, CMAP_IOCTL_TAKE, &op);
	return got(err, op.old_len, big, LONG);
}

static int sys_swap(struct subject *s)
{
	struct cmap_op op = op_on("long");
	int err;

	op.value = u64_of(big);
	op.value_len = SOME;
	op.old = u64_of(cold());
	op.old_len = sizeof(out);
	err = op_call(s->fd, CMAP_IOCTL_SWAP, &op);
	return got(err, op.old_len, big, LONG) ?: CHECK(op.number == 1);
}

static int sys_compare_swap(struct subject *s)
{
	struct cmap_op op = op_on("long");

	op.value = u64_of(big);
	op.value_len = LONG + 5000;
	op.old = u64_of(big);
	op.old_len = LONG;
	return op_call(s->fd, CMAP_IOCTL_COMPARE_SWAP, &op);
}

static int sys_compare_delete(struct subject *s)
{
	struct cmap_op op = op_on("long");

	op.old = u64_of(big);
	op.old_len = LONG;
	return op_call(s->fd, CMAP_IOCTL_COMPARE_DELETE, &op);
}

static int get_or_set(struct subject *s, const char *key, struct cmap_op *op)
{
	*op = op_on(key);
	op->value = u64_of(big);
	op->value_len = SOME;
	op->old = u64_of(cold());
	op->old_len = sizeof(out);
	return op_call(s->fd, CMAP_IOCTL_GET_OR_SET, op);
}

static int sys_get_or_set_gets(struct subject *s)
{
	struct cmap_op op;
	int err = get_or_set(s, "long", &op);

	return got(err, op.old_len, big, LONG) ?: CHECK(op.number == 1);
}

static int sys_get_or_set_sets(struct subject *s)
{
	struct cmap_op op;

	return get_or_set(s, "new", &op) ?: CHECK(op.number == 0);
}

static int sys_add(struct subject *s)
{
	int64_t sum;

	return add(s->fd, "number", 6, 7, &sum) ?: CHECK(sum == 12);
}

static int sys_add_absent(struct subject *s)
{
	int64_t sum;

	return add(s->fd, "new", 3, 7, &sum) ?: CHECK(sum == 7);
}

static int sys_clear(struct subject *s)
{
	int64_t n = clear(s->fd);

	return n < 0 ? n : CHECK(n == FILLERS + 3);
}

static int sys_count(struct subject *s)
{
	int64_t n = count(s->fd);

	return n < 0 ? n : CHECK(n == FILLERS + 3);
}

static int sys_stat(struct subject *s)
{
	struct cmap_stat stat = { .size = sizeof(stat) };

	return call(s->fd, CMAP_IOCTL_STAT, &stat) ?:
	       CHECK(stat.entries == FILLERS + 3);
}

/* All at once; an entry that is longer than what is read at once included. */
static int sys_range(struct subject *s)
{
	struct cmap_range range = {
		.size = sizeof(range),
		.buf = u64_of(cold()), .buf_len = sizeof(out),
	};
	unsigned int seen = 0;
	int err;

	do {
		range.buf_len = sizeof(out);
		err = call(s->fd, CMAP_IOCTL_RANGE, &range);
		seen += range.count;
	} while (!err && range.count);
	return err ?: CHECK(seen == FILLERS + 3);
}

static int sys_range_huge(struct subject *s)
{
	static char buf[HUGE + 100000];
	struct cmap_range range = {
		.size = sizeof(range),
		.buf = u64_of(buf), .buf_len = sizeof(buf),
	};
	int err = call(s->fd, CMAP_IOCTL_RANGE, &range);

	/* Too little memory for the huge one may end the range before it. */
	return err ?: CHECK(range.count && range.count <= FILLERS + 4);
}

static int sys_batch(struct subject *s)
{
	struct cmap_op ops[3] = { op_on("new"), op_on("short"), op_on("short") };
	struct cmap_ops batch = {
		.size = sizeof(batch),
		.ops = u64_of(ops), .count = 3, .op_size = sizeof(*ops),
	};
	int err, i;

	for (i = 0; i < 3; i++)
		ops[i].size = sizeof(*ops);
	ops[0].code = CMAP_CODE_SET;
	ops[0].value = u64_of(big);
	ops[0].value_len = SOME;
	ops[1].code = CMAP_CODE_GET;
	ops[1].value = u64_of(cold());
	ops[1].value_len = 8;
	ops[2].code = CMAP_CODE_COUNT;
	err = call(s->fd, CMAP_IOCTL_BATCH, &batch);
	if (err)
		return err;
	if (batch.done != 3)
		return -EPROTO;
	/* The element that changes something speaks for all. */
	for (i = 1; i < 3; i++)
		if (ops[i].error && ops[i].error != -EFAULT &&
		    ops[i].error != -ENOMEM)
			return -EPROTO;
	return ops[0].error;
}

static int sys_open(struct subject *s)
{
	return open_named(s->fresh, NAME);
}

static int sys_create(struct subject *s)
{
	return create_named(s->fresh, OTHER_NAME, 0600);
}

/* What a call on the name did cannot be seen in the map: it is seen here. */
static int sys_rename(struct subject *s)
{
	int err = name_call(s->fd, CMAP_IOCTL_RENAME, OTHER_NAME), other;

	if (!err) {
		err = name_call(s->fd, CMAP_IOCTL_RENAME, NAME);
		/* The one allocation that fails may be here; then it has. */
		if (err == -ENOMEM || err == -EFAULT)
			err = name_call(s->fd, CMAP_IOCTL_RENAME, NAME);
		return err;
	}
	other = device(O_RDONLY);
	if (open_named(other, OTHER_NAME) != -ENOENT || open_named(other, NAME))
		err = -EPROTO;
	close(other);
	return err;
}

static int sys_chown(struct subject *s)
{
	struct cmap_setattr attr = {
		.size = sizeof(attr),
		.flags = CMAP_SET_MODE | CMAP_SET_UID, .mode = 0640,
		.uid = 1000,
	};

	return call(s->fd, CMAP_IOCTL_SETATTR, &attr);
}

static int sys_limits(struct subject *s)
{
	struct cmap_limits limits = { .size = sizeof(limits) };

	return call(s->fresh, CMAP_IOCTL_LIMITS, &limits) ?:
	       CHECK(limits.maps >= 1 && limits.all_maps >= 1);
}

static int sys_list(struct subject *s)
{
	struct cmap_list list = {
		.size = sizeof(list), .buf = u64_of(out), .buf_len = sizeof(out),
	};

	cold();
	return call(s->fresh, CMAP_IOCTL_LIST, &list) ?: CHECK(list.count == 1);
}

/* ---- the window ---- */

static int sys_mmap(struct subject *s)
{
	struct cmap_window *window = mmap(NULL, 4096, PROT_READ, MAP_SHARED,
					  s->fd, 0);

	if (window == MAP_FAILED)
		return -errno;
	if (window->magic != CMAP_WINDOW_MAGIC)
		return -EPROTO;
	return munmap(window, 4096) ? -errno : 0;
}

/* A fault that lacks memory is taken again: the program notices nothing. */
static int sys_fault(struct subject *s)
{
	const struct cmap_window *window = (void *)s->window;
	const struct cmap_window_shard *shard;

	madvise(s->window, 1 << 20, MADV_DONTNEED);
	shard = (void *)(s->window + window->shards_offset);
	return CHECK(window->magic == CMAP_WINDOW_MAGIC && shard->table);
}

/* One that a system call takes makes that fail. */
static int sys_fault_by_kernel(struct subject *s)
{
	madvise(s->window, 4096, MADV_DONTNEED);
	return write(s->pipes[1], s->window, 64) == 64 ? 0 : -errno;
}

/* ---- the calls of the library ---- */

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
	struct kcmap_range *iter = kcmap_range_new(s->handle, 0, NULL);
	struct kcmap_item item;
	int seen = 0, more;

	if (!iter)
		return -errno;
	while ((more = kcmap_range_next(iter, &item)) > 0)
		seen++;
	more = LIBRARY(more);
	kcmap_range_free(iter);
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

/* ---- the loop ---- */

#define EMPTY		1	/* on an empty map */
#define WINDOW		2	/* takes a window */
#define UNMAPPED	4	/* on a map that was never mapped */
#define HUGE_ONE	8	/* with a huge entry */

struct call {
	const char *name;
	int (*fn)(struct subject *s);
	unsigned int flags;
	const char *kapi;	/* for call_kernel() */
};

#define SYS(name, flags) { #name, sys_##name, flags }
#define LIB(name) { "kcmap_" #name "()", lib_##name }

static const struct call sys_calls[] = {
	SYS(set, 0), SYS(set, EMPTY), SYS(set_long, 0), SYS(set_long, EMPTY),
	SYS(replace, 0), SYS(insert, 0), SYS(delete, 0), SYS(get, 0),
	SYS(take, 0), SYS(swap, 0), SYS(compare_swap, 0),
	SYS(compare_delete, 0), SYS(get_or_set_gets, 0),
	SYS(get_or_set_sets, 0), SYS(add, 0), SYS(add_absent, 0),
	SYS(add_absent, EMPTY), SYS(clear, 0), SYS(count, 0), SYS(stat, 0),
	SYS(range, 0), SYS(range_huge, HUGE_ONE), SYS(batch, 0), SYS(open, 0),
	SYS(create, 0), SYS(rename, 0), SYS(chown, 0), SYS(limits, 0),
	SYS(list, 0), SYS(mmap, WINDOW | UNMAPPED), SYS(mmap, WINDOW),
	SYS(fault, WINDOW), SYS(fault_by_kernel, WINDOW),
};

static const struct call lib_calls[] = {
	LIB(get), LIB(get_dup), LIB(visit), LIB(get_many), LIB(set),
	LIB(insert), LIB(replace), LIB(delete), LIB(take), LIB(swap),
	LIB(get_or_set), LIB(compare_swap), LIB(compare_delete), LIB(add),
	LIB(clear), LIB(count), LIB(stat), LIB(range), LIB(batch), LIB(open),
	LIB(from_fd), LIB(rename), LIB(chmod), LIB(limits),
};

static const char *kapi_name;

/* By the name that the kernel module has for it. */
static int call_kernel(struct subject *s)
{
	return pwrite(kapi_file, kapi_name, strlen(kapi_name), 0) < 0 ?
	       -errno : 0;
}

static void forget(struct subject *s)
{
	if (s->window)
		munmap(s->window, 1 << 20);
	kcmap_close(s->handle);
	close(s->fd);
	close(s->fresh);
	close(s->pipes[0]);
	close(s->pipes[1]);
	unlink_named(NAME);
	unlink_named(OTHER_NAME);
}

static int prepare(struct subject *s, uint32_t create_flags,
		   const struct call *call)
{
	struct cmap_create args = {
		.name = u64_of(NAME), .name_len = strlen(NAME), .mode = 0600,
		.flags = create_flags, .shards = 1,
	};
	int err;

	*s = (struct subject) {
		.fd = device(O_RDWR), .fresh = device(O_RDWR),
	};
	err = pipe2(s->pipes, O_CLOEXEC) ? -errno : create_with(s->fd, &args);
	if (!err && !(call->flags & EMPTY))
		err = fill(s->fd);
	if (!err && call->flags & HUGE_ONE)
		err = set(s->fd, "huge", 4, big, HUGE);
	if (!err && !(create_flags & CMAP_CREATE_NO_WINDOW) &&
	    !(call->flags & UNMAPPED)) {
		s->window = mmap(NULL, 1 << 20, PROT_READ, MAP_SHARED, s->fd, 0);
		if (s->window == MAP_FAILED)
			return -errno;
	}
	if (!err) {
		s->handle = kcmap_from_fd(dup(s->fd));
		err = s->handle ? 0 : -errno;
	}
	return err;
}

static struct contents before, after, now_there;

/* What has become of the map after a call that returned @err. */
static bool outcome_right(int err)
{
	if (now_there.bytes > before.bytes && now_there.bytes > after.bytes)
		return false;
	switch (err) {
	case 0:
		return same(&now_there, &after);
	case -ENOMEM:
		return same(&now_there, &before);
	case -EFAULT:
		return same(&now_there, &before) || same(&now_there, &after);
	default:
		return false;
	}
}

/* With the @nth allocation failing; true if there was one to fail. */
static bool fail_once(struct __test_metadata *_metadata, uint32_t create_flags,
		      const struct call *call, unsigned int nth)
{
	struct subject s;
	bool fired;
	int err;

	ASSERT_EQ(0, prepare(&s, create_flags, call));
	fail_at(nth);
	err = call->fn(&s);
	fired = failed();

	look(s.fd, &now_there);
	EXPECT_TRUE(outcome_right(err)) {
		TH_LOG("%s, allocation %u, map flags %x: error %d, %jd entries in %ju bytes; before %jd in %ju, after %jd in %ju",
		       call->kapi ?: call->name, nth, create_flags, err,
		       (intmax_t)now_there.count, (uintmax_t)now_there.bytes,
		       (intmax_t)before.count, (uintmax_t)before.bytes,
		       (intmax_t)after.count, (uintmax_t)after.bytes);
	}
	if (!fired)
		EXPECT_EQ(0, err);
	if (err == -ENOMEM) {
		EXPECT_EQ(0, call->fn(&s));
		look(s.fd, &now_there);
		EXPECT_TRUE(same(&now_there, &after));
	}
	forget(&s);

	return fired;
}

static unsigned int fail_each(struct __test_metadata *_metadata,
			      uint32_t create_flags, const struct call *call)
{
	unsigned int nth = 1;
	struct subject s;

	/* Undisturbed. */
	ASSERT_EQ(0, prepare(&s, create_flags, call));
	look(s.fd, &before);
	ASSERT_EQ(0, call->fn(&s)) {
		TH_LOG("%s", call->kapi ?: call->name);
	}
	look(s.fd, &after);
	forget(&s);

	while (nth < NTH_MAX &&
	       fail_once(_metadata, create_flags, call, nth))
		nth++;
	EXPECT_LT(nth, NTH_MAX);
	return nth - 1;
}

FIXTURE(fail)
{
};

FIXTURE_SETUP(fail)
{
	unsigned int i;

	if (!can_fail())
		SKIP(return, "no fault injection in this kernel");
	for (i = 0; i < sizeof(big); i++)
		big[i] = i * 7;
	unlink_named(NAME);
}

FIXTURE_TEARDOWN(fail)
{
	close(nth_file);
}

static void fail_all(struct __test_metadata *_metadata, uint32_t create_flags,
		     const struct call *calls, unsigned int n)
{
	unsigned int i, places = 0;

	for (i = 0; i < n; i++) {
		if (calls[i].flags & WINDOW &&
		    create_flags & CMAP_CREATE_NO_WINDOW)
			continue;
		places += fail_each(_metadata, create_flags, &calls[i]);
	}
	TH_LOG("%u calls, %u places to fail", n, places);
	/* It would be a miracle if there were fewer. */
	EXPECT_GT(places, 5 * n);
}

#define COUNT(calls) (sizeof(calls) / sizeof(*(calls)))

TEST_F(fail, system_calls)
{
	fail_all(_metadata, 0, sys_calls, COUNT(sys_calls));
}

TEST_F(fail, system_calls_without_window)
{
	fail_all(_metadata, CMAP_CREATE_NO_WINDOW, sys_calls, COUNT(sys_calls));
}

TEST_F(fail, system_calls_with_wiping)
{
	fail_all(_metadata, CMAP_CREATE_WIPE, sys_calls, COUNT(sys_calls));
}

TEST_F(fail, library)
{
	fail_all(_metadata, 0, lib_calls, COUNT(lib_calls));
}

TEST_F(fail, library_without_window)
{
	fail_all(_metadata, CMAP_CREATE_NO_WINDOW, lib_calls, COUNT(lib_calls));
}

TEST_F(fail, kernel_api)
{
	static const char * const names[] = {
		"create", "open", "get", "set", "set_long", "set_atomic",
		"set_long_atomic", "delete", "take", "swap", "compare_swap",
		"compare_delete", "get_or_set", "add", "add_atomic", "clear",
		"range", "range_atomic",
	};
	unsigned int i, places = 0;
	int err;

	err = load("cmap_kapi_test");
	if (err == -ENOENT)
		SKIP(return, "no test module");
	ASSERT_EQ(0, err);
	kapi_file = open(KAPI_CALL, O_WRONLY | O_CLOEXEC);
	ASSERT_GE(kapi_file, 0);

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct call call = { .fn = call_kernel, .kapi = names[i] };

		kapi_name = names[i];
		places += fail_each(_metadata, 0, &call);
	}
	TH_LOG("%u calls, %u places to fail", i, places);
	EXPECT_GT(places, 2 * i);
	close(kapi_file);
	EXPECT_EQ(0, unload("cmap_kapi_test"));
}

/* ---- maps that come and go ---- */

/* A map that could not be made leaves no name, and the descriptor free. */
static void fail_create(struct __test_metadata *_metadata,
			uint32_t create_flags, const char *name)
{
	struct cmap_create args = {
		.name = u64_of(name), .name_len = name ? strlen(name) : 0,
		.mode = 0600, .flags = create_flags, .shards = 4,
	};
	unsigned int nth = 0;
	bool fired;
	int err;

	do {
		int fd = device(O_RDWR), other = device(O_RDWR);

		fail_at(++nth);
		err = create_with(fd, &args);
		fired = failed();
		if (err) {
			EXPECT_TRUE(err == -ENOMEM || err == -EFAULT);
			EXPECT_EQ(-EBADFD, count(fd));
			if (name)
				EXPECT_EQ(-ENOENT, open_named(other, name));
			EXPECT_EQ(0, create_with(fd, &args));
		}
		EXPECT_EQ(0, count(fd));
		if (name)
			EXPECT_EQ(0, unlink_named(name));
		close(other);
		close(fd);
	} while (fired && nth < NTH_MAX);
	EXPECT_EQ(0, err);
	EXPECT_GT(nth, 5);
	EXPECT_LT(nth, NTH_MAX);
}

TEST_F(fail, create_map)
{
	fail_create(_metadata, 0, NAME);
	fail_create(_metadata, CMAP_CREATE_WIPE, NULL);
	fail_create(_metadata, CMAP_CREATE_NO_WINDOW, NULL);
}

TEST_F(fail, unlink_name)
{
	unsigned int nth = 0;
	bool fired;

	do {
		int fd = device(O_RDWR), other = device(O_RDWR), err;

		ASSERT_EQ(0, create_named(fd, NAME, 0600));
		fail_at(++nth);
		err = name_call(other, CMAP_IOCTL_UNLINK, NAME);
		fired = failed();
		EXPECT_TRUE(!err || err == -ENOMEM || err == -EFAULT);
		EXPECT_EQ(err ? 0 : -ENOENT, unlink_named(NAME));
		close(other);
		close(fd);
	} while (fired && nth < NTH_MAX);
	EXPECT_GT(nth, 2);
}

/* The library's create finds its map's name free again, too. */
TEST_F(fail, library_create)
{
	struct kcmap_options options = { .sz = sizeof(options), .shards = 2 };
	unsigned int nth = 0;
	bool fired;

	do {
		struct kcmap *map;
		int err;

		fail_at(++nth);
		map = kcmap_open(NAME, O_RDWR | O_CREAT | O_EXCL, &options);
		err = map ? 0 : errno;
		fired = failed();
		EXPECT_TRUE(!err || err == ENOMEM || err == EFAULT) {
			TH_LOG("allocation %u: error %d", nth, err);
		}
		EXPECT_EQ(err ? -1 : 0, kcmap_unlink(NAME));
		kcmap_close(map);
	} while (fired && nth < NTH_MAX);
	EXPECT_GT(nth, 5);
}

/* ---- growing ---- */

#define AT_LIMIT	200	/* one more, and a table of 32 buckets grows */
#define GROWN		260

/* In a batch: whose table, or pool, or node could not be had failed alone. */
static void grow(struct __test_metadata *_metadata, unsigned int nth,
		 bool *fired)
{
	struct cmap_create args = { .shards = 1 };
	int fd = new_map_with(&args), tries = 0;
	struct cmap_op ops[8] = {};
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(ops), .count = 8,
		.op_size = sizeof(*ops),
	};
	uint32_t key, len, keys[8];

	ASSERT_GE(fd, 0);
	for (key = 0; key < AT_LIMIT - 2; key++)
		ASSERT_EQ(0, set(fd, &key, 4, &key, 4));
	for (key = 0; key < 8; key++) {
		keys[key] = AT_LIMIT - 2 + key;
		ops[key] = (struct cmap_op) {
			.size = sizeof(*ops), .code = CMAP_CODE_SET,
			.key = u64_of(&keys[key]), .key_len = 4,
			.value = u64_of(&keys[key]), .value_len = 4,
		};
	}
	fail_at(nth);
	int err = call(fd, CMAP_IOCTL_BATCH, &batch);

	*fired = failed();
	EXPECT_TRUE(!err || err == -ENOMEM || err == -EFAULT);
	for (key = 0; key < AT_LIMIT - 2; key++) {
		uint32_t value;

		len = sizeof(value);
		EXPECT_EQ(0, get(fd, &key, 4, &value, &len));
		EXPECT_EQ(key, value);
	}
	EXPECT_EQ(count(fd), range_all(fd, 10000, NULL, NULL));
	/* It goes on growing as if nothing had been. */
	for (key = 0; key < GROWN; key++)
		EXPECT_EQ(0, set(fd, &key, 4, &key, 4));
	while (map_stat(fd).buckets != 64 && tries++ < 500)
		usleep(10000);
	EXPECT_EQ(64, map_stat(fd).buckets);
	EXPECT_EQ(GROWN, count(fd));
	EXPECT_EQ(GROWN, range_all(fd, 10000, NULL, NULL));
	close(fd);
}

TEST_F(fail, growth)
{
	unsigned int nth = 0;
	bool fired;

	do
		grow(_metadata, ++nth, &fired);
	while (fired && nth < NTH_MAX);
	TH_LOG("%u places to fail", nth - 1);
	EXPECT_GT(nth, 5);
	EXPECT_LT(nth, NTH_MAX);
}

TEST_HARNESS_MAIN
