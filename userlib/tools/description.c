// SPDX-License-Identifier: GPL-2.0-or-later
#include "description.h"
#include "open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The description that the options of create ask for. */
void description_make(struct kcmap_options *options, const struct arguments *args)
{
	int both = given(args, KEY_TYPE) && given(args, TYPE);

	snprintf(options->description, sizeof(options->description), "%s%s%s%s%s",
		 given(args, KEY_TYPE) ? "key=" : "",
		 given(args, KEY_TYPE) ? name_of_type(args->key_type) : "",
		 both ? " " : "", given(args, TYPE) ? "value=" : "",
		 given(args, TYPE) ? name_of_type(args->type) : "");
}

/* Find the type of the word that begins so.  What is not known stays text. */
static void find_type(const char *description, const char *begin, enum type *type)
{
	size_t len = strlen(begin), n;

	while (*description) {
		description += strspn(description, " ");
		n = strcspn(description, " ");
		if (n > len && !strncmp(description, begin, len))
			type_if_known(description + len, n - len, type);
		description += n;
	}
}

/*
 * Take the types that the user has not given from the map, which is the command's first
 * argument.  If it cannot be opened, the command itself will say so.
 */
void description_apply(struct arguments *args, const struct command *command)
{
	struct kcmap_info info = { .sz = sizeof(info) };
	struct kcmap *map;
	struct bytes name;

	if (!(command->takes & (TAKES(TYPE) | TAKES(KEY_TYPE))) ||
	    command->operation == KCMAP_OP_OPEN ||
	    (given(args, TYPE) && given(args, KEY_TYPE)))
		return;
	name = unescape(args->argv[1]);
	map = try_open(name.data);
	if (map && !kcmap_stat(map, &info)) {
		if (!given(args, TYPE))
			find_type(info.description, "value=", &args->type);
		if (!given(args, KEY_TYPE))
			find_type(info.description, "key=", &args->key_type);
	}
	kcmap_close(map);
	free(name.data);
}
