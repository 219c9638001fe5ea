// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Calls that change one key.  The calls that read are in read.c.
 */
#include "internal.h"

/* Carry out a command, and store the version if the caller wants it. */
static int call_for_key(struct kcmap *map, unsigned long command,
			struct cmap_op *op, uint64_t *version)
{
	int err = kcmap_call(map, command, op);

	if (version && (!err || errno == EEXIST || errno == ESTALE))
		*version = op->version;
	return err;
}

static int set_entry(struct kcmap *map, const void *key, size_t key_len,
		     const void *value, size_t len, uint16_t flags,
		     uint64_t expected, uint64_t *version)
{
	struct cmap_op op = { .flags = flags, .version = expected };

	if (kcmap_op_key(&op, key, key_len) || kcmap_op_value(&op, value, len))
		return -1;
	return call_for_key(map, CMAP_IOCTL_SET, &op, version);
}

API int kcmap_set(struct kcmap *map, const void *key, size_t key_len,
		  const void *value, size_t len, uint64_t *version)
{
	return set_entry(map, key, key_len, value, len, 0, 0, version);
}

API int kcmap_insert(struct kcmap *map, const void *key, size_t key_len,
		     const void *value, size_t len, uint64_t *version)
{
	return set_entry(map, key, key_len, value, len, CMAP_OP_INSERT, 0,
			 version);
}

API int kcmap_replace(struct kcmap *map, const void *key, size_t key_len,
		      const void *value, size_t len, uint64_t *version)
{
	return set_entry(map, key, key_len, value, len, CMAP_OP_REPLACE, 0,
			 version);
}

API int kcmap_set_version(struct kcmap *map, const void *key, size_t key_len,
			  const void *value, size_t len, uint64_t expected,
			  uint64_t *version)
{
	return set_entry(map, key, key_len, value, len, CMAP_OP_VERSION,
			 expected, version);
}

static int delete_entry(struct kcmap *map, const void *key, size_t key_len,
			uint16_t flags, uint64_t expected, uint64_t *version)
{
	struct cmap_op op = { .flags = flags, .version = expected };

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	return call_for_key(map, CMAP_IOCTL_DELETE, &op, version);
}

API int kcmap_delete(struct kcmap *map, const void *key, size_t key_len,
		     uint64_t *version)
{
	return delete_entry(map, key, key_len, 0, 0, version);
}

API int kcmap_delete_version(struct kcmap *map, const void *key, size_t key_len,
			     uint64_t expected, uint64_t *version)
{
	return delete_entry(map, key, key_len, CMAP_OP_VERSION, expected,
			    version);
}

API ssize_t kcmap_take(struct kcmap *map, const void *key, size_t key_len,
		       void *buf, size_t size, uint64_t *version)
{
	struct cmap_op op = { .old = ptr_to_u64(buf) };

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	kcmap_op_room(&op.old_len, size);
	if (call_for_key(map, CMAP_IOCTL_TAKE, &op, version))
		return -1;
	return op.old_len;
}

/* Set a new value, and get the old one if there is one. */
static int exchange_values(struct kcmap *map, unsigned long command,
			   const void *key, size_t key_len, const void *value,
			   size_t len, void *old, size_t *old_len,
			   uint64_t *version)
{
	struct cmap_op op = { .old = ptr_to_u64(old) };
	int err;

	if (kcmap_op_key(&op, key, key_len) || kcmap_op_value(&op, value, len))
		return -1;
	kcmap_op_room(&op.old_len, old_len ? *old_len : 0);
	err = call_for_key(map, command, &op, version);
	if (old_len && (!err || errno == EMSGSIZE))
		*old_len = op.old_len;

	return err ? -1 : (int)op.number;
}

API int kcmap_swap(struct kcmap *map, const void *key, size_t key_len,
		   const void *value, size_t len, void *old, size_t *old_len,
		   uint64_t *version)
{
	return exchange_values(map, CMAP_IOCTL_SWAP, key, key_len, value, len,
			       old, old_len, version);
}

API int kcmap_get_or_set(struct kcmap *map, const void *key, size_t key_len,
			 const void *value, size_t len, void *old,
			 size_t *old_len, uint64_t *version)
{
	return exchange_values(map, CMAP_IOCTL_GET_OR_SET, key, key_len, value,
			       len, old, old_len, version);
}

API int kcmap_compare_swap(struct kcmap *map, const void *key, size_t key_len,
			   const void *expected, size_t expected_len,
			   const void *value, size_t len, uint64_t *version)
{
	struct cmap_op op = {};

	if (kcmap_op_key(&op, key, key_len) ||
	    kcmap_op_value(&op, value, len) ||
	    kcmap_op_old(&op, expected, expected_len))
		return -1;
	return call_for_key(map, CMAP_IOCTL_COMPARE_SWAP, &op, version);
}

API int kcmap_compare_delete(struct kcmap *map, const void *key, size_t key_len,
			     const void *expected, size_t expected_len,
			     uint64_t *version)
{
	struct cmap_op op = {};

	if (kcmap_op_key(&op, key, key_len) ||
	    kcmap_op_old(&op, expected, expected_len))
		return -1;
	return call_for_key(map, CMAP_IOCTL_COMPARE_DELETE, &op, version);
}

API int kcmap_touch(struct kcmap *map, const void *key, size_t key_len,
		    uint64_t ttl, uint64_t *version)
{
	struct cmap_op op = {};

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	kcmap_op_touch(&op, ttl);
	return call_for_key(map, CMAP_IOCTL_TOUCH, &op, version);
}

API int kcmap_add(struct kcmap *map, const void *key, size_t key_len,
		  int64_t delta, int64_t start, int64_t *sum, uint64_t *version)
{
	struct cmap_op op = { .number = delta, .start = start };
	int err;

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	err = call_for_key(map, CMAP_IOCTL_ADD, &op, version);
	if (!err && sum)
		*sum = op.number;

	return err;
}
