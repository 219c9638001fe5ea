/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * cmap - concurrent key/value maps shared by processes and the kernel.
 *
 * This file is the whole ABI of /dev/cmap.  A descriptor of the device is first
 * bound to a map: to a new one (CMAP_IOCTL_CREATE) or to an existing one
 * (CMAP_IOCTL_OPEN).  From then on it refers to that map.  The access mode with
 * which the device was opened says what the descriptor may do: O_RDONLY allows
 * reads, O_WRONLY writes, O_RDWR both.
 *
 * poll, select and epoll always report such a descriptor as ready for reading
 * and writing, bound or not.  To wait for changes of a map, make a watch, or use
 * CMAP_IOCTL_WAIT: see <linux/cmap_feed.h>, which is a part of this file, as is
 * <linux/cmap_window.h>.
 */
#ifndef _UAPI_LINUX_CMAP_H
#define _UAPI_LINUX_CMAP_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: Structures
 *
 * Every structure begins with its own size.  The caller sets it to sizeof() of
 * the structure that it was compiled with.  The kernel extends a structure that
 * is shorter than its own with zeroes, down to the least size that each command
 * states.  It accepts a longer one if all bytes that it does not know are zero.
 * Reserved fields and unknown flags must be zero.  User pointers have 64 bits,
 * so 32-bit programs use the same layout.
 *
 * DOC: Errors
 *
 * Each errno has one meaning for all commands:
 *
 * ========== ==================================================================
 * E2BIG      a structure is longer than the kernel's and not zero there; or a
 *            key or value is longer than the map's maximum
 * EACCES     the map's owner, group and mode do not allow this open or unlink;
 *            the name is reserved for kernel code; with CMAP_OPEN_TRUSTED: the
 *            map belongs neither to the caller nor to root; or a mapping that
 *            could be written or executed was asked for
 * EAGAIN     read() of a watch that does not block: there is no change.  And
 *            for kernel callers that may not sleep: enough memory will be free
 *            after a grace period, which they cannot wait for; or others wrote
 *            to the key at each of several tries
 * EBADF      the descriptor was not opened for reading, or for writing; or, with
 *            CMAP_OP_OWNED_BY_PROCESS, another thread has closed it meanwhile
 * EBADFD     the descriptor is not bound to a map
 * EBUSY      the descriptor is bound to a map already
 * EDOM       add: the value is not 8 bytes long
 * EDQUOT     the user who pays for the map, or for the watch, is at a limit on
 *            maps or on memory; or the caller's user is at the limit on watches,
 *            on owners, or on keys waited for
 * EEXIST     the key, or the map's name, exists already
 * EFAULT     a pointer does not point to memory that can be read or written
 * EINTR      a fatal signal arrived; for WAIT and read() of a watch: any signal
 * EINVAL     a size, flag, reserved field, name, cursor, parameter or command
 *            in a batch is not valid; a length is not the map's fixed one; or a
 *            mapping is private, or beyond all regions of the window
 * EMFILE     the process has as many descriptors as it may
 * EMSGSIZE   the buffer is too small; the length field says what is needed
 * ENFILE     the module's limit on the number of maps, of watches, of owners, or
 *            of keys waited for, the map's limit on owners, or the system's
 *            limit on open files is reached
 * ENODEV     mmap: the map was made without a window, or the CPU has caches in
 *            which a process could see other contents than the kernel
 * ENOENT     there is no such key, or no map of that name
 * ENOMEM     out of memory, or the memory cgroup is at its limit
 * ENOSPC     the map's max_entries or max_bytes, or the module's limit on
 *            bytes, is reached, and not enough is on its way back (an entry can
 *            still be replaced by one of the same or a smaller size); or a
 *            shard's entries have 32 GiB, the most that they can have
 * ENOTTY     there is no such command
 * EOPNOTSUPP the map has no feed
 * EOVERFLOW  add: the sum does not fit in a signed 64-bit number
 * EPERM      only the map's owner, or a caller with the capability, may change
 *            its name, owner, group or mode
 * ERANGE     add: the sum would be above the ceiling
 * ESTALE     the entry's version, or value, is not the expected one
 * ETIMEDOUT  no key has changed until the deadline
 * EXFULL     too many keys whose hashes collide with this one
 * ========== ==================================================================
 *
 * A command that fails changes nothing, with one exception: EFAULT while a
 * result is written back, if another thread unmapped or protected that memory
 * during the call.
 */

#define CMAP_DEVICE		"/dev/cmap"

/*
 * Names belong to the caller's network namespace, like abstract socket
 * addresses.  A map of another namespace is neither found nor listed, and can
 * have the same name.  When a namespace ends, its names are removed.
 *
 * Names with this prefix are reserved: only kernel code makes maps with them,
 * in the initial namespace.
 */
#define CMAP_KERNEL_PREFIX	"kernel:"

/* Upper limits. */
#define CMAP_NAME_MAX		255	/* bytes in a name, no NUL, no '/' */
#define CMAP_KEY_MAX		512	/* bytes in a key; 0 is fine */
#define CMAP_VALUE_MAX		(1U << 20) /* bytes in a value; 0 is fine */
#define CMAP_SHARDS_MAX		1024
#define CMAP_BATCH_MAX		65536	/* commands in one batch */
#define CMAP_OWNERS_MAX		65536	/* owners of entries of a map */

/* Bytes in the description of a map. */
#define CMAP_DESCRIPTION_SIZE	64

#define CMAP_IOC_MAGIC		0xC9

/*
 * Command numbers, for ioctls and for &struct cmap_op.code in a batch.  New
 * ones are appended; none is reused.
 */
enum cmap_code {
	/* bind a descriptor; names */
	CMAP_CODE_CREATE		= 0x00,
	CMAP_CODE_OPEN			= 0x01,
	CMAP_CODE_UNLINK		= 0x02,
	CMAP_CODE_LIST			= 0x03,
	CMAP_CODE_RENAME		= 0x04,
	CMAP_CODE_SETATTR		= 0x05,
	CMAP_CODE_LIMITS		= 0x06,
	/* on one key: struct cmap_op */
	CMAP_CODE_GET			= 0x10,
	CMAP_CODE_SET			= 0x11,
	CMAP_CODE_DELETE		= 0x12,
	CMAP_CODE_TAKE			= 0x13,
	CMAP_CODE_SWAP			= 0x14,
	CMAP_CODE_COMPARE_SWAP		= 0x15,
	CMAP_CODE_COMPARE_DELETE	= 0x16,
	CMAP_CODE_GET_OR_SET		= 0x17,
	CMAP_CODE_ADD			= 0x18,
	CMAP_CODE_TOUCH			= 0x19,
	/* on the map: struct cmap_op */
	CMAP_CODE_CLEAR			= 0x20,
	CMAP_CODE_COUNT			= 0x21,
	/* on the map: a structure of their own */
	CMAP_CODE_STAT			= 0x30,
	CMAP_CODE_RANGE			= 0x31,
	CMAP_CODE_BATCH			= 0x32,
	CMAP_CODE_FEED_READ		= 0x33,
	CMAP_CODE_FEED_CURSOR		= 0x34,
	CMAP_CODE_WATCH			= 0x35,
	CMAP_CODE_WAIT			= 0x36,
};

#define CMAP_IOCTL_CREATE	_IO(CMAP_IOC_MAGIC, CMAP_CODE_CREATE)
#define CMAP_IOCTL_OPEN		_IO(CMAP_IOC_MAGIC, CMAP_CODE_OPEN)
#define CMAP_IOCTL_UNLINK	_IO(CMAP_IOC_MAGIC, CMAP_CODE_UNLINK)
#define CMAP_IOCTL_LIST		_IO(CMAP_IOC_MAGIC, CMAP_CODE_LIST)
#define CMAP_IOCTL_RENAME	_IO(CMAP_IOC_MAGIC, CMAP_CODE_RENAME)
#define CMAP_IOCTL_SETATTR	_IO(CMAP_IOC_MAGIC, CMAP_CODE_SETATTR)
#define CMAP_IOCTL_LIMITS	_IO(CMAP_IOC_MAGIC, CMAP_CODE_LIMITS)
#define CMAP_IOCTL_GET		_IO(CMAP_IOC_MAGIC, CMAP_CODE_GET)
#define CMAP_IOCTL_SET		_IO(CMAP_IOC_MAGIC, CMAP_CODE_SET)
#define CMAP_IOCTL_DELETE	_IO(CMAP_IOC_MAGIC, CMAP_CODE_DELETE)
#define CMAP_IOCTL_TAKE		_IO(CMAP_IOC_MAGIC, CMAP_CODE_TAKE)
#define CMAP_IOCTL_SWAP		_IO(CMAP_IOC_MAGIC, CMAP_CODE_SWAP)
#define CMAP_IOCTL_COMPARE_SWAP	_IO(CMAP_IOC_MAGIC, CMAP_CODE_COMPARE_SWAP)
#define CMAP_IOCTL_COMPARE_DELETE _IO(CMAP_IOC_MAGIC, CMAP_CODE_COMPARE_DELETE)
#define CMAP_IOCTL_GET_OR_SET	_IO(CMAP_IOC_MAGIC, CMAP_CODE_GET_OR_SET)
#define CMAP_IOCTL_ADD		_IO(CMAP_IOC_MAGIC, CMAP_CODE_ADD)
#define CMAP_IOCTL_TOUCH	_IO(CMAP_IOC_MAGIC, CMAP_CODE_TOUCH)
#define CMAP_IOCTL_CLEAR	_IO(CMAP_IOC_MAGIC, CMAP_CODE_CLEAR)
#define CMAP_IOCTL_COUNT	_IO(CMAP_IOC_MAGIC, CMAP_CODE_COUNT)
#define CMAP_IOCTL_STAT		_IO(CMAP_IOC_MAGIC, CMAP_CODE_STAT)
#define CMAP_IOCTL_RANGE	_IO(CMAP_IOC_MAGIC, CMAP_CODE_RANGE)
#define CMAP_IOCTL_BATCH	_IO(CMAP_IOC_MAGIC, CMAP_CODE_BATCH)
#define CMAP_IOCTL_FEED_READ	_IO(CMAP_IOC_MAGIC, CMAP_CODE_FEED_READ)
#define CMAP_IOCTL_FEED_CURSOR	_IO(CMAP_IOC_MAGIC, CMAP_CODE_FEED_CURSOR)
#define CMAP_IOCTL_WATCH	_IO(CMAP_IOC_MAGIC, CMAP_CODE_WATCH)
#define CMAP_IOCTL_WAIT		_IO(CMAP_IOC_MAGIC, CMAP_CODE_WAIT)

/* &struct cmap_create.flags */
#define CMAP_CREATE_FIXED_KEY	(1U << 0)	/* keys have key_max bytes */
#define CMAP_CREATE_FIXED_VALUE	(1U << 1)	/* values have value_max */
#define CMAP_CREATE_NO_WINDOW	(1U << 2)	/* all reads are system calls */
#define CMAP_CREATE_WIPE	(1U << 3)	/* overwrite what is deleted */

/**
 * struct cmap_create - make a map and bind the descriptor to it
 * @size: sizeof(struct cmap_create); at least up to and including @max_bytes
 * @flags: CMAP_CREATE_*
 * @name: user pointer to the name, not terminated; 0 for an anonymous map
 * @name_len: bytes in @name, 1..CMAP_NAME_MAX; 0 for an anonymous map.  A name
 *	has no NUL and no '/', and is neither "." nor ".."
 * @mode: permission bits (0..0666), less the process's umask
 * @key_max: longest key, 1..CMAP_KEY_MAX; 0 means CMAP_KEY_MAX.  The shortest
 *	key has 0 bytes, or with CMAP_CREATE_FIXED_KEY the same number
 * @value_max: longest value, 0..CMAP_VALUE_MAX; without CMAP_CREATE_FIXED_VALUE
 *	0 means CMAP_VALUE_MAX
 * @shards: number of shards, a power of two up to CMAP_SHARDS_MAX and the
 *	module's limit; 0 for the number of possible CPUs, rounded up
 * @__reserved: 0
 * @max_entries: most entries that the map can have; 0 for no limit of its own.
 *	The limit is exact: there are never more entries, and because of it an
 *	insert fails (ENOSPC) only if at some moment during the call there were
 *	that many, and none with this key
 * @max_bytes: most memory that the map can have; 0 for no limit of its own.
 *	The first mmap() of the map adds a few pages for each shard.  They are
 *	not counted, because no writer causes them
 * @feed_bytes: bytes in the feed's ring of each shard: a power of two from
 *	CMAP_FEED_BYTES_MIN to CMAP_FEED_BYTES_MAX, rounded up to a page; 0 for
 *	no feed.  Each shard takes one more page for the feed.  All of this is
 *	counted in @max_bytes
 * @feed_value_max: longest value that the feed's records contain, up to
 *	CMAP_FEED_VALUE_MAX; 0 for none.  The largest record must fit four times
 *	into a ring (EINVAL)
 * @default_ttl: time to live, in nanoseconds, of an entry that is written
 *	without a deadline, see "Deadlines"; 0: it does not expire
 * @description: what keys and values are, for programs that show the map.  To
 *	the kernel it means nothing.  Bytes of 0 for none.  cmap(7) says what the
 *	library and its tool make of it
 *
 * The descriptor must be open for writing.  Owner and group of the map are the
 * caller's effective ones.  A named map lives until it is unlinked and nobody
 * uses it, an anonymous one until its last descriptor is closed.
 *
 * The owner pays for the map and all of its contents, no matter who writes
 * them, within the owner's limits: see &struct cmap_limits.
 *
 * Whoever may read a map may also map it, see "The window" below.  Such a
 * process sees the secret of the map's hash, and keys and values that were
 * deleted or replaced, until their memory is reused.  With CMAP_CREATE_WIPE
 * these are overwritten after a grace period, and always before their memory is
 * reused.  What is in the feed stays there until later changes overwrite it.  A
 * map made with CMAP_CREATE_NO_WINDOW cannot be mapped.
 *
 * Errors: EACCES, EBADF, EBUSY, EDQUOT, EEXIST, EFAULT, EINVAL, ENFILE, ENOMEM,
 * ENOSPC.
 */
struct cmap_create {
	__u32 size;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_len;
	__u32 mode;
	__u32 key_max;
	__u32 value_max;
	__u32 shards;
	__u32 __reserved;
	__aligned_u64 max_entries;
	__aligned_u64 max_bytes;
	__u32 feed_bytes;
	__u32 feed_value_max;
	__aligned_u64 default_ttl;
	__u8 description[CMAP_DESCRIPTION_SIZE];
};

/* &struct cmap_name.flags of CMAP_IOCTL_OPEN */
#define CMAP_OPEN_TRUSTED	(1U << 0)	/* the caller's or root's map */

/* &struct cmap_name.flags of CMAP_IOCTL_RENAME, which exclude each other */
#define CMAP_RENAME_REPLACE	(1U << 1)	/* take the name from its map */
#define CMAP_RENAME_EXCHANGE	(1U << 2)	/* give that map the old name */

/**
 * struct cmap_name - open (bind the descriptor to), unlink or rename a map
 * @size: sizeof(struct cmap_name)
 * @flags: CMAP_OPEN_* or CMAP_RENAME_*; 0 for CMAP_IOCTL_UNLINK
 * @name: user pointer to the name, not terminated
 * @name_len: bytes in @name, 1..CMAP_NAME_MAX
 * @__reserved: 0
 *
 * CMAP_IOCTL_OPEN needs read permission on the map if the descriptor is open
 * for reading, and write permission if it is open for writing.  A descriptor of
 * the access mode 3 (O_ACCMODE) is open for neither.  To bind it, the caller
 * must own the map or have CAP_FOWNER, whatever the map's mode is.  It serves
 * for CMAP_IOCTL_RENAME, CMAP_IOCTL_SETATTR and CMAP_IOCTL_STAT.
 *
 * CMAP_OPEN_TRUSTED is for a program that creates the map if there is none, and
 * must not use one that somebody else made first under that name.  It refuses
 * (EACCES) a map that belongs neither to the caller, nor to root, nor to the
 * root of the user namespace that owns the network namespace, as
 * fs.protected_regular does for files.  The last of these is trusted only by
 * callers in that user namespace: for a caller from outside of it, it is a user
 * like any other.
 *
 * CMAP_IOCTL_UNLINK works on any descriptor of the device, bound or not.  The
 * caller must own the map or have CAP_FOWNER.
 *
 * CMAP_IOCTL_RENAME changes the name of the descriptor's map, within the
 * namespace of the present name, which must still exist.  The caller must own
 * the map or have CAP_FOWNER.  Without a flag, a name that another map has is
 * not replaced (EEXIST).
 *
 * With CMAP_RENAME_REPLACE the map that has the name loses it, as if it had been
 * unlinked.  If there is none, this is a plain rename.  With
 * CMAP_RENAME_EXCHANGE the map that has the name (ENOENT if there is none) gets
 * the present name of the descriptor's map.  In both cases the caller must own
 * the other map, too, or have CAP_FOWNER (EPERM), and the other map must not be
 * the kernel's (EACCES).  If the descriptor's map has the name already, nothing
 * changes.
 *
 * All of that is one step: who opens a map by one of the names finds what had
 * the name before or what has it afterwards, and never nothing.  Who has the
 * other map open keeps it, also its mappings.  See CMAP_FEED_NAME and
 * &struct cmap_stat.name_changes for how he learns of it.
 *
 * A capability counts if the caller has it in the user namespace that owns the
 * name's network namespace, and if the map's owner has an id there.
 *
 * Errors: EACCES, EBADFD (rename), EBUSY (open), EEXIST (rename), EFAULT,
 * EINVAL, ENOENT, ENOMEM, EPERM (rename).
 */
struct cmap_name {
	__u32 size;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_len;
	__u32 __reserved;
};

/* &struct cmap_setattr.flags: what is to be set */
#define CMAP_SET_MODE		(1U << 0)
#define CMAP_SET_UID		(1U << 1)
#define CMAP_SET_GID		(1U << 2)

/**
 * struct cmap_setattr - set a map's mode, owner or group
 * @size: sizeof(struct cmap_setattr)
 * @flags: CMAP_SET_*
 * @mode: permission bits (0..0666); 0 without CMAP_SET_MODE
 * @uid: owner, in the caller's user namespace; 0 without CMAP_SET_UID
 * @gid: group, in the caller's user namespace; 0 without CMAP_SET_GID
 * @__reserved: 0
 *
 * Either all that is asked for is set, or nothing.  The owner may set the mode,
 * and set the group to one that the owner is in.  CAP_FOWNER allows to set the
 * mode, CAP_CHOWN to set owner and group.  Open descriptors keep their access.
 *
 * A new owner pays for the map from then on, if his limits allow (EDQUOT).
 *
 * Errors: EBADFD, EDQUOT, EFAULT, EINVAL, ENOMEM, EPERM.
 */
struct cmap_setattr {
	__u32 size;
	__u32 flags;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 __reserved;
};

/**
 * struct cmap_limits - limits on the caller's maps and their memory
 * @size: sizeof(struct cmap_limits); at least up to and including
 *	@all_max_bytes
 * @flags: 0
 * @uid: out: who pays for maps that the caller makes, in the caller's user
 *	namespace: the owner of the outermost user namespace around the caller
 *	that root did not make; if there is none, the caller
 * @maps: out: how many maps that user pays for
 * @max_maps: out: the user's limit on maps, 0 for none
 * @all_maps: out: number of maps of all users and of kernel code
 * @all_max_maps: out: limit on that number for the caller
 * @__reserved: out: 0
 * @bytes: out: memory of the user's maps
 * @max_bytes: out: the user's limit on memory, 0 for none
 * @all_bytes: out: memory of all maps
 * @all_max_bytes: out: limit on that memory for the caller, 0 for none
 * @watches: out: how many watches that user has
 * @max_watches: out: the user's limit on watches, 0 for none
 * @all_watches: out: number of watches of all users
 * @all_max_watches: out: limit on that number for the caller
 * @waiters: out: for how many keys that user waits (CMAP_IOCTL_WAIT)
 * @max_waiters: out: the user's limit on that, 0 for none
 * @all_waiters: out: for how many keys all users wait
 * @all_max_waiters: out: limit on that number for the caller
 * @owners: out: how many owners of entries that user has, see "Owners"
 * @max_owners: out: the user's limit on owners, 0 for none
 * @all_owners: out: number of owners of all users
 * @all_max_owners: out: limit on that number for the caller
 *
 * No user's limit applies to root, nor to a caller with CAP_SYS_RESOURCE in the
 * initial user namespace.  Only the latter can use the reserved part of the
 * module's limits.  Works on any descriptor of the device, bound or not.
 *
 * Errors: EFAULT, EINVAL.
 */
struct cmap_limits {
	__u32 size;
	__u32 flags;
	__u32 uid;
	__u32 maps;
	__u32 max_maps;
	__u32 all_maps;
	__u32 all_max_maps;
	__u32 __reserved;
	__aligned_u64 bytes;
	__aligned_u64 max_bytes;
	__aligned_u64 all_bytes;
	__aligned_u64 all_max_bytes;
	__u32 watches;
	__u32 max_watches;
	__u32 all_watches;
	__u32 all_max_watches;
	__u32 waiters;
	__u32 max_waiters;
	__u32 all_waiters;
	__u32 all_max_waiters;
	__u32 owners;
	__u32 max_owners;
	__u32 all_owners;
	__u32 all_max_owners;
};

/**
 * struct cmap_list - list the named maps
 * @size: sizeof(struct cmap_list)
 * @flags: 0
 * @buf: user pointer to the buffer for &struct cmap_list_entry records
 * @buf_len: in: bytes in @buf; out: bytes used; with EMSGSIZE: bytes that the
 *	next record needs
 * @count: out: number of records; 0 at the end
 * @cursor: in: 0 to begin; out: where to continue
 * @all_maps: out: number of all maps, with or without a name, anywhere
 * @all_bytes: out: memory of all maps
 *
 * The least @size is up to and including @cursor.  Works on any descriptor of
 * the device, bound or not.
 *
 * Errors: EFAULT, EINTR, EINVAL, EMSGSIZE, ENOMEM.
 */
struct cmap_list {
	__u32 size;
	__u32 flags;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 count;
	__aligned_u64 cursor;
	__aligned_u64 all_maps;
	__aligned_u64 all_bytes;
};

/**
 * struct cmap_list_entry - one named map
 * @size: bytes to the next record, a multiple of 8
 * @name_offset: offset of the name in this record.  Later kernels may add
 *	fields before the name: those exist that end at or before @name_offset
 * @name_len: bytes in the name, which is NUL-terminated
 * @mode: permission bits
 * @uid: owner, in the caller's user namespace
 * @gid: group, in the caller's user namespace
 * @__reserved: 0
 * @id: number of the map, unique while the module is loaded
 * @entries: entries in the map
 * @bytes: memory of the map
 * @max_entries: limit on entries, 0 for none
 * @max_bytes: limit on memory, 0 for none
 * @create_flags: CMAP_CREATE_*
 * @__reserved2: 0
 */
struct cmap_list_entry {
	__u32 size;
	__u16 name_offset;
	__u16 name_len;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 __reserved;
	__aligned_u64 id;
	__aligned_u64 entries;
	__aligned_u64 bytes;
	__aligned_u64 max_entries;
	__aligned_u64 max_bytes;
	__u32 create_flags;
	__u32 __reserved2;
	/* char name[]; */
};

/**
 * DOC: Deadlines
 *
 * An entry can have a deadline.  When it is over, the entry expires: it is
 * absent for every operation and every reader, by system call, through the
 * window and in the kernel, from one and the same moment on, and never comes
 * back.  Then the kernel removes it, which the feed reports as
 * CMAP_FEED_EXPIRE, and which ends a wait for the key.
 *
 * Entries expire at the end of the millisecond (2^20 ns) of their deadline, as
 * soon as the kernel's timer has run: &struct cmap_stat has a histogram of how
 * late that was.  No entry expires early.  An entry that has expired and is not
 * removed yet takes memory.  COUNT, and an insert that finds the map full,
 * remove such entries first.
 *
 * A deadline is a time of CLOCK_BOOTTIME.  Setting the machine's clock changes
 * nothing, and the time during which it sleeps counts.  Deadlines of commands
 * are in the time namespace of the caller; others say that they are those of
 * the map's clock, which is CLOCK_BOOTTIME in the initial time namespace.
 *
 * SET, SWAP, COMPARE_SWAP, GET_OR_SET if it sets, and TOUCH give the entry the
 * deadline that the flags ask for.  Without a flag it is the map's default, see
 * &struct cmap_create.default_ttl, or none: a plain SET removes a deadline.
 * ADD without a flag keeps it; an absent entry gets the default.
 *
 * A sum of times that is too large counts as the latest time there is.
 */

/**
 * DOC: Owners
 *
 * An entry can have an owner: the open file description of the descriptor that it
 * was written through (CMAP_OP_OWNED), or the process that wrote it
 * (CMAP_OP_OWNED_BY_PROCESS).  When the owner ends, the entry is absent for every
 * operation and every reader, by system call, through the window and in the
 * kernel; all entries of an owner from one and the same moment on.  Then the
 * kernel removes them, which the feed reports as CMAP_FEED_OWNER, and which ends a
 * wait for the key.
 *
 * An open file description ends with its last descriptor, in whatever process
 * that is: fork, dup and SCM_RIGHTS make more of them.  A mapping is none.
 *
 * A process ends as an owner when it has closed its last descriptor of that open
 * file description, by close, exec or exit, also if others still have one.
 * Threads are one process.  A child, also one of vfork, is another one.
 * Processes that share a table of descriptors (CLONE_FILES) are one.
 *
 * The entries are absent when close has returned, or when wait reports that the
 * process has ended.  How many there are makes no difference for that.  An entry
 * that is not removed yet takes memory.  COUNT, and an insert that finds the map
 * full, remove such entries first.
 *
 * Every write decides anew: one with neither flag leaves an entry that has no
 * owner, whoever makes it.  So an entry that somebody else has written is never
 * removed.
 *
 * The first such write of a description, or of a process through it, makes an
 * owner, which is counted: see &struct cmap_limits.  A map has at most
 * CMAP_OWNERS_MAX of them.
 */

/* &struct cmap_op.flags */
#define CMAP_OP_INSERT		(1U << 0)	/* set: only if absent */
#define CMAP_OP_REPLACE		(1U << 1)	/* set: only if present */
#define CMAP_OP_VERSION		(1U << 2)	/* set, delete, touch: this version */
#define CMAP_OP_TTL		(1U << 3)	/* @deadline: ns from now, not 0 */
#define CMAP_OP_DEADLINE	(1U << 4)	/* @deadline: a time; 0: none */
#define CMAP_OP_KEEP_DEADLINE	(1U << 5)	/* if there is an entry: its own */
#define CMAP_OP_CEILING		(1U << 6)	/* add: not above @ceiling */
#define CMAP_OP_OWNED		(1U << 7)	/* by the open file description */
#define CMAP_OP_OWNED_BY_PROCESS (1U << 8)	/* by the caller's process */

/**
 * struct cmap_op - one command on one key, alone or in a batch
 * @size: sizeof(struct cmap_op).  GET, SET and DELETE need it up to and
 *	including @version, the others up to and including @start
 * @code: in a batch, enum cmap_code; alone 0 or the ioctl's own number
 * @flags: CMAP_OP_*
 * @key: user pointer to the key; not used for an empty key (@key_len 0)
 * @value: user pointer: GET: buffer for the value; SET, SWAP, COMPARE_SWAP,
 *	GET_OR_SET: the new value; STAT, RANGE in a batch: their structure
 * @key_len: bytes in @key.  A key may be empty unless the map's keys have a
 *	fixed length
 * @value_len: bytes at @value; GET: out: the value's length
 * @version: out: the entry's version (GET, or a GET_OR_SET that got a value),
 *	or the version that this write made; with EEXIST and ESTALE the entry's
 *	version.  In, with CMAP_OP_VERSION: the version that the entry must
 *	have, not 0
 * @old: user pointer: TAKE, SWAP, GET_OR_SET: buffer for the old value;
 *	COMPARE_SWAP, COMPARE_DELETE: the value that the entry must have
 * @old_len: bytes at @old; TAKE, SWAP, GET_OR_SET: out: the old value's length
 * @error: out, in a batch only: 0 or a negative errno
 * @number: ADD: in: the number to add, out: the sum; SWAP, GET_OR_SET: out: 1
 *	if there was a value, else 0; CLEAR: out: entries removed; COUNT: out:
 *	entries in the map
 * @start: ADD: the number that an absent entry counts as
 * @deadline: in, with CMAP_OP_TTL: for how many nanoseconds from the call on the
 *	entry lives; with CMAP_OP_DEADLINE: until when, or 0 for no deadline.
 *	Out: the entry's deadline after GET and after a write that leaves an
 *	entry; TAKE: that of the entry which it removed; with EEXIST, ERANGE and
 *	ESTALE that of the entry there is; 0: none.  CLEAR and COUNT do not
 *	set it, nor do other errors
 * @ceiling: ADD with CMAP_OP_CEILING: the largest sum
 *
 * SET, SWAP, COMPARE_SWAP, GET_OR_SET and ADD take CMAP_OP_TTL, DEADLINE and
 * KEEP_DEADLINE, and TOUCH the first two.  TTL and DEADLINE exclude each other.
 * KEEP_DEADLINE with one of them means that it counts only if the key is absent;
 * GET_OR_SET sets only then.  A deadline that has passed is no error: the write
 * is made, and the entry expires at once.
 *
 * With CMAP_OP_CEILING an ADD of more than 0 whose sum would be above @ceiling
 * fails (ERANGE) and sets @number to the number there is, which is @start if
 * the key is absent.  Together with CMAP_OP_TTL and KEEP_DEADLINE it limits a
 * rate: the first call begins a window of time, and @deadline says when it ends.
 *
 * SET, SWAP, COMPARE_SWAP, GET_OR_SET, ADD and TOUCH take CMAP_OP_OWNED or
 * CMAP_OP_OWNED_BY_PROCESS, but not both.  GET_OR_SET gives the entry an owner
 * only if it sets.
 *
 * A buffer pointer of 0 with length 0 asks only for the length.  If a buffer is
 * too short, the command sets the length field, and fails with EMSGSIZE.
 *
 * ========================= =================================================
 * GET                       the value and its version
 * SET                       the value becomes @value
 * DELETE                    the entry is removed
 * TAKE                      get and delete
 * SWAP                      set, and get the old value if there was one
 * COMPARE_SWAP              set, if the value equals @old
 * COMPARE_DELETE            delete, if the value equals @old
 * GET_OR_SET                get, or set if the key is absent
 * ADD                       @number is added to the value, a signed 64-bit
 *                           number in the machine's byte order
 * TOUCH                     the entry gets another deadline, and a new version;
 *                           the value stays
 * CLEAR                     every entry that is there during the whole call is
 *                           removed
 * COUNT                     the number of entries after a set of writes: all
 *                           that had ended when the call began, perhaps some
 *                           that were under way during it, and with each of
 *                           these all that had ended before it began.  If
 *                           entries expire all the time, some that expire at
 *                           one moment may be counted and others not
 * ========================= =================================================
 *
 * GET and COUNT need a descriptor open for reading; SET, DELETE, COMPARE_SWAP,
 * COMPARE_DELETE, TOUCH and CLEAR one for writing; TAKE, SWAP, GET_OR_SET and ADD one
 * for both.
 *
 * Errors: E2BIG, EBADF, EBADFD, EDOM (ADD), EDQUOT, EEXIST (SET), EFAULT,
 * EINTR, EINVAL, EMSGSIZE, ENFILE (with an owner), ENOENT, ENOMEM, ENOSPC,
 * EOVERFLOW (ADD), ERANGE (ADD), ESTALE, EXFULL.
 */
struct cmap_op {
	__u32 size;
	__u16 code;
	__u16 flags;
	__aligned_u64 key;
	__aligned_u64 value;
	__u32 key_len;
	__u32 value_len;
	__aligned_u64 version;
	__aligned_u64 old;
	__u32 old_len;
	__s32 error;
	__s64 number;
	__s64 start;
	__aligned_u64 deadline;
	__s64 ceiling;
};

/* &struct cmap_stat.flags: count nothing, so remove no absent entries either */
#define CMAP_STAT_BRIEF		(1U << 0)

/* Entries in &struct cmap_stat.lateness */
#define CMAP_LATENESS_BUCKETS	16

/**
 * struct cmap_stat - properties, contents and memory of a map
 * @size: sizeof(struct cmap_stat); at least up to and including @id
 * @flags: 0; or CMAP_STAT_BRIEF: then @entries and all other numbers that are
 *	sums over the map's shards are 0
 * @id: out: number of the map, unique while the module is loaded
 * @create_flags: out: CMAP_CREATE_*
 * @mode: out: permission bits
 * @uid: out: owner, in the caller's user namespace
 * @gid: out: group, in the caller's user namespace
 * @key_max: out: longest key
 * @value_max: out: longest value
 * @shards: out: number of shards
 * @longest_chain: out: most buckets that a lookup of one key reads
 * @max_entries: out: limit on entries, 0 for none
 * @max_bytes: out: limit on memory, 0 for none
 * @entries: out: entries in the map, counted as by COUNT
 * @bytes: out: memory of the map, tables included: what @max_bytes limits
 * @table_bytes: out: the part of @bytes that is in tables
 * @buckets: out: buckets in the tables
 * @grows: out: how many times a shard's table began to grow
 * @shrinks: out: how many times a shard's table began to shrink
 * @allocs: out: nodes allocated
 * @reuses: out: the part of @allocs that reused the memory of an earlier node
 * @retries: out: writes that started over to get memory, or room below
 *	@max_entries
 * @feed_bytes: out: bytes in the feed's ring of each shard; 0 for no feed
 * @feed_value_max: out: longest value that the feed's records contain
 * @watches: out: watches of this map
 * @name_changes: out: how many times the map was renamed or lost its name since
 *	the descriptor was bound to it
 * @default_ttl: out: time to live of entries that are written without a
 *	deadline, in nanoseconds; 0: they do not expire
 * @deadlines: out: entries that have a deadline, also if they have expired and
 *	are not removed yet
 * @expired: out: entries that have expired and are removed
 * @lateness: out: of these, how many expired how long after their deadline:
 *	@lateness[0] less than 1 ms, @lateness[i] less than 2^i ms, but not less
 *	than 2^(i-1) ms; the last one also all that were later.  Entries that
 *	were written with a deadline that was over are in @lateness[0]
 * @clock_offset: out: what to add to a time of the map's clock, as the window
 *	and the feed have it, to get one of CLOCK_BOOTTIME in the time namespace
 *	of the caller
 * @description: out: as the map was created with
 * @owners: out: owners of entries that have not ended
 * @owned: out: entries that have an owner, also if it has ended and they are not
 *	removed yet
 * @orphaned: out: entries that were removed because their owner had ended
 *
 * Errors: EBADFD, EFAULT, EINVAL.
 */
struct cmap_stat {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__u32 create_flags;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 key_max;
	__u32 value_max;
	__u32 shards;
	__u32 longest_chain;
	__aligned_u64 max_entries;
	__aligned_u64 max_bytes;
	__aligned_u64 entries;
	__aligned_u64 bytes;
	__aligned_u64 table_bytes;
	__aligned_u64 buckets;
	__aligned_u64 grows;
	__aligned_u64 shrinks;
	__aligned_u64 allocs;
	__aligned_u64 reuses;
	__aligned_u64 retries;
	__u32 feed_bytes;
	__u32 feed_value_max;
	__u32 watches;
	__u32 name_changes;
	__aligned_u64 default_ttl;
	__aligned_u64 deadlines;
	__aligned_u64 expired;
	__aligned_u64 lateness[CMAP_LATENESS_BUCKETS];
	__s64 clock_offset;
	__u8 description[CMAP_DESCRIPTION_SIZE];
	__aligned_u64 owners;
	__aligned_u64 owned;
	__aligned_u64 orphaned;
};

/**
 * struct cmap_cursor - a position in a map
 * @position: position in the order of hashes; 0 with @tie 0 is the start
 * @tie: which of the entries at that position
 *
 * A cursor is valid for the life of the map, in any process, whatever happens
 * to the map meanwhile.  Positions are bits of keys' hashes, and with them keys
 * could be chosen that collide.  So for a map made with CMAP_CREATE_NO_WINDOW
 * cursors are enciphered.
 */
struct cmap_cursor {
	__aligned_u64 position;
	__aligned_u64 tie;
};

/* &struct cmap_range.flags */
#define CMAP_RANGE_KEYS		(1U << 0)	/* keys only, no values */

/**
 * struct cmap_range - read as many entries as fit a buffer
 * @size: sizeof(struct cmap_range); at least up to and including @cursor
 * @flags: CMAP_RANGE_*
 * @buf: user pointer to the buffer for &struct cmap_entry records
 * @buf_len: in: bytes in @buf; out: bytes used; with EMSGSIZE: bytes that the
 *	next entry needs
 * @count: out: number of records; 0 at the end of the map
 * @cursor: in: all 0 to begin; out: where to continue
 * @prefix: user pointer to the bytes with which a key must begin; 0 for all
 *	keys
 * @prefix_len: bytes in @prefix, up to the map's @key_max; 0 for all keys
 * @__reserved: 0
 *
 * An entry that is in the map during a whole range, from start to end, is
 * returned exactly once.  No entry is returned twice.  An entry that is added
 * or removed meanwhile may be returned or not.
 *
 * Errors: E2BIG, EBADF, EBADFD, EFAULT, EINTR, EINVAL, EMSGSIZE, ENOMEM.
 */
struct cmap_range {
	__u32 size;
	__u32 flags;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 count;
	struct cmap_cursor cursor;
	__aligned_u64 prefix;
	__u32 prefix_len;
	__u32 __reserved;
};

/**
 * struct cmap_entry - one entry of a range
 * @size: bytes to the next record, a multiple of 8
 * @key_len: bytes in the key; 0 is an empty key
 * @key_offset: offset of the key in this record.  A later kernel may add fields
 *	before the key: a field exists if it ends at or before @key_offset
 * @value_len: bytes in the value, also with CMAP_RANGE_KEYS
 * @value_offset: offset of the value in this record, a multiple of 8; 0 with
 *	CMAP_RANGE_KEYS
 * @version: the entry's version
 * @cursor: where to continue after this entry
 * @deadline: the entry's deadline; 0: none
 */
struct cmap_entry {
	__u32 size;
	__u16 key_len;
	__u16 key_offset;
	__u32 value_len;
	__u32 value_offset;
	__aligned_u64 version;
	struct cmap_cursor cursor;
	__aligned_u64 deadline;
	/* __u8 key[]; padding; __u8 value[]; padding */
};

/**
 * struct cmap_ops - many commands in one call
 * @size: sizeof(struct cmap_ops)
 * @flags: 0
 * @ops: user pointer to an array of &struct cmap_op, each of the size @op_size.
 *	Their code is any from GET on, except BATCH
 * @count: elements in @ops, up to CMAP_BATCH_MAX
 * @op_size: bytes from one element to the next, a multiple of 8, at least up to
 *	and including &struct cmap_op.start
 * @done: out: elements carried out, each with its result in its error field
 * @__reserved: 0
 *
 * Elements are carried out in order, each as it would be alone.  One that fails
 * does not stop those after it.  The call itself fails, with @done set, if the
 * array cannot be read or written (EFAULT) and on a fatal signal (EINTR).
 *
 * Errors: EBADFD, EFAULT, EINTR, EINVAL, ENOMEM.
 */
struct cmap_ops {
	__u32 size;
	__u32 flags;
	__aligned_u64 ops;
	__u32 count;
	__u32 op_size;
	__u32 done;
	__u32 __reserved;
};

#include "cmap_feed.h"
#include "cmap_window.h"

#endif /* _UAPI_LINUX_CMAP_H */
