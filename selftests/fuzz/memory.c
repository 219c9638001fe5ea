// SPDX-License-Identifier: GPL-2.0
#include "memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/cmap.h>

#define IN_BYTES	(16 * FUZZ_PAGE)
#define OUT_BYTES	(2UL << 20)
#define HOLE_BYTES	(16UL << 20)
#define NAMES		8
#define NAME_ROOM	256

/* The areas of memory, each with a hole behind it. */
enum area {
	AREA_IN,		/* with AREA_OUT right behind it */
	AREA_FRESH,
	AREA_ELEMENTS,
	AREA_STRUCTS,
	AREA_NAMES,
	AREA_READONLY,
	AREA_SCRATCH,		/* of the first thread */
	AREA_SCRATCH_PEER,
	AREAS,
};

static const size_t area_bytes[AREAS] = {
	[AREA_IN] = IN_BYTES + OUT_BYTES,
	[AREA_FRESH] = 64 * FUZZ_PAGE,
	[AREA_ELEMENTS] = 2 * FUZZ_PAGE,
	[AREA_STRUCTS] = FUZZ_PAGE,
	[AREA_NAMES] = FUZZ_PAGE,
	[AREA_READONLY] = 2 * FUZZ_PAGE,
	[AREA_SCRATCH] = 2 * FUZZ_PAGE,
	[AREA_SCRATCH_PEER] = 2 * FUZZ_PAGE,
};

static char *area[AREAS];
static char *windows;
static char *readonly;		/* a writable mapping of the read-only pages */

/* In the lowest 2 GiB if possible, for 32-bit calls. */
static char *reserve(size_t size)
{
	return mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		    MAP_NORESERVE | MAP_32BIT, -1, 0);
}

static int make_readonly(void)
{
	int fd = memfd_create("readonly", MFD_CLOEXEC);
	size_t size = area_bytes[AREA_READONLY];
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		return -1;
	p = mmap(area[AREA_READONLY], size, PROT_READ, MAP_SHARED | MAP_FIXED,
		 fd, 0);
	readonly = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);

	return p == MAP_FAILED || readonly == MAP_FAILED ? -1 : 0;
}

int fuzz_memory_init(void)
{
	size_t size = HOLE_BYTES + FUZZ_WINDOWS * FUZZ_WINDOW;
	char *at;
	int i;

	for (i = 0; i < AREAS; i++)
		size += area_bytes[i] + HOLE_BYTES;
	at = reserve(size);
	if (at == MAP_FAILED)
		return -1;

	for (i = 0; i < AREAS; i++) {
		area[i] = at;
		if (mprotect(at, area_bytes[i], PROT_READ | PROT_WRITE))
			return -1;
		at += area_bytes[i] + HOLE_BYTES;
	}
	/* Aligned, so that the kernel can map tables in large pages. */
	windows = (char *)(((uintptr_t)at + (2UL << 20) - 1) & -(2UL << 20));

	return make_readonly();
}

static void fill_structs(void)
{
	struct cmap_range *range = (void *)(area[AREA_STRUCTS] + 256);
	struct cmap_stat *stat = (void *)area[AREA_STRUCTS];

	memset(stat, 0, sizeof(*stat));
	stat->size = sizeof(*stat);
	memset(range, 0, sizeof(*range));
	range->size = sizeof(*range);
	range->buf = (uintptr_t)area[AREA_IN] + IN_BYTES;
	range->buf_len = 4096;
}

static void fill_names(void)
{
	static const char *const names[NAMES] = {
		"fuzz-a", "fuzz-b", "fuzz-c", "fuzz-d", NULL, "a/b", "..", "",
	};
	char *at = area[AREA_NAMES];
	int i;

	for (i = 0; i < NAMES; i++, at += NAME_ROOM) {
		memset(at, names[i] ? 0 : 'n', NAME_ROOM);
		if (names[i])
			memcpy(at, names[i], strlen(names[i]));
	}
}

void fuzz_memory_reset(void)
{
	uint64_t *word = (void *)area[AREA_IN];
	uint64_t i;

	for (i = 0; i < IN_BYTES / sizeof(*word); i++)
		word[i] = (i + 1) * FUZZ_WORD;
	madvise(area[AREA_FRESH], area_bytes[AREA_FRESH], MADV_DONTNEED);
	memset(area[AREA_ELEMENTS], 0, area_bytes[AREA_ELEMENTS]);
	fill_structs();
	fill_names();
}

char *fuzz_window(uint64_t slot)
{
	return windows + slot % FUZZ_WINDOWS * FUZZ_WINDOW;
}

void fuzz_window_clear(uint64_t slot)
{
	mmap(fuzz_window(slot), FUZZ_WINDOW, PROT_NONE, MAP_PRIVATE |
	     MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static char *in_area(enum area which, uint64_t offset)
{
	return area[which] + offset % area_bytes[which];
}

static char *pointer(uint64_t place, uint64_t n)
{
	switch (place) {
	case PLACE_IN:
		return area[AREA_IN] + n * 8 % IN_BYTES;
	case PLACE_OUT:
		return area[AREA_IN] + IN_BYTES + n * 8 % OUT_BYTES;
	case PLACE_EDGE:
		return area[AREA_IN] + IN_BYTES + OUT_BYTES - n % OUT_BYTES;
	case PLACE_HOLE:
		return area[AREA_FRESH] - HOLE_BYTES + n % FUZZ_PAGE;
	case PLACE_READONLY:
		return in_area(AREA_READONLY, n);
	case PLACE_FRESH:
		return in_area(AREA_FRESH, n * 8);
	case PLACE_WINDOW:
		return fuzz_window(n) + (n >> 2) * 8 % FUZZ_WINDOW;
	case PLACE_KERNEL:
		return (char *)0xffff888000000000 + n * 8;
	case PLACE_STRANGE:
		return (char *)0x8000000000000000 + n;
	case PLACE_STRUCTS:
		return in_area(AREA_STRUCTS, n * 256);
	case PLACE_ELEMENTS:
		return in_area(AREA_ELEMENTS, n);
	case PLACE_ODD:
		return area[AREA_IN] + (n | 1) % IN_BYTES;
	case PLACE_NAMES:
		return area[AREA_NAMES] + n % NAMES * NAME_ROOM;
	default:
		return NULL;
	}
}

uint64_t fuzz_pointer(uint64_t arg)
{
	return (uintptr_t)pointer((arg & 0xff) % FUZZ_PLACES, arg >> 8);
}

void *fuzz_element(uint64_t index)
{
	return area[AREA_ELEMENTS] +
	       index % FUZZ_ELEMENTS * sizeof(struct cmap_op);
}

uint64_t fuzz_put(unsigned int thread, uint64_t where, const void *from,
		  size_t len)
{
	enum area which = thread ? AREA_SCRATCH_PEER : AREA_SCRATCH;
	char *at = area[which] + 64, *end = area[which] + area_bytes[which];

	switch (where % FUZZ_WHERES) {
	case WHERE_EDGE:
		at = end - (len < 4096 ? len : 4096);
		break;
	case WHERE_HALF:
		at = end - (len < 8192 ? len : 8192) / 2;
		break;
	case WHERE_NULL:
		return 0;
	case WHERE_HOLE:
		return (uintptr_t)end + FUZZ_PAGE;
	case WHERE_READONLY:
		memcpy(readonly, from, len < FUZZ_PAGE ? len : FUZZ_PAGE);
		return (uintptr_t)area[AREA_READONLY];
	case WHERE_KERNEL:
		return 0xffffffff81000000;
	case WHERE_ODD:
		at++;
		break;
	}
	memcpy(at, from, len < (size_t)(end - at) ? len : (size_t)(end - at));

	return (uintptr_t)at;
}
