/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory that calls point to: laid out once, the same in every worker, so
 * that a program means the same wherever it runs.  Behind whatever can be
 * written there is nothing, for as far as a length can reach without being
 * refused: no call can hurt the fuzzer itself.
 */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_PAGE	4096UL
#define FUZZ_WINDOWS	4
#define FUZZ_WINDOW	(16UL << 20)	/* room for a mapping */
#define FUZZ_ELEMENTS	16
#define FUZZ_WORD	0x9e3779b97f4a7c15UL /* each is so much more */

/* The lowest 8 bits of a pointer argument; above them a number. */
enum fuzz_place {
	PLACE_NULL,
	PLACE_IN,	/* words that all differ; number: which one */
	PLACE_OUT,	/* 2 MiB to write to; number: which word */
	PLACE_EDGE,	/* number: bytes before nothing begins */
	PLACE_HOLE,	/* nothing */
	PLACE_READONLY,
	PLACE_FRESH,	/* pages that are not there yet */
	PLACE_WINDOW,	/* number: a word in a slot, the lowest 2 bits which */
	PLACE_KERNEL,	/* where the kernel has its memory */
	PLACE_STRANGE,	/* no address at all */
	PLACE_STRUCTS,	/* number: 0 a right cmap_stat, 1 a right cmap_range */
	PLACE_ELEMENTS,	/* of batches */
	PLACE_ODD,	/* not aligned */
	PLACE_NAMES,	/* number: which name */
	FUZZ_PLACES,
};

/* Where the structure of an ioctl is. */
enum fuzz_where {
	WHERE_GOOD,
	WHERE_EDGE,	/* it ends where the page does, and nothing follows */
	WHERE_HALF,	/* half of it is there */
	WHERE_NULL,
	WHERE_HOLE,
	WHERE_READONLY,
	WHERE_KERNEL,
	WHERE_ODD,
	FUZZ_WHERES,
};

/* Lay it out, in the parent of all workers. */
int fuzz_memory_init(void);

/* As it is when a program begins. */
void fuzz_memory_reset(void);

/* The address that a pointer argument stands for. */
uint64_t fuzz_pointer(uint64_t arg);

char *fuzz_window(uint64_t slot);

/* Take away whatever is mapped in a slot. */
void fuzz_window_clear(uint64_t slot);

/* The element of a batch. */
void *fuzz_element(uint64_t index);

/*
 * Put a structure of @len bytes where @where says, as much of it as fits, for
 * one of two threads; the address to pass to the kernel.
 */
uint64_t fuzz_put(unsigned int thread, uint64_t where, const void *from,
		  size_t len);

#endif /* FUZZ_MEMORY_H */
