/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBKCMAP_INTERNAL_H
#define LIBKCMAP_INTERNAL_H

#include <kcmap.h>

#include <errno.h>
#include <stdint.h>
#include <sys/cdefs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/cmap.h>

/* All else is hidden. libkcmap.map says which version each symbol has. */
#define API __attribute__((visibility("default")))

/* Accesses to memory that other threads, or the kernel, change concurrently. */
#define LOAD(p)			__atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define LOAD_ACQUIRE(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define LOAD_FENCE()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define STORE_RELEASE(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define COUNT(p)		__atomic_fetch_add(p, 1, __ATOMIC_RELAXED)
#define EXCHANGE_IF(p, old, new)					\
	__atomic_compare_exchange_n(p, old, new, 0, __ATOMIC_SEQ_CST,	\
				    __ATOMIC_SEQ_CST)

struct kcmap_view;

struct kcmap {
	int fd;
	bool created;	/* by this handle's kcmap_open() */
	bool trusted;	/* only the caller's map, or root's, may take its place */
	bool calls_only;	/* the caller wants no window */
	dev_t device;	/* with id: which map the descriptor was opened for */
	uint64_t id;
	int64_t clock_offset;	/* see kcmap_deadline_of() */
	int no_window;	/* why reads are system calls for good: an errno; or 0 */
	unsigned int reads_without;	/* until mapping is tried again */
	struct kcmap_view *view;	/* NULL until the first read */
};

/*
 * A deadline of the window or the feed, which is a time of the map's clock, as a
 * time of CLOCK_BOOTTIME in the time namespace in which the map was opened.
 */
static inline uint64_t kcmap_deadline_of(uint64_t deadline, int64_t offset)
{
	int64_t sum;

	if (!deadline)
		return 0;
	/* The latest and the earliest time stand for all beyond, as in the kernel. */
	if (__builtin_add_overflow((int64_t)deadline, offset, &sum))
		return INT64_MAX;
	return sum > 0 ? (uint64_t)sum : 1;
}

static inline uint64_t ptr_to_u64(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* close() without losing the errno that matters. */
static inline void close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

int kcmap_is_ours(int fd, dev_t device, uint64_t id);
int kcmap_call(const struct kcmap *map, unsigned long command, void *arg);
int kcmap_call_ours(const struct kcmap *map, unsigned long command, void *arg);

/* The ABI has 32-bit lengths.  A longer key or value fits in no map. */
static inline int length(size_t len, uint32_t *result)
{
	if (len > UINT32_MAX) {
		errno = E2BIG;
		return -1;
	}
	*result = (uint32_t)len;
	return 0;
}

/* ---- filling in a struct cmap_op, for single calls and batches ---- */

static inline int kcmap_op_key(struct cmap_op *op, const void *key,
			       size_t key_len)
{
	op->size = sizeof(*op);
	op->key = ptr_to_u64(key);
	return length(key_len, &op->key_len);
}

static inline int kcmap_op_value(struct cmap_op *op, const void *value,
				 size_t len)
{
	op->value = ptr_to_u64(value);
	return length(len, &op->value_len);
}

static inline int kcmap_op_old(struct cmap_op *op, const void *old, size_t len)
{
	op->old = ptr_to_u64(old);
	return length(len, &op->old_len);
}

/* A buffer larger than any value may be declared as UINT32_MAX bytes. */
static inline void kcmap_op_room(uint32_t *len, size_t size)
{
	*len = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

int kcmap_range_shards(struct kcmap_range *range, uint32_t first, uint32_t end,
		       uint32_t shards);

int kcmap_op_from(struct cmap_op *op, const struct kcmap_command *command);
void *kcmap_get_dup_deadline(struct kcmap *map, const void *key, size_t key_len,
			     size_t *len, uint64_t *version, uint64_t *deadline);

void kcmap_op_touch(struct cmap_op *op, uint64_t ttl);
void kcmap_op_result(const struct cmap_op *op, struct kcmap_result *result);

/* ---- structures that begin with their size ---- */

int kcmap_struct_in(void *to, size_t size, size_t least, const void *given);

int kcmap_options_resolve(const struct kcmap_options *given,
			  struct kcmap_options *options);
int kcmap_fd_differs(int fd, const struct kcmap_options *options);

#endif /* LIBKCMAP_INTERNAL_H */
