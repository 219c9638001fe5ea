// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A reader is stopped at one instruction of a read after the other.  Then its entry
 * becomes an extended one or a plain one, or expires, or another key's extended
 * entry gets its node.  When the reader continues, it must return a value that
 * the key had at some moment of the read, or absence if it was absent at some
 * moment.  If the entry has a trailer that the reader does not know, the reader
 * must have asked the kernel, and must not have if it does.
 *
 * The window is a file in memory, and this test is the kernel.
 * selftests/window/window_step.c is the same test for what the module makes.
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

/* What follows an entry's value: nothing, all there can be, a deadline, or an owner. */
enum kind { PLAIN, UNKNOWN, DEADLINE, OWNED };

#define LIFE		1000	/* from a write until its deadline */

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
static uint32_t owner = 7;	/* of what is written next */

/* Write a node in the kernel's order. */
static void fill(uint32_t ref, uint32_t n, uint8_t stamp, enum kind kind,
		 uint64_t deadline)
{
	struct cmap_window_node *node = node_at(shard_of(n), ref);
	char key[KEY_MAX + 1];
	size_t key_len = key_of(n, key);

	node->version = 0;
	node->hash_high = (uint32_t)(hash_of(n) >> 32);
	node->lengths = (uint32_t)key_len << 21 | LEN;
	memcpy(node + 1, key, key_len);
	memset((char *)(node + 1) + ((key_len + 7) & ~(size_t)7), stamp, LEN);
	if (kind == UNKNOWN)
		extend(node, UINT32_MAX);
	if (kind == DEADLINE)
		set_deadline(node, deadline);
	if (kind == OWNED)
		set_owner(node, owner, 0);
	node->version = 1000U + stamp;
}

static void replace_until(enum kind kind, uint64_t deadline)
{
	shared->now = (uint8_t)(shared->now % 100 + 1);
	shared->ref = shared->ref == ONE ? TWO : ONE;
	shared->there = true;
	fill(shared->ref, KEY, shared->now, kind, deadline);
	*slot = shared->ref;
}

static void replace(enum kind kind)
{
	replace_until(kind, words()->expired_before + LIFE);
}

/* Another key of the same length gets the entry's former node. */
static void reuse(enum kind kind)
{
	fill(shared->ref == ONE ? TWO : ONE, KEY + 3, 200, kind,
	     words()->expired_before + LIFE);
}

static const struct change {
	const char *name;
	enum kind from, to;
	enum { REPLACED, REUSED, REUSED_EXTENDED, GONE, EXPIRES,
	       EXPIRES_REPLACED, REPLACED_IN_TIME, BORN_DEAD, ENDS,
	       ENDS_REPLACED, TAKEN_OVER } what;
} changes[] = {
	{ "a plain entry is replaced by an unknown one", PLAIN, UNKNOWN, REPLACED },
	{ "an unknown one by a plain one", UNKNOWN, PLAIN, REPLACED },
	{ "an unknown one by an unknown one", UNKNOWN, UNKNOWN, REPLACED },
	{ "and its node used again", UNKNOWN, UNKNOWN, REUSED },
	{ "a plain one, and its node used again for an unknown one",
	  PLAIN, PLAIN, REUSED_EXTENDED },
	{ "an unknown one is deleted", UNKNOWN, UNKNOWN, GONE },
	{ "one with a deadline is replaced by a plain one", DEADLINE, PLAIN, REPLACED },
	{ "a plain one by one with a deadline", PLAIN, DEADLINE, REPLACED },
	{ "one with a deadline by another", DEADLINE, DEADLINE, REPLACED },
	{ "and its node used again", DEADLINE, DEADLINE, REUSED },
	{ "one with a deadline is deleted", DEADLINE, DEADLINE, GONE },
	{ "its deadline passes", DEADLINE, DEADLINE, EXPIRES },
	{ "its deadline passes, and it is set anew", DEADLINE, DEADLINE,
	  EXPIRES_REPLACED },
	{ "it is replaced before its deadline passes", DEADLINE, DEADLINE,
	  REPLACED_IN_TIME },
	{ "it is replaced by one whose deadline has passed", DEADLINE, DEADLINE,
	  BORN_DEAD },
	{ "an owned one is replaced by a plain one", OWNED, PLAIN, REPLACED },
	{ "a plain one by an owned one", PLAIN, OWNED, REPLACED },
	{ "an owned one by another, and its node used again", OWNED, OWNED,
	  REUSED },
	{ "its owner ends", OWNED, OWNED, ENDS },
	{ "its owner ends, and it is set anew", OWNED, OWNED, ENDS_REPLACED },
	{ "another owner takes it over before its own ends", OWNED, OWNED,
	  TAKEN_OVER },
};

/* The kernel's clock goes on to the deadline of what was written last. */
static void expire(void)
{
	words()->expired_before += LIFE;
	shared->there = false;
}

static void end_owner(uint32_t which)
{
	++*generation_of(which);
}

static void carry_out(const struct change *change)
{
	switch (change->what) {
	case GONE:
		shared->there = false;
		*slot = 0;
		break;
	case EXPIRES:
		expire();
		break;
	case EXPIRES_REPLACED:
		expire();
		replace(change->to);
		break;
	case REPLACED_IN_TIME:
		/* The key is never absent. */
		replace_until(change->to, words()->expired_before + 2 * LIFE);
		words()->expired_before += LIFE;
		break;
	case BORN_DEAD:
		/* Nobody may ever see this value. */
		words()->expired_before += LIFE / 2;
		replace_until(change->to, words()->expired_before);
		shared->there = false;
		break;
	case ENDS:
		end_owner(owner);
		shared->there = false;
		break;
	case ENDS_REPLACED:
		end_owner(owner);
		replace(change->to);
		break;
	case TAKEN_OVER:
		/* The key is never absent. */
		owner = 15 - owner;
		replace(change->to);
		end_owner(15 - owner);
		break;
	default:
		replace(change->to);
		if (change->what != REPLACED)
			reuse(change->what == REUSED_EXTENDED ? UNKNOWN :
							       change->to);
	}
}

/* ---- the tracer ---- */

static bool can_be_absent(const struct change *change)
{
	return change->what == GONE || change->what == EXPIRES ||
	       change->what == EXPIRES_REPLACED ||
	       change->what == BORN_DEAD || change->what == ENDS ||
	       change->what == ENDS_REPLACED;
}

/* Whether the result of the read was right at some moment of it. */
static bool right(const struct change *change, uint8_t before, bool came_by)
{
	bool known = change->from != UNKNOWN && change->to != UNKNOWN;

	if (shared->torn)
		return false;
	/* The window alone tells all about what the reader knows, and only that. */
	if (known && shared->asked && (!came_by || change->what != REUSED_EXTENDED))
		return false;
	if (shared->len < 0)
		return came_by && can_be_absent(change);
	if (change->from == UNKNOWN && (change->to == UNKNOWN || !came_by) &&
	    !shared->asked)
		return false;
	return shared->stamp == before ||
	       (came_by && change->what != BORN_DEAD &&
		shared->stamp == shared->now);
}

/* What the key has after the change, for a read that nothing disturbs. */
static bool right_afterwards(void)
{
	return run_on() && !shared->torn &&
	       (shared->there ? shared->len == LEN && shared->stamp == shared->now :
				shared->len < 0);
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
	/* What has expired does not come back. */
	return run_on() && right(change, before, true) && run_on() &&
	       right_afterwards() && run_on() ? 1 : -1;
}

static bool every(const struct change *change, enum how how, bool slow)
{
	/*
	 * Every third instruction, or fewer if a read has many: each stop takes as
	 * many steps as there are before it.  Each run has other ones.
	 */
	static const unsigned int strides[][3] = {
		[PLAIN] = { 3, 3, 11 }, [UNKNOWN] = { 17, 17, 41 },
		[DEADLINE] = { 3, 3, 11 }, [OWNED] = { 17, 17, 41 },
	};
	unsigned int stride = strides[slow ? UNKNOWN : change->from][how];
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

/*
 * Give the entry the last slot of its bucket, and another key's entry with the same
 * tag the first one.  The fast path looks only at that.
 */
static bool avoid_fast_path(void)
{
	struct cmap_window_bucket *bucket = (void *)((uintptr_t)slot & ~(uintptr_t)63);
	uint32_t last = CMAP_WINDOW_SLOTS - 1, other = KEY + 1;

	while (other < KEYS && shard_of(other) != shard_of(KEY))
		other++;
	if (other == KEYS || bucket->ref[last])
		return false;
	bucket->tag[0] = bucket->tag[last] = (uint16_t)hash_of(KEY);
	bucket->ref[last] = *slot;
	*slot = 0;
	slot = &bucket->ref[last];
	bucket->ref[0] = ref_of(other);
	return true;
}

int main(void)
{
	static const char *const hows[] = { "get", "visit", "get_many" };
	unsigned int n = sizeof(changes) / sizeof(*changes);
	unsigned int i, how, number = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || window_file(17, 4))
		return perror("window"), 1;
	slot = slot_of(KEY);
	if (!slot)
		return 1;
	replace(PLAIN);
	stay_on_one_cpu();
	pid = fork();
	if (!pid)
		reader();
	if (!stopped())
		return perror("reader"), 1;
	for (i = 0; i < n; i++) {
		for (how = GET; how <= MANY; how++) {
			bool ok = every(&changes[i], how, false);

			printf("%sok %u %s: %s\n", ok ? "" : "not ", ++number,
			       hows[how], changes[i].name);
			failed += !ok;
		}
	}
	failed += !avoid_fast_path();
	for (i = 0; i < n; i++) {
		bool ok = every(&changes[i], GET, true);

		printf("%sok %u slow get: %s\n", ok ? "" : "not ", ++number,
		       changes[i].name);
		failed += !ok;
	}
	kill(pid, SIGKILL);
	return failed ? 1 : 0;
}
