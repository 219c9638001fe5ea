/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * cmap - the feed: what has changed in a map, and waiting for changes.  A part
 * of <linux/cmap.h>, which includes this file.
 */
#ifndef _UAPI_LINUX_CMAP_FEED_H
#define _UAPI_LINUX_CMAP_FEED_H

#include <linux/types.h>

/**
 * DOC: The feed
 *
 * A map that was created with @feed_bytes has a feed: a ring of records for
 * each shard.  Every change of an entry adds a record, before the call that
 * changes it returns.  When a ring is full, new records overwrite the oldest.
 * No writer waits for a reader of the feed.
 *
 * Each change has a version.  The versions of a shard are index, index + n,
 * index + 2n and so on: n is the number of shards and index is the shard's.
 * Each of them, from index + n on, has exactly one record, and the records of a
 * ring are in this order.  So a version modulo n is the shard, and a reader
 * knows exactly which records it has missed.
 *
 * There is no order between the records of different shards.  All records of
 * one key are in one ring.
 *
 * When a reader finds the record of a version, the entry has that version or a
 * later one for all reads that begin then.  To have a complete copy of a map,
 * also after records were lost: get a cursor (CMAP_IOCTL_FEED_CURSOR), read all
 * entries (CMAP_IOCTL_RANGE), and then carry out what the feed has from that
 * cursor on, except where the copy of the key has a later version.
 */

/* Bytes in a ring. */
#define CMAP_FEED_BYTES_MIN	4096U
#define CMAP_FEED_BYTES_MAX	(1U << 22)

/* Longest value in a record: a writer copies it while it holds its shard's lock. */
#define CMAP_FEED_VALUE_MAX	65536U

/* Keys in a filter. */
#define CMAP_FEED_KEYS_MAX	128

/*
 * &struct cmap_feed_record.cause.  5 and 7 are reserved for entries that are
 * evicted, and for transactions.
 */
enum cmap_feed_cause {
	CMAP_FEED_PAD		= 0,	/* no record; only in a ring */
	CMAP_FEED_SET		= 1,	/* the entry was added or replaced */
	CMAP_FEED_DELETE	= 2,	/* the entry was deleted */
	CMAP_FEED_CLEAR		= 3,	/* it was deleted by CMAP_IOCTL_CLEAR */
	CMAP_FEED_EXPIRE	= 4,	/* it has expired, and was removed */
	CMAP_FEED_OWNER		= 6,	/* its owner has ended, it was removed */
	CMAP_FEED_NAME		= 8,	/* the map's name; not in a ring */
	CMAP_FEED_LOST		= 255,	/* records are missing; not in a ring */
};

/* &struct cmap_feed_record.flags */
#define CMAP_FEED_NO_VALUE	(1U << 0)	/* the value was left out */
#define CMAP_FEED_DEADLINE	(1U << 1)	/* there is a deadline */

/**
 * struct cmap_feed_record - one change of an entry
 * @size: bytes to the next record, a multiple of 8
 * @key_len: bytes in the key; 0 is an empty key
 * @cause: enum cmap_feed_cause
 * @flags: CMAP_FEED_NO_VALUE: the value is longer than the map's
 *	@feed_value_max.  CMAP_FEED_DEADLINE: SET: the entry has a deadline,
 *	which follows this structure: 8 bytes, in nanoseconds of the map's
 *	clock; @key_offset is then 8 larger
 * @version: the change's version, which is the version of the entry unless it
 *	was deleted.  LOST: the last version that is missing
 * @transaction: 0
 * @first: LOST: the first version that is missing
 * @value_len: SET: bytes in the value, also if it was left out; else 0
 * @key_offset: offset of the key in this record.  A later kernel may add fields
 *	before the key: a field exists if it ends at or before @key_offset
 * @value_offset: SET: offset of the value in this record, a multiple of 8; 0 if
 *	it was left out.  Else 0
 *
 * Clearing a map makes a record for each entry that it removes.  An entry that
 * a write replaces by one with an equal value has changed, too.  So TOUCH makes
 * a SET record, with the value that the entry has.
 *
 * An entry expires, or loses its owner, for all readers at one moment.  Its
 * record follows when the entry is removed: at once, or after some milliseconds
 * if they are many.  If the key is written before, the record comes first.
 *
 * LOST stands in the place of records that were overwritten before the reader
 * came to them: those with the versions @first, @first + n and so on up to
 * @version.  It is reported to every filter, because nobody knows what they
 * were.
 *
 * NAME says that the map was renamed or lost its name since the descriptor was
 * bound to it from which the watch was made.  What opens by that name now may be
 * another map.  Only read() of a watch returns it, with every filter, before
 * records of changes, and once for all renames since the last one.  It has no
 * key, and its version is 0.  &struct cmap_stat.name_changes says the same to
 * others.
 *
 * A reader skips records with causes that it does not know.
 */
struct cmap_feed_record {
	__u32 size;
	__u16 key_len;
	__u8 cause;
	__u8 flags;
	__aligned_u64 version;
	union {
		__aligned_u64 transaction;
		__aligned_u64 first;
	};
	__u32 value_len;
	__u16 key_offset;
	__u16 value_offset;
	/* __u8 key[]; padding; __u8 value[]; padding */
};

/**
 * struct cmap_feed_position - where a reader is in a shard's feed
 * @version: the last version that it has passed; the index of the shard if it
 *	has passed none
 * @position: where the next record is in the ring: an offset that counts on
 *	from one round to the next.  It saves a search, and may be wrong: 0 if
 *	it is not known
 */
struct cmap_feed_position {
	__aligned_u64 version;
	__aligned_u64 position;
};

/**
 * struct cmap_feed_cursor - where a reader is in a map's feed
 * @map: number of the map, as in &struct cmap_stat
 * @shards: number of the map's shards
 * @next: the shard with which the next read begins
 * @at: position in each shard's feed
 *
 * A cursor is valid for the life of the map, in any process.
 */
struct cmap_feed_cursor {
	__aligned_u64 map;
	__u32 shards;
	__u32 next;
	struct cmap_feed_position at[];
};

/* Bytes in a cursor of a map with a number of shards. */
#define CMAP_FEED_CURSOR_BYTES(shards)					\
	(sizeof(struct cmap_feed_cursor) +				\
	 (shards) * sizeof(struct cmap_feed_position))

/* &struct cmap_feed_filter.kind */
#define CMAP_FILTER_ALL		0	/* all records */
#define CMAP_FILTER_PREFIX	1	/* keys that begin with a given one */
#define CMAP_FILTER_KEYS	2	/* given keys */

/**
 * struct cmap_feed_filter - which records a reader wants
 * @kind: CMAP_FILTER_*
 * @count: keys in @keys: PREFIX: 1; KEYS: 1..CMAP_FEED_KEYS_MAX; ALL: 0
 * @keys: user pointer to an array of &struct cmap_feed_key; 0 for ALL
 */
struct cmap_feed_filter {
	__u32 kind;
	__u32 count;
	__aligned_u64 keys;
};

/**
 * struct cmap_feed_key - a key, or a prefix, of a filter
 * @key: user pointer to the key; not used for an empty key
 * @key_len: bytes in @key, up to the map's @key_max
 * @__reserved: 0
 */
struct cmap_feed_key {
	__aligned_u64 key;
	__u32 key_len;
	__u32 __reserved;
};

/**
 * struct cmap_feed_read - read what has changed
 * @size: sizeof(struct cmap_feed_read); at least up to and including @filter
 * @flags: 0
 * @buf: user pointer to the buffer for &struct cmap_feed_record
 * @buf_len: in: bytes in @buf; out: bytes used; with EMSGSIZE: bytes that the
 *	next record needs
 * @count: out: number of records
 * @cursor: user pointer to a &struct cmap_feed_cursor: where to begin; moved on
 *	past what was read
 * @cursor_len: bytes in @cursor, CMAP_FEED_CURSOR_BYTES() of the map's shards
 * @more: out: 1 if the call ended before it saw all changes that there are,
 *	because the buffer was full or it had looked at enough; else 0
 * @filter: which records are wanted
 *
 * The call does not wait: without changes @count is 0.  It returns all records
 * of writes that had ended when it began, unless @more is 1.
 *
 * A cursor is EINVAL if it is another map's, or has a version that the shard
 * has not reached.
 *
 * Needs a descriptor open for reading.
 *
 * Errors: E2BIG, EBADF, EBADFD, EFAULT, EINTR, EINVAL, EMSGSIZE, ENOMEM,
 * EOPNOTSUPP.
 */
struct cmap_feed_read {
	__u32 size;
	__u32 flags;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 count;
	__aligned_u64 cursor;
	__u32 cursor_len;
	__u32 more;
	struct cmap_feed_filter filter;
};

/**
 * struct cmap_feed_where - get a cursor
 * @size: sizeof(struct cmap_feed_where)
 * @flags: 0
 * @cursor: user pointer to the &struct cmap_feed_cursor to be set
 * @cursor_len: bytes in @cursor, CMAP_FEED_CURSOR_BYTES() of the map's shards
 * @__reserved: 0
 *
 * CMAP_IOCTL_FEED_CURSOR on a map's descriptor, open for reading, sets the
 * cursor to what is now the end of the feed: after all writes that had ended
 * when the call began.  On a watch it sets it to where the watch is: after what
 * read() has returned.
 *
 * Errors: EBADF, EBADFD, EFAULT, EINTR (a watch's), EINVAL, ENOMEM, EOPNOTSUPP.
 */
struct cmap_feed_where {
	__u32 size;
	__u32 flags;
	__aligned_u64 cursor;
	__u32 cursor_len;
	__u32 __reserved;
};

/* &struct cmap_watch.flags */
#define CMAP_WATCH_NONBLOCK	(1U << 0)	/* O_NONBLOCK */

/**
 * struct cmap_watch - make a watch: a descriptor that reads a map's feed
 * @size: sizeof(struct cmap_watch); at least up to and including @cursor_len
 * @flags: CMAP_WATCH_*
 * @filter: which records are wanted
 * @cursor: user pointer to a &struct cmap_feed_cursor: where to begin; 0 for
 *	the present end of the feed
 * @cursor_len: bytes in @cursor, CMAP_FEED_CURSOR_BYTES() of the map's shards;
 *	0 without a cursor
 * @__reserved: 0
 *
 * Needs a descriptor open for reading.  The call returns the watch, a new
 * descriptor that is closed on execve().  It cannot be used in a batch.
 *
 * read() returns as many whole records as fit its buffer: &struct
 * cmap_feed_record, one after the other.  It waits for the first one, unless
 * O_NONBLOCK is set (EAGAIN).  If not even that fits, it fails (EMSGSIZE).
 * poll, select and epoll report a watch as readable if read() has a record to
 * return.  With EPOLLET there is an event when this begins to be so.
 *
 * A watch holds the map.  As soon as nothing else does, no descriptor, no name,
 * no mapping and no kernel code, nothing can change any more: then poll reports
 * POLLHUP, and read() returns 0 after the last record.
 *
 * While nothing matches, the kernel moves the watch on.  So records that do not
 * match are rarely lost to it, unless they come faster than the kernel can look
 * at them.
 *
 * A watch is counted for the caller's user, and its memory is charged to him, as a
 * map would be: see &struct cmap_limits.
 *
 * Errors: E2BIG, EBADF, EBADFD, EDQUOT, EFAULT, EINVAL, EMFILE, ENFILE, ENOMEM,
 * ENOSPC, EOPNOTSUPP.
 */
struct cmap_watch {
	__u32 size;
	__u32 flags;
	struct cmap_feed_filter filter;
	__aligned_u64 cursor;
	__u32 cursor_len;
	__u32 __reserved;
};

/* Keys in a wait. */
#define CMAP_WAIT_KEYS_MAX	128

/* &struct cmap_wait.deadline */
#define CMAP_WAIT_FOREVER	(~0ULL)

/**
 * struct cmap_wait_key - a key to wait for
 * @key: user pointer to the key; not used for an empty key
 * @key_len: bytes in @key, as the map allows
 * @changed: out: 1 if the key has another version; else 0
 * @version: in: the version that the key is known to have; out: if it has
 *	changed: its version now
 *
 * An absent key has a version, too: that of its deletion, or any later one of
 * its shard.  0 stands for a key that has never been there.  So a caller passes
 * what the last wait for the key said, or what a get, a write or a record of
 * the feed has said since.
 */
struct cmap_wait_key {
	__aligned_u64 key;
	__u32 key_len;
	__u32 changed;
	__aligned_u64 version;
};

/**
 * struct cmap_wait - wait until keys have other versions
 * @size: sizeof(struct cmap_wait); at least up to and including @changed
 * @flags: 0
 * @keys: user pointer to an array of &struct cmap_wait_key
 * @count: keys in @keys, 1..CMAP_WAIT_KEYS_MAX
 * @changed: out: how many of them have changed
 * @deadline: until when to wait, in nanoseconds of CLOCK_MONOTONIC; 0, or what
 *	is past: only look; CMAP_WAIT_FOREVER: no limit
 *
 * The call returns when at least one of the keys has another version than the
 * given one.  All keys that have then are marked.
 *
 * It returns for every change, also for one before the call, and for one that
 * has been undone: an entry that is deleted and set again, or set and deleted
 * again, has another version, whatever its value is.
 *
 * It may return without a change of a key that is absent: if another key of the
 * shard was deleted, or if it is the first wait in the shard.  The key then
 * gets a later version, with which the caller waits again.
 *
 * A handler without SA_RESTART ends the call (EINTR), which the caller can
 * repeat with the same arguments.  After other signals it goes on, to the same
 * deadline.
 *
 * The descriptor holds the map, so the map does not end before the call does.
 * That it loses its name, or that other descriptors are closed, is no change.
 *
 * The keys are counted for the caller's user while the call waits: see &struct
 * cmap_limits.  Needs a descriptor open for reading.  It cannot be used in a
 * batch.
 *
 * The first wait in a shard takes memory, which is charged to whoever pays for the
 * map, but not to max_bytes of the map.
 *
 * Errors: E2BIG, EBADF, EBADFD, EDQUOT, EFAULT, EINTR, EINVAL, ENFILE, ENOMEM, ENOSPC,
 * ETIMEDOUT.
 */
struct cmap_wait {
	__u32 size;
	__u32 flags;
	__aligned_u64 keys;
	__u32 count;
	__u32 changed;
	__aligned_u64 deadline;
};

/* Parts into which a ring is divided for a search. */
#define CMAP_FEED_PARTS		64

/**
 * struct cmap_feed_part - the first record that begins in a part of the ring
 * @position: where it begins
 * @version: its version
 */
struct cmap_feed_part {
	__aligned_u64 position;
	__aligned_u64 version;
};

/**
 * struct cmap_window_feed - the state of a shard's feed, in the window
 * @claimed: the position up to which the ring has been written, or is being
 *	written
 * @tail: the version of the last record.  Before the first one it is the
 *	shard's index
 * @end: for each of the last two versions, the position where its record ends:
 *	that of version v is in @end[v / n & 1]
 * @__reserved: 0
 * @part: for each part of the ring the first record that begins there.  A part
 *	has @feed_bytes / CMAP_FEED_PARTS bytes
 *
 * A position is a number of bytes since the map was made.  Position p is at
 * offset p modulo @feed_bytes of the shard's part of CMAP_WINDOW_RING.  A
 * record, &struct cmap_feed_record, begins at a multiple of 8 and does not
 * extend beyond the end of the ring.  What is left there is a record of the
 * cause PAD, of which only the first 8 bytes exist: it has no version.
 *
 * To read the records after version v, the next of which is at position p:
 *
 * 1. Load @tail, with acquire semantics.  If it is v, there is nothing new.
 * 2. Copy the record's first 8 bytes.  "Look again": a load fence, then load
 *    @claimed.  If that is more than p + @feed_bytes, the record may have been
 *    overwritten, and what was copied is to be thrown away.
 *    A record of the cause PAD is followed by one at p + its @size.
 * 3. Copy the record.  Look again.  Now its version is v + n.
 * 4. Go on with p + its @size, until @tail is reached.
 *
 * Many records can be copied at once: from p to the end of @tail's record or of
 * the ring, with one look afterwards.
 *
 * To find where the record of @tail ends, load @tail, its @end, then after a
 * load fence @tail once more.  If it has changed, do it again.
 *
 * To find the record after version v if p is not known or was overwritten: load
 * @tail, with acquire semantics, and all of @part: of each first the @position
 * and, after a load fence, the @version.  Of those that are not 0, are not above
 * @tail, and whose @position + @feed_bytes is not below @claimed, take the one
 * with the highest @version that is not above v + n; if there is none, the one
 * with the lowest @version.  Read on from its @position as above, and take the
 * version from the record.  If the first version found that is above v is not
 * v + n, those in between are lost.
 *
 * A position that was handed on may be made up.  Where @claimed has not come to
 * yet, an earlier round's bytes are.
 */
struct cmap_window_feed {
	__aligned_u64 claimed;
	__aligned_u64 tail;
	__aligned_u64 end[2];
	__aligned_u64 __reserved[28];
	struct cmap_feed_part part[CMAP_FEED_PARTS];
};

#endif /* _UAPI_LINUX_CMAP_FEED_H */
