/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Become another user, drop capabilities, or be root of other namespaces.
 */
#ifndef CMAP_USER_H
#define CMAP_USER_H

#include "cmap_test.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Permanently, and without other groups.  Returns true on success. */
static inline bool become(uid_t uid, gid_t gid)
{
	return !setgroups(0, NULL) && !setresgid(gid, gid, gid) &&
	       !setresuid(uid, uid, uid);
}

/* Keep the capabilities whose bits are set, and drop all others. */
static inline bool keep_capabilities(uint32_t bits)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = bits, .permitted = bits },
	};

	return !syscall(SYS_capset, &header, data);
}

/* ---- a child in a user namespace ---- */

/* The child, and pipes through which it and its parent take turns. */
struct inside {
	pid_t pid;
	int ready[2], go[2];
};

/* In the child: let the parent look, and wait until it has. */
static inline bool inside_shows(const struct inside *in)
{
	char c = 0;

	return write(in->ready[1], &c, 1) == 1 && read(in->go[0], &c, 1) == 1;
}

/* In the parent: wait for the child.  Returns false if it has ended. */
static inline bool inside_seen(const struct inside *in)
{
	char c;

	return read(in->ready[0], &c, 1) == 1;
}

/* In the parent: let the child continue. */
static inline bool inside_resume(const struct inside *in)
{
	char c = 0;

	return write(in->go[1], &c, 1) == 1;
}

/* Ids 0 to 999 inside are 100000 to 100999 outside. */
static inline int inside_map_ids(const struct inside *in)
{
	static const char * const files[] = { "uid_map", "gid_map" };
	char file[64];
	int i, err = 0;

	for (i = 0; i < 2 && !err; i++) {
		snprintf(file, sizeof(file), "/proc/%d/%s", in->pid, files[i]);
		err = write_text(file, "0 100000 1000");
	}
	return err;
}

/*
 * Fork a child into new namespaces, a user namespace among them, that belong to
 * user @uid.  The child is root in there; it calls @live and exits with the
 * result.  Returns 0, -ENOSYS if there are no such namespaces, or another
 * errno.
 */
static inline int inside_start(struct inside *in, uid_t uid, int namespaces,
			       int (*live)(const struct inside *in, void *arg),
			       void *arg)
{
	if (pipe(in->ready) || pipe(in->go))
		return -errno;
	fflush(stdout);
	in->pid = fork();
	if (!in->pid) {
		close(in->go[1]);
		if (!become(uid, uid) || prctl(PR_SET_DUMPABLE, 1) ||
		    unshare(namespaces))
			_exit(99);
		if (!inside_shows(in) || setresgid(0, 0, 0) ||
		    setresuid(0, 0, 0))
			_exit(98);
		_exit(live(in, arg));
	}
	close(in->ready[1]);
	if (!inside_seen(in)) {
		waitpid(in->pid, NULL, 0);
		return -ENOSYS;
	}
	return inside_map_ids(in) ?: inside_resume(in) ? 0 : -EIO;
}

#endif /* CMAP_USER_H */
