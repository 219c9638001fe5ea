// SPDX-License-Identifier: GPL-2.0
/*
 * One get through the window, while its bucket moves from table to table and
 * its entry is written.  Tables come and go.  Nodes do not change here, and a
 * ref is the number of a write: window.pml models nodes.  What a place of the
 * window shows is assumed: place.pml models that.  README.md says what the
 * models leave out, and how weakly ordered memory is modelled.
 *
 * The entry is in the bucket or in one chained to it, which lies in another
 * page.
 */

#ifndef WRITES
#define WRITES	2	/* inserts and replaces */
#endif
#ifndef DELETES
#define DELETES	1
#endif
#ifndef MOVES
#define MOVES	2
#endif

#define IDS	(MOVES + 2)	/* tables have numbers from 1 */
#define CLASSES	2
/* Tables share a place, but not two in succession. */
#ifdef M_SAME_PLACE
#define CLASS(t)	(0 * (t))
#else
#define CLASS(t)	((t) & 1)
#endif

#define BIT(x)	(1 << (x))

/* ---- what the kernel shows in the window ---- */

byte table = 1;
byte next;

/* Each table's bucket, and the bucket chained to it. */
bool moved[IDS];
bool chained[IDS];
byte ref0[IDS];
bool linked[IDS];
byte ref1[IDS];

/* A table that cannot be read yet is shown with a flag. */
bool veiled[IDS];
#define SHOWN(t)	(veiled[t] -> 15 : (t))

/* ---- what a load of each page of a place returns ---- */

byte page0[CLASSES];	/* a table, or 0: zeroes */
byte page1[CLASSES];
/*
 * If a reader touched the chained bucket before it existed, zeroes stay mapped.
 */
bool hole[IDS];

#define LINKED(t)	(linked[t] && !hole[t])
#define REF1(t)		(hole[t] -> 0 : ref1[t])

/* ---- variables of the properties ---- */

byte now;		/* the write that made the value; 0: absent */
byte seen;		/* all values of @now during the get, a bit each */
byte since;		/* the same since the version was loaded */
bool begun;		/* the get has begun; nothing is read before */
bool over;		/* the get has ended; nothing matters after that */

/* ---- pages ---- */

bool gone[IDS];		/* page faults no longer find the table */

/*
 * The pages of a table that is gone become zeroes one by one.  Page faults find
 * the pages of a table that cannot be read yet one by one.
 */
#define PAGES(c)							\
	:: d_step { begun && !over && page0[c] && gone[page0[c]] ->	\
		page0[c] = 0 }						\
	:: d_step { begun && !over && page1[c] && gone[page1[c]] ->	\
		page1[c] = 0 }

#define SHOW(t)								\
	:: d_step { begun && !over && veiled[t] && !gone[t] &&		\
		    page0[CLASS(t)] != t -> page0[CLASS(t)] = t }	\
	:: d_step { begun && !over && veiled[t] && !gone[t] &&		\
		    page1[CLASS(t)] != t -> page1[CLASS(t)] = t }	\
	:: d_step { begun && !over && veiled[t] && !gone[t] ->		\
		veiled[t] = false;					\
		page0[CLASS(t)] = t; page1[CLASS(t)] = t }

active proctype Pages()
{
end:
	do
	PAGES(0)
	PAGES(1)
	SHOW(2)
#if MOVES > 1
	SHOW(3)
#endif
	od
}

/* ---- the kernel, under the shard's lock ---- */

/* Stores that become visible in any order, until a barrier. */
#define P_REF0		1
#define P_REF1		2
#define P_LINKED	4
#define P_CHAINED	8
#define P_MOVED		16
#define P_TABLE		32
#define P_NEXT		64

inline publish(w)
{
	now = w;
	seen = seen | BIT(w);
	since = since | BIT(w)
}

inline barrier()
{
	do
	:: d_step { p & P_REF0 -> ref0[to] = w; p = p & ~P_REF0;
		    if
		    :: writing -> publish(w)
		    :: else
		    fi }
	:: d_step { p & P_REF1 -> ref1[to] = w; p = p & ~P_REF1;
		    if
		    :: writing -> publish(w)
		    :: else
		    fi }
	:: d_step { p & P_LINKED -> linked[to] = true; p = p & ~P_LINKED }
	:: d_step { p & P_CHAINED -> chained[to] = true; p = p & ~P_CHAINED }
	:: d_step { p & P_MOVED -> moved[t] = true; p = p & ~P_MOVED }
	:: d_step { p & P_TABLE -> table = to; p = p & ~P_TABLE }
	:: d_step { p & P_NEXT -> next = 0; p = p & ~P_NEXT }
	:: atomic { p == 0 || over -> break }
	od
}

/* Chain a bucket to that of @to, if there is none. */
inline chain()
{
	if
	:: has1[to]
	:: else ->
		has1[to] = true;
		p = p | P_LINKED | P_CHAINED;
		barrier()
	fi
}

active proctype Writer()
{
	bool has1[IDS];		/* a bucket is chained */
	byte writes, deletes, moves;
	byte stands;		/* of the entry; 1: the bucket, 2: the chained one */
	byte last;		/* the write of the entry, 0: no entry */
	byte t = 1;		/* the shard's table */
	byte to = 1;		/* the table that holds its bucket now */
	byte state;		/* of a move: 1: begun, 2: bucket moved */
	byte p, w;
	bool writing;

	atomic {
		if
		:: ref0[1] = 1; stands = 1; last = 1
		:: linked[1] = true; chained[1] = true; has1[1] = true;
			ref1[1] = 1; stands = 2; last = 1
		:: skip
		fi;
		page0[CLASS(1)] = 1; page1[CLASS(1)] = 1;
		now = last;
		run Reader()
	}

again:
	if
	:: atomic { !over && writes < WRITES ->
		writes++; w = writes + 1; writing = true }
		if
		:: stands
		:: !stands -> stands = 1
		:: !stands -> chain(); stands = 2
		fi;
		p = p | (stands == 1 -> P_REF0 : P_REF1);
		barrier();
		last = w; writing = false

	:: atomic { !over && deletes < DELETES && stands ->
		deletes++;
		w = 0;
		if
		:: stands == 1 -> ref0[to] = 0
		:: else -> ref1[to] = 0
		fi;
		publish(w);
		stands = 0; last = 0 }

	/* The place is free: no mapping shows the earlier table any more. */
	:: atomic { !over && moves < MOVES && state == 0 &&
#ifndef M_SAME_PLACE
		    !page0[CLASS(moves + 2)] && !page1[CLASS(moves + 2)] &&
#endif
		    true ->
		moves++; state = 1;
		if
		/*
		 * The table can be read at once, because nothing was read
		 * there,
		 */
		:: page0[CLASS(moves + 1)] = moves + 1;
			page1[CLASS(moves + 1)] = moves + 1
		/* or not yet. */
		:: veiled[moves + 1] = true
		fi;
		next = moves + 1 }

	:: atomic { !over && state == 1 ->
		state = 2; to = next; w = last }
#ifdef M_MARK_FIRST
		p = p | P_MOVED;
		barrier();
#endif
		if
		:: stands == 0
		:: stands -> stands = 1; p = p | P_REF0
		:: stands -> chain(); stands = 2; p = p | P_REF1
		fi;
#ifndef M_NO_MARK_RELEASE
		barrier();
#endif
#ifndef M_MARK_FIRST
		p = p | P_MOVED;
#endif
		barrier()

	:: atomic { !over && state == 2 ->
		state = 0 }
		p = p | P_TABLE | P_NEXT;
		barrier();
		atomic { gone[t] = true; t = to }

	:: atomic { over || (writes == WRITES && deletes == DELETES &&
			     moves == MOVES && state == 0) -> goto done }
	fi;
	w = 0;
	goto again;
done:
	skip
}

/* ---- the reader ---- */

/* Loads that happen in any order, until a fence. */
#define L_REF0	1
#define L_REF1	2
#define L_MOVED	4
#define L_TABLE	8
#define L_NEXT	16

inline fence()
{
	do
	:: d_step { l & L_REF0 -> r = ref0[page0[c]]; l = l & ~L_REF0 }
	:: d_step { l & L_REF1 -> r = REF1(page1[c]); l = l & ~L_REF1 }
	:: d_step { l & L_MOVED -> m = moved[page0[c]]; l = l & ~L_MOVED }
	:: d_step { l & L_TABLE -> t1 = SHOWN(table); l = l & ~L_TABLE }
	:: d_step { l & L_NEXT -> t2 = SHOWN(next); l = l & ~L_NEXT }
	:: atomic { l == 0 -> break }
	od
}

/* The loads of the second check, of the bucket's table. */
#define LOOKS	(L_MOVED | L_TABLE | L_NEXT)

#ifdef M_NO_LISTED
#define LISTED	true
#else
#define LISTED	(t1 == t || t2 == t)
#endif

/* Ends the get if the slot has an entry. */
inline check(SLOT)
{
	if
	:: r != 0 ->
		/* Here the reader loads the node's version. */
		since = BIT(now);
		atomic {
			if
#ifndef M_NO_SECOND_REF
			:: SLOT != r -> goto out
#endif
			:: else
			fi
		}
#ifndef M_NO_MOVED
		atomic {
			if
			:: moved[page0[c]] -> goto out
			:: else
			fi
		}
#endif
		l = L_TABLE | L_NEXT;
		fence();
		atomic {
			/*
			 * A1; and the ref was the entry's after the version was
			 * loaded: without this the node could be another's, or
			 * not yet the entry's, by the rules of window.pml.
			 */
			assert(!LISTED || (seen & since & BIT(r)));
			goto out
		}
	:: else
	fi
}

proctype Reader()
{
	byte t, c, n, r, t1, t2, l;
	bool link, m;

	/* It begins at any moment.  Another try counts as another get. */
	atomic {
		begun = true;
		seen = BIT(now);
		if
		:: !linked[1] -> hole[1] = true
		:: !linked[2] -> hole[2] = true
		:: skip
		fi;
#ifdef M_ANY_TABLE
		/* The next table, which does not have all buckets yet. */
		t = (next -> SHOWN(next) : SHOWN(table))
#else
		t = SHOWN(table)
#endif
	}
#ifdef M_READ_VEILED
	t = table;
#endif
	atomic {
		if
		:: t == 15 -> goto out
		:: else
		fi;
		c = CLASS(t)
	}
	do
	:: atomic { !moved[page0[c]] -> link = chained[page0[c]]; break }
	:: atomic { moved[page0[c]] -> skip }
#ifdef M_READ_VEILED
		n = next;
#else
		n = SHOWN(next);
#endif
		atomic {
			if
			:: n == 0 || n == t || n == 15 -> goto out
#ifndef M_NO_TABLE_AGAIN
			:: SHOWN(table) != t -> goto out
#endif
			:: else
			fi;
			t = n;
			c = CLASS(t)
		}
	od;

	l = L_REF0;
#ifdef M_NO_FENCE
	l = l | LOOKS;
#endif
	fence();
	check(ref0[page0[c]]);
	if
	:: link ->
#ifndef M_NO_LINKED
		atomic {
			if
			:: !LINKED(page1[c]) -> goto out
			:: else
			fi
		}
#endif
		l = L_REF1;
#ifdef M_NO_FENCE
		l = l | LOOKS;
#endif
		fence();
		check(REF1(page1[c]))
	:: else
	fi;
#ifndef M_NO_FENCE
	l = LOOKS;
	fence();
#endif
#ifdef M_NO_MOVED
	m = false;
#endif
	assert(m || !LISTED || (seen & BIT(0)));		/* A1, A3 */

out:
	over = true
}
