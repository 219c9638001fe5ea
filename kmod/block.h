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

#include <linux/llist.h>
#include <linux/srcu.h>
#include <linux/types.h>

struct address_space;

/**
 * struct cmap_memory - where a map's memory comes from
 * @account: pays for it
 * @leaving: how much of it will be given back in a while: tables after a
 *	grace period, blocks once nobody has them mapped
 * @offered: blocks are offered to processes; constant
 * @mapped: a process may have mapped some
 */
struct cmap_memory {
	struct cmap_account account;
	atomic_t leaving;
	bool offered;
	bool mapped;
};

/**
 * struct cmap_block - a block of pages
 * @base: the zeroed, physically contiguous pages
 * @memory: where it came from
 * @number: where it is offered, or 0
 * @order: log2 of the number of pages
 * @next: for its owner
 * @gone: while it waits to be freed
 */
struct cmap_block {
	void *base;
	struct cmap_memory *memory;
	u64 number;
	u8 order;
	struct cmap_block *next;
	struct llist_node gone;
};

struct cmap_block *cmap_block_alloc(struct cmap_memory *memory, int node,
				    unsigned int order, gfp_t gfp, int *err);
void cmap_block_free(struct cmap_block *block);

/* Page faults look for blocks, and map what they find, in its read sections. */
extern struct srcu_struct cmap_block_faults;

u64 cmap_block_numbers(const struct cmap_memory *memory, u32 count);
bool cmap_block_number_used(u64 number);
int cmap_block_offer(struct cmap_block *block, u64 number, gfp_t gfp);

struct cmap_block *cmap_block_find(const struct cmap_memory *memory,
				   u64 number);

void cmap_block_flush(void);
void cmap_block_init(struct address_space *mapping);
void cmap_block_exit(void);

#endif /* CMAP_BLOCK_H */
