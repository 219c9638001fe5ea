/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands.  Each validates, copies in, does, copies out.
 *
 * Those on a map find it in the context; cmd_bind's make it.
 */
#ifndef CMAP_CMD_H
#define CMAP_CMD_H

#include <linux/types.h>

struct cmap;
struct cmap_op;
struct file;

/* Whom a command is carried out for. */
struct cmap_context {
	struct file *file;
	struct cmap *map;	/* NULL while not bound */
};

int cmap_cmd_create(struct cmap_context *context, void __user *arg);
int cmap_cmd_open(struct cmap_context *context, void __user *arg);
int cmap_cmd_unlink(struct cmap_context *context, void __user *arg);
int cmap_cmd_list(struct cmap_context *context, void __user *arg);
int cmap_cmd_stat(struct cmap_context *context, void __user *arg);
int cmap_cmd_range(struct cmap_context *context, void __user *arg);
int cmap_cmd_batch(struct cmap_context *context, void __user *arg);

int cmap_cmd_get(struct cmap_context *context, struct cmap_op *op);
int cmap_cmd_set(struct cmap_context *context, struct cmap_op *op);
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
