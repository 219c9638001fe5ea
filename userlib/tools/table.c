// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"
#include "error.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum when_coloured when_coloured = COLOUR_AUTO;

/* On a terminal that has colours, unless the user wants none: see no-color.org. */
int is_coloured(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when_coloured != COLOUR_AUTO)
		return when_coloured == COLOUR_ALWAYS;
	return isatty(STDOUT_FILENO) && (!no || !*no) && term && strcmp(term, "dumb");
}

/* @result is what a function of libsmartcols returned. */
static void must_succeed(int result)
{
	if (!result)
		return;
	errno = -result;
	die("output");
}

struct libscols_table *table_new(const struct column *columns, unsigned int n)
{
	struct libscols_table *table = scols_new_table();
	int coloured = is_coloured();
	unsigned int i;

	if (!table)
		die("memory");
	/* Cells are escaped already, and must not be cut off. */
	scols_table_enable_noencoding(table, 1);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_colors(table, coloured);
	for (i = 0; i < n; i++) {
		struct libscols_column *column;

		column = scols_table_new_column(table, columns[i].name, 0,
						columns[i].is_number ? SCOLS_FL_RIGHT : 0);
		if (!column)
			die("memory");
		if (coloured)
			must_succeed(scols_cell_set_color(scols_column_get_header(column), "bold"));
	}
	return table;
}

/* Add a line; the cells are copied. */
void table_add(struct libscols_table *table, unsigned int n, const char * const *cells)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	unsigned int i;

	if (!line)
		die("memory");
	for (i = 0; i < n; i++)
		must_succeed(scols_line_set_data(line, i, cells[i]));
}

/* libsmartcols prints nothing of a table without lines. */
static void print_header(struct libscols_table *table)
{
	size_t i, n = scols_table_get_ncols(table);

	for (i = 0; i < n; i++)
		printf("%s%s", i ? " " : "",
		       scols_column_get_name(scols_table_get_column(table, i)));
	putchar('\n');
}

/* Print the table, and free it. */
void table_print(struct libscols_table *table)
{
	if (scols_table_is_empty(table))
		print_header(table);
	else
		must_succeed(scols_print_table(table));
	scols_unref_table(table);
}
