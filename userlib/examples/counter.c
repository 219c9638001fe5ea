// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Four processes count in one map, and no increment gets lost.
 */
#include <kcmap.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(enum kcmap_operation operation, struct kcmap *map)
{
	char why[KCMAP_STRERROR_MAX];

	fprintf(stderr, "count: %s\n",
		kcmap_strerror(errno, operation, map, why, sizeof(why)));
	return 1;
}

int main(void)
{
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	int64_t sum;
	int i, n;

	if (!map)
		return fail(KCMAP_OP_OPEN, NULL);

	for (i = 0; i < 4; i++) {
		pid_t child = fork();

		if (child < 0) {
			perror("fork");
			return 1;
		}
		if (child)
			continue;
		/* The child inherited the descriptor. */
		for (n = 0; n < 1000; n++)
			if (kcmap_add(map, "count", 5, 1, 0, NULL, NULL))
				_exit(1);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;

	if (kcmap_add(map, "count", 5, 0, 0, &sum, NULL))
		return fail(KCMAP_OP_ADD, map);
	printf("%" PRId64 "\n", sum);
	kcmap_close(map);

	return sum == 4000 ? 0 : 1;
}
