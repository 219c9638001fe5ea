// SPDX-License-Identifier: GPL-2.0
#include "command.h"
#include "../core/operation.h"
#include "cmd.h"
#include "holder.h"
#include "time.h"
#include "uaccess.h"

#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

/* ---- the door for processes: bytes are in user memory ---- */

static inline int user_borrow(const void **at, void *buf, u64 from, u32 len)
{
	*at = buf;
	return cmap_user_read(buf, u64_to_user_ptr(from), len);
}

static inline int user_borrow_both(const void **key, void *key_buf,
				   u64 key_from, u32 key_len,
				   const void **value, void *value_buf,
				   u64 value_from, u32 value_len)
{
	*key = key_buf;
	*value = value_buf;
	return cmap_user_read_both(key_buf, u64_to_user_ptr(key_from), key_len,
				   value_buf, u64_to_user_ptr(value_from),
				   value_len);
}

static inline int user_read(void *to, u64 from, u32 len)
{
	return copy_from_user(to, u64_to_user_ptr(from), len) ? -EFAULT : 0;
}

static inline int user_write(u64 to, const void *from, u32 len)
{
	return copy_to_user(u64_to_user_ptr(to), from, len) ? -EFAULT : 0;
}

static inline int user_write_nofault(u64 to, const void *from, u32 len)
{
	return cmap_user_write_nofault(u64_to_user_ptr(to), from, len);
}

static inline int user_prove(u64 to, u32 len)
{
	return fault_in_safe_writeable(u64_to_user_ptr(to), len) ? -EFAULT : 0;
}

static const struct cmap_door user_door = {
	.faults = true,
	.borrow = user_borrow,
	.borrow_both = user_borrow_both,
	.read = user_read,
	.write = user_write,
	.write_nofault = user_write_nofault,
	.prove = user_prove,
	.to_clock = cmap_time_to_clock,
	.from_clock = cmap_time_from_clock,
};

#define OP(_fn, ...)							\
	static int user_##_fn(struct cmap_context *context,		\
			      struct cmap_op *op)			\
	{								\
		return cmap_op_##_fn(&user_door, context->map, op,	\
				     context->owner, context->gfp);	\
	}
#include "../core/operation_table.h"

/* ---- the table ---- */

#define MODE(access)	(((access) & CMAP_MAY_READ ? FMODE_READ : 0) |	\
			 ((access) & CMAP_MAY_WRITE ? FMODE_WRITE : 0))

/* `least` is the end of the input in struct cmap_op, `out` the start of the output. */
#define OP(_fn, _flags, _code, _access, _last, _out)			\
	[CMAP_CODE_##_code] = {						\
		.op = user_##_fn,					\
		.mode = MODE(_access), .flags = _flags,			\
		.least = offsetofend(struct cmap_op, _last),		\
		.out = offsetof(struct cmap_op, _out),			\
	},
#define OWN(_code, _fn, _access, _unbound)				\
	[CMAP_CODE_##_code] = {						\
		.own = _fn, .mode = MODE(_access), .unbound = _unbound,	\
	}

/* All commands but those that cannot be in a batch. */
static const struct cmap_command commands[] = {
	OWN(CREATE, cmap_cmd_create, CMAP_MAY_WRITE, true),
	OWN(OPEN, cmap_cmd_open, 0, true),
	OWN(UNLINK, cmap_cmd_unlink, 0, true),
	OWN(LIST, cmap_cmd_list, 0, true),
	OWN(RENAME, cmap_cmd_rename, 0, false),
	OWN(SETATTR, cmap_cmd_setattr, 0, false),
	OWN(LIMITS, cmap_cmd_limits, 0, true),
	OWN(STAT, cmap_cmd_stat, 0, false),
	OWN(RANGE, cmap_cmd_range, CMAP_MAY_READ, false),
	OWN(FEED_READ, cmap_cmd_feed_read, CMAP_MAY_READ, false),
	OWN(FEED_CURSOR, cmap_cmd_feed_cursor, CMAP_MAY_READ, false),
#include "../core/operation_table.h"
};

/**
 * cmap_command_find() - find a command
 * @code: enum cmap_code
 *
 * Context: Any.
 * Return: the command, or NULL if there is none of that number.
 */
const struct cmap_command *cmap_command_find(u32 code)
{
	const struct cmap_command *command;

	if (code >= ARRAY_SIZE(commands))
		return NULL;

	command = &commands[array_index_nospec(code, ARRAY_SIZE(commands))];
	return command->op || command->own ? command : NULL;
}

/**
 * cmap_command_allowed() - check whether a descriptor may be used for a command
 * @context: has the descriptor
 * @command: the command
 *
 * Context: Process.
 * Return: 0; -EBADFD if the command needs a map and the descriptor has none; -EBADF
 * if the descriptor's access mode does not allow the command.
 */
int cmap_command_allowed(const struct cmap_context *context,
			 const struct cmap_command *command)
{
	if (!context->map && !command->unbound)
		return -EBADFD;
	if (command->mode & ~context->file->f_mode)
		return -EBADF;
	return 0;
}

/**
 * cmap_command_execute() - carry out one element of a batch
 * @context: the descriptor, its map, and how to allocate
 * @code: enum cmap_code
 * @op: the element; its out fields are set
 *
 * Context: Process; may fault.
 * Return: 0 or a negative errno.
 */
int cmap_command_execute(struct cmap_context *context, u32 code,
			 struct cmap_op *op)
{
	const struct cmap_command *command = cmap_command_find(code);
	int err;

	if (!command || code < CMAP_CODE_GET)
		return -EINVAL;
	err = cmap_command_allowed(context, command);
	if (err)
		return err;
	if (op->flags & ~command->flags)
		return -EINVAL;

	if (command->op)
		return cmap_command_run(context, command, op);
	return command->own(context, u64_to_user_ptr(op->value));
}

/**
 * cmap_command_run_owned() - carry out a command that gives an entry an owner
 * @context: the descriptor, its map, and how to allocate
 * @command: the command
 * @op: its arguments
 *
 * Context: Process; may fault.
 * Return: 0 or a negative errno.
 */
int cmap_command_run_owned(struct cmap_context *context,
			   const struct cmap_command *command,
			   struct cmap_op *op)
{
	struct cmap_owner *owner = cmap_file_owner(context->file, op->flags);
	int err;

	if (IS_ERR(owner))
		return PTR_ERR(owner);
	context->owner = owner;
	err = command->op(context, op);
	context->owner = NULL;
	cmap_owner_put(owner);

	return err;
}

/* ---- consecutive sets of a batch ---- */

/* Copy in and check one of several sets.  False if it must be carried out alone. */
static bool prepare_set(const struct cmap *map, const struct cmap_op *op,
			struct cmap_sets *sets, u32 i)
{
	struct cmap_write *write = &sets->write[i];

	if (op->code != CMAP_CODE_SET || op->error ||
	    op->flags & CMAP_OP_OWNERS ||
	    cmap_op_begin_set(&user_door, map, write, op, NULL))
		return false;
	if (op->key_len > sizeof(sets->input->key) ||
	    op->value_len > sizeof(sets->input->value) ||
	    cmap_op_check_key(map, op->key_len) ||
	    cmap_op_check_value(map, op->value_len))
		return false;

	write->value_len = op->value_len;
	return !cmap_op_read_short(&user_door, map, op, sets->input[i].key,
				   sets->input[i].value, write);
}

/**
 * cmap_command_set_many() - carry out the first elements of a batch if they are sets
 * @context: the descriptor, its map, and how to allocate
 * @op: the elements.  If one is invalid, its error field says so already
 * @count: how many there are
 * @sets: buffers
 *
 * A set does not change what another set copies in.  So all are copied in before the
 * first is carried out.
 *
 * Context: Process; may fault.
 * Return: how many were carried out.  Their out fields and error fields are set.  The
 * next element must be carried out alone.
 */
u32 cmap_command_set_many(struct cmap_context *context, struct cmap_op *op,
			  u32 count, struct cmap_sets *sets)
{
	u32 i, n = 0;

	count = min_t(u32, count, CMAP_SETS_MAX);
	while (n < count && prepare_set(context->map, &op[n], sets, n))
		n++;

	cmap_op_write_many(context->map, sets->write, sets->err, n,
			   context->gfp);
	for (i = 0; i < n; i++) {
		op[i].error = sets->err[i];
		cmap_op_tell(&user_door, &op[i], &sets->write[i], sets->err[i]);
	}

	return n;
}
