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
 * cmap_reserve_of() - how much of a limit is reserved
 * @max: the limit
 *
 * Context: Any.
 * Return: the part of it that only CAP_SYS_RESOURCE may use.
 */
u64 cmap_reserve_of(u64 max)
{
	/* @max can be any number.  Divide first, so nothing overflows. */
	u64 percent = min(READ_ONCE(cmap_reserve_percent), 100U);

	return div_u64(max, 100) * percent + max % 100 * percent / 100;
}

/**
 * cmap_user_bytes_limit() - how much memory the maps of one user may account_take
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
 * cmap_account_limit() - how many bytes may be charged to an account
 * @account: the account
 * @privileged: the limit for a privileged map, to which no user's limit applies
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
		/* If all of it is reserved, return 1: 0 would mean no limit. */
		return max - cmap_reserve_of(max) ?: 1;
	default:
		return max;
	}
}

/* Whether a charge may use the reserve, and the headroom. */
struct reach {
	bool privileged;
	bool headroom;
};

static bool account_has_room(const struct cmap_account *account, s64 old,
			     u64 bytes, struct reach reach)
{
	u64 max = cmap_account_limit(account, reach.privileged);
	s64 keep = reach.headroom ? 0 : atomic64_read(&account->headroom);

	return !max || old + keep + bytes <= max;
}

static bool account_take(struct cmap_account *account, u64 bytes,
			 struct reach reach)
{
	s64 old = atomic64_read(&account->bytes);

	do {
		if (!account_has_room(account, old, bytes, reach))
			return false;
	} while (!atomic64_try_cmpxchg(&account->bytes, &old, old + bytes));

	return true;
}

static int refusal_errno(const struct cmap_account *account)
{
	return account->kind == CMAP_ACCOUNT_USER ? -EDQUOT : -ENOSPC;
}

static void uncharge_up_to(struct cmap_account *account, struct cmap_account *end,
			   u64 bytes)
{
	for (; account != end; account = account->parent)
		atomic64_sub(bytes, &account->bytes);
}

static int charge_chain(struct cmap_account *account, u64 bytes, struct reach reach)
{
	struct cmap_account *a;

	for (a = account; a; a = a->parent)
		if (!account_has_room(a, atomic64_read(&a->bytes), bytes, reach))
			return refusal_errno(a);
	for (a = account; a; a = a->parent) {
		if (!account_take(a, bytes, reach)) {
			uncharge_up_to(account, a, bytes);
			return refusal_errno(a);
		}
	}

	return 0;
}

/* The bill among @account and those above it.  NULL if the payer is constant. */
static struct cmap_bill *bill_of(struct cmap_account *account)
{
	for (; account; account = account->parent)
		if (account->kind == CMAP_ACCOUNT_BILL)
			return container_of(account, struct cmap_bill, account);
	return NULL;
}

/* Keep the payer constant until bill_unlock().  Without a bill, do nothing. */
static struct cmap_bill *bill_lock(struct cmap_account *account)
	__acquires(bill)
{
	struct cmap_bill *bill = bill_of(account);

	if (bill)
		spin_lock_bh(&bill->lock);
	else
		__acquire(bill);
	return bill;
}

static void bill_unlock(struct cmap_bill *bill)
	__releases(bill)
{
	if (bill)
		spin_unlock_bh(&bill->lock);
	else
		__release(bill);
}

static struct reach reach_of(const struct cmap_bill *bill, bool headroom)
{
	return (struct reach){
		.privileged = !bill || bill->privileged,
		.headroom = headroom,
	};
}

static int account_charge(struct cmap_account *account, u64 bytes, bool headroom)
{
	struct cmap_bill *bill = bill_lock(account);
	int err = charge_chain(account, bytes, reach_of(bill, headroom));

	bill_unlock(bill);
	return err;
}

/**
 * cmap_charge() - charge bytes to an account and all above it
 * @account: the account
 * @bytes: how many
 *
 * All accounts are checked before the first is charged.  So a charge that is
 * refused does not occupy room meanwhile, and nobody else is refused because of
 * it.  The exception is a race: if an account further up fills after the check,
 * those below it have been charged, and get the bytes back.
 *
 * Context: Process or softirq.
 * Return: 0; or, with nothing charged, -EDQUOT if a user's limit is reached and
 * -ENOSPC if another one is.
 */
int cmap_charge(struct cmap_account *account, u64 bytes)
{
	return account_charge(account, bytes, false);
}

/**
 * cmap_charge_headroom() - charge bytes, and allow use of the headroom
 * @account: the account
 * @bytes: how many
 *
 * For a replacement: it gives at least as many bytes back soon, those of the old
 * value.
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: as cmap_charge().
 */
int cmap_charge_headroom(struct cmap_account *account, u64 bytes)
{
	return account_charge(account, bytes, true);
}

/**
 * cmap_uncharge() - uncharge bytes from an account and all above it
 * @account: the account
 * @bytes: how many, all of them charged before
 *
 * Context: Process or softirq.
 */
void cmap_uncharge(struct cmap_account *account, u64 bytes)
{
	struct cmap_bill *bill = bill_lock(account);

	uncharge_up_to(account, NULL, bytes);
	bill_unlock(bill);
}

/**
 * cmap_bill_init() - set who pays
 * @bill: the bill
 * @payer: the payer's account
 * @privileged: the reserve may be used, and the user's limit does not apply
 *
 * Context: Any.
 */
void cmap_bill_init(struct cmap_bill *bill, struct cmap_account *payer,
		    bool privileged)
{
	bill->account.kind = CMAP_ACCOUNT_BILL;
	WRITE_ONCE(bill->account.parent, payer);
	bill->privileged = privileged;
	spin_lock_init(&bill->lock);
}

/* Move what belongs to @bytes, which have been charged to the new payer. */
static void bill_move_rest(struct cmap_bill *bill, struct cmap_account *payer,
			   s64 bytes)
{
	struct cmap_account *old = bill->account.parent;
	s64 returning = atomic64_read(&bill->account.returning);
	s64 headroom = atomic64_read(&bill->account.headroom);

	atomic64_add(returning, &payer->returning);
	atomic64_add(headroom, &payer->headroom);
	atomic64_sub(bytes, &old->bytes);
	atomic64_sub(returning, &old->returning);
	atomic64_sub(headroom, &old->headroom);
}

/**
 * cmap_bill_move() - move a bill with all its bytes to another payer
 * @bill: the bill
 * @payer: the new payer's account.  Its parents are those of the old payer's
 * @privileged: as for cmap_bill_init()
 *
 * Context: Process or softirq.
 * Return: 0, or -EDQUOT, -ENOSPC with nothing changed.
 */
int cmap_bill_move(struct cmap_bill *bill, struct cmap_account *payer,
		   bool privileged)
{
	struct reach reach = { .privileged = privileged };
	s64 bytes;
	int err = 0;

	spin_lock_bh(&bill->lock);
	bytes = atomic64_read(&bill->account.bytes);
	if (payer != bill->account.parent) {
		if (account_take(payer, bytes, reach))
			bill_move_rest(bill, payer, bytes);
		else
			err = refusal_errno(payer);
	}
	if (!err) {
		WRITE_ONCE(bill->account.parent, payer);
		bill->privileged = privileged;
	}
	spin_unlock_bh(&bill->lock);

	return err;
}

/**
 * cmap_account_returning() - count bytes as on their way back, or no longer
 * @account: the account, and all above it
 * @bytes: how many; negative if they are back, or will not come back after all
 *
 * The caller uncharges bytes first and reports them as back afterwards.  So for a
 * moment more can be counted as returning than is charged, never less.
 *
 * Context: Process or softirq, interrupts enabled.
 */
void cmap_account_returning(struct cmap_account *account, s64 bytes)
{
	struct cmap_bill *bill = bill_lock(account);

	for (; account; account = account->parent)
		atomic64_add(bytes, &account->returning);
	bill_unlock(bill);
}

/**
 * cmap_account_headroom() - change how many bytes are kept for replacements
 * @account: the account, and all above it
 * @bytes: how many more; negative for less
 *
 * Context: Process or softirq, interrupts enabled.
 */
void cmap_account_headroom(struct cmap_account *account, s64 bytes)
{
	struct cmap_bill *bill = bill_lock(account);

	for (; account; account = account->parent)
		atomic64_add(bytes, &account->headroom);
	bill_unlock(bill);
}

/**
 * cmap_account_fits() - check whether bytes could be charged at this moment
 * @account: the account
 * @bytes: how many
 * @headroom: they may use the headroom
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: true if no limit is in the way.
 */
bool cmap_account_fits(struct cmap_account *account, u64 bytes, bool headroom)
{
	struct cmap_bill *bill = bill_lock(account);
	struct reach reach = reach_of(bill, headroom);

	for (; account; account = account->parent)
		if (!account_has_room(account, atomic64_read(&account->bytes), bytes,
				      reach))
			break;
	bill_unlock(bill);

	return !account;
}

static u64 coming_to(const struct cmap_account *account,
		     const struct cmap_coming *coming)
{
	switch (account->kind) {
	case CMAP_ACCOUNT_USER:
		return coming->user;
	case CMAP_ACCOUNT_ALL:
		return coming->all;
	default:
		return coming->own;
	}
}

/**
 * cmap_account_short() - find where bytes do not fit even after all have returned
 * @account: the account
 * @bytes: how many
 * @headroom: they may use the headroom
 * @coming: bytes that will come back and are not counted as returning yet; NULL
 *	for none
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: NULL if the bytes fit once everything has come back; else the first
 * account on the way up that is too small.  If that is a user's it may be freed
 * by now, so the caller only compares the pointer.
 */
const struct cmap_account *
cmap_account_short(struct cmap_account *account, u64 bytes, bool headroom,
		   const struct cmap_coming *coming)
{
	struct cmap_bill *bill = bill_lock(account);
	struct reach reach = reach_of(bill, headroom);

	for (; account; account = account->parent) {
		/*
		 * Read in this order, bytes that come back in between count
		 * twice as free.  So the error is to wait, not to refuse.
		 */
		s64 returning = atomic64_read(&account->returning);
		s64 left = atomic64_read(&account->bytes) - returning;

		if (coming)
			left -= coming_to(account, coming);
		if (!account_has_room(account, max(left, 0LL), bytes, reach))
			break;
	}
	bill_unlock(bill);

	return account;
}

/**
 * cmap_gfp() - allocation flags for a caller
 * @gfp: GFP_KERNEL; GFP_NOFS or GFP_NOIO if a file system or I/O may be waiting
 *	for the caller; or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Any.
 * Return: CMAP_GFP_KERNEL without what @gfp does not allow.
 */
gfp_t cmap_gfp(gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		return CMAP_GFP_KERNEL & (gfp | ~(__GFP_IO | __GFP_FS));
	return gfp | __GFP_ACCOUNT | __GFP_NOWARN;
}

#ifdef CMAP_MEMCG
/**
 * cmap_payer_current() - get the object cgroup of the current process
 *
 * An object cgroup does not pin its memory cgroup: when that is removed, the
 * parent pays.  So an object with a long life, such as a named map, does not keep
 * the cgroup of its creator.
 *
 * Context: Process.
 * Return: the object cgroup with a reference for the caller; NULL for a kernel
 * thread, or where kernel memory is not accounted.
 */
struct obj_cgroup *cmap_payer_current(void)
{
	struct mem_cgroup *memcg = current->mm ?
				   get_mem_cgroup_from_mm(current->mm) : NULL;
	struct mem_cgroup *m;
	struct obj_cgroup *payer = NULL;

	rcu_read_lock();
	/* A cgroup that is being removed has moved its objcg to its parent. */
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
 * cmap_payer_memcg() - get the memory cgroup that pays now
 * @payer: from cmap_payer_current(), or NULL
 *
 * Context: Any.
 * Return: the cgroup with a reference for the caller, or NULL for none.
 */
struct mem_cgroup *cmap_payer_memcg(struct obj_cgroup *payer)
{
	return payer ? get_mem_cgroup_from_objcg(payer) : NULL;
}

/**
 * cmap_payer_put() - drop the reference from cmap_payer_current()
 * @payer: what that returned, which may be NULL
 *
 * Context: Any.
 */
void cmap_payer_put(struct obj_cgroup *payer)
{
	if (payer)
		obj_cgroup_put(payer);
}
#endif
