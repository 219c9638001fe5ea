// SPDX-License-Identifier: GPL-2.0-or-later
#include "input.h"
#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Longer input can be no value: the longest has 1 MiB. */
#define MOST	((size_t)64 << 20)

/* Open a file for reading; - or NULL is standard input. */
FILE *input_open(const char *file)
{
	FILE *in = file && strcmp(file, "-") ? fopen(file, "re") : stdin;

	if (!in)
		die_of_file(file);
	return in;
}

/* All that a file has. */
struct bytes input_whole(const char *file)
{
	FILE *in = input_open(file);
	struct bytes bytes = { NULL, 0 };
	size_t room = 0, n;

	do {
		if (bytes.len + 1 >= room) {
			room = room ? 2 * room : 4096;
			bytes.data = realloc(bytes.data, room);
			if (!bytes.data)
				die("memory");
		}
		n = fread(bytes.data + bytes.len, 1, room - bytes.len - 1, in);
		bytes.len += n;
	} while (n && bytes.len < MOST);
	if (ferror(in))
		die_of_file(file);
	if (bytes.len >= MOST) {
		errno = EFBIG;
		die_of_file(file);
	}
	bytes.data[bytes.len] = '\0';
	if (in != stdin)
		fclose(in);
	return bytes;
}

/* The next line without its end, in *@line.  NULL at the end. */
char *input_line(FILE *in, const char *file, char **line, size_t *size)
{
	ssize_t len;

	errno = 0;
	len = getline(line, size, in);
	if (len < 0) {
		if (ferror(in))
			die_of_file(file ? file : "-");
		return NULL;
	}
	if (len && (*line)[len - 1] == '\n')
		(*line)[--len] = '\0';
	/* A line with a NUL in it is shorter than it is. */
	if (strlen(*line) != (size_t)len)
		die_because(file ? file : "-", "not text: it has a NUL byte");
	return *line;
}
