// SPDX-License-Identifier: GPL-2.0
/*
 * F1: the feed.  Records come in the order of versions, none is missing unless that is
 * said, and what is said is exact.
 */
#include "maps.h"
#include "../core/feed.h"
#include "../core/filter.h"
#include "../core/reader.h"

#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>

#define CHUNK		8192

/* ---- what the tests share ---- */

/* A map, a reader of all its records, and room for them. */
struct feed_test {
	struct cmap *map;
	struct cmap_filter *filter;
	struct cmap_reader *reader;
	struct cmap_records records;
};

static void feed_test_begin(struct kunit *test, struct feed_test *ft,
			    const struct cmap_spec *spec)
{
	ft->map = map_new(test, spec);
	ft->filter = cmap_filter_new(ft->map, CMAP_FILTER_ALL, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, ft->filter);
	ft->reader = cmap_reader_new(ft->map, ft->filter);
	KUNIT_ASSERT_NOT_NULL(test, ft->reader);
	KUNIT_ASSERT_EQ(test, cmap_records_new(&ft->records, CHUNK), 0);
}

static void feed_test_end(struct feed_test *ft)
{
	cmap_records_free(&ft->records, ft->map);
	cmap_reader_free(ft->reader);
	cmap_filter_free(ft->filter);
	cmap_map_put(ft->map);
}

static void fill(struct feed_test *ft)
{
	ft->records.looks = U64_MAX;
	cmap_reader_fill(ft->reader, &ft->records);
}

static const struct cmap_feed_record *first(const struct feed_test *ft)
{
	return (const void *)ft->records.buf;
}

static const struct cmap_feed_record *
next(const struct cmap_feed_record *record)
{
	return (const void *)record + record->size;
}

static const void *key_of(const struct cmap_feed_record *record)
{
	return (const void *)record + record->key_offset;
}

static const void *value_of(const struct cmap_feed_record *record)
{
	return (const void *)record + record->value_offset;
}

static int set_value(struct cmap *map, const void *key, u32 key_len,
		     const void *value, u32 len)
{
	struct cmap_write write = {
		.code = CMAP_CODE_SET, .value = value, .value_len = len,
	};

	return cmap_op_key(map, &write.key, key, key_len) ?:
	       cmap_op_write(map, &write, GFP_KERNEL);
}

/* A key and a value whose lengths and bytes follow from a number. */
static u32 key_number(u64 n, u8 key[32])
{
	memset(key, n % 251, 32);
	memcpy(key, &n, sizeof(n));
	return 8 + n % 23;
}

static u32 value_number(u64 n, u8 value[64])
{
	memset(value, n % 241 + 1, 64);
	return n % 61;
}

/* The version of the write with a number, in a map of one shard, is that number. */
static void write_number(struct kunit *test, struct cmap *map, u64 n)
{
	u8 key[32], value[64];
	u32 key_len = key_number(n % 97, key);

	KUNIT_ASSERT_EQ(test, set_value(map, key, key_len, value,
					value_number(n, value)), 0);
}

static void check_number(struct kunit *test,
			 const struct cmap_feed_record *record, u64 n)
{
	u8 key[32], value[64];
	u32 key_len = key_number(n % 97, key);
	u32 len = value_number(n, value);

	KUNIT_ASSERT_EQ(test, record->version, n);
	KUNIT_ASSERT_EQ(test, record->cause, CMAP_FEED_SET);
	KUNIT_ASSERT_EQ(test, record->key_len, key_len);
	KUNIT_ASSERT_EQ(test, record->value_len, len);
	KUNIT_ASSERT_EQ(test, record->size % 8, 0);
	KUNIT_ASSERT_EQ(test, memcmp(key_of(record), key, key_len), 0);
	if (len)
		KUNIT_ASSERT_EQ(test, memcmp(value_of(record), value, len), 0);
}

/* ---- what records say ---- */

static void records_of_each_change(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 1, .feed_bytes = 4096, .feed_value_max = 8,
	};
	static const struct {
		u8 cause, flags;
		u32 value_len;
		const char *value;
	} expected[] = {
		{ CMAP_FEED_SET, 0, 3, "one" },
		{ CMAP_FEED_SET, 0, 8, "eight888" },
		{ CMAP_FEED_SET, CMAP_FEED_NO_VALUE, 9, NULL },
		{ CMAP_FEED_SET, 0, 0, "" },
		{ CMAP_FEED_DELETE, 0, 0, NULL },
		{ CMAP_FEED_SET, 0, 3, "two" },
		{ CMAP_FEED_CLEAR, 0, 0, NULL },
	};
	const struct cmap_feed_record *record;
	struct feed_test ft = {};
	u32 i;

	feed_test_begin(test, &ft, &spec);
	KUNIT_EXPECT_EQ(test, set_value(ft.map, "a", 1, "one", 3), 0);
	KUNIT_EXPECT_EQ(test, set_value(ft.map, "a", 1, "eight888", 8), 0);
	KUNIT_EXPECT_EQ(test, set_value(ft.map, "a", 1, "nine99999", 9), 0);
	KUNIT_EXPECT_EQ(test, set_value(ft.map, "a", 1, "", 0), 0);
	KUNIT_EXPECT_EQ(test, map_delete(ft.map, "a", 1), 0);
	KUNIT_EXPECT_EQ(test, map_delete(ft.map, "a", 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, set_value(ft.map, "a", 1, "two", 3), 0);
	KUNIT_EXPECT_EQ(test, cmap_map_clear(ft.map), 1);

	fill(&ft);
	KUNIT_ASSERT_EQ(test, ft.records.count, ARRAY_SIZE(expected));
	KUNIT_EXPECT_FALSE(test, ft.records.more);
	record = first(&ft);
	for (i = 0; i < ARRAY_SIZE(expected); i++, record = next(record)) {
		KUNIT_EXPECT_EQ(test, record->version, i + 1);
		KUNIT_EXPECT_EQ(test, record->cause, expected[i].cause);
		KUNIT_EXPECT_EQ(test, record->flags, expected[i].flags);
		KUNIT_EXPECT_EQ(test, record->transaction, 0);
		KUNIT_EXPECT_EQ(test, record->key_len, 1);
		KUNIT_EXPECT_EQ(test, *(const char *)key_of(record), 'a');
		KUNIT_EXPECT_EQ(test, record->value_len, expected[i].value_len);
		KUNIT_EXPECT_EQ(test, record->value_offset != 0,
				expected[i].value != NULL);
		if (expected[i].value)
			KUNIT_EXPECT_EQ(test, memcmp(value_of(record),
						     expected[i].value,
						     record->value_len), 0);
	}
	fill(&ft);
	KUNIT_EXPECT_EQ(test, ft.records.count, 0);
	feed_test_end(&ft);
}

/* A node that is moved is no change. */
static void versions_have_no_gaps(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 4, .feed_bytes = 65536,
	};
	const struct cmap_feed_record *record;
	struct feed_test ft = {};
	u64 versions[4];
	u32 i, n = 0;

	feed_test_begin(test, &ft, &spec);
	for (i = 0; i < 4; i++)
		versions[i] = ft.reader->at[i].version;
	for (i = 0; i < 1000; i++)
		KUNIT_ASSERT_EQ(test, set_value(ft.map, &i, sizeof(i), &i, 4), 0);
	do {
		u32 j;

		fill(&ft);
		record = first(&ft);
		for (j = 0; j < ft.records.count; j++, record = next(record)) {
			u32 shard = record->version % 4;

			versions[shard] += 4;
			KUNIT_ASSERT_EQ(test, record->version, versions[shard]);
			n++;
		}
	} while (ft.records.more);
	KUNIT_EXPECT_EQ(test, n, 1000);
	feed_test_end(&ft);
}

/* ---- wrapping and overrunning ---- */

/* A reader that keeps up gets all, in rings of each size. */
static void wraps(struct kunit *test)
{
	u32 bytes;

	for (bytes = PAGE_SIZE; bytes <= CMAP_FEED_BYTES_MAX; bytes *= 2) {
		const struct cmap_spec spec = {
			.shards = 1, .feed_bytes = bytes, .feed_value_max = 60,
		};
		/* Some three rounds, of some 90 bytes a record. */
		u64 last = min(3 * bytes / 90, 20000);
		struct feed_test ft = {};
		u64 n = 0, seen = 0;

		feed_test_begin(test, &ft, &spec);
		while (n < last) {
			const struct cmap_feed_record *record;
			u32 i;

			for (i = 0; i < 1 + n % 17; i++)
				write_number(test, ft.map, ++n);
			fill(&ft);
			record = first(&ft);
			for (i = 0; i < ft.records.count; i++) {
				check_number(test, record, ++seen);
				record = next(record);
			}
		}
		KUNIT_EXPECT_EQ(test, seen, n);
		feed_test_end(&ft);
	}
}

/*
 * A reader that was overtaken is told exactly what it missed, and gets nearly all that
 * is still there: a part of the ring, two records and the padding may be missing.
 */
static void overrun_is_exact(struct kunit *test)
{
	u32 bytes, extra;

	for (bytes = PAGE_SIZE; bytes <= 65536; bytes *= 2) {
		const struct cmap_spec spec = {
			.shards = 1, .feed_bytes = bytes, .feed_value_max = 60,
		};
		struct feed_test ft = {};
		u64 n = 0, seen = 0;

		feed_test_begin(test, &ft, &spec);
		for (extra = 0; extra < 40; extra++) {
			const struct cmap_feed_record *record;
			u64 before = seen;
			u32 got = 0, i;

			/* From less than a round to several. */
			for (i = 0; i < bytes / 400 * (1 + extra % 13) + extra; i++)
				write_number(test, ft.map, ++n);
			do {
				fill(&ft);
				record = first(&ft);
				for (i = 0; i < ft.records.count; i++) {
					if (record->cause == CMAP_FEED_LOST) {
						KUNIT_ASSERT_EQ(test, seen, before);
						KUNIT_ASSERT_EQ(test, record->first,
								seen + 1);
						KUNIT_ASSERT_GE(test, record->version,
								record->first);
						seen = record->version;
						record = next(record);
						continue;
					}
					check_number(test, record, ++seen);
					got += record->size;
					record = next(record);
				}
			} while (ft.records.more);
			KUNIT_ASSERT_EQ(test, seen, n);
			if (seen - before > 2 * bytes / 40)
				KUNIT_EXPECT_GE(test, got + 4 * 128 +
						bytes / CMAP_FEED_PARTS, bytes);
		}
		feed_test_end(&ft);
	}
}

/* ---- cursors ---- */

static void cursors(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 2, .feed_bytes = 4096, .feed_value_max = 60,
	};
	struct cmap_feed_cursor *cursor;
	struct feed_test ft = {};
	u32 i;

	feed_test_begin(test, &ft, &spec);
	cursor = kunit_kzalloc(test, CMAP_FEED_CURSOR_BYTES(2), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cursor);
	cmap_reader_get(ft.reader, cursor);
	KUNIT_EXPECT_EQ(test, cursor->at[1].version, 1);
	for (i = 0; i < 1000; i++)
		write_number(test, ft.map, i);

	KUNIT_EXPECT_EQ(test, cmap_reader_set(ft.reader, cursor), 0);
	cursor->map++;
	KUNIT_EXPECT_EQ(test, cmap_reader_set(ft.reader, cursor), -EINVAL);
	cursor->map--;
	cursor->shards = 1;
	KUNIT_EXPECT_EQ(test, cmap_reader_set(ft.reader, cursor), -EINVAL);
	cursor->shards = 2;
	cursor->next = 2;
	KUNIT_EXPECT_EQ(test, cmap_reader_set(ft.reader, cursor), -EINVAL);
	cursor->next = 1;
	cursor->at[1].version = 2;
	KUNIT_EXPECT_EQ(test, cmap_reader_set(ft.reader, cursor), -EINVAL);
	cursor->at[1].version = 2 * 1000 + 3;
	KUNIT_EXPECT_EQ(test, cmap_reader_set(ft.reader, cursor), -EINVAL);
	feed_test_end(&ft);
}

/* Any position at all finds the right record, or says what is lost. */
static void positions_are_hints(struct kunit *test)
{
	const struct cmap_spec spec = {
		.shards = 2, .feed_bytes = 4096, .feed_value_max = 60,
	};
	struct test_context *ctx = test->priv;
	struct cmap_feed_position last = {};
	struct cmap_feed_cursor *cursor;
	struct feed_test ft = {};
	u32 i, j;

	feed_test_begin(test, &ft, &spec);
	cursor = kunit_kzalloc(test, CMAP_FEED_CURSOR_BYTES(2), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, cursor);
	cmap_reader_get(ft.reader, cursor);
	for (i = 0; i < 1000; i++) {
		/* In the end this is a position a few records before the end. */
		if (i < 990)
			cmap_feed_now(ft.map->shard[0]->feed, &last);
		write_number(test, ft.map, i);
	}

	for (i = 0; i < 2000; i++) {
		const struct cmap_feed_record *record;
		u64 tail = cmap_feed_tail(ft.map->shard[0]->feed);
		u64 at = ctx_random(ctx, tail / 2) * 2;

		cmap_feed_now(ft.map->shard[1]->feed, &cursor->at[1]);
		cursor->at[0].version = at;
		cursor->at[0].position = i % 2 ? ctx_random_u64(ctx) :
					 ctx_random(ctx, 60000);
		/* Where the record would be some rounds later, or earlier. */
		if (i % 8 == 7)
			cursor->at[0] = (struct cmap_feed_position){
				.version = last.version,
				.position = last.position + ((s64)i - 1000) * 4096,
			};
		at = cursor->at[0].version;
		KUNIT_ASSERT_EQ(test, cmap_reader_set(ft.reader, cursor), 0);
		fill(&ft);
		record = first(&ft);
		for (j = 0; j < ft.records.count; j++, record = next(record)) {
			if (record->cause == CMAP_FEED_LOST)
				KUNIT_ASSERT_EQ(test, record->first, at + 2);
			else
				KUNIT_ASSERT_EQ(test, record->version, at + 2);
			at = record->version;
		}
		KUNIT_ASSERT_EQ(test, at, tail);
		/* The cursor is mended. */
		if (cursor->at[0].version != tail)
			KUNIT_ASSERT_EQ(test, ft.reader->at[0].position,
					ft.map->shard[0]->feed->words->claimed);
	}
	feed_test_end(&ft);
}

/* A key can look like a record.  A reader that is sent there stays in the ring. */
static void forged_records(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .feed_bytes = 4096 };
	struct cmap_feed_record forged = {
		.key_len = 8, .cause = CMAP_FEED_SET,
		.key_offset = sizeof(forged),
	};
	struct feed_test ft = {};
	u8 key[64] __aligned(8) = {};
	u32 size;

	feed_test_begin(test, &ft, &spec);
	for (size = 0; size < 8192; size += 8) {
		u64 version;

		forged.size = size;
		forged.key_len = size;
		forged.version = cmap_feed_tail(ft.map->shard[0]->feed) + 1;
		memcpy(key, &forged, sizeof(forged));
		KUNIT_ASSERT_EQ(test, map_set(ft.map, key, sizeof(key),
					      &version), 0);
		ft.reader->at[0].version = version - 1;
		ft.reader->at[0].position =
			ft.map->shard[0]->feed->words->claimed -
			sizeof(key);
		fill(&ft);
		KUNIT_ASSERT_LE(test, ft.records.used, CHUNK);
	}
	feed_test_end(&ft);
}

/* ---- filters ---- */

static void filters(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 2, .feed_bytes = 65536 };
	static const char * const keys[] = { "", "a", "ab", "abc", "b", "ba" };
	struct cmap_filter *prefix, *two;
	struct feed_test ft = {};
	u64 looks = U64_MAX;
	u64 version;
	u32 i;

	feed_test_begin(test, &ft, &spec);
	prefix = cmap_filter_new(ft.map, CMAP_FILTER_PREFIX, 1, 2);
	two = cmap_filter_new(ft.map, CMAP_FILTER_KEYS, 2, 1);
	KUNIT_ASSERT_TRUE(test, prefix && two);
	memcpy(cmap_filter_room(prefix, 0, 2), "ab", 2);
	cmap_filter_room(two, 0, 0);
	*cmap_filter_room(two, 1, 1) = 'b';
	cmap_filter_finish(prefix, ft.map);
	cmap_filter_finish(two, ft.map);

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *key = keys[i];
		u32 len = strlen(key);

		KUNIT_EXPECT_EQ(test, cmap_filter_matches(prefix, key, len),
				!strncmp(key, "ab", 2));
		KUNIT_EXPECT_EQ(test, cmap_filter_matches(two, key, len),
				i == 0 || i == 4);
		KUNIT_EXPECT_EQ(test, map_set(ft.map, key, len, &version), 0);
		if (i == 0 || i == 4)
			KUNIT_EXPECT_TRUE(test, test_bit(version % 2, two->shards));
	}

	ft.reader->filter = prefix;
	KUNIT_EXPECT_TRUE(test, cmap_reader_look(ft.reader, &looks));
	fill(&ft);
	KUNIT_EXPECT_EQ(test, ft.records.count, 2);
	KUNIT_EXPECT_FALSE(test, cmap_reader_look(ft.reader, &looks));
	KUNIT_EXPECT_EQ(test, map_set(ft.map, "b", 1, &version), 0);
	looks = 1;
	KUNIT_EXPECT_FALSE(test, cmap_reader_look(ft.reader, &looks));
	KUNIT_EXPECT_EQ(test, looks, 0);
	looks = U64_MAX;
	KUNIT_EXPECT_FALSE(test, cmap_reader_look(ft.reader, &looks));
	KUNIT_EXPECT_NE(test, looks, 0);
	cmap_filter_free(prefix);
	cmap_filter_free(two);
	feed_test_end(&ft);
}

static struct cmap_filter *filter_of_keys(struct kunit *test,
					  const struct cmap *map)
{
	struct cmap_filter *filter = cmap_filter_new(map, CMAP_FILTER_KEYS,
						     CMAP_FEED_KEYS_MAX,
						     CMAP_FEED_KEYS_MAX);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, filter);
	for (i = 0; i < CMAP_FEED_KEYS_MAX; i++)
		*cmap_filter_room(filter, i, 1) = i;
	cmap_filter_finish(filter, map);
	return filter;
}

/* Keys that collide in one filter do not in the next one. */
static void filters_hash_apart(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .feed_bytes = 4096 };
	struct cmap *map = map_new(test, &spec);
	struct cmap_filter *one = filter_of_keys(test, map);
	struct cmap_filter *two = filter_of_keys(test, map);

	KUNIT_EXPECT_NE(test, memcmp(one->head, two->head, sizeof(one->head)), 0);
	cmap_filter_free(one);
	cmap_filter_free(two);
	cmap_map_put(map);
}

/* ---- memory ---- */

static void memory_is_charged(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 4, .feed_bytes = 65536 };
	const struct cmap_spec tight = {
		.shards = 4, .feed_bytes = 65536, .max_bytes = 4 * 65536,
	};
	struct cmap *map = map_new(test, &spec);

	KUNIT_EXPECT_GE(test, atomic64_read(&map->memory.account.bytes),
			4 * (65536 + PAGE_SIZE));
	cmap_map_put(map);
	KUNIT_EXPECT_PTR_EQ(test, cmap_map_new(&tight), ERR_PTR(-ENOSPC));
}

static void wiped_at_the_end(struct kunit *test)
{
	struct cmap_memory *memory = &((struct test_context *)test->priv)->memory;
	struct cmap_feed *feed;
	struct {
		struct cmap_node node;
		u8 key[8];
	} entry = { .node.lengths = cmap_node_lengths(8, 0) };
	u64 version;
	int err;

	memset(entry.key, 0xa5, sizeof(entry.key));
	feed = cmap_feed_new(memory, NUMA_NO_NODE, 4096, 0, 0, 1, true, &err);
	KUNIT_ASSERT_NOT_NULL(test, feed);
	for (version = 1; version < 300; version++)
		cmap_feed_write(feed, CMAP_FEED_SET, &entry.node, version);
	count_unwiped();
	cmap_feed_free(feed);
	KUNIT_EXPECT_EQ(test, count_unwiped_end(), 0);
}

/* Each allocation of a map with a feed fails, one after the other. */
static void no_memory(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 2, .feed_bytes = 4096 };
	struct cmap *map;
	u32 n;

	map = map_new_after_failures(test, &spec, &n);
	/* For each shard: itself, its feed, and two blocks with their pages. */
	KUNIT_EXPECT_GE(test, n, 2 * 6);
	cmap_map_put(map);
}

/* ---- races ---- */

static struct feed_test racing;
static atomic_t writers_left;

#define RACE_WRITES	5000

/* Thread 0 reads, while the others write. */
static void race(struct kunit *test, unsigned int thread)
{
	u64 seen = 0, version, lost = 0;
	bool end;
	u32 i;

	if (thread) {
		u64 key = thread;

		for (i = 0; i < RACE_WRITES; i++)
			KUNIT_EXPECT_EQ(test, map_set(racing.map, &key, 8,
						      &version), 0);
		atomic_dec(&writers_left);
		return;
	}

	do {
		const struct cmap_feed_record *record;

		end = !atomic_read_acquire(&writers_left);
		fill(&racing);
		record = first(&racing);
		for (i = 0; i < racing.records.count; i++) {
			if (record->cause == CMAP_FEED_LOST) {
				KUNIT_EXPECT_EQ(test, record->first, seen + 1);
				lost += record->version - seen;
			} else {
				KUNIT_EXPECT_EQ(test, record->version, seen + 1);
				KUNIT_EXPECT_EQ(test, record->key_len, 8);
			}
			seen = record->version;
			record = next(record);
		}
		/* Writers shall get ahead, too. */
		usleep_range(10, 100);
	} while (!end || racing.records.more);
	KUNIT_EXPECT_EQ(test, seen, 3 * RACE_WRITES);
	kunit_info(test, "lost %llu of %llu", lost, seen);
}

static void readers_and_writers(struct kunit *test)
{
	const struct cmap_spec spec = { .shards = 1, .feed_bytes = 4096 };

	feed_test_begin(test, &racing, &spec);
	atomic_set(&writers_left, 3);
	run_threads(test, 4, race);
	feed_test_end(&racing);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(records_of_each_change),
	KUNIT_CASE(versions_have_no_gaps),
	KUNIT_CASE(wraps),
	KUNIT_CASE(overrun_is_exact),
	KUNIT_CASE(cursors),
	KUNIT_CASE(positions_are_hints),
	KUNIT_CASE(forged_records),
	KUNIT_CASE(filters),
	KUNIT_CASE(filters_hash_apart),
	KUNIT_CASE(memory_is_charged),
	KUNIT_CASE(wiped_at_the_end),
	KUNIT_CASE(no_memory),
	KUNIT_CASE(readers_and_writers),
	{}
};

static struct kunit_suite suite = {
	.name = "cmap_feed",
	.init = ctx_init,
	.exit = map_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
