# SPDX-License-Identifier: GPL-2.0
#
# awk -v root=DIR -f coverage.awk REASONS INFO...
#
# Adds up the results of lcov for the files in DIR, DIR/core and DIR/api.  REASONS has
# lines "FILE FUNCTION REASON" for lines that no test reaches.  A ? before FILE marks
# lines that are reached by chance only.

FNR == NR {
	if (/^#/ || NF == 0)
		next
	chance = sub(/^\?/, "", $1)
	at = $1 SUBSEP $2
	by_chance[at] = chance
	$1 = $2 = ""
	sub(/^ */, "")
	reason[at] = $0
	next
}

# The module is built in a copy of the sources.
/^SF:/ {
	file = substr($0, 4)
	while (sub(/[^\/]*\/\.\.\//, "", file))
		;
	ours = file ~ /\/kmod\/((core|api)\/)?[^\/]*\.[ch]$/ && file !~ /\.mod\.c$/
	sub(/.*\/kmod\//, "", file)
}
!ours { next }
/^FN:/ {
	split(substr($0, 4), f, ",")
	begins[file, f[1] + 0] = f[2]
}
/^DA:/ {
	split(substr($0, 4), d, ",")
	lines[file, d[1] + 0] += d[2]
	if (d[1] + 0 > last[file])
		last[file] = d[1] + 0
}
/^BRDA:/ {
	split(substr($0, 6), b, ",")
	branches[file, b[1], b[2], b[3]] += b[4] == "-" ? 0 : b[4]
}

function percent(part, whole) {
	return whole ? sprintf("%5.1f %%", 100 * part / whole) : "      -"
}

function row(name, a, b, c, d) {
	printf "  %-18s %5d of %5d %s   %5d of %5d %s\n", name,
		a, b, percent(a, b), c, d, percent(c, d)
}

# Print the lines of a file that were not run, each with its function.
function missing(file,    n, text, function_name) {
	for (n = 1; (getline text <(root "/" file)) > 0; n++) {
		if ((file, n) in begins)
			function_name = begins[file, n]
		if (!((file, n) in lines) || lines[file, n])
			continue
		if ((file, function_name) in reason) {
			used[file, function_name] = 1
			explained++
			continue
		}
		sub(/^[ \t]*/, "", text)
		printf "  %s:%d: %s(): %s\n", file, n, function_name, text
		unexplained++
	}
	close(root "/" file)
}

END {
	for (k in lines) {
		split(k, p, SUBSEP)
		all[p[1]]++
		run[p[1]] += lines[k] != 0
	}
	for (k in branches) {
		split(k, p, SUBSEP)
		ways[p[1]]++
		taken[p[1]] += branches[k] != 0
	}
	count = 0
	for (file in all)
		names[++count] = file
	for (i = 1; i < count; i++)
		for (j = i + 1; j <= count; j++)
			if (names[i] > names[j]) {
				file = names[i]
				names[i] = names[j]
				names[j] = file
			}

	print "\n  file                       lines run               branches taken"
	for (i = 1; i <= count; i++) {
		file = names[i]
		row(file, run[file], all[file], taken[file], ways[file])
		total_run += run[file]
		total += all[file]
		total_taken += taken[file]
		total_ways += ways[file]
	}
	row("in all", total_run, total, total_taken, total_ways)

	print "\nNot run, and no reason given:"
	for (i = 1; i <= count; i++)
		missing(names[i])
	print "\nNot run, for a reason:"
	for (at in reason) {
		split(at, p, SUBSEP)
		if (at in used) {
			printf "  %s: %s(): %s\n", p[1], p[2], reason[at]
			continue
		}
		if (by_chance[at])
			continue
		printf "  %s: %s(): but all of it was run; remove it from coverage.txt\n", p[1], p[2]
		stale++
	}
	printf "\n%d lines with a reason, %d without, %d reasons for nothing\n",
		explained, unexplained, stale
	if (total_run < 0.95 * total)
		print "fewer than 95 % of the lines were run"
	exit !total || stale || total_run < 0.95 * total
}
