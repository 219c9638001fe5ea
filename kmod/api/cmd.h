/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands that have structures of their own.  Each validates, copies in,
 * does, copies out.
 *
 * Those on a map find it in the context; cmd_bind's make it.
 */
#ifndef CMAP_CMD_H
#define CMAP_CMD_H

#include <linux/gfp.h>
#include <linux/types.h>

struct cmap;
struct file;

/* Whom a command is carried out for, and how it may allocate. */
struct cmap_context {
	struct file *file;
	struct cmap *map;	/* NULL while not bound */
	gfp_t gfp;
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

#endif /* CMAP_CMD_H */
