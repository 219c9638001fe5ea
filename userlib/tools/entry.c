// SPDX-License-Identifier: GPL-2.0-or-later
#include "entry.h"
#include "error.h"
#include "json.h"
#include "number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The key, which is the second argument of each command that has one. */
struct bytes key_of(const struct arguments *args)
{
	return type_parse(args->key_type, args->argv[2]);
}

struct json_object *entry_record(const char *kind, const struct arguments *args,
				 const struct entry *entry)
{
	struct json_object *record = json_record(kind);

	json_add_bytes(record, "key", args->key_type, entry->key, entry->key_len);
	if (entry->value)
		json_add_bytes(record, "value", args->type, entry->value, entry->value_len);
	if (entry->version)
		json_add_number(record, "version", entry->version);
	json_add_ttl(record, entry->deadline);
	return record;
}

/* Print a line with a key, its value and how long it lives. */
void print_entry(const struct arguments *args, const struct entry *entry)
{
	char ttl[NUMBER_SIZE];

	if (given(args, JSON)) {
		json_print(stdout, entry_record("entry", args, entry));
		return;
	}
	type_print(stdout, args->key_type, entry->key, entry->key_len);
	if (entry->value) {
		putchar('\t');
		type_print(stdout, args->type, entry->value, entry->value_len);
	}
	if (given(args, WITH_TTL))
		printf("\t%s", format_ttl(ttl, entry->deadline));
	putchar('\n');
}

/* Print a value: on a line of its own, or as it is. */
void print_value(const struct arguments *args, const struct entry *entry)
{
	if (given(args, RAW)) {
		if (isatty(STDOUT_FILENO))
			die_of_usage("--raw", "not to a terminal, which may take bytes for commands");
		fwrite(entry->value, 1, entry->value_len, stdout);
	} else if (given(args, JSON)) {
		json_print(stdout, entry_record("entry", args, entry));
	} else {
		type_print(stdout, args->type, entry->value, entry->value_len);
		putchar('\n');
	}
}

/*
 * Read value, version and deadline of the key, at one moment.  The caller frees the
 * value.  Returns -1 with errno set if there is none.
 */
int read_entry_if_there(struct kcmap *map, struct entry *entry)
{
	size_t room = 4096;
	struct kcmap_lookup lookup;
	void *value;

	do {
		value = malloc(room + 1);
		if (!value)
			die("memory");
		lookup = (struct kcmap_lookup){
			.key = entry->key, .key_len = entry->key_len,
			.buf = value, .size = room,
		};
		if (kcmap_get_many(map, &lookup, 1) < 0)
			lookup.error = errno;
		if (lookup.error)
			free(value);
		room = lookup.len;
	} while (lookup.error == EMSGSIZE);
	errno = lookup.error;
	if (lookup.error)
		return -1;
	entry->value = value;
	entry->value_len = lookup.len;
	entry->version = lookup.version;
	entry->deadline = lookup.deadline;
	return 0;
}

/* The same.  Ends the program if there is no such key. */
void read_entry(struct kcmap *map, const char *text, struct entry *entry)
{
	if (read_entry_if_there(map, entry))
		die(text);
}
