// SPDX-License-Identifier: GPL-2.0-or-later
#include "number.h"
#include "error.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Read a number.  Returns 0, else EINVAL or ERANGE. */
static int number_of(const char *text, int base, int64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, base);
	return end == text || *end || isspace((unsigned char)*text) ? EINVAL : errno;
}

int64_t parse_number(const char *text, int base, int64_t least, int64_t most)
{
	int64_t number;
	int err = number_of(text, base, &number);

	if (err == EINVAL)
		die_of_usage(text, "not a number");
	if (err || number < least || number > most)
		die_of_usage(text, "too small or too large");
	return number;
}

int read_number(const char *text, int64_t *number)
{
	return number_of(text, 0, number);
}

/* ---- sizes ---- */

static const char units[] = "KMGTPE";

/* The factor that a unit stands for, as "K" or "MiB"; 0 if there is no such unit. */
static uint64_t factor_of(const char *unit)
{
	const char *at;

	if (!*unit || !strcmp(unit, "B"))
		return 1;
	at = strchr(units, toupper((unsigned char)*unit));
	if (!at || (unit[1] && strcmp(unit + 1, "B") && strcmp(unit + 1, "iB")))
		return 0;
	return UINT64_C(1) << (10 * (at - units + 1));
}

/*
 * A size in bytes, or with a unit, as "64M" or "1.5GiB".  Units are powers of 1024, and
 * so format_size() writes them.  Ends the program if it is not valid.
 */
uint64_t parse_size(const char *text, uint64_t most)
{
	uint64_t whole, factor, size;
	double part = 0, scale = 0.1;
	int large;
	char *end;

	errno = 0;
	whole = strtoull(text, &end, 0);
	large = errno == ERANGE;
	if (end == text || !isdigit((unsigned char)*text))
		die_of_usage(text, "not a size, as 65536 or 64K");
	if (*end == '.')
		for (end++; isdigit((unsigned char)*end); end++, scale /= 10)
			part += (*end - '0') * scale;
	factor = factor_of(end);
	if (!factor)
		die_of_usage(text, "not a size, as 65536 or 64K");
	large |= __builtin_mul_overflow(whole, factor, &size);
	large |= __builtin_add_overflow(size, (uint64_t)(part * (double)factor), &size);
	if (large || size > most)
		die_of_usage(text, "too small or too large");
	return size;
}

/* For people with one decimal, if that says more; else the plain number. */
char *format_size(char text[NUMBER_SIZE], uint64_t size, int human)
{
	double shown = (double)size;
	unsigned int unit = 0;

	if (!human || size < 1024) {
		snprintf(text, NUMBER_SIZE, "%" PRIu64, size);
		return text;
	}
	for (shown /= 1024; shown >= 1023.95 && units[unit + 1]; unit++)
		shown /= 1024;
	snprintf(text, NUMBER_SIZE, shown < 9.95 ? "%.1f%c" : "%.0f%c", shown, units[unit]);
	return text;
}

/* ---- times ---- */

/* The unit of a time in nanoseconds, or 0. */
static uint64_t unit_of(const char *name)
{
	static const struct {
		const char *name;
		uint64_t nanoseconds;
	} times[] = {
		{ "", KCMAP_SECOND }, { "s", KCMAP_SECOND },
		{ "ms", KCMAP_MILLISECOND }, { "us", 1000 }, { "ns", 1 },
		{ "m", 60 * KCMAP_SECOND }, { "h", 3600 * KCMAP_SECOND },
		{ "d", 86400 * KCMAP_SECOND },
	};
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(*times); i++)
		if (!strcmp(name, times[i].name))
			return times[i].nanoseconds;
	return 0;
}

/*
 * A time as "1.5", in seconds, or with a unit, as "500ms".  More than 0, less than
 * 292 years, and not in the locale's notation.  Returns 0, -EINVAL or -ERANGE.
 */
int read_time(const char *text, uint64_t *time)
{
	uint64_t whole = 0, part = 0, scale = 1, unit, rest;
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
	if (!digits || !unit)
		return -EINVAL;
	large |= __builtin_mul_overflow(whole, unit, time);
	rest = (uint64_t)((double)part / (double)scale * (double)unit + 0.5);
	large |= __builtin_add_overflow(*time, rest, time);
	return large || *time > INT64_MAX || !*time ? -ERANGE : 0;
}

/* The same.  Ends the program if it is not valid. */
uint64_t parse_time(const char *text)
{
	uint64_t time;
	int err = read_time(text, &time);

	if (err)
		die_of_usage(text, err == -EINVAL ? "not a time, as 1.5 or 500ms" :
			     "too small or too large");
	return time;
}

/* In seconds, to the millisecond. */
char *format_time(char text[NUMBER_SIZE], uint64_t nanoseconds)
{
	snprintf(text, NUMBER_SIZE, "%" PRIu64 ".%03u", nanoseconds / KCMAP_SECOND,
		 (unsigned int)(nanoseconds % KCMAP_SECOND / KCMAP_MILLISECOND));
	return text;
}

/* How long it is from now to a deadline. */
uint64_t time_left(uint64_t deadline)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	now = (uint64_t)ts.tv_sec * KCMAP_SECOND + (uint64_t)ts.tv_nsec;
	return deadline > now ? deadline - now : 0;
}

/* How long an entry lives from now on. */
char *format_ttl(char text[NUMBER_SIZE], uint64_t deadline)
{
	if (deadline)
		return format_time(text, time_left(deadline));
	snprintf(text, NUMBER_SIZE, "never");
	return text;
}
