// SPDX-License-Identifier: GPL-2.0
/*
 * One get through the window while entries are inserted, replaced and deleted,
 * their nodes used again at once, and segments of nodes freed and others given
 * their place.  Tables do not change here: see move.pml.  README.md says what
 * the model leaves out and how memory that is ordered weakly is modelled.
 *
 * A segment has one node, so a ref is the index of the segment's place.  The
 * node lies in two pages, which page faults bring into the reader's process one
 * by one, or a page of zeroes where no segment is.
 */

#ifndef WRITES
#define WRITES	3	/* inserts and replaces */
#endif
#ifndef DELETES
#define DELETES	2
#endif
#ifndef FREES
#define FREES	1	/* segments freed */
#endif

#define SLOTS	2
#define INDICES	2
#define IDS	(INDICES + FREES + 1)	/* 0 is the page of zeroes */

#define KEY	1	/* the one that is read */
#define OTHER	2	/* another with the same tag at times, in the same bucket */

#define BIT(x)	(1 << (x))

/* ---- what the kernel shows ---- */

byte tag[SLOTS];	/* a key, or 0 */
byte ref[SLOTS];	/* index + 1, or 0 */
byte word[INDICES];	/* number of the segment that is there, see below */

/* Each segment's node. */
byte version[IDS];
byte key[IDS];
byte v0[IDS];		/* the value: the number of the write, twice */
byte v1[IDS];

/* A word says nothing, that pages of zeroes may be mapped there, or a number. */
#define NONE		0
#define ZEROES		1
#define NUMBER(id)	((id) + 1)

/* ---- what the kernel knows ---- */

byte segment[INDICES];	/* that is there, or 0: where faults find it */
bool busy[INDICES];	/* the place is not free for another one yet */
byte left[INDICES];	/* the one that leaves it */
byte came[INDICES];	/* one whose number is not shown yet */
byte unmaps[INDICES];	/* what is to be done before the one has left, */
byte cleans[INDICES];	/* and before the other is shown */
bool locked;		/* the shard is, by who writes to the above */

/* ---- what the reader's process has mapped: two pages at each index ---- */

#define HEAD(i)		(2 * (i))
#define VALUE(i)	(2 * (i) + 1)
#define NOTHING		15

byte page[2 * INDICES];
bool faulting;		/* a page fault is under way */

/* ---- what the properties speak of ---- */

byte now;		/* the write that KEY's value is of; 0: absent */
byte seen;		/* all that this was since the get began, a bit each */
bool begun;		/* the get has; before, nobody looks */
bool over;		/* the get has ended; nothing more matters */

/* ---- page faults of all threads of the reader's process ---- */

/* So that a segment that comes and does not see the mark is seen here. */
inline mark()
{
#ifndef M_NO_ZERO_MARK
	d_step {
		if
		:: word[at] == NONE -> word[at] = ZEROES
		:: else
		fi
	}
#else
	skip
#endif
}

active proctype Fault()
{
	byte j, at, id;

end:
	do
	:: atomic { begun && !over &&
		    (page[0] == NOTHING || page[1] == NOTHING ||
		     page[2] == NOTHING || page[3] == NOTHING) ->
		if
		:: page[0] == NOTHING -> j = 0
		:: page[1] == NOTHING -> j = 1
		:: page[2] == NOTHING -> j = 2
		:: page[3] == NOTHING -> j = 3
		fi;
		at = j / 2; faulting = true }
		id = segment[at];
		if
		:: atomic { id != 0 -> skip }
		:: atomic { id == 0 -> skip }
#ifdef M_NO_FAULT_BARRIER
			if
			:: mark(); id = segment[at]
			:: id = segment[at]; mark()
			fi
#else
			mark();
#ifndef M_NO_SECOND_LOOK
			id = segment[at]
#endif
#endif
		fi;
		atomic { page[j] = id; faulting = false; j = 0; at = 0; id = 0 }
	od
}

/* ---- the kernel's work, when a segment has left or come ---- */

#define WAIT	1	/* for page faults under way */
#define FIRST	2	/* take this page out of all mappings */
#define SECOND	4
#define LAST	8

#ifdef M_NO_WAIT
#define UNMAPS	(FIRST | SECOND | LAST)
#elif defined(M_NO_UNMAP)
#define UNMAPS	(WAIT | LAST)
#else
#define UNMAPS	(WAIT | FIRST | SECOND | LAST)
#endif

#ifdef M_NO_CLEAN_WAIT
#define CLEANS	(FIRST | SECOND | LAST)
#elif defined(M_NO_CLEAN)
#define CLEANS	LAST
#else
#define CLEANS	(WAIT | FIRST | SECOND | LAST)
#endif

#define WORK(todo, i)							\
	:: d_step { todo[i] & WAIT && !faulting ->			\
		todo[i] = todo[i] & ~WAIT }				\
	:: d_step { todo[i] & FIRST && !(todo[i] & WAIT) ->		\
		page[HEAD(i)] = NOTHING; todo[i] = todo[i] & ~FIRST }	\
	:: d_step { todo[i] & SECOND && !(todo[i] & WAIT) ->		\
		page[VALUE(i)] = NOTHING; todo[i] = todo[i] & ~SECOND }

/* Its memory is freed, so nobody must have it. */
#define FREE(i)								\
	:: d_step { unmaps[i] == LAST ->				\
		unmaps[i] = 0;						\
		assert(page[HEAD(i)] != left[i] &&			\
		       page[VALUE(i)] != left[i]);			\
		left[i] = 0; busy[i] = false }

/* It may have left meanwhile. */
#define SHOW(i)								\
	:: d_step { cleans[i] == LAST && !locked ->			\
		cleans[i] = 0;						\
		if							\
		:: segment[i] == came[i] -> word[i] = NUMBER(came[i])	\
		:: else							\
		fi;							\
		came[i] = 0 }

active proctype Work()
{
end:
	do
	WORK(unmaps, 0)
	WORK(unmaps, 1)
	FREE(0)
	FREE(1)
	WORK(cleans, 0)
	WORK(cleans, 1)
	SHOW(0)
	SHOW(1)
	od
}

/* ---- the kernel, under the shard's lock ---- */

/*
 * Stores that become visible in any order, until a barrier.  Of the two halves
 * of the value it can be the first one that comes first: they are alike, and
 * the reader loads them in any order.
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

#ifdef M_PLACE_AT_ONCE
#define FREE_PLACE(i)	true
#else
#define FREE_PLACE(i)	(!busy[i] && !came[i])
#endif

active proctype Writer()
{
	byte holds[SLOTS];		/* the key that stands there */
	byte writes, deletes, frees, ids;
	byte p;
	byte n, k, w, s, r;

	/* Either key may be there at first; or the second segment is not. */
	atomic {
		segment[0] = 1; word[0] = NUMBER(1); ids = 2;
		page[0] = NOTHING; page[1] = NOTHING;
		page[2] = NOTHING; page[3] = NOTHING;
		if
		:: version[1] = 1; key[1] = KEY; v0[1] = 1; v1[1] = 1;
			tag[0] = KEY; ref[0] = 1; holds[0] = KEY; now = 1
		:: skip
		fi;
		if
		:: segment[1] = 2; word[1] = NUMBER(2); ids = 3;
			version[2] = 2; key[2] = OTHER; v0[2] = 2; v1[2] = 2;
			tag[1] = KEY; ref[1] = 2; holds[1] = OTHER
		:: segment[1] = 2; word[1] = NUMBER(2); ids = 3
		:: skip
		fi;
		run Reader()
	}

next:
	atomic { n = 0; k = 0; w = 0; s = 0; r = 0 }
	if
	:: atomic { !over && writes < WRITES ->
		writes++; w = writes + 2;		/* numbers 1 and 2 are used */
		if
		:: k = KEY
		:: k = OTHER
		fi;
		/* Where it stands, or any free slot; then a node. */
		if
		:: holds[0] == k -> s = 0
		:: holds[1] == k -> s = 1
		:: holds[0] != k && holds[1] != k && !holds[0] -> s = 0
		:: holds[0] != k && holds[1] != k && !holds[1] -> s = 1
		:: else -> goto next
		fi;
		if
		:: segment[0] && UNUSED(0) -> r = 1
		:: segment[1] && UNUSED(1) -> r = 2
		:: else -> goto next
		fi;
		n = segment[r - 1] }

#ifndef M_NO_BLANK
		p = p | P_BLANK;
#endif
#ifndef M_NO_BLANK_BARRIER
		barrier();
#endif
		p = p | P_KEY | P_V0 | P_V1;
		/* Either of these would do for this reader; the kernel has both. */
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

	/* A segment goes. */
	:: atomic { !over && frees < FREES ->
		frees++;
		if
		:: segment[0] && UNUSED(0) -> r = 0
		:: segment[1] && UNUSED(1) -> r = 1
		:: else -> goto next
		fi;
		locked = true; busy[r] = true; left[r] = segment[r] }
#ifndef M_NUMBER_STAYS
		word[r] = NONE;
#endif
		segment[r] = 0;
		d_step { unmaps[r] = UNMAPS; locked = false }
#ifdef M_NUMBER_STAYS
		/* Until it has left. */
		atomic { !busy[r] || over -> word[r] = NONE }
#endif

	/* Another one comes where none is. */
	:: atomic { !over && ids < IDS ->
		if
		:: !segment[0] && FREE_PLACE(0) -> r = 0
		:: !segment[1] && FREE_PLACE(1) -> r = 1
		:: else -> goto next
		fi;
		locked = true; n = ids; ids++ }
#ifdef M_NO_ATTACH_BARRIER
		if
		:: segment[r] = n; w = word[r]
		:: w = word[r]; segment[r] = n
		fi;
#else
		segment[r] = n;
		w = word[r];
#endif
#ifdef M_SHOW_AT_ONCE
		w = NONE;
#endif
		if
		:: atomic { w == NONE -> locked = false }
			word[r] = NUMBER(n)
		:: atomic { w != NONE ->
			came[r] = n; cleans[r] = CLEANS; locked = false }
		fi

	:: atomic { over || (writes == WRITES && deletes == DELETES &&
			     frees == FREES && ids == IDS) -> goto done }
	fi;
	goto next;
done:
	skip
}

/* ---- the reader ---- */

/* Loads that are done in any order, until a fence. */
#define L_TAG0	1
#define L_TAG1	2
#define L_REF0	4
#define L_REF1	8
#define L_KEY	16
#define L_V0	32
#define L_V1	64
#define L_AGAIN	128	/* the version */
#define L_WORD	256

#define MAPPED(j)	(page[j] != NOTHING)

inline fence()
{
	do
	:: d_step { l & L_TAG0 -> t[0] = tag[0]; l = l & ~L_TAG0 }
	:: d_step { l & L_TAG1 -> t[1] = tag[1]; l = l & ~L_TAG1 }
	:: d_step { l & L_REF0 -> r[0] = ref[0]; l = l & ~L_REF0 }
	:: d_step { l & L_REF1 -> r[1] = ref[1]; l = l & ~L_REF1 }
	:: d_step { l & L_KEY && MAPPED(HEAD(i)) -> k = key[page[HEAD(i)]];
		    l = l & ~L_KEY }
	:: d_step { l & L_V0 && MAPPED(VALUE(i)) -> a = v0[page[VALUE(i)]];
		    l = l & ~L_V0 }
	:: d_step { l & L_V1 && MAPPED(VALUE(i)) -> b = v1[page[VALUE(i)]];
		    l = l & ~L_V1 }
	:: d_step { l & L_AGAIN && MAPPED(HEAD(i)) ->
		    again = version[page[HEAD(i)]]; l = l & ~L_AGAIN }
	:: d_step { l & L_WORD -> d2 = word[i]; l = l & ~L_WORD }
	:: atomic { l == 0 -> break }
	od
}

proctype Reader()
{
	byte t[SLOTS], r[SLOTS];
	byte s, i, d, d2, v, again, k, a, b;
	short l;

	/* At any moment; another try would be another get. */
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
			d = word[i];
			if
#ifndef M_ANY_NUMBER
			:: d < NUMBER(1) -> goto out
#endif
			:: else
			fi
		}
		d_step { MAPPED(HEAD(i)) -> v = version[page[HEAD(i)]] }
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
		l = l | L_AGAIN | L_WORD;
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
