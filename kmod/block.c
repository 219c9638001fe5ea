// SPDX-License-Identifier: GPL-2.0
#include "block.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <uapi/linux/cmap.h>

/* Blocks that are offered, by number. */
static DEFINE_XARRAY_FLAGS(blocks, XA_FLAGS_LOCK_BH);

/* What lies below is for what every map has: see window.c. */
static atomic64_t last_number = ATOMIC64_INIT(CMAP_WINDOW_FIRST - 1);

DEFINE_SRCU(cmap_block_faults);

/* The device's file, as far as mappings go. */
static struct address_space *device_mapping;

static LLIST_HEAD(gone);

/* Large blocks are a wish that must cost nobody anything. */
static gfp_t pages_gfp(gfp_t gfp, unsigned int order)
{
	gfp = cmap_gfp(gfp) | __GFP_ZERO | __GFP_COMP;
	if (order && gfpflags_allow_blocking(gfp))
		gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	return gfp;
}

/**
 * cmap_block_alloc() - allocate a block of zeroed pages
 * @memory: where it comes from
 * @node: memory node to prefer
 * @order: log2 of the number of pages
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure: -ENOSPC for the account's limit, -ENOMEM for lack of
 *	memory or the memory cgroup's limit
 *
 * Context: Any that @gfp allows.
 * Return: the block, or NULL with @err set.
 */
struct cmap_block *cmap_block_alloc(struct cmap_memory *memory, int node,
				    unsigned int order, gfp_t gfp, int *err)
{
	struct cmap_block *block;
	struct page *page;

	*err = cmap_charge(&memory->account, PAGE_SIZE << order);
	if (*err)
		return NULL;

	*err = -ENOMEM;
	block = kzalloc_node(sizeof(*block), cmap_gfp(gfp), node);
	if (!block)
		goto uncharge;
	page = alloc_pages_node(node, pages_gfp(gfp, order), order);
	if (!page)
		goto free;

	block->base = page_address(page);
	block->memory = memory;
	block->order = order;
	return block;

free:
	kfree(block);
uncharge:
	cmap_uncharge(&memory->account, PAGE_SIZE << order);
	return NULL;
}

static void free_now(struct cmap_block *block)
{
	struct cmap_account *account = &block->memory->account;

	free_pages((unsigned long)block->base, block->order);
	cmap_uncharge(account, PAGE_SIZE << block->order);
	kfree(block);
}

/* ---- numbers ---- */

/**
 * cmap_block_numbers() - get numbers that were never used
 * @memory: what they are for
 * @count: how many
 *
 * Context: Any.
 * Return: the first of so many, or 0 if the blocks are not to be offered.
 */
u64 cmap_block_numbers(const struct cmap_memory *memory, u32 count)
{
	if (!memory->offered)
		return 0;
	return atomic64_fetch_add(count, &last_number) + 1;
}

/**
 * cmap_block_number_used() - whether a number was given away
 * @number: the number
 *
 * Context: Any.
 * Return: true if it was.
 */
bool cmap_block_number_used(u64 number)
{
	return number <= atomic64_read(&last_number);
}

/**
 * cmap_block_offer() - let a block be found by its number
 * @block: the block
 * @number: from cmap_block_numbers(); with 0 nothing is done
 * @gfp: how to allocate
 *
 * Context: Any that @gfp allows.
 * Return: 0 or -ENOMEM.
 */
int cmap_block_offer(struct cmap_block *block, u64 number, gfp_t gfp)
{
	int err;

	if (!number)
		return 0;

	err = xa_err(xa_store_bh(&blocks, number, block, gfp));
	if (!err)
		block->number = number;
	return err;
}

/**
 * cmap_block_find() - find a block
 * @memory: the memory that it must be of
 * @number: its number
 *
 * Context: Read section of cmap_block_faults.
 * Return: the block, or NULL if there is none, or none any more.
 */
struct cmap_block *cmap_block_find(const struct cmap_memory *memory,
				   u64 number)
{
	struct cmap_block *block = xa_load(&blocks, number);

	return block && block->memory == memory ? block : NULL;
}

/* ---- the end of a block ---- */

/*
 * Nobody finds the blocks any more.  Once those who found one before have
 * mapped it, take it out of all processes that have.
 */
static void free_gone(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&gone);
	struct cmap_block *block, *next;

	synchronize_srcu(&cmap_block_faults);
	llist_for_each_entry_safe(block, next, list, gone) {
		struct cmap_memory *memory = block->memory;

		unmap_mapping_range(device_mapping,
				    (loff_t)block->number << CMAP_WINDOW_SHIFT,
				    PAGE_SIZE << block->order, 1);
		free_now(block);
		atomic_dec(&memory->leaving);
		cond_resched();
	}
}

static DECLARE_WORK(free_gone_work, free_gone);

/**
 * cmap_block_free() - free a block
 * @block: the block, or NULL
 *
 * One that a process may have mapped is freed in a while, and counted as
 * leaving until then.
 *
 * Context: Any.
 */
void cmap_block_free(struct cmap_block *block)
{
	if (!block)
		return;

	if (block->number)
		xa_erase_bh(&blocks, block->number);
	/* Pairs with the barrier in open_locked() of window.c. */
	smp_mb();
	if (!block->number || !READ_ONCE(block->memory->mapped)) {
		free_now(block);
		return;
	}

	atomic_inc(&block->memory->leaving);
	if (llist_add(&block->gone, &gone))
		schedule_work(&free_gone_work);
}

/**
 * cmap_block_flush() - wait until all blocks freed so far are free
 *
 * Context: Process.
 */
void cmap_block_flush(void)
{
	flush_work(&free_gone_work);
}

/**
 * cmap_block_init() - say where blocks are mapped
 * @mapping: of the device's file
 *
 * Context: Process.
 */
void cmap_block_init(struct address_space *mapping)
{
	device_mapping = mapping;
}

/**
 * cmap_block_exit() - end when no block is left
 *
 * Context: Process.
 */
void cmap_block_exit(void)
{
	cmap_block_flush();
	WARN_ON_ONCE(!xa_empty(&blocks));
	xa_destroy(&blocks);
}
