/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What can be called, and what the arguments of each call are: the only place
 * that knows the ABI's structures.
 */
#ifndef FUZZ_ABI_H
#define FUZZ_ABI_H

#include "program.h"

struct fuzz_thread;

/* What an argument stands for; generate.c knows likely ones of each kind. */
enum fuzz_kind {
	ARG_NONE,
	ARG_CHOICE,	/* 0 up to, not including, limit */
	ARG_BITS,	/* bits that are known; sometimes others */
	ARG_FD,		/* a slot for a descriptor */
	ARG_WINDOW,	/* a slot for a mapping */
	ARG_WHERE,	/* where a structure is, see memory.h */
	ARG_SIZE,	/* a structure's first field; limit is the right one */
	ARG_BEHIND,	/* what is behind what the kernel knows of it */
	ARG_KEY,	/* user pointers, see memory.h */
	ARG_IN,
	ARG_OUT,
	ARG_NAME,
	ARG_ELEMENTS,
	ARG_KEY_LEN,
	ARG_LEN,
	ARG_NAME_LEN,
	ARG_CODE,	/* a command */
	ARG_VERSION,	/* 0; 1: the last one seen; 2: the one behind that */
	ARG_CURSOR,	/* 0; 1: the last one seen; or a number */
	ARG_SMALL,	/* a count */
	ARG_NUMBER,	/* anything */
	ARG_ZERO,	/* reserved */
	ARG_OFFSET,	/* in the device's file, see map.c */
	ARG_PAGES,	/* bytes of a mapping, mostly whole pages */
};

struct fuzz_arg {
	const char *name;
	enum fuzz_kind kind;
	uint32_t limit;
	/* In the structure of an ioctl. */
	uint16_t offset;
	uint16_t width;
};

struct fuzz_type {
	const char *name;
	unsigned int weight;	/* how often it is generated */
	long (*run)(struct fuzz_thread *thread, const struct fuzz_type *type,
		    const uint64_t *arg);
	struct fuzz_arg arg[FUZZ_ARGS];
	/* Of an ioctl. */
	unsigned int code;
	uint32_t bytes;
};

/* The first arguments of every ioctl. */
enum { IOCTL_FD, IOCTL_WHERE, IOCTL_SIZE, IOCTL_BEHIND, IOCTL_FIELDS };

extern const struct fuzz_type fuzz_types[];
extern const unsigned int fuzz_types_count;

bool fuzz_type_find(const char *name, uint8_t *type);

#endif /* FUZZ_ABI_H */
