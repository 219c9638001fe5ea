// SPDX-License-Identifier: GPL-2.0
#include "block.h"
#include "queue.h"

#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <uapi/linux/cmap.h>

/* What lies below is for what every map has: see window.c. */
static atomic64_t last_number = ATOMIC64_INIT(CMAP_WINDOW_FIRST - 1);

DEFINE_SRCU(cmap_block_faults);

/* What the kernel asks about the file behind a mapping, this one answers. */
static struct inode *host;

/* Large blocks are a wish that must cost nobody anything. */
static gfp_t pages_gfp(gfp_t gfp, unsigned int order)
{
	gfp = cmap_gfp(gfp) | __GFP_ZERO | __GFP_COMP;
	if (order && gfpflags_allow_blocking(gfp))
		gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	return gfp;
}

static struct cmap_block *alloc(struct cmap_memory *memory,
				struct cmap_account *account, int node,
				unsigned int order, gfp_t gfp)
{
	struct cmap_block *block;
	struct page *page;

	block = kzalloc_node(sizeof(*block), cmap_gfp(gfp), node);
	if (!block)
		return NULL;
	page = alloc_pages_node(node, pages_gfp(gfp, order), order);
	if (!page) {
		kfree(block);
		return NULL;
	}

	block->base = page_address(page);
	block->memory = memory;
	block->account = account;
	block->order = order;
	block->remote = node != NUMA_NO_NODE && page_to_nid(page) != node;
	if (block->remote)
		atomic64_add(PAGE_SIZE << order, &memory->remote);
	return block;
}

static struct cmap_block *charge_and_alloc(struct cmap_memory *memory,
					   struct cmap_account *account,
					   int node, unsigned int order,
					   gfp_t gfp, int *err)
{
	struct cmap_block *block;

	*err = cmap_charge(account, PAGE_SIZE << order);
	if (*err)
		return NULL;

	block = alloc(memory, account, node, order, gfp);
	if (!block) {
		cmap_uncharge(account, PAGE_SIZE << order);
		*err = -ENOMEM;
	}
	return block;
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
	return charge_and_alloc(memory, &memory->account, node, order, gfp,
				err);
}

/**
 * cmap_block_alloc_charged() - allocate a block that is paid for
 * @memory: where it comes from; the caller has charged the block to its account
 * @node: memory node to prefer
 * @order: log2 of the number of pages
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Any that @gfp allows.
 * Return: the block, with the charge its own; or NULL for lack of memory or the
 * memory cgroup's limit, with the charge still the caller's.
 */
struct cmap_block *cmap_block_alloc_charged(struct cmap_memory *memory,
					    int node, unsigned int order,
					    gfp_t gfp)
{
	return alloc(memory, &memory->account, node, order, gfp);
}

/**
 * cmap_block_alloc_shown() - allocate a page for those who map the map
 * @memory: where it comes from
 * @node: memory node to prefer
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure as by cmap_block_alloc()
 *
 * The limit that is the map's own is none on this: whoever may only read must
 * not be able to take from it.
 *
 * Context: Any that @gfp allows.
 * Return: the block, or NULL with @err set.
 */
struct cmap_block *cmap_block_alloc_shown(struct cmap_memory *memory, int node,
					  gfp_t gfp, int *err)
{
	return charge_and_alloc(memory, memory->account.parent, node, 0, gfp,
				err);
}

static void free_now(struct cmap_block *block)
{
	free_pages((unsigned long)block->base, block->order);
	if (block->remote)
		atomic64_sub(PAGE_SIZE << block->order, &block->memory->remote);
	cmap_uncharge(block->account, PAGE_SIZE << block->order);
	if (block->returning)
		cmap_account_returning(block->account,
				       -(s64)(PAGE_SIZE << block->order));
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

	err = xa_err(xa_store_bh(&block->memory->blocks, number, block,
				 cmap_gfp(gfp)));
	if (!err)
		block->number = number;
	return err;
}

/**
 * cmap_block_find() - find a block
 * @memory: the memory that it must be of, which can be mapped
 * @number: its number
 *
 * Context: Read section of cmap_block_faults.
 * Return: the block, or NULL if there is none, or none any more.
 */
struct cmap_block *cmap_block_find(struct cmap_memory *memory, u64 number)
{
	return xa_load(&memory->blocks, number);
}

/* ---- the end of a block ---- */

/*
 * Nobody finds the blocks any more.  Once those who found one before have
 * mapped it, take it out of all processes that have.
 */
static void free_gone(struct work_struct *work)
{
	struct cmap_memory *memory = container_of(work, struct cmap_memory,
						  free_gone);
	struct llist_node *list = llist_del_all(&memory->gone);
	struct cmap_block *block, *next;

	synchronize_srcu(&cmap_block_faults);
	llist_for_each_entry_safe(block, next, list, gone) {
		unmap_mapping_range(&memory->mapping,
				    (loff_t)block->number << CMAP_WINDOW_SHIFT,
				    PAGE_SIZE << block->order, 1);
		free_now(block);
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
	cmap_account_returning(block->account, PAGE_SIZE << block->order);
}

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
	struct cmap_memory *memory;

	if (!block)
		return;

	memory = block->memory;
	if (block->number)
		xa_erase_bh(&memory->blocks, block->number);
	/* Pairs with the barrier in open_locked() of window.c. */
	smp_mb();
	if (!block->number || !READ_ONCE(memory->mapped)) {
		free_now(block);
		return;
	}

	cmap_block_returning(block);
	atomic_inc(&memory->leaving);
	if (llist_add(&block->gone, &memory->gone))
		queue_work(cmap_queue_free, &memory->free_gone);
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
static u64 largest(const struct cmap_memory *memory)
{
	u32 i = CMAP_LARGE_SIZES;

	while (i--)
		if (memory->large[i])
			return large_bytes(i);
	return 0;
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
 * Context: Any.
 */
void cmap_memory_large(struct cmap_memory *memory, u32 pages, bool more)
{
	u64 before, after;

	spin_lock_bh(&memory->large_lock);
	before = largest(memory);
	memory->large[large_index(pages)] += more ? 1 : -1;
	after = largest(memory);
	if (before != after)
		cmap_account_headroom(&memory->account, after - before);
	spin_unlock_bh(&memory->large_lock);
}

/**
 * cmap_memory_headroom_for() - what a large value takes beside its own pages
 * @memory: the map's memory
 * @pages: what it takes
 *
 * Context: Any.
 * Return: bytes by which the headroom grows with it.
 */
u64 cmap_memory_headroom_for(struct cmap_memory *memory, u32 pages)
{
	u64 bytes = large_bytes(large_index(pages));
	u64 now;

	spin_lock_bh(&memory->large_lock);
	now = largest(memory);
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

/* Nobody ever forbids writable mappings; see cmap_memory_init(). */
#define HEAD_START	(1 << 30)

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
	struct address_space *mapping = &memory->mapping;

	*memory = (struct cmap_memory){
		.account = { .max = max, .parent = &memory->bill.account },
		.offered = offered,
	};
	cmap_bill_init(&memory->bill, &cmap_account_all, true);
	spin_lock_init(&memory->large_lock);
	xa_init_flags(&memory->blocks, XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	init_llist_head(&memory->gone);
	INIT_WORK(&memory->free_gone, free_gone);

	address_space_init_once(mapping);
	mapping->host = host;
	mapping->a_ops = host ? host->i_mapping->a_ops : NULL;
	/*
	 * A file that is bound while another thread maps it has that mapping
	 * counted here only when it is uncounted.
	 */
	atomic_set(&mapping->i_mmap_writable, HEAD_START);
}

/**
 * cmap_memory_exit() - the end, when no block is left
 * @memory: the map's memory
 *
 * Context: Process.
 */
void cmap_memory_exit(struct cmap_memory *memory)
{
	unsigned long number = 0;

	/* The last block has left, but the work may not have returned. */
	flush_work(&memory->free_gone);
	/* Nodes of its own may be left, from when there was no memory for more. */
	WARN_ON_ONCE(xa_find(&memory->blocks, &number, ULONG_MAX, XA_PRESENT));
	xa_destroy(&memory->blocks);
}

/**
 * cmap_block_host() - say what file mappings belong to
 * @inode: an inode of our own, or NULL
 *
 * Context: Process.
 */
void cmap_block_host(struct inode *inode)
{
	host = inode;
}
