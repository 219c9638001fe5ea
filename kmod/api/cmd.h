/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands with an argument structure of their own.  Each copies its structure in,
 * checks it, carries the command out, and copies results out.
 *
 * A command on a map finds the map in its context.  The commands of cmd_bind.c make
 * or find a map and bind it to the descriptor.
 */
#ifndef CMAP_CMD_H
#define CMAP_CMD_H

#include <linux/gfp.h>
#include <linux/types.h>

struct cmap;
struct cmap_owner;
struct file;

/* The descriptor that a command is called on, and how it may allocate. */
struct cmap_context {
	struct file *file;
	struct cmap *map;	/* NULL while the descriptor is not bound */
	struct cmap_owner *owner; /* of the entry that a command writes, or NULL */
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
int cmap_cmd_feed_read(struct cmap_context *context, void __user *arg);
int cmap_cmd_feed_cursor(struct cmap_context *context, void __user *arg);
int cmap_cmd_watch(struct cmap_context *context, void __user *arg);
int cmap_cmd_wait(struct cmap_context *context, void __user *arg);
int cmap_cmd_batch(struct cmap_context *context, void __user *arg);

#endif /* CMAP_CMD_H */
