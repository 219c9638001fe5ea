// SPDX-License-Identifier: GPL-2.0
/*
 * A read of a record of the feed, while writers overwrite the ring.
 * README.md says how weakly ordered memory is modelled.
 *
 * The ring has room for two records of one size, so the record of version v lies at
 * place (v - 1) % 2, and its position is v - 1.  A record has two words.  Each is v when
 * the record is whole.
 *
 * The reader wants the record of one version after the other.  What it takes must be
 * whole.  If it takes a version for lost, the record must have been overwritten, or be
 * about to be.  It also looks for the end of the feed, as a cursor at "now" does.
 */

#ifndef WRITES
#define WRITES	4
#endif

#define RING	2
#define CLAIMED(v)	(v)	/* the position where the record of v ends */

/* What other CPUs see. */
byte claimed;
byte tail;
byte end[2];		/* for versions of each parity */
byte first[RING];
byte second[RING];

/* ---- the kernel, under the shard's lock ---- */

/*
 * A write's stores become visible in any order, within what the barriers allow: all
 * after the claim, and the tail after all of them.  The tail may become visible after
 * the next write's claim, but not after what follows that.
 */
#define P_CLAIM		1
#define P_FIRST		2
#define P_SECOND	4
#define P_END		8
#define P_TAIL		16
#define P_LAST_TAIL	32	/* that of the write before */

#ifdef M_NO_CLAIM_BARRIER
#define AFTER_CLAIM	0
#else
#define AFTER_CLAIM	(P_CLAIM | P_LAST_TAIL)
#endif
#ifdef M_NO_TAIL_RELEASE
#define BEFORE_TAIL	0
#else
#define BEFORE_TAIL	(P_CLAIM | P_FIRST | P_SECOND | P_END)
#endif

#ifdef M_ONE_END
#define SIDE(v)	0
#else
#define SIDE(v)	((v) % 2)
#endif

active proctype writer()
{
	byte v = 1, p;

	do
	:: v <= WRITES ->
		p = p | P_CLAIM | P_FIRST | P_SECOND | P_END | P_TAIL;
		do
		:: p & P_LAST_TAIL ->
			atomic { tail = v - 1; p = p & ~P_LAST_TAIL }
		:: p & P_CLAIM -> atomic { claimed = CLAIMED(v); p = p & ~P_CLAIM }
		:: p & P_FIRST && !(p & AFTER_CLAIM) ->
			atomic { first[(v - 1) % RING] = v; p = p & ~P_FIRST }
		:: p & P_SECOND && !(p & AFTER_CLAIM) ->
			atomic { second[(v - 1) % RING] = v; p = p & ~P_SECOND }
		:: p & P_END && !(p & AFTER_CLAIM) ->
			atomic { end[SIDE(v)] = v; p = p & ~P_END }
		:: p & P_TAIL && !(p & (BEFORE_TAIL | P_LAST_TAIL)) ->
			atomic { tail = v; p = p & ~P_TAIL }
		:: !(p & ~P_TAIL) -> break
		od;
		p = (p & P_TAIL -> P_LAST_TAIL : 0);
		v++
	:: else -> break
	od;
	if
	:: p & P_LAST_TAIL -> tail = v - 1
	:: else
	fi
}

/* ---- a reader of records ---- */

/* The loads between two fences happen in any order. */
#define L_FIRST		1
#define L_SECOND	2
#define L_CLAIMED	4

#ifdef M_NO_READ_FENCE
#define AFTER_COPY	0
#else
#define AFTER_COPY	(L_FIRST | L_SECOND)
#endif
#ifdef M_NO_TAIL_ACQUIRE
#define ANY_TAIL	true
#else
#define ANY_TAIL	false
#endif

active proctype reader()
{
	byte v = 1, a, b, c, l;

	do
	:: v <= WRITES ->
		/* Without the acquire the copy can be older than the tail. */
		if
		:: tail >= v
		:: ANY_TAIL
		fi;
		l = L_FIRST | L_SECOND | L_CLAIMED;
		do
		:: l & L_FIRST ->
			atomic { a = first[(v - 1) % RING]; l = l & ~L_FIRST }
		:: l & L_SECOND ->
			atomic { b = second[(v - 1) % RING]; l = l & ~L_SECOND }
		:: l & L_CLAIMED && !(l & AFTER_COPY) ->
			atomic { c = claimed; l = l & ~L_CLAIMED }
		:: !l -> break
		od;
		tail >= v;
		if
#ifdef M_NO_LOOK_AGAIN
		:: true -> assert(a == v && b == v)
#else
		/* It lies at v - 1, and the ring is there up to claimed - RING. */
		:: c <= v - 1 + RING -> assert(a == v && b == v)
		:: else -> assert(claimed > v - 1 + RING)
#endif
		fi;
		v++
	:: else -> break
	od
}

/* ---- a reader that begins at the end ---- */

active proctype begins_now()
{
	byte v, e, tries;

	do
	:: tries < 3 ->
		v = tail;
		e = end[SIDE(v)];
#ifdef M_NO_SECOND_TAIL
		assert(!v || e == v);
#else
		if
		:: tail == v -> assert(!v || e == v)
		:: else
		fi;
#endif
		tries++
	:: else -> break
	od
}
