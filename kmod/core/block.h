/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks of pages: what a map's tables and nodes are made of, and how they
 * leave the places at which processes have them mapped.
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
 * struct cmap_mapped - what a map has from the first time that it is mapped
 * @faults: page faults look for memory, and map what they find, in its read
 *	sections
 * @unmap: takes a range of the window's file out of all processes that have it
 *	mapped.  May sleep
 * @free: frees this, when the map goes
 *
 * The core knows no files and no processes: who maps the map makes this and
 * sets the hooks.  Each map has its own: what somebody does to his map, or how
 * often he maps it, is nothing to the others.
 */
struct cmap_mapped {
	struct srcu_struct faults;
	void (*unmap)(struct cmap_mapped *mapped, u64 offset, u64 bytes);
	void (*free)(struct cmap_mapped *mapped);
};

#define CMAP_LARGE_SIZES	72	/* see large_index() */

/**
 * struct cmap_memory - where a map's memory comes from
 * @account: pays for it
 * @bill: above that; who pays for the map
 * @large_lock: protects @large
 * @large: how many large values there are of each size
 * @in_hand: bytes in large values that a writer holds, which either is about to
 *	write one or to give an old one back
 * @hands_moved: in jiffies, when a writer last took a node, of whatever size, in
 *	hand or gave it back
 * @leaving: how much of it will be given back in a while: tables after a
 *	grace period, what has a place once nobody has it mapped
 * @offered: processes can map it; constant
 * @mapped: a process may have mapped some
 * @remote: bytes that are not on the memory node that they were wanted on
 * @numbers: how many numbers have been given away
 * @gone: what waits until nobody has it mapped
 * @free_gone: waits for that
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
 * @base: the zeroed, physically contiguous pages
 * @memory: where it came from
 * @account: pays for it
 * @pages: how many there are
 * @remote: they are not on the memory node that they were wanted on
 * @returning: counted as returning in its account
 * @next: for its owner
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
 * struct cmap_place - a place in the window, for when it is left
 * @offset: where in the file
 * @bytes: how much of it; 0 if nobody can have found what is there
 * @gone: while page faults may still map it
 * @left: called when no process has it mapped any more
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

/* If not, all that was on its way has done with the memory. */
static inline bool cmap_memory_leaving(const struct cmap_memory *memory)
{
	/* Pairs with the decrement in cmap_memory_left(). */
	return atomic_read_acquire(&memory->leaving);
}

struct cmap_block *cmap_block_alloc(struct cmap_memory *memory, int nid,
				    u32 pages, gfp_t gfp, int *err);
struct cmap_block *cmap_block_alloc_charged(struct cmap_memory *memory,
					    int nid, u32 pages, gfp_t gfp);
struct cmap_block *cmap_block_alloc_shown(struct cmap_memory *memory, int nid,
					  gfp_t gfp, int *err);
void cmap_block_free(struct cmap_block *block);
void cmap_block_returning(struct cmap_block *block);

void cmap_memory_hands_move(struct cmap_memory *memory);
void cmap_memory_large(struct cmap_memory *memory, u32 pages, bool more);
u64 cmap_memory_headroom_for(struct cmap_memory *memory, u32 pages);

#endif /* CMAP_BLOCK_H */
