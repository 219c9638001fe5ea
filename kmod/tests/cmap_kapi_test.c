// SPDX-License-Identifier: GPL-2.0
/*
 * Tests every function of the kernel API, in process context and with softirqs
 * disabled.  If a check fails, the log says which line, and the module does not load.
 *
 * Once loaded, it makes single calls for selftests/guarantees/fail_nth.c, which makes
 * them fail.  Writing the name of a call to the parameter "call" makes it, on the map
 * "fail_nth" that the test has filled.
 */
#include <linux/cmap.h>

#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

static int failed_line;

#define CHECK(condition) do {						\
	if (!(condition) && !failed_line)				\
		failed_line = __LINE__;					\
} while (0)

/* Calls on one key.  They work in every context, and leave the map empty. */
static void test_one_key(struct cmap *map, gfp_t gfp)
{
	struct cmap_value value;
	u64 v1 = 0, v2 = 0;
	char buf[16];
	u32 len;

	CHECK(cmap_set(map, "k", 1, "one", 3, 0, &v1, gfp) == 0 && v1);
	rcu_read_lock();
	CHECK(cmap_lookup(map, "k", 1, &value));
	CHECK(value.len == 3 && !memcmp(value.data, "one", 3));
	CHECK(value.version == v1 && IS_ALIGNED((long)value.data, 8));
	CHECK(!cmap_lookup(map, "none", 4, &value));
	CHECK(!cmap_lookup(map, "", 0, &value));
	rcu_read_unlock();

	len = sizeof(buf);
	CHECK(cmap_get(map, "k", 1, buf, &len, &v2) == 0);
	CHECK(len == 3 && v2 == v1);
	len = 2;
	CHECK(cmap_get(map, "k", 1, buf, &len, NULL) == -EMSGSIZE && len == 3);
	CHECK(cmap_get(map, "none", 4, buf, &len, NULL) == -ENOENT);

	v2 = 0;
	CHECK(cmap_insert(map, "k", 1, "x", 1, &v2, gfp) == -EEXIST &&
	      v2 == v1);
	CHECK(cmap_replace(map, "none", 4, "x", 1, NULL, gfp) == -ENOENT);
	v2 = v1 + 1;
	CHECK(cmap_set(map, "k", 1, "x", 1, CMAP_OP_VERSION, &v2, gfp) ==
	      -ESTALE && v2 == v1);
	CHECK(cmap_set(map, "k", 1, "two", 3, CMAP_OP_VERSION, &v2, gfp) == 0);
	CHECK(cmap_set(map, "k", 1, "x", 1, CMAP_OP_VERSION, NULL, gfp) ==
	      -EINVAL);
	CHECK(cmap_set(map, "k", 1, "x", 1, ~0U, NULL, gfp) == -EINVAL);
	CHECK(cmap_delete(map, "k", 1, CMAP_OP_INSERT, NULL, gfp) == -EINVAL);
	CHECK(cmap_delete(map, "k", 1, 0, NULL, gfp) == 0);
	CHECK(cmap_delete(map, "k", 1, 0, NULL, gfp) == -ENOENT);
	CHECK(cmap_count(map) == 0);
}

static u64 deadline_of(struct cmap *map, gfp_t gfp)
{
	struct cmap_op op = {
		.code = CMAP_CODE_GET, .key = (uintptr_t)"k", .key_len = 1,
	};
	char buf[16];

	op.value = (uintptr_t)buf;
	op.value_len = sizeof(buf);
	return cmap_execute(map, &op, gfp) ? U64_MAX : op.deadline;
}

/* Deadlines.  They work in every context, and leave the map empty. */
static void test_deadlines(struct cmap *map, gfp_t gfp)
{
	struct cmap_op op = {
		.code = CMAP_CODE_ADD, .key = (uintptr_t)"k", .key_len = 1,
		.flags = CMAP_OP_TTL | CMAP_OP_KEEP_DEADLINE | CMAP_OP_CEILING,
		.deadline = NSEC_PER_SEC * 1000, .ceiling = 2, .number = 1,
	};
	u64 begin = ktime_get_boottime_ns(), v1 = 0, v2 = 0;
	struct cmap_value value;

	CHECK(cmap_touch(map, "k", 1, 1, NULL, gfp) == -ENOENT);
	CHECK(cmap_execute(map, &op, gfp) == 0 && op.number == 1);
	CHECK(op.deadline >= begin + NSEC_PER_SEC * 1000);
	CHECK(deadline_of(map, gfp) == op.deadline);
	op.deadline = 1;
	CHECK(cmap_execute(map, &op, gfp) == 0 && op.number == 2);
	op.number = 1;
	op.deadline = 1;
	CHECK(cmap_execute(map, &op, gfp) == -ERANGE && op.number == 2);
	CHECK(deadline_of(map, gfp) == op.deadline);
	CHECK(cmap_touch(map, "k", 1, 0, &v1, gfp) == -EINVAL);
	CHECK(deadline_of(map, gfp) == op.deadline);
	op.code = CMAP_CODE_TOUCH;
	op.flags = CMAP_OP_DEADLINE;
	op.deadline = 0;
	CHECK(cmap_execute(map, &op, gfp) == 0);
	v1 = op.version;
	CHECK(deadline_of(map, gfp) == 0);
	CHECK(cmap_touch(map, "k", 1, NSEC_PER_SEC, &v2, gfp) == 0 && v2 > v1);
	rcu_read_lock();
	CHECK(cmap_lookup(map, "k", 1, &value) && value.version == v2);
	rcu_read_unlock();
	/* A deadline that has passed. */
	op.code = CMAP_CODE_SET;
	op.flags = CMAP_OP_DEADLINE;
	op.deadline = 1;
	CHECK(cmap_execute(map, &op, gfp) == 0);
	op.code = CMAP_CODE_CLEAR;
	op.flags = 0;
	CHECK(cmap_execute(map, &op, gfp) == -EINVAL);
	op.code = CMAP_CODE_DELETE;
	cmap_execute(map, &op, gfp);
	CHECK(cmap_count(map) == 0);
}

/* Calls that return the old value, or compare it. */
static void test_exchange(struct cmap *map, gfp_t gfp)
{
	u64 version, seen = 0;
	char buf[16];
	u32 len;
	s64 sum;

	CHECK(cmap_set(map, "k", 1, "two", 3, 0, NULL, gfp) == 0);
	len = sizeof(buf);
	CHECK(cmap_swap(map, "k", 1, "three", 5, buf, &len, NULL, gfp) == 1);
	CHECK(len == 3 && !memcmp(buf, "two", 3));
	len = 1;
	CHECK(cmap_swap(map, "k", 1, "x", 1, buf, &len, NULL, gfp) ==
	      -EMSGSIZE && len == 5);
	CHECK(cmap_compare_swap(map, "k", 1, "two", 3, "x", 1, NULL, gfp) ==
	      -ESTALE);
	CHECK(cmap_compare_swap(map, "k", 1, "three", 5, "4", 1, NULL, gfp) ==
	      0);
	len = sizeof(buf);
	CHECK(cmap_get_or_set(map, "k", 1, "x", 1, buf, &len, NULL, gfp) == 1);
	CHECK(len == 1 && buf[0] == '4');
	/* Without room the entry's length and version are returned all the same. */
	CHECK(cmap_get(map, "k", 1, buf, &len, &version) == 0 && len == 1);
	len = 0;
	CHECK(cmap_get_or_set(map, "k", 1, "x", 1, buf, &len, &seen, gfp) == -EMSGSIZE);
	CHECK(len == 1 && seen == version);
	CHECK(cmap_get_or_set(map, "g", 1, "5", 1, buf, &len, NULL, gfp) == 0);
	CHECK(cmap_compare_delete(map, "g", 1, "x", 1, NULL, gfp) == -ESTALE);
	CHECK(cmap_compare_delete(map, "g", 1, "5", 1, NULL, gfp) == 0);
	len = sizeof(buf);
	CHECK(cmap_take(map, "k", 1, buf, &len, NULL, gfp) == 0);
	CHECK(len == 1 && buf[0] == '4');
	CHECK(cmap_take(map, "k", 1, buf, &len, NULL, gfp) == -ENOENT);
	CHECK(cmap_add(map, "n", 1, 5, 10, &sum, NULL, gfp) == 0 && sum == 15);
	CHECK(cmap_add(map, "n", 1, S64_MAX, 0, NULL, NULL, gfp) == -EOVERFLOW);
	CHECK(cmap_delete(map, "n", 1, 0, NULL, gfp) == 0);
	CHECK(cmap_count(map) == 0);
}

/* Functions that take no lock can be called with interrupts disabled. */
static void test_reads_without_interrupts(struct cmap *map)
{
	struct cmap_value value;
	unsigned long flags;
	char buf[16];
	u32 len = sizeof(buf);

	CHECK(!cmap_set(map, "k", 1, "v", 1, 0, NULL, GFP_KERNEL));
	local_irq_save(flags);
	rcu_read_lock();
	CHECK(cmap_lookup(map, "k", 1, &value) && value.len == 1);
	rcu_read_unlock();
	CHECK(!cmap_get(map, "k", 1, buf, &len, NULL) && len == 1);
	local_irq_restore(flags);
	CHECK(!cmap_delete(map, "k", 1, 0, NULL, GFP_KERNEL));
}

static bool see_empty(const void *key, u32 key_len,
		      const struct cmap_value *value, void *arg)
{
	u32 *seen = arg;

	*seen += !key_len;
	return true;
}

/* The empty key is a key like any other, and may be passed as NULL. */
static void test_empty_key(struct cmap *map, gfp_t gfp)
{
	struct cmap_cursor cursor = {};
	struct cmap_value value;
	char buf[16];
	u32 len = sizeof(buf), seen = 0;
	s64 sum;

	CHECK(cmap_get(map, NULL, 0, buf, &len, NULL) == -ENOENT);
	CHECK(cmap_insert(map, NULL, 0, "zero", 4, NULL, gfp) == 0);
	CHECK(cmap_replace(map, NULL, 0, "one", 3, NULL, gfp) == 0);
	CHECK(cmap_set(map, "\0", 1, "not it", 6, 0, NULL, gfp) == 0);
	rcu_read_lock();
	CHECK(cmap_lookup(map, "", 0, &value) && value.len == 3);
	rcu_read_unlock();
	CHECK(cmap_get(map, "", 0, buf, &len, NULL) == 0 && len == 3);
	len = sizeof(buf);
	CHECK(cmap_swap(map, "", 0, "two", 3, buf, &len, NULL, gfp) == 1);
	CHECK(cmap_compare_swap(map, "", 0, "two", 3, "3", 1, NULL, gfp) == 0);
	CHECK(cmap_range(map, &cursor, see_empty, &seen, gfp) == 0);
	CHECK(seen == 1 && cmap_count(map) == 2);
	CHECK(cmap_compare_delete(map, "", 0, "3", 1, NULL, gfp) == 0);
	len = sizeof(buf);
	CHECK(cmap_get_or_set(map, "", 0, "4", 1, buf, &len, NULL, gfp) == 0);
	len = sizeof(buf);
	CHECK(cmap_take(map, "", 0, buf, &len, NULL, gfp) == 0);
	CHECK(len == 1 && buf[0] == '4');
	CHECK(cmap_add(map, "", 0, 1, 1, &sum, NULL, gfp) == 0 && sum == 2);
	CHECK(cmap_delete(map, "", 0, 0, NULL, gfp) == 0);
	CHECK(cmap_delete(map, "", 0, 0, NULL, gfp) == -ENOENT);
	CHECK(cmap_delete(map, "\0", 1, 0, NULL, gfp) == 0);
}

/* In a map with a fixed key length all functions refuse another length. */
static void test_bad_keys(void)
{
	const struct cmap_params params = {
		.flags = CMAP_CREATE_FIXED_KEY, .key_max = 4, .shards = 1,
	};
	struct cmap *map = cmap_create(&params);
	gfp_t gfp = GFP_KERNEL;
	char buf[16];
	u32 len = sizeof(buf);

	CHECK(!IS_ERR(map));
	if (IS_ERR(map))
		return;
	CHECK(cmap_get(map, "", 0, buf, &len, NULL) == -EINVAL);
	CHECK(cmap_set(map, "", 0, "x", 1, 0, NULL, gfp) == -EINVAL);
	CHECK(cmap_delete(map, "", 0, 0, NULL, gfp) == -EINVAL);
	CHECK(cmap_take(map, "", 0, buf, &len, NULL, gfp) == -EINVAL);
	CHECK(cmap_swap(map, "", 0, "x", 1, buf, &len, NULL, gfp) == -EINVAL);
	CHECK(cmap_compare_swap(map, "", 0, "x", 1, "y", 1, NULL, gfp) ==
	      -EINVAL);
	CHECK(cmap_compare_delete(map, "", 0, "x", 1, NULL, gfp) == -EINVAL);
	CHECK(cmap_get_or_set(map, "", 0, "x", 1, buf, &len, NULL, gfp) ==
	      -EINVAL);
	CHECK(cmap_add(map, "abc", 3, 1, 0, NULL, NULL, gfp) == -EINVAL);
	cmap_put(map);
}

static bool add_up(const void *key, u32 key_len, const struct cmap_value *value,
		   void *arg)
{
	u32 *left = arg;

	CHECK(key_len == sizeof(u32) && value->len == sizeof(u32));
	CHECK(!memcmp(key, value->data, sizeof(u32)));
	return --*left;
}

/* Grow a map a lot without sleeping, and range over it in several calls. */
static void test_many(struct cmap *map, gfp_t gfp)
{
	struct cmap_cursor cursor = {};
	u32 i, left, seen = 0, n = 5000;
	int more;

	for (i = 0; i < n; i++) {
		int err = cmap_set(map, &i, 4, &i, 4, 0, NULL, gfp);

		if (err)
			pr_info("cmap_kapi_test: entry %u: error %d\n", i, err);
		CHECK(!err);
	}
	CHECK(cmap_count(map) == n);
	do {
		left = 700;
		more = cmap_range(map, &cursor, add_up, &left, gfp);
		seen += 700 - left;
	} while (more > 0 || more == -EAGAIN);
	CHECK(!more && seen == n);
	for (i = 0; i < n; i++)
		CHECK(!cmap_delete(map, &i, 4, 0, NULL, gfp));
}

/*
 * The callback can end a range only where there are entries.  So a range that must
 * not sleep read all of an empty map in one go, however large it was.
 */
static void test_range_of_nothing(void)
{
	const struct cmap_params params = { .shards = CMAP_SHARDS_MAX };
	struct cmap *map = cmap_create(&params);
	struct cmap_cursor cursor = {};
	u32 left = 10, ends = 0;
	int err;

	if (IS_ERR(map)) {
		CHECK(false);
		return;
	}
	while ((err = cmap_range(map, &cursor, add_up, &left, GFP_ATOMIC)) ==
	       -EAGAIN)
		ends++;
	CHECK(!err && left == 10 && ends > 1 && ends <= 4);
	cursor = (struct cmap_cursor){};
	CHECK(!cmap_range(map, &cursor, add_up, &left, GFP_KERNEL));

	CHECK(!cmap_set(map, &left, 4, &left, 4, 0, NULL, GFP_KERNEL));
	cursor = (struct cmap_cursor){};
	do
		err = cmap_range(map, &cursor, add_up, &left, GFP_ATOMIC);
	while (err == -EAGAIN);
	CHECK(!err && left == 9);
	cmap_put(map);
}

/* A value that is too long to be copied under the lock. */
static void test_long(struct cmap *map, gfp_t gfp)
{
	u32 size = 5000, len = size;
	char *value = kzalloc(2 * size, gfp);

	CHECK(value);
	if (!value)
		return;
	memset(value, 'v', size);
	CHECK(!cmap_set(map, "long", 4, value, size, 0, NULL, gfp));
	CHECK(cmap_set(map, "long", 4, value, size, CMAP_OP_INSERT, NULL,
		       gfp) == -EEXIST);
	CHECK(!cmap_take(map, "long", 4, value + size, &len, NULL, gfp));
	CHECK(len == size && !memcmp(value, value + size, size));
	kfree(value);
}

/* A value for which there is no room. */
static void test_limit(void)
{
	const struct cmap_params params = { .shards = 1, .max_bytes = 30000 };
	struct cmap *map = cmap_create(&params);
	char *value = kzalloc(60000, GFP_KERNEL);

	CHECK(!IS_ERR(map) && value);
	if (!IS_ERR(map) && value) {
		CHECK(cmap_set(map, "k", 1, value, 60000, 0, NULL,
			       GFP_KERNEL) == -ENOSPC);
		CHECK(cmap_count(map) == 0);
	}
	if (!IS_ERR(map))
		cmap_put(map);
	kfree(value);
}

static void test_names(struct cmap *map)
{
	const struct cmap_params params = {
		.name = CMAP_KERNEL_PREFIX "kapi_test", .mode = 0600,
	};
	const struct cmap_params bad = { .name = CMAP_KERNEL_PREFIX "a/b" };
	const struct cmap_params users = { .name = "kapi_test" };
	struct cmap *other;

	CHECK(cmap_create(&params) == ERR_PTR(-EEXIST));
	CHECK(cmap_create(&bad) == ERR_PTR(-EINVAL));
	CHECK(cmap_create(&users) == ERR_PTR(-EINVAL));
	CHECK(cmap_open("kapi_none") == ERR_PTR(-ENOENT));
	other = cmap_open(params.name);
	CHECK(other == map);
	if (!IS_ERR(other))
		cmap_put(other);
	CHECK(!cmap_unlink(map));
	CHECK(cmap_unlink(map) == -ENOENT);
}

/* ---- single calls ---- */

#define LONG	20000		/* bytes in the value of "long" */
#define SOME	650		/* a length that no value of the map has */

static u8 big[LONG];

static int call_create(struct cmap *map, gfp_t gfp)
{
	const struct cmap_params params = {
		.name = CMAP_KERNEL_PREFIX "kapi_create", .shards = 2,
	};
	struct cmap *new = cmap_create(&params);
	int err;

	if (IS_ERR(new)) {
		err = PTR_ERR(new);
		new = cmap_open(params.name);
		return new == ERR_PTR(-ENOENT) ? err : -EEXIST;
	}
	err = cmap_unlink(new);
	cmap_put(new);
	return err;
}

/* The caller has opened the map already, which is all that this call tests. */
static int call_open(struct cmap *map, gfp_t gfp)
{
	return 0;
}

static int call_get(struct cmap *map, gfp_t gfp)
{
	u32 len = sizeof(big);

	return cmap_get(map, "long", 4, big, &len, NULL);
}

static int call_set(struct cmap *map, gfp_t gfp)
{
	return cmap_set(map, "new", 3, big, SOME, 0, NULL, gfp);
}

static int call_set_long(struct cmap *map, gfp_t gfp)
{
	return cmap_set(map, "new", 3, big, sizeof(big), 0, NULL, gfp);
}

static int call_touch(struct cmap *map, gfp_t gfp)
{
	return cmap_touch(map, "short", 5, 1ULL << 50, NULL, gfp);
}

static int call_delete(struct cmap *map, gfp_t gfp)
{
	return cmap_delete(map, "long", 4, 0, NULL, gfp);
}

static int call_take(struct cmap *map, gfp_t gfp)
{
	u32 len = sizeof(big);

	return cmap_take(map, "long", 4, big, &len, NULL, gfp);
}

static int call_swap(struct cmap *map, gfp_t gfp)
{
	static u8 old[8];
	u32 len = sizeof(old);
	int had = cmap_swap(map, "short", 5, big, SOME, old, &len, NULL, gfp);

	return min(had, 0);
}

static int call_compare_swap(struct cmap *map, gfp_t gfp)
{
	return cmap_compare_swap(map, "short", 5, "12345678", 8, big, SOME,
				 NULL, gfp);
}

static int call_compare_delete(struct cmap *map, gfp_t gfp)
{
	return cmap_compare_delete(map, "short", 5, "12345678", 8, NULL, gfp);
}

static int call_get_or_set(struct cmap *map, gfp_t gfp)
{
	u32 len = 0;

	return cmap_get_or_set(map, "new", 3, big, SOME, NULL, &len, NULL, gfp);
}

static int call_add(struct cmap *map, gfp_t gfp)
{
	return cmap_add(map, "new", 3, 1, 1, NULL, NULL, gfp);
}

static int call_clear(struct cmap *map, gfp_t gfp)
{
	cmap_clear(map);
	return 0;
}

static bool go_on(const void *key, u32 key_len, const struct cmap_value *value,
		  void *arg)
{
	return true;
}

static int call_range(struct cmap *map, gfp_t gfp)
{
	struct cmap_cursor cursor = {};

	return cmap_range(map, &cursor, go_on, NULL, gfp);
}

static const struct {
	const char *name;
	int (*fn)(struct cmap *map, gfp_t gfp);
	bool atomic;
} calls[] = {
	{ "create", call_create },
	{ "open", call_open },
	{ "get", call_get },
	{ "set", call_set },
	{ "set_long", call_set_long },
	{ "set_atomic", call_set, true },
	{ "set_long_atomic", call_set_long, true },
	{ "touch", call_touch },
	{ "touch_atomic", call_touch, true },
	{ "delete", call_delete },
	{ "take", call_take },
	{ "swap", call_swap },
	{ "compare_swap", call_compare_swap },
	{ "compare_delete", call_compare_delete },
	{ "get_or_set", call_get_or_set },
	{ "add", call_add },
	{ "add_atomic", call_add, true },
	{ "clear", call_clear },
	{ "range", call_range },
	{ "range_atomic", call_range, true },
};

static int call(const char *name, const struct kernel_param *kp)
{
	struct cmap *map;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (sysfs_streq(name, calls[i].name))
			break;
	if (i == ARRAY_SIZE(calls))
		return -EINVAL;
	map = cmap_open("fail_nth");
	if (IS_ERR(map))
		return PTR_ERR(map);

	if (calls[i].atomic)
		local_bh_disable();
	err = calls[i].fn(map, calls[i].atomic ? GFP_ATOMIC : GFP_KERNEL);
	if (calls[i].atomic)
		local_bh_enable();
	cmap_put(map);

	return err;
}

static const struct kernel_param_ops call_ops = { .set = call };

module_param_cb(call, &call_ops, NULL, 0200);
MODULE_PARM_DESC(call, "Name of a call to make");

/* More than a subscription's buffer of 16 KiB has room for. */
#define LATE_RECORDS	500

/* What a subscriber has heard of. */
struct heard {
	struct completion last;
	u32 records;
	u64 version;
	bool wrong;
};

static void hear(void *arg, const struct cmap_feed_record *record)
{
	const u8 *key = (const u8 *)record + record->key_offset;
	struct heard *heard = arg;

	/* It may sleep. */
	might_sleep();
	if (record->key_len != 2 || key[0] != 'a' || record->version <= heard->version)
		heard->wrong = true;
	heard->version = record->version;
	heard->records++;
	if (record->cause == CMAP_FEED_DELETE)
		complete(&heard->last);
}

static void test_subscribe(struct cmap *without)
{
	const struct cmap_params params = { .shards = 1, .feed_bytes = 1 << 16 };
	struct cmap *map = cmap_create(&params);
	struct cmap_subscription *subscription;
	struct heard heard = {};
	u32 i;

	CHECK(!IS_ERR(map));
	if (IS_ERR(map))
		return;
	init_completion(&heard.last);
	CHECK(cmap_subscribe(without, NULL, 0, hear, &heard) ==
	      ERR_PTR(-EOPNOTSUPP));
	CHECK(!cmap_set(map, "a0", 2, "", 0, 0, NULL, GFP_KERNEL));
	subscription = cmap_subscribe(map, "a", 1, hear, &heard);
	CHECK(!IS_ERR(subscription));
	if (IS_ERR(subscription))
		goto put;

	for (i = 0; i < 20; i++) {
		CHECK(!cmap_set(map, "a1", 2, "", 0, 0, NULL, GFP_KERNEL));
		local_bh_disable();
		CHECK(!cmap_set(map, "b1", 2, "", 0, 0, NULL, GFP_ATOMIC));
		CHECK(!cmap_set(map, "a2", 2, "", 0, 0, NULL, GFP_ATOMIC));
		local_bh_enable();
	}
	CHECK(!cmap_delete(map, "a1", 2, 0, NULL, GFP_KERNEL));
	CHECK(wait_for_completion_timeout(&heard.last, 300 * HZ));
	cmap_unsubscribe(subscription);
	CHECK(heard.records == 41 && !heard.wrong);
	/* Nobody hears this. */
	CHECK(!cmap_delete(map, "a2", 2, 0, NULL, GFP_KERNEL));
	CHECK(heard.records == 41);
put:
	cmap_put(map);
}

/* What a subscriber to all keys has heard of, who begins when all has been written. */
struct heard_late {
	struct completion written;
	struct completion all;
	u32 records;
};

static void hear_late(void *arg, const struct cmap_feed_record *record)
{
	struct heard_late *heard = arg;

	wait_for_completion(&heard->written);
	/* The next one need not wait. */
	complete(&heard->written);
	if (++heard->records == LATE_RECORDS)
		complete(&heard->all);
}

/* A subscriber who is behind hears all: of so many that one run does not get them. */
static void test_subscribe_to_all(void)
{
	const struct cmap_params params = {
		.shards = 1, .feed_bytes = 1 << 17, .feed_value_max = 100,
	};
	struct cmap *map = cmap_create(&params);
	struct cmap_subscription *subscription;
	struct heard_late heard = {};
	u32 i;

	CHECK(!IS_ERR(map));
	if (IS_ERR(map))
		return;
	init_completion(&heard.written);
	init_completion(&heard.all);
	CHECK(cmap_subscribe(map, big, CMAP_KEY_MAX + 1, hear_late, &heard) ==
	      ERR_PTR(-E2BIG));
	subscription = cmap_subscribe(map, NULL, 0, hear_late, &heard);
	CHECK(!IS_ERR(subscription));
	if (!IS_ERR(subscription)) {
		for (i = 0; i < LATE_RECORDS; i++)
			CHECK(!cmap_set(map, &i, sizeof(i), big, 100, 0, NULL,
					GFP_KERNEL));
		complete(&heard.written);
		CHECK(wait_for_completion_timeout(&heard.all, 300 * HZ));
		cmap_unsubscribe(subscription);
		CHECK(heard.records == LATE_RECORDS);
	}
	cmap_put(map);
}

/* ---- owners ---- */

static int set_owned(struct cmap *map, const char *key, struct cmap_owner *owner,
		     gfp_t gfp)
{
	struct cmap_op op = {
		.code = CMAP_CODE_SET, .flags = CMAP_OP_OWNED,
		.key = (uintptr_t)key, .key_len = strlen(key),
		.value = (uintptr_t)"value", .value_len = 5,
	};

	return cmap_execute_owned(map, &op, owner, gfp);
}

/* What an owner has written is gone when it has ended, and nothing else. */
static void test_owners(struct cmap *map, struct cmap_owner *owner, gfp_t gfp)
{
	struct cmap_op op = {
		.code = CMAP_CODE_SET, .flags = CMAP_OP_OWNED_BY_PROCESS,
		.key = (uintptr_t)"a", .key_len = 1,
	};
	u64 before = cmap_count(map);
	struct cmap_value value;

	CHECK(cmap_execute_owned(map, &op, owner, gfp) == -EINVAL);
	op.flags = CMAP_OP_OWNED;
	CHECK(cmap_execute(map, &op, gfp) == -EINVAL);
	CHECK(!set_owned(map, "a", owner, gfp));
	CHECK(!set_owned(map, "b", owner, gfp));
	CHECK(!cmap_set(map, "b", 1, "v", 1, 0, NULL, gfp));
	CHECK(cmap_count(map) == before + 2);
	rcu_read_lock();
	CHECK(cmap_lookup(map, "a", 1, &value) && value.len == 5);
	rcu_read_unlock();
	cmap_owner_destroy(owner);
	rcu_read_lock();
	CHECK(!cmap_lookup(map, "a", 1, &value));
	CHECK(cmap_lookup(map, "b", 1, &value));
	rcu_read_unlock();
	CHECK(cmap_count(map) == before + 1);
	CHECK(!cmap_delete(map, "b", 1, 0, NULL, gfp));
}

static void test_all_owners(struct cmap *map)
{
	struct cmap_owner *owner[2] = {
		cmap_owner_create(map), cmap_owner_create(map),
	};

	CHECK(!IS_ERR(owner[0]) && !IS_ERR(owner[1]));
	if (IS_ERR(owner[0]) || IS_ERR(owner[1]))
		return;
	test_owners(map, owner[0], GFP_KERNEL);
	local_bh_disable();
	test_owners(map, owner[1], GFP_ATOMIC);
	local_bh_enable();
}

/* ---- waiting ---- */

/* A softirq sets a key, and deletes it again at every second time. */
struct setter {
	struct tasklet_struct tasklet;
	struct cmap *map;
	unsigned int n;
	int err;
};

static void setter_fn(struct tasklet_struct *tasklet)
{
	struct setter *setter = container_of(tasklet, struct setter, tasklet);
	int err = cmap_set(setter->map, "w", 1, "v", 1, 0, NULL, GFP_ATOMIC);

	if (!err && setter->n++ % 2)
		err = cmap_delete(setter->map, "w", 1, 0, NULL, GFP_ATOMIC);
	if (err)
		setter->err = err;
}

/* What a softirq sets wakes, also if it is deleted at once. */
static void test_wait(struct cmap *map)
{
	struct setter setter = { .map = map };
	u64 version = 0, before;
	unsigned int i;

	CHECK(cmap_wait(map, big, CMAP_KEY_MAX + 1, &version, 0) == -E2BIG);
	/* Earlier tests may have deleted keys of the same group. */
	cmap_wait(map, "w", 1, &version, 0);
	CHECK(cmap_wait(map, "w", 1, &version, 0) == -ETIMEDOUT);
	CHECK(cmap_wait(map, "w", 1, &version, ktime_add_ms(ktime_get(), 1)) ==
	      -ETIMEDOUT);
	tasklet_setup(&setter.tasklet, setter_fn);
	for (i = 0; i < 1000; i++) {
		before = version;
		/* It runs at once, or in a thread of its own. */
		tasklet_schedule(&setter.tasklet);
		CHECK(!cmap_wait(map, "w", 1, &version, KTIME_MAX));
		CHECK(version > before);
		/* The deletion may be a change of its own. */
		tasklet_unlock_wait(&setter.tasklet);
		cmap_wait(map, "w", 1, &version, 0);
	}
	tasklet_kill(&setter.tasklet);
	CHECK(!setter.err);
	cmap_delete(map, "w", 1, 0, NULL, GFP_KERNEL);
}

static int __init kapi_test_init(void)
{
	const struct cmap_params params = {
		.name = CMAP_KERNEL_PREFIX "kapi_test", .mode = 0600,
	};
	struct cmap *map = cmap_create(&params);

	if (IS_ERR(map))
		return PTR_ERR(map);

	test_one_key(map, GFP_KERNEL);
	test_exchange(map, GFP_KERNEL);
	test_deadlines(map, GFP_KERNEL);
	test_empty_key(map, GFP_KERNEL);
	test_bad_keys();
	test_reads_without_interrupts(map);
	test_long(map, GFP_KERNEL);
	test_many(map, GFP_KERNEL);
	/* The same where sleeping is not allowed, as in a softirq. */
	local_bh_disable();
	test_one_key(map, GFP_ATOMIC);
	test_exchange(map, GFP_ATOMIC);
	test_deadlines(map, GFP_ATOMIC);
	test_empty_key(map, GFP_ATOMIC);
	test_long(map, GFP_ATOMIC);
	test_many(map, GFP_ATOMIC);
	local_bh_enable();
	CHECK(!cmap_set(map, "k", 1, "v", 1, 0, NULL, GFP_KERNEL));
	CHECK(cmap_clear(map) == 1);
	test_wait(map);
	test_all_owners(map);
	test_names(map);
	test_limit();
	test_range_of_nothing();
	test_subscribe(map);
	test_subscribe_to_all();
	cmap_put(map);

	if (failed_line)
		pr_info("cmap_kapi_test: line %d failed\n", failed_line);
	return failed_line ? -EINVAL : 0;
}

static void __exit kapi_test_exit(void)
{
}

module_init(kapi_test_init);
module_exit(kapi_test_exit);

MODULE_DESCRIPTION("Tests cmap's kernel API");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CMAP_NAMESPACE);
