// SPDX-License-Identifier: GPL-2.0
/*
 * The position of an entry, as a range reads it: from the high half of the hash,
 * which is in the node, and from the slot's tag.  A link overwrites the high half
 * when the node is retired, and the next entry in the slot sets the tag anew.
 * Meanwhile the entry is deleted, its bucket moves, and its slot and its node get
 * other entries.  README.md says how weakly ordered memory is modelled.
 *
 * There are two nodes and one slot, in the reader's bucket and in the one that
 * it is moved to.  The reader uses a window.  With KERNEL it is a range in the
 * kernel, under RCU, so no node that it may have met is reused.
 */

#ifndef WRITES
#define WRITES	2	/* inserts */
#endif
#ifndef DELETES
#define DELETES	2
#endif
#ifndef MOVES
#define MOVES	1
#endif

#define NODES	2
#define LINK	99	/* a link, which differs from every high half */

byte tag[2];		/* the entry's tag, by bucket */
byte ref[2];		/* node + 1, or 0 */
bool moved;		/* the first bucket was moved */

/* An entry's high half, its tag and its only version are one number. */
byte high[NODES];	/* or LINK */
byte version[NODES];

bool begun, over;

/* ---- the kernel, under the shard's lock ---- */

/* Stores that become visible in any order, except release stores. */
#define P_BLANK	1
#define P_ORDER	2
#define P_SEAL	4
#define P_TAG	8
#define P_REF	16
#define P_GONE	32
#define P_LINK	64
#define P_MOVED	128

#define AFTER_SEAL	(P_BLANK | P_ORDER | P_GONE | P_LINK | P_MOVED)
#ifdef M_NO_TAG_RELEASE
#define AFTER_TAG	0
#else
#define AFTER_TAG	(AFTER_SEAL | P_SEAL)
#endif
#ifdef M_NO_LINK_RELEASE
#define AFTER_LINK	0
#else
#define AFTER_LINK	(P_GONE | P_MOVED)
#endif

inline barrier()
{
	do
	:: d_step { p & P_BLANK -> version[n] = 0; p = p & ~P_BLANK }
	:: d_step { p & P_ORDER -> high[n] = v; p = p & ~P_ORDER }
	:: d_step { p & P_SEAL && !(p & AFTER_SEAL) -> version[n] = v;
		    p = p & ~P_SEAL }
	:: d_step { p & P_TAG && !(p & AFTER_TAG) -> tag[b] = v;
		    p = p & ~P_TAG }
	:: d_step { p & P_REF && !(p & ~P_REF) -> ref[b] = n + 1;
		    p = p & ~P_REF }
	:: d_step { p & P_GONE -> ref[b] = 0; p = p & ~P_GONE }
	:: d_step { p & P_LINK && !(p & AFTER_LINK) -> high[old] = LINK;
		    p = p & ~P_LINK }
	:: d_step { p & P_MOVED -> moved = true; p = p & ~P_MOVED }
	:: atomic { p == 0 || over -> break }
	od
}

active proctype Writer()
{
	byte writes, deletes, moves;
	short p;
	byte n, v, b, old, there, reserved;
	bool retired[NODES];

	atomic {
		version[0] = 1; high[0] = 1;
		tag[0] = 1; ref[0] = 1; there = 1;
		run Reader()
	}

	do
	/*
	 * The node of the next entry is allocated long before the insert or
	 * just now.
	 */
	:: atomic { !over && writes < WRITES && !reserved && p == 0 ->
		if
		:: there != 1 -> n = 0
		:: there != 2 -> n = 1
		fi;
#ifdef KERNEL
		/* No grace period ends for a reader that has begun. */
		if
		:: retired[n] && begun -> goto next
		:: else
		fi;
#endif
		retired[n] = false;
		writes++; v = writes + 1; reserved = n + 1;
		p = P_BLANK }
		barrier();
		p = P_ORDER;
		barrier()

	/* In the same hold of the lock as the delete, or later. */
	:: atomic { !over && reserved && !there ->
		there = reserved; reserved = 0;
		p = p | P_SEAL | P_TAG | P_REF }
		barrier()

	/* The old node is retired now; or later, if it is to be read. */
	:: atomic { !over && deletes < DELETES && there && p == 0 ->
		deletes++;
		old = there - 1; there = 0; retired[old] = true;
		if
		:: p = P_GONE | P_LINK
		:: p = P_GONE
		fi }

	/* The entry moves; or the delete becomes visible. */
	:: atomic { !over && moves < MOVES && p == 0 ->
		moves++;
		tag[1] = tag[0]; ref[1] = ref[0]; b = 1;
		p = P_MOVED }
		if
		/* The entry is deleted in the same hold of the lock. */
		:: atomic { there && deletes < DELETES ->
			deletes++;
			old = there - 1; there = 0; retired[old] = true;
			p = p | P_GONE | P_LINK }
		:: skip
		fi
	:: atomic { !over && p != 0 -> skip }
		barrier()

	:: atomic { over -> break }
	:: atomic { p == 0 && writes == WRITES && !reserved && (!there || deletes == DELETES) && moves == MOVES -> break }
next:	skip
	od
}

/* ---- the reader ---- */

/* Loads that happen in any order, until a fence. */
#define L_ORDER	1
#define L_TAG	2
#define L_REF	4
#define L_MOVED	8
#define L_AGAIN	16

inline fence()
{
	do
	:: d_step { l & L_ORDER -> o = high[n]; l = l & ~L_ORDER }
	:: d_step { l & L_TAG -> t = tag[0]; l = l & ~L_TAG }
	:: d_step { l & L_REF -> r = ref[0]; l = l & ~L_REF }
	:: d_step { l & L_MOVED -> m = moved; l = l & ~L_MOVED }
	:: d_step { l & L_AGAIN -> again = version[n]; l = l & ~L_AGAIN }
	:: atomic { l == 0 -> break }
	od
}

proctype Reader()
{
	byte n, o, t, r, first, v, again, l;
	bool m;

	atomic { begun = true; l = L_MOVED }
	fence();
	if
	:: m -> goto out
	:: else
	fi;
	l = L_REF;
	fence();
	if
	:: r == 0 -> goto out
	:: else
	fi;
	first = r; n = r - 1;
	l = L_AGAIN;
	fence();
	v = again;
#ifndef KERNEL
	/* The version belongs to this entry: see window.pml. */
	l = L_REF;
	fence();
	l = L_MOVED;
	fence();
	if
	:: v == 0 || r != first || m -> goto out
	:: else
	fi;
#endif
	l = L_ORDER | L_TAG;
#ifndef M_NO_FENCE
	fence();
#endif
	l = l | L_REF | L_MOVED;
	fence();
	if
#ifndef M_NO_REF_AGAIN
	:: r != first -> goto out
#endif
#ifndef M_NO_MOVED_AGAIN
	:: m -> goto out
#endif
	:: else
	fi;
#ifndef KERNEL
	l = L_AGAIN;
	fence();
	if
#ifndef M_NO_VERSION_AGAIN
	:: again != v -> goto out
#endif
	:: else
	fi;
#endif
	assert(o == v);
	assert(t == v);

out:
	over = true
}
