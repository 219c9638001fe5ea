// SPDX-License-Identifier: GPL-2.0
/*
 * Load and unload the module again and again, each time with as much work as
 * possible under way.  Nothing is left behind, memory included.  Users of a map
 * prevent the unload, and a refused unload changes nothing.  A load that fails
 * half-way is undone.
 *
 * CMAP_TEST_ROUNDS says how often (30; fewer on a slow machine).
 *
 * deadline: 3000
 */
#include "load.h"
#include "places.h"
#include "kselftest_harness.h"

#include <dirent.h>
#include <linux/cmap.h>
#include <signal.h>
#include <sys/socket.h>

#define ENTRIES 600
#define MAPS 200
#define ROUNDS_MIN 6
#define PRINTK "/proc/sys/kernel/printk"
#define MANY 1000000	/* allocations */
#define DRIFT_MAX 100		/* bytes a round */
#define OBJECTS_NOISE (60 << 10)	/* a CPU, in a third of the rounds */
#define PAGES_NOISE (200 << 10)

/* Fewer on a slow machine, but always enough to prove something. */
static int rounds(void)
{
	const char *given = getenv("CMAP_TEST_ROUNDS");
	int n = 30 / slowness();

	if (given)
		return atoi(given);
	return n < ROUNDS_MIN ? ROUNDS_MIN : n;
}

/* ---- traces of the module in the system ---- */

static bool file_mentions(const char *path, const char *word)
{
	FILE *file = fopen(path, "r");
	char line[512];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found |= !!strstr(line, word);
	if (file)
		fclose(file);
	return found;
}

/* The number of these files: all exist with the module, none without it. */
static int traces(void)
{
	static const char * const paths[] = {
		CMAP_DEVICE, "/sys/class/misc/cmap", "/sys/module/cmap",
		"/sys/module/cmap/parameters/max_maps",
	};
	static const char * const optional[] = {
		"/sys/kernel/debug/cmap", "/sys/kernel/tracing/events/cmap",
	};
	int n = 0;
	unsigned int i;

	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		n += !access(paths[i], F_OK);
	for (i = 0; i < sizeof(optional) / sizeof(*optional); i++)
		n += !access(optional[i], F_OK);
	n += file_mentions("/proc/misc", " cmap");
	n += file_mentions("/proc/kallsyms", "[cmap]");
	n += file_mentions("/proc/modules", "cmap ");
	/* The module has no caches of its own, so it cannot leave any. */
	n += 100 * file_mentions("/proc/slabinfo", "cmap");
	n += 100 * file_mentions("/proc/filesystems", "cmap");
	return n;
}

/* ---- one load of the module ---- */

static void fill(int fd, int n)
{
	char value[300] = {};
	int i;

	for (i = 0; i < n; i++)
		set(fd, &i, sizeof(i), value, i % sizeof(value));
}

static void touch(const char *p)
{
	__atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Map the header of a window and read it. */
static char *look(int fd, size_t *size)
{
	const struct cmap_window *header = map_header(fd);
	uint32_t i;

	if (!header)
		return NULL;
	*size = header_size(header);
	for (i = 0; i < header->shards; i++)
		touch((const char *)shard_in(header, i));
	return (char *)header;
}

/* Read nodes, if there are any. */
static void look_at_nodes(int fd, const char *window)
{
	const struct cmap_window *header = (const void *)window;
	uint32_t i, granule;
	char *p;

	for (i = 0; i < header->shards; i++) {
		granule = some_granule(header, i);
		p = granule ? map_at(fd, granule_offset(i, granule), GRANULE) :
			      MAP_FAILED;
		if (p == MAP_FAILED)
			continue;
		touch(p);
		munmap(p, GRANULE);
	}
}

/* Start a process that works until it is killed. */
static pid_t start_worker(int fd)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (;;) {
		fill(fd, 200);
		clear(fd);
		range_all(fd, 4096, NULL, NULL);
	}
}

/*
 * Leave behind tables that wait for a grace period, tables that are moving,
 * blocks to be unmapped, segments to be freed, and maps being destroyed.
 */
static int live(int round)
{
	int mapped = new_map(), named = device(O_RDWR), left = device(O_RDWR);
	int anonymous = new_map();
	pid_t worker = start_worker(anonymous);
	size_t size;
	char *window;

	if (create_named(named, "unlinked", 0600) ||
	    create_named(left, "left_behind", 0600))
		return 1;
	fill(mapped, 100);
	window = look(mapped, &size);
	if (!window)
		return 2;
	fill(mapped, ENTRIES);
	fill(named, 100 * (round % 10));
	fill(left, ENTRIES);
	look_at_nodes(mapped, window);
	if (clear(mapped) != ENTRIES || unlink_named("unlinked"))
		return 3;
	if (unload("cmap") != -EWOULDBLOCK)
		return 4;
	kill(worker, SIGKILL);
	waitpid(worker, NULL, 0);
	close(named);
	close(left);
	close(anonymous);
	close(mapped);
	/* A mapping alone counts as a use, too. */
	if (unload("cmap") != -EWOULDBLOCK)
		return 5;
	munmap(window, size);
	return 0;
}

/* ---- does the memory in use grow? ---- */

/*
 * The sum, in bytes, of the lines of /proc/meminfo that begin with these words.
 */
static double sum_of(const char * const *words, int n)
{
	FILE *file = fopen("/proc/meminfo", "r");
	double sum = 0;
	char line[128];
	int i;

	while (file && fgets(line, sizeof(line), file))
		for (i = 0; i < n; i++)
			if (!strncmp(line, words[i], strlen(words[i])))
				sum += atof(strchr(line, ':') + 1) * 1024;
	if (file)
		fclose(file);
	return sum;
}

/* Pages in the CPUs' free lists are free, too. */
static double at_hand(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	double sum = 0, n;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %lf", &n) == 1)
			sum += n * 4096;
	if (file)
		fclose(file);
	return sum;
}

/* Flush free objects of the CPUs, and have their counts summed up. */
static void settle_memory(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/kernel/slab");
	char path[512];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
			 entry->d_name);
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			write_text(path, "1");
	}
	if (dir)
		closedir(dir);
	write_text("/proc/sys/vm/stat_refresh", "1");
}

/* Bytes of objects in use, in the caches that a module without its own uses. */
static double objects(void)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	double sum = 0, n, size;
	char line[256], name[64];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %lf %*s %lf", name, &n, &size) != 3)
			continue;
		if (!strncmp(name, "kmalloc-", 8) ||
		    !strcmp(name, "radix_tree_node"))
			sum += n * size;
	}
	if (file)
		fclose(file);
	return sum;
}

/*
 * Bytes that are in no account: pages and blocks, vmalloc() and per-CPU memory.
 * Stacks are left out, although they are vmalloc() memory, too.
 */
static double pages(void)
{
	static const char * const total[] = { "MemTotal:" };
	static const char * const known[] = {
		"MemFree:", "Slab:", "PageTables:", "SecPageTables:",
		"AnonPages:", "Cached:", "Buffers:", "KernelStack:",
	};

	return sum_of(total, 1) - sum_of(known, 8) - at_hand();
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value that nine tenths of the others exceed. */
static double low(const double *y, int n)
{
	double *sorted = malloc(n * sizeof(*y)), found;

	memcpy(sorted, y, n * sizeof(*y));
	qsort(sorted, n, sizeof(*sorted), by_size);
	found = sorted[n / 10];
	free(sorted);
	return found;
}

/*
 * The growth in bytes a round, after everything that is allocated once is
 * there.  Memory that is freed some rounds later only adds, so low values are
 * compared.  The lowest value would be wrong: a page that a CPU takes into its
 * free list between the reading of two files is counted as free twice.
 */
static double drift(const double *y, int n)
{
	int third = n / 3;

	if (!third)
		return 0;
	return (low(y + n - third, third) - low(y + third, third)) / third;
}

FIXTURE(reload)
{
};

FIXTURE_SETUP(reload)
{
	load("cmap");
}

FIXTURE_TEARDOWN(reload)
{
	load("cmap");
	if (!access("/proc/self/fail-nth", F_OK))
		write_text(PRINTK, "7");
}

/*
 * Memory that each round leaves behind adds up.  Other changes do not, so more
 * rounds reveal less growth: a thousand rounds on 2 CPUs reveal 500 bytes a
 * round.
 */
TEST_F_TIMEOUT(reload, d1_again_and_again, 2900)
{
	int n = rounds(), cpus = sysconf(_SC_NPROCESSORS_ONLN), round;
	double more;
	double *in_objects = calloc(n, sizeof(*in_objects));
	double *in_pages = calloc(n, sizeof(*in_pages));

	EXPECT_GE(traces(), 7);
	for (round = 0; round < n; round++) {
		ASSERT_EQ(0, live(round));
		ASSERT_EQ(0, unload("cmap"));
		ASSERT_EQ(0, traces());
		settle_memory();
		in_objects[round] = objects();
		in_pages[round] = pages();
		ASSERT_EQ(0, load("cmap"));
	}
	more = drift(in_objects, n);
	TH_LOG("%d rounds, each with %.0f bytes more in objects, %.0f in pages",
	       n, more, drift(in_pages, n));
	/* KASAN keeps freed memory, and kmemleak finds leaks by itself. */
	if (access("/sys/kernel/debug/kmemleak", F_OK)) {
		EXPECT_LT(more, DRIFT_MAX + OBJECTS_NOISE * cpus / n);
		EXPECT_LT(drift(in_pages, n), DRIFT_MAX + PAGES_NOISE * cpus / n);
	}
	free(in_objects);
	free(in_pages);
}

/*
 * The work that frees memory starts with a delay.  Once, the delay could end
 * while the module waited for its work to finish.  The work of maps that
 * existed only by name was then refused, and the end of those maps waited for
 * it forever.
 */
TEST_F_TIMEOUT(reload, d1_delayed_work_ends_during_unload, 120)
{
	int n = 10 / slowness() + 1, round, i, fd;
	char name[16];

	for (round = 0; round < n; round++) {
		for (i = 0; i < MAPS; i++) {
			snprintf(name, sizeof(name), "delay%d", i);
			fd = device(O_RDWR);
			ASSERT_EQ(0, create_named(fd, name, 0600));
			ASSERT_EQ(0, set(fd, "k", 1, "v", 1));
			ASSERT_EQ(0, delete(fd, "k", 1));
			close(fd);
		}
		usleep(round * 100000 / n);
		ASSERT_EQ(0, unload("cmap"));
		ASSERT_EQ(0, load("cmap"));
	}
}

/* ---- unloads that are refused ---- */

/* Leave a descriptor in a message that nobody has received. */
static int send_away(int fd, int *sockets)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) ||
	    sendmsg(sockets[0], &msg, 0) != 1)
		return -errno;
	close(fd);
	return 0;
}

TEST_F_TIMEOUT(reload, d1_unload_is_refused_while_in_use, 60)
{
	int fd = new_map(), sockets[2], seq, seen = traces();
	uint32_t len = 8;
	char buf[8];
	size_t size;
	char *window;
	pid_t child;

	/* A descriptor prevents it, and the map works before and after. */
	fill(fd, 100);
	ASSERT_EQ(-EWOULDBLOCK, unload("cmap"));
	EXPECT_EQ(seen, traces());
	EXPECT_EQ(100, count(fd));
	EXPECT_EQ(0, set(fd, "after", 5, "12345678", 8));
	ASSERT_EQ(0, get(fd, "after", 5, buf, &len));
	EXPECT_EQ(101, range_all(fd, 4096, NULL, NULL));

	/* A mapping alone prevents it, in a process of its own. */
	window = look(fd, &size);
	ASSERT_NE(NULL, window);
	child = fork();
	if (!child)
		for (;;)
			pause();
	munmap(window, size);
	close(fd);
	EXPECT_EQ(-EWOULDBLOCK, unload("cmap"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);

	/* A message in a socket prevents it. */
	fd = new_map();
	ASSERT_EQ(0, send_away(fd, sockets));
	EXPECT_EQ(-EWOULDBLOCK, unload("cmap"));
	close(sockets[0]);
	close(sockets[1]);

	/* A process that has a debugfs file open prevents it. */
	seq = open("/sys/kernel/debug/cmap/maps", O_RDONLY);
	if (seq >= 0)
		EXPECT_EQ(-EWOULDBLOCK, unload("cmap"));
	close(seq);

	EXPECT_EQ(seen, traces());
	EXPECT_EQ(0, unload("cmap"));
	EXPECT_EQ(0, traces());
}

/* ---- races ---- */

/*
 * Open, use and close.  A process that could open the device can do everything.
 */
static int use_without_end(const bool *stop)
{
	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		int fd = device(O_RDWR), err, i;

		if (fd < 0 && errno != ENOENT && errno != ENODEV &&
		    errno != ENXIO)
			return 1;
		if (fd < 0)
			continue;
		err = create_with(fd, &(struct cmap_create){});
		for (i = 0; i < 20 && !err; i++)
			err = set(fd, &i, sizeof(i), "value", 5);
		if (err || count(fd) != 20)
			return 2;
		close(fd);
		usleep(2000);
	}
	return 0;
}

/*
 * Read files that come and go with the module. debugfs is left out, because the
 * kernel warns if a file there is opened just when the module's unload begins.
 */
static int peep_without_end(const bool *stop)
{
	static const char * const paths[] = {
		"/sys/module/cmap/parameters/max_bytes",
		"/sys/kernel/tracing/events/cmap/cmap_set/format",
	};
	char buf[4096];
	unsigned int i;
	int fd;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
			fd = open(paths[i], O_RDONLY);
			while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
				;
			close(fd);
		}
	}
	return 0;
}

TEST_F_TIMEOUT(reload, d1_unload_races_with_open, 300)
{
	double end = now() + race_seconds();
	bool *stop = shared_memory(sizeof(*stop));
	int gone = 0, refused = 0, i, err;

	for (i = 0; i < 3; i++)
		if (!fork())
			_exit(i < 2 ? use_without_end(stop) :
				      peep_without_end(stop));
	while (now() < end || gone < 3 || refused < 3) {
		err = unload("cmap");
		gone += !err;
		refused += err == -EWOULDBLOCK;
		if (!err)
			err = load("cmap");
		ASSERT_TRUE(!err || err == -EWOULDBLOCK);
	}
	__atomic_store_n(stop, true, __ATOMIC_RELAXED);
	EXPECT_TRUE(children_ok(3));
	TH_LOG("%d times gone, %d times refused", gone, refused);
}

/* ---- loads that fail ---- */

TEST_F_TIMEOUT(reload, d1_failed_load_leaves_nothing, 60)
{
	EXPECT_EQ(-EEXIST, load("cmap"));
	EXPECT_GE(traces(), 7);
	ASSERT_EQ(0, unload("cmap"));
	EXPECT_EQ(-EINVAL, load_with("cmap", "max_maps=many"));
	EXPECT_EQ(0, traces());
	EXPECT_EQ(-ERANGE, load_with("cmap", "max_maps=99999999999"));
	EXPECT_EQ(0, traces());
	EXPECT_EQ(0, load_with("cmap", "max_maps=3 max_shards=2"));
	EXPECT_EQ(0, unload("cmap"));
}

/*
 * By default, fault injection spares allocations that may sleep and single
 * pages.  The kernel itself warns of failed allocations while it loads a
 * module, so only errors are logged until the end of the test.
 */
static void prepare_failing(void)
{
	write_text(PRINTK, "4");
#define DEBUGFS "/sys/kernel/debug/"
	write_text(DEBUGFS "failslab/ignore-gfp-wait", "N");
	write_text(DEBUGFS "failslab/verbose", "0");
	write_text(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N");
	write_text(DEBUGFS "fail_page_alloc/min-order", "0");
	write_text(DEBUGFS "fail_page_alloc/verbose", "0");
	write_text(DEBUGFS "fail_usercopy/verbose", "0");
}

/*
 * Load with the nth allocation failing.  @left says how many were left to fail.
 */
static int load_failing(int fd, int nth, int *left)
{
	char text[16];
	int err, len = snprintf(text, sizeof(text), "%d", nth);

	if (pwrite(fd, text, len, 0) != len)
		return 1;
	err = load("cmap");
	memset(text, 0, sizeof(text));
	*left = pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : 0;
	return pwrite(fd, "0", 1, 0) == 1 ? err : 1;
}

/*
 * Allocations during the load fail, the kernel's own and the module's: five for
 * each round, spread evenly.  The module can do without some of them.
 */
TEST_F_TIMEOUT(reload, d1_load_fails_at_any_allocation, 2900)
{
	int nth, left, err, failures = 0, tries = 0, all, step, fd;

	fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (fd < 0)
		SKIP(return, "no fault injection");
	prepare_failing();
	ASSERT_EQ(0, unload("cmap"));
	ASSERT_EQ(0, load_failing(fd, MANY, &left));
	all = MANY - left;
	step = all / (rounds() * 5) + 1;
	for (nth = 1; nth <= all; nth += step, tries++) {
		unload("cmap");
		ASSERT_EQ(0, traces());
		err = load_failing(fd, nth, &left);
		ASSERT_LE(err, 0);
		failures += !!err;
		EXPECT_EQ(!err, traces() > 0);
	}
	TH_LOG("%d of %d allocations failed, %d of which it cannot do without",
	       tries, all, failures);
	EXPECT_GT(failures, 0);
	close(fd);
}

TEST_HARNESS_MAIN
