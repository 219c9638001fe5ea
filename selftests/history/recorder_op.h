/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between records and calls: making arguments, and storing results.
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
 * @in: the value to write
 * @out: the buffer for the value read
 * @expect: the value to compare with
 * @in_len: length of @in
 * @expect_len: length of @expect
 * @room: the size of @out that is passed to the call
 * @key: the key
 * @key_len: length of @key
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

/* Turn what a record says into bytes. */
void recorder_prepare(struct recorder_buf *buf, const struct history_op *op,
		      uint32_t room);

/* Fill in the kernel's structure; and store its results in the record. */
void recorder_fill(struct cmap_op *c, const struct history_op *op,
		   const struct recorder_buf *buf);
void recorder_note(struct history_op *op, const struct cmap_op *c, int err,
		   const struct recorder_buf *buf);

/* Call the library, and store the results. */
void recorder_call_library(struct kcmap *map, struct history_op *op,
			   struct recorder_buf *buf);

/* Add an operation to a batch; and store its result after the submit. */
int recorder_append(struct kcmap_batch *batch, const struct history_op *op,
		    struct recorder_buf *buf);
void recorder_note_result(struct history_op *op,
			  const struct kcmap_result *result,
			  const struct recorder_buf *buf);

#endif /* CMAP_RECORDER_OP_H */
