/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are read: whole, or line by line.
 */
#ifndef CMAP_TOOL_INPUT_H
#define CMAP_TOOL_INPUT_H

#include "text.h"

FILE *input_open(const char *file);
struct bytes input_whole(const char *file);
char *input_line(FILE *in, const char *file, char **line, size_t *size);

#endif /* CMAP_TOOL_INPUT_H */
