# SPDX-License-Identifier: GPL-2.0
"""
The answers that results give: for each question a sentence and a picture.

Nothing here depends on certain numbers.  The sentences are made from what was
measured, whichever peer is faster.  What was not measured is left out.
"""
import math
from dataclasses import dataclass

from picture import Bar, Bars, Line, Lines

# The places in which a suite may run, depending on how the guests run.
EMULATED, NATIVE, UML, KVM = (
    "emulated processor, only ratios count", "on the machine itself",
    "User Mode Linux", "guest with KVM")


def where(r):
    rig, suite = r["rig"], r["suite"]
    if rig == "host" or suite == "native" and rig == "tcg":
        return NATIVE
    if rig == "uml" or suite == "uml":
        return UML
    return EMULATED if rig == "tcg" else KVM


def digits(value):
    """A number with three significant digits and separated thousands."""
    if value == 0:
        return "0"
    after = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{after}f}".replace(",", "\N{NO-BREAK SPACE}")


def times(ratio):
    """A factor in words: how many times as long, or as many."""
    if ratio < 1:
        return f"{ratio:.2f}"
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}".replace(",", " ")


def counted(n):
    """A number of entries in words."""
    for size, name in ((1000000, "million"), (1000, "thousand")):
        if n >= size and n % size == 0:
            return f"{n // size} {name}" if n > size else f"a {name}"
    return str(n)


# ---- picking results ----

ALIKE = ("suite", "operation", "distribution", "entries", "key_size",
         "value_size", "threads")


@dataclass
class Measured:
    """One comparison: our result, and those of the peers with their labels."""
    own: dict
    rows: list          # of (label, result), ours included
    results: list

    def others(self):
        return [label for label, r in self.rows if r is not self.own]

    def paired(self, peer, unit):
        """The ratio that was taken round by round, which is more accurate."""
        return next((r["median"] for r in self.results if
                     r["peer"] == peer and r["unit"] == unit and
                     all(r[k] == self.own[k] for k in ALIKE)), None)

    def ratio(self, label):
        """The ratio of a peer's number to ours."""
        theirs = dict(self.rows)[label]
        own, peer = self.own["peer"], theirs["peer"]
        times_as_long = self.paired(f"{own}, not {peer}", "times")
        share = self.paired(f"{own} to {peer}",
                            "ratio" if self.own["unit"] == "ns" else
                            f"ratio of {self.own['unit']}")
        if times_as_long:
            return times_as_long
        if share:
            return 1 / share
        return theirs["median"] / self.own["median"]


def pick(results, suites, peers, ours=None, threads=1, most=1000000, **wanted):
    """
    Results that differ in the peer alone, of the first suite that has ours.

    peers: the labels to draw, by the peers' names in the results
    ours: the one that others are compared with, if it is not the first
    threads: their number, or None for the highest number there is
    most: choose the results with the most entries
    wanted: further properties of the results
    """
    ours = ours or next(iter(peers))
    for suite in suites:
        fits = [r for r in results if r["suite"] == suite and
                r["key_size"] == 8 and r["entries"] <= most and
                all(r[k] == v for k, v in wanted.items()) and
                threads in (None, r["threads"])]
        own = [r for r in fits if r["peer"] == ours and r["median"] > 0]
        if not own:
            continue
        own = max(own, key=lambda r: (r["entries"], r["threads"]))
        alike = {r["peer"]: r for r in fits if r["median"] > 0 and
                 all(r[k] == own[k] for k in ALIKE)}
        rows = [(label, alike[name]) for name, label in peers.items()
                if name in alike]
        if len(rows) > 1:
            return Measured(own, rows, results)
    return None


# ---- drawing them ----

TIMES = (("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9))


def unit_of(own):
    """The unit of time in which our result is a number from 1 to 1000."""
    fitting = [u for u in TIMES if own["median"] >= u[1]]
    return (fitting or TIMES)[-1 if fitting else 0]


def duration(r):
    unit, size = unit_of(r)
    return f"{digits(r['median'] / size)} {unit}"


def bars(measured, title, note, text, value=lambda x: x, ranked=True):
    """
    Bars for a comparison, the best first.

    text: makes the text beside a bar from its value
    value: makes a bar's value from a result's number
    ranked: if false, bars stay in the order in which they were picked
    """
    rows = []
    for label, r in measured.rows:
        ends = sorted((value(r["min"]), value(r["max"])))
        middle = value(r["median"])
        rows.append(Bar(label, middle, text(middle), *ends,
                        own=r["peer"].startswith("cmap")))
    if ranked:
        order = {label: r["median"] for label, r in measured.rows}
        rows.sort(key=lambda bar: order[bar.label])
    return Bars(title, note, rows)


def time_bars(measured, title, ranked=True):
    if measured.own["unit"] != "ns":
        return bars(measured, title,
                    f"{measured.own['unit']}, less is better", digits)
    unit, size = unit_of(measured.own)
    return bars(measured, title, f"less is better; {where(measured.own)}",
                lambda x: f"{digits(x)} {unit}", lambda ns: ns / size, ranked)


def rate_unit(measured):
    return ((1e6, "million") if measured.own["median"] < 1000 else
            (1e3, "thousand"))


def rate_bars(measured, title):
    """Bars of operations a second, from times for an operation."""
    size, name = rate_unit(measured)
    return bars(measured, title, f"{name} a second, more is better; "
                f"{where(measured.own)}", digits, lambda ns: 1e9 / ns / size)


# ---- saying them ----

def listed(parts):
    """A list in words: one, two, and three."""
    return ", and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


NAMES = {"BPF map": "a BPF map", "table, rwlock": "a table under one rwlock",
         "rhashtable, SipHash": "rhashtable with SipHash",
         "cmap, one at a time": "one at a time"}
WORDS = {1: "one", 2: "two", 3: "three", 4: "four"}


def compared(measured, labels, what="as long"):
    """(LMDB takes 4.5 times as long, a BPF map 7.6 times)"""
    said = []
    for label in labels:
        if label in measured.others():
            verb, what = ("", "") if said else (" takes", f" {what}")
            said.append(f"{NAMES.get(label, label)}{verb} "
                        f"{times(measured.ratio(label))} times{what}")
    return f" ({', '.join(said)})" if said else ""


def cost(measured, *labels):
    """184 ns (LMDB takes 4.5 times as long)"""
    if measured.own["unit"] == "ns":
        return duration(measured.own) + compared(measured, labels)
    return (f"{digits(measured.own['median'])} {measured.own['unit']}"
            + compared(measured, labels, "as many"))


def rate(measured, *labels):
    """6 million operations a second (2.2 times as many as LMDB)"""
    size, name = rate_unit(measured)
    others = [f"{times(measured.ratio(label))} times as many as "
              f"{NAMES.get(label, label)}"
              for label in labels if label in measured.others()]
    return (f"{digits(1e9 / size / measured.own['median'])} {name} operations "
            "a second" + (f" ({', '.join(others)})" if others else ""))


@dataclass
class Answer:
    name: str           # the name of its picture
    question: str
    sentence: str       # or None, if nothing was measured for it
    plots: list
    remark: str = ""


def answer(name, question, parts, plots, remark=""):
    """An answer; its sentence is None if nothing was measured for it."""
    parts = [p for p in parts if p]
    sentence = listed(parts) + "." if parts else None
    return Answer(name, question, sentence and sentence[0].upper() + sentence[1:],
                  [p for p in plots if p], remark)


# ---- the questions ----

KERNEL = {"cmap": "cmap", "rhashtable": "rhashtable",
          "rhashtable, SipHash": "rhashtable, SipHash", "BPF": "BPF map",
          "XArray": "XArray"}
SCALING = {"cmap": "cmap", "rhashtable": "rhashtable", "BPF": "BPF map",
           "XArray": "XArray", "hlist, rwlock": "list, rwlock"}
PROCESSES = {"cmap window": "cmap", "shared table": "table, rwlock",
             "LMDB": "LMDB", "BPF": "BPF map", "memcached": "memcached",
             "Redis": "Redis"}


def read_by_process(results):
    return pick(results, ("native", "uml"),
                {"cmap window": "cmap", "LMDB": "LMDB", "BPF call": "BPF map"},
                operation="get", distribution="random", unit="ns")


def set_by_call(results):
    """On an emulator, instructions are counted: unlike times, they do not vary."""
    for unit in ("instructions", "ns"):
        found = pick(results, ("calls",),
                     {"cmap call": "cmap", "BPF call": "BPF map"},
                     operation="set", unit=unit)
        if found and (unit == "ns" or found.own["rig"] == "tcg"):
            return found
    return None


def reading(results):
    process = read_by_process(results)
    kernel = pick(results, ("kernel",), KERNEL, operation="lookup, hit",
                  distribution="uniform", unit="ns")
    return answer(
        "reading", "How long does a read take?",
        [process and f"a process reads one key of "
         f"{counted(process.own['entries'])} in "
         f"{cost(process, 'LMDB', 'BPF map')}",
         kernel and f"kernel code reads one of {counted(kernel.own['entries'])} "
         f"in {cost(kernel, 'rhashtable', 'rhashtable, SipHash')}"],
        [process and time_bars(process, "A process reads a key"),
         kernel and time_bars(kernel, "Kernel code reads a key")],
        "rhashtable has its usual hash, `jhash()`, for which an adversary can "
        "find keys that collide; with SipHash it is as strong as cmap. XArray's "
        "keys are integers in a row, the best it can get.")


def writing(results):
    call = set_by_call(results)
    kernel = pick(results, ("kernel",), KERNEL, operation="mix", unit="ns")
    return answer(
        "writing", "How long does a write take?",
        [call and f"a process sets a key in {cost(call, 'BPF map')}",
         kernel and "kernel code makes a change in "
         + cost(kernel, "rhashtable", "XArray")],
        [call and time_bars(call, "A process sets a key"),
         kernel and time_bars(kernel, "Kernel code changes an entry")],
        "In the kernel half of the changes are replaces, a quarter inserts, a "
        "quarter deletes.")


def many(results):
    get = pick(results, ("native", "uml"),
               {"cmap window": "cmap, one at a time",
                "cmap window, 8 at once": "cmap, 8 at once",
                "cmap window, 64 at once": "cmap, 64 at once",
                "cmap window, 512 at once": "cmap, 512 at once",
                "LMDB": "LMDB"}, ours="cmap window, 64 at once",
               operation="get", distribution="random", unit="ns")
    put = pick(results, ("processes",), PROCESSES,
               operation="set, 256 at once", unit="ns")
    return answer(
        "many", "Are many keys at once faster?",
        [get and "of 64 keys that are read at once each takes "
         + cost(get, "cmap, one at a time", "LMDB"),
         put and "of 256 that are set at once each takes "
         + cost(put, "table, rwlock", "BPF map", "LMDB")],
        [get and time_bars(get, "One key of a read", ranked=False),
         put and time_bars(put, "One key of a write of 256")],
        "LMDB reads in one transaction that stays open.")


def limit(results, operation):
    r = next((r for r in results if r["suite"] == "limits" and
              r["operation"] == operation), None)
    return r and times(r["median"])


def growing(results):
    peers = dict(KERNEL, BPF="BPF map, never grows")
    longest, seldom = (
        pick(results, ("kernel",), peers, most=math.inf,
             operation=f"insert while growing, {what}", unit="ns")
        for what in ("max", "p99.99"))
    call = limit(results, "slowest write of 10 000, growing to not")
    call = call and (f"the slowest of 10 000 sets by system call takes {call} "
                     "times as long as when the map does not grow")
    return answer(
        "growing", "How long does a write take while the table grows?",
        [longest and f"on the way to {counted(longest.own['entries'])} entries "
         f"the longest insert takes {cost(longest, 'rhashtable')}",
         seldom and "one in 10 000 takes more than "
         + cost(seldom, "rhashtable"), not longest and call],
        [longest and time_bars(longest, "The longest insert"),
         seldom and time_bars(seldom, "One insert in 10 000 takes longer")],
        f"From a process, {call}." if longest and call else "")


def line_of(results, own, peer, label):
    """Millions of operations a second by CPUs."""
    alike = [k for k in ALIKE if k != "threads"]
    return Line(label, sorted(
        (r["threads"], 1000 / r["median"]) for r in results
        if r["peer"] == peer and r["unit"] == "ns" and r["median"] > 0 and
        all(r[k] == own[k] for k in alike)), own["peer"] == peer)


def scaling_lines(results, operation, title):
    most = pick(results, ("kernel",), SCALING, threads=None,
                operation=operation, unit="ns")
    if not most or most.own["threads"] == 1:
        return None
    plot = Lines(title, "million a second, more is better; "
                 + where(most.own), "CPUs",
                 [line_of(results, most.own, peer, label)
                  for peer, label in SCALING.items()])
    plot.lines = [line for line in plot.lines if len(line.points) > 1]
    return plot


def gain(plot, what):
    """1.7 times as many lookups as one (rhashtable 2.0 times)"""
    gains = {line.label: times(line.points[-1][1] / line.points[0][1])
             for line in plot.lines}
    beside = (f" ({gains['rhashtable']} times with rhashtable)"
              if "rhashtable" in gains else "")
    return f"{gains['cmap']} times{beside} as many {what}"


def scaling(results):
    reads = scaling_lines(results, "lookup, readers alone", "Lookups")
    writes = scaling_lines(results, "replace, all write", "Replaces")
    window = limit(results, "get, beside a writer, 2 readers to 1")
    window = window and (f"beside a writer, two processes read {window} times "
                         "as much as one")
    cpus = reads and reads.lines[0].points[-1][0]
    return answer(
        "scaling", "How much more do several CPUs do?",
        [reads and f"{WORDS.get(cpus, cpus)} CPUs do {gain(reads, 'lookups')} as one",
         writes and gain(writes, "replaces"), not reads and window],
        [reads, writes],
        f"From outside the kernel, {window}." if reads and window else "")


def memory_of(results, operation, peers):
    return pick(results, ("memory",), peers, operation=operation,
                unit="bytes/entry")


def memory(results):
    found = [m for m in (
        memory_of(results, "beyond key and value",
                  {"cmap": "cmap", "BPF": "BPF map"}),
        memory_of(results, "in all, beyond key and value", PROCESSES)) if m]
    return answer(
        "memory", "How much memory does an entry take?",
        [f"an entry with a value of {m.own['value_size']} bytes takes "
         f"{digits(m.own['median'])} bytes beside key and value"
         + compared(m, ("BPF map", "Redis", "LMDB", "memcached"), "as many")
         for m in found],
        [bars(m, f"An entry with a value of {m.own['value_size']} bytes",
              "bytes beside key and value, less is better", digits)
         for m in found],
        "A map's, file's or server's memory, divided by its entries.")


def processes(results):
    read = pick(results, ("native", "processes"), PROCESSES, threads=None,
                operation="YCSB C", unit="ns")
    write = pick(results, ("processes",), PROCESSES, threads=None,
                 operation="YCSB A", unit="ns")
    beside = ("table, rwlock", "LMDB", "BPF map", "Redis")
    number = read and read.own["threads"]
    return answer(
        "processes", "How much do several processes do in one map?",
        [read and f"{WORDS.get(number, number)} processes that read do "
         f"{rate(read, *beside)}",
         write and "with half of the operations writes they do "
         f"{rate(write, *beside)}"],
        [read and rate_bars(read, "Reads alone"),
         write and rate_bars(write, "Half reads, half writes")],
        "The table under one rwlock has a fixed size, and a process that is "
        "killed while it holds the lock stops all others. memcached and Redis "
        "answer through a socket.")


QUESTIONS = (reading, writing, many, growing, scaling, memory, processes)


def headline(results):
    """The picture on the project's front page, without what was not measured."""
    read, write = read_by_process(results), set_by_call(results)
    room = memory_of(results, "in all, beyond key and value",
                     {name: PROCESSES[name]
                      for name in ("cmap window", "LMDB", "Redis")})
    return [plot for plot in (
        read and time_bars(read, "Read a key"),
        write and time_bars(write, "Write a key"),
        room and bars(room, "Memory for an entry", "bytes beside key and value",
                      digits))
        if plot]
