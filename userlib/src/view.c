// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mapping what the window shows, and finding it again.
 */
#include "window.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPAN		((size_t)1 << CMAP_WINDOW_SHIFT)
#define SEGMENTS_MIN	32
#define BEHIND		4096	/* more than a node's header and longest key */
#define READS_WITHOUT	1000	/* before the window is tried again */

_Static_assert(sizeof(struct cmap_window_node) + CMAP_KEY_MAX < BEHIND,
	       "BEHIND");

/*
 * One thread maps at a time; the others do not wait for it but ask the kernel
 * for what they want.  A child that was forked meanwhile has nobody else to
 * wait for.
 */
static int mapper_begin(struct cmap_view *view)
{
	int self = getpid();
	int owner = 0;

	if (EXCHANGE_IF(&view->mapper, &owner, self))
		return 0;
	if (owner != self && EXCHANGE_IF(&view->mapper, &owner, self))
		return 0;
	return -1;
}

static void mapper_end(struct cmap_view *view)
{
	STORE_RELEASE(&view->mapper, 0);
}

/*
 * Zeroes where blocks will be, and a little behind them, where what lies at
 * the very end of one seems to go on when the block is not what it was taken
 * for; NULL if there is no room.
 *
 * Blocks of 2 MiB can be mapped by one entry each where they lie in memory as
 * they do in the file: at multiples of their size.
 */
static char *reserve(size_t size)
{
	size_t before, whole = size + BEHIND + SPAN;
	char *at = mmap(NULL, whole, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)at & (SPAN - 1);
	if (before)
		munmap(at, before);
	at += before;
	munmap(at + size + BEHIND, SPAN - before);

	return at;
}

static void give_back(char *at, size_t size)
{
	munmap(at, size + BEHIND);
}

static int map_blocks(struct cmap_view *view, char *at, size_t size,
		      uint64_t number)
{
	COUNT(&view->maps);
	return mmap(at, size, PROT_READ, MAP_SHARED | MAP_FIXED, view->fd,
		    (off_t)(number << CMAP_WINDOW_SHIFT)) == MAP_FAILED ?
	       -1 : 0;
}

/*
 * If mapping over another block fails the place may be left with nothing
 * mapped, where some thread may be reading: put zeroes there.  If that fails
 * too, what is mapped there next may be anybody's, so from now on the place is
 * not ours to map over, nor to unmap: @mapped, which says what is there, says
 * so.  Else it says NO_BLOCK: what is there now is for the caller to say.
 */
static int map_over(struct cmap_view *view, char *at, size_t size,
		    uint64_t number, uint64_t *mapped)
{
	if (LOAD(mapped) == LOST_BLOCK)
		return -1;
	STORE_RELEASE(mapped, NO_BLOCK);
	if (!map_blocks(view, at, size, number))
		return 0;
	if (mmap(at, size, PROT_READ,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		 0) == MAP_FAILED)
		STORE_RELEASE(mapped, LOST_BLOCK);
	return -1;
}

/* ---- segments ---- */

/* Room for more; what there is stays for those who are in it. */
static struct cmap_segments *more_segments(struct cmap_window_part *part,
					   uint32_t index)
{
	struct cmap_segments *old = part->segments, *new;
	uint32_t count = old->count ? old->count : SEGMENTS_MIN;

	while (count <= index)
		count *= 2;
	new = malloc(sizeof(*new) + count * sizeof(*new->number));
	if (!new)
		return NULL;
	memset(new->number, 0xff, count * sizeof(*new->number));
	new->base = reserve(count * SPAN);
	if (!new->base) {
		free(new);
		return NULL;
	}
	new->count = count;
	new->older = old;
	STORE_RELEASE(&part->segments, new);

	return new;
}

/*
 * Map a segment of a shard.  0; -1 if it cannot be mapped, or another thread
 * is mapping; 1 if the shard does not have it any more.
 */
int cmap_view_map_segment(struct cmap_view *view,
			  struct cmap_window_part *part, uint32_t index,
			  uint64_t number)
{
	struct cmap_segments *segments;
	int err = -1;

	if (mapper_begin(view))
		return -1;
	/* See cmap_view_map_table(). */
	if (LOAD_ACQUIRE(&part->shard->segment[index]) != number) {
		mapper_end(view);
		return 1;
	}

	segments = part->segments;
	if (index >= segments->count)
		segments = more_segments(part, index);
	if (segments) {
		err = map_over(view, segments->base + index * SPAN, SPAN,
			       number, &segments->number[index]);
		if (!err)
			STORE_RELEASE(&segments->number[index], number);
	}

	mapper_end(view);
	return err;
}

/* ---- tables ---- */

static size_t table_size(uint64_t table)
{
	unsigned int bits = CMAP_WINDOW_TABLE_BITS(table);
	unsigned int chunk_bits = CMAP_WINDOW_TABLE_CHUNK_BITS(table);
	unsigned int pool_bits = CMAP_WINDOW_TABLE_POOL_BITS(table);
	size_t chunks, pool;

	if (CMAP_WINDOW_TABLE_INSIDE(table))
		return SPAN;
	chunks = (size_t)1 << (bits - chunk_bits);
	pool = bits > pool_bits ? (size_t)1 << (bits - pool_bits) : 1;
	return (chunks + pool) * SPAN;
}

/*
 * A larger place, because the blocks are smaller than those of the last table
 * of this size were.  The smaller one stays for those who are in it.
 */
static int enlarge(struct cmap_view *view, struct cmap_place *place,
		   size_t size, uint64_t table)
{
	struct cmap_outgrown *outgrown = malloc(sizeof(*outgrown));
	char *base = reserve(size);
	uint64_t mapped = NO_BLOCK;

	if (!outgrown || !base ||
	    map_over(view, base, size, CMAP_WINDOW_TABLE_NUMBER(table),
		     &mapped)) {
		free(outgrown);
		if (base && mapped != LOST_BLOCK)
			give_back(base, size);
		return -1;
	}

	outgrown->base = place->base;
	outgrown->size = place->size;
	outgrown->next = view->outgrown;
	/*
	 * A child may be forked at any point here: it may not know of a place,
	 * but never know of one twice, for it would give that back twice.
	 */
	STORE_RELEASE(&place->base, base);
	STORE_RELEASE(&place->size, size);
	STORE_RELEASE(&view->outgrown, outgrown);

	return 0;
}

/*
 * Whether all of a table that says so lies in its place.  The kernel shows no
 * other; where all that is read depends on it, that is not taken on trust.
 */
static int table_valid(const struct cmap_view *view, uint64_t table)
{
	unsigned int bits = CMAP_WINDOW_TABLE_BITS(table);
	unsigned int chunk_bits = CMAP_WINDOW_TABLE_CHUNK_BITS(table);
	unsigned int pool_bits = CMAP_WINDOW_TABLE_POOL_BITS(table);

	if (!bits || bits + view->shard_bits > 32 || chunk_bits > bits)
		return 0;
	if (CMAP_WINDOW_TABLE_INSIDE(table))
		return chunk_bits == bits && pool_bits == bits &&
		       sizeof(struct cmap_window_bucket) << bits <= SPAN / 2;
	return 1;
}

/* Whether its buckets lie one after the other without gaps. */
static int table_linear(uint64_t table)
{
	unsigned int chunk_bits = CMAP_WINDOW_TABLE_CHUNK_BITS(table);

	return chunk_bits == CMAP_WINDOW_TABLE_BITS(table) ||
	       sizeof(struct cmap_window_bucket) << chunk_bits == SPAN;
}

static int map_table(struct cmap_view *view, struct cmap_place *place,
		     uint64_t table)
{
	size_t size = table_size(table);
	int err;

	if (LOAD(&place->table) == LOST_BLOCK)
		return -1;
	STORE_RELEASE(&place->table, NO_BLOCK);
	if (size > place->size)
		err = enlarge(view, place, size, table);
	else
		err = map_over(view, place->base, size,
			       CMAP_WINDOW_TABLE_NUMBER(table), &place->table);
	if (!err) {
		STORE_RELEASE(&place->linear, table_linear(table));
		STORE_RELEASE(&place->table, table);
	}

	return err;
}

/*
 * Map a table of a shard.  0; -1 if it cannot be mapped, or another thread is
 * mapping; 1 if the shard does not have it any more.
 *
 * A thread may come here long after it met the table.  If it mapped that all
 * the same it would take the place of one that has as many buckets and is the
 * shard's now, from under those who read that, and who would then find zeroes
 * in a table that is still listed.  Of a table that is listed here and now
 * that cannot be said: if another one is so later, nobody has mapped that yet,
 * and who reads one that was so earlier finds out.
 */
int cmap_view_map_table(struct cmap_view *view, struct cmap_window_part *part,
			uint64_t table)
{
	int err = 1;

	if (!table_valid(view, table) || mapper_begin(view))
		return -1;
	if (LOAD_ACQUIRE(&part->shard->table) == table ||
	    LOAD_ACQUIRE(&part->shard->next) == table)
		err = map_table(view, cmap_place_of(part, table), table);
	mapper_end(view);

	return err;
}

/* ---- the whole ---- */

static void part_open(struct cmap_window_part *part, const void *shard,
		      unsigned int shard_bits)
{
	static struct cmap_segments none;
	unsigned int bits, i;

	part->shard = shard;
	part->segments = &none;
	part->current = &part->place[0];
	for (i = 0; i < CMAP_PLACES; i++) {
		struct cmap_place *place = &part->place[i];

		bits = i >> 1;
		place->table = NO_BLOCK;
		place->mask = (1U << bits) - 1;
		place->shift = (64 - shard_bits - bits) & 63;
	}
}

static struct cmap_view *view_new(int fd, const struct cmap_window *header)
{
	size_t size = header->header_bytes +
		      (size_t)header->shards * header->shard_bytes;
	struct cmap_view *view;
	uint32_t i;

	view = calloc(1, sizeof(*view) + header->shards * sizeof(*view->part));
	if (!view)
		return NULL;
	view->header = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (view->header == MAP_FAILED) {
		free(view);
		return NULL;
	}

	view->header_size = size;
	view->hash = cmap_hash_begin((const uint64_t *)header->secret);
	view->shard_bits = header->shard_bits;
	view->shard_shift = 63 - header->shard_bits;
	view->key_min = header->create_flags & CMAP_CREATE_FIXED_KEY ?
			header->key_max : 0;
	view->key_span = header->key_max - view->key_min;
	view->fd = fd;
	for (i = 0; i < header->shards; i++)
		part_open(&view->part[i], (const char *)view->header +
			  header->header_bytes +
			  (size_t)i * header->shard_bytes,
			  header->shard_bits);

	return view;
}

static int header_valid(const struct cmap_window *header, size_t page)
{
	return header->magic == CMAP_WINDOW_MAGIC &&
	       header->format == CMAP_WINDOW_FORMAT &&
	       header->header_bytes == page &&
	       header->shard_bytes % page == 0 &&
	       header->shard_bytes >= sizeof(struct cmap_window_shard) &&
	       header->shard_bits < 16 &&
	       header->shards == 1U << header->shard_bits &&
	       header->key_max && header->key_max <= CMAP_KEY_MAX;
}

/* NULL with errno set; EBADFD stands for a window that we cannot read, too. */
struct cmap_view *cmap_view_open(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct cmap_window header;
	void *first;

	/* Its places would take more than all of 32 bits. */
	if (sizeof(void *) < 8) {
		errno = ENODEV;
		return NULL;
	}

	first = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	if (first == MAP_FAILED)
		return NULL;
	/* What is found valid has to be what is used. */
	memcpy(&header, first, sizeof(header));
	munmap(first, page);

	if (!header_valid(&header, page)) {
		errno = EBADFD;
		return NULL;
	}
	return view_new(fd, &header);
}

static void segments_close(struct cmap_segments *segments)
{
	char *from = segments->base;
	uint32_t i;

	/* All at once, but for what has been lost. */
	for (i = 0; i < segments->count; i++) {
		char *at = segments->base + i * SPAN;

		if (segments->number[i] != LOST_BLOCK)
			continue;
		if (at > from)
			munmap(from, (size_t)(at - from));
		from = at + SPAN;
	}
	give_back(from, (size_t)(segments->base + segments->count * SPAN -
				 from));
	free(segments);
}

static void part_close(struct cmap_window_part *part)
{
	struct cmap_segments *segments = part->segments, *older;
	int i;

	for (; segments->count; segments = older) {
		older = segments->older;
		segments_close(segments);
	}
	for (i = 0; i < CMAP_PLACES; i++)
		if (part->place[i].size && part->place[i].table != LOST_BLOCK)
			give_back(part->place[i].base, part->place[i].size);
}

void cmap_view_close(struct cmap_view *view)
{
	struct cmap_outgrown *outgrown;
	uint32_t i;

	if (!view)
		return;
	for (i = 0; i < 1U << view->shard_bits; i++)
		part_close(&view->part[i]);
	while ((outgrown = view->outgrown)) {
		view->outgrown = outgrown->next;
		if (outgrown->size)
			give_back(outgrown->base, outgrown->size);
		free(outgrown);
	}
	munmap((void *)view->header, view->header_size);
	free(view);
}

/* Whether there will be no window later either; it may be memory that lacks. */
static int for_good(int err)
{
	return err == ENODEV || err == EACCES || err == EBADFD;
}

/*
 * The view of a map, made when the first thread asks for it; NULL if the map
 * is to be read by system calls, for good or for a while.
 */
struct cmap_view *cmap_view_make(struct cmap *map)
{
	struct cmap_view *view, *none = NULL;
	unsigned int without = LOAD(&map->reads_without);

	if (LOAD(&map->no_window))
		return NULL;
	/* Threads that count at one time may count as one. */
	if (without) {
		STORE(&map->reads_without, without - 1);
		return NULL;
	}

	view = cmap_view_open(map->fd);
	if (!view) {
		if (for_good(errno))
			STORE(&map->no_window, 1);
		else
			STORE(&map->reads_without, READS_WITHOUT);
		return NULL;
	}
	if (!EXCHANGE_IF(&map->view, &none, view)) {
		cmap_view_close(view);
		view = none;
	}
	return view;
}
