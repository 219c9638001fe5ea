/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CMAP_IOCTL_H
#define CMAP_IOCTL_H

#include <linux/types.h>

struct file;

long cmap_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* CMAP_IOCTL_H */
