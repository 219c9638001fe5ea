// SPDX-License-Identifier: GPL-2.0
#include "dev.h"
#include "../core/map.h"
#include "../core/registry.h"
#include "fdinfo.h"
#include "file.h"
#include "holder.h"
#include "ioctl.h"
#include "window.h"

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

/* misc_open() has set private_data to the device, which is not needed. */
static int dev_open(struct inode *inode, struct file *file)
{
	struct cmap_file *own = kzalloc(sizeof(*own), GFP_KERNEL_ACCOUNT);

	if (!own)
		return -ENOMEM;

	mutex_init(&own->lock);
	INIT_LIST_HEAD(&own->holders);
	file->private_data = own;
	return nonseekable_open(inode, file);
}

static int dev_release(struct inode *inode, struct file *file)
{
	struct cmap_file *own = cmap_file_of(file);
	struct cmap *map = cmap_file_map(file);

	cmap_holders_end(file);
	if (own->window)
		fput(own->window);
	if (map)
		cmap_map_put(map);
	kfree(own);
	return 0;
}

/*
 * A map is always ready, like a regular file: no call waits for an event.  poll()
 * would say the same without this function, but epoll_ctl() refuses a file that has
 * none.
 */
static __poll_t dev_poll(struct file *file, struct poll_table_struct *table)
{
	return DEFAULT_POLLMASK;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.flush = cmap_holders_flush,
	.poll = dev_poll,
	.unlocked_ioctl = cmap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
#ifdef CMAP_HAVE_MMAP_PREPARE
	.mmap_prepare = cmap_window_mmap_prepare,
#else
	.mmap = cmap_window_mmap,
#endif
	.show_fdinfo = cmap_fdinfo_show,
};

/*
 * The minors from 240 to 254 are for local use.  depmod learns it from the module's
 * aliases, so udev can make the node at boot, and the first open loads the module.
 */
#define CMAP_MINOR 247
MODULE_ALIAS_MISCDEV(CMAP_MINOR);
MODULE_ALIAS("devname:cmap");

/* Everybody may open the device.  Each map has its own owner and mode. */
static struct miscdevice cmap_misc = {
	.minor = CMAP_MINOR,
	.name = "cmap",
	.fops = &dev_fops,
	.mode = 0666,
};

/**
 * cmap_dev_init() - register /dev/cmap
 *
 * If another driver has its minor, it gets any that is free.
 *
 * Context: Process.
 * Return: 0 or a negative errno.
 */
int cmap_dev_init(void)
{
	int err = misc_register(&cmap_misc);

	if (err != -EBUSY)
		return err;
	cmap_misc.minor = MISC_DYNAMIC_MINOR;
	return misc_register(&cmap_misc);
}

/**
 * cmap_dev_exit() - remove /dev/cmap, which no process has open
 *
 * Context: Process.
 */
void cmap_dev_exit(void)
{
	misc_deregister(&cmap_misc);
}
