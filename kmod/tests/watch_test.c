// SPDX-License-Identifier: GPL-2.0
/*
 * Watchers: none misses a change that it waits for, and none delays another one.
 */
#include "maps.h"
#include "../core/event.h"
#include "../core/feed.h"
#include "../core/filter.h"
#include "../core/reader.h"
#include "../core/watch.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define CHUNK		8192

struct test_watcher {
	struct cmap_watcher watcher;
	struct completion woken;
};

static void test_wake(struct cmap_watcher *watcher)
{
	complete(&container_of(watcher, struct test_watcher, watcher)->woken);
}

/* Whether the watcher was woken, for which there is some time. */
static bool woken(struct test_watcher *tw)
{
	return wait_for_completion_timeout(&tw->woken, 60 * HZ);
}

/* Begin a watcher of all keys, or of those that begin with "a". */
static void watcher_new(struct kunit *test, struct test_watcher *tw,
			struct cmap *map, bool all)
{
	struct cmap_filter *filter;

	tw->watcher.wake = test_wake;
	init_completion(&tw->woken);
	filter = cmap_filter_new(map, all ? CMAP_FILTER_ALL : CMAP_FILTER_PREFIX,
				 !all, !all);
	KUNIT_ASSERT_NOT_NULL(test, filter);
	if (!all)
		*cmap_filter_room(filter, 0, 1) = 'a';
	cmap_filter_finish(filter, map);
	KUNIT_ASSERT_EQ(test, cmap_watcher_begin(&tw->watcher, map, filter, NULL),
			0);
}

static void watcher_free(struct test_watcher *tw)
{
	cmap_watcher_stop(&tw->watcher);
	cmap_watcher_end(&tw->watcher);
}

static void watcher_waits(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 2, .feed_bytes = 65536 };
	struct test_watcher tw = { .watcher.wake = test_wake };
	struct cmap_records records = {};
	struct cmap_filter *filter;
	struct cmap *map = map_new(test, &spec);
	u64 version;
	u32 i;

	init_completion(&tw.woken);
	filter = cmap_filter_new(map, CMAP_FILTER_KEYS, 1, 1);
	KUNIT_ASSERT_NOT_NULL(test, filter);
	*cmap_filter_room(filter, 0, 1) = 'a';
	cmap_filter_finish(filter, map);
	KUNIT_ASSERT_EQ(test, cmap_records_new(&records, CHUNK), 0);
	KUNIT_ASSERT_EQ(test, cmap_watcher_begin(&tw.watcher, map, filter, NULL),
			0);

	KUNIT_EXPECT_FALSE(test, cmap_watcher_ready(&tw.watcher));
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, map_set(map, "b", 1, &version), 0);
	KUNIT_EXPECT_FALSE(test, cmap_watcher_ready(&tw.watcher));
	KUNIT_EXPECT_FALSE(test, completion_done(&tw.woken));
	for (i = 0; i < 100; i++) {
		KUNIT_EXPECT_EQ(test, map_set(map, "a", 1, &version), 0);
		KUNIT_ASSERT_TRUE(test, woken(&tw));
		KUNIT_EXPECT_TRUE(test, cmap_watcher_ready(&tw.watcher));
		records.looks = U64_MAX;
		cmap_watcher_read(&tw.watcher, &records);
		KUNIT_EXPECT_EQ(test, records.count, 1);
		KUNIT_EXPECT_FALSE(test, cmap_watcher_ready(&tw.watcher));
		reinit_completion(&tw.woken);
	}
	/* What was read can be read once more. */
	cmap_watcher_unread(&tw.watcher);
	KUNIT_EXPECT_TRUE(test, cmap_watcher_ready(&tw.watcher));
	records.looks = U64_MAX;
	cmap_watcher_read(&tw.watcher, &records);
	KUNIT_EXPECT_EQ(test, records.count, 1);

	/* The map ends with its last reference that is not a watcher's. */
	KUNIT_EXPECT_TRUE(test, woken(&tw));
	reinit_completion(&tw.woken);
	KUNIT_EXPECT_FALSE(test, cmap_watcher_ended(&tw.watcher));
	cmap_map_put(map);
	KUNIT_EXPECT_TRUE(test, woken(&tw));
	KUNIT_EXPECT_TRUE(test, cmap_watcher_ended(&tw.watcher));

	cmap_records_free(&records, map);
	cmap_watcher_stop(&tw.watcher);
	cmap_watcher_end(&tw.watcher);
}

/* Each allocation of a watcher fails, one after the other. */
static void watcher_without_memory(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 2, .feed_bytes = 65536 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_filter *filter;
	u32 n;

	for (n = 0;; n++) {
		struct test_watcher tw = { .watcher.wake = test_wake };
		int err = -ENOMEM;

		init_completion(&tw.woken);
		fail_allocs(n, U32_MAX);
		filter = cmap_filter_new(map, CMAP_FILTER_ALL, 0, 0);
		if (filter)
			err = cmap_watcher_begin(&tw.watcher, map, filter, NULL);
		if (!fail_allocs_end()) {
			KUNIT_ASSERT_EQ(test, err, 0);
			cmap_watcher_stop(&tw.watcher);
			cmap_watcher_end(&tw.watcher);
			break;
		}
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		cmap_filter_free(filter);
	}
	KUNIT_EXPECT_EQ(test, n, 3);
	cmap_map_put(map);
}

/*
 * The map ends with its last user, whatever the number of watchers is meanwhile: a user
 * who is just leaving may count a watcher that another one is making, and not its
 * reference.
 */
static void ends_with_the_last_user(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .feed_bytes = 65536 };
	struct cmap *map = map_new(test, &spec);
	struct test_watcher one = {}, two = {};

	watcher_new(test, &one, map, true);
	cmap_map_get(map);
	atomic_inc(&map->events.watchers);
	cmap_map_put(map);
	atomic_dec(&map->events.watchers);
	KUNIT_EXPECT_FALSE(test, cmap_watcher_ended(&one.watcher));

	watcher_new(test, &two, map, true);
	cmap_map_put(map);
	KUNIT_EXPECT_TRUE(test, woken(&one));
	KUNIT_EXPECT_TRUE(test, woken(&two));
	KUNIT_EXPECT_TRUE(test, cmap_watcher_ended(&two.watcher));
	watcher_free(&one);
	watcher_free(&two);
}

/*
 * A watcher whose owner holds its lock and does not run keeps no event from others.  It is
 * told itself when the lock is free, whatever it was held for.
 */
static void one_waits_for_no_other(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .feed_bytes = 65536 };
	struct cmap *map = map_new(test, &spec);
	struct test_watcher slow = {}, other = {};
	struct cmap_feed_cursor *cursor;
	u64 version;

	cursor = kunit_kzalloc(test, CMAP_FEED_CURSOR_BYTES(1), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cursor);
	watcher_new(test, &slow, map, true);
	watcher_new(test, &other, map, true);

	mutex_lock(&slow.watcher.lock);
	KUNIT_EXPECT_EQ(test, map_set(map, "a", 1, &version), 0);
	KUNIT_EXPECT_TRUE(test, woken(&other));
	KUNIT_EXPECT_FALSE(test, completion_done(&slow.woken));
	mutex_unlock(&slow.watcher.lock);
	cmap_watcher_where(&slow.watcher, cursor);
	KUNIT_EXPECT_TRUE(test, woken(&slow));

	watcher_free(&slow);
	watcher_free(&other);
	cmap_map_put(map);
}

/* One look is bounded, and the rest is not forgotten. */
static void a_look_is_bounded(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 1, .value_max = 1, .feed_bytes = CMAP_FEED_BYTES_MAX,
	};
	struct cmap *map = map_new(test, &spec);
	struct test_watcher tw = {};
	u8 *key = kunit_kzalloc(test, CMAP_KEY_MAX, GFP_KERNEL);
	u64 version;
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, key);
	watcher_new(test, &tw, map, false);
	/* Meanwhile the work does not look. */
	mutex_lock(&map->events.mutex);
	for (i = 0; i < 2 * SZ_1M / CMAP_KEY_MAX; i++)
		KUNIT_ASSERT_EQ(test, map_set(map, key, CMAP_KEY_MAX, &version), 0);
	KUNIT_EXPECT_EQ(test, map_set(map, "a", 1, &version), 0);
	KUNIT_EXPECT_FALSE(test, cmap_watcher_ready(&tw.watcher));
	mutex_unlock(&map->events.mutex);
	KUNIT_EXPECT_TRUE(test, woken(&tw));

	watcher_free(&tw);
	cmap_map_put(map);
}

/* A listener that takes long, finds something, and hears of a change meanwhile. */
struct long_listener {
	struct cmap_listener listener;
	struct cmap_events *events;
	struct completion done;
	unsigned int runs;
	ktime_t end;
	s64 pause;
};

#define LONG_MS		10

static bool look_long(struct cmap_listener *listener)
{
	struct long_listener *ll = container_of(listener, struct long_listener,
						listener);

	if (ll->runs++) {
		ll->pause = ktime_ms_delta(ktime_get(), ll->end);
		complete(&ll->done);
		return true;
	}
	cmap_events_look(ll->events);
	msleep(LONG_MS);
	ll->end = ktime_get();
	return true;
}

/* Long runs leave time to others, also if they find something. */
static void long_runs_pause(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map = map_new(test, &spec);
	struct long_listener ll = {
		.listener.look = look_long, .events = &map->events,
	};

	init_completion(&ll.done);
	cmap_listener_add(&map->events, &ll.listener);
	cmap_events_look(&map->events);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&ll.done, 60 * HZ));
	KUNIT_EXPECT_GE(test, ll.pause, 8 * LONG_MS - 1);
	cmap_listener_remove(&map->events, &ll.listener);
	cmap_map_put(map);
}

/*
 * A watcher is told once that the map lost its name, whatever its filter is, and before
 * it is told of changes.
 */
static void told_of_the_name(struct kunit *test)
{
	const struct cmap_spec spec = {
		.name = "kunit", .shards = 1, .feed_bytes = 65536,
	};
	struct cmap *map = map_new(test, &spec);
	const struct cmap_feed_record *record;
	struct cmap_records records = {};
	struct test_watcher tw = {};
	u64 version;

	KUNIT_ASSERT_EQ(test, cmap_names_add(map, here()), 0);
	KUNIT_ASSERT_EQ(test, cmap_records_new(&records, CHUNK), 0);
	watcher_new(test, &tw, map, false);
	KUNIT_EXPECT_FALSE(test, cmap_watcher_ready(&tw.watcher));
	KUNIT_EXPECT_EQ(test, cmap_names_rename(map, "other", 0), 0);
	KUNIT_ASSERT_TRUE(test, woken(&tw));
	KUNIT_EXPECT_TRUE(test, cmap_watcher_ready(&tw.watcher));
	KUNIT_EXPECT_EQ(test, map_set(map, "a", 1, &version), 0);
	KUNIT_EXPECT_EQ(test, cmap_names_unlink(here(), "other"), 0);

	records.room = sizeof(*record) - 8;
	records.looks = U64_MAX;
	cmap_watcher_read(&tw.watcher, &records);
	KUNIT_EXPECT_EQ(test, records.count, 0);
	KUNIT_EXPECT_EQ(test, records.needed, sizeof(*record));
	KUNIT_EXPECT_TRUE(test, cmap_watcher_ready(&tw.watcher));

	/* Both at once; and again, if they could not be passed on. */
	records.room = records.size;
	cmap_watcher_read(&tw.watcher, &records);
	KUNIT_EXPECT_EQ(test, records.count, 2);
	cmap_watcher_unread(&tw.watcher);
	KUNIT_EXPECT_TRUE(test, cmap_watcher_ready(&tw.watcher));
	memset(records.buf, 0xaa, records.size);
	cmap_watcher_read(&tw.watcher, &records);
	KUNIT_ASSERT_EQ(test, records.count, 2);
	record = (const void *)records.buf;
	KUNIT_EXPECT_EQ(test, record->cause, CMAP_FEED_NAME);
	KUNIT_EXPECT_EQ(test, record->key_len, 0);
	KUNIT_EXPECT_EQ(test, record->version, 0);
	record = (const void *)(records.buf + record->size);
	KUNIT_EXPECT_EQ(test, record->cause, CMAP_FEED_SET);
	KUNIT_EXPECT_EQ(test, record->version, version);
	KUNIT_EXPECT_PTR_EQ(test, (const u8 *)record + record->size,
			    records.buf + records.used);
	KUNIT_EXPECT_FALSE(test, cmap_watcher_ready(&tw.watcher));

	cmap_records_free(&records, map);
	watcher_free(&tw);
	cmap_map_put(map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(watcher_waits),
	KUNIT_CASE(told_of_the_name),
	KUNIT_CASE(watcher_without_memory),
	KUNIT_CASE(ends_with_the_last_user),
	KUNIT_CASE(one_waits_for_no_other),
	KUNIT_CASE(a_look_is_bounded),
	KUNIT_CASE(long_runs_pause),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_watch",
	.init = ctx_init,
	.exit = map_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
