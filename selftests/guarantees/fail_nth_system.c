// SPDX-License-Identifier: GPL-2.0
/*
 * The system calls, and faults in a window, for fail_nth.
 */
#include "fail_nth.h"

static struct cmap_op op_on(const char *key)
{
	return (struct cmap_op) { .key = u64_of(key), .key_len = strlen(key) };
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

/* The first deadline in the map: it takes a wheel, and the page with the clock. */
static int sys_set_ttl(struct subject *s)
{
	struct cmap_op op = op_on("short");

	op.flags = CMAP_OP_TTL;
	op.deadline = 1ULL << 50;
	op.value = u64_of(big);
	op.value_len = SOME;
	return op_call(s->fd, CMAP_IOCTL_SET, &op);
}

static int touch(struct subject *s, const char *key)
{
	struct cmap_op op = op_on(key);

	op.flags = CMAP_OP_TTL;
	op.deadline = 1ULL << 50;
	return op_call(s->fd, CMAP_IOCTL_TOUCH, &op);
}

/* The first entry that the descriptor owns. */
static int sys_set_owned(struct subject *s)
{
	struct cmap_op op = op_on("short");

	op.flags = CMAP_OP_OWNED;
	op.value = u64_of(big);
	op.value_len = SOME;
	return op_call(s->fd, CMAP_IOCTL_SET, &op);
}

static int sys_set_owned_by_process(struct subject *s)
{
	struct cmap_op op = op_on("new");

	op.flags = CMAP_OP_OWNED_BY_PROCESS;
	op.value = u64_of(big);
	op.value_len = SOME;
	return op_call(s->fd, CMAP_IOCTL_SET, &op);
}

static int sys_touch(struct subject *s)
{
	return touch(s, "short");
}

static int sys_touch_long(struct subject *s)
{
	return touch(s, "long");
}

static int sys_delete(struct subject *s)
{
	return delete(s->fd, "long", 4);
}

/* get() is not used, because it writes to the buffer first. */
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

/* Range over the keys with a prefix.  They are as many as @want. */
static int range_from(struct subject *s, const char *prefix, unsigned int want)
{
	struct cmap_range range = {
		.size = sizeof(range), .buf = u64_of(cold()),
		.prefix = u64_of(prefix),
		.prefix_len = prefix ? strlen(prefix) : 0,
	};
	unsigned int seen = 0;
	int err;

	do {
		range.buf_len = sizeof(out);
		err = call(s->fd, CMAP_IOCTL_RANGE, &range);
		seen += range.count;
	} while (!err && range.count);
	return err ?: CHECK(seen == want);
}

/* One range over everything, with an entry longer than what is read at once. */
static int sys_range(struct subject *s)
{
	return range_from(s, NULL, FILLERS + 3);
}

static int sys_range_prefix(struct subject *s)
{
	return range_from(s, "filler", FILLERS);
}

static int sys_range_huge(struct subject *s)
{
	static char buf[HUGE + 100000];
	struct cmap_range range = {
		.size = sizeof(range),
		.buf = u64_of(buf), .buf_len = sizeof(buf),
	};
	int err = call(s->fd, CMAP_IOCTL_RANGE, &range);

	/* Without memory for the huge entry, the range may end before it. */
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
	/* The result of the element that changes something counts for all. */
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

/* What a call did to the name is not part of the contents, so test it here. */
static int sys_rename(struct subject *s)
{
	int err = name_call(s->fd, CMAP_IOCTL_RENAME, OTHER_NAME), other;

	if (!err) {
		err = name_call(s->fd, CMAP_IOCTL_RENAME, NAME);
		/*
		 * The injected failure may hit this call.  Then it did not hit
		 * the other.
		 */
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

/* A page fault without memory is repeated: the program notices nothing. */
static int sys_fault(struct subject *s)
{
	const struct cmap_window *window = (void *)s->window;
	const struct cmap_window_shard *shard;

	madvise(s->window, 1 << 20, MADV_DONTNEED);
	shard = (void *)(s->window + window->shards_offset);
	return CHECK(window->magic == CMAP_WINDOW_MAGIC && shard->table);
}

/* A page fault within a system call makes that call fail. */
static int sys_fault_by_kernel(struct subject *s)
{
	madvise(s->window, 4096, MADV_DONTNEED);
	return write(s->pipes[1], s->window, 64) == 64 ? 0 : -errno;
}

#define SYS(name, flags) { #name, sys_##name, flags }

const struct call sys_calls[] = {
	SYS(set, 0), SYS(set, EMPTY), SYS(set_long, 0), SYS(set_long, EMPTY),
	SYS(replace, 0), SYS(insert, 0), SYS(set_ttl, 0),
	SYS(set_owned, 0), SYS(set_owned_by_process, 0), SYS(touch, 0),
	SYS(touch_long, 0), SYS(delete, 0), SYS(get, 0),
	SYS(take, 0), SYS(swap, 0), SYS(compare_swap, 0),
	SYS(compare_delete, 0), SYS(get_or_set_gets, 0),
	SYS(get_or_set_sets, 0), SYS(add, 0), SYS(add_absent, 0),
	SYS(add_absent, EMPTY), SYS(clear, 0), SYS(count, 0), SYS(stat, 0),
	SYS(range, 0), SYS(range_huge, HUGE_ONE), SYS(range_prefix, 0),
	SYS(batch, 0), SYS(open, 0), SYS(create, 0), SYS(rename, 0),
	SYS(chown, 0), SYS(limits, 0), SYS(list, 0),
	SYS(mmap, WINDOW | UNMAPPED), SYS(mmap, WINDOW), SYS(fault, WINDOW),
	SYS(fault_by_kernel, WINDOW),
};

const unsigned int sys_calls_count = sizeof(sys_calls) / sizeof(*sys_calls);
