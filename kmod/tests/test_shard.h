/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard for tests, and a model of its contents.
 */
#ifndef CMAP_TESTS_TEST_SHARD_H
#define CMAP_TESTS_TEST_SHARD_H

#include "context.h"
#include "model.h"
#include "../core/shard.h"

#define INDEX		3	/* the shard's index */
#define SHARDS		8	/* how many shards its map would have */
#define VALUE_MAX	600

struct test_shard {
	struct cmap_shard *shard;
	struct model *model;
	struct test_context *ctx;
	u64 version;		/* of the last write */
	u8 *buf;
};

/* Move the shard to the table that it should have. */
int ts_resize(struct cmap_shard *shard);
struct test_shard *ts_new(struct kunit *test, u32 room, bool wipe);

/* Wait for the shard's works, also for a move that is split into several works. */
void ts_settle(struct test_shard *ts);
void ts_free(struct test_shard *ts);

/* Make a key of this shard: the topmost bits of its hash are the shard's index. */
struct cmap_key ts_key(struct test_shard *ts, u32 number,
		       u8 buf[MODEL_KEY_MAX]);
int ts_set(struct test_shard *ts, const struct cmap_key *key,
	   const void *value, u32 len, gfp_t gfp);
int ts_delete(struct test_shard *ts, const struct cmap_key *key);
bool ts_has(struct test_shard *ts, const struct cmap_key *key);

/* The shard's table.  No write may be under way. */
struct cmap_table *ts_table(struct test_shard *ts);

/* Expect that the key has the model's entry, or that it is absent if that is NULL. */
void ts_expect(struct kunit *test, struct test_shard *ts,
	       const struct cmap_key *key,
	       const struct model_entry *entry);
void ts_expect_all(struct kunit *test, struct test_shard *ts);

/* Make a key whose hash begins with the bits that the test chooses. */
struct cmap_key ts_key_at(u32 number, u32 high, u8 buf[MODEL_KEY_MAX]);

/* Keys with consecutive numbers.  With @aimed, ts_key_at() makes their hashes. */
struct test_keys {
	u32 first;
	u32 count;
	bool aimed;
	u32 high;
};

enum ts_step { TS_SET, TS_DELETE, TS_EXPECT };

/* Set each of the keys, delete each, or expect each to be present. */
void ts_each(struct kunit *test, struct test_shard *ts, enum ts_step step,
	     struct test_keys keys);

static inline struct test_keys some_keys(u32 first, u32 count)
{
	return (struct test_keys){ .first = first, .count = count };
}

static inline struct test_keys some_keys_at(u32 first, u32 count, u32 high)
{
	return (struct test_keys){ first, count, true, high };
}

/* Make another table for the shard to be moved into. */
struct cmap_table *ts_new_table(struct kunit *test, struct test_shard *ts,
				u8 bits);

#endif /* CMAP_TESTS_TEST_SHARD_H */
