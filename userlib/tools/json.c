// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.h"
#include "error.h"
#include "json_text.h"
#include "number.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void json_append(struct json_object *record, const char *member,
			struct json_object *value)
{
	if (!value || json_object_object_add(record, member, value))
		die("memory");
}

struct json_object *json_record(const char *kind)
{
	struct json_object *record = json_object_new_object();

	if (!record)
		die("memory");
	json_add_text(record, "kind", kind);
	return record;
}

void json_add_text(struct json_object *record, const char *member, const char *text)
{
	json_append(record, member, json_object_new_string(text));
}

void json_add_number(struct json_object *record, const char *member, uint64_t number)
{
	json_append(record, member, json_object_new_uint64(number));
}

void json_add_signed(struct json_object *record, const char *member, int64_t number)
{
	json_append(record, member, json_object_new_int64(number));
}

void json_add_truth(struct json_object *record, const char *member, int truth)
{
	json_append(record, member, json_object_new_boolean(truth));
}

void json_add_real(struct json_object *record, const char *member, double number)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", number);
	json_append(record, member, json_object_new_double_s(number, text));
}

/* A time in seconds, exact to the nanosecond. */
void json_add_seconds(struct json_object *record, const char *member, uint64_t time)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof(text), "%" PRIu64 ".%09u", time / KCMAP_SECOND,
		 (unsigned int)(time % KCMAP_SECOND));
	json_append(record, member, json_object_new_double_s((double)time / 1e9, text));
}

/* For how long an entry lives.  Without a deadline it has no such member. */
void json_add_ttl(struct json_object *record, uint64_t deadline)
{
	if (deadline)
		json_add_seconds(record, "ttl", time_left(deadline));
}

static int is_utf8(const char *p, size_t len)
{
	uint32_t c;
	size_t n;

	for (; len; p += n, len -= n) {
		n = utf8_decode(p, len, &c);
		if (!n)
			return 0;
	}
	return 1;
}

static int print_as_it_is(struct json_object *object, struct printbuf *out, int level, int flags)
{
	const char *text = json_object_get_userdata(object);

	(void)level;
	(void)flags;
	return printbuf_memappend(out, text, (int)strlen(text));
}

static void free_text(struct json_object *object, void *text)
{
	(void)object;
	free(text);
}

/* A number keeps all of its digits, which json-c's own would not. */
static void add_json(struct json_object *record, const char *member, const void *data, size_t len)
{
	struct json_object *object = json_object_new_object();
	char *text = type_text(TYPE_JSON, data, len);

	if (!object)
		die("memory");
	json_object_set_serializer(object, print_as_it_is, text, free_text);
	json_append(record, member, object);
}

static void add_hex(struct json_object *record, const char *member, const void *data, size_t len)
{
	char name[64], *text = type_text(TYPE_HEX, data, len);

	snprintf(name, sizeof(name), "%s_hex", member);
	json_add_text(record, name, text);
	free(text);
}

/*
 * Bytes as their type says.  If that is not possible, or the text is not UTF-8, which
 * JSON's strings are, they are hexadecimal digits, and the member is MEMBER_hex.
 */
void json_add_bytes(struct json_object *record, const char *member, enum type type,
		    const void *data, size_t len)
{
	uint64_t number;

	if (type == TYPE_HEX || !type_fits(type, data, len) ||
	    (type == TYPE_TEXT && (!is_utf8(data, len) || len > INT_MAX))) {
		add_hex(record, member, data, len);
	} else if (type == TYPE_TEXT) {
		json_append(record, member, json_object_new_string_len(data, (int)len));
	} else if (type == TYPE_JSON) {
		add_json(record, member, data, len);
	} else {
		memcpy(&number, data, sizeof(number));
		if (type == TYPE_U64)
			json_add_number(record, member, number);
		else
			json_add_signed(record, member, (int64_t)number);
	}
}

/* Print a record on a line of its own, and free it. */
void json_print(FILE *out, struct json_object *record)
{
	size_t len;
	const char *text = json_object_to_json_string_length(record, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE,
							     &len);

	if (!text)
		die("memory");
	json_print_text(out, text, len);
	putc('\n', out);
	json_object_put(record);
}
