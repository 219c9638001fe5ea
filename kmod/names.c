// SPDX-License-Identifier: GPL-2.0
#include "names.h"
#include "map.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/stringhash.h>
#include <linux/xarray.h>
#include <uapi/linux/cmap.h>

unsigned int cmap_max_maps = 4096;

static atomic_t maps_count;
static atomic64_t last_id;

/* Every map that can be found, by id.  Its own lock protects it. */
static DEFINE_XARRAY_FLAGS(maps, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);

/*
 * The named ones.  The name holds a reference of its map, and the mutex is
 * held while one is added or removed; it nests outside the xarray's lock.
 */
static DEFINE_HASHTABLE(names, 8);
static DEFINE_MUTEX(names_mutex);

static u32 name_hash(const char *name)
{
	return full_name_hash(NULL, name, strlen(name));
}

static struct cmap *find(const char *name)
{
	struct cmap *map;

	lockdep_assert_held(&names_mutex);

	hash_for_each_possible(names, map, names, name_hash(name))
		if (!strcmp(map->name, name))
			return map;

	return NULL;
}

/**
 * cmap_name_valid() - check a name
 * @name: the name
 * @len: bytes in it, without the terminating NUL
 *
 * Context: Any.
 * Return: true if a map can be called that.
 */
bool cmap_name_valid(const char *name, size_t len)
{
	return len && len <= CMAP_NAME_MAX && strlen(name) == len &&
	       !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

/**
 * cmap_names_count() - count one map more
 *
 * Context: Any.
 * Return: 0, or -ENFILE if there are as many as may be.
 */
int cmap_names_count(void)
{
	int max = min_t(u32, READ_ONCE(cmap_max_maps), INT_MAX);
	int count = atomic_read(&maps_count);

	/* The limit may have been lowered below what there is. */
	do {
		if (count >= max)
			return -ENFILE;
	} while (!atomic_try_cmpxchg(&maps_count, &count, count + 1));

	return 0;
}

/**
 * cmap_names_uncount() - count one map less
 *
 * Context: Any.
 */
void cmap_names_uncount(void)
{
	atomic_dec(&maps_count);
}

/**
 * cmap_names_add() - let a new map be found
 * @map: the map, complete
 *
 * Context: Process.
 * Return: 0, -EEXIST if the name is taken, or -ENOMEM.
 */
int cmap_names_add(struct cmap *map)
{
	int err = -EEXIST;

	mutex_lock(&names_mutex);
	if (map->name && find(map->name))
		goto unlock;

	map->id = atomic64_inc_return(&last_id);
	err = xa_err(xa_store_bh(&maps, map->id, map, CMAP_GFP_KERNEL));
	if (err)
		goto unlock;
	if (map->name) {
		cmap_map_get(map);
		hash_add(names, &map->names, name_hash(map->name));
	}
unlock:
	mutex_unlock(&names_mutex);
	return err;
}

/**
 * cmap_names_forget() - let a map that has no reference left not be found
 * @map: the map
 *
 * Context: Any.
 */
void cmap_names_forget(struct cmap *map)
{
	if (map->id)
		xa_erase_bh(&maps, map->id);
}

static bool may_open(const struct cmap *map, int access)
{
	const struct cred *cred = current_cred();
	umode_t mode = map->mode;

	if (uid_eq(cred->fsuid, map->uid))
		mode >>= 6;
	else if (in_group_p(map->gid))
		mode >>= 3;

	return !(access & ~mode & (MAY_READ | MAY_WRITE)) ||
	       capable(CAP_DAC_OVERRIDE);
}

/**
 * cmap_names_open() - find a map by name
 * @name: the name
 * @access: MAY_READ, MAY_WRITE or both, checked against the caller's
 *	credentials; 0 for kernel users
 *
 * Context: Process.
 * Return: the map with a reference for the caller, or an ERR_PTR: -ENOENT,
 * -EACCES.
 */
struct cmap *cmap_names_open(const char *name, int access)
{
	struct cmap *map;

	mutex_lock(&names_mutex);
	map = find(name);
	if (!map)
		map = ERR_PTR(-ENOENT);
	else if (!may_open(map, access))
		map = ERR_PTR(-EACCES);
	else
		cmap_map_get(map);
	mutex_unlock(&names_mutex);

	return map;
}

static void unlink_locked(struct cmap *map)
{
	lockdep_assert_held(&names_mutex);

	hash_del(&map->names);
	WRITE_ONCE(map->unlinked, true);
	cmap_map_put(map);
}

/**
 * cmap_names_unlink() - remove a name
 * @name: the name
 *
 * Context: Process.
 * Return: 0, -ENOENT, or -EACCES if the caller neither owns the map nor has
 * CAP_FOWNER.
 */
int cmap_names_unlink(const char *name)
{
	struct cmap *map;
	int err = 0;

	mutex_lock(&names_mutex);
	map = find(name);
	if (!map)
		err = -ENOENT;
	else if (!uid_eq(current_fsuid(), map->uid) && !capable(CAP_FOWNER))
		err = -EACCES;
	else
		unlink_locked(map);
	mutex_unlock(&names_mutex);

	return err;
}

/**
 * cmap_names_next() - go through all maps
 * @id: the last one's id, 0 at first; moved on
 *
 * Context: Process.
 * Return: the next map with a reference for the caller, or NULL.
 */
struct cmap *cmap_names_next(u64 *id)
{
	unsigned long index = *id;
	struct cmap *map;

	xa_lock_bh(&maps);
	do {
		map = xa_find_after(&maps, &index, ULONG_MAX, XA_PRESENT);
	} while (map && !refcount_inc_not_zero(&map->refs));
	xa_unlock_bh(&maps);

	*id = index;
	return map;
}

/**
 * cmap_names_unlink_all() - remove all names
 *
 * Context: Process.
 */
void cmap_names_unlink_all(void)
{
	struct hlist_node *next;
	struct cmap *map;
	unsigned int i;

	mutex_lock(&names_mutex);
	hash_for_each_safe(names, i, next, map, names)
		unlink_locked(map);
	mutex_unlock(&names_mutex);
}

/**
 * cmap_names_exit() - the end, when no map is left
 *
 * Context: Process.
 */
void cmap_names_exit(void)
{
	/* Nodes of its own may be left, from when there was no memory for more. */
	xa_destroy(&maps);
}
