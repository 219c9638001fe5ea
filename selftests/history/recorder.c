// SPDX-License-Identifier: GPL-2.0
/*
 * A process may be killed at any instruction here.  So a record gets its kind
 * and arguments before its begin, its begin before the call is made, and its
 * results before its end.
 */
#include "recorder.h"
#include "recorder_op.h"
#include "cmap_test.h"

#include <kcmap.h>

#define LONG_LEN	HISTORY_VALUE_MAX
#define SHORT_LEN	4096
#define RANGE_LEN	(2 * HISTORY_VALUE_MAX)

#define PAGE		4096UL

/* What the map's clock has published.  Kernel code has it from here. */
static uint64_t published(const struct recorder *r)
{
	uint64_t word;

	if (!r->words)
		return 0;
	word = __atomic_load_n(&r->words->expired_before, __ATOMIC_ACQUIRE);
	__atomic_store_n(&r->area->word, word, __ATOMIC_RELAXED);
	return word;
}

static void begin_op(struct recorder *r, struct history_op *op)
{
	op->word = published(r);
	op->begin = history_tick(r->area);
}

static void end_op(struct recorder *r, struct history_op *op)
{
	op->now = history_after(r->log);
	op->end = history_tick(r->area);
}

/* ---- single calls ---- */

static void by_ioctl(struct recorder *r, struct history_op *op)
{
	struct recorder_buf *buf = &r->buf[0];
	struct cmap_op c;
	int err;

	recorder_fill(&c, op, buf);
	begin_op(r, op);
	err = call(r->fd, _IO(CMAP_IOC_MAGIC, c.code), &c);
	recorder_note(op, &c, err, buf);
	end_op(r, op);
}

static void by_library(struct recorder *r, struct kcmap *map,
		       struct history_op *op)
{
	begin_op(r, op);
	recorder_call_library(map, op, &r->buf[0]);
	end_op(r, op);
}

/* ---- several operations in one call ---- */

/* All operations chosen since @from are called now, or have returned. */
static void begin_all(struct recorder *r, uint64_t from)
{
	uint64_t word = published(r), now = history_tick(r->area);

	for (; from < r->log->count; from++) {
		r->log->op[from].word = word;
		r->log->op[from].begin = now;
	}
}

static void end_all(struct recorder *r, uint64_t from)
{
	uint64_t after = history_after(r->log);
	uint64_t now = history_tick(r->area), i;

	for (i = from; i < r->log->count; i++) {
		history_learn(r->log, &r->log->op[i]);
		r->log->op[i].now = after;
		r->log->op[i].end = now;
	}
}

/* Choose one element.  A clear has one record for each key. */
static struct history_op *choose_element(struct recorder *r, unsigned int door,
					 unsigned int place, bool clear)
{
	struct history_log *log = r->log;
	unsigned int classes = log->classes > 3 ? 3 : log->classes;
	struct history_op *op;

	if (clear) {
		history_choose_clear(log, door, place);
		return &log->op[log->count - 1];
	}
	op = history_choose(log, door, classes);
	op->place = place;
	if (recorder_compares_values(op->kind) && history_class(op->expect) == 3)
		op->expect = HISTORY_NEVER;
	return op;
}

/* Returns the number of elements. */
static unsigned int choose_elements(struct recorder *r, unsigned int door,
				    struct history_op **op)
{
	unsigned int n = 1 + history_random(r->log) % RECORDER_BATCH, i;
	uint64_t clear = history_random(r->log) % 4096;

	for (i = 0; i < n; i++) {
		op[i] = choose_element(r, door, i + 1, i == clear);
		recorder_prepare(&r->buf[i], op[i], SHORT_LEN);
	}
	return n;
}

static void by_batch(struct recorder *r)
{
	uint64_t from = r->log->count;
	struct history_op *op[RECORDER_BATCH];
	unsigned int n = choose_elements(r, HISTORY_BATCH, op), i;
	struct cmap_op c[RECORDER_BATCH];
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(c), .count = n,
		.op_size = sizeof(c[0]),
	};
	int err;

	for (i = 0; i < n; i++)
		recorder_fill(&c[i], op[i], &r->buf[i]);
	begin_all(r, from);
	err = call(r->fd, CMAP_IOCTL_BATCH, &batch);
	for (i = 0; i < n; i++)
		recorder_note(op[i], &c[i], err ?: c[i].error, &r->buf[i]);
	end_all(r, from);
}

static void by_library_batch(struct recorder *r)
{
	struct kcmap_batch *batch = kcmap_batch_new(RECORDER_BATCH);
	uint64_t from = r->log->count;
	struct history_op *op[RECORDER_BATCH];
	unsigned int n = choose_elements(r, HISTORY_LIBRARY_BATCH, op), i;
	struct kcmap_result result;

	for (i = 0; i < n; i++)
		recorder_append(batch, op[i], &r->buf[i]);
	begin_all(r, from);
	kcmap_batch_submit(batch, r->library);
	for (i = 0; i < n; i++) {
		if (kcmap_batch_result(batch, i, &result))
			result.error = EINVAL;
		recorder_note_result(op[i], &result, &r->buf[i]);
	}
	end_all(r, from);
	kcmap_batch_free(batch);
}

/* ---- reads through the window ---- */

/* Whatever was chosen, this is a read. */
static void look_only(struct history_op *op, unsigned int kind)
{
	op->kind = kind;
	op->in = 0;
	op->expect = 0;
	op->deadline = 0;
}

static void get_many(struct recorder *r)
{
	unsigned int n = 1 + history_random(r->log) % RECORDER_BATCH, i;
	struct kcmap_lookup lookups[RECORDER_BATCH] = {};
	uint64_t from = r->log->count;

	for (i = 0; i < n; i++) {
		struct history_op *op = history_choose(r->log, HISTORY_WINDOW,
						       1);

		look_only(op, HISTORY_GET);
		recorder_prepare(&r->buf[i], op, SHORT_LEN);
		lookups[i] = (struct kcmap_lookup){
			.key = r->buf[i].key, .key_len = r->buf[i].key_len,
			.buf = r->buf[i].out, .size = SHORT_LEN,
		};
	}
	begin_all(r, from);
	kcmap_get_many(r->window, lookups, n);
	for (i = 0; i < n; i++) {
		struct history_op *op = &r->log->op[from + i];

		op->err = -lookups[i].error;
		if (!op->err)
			op->out = history_value_of(r->buf[i].out,
						   lookups[i].len);
		else if (op->err == -EMSGSIZE)
			op->out = lookups[i].len;
		if (!op->err) {
			op->version = lookups[i].version;
			op->told = lookups[i].deadline + 1;
		}
	}
	end_all(r, from);
}

struct visit {
	uint64_t value;
	unsigned int pause;
};

/*
 * Only the last call counts.  With a pause long enough for the node to be
 * reused, an invalid call would see another entry's value.
 */
static void visit_value(const void *value, size_t len, void *arg)
{
	struct visit *visit = arg;

	if (visit->pause)
		usleep(visit->pause);
	visit->pause = 0;
	visit->value = history_value_of(value, len);
}

static void visit(struct recorder *r, struct history_op *op)
{
	struct recorder_buf *b = &r->buf[0];
	uint64_t x = history_random(r->log);
	struct visit visit = { .pause = x % 256 ? 0 : (x >> 8) % 100000 };

	begin_op(r, op);
	if (kcmap_visit(r->window, b->key, b->key_len, visit_value, &visit,
			(uint64_t *)&op->version))
		op->err = -errno;
	else
		op->out = visit.value;
	end_op(r, op);
}

void recorder_look(struct recorder *r)
{
	uint64_t x = history_random(r->log);
	struct history_op *op;

	if (x % 8 == 0) {
		get_many(r);
		return;
	}
	op = history_choose(r->log, HISTORY_WINDOW, 1);
	look_only(op, x >> 8 & 7 ? HISTORY_GET : HISTORY_LENGTH);
	recorder_prepare(&r->buf[0], op, x >> 12 & 15 ? LONG_LEN : SHORT_LEN);
	if (op->kind == HISTORY_GET && x >> 16 & 1)
		visit(r, op);
	else
		by_library(r, r->window, op);
	history_learn(r->log, op);
}

/* ---- the whole map ---- */

static void clear_all(struct recorder *r)
{
	uint64_t from = r->log->count;

	history_choose_clear(r->log, HISTORY_LIBRARY, 0);
	begin_all(r, from);
	kcmap_clear(r->library);
	end_all(r, from);
}

static void see_records(struct history_seen *seen, const char *p,
			unsigned int n, uint64_t begin, uint64_t end)
{
	while (n--) {
		const struct cmap_entry *e = (const void *)p;

		history_see(seen, p + e->key_offset, e->key_len, p + e->value_offset,
			    e->value_len, e->version, begin, end);
		p += e->size;
	}
}

static void range(struct recorder *r)
{
	struct cmap_range range = { .size = sizeof(range) };
	struct history_seen seen = { .word = published(r) };
	uint64_t first = history_tick(r->area), begin = first;

	if (!r->range)
		r->range = malloc(RANGE_LEN);
	range.buf = u64_of(r->range);
	do {
		/* A small buffer, so that the range takes many calls. */
		range.buf_len = r->log->classes > 3 ? RANGE_LEN : 8192;
		if (call(r->fd, CMAP_IOCTL_RANGE, &range))
			return;
		see_records(&seen, r->range, range.count, begin,
			    history_tick(r->area));
		begin = history_tick(r->area);
	} while (range.count);
	history_note_seen(r->log, HISTORY_RANGE, first, begin, &seen);
}

static void iterate(struct recorder *r)
{
	struct history_seen seen = { .word = published(r) };
	uint64_t begin = history_tick(r->area);
	struct kcmap_range *range = kcmap_range_new(r->window, 0, NULL);
	struct kcmap_item item;
	int got;

	/* A bucket is read when its first entry is returned. */
	while ((got = kcmap_range_next(range, &item)) > 0)
		history_see(&seen, item.key, item.key_len, item.value,
			    item.value_len, item.version, begin,
			    history_tick(r->area));
	kcmap_range_free(range);
	if (!got)
		history_note_seen(r->log, HISTORY_LIBRARY_RANGE, begin,
				  history_tick(r->area), &seen);
}

/* ---- one step ---- */

void recorder_step(struct recorder *r)
{
	uint64_t x = history_random(r->log);
	struct history_op *op;

	switch (x % 1024) {
	case 0:
		clear_all(r);
		return;
	case 1 ... 3:
		range(r);
		return;
	case 4 ... 6:
		iterate(r);
		return;
	case 7 ... 99:
		by_batch(r);
		return;
	case 100 ... 149:
		by_library_batch(r);
		return;
	case 150 ... 449:
		recorder_look(r);
		return;
	case 450 ... 749:
		op = history_choose(r->log, HISTORY_LIBRARY, r->log->classes);
		recorder_prepare(&r->buf[0], op, x >> 16 & 7 ? LONG_LEN : 8);
		by_library(r, r->library, op);
		break;
	default:
		op = history_choose(r->log, HISTORY_IOCTL, r->log->classes);
		recorder_prepare(&r->buf[0], op, x >> 16 & 7 ? LONG_LEN : 8);
		by_ioctl(r, op);
	}
	history_learn(r->log, op);
}

/* ---- setting up ---- */

static struct recorder_buf *new_bufs(void)
{
	struct recorder_buf *buf = calloc(RECORDER_BATCH, sizeof(*buf));
	unsigned int i;

	for (i = 0; buf && i < RECORDER_BATCH; i++) {
		uint32_t len = i ? SHORT_LEN : LONG_LEN;

		buf[i].in = malloc(3UL * len);
		if (!buf[i].in)
			abort();
		buf[i].out = buf[i].in + len / 8;
		buf[i].expect = buf[i].out + len / 8;
	}
	return buf;
}

static int map_words(struct recorder *r)
{
	r->header = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r->fd, 0);
	if (r->header == MAP_FAILED)
		return -errno;
	r->words = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, r->fd,
			r->header->words_offset);
	return r->words == MAP_FAILED ? -errno : 0;
}

int recorder_init(struct recorder *r, struct history_area *area,
		  struct history_log *log, const char *name)
{
	struct kcmap_window_info stat = { .sz = sizeof(stat) };

	*r = (struct recorder){
		.area = area,
		.log = log,
		.fd = device(O_RDWR),
		.library = kcmap_open(name, O_RDWR | KCMAP_O_NO_WINDOW, NULL),
		.window = kcmap_open(name, O_RDWR, NULL),
		.buf = new_bufs(),
	};
	if (r->fd < 0 || !r->library || !r->window || !r->buf)
		return -errno;
	/* Make sure that reads use the window. */
	if (kcmap_window_stat(r->window, &stat))
		return -errno;
	return open_named(r->fd, name) ?: log->timed ? map_words(r) : 0;
}

void recorder_close(struct recorder *r)
{
	unsigned int i;

	if (r->words) {
		munmap((void *)r->words, PAGE);
		munmap((void *)r->header, PAGE);
	}
	close(r->fd);
	kcmap_close(r->library);
	kcmap_close(r->window);
	for (i = 0; i < RECORDER_BATCH; i++)
		free(r->buf[i].in);
	free(r->buf);
	free(r->range);
}
