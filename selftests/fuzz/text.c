// SPDX-License-Identifier: GPL-2.0
#include "text.h"
#include "abi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *print_call(char *at, const struct fuzz_call *call)
{
	unsigned int n = FUZZ_ARGS, i;

	if (call->peer)
		at += sprintf(at, "&");
	if (call->repeat > 1)
		at += sprintf(at, "%u*", call->repeat);
	at += sprintf(at, "%s", fuzz_types[call->type].name);
	while (n && !call->arg[n - 1])
		n--;
	for (i = 0; i < n; i++)
		at += sprintf(at, " %" PRIx64, call->arg[i]);
	return at;
}

void fuzz_print(const struct fuzz_program *program, char *text)
{
	unsigned int i;

	*text = 0;
	for (i = 0; i < program->n; i++) {
		if (i)
			text += sprintf(text, "; ");
		text = print_call(text, &program->call[i]);
	}
}

static bool parse_call(char *text, struct fuzz_call *call)
{
	unsigned int i = 0;
	char *word, *end, *rest;

	memset(call, 0, sizeof(*call));
	call->repeat = 1;
	text += strspn(text, " ");
	if (*text == '&') {
		call->peer = 1;
		text++;
	}
	if (*text >= '0' && *text <= '9') {
		unsigned long n = strtoul(text, &end, 10);

		if (*end != '*' || !n || n > FUZZ_REPEAT)
			return false;
		call->repeat = (uint8_t)n;
		text = end + 1;
	}

	word = strtok_r(text, " ", &rest);
	if (!word || !fuzz_type_find(word, &call->type))
		return false;
	while ((word = strtok_r(NULL, " ", &rest))) {
		if (i == FUZZ_ARGS)
			return false;
		call->arg[i++] = strtoull(word, &end, 16);
		if (*end)
			return false;
	}
	return true;
}

bool fuzz_parse(const char *line, size_t len, struct fuzz_program *program)
{
	char *copy = strndup(line, len), *rest, *text;
	bool good = true;

	program->n = 0;
	for (text = strtok_r(copy, ";", &rest); text && good;
	     text = strtok_r(NULL, ";", &rest))
		good = program->n < FUZZ_CALLS &&
		       parse_call(text, &program->call[program->n++]);
	free(copy);

	return good && program->n;
}

bool fuzz_next(const char **text, const char *end,
	       struct fuzz_program *program)
{
	while (*text < end) {
		const char *line = *text;
		const char *stop = memchr(line, '\n', (size_t)(end - line));

		if (!stop)
			stop = end;
		*text = stop + 1;
		if (stop == line || *line == '#')
			continue;
		if (fuzz_parse(line, (size_t)(stop - line), program))
			return true;
		printf("# fuzz: no program: %.*s\n", (int)(stop - line), line);
	}
	return false;
}
