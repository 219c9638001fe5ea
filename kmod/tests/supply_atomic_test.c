// SPDX-License-Identifier: GPL-2.0
/*
 * Writers that must not sleep, in full maps: they are told the truth, and take
 * nothing from writers that queue.
 */
#include "full.h"
#include "../core/lack.h"
#include "../core/registry.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <uapi/linux/cmap.h>

static struct cmap *wiping_or_not(struct kunit *test, bool wipe, u64 max_bytes)
{
	struct cmap *map = full_new(test, 1, max_bytes);

	map->shard[0]->arena.wipe = wipe;
	return map;
}

/* A process that replaces entries until it is told to stop. */
static struct replacer {
	struct cmap *map;
	u64 keys;
	u32 len;
	struct task_struct *task;
} replacer;

static int replace_on(void *unused)
{
	u64 i = 0;

	while (!kthread_should_stop()) {
		full_set(replacer.map, i % replacer.keys, replacer.len, i,
			 GFP_KERNEL);
		i++;
		cond_resched();
	}
	return 0;
}

static void start_replacer(struct kunit *test, struct cmap *map, u64 keys, u32 len)
{
	replacer = (struct replacer){ .map = map, .keys = keys, .len = len };
	replacer.task = kthread_run(replace_on, NULL, "cmap_replacer");
	KUNIT_ASSERT_FALSE(test, IS_ERR(replacer.task));
}

/*
 * In a map whose entries are replaced all the time, an insert that must not sleep
 * was told to try again for ever.  Nothing would ever have come back for it: a
 * replacement gives back what it takes.  The reason was that the trim was pending,
 * which it always is where nodes are wiped, or where values are large.
 */
static void inserts_are_refused_without_sleeping(struct kunit *test)
{
	static const struct {
		u32 len;
		bool wipe;
	} kinds[] = { { 64, false }, { 64, true }, { 1000, false }, { 100000, false } };
	u32 k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct cmap *map = wiping_or_not(test, kinds[k].wipe, SZ_1M);
		u64 n = full_fill(test, map, kinds[k].len);
		unsigned long end = jiffies + HZ / 2;
		u32 refused = 0, again = 0;

		start_replacer(test, map, n, kinds[k].len);
		/*
		 * On a busy machine the replacer waits long for a grace period, and inserts
		 * are told to try again meanwhile, as it is before them.
		 */
		while (time_before(jiffies, end) || refused + again < 20 ||
		       (refused <= again && time_before(jiffies, end + 20 * HZ))) {
			int err = full_set(map, n, kinds[k].len, 1, GFP_ATOMIC);

			KUNIT_EXPECT_NE(test, err, 0);
			refused += err == -ENOSPC;
			again += err == -EAGAIN;
			usleep_range(500, 1000);
		}
		kthread_stop(replacer.task);
		KUNIT_EXPECT_GT_MSG(test, refused, again,
				    "%u bytes, wiped: %d", kinds[k].len,
				    kinds[k].wipe);
		cmap_map_put(map);
	}
}

/*
 * A writer in softirq took the nodes that came free before the process did that had
 * waited for them, each time anew, so the process never got one.
 */
static void those_who_queue_come_first(struct kunit *test)
{
	struct cmap *map = full_new(test, 1, SZ_128K);
	struct cmap_shard *shard = map->shard[0];
	u64 n = full_fill(test, map, 64), key = 8;
	struct cmap_write queued = {
		.key = { .data = &key, .len = sizeof(key) },
		.value_len = 64,
		.blocked_on = CMAP_BLOCKED_ON_NODE,
	};
	u32 i;

	KUNIT_ASSERT_TRUE(test, cmap_shard_queue(shard, &queued, 1));
	cmap_shard_serve(shard, &queued);
	for (i = 0; i < 3; i++) {
		wait_for_frees();
		KUNIT_EXPECT_EQ(test, full_set(map, i, 64, 1, GFP_ATOMIC), -EAGAIN);
	}
	KUNIT_ASSERT_TRUE(test, cmap_shard_queue(shard, &queued, -1));
	KUNIT_EXPECT_GT(test, n, 3);
	KUNIT_EXPECT_EQ(test, full_set(map, 0, 64, 1, GFP_ATOMIC), 0);
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_SLOW(inserts_are_refused_without_sleeping),
	KUNIT_CASE(those_who_queue_come_first),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_supply_atomic",
	.init = full_init,
	.exit = full_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
