// SPDX-License-Identifier: GPL-2.0
#include "user.h"

#include <linux/mm.h>
#include <linux/uaccess.h>

/**
 * cmap_user_copy_in() - copy in a structure that begins with its size
 * @to: where to
 * @size: bytes in the structure as we know it
 * @least: bytes that it must have
 * @from: user pointer
 *
 * The size that counts is the one copied together with what is used, so that
 * a caller who changes it meanwhile gains nothing.
 *
 * Context: Process; may fault.
 * Return: 0, -EINVAL if it is too short or unreasonably long, -E2BIG if what
 * we do not know is not zero, or -EFAULT.
 */
int cmap_user_copy_in(void *to, size_t size, size_t least,
		      const void __user *from)
{
	u32 *own_size = to;
	u32 given;

	/* Most callers have what we have, or the least. */
	if (copy_from_user(to, from, least)) {
		if (get_user(given, (const u32 __user *)from))
			return -EFAULT;
		return given < least ? -EINVAL : -EFAULT;
	}

	given = *own_size;
	if (given < least || given > PAGE_SIZE)
		return -EINVAL;
	if (given > size) {
		int zero = check_zeroed_user(from + size, given - size);

		if (zero <= 0)
			return zero ?: -E2BIG;
	}

	memset(to + least, 0, size - least);
	if (given > least &&
	    copy_from_user(to + least, from + least,
			   min_t(size_t, given, size) - least))
		return -EFAULT;

	return 0;
}
