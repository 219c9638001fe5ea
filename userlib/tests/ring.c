// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads of a ring through the window.
 *
 * usage: ring order		a writer and a reader, by turns
 *        ring race SECONDS	at the same time
 *        ring garbage SECONDS	of a ring that is garbage, and changes
 */
#include "wrap.h"
#include "ring_writer.h"

#include <pthread.h>
#include <time.h>

/* No test here asks the kernel. */
int __wrap_ioctl(int from, unsigned long command, ...)
{
	(void)from;
	(void)command;
	errno = ENOTTY;
	return -1;
}

static uint64_t state = 88172645463325252ULL;

static uint64_t any_of(uint64_t *from)
{
	*from ^= *from << 13;
	*from ^= *from >> 7;
	*from ^= *from << 17;
	return *from;
}

static uint64_t any(void)
{
	return any_of(&state);
}

static int failed;

static void expect(int is, const char *what)
{
	if (is)
		return;
	printf("not so: %s\n", what);
	failed = 1;
}

/* On the heap, each exactly as long as it may be, for the sanitizer. */
static struct writer w;
static struct kcmap_records records;

static void begin(void)
{
	writer_begin(&w, malloc(sizeof(*w.words)), malloc(RING_BYTES));
	memset(w.ring, 0, RING_BYTES);
	records.size = RING_BYTES / 4;
	records.buf = malloc(records.size);
	records.shards = SHARDS;
	kcmap_records_begin(&records, 0, NULL);
}

static void end(void)
{
	free(w.words);
	free(w.ring);
	free(records.buf);
}

/* ---- by turns ---- */

/* Where each record begins. */
static uint64_t start_of[20000];

/*
 * While a record is being written, where another one was a round before: a reader
 * whose position is that of the new record, and who is at the old record.
 */
static unsigned long lies;

static void read_by_a_lie(void)
{
	uint64_t version = w.version, lost = 0;
	struct cmap_feed_position at;
	struct kcmap_ring ring = ring_of(&w);

	while (version > INDEX &&
	       start_of[version / SHARDS] + RING_BYTES > w.position)
		version -= SHARDS;
	if (version == INDEX || start_of[version / SHARDS] + RING_BYTES != w.position)
		return;
	at.version = version - SHARDS;
	at.position = w.position;
	expect(kcmap_ring_read(&ring, &at, &records) == KCMAP_FOUND &&
	       judge(&records, version - SHARDS, &lost) == at.version,
	       "what is being overwritten is no record");
	lies++;
}

static void write_and_note(void)
{
	uint64_t start = write_record(&w, read_by_a_lie);

	start_of[w.version / SHARDS] = start;
}

/* Read up to the end.  What is lost must have been overwritten. */
static void read_all(struct cmap_feed_position *at, unsigned long *losses)
{
	struct kcmap_ring ring = ring_of(&w);
	enum kcmap_outcome outcome;
	uint64_t before, lost;

	for (;;) {
		before = at->version;
		lost = 0;
		outcome = kcmap_ring_read(&ring, at, &records);
		if (outcome != KCMAP_FOUND)
			break;
		expect(judge(&records, before, &lost) == at->version,
		       "records are right, and the position after them");
		*losses += lost != 0;
		expect(!lost || had_to_be_lost(start_of[lost / SHARDS],
					       w.words->claimed),
		       "what was lost had to be");
		expect(at->version > before, "a read goes on");
	}
	expect(outcome == KCMAP_ABSENT && at->version == w.version,
	       "a reader reaches the end");
}

static void order(void)
{
	struct cmap_feed_position at = { .version = INDEX };
	unsigned long losses = 0, whole = 0;
	unsigned int round, i, n;

	begin();
	for (round = 0; round < 400; round++) {
		unsigned long before = losses;

		n = (unsigned int)(any() % (round % 4 ? 12 : 90));
		for (i = 0; i < n; i++)
			write_and_note();
		/* A position may be unknown, or a lie. */
		if (round % 5 == 1)
			at.position = 0;
		if (round % 5 == 2)
			at.position = any() % (2 * w.position + 1);
		if (round % 5 == 3)
			at.position += RING_BYTES * (any() % 3);
		if (round % 5 == 4 && w.version > INDEX)
			at.position = start_of[1 + any() % (w.version / SHARDS)];
		read_all(&at, &losses);
		whole += losses == before;
	}
	expect(losses > 50 && whole > 100, "there are losses, and none");
	expect(lies > 50, "there are lies");
	end();
}

/* ---- at the same time ---- */

static int over;

static void *write_on(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; !LOAD(&over); i++) {
		write_record(&w, NULL);
		/* Now and then the reader catches up. */
		if (i % 128 < 64)
			usleep(1);
	}
	return NULL;
}

static void race(time_t seconds)
{
	struct cmap_feed_position at = { .version = INDEX };
	unsigned long read = 0, losses = 0;
	time_t until = time(NULL) + seconds;
	struct kcmap_ring ring;
	pthread_t thread;

	begin();
	ring = ring_of(&w);
	pthread_create(&thread, NULL, write_on, NULL);
	while (!failed && (time(NULL) < until || read < 10000 || !losses)) {
		uint64_t before = at.version, lost = 0;

		if (kcmap_ring_read(&ring, &at, &records) != KCMAP_FOUND)
			continue;
		expect(judge(&records, before, &lost) == at.version,
		       "records are right");
		losses += lost != 0;
		read++;
		/* Fall behind. */
		if (read % 64 == 0)
			usleep(2000);
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("%lu reads, %lu losses\n", read, losses);
	end();
}

/* ---- garbage ---- */

static void spoil(uint64_t *from)
{
	struct cmap_window_feed *words = w.words;
	struct cmap_feed_part *part = &words->part[any_of(from) % CMAP_FEED_PARTS];
	uint64_t number = any_of(from) >> any_of(from) % 64;

	switch (any_of(from) % 12) {
	case 0:
		STORE(&words->claimed, number);
		break;
	case 1:
		STORE(&words->tail, number);
		break;
	case 2:
		STORE(&words->end[number & 1], number);
		break;
	case 3:
		STORE(&part->version, number);
		break;
	case 4:
		STORE(&part->position, number);
		break;
	case 5:
		STORE((uint64_t *)w.ring + number % (RING_BYTES / 8), number);
		break;
	case 6:		/* sizes, lengths, offsets */
		STORE((uint16_t *)w.ring + any_of(from) % (RING_BYTES / 2),
		      (uint16_t)number);
		break;
	case 7:		/* a size of 32, or the end of the ring, or nearly so */
		STORE((uint32_t *)w.ring + any_of(from) % (RING_BYTES / 4),
		      (uint32_t)(any_of(from) % 2 ? 32 : RING_BYTES - number % 64));
		break;
	default:	/* most of it stays plausible */
		write_record(&w, NULL);
	}
}

static void *spoiler(void *arg)
{
	uint64_t from = (uint64_t)time(NULL) << 8 | 1;
	unsigned int i;

	(void)arg;
	for (i = 0; !LOAD(&over); i++) {
		/* A fresh ring, or reads would never get far. */
		if (i % 64 == 0)
			writer_begin(&w, w.words, w.ring);
		spoil(&from);
		if (i % 8 == 0)
			usleep(1);
	}
	return NULL;
}

/* The bytes that a change refers to must be there. */
static unsigned int touch(const struct kcmap_change *change)
{
	unsigned int sum = 0;
	size_t i;

	for (i = 0; change->key && i < change->key_len; i++)
		sum += ((const unsigned char *)change->key)[i];
	for (i = 0; change->value && i < change->value_len; i++)
		sum += ((const unsigned char *)change->value)[i];
	return sum;
}

static void garbage(time_t seconds)
{
	static unsigned long outcome[KCMAP_CALL + 1];
	time_t until = time(NULL) + seconds;
	struct cmap_feed_position at = {};
	struct kcmap_change change;
	struct kcmap_ring ring;
	unsigned int sum = 0;
	pthread_t thread;

	begin();
	ring = ring_of(&w);
	pthread_create(&thread, NULL, spoiler, NULL);
	while (time(NULL) < until || outcome[KCMAP_FOUND] < 5000 ||
	       outcome[KCMAP_ABSENT] < 1000 || outcome[KCMAP_CALL] < 100) {
		enum kcmap_outcome got;

		if (any() % 8 == 0)
			at.version = any() % 16 ? INDEX + any() % 64 * SHARDS : any();
		if (any() % 8 == 0)
			at.position = any() >> any() % 64;
		got = kcmap_ring_read(&ring, &at, &records);
		outcome[got]++;
		while (got == KCMAP_FOUND &&
		       (kcmap_records_next_set(&records, &change) ||
			kcmap_records_next(&records, &change) > 0))
			sum += touch(&change);
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("%lu found, %lu absent, %lu to ask for (%u)\n",
	       outcome[KCMAP_FOUND], outcome[KCMAP_ABSENT],
	       outcome[KCMAP_CALL], sum);
	end();
}

int main(int argc, char **argv)
{
	time_t seconds = argc > 2 ? atoi(argv[2]) : 1;

	if (argc > 1 && !strcmp(argv[1], "order"))
		order();
	else if (argc > 1 && !strcmp(argv[1], "race"))
		race(seconds);
	else if (argc > 1 && !strcmp(argv[1], "garbage"))
		garbage(seconds);
	else
		return 2;
	return failed;
}
