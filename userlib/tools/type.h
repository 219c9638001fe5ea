/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keys and values are, and how they are written as text.  The user says it.  It is
 * never guessed from the bytes, which somebody else may have chosen.
 */
#ifndef CMAP_TOOL_TYPE_H
#define CMAP_TOOL_TYPE_H

#include "text.h"

enum type {
	TYPE_TEXT,		/* as text.h says */
	TYPE_HEX,		/* two digits for each byte */
	TYPE_U64,		/* a number of 8 bytes, as kcmap_add() takes it */
	TYPE_I64,
	TYPE_JSON,		/* text that is JSON */
};

enum type type_of_name(const char *name);
const char *name_of_type(enum type type);
void type_if_known(const char *name, size_t len, enum type *type);
const char *type_read(enum type type, const char *text, struct bytes *bytes);
struct bytes type_parse(enum type type, const char *text);
int type_fits(enum type type, const void *data, size_t len);
void type_print(FILE *out, enum type type, const void *data, size_t len);
char *type_text(enum type type, const void *data, size_t len);

#endif /* CMAP_TOOL_TYPE_H */
