// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A rate limiter, shared by all processes of a server: at most so many requests of
 * a client in a time, which begins with the first of them.  Each request makes one
 * system call.
 */
#include <kcmap.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REQUESTS	3
#define PERIOD		(60 * KCMAP_SECOND)

/*
 * 1 if the client may make a request; 0 if not, with the nanoseconds after which it
 * may in *wait; -1 on error.
 */
static int ask(struct kcmap *map, const char *client, uint64_t *wait)
{
	const struct kcmap_command command = {
		.sz = sizeof(command), .operation = KCMAP_OP_ADD,
		.flags = KCMAP_WRITE_CEILING | KCMAP_WRITE_TTL |
			 KCMAP_WRITE_KEEP_DEADLINE,
		.key = client, .key_len = strlen(client),
		.delta = 1, .ceiling = REQUESTS, .ttl = PERIOD,
	};
	struct kcmap_result result;
	struct timespec ts;
	uint64_t now;

	if (!kcmap_write(map, &command, &result))
		return 1;
	if (errno != ERANGE)
		return -1;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	now = (uint64_t)ts.tv_sec * KCMAP_SECOND + (uint64_t)ts.tv_nsec;
	/* Expiry is a moment late, so the deadline may have passed. */
	*wait = result.deadline > now ? result.deadline - now : KCMAP_MILLISECOND;
	return 0;
}

int main(void)
{
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	int i, may, passed = 0;
	uint64_t wait = 0;

	if (!map) {
		perror("cmap");
		return 1;
	}
	for (i = 0; i < 5; i++) {
		may = ask(map, "192.0.2.7", &wait);
		if (may < 0) {
			perror("192.0.2.7");
			return 1;
		}
		passed += may;
		printf("request %d: %s\n", i + 1, may ? "passed" :
		       wait && wait <= PERIOD ? "too many" : "?");
	}
	kcmap_close(map);

	return passed != REQUESTS;
}
