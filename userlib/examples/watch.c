// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Print every number in a map, by default those that the sample kernel module
 * counts.
 */
#include <kcmap.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "kernel:packets";
	struct kcmap *map = kcmap_open(name, O_RDONLY, NULL);
	struct kcmap_range *range;
	struct kcmap_item item;
	int64_t number;
	int more = -1;

	if (!map) {
		perror(name);
		return 1;
	}

	range = kcmap_range_new(map, 0, NULL);
	while (range && (more = kcmap_range_next(range, &item)) > 0) {
		if (item.value_len != sizeof(number))
			continue;
		memcpy(&number, item.value, sizeof(number));
		printf("%-20.*s %" PRId64 "\n", (int)item.key_len,
		       (const char *)item.key, number);
	}
	/* 0 is the end.  An error may leave entries that were not printed. */
	if (more < 0)
		perror(name);
	kcmap_range_free(range);
	kcmap_close(map);

	return more < 0 ? 1 : 0;
}
