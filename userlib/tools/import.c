// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading what export or mdb_dump(1) wrote.  A file may be damaged, or made by somebody
 * else: each line is checked, and an error says which line it was.
 */
#include "commands.h"
#include "error.h"
#include "export.h"
#include "input.h"
#include "number.h"
#include "open.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GROUP		256		/* entries that are written in one call */
#define GROUP_BYTES	(1U << 20)	/* the same in bytes */

/* An entry that was read. */
struct read {
	struct bytes key;
	struct bytes value;
	uint64_t ttl;		/* 0: none */
	uint64_t line;
};

struct importing {
	const struct arguments *args;
	const char *file;
	FILE *in;
	char *text;		/* the present line */
	size_t room;
	uint64_t line;		/* its number */
	uint64_t position;	/* in bytes */
	struct progress progress;

	struct kcmap_options options;
	struct kcmap *map;
	struct kcmap_batch *batch;
	struct read group[GROUP];
	unsigned int n;
	size_t bytes;
	uint64_t written;
};

static _Noreturn void die_of_line(const struct importing *in, uint64_t line, const char *why)
{
	char *where;

	if (asprintf(&where, "%s: line %" PRIu64, in->file, line) < 0)
		die("memory");
	die_because(where, why);
}

static char *next_line(struct importing *in)
{
	char *line = input_line(in->in, in->file, &in->text, &in->room);

	if (line) {
		in->line++;
		in->position += strlen(line) + 1;
	}
	return line;
}

/* ---- writing ---- */

static void open_target(struct importing *in)
{
	const char *text = in->args->argv[1];
	char *name = unescape_name(text);

	if (in->map)
		return;
	if (!given(in->args, CREATE)) {
		in->map = open_map(text, O_WRONLY);
	} else {
		in->map = kcmap_open(name, O_WRONLY | O_CREAT | KCMAP_O_NO_WINDOW |
				     KCMAP_O_ANY_OPTIONS | KCMAP_O_ANY_OWNER, &in->options);
		if (!in->map)
			die_opening(text);
		doing.map = in->map;
	}
	doing.operation = given(in->args, KEEP) ? KCMAP_OP_INSERT : KCMAP_OP_SET;
	in->batch = kcmap_batch_new(GROUP);
	if (!in->batch)
		die("memory");
	free(name);
}

static void check_result(struct importing *in, unsigned int i)
{
	char why[KCMAP_STRERROR_MAX];
	struct kcmap_result result;

	if (kcmap_batch_result(in->batch, i, &result))
		die(in->file);
	if (!result.error)
		in->written++;
	else if (result.error != EEXIST || !given(in->args, KEEP))
		die_of_line(in, in->group[i].line,
			    kcmap_strerror(result.error, doing.operation, in->map, why,
					   sizeof(why)));
}

/* Write what was read so far. */
static void write_group(struct importing *in)
{
	unsigned int i;
	int done;

	open_target(in);
	done = in->n ? kcmap_batch_submit(in->batch, in->map) : 0;
	if (done < 0 || (unsigned int)done < in->n)
		die(in->file);
	for (i = 0; i < in->n; i++) {
		check_result(in, i);
		free(in->group[i].key.data);
		free(in->group[i].value.data);
	}
	kcmap_batch_reset(in->batch);
	in->n = 0;
	in->bytes = 0;
	progress_at(&in->progress, in->position, in->written);
}

static void add_entry(struct importing *in, const struct read *entry)
{
	struct kcmap_command command = {
		.sz = sizeof(command),
		.operation = given(in->args, KEEP) ? KCMAP_OP_INSERT : KCMAP_OP_SET,
		.key = entry->key.data, .key_len = entry->key.len,
		.value = entry->value.data, .value_len = entry->value.len,
		/* One without a time lives for ever, whatever the map's default is. */
		.flags = entry->ttl && !given(in->args, NO_TTL) ? KCMAP_WRITE_TTL :
			 KCMAP_WRITE_DEADLINE,
	};

	if (command.flags & KCMAP_WRITE_TTL)
		command.ttl = entry->ttl;
	open_target(in);
	if (kcmap_batch_write(in->batch, &command) < 0)
		die_of_line(in, entry->line, strerror(errno));
	in->group[in->n++] = *entry;
	in->bytes += entry->key.len + entry->value.len;
	if (in->n == GROUP || in->bytes >= GROUP_BYTES)
		write_group(in);
}

/* ---- the format of mdb_dump ---- */

static int set_option(struct kcmap_options *options, const char *name, const char *value)
{
	const struct exported *it;
	char *at = (char *)options;
	uint32_t small;
	int64_t number;

	for (it = exported; it->name && strcmp(it->name, name); it++)
		;
	if (!it->name)
		return 0;
	if (read_number(value, &number) || number < 0 ||
	    (it->size == sizeof(small) && number > UINT32_MAX))
		return -1;
	small = (uint32_t)number;
	if (it->flag)
		options->flags |= number ? it->flag : 0;
	else if (it->size == sizeof(small))
		memcpy(at + it->offset, &small, sizeof(small));
	else
		memcpy(at + it->offset, &number, sizeof(number));
	return 0;
}

static struct bytes read_dump(struct importing *in, const char *line, int is_hex)
{
	struct bytes bytes = { calloc(1, strlen(line) + 1), 0 };
	const char *p = line + 1;

	if (!bytes.data)
		die("memory");
	if (*line != ' ')
		die_of_line(in, in->line, "not a key or a value: it does not begin with a space");
	while (*p) {
		int escaped = *p == '\\', byte;

		if (escaped && p[1] == '\\' && !is_hex) {
			bytes.data[bytes.len++] = '\\';
			p += 2;
		} else if (escaped || is_hex) {
			p += escaped;
			byte = hex_byte(p);
			if (byte < 0 || (escaped && is_hex))
				die_of_line(in, in->line, "not two hexadecimal digits for a byte");
			bytes.data[bytes.len++] = (char)byte;
			p += 2;
		} else {
			bytes.data[bytes.len++] = *p++;
		}
	}
	return bytes;
}

static void set_description(struct importing *in, struct bytes text)
{
	if (text.len >= sizeof(in->options.description) || strlen(text.data) != text.len)
		die_of_line(in, in->line, "not a description, of up to 63 bytes without a NUL");
	memcpy(in->options.description, text.data, text.len + 1);
	free(text.data);
}

/* Read the header.  Returns whether bytes are digits only. */
static int read_header(struct importing *in)
{
	int is_hex = 1;
	char *line = in->text, *value;

	do {
		value = strchr(line, '=');
		if (!value)
			die_of_line(in, in->line, "not a line of a header, NAME=VALUE");
		*value++ = '\0';
		if (!strcmp(line, "HEADER") && !strcmp(value, "END"))
			return is_hex;
		if (!strcmp(line, "VERSION") && strcmp(value, "3"))
			die_of_line(in, in->line, "another version of the format, not 3");
		if (!strcmp(line, "format") && strcmp(value, "print") &&
		    strcmp(value, "bytevalue"))
			die_of_line(in, in->line, "a format that is neither print nor bytevalue");
		if (!strcmp(line, "duplicates") && strcmp(value, "0"))
			die_of_line(in, in->line, "several values for a key");
		if (!strcmp(line, "format"))
			is_hex = !strcmp(value, "bytevalue");
		else if (!strcmp(line, "cmap_description"))
			set_description(in, read_dump(in, value, 0));
		else if (!strncmp(line, "cmap_", 5) && set_option(&in->options, line + 5, value))
			die_of_line(in, in->line, "not a number, or too large");
	} while ((line = next_line(in)));
	die_of_line(in, in->line, "the file ends in its header");
}

static void import_dump(struct importing *in)
{
	int is_hex = read_header(in);
	struct read entry = { 0 };
	int64_t ttl;
	char *line;

	while ((line = next_line(in))) {
		if (!strcmp(line, "DATA=END"))
			return;
		if (!strncmp(line, "cmap_ttl=", 9)) {
			if (read_number(line + 9, &ttl) || ttl <= 0)
				die_of_line(in, in->line, "not a time to live");
			entry.ttl = (uint64_t)ttl;
			continue;
		}
		entry.line = in->line;
		entry.key = read_dump(in, line, is_hex);
		line = next_line(in);
		if (!line || *line != ' ')
			die_of_line(in, in->line, "a key without a value");
		entry.value = read_dump(in, line, is_hex);
		add_entry(in, &entry);
		entry.ttl = 0;
	}
	die_of_line(in, in->line, "the file ends without DATA=END, so a part of it is missing");
}

/* ---- JSON ---- */

static struct json_object *member_of(struct json_object *record, const char *name,
				     enum json_type type)
{
	struct json_object *value;

	return json_object_object_get_ex(record, name, &value) &&
	       json_object_is_type(value, type) ? value : NULL;
}

static struct json_object *parse_line(struct importing *in, const char *line)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *record;
	size_t len = strlen(line);

	if (!tokener)
		die("memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	record = len < INT_MAX ? json_tokener_parse_ex(tokener, line, (int)len + 1) : NULL;
	if (!json_object_is_type(record, json_type_object) ||
	    !member_of(record, "kind", json_type_string))
		die_of_line(in, in->line, "not a JSON object that has a kind");
	json_tokener_free(tokener);
	return record;
}

/* A string, or its bytes as digits. */
static struct bytes bytes_of(struct importing *in, struct json_object *record, const char *name)
{
	struct json_object *text = member_of(record, name, json_type_string), *digits;
	struct bytes bytes = { NULL, 0 };
	char hex[32];

	snprintf(hex, sizeof(hex), "%s_hex", name);
	digits = member_of(record, hex, json_type_string);
	if (!text == !digits)
		die_of_line(in, in->line, "an entry needs key or key_hex, and value or value_hex, which are strings");
	if (text) {
		bytes.len = (size_t)json_object_get_string_len(text);
		bytes.data = malloc(bytes.len + 1);
		if (!bytes.data)
			die("memory");
		memcpy(bytes.data, json_object_get_string(text), bytes.len + 1);
	} else if (type_read(TYPE_HEX, json_object_get_string(digits), &bytes)) {
		die_of_line(in, in->line, "not hexadecimal digits, two for each byte");
	}
	return bytes;
}

static void options_of_record(struct importing *in, struct json_object *record)
{
	const struct exported *it;
	struct json_object *value;
	char *end;

	for (it = exported; it->name; it++) {
		const char *text;
		char number[NUMBER_SIZE];

		if (!strcmp(it->name, "no_window") || !strcmp(it->name, "default_ttl") ||
		    !json_object_object_get_ex(record, it->name, &value))
			continue;
		text = json_object_get_string(value);
		/* The mode is a text of octal digits. */
		if (!strcmp(it->name, "mode")) {
			snprintf(number, sizeof(number), "%lu", strtoul(text, &end, 8));
			text = *end ? "no number" : number;
		} else if (json_object_is_type(value, json_type_boolean)) {
			text = json_object_get_boolean(value) ? "1" : "0";
		}
		if (set_option(&in->options, it->name, text))
			die_of_line(in, in->line, "a property of the map that is not valid");
	}
	if (json_object_object_get_ex(record, "description", &value) ||
	    json_object_object_get_ex(record, "description_hex", &value))
		set_description(in, bytes_of(in, record, "description"));
	if (json_object_object_get_ex(record, "window", &value) && !json_object_get_boolean(value))
		in->options.flags |= KCMAP_NO_WINDOW;
	if (json_object_object_get_ex(record, "default_ttl", &value)) {
		double ttl = json_object_get_double(value);

		if (!(ttl >= 0 && ttl < 9e9))
			die_of_line(in, in->line, "not a time to live");
		in->options.default_ttl = (uint64_t)(ttl * 1e9 + 0.5);
	}
}

static void entry_of_record(struct importing *in, struct json_object *record)
{
	struct read entry = { .line = in->line };
	struct json_object *value;
	double ttl;

	entry.key = bytes_of(in, record, "key");
	entry.value = bytes_of(in, record, "value");
	if (json_object_object_get_ex(record, "ttl", &value)) {
		ttl = json_object_get_double(value);
		if (!(ttl > 0 && ttl < 9e9))
			die_of_line(in, in->line, "not a time to live");
		entry.ttl = (uint64_t)(ttl * 1e9 + 0.5);
		if (!entry.ttl)
			entry.ttl = 1;
	}
	add_entry(in, &entry);
}

static void import_json(struct importing *in)
{
	char *line = in->text;
	int needs_end = 0, has_end = 0;

	do {
		struct json_object *record = parse_line(in, line);
		const char *kind = json_object_get_string(member_of(record, "kind",
								    json_type_string));

		if (!strcmp(kind, "map") && in->line == 1) {
			options_of_record(in, record);
			needs_end = 1;
		} else if (!strcmp(kind, "entry")) {
			entry_of_record(in, record);
		} else if (!strcmp(kind, "end")) {
			has_end = 1;
		} else {
			die_of_line(in, in->line, "neither an entry nor the end of an export");
		}
		json_object_put(record);
	} while (!has_end && (line = next_line(in)));
	/* What export wrote has an end.  Others can write entries alone. */
	if (needs_end && !has_end)
		die_of_line(in, in->line, "the file ends without its end, so a part of it is missing");
}

void do_import(const struct arguments *args)
{
	struct importing in = {
		.args = args, .file = args->argc > 2 ? args->argv[2] : "-",
		.options = { .sz = sizeof(in.options) },
	};
	struct stat st;

	in.in = input_open(in.file);
	if (!given(args, CREATE))
		open_target(&in);
	progress_begin(&in.progress, !fstat(fileno(in.in), &st) && S_ISREG(st.st_mode) ?
		       (uint64_t)st.st_size : 0, 0);
	if (!next_line(&in))
		die_of_line(&in, 1, "the file is empty");
	if (in.text[0] == '{')
		import_json(&in);
	else
		import_dump(&in);
	write_group(&in);
	progress_end(&in.progress);
	printf("%" PRIu64 "\n", in.written);
	free(in.text);
	kcmap_batch_free(in.batch);
	kcmap_close(in.map);
}
