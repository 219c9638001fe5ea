// SPDX-License-Identifier: LGPL-2.1-or-later
#include "view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Called before the map is created, so that no memory is needed afterwards. */
static struct kcmap *handle_new(int no_window)
{
	const char *choice = getenv("KCMAP_NO_WINDOW");
	struct kcmap *map = calloc(1, sizeof(*map));

	if (map) {
		map->calls_only = no_window || (choice && *choice);
		map->no_window = map->calls_only ? ENODEV : 0;
	}
	return map;
}

/* Attach the handle to a descriptor bound to a map. -1 with errno set. */
static int handle_bind(struct kcmap *map, int fd)
{
	struct cmap_stat stat = {
		.size = sizeof(stat), .flags = CMAP_STAT_BRIEF,
	};
	struct stat file;
	int err = ioctl(fd, CMAP_IOCTL_STAT, &stat);

	/* An older module has neither this flag nor deadlines. */
	if (err && errno == EINVAL) {
		stat.flags = 0;
		err = ioctl(fd, CMAP_IOCTL_STAT, &stat);
	}
	if (err || fstat(fd, &file))
		return -1;
	map->fd = fd;
	map->device = file.st_rdev;
	map->id = stat.id;
	map->clock_offset = stat.clock_offset;
	return 0;
}

/* free() without losing the errno that matters. */
static void free_quietly(void *memory)
{
	int saved = errno;

	free(memory);
	errno = saved;
}

static int name_length(const char *name, uint32_t *len)
{
	size_t n = strlen(name);

	if (!n || n > CMAP_NAME_MAX) {
		errno = EINVAL;
		return -1;
	}
	*len = (uint32_t)n;
	return 0;
}

/* Whoever would create a map may not use one that anybody has made before. */
static bool wants_trusted(int oflag)
{
	return oflag & O_CREAT && !(oflag & KCMAP_O_ANY_OWNER);
}

static int bind_existing(int fd, const char *name, bool trusted)
{
	struct cmap_name args = {
		.size = sizeof(args),
		.flags = trusted ? CMAP_OPEN_TRUSTED : 0,
		.name = ptr_to_u64(name),
	};

	if (name_length(name, &args.name_len))
		return -1;
	return ioctl(fd, CMAP_IOCTL_OPEN, &args);
}

/* The map exists: compare it with the options, if any were given. */
static int check_existing(int fd, int oflag, const struct kcmap_options *options)
{
	int differ;

	if (!(oflag & O_CREAT) || oflag & KCMAP_O_ANY_OPTIONS)
		return 0;
	differ = kcmap_fd_differs(fd, options);
	if (differ > 0)
		errno = EEXIST;
	return differ ? -1 : 0;
}

static int bind_new(int fd, const char *name,
		    const struct kcmap_options *options)
{
	struct cmap_create args = {
		.size = sizeof(args),
		.flags = options->flags,
		.name = ptr_to_u64(name),
		.mode = options->mode,
		.key_max = options->key_max,
		.value_max = options->value_max,
		.shards = options->shards,
		.max_entries = options->max_entries,
		.max_bytes = options->max_bytes,
		.feed_bytes = options->feed_bytes,
		.feed_value_max = options->feed_value_max,
		.default_ttl = options->default_ttl,
	};

	memcpy(args.description, options->description, sizeof(args.description));
	if (name && name_length(name, &args.name_len))
		return -1;
	return ioctl(fd, CMAP_IOCTL_CREATE, &args);
}

/*
 * Like open(2): with O_CREAT but not O_EXCL, whoever loses a race to create or
 * remove the name starts over.
 */
static int bind_any(int fd, const char *name, int oflag,
		    const struct kcmap_options *options, bool *created)
{
	for (;;) {
		if (name && !(oflag & O_EXCL)) {
			if (!bind_existing(fd, name, wants_trusted(oflag)))
				return check_existing(fd, oflag, options);
			if (errno != ENOENT || !(oflag & O_CREAT))
				return -1;
		}
		if (!bind_new(fd, name, options)) {
			*created = true;
			return 0;
		}
		if (errno != EEXIST || oflag & O_EXCL)
			return -1;
	}
}

/* kcmap_unlink() without losing the errno that matters. */
static void unlink_quietly(const char *name)
{
	int saved = errno;

	kcmap_unlink(name);
	errno = saved;
}

API struct kcmap *kcmap_open(const char *name, int oflag,
			     const struct kcmap_options *given)
{
	struct kcmap_options options;
	bool created = false;
	struct kcmap *map;
	int fd;

	if (oflag & ~(O_ACCMODE | O_CREAT | O_EXCL | O_CLOEXEC |
		      KCMAP_O_NO_WINDOW | KCMAP_O_ANY_OWNER |
		      KCMAP_O_ANY_OPTIONS) ||
	    (oflag & O_EXCL && !(oflag & O_CREAT)) ||
	    (!name && !(oflag & O_CREAT))) {
		errno = EINVAL;
		return NULL;
	}
	if (kcmap_options_resolve(given, &options))
		return NULL;

	map = handle_new(oflag & KCMAP_O_NO_WINDOW);
	if (!map)
		return NULL;
	fd = open(CMAP_DEVICE, (oflag & O_ACCMODE) | O_CLOEXEC);
	if (fd < 0)
		goto free_map;
	if (bind_any(fd, name, oflag, &options, &created))
		goto close_fd;
	if (handle_bind(map, fd)) {
		/*
		 * The caller is told that it failed, so no new map may be left
		 * over.
		 */
		if (created && name)
			unlink_quietly(name);
		goto close_fd;
	}

	map->created = created;
	map->trusted = wants_trusted(oflag);
	return map;

close_fd:
	close_quietly(fd);
free_map:
	free_quietly(map);
	return NULL;
}

API bool kcmap_created(const struct kcmap *map)
{
	return map->created;
}

API struct kcmap *kcmap_from_fd(int fd)
{
	struct kcmap *map = handle_new(0);

	if (!map || !handle_bind(map, fd))
		return map;

	/* ENOTTY: a file of another kind, which does not know the command. */
	if (errno == ENOTTY)
		errno = EINVAL;
	free_quietly(map);
	return NULL;
}

API int kcmap_fd(const struct kcmap *map)
{
	return map->fd;
}

/* Give up what a handle has, but for its memory. */
static void handle_release(const struct kcmap *map)
{
	kcmap_view_close(map->view);
	/* If the number is another file's by now, it is not ours to close. */
	if (kcmap_is_ours(map->fd, map->device, map->id))
		close(map->fd);
}

API void kcmap_close(struct kcmap *map)
{
	int saved = errno;

	if (!map)
		return;
	handle_release(map);
	free(map);
	errno = saved;
}

/* The access mode with which the map was opened, or -1 with errno set. */
static int access_mode(const struct kcmap *map)
{
	int flags;

	if (kcmap_is_ours(map->fd, map->device, map->id) <= 0)
		return -1;
	flags = fcntl(map->fd, F_GETFL);
	return flags < 0 ? -1 : flags & O_ACCMODE;
}

API int kcmap_reopen(struct kcmap *map, const char *name)
{
	struct kcmap old = *map, new = {
		.trusted = map->trusted,
		.calls_only = map->calls_only,
		.no_window = map->calls_only ? ENODEV : 0,
	};
	int mode = access_mode(map), fd;

	if (mode < 0)
		return -1;
	fd = open(CMAP_DEVICE, mode | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (bind_existing(fd, name, new.trusted) || handle_bind(&new, fd)) {
		close_quietly(fd);
		return -1;
	}
	/* Also if it is the same map: the new descriptor knows of its renames. */
	*map = new;
	handle_release(&old);
	return new.id != old.id;
}

API int kcmap_unlink(const char *name)
{
	struct cmap_name args = {
		.size = sizeof(args),
		.name = ptr_to_u64(name),
	};
	int fd, err;

	if (name_length(name, &args.name_len))
		return -1;
	fd = open(CMAP_DEVICE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	err = ioctl(fd, CMAP_IOCTL_UNLINK, &args);
	close_quietly(fd);

	return err;
}

static int rename_to(const struct kcmap *map, const char *name, uint32_t flags)
{
	struct cmap_name args = {
		.size = sizeof(args),
		.flags = flags,
		.name = ptr_to_u64(name),
	};

	if (name_length(name, &args.name_len))
		return -1;
	return kcmap_call_ours(map, CMAP_IOCTL_RENAME, &args);
}

API int kcmap_rename(struct kcmap *map, const char *name)
{
	return rename_to(map, name, 0);
}

API int kcmap_publish(struct kcmap *map, const char *name)
{
	return rename_to(map, name, CMAP_RENAME_REPLACE);
}

API int kcmap_exchange(struct kcmap *map, const char *name)
{
	return rename_to(map, name, CMAP_RENAME_EXCHANGE);
}

API int kcmap_name_changed(const struct kcmap *map)
{
	struct cmap_stat stat = {
		.size = offsetof(struct cmap_stat, name_changes) +
			sizeof(stat.name_changes),
		.flags = CMAP_STAT_BRIEF,
	};

	return kcmap_call_ours(map, CMAP_IOCTL_STAT, &stat) ? -1 :
	       stat.name_changes != 0;
}

API int kcmap_chmod(struct kcmap *map, mode_t mode)
{
	struct cmap_setattr args = {
		.size = sizeof(args),
		.flags = CMAP_SET_MODE,
		.mode = mode,
	};

	return kcmap_call_ours(map, CMAP_IOCTL_SETATTR, &args);
}

API int kcmap_chown(struct kcmap *map, uid_t uid, gid_t gid)
{
	struct cmap_setattr args = { .size = sizeof(args) };

	if (uid != (uid_t)-1) {
		args.flags |= CMAP_SET_UID;
		args.uid = uid;
	}
	if (gid != (gid_t)-1) {
		args.flags |= CMAP_SET_GID;
		args.gid = gid;
	}
	return kcmap_call_ours(map, CMAP_IOCTL_SETATTR, &args);
}
