// SPDX-License-Identifier: GPL-2.0
/* A driver that has the minor of /dev/cmap. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations fops = {
	.owner = THIS_MODULE,
};

static struct miscdevice taken = {
	.minor = 247,
	.name = "cmap_minor_test",
	.fops = &fops,
};
module_misc_device(taken);

MODULE_DESCRIPTION("Test of cmap: a driver that has the minor of /dev/cmap");
MODULE_LICENSE("GPL");
