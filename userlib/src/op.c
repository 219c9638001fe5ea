// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Putting a struct cmap_op together, for single calls and batches.
 */
#include "internal.h"

int cmap_op_key(struct cmap_op *op, const void *key, size_t key_len)
{
	op->size = sizeof(*op);
	op->key = ptr_to_u64(key);
	return length(key_len, &op->key_len);
}

int cmap_op_value(struct cmap_op *op, const void *value, size_t len)
{
	op->value = ptr_to_u64(value);
	return length(len, &op->value_len);
}

int cmap_op_old(struct cmap_op *op, const void *old, size_t len)
{
	op->old = ptr_to_u64(old);
	return length(len, &op->old_len);
}

/* More room than any value takes is as good as that. */
void cmap_op_room(uint32_t *len, size_t size)
{
	*len = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}
