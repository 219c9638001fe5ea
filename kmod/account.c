// SPDX-License-Identifier: GPL-2.0
#include "account.h"

#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/topology.h>

struct cmap_account cmap_account_all = { .kind = CMAP_ACCOUNT_ALL };
u64 cmap_user_max_bytes;
unsigned int cmap_reserve_percent = 5;

/**
 * cmap_reserve_of() - what of a limit is reserved
 * @max: the limit
 *
 * Context: Any.
 * Return: how much of it is only for CAP_SYS_RESOURCE.
 */
u64 cmap_reserve_of(u64 max)
{
	/* Divided first: it may be any number. */
	u64 percent = min(READ_ONCE(cmap_reserve_percent), 100U);

	return div_u64(max, 100) * percent + max % 100 * percent / 100;
}

/**
 * cmap_user_bytes_limit() - how much memory the maps of one user may take
 *
 * Context: Any.
 * Return: bytes, 0 for no limit.
 */
u64 cmap_user_bytes_limit(void)
{
	u64 all = READ_ONCE(cmap_account_all.max);

	return READ_ONCE(cmap_user_max_bytes) ?: DIV_ROUND_UP_ULL(all, 4);
}

/**
 * cmap_account_limit() - what may be taken from an account
 * @account: the account
 * @privileged: whether by one who is not bound by users' limits
 *
 * Context: Any.
 * Return: bytes, 0 for no limit.
 */
u64 cmap_account_limit(const struct cmap_account *account, bool privileged)
{
	u64 max = READ_ONCE(account->max);

	switch (account->kind) {
	case CMAP_ACCOUNT_USER:
		return privileged ? 0 : cmap_user_bytes_limit();
	case CMAP_ACCOUNT_ALL:
		if (privileged || !max)
			return max;
		/* All of it reserved is not without a limit. */
		return max - cmap_reserve_of(max) ?: 1;
	default:
		return max;
	}
}

static bool fits(const struct cmap_account *account, s64 old, u64 bytes,
		 bool privileged)
{
	u64 max = cmap_account_limit(account, privileged);

	return !max || old + bytes <= max;
}

static bool take(struct cmap_account *account, u64 bytes, bool privileged)
{
	s64 old = atomic64_read(&account->bytes);

	do {
		if (!fits(account, old, bytes, privileged))
			return false;
	} while (!atomic64_try_cmpxchg(&account->bytes, &old, old + bytes));

	return true;
}

static int refusal(const struct cmap_account *account)
{
	return account->kind == CMAP_ACCOUNT_USER ? -EDQUOT : -ENOSPC;
}

static void give_back(struct cmap_account *account, struct cmap_account *end,
		      u64 bytes)
{
	for (; account != end; account = account->parent)
		atomic64_sub(bytes, &account->bytes);
}

static int charge(struct cmap_account *account, u64 bytes, bool privileged)
{
	struct cmap_account *a;

	for (a = account; a; a = a->parent)
		if (!fits(a, atomic64_read(&a->bytes), bytes, privileged))
			return refusal(a);
	for (a = account; a; a = a->parent) {
		if (!take(a, bytes, privileged)) {
			give_back(account, a, bytes);
			return refusal(a);
		}
	}

	return 0;
}

/* What says who pays: it, or one above it; NULL if that never changes. */
static struct cmap_bill *bill_of(struct cmap_account *account)
{
	for (; account; account = account->parent)
		if (account->kind == CMAP_ACCOUNT_BILL)
			return container_of(account, struct cmap_bill, account);
	return NULL;
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
 * Context: Process or softirq.
 * Return: 0; or with nothing taken -EDQUOT when a user's limit stands in the
 * way, -ENOSPC when another one does.
 */
int cmap_charge(struct cmap_account *account, u64 bytes)
{
	struct cmap_bill *bill = bill_of(account);
	int err;

	if (!bill)
		return charge(account, bytes, true);

	spin_lock_bh(&bill->lock);
	err = charge(account, bytes, bill->privileged);
	spin_unlock_bh(&bill->lock);

	return err;
}

/**
 * cmap_uncharge() - give bytes back to an account and all above it
 * @account: the account
 * @bytes: how many, all of them charged before
 *
 * Context: Process or softirq.
 */
void cmap_uncharge(struct cmap_account *account, u64 bytes)
{
	struct cmap_bill *bill = bill_of(account);

	if (!bill) {
		give_back(account, NULL, bytes);
		return;
	}

	spin_lock_bh(&bill->lock);
	give_back(account, NULL, bytes);
	spin_unlock_bh(&bill->lock);
}

/**
 * cmap_bill_init() - say who pays
 * @bill: the bill
 * @payer: his account
 * @privileged: whether it may draw on what is reserved, and is not bound by
 *	the user's limit
 *
 * Context: Any.
 */
void cmap_bill_init(struct cmap_bill *bill, struct cmap_account *payer,
		    bool privileged)
{
	bill->account.kind = CMAP_ACCOUNT_BILL;
	bill->account.parent = payer;
	bill->privileged = privileged;
	spin_lock_init(&bill->lock);
}

/**
 * cmap_bill_move() - have another pay, for what there is and what comes
 * @bill: the bill
 * @payer: his account; those above it are the same as those of the old one's
 * @privileged: as for cmap_bill_init()
 *
 * Context: Process or softirq.
 * Return: 0, or -EDQUOT, -ENOSPC with nothing changed.
 */
int cmap_bill_move(struct cmap_bill *bill, struct cmap_account *payer,
		   bool privileged)
{
	s64 bytes;
	int err = 0;

	spin_lock_bh(&bill->lock);
	bytes = atomic64_read(&bill->account.bytes);
	if (payer != bill->account.parent) {
		if (take(payer, bytes, privileged))
			atomic64_sub(bytes, &bill->account.parent->bytes);
		else
			err = refusal(payer);
	}
	if (!err) {
		bill->account.parent = payer;
		bill->privileged = privileged;
	}
	spin_unlock_bh(&bill->lock);

	return err;
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
