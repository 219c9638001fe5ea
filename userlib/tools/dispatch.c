// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of all commands.  A command is a line here and a function in the file of
 * its subject; help and completion know it from here.
 */
#include "dispatch.h"
#include "commands.h"

#include <limits.h>

#define CREATES		(TAKES(MODE) | TAKES(KEY_MAX) | TAKES(VALUE_MAX) | TAKES(MAX_ENTRIES) | \
			 TAKES(MAX_BYTES) | TAKES(SHARDS) | TAKES(FEED_BYTES) | \
			 TAKES(FEED_VALUE_MAX) | TAKES(DEFAULT_TTL) | TAKES(NO_WINDOW) | TAKES(WIPE))
#define RENAMES		(TAKES(REPLACE) | TAKES(EXCHANGE) | TAKES(NO_REPLACE))
#define TYPES		(TAKES(TYPE) | TAKES(KEY_TYPE))
#define LISTS		(TAKES(JSON) | TAKES(COLOR))
#define WRITES		(TYPES | TAKES(TTL) | TAKES(FILE))

const struct command commands[] = {
	{ "list", "", "list the named maps",
	  GROUP_MAPS, KCMAP_OP_LIST, 0, 0, do_list, LISTS | TAKES(HUMAN), 1 },
	{ "create", "MAP", "create an empty map",
	  GROUP_MAPS, KCMAP_OP_OPEN, 1, 1, do_create, TAKES(EXISTS) | CREATES | TYPES, 0 },
	{ "unlink", "MAP", "remove a map's name",
	  GROUP_MAPS, KCMAP_OP_UNLINK, 1, 1, do_unlink, 0, 0 },
	{ "rename", "MAP NAME", "give a map another name",
	  GROUP_MAPS, KCMAP_OP_RENAME, 2, 2, do_rename, RENAMES, 0 },
	{ "mv", "MAP NAME", "do the same as rename",
	  GROUP_MAPS, KCMAP_OP_RENAME, 2, 2, do_rename, RENAMES, 0 },
	{ "chmod", "OCTAL MAP", "set its permission bits",
	  GROUP_MAPS, KCMAP_OP_CHMOD, 2, 2, do_chmod, 0, 0 },
	{ "chown", "[USER][:GROUP] MAP", "set its owner, its group, or both",
	  GROUP_MAPS, KCMAP_OP_CHOWN, 2, 2, do_chown, 0, 0 },
	{ "stat", "MAP", "print the properties of a map and what it holds",
	  GROUP_MAPS, KCMAP_OP_STAT, 1, 1, do_stat,
	  TAKES(JSON) | TAKES(HUMAN) | TAKES(WATCH) | TAKES(COUNT), 1 },

	{ "get", "MAP KEY", "print a value",
	  GROUP_ENTRIES, KCMAP_OP_GET, 2, 2, do_get, TYPES | TAKES(JSON) | TAKES(RAW), 0 },
	{ "set", "MAP KEY [VALUE]", "set a value",
	  GROUP_ENTRIES, KCMAP_OP_SET, 2, 3, do_set, WRITES | TAKES(IF_VERSION), 0 },
	{ "insert", "MAP KEY [VALUE]", "set it only if the key is absent",
	  GROUP_ENTRIES, KCMAP_OP_INSERT, 2, 3, do_insert, WRITES, 0 },
	{ "replace", "MAP KEY [VALUE]", "set it only if the key is present",
	  GROUP_ENTRIES, KCMAP_OP_REPLACE, 2, 3, do_replace, WRITES, 0 },
	{ "hold", "MAP KEY VALUE [-- PROGRAM...]", "insert it, for as long as a program runs",
	  GROUP_ENTRIES, KCMAP_OP_INSERT, 3, INT_MAX, do_hold, TYPES | TAKES(TTL), 0 },
	{ "compare_swap", "MAP KEY EXPECTED [VALUE]", "set it only if the value is EXPECTED",
	  GROUP_ENTRIES, KCMAP_OP_COMPARE_SWAP, 3, 4, do_compare_swap, WRITES, 0 },
	{ "cas", "MAP KEY EXPECTED [VALUE]", "do the same as compare_swap",
	  GROUP_ENTRIES, KCMAP_OP_COMPARE_SWAP, 3, 4, do_compare_swap, WRITES, 0 },
	{ "swap", "MAP KEY [VALUE]", "set it, print the old value if there was one",
	  GROUP_ENTRIES, KCMAP_OP_SWAP, 2, 3, do_swap, WRITES | TAKES(JSON) | TAKES(RAW), 0 },
	{ "take", "MAP KEY", "print a value and delete the entry",
	  GROUP_ENTRIES, KCMAP_OP_TAKE, 2, 2, do_take, TYPES | TAKES(JSON) | TAKES(RAW), 0 },
	{ "delete", "MAP KEY", "delete an entry",
	  GROUP_ENTRIES, KCMAP_OP_DELETE, 2, 2, do_delete, TAKES(KEY_TYPE) | TAKES(IF_VERSION), 0 },
	{ "add", "MAP KEY [N]", "add N (1) to a number, print the sum",
	  GROUP_ENTRIES, KCMAP_OP_ADD, 2, 3, do_add,
	  TAKES(KEY_TYPE) | TAKES(TTL) | TAKES(CEILING), 0 },
	{ "incr", "MAP KEY [N]", "do the same as add",
	  GROUP_ENTRIES, KCMAP_OP_ADD, 2, 3, do_add,
	  TAKES(KEY_TYPE) | TAKES(TTL) | TAKES(CEILING), 0 },
	{ "touch", "MAP KEY", "give an entry another time to live",
	  GROUP_ENTRIES, KCMAP_OP_TOUCH, 2, 2, do_touch,
	  TAKES(KEY_TYPE) | TAKES(TTL) | TAKES(IF_VERSION), 0 },
	{ "expire", "MAP KEY TIME", "do the same, with the time as argument",
	  GROUP_ENTRIES, KCMAP_OP_TOUCH, 3, 3, do_expire,
	  TAKES(KEY_TYPE) | TAKES(IF_VERSION), 0 },
	{ "ttl", "MAP KEY", "print for how many seconds it lives, or never",
	  GROUP_ENTRIES, KCMAP_OP_GET, 2, 2, do_ttl, TAKES(KEY_TYPE), 0 },
	{ "wait", "MAP KEY", "wait for its next change, print its value",
	  GROUP_ENTRIES, KCMAP_OP_WAIT, 2, 2, do_wait,
	  TYPES | TAKES(JSON) | TAKES(RAW) | TAKES(TIMEOUT), 0 },

	{ "count", "MAP", "print the number of entries",
	  GROUP_CONTENTS, KCMAP_OP_COUNT, 1, 1, do_count, 0, 0 },
	{ "clear", "MAP", "delete all entries, print how many there were",
	  GROUP_CONTENTS, KCMAP_OP_CLEAR, 1, 1, do_clear, 0, 0 },
	{ "range", "MAP [PREFIX]", "print every key and value",
	  GROUP_CONTENTS, KCMAP_OP_RANGE, 1, 2, do_range,
	  TYPES | TAKES(KEYS) | TAKES(WITH_TTL) | TAKES(JSON) | TAKES(LIMIT), 0 },
	{ "find", "MAP", "print those that options describe",
	  GROUP_CONTENTS, KCMAP_OP_RANGE, 1, 1, do_find,
	  TYPES | TAKES(KEYS) | TAKES(WITH_TTL) | TAKES(JSON) | TAKES(LIMIT) |
	  TAKES(PREFIX) | TAKES(MATCH) | TAKES(LARGER), 0 },
	{ "bigkeys", "MAP", "print the keys with the longest values",
	  GROUP_CONTENTS, KCMAP_OP_RANGE, 1, 1, do_bigkeys,
	  TAKES(KEY_TYPE) | TAKES(LIMIT) | TAKES(PREFIX) | TAKES(MATCH) | TAKES(HUMAN) | LISTS, 1 },
	{ "watch", "MAP [PREFIX]", "print changes as they are made",
	  GROUP_CONTENTS, KCMAP_OP_WATCH, 1, 2, do_watch,
	  TYPES | TAKES(KEYS) | TAKES(COUNT) | LISTS, 0 },
	{ "export", "MAP [FILE]", "write all entries, without loss",
	  GROUP_CONTENTS, KCMAP_OP_RANGE, 1, 2, do_export, TAKES(JSON) | TAKES(NO_TTL), 1 },
	{ "import", "MAP [FILE]", "read them, print how many were written",
	  GROUP_CONTENTS, KCMAP_OP_SET, 1, 2, do_import,
	  TAKES(CREATE) | TAKES(KEEP) | TAKES(NO_TTL), 0 },
	{ "batch", "MAP [FILE]", "carry out commands from a file",
	  GROUP_CONTENTS, KCMAP_OP_BATCH, 1, 2, do_batch, TYPES | TAKES(JSON), 0 },

	{ "limits", "", "print how much your own maps use and may use",
	  GROUP_MACHINE, KCMAP_OP_LIMITS, 0, 0, do_limits, TAKES(JSON) | TAKES(HUMAN), 1 },
	{ "top", "", "print again and again which maps change",
	  GROUP_MACHINE, KCMAP_OP_LIST, 0, 0, do_top,
	  LISTS | TAKES(INTERVAL) | TAKES(COUNT), 1 },
	{ "holders", "[MAP]", "print which processes have maps open",
	  GROUP_MACHINE, KCMAP_OP_STAT, 0, 1, do_holders, LISTS, 1 },
	{ "metrics", "", "print metrics for Prometheus",
	  GROUP_MACHINE, KCMAP_OP_LIST, 0, 0, do_metrics, TAKES(TEXTFILE), 0 },
	{ "bench", "", "measure how long operations take here",
	  GROUP_MACHINE, KCMAP_OP_ANY, 0, 0, do_bench, LISTS | TAKES(SECONDS), 0 },
	{ "help", "[COMMAND]", "explain a command, or list all",
	  GROUP_MACHINE, KCMAP_OP_ANY, 0, 1, do_help, TAKES(COMMANDS), 0 },
	{ NULL, NULL, NULL, GROUPS, KCMAP_OP_ANY, 0, 0, NULL, 0, 0 },
};
