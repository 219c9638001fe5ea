// SPDX-License-Identifier: LGPL-2.1-or-later
#include "internal.h"

#include <stdlib.h>

struct kcmap_batch {
	unsigned int capacity;
	unsigned int count;
	struct cmap_op ops[];
};

API struct kcmap_batch *kcmap_batch_new(unsigned int capacity)
{
	struct kcmap_batch *batch;

	if (!capacity || capacity > CMAP_BATCH_MAX) {
		errno = EINVAL;
		return NULL;
	}
	batch = malloc(sizeof(*batch) + capacity * sizeof(*batch->ops));
	if (batch) {
		batch->capacity = capacity;
		batch->count = 0;
	}
	return batch;
}

API void kcmap_batch_free(struct kcmap_batch *batch)
{
	free(batch);
}

API void kcmap_batch_reset(struct kcmap_batch *batch)
{
	batch->count = 0;
}

/* Append a command.  Returns its index, or -1 if the batch is full. */
static inline int append_op(struct kcmap_batch *batch, uint16_t code,
			    const struct cmap_op *op)
{
	struct cmap_op *last;

	if (batch->count == batch->capacity) {
		errno = ENOSPC;
		return -1;
	}

	last = &batch->ops[batch->count];
	*last = *op;
	last->size = sizeof(*last);
	last->code = code;
	last->error = -ECANCELED;
	return (int)batch->count++;
}

API int kcmap_batch_get(struct kcmap_batch *batch, const void *key,
			size_t key_len, void *buf, size_t size)
{
	struct cmap_op op = { .value = ptr_to_u64(buf) };

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	kcmap_op_room(&op.value_len, size);
	return append_op(batch, CMAP_CODE_GET, &op);
}

static int append_set(struct kcmap_batch *batch, const void *key,
		      size_t key_len, const void *value, size_t len,
		      uint16_t flags, uint64_t expected)
{
	struct cmap_op op = { .flags = flags, .version = expected };

	if (kcmap_op_key(&op, key, key_len) || kcmap_op_value(&op, value, len))
		return -1;
	return append_op(batch, CMAP_CODE_SET, &op);
}

API int kcmap_batch_set(struct kcmap_batch *batch, const void *key,
			size_t key_len, const void *value, size_t len)
{
	return append_set(batch, key, key_len, value, len, 0, 0);
}

API int kcmap_batch_insert(struct kcmap_batch *batch, const void *key,
			   size_t key_len, const void *value, size_t len)
{
	return append_set(batch, key, key_len, value, len, CMAP_OP_INSERT, 0);
}

API int kcmap_batch_replace(struct kcmap_batch *batch, const void *key,
			    size_t key_len, const void *value, size_t len)
{
	return append_set(batch, key, key_len, value, len, CMAP_OP_REPLACE, 0);
}

API int kcmap_batch_set_version(struct kcmap_batch *batch, const void *key,
				size_t key_len, const void *value, size_t len,
				uint64_t expected)
{
	return append_set(batch, key, key_len, value, len, CMAP_OP_VERSION,
			  expected);
}

static int append_delete(struct kcmap_batch *batch, const void *key,
			 size_t key_len, uint16_t flags, uint64_t expected)
{
	struct cmap_op op = { .flags = flags, .version = expected };

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	return append_op(batch, CMAP_CODE_DELETE, &op);
}

API int kcmap_batch_delete(struct kcmap_batch *batch, const void *key,
			   size_t key_len)
{
	return append_delete(batch, key, key_len, 0, 0);
}

API int kcmap_batch_delete_version(struct kcmap_batch *batch, const void *key,
				   size_t key_len, uint64_t expected)
{
	return append_delete(batch, key, key_len, CMAP_OP_VERSION, expected);
}

API int kcmap_batch_take(struct kcmap_batch *batch, const void *key,
			 size_t key_len, void *buf, size_t size)
{
	struct cmap_op op = { .old = ptr_to_u64(buf) };

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	kcmap_op_room(&op.old_len, size);
	return append_op(batch, CMAP_CODE_TAKE, &op);
}

static int append_exchange(struct kcmap_batch *batch, uint16_t code,
			   const void *key, size_t key_len, const void *value,
			   size_t len, void *old, size_t old_size)
{
	struct cmap_op op = { .old = ptr_to_u64(old) };

	if (kcmap_op_key(&op, key, key_len) || kcmap_op_value(&op, value, len))
		return -1;
	kcmap_op_room(&op.old_len, old_size);
	return append_op(batch, code, &op);
}

API int kcmap_batch_swap(struct kcmap_batch *batch, const void *key,
			 size_t key_len, const void *value, size_t len,
			 void *old, size_t old_size)
{
	return append_exchange(batch, CMAP_CODE_SWAP, key, key_len, value, len,
			       old, old_size);
}

API int kcmap_batch_get_or_set(struct kcmap_batch *batch, const void *key,
			       size_t key_len, const void *value, size_t len,
			       void *old, size_t old_size)
{
	return append_exchange(batch, CMAP_CODE_GET_OR_SET, key, key_len,
			       value, len, old, old_size);
}

API int kcmap_batch_compare_swap(struct kcmap_batch *batch, const void *key,
				 size_t key_len, const void *expected,
				 size_t expected_len, const void *value,
				 size_t len)
{
	struct cmap_op op = {};

	if (kcmap_op_key(&op, key, key_len) ||
	    kcmap_op_value(&op, value, len) ||
	    kcmap_op_old(&op, expected, expected_len))
		return -1;
	return append_op(batch, CMAP_CODE_COMPARE_SWAP, &op);
}

API int kcmap_batch_compare_delete(struct kcmap_batch *batch, const void *key,
				   size_t key_len, const void *expected,
				   size_t expected_len)
{
	struct cmap_op op = {};

	if (kcmap_op_key(&op, key, key_len) ||
	    kcmap_op_old(&op, expected, expected_len))
		return -1;
	return append_op(batch, CMAP_CODE_COMPARE_DELETE, &op);
}

API int kcmap_batch_add(struct kcmap_batch *batch, const void *key,
			size_t key_len, int64_t delta, int64_t start)
{
	struct cmap_op op = { .number = delta, .start = start };

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	return append_op(batch, CMAP_CODE_ADD, &op);
}

API int kcmap_batch_touch(struct kcmap_batch *batch, const void *key,
			  size_t key_len, uint64_t ttl)
{
	struct cmap_op op = {};

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	kcmap_op_touch(&op, ttl);
	return append_op(batch, CMAP_CODE_TOUCH, &op);
}

API int kcmap_batch_write(struct kcmap_batch *batch,
			  const struct kcmap_command *command)
{
	struct cmap_op op;

	if (kcmap_op_from(&op, command))
		return -1;
	return append_op(batch, op.code, &op);
}

API int kcmap_batch_clear(struct kcmap_batch *batch)
{
	return append_op(batch, CMAP_CODE_CLEAR, &(struct cmap_op){});
}

API int kcmap_batch_count(struct kcmap_batch *batch)
{
	return append_op(batch, CMAP_CODE_COUNT, &(struct cmap_op){});
}

API int kcmap_batch_submit(struct kcmap_batch *batch, struct kcmap *map)
{
	struct cmap_ops args = {
		.size = sizeof(args),
		.ops = ptr_to_u64(batch->ops),
		.count = batch->count,
		.op_size = sizeof(*batch->ops),
	};

	/*
	 * Commands that were carried out count, even if an error stopped the
	 * rest.
	 */
	if (kcmap_call(map, CMAP_IOCTL_BATCH, &args) && !args.done)
		return -1;
	return (int)args.done;
}

API int kcmap_batch_result(const struct kcmap_batch *batch, unsigned int index,
			   struct kcmap_result *result)
{
	if (index >= batch->count) {
		errno = EINVAL;
		return -1;
	}
	kcmap_op_result(&batch->ops[index], result);
	return 0;
}
