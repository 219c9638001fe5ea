/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON, by json-c.  Output is one object a line, which says in "kind" what it is;
 * cmap(1) describes the members of each kind.  It is ASCII, whatever the names, keys and
 * values are.
 */
#ifndef CMAP_TOOL_JSON_H
#define CMAP_TOOL_JSON_H

#include "type.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

struct json_object *json_record(const char *kind);
void json_add_text(struct json_object *record, const char *member, const char *text);
void json_add_number(struct json_object *record, const char *member, uint64_t number);
void json_add_signed(struct json_object *record, const char *member, int64_t number);
void json_add_real(struct json_object *record, const char *member, double number);
void json_add_truth(struct json_object *record, const char *member, int truth);
void json_add_seconds(struct json_object *record, const char *member, uint64_t time);
void json_add_ttl(struct json_object *record, uint64_t deadline);
void json_add_bytes(struct json_object *record, const char *member, enum type type,
		    const void *data, size_t len);
void json_print(FILE *out, struct json_object *record);

#endif /* CMAP_TOOL_JSON_H */
