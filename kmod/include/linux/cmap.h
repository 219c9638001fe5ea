/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel API of cmap, for the maps that processes share through /dev/cmap.
 *
 * Operations and errors have the meaning that <uapi/linux/cmap.h> describes.  The
 * symbols are in the namespace CMAP.  A user of a map holds a reference to it.  The
 * module cannot be unloaded while a module that uses its symbols is loaded.
 *
 * Where each function may be called:
 *
 * =============================== ======= ========= ========== =============
 * function                        process softirq,  interrupts hard
 *                                         softirqs  disabled   interrupt, NMI
 *                                         disabled,
 *                                         spinlock
 * =============================== ======= ========= ========== =============
 * cmap_create(), cmap_open(),     yes     no        no         no
 * cmap_unlink(), cmap_clear(),
 * cmap_subscribe(),
 * cmap_unsubscribe(),
 * cmap_owner_create()
 * what takes a gfp, GFP_KERNEL,   yes     no        no         no
 * GFP_NOFS or GFP_NOIO
 * what takes a gfp, GFP_ATOMIC    yes     yes       no         no
 * cmap_put(), cmap_count(),       yes     yes       no         no
 * cmap_owner_destroy()
 * cmap_lookup(), cmap_get()       yes     yes       yes        no
 * =============================== ======= ========= ========== =============
 *
 * Writes, ranges, cmap_count() and cmap_put() may take a spinlock with softirqs
 * disabled, and enable softirqs afterwards.  That is not allowed while interrupts are
 * disabled.  So they must not be called under a lock that an interrupt handler takes
 * (spin_lock_irqsave()), whatever the gfp.  On PREEMPT_RT that lock sleeps: there they
 * must not be called with preemption disabled or a raw spinlock held either.  In an RCU
 * read section, as in any other section that must not sleep, use GFP_ATOMIC.
 *
 * GFP_NOFS and GFP_NOIO are for callers that a file system, or I/O, may be waiting for.
 * With GFP_ATOMIC an operation cannot wait for memory that is about to be freed.  It
 * also gives up after some tries if other writers change the same key, or take the last
 * free entries of a full map, each time.  It fails with -EAGAIN then.  With the other
 * flags it waits, and a fatal signal ends the wait (-EINTR).
 *
 * In softirq, memory for new entries is cleared in steps of at most 64 KiB.  But a value
 * above 32 KiB is cleared (in a map with a window) and copied in one go, up to 1 MiB.
 */
#ifndef _LINUX_CMAP_H
#define _LINUX_CMAP_H

#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/types.h>
#include <uapi/linux/cmap.h>

struct cmap;
struct cmap_owner;

/**
 * struct cmap_params - what a new map shall be
 * @name: name, which begins with CMAP_KERNEL_PREFIX, or NULL for an anonymous
 *	map
 * @flags: CMAP_CREATE_*
 * @mode: permission bits of a named map, 0..0666; it belongs to root
 * @key_max: longest key; 0 for the default
 * @value_max: longest value; 0 for the default
 * @shards: a power of two; 0 for the default
 * @feed_bytes: bytes in the feed's ring of each shard; 0 for no feed
 * @feed_value_max: longest value in the feed's records
 * @max_entries: most entries; 0 for no limit
 * @max_bytes: most memory; 0 for no limit
 * @default_ttl: for how many nanoseconds an entry lives that is written without a
 *	deadline; 0: it does not expire
 * @description: what keys and values are, as cmap(7) says, for example "value=i64"
 */
struct cmap_params {
	const char *name;
	u32 flags;
	umode_t mode;
	u32 key_max;
	u32 value_max;
	u32 shards;
	u32 feed_bytes;
	u32 feed_value_max;
	u64 max_entries;
	u64 max_bytes;
	u64 default_ttl;
	u8 description[CMAP_DESCRIPTION_SIZE];
};

/**
 * struct cmap_value - a value in the map's own memory
 * @data: the value, aligned to 8 bytes.  It does not change while it is valid
 * @len: bytes in it
 * @version: the entry's version
 */
struct cmap_value {
	const void *data;
	u32 len;
	u64 version;
};

struct cmap *cmap_create(const struct cmap_params *params);
struct cmap *cmap_open(const char *name);
struct cmap *cmap_open_any(const char *name);
int cmap_unlink(struct cmap *map);
void cmap_put(struct cmap *map);

bool cmap_lookup(struct cmap *map, const void *key, u32 key_len,
		 struct cmap_value *value);
int cmap_get(struct cmap *map, const void *key, u32 key_len, void *buf,
	     u32 *len, u64 *version);

int cmap_set(struct cmap *map, const void *key, u32 key_len, const void *value,
	     u32 len, u32 flags, u64 *version, gfp_t gfp);

/**
 * cmap_insert() - set a value only if the key is absent
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @value: the value
 * @len: bytes in it
 * @version: set to the new version, or with -EEXIST to the present one; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: as cmap_set(); -EEXIST if the key is present.
 */
static inline int cmap_insert(struct cmap *map, const void *key, u32 key_len,
			      const void *value, u32 len, u64 *version,
			      gfp_t gfp)
{
	return cmap_set(map, key, key_len, value, len, CMAP_OP_INSERT, version,
			gfp);
}

/**
 * cmap_replace() - set a value only if the key is present
 * @map: the map
 * @key: the key
 * @key_len: bytes in it
 * @value: the value
 * @len: bytes in it
 * @version: set to the new version; may be NULL
 * @gfp: GFP_KERNEL, GFP_NOFS, GFP_NOIO or GFP_ATOMIC
 *
 * Context: Process or softirq, as @gfp allows.
 * Return: as cmap_set(); -ENOENT if the key is absent.
 */
static inline int cmap_replace(struct cmap *map, const void *key, u32 key_len,
			       const void *value, u32 len, u64 *version,
			       gfp_t gfp)
{
	return cmap_set(map, key, key_len, value, len, CMAP_OP_REPLACE, version,
			gfp);
}

int cmap_delete(struct cmap *map, const void *key, u32 key_len, u32 flags,
		u64 *version, gfp_t gfp);
int cmap_take(struct cmap *map, const void *key, u32 key_len, void *old,
	      u32 *old_len, u64 *version, gfp_t gfp);
int cmap_swap(struct cmap *map, const void *key, u32 key_len,
	      const void *value, u32 len, void *old, u32 *old_len,
	      u64 *version, gfp_t gfp);
int cmap_compare_swap(struct cmap *map, const void *key, u32 key_len,
		      const void *expected, u32 expected_len,
		      const void *value, u32 len, u64 *version, gfp_t gfp);
int cmap_compare_delete(struct cmap *map, const void *key, u32 key_len,
			const void *expected, u32 expected_len, u64 *version,
			gfp_t gfp);
int cmap_get_or_set(struct cmap *map, const void *key, u32 key_len,
		    const void *value, u32 len, void *old, u32 *old_len,
		    u64 *version, gfp_t gfp);
int cmap_add(struct cmap *map, const void *key, u32 key_len, s64 delta,
	     s64 start, s64 *sum, u64 *version, gfp_t gfp);

int cmap_touch(struct cmap *map, const void *key, u32 key_len, u64 ttl,
	       u64 *version, gfp_t gfp);
int cmap_execute(struct cmap *map, struct cmap_op *op, gfp_t gfp);

struct cmap_owner *cmap_owner_create(struct cmap *map);
void cmap_owner_destroy(struct cmap_owner *owner);
int cmap_execute_owned(struct cmap *map, struct cmap_op *op,
		       struct cmap_owner *owner, gfp_t gfp);

struct cmap_subscription;

typedef void (*cmap_subscriber_fn)(void *arg,
				   const struct cmap_feed_record *record);

struct cmap_subscription *cmap_subscribe(struct cmap *map, const void *prefix,
					 u32 prefix_len, cmap_subscriber_fn fn,
					 void *arg);
void cmap_unsubscribe(struct cmap_subscription *subscription);

int cmap_wait(struct cmap *map, const void *key, u32 key_len, u64 *version,
	      ktime_t deadline);

u64 cmap_clear(struct cmap *map);
u64 cmap_count(struct cmap *map);

typedef bool (*cmap_range_fn)(const void *key, u32 key_len,
			      const struct cmap_value *value, void *arg);

int cmap_range(struct cmap *map, struct cmap_cursor *cursor, cmap_range_fn fn,
	       void *arg, gfp_t gfp);

#endif /* _LINUX_CMAP_H */
