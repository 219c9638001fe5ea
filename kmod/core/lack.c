// SPDX-License-Identifier: GPL-2.0
#include "lack.h"
#include "evacuate.h"
#include "expire.h"
#include "lock.h"
#include "migrate.h"
#include "trim.h"

/* ---- allocating ---- */

static int allocate_table(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_table *table;
	int err;

	table = cmap_table_new(shard->arena.memory, shard->arena.nid,
			       CMAP_TABLE_BITS_MIN, shard->shard_bits, gfp,
			       &err);
	if (!table)
		return err;

	cmap_lock_bh(&shard->lock);
	if (!cmap_shard_table_locked(shard) &&
	    cmap_shard_settle(shard, table)) {
		rcu_assign_pointer(shard->table, table);
		cmap_shard_show_table(shard, table);
		table = NULL;
	}
	spin_unlock_bh(&shard->lock);
	cmap_table_free(table);

	return 0;
}

/*
 * The table may be replaced during the allocation.  Then the new table's pool gets
 * the buckets, if they fit it.  If not, they are freed and the write tries again.
 */
static int allocate_pool(struct cmap_shard *shard, u32 high, gfp_t gfp)
{
	struct cmap_table *table;
	struct cmap_block *block;
	u8 pool_bits;
	bool full;
	int err;

	cmap_lock_bh(&shard->lock);
	table = cmap_shard_table_for(shard, high);
	pool_bits = table->pool_bits;
	full = table->pool_chunks == table->pool_chunks_max;
	spin_unlock_bh(&shard->lock);

	if (full)
		return gfpflags_allow_blocking(gfp) ?
		       cmap_migrate_now(shard, gfp) : -EAGAIN;
	block = cmap_pool_prepare(shard->arena.memory, shard->arena.nid,
				  pool_bits, gfp, &err);
	if (!block)
		return err;

	cmap_lock_bh(&shard->lock);
	table = cmap_shard_table_for(shard, high);
	cmap_pool_attach(table, pool_bits, &block);
	cmap_shard_show_pool(shard, table);
	spin_unlock_bh(&shard->lock);
	cmap_block_free(block);

	return 0;
}

/* What a shard needs before its first entry with a deadline. */
static int allocate_wheel(struct cmap_shard *shard, gfp_t gfp)
{
	struct cmap_clock *clock = shard->arena.clock;
	struct cmap_wheel *wheel;
	int err;

	err = cmap_clock_prepare(clock, gfp);
	if (err)
		return err;
	wheel = cmap_wheel_new(&shard->arena, clock, gfp, &err);
	if (!wheel)
		return err;

	cmap_lock_bh(&shard->lock);
	if (!shard->wheel) {
		cmap_expire_begin(shard, wheel);
		wheel = NULL;
	}
	spin_unlock_bh(&shard->lock);
	cmap_wheel_free(wheel);

	return 0;
}

static int allocate_node(struct cmap_shard *shard,
			 const struct cmap_write *write, gfp_t gfp)
{
	u32 size = cmap_write_size(write);
	struct cmap_refill refill;
	int err;

	if (write->room)
		err = cmap_refill_replace(&shard->arena, size, write->room, gfp,
					  &refill);
	else
		err = cmap_refill_prepare(&shard->arena, size, gfp, &refill);
	/*
	 * As the first in the queue, the write is sure to get what the old node
	 * returns.
	 */
	if (err && write->flags & CMAP_WRITE_QUEUED &&
	    cmap_refill_is_shorter(size, write->room))
		err = cmap_refill_shorter(&shard->arena, size, write->room, gfp,
					  &refill);
	if (err)
		return err;

	cmap_refill_use(&shard->arena, &refill);
	return 0;
}

/**
 * cmap_lack_allocate() - allocate what a write lacks
 * @shard: the shard
 * @write: the write; its blocked_on says what it lacks
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 if the write should be tried again; -EAGAIN if allocating does not help,
 * or would sleep; -EDQUOT, -ENOMEM or -ENOSPC.  -EXFULL if a chain is too long and
 * -EINTR after a fatal signal: no memory helps then, so blocked_on is reset.
 */
int cmap_lack_allocate(struct cmap_shard *shard, struct cmap_write *write,
		       gfp_t gfp)
{
	int err;

	switch (write->blocked_on) {
	case CMAP_BLOCKED_ON_TABLE:
		err = allocate_table(shard, gfp);
		break;
	case CMAP_BLOCKED_ON_POOL:
		err = allocate_pool(shard, cmap_hash_high(write->key.hash),
				    gfp);
		break;
	case CMAP_BLOCKED_ON_NODE:
		err = allocate_node(shard, write, gfp);
		break;
	case CMAP_BLOCKED_ON_WHEEL:
		err = allocate_wheel(shard, gfp);
		break;
	default:
		return -EAGAIN;
	}
	if (err == -EXFULL || err == -EINTR)
		write->blocked_on = CMAP_BLOCKED_ON_NOTHING;
	return err;
}

/* ---- how much it is, and whether it becomes free without help ---- */

/**
 * cmap_shard_lack() - how much memory a write lacks
 * @shard: the shard
 * @write: the write, which failed for lack of memory
 *
 * Context: Process or softirq; no lock.
 * Return: the least number of bytes that would do.
 */
struct cmap_lack cmap_shard_lack(struct cmap_shard *shard,
				 const struct cmap_write *write)
{
	struct cmap_lack lack = { .bytes = PAGE_SIZE };
	const struct cmap_table *table;

	if (cmap_write_lacks_node(write))
		return cmap_refill_lack(&shard->arena,
					cmap_write_size(write),
					write->room);
	if (write->blocked_on != CMAP_BLOCKED_ON_POOL)
		return lack;

	cmap_lock_bh(&shard->lock);
	table = cmap_shard_table_for(shard, cmap_hash_high(write->key.hash));
	if (table->pool_chunks == table->pool_chunks_max)
		lack.bytes = cmap_migrate_lack(shard);
	else
		lack.bytes = cmap_pool_bytes(table);
	spin_unlock_bh(&shard->lock);

	return lack;
}

/**
 * cmap_shard_outlook() - check whether a write gets a node without more memory
 * @shard: the shard
 * @write: the write, which lacks a node
 *
 * Context: Process or softirq; no lock.
 * Return: whether the write gets a node if it waits, and what it waits for.
 */
struct cmap_outlook cmap_shard_outlook(struct cmap_shard *shard,
				       const struct cmap_write *write)
{
	u32 size = cmap_write_size(write);
	struct cmap_outlook outlook = {};

	/*
	 * The write has a reserved node.  What it lacks are other nodes, which an
	 * insert must leave to replacements.
	 */
	if (write->ref)
		return outlook;
	cmap_lock_bh(&shard->lock);
	outlook = cmap_arena_outlook(&shard->arena, size, write->room);
	if (!outlook.coming && cmap_arena_larger(write->room, size))
		outlook = cmap_arena_outlook(&shard->arena, write->room,
					     write->room);
	spin_unlock_bh(&shard->lock);

	return outlook;
}

/**
 * cmap_shard_spent() - check whether a shard has no granule left for a segment
 * @shard: the shard
 * @write: the write, which lacks a node
 *
 * Context: Process or softirq; no lock.
 * Return: true if no segment can be added before another one of the shard is freed.
 */
bool cmap_shard_spent(struct cmap_shard *shard, const struct cmap_write *write)
{
	bool spent;

	cmap_lock_bh(&shard->lock);
	spent = cmap_arena_spent(&shard->arena,
				 cmap_write_size(write));
	spin_unlock_bh(&shard->lock);

	return spent;
}

/**
 * cmap_shard_emptying() - look for memory that a shard is about to give back
 * @shard: the shard
 * @write: the write that asks
 * @bytes: set to what will be free after a grace period
 *
 * Context: Process or softirq; no lock.
 * Return: true if there may be more, and how much is not known: segments are being
 * emptied, or will be, or there are too many to examine.
 */
bool cmap_shard_emptying(struct cmap_shard *shard, const struct cmap_write *write,
			 u64 *bytes)
{
	u32 size = cmap_write_size(write);
	bool more;

	cmap_lock_bh(&shard->lock);
	more = !cmap_arena_empty_bytes(&shard->arena, size, bytes) ||
	       cmap_arena_sparse(&shard->arena);
	more = shard->arena.victim ||
	       (more && delayed_work_pending(&shard->trim));
	spin_unlock_bh(&shard->lock);

	return more;
}

/**
 * cmap_shard_queue() - count a write that queues for a node
 * @shard: the shard
 * @write: the write
 * @count: 1 when it joins, -1 when it leaves
 *
 * Context: Process; no lock.
 * Return: false if the shard has no nodes yet, or too many writers queue.
 */
bool cmap_shard_queue(struct cmap_shard *shard, const struct cmap_write *write,
		      int count)
{
	bool queued;

	cmap_lock_bh(&shard->lock);
	queued = cmap_arena_queue(&shard->arena,
				  cmap_write_size(write), count);
	spin_unlock_bh(&shard->lock);

	return queued;
}

/**
 * cmap_shard_unqueue() - count a write that no longer queues for a node
 * @shard: the shard
 * @size: bytes in the node that it lacked when it was counted.  It may need another one
 *	now, if others have changed the entry
 *
 * Context: Process; no lock.
 */
void cmap_shard_unqueue(struct cmap_shard *shard, u32 size)
{
	cmap_lock_bh(&shard->lock);
	cmap_arena_queue(&shard->arena, size, -1);
	spin_unlock_bh(&shard->lock);
}

/**
 * cmap_shard_serve() - set what the first writer in the queue lacks
 * @shard: the shard
 * @write: that writer's write
 *
 * Context: Process; no lock.
 */
void cmap_shard_serve(struct cmap_shard *shard, const struct cmap_write *write)
{
	u32 size = cmap_write_lacks_node(write) ?
		   cmap_write_size(write) : 0;

	cmap_lock_bh(&shard->lock);
	cmap_arena_serve(&shard->arena, size);
	spin_unlock_bh(&shard->lock);
}

/**
 * cmap_shard_hold() - count a write's reserved node as in hand, or not
 * @shard: the shard
 * @write: the write; nothing is done if it has no reserved node
 * @held: the node is in hand, so others may wait for it
 *
 * While a writer with a reserved node queues, those before it in the queue must not
 * wait for that node.  So it is not counted as in hand then.
 *
 * Context: Process or softirq; no lock.
 */
void cmap_shard_hold(struct cmap_shard *shard, const struct cmap_write *write,
		     bool held)
{
	if (!write->ref)
		return;

	cmap_lock_bh(&shard->lock);
	cmap_arena_in_hand(&shard->arena, write->ref, held);
	spin_unlock_bh(&shard->lock);
}

/**
 * cmap_shard_held_bytes() - a write's share of its map's memory in hand
 * @shard: the shard
 * @write: the write
 *
 * Context: Process or softirq; no lock.
 * Return: bytes of the reserved node if it is large, else 0.
 */
u64 cmap_shard_held_bytes(struct cmap_shard *shard,
			  const struct cmap_write *write)
{
	u64 bytes;

	if (!write->ref)
		return 0;

	cmap_lock_bh(&shard->lock);
	bytes = cmap_arena_large_bytes(&shard->arena, write->ref);
	spin_unlock_bh(&shard->lock);

	return bytes;
}
