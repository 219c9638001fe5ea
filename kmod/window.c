// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping a map.
 *
 * Nothing is mapped by mmap() itself: page faults bring in what is there (all
 * at once where that is a large block), and a page of zeroes where nothing is,
 * or is any more.  Zeroes stay when something comes there, so they are only for
 * processes that look themselves, not for MAP_POPULATE or locked memory.  A
 * block that is freed is taken out of all mappings first (see block.c), so a
 * process that keeps its mapping for ever keeps none of the map's memory.
 *
 * Pages are mapped without a reference to them, so that nobody can get one: a
 * page that a pipe or a device held on to would keep its whole block, which
 * the map has long given back, and references are counted in 32 bits.
 */
#include "window.h"
#include "file.h"
#include "map.h"
#include "view.h"

#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/huge_mm.h>
#include <linux/log2.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <uapi/linux/cmap.h>

#define AROUND_PAGES	32	/* mapped by one fault */
#define NUMBER_SHIFT	(CMAP_WINDOW_SHIFT - PAGE_SHIFT)
#define SHARD_PAGES	CMAP_VIEW_PAGES

/* What processes read is what we write. */
#define SAME(theirs, ours, field, other)				\
	static_assert(offsetof(struct theirs, field) ==			\
		      offsetof(struct ours, other))
SAME(cmap_window_bucket, cmap_bucket, head, head);
SAME(cmap_window_bucket, cmap_bucket, tag, tag);
SAME(cmap_window_bucket, cmap_bucket, ref, ref);
static_assert(sizeof(struct cmap_window_bucket) == sizeof(struct cmap_bucket));
static_assert(CMAP_WINDOW_SLOTS == CMAP_BUCKET_SLOTS);
static_assert(CMAP_WINDOW_MOVED == CMAP_BUCKET_MOVED);
static_assert(CMAP_WINDOW_LINKED == CMAP_BUCKET_LINKED);
static_assert(CMAP_WINDOW_NEXT(1U << CMAP_BUCKET_NEXT_SHIFT) == 1);
SAME(cmap_window_node, cmap_node, version, version);
SAME(cmap_window_node, cmap_node, order, order);
SAME(cmap_window_node, cmap_node, lengths, lengths);
static_assert(CMAP_WINDOW_KEY_LEN(1U << CMAP_VALUE_LEN_BITS) == 1);
static_assert(CMAP_WINDOW_VALUE_LEN(~0U) == (1U << CMAP_VALUE_LEN_BITS) - 1);
static_assert(CMAP_KEY_MAX < 1U << (32 - CMAP_VALUE_LEN_BITS));
static_assert(CMAP_VALUE_MAX < 1U << CMAP_VALUE_LEN_BITS);
static_assert(sizeof(struct cmap_window_node) == sizeof(struct cmap_node));
static_assert(1U << CMAP_WINDOW_SHIFT ==
	      1U << (CMAP_OFFSET_BITS + CMAP_UNIT_SHIFT));
/* All shards' views lie before the first block. */
static_assert(1 + (u64)CMAP_SHARDS_MAX * SHARD_PAGES <=
	      (u64)CMAP_WINDOW_FIRST << NUMBER_SHIFT);

/* What the maps' address spaces belong to. */
static struct vfsmount *mount;
static struct inode *inode;

/* Stands where nothing is. */
static struct page *zeroes;

/* ---- making it ---- */

static int header_new(struct cmap *map, struct cmap_block **result)
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
	header->header_bytes = PAGE_SIZE;
	header->shard_bytes = SHARD_PAGES * PAGE_SIZE;
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
 * The first time that a map is mapped its shards get views.  Those that have
 * theirs when it fails keep them for the next who tries: that is no more than
 * had it not failed, and none of it is on the map's bill.
 */
static int open_locked(struct cmap *map)
{
	struct cmap_block *header;
	int err = 0;
	u32 i;

	if (map->window)
		return 0;

	for (i = 0; i < map->shards && !err; i++)
		err = cmap_shard_show(map->shard[i]);
	if (!err)
		err = header_new(map, &header);
	if (err)
		return err;

	WRITE_ONCE(map->memory.mapped, true);
	/*
	 * Pairs with the barrier in cmap_block_free(): a block that it does not
	 * see to be mapped can no longer be found.
	 */
	smp_mb();
	/* Pairs with the acquire in special_page(). */
	smp_store_release(&map->window, header);

	return 0;
}

static int window_open(struct cmap *map)
{
	int err;

	mutex_lock(&map->window_mutex);
	err = open_locked(map);
	mutex_unlock(&map->window_mutex);

	return err;
}

/* ---- page faults ---- */

/*
 * Pages that one fault can map, the first of them at @pgoff: a row of pages,
 * or, with @step 0, the same one again and again.
 */
struct run {
	struct page *page;
	unsigned int step;
	pgoff_t pgoff;
	unsigned long count;
};

/* Of the header and the views, each page by itself. */
static struct page *special_page(struct cmap *map, pgoff_t pgoff)
{
	/* Pairs with the release in open_locked(). */
	struct cmap_block *block = smp_load_acquire(&map->window);
	unsigned long i = pgoff - 1;
	const struct cmap_view *view;

	if (!pgoff)
		return virt_to_page(block->base);
	if (i / SHARD_PAGES >= map->shards)
		return NULL;

	view = map->shard[i / SHARD_PAGES]->arena.view;
	block = READ_ONCE(view->page[i % SHARD_PAGES]);
	return block ? virt_to_page(block->base) : NULL;
}

/* Of a block, as many as there are around a page; else as many zeroes. */
static void block_run(struct cmap *map, pgoff_t pgoff, struct run *run)
{
	unsigned long count = 0, i = pgoff & ((1UL << NUMBER_SHIFT) - 1);
	struct cmap_block *block;

	block = cmap_block_find(&map->memory, pgoff >> NUMBER_SHIFT);
	if (block)
		count = 1UL << block->order;

	run->pgoff = round_down(pgoff, AROUND_PAGES);
	run->count = AROUND_PAGES;
	if (i < count) {
		i = round_down(i, AROUND_PAGES);
		run->page = virt_to_page(block->base + i * PAGE_SIZE);
		run->count = min_t(unsigned long, count - i, AROUND_PAGES);
		run->step = 1;
	} else if (count > i - i % AROUND_PAGES) {
		/* The block ends within these. */
		run->pgoff = pgoff;
		run->count = 1;
	}
}

static void find_run(struct cmap *map, pgoff_t pgoff, struct run *run)
{
	*run = (struct run){ .page = zeroes };
	if (pgoff >> NUMBER_SHIFT >= CMAP_WINDOW_FIRST) {
		block_run(map, pgoff, run);
	} else {
		run->page = special_page(map, pgoff) ?: zeroes;
		run->pgoff = pgoff;
		run->count = 1;
	}
}

/* Leave out what is not in the mapping. */
static void clip_run(struct run *run, struct vm_area_struct *vma)
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

static vm_fault_t map_run(struct vm_area_struct *vma, const struct run *run)
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
	struct run run;
	int cookie;

	cookie = srcu_read_lock(&cmap_block_faults);
	find_run(map, vmf->pgoff, &run);
	clip_run(&run, vma);
	if (run.page != zeroes || vmf->flags & FAULT_FLAG_USER)
		fault = map_run(vma, &run);
	srcu_read_unlock(&cmap_block_faults, cookie);

	return fault;
}

#ifdef CMAP_HUGE_PFNMAP
/* All of a block that is as large as one entry of a table of tables maps. */
static vm_fault_t window_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct cmap *map = vmf->vma->vm_private_data;
	vm_fault_t fault = VM_FAULT_FALLBACK;
	const struct cmap_block *block;
	int cookie;

	/* The mapping may be smaller, or not lie as the file does. */
	if (order != PMD_ORDER ||
	    !thp_vma_suitable_order(vmf->vma, vmf->address, order))
		return VM_FAULT_FALLBACK;

	cookie = srcu_read_lock(&cmap_block_faults);
	block = cmap_block_find(&map->memory, vmf->pgoff >> NUMBER_SHIFT);
	if (block && block->order == PMD_ORDER) {
		unsigned long pfn = page_to_pfn(virt_to_page(block->base));

		fault = vmf_insert_pfn_pmd(vmf, cmap_pfn(pfn), false);
	}
	srcu_read_unlock(&cmap_block_faults, cookie);

	return fault;
}
#endif

/* For debuggers, who cannot get hold of the page. */
static int window_access(struct vm_area_struct *vma, unsigned long addr,
			 void *buf, int len, int write)
{
	pgoff_t pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	struct run run;
	int cookie;

	if (write)
		return -EACCES;

	len = min_t(int, len, PAGE_SIZE - offset_in_page(addr));
	cookie = srcu_read_lock(&cmap_block_faults);
	find_run(vma->vm_private_data, pgoff, &run);
	if (run.page == zeroes)
		len = -EFAULT;
	else
		memcpy(buf, page_address(run.page + (pgoff - run.pgoff) *
					 run.step) + offset_in_page(addr), len);
	srcu_read_unlock(&cmap_block_faults, cookie);

	return len;
}

static const struct vm_operations_struct window_vm_ops = {
	.fault = window_fault,
#ifdef CMAP_HUGE_PFNMAP
	.huge_fault = window_huge_fault,
#endif
	.access = window_access,
};

/* ---- mmap ---- */

/* Whether all of a range of the file is, or was, or may be something. */
static bool range_valid(struct vm_area_struct *vma)
{
	pgoff_t last = vma->vm_pgoff + vma_pages(vma) - 1;

	return last >= vma->vm_pgoff &&
	       cmap_block_number_used(last >> NUMBER_SHIFT);
}

/**
 * cmap_window_mmap() - the device's mmap
 * @file: the descriptor's file
 * @vma: the mapping
 *
 * Context: Process; the mm's lock is held for writing.
 * Return: 0; -EBADFD without a map; -ENODEV if the map has no window; -EACCES
 * if the mapping could be written or executed; -EINVAL if it is private, or
 * where nothing ever was; -ENOMEM or -ENOSPC.
 */
int cmap_window_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct cmap *map = cmap_file_map(file);
	int err;

	if (!map)
		return -EBADFD;
	if (!IS_ENABLED(CONFIG_64BIT) || map->flags & CMAP_CREATE_NO_WINDOW)
		return -ENODEV;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
	if (!(vma->vm_flags & VM_MAYSHARE) || !range_valid(vma))
		return -EINVAL;
	err = window_open(map);
	if (err)
		return err;

	vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
#ifdef CMAP_HUGE_PFNMAP
	/* The memory is there in any case; only "never" shall hold for it. */
	vm_flags_set(vma, VM_HUGEPAGE);
#endif
	/* The mapping holds the file, and that the map. */
	vma->vm_private_data = map;
	vma->vm_ops = &window_vm_ops;

	return 0;
}

/**
 * cmap_window_bind() - make a file's mappings the map's to find
 * @file: the file, about to be bound to the map
 * @map: the map
 *
 * Context: Process.
 */
void cmap_window_bind(struct file *file, struct cmap *map)
{
	file->f_mapping = &map->memory.mapping;
}

/* ---- init ---- */

static int init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, ANON_INODE_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type fs_type = {
	.name = "cmap",
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

/**
 * cmap_window_init() - prepare for mappings
 *
 * Context: Process.
 * Return: 0 or a negative errno.
 */
int cmap_window_init(void)
{
	int err;

	zeroes = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!zeroes)
		return -ENOMEM;

	mount = kern_mount(&fs_type);
	if (IS_ERR(mount)) {
		err = PTR_ERR(mount);
		goto free_zeroes;
	}
	inode = alloc_anon_inode(mount->mnt_sb);
	if (IS_ERR(inode)) {
		err = PTR_ERR(inode);
		goto unmount;
	}
	cmap_block_host(inode);

	return 0;

unmount:
	kern_unmount(mount);
free_zeroes:
	__free_page(zeroes);
	return err;
}

/**
 * cmap_window_exit() - the end, when no block and no open file is left
 *
 * Context: Process.
 */
void cmap_window_exit(void)
{
	cmap_block_host(NULL);
	iput(inode);
	kern_unmount(mount);
	__free_page(zeroes);
}
