// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that bind a descriptor to a map, and commands on names and owners.
 */
#include "../core/limits.h"
#include "../core/map.h"
#include "../core/registry.h"
#include "../core/stat.h"
#include "../core/supply.h"
#include "cmd.h"
#include "file.h"
#include "uaccess.h"

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <uapi/linux/cmap.h>

/* Copy in and check a name. */
static char *name_copy_in(u64 from, u32 len)
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

/* What the map shall be that the caller asks for, and belongs to. */
static struct cmap_spec spec_of(const struct cmap_create *create, const char *name)
{
	return (struct cmap_spec){
		.name = name,
		.flags = create->flags,
		.mode = create->mode & ~current_umask(),
		.uid = current_fsuid(),
		.gid = current_fsgid(),
		.key_max = create->key_max,
		.value_max = create->value_max,
		.shards = create->shards,
		.feed_bytes = create->feed_bytes,
		.feed_value_max = create->feed_value_max,
		.max_entries = create->max_entries,
		.max_bytes = create->max_bytes,
		.default_ttl = create->default_ttl,
		.description = create->description,
	};
}

int cmap_cmd_create(struct cmap_context *context, void __user *arg)
{
	struct cmap_create create;
	struct cmap_spec spec;
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
		name = name_copy_in(create.name, create.name_len);
		if (IS_ERR(name))
			return PTR_ERR(name);
		if (cmap_name_kernels(name)) {
			kfree(name);
			return -EACCES;
		}
	}

	spec = spec_of(&create, name);
	err = cmap_file_claim(context->file);
	if (err)
		goto free_name;
	map = cmap_supply_map(&spec);
	err = PTR_ERR_OR_ZERO(map);
	if (err)
		goto unclaim;
	err = cmap_names_add(map, cmap_names_here());
	if (err)
		goto put_map;
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

/* Copy in and check a struct cmap_name, the argument of open, unlink and rename. */
static char *name_args_copy_in(void __user *arg, u32 known, u32 *flags)
{
	struct cmap_name args;
	int err;

	err = cmap_copy_in(&args, arg, __reserved);
	if (err)
		return ERR_PTR(err);
	if (args.flags & ~known || args.__reserved)
		return ERR_PTR(-EINVAL);
	*flags = args.flags;
	return name_copy_in(args.name, args.name_len);
}

int cmap_cmd_open(struct cmap_context *context, void __user *arg)
{
	struct cmap *map;
	int access = 0;
	char *name;
	u32 flags;
	int err;

	if (context->file->f_mode & FMODE_READ)
		access |= CMAP_MAY_READ;
	if (context->file->f_mode & FMODE_WRITE)
		access |= CMAP_MAY_WRITE;
	/*
	 * The access mode 3 gives neither.  Such a descriptor serves to change the
	 * map's name, owner and mode.
	 */
	if (!access)
		access = CMAP_MAY_CHANGE;
	name = name_args_copy_in(arg, CMAP_OPEN_TRUSTED, &flags);
	if (IS_ERR(name))
		return PTR_ERR(name);

	err = cmap_file_claim(context->file);
	if (err)
		goto free_name;
	map = cmap_names_open(cmap_names_here(), name, access,
			      flags & CMAP_OPEN_TRUSTED,
			      &cmap_file_of(context->file)->renames);
	err = PTR_ERR_OR_ZERO(map);
	if (err) {
		cmap_file_unclaim(context->file);
		goto free_name;
	}
	cmap_file_bind(context->file, map);
free_name:
	kfree(name);
	return err;
}

int cmap_cmd_unlink(struct cmap_context *context, void __user *arg)
{
	u32 flags;
	char *name = name_args_copy_in(arg, 0, &flags);
	int err;

	if (IS_ERR(name))
		return PTR_ERR(name);

	err = cmap_names_unlink(cmap_names_here(), name);
	kfree(name);

	return err;
}

int cmap_cmd_rename(struct cmap_context *context, void __user *arg)
{
	const u32 known = CMAP_RENAME_REPLACE | CMAP_RENAME_EXCHANGE;
	u32 flags;
	char *name = name_args_copy_in(arg, known, &flags);
	int err = -EACCES;

	if (IS_ERR(name))
		return PTR_ERR(name);

	if (flags == known)
		err = -EINVAL;
	else if (!cmap_name_kernels(name))
		err = cmap_names_rename(context->map, name, flags);
	kfree(name);

	return err;
}

int cmap_cmd_setattr(struct cmap_context *context, void __user *arg)
{
	struct user_namespace *ns = current_user_ns();
	struct cmap_setattr args;
	struct cmap_attr attr;
	int err;

	err = cmap_copy_in(&args, arg, __reserved);
	if (err)
		return err;
	if (args.flags & ~(CMAP_SET_MODE | CMAP_SET_UID | CMAP_SET_GID) ||
	    args.__reserved ||
	    args.mode & ~(args.flags & CMAP_SET_MODE ? 0666 : 0) ||
	    (args.uid && !(args.flags & CMAP_SET_UID)) ||
	    (args.gid && !(args.flags & CMAP_SET_GID)))
		return -EINVAL;

	attr = (struct cmap_attr){
		.valid = args.flags,
		.mode = args.mode,
		.uid = make_kuid(ns, args.uid),
		.gid = make_kgid(ns, args.gid),
	};
	if ((args.flags & CMAP_SET_UID && !uid_valid(attr.uid)) ||
	    (args.flags & CMAP_SET_GID && !gid_valid(attr.gid)))
		return -EINVAL;

	return cmap_names_set(context->map, &attr);
}

int cmap_cmd_limits(struct cmap_context *context, void __user *arg)
{
	struct cmap_limits limits;
	int err;

	err = cmap_copy_in(&limits, arg, all_max_bytes);
	if (err)
		return err;
	if (limits.flags)
		return -EINVAL;

	cmap_limits_fill(&limits);
	return copy_to_user(arg + offsetof(struct cmap_limits, uid), &limits.uid,
			    min_t(u32, limits.size, sizeof(limits)) -
			    offsetof(struct cmap_limits, uid)) ? -EFAULT : 0;
}

/* ---- the list ---- */

struct list_record {
	struct cmap_list_entry entry;
	char name[ALIGN(CMAP_NAME_MAX + 1, 8)];
};

/* Fill in the record.  False if the caller's namespace must not see the map. */
static bool list_fill_record(const struct cmap *map, struct list_record *record)
{
	struct user_namespace *ns = current_user_ns();
	struct cmap_list_entry *entry = &record->entry;
	const struct cmap_label *label;

	if (READ_ONCE(map->unlinked) || READ_ONCE(map->net) != cmap_names_here())
		return false;

	memset(record, 0, sizeof(*record));
	rcu_read_lock();
	label = rcu_dereference(map->label);
	if (label)
		strscpy(record->name, label->text, sizeof(record->name));
	rcu_read_unlock();
	if (!label)
		return false;

	entry->name_offset = offsetof(struct list_record, name);
	entry->name_len = strlen(record->name);
	entry->size = ALIGN(entry->name_offset + entry->name_len + 1, 8);
	entry->mode = READ_ONCE(map->mode);
	entry->uid = from_kuid_munged(ns, READ_ONCE(map->uid));
	entry->gid = from_kgid_munged(ns, READ_ONCE(map->gid));
	entry->id = map->id;
	entry->entries = cmap_map_count(map, true);
	entry->bytes = atomic64_read(&map->memory.account.bytes);
	entry->max_entries = map->max_entries;
	entry->max_bytes = map->memory.account.max;
	entry->create_flags = map->flags;
	return true;
}

/*
 * Append a record for the map to the list.  -EMSGSIZE if there is no room.
 *
 * The reference is dropped before anything is copied out.  A copy to user memory can
 * take as long as the calling process likes, for example with a file system of its
 * own behind that memory.  Meanwhile a reference would keep another user's map, for
 * which that user pays.
 */
static int list_add_map(struct cmap_list *list, u32 room, struct cmap *map)
{
	void __user *to = u64_to_user_ptr(list->buf) + list->buf_len;
	struct list_record record;
	bool seen = list_fill_record(map, &record);
	u32 size;

	cmap_map_put(map);
	if (!seen)
		return 0;
	size = record.entry.size;
	if (size > room - list->buf_len) {
		if (!list->count)
			list->buf_len = size;
		return -EMSGSIZE;
	}
	if (copy_to_user(to, &record, size))
		return -EFAULT;

	list->buf_len += size;
	list->count++;
	return 0;
}

/* Copy out as many fields as the caller's structure has. */
static int list_copy_out(void __user *arg, const struct cmap_list *list)
{
	size_t from = offsetof(struct cmap_list, buf_len);
	size_t to = min_t(size_t, list->size, sizeof(*list));

	return copy_to_user(arg + from, (const void *)list + from, to - from) ?
	       -EFAULT : 0;
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
		err = list_add_map(&list, room, map);
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

	cmap_limits_total(&list.all_maps, &list.all_bytes);
	return list_copy_out(arg, &list) ?: err;
}
