/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of a map, so simple that it is seen to be correct: an array of entries in
 * no order, which is searched from one end to the other.
 */
#ifndef CMAP_TESTS_MODEL_H
#define CMAP_TESTS_MODEL_H

#include <kunit/test.h>
#include <linux/types.h>

struct model_entry {
	void *key;
	u32 key_len;
	void *value;
	u32 value_len;
	u64 version;
	u32 seen;		/* for tests that count entries */
};

struct model {
	struct model_entry *entry;
	u32 count;
	u32 room;
};

struct model *model_new(struct kunit *test, u32 room);
void model_free(struct model *model);

struct model_entry *model_find(struct model *model, const void *key,
			       u32 key_len);
/* Key and value are copied.  False if the model is full. */
bool model_set(struct model *model, const void *key, u32 key_len,
	       const void *value, u32 value_len, u64 version);
void model_remove(struct model *model, struct model_entry *entry);

/* Make the key with a number.  Returns its length, 0 to MODEL_KEY_MAX. */
#define MODEL_KEY_MAX	24
u32 model_key(u32 number, u8 key[MODEL_KEY_MAX]);

/* Fill a value with bytes that depend on its origin. */
void model_fill(void *value, u32 len, u32 origin);

#endif /* CMAP_TESTS_MODEL_H */
