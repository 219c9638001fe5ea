# SPDX-License-Identifier: GPL-2.0
#
# What a step did and found, as numbers from its log.
#
# usage: awk -f amounts.awk LOG

# Add up the numbers before a word, or after it.
function before(word, what) { add(word, what, -1) }
function after(word, what) { add(word, what, 1) }
function add(word, what, side,    part, n) {
	if (!(n = index($0, word)))
		return
	part = side < 0 ? substr($0, 1, n - 1) : substr($0, n + length(word))
	if (!match(part, side < 0 ? "[0-9]+ *$" : "^[ =:]*[0-9]+"))
		return
	part = substr(part, RSTART, RLENGTH)
	gsub(/[^0-9]/, "", part)
	if (!(what in sum))
		order[++count] = what
	sum[what] += part
}

/^ *#/ {
	before(" operations checked", "operations checked for linearizability")
	before(" reads during", "reads of a key under fire")
	before(" writers killed", "writers killed")
	before(" stops in", "stops within a read")
	before(" places to fail", "allocations failed")
	before(" rounds, each with", "times unloaded and loaded")
	before(" programs,", "fuzzed programs")
	before(" findings", "findings of the fuzzer")
	after("guest: leaks:", "leaks")
}
/^ *ok/ { before(" states", "states of the models") }
/^stat::number_of_executed_units/ { after("units", "fuzzed windows") }

END {
	for (i = 1; i <= count; i++)
		printf "%s%d %s", (i == 1 ? "" : ", "), sum[order[i]],
			order[i]
}
