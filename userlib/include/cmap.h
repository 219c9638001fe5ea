/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libcmap - key/value maps shared by processes and the kernel.
 *
 * Every call on a map is safe from any thread; a batch or an iterator is for
 * one thread at a time.  Calls that return int or ssize_t return -1 and set
 * errno on failure, having changed nothing; the errors are those of cmap(4),
 * the manual page of each call lists its own.
 *
 * Where a call takes "uint64_t *version", NULL means "not interested".
 */
#ifndef LIBCMAP_CMAP_H
#define LIBCMAP_CMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CMAP_VERSION_MAJOR	0
#define CMAP_VERSION_MINOR	1

struct cmap;			/* a map, opened */
struct cmap_iter;		/* a range over a map */
struct cmap_batch;		/* commands gathered for one call */

/* ---- making, opening and removing maps ---- */

/* cmap_options.flags */
#define CMAP_FIXED_KEY		(1U << 0)	/* every key has key_max bytes */
#define CMAP_FIXED_VALUE	(1U << 1)	/* every value has value_max bytes */
#define CMAP_NO_WINDOW		(1U << 2)	/* reads take system calls */
#define CMAP_WIPE		(1U << 3)	/* what is deleted is overwritten */

/*
 * What a new map shall be.  Zero it, set sz to sizeof(struct cmap_options),
 * and fill in what matters: 0 stands for the default everywhere else.
 */
struct cmap_options {
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
 * O_RDWR, and any of O_CREAT (with the options of the map to make, or NULL
 * for the defaults), O_EXCL and O_CLOEXEC (always implied).  A @name of NULL
 * makes an anonymous map and needs O_CREAT.
 *
 * With O_CREAT a map that exists must belong to the caller or to root (EACCES),
 * unless CMAP_O_ANY_OWNER is given: somebody else may have been faster.  It must
 * be what the options ask for (EEXIST), unless CMAP_O_ANY_OPTIONS is given:
 * cmap_options_differ() says in what it is not.
 *
 * Reads go through the map's window, in the process's own memory, with no
 * system call, if the map has one.  CMAP_O_NO_WINDOW, or CMAP_NO_WINDOW in the
 * environment, has the kernel asked for everything.
 */
#define CMAP_O_NO_WINDOW	0x40000000
#define CMAP_O_ANY_OWNER	0x20000000
#define CMAP_O_ANY_OPTIONS	0x10000000

struct cmap *cmap_open(const char *name, int oflag,
		       const struct cmap_options *options);

/* Whether it was this handle's cmap_open() that made the map. */
bool cmap_created(const struct cmap *map);

/* What cmap_options_differ() returns, together. */
#define CMAP_DIFFER_FLAGS	(1 << 0)
#define CMAP_DIFFER_KEY_MAX	(1 << 1)
#define CMAP_DIFFER_VALUE_MAX	(1 << 2)
#define CMAP_DIFFER_SHARDS	(1 << 3)
#define CMAP_DIFFER_MAX_ENTRIES	(1 << 4)
#define CMAP_DIFFER_MAX_BYTES	(1 << 5)

/*
 * In what the map is not what the options ask for; 0 if it is.  Each flag that
 * is given must be the map's, and each other member that is not 0, but the
 * mode.
 */
int cmap_options_differ(struct cmap *map, const struct cmap_options *options);

/*
 * Use a descriptor that is bound to a map already: inherited, or received by
 * SCM_RIGHTS.  On success the handle owns it.
 */
struct cmap *cmap_from_fd(int fd);

/* The descriptor, for passing it on.  It stays the handle's. */
int cmap_fd(const struct cmap *map);

/* Close the handle and its descriptor; NULL is fine. */
void cmap_close(struct cmap *map);

/* Remove the name; the map lives on until nobody has it open. */
int cmap_unlink(const char *name);

/* Give the map another name; one that exists is not replaced (EEXIST). */
int cmap_rename(struct cmap *map, const char *name);

/*
 * Set the map's mode, or its owner and group, -1 standing for the one it has,
 * by the rules that files have.  What is open stays open.
 */
int cmap_chmod(struct cmap *map, mode_t mode);
int cmap_chown(struct cmap *map, uid_t uid, gid_t gid);

/* ---- one key ---- */

/*
 * Copy the value into @buf and return its length.  With EMSGSIZE the buffer
 * was too short; a @buf of NULL with @size 0 asks for the length alone.  On
 * failure what is in @buf is undefined.  @buf must not overlap @key.  Where the
 * map has a window a bad pointer is SIGSEGV, not EFAULT.
 */
ssize_t cmap_get(struct cmap *map, const void *key, size_t key_len,
		 void *buf, size_t size, uint64_t *version);

/* The same into memory of the right size from malloc(), with *len set. */
void *cmap_get_dup(struct cmap *map, const void *key, size_t key_len,
		   size_t *len, uint64_t *version);

/*
 * Call @fn with the value where it is.  Others may change the map meanwhile,
 * and then what @fn sees may be a mix, or change under its eyes: it must read
 * nothing beyond @len bytes, and keep only what its last call found.  It is
 * called again until it has seen the value whole, then this returns 0.
 */
int cmap_visit(struct cmap *map, const void *key, size_t key_len,
	       void (*fn)(const void *value, size_t len, void *arg),
	       void *arg, uint64_t *version);

/* One of many keys to get; what stands below @error is its outcome. */
struct cmap_lookup {
	const void *key;
	size_t key_len;
	void *buf;
	size_t size;
	int error;		/* 0 or an errno, as from cmap_get() */
	size_t len;		/* of the value, also with EMSGSIZE, else 0 */
	uint64_t version;	/* 0 unless found */
};

/*
 * Get many keys, each as by cmap_get(), with their cache misses overlapping:
 * in no particular order, each at some moment during the call.  A buf of NULL
 * has room for nothing, so what asks for the length alone gets EMSGSIZE.  No
 * buf may overlap a key or another buf.  Returns how many were found.
 */
ssize_t cmap_get_many(struct cmap *map, struct cmap_lookup *lookups, size_t n);

int cmap_set(struct cmap *map, const void *key, size_t key_len,
	     const void *value, size_t len, uint64_t *version);

/* Only if the key is absent (EEXIST), or present (ENOENT). */
int cmap_create(struct cmap *map, const void *key, size_t key_len,
		const void *value, size_t len, uint64_t *version);
int cmap_replace(struct cmap *map, const void *key, size_t key_len,
		 const void *value, size_t len, uint64_t *version);

/* Only if the entry's version is @expected (ESTALE). */
int cmap_set_version(struct cmap *map, const void *key, size_t key_len,
		     const void *value, size_t len, uint64_t expected,
		     uint64_t *version);

int cmap_delete(struct cmap *map, const void *key, size_t key_len,
		uint64_t *version);
int cmap_delete_version(struct cmap *map, const void *key, size_t key_len,
			uint64_t expected, uint64_t *version);

/* Get and delete in one step; returns the length, as cmap_get(). */
ssize_t cmap_take(struct cmap *map, const void *key, size_t key_len,
		  void *buf, size_t size, uint64_t *version);

/*
 * Set, and get what was there.  *old_len is the room at @old going in, the
 * length of the old value coming out.  Returns 1 if there was a value, 0 if
 * there was none.
 */
int cmap_swap(struct cmap *map, const void *key, size_t key_len,
	      const void *value, size_t len, void *old, size_t *old_len,
	      uint64_t *version);

/* Get what is there (returns 1), or else set @value (returns 0). */
int cmap_get_or_set(struct cmap *map, const void *key, size_t key_len,
		    const void *value, size_t len, void *old, size_t *old_len,
		    uint64_t *version);

/* Set, or delete, only if the value equals @expected (ESTALE, ENOENT). */
int cmap_compare_swap(struct cmap *map, const void *key, size_t key_len,
		      const void *expected, size_t expected_len,
		      const void *value, size_t len, uint64_t *version);
int cmap_compare_delete(struct cmap *map, const void *key, size_t key_len,
			const void *expected, size_t expected_len,
			uint64_t *version);

/*
 * Add @delta to the signed 64-bit value; an absent entry counts as @start.
 * *sum, if @sum is not NULL, is the value it has now.
 */
int cmap_add(struct cmap *map, const void *key, size_t key_len,
	     int64_t delta, int64_t start, int64_t *sum, uint64_t *version);

/* ---- the whole map ---- */

/* Remove every entry that is there throughout; returns how many. */
int64_t cmap_clear(struct cmap *map);

/* How many entries there are. */
int64_t cmap_count(struct cmap *map);

/* What a map is and holds.  Set sz to sizeof(struct cmap_info) first. */
struct cmap_info {
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

int cmap_info(struct cmap *map, struct cmap_info *info);

/*
 * How reading through the window went since the map was opened here.  Set sz
 * to sizeof(struct cmap_window_stat) first.  ENODEV: the map is read by system
 * calls.
 */
struct cmap_window_stat {
	size_t sz;
	uint64_t retries;	/* reads begun anew because of a writer */
	uint64_t calls;		/* reads that asked the kernel after all */
	uint64_t maps;		/* parts of the window mapped */
};

int cmap_window_stat(struct cmap *map, struct cmap_window_stat *stat);

/* ---- range ---- */

/* Where a range is; all zero is the start.  Good in any process, any time. */
struct cmap_position {
	uint64_t position;
	uint64_t tie;
};

/* One entry; the pointers are good until the next call on the iterator. */
struct cmap_item {
	const void *key;
	size_t key_len;
	const void *value;	/* NULL when only keys are asked for */
	size_t value_len;
	uint64_t version;
};

#define CMAP_KEYS_ONLY		(1U << 0)	/* cmap_iter_new() */

/*
 * Range over a map from @from, or from the start if that is NULL.  Every
 * entry that is there throughout comes exactly once, none comes twice.
 */
struct cmap_iter *cmap_iter_new(struct cmap *map, unsigned int flags,
				const struct cmap_position *from);

/* Returns 1 with *item filled in, 0 at the end, -1 on error. */
int cmap_iter_next(struct cmap_iter *iter, struct cmap_item *item);

/* Where to go on behind the item last returned. */
int cmap_iter_position(struct cmap_iter *iter, struct cmap_position *pos);

void cmap_iter_free(struct cmap_iter *iter);

/* ---- batch ---- */

/*
 * Gather commands, send them in one call, read the results by the index that
 * each adding call returned.  Keys, values and buffers must stay where they
 * are until cmap_batch_submit() returns.  A batch can be used again after
 * cmap_batch_reset().  One thread at a time.
 */
struct cmap_batch *cmap_batch_new(unsigned int capacity);
void cmap_batch_free(struct cmap_batch *batch);
void cmap_batch_reset(struct cmap_batch *batch);

int cmap_batch_get(struct cmap_batch *batch, const void *key, size_t key_len,
		   void *buf, size_t size);
int cmap_batch_set(struct cmap_batch *batch, const void *key, size_t key_len,
		   const void *value, size_t len);
int cmap_batch_create(struct cmap_batch *batch, const void *key,
		      size_t key_len, const void *value, size_t len);
int cmap_batch_replace(struct cmap_batch *batch, const void *key,
		       size_t key_len, const void *value, size_t len);
int cmap_batch_set_version(struct cmap_batch *batch, const void *key,
			   size_t key_len, const void *value, size_t len,
			   uint64_t expected);
int cmap_batch_delete(struct cmap_batch *batch, const void *key,
		      size_t key_len);
int cmap_batch_delete_version(struct cmap_batch *batch, const void *key,
			      size_t key_len, uint64_t expected);
int cmap_batch_take(struct cmap_batch *batch, const void *key, size_t key_len,
		    void *buf, size_t size);
int cmap_batch_swap(struct cmap_batch *batch, const void *key, size_t key_len,
		    const void *value, size_t len, void *old, size_t old_size);
int cmap_batch_get_or_set(struct cmap_batch *batch, const void *key,
			  size_t key_len, const void *value, size_t len,
			  void *old, size_t old_size);
int cmap_batch_compare_swap(struct cmap_batch *batch, const void *key,
			    size_t key_len, const void *expected,
			    size_t expected_len, const void *value, size_t len);
int cmap_batch_compare_delete(struct cmap_batch *batch, const void *key,
			      size_t key_len, const void *expected,
			      size_t expected_len);
int cmap_batch_add(struct cmap_batch *batch, const void *key, size_t key_len,
		   int64_t delta, int64_t start);
int cmap_batch_clear(struct cmap_batch *batch);
int cmap_batch_count(struct cmap_batch *batch);

/*
 * Carry out what was gathered, in order.  Returns how many commands were
 * carried out; fewer than gathered only with a signal or a bad address.
 */
int cmap_batch_submit(struct cmap_batch *batch, struct cmap *map);

/* The outcome of one command; value_len is also set with EMSGSIZE. */
struct cmap_result {
	int error;		/* 0 or an errno */
	bool existed;		/* swap, get_or_set: there was a value */
	size_t value_len;	/* get, take, swap, get_or_set: its length */
	int64_t number;		/* add: the sum; clear, count: how many */
	uint64_t version;
};

int cmap_batch_result(const struct cmap_batch *batch, unsigned int index,
		      struct cmap_result *result);

/* ---- names ---- */

struct cmap_name_info {
	const char *name;
	uint64_t id;
	uint64_t entries;
	uint64_t bytes;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t flags;		/* CMAP_FIXED_KEY, ... */
	uint64_t max_entries;	/* 0 for no limit */
	uint64_t max_bytes;
};

/*
 * Call @fn for every named map until it returns other than 0, and return
 * that; 0 at the end, -1 with errno set on error.
 */
int cmap_list(int (*fn)(const struct cmap_name_info *info, void *arg),
	      void *arg);

/* ---- limits ---- */

/*
 * What the caller's maps take and may take, and all maps together.  Set sz to
 * sizeof(struct cmap_usage) first.  A limit of 0 is none.
 */
struct cmap_usage {
	size_t sz;
	uid_t uid;		/* who pays for the maps that the caller makes */
	uint32_t maps;		/* that he pays for */
	uint32_t max_maps;
	uint32_t all_maps;
	uint32_t all_max_maps;	/* at that the caller is refused one */
	uint64_t bytes;
	uint64_t max_bytes;
	uint64_t all_bytes;
	uint64_t all_max_bytes;
};

int cmap_usage(struct cmap_usage *usage);

/* The library's version, "MAJOR.MINOR". */
const char *cmap_version(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBCMAP_CMAP_H */
