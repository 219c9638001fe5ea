/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Histories of operations, which processes and kernel code record together: the
 * format of records, the choice of the next operation, and the format of values.
 *
 * All workers write into one area of shared memory.  The clock is a counter in it:
 * each invocation and each response takes the next number.  An operation takes its
 * first number before the call and its second one after the return.  So on every
 * machine, whatever the clocks of its CPUs say, the recorded interval contains the
 * true one.  No two events have the same time, so it is not longer than necessary.
 */
#ifndef CMAP_HISTORY_H
#define CMAP_HISTORY_H

#include <linux/errno.h>
#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/ktime.h>
#include <uapi/linux/cmap.h>
#else
#include <linux/cmap.h>
#include <time.h>
#endif

enum history_kind {
	HISTORY_NOTHING,	/* the process died before the call */
	HISTORY_GET,
	HISTORY_LENGTH,		/* get, without the value */
	HISTORY_SET,
	HISTORY_INSERT,		/* set, only if absent */
	HISTORY_REPLACE,	/* set, only if present */
	HISTORY_SET_VERSION,	/* set, only if of that version */
	HISTORY_DELETE,
	HISTORY_DELETE_VERSION,
	HISTORY_TAKE,
	HISTORY_SWAP,
	HISTORY_COMPARE_SWAP,
	HISTORY_COMPARE_DELETE,
	HISTORY_GET_OR_SET,
	HISTORY_ADD,		/* keeps the entry's deadline */
	HISTORY_TOUCH,		/* another deadline, the same value */
	HISTORY_CLEAR,		/* deletes each key, at different moments */
	HISTORY_KINDS
};

/* The doors: ways to access a map. */
enum history_door {
	HISTORY_IOCTL,
	HISTORY_LIBRARY,
	HISTORY_WINDOW,
	HISTORY_BATCH,
	HISTORY_LIBRARY_BATCH,
	HISTORY_RANGE,
	HISTORY_LIBRARY_RANGE,
	HISTORY_KERNEL,
	HISTORY_SOFTIRQ,
	HISTORY_DOORS
};

/**
 * struct history_op - one operation on one key
 * @begin: time of the call; the same for all elements of one call
 * @end: time of the return; 0 if it has not returned
 * @in: value to write; ADD: the number to add
 * @expect: value or version to compare with; ADD: the number of an absent entry
 * @out: value read, 0 for none; ADD: the sum; with -EMSGSIZE, and for LENGTH, the
 *	value's length
 * @version: version returned; 0 for none
 * @err: 0 or a negative errno
 * @kind: enum history_kind
 * @key: which key
 * @door: enum history_door
 * @place: position in a batch, from 1, as elements are carried out in order; else 0
 * @pending: the process died during the call: it took effect before @end, or never
 * @word: in a log with deadlines: what the map's clock had published before the call
 * @now: the time of CLOCK_BOOTTIME after the return
 * @deadline: the deadline to write, 0 for none
 * @told: the deadline returned, plus 1; 0 if none was asked for
 */
struct history_op {
	__u64 begin;
	__u64 end;
	__u64 in;
	__u64 expect;
	__u64 out;
	__u64 version;
	__s32 err;
	__u8 kind;
	__u8 key;
	__u8 door;
	__u8 place;
	__u64 pending;
	__u64 word;
	__u64 now;
	__u64 deadline;
	__u64 told;
};

#define HISTORY_KEYS	16

/**
 * struct history_log - the log of one worker
 * @count: records in the log, including one whose call is about to be made
 * @room: how many records fit
 * @state: state of its random numbers
 * @id: the worker's number, unique, from 1
 * @keys: how many keys it uses
 * @classes: how many classes of length its values have
 * @timed: entries get deadlines
 * @written: how many values it has made so far
 * @value: for each key, the value that it saw last
 * @version: for each key, the version that it saw last
 * @op: the records
 */
struct history_log {
	__u64 count;
	__u64 room;
	__u64 state;
	__u32 id;
	__u32 keys;
	__u64 classes;
	__u64 timed;
	__u64 written;
	__u64 value[HISTORY_KEYS];
	__u64 version[HISTORY_KEYS];
	struct history_op op[];
};

/**
 * struct history_area - the beginning of the shared memory
 * @clock: the last number that was taken
 * @progress: records written by the workers that set the pace
 * @goal: how many records these will write
 * @stop: not 0 when workers without a fixed number of records shall end
 * @word: what the map's clock has published, as the last process has seen it.  The
 *	word only grows, so later it is not smaller
 */
struct history_area {
	__u64 clock;
	__u64 __pad0[7];
	__u64 progress;
	__u64 __pad1[7];
	__u64 goal;
	__u64 stop;
	__u64 word;
};

/**
 * struct history_run - a run of kernel code
 * @log: offset of its log in the area
 * @door: HISTORY_KERNEL for a thread, or HISTORY_SOFTIRQ
 * @__pad: 0
 * @name: the map's name
 *
 * The ioctl returns when the log is full.  It is filled no faster than @progress
 * approaches @goal.
 */
struct history_run {
	__u64 log;
	__u32 door;
	__u32 __pad;
	char name[64];
};

#define HISTORY_DEVICE	"/dev/cmap_history"
#define HISTORY_RUN	_IOW('h', 1, struct history_run)

/* ---- keys and values ---- */

#define HISTORY_KEY_MAX	24

/* An empty key, keys of one word, and longer ones: each is compared differently. */
static inline __u32 history_key(unsigned int key, __u8 buf[HISTORY_KEY_MAX])
{
	__u32 len = !key ? 0 : key & 1 ? 8 + key : 8, i;

	for (i = 0; i < len; i++)
		buf[i] = 'a' + key;
	return len;
}

/*
 * A value is a number, repeated up to the value's length.  The number consists of,
 * from the top: the class of length, the worker that made it, the index among this
 * worker's values, and bits for what ADD adds.
 */
#define HISTORY_CLASS_SHIFT	60
#define HISTORY_WORKER_SHIFT	48
#define HISTORY_NUMBER_SHIFT	16
#define HISTORY_CLASSES		4
#define HISTORY_TORN		(~0ULL)	/* read, but not a value */
#define HISTORY_NEVER		8	/* a value that no worker writes */
#define HISTORY_VALUE_MAX	(196608U)

static inline unsigned int history_class(__u64 value)
{
	return value >> HISTORY_CLASS_SHIFT;
}

static inline __u32 history_len(__u64 value)
{
	__u32 number = value >> HISTORY_NUMBER_SHIFT;

	switch (history_class(value)) {
	case 0:
		return 8;
	case 1:
		return 16 + 8 * (number % 30);
	case 2:
		return 264 + 8 * (number % 400);
	default:
		return 65536 + 8 * (number % 16384);
	}
}

/* Returns the length. */
static inline __u32 history_fill(__u64 value, void *to)
{
	__u32 len = history_len(value), i;
	__u64 *buf = to;

	for (i = 0; i < len / 8; i++)
		buf[i] = value;
	return len;
}

/* The value that was read, or HISTORY_TORN if it is none. */
static inline __u64 history_value_of(const void *from, __u64 len)
{
	const __u64 *buf = from;
	__u64 value;
	__u32 i;

	if (len < 8 || len > HISTORY_VALUE_MAX)
		return HISTORY_TORN;
	value = buf[0];
	if (!value || history_len(value) != len)
		return HISTORY_TORN;
	for (i = 1; i < len / 8; i++)
		if (buf[i] != value)
			return HISTORY_TORN;
	return value;
}

/* ---- time ---- */

/* CLOCK_BOOTTIME, by which entries expire. */
static inline __u64 history_now(void)
{
#ifdef __KERNEL__
	return ktime_get_boottime_ns();
#else
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
#endif
}

/* The time after a return, if it matters. */
static inline __u64 history_after(const struct history_log *log)
{
	return log->timed ? history_now() : 0;
}

/* ---- the next operation ---- */

static inline __u64 history_random(struct history_log *log)
{
	log->state ^= log->state << 13;
	log->state ^= log->state >> 7;
	log->state ^= log->state << 17;
	return log->state >> 8;
}

/* The longest values are rare, as they take time. */
static inline __u64 history_new_value(struct history_log *log,
				      unsigned int classes)
{
	__u64 r = history_random(log), class = r % classes;

	if (class == 3 && r >> 8 & 7)
		class = 0;
	return class << HISTORY_CLASS_SHIFT |
	       (__u64)log->id << HISTORY_WORKER_SHIFT |
	       (++log->written & 0xffffffff) << HISTORY_NUMBER_SHIFT;
}

static inline int history_writes_value(unsigned int kind)
{
	switch (kind) {
	case HISTORY_SET:
	case HISTORY_INSERT:
	case HISTORY_REPLACE:
	case HISTORY_SET_VERSION:
	case HISTORY_SWAP:
	case HISTORY_COMPARE_SWAP:
	case HISTORY_GET_OR_SET:
		return 1;
	}
	return 0;
}

/*
 * A deadline for what an operation writes.  Most are over soon, one of eight is over
 * already, and a quarter of the entries have none.
 */
static inline __u64 history_new_deadline(struct history_log *log)
{
	__u64 r = history_random(log), now;

	if (!log->timed || r % 8 < 2)
		return 0;
	now = history_now();
	if (r % 8 == 2)
		return now - (r >> 8) % 2000000;
	return now + (r >> 8) % (r % 8 == 3 ? 20000000 : 3000000);
}

/* The flags with which a write gets its deadline: those of the ABI. */
static inline __u16 history_times(const struct history_op *op)
{
	if (op->kind == HISTORY_TOUCH)
		return CMAP_OP_DEADLINE;
	if (!op->deadline)
		return 0;
	return op->kind == HISTORY_ADD ?
	       CMAP_OP_DEADLINE | CMAP_OP_KEEP_DEADLINE : CMAP_OP_DEADLINE;
}

/* Choose an operation's arguments.  Conditions are on what the worker saw last. */
static inline void history_give(struct history_log *log, struct history_op *op,
				unsigned int classes)
{
	switch (op->kind) {
	case HISTORY_ADD:
		op->in = 1 + (history_random(log) & 1);
		op->expect = history_new_value(log, 1);
		break;
	case HISTORY_SET_VERSION:
	case HISTORY_DELETE_VERSION:
		op->expect = log->version[op->key] ? log->version[op->key] : 1;
		break;
	case HISTORY_COMPARE_SWAP:
	case HISTORY_COMPARE_DELETE:
		op->expect = log->value[op->key] ? log->value[op->key] :
						   HISTORY_NEVER;
		break;
	}
	if (history_writes_value(op->kind))
		op->in = history_new_value(log, classes);
	if (history_writes_value(op->kind) || op->kind == HISTORY_ADD ||
	    op->kind == HISTORY_TOUCH)
		op->deadline = history_new_deadline(log);
}

/*
 * Begin a record: choose the operation and the key.  Half of the operations are
 * reads, and half use the same key as the one before.  Values have classes below
 * @classes.  Where entries have deadlines, seven of eight are reads, or none would
 * live that long.
 */
static inline struct history_op *history_choose(struct history_log *log,
						unsigned int door,
						unsigned int classes)
{
	struct history_op *op = &log->op[log->count];
	__u64 r = history_random(log);
	unsigned int key = (r >> 16) % log->keys;

	if (r & 2 && log->count)
		key = op[-1].key;
	*op = (struct history_op){
		.kind = r & 1 || (log->timed && r & 0xc0000000) ?
			HISTORY_GET : HISTORY_LENGTH +
				(r >> 8) % (HISTORY_CLEAR - HISTORY_LENGTH),
		.key = key,
		.door = door,
	};
	history_give(log, op, classes);
	log->count++;

	return op;
}

static inline int history_deletes(unsigned int kind)
{
	switch (kind) {
	case HISTORY_DELETE:
	case HISTORY_DELETE_VERSION:
	case HISTORY_COMPARE_DELETE:
	case HISTORY_TAKE:
		return 1;
	}
	return 0;
}

/* Remember the value and version that an operation returned. */
static inline void history_learn(struct history_log *log,
				 const struct history_op *op)
{
	if (!op->err && history_deletes(op->kind))
		return;
	if (op->version)
		log->version[op->key] = op->version;
	if (op->err || op->kind == HISTORY_LENGTH || op->kind == HISTORY_TOUCH)
		return;
	if (op->out && op->kind != HISTORY_SWAP)
		log->value[op->key] = op->out;
	else
		log->value[op->key] = op->in;
}

/*
 * What a range returned for the keys of a history, and when.  @word is from before the
 * range.
 */
struct history_seen {
	__u64 word;
	__u64 value[HISTORY_KEYS];	/* 0: the key was not returned */
	__u64 version[HISTORY_KEYS];
	__u64 begin[HISTORY_KEYS];
	__u64 end[HISTORY_KEYS];
};

/* A range returned an entry.  Keys that are not the history's are ignored. */
static inline void history_see(struct history_seen *seen, const void *key,
			       __u32 key_len, const void *value, __u64 len,
			       __u64 version, __u64 begin, __u64 end)
{
	unsigned int i = key_len ? *(const __u8 *)key - 'a' : 0;
	__u8 ours[HISTORY_KEY_MAX];

	if (i >= HISTORY_KEYS || history_key(i, ours) != key_len)
		return;
	/* No key may be returned twice. */
	seen->value[i] = seen->value[i] ? HISTORY_TORN :
					  history_value_of(value, len);
	seen->version[i] = version;
	seen->begin[i] = begin;
	seen->end[i] = end;
}

/*
 * A key that the range returned was present at some moment of the range.  A key that
 * it did not return was absent at some moment: else it would have been returned.
 */
static inline void history_note_seen(struct history_log *log,
				     unsigned int door, __u64 begin, __u64 end,
				     const struct history_seen *seen)
{
	__u64 now = history_after(log);
	unsigned int i;

	for (i = 0; i < log->keys; i++)
		log->op[log->count++] = (struct history_op){
			.word = seen->word,
			.now = now,
			.begin = seen->value[i] ? seen->begin[i] : begin,
			.end = seen->value[i] ? seen->end[i] : end,
			.out = seen->value[i],
			.version = seen->version[i],
			.err = seen->value[i] ? 0 : -ENOENT,
			.kind = HISTORY_GET,
			.key = i,
			.door = door,
		};
}

/* A clear deletes each key that is present, each at a different moment. */
static inline void history_choose_clear(struct history_log *log,
					unsigned int door, unsigned int place)
{
	unsigned int i;

	for (i = 0; i < log->keys; i++)
		log->op[log->count++] = (struct history_op){
			.kind = HISTORY_CLEAR,
			.key = i,
			.door = door,
			.place = place,
		};
}

/* Whether a worker that keeps the pace of others may continue its log. */
static inline int history_may_go_on(const struct history_area *area,
				    const struct history_log *log)
{
	__u64 progress = __atomic_load_n(&area->progress, __ATOMIC_RELAXED);

	return log->count * area->goal <= log->room * progress ||
	       __atomic_load_n(&area->stop, __ATOMIC_RELAXED);
}

#endif /* CMAP_HISTORY_H */
