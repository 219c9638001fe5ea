// SPDX-License-Identifier: GPL-2.0
/*
 * Commands on one key, and those that need no structure of their own.
 */
#include "../core/op.h"
#include "../core/stat.h"
#include "../core/trace.h"
#include "cmd.h"
#include "uaccess.h"

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

/* User memory, copied in; of no use beyond the lengths of what was. */
struct input {
	u8 key[CMAP_KEY_MAX] __aligned(8);
	u8 value[CMAP_COPY_LOCKED_MAX] __aligned(8);
};

static __always_inline int copy_key(const struct cmap *map,
				    const struct cmap_op *op,
				    struct input *input, struct cmap_key *key)
{
	int err = cmap_op_check_key(map, op->key_len);

	if (err)
		return err;
	if (cmap_user_read(input->key, u64_to_user_ptr(op->key), op->key_len))
		return -EFAULT;
	cmap_op_hash(map, key, input->key, op->key_len);
	return 0;
}

/* A long value comes in a node. */
static int copy_long_value(const struct cmap_context *context,
			   const struct cmap_op *op, struct cmap_write *write)
{
	struct cmap *map = context->map;
	void __user *from = u64_to_user_ptr(op->value);
	struct cmap_node *node;
	int err;

	node = cmap_op_reserve(map, write, context->gfp, &err);
	if (!node)
		return err;
	if (copy_from_user(cmap_node_value(node), from, op->value_len)) {
		cmap_op_unreserve(map, write);
		return -EFAULT;
	}
	return 0;
}

/* Both were found short enough for where they go to. */
static __always_inline int
copy_short(const struct cmap *map, const struct cmap_op *op, void *key,
	   void *value, struct cmap_write *write)
{
	if (cmap_user_read_both(key, u64_to_user_ptr(op->key), op->key_len,
				value, u64_to_user_ptr(op->value),
				op->value_len))
		return -EFAULT;

	write->value = value;
	cmap_op_hash(map, &write->key, key, op->key_len);
	return 0;
}

static __always_inline int
copy_key_and_value(const struct cmap_context *context,
		   const struct cmap_op *op, struct input *input,
		   struct cmap_write *write)
{
	struct cmap *map = context->map;
	int err = cmap_op_check_value(map, op->value_len) ?:
		  cmap_op_check_key(map, op->key_len);

	if (err)
		return err;

	write->value_len = op->value_len;
	if (unlikely(op->value_len > sizeof(input->value)))
		return copy_key(map, op, input, &write->key) ?:
		       copy_long_value(context, op, write);

	return copy_short(map, op, input->key, input->value, write);
}

/* ---- get ---- */

/* A user buffer for a value; without address only the length is wanted. */
struct output {
	void __user *buf;
	u32 room;
	u32 len;
	u64 version;
};

static int output_check(struct output *output, u64 buf, u32 room)
{
	output->buf = u64_to_user_ptr(buf);
	output->room = room;
	return !buf && room ? -EFAULT : 0;
}

/* Look at the entry, and copy its value out if that takes no page fault. */
static int peek(struct cmap *map, const struct cmap_key *key,
		struct output *output)
{
	struct cmap_node *node;
	int err = 0;

	rcu_read_lock();
	node = cmap_op_find(map, key);
	if (!node) {
		err = -ENOENT;
	} else {
		output->len = cmap_node_value_len(node);
		output->version = node->version;
		if (output->buf && output->len > output->room)
			err = -EMSGSIZE;
		else if (output->buf && output->len)
			err = cmap_user_write_nofault(output->buf,
					cmap_node_value_after(node, key->len),
					output->len);
	}
	rcu_read_unlock();

	return err;
}

/* The same through a buffer that a page fault cannot pull away. */
static int get_bounced(const struct cmap_context *context,
		       const struct cmap_key *key, struct output *output)
{
	struct cmap *map = context->map;
	struct cmap_node *node;
	u32 size = output->len;
	unsigned int rounds = 0;
	void *bounce;
	int err;

	for (;;) {
		bounce = kvmalloc(size, cmap_gfp(context->gfp));
		if (!bounce)
			return -ENOMEM;

		rcu_read_lock();
		node = cmap_op_find(map, key);
		if (node) {
			output->len = cmap_node_value_len(node);
			output->version = node->version;
			if (output->len <= size)
				memcpy(bounce, cmap_node_value(node),
				       output->len);
		}
		rcu_read_unlock();

		if (!node || output->len <= size || output->len > output->room)
			break;
		/* It was replaced by a longer one. */
		cmap_op_free_copy(map, bounce, size);
		size = output->len;
		err = cmap_op_start_over(context->gfp, &rounds);
		if (err)
			return err;
	}

	if (!node)
		err = -ENOENT;
	else if (output->len > output->room)
		err = -EMSGSIZE;
	else
		err = copy_to_user(output->buf, bounce, output->len) ?
		      -EFAULT : 0;
	cmap_op_free_copy(map, bounce, size);

	return err;
}

static int get(const struct cmap_context *context, const struct cmap_key *key,
	       struct output *output)
{
	int err = peek(context->map, key, output);

	return err == -EFAULT ? get_bounced(context, key, output) : err;
}

int cmap_cmd_get(struct cmap_context *context, struct cmap_op *op)
{
	struct output output = {};
	struct input input __uninitialized;
	struct cmap_key key;
	int err;

	err = output_check(&output, op->value, op->value_len) ?:
	      copy_key(context->map, op, &input, &key);
	if (err)
		return err;

	err = get(context, &key, &output);
	cmap_op_note_get(context->map, &key, output.len, err, output.version);
	if (!err || err == -EMSGSIZE) {
		op->value_len = output.len;
		op->version = output.version;
	}

	return err;
}

/* ---- writes that give nothing back but a version ---- */

/*
 * Set up a write.  Clearing all of it would take longer than what it is for;
 * what only goes with other flags, or only comes out, stays as it is.
 */
static void write_begin(struct cmap_write *write, u16 code, u16 flags)
{
	write->code = code;
	write->flags = flags;
	write->value_len = 0;
	write->value = NULL;
	write->ref = 0;
	write->version = 0;
}

/* After these the write says a version: its own, or the entry's. */
static void tell_version(struct cmap_op *op, const struct cmap_write *write,
			 int err)
{
	if (!err || err == -EEXIST || err == -ESTALE)
		op->version = write->version;
}

static int write_and_tidy(const struct cmap_context *context,
			  struct cmap_write *write, struct cmap_op *op)
{
	int err = cmap_op_write(context->map, write, context->gfp);

	if (unlikely(write->ref))
		cmap_op_unreserve(context->map, write);
	tell_version(op, write, err);
	return err;
}

static int set_begin(struct cmap_write *write, const struct cmap_op *op)
{
	write_begin(write, CMAP_CODE_SET, 0);
	switch (op->flags) {
	case 0:
		return 0;
	case CMAP_OP_INSERT:
		write->flags = CMAP_WRITE_ABSENT;
		return 0;
	case CMAP_OP_REPLACE:
		write->flags = CMAP_WRITE_PRESENT;
		return 0;
	case CMAP_OP_VERSION:
		write->flags = CMAP_WRITE_VERSION;
		write->expected = op->version;
		return op->version ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

int cmap_cmd_set(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write __uninitialized;
	struct input input __uninitialized;
	int err;

	err = set_begin(&write, op) ?:
	      copy_key_and_value(context, op, &input, &write);
	return err ?: write_and_tidy(context, &write, op);
}

/* Get one of many sets ready; false if it is one to carry out alone. */
static bool prepare(const struct cmap *map, const struct cmap_op *op,
		    struct cmap_sets *sets, u32 i)
{
	struct cmap_write *write = &sets->write[i];

	if (op->code != CMAP_CODE_SET || op->error || set_begin(write, op))
		return false;
	if (op->key_len > sizeof(sets->input->key) ||
	    op->value_len > sizeof(sets->input->value) ||
	    cmap_op_check_key(map, op->key_len) ||
	    cmap_op_check_value(map, op->value_len))
		return false;

	write->value_len = op->value_len;
	return !copy_short(map, op, sets->input[i].key, sets->input[i].value,
			   write);
}

/*
 * Carry out sets that stand in a row.  As none of them changes what another
 * one reads, all can be copied in before the first is made.
 */
u32 cmap_cmd_set_many(struct cmap_context *context, struct cmap_op *op,
		      u32 count, struct cmap_sets *sets)
{
	u32 i, n = 0;

	count = min_t(u32, count, CMAP_SETS_MAX);
	while (n < count && prepare(context->map, &op[n], sets, n))
		n++;

	cmap_op_write_many(context->map, sets->write, sets->err, n,
			   context->gfp);
	for (i = 0; i < n; i++) {
		op[i].error = sets->err[i];
		tell_version(&op[i], &sets->write[i], sets->err[i]);
	}

	return n;
}

int cmap_cmd_delete(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write __uninitialized;
	struct input input __uninitialized;
	int err;

	write_begin(&write, CMAP_CODE_DELETE, CMAP_WRITE_REMOVE);
	if (op->flags & CMAP_OP_VERSION) {
		if (!op->version)
			return -EINVAL;
		write.flags |= CMAP_WRITE_VERSION;
		write.expected = op->version;
	}

	err = copy_key(context->map, op, &input, &write.key);
	return err ?: write_and_tidy(context, &write, op);
}

int cmap_cmd_add(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write = {
		.code = CMAP_CODE_ADD,
		.flags = CMAP_WRITE_ADD,
		.value_len = sizeof(s64),
		.number = op->number,
		.start = op->start,
	};
	struct input input __uninitialized;
	int err;

	err = cmap_op_check_value(context->map, write.value_len) ?:
	      copy_key(context->map, op, &input, &write.key) ?:
	      write_and_tidy(context, &write, op);
	if (!err)
		op->number = write.number;

	return err;
}

/* ---- writes that give back what was there ---- */

/*
 * Make sure that the old value can be written to the user's buffer before the
 * entry changes: by writing there what is the value now.  If it is still the
 * value when the write is made, that was all.
 */
static int probe(struct cmap *map, const struct cmap_key *key,
		 struct output *output, u32 *proven)
{
	int err;

	*proven = output->buf ? 0 : U32_MAX;
	output->version = 0;
	if (!output->buf)
		return 0;

	err = peek(map, key, output);
	if (err == -EFAULT) {
		output->version = 0;
		if (fault_in_safe_writeable(output->buf, output->len))
			return -EFAULT;
		err = 0;
	}
	if (!err)
		*proven = output->len;

	return 0;
}

static int write_and_give_old(const struct cmap_context *context,
			      struct cmap_write *write, struct cmap_op *op,
			      struct output *output)
{
	struct cmap *map = context->map;
	unsigned int rounds = 0;
	struct cmap_node *old;
	int err;

	write->flags |= CMAP_WRITE_KEEP_OLD;
	do {
		err = probe(map, &write->key, output, &write->old_room);
		if (err)
			break;
		err = cmap_op_write(map, write, context->gfp);
		/* Longer than what was proven, but not than the buffer? */
		if (err != -EMSGSIZE || write->old_len > output->room)
			break;
		err = cmap_op_start_over(context->gfp, &rounds);
	} while (!err);
	cmap_op_unreserve(map, write);

	if (err == -EMSGSIZE)
		op->old_len = write->old_len;
	if (err)
		return err;

	op->version = write->version;
	old = write->old;
	op->number = old != NULL;
	op->old_len = old ? cmap_node_value_len(old) : 0;
	if (old && output->buf && old->version != output->version)
		err = copy_to_user(output->buf, cmap_node_value(old),
				   op->old_len) ? -EFAULT : 0;
	cmap_op_retire_old(map, write);

	return err;
}

int cmap_cmd_take(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write = {
		.code = CMAP_CODE_TAKE,
		.flags = CMAP_WRITE_REMOVE,
	};
	struct output output = {};
	struct input input __uninitialized;
	int err;

	err = output_check(&output, op->old, op->old_len) ?:
	      copy_key(context->map, op, &input, &write.key);
	return err ?: write_and_give_old(context, &write, op, &output);
}

int cmap_cmd_swap(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write = { .code = CMAP_CODE_SWAP };
	struct output output = {};
	struct input input __uninitialized;
	int err;

	err = output_check(&output, op->old, op->old_len) ?:
	      copy_key_and_value(context, op, &input, &write);
	return err ?: write_and_give_old(context, &write, op, &output);
}

int cmap_cmd_get_or_set(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write = {
		.code = CMAP_CODE_GET_OR_SET,
		.flags = CMAP_WRITE_ABSENT,
	};
	struct cmap *map = context->map;
	struct output output = {};
	struct input input __uninitialized;
	unsigned int rounds = 0;
	bool got;
	int err;

	err = output_check(&output, op->old, op->old_len) ?:
	      copy_key_and_value(context, op, &input, &write);
	if (err)
		return err;

	/* Each time around somebody else has set and deleted it. */
	do {
		err = get(context, &write.key, &output);
		got = err != -ENOENT;
		if (got) {
			write.version = output.version;
			write.old_version = output.version;
			cmap_trace_write(map, &write, err);
			break;
		}
		err = cmap_op_write(map, &write, context->gfp);
		output.len = 0;
		output.version = write.version;
		if (err != -EEXIST)
			break;
		err = cmap_op_start_over(context->gfp, &rounds);
	} while (!err);
	cmap_op_unreserve(map, &write);

	if (!err || err == -EMSGSIZE) {
		op->old_len = output.len;
		op->version = output.version;
		op->number = got;
	}

	return err;
}

/* ---- writes that compare ---- */

/* Copy in the value to compare with; short ones into @buf. */
static void *copy_expected(const struct cmap_context *context,
			   const struct cmap_op *op, void *buf, size_t size)
{
	const struct cmap *map = context->map;
	void __user *from = u64_to_user_ptr(op->old);
	int err = cmap_op_check_value(map, op->old_len);
	void *expected = buf;

	if (err)
		return ERR_PTR(err);
	/* Not vmemdup_user(): this can last, and is the caller's to pay. */
	if (op->old_len > size)
		expected = kvmalloc(op->old_len, cmap_gfp(context->gfp));
	if (!expected)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_user(expected, from, op->old_len))
		return expected;

	if (expected != buf)
		cmap_op_free_copy(map, expected, op->old_len);
	return ERR_PTR(-EFAULT);
}

static int compare_and_write(const struct cmap_context *context,
			     struct cmap_write *write, struct cmap_op *op)
{
	u8 buf[CMAP_COPY_LOCKED_MAX] __uninitialized;
	void *expected = copy_expected(context, op, buf, sizeof(buf));
	struct cmap *map = context->map;
	int err;

	if (IS_ERR(expected)) {
		err = PTR_ERR(expected);
	} else {
		err = cmap_op_compare_write(map, write, expected, op->old_len,
					    context->gfp);
		if (expected != buf)
			cmap_op_free_copy(map, expected, op->old_len);
	}
	cmap_op_unreserve(map, write);
	if (!err || err == -ESTALE)
		op->version = write->version;

	return err;
}

int cmap_cmd_compare_swap(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write = { .code = CMAP_CODE_COMPARE_SWAP };
	struct input input __uninitialized;
	int err;

	err = copy_key_and_value(context, op, &input, &write);
	return err ?: compare_and_write(context, &write, op);
}

int cmap_cmd_compare_delete(struct cmap_context *context, struct cmap_op *op)
{
	struct cmap_write write = {
		.code = CMAP_CODE_COMPARE_DELETE,
		.flags = CMAP_WRITE_REMOVE,
	};
	struct input input __uninitialized;
	int err;

	err = copy_key(context->map, op, &input, &write.key);
	return err ?: compare_and_write(context, &write, op);
}

/* ---- the whole map ---- */

int cmap_cmd_clear(struct cmap_context *context, struct cmap_op *op)
{
	op->number = cmap_op_clear(context->map);
	return 0;
}

int cmap_cmd_count(struct cmap_context *context, struct cmap_op *op)
{
	op->number = cmap_map_entries(context->map);
	return 0;
}
