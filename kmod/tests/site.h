/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A shard for tests, and a model of its contents.
 */
#ifndef CMAP_TESTS_SITE_H
#define CMAP_TESTS_SITE_H

#include "lab.h"
#include "model.h"
#include "../core/shard.h"

#define INDEX		3	/* the shard's index */
#define SHARDS		8	/* how many shards its map would have */
#define VALUE_MAX	600

struct site {
	struct cmap_shard *shard;
	struct model *model;
	struct lab *lab;
	u64 version;		/* of the last write */
	u8 *buf;
};

/* Move the shard to the table that it should have. */
int site_resize(struct cmap_shard *shard);
struct site *site_new(struct kunit *test, u32 room, bool wipe);

/* Wait for the shard's works, also for a move that is split into several works. */
void site_settle(struct site *site);
void site_free(struct site *site);

/* Make a key of this shard: the topmost bits of its hash are the shard's index. */
struct cmap_key site_key(struct site *site, u32 number,
			 u8 buf[MODEL_KEY_MAX]);
int site_set(struct site *site, const struct cmap_key *key,
	     const void *value, u32 len, gfp_t gfp);
int site_delete(struct site *site, const struct cmap_key *key);
bool site_has(struct site *site, const struct cmap_key *key);

/* The shard's table.  No write may be under way. */
struct cmap_table *site_table(struct site *site);

/* Expect that the key has the model's entry, or that it is absent if that is NULL. */
void site_expect(struct kunit *test, struct site *site,
		 const struct cmap_key *key,
		 const struct model_entry *entry);
void site_expect_all(struct kunit *test, struct site *site);

/* Make a key whose hash begins with the bits that the test chooses. */
struct cmap_key site_aimed(u32 number, u32 order, u8 buf[MODEL_KEY_MAX]);

/* Keys with consecutive numbers.  With @aimed, site_aimed() makes their hashes. */
struct site_keys {
	u32 first;
	u32 count;
	bool aimed;
	u32 order;
};

enum site_step { SITE_SET, SITE_DELETE, SITE_EXPECT };

/* Set each of the keys, delete each, or expect each to be present. */
void site_each(struct kunit *test, struct site *site, enum site_step step,
	       struct site_keys keys);

static inline struct site_keys site_some(u32 first, u32 count)
{
	return (struct site_keys){ .first = first, .count = count };
}

static inline struct site_keys site_some_aimed(u32 first, u32 count, u32 order)
{
	return (struct site_keys){ first, count, true, order };
}

/* Make another table for the shard to be moved into. */
struct cmap_table *site_new_table(struct kunit *test, struct site *site,
				  u8 bits);

#endif /* CMAP_TESTS_SITE_H */
