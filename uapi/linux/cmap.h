/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * cmap - concurrent key/value maps shared by processes and the kernel.
 *
 * This file is the whole ABI of /dev/cmap.  A descriptor of the device is
 * first bound to a map, new (CMAP_IOCTL_CREATE) or existing
 * (CMAP_IOCTL_OPEN); from then on it is that map.  The access mode the device
 * was opened with says what the descriptor may do: O_RDONLY reads, O_WRONLY
 * writes, O_RDWR both.
 *
 * A descriptor polls as ready to read and write, always and whether it is bound
 * or not, by poll, select and epoll alike: no command waits for others.  That a
 * map has changed cannot be waited for.
 */
#ifndef _UAPI_LINUX_CMAP_H
#define _UAPI_LINUX_CMAP_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: Structures
 *
 * Every structure begins with its own size, set by the caller to sizeof() of
 * the structure it was compiled with.  A shorter one than the kernel knows is
 * extended with zeroes, down to the size each command states as its least; a
 * longer one is accepted only while everything the kernel does not know is
 * zero.  Reserved fields and unknown flags must be zero.  User pointers are
 * 64 bits wide for everyone, so 32-bit programs use the same layout.
 *
 * DOC: Errors
 *
 * One meaning each, whatever the command:
 *
 * ======== ==============================================================
 * E2BIG    a structure is longer than the kernel knows and not zero there;
 *          or a key or value is longer than the map's maximum
 * EACCES   the map's owner, group and mode do not allow this open or unlink;
 *          the name is one of the kernel's; with CMAP_OPEN_TRUSTED: the map
 *          belongs neither to the caller nor to root; or a mapping that could
 *          be written or executed
 * EAGAIN   enough memory will be free after a grace period, which this
 *          context cannot wait for; or others wrote to the key each time that
 *          this was tried (kernel callers that may not sleep only)
 * EBADF    the descriptor was not opened for reading, or for writing
 * EBADFD   the descriptor is not bound to a map
 * EBUSY    the descriptor is bound to a map already
 * EDOM     add: the value is not 8 bytes long
 * EDQUOT   a user's limit on maps or on memory is reached: that of the one who
 *          pays for the map
 * EEXIST   the key, or the map's name, exists already
 * EFAULT   a pointer does not point to memory that can be read or written
 * EINTR    a fatal signal arrived
 * EINVAL   a size, flag, reserved field, name, parameter or command in a
 *          batch that is not valid; a length that is not the map's fixed
 *          one; a private mapping, or one beyond all regions of the window
 * EMSGSIZE the buffer is too small; the length field says what it takes
 * ENODEV   mmap: the map was made without a window, or the CPU's caches would
 *          show a process other contents than the kernel's
 * ENFILE   the module's limit on the number of maps is reached
 * ENOENT   no such key, or no map of that name
 * ENOMEM   out of memory, or the memory cgroup is at its limit
 * ENOSPC   the map's max_entries or max_bytes is reached, or the module's
 *          limit on bytes, and not enough is on its way back (an entry can
 *          still be replaced by one of the same or a smaller size); or the
 *          32 GiB that one shard's entries can have
 * ENOTTY   no such command
 * EOVERFLOW add: the sum does not fit in a signed 64-bit number
 * EPERM    only the map's owner, or who has the capability, may change its
 *          name, owner, group or mode
 * ESTALE   the entry's version, or value, is not the expected one
 * EXFULL   too many keys whose hashes collide with this one
 * ======== ==============================================================
 *
 * A command that fails changed nothing, with one exception: EFAULT while
 * writing a result back, when another thread unmapped or protected that very
 * memory during the call.
 */

#define CMAP_DEVICE		"/dev/cmap"

/*
 * Names are those of the caller's network namespace, as abstract socket
 * addresses are: a map in another one is not found, nor listed, and can have
 * the same name.  When the namespace ends its names go.
 *
 * Names that begin so are the kernel's, in the initial namespace: only kernel
 * code makes maps of them.
 */
#define CMAP_KERNEL_PREFIX	"kernel:"

/* Bounds of what a map can be asked for. */
#define CMAP_NAME_MAX		255	/* bytes in a name, no NUL, no '/' */
#define CMAP_KEY_MAX		512	/* bytes in a key; 0 is fine */
#define CMAP_VALUE_MAX		(1U << 20)	/* bytes in a value; 0 is fine */
#define CMAP_SHARDS_MAX		1024
#define CMAP_BATCH_MAX		65536	/* commands in one batch */

#define CMAP_IOC_MAGIC		0xC9

/*
 * Command numbers, the same as ioctl and as &struct cmap_op.code in a batch.
 * Appended to, never reused.
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
#define CMAP_CREATE_FIXED_KEY	(1U << 0)	/* every key has key_max bytes */
#define CMAP_CREATE_FIXED_VALUE	(1U << 1)	/* every value has value_max bytes */
#define CMAP_CREATE_NO_WINDOW	(1U << 2)	/* reads take system calls */
#define CMAP_CREATE_WIPE	(1U << 3)	/* what is deleted is overwritten */

/**
 * struct cmap_create - make a map and bind the descriptor to it
 * @size: sizeof(struct cmap_create); at least up to and including @max_bytes
 * @flags: CMAP_CREATE_*
 * @name: user pointer to the name, not terminated; 0 for an anonymous map
 * @name_len: bytes in @name, 1..CMAP_NAME_MAX; 0 for an anonymous map.  A
 *	name holds no NUL and no '/', and is neither "." nor ".."
 * @mode: permission bits (0..0666), less the process's umask
 * @key_max: longest key, 1..CMAP_KEY_MAX; 0 stands for CMAP_KEY_MAX.  The
 *	shortest has 0 bytes, or with CMAP_CREATE_FIXED_KEY as many
 * @value_max: longest value, 0..CMAP_VALUE_MAX; without
 *	CMAP_CREATE_FIXED_VALUE 0 stands for CMAP_VALUE_MAX
 * @shards: number of shards, a power of two up to CMAP_SHARDS_MAX and the
 *	module's limit; 0 for as many as possible CPUs, rounded up
 * @__reserved: 0
 * @max_entries: most entries the map can hold; 0 for no limit of its own.  It
 *	is exact: there are never more, and an insert fails with ENOSPC for
 *	this only if at some moment during the call there were so many, and
 *	none of that key
 * @max_bytes: most memory the map can take; 0 for no limit of its own.  A page
 *	or a few for each shard, which are made when the map is first mapped,
 *	are not counted: they are not the writers' doing
 *
 * The descriptor must be open for writing.  The map's owner and group are
 * the caller's effective ones.  A named map lives until it is unlinked and
 * unused, an anonymous one until its last descriptor is closed.
 *
 * The owner pays for the map and for all that is put into it, whoever does so,
 * within his limits: see &struct cmap_limits.
 *
 * Whoever may read a map may also map it (see "The window" below), and then
 * sees keys and values that were deleted or replaced until their memory is
 * used again, and the secret of the map's hash.  With CMAP_CREATE_WIPE what is
 * deleted or replaced is overwritten after a grace period, in any case before
 * it is used again.  A map made with CMAP_CREATE_NO_WINDOW cannot be mapped.
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
#define CMAP_OPEN_TRUSTED	(1U << 0)	/* only the caller's, or root's */

/**
 * struct cmap_name - open (bind the descriptor to), unlink or rename a map
 * @size: sizeof(struct cmap_name)
 * @flags: CMAP_OPEN_*; 0 for the other commands
 * @name: user pointer to the name, not terminated
 * @name_len: bytes in @name, 1..CMAP_NAME_MAX
 * @__reserved: 0
 *
 * CMAP_IOCTL_OPEN needs the map's read permission when the descriptor is open
 * for reading and its write permission when it is open for writing.  With a
 * descriptor that is open for neither, by the access mode 3 (O_ACCMODE), the
 * caller must own the map or have CAP_FOWNER: it is good for CMAP_IOCTL_RENAME,
 * CMAP_IOCTL_SETATTR and CMAP_IOCTL_STAT, whatever the mode is.  A
 * program that would create the map if it were missing does not expect one that
 * somebody else made first under that name; with CMAP_OPEN_TRUSTED a map that belongs
 * neither to the caller, nor to root, nor to the root of the user namespace
 * that the network namespace belongs to, is refused (EACCES), as
 * fs.protected_regular has it for files.  The last of these counts only for
 * callers in that user namespace: to one who came in from further out he is a
 * user as any other.
 *
 * CMAP_IOCTL_UNLINK works on any descriptor of the device, bound or not; the
 * caller must own the map or have CAP_FOWNER.
 *
 * CMAP_IOCTL_RENAME gives the map that the descriptor is bound to, and whose
 * name has not been removed, another name, where it has its name.  The caller
 * must own the map or have CAP_FOWNER.  A name that exists is not replaced.
 *
 * Capabilities count if the caller has them in the user namespace that the
 * name's network namespace belongs to, and that namespace knows the owner.
 *
 * Errors: EACCES, EBADFD (rename), EBUSY (open), EEXIST (rename),
 * EFAULT, EINVAL, ENOENT, ENOMEM, EPERM (rename).
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
 * @uid: owner, as the caller's user namespace has it; 0 without CMAP_SET_UID
 * @gid: group, likewise; 0 without CMAP_SET_GID
 * @__reserved: 0
 *
 * All or nothing is set, of the map that the descriptor is bound to.  The mode
 * is for the owner and CAP_FOWNER to set, the owner for CAP_CHOWN, and the group
 * for the owner, to one that he is in, and for CAP_CHOWN.  Descriptors that are
 * open stay as they are.
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
 * struct cmap_limits - what the caller's maps take, and may take
 * @size: sizeof(struct cmap_limits)
 * @flags: 0
 * @uid: out: who pays for the maps that the caller makes, as his user namespace
 *	has it: the owner of the outermost user namespace around the caller that
 *	root did not make, or else the caller
 * @maps: out: how many maps he pays for
 * @max_maps: out: how many he may, 0 for no limit
 * @all_maps: out: maps that there are, of all users and of kernel code
 * @all_max_maps: out: how many there may be before the caller is refused one
 * @__reserved: out: 0
 * @bytes: out: memory that his maps take
 * @max_bytes: out: memory that they may take, 0 for no limit
 * @all_bytes: out: memory that all maps take
 * @all_max_bytes: out: what that may be before the caller is refused, 0 for no
 *	limit
 *
 * Root, and who has CAP_SYS_RESOURCE in the initial user namespace, is bound by
 * no limit of a user's.  A part of the module's limits can only be used by the
 * latter.  Works on any descriptor of the device, bound or not.
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
 * @buf: user pointer to the buffer that takes &struct cmap_list_entry records
 * @buf_len: in: bytes in @buf; out: bytes used; with EMSGSIZE: bytes that the
 *	next record needs
 * @count: out: number of records; 0 at the end
 * @cursor: in: 0 to begin; out: where to go on
 * @all_maps: out: maps that there are on the machine, with and without a name,
 *	in any namespace
 * @all_bytes: out: memory that they take
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
 * @name_offset: where the name is, from the start of this structure.  A kernel
 *	that knows more of a map than this says it in fields before the name:
 *	those are there that end at or before @name_offset
 * @name_len: bytes in the name, which is NUL-terminated
 * @mode: permission bits
 * @uid: owner, as the caller's user namespace has it
 * @gid: group, likewise
 * @__reserved: 0
 * @id: number of the map, unique while the module is loaded
 * @entries: entries in the map
 * @bytes: memory the map takes
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
#define CMAP_OP_VERSION		(1U << 2)	/* set, delete: only if version is this */

/**
 * struct cmap_op - one command on one key, alone or in a batch
 * @size: sizeof(struct cmap_op).  GET, SET and DELETE need it up to and
 *	including @version, the others up to and including @start
 * @code: in a batch, enum cmap_code; alone 0 or the ioctl's own number
 * @flags: CMAP_OP_*
 * @key: user pointer to the key; of an empty one, with @key_len 0, it is not
 *	read
 * @value: user pointer: GET: buffer for the value; SET, SWAP, COMPARE_SWAP,
 *	GET_OR_SET: the new value; STAT, RANGE in a batch: their structure
 * @key_len: bytes in @key.  A key can be empty like any string, but where the
 *	map has a fixed length
 * @value_len: bytes at @value; GET: out: the value's length
 * @version: out: the entry's version (GET, or a GET_OR_SET that got), or the
 *	version this write made; with EEXIST and ESTALE the entry's version.
 *	In, with CMAP_OP_VERSION: the version the entry must have, not 0
 * @old: user pointer: TAKE, SWAP, GET_OR_SET: buffer for the value that was
 *	there; COMPARE_SWAP, COMPARE_DELETE: the value that must be there
 * @old_len: bytes at @old; TAKE, SWAP, GET_OR_SET: out: the length of the
 *	value that was there
 * @error: out, in a batch only: 0 or a negative errno.  Not read
 * @number: ADD: in: what to add, out: the sum; SWAP, GET_OR_SET: out: 1 if
 *	there was a value, else 0; CLEAR: out: entries removed; COUNT: out:
 *	entries in the map
 * @start: ADD: what an absent entry counts as, before @number is added
 *
 * A buffer pointer of 0 with length 0 asks for the length alone.  A buffer
 * that is too short gets EMSGSIZE and the length in the length field, with
 * nothing changed in the map.
 *
 * ========================= =================================================
 * GET                       the value and its version
 * SET                       the value becomes @value
 * DELETE                    the entry goes
 * TAKE                      get and delete
 * SWAP                      set, and get what was there, if anything
 * COMPARE_SWAP              set, if the value equals @old
 * COMPARE_DELETE            delete, if the value equals @old
 * GET_OR_SET                get what is there, or else set
 * ADD                       the value, a signed 64-bit number in the machine's
 *                           byte order, grows by @number
 * CLEAR                     every entry that is there throughout the call goes
 * COUNT                     how many entries there are: the number after all
 *                           writes that had ended when the call began, and
 *                           perhaps some that were under way since, each with
 *                           all that had ended before it began
 * ========================= =================================================
 *
 * GET and COUNT need a descriptor open for reading; SET, DELETE, COMPARE_SWAP,
 * COMPARE_DELETE and CLEAR one for writing; TAKE, SWAP, GET_OR_SET and ADD one
 * for both.
 *
 * Errors: E2BIG, EBADF, EBADFD, EDOM (ADD), EDQUOT, EEXIST (SET), EFAULT, EINTR,
 * EINVAL, EMSGSIZE, ENOENT, ENOMEM, ENOSPC, EOVERFLOW (ADD), ESTALE, EXFULL.
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
 * struct cmap_stat - what a map is and what it holds
 * @size: sizeof(struct cmap_stat); at least up to and including @id
 * @flags: 0
 * @id: out: number of the map, unique while the module is loaded
 * @create_flags: out: CMAP_CREATE_*
 * @mode: out: permission bits
 * @uid: out: owner, as the caller's user namespace has it
 * @gid: out: group, likewise
 * @key_max: out: longest key
 * @value_max: out: longest value
 * @shards: out: number of shards
 * @longest_chain: out: most buckets that a lookup of one key can go through
 * @max_entries: out: limit on entries, 0 for none
 * @max_bytes: out: limit on memory, 0 for none
 * @entries: out: entries in the map, as COUNT has them
 * @bytes: out: memory the map takes, tables included: what @max_bytes limits
 * @table_bytes: out: of these, in tables
 * @buckets: out: buckets in the tables
 * @grows: out: how many times a shard's table began to grow
 * @shrinks: out: how many times a shard's table began to shrink
 * @allocs: out: nodes handed out
 * @reuses: out: of these, on memory an earlier node had
 * @retries: out: writes that had to start over to get memory, or room below
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
 * @position: where in the map's order of hashes; 0 with @tie 0 is the start
 * @tie: which of the entries at that position
 *
 * A cursor stays good for the life of the map, whatever happens to the map
 * meanwhile, and in any process.  Of a map made with CMAP_CREATE_NO_WINDOW it
 * is a number that tells nothing of where it leads: positions are bits of
 * keys' hashes, and with them keys could be chosen that collide.
 */
struct cmap_cursor {
	__aligned_u64 position;
	__aligned_u64 tie;
};

/* &struct cmap_range.flags */
#define CMAP_RANGE_KEYS		(1U << 0)	/* keys only, no values */

/**
 * struct cmap_range - read a buffer full of entries
 * @size: sizeof(struct cmap_range)
 * @flags: CMAP_RANGE_*
 * @buf: user pointer to the buffer that takes &struct cmap_entry records
 * @buf_len: in: bytes in @buf; out: bytes used; with EMSGSIZE: bytes that the
 *	next entry needs
 * @count: out: number of records; 0 at the end of the map
 * @cursor: in: all 0 to begin; out: where to go on
 *
 * An entry that is in the map throughout a range is reported exactly once,
 * whatever else happens to the map; no entry is reported twice.  One that is
 * added or removed meanwhile may or may not be.
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
 * @key_offset: where the key is, from the start of this structure.  A kernel
 *	that knows more of an entry than this says it in fields before the key:
 *	those are there that end at or before @key_offset
 * @value_len: bytes in the value, also when only keys are asked for
 * @value_offset: where the value is, from the start of this structure, a
 *	multiple of 8; 0 when only keys are asked for
 * @version: the entry's version
 * @cursor: where to go on behind this entry
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
 * @ops: user pointer to an array of &struct cmap_op; their size must be
 *	@op_size.  Any code from GET on except BATCH itself
 * @count: elements in @ops, up to CMAP_BATCH_MAX
 * @op_size: bytes from one element to the next, a multiple of 8, at least up
 *	to and including &struct cmap_op.start
 * @done: out: elements carried out, each with its result in its error field
 * @__reserved: 0
 *
 * Each element is carried out as it would be alone, in order; one that fails
 * does not stop those behind it.  The call itself fails, with @done set, when
 * the array cannot be read or written (EFAULT) or on a fatal signal (EINTR).
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
 * A descriptor open for reading can be mapped: PROT_READ and MAP_SHARED only,
 * never to become writable.  The mapping shows the map's own tables and nodes
 * while the kernel changes them, so values can be read with no system call.
 * What follows is how to read them; libkcmap does.
 *
 * An offset of the file names a place: a region, see CMAP_WINDOW_REGION(), and
 * an offset in it.  In each region all shards' parts of one size stand one
 * after the other, so one mapping shows a region of every shard.  A place
 * shows the memory that the shard has there now, whatever was there before.
 *
 * ======================= ===================================================
 * region                  what it shows
 * ======================= ===================================================
 * CMAP_WINDOW_HEAD        &struct cmap_window, @words_offset behind its start
 *                         &struct cmap_window_words, and @shards_offset behind
 *                         it the first page of each shard's &struct
 *                         cmap_window_shard
 * CMAP_WINDOW_LIST(level) more pages of &struct cmap_window_shard: of level n
 *                         (1 and up) those from 2^(n-1) to 2^n - 1
 * CMAP_WINDOW_NODE(level) nodes: of level n (1 and up) the granules from
 *                         2^(n+1) to 2^(n+2) - 1
 * CMAP_WINDOW_TABLE(bits, turn)
 *                         a table of 2^bits buckets: the buckets, then, at
 *                         CMAP_WINDOW_POOL_OFFSET, those of its pool; in
 *                         CMAP_WINDOW_TABLE_BYTES
 * ======================= ===================================================
 *
 * A shard's nodes lie in a space of CMAP_WINDOW_GRANULES granules of
 * 2^CMAP_WINDOW_GRANULE_SHIFT bytes, of which the first
 * CMAP_WINDOW_GRANULES_NONE do not exist.  A ref is an offset in it in units of
 * 8 bytes.  A segment of nodes takes one granule or more in a row, all of one
 * level.  It has a number, which no other segment of the map ever has.  The
 * number stands in &struct cmap_window_shard, at the word that has the granule's
 * index, for each of its granules.  A number below CMAP_WINDOW_NUMBER_FIRST is
 * none: there is no segment, or none that can be read here yet.
 *
 * A load from a place faults (SIGBUS) where nothing ever was.  Where a segment
 * or a table was, or a segment's number has been published, it never does: it
 * finds zeroes where there is nothing any more.  The page that a granule's
 * number is in exists before any ref to that granule is published.  So a reader
 * that runs beyond the granule that a node begins in first makes sure that the
 * node is one, by step 3 below.
 *
 * A key's hash is that of SipHash-1-3 with the window's secret, a 64-bit number
 * h, but that the key's length goes into v1 before the first word (by exclusive
 * or) in place of the last word's highest byte.  A key of whole words so has no
 * other word; the last word of any other is filled up with zeroes.
 * Its highest shard_bits bits number the shard, those below them, as many as
 * the table has bits, the bucket.  Its lowest 16 bits are the tag.
 *
 * To look a key up:
 *
 * 1. Load the shard's @table, T (0: no entry), and the bucket's @head.  If
 *    that says CMAP_WINDOW_MOVED, load @next, and @table once more: if it is
 *    still T go on with next as T, else begin anew.
 * 2. For each slot whose tag is equal, load the ref (0: none), then the
 *    number in @segment that its granule has (none: begin anew), then @version
 *    of the node (0: begin anew); then once more the ref (another one: do this
 *    slot again), then the first bucket's head (MOVED: begin anew).  Compare
 *    the key, copy the value.
 * 3. Now look again: if @version or the number in @segment is another, or T is
 *    neither the shard's @table nor its @next any more, begin anew.  What was
 *    copied is one whole value, and was the key's at the second load of the
 *    ref.
 * 4. Go on in the buckets chained to it; one that is not CMAP_WINDOW_LINKED is
 *    not to be seen here (begin anew).  If no slot has the key, look again at
 *    the first bucket's head, then at @table and @next, as above; then the key
 *    was absent.
 *
 * A flag that the reader does not know (in a table's word, in @lengths of a
 * node whose key is the one looked for, in @flags of a trailer) means that it
 * cannot tell: it asks the kernel.  It never means that the key is absent.
 *
 * What a trailer refers to in &struct cmap_window_words is loaded between the
 * two loads of the ref, so that there is a moment at which the ref stood in its
 * slot and the word said so.
 *
 * Each load up to the second one of @head has acquire semantics, and a load
 * fence stands before each "look again".
 *
 * What is shared by all may be read by a process that is stopped for long:
 * whatever it has read by then, this is how it finds out.
 */
#define CMAP_WINDOW_MAGIC	0x70616d63	/* "cmap" */
#define CMAP_WINDOW_FORMAT	3

/* Offsets: a region's number, then the offset in it. */
#define CMAP_WINDOW_REGION_SHIFT	45
#define CMAP_WINDOW_REGION(n)		((__u64)(n) << CMAP_WINDOW_REGION_SHIFT)
#define CMAP_WINDOW_HEAD		0
#define CMAP_WINDOW_LIST(level)		(0 + (level))	/* 1 to 15 */
/* 16 to 31 are for feeds and owners, which are to come. */
#define CMAP_WINDOW_NODE(level)		(32 + (level))	/* 1 to 17 */
#define CMAP_WINDOW_TABLE(bits, turn)	(64 + (turn) * 32 + (bits))
#define CMAP_WINDOW_REGIONS		192

#define CMAP_WINDOW_LIST_LEVELS		16
#define CMAP_WINDOW_NODE_LEVELS		18
#define CMAP_WINDOW_TURNS		4

/* Bytes that a shard's part of a region has; of tables see below. */
#define CMAP_WINDOW_LIST_BYTES(level, page)	((__u64)(page) << ((level) - 1))
#define CMAP_WINDOW_NODE_BYTES(level)					\
	(1ULL << ((level) + 1 + CMAP_WINDOW_GRANULE_SHIFT))

#define CMAP_WINDOW_GRANULE_SHIFT	16
#define CMAP_WINDOW_GRANULES		(1U << 19)	/* of a shard */
#define CMAP_WINDOW_GRANULES_NONE	4

/* Numbers of segments; what is below is none. */
#define CMAP_WINDOW_NUMBER_FIRST	2

/**
 * struct cmap_window - what is at offset 0
 * @magic: CMAP_WINDOW_MAGIC
 * @format: CMAP_WINDOW_FORMAT; another one is for another reader
 * @words_offset: where &struct cmap_window_words is
 * @shards_offset: where the first page of the first shard is
 * @page_bytes: size of a page, by which parts of the window are aligned
 * @__reserved: 0
 * @shards: number of shards
 * @shard_bits: log2 of that
 * @create_flags: CMAP_CREATE_*
 * @key_max: longest key
 * @id: number of the map, as in &struct cmap_stat
 * @secret: of the hash
 *
 * Nothing in here ever changes.
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
 * struct cmap_window_words - what changes for the whole map
 * @expired_before: in nanoseconds of the map's clock: an entry whose deadline
 *	is not behind this is absent
 * @committed: the last transaction that is
 *
 * Each word has a cache line of its own.  Both are 0 as long as nothing uses
 * them.
 */
struct cmap_window_words {
	__aligned_u64 expired_before;
	__aligned_u64 __reserved1[7];
	__aligned_u64 committed;
	__aligned_u64 __reserved2[7];
};

/**
 * struct cmap_window_shard - where a shard's tables and nodes are
 * @table: the table, see CMAP_WINDOW_TABLE_*; 0 before the first entry
 * @next: the table it is being moved into, or 0
 * @__reserved: 0
 * @segment: by granule, from CMAP_WINDOW_GRANULES_NONE on: the number of the
 *	segment of nodes that is there
 *
 * The first granules do not exist so that a granule's number is at the word
 * that has the granule's index.  The first page is in CMAP_WINDOW_HEAD, page n
 * in CMAP_WINDOW_LIST of the level that n has as many bits as.  So the numbers
 * of all granules of one CMAP_WINDOW_NODE stand in one CMAP_WINDOW_LIST, or in
 * the first page.
 */
struct cmap_window_shard {
	__aligned_u64 table;
	__aligned_u64 next;
	__aligned_u64 __reserved[2];
	__aligned_u64 segment[CMAP_WINDOW_GRANULES - CMAP_WINDOW_GRANULES_NONE];
};

/*
 * A table, in 64 bits: a number, which no other table of the map ever has, and
 * what it is.  A table and the next one, which may have as many buckets, differ
 * in their turn, and no table gets a place before all that was there is gone
 * from every mapping.
 */
#define CMAP_WINDOW_TABLE_NUMBER(t)	((t) >> 16)
#define CMAP_WINDOW_TABLE_BITS(t)	((t) & 31)
#define CMAP_WINDOW_TABLE_TURN(t)	((t) >> 5 & 3)
#define CMAP_WINDOW_TABLE_INSIDE(t)	((t) >> 7 & 1)	/* see POOL_OFFSET */
#define CMAP_WINDOW_TABLE_UNKNOWN(t)	((t) & 0xff00)	/* flags */

/* The one flag there is so far: the table cannot be read here yet. */
#define CMAP_WINDOW_TABLE_NOT_YET	0x100U

/*
 * Where a table's pool is behind its first bucket.  It begins a page, but for
 * the smallest table, all of which is in one page.
 */
#define CMAP_WINDOW_POOL_OFFSET(t, page)				\
	(CMAP_WINDOW_TABLE_INSIDE(t) ||					\
	 (64ULL << CMAP_WINDOW_TABLE_BITS(t)) > (page) ?			\
	 64ULL << CMAP_WINDOW_TABLE_BITS(t) : (__u64)(page))

/* A shard's part of the table's region: whole pages. */
#define CMAP_WINDOW_TABLE_BYTES(t, page)				\
	((2 * CMAP_WINDOW_POOL_OFFSET(t, page) + (page) - 1) &		\
	 ~((__u64)(page) - 1))

#define CMAP_WINDOW_SLOTS	10
#define CMAP_WINDOW_MOVED	1U
#define CMAP_WINDOW_LINKED	2U
/* Bits 29 to 31 are flags to come. */
#define CMAP_WINDOW_NEXT(head)	((head) >> 2 & 0x7ffffff)

/**
 * struct cmap_window_bucket - a bucket
 * @head: CMAP_WINDOW_MOVED; CMAP_WINDOW_LINKED if another goes on in this
 *	one; and CMAP_WINDOW_NEXT: 1 + the place in the pool of the one that
 *	this one goes on in, or 0
 * @tag: tags of the entries
 * @ref: where their nodes are, in units of 8 bytes of the shard's space of
 *	nodes; 0 for none
 */
struct cmap_window_bucket {
	__u32 head;
	__u16 tag[CMAP_WINDOW_SLOTS];
	__u32 ref[CMAP_WINDOW_SLOTS];
};

/*
 * Bytes in the key, which follows the node, and in the value behind it; and
 * whether a trailer follows the value.
 */
#define CMAP_WINDOW_EXTENDED		0x80000000U
#define CMAP_WINDOW_KEY_LEN(l)		((l) >> 21 & 0x3ff)
#define CMAP_WINDOW_VALUE_LEN(l)	((l) & 0x1fffff)

/**
 * struct cmap_window_node - one version of one entry
 * @version: the entry's version; 0 while it is no entry's
 * @order: the highest 32 bits of the key's hash, until the node is taken from
 *	its slot.  Who needs it, or a slot's tag, loads both in step 2, then
 *	behind a load fence the ref and the first bucket's head once more; if
 *	these are as they were, and step 3 finds so too, both are the entry's
 * @lengths: CMAP_WINDOW_KEY_LEN; CMAP_WINDOW_VALUE_LEN of the value, which
 *	follows the key at a multiple of 8; and CMAP_WINDOW_EXTENDED if &struct
 *	cmap_window_trailer follows the value, at a multiple of 8
 */
struct cmap_window_node {
	__aligned_u64 version;
	__u32 order;
	__u32 lengths;
	/* char key[]; */
};

/* &struct cmap_window_trailer.flags */
#define CMAP_WINDOW_DEADLINE	(1U << 0)
#define CMAP_WINDOW_OWNER	(1U << 1)
#define CMAP_WINDOW_PENDING	(1U << 2)

/**
 * struct cmap_window_trailer - what else an entry has
 * @flags: CMAP_WINDOW_DEADLINE and so on: which of the following mean
 *	something
 * @owner: index of the owner
 * @deadline: in nanoseconds of the map's clock: the entry is absent as soon as
 *	&struct cmap_window_words.expired_before has come to it
 * @generation: of the owner
 * @transaction: as long as &struct cmap_window_words.committed is below this
 *	@old is the entry
 * @old: the ref of the node that was the entry before, or 0
 * @__reserved: 0
 *
 * The kernel does not make any of these yet.
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
