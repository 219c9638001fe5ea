// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A reader of a ring is stopped at one instruction of a read after the other,
 * while the ring is written: one record, so many that they overwrite what it
 * reads, or several rounds.  Then it must return what was there, or say what it
 * has lost, and it may lose nothing that was not overwritten.
 *
 * usage: ring_step [NUMBER]	of one case
 */
#include "tracer.h"
#include "wrap.h"
#include "ring_writer.h"

#include <signal.h>
#include <sys/mman.h>

/* No test here asks the kernel. */
int __wrap_ioctl(int from, unsigned long command, ...)
{
	(void)from;
	(void)command;
	errno = ENOTTY;
	return -1;
}

#define STARTS		65536

/* Memory that both processes have. */
static struct shared {
	struct cmap_window_feed words;
	uint64_t ring[RING_BYTES / 8];
	struct cmap_feed_position at;
	bool done;
	bool wrong;
	uint64_t lost;
	enum kcmap_outcome outcome;
	char copy[RING_BYTES / 4];
	uint64_t start_of[STARTS];	/* where each record begins */
} *shared;

static struct writer w;

/* ---- the reader ---- */

static void reader(void)
{
	struct kcmap_records records = {
		.buf = shared->copy, .size = sizeof(shared->copy),
		.shards = SHARDS,
	};
	struct kcmap_ring ring = ring_of(&w);
	uint64_t before;

	ptrace(PTRACE_TRACEME, 0, 0, 0);
	for (;;) {
		raise(SIGSTOP);
		before = shared->at.version;
		shared->lost = 0;
		kcmap_records_begin(&records, 0, NULL);
		shared->outcome = kcmap_ring_read(&ring, &shared->at, &records);
		shared->done = true;
		shared->wrong = judge(&records, before, &shared->lost) !=
				shared->at.version;
		raise(SIGSTOP);
	}
}

/* ---- the writer ---- */

static void write_one(void)
{
	uint64_t start = write_record(&w, NULL);

	shared->start_of[w.version / SHARDS % STARTS] = start;
}

static void write_bytes(uint64_t bytes)
{
	uint64_t until = w.position + bytes;

	while (w.position < until)
		write_one();
}

/* What was there before the read, and what is written when it is stopped. */
static const struct change {
	const char *name;
	uint64_t before;
	enum { KNOWN, UNKNOWN, LIE } position;	/* of the next record */
	uint64_t during;
} changes[] = {
	{ "one more record", 600, KNOWN, 8 },
	{ "a part of the ring", 600, KNOWN, RING_BYTES / 2 },
	{ "a round, almost", 600, KNOWN, RING_BYTES - 700 },
	{ "a round, just", 600, KNOWN, RING_BYTES - 560 },
	{ "two rounds and a half", 600, KNOWN, 5 * RING_BYTES / 2 },
	{ "one more record, and it must be searched for", 600, UNKNOWN, 8 },
	{ "a part of the ring, the same", 2000, UNKNOWN, RING_BYTES / 2 },
	{ "a round, the same", 2000, UNKNOWN, RING_BYTES },
	{ "a part of the ring, and the position is a lie", 600, LIE,
	  RING_BYTES / 2 },
	{ "two rounds and more, the same", 600, LIE, 2 * RING_BYTES + 500 },
	{ "one more record, after a loss", 2 * RING_BYTES, KNOWN, 8 },
	{ "a part of the ring, after a loss", 2 * RING_BYTES, KNOWN,
	  RING_BYTES / 2 },
	{ "a round, after a loss", 2 * RING_BYTES, KNOWN, RING_BYTES },
	{ "many rounds, after a loss", 2 * RING_BYTES, UNKNOWN, 20 * RING_BYTES },
};

/* ---- the tracer ---- */

/* Whether the last read was right. */
static bool right(void)
{
	return !shared->wrong && shared->outcome != KCMAP_CALL &&
	       (!shared->lost ||
		had_to_be_lost(shared->start_of[shared->lost / SHARDS % STARTS],
			       w.words->claimed));
}

/* Read on undisturbed, up to the end. */
static bool reach_end(void)
{
	do {
		shared->done = false;
		if (!run_on() || !right() || !run_on())
			return false;
	} while (shared->outcome == KCMAP_FOUND);
	return shared->at.version == w.version;
}

/*
 * Stop a read at its nth instruction and write.  Returns 1, or 0 if the read has
 * fewer instructions, or -1 if a result was wrong.
 */
static int try_at(const struct change *change, unsigned int n)
{
	unsigned int i;

	write_bytes(change->before);
	if (change->position == UNKNOWN)
		shared->at.position = 0;
	/* Too high by whole rounds: the right record is there. */
	if (change->position == LIE)
		shared->at.position += 2 * RING_BYTES;
	shared->done = false;
	for (i = 0; i < n && !shared->done; i++)
		if (!one_step())
			return -1;
	if (!shared->done)
		write_bytes(change->during);
	n = shared->done;
	if (!run_on() || !right() || !run_on() || !reach_end())
		return -1;
	return !n;
}

/*
 * Reads take more instructions or fewer: where the ring ends, they end early.  So
 * several in a row must have been too short to be stopped.
 */
static bool every(const struct change *change)
{
	/* Each stop takes as many steps as there are before it. */
	unsigned int stride = change->before < 1000 && change->position == KNOWN ? 11 : 43;
	unsigned int n = (unsigned int)getpid() % stride, last = 0, ended = 0;
	int got;

	do {
		got = try_at(change, n);
		if (got > 0)
			last = n;
		ended = got ? 0 : ended + 1;
		n += stride;
	} while (got >= 0 && ended < 8);
	printf("# %d at %u instructions\n", got, last);
	return !got && last >= 200;
}

int main(int argc, char **argv)
{
	unsigned int i, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return perror("mmap"), 1;
	writer_begin(&w, &shared->words, (char *)shared->ring);
	shared->at.version = INDEX;
	stay_on_one_cpu();
	pid = fork();
	if (!pid)
		reader();
	if (!stopped())
		return perror("reader"), 1;
	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		bool ok;

		if (argc > 1 && i + 1 != (unsigned int)atoi(argv[1]))
			continue;
		ok = every(&changes[i]);

		printf("%sok %u %s\n", ok ? "" : "not ", i + 1, changes[i].name);
		failed += !ok;
	}
	kill(pid, SIGKILL);
	return failed ? 1 : 0;
}
