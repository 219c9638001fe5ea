/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkcmap - key/value maps shared by processes and the kernel.
 *
 * Every call on a map is safe from any thread; a batch or a range is for
 * one thread at a time.  Calls that return int, ssize_t or int64_t return -1
 * and set errno on failure, having changed nothing; the errors are those of
 * cmap(4), the manual page of each call lists its own.
 *
 * Where a call takes "uint64_t *version", NULL means "not interested".
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
struct kcmap_range;		/* a range over a map */
struct kcmap_batch;		/* commands gathered for one call */

/* ---- making, opening and removing maps ---- */

/* kcmap_options.flags */
#define KCMAP_FIXED_KEY		(1U << 0)	/* keys have key_max bytes */
#define KCMAP_FIXED_VALUE	(1U << 1)	/* values have value_max bytes */
#define KCMAP_NO_WINDOW		(1U << 2)	/* reads take system calls */
#define KCMAP_WIPE		(1U << 3)	/* deleted bytes are overwritten */

/*
 * What a new map shall be.  Zero it, set sz to sizeof(struct kcmap_options),
 * and fill in what matters: 0 stands for the default everywhere else.
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
};

/*
 * Open the map called @name as open(2) would: @oflag is O_RDONLY, O_WRONLY or
 * O_RDWR, or O_ACCMODE for a handle that can neither read nor write, which the
 * map's owner gets whatever the mode, for kcmap_stat(), kcmap_rename(),
 * kcmap_chmod() and kcmap_chown(); and any of O_CREAT (with the options of the
 * map to make, or NULL for the defaults), O_EXCL and O_CLOEXEC (always implied).
 * A @name of NULL makes an anonymous map and needs O_CREAT.
 *
 * With O_CREAT a map that exists must belong to the caller or to root (EACCES),
 * unless KCMAP_O_ANY_OWNER is given: somebody else may have been faster.  It
 * must be what the options ask for (EEXIST), unless KCMAP_O_ANY_OPTIONS is
 * given: kcmap_options_differ() says in what it is not.
 *
 * Reads go through the map's window, in the process's own memory, with no
 * system call, if the map has one.  KCMAP_O_NO_WINDOW, or KCMAP_NO_WINDOW in
 * the environment, has the kernel asked for everything.
 */
#define KCMAP_O_NO_WINDOW	0x40000000
#define KCMAP_O_ANY_OWNER	0x20000000
#define KCMAP_O_ANY_OPTIONS	0x10000000

struct kcmap *kcmap_open(const char *name, int oflag,
			 const struct kcmap_options *options);

/* Whether it was this handle's kcmap_open() that made the map. */
bool kcmap_created(const struct kcmap *map);

/* What kcmap_options_differ() returns, together. */
#define KCMAP_DIFFER_FLAGS		(1 << 0)
#define KCMAP_DIFFER_KEY_MAX		(1 << 1)
#define KCMAP_DIFFER_VALUE_MAX		(1 << 2)
#define KCMAP_DIFFER_SHARDS		(1 << 3)
#define KCMAP_DIFFER_MAX_ENTRIES	(1 << 4)
#define KCMAP_DIFFER_MAX_BYTES		(1 << 5)

/*
 * Returns which options the map does not meet; 0 if it meets all.  Each flag
 * that is given must be the map's, and each other member that is not 0, but the
 * mode.
 */
int kcmap_options_differ(struct kcmap *map,
			 const struct kcmap_options *options);

/*
 * Use a descriptor that is bound to a map already: inherited, or received by
 * SCM_RIGHTS.  On success the handle owns it.
 */
struct kcmap *kcmap_from_fd(int fd);

/* The descriptor, for passing it on.  It stays the handle's. */
int kcmap_fd(const struct kcmap *map);

/* Close the handle and its descriptor; NULL is fine. */
void kcmap_close(struct kcmap *map);

/* Remove the name; the map lives on until nobody has it open. */
int kcmap_unlink(const char *name);

/* Give the map another name; one that exists is not replaced (EEXIST). */
int kcmap_rename(struct kcmap *map, const char *name);

/*
 * Set the map's mode, or its owner and group, -1 standing for the one it has,
 * by the rules that files have.  What is open stays open.
 */
int kcmap_chmod(struct kcmap *map, mode_t mode);
int kcmap_chown(struct kcmap *map, uid_t uid, gid_t gid);

/* ---- one key ---- */

/*
 * Copy the value into @buf and return its length.  With EMSGSIZE the buffer
 * was too short; a @buf of NULL with @size 0 asks for the length alone.  On
 * failure what is in @buf is undefined.  @buf must not overlap @key.  Where the
 * map has a window a bad pointer is SIGSEGV, not EFAULT.
 */
ssize_t kcmap_get(struct kcmap *map, const void *key, size_t key_len,
		  void *buf, size_t size, uint64_t *version);

/* The same into memory of the right size from malloc(), with *len set. */
void *kcmap_get_dup(struct kcmap *map, const void *key, size_t key_len,
		    size_t *len, uint64_t *version);

/*
 * Call @fn with the value where it is.  Others may change the map meanwhile,
 * and then what @fn sees may be a mix, or change under its eyes: it must read
 * nothing beyond @len bytes, and keep only what its last call found.  It is
 * called again until it has seen the value whole, then this returns 0.
 */
int kcmap_visit(struct kcmap *map, const void *key, size_t key_len,
		void (*fn)(const void *value, size_t len, void *arg),
		void *arg, uint64_t *version);

/* One of many keys to get: zero it, and fill in what stands above @error. */
struct kcmap_lookup {
	const void *key;
	size_t key_len;
	void *buf;
	size_t size;
	int error;		/* 0 or an errno, as from kcmap_get() */
	size_t len;		/* of the value, also with EMSGSIZE, else 0 */
	uint64_t version;	/* 0 unless found */
	uint64_t __reserved[1];	/* 0 */
};

/*
 * Get many keys, each as by kcmap_get(), with their cache misses overlapping:
 * in no particular order, each at some moment during the call.  A buf of NULL
 * has room for nothing, so what asks for the length alone gets EMSGSIZE.  No
 * buf may overlap a key or another buf.  Returns how many were found.
 */
ssize_t kcmap_get_many(struct kcmap *map, struct kcmap_lookup *lookups,
		       size_t n);

int kcmap_set(struct kcmap *map, const void *key, size_t key_len,
	      const void *value, size_t len, uint64_t *version);

/* Only if the key is absent (EEXIST), or present (ENOENT). */
int kcmap_insert(struct kcmap *map, const void *key, size_t key_len,
		 const void *value, size_t len, uint64_t *version);
int kcmap_replace(struct kcmap *map, const void *key, size_t key_len,
		  const void *value, size_t len, uint64_t *version);

/* Only if the entry's version is @expected (ESTALE). */
int kcmap_set_version(struct kcmap *map, const void *key, size_t key_len,
		      const void *value, size_t len, uint64_t expected,
		      uint64_t *version);

int kcmap_delete(struct kcmap *map, const void *key, size_t key_len,
		 uint64_t *version);
int kcmap_delete_version(struct kcmap *map, const void *key, size_t key_len,
			 uint64_t expected, uint64_t *version);

/* Get and delete in one step; returns the length, as kcmap_get(). */
ssize_t kcmap_take(struct kcmap *map, const void *key, size_t key_len,
		   void *buf, size_t size, uint64_t *version);

/*
 * Set, and get what was there.  *old_len is the room at @old going in, the
 * length of the old value coming out.  Returns 1 if there was a value, 0 if
 * there was none.
 */
int kcmap_swap(struct kcmap *map, const void *key, size_t key_len,
	       const void *value, size_t len, void *old, size_t *old_len,
	       uint64_t *version);

/* Get what is there (returns 1), or else set @value (returns 0). */
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
 * Add @delta to the signed 64-bit value; an absent entry counts as @start.
 * *sum, if @sum is not NULL, is the value it has now.
 */
int kcmap_add(struct kcmap *map, const void *key, size_t key_len,
	      int64_t delta, int64_t start, int64_t *sum, uint64_t *version);

/* ---- the whole map ---- */

/* Remove every entry that is there throughout; returns how many. */
int64_t kcmap_clear(struct kcmap *map);

/* How many entries there are. */
int64_t kcmap_count(struct kcmap *map);

/* What a map is and holds.  Set sz to sizeof(struct kcmap_info) first. */
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
};

int kcmap_stat(struct kcmap *map, struct kcmap_info *info);

/*
 * How reading through the window went since the map was opened here.  Set sz
 * to sizeof(struct kcmap_window_info) first.  ENODEV: the map is read by system
 * calls.
 */
struct kcmap_window_info {
	size_t sz;
	uint64_t retries;	/* reads begun anew because of a writer */
	uint64_t calls;		/* reads that asked the kernel after all */
	uint64_t maps;		/* parts of the window mapped */
};

int kcmap_window_stat(struct kcmap *map, struct kcmap_window_info *info);

/* ---- range ---- */

/* Where a range is; all zero is the start.  Good in any process, any time. */
struct kcmap_cursor {
	uint64_t position;
	uint64_t tie;
};

/* One entry; the pointers are good until the next call on the range. */
struct kcmap_item {
	const void *key;
	size_t key_len;
	const void *value;	/* NULL when only keys are asked for */
	size_t value_len;
	uint64_t version;
	uint64_t __reserved[3];	/* 0 */
};

#define KCMAP_RANGE_KEYS	(1U << 0)	/* kcmap_range_new() */

/*
 * Range over a map from @from, or from the start if that is NULL.  Every
 * entry that is there throughout comes exactly once, none comes twice.
 */
struct kcmap_range *kcmap_range_new(struct kcmap *map, unsigned int flags,
				    const struct kcmap_cursor *from);

/* Returns 1 with *item filled in, 0 at the end, -1 on error. */
int kcmap_range_next(struct kcmap_range *range, struct kcmap_item *item);

/* Where to go on behind the item last returned. */
int kcmap_range_cursor(struct kcmap_range *range, struct kcmap_cursor *cursor);

void kcmap_range_free(struct kcmap_range *range);

/* ---- batch ---- */

/*
 * Gather commands, send them in one call, read the results by the index that
 * each adding call returned.  Keys, values and buffers must stay where they
 * are until kcmap_batch_submit() returns.  A batch can be used again after
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
int kcmap_batch_clear(struct kcmap_batch *batch);
int kcmap_batch_count(struct kcmap_batch *batch);

/*
 * Carry out what was gathered, in order.  Returns how many commands were
 * carried out; fewer than gathered only with a signal or a bad address.
 */
int kcmap_batch_submit(struct kcmap_batch *batch, struct kcmap *map);

/* The outcome of one command; value_len is also set with EMSGSIZE. */
struct kcmap_result {
	int error;		/* 0 or an errno */
	bool existed;		/* swap, get_or_set, take: there was a value */
	size_t value_len;	/* get, take, swap, get_or_set: its length */
	int64_t number;		/* add: the sum; clear, count: how many */
	uint64_t version;
	uint64_t __reserved[4];	/* 0 */
};

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
 * Call @fn for every named map until it returns other than 0, and return
 * that; 0 at the end, -1 with errno set on error.
 */
int kcmap_list(int (*fn)(const struct kcmap_name_info *info, void *arg),
	       void *arg);

/* ---- limits ---- */

/*
 * What the caller's maps take and may take, and all maps together.  Set sz to
 * sizeof(struct kcmap_usage) first.  A limit of 0 is none.
 */
struct kcmap_usage {
	size_t sz;
	uid_t uid;		/* who pays for the maps that the caller makes */
	uint32_t maps;		/* that he pays for */
	uint32_t max_maps;
	uint32_t all_maps;
	uint32_t all_max_maps;	/* with so many the caller can make none */
	uint64_t bytes;
	uint64_t max_bytes;
	uint64_t all_bytes;
	uint64_t all_max_bytes;
};

int kcmap_limits(struct kcmap_usage *usage);

/* ---- errors ---- */

/*
 * What was called, for kcmap_strerror(): the names that the calls have.  More
 * are appended; no number is ever used again.
 */
enum kcmap_operation {
	KCMAP_OP_ANY = 0,		/* not known, or none of these */
	KCMAP_OP_OPEN = 1,		/* also kcmap_from_fd() */
	KCMAP_OP_UNLINK = 2,
	KCMAP_OP_LIST = 3,
	KCMAP_OP_LIMITS = 4,
	KCMAP_OP_RENAME = 5,
	KCMAP_OP_CHMOD = 6,
	KCMAP_OP_CHOWN = 7,
	KCMAP_OP_STAT = 8,
	KCMAP_OP_GET = 9,		/* also kcmap_get_many(), kcmap_visit() */
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
};

/* More than any text of kcmap_strerror() takes. */
#define KCMAP_STRERROR_MAX	256

/*
 * What cmap means by @error, an errno: "key longer than the map's key_max
 * (512)" where strerror() says "Argument list too long".  @map, if it is not
 * NULL, is asked for its limits.  An errno that no call on a map gives is
 * described as by strerror() in the C locale.
 *
 * The text is put into @buf, cut off to @size bytes with its NUL, and @buf
 * returned; errno stays.  Any thread and any signal handler may call this.
 */
const char *kcmap_strerror(int error, enum kcmap_operation operation,
			   const struct kcmap *map, char *buf, size_t size);

/* The library's version, "MAJOR.MINOR". */
const char *kcmap_version(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBKCMAP_KCMAP_H */
