/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits on maps and their memory: of one user, and of all users together.
 *
 * Each map is paid for by a user, except that nobody pays for a map that kernel
 * code made.  A user's object exists as long as the user pays for a map.
 */
#ifndef CMAP_LIMITS_H
#define CMAP_LIMITS_H

#include "account.h"

#include <linux/list.h>
#include <linux/uidgid.h>

struct cmap_limits;
struct user_namespace;

/* Module parameters.  With 0 a user may have a quarter of cmap_max_maps. */
extern unsigned int cmap_max_maps;
extern unsigned int cmap_user_max_maps;

/**
 * struct cmap_user - a user who pays for maps
 * @account: the memory of all of the user's maps; the parent of their bills
 * @uid: the user
 * @maps: how many maps the user pays for
 * @node: entry in the table of users
 *
 * The table's lock protects @maps and @node.  @account does its own locking, and
 * @uid is constant.
 */
struct cmap_user {
	struct cmap_account account;
	kuid_t uid;
	u32 maps;
	struct hlist_node node;
};

bool cmap_privileged(void);
kuid_t cmap_user_payer(const struct user_namespace *ns, kuid_t uid);

int cmap_maps_count(bool privileged);
void cmap_maps_uncount(void);
struct cmap_user *cmap_user_count(kuid_t uid, bool privileged);
void cmap_user_uncount(struct cmap_user *user);

void cmap_limits_total(u64 *maps, u64 *bytes);
void cmap_limits_fill(struct cmap_limits *limits);
void cmap_limits_all(struct cmap_limits *limits);
void cmap_limits_each(void (*fn)(void *arg, kuid_t uid,
				 const struct cmap_limits *limits), void *arg);

#endif /* CMAP_LIMITS_H */
