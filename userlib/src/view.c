// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mapping regions of a window, and the addresses of tables and nodes in them.
 */
#include "view.h"
#include "space.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define READS_WITHOUT	1000	/* until a failed mapping is tried again */

/* An aligned mapping of this size can use one huge entry of the page tables. */
#define HUGE_BYTES	((size_t)2 << 20)

#define PAGE_LEAST	4096
#define PAGE_MOST	((size_t)1 << 20)

_Static_assert(KCMAP_CURRENT_ALL < PAGE_LEAST, "KCMAP_CURRENT_ALL");
_Static_assert(sizeof(struct cmap_window_node) + CMAP_KEY_MAX < PAGE_LEAST,
	       "PAGE_LEAST");

/* ---- mapping ---- */

static void *map_file(int fd, void *hint, size_t size, uint64_t offset)
{
	void *at = mmap(hint, size, PROT_READ, MAP_SHARED, fd, (off_t)offset);

	return at == MAP_FAILED ? NULL : at;
}

/*
 * Map at a multiple of HUGE_BYTES, if a free place is found.  MAP_FIXED is not
 * used, so nothing is ever mapped over: if another thread takes the place
 * first, the mapping goes elsewhere and has more page faults.
 */
static void *map_aligned(int fd, size_t size, uint64_t offset)
{
	char *at = map_file(fd, NULL, size + HUGE_BYTES, offset);

	if (!at)
		return NULL;
	munmap(at, size + HUGE_BYTES);
	return map_file(fd, at + (-(uintptr_t)at & (HUGE_BYTES - 1)), size,
			offset);
}

/*
 * Map a part of a map's window; NULL with errno set.  The descriptor may refer
 * to another file, or start to at any moment.  The mapping is the map's if the
 * descriptor was the map's before and after.  Nothing is read until that is
 * known.
 */
static void *map_window(const struct kcmap *map, size_t size, uint64_t offset,
			int align)
{
	size_t most = align ? size + HUGE_BYTES : size;
	void *at = NULL;

	if (kcmap_is_ours(map->fd, map->device, map->id) <= 0 ||
	    kcmap_space_reserve(most))
		return NULL;
	if (align)
		at = map_aligned(map->fd, size, offset);
	if (!at)
		at = map_file(map->fd, NULL, size, offset);
	kcmap_space_shrink(most - size);
	if (at && kcmap_is_ours(map->fd, map->device, map->id) <= 0) {
		munmap(at, size);
		at = NULL;
	}
	if (!at)
		kcmap_space_release(size);

	return at;
}

static void unmap_pages(const void *at, size_t size)
{
	munmap((void *)at, size);
	kcmap_space_release(size);
}

/* ---- regions ---- */

/* The owners' generations, which no shard has a part of. */
#define OWNERS_BYTES		(CMAP_OWNERS_MAX * sizeof(uint64_t))

/* The smallest tables; only these are in one page with their pool. */
#define TABLE_BITS_LEAST	5
#define INSIDE			(1U << 7)

_Static_assert(CMAP_WINDOW_TABLE_INSIDE(INSIDE), "INSIDE");

/* The size of one shard's part of a region. */
static size_t part_bytes(const struct kcmap_view *view, unsigned int region)
{
	uint64_t table = region & 31;

	if (table == TABLE_BITS_LEAST)
		table |= INSIDE;
	if (region >= CMAP_WINDOW_TABLE(0, 0))
		return CMAP_WINDOW_TABLE_BYTES(table, view->page);
	if (region >= CMAP_WINDOW_NODE(0))
		return CMAP_WINDOW_NODE_BYTES(region - CMAP_WINDOW_NODE(0));
	if (region == CMAP_WINDOW_RING)
		return view->feed_bytes;
	if (region == CMAP_WINDOW_FEED)
		return view->page;
	return CMAP_WINDOW_LIST_BYTES(region, view->page);
}

/*
 * The size of a region.  A page is added for reads of an invalid ref at the
 * very end of the nodes, whose header would go on beyond.
 */
static size_t region_bytes(const struct kcmap_view *view, unsigned int region)
{
	if (region == CMAP_WINDOW_OWNERS)
		return OWNERS_BYTES;
	return (part_bytes(view, region) << view->shard_bits) + view->page;
}

/*
 * The address of a shard's part of a region; NULL if it cannot be mapped now.
 *
 * Several threads, or a thread and its signal handlers, may map a region at the
 * same time.  One of the mappings is kept; all show the same.
 */
static char *part_of_region(struct kcmap_view *view, unsigned int region,
			    const struct kcmap_window_part *part)
{
	const struct kcmap map = {
		.fd = view->fd, .device = view->device, .id = view->id,
	};
	struct kcmap_region *this = &view->region[region];
	char *base = LOAD_ACQUIRE(&this->base), *none = NULL;
	size_t bytes = part_bytes(view, region);
	uint32_t without = LOAD(&this->reads_without);

	if (!base) {
		/* Concurrent decrements may count as one; no harm. */
		if (without) {
			STORE(&this->reads_without, without - 1);
			return NULL;
		}
		base = map_window(&map, region_bytes(view, region),
				  CMAP_WINDOW_REGION(region),
				  bytes % HUGE_BYTES == 0);
		if (!base) {
			STORE(&this->reads_without, READS_WITHOUT);
			return NULL;
		}
		COUNT(&view->maps);
		if (!EXCHANGE_IF(&this->base, &none, base)) {
			unmap_pages(base, region_bytes(view, region));
			base = none;
		}
	}

	return base + (size_t)(part - view->part) * bytes;
}

/* ---- tables and nodes ---- */

/*
 * The address of a shard's table.  NULL if it cannot be mapped now, if this
 * reader does not know such tables, or if there can be none.  The kernel is
 * asked then.
 */
const char *kcmap_view_table(struct kcmap_view *view,
			     const struct kcmap_window_part *part,
			     uint64_t table)
{
	unsigned int bits = CMAP_WINDOW_TABLE_BITS(table);

	if (CMAP_WINDOW_TABLE_UNKNOWN(table) || bits < TABLE_BITS_LEAST ||
	    bits + view->shard_bits > 32 ||
	    CMAP_WINDOW_TABLE_INSIDE(table) != (bits == TABLE_BITS_LEAST))
		return NULL;
	return part_of_region(view, CMAP_WINDOW_TABLE(bits,
				    CMAP_WINDOW_TABLE_BANK(table)), part);
}

/* The level of a page of the segment list; 0 for the first page. */
static unsigned int list_level(size_t page)
{
	return page ? 64 - (unsigned int)__builtin_clzll(page) : 0;
}

/*
 * Make a shard's nodes of one level readable.  Returns 0, or -1 if they cannot
 * be mapped now.
 *
 * Offsets of refs and words count from granule 0, but a level's part begins at
 * its first granule.  As many granules come before that as the level itself
 * has, and so as many words in the list.  That is the size of one part, which
 * is subtracted.
 */
int kcmap_view_level(struct kcmap_view *view, struct kcmap_window_part *part,
		     size_t level)
{
	size_t first = (size_t)2 << level;
	unsigned int in_list = list_level(first * 8 / view->page);
	uintptr_t list = (uintptr_t)part->shard, node;

	if (!level)
		return -1;
	if (in_list) {
		list = (uintptr_t)part_of_region(view,
					CMAP_WINDOW_LIST(in_list), part);
		if (!list)
			return -1;
		list -= CMAP_WINDOW_LIST_BYTES(in_list, view->page);
	}
	node = (uintptr_t)part_of_region(view, CMAP_WINDOW_NODE(level), part);
	if (!node)
		return -1;

	STORE(&part->level[level].list, list);
	STORE_RELEASE(&part->level[level].node,
		      node - CMAP_WINDOW_NODE_BYTES(level));
	return 0;
}

/* ---- feeds ---- */

/*
 * The words of the first shard's feed, with a page for each shard; NULL if there
 * is no feed, or if they cannot be mapped now.
 */
const struct cmap_window_feed *kcmap_view_feed(struct kcmap_view *view)
{
	return view->feed_bytes ?
	       (const void *)part_of_region(view, CMAP_WINDOW_FEED, view->part) :
	       NULL;
}

/* The same for the rings, with feed_bytes for each shard. */
const char *kcmap_view_rings(struct kcmap_view *view)
{
	return view->feed_bytes ?
	       part_of_region(view, CMAP_WINDOW_RING, view->part) : NULL;
}

/* ---- owners ---- */

/* The owners' generations; NULL if they cannot be mapped now. */
const uint64_t *kcmap_view_owners(struct kcmap_view *view)
{
	return (const void *)part_of_region(view, CMAP_WINDOW_OWNERS,
					    view->part);
}

/* ---- the whole ---- */

static size_t header_bytes(const struct cmap_window *header)
{
	return header->shards_offset +
	       (size_t)header->page_bytes * header->shards;
}

static int header_valid(const struct cmap_window *header, uint64_t id)
{
	size_t page = header->page_bytes;

	return page >= PAGE_LEAST && page <= PAGE_MOST && !(page & (page - 1)) &&
	       header->shards_offset && header->shards_offset <= PAGE_MOST &&
	       header->shards_offset % page == 0 &&
	       header->words_offset % page == 0 &&
	       header->words_offset < header->shards_offset &&
	       header->shard_bits < 16 &&
	       header->shards == 1U << header->shard_bits &&
	       header->key_max && header->key_max <= CMAP_KEY_MAX &&
	       (!header->feed_bytes ||
		(header->feed_bytes >= page &&
		 header->feed_bytes <= CMAP_FEED_BYTES_MAX &&
		 !(header->feed_bytes & (header->feed_bytes - 1)))) &&
	       header->id == id;
}

/*
 * 0, or a negative errno if this library cannot read such a window.  One of
 * another format may have another header, so the format is checked first.
 */
static int header_error(const struct cmap_window *header, uint64_t id)
{
	if (header->magic != CMAP_WINDOW_MAGIC)
		return -EBADFD;
	if (header->format != CMAP_WINDOW_FORMAT)
		return -EPROTONOSUPPORT;
	return header_valid(header, id) ? 0 : -EBADFD;
}

/* Copy the header of a window, and check that this library can read it. */
static int read_header(const struct kcmap *map, struct cmap_window *header)
{
	const void *first = map_window(map, sizeof(*header), 0, 0);
	int err;

	if (!first)
		return -1;
	/* Check and use the same copy: the original may change in between. */
	memcpy(header, first, sizeof(*header));
	unmap_pages(first, sizeof(*header));
	err = header_error(header, map->id);
	if (err)
		errno = -err;
	return err ? -1 : 0;
}

/* The view is zeroed. */
static struct kcmap_view *view_alloc(size_t size)
{
	struct kcmap_view *view;

	if (kcmap_space_reserve(size))
		return NULL;
	view = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (view == MAP_FAILED) {
		kcmap_space_release(size);
		return NULL;
	}
	view->size = size;
	return view;
}

/*
 * NULL with errno set.  EBADFD also means a window that this reader cannot
 * read, EPROTONOSUPPORT one of another format.
 */
struct kcmap_view *kcmap_view_open(const struct kcmap *map)
{
	struct cmap_window header;
	struct kcmap_view *view;
	uint32_t i;

	/* The regions would not fit into a 32-bit address space. */
	if (sizeof(void *) < 8) {
		errno = ENODEV;
		return NULL;
	}
	if (read_header(map, &header))
		return NULL;
	view = view_alloc(sizeof(*view) +
			  header.shards * sizeof(*view->part));
	if (!view)
		return NULL;
	view->header_size = header_bytes(&header);
	view->header = map_window(map, view->header_size, 0, 0);
	if (!view->header) {
		unmap_pages(view, view->size);
		return NULL;
	}

	view->hash = kcmap_hash_begin((const uint64_t *)header.secret);
	view->shard_bits = header.shard_bits;
	view->shard_shift = 63 - header.shard_bits;
	view->key_min = header.create_flags & CMAP_CREATE_FIXED_KEY ?
			header.key_max : 0;
	view->key_span = header.key_max - view->key_min;
	view->page = header.page_bytes;
	view->words = (const void *)((const char *)view->header +
				     header.words_offset);
	view->feed_bytes = header.feed_bytes;
	view->fd = map->fd;
	view->device = map->device;
	view->id = map->id;
	for (i = 0; i < header.shards; i++)
		view->part[i].shard = (const void *)
			((const char *)view->header + header.shards_offset +
			 i * view->page);

	return view;
}

void kcmap_view_close(struct kcmap_view *view)
{
	unsigned int i;

	if (!view)
		return;
	for (i = 0; i < CMAP_WINDOW_REGIONS; i++)
		if (view->region[i].base)
			unmap_pages(view->region[i].base, region_bytes(view, i));
	unmap_pages(view->header, view->header_size);
	unmap_pages(view, view->size);
}

/* Whether later tries would fail, too.  A lack of memory may pass. */
static int for_good(int err)
{
	return err == ENODEV || err == EACCES || err == EBADFD ||
	       err == EPROTONOSUPPORT;
}

/*
 * The view of a map, created by the first thread that asks for it.  NULL if the
 * map is read by system calls, for good or for a while.  Either way the
 * caller's read works, so errno does not change.
 */
struct kcmap_view *kcmap_view_make(struct kcmap *map)
{
	struct kcmap_view *view, *none = NULL;
	unsigned int without = LOAD(&map->reads_without);
	int saved = errno;

	if (LOAD(&map->no_window))
		return NULL;
	/* Concurrent decrements may count as one, which does no harm. */
	if (without) {
		STORE(&map->reads_without, without - 1);
		return NULL;
	}

	view = kcmap_view_open(map);
	if (!view) {
		if (for_good(errno))
			STORE(&map->no_window, errno);
		else
			STORE(&map->reads_without, READS_WITHOUT);
	} else if (!EXCHANGE_IF(&map->view, &none, view)) {
		kcmap_view_close(view);
		view = none;
	}
	errno = saved;
	return view;
}
