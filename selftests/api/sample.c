// SPDX-License-Identifier: GPL-2.0
/*
 * A user in the kernel: the sample module counts packets in softirq context, in
 * a map that processes read meanwhile.
 */
#include "load.h"
#include "kselftest_harness.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

struct sum {
	int64_t udp;
	int64_t all;
};

static void add_up(const struct cmap_entry *e, const void *key,
		   const void *value, void *arg)
{
	struct sum *sum = arg;

	sum->all += *(const int64_t *)value;
	if (e->key_len > 3 && !memcmp((const char *)key + e->key_len - 3,
				      "udp", 3))
		sum->udp += *(const int64_t *)value;
}

static struct sum read_counts(int fd)
{
	struct sum sum = {};

	range_all(fd, 4096, add_up, &sum);
	return sum;
}

/*
 * Packets that were dropped because a CPU's queue was full.  Where threads
 * empty the queues (PREEMPT_RT), that happens.
 */
static long dropped(void)
{
	FILE *file = fopen("/proc/net/softnet_stat", "r");
	long sum = 0, n;

	while (file && fscanf(file, "%*x %lx%*[^\n]", &n) == 1)
		sum += n;
	if (file)
		fclose(file);
	return sum;
}

/* Datagrams to ourselves.  Each is received once, so it is counted once. */
static int send_packets(int n)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int sock = socket(AF_INET, SOCK_DGRAM, 0), sent = 0;

	while (n--)
		sent += sendto(sock, "x", 1, 0, (void *)&addr,
			       sizeof(addr)) == 1;
	close(sock);
	return sent;
}

TEST(counts_every_packet_while_processes_read)
{
	struct sum before, after, last = {};
	int err = load("cmap_sample"), fd = device(O_RDONLY), i;
	int *sent = shared_memory(sizeof(int) * 4), all;
	long lost;

	if (err == -ENOENT)
		SKIP(return, "no sample module");
	ASSERT_TRUE(!err || err == -EEXIST);
	ASSERT_EQ(0, open_named(fd, "kernel:packets"));
	EXPECT_EQ(-EBADF, set(fd, "k", 1, "v", 1));

	before = read_counts(fd);
	lost = dropped();
	for (i = 0; i < 4; i++) {
		if (fork())
			continue;
		sent[i] = send_packets(3000);
		_exit(0);
	}
	/* A reader only ever sees counts grow. */
	for (i = 0; i < 200; i++) {
		struct sum sum = read_counts(fd);

		ASSERT_GE(sum.udp, last.udp);
		last = sum;
	}
	ASSERT_TRUE(children_ok(4));
	usleep(200000);
	after = read_counts(fd);
	lost = dropped() - lost;
	all = sent[0] + sent[1] + sent[2] + sent[3];
	EXPECT_LE(after.udp - before.udp, all);
	EXPECT_GE(after.udp - before.udp, all - lost);
	EXPECT_GT(after.udp, before.udp);

	close(fd);
	EXPECT_EQ(0, unload("cmap_sample"));
	fd = device(O_RDONLY);
	EXPECT_EQ(-ENOENT, open_named(fd, "kernel:packets"));
	close(fd);
}

TEST_HARNESS_MAIN
