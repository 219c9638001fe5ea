// SPDX-License-Identifier: GPL-2.0
#include "block.h"
#include "queue.h"

#include <linux/jiffies.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <uapi/linux/cmap.h>

/* A table's word in the window has 48 bits for the table's number. */
#define NUMBERS_MAX	((1LL << 48) - CMAP_WINDOW_NUMBER_FIRST)

/* ---- blocks ---- */

/* A large block is an optimization: do not reclaim hard for one. */
static gfp_t pages_gfp(gfp_t gfp, unsigned int order)
{
	gfp = cmap_gfp(gfp) | (gfp & __GFP_ZERO);
	if (order && gfpflags_allow_blocking(gfp))
		gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	return gfp;
}

static gfp_t gfp_with_zero(gfp_t gfp, bool zero)
{
	return zero ? gfp | __GFP_ZERO : gfp;
}

static void pages_free(void *base, u32 pages)
{
	u32 i;

	if (is_power_of_2(pages)) {
		free_pages((unsigned long)base, ilog2(pages));
		return;
	}
	for (i = 0; i < pages; i++)
		free_pages((unsigned long)base + i * PAGE_SIZE, 0);
}

/*
 * Allocate contiguous pages.  A power of two of them is one compound page, so one
 * page table entry can map it.  For any other number a larger block is split, and
 * the pages that are too many are freed before anything is cleared.
 */
static struct page *pages_alloc(int nid, u32 pages, gfp_t gfp)
{
	unsigned int order = order_base_2(pages);
	struct page *page;
	bool zero;
	u32 i;

	gfp = pages_gfp(gfp, order);
	if (is_power_of_2(pages))
		return alloc_pages_node(nid, gfp | __GFP_COMP, order);

	zero = gfp & __GFP_ZERO;
	gfp &= ~__GFP_ZERO;
	page = alloc_pages_node(nid, gfp, order);
	if (!page)
		return NULL;
	split_page(page, order);
	for (i = pages; i < 1U << order; i++)
		__free_page(page + i);
	/* The allocator has cleared the pages if the kernel is told to do so. */
	for (i = 0; i < pages && zero && !want_init_on_alloc(gfp); i++)
		clear_page(page_address(page + i));
	return page;
}

/* With __GFP_ZERO in @gfp the pages are zeroed. */
static struct cmap_block *block_alloc(struct cmap_memory *memory,
				      struct cmap_account *account, int nid,
				      u32 pages, gfp_t gfp)
{
	struct cmap_block *block;
	struct page *page;

	block = kzalloc_node(sizeof(*block), cmap_gfp(gfp), nid);
	if (!block)
		return NULL;
	page = pages_alloc(nid, pages, gfp);
	if (!page) {
		kfree(block);
		return NULL;
	}

	block->base = page_address(page);
	block->memory = memory;
	block->account = account;
	block->pages = pages;
	block->remote = nid != NUMA_NO_NODE && page_to_nid(page) != nid;
	if (block->remote)
		atomic64_add(cmap_block_bytes(block), &memory->remote);
	return block;
}

static struct cmap_block *charge_and_alloc(struct cmap_memory *memory,
					   struct cmap_account *account,
					   int nid, u32 pages, gfp_t gfp,
					   int *err)
{
	u64 bytes = (u64)pages * PAGE_SIZE;
	struct cmap_block *block;

	*err = cmap_charge(account, bytes);
	if (*err)
		return NULL;

	block = block_alloc(memory, account, nid, pages, gfp);
	if (!block) {
		cmap_uncharge(account, bytes);
		*err = -ENOMEM;
	}
	return block;
}

/**
 * cmap_block_alloc() - allocate a block of pages
 * @memory: the map's memory
 * @nid: NUMA node to prefer
 * @pages: how many
 * @zero: zero the pages.  Only who writes all that is ever read need not
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure: -EDQUOT for a user's limit, -ENOSPC for another,
 *	-ENOMEM for lack of memory or the memory cgroup's limit
 *
 * Context: Any that @gfp allows.
 * Return: the block, or NULL with @err set.
 */
struct cmap_block *cmap_block_alloc(struct cmap_memory *memory, int nid,
				    u32 pages, bool zero, gfp_t gfp, int *err)
{
	return charge_and_alloc(memory, &memory->account, nid, pages,
				gfp_with_zero(gfp, zero), err);
}

/**
 * cmap_block_alloc_charged() - allocate a block that has been charged already
 * @memory: the map's memory; the caller has charged the block to its account
 * @nid: NUMA node to prefer
 * @pages: how many
 * @zero: as for cmap_block_alloc()
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Any that @gfp allows.
 * Return: the block, which takes over the charge; or NULL for lack of memory or
 * at the memory cgroup's limit.  Then the caller has to uncharge.
 */
struct cmap_block *cmap_block_alloc_charged(struct cmap_memory *memory,
					    int nid, u32 pages, bool zero,
					    gfp_t gfp)
{
	return block_alloc(memory, &memory->account, nid, pages,
			   gfp_with_zero(gfp, zero));
}

/**
 * cmap_block_alloc_shown() - allocate a zeroed page that exists only for the window
 * @memory: the map's memory
 * @nid: NUMA node to prefer
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure as by cmap_block_alloc()
 *
 * The page is not charged to the map's own account.  So a process that may only
 * read cannot use up the map's limit by mapping it.
 *
 * Context: Any that @gfp allows.
 * Return: the block, or NULL with @err set.
 */
struct cmap_block *cmap_block_alloc_shown(struct cmap_memory *memory, int nid,
					  gfp_t gfp, int *err)
{
	return charge_and_alloc(memory, memory->account.parent, nid, 1,
				gfp_with_zero(gfp, true), err);
}

/**
 * cmap_block_free() - free a block
 * @block: the block, which no process has mapped, or NULL
 *
 * A block that processes may have mapped goes through cmap_memory_leave() first.
 *
 * Context: Process or softirq, interrupts enabled.
 */
void cmap_block_free(struct cmap_block *block)
{
	if (!block)
		return;

	pages_free(block->base, block->pages);
	if (block->remote)
		atomic64_sub(cmap_block_bytes(block), &block->memory->remote);
	cmap_uncharge(block->account, cmap_block_bytes(block));
	if (block->returning)
		cmap_account_returning(block->account,
				       -(s64)cmap_block_bytes(block));
	kfree(block);
}

/* ---- leaving a place ---- */

/*
 * New page faults do not find the blocks any more.  Wait for those that have found
 * them and may still map them; then unmap the blocks everywhere.
 */
static void free_gone(struct work_struct *work)
{
	struct cmap_memory *memory = container_of(work, struct cmap_memory,
						  free_gone);
	struct llist_node *list = llist_del_all(&memory->gone);
	struct cmap_place *place, *next;

	cmap_memory_sync(memory);
	llist_for_each_entry_safe(place, next, list, gone) {
		cmap_memory_unmap(memory, place->offset, place->bytes);
		place->left(place);
		cmap_memory_left(memory);
		cond_resched();
	}
}

/**
 * cmap_block_returning() - count a block as on its way to be freed
 * @block: the block, which only waits for readers
 *
 * A writer that finds no memory waits for such blocks.
 *
 * Context: Any; one caller at a time.
 */
void cmap_block_returning(struct cmap_block *block)
{
	if (block->returning)
		return;
	block->returning = true;
	cmap_account_returning(block->account, cmap_block_bytes(block));
}

/**
 * cmap_memory_leave() - have a block leave its place
 * @memory: the map's memory
 * @place: the place; page faults that begin now do not find the block
 *
 * The caller has counted it in @leaving.  If a process may have the place mapped,
 * a work finishes this later.
 *
 * Context: Any.
 */
void cmap_memory_leave(struct cmap_memory *memory, struct cmap_place *place)
{
	/*
	 * Pairs with the barrier in cmap_memory_map(): if @mapped is not seen
	 * here, page faults do not find the block.
	 */
	smp_mb();
	if (!READ_ONCE(memory->mapped)) {
		place->left(place);
		cmap_memory_left(memory);
		return;
	}

	if (llist_add(&place->gone, &memory->gone))
		queue_work(cmap_queue_free, &memory->free_gone);
}

/**
 * cmap_memory_sync() - wait for page faults that may be under way
 * @memory: the memory of a map that may have been mapped
 *
 * Context: Process.
 */
void cmap_memory_sync(const struct cmap_memory *memory)
{
	synchronize_srcu(&memory->mapped->faults);
}

/**
 * cmap_memory_unmap() - unmap a place from all processes
 * @memory: the memory of a map that may have been mapped
 * @offset: where it begins in the window's file
 * @bytes: its length; with 0 nothing is done
 *
 * Context: Process.
 */
void cmap_memory_unmap(const struct cmap_memory *memory, u64 offset, u64 bytes)
{
	if (bytes)
		memory->mapped->unmap(memory->mapped, offset, bytes);
}

/* ---- headroom for large values ---- */

/*
 * Large values are counted by size in pages: each size up to eight, then eight
 * steps to a doubling.  The headroom is enough for the largest size of a step.
 */
static u32 large_index(u32 pages)
{
	u32 msb;

	if (pages <= 8)
		return pages - 1;
	msb = fls(pages - 1) - 1;
	return 8 + (msb - 3) * 8 + (((pages - 1) >> (msb - 3)) & 7);
}

static u64 large_bytes(u32 index)
{
	u64 pages = index + 1;

	if (index >= 8)
		pages = (u64)(9 + index % 8) << (index / 8 - 1);
	return pages << PAGE_SHIFT;
}

/* Bytes that the largest value takes; 0 if there is no large value. */
static u64 largest_value(const struct cmap_memory *memory)
{
	u32 i = CMAP_LARGE_SIZES;

	while (i--)
		if (memory->large[i])
			return large_bytes(i);
	return 0;
}

/**
 * cmap_memory_hands_move() - note that a writer took memory in hand, or gave it back
 * @memory: the map's memory
 *
 * Writers of all shards call this, so the time is written at most once a tick.
 *
 * Context: Any.
 */
void cmap_memory_hands_move(struct cmap_memory *memory)
{
	unsigned long now = jiffies;

	if (READ_ONCE(memory->hands_moved) != now)
		WRITE_ONCE(memory->hands_moved, now);
}

/**
 * cmap_memory_large() - count one large value more, or less
 * @memory: the map's memory
 * @pages: how many pages it takes
 * @more: true for one more
 *
 * A replacement needs its memory before the old value is freed.  So the headroom
 * is kept at the size of the largest value: then each value can be replaced.
 *
 * Context: Process or softirq, interrupts enabled.
 */
void cmap_memory_large(struct cmap_memory *memory, u32 pages, bool more)
{
	u64 before, after;

	spin_lock_bh(&memory->large_lock);
	before = largest_value(memory);
	memory->large[large_index(pages)] += more ? 1 : -1;
	after = largest_value(memory);
	if (before != after)
		cmap_account_headroom(&memory->account, after - before);
	spin_unlock_bh(&memory->large_lock);
}

/**
 * cmap_memory_headroom_for() - by how much a large value raises the headroom
 * @memory: the map's memory
 * @pages: how many pages the value takes
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: bytes that it needs beside its own pages.
 */
u64 cmap_memory_headroom_for(struct cmap_memory *memory, u32 pages)
{
	u64 bytes = large_bytes(large_index(pages));
	u64 now;

	spin_lock_bh(&memory->large_lock);
	now = largest_value(memory);
	spin_unlock_bh(&memory->large_lock);

	return bytes > now ? bytes - now : 0;
}

/* ---- memory ---- */

/**
 * cmap_memory_left() - note that something that was leaving has been freed
 * @memory: the map's memory, which may be freed when this returns
 *
 * Context: Any.
 */
void cmap_memory_left(struct cmap_memory *memory)
{
	/*
	 * Full barriers.  They pair with the acquire in cmap_memory_leaving(),
	 * and with the barrier between a waiter's announcement and its look.
	 */
	(void)atomic_dec_return(&memory->leaving);
	/* The memory may be freed by now.  Only its address is used. */
	wake_up_var(&memory->leaving);
}

/**
 * cmap_memory_wait_all_left() - wait until nothing is leaving
 * @memory: the memory of a map that nobody uses any more
 *
 * Context: Process.
 */
void cmap_memory_wait_all_left(struct cmap_memory *memory)
{
	wait_var_event(&memory->leaving, !cmap_memory_leaving(memory));
}

/**
 * cmap_memory_number() - get a number that the map never used
 * @memory: the map's memory
 * @number: set to the number, or to 0 if processes cannot map the map
 *
 * Context: Any.
 * Return: 0, or -ENOSPC if all numbers have been used.
 */
int cmap_memory_number(struct cmap_memory *memory, u64 *number)
{
	s64 used = atomic64_read(&memory->numbers);

	*number = 0;
	if (!memory->offered)
		return 0;

	do {
		if (used >= NUMBERS_MAX)
			return -ENOSPC;
	} while (!atomic64_try_cmpxchg(&memory->numbers, &used, used + 1));
	*number = used + CMAP_WINDOW_NUMBER_FIRST;

	return 0;
}

/**
 * cmap_memory_init() - set up a map's memory
 * @memory: the map's memory
 * @max: the map's own limit in bytes; 0 for none
 * @offered: processes can map the map
 *
 * Context: Process.
 */
void cmap_memory_init(struct cmap_memory *memory, u64 max, bool offered)
{
	*memory = (struct cmap_memory){
		.account = { .max = max, .parent = &memory->bill.account },
		.offered = offered,
		.hands_moved = jiffies,
	};
	cmap_bill_init(&memory->bill, &cmap_account_all, true);
	spin_lock_init(&memory->large_lock);
	init_llist_head(&memory->gone);
	INIT_WORK(&memory->free_gone, free_gone);
}

/**
 * cmap_memory_map() - prepare a map for being mapped for the first time
 * @memory: the map's memory
 * @mapped: the hooks; on success @memory owns it
 *
 * Context: Process; once for each map.
 * Return: 0 or -ENOMEM.
 */
int cmap_memory_map(struct cmap_memory *memory, struct cmap_mapped *mapped)
{
	if (init_srcu_struct(&mapped->faults))
		return -ENOMEM;

	/* Pairs with the address dependency in cmap_memory_sync() and _unmap(). */
	smp_store_release(&memory->mapped, mapped);
	/*
	 * Pairs with the barrier in cmap_memory_leave(): page faults do not find
	 * a block whose leaving does not see @mapped.
	 */
	smp_mb();

	return 0;
}

/**
 * cmap_memory_exit() - tear down a map's memory when nothing of it is left
 * @memory: the map's memory
 *
 * Context: Process.
 */
void cmap_memory_exit(struct cmap_memory *memory)
{
	/* The last place has left, but the work may not have returned yet. */
	flush_work(&memory->free_gone);
	if (!memory->mapped)
		return;
	cleanup_srcu_struct(&memory->mapped->faults);
	memory->mapped->free(memory->mapped);
}
