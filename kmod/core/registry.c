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

/* Every map that can be found, by id.  Its own lock protects it. */
static DEFINE_XARRAY_FLAGS(maps, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);

/*
 * The named ones, by network namespace and name.  The name holds a reference of
 * its map.  The mutex is held while one is added, changed or removed, and
 * protects what &struct cmap says it does.  Nothing is allocated under it: one
 * user's lack of memory is not another's wait.
 *
 * A namespace is not held: names_exit() removes its names before it is freed.
 */
static DEFINE_HASHTABLE(names, 8);
static DEFINE_MUTEX(names_mutex);

/*
 * Maps that nobody has any more, and that still count until a grace period is
 * over; and how many of these are gone by now.
 */
static atomic_t maps_leaving;
static atomic_t maps_gone;
static DECLARE_WAIT_QUEUE_HEAD(map_gone);

/* How many to wait for where others, who make more, may come first. */
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
	cmap_maps_uncount();
	cmap_map_free(map);

	/* Both in this order; pairs with the acquires in wait_for_map(). */
	atomic_inc_return(&maps_gone);
	atomic_dec_return(&maps_leaving);
	wake_up_all(&map_gone);
}

/* Who pays for it, counted; NULL for nobody, which is not limited. */
static struct cmap_user *map_count(const struct cmap_spec *spec,
				   bool privileged)
{
	struct cmap_user *user = NULL;
	int err;

	err = cmap_maps_count(privileged);
	if (err)
		return ERR_PTR(err);
	if (!spec->kernel) {
		kuid_t payer = cmap_user_payer(current_user_ns(), spec->uid);

		user = cmap_user_count(payer, privileged);
		if (IS_ERR(user))
			cmap_maps_uncount();
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
		cmap_maps_uncount();
		return map;
	}
	map->user = user;
	INIT_RCU_WORK(&map->destroy, map_destroy);

	return map;
}

/* It has no reference left: nobody shall find it. */
static void map_forget(struct cmap *map)
{
	if (map->id)
		xa_erase_bh(&maps, map->id);
}

/*
 * Wait for a map to be gone since there were @gone; false if none is to go.  One
 * that is gone may be leaving for a moment yet: @gone has it, and no other comes.
 */
static bool wait_for_map(int gone)
{
	/* Pairs with map_destroy(): of one that left since, we see that it is gone. */
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
 * Nobody else can find the map before cmap_names_add().  A map that was closed
 * before counts for a short while; that is no reason to refuse another.
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
 * cmap_map_get() - take a reference
 * @map: a map that the caller has one of already
 *
 * Context: Any.
 */
void cmap_map_get(struct cmap *map)
{
	refcount_inc(&map->refs);
}

/**
 * cmap_map_put() - drop a reference; the last one frees the map, soon
 * @map: the map
 *
 * What was found in the map stays good for the rest of the RCU read section that
 * it was found in.
 *
 * Context: Process or softirq, interrupts enabled.
 */
void cmap_map_put(struct cmap *map)
{
	if (refcount_dec_and_test(&map->refs)) {
		atomic_inc(&maps_leaving);
		map_forget(map);
		map->last_bytes = atomic64_read(&map->memory.account.bytes);
		cmap_account_returning(map->memory.account.parent,
				       map->last_bytes);
		queue_rcu_work(cmap_queue_destroy, &map->destroy);
	}
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
 * cmap_names_here() - the namespace that the caller's names are in
 *
 * Context: Process.
 * Return: it, good for the call.
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
 * cmap_names_initial() - the namespace that the kernel's names are in
 *
 * Context: Any.
 * Return: it.
 */
struct net *cmap_names_initial(void)
{
#ifdef CONFIG_NET
	return &init_net;
#else
	return NULL;
#endif
}

/* Whose capabilities count for what has a name there. */
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
 * cmap_name_kernels() - whether only kernel code makes maps of that name
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
	cmap_map_put(map);
}

/**
 * cmap_names_add() - let a new map be found
 * @map: the map, complete
 * @net: where its name is to be, if it has one
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

	/* Until it has its name it is like one that lost it. */
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
 * Whether the caller has a capability over a map: in the user namespace that
 * the map's name belongs to, if that knows the map's owner.
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
 * Whether its owner is the caller or one whom the caller must trust anyway.  The
 * root of a user namespace is that for those inside; to whoever came into the
 * network namespace from further out he is a user as any other.
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
 * @net: where the name is
 * @name: the name
 * @access: CMAP_MAY_READ, CMAP_MAY_WRITE or both, or CMAP_MAY_CHANGE, checked
 *	against the caller's credentials; 0 for kernel users
 * @trusted: only one that belongs to the caller, to root, or to the root of the
 *	names' user namespace if the caller is in that
 *
 * Context: Process.
 * Return: the map with a reference for the caller, or an ERR_PTR: -ENOENT,
 * -EACCES.
 */
struct cmap *cmap_names_open(struct net *net, const char *name, int access,
			     bool trusted)
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
	mutex_unlock(&names_mutex);

	return map;
}

/* ---- removing and changing names ---- */

/**
 * cmap_names_unlink() - remove a name
 * @net: where the name is
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
 * cmap_names_unlink_map() - remove a map's name, whatever it is
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

static int may_rename(const struct cmap *map, const char *name)
{
	if (!cmap_map_named(map) || map->unlinked)
		return -ENOENT;
	if (map->kernel)
		return -EACCES;
	if (!map_owned(map) && !capable_over(map, CAP_FOWNER))
		return -EPERM;
	return name_find(map->net, name) ? -EEXIST : 0;
}

/**
 * cmap_names_rename() - give a map another name, where it has one
 * @map: the map
 * @name: the new name
 *
 * Context: Process.
 * Return: 0; -ENOENT if it has no name; -EEXIST if the new one is taken; -EPERM
 * if the caller neither owns the map nor has CAP_FOWNER; -EACCES if it is the
 * kernel's; -ENOMEM.
 */
int cmap_names_rename(struct cmap *map, const char *name)
{
	struct cmap_label *label = cmap_label_new(name), *old;
	int err;

	if (!label)
		return -ENOMEM;

	mutex_lock(&names_mutex);
	err = may_rename(map, name);
	if (!err) {
		old = label_locked(map);
		hash_del(&map->names);
		rcu_assign_pointer(map->label, label);
		link_locked(map);
		label = old;
	}
	mutex_unlock(&names_mutex);
	/* Others may be looking at the old one. */
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
 * Whether another is to pay, and who.  It goes by the user namespace whose
 * capabilities allow to give the map away: by the caller's own, from further
 * out, it would be any of the users that one user was granted, each with limits
 * of his own.  Who owns a map already changes nothing by saying so.
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

/* *user is the one who is to pay, then the one who did, or paid in vain. */
static int set_attr_locked(struct cmap *map, const struct cmap_attr *attr,
			   struct cmap_user **user)
{
	int err = may_set_attr(map, attr);
	kuid_t payer;

	if (!err && changes_payer(map, attr, &payer)) {
		/* Another gave it away since, or removed its name. */
		if (!*user || !uid_eq((*user)->uid, payer))
			return -EAGAIN;
		/* Who may not use the reserve cannot give root's maps it. */
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

/* -EAGAIN if it changed hands meanwhile. */
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
 * @attr: what of it, and to what
 *
 * The new owner pays for the map, within his limits; or, where its name is in a
 * network namespace of users, the one to whom these count.
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
/* No process is in the namespace any more: nobody can make another name. */
static void __net_exit names_exit(struct net *net)
{
	cmap_names_unlink_all(net);
}

static struct pernet_operations names_ops = {
	.exit = names_exit,
};
#endif

/**
 * cmap_names_init() - be told when a namespace ends
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
 * cmap_names_exit() - the end, when no map is left
 *
 * Context: Process.
 */
void cmap_names_exit(void)
{
	/* Nodes of its own may be left, from when there was no memory for more. */
	xa_destroy(&maps);
}
