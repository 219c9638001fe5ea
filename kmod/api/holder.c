// SPDX-License-Identifier: GPL-2.0
#include "holder.h"
#include "../core/limits.h"
#include "../core/map.h"
#include "../core/orphan.h"
#include "file.h"

#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <uapi/linux/cmap.h>

/**
 * struct holder - whose end is the end of entries
 * @link: in the list of the open file description
 * @id: the table of descriptors of the process; NULL for the open file description itself
 * @owner: the owner of the entries
 * @user: the user for whom it is counted
 *
 * A process is known by its table of descriptors, as it is for POSIX locks: threads share
 * it, a child has its own, and the kernel closes it before anybody is told that the
 * process has ended.
 */
struct holder {
	struct list_head link;
	fl_owner_t id;
	struct cmap_owner *owner;
	struct cmap_user *user;
};

static struct holder *holder_find(const struct cmap_file *own, fl_owner_t id)
{
	struct holder *holder;

	lockdep_assert_held(&own->lock);

	list_for_each_entry(holder, &own->holders, link)
		if (holder->id == id)
			return holder;
	return NULL;
}

static void holder_free(struct holder *holder)
{
	cmap_current_uncount(CMAP_COUNTED_OWNERS, 1, holder->user);
	kfree(holder);
}

static struct holder *holder_new(struct cmap *map, fl_owner_t id)
{
	struct holder *holder = kzalloc(sizeof(*holder), CMAP_GFP_KERNEL);
	struct cmap_owner *owner;

	if (!holder)
		return ERR_PTR(-ENOMEM);
	holder->id = id;
	holder->user = cmap_current_count(CMAP_COUNTED_OWNERS, 1);
	if (IS_ERR(holder->user)) {
		struct cmap_user *user = holder->user;

		kfree(holder);
		return ERR_CAST(user);
	}
	owner = cmap_owner_new(&map->owners, cmap_orphan_work);
	if (IS_ERR(owner)) {
		holder_free(holder);
		return ERR_CAST(owner);
	}
	holder->owner = owner;

	return holder;
}

static void holder_end_locked(struct cmap_file *own, struct holder *holder)
{
	lockdep_assert_held(&own->lock);

	list_del(&holder->link);
	cmap_owner_end(holder->owner);
	holder_free(holder);
}

static int is_file(const void *file, struct file *other, unsigned int fd)
{
	return other == file;
}

/* Whether the caller's process still has a descriptor of a file. */
static bool process_has(const struct file *file)
{
	return iterate_fd(current->files, 0, is_file, file);
}

/*
 * Another thread may have closed the process's last descriptor since this command began, and
 * have found no holder to end.  Whoever closes it after this look finds the holder.
 */
static struct holder *holder_add_locked(struct file *file, fl_owner_t id)
{
	struct cmap_file *own = cmap_file_of(file);
	struct holder *holder;

	holder = holder_new(cmap_file_map(file), id);
	if (IS_ERR(holder))
		return holder;
	list_add(&holder->link, &own->holders);
	if (id && !process_has(file)) {
		holder_end_locked(own, holder);
		return ERR_PTR(-EBADF);
	}
	return holder;
}

/**
 * cmap_file_owner() - get the owner that a write shall give an entry
 * @file: the descriptor's file, which is bound to a map
 * @flags: CMAP_OP_OWNED or CMAP_OP_OWNED_BY_PROCESS
 *
 * Context: Process.
 * Return: the owner, with a reference; or an ERR_PTR: -EBADF if the process has no
 * descriptor of the file any more; -EDQUOT, -EINVAL, -ENFILE, -ENOMEM, -ENOSPC.
 */
struct cmap_owner *cmap_file_owner(struct file *file, u16 flags)
{
	struct cmap_file *own = cmap_file_of(file);
	fl_owner_t id = flags & CMAP_OP_OWNED_BY_PROCESS ? current->files : NULL;
	struct cmap_owner *owner;
	struct holder *holder;

	if ((flags & CMAP_OP_OWNERS) == CMAP_OP_OWNERS)
		return ERR_PTR(-EINVAL);

	mutex_lock(&own->lock);
	holder = holder_find(own, id) ?: holder_add_locked(file, id);
	owner = IS_ERR(holder) ? ERR_CAST(holder) : holder->owner;
	if (!IS_ERR(owner))
		cmap_owner_get(owner);
	mutex_unlock(&own->lock);

	return owner;
}

/**
 * cmap_holders_flush() - note that a process has closed a descriptor
 * @file: the descriptor's file
 * @id: the process's table of descriptors
 *
 * If it is not the caller's, the caller tears it down: all of it is closed.  Kernel code
 * that closes a file of its own names none.
 *
 * Context: Process.
 * Return: 0.
 */
int cmap_holders_flush(struct file *file, fl_owner_t id)
{
	struct cmap_file *own = cmap_file_of(file);
	struct holder *holder;

	if (!id || list_empty_careful(&own->holders))
		return 0;
	mutex_lock(&own->lock);
	holder = holder_find(own, id);
	if (holder && (id != current->files || !process_has(file)))
		holder_end_locked(own, holder);
	mutex_unlock(&own->lock);

	return 0;
}

/**
 * cmap_holders_end() - end all owners of a file that nobody has open any more
 * @file: the file
 *
 * Context: Process.
 */
void cmap_holders_end(struct file *file)
{
	struct cmap_file *own = cmap_file_of(file);
	struct holder *holder, *next;

	mutex_lock(&own->lock);
	list_for_each_entry_safe(holder, next, &own->holders, link)
		holder_end_locked(own, holder);
	mutex_unlock(&own->lock);
}

/**
 * cmap_holders_entries() - get how many entries a file and its processes own
 * @file: the file
 *
 * Context: Process.
 * Return: how many.
 */
u64 cmap_holders_entries(struct file *file)
{
	struct cmap_file *own = cmap_file_of(file);
	const struct holder *holder;
	u64 entries = 0;

	mutex_lock(&own->lock);
	list_for_each_entry(holder, &own->holders, link)
		entries += cmap_owner_entries(holder->owner);
	mutex_unlock(&own->lock);

	return entries;
}
