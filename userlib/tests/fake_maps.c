// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library's calls on maps that are a file, for tests of the tool without the module.
 * FAKE_MAPS names the file.  It has a line for each map, and one for each of its entries.
 *
 * Only what the tool's output and input depend on is like in the library: entries, their
 * order, names and errors.
 */
#include <kcmap.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct one {
	char *key;
	size_t key_len;
	char *value;
	size_t value_len;
	uint64_t deadline;
	uint64_t version;
};

struct kcmap {
	char *name;
	struct kcmap_options options;
	struct one *entries;
	size_t n;
	int created;
};

static struct kcmap maps[64];
static unsigned int n_maps;
static uint64_t version = 100;

/* ---- the file ---- */

static char *of_hex(const char *hex, size_t *len)
{
	char *bytes = calloc(1, strlen(hex) / 2 + 1);
	unsigned int byte;

	for (*len = 0; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		bytes[(*len)++] = (char)byte;
	return bytes;
}

static void put_hex(FILE *out, const char *p, size_t len)
{
	putc('.', out);
	while (len--)
		fprintf(out, "%02x", (unsigned char)*p++);
	putc(' ', out);
}

static struct one *add(struct kcmap *map, const void *key, size_t key_len)
{
	struct one *entry;

	map->entries = realloc(map->entries, (map->n + 1) * sizeof(*entry));
	entry = &map->entries[map->n++];
	*entry = (struct one){ malloc(key_len + 1), key_len, NULL, 0, 0, 0 };
	memcpy(entry->key, key, key_len);
	return entry;
}

static void load(void)
{
	FILE *in = fopen(getenv("FAKE_MAPS"), "r");
	char kind, *first, *second, *bytes;
	uint64_t number;
	size_t len;

	if (n_maps || !in)
		return;
	while (fscanf(in, " %c %ms %ms %" SCNu64, &kind, &first, &second, &number) == 4) {
		bytes = of_hex(first + 1, &len);
		if (kind == 'M') {
			maps[n_maps].options.mode = 0600;
			maps[n_maps].options.max_entries = number;
			maps[n_maps++].name = strdup(bytes);
		} else {
			struct one *entry = add(&maps[n_maps - 1], bytes, len);

			entry->value = of_hex(second + 1, &entry->value_len);
			entry->deadline = number;
			entry->version = ++version;
		}
		free(bytes);
		free(first);
		free(second);
	}
	fclose(in);
}

static void save(void)
{
	FILE *out = fopen(getenv("FAKE_MAPS"), "w");
	unsigned int i;
	size_t j;

	for (i = 0; i < n_maps; i++) {
		if (!maps[i].name)
			continue;
		fputs("M ", out);
		put_hex(out, maps[i].name, strlen(maps[i].name));
		fprintf(out, ". %" PRIu64 "\n", maps[i].options.max_entries);
		for (j = 0; j < maps[i].n; j++) {
			const struct one *entry = &maps[i].entries[j];

			fputs("E ", out);
			put_hex(out, entry->key, entry->key_len);
			put_hex(out, entry->value, entry->value_len);
			fprintf(out, "%" PRIu64 "\n", entry->deadline);
		}
	}
	fclose(out);
}

static struct kcmap *named(const char *name)
{
	unsigned int i;

	load();
	for (i = 0; i < n_maps; i++)
		if (maps[i].name && name && !strcmp(maps[i].name, name))
			return &maps[i];
	errno = ENOENT;
	return NULL;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* ---- maps ---- */

struct kcmap *kcmap_open(const char *name, int oflag, const struct kcmap_options *options)
{
	struct kcmap *map = named(name);

	if (map && oflag & O_CREAT && oflag & O_EXCL) {
		errno = EEXIST;
		return NULL;
	}
	if (map || !(oflag & O_CREAT))
		return map;
	if (n_maps == sizeof(maps) / sizeof(*maps)) {
		errno = ENFILE;
		return NULL;
	}
	map = &maps[n_maps++];
	map->name = name ? strdup(name) : NULL;
	if (options)
		map->options = *options;
	map->created = 1;
	save();
	return map;
}

bool kcmap_created(const struct kcmap *map)
{
	return map->created;
}

int kcmap_options_differ(struct kcmap *map, const struct kcmap_options *options)
{
	return options->max_entries && options->max_entries != map->options.max_entries ?
	       KCMAP_DIFFER_MAX_ENTRIES : 0;
}

struct kcmap *kcmap_from_fd(int fd)
{
	close(fd);
	return &maps[n_maps - 1];
}

int kcmap_fd(const struct kcmap *map)
{
	(void)map;
	return STDERR_FILENO;
}

void kcmap_close(struct kcmap *map)
{
	(void)map;
}

int kcmap_unlink(const char *name)
{
	struct kcmap *map = named(name);

	if (!map)
		return -1;
	free(map->name);
	map->name = NULL;
	save();
	return 0;
}

int kcmap_rename(struct kcmap *map, const char *name)
{
	if (named(name))
		return fail(EEXIST);
	free(map->name);
	map->name = strdup(name);
	save();
	return 0;
}

int kcmap_publish(struct kcmap *map, const char *name)
{
	struct kcmap *other = named(name);

	if (other && other != map)
		kcmap_unlink(name);
	return other == map ? 0 : kcmap_rename(map, name);
}

int kcmap_exchange(struct kcmap *map, const char *name)
{
	struct kcmap *other = named(name);
	char *old = map->name;

	if (!other)
		return fail(ENOENT);
	map->name = other->name;
	other->name = old;
	save();
	return 0;
}

int kcmap_chmod(struct kcmap *map, mode_t mode)
{
	map->options.mode = mode;
	return 0;
}

int kcmap_chown(struct kcmap *map, uid_t uid, gid_t gid)
{
	(void)map;
	(void)uid;
	(void)gid;
	return 0;
}

int kcmap_stat(struct kcmap *map, struct kcmap_info *info)
{
	info->id = (uint64_t)(map - maps) + 1;
	info->mode = map->options.mode;
	info->key_max = 512;
	info->value_max = 1 << 20;
	info->shards = 2;
	info->max_entries = map->options.max_entries;
	info->entries = map->n;
	info->bytes = 4096 * 400;
	info->allocs = version;
	memcpy(info->description, map->options.description, sizeof(info->description));
	return 0;
}

int kcmap_list(int (*fn)(const struct kcmap_name_info *info, void *arg), void *arg)
{
	unsigned int i;
	int stop = 0;

	load();
	for (i = 0; i < n_maps && !stop; i++)
		if (maps[i].name)
			stop = fn(&(struct kcmap_name_info){
					.name = maps[i].name, .id = i + 1,
					.entries = maps[i].n, .bytes = 4096 * 400,
					.mode = maps[i].options.mode }, arg);
	return stop;
}

int kcmap_limits(struct kcmap_usage *usage)
{
	usage->maps = n_maps;
	usage->all_maps = n_maps;
	usage->all_bytes = 4096 * 400 * (uint64_t)n_maps;
	return 0;
}

/* ---- entries ---- */

static struct one *find(struct kcmap *map, const void *key, size_t len)
{
	size_t i;

	for (i = 0; i < map->n; i++)
		if (map->entries[i].key_len == len && !memcmp(map->entries[i].key, key, len))
			return &map->entries[i];
	return NULL;
}

static void put(struct one *entry, const void *value, size_t len)
{
	free(entry->value);
	entry->value = malloc(len + 1);
	if (len)
		memcpy(entry->value, value, len);
	entry->value_len = len;
	entry->version = ++version;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * KCMAP_SECOND + (uint64_t)ts.tv_nsec;
}

static void give_old(const struct one *entry, const struct kcmap_command *command,
		     struct kcmap_result *result)
{
	result->existed = entry != NULL;
	if (!entry)
		return;
	result->value_len = entry->value_len;
	if (command->old)
		memcpy(command->old, entry->value, entry->value_len);
}

static void take_out(struct kcmap *map, struct one *entry)
{
	free(entry->key);
	free(entry->value);
	*entry = map->entries[--map->n];
}

static int64_t sum(struct one *entry, int64_t delta)
{
	int64_t number = 0;

	if (entry->value_len == sizeof(number))
		memcpy(&number, entry->value, sizeof(number));
	number = (int64_t)((uint64_t)number + (uint64_t)delta);
	put(entry, &number, sizeof(number));
	return number;
}

static int carry_out(struct kcmap *map, const struct kcmap_command *command,
		     struct kcmap_result *result)
{
	struct one *entry = find(map, command->key, command->key_len);
	int op = command->operation;

	*result = (struct kcmap_result){ 0 };
	if (command->key_len > 512)
		return -E2BIG;
	if (command->flags & KCMAP_WRITE_VERSION &&
	    (!entry || entry->version != command->expected_version))
		return entry ? -ESTALE : -ENOENT;
	if (op == KCMAP_OP_INSERT && entry)
		return -EEXIST;
	if (!entry && (op == KCMAP_OP_REPLACE || op == KCMAP_OP_DELETE || op == KCMAP_OP_TAKE ||
		       op == KCMAP_OP_TOUCH || op == KCMAP_OP_COMPARE_SWAP || op == KCMAP_OP_GET))
		return -ENOENT;
	if (op == KCMAP_OP_COMPARE_SWAP &&
	    (entry->value_len != command->expected_len ||
	     memcmp(entry->value, command->expected, command->expected_len)))
		return -ESTALE;
	give_old(entry, command, result);
	if (op == KCMAP_OP_GET)
		return 0;
	if (op == KCMAP_OP_DELETE || op == KCMAP_OP_TAKE) {
		take_out(map, entry);
		save();
		return 0;
	}
	if (!entry && map->options.max_entries && map->n >= map->options.max_entries)
		return -ENOSPC;
	if (!entry)
		entry = add(map, command->key, command->key_len);
	if (op == KCMAP_OP_ADD)
		result->number = sum(entry, command->delta);
	else if (op != KCMAP_OP_TOUCH)
		put(entry, command->value, command->value_len);
	entry->deadline = command->flags & KCMAP_WRITE_TTL ? now() + command->ttl : 0;
	save();
	return 0;
}

int kcmap_write(struct kcmap *map, const struct kcmap_command *command,
		struct kcmap_result *result)
{
	struct kcmap_result own;
	int error = carry_out(map, command, result ? result : &own);

	return error ? fail(-error) : 0;
}

ssize_t kcmap_get_many(struct kcmap *map, struct kcmap_lookup *lookups, size_t n)
{
	size_t i, found = 0;

	for (i = 0; i < n; i++) {
		struct one *entry = find(map, lookups[i].key, lookups[i].key_len);

		lookups[i].error = entry ? 0 : ENOENT;
		if (!entry)
			continue;
		lookups[i].len = entry->value_len;
		if (entry->value_len > lookups[i].size) {
			lookups[i].error = EMSGSIZE;
			continue;
		}
		memcpy(lookups[i].buf, entry->value, entry->value_len);
		lookups[i].version = entry->version;
		lookups[i].deadline = entry->deadline;
		found++;
	}
	return (ssize_t)found;
}

ssize_t kcmap_get(struct kcmap *map, const void *key, size_t key_len, void *buf, size_t size,
		  uint64_t *out)
{
	struct kcmap_lookup lookup = { .key = key, .key_len = key_len, .buf = buf, .size = size };

	kcmap_get_many(map, &lookup, 1);
	if (out)
		*out = lookup.version;
	return lookup.error ? fail(lookup.error) : (ssize_t)lookup.len;
}

int kcmap_get_deadline(struct kcmap *map, const void *key, size_t key_len, uint64_t *deadline,
		       uint64_t *out)
{
	struct one *entry = find(map, key, key_len);

	(void)out;
	if (!entry)
		return fail(ENOENT);
	*deadline = entry->deadline;
	return 0;
}

int kcmap_set(struct kcmap *map, const void *key, size_t key_len, const void *value, size_t len,
	      uint64_t *out)
{
	struct kcmap_command command = { .operation = KCMAP_OP_SET, .key = key,
		.key_len = key_len, .value = value, .value_len = len };

	(void)out;
	return kcmap_write(map, &command, NULL);
}

int kcmap_add(struct kcmap *map, const void *key, size_t key_len, int64_t delta, int64_t start,
	      int64_t *result, uint64_t *out)
{
	struct kcmap_command command = { .operation = KCMAP_OP_ADD, .key = key,
		.key_len = key_len, .delta = delta, .start = start };

	(void)result;
	(void)out;
	return kcmap_write(map, &command, NULL);
}

int64_t kcmap_count(struct kcmap *map)
{
	return (int64_t)map->n;
}

int64_t kcmap_clear(struct kcmap *map)
{
	int64_t n = (int64_t)map->n;

	while (map->n)
		take_out(map, &map->entries[map->n - 1]);
	save();
	return n;
}

/* ---- ranges and batches ---- */

struct kcmap_range {
	struct kcmap *map;
	size_t at;
	unsigned int flags;
	char prefix[512];
	size_t prefix_len;
};

struct kcmap_range *kcmap_range_new(struct kcmap *map, unsigned int flags,
				    const struct kcmap_cursor *from)
{
	struct kcmap_range *range = calloc(1, sizeof(*range));

	(void)from;
	range->map = map;
	range->flags = flags;
	return range;
}

int kcmap_range_prefix(struct kcmap_range *range, const void *prefix, size_t len)
{
	if (len > sizeof(range->prefix))
		return fail(E2BIG);
	memcpy(range->prefix, prefix, len);
	range->prefix_len = len;
	return 0;
}

int kcmap_range_next(struct kcmap_range *range, struct kcmap_item *item)
{
	const struct one *entry;

	do {
		if (range->at == range->map->n)
			return 0;
		entry = &range->map->entries[range->at++];
	} while (entry->key_len < range->prefix_len ||
		 memcmp(entry->key, range->prefix, range->prefix_len));
	*item = (struct kcmap_item){ .key = entry->key, .key_len = entry->key_len,
		.value = range->flags & KCMAP_RANGE_KEYS ? NULL : entry->value,
		.value_len = entry->value_len, .version = entry->version,
		.deadline = entry->deadline };
	return 1;
}

void kcmap_range_free(struct kcmap_range *range)
{
	free(range);
}

struct kcmap_batch {
	unsigned int n;
	struct kcmap_command commands[256];
	struct kcmap_result results[256];
};

struct kcmap_batch *kcmap_batch_new(unsigned int capacity)
{
	(void)capacity;
	return calloc(1, sizeof(struct kcmap_batch));
}

void kcmap_batch_free(struct kcmap_batch *batch)
{
	free(batch);
}

void kcmap_batch_reset(struct kcmap_batch *batch)
{
	batch->n = 0;
}

int kcmap_batch_write(struct kcmap_batch *batch, const struct kcmap_command *command)
{
	batch->commands[batch->n] = *command;
	return (int)batch->n++;
}

int kcmap_batch_get(struct kcmap_batch *batch, const void *key, size_t key_len, void *buf,
		    size_t size)
{
	return kcmap_batch_write(batch, &(struct kcmap_command){ .operation = KCMAP_OP_GET,
				 .key = key, .key_len = key_len, .old = buf, .old_size = size });
}

int kcmap_batch_set(struct kcmap_batch *batch, const void *key, size_t key_len,
		    const void *value, size_t len)
{
	return kcmap_batch_write(batch, &(struct kcmap_command){ .operation = KCMAP_OP_SET,
				 .key = key, .key_len = key_len, .value = value, .value_len = len });
}

int kcmap_batch_submit(struct kcmap_batch *batch, struct kcmap *map)
{
	unsigned int i;

	for (i = 0; i < batch->n; i++) {
		struct kcmap_result result;
		int error = carry_out(map, &batch->commands[i], &result);

		batch->results[i] = result;
		batch->results[i].error = -error;
	}
	return (int)batch->n;
}

int kcmap_batch_result(const struct kcmap_batch *batch, unsigned int index,
		       struct kcmap_result *result)
{
	*result = batch->results[index];
	return 0;
}

/* ---- changes: none is made while somebody waits ---- */

struct kcmap_watch {
	int seen;
};

struct kcmap_watch *kcmap_watch_open(struct kcmap *map, const struct kcmap_filter *filter,
				     const void *cursor, size_t cursor_len)
{
	(void)map;
	(void)filter;
	(void)cursor;
	(void)cursor_len;
	return calloc(1, sizeof(struct kcmap_watch));
}

/* One change of each cause, then the map is gone. */
int kcmap_watch_next(struct kcmap_watch *watch, struct kcmap_change *change, int timeout)
{
	static const int causes[] = { KCMAP_CAUSE_SET, KCMAP_CAUSE_DELETE, KCMAP_CAUSE_EXPIRE,
				      KCMAP_CAUSE_OWNER, KCMAP_CAUSE_NAME,
				      KCMAP_CAUSE_LOST };

	(void)timeout;
	if (watch->seen == sizeof(causes) / sizeof(*causes))
		return 0;
	*change = (struct kcmap_change){ .cause = causes[watch->seen++], .key = "k\033",
		.key_len = 2, .value = "v", .value_len = 1, .version = 7, .first = 3, .lost = 5 };
	return 1;
}

int kcmap_watch_fd(const struct kcmap_watch *watch)
{
	(void)watch;
	return -1;
}

void kcmap_watch_close(struct kcmap_watch *watch)
{
	free(watch);
}

int kcmap_wait(struct kcmap *map, const void *key, size_t key_len, uint64_t *out, int timeout)
{
	(void)map;
	(void)key;
	(void)key_len;
	(void)out;
	(void)timeout;
	return fail(ETIMEDOUT);
}

/* ---- the rest ---- */

int __wrap_access(const char *file, int mode);

/* The device and the module seem to be there. */
int __wrap_access(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return 0;
}

const char *kcmap_strerror(int error, enum kcmap_operation operation, const struct kcmap *map,
			   char *buf, size_t size)
{
	(void)operation;
	(void)map;
	snprintf(buf, size, "%s", strerror(error));
	return buf;
}

const char *kcmap_version(void)
{
	return "0.0";
}
