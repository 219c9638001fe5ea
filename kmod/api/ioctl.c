// SPDX-License-Identifier: GPL-2.0
/*
 * From a command's number to the command: one table for ioctls and batches.
 */
#include "ioctl.h"
#include "cmd.h"
#include "file.h"
#include "uaccess.h"

#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

/**
 * struct command - what there is to know of a command before it runs
 * @mode: FMODE_* that the descriptor needs
 * @unbound: works on a descriptor without a map
 * @flags: CMAP_OP_* that it knows
 * @least: bytes of its &struct cmap_op that it needs
 * @out: first byte of the op that it may write; they go up to @least.  Of a
 *	command that changes the map both are multiples of 8
 * @op: carries out a &struct cmap_op
 * @own: carries out a structure of its own
 */
struct command {
	fmode_t mode;
	bool unbound;
	u16 flags;
	u16 least;
	u16 out;
	int (*op)(struct cmap_context *context, struct cmap_op *op);
	int (*own)(struct cmap_context *context, void __user *arg);
};

/* In struct cmap_op: what comes in up to, and what goes out from. */
#define OP(_code, _fn, _mode, _flags, _last, _out)			\
	[CMAP_CODE_##_code] = {						\
		.op = _fn, .mode = _mode, .flags = _flags,		\
		.least = offsetofend(struct cmap_op, _last),		\
		.out = offsetof(struct cmap_op, _out),			\
	}
#define OWN(_code, _fn, _mode, _unbound)				\
	[CMAP_CODE_##_code] = {						\
		.own = _fn, .mode = _mode, .unbound = _unbound,		\
	}

#define SET_FLAGS	(CMAP_OP_INSERT | CMAP_OP_REPLACE | CMAP_OP_VERSION)
#define R		FMODE_READ
#define W		FMODE_WRITE
#define RW		(R | W)

static const struct command commands[] = {
	OWN(CREATE, cmap_cmd_create, W, true),
	OWN(OPEN, cmap_cmd_open, 0, true),
	OWN(UNLINK, cmap_cmd_unlink, 0, true),
	OWN(LIST, cmap_cmd_list, 0, true),
	OWN(RENAME, cmap_cmd_rename, 0, false),
	OWN(SETATTR, cmap_cmd_setattr, 0, false),
	OWN(LIMITS, cmap_cmd_limits, 0, true),
	OP(GET, cmap_cmd_get, R, 0, version, value_len),
	OP(SET, cmap_cmd_set, W, SET_FLAGS, version, version),
	OP(DELETE, cmap_cmd_delete, W, CMAP_OP_VERSION, version, version),
	OP(TAKE, cmap_cmd_take, RW, 0, start, version),
	OP(SWAP, cmap_cmd_swap, RW, 0, start, version),
	OP(COMPARE_SWAP, cmap_cmd_compare_swap, W, 0, start, version),
	OP(COMPARE_DELETE, cmap_cmd_compare_delete, W, 0, start, version),
	OP(GET_OR_SET, cmap_cmd_get_or_set, RW, 0, start, version),
	OP(ADD, cmap_cmd_add, RW, 0, start, version),
	OP(CLEAR, cmap_cmd_clear, W, 0, start, version),
	OP(COUNT, cmap_cmd_count, R, 0, start, version),
	OWN(STAT, cmap_cmd_stat, 0, false),
	OWN(RANGE, cmap_cmd_range, R, false),
	OWN(BATCH, cmap_cmd_batch, 0, false),
};

/* The layout is the ABI's, for 32-bit callers too. */
static_assert(sizeof(struct cmap_create) == 56);
static_assert(sizeof(struct cmap_name) == 24);
static_assert(sizeof(struct cmap_setattr) == 24);
static_assert(sizeof(struct cmap_limits) == 64);
static_assert(sizeof(struct cmap_list) == 48);
static_assert(sizeof(struct cmap_list_entry) == 72);
static_assert(sizeof(struct cmap_op) == 72);
static_assert(sizeof(struct cmap_stat) == 136);
static_assert(sizeof(struct cmap_range) == 40);
static_assert(sizeof(struct cmap_entry) == 40);
static_assert(sizeof(struct cmap_ops) == 32);
static_assert(sizeof(struct cmap_window) == 64);
static_assert(sizeof(struct cmap_window_words) == 128);
static_assert(sizeof(struct cmap_window_shard) == 8 * 524288);
static_assert(sizeof(struct cmap_window_bucket) == 64);
static_assert(sizeof(struct cmap_window_node) == 16);
static_assert(sizeof(struct cmap_window_trailer) == 40);

static const struct command *find(u32 code)
{
	const struct command *command;

	if (code >= ARRAY_SIZE(commands))
		return NULL;

	command = &commands[array_index_nospec(code, ARRAY_SIZE(commands))];
	return command->op || command->own ? command : NULL;
}

static int allowed(const struct cmap_context *context,
		   const struct command *command)
{
	if (!context->map && !command->unbound)
		return -EBADFD;
	if (command->mode & ~context->file->f_mode)
		return -EBADF;
	return 0;
}

/**
 * cmap_op_execute() - carry out one element of a batch
 * @context: whom for
 * @code: enum cmap_code
 * @op: the element; its out fields are set
 *
 * Context: Process; may fault.
 * Return: 0 or a negative errno.
 */
int cmap_op_execute(struct cmap_context *context, u32 code, struct cmap_op *op)
{
	const struct command *command = find(code);
	int err;

	if (!command || code < CMAP_CODE_GET || code == CMAP_CODE_BATCH)
		return -EINVAL;
	err = allowed(context, command);
	if (err)
		return err;
	if (op->flags & ~command->flags)
		return -EINVAL;

	if (command->op)
		return command->op(context, op);
	return command->own(context, u64_to_user_ptr(op->value));
}

/**
 * cmap_op_execute_sets() - carry out the first elements of a batch if they are
 * sets
 * @context: whom for
 * @op: the elements; what is wrong with one already is in its error field
 * @count: how many there are
 * @sets: room to do it in
 *
 * Context: Process; may fault.
 * Return: how many were carried out, and have their out fields and error set;
 * the next one is for cmap_op_execute().
 */
u32 cmap_op_execute_sets(struct cmap_context *context, struct cmap_op *op,
			 u32 count, struct cmap_sets *sets)
{
	if (allowed(context, &commands[CMAP_CODE_SET]))
		return 0;
	return cmap_cmd_set_many(context, op, count, sets);
}

static int check_op(const struct command *command, u32 code,
		    const struct cmap_op *op)
{
	return op->flags & ~command->flags || (op->code && op->code != code) ?
	       -EINVAL : 0;
}

static int write_results(const struct command *command, void __user *arg,
			 const struct cmap_op *op)
{
	return cmap_user_write(arg + command->out,
			       (const void *)op + command->out,
			       command->least - command->out);
}

/* An op of another size than ours, or one that cannot be read or written. */
static noinline int read_other_op(const struct command *command, u32 code,
				  struct cmap_op *op, void __user *arg)
{
	int err = cmap_user_copy_in(op, sizeof(*op), command->least, arg) ?:
		  check_op(command, code, op);

	if (!err && command->mode & FMODE_WRITE)
		err = write_results(command, arg, op);
	return err;
}

/*
 * Copy an op in and check it.  Of one that writes the results are written
 * once as they are: nothing may change if they cannot be.
 *
 * Nearly all callers have the structure that we have.
 */
static int read_op(const struct command *command, u32 code,
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
	err = check_op(command, code, op);
	if (!err && command->mode & FMODE_WRITE)
		for (i = command->out / 8; i < command->least / 8; i++)
			unsafe_put_user(((u64 *)op)[i], to + i, fault);
	user_access_end();
	return err;

fault:
	user_access_end();
other:
	return read_other_op(command, code, op, arg);
}

static int execute_op(struct cmap_context *context,
		      const struct command *command, u32 code,
		      void __user *arg)
{
	struct cmap_op op __uninitialized;
	int err;

	err = read_op(command, code, &op, arg);
	if (err)
		return err;
	err = command->op(context, &op);

	return write_results(command, arg, &op) ?: err;
}

/**
 * cmap_ioctl() - the device's ioctl
 * @file: the descriptor's file
 * @cmd: CMAP_IOCTL_*
 * @arg: user pointer to the command's structure
 *
 * Context: Process; may fault.
 * Return: 0 or a negative errno.
 */
long cmap_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct cmap_context context = {
		.file = file,
		.map = cmap_file_map(file),
		.gfp = GFP_KERNEL,
	};
	const struct command *command;
	int err;

	if (_IOC_TYPE(cmd) != CMAP_IOC_MAGIC || cmd != _IO(CMAP_IOC_MAGIC,
							   _IOC_NR(cmd)))
		return -ENOTTY;
	command = find(_IOC_NR(cmd));
	if (!command)
		return -ENOTTY;
	err = allowed(&context, command);
	if (err)
		return err;

	if (command->op)
		return execute_op(&context, command, _IOC_NR(cmd),
				  (void __user *)arg);
	return command->own(&context, (void __user *)arg);
}
