// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A service of feature flags: one process sets them, others follow them without
 * polling.  Each reader keeps a table of its own, here of the flags that are on,
 * so it can look at them as often as it likes.
 *
 *	flags serve		create the map
 *	flags set NAME VALUE	set a flag; no VALUE deletes it
 *	flags reload FILE	replace all flags by those of a file, which has a line
 *				"NAME VALUE" for each
 *	flags follow [PREFIX]	print the flags, and again whenever they change,
 *				until the flag PREFIXstop is set
 *
 * A reload makes a new map, and gives it the name in one step when it is complete.  So
 * no reader sees some flags of the file and some of those before.
 */
#include <kcmap.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS_MAX	100
#define NAME_MAX	63
#define VALUE_MAX	63

static struct flag {
	char name[NAME_MAX + 1];	/* "" for none */
	char value[VALUE_MAX + 1];
} flags[FLAGS_MAX];

static const struct kcmap_options options = {
	.sz = sizeof(options), .key_max = NAME_MAX, .value_max = VALUE_MAX,
	.mode = 0644,
	/* The latest changes, with all values. */
	.feed_bytes = 16384, .feed_value_max = VALUE_MAX,
};

static void die(const char *what, enum kcmap_operation operation)
{
	char why[KCMAP_STRERROR_MAX];

	fprintf(stderr, "flags: %s: %s\n", what,
		kcmap_strerror(errno, operation, NULL, why, sizeof(why)));
	exit(1);
}

/* ---- the table ---- */

/* The flag of that name, or a free place; NULL if there is neither. */
static struct flag *find(const void *name, size_t len)
{
	struct flag *flag, *none = NULL;

	for (flag = flags; flag < flags + FLAGS_MAX; flag++) {
		if (!*flag->name)
			none = none ? none : flag;
		else if (strlen(flag->name) == len &&
			 !memcmp(flag->name, name, len))
			return flag;
	}
	return none;
}

static int set(const struct kcmap_item *item, void *arg)
{
	struct flag *flag = find(item->key, item->key_len);

	(void)arg;
	if (!flag) {
		errno = ENOSPC;
		return -1;
	}
	snprintf(flag->name, sizeof(flag->name), "%.*s", (int)item->key_len,
		 (const char *)item->key);
	snprintf(flag->value, sizeof(flag->value), "%.*s", (int)item->value_len,
		 (const char *)item->value);
	return 0;
}

static void removed(const void *key, size_t key_len, void *arg)
{
	struct flag *flag = find(key, key_len);

	(void)arg;
	if (flag)
		*flag->name = '\0';
}

static int by_name(const void *a, const void *b)
{
	const struct flag *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void print(void)
{
	struct flag *flag;
	const char *space = "";

	qsort(flags, FLAGS_MAX, sizeof(*flags), by_name);
	for (flag = flags; flag < flags + FLAGS_MAX; flag++) {
		if (!*flag->name)
			continue;
		printf("%s%s=%s", space, flag->name, flag->value);
		space = " ";
	}
	putchar('\n');
	fflush(stdout);
}

/* ---- the commands ---- */

/* Follow one map until the flag stop is set, or another map has the name.  1 to stop. */
static int follow_map(struct kcmap *map, const char *prefix)
{
	const struct kcmap_mirror_calls calls = {
		.sz = sizeof(calls), .set = set, .remove = removed,
	};
	struct kcmap_key key = { prefix, strlen(prefix) };
	struct kcmap_filter filter = { KCMAP_FILTER_PREFIX, 1, &key };
	struct kcmap_mirror *mirror;
	char stop[NAME_MAX + 1];
	struct flag *flag;
	int stops;

	memset(flags, 0, sizeof(flags));
	snprintf(stop, sizeof(stop), "%sstop", prefix);
	mirror = kcmap_mirror_new(map, &filter, &calls, NULL);
	if (!mirror)
		die("follow", KCMAP_OP_MIRROR);
	do {
		/* A service would serve here, and poll kcmap_mirror_fd(), too. */
		while (kcmap_mirror_update(mirror, -1) < 0)
			if (errno != EINTR)
				die("follow", KCMAP_OP_MIRROR);
		print();
		flag = find(stop, strlen(stop));
		stops = flag && *flag->name;
	} while (!stops && !kcmap_name_changed(map));
	kcmap_mirror_free(mirror);
	return stops;
}

static void follow(struct kcmap *map, const char *prefix)
{
	while (!follow_map(map, prefix))
		if (kcmap_reopen(map, "flags") < 0)
			die("flags", KCMAP_OP_OPEN);
}

static void reload(const char *file)
{
	char name[NAME_MAX + 1], value[VALUE_MAX + 1];
	FILE *in = fopen(file, "r");
	struct kcmap *map;

	if (!in)
		die(file, KCMAP_OP_ANY);
	/* A reload that was killed has left it. */
	if (kcmap_unlink("flags.new") && errno != ENOENT)
		die("flags.new", KCMAP_OP_UNLINK);
	map = kcmap_open("flags.new", O_RDWR | O_CREAT | O_EXCL, &options);
	if (!map)
		die("flags.new", KCMAP_OP_OPEN);
	while (fscanf(in, "%63s %63s", name, value) == 2)
		if (kcmap_set(map, name, strlen(name), value, strlen(value), NULL))
			die(name, KCMAP_OP_SET);
	if (kcmap_publish(map, "flags"))
		die("flags", KCMAP_OP_RENAME);
	kcmap_close(map);
	fclose(in);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	struct kcmap *map;

	if (!strcmp(command, "reload") && argc == 3) {
		reload(argv[2]);
		return 0;
	}
	if (!strcmp(command, "serve"))
		map = kcmap_open("flags", O_RDWR | O_CREAT, &options);
	else
		map = kcmap_open("flags", *command == 's' ? O_WRONLY : O_RDONLY,
				 NULL);
	if (!map)
		die("flags", KCMAP_OP_OPEN);

	if (!strcmp(command, "set") && argc == 4) {
		if (kcmap_set(map, argv[2], strlen(argv[2]), argv[3],
			      strlen(argv[3]), NULL))
			die(argv[2], KCMAP_OP_SET);
	} else if (!strcmp(command, "set") && argc == 3) {
		if (kcmap_delete(map, argv[2], strlen(argv[2]), NULL))
			die(argv[2], KCMAP_OP_DELETE);
	} else if (!strcmp(command, "follow") && argc <= 3) {
		follow(map, argc > 2 ? argv[2] : "");
	} else if (strcmp(command, "serve")) {
		fprintf(stderr, "usage: flags serve | set NAME [VALUE] | reload FILE | follow [PREFIX]\n");
		return 2;
	}
	kcmap_close(map);
	return 0;
}
