// SPDX-License-Identifier: GPL-2.0
/*
 * One get through the window while its bucket moves from table to table, which
 * come and go, and its entry is written meanwhile.  Nodes do not change here,
 * a ref is the number of a write: see window.pml.  README.md says what the
 * model leaves out and how memory that is ordered weakly is modelled.
 *
 * The entry stands in the bucket or in one that is chained to it, which lies
 * in another page.
 */

/*
 * With QUICK the read begins as most do, with LATE another thread of the
 * process is late: each by itself, for one search of all would take too long.
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

#define IDS	(MOVES + 2)	/* numbers of tables begin at 1 */
#define CLASSES	2
/* Tables share a place in the reader's process, but two in a row do not. */
#ifdef M_SAME_PLACE
#define CLASS(t)	(0 * (t))
#else
#define CLASS(t)	((t) & 1)
#endif

#define BIT(x)	(1 << (x))

/* ---- what the kernel shows ---- */

byte table = 1;
byte next;

/* Each table's bucket, and the one chained to it. */
bool moved[IDS];
bool chained[IDS];
byte ref0[IDS];
bool linked[IDS];
byte ref1[IDS];

/* ---- what the reader's process has mapped ---- */

byte place[CLASSES];
/* It looked for the chained bucket when there was none, and sees zeroes. */
bool hole[IDS];

#define LINKED(t)	(linked[t] && !hole[t])
#define REF1(t)		(hole[t] -> 0 : ref1[t])

/* ---- what the properties speak of ---- */

byte now;		/* the write that the value is of; 0: absent */
byte seen;		/* all that this was since the get began, a bit each */
byte since;		/* all that it was since the version was loaded */
bool begun;		/* the get has; before, nobody looks */
bool over;		/* the get has ended; nothing more matters */

/* ---- pages of freed tables ---- */

bool gone0[IDS];	/* still to become zeroes */
bool gone1[IDS];

#define UNMAP(t)							\
	:: d_step { begun && !over && gone0[t] ->			\
		gone0[t] = false; moved[t] = false; chained[t] = false;	\
		ref0[t] = 0 }						\
	:: d_step { begun && !over && gone1[t] ->			\
		gone1[t] = false; linked[t] = false; ref1[t] = 0 }

active proctype Unmap()
{
end:
	do
	UNMAP(1)
#if MOVES > 1
	UNMAP(2)
#endif
#if MOVES > 2
	UNMAP(3)
#endif
	od
}

/* ---- another thread of the reader's process, which maps what it meets ---- */

bool mapper;		/* somebody maps; others do not wait for it */

#ifdef M_MAP_LATE
#define MAY_MAP(t)	true
#else
#define MAY_MAP(t)	(t == table || t == next)
#endif

#ifdef LATE
/* It meets one, and maps that, if it still may, when it comes to it. */
active proctype Neighbour()
{
	byte met;

	if
	:: atomic { begun && !over && place[CLASS(table)] != table ->
		met = table }
	:: atomic { begun && !over && next && place[CLASS(next)] != next ->
		met = next }
	:: atomic { over -> goto done }
	fi;
	atomic { !mapper || over -> mapper = true }
	if
	:: atomic { MAY_MAP(met) -> skip }
		place[CLASS(met)] = met
	:: atomic { else -> skip }
	fi;
	mapper = false;
done:
	skip
}
#else
/* It maps again and again, what is there now. */
active proctype Neighbour()
{
end:
	do
	:: d_step { begun && !over && !mapper && place[CLASS(table)] != table ->
		place[CLASS(table)] = table }
	:: d_step { begun && !over && !mapper && next &&
		    place[CLASS(next)] != next ->
		place[CLASS(next)] = next }
	od
}
#endif

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

/* Chain a bucket to that of @to, unless there is one. */
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
	byte stands;		/* 1: in the bucket, 2: in the chained one */
	byte last;		/* the write that stands there, 0: none */
	byte t = 1;		/* the shard's table */
	byte to = 1;		/* where its bucket is now */
	byte state;		/* of a move: 1: begun, 2: the bucket is moved */
	byte p, w;
	bool writing;

	atomic {
		if
		:: ref0[1] = 1; stands = 1; last = 1
		:: linked[1] = true; chained[1] = true; has1[1] = true;
			ref1[1] = 1; stands = 2; last = 1
		:: skip
		fi;
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

	:: atomic { !over && moves < MOVES && state == 0 ->
		moves++; state = 1; next = moves + 1 }

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
		atomic {
		gone0[t] = true; gone1[t] = true;
		t = to }

	:: atomic { over || (writes == WRITES && deletes == DELETES &&
			     moves == MOVES && state == 0) -> goto done }
	fi;
	w = 0;
	goto again;
done:
	skip
}

/* ---- the reader ---- */

/* Loads that are done in any order, until a fence. */
#define L_REF0	1
#define L_REF1	2
#define L_MOVED	4
#define L_TABLE	8
#define L_NEXT	16

inline fence()
{
	do
	:: d_step { l & L_REF0 -> r = ref0[place[c]]; l = l & ~L_REF0 }
	:: d_step { l & L_REF1 -> r = REF1(place[c]); l = l & ~L_REF1 }
	:: d_step { l & L_MOVED -> m = moved[place[c]]; l = l & ~L_MOVED }
	:: d_step { l & L_TABLE -> t1 = table; l = l & ~L_TABLE }
	:: d_step { l & L_NEXT -> t2 = next; l = l & ~L_NEXT }
	:: atomic { l == 0 -> break }
	od
}

/* What is met, unless it is mapped there; some other get asks the kernel. */
inline map(t)
{
	c = CLASS(t);
	if
	:: atomic { place[c] == t -> skip }
	:: atomic { place[c] != t ->
		if
		:: mapper || !MAY_MAP(t) -> goto out
		:: else -> mapper = true
		fi }
		d_step { place[c] = t; mapper = false }
	fi
}

/* The second looks at what the bucket is of. */
#define LOOKS	(L_MOVED | L_TABLE | L_NEXT)

#ifdef M_NO_LISTED
#define LISTED	true
#else
#define LISTED	(t1 == t || t2 == t)
#endif

/* Of an entry that was found; else the get goes on. */
inline check(SLOT)
{
	if
	:: r != 0 ->
		/* Here it loads the node's version. */
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
			:: moved[place[c]] -> goto out
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

	/*
	 * At any moment; another try would be another get.  What the process
	 * has mapped before may be long gone.
	 */
	atomic {
		begun = true;
		seen = BIT(now);
		if
		:: place[CLASS(1)] = 1
		:: skip
		fi;
		if
		:: !linked[1] -> hole[1] = true
		:: !linked[2] -> hole[2] = true
		:: skip
		fi
	}
#ifdef QUICK
	/* A quick read begins with what is mapped, if that is the table. */
	if
	:: atomic { place[0] -> c = 0; t = place[0] }
	:: atomic { place[1] -> c = 1; t = place[1] }
	:: atomic { else -> goto out }
	fi;
#ifndef M_ANY_TABLE
	/* It may be the next one, where not all is yet. */
	atomic {
		if
		:: table != t -> goto out
		:: else
		fi
	}
#endif
#else
	t = table;
	map(t);
#endif
	do
	:: atomic { !moved[place[c]] -> link = chained[place[c]]; break }
	:: atomic { moved[place[c]] -> skip }
		n = next;
		atomic {
			if
			:: n == 0 || n == t -> goto out
#ifndef M_NO_TABLE_AGAIN
			:: table != t -> goto out
#endif
			:: else
			fi
		}
		t = n;
		map(t)
	od;

	l = L_REF0;
#ifdef M_NO_FENCE
	l = l | LOOKS;
#endif
	fence();
	check(ref0[place[c]]);
	if
	:: link ->
#ifndef M_NO_LINKED
		atomic {
			if
			:: !LINKED(place[c]) -> goto out
			:: else
			fi
		}
#endif
		l = L_REF1;
#ifdef M_NO_FENCE
		l = l | LOOKS;
#endif
		fence();
		check(REF1(place[c]))
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
