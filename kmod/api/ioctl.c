// SPDX-License-Identifier: GPL-2.0
#include "ioctl.h"
#include "cmd.h"
#include "command.h"
#include "file.h"
#include "uaccess.h"

#include <linux/fs.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

/* These sizes are part of the ABI, and equal for 32-bit callers. */
static_assert(sizeof(struct cmap_create) == 136);
static_assert(sizeof(struct cmap_name) == 24);
static_assert(sizeof(struct cmap_setattr) == 24);
static_assert(sizeof(struct cmap_limits) == 112);
static_assert(sizeof(struct cmap_list) == 48);
static_assert(sizeof(struct cmap_list_entry) == 72);
static_assert(sizeof(struct cmap_op) == 88);
static_assert(sizeof(struct cmap_stat) == 400);
static_assert(sizeof(struct cmap_range) == 56);
static_assert(sizeof(struct cmap_entry) == 48);
static_assert(sizeof(struct cmap_ops) == 32);
static_assert(sizeof(struct cmap_feed_record) == 32);
static_assert(sizeof(struct cmap_feed_cursor) == 16);
static_assert(sizeof(struct cmap_feed_position) == 16);
static_assert(sizeof(struct cmap_feed_filter) == 16);
static_assert(sizeof(struct cmap_feed_key) == 16);
static_assert(sizeof(struct cmap_feed_read) == 56);
static_assert(sizeof(struct cmap_feed_where) == 24);
static_assert(sizeof(struct cmap_watch) == 40);
static_assert(sizeof(struct cmap_wait) == 32);
static_assert(sizeof(struct cmap_wait_key) == 24);
static_assert(sizeof(struct cmap_window_feed) == 1280);
static_assert(sizeof(struct cmap_window) == 64);
static_assert(sizeof(struct cmap_window_words) == 512);
static_assert(sizeof(struct cmap_window_shard) == 8 * 524288);
static_assert(sizeof(struct cmap_window_bucket) == 64);
static_assert(sizeof(struct cmap_window_node) == 16);
static_assert(sizeof(struct cmap_window_trailer) == 56);

/*
 * Commands that a batch cannot contain: a batch; one that makes a descriptor,
 * because an element of a batch has no field for it; and one that waits, because it
 * would begin again with the whole batch after a signal.
 */
static const struct cmap_command batch_command = { .own = cmap_cmd_batch };
static const struct cmap_command watch_command = {
	.own = cmap_cmd_watch, .mode = FMODE_READ,
};
static const struct cmap_command wait_command = {
	.own = cmap_cmd_wait, .mode = FMODE_READ,
};

static const struct cmap_command *ioctl_find(u32 code)
{
	switch (code) {
	case CMAP_CODE_BATCH:
		return &batch_command;
	case CMAP_CODE_WATCH:
		return &watch_command;
	case CMAP_CODE_WAIT:
		return &wait_command;
	default:
		return cmap_command_find(code);
	}
}

static int ioctl_check_op(const struct cmap_command *command, u32 code,
			  const struct cmap_op *op)
{
	return op->flags & ~command->flags || (op->code && op->code != code) ?
	       -EINVAL : 0;
}

static_assert(offsetof(struct cmap_op, deadline) % 8 == 0);

/* Callers whose structure ends before @deadline do not get it. */
static int ioctl_write_results(const struct cmap_command *command,
			       void __user *arg, const struct cmap_op *op)
{
	const u64 *from = (const u64 *)op;
	u64 __user *to = arg;
	u32 i = command->out / 8;

	if (!user_write_access_begin(arg, command->least))
		return -EFAULT;
	/* Only for a get. */
	if (command->out % 8)
		unsafe_put_user(((const u32 *)op)[2 * i++ + 1],
				(u32 __user *)(arg + command->out), fault);
	for (; i < command->least / 8; i++)
		unsafe_put_user(from[i], to + i, fault);
	if (likely(op->size >= offsetofend(struct cmap_op, deadline)))
		unsafe_put_user(op->deadline,
				to + offsetof(struct cmap_op, deadline) / 8,
				fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/* The slow path of ioctl_read_op(): another size than ours, or a fault. */
static noinline int ioctl_read_op_slow(const struct cmap_command *command,
				       u32 code, struct cmap_op *op,
				       void __user *arg)
{
	int err = cmap_user_copy_in(op, sizeof(*op), command->least, arg) ?:
		  ioctl_check_op(command, code, op);

	if (!err && command->mode & FMODE_WRITE)
		err = ioctl_write_results(command, arg, op);
	return err;
}

/*
 * Copy an op in and check it.  A command must not change the map if its results
 * cannot be written.  So for a command that writes, the result fields are written
 * back once before it runs.
 *
 * The fast path is for a structure of our size, which nearly all callers have.
 */
static int ioctl_read_op(const struct cmap_command *command, u32 code,
			 struct cmap_op *op, void __user *arg)
{
	u64 __user *to = arg;
	u32 i;
	int err;

	if (!user_access_begin(arg, sizeof(*op)))
		goto other;
	cmap_user_get_struct(op, arg, fault);
	if (unlikely(op->size != sizeof(*op)))
		goto fault;
	err = ioctl_check_op(command, code, op);
	if (!err && command->mode & FMODE_WRITE) {
		for (i = command->out / 8; i < command->least / 8; i++)
			unsafe_put_user(((u64 *)op)[i], to + i, fault);
		unsafe_put_user(op->deadline,
				to + offsetof(struct cmap_op, deadline) / 8,
				fault);
	}
	user_access_end();
	return err;

fault:
	user_access_end();
other:
	return ioctl_read_op_slow(command, code, op, arg);
}

static int ioctl_execute_op(struct cmap_context *context,
			    const struct cmap_command *command, u32 code,
			    void __user *arg)
{
	struct cmap_op op __uninitialized;
	int err;

	err = ioctl_read_op(command, code, &op, arg);
	if (err)
		return err;
	err = cmap_command_run(context, command, &op);

	return ioctl_write_results(command, arg, &op) ?: err;
}

/**
 * cmap_ioctl() - the device's ioctl
 * @file: the descriptor's file
 * @cmd: CMAP_IOCTL_*
 * @arg: user pointer to the command's structure
 *
 * Context: Process; may fault.
 * Return: 0, a new descriptor, or a negative errno.
 */
long cmap_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct cmap_context context = {
		.file = file,
		.map = cmap_file_map(file),
		.gfp = GFP_KERNEL,
	};
	const struct cmap_command *command;
	int err;

	if (_IOC_TYPE(cmd) != CMAP_IOC_MAGIC || cmd != _IO(CMAP_IOC_MAGIC,
							   _IOC_NR(cmd)))
		return -ENOTTY;
	command = ioctl_find(_IOC_NR(cmd));
	if (!command)
		return -ENOTTY;
	err = cmap_command_allowed(&context, command);
	if (err)
		return err;

	if (command->op)
		return ioctl_execute_op(&context, command, _IOC_NR(cmd),
					(void __user *)arg);
	return command->own(&context, (void __user *)arg);
}
