// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping a map into a process: mmap() and page faults.
 *
 * mmap() itself maps no page.  A page fault maps what is at its place; a large block
 * is mapped as a whole.  Where there is no block any more, a page of zeroes is mapped
 * and the place is marked.  A block that comes to a marked place is shown only after
 * the zeroes have been unmapped.  A block that leaves its place is unmapped from all
 * processes before it is freed, see block.c.  So a process that never unmaps does not
 * keep any of the map's memory.
 *
 * Pages are mapped without a struct page reference (VM_PFNMAP), so nobody can get
 * one.  A page that a pipe or a device held on to would keep its whole block after
 * the map has freed it; and a reference count of 32 bits could overflow.
 *
 * A mapping does not refer to the device's file, but to a file with the map's own
 * address_space, by which all mappings of the map are found.  That file holds a
 * reference to the map.
 */
#include "window.h"
#include "../core/feed.h"
#include "../core/layout.h"
#include "../core/map.h"
#include "../core/registry.h"
#include "file.h"

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/huge_mm.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <uapi/linux/cmap.h>

#define AROUND_PAGES	32	/* most small pages mapped by one fault */

/* The first pages of the first region. */
enum { HEADER_PAGE, WORDS_PAGE, SHARDS_PAGE };

/* The layout of the kernel's structures is that of the ABI. */
#define SAME(theirs, ours, field, other)				\
	static_assert(offsetof(struct theirs, field) ==			\
		      offsetof(struct ours, other))
SAME(cmap_window_bucket, cmap_bucket, head, head);
SAME(cmap_window_bucket, cmap_bucket, tag, tag);
SAME(cmap_window_bucket, cmap_bucket, ref, ref);
static_assert(sizeof(struct cmap_window_bucket) == sizeof(struct cmap_bucket));
static_assert(CMAP_WINDOW_SLOTS == CMAP_BUCKET_SLOTS);
static_assert(CMAP_WINDOW_GRANULES == CMAP_GRANULES_MAX);
static_assert(CMAP_WINDOW_MOVED == CMAP_BUCKET_MOVED);
static_assert(CMAP_WINDOW_LINKED == CMAP_BUCKET_LINKED);
static_assert(CMAP_WINDOW_NEXT(1U << CMAP_BUCKET_NEXT_SHIFT) == 1);
static_assert(CMAP_WINDOW_NEXT(~0U) == (1U << CMAP_BUCKET_NEXT_BITS) - 1);
SAME(cmap_window_node, cmap_node, version, version);
SAME(cmap_window_node, cmap_node, hash_high, hash_high);
SAME(cmap_window_node, cmap_node, lengths, lengths);
static_assert(CMAP_WINDOW_KEY_LEN(1U << CMAP_VALUE_LEN_BITS) == 1);
static_assert(CMAP_WINDOW_VALUE_LEN(~0U) == (1U << CMAP_VALUE_LEN_BITS) - 1);
static_assert(CMAP_WINDOW_EXTENDED == CMAP_NODE_EXTENDED);
SAME(cmap_window_trailer, cmap_trailer, flags, flags);
SAME(cmap_window_trailer, cmap_trailer, owner, owner);
SAME(cmap_window_trailer, cmap_trailer, deadline, deadline);
SAME(cmap_window_trailer, cmap_trailer, generation, generation);
SAME(cmap_window_trailer, cmap_trailer, transaction, transaction);
SAME(cmap_window_trailer, cmap_trailer, old, old);
static_assert(sizeof(struct cmap_window_trailer) == sizeof(struct cmap_trailer));
static_assert(CMAP_WINDOW_DEADLINE == CMAP_TRAILER_DEADLINE);
static_assert(CMAP_WINDOW_OWNER == CMAP_TRAILER_OWNER);
static_assert(CMAP_WINDOW_PENDING == CMAP_TRAILER_PENDING);
static_assert(CMAP_KEY_MAX < 1U << CMAP_KEY_LEN_BITS);
static_assert(CMAP_WINDOW_KEY_LEN(~0U) == (1U << CMAP_KEY_LEN_BITS) - 1);
static_assert(CMAP_VALUE_MAX < 1U << CMAP_VALUE_LEN_BITS);
static_assert(sizeof(struct cmap_window_node) == sizeof(struct cmap_node));
static_assert(CMAP_OFFSET_BITS + CMAP_UNIT_SHIFT == CMAP_WINDOW_GRANULE_SHIFT);
static_assert(CMAP_GRANULE_BYTES % PAGE_SIZE == 0);
static_assert(sizeof(struct cmap_window) <= PAGE_SIZE);
static_assert(sizeof(struct cmap_window_words) <= PAGE_SIZE);
static_assert(offsetof(struct cmap_window_words, committed) >= L1_CACHE_BYTES);
static_assert(CMAP_TABLE_BITS_MAX < 32);
static_assert(CMAP_OWNERS_MAX * sizeof(u64) <= CMAP_WINDOW_REGION(1));
/* Each region has room for all shards. */
static_assert((CMAP_GRANULE_BYTES * CMAP_WINDOW_GRANULES / 2) *
	      CMAP_SHARDS_MAX <= 1ULL << CMAP_WINDOW_REGION_SHIFT);

/* Mapped at places without a block. */
static struct page *zeroes;

/* ---- setup at the first mmap() ---- */

/**
 * struct mappings - all mappings of a map
 * @base: the part that the core knows
 * @mapping: address space in which all mappings are found
 */
struct mappings {
	struct cmap_mapped base;
	struct address_space mapping;
};

static struct mappings *mappings_of(struct cmap_mapped *mapped)
{
	return container_of(mapped, struct mappings, base);
}

static void mappings_unmap(struct cmap_mapped *mapped, u64 offset, u64 bytes)
{
	unmap_mapping_range(&mappings_of(mapped)->mapping, offset, bytes, 1);
}

static void mappings_free(struct cmap_mapped *mapped)
{
	kfree(mappings_of(mapped));
}

/* Does nothing if an earlier mmap(), which failed later on, has done it. */
static int window_mappings_new(struct cmap *map)
{
	struct mappings *mappings;
	int err;

	if (map->memory.mapped)
		return 0;

	mappings = kzalloc(sizeof(*mappings), CMAP_GFP_KERNEL);
	if (!mappings)
		return -ENOMEM;
	mappings->base.unmap = mappings_unmap;
	mappings->base.free = mappings_free;
	address_space_init_once(&mappings->mapping);
	err = cmap_memory_map(&map->memory, &mappings->base);
	if (err)
		kfree(mappings);
	return err;
}

static int window_header_new(struct cmap *map, struct cmap_block **result)
{
	struct cmap_window *header;
	struct cmap_block *block;
	int err;

	block = cmap_block_alloc_shown(&map->memory, NUMA_NO_NODE, GFP_KERNEL,
				       &err);
	if (!block)
		return err;

	header = block->base;
	header->magic = CMAP_WINDOW_MAGIC;
	header->format = CMAP_WINDOW_FORMAT;
	header->words_offset = WORDS_PAGE * PAGE_SIZE;
	header->shards_offset = SHARDS_PAGE * PAGE_SIZE;
	header->page_bytes = PAGE_SIZE;
	header->feed_bytes = map->feed_bytes;
	header->shards = map->shards;
	header->shard_bits = ilog2(map->shards);
	header->create_flags = map->flags;
	header->key_max = map->key_max;
	header->id = map->id;
	header->secret[0] = map->secret[0];
	header->secret[1] = map->secret[1];
	*result = block;

	return 0;
}

/*
 * Make all that a window needs, when the map is mapped for the first time.  If this
 * fails, views that were made are kept for the next attempt.  They are not charged to
 * the map's own limit.
 */
static int window_open_locked(struct cmap *map)
{
	int err = 0;
	u32 i;

	lockdep_assert_held(&map->window_mutex);

	if (map->window)
		return 0;

	for (i = 0; i < map->shards && !err; i++)
		err = cmap_shard_show(map->shard[i]);
	if (!err)
		err = window_mappings_new(map);
	if (!err)
		err = cmap_clock_prepare(&map->clock, GFP_KERNEL);
	if (!err)
		err = window_header_new(map, &map->window);

	return err;
}

static int window_open(struct cmap *map)
{
	int err;

	mutex_lock(&map->window_mutex);
	err = window_open_locked(map);
	mutex_unlock(&map->window_mutex);

	return err;
}

/* ---- page faults ---- */

/*
 * Pages that one fault can map, the first of them at @pgoff: @count contiguous pages,
 * or with @step 0 the same page for each of them.
 */
struct run {
	struct page *page;
	unsigned int step;
	pgoff_t pgoff;
	unsigned long count;
};

static void run_set_page(struct run *run, struct page *page)
{
	run->page = page;
	run->count = 1;
}

/*
 * Extend a run to the pages around it, within an extent.  @pgoff is the extent's
 * beginning in the file.
 */
static void run_extend(struct run *run, const struct cmap_extent *extent,
		       pgoff_t pgoff)
{
	unsigned long i = round_down(run->pgoff - pgoff, AROUND_PAGES);

	run->page = virt_to_page(extent->base + i * PAGE_SIZE);
	run->pgoff = pgoff + i;
	run->count = min_t(unsigned long, extent->bytes / PAGE_SIZE - i,
			   AROUND_PAGES);
	run->step = 1;
}

/*
 * The first region: the header, the words that change, then the first page of each
 * shard's view.
 */
static bool window_find_head(struct cmap *map, u64 at, struct run *run)
{
	u64 i = at >> PAGE_SHIFT;

	if (i == HEADER_PAGE) {
		run_set_page(run, virt_to_page(map->window->base));
		return true;
	}
	if (i == WORDS_PAGE) {
		run_set_page(run, virt_to_page(map->clock.words->base));
		return true;
	}
	i -= SHARDS_PAGE;
	if (i >= map->shards)
		return false;

	run_set_page(run, cmap_view_page(map->shard[i]->arena.view, 0));
	return true;
}

static bool window_find_list(struct cmap *map, unsigned int level, u64 at,
			     struct run *run)
{
	u32 count = cmap_level_count(level, 1);
	u64 i = at >> PAGE_SHIFT;
	struct page *page;

	if (i / count >= map->shards)
		return false;

	page = cmap_view_page(map->shard[i / count]->arena.view,
			      cmap_level_begin(level, 1) + i % count);
	if (page)
		run_set_page(run, page);
	return page;
}

static bool window_find_owners(struct cmap *map, u64 at, struct run *run)
{
	u64 i = at >> PAGE_SHIFT;
	struct cmap_block *page;

	if (i >= CMAP_OWNER_PAGES)
		return false;

	/* Pairs with the release in owners_page(). */
	page = smp_load_acquire(&map->owners.page[i]);
	if (page)
		run_set_page(run, virt_to_page(page->base));
	return page;
}

static bool window_find_node(struct cmap *map, unsigned int level, u64 at,
			     bool shown, struct run *run)
{
	u32 count = cmap_level_count(level, CMAP_WINDOW_GRANULES_NONE);
	u32 begin = cmap_level_begin(level, CMAP_WINDOW_GRANULES_NONE);
	u64 i = at >> CMAP_WINDOW_GRANULE_SHIFT;
	u64 granule = begin + i % count;
	struct cmap_extent extent = {};
	pgoff_t first;

	if (i / count >= map->shards ||
	    !cmap_shard_find_segment(map->shard[i / count], granule, shown,
				     &extent))
		return false;

	at = (granule << CMAP_WINDOW_GRANULE_SHIFT) +
	     at % CMAP_GRANULE_BYTES - extent.at;
	first = run->pgoff - (at >> PAGE_SHIFT);
	if (at < extent.bytes)
		run_extend(run, &extent, first);
	return true;
}

static bool window_find_table(struct cmap *map, u32 place, u64 at, bool shown,
			      struct run *run)
{
	u8 bits = place % 32, bank = place / 32;
	struct cmap_extent extent = {};
	u64 shard;

	if (bits < CMAP_TABLE_BITS_MIN || bits > CMAP_TABLE_BITS_MAX)
		return false;
	shard = div64_u64_rem(at, cmap_place_table_bytes(bits), &at);
	if (shard >= map->shards ||
	    !cmap_shard_find_table(map->shard[shard], bits, bank, at, shown,
				   &extent))
		return false;

	if (extent.bytes)
		run_extend(run, &extent,
			   run->pgoff - ((at - extent.at) >> PAGE_SHIFT));
	return true;
}

/* A feed exists as long as its map, so its places are never empty. */
static bool window_find_feed(struct cmap *map, u64 at, struct run *run)
{
	u64 i = at >> PAGE_SHIFT;

	if (!map->feed_bytes || i >= map->shards)
		return false;

	run_set_page(run, virt_to_page(map->shard[i]->feed->words));
	return true;
}

static bool window_find_ring(struct cmap *map, u64 at, struct run *run)
{
	struct cmap_extent extent = { .bytes = map->feed_bytes };
	u64 i;

	if (!map->feed_bytes)
		return false;
	i = at >> ilog2(map->feed_bytes);
	if (i >= map->shards)
		return false;

	extent.base = map->shard[i]->feed->ring;
	run_extend(run, &extent,
		   run->pgoff - ((at & (map->feed_bytes - 1)) >> PAGE_SHIFT));
	return true;
}

/*
 * Find what can be mapped at and around a page.  If there is no block any more, that
 * is the page of zeroes; @shown says that the caller will map it.  False if there
 * never was a block.
 */
static bool window_find_run(struct cmap *map, pgoff_t pgoff, bool shown,
			    struct run *run)
{
	u64 at = (u64)pgoff << PAGE_SHIFT;
	u32 region = at >> CMAP_WINDOW_REGION_SHIFT;

	at &= CMAP_WINDOW_REGION(1) - 1;
	*run = (struct run){ .page = zeroes, .pgoff = pgoff, .count = 1 };
	switch (region) {
	case CMAP_WINDOW_HEAD:
		return window_find_head(map, at, run);
	case CMAP_WINDOW_LIST(1) ... CMAP_WINDOW_LIST(15):
		return window_find_list(map, region - CMAP_WINDOW_LIST(0), at, run);
	case CMAP_WINDOW_FEED:
		return window_find_feed(map, at, run);
	case CMAP_WINDOW_RING:
		return window_find_ring(map, at, run);
	case CMAP_WINDOW_OWNERS:
		return window_find_owners(map, at, run);
	case CMAP_WINDOW_NODE(1) ...
	     CMAP_WINDOW_NODE(CMAP_WINDOW_NODE_LEVELS - 1):
		return window_find_node(map, region - CMAP_WINDOW_NODE(0), at, shown,
					run);
	case CMAP_WINDOW_TABLE(0, 0) ... CMAP_WINDOW_REGIONS - 1:
		return window_find_table(map, region - CMAP_WINDOW_TABLE(0, 0), at,
					 shown, run);
	default:
		return false;
	}
}

/* Cut off the pages that are outside of the mapping. */
static void window_clip_run(struct run *run, struct vm_area_struct *vma)
{
	pgoff_t end = vma->vm_pgoff + vma_pages(vma);

	if (run->pgoff < vma->vm_pgoff) {
		unsigned long skip = vma->vm_pgoff - run->pgoff;

		run->page += skip * run->step;
		run->pgoff += skip;
		run->count -= skip;
	}
	run->count = min_t(unsigned long, run->count, end - run->pgoff);
}

static vm_fault_t window_map_run(struct vm_area_struct *vma, const struct run *run)
{
	unsigned long at = vma->vm_start +
			   ((run->pgoff - vma->vm_pgoff) << PAGE_SHIFT);
	unsigned long pfn = page_to_pfn(run->page);
	vm_fault_t fault = VM_FAULT_NOPAGE;
	unsigned long i;

	for (i = 0; i < run->count && fault == VM_FAULT_NOPAGE; i++)
		fault = vmf_insert_pfn(vma, at + i * PAGE_SIZE,
				       pfn + i * run->step);
	return fault;
}

static vm_fault_t window_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct cmap *map = vma->vm_private_data;
	vm_fault_t fault = VM_FAULT_SIGBUS;
	struct srcu_struct *faults = &map->memory.mapped->faults;
	/* Map zeroes only for an access by the process itself. */
	bool user = vmf->flags & FAULT_FLAG_USER;
	struct run run;
	int cookie;

	cookie = srcu_read_lock(faults);
	if (window_find_run(map, vmf->pgoff, user, &run) &&
	    (run.page != zeroes || user)) {
		window_clip_run(&run, vma);
		fault = window_map_run(vma, &run);
	}
	srcu_read_unlock(faults, cookie);

	return fault;
}

#ifdef CMAP_HUGE_PFNMAP
/* Map a block with one PMD entry, if it is exactly as large. */
static vm_fault_t window_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct cmap *map = vmf->vma->vm_private_data;
	struct srcu_struct *faults = &map->memory.mapped->faults;
	vm_fault_t fault = VM_FAULT_FALLBACK;
	struct run run;
	int cookie;

	/* The mapping may be too small, or not be aligned like the file. */
	if (order != PMD_ORDER ||
	    !thp_vma_suitable_order(vmf->vma, vmf->address, order))
		return VM_FAULT_FALLBACK;

	cookie = srcu_read_lock(faults);
	if (window_find_run(map, round_down(vmf->pgoff, 1UL << PMD_ORDER), false,
			    &run) && compound_order(run.page) == PMD_ORDER)
		fault = vmf_insert_pfn_pmd(vmf, cmap_pfn(page_to_pfn(run.page)),
					   false);
	srcu_read_unlock(faults, cookie);

	return fault;
}
#endif

#ifdef CMAP_HUGE_PFNMAP
/*
 * fork() reads a PMD entry without a lock and copies it to the child.  In between the
 * entry can be unmapped from the parent, and its block be freed.  So clear the
 * parent's entries here, before they are copied: parent and child then fault them in
 * again.  No page fault can come in between, as fork() holds the parent's mmap_lock
 * for writing.
 */
static void window_open_vma(struct vm_area_struct *vma)
{
	struct vm_area_struct *parent;

	/* No fork: the mapping was split or moved. */
	if (vma->vm_mm == current->mm)
		return;
	parent = vma_lookup(current->mm, vma->vm_start);
	if (parent && parent->vm_ops == vma->vm_ops)
		zap_special_vma_range(parent, parent->vm_start,
				      parent->vm_end - parent->vm_start);
}
#endif

/* For debuggers: they cannot get a reference to the page. */
static int window_access(struct vm_area_struct *vma, unsigned long addr,
			 void *buf, int len, int write)
{
	pgoff_t pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	struct cmap *map = vma->vm_private_data;
	struct srcu_struct *faults = &map->memory.mapped->faults;
	struct run run;
	int cookie;

	if (write)
		return -EACCES;

	len = min_t(int, len, PAGE_SIZE - offset_in_page(addr));
	cookie = srcu_read_lock(faults);
	if (!window_find_run(map, pgoff, false, &run) || run.page == zeroes)
		len = -EFAULT;
	else
		memcpy(buf, page_address(run.page + (pgoff - run.pgoff) *
					 run.step) + offset_in_page(addr), len);
	srcu_read_unlock(faults, cookie);

	return len;
}

static const struct vm_operations_struct window_vm_ops = {
	.fault = window_fault,
#ifdef CMAP_HUGE_PFNMAP
	.huge_fault = window_huge_fault,
	.open = window_open_vma,
#endif
	.access = window_access,
};

/* ---- mmap ---- */

static int window_release(struct inode *inode, struct file *file)
{
	struct cmap *map = file->private_data;

	/* f_mapping is freed with the map.  Point to one that outlives it. */
	file->f_mapping = inode->i_mapping;
	cmap_map_put(map);
	return 0;
}

static const struct file_operations window_fops = {
	.owner = THIS_MODULE,
	.release = window_release,
};

static struct file *window_file_new(struct cmap *map)
{
	struct address_space *mapping =
		&mappings_of(map->memory.mapped)->mapping;
	struct file *file;

	file = anon_inode_getfile("[cmap]", &window_fops, map, O_RDONLY);
	if (IS_ERR(file))
		return file;

	/* All anonymous inodes are one.  It only serves as the mapping's host. */
	mapping->host = file_inode(file);
	mapping->a_ops = file_inode(file)->i_mapping->a_ops;
	cmap_map_get(map);
	file->f_mapping = mapping;
	return file;
}

/* The file that a descriptor's mappings refer to.  It is made for the first one. */
static struct file *window_file(struct cmap_file *own, struct cmap *map)
{
	struct file *file;

	mutex_lock(&own->lock);
	file = own->window;
	if (!file) {
		file = window_file_new(map);
		if (!IS_ERR(file))
			own->window = file;
	}
	mutex_unlock(&own->lock);

	return file;
}

/* What mmap() was called for. */
struct request {
	pgoff_t first;
	unsigned long pages;
	bool shared;
	bool writable;			/* or executable */
};

/* Whether the whole range is inside the regions of a window. */
static bool request_in_regions(const struct request *request)
{
	pgoff_t last = request->first + request->pages - 1;

	return last >= request->first &&
	       last < CMAP_WINDOW_REGION(CMAP_WINDOW_REGIONS) >> PAGE_SHIFT;
}

/* Check a request.  Return the file that the mapping shall refer to, or an ERR_PTR. */
static struct file *window_file_for(struct file *file, const struct request *request)
{
	struct cmap *map = cmap_file_map(file);
	int err;

	if (!map)
		return ERR_PTR(-EBADFD);
	if (map->flags & CMAP_CREATE_NO_WINDOW || cmap_cache_aliases())
		return ERR_PTR(-ENODEV);
	if (request->writable)
		return ERR_PTR(-EACCES);
	if (!request->shared || !request_in_regions(request))
		return ERR_PTR(-EINVAL);
	err = window_open(map);
	if (err)
		return ERR_PTR(err);
	return window_file(cmap_file_of(file), map);
}

/*
 * For both functions below.  Context: Process; mmap_lock is held for writing.
 * Return: 0; -EBADFD without a map; -ENODEV if the map has no window, or if caches of
 * the CPU alias; -EACCES if the mapping could be written or executed; -EINVAL if it is
 * private, or beyond all regions; -EDQUOT, -ENOMEM, -ENFILE or -ENOSPC.
 *
 * The file holds a reference to the map.  VM_HUGEPAGE is set because huge entries cost
 * no memory here: the blocks exist anyway.  So only the setting "never" for
 * transparent huge pages shall disable them.
 */
#ifdef CMAP_HAVE_MMAP_PREPARE
/**
 * cmap_window_mmap_prepare() - the device's mmap
 * @desc: describes the mapping to be made
 *
 * The reference to the file becomes the mapping's.  If no mapping is made the caller
 * drops it.
 *
 * Context: See above.
 * Return: See above.
 */
int cmap_window_mmap_prepare(struct vm_area_desc *desc)
{
	const struct request request = {
		.first = desc->pgoff,
		.pages = vma_desc_pages(desc),
		.shared = vma_desc_test(desc, VMA_MAYSHARE_BIT),
		.writable = vma_desc_test_any(desc, VMA_WRITE_BIT,
					      VMA_EXEC_BIT),
	};
	struct file *window = window_file_for(desc->file, &request);

	if (IS_ERR(window))
		return PTR_ERR(window);

	desc->vm_file = get_file(window);
	vma_desc_clear_flags(desc, VMA_MAYWRITE_BIT, VMA_MAYEXEC_BIT);
	vma_desc_set_flags(desc, VMA_PFNMAP_BIT, VMA_DONTEXPAND_BIT,
			   VMA_DONTDUMP_BIT);
#ifdef CMAP_HUGE_PFNMAP
	vma_desc_set_flags(desc, VMA_HUGEPAGE_BIT);
#endif
	desc->private_data = cmap_file_map(desc->file);
	desc->vm_ops = &window_vm_ops;

	return 0;
}
#else
/**
 * cmap_window_mmap() - the device's mmap
 * @file: the descriptor's file
 * @vma: the mapping
 *
 * Context: See above.
 * Return: See above.
 */
int cmap_window_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct request request = {
		.first = vma->vm_pgoff,
		.pages = vma_pages(vma),
		.shared = vma->vm_flags & VM_MAYSHARE,
		.writable = vma->vm_flags & (VM_WRITE | VM_EXEC),
	};
	struct file *window = window_file_for(file, &request);

	if (IS_ERR(window))
		return PTR_ERR(window);

	vma_set_file(vma, window);
	vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
#ifdef CMAP_HUGE_PFNMAP
	vm_flags_set(vma, VM_HUGEPAGE);
#endif
	vma->vm_private_data = cmap_file_map(file);
	vma->vm_ops = &window_vm_ops;

	return 0;
}
#endif

/* ---- init ---- */

/**
 * cmap_window_init() - prepare for mappings
 *
 * Context: Process.
 * Return: 0 or a negative errno.
 */
int cmap_window_init(void)
{
	zeroes = alloc_page(GFP_KERNEL | __GFP_ZERO);
	return zeroes ? 0 : -ENOMEM;
}

/**
 * cmap_window_exit() - clean up when no map and no open file is left
 *
 * Context: Process.
 */
void cmap_window_exit(void)
{
	__free_page(zeroes);
}
