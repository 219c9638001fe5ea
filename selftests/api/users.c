// SPDX-License-Identifier: GPL-2.0
/*
 * The limits of users: how many maps and how much memory one user can have, and
 * what is left for other users and for root.
 *
 * Once any user could create all maps that the module allows, or use all of its
 * memory.  Then everybody else was refused, root included.
 *
 * deadline: 120
 */
#include "race.h"
#include "user.h"
#include "kselftest_harness.h"

#include <signal.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#define USER	1000		/* and those after it */
#define USERS	8

/* Results of a child, in memory shared with the parent. */
struct report {
	int err;
	int made;
	struct cmap_limits limits;
};

static void must_become(uid_t uid)
{
	if (!become(uid, uid))
		_exit(99);
}

/*
 * A user who creates maps, or fills one, until refused, and keeps everything.
 */
struct user {
	pid_t pid;
	struct report *report;
};

static void make_maps(struct report *report)
{
	int fd;

	while ((fd = new_map()) >= 0)
		report->made++;
	report->err = fd;
}

static void fill_a_map(struct report *report)
{
	static char value[4000];
	int fd = new_map(), i;

	report->err = fd < 0 ? fd : 0;
	for (i = 0; i < 1000000 && !report->err; i++)
		report->err = set(fd, &i, sizeof(i), value, sizeof(value));
	report->made = i - 1;
}

static struct user start(uid_t uid, void (*job)(struct report *report))
{
	struct user user = { .report = shared_memory(sizeof(struct report)) };
	int done[2];
	char c;

	if (pipe(done))
		abort();
	fflush(stdout);
	user.pid = fork();
	if (!user.pid) {
		close(done[0]);
		must_become(uid);
		job(user.report);
		user.report->limits = limits_now();
		close(done[1]);
		for (;;)
			pause();
	}
	close(done[1]);
	if (read(done[0], &c, 1))
		abort();
	close(done[0]);
	return user;
}

static void stop(struct user *user)
{
	kill(user->pid, SIGKILL);
	waitpid(user->pid, NULL, 0);
}

FIXTURE(users)
{
	long long max_maps, max_bytes, reserve;
};

FIXTURE_SETUP(users)
{
	struct cmap_limits limits;
	int i;

	/* Maps that the last test closed are freed by then. */
	for (i = 0; i < 100; i++) {
		limits = limits_now();
		if (!limits.all_maps)
			break;
		usleep(20000);
	}
	ASSERT_EQ(0, limits.all_maps);
	self->max_maps = set_parameter("max_maps", 100);
	self->max_bytes = set_parameter("max_bytes", 40000000);
	self->reserve = set_parameter("reserve_percent", 10);
	ASSERT_GT(self->max_maps, 0);
	ASSERT_GT(self->max_bytes, 0);
	ASSERT_EQ(5, self->reserve);
}

FIXTURE_TEARDOWN(users)
{
	set_parameter("max_maps", self->max_maps);
	set_parameter("max_bytes", self->max_bytes);
	set_parameter("reserve_percent", self->reserve);
	set_parameter("max_maps_per_user", 0);
	set_parameter("max_bytes_per_user", 0);
}

TEST_F(users, one_user_cannot_make_all_maps)
{
	struct user one = start(USER, make_maps);
	struct user other = start(USER + 1, make_maps);

	EXPECT_EQ(-EDQUOT, one.report->err);
	EXPECT_EQ(25, one.report->made);
	EXPECT_EQ(25, one.report->limits.maps);
	EXPECT_EQ(25, one.report->limits.max_maps);
	EXPECT_EQ(USER, one.report->limits.uid);
	EXPECT_EQ(-EDQUOT, other.report->err);
	EXPECT_EQ(25, other.report->made);
	EXPECT_EQ(50, other.report->limits.all_maps);
	stop(&one);
	stop(&other);
}

/* A part of the module's limits is reserved for CAP_SYS_RESOURCE. */
TEST_F(users, all_users_together_leave_maps_for_root)
{
	struct user user[USERS];
	int i, made = 0, fds[101], n;

	for (i = 0; i < USERS; i++) {
		user[i] = start(USER + i, make_maps);
		made += user[i].report->made;
	}
	EXPECT_EQ(90, made);
	EXPECT_EQ(-ENFILE, user[USERS - 1].report->err);
	EXPECT_EQ(90, user[USERS - 1].report->limits.all_max_maps);
	for (n = 0; n <= 100; n++) {
		fds[n] = new_map();
		if (fds[n] < 0)
			break;
	}
	EXPECT_EQ(10, n);
	EXPECT_EQ(-ENFILE, fds[n]);
	while (n--)
		close(fds[n]);
	for (i = 0; i < USERS; i++)
		stop(&user[i]);
}

TEST_F(users, one_user_cannot_take_all_memory)
{
	struct user one = start(USER, fill_a_map);
	struct user other = start(USER + 1, fill_a_map);

	EXPECT_EQ(-EDQUOT, one.report->err);
	EXPECT_LE(one.report->limits.bytes, 10000000);
	EXPECT_GE(one.report->limits.bytes, 9000000);
	EXPECT_EQ(10000000, one.report->limits.max_bytes);
	EXPECT_EQ(-EDQUOT, other.report->err);
	EXPECT_GE(other.report->limits.bytes, 9000000);
	stop(&one);
	stop(&other);
}

TEST_F(users, all_users_together_leave_memory_for_root)
{
	struct user user[USERS];
	struct report report = {};
	int i;

	for (i = 0; i < USERS; i++)
		user[i] = start(USER + i, fill_a_map);
	EXPECT_EQ(-ENOSPC, user[USERS - 1].report->err);
	EXPECT_EQ(36000000, user[0].report->limits.all_max_bytes);
	EXPECT_LE(limits_now().all_bytes, 36000000);
	fill_a_map(&report);
	EXPECT_EQ(-ENOSPC, report.err);
	EXPECT_GE(report.made, 800);
	for (i = 0; i < USERS; i++)
		stop(&user[i]);
}

TEST_F(users, limits_can_be_changed_while_they_bind)
{
	struct user one;

	set_parameter("max_maps_per_user", 7);
	one = start(USER, make_maps);
	EXPECT_EQ(7, one.report->made);
	stop(&one);
	set_parameter("max_maps_per_user", 1000);
	one = start(USER, make_maps);
	EXPECT_EQ(90, one.report->made);
	EXPECT_EQ(-ENFILE, one.report->err);
	stop(&one);
	set_parameter("max_bytes_per_user", 2000000);
	one = start(USER, fill_a_map);
	EXPECT_EQ(-EDQUOT, one.report->err);
	EXPECT_LE(one.report->limits.bytes, 2000000);
	stop(&one);
}

/* No user's limit applies to root, with or without capabilities. */
TEST_F(users, root_has_no_limit_of_a_user)
{
	struct cmap_limits limits = limits_now();
	struct report *report = shared_memory(sizeof(*report));

	EXPECT_EQ(0, limits.max_maps);
	EXPECT_EQ(0, limits.max_bytes);
	EXPECT_EQ(100, limits.all_max_maps);
	EXPECT_EQ(40000000, limits.all_max_bytes);
	if (!fork()) {
		if (!keep_capabilities(0))
			_exit(1);
		make_maps(report);
		_exit(0);
	}
	EXPECT_TRUE(children_ok(1));
	EXPECT_EQ(-ENFILE, report->err);
	EXPECT_EQ(90, report->made);
}

/* A service may be given that capability. */
TEST_F(users, cap_sys_resource_has_no_limit_of_a_user)
{
	struct report *report = shared_memory(sizeof(*report));

	if (!fork()) {
		if (prctl(PR_SET_KEEPCAPS, 1))
			_exit(1);
		must_become(USER);
		if (!keep_capabilities(1 << CAP_SYS_RESOURCE))
			_exit(2);
		make_maps(report);
		_exit(0);
	}
	EXPECT_TRUE(children_ok(1));
	EXPECT_EQ(-ENFILE, report->err);
	EXPECT_EQ(100, report->made);
}

/* A map that was just closed still counts for a moment; create waits for it. */
TEST_F(users, closing_makes_room_at_once)
{
	set_parameter("max_maps_per_user", 3);
	if (!fork()) {
		int fds[3], i;

		must_become(USER);
		for (i = 0; i < 3; i++)
			fds[i] = new_map();
		for (i = 0; i < 100; i++) {
			if (fds[i % 3] < 0)
				_exit(1);
			close(fds[i % 3]);
			fds[i % 3] = new_map();
		}
		for (i = 0; i < 3; i++)
			if (fds[i] < 0)
				_exit(2);
		_exit(new_map() == -EDQUOT ? 0 : 3);
	}
	EXPECT_TRUE(children_ok(1));
}

/* The same for its memory. */
TEST_F(users, memory_of_ones_own_maps_is_waited_for)
{
	set_parameter("max_bytes_per_user", 2000000);
	if (!fork()) {
		static char value[4000];
		int round, fd, i, err;

		must_become(USER);
		for (round = 0; round < 10; round++) {
			fd = new_map();
			if (fd < 0)
				_exit(1);
			err = 0;
			for (i = 0; !err; i++)
				err = set(fd, &i, sizeof(i), value,
					  sizeof(value));
			if (err != -EDQUOT)
				_exit(2);
			close(fd);
		}
		_exit(0);
	}
	EXPECT_TRUE(children_ok(1));
}

/* The owner is charged for what other users write. */
TEST_F(users, the_owner_pays_whoever_writes)
{
	static char value[4000];
	int fd, i, err = 0;

	set_parameter("max_bytes_per_user", 3000000);
	if (!fork()) {
		must_become(USER);
		umask(0);
		_exit(-create_named(device(O_RDWR), "users_pays", 0666));
	}
	EXPECT_TRUE(children_ok(1));
	fd = device(O_RDWR);
	ASSERT_EQ(0, open_named(fd, "users_pays"));
	for (i = 0; i < 10000 && !err; i++)
		err = set(fd, &i, sizeof(i), value, sizeof(value));
	EXPECT_EQ(-EDQUOT, err);
	EXPECT_LE(map_stat(fd).bytes, 3000000);
	EXPECT_EQ(0, limits_now().bytes);
	/* Reads and deletes work, and make room. */
	i = 0;
	EXPECT_EQ(0, delete(fd, &i, sizeof(i)));
	EXPECT_EQ(0, set(fd, &i, sizeof(i), value, sizeof(value)));
	EXPECT_EQ(0, unlink_named("users_pays"));
	close(fd);
}

static int chown_map(int fd, uid_t uid)
{
	struct cmap_setattr attr = {
		.size = sizeof(attr), .flags = CMAP_SET_UID, .uid = uid,
	};

	return call(fd, CMAP_IOCTL_SETATTR, &attr);
}

static struct cmap_limits limits_of(uid_t uid)
{
	struct report *report = shared_memory(sizeof(*report));
	pid_t pid = fork();

	if (!pid) {
		must_become(uid);
		report->limits = limits_now();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return report->limits;
}

/* Upkeep may free memory between the two readings. */
static bool pays_for(uid_t uid, int fd)
{
	int i;

	for (i = 0; i < 100; i++) {
		uint64_t bytes = map_stat(fd).bytes;
		struct cmap_limits limits = limits_of(uid);

		if (limits.bytes == bytes && limits.all_bytes == bytes &&
		    limits.maps == 1)
			return true;
		usleep(20000);
	}
	return false;
}

TEST_F(users, chown_moves_what_there_is_and_what_comes)
{
	static char value[4000];
	int fd = new_map(), i;
	uint64_t bytes;

	for (i = 0; i < 500; i++)
		ASSERT_EQ(0, set(fd, &i, sizeof(i), value, sizeof(value)));
	EXPECT_TRUE(pays_for(0, fd));
	ASSERT_EQ(0, chown_map(fd, USER));
	EXPECT_EQ(USER, map_stat(fd).uid);
	EXPECT_EQ(0, limits_now().bytes);
	EXPECT_EQ(0, limits_now().maps);
	EXPECT_TRUE(pays_for(USER, fd));

	/* If the new owner has no room for the map, nothing changes. */
	set_parameter("max_bytes_per_user", 1000000);
	EXPECT_EQ(-EDQUOT, chown_map(fd, USER + 1));
	set_parameter("max_bytes_per_user", 0);
	set_parameter("max_maps_per_user", 1);
	EXPECT_EQ(0, chown_map(fd, USER));
	EXPECT_EQ(USER, map_stat(fd).uid);
	EXPECT_TRUE(pays_for(USER, fd));
	EXPECT_EQ(0, limits_of(USER + 1).maps);
	EXPECT_EQ(0, limits_of(USER + 1).bytes);

	/* From here on the map is bound by its owner's limit. */
	bytes = map_stat(fd).bytes;
	set_parameter("max_bytes_per_user", bytes + 500000);
	for (i = 500; i < 1000; i++)
		if (set(fd, &i, sizeof(i), value, sizeof(value)))
			break;
	EXPECT_LT(i, 1000);
	EXPECT_EQ(0, chown_map(fd, 0));
	EXPECT_EQ(0, set(fd, &i, sizeof(i), value, sizeof(value)));
	close(fd);
}

/* Nothing is lost while the charge moves from one user to the other. */
TEST_F(users, chown_while_others_write)
{
	static char value[2000];
	struct race *race = race_new(1);
	int fd = new_map(), i, n;
	uint64_t seed = 88;

	race_wants(race, 0, 2000, "writes");
	race_wants(race, 1, 150, "changes of owner");
	for (i = 0; i < 2; i++) {
		if (fork())
			continue;
		while (race_goes_on(race)) {
			n = random_next(&seed) % 3000;
			if (n & 1)
				delete(fd, &n, sizeof(n));
			else
				set(fd, &n, sizeof(n), value, n % 2000);
			seed += i;
			race_did(race, 0);
		}
		_exit(0);
	}
	for (i = 0; race_goes_on(race); i++) {
		EXPECT_EQ(0, chown_map(fd, USER + i % 3));
		race_did(race, 1);
	}
	EXPECT_TRUE(race_ends(race, 2));
	ASSERT_EQ(0, chown_map(fd, USER));
	EXPECT_TRUE(pays_for(USER, fd));
	for (i = 1; i < 3; i++) {
		EXPECT_EQ(0, limits_of(USER + i).bytes);
		EXPECT_EQ(0, limits_of(USER + i).maps);
	}
	close(fd);
}

/* Create maps, each as another user. */
static int make_maps_as_each(const struct inside *in, void *arg)
{
	struct report *report = arg;

	for (; report->made < 60; report->made++) {
		setfsuid(report->made);
		if (setfsuid(-1) != report->made)
			return 2;
		report->err = new_map();
		if (report->err < 0)
			break;
	}
	report->limits = limits_now();
	return 0;
}

/*
 * A user namespace has as many users as its owner was granted.  All of them are
 * charged to the owner.
 */
TEST_F(users, subordinate_users_count_for_the_owner)
{
	struct report *report = shared_memory(sizeof(*report));
	struct inside in;
	int err = inside_start(&in, USER, CLONE_NEWUSER, make_maps_as_each,
			       report);

	if (err == -ENOSYS)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, err);
	EXPECT_TRUE(children_ok(1));
	EXPECT_EQ(-EDQUOT, report->err);
	EXPECT_EQ(25, report->made);
	EXPECT_EQ(25, report->limits.maps);
	/*
	 * The owner's id is not mapped in the namespace: it is shown as nobody.
	 */
	EXPECT_EQ(65534, report->limits.uid);
}

/* Runs inside, with a map on a descriptor that others have, too. */
static int own_a_map(const struct inside *in, void *arg)
{
	int fd = *(int *)arg, own = new_map();

	/* Owning a map inside does not change who is charged for it. */
	if (own < 0 || chown_map(own, 0) || limits_now().maps != 1)
		return 2;
	close(own);
	if (create_named(fd, "users_given", 0600) || !inside_shows(in))
		return 3;
	return 0;
}

/*
 * A process outside of a user namespace, with all capabilities in it, gave a
 * map to its users one after the other.  Each of them had limits of his own.
 */
TEST_F(users, given_away_from_outside_counts_for_the_owner)
{
	int fd = device(O_RDWR), err;
	struct inside in;

	set_parameter("max_maps_per_user", 1);
	err = inside_start(&in, USER, CLONE_NEWUSER | CLONE_NEWNET, own_a_map,
			   &fd);
	if (err == -ENOSYS)
		SKIP(return, "no user namespaces");
	ASSERT_EQ(0, err);
	ASSERT_TRUE(inside_seen(&in));
	EXPECT_TRUE(pays_for(USER, fd));
	/* The owner is charged already, so the number of maps stays. */
	EXPECT_EQ(0, chown_map(fd, 100005));
	EXPECT_EQ(100005, map_stat(fd).uid);
	EXPECT_EQ(0, limits_of(100005).maps);
	EXPECT_TRUE(pays_for(USER, fd));
	ASSERT_TRUE(inside_resume(&in));
	EXPECT_TRUE(children_ok(1));
	close(fd);
}

/* A user's map could use the reserve once it was given to root. */
TEST_F(users, given_to_root_takes_no_reserve)
{
	struct report *report = shared_memory(sizeof(*report));
	static char value[4000];
	int fd = device(O_RDWR), i;

	if (!fork()) {
		must_become(USER);
		_exit(-create_named(fd, "users_reserve", 0600));
	}
	ASSERT_TRUE(children_ok(1));
	if (!fork()) {
		if (!keep_capabilities(1 << CAP_CHOWN) || chown_map(fd, 0))
			_exit(1);
		for (i = 0; !report->err; i++)
			report->err = set(fd, &i, sizeof(i), value,
					  sizeof(value));
		report->limits = limits_now();
		_exit(0);
	}
	EXPECT_TRUE(children_ok(1));
	EXPECT_EQ(-ENOSPC, report->err);
	EXPECT_GE(report->limits.all_bytes, 30000000);
	EXPECT_LE(report->limits.all_bytes, 36000000);
	EXPECT_EQ(0, unlink_named("users_reserve"));
	close(fd);
}

TEST_F(users, root_sees_what_each_user_has)
{
	struct user one;
	char word[64];

	if (access("/sys/kernel/debug/cmap/users", R_OK))
		SKIP(return, "no debugfs");
	one = start(USER, make_maps);
	snprintf(word, sizeof(word), "user %d maps ", USER);
	EXPECT_EQ(25, number_in("/sys/kernel/debug/cmap/users", word));
	snprintf(word, sizeof(word), "user %d maps 25 of 25 bytes ", USER);
	EXPECT_EQ(one.report->limits.bytes,
		  number_in("/sys/kernel/debug/cmap/users", word));
	EXPECT_EQ(25, number_in("/sys/kernel/debug/cmap/users", "all maps "));
	stop(&one);
}

TEST_HARNESS_MAIN
