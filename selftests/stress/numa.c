// SPDX-License-Identifier: GPL-2.0
/*
 * NUMA nodes: each shard's memory is on the node of its CPU, whoever writes and
 * from whichever CPU.  Memory that had to be elsewhere is counted.
 *
 * deadline: 120
 */
#include "cmap_test.h"
#include "kselftest_harness.h"

#include <linux/cmap.h>
#include <sys/stat.h>

#define CPUS_MAX 64
#define GROUP "/sys/fs/cgroup/cmap_numa"

/* ---- the machine's nodes ---- */

static int node_of_cpu(int cpu)
{
	char path[64];
	int nid;

	for (nid = 0; nid < 8; nid++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/node%d", cpu, nid);
		if (!access(path, F_OK))
			return nid;
	}
	return -1;
}

static int cpus_count(void)
{
	int n = 0;

	while (n < CPUS_MAX && node_of_cpu(n) >= 0)
		n++;
	return n;
}

/* ---- what debugfs says ---- */

static long long debug_remote(uint64_t id)
{
	return debug_figure(id, "remote_bytes:");
}

/* The number of shards with all of their parts on the right node. */
static int debug_shards(uint64_t id, int cpus)
{
	FILE *file = fopen("/sys/kernel/debug/cmap/shards", "r");
	unsigned long long map;
	unsigned int shard;
	int right = 0, nid, at[3];
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "map %llu shard %u node %d: entries %*u buckets %*u on nodes: shard %d table %d segments %d",
			   &map, &shard, &nid, &at[0], &at[1], &at[2]) != 6 ||
		    map != id)
			continue;
		right += nid == node_of_cpu(shard % cpus) && at[0] == nid &&
			 at[1] == nid && at[2] == nid;
	}
	if (file)
		fclose(file);
	return right;
}

/* ---- the tests ---- */

static int fill(int fd, int cpu, int n)
{
	char value[200];
	int key[2] = { cpu };

	memset(value, cpu + 1, sizeof(value));
	for (key[1] = 0; key[1] < n; key[1]++)
		if (set(fd, key, sizeof(key), value, sizeof(value)))
			return 1;
	return 0;
}

FIXTURE(numa)
{
};

FIXTURE_SETUP(numa)
{
}

FIXTURE_TEARDOWN(numa)
{
}

TEST_F_TIMEOUT(numa, each_shard_is_at_home, 100)
{
	int cpus = cpus_count(), cpu, fd = device(O_RDWR);

	if (cpus < 2 || access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "one memory node");
	if (access("/sys/kernel/debug/cmap/shards", R_OK))
		SKIP(return, "no debugfs");
	ASSERT_EQ(0, create_named(fd, "at_home", 0600));
	/* Write from every CPU, one after the other and all at once. */
	for (cpu = cpus - 1; cpu >= 0; cpu--) {
		pin(cpu);
		ASSERT_EQ(0, fill(fd, cpu, 100));
	}
	for (cpu = 0; cpu < cpus; cpu++) {
		if (fork())
			continue;
		pin(cpu);
		_exit(fill(fd, cpu, 5000));
	}
	ASSERT_TRUE(children_ok(cpus));
	usleep(500000);

	EXPECT_EQ(map_stat(fd).shards, debug_shards(map_stat(fd).id, cpus));
	EXPECT_EQ(0, debug_remote(map_stat(fd).id));
	EXPECT_EQ(0, unlink_named("at_home"));
	close(fd);
}

/*
 * A process bound to one node allocates there for all shards, and is counted.
 */
TEST_F_TIMEOUT(numa, a_cpuset_has_its_way, 100)
{
	int cpus = cpus_count(), fd = device(O_RDWR), i;

	if (cpus < 2 || access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "one memory node");
	write_text("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset");
	mkdir(GROUP, 0755);
	if (write_text(GROUP "/cpuset.mems", "0"))
		SKIP(return, "no cpusets");
	ASSERT_EQ(0, create_named(fd, "cpuset", 0600));
	if (!fork())
		_exit(write_text(GROUP "/cgroup.procs", "0") || fill(fd, 0, 1000));
	EXPECT_TRUE(children_ok(1));
	EXPECT_EQ(1000, count(fd));
	if (debug_remote(map_stat(fd).id) >= 0)
		EXPECT_GT(debug_remote(map_stat(fd).id), 100000);
	/* Freed memory is no longer counted. */
	EXPECT_EQ(1000, clear(fd));
	for (i = 0; i < patient(100) && debug_remote(map_stat(fd).id) > 40000; i++)
		usleep(50000);
	EXPECT_LE(debug_remote(map_stat(fd).id), 40000);
	EXPECT_EQ(0, unlink_named("cpuset"));
	close(fd);
	for (i = 0; i < patient(50) && rmdir(GROUP); i++)
		usleep(100000);
}

TEST_HARNESS_MAIN
