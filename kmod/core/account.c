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

/* How far a charge may go: into what is reserved, and into the headroom. */
struct reach {
	bool privileged;
	bool headroom;
};

static bool fits(const struct cmap_account *account, s64 old, u64 bytes,
		 struct reach reach)
{
	u64 max = cmap_account_limit(account, reach.privileged);
	s64 keep = reach.headroom ? 0 : atomic64_read(&account->headroom);

	return !max || old + keep + bytes <= max;
}

static bool take(struct cmap_account *account, u64 bytes, struct reach reach)
{
	s64 old = atomic64_read(&account->bytes);

	do {
		if (!fits(account, old, bytes, reach))
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

static int charge(struct cmap_account *account, u64 bytes, struct reach reach)
{
	struct cmap_account *a;

	for (a = account; a; a = a->parent)
		if (!fits(a, atomic64_read(&a->bytes), bytes, reach))
			return refusal(a);
	for (a = account; a; a = a->parent) {
		if (!take(a, bytes, reach)) {
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

/* The payer does not change while this is held; does nothing without a bill. */
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

static int charge_billed(struct cmap_account *account, u64 bytes, bool headroom)
{
	struct cmap_bill *bill = bill_lock(account);
	int err = charge(account, bytes, reach_of(bill, headroom));

	bill_unlock(bill);
	return err;
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
	return charge_billed(account, bytes, false);
}

/**
 * cmap_charge_headroom() - take bytes, also from the headroom
 * @account: the account
 * @bytes: how many
 *
 * For who gives as many bytes back soon: a replacement, whose old value goes.
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: as of cmap_charge().
 */
int cmap_charge_headroom(struct cmap_account *account, u64 bytes)
{
	return charge_billed(account, bytes, true);
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
	struct cmap_bill *bill = bill_lock(account);

	give_back(account, NULL, bytes);
	bill_unlock(bill);
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
	WRITE_ONCE(bill->account.parent, payer);
	bill->privileged = privileged;
	spin_lock_init(&bill->lock);
}

/* The new payer has the bytes already. */
static void move_rest(struct cmap_bill *bill, struct cmap_account *payer,
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
	struct reach reach = { .privileged = privileged };
	s64 bytes;
	int err = 0;

	spin_lock_bh(&bill->lock);
	bytes = atomic64_read(&bill->account.bytes);
	if (payer != bill->account.parent) {
		if (take(payer, bytes, reach))
			move_rest(bill, payer, bytes);
		else
			err = refusal(payer);
	}
	if (!err) {
		WRITE_ONCE(bill->account.parent, payer);
		bill->privileged = privileged;
	}
	spin_unlock_bh(&bill->lock);

	return err;
}

/**
 * cmap_account_returning() - say that bytes are on their way back, or are back
 * @account: the account, and all above it
 * @bytes: how many; negative if they are back, or not given back after all
 *
 * Who gives them back uncharges them before he says that they are back: what is
 * counted as returning may be more than there is for a moment, never less.
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
 * cmap_account_headroom() - keep more bytes, or less, for replacements
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
 * cmap_account_fits() - whether bytes could be charged just now
 * @account: the account
 * @bytes: how many
 * @headroom: they may come from the headroom
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: true if no limit stood in the way.
 */
bool cmap_account_fits(struct cmap_account *account, u64 bytes, bool headroom)
{
	struct cmap_bill *bill = bill_lock(account);
	struct reach reach = reach_of(bill, headroom);

	for (; account; account = account->parent)
		if (!fits(account, atomic64_read(&account->bytes), bytes,
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
 * cmap_account_short() - where bytes would not fit, whatever comes back
 * @account: the account
 * @bytes: how many
 * @headroom: they may come from the headroom
 * @coming: bytes that come back and are not counted as returning yet; NULL for
 *	none
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: the first account on the way up that is too small, which may be gone
 * by now if it is a user's; or NULL: then it is only a matter of time.
 */
const struct cmap_account *
cmap_account_short(struct cmap_account *account, u64 bytes, bool headroom,
		   const struct cmap_coming *coming)
{
	struct cmap_bill *bill = bill_lock(account);
	struct reach reach = reach_of(bill, headroom);

	for (; account; account = account->parent) {
		/* In this order: what came back in between counts twice. */
		s64 returning = atomic64_read(&account->returning);
		s64 left = atomic64_read(&account->bytes) - returning;

		if (coming)
			left -= coming_to(account, coming);
		if (!fits(account, max(left, 0LL), bytes, reach))
			break;
	}
	bill_unlock(bill);

	return account;
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
