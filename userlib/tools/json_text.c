// SPDX-License-Identifier: GPL-2.0-or-later
#include "json_text.h"
#include "error.h"
#include "visible.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* json-c also takes NaN, Infinity and control characters, which JSON does not have. */
static int has_only_json(const char *p, const char *end)
{
	int in_string = 0;

	for (; p < end; p++) {
		if (in_string && *p == '\\')
			p++;
		else if (*p == '"')
			in_string = !in_string;
		else if (in_string ? (unsigned char)*p < ' ' : (!*p || !strchr("{}[]:,+-.0123456789Eabeflnrstu \t\r\n", *p)))
			return 0;
	}
	return 1;
}

/* Whether a text is one value of JSON (RFC 8259). */
int json_is_valid(const void *text, size_t len)
{
	struct json_tokener *tokener;
	struct json_object *object;
	char *copy;
	int valid;

	if (len >= INT_MAX || !has_only_json(text, (const char *)text + len))
		return 0;
	tokener = json_tokener_new();
	/* With a NUL behind it, a number has an end. */
	copy = calloc(1, len + 1);
	if (!tokener || !copy)
		die("memory");
	memcpy(copy, text, len);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, copy, (int)len + 1);
	valid = json_tokener_get_error(tokener) == json_tokener_success &&
		json_tokener_get_parse_end(tokener) >= len;
	json_object_put(object);
	json_tokener_free(tokener);
	free(copy);
	return valid;
}

/* Write JSON as ASCII and without line feeds. */
void json_print_text(FILE *out, const void *text, size_t len)
{
	const char *p = text, *end = p + len;
	uint32_t c;
	size_t n;

	for (; p < end; p += n) {
		n = utf8_decode(p, (size_t)(end - p), &c);
		if (!n) {
			n = 1;
			fputs("\\ufffd", out);
		} else if (c >= 0x10000) {
			fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				0xdc00 + ((c - 0x10000) & 0x3ff));
		} else if (c >= 0x7f) {
			fprintf(out, "\\u%04x", c);
		} else {
			/* Outside of strings, space can be any; in them, it is escaped. */
			putc(c < ' ' ? ' ' : (int)c, out);
		}
	}
}
