// SPDX-License-Identifier: GPL-2.0
#include "../core/account.h"
#include "cmd.h"
#include "command.h"
#include "uaccess.h"

#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

/* A batch is copied in, carried out and copied out in chunks of this many. */
#define CHUNK_OPS	16

static int batch_check(const struct cmap_ops *batch)
{
	if (batch->flags || batch->__reserved)
		return -EINVAL;
	if (batch->count > CMAP_BATCH_MAX)
		return -EINVAL;
	if (batch->op_size < offsetofend(struct cmap_op, start) ||
	    batch->op_size % 8 || batch->op_size > PAGE_SIZE)
		return -EINVAL;
	return 0;
}

/*
 * Results go into 52 bytes, from value_len to deadline, which older callers do not have.
 * If the first and the last of these fields can be written, then all of them can.
 */
static_assert(offsetof(struct cmap_op, value_len) == 28);
static_assert(offsetofend(struct cmap_op, deadline) == 80);

/*
 * Copy in elements of the size of our structure.  Stop at the first one that cannot
 * be read, or whose results cannot be written.
 */
static u32 batch_read_ops(struct cmap_op *op, u32 count,
			  struct cmap_op __user *from)
{
	u32 done = 0;

	/* The chunk reaches beyond user addresses: copy one element at a time. */
	if (!access_ok(from, count * sizeof(*from)))
		count = 1;
	if (!user_access_begin(from, count * sizeof(*from)))
		return 0;
	for (; done < count; done++, op++, from++) {
		cmap_user_get_struct(op, from, fault);
		unsafe_put_user(op->value_len, &from->value_len, fault);
		unsafe_put_user(op->deadline, &from->deadline, fault);
	}
fault:
	user_access_end();
	return done;
}

static bool batch_write_results(const struct cmap_op *op, u32 count, u32 stride,
				void __user *at)
{
	if (!user_write_access_begin(at, (size_t)count * stride))
		return false;
	for (; count; count--, op++, at += stride) {
		struct cmap_op __user *to = at;

		unsafe_put_user(op->value_len, &to->value_len, fault);
		unsafe_put_user(op->version, &to->version, fault);
		unsafe_put_user(op->old_len, &to->old_len, fault);
		unsafe_put_user(op->error, &to->error, fault);
		unsafe_put_user(op->number, &to->number, fault);
		if (likely(stride >= offsetofend(struct cmap_op, deadline)))
			unsafe_put_user(op->deadline, &to->deadline, fault);
	}
	user_write_access_end();
	return true;

fault:
	user_write_access_end();
	return false;
}

/*
 * Copy in an element of another size than our structure.  If it is longer, the rest must
 * be zero.
 */
static int batch_read_other_op(struct cmap_op *op, u32 size,
			       const struct cmap_op __user *from)
{
	int zero;

	memset(op, 0, sizeof(*op));
	if (copy_from_user(op, from, min_t(u32, size, sizeof(*op))))
		return -EFAULT;
	/* With another size the following bytes may be the next element. */
	if (op->size != size)
		return -EINVAL;
	if (size <= sizeof(*op))
		return 0;
	zero = check_zeroed_user(from + 1, size - sizeof(*op));
	return zero > 0 ? 0 : zero ?: -E2BIG;
}

/* The same as batch_read_ops(), one at a time, for elements of any size. */
static u32 batch_read_other_ops(struct cmap_op *ops, u32 count, u32 stride,
				 void __user *from)
{
	u32 i;

	for (i = 0; i < count; i++, from += stride) {
		int err = batch_read_other_op(&ops[i], stride, from);

		if (err == -EFAULT || !batch_write_results(&ops[i], 1, stride, from))
			break;
		ops[i].error = err;
	}

	return i;
}

/*
 * Copy in as many elements as can be carried out.  An element must not change
 * anything if its results cannot be written, so that is tried first.  An error in
 * an element itself is stored in its error field.
 */
static u32 batch_copy_in(struct cmap_op *ops, u32 count, u32 stride,
			 void __user *from)
{
	u32 i;

	if (stride != sizeof(*ops))
		return batch_read_other_ops(ops, count, stride, from);

	count = batch_read_ops(ops, count, from);
	for (i = 0; i < count; i++)
		ops[i].error = ops[i].size == stride ? 0 : -EINVAL;
	return count;
}

struct batch_chunk {
	struct cmap_op op[CHUNK_OPS];
	struct cmap_sets sets;
};

static_assert(sizeof(struct batch_chunk) <= SZ_4K);

static void batch_execute_chunk(struct cmap_context *context,
				struct batch_chunk *chunk, u32 count)
{
	struct cmap_op *op = chunk->op, *end = op + count;
	bool may_set = !cmap_command_allowed(context,
					     cmap_command_find(CMAP_CODE_SET));

	while (op != end) {
		u32 sets = op->code != CMAP_CODE_SET || !may_set ? 0 :
			   cmap_command_set_many(context, op, end - op,
						 &chunk->sets);

		op += sets;
		if (sets)
			continue;
		if (!op->error)
			op->error = cmap_command_execute(context, op->code, op);
		op++;
	}
}

static int batch_execute(struct cmap_context *context, struct cmap_ops *batch,
			 struct batch_chunk *chunk)
{
	void __user *at = u64_to_user_ptr(batch->ops);
	u32 stride = batch->op_size;

	while (batch->done < batch->count) {
		u32 count = min_t(u32, batch->count - batch->done, CHUNK_OPS);

		if (fatal_signal_pending(current))
			return -EINTR;
		count = batch_copy_in(chunk->op, count, stride, at);
		if (!count)
			return -EFAULT;

		batch_execute_chunk(context, chunk, count);
		if (!batch_write_results(chunk->op, count, stride, at))
			return -EFAULT;

		at += count * stride;
		batch->done += count;
		cond_resched();
	}

	return 0;
}

int cmap_cmd_batch(struct cmap_context *context, void __user *arg)
{
	struct cmap_ops batch;
	struct batch_chunk *chunk;
	int err;

	err = cmap_copy_in(&batch, arg, __reserved) ?: batch_check(&batch);
	if (err)
		return err;

	chunk = kmalloc(sizeof(*chunk), cmap_gfp(context->gfp));
	if (!chunk)
		return -ENOMEM;
	batch.done = 0;
	err = batch_execute(context, &batch, chunk);
	kfree(chunk);

	return cmap_copy_out((struct cmap_ops __user *)arg, &batch, done,
			     done) ?: err;
}
