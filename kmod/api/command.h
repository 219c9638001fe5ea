/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of commands, by number, for ioctls and batches.
 */
#ifndef CMAP_COMMAND_H
#define CMAP_COMMAND_H

#include "../core/write.h"

#include <linux/fs.h>
#include <linux/types.h>
#include <uapi/linux/cmap.h>

struct cmap_context;

/**
 * struct cmap_command - a command's properties, checked before it runs
 * @mode: FMODE_* that the descriptor needs
 * @unbound: the command works on a descriptor without a map
 * @flags: CMAP_OP_* that it accepts
 * @least: bytes of &struct cmap_op that the caller must provide
 * @out: offset of the first byte of the op that it may write; the last one is before
 *	@least, but for @deadline.  For a command that changes the map both are multiples
 *	of 8, for others @out may be one of 4
 * @op: carries it out, for a command with a &struct cmap_op
 * @own: carries it out, for a command with a structure of its own
 */
struct cmap_command {
	fmode_t mode;
	bool unbound;
	u16 flags;
	u16 least;
	u16 out;
	int (*op)(struct cmap_context *context, struct cmap_op *op);
	int (*own)(struct cmap_context *context, void __user *arg);
};

/* Buffers for consecutive short sets of a batch. */
#define CMAP_SETS_MAX		8

struct cmap_sets {
	struct cmap_write write[CMAP_SETS_MAX];
	int err[CMAP_SETS_MAX];
	struct {
		u8 key[32] __aligned(8);
		u8 value[96] __aligned(8);
	} input[CMAP_SETS_MAX];
};

const struct cmap_command *cmap_command_find(u32 code);
int cmap_command_allowed(const struct cmap_context *context,
			 const struct cmap_command *command);
int cmap_command_execute(struct cmap_context *context, u32 code,
			 struct cmap_op *op);
int cmap_command_run_owned(struct cmap_context *context,
			   const struct cmap_command *command,
			   struct cmap_op *op);

/* Carry out a command with a &struct cmap_op that was checked. */
static inline int cmap_command_run(struct cmap_context *context,
				   const struct cmap_command *command,
				   struct cmap_op *op)
{
	return unlikely(op->flags & CMAP_OP_OWNERS) ?
	       cmap_command_run_owned(context, command, op) :
	       command->op(context, op);
}

u32 cmap_command_set_many(struct cmap_context *context, struct cmap_op *op,
			  u32 count, struct cmap_sets *sets);

#endif /* CMAP_COMMAND_H */
