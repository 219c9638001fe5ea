/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names, keys and values as text. \xHH stands for any byte and \\ for a
 * backslash, in arguments and in output.
 */
#ifndef CMAP_TOOL_TEXT_H
#define CMAP_TOOL_TEXT_H

#include "visible.h"

/* Bytes, with a NUL behind them. */
struct bytes {
	char *data;
	size_t len;
};

struct bytes unescape(const char *text);
char *escaped(const void *data, size_t len);

#endif /* CMAP_TOOL_TEXT_H */
