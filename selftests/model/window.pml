// SPDX-License-Identifier: GPL-2.0
/*
 * One get through the window, while entries are inserted, replaced and deleted.
 * Nodes are reused at once, and segments of nodes are freed and others get
 * their place.  Tables do not change here: move.pml models them.  What a place
 * of the window shows is assumed: place.pml models that.  README.md says what
 * the models leave out, and how weakly ordered memory is modelled.
 *
 * A segment has one node, so a ref is the index of the segment's place.
 */

#ifndef WRITES
#define WRITES	3	/* inserts and replaces */
#endif
#ifndef DELETES
#define DELETES	2
#endif
#ifndef FREES
#define FREES	1	/* segments freed; another may come to their place */
#endif

#define SLOTS	2
#define INDICES	2
#define IDS	(INDICES + FREES + 1)	/* segments have numbers from 1 */

#define KEY	1	/* the key that is read */
#define OTHER	2	/* another key of the bucket; may have the same tag */

#define BIT(x)	(1 << (x))

/* ---- what the kernel shows in the window ---- */

byte tag[SLOTS];	/* a key, or 0 */
byte ref[SLOTS];	/* index + 1, or 0 */
byte dir[INDICES];	/* number of the segment shown there, or 0 */

/* Each segment's node. */
byte version[IDS];
byte key[IDS];
byte v0[IDS];		/* the value: the number of the write, twice */
byte v1[IDS];

/* ---- what a load of each page returns; a node can lie in two ---- */

byte head[INDICES];	/* a segment, or 0: zeroes */
byte value[INDICES];

byte there[INDICES];	/* the segment there, shown or not, or 0 */

/* ---- variables of the properties ---- */

byte now;		/* the write that made KEY's value; 0: absent */
byte seen;		/* all values of @now during the get, a bit each */
bool begun;		/* the get has begun; nothing is read before */
bool over;		/* the get has ended; nothing matters after that */

/* ---- pages ---- */

/*
 * Pages of a freed segment become zeroes one by one, in mappings that have
 * them.  Pages of a new segment are found by page faults one by one.  When the
 * segment's number is shown, all can be found.
 */
#define PAGES(i)							\
	:: d_step { begun && !over && head[i] && head[i] != there[i] ->	\
		head[i] = 0 }						\
	:: d_step { begun && !over && value[i] && value[i] != there[i] -> \
		value[i] = 0 }						\
	:: d_step { begun && !over && !head[i] && there[i] ->		\
		head[i] = there[i] }					\
	:: d_step { begun && !over && !value[i] && there[i] ->		\
		value[i] = there[i] }

active proctype Pages()
{
end:
	do
	PAGES(0)
	PAGES(1)
	od
}

/* ---- the kernel, under the shard's lock ---- */

/*
 * Stores that become visible in any order, until a barrier.  Of the value's two
 * halves, only the first is modelled as first: the halves are alike, and the
 * reader loads them in any order.
 */
#define P_BLANK	1
#define P_KEY	2
#define P_V0	4
#define P_V1	8
#define P_SEAL	16
#define P_TAG	32
#define P_REF	64

inline publish(s, r, k, w)
{
	ref[s] = r;
	if
	:: k == KEY -> now = w; seen = seen | BIT(w)
	:: else
	fi
}

inline barrier()
{
	do
	:: d_step { p & P_BLANK -> version[n] = 0; p = p & ~P_BLANK }
	:: d_step { p & P_KEY -> key[n] = k; p = p & ~P_KEY }
	:: d_step { p & P_V0 -> v0[n] = w; p = p & ~P_V0 }
	:: d_step { p & P_V1 && !(p & P_V0) -> v1[n] = w; p = p & ~P_V1 }
	:: d_step { p & P_SEAL -> version[n] = w; p = p & ~P_SEAL }
	:: d_step { p & P_TAG -> tag[s] = k; p = p & ~P_TAG }
	:: d_step { p & P_REF -> publish(s, r, k, w); p = p & ~P_REF }
	:: atomic { p == 0 || over -> break }
	od
}

#define UNUSED(i)	(ref[0] != (i) + 1 && ref[1] != (i) + 1)

active proctype Writer()
{
	byte holds[SLOTS];		/* the key in each slot */
	byte writes, deletes, frees;
	byte p;
	byte n, k, w, s, r;

	/* Either key may be there at the start. */
	atomic {
		dir[0] = 1; there[0] = 1; head[0] = 1; value[0] = 1;
		dir[1] = 2; there[1] = 2; head[1] = 2; value[1] = 2;
		if
		:: version[1] = 1; key[1] = KEY; v0[1] = 1; v1[1] = 1;
			tag[0] = KEY; ref[0] = 1; holds[0] = KEY; now = 1
		:: skip
		fi;
		if
		:: version[2] = 2; key[2] = OTHER; v0[2] = 2; v1[2] = 2;
			tag[1] = KEY; ref[1] = 2; holds[1] = OTHER
		:: skip
		fi;
		run Reader()
	}

next:
	atomic { n = 0; k = 0; w = 0; s = 0; r = 0 }
	if
	:: atomic { !over && writes < WRITES ->
		writes++; w = writes + 2;		/* 1 and 2 are used */
		if
		:: k = KEY
		:: k = OTHER
		fi;
		/* The key's slot, or any free one; then a node. */
		if
		:: holds[0] == k -> s = 0
		:: holds[1] == k -> s = 1
		:: holds[0] != k && holds[1] != k && !holds[0] -> s = 0
		:: holds[0] != k && holds[1] != k && !holds[1] -> s = 1
		:: else -> goto next
		fi;
		if
		:: there[0] && UNUSED(0) -> r = 1
		:: there[1] && UNUSED(1) -> r = 2
		:: else -> goto next
		fi;
		n = there[r - 1] }

#ifndef M_NO_BLANK
		p = p | P_BLANK;
#endif
#ifndef M_NO_BLANK_BARRIER
		barrier();
#endif
		p = p | P_KEY | P_V0 | P_V1;
		/*
		 * For this reader, either of the two would do; the kernel has
		 * both.
		 */
#ifndef M_NO_RELEASE
		barrier();
#endif
		p = p | P_SEAL;
#ifndef M_NO_RELEASE
		barrier();
#endif
		if
		:: holds[s] == 0 ->
			p = p | P_TAG;
#ifndef M_NO_TAG_RELEASE
			barrier()
#endif
		:: else
		fi;
		p = p | P_REF;
		barrier();
		holds[s] = k

	:: atomic { !over && deletes < DELETES ->
		deletes++;
		if
		:: holds[0] -> s = 0
		:: holds[1] -> s = 1
		:: else -> goto next
		fi;
		k = holds[s]; w = 0; r = 0;
		holds[s] = 0;
		publish(s, r, k, w) }

	:: atomic { !over && frees < FREES ->
		frees++;
		if
		:: there[0] && UNUSED(0) -> r = 0
		:: there[1] && UNUSED(1) -> r = 1
		:: else -> goto next
		fi;
#ifndef M_NUMBER_STAYS
		dir[r] = 0;
#endif
		there[r] = 0 }

	/*
	 * A segment without entries may be replaced, and the new one shown at
	 * once or later.
	 */
	:: atomic { !over && !there[0] && !head[0] && !value[0] ->
		there[0] = INDICES + frees }
	:: atomic { !over && !there[1] && !head[1] && !value[1] ->
		there[1] = INDICES + frees }
	:: atomic { !over && there[0] != dir[0] && there[0] ->
		dir[0] = there[0]; head[0] = dir[0]; value[0] = dir[0] }
	:: atomic { !over && there[1] != dir[1] && there[1] ->
		dir[1] = there[1]; head[1] = dir[1]; value[1] = dir[1] }

	:: atomic { over || (writes == WRITES && deletes == DELETES &&
			     frees == FREES) -> goto done }
	fi;
	goto next;
done:
	skip
}

/* ---- the reader ---- */

/* Loads that happen in any order, until a fence. */
#define L_TAG0	1
#define L_TAG1	2
#define L_REF0	4
#define L_REF1	8
#define L_KEY	16
#define L_V0	32
#define L_V1	64
#define L_AGAIN	128	/* the version */
#define L_DIR	256

inline fence()
{
	do
	:: d_step { l & L_TAG0 -> t[0] = tag[0]; l = l & ~L_TAG0 }
	:: d_step { l & L_TAG1 -> t[1] = tag[1]; l = l & ~L_TAG1 }
	:: d_step { l & L_REF0 -> r[0] = ref[0]; l = l & ~L_REF0 }
	:: d_step { l & L_REF1 -> r[1] = ref[1]; l = l & ~L_REF1 }
	:: d_step { l & L_KEY -> k = key[head[i]]; l = l & ~L_KEY }
	:: d_step { l & L_V0 -> a = v0[value[i]]; l = l & ~L_V0 }
	:: d_step { l & L_V1 -> b = v1[value[i]]; l = l & ~L_V1 }
	:: d_step { l & L_AGAIN -> again = version[head[i]];
		    l = l & ~L_AGAIN }
	:: d_step { l & L_DIR -> d2 = dir[i]; l = l & ~L_DIR }
	:: atomic { l == 0 -> break }
	od
}

proctype Reader()
{
	byte t[SLOTS], r[SLOTS];
	byte s, i, d, d2, v, again, k, a, b;
	short l;

	/* It begins at any moment.  Another try counts as another get. */
	atomic {
		begun = true;
		seen = BIT(now);
		l = L_TAG0 | L_TAG1 | L_REF0 | L_REF1
	}
	fence();

	do
	:: atomic { s == SLOTS -> break }
	:: atomic { s < SLOTS && (t[s] != KEY || r[s] == 0) -> s++ }
	:: atomic { s < SLOTS && t[s] == KEY && r[s] != 0 -> i = r[s] - 1 }
		atomic {
			d = dir[i];
			if
#ifndef M_ANY_NUMBER
			:: d == 0 -> goto out
#endif
			:: else
			fi
		}
		v = version[head[i]];
		atomic {
			if
#ifndef M_NO_SECOND_REF
			:: ref[s] != r[s] -> goto out
#endif
			:: v == 0 -> goto out
			:: else
			fi;
			l = L_KEY | L_V0 | L_V1
		}
#ifndef M_NO_FENCE
		fence();
#endif
		l = l | L_AGAIN | L_DIR;
		fence();
		atomic {
			if
#ifndef M_NO_VERSION_AGAIN
			:: again != v -> goto out
#endif
#ifndef M_NO_SEGMENT_AGAIN
			:: d2 != d -> goto out
#endif
			:: else
			fi;
			if
			:: k == KEY ->
				assert(a == b && a != 0);	/* A2 */
				assert(seen & BIT(a));		/* A1 */
				goto out
			:: else
			fi;
			s++; i = 0; d = 0; d2 = 0; v = 0; again = 0; k = 0;
			a = 0; b = 0
		}
	od;
	assert(seen & BIT(0));					/* A1, A3 */

out:
	over = true
}
