/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A record and what is behind it: the arguments of a call, and its results.
 */
#ifndef CMAP_RECORDER_OP_H
#define CMAP_RECORDER_OP_H

#include "../../kmod/tests/cmap_history.h"

#include <stdbool.h>
#include <stdint.h>

struct kcmap;
struct kcmap_batch;
struct cmap_op;
struct kcmap_result;

/**
 * struct recorder_buf - key and values of one operation, as bytes
 * @in: value to write
 * @out: room for the value read
 * @expect: value to compare with
 * @in_len: bytes in it
 * @expect_len: bytes in it
 * @room: bytes at @out that the call is told of
 * @key: the key
 * @key_len: bytes in it
 */
struct recorder_buf {
	uint64_t *in;
	uint64_t *out;
	uint64_t *expect;
	uint32_t in_len;
	uint32_t expect_len;
	uint32_t room;
	uint8_t key[HISTORY_KEY_MAX];
	uint32_t key_len;
};

bool recorder_compares_values(unsigned int kind);

/* What the record says becomes bytes. */
void recorder_prepare(struct recorder_buf *buf, const struct history_op *op,
		      uint32_t room);

/* The kernel's form of it, and its results into the record. */
void recorder_fill(struct cmap_op *c, const struct history_op *op,
		   const struct recorder_buf *buf);
void recorder_note(struct history_op *op, const struct cmap_op *c, int err,
		   const struct recorder_buf *buf);

/* Call the library, and note what it returns. */
void recorder_call_library(struct kcmap *map, struct history_op *op,
			   struct recorder_buf *buf);

/* Add it to a batch; and the result, when that was submitted. */
int recorder_append(struct kcmap_batch *batch, const struct history_op *op,
		    struct recorder_buf *buf);
void recorder_note_result(struct history_op *op,
			  const struct kcmap_result *result,
			  const struct recorder_buf *buf);

#endif /* CMAP_RECORDER_OP_H */
