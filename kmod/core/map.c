// SPDX-License-Identifier: GPL-2.0
#include "map.h"
#include "feed.h"
#include "maintain.h"
#include "waiters.h"

#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <uapi/linux/cmap.h>

unsigned int cmap_max_shards = CMAP_SHARDS_MAX;

/* The same for the feed. */
static int resolve_feed(struct cmap_spec *spec)
{
	u32 value_max = min(spec->feed_value_max, spec->value_max);

	if (!spec->feed_bytes)
		return spec->feed_value_max ? -EINVAL : 0;
	if (!is_power_of_2(spec->feed_bytes) ||
	    spec->feed_bytes < CMAP_FEED_BYTES_MIN ||
	    spec->feed_bytes > CMAP_FEED_BYTES_MAX ||
	    value_max > CMAP_FEED_VALUE_MAX)
		return -EINVAL;

	spec->feed_bytes = max_t(u32, spec->feed_bytes, PAGE_SIZE);
	spec->feed_value_max = value_max;
	return cmap_feed_record_size(spec->key_max, value_max) >
	       spec->feed_bytes / CMAP_FEED_RECORDS_MIN ? -EINVAL : 0;
}

/**
 * cmap_map_resolve() - check what a map shall be, and fill in defaults
 * @spec: what it shall be
 *
 * Context: Any.
 * Return: 0, or -EINVAL.
 */
int cmap_map_resolve(struct cmap_spec *spec)
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
	/* Accounts and the pool of credit count in signed 64-bit numbers. */
	if (spec->max_entries > S64_MAX || spec->max_bytes > S64_MAX)
		return -EINVAL;

	limit = rounddown_pow_of_two(max(limit, 1U));
	if (!spec->shards)
		spec->shards = min_t(u32, limit,
				     roundup_pow_of_two(num_possible_cpus()));
	if (!is_power_of_2(spec->shards) || spec->shards > limit)
		return -EINVAL;

	return resolve_feed(spec);
}

static int map_feed_alloc(struct cmap *map, struct cmap_shard *shard, int nid)
{
	int err;

	if (!map->feed_bytes)
		return 0;

	shard->feed = cmap_feed_new(&map->memory, nid, map->feed_bytes,
				    map->feed_value_max, shard->index,
				    map->shards, map->flags & CMAP_CREATE_WIPE,
				    &err);
	if (!shard->feed)
		return err;
	shard->first.events = CMAP_EVENT_FEED;
	return 0;
}

static void map_feeds_free(struct cmap *map)
{
	u32 i;

	for (i = 0; i < map->shards && map->shard[i]; i++) {
		cmap_feed_free(map->shard[i]->feed);
		map->shard[i]->feed = NULL;
	}
}

/* Shards are spread over the possible CPUs.  Each is on the NUMA node of its CPU. */
static int map_shards_alloc(struct cmap *map)
{
	unsigned int cpu = cpumask_first(cpu_possible_mask);
	u32 i;

	for (i = 0; i < map->shards; i++) {
		int nid = cpu_to_node(cpu);
		struct cmap_shard *shard;
		int err;

		shard = kzalloc_node(sizeof(*shard), CMAP_GFP_KERNEL, nid);
		if (!shard)
			return -ENOMEM;
		map->shard[i] = shard;
		shard->listeners = &map->events;
		cmap_shard_init(shard, i, map->shards, map->stripes,
				&map->memory, &map->quota, map->payer, nid,
				map->flags & CMAP_CREATE_WIPE);
		cmap_maintain_init(shard);
		shard->arena.clock = &map->clock;
		shard->arena.owners = &map->owners;
		err = map_feed_alloc(map, shard, nid);
		if (err)
			return err;

		cpu = cpumask_next(cpu, cpu_possible_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_possible_mask);
	}

	return 0;
}

static u64 map_own_bytes(const struct cmap *map)
{
	return struct_size(map, shard, map->shards) +
	       (u64)map->shards * sizeof(struct cmap_shard) +
	       (map->feed_bytes ? map->shards * sizeof(struct cmap_feed) : 0) +
	       (u64)num_possible_cpus() * sizeof(struct cmap_counters);
}

/* Make a hash function with a new random secret. */
static struct cmap_hash random_hash(u64 secret[2])
{
	get_random_bytes(secret, 2 * sizeof(*secret));
	return cmap_hash_begin(secret);
}

/*
 * How many stripes each shard has when it has grown.  A feed's ring has all changes of its shard in the
 * order of their versions, so one lock orders them all.  Else the bound on stripes in a
 * map is that of struct cmap_quota on who holds credit.
 */
static u32 stripes_of(const struct cmap_spec *spec)
{
	if (spec->feed_bytes)
		return 1;
	return min_t(u32, CMAP_STRIPES_MAX, CMAP_SHARDS_MAX / spec->shards);
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
	map->stripes = stripes_of(spec);
	map->flags = spec->flags;
	map->key_min = spec->flags & CMAP_CREATE_FIXED_KEY ? spec->key_max : 0;
	map->key_max = spec->key_max;
	map->value_max = spec->value_max;
	map->feed_bytes = spec->feed_bytes;
	map->feed_value_max = spec->feed_value_max;
	map->max_entries = spec->max_entries;
	map->mode = spec->mode;
	map->uid = spec->uid;
	map->gid = spec->gid;
	cmap_memory_init(&map->memory, spec->max_bytes,
			 !(spec->flags & CMAP_CREATE_NO_WINDOW));
	cmap_clock_init(&map->clock, &map->memory);
	cmap_owners_init(&map->owners, &map->memory, map->shard, spec->shards);
	map->default_ttl = spec->default_ttl;
	if (spec->description)
		memcpy(map->description, spec->description, sizeof(map->description));
	cmap_events_init(&map->events);
	mutex_init(&map->window_mutex);
	sema_init(&map->supply, 1);
	map->payer = spec->kernel ? NULL : cmap_payer_current();
	map->kernel = spec->kernel;
	refcount_set(&map->refs, 1);
	atomic_set(&map->users, 1);
	cmap_quota_init(&map->quota, spec->max_entries,
			spec->shards * map->stripes);
	map->hash = random_hash(map->secret);
	map->tie_hash = random_hash(tie_secret);

	return map;
}

/**
 * cmap_label_new() - make a label from a name
 * @name: the name
 *
 * Context: Process.
 * Return: the label, to be freed by kfree(); or NULL.
 */
struct cmap_label *cmap_label_new(const char *name)
{
	size_t size = strlen(name) + 1;
	struct cmap_label *label;

	label = kzalloc(struct_size(label, text, size), CMAP_GFP_KERNEL);
	if (label)
		memcpy(label->text, name, size);
	return label;
}

static int map_fill(struct cmap *map, const struct cmap_spec *spec)
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
	err = map_shards_alloc(map);
	if (err)
		return err;
	return cmap_charge(&map->memory.account, map_own_bytes(map));
}

/**
 * cmap_map_free() - free the map object itself
 * @map: the map, torn down or never filled
 *
 * Context: Process.
 */
void cmap_map_free(struct cmap *map)
{
	u32 i;

	map_feeds_free(map);
	for (i = 0; i < map->shards && map->shard[i]; i++)
		kfree(map->shard[i]);
	free_percpu(map->counters);
	cmap_payer_put(map->payer);
	kfree(rcu_access_pointer(map->label));
	kfree(map);
}

/**
 * cmap_map_build() - make an empty map that cannot be found yet
 * @spec: what it shall be, from cmap_map_resolve()
 * @account: the account of the user who pays, or NULL for nobody
 * @privileged: the map may use the reserve
 *
 * Context: Process.
 * Return: the map, or an ERR_PTR: -EDQUOT, -ENOMEM, -ENOSPC.
 */
struct cmap *cmap_map_build(const struct cmap_spec *spec,
			    struct cmap_account *account, bool privileged)
{
	struct cmap *map = map_alloc(spec);
	int err;

	if (!map)
		return ERR_PTR(-ENOMEM);
	if (account)
		cmap_bill_init(&map->memory.bill, account, privileged);
	err = map_fill(map, spec);
	if (err) {
		cmap_map_free(map);
		return ERR_PTR(err);
	}

	return map;
}

/**
 * cmap_map_teardown() - free a map's contents and uncharge all of its memory
 * @map: the map, which nobody uses and no reader can be in
 *
 * Context: Process; after a grace period.
 */
void cmap_map_teardown(struct cmap *map)
{
	u32 i;

	cmap_clock_stop(&map->clock);
	cmap_owners_stop(&map->owners);
	cmap_events_close(&map->events);
	for (i = 0; i < map->shards; i++) {
		cmap_waiters_free(map->shard[i]);
		cmap_maintain_close(map->shard[i]);
	}
	/* Blocks on their way to be freed still refer to map->memory. */
	cmap_memory_wait_all_left(&map->memory);
	for (i = 0; i < map->shards; i++)
		cmap_shard_destroy(map->shard[i]);
	map_feeds_free(map);
	cmap_block_free(map->window);
	cmap_clock_free(&map->clock);
	cmap_owners_free(&map->owners);
	cmap_memory_exit(&map->memory);
	cmap_uncharge(&map->memory.account, map_own_bytes(map));
}

/**
 * cmap_map_copy_name() - copy a map's name in a printable form
 * @map: the map
 * @to: set to as much of the name as fits, or to an empty string.  Characters that
 *	are not visible ASCII become question marks.  The rest of the buffer is
 *	zeroed, because a trace record exposes all of it
 * @size: bytes in @to
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
