/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands.  Each validates, copies in, does, copies out.
 *
 * Those on a map find it in the context; cmd_bind's make it.
 */
#ifndef CMAP_CMD_H
#define CMAP_CMD_H

#include "../core/write.h"

#include <linux/gfp.h>
#include <linux/types.h>

struct cmap;
struct cmap_op;
struct file;

/* Whom a command is carried out for, and how it may allocate. */
struct cmap_context {
	struct file *file;
	struct cmap *map;	/* NULL while not bound */
	gfp_t gfp;
};

/* Room for short sets that stand in a row in a batch. */
#define CMAP_SETS_MAX		8

struct cmap_sets {
	struct cmap_write write[CMAP_SETS_MAX];
	int err[CMAP_SETS_MAX];
	struct {
		u8 key[32] __aligned(8);
		u8 value[96] __aligned(8);
	} input[CMAP_SETS_MAX];
};

int cmap_cmd_create(struct cmap_context *context, void __user *arg);
int cmap_cmd_open(struct cmap_context *context, void __user *arg);
int cmap_cmd_unlink(struct cmap_context *context, void __user *arg);
int cmap_cmd_list(struct cmap_context *context, void __user *arg);
int cmap_cmd_rename(struct cmap_context *context, void __user *arg);
int cmap_cmd_setattr(struct cmap_context *context, void __user *arg);
int cmap_cmd_limits(struct cmap_context *context, void __user *arg);
int cmap_cmd_stat(struct cmap_context *context, void __user *arg);
int cmap_cmd_range(struct cmap_context *context, void __user *arg);
int cmap_cmd_batch(struct cmap_context *context, void __user *arg);

int cmap_cmd_get(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_set(struct cmap_context *context, struct cmap_op *op);
u32 cmap_cmd_set_many(struct cmap_context *context, struct cmap_op *op,
		      u32 count, struct cmap_sets *sets);
int cmap_cmd_delete(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_take(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_swap(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_compare_swap(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_compare_delete(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_get_or_set(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_add(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_clear(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_count(struct cmap_context *context, struct cmap_op *op);

#endif /* CMAP_CMD_H */
