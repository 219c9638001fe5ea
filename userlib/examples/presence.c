// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Services that register themselves, and vanish when they crash.  Whoever uses them learns
 * of both from the map's feed.
 */
#include <kcmap.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Say where this process can be reached.  The entry goes when the process ends. */
static int register_service(struct kcmap *map, const char *name, const char *where)
{
	const struct kcmap_command command = {
		.sz = sizeof(command), .operation = KCMAP_OP_INSERT,
		.flags = KCMAP_WRITE_OWNED_BY_PROCESS,
		.key = name, .key_len = strlen(name),
		.value = where, .value_len = strlen(where),
	};

	return kcmap_write(map, &command, NULL);
}

static pid_t start_service(struct kcmap *map, const char *name, const char *where)
{
	pid_t pid = fork();

	if (!pid) {
		if (register_service(map, name, where)) {
			perror(name);
			_exit(1);
		}
		for (;;)
			pause();
	}
	return pid;
}

/* Print what happens to a service until it comes or goes. */
static int watch_services(struct kcmap_watch *watch)
{
	struct kcmap_change change;
	int more = kcmap_watch_next(watch, &change, -1);

	if (more <= 0)
		return -1;
	if (change.cause == KCMAP_CAUSE_SET)
		printf("%.*s is at %.*s\n", (int)change.key_len,
		       (const char *)change.key, (int)change.value_len,
		       (const char *)change.value);
	else
		printf("%.*s is gone\n", (int)change.key_len,
		       (const char *)change.key);
	return 0;
}

int main(void)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = 65536, .feed_value_max = 64,
	};
	struct kcmap *map = kcmap_open(NULL, O_RDWR | O_CREAT, &options);
	struct kcmap_watch *watch = map ? kcmap_watch_open(map, NULL, NULL, 0) :
					NULL;
	pid_t mail, web;
	int err;

	if (!watch) {
		perror("cmap");
		return 1;
	}
	mail = start_service(map, "mail", "port 25");
	err = watch_services(watch);
	web = start_service(map, "web", "port 80");
	err |= watch_services(watch);

	kill(mail, SIGKILL);
	waitpid(mail, NULL, 0);
	err |= watch_services(watch);
	printf("%d service is left\n", (int)kcmap_count(map));

	kill(web, SIGTERM);
	waitpid(web, NULL, 0);
	err |= watch_services(watch);
	kcmap_watch_close(watch);
	kcmap_close(map);

	return err ? 1 : 0;
}
