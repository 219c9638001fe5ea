/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one user, and all together, may have of maps and of their memory.
 *
 * A map is paid for by a user, or, if kernel code made it, by nobody.  The user
 * is there as long as maps of his are.
 */
#ifndef CMAP_LIMITS_H
#define CMAP_LIMITS_H

#include "account.h"

#include <linux/list.h>
#include <linux/uidgid.h>

struct cmap_limits;
struct user_namespace;

/* Module parameters; 0 of the user's stands for a quarter of the module's. */
extern unsigned int cmap_max_maps;
extern unsigned int cmap_user_max_maps;

/**
 * struct cmap_user - one who pays for maps
 * @account: his memory, above that of his maps
 * @uid: who he is
 * @maps: how many maps he pays for
 * @node: in the table of users
 *
 * @maps and @node are under the table's lock; the rest locks itself.
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
