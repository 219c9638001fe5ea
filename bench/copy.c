// SPDX-License-Identifier: GPL-2.0
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/cmap.h>

#define PAGE	4096
#define SPAN	(1UL << CMAP_WINDOW_SHIFT)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* ---- saving ---- */

/* What is not zero of a part of the window, to the same place in a file. */
static int save_piece(int window, int file, off_t offset, size_t size)
{
	static const char zeroes[PAGE];
	char *piece = mmap(NULL, size, PROT_READ, MAP_SHARED, window, offset);
	size_t at;
	int err = 0;

	if (piece == MAP_FAILED)
		return -1;
	for (at = 0; at < size && !err; at += PAGE)
		if (memcmp(piece + at, zeroes, PAGE))
			err = pwrite(file, piece + at, PAGE, offset + at) !=
			      PAGE;
	munmap(piece, size);
	return err ? -1 : 0;
}

/*
 * A piece at a time: to User Mode Linux each page of zeroes is a mapping by
 * itself, and of those its host lets it have 65530.
 */
static int save_part(int window, int file, off_t offset, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += SPAN)
		if (save_piece(window, file, offset + at,
			       size - at < SPAN ? size - at : SPAN))
			return -1;
	return 0;
}

static int save_table(int window, int file, uint64_t table)
{
	unsigned int bits = CMAP_WINDOW_TABLE_BITS(table);
	size_t chunks = 1UL << (bits - CMAP_WINDOW_TABLE_CHUNK_BITS(table));
	size_t pool = bits > CMAP_WINDOW_TABLE_POOL_BITS(table) ?
		1UL << (bits - CMAP_WINDOW_TABLE_POOL_BITS(table)) : 1;

	if (!table)
		return 0;
	if (CMAP_WINDOW_TABLE_INSIDE(table))
		pool = 0;
	return save_part(window, file,
			 CMAP_WINDOW_TABLE_NUMBER(table) << CMAP_WINDOW_SHIFT,
			 (chunks + pool) * SPAN);
}

static int save_shard(int window, int file,
		      const struct cmap_window_shard *shard)
{
	unsigned int i;

	if (save_table(window, file, shard->table) ||
	    save_table(window, file, shard->next))
		return -1;
	for (i = 0; i < CMAP_WINDOW_SEGMENTS; i++)
		if (shard->segment[i] &&
		    save_part(window, file,
			      shard->segment[i] << CMAP_WINDOW_SHIFT, SPAN))
			return -1;
	return 0;
}

/* Nobody may write to the map meanwhile. */
int copy_save(struct cmap *map, const char *path)
{
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	int window = cmap_fd(map), err;
	const struct cmap_window *header;
	size_t size;
	uint32_t i;

	header = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, window, 0);
	if (file < 0 || header == MAP_FAILED)
		return -1;
	size = header->header_bytes +
	       (size_t)header->shards * header->shard_bytes;
	header = mmap(NULL, size, PROT_READ, MAP_SHARED, window, 0);
	if (header == MAP_FAILED)
		return -1;

	err = save_part(window, file, 0, size);
	for (i = 0; i < header->shards && !err; i++)
		err = save_shard(window, file,
				 (const void *)((const char *)header +
						header->header_bytes +
						i * header->shard_bytes));
	return close(file) || err ? -1 : 0;
}

/* ---- opening ---- */

/* What the library asks of a map when it opens it, a copy answers too. */
static int copy = -1;

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd == copy && request == CMAP_IOCTL_STAT)
		return 0;
	return __real_ioctl(fd, request, arg);
}

/*
 * The module's blocks of 2 MiB are mapped by one entry each, and so shall the
 * copy's be.  One with more than half as much in it is one of those.
 */
static void enlarge(int memory, size_t size)
{
	static unsigned char there[SPAN / PAGE];
	char *room = mmap(NULL, size + SPAN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *all = room + (-(unsigned long)room & (SPAN - 1));
	size_t at, i, pages;
	int blocks = 0, large = 0;

	if (room == MAP_FAILED)
		return;
	if (mmap(all, size, PROT_READ, MAP_SHARED | MAP_FIXED, memory, 0) ==
	    MAP_FAILED)
		goto unmap;
	for (at = 0; at + SPAN <= size; at += SPAN) {
		if (mincore(all + at, SPAN, there))
			continue;
		for (pages = i = 0; i < SPAN / PAGE; i++)
			pages += there[i] & 1;
		if (pages <= SPAN / PAGE / 2)
			continue;
		blocks++;
		large += !madvise(all + at, SPAN, MADV_COLLAPSE);
	}
	printf("  %d of %d blocks of 2 MiB are mapped as one\n", large, blocks);
unmap:
	munmap(room, size + SPAN);
}

/* Into memory like that of the module. */
static int load(int file, int memory)
{
	static char page[PAGE];
	size_t size = lseek(file, 0, SEEK_END) + 64 * SPAN;
	off_t at = 0;

	if (ftruncate(memory, size))
		return -1;
	while ((at = lseek(file, at, SEEK_DATA)) >= 0) {
		if (pread(file, page, PAGE, at) != PAGE ||
		    pwrite(memory, page, PAGE, at) != PAGE)
			return -1;
		at += PAGE;
	}
	if (errno != ENXIO)
		return -1;
	enlarge(memory, size);
	return 0;
}

struct cmap *copy_open(const char *path)
{
	int file = open(path, O_RDONLY);

	copy = memfd_create("window", 0);
	if (file < 0 || copy < 0 || load(file, copy) || close(file))
		return NULL;
	return cmap_from_fd(copy);
}
