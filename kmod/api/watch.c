// SPDX-License-Identifier: GPL-2.0
/*
 * Watches: descriptors that read a map's feed, and can be waited for.
 */
#include "watch.h"
#include "../core/feed.h"
#include "../core/limits.h"
#include "../core/map.h"
#include "../core/trace.h"
#include "../core/watch.h"
#include "uaccess.h"

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <uapi/linux/cmap.h>

#define READ_BYTES	SZ_16K	/* that one read() returns, unless a record is longer */
#define READ_LOOKS	SZ_1M	/* bytes looked at before signals are */

/**
 * struct watch - state of a watch's file
 * @watcher: reads and waits
 * @user: the user for whom it is counted
 * @bill: its memory, which the user pays for
 * @reading: held by the process that reads
 * @wait: who waits for something to read
 */
struct watch {
	struct cmap_watcher watcher;
	struct cmap_user *user;
	struct cmap_bill bill;
	struct mutex reading;
	wait_queue_head_t wait;
};

static void watch_wake(struct cmap_watcher *watcher)
{
	struct watch *watch = container_of(watcher, struct watch, watcher);

	wake_up_interruptible_poll(&watch->wait, EPOLLIN | EPOLLRDNORM |
				   (cmap_watcher_ended(watcher) ? EPOLLHUP : 0));
}

/* ---- read ---- */

/*
 * Read records into the kernel's buffer.  Return 0 with at least one, at the end of
 * the map, or with @again set if there is nothing yet; or -EMSGSIZE, -ENOMEM or
 * -ERESTARTSYS.
 */
static int watch_fill(struct watch *watch, struct cmap_records *records,
		      u32 room, bool *again)
{
	/* What was written before the map's end is there when it is seen. */
	bool ended = smp_load_acquire(&watch->watcher.map->events.ended);

	*again = false;
	for (;;) {
		records->looks = READ_LOOKS;
		cmap_watcher_read(&watch->watcher, records);
		if (records->count)
			return 0;
		if (records->needed > room)
			return -EMSGSIZE;
		if (records->needed) {
			u32 size = records->needed;

			cmap_records_free(records, watch->watcher.map);
			if (cmap_records_new(records, size))
				return -ENOMEM;
		}
		if (!records->more)
			break;
		if (signal_pending(current))
			return -ERESTARTSYS;
	}
	*again = !ended;
	return 0;
}

/* Read once.  0 with @again set if there is nothing yet. */
static ssize_t watch_read_once(struct watch *watch, char __user *buf, u32 room,
			       bool *again)
{
	struct cmap_records records = {};
	ssize_t result;

	result = cmap_records_new(&records, min_t(u32, room, READ_BYTES));
	if (!result)
		result = watch_fill(watch, &records, room, again);
	if (!result && records.count) {
		result = records.used;
		trace_cmap_feed_read(watch->watcher.map, records.count, result);
		if (copy_to_user(buf, records.buf, records.used)) {
			cmap_watcher_unread(&watch->watcher);
			result = -EFAULT;
		}
	}
	cmap_records_free(&records, watch->watcher.map);

	return result;
}

static ssize_t watch_read(struct file *file, char __user *buf, size_t size,
			  loff_t *pos)
{
	struct watch *watch = file->private_data;
	struct cmap_watcher *watcher = &watch->watcher;
	u32 room = min_t(size_t, size, INT_MAX & PAGE_MASK);
	bool again = false;
	ssize_t result;

	if (!room)
		return 0;

	for (;;) {
		if (mutex_lock_interruptible(&watch->reading))
			return -ERESTARTSYS;
		result = watch_read_once(watch, buf, room, &again);
		mutex_unlock(&watch->reading);
		if (result || !again)
			return result;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(watch->wait,
					     !READ_ONCE(watcher->waiting) ||
					     cmap_watcher_ended(watcher)))
			return -ERESTARTSYS;
	}
}

static __poll_t watch_poll(struct file *file, struct poll_table_struct *table)
{
	struct watch *watch = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &watch->wait, table);
	/* Before the look: what was written before the end is then seen. */
	if (smp_load_acquire(&watch->watcher.map->events.ended))
		events |= EPOLLHUP;
	if (cmap_watcher_ready(&watch->watcher))
		events |= EPOLLIN | EPOLLRDNORM;

	return events;
}

/* ---- cursors ---- */

/**
 * cmap_feed_where() - carry out CMAP_IOCTL_FEED_CURSOR
 * @arg: user pointer to a &struct cmap_feed_where
 * @map: the map
 * @get: gets the cursor
 * @from: its first argument
 *
 * Context: Process; may fault.
 * Return: 0, -E2BIG, -EFAULT, -EINVAL, -ENOMEM or -EOPNOTSUPP.
 */
int cmap_feed_where(void __user *arg, const struct cmap *map,
		    void (*get)(void *from, struct cmap_feed_cursor *cursor),
		    void *from)
{
	size_t size = CMAP_FEED_CURSOR_BYTES(map->shards);
	struct cmap_feed_cursor *cursor;
	struct cmap_feed_where where;
	int err;

	err = cmap_copy_in(&where, arg, __reserved);
	if (err)
		return err;
	if (where.flags || where.__reserved)
		return -EINVAL;
	if (!map->feed_bytes)
		return -EOPNOTSUPP;
	if (where.cursor_len != size)
		return -EINVAL;

	cursor = kvzalloc(size, CMAP_GFP_KERNEL);
	if (!cursor)
		return -ENOMEM;
	get(from, cursor);
	if (copy_to_user(u64_to_user_ptr(where.cursor), cursor, size))
		err = -EFAULT;
	kvfree(cursor);

	return err;
}

static void watch_where(void *from, struct cmap_feed_cursor *cursor)
{
	struct watch *watch = from;

	cmap_watcher_where(&watch->watcher, cursor);
}

static long watch_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct watch *watch = file->private_data;
	long err;

	if (cmd != CMAP_IOCTL_FEED_CURSOR)
		return -ENOTTY;
	/* A read that is under way may fail, and be undone. */
	if (mutex_lock_interruptible(&watch->reading))
		return -ERESTARTSYS;
	err = cmap_feed_where((void __user *)arg, watch->watcher.map,
			      watch_where, watch);
	mutex_unlock(&watch->reading);

	return err;
}

/* ---- open and release ---- */

/* Count a watch for the caller's user, and charge its memory. */
static int watch_charge(struct watch *watch, u64 bytes)
{
	int err;

	watch->user = cmap_current_count(CMAP_COUNTED_WATCHES, 1);
	if (IS_ERR(watch->user))
		return PTR_ERR(watch->user);

	cmap_bill_init(&watch->bill, &watch->user->account, false);
	err = cmap_charge(&watch->bill.account, bytes);
	if (err && cmap_privileged()) {
		cmap_bill_init(&watch->bill, &watch->user->account, true);
		err = cmap_charge(&watch->bill.account, bytes);
	}
	if (err)
		cmap_current_uncount(CMAP_COUNTED_WATCHES, 1, watch->user);
	return err;
}

static void watch_uncharge(struct watch *watch)
{
	cmap_uncharge(&watch->bill.account,
		      atomic64_read(&watch->bill.account.bytes));
	cmap_current_uncount(CMAP_COUNTED_WATCHES, 1, watch->user);
}

static int watch_release(struct inode *inode, struct file *file)
{
	struct watch *watch = file->private_data;

	cmap_watcher_stop(&watch->watcher);
	cmap_watcher_end(&watch->watcher);
	watch_uncharge(watch);
	kfree(watch);
	return 0;
}

static void watch_fdinfo(struct seq_file *seq, struct file *file)
{
	struct watch *watch = file->private_data;
	static const char * const kinds[] = { "all", "prefix", "keys" };

	seq_printf(seq, "cmap-id:\t%llu\n", watch->watcher.map->id);
	seq_printf(seq, "cmap-filter:\t%s\n", kinds[watch->watcher.filter->kind]);
	seq_printf(seq, "cmap-readable:\t%d\n",
		   !READ_ONCE(watch->watcher.waiting));
}

static const struct file_operations watch_fops = {
	.owner = THIS_MODULE,
	.release = watch_release,
	.read = watch_read,
	.poll = watch_poll,
	.unlocked_ioctl = watch_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = watch_fdinfo,
};

/**
 * cmap_watch_open() - make a watch
 * @map: the map, which has a feed
 * @filter: which records it wants.  On success it belongs to the watch
 * @cursor: where to begin, or NULL for the present end of the feed
 * @renames: of @renames of the map's events: how many the caller knows of
 * @nonblock: read() does not wait
 *
 * Context: Process.
 * Return: the descriptor; or -EDQUOT, -EINVAL if the cursor is not valid, -EMFILE,
 * -ENFILE, -ENOMEM or -ENOSPC.
 */
int cmap_watch_open(struct cmap *map, struct cmap_filter *filter,
		    const struct cmap_feed_cursor *cursor, u32 renames,
		    bool nonblock)
{
	struct watch *watch = kzalloc(sizeof(*watch), CMAP_GFP_KERNEL);
	int fd;

	if (!watch)
		return -ENOMEM;

	watch->watcher.wake = watch_wake;
	watch->watcher.renames = renames;
	mutex_init(&watch->reading);
	init_waitqueue_head(&watch->wait);
	fd = watch_charge(watch, sizeof(*watch) + cmap_watcher_bytes(map, filter));
	if (fd)
		goto free;
	fd = cmap_watcher_begin(&watch->watcher, map, filter, cursor);
	if (fd)
		goto uncharge;
	fd = anon_inode_getfd("[cmap-watch]", &watch_fops, watch,
			      O_RDONLY | O_CLOEXEC | (nonblock ? O_NONBLOCK : 0));
	if (fd >= 0)
		return fd;

	/* The filter is still the caller's. */
	watch->watcher.filter = NULL;
	cmap_watcher_stop(&watch->watcher);
	cmap_watcher_end(&watch->watcher);
uncharge:
	watch_uncharge(watch);
free:
	kfree(watch);
	return fd;
}
