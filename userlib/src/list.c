// SPDX-License-Identifier: LGPL-2.1-or-later
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>

#define BUF_SIZE 16384		/* larger than any record */

/* Pass one buffer's records to @fn.  Returns what @fn returned, or 0. */
static int pass_records(const char *buf, uint32_t count,
			int (*fn)(const struct kcmap_name_info *info,
				  void *arg),
			void *arg)
{
	while (count--) {
		const struct cmap_list_entry *entry = (const void *)buf;
		struct kcmap_name_info info = {
			.name = buf + entry->name_offset,
			.id = entry->id,
			.entries = entry->entries,
			.bytes = entry->bytes,
			.mode = entry->mode,
			.uid = entry->uid,
			.gid = entry->gid,
			.flags = entry->create_flags,
			.max_entries = entry->max_entries,
			.max_bytes = entry->max_bytes,
		};
		int stop = fn(&info, arg);

		if (stop)
			return stop;
		buf += entry->size;
	}

	return 0;
}

API int kcmap_list(int (*fn)(const struct kcmap_name_info *info, void *arg),
		   void *arg)
{
	struct cmap_list list = { .size = sizeof(list) };
	char *buf = malloc(BUF_SIZE);
	int fd, err = -1;

	if (!buf)
		return -1;
	fd = open(CMAP_DEVICE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		goto free_buf;

	list.buf = ptr_to_u64(buf);
	do {
		list.buf_len = BUF_SIZE;
		err = ioctl(fd, CMAP_IOCTL_LIST, &list);
		if (!err)
			err = pass_records(buf, list.count, fn, arg);
	} while (!err && list.count);

	close_quietly(fd);
free_buf:
	free(buf);
	return err;
}
