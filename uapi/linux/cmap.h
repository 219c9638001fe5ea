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
 * poll, select and epoll always report a descriptor as ready for reading and
 * writing, bound or not, as no command waits for an event.  It is not possible
 * to wait for a change of a map.
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
 * ========= ===================================================================
 * E2BIG     a structure is longer than the kernel's and not zero there; or a
 *           key or value is longer than the map's maximum
 * EACCES    the map's owner, group and mode do not allow this open or unlink;
 *           the name is reserved for kernel code; with CMAP_OPEN_TRUSTED: the
 *           map belongs neither to the caller nor to root; or a mapping that
 *           could be written or executed was asked for
 * EAGAIN    only for kernel callers that may not sleep: enough memory will be
 *           free after a grace period, which they cannot wait for; or others
 *           wrote to the key at each of several tries
 * EBADF     the descriptor was not opened for reading, or for writing
 * EBADFD    the descriptor is not bound to a map
 * EBUSY     the descriptor is bound to a map already
 * EDOM      add: the value is not 8 bytes long
 * EDQUOT    the user who pays for the map is at a limit on maps or on memory
 * EEXIST    the key, or the map's name, exists already
 * EFAULT    a pointer does not point to memory that can be read or written
 * EINTR     a fatal signal arrived
 * EINVAL    a size, flag, reserved field, name, parameter or command in a batch
 *           is not valid; a length is not the map's fixed one; or a mapping is
 *           private, or beyond all regions of the window
 * EMSGSIZE  the buffer is too small; the length field says what is needed
 * ENODEV    mmap: the map was made without a window, or the CPU has caches in
 *           which a process could see other contents than the kernel
 * ENFILE    the module's limit on the number of maps is reached
 * ENOENT    there is no such key, or no map of that name
 * ENOMEM    out of memory, or the memory cgroup is at its limit
 * ENOSPC    the map's max_entries or max_bytes, or the module's limit on bytes,
 *           is reached, and not enough is on its way back (an entry can still
 *           be replaced by one of the same or a smaller size); or a shard's
 *           entries have 32 GiB, the most that they can have
 * ENOTTY    there is no such command
 * EOVERFLOW add: the sum does not fit in a signed 64-bit number
 * EPERM     only the map's owner, or a caller with the capability, may change
 *           its name, owner, group or mode
 * ESTALE    the entry's version, or value, is not the expected one
 * EXFULL    too many keys whose hashes collide with this one
 * ========= ===================================================================
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
	/* on the map: struct cmap_op */
	CMAP_CODE_CLEAR			= 0x20,
	CMAP_CODE_COUNT			= 0x21,
	/* on the map: a structure of their own */
	CMAP_CODE_STAT			= 0x30,
	CMAP_CODE_RANGE			= 0x31,
	CMAP_CODE_BATCH			= 0x32,
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
#define CMAP_IOCTL_CLEAR	_IO(CMAP_IOC_MAGIC, CMAP_CODE_CLEAR)
#define CMAP_IOCTL_COUNT	_IO(CMAP_IOC_MAGIC, CMAP_CODE_COUNT)
#define CMAP_IOCTL_STAT		_IO(CMAP_IOC_MAGIC, CMAP_CODE_STAT)
#define CMAP_IOCTL_RANGE	_IO(CMAP_IOC_MAGIC, CMAP_CODE_RANGE)
#define CMAP_IOCTL_BATCH	_IO(CMAP_IOC_MAGIC, CMAP_CODE_BATCH)

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
 * reused.  A map made with CMAP_CREATE_NO_WINDOW cannot be mapped.
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
};

/* &struct cmap_name.flags of CMAP_IOCTL_OPEN */
#define CMAP_OPEN_TRUSTED	(1U << 0)	/* the caller's or root's map */

/**
 * struct cmap_name - open (bind the descriptor to), unlink or rename a map
 * @size: sizeof(struct cmap_name)
 * @flags: CMAP_OPEN_*; 0 for the other commands
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
 * the map or have CAP_FOWNER.  A name that exists is not replaced.
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
 * @size: sizeof(struct cmap_limits)
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

/* &struct cmap_op.flags */
#define CMAP_OP_INSERT		(1U << 0)	/* set: only if absent */
#define CMAP_OP_REPLACE		(1U << 1)	/* set: only if present */
#define CMAP_OP_VERSION		(1U << 2)	/* set, delete: this version */

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
 * CLEAR                     every entry that is there during the whole call is
 *                           removed
 * COUNT                     the number of entries after a set of writes: all
 *                           that had ended when the call began, perhaps some
 *                           that were under way during it, and with each of
 *                           these all that had ended before it began
 * ========================= =================================================
 *
 * GET and COUNT need a descriptor open for reading; SET, DELETE, COMPARE_SWAP,
 * COMPARE_DELETE and CLEAR one for writing; TAKE, SWAP, GET_OR_SET and ADD one
 * for both.
 *
 * Errors: E2BIG, EBADF, EBADFD, EDOM (ADD), EDQUOT, EEXIST (SET), EFAULT,
 * EINTR, EINVAL, EMSGSIZE, ENOENT, ENOMEM, ENOSPC, EOVERFLOW (ADD), ESTALE,
 * EXFULL.
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
};

/**
 * struct cmap_stat - properties, contents and memory of a map
 * @size: sizeof(struct cmap_stat); at least up to and including @id
 * @flags: 0
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
 * @size: sizeof(struct cmap_range)
 * @flags: CMAP_RANGE_*
 * @buf: user pointer to the buffer for &struct cmap_entry records
 * @buf_len: in: bytes in @buf; out: bytes used; with EMSGSIZE: bytes that the
 *	next entry needs
 * @count: out: number of records; 0 at the end of the map
 * @cursor: in: all 0 to begin; out: where to continue
 *
 * An entry that is in the map during a whole range, from start to end, is
 * returned exactly once.  No entry is returned twice.  An entry that is added
 * or removed meanwhile may be returned or not.
 *
 * Errors: EBADF, EBADFD, EFAULT, EINTR, EINVAL, EMSGSIZE, ENOMEM.
 */
struct cmap_range {
	__u32 size;
	__u32 flags;
	__aligned_u64 buf;
	__u32 buf_len;
	__u32 count;
	struct cmap_cursor cursor;
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
 */
struct cmap_entry {
	__u32 size;
	__u16 key_len;
	__u16 key_offset;
	__u32 value_len;
	__u32 value_offset;
	__aligned_u64 version;
	struct cmap_cursor cursor;
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

/**
 * DOC: The window
 *
 * A descriptor that is open for reading can be mapped, with PROT_READ and
 * MAP_SHARED.  The mapping can never become writable.  It shows the map's own
 * tables and nodes while the kernel changes them, so values can be read without
 * a system call.  This text says how; libkcmap does it.
 *
 * An offset in the file is a place: a region, see CMAP_WINDOW_REGION(), and an
 * offset in the region.  A region has one part for each shard, all of one size
 * and one after the other.  A place shows the memory that the shard has there
 * now, no matter what was there before.
 *
 * ======================= ===================================================
 * region                  what it shows
 * ======================= ===================================================
 * CMAP_WINDOW_HEAD        &struct cmap_window; &struct cmap_window_words at
 *                         @words_offset; the first page of each shard's
 *                         &struct cmap_window_shard from @shards_offset on
 * CMAP_WINDOW_LIST(level) more pages of &struct cmap_window_shard: of level n
 *                         (1 and up) those from 2^(n-1) to 2^n - 1
 * CMAP_WINDOW_NODE(level) nodes: of level n (1 and up) the granules from
 *                         2^(n+1) to 2^(n+2) - 1
 * CMAP_WINDOW_TABLE(bits, bank)
 *                         a table of 2^bits buckets, and its pool at
 *                         CMAP_WINDOW_POOL_OFFSET; CMAP_WINDOW_TABLE_BYTES in
 *                         all.  There are 4 banks of these regions
 * ======================= ===================================================
 *
 * A shard's nodes are in a space of CMAP_WINDOW_GRANULES granules of
 * 2^CMAP_WINDOW_GRANULE_SHIFT bytes.  The first CMAP_WINDOW_GRANULES_NONE of
 * them do not exist.  A ref is an offset in this space, in units of 8 bytes.  A
 * segment of nodes has one or more consecutive granules, all of one level.  Its
 * number is used for no other segment of the map, ever.  For each of its
 * granules the number is in &struct cmap_window_shard, at the word with the
 * granule's index.  A number below CMAP_WINDOW_NUMBER_FIRST means that there is
 * no segment, or none that can be read here yet.
 *
 * A load from a place faults (SIGBUS) if there never was anything.  It does not
 * fault where a segment or a table is or was, or where a segment's number has
 * been published: if there is nothing any more it returns zeroes.  The page
 * with a granule's number exists before a ref to that granule is published.  A
 * node can extend beyond the granule in which it begins.  Before a reader loads
 * from there, it makes sure by step 3 below that the node is valid.
 *
 * A key's hash is a 64-bit number: SipHash-1-3 under the window's secret, with
 * one change.  The key's length is XORed into v1 before the first word, and is
 * not in the highest byte of the last word.  So a key of whole words has no
 * further word; for other keys the last word is padded with zeroes.  The
 * highest shard_bits bits of the hash are the shard.  The bits below, as many
 * as the table has, are the bucket.  The lowest 16 bits are the tag.
 *
 * To look a key up:
 *
 * 1. Load the shard's @table, T (0: no entry), and the bucket's @head.  If the
 *    head has CMAP_WINDOW_MOVED, load @next, and @table once more.  If that is
 *    still T, continue with next as T, else begin anew.
 * 2. For each slot with an equal tag: load the ref (0: none), then the number
 *    in @segment for the ref's granule (none: begin anew), then @version of the
 *    node (0: begin anew).  Load the ref once more (changed: do this slot
 *    again), then the first bucket's head (MOVED: begin anew).  Compare the
 *    key, copy the value.
 * 3. Look again: begin anew if @version or the number in @segment has changed,
 *    or if T is neither the shard's @table nor its @next any more.  Otherwise
 *    the copy is one whole value, the key's at the second load of the ref.
 * 4. Continue in the chained buckets (one is not CMAP_WINDOW_LINKED: begin
 *    anew).  If no slot has the key, look again at the first bucket's head,
 *    then at @table and @next, as above.  Then the key was absent.
 *
 * A flag that the reader does not know (in a table's word, in a bucket's @head,
 * in @lengths of a node with the key, in a trailer's @flags) means that it must
 * ask the kernel.  It never means that the key is absent.
 * If a trailer refers to a word of &struct cmap_window_words, that word is
 * loaded between the two loads of the ref.  So there is a moment at which the
 * slot had the ref and the word had the value.
 *
 * Each load up to the second one of @head has acquire semantics.  Each "look
 * again" begins with a load fence.
 * A reader can be stopped at any point for any time while the kernel reuses
 * memory.  These steps detect whatever has changed meanwhile.
 */
#define CMAP_WINDOW_MAGIC	0x70616d63	/* "cmap" */
#define CMAP_WINDOW_FORMAT	4

/* An offset in the file is a region's number, then the offset in the region. */
#define CMAP_WINDOW_REGION_SHIFT	45
#define CMAP_WINDOW_REGION(n)		((__u64)(n) << CMAP_WINDOW_REGION_SHIFT)
#define CMAP_WINDOW_HEAD		0
#define CMAP_WINDOW_LIST(level)		(0 + (level))	/* 1 to 15 */
/* 16 to 31 are reserved for feeds and owners, a page of each for each shard. */
#define CMAP_WINDOW_NODE(level)		(32 + (level))	/* 1 to 17 */
#define CMAP_WINDOW_TABLE(bits, bank)	(64 + (bank) * 32 + (bits))
#define CMAP_WINDOW_REGIONS		192

#define CMAP_WINDOW_LIST_LEVELS		16
#define CMAP_WINDOW_NODE_LEVELS		18
#define CMAP_WINDOW_BANKS		4

/* Bytes in a shard's part of a region.  For tables see below. */
#define CMAP_WINDOW_LIST_BYTES(level, page)	((__u64)(page) << ((level) - 1))
#define CMAP_WINDOW_NODE_BYTES(level)					\
	(1ULL << ((level) + 1 + CMAP_WINDOW_GRANULE_SHIFT))

#define CMAP_WINDOW_GRANULE_SHIFT	16
#define CMAP_WINDOW_GRANULES		(1U << 19)	/* of a shard */
#define CMAP_WINDOW_GRANULES_NONE	4

/* The lowest number of a segment. */
#define CMAP_WINDOW_NUMBER_FIRST	2

/**
 * struct cmap_window - the window's header, at offset 0
 * @magic: CMAP_WINDOW_MAGIC
 * @format: CMAP_WINDOW_FORMAT.  A reader of another one must use system calls
 * @words_offset: offset of &struct cmap_window_words, which begins a page
 * @shards_offset: offset of the first shard's first page
 * @page_bytes: size of a page, to which parts of the window are aligned
 * @__reserved: 0
 * @shards: number of shards
 * @shard_bits: log2 of @shards
 * @create_flags: CMAP_CREATE_*
 * @key_max: longest key
 * @id: number of the map, as in &struct cmap_stat
 * @secret: the secret of the hash
 *
 * The header is constant.
 */
struct cmap_window {
	__u32 magic;
	__u32 format;
	__u32 words_offset;
	__u32 shards_offset;
	__u32 page_bytes;
	__u32 __reserved;
	__u32 shards;
	__u32 shard_bits;
	__u32 create_flags;
	__u32 key_max;
	__aligned_u64 id;
	__aligned_u64 secret[2];
};

/**
 * struct cmap_window_words - words that change for the whole map
 * @expired_before: nanoseconds of the map's clock.  An entry with a deadline at
 *	or before this is absent
 * @committed: the last transaction that was committed
 *
 * Each word has 256 bytes: no CPU has longer cache lines.  The rest of the page
 * is reserved for more words.  The kernel does not use these yet: both are 0.
 */
struct cmap_window_words {
	__aligned_u64 expired_before;
	__aligned_u64 __reserved1[31];
	__aligned_u64 committed;
	__aligned_u64 __reserved2[31];
};

/**
 * struct cmap_window_shard - where a shard's tables and nodes are
 * @table: the table, see CMAP_WINDOW_TABLE_*; 0 before the first entry
 * @next: the table that it is being moved into, or 0
 * @__reserved: 0
 * @segment: for each granule from CMAP_WINDOW_GRANULES_NONE on, the number of
 *	the segment that is there
 *
 * Every read loads @table, so no word here changes with each write.
 *
 * The first granules do not exist, so that the word with a granule's index has
 * the granule's number.  Page 0 is in CMAP_WINDOW_HEAD.  Page n is in
 * CMAP_WINDOW_LIST(level), where the level is the number of bits in n.  So all
 * numbers for one CMAP_WINDOW_NODE are in one CMAP_WINDOW_LIST, or in page 0.
 */
struct cmap_window_shard {
	__aligned_u64 table;
	__aligned_u64 next;
	__aligned_u64 __reserved[2];
	__aligned_u64 segment[CMAP_WINDOW_GRANULES - CMAP_WINDOW_GRANULES_NONE];
};

/*
 * A table's word: its number, which no other table of the map ever has, and its
 * properties.  The bank says which of the CMAP_WINDOW_BANKS places for its size
 * it has.  If a table and the next one have the same size, their banks differ.
 * A table gets a place after the previous one is gone from all mappings.
 */
#define CMAP_WINDOW_TABLE_NUMBER(t)	((t) >> 16)
#define CMAP_WINDOW_TABLE_BITS(t)	((t) & 31)
#define CMAP_WINDOW_TABLE_BANK(t)	((t) >> 5 & 3)
#define CMAP_WINDOW_TABLE_INSIDE(t)	((t) >> 7 & 1)	/* see POOL_OFFSET */
#define CMAP_WINDOW_TABLE_UNKNOWN(t)	((t) & 0xff00)	/* flags */

/* The only flag so far: the table cannot be read here yet. */
#define CMAP_WINDOW_TABLE_NOT_YET	0x100U

/*
 * Offset of a table's pool from its first bucket.  The pool begins on a page,
 * except for the smallest table, which is in one page as a whole.
 */
#define CMAP_WINDOW_POOL_OFFSET(t, page)				\
	(CMAP_WINDOW_TABLE_INSIDE(t) ||					\
	 (64ULL << CMAP_WINDOW_TABLE_BITS(t)) > (page) ?		\
	 64ULL << CMAP_WINDOW_TABLE_BITS(t) : (__u64)(page))

/* Bytes in a shard's part of the table's region: whole pages. */
#define CMAP_WINDOW_TABLE_BYTES(t, page)				\
	((2 * CMAP_WINDOW_POOL_OFFSET(t, page) + (page) - 1) &		\
	 ~((__u64)(page) - 1))

#define CMAP_WINDOW_SLOTS	10
#define CMAP_WINDOW_MOVED	1U
#define CMAP_WINDOW_LINKED	2U
/* Bits 29 to 31 are reserved for flags. */
#define CMAP_WINDOW_NEXT(head)	((head) >> 2 & 0x7ffffff)

/**
 * struct cmap_window_bucket - a bucket
 * @head: CMAP_WINDOW_MOVED; CMAP_WINDOW_LINKED if this is a bucket of the pool
 *	that belongs to a chain; and CMAP_WINDOW_NEXT: 1 + index in the pool of
 *	the next bucket of the chain, or 0
 * @tag: tags of the entries
 * @ref: refs of their nodes: offsets in the shard's space of nodes, in units of
 *	8 bytes; 0 for none
 */
struct cmap_window_bucket {
	__u32 head;
	__u16 tag[CMAP_WINDOW_SLOTS];
	__u32 ref[CMAP_WINDOW_SLOTS];
};

/* Lengths of the key and the value, and whether a trailer follows the value. */
#define CMAP_WINDOW_EXTENDED		0x80000000U
#define CMAP_WINDOW_KEY_LEN(l)		((l) >> 21 & 0x3ff)
#define CMAP_WINDOW_VALUE_LEN(l)	((l) & 0x1fffff)

/**
 * struct cmap_window_node - one version of one entry
 * @version: the entry's version; 0 while the node belongs to no entry
 * @hash_high: the highest 32 bits of the key's hash, until the node is unlinked
 *	from its slot.  A reader that needs these or the tag loads both in step
 *	2.  After a load fence it loads the ref and the first bucket's head once
 *	more.  If these have not changed, and step 3 finds no change either,
 *	both are the entry's
 * @lengths: CMAP_WINDOW_KEY_LEN of the key, which follows this structure;
 *	CMAP_WINDOW_VALUE_LEN of the value, which follows the key at a multiple
 *	of 8; and CMAP_WINDOW_EXTENDED if a &struct cmap_window_trailer follows
 *	the value at a multiple of 8
 */
struct cmap_window_node {
	__aligned_u64 version;
	__u32 hash_high;
	__u32 lengths;
	/* char key[]; */
};

/* &struct cmap_window_trailer.flags */
#define CMAP_WINDOW_DEADLINE	(1U << 0)
#define CMAP_WINDOW_OWNER	(1U << 1)
#define CMAP_WINDOW_PENDING	(1U << 2)

/**
 * struct cmap_window_trailer - further properties of an entry
 * @flags: CMAP_WINDOW_DEADLINE and so on: which of the following fields are
 *	valid
 * @owner: index of the owner
 * @deadline: nanoseconds of the map's clock.  The entry is absent as soon as
 *	&struct cmap_window_words.expired_before reaches it
 * @generation: the owner's generation
 * @transaction: while &struct cmap_window_words.committed is below this, the
 *	node @old is the entry
 * @old: the ref of the entry's previous node, or 0
 * @__reserved: 0
 *
 * The kernel does not write trailers yet.
 */
struct cmap_window_trailer {
	__u32 flags;
	__u32 owner;
	__aligned_u64 deadline;
	__aligned_u64 generation;
	__aligned_u64 transaction;
	__u32 old;
	__u32 __reserved;
};

#endif /* _UAPI_LINUX_CMAP_H */
