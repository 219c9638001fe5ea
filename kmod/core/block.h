/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks of pages, which a map's tables and nodes are made of; and how a block
 * leaves the place at which processes have it mapped.
 */
#ifndef CMAP_BLOCK_H
#define CMAP_BLOCK_H

#include "account.h"

#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/workqueue.h>

/**
 * struct cmap_mapped - state of a map that has been mapped at least once
 * @faults: SRCU.  A page fault looks for memory and maps it in a read section
 * @unmap: removes a range of the window's file from all processes that have it
 *	mapped.  May sleep
 * @free: frees this object at the end of the map
 *
 * The core knows neither files nor processes.  So whoever maps the map makes this
 * object and sets the hooks.  Each map has one of its own: page faults and
 * grace periods of one map do not delay others.
 */
struct cmap_mapped {
	struct srcu_struct faults;
	void (*unmap)(struct cmap_mapped *mapped, u64 offset, u64 bytes);
	void (*free)(struct cmap_mapped *mapped);
};

#define CMAP_LARGE_SIZES	72	/* see large_index() */

/**
 * struct cmap_memory - where a map's memory comes from
 * @account: the memory of tables and nodes, limited by the map's max_bytes
 * @bill: the parent of @account; all memory of the map, and who pays
 * @large_lock: protects @large
 * @large: how many large values there are of each size
 * @in_hand: bytes in large values that writers hold at the moment, because they
 *	are about to insert them, or to free them after a copy
 * @hands_moved: when a writer last took a node of any size in hand, or gave one
 *	back; in jiffies
 * @leaving: how many tables and blocks are on their way to be freed.  Tables wait
 *	for a grace period; what was mapped, until no process has it mapped
 * @offered: processes can map the map; constant
 * @mapped: NULL until the map is mapped for the first time
 * @remote: bytes that are not on the preferred NUMA node
 * @numbers: how many window numbers have been used
 * @gone: places that wait until no process has them mapped
 * @free_gone: work that takes the places of @gone out of all processes
 */
struct cmap_memory {
	struct cmap_account account;
	struct cmap_bill bill;
	spinlock_t large_lock;
	u32 large[CMAP_LARGE_SIZES];
	atomic64_t in_hand;
	unsigned long hands_moved;
	atomic_t leaving;
	bool offered;
	struct cmap_mapped *mapped;
	atomic64_t remote;
	atomic64_t numbers;
	struct llist_head gone;
	struct work_struct free_gone;
};

/**
 * struct cmap_block - a block of pages
 * @base: the pages, physically contiguous
 * @memory: the memory of the map that the block belongs to
 * @account: what it is charged to
 * @pages: how many there are
 * @remote: they are not on the preferred NUMA node
 * @returning: counted as returning in @account
 * @next: for use by the block's owner
 */
struct cmap_block {
	void *base;
	struct cmap_memory *memory;
	struct cmap_account *account;
	u32 pages;
	bool remote;
	bool returning;
	struct cmap_block *next;
};

static inline size_t cmap_block_bytes(const struct cmap_block *block)
{
	return (size_t)block->pages * PAGE_SIZE;
}

/**
 * struct cmap_place - a place in the window that a block is about to leave
 * @offset: where it begins in the window's file
 * @bytes: its length; 0 if no page fault can have found the block
 * @gone: entry in @gone of &struct cmap_memory
 * @left: called when no process has the block mapped any more
 */
struct cmap_place {
	u64 offset;
	u64 bytes;
	struct llist_node gone;
	void (*left)(struct cmap_place *place);
};

void cmap_memory_init(struct cmap_memory *memory, u64 max, bool offered);
int cmap_memory_map(struct cmap_memory *memory, struct cmap_mapped *mapped);
void cmap_memory_exit(struct cmap_memory *memory);

void cmap_memory_left(struct cmap_memory *memory);
void cmap_memory_wait_all_left(struct cmap_memory *memory);

int cmap_memory_number(struct cmap_memory *memory, u64 *number);
void cmap_memory_leave(struct cmap_memory *memory, struct cmap_place *place);
void cmap_memory_sync(const struct cmap_memory *memory);
void cmap_memory_unmap(const struct cmap_memory *memory, u64 offset, u64 bytes);

/* If this is false, nothing that was freed uses the map's memory any more. */
static inline bool cmap_memory_leaving(const struct cmap_memory *memory)
{
	/* Pairs with the decrement in cmap_memory_left(). */
	return atomic_read_acquire(&memory->leaving);
}

struct cmap_block *cmap_block_alloc(struct cmap_memory *memory, int nid,
				    u32 pages, bool zero, gfp_t gfp, int *err);
struct cmap_block *cmap_block_alloc_charged(struct cmap_memory *memory,
					    int nid, u32 pages, bool zero,
					    gfp_t gfp);
struct cmap_block *cmap_block_alloc_shown(struct cmap_memory *memory, int nid,
					  gfp_t gfp, int *err);
void cmap_block_free(struct cmap_block *block);
void cmap_block_returning(struct cmap_block *block);

void cmap_memory_hands_move(struct cmap_memory *memory);
void cmap_memory_large(struct cmap_memory *memory, u32 pages, bool more);
u64 cmap_memory_headroom_for(struct cmap_memory *memory, u32 pages);

#endif /* CMAP_BLOCK_H */
