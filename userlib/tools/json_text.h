/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that is JSON.
 */
#ifndef CMAP_TOOL_JSON_TEXT_H
#define CMAP_TOOL_JSON_TEXT_H

#include <stddef.h>
#include <stdio.h>

int json_is_valid(const void *text, size_t len);
void json_print_text(FILE *out, const void *text, size_t len);

#endif /* CMAP_TOOL_JSON_TEXT_H */
