/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers, sizes and times of the command line and of the output.
 */
#ifndef CMAP_TOOL_NUMBER_H
#define CMAP_TOOL_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_SIZE	32	/* bytes that the text of a number needs */

int64_t parse_number(const char *text, int base, int64_t least, int64_t most);
uint64_t parse_size(const char *text, uint64_t most);
uint64_t parse_time(const char *text);
int read_number(const char *text, int64_t *number);
int read_time(const char *text, uint64_t *time);
char *format_size(char text[NUMBER_SIZE], uint64_t size, int human);
char *format_time(char text[NUMBER_SIZE], uint64_t nanoseconds);
uint64_t time_left(uint64_t deadline);
char *format_ttl(char text[NUMBER_SIZE], uint64_t deadline);

#endif /* CMAP_TOOL_NUMBER_H */
