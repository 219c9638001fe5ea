/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be seen on a terminal.
 *
 * Any user may have written what is printed, and a terminal takes some bytes for
 * commands: below 0x20, 0x7f, and from 0x80 on those that are no characters for it.
 * So each byte is \xHH that is neither a visible character nor a space.  Beyond ASCII,
 * a character is visible only in a locale with UTF-8.
 */
#ifndef CMAP_TOOL_VISIBLE_H
#define CMAP_TOOL_VISIBLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void text_init(void);
void text_is_ascii(void);
int hex_byte(const char *text);
size_t utf8_decode(const void *data, size_t len, uint32_t *character);
void print_escaped(FILE *out, const void *data, size_t len);
void print_message(FILE *out, const void *data, size_t len);

#endif /* CMAP_TOOL_VISIBLE_H */
