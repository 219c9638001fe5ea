// SPDX-License-Identifier: GPL-2.0
/*
 * The device may be opened by anybody, so these are attacks of an unprivileged
 * user on others: on memory, time and names.  See docs/attacks.md.
 *
 * deadline: 240
 */
#include "stall.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define GROUP "/sys/fs/cgroup/cmap_attack"
#define PAGE STALL_PAGE
#define NOBODY 65534

static bool have_group(void)
{
	write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0755);
	return !access(GROUP "/memory.current", R_OK);
}

static void drop_group(void)
{
	int i;

	for (i = 0; i < patient(100) && rmdir(GROUP); i++)
		usleep(50000);
}

static long long charged(void)
{
	return number_in(GROUP "/memory.current", NULL);
}

static long long used(void)
{
	return -1024 * number_in("/proc/meminfo", "MemFree:");
}

/*
 * ---- memory: whatever the kernel allocates for a caller is charged to it ----
 */

/* Create @n maps, or as many as can be created in some seconds. */
static int take_maps(int n)
{
	double end = now() + 8;
	char name[64], key[64];
	int fd, i, k;

	for (i = 0; i < n && now() < end; i++) {
		snprintf(name, sizeof(name), "attack-%d", i);
		fd = device(O_RDWR);
		if (create_named(fd, name, 0600))
			_exit(3);
		for (k = 0; k < 20; k++) {
			snprintf(key, sizeof(key), "%d", k);
			set(fd, key, strlen(key), key, sizeof(key));
		}
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	return i;
}

static void drop_maps(int n)
{
	char name[64];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "attack-%d", i);
		unlink_named(name);
	}
}

TEST(unprivileged_memory)
{
	long long before, growth, bill;
	const int n = 500;
	int status, made;
	pid_t child;

	if (!have_group())
		SKIP(return, "no memory cgroup");
	child = fork();
	if (!child) {
		if (write_text(GROUP "/cgroup.procs", "0") || setuid(NOBODY))
			_exit(1);
		drop_maps(take_maps(20));
		bill = charged();
		before = used();
		made = take_maps(n);
		bill = charged() - bill;
		growth = used() - before;
		printf("# %d maps: %lld KiB more in use, %lld KiB on the bill\n",
		       made, growth / 1024, bill / 1024);
		/* Other processes allocate and free a little meanwhile. */
		_exit(bill >= growth - growth / 8 - (1 << 20) ? 0 : 2);
	}
	waitpid(child, &status, 0);
	drop_maps(n);
	drop_group();
	EXPECT_TRUE(WIFEXITED(status));
	/* Debugging tools keep records that are charged to nobody. */
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "the kernel has checkers built in");
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* Memory whose last page never arrives. */
static struct stall source;

static void *compare_for_ever(void *arg)
{
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.old = u64_of(source.mem), .old_len = CMAP_VALUE_MAX,
	};

	op_call((intptr_t)arg, CMAP_IOCTL_COMPARE_DELETE, &op);
	return NULL;
}

/*
 * A value to compare with was copied into uncharged memory: a MiB a thread, for
 * as long as the copy took.
 */
TEST(unprivileged_memory_of_stalled_calls)
{
	const int n = 16;
	pthread_t thread;
	int i, status, fd;
	pid_t child;
	long long bill;

	if (!have_group())
		SKIP(return, "no memory cgroup");
	child = fork();
	if (!child) {
		if (write_text(GROUP "/cgroup.procs", "0"))
			_exit(1);
		if (!stall_new(&source, CMAP_VALUE_MAX))
			_exit(4);
		fd = new_map();
		set(fd, "k", 1, "v", 1);
		bill = charged();
		for (i = 0; i < n; i++)
			pthread_create(&thread, NULL, compare_for_ever,
				       (void *)(intptr_t)fd);
		for (i = 0; i < 100; i++) {
			if (charged() - bill >= n * (CMAP_VALUE_MAX - 65536))
				_exit(0);
			usleep(50000);
		}
		_exit(2);
	}
	waitpid(child, &status, 0);
	drop_group();
	EXPECT_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status) == 4)
		SKIP(return, "no userfaultfd");
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* ---- time: a fatal signal ends every call ---- */

static void batch_for_long(int fd)
{
	static struct cmap_op ops[65536];
	char *value = calloc(1, CMAP_VALUE_MAX);
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(ops), .count = 65536,
		.op_size = sizeof(ops[0]),
	};
	int i;

	for (i = 0; i < 65536; i++)
		ops[i] = (struct cmap_op){
			.size = sizeof(ops[i]), .code = CMAP_CODE_SET,
			.key = u64_of("k"), .key_len = 1,
			.value = u64_of(value), .value_len = CMAP_VALUE_MAX,
		};
	for (;;)
		call(fd, CMAP_IOCTL_BATCH, &batch);
}

static void range_for_long(int fd)
{
	size_t size = 256 << 20;
	char *buf = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (;;)
		range_all(fd, size, NULL, NULL);
	munmap(buf, size);
}

static void clear_for_long(int fd)
{
	static char value[16];
	int i;

	for (;;) {
		for (i = 0; i < 5000; i++)
			set(fd, &i, sizeof(i), value, sizeof(value));
		clear(fd);
	}
}

static void create_for_long(int fd)
{
	struct cmap_create args = { .shards = CMAP_SHARDS_MAX };

	for (;;)
		close(new_map_with(&args));
}

/* Another process keeps setting the very value that is compared with. */
static void compare_for_long(int fd)
{
	static char value[65536];
	struct cmap_op op = {
		.key = u64_of("k"), .key_len = 1,
		.value = u64_of(value), .value_len = sizeof(value),
		.old = u64_of(value), .old_len = sizeof(value),
	};
	int i;

	for (i = 0; i < 3; i++)
		if (!fork())
			for (;;)
				op_call(fd, CMAP_IOCTL_COMPARE_SWAP, &op);
	set(fd, "k", 1, value, sizeof(value));
	for (;;)
		op_call(fd, CMAP_IOCTL_COMPARE_SWAP, &op);
}

static void full_for_long(int fd)
{
	struct cmap_create args = { .max_bytes = 300000, .shards = 64 };
	static char value[1000];
	int i;

	fd = new_map_with(&args);
	for (i = 0;; i++)
		set(fd, &i, sizeof(i), value, sizeof(value));
}

TEST(killed_promptly)
{
	static void (*const jobs[])(int fd) = {
		batch_for_long, range_for_long, clear_for_long, create_for_long,
		compare_for_long, full_for_long,
	};
	double begin, worst = 0;
	unsigned int i;
	int fd, status;
	pid_t child;

	for (i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		fd = new_map();
		ASSERT_EQ(0, set(fd, "x", 1, "v", 1));
		child = fork();
		if (!child) {
			setpgid(0, 0);
			if (setuid(NOBODY))
				_exit(1);
			jobs[i](fd);
			_exit(2);
		}
		usleep(500000);
		begin = now();
		kill(-child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		worst = now() - begin > worst ? now() - begin : worst;
		EXPECT_EQ(0, set(fd, "x", 1, "v", 1));
		close(fd);
	}
	TH_LOG("at the latest after %.3f s", worst);
	EXPECT_LT(worst, patient(10));
}

/* ---- names and owners, as seen from other namespaces ---- */

static int look_from_elsewhere(void)
{
	char buf[4096];
	struct cmap_list list = {
		.size = sizeof(list), .buf = u64_of(buf),
		.buf_len = sizeof(buf),
	};
	struct cmap_list_entry *e = (void *)buf;
	int fd = device(O_RDWR);

	if (setgid(NOBODY) || setuid(NOBODY) || unshare(CLONE_NEWUSER))
		return 4;
	/* Capabilities of the user namespace do not count for this map. */
	if (open_named(fd, "attack-private") != -EACCES ||
	    unlink_named("attack-private") != -EACCES)
		return 1;
	if (call(fd, CMAP_IOCTL_LIST, &list) || list.count < 1)
		return 2;
	/* Owners that are not mapped in the namespace are shown as nobody. */
	if (e->uid != NOBODY || e->gid != NOBODY) {
		printf("# %s: %u %u\n", buf + e->name_offset, e->uid,
		       e->gid);
		fflush(stdout);
		return 3;
	}
	return 0;
}

TEST(names_from_another_user_namespace)
{
	int fd = device(O_RDWR), status;
	pid_t child;

	unlink_named("attack-private");
	ASSERT_EQ(0, create_named(fd, "attack-private", 0600));
	child = fork();
	if (!child)
		_exit(look_from_elsewhere());
	waitpid(child, &status, 0);
	EXPECT_EQ(0, unlink_named("attack-private"));
	close(fd);
	EXPECT_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status) == 4)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
