// SPDX-License-Identifier: GPL-2.0
#include "arena.h"
#include "block.h"
#include "view.h"

#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define SEGMENT_ORDER_MAX	(get_order(SZ_2M))
#define SEGMENT_ORDER_QUICK	(get_order(SZ_64K))
#define AHEAD_ORDER_MIN		2	/* less is cleared when it is needed */
#define SEGTAB_SIZE_MIN		8
#define WIPE_BYTES		SZ_64K	/* per lock hold of the trim; or one node */

/*
 * Size classes: every number of units up to 16, then eight steps to each
 * doubling, so that a node wastes less than an eighth of its size.
 */
static u32 class_of(u32 size)
{
	u32 units = DIV_ROUND_UP(size, 1U << CMAP_UNIT_SHIFT);
	u32 msb;

	if (units <= 16)
		return units;

	msb = fls(units - 1) - 1;
	return 17 + (msb - 4) * 8 + (((units - 1) >> (msb - 3)) & 7);
}

static u32 class_units(u32 class)
{
	if (class <= 16)
		return class;

	class -= 17;
	return (9 + class % 8) << (1 + class / 8);
}

static struct cmap_segtab *segtab_locked(const struct cmap_arena *arena)
{
	return rcu_dereference_protected(arena->segtab,
					 lockdep_is_held(arena->lock));
}

static struct cmap_segment *segment_at(const struct cmap_arena *arena,
				       u32 index)
{
	return segtab_locked(arena)->slot[index].segment;
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
	u32 i;

	for (i = 0; segtab && i < segtab->size; i++) {
		struct cmap_segment *segment = segtab->slot[i].segment;

		cond_resched();
		if (!segment)
			continue;
		if (arena->wipe)
			memset(segment->base, 0,
			       PAGE_SIZE << segment->block->order);
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

	segment->prev = class->tail;
	segment->next = 0;
	if (class->tail)
		segment_at(arena, class->tail)->next = segment->index;
	else
		class->head = segment->index;
	class->tail = segment->index;
	segment->listed = true;
}

static void unlist_segment(struct cmap_arena *arena,
			   struct cmap_segment *segment)
{
	struct cmap_class *class = &arena->classes[segment->class];

	if (segment->prev)
		segment_at(arena, segment->prev)->next = segment->next;
	else
		class->head = segment->next;
	if (segment->next)
		segment_at(arena, segment->next)->prev = segment->prev;
	else
		class->tail = segment->prev;
	segment->listed = false;
}

/* ---- handing out and taking back ---- */

static u32 ref_of(const struct cmap_segment *segment, u32 nth)
{
	return segment->index << CMAP_OFFSET_BITS | nth * segment->units;
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

	if (!segment->ready) {
		unlist_segment(arena, segment);
		if (segment->waiting)
			list_segment(arena, segment);
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
	unsigned int order = segment->block->order;

	if (class->spare || order < AHEAD_ORDER_MIN ||
	    class->pages < 4U << order)
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

/**
 * cmap_arena_alloc() - take a node
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
	struct cmap_class *class;
	cmap_ref ref;

	if (!arena->classes)
		return 0;
	class = &arena->classes[class_of(size)];

	ref = alloc_freed(arena, class);
	if (!ref)
		ref = alloc_unused(arena, class);
	if (!ref)
		return 0;

	arena->allocs++;
	blank(cmap_arena_node(arena, ref));

	return ref;
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
	if (!segment->listed)
		list_segment(arena, segment);
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
	if (!segment->listed)
		list_segment(arena, segment);
}

/* ---- more memory ---- */

/*
 * A segment is an eighth of what its class has, so that at most that much
 * lies idle, and large enough that cutting it up wastes less than an eighth.
 *
 * But one that takes long to clear is so large that few writes in ten thousand
 * need another: nothing lies between 64 KiB and 2 MiB.
 */
static unsigned int segment_order(const struct cmap_arena *arena, u32 class,
				  u32 size)
{
	/* Pairs with the release in cmap_refill_attach(). */
	const struct cmap_class *classes = smp_load_acquire(&arena->classes);
	u32 pages = classes ? READ_ONCE(classes[class].pages) / 8 : 0;
	unsigned int order = get_order(size);

	if (pages < 1U << SEGMENT_ORDER_MAX)
		pages = min(pages, 1U << SEGMENT_ORDER_QUICK);
	while (order < SEGMENT_ORDER_MAX &&
	       (1U << order < pages || (PAGE_SIZE << order) % size >
				       (PAGE_SIZE << order) / 8))
		order++;

	return order;
}

static int segment_new(const struct cmap_arena *arena, u32 class, gfp_t gfp,
		       struct cmap_segment **result)
{
	u32 units = class_units(class);
	u32 size = units << CMAP_UNIT_SHIFT;
	unsigned int least = get_order(size);
	unsigned int order = segment_order(arena, class, size);
	struct cmap_segment *segment;
	int err;

	segment = kzalloc_node(sizeof(*segment), cmap_gfp(gfp), arena->node);
	if (!segment)
		return -ENOMEM;

	for (;; order = order - 1 > least ? order - 1 : least) {
		segment->block = cmap_block_alloc(arena->memory, arena->node,
						  order, gfp, &err);
		if (segment->block || order == least)
			break;
	}
	if (segment->block)
		err = cmap_block_offer(segment->block,
				       cmap_block_numbers(arena->memory, 1),
				       cmap_gfp(gfp));
	if (err) {
		segment_free(segment);
		return err;
	}

	segment->base = segment->block->base;
	segment->class = class;
	segment->units = units;
	segment->capacity = (PAGE_SIZE << order) / size;
	*result = segment;

	return 0;
}

/*
 * The index that the next segment will get, and the size the segment table
 * must have for it, 0 if it has.  A lockless guess; cmap_refill_attach() copes
 * with a wrong one.
 */
static u32 guess_index(const struct cmap_arena *arena, u32 *size)
{
	struct cmap_segtab *old;
	u32 i = 1;

	*size = SEGTAB_SIZE_MIN;
	rcu_read_lock();
	old = rcu_dereference(arena->segtab);
	if (old) {
		for (i = READ_ONCE(arena->hint); i < old->size; i++)
			if (!READ_ONCE(old->slot[i].segment))
				break;
		*size = i < old->size ? 0 : old->size * 2;
	}
	rcu_read_unlock();

	return i;
}

static int segtab_new(u32 size, int node, gfp_t gfp,
		      struct cmap_segtab **result)
{
	struct cmap_segtab *new;

	if (!size)
		return 0;
	if (size > CMAP_SEGMENTS_MAX)
		return -ENOMEM;

	gfp = cmap_gfp(gfp) | __GFP_ZERO;
	if (gfpflags_allow_blocking(gfp))
		new = kvmalloc_node(struct_size(new, slot, size), gfp, node);
	else
		new = kmalloc_node(struct_size(new, slot, size), gfp, node);
	if (!new)
		return -ENOMEM;
	new->size = size;
	*result = new;

	return 0;
}

/* The page in which processes will find the new segment's number. */
static int view_page_new(const struct cmap_arena *arena, u32 index, gfp_t gfp,
			 struct cmap_refill *refill)
{
	const struct cmap_view *view = READ_ONCE(arena->view);
	int err;

	refill->view_index = cmap_view_page_of(index);
	if (!view || READ_ONCE(view->page[refill->view_index]))
		return 0;

	refill->view_page = cmap_block_alloc_shown(arena->memory, arena->node,
						   gfp, &err);
	return refill->view_page ? 0 : err;
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
 * the account's limit.
 */
int cmap_refill_prepare(const struct cmap_arena *arena, u32 size, gfp_t gfp,
			struct cmap_refill *refill)
{
	u32 index, segtab_size;
	int err;

	*refill = (struct cmap_refill){};

	err = segment_new(arena, class_of(size), gfp, &refill->segment);
	if (err)
		return err;

	index = guess_index(arena, &segtab_size);
	err = segtab_new(segtab_size, arena->node, gfp, &refill->segtab) ?:
	      view_page_new(arena, index, gfp, refill);
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
 * cmap_refill_ahead() - allocate memory that will be needed soon
 * @arena: the arena
 * @class: size class, arena->ahead
 * @refill: set to what was allocated
 *
 * Context: Process; no lock.
 * Return: 0 with a refill that must be attached, or -ENOMEM, or -ENOSPC.
 */
int cmap_refill_ahead(const struct cmap_arena *arena, u32 class,
		      struct cmap_refill *refill)
{
	int err = cmap_refill_prepare(arena, class_units(class) <<
				      CMAP_UNIT_SHIFT, GFP_KERNEL, refill);

	refill->ahead = true;
	return err;
}

/* Put a larger segment table in place; the old one is left in the refill. */
static void segtab_replace(struct cmap_arena *arena, struct cmap_refill *refill)
{
	struct cmap_segtab *old = segtab_locked(arena);
	struct cmap_segtab *new = refill->segtab;

	if (!new || (old && old->size >= new->size))
		return;

	if (old)
		memcpy(new->slot, old->slot, array_size(old->size,
							sizeof(*old->slot)));
	/* Pairs with the dereference in cmap_arena_node(). */
	rcu_assign_pointer(arena->segtab, new);
	refill->segtab = NULL;
	if (old)
		kvfree_rcu(old, rcu);
}

/* Whether processes, if there are any, can be shown a segment there. */
static bool view_has(struct cmap_arena *arena, u32 index,
		     struct cmap_refill *refill)
{
	struct cmap_view *view = arena->view;
	u32 i = cmap_view_page_of(index);

	if (!view || view->page[i])
		return true;
	if (!refill->view_page || refill->view_index != i)
		return false;

	WRITE_ONCE(view->page[i], refill->view_page);
	refill->view_page = NULL;
	return true;
}

static u32 free_index(struct cmap_arena *arena)
{
	struct cmap_segtab *segtab = segtab_locked(arena);
	u32 i;

	for (i = arena->hint; segtab && i < segtab->size; i++)
		if (!segtab->slot[i].segment)
			return i;

	return 0;
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
	struct cmap_segtab *segtab;
	struct cmap_class *class;
	u16 *place;
	u32 index;

	if (!arena->classes) {
		/* Pairs with the acquire in segment_order(). */
		smp_store_release(&arena->classes, refill->classes);
		refill->classes = NULL;
	}
	segtab_replace(arena, refill);

	index = free_index(arena);
	class = &arena->classes[segment->class];
	place = class->bump && refill->ahead ? &class->spare : &class->bump;
	if (!index || *place || !view_has(arena, index, refill))
		return;

	segment->index = index;
	WRITE_ONCE(arena->hint, index + 1);
	segtab = segtab_locked(arena);
	segtab->slot[index].base = segment->base;
	WRITE_ONCE(segtab->slot[index].segment, segment);
	/* Before a ref into the segment is published. */
	cmap_view_set_segment(arena->view, index, segment->block->number);
	*place = index;
	WRITE_ONCE(class->pages, class->pages + (1U << segment->block->order));
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
	cmap_block_free(refill->view_page);
	kvfree(refill->segtab);
	kfree(refill->classes);
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
	u32 index = segment->index;

	if (segment->listed)
		unlist_segment(arena, segment);
	if (class->bump == index)
		class->bump = 0;
	if (class->spare == index)
		class->spare = 0;
	WRITE_ONCE(class->pages, class->pages - (1U << segment->block->order));
	WRITE_ONCE(arena->hint, min(arena->hint, index));
	/* Before another segment gets the index, and before this one is zero. */
	cmap_view_set_segment(arena->view, index, 0);
	segtab->slot[index].base = NULL;
	WRITE_ONCE(segtab->slot[index].segment, NULL);
	list_add(&segment->detached, detached);
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

/**
 * cmap_arena_trim() - take segments without a live node out of an arena
 * @arena: the arena
 * @from: index to begin at; moved on
 * @count: how many indices to look at
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
	struct cmap_segtab *segtab = segtab_locked(arena);
	u32 size = segtab ? segtab->size : 0;
	u32 end = min(*from + count, size);
	s64 budget = WIPE_BYTES;
	bool pending = false;

	for (; *from < end; (*from)++) {
		struct cmap_segment *segment = segtab->slot[*from].segment;

		if (!segment)
			continue;
		if (arena->wipe && wipe_some(arena, segment, &budget)) {
			if (budget <= 0)
				return true;
			pending = true;
			continue;
		}
		if (segment->live)
			continue;
		if (segment_idle(segment))
			detach(arena, segment, detached);
		else
			pending = true;
	}
	if (end == size)
		*from = U32_MAX;

	return pending;
}

/**
 * cmap_arena_waiting() - whether nodes will be ready after a grace period
 * @arena: the arena
 * @size: bytes in the nodes that are meant
 *
 * Context: The shard's lock.
 * Return: true if any will.
 */
bool cmap_arena_waiting(const struct cmap_arena *arena, u32 size)
{
	return arena->classes && arena->classes[class_of(size)].head;
}

/**
 * cmap_arena_free_detached() - free segments that were trimmed
 * @detached: the segments
 *
 * Context: No lock.
 */
void cmap_arena_free_detached(struct list_head *detached)
{
	struct cmap_segment *segment, *next;

	list_for_each_entry_safe(segment, next, detached, detached)
		segment_free(segment);
}

/* ---- showing it ---- */

/**
 * cmap_arena_segments() - how many segments a view must have room for
 * @arena: the arena
 *
 * Context: The shard's lock.
 * Return: one more than the highest index that there can be.
 */
u32 cmap_arena_segments(const struct cmap_arena *arena)
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
	u32 i;

	for (i = 0; segtab && i < segtab->size; i++)
		if (segtab->slot[i].segment)
			cmap_view_set_segment(view, i,
				segtab->slot[i].segment->block->number);
	WRITE_ONCE(arena->view, view);
}
