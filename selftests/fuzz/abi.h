/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls that can be made, and the arguments of each.  Only this file knows
 * the structures of the ABI.
 */
#ifndef FUZZ_ABI_H
#define FUZZ_ABI_H

#include "program.h"

struct fuzz_thread;

/* The meaning of an argument; generate.c knows likely values of each kind. */
enum fuzz_kind {
	ARG_NONE,
	ARG_CHOICE,	/* 0 up to limit - 1 */
	ARG_BITS,	/* known bits, and sometimes others */
	ARG_FD,		/* a slot for a descriptor */
	ARG_WINDOW,	/* a slot for a mapping */
	ARG_WHERE,	/* where a structure is put, see memory.h */
	ARG_SIZE,	/* a structure's size field; limit is the right value */
	ARG_BEHIND,	/* contents beyond the part that the kernel knows */
	ARG_KEY,	/* user pointers, see memory.h */
	ARG_IN,
	ARG_OUT,
	ARG_NAME,
	ARG_ELEMENTS,
	ARG_KEY_LEN,
	ARG_LEN,
	ARG_NAME_LEN,
	ARG_CODE,	/* a command */
	ARG_VERSION,	/* 0; 1: the last one seen; 2: the one after that */
	ARG_CURSOR,	/* 0; 1: the last one seen; or a number */
	ARG_SMALL,	/* a count */
	ARG_NUMBER,	/* anything */
	ARG_ZERO,	/* a reserved field */
	ARG_OFFSET,	/* in the device's file, see call_map.c */
	ARG_PAGES,	/* size of a mapping, mostly whole pages */
};

struct fuzz_arg {
	const char *name;
	enum fuzz_kind kind;
	uint32_t limit;
	/* In an ioctl's structure. */
	uint16_t offset;
	uint16_t width;
};

struct fuzz_type {
	const char *name;
	unsigned int weight;	/* how often it is generated */
	long (*run)(struct fuzz_thread *thread, const struct fuzz_type *type,
		    const uint64_t *arg);
	struct fuzz_arg arg[FUZZ_ARGS];
	/* For an ioctl. */
	unsigned int code;
	uint32_t bytes;
};

/* The first arguments of every ioctl. */
enum { IOCTL_FD, IOCTL_WHERE, IOCTL_SIZE, IOCTL_BEHIND, IOCTL_FIELDS };

extern const struct fuzz_type fuzz_types[];
extern const unsigned int fuzz_types_count;

bool fuzz_type_find(const char *name, uint8_t *type);

#endif /* FUZZ_ABI_H */
