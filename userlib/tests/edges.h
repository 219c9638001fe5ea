/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stand-in for the kernel below the library.  A test chooses what it answers
 * and what it refuses.
 */
#ifndef EDGES_H
#define EDGES_H

#include "wrap.h"
#include "window_file.h"

#include "../src/space.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- the stand-in for the kernel ---- */

static int answer;		/* errno of every ioctl(), or 0 */
static unsigned int asked;

/* MAPS: mmap() works.  FAILS: not for a window.  NO_MEMORY: not at all. */
static enum { MAPS, FAILS, NO_MEMORY } mapping;
static unsigned int mmaps;		/* tries to map a window */

/* Called right before and after mmap(), to change things in between. */
static void (*before_mmap)(void), (*behind_mmap)(void);

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int from,
		  off_t offset)
{
	void (*before)(void) = before_mmap, (*behind)(void) = behind_mmap;
	void *result;

	mmaps += from >= 0;
	if (mapping == NO_MEMORY || (mapping == FAILS && from >= 0)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	/* Not again from within the hook. */
	before_mmap = behind_mmap = NULL;
	if (from >= 0 && before)
		before();
	result = __real_mmap(at, size, prot, flags, from, offset);
	if (from >= 0 && behind)
		behind();
	before_mmap = before;
	behind_mmap = behind;
	return result;
}

/* Counts malloc() in reads: a signal handler may have interrupted one. */
static unsigned int mallocs;

void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	mallocs++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	mallocs++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	mallocs++;
	return __real_realloc(p, size);
}

/* The limit on address space, or 0 for none. */
static size_t address_space;

int __wrap_getrlimit(int which, struct rlimit *limit)
{
	int err = __real_getrlimit(which, limit);

	if (which == RLIMIT_AS && address_space)
		limit->rlim_cur = address_space;
	return err;
}

static int other = -1;		/* descriptor of another map */

static int is_file(int from, int file)
{
	struct stat a, b;

	return !fstat(from, &a) && !fstat(file, &b) && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* In a batch, each command gets the same answer. */
int __wrap_ioctl(int from, unsigned long command, ...)
{
	struct cmap_stat *stat;
	struct cmap_ops *ops;
	struct cmap_op *op;
	va_list args;
	uint32_t i;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (command == CMAP_IOCTL_STAT) {
		stat = arg;
		stat->id = is_file(from, fd) ? WINDOW_ID : 0;
		if (other >= 0 && is_file(from, other))
			stat->id = WINDOW_ID + 1;
		errno = ENOTTY;
		return stat->id ? 0 : -1;
	}
	asked++;
	if (command == CMAP_IOCTL_BATCH) {
		ops = arg;
		op = (struct cmap_op *)(uintptr_t)ops->ops;
		for (i = 0; i < ops->count; i++)
			op[i].error = -answer;
		ops->done = ops->count;
		return 0;
	}
	errno = answer;
	return answer ? -1 : 0;
}

/* ---- the tests ---- */

static int number, failed;

/* A condition that fails is reported with its line. */
#define WANT(condition) do {						\
	if (!(condition)) {						\
		fprintf(stderr, "line %d: %s\n", __LINE__, #condition);	\
		failed = 1;						\
	}								\
} while (0)

/* A handle with a descriptor of its own. */
static struct kcmap unread_map(void)
{
	struct kcmap map = handle();

	map.fd = dup(fd);
	return map;
}

static struct kcmap map_of_file(void)
{
	struct kcmap map = unread_map();

	map.view = kcmap_view_open(&map);
	return map;
}

static void over(struct kcmap *map)
{
	kcmap_view_close(map->view);
	close(map->fd);
}

/* Read everything once, so that all of it is mapped. */
static void warm(struct kcmap *map)
{
	char key[KEY_MAX + 1], value[VALUE_MAX];
	uint32_t i;

	for (i = 0; i < KEYS; i++) {
		size_t len = key_of(i, key);

		WANT(kcmap_get(map, key, len, value, sizeof(value), NULL) ==
		     (ssize_t)(i % VALUE_MAX));
	}
}

static inline ssize_t get(struct kcmap *map)
{
	char key[KEY_MAX + 1], value[VALUE_MAX];
	size_t len = key_of(40, key);

	return kcmap_get(map, key, len, value, sizeof(value), NULL);
}

static void test(const char *name, void (*run)(void))
{
	int before = failed;

	failed = 0;
	asked = 0;
	answer = 0;
	mapping = MAPS;
	make(17, 4);
	run();
	printf("%sok %d %s\n", failed ? "not " : "", ++number, name);
	failed |= before;
}

#endif /* EDGES_H */
