// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that bind a descriptor to a map, and those on names.
 */
#include "cmd.h"
#include "file.h"
#include "map.h"
#include "names.h"
#include "user.h"
#include "window.h"

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/cmap.h>

/* Copy in and check a name. */
static char *copy_name(u64 from, u32 len)
{
	char *name;

	if (!len || len > CMAP_NAME_MAX)
		return ERR_PTR(-EINVAL);

	name = memdup_user_nul(u64_to_user_ptr(from), len);
	if (!IS_ERR(name) && !cmap_name_valid(name, len)) {
		kfree(name);
		return ERR_PTR(-EINVAL);
	}
	return name;
}

int cmap_cmd_create(struct cmap_context *context, void __user *arg)
{
	struct cmap_spec spec = {};
	struct cmap_create create;
	struct cmap *map;
	char *name = NULL;
	int err;

	err = cmap_copy_in(&create, arg, max_bytes);
	if (err)
		return err;
	if (create.__reserved || create.mode & ~0666 ||
	    (create.name && !create.name_len))
		return -EINVAL;
	if (create.name_len) {
		name = copy_name(create.name, create.name_len);
		if (IS_ERR(name))
			return PTR_ERR(name);
	}

	spec.name = name;
	spec.flags = create.flags;
	spec.mode = create.mode & ~current_umask();
	spec.uid = current_fsuid();
	spec.gid = current_fsgid();
	spec.key_max = create.key_max;
	spec.value_max = create.value_max;
	spec.shards = create.shards;
	spec.max_entries = create.max_entries;
	spec.max_bytes = create.max_bytes;

	err = cmap_file_claim(context->file);
	if (err)
		goto free_name;
	map = cmap_map_new(&spec);
	err = PTR_ERR_OR_ZERO(map);
	if (err)
		goto unclaim;
	err = cmap_names_add(map);
	if (err)
		goto put_map;
	cmap_window_bind(context->file, map);
	cmap_file_bind(context->file, map);
	kfree(name);

	return 0;

put_map:
	cmap_map_put(map);
unclaim:
	cmap_file_unclaim(context->file);
free_name:
	kfree(name);
	return err;
}

/* Copy in and check the arguments of open and unlink, which are a name. */
static char *copy_name_args(void __user *arg)
{
	struct cmap_name args;
	int err;

	err = cmap_copy_in(&args, arg, __reserved);
	if (err)
		return ERR_PTR(err);
	if (args.flags || args.__reserved)
		return ERR_PTR(-EINVAL);
	return copy_name(args.name, args.name_len);
}

int cmap_cmd_open(struct cmap_context *context, void __user *arg)
{
	struct cmap *map;
	int access = 0;
	char *name;
	int err;

	if (context->file->f_mode & FMODE_READ)
		access |= MAY_READ;
	if (context->file->f_mode & FMODE_WRITE)
		access |= MAY_WRITE;
	/* Opened with the mode 3, which asks for neither: nor may it ask here. */
	if (!access)
		return -EBADF;
	name = copy_name_args(arg);
	if (IS_ERR(name))
		return PTR_ERR(name);

	err = cmap_file_claim(context->file);
	if (err)
		goto free_name;
	map = cmap_names_open(name, access);
	err = PTR_ERR_OR_ZERO(map);
	if (err) {
		cmap_file_unclaim(context->file);
		goto free_name;
	}
	cmap_window_bind(context->file, map);
	cmap_file_bind(context->file, map);
free_name:
	kfree(name);
	return err;
}

int cmap_cmd_unlink(struct cmap_context *context, void __user *arg)
{
	char *name = copy_name_args(arg);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);

	err = cmap_names_unlink(name);
	kfree(name);

	return err;
}

static void fill_list_entry(const struct cmap *map,
			    struct cmap_list_entry *entry)
{
	struct user_namespace *ns = current_user_ns();

	memset(entry, 0, sizeof(*entry));
	entry->name_len = strlen(map->name);
	entry->size = ALIGN(sizeof(*entry) + entry->name_len + 1, 8);
	entry->mode = map->mode;
	entry->uid = from_kuid_munged(ns, map->uid);
	entry->gid = from_kgid_munged(ns, map->gid);
	entry->id = map->id;
	entry->entries = cmap_map_entries(map);
	entry->bytes = atomic64_read(&map->memory.account.bytes);
}

/* Add a record for the map; -EMSGSIZE if there is no room. */
static int list_one(struct cmap_list *list, u32 room, const struct cmap *map)
{
	void __user *to = u64_to_user_ptr(list->buf) + list->buf_len;
	struct cmap_list_entry entry;
	u32 used;

	fill_list_entry(map, &entry);
	if (entry.size > room - list->buf_len) {
		if (!list->count)
			list->buf_len = entry.size;
		return -EMSGSIZE;
	}

	used = sizeof(entry) + entry.name_len;
	if (copy_to_user(to, &entry, sizeof(entry)) ||
	    copy_to_user(to + sizeof(entry), map->name, entry.name_len) ||
	    clear_user(to + used, entry.size - used))
		return -EFAULT;

	list->buf_len += entry.size;
	list->count++;
	return 0;
}

int cmap_cmd_list(struct cmap_context *context, void __user *arg)
{
	struct cmap_list list;
	struct cmap *map;
	u32 room;
	u64 id;
	int err;

	err = cmap_copy_in(&list, arg, cursor);
	if (err)
		return err;
	if (list.flags)
		return -EINVAL;

	room = list.buf_len;
	list.buf_len = 0;
	list.count = 0;
	for (id = list.cursor; (map = cmap_names_next(&id)); list.cursor = id) {
		if (map->name && !READ_ONCE(map->unlinked))
			err = list_one(&list, room, map);
		cmap_map_put(map);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		if (err)
			break;
		cond_resched();
	}
	if (err == -EMSGSIZE && list.count)
		err = 0;
	if (err == -EFAULT || err == -EINTR)
		return err;

	return cmap_copy_out((struct cmap_list __user *)arg, &list, buf_len,
			     cursor) ?: err;
}
