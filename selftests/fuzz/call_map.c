// SPDX-License-Identifier: GPL-2.0
#include "calls.h"
#include "abi.h"
#include "memory.h"
#include "places.h"
#include "touch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/futex.h>
#include <linux/mempolicy.h>

/* ---- offsets in the file ---- */

/* The offset of a table, or of nodes, of the map; 0 if it has none there. */
static uint64_t place_of(int fd, uint64_t n, bool table)
{
	const struct cmap_window *header = map_header(fd);
	const struct cmap_window_shard *shard;
	uint64_t at = 0, word;
	uint32_t i, granule;
	size_t size;

	if (!header)
		return 0;
	size = header_size(header);
	i = n % header->shards;
	shard = shard_in(header, i);
	word = n / 4 % 2 ? shard->next : shard->table;
	granule = FIRST_GRANULE + n / 4 % 64;
	if (table && word)
		at = table_offset(header, i, word);
	else if (!table && number_at(shard, granule))
		at = granule_offset(i, granule);
	munmap((void *)header, size);

	return at;
}

/*
 * The offset that an ARG_OFFSET stands for.  The lowest 8 bits say of what, the
 * others of which.  Some choices stand for something in the map, the others for
 * any place of any region.
 */
static uint64_t offset_in(int fd, uint64_t arg)
{
	uint64_t n = arg >> 8;

	switch (arg & 0xff) {
	case 0:
		return n * FUZZ_PAGE;
	case 1:
		return CMAP_WINDOW_REGION(n % CMAP_WINDOW_REGIONS) +
		       n / CMAP_WINDOW_REGIONS % 4096 * FUZZ_PAGE;
	case 2:
		return place_of(fd, n, true);
	case 3:
		return place_of(fd, n, false);
	case 4:
		return FUZZ_PAGE << n % 52;
	default:
		return -(n * FUZZ_PAGE);
	}
}

/* ---- mmap() and calls on mappings ---- */

static const int map_flags[] = {
	MAP_SHARED, MAP_SHARED | MAP_POPULATE, MAP_SHARED | MAP_LOCKED,
	MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_SHARED_VALIDATE | MAP_SYNC,
	MAP_SHARED | MAP_NORESERVE, MAP_SHARED | MAP_HUGETLB,
};

/* The part of a slot to which a call refers. */
static char *part(uint64_t slot, uint64_t from, uint64_t *bytes)
{
	from %= FUZZ_WINDOW;
	if (*bytes > FUZZ_WINDOW - from)
		*bytes = FUZZ_WINDOW - from;
	return fuzz_window(slot) + from;
}

/*
 * A mapping that fits goes into the slot.  A larger one goes elsewhere, is
 * read, and is unmapped again.
 */
FUZZ_CALL(mmap)
{
	int fd = fuzz_fd(arg[0]), prot = arg[4] % 8, flags;
	uint64_t offset = offset_in(fd, arg[2]);
	bool fits = arg[3] <= FUZZ_WINDOW;
	void *p;

	/* Mostly valid: shared, and for reading. */
	prot = prot == 0 ? PROT_READ : prot == 1 ? 0 : prot;
	flags = map_flags[arg[5] % 8] | (fits ? MAP_FIXED : 0);
	fuzz_fail_begin(thread);
	p = mmap(fits ? fuzz_window(arg[1]) : NULL, arg[3], prot, flags, fd,
		 (off_t)offset);
	fuzz_fail_end(thread);
	if (p == MAP_FAILED)
		return -errno;
	if (!fits) {
		fuzz_touch(p, arg[3] / 8 + 1, 8);
		munmap(p, arg[3]);
	}
	return 0;
}

FUZZ_CALL(munmap)
{
	uint64_t bytes = arg[2];
	char *at = part(arg[0], arg[1], &bytes);

	if (munmap(at, bytes))
		return -errno;
	/* Keep the hole, so that nothing else is mapped there. */
	mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
	     MAP_NORESERVE | MAP_FIXED, -1, 0);
	return 0;
}

FUZZ_CALL(mremap)
{
	static const int flags[] = {
		MREMAP_MAYMOVE | MREMAP_FIXED, 0,
		MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
		MREMAP_MAYMOVE | MREMAP_FIXED,
	};
	uint64_t bytes = arg[2], new_bytes = arg[3];
	char *at = part(arg[0], arg[1], &bytes);
	char *to = part(arg[4], 0, &new_bytes);

	/* A length of 0 makes a second mapping of shared memory. */
	if (arg[5] % 4 == 3)
		bytes = 0;
	if (mremap(at, bytes, new_bytes, flags[arg[5] % 4], to) == MAP_FAILED)
		return -errno;
	return 0;
}

FUZZ_CALL(mprotect)
{
	uint64_t bytes = arg[2];
	char *at = part(arg[0], arg[1], &bytes);

	return mprotect(at, bytes, (int)arg[3] & 7) ? -errno : 0;
}

static long remap_pages(char *at, uint64_t bytes)
{
	return syscall(SYS_remap_file_pages, at, bytes, 0, 1, 0);
}

static long bind_memory(char *at, uint64_t bytes)
{
	unsigned long node = 1;

	return syscall(SYS_mbind, at, bytes, MPOL_BIND, &node, 8,
		       MPOL_MF_MOVE);
}

/* Some headers lack these: populate for reading and writing, cold, page out. */
FUZZ_CALL(madvise)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK, 22, 23, MADV_REMOVE,
		MADV_WILLNEED, MADV_HUGEPAGE, 20, 21, MADV_FREE,
	};
	static unsigned char pages[FUZZ_WINDOW / FUZZ_PAGE];
	uint64_t bytes = arg[2], choice = arg[3] % FUZZ_ADVICE;
	char *at = part(arg[0], arg[1], &bytes);
	long result;

	switch (choice) {
	case 11:
		result = mlock(at, bytes);
		break;
	case 12:
		result = msync(at, bytes, MS_SYNC | MS_INVALIDATE);
		break;
	case 13:
		result = mincore(at, bytes, pages);
		break;
	case 14:
		result = remap_pages(at, bytes);
		break;
	case 15:
		result = bind_memory(at, bytes);
		break;
	default:
		result = madvise(at, bytes, advice[choice]);
	}
	return result ? -errno : 0;
}

/* ---- access to memory ---- */

FUZZ_CALL(touch)
{
	uint64_t from = arg[1] % FUZZ_WINDOW, step = arg[2] % 9000 + 1;
	uint64_t n = arg[3] % 60 + 1;

	if (n * step > FUZZ_WINDOW - from)
		n = (FUZZ_WINDOW - from) / step;
	return fuzz_touch(fuzz_window(arg[0]) + from, step, n);
}

static long through_pipe(char *at, size_t len, bool gift)
{
	struct iovec iov = { at, len };
	int ends[2];
	long result;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -1;
	result = gift ? vmsplice(ends[1], &iov, 1, 0) :
			write(ends[1], at, len);
	close(ends[0]);
	close(ends[1]);

	return result;
}

static long by_proc(char *at, char *buf, size_t len, bool writes)
{
	int fd = open("/proc/self/mem", (writes ? O_RDWR : O_RDONLY) |
		      O_CLOEXEC);
	long result = writes ? pwrite(fd, buf, len, (off_t)(uintptr_t)at) :
			       pread(fd, buf, len, (off_t)(uintptr_t)at);

	close(fd);
	return result;
}

static long futex(char *at, int op)
{
	struct timespec soon = { .tv_nsec = 1000 };

	at = (char *)((uintptr_t)at & ~3UL);
	return syscall(SYS_futex, at, op, 0, &soon, at, 0);
}

/* The other ways to access memory: through the kernel. */
static long memory(char *at, uint64_t len, uint64_t choice)
{
	char buf[8192] = {};
	struct iovec local = { buf, len }, remote = { at, len };
	int node;

	switch (choice % FUZZ_MEMORIES) {
	case 0:
		return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	case 1:
		return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	case 2:
		return by_proc(at, buf, len, false);
	case 3:
		return by_proc(at, buf, len, true);
	case 4:
		return through_pipe(at, len, false);
	case 5:
		return through_pipe(at, len, true);
	case 6:
		return futex(at, FUTEX_WAIT);
	case 7:
		return futex(at, FUTEX_WAKE);
	case 8:
		return syscall(SYS_get_mempolicy, &node, NULL, 0, at,
			       MPOL_F_NODE | MPOL_F_ADDR);
	case 9:
		return syscall(SYS_move_pages, 0, 1, &at, NULL, &node, 0);
	case 10:
		return access(at, R_OK);
	default:
		return read(-1, at, len);
	}
}

FUZZ_CALL(memory)
{
	uint64_t len = arg[2] % 8192;
	char *at = part(arg[0], arg[1], &len);
	long result = memory(at, len, arg[3]);

	return result < 0 ? -errno : result;
}
