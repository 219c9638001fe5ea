/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of operations on a map.  All doors are generated from it.
 *
 * OP(function, flags, code, access, last, out) describes CMAP_CODE_@code:
 *
 *	function	cmap_op_@function() in operation.h carries it out
 *	flags		flags that it accepts
 *	access		access to the map that the caller needs, CMAP_MAY_*
 *	last		the last field of &struct cmap_op that it reads
 *	out		the first field that it may set
 *
 * A file defines OP() and then includes this one, which undefines it at the end.
 */
#define TRAILER		(CMAP_OP_TTL | CMAP_OP_DEADLINE | CMAP_OP_KEEP_DEADLINE | \
			 CMAP_OP_OWNERS)
#define SET_FLAGS	(CMAP_OP_INSERT | CMAP_OP_REPLACE | CMAP_OP_VERSION | TRAILER)
#define TOUCH_FLAGS	(CMAP_OP_VERSION | CMAP_OP_TTL | CMAP_OP_DEADLINE | \
			 CMAP_OP_OWNERS)
#define R		CMAP_MAY_READ
#define W		CMAP_MAY_WRITE
#define RW		(CMAP_MAY_READ | CMAP_MAY_WRITE)

OP(get, 0, GET, R, version, value_len)
OP(set, SET_FLAGS, SET, W, version, version)
OP(delete, CMAP_OP_VERSION, DELETE, W, version, version)
OP(take, 0, TAKE, RW, start, version)
OP(swap, TRAILER, SWAP, RW, start, version)
OP(compare_swap, TRAILER, COMPARE_SWAP, W, start, version)
OP(compare_delete, 0, COMPARE_DELETE, W, start, version)
OP(get_or_set, TRAILER, GET_OR_SET, RW, start, version)
OP(add, TRAILER | CMAP_OP_CEILING, ADD, RW, start, version)
OP(touch, TOUCH_FLAGS, TOUCH, W, deadline, version)
OP(clear, 0, CLEAR, W, start, version)
OP(count, 0, COUNT, R, start, version)

#undef TRAILER
#undef SET_FLAGS
#undef TOUCH_FLAGS
#undef R
#undef W
#undef RW
#undef OP
