// SPDX-License-Identifier: GPL-2.0
/*
 * A task waits until a key has another version, while writers set and delete the
 * key and another one.  The wait can time out at any moment.
 *
 * F2: when a look finds the key unchanged, it has not changed since the version
 * that is known, though it may be as absent as it was then.  And a task that sleeps
 * when all writes are done has missed no change.
 *
 * A writer that finds too many waiters has a work wake them all.
 *
 * Nobody uses the waiter after the call has returned.
 */

#ifndef WRITES
#define WRITES	2	/* to the key, by each of two writers */
#endif
#ifndef DELETES
#define DELETES	1	/* of another key in the same group, by each writer */
#endif
#ifndef WAITS
#define WAITS	2	/* one after the other */
#endif

/* ---- the shard ---- */

bool locked;
byte version;		/* of the last change in the shard */
bool present;		/* the key has an entry */
byte entry;		/* its version */
bool prepared;		/* deletions are noted */
byte deleted;		/* the last one in the key's group, or a later version */
bool listed;		/* the waiter is in the list */
bool marked;		/* writers look at the list */
bool due;		/* the work is to wake all in the list */
bool waking;		/* the waiter is in the work's own list instead */

/* ---- the waiter ---- */

bool woken;
bool sleeping;		/* the task's state */
bool blocked;		/* the task is off its CPU, if it is sleeping */
byte known;		/* the version that is known */

/* ---- for the assertions ---- */

byte changed;		/* version of the last change of the key */
byte writers = 2;
bool exists;		/* the waiter, on the stack of the call */

inline lock()
{
	atomic { !locked -> locked = true }
}

inline unlock()
{
	locked = false
}

/* ---- writers ---- */

inline set_woken()
{
	assert(exists);
	woken = true
}

/* Under the lock. */
inline take_out()
{
	waking = false;
#ifdef M_NO_WAKE_BARRIER
	/* The task's state is loaded before the store is seen. */
	listed = false;
	seen = sleeping;
	set_woken();
	if
	:: seen -> sleeping = false
	:: else
	fi;
	seen = false
#else
	listed = false;
	set_woken();
	sleeping = false
#endif
}

/* Under the lock, after the change. */
inline wake()
{
	if
	:: marked ->
		/* Others may be there, or not. */
		if
		:: listed && !waking -> take_out(); marked = false
		:: !listed || waking -> marked = false
#ifndef M_NOT_DUE
		:: d_step { true -> due = true; marked = false }
#else
		:: marked = false
#endif
		fi
	:: else
	fi
}

inline note_deleted()
{
	if
	:: prepared -> deleted = version
	:: else
	fi
}

active [2] proctype Writer()
{
	byte writes, deletes;
	bool seen;

	do
	:: writes < WRITES ->
		writes++;
		lock();
		if
		:: d_step { true -> version++; present = true; entry = version;
			changed = version }
		:: d_step { present -> present = false; version++;
			changed = version }
			note_deleted()
		fi;
#ifdef M_WAKE_UNLOCKED
		unlock();
		wake()
#else
		wake();
		unlock()
#endif
	:: deletes < DELETES ->
		deletes++;
		lock();
		version++;
		note_deleted();
		unlock()
	:: writes == WRITES && deletes == DELETES -> break
	od;
	writes = 0; deletes = 0;
	writers--
}

/* ---- the work ---- */

active proctype Work()
{
	bool seen;

end:
	do
	:: due ->
		lock();
#ifndef M_DUE_LATE
		d_step { due = false; marked = false; waking = listed };
#else
		marked = false;
		if
		:: listed -> take_out()
		:: else
		fi;
		unlock();
		lock();
		due = false;
#endif
		unlock()
	:: waking ->
		lock();
		if
		:: waking -> take_out()
		:: else
		fi;
		unlock()
	od
}

/* ---- the waiter ---- */

inline prepare()
{
	lock();
	if
	:: !prepared ->
#ifndef M_NO_FLOOR
		deleted = version;
#endif
		prepared = true
	:: else
	fi;
	unlock()
}

/* Under the lock. */
inline look()
{
	if
	:: present && entry != known -> found = true; known = entry
#ifndef M_ABSENT_IS_ABSENT
	:: !present && deleted > known -> found = true; known = version
#endif
	:: else -> assert(changed <= known)
	fi
}

active proctype Waiter()
{
	byte waits;
	bool found, out;

	do
	:: waits < WAITS ->
		waits++;
		exists = true; out = true; found = false;
		prepare();
again:
#ifndef M_RESET_LATE
		woken = false;
#endif
		/* Without the lock. */
		if
		:: d_step { present && entry != known ->
			known = entry; found = true }
		:: else
		fi;
		if
		:: found -> goto leave
		:: else
		fi;
		lock();
		look();
#ifdef M_ENTER_APART
		unlock();
		lock();
#endif
		if
		:: !found -> listed = true; marked = true; out = false
		:: else
		fi;
		unlock();
#ifdef M_RESET_LATE
		woken = false;
#endif
		if
		:: found -> goto leave
		:: else
		fi;
sleep:
#ifdef M_NO_SLEEP_BARRIER
		/* @woken is loaded before the store of the state is seen. */
		if
		:: woken -> skip
		:: !woken -> sleeping = true; blocked = true
		fi;
#else
		sleeping = true;
		if
		:: woken -> skip
		:: !woken -> blocked = true
		fi;
#endif
		if
		:: !blocked ->
			/* The waker has stored @woken, and does no more. */
			sleeping = false; out = true; goto again
		:: else
		fi;
end:
		if
		:: d_step { !sleeping -> blocked = false }; goto sleep
		/* It times out. */
		:: d_step { true -> blocked = false; sleeping = false }
		fi;
leave:
#ifdef M_LEAVE_UNLOCKED
		if
		:: !listed -> out = true
		:: else
		fi;
#endif
		if
		:: !out ->
			lock();
			d_step { listed = false; waking = false };
			if
			:: marked = false
			:: skip
			fi;
			unlock()
		:: else
		fi;
		out = true; exists = false
	:: waits == WAITS -> break
	od
}

/* Nobody will wake it any more. */
active proctype Judge()
{
end:
	d_step {
		!writers && !due && !waking && !locked && blocked && sleeping ->
			assert(changed <= known)
	}
}
