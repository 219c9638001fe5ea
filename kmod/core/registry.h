/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All maps: how they are made, referred to and destroyed; how they are found by id,
 * and by name if they have one; owners and modes.
 *
 * Names are those of a network namespace, as abstract socket addresses are.
 */
#ifndef CMAP_REGISTRY_H
#define CMAP_REGISTRY_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct cmap;
struct cmap_spec;
struct net;

/* What is to be done with a map: the bits of others in its mode. */
#define CMAP_MAY_READ		0004
#define CMAP_MAY_WRITE		0002
#define CMAP_MAY_CHANGE		0010	/* no bit: for owners, whatever the mode */

/* What to change of a map: CMAP_SET_* says which. */
struct cmap_attr {
	u32 valid;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
};

struct cmap *cmap_map_new(const struct cmap_spec *spec);
void cmap_map_get(struct cmap *map);
void cmap_map_put(struct cmap *map);
void cmap_map_hold(struct cmap *map);
void cmap_map_unhold(struct cmap *map);

struct net *cmap_names_here(void);
struct net *cmap_names_initial(void);

int cmap_names_add(struct cmap *map, struct net *net);

struct cmap *cmap_names_open(struct net *net, const char *name, int access,
			     bool trusted, u32 *renames);
int cmap_names_unlink(struct net *net, const char *name);
int cmap_names_unlink_map(struct cmap *map);
int cmap_names_rename(struct cmap *map, const char *name, u32 flags);
int cmap_names_set(struct cmap *map, const struct cmap_attr *attr);
struct cmap *cmap_names_next(u64 *id);

void cmap_names_unlink_all(const struct net *net);
int cmap_names_init(void);
void cmap_names_close(void);
void cmap_names_exit(void);

bool cmap_name_valid(const char *name, size_t len);
bool cmap_name_kernels(const char *name);

#endif /* CMAP_REGISTRY_H */
