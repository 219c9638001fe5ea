// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many commands in one call: they are read from lines, and each has a line of output.
 */
#include "commands.h"
#include "error.h"
#include "input.h"
#include "json.h"
#include "number.h"
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GROUP		128	/* commands in one call */
#define VALUES_BYTES	(16U << 20)	/* of values that a call may return */
#define WORDS		4

/* What the lines can say. */
static const struct verb {
	const char *name;
	enum kcmap_operation operation;
	int least;		/* words, its name included */
	int most;
	int returns_value;
} verbs[] = {
	{ "get", KCMAP_OP_GET, 2, 2, 1 },
	{ "set", KCMAP_OP_SET, 3, 4, 0 },
	{ "insert", KCMAP_OP_INSERT, 3, 4, 0 },
	{ "replace", KCMAP_OP_REPLACE, 3, 4, 0 },
	{ "delete", KCMAP_OP_DELETE, 2, 2, 0 },
	{ "take", KCMAP_OP_TAKE, 2, 2, 1 },
	{ "swap", KCMAP_OP_SWAP, 3, 3, 1 },
	{ "compare_swap", KCMAP_OP_COMPARE_SWAP, 4, 4, 0 },
	{ "cas", KCMAP_OP_COMPARE_SWAP, 4, 4, 0 },
	{ "add", KCMAP_OP_ADD, 2, 3, 0 },
	{ "incr", KCMAP_OP_ADD, 2, 3, 0 },
	{ "touch", KCMAP_OP_TOUCH, 2, 3, 0 },
	{ "expire", KCMAP_OP_TOUCH, 3, 3, 0 },
};

/* A command that was read. */
struct line {
	const struct verb *verb;
	uint64_t number;
	char *words[WORDS];
	struct bytes key;
	struct bytes value;
	struct bytes expected;
	void *old;
};

struct batching {
	const struct arguments *args;
	const char *file;
	FILE *in;
	struct kcmap *map;
	struct kcmap_batch *batch;
	struct line lines[GROUP];
	unsigned int n;
	size_t old_bytes;
	size_t value_max;
	uint64_t number;	/* of the last line */
	int status;		/* of the first command that failed */
};

static _Noreturn void die_of_line(const struct batching *all, const char *why)
{
	char *where;

	if (asprintf(&where, "%s: line %" PRIu64, all->file, all->number) < 0)
		die("memory");
	die_because(where, why);
}

/* ---- reading ---- */

/* Split at spaces and tabs; '' is the empty word.  Returns how many words there are. */
static int split_line(char *text, char **words)
{
	int n = 0;

	for (;;) {
		text += strspn(text, " \t");
		if (!*text)
			return n;
		if (n == WORDS)
			return WORDS + 1;
		words[n] = text;
		text += strcspn(text, " \t");
		if (*text)
			*text++ = '\0';
		if (!strcmp(words[n], "''"))
			*words[n] = '\0';
		n++;
	}
}

static struct bytes word_as(const struct batching *all, enum type type, const char *word)
{
	struct bytes bytes;
	const char *wrong = type_read(type, word, &bytes);

	if (wrong)
		die_of_line(all, wrong);
	return bytes;
}

static void take_ttl(const struct batching *all, struct kcmap_command *command,
		     const char *word)
{
	if (!word)
		return;
	if (!strcmp(word, "never")) {
		command->flags |= KCMAP_WRITE_DEADLINE;
		return;
	}
	command->flags |= KCMAP_WRITE_TTL;
	if (read_time(word, &command->ttl))
		die_of_line(all, "not a time, as 1.5 or 500ms");
}

/* Room for the value that the command returns. */
static void take_room(struct batching *all, struct line *line, struct kcmap_command *command)
{
	line->old = malloc(all->value_max + 1);
	if (!line->old)
		die("memory");
	all->old_bytes += all->value_max;
	command->old = line->old;
	command->old_size = all->value_max;
}

static void take_words(const struct batching *all, struct line *line, int n,
		       struct kcmap_command *command)
{
	switch (line->verb->operation) {
	case KCMAP_OP_ADD:
		command->delta = 1;
		if (n > 2 && read_number(line->words[2], &command->delta))
			die_of_line(all, "not a number");
		return;
	case KCMAP_OP_TOUCH:
		take_ttl(all, command, n > 2 ? line->words[2] : NULL);
		return;
	case KCMAP_OP_COMPARE_SWAP:
		line->expected = word_as(all, all->args->type, line->words[2]);
		line->value = word_as(all, all->args->type, line->words[3]);
		break;
	default:
		if (n > 2)
			line->value = word_as(all, all->args->type, line->words[2]);
		take_ttl(all, command, n > 3 ? line->words[3] : NULL);
	}
	command->value = line->value.data;
	command->value_len = line->value.len;
	command->expected = line->expected.data;
	command->expected_len = line->expected.len;
}

static const struct verb *verb_of_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

static void add_line(struct batching *all, char *text)
{
	struct line *line = &all->lines[all->n];
	struct kcmap_command command = { .sz = sizeof(command) };
	int n, added;

	*line = (struct line){ .number = all->number };
	n = split_line(text, line->words);
	if (!n || *line->words[0] == '#')
		return;
	line->verb = verb_of_name(line->words[0]);
	if (!line->verb)
		die_of_line(all, "no such command; see cmap(1)");
	if (n < line->verb->least || n > line->verb->most)
		die_of_line(all, "wrong number of words");
	line->key = word_as(all, all->args->key_type, line->words[1]);
	command.operation = line->verb->operation;
	command.key = line->key.data;
	command.key_len = line->key.len;
	take_words(all, line, n, &command);
	if (line->verb->returns_value)
		take_room(all, line, &command);
	if (line->verb->operation == KCMAP_OP_GET)
		added = kcmap_batch_get(all->batch, line->key.data, line->key.len, line->old,
					all->value_max);
	else
		added = kcmap_batch_write(all->batch, &command);
	if (added < 0)
		die_of_line(all, strerror(errno));
	all->n++;
}

/* ---- writing ---- */

static void print_result(struct batching *all, const struct line *line,
			 const struct kcmap_result *result, const char *why)
{
	int has_value = line->verb->returns_value && !why &&
			(result->existed || line->verb->operation != KCMAP_OP_SWAP);
	struct json_object *record;

	if (given(all->args, JSON)) {
		record = json_record("result");
		json_add_number(record, "line", line->number);
		json_add_truth(record, "ok", !why);
		if (why)
			json_add_text(record, "why", why);
		else if (line->verb->operation == KCMAP_OP_ADD)
			json_add_signed(record, "number", result->number);
		if (has_value)
			json_add_bytes(record, "value", all->args->type, line->old,
				       result->value_len);
		json_print(stdout, record);
		return;
	}
	fputs(why ? "failed" : "ok", stdout);
	if (why)
		printf("\t%s", why);
	else if (line->verb->operation == KCMAP_OP_ADD)
		printf("\t%" PRId64, result->number);
	if (has_value) {
		putchar('\t');
		type_print(stdout, all->args->type, line->old, result->value_len);
	}
	putchar('\n');
}

static void end_line(struct batching *all, unsigned int i)
{
	struct line *line = &all->lines[i];
	char why[KCMAP_STRERROR_MAX];
	struct kcmap_result result;

	if (kcmap_batch_result(all->batch, i, &result))
		die(all->file);
	if (result.error) {
		kcmap_strerror(result.error, line->verb->operation, all->map, why, sizeof(why));
		if (!all->status)
			all->status = status_of(result.error, line->verb->operation);
	}
	print_result(all, line, &result, result.error ? why : NULL);
	free(line->key.data);
	free(line->value.data);
	free(line->expected.data);
	free(line->old);
}

static void submit_batch(struct batching *all)
{
	unsigned int i;
	int done = all->n ? kcmap_batch_submit(all->batch, all->map) : 0;

	if (done < 0 || (unsigned int)done < all->n)
		die(all->args->argv[1]);
	for (i = 0; i < all->n; i++)
		end_line(all, i);
	kcmap_batch_reset(all->batch);
	all->n = 0;
	all->old_bytes = 0;
	if (fflush(stdout) || ferror(stdout))
		die_printing();
}

/* Whoever may only read, or only write, can do that. */
static struct kcmap *open_for_batch(const char *text)
{
	char *name = unescape_name(text);
	struct kcmap *map = kcmap_open(name, O_RDWR | KCMAP_O_NO_WINDOW, NULL);

	if (!map)
		map = try_open(name);
	if (!map)
		die_opening(text);
	doing.map = map;
	free(name);
	return map;
}

void do_batch(const struct arguments *args)
{
	struct batching all = {
		.args = args, .file = args->argc > 2 ? args->argv[2] : "-",
	};
	struct kcmap_info info;
	size_t size = 0;
	char *text = NULL;

	all.in = input_open(all.file);
	all.map = open_for_batch(args->argv[1]);
	stat_map(all.map, args->argv[1], &info);
	all.value_max = info.value_max;
	all.batch = kcmap_batch_new(GROUP);
	if (!all.batch)
		die("memory");
	while (input_line(all.in, all.file, &text, &size)) {
		all.number++;
		add_line(&all, text);
		if (all.n == GROUP || all.old_bytes >= VALUES_BYTES)
			submit_batch(&all);
	}
	submit_batch(&all);
	free(text);
	kcmap_batch_free(all.batch);
	kcmap_close(all.map);
	if (all.status)
		exit(all.status);
}
