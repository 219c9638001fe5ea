/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBCMAP_INTERNAL_H
#define LIBCMAP_INTERNAL_H

#include <cmap.h>

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <linux/cmap.h>

/* Everything else is hidden; libcmap.map says under which version. */
#define API __attribute__((visibility("default")))

struct cmap {
	int fd;
};

static inline uint64_t ptr_to_u64(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* Lengths are 32 bits wide in the ABI; nothing longer fits any map. */
static inline int length(size_t len, uint32_t *result)
{
	if (len > UINT32_MAX) {
		errno = E2BIG;
		return -1;
	}
	*result = (uint32_t)len;
	return 0;
}

int cmap_op_key(struct cmap_op *op, const void *key, size_t key_len);
int cmap_op_value(struct cmap_op *op, const void *value, size_t len);
int cmap_op_old(struct cmap_op *op, const void *old, size_t len);
void cmap_op_room(uint32_t *len, size_t size);

int cmap_options_resolve(const struct cmap_options *given,
			 struct cmap_options *options);

#endif /* LIBCMAP_INTERNAL_H */
