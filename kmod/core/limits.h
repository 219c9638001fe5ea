/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits on maps and their memory: of one user, and of all users together.
 *
 * Each map is paid for by a user, except that nobody pays for a map that kernel
 * code made.  A user's object exists as long as the user pays for a map, has a watch or an
 * owner, or waits for a key.
 */
#ifndef CMAP_LIMITS_H
#define CMAP_LIMITS_H

#include "account.h"

#include <linux/list.h>
#include <linux/uidgid.h>

struct cmap_limits;
struct user_namespace;

/* Module parameters.  With 0 a user may have a quarter of all. */
extern unsigned int cmap_max_maps;
extern unsigned int cmap_user_max_maps;
extern unsigned int cmap_max_watches;
extern unsigned int cmap_user_max_watches;
extern unsigned int cmap_max_waiters;
extern unsigned int cmap_user_max_waiters;
extern unsigned int cmap_max_owners;
extern unsigned int cmap_user_max_owners;

/* What is limited by number. */
enum cmap_counted {
	CMAP_COUNTED_MAPS,
	CMAP_COUNTED_WATCHES,
	CMAP_COUNTED_WAITERS,	/* keys that are waited for */
	CMAP_COUNTED_OWNERS,	/* owners of entries */
	CMAP_COUNTED
};

/**
 * struct cmap_user - a user who pays for maps, has watches or owners, or waits
 * @account: the memory of all of the user's maps; the parent of their bills
 * @uid: the user
 * @count: how much the user has of each that is counted
 * @node: entry in the table of users
 *
 * The table's lock protects @count and @node.  @account does its own locking, and
 * @uid is constant.
 */
struct cmap_user {
	struct cmap_account account;
	kuid_t uid;
	u32 count[CMAP_COUNTED];
	struct hlist_node node;
};

bool cmap_privileged(void);
kuid_t cmap_user_payer(const struct user_namespace *ns, kuid_t uid);

int cmap_counted_add(enum cmap_counted what, u32 n, bool privileged);
void cmap_counted_remove(enum cmap_counted what, u32 n);
struct cmap_user *cmap_user_count_some(enum cmap_counted what, u32 n, kuid_t uid,
				       bool privileged);
void cmap_user_uncount_some(enum cmap_counted what, u32 n,
			    struct cmap_user *user);
struct cmap_user *cmap_current_count(enum cmap_counted what, u32 n);
void cmap_current_uncount(enum cmap_counted what, u32 n, struct cmap_user *user);

/* Count one more map for a user. */
static inline struct cmap_user *cmap_user_count(kuid_t uid, bool privileged)
{
	return cmap_user_count_some(CMAP_COUNTED_MAPS, 1, uid, privileged);
}

/* Count one map fewer. */
static inline void cmap_user_uncount(struct cmap_user *user)
{
	cmap_user_uncount_some(CMAP_COUNTED_MAPS, 1, user);
}

void cmap_limits_total(u64 *maps, u64 *bytes);
void cmap_limits_fill(struct cmap_limits *limits);
void cmap_limits_all(struct cmap_limits *limits);
void cmap_limits_each(void (*fn)(void *arg, kuid_t uid,
				 const struct cmap_limits *limits), void *arg);

#endif /* CMAP_LIMITS_H */
