/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names, keys and values as text. \xHH stands for any byte and \\ for a
 * backslash, in arguments and in output.  All output that is neither a visible
 * ASCII character nor a space is \xHH, because a terminal takes bytes from 0x80
 * on for commands, too.
 */
#ifndef CMAP_TOOL_TEXT_H
#define CMAP_TOOL_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Text of the command line after escapes are resolved. */
struct bytes {
	char *data;
	size_t len;
};

struct bytes unescape(const char *text);
int64_t parse_number(const char *text, int base, int64_t least, int64_t most);
uint64_t parse_time(const char *text);
void print_time(uint64_t nanoseconds);
void print_bytes(const void *data, size_t len);
void print_value(const void *value, size_t len);

#endif /* CMAP_TOOL_TEXT_H */
