/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An entry as output, and as the arguments of a command.
 */
#ifndef CMAP_TOOL_ENTRY_H
#define CMAP_TOOL_ENTRY_H

#include "options.h"

struct json_object;

struct entry {
	const void *key;
	size_t key_len;
	const void *value;	/* NULL: not known, or not wanted */
	size_t value_len;
	uint64_t version;	/* 0: not known */
	uint64_t deadline;	/* 0: none */
};

struct bytes key_of(const struct arguments *args);
struct json_object *entry_record(const char *kind, const struct arguments *args,
				 const struct entry *entry);
void print_entry(const struct arguments *args, const struct entry *entry);
void print_value(const struct arguments *args, const struct entry *entry);
void read_entry(struct kcmap *map, const char *text, struct entry *entry);
int read_entry_if_there(struct kcmap *map, struct entry *entry);

#endif /* CMAP_TOOL_ENTRY_H */
