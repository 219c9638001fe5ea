/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Structures of variable size from and to user memory, by the rules of
 * <uapi/linux/cmap.h>.
 */
#ifndef CMAP_USER_H
#define CMAP_USER_H

#include <linux/types.h>

int cmap_user_copy_in(void *to, size_t size, size_t least,
		      const void __user *from);

/*
 * Copy a structure in and check its size: at least up to and including
 * @last, extended with zeroes, nothing but zeroes beyond what we know.
 */
#define cmap_copy_in(to, from, last)					\
	cmap_user_copy_in(to, sizeof(*(to)),				\
			  offsetofend(typeof(*(to)), last), from)

/* Copy fields [first, last] of a structure out. */
#define cmap_copy_out(to, from, first, last)				\
	(copy_to_user((void __user *)(to) +				\
		      offsetof(typeof(*(from)), first),			\
		      &(from)->first,					\
		      offsetofend(typeof(*(from)), last) -		\
		      offsetof(typeof(*(from)), first)) ? -EFAULT : 0)

#endif /* CMAP_USER_H */
