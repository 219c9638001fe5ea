// SPDX-License-Identifier: GPL-2.0
/*
 * Publishing a map: a map takes the name of another one in one step, or both
 * exchange names, while others open maps by these names.
 */
#include "race.h"
#include "feed.h"
#include "user.h"
#include "kselftest_harness.h"

#include <signal.h>

#define NAME	"publish_test"
#define BUILT	"publish_test.new"
#define BOTH	(CMAP_RENAME_REPLACE | CMAP_RENAME_EXCHANGE)
#define KEYS	20

static int rename_to(int fd, const char *name, uint32_t flags)
{
	struct cmap_name args = {
		.size = sizeof(args), .flags = flags,
		.name = u64_of(name), .name_len = strlen(name),
	};

	return call(fd, CMAP_IOCTL_RENAME, &args);
}

static uint64_t id_of(const char *name)
{
	int fd = device(O_RDWR);
	uint64_t id = open_named(fd, name) ? 0 : map_stat(fd).id;

	close(fd);
	return id;
}

FIXTURE(publish)
{
	int old;
	int new;
};

FIXTURE_SETUP(publish)
{
	self->old = device(O_RDWR);
	self->new = device(O_RDWR);
	ASSERT_EQ(0, create_named(self->old, NAME, 0666));
	ASSERT_EQ(0, create_named(self->new, BUILT, 0666));
}

FIXTURE_TEARDOWN(publish)
{
	unlink_named(NAME);
	unlink_named(BUILT);
	close(self->old);
	close(self->new);
}

TEST_F(publish, replaces_a_map)
{
	uint64_t new = map_stat(self->new).id;
	uint32_t len = 4;
	char buf[4];

	ASSERT_EQ(0, set(self->old, "k", 1, "old", 3));
	EXPECT_EQ(-EEXIST, rename_to(self->new, NAME, 0));
	EXPECT_EQ(-EINVAL, rename_to(self->new, NAME, BOTH));
	EXPECT_EQ(-EINVAL, rename_to(self->new, NAME, 1));
	EXPECT_EQ(-EINVAL, rename_to(self->new, NAME, 8));
	EXPECT_EQ(-EACCES, rename_to(self->new, CMAP_KERNEL_PREFIX "x",
				     CMAP_RENAME_REPLACE));
	EXPECT_EQ(map_stat(self->old).id, id_of(NAME));
	ASSERT_EQ(0, rename_to(self->new, NAME, CMAP_RENAME_REPLACE));
	EXPECT_EQ(new, id_of(NAME));
	EXPECT_EQ(0, id_of(BUILT));

	/* The old map lives on, and never gets a name again. */
	EXPECT_EQ(0, get(self->old, "k", 1, buf, &len));
	EXPECT_EQ(0, set(self->old, "k", 1, "x", 1));
	EXPECT_EQ(-ENOENT, rename_to(self->old, NAME, CMAP_RENAME_REPLACE));
	EXPECT_EQ(-ENOENT, rename_to(self->old, NAME, CMAP_RENAME_EXCHANGE));
	/* Its own name, and one that nobody has. */
	EXPECT_EQ(0, rename_to(self->new, NAME, CMAP_RENAME_REPLACE));
	EXPECT_EQ(1, map_stat(self->new).name_changes);
	EXPECT_EQ(0, rename_to(self->new, BUILT, CMAP_RENAME_REPLACE));
	EXPECT_EQ(0, id_of(NAME));
	EXPECT_EQ(new, id_of(BUILT));
}

TEST_F(publish, exchanges_names)
{
	uint64_t old = map_stat(self->old).id, new = map_stat(self->new).id;

	EXPECT_EQ(-ENOENT, rename_to(self->new, "publish_none",
				     CMAP_RENAME_EXCHANGE));
	EXPECT_EQ(0, rename_to(self->new, BUILT, CMAP_RENAME_EXCHANGE));
	EXPECT_EQ(0, map_stat(self->new).name_changes);
	ASSERT_EQ(0, rename_to(self->new, NAME, CMAP_RENAME_EXCHANGE));
	EXPECT_EQ(new, id_of(NAME));
	EXPECT_EQ(old, id_of(BUILT));
	ASSERT_EQ(0, rename_to(self->new, BUILT, CMAP_RENAME_EXCHANGE));
	EXPECT_EQ(old, id_of(NAME));
	EXPECT_EQ(new, id_of(BUILT));
	EXPECT_EQ(2, map_stat(self->old).name_changes);
}

/* The number of maps, once that has not changed for a second. */
static uint32_t maps_settled(void)
{
	uint32_t maps = limits_now().all_maps;
	int i, same = 0;

	for (i = 0; i < patient(300) && same < 20; i++) {
		usleep(50000);
		same = limits_now().all_maps == maps ? same + 1 : 0;
		maps = limits_now().all_maps;
	}
	return maps;
}

/* The last descriptor of a map that was replaced frees it. */
TEST_F(publish, what_was_replaced_is_freed)
{
	uint32_t maps = maps_settled();
	int i;

	ASSERT_EQ(0, rename_to(self->new, NAME, CMAP_RENAME_REPLACE));
	EXPECT_EQ(maps, limits_now().all_maps);
	close(self->old);
	self->old = -1;
	for (i = 0; i < patient(200) && limits_now().all_maps == maps; i++)
		usleep(50000);
	EXPECT_EQ(maps - 1, limits_now().all_maps);
}

/* ---- who may ---- */

struct tries {
	int fd;
	uint32_t flags;
};

static int as_user(uid_t uid, const struct tries *tries)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!become(uid, uid))
			_exit(255);
		_exit(-rename_to(tries->fd, NAME, tries->flags));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -255;
}

static int give_to(int fd, uid_t uid)
{
	struct cmap_setattr attr = {
		.size = sizeof(attr), .flags = CMAP_SET_UID, .uid = uid,
	};

	return call(fd, CMAP_IOCTL_SETATTR, &attr);
}

/* Whoever takes a name away from a map must own that one, too. */
TEST_F(publish, needs_both_maps)
{
	static const uint32_t forms[] = {
		CMAP_RENAME_EXCHANGE, CMAP_RENAME_REPLACE,
	};
	struct tries tries = { .fd = self->new };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		tries.flags = forms[i];
		ASSERT_EQ(0, give_to(self->new, 1000));
		ASSERT_EQ(0, give_to(self->old, 0));
		EXPECT_EQ(-EPERM, as_user(1000, &tries));
		ASSERT_EQ(0, give_to(self->new, 0));
		ASSERT_EQ(0, give_to(self->old, 1000));
		EXPECT_EQ(-EPERM, as_user(1000, &tries));
		EXPECT_EQ(map_stat(self->old).id, id_of(NAME));
		EXPECT_EQ(map_stat(self->new).id, id_of(BUILT));
	}
	EXPECT_EQ(0, map_stat(self->old).name_changes);
	/* Root may do it with maps of others. */
	ASSERT_EQ(0, give_to(self->new, 1001));
	EXPECT_EQ(0, rename_to(self->new, NAME, CMAP_RENAME_EXCHANGE));
	EXPECT_EQ(0, rename_to(self->new, BUILT, CMAP_RENAME_EXCHANGE));
	ASSERT_EQ(0, give_to(self->new, 1000));
	EXPECT_EQ(0, as_user(1000, &tries));
	EXPECT_EQ(map_stat(self->new).id, id_of(NAME));
}

/* A map of another network namespace that has the same name keeps it. */
TEST_F(publish, of_one_namespace)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int own = device(O_RDWR);

		if (unshare(CLONE_NEWNET))
			_exit(254);
		if (create_named(own, BUILT, 0600) ||
		    rename_to(own, NAME, CMAP_RENAME_EXCHANGE) != -ENOENT ||
		    rename_to(own, NAME, CMAP_RENAME_REPLACE))
			_exit(1);
		/* The new name is in the namespace of the old one. */
		_exit(id_of(NAME) == map_stat(own).id ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	ASSERT_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status) == 254)
		SKIP(return, "no namespaces");
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(map_stat(self->old).id, id_of(NAME));
	EXPECT_EQ(0, map_stat(self->old).name_changes);
}

/* ---- while others look ---- */

/* Fill a map with a generation: all of its values are one number. */
static int fill(int fd, uint64_t generation)
{
	uint32_t key;

	for (key = 0; key < KEYS; key++)
		if (set(fd, &key, sizeof(key), &generation, sizeof(generation)))
			return -1;
	return 0;
}

/* The generation that is published; 0 if it is not whole, or there is none. */
static uint64_t published(void)
{
	int fd = device(O_RDONLY);
	uint64_t first = 0, next;
	uint32_t key, len;

	if (open_named(fd, NAME)) {
		close(fd);
		return 0;
	}
	for (key = 0; key < KEYS; key++) {
		len = sizeof(next);
		if (get(fd, &key, sizeof(key), &next, &len) ||
		    (key && next != first)) {
			close(fd);
			return 0;
		}
		first = next;
	}
	close(fd);
	return first;
}

/* Build a generation under another name, and publish it. */
static int publish(uint64_t generation)
{
	int fd = device(O_RDWR), err;

	err = create_named(fd, BUILT, 0600);
	/* One that was killed may have left a map over. */
	if (err == -EEXIST)
		err = unlink_named(BUILT) ?: create_named(fd, BUILT, 0600);
	if (!err)
		err = fill(fd, generation);
	if (!err)
		err = rename_to(fd, NAME, generation & 1 ? CMAP_RENAME_REPLACE :
							   CMAP_RENAME_EXCHANGE);
	if (!err && !(generation & 1))
		err = unlink_named(BUILT);
	close(fd);
	return err;
}

TEST_F(publish, name_is_never_missing)
{
	struct race *race = race_new(1);
	uint64_t generation = 1, last, seen;
	int i;

	unlink_named(BUILT);
	race_wants(race, 0, 300, "generations");
	race_wants(race, 1, 1000, "opens");
	ASSERT_EQ(0, fill(self->old, generation));
	for (i = 0; i < 2; i++) {
		if (fork())
			continue;
		for (last = 0; race_goes_on(race); last = seen) {
			seen = published();
			if (!seen || seen < last) {
				printf("# %llu after %llu\n",
				       (unsigned long long)seen,
				       (unsigned long long)last);
				race_stop(race);
				_exit(1);
			}
			race_did(race, 1);
		}
		_exit(0);
	}
	while (race_goes_on(race)) {
		int err = publish(++generation);

		EXPECT_EQ(0, err);
		if (err)
			race_stop(race);
		race_did(race, 0);
	}
	EXPECT_TRUE(race_ends(race, 2));
}

/* Killed at any moment, a publisher leaves the old map published, or the new. */
TEST_F(publish, killed_publishers)
{
	struct race *race = race_new(1);
	uint64_t generation, before = 1, seed = 7;
	int status;
	pid_t pid;

	race_wants(race, 0, 100, "publishers killed");
	ASSERT_EQ(0, fill(self->old, before));
	while (race_goes_on(race)) {
		pid = fork();
		if (!pid) {
			for (generation = before + 1;; generation++)
				if (publish(generation))
					_exit(1);
		}
		usleep(random_next(&seed) % 4000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		/* It had no error before. */
		EXPECT_TRUE(WIFSIGNALED(status));
		generation = published();
		EXPECT_GE(generation, before);
		if (generation < before)
			race_stop(race);
		before = generation;
		race_did(race, 0);
	}
	EXPECT_TRUE(race_report(race));
	EXPECT_EQ(0, publish(before + 1));
	EXPECT_EQ(before + 1, published());
}

/* ---- those who have the old map open ---- */

/* The records of one read: NAME, or an errno. */
static int read_cause(int watch)
{
	struct cmap_feed_record record[4];
	ssize_t len = read(watch, record, sizeof(record));

	if (len < 0)
		return -errno;
	if (len != sizeof(record[0]) || record[0].size != len ||
	    record[0].key_len || record[0].version)
		return -EPROTO;
	return record[0].cause;
}

TEST_F(publish, watches_are_told)
{
	struct cmap_create args = {
		.name = u64_of(NAME), .name_len = strlen(NAME), .mode = 0600,
		.shards = 2, .feed_bytes = 4096,
	};
	struct filter filter = {};
	int fd = device(O_RDWR), other = device(O_RDONLY), watch, mine;

	unlink_named(NAME);
	ASSERT_EQ(0, create_with(fd, &args));
	ASSERT_EQ(0, open_named(other, NAME));
	filter_add(&filter, CMAP_FILTER_KEYS, "mine", 4);
	watch = watch_new(fd, NULL, CMAP_WATCH_NONBLOCK);
	mine = watch_new(fd, &filter, CMAP_WATCH_NONBLOCK);
	ASSERT_GE(watch, 0);
	ASSERT_GE(mine, 0);
	EXPECT_EQ(-EAGAIN, read_cause(watch));

	ASSERT_EQ(0, rename_to(self->new, NAME, CMAP_RENAME_REPLACE));
	EXPECT_EQ(POLLIN, ready_within(mine, patient(60000)));
	EXPECT_EQ(POLLIN, ready_within(watch, 0));
	EXPECT_EQ(-1, read(mine, nowhere(), 4096));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(CMAP_FEED_NAME, read_cause(mine));
	EXPECT_EQ(CMAP_FEED_NAME, read_cause(watch));
	EXPECT_EQ(-EAGAIN, read_cause(watch));
	EXPECT_EQ(0, ready_within(mine, 0));
	EXPECT_EQ(1, map_stat(fd).name_changes);
	close(watch);
	close(mine);

	/* Opened by the name before that, and watched afterwards. */
	watch = watch_new(other, NULL, CMAP_WATCH_NONBLOCK);
	ASSERT_GE(watch, 0);
	EXPECT_EQ(POLLIN, ready_within(watch, 0));
	EXPECT_EQ(CMAP_FEED_NAME, read_cause(watch));
	close(watch);
	close(other);
	close(fd);
}

/* Reads wait for it, and unlink and rename tell it as well. */
TEST_F(publish, a_waiting_read_is_told)
{
	struct cmap_create args = {
		.name = u64_of("publish_wait"), .name_len = 12, .mode = 0600,
		.feed_bytes = 4096,
	};
	int fd = device(O_RDWR), i;
	static const char * const name[] = { "publish_wait", "publish_wait2" };

	ASSERT_EQ(0, create_with(fd, &args));
	for (i = 0; i < 2; i++) {
		int opened = device(O_RDONLY), watch;

		ASSERT_EQ(0, open_named(opened, name[i]));
		EXPECT_EQ(0, map_stat(opened).name_changes);
		watch = watch_new(opened, NULL, 0);
		ASSERT_GE(watch, 0);
		if (!fork())
			_exit(read_cause(watch) == CMAP_FEED_NAME ? 0 : 1);
		usleep(20000);
		ASSERT_EQ(0, i ? unlink_named(name[1]) :
				 rename_to(fd, name[1], 0));
		EXPECT_TRUE(children_ok(1));
		close(watch);
		close(opened);
	}
	close(fd);
}

/* A window that was mapped stays as it was. */
TEST_F(publish, mappings_stay)
{
	const struct cmap_window *window;
	uint64_t id = map_stat(self->old).id;

	window = mmap(NULL, sizeof(*window), PROT_READ, MAP_SHARED, self->old, 0);
	ASSERT_NE(MAP_FAILED, window);
	EXPECT_EQ(id, window->id);
	ASSERT_EQ(0, rename_to(self->new, NAME, CMAP_RENAME_REPLACE));
	close(self->old);
	self->old = -1;
	EXPECT_EQ(id, window->id);
	EXPECT_EQ(CMAP_WINDOW_MAGIC, window->magic);
	munmap((void *)window, sizeof(*window));
}

TEST_HARNESS_MAIN
