// SPDX-License-Identifier: GPL-2.0
/*
 * The demonstration.  Processes count the words of a text in one named map, and
 * another one watches the map meanwhile.  One of the workers is killed in the
 * middle of its work and started again.  Still no word is counted twice and
 * none is lost:
 *
 * The text is cut into chunks, which the workers take in turn.  The value of a
 * word holds its count and, for each worker, the last chunk whose words that
 * worker has added.  A conditional write changes both at once.  A worker that
 * was restarted goes through its last chunk again and skips the words that have
 * that chunk already.
 *
 * usage: wordcount TEXT COUNTS
 *
 * A word is a run of ASCII letters and bytes above 127; upper-case ASCII
 * letters become lower case.  COUNTS gets lines of "count word", for
 * comparison.
 */
#include <kcmap.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAP_NAME	"wordcount"
#define WORKERS		4
#define VICTIM		2
#define WORD_MAX	255
#define CHUNK		(128 << 10)

/* The value of a word. */
struct value {
	int64_t count;
	uint32_t added[WORKERS];	/* 1 + the chunk added last */
};

/* A worker's own entry; its key begins with a byte that no word begins with. */
#define PROGRESS	'\1'

struct progress {
	uint32_t chunks;		/* done so far */
	uint64_t words;			/* in these chunks */
	uint64_t operations;
};

static const char *text;
static size_t text_len;

static void die(const char *what)
{
	fprintf(stderr, "wordcount: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int is_word_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c > 127;
}

/* ---- a chunk: the words that begin in it ---- */

/* The words of one chunk, counted before they are added to the map. */
struct tally {
	char *word;
	uint32_t len;
	int64_t count;
};

#define TALLY_SIZE	65536

static struct tally tally[TALLY_SIZE];

static void tally_word(const char *word, uint32_t len)
{
	uint32_t h = 2166136261U, i;
	struct tally *t;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)word[i]) * 16777619U;
	for (i = h % TALLY_SIZE;; i = (i + 1) % TALLY_SIZE) {
		t = &tally[i];
		if (!t->word)
			break;
		if (t->len == len && !memcmp(t->word, word, len)) {
			t->count++;
			return;
		}
	}
	t->word = malloc(len);
	if (!t->word)
		die("memory");
	memcpy(t->word, word, len);
	t->len = len;
	t->count = 1;
}

static uint64_t tally_chunk(uint32_t chunk)
{
	size_t at = (size_t)chunk * CHUNK;
	size_t end = at + CHUNK < text_len ? at + CHUNK : text_len;
	uint64_t words = 0;

	/* A word that began in the chunk before belongs to that chunk. */
	if (at)
		while (at < end && is_word_byte(text[at - 1]) &&
		       is_word_byte(text[at]))
			at++;
	while (at < end) {
		char word[WORD_MAX];
		uint32_t len = 0;

		if (!is_word_byte(text[at])) {
			at++;
			continue;
		}
		for (; at < text_len && is_word_byte(text[at]); at++)
			if (len < WORD_MAX)
				word[len++] = text[at] >= 'A' && text[at] <= 'Z' ?
					      text[at] + 32 : text[at];
		tally_word(word, len);
		words++;
	}

	return words;
}

/* ---- a worker ---- */

/* Add a word's count for a chunk, unless that was done before. */
static void add_word(struct kcmap *map, int worker, uint32_t chunk,
		     const struct tally *t, struct progress *progress)
{
	struct value value;
	uint64_t version;
	ssize_t len;
	int err;

	do {
		len = kcmap_get(map, t->word, t->len, &value, sizeof(value),
				&version);
		if (len < 0 && errno != ENOENT)
			die("get");
		/* A get that failed left nothing valid in the value. */
		if (len < 0)
			memset(&value, 0, sizeof(value));
		progress->operations += 2;
		if (value.added[worker] == chunk + 1)
			return;
		value.count += t->count;
		value.added[worker] = chunk + 1;
		if (len < 0)
			err = kcmap_insert(map, t->word, t->len, &value,
					   sizeof(value), NULL);
		else
			err = kcmap_set_version(map, t->word, t->len, &value,
						sizeof(value), version, NULL);
	} while (err && (errno == EEXIST || errno == ESTALE));
	if (err)
		die("set");
}

static void add_chunk(struct kcmap *map, int worker, uint32_t chunk,
		      struct progress *progress)
{
	uint32_t i;

	progress->words += tally_chunk(chunk);
	for (i = 0; i < TALLY_SIZE; i++) {
		if (!tally[i].word)
			continue;
		add_word(map, worker, chunk, &tally[i], progress);
		free(tally[i].word);
		tally[i].word = NULL;
	}
}

static void work(int worker)
{
	struct kcmap *map = kcmap_open(MAP_NAME, O_RDWR, NULL);
	char key[2] = { PROGRESS, '0' + worker };
	struct progress progress;
	uint32_t chunk;

	if (!map)
		die(MAP_NAME);
	/* How far did this worker, or the one it replaces, get? */
	if (kcmap_get(map, key, 2, &progress, sizeof(progress), NULL) < 0) {
		if (errno != ENOENT)
			die("progress");
		memset(&progress, 0, sizeof(progress));
	}

	for (;;) {
		chunk = progress.chunks * WORKERS + worker;
		if ((size_t)chunk * CHUNK >= text_len)
			break;
		add_chunk(map, worker, chunk, &progress);
		progress.chunks++;
		if (kcmap_set(map, key, 2, &progress, sizeof(progress), NULL))
			die("progress");
	}
	exit(0);
}

static pid_t start_worker(int worker)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		work(worker);
	if (pid < 0)
		die("fork");
	return pid;
}

/* ---- the whole map, in one range ---- */

struct view {
	uint64_t distinct;
	uint64_t counted;
	struct progress sum;
};

static void look(struct kcmap *map, struct view *view)
{
	struct kcmap_range *range = kcmap_range_new(map, 0, NULL);
	struct kcmap_item item;
	int more;

	memset(view, 0, sizeof(*view));
	if (!range)
		die("range");
	while ((more = kcmap_range_next(range, &item)) > 0) {
		if (*(const char *)item.key == PROGRESS) {
			const struct progress *p = item.value;

			view->sum.chunks += p->chunks;
			view->sum.words += p->words;
			view->sum.operations += p->operations;
		} else {
			view->distinct++;
			view->counted += ((const struct value *)item.value)->count;
		}
	}
	if (more)
		die("range");
	kcmap_range_free(range);
}

/* ---- the watcher: the changes of the map, live ---- */

struct live {
	struct progress of[WORKERS];
	uint64_t changes;
	uint64_t lost;			/* changes that came too fast */
	char word[WORD_MAX + 1];	/* the latest */
	int64_t count;
};

static void show(double seconds, uint64_t chunks, uint64_t words)
{
	unsigned int all = (text_len + CHUNK - 1) / CHUNK;
	unsigned int percent = chunks * 100 / all, i;

	printf("  %5.1f s  [", seconds);
	for (i = 0; i < 25; i++)
		putchar(i * 4 < percent ? '#' : '.');
	printf("] %3u %%  %7" PRIu64 " words", percent, words);
}

static void show_live(const struct live *live, double seconds)
{
	uint64_t chunks = 0, words = 0;
	int i;

	for (i = 0; i < WORKERS; i++) {
		chunks += live->of[i].chunks;
		words += live->of[i].words;
	}
	show(seconds, chunks, words);
	if (*live->word)
		printf(", just now: %s %" PRId64, live->word, live->count);
	putchar('\n');
	fflush(stdout);
}

static void note_change(struct live *live, const struct kcmap_change *change)
{
	const char *key = change->key;

	live->lost += change->lost;
	if (change->cause != KCMAP_CAUSE_SET || !change->value)
		return;
	live->changes++;
	if (*key == PROGRESS) {
		memcpy(&live->of[key[1] - '0'], change->value,
		       sizeof(struct progress));
		return;
	}
	snprintf(live->word, sizeof(live->word), "%.*s", (int)change->key_len,
		 key);
	live->count = ((const struct value *)change->value)->count;
}

/* What the watcher leaves for the end. */
static struct live *live;

/*
 * Wait for changes, and show from time to time what they say.  The watcher never
 * looks at the rest of the map, and no worker waits for it.
 */
static void watch(struct kcmap *map, double begin)
{
	struct kcmap_watch *changes = kcmap_watch_open(map, NULL, NULL, 0);
	struct kcmap_change change;
	double next = now();
	int more;

	if (!changes)
		die("watch");
	for (;;) {
		if (now() >= next) {
			show_live(live, now() - begin);
			next += 0.7;
		}
		more = kcmap_watch_next(changes, &change, 100);
		if (more > 0)
			note_change(live, &change);
		else if (errno != ETIMEDOUT)
			die("watch");
	}
}

/* ---- the result ---- */

struct count {
	char *word;
	int64_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->word, y->word);
}

static struct count *collect(struct kcmap *map, size_t *n)
{
	struct count *counts = malloc(kcmap_count(map) * sizeof(*counts));
	struct kcmap_range *range = kcmap_range_new(map, 0, NULL);
	struct kcmap_item item;
	int more;

	if (!counts || !range)
		die("memory");
	*n = 0;
	while ((more = kcmap_range_next(range, &item)) > 0) {
		struct count *count = &counts[*n];

		if (*(const char *)item.key == PROGRESS)
			continue;
		count->word = strndup(item.key, item.key_len);
		count->count = ((const struct value *)item.value)->count;
		++*n;
	}
	if (more)
		die("range");
	kcmap_range_free(range);
	qsort(counts, *n, sizeof(*counts), by_count);

	return counts;
}

static void write_counts(const struct count *counts, size_t n,
			 const char *path)
{
	FILE *out = fopen(path, "w");
	size_t i;

	if (!out)
		die(path);
	for (i = 0; i < n; i++)
		fprintf(out, "%" PRId64 " %s\n", counts[i].count,
			counts[i].word);
	if (fclose(out))
		die(path);
}

static void show_top(const struct count *counts, size_t n)
{
	size_t i, shown = 0;

	printf("\n  The most frequent words of seven letters or more:\n\n");
	for (i = 0; i < n && shown < 10; i++) {
		if (strlen(counts[i].word) < 7)
			continue;
		printf("  %7" PRId64 "  %s\n", counts[i].count, counts[i].word);
		shown++;
	}
}

static void show_figures(struct kcmap *map, double seconds)
{
	struct kcmap_window_info window = { .sz = sizeof(window) };
	struct kcmap_info info = { .sz = sizeof(info) };
	struct view view;

	look(map, &view);
	if (kcmap_stat(map, &info) || kcmap_window_stat(map, &window))
		die("info");
	printf("\n  %" PRIu64 " words, %" PRIu64 " different ones, in %.1f s;"
	       " %.0f map operations a second\n", view.counted, view.distinct,
	       seconds, view.sum.operations / seconds);
	/* Without the feed's rings. */
	info.bytes -= info.shards * (info.feed_bytes + sysconf(_SC_PAGESIZE));
	printf("  %" PRIu64 " entries in %.1f MB: %.0f bytes each, keys and"
	       " values included\n", info.entries, info.bytes / 1e6,
	       (double)info.bytes / info.entries);
	printf("  the watcher saw %" PRIu64 " changes, and knows of %" PRIu64
	       " that it missed\n", live->changes, live->lost);
	printf("  %u shards, %" PRIu64 " buckets after %" PRIu64 " doublings,"
	       " longest chain %u\n", info.shards, info.buckets, info.grows,
	       info.longest_chain);
	printf("  %" PRIu64 " nodes written, %" PRIu64 " of them on memory used"
	       " before\n", info.allocs, info.reuses);
	printf("  read through the window: %" PRIu64 " pieces of it mapped, %"
	       PRIu64 " reads begun anew,\n  %" PRIu64 " left to a system"
	       " call\n", window.maps, window.retries, window.calls);
}

/* ---- the processes ---- */

static void load_text(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		die(path);
	text_len = st.st_size;
	text = mmap(NULL, text_len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		die(path);
	close(fd);
}

static uint32_t chunks_of(struct kcmap *map, int worker)
{
	char key[2] = { PROGRESS, '0' + worker };
	struct progress progress = {};

	kcmap_get(map, key, 2, &progress, sizeof(progress), NULL);
	return progress.chunks;
}

/* Kill one worker in the middle of a chunk, and start another in its place. */
static void kill_and_restart(struct kcmap *map, pid_t *workers, double begin)
{
	uint32_t third = text_len / CHUNK / WORKERS / 3;
	int status;

	while (chunks_of(map, VICTIM) < third)
		usleep(10000);
	usleep(30000);
	kill(workers[VICTIM], SIGKILL);
	waitpid(workers[VICTIM], &status, 0);
	printf("  %5.1f s  worker %d killed in the middle of chunk %u\n",
	       now() - begin, VICTIM, chunks_of(map, VICTIM) + 1);
	fflush(stdout);
	usleep(300000);
	workers[VICTIM] = start_worker(VICTIM);
	printf("  %5.1f s  worker %d started again\n", now() - begin, VICTIM);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct kcmap_options options = {
		.sz = sizeof(options), .feed_bytes = 1 << 20,
		.feed_value_max = sizeof(struct progress) > sizeof(struct value) ?
				  sizeof(struct progress) : sizeof(struct value),
	};
	pid_t workers[WORKERS], watcher;
	struct count *counts;
	double begin = now(), seconds;
	struct view view;
	struct kcmap *map;
	size_t n;
	int i, status;

	if (argc != 3) {
		fprintf(stderr, "usage: wordcount TEXT COUNTS\n");
		return 2;
	}
	load_text(argv[1]);
	map = kcmap_open(MAP_NAME, O_RDWR | O_CREAT | O_EXCL, &options);
	if (!map)
		die(MAP_NAME);
	live = mmap(NULL, sizeof(*live), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (live == MAP_FAILED)
		die("memory");

	printf("\n  %d processes count the words of %.1f MB of text in the map"
	       " \"%s\";\n  another one watches.\n\n", WORKERS, text_len / 1e6,
	       MAP_NAME);
	fflush(stdout);
	watcher = fork();
	if (!watcher)
		watch(map, begin);
	for (i = 0; i < WORKERS; i++)
		workers[i] = start_worker(i);

	kill_and_restart(map, workers, begin);
	for (i = 0; i < WORKERS; i++) {
		waitpid(workers[i], &status, 0);
		if (status) {
			fprintf(stderr, "wordcount: worker %d failed\n", i);
			return 1;
		}
	}
	seconds = now() - begin;
	kill(watcher, SIGTERM);
	waitpid(watcher, NULL, 0);
	look(map, &view);
	show(seconds, view.sum.chunks, view.counted);
	printf(", %" PRIu64 " different\n", view.distinct);

	counts = collect(map, &n);
	show_top(counts, n);
	show_figures(map, seconds);
	write_counts(counts, n, argv[2]);
	kcmap_unlink(MAP_NAME);

	return 0;
}
