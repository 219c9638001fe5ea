// SPDX-License-Identifier: GPL-2.0
#include "op.h"
#include "expire.h"
#include "maintain.h"
#include "orphan.h"
#include "stat.h"
#include "supply.h"
#include "trace.h"

#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <uapi/linux/cmap.h>

#define ATOMIC_ROUNDS		64	/* most tries where sleeping is not allowed */
#define EXPIRE_ROUNDS		64	/* most times that a full map loses entries in vain */

/**
 * cmap_op_trace_get() - trace a get
 * @map: the map
 * @key: the key.  Passed by value, so that the caller can keep it in registers
 * @value_len: bytes in the value
 * @err: the outcome
 * @version: of the entry
 *
 * Context: Any.
 */
void cmap_op_trace_get(const struct cmap *map, struct cmap_key key,
		       u32 value_len, int err, u64 version)
{
	trace_cmap_get(map, &key, value_len, err, version);
}

/**
 * cmap_op_set_trailer() - decide what a write does about the entry's deadline and owner
 * @map: the map
 * @flags: CMAP_OP_*
 * @deadline: with CMAP_OP_TTL a time to live, with CMAP_OP_DEADLINE a deadline of the
 *	map's clock
 * @owner: with CMAP_OP_OWNED or CMAP_OP_OWNED_BY_PROCESS: the owner
 * @write: the write
 *
 * Context: Any.
 * Return: 0 or -EINVAL.
 */
int cmap_op_set_trailer(const struct cmap *map, u16 flags, u64 deadline,
			struct cmap_owner *owner, struct cmap_write *write)
{
	bool ttl = flags & CMAP_OP_TTL, until = flags & CMAP_OP_DEADLINE;

	if ((ttl && until) || (ttl && !deadline))
		return -EINVAL;
	if (flags & CMAP_OP_OWNERS) {
		if (!owner)
			return -EINVAL;
		write->owner = owner;
		write->flags |= CMAP_WRITE_OWNED;
	}
	if (ttl)
		write->deadline = cmap_clock_deadline(deadline);
	else if (until)
		write->deadline = min(deadline, CMAP_DEADLINE_MAX);
	else
		write->deadline = map->default_ttl ?
				  cmap_clock_deadline(map->default_ttl) : 0;
	write->flags |= CMAP_WRITE_TIMED;
	if (flags & CMAP_OP_KEEP_DEADLINE)
		write->flags |= CMAP_WRITE_KEEP;
	/* The clock does not say so if nothing was due for long. */
	if (until && deadline && deadline <= ktime_get_boottime_ns())
		write->flags |= CMAP_WRITE_OVER;
	return 0;
}

/* Whether a write failed for lack of what entries that are absent may still have. */
static bool lacks_room(const struct cmap *map, int err)
{
	return (err == -ENOSPC || err == -EDQUOT || err == -ENOMEM ||
		err == -EXFULL) &&
	       (cmap_clock_used(&map->clock) ||
		cmap_owners_ends(&map->owners));
}

static int try_write(struct cmap *map, struct cmap_shard *shard,
		     struct cmap_write *write, gfp_t gfp)
{
	int err = cmap_shard_try_write(shard, write, gfp);

	return unlikely(err == -EAGAIN) ?
	       cmap_supply_write(map, shard, write, gfp) : err;
}

static int try_reserve(struct cmap *map, struct cmap_shard *shard,
		       struct cmap_write *write, gfp_t gfp)
{
	int err = 0;

	if (unlikely(!cmap_shard_try_reserve(shard, write)))
		cmap_supply_reserve(map, shard, write, gfp, &err);
	return err;
}

/* ---- a map is full, perhaps of entries that are absent ---- */

/**
 * struct sweep - removing what has expired, or lost its owner, for a write that was refused
 * @map: the map
 * @shard: the write's shard
 * @write: the write
 * @gfp: as for the write
 * @try: tries it again
 * @err: why it was refused last
 * @word: what has expired by this one is removed
 * @ends: and what had lost its owner when this many had ended
 * @removed: how many entries were removed
 * @tried: how many of these before the last try
 * @left: something may be left
 */
struct sweep {
	struct cmap *map;
	struct cmap_shard *shard;
	struct cmap_write *write;
	gfp_t gfp;
	int (*try)(struct cmap *map, struct cmap_shard *shard,
		   struct cmap_write *write, gfp_t gfp);
	int err;
	u64 word;
	u64 ends;
	u64 removed;
	u64 tried;
	bool left;
};

/* Try again.  True if that decides: the write is made, or refused for another reason. */
static bool sweep_try(struct sweep *sweep)
{
	sweep->tried = sweep->removed;
	sweep->err = sweep->try(sweep->map, sweep->shard, sweep->write,
				sweep->gfp);
	return !lacks_room(sweep->map, sweep->err);
}

/*
 * Remove what is absent in a shard, until the write has room.  A try can wait for grace
 * periods, so each waits for twice as many entries as the one before.  True if a try
 * decides.
 */
static bool sweep_shard(struct sweep *sweep, struct cmap_shard *shard)
{
	unsigned int holds = 0;
	bool more;

	for (;;) {
		more = cmap_expire_some(shard, sweep->word, &sweep->removed);
		more |= cmap_orphans_some(shard, sweep->ends, &sweep->removed);
		if (sweep->removed > 2 * sweep->tried && sweep_try(sweep))
			return true;
		if (!more)
			return false;
		if (!gfpflags_allow_blocking(sweep->gfp) ||
		    fatal_signal_pending(current)) {
			sweep->left = true;
			return false;
		}
		cmap_maintain_pause(&holds);
	}
}

/*
 * Sweep the map, from the write's shard on, or that shard alone if a chain is full.  If
 * others have removed all that was absent, that can have made room for an entry, but not
 * memory before the last try has ended.
 */
static bool sweep_map(struct sweep *sweep)
{
	const struct cmap *map = sweep->map;
	u32 i, shards = sweep->err == -EXFULL ? 1 : map->shards;

	sweep->removed = 0;
	sweep->tried = 0;
	sweep->left = false;
	sweep->word = cmap_clock_word(&map->clock);
	sweep->ends = cmap_owners_ends(&map->owners);
	for (i = 0; i < shards; i++)
		if (sweep_shard(sweep, map->shard[(sweep->shard->index + i) %
						  map->shards]))
			return true;
	return (sweep->removed > sweep->tried || sweep->err == -ENOSPC ||
		sweep->err == -EXFULL) && sweep_try(sweep);
}

/* A refusal is final if all is removed that was absent at that moment. */
static noinline int make_room(struct sweep *sweep)
{
	const struct cmap *map = sweep->map;
	bool patient = gfpflags_allow_blocking(sweep->gfp);
	unsigned int rounds = 0;

	do {
		if (patient && fatal_signal_pending(current))
			return -EINTR;
		if (sweep_map(sweep))
			return sweep->err;
	} while (!sweep->left &&
		 (sweep->word != cmap_clock_word(&map->clock) ||
		  sweep->ends != cmap_owners_ends(&map->owners)) &&
		 ++rounds < EXPIRE_ROUNDS);

	if (!sweep->left)
		return sweep->err;
	return patient ? -EINTR : -EAGAIN;
}

/**
 * cmap_op_write() - carry out a write
 * @map: the map
 * @write: the write
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 or a negative errno with nothing changed.
 */
int cmap_op_write(struct cmap *map, struct cmap_write *write, gfp_t gfp)
{
	struct cmap_shard *shard = cmap_op_shard(map, &write->key);
	int err = try_write(map, shard, write, gfp);

	if (unlikely(err) && lacks_room(map, err))
		err = make_room(&(struct sweep){ map, shard, write, gfp,
						 try_write, err });
	cmap_trace_write(map, write, err);

	return err;
}

/*
 * Look at an entry that is to be touched.  A long value is copied into a reserved node.
 * Then the write is made only if the entry still has the version that was copied.
 */
static int touch_prepare(struct cmap *map, struct cmap_write *write, gfp_t gfp)
{
	const struct cmap_node *node;
	struct cmap_node *copy;
	u64 version = 0;
	u32 len = 0;
	int err;

	rcu_read_lock();
	node = cmap_op_find(map, &write->key);
	if (node) {
		len = cmap_node_value_len(node);
		version = node->version;
	}
	rcu_read_unlock();
	write->value_len = len;
	if (len <= CMAP_COPY_LOCKED_MAX ||
	    (write->flags & CMAP_WRITE_VERSION && write->expected != version))
		return 0;

	copy = cmap_op_reserve(map, write, gfp, &err);
	if (!copy)
		return err;
	rcu_read_lock();
	node = cmap_op_find(map, &write->key);
	if (node && node->version == version)
		memcpy(cmap_node_value(copy), cmap_node_value(node), len);
	rcu_read_unlock();
	/* If it has changed in between the write will find that. */
	write->flags |= CMAP_WRITE_VERSION;
	write->expected = version;

	return 0;
}

/**
 * cmap_op_touch_entry() - give an entry another deadline
 * @map: the map
 * @write: the write, with CMAP_WRITE_TOUCH and the new deadline
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * It starts over if the value was changed while it was copied, or became a long one.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 or a negative errno with nothing changed.
 */
int cmap_op_touch_entry(struct cmap *map, struct cmap_write *write, gfp_t gfp)
{
	const u16 flags = write->flags;
	const u64 expected = flags & CMAP_WRITE_VERSION ? write->expected : 0;
	unsigned int rounds = 0;
	int err;

	do {
		write->flags = flags;
		write->expected = expected;
		err = touch_prepare(map, write, gfp) ?:
		      cmap_op_write(map, write, gfp);
		cmap_op_unreserve(map, write);
		if (err != -ESTALE || (expected && write->version != expected))
			break;
		err = cmap_op_start_over(gfp, &rounds);
	} while (!err);

	return err;
}

/**
 * cmap_op_write_many() - carry out writes one after the other
 * @map: the map
 * @write: the writes
 * @err: set to 0 or a negative errno for each
 * @count: how many
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * Consecutive writes to one stripe share a hold of its lock.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 */
void cmap_op_write_many(struct cmap *map, struct cmap_write *write, int *err,
			u32 count, gfp_t gfp)
{
	u32 i = 0, done, end;

	while (i < count) {
		struct cmap_shard *shard = cmap_op_shard(map, &write[i].key);

		for (end = i + 1; end < count; end++)
			if (cmap_op_shard(map, &write[end].key) != shard)
				break;
		done = i + cmap_shard_write_many(shard, &write[i], &err[i],
						 end - i, gfp);
		for (; i < done; i++)
			cmap_trace_write(map, &write[i], err[i]);
		/* A write that lacks something goes through the slow path. */
		if (i < end) {
			err[i] = cmap_op_write(map, &write[i], gfp);
			i++;
		}
	}
}

/**
 * cmap_op_start_over() - decide whether an operation on one key is tried again
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @rounds: counts the calls; 0 at first
 *
 * An operation starts over because another writer changed the entry.  That can
 * repeat for long, so a fatal signal ends it.  Where sleeping is not allowed the
 * number of tries is bounded.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0, or -EINTR or -EAGAIN to fail with.
 */
int cmap_op_start_over(gfp_t gfp, unsigned int *rounds)
{
	if (!gfpflags_allow_blocking(gfp))
		return ++*rounds == ATOMIC_ROUNDS ? -EAGAIN : 0;

	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * cmap_op_copy_value() - copy a value to a kernel buffer
 * @map: the map
 * @key: the key
 * @output: where the value is wanted.  @len is the length that it had last; @len,
 *	@version and @deadline are set
 * @gfp: GFP_KERNEL
 * @copy: set to the copy, to be freed by cmap_op_free_copy()
 * @size: set to the size of the buffer
 *
 * Context: Process; no lock.
 * Return: 0; or, without a copy, -EINTR, -EMSGSIZE, -ENOENT or -ENOMEM.
 */
int cmap_op_copy_value(struct cmap *map, const struct cmap_key *key,
		       struct cmap_output *output, gfp_t gfp, void **copy,
		       u32 *size)
{
	struct cmap_node *node;
	unsigned int rounds = 0;
	int err;

	for (;;) {
		*size = output->len;
		*copy = kvmalloc(*size, cmap_gfp(gfp));
		if (!*copy)
			return -ENOMEM;

		rcu_read_lock();
		node = cmap_op_find(map, key);
		if (node) {
			output->len = cmap_node_value_len(node);
			output->version = node->version;
			output->deadline = cmap_node_deadline(node);
			if (output->len <= *size)
				memcpy(*copy, cmap_node_value(node),
				       output->len);
		}
		rcu_read_unlock();

		if (node && output->len <= min(*size, output->room))
			return 0;
		if (!node)
			err = -ENOENT;
		else if (output->len > output->room)
			err = -EMSGSIZE;
		else	/* The value was replaced by a longer one meanwhile. */
			err = cmap_op_start_over(gfp, &rounds);
		cmap_op_free_copy(map, *copy, *size);
		if (err)
			return err;
	}
}

/**
 * cmap_op_compare_write() - write if the value is the expected one
 * @map: the map
 * @write: the write; its expected version is set here
 * @expected: the value that must be there
 * @expected_len: bytes in it
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 *
 * The value is compared without the lock.  Then the write is made on the condition
 * that the entry still has the version that compared equal; if not, this starts
 * over.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 or a negative errno with nothing changed; -ESTALE if the value is
 * not the expected one.
 */
int cmap_op_compare_write(struct cmap *map, struct cmap_write *write,
			  const void *expected, u32 expected_len, gfp_t gfp)
{
	struct cmap_shard *shard = cmap_op_shard(map, &write->key);
	struct cmap_node *node;
	unsigned int rounds = 0;
	int err;

	write->flags |= CMAP_WRITE_VERSION;
	do {
		rcu_read_lock();
		node = cmap_shard_find(shard, &write->key);
		if (!node) {
			write->old_version = 0;
			write->old_len = 0;
			write->expected = 0;
			err = -ENOENT;
		} else if (cmap_node_value_len(node) != expected_len ||
			   memcmp(cmap_node_value(node), expected,
				  expected_len)) {
			write->version = node->version;
			write->old_version = node->version;
			write->old_len = cmap_node_value_len(node);
			write->result = cmap_node_deadline(node);
			write->expected = 0;
			err = -ESTALE;
		} else {
			write->expected = node->version;
			err = 0;
		}
		rcu_read_unlock();

		if (err) {
			cmap_trace_write(map, write, err);
			return err;
		}
		err = cmap_op_write(map, write, gfp);
		if (err != -ESTALE)
			return err;
		err = cmap_op_start_over(gfp, &rounds);
	} while (!err);

	return err;
}

/**
 * cmap_op_reserve() - reserve a node for a long value
 * @map: the map
 * @write: the write; its key and value_len are stored in the node
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @err: set on failure to -EAGAIN, -EDQUOT, -EINTR, -ENOMEM or -ENOSPC
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: the node, for the caller to fill in the value; or NULL.
 */
struct cmap_node *cmap_op_reserve(struct cmap *map, struct cmap_write *write,
				  gfp_t gfp, int *err)
{
	struct cmap_shard *shard = cmap_op_shard(map, &write->key);
	struct cmap_node *node;

	*err = try_reserve(map, shard, write, gfp);
	if (unlikely(*err) && lacks_room(map, *err))
		*err = make_room(&(struct sweep){ map, shard, write, gfp,
						  try_reserve, *err });
	if (unlikely(*err))
		return NULL;

	/* The node stays where it is.  The segment table may be replaced. */
	rcu_read_lock();
	node = cmap_arena_node(&shard->arena, write->ref);
	rcu_read_unlock();

	return node;
}

/**
 * cmap_op_unreserve() - free a reserved node that was not used
 * @map: the map
 * @write: the write
 *
 * Context: Process or softirq; no lock.
 */
void cmap_op_unreserve(struct cmap *map, struct cmap_write *write)
{
	cmap_shard_unreserve(cmap_op_shard(map, &write->key), write);
}

/**
 * cmap_op_retire_old() - retire the old node that a write handed to the caller
 * @map: the map
 * @write: the write; nothing is done if it has no old node
 *
 * Context: Process or softirq; no lock.
 */
void cmap_op_retire_old(struct cmap *map, struct cmap_write *write)
{
	if (write->old)
		cmap_shard_retire(cmap_op_shard(map, &write->key), write->old_ref);
	write->old = NULL;
}

/**
 * cmap_map_clear() - remove every entry that is there during the whole call
 * @map: the map
 *
 * Context: Process; no lock.
 * Return: how many were removed.  Entries are left only after a fatal signal.
 */
u64 cmap_map_clear(struct cmap *map)
{
	u64 removed = 0;
	u32 i;

	for (i = 0; i < map->shards; i++) {
		u64 high = 0;

		while (high <= U32_MAX && !fatal_signal_pending(current)) {
			removed += cmap_shard_clear(map->shard[i], &high);
			cond_resched();
		}
	}
	trace_cmap_clear(map, removed);

	return removed;
}
