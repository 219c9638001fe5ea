// SPDX-License-Identifier: GPL-2.0
#include "refill.h"
#include "alloc.h"
#include "layout.h"
#include "lock.h"
#include "queue.h"

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define SEGMENT_ORDER_MAX	(get_order(SZ_2M))
#define SEGMENT_ORDER_QUICK	(get_order(SZ_64K))
#define SEGTAB_SIZE_MIN		8U
#define ROOM_SHARE		8	/* one segment takes one part in this many */

/*
 * A segment is an eighth of the memory of its class, so that at most that much
 * is idle.  It is also large enough that cutting it into nodes wastes less than
 * an eighth.
 *
 * Clearing a large segment takes long, so it gets 2 MiB at once: then few
 * writes in ten thousand need another one.  No segment has a size between 64
 * KiB and 2 MiB. A writer that must not sleep never clears 2 MiB, as other
 * tasks may wait for the CPU.
 */
static u32 segment_pages(const struct cmap_arena *arena, u32 class, u32 size,
			 gfp_t gfp)
{
	/* Pairs with the release in cmap_refill_attach(). */
	const struct cmap_class *classes = smp_load_acquire(&arena->classes);
	u32 pages = classes ? READ_ONCE(classes[class].pages) / 8 : 0;
	unsigned int order = get_order(size);

	if (cmap_class_is_large(class))
		return cmap_class_pages_min(class);
	if (pages < 1U << SEGMENT_ORDER_MAX || !gfpflags_allow_blocking(gfp))
		pages = min(pages, 1U << SEGMENT_ORDER_QUICK);
	while (order < SEGMENT_ORDER_MAX &&
	       (1U << order < pages || (PAGE_SIZE << order) % size >
				       (PAGE_SIZE << order) / 8))
		order++;

	return 1U << order;
}

static u32 find_run(const struct cmap_arena *arena, u32 count)
{
	const struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	unsigned long at;

	if (!segtab)
		return 0;
	/*
	 * The alignment keeps a segment within one level of places, and aligns
	 * large ones as their pages are.
	 */
	at = bitmap_find_next_zero_area(segtab->map, segtab->size, arena->hint,
					count, roundup_pow_of_two(count) - 1);
	return at + count <= segtab->size ? at : 0;
}

/*
 * Check whether there is room for a segment of so many pages.  Returns -ENOSPC
 * if there can be none, else 0. @size is set to the size that the segment table
 * must get, or to 0 if it is large enough.  Others may take the room before
 * cmap_refill_attach(), which then attaches nothing.
 */
static int find_room(const struct cmap_arena *arena, u32 pages, u32 *size)
{
	u32 count = cmap_granules_of(pages);
	u32 old = 0;
	bool found;

	cmap_lock_bh(arena->lock);
	found = find_run(arena, count);
	if (cmap_segtab_locked(arena))
		old = cmap_segtab_locked(arena)->size;
	spin_unlock_bh(arena->lock);

	*size = 0;
	if (found)
		return 0;
	if (old == CMAP_GRANULES_MAX)
		return -ENOSPC;
	*size = max3(SEGTAB_SIZE_MIN, 2 * old, 2 * roundup_pow_of_two(count));
	return 0;
}

/**
 * cmap_arena_spent() - check whether there is no room for any segment of a size
 * @arena: the arena
 * @size: bytes in its nodes
 *
 * Context: The shard's lock.
 * Return: true if there is none before another segment is freed.
 */
bool cmap_arena_spent(const struct cmap_arena *arena, u32 size)
{
	const struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	u32 pages = cmap_class_pages_min(cmap_class_of(size));

	lockdep_assert_held(arena->lock);

	return segtab && segtab->size == CMAP_GRANULES_MAX &&
	       !find_run(arena, cmap_granules_of(pages));
}

/* Granules run short: a segment takes whole ones, so it should fill them. */
static bool segtab_cramped(const struct cmap_arena *arena)
{
	const struct cmap_segtab *segtab;
	bool cramped;

	cmap_lock_bh(arena->lock);
	segtab = cmap_segtab_locked(arena);
	cramped = segtab && segtab->taken > CMAP_GRANULES_MAX / 2;
	spin_unlock_bh(arena->lock);

	return cramped;
}

/*
 * Nodes must be zeroed if processes can map them before they are written, or if
 * they are wiped: what a freed segment never used must be zeroes, too.  In all
 * other maps nobody reads what was not written.
 */
static bool nodes_zeroed(const struct cmap_arena *arena)
{
	return arena->memory->offered || arena->wipe;
}

/*
 * A segment takes no more than an eighth of the room that the limits leave, or else
 * as little as it can.  Writers that delete an entry and set it again have made room
 * for themselves: if one of them took the room of several for a large segment, the
 * others would be refused, and nobody could use what is idle in it.
 */
static u32 modest_pages(const struct cmap_arena *arena, u32 pages, u32 least)
{
	struct cmap_account *account = &arena->memory->account;

	while (pages > least &&
	       !cmap_account_fits(account, ROOM_SHARE * (u64)pages * PAGE_SIZE,
				  false))
		pages /= 2;
	return max(pages, least);
}

/*
 * If a block is too large for the page allocator or for the account, try half
 * of it.
 */
static struct cmap_block *block_new(const struct cmap_arena *arena, u32 pages,
				    u32 least, gfp_t gfp, u32 *segtab_size,
				    int *err)
{
	struct cmap_block *block = NULL;

	for (;; pages = max(pages / 2, least)) {
		*err = find_room(arena, pages, segtab_size);
		if (!*err)
			block = cmap_block_alloc(arena->memory, arena->nid,
						 pages, nodes_zeroed(arena),
						 gfp, err);
		if (block || pages == least)
			return block;
	}
}

/* A block for a replacement, which may take the headroom. */
static struct cmap_block *block_new_headroom(const struct cmap_arena *arena,
					     u32 pages, gfp_t gfp,
					     u32 *segtab_size, int *err)
{
	struct cmap_account *account = &arena->memory->account;
	u64 bytes = (u64)pages * PAGE_SIZE;
	struct cmap_block *block;

	*err = find_room(arena, pages, segtab_size) ?:
	       cmap_charge_headroom(account, bytes);
	if (*err)
		return NULL;
	block = cmap_block_alloc_charged(arena->memory, arena->nid, pages,
					 nodes_zeroed(arena), gfp);
	if (!block) {
		cmap_uncharge(account, bytes);
		*err = -ENOMEM;
	}
	return block;
}

static struct cmap_segment *segment_alloc(struct cmap_arena *arena, u32 class,
					  gfp_t gfp, int *err)
{
	struct cmap_segment *segment;

	segment = kzalloc_node(sizeof(*segment), cmap_gfp(gfp), arena->nid);
	if (!segment) {
		*err = -ENOMEM;
		return NULL;
	}
	*err = cmap_memory_number(arena->memory, &segment->number);
	if (*err) {
		kfree(segment);
		return NULL;
	}

	segment->arena = arena;
	segment->class = class;
	segment->units = cmap_class_units(class);
	INIT_LIST_HEAD(&segment->hidden);
	return segment;
}

/* Look for room first, so that memory is not cleared in vain. */
static int segment_new(struct cmap_arena *arena, u32 class, gfp_t gfp,
		       bool headroom, struct cmap_segment **result,
		       u32 *segtab_size)
{
	u32 size = cmap_class_units(class) << CMAP_UNIT_SHIFT;
	u32 least = cmap_class_pages_min(class);
	u32 pages = segment_pages(arena, class, size, gfp);
	struct cmap_segment *segment;
	int err;

	if (segtab_cramped(arena))
		pages = max_t(u32, pages, CMAP_GRANULE_BYTES / PAGE_SIZE);
	else
		pages = modest_pages(arena, pages, least);
	segment = segment_alloc(arena, class, gfp, &err);
	if (!segment)
		return err;

	if (cmap_class_is_large(class))
		cmap_memory_large(arena->memory, cmap_large_pages(size), true);
	if (headroom)
		segment->block = block_new_headroom(arena, least, gfp,
						    segtab_size, &err);
	else
		segment->block = block_new(arena, pages, least, gfp,
					   segtab_size, &err);
	if (!segment->block) {
		if (cmap_class_is_large(class))
			cmap_memory_large(arena->memory, cmap_large_pages(size),
					  false);
		kfree(segment);
		return err;
	}

	segment->base = segment->block->base;
	segment->capacity = cmap_block_bytes(segment->block) / size;
	*result = segment;

	return 0;
}

static int segtab_new(u32 size, int nid, gfp_t gfp,
		      struct cmap_segtab **result)
{
	struct cmap_segtab *new;
	size_t bytes;

	if (!size)
		return 0;

	bytes = struct_size(new, base, size) + size * sizeof(*new->segment) +
		BITS_TO_LONGS(size) * sizeof(*new->map);
	gfp = cmap_gfp(gfp) | __GFP_ZERO;
	if (gfpflags_allow_blocking(gfp))
		new = kvmalloc_node(bytes, gfp, nid);
	else
		new = kmalloc_node(bytes, gfp, nid);
	if (!new)
		return -ENOMEM;
	new->size = size;
	new->segment = (void *)&new->base[size];
	new->map = (void *)&new->segment[size];
	*result = new;

	return 0;
}

static int refill_prepare(struct cmap_arena *arena, u32 size, gfp_t gfp,
			  bool headroom, struct cmap_refill *refill)
{
	u32 class = cmap_class_of(size);
	const struct cmap_view *view;
	u32 segtab_size;
	int err;

	*refill = (struct cmap_refill){ .memory = arena->memory };
	/*
	 * Count the memory as in hand before it is charged, so that a writer
	 * refused for it knows that it may return.  Only the first in hand
	 * restarts the time that others wait for: a writer that tries in vain
	 * beside others must not extend it.
	 */
	if (cmap_class_is_large(class)) {
		refill->in_hand = cmap_class_pages_min(class) * PAGE_SIZE;
		if (atomic64_add_return(refill->in_hand,
					&arena->memory->in_hand) ==
		    refill->in_hand)
			cmap_memory_hands_move(arena->memory);
	}

	err = segment_new(arena, class, gfp, headroom, &refill->segment,
			  &segtab_size);
	if (err)
		goto discard;

	/* Pairs with the release in cmap_arena_show(). */
	view = smp_load_acquire(&arena->view);
	err = segtab_new(segtab_size, arena->nid, gfp, &refill->segtab) ?:
	      cmap_view_grow(view, arena->memory, arena->nid, segtab_size,
			     gfp, &refill->level);
	if (err)
		goto discard;

	if (!READ_ONCE(arena->classes)) {
		refill->classes = kcalloc_node(CMAP_CLASSES,
					       sizeof(*refill->classes),
					       cmap_gfp(gfp), arena->nid);
		err = -ENOMEM;
		if (!refill->classes)
			goto discard;
	}

	return 0;

discard:
	cmap_refill_discard(refill);
	return err;
}

/**
 * cmap_refill_prepare() - allocate memory for an arena
 * @arena: the arena
 * @size: bytes in the node that did not fit
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @refill: set to what was allocated
 *
 * Context: No lock; whatever @gfp allows.
 * Return: 0 with a refill that must be attached; -ENOMEM; -EDQUOT for a user's
 * limit; -ENOSPC for another, or if all the room that a shard's refs can name is
 * taken.
 */
int cmap_refill_prepare(struct cmap_arena *arena, u32 size, gfp_t gfp,
			struct cmap_refill *refill)
{
	return refill_prepare(arena, size, gfp, false, refill);
}

/*
 * True if a replacement may take the headroom: the old node is large and
 * returns as much as the new one takes.
 */
static bool has_headroom(u32 size, u32 old_size)
{
	return cmap_class_is_large(cmap_class_of(size)) &&
	       cmap_arena_makes_up(old_size, size);
}

/**
 * cmap_refill_replace() - allocate memory for the replacement of an entry
 * @arena: the arena
 * @size: bytes in the node that did not fit
 * @old_size: room that the old node has
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @refill: set to what was allocated
 *
 * Context: No lock; whatever @gfp allows.
 * Return: as cmap_refill_prepare() does.
 */
int cmap_refill_replace(struct cmap_arena *arena, u32 size, u32 old_size,
			gfp_t gfp, struct cmap_refill *refill)
{
	return refill_prepare(arena, size, gfp, has_headroom(size, old_size),
			      refill);
}

/*
 * Count the segments of the smallest size that an insert takes.  Besides its
 * own node an insert must leave some free nodes for replacements.  So must a
 * replacement that returns no node of that class.
 */
static u32 segments_for_insert(const struct cmap_arena *arena, u32 nth)
{
	/* Pairs with the release in cmap_refill_attach(). */
	const struct cmap_class *class = smp_load_acquire(&arena->classes);
	u32 size = cmap_class_units(nth) << CMAP_UNIT_SHIFT;
	u32 want, nodes = 0, free = 0;

	if (class) {
		class += nth;
		free = READ_ONCE(class->free);
		nodes = READ_ONCE(class->nodes);
		/* An empty class's segments are freed when memory is short. */
		if (free == nodes)
			free = nodes = 0;
	}
	want = 1 + cmap_class_reserve(nth, nodes);
	if (free >= want)
		return 1;
	return DIV_ROUND_UP(want - free,
			    cmap_class_pages_min(nth) * PAGE_SIZE / size);
}

/* Bytes in the smallest segment with nodes of a size. */
static u64 bytes_of_segment(u32 size)
{
	return (u64)cmap_class_pages_min(cmap_class_of(size)) * PAGE_SIZE;
}

static u64 bytes_for_insert(const struct cmap_arena *arena, u32 size)
{
	return bytes_of_segment(size) *
	       segments_for_insert(arena, cmap_class_of(size));
}

/**
 * cmap_refill_is_shorter() - check whether a small value replaces a large one
 * @size: bytes in the node that did not fit
 * @old_size: room that the old node has, or 0 if there is none
 *
 * Context: Any.
 * Return: true if so.
 */
bool cmap_refill_is_shorter(u32 size, u32 old_size)
{
	return cmap_class_is_large(cmap_class_of(old_size)) &&
	       !cmap_class_is_large(cmap_class_of(size));
}

/**
 * cmap_refill_shorter() - allocate memory for a small value that replaces a large one
 * @arena: the arena
 * @size: bytes in the node that did not fit
 * @old_size: room that the old node has
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @refill: set to what was allocated
 *
 * This is the last resort, and takes the headroom.  The old node will return
 * what the headroom lends.  If the segments for the value, and for the nodes
 * that it must leave, would take more than that, the value gets a node as large
 * as the old one.
 *
 * Context: No lock; whatever @gfp allows.
 * Return: as cmap_refill_prepare() does.
 */
int cmap_refill_shorter(struct cmap_arena *arena, u32 size, u32 old_size,
			gfp_t gfp, struct cmap_refill *refill)
{
	if (bytes_for_insert(arena, size) > bytes_of_segment(old_size))
		size = old_size;
	return refill_prepare(arena, size, gfp, true, refill);
}

/**
 * cmap_refill_lack() - the least memory that a refill takes
 * @arena: the arena
 * @size: bytes in the node that did not fit
 * @old_size: room that the old node has, or 0 for an entry more
 *
 * Context: Process or softirq, interrupts enabled.
 * Return: bytes of the account, including those that must stay free afterwards.
 */
struct cmap_lack cmap_refill_lack(const struct cmap_arena *arena, u32 size,
				  u32 old_size)
{
	struct cmap_lack lack = {
		.bytes = bytes_of_segment(size),
	};

	if (cmap_refill_is_shorter(size, old_size))
		return (struct cmap_lack){
			.bytes = min(bytes_for_insert(arena, size),
				     bytes_of_segment(old_size)),
			.headroom = true,
		};
	if (cmap_arena_makes_up(old_size, size))
		lack.headroom = has_headroom(size, old_size);
	else
		lack.bytes = bytes_for_insert(arena, size);
	if (cmap_class_is_large(cmap_class_of(size)) && !lack.headroom)
		lack.bytes += cmap_memory_headroom_for(arena->memory,
						       cmap_large_pages(size));
	return lack;
}

/**
 * cmap_refill_ahead() - allocate memory that will be needed soon
 * @arena: the arena
 * @class: size class, arena->ahead
 * @refill: set to what was allocated
 *
 * Context: Process; no lock.
 * Return: as of cmap_refill_prepare().
 */
int cmap_refill_ahead(struct cmap_arena *arena, u32 class,
		      struct cmap_refill *refill)
{
	int err = cmap_refill_prepare(arena, cmap_class_units(class) <<
				      CMAP_UNIT_SHIFT, GFP_KERNEL, refill);

	refill->ahead = true;
	return err;
}

/* Install a larger segment table.  The old one stays in the refill. */
static void segtab_replace(struct cmap_arena *arena, struct cmap_refill *refill)
{
	struct cmap_segtab *old = cmap_segtab_locked(arena);
	struct cmap_segtab *new = refill->segtab;

	if (!new || (old && old->size >= new->size) ||
	    !cmap_view_add(arena->view, new->size, &refill->level))
		return;

	if (old) {
		new->taken = old->taken;
		bitmap_copy(new->map, old->map, old->size);
		memcpy(new->segment, old->segment,
		       array_size(old->size, sizeof(*old->segment)));
		memcpy(new->base, old->base,
		       array_size(old->size, sizeof(*old->base)));
	} else {
		/* The list of numbers has other words at these granules. */
		bitmap_set(new->map, 0, CMAP_WINDOW_GRANULES_NONE);
		new->taken = CMAP_WINDOW_GRANULES_NONE;
	}
	/* Pairs with the dereference in cmap_arena_node(). */
	rcu_assign_pointer(arena->segtab, new);
	refill->segtab = NULL;
	if (old)
		kvfree_rcu(old, rcu);
}

/*
 * A class has one place for a segment to use next.  If that is taken by one
 * with fewer nodes than inserts must leave, list these nodes as if they had
 * been used and freed.
 */
static void list_unused(struct cmap_arena *arena, struct cmap_segment *segment)
{
	while (segment->bump < segment->capacity)
		cmap_arena_push(arena, &segment->ready,
				cmap_segment_ref(segment, segment->bump++));
	if (!segment->listed)
		cmap_segment_list(arena, segment);
}

/* Put a segment into the segment table, and show it to processes if possible. */
static void refill_settle(struct cmap_arena *arena,
			  struct cmap_segment *segment, u32 index)
{
	struct cmap_segtab *segtab = cmap_segtab_locked(arena);
	u32 i, count = cmap_segment_granules(segment);

	segment->index = index;
	bitmap_set(segtab->map, index, count);
	segtab->taken += count;
	if (count == 1 || index == arena->hint)
		arena->hint = index + count;
	for (i = 0; i < count; i++) {
		segtab->base[index + i] = segment->base +
					  i * CMAP_GRANULE_BYTES;
		/* Pairs with the acquire in cmap_arena_find(). */
		smp_store_release(&segtab->segment[index + i], segment);
	}

	/* This comes before a ref into the segment is published. */
	if (cmap_view_clean(arena->view, index, count)) {
		cmap_view_set_segment(arena->view, index, count,
				      segment->number);
		return;
	}
	list_add_tail(&segment->hidden, &arena->view->hidden);
	queue_work(cmap_queue_upkeep, &arena->view->reveal);
}

/**
 * cmap_refill_attach() - put allocated memory into an arena
 * @arena: the arena
 * @refill: from cmap_refill_prepare(); what is not needed stays in it for
 *	cmap_refill_discard()
 *
 * Another writer may have attached memory meanwhile.  Then little or nothing is
 * attached.  The caller tries to allocate again anyway.
 *
 * Context: The shard's lock.
 */
void cmap_refill_attach(struct cmap_arena *arena, struct cmap_refill *refill)
{
	struct cmap_segment *segment = refill->segment;
	struct cmap_class *class;
	u32 index, there;
	bool spare;

	lockdep_assert_held(arena->lock);

	if (!arena->classes) {
		/* Pairs with the acquire in segment_pages(). */
		smp_store_release(&arena->classes, refill->classes);
		refill->classes = NULL;
	}
	segtab_replace(arena, refill);

	index = find_run(arena, cmap_segment_granules(segment));
	class = &arena->classes[segment->class];
	/* The nodes that others left there may be too few for an insert. */
	spare = class->bump && (refill->ahead || class->free <= class->reserve);
	there = spare ? class->spare : class->bump;
	if (!index || (there && class->free > class->reserve))
		return;
	if (there)
		list_unused(arena, cmap_segment_at(arena, there));

	refill_settle(arena, segment, index);
	if (spare)
		class->spare = index;
	else
		class->bump = index;
	WRITE_ONCE(class->pages, class->pages + segment->block->pages);
	cmap_class_count(class, segment, segment->capacity, segment->capacity);
	refill->segment = NULL;
}

/**
 * cmap_refill_discard() - free what was allocated and not attached
 * @refill: what is left
 *
 * Context: No lock.
 */
void cmap_refill_discard(struct cmap_refill *refill)
{
	if (refill->segment)
		cmap_segment_free(refill->segment);
	cmap_view_level_free(refill->level);
	kvfree(refill->segtab);
	kfree(refill->classes);
	if (refill->in_hand)
		atomic64_sub(refill->in_hand, &refill->memory->in_hand);
	*refill = (struct cmap_refill){};
}

/**
 * cmap_refill_use() - put allocated memory into an arena, and free the rest
 * @arena: the arena
 * @refill: from cmap_refill_prepare() or cmap_refill_ahead()
 *
 * Context: Process or softirq; no lock.
 */
void cmap_refill_use(struct cmap_arena *arena, struct cmap_refill *refill)
{
	cmap_lock_bh(arena->lock);
	cmap_refill_attach(arena, refill);
	spin_unlock_bh(arena->lock);
	cmap_refill_discard(refill);
}
