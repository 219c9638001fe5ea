/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes to a shard: one attempt, under its lock.
 */
#ifndef CMAP_WRITE_H
#define CMAP_WRITE_H

#include "shard.h"

#include <uapi/linux/cmap.h>

/*
 * Values up to this length are copied into their node under the shard's lock.
 * Longer ones are copied into a reserved node before the lock is taken.
 */
#define CMAP_COPY_LOCKED_MAX	256

/* &struct cmap_write.flags */
#define CMAP_WRITE_ABSENT	(1U << 0)	/* only if there is no entry */
#define CMAP_WRITE_PRESENT	(1U << 1)	/* only if there is one */
#define CMAP_WRITE_VERSION	(1U << 2)	/* only if it has @expected */
#define CMAP_WRITE_DELETE	(1U << 3)	/* delete the entry */
#define CMAP_WRITE_ADD		(1U << 4)	/* the value grows by @number */
#define CMAP_WRITE_KEEP_OLD	(1U << 5)	/* hand out the old node */
#define CMAP_WRITE_QUEUED	(1U << 6)	/* first in the queue, or cannot queue */
#define CMAP_WRITE_TIMED	(1U << 7)	/* it may get a deadline or owner */
#define CMAP_WRITE_KEEP		(1U << 8)	/* the entry keeps its deadline */
#define CMAP_WRITE_EXTENDED	(1U << 9)	/* the new node has a trailer */
#define CMAP_WRITE_TOUCH	(1U << 10)	/* the value stays */
#define CMAP_WRITE_CEILING	(1U << 11)	/* the sum is at most @ceiling */
#define CMAP_WRITE_OVER		(1U << 12)	/* @deadline has passed */
#define CMAP_WRITE_OWNED	(1U << 13)	/* the entry gets @owner */

/* The conditions have the bits that they have for users: traces show these. */
#define CMAP_WRITE_CONDITIONS	(CMAP_WRITE_ABSENT | CMAP_WRITE_PRESENT | \
				 CMAP_WRITE_VERSION)
static_assert(CMAP_WRITE_ABSENT == CMAP_OP_INSERT);
static_assert(CMAP_WRITE_PRESENT == CMAP_OP_REPLACE);
static_assert(CMAP_WRITE_VERSION == CMAP_OP_VERSION);

/**
 * struct cmap_write - one write to one key
 * @key: the key
 * @code: which command it is, for the trace
 * @flags: CMAP_WRITE_*
 * @value: the new value, to be copied under the lock; NULL with @ref and with
 *	CMAP_WRITE_ADD
 * @value_len: bytes in the new value
 * @ref: instead of @value: a filled node from cmap_shard_try_reserve(); the write
 *	takes it over on success
 * @ref_room: with @ref: how many bytes fit there
 * @expected: with CMAP_WRITE_VERSION: the version that the entry must have
 * @number: with CMAP_WRITE_ADD: what to add; out: the sum
 * @start: with CMAP_WRITE_ADD: value of an absent entry
 * @ceiling: with CMAP_WRITE_CEILING: the largest sum.  After -ERANGE @number is the
 *	present value
 * @deadline: with CMAP_WRITE_TIMED: the entry's new deadline, or 0 for none.  With
 *	CMAP_WRITE_KEEP it counts only if there is no entry
 * @owner: with CMAP_WRITE_OWNED: the entry's owner.  Without, it has none
 * @result: out: the deadline that the entry has now, also after -EEXIST, -ERANGE and
 *	-ESTALE; 0 for none
 * @old_room: with CMAP_WRITE_KEEP_OLD: the longest old value that the caller takes
 * @version: out: version of this write; after -EEXIST and -ESTALE of the entry
 * @old_version: out: version of the entry that was found, which this write replaced
 *	or deleted if it succeeded; 0 if there was none
 * @old: out: with CMAP_WRITE_KEEP_OLD: the node that was replaced or deleted, which
 *	is the caller's until cmap_shard_retire(); NULL if there was none
 * @old_ref: out: its ref
 * @old_len: out: length of its value, also after -EMSGSIZE
 * @blocked_on: out: what the write lacks, after -EAGAIN; CMAP_BLOCKED_ON_QUEUE: it
 *	lacks a node only because other writers queue for one
 * @room: out: if the write lacks a node: size of the old node, or 0 for an insert
 */
struct cmap_write {
	struct cmap_key key;
	u16 code;
	u16 flags;
	u32 value_len;
	const void *value;
	cmap_ref ref;
	u32 old_room;
	u64 expected;
	s64 number;
	s64 start;
	s64 ceiling;
	u64 deadline;
	struct cmap_owner *owner;
	u64 result;
	u64 version;
	u64 old_version;
	struct cmap_node *old;
	cmap_ref old_ref;
	u32 old_len;
	enum {
		CMAP_BLOCKED_ON_NOTHING,
		CMAP_BLOCKED_ON_TABLE,
		CMAP_BLOCKED_ON_POOL,
		CMAP_BLOCKED_ON_NODE,
		CMAP_BLOCKED_ON_CREDIT,
		CMAP_BLOCKED_ON_QUEUE,
		CMAP_BLOCKED_ON_WHEEL,
	} blocked_on;
	u32 room;
	u32 ref_room;
};

/**
 * cmap_write_lacks_node() - check whether a write lacks a node
 * @write: the write, which failed with -EAGAIN
 *
 * Context: Any.
 * Return: true if so, also if that is only because others queue for one.
 */
static inline bool cmap_write_lacks_node(const struct cmap_write *write)
{
	return write->blocked_on == CMAP_BLOCKED_ON_NODE ||
	       write->blocked_on == CMAP_BLOCKED_ON_QUEUE;
}

/**
 * cmap_write_size_new() - get the size of the node that a write takes
 * @write: the write, which has no reserved node
 *
 * Context: Any.
 * Return: bytes.
 */
static __always_inline u32 cmap_write_size_new(const struct cmap_write *write)
{
	return unlikely(write->flags & CMAP_WRITE_EXTENDED) ?
	       cmap_node_size_extended(write->key.len, write->value_len,
				       write->flags & CMAP_WRITE_OWNED ?
				       CMAP_TRAILER_OWNER :
				       CMAP_TRAILER_DEADLINE) :
	       cmap_node_size(write->key.len, write->value_len);
}

/**
 * cmap_write_size() - get the size of the node that a write needs
 * @write: the write
 *
 * A reserved node can be larger than the entry that it becomes.  What the write lacks
 * then are nodes like that one.
 *
 * Context: Any.
 * Return: bytes.
 */
static __always_inline u32 cmap_write_size(const struct cmap_write *write)
{
	return write->ref ? write->ref_room : cmap_write_size_new(write);
}

int cmap_shard_try_write(struct cmap_shard *shard, struct cmap_write *write,
			 gfp_t gfp);
u32 cmap_shard_write_many(struct cmap_shard *shard, struct cmap_write *write,
			  int *err, u32 count, gfp_t gfp);
struct cmap_node *cmap_shard_try_reserve(struct cmap_shard *shard,
					 struct cmap_write *write);
void cmap_shard_unreserve(struct cmap_shard *shard, struct cmap_write *write);
void cmap_shard_retire(struct cmap_shard *shard, cmap_ref ref);
u64 cmap_shard_clear(struct cmap_shard *shard, u64 *high);

#endif /* CMAP_WRITE_H */
