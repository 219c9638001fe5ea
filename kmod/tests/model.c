// SPDX-License-Identifier: GPL-2.0
#include "model.h"

#include <linux/slab.h>
#include <linux/string.h>

static void model_free_action(void *model)
{
	model_free(model);
}

struct model *model_new(struct kunit *test, u32 room)
{
	struct model *model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, model);
	model->entry = kunit_kcalloc(test, room, sizeof(*model->entry),
				     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model->entry);
	model->room = room;
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test,
					model_free_action, model), 0);

	return model;
}

void model_free(struct model *model)
{
	while (model->count)
		model_remove(model, &model->entry[0]);
}

struct model_entry *model_find(struct model *model, const void *key,
			       u32 key_len)
{
	u32 i;

	for (i = 0; i < model->count; i++) {
		struct model_entry *entry = &model->entry[i];

		if (entry->key_len == key_len &&
		    !memcmp(entry->key, key, key_len))
			return entry;
	}

	return NULL;
}

bool model_set(struct model *model, const void *key, u32 key_len,
	       const void *value, u32 value_len, u64 version)
{
	struct model_entry *entry = model_find(model, key, key_len);

	if (!entry) {
		if (model->count == model->room)
			return false;
		entry = &model->entry[model->count++];
		*entry = (struct model_entry){
			.key = kmemdup(key, key_len, GFP_KERNEL),
			.key_len = key_len,
		};
	}
	kfree(entry->value);
	entry->value = kmemdup(value, value_len, GFP_KERNEL);
	entry->value_len = value_len;
	entry->version = version;

	return entry->key && entry->value;
}

void model_remove(struct model *model, struct model_entry *entry)
{
	kfree(entry->key);
	kfree(entry->value);
	*entry = model->entry[--model->count];
}

u32 model_key(u32 number, u8 key[MODEL_KEY_MAX])
{
	u32 len = sizeof(number) + number % (MODEL_KEY_MAX - sizeof(number));

	/* Number 0 is the empty key. */
	if (!number)
		return 0;
	/* One key in eight has one byte, as long as such keys are left. */
	if (number % 8 == 0 && number / 8 < 256) {
		key[0] = number / 8;
		return 1;
	}
	model_fill(key, len, number);
	memcpy(key, &number, sizeof(number));
	return len;
}

void model_fill(void *value, u32 len, u32 origin)
{
	u8 *p = value;
	u32 i;

	for (i = 0; i < len; i++)
		p[i] = (origin * 0x9e3779b1U + i * 0x85ebca6bU) >> 24;
}
