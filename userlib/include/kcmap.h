/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkcmap - key/value maps shared by processes and the kernel.
 *
 * Every call on a map is safe from any thread.  A batch, range, watch, feed or
 * mirror is for one thread at a time.  Calls that return int, ssize_t or int64_t return -1 and
 * set errno on failure, and have then changed nothing. cmap(4) explains the
 * errors; the manual page of each call lists its own.
 *
 * Where a call takes "uint64_t *version", NULL means that the caller does not
 * want it.
 *
 * Times are in nanoseconds.  A deadline is a time of CLOCK_BOOTTIME, and 0 means
 * that there is none.
 */
#ifndef LIBKCMAP_KCMAP_H
#define LIBKCMAP_KCMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KCMAP_VERSION_MAJOR	0
#define KCMAP_VERSION_MINOR	1

struct kcmap;			/* a map, opened */
struct kcmap_range;		/* an iterator over a map's entries */
struct kcmap_batch;		/* commands to send in one call */
struct kcmap_watch;		/* waits for changes of a map */
struct kcmap_feed;		/* reads changes of a map */
struct kcmap_mirror;		/* keeps a table of the caller's equal to a map */

/* ---- creating, opening and removing maps ---- */

/* kcmap_options.flags */
#define KCMAP_FIXED_KEY		(1U << 0)	/* keys have key_max bytes */
#define KCMAP_FIXED_VALUE	(1U << 1)	/* values have value_max bytes */
#define KCMAP_NO_WINDOW		(1U << 2)	/* reads take system calls */
#define KCMAP_WIPE		(1U << 3)	/* deleted bytes are overwritten */

/*
 * The properties of a new map.  Zero the structure, set sz to sizeof(struct
 * kcmap_options), and fill in the members that matter: 0 stands for the default
 * in all others.
 */
struct kcmap_options {
	size_t sz;
	uint32_t flags;		/* any of the above */
	uint32_t key_max;	/* longest key; default: the module's, 512 */
	uint32_t value_max;	/* longest value; default: the module's, 1 MiB */
	uint32_t shards;	/* power of two; default: possible CPUs */
	uint64_t max_entries;	/* default: no limit of its own */
	uint64_t max_bytes;	/* default: no limit of its own */
	mode_t mode;		/* of a named map, less the umask; default 0600 */
	uint32_t __reserved;	/* 0 */
	uint32_t feed_bytes;	/* of the feed, for each shard; default: none */
	uint32_t feed_value_max; /* longest value in the feed; default: 0 */
	uint64_t default_ttl;	/* of entries, in nanoseconds; default: no end */
	char description[64];	/* what keys and values are: see cmap(7) */
};

#define KCMAP_SECOND		UINT64_C(1000000000)	/* in nanoseconds */
#define KCMAP_MILLISECOND	UINT64_C(1000000)

/*
 * Open the map called @name as open(2) would.
 *
 * @oflag is O_RDONLY, O_WRONLY, O_RDWR or O_ACCMODE.  With O_ACCMODE the handle
 * can neither read nor write.  The map's owner gets such a handle whatever the
 * mode is, for kcmap_stat(), kcmap_rename(), kcmap_chmod() and kcmap_chown().
 * Further flags are O_CREAT (with the options of the map to create, or NULL for
 * the defaults), O_EXCL and O_CLOEXEC (always implied).  A @name of NULL
 * creates an anonymous map and needs O_CREAT.
 *
 * With O_CREAT a map that exists already must belong to the caller or to root
 * (EACCES), because another user may have created the name first;
 * KCMAP_O_ANY_OWNER lifts that.  It must also have the given options (EEXIST),
 * unless KCMAP_O_ANY_OPTIONS is given; kcmap_options_differ() then says which
 * ones it lacks.
 *
 * If the map has a window, reads use it: they happen in the process's own
 * memory, with no system call.  KCMAP_O_NO_WINDOW, or KCMAP_NO_WINDOW in the
 * environment, makes every read a system call.
 */
#define KCMAP_O_NO_WINDOW	0x40000000
#define KCMAP_O_ANY_OWNER	0x20000000
#define KCMAP_O_ANY_OPTIONS	0x10000000

struct kcmap *kcmap_open(const char *name, int oflag,
			 const struct kcmap_options *options);

/* Whether the kcmap_open() of this handle created the map. */
bool kcmap_created(const struct kcmap *map);

/* The bits that kcmap_options_differ() returns. */
#define KCMAP_DIFFER_FLAGS		(1 << 0)
#define KCMAP_DIFFER_KEY_MAX		(1 << 1)
#define KCMAP_DIFFER_VALUE_MAX		(1 << 2)
#define KCMAP_DIFFER_SHARDS		(1 << 3)
#define KCMAP_DIFFER_MAX_ENTRIES	(1 << 4)
#define KCMAP_DIFFER_MAX_BYTES		(1 << 5)
#define KCMAP_DIFFER_FEED_BYTES		(1 << 6)
#define KCMAP_DIFFER_FEED_VALUE_MAX	(1 << 7)
#define KCMAP_DIFFER_DEFAULT_TTL	(1 << 8)
#define KCMAP_DIFFER_DESCRIPTION	(1 << 9)

/*
 * Returns which options the map does not meet; 0 if it meets all.  Each flag
 * that is given must be set in the map, and each other member that is not 0
 * must be equal.  The mode is not compared.
 */
int kcmap_options_differ(struct kcmap *map,
			 const struct kcmap_options *options);

/*
 * Use a descriptor that is bound to a map already, because it was inherited or
 * received by SCM_RIGHTS.  On success the handle owns it.
 */
struct kcmap *kcmap_from_fd(int fd);

/* The descriptor, for passing it on.  It still belongs to the handle. */
int kcmap_fd(const struct kcmap *map);

/* Close the handle and its descriptor.  @map may be NULL. */
void kcmap_close(struct kcmap *map);

/* Remove the name.  The map exists until nobody has it open any more. */
int kcmap_unlink(const char *name);

/* Give the map another name.  A name that is taken is not replaced (EEXIST). */
int kcmap_rename(struct kcmap *map, const char *name);

/*
 * Give the map a name that another map has, in one step: whoever opens the name
 * meanwhile gets one of both, and never ENOENT.  After kcmap_publish() the other
 * map has no name; if there is none, this is kcmap_rename().  After
 * kcmap_exchange() it has the name that the map had.  The caller must own both
 * (EPERM).
 */
int kcmap_publish(struct kcmap *map, const char *name);
int kcmap_exchange(struct kcmap *map, const char *name);

/*
 * Whether the map was renamed, or lost its name, since it was opened: 1 or 0, or
 * -1 with errno set.  Then what has the name may be another map.
 */
int kcmap_name_changed(const struct kcmap *map);

/*
 * Have the handle refer to the map that has @name now, with the access that it
 * had.  Returns 1 if that is another map, 0 if it is the same one, and -1 with
 * errno set and the handle as it was.
 *
 * No other thread may use the handle meanwhile.  Free its ranges, batches, feeds
 * and mirrors before; a watch stays one of the old map.
 */
int kcmap_reopen(struct kcmap *map, const char *name);

/*
 * Set the map's mode, or its owner and group, by the rules that files have.  An
 * owner or group of -1 is left as it is.  Handles that are open stay open.
 */
int kcmap_chmod(struct kcmap *map, mode_t mode);
int kcmap_chown(struct kcmap *map, uid_t uid, gid_t gid);

/* ---- one key ---- */

/*
 * Copy the value into @buf and return its length.  EMSGSIZE means that the
 * buffer is too short.  A @buf of NULL with @size 0 asks for the length alone.
 * On failure the contents of @buf are undefined.  @buf must not overlap @key.
 * If the map has a window, a bad pointer causes SIGSEGV, not EFAULT.
 */
ssize_t kcmap_get(struct kcmap *map, const void *key, size_t key_len,
		  void *buf, size_t size, uint64_t *version);

/* Like kcmap_get(), into memory from malloc(); the length goes to *len. */
void *kcmap_get_dup(struct kcmap *map, const void *key, size_t key_len,
		    size_t *len, uint64_t *version);

/*
 * Call @fn with the value in place, without a copy.  Others may change the map
 * meanwhile, so @fn may see a mix of two values, and the value may change while
 * @fn reads it.  @fn must read nothing beyond @len bytes.  It is called again
 * until one call has seen the whole value unchanged; then kcmap_visit() returns
 * 0.  Use only what the last call found.
 */
int kcmap_visit(struct kcmap *map, const void *key, size_t key_len,
		void (*fn)(const void *value, size_t len, void *arg),
		void *arg, uint64_t *version);

/* One key of kcmap_get_many().  Zero it, then fill in what is above @error. */
struct kcmap_lookup {
	const void *key;
	size_t key_len;
	void *buf;
	size_t size;
	int error;		/* 0 or an errno, as from kcmap_get() */
	size_t len;		/* of the value, also with EMSGSIZE, else 0 */
	uint64_t version;	/* 0 unless found */
	uint64_t deadline;	/* 0 unless found, or if it has none */
};

/*
 * Get many keys, each like kcmap_get(), with their cache misses overlapping.
 * The keys are read in no particular order, each at some moment during the
 * call.  A lookup with a buf of NULL gets the length and EMSGSIZE.  No buf may
 * overlap a key or another buf.  Returns how many keys were found.
 */
ssize_t kcmap_get_many(struct kcmap *map, struct kcmap_lookup *lookups,
		       size_t n);

int kcmap_set(struct kcmap *map, const void *key, size_t key_len,
	      const void *value, size_t len, uint64_t *version);

/* Set only if the key is absent (EEXIST), or only if it is present (ENOENT). */
int kcmap_insert(struct kcmap *map, const void *key, size_t key_len,
		 const void *value, size_t len, uint64_t *version);
int kcmap_replace(struct kcmap *map, const void *key, size_t key_len,
		  const void *value, size_t len, uint64_t *version);

/* Set, or delete, only if the entry's version is @expected (ESTALE). */
int kcmap_set_version(struct kcmap *map, const void *key, size_t key_len,
		      const void *value, size_t len, uint64_t expected,
		      uint64_t *version);

int kcmap_delete(struct kcmap *map, const void *key, size_t key_len,
		 uint64_t *version);
int kcmap_delete_version(struct kcmap *map, const void *key, size_t key_len,
			 uint64_t expected, uint64_t *version);

/* Get and delete in one step.  Returns the length, like kcmap_get(). */
ssize_t kcmap_take(struct kcmap *map, const void *key, size_t key_len,
		   void *buf, size_t size, uint64_t *version);

/*
 * Set, and get the old value. *old_len is the size of @old before the call, and
 * the length of the old value after it.  Returns 1 if there was a value, 0 if
 * there was none.
 */
int kcmap_swap(struct kcmap *map, const void *key, size_t key_len,
	       const void *value, size_t len, void *old, size_t *old_len,
	       uint64_t *version);

/* Get the value if there is one (returns 1), else set @value (returns 0). */
int kcmap_get_or_set(struct kcmap *map, const void *key, size_t key_len,
		     const void *value, size_t len, void *old, size_t *old_len,
		     uint64_t *version);

/* Set, or delete, only if the value equals @expected (ESTALE, ENOENT). */
int kcmap_compare_swap(struct kcmap *map, const void *key, size_t key_len,
		       const void *expected, size_t expected_len,
		       const void *value, size_t len, uint64_t *version);
int kcmap_compare_delete(struct kcmap *map, const void *key, size_t key_len,
			 const void *expected, size_t expected_len,
			 uint64_t *version);

/*
 * Add @delta to the signed 64-bit value.  An absent entry counts as @start.
 * *sum receives the new value, unless @sum is NULL.
 */
int kcmap_add(struct kcmap *map, const void *key, size_t key_len,
	      int64_t delta, int64_t start, int64_t *sum, uint64_t *version);

/*
 * Give an entry another deadline, @ttl nanoseconds from now.  Its value stays,
 * its version is new.
 */
int kcmap_touch(struct kcmap *map, const void *key, size_t key_len,
		uint64_t ttl, uint64_t *version);

/* Find out when an entry expires; 0 if it does not. */
int kcmap_get_deadline(struct kcmap *map, const void *key, size_t key_len,
		       uint64_t *deadline, uint64_t *version);

/* ---- writes with options ---- */

/* kcmap_command.flags: which of its members count.  The others must be 0. */
#define KCMAP_WRITE_VERSION	  (1U << 2)	/* @expected_version */
#define KCMAP_WRITE_TTL		  (1U << 3)	/* @ttl */
#define KCMAP_WRITE_DEADLINE	  (1U << 4)	/* @deadline */
#define KCMAP_WRITE_KEEP_DEADLINE (1U << 5)	/* an entry keeps its deadline */
#define KCMAP_WRITE_CEILING	  (1U << 6)	/* @ceiling */
/* These have no member: when the entry ends. */
#define KCMAP_WRITE_OWNED	  (1U << 7)	/* with the last descriptor */
#define KCMAP_WRITE_OWNED_BY_PROCESS (1U << 8)	/* with the caller's process */

/*
 * A write with everything that one can have.  Zero it, set sz to sizeof(struct
 * kcmap_command), and fill in what the operation needs.
 *
 * With KEEP_DEADLINE, @ttl or @deadline counts only if the key is absent.
 * Without any flag for a deadline, add keeps the one that the entry has.  All
 * other operations, and add where the key is absent, give the entry the map's
 * default, and without that no deadline.
 *
 * An entry that was written with OWNED goes when the descriptor of this handle is
 * closed, and all that fork(), dup() and the like have made of it.  With
 * OWNED_BY_PROCESS it goes when this process has closed them, or ends.  A write
 * with neither leaves an entry that stays, whoever makes it.
 */
struct kcmap_command {
	size_t sz;
	int operation;		/* KCMAP_OP_SET, ... */
	uint32_t flags;		/* KCMAP_WRITE_* */
	const void *key;
	size_t key_len;
	const void *value;	/* set and the like: the new value */
	size_t value_len;
	const void *expected;	/* compare_swap, compare_delete */
	size_t expected_len;
	void *old;		/* swap, get_or_set, take: buffer for a value */
	size_t old_size;
	int64_t delta;		/* add */
	int64_t start;		/* add: what an absent entry counts as */
	int64_t ceiling;	/* add: a sum above this is refused (ERANGE) */
	uint64_t ttl;		/* nanoseconds from now, not 0 */
	uint64_t deadline;	/* 0: none */
	uint64_t expected_version;	/* set, delete, touch */
};

/*
 * What a command has done.  With EMSGSIZE, @value_len is set, too.  With EEXIST
 * and ESTALE, @version and @deadline are those of the entry that is there; with
 * ERANGE, @number and @deadline are.
 */
struct kcmap_result {
	int error;		/* 0 or an errno */
	bool existed;		/* swap, get_or_set, take: there was a value */
	size_t value_len;	/* get, take, swap, get_or_set: its length */
	int64_t number;		/* add: the sum; clear, count: how many */
	uint64_t version;
	uint64_t deadline;	/* of the entry, or of the one taken; 0: none */
	uint64_t __reserved[3];	/* 0 */
};

/*
 * Carry out a write: set, insert, replace, delete, take, swap, compare_swap,
 * compare_delete, get_or_set, add or touch.  @result may be NULL.
 */
int kcmap_write(struct kcmap *map, const struct kcmap_command *command,
		struct kcmap_result *result);

/* ---- the whole map ---- */

/* Remove every entry that is there throughout the call.  Returns how many. */
int64_t kcmap_clear(struct kcmap *map);

/* How many entries there are. */
int64_t kcmap_count(struct kcmap *map);

#define KCMAP_LATENESS_BUCKETS	16	/* the last one has all later ones, too */

/*
 * Properties and contents of a map.  First set sz to sizeof(struct kcmap_info).
 */
struct kcmap_info {
	size_t sz;
	uint64_t id;
	uint32_t flags;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t key_max;
	uint32_t value_max;
	uint32_t shards;
	uint32_t longest_chain;
	uint64_t max_entries;
	uint64_t max_bytes;
	uint64_t entries;
	uint64_t bytes;
	uint64_t table_bytes;
	uint64_t buckets;
	uint64_t grows;
	uint64_t shrinks;
	uint64_t allocs;
	uint64_t reuses;
	uint64_t retries;
	uint32_t feed_bytes;
	uint32_t feed_value_max;
	uint32_t watches;
	uint32_t __reserved;
	uint64_t default_ttl;
	uint64_t deadlines;	/* entries that have a deadline */
	uint64_t expired;	/* entries that have expired and are removed */
	/* of these: [0] less than 1 ms late, [i] less than 2^i ms */
	uint64_t lateness[KCMAP_LATENESS_BUCKETS];
	char description[64];	/* of the creator; ends with a NUL */
	uint64_t owners;	/* descriptors and processes that own entries */
	uint64_t owned;		/* entries that are owned */
	uint64_t orphaned;	/* entries that were removed with their owner */
};

int kcmap_stat(struct kcmap *map, struct kcmap_info *info);

/*
 * Counters of the reads through this handle's window.  Set sz to sizeof(struct
 * kcmap_window_info) first.  ENODEV means that the handle reads by system
 * calls.  EPROTONOSUPPORT means the same, because the module's windows have
 * another format than this library knows.
 */
struct kcmap_window_info {
	size_t sz;
	uint64_t retries;	/* reads that a writer forced to start over */
	uint64_t calls;		/* reads that fell back to a system call */
	uint64_t maps;		/* parts of the window mapped */
};

int kcmap_window_stat(struct kcmap *map, struct kcmap_window_info *info);

/* ---- range ---- */

/*
 * A position in a range; all zero is the start.  Valid in any process, any
 * time.
 */
struct kcmap_cursor {
	uint64_t position;
	uint64_t tie;
};

/* One entry.  The pointers are valid until the next call on the range. */
struct kcmap_item {
	const void *key;
	size_t key_len;
	const void *value;	/* NULL if only keys were asked for */
	size_t value_len;
	uint64_t version;
	uint64_t deadline;	/* 0: none */
	uint64_t __reserved[2];	/* 0 */
};

#define KCMAP_RANGE_KEYS	(1U << 0)	/* kcmap_range_new() */

/*
 * Range over a map from @from, or from the start if that is NULL.  An entry
 * that is in the map throughout comes exactly once.  No entry comes twice.
 */
struct kcmap_range *kcmap_range_new(struct kcmap *map, unsigned int flags,
				    const struct kcmap_cursor *from);

/* Returns 1 with *item filled in, 0 at the end, -1 on error. */
int kcmap_range_next(struct kcmap_range *range, struct kcmap_item *item);

/*
 * Return only entries whose keys begin with @prefix.  Call it before the first
 * kcmap_range_next().
 */
int kcmap_range_prefix(struct kcmap_range *range, const void *prefix,
		       size_t len);

/* The position after the item that was returned last. */
int kcmap_range_cursor(struct kcmap_range *range, struct kcmap_cursor *cursor);

void kcmap_range_free(struct kcmap_range *range);

/* ---- changes ---- */

/*
 * A map that was created with feed_bytes has a feed: it keeps its latest
 * changes, in the order in which each key's were made.  A reader that comes too
 * late for some is told exactly which ones it has missed.
 */

/* What a change was.  Others may be added; ignore those that you do not know. */
enum kcmap_cause {
	KCMAP_CAUSE_SET = 1,		/* the entry was added or replaced */
	KCMAP_CAUSE_DELETE = 2,		/* the entry was deleted */
	KCMAP_CAUSE_CLEAR = 3,		/* kcmap_clear() deleted it */
	KCMAP_CAUSE_EXPIRE = 4,		/* it has expired and was removed */
	KCMAP_CAUSE_OWNER = 6,		/* its owner has ended, it was removed */
	KCMAP_CAUSE_NAME = 8,		/* watch: see kcmap_name_changed() */
	KCMAP_CAUSE_LOST = 255,		/* changes that cannot be read any more */
};

/* One change.  The pointers are valid until the next call on its reader. */
struct kcmap_change {
	int cause;		/* enum kcmap_cause */
	const void *key;	/* NULL with LOST and NAME */
	size_t key_len;
	const void *value;	/* SET: NULL if the feed does not have it */
	size_t value_len;	/* SET: also if the feed does not have it */
	uint64_t version;	/* of the change; LOST: of the last one; NAME: 0 */
	uint64_t first;		/* LOST: version of the first one */
	uint64_t lost;		/* LOST: how many changes */
	uint64_t deadline;	/* SET: when the entry expires; 0: never */
	uint64_t __reserved[1];	/* 0 */
};

/* kcmap_filter.kind */
#define KCMAP_FILTER_ALL	0	/* all changes; so does no filter */
#define KCMAP_FILTER_PREFIX	1	/* of keys that begin with keys[0] */
#define KCMAP_FILTER_KEYS	2	/* of these keys, up to 128 */

struct kcmap_key {
	const void *key;
	size_t key_len;
};

struct kcmap_filter {
	unsigned int kind;
	unsigned int count;	/* of keys */
	const struct kcmap_key *keys;
};

/*
 * A watch waits for changes.  It is a descriptor of its own, which keeps the
 * map alive only while others use it, too.  So it can outlive the handle.
 *
 * It begins at @cursor, from kcmap_watch_cursor() or kcmap_feed_cursor() of any
 * process, or with what changes from now on if that is NULL.  @filter may be
 * NULL.
 */
struct kcmap_watch *kcmap_watch_open(struct kcmap *map,
				     const struct kcmap_filter *filter,
				     const void *cursor, size_t cursor_len);

/*
 * Use the descriptor of a watch that was inherited or received by SCM_RIGHTS.
 * On success the watch owns it.  All who have the descriptor share its place in
 * the feed.
 */
struct kcmap_watch *kcmap_watch_from_fd(int fd);

/*
 * Wait for the next change, for up to @timeout milliseconds (-1: for ever).
 * Returns 1 with *change filled in, 0 when the map is gone, else -1: ETIMEDOUT,
 * or EINTR after any signal.
 */
int kcmap_watch_next(struct kcmap_watch *watch, struct kcmap_change *change,
		     int timeout);

/*
 * The descriptor, for poll(), and for passing it on.  It is readable when
 * something has changed since kcmap_watch_next() has last failed with ETIMEDOUT.
 */
int kcmap_watch_fd(const struct kcmap_watch *watch);

/*
 * Where the watch is: after the change that was returned last.  Returns the
 * length of the cursor.  A @cursor of NULL with @size 0 asks for that alone.
 */
ssize_t kcmap_watch_cursor(struct kcmap_watch *watch, void *cursor,
			   size_t size);

void kcmap_watch_close(struct kcmap_watch *watch);

/*
 * A feed reads changes and never waits.  If the map has a window, the feed
 * reads through it, with no system call.  It belongs to the handle and must be
 * closed first.
 */
struct kcmap_feed *kcmap_feed_open(struct kcmap *map,
				   const struct kcmap_filter *filter,
				   const void *cursor, size_t cursor_len);

/* Returns 1 with *change filled in, 0 if there is none now, -1 on error. */
int kcmap_feed_next(struct kcmap_feed *feed, struct kcmap_change *change);

/* Like kcmap_watch_cursor(). */
ssize_t kcmap_feed_cursor(struct kcmap_feed *feed, void *cursor, size_t size);

void kcmap_feed_close(struct kcmap_feed *feed);

/*
 * What a mirror does with the caller's table.  Set sz to sizeof(struct
 * kcmap_mirror_calls) and the rest to 0 first.
 */
struct kcmap_mirror_calls {
	size_t sz;
	/* The key has this value.  If this fails (not 0), it comes again. */
	int (*set)(const struct kcmap_item *item, void *arg);
	/* The key is absent. */
	void (*remove)(const void *key, size_t key_len, void *arg);
};

/*
 * Keep a table equal to the entries of a map that meet the filter: those that
 * are there, then each change.  Changes that came too fast are made up for.
 * The mirror keeps the keys, but no values.
 */
struct kcmap_mirror *kcmap_mirror_new(struct kcmap *map,
				      const struct kcmap_filter *filter,
				      const struct kcmap_mirror_calls *calls,
				      void *arg);

/*
 * Bring the table up to date: each entry is then as new as all writes made it
 * that had ended when the call began, or newer.  If there is nothing to do,
 * wait for up to @timeout milliseconds (-1: for ever).  Returns how many times
 * it called a function of the caller's; -1 on error, and the next update then
 * makes up for what this one has left out.
 */
int64_t kcmap_mirror_update(struct kcmap_mirror *mirror, int timeout);

/* What has happened.  Set sz to sizeof(struct kcmap_mirror_info) first. */
struct kcmap_mirror_info {
	size_t sz;
	uint64_t entries;	/* in the table */
	uint64_t changes;	/* read from the feed */
	uint64_t lost;		/* changes that came too fast */
	uint64_t ranges;	/* over the map, or over shards, to make up for them */
	uint64_t read;		/* entries that the ranges found */
};

int kcmap_mirror_stat(const struct kcmap_mirror *mirror,
		      struct kcmap_mirror_info *info);

/* The descriptor, for poll(): readable when there is something to do. */
int kcmap_mirror_fd(const struct kcmap_mirror *mirror);

void kcmap_mirror_free(struct kcmap_mirror *mirror);

/* ---- waiting for keys ---- */

#define KCMAP_WAIT_MAX	128	/* keys of kcmap_wait_any() */

/*
 * Wait until the key has another version than *version, for up to @timeout
 * milliseconds (-1: for ever; 0: only look), and set *version to the version
 * that it has then.  Returns 0, else -1: ETIMEDOUT, or EINTR after a signal
 * whose handler was installed without SA_RESTART.
 *
 * It returns for every change since *version, also for one before the call and
 * for one that was undone.  Begin with 0, and pass *version on from one wait to
 * the next; a get that finds the key may set it in between, and one that fails
 * leaves it alone.  An absent key has a version, too.  Of such a key it may
 * return without a change, so look: this reads each value of a key.
 *
 *	uint64_t version = 0;
 *
 *	while (!kcmap_wait(map, key, len, &version, -1))
 *		use(kcmap_get(map, key, len, buf, size, &version));
 */
int kcmap_wait(struct kcmap *map, const void *key, size_t key_len,
	       uint64_t *version, int timeout);

/* One key of kcmap_wait_any().  Zero it, then fill in what is above @changed. */
struct kcmap_waited {
	const void *key;
	size_t key_len;
	uint64_t version;	/* that is known; then the one that it has */
	bool changed;
	uint64_t __reserved[1];	/* 0 */
};

/*
 * The same for up to KCMAP_WAIT_MAX keys: wait until at least one has changed.
 * Returns how many of them have; these have @changed set.
 */
int kcmap_wait_any(struct kcmap *map, struct kcmap_waited *keys, size_t n,
		   int timeout);

/* ---- batch ---- */

/*
 * Gather commands, send them in one call, and read the results by the index
 * that each adding call returned.  Keys, values and buffers must stay valid and
 * in place until kcmap_batch_submit() returns.  A batch can be used again after
 * kcmap_batch_reset().  One thread at a time.
 */
struct kcmap_batch *kcmap_batch_new(unsigned int capacity);
void kcmap_batch_free(struct kcmap_batch *batch);
void kcmap_batch_reset(struct kcmap_batch *batch);

int kcmap_batch_get(struct kcmap_batch *batch, const void *key, size_t key_len,
		    void *buf, size_t size);
int kcmap_batch_set(struct kcmap_batch *batch, const void *key, size_t key_len,
		    const void *value, size_t len);
int kcmap_batch_insert(struct kcmap_batch *batch, const void *key,
		       size_t key_len, const void *value, size_t len);
int kcmap_batch_replace(struct kcmap_batch *batch, const void *key,
			size_t key_len, const void *value, size_t len);
int kcmap_batch_set_version(struct kcmap_batch *batch, const void *key,
			    size_t key_len, const void *value, size_t len,
			    uint64_t expected);
int kcmap_batch_delete(struct kcmap_batch *batch, const void *key,
		       size_t key_len);
int kcmap_batch_delete_version(struct kcmap_batch *batch, const void *key,
			       size_t key_len, uint64_t expected);
int kcmap_batch_take(struct kcmap_batch *batch, const void *key, size_t key_len,
		     void *buf, size_t size);
int kcmap_batch_swap(struct kcmap_batch *batch, const void *key, size_t key_len,
		     const void *value, size_t len, void *old, size_t old_size);
int kcmap_batch_get_or_set(struct kcmap_batch *batch, const void *key,
			   size_t key_len, const void *value, size_t len,
			   void *old, size_t old_size);
int kcmap_batch_compare_swap(struct kcmap_batch *batch, const void *key,
			     size_t key_len, const void *expected,
			     size_t expected_len, const void *value,
			     size_t len);
int kcmap_batch_compare_delete(struct kcmap_batch *batch, const void *key,
			       size_t key_len, const void *expected,
			       size_t expected_len);
int kcmap_batch_add(struct kcmap_batch *batch, const void *key, size_t key_len,
		    int64_t delta, int64_t start);
int kcmap_batch_touch(struct kcmap_batch *batch, const void *key,
		      size_t key_len, uint64_t ttl);
int kcmap_batch_write(struct kcmap_batch *batch,
		      const struct kcmap_command *command);
int kcmap_batch_clear(struct kcmap_batch *batch);
int kcmap_batch_count(struct kcmap_batch *batch);

/*
 * Carry out the gathered commands in order.  Returns how many were carried out.
 * That is fewer than gathered only after a signal or a bad address.
 */
int kcmap_batch_submit(struct kcmap_batch *batch, struct kcmap *map);

/* The result of one command. */
int kcmap_batch_result(const struct kcmap_batch *batch, unsigned int index,
		       struct kcmap_result *result);

/* ---- names ---- */

struct kcmap_name_info {
	const char *name;
	uint64_t id;
	uint64_t entries;
	uint64_t bytes;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t flags;		/* KCMAP_FIXED_KEY, ... */
	uint64_t max_entries;	/* 0 for no limit */
	uint64_t max_bytes;
};

/*
 * Call @fn for every named map until it returns a value other than 0, and
 * return that value.  Returns 0 at the end, and -1 with errno set on error.
 */
int kcmap_list(int (*fn)(const struct kcmap_name_info *info, void *arg),
	       void *arg);

/* ---- limits ---- */

/*
 * What the caller's maps use and may use, and the same for all maps together.
 * Set sz to sizeof(struct kcmap_usage) first.  A limit of 0 means no limit.
 */
struct kcmap_usage {
	size_t sz;
	uid_t uid;		/* the user charged for the caller's maps */
	uint32_t maps;		/* charged to that user */
	uint32_t max_maps;
	uint32_t all_maps;
	uint32_t all_max_maps;	/* at this many, the caller can create none */
	uint64_t bytes;
	uint64_t max_bytes;
	uint64_t all_bytes;
	uint64_t all_max_bytes;
	uint32_t watches;	/* of that user */
	uint32_t max_watches;
	uint32_t all_watches;
	uint32_t all_max_watches;
	uint32_t owners;	/* of entries, see kcmap_write(), of that user */
	uint32_t max_owners;
	uint32_t all_owners;
	uint32_t all_max_owners;
};

int kcmap_limits(struct kcmap_usage *usage);

/* ---- errors ---- */

/*
 * The operation that failed, for kcmap_strerror(); the names are those of the
 * calls.  New ones are appended, and no number is ever used again.
 */
enum kcmap_operation {
	KCMAP_OP_ANY = 0,		/* not known, or none of these */
	KCMAP_OP_OPEN = 1,		/* also kcmap_from_fd(), kcmap_reopen() */
	KCMAP_OP_UNLINK = 2,
	KCMAP_OP_LIST = 3,
	KCMAP_OP_LIMITS = 4,
	KCMAP_OP_RENAME = 5,		/* also kcmap_publish(), kcmap_exchange() */
	KCMAP_OP_CHMOD = 6,
	KCMAP_OP_CHOWN = 7,
	KCMAP_OP_STAT = 8,		/* also kcmap_name_changed() */
	KCMAP_OP_GET = 9,		/* also _get_many(), _get_deadline(), _visit() */
	KCMAP_OP_SET = 10,		/* also kcmap_set_version() */
	KCMAP_OP_INSERT = 11,
	KCMAP_OP_REPLACE = 12,
	KCMAP_OP_DELETE = 13,		/* also kcmap_delete_version() */
	KCMAP_OP_TAKE = 14,
	KCMAP_OP_SWAP = 15,
	KCMAP_OP_COMPARE_SWAP = 16,
	KCMAP_OP_COMPARE_DELETE = 17,
	KCMAP_OP_GET_OR_SET = 18,
	KCMAP_OP_ADD = 19,
	KCMAP_OP_CLEAR = 20,
	KCMAP_OP_COUNT = 21,
	KCMAP_OP_RANGE = 22,
	KCMAP_OP_BATCH = 23,
	KCMAP_OP_WATCH = 24,		/* also kcmap_watch_from_fd() */
	KCMAP_OP_FEED = 25,
	KCMAP_OP_MIRROR = 26,
	KCMAP_OP_WAIT = 27,		/* also kcmap_wait_any() */
	KCMAP_OP_TOUCH = 28,
};

/* No text of kcmap_strerror() is longer. */
#define KCMAP_STRERROR_MAX	256

/*
 * Explain what @error, an errno, means to cmap: "key longer than the map's
 * key_max (512)" where strerror() says "Argument list too long".  If @map is
 * not NULL, the text includes that map's limits.  An errno that no call on a
 * map gives is described as strerror() does in the C locale.
 *
 * The text is written to @buf, cut off to @size bytes including its NUL, and
 * @buf is returned. errno does not change.  Safe in any thread and any signal
 * handler.
 */
const char *kcmap_strerror(int error, enum kcmap_operation operation,
			   const struct kcmap *map, char *buf, size_t size);

/* The library's version, "MAJOR.MINOR". */
const char *kcmap_version(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBKCMAP_KCMAP_H */
