// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"
#include "error.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	       isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 :
	       -1;
}

struct bytes unescape(const char *text)
{
	/* One more byte, for the NUL of names. */
	struct bytes bytes = { calloc(1, strlen(text) + 1), 0 };

	if (!bytes.data)
		die("memory");
	while (*text) {
		if (text[0] == '\\' && text[1] == '\\') {
			bytes.data[bytes.len++] = '\\';
			text += 2;
		} else if (text[0] == '\\' && text[1] == 'x' &&
			   hex_digit(text[2]) >= 0 && hex_digit(text[3]) >= 0) {
			bytes.data[bytes.len++] = (char)(hex_digit(text[2]) << 4 |
							 hex_digit(text[3]));
			text += 4;
		} else {
			bytes.data[bytes.len++] = *text++;
		}
	}
	return bytes;
}

int64_t parse_number(const char *text, int base, int64_t least, int64_t most)
{
	char *end;
	int64_t number;

	errno = 0;
	number = strtoll(text, &end, base);
	if (end == text || *end) {
		fprintf(stderr, "cmap: %s: not a number\n", text);
		exit(EX_USAGE);
	}
	if (errno || number < least || number > most) {
		fprintf(stderr, "cmap: %s: too small or too large\n", text);
		exit(EX_USAGE);
	}
	return number;
}

/* The unit of a time in nanoseconds, or 0. */
static uint64_t unit_of(const char *name)
{
	static const struct {
		const char *name;
		uint64_t nanoseconds;
	} units[] = {
		{ "", KCMAP_SECOND }, { "s", KCMAP_SECOND },
		{ "ms", KCMAP_MILLISECOND }, { "us", 1000 }, { "ns", 1 },
		{ "m", 60 * KCMAP_SECOND }, { "h", 3600 * KCMAP_SECOND },
		{ "d", 86400 * KCMAP_SECOND },
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(name, units[i].name))
			return units[i].nanoseconds;
	return 0;
}

/*
 * A time as "1.5", in seconds, or with a unit, as "500ms".  More than 0, less than
 * 292 years, and not in the locale's notation.  Ends the program if it is not valid.
 */
uint64_t parse_time(const char *text)
{
	uint64_t whole = 0, part = 0, scale = 1, unit, time, rest;
	const char *at = text;
	int digits = 0, large = 0;

	for (; isdigit((unsigned char)*at); at++, digits++) {
		large |= whole > INT64_MAX / 10 - 1;
		whole = whole * 10 + (uint64_t)(*at - '0');
	}
	if (*at == '.')
		for (at++; isdigit((unsigned char)*at); at++, digits++) {
			/* Further digits are less than a nanosecond of a day. */
			if (scale >= 1000000000000)
				continue;
			part = part * 10 + (uint64_t)(*at - '0');
			scale *= 10;
		}
	unit = unit_of(at);
	if (!digits || !unit) {
		fprintf(stderr, "cmap: %s: not a time, as 1.5 or 500ms\n", text);
		exit(EX_USAGE);
	}
	large |= __builtin_mul_overflow(whole, unit, &time);
	rest = (uint64_t)((double)part / (double)scale * (double)unit + 0.5);
	large |= __builtin_add_overflow(time, rest, &time);
	if (large || time > INT64_MAX || !time) {
		fprintf(stderr, "cmap: %s: too small or too large\n", text);
		exit(EX_USAGE);
	}
	return time;
}

/* In seconds, to the millisecond. */
void print_time(uint64_t nanoseconds)
{
	printf("%" PRIu64 ".%03u", nanoseconds / KCMAP_SECOND,
	       (unsigned int)(nanoseconds % KCMAP_SECOND / KCMAP_MILLISECOND));
}

void print_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len--; p++) {
		if (*p == '\\')
			fputs("\\\\", stdout);
		else if (*p < ' ' || *p >= 0x7f)
			printf("\\x%02x", *p);
		else
			putchar(*p);
	}
}

/* A value of eight bytes is most likely a number. */
static int is_number(const void *value, size_t len)
{
	const char *p = value;
	size_t i;

	if (len != sizeof(int64_t))
		return 0;
	for (i = 0; i < sizeof(int64_t); i++)
		if (!isprint((unsigned char)p[i]))
			return 1;
	return 0;
}

void print_value(const void *value, size_t len)
{
	int64_t number;

	if (!is_number(value, len)) {
		print_bytes(value, len);
		return;
	}
	memcpy(&number, value, sizeof(number));
	printf("%" PRId64, number);
}
