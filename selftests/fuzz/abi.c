// SPDX-License-Identifier: GPL-2.0
#include "abi.h"
#include "calls.h"

#include <string.h>

#include <linux/cmap.h>

#define FIELD(_struct, _field, _kind, _limit)				\
	{								\
		#_field, _kind, _limit, offsetof(struct _struct, _field), \
		sizeof(((struct _struct *)0)->_field),			\
	}

/* The first eight bytes of an array. */
#define BEGIN_OF(_struct, _field, _kind, _limit)			\
	{ #_field, _kind, _limit, offsetof(struct _struct, _field), 8 }

#define OWNERS		(CMAP_OP_OWNED | CMAP_OP_OWNED_BY_PROCESS)
#define TRAILER		(CMAP_OP_TTL | CMAP_OP_DEADLINE | CMAP_OP_KEEP_DEADLINE | \
			 OWNERS)
#define SET_FLAGS	(CMAP_OP_INSERT | CMAP_OP_REPLACE | CMAP_OP_VERSION | TRAILER)
#define TOUCH_FLAGS	(CMAP_OP_VERSION | CMAP_OP_TTL | CMAP_OP_DEADLINE | OWNERS)
#define CREATE_FLAGS	(CMAP_CREATE_FIXED_KEY | CMAP_CREATE_FIXED_VALUE | \
			 CMAP_CREATE_NO_WINDOW | CMAP_CREATE_WIPE)

#define FD		{ "fd", ARG_FD }
#define INDEX		{ "index", ARG_CHOICE, 16 }
#define WHERE		{ "where", ARG_WHERE }
#define BEHIND		{ "behind", ARG_BEHIND, 2 }
#define SIZE(_struct)	{ "size", ARG_SIZE, sizeof(struct _struct), 0, 4 }

#define IOCTL(_name, _code, _weight, _struct, ...)			\
	{								\
		.name = _name, .weight = _weight, .run = fuzz_run_ioctl, \
		.code = CMAP_CODE_##_code, .bytes = sizeof(struct _struct), \
		.arg = { FD, WHERE, SIZE(_struct), BEHIND, __VA_ARGS__ }, \
	}

/* A struct cmap_op, either for a call or for an element of a batch. */
#define AN_OP(_name, _run, _code, _weight, _flags, _first)		\
	{								\
		.name = _name, .weight = _weight, .run = _run,		\
		.code = _code, .bytes = sizeof(struct cmap_op),		\
		.arg = {						\
			_first, WHERE, SIZE(cmap_op), BEHIND,		\
			FIELD(cmap_op, code, ARG_CODE, 0),		\
			FIELD(cmap_op, flags, ARG_BITS, _flags),	\
			FIELD(cmap_op, key, ARG_KEY, 0),		\
			FIELD(cmap_op, value, ARG_IN, 0),		\
			FIELD(cmap_op, key_len, ARG_KEY_LEN, 0),	\
			FIELD(cmap_op, value_len, ARG_LEN, 0),		\
			FIELD(cmap_op, version, ARG_VERSION, 0),	\
			FIELD(cmap_op, old, ARG_OUT, 0),		\
			FIELD(cmap_op, old_len, ARG_LEN, 0),		\
			FIELD(cmap_op, error, ARG_ZERO, 0),		\
			FIELD(cmap_op, number, ARG_NUMBER, 0),		\
			FIELD(cmap_op, start, ARG_NUMBER, 0),		\
			FIELD(cmap_op, deadline, ARG_NUMBER, 0),	\
			FIELD(cmap_op, ceiling, ARG_NUMBER, 0),		\
		},							\
	}
#define OP(_name, _code, _weight, _flags)				\
	AN_OP(_name, fuzz_run_ioctl, CMAP_CODE_##_code, _weight, _flags, FD)

/* Any other call; see its function for the meaning of its arguments. */
#define CALL(_name, _weight, ...)					\
	{								\
		.name = #_name, .weight = _weight,			\
		.run = fuzz_run_##_name, .arg = { __VA_ARGS__ },	\
	}
#define WINDOW		{ "window", ARG_WINDOW }
#define FROM		{ "from", ARG_PAGES }
#define BYTES		{ "bytes", ARG_PAGES }
#define CHOICE(_n)	{ "choice", ARG_CHOICE, _n }
#define TIME		{ "microseconds", ARG_CHOICE, 3000 }

const struct fuzz_type fuzz_types[] = {
	/* descriptors */
	CALL(open, 20, FD, { "mode", ARG_CHOICE, 4 }),
	CALL(close, 8, FD),
	CALL(dup, 8, FD, { "to", ARG_FD }),
	CALL(pass, 4, FD, { "to", ARG_FD }, CHOICE(3)),
	CALL(reopen, 3, FD, { "to", ARG_FD }, { "mode", ARG_CHOICE, 4 }),
	CALL(watch, 10, FD, { "to", ARG_FD }, { "kind", ARG_CHOICE, 4 },
	     { "len", ARG_KEY_LEN }, { "flags", ARG_CHOICE, 3 },
	     { "cursor", ARG_OUT }),
	CALL(waitkey, 10, FD, { "count", ARG_CHOICE, 4 }, { "len", ARG_KEY_LEN },
	     { "version", ARG_NUMBER }, TIME),
	CALL(other, 10, FD, CHOICE(FUZZ_OTHERS), { "number", ARG_NUMBER }),
	/* ioctls */
	IOCTL("create", CREATE, 20, cmap_create,
	      FIELD(cmap_create, flags, ARG_BITS, CREATE_FLAGS),
	      FIELD(cmap_create, name, ARG_NAME, 0),
	      FIELD(cmap_create, name_len, ARG_NAME_LEN, 0),
	      FIELD(cmap_create, mode, ARG_BITS, 0666),
	      FIELD(cmap_create, key_max, ARG_KEY_LEN, 0),
	      FIELD(cmap_create, value_max, ARG_LEN, 0),
	      FIELD(cmap_create, shards, ARG_SMALL, 0),
	      FIELD(cmap_create, __reserved, ARG_ZERO, 0),
	      FIELD(cmap_create, max_entries, ARG_SMALL, 0),
	      FIELD(cmap_create, max_bytes, ARG_PAGES, 0),
	      FIELD(cmap_create, feed_bytes, ARG_PAGES, 0),
	      FIELD(cmap_create, feed_value_max, ARG_LEN, 0),
	      FIELD(cmap_create, default_ttl, ARG_NUMBER, 0),
	      BEGIN_OF(cmap_create, description, ARG_NUMBER, 0)),
	IOCTL("openmap", OPEN, 10, cmap_name,
	      FIELD(cmap_name, flags, ARG_BITS, CMAP_OPEN_TRUSTED),
	      FIELD(cmap_name, name, ARG_NAME, 0),
	      FIELD(cmap_name, name_len, ARG_NAME_LEN, 0),
	      FIELD(cmap_name, __reserved, ARG_ZERO, 0)),
	IOCTL("unlink", UNLINK, 6, cmap_name,
	      FIELD(cmap_name, flags, ARG_ZERO, 0),
	      FIELD(cmap_name, name, ARG_NAME, 0),
	      FIELD(cmap_name, name_len, ARG_NAME_LEN, 0),
	      FIELD(cmap_name, __reserved, ARG_ZERO, 0)),
	IOCTL("rename", RENAME, 6, cmap_name,
	      FIELD(cmap_name, flags, ARG_BITS,
		    CMAP_RENAME_REPLACE | CMAP_RENAME_EXCHANGE),
	      FIELD(cmap_name, name, ARG_NAME, 0),
	      FIELD(cmap_name, name_len, ARG_NAME_LEN, 0),
	      FIELD(cmap_name, __reserved, ARG_ZERO, 0)),
	IOCTL("setattr", SETATTR, 6, cmap_setattr,
	      FIELD(cmap_setattr, flags, ARG_BITS,
		    CMAP_SET_MODE | CMAP_SET_UID | CMAP_SET_GID),
	      FIELD(cmap_setattr, mode, ARG_BITS, 0666),
	      FIELD(cmap_setattr, uid, ARG_SMALL, 0),
	      FIELD(cmap_setattr, gid, ARG_SMALL, 0),
	      FIELD(cmap_setattr, __reserved, ARG_ZERO, 0)),
	IOCTL("limits", LIMITS, 3, cmap_limits,
	      FIELD(cmap_limits, flags, ARG_ZERO, 0)),
	IOCTL("list", LIST, 5, cmap_list,
	      FIELD(cmap_list, flags, ARG_ZERO, 0),
	      FIELD(cmap_list, buf, ARG_OUT, 0),
	      FIELD(cmap_list, buf_len, ARG_LEN, 0),
	      FIELD(cmap_list, count, ARG_ZERO, 0),
	      FIELD(cmap_list, cursor, ARG_CURSOR, 0)),
	OP("get", GET, 20, 0),
	OP("set", SET, 40, SET_FLAGS),
	OP("delete", DELETE, 15, CMAP_OP_VERSION),
	OP("take", TAKE, 12, 0),
	OP("swap", SWAP, 12, TRAILER),
	OP("compare_swap", COMPARE_SWAP, 12, TRAILER),
	OP("compare_delete", COMPARE_DELETE, 8, 0),
	OP("get_or_set", GET_OR_SET, 12, TRAILER),
	OP("add", ADD, 12, TRAILER | CMAP_OP_CEILING),
	OP("expire", TOUCH, 12, TOUCH_FLAGS),
	OP("clear", CLEAR, 5, 0),
	OP("count", COUNT, 3, 0),
	IOCTL("stat", STAT, 5, cmap_stat,
	      FIELD(cmap_stat, flags, ARG_BITS, CMAP_STAT_BRIEF)),
	IOCTL("range", RANGE, 12, cmap_range,
	      FIELD(cmap_range, flags, ARG_BITS, CMAP_RANGE_KEYS),
	      FIELD(cmap_range, buf, ARG_OUT, 0),
	      FIELD(cmap_range, buf_len, ARG_LEN, 0),
	      FIELD(cmap_range, count, ARG_ZERO, 0),
	      FIELD(cmap_range, cursor.position, ARG_CURSOR, 0),
	      FIELD(cmap_range, cursor.tie, ARG_CURSOR, 0),
	      FIELD(cmap_range, prefix, ARG_KEY, 0),
	      FIELD(cmap_range, prefix_len, ARG_KEY_LEN, 0),
	      FIELD(cmap_range, __reserved, ARG_ZERO, 0)),
	IOCTL("feed_read", FEED_READ, 12, cmap_feed_read,
	      FIELD(cmap_feed_read, flags, ARG_ZERO, 0),
	      FIELD(cmap_feed_read, buf, ARG_OUT, 0),
	      FIELD(cmap_feed_read, buf_len, ARG_LEN, 0),
	      FIELD(cmap_feed_read, count, ARG_ZERO, 0),
	      FIELD(cmap_feed_read, cursor, ARG_OUT, 0),
	      FIELD(cmap_feed_read, cursor_len, ARG_SIZE, FUZZ_CURSOR),
	      FIELD(cmap_feed_read, more, ARG_ZERO, 0),
	      FIELD(cmap_feed_read, filter.kind, ARG_BITS, CMAP_FILTER_KEYS),
	      FIELD(cmap_feed_read, filter.count, ARG_SMALL, 0),
	      FIELD(cmap_feed_read, filter.keys, ARG_IN, 0)),
	IOCTL("feed_cursor", FEED_CURSOR, 6, cmap_feed_where,
	      FIELD(cmap_feed_where, flags, ARG_ZERO, 0),
	      FIELD(cmap_feed_where, cursor, ARG_OUT, 0),
	      FIELD(cmap_feed_where, cursor_len, ARG_SIZE, FUZZ_CURSOR),
	      FIELD(cmap_feed_where, __reserved, ARG_ZERO, 0)),
	IOCTL("batch", BATCH, 20, cmap_ops,
	      FIELD(cmap_ops, flags, ARG_ZERO, 0),
	      FIELD(cmap_ops, ops, ARG_ELEMENTS, 0),
	      FIELD(cmap_ops, count, ARG_SMALL, 0),
	      FIELD(cmap_ops, op_size, ARG_SIZE, sizeof(struct cmap_op)),
	      FIELD(cmap_ops, done, ARG_ZERO, 0),
	      FIELD(cmap_ops, __reserved, ARG_ZERO, 0)),
	/* An element of a later batch, by its index. */
	AN_OP("element", fuzz_run_element, 0, 30, SET_FLAGS, INDEX),
	/* Many keys at once, so that tables grow. */
	CALL(fill, 6, FD, { "first", ARG_NUMBER }, { "n", ARG_CHOICE, 400 },
	     { "len", ARG_LEN }),
	CALL(drain, 4, FD, { "first", ARG_NUMBER }, { "n", ARG_CHOICE, 400 }),
	CALL(number, 3, FD, { "number", ARG_NUMBER }, WHERE),
	CALL(compat, 6, FD, { "code", ARG_CODE }, WHERE),
	/* mappings */
	CALL(mmap, 20, FD, WINDOW, { "offset", ARG_OFFSET }, BYTES,
	     { "prot", ARG_CHOICE, 8 }, { "flags", ARG_CHOICE, 16 }),
	CALL(munmap, 6, WINDOW, FROM, BYTES),
	CALL(mremap, 6, WINDOW, FROM, BYTES, { "new", ARG_PAGES },
	     { "to", ARG_WINDOW }, CHOICE(4)),
	CALL(mprotect, 5, WINDOW, FROM, BYTES, { "prot", ARG_CHOICE, 8 }),
	CALL(madvise, 8, WINDOW, FROM, BYTES, CHOICE(FUZZ_ADVICE)),
	CALL(touch, 15, WINDOW, FROM, { "step", ARG_CHOICE, 9000 },
	     { "n", ARG_CHOICE, 60 }),
	CALL(memory, 10, WINDOW, FROM, { "len", ARG_LEN },
	     CHOICE(FUZZ_MEMORIES)),
	/* processes, users and failures */
	CALL(fork, 3, CHOICE(4), FD, WINDOW, TIME),
	CALL(die, 2, TIME),
	CALL(wait, 4, TIME),
	CALL(user, 2, CHOICE(2)),
	CALL(fail, 4, { "nth", ARG_CHOICE, 40 }),
};

const unsigned int fuzz_types_count = sizeof(fuzz_types) / sizeof(*fuzz_types);

bool fuzz_type_find(const char *name, uint8_t *type)
{
	unsigned int i;

	for (i = 0; i < fuzz_types_count; i++) {
		if (!strcmp(fuzz_types[i].name, name)) {
			*type = (uint8_t)i;
			return true;
		}
	}
	return false;
}
