// SPDX-License-Identifier: GPL-2.0
#include "limits.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/hashtable.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <uapi/linux/cmap.h>

unsigned int cmap_max_maps = 4096;
unsigned int cmap_user_max_maps;

unsigned int cmap_max_watches = 16384;
unsigned int cmap_user_max_watches;

unsigned int cmap_max_waiters = 16384;
unsigned int cmap_user_max_waiters;

unsigned int cmap_max_owners = 16384;
unsigned int cmap_user_max_owners;

static atomic_t maps_count;
static atomic_t watches_count;
static atomic_t waiters_count;
static atomic_t owners_count;

/* Users of whom something is counted, by user id. */
static DEFINE_HASHTABLE(users, 6);
static DEFINE_SPINLOCK(users_lock);

/**
 * cmap_privileged() - check whether users' limits do not apply to the caller
 *
 * Such a caller may also use the reserved part of the module's limits.
 *
 * Context: Process.
 * Return: true with CAP_SYS_RESOURCE in the initial user namespace.
 */
bool cmap_privileged(void)
{
	/* Most callers do not have it.  That is no event for the audit log. */
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

/**
 * cmap_user_payer() - find the user who pays for a map
 * @ns: the user namespace in which the map is made.  For a map that is given to
 *	another user, the one whose capabilities allow that; it is inside the
 *	caller's
 * @uid: the map's owner
 *
 * A user namespace can give its owner many user ids, each of which could have limits
 * of its own.  So for namespaces that root did not make the owner of the outermost
 * one pays: the user that the machine knows.
 *
 * Context: Any.
 * Return: the owner of the outermost user namespace, among @ns and those around it,
 * that does not belong to root; @uid if there is none.
 */
kuid_t cmap_user_payer(const struct user_namespace *ns, kuid_t uid)
{
	for (; ns->parent; ns = ns->parent)
		if (!uid_eq(ns->owner, GLOBAL_ROOT_UID))
			uid = ns->owner;
	return uid;
}

/* ---- what is counted ---- */

/* For each enum cmap_counted: the limits, and how many there are. */
static const struct {
	unsigned int *max;
	unsigned int *user_max;
	atomic_t *count;
} counted[] = {
	[CMAP_COUNTED_MAPS] = {
		&cmap_max_maps, &cmap_user_max_maps, &maps_count,
	},
	[CMAP_COUNTED_WATCHES] = {
		&cmap_max_watches, &cmap_user_max_watches, &watches_count,
	},
	[CMAP_COUNTED_WAITERS] = {
		&cmap_max_waiters, &cmap_user_max_waiters, &waiters_count,
	},
	[CMAP_COUNTED_OWNERS] = {
		&cmap_max_owners, &cmap_user_max_owners, &owners_count,
	},
};

static u32 all_max(enum cmap_counted what, bool privileged)
{
	u32 max = min_t(u32, READ_ONCE(*counted[what].max), INT_MAX);

	return privileged ? max : max - cmap_reserve_of(max);
}

static u32 user_max(enum cmap_counted what)
{
	u32 max = READ_ONCE(*counted[what].user_max);

	return max ?: max_t(u32, READ_ONCE(*counted[what].max) / 4, 1);
}

/**
 * cmap_counted_add() - count more maps, watches, waiters or owners
 * @what: which of them
 * @n: how many
 * @privileged: it may use the reserve
 *
 * Context: Any.
 * Return: 0, or -ENFILE if the limit is reached.
 */
int cmap_counted_add(enum cmap_counted what, u32 n, bool privileged)
{
	int max = all_max(what, privileged);
	int count = atomic_read(counted[what].count);

	/* The limit may have been lowered, so the count can be above it. */
	do {
		if (count >= max || n > max - count)
			return -ENFILE;
	} while (!atomic_try_cmpxchg(counted[what].count, &count, count + n));

	return 0;
}

/**
 * cmap_counted_remove() - count fewer maps, watches, waiters or owners
 * @what: which of them
 * @n: how many fewer
 *
 * Context: Any.
 */
void cmap_counted_remove(enum cmap_counted what, u32 n)
{
	atomic_sub(n, counted[what].count);
}

/* ---- users ---- */

static struct cmap_user *user_find_locked(kuid_t uid)
{
	struct cmap_user *user;

	lockdep_assert_held(&users_lock);

	hash_for_each_possible(users, user, node, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

static bool user_is_limited(kuid_t uid, bool privileged)
{
	return !privileged && !uid_eq(uid, GLOBAL_ROOT_UID);
}

/*
 * Count @n more for a user.  If the user has nothing yet, *@fresh becomes the user's
 * object.  Return NULL if one is needed and *@fresh is NULL.
 */
static struct cmap_user *user_count_locked(enum cmap_counted what, u32 n,
					   kuid_t uid, bool privileged,
					   struct cmap_user **fresh)
{
	struct cmap_user *user = user_find_locked(uid);
	u32 count = user ? user->count[what] : 0;

	if (user_is_limited(uid, privileged) &&
	    (u64)count + n > user_max(what))
		return ERR_PTR(-EDQUOT);
	if (!user) {
		user = *fresh;
		if (!user)
			return NULL;
		*fresh = NULL;
		hash_add(users, &user->node, __kuid_val(uid));
	}
	user->count[what] += n;
	return user;
}

static struct cmap_user *user_alloc(kuid_t uid)
{
	struct cmap_user *user = kzalloc(sizeof(*user), CMAP_GFP_KERNEL);

	if (user) {
		user->uid = uid;
		user->account.kind = uid_eq(uid, GLOBAL_ROOT_UID) ?
				     CMAP_ACCOUNT_PLAIN : CMAP_ACCOUNT_USER;
		user->account.parent = &cmap_account_all;
	}
	return user;
}

/**
 * cmap_user_count_some() - count more maps, watches, waiters or owners for a user
 * @what: which of them
 * @n: how many
 * @uid: the user
 * @privileged: the user's limit does not apply
 *
 * Context: Process.
 * Return: the user, for cmap_user_uncount_some(); or an ERR_PTR: -EDQUOT if the user's
 * limit is reached, -ENOMEM.
 */
struct cmap_user *cmap_user_count_some(enum cmap_counted what, u32 n, kuid_t uid,
				       bool privileged)
{
	struct cmap_user *user, *fresh = NULL;

	spin_lock(&users_lock);
	user = user_count_locked(what, n, uid, privileged, &fresh);
	spin_unlock(&users_lock);
	if (user)
		return user;

	fresh = user_alloc(uid);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	spin_lock(&users_lock);
	user = user_count_locked(what, n, uid, privileged, &fresh);
	spin_unlock(&users_lock);
	/* Another thread may have added the user meanwhile. */
	kfree(fresh);
	return user;
}

static bool user_has_nothing_locked(const struct cmap_user *user)
{
	lockdep_assert_held(&users_lock);

	return !memchr_inv(user->count, 0, sizeof(user->count));
}

/**
 * cmap_user_uncount_some() - count fewer maps, watches, waiters or owners for a user
 * @what: which of them
 * @n: how many fewer
 * @user: the user, who is forgotten with the last of them; or NULL
 *
 * The caller has uncharged a map's memory.
 *
 * Context: Process.
 */
void cmap_user_uncount_some(enum cmap_counted what, u32 n,
			    struct cmap_user *user)
{
	bool last;

	if (!user)
		return;

	spin_lock(&users_lock);
	user->count[what] -= n;
	last = !user->count[what] && user_has_nothing_locked(user);
	if (last)
		hash_del(&user->node);
	spin_unlock(&users_lock);
	if (!last)
		return;

	WARN_ON_ONCE(atomic64_read(&user->account.bytes));
	kfree(user);
}

static struct cmap_user *current_count(enum cmap_counted what, u32 n,
				       bool privileged)
{
	kuid_t uid = cmap_user_payer(current_user_ns(), current_fsuid());
	struct cmap_user *user;
	int err;

	err = cmap_counted_add(what, n, privileged);
	if (err)
		return ERR_PTR(err);
	user = cmap_user_count_some(what, n, uid, privileged);
	if (IS_ERR(user))
		cmap_counted_remove(what, n);
	return user;
}

/**
 * cmap_current_count() - count watches, waiters or owners for the caller's user
 * @what: which of them
 * @n: how many
 *
 * Capabilities take long to look up.  So that is done only at a limit.
 *
 * Context: Process.
 * Return: the user, for cmap_current_uncount(); or an ERR_PTR: -EDQUOT, -ENFILE or
 * -ENOMEM.
 */
struct cmap_user *cmap_current_count(enum cmap_counted what, u32 n)
{
	struct cmap_user *user = current_count(what, n, false);

	if (IS_ERR(user) && PTR_ERR(user) != -ENOMEM && cmap_privileged())
		user = current_count(what, n, true);
	return user;
}

/**
 * cmap_current_uncount() - undo cmap_current_count()
 * @what: what was counted
 * @n: how many
 * @user: for whom
 *
 * Context: Process.
 */
void cmap_current_uncount(enum cmap_counted what, u32 n, struct cmap_user *user)
{
	cmap_user_uncount_some(what, n, user);
	cmap_counted_remove(what, n);
}

/* ---- reports ---- */

/**
 * cmap_limits_total() - get the number of all maps, and their memory
 * @maps: set to how many there are
 * @bytes: set to their memory
 *
 * Context: Any.
 */
void cmap_limits_total(u64 *maps, u64 *bytes)
{
	*maps = atomic_read(&maps_count);
	*bytes = atomic64_read(&cmap_account_all.bytes);
}

/**
 * cmap_limits_fill() - get what the caller has and may have
 * @limits: all fields are set but size and flags
 *
 * Context: Process.
 */
void cmap_limits_fill(struct cmap_limits *limits)
{
	bool privileged = cmap_privileged();
	kuid_t uid = cmap_user_payer(current_user_ns(), current_fsuid());
	const struct cmap_user *user;

	*limits = (struct cmap_limits){
		.size = limits->size,
		.uid = from_kuid_munged(current_user_ns(), uid),
		.all_maps = atomic_read(&maps_count),
		.all_max_maps = all_max(CMAP_COUNTED_MAPS, privileged),
		.all_bytes = atomic64_read(&cmap_account_all.bytes),
		.all_max_bytes = cmap_account_limit(&cmap_account_all,
						    privileged),
		.all_watches = atomic_read(&watches_count),
		.all_max_watches = all_max(CMAP_COUNTED_WATCHES, privileged),
		.all_waiters = atomic_read(&waiters_count),
		.all_max_waiters = all_max(CMAP_COUNTED_WAITERS, privileged),
		.all_owners = atomic_read(&owners_count),
		.all_max_owners = all_max(CMAP_COUNTED_OWNERS, privileged),
	};
	if (user_is_limited(uid, privileged)) {
		limits->max_maps = user_max(CMAP_COUNTED_MAPS);
		limits->max_bytes = cmap_user_bytes_limit();
		limits->max_watches = user_max(CMAP_COUNTED_WATCHES);
		limits->max_waiters = user_max(CMAP_COUNTED_WAITERS);
		limits->max_owners = user_max(CMAP_COUNTED_OWNERS);
	}

	spin_lock(&users_lock);
	user = user_find_locked(uid);
	if (user) {
		limits->maps = user->count[CMAP_COUNTED_MAPS];
		limits->bytes = atomic64_read(&user->account.bytes);
		limits->watches = user->count[CMAP_COUNTED_WATCHES];
		limits->waiters = user->count[CMAP_COUNTED_WAITERS];
		limits->owners = user->count[CMAP_COUNTED_OWNERS];
	}
	spin_unlock(&users_lock);
}

/**
 * cmap_limits_all() - get what all users together have and may have
 * @limits: the fields about all maps are set, the rest is zeroed
 *
 * Context: Any.
 */
void cmap_limits_all(struct cmap_limits *limits)
{
	*limits = (struct cmap_limits){
		.all_maps = atomic_read(&maps_count),
		.all_max_maps = all_max(CMAP_COUNTED_MAPS, true),
		.all_bytes = atomic64_read(&cmap_account_all.bytes),
		.all_max_bytes = cmap_account_limit(&cmap_account_all, true),
		.all_watches = atomic_read(&watches_count),
		.all_max_watches = all_max(CMAP_COUNTED_WATCHES, true),
		.all_waiters = atomic_read(&waiters_count),
		.all_max_waiters = all_max(CMAP_COUNTED_WAITERS, true),
		.all_owners = atomic_read(&owners_count),
		.all_max_owners = all_max(CMAP_COUNTED_OWNERS, true),
	};
}

/**
 * cmap_limits_each() - get what each user has and may have
 * @fn: called for each user, under the lock of the table of users
 * @arg: for @fn
 *
 * Context: Process.
 */
void cmap_limits_each(void (*fn)(void *arg, kuid_t uid,
				 const struct cmap_limits *limits), void *arg)
{
	const struct cmap_user *user;
	unsigned int i;

	spin_lock(&users_lock);
	hash_for_each(users, i, user, node) {
		struct cmap_limits limits = {
			.maps = user->count[CMAP_COUNTED_MAPS],
			.bytes = atomic64_read(&user->account.bytes),
			.watches = user->count[CMAP_COUNTED_WATCHES],
			.waiters = user->count[CMAP_COUNTED_WAITERS],
			.owners = user->count[CMAP_COUNTED_OWNERS],
		};

		if (user_is_limited(user->uid, false)) {
			limits.max_maps = user_max(CMAP_COUNTED_MAPS);
			limits.max_bytes = cmap_user_bytes_limit();
			limits.max_watches = user_max(CMAP_COUNTED_WATCHES);
			limits.max_waiters = user_max(CMAP_COUNTED_WAITERS);
			limits.max_owners = user_max(CMAP_COUNTED_OWNERS);
		}
		fn(arg, user->uid, &limits);
	}
	spin_unlock(&users_lock);
}
