// SPDX-License-Identifier: GPL-2.0
#include "shard.h"
#include "layout.h"
#include "lock.h"
#include "queue.h"

#include <linux/slab.h>

#define REVEAL_SEGMENTS		8	/* for which page faults are waited for once */

static u64 stripes_bytes(const struct cmap_shard *shard)
{
	return (sizeof(struct cmap_stripe) + sizeof(*shard->then)) <<
	       shard->split_bits;
}

/**
 * cmap_shard_init() - make an empty shard
 * @shard: the shard, zeroed
 * @index: which of the map's shards
 * @shards: how many there are, a power of two
 * @stripes: number of stripes when it has grown, a power of two, at most
 *	CMAP_STRIPES_MAX
 * @memory: where memory comes from
 * @quota: the map's limit on entries
 * @payer: pays for tables that the work allocates, or NULL
 * @nid: NUMA node to prefer
 * @wipe: overwrite what is deleted
 *
 * Context: Process.
 */
void cmap_shard_init(struct cmap_shard *shard, u32 index, u32 shards, u32 stripes,
		     struct cmap_memory *memory, struct cmap_quota *quota,
		     struct obj_cgroup *payer, int nid, bool wipe)
{
	spin_lock_init(&shard->lock);
	spin_lock_init(&shard->first.lock);
	sema_init(&shard->supply, 1);
	cmap_arena_init(&shard->arena, &shard->lock, memory, nid, wipe);
	shard->index = index;
	shard->shards = shards;
	shard->shard_bits = ilog2(shards);
	shard->split_bits = ilog2(stripes);
	shard->first.version = index;
	shard->first.credit.stripe = index * stripes;
	shard->quota = quota;
	shard->payer = payer;
}

/**
 * cmap_shard_destroy() - free a closed shard's memory
 * @shard: the shard
 *
 * Context: Process; no reader is left.
 */
void cmap_shard_destroy(struct cmap_shard *shard)
{
	struct cmap_table *table = rcu_dereference_protected(shard->table, 1);

	if (table)
		cmap_table_free(rcu_dereference_protected(table->next, 1));
	cmap_table_free(table);
	cmap_wheel_free(shard->wheel);
	cmap_arena_destroy(&shard->arena);
	if (shard->stripe)
		cmap_uncharge(&shard->arena.memory->account, stripes_bytes(shard));
	kfree(shard->stripe);
}

/* ---- stripes ---- */

/* Fill in the stripes that take the only one's place.  Versions go on from its last. */
static void fill_stripes(struct cmap_shard *shard, struct cmap_stripe *stripe)
{
	struct cmap_stripe *first = &shard->first;
	u32 i, stripes = 1U << shard->split_bits;
	u64 step = (u64)shard->shards << shard->split_bits;

	lockdep_assert_held(&first->lock);

	for (i = 0; i < stripes; i++) {
		spin_lock_init(&stripe[i].lock);
		stripe[i].version = round_up(first->version, step) +
				    shard->index + i * shard->shards;
		stripe[i].events = first->events;
		stripe[i].credit.stripe = first->credit.stripe + i;
	}
	stripe->credit = first->credit;
	stripe->stash = first->stash;
	first->credit.held = 0;
	first->credit.holder = false;
	first->stash = (struct cmap_stash){};
	shard->entries += first->drift;
	first->drift = 0;
	/* The next write finds out how much it may be. */
	WRITE_ONCE(shard->drift_max, 0);
}

/* Split a shard, unless that has been done or a table is being moved. */
static bool use_stripes(struct cmap_shard *shard, struct cmap_stripe *stripe)
{
	const struct cmap_table *table;
	bool use;

	cmap_lock_bh(&shard->first.lock);
	cmap_lock(&shard->lock);
	table = cmap_shard_table_locked(shard);
	use = !shard->stripe_bits && !cmap_shard_next_locked(shard, table);
	if (use) {
		fill_stripes(shard, stripe);
		shard->stripe = stripe;
		shard->then = (s32 *)(stripe + (1U << shard->split_bits));
		shard->arena.stripe_bits = shard->split_bits;
		/* Pairs with the acquire in cmap_shard_stripe(). */
		smp_store_release(&shard->stripe_bits, shard->split_bits);
	}
	spin_unlock(&shard->lock);
	spin_unlock_bh(&shard->first.lock);

	return use;
}

/**
 * cmap_shard_split() - have writers of a shard that has grown share no lock
 * @shard: the shard, which has a table
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Without memory, or while a table is being moved, all stays as it is.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 */
void cmap_shard_split(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_account *account = &shard->arena.memory->account;
	struct cmap_stripe *stripe;

	if (READ_ONCE(shard->stripe_bits) == shard->split_bits ||
	    cmap_charge(account, stripes_bytes(shard)))
		return;
	stripe = kzalloc_node(stripes_bytes(shard), cmap_gfp(gfp),
			      shard->arena.nid);
	if (!stripe || !use_stripes(shard, stripe)) {
		kfree(stripe);
		cmap_uncharge(account, stripes_bytes(shard));
	}
}

/**
 * cmap_shard_lock() - lock the stripe of a hash
 * @shard: the shard
 * @high: high half of the hash
 *
 * Context: Process or softirq; no lock.
 * Return: the stripe; spin_unlock_bh() of its lock releases it.
 */
struct cmap_stripe *cmap_shard_lock(struct cmap_shard *shard, u32 high)
	__acquires(stripe)
{
	struct cmap_stripe *stripe;

	for (;;) {
		stripe = cmap_shard_stripe(shard, high);
		cmap_lock_bh(&stripe->lock);
		if (cmap_stripe_in_use(shard, stripe))
			return stripe;
		spin_unlock_bh(&stripe->lock);
	}
}

/**
 * cmap_shard_lock_in_bh() - lock the stripe of a hash where softirqs are disabled
 * @shard: the shard
 * @high: high half of the hash
 *
 * Context: Process or softirq; softirqs are disabled already; no lock.
 * Return: the stripe; spin_unlock() of its lock releases it.
 */
struct cmap_stripe *cmap_shard_lock_in_bh(struct cmap_shard *shard, u32 high)
	__acquires(stripe)
{
	struct cmap_stripe *stripe;

	for (;;) {
		stripe = cmap_shard_stripe(shard, high);
		cmap_lock(&stripe->lock);
		if (cmap_stripe_in_use(shard, stripe))
			return stripe;
		spin_unlock(&stripe->lock);
	}
}

/**
 * cmap_shard_lock_nth() - lock a stripe
 * @shard: the shard
 * @nth: which of its stripes; if there is only one, that one is locked
 *
 * Context: Process or softirq; no lock.
 * Return: the stripe; spin_unlock_bh() of its lock releases it.
 */
struct cmap_stripe *cmap_shard_lock_nth(struct cmap_shard *shard, u32 nth)
	__acquires(stripe)
{
	struct cmap_stripe *stripe;

	for (;;) {
		stripe = cmap_shard_stripes(shard) > 1 ? &shard->stripe[nth] :
							 &shard->first;
		cmap_lock_bh(&stripe->lock);
		if (cmap_stripe_in_use(shard, stripe))
			return stripe;
		spin_unlock_bh(&stripe->lock);
	}
}

/**
 * cmap_shard_wait_for_writers() - wait until all that hold a stripe's lock have dropped it
 * @shard: the shard
 *
 * If the shard is split meanwhile, its first lock was taken here before, so all that take
 * those of the new stripes come later.
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_wait_for_writers(struct cmap_shard *shard)
{
	u32 i;

	for (i = 0; i < cmap_shard_stripes(shard); i++) {
		struct cmap_stripe *stripe = cmap_shard_lock_nth(shard, i);

		spin_unlock_bh(&stripe->lock);
	}
}

/**
 * cmap_shard_find_ref() - find the slot that refers to a node
 * @shard: the shard
 * @stripe: the stripe of @high
 * @high: high half of the hash of the node's key, if it is an entry's
 * @ref: the node, which may be reserved, free or another entry's by now
 * @slot: set to the slot
 *
 * Context: The stripe's lock.
 * Return: the slot's table; NULL if there is none.
 */
struct cmap_table *cmap_shard_find_ref(struct cmap_shard *shard,
				       const struct cmap_stripe *stripe, u32 high,
				       cmap_ref ref, struct cmap_slot *slot)
{
	struct cmap_table *table = cmap_shard_table_stripe(shard);
	struct cmap_bucket *bucket;
	u32 head;

	lockdep_assert_held(&stripe->lock);

	/* Nodes can be reserved before the shard has a table. */
	if (!table)
		return NULL;
	table = cmap_table_of(table, &shard->arena, high, &bucket, &head);
	return cmap_table_find_ref(table, high, ref, slot) ? table : NULL;
}

/**
 * cmap_shard_versions() - add up the versions of a shard's stripes
 * @shard: the shard
 *
 * Context: Any.
 * Return: a number that changes with each write.
 */
u64 cmap_shard_versions(const struct cmap_shard *shard)
{
	u64 versions = READ_ONCE(shard->first.version);
	u32 i, stripes = cmap_shard_stripes(shard);

	for (i = 0; stripes > 1 && i < stripes; i++)
		versions += READ_ONCE(shard->stripe[i].version);
	return versions;
}

/**
 * cmap_shard_reuses() - how many nodes stripes took out of their stashes
 * @shard: the shard
 *
 * Context: The shard's lock.
 * Return: how many, less those that the arena's counters have.
 */
u64 cmap_shard_reuses(const struct cmap_shard *shard)
{
	u64 reuses = READ_ONCE(shard->first.reuses);
	u32 i, stripes = cmap_shard_stripes(shard);

	lockdep_assert_held(&shard->lock);

	for (i = 0; stripes > 1 && i < stripes; i++)
		reuses += READ_ONCE(shard->stripe[i].reuses);
	return reuses;
}

/* ---- counting ---- */

static s64 sum_stripe(const struct cmap_stripe *stripe, u64 *changes, u32 *any)
{
	/* Pairs with the release in cmap_entries_end(). */
	u32 n = smp_load_acquire(&stripe->changes);

	*changes += n;
	*any |= n;
	return READ_ONCE(stripe->entries);
}

/**
 * cmap_shard_sum() - add up the entries of a shard's stripes
 * @shard: the shard
 * @changes: their counts of changes are added to this
 * @any: and their bits to this
 *
 * Context: Any.
 * Return: the number of entries, if none changes meanwhile.
 */
u64 cmap_shard_sum(const struct cmap_shard *shard, u64 *changes, u32 *any)
{
	u64 entries = sum_stripe(&shard->first, changes, any);
	u32 i, stripes = cmap_shard_stripes(shard);

	for (i = 0; stripes > 1 && i < stripes; i++)
		entries += sum_stripe(&shard->stripe[i], changes, any);
	return entries;
}

/**
 * cmap_shard_entries() - get the number of entries of a shard
 * @shard: the shard
 *
 * Context: Any.
 * Return: their number, if it does not change meanwhile.
 */
u64 cmap_shard_entries(const struct cmap_shard *shard)
{
	u64 changes = 0;
	u32 any = 0;

	return cmap_shard_sum(shard, &changes, &any);
}

static s64 entries_then(struct cmap_shard *shard, struct cmap_stripe *stripe)
{
	s64 entries;

	cmap_lock_bh(&stripe->lock);
	cmap_stripe_note_epoch(shard, stripe);
	entries = *cmap_stripe_then(shard, stripe);
	spin_unlock_bh(&stripe->lock);

	return entries;
}

/**
 * cmap_shard_entries_then() - how many entries a shard had when a count began
 * @shard: the shard
 *
 * Context: Process or softirq; no lock.  Only one count runs in a map at a
 * time.
 * Return: the number before the first write that saw the quota's epoch.
 */
u64 cmap_shard_entries_then(struct cmap_shard *shard)
{
	u64 entries = entries_then(shard, &shard->first);
	u32 i, stripes;

	/* If the shard is split after this, the others had no entries then. */
	stripes = cmap_shard_stripes(shard);
	for (i = 0; stripes > 1 && i < stripes; i++)
		entries += entries_then(shard, &shard->stripe[i]);

	return entries;
}

/**
 * cmap_shard_collect() - put the credit that a stripe holds into the pool
 * @shard: the shard
 * @nth: which of its stripes
 *
 * When this returns, every write that was pending in the stripe before it has
 * ended.
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_collect(struct cmap_shard *shard, u32 nth)
{
	struct cmap_stripe *stripe = cmap_shard_lock_nth(shard, nth);

	cmap_quota_collect(shard->quota, &stripe->credit);
	spin_unlock_bh(&stripe->lock);
}

/* ---- showing it to processes ---- */

/* A shard's table, or the next one, or NULL. */
static struct cmap_table *table_or_next(const struct cmap_shard *shard, u32 i)
{
	struct cmap_table *table = cmap_shard_table_locked(shard);

	if (!table || !i)
		return table;
	return rcu_dereference_protected(table->next,
					 lockdep_is_held(&shard->lock));
}

/**
 * cmap_shard_has_place() - check whether there is a place for a table
 * @shard: the shard
 * @bits: of the table
 *
 * Context: The shard's lock.
 * Return: false if tables that are leaving still take all of them.
 */
bool cmap_shard_has_place(const struct cmap_shard *shard, u8 bits)
{
	lockdep_assert_held(&shard->lock);

	return !shard->arena.view ||
	       cmap_places_bank(&shard->arena.view->places, bits) <
	       CMAP_WINDOW_BANKS;
}

/**
 * cmap_shard_settle() - give a table a place
 * @shard: the shard
 * @table: the table, which is to become the shard's, or the next one
 *
 * If processes do not map the shard yet, it is enough that this table and the
 * one it is filled from will have different places when one does.
 *
 * Context: The shard's lock.
 * Return: false if all places are taken.
 */
bool cmap_shard_settle(struct cmap_shard *shard, struct cmap_table *table)
{
	const struct cmap_table *from = cmap_shard_table_locked(shard);
	struct cmap_view *view = shard->arena.view;

	lockdep_assert_held(&shard->lock);

	if (!view) {
		table->bank = from && !from->bank;
		return true;
	}

	table->bank = cmap_places_bank(&view->places, table->bits);
	if (table->bank == CMAP_WINDOW_BANKS)
		return false;
	cmap_table_settle(table, &view->places, shard->index);
	return true;
}

/**
 * cmap_shard_show_tables() - show processes which tables a shard has
 * @shard: the shard
 *
 * Context: The shard's lock.
 */
void cmap_shard_show_tables(struct cmap_shard *shard)
{
	lockdep_assert_held(&shard->lock);

	cmap_view_set_tables(shard->arena.view,
			     cmap_table_word(table_or_next(shard, 0)),
			     cmap_table_word(table_or_next(shard, 1)));
}

/**
 * cmap_shard_show_table() - show processes a shard's new table
 * @shard: the shard
 * @table: the table, which has become the shard's, or the next one
 *
 * Context: The shard's lock.
 */
void cmap_shard_show_table(struct cmap_shard *shard, struct cmap_table *table)
{
	struct cmap_view *view = shard->arena.view;

	lockdep_assert_held(&shard->lock);

	table->hidden = !cmap_table_clean(table);
	cmap_shard_show_tables(shard);
	if (table->hidden)
		queue_work(cmap_queue_upkeep, &view->reveal);
}

/**
 * cmap_shard_show_pool() - show processes a pool's new buckets
 * @shard: the shard
 * @table: the table
 *
 * Context: The shard's lock.
 */
void cmap_shard_show_pool(struct cmap_shard *shard, struct cmap_table *table)
{
	lockdep_assert_held(&shard->lock);

	if (table->unclean)
		queue_work(cmap_queue_upkeep, &shard->arena.view->reveal);
}

/*
 * A hidden table or segment cannot be shown to processes, or not all of it,
 * before its place is unmapped.
 */
struct hidden_places {
	u64 number[2];			/* of tables; 0 for one that is shown */
	struct {
		u64 offset;
		u64 bytes;
	} place[2 + REVEAL_SEGMENTS];
	struct cmap_hidden segment[REVEAL_SEGMENTS];
	u32 places;
	u32 segments;
};

static void add_place(struct hidden_places *hidden, u64 offset, u64 bytes)
{
	hidden->place[hidden->places].offset = offset;
	hidden->place[hidden->places++].bytes = bytes;
}

/* Returns false if nothing is hidden. */
static bool find_hidden_places(struct cmap_shard *shard,
			       struct hidden_places *hidden)
{
	u32 i;

	hidden->places = 0;
	for (i = 0; i < 2; i++) {
		struct cmap_table *table = table_or_next(shard, i);

		hidden->number[i] = 0;
		if (!table || (!table->hidden && !table->unclean))
			continue;
		/*
		 * Page faults find the table from here on.  A later mark is for
		 * a part of the place that has no memory.
		 */
		clear_bit(cmap_place_of(table->bits, table->bank),
			  table->places->zeroes);
		table->unclean = false;
		hidden->number[i] = table->number;
		add_place(hidden, table->place.offset, table->place.bytes);
	}

	hidden->segments = cmap_arena_hidden(&shard->arena, hidden->segment,
					     REVEAL_SEGMENTS);
	for (i = 0; i < hidden->segments; i++)
		add_place(hidden, cmap_place_node(shard->index,
						  hidden->segment[i].granule),
			  hidden->segment[i].count * CMAP_GRANULE_BYTES);
	return hidden->places;
}

static void reveal_places(struct cmap_shard *shard,
			  const struct hidden_places *hidden)
{
	u32 i, k;

	for (i = 0; i < 2; i++) {
		struct cmap_table *table = table_or_next(shard, i);

		/* The next table may have become the shard's meanwhile. */
		for (k = 0; table && k < 2; k++)
			if (hidden->number[k] == table->number)
				table->hidden = false;
	}
	cmap_shard_show_tables(shard);
	for (i = 0; i < hidden->segments; i++)
		cmap_arena_reveal(&shard->arena, &hidden->segment[i]);
}

/*
 * Show tables and segments that came to places where processes may see zeroes.
 * Page faults can find them already.  First wait for page faults that did not
 * find them, and unmap what these have mapped.
 */
static void reveal_work(struct work_struct *work)
{
	struct cmap_view *view = container_of(work, struct cmap_view, reveal);
	struct cmap_shard *shard = view->shard;
	struct cmap_memory *memory = shard->arena.memory;
	struct hidden_places hidden;
	bool more;
	u32 i;

	do {
		cmap_lock_bh(&shard->lock);
		more = find_hidden_places(shard, &hidden);
		spin_unlock_bh(&shard->lock);
		if (!more)
			break;

		cmap_memory_sync(memory);
		for (i = 0; i < hidden.places; i++)
			cmap_memory_unmap(memory, hidden.place[i].offset,
					  hidden.place[i].bytes);

		cmap_lock_bh(&shard->lock);
		reveal_places(shard, &hidden);
		spin_unlock_bh(&shard->lock);
	} while (hidden.segments == REVEAL_SEGMENTS);
}

/**
 * cmap_shard_show() - let processes that map the map find what the shard has
 * @shard: the shard
 *
 * Context: Process; no lock; one caller at a time.
 * Return: 0, also if that was done before; -EDQUOT, -ENOMEM or -ENOSPC.
 */
int cmap_shard_show(struct cmap_shard *shard)
{
	struct cmap_arena *arena = &shard->arena;
	struct cmap_view *view;
	u32 granules = 0;
	int i, err;

	if (arena->view)
		return 0;

	for (;;) {
		view = cmap_view_new(arena->memory, arena->nid, granules,
				     &err);
		if (!view)
			return err;

		cmap_lock_bh(&shard->lock);
		if (cmap_arena_granules(arena) <= granules)
			break;
		granules = cmap_arena_granules(arena);
		spin_unlock_bh(&shard->lock);
		cmap_view_free(view);
	}

	view->shard = shard;
	view->index = shard->index;
	INIT_WORK(&view->reveal, reveal_work);
	cmap_arena_show(arena, view);
	for (i = 0; i < 2; i++)
		if (table_or_next(shard, i))
			cmap_table_settle(table_or_next(shard, i),
					  &view->places, shard->index);
	cmap_shard_show_tables(shard);
	spin_unlock_bh(&shard->lock);

	return 0;
}

/* ---- what page faults ask ---- */

static bool find_table(const struct cmap_shard *shard, u8 bits, u8 bank,
		       u64 offset, struct cmap_extent *extent)
{
	const struct cmap_table *table;
	bool found = false;

	rcu_read_lock();
	for (table = rcu_dereference(shard->table); table && !found;
	     table = rcu_dereference(table->next))
		if (table->bits == bits && table->bank == bank)
			found = cmap_table_find_page(table, offset, extent);
	rcu_read_unlock();

	return found;
}

/**
 * cmap_shard_find_table() - find the memory in a table's place
 * @shard: the shard of a map that was mapped
 * @bits: of the table
 * @bank: of the table
 * @offset: offset in the place
 * @zeroes: if there is no memory, the process will be shown zeroes
 * @extent: set to the memory there, and its offset in the place; to no bytes if
 *	there is none
 *
 * Context: Read section of &struct cmap_mapped.faults, in which what is found
 * stays.
 * Return: false if nothing ever was there.
 */
bool cmap_shard_find_table(struct cmap_shard *shard, u8 bits, u8 bank,
			   u64 offset, bool zeroes, struct cmap_extent *extent)
{
	/* Pairs with the release in cmap_arena_show(). */
	struct cmap_view *view = smp_load_acquire(&shard->arena.view);
	unsigned int i = cmap_place_of(bits, bank);

	if (find_table(shard, bits, bank, offset, extent))
		return true;

	extent->bytes = 0;
	if (!zeroes)
		return cmap_places_known(&view->places, i);
	if (!cmap_places_mark(&view->places, i))
		return false;
	if (!find_table(shard, bits, bank, offset, extent))
		extent->bytes = 0;
	return true;
}

/**
 * cmap_shard_find_segment() - find the memory of a granule
 * @shard: the shard of a map that was mapped
 * @granule: the granule
 * @zeroes: if nothing is there the process will be shown zeroes
 * @extent: set to the memory there, and where it begins in bytes from granule 0
 *	on; to no bytes if nothing is there
 *
 * Context: Read section of &struct cmap_mapped.faults, in which what is found
 * stays.
 * Return: false if nothing ever was there.
 */
bool cmap_shard_find_segment(struct cmap_shard *shard, u32 granule,
			     bool zeroes, struct cmap_extent *extent)
{
	const struct cmap_arena *arena = &shard->arena;
	/* Pairs with the release in cmap_arena_show(). */
	const struct cmap_view *view = smp_load_acquire(&arena->view);

	if (cmap_arena_find(arena, granule, extent))
		return true;

	extent->bytes = 0;
	if (!zeroes)
		return cmap_view_page(view, cmap_list_page_of(granule));
	if (!cmap_view_mark(view, granule))
		return false;
	if (!cmap_arena_find(arena, granule, extent))
		extent->bytes = 0;
	return true;
}
