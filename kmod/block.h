/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks of pages: what a map's tables and nodes are made of, and where
 * processes can map them.
 *
 * A block that is offered has a number, never used again for another, which
 * says where in the device's file it is.  Whoever maps a number that has no
 * block any more finds zeroes there.
 */
#ifndef CMAP_BLOCK_H
#define CMAP_BLOCK_H

#include "account.h"

#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#define CMAP_LARGE_SIZES	72	/* see large_index() */

/**
 * struct cmap_memory - where a map's memory comes from
 * @account: pays for it
 * @bill: above that; who pays for the map
 * @large_lock: protects @large
 * @large: how many large values there are of each size
 * @in_hand: bytes in large values that a writer holds, which either is about to
 *	write one or to give an old one back
 * @leaving: how much of it will be given back in a while: tables after a
 *	grace period, blocks once nobody has them mapped
 * @offered: blocks are offered to processes; constant
 * @mapped: a process may have mapped some
 * @remote: bytes that are not on the memory node that they were wanted on
 * @blocks: those that are offered, by number
 * @mapping: of the files that are bound to the map: who has mapped what
 * @gone: blocks that wait to be freed
 * @free_gone: frees them
 *
 * Each map has all this for itself: what somebody does to his map, or how often
 * he maps it, is nothing to the others.
 */
struct cmap_memory {
	struct cmap_account account;
	struct cmap_bill bill;
	spinlock_t large_lock;
	u32 large[CMAP_LARGE_SIZES];
	atomic64_t in_hand;
	atomic_t leaving;
	bool offered;
	bool mapped;
	atomic64_t remote;
	struct xarray blocks;
	struct address_space mapping;
	struct llist_head gone;
	struct work_struct free_gone;
};

/**
 * struct cmap_block - a block of pages
 * @base: the zeroed, physically contiguous pages
 * @memory: where it came from
 * @account: pays for it
 * @number: where it is offered, or 0
 * @order: log2 of the number of pages
 * @remote: they are not on the memory node that they were wanted on
 * @returning: counted as returning in its account
 * @next: for its owner
 * @gone: while it waits to be freed
 */
struct cmap_block {
	void *base;
	struct cmap_memory *memory;
	struct cmap_account *account;
	u64 number;
	u8 order;
	bool remote;
	bool returning;
	struct cmap_block *next;
	struct llist_node gone;
};

void cmap_memory_init(struct cmap_memory *memory, u64 max, bool offered);
void cmap_memory_exit(struct cmap_memory *memory);

void cmap_memory_left(struct cmap_memory *memory);
void cmap_memory_wait_all_left(struct cmap_memory *memory);

/* If not, all that was on its way has done with the memory. */
static inline bool cmap_memory_leaving(const struct cmap_memory *memory)
{
	/* Pairs with the decrement in cmap_memory_left(). */
	return atomic_read_acquire(&memory->leaving);
}

struct cmap_block *cmap_block_alloc(struct cmap_memory *memory, int node,
				    unsigned int order, gfp_t gfp, int *err);
struct cmap_block *cmap_block_alloc_charged(struct cmap_memory *memory,
					    int node, unsigned int order,
					    gfp_t gfp);
struct cmap_block *cmap_block_alloc_shown(struct cmap_memory *memory, int node,
					  gfp_t gfp, int *err);
void cmap_block_free(struct cmap_block *block);
void cmap_block_returning(struct cmap_block *block);

void cmap_memory_large(struct cmap_memory *memory, u32 pages, bool more);
u64 cmap_memory_headroom_for(struct cmap_memory *memory, u32 pages);

/* Page faults look for blocks, and map what they find, in its read sections. */
extern struct srcu_struct cmap_block_faults;

u64 cmap_block_numbers(const struct cmap_memory *memory, u32 count);
bool cmap_block_number_used(u64 number);
int cmap_block_offer(struct cmap_block *block, u64 number, gfp_t gfp);

struct cmap_block *cmap_block_find(struct cmap_memory *memory, u64 number);

void cmap_block_host(struct inode *inode);

#endif /* CMAP_BLOCK_H */
