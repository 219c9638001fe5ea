// SPDX-License-Identifier: GPL-2.0
#include "block.h"
#include "queue.h"

#include <linux/jiffies.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <uapi/linux/cmap.h>

/* Numbers of tables have 48 bits in a table's word. */
#define NUMBERS_MAX	((1LL << 48) - CMAP_WINDOW_NUMBER_FIRST)

/* ---- blocks ---- */

/* Large blocks are a wish that must cost nobody anything. */
static gfp_t pages_gfp(gfp_t gfp, unsigned int order)
{
	gfp = cmap_gfp(gfp) | __GFP_ZERO;
	if (order && gfpflags_allow_blocking(gfp))
		gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	return gfp;
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
 * So many pages in a row: of a power of two as one, so that one entry of a page
 * table can map them all; of any other number each by itself.  Those that came
 * along go back, and nobody clears them.
 */
static struct page *pages_alloc(int nid, u32 pages, gfp_t gfp)
{
	unsigned int order = order_base_2(pages);
	struct page *page;
	u32 i;

	gfp = pages_gfp(gfp, order);
	if (is_power_of_2(pages))
		return alloc_pages_node(nid, gfp | __GFP_COMP, order);

	gfp &= ~__GFP_ZERO;
	page = alloc_pages_node(nid, gfp, order);
	if (!page)
		return NULL;
	split_page(page, order);
	for (i = pages; i < 1U << order; i++)
		__free_page(page + i);
	/* Some kernels clear all that they hand out. */
	for (i = 0; i < pages && !want_init_on_alloc(gfp); i++)
		clear_page(page_address(page + i));
	return page;
}

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
 * cmap_block_alloc() - allocate a block of zeroed pages
 * @memory: where it comes from
 * @nid: memory node to prefer
 * @pages: how many
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure: -EDQUOT for a user's limit, -ENOSPC for another,
 *	-ENOMEM for lack of memory or the memory cgroup's limit
 *
 * Context: Any that @gfp allows.
 * Return: the block, or NULL with @err set.
 */
struct cmap_block *cmap_block_alloc(struct cmap_memory *memory, int nid,
				    u32 pages, gfp_t gfp, int *err)
{
	return charge_and_alloc(memory, &memory->account, nid, pages, gfp,
				err);
}

/**
 * cmap_block_alloc_charged() - allocate a block that is paid for
 * @memory: where it comes from; the caller has charged the block to its account
 * @nid: memory node to prefer
 * @pages: how many
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Any that @gfp allows.
 * Return: the block, with the charge its own; or NULL for lack of memory or the
 * memory cgroup's limit, with the charge still the caller's.
 */
struct cmap_block *cmap_block_alloc_charged(struct cmap_memory *memory,
					    int nid, u32 pages, gfp_t gfp)
{
	return block_alloc(memory, &memory->account, nid, pages, gfp);
}

/**
 * cmap_block_alloc_shown() - allocate a page for those who map the map
 * @memory: where it comes from
 * @nid: memory node to prefer
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure as by cmap_block_alloc()
 *
 * The limit that is the map's own is none on this: whoever may only read must
 * not be able to take from it.
 *
 * Context: Any that @gfp allows.
 * Return: the block, or NULL with @err set.
 */
struct cmap_block *cmap_block_alloc_shown(struct cmap_memory *memory, int nid,
					  gfp_t gfp, int *err)
{
	return charge_and_alloc(memory, memory->account.parent, nid, 1, gfp,
				err);
}

/**
 * cmap_block_free() - free a block
 * @block: the block, which no process has mapped, or NULL
 *
 * What processes may have mapped goes by cmap_memory_leave() first.
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
 * Nobody finds any of it any more.  Once those who found it before have mapped
 * it, take it out of all processes that have.
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
 * cmap_block_returning() - say that a block is on its way to be freed
 * @block: the block, which only waits for readers
 *
 * Who is refused for lack of memory waits for such.
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
 * cmap_memory_leave() - leave a place
 * @memory: the map's memory
 * @place: the place; page faults that begin now do not find what is there
 *
 * The caller has counted it as leaving.  If a process may have the place mapped
 * that takes a while.
 *
 * Context: Any.
 */
void cmap_memory_leave(struct cmap_memory *memory, struct cmap_place *place)
{
	/*
	 * Pairs with the barrier in cmap_memory_map(): page faults that this
	 * knows nothing of do not find what is leaving.
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
 * cmap_memory_unmap() - take a place out of all processes that have it mapped
 * @memory: the memory of a map that may have been mapped
 * @offset: where in the file it is
 * @bytes: how long it is; with 0 nothing is done
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
 * Sizes in pages: each up to eight, then eight steps to each doubling.  What
 * is kept is enough for the largest of a step.
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

/* What the largest value takes; 0 without one. */
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
 * The time is written once a tick at most: writers of all shards come here.
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
 * cmap_memory_large() - note that there is a large value more, or less
 * @memory: the map's memory
 * @pages: what it takes
 * @more: there is one more
 *
 * There is always kept as much as the largest value takes, so that each can be
 * replaced: a replacement is there before the old value goes.
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
 * cmap_memory_headroom_for() - what a large value takes beside its own pages
 * @memory: the map's memory
 * @pages: what it takes
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: bytes by which the headroom grows with it.
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
 * cmap_memory_left() - something that was leaving is free
 * @memory: where it came from; gone, perhaps, when this returns
 *
 * Context: Any.
 */
void cmap_memory_left(struct cmap_memory *memory)
{
	/*
	 * Full barriers: pairs with the acquire in cmap_memory_leaving(), and
	 * with those of who waits, who looks after it said that it does.
	 */
	(void)atomic_dec_return(&memory->leaving);
	/* Nothing but the address is used of what may be gone. */
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
 * Return: 0, or -ENOSPC if all have been used.
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
 * cmap_memory_init() - say where a map's memory comes from
 * @memory: the map's memory
 * @max: how much it can be; 0 for no limit of its own
 * @offered: whether processes can map it
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
 * cmap_memory_map() - before a map is mapped for the first time
 * @memory: the map's memory
 * @mapped: has the hooks; on success it belongs to @memory
 *
 * Context: Process; once for each map.
 * Return: 0 or -ENOMEM.
 */
int cmap_memory_map(struct cmap_memory *memory, struct cmap_mapped *mapped)
{
	if (init_srcu_struct(&mapped->faults))
		return -ENOMEM;

	/* Pairs with the address dependency of who leaves a place. */
	smp_store_release(&memory->mapped, mapped);
	/*
	 * Pairs with the barrier in cmap_memory_leave(): what does not see that
	 * there will be page faults can no longer be found by them.
	 */
	smp_mb();

	return 0;
}

/**
 * cmap_memory_exit() - the end, when nothing is left
 * @memory: the map's memory
 *
 * Context: Process.
 */
void cmap_memory_exit(struct cmap_memory *memory)
{
	/* The last place has left, but the work may not have returned. */
	flush_work(&memory->free_gone);
	if (!memory->mapped)
		return;
	cleanup_srcu_struct(&memory->mapped->faults);
	memory->mapped->free(memory->mapped);
}
