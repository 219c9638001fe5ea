// SPDX-License-Identifier: GPL-2.0
/*
 * Scans of a map find each entry once, in order, whatever is written meanwhile.
 */
#include "maps.h"
#include "model.h"
#include "../core/stat.h"
#include "../core/scan.h"

#include <linux/random.h>
#include <uapi/linux/cmap.h>

/*
 * Set an entry at a position that the test chooses, as if its key had that hash.  The
 * key is @number.
 */
static int set_at(struct cmap *map, u32 number, u32 high, u16 tag, u64 *version)
{
	struct cmap_write write = {
		.key = { &number, sizeof(number), (u64)high << 32 | tag },
		.value = "",
	};
	int err = shard_write(cmap_map_shard(map, high), &write,
				   GFP_KERNEL);

	*version = write.version;
	return err;
}

/* Continue a scan by at most @most entries.  False at the end. */
static bool scan_on(struct kunit *test, struct cmap_scan *scan, u32 most,
		    void (*visit)(struct kunit *test,
				  const struct cmap_found *found, void *arg),
		    void *arg)
{
	u64 position = scan->position, tie = scan->tie;
	bool more;
	u32 i;

	rcu_read_lock();
	more = cmap_scan_next(scan);
	for (i = 0; more && i < min(most, scan->count); i++) {
		const struct cmap_found *found = &scan->found[i];

		KUNIT_EXPECT_TRUE(test, found->position > position ||
				  (found->position == position &&
				   found->tie > tie));
		position = found->position;
		tie = found->tie;
		visit(test, found, arg);
	}
	if (more && i == scan->count) {
		cmap_scan_pass(scan);
	} else if (more) {
		scan->position = position;
		scan->tie = tie;
	}
	rcu_read_unlock();

	return more;
}

/*
 * In a map without a window a cursor was 48 bits of a key's hash.  So whoever could
 * read the map could search for keys that collide.
 */
static void cursors_tell_nothing(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 1, .flags = CMAP_CREATE_NO_WINDOW,
	};
	struct cmap *map = map_new(test, &spec), *other = map_new(test, &spec);
	struct cmap_scan *scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	struct cmap_cursor cursor, last = {};
	u32 i, ascending = 0, close = 0;

	KUNIT_ASSERT_NOT_NULL(test, scan);
	for (i = 0; i < 1000; i++) {
		u64 position = i % 2 ? i : get_random_u64() >> 16;
		u64 tie = i % 3 ? U64_MAX : i % 2 ? 0 : get_random_u64();

		scan->map = map;
		cmap_scan_cursor(scan, position, tie, &cursor);
		ascending += cursor.position > last.position;
		close += cursor.position >> 16 == last.position >> 16;
		close += cursor.tie >> 16 == last.tie >> 16;
		last = cursor;

		cmap_scan_begin(scan, map, &cursor);
		KUNIT_EXPECT_EQ(test, scan->position, position);
		KUNIT_EXPECT_EQ(test, scan->tie, tie);
		cmap_scan_begin(scan, other, &cursor);
		KUNIT_EXPECT_TRUE(test, scan->position != position);
	}
	KUNIT_EXPECT_EQ(test, close, 0);
	KUNIT_EXPECT_GT(test, ascending, 400);
	KUNIT_EXPECT_LT(test, ascending, 600);

	memset(&cursor, 0, sizeof(cursor));
	cmap_scan_begin(scan, map, &cursor);
	KUNIT_EXPECT_TRUE(test, !scan->position && !scan->tie);
	cmap_map_put(map);
	cmap_map_put(other);
}

/* In a map with a window, cursors are positions, which the library uses. */
static void cursors_are_positions(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap_scan *scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	struct cmap_cursor cursor = { 42, U64_MAX };
	struct cmap *map = map_new(test, &spec);

	KUNIT_ASSERT_NOT_NULL(test, scan);
	cmap_scan_begin(scan, map, &cursor);
	KUNIT_EXPECT_EQ(test, scan->position, 42);
	cmap_scan_cursor(scan, 43, 1, &cursor);
	KUNIT_EXPECT_TRUE(test, cursor.position == 43 && cursor.tie == 1);
	cmap_map_put(map);
}

static void count_in_model(struct kunit *test, const struct cmap_found *found,
			   void *arg)
{
	struct model_entry *entry = model_find(arg, found->node->key,
					       cmap_node_key_len(found->node));

	/* Other entries are added and removed. */
	if (!entry)
		return;
	KUNIT_EXPECT_EQ(test, entry->version, found->node->version);
	entry->seen++;
}

static void expect_seen_once(struct kunit *test, struct model *model)
{
	u32 i;

	for (i = 0; i < model->count; i++) {
		KUNIT_EXPECT_EQ(test, model->entry[i].seen, 1);
		model->entry[i].seen = 0;
	}
}

/*
 * Each entry that stays is found once, in steps of any size, while other entries make
 * the tables grow and shrink.
 */
static void scan_at_random(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 4 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_scan *scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	struct model *model = model_new(test, 500);
	struct test_context *ctx = test->priv;
	u8 key[MODEL_KEY_MAX];
	u32 i, round, len;
	u64 version;

	KUNIT_ASSERT_NOT_NULL(test, scan);
	for (i = 0; i < 500; i++) {
		len = model_key(i, key);
		KUNIT_ASSERT_EQ(test, map_set(map, key, len, &version), 0);
		KUNIT_ASSERT_TRUE(test, model_set(model, key, len, "", 0,
						  version));
	}
	for (round = 0; round < 20; round++) {
		bool grow = round % 2 == 0;

		*scan = (struct cmap_scan){ .map = map };
		i = 500;
		while (scan_on(test, scan, 1 + ctx_random(ctx, 12),
			       count_in_model, model)) {
			u32 end = i + ctx_random(ctx, 40);

			for (; i < end && i < 8000; i++) {
				int err;

				len = model_key(i, key);
				err = grow ? map_set(map, key, len, &version) :
					     map_delete(map, key, len);
				KUNIT_EXPECT_TRUE(test, !err ||
						  (!grow && err == -ENOENT));
			}
		}
		expect_seen_once(test, model);
		KUNIT_EXPECT_EQ(test, scan->position, CMAP_POSITION_END);
	}
	KUNIT_EXPECT_GE(test, cmap_map_entries(map), 500);
	cmap_map_put(map);
}

static void count_by_number(struct kunit *test, const struct cmap_found *found,
			    void *arg)
{
	u32 *seen = arg;

	seen[*(u32 *)found->node->key]++;
}

/* All entries are at one position, so that only the tie orders them. */
static void scan_over_ties(struct kunit *test)
{
	const u32 most = CMAP_BUCKET_SLOTS * (1 + CMAP_CHAIN_MAX);
	const struct cmap_spec spec = { .shards = 2 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_scan *scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	u32 *seen = kunit_kcalloc(test, most + 2, sizeof(*seen), GFP_KERNEL);
	u32 i, step;
	u64 version;

	KUNIT_ASSERT_TRUE(test, scan && seen);
	for (i = 0; i < most; i++)
		KUNIT_ASSERT_EQ(test, set_at(map, i, 0x80000000, 7, &version),
				0);
	/* One entry in a bucket before, and one in a bucket after. */
	KUNIT_ASSERT_EQ(test, set_at(map, most, 1, 7, &version), 0);
	KUNIT_ASSERT_EQ(test, set_at(map, most + 1, ~0U, 0xffff, &version), 0);

	for (step = 1; step < 2 * CMAP_SCAN_MAX; step += 1 + step / 4) {
		*scan = (struct cmap_scan){ .map = map };
		memset(seen, 0, (most + 2) * sizeof(*seen));
		while (scan_on(test, scan, step, count_by_number, seen))
			;
		for (i = 0; i < most + 2; i++)
			KUNIT_EXPECT_EQ_MSG(test, seen[i], 1, "%u by %u", i,
					    step);
	}

	/* Remove every other entry during a scan.  The rest is still found. */
	*scan = (struct cmap_scan){ .map = map };
	memset(seen, 0, (most + 2) * sizeof(*seen));
	for (i = 0; scan_on(test, scan, 3, count_by_number, seen); i += 2) {
		struct cmap_write write = {
			.key = { &i, sizeof(i), 0x80000000ULL << 32 | 7 },
			.flags = CMAP_WRITE_DELETE,
		};

		if (i < most)
			KUNIT_EXPECT_EQ(test, shard_write(map->shard[1],
						&write, GFP_KERNEL), 0);
	}
	for (i = 1; i < most; i += 2)
		KUNIT_EXPECT_EQ(test, seen[i], 1);
	cmap_map_put(map);
}

/*
 * If a key is deleted and set again while its bucket is read, the reader finds it in
 * two slots.  Here the second one is made by hand.  The scan returns the key once,
 * with the later version.
 */
static void scan_over_two_slots(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_shard *shard = map->shard[0];
	struct cmap_scan *scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	struct cmap_bucket *bucket;
	struct cmap_table *table;
	u64 version[2];
	u32 way;

	KUNIT_ASSERT_NOT_NULL(test, scan);
	KUNIT_ASSERT_EQ(test, set_at(map, 0, 5, 5, &version[0]), 0);
	KUNIT_ASSERT_EQ(test, set_at(map, 1, 5, 5, &version[1]), 0);
	table = rcu_dereference_protected(shard->table, 1);
	bucket = cmap_table_bucket(table, cmap_table_index(table, 5));
	/* Two versions of key 0. */
	rcu_read_lock();
	*(u32 *)cmap_arena_node(&shard->arena, bucket->ref[1])->key = 0;
	rcu_read_unlock();
	for (way = 0; way < 2; way++) {
		*scan = (struct cmap_scan){ .map = map };
		rcu_read_lock();
		KUNIT_EXPECT_TRUE(test, cmap_scan_next(scan));
		KUNIT_EXPECT_EQ(test, scan->count, 1);
		KUNIT_EXPECT_EQ(test, scan->found[0].node->version, version[1]);
		rcu_read_unlock();
		swap(bucket->ref[0], bucket->ref[1]);
	}
	cmap_map_put(map);
}

/*
 * While a scan reads a bucket, the high half of a hash is overwritten when its node is
 * retired, and a tag when another entry gets the slot.  Each entry must still be found
 * at the position of its key.  All keys are in the first bucket, because a scan skips
 * entries that seem to be before its position.
 */
#define CHURNED		8
#define FILLERS		600

static struct churn {
	struct cmap *map;
	u32 key[CHURNED];
	atomic_t on;
} churn;

/* Choose keys that are in the first of 64 buckets. */
static void choose_keys(void)
{
	u32 number, n = 0;

	for (number = FILLERS; n < CHURNED; number++)
		if (!(cmap_hash(&churn.map->hash, &number, sizeof(number)) >> 58))
			churn.key[n++] = number;
}

/* Meanwhile other keys make the table grow and shrink, so the bucket is moved, too. */
static void set_and_delete_keys(void)
{
	u32 round, i;
	u64 version;

	for (round = 0; round < 1000; round++) {
		for (i = 0; i < 2 * FILLERS; i++) {
			u32 filler = i % FILLERS, *key = &churn.key[i % CHURNED];

			if (i < FILLERS)
				map_set(churn.map, &filler, sizeof(filler), &version);
			else
				map_delete(churn.map, &filler, sizeof(filler));
			map_delete(churn.map, key, sizeof(*key));
			map_set(churn.map, key, sizeof(*key), &version);
		}
		cond_resched();
	}
	atomic_set(&churn.on, 0);
}

struct scanned {
	u32 seen;
	u32 wrong;
};

static void look_where(struct kunit *test, const struct cmap_found *found,
		       void *arg)
{
	struct scanned *scanned = arg;
	u64 hash = cmap_hash(&churn.map->hash, found->node->key,
			     cmap_node_key_len(found->node));

	scanned->seen++;
	if (found->position != cmap_position(cmap_hash_high(hash),
					     cmap_hash_tag(hash)))
		scanned->wrong++;
}

static void churn_or_scan(struct kunit *test, unsigned int thread)
{
	struct scanned scanned = {};
	struct cmap_scan *scan;

	if (!thread) {
		set_and_delete_keys();
		return;
	}
	scan = kunit_kzalloc(test, sizeof(*scan), GFP_KERNEL);
	while (scan && atomic_read(&churn.on)) {
		*scan = (struct cmap_scan){ .map = churn.map };
		scan_on(test, scan, CMAP_SCAN_MAX, look_where, &scanned);
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, scanned.seen, 1000);
	KUNIT_EXPECT_EQ(test, scanned.wrong, 0);
}

static void scan_while_deleted(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1 };

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU");
	churn.map = map_new(test, &spec);
	choose_keys();
	atomic_set(&churn.on, 1);
	run_threads(test, 2, churn_or_scan);
	cmap_map_put(churn.map);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(cursors_tell_nothing),
	KUNIT_CASE(cursors_are_positions),
	KUNIT_CASE_SLOW(scan_at_random),
	KUNIT_CASE(scan_over_ties),
	KUNIT_CASE(scan_over_two_slots),
	KUNIT_CASE_SLOW(scan_while_deleted),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_scan",
	.init = ctx_init,
	.exit = map_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
