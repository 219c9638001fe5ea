// SPDX-License-Identifier: GPL-2.0
/*
 * Other sources of records: inotify, whose events are read by read(), and BPF's ring
 * buffer, which libbpf maps and reads without a system call.
 */
#include "bench.h"
#include "feeds.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- inotify: names of 16 bytes ---- */

#define FILES	2

static int notify = -1;
static int file[FILES];

/* Equal events in a row become one, so the files take turns. */
static void inotify_make(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		check(fchmod(file[i % FILES], 0600), "fchmod");
}

static void inotify_read(size_t n)
{
	static char buf[65536];
	struct inotify_event *event;
	ssize_t len, at;

	while (n) {
		len = read(notify, buf, sizeof(buf));
		check(len <= 0, "read of inotify");
		for (at = 0; at < len; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (void *)(buf + at);
			check(event->mask != IN_ATTRIB, "an event that was not made");
			n--;
		}
	}
}

static char dir[64];

static const char *name_of(int i)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/name-of-file-%02d", dir, i);
	return path;
}

static void remove_files(void)
{
	int i;

	for (i = 0; i < FILES; i++)
		unlink(name_of(i));
	rmdir(dir);
}

const struct feed_peer *feed_inotify(void)
{
	static const struct feed_peer peer = {
		"inotify, read()", inotify_make, inotify_read,
	};
	int i;

	if (notify >= 0)
		return &peer;
	snprintf(dir, sizeof(dir), "/dev/shm/cmap-feeds-XXXXXX");
	if (!mkdtemp(dir))
		return NULL;
	atexit(remove_files);
	for (i = 0; i < FILES; i++) {
		file[i] = open(name_of(i), O_CREAT | O_RDWR, 0600);
		check(file[i] < 0, "open");
	}
	notify = inotify_init();
	return notify < 0 || inotify_add_watch(notify, dir, IN_ATTRIB) < 0 ?
	       NULL : &peer;
}

/* ---- BPF's ring buffer ---- */

static int program = -1;
static struct ring_buffer *ring;
static size_t consumed;
static char packet[64];

/* A program that adds a record of @payload bytes of zeroes to a ring. */
static int load_program(int map, size_t payload)
{
	struct bpf_insn code[80], *at = code;
	size_t i;

	for (i = 8; i <= payload; i += 8)
		*at++ = (struct bpf_insn){
			.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10,
			.off = (short)-i,
		};
	*at++ = (struct bpf_insn){
		.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1,
		.src_reg = BPF_PSEUDO_MAP_FD, .imm = map,
	};
	*at++ = (struct bpf_insn){};
	*at++ = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2,
		.src_reg = BPF_REG_10,
	};
	*at++ = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2,
		.imm = -(int)payload,
	};
	*at++ = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3,
		.imm = (int)payload,
	};
	*at++ = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4,
		.imm = BPF_RB_NO_WAKEUP,
	};
	*at++ = (struct bpf_insn){
		.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ringbuf_output,
	};
	*at++ = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
	};
	*at++ = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	return bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "feeds", "GPL", code,
			     (size_t)(at - code), NULL);
}

static void bpf_make(size_t n)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet,
		    .data_size_in = sizeof(packet), .repeat = (int)n);

	check(bpf_prog_test_run_opts(program, &options), "BPF_PROG_TEST_RUN");
}

static int consume(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	consumed++;
	return 0;
}

static void bpf_read(size_t n)
{
	consumed = 0;
	ring_buffer__consume(ring);
	check(consumed != n, "ring_buffer__consume");
}

const struct feed_peer *feed_bpf(size_t payload, size_t ring_bytes)
{
	static const struct feed_peer peer = {
		"BPF ring buffer", bpf_make, bpf_read,
	};
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int map;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "feeds", 0, 0,
			     (uint32_t)ring_bytes, NULL);
	if (map < 0)
		return NULL;
	program = load_program(map, payload);
	ring = ring_buffer__new(map, consume, NULL, NULL);
	return program < 0 || !ring ? NULL : &peer;
}
