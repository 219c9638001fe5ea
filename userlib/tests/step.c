// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A reader is stopped at one instruction of a read after the other.  Then its entry
 * becomes an extended one or a plain one, or another key's extended entry gets
 * its node.  When the reader continues, it must return a value that the key had
 * at some moment of the read.  If the entry was extended, the reader must have
 * asked the kernel.
 *
 * The module does not make extended entries yet.  So the window is a file in
 * memory, and this test is the kernel.  selftests/window/window_step.c is the
 * same test for what the module makes.
 */
#include "tracer.h"
#include "wrap.h"
#include "window_file.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#define KEY		40
#define LEN		40

/* The entry has these two nodes by turns. */
#define ONE		((EVEN << 13) + 5000)
#define TWO		((EVEN << 13) + 5100)

enum how { GET, VISIT, MANY };

/* Memory that both processes have. */
static struct shared {
	enum how how;
	bool done;
	unsigned int asked;
	/* the last read */
	ssize_t len;
	bool torn;		/* a mix, another key's, or of a wrong version */
	uint8_t stamp;
	/* the entry now */
	bool there;
	bool extended;
	uint8_t now;
	uint32_t ref;
} *shared;

/* ---- the reader, and the kernel that it asks ---- */

static void answer(struct cmap_op *op)
{
	op->value_len = LEN;
	op->version = 1000U + shared->now;
	memset((void *)(uintptr_t)op->value, shared->now, LEN);
}

int __wrap_ioctl(int from, unsigned long command, ...)
{
	va_list args;
	void *arg;

	(void)from;
	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (command == CMAP_IOCTL_STAT) {
		((struct cmap_stat *)arg)->id = WINDOW_ID;
		return 0;
	}
	shared->asked++;
	if (command == CMAP_IOCTL_GET && shared->there) {
		answer(arg);
		return 0;
	}
	errno = command == CMAP_IOCTL_GET ? ENOENT : ENOTTY;
	return -1;
}

static void judge(const char *value, ssize_t len, uint64_t version)
{
	ssize_t i;

	shared->len = len;
	if (len < 0)
		return;
	shared->stamp = (uint8_t)*value;
	shared->torn |= len != LEN || version != 1000U + shared->stamp;
	for (i = 1; i < len; i++)
		shared->torn |= value[i] != *value;
}

static char visited[VALUE_MAX];
static size_t visited_len;

static void copy_visited(const void *value, size_t len, void *arg)
{
	(void)arg;
	visited_len = len;
	memcpy(visited, value, len < sizeof(visited) ? len : sizeof(visited));
}

static void read_once(struct kcmap *map)
{
	char key[KEY_MAX + 1], value[VALUE_MAX];
	struct kcmap_lookup lookups[3];
	size_t key_len = key_of(KEY, key);
	uint64_t version = 0;
	ssize_t len = -1;
	int i;

	for (i = 0; i < 3; i++)
		lookups[i] = (struct kcmap_lookup){
			.key = i == 1 ? key : "not there", .key_len = key_len,
			.buf = value, .size = sizeof(value),
		};
	shared->torn = false;
	raise(SIGSTOP);
	switch (shared->how) {
	case GET:
		len = kcmap_get(map, key, key_len, value, sizeof(value),
				&version);
		break;
	case VISIT:
		if (!kcmap_visit(map, key, key_len, copy_visited, NULL,
				 &version))
			len = (ssize_t)visited_len;
		memcpy(value, visited, sizeof(value));
		break;
	case MANY:
		kcmap_get_many(map, lookups, 3);
		len = lookups[1].error ? -1 : (ssize_t)lookups[1].len;
		version = lookups[1].version;
		shared->torn = lookups[0].error != ENOENT ||
			       lookups[2].error != ENOENT;
		break;
	}
	shared->done = true;
	judge(value, len, version);
	raise(SIGSTOP);
}

static void reader(void)
{
	struct kcmap map = handle();

	map.view = kcmap_view_open(&map);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	for (;;)
		read_once(&map);
}

/* ---- the kernel's writes ---- */

static uint32_t *slot;		/* the entry's */

/* Write a node in the kernel's order. */
static void fill(uint32_t ref, uint32_t n, uint8_t stamp, bool extended)
{
	struct cmap_window_node *node = node_at(shard_of(n), ref);
	char key[KEY_MAX + 1];
	size_t key_len = key_of(n, key);

	node->version = 0;
	node->hash_high = (uint32_t)(hash_of(n) >> 32);
	node->lengths = (uint32_t)key_len << 21 | LEN;
	memcpy(node + 1, key, key_len);
	memset((char *)(node + 1) + ((key_len + 7) & ~(size_t)7), stamp, LEN);
	if (extended)
		extend(node, UINT32_MAX);
	node->version = 1000U + stamp;
}

static void replace(bool extended)
{
	shared->now = (uint8_t)(shared->now % 100 + 1);
	shared->ref = shared->ref == ONE ? TWO : ONE;
	shared->extended = extended;
	shared->there = true;
	fill(shared->ref, KEY, shared->now, extended);
	*slot = shared->ref;
}

/* Another key of the same length gets the entry's former node. */
static void reuse(bool extended)
{
	fill(shared->ref == ONE ? TWO : ONE, KEY + 3, 200, extended);
}

static const struct change {
	const char *name;
	bool from, to;			/* extended */
	enum { REPLACED, REUSED, REUSED_EXTENDED, GONE } what;
} changes[] = {
	{ "a plain entry is replaced by an extended one", false, true, REPLACED },
	{ "an extended one by a plain one", true, false, REPLACED },
	{ "an extended one by an extended one", true, true, REPLACED },
	{ "and its node used again", true, true, REUSED },
	{ "a plain one, and its node used again for an extended one",
	  false, false, REUSED_EXTENDED },
	{ "an extended one is deleted", true, true, GONE },
};

static void carry_out(const struct change *change)
{
	if (change->what == GONE) {
		shared->there = false;
		*slot = 0;
		return;
	}
	replace(change->to);
	if (change->what != REPLACED)
		reuse(change->what == REUSED_EXTENDED);
}

/* ---- the tracer ---- */

/* Whether the result of the read was right at some moment of it. */
static bool right(const struct change *change, uint8_t before, bool came_by)
{
	if (shared->torn)
		return false;
	if (shared->len < 0)
		return came_by && change->what == GONE;
	/* The window alone cannot tell the value of an extended entry. */
	if (change->from && (change->to || !came_by) && !shared->asked)
		return false;
	if (!change->from && !change->to && !came_by && shared->asked)
		return false;
	return shared->stamp == before || (came_by && shared->stamp == shared->now);
}

/*
 * Stop a read at its nth instruction and change the entry.  Returns 1, or 0 if the
 * read has fewer instructions, or -1 if its result was wrong.
 */
static int try_at(const struct change *change, unsigned int n)
{
	uint8_t before;
	unsigned int i;

	/* An undisturbed read first, so that everything is mapped. */
	replace(change->from);
	if (!run_on() || shared->torn || shared->len != LEN || !run_on())
		return -1;
	before = shared->now;
	shared->asked = 0;
	shared->done = false;
	for (i = 0; i < n && !shared->done; i++)
		if (!one_step())
			return -1;
	if (shared->done)
		return run_on() && right(change, before, false) &&
		       run_on() ? 0 : -1;
	carry_out(change);
	return run_on() && right(change, before, true) && run_on() ? 1 : -1;
}

static bool every(const struct change *change, enum how how)
{
	/*
	 * Every third instruction, or fewer if a read has many: each stop takes as
	 * many steps as there are before it.  Each run has other ones.
	 */
	static const unsigned int strides[][3] = { { 3, 3, 11 }, { 17, 17, 41 } };
	unsigned int stride = strides[change->from][how];
	unsigned int n = (unsigned int)getpid() % stride;
	int got;

	shared->how = how;
	do {
		got = try_at(change, n);
		n += stride;
	} while (got > 0);
	if (got < 0 || n < 100)
		printf("# %d at instruction %u\n", got, n - stride);
	return !got && n >= 100;
}

static uint32_t *slot_of(uint32_t n)
{
	uint32_t s = shard_of(n), i;
	struct cmap_window_bucket *bucket = table_at(s, shard(s)->table);

	bucket += hash_of(n) << SHARD_BITS >> (64 - TABLE_BITS);
	for (i = 0; i < CMAP_WINDOW_SLOTS; i++)
		if (bucket->ref[i] == ref_of(n))
			return &bucket->ref[i];
	return NULL;
}

int main(void)
{
	static const char *const hows[] = { "get", "visit", "get_many" };
	unsigned int i, how, number = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || window_file(17, 4))
		return perror("window"), 1;
	slot = slot_of(KEY);
	if (!slot)
		return 1;
	replace(false);
	stay_on_one_cpu();
	pid = fork();
	if (!pid)
		reader();
	if (!stopped())
		return perror("reader"), 1;
	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		for (how = GET; how <= MANY; how++) {
			bool ok = every(&changes[i], how);

			printf("%sok %u %s: %s\n", ok ? "" : "not ", ++number,
			       hows[how], changes[i].name);
			failed += !ok;
		}
	}
	kill(pid, SIGKILL);
	return failed ? 1 : 0;
}
