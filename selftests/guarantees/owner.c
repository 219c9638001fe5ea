// SPDX-License-Identifier: GPL-2.0
/*
 * Guarantee G3: an entry that a descriptor or a process owns is absent for every
 * reader once the close, or the report of the death, has returned; an entry that
 * somebody else wrote since is never removed.
 *
 * The map is always seen through another open file description, by system call
 * and through the window.
 *
 * deadline: 300
 */
#include "feed.h"
#include "race.h"
#include "window.h"
#include "kselftest_harness.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>

#define NAME		"owner"
#define FILE_OWNS	CMAP_OP_OWNED
#define PROCESS_OWNS	CMAP_OP_OWNED_BY_PROCESS
#define MS		1000000ULL

static int key_op(int fd, unsigned long command, struct cmap_op *op,
		  uint64_t key)
{
	op->key = u64_of(&key);
	op->key_len = sizeof(key);
	return op_call(fd, command, op);
}

/* Set a key to its own number. */
static int set_with(int fd, uint64_t key, uint16_t flags)
{
	struct cmap_op op = {
		.flags = flags, .value = u64_of(&key), .value_len = sizeof(key),
	};

	return key_op(fd, CMAP_IOCTL_SET, &op, key);
}

static int touch_with(int fd, uint64_t key, uint16_t flags)
{
	struct cmap_op op = { .flags = flags | CMAP_OP_DEADLINE };

	return key_op(fd, CMAP_IOCTL_TOUCH, &op, key);
}

static int get_through(const struct door *through, int fd, uint64_t key)
{
	uint64_t value;
	uint32_t len = sizeof(value);

	return through->get(fd, &key, sizeof(key), &value, &len, NULL);
}

static const struct door by_call = { .get = get_by_call };

/* Whether a key is there.  All ways to read must say the same. */
static bool there(int fd, uint64_t key)
{
	int err = get_through(&by_call, fd, key);

	if (err == get_through(&window_door, fd, key))
		return !err;
	printf("# call and window differ\n");
	abort();
}

static void count_entry(const struct cmap_entry *e, const void *key,
			const void *value, void *arg)
{
	++*(int64_t *)arg;
}

/* How many keys ranges find, and COUNT. */
static int64_t entries(int fd)
{
	int64_t by_call = 0, by_window = 0, counted;

	range_by_call(fd, 65536, count_entry, &by_call);
	range_by_window(fd, 65536, count_entry, &by_window);
	counted = count(fd);
	return by_call == by_window && by_call == counted ? counted : -1;
}

/* A named map, and another open file description of it. */
static int open_map(int *other)
{
	int fd = device(O_RDWR);

	unlink_named(NAME);
	*other = device(O_RDWR);
	if (create_named(fd, NAME, 0600) || open_named(*other, NAME)) {
		printf("# no map\n");
		abort();
	}
	forget_window(fd);
	forget_window(*other);
	return fd;
}

static void close_map(int fd)
{
	forget_window(fd);
	close(fd);
	unlink_named(NAME);
}

static int another(void)
{
	int fd = device(O_RDWR);

	if (fd < 0 || open_named(fd, NAME))
		return -1;
	forget_window(fd);
	return fd;
}

/* Run a function in a child; the status that it returns. */
static int in_child(int (*fn)(int fd), int fd)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(fn(fd));
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- what the calls accept ---- */

TEST(arguments)
{
	static const unsigned long without[] = {
		CMAP_IOCTL_GET, CMAP_IOCTL_DELETE, CMAP_IOCTL_TAKE,
		CMAP_IOCTL_COMPARE_DELETE, CMAP_IOCTL_CLEAR, CMAP_IOCTL_COUNT,
	};
	static const unsigned long with[] = {
		CMAP_IOCTL_SET, CMAP_IOCTL_SWAP, CMAP_IOCTL_COMPARE_SWAP,
		CMAP_IOCTL_GET_OR_SET, CMAP_IOCTL_ADD, CMAP_IOCTL_TOUCH,
	};
	int fd = new_map();
	unsigned int i;

	for (i = 0; i < sizeof(without) / sizeof(*without); i++) {
		struct cmap_op op = { .flags = FILE_OWNS };

		EXPECT_EQ(-EINVAL, key_op(fd, without[i], &op, 1));
		op.flags = PROCESS_OWNS;
		EXPECT_EQ(-EINVAL, key_op(fd, without[i], &op, 1));
	}
	for (i = 0; i < sizeof(with) / sizeof(*with); i++) {
		struct cmap_op op = { .flags = FILE_OWNS | PROCESS_OWNS };

		EXPECT_EQ(-EINVAL, key_op(fd, with[i], &op, 1));
	}
	EXPECT_EQ(-ENOENT, touch_with(fd, 1, FILE_OWNS));
	EXPECT_EQ(0, count(fd));
	EXPECT_EQ(0, set_with(fd, 1, PROCESS_OWNS));
	EXPECT_EQ(0, set_with(fd, 2, FILE_OWNS));
	EXPECT_EQ(2, map_stat(fd).owners);
	EXPECT_EQ(2, map_stat(fd).owned);
	close(fd);
}

/* Each operation that writes an entry gives it the owner. */
TEST(each_operation)
{
	uint64_t value = 5;
	struct cmap_op op;
	struct cmap_op ops[3] = {};
	struct cmap_ops batch = {
		.size = sizeof(batch), .ops = u64_of(ops), .count = 3,
		.op_size = sizeof(ops[0]),
	};
	int other, fd = open_map(&other), i;

#define GIVEN	.flags = FILE_OWNS, .value = u64_of(&value), .value_len = 8
	op = (struct cmap_op){ GIVEN };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_SWAP, &op, 1));
	op = (struct cmap_op){ GIVEN, .old = u64_of(&value), .old_len = 8 };
	EXPECT_EQ(0, set_with(fd, 5, 0));
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_COMPARE_SWAP, &op, 5));
	op = (struct cmap_op){ GIVEN };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_GET_OR_SET, &op, 2));
	op = (struct cmap_op){ .flags = FILE_OWNS, .number = 1 };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_ADD, &op, 3));
	EXPECT_EQ(0, set_with(fd, 4, 0));
	EXPECT_EQ(0, touch_with(fd, 4, FILE_OWNS));
	for (i = 0; i < 3; i++) {
		static uint64_t keys[] = { 6, 7, 8 };

		ops[i] = (struct cmap_op){
			.size = sizeof(op), .code = CMAP_CODE_SET, GIVEN,
			.key = u64_of(&keys[i]), .key_len = 8,
		};
	}
	ops[2].flags |= PROCESS_OWNS;
	EXPECT_EQ(0, call(fd, CMAP_IOCTL_BATCH, &batch));
	EXPECT_EQ(-EINVAL, ops[2].error);
	EXPECT_EQ(7, map_stat(fd).owned);
	/* It is there: the owner is not the getter. */
	EXPECT_EQ(0, set_with(fd, 9, 0));
	op = (struct cmap_op){ GIVEN, .old = u64_of(&value), .old_len = 8 };
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_GET_OR_SET, &op, 9));
	EXPECT_EQ(7, map_stat(fd).owned);
#undef GIVEN
	EXPECT_EQ(8, entries(other));
	close(fd);
	EXPECT_EQ(1, entries(other));
	EXPECT_TRUE(there(other, 9));
	EXPECT_EQ(7, map_stat(other).orphaned);
	EXPECT_EQ(0, map_stat(other).owners);
	close_map(other);
}

/* ---- the open file description ---- */

TEST(goes_with_the_last_close)
{
	int other, fd = open_map(&other), copy = dup(fd);

	EXPECT_EQ(0, set_with(fd, 1, FILE_OWNS));
	EXPECT_EQ(0, set_with(fd, 2, 0));
	EXPECT_TRUE(there(other, 1));
	close(fd);
	EXPECT_TRUE(there(other, 1));
	close(copy);
	EXPECT_FALSE(there(other, 1));
	EXPECT_TRUE(there(other, 2));
	EXPECT_EQ(1, entries(other));
	close_map(other);
}

/* A mapping is no descriptor. */
TEST(mapping_does_not_hold)
{
	int other, fd = open_map(&other);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT_NE(MAP_FAILED, at);
	EXPECT_EQ(0, set_with(fd, 1, FILE_OWNS));
	close(fd);
	EXPECT_FALSE(there(other, 1));
	munmap(at, 4096);
	close_map(other);
}

static int pause_in_child(int fd)
{
	pause();
	return 0;
}

/* fork() makes another descriptor of it. */
TEST(fork_holds)
{
	int other, fd = open_map(&other);
	pid_t child;

	EXPECT_EQ(0, set_with(fd, 1, FILE_OWNS));
	child = fork();
	if (!child)
		_exit(pause_in_child(fd));
	close(fd);
	EXPECT_TRUE(there(other, 1));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_FALSE(there(other, 1));
	close_map(other);
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
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
	if (sendmsg(socket, &msg, 0) != 1)
		abort();
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* A descriptor that is on its way holds, too. */
TEST(passing_holds)
{
	int other, fd = open_map(&other), pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	EXPECT_EQ(0, set_with(fd, 1, FILE_OWNS));
	EXPECT_EQ(0, set_with(fd, 2, PROCESS_OWNS));
	send_fd(pair[0], fd);
	close(fd);
	EXPECT_TRUE(there(other, 1));
	/* But this process has none of it. */
	EXPECT_FALSE(there(other, 2));
	fd = receive_fd(pair[1]);
	EXPECT_TRUE(there(other, 1));
	EXPECT_EQ(0, set_with(fd, 2, PROCESS_OWNS));
	EXPECT_TRUE(there(other, 2));
	close(fd);
	EXPECT_FALSE(there(other, 1));
	EXPECT_FALSE(there(other, 2));
	/* Nobody receives it. */
	fd = another();
	EXPECT_EQ(0, set_with(fd, 3, FILE_OWNS));
	send_fd(pair[0], fd);
	close(fd);
	EXPECT_TRUE(there(other, 3));
	close(pair[0]);
	close(pair[1]);
	EXPECT_FALSE(there(other, 3));
	close_map(other);
}

/* ---- the process ---- */

/* It goes with the process's last descriptor, also if others have some. */
TEST(process_closes)
{
	int other, fd = open_map(&other), copy = dup(fd);
	pid_t child;

	child = fork();
	if (!child)
		_exit(pause_in_child(fd));
	EXPECT_EQ(0, set_with(fd, 1, PROCESS_OWNS));
	EXPECT_EQ(0, set_with(fd, 2, FILE_OWNS));
	close(fd);
	EXPECT_TRUE(there(other, 1));
	close(copy);
	EXPECT_FALSE(there(other, 1));
	EXPECT_TRUE(there(other, 2));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_FALSE(there(other, 2));
	EXPECT_EQ(0, entries(other));
	close_map(other);
}

static int write_as_process(int fd)
{
	return set_with(fd, 1, PROCESS_OWNS) || set_with(fd, 2, FILE_OWNS) ||
	       set_with(fd, 3, 0);
}

static int write_and_die(int fd)
{
	write_as_process(fd);
	raise(SIGKILL);
	return 0;
}

/* A child is a process of its own, although the descriptor is its parent's, too. */
TEST(process_ends)
{
	int other, fd = open_map(&other);

	EXPECT_EQ(0, in_child(write_as_process, fd));
	EXPECT_FALSE(there(other, 1));
	EXPECT_TRUE(there(other, 2));
	EXPECT_EQ(-1, in_child(write_and_die, fd));
	EXPECT_FALSE(there(other, 1));
	EXPECT_TRUE(there(other, 2));
	EXPECT_EQ(0, set_with(fd, 1, PROCESS_OWNS));
	/* The child writes it, and is another process. */
	EXPECT_EQ(-1, in_child(write_and_die, fd));
	EXPECT_FALSE(there(other, 1));
	close(fd);
	EXPECT_FALSE(there(other, 2));
	EXPECT_TRUE(there(other, 3));
	close_map(other);
}

/* A child of vfork() shares all memory, but not the descriptors. */
TEST(vfork_is_another_process)
{
	int other, fd = open_map(&other), status;
	struct cmap_op op = {
		.size = sizeof(op), .flags = PROCESS_OWNS, .key = u64_of("v"),
		.key_len = 1, .value = u64_of("value"), .value_len = 5,
	};
	uint32_t len = 0;
	pid_t child;

	EXPECT_EQ(0, set_with(fd, 1, PROCESS_OWNS));
	child = vfork();
	if (!child)
		_exit(ioctl(fd, CMAP_IOCTL_SET, &op) ? 1 : 0);
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(-ENOENT, get_by_call(other, "v", 1, NULL, &len, NULL));
	EXPECT_TRUE(there(other, 1));
	close(fd);
	EXPECT_FALSE(there(other, 1));
	close_map(other);
}

/* Run a shell that waits, in a child that has written. */
static pid_t exec_child(int fd, int flags, int *alive)
{
	int pair[2];
	pid_t child;
	char byte;

	/* The child's end is closed by exec, so a read of ours ends then. */
	if (pipe2(pair, O_CLOEXEC))
		abort();
	child = fork();
	if (!child) {
		fcntl(fd, F_SETFD, flags);
		if (write_as_process(fd))
			_exit(1);
		execl("/bin/sh", "sh", "-c", "sleep 1000", NULL);
		_exit(1);
	}
	close(pair[1]);
	*alive = read(pair[0], &byte, 1);
	close(pair[0]);
	return child;
}

/* exec() ends what it closes, and nothing else: it is the same process. */
TEST(exec)
{
	int other, fd = open_map(&other), alive;
	pid_t child;

	if (access("/bin/sh", X_OK))
		SKIP(return, "there is no shell");
	child = exec_child(fd, FD_CLOEXEC, &alive);
	EXPECT_EQ(0, alive);
	EXPECT_FALSE(there(other, 1));
	EXPECT_TRUE(there(other, 2));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);

	child = exec_child(fd, 0, &alive);
	EXPECT_TRUE(there(other, 1));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_FALSE(there(other, 1));
	close(fd);
	close_map(other);
}

static void *write_in_thread(void *arg)
{
	set_with(*(int *)arg, 1, PROCESS_OWNS);
	return NULL;
}

/* Threads are one process. */
TEST(threads_are_one_process)
{
	int other, fd = open_map(&other);
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, write_in_thread, &fd));
	pthread_join(thread, NULL);
	EXPECT_TRUE(there(other, 1));
	close(fd);
	EXPECT_FALSE(there(other, 1));
	close_map(other);
}

static struct {
	int fd;
	bool over;
	uint64_t written;
	uint64_t refused;
} closing;

static void *write_while_closing(void *arg)
{
	while (!__atomic_load_n(&closing.over, __ATOMIC_RELAXED)) {
		int fd = __atomic_load_n(&closing.fd, __ATOMIC_RELAXED);
		int err = set_with(fd, 1, PROCESS_OWNS);

		closing.written += !err;
		closing.refused += err == -EBADF;
	}
	return NULL;
}

/*
 * A thread writes while another one closes, and a child still has the open file
 * description.  Nothing of the process is left behind, whoever is first.
 */
TEST(writes_while_closing)
{
	int other, fd = open_map(&other), i, left = 0;
	int rounds = 2000 / patient(1);
	pthread_t thread;
	pid_t child;

	child = fork();
	if (!child)
		_exit(pause_in_child(fd));
	EXPECT_FALSE(there(other, 1));
	closing.fd = dup(fd);
	/* This process has the description under the number in @closing only. */
	{
		int pair[2];

		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		send_fd(pair[0], fd);
		close(fd);
		ASSERT_EQ(0, pthread_create(&thread, NULL, write_while_closing,
					    NULL));
		for (i = 0; i < rounds; i++) {
			send_fd(pair[0], closing.fd);
			usleep(i % 50);
			close(closing.fd);
			left += there(other, 1);
			fd = receive_fd(pair[1]);
			__atomic_store_n(&closing.fd, fd, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&closing.over, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		close(closing.fd);
		EXPECT_EQ(0, left);
		EXPECT_FALSE(there(other, 1));
		close(pair[0]);
		close(pair[1]);
	}
	printf("# %llu writes, %llu refused\n",
	       (unsigned long long)closing.written,
	       (unsigned long long)closing.refused);
	EXPECT_LT(0, closing.written);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_EQ(0, map_stat(other).owners);
	close_map(other);
}

/* ---- whoever writes decides ---- */

TEST(written_by_another)
{
	int other, fd = open_map(&other);
	uint64_t value = 7, key;
	struct cmap_op op;

	for (key = 1; key <= 8; key++)
		EXPECT_EQ(0, set_with(fd, key, key % 2 ? FILE_OWNS :
				      PROCESS_OWNS));
	EXPECT_EQ(0, set_with(other, 1, 0));
	EXPECT_EQ(0, set_with(other, 2, FILE_OWNS));
	EXPECT_EQ(0, touch_with(other, 3, 0));
	op = (struct cmap_op){ .number = 1 };
	EXPECT_EQ(0, key_op(other, CMAP_IOCTL_ADD, &op, 4));
	/* The owner itself writes it without a flag. */
	EXPECT_EQ(0, set_with(fd, 5, 0));
	op = (struct cmap_op){ .value = u64_of(&value), .value_len = 8 };
	EXPECT_EQ(0, key_op(other, CMAP_IOCTL_SWAP, &op, 6));
	close(fd);
	for (key = 1; key <= 8; key++)
		EXPECT_EQ(key < 7, there(other, key));
	EXPECT_EQ(6, entries(other));
	EXPECT_EQ(1, map_stat(other).owned);
	close_map(other);
}

/* An owned entry can have a deadline, too.  What comes first counts. */
TEST(with_a_deadline)
{
	int other, fd = open_map(&other), i;
	struct cmap_op op = {
		.flags = FILE_OWNS | CMAP_OP_TTL, .deadline = 20 * MS,
	};

	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_SET, &op, 1));
	/* By one way only: it can expire between two looks. */
	for (i = 0; i < patient(5000) && !get_through(&by_call, other, 1); i++)
		usleep(1000);
	EXPECT_FALSE(there(other, 1));
	op.deadline = 3600 * 1000 * MS;
	EXPECT_EQ(0, key_op(fd, CMAP_IOCTL_SET, &op, 2));
	EXPECT_TRUE(there(other, 2));
	close(fd);
	EXPECT_FALSE(there(other, 2));
	EXPECT_EQ(0, entries(other));
	EXPECT_EQ(0, map_stat(other).deadlines);
	close_map(other);
}

/* ---- limits and memory ---- */

TEST(limits)
{
	long long old = set_parameter("max_owners", 8), user;
	int fd[9], i, other, map = open_map(&other);

	ASSERT_LE(0, old);
	user = set_parameter("max_owners_per_user", 0);
	EXPECT_EQ(8, limits_now().all_max_owners);
	for (i = 0; i < 9; i++) {
		fd[i] = another();
		EXPECT_EQ(i < 8 ? 0 : -ENFILE, set_with(fd[i], i, FILE_OWNS));
		EXPECT_EQ(i < 8 ? 0 : -ENFILE, set_with(fd[i], i, FILE_OWNS));
	}
	EXPECT_EQ(8, limits_now().all_owners);
	EXPECT_EQ(-ENFILE, set_with(fd[0], 1, PROCESS_OWNS));
	for (i = 0; i < 9; i++)
		close(fd[i]);
	EXPECT_EQ(0, limits_now().all_owners);
	/* A user's share is a quarter. */
	if (!fork()) {
		int mine[3];

		for (i = 0; i < 3; i++)
			mine[i] = another();
		if (setgid(4711) || setuid(4711))
			_exit(1);
		if (limits_now().max_owners != 2)
			_exit(2);
		for (i = 0; i < 3; i++)
			if (set_with(mine[i], i, FILE_OWNS) !=
			    (i < 2 ? 0 : -EDQUOT))
				_exit(3);
		_exit(0);
	}
	EXPECT_TRUE(children_ok(1));
	EXPECT_EQ(0, entries(other));
	set_parameter("max_owners", old);
	set_parameter("max_owners_per_user", user);
	close(map);
	close_map(other);
}

/* A full map has room again at once, and all of it. */
TEST(makes_room)
{
	struct cmap_create args = {
		.max_entries = 2000, .name = u64_of(NAME),
		.name_len = strlen(NAME), .mode = 0600,
	};
	int fd = device(O_RDWR), other = device(O_RDWR), round;
	uint64_t key;

	unlink_named(NAME);
	ASSERT_EQ(0, create_with(other, &args));
	close(fd);
	for (round = 0; round < 10; round++) {
		fd = another();
		for (key = 0; key < 2000; key++)
			ASSERT_EQ(0, set_with(fd, key, FILE_OWNS));
		EXPECT_EQ(-ENOSPC, set_with(fd, key, FILE_OWNS));
		close(fd);
		for (key = 0; key < 2000; key++)
			ASSERT_EQ(0, set_with(other, key + 1000 * round, 0));
		EXPECT_EQ(-ENOSPC, set_with(other, 999999, 0));
		EXPECT_EQ(2000, clear(other));
	}
	close_map(other);
}

/* ---- others learn of it ---- */

TEST(feed_says_owner)
{
	struct cmap_create args = {
		.feed_bytes = 65536, .shards = 1, .name = u64_of(NAME),
		.name_len = strlen(NAME), .mode = 0600,
	};
	int map = device(O_RDWR), fd, watch, len, i, seen = 0;
	static char buf[65536];
	const struct cmap_feed_record *record;

	unlink_named(NAME);
	ASSERT_EQ(0, create_with(map, &args));
	fd = another();
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, set_with(fd, i, FILE_OWNS));
	watch = watch_new(map, NULL, 0);
	ASSERT_LE(0, watch);
	close(fd);
	for (i = 0; seen < 100 && i < 100; i++) {
		if (ready_within(watch, 10000) <= 0)
			break;
		len = read(watch, buf, sizeof(buf));
		for (record = (void *)buf; (char *)record < buf + len;
		     record = (void *)((char *)record + record->size)) {
			EXPECT_EQ(CMAP_FEED_OWNER, record->cause);
			seen++;
		}
	}
	EXPECT_EQ(100, seen);
	close(watch);
	close_map(map);
}

/* ---- kills ---- */

/* Entries of a process that writes until it is killed, each with its number. */
static void write_without_end(int fd, uint64_t number, uint16_t flags)
{
	uint64_t i;

	for (i = 0;; i++)
		set_with(fd, number << 8 | i % 16, flags);
}

static void belongs_to_none(const struct cmap_entry *e, const void *key,
			    const void *value, void *arg)
{
	uint64_t number;

	memcpy(&number, key, sizeof(number));
	/* Those that this process has written stay. */
	if (number >> 8)
		++*(int64_t *)arg;
}

/*
 * Processes are killed at random moments while they write.  Each time, when the death
 * is reported, nothing of the process is there, whichever way one looks.
 */
TEST(killed_at_random_moments)
{
	int other, map = open_map(&other), i, kills = 1000;
	const char *many = getenv("CMAP_TEST_MANY");
	uint64_t seed = 4711, number = 0, seen = 0, key;
	int64_t left = 0;

	if (many)
		kills = 10000;
	for (key = 0; key < 10; key++)
		ASSERT_EQ(0, set_with(other, key, FILE_OWNS));
	for (i = 0; i < kills; i++) {
		uint16_t flags = i % 2 ? PROCESS_OWNS : FILE_OWNS;
		pid_t child;

		number++;
		child = fork();
		if (!child) {
			int fd = flags == FILE_OWNS ? another() : map;

			write_without_end(fd, number, flags);
		}
		usleep(random_next(&seed) % 2000);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		for (key = 0; key < 16; key++)
			left += there(other, number << 8 | key);
		if (i % 16 == 0) {
			range_by_call(other, 65536, belongs_to_none, &left);
			range_by_window(other, 65536, belongs_to_none, &left);
		}
		seen = map_stat(other).orphaned;
	}
	EXPECT_EQ(0, left);
	EXPECT_LT(kills / 2, seen);
	EXPECT_EQ(10, entries(other));
	printf("# %d processes killed, which had %llu entries\n", kills,
	       (unsigned long long)seen);
	close(map);
	close_map(other);
}

/*
 * While owners die, one key is taken over by the next one in time: readers never
 * miss it.
 */
TEST(taken_over_in_time)
{
	int other, map = open_map(&other), rounds = 1000 / patient(1) + 50, i;
	pid_t reader, last = 0;
	struct race *race = race_new(100);
	int pipes[2];

	close(map);
	ASSERT_EQ(0, set_with(other, 1, 0));
	reader = fork();
	if (!reader) {
		int fd = another();

		while (!__atomic_load_n(&race->over, __ATOMIC_RELAXED)) {
			if (!there(fd, 1))
				_exit(1);
			race_did(race, 0);
		}
		_exit(0);
	}
	ASSERT_EQ(0, pipe(pipes));
	for (i = 0; i < rounds; i++) {
		pid_t child = fork();
		char byte;

		if (!child) {
			int fd = another();

			if (set_with(fd, 1, i % 2 ? FILE_OWNS : PROCESS_OWNS) ||
			    write(pipes[1], "", 1) != 1)
				_exit(1);
			pause();
		}
		ASSERT_EQ(1, read(pipes[0], &byte, 1));
		if (last) {
			kill(last, SIGKILL);
			waitpid(last, NULL, 0);
		}
		last = child;
	}
	__atomic_store_n(&race->over, true, __ATOMIC_RELAXED);
	waitpid(reader, &i, 0);
	EXPECT_EQ(0, i);
	EXPECT_LT(0, race_done(race, 0));
	kill(last, SIGKILL);
	waitpid(last, NULL, 0);
	EXPECT_FALSE(there(other, 1));
	close(pipes[0]);
	close(pipes[1]);
	close_map(other);
}

/* How long it takes from the kill of a process that owns entries to its report. */
static double death_takes(int fd, uint64_t n)
{
	int pipes[2];
	double begin;
	pid_t child;
	char byte;

	if (pipe(pipes))
		abort();
	child = fork();
	if (!child) {
		uint64_t key;
		int own = fd < 0 ? -1 : another();

		for (key = 0; key < n; key++)
			if (set_with(own, key, FILE_OWNS))
				_exit(1);
		if (write(pipes[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	if (read(pipes[0], &byte, 1) != 1)
		abort();
	close(pipes[0]);
	close(pipes[1]);
	begin = now();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return now() - begin;
}

/* Many entries do not delay an exit: less than removing them would take. */
TEST(exit_is_not_delayed)
{
	int other, map = open_map(&other);
	uint64_t n = getenv("CMAP_TEST_MANY") ? 1000000 : 50000;
	double bare, with, write;

	close(map);
	bare = death_takes(-1, 0);
	write = now();
	with = death_takes(other, n);
	write = now() - write;
	EXPECT_FALSE(there(other, 1));
	EXPECT_FALSE(there(other, n - 1));
	printf("# %.2f ms bare, %.2f ms with %llu entries, %.0f ms to write them\n",
	       bare * 1000, with * 1000, (unsigned long long)n, write * 1000);
	if (!time_is_counted())
		EXPECT_LT(with, bare + write / 20 + 0.02);
	EXPECT_EQ(0, entries(other));
	close_map(other);
}

TEST_HARNESS_MAIN
