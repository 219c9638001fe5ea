/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a map shall be, done so simply that one sees that it is right: an array
 * of entries in no order, searched from one end to the other.
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
	u32 seen;		/* for who counts them */
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
/* Values are copied; false if the model is full. */
bool model_set(struct model *model, const void *key, u32 key_len,
	       const void *value, u32 value_len, u64 version);
void model_remove(struct model *model, struct model_entry *entry);

/* The bytes of key number @number, and how many: 1..24. */
#define MODEL_KEY_MAX	24
u32 model_key(u32 number, u8 key[MODEL_KEY_MAX]);

/* Bytes that tell where they come from. */
void model_fill(void *value, u32 len, u32 origin);

#endif /* CMAP_TESTS_MODEL_H */
