// SPDX-License-Identifier: GPL-2.0-or-later
#include "type.h"
#include "error.h"
#include "json_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char * const names[] = {
	[TYPE_TEXT] = "text", [TYPE_HEX] = "hex", [TYPE_U64] = "u64",
	[TYPE_I64] = "i64", [TYPE_JSON] = "json",
};

/* Ends the program if there is no such type. */
enum type type_of_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return (enum type)i;
	die_of_usage(name, "not a type: text, hex, u64, i64 or json");
}

const char *name_of_type(enum type type)
{
	return names[type];
}

/* Set *@type if there is a type of this name. */
void type_if_known(const char *name, size_t len, enum type *type)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == len && !strncmp(name, names[i], len))
			*type = (enum type)i;
}

/* ---- from text ---- */

static const char *read_hex(const char *text, struct bytes *bytes)
{
	size_t len = strlen(text);
	int byte;

	*bytes = (struct bytes){ calloc(1, len / 2 + 1), 0 };
	if (!bytes->data)
		die("memory");
	for (; (byte = hex_byte(text)) >= 0; text += 2)
		bytes->data[bytes->len++] = (char)byte;
	return *text ? "not hexadecimal digits, two for each byte" : NULL;
}

static const char *read_integer(enum type type, const char *text, struct bytes *bytes)
{
	uint64_t number;
	int64_t sign;
	char *end;

	errno = 0;
	if (type == TYPE_I64) {
		sign = strtoll(text, &end, 0);
		memcpy(&number, &sign, sizeof(number));
	} else {
		number = strtoull(text, &end, 0);
	}
	if (end == text || *end || isspace((unsigned char)*text) ||
	    (type == TYPE_U64 && *text == '-'))
		return "not a number";
	if (errno)
		return "too small or too large";
	*bytes = (struct bytes){ calloc(1, sizeof(number) + 1), sizeof(number) };
	if (!bytes->data)
		die("memory");
	memcpy(bytes->data, &number, sizeof(number));
	return NULL;
}

/*
 * Read bytes of a type.  What type_print() writes of bytes that are not of the type is
 * taken for what it is.  Returns NULL, or what is wrong; then @bytes may need freeing.
 */
const char *type_read(enum type type, const char *text, struct bytes *bytes)
{
	*bytes = (struct bytes){ NULL, 0 };
	if (type == TYPE_HEX)
		return read_hex(text, bytes);
	if ((type == TYPE_U64 || type == TYPE_I64) && *text && text[0] != '\\')
		return read_integer(type, text, bytes);
	if (type == TYPE_JSON && text[0] != '\\') {
		*bytes = (struct bytes){ strdup(text), strlen(text) };
		if (!bytes->data)
			die("memory");
		return json_is_valid(text, bytes->len) ? NULL : "not JSON";
	}
	*bytes = unescape(text);
	return NULL;
}

/* The same.  Ends the program if the text is not valid. */
struct bytes type_parse(enum type type, const char *text)
{
	struct bytes bytes;
	const char *wrong = type_read(type, text, &bytes);

	if (wrong)
		die_of_usage(text, wrong);
	return bytes;
}

/* ---- to text ---- */

/* Whether bytes are of the type. */
int type_fits(enum type type, const void *data, size_t len)
{
	switch (type) {
	case TYPE_U64:
	case TYPE_I64:
		return len == sizeof(uint64_t);
	case TYPE_JSON:
		return json_is_valid(data, len);
	default:
		return 1;
	}
}

static void print_integer(FILE *out, enum type type, const void *data)
{
	uint64_t number;

	memcpy(&number, data, sizeof(number));
	if (type == TYPE_U64)
		fprintf(out, "%" PRIu64, number);
	else
		fprintf(out, "%" PRId64, (int64_t)number);
}

static void print_hex(FILE *out, const char *prefix, const unsigned char *p, size_t len)
{
	while (len--)
		fprintf(out, "%s%02x", prefix, *p++);
}

/* Print bytes.  If they are not of the type, each is \xHH. */
void type_print(FILE *out, enum type type, const void *data, size_t len)
{
	if (type == TYPE_TEXT)
		print_escaped(out, data, len);
	else if (type == TYPE_HEX)
		print_hex(out, "", data, len);
	else if (!type_fits(type, data, len))
		print_hex(out, "\\x", data, len);
	else if (type == TYPE_JSON)
		json_print_text(out, data, len);
	else
		print_integer(out, type, data);
}

/* Like type_print(); the caller frees it. */
char *type_text(enum type type, const void *data, size_t len)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		die("memory");
	type_print(out, type, data, len);
	if (fclose(out))
		die("memory");
	return text;
}
