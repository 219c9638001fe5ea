// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that read or change all entries of a map.
 */
#include "commands.h"
#include "entry.h"
#include "error.h"
#include "json.h"
#include "number.h"
#include "open.h"
#include "table.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Print the number that a call on the whole map returns. */
static void print_number(const struct arguments *args, int access,
			 int64_t (*call)(struct kcmap *map))
{
	struct kcmap *map = open_map(args->argv[1], access);
	int64_t number = call(map);

	if (number < 0)
		die(args->argv[1]);
	printf("%" PRId64 "\n", number);
	kcmap_close(map);
}

void do_count(const struct arguments *args)
{
	print_number(args, O_RDONLY, kcmap_count);
}

void do_clear(const struct arguments *args)
{
	print_number(args, O_WRONLY, kcmap_clear);
}

/* Whether an entry is one of those that the user looks for. */
static int is_wanted(const struct arguments *args, const struct kcmap_item *item)
{
	char *key;
	int matches;

	if (given(args, LARGER) && item->value_len <= args->larger)
		return 0;
	if (!args->match)
		return 1;
	/* A pattern is for text. */
	key = type_text(args->key_type, item->key, item->key_len);
	matches = !fnmatch(args->match, key, FNM_NOESCAPE);
	free(key);
	return matches;
}

/* Call @fn for each entry that the options and the argument PREFIX leave. */
static void visit_entries(const struct arguments *args, int keys_only,
			  void (*fn)(const struct entry *entry, void *arg), void *arg)
{
	struct kcmap *map = open_map(args->argv[1], O_RDONLY);
	const char *text = args->argc > 2 ? args->argv[2] : args->prefix;
	struct bytes prefix = unescape(text ? text : "");
	struct kcmap_range *range = kcmap_range_new(map, keys_only ? KCMAP_RANGE_KEYS : 0, NULL);
	struct kcmap_item item;
	uint64_t n = 0;
	int more = 0;

	if (!range || (prefix.len &&
		       kcmap_range_prefix(range, prefix.data, prefix.len)))
		die(args->argv[1]);
	while (n != args->limit || !args->limit) {
		more = kcmap_range_next(range, &item);
		if (more <= 0)
			break;
		if (!is_wanted(args, &item))
			continue;
		fn(&(struct entry){ item.key, item.key_len, item.value, item.value_len,
				    item.version, item.deadline }, arg);
		n++;
	}
	if (more < 0)
		die(args->argv[1]);
	kcmap_range_free(range);
	free(prefix.data);
	kcmap_close(map);
}

static void print_one(const struct entry *entry, void *arg)
{
	const struct arguments *args = arg;
	struct entry key = *entry;

	if (given(args, KEYS))
		key.value = NULL;
	print_entry(args, &key);
	if (ferror(stdout))
		die_printing();
}

void do_range(const struct arguments *args)
{
	visit_entries(args, given(args, KEYS), print_one, (void *)args);
}

void do_find(const struct arguments *args)
{
	visit_entries(args, given(args, KEYS) && !given(args, LARGER), print_one, (void *)args);
}

/* ---- the largest values ---- */

#define MOST_BIGKEYS	10000

struct bigkey {
	void *key;
	size_t key_len;
	size_t value_len;
	uint64_t deadline;
};

struct bigkeys {
	struct bigkey *keys;	/* the largest first */
	size_t n;
	size_t most;
};

/* Keep the key if it is one of the largest so far. */
static void keep_largest(const struct entry *entry, void *arg)
{
	struct bigkeys *big = arg;
	size_t i = big->n;
	void *key;

	if (i == big->most && entry->value_len <= big->keys[i - 1].value_len)
		return;
	key = malloc(entry->key_len + 1);
	if (!key)
		die("memory");
	memcpy(key, entry->key, entry->key_len);
	if (i == big->most)
		free(big->keys[--i].key);
	else
		big->n++;
	for (; i && big->keys[i - 1].value_len < entry->value_len; i--)
		big->keys[i] = big->keys[i - 1];
	big->keys[i] = (struct bigkey){ key, entry->key_len, entry->value_len,
					entry->deadline };
}

static void print_bigkeys(const struct arguments *args, const struct bigkeys *big)
{
	static const struct column columns[] = { { "BYTES", 1 }, { "KEY", 0 } };
	struct libscols_table *table = NULL;
	char bytes[NUMBER_SIZE], *key;
	size_t i;

	if (!given(args, JSON))
		table = table_new(columns, 2);
	for (i = 0; i < big->n; i++) {
		const struct bigkey *it = &big->keys[i];
		const struct entry entry = { it->key, it->key_len, NULL, 0, 0, it->deadline };

		if (!table) {
			struct json_object *record = entry_record("entry", args, &entry);

			json_add_number(record, "value_bytes", it->value_len);
			json_print(stdout, record);
			continue;
		}
		key = type_text(args->key_type, it->key, it->key_len);
		table_add(table, 2, (const char *[]) {
				format_size(bytes, it->value_len, given(args, HUMAN)), key,
			  });
		free(key);
	}
	if (table)
		table_print(table);
}

void do_bigkeys(const struct arguments *args)
{
	struct arguments all = *args;
	struct bigkeys big = { NULL, 0, args->limit ? args->limit : 10 };
	size_t i;

	if (big.most > MOST_BIGKEYS)
		die_of_usage("--limit", "at most 10000");
	big.keys = calloc(big.most, sizeof(*big.keys));
	if (!big.keys)
		die("memory");
	all.limit = 0;
	visit_entries(&all, 0, keep_largest, &big);
	print_bigkeys(args, &big);
	for (i = 0; i < big.n; i++)
		free(big.keys[i].key);
	free(big.keys);
}
