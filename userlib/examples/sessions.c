// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sessions of users, shared by all processes of a server.  A session ends a time
 * after it was last used, without anybody who sweeps.
 *
 * usage: sessions [MILLISECONDS]
 */
#include <kcmap.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t ttl = 1800 * KCMAP_SECOND;

/* Log in: the new session must not take the place of one that has its number. */
static int begin(struct kcmap *map, const char *id, const char *user)
{
	const struct kcmap_command command = {
		.sz = sizeof(command), .operation = KCMAP_OP_INSERT,
		.flags = KCMAP_WRITE_TTL, .ttl = ttl,
		.key = id, .key_len = strlen(id),
		.value = user, .value_len = strlen(user),
	};

	return kcmap_write(map, &command, NULL);
}

/* A request: whose session it is, which now lasts longer.  NULL if it has ended. */
static const char *use(struct kcmap *map, const char *id, char *user, size_t size)
{
	ssize_t len = kcmap_get(map, id, strlen(id), user, size - 1, NULL);

	if (len < 0 || kcmap_touch(map, id, strlen(id), ttl, NULL))
		return NULL;
	user[len] = '\0';
	return user;
}

int main(int argc, char **argv)
{
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, NULL);
	const char *user;
	char name[64];
	int i;

	if (argc > 1)
		ttl = strtoull(argv[1], NULL, 10) * KCMAP_MILLISECOND;
	if (!map || begin(map, "4f1c", "ada")) {
		perror("cmap");
		return 1;
	}
	/* Used again and again, it lasts longer than the time to live. */
	for (i = 0; i < 6; i++) {
		usleep((useconds_t)(ttl / 1000 / 4));
		user = use(map, "4f1c", name, sizeof(name));
		if (!user) {
			perror("4f1c");
			return 1;
		}
	}
	printf("%s is logged in\n", user);
	usleep((useconds_t)(ttl / 1000 * 2));
	user = use(map, "4f1c", name, sizeof(name));
	printf("%s\n", user ? user : "log in again");
	kcmap_close(map);

	return user || errno != ENOENT;
}
