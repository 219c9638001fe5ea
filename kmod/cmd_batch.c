// SPDX-License-Identifier: GPL-2.0
#include "account.h"
#include "cmd.h"
#include "ioctl.h"
#include "user.h"

#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

#define CHUNK_OPS	32	/* copied in, carried out, copied out at once */

static int check(const struct cmap_ops *batch)
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
 * Copy elements in.  What is wrong with an element alone is put into its
 * error field.
 */
static int copy_ops_in(struct cmap_op *ops, u32 count, u32 stride,
		       void __user *from)
{
	u32 i;

	if (stride == sizeof(*ops) &&
	    copy_from_user(ops, from, count * sizeof(*ops)))
		return -EFAULT;

	for (i = 0; i < count; i++, from += stride) {
		int err = 0;

		if (stride != sizeof(*ops))
			err = cmap_user_copy_in(&ops[i], sizeof(*ops),
						sizeof(*ops), from);
		if (err == -EFAULT)
			return err;
		ops[i].error = err ?: ops[i].size == stride ? 0 : -EINVAL;
	}

	return 0;
}

static int copy_ops_out(const struct cmap_op *ops, u32 count, u32 stride,
			void __user *to)
{
	u32 i;

	if (stride == sizeof(*ops))
		return copy_to_user(to, ops, count * sizeof(*ops)) ?
		       -EFAULT : 0;

	for (i = 0; i < count; i++, to += stride)
		if (copy_to_user(to, &ops[i], sizeof(*ops)))
			return -EFAULT;
	return 0;
}

static int execute_all(struct cmap_context *context, struct cmap_ops *batch,
		       struct cmap_op *ops)
{
	void __user *at = u64_to_user_ptr(batch->ops);
	u32 stride = batch->op_size;

	while (batch->done < batch->count) {
		u32 count = min_t(u32, batch->count - batch->done, CHUNK_OPS);
		u32 i;

		if (fatal_signal_pending(current))
			return -EINTR;
		/*
		 * Nothing may change if the results cannot be written; a fault
		 * is the first element's that it hits.
		 */
		while (copy_ops_in(ops, count, stride, at) ||
		       copy_ops_out(ops, count, stride, at)) {
			count /= 2;
			if (!count)
				return -EFAULT;
		}

		for (i = 0; i < count; i++)
			if (!ops[i].error)
				ops[i].error = cmap_op_execute(context,
						ops[i].code, &ops[i]);
		if (copy_ops_out(ops, count, stride, at))
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
	struct cmap_op *ops;
	int err;

	err = cmap_copy_in(&batch, arg, __reserved) ?: check(&batch);
	if (err)
		return err;

	ops = kmalloc_array(CHUNK_OPS, sizeof(*ops), CMAP_GFP_KERNEL);
	if (!ops)
		return -ENOMEM;
	batch.done = 0;
	err = execute_all(context, &batch, ops);
	kfree(ops);

	return cmap_copy_out((struct cmap_ops __user *)arg, &batch, done,
			     done) ?: err;
}
