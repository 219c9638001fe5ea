/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables, by libsmartcols, and colours.
 */
#ifndef CMAP_TOOL_TABLE_H
#define CMAP_TOOL_TABLE_H

struct libscols_table;

struct column {
	const char *name;
	int is_number;
};

enum when_coloured { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

extern enum when_coloured when_coloured;

int is_coloured(void);
struct libscols_table *table_new(const struct column *columns, unsigned int n);
void table_add(struct libscols_table *table, unsigned int n, const char * const *cells);
void table_print(struct libscols_table *table);

#endif /* CMAP_TOOL_TABLE_H */
