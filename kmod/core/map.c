// SPDX-License-Identifier: GPL-2.0
#include "map.h"
#include "limits.h"
#include "queue.h"
#include "registry.h"

#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/wait.h>
#include <uapi/linux/cmap.h>

#define COLLECT_ROUNDS	64	/* where nobody else may get to run */
#define COUNT_TRIES	64	/* while others count */

unsigned int cmap_max_shards = CMAP_SHARDS_MAX;

/*
 * Maps that nobody has any more, and that still count until a grace period is
 * over; and how many of these are gone by now.
 */
static atomic_t maps_leaving;
static atomic_t maps_gone;
static DECLARE_WAIT_QUEUE_HEAD(map_gone);

/* How many to wait for where others, who make more, may come first. */
#define GONE_ROUNDS	100

/* Fill in what was left to us; -EINVAL for what cannot be. */
static int resolve(struct cmap_spec *spec)
{
	u32 limit = min_t(u32, READ_ONCE(cmap_max_shards), CMAP_SHARDS_MAX);

	if (spec->flags & ~(CMAP_CREATE_FIXED_KEY | CMAP_CREATE_FIXED_VALUE |
			    CMAP_CREATE_NO_WINDOW | CMAP_CREATE_WIPE))
		return -EINVAL;
	if (spec->mode & ~0666)
		return -EINVAL;

	if (!spec->key_max)
		spec->key_max = CMAP_KEY_MAX;
	if (!spec->value_max && !(spec->flags & CMAP_CREATE_FIXED_VALUE))
		spec->value_max = CMAP_VALUE_MAX;
	if (spec->key_max > CMAP_KEY_MAX || spec->value_max > CMAP_VALUE_MAX)
		return -EINVAL;
	/* The quota is counted in signed numbers. */
	if (spec->max_entries > S64_MAX || spec->max_bytes > S64_MAX)
		return -EINVAL;

	limit = rounddown_pow_of_two(max(limit, 1U));
	if (!spec->shards)
		spec->shards = min_t(u32, limit,
				     roundup_pow_of_two(num_possible_cpus()));
	if (!is_power_of_2(spec->shards) || spec->shards > limit)
		return -EINVAL;

	return 0;
}

/* Shards go round the possible CPUs, each to the memory node of its own. */
static int shards_new(struct cmap *map)
{
	unsigned int cpu = cpumask_first(cpu_possible_mask);
	u32 i;

	for (i = 0; i < map->shards; i++) {
		int node = cpu_to_node(cpu);
		struct cmap_shard *shard;

		shard = kzalloc_node(sizeof(*shard), CMAP_GFP_KERNEL, node);
		if (!shard)
			return -ENOMEM;
		cmap_shard_init(shard, i, map->shards, &map->memory,
				&map->quota, map->payer, node,
				map->flags & CMAP_CREATE_WIPE);
		map->shard[i] = shard;

		cpu = cpumask_next(cpu, cpu_possible_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_possible_mask);
	}

	return 0;
}

static u64 own_bytes(const struct cmap *map)
{
	return struct_size(map, shard, map->shards) +
	       (u64)map->shards * sizeof(struct cmap_shard) +
	       (u64)num_possible_cpus() * sizeof(struct cmap_counters);
}

static void map_free(struct cmap *map)
{
	u32 i;

	for (i = 0; i < map->shards; i++)
		kfree(map->shard[i]);
	free_percpu(map->counters);
	cmap_payer_put(map->payer);
	kfree(rcu_access_pointer(map->label));
	kfree(map);
}

static void map_destroy(struct work_struct *work)
{
	struct cmap *map = container_of(to_rcu_work(work), struct cmap,
					destroy);
	u32 i;

	for (i = 0; i < map->shards; i++)
		cmap_shard_close(map->shard[i]);
	/* What is on its way to be freed knows the map's memory. */
	cmap_memory_wait_all_left(&map->memory);
	for (i = 0; i < map->shards; i++)
		cmap_shard_destroy(map->shard[i]);
	cmap_block_free(map->window);
	cmap_memory_exit(&map->memory);

	cmap_uncharge(&map->memory.account, own_bytes(map));
	cmap_account_returning(map->memory.account.parent,
			       -(s64)map->last_bytes);
	cmap_user_uncount(map->user);
	cmap_maps_uncount();
	map_free(map);

	/* Both in this order; pairs with the acquire in wait_for_map(). */
	atomic_inc_return(&maps_gone);
	atomic_dec_return(&maps_leaving);
	wake_up_all(&map_gone);
}

/* A hash function whose secret nobody knew before. */
static struct cmap_hash random_hash(u64 secret[2])
{
	get_random_bytes(secret, 2 * sizeof(*secret));
	return cmap_hash_begin(secret);
}

static struct cmap *map_alloc(const struct cmap_spec *spec)
{
	struct cmap *map;
	u64 tie_secret[2];

	map = kzalloc(struct_size(map, shard, spec->shards),
		      CMAP_GFP_KERNEL);
	if (!map)
		return NULL;

	map->shards = spec->shards;
	map->shard_shift = 32 - ilog2(spec->shards);
	map->flags = spec->flags;
	map->key_min = spec->flags & CMAP_CREATE_FIXED_KEY ? spec->key_max : 0;
	map->key_max = spec->key_max;
	map->value_max = spec->value_max;
	map->max_entries = spec->max_entries;
	map->mode = spec->mode;
	map->uid = spec->uid;
	map->gid = spec->gid;
	cmap_memory_init(&map->memory, spec->max_bytes,
			 !(spec->flags & CMAP_CREATE_NO_WINDOW));
	mutex_init(&map->window_mutex);
	mutex_init(&map->supply);
	map->payer = spec->kernel ? NULL : cmap_payer_current();
	map->kernel = spec->kernel;
	refcount_set(&map->refs, 1);
	INIT_RCU_WORK(&map->destroy, map_destroy);
	cmap_quota_init(&map->quota, spec->max_entries, spec->shards);
	map->hash = random_hash(map->secret);
	map->tie_hash = random_hash(tie_secret);

	return map;
}

/* Who pays for it, counted; NULL for nobody, which is not limited. */
static struct cmap_user *count(const struct cmap_spec *spec, bool privileged)
{
	struct cmap_user *user = NULL;
	int err;

	err = cmap_maps_count(privileged);
	if (err)
		return ERR_PTR(err);
	if (!spec->kernel) {
		kuid_t payer = cmap_user_payer(current_user_ns(), spec->uid);

		user = cmap_user_count(payer, privileged);
		if (IS_ERR(user))
			cmap_maps_uncount();
	}
	return user;
}

static int fill(struct cmap *map, const struct cmap_spec *spec)
{
	int err;

	if (spec->name) {
		struct cmap_label *label = cmap_label_new(spec->name);

		if (!label)
			return -ENOMEM;
		RCU_INIT_POINTER(map->label, label);
		map->unlinked = true;
	}
	map->counters = alloc_percpu_gfp(struct cmap_counters,
					 CMAP_GFP_KERNEL);
	if (!map->counters)
		return -ENOMEM;
	err = shards_new(map);
	if (err)
		return err;
	return cmap_charge(&map->memory.account, own_bytes(map));
}

static struct cmap *map_new(const struct cmap_spec *spec)
{
	bool privileged = spec->kernel || cmap_privileged();
	struct cmap_user *user;
	struct cmap *map;
	int err = -ENOMEM;

	user = count(spec, privileged);
	if (IS_ERR(user))
		return ERR_CAST(user);

	map = map_alloc(spec);
	if (!map)
		goto uncount;
	map->user = user;
	if (user)
		cmap_bill_init(&map->memory.bill, &user->account, privileged);
	err = fill(map, spec);
	if (err)
		goto free_map;

	return map;

free_map:
	map_free(map);
uncount:
	cmap_user_uncount(user);
	cmap_maps_uncount();
	return ERR_PTR(err);
}

/* Wait for a map to be gone since there were @gone; false if none is to go. */
static bool wait_for_map(int gone)
{
	/* Pairs with map_destroy(): of one that left since, we see that it is gone. */
	if (!atomic_read_acquire(&maps_leaving) &&
	    atomic_read(&maps_gone) == gone)
		return false;
	return !wait_event_killable(map_gone, atomic_read(&maps_gone) != gone);
}

/**
 * cmap_map_new() - make an empty map
 * @wanted: what it shall be
 *
 * Nobody else can find the map before cmap_names_add().  A map that was closed
 * before counts for a short while; that is no reason to refuse another.
 *
 * Context: Process.
 * Return: the map with one reference, or an ERR_PTR: -EDQUOT, -EINVAL, -ENOMEM,
 * -ENOSPC, -ENFILE.
 */
struct cmap *cmap_map_new(const struct cmap_spec *wanted)
{
	struct cmap_spec spec = *wanted;
	struct cmap *map;
	u32 round = 0;
	int gone, err;

	err = resolve(&spec);
	if (err)
		return ERR_PTR(err);

	do {
		gone = atomic_read(&maps_gone);
		map = map_new(&spec);
		err = PTR_ERR_OR_ZERO(map);
	} while ((err == -ENFILE || err == -EDQUOT) &&
		 round++ < GONE_ROUNDS && wait_for_map(gone));

	return map;
}

/**
 * cmap_map_get() - take a reference
 * @map: a map that the caller has one of already
 *
 * Context: Any.
 */
void cmap_map_get(struct cmap *map)
{
	refcount_inc(&map->refs);
}

/**
 * cmap_map_put() - drop a reference; the last one frees the map, soon
 * @map: the map
 *
 * What was found in the map stays good for the rest of the RCU read section that
 * it was found in.
 *
 * Context: Any.
 */
void cmap_map_put(struct cmap *map)
{
	if (refcount_dec_and_test(&map->refs)) {
		atomic_inc(&maps_leaving);
		cmap_names_forget(map);
		map->last_bytes = atomic64_read(&map->memory.account.bytes);
		cmap_account_returning(map->memory.account.parent,
				       map->last_bytes);
		queue_rcu_work(cmap_queue_destroy, &map->destroy);
	}
}

/* ---- the limit on entries ---- */

/*
 * The next shard that holds credit, or the number of shards.  A hint: whether
 * there are holders the pool says.
 */
static u32 next_holder(const struct cmap *map, u32 from)
{
	/* A race with who sets or clears a bit: either answer is as good. */
	return data_race(find_next_bit(map->quota.holders, map->shards, from));
}

/**
 * cmap_map_collect() - get credit for a write that found none, if there is some
 * @map: the map
 * @gfp: GFP_KERNEL, or GFP_ATOMIC where sleeping is not allowed
 * @rounds: counts, 0 at first
 *
 * The map is not full, or not provably: shards hold credit, or writes in other
 * shards are pending.  One shard after the other gives up what it holds, until
 * the pool has some; none holds any again before much is free.  So each time
 * that this is called in vain, others have got what was freed.  As that could go
 * on for long, a fatal signal ends it; and so does having tried often enough
 * where nobody else may get to run.
 *
 * Context: Process or softirq, as @gfp allows; no lock.
 * Return: 0 to try again; -EINTR or -EAGAIN to fail with.
 */
int cmap_map_collect(struct cmap *map, gfp_t gfp, unsigned int *rounds)
{
	bool patient = gfpflags_allow_blocking(gfp);
	u32 i;

	if (++*rounds == COLLECT_ROUNDS && !patient)
		return -EAGAIN;
	if (patient && fatal_signal_pending(current))
		return -EINTR;

	for (i = next_holder(map, 0); i < map->shards;
	     i = next_holder(map, i + 1)) {
		cmap_shard_collect(map->shard[i]);
		if (cmap_quota_available(&map->quota))
			return 0;
	}

	if (!patient) {
		cpu_relax();
		return 0;
	}
	/* Where locks can be preempted, theirs lends others our priority. */
	if (*rounds % COLLECT_ROUNDS == 0)
		for (i = 0; i < map->shards; i++)
			cmap_shard_collect(map->shard[i]);
	cond_resched();

	return 0;
}

/* ---- counting ---- */

/*
 * Sum up the entries at a moment at which their number does not change.  A
 * shard counts when a change of it begins and when it ends.  If that is even in
 * all shards, and a second pass finds it the same, then nothing changed from
 * when each was looked at first to when it was looked at last; so there was a
 * moment, between the passes, for all.  As these counts only grow, equal sums
 * are equal counts.
 */
static bool entries_at_rest(const struct cmap *map, u64 *entries)
{
	u64 changes = 0, any = 0, sum = 0, n;
	u32 i;

	for (i = 0; i < map->shards; i++) {
		/* Pairs with the release in entries_end(). */
		n = smp_load_acquire(&map->shard[i]->changes);
		changes += n;
		any |= n;
		sum += READ_ONCE(map->shard[i]->entries);
	}
	if (any & 1)
		return false;
	/* Pairs with the barrier in entries_begin(). */
	smp_rmb();
	for (i = 0; i < map->shards; i++)
		changes -= READ_ONCE(map->shard[i]->changes);
	*entries = sum;

	return !changes;
}

/*
 * Sum up the entries that there were before an epoch.  A write looks which one
 * it is before it changes anything, and one that begins after another has ended
 * sees no earlier one.  So the writes before the epoch are such that the map
 * could have stood still after them.
 */
static u64 entries_before_epoch(const struct cmap *map,
				struct cmap_quota *quota)
{
	u64 entries = 0;
	u32 i;

	WRITE_ONCE(quota->epoch, quota->epoch + 1);
	for (i = 0; i < map->shards; i++)
		entries += cmap_shard_entries_then(map->shard[i]);

	return entries;
}

/**
 * cmap_map_entries() - count a map's entries
 * @map: the map
 *
 * Context: Process or softirq; no lock.
 * Return: how many there were after all writes that had ended before the call,
 * some of those under way during it, and each that had ended before one of
 * these began.
 */
u64 cmap_map_entries(const struct cmap *map)
{
	struct cmap_quota *quota = map->shard[0]->quota;
	unsigned int tries = COUNT_TRIES;
	u64 entries;
	u32 i;

	do {
		if (cmap_quota_entries(quota, &entries) ||
		    entries_at_rest(map, &entries))
			return entries;
		if (!test_and_set_bit_lock(0, &quota->counting)) {
			entries = entries_before_epoch(map, quota);
			clear_bit_unlock(0, &quota->counting);
			return entries;
		}
		cpu_relax();
	} while (--tries);

	/* Whoever else counts does not get to run: each shard for itself. */
	entries = 0;
	for (i = 0; i < map->shards; i++)
		entries += READ_ONCE(map->shard[i]->entries);

	return entries;
}

/**
 * cmap_map_copy_name() - a map's name for people to read
 * @map: the map
 * @to: set to the name, as much of it as fits, or to nothing; what is not a
 *	visible character of ASCII is a question mark; all behind it is zero, as a
 *	record of a trace has all of it
 * @size: room there
 *
 * Context: Any.
 */
void cmap_map_copy_name(const struct cmap *map, char *to, size_t size)
{
	const struct cmap_label *label;

	memset(to, 0, size);
	rcu_read_lock();
	label = rcu_dereference(map->label);
	if (label)
		strscpy(to, label->text, size);
	rcu_read_unlock();
	for (; *to; to++)
		if (*to <= ' ' || *to >= 0x7f)
			*to = '?';
}
