// SPDX-License-Identifier: GPL-2.0
#include "calls.h"
#include "abi.h"
#include "memory.h"
#include "state.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STRUCT_MAX	8192

static uint64_t field(struct fuzz_thread *thread, const struct fuzz_arg *type,
		      uint64_t value)
{
	bool tie = type->offset == offsetof(struct cmap_range, cursor.tie);

	switch (type->kind) {
	case ARG_KEY:
	case ARG_IN:
	case ARG_OUT:
	case ARG_NAME:
	case ARG_ELEMENTS:
		return fuzz_pointer(value);
	case ARG_VERSION:
		return value == 1 ? thread->version :
		       value == 2 ? thread->version + 1 : value;
	case ARG_CURSOR:
		return value != 1 ? value : tie ? thread->cursor.tie :
						  thread->cursor.position;
	default:
		return value;
	}
}

/* Build the structure of a call.  Returns its size. */
static size_t assemble(struct fuzz_thread *thread,
		       const struct fuzz_type *type, const uint64_t *arg,
		       char *to)
{
	uint32_t size = (uint32_t)arg[IOCTL_SIZE];
	unsigned int i;

	memset(to, 0, type->bytes);
	memset(to + type->bytes, (int)arg[IOCTL_BEHIND],
	       STRUCT_MAX - type->bytes);
	for (i = IOCTL_SIZE; i < FUZZ_ARGS && type->arg[i].name; i++) {
		const struct fuzz_arg *a = &type->arg[i];
		uint64_t value = field(thread, a, arg[i]);

		memcpy(to + a->offset, &value, a->width);
	}

	if (size < type->bytes)
		return type->bytes;
	return size < STRUCT_MAX ? size : STRUCT_MAX;
}

/* Remember results that later calls may refer to. */
static void learn(struct fuzz_thread *thread, const struct fuzz_type *type,
		  uint64_t where, uint64_t at)
{
	if (where != WHERE_GOOD && where != WHERE_EDGE)
		return;
	if (type->code == CMAP_CODE_RANGE)
		thread->cursor = ((struct cmap_range *)at)->cursor;
	else if (type->code == CMAP_CODE_LIST)
		thread->cursor.position = ((struct cmap_list *)at)->cursor;
	else if (type->code >= CMAP_CODE_GET && type->code < CMAP_CODE_CLEAR)
		thread->version = ((struct cmap_op *)at)->version;
}

static long call(struct fuzz_thread *thread, int fd, unsigned long command,
		 uint64_t at)
{
	long result;

	fuzz_fail_begin(thread);
	result = ioctl(fd, command, at) ? -errno : 0;
	fuzz_fail_end(thread);

	return result;
}

FUZZ_CALL(ioctl)
{
	char bytes[STRUCT_MAX];
	size_t len = assemble(thread, type, arg, bytes);
	uint64_t where = arg[IOCTL_WHERE] % FUZZ_WHERES;
	uint64_t at = fuzz_put(thread->number, where, bytes, len);
	long result = call(thread, fuzz_fd(arg[IOCTL_FD]),
			   _IO(CMAP_IOC_MAGIC, type->code), at);

	if (!result)
		learn(thread, type, where, at);
	return result;
}

FUZZ_CALL(element)
{
	char bytes[STRUCT_MAX];

	assemble(thread, type, arg, bytes);
	memcpy(fuzz_element(arg[0]), bytes, type->bytes);
	return 0;
}

#define REFUSED_MAX	8	/* writes that a full map may refuse, one by one */

/*
 * One command for many keys: those in PLACE_IN, and more like them.  Before a full
 * map refuses a write it may wait for some grace periods, which are long in the debug
 * kernel: 400 such writes took two minutes.  So this ends after a few of them, and
 * each write counts as a step of its own.
 */
static long for_many(struct fuzz_thread *thread, unsigned long command,
		     const uint64_t *arg, uint32_t len)
{
	uint64_t i, key;
	struct cmap_op op = {
		.size = sizeof(op), .key = (uintptr_t)&key, .key_len = 8,
		.value = fuzz_pointer(PLACE_IN), .value_len = len,
	};
	unsigned int refused = 0;
	long result = 0;

	for (i = 1; i <= arg[2] % 400 && refused < REFUSED_MAX; i++) {
		key = (arg[1] + i) * FUZZ_WORD;
		result = call(thread, fuzz_fd(arg[0]), command,
			      (uintptr_t)&op);
		refused += result == -ENOSPC;
		fuzz_step();
	}
	return result;
}

FUZZ_CALL(fill)
{
	return for_many(thread, CMAP_IOCTL_SET, arg, arg[3] % 5000);
}

FUZZ_CALL(drain)
{
	return for_many(thread, CMAP_IOCTL_DELETE, arg, 0);
}

/* An ioctl with an invalid number. */
FUZZ_CALL(number)
{
	struct cmap_op op = { .size = sizeof(op) };

	return call(thread, fuzz_fd(arg[0]), arg[1],
		    fuzz_put(thread->number, arg[2], &op, sizeof(op)));
}

/* ---- calls of a 32-bit program ---- */

static bool compat_works;

static long compat_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

#define COMPAT_GETPID	20
#define COMPAT_IOCTL	54

/* Tried in a child, because it may be killed for that. */
void fuzz_compat_init(void)
{
	compat_works = compat_call(COMPAT_GETPID, 0, 0, 0) == getpid();
}

/* A 32-bit call with a structure that suits the commands on one key. */
FUZZ_CALL(compat)
{
	struct cmap_op op = {
		.size = sizeof(op), .key = fuzz_pointer(PLACE_IN),
		.key_len = 8, .value = fuzz_pointer(PLACE_OUT),
		.value_len = 64,
	};
	uint64_t at = fuzz_put(thread->number, arg[2], &op, sizeof(op));

	if (!compat_works)
		return -EOPNOTSUPP;
	return compat_call(COMPAT_IOCTL, fuzz_fd(arg[0]),
			   _IO(CMAP_IOC_MAGIC, arg[1] & 0xff), (long)at);
}
