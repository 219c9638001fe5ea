// SPDX-License-Identifier: GPL-2.0
#include "account.h"

#include <linux/errno.h>
#include <linux/mm.h>

struct cmap_account cmap_account_all;

/**
 * cmap_charge() - take bytes from an account and all above it
 * @account: the account
 * @bytes: how many
 *
 * Context: Any.
 * Return: 0, or -ENOSPC with nothing taken when a limit stands in the way.
 */
int cmap_charge(struct cmap_account *account, u64 bytes)
{
	struct cmap_account *a, *undo;

	for (a = account; a; a = a->parent) {
		u64 max = READ_ONCE(a->max);

		if (atomic64_add_return(bytes, &a->bytes) > max && max)
			goto refuse;
	}

	return 0;

refuse:
	for (undo = account; undo != a->parent; undo = undo->parent)
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
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Any.
 * Return: CMAP_GFP_KERNEL, or the like of it that does not sleep.
 */
gfp_t cmap_gfp(gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		return CMAP_GFP_KERNEL;
	return gfp | __GFP_ACCOUNT | __GFP_NOWARN;
}

/* Large blocks are a wish that must cost nobody anything. */
static gfp_t pages_gfp(gfp_t gfp, unsigned int order)
{
	gfp = cmap_gfp(gfp) | __GFP_ZERO | __GFP_COMP;
	if (order && gfpflags_allow_blocking(gfp))
		gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	return gfp;
}

/**
 * cmap_pages_alloc() - allocate zeroed, physically contiguous pages
 * @account: who pays
 * @node: memory node to prefer
 * @order: log2 of the number of pages
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure: -ENOSPC for the account's limit, -ENOMEM for lack of
 *	memory or the memory cgroup's limit
 *
 * Context: Any that @gfp allows.
 * Return: the pages' address, or NULL with @err set.
 */
void *cmap_pages_alloc(struct cmap_account *account, int node,
		       unsigned int order, gfp_t gfp, int *err)
{
	struct page *page;

	*err = cmap_charge(account, PAGE_SIZE << order);
	if (*err)
		return NULL;

	page = alloc_pages_node(node, pages_gfp(gfp, order), order);
	if (!page) {
		cmap_uncharge(account, PAGE_SIZE << order);
		*err = -ENOMEM;
		return NULL;
	}

	return page_address(page);
}

/**
 * cmap_pages_free() - free pages from cmap_pages_alloc()
 * @account: who paid
 * @pages: their address
 * @order: log2 of the number of pages
 *
 * Context: Any.
 */
void cmap_pages_free(struct cmap_account *account, void *pages,
		     unsigned int order)
{
	free_pages((unsigned long)pages, order);
	cmap_uncharge(account, PAGE_SIZE << order);
}
