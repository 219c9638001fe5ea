/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The map object: its fields, and building it.
 */
#ifndef CMAP_MAP_H
#define CMAP_MAP_H

#include "block.h"
#include "clock.h"
#include "event.h"
#include "hash.h"
#include "quota.h"
#include "shard.h"

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/semaphore.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

struct cmap_user;
struct net;
struct obj_cgroup;

/* Most shards a map can have; a module parameter. */
extern unsigned int cmap_max_shards;

/* What a new map shall be.  Fields mean what they mean in &struct cmap_create. */
struct cmap_spec {
	const char *name;	/* NULL for an anonymous map */
	bool kernel;		/* made by kernel code: no user pays */
	u32 flags;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	u32 key_max;
	u32 value_max;
	u32 shards;
	u32 feed_bytes;
	u32 feed_value_max;
	u64 max_entries;
	u64 max_bytes;
	u64 default_ttl;
	const u8 *description;	/* CMAP_DESCRIPTION_SIZE bytes, or NULL */
};

/* A map's name.  It is constant: a map that is renamed gets another label. */
struct cmap_label {
	struct rcu_head rcu;
	char text[];
};

/* Numbers of gets, per CPU.  Each get is a hit or a miss. */
struct cmap_counters {
	u64 hits;
	u64 misses;
};

/**
 * struct cmap - a map
 * @hash: of keys
 * @tie_hash: a second hash, which orders keys at the same position.  Its secret
 *	never leaves the kernel, so nobody can make keys that are equal in it
 * @stripes: number of stripes of each shard when it has grown, a power of two
 * @shard_shift: shift that makes the shard's index of the high half of a hash
 * @shards: number of shards
 * @flags: CMAP_CREATE_*
 * @key_min: shortest key
 * @key_max: longest key
 * @value_max: longest value
 * @feed_bytes: bytes in the feed's ring of each shard, or 0
 * @feed_value_max: longest value in the feed's records
 * @counters: per CPU
 * @quota: limit on entries
 * @events: who listens to changes
 * @memory: the map's memory, and the limit on it
 * @clock: which deadlines are over; has the window's page of
 *	&struct cmap_window_words
 * @owners: owners of entries
 * @default_ttl: for how long an entry lives that is written without a deadline; 0: it
 *	does not expire
 * @window: the window's header page; NULL until a process maps the map
 * @window_mutex: held while the window is made
 * @supply: held by the first writer in the queue of those that wait for memory
 * @short_of: how many writers wait or queue for something that they lack
 * @max_entries: the limit on entries as asked for
 * @secret: of @hash, for the window
 * @refs: references: one for each descriptor, for the name, for each kernel user,
 *	and for each listener
 * @users: how many of these are not listeners': with the last of them the map ends,
 *	as nobody can change it any more
 * @id: unique among all maps since the module was loaded
 * @payer: object cgroup of the map's creator, which pays for large tables
 * @destroy: frees the map, after a grace period
 * @last_bytes: bytes charged when the last reference was dropped
 * @description: what the creator says of keys and values; no code of the kernel's
 *	looks at it
 * @user: the user who pays, or NULL for none
 * @kernel: made by kernel code
 * @label: the name, or NULL; read under RCU
 * @names: entry in the table of names
 * @net: the network namespace of the name, as long as it exists.  This is no
 *	reference
 * @net_number: the namespace's inode number, by which processes know it
 * @unlinked: the map is no longer found by its name
 * @uid: owner
 * @gid: group
 * @mode: permission bits
 * @shard: the shards
 *
 * The lock of the table of names protects the fields from @user on, except @kernel
 * and @shard.  All other fields are constant, or do their own locking.
 */
struct cmap {
	struct cmap_hash hash;
	struct cmap_hash tie_hash;
	u8 shard_shift;
	u32 shards;
	u32 stripes;
	u32 flags;
	u32 key_min;
	u32 key_max;
	u32 value_max;
	u32 feed_bytes;
	u32 feed_value_max;
	u64 default_ttl;
	struct cmap_counters __percpu *counters;
	struct cmap_quota quota;
	struct cmap_events events;
	struct cmap_memory memory;
	struct cmap_clock clock;
	struct cmap_owners owners;
	struct cmap_block *window;
	struct mutex window_mutex;
	struct semaphore supply;
	atomic_t short_of;
	u64 max_entries;
	u64 secret[2];
	refcount_t refs;
	atomic_t users;
	u64 id;
	struct obj_cgroup *payer;
	struct rcu_work destroy;
	u64 last_bytes;
	u8 description[CMAP_DESCRIPTION_SIZE];
	struct cmap_user *user;
	bool kernel;
	struct cmap_label __rcu *label;
	struct hlist_node names;
	struct net *net;
	u32 net_number;
	bool unlinked;
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	struct cmap_shard *shard[];
};

int cmap_map_resolve(struct cmap_spec *spec);
struct cmap *cmap_map_build(const struct cmap_spec *spec,
			    struct cmap_account *account, bool privileged);
void cmap_map_teardown(struct cmap *map);
void cmap_map_free(struct cmap *map);
struct cmap_label *cmap_label_new(const char *name);
void cmap_map_copy_name(const struct cmap *map, char *to, size_t size);

/* Whether the map has a name, or had one. */
static inline bool cmap_map_named(const struct cmap *map)
{
	return rcu_access_pointer(map->label);
}

static inline struct cmap_shard *cmap_map_shard(const struct cmap *map,
						u32 high)
{
	return map->shard[(u64)high >> map->shard_shift];
}

#endif /* CMAP_MAP_H */
