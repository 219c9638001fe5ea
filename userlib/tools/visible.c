// SPDX-License-Identifier: GPL-2.0-or-later
#include "visible.h"

#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* Whether the terminal takes UTF-8. */
static int takes_utf8;

void text_init(void)
{
	/* Numbers and messages stay as they are in every locale. */
	takes_utf8 = setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* For output that is the same in every locale. */
void text_is_ascii(void)
{
	takes_utf8 = 0;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	       isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 :
	       -1;
}

/* The byte whose two hexadecimal digits a text begins with, or -1 if it does not. */
int hex_byte(const char *text)
{
	int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* How many bytes the first character has, and its number; 0 if it is not valid UTF-8. */
size_t utf8_decode(const void *data, size_t len, uint32_t *character)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = data;
	size_t n, i;

	if (!len)
		return 0;
	n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
	    p[0] < 0xf5 ? 4 : 0;
	if (!n || n > len)
		return 0;
	*character = n == 1 ? p[0] : p[0] & (0x7fU >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (p[i] & 0x3fU);
	}
	if (*character < least[n] || *character > 0x10ffff ||
	    (*character >= 0xd800 && *character < 0xe000))
		return 0;
	return n;
}

/*
 * Whether a character can be seen, and changes nothing but its own place: no control
 * character, and none that turns or hides the text around it.
 */
static int is_visible(uint32_t c)
{
	static const struct { uint32_t from, to; } hidden[] = {
		{ 0x80, 0xa0 }, { 0xad, 0xad }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
		{ 0x180b, 0x180f }, { 0x2000, 0x200f }, { 0x2028, 0x202f },
		{ 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0x3164, 0x3164 },
		{ 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb }, { 0xe0000, 0x10ffff },
	};
	size_t i;

	if (c < 0x80)
		return c >= ' ' && c < 0x7f;
	if (!takes_utf8 || (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef))
		return 0;
	for (i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		if (c >= hidden[i].from && c <= hidden[i].to)
			return 0;
	return iswprint((wint_t)c) != 0;
}

/* Print what can be seen, and the rest as \xHH.  Bytes of @plain are not changed. */
static void print_visible(FILE *out, const unsigned char *p, size_t len, const char *plain)
{
	uint32_t c = 0;
	size_t n;

	for (; len; p += n, len -= n) {
		n = utf8_decode(p, len, &c);
		if (n && (is_visible(c) || (c && c < 0x80 && strchr(plain, (int)c)))) {
			fwrite(p, 1, n, out);
		} else {
			n = 1;
			fprintf(out, "\\x%02x", *p);
		}
	}
}

/* Print so that unescape() makes the same bytes of it. */
void print_escaped(FILE *out, const void *data, size_t len)
{
	const char *p = data, *end = p + len, *backslash;

	while ((backslash = memchr(p, '\\', (size_t)(end - p)))) {
		print_visible(out, (const unsigned char *)p, (size_t)(backslash - p), "");
		fputs("\\\\", out);
		p = backslash + 1;
	}
	print_visible(out, (const unsigned char *)p, (size_t)(end - p), "");
}

/* Print a message: a backslash is one, and lines and tabs are as they are. */
void print_message(FILE *out, const void *data, size_t len)
{
	print_visible(out, data, len, "\n\t");
}
