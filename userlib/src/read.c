// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The calls that read, and their fast path.
 *
 * The fast path serves a key in the first bucket of its chain, in the first
 * slot with the key's tag, in memory that is mapped already, while no writer
 * changes any of it.  Nearly every read is like that.  All others start over on
 * the slow path: see read_slow.c.
 */
#include "read_slow.h"
#include "steps.h"
#include "lanes.h"

#include <stdlib.h>
#include <sys/mman.h>

/* ---- the fast path, in three steps with a cache miss before each ---- */

/* The state of one read. */
struct read {
	struct bucket bucket;
	struct node node;
	uint16_t tag;
};

/* A length that the map does not allow goes to the kernel, which refuses it. */
static __always_inline int key_fits(const struct kcmap_view *view,
				    size_t key_len)
{
	return likely(key_len - view->key_min <= view->key_span);
}

static __always_inline enum step begin_read(struct kcmap_view *view,
					    uint64_t hash, struct read *read)
{
	read->tag = (uint16_t)hash;
	find_shard(view, hash, &read->bucket);
	return find_fast(view, hash, &read->bucket);
}

static __always_inline enum step choose_slot(struct read *read)
{
	const struct cmap_window_bucket *first = read->bucket.first;
	uint32_t head = LOAD_ACQUIRE(&first->head);
	unsigned int slots = slots_with(first, read->tag);

	if (unlikely(head & (CMAP_WINDOW_MOVED | HEAD_UNKNOWN)))
		return FURTHER;
	if (!slots) {
		if (unlikely(CMAP_WINDOW_NEXT(head)))
			return FURTHER;
		return likely(was_live(&read->bucket)) ? NONE : AGAIN;
	}

	if (unlikely(find_node(&first->ref[__builtin_ctz(slots)],
			       &read->node) != OK))
		return FURTHER;
	return place_node(&read->bucket, &read->node);
}

/*
 * Whether an extended entry is there, and all of it can be read; FURTHER if not,
 * or if it has more than a deadline.  The view is loaded again, so that a read of
 * a plain entry need not keep it.
 */
static __always_inline enum step check_deadline(const struct kcmap *map,
						const struct node *node,
						const struct extent *extent,
						uint64_t *deadline)
{
	const struct cmap_window_trailer *trailer = trailer_of(node, extent);
	uint64_t raw;

	if (unlikely(offset_in_granule(node->ref) + trailer_offset(extent) +
		     TRAILER_READ > GRANULE))
		return FURTHER;
	if (unlikely(LOAD(&trailer->flags) != CMAP_WINDOW_DEADLINE))
		return FURTHER;
	raw = LOAD(&trailer->deadline);
	*deadline = kcmap_deadline_of(raw, map->clock_offset);
	return unlikely(has_expired(LOAD(&map->view), raw)) ? FURTHER : OK;
}

/* Hand out the value of a node that can be read, if it has the key. */
static __always_inline enum step finish_value(const struct read *read,
					      const struct kcmap_want *want,
					      const struct extent *extent,
					      struct kcmap_got *got)
{
	const struct node *node = &read->node;
	const char *value = (const char *)node->at + extent->offset;

	if (unlikely(!same_key(node, want->key, want->key_len)))
		return FURTHER;
	/* The key first: in the other order the compiler takes more instructions. */
	__asm__ volatile("");
	got->len = extent->len;
	if (want->visit)
		want->visit(value, got->len, want->arg);
	else if (likely(got->len <= want->size))
		copy_bytes(want->buf, value, got->len);
	else
		return FURTHER;
	return likely(node_unchanged(&read->bucket, node, got->version)) ?
	       OK : AGAIN;
}

/*
 * Plain and extended entries each have all the code for themselves: then neither
 * has to keep what only the other one needs.
 */
static __always_inline enum step finish_read(const struct kcmap *map,
					     const struct read *read,
					     const struct kcmap_want *want,
					     struct kcmap_got *got)
{
	const struct bucket *bucket = &read->bucket;
	const struct node *node = &read->node;
	struct extent extent;
	uint32_t lengths;

	got->version = LOAD_ACQUIRE(&node->at->version);
	lengths = LOAD(&node->at->lengths);
	if (likely(is_plain(lengths, want->key_len))) {
		if (unlikely(!in_place(bucket, node) || !got->version))
			return AGAIN;
		get_extent(lengths, want->key_len, &extent);
		if (unlikely(!can_read_node(bucket, node, got->version,
					    &extent)))
			return AGAIN;
		got->deadline = 0;
		return finish_value(read, want, &extent, got);
	}

	if (unlikely(!is_extended(lengths, want->key_len)))
		return FURTHER;
	get_extent(lengths, want->key_len, &extent);
	/* Before the ref is looked at again: see has_expired(). */
	if (unlikely(check_deadline(map, node, &extent, &got->deadline) != OK))
		return FURTHER;
	if (unlikely(!in_place(bucket, node) || !got->version))
		return AGAIN;
	return finish_value(read, want, &extent, got);
}

/* All three steps. */
static __always_inline enum step read_fast(const struct kcmap *map,
					   struct kcmap_view *view,
					   const struct kcmap_want *want,
					   struct kcmap_got *got)
{
	struct read read;
	enum step step;

	if (unlikely(!key_fits(view, want->key_len)))
		return FURTHER;
	step = begin_read(view,
			  kcmap_hash(&view->hash, want->key, want->key_len),
			  &read);
	if (likely(step == OK))
		step = choose_slot(&read);
	if (likely(step == OK)) {
		prefetch_rest(&read.node);
		step = finish_read(map, &read, want, got);
	}
	return step;
}

/* ---- one key ---- */

/* For a map without a window, or an entry that the window cannot show. */
static __attribute_noinline__ int
read_by_call(struct kcmap *map, const void *key, size_t key_len, void *buf,
	     size_t size, struct kcmap_got *got)
{
	struct cmap_op op = { .value = ptr_to_u64(buf) };
	int err;

	if (kcmap_op_key(&op, key, key_len))
		return -1;
	kcmap_op_room(&op.value_len, size);
	/* The window stays this map's, so this read must not show another's. */
	if (LOAD(&map->view) && !kcmap_is_ours(map->fd, map->device, map->id))
		return -1;
	err = kcmap_call(map, CMAP_IOCTL_GET, &op);
	got->len = op.value_len;
	got->version = op.version;
	got->deadline = op.deadline;
	return err;
}

static void skip_value(const void *value, size_t len, void *arg)
{
	(void)value;
	(void)len;
	(void)arg;
}

/*
 * The slow path: everything that the fast path leaves over.  The length is also
 * set with EMSGSIZE.
 */
static __attribute_noinline__ int
read_slow(struct kcmap *map, const void *key, size_t key_len, void *buf,
	  size_t size, struct kcmap_got *got, enum step step)
{
	int saved = errno;
	struct kcmap_view *view = kcmap_view_of(map);
	const struct kcmap_want want = {
		.key = key, .key_len = key_len, .buf = buf, .size = size,
		.visit = buf ? NULL : skip_value,
	};
	enum kcmap_outcome outcome = KCMAP_CALL;

	if (view && step == AGAIN)
		COUNT(&view->retries);
	/* Without a buffer only the length is asked for. */
	if (view && (buf || !size) && key_fits(view, key_len))
		outcome = kcmap_window_read(view, &want, got);
	if (outcome == KCMAP_CALL) {
		if (read_by_call(map, key, key_len, buf, size, got))
			return -1;
	} else if (outcome != KCMAP_ABSENT) {
		got->deadline = kcmap_deadline_of(got->deadline,
						  map->clock_offset);
	}
	if (outcome == KCMAP_ABSENT || outcome == KCMAP_TOO_SMALL) {
		errno = outcome == KCMAP_ABSENT ? ENOENT : EMSGSIZE;
		return -1;
	}
	/* The call succeeded, so errors on the way must not change errno. */
	errno = saved;
	return 0;
}

static __attribute_noinline__ ssize_t
get_slow(struct kcmap *map, const void *key, size_t key_len, void *buf,
	 size_t size, uint64_t *version, uint64_t *deadline, enum step step)
{
	struct kcmap_got got;

	if (read_slow(map, key, key_len, buf, size, &got, step))
		return -1;
	if (version)
		*version = got.version;
	if (deadline)
		*deadline = got.deadline;
	return (ssize_t)got.len;
}

static __always_inline ssize_t get_value(struct kcmap *map, const void *key,
					 size_t key_len, void *buf,
					 size_t size, uint64_t *version,
					 uint64_t *deadline)
{
	struct kcmap_view *view = LOAD_ACQUIRE(&map->view);
	const struct kcmap_want want = {
		.key = key, .key_len = key_len, .buf = buf, .size = size,
	};
	enum step step = FURTHER;
	struct kcmap_got got;

	if (likely(view && buf)) {
		step = read_fast(map, view, &want, &got);
		if (likely(step == OK)) {
			if (version)
				*version = got.version;
			if (deadline)
				*deadline = got.deadline;
			return (ssize_t)got.len;
		}
		if (likely(step == NONE)) {
			errno = ENOENT;
			return -1;
		}
	}

	return get_slow(map, key, key_len, buf, size, version, deadline, step);
}

API ssize_t kcmap_get(struct kcmap *map, const void *key, size_t key_len,
		      void *buf, size_t size, uint64_t *version)
{
	/* Once for both, which is a test less. */
	if (unlikely(!buf))
		return get_slow(map, key, key_len, buf, size, version, NULL,
				FURTHER);
	/*
	 * With a constant length the compiler makes the code a third shorter.
	 */
	if (likely(key_len == 8))
		return get_value(map, key, 8, buf, size, version, NULL);
	return get_value(map, key, key_len, buf, size, version, NULL);
}

/* Out of line: kcmap_get() of a plain entry is what has to be fast. */
static __attribute_noinline__ ssize_t
get_with_deadline(struct kcmap *map, const void *key, size_t key_len, void *buf,
		  size_t size, uint64_t *version, uint64_t *deadline)
{
	return get_value(map, key, key_len, buf, size, version, deadline);
}

API int kcmap_get_deadline(struct kcmap *map, const void *key, size_t key_len,
			   uint64_t *deadline, uint64_t *version)
{
	return get_with_deadline(map, key, key_len, NULL, 0, version,
				 deadline) < 0 ? -1 : 0;
}

/* kcmap_get_dup() that tells the deadline as well. */
void *kcmap_get_dup_deadline(struct kcmap *map, const void *key, size_t key_len,
			     size_t *len, uint64_t *version, uint64_t *deadline)
{
	ssize_t size = kcmap_get(map, key, key_len, NULL, 0, version);
	char *buf = NULL;

	/* The value may grow between the two calls. */
	while (size >= 0) {
		/* The caller gets memory for an empty value, too. */
		char *larger = realloc(buf, (size_t)size + 1);
		ssize_t got;

		if (!larger)
			break;
		buf = larger;
		got = get_with_deadline(map, key, key_len, buf,
					(size_t)size + 1, version, deadline);
		if (got >= 0) {
			*len = (size_t)got;
			return buf;
		}
		if (errno != EMSGSIZE)
			break;
		size = kcmap_get(map, key, key_len, NULL, 0, version);
	}

	free(buf);
	return NULL;
}

API void *kcmap_get_dup(struct kcmap *map, const void *key, size_t key_len,
			size_t *len, uint64_t *version)
{
	uint64_t deadline;

	return kcmap_get_dup_deadline(map, key, key_len, len, version,
				      &deadline);
}

/* ---- in place ---- */

/* Fits most values, and the stack of a signal handler. */
#define VISIT_ROOM	1024

/*
 * Read by a system call into a buffer.  A larger buffer comes from mmap(),
 * because a signal handler may have interrupted malloc().
 */
static __attribute_noinline__ int
visit_by_call(struct kcmap *map, const struct kcmap_want *want,
	      struct kcmap_got *got)
{
	char small[VISIT_ROOM];
	size_t size = sizeof(small);
	void *buf = small;
	int err;

	for (;;) {
		err = read_by_call(map, want->key, want->key_len, buf, size,
				   got);
		if (!err || errno != EMSGSIZE)
			break;
		if (buf != small)
			munmap(buf, size);
		size = got->len;
		buf = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (buf == MAP_FAILED)
			return -1;
	}

	if (!err)
		want->visit(buf, got->len, want->arg);
	if (buf != small)
		munmap(buf, size);
	return err;
}

static __attribute_noinline__ int
visit_slow(struct kcmap *map, const struct kcmap_want *want,
	   uint64_t *version, enum step step)
{
	int saved = errno;
	struct kcmap_view *view = kcmap_view_of(map);
	enum kcmap_outcome outcome = KCMAP_CALL;
	struct kcmap_got got;

	if (view && step == AGAIN)
		COUNT(&view->retries);
	if (view && key_fits(view, want->key_len))
		outcome = kcmap_window_read(view, want, &got);
	if (outcome == KCMAP_CALL && visit_by_call(map, want, &got))
		return -1;
	if (outcome == KCMAP_ABSENT) {
		errno = ENOENT;
		return -1;
	}
	if (version)
		*version = got.version;
	errno = saved;
	return 0;
}

API int kcmap_visit(struct kcmap *map, const void *key, size_t key_len,
		    void (*fn)(const void *value, size_t len, void *arg),
		    void *arg, uint64_t *version)
{
	struct kcmap_view *view = LOAD_ACQUIRE(&map->view);
	const struct kcmap_want want = {
		.key = key, .key_len = key_len, .visit = fn, .arg = arg,
	};
	enum step step = FURTHER;
	struct kcmap_got got;

	if (likely(view))
		step = read_fast(map, view, &want, &got);
	if (likely(step == OK)) {
		if (version)
			*version = got.version;
		return 0;
	}
	if (likely(step == NONE)) {
		errno = ENOENT;
		return -1;
	}

	return visit_slow(map, &want, version, step);
}

/* ---- many keys ---- */

/* Without a buffer the size does not count. */
static __always_inline size_t room_of(const struct kcmap_lookup *lookup)
{
	return likely(lookup->buf) ? lookup->size : 0;
}

static __attribute_noinline__ void
look_up_slow(struct kcmap *map, struct kcmap_lookup *lookup, enum step step)
{
	int saved = errno;
	struct kcmap_got got;
	char nothing;
	int err;

	err = read_slow(map, lookup->key, lookup->key_len,
			lookup->buf ? lookup->buf : &nothing,
			room_of(lookup), &got, step);
	lookup->error = err ? errno : 0;
	lookup->len = !err || lookup->error == EMSGSIZE ? got.len : 0;
	lookup->version = err ? 0 : got.version;
	lookup->deadline = err ? 0 : got.deadline;
	errno = saved;
}

/*
 * Keys are read in groups of a few.  Each group goes through the three steps,
 * with steps of other groups in between: while one group waits for its cache
 * misses, hashes are computed and values copied for others.  A processor can
 * have only about twenty misses in flight; each key of a group causes two for
 * its node and one for its bucket.
 */
#define GROUP	KCMAP_HASH_LANES
#define LAG	2		/* groups between two steps of the same group */
#define RING	8		/* more than are in flight, a power of two */

struct group {
	struct read read[GROUP];
	enum step step[GROUP];
};

/* The hashes of those keys that are not too long for the map. */
static __always_inline void hash_group(struct kcmap_view *view,
				       const struct kcmap_lookup *lookups,
				       size_t n, uint64_t *hash)
{
	const void *key[KCMAP_HASH_LANES];
	size_t i = 0, lane, words;

	for (; i + KCMAP_HASH_LANES <= n; i += KCMAP_HASH_LANES) {
		for (words = lane = 0; lane < KCMAP_HASH_LANES; lane++) {
			key[lane] = lookups[i + lane].key;
			words += lookups[i + lane].key_len == 8;
		}
		if (unlikely(words != KCMAP_HASH_LANES))
			break;
		kcmap_hash_words(&view->hash, key, &hash[i]);
	}
	for (; i < n; i++)
		if (likely(key_fits(view, lookups[i].key_len)))
			hash[i] = kcmap_hash(&view->hash, lookups[i].key,
					     lookups[i].key_len);
}

static __always_inline void begin_group(struct kcmap_view *view,
					const struct kcmap_lookup *lookups,
					size_t n, struct group *group)
{
	uint64_t hash[GROUP];
	size_t i;

	hash_group(view, lookups, n, hash);
	for (i = 0; i < n; i++) {
		group->step[i] = FURTHER;
		if (likely(key_fits(view, lookups[i].key_len)))
			group->step[i] = begin_read(view, hash[i],
						    &group->read[i]);
		if (likely(group->step[i] == OK))
			__builtin_prefetch(group->read[i].bucket.first);
	}
}

static __always_inline void choose_slots(struct group *group, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct read *read = &group->read[i];

		if (likely(group->step[i] == OK))
			group->step[i] = choose_slot(read);
		if (likely(group->step[i] == OK)) {
			__builtin_prefetch(read->node.at);
			prefetch_rest(&read->node);
		}
	}
}

static __always_inline enum step finish_lookup(const struct kcmap *map,
					       const struct read *read,
					       struct kcmap_lookup *lookup,
					       size_t key_len)
{
	const struct kcmap_want want = {
		.key = lookup->key, .key_len = key_len,
		.buf = lookup->buf, .size = room_of(lookup),
	};
	struct kcmap_got got;
	enum step step = finish_read(map, read, &want, &got);

	if (likely(step == OK)) {
		lookup->len = got.len;
		lookup->version = got.version;
		lookup->deadline = got.deadline;
		lookup->error = 0;
	}
	return step;
}

static __always_inline ssize_t finish_group(struct kcmap *map,
					    struct kcmap_lookup *lookups,
					    size_t n, const struct group *group)
{
	ssize_t found = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		struct kcmap_lookup *lookup = &lookups[i];
		enum step step = group->step[i];

		if (likely(step == OK))
			step = likely(lookup->key_len == 8) ?
			       finish_lookup(map, &group->read[i], lookup, 8) :
			       finish_lookup(map, &group->read[i], lookup,
					     lookup->key_len);
		if (likely(step == OK)) {
			found++;
		} else if (likely(step == NONE)) {
			lookup->error = ENOENT;
			lookup->len = 0;
			lookup->version = 0;
			lookup->deadline = 0;
		} else {
			look_up_slow(map, lookup, step);
			found += !lookup->error;
		}
	}

	return found;
}

/* The number of keys in the group that begins at @first, of @n keys in all. */
static __always_inline size_t in_group(size_t first, size_t n)
{
	return n - first < GROUP ? n - first : GROUP;
}

KCMAP_HASH_CLONES
static ssize_t get_groups(struct kcmap *map, struct kcmap_view *view,
			  struct kcmap_lookup *lookups, size_t n)
{
	struct group ring[RING];
	ssize_t found = 0;
	size_t first, at;

	_Static_assert(2 * LAG < RING && !(RING & (RING - 1)), "RING");
	/*
	 * For a step that has no group yet, or no more, its index is not below
	 * @n.
	 */
	for (first = 0; first < n + 2 * LAG * GROUP; first += GROUP) {
		at = first;
		if (at < n)
			begin_group(view, &lookups[at], in_group(at, n),
				    &ring[at / GROUP % RING]);
		at -= LAG * GROUP;
		if (at < n)
			choose_slots(&ring[at / GROUP % RING], in_group(at, n));
		at -= LAG * GROUP;
		if (at < n)
			found += finish_group(map, &lookups[at],
					      in_group(at, n),
					      &ring[at / GROUP % RING]);
	}

	return found;
}

API ssize_t kcmap_get_many(struct kcmap *map, struct kcmap_lookup *lookups,
			   size_t n)
{
	struct kcmap_view *view = kcmap_view_of(map);
	ssize_t found = 0;
	size_t i;

	if (view)
		return get_groups(map, view, lookups, n);

	for (i = 0; i < n; i++) {
		look_up_slow(map, &lookups[i], FURTHER);
		found += !lookups[i].error;
	}
	return found;
}

/* ---- counters of the window ---- */

/* The structure ended here in the first release. */
#define STAT_LEAST (offsetof(struct kcmap_window_info, maps) + sizeof(uint64_t))

API int kcmap_window_stat(struct kcmap *map, struct kcmap_window_info *stat)
{
	struct kcmap_view *view = kcmap_view_of(map);
	struct kcmap_window_info full = { .sz = stat->sz };

	if (stat->sz < STAT_LEAST) {
		errno = EINVAL;
		return -1;
	}
	if (!view) {
		errno = LOAD(&map->no_window) == EPROTONOSUPPORT ?
			EPROTONOSUPPORT : ENODEV;
		return -1;
	}

	full.retries = LOAD(&view->retries);
	full.calls = LOAD(&view->calls);
	full.maps = LOAD(&view->maps);

	/* The caller's structure may be newer: zero what we do not know. */
	if (stat->sz > sizeof(full))
		memset((char *)stat + sizeof(full), 0, stat->sz - sizeof(full));
	memcpy(stat, &full,
	       stat->sz < sizeof(full) ? stat->sz : sizeof(full));
	return 0;
}
