/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CMAP_IOCTL_H
#define CMAP_IOCTL_H

#include <linux/types.h>

struct cmap_context;
struct cmap_op;
struct cmap_sets;
struct file;

long cmap_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int cmap_op_execute(struct cmap_context *context, u32 code,
		    struct cmap_op *op);
u32 cmap_op_execute_sets(struct cmap_context *context, struct cmap_op *op,
			 u32 count, struct cmap_sets *sets);

#endif /* CMAP_IOCTL_H */
