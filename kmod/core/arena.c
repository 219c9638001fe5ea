// SPDX-License-Identifier: GPL-2.0
#include "arena.h"
#include "layout.h"
#include "queue.h"

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define SEGMENT_ORDER_MAX	(get_order(SZ_2M))
#define SEGMENT_ORDER_QUICK	(get_order(SZ_64K))
#define AHEAD_PAGES_MIN		4	/* less is cleared when it is needed */
#define SEGTAB_SIZE_MIN		8U
#define WIPE_BYTES		SZ_64K	/* per lock hold of the trim; or one node */
#define SPARSE_SHARE		4	/* one node in so many may be free, */
#define SPARSE_BYTES		SZ_64K	/* and so much beside that */
#define RESERVE_MAX		16	/* free nodes that inserts leave, */
#define RESERVE_SHARE		32	/* if they are one in so many */

#define CLASS_LARGE		81	/* the first one above 32 KiB */
#define LARGE_MSB		12	/* of its least number of units, less one */

/*
 * Size classes: every number of units up to 16, then eight steps to each
 * doubling, so that a node wastes less than an eighth of its size.  Of large
 * ones there are sixteen steps: each wastes less than a sixteenth and a page.
 */
static u32 class_of(u32 size)
{
	u32 units = DIV_ROUND_UP(size, 1U << CMAP_UNIT_SHIFT);
	u32 msb;

	if (units <= 16)
		return units;

	msb = fls(units - 1) - 1;
	if (msb < LARGE_MSB)
		return 17 + (msb - 4) * 8 + (((units - 1) >> (msb - 3)) & 7);
	return CLASS_LARGE + (msb - LARGE_MSB) * 16 +
	       (((units - 1) >> (msb - 4)) & 15);
}

static u32 class_units(u32 class)
{
	if (class <= 16)
		return class;
	if (class >= CLASS_LARGE) {
		class -= CLASS_LARGE;
		return (17 + class % 16) << (LARGE_MSB - 4 + class / 16);
	}

	class -= 17;
	return (9 + class % 8) << (1 + class / 8);
}

/*
 * A large value is a segment of its own, of as many pages as it takes.  What
 * inserts leave for replacements is no free node then, but room in the account:
 * see cmap_memory_large().
 */

static bool is_large(u32 class)
{
	return class >= CLASS_LARGE;
}

static u32 large_pages(u32 size)
{
	return DIV_ROUND_UP(size, PAGE_SIZE);
}

/* The smallest segment that has a node of a class. */
static u32 least_pages(u32 class)
{
	u32 size = class_units(class) << CMAP_UNIT_SHIFT;

	return is_large(class) ? large_pages(size) : 1U << get_order(size);
}

static struct cmap_segtab *segtab_locked(const struct cmap_arena *arena)
{
	return rcu_dereference_protected(arena->segtab,
					 lockdep_is_held(arena->lock));
}

static struct cmap_segment *segment_at(const struct cmap_arena *arena,
				       u32 granule)
{
	return segtab_locked(arena)->segment[granule];
}

/* The next segment from a granule on, which is moved on to it; or NULL. */
static struct cmap_segment *segment_from(const struct cmap_segtab *segtab,
					 u32 *granule, u32 end)
{
	for (; *granule < end; (*granule)++) {
		struct cmap_segment *segment = segtab->segment[*granule];

		if (segment && segment->index == *granule)
			return segment;
	}
	return NULL;
}

static u32 granules_of(u32 pages)
{
	return DIV_ROUND_UP((u64)pages * PAGE_SIZE, CMAP_GRANULE_BYTES);
}

static u32 segment_granules(const struct cmap_segment *segment)
{
	return granules_of(segment->block->pages);
}

/**
 * cmap_arena_init() - make an arena that has no memory yet
 * @arena: the arena
 * @lock: the shard's lock
 * @memory: where its pages come from
 * @node: memory node to prefer
 * @wipe: overwrite nodes before they are used again, and soon in any case
 *
 * Context: Any.
 */
void cmap_arena_init(struct cmap_arena *arena, spinlock_t *lock,
		     struct cmap_memory *memory, int node, bool wipe)
{
	*arena = (struct cmap_arena){
		.lock = lock,
		.memory = memory,
		.node = node,
		.wipe = wipe,
		.hint = 1,
	};
}

static void segment_free(struct cmap_segment *segment)
{
	if (segment->block && is_large(segment->class))
		cmap_memory_large(segment->block->memory,
				  segment->block->pages, false);
	cmap_block_free(segment->block);
	kfree(segment);
}

/**
 * cmap_arena_destroy() - free all memory of an arena
 * @arena: the arena, which nobody reads or writes any more
 *
 * In an arena that wipes all of it is wiped first, entries too.
 *
 * Context: Process.
 */
void cmap_arena_destroy(struct cmap_arena *arena)
{
	/* Nobody is left who could hold the lock. */
	struct cmap_segtab *segtab = rcu_dereference_protected(arena->segtab, 1);
	struct cmap_segment *segment;
	u32 i = 0;

	while (segtab && (segment = segment_from(segtab, &i, segtab->size))) {
		cond_resched();
		i += segment_granules(segment);
		if (arena->wipe)
			memset(segment->base, 0,
			       cmap_block_bytes(segment->block));
		segment_free(segment);
	}
	kvfree(segtab);
	kfree(arena->classes);
	cmap_view_free(arena->view);
}

/* ---- the list of segments with freed nodes, one for each class ---- */

static void list_segment(struct cmap_arena *arena, struct cmap_segment *segment)
{
	struct cmap_class *class = &arena->classes[segment->class];
	struct cmap_segment *head, *tail;

	segment->listed = true;
	if (!class->head) {
		class->head = segment->index;
		segment->prev = segment->index;
		segment->next = segment->index;
		return;
	}

	head = segment_at(arena, class->head);
	tail = segment_at(arena, head->prev);
	segment->prev = tail->index;
	segment->next = head->index;
	tail->next = segment->index;
	head->prev = segment->index;
}

static void unlist_segment(struct cmap_arena *arena,
			   struct cmap_segment *segment)
{
	struct cmap_class *class = &arena->classes[segment->class];

	segment->listed = false;
	if (segment->next == segment->index) {
		class->head = 0;
		return;
	}

	segment_at(arena, segment->prev)->next = segment->next;
	segment_at(arena, segment->next)->prev = segment->prev;
	if (class->head == segment->index)
		class->head = segment->next;
}

/* ---- handing out and taking back ---- */

static u32 ref_of(const struct cmap_segment *segment, u32 nth)
{
	return (segment->index << CMAP_OFFSET_BITS) + nth * segment->units;
}

static void push(struct cmap_arena *arena, cmap_ref *list, cmap_ref ref)
{
	/*
	 * Pairs with the barrier in the walk, and with the fence of a window's
	 * reader: who sees the link, where an order was, sees that the ref is
	 * no longer where it was found.
	 */
	smp_store_release(&cmap_arena_node(arena, ref)->link, *list);
	*list = ref;
}

/* Begin a grace period for what was freed since the last one began. */
static void stamp(struct cmap_segment *segment)
{
	segment->waiting = segment->fresh;
	segment->fresh = 0;
	if (segment->waiting)
		segment->grace = start_poll_synchronize_rcu();
}

/* A node that nobody in the kernel reads is no entry's from now on. */
static void blank(struct cmap_node *node)
{
	WRITE_ONCE(node->version, 0);
	/*
	 * Pairs with the fence between a window reader's copy of the node and
	 * its second look at the version.
	 */
	smp_wmb();
}

static void wipe(const struct cmap_segment *segment, struct cmap_node *node)
{
	blank(node);
	memset(node + 1, 0, (segment->units << CMAP_UNIT_SHIFT) - sizeof(*node));
	node->lengths = 0;
}

static bool ripe(const struct cmap_segment *segment)
{
	return segment->waiting && poll_state_synchronize_rcu(segment->grace);
}

/* Wipe one node whose grace period is over, and make it ready. */
static void wipe_next(struct cmap_arena *arena, struct cmap_segment *segment)
{
	cmap_ref ref = segment->waiting;
	struct cmap_node *node = cmap_arena_node(arena, ref);

	segment->waiting = node->link;
	wipe(segment, node);
	push(arena, &segment->ready, ref);
	if (!segment->waiting)
		stamp(segment);
}

/* Move the lists up if the grace period is over; true if any node is ready. */
static bool ripen(struct cmap_arena *arena, struct cmap_segment *segment)
{
	if (segment->ready)
		return true;
	if (!ripe(segment))
		return false;

	if (arena->wipe) {
		wipe_next(arena, segment);
	} else {
		segment->ready = segment->waiting;
		stamp(segment);
	}
	return true;
}

static cmap_ref alloc_freed(struct cmap_arena *arena, struct cmap_class *class)
{
	struct cmap_segment *segment;
	cmap_ref ref;

	/* Behind the oldest the others' grace periods began later. */
	if (!class->head)
		return 0;
	segment = segment_at(arena, class->head);
	if (!ripen(arena, segment))
		return 0;

	ref = segment->ready;
	segment->ready = cmap_arena_node(arena, ref)->link;
	segment->live++;
	arena->reuses++;

	/* With nodes that wait it goes behind the others of the ring. */
	if (!segment->ready) {
		if (segment->waiting)
			class->head = segment->next;
		else
			unlist_segment(arena, segment);
	}

	return ref;
}

/*
 * With half of a segment used it is time to have the next one allocated, so
 * that no writer has to clear it; but not if that is much beside what the
 * class has.  Of two classes that need one at a time, one is forgotten: its
 * writer will come to the end of what there is, and allocate.
 */
static void look_ahead(struct cmap_arena *arena, const struct cmap_class *class,
		       const struct cmap_segment *segment)
{
	u32 pages = segment->block->pages;

	if (class->spare || pages < AHEAD_PAGES_MIN || class->pages < 4 * pages)
		return;
	/* Read without the lock by the work that allocates. */
	WRITE_ONCE(arena->ahead, segment->class);
	arena->short_soon = true;
}

static cmap_ref alloc_unused(struct cmap_arena *arena, struct cmap_class *class)
{
	struct cmap_segment *segment;
	cmap_ref ref;

	if (!class->bump) {
		class->bump = class->spare;
		class->spare = 0;
		if (!class->bump)
			return 0;
	}
	segment = segment_at(arena, class->bump);

	ref = ref_of(segment, segment->bump++);
	segment->live++;
	if (segment->bump == segment->capacity)
		class->bump = 0;
	else if (segment->bump == segment->capacity / 2)
		look_ahead(arena, class, segment);

	return ref;
}

static __always_inline cmap_ref alloc_in(struct cmap_arena *arena,
					 struct cmap_class *class)
{
	cmap_ref ref;

	ref = alloc_freed(arena, class);
	if (!ref)
		ref = alloc_unused(arena, class);
	if (!ref)
		return 0;

	class->free--;
	arena->allocs++;
	blank(cmap_arena_node(arena, ref));

	return ref;
}

/**
 * cmap_arena_alloc() - take a node, be it the last one
 * @arena: the arena
 * @size: its size in bytes, from cmap_node_size()
 *
 * The node's version is 0 when this returns, and everybody sees that before
 * anything the caller writes to the node.
 *
 * Context: The shard's lock.
 * Return: the node's ref, or 0 if the arena must be refilled first.
 */
cmap_ref cmap_arena_alloc(struct cmap_arena *arena, u32 size)
{
	if (!arena->classes)
		return 0;
	return alloc_in(arena, &arena->classes[class_of(size)]);
}

static struct cmap_class *class_at(const struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_segment *segment =
		segment_at(arena, ref >> CMAP_OFFSET_BITS);

	return &arena->classes[segment->class];
}

/* Whether all values of the map could still be replaced if this one stays. */
static bool headroom_left(const struct cmap_arena *arena)
{
	return !cmap_account_short(&arena->memory->account, 0, false, NULL);
}

/*
 * Whether there is a queue for nodes of a class.  If the first in it lacks
 * something else the others of the class do not keep anybody from going on.
 */
static bool is_queued(const struct cmap_arena *arena, u32 nth)
{
	return unlikely(arena->classes[nth].queued) && arena->serving == nth;
}

/**
 * cmap_arena_take() - take a node, unless others need it more
 * @arena: the arena
 * @size: its size in bytes, from cmap_node_size()
 * @flags: CMAP_TAKE_*
 *
 * A replacement gives a node back for the one it takes; an insert does not, and
 * leaves some for replacements.  While writers queue for a node nobody takes
 * one before them.
 *
 * Context: The shard's lock.
 * Return: the node's ref as from cmap_arena_alloc(), or 0.
 */
cmap_ref cmap_arena_take(struct cmap_arena *arena, u32 size, unsigned int flags)
{
	u32 nth = class_of(size);
	struct cmap_class *class;

	if (unlikely(!arena->classes))
		return 0;
	class = &arena->classes[nth];
	if (is_queued(arena, nth) && !(flags & CMAP_TAKE_QUEUED))
		return 0;
	if (flags & CMAP_TAKE_INSERT &&
	    (unlikely(class->free <= class->reserve) ||
	     (unlikely(is_large(nth)) && !headroom_left(arena))))
		return 0;

	return alloc_in(arena, class);
}

/**
 * cmap_arena_may_insert() - whether a node taken before can become an entry's
 * @arena: the arena
 * @ref: the node, taken when it was not known whether it will be one more
 *
 * Context: The shard's lock.
 * Return: true if enough is left for replacements.
 */
bool cmap_arena_may_insert(const struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_class *class = class_at(arena, ref);

	return class->free >= class->reserve &&
	       (!is_large(class - arena->classes) || headroom_left(arena));
}

/* Written once a tick at most: writers of all shards come here. */
static void hands_move(struct cmap_memory *memory)
{
	unsigned long now = jiffies;

	if (READ_ONCE(memory->hands_moved) != now)
		WRITE_ONCE(memory->hands_moved, now);
}

/**
 * cmap_arena_in_hand() - note that a writer holds a node, or no longer does
 * @arena: the arena
 * @ref: the node
 * @taken: it does now
 *
 * One that is to be filled outside the lock, or was an entry's and is copied
 * from: who lacks a node waits for those, too.
 *
 * Context: The shard's lock.
 */
void cmap_arena_in_hand(struct cmap_arena *arena, cmap_ref ref, bool taken)
{
	const struct cmap_segment *segment =
		segment_at(arena, ref >> CMAP_OFFSET_BITS);
	s64 bytes = cmap_block_bytes(segment->block);

	hands_move(arena->memory);
	arena->classes[segment->class].in_hand += taken ? 1 : -1;
	if (is_large(segment->class))
		atomic64_add(taken ? bytes : -bytes, &arena->memory->in_hand);
}

/**
 * cmap_arena_large_bytes() - what of its map's memory in hand a node makes up
 * @arena: the arena
 * @ref: the node
 *
 * Context: The shard's lock.
 * Return: bytes; 0 if it is no large value's.
 */
u64 cmap_arena_large_bytes(const struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_segment *segment =
		segment_at(arena, ref >> CMAP_OFFSET_BITS);

	return is_large(segment->class) ? cmap_block_bytes(segment->block) : 0;
}

/**
 * cmap_arena_room() - how large a node is
 * @arena: the arena
 * @ref: the node
 *
 * Context: The shard's lock.
 * Return: bytes that a node in its place can have.
 */
u32 cmap_arena_room(const struct cmap_arena *arena, cmap_ref ref)
{
	return segment_at(arena, ref >> CMAP_OFFSET_BITS)->units <<
	       CMAP_UNIT_SHIFT;
}

/**
 * cmap_arena_larger() - compare the size classes of nodes
 * @size: bytes in one node
 * @than: bytes in another
 *
 * Context: Any.
 * Return: true if @size belongs to a larger class.
 */
bool cmap_arena_larger(u32 size, u32 than)
{
	return class_of(size) > class_of(than);
}

/**
 * cmap_arena_retire() - give back a node that readers may have seen
 * @arena: the arena
 * @ref: the node, which can no longer be found
 *
 * Context: The shard's lock, hardware interrupts on.
 */
void cmap_arena_retire(struct cmap_arena *arena, cmap_ref ref)
{
	struct cmap_segment *segment =
		segment_at(arena, ref >> CMAP_OFFSET_BITS);

	push(arena, &segment->fresh, ref);
	segment->emptied = false;
	if (!--segment->live || arena->wipe)
		arena->untidy = true;
	if (!segment->waiting)
		stamp(segment);
	if (likely(!segment->evacuated)) {
		struct cmap_class *class = &arena->classes[segment->class];

		if (unlikely(++class->free == class->sparse))
			arena->untidy = true;
		if (!segment->listed)
			list_segment(arena, segment);
	}
}

/**
 * cmap_arena_unalloc() - give back a node whose ref was never published
 * @arena: the arena
 * @ref: the node
 *
 * Context: The shard's lock.
 */
void cmap_arena_unalloc(struct cmap_arena *arena, cmap_ref ref)
{
	struct cmap_segment *segment =
		segment_at(arena, ref >> CMAP_OFFSET_BITS);

	if (arena->wipe)
		wipe(segment, cmap_arena_node(arena, ref));
	push(arena, &segment->ready, ref);
	if (!--segment->live)
		arena->untidy = true;
	if (segment->evacuated)
		return;
	arena->classes[segment->class].free++;
	if (!segment->listed)
		list_segment(arena, segment);
}

/* ---- more memory ---- */

/*
 * A segment is an eighth of what its class has, so that at most that much
 * lies idle, and large enough that cutting it up wastes less than an eighth.
 *
 * But one that takes long to clear is so large that few writes in ten thousand
 * need another: nothing lies between 64 KiB and 2 MiB.  Who may not sleep clears
 * no such, for others may be waiting for the CPU.
 */
static u32 segment_pages(const struct cmap_arena *arena, u32 class, u32 size,
			 gfp_t gfp)
{
	/* Pairs with the release in cmap_refill_attach(). */
	const struct cmap_class *classes = smp_load_acquire(&arena->classes);
	u32 pages = classes ? READ_ONCE(classes[class].pages) / 8 : 0;
	unsigned int order = get_order(size);

	if (is_large(class))
		return least_pages(class);
	if (pages < 1U << SEGMENT_ORDER_MAX || !gfpflags_allow_blocking(gfp))
		pages = min(pages, 1U << SEGMENT_ORDER_QUICK);
	while (order < SEGMENT_ORDER_MAX &&
	       (1U << order < pages || (PAGE_SIZE << order) % size >
				       (PAGE_SIZE << order) / 8))
		order++;

	return 1U << order;
}

/* ---- room for it in the segment table ---- */

static u32 find_run(const struct cmap_arena *arena, u32 count)
{
	const struct cmap_segtab *segtab = segtab_locked(arena);
	unsigned long at;

	if (!segtab)
		return 0;
	/* So none lies in two levels of places, and large ones as pages do. */
	at = bitmap_find_next_zero_area(segtab->map, segtab->size, arena->hint,
					count, roundup_pow_of_two(count) - 1);
	return at + count <= segtab->size ? at : 0;
}

/*
 * Whether there is room for a segment of so many pages: -ENOSPC if there can be
 * none, else 0 with the size that the segment table must have for it, 0 if it
 * has.  Others may take the room before cmap_refill_attach(), which copes.
 */
static int find_room(const struct cmap_arena *arena, u32 pages, u32 *size)
{
	u32 count = granules_of(pages);
	u32 old = 0;
	bool found;

	spin_lock_bh(arena->lock);
	found = find_run(arena, count);
	if (segtab_locked(arena))
		old = segtab_locked(arena)->size;
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
 * cmap_arena_spent() - whether there is no room for a segment, however small
 * @arena: the arena
 * @size: bytes in its nodes
 *
 * Context: The shard's lock.
 * Return: true if there is none before another segment has gone.
 */
bool cmap_arena_spent(const struct cmap_arena *arena, u32 size)
{
	const struct cmap_segtab *segtab = segtab_locked(arena);

	return segtab && segtab->size == CMAP_GRANULES_MAX &&
	       !find_run(arena, granules_of(least_pages(class_of(size))));
}

/* A segment takes whole granules; where these become few it shall fill them. */
static bool cramped(const struct cmap_arena *arena)
{
	const struct cmap_segtab *segtab;
	bool cramped;

	spin_lock_bh(arena->lock);
	segtab = segtab_locked(arena);
	cramped = segtab && segtab->taken > CMAP_GRANULES_MAX / 2;
	spin_unlock_bh(arena->lock);

	return cramped;
}

/* What cannot be had in one piece, or is not left in the account, in a smaller. */
static struct cmap_block *block_new(const struct cmap_arena *arena, u32 pages,
				    u32 least, gfp_t gfp, u32 *segtab_size,
				    int *err)
{
	struct cmap_block *block = NULL;

	for (;; pages = max(pages / 2, least)) {
		*err = find_room(arena, pages, segtab_size);
		if (!*err)
			block = cmap_block_alloc(arena->memory, arena->node,
						 pages, gfp, err);
		if (block || pages == least)
			return block;
	}
}

/* One that a replacement may have though it takes the headroom. */
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
	block = cmap_block_alloc_charged(arena->memory, arena->node, pages,
					 gfp);
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

	segment = kzalloc_node(sizeof(*segment), cmap_gfp(gfp), arena->node);
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
	segment->units = class_units(class);
	INIT_LIST_HEAD(&segment->hidden);
	return segment;
}

/* Room is looked for first: memory that there is none for is not cleared. */
static int segment_new(struct cmap_arena *arena, u32 class, gfp_t gfp,
		       bool headroom, struct cmap_segment **result,
		       u32 *segtab_size)
{
	u32 size = class_units(class) << CMAP_UNIT_SHIFT;
	u32 least = least_pages(class);
	u32 pages = segment_pages(arena, class, size, gfp);
	struct cmap_segment *segment;
	int err;

	if (cramped(arena))
		pages = max_t(u32, pages, CMAP_GRANULE_BYTES / PAGE_SIZE);
	segment = segment_alloc(arena, class, gfp, &err);
	if (!segment)
		return err;

	if (is_large(class))
		cmap_memory_large(arena->memory, large_pages(size), true);
	if (headroom)
		segment->block = block_new_headroom(arena, least, gfp,
						    segtab_size, &err);
	else
		segment->block = block_new(arena, pages, least, gfp,
					   segtab_size, &err);
	if (!segment->block) {
		if (is_large(class))
			cmap_memory_large(arena->memory, large_pages(size),
					  false);
		kfree(segment);
		return err;
	}

	segment->base = segment->block->base;
	segment->capacity = cmap_block_bytes(segment->block) / size;
	*result = segment;

	return 0;
}

static int segtab_new(u32 size, int node, gfp_t gfp,
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
		new = kvmalloc_node(bytes, gfp, node);
	else
		new = kmalloc_node(bytes, gfp, node);
	if (!new)
		return -ENOMEM;
	new->size = size;
	new->segment = (void *)&new->base[size];
	new->map = (void *)&new->segment[size];
	*result = new;

	return 0;
}

static int prepare(struct cmap_arena *arena, u32 size, gfp_t gfp,
		   bool headroom, struct cmap_refill *refill)
{
	const struct cmap_view *view;
	u32 segtab_size;
	int err;

	*refill = (struct cmap_refill){ .memory = arena->memory };
	/*
	 * Before it is charged: who is refused for it shall know.  Who tries in
	 * vain beside another's hand moves none.
	 */
	if (is_large(class_of(size))) {
		refill->in_hand = least_pages(class_of(size)) * PAGE_SIZE;
		if (atomic64_add_return(refill->in_hand,
					&arena->memory->in_hand) ==
		    refill->in_hand)
			hands_move(arena->memory);
	}

	err = segment_new(arena, class_of(size), gfp, headroom,
			  &refill->segment, &segtab_size);
	if (err)
		goto discard;

	/* Pairs with the release in cmap_arena_show(). */
	view = smp_load_acquire(&arena->view);
	err = segtab_new(segtab_size, arena->node, gfp, &refill->segtab) ?:
	      cmap_view_grow(view, arena->memory, arena->node, segtab_size,
			     gfp, &refill->level);
	if (err)
		goto discard;

	if (!READ_ONCE(arena->classes)) {
		refill->classes = kcalloc_node(CMAP_CLASSES,
					       sizeof(*refill->classes),
					       cmap_gfp(gfp), arena->node);
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
 * Return: 0 with a refill that must be attached, or -ENOMEM, or -ENOSPC for
 * the account's limit, or if all the room that a shard's refs can name is taken.
 */
int cmap_refill_prepare(struct cmap_arena *arena, u32 size, gfp_t gfp,
			struct cmap_refill *refill)
{
	return prepare(arena, size, gfp, false, refill);
}

/*
 * Free nodes that inserts leave.  One is enough, and with more of them more
 * writers share a grace period once nothing else is left: so many as fill a
 * quarter of a page, or are a small share of all.
 */
static u16 reserve_of(u32 class, u32 nodes)
{
	u32 size = class_units(class) << CMAP_UNIT_SHIFT;
	u32 least = max_t(u32, PAGE_SIZE / size / 4, 1);

	if (is_large(class))
		return 0;
	return min_t(u32, max(least, nodes / RESERVE_SHARE), RESERVE_MAX);
}

/* Whether a replacement may take the headroom: a large value goes as a whole. */
static bool has_headroom(u32 size, u32 old_size)
{
	return is_large(class_of(old_size)) && !cmap_arena_larger(size, old_size);
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
	return prepare(arena, size, gfp, has_headroom(size, old_size), refill);
}

/*
 * How many segments an insert takes, if they are as small as can be: with the
 * node that it takes there are to be those that it leaves.
 */
static u32 segments_for_insert(const struct cmap_arena *arena, u32 nth)
{
	/* Pairs with the release in cmap_refill_attach(). */
	const struct cmap_class *class = smp_load_acquire(&arena->classes);
	u32 size = class_units(nth) << CMAP_UNIT_SHIFT;
	u32 want, nodes = 0, free = 0;

	if (class) {
		class += nth;
		free = READ_ONCE(class->free);
		nodes = READ_ONCE(class->nodes);
		/* Those of an empty class go when memory is short. */
		if (free == nodes)
			free = nodes = 0;
	}
	want = 1 + reserve_of(nth, nodes);
	if (free >= want)
		return 1;
	return DIV_ROUND_UP(want - free, least_pages(nth) * PAGE_SIZE / size);
}

/**
 * cmap_refill_lack() - what a refill takes at least
 * @arena: the arena
 * @size: bytes in the node that did not fit
 * @old_size: room that the old node has, or 0 for an entry more
 *
 * Context: Any.
 * Return: bytes of the account, those included that are to stay free then.
 */
struct cmap_lack cmap_refill_lack(const struct cmap_arena *arena, u32 size,
				  u32 old_size)
{
	struct cmap_lack lack = {
		.bytes = least_pages(class_of(size)) * PAGE_SIZE,
	};

	if (old_size)
		lack.headroom = has_headroom(size, old_size);
	else
		lack.bytes *= segments_for_insert(arena, class_of(size));
	if (is_large(class_of(size)) && !lack.headroom)
		lack.bytes += cmap_memory_headroom_for(arena->memory,
						       large_pages(size));
	return lack;
}

/**
 * cmap_refill_ahead() - allocate memory that will be needed soon
 * @arena: the arena
 * @class: size class, arena->ahead
 * @refill: set to what was allocated
 *
 * Context: Process; no lock.
 * Return: 0 with a refill that must be attached, or -ENOMEM, or -ENOSPC.
 */
int cmap_refill_ahead(struct cmap_arena *arena, u32 class,
		      struct cmap_refill *refill)
{
	int err = cmap_refill_prepare(arena, class_units(class) <<
				      CMAP_UNIT_SHIFT, GFP_KERNEL, refill);

	refill->ahead = true;
	return err;
}

/* Count nodes of a segment in, or with negative numbers out, of its class. */
static void count_nodes(struct cmap_class *class,
			const struct cmap_segment *segment, s32 nodes, s32 free)
{
	u32 size = segment->units << CMAP_UNIT_SHIFT;

	class->nodes += nodes;
	class->free += free;
	class->reserve = reserve_of(segment->class, class->nodes);
	class->sparse = is_large(segment->class) ? U32_MAX :
			class->nodes / SPARSE_SHARE + class->reserve +
			DIV_ROUND_UP(SPARSE_BYTES, size);
}

/* Put a larger segment table in place; the old one is left in the refill. */
static void segtab_replace(struct cmap_arena *arena, struct cmap_refill *refill)
{
	struct cmap_segtab *old = segtab_locked(arena);
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
		/* In whose stead the list of numbers has other words. */
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
 * There is one place for a segment to follow the one in use.  What is there is
 * less than inserts leave: list its nodes as if they had been used and freed.
 */
static void list_unused(struct cmap_arena *arena, struct cmap_segment *segment)
{
	while (segment->bump < segment->capacity)
		push(arena, &segment->ready, ref_of(segment, segment->bump++));
	if (!segment->listed)
		list_segment(arena, segment);
}

/* Put a segment into the segment table, and show it if it can be shown. */
static void settle(struct cmap_arena *arena, struct cmap_segment *segment,
		   u32 index)
{
	struct cmap_segtab *segtab = segtab_locked(arena);
	u32 i, count = segment_granules(segment);

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

	/* Before a ref into the segment is published. */
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
 * Another writer may have got in between; then little or nothing is attached
 * and the caller, who has to try to allocate again anyway, comes back.
 *
 * Context: The shard's lock.
 */
void cmap_refill_attach(struct cmap_arena *arena, struct cmap_refill *refill)
{
	struct cmap_segment *segment = refill->segment;
	struct cmap_class *class;
	u32 index, there;
	bool spare;

	if (!arena->classes) {
		/* Pairs with the acquire in segment_pages(). */
		smp_store_release(&arena->classes, refill->classes);
		refill->classes = NULL;
	}
	segtab_replace(arena, refill);

	index = find_run(arena, segment_granules(segment));
	class = &arena->classes[segment->class];
	/* Of what others left there may be too little for an insert. */
	spare = class->bump && (refill->ahead || class->free <= class->reserve);
	there = spare ? class->spare : class->bump;
	if (!index || (there && class->free > class->reserve))
		return;
	if (there)
		list_unused(arena, segment_at(arena, there));

	settle(arena, segment, index);
	if (spare)
		class->spare = index;
	else
		class->bump = index;
	WRITE_ONCE(class->pages, class->pages + segment->block->pages);
	count_nodes(class, segment, segment->capacity, segment->capacity);
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
		segment_free(refill->segment);
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
	spin_lock_bh(arena->lock);
	cmap_refill_attach(arena, refill);
	spin_unlock_bh(arena->lock);
	cmap_refill_discard(refill);
}

/* ---- less memory ---- */

/* True once no reader can be in any node of a segment without live ones. */
static bool segment_idle(struct cmap_segment *segment)
{
	if (!segment->fresh && ripe(segment))
		return true;
	if (segment->emptied)
		return poll_state_synchronize_rcu(segment->empty_grace);
	if (!segment->waiting)
		return true;

	segment->empty_grace = start_poll_synchronize_rcu();
	segment->emptied = true;
	return false;
}

static void detach(struct cmap_arena *arena, struct cmap_segment *segment,
		   struct list_head *detached)
{
	struct cmap_class *class = &arena->classes[segment->class];
	struct cmap_segtab *segtab = segtab_locked(arena);
	u32 i, index = segment->index, count = segment_granules(segment);

	if (segment->listed)
		unlist_segment(arena, segment);
	if (class->bump == index)
		class->bump = 0;
	if (class->spare == index)
		class->spare = 0;
	if (arena->victim == index)
		WRITE_ONCE(arena->victim, 0);
	if (!segment->evacuated)
		count_nodes(class, segment, -(s32)segment->capacity,
			    -(s32)segment->capacity);
	WRITE_ONCE(class->pages, class->pages - segment->block->pages);
	/* Before another segment gets the place, and before this one is zero. */
	cmap_view_set_segment(arena->view, index, count, 0);
	for (i = 0; i < count; i++) {
		segtab->base[index + i] = NULL;
		/*
		 * Pairs with the acquire in cmap_arena_find(): a page fault that
		 * finds nothing, and shows zeroes, finds the number gone, too.
		 */
		smp_store_release(&segtab->segment[index + i], NULL);
	}
	cmap_block_returning(segment->block);
	list_del(&segment->hidden);
	list_add(&segment->detached, detached);
	atomic_inc(&arena->memory->leaving);
}

/* No process has the segment mapped any more: it goes, and its granules. */
static void segment_left(struct cmap_place *place)
{
	struct cmap_segment *segment = container_of(place, struct cmap_segment,
						    place);
	struct cmap_arena *arena = segment->arena;
	u32 index = segment->index, count = segment_granules(segment);
	struct cmap_segtab *segtab;

	segment_free(segment);

	spin_lock_bh(arena->lock);
	segtab = segtab_locked(arena);
	bitmap_clear(segtab->map, index, count);
	segtab->taken -= count;
	arena->hint = min(arena->hint, index);
	spin_unlock_bh(arena->lock);
}

static void segment_leave(struct cmap_segment *segment)
{
	struct cmap_arena *arena = segment->arena;
	/* Pairs with the release in cmap_arena_show(). */
	const struct cmap_view *view = smp_load_acquire(&arena->view);

	segment->place = (struct cmap_place){ .left = segment_left };
	/* What left before there was a view nobody has found. */
	if (view) {
		segment->place.offset = cmap_place_node(view->index,
							segment->index);
		segment->place.bytes = segment_granules(segment) *
				       CMAP_GRANULE_BYTES;
	}
	cmap_memory_leave(arena->memory, &segment->place);
}

/*
 * Whether a segment without live nodes can go.  What was allocated ahead is
 * wanted soon, unless memory is wanted more or most entries have gone; and where
 * there are entries, replacements need some nodes.
 */
static bool returnable(const struct cmap_arena *arena,
		       const struct cmap_segment *segment, bool urgent)
{
	const struct cmap_class *class = &arena->classes[segment->class];

	if (segment->evacuated || class->free == class->nodes)
		return true;
	if (!urgent && class->nodes - class->free >= segment->capacity &&
	    (segment->index == class->bump || segment->index == class->spare))
		return false;
	return class->free - segment->capacity >= class->reserve;
}

/* Wipe what can be; true if there is more, now or after a grace period. */
static bool wipe_some(struct cmap_arena *arena, struct cmap_segment *segment,
		      s64 *budget)
{
	while (*budget > 0 && ripe(segment)) {
		wipe_next(arena, segment);
		*budget -= segment->units << CMAP_UNIT_SHIFT;
	}
	return segment->waiting;
}

/*
 * A writer counts on the segment: its nodes are handed out no more, lest others
 * begin it anew each time.  It goes once no reader can be in it.
 */
static void claim(struct cmap_arena *arena, struct cmap_segment *segment)
{
	struct cmap_class *class = &arena->classes[segment->class];

	if (segment->listed)
		unlist_segment(arena, segment);
	if (class->bump == segment->index)
		class->bump = 0;
	if (class->spare == segment->index)
		class->spare = 0;
	count_nodes(class, segment, -(s32)segment->capacity,
		    -(s32)segment->capacity);
	segment->evacuated = true;
	arena->untidy = true;
}

/*
 * Take out segments.  Returns the bytes in those that only wait for a grace
 * period; @more is set if there are, or are nodes to be wiped.
 */
static u64 trim(struct cmap_arena *arena, u32 *from, u32 count, bool urgent,
		struct list_head *detached, bool *more)
{
	struct cmap_segtab *segtab = segtab_locked(arena);
	u32 size = segtab ? segtab->size : 0;
	u32 end = min(*from + count, size);
	struct cmap_segment *segment;
	s64 budget = WIPE_BYTES;
	u64 pending = 0;

	for (; (segment = segment_from(segtab, from, end)); (*from)++) {
		bool waits;

		waits = arena->wipe && wipe_some(arena, segment, &budget);
		*more |= waits;
		if (waits && budget <= 0)
			return pending;
		if (segment->live || !returnable(arena, segment, urgent))
			continue;
		if (!waits && segment_idle(segment)) {
			detach(arena, segment, detached);
		} else {
			if (urgent && !segment->evacuated)
				claim(arena, segment);
			pending += cmap_block_bytes(segment->block);
			*more = true;
		}
	}
	if (end == size)
		*from = U32_MAX;

	return pending;
}

/**
 * cmap_arena_trim() - take segments without a live node out of an arena
 * @arena: the arena
 * @from: granule to begin at; moved on
 * @count: how many granules to look at
 * @detached: list for cmap_arena_free_detached()
 *
 * In an arena that wipes, freed nodes are wiped, and a segment is taken out only
 * when all of its are.  However long a node is, it is wiped in one lock hold.
 *
 * Context: The shard's lock, hardware interrupts on.
 * Return: true if there is a segment, or a node, that only waits for a grace
 * period.
 */
bool cmap_arena_trim(struct cmap_arena *arena, u32 *from, u32 count,
		     struct list_head *detached)
{
	bool more = false;

	trim(arena, from, count, false, detached, &more);
	return more;
}

/**
 * cmap_arena_reclaim() - the same for a writer that lacks memory
 * @arena: the arena
 * @from: index to begin at; moved on
 * @count: how many indices to look at
 * @detached: list for cmap_arena_free_detached()
 *
 * What was allocated ahead goes, too, and what waits is handed out no more.
 *
 * Context: The shard's lock, hardware interrupts on.
 * Return: bytes in segments that only wait for a grace period.
 */
u64 cmap_arena_reclaim(struct cmap_arena *arena, u32 *from, u32 count,
		       struct list_head *detached)
{
	bool more = false;

	return trim(arena, from, count, true, detached, &more);
}

/* ---- lack of nodes ---- */

/**
 * cmap_arena_queue() - count writers that queue for nodes
 * @arena: the arena
 * @size: bytes in the nodes
 * @count: how many writers join; negative: leave
 *
 * Context: The shard's lock.
 * Return: false if nobody has such nodes, so there is no queue.
 */
bool cmap_arena_queue(struct cmap_arena *arena, u32 size, int count)
{
	if (!arena->classes)
		return false;
	arena->classes[class_of(size)].queued += count;
	return true;
}

/**
 * cmap_arena_serve() - say what the first in the queue lacks
 * @arena: the arena
 * @size: bytes in a node, or 0 if it lacks something else
 *
 * From here on, until this is called for the next one, nobody but those in the
 * queue takes such a node.
 *
 * Context: The shard's lock.
 */
void cmap_arena_serve(struct cmap_arena *arena, u32 size)
{
	arena->serving = size ? class_of(size) : 0;
}

/**
 * cmap_arena_queued() - whether writers queue for nodes
 * @arena: the arena
 * @size: bytes in the nodes
 *
 * Context: The shard's lock.
 * Return: true if they do.
 */
bool cmap_arena_queued(const struct cmap_arena *arena, u32 size)
{
	return arena->classes && is_queued(arena, class_of(size));
}

/**
 * cmap_arena_outlook() - what a writer that lacks a node can hope for
 * @arena: the arena
 * @size: bytes in the node
 * @insert: it is for an entry more, which leaves some for replacements
 *
 * Context: The shard's lock.
 * Return: whether it gets one without more memory, and when.
 */
struct cmap_outlook cmap_arena_outlook(const struct cmap_arena *arena,
				       u32 size, bool insert)
{
	struct cmap_outlook outlook = {};
	const struct cmap_segment *segment;
	u32 nth = class_of(size);
	const struct cmap_class *class;

	if (!arena->classes)
		return outlook;
	class = &arena->classes[nth];
	outlook.coming = class->free + class->in_hand >
			 (insert ? class->reserve : 0) &&
			 !(insert && is_large(nth) && !headroom_left(arena));
	if (!class->head)
		return outlook;
	segment = segment_at(arena, class->head);
	/* Of ripe nodes it gets none either that it must leave for others. */
	outlook.waits = !segment->ready &&
			class->free > (insert ? class->reserve : 0);
	outlook.grace = segment->grace;

	return outlook;
}

/* ---- sparse segments ---- */

/**
 * cmap_arena_sparse() - whether too many nodes are free
 * @arena: the arena
 *
 * Context: The shard's lock.
 * Return: true if a class has more than it should.
 */
bool cmap_arena_sparse(const struct cmap_arena *arena)
{
	u32 i;

	for (i = 0; arena->classes && i < CMAP_CLASSES; i++)
		if (arena->classes[i].free > arena->classes[i].sparse)
			return true;
	return false;
}

/*
 * Whether a segment's live nodes can go to others of its class.  The one that
 * nodes are taken from is none to empty: that would move them twice.
 */
static bool can_evacuate(const struct cmap_arena *arena,
			 struct cmap_segment *segment, u32 share, bool urgent)
{
	const struct cmap_class *class = &arena->classes[segment->class];

	if (segment->evacuated || !segment->live ||
	    segment->live * 8ULL > (u64)segment->capacity * share)
		return false;
	if (segment->index == class->head || segment->index == class->bump ||
	    segment->index == class->spare)
		return false;
	if (!urgent && class->free <= class->sparse)
		return false;
	if (class->free < segment->capacity + class->reserve)
		return false;
	if (class->bump || class->spare)
		return true;
	if (!class->head)
		return false;
	segment = segment_at(arena, class->head);
	return segment->ready || ripe(segment);
}

/**
 * cmap_arena_evacuate() - choose a segment to be emptied
 * @arena: the arena
 * @from: index to begin at; moved on
 * @count: how many indices to look at
 * @share: live nodes it may have, in eighths
 * @urgent: also where no more nodes are free than should be
 *
 * Nodes of it are handed out no more.
 *
 * Context: The shard's lock.
 * Return: true if there is one, perhaps one that was chosen before.
 */
bool cmap_arena_evacuate(struct cmap_arena *arena, u32 *from, u32 count,
			 u32 share, bool urgent)
{
	struct cmap_segtab *segtab = segtab_locked(arena);
	u32 size = segtab ? segtab->size : 0;
	u32 end = min(*from + count, size);
	struct cmap_segment *segment;

	if (arena->victim)
		return true;

	for (; (segment = segment_from(segtab, from, end)); (*from)++) {
		if (!can_evacuate(arena, segment, share, urgent))
			continue;
		if (segment->listed)
			unlist_segment(arena, segment);
		segment->evacuated = true;
		count_nodes(&arena->classes[segment->class], segment,
			    -(s32)segment->capacity,
			    (s32)segment->live - (s32)segment->capacity);
		WRITE_ONCE(arena->victim, segment->index);
		arena->victim_next = 0;
		arena->victim_moved = false;
		(*from)++;
		return true;
	}
	if (end == size)
		*from = U32_MAX;

	return false;
}

/**
 * cmap_arena_evacuate_next() - the next node of the segment that is emptied
 * @arena: the arena
 *
 * Context: The shard's lock.
 * Return: a node that may be an entry's, or 0 if there is none any more.
 */
cmap_ref cmap_arena_evacuate_next(struct cmap_arena *arena)
{
	const struct cmap_segment *segment;

	if (!arena->victim)
		return 0;
	segment = segment_at(arena, arena->victim);
	if (!segment->live || arena->victim_next == segment->bump)
		return 0;
	return ref_of(segment, arena->victim_next++);
}

/**
 * cmap_arena_copy() - make a copy of an entry's node in another segment
 * @arena: the arena
 * @ref: the node, of the segment that is emptied
 *
 * The copy is the same in all, version included: whoever finds one of the two
 * finds the same entry.  The nodes that inserts leave are not for copies either.
 *
 * Context: The shard's lock.
 * Return: the copy, or 0 if there is no room for one.
 */
cmap_ref cmap_arena_copy(struct cmap_arena *arena, cmap_ref ref)
{
	const struct cmap_node *node = cmap_arena_node(arena, ref);
	struct cmap_class *class = class_at(arena, ref);
	struct cmap_node *copy;
	cmap_ref copy_ref;

	if (class->free <= class->reserve)
		return 0;
	copy_ref = alloc_in(arena, class);
	if (!copy_ref)
		return 0;
	copy = cmap_arena_node(arena, copy_ref);
	copy->order = node->order;
	copy->lengths = node->lengths;
	memcpy(copy->key, node->key,
	       cmap_node_size(cmap_node_key_len(node),
			      cmap_node_value_len(node)) - sizeof(*node));
	/* Pairs with the window reader's acquire of the version. */
	smp_store_release(&copy->version, node->version);
	arena->victim_moved = true;

	return copy_ref;
}

/*
 * A segment of which nodes were moved is to be used again.  Their versions went
 * along, and can come back to the same nodes with another move: only a new
 * number of the segment says that there was something else meanwhile.  Nobody
 * can have seen the number of one that is not shown yet.  Returns false if there
 * is none left.
 */
static bool number_anew(struct cmap_arena *arena, struct cmap_segment *segment)
{
	u64 number;

	if (!arena->view || !list_empty(&segment->hidden))
		return true;
	if (cmap_memory_number(arena->memory, &number))
		return false;
	segment->number = number;
	cmap_view_set_segment(arena->view, segment->index,
			      segment_granules(segment), segment->number);
	/*
	 * Pairs with the fence before a window reader's third look: who copied
	 * what a node is used for next sees the new number.
	 */
	smp_wmb();
	return true;
}

/**
 * cmap_arena_evacuate_end() - done with the segment that is emptied
 * @arena: the arena
 *
 * If it still has a node that is handed out it is again as it was, but for its
 * number.
 *
 * Context: The shard's lock.
 * Return: bytes in it if it will be given back after a grace period, else 0.
 */
u64 cmap_arena_evacuate_end(struct cmap_arena *arena)
{
	struct cmap_segment *segment;

	if (!arena->victim)
		return 0;
	segment = segment_at(arena, arena->victim);
	WRITE_ONCE(arena->victim, 0);
	if (!segment->live)
		return cmap_block_bytes(segment->block);
	/* It goes once it is empty. */
	if (arena->victim_moved && !number_anew(arena, segment))
		return 0;

	segment->evacuated = false;
	count_nodes(&arena->classes[segment->class], segment, segment->capacity,
		    (s32)segment->capacity - (s32)segment->live);
	if (segment->ready || segment->waiting || segment->fresh)
		list_segment(arena, segment);
	return 0;
}

/**
 * cmap_arena_free_detached() - free segments that were trimmed
 * @detached: the segments
 *
 * What processes may have mapped is freed in a while.
 *
 * Context: No lock.
 */
void cmap_arena_free_detached(struct list_head *detached)
{
	struct cmap_segment *segment, *next;

	list_for_each_entry_safe(segment, next, detached, detached)
		segment_leave(segment);
}

/* ---- showing it ---- */

/**
 * cmap_arena_granules() - how many granules a view must have room for
 * @arena: the arena
 *
 * Context: The shard's lock.
 * Return: one more than the highest granule that there can be.
 */
u32 cmap_arena_granules(const struct cmap_arena *arena)
{
	const struct cmap_segtab *segtab = segtab_locked(arena);

	return segtab ? segtab->size : 0;
}

/**
 * cmap_arena_show() - show processes where segments are, from now on
 * @arena: the arena
 * @view: its view, with room for all segments there are; the arena's now
 *
 * Context: The shard's lock.
 */
void cmap_arena_show(struct cmap_arena *arena, struct cmap_view *view)
{
	const struct cmap_segtab *segtab = segtab_locked(arena);
	struct cmap_segment *segment;
	u32 i = 0;

	while (segtab && (segment = segment_from(segtab, &i, segtab->size))) {
		u32 count = segment_granules(segment);

		cmap_view_set_segment(view, i, count, segment->number);
		i += count;
	}
	/* Pairs with the acquires of who looks without the lock. */
	smp_store_release(&arena->view, view);
}

/**
 * cmap_arena_hidden() - which segments processes cannot be shown yet
 * @arena: the arena, which has a view
 * @hidden: set to what there is to know of them
 * @max: room for so many
 *
 * Page faults find them already.  Once those are over that may not have, and
 * what they mapped is unmapped, it is time for cmap_arena_reveal().
 *
 * Context: The shard's lock.
 * Return: how many there are, at most @max.
 */
u32 cmap_arena_hidden(const struct cmap_arena *arena,
		      struct cmap_hidden *hidden, u32 max)
{
	const struct cmap_segment *segment;
	u32 n = 0;

	list_for_each_entry(segment, &arena->view->hidden, hidden) {
		if (n == max)
			break;
		hidden[n++] = (struct cmap_hidden){
			.granule = segment->index,
			.count = segment_granules(segment),
			.number = segment->number,
		};
	}

	return n;
}

/**
 * cmap_arena_reveal() - show processes a segment that they could not be shown
 * @arena: the arena
 * @hidden: from cmap_arena_hidden(); it may have gone since
 *
 * Context: The shard's lock.
 */
void cmap_arena_reveal(struct cmap_arena *arena,
		       const struct cmap_hidden *hidden)
{
	struct cmap_segment *segment = segment_at(arena, hidden->granule);

	if (!segment || segment->number != hidden->number)
		return;
	list_del_init(&segment->hidden);
	cmap_view_set_segment(arena->view, hidden->granule, hidden->count,
			      hidden->number);
}

/**
 * cmap_arena_find() - find the segment at a granule
 * @arena: the arena of a map that may have been mapped
 * @granule: the granule
 * @extent: set to the segment's memory, and to where it begins, in bytes from
 *	granule 0 on
 *
 * Context: Read section of &struct cmap_mapped.faults, in which what is found
 * stays.
 * Return: false if there is none.
 */
bool cmap_arena_find(const struct cmap_arena *arena, u32 granule,
		     struct cmap_extent *extent)
{
	const struct cmap_segment *segment = NULL;
	const struct cmap_segtab *segtab;

	rcu_read_lock();
	segtab = rcu_dereference(arena->segtab);
	if (segtab && granule < segtab->size)
		/* Pairs with the release in settle(). */
		segment = smp_load_acquire(&segtab->segment[granule]);
	rcu_read_unlock();
	if (!segment)
		return false;

	extent->base = segment->base;
	extent->bytes = cmap_block_bytes(segment->block);
	extent->at = (u64)segment->index << CMAP_WINDOW_GRANULE_SHIFT;
	return true;
}
