// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which processes have maps open, as /proc tells.  It tells only of the caller's own
 * processes, unless the caller may trace all.
 */
#include "commands.h"
#include "error.h"
#include "json.h"
#include "open.h"
#include "table.h"

#include <linux/cmap.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct column columns[] = {
	{ "PID", 1 }, { "COMMAND", 0 }, { "HOLDS", 0 }, { "ACCESS", 0 }, { "MAP", 1 },
	{ "NAME", 0 },
};

#define N_COLUMNS	(sizeof(columns) / sizeof(*columns))

struct holders {
	const struct arguments *args;
	struct libscols_table *table;
	uint64_t only;		/* the map that is looked for; 0: all */
	unsigned int unseen;	/* processes that may not be looked into */
};

/* What /proc says of one descriptor. */
struct held {
	uint64_t id;		/* 0: not known */
	char access[4];
	char name[2048];	/* the kernel has escaped it */
	int is_watch;
};

static void print_held(const struct holders *holders, const char *pid, const char *command,
		       const char *holds, const struct held *held)
{
	char id[24], *what = escaped(command, strlen(command));
	struct json_object *record;

	if (holders->table) {
		snprintf(id, sizeof(id), "%" PRIu64, held->id);
		table_add(holders->table, N_COLUMNS, (const char *[]) {
				pid, what, holds, held->is_watch ? "watch" : held->access,
				held->id ? id : "", held->name,
			  });
	} else {
		record = json_record("holder");
		json_add_number(record, "pid", strtoul(pid, NULL, 10));
		json_add_bytes(record, "command", TYPE_TEXT, command, strlen(command));
		json_add_text(record, "holds", holds);
		json_add_truth(record, "watch", held->is_watch);
		json_add_text(record, "access", held->access);
		if (held->id)
			json_add_number(record, "id", held->id);
		json_add_text(record, "name", held->name);
		json_print(stdout, record);
	}
	free(what);
}

/* A line is "cmap-WORD:", a tab and a text. */
static void read_line(char *line, struct held *held)
{
	char *text = strchr(line, '\t');

	if (!text)
		return;
	*text++ = '\0';
	if (!strcmp(line, "cmap-id:"))
		held->id = strtoull(text, NULL, 10);
	else if (!strcmp(line, "cmap-name:"))
		snprintf(held->name, sizeof(held->name), "%s", text);
	else if (!strcmp(line, "cmap-access:"))
		snprintf(held->access, sizeof(held->access), "%s", text);
	else if (!strcmp(line, "cmap-filter:"))
		held->is_watch = 1;
}

/* Whether a file of fdinfo is one of a map's. */
static int read_held(const char *path, struct held *held)
{
	FILE *in = fopen(path, "re");
	size_t size = 0;
	char *line = NULL;

	*held = (struct held){ 0 };
	if (!in)
		return 0;
	while (getline(&line, &size, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		read_line(line, held);
	}
	free(line);
	fclose(in);
	return held->id != 0;
}

/* Whether a process has mapped the window of some map. */
static int has_mapping(const char *path)
{
	FILE *in = fopen(path, "re");
	size_t size = 0, len, end = strlen(CMAP_DEVICE);
	char *line = NULL;
	int found = 0;

	while (in && !found && getline(&line, &size, in) > 0) {
		len = strcspn(line, "\n");
		line[len] = '\0';
		found = len > end && !strcmp(line + len - end, CMAP_DEVICE);
	}
	free(line);
	if (in)
		fclose(in);
	return found;
}

static void name_of_process(const char *path, char *name, size_t size)
{
	FILE *in = fopen(path, "re");

	*name = '\0';
	if (!in)
		return;
	if (!fgets(name, (int)size, in))
		*name = '\0';
	name[strcspn(name, "\n")] = '\0';
	fclose(in);
}

static void look_into(struct holders *holders, const char *pid)
{
	char path[600], command[64], holds[32];
	const struct dirent *entry;
	struct held held;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	dir = opendir(path);
	if (!dir) {
		holders->unseen += errno == EACCES || errno == EPERM;
		return;
	}
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	name_of_process(path, command, sizeof(command));
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, entry->d_name);
		if (!read_held(path, &held))
			continue;
		n++;
		if (holders->only && held.id != holders->only)
			continue;
		snprintf(holds, sizeof(holds), "fd %.20s", entry->d_name);
		print_held(holders, pid, command, holds, &held);
	}
	closedir(dir);
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	if (n || !has_mapping(path))
		return;
	/* A mapping does not say whose window it is. */
	held = (struct held){ .access = "r" };
	print_held(holders, pid, command, "mapping", &held);
}

static void look_into_all(struct holders *holders)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;

	if (!dir)
		die_of_file("/proc");
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    strtol(entry->d_name, NULL, 10) != getpid())
			look_into(holders, entry->d_name);
	closedir(dir);
}

void do_holders(const struct arguments *args)
{
	struct holders holders = { .args = args };
	struct kcmap_info info;
	struct kcmap *map;

	if (args->argc > 1) {
		map = open_own(args->argv[1]);
		stat_map(map, args->argv[1], &info);
		holders.only = info.id;
		kcmap_close(map);
		doing.map = NULL;
	}
	if (!given(args, JSON))
		holders.table = table_new(columns, N_COLUMNS);
	look_into_all(&holders);
	if (holders.table)
		table_print(holders.table);
	if (fflush(stdout) || ferror(stdout))
		die_printing();
	if (holders.unseen)
		fprintf(stderr, "cmap: %u processes of others could not be looked into; descriptors that are on their way in a socket are not seen\n",
			holders.unseen);
}
