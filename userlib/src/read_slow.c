// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The slow path: reads that work whatever writers are doing, and that map what
 * is not mapped yet.  Most reads never come here; see read.c.
 */
#include "read_slow.h"
#include "steps.h"
#include "hash.h"

#include <stdlib.h>

/* After this many failed tries the kernel is asked, which always answers. */
#define TRIES		64

/* ---- steps that map what they need ---- */

/* The bucket in a table that is, or was a moment ago, the shard's. */
static enum step bucket_in(struct kcmap_view *view, uint64_t table,
			   uint64_t hash, struct bucket *bucket)
{
	bucket->table = table;
	bucket->base = kcmap_view_table(view, bucket->part, table);
	if (!bucket->base)
		return ASK;
	find_bucket(view, hash, bucket);
	return OK;
}

static enum step first_bucket(struct kcmap_view *view, uint64_t hash,
			      struct bucket *bucket)
{
	enum step step;
	uintptr_t current;
	uint64_t table;

	find_shard(view, hash, bucket);
	table = LOAD_ACQUIRE(&bucket->shard->table);
	if (!table)
		return NONE;
	step = bucket_in(view, table, hash, bucket);
	if (step != OK)
		return step;
	/* Publish the table for the fast path. */
	current = (uintptr_t)bucket->base | kcmap_current_of((uint16_t)table);
	if (LOAD(&bucket->part->current) != current)
		STORE_RELEASE(&bucket->part->current, current);
	return OK;
}

/* If the bucket was moved to the next table, go there. */
static enum step live_bucket(struct kcmap_view *view, uint64_t hash,
			     struct bucket *bucket, uint32_t *head)
{
	const struct cmap_window_shard *shard = bucket->shard;
	uint64_t next;
	enum step step;

	for (;;) {
		*head = LOAD_ACQUIRE(&bucket->first->head);
		if (unlikely(*head & HEAD_UNKNOWN))
			return ASK;
		if (!(*head & CMAP_WINDOW_MOVED))
			return OK;

		/*
		 * next was read before table, so it is the next of that table.
		 */
		next = LOAD_ACQUIRE(&shard->next);
		if (!next || next == bucket->table ||
		    LOAD_ACQUIRE(&shard->table) != bucket->table)
			return AGAIN;
		step = bucket_in(view, next, hash, bucket);
		if (step != OK)
			return step;
	}
}

/* The node in a slot, and its version; NONE if the slot is empty. */
static enum step node_in(struct kcmap_view *view, const struct bucket *bucket,
			 const uint32_t *slot, struct node *node,
			 uint64_t *version)
{
	enum step step;
	size_t level;

	if (find_node(slot, node) != OK)
		return NONE;
	step = place_node(bucket, node);
	if (step == ASK) {
		level = level_of(node->ref);
		/* An invalid ref: no level has such a granule. */
		if (!level)
			return AGAIN;
		if (kcmap_view_level(view, bucket->part, level))
			return ASK;
		step = place_node(bucket, node);
	}
	return step == OK ? open_node(bucket, node, version) : step;
}

/*
 * Go to the next bucket of a chain; NONE at the end.  The limit on the length
 * ends the loop if a corrupt chain is a circle.
 */
static enum step go_on(const struct kcmap_view *view,
		       const struct bucket *bucket, unsigned int *length,
		       const struct cmap_window_bucket **at, uint32_t *head)
{
	*at = next_bucket(view, bucket, *head);
	if (!*at || ++*length > KCMAP_GATHER_MAX)
		return NONE;
	*head = LOAD_ACQUIRE(&(*at)->head);
	if (unlikely(*head & HEAD_UNKNOWN))
		return ASK;
	return *head & CMAP_WINDOW_LINKED ? OK : AGAIN;
}

/* ---- one key ---- */

/*
 * Whether the owner of an entry has ended.  The trailer has to be one before the word
 * that it refers to can be loaded.  The caller looks at the slot once more afterwards, as
 * after has_expired().
 */
static enum step check_owner(struct kcmap_view *view,
			     const struct bucket *bucket,
			     const struct node *node, uint64_t version,
			     size_t offset, int *ended)
{
	const struct cmap_window_trailer *trailer =
		(const void *)((const char *)node->at + offset);
	const struct extent whole = {
		.offset = offset, .len = TRAILER_READ_OWNED,
	};
	const uint64_t *generations;
	uint64_t generation;
	uint32_t owner;

	if (!can_read_node(bucket, node, version, &whole))
		return AGAIN;
	owner = LOAD(&trailer->owner);
	generation = LOAD(&trailer->generation);
	if (!in_place(bucket, node) || !node_unchanged(bucket, node, version))
		return AGAIN;
	if (owner >= CMAP_OWNERS_MAX)
		return ASK;
	generations = kcmap_view_owners(view);
	if (!generations)
		return ASK;
	*ended = LOAD_ACQUIRE(&generations[owner]) != generation;
	return OK;
}

/*
 * Read what follows the value.  OK, NONE if the entry has expired or its owner has
 * ended, AGAIN, or ASK if the entry has something that only the kernel knows.
 */
static enum step read_trailer(struct kcmap_view *view,
			      const struct bucket *bucket,
			      const struct node *node, uint64_t version,
			      const struct extent *extent, uint64_t *deadline)
{
	const struct cmap_window_trailer *trailer = trailer_of(node, extent);
	struct extent whole = {
		.offset = trailer_offset(extent), .len = TRAILER_READ,
	};
	int gone = 0;
	uint32_t flags;
	enum step step;

	if (!can_read_node(bucket, node, version, &whole))
		return AGAIN;
	flags = LOAD(&trailer->flags);
	*deadline = 0;
	if (flags & CMAP_WINDOW_DEADLINE) {
		*deadline = LOAD(&trailer->deadline);
		gone = has_expired(view, *deadline);
	}
	if (flags & CMAP_WINDOW_OWNER && !gone) {
		step = check_owner(view, bucket, node, version, whole.offset,
				   &gone);
		if (step != OK)
			return step;
	}
	if (!in_place(bucket, node) || !node_unchanged(bucket, node, version))
		return AGAIN;
	if (!flags || flags & ~(CMAP_WINDOW_DEADLINE | CMAP_WINDOW_OWNER))
		return ASK;
	return gone ? NONE : OK;
}

/*
 * Hand out the value of a node that has the key; FURTHER if it has another key,
 * or if the entry is absent.
 */
static enum step take_value(struct kcmap_view *view,
			    const struct bucket *bucket,
			    const struct node *node, uint64_t version,
			    const struct kcmap_want *want,
			    struct kcmap_got *got)
{
	uint32_t lengths = LOAD(&node->at->lengths);
	struct extent extent;
	const char *value;
	enum step step;

	if (CMAP_WINDOW_KEY_LEN(lengths) != want->key_len)
		return FURTHER;
	get_extent(lengths, want->key_len, &extent);
	if (!can_read_node(bucket, node, version, &extent))
		return AGAIN;
	if (!same_key(node, want->key, want->key_len))
		return FURTHER;
	got->deadline = 0;
	if (lengths & CMAP_WINDOW_EXTENDED) {
		step = read_trailer(view, bucket, node, version, &extent,
				    &got->deadline);
		if (step != OK)
			return step == NONE ? FURTHER : step;
	}

	value = (const char *)node->at + extent.offset;
	if (want->visit)
		want->visit(value, extent.len, want->arg);
	else if (extent.len <= want->size)
		copy_bytes(want->buf, value, extent.len);
	got->len = extent.len;
	got->version = version;
	return node_unchanged(bucket, node, version) ? OK : AGAIN;
}

static enum step try_slots(struct kcmap_view *view, const struct bucket *bucket,
			   const struct cmap_window_bucket *at, uint16_t tag,
			   const struct kcmap_want *want, struct kcmap_got *got)
{
	unsigned int slots = slots_with(at, tag);
	struct node node;
	uint64_t version;
	enum step step;

	for (; slots; slots &= slots - 1) {
		step = node_in(view, bucket, &at->ref[__builtin_ctz(slots)],
			       &node, &version);
		if (step == NONE)
			continue;
		if (step != OK)
			return step;
		step = take_value(view, bucket, &node, version, want, got);
		if (step != FURTHER)
			return step;
		if (!node_unchanged(bucket, &node, version))
			return AGAIN;
	}

	return NONE;
}

static enum step try_key(struct kcmap_view *view, uint64_t hash,
			 const struct kcmap_want *want, struct kcmap_got *got)
{
	const struct cmap_window_bucket *at;
	struct bucket bucket;
	unsigned int length = 0;
	uint32_t head;
	enum step step;

	step = first_bucket(view, hash, &bucket);
	if (step == OK)
		step = live_bucket(view, hash, &bucket, &head);
	if (step != OK)
		return step;

	at = bucket.first;
	do {
		step = try_slots(view, &bucket, at, (uint16_t)hash, want, got);
		if (step != NONE)
			return step;
		step = go_on(view, &bucket, &length, &at, &head);
	} while (step == OK);

	return step == NONE && was_live(&bucket) ? NONE : AGAIN;
}

/* Read one key.  Earlier tries may have failed. */
enum kcmap_outcome kcmap_window_read(struct kcmap_view *view,
				     const struct kcmap_want *want,
				     struct kcmap_got *got)
{
	uint64_t hash = kcmap_hash(&view->hash, want->key, want->key_len);
	enum step step = AGAIN;
	unsigned int tries;

	for (tries = 0; step == AGAIN && tries < TRIES; tries++) {
		step = try_key(view, hash, want, got);
		if (step == AGAIN)
			COUNT(&view->retries);
	}

	if (step == NONE)
		return KCMAP_ABSENT;
	if (step == OK)
		return want->visit || got->len <= want->size ?
		       KCMAP_FOUND : KCMAP_TOO_SMALL;
	COUNT(&view->calls);
	return KCMAP_CALL;
}

/* ---- reading a whole bucket, for ranges ---- */

/*
 * After unlinking, hash_high may be a free-list link and the tag another entry's.
 * So they are this entry's only if its ref is still in the slot after both were
 * read.  Returns whether it is.
 */
static int position_of(const struct bucket *bucket, const struct node *node,
		       const uint16_t *tag, uint64_t *position)
{
	*position = (uint64_t)LOAD(&node->at->hash_high) << 16 | LOAD(tag);
	LOAD_FENCE();
	return in_place(bucket, node);
}

/* Whether a key is wanted. */
static int has_prefix(const struct kcmap_bucket_read *read,
		      const struct node *node, size_t key_len)
{
	return !read->prefix_len ||
	       (key_len >= read->prefix_len &&
		!memcmp(key_of(node), read->prefix, read->prefix_len));
}

static enum step gather_node(struct kcmap_view *view,
			     const struct bucket *bucket,
			     const struct node *node, const uint16_t *tag,
			     uint64_t version, uint64_t from,
			     struct kcmap_bucket_read *read)
{
	struct kcmap_gathered *entry = &read->entry[read->count];
	uint32_t lengths = LOAD(&node->at->lengths);
	size_t key_len = CMAP_WINDOW_KEY_LEN(lengths), key_room;
	struct extent extent;
	enum step step;

	get_extent(lengths, key_len, &extent);
	if (!can_read_node(bucket, node, version, &extent) ||
	    !position_of(bucket, node, tag, &entry->position) ||
	    !node_unchanged(bucket, node, version))
		return AGAIN;
	if (entry->position < from)
		return OK;
	entry->deadline = 0;
	if (lengths & CMAP_WINDOW_EXTENDED) {
		step = read_trailer(view, bucket, node, version, &extent,
				    &entry->deadline);
		if (step != OK)
			return step == NONE ? OK : step;
	}
	/* Only the node's own key decides. */
	if (!has_prefix(read, node, key_len))
		return node_unchanged(bucket, node, version) ? OK : AGAIN;

	entry->version = version;
	entry->key_len = (uint32_t)key_len;
	entry->value_len = (uint32_t)extent.len;
	entry->at = read->used;
	key_room = (key_len + 7) & ~(size_t)7;
	if (read->keys_only)
		extent.len = 0;
	read->used += key_room + ((extent.len + 7) & ~(size_t)7);
	if (read->used <= read->size) {
		copy_bytes(read->buf + entry->at, key_of(node), key_len);
		copy_bytes(read->buf + entry->at + key_room,
			   (const char *)node->at + extent.offset, extent.len);
	}
	read->count++;

	return node_unchanged(bucket, node, version) ? OK : AGAIN;
}

static enum step gather_slots(struct kcmap_view *view,
			      const struct bucket *bucket,
			      const struct cmap_window_bucket *at,
			      uint64_t from, struct kcmap_bucket_read *read)
{
	struct node node;
	uint64_t version;
	unsigned int i;
	enum step step;

	for (i = 0; i < CMAP_WINDOW_SLOTS; i++) {
		step = node_in(view, bucket, &at->ref[i], &node, &version);
		if (step == NONE)
			continue;
		if (step != OK)
			return step;
		if (read->count == KCMAP_GATHER_MAX)
			return FURTHER;
		step = gather_node(view, bucket, &node, &at->tag[i], version, from,
				   read);
		if (step != OK)
			return step;
	}

	return OK;
}

static enum step gather_bucket(struct kcmap_view *view, uint64_t position,
			       struct kcmap_bucket_read *read)
{
	/* The upper 32 bits, which choose the bucket, are those of the hash. */
	uint64_t hash = position << 16;
	const struct cmap_window_bucket *at;
	unsigned int below, length = 0;
	struct bucket bucket;
	uint32_t head;
	enum step step;

	read->count = 0;
	read->used = 0;
	step = first_bucket(view, hash, &bucket);
	if (step == OK)
		step = live_bucket(view, hash, &bucket, &head);
	if (step != OK && step != NONE)
		return step;

	below = 32 - view->shard_bits;
	if (step == OK)
		below -= CMAP_WINDOW_TABLE_BITS(bucket.table);
	read->end = (((position >> 16 >> below) + 1) << below) << 16;
	if (step == NONE)
		return OK;

	at = bucket.first;
	do {
		step = gather_slots(view, &bucket, at, position, read);
		if (step != OK)
			return step;
		step = go_on(view, &bucket, &length, &at, &head);
	} while (step == OK);

	return step == NONE && was_live(&bucket) ? OK : AGAIN;
}

static int by_position(const void *a, const void *b)
{
	const struct kcmap_gathered *x = a, *y = b;

	return x->position < y->position ? -1 : x->position > y->position;
}

/*
 * Read the entries of the bucket that holds @position, from there on, in order
 * of position.  Two entries at one position are either ordered by a secret of
 * the kernel, or one entry that was deleted and set again meanwhile.  Only the
 * kernel can tell, so then it is asked.
 */
enum kcmap_outcome kcmap_window_bucket(struct kcmap_view *view,
				       uint64_t position,
				       struct kcmap_bucket_read *read)
{
	unsigned int tries, i;
	enum step step = AGAIN;

	for (tries = 0; tries < TRIES && step == AGAIN; tries++) {
		step = gather_bucket(view, position, read);
		if (step == AGAIN)
			COUNT(&view->retries);
	}
	if (step != OK)
		return KCMAP_CALL;

	qsort(read->entry, read->count, sizeof(*read->entry), by_position);
	for (i = 1; i < read->count; i++)
		if (read->entry[i].position == read->entry[i - 1].position)
			return KCMAP_CALL;
	return read->used > read->size ? KCMAP_TOO_SMALL : KCMAP_FOUND;
}
