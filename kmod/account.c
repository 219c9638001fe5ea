// SPDX-License-Identifier: GPL-2.0
#include "account.h"

#include <linux/errno.h>

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
