// SPDX-License-Identifier: GPL-2.0
#include "registry.h"
#include "limits.h"
#include "map.h"
#include "queue.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>
#include <uapi/linux/cmap.h>

static atomic64_t last_id;

/* Every map that can be found, by id.  The xarray's own lock protects it. */
static DEFINE_XARRAY_FLAGS(maps, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);

/*
 * The named maps, by network namespace and name.  A name holds a reference to
 * its map.  The mutex is held while a name is added, changed or removed.  It
 * also protects the fields that &struct cmap says it does.  Nothing is
 * allocated under it, so one user's lack of memory does not delay others.
 *
 * A name holds no reference to its namespace: names_exit() removes the names
 * before the namespace is freed.
 */
static DEFINE_HASHTABLE(names, 8);
static DEFINE_MUTEX(names_mutex);

/*
 * Maps without a reference, which count against limits until a grace period is
 * over; and the number of those that have been freed.
 */
static atomic_t maps_leaving;
static atomic_t maps_gone;
static DECLARE_WAIT_QUEUE_HEAD(map_gone);

/* Most maps to wait for: other users may be faster and make more. */
#define GONE_ROUNDS	100

/* ---- making maps, references, destruction ---- */

static void map_destroy(struct work_struct *work)
{
	struct cmap *map = container_of(to_rcu_work(work), struct cmap,
					destroy);

	cmap_map_teardown(map);
	cmap_account_returning(map->memory.account.parent,
			       -(s64)map->last_bytes);
	cmap_user_uncount(map->user);
	cmap_counted_remove(CMAP_COUNTED_MAPS, 1);
	cmap_map_free(map);

	/* This order pairs with the acquires in wait_for_map(). */
	atomic_inc_return(&maps_gone);
	atomic_dec_return(&maps_leaving);
	wake_up_all(&map_gone);
}

/*
 * The user who pays, with the map counted; NULL if no user pays, which means no
 * limit.
 */
static struct cmap_user *map_count(const struct cmap_spec *spec,
				   bool privileged)
{
	struct cmap_user *user = NULL;
	int err;

	err = cmap_counted_add(CMAP_COUNTED_MAPS, 1, privileged);
	if (err)
		return ERR_PTR(err);
	if (!spec->kernel) {
		kuid_t payer = cmap_user_payer(current_user_ns(), spec->uid);

		user = cmap_user_count(payer, privileged);
		if (IS_ERR(user))
			cmap_counted_remove(CMAP_COUNTED_MAPS, 1);
	}
	return user;
}

static struct cmap *map_new(const struct cmap_spec *spec)
{
	bool privileged = spec->kernel || cmap_privileged();
	struct cmap_user *user;
	struct cmap *map;

	user = map_count(spec, privileged);
	if (IS_ERR(user))
		return ERR_CAST(user);

	map = cmap_map_build(spec, user ? &user->account : NULL, privileged);
	if (IS_ERR(map)) {
		cmap_user_uncount(user);
		cmap_counted_remove(CMAP_COUNTED_MAPS, 1);
		return map;
	}
	map->user = user;
	INIT_RCU_WORK(&map->destroy, map_destroy);

	return map;
}

/* The map has no reference left, so it must not be found any more. */
static void map_forget(struct cmap *map)
{
	if (map->id)
		xa_erase_bh(&maps, map->id);
}

/*
 * Wait until a map has been freed since @gone was read.  Returns false if none
 * is being freed.  A map can be in both counts for a moment.  Then @gone
 * includes it, so this does not wait for another one.
 */
static bool wait_for_map(int gone)
{
	/*
	 * Pairs with map_destroy(): if a map has left the count, it is seen as
	 * gone.
	 */
	if (!atomic_read_acquire(&maps_leaving) &&
	    atomic_read(&maps_gone) == gone)
		return false;
	return !wait_event_killable(map_gone,
				    atomic_read(&maps_gone) != gone ||
				    !atomic_read_acquire(&maps_leaving));
}

/**
 * cmap_map_new() - make an empty map
 * @wanted: what it shall be
 *
 * Nobody else can find the map before cmap_names_add(). A map that was closed
 * just before counts against limits for a short while.  This function waits for
 * it rather than fail.
 *
 * Context: Process.
 * Return: the map with one reference, or an ERR_PTR: -EDQUOT, -EINVAL, -ENOMEM,
 * -ENOSPC, -ENFILE.
 */
struct cmap *cmap_map_new(const struct cmap_spec *wanted)
{
	struct cmap_spec spec = *wanted;
	struct cmap *map;
	u32 round = 0;
	int gone, err;

	err = cmap_map_resolve(&spec);
	if (err)
		return ERR_PTR(err);

	do {
		gone = atomic_read(&maps_gone);
		map = map_new(&spec);
		err = PTR_ERR_OR_ZERO(map);
	} while ((err == -ENFILE || err == -EDQUOT) &&
		 round++ < GONE_ROUNDS && wait_for_map(gone));

	return map;
}

/**
 * cmap_map_get() - take a reference of a user
 * @map: a map that the caller has one of already
 *
 * Context: Any.
 */
void cmap_map_get(struct cmap *map)
{
	refcount_inc(&map->refs);
	atomic_inc(&map->users);
}

/* The last reference is gone.  Readers may still use the map. */
static void map_release(struct cmap *map)
{
	atomic_inc(&maps_leaving);
	map_forget(map);
	map->last_bytes = atomic64_read(&map->memory.account.bytes);
	cmap_account_returning(map->memory.account.parent, map->last_bytes);
	queue_rcu_work(cmap_queue_destroy, &map->destroy);
}

/**
 * cmap_map_put() - drop a reference of a user
 * @map: the map
 *
 * The last reference frees the map later.  If only listeners have references left,
 * they are told that the map has ended.
 *
 * What was found in the map stays valid until the end of the RCU read section
 * in which it was found.
 *
 * Context: Process or softirq, interrupts enabled.
 */
void cmap_map_put(struct cmap *map)
{
	bool ended;

	/* The map is freed after a grace period, so it exists below. */
	rcu_read_lock();
	/* Full barrier: the last user sees what the others have written. */
	ended = atomic_dec_and_test(&map->users);
	if (refcount_dec_and_test(&map->refs))
		map_release(map);
	else if (unlikely(ended))
		cmap_events_end(&map->events);
	rcu_read_unlock();
}

/**
 * cmap_map_hold() - take a reference of a listener, with which the map can end
 * @map: a map that the caller has a reference of already
 *
 * Context: Any.
 */
void cmap_map_hold(struct cmap *map)
{
	refcount_inc(&map->refs);
}

/**
 * cmap_map_unhold() - drop a reference of a listener
 * @map: the map; the last reference frees it later
 *
 * Context: Process.
 */
void cmap_map_unhold(struct cmap *map)
{
	if (refcount_dec_and_test(&map->refs))
		map_release(map);
}

/* ---- names ---- */

static u32 name_hash(const struct net *net, const char *name)
{
	return full_name_hash(net, name, strlen(name));
}

static struct cmap_label *label_locked(const struct cmap *map)
{
	return rcu_dereference_protected(map->label,
					 lockdep_is_held(&names_mutex));
}

static struct cmap *name_find(const struct net *net, const char *name)
{
	struct cmap *map;

	lockdep_assert_held(&names_mutex);

	hash_for_each_possible(names, map, names, name_hash(net, name))
		if (map->net == net && !strcmp(label_locked(map)->text, name))
			return map;

	return NULL;
}

/**
 * cmap_names_here() - get the namespace of the caller's names
 *
 * Context: Process.
 * Return: the namespace; valid during the system call.
 */
struct net *cmap_names_here(void)
{
#ifdef CONFIG_NET
	return current->nsproxy->net_ns;
#else
	return NULL;
#endif
}

/**
 * cmap_names_initial() - get the namespace of the kernel's names
 *
 * Context: Any.
 * Return: the namespace.
 */
struct net *cmap_names_initial(void)
{
#ifdef CONFIG_NET
	return &init_net;
#else
	return NULL;
#endif
}

/* The user namespace whose capabilities count for names in @net. */
static struct user_namespace *names_owner(const struct net *net)
{
#ifdef CONFIG_NET
	if (net)
		return net->user_ns;
#endif
	return &init_user_ns;
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
 * cmap_name_kernels() - check whether only kernel code can use a name
 * @name: the name
 *
 * Context: Any.
 * Return: true if so.
 */
bool cmap_name_kernels(const char *name)
{
	return !strncmp(name, CMAP_KERNEL_PREFIX, strlen(CMAP_KERNEL_PREFIX));
}

static void link_locked(struct cmap *map)
{
	lockdep_assert_held(&names_mutex);

	hash_add(names, &map->names,
		 name_hash(map->net, label_locked(map)->text));
}

static void unlink_locked(struct cmap *map)
{
	lockdep_assert_held(&names_mutex);

	hash_del(&map->names);
	WRITE_ONCE(map->unlinked, true);
	WRITE_ONCE(map->net, NULL);
	cmap_events_renamed(&map->events);
	cmap_map_put(map);
}

/**
 * cmap_names_add() - make a new map visible to others
 * @map: the map, complete
 * @net: the namespace for its name, if it has one
 *
 * Context: Process.
 * Return: 0, -EEXIST if the name is taken, or -ENOMEM.
 */
int cmap_names_add(struct cmap *map, struct net *net)
{
	int err;

	map->id = atomic64_inc_return(&last_id);
	err = xa_err(xa_store_bh(&maps, map->id, map, CMAP_GFP_KERNEL));
	if (err || !cmap_map_named(map))
		return err;

	/* Until then the map is in the state of a map that was unlinked. */
	mutex_lock(&names_mutex);
	if (name_find(net, label_locked(map)->text)) {
		err = -EEXIST;
	} else {
		cmap_map_get(map);
		WRITE_ONCE(map->net, net);
#ifdef CONFIG_NET
		WRITE_ONCE(map->net_number, net->ns.inum);
#endif
		link_locked(map);
		WRITE_ONCE(map->unlinked, false);
	}
	mutex_unlock(&names_mutex);

	return err;
}

/* ---- permissions ---- */

/*
 * Check whether the caller has a capability over a map.  It counts in the user
 * namespace that owns the map's network namespace, and only if the map's owner
 * and group have an id there.
 */
static bool capable_over(const struct cmap *map, int cap)
{
	struct user_namespace *ns = names_owner(map->net);

	lockdep_assert_held(&names_mutex);

	return from_kuid(ns, map->uid) != (uid_t)-1 &&
	       from_kgid(ns, map->gid) != (gid_t)-1 && ns_capable(ns, cap);
}

static bool map_owned(const struct cmap *map)
{
	return uid_eq(current_fsuid(), map->uid);
}

static bool may_open(const struct cmap *map, int access)
{
	umode_t mode = map->mode;

	if (access & CMAP_MAY_CHANGE)
		return map_owned(map) || capable_over(map, CAP_FOWNER);
	if (map_owned(map))
		mode >>= 6;
	else if (in_group_p(map->gid))
		mode >>= 3;

	return !(access & ~mode & (CMAP_MAY_READ | CMAP_MAY_WRITE)) ||
	       capable_over(map, CAP_DAC_OVERRIDE);
}

/*
 * True if the map's owner is the caller, or a user whom the caller must trust
 * anyway.  The root of a user namespace is such a user for processes inside.
 * For a process that entered the network namespace from an outer user namespace
 * it is a user like any other.
 */
static bool trusted_owner(const struct cmap *map)
{
	struct user_namespace *ns = names_owner(map->net);

	lockdep_assert_held(&names_mutex);

	return map_owned(map) || uid_eq(map->uid, GLOBAL_ROOT_UID) ||
	       (current_in_userns(ns) && uid_eq(map->uid, make_kuid(ns, 0)));
}

/**
 * cmap_names_open() - find a map by name
 * @net: the namespace of the name
 * @name: the name
 * @access: CMAP_MAY_READ, CMAP_MAY_WRITE or both, or CMAP_MAY_CHANGE, checked
 *	against the caller's credentials; 0 for kernel users
 * @trusted: accept only a map that belongs to the caller, to root, or to the
 *	root of the names' user namespace if the caller is inside
 * @renames: set to how often the map was renamed until now; or NULL
 *
 * Context: Process.
 * Return: the map with a reference for the caller, or an ERR_PTR: -ENOENT,
 * -EACCES.
 */
struct cmap *cmap_names_open(struct net *net, const char *name, int access,
			     bool trusted, u32 *renames)
{
	struct cmap *map;

	mutex_lock(&names_mutex);
	map = name_find(net, name);
	if (!map)
		map = ERR_PTR(-ENOENT);
	else if (!may_open(map, access) || (trusted && !trusted_owner(map)))
		map = ERR_PTR(-EACCES);
	else
		cmap_map_get(map);
	if (renames && !IS_ERR(map))
		*renames = map->events.renames;
	mutex_unlock(&names_mutex);

	return map;
}

/* ---- removing and changing names ---- */

/**
 * cmap_names_unlink() - remove a name
 * @net: the namespace of the name
 * @name: the name
 *
 * Context: Process.
 * Return: 0, -ENOENT, or -EACCES if the caller neither owns the map nor has
 * CAP_FOWNER, or if it is the kernel's.
 */
int cmap_names_unlink(struct net *net, const char *name)
{
	struct cmap *map;
	int err = 0;

	mutex_lock(&names_mutex);
	map = name_find(net, name);
	if (!map)
		err = -ENOENT;
	else if (map->kernel ||
		 (!map_owned(map) && !capable_over(map, CAP_FOWNER)))
		err = -EACCES;
	else
		unlink_locked(map);
	mutex_unlock(&names_mutex);

	return err;
}

/**
 * cmap_names_unlink_map() - remove the name of a given map
 * @map: the map, of which the caller has a reference
 *
 * Context: Process.
 * Return: 0, or -ENOENT if it has none.
 */
int cmap_names_unlink_map(struct cmap *map)
{
	int err = -ENOENT;

	mutex_lock(&names_mutex);
	if (cmap_map_named(map) && !map->unlinked) {
		unlink_locked(map);
		err = 0;
	}
	mutex_unlock(&names_mutex);

	return err;
}

/* Whether the caller may take a map's name away from it, or change it. */
static int may_change_name(const struct cmap *map)
{
	lockdep_assert_held(&names_mutex);

	if (!cmap_map_named(map) || map->unlinked)
		return -ENOENT;
	if (map->kernel)
		return -EACCES;
	if (!map_owned(map) && !capable_over(map, CAP_FOWNER))
		return -EPERM;
	return 0;
}

/* @other is the map that has the new name, NULL if there is none. */
static int may_rename(const struct cmap *map, const char *name, u32 flags,
		      struct cmap **other)
{
	int err = may_change_name(map);

	if (err)
		return err;
	*other = name_find(map->net, name);
	if (!*other)
		return flags & CMAP_RENAME_EXCHANGE ? -ENOENT : 0;
	if (!(flags & (CMAP_RENAME_REPLACE | CMAP_RENAME_EXCHANGE)))
		return -EEXIST;
	return *other == map ? 0 : may_change_name(*other);
}

/* Give a map another label.  Readers may still use the one that it had. */
static struct cmap_label *relabel_locked(struct cmap *map,
					 struct cmap_label *label)
{
	struct cmap_label *old = label_locked(map);

	lockdep_assert_held(&names_mutex);

	hash_del(&map->names);
	rcu_assign_pointer(map->label, label);
	link_locked(map);
	cmap_events_renamed(&map->events);
	return old;
}

/**
 * cmap_names_rename() - change a map's name
 * @map: the map
 * @name: the new name
 * @flags: CMAP_RENAME_REPLACE, CMAP_RENAME_EXCHANGE or 0: what becomes of a map that
 *	has this name
 *
 * Whoever opens a map by one of the names meanwhile finds the one that had it before,
 * or the one that has it afterwards.
 *
 * Context: Process.
 * Return: 0, also if the map has that name already and there is a flag; -ENOENT if it
 * has no name, or if there is no map to exchange names with; -EEXIST if the name is
 * taken and there is no flag; -EPERM if the caller neither owns both maps nor has
 * CAP_FOWNER; -EACCES if one is the kernel's; -ENOMEM.
 */
int cmap_names_rename(struct cmap *map, const char *name, u32 flags)
{
	struct cmap_label *label = cmap_label_new(name);
	struct cmap *other;
	int err;

	if (!label)
		return -ENOMEM;

	mutex_lock(&names_mutex);
	err = may_rename(map, name, flags, &other);
	if (!err && other != map) {
		if (other && flags & CMAP_RENAME_EXCHANGE) {
			relabel_locked(other,
				       relabel_locked(map, label_locked(other)));
		} else {
			if (other)
				unlink_locked(other);
			label = relabel_locked(map, label);
		}
	}
	mutex_unlock(&names_mutex);
	kfree_rcu(label, rcu);

	return err;
}

/* ---- owner and mode ---- */

static bool may_set_uid(const struct cmap *map, kuid_t uid)
{
	if (map_owned(map) && uid_eq(uid, map->uid))
		return true;
	return from_kuid(names_owner(map->net), uid) != (uid_t)-1 &&
	       capable_over(map, CAP_CHOWN);
}

static bool may_set_gid(const struct cmap *map, kgid_t gid)
{
	if (map_owned(map) && (gid_eq(gid, map->gid) || in_group_p(gid)))
		return true;
	return from_kgid(names_owner(map->net), gid) != (gid_t)-1 &&
	       capable_over(map, CAP_CHOWN);
}

static int may_set_attr(const struct cmap *map, const struct cmap_attr *attr)
{
	if (attr->valid & CMAP_SET_MODE && !map_owned(map) &&
	    !capable_over(map, CAP_FOWNER))
		return -EPERM;
	if (attr->valid & CMAP_SET_UID && !may_set_uid(map, attr->uid))
		return -EPERM;
	if (attr->valid & CMAP_SET_GID && !may_set_gid(map, attr->gid))
		return -EPERM;
	return 0;
}

/*
 * Check whether the change of owner changes who pays.  The payer is found in
 * the user namespace whose capabilities allow the change.  In the caller's own
 * namespace, if that is an outer one, the new owner could be any of the ids
 * that were granted to one user, and each id would have limits of its own.  A
 * change to the present owner changes nothing.
 */
static bool changes_payer(const struct cmap *map, const struct cmap_attr *attr,
			  kuid_t *payer)
{
	lockdep_assert_held(&names_mutex);

	if (!(attr->valid & CMAP_SET_UID) || !map->user ||
	    uid_eq(attr->uid, map->uid))
		return false;
	*payer = cmap_user_payer(names_owner(map->net), attr->uid);
	return !uid_eq(*payer, map->user->uid);
}

/*
 * @user holds the new payer, who is counted.  Afterwards it holds the one to
 * uncount: the old payer, or the new one if nothing changed.
 */
static int set_attr_locked(struct cmap *map, const struct cmap_attr *attr,
			   struct cmap_user **user)
{
	int err = may_set_attr(map, attr);
	kuid_t payer;

	lockdep_assert_held(&names_mutex);

	if (!err && changes_payer(map, attr, &payer)) {
		/* Another task has changed the owner or removed the name. */
		if (!*user || !uid_eq((*user)->uid, payer))
			return -EAGAIN;
		/*
		 * A caller who may not use the reserve must not make a map of
		 * root use it.
		 */
		err = cmap_bill_move(&map->memory.bill, &(*user)->account,
				     uid_eq(payer, GLOBAL_ROOT_UID) &&
				     cmap_privileged());
		if (!err)
			swap(map->user, *user);
	}
	if (err)
		return err;

	if (attr->valid & CMAP_SET_MODE)
		WRITE_ONCE(map->mode, attr->mode);
	if (attr->valid & CMAP_SET_UID)
		WRITE_ONCE(map->uid, attr->uid);
	if (attr->valid & CMAP_SET_GID)
		WRITE_ONCE(map->gid, attr->gid);
	return 0;
}

/* Returns -EAGAIN if another task has changed the owner meanwhile. */
static int try_set_attr(struct cmap *map, const struct cmap_attr *attr)
{
	struct cmap_user *user = NULL;
	kuid_t payer;
	bool pays;
	int err;

	mutex_lock(&names_mutex);
	err = may_set_attr(map, attr);
	pays = changes_payer(map, attr, &payer);
	mutex_unlock(&names_mutex);
	if (err)
		return err;
	if (pays) {
		user = cmap_user_count(payer, uid_eq(payer, GLOBAL_ROOT_UID));
		if (IS_ERR(user))
			return PTR_ERR(user);
	}

	mutex_lock(&names_mutex);
	err = set_attr_locked(map, attr, &user);
	mutex_unlock(&names_mutex);
	cmap_user_uncount(user);

	return err;
}

/**
 * cmap_names_set() - change a map's owner, group or mode
 * @map: the map
 * @attr: what to change, and the new values
 *
 * The new owner pays for the map, within the owner's limits.  If the name is in
 * a network namespace that users made, the user pays who owns its user
 * namespace: see cmap_user_payer().
 *
 * Context: Process.
 * Return: 0; -EPERM if the caller may not; -EDQUOT or -ENOMEM with nothing
 * changed.
 */
int cmap_names_set(struct cmap *map, const struct cmap_attr *attr)
{
	int err;

	do
		err = try_set_attr(map, attr);
	while (err == -EAGAIN);

	return err;
}

/* ---- all maps ---- */

/**
 * cmap_names_next() - iterate over all maps
 * @id: id of the previous map, 0 at first; set to that of the map returned
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
	if (map)
		atomic_inc(&map->users);

	*id = index;
	return map;
}

/**
 * cmap_names_unlink_all() - remove all names of a namespace
 * @net: the namespace
 *
 * Context: Process.
 */
void cmap_names_unlink_all(const struct net *net)
{
	struct hlist_node *next;
	struct cmap *map;
	unsigned int i;

	mutex_lock(&names_mutex);
	hash_for_each_safe(names, i, next, map, names)
		if (map->net == net)
			unlink_locked(map);
	mutex_unlock(&names_mutex);
}

#ifdef CONFIG_NET
/* No process is left in the namespace, so nobody can add a name. */
static void __net_exit names_exit(struct net *net)
{
	cmap_names_unlink_all(net);
}

static struct pernet_operations names_ops = {
	.exit = names_exit,
};
#endif

/**
 * cmap_names_init() - register for the end of namespaces
 *
 * Context: Process.
 * Return: 0 or a negative errno.
 */
int cmap_names_init(void)
{
#ifdef CONFIG_NET
	return register_pernet_subsys(&names_ops);
#else
	return 0;
#endif
}

/**
 * cmap_names_close() - remove all names of all namespaces
 *
 * Context: Process.
 */
void cmap_names_close(void)
{
#ifdef CONFIG_NET
	unregister_pernet_subsys(&names_ops);
#else
	cmap_names_unlink_all(NULL);
#endif
}

/**
 * cmap_names_exit() - free what is left when there is no map
 *
 * Context: Process.
 */
void cmap_names_exit(void)
{
	/* The xarray may keep internal nodes after an allocation failed. */
	xa_destroy(&maps);
}
