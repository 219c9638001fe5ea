// SPDX-License-Identifier: GPL-2.0
#include "account.h"

#include <linux/errno.h>
#include <linux/memcontrol.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/topology.h>

struct cmap_account cmap_account_all;

static bool fits(const struct cmap_account *account, s64 old, u64 bytes)
{
	u64 max = READ_ONCE(account->max);

	return !max || old + bytes <= max;
}

static bool take(struct cmap_account *account, u64 bytes)
{
	s64 old = atomic64_read(&account->bytes);

	do {
		if (!fits(account, old, bytes))
			return false;
	} while (!atomic64_try_cmpxchg(&account->bytes, &old, old + bytes));

	return true;
}

/**
 * cmap_charge() - take bytes from an account and all above it
 * @account: the account
 * @bytes: how many
 *
 * What is refused is not taken even for a moment, lest others are refused what
 * there is room for.  Only where a limit further up is reached just then it is
 * taken below, and given back.
 *
 * Context: Any.
 * Return: 0, or -ENOSPC with nothing taken when a limit stands in the way.
 */
int cmap_charge(struct cmap_account *account, u64 bytes)
{
	struct cmap_account *a, *undo;

	for (a = account; a; a = a->parent)
		if (!fits(a, atomic64_read(&a->bytes), bytes))
			return -ENOSPC;
	for (a = account; a; a = a->parent)
		if (!take(a, bytes))
			goto refuse;

	return 0;

refuse:
	for (undo = account; undo != a; undo = undo->parent)
		atomic64_sub(bytes, &undo->bytes);
	return -ENOSPC;
}

/**
 * cmap_uncharge() - give bytes back to an account and all above it
 * @account: the account
 * @bytes: how many, all of them charged before
 *
 * Context: Any.
 */
void cmap_uncharge(struct cmap_account *account, u64 bytes)
{
	for (; account; account = account->parent)
		atomic64_sub(bytes, &account->bytes);
}

/**
 * cmap_gfp() - how to allocate for a caller
 * @gfp: GFP_KERNEL; GFP_NOFS or GFP_NOIO for one that file systems or I/O may
 *	be waiting for; or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Any.
 * Return: CMAP_GFP_KERNEL, or the like of it that does no more than @gfp allows.
 */
gfp_t cmap_gfp(gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		return CMAP_GFP_KERNEL & (gfp | ~(__GFP_IO | __GFP_FS));
	return gfp | __GFP_ACCOUNT | __GFP_NOWARN;
}

#ifdef CMAP_MEMCG
/**
 * cmap_payer_current() - the object cgroup that the current process pays by
 *
 * It keeps no memory cgroup: when one is removed its parent pays.  So what has
 * a long life, as a named map, does not keep its creator's cgroup.
 *
 * Context: Process.
 * Return: it with a reference for the caller; or NULL for a kernel thread, or
 * where kernel memory is not accounted.
 */
struct obj_cgroup *cmap_payer_current(void)
{
	struct mem_cgroup *memcg = current->mm ?
				   get_mem_cgroup_from_mm(current->mm) : NULL;
	struct mem_cgroup *m;
	struct obj_cgroup *payer = NULL;

	rcu_read_lock();
	/* One that is being removed has given its own to its parent. */
	for (m = memcg; m && !payer; m = parent_mem_cgroup(m)) {
		payer = rcu_dereference(cmap_memcg_objcg(m));
		if (payer && !obj_cgroup_tryget(payer))
			payer = NULL;
	}
	rcu_read_unlock();
	mem_cgroup_put(memcg);

	return payer;
}

/**
 * cmap_payer_memcg() - the memory cgroup that pays now
 * @payer: from cmap_payer_current(), or NULL
 *
 * Context: Any.
 * Return: it with a reference for the caller, or NULL for none.
 */
struct mem_cgroup *cmap_payer_memcg(struct obj_cgroup *payer)
{
	return payer ? get_mem_cgroup_from_objcg(payer) : NULL;
}

/**
 * cmap_payer_put() - drop what cmap_payer_current() returned
 * @payer: it, or NULL
 *
 * Context: Any.
 */
void cmap_payer_put(struct obj_cgroup *payer)
{
	if (payer)
		obj_cgroup_put(payer);
}
#endif
