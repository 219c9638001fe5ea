/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that calls point to.  Every worker lays it out in the same way, so
 * a program means the same in each.  Behind each writable area there is a hole,
 * larger than any length that the kernel accepts.  So no call can overwrite the
 * fuzzer's own memory.
 */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_PAGE	4096UL
#define FUZZ_WINDOWS	4
#define FUZZ_WINDOW	(16UL << 20)	/* room for a mapping */
#define FUZZ_ELEMENTS	16
#define FUZZ_WORD	0x9e3779b97f4a7c15UL /* between two words */

/* A pointer argument: the place in its lowest 8 bits, above them a number. */
enum fuzz_place {
	PLACE_NULL,
	PLACE_IN,	/* words that all differ; number: which one */
	PLACE_OUT,	/* 2 MiB to write to; number: which word */
	PLACE_EDGE,	/* number: bytes before the end of mapped memory */
	PLACE_HOLE,	/* unmapped memory */
	PLACE_READONLY,
	PLACE_FRESH,	/* pages that do not exist yet */
	PLACE_WINDOW,	/* number: a word and, in its lowest 2 bits, a slot */
	PLACE_KERNEL,	/* an address of kernel memory */
	PLACE_STRANGE,	/* not a valid address */
	PLACE_STRUCTS,	/* number: 0 a valid cmap_stat, 1 a valid cmap_range */
	PLACE_ELEMENTS,	/* the elements of batches */
	PLACE_ODD,	/* an unaligned address */
	PLACE_NAMES,	/* number: which name */
	FUZZ_PLACES,
};

/* Where an ioctl's structure is put. */
enum fuzz_where {
	WHERE_GOOD,
	WHERE_EDGE,	/* it ends at the end of mapped memory */
	WHERE_HALF,	/* only half of it is mapped */
	WHERE_NULL,
	WHERE_HOLE,
	WHERE_READONLY,
	WHERE_KERNEL,
	WHERE_ODD,
	FUZZ_WHERES,
};

/* Lay out the memory, in the parent of all workers. */
int fuzz_memory_init(void);

/* Restore the contents that a program begins with. */
void fuzz_memory_reset(void);

/* The address that a pointer argument stands for. */
uint64_t fuzz_pointer(uint64_t arg);

char *fuzz_window(uint64_t slot);

/* Unmap whatever is in a slot. */
void fuzz_window_clear(uint64_t slot);

/* An element of a batch. */
void *fuzz_element(uint64_t index);

/*
 * Put a structure of @len bytes where @where says, as much of it as fits, for
 * one of two threads.  Returns the address for the kernel.
 */
uint64_t fuzz_put(unsigned int thread, uint64_t where, const void *from,
		  size_t len);

#endif /* FUZZ_MEMORY_H */
