# SPDX-License-Identifier: GPL-2.0
#
# The cmap tool on data: types, JSON, files, export and import, batches, and what shows a
# machine's maps.  It goes on where tool.sh ends, and uses its check().

insmod /ko/cmap.ko

# Replace the values of members that differ from run to run by N.
same() { sed -E 's/"(id|version|bytes|first|pid|ttl)":"?[0-9.]+"?/"\1":N/g'; }

# Whether all is what a terminal shows, and no command for it.
visible() { [ "$(LC_ALL=C tr -d '\n\t -~' | wc -c)" = 0 ]; }

# ---- types ----

cmap create data
check "a number is written by its type" "\\x06\\x00\\x00\\x00\\x00\\x00\\x00\\x00" 0 \
	sh -c 'cmap set data n 6 --type u64 && cmap get data n'
check "and read by it" "6" 0 cmap get data n --type=u64
check "add takes it" "7" 0 cmap add data n
check "incr is add" "10" 0 cmap incr data n 3
check "a negative one" "-5" 0 sh -c 'cmap set data m -5 --type i64 && cmap get data m --type i64'
check "the same without a sign" "18446744073709551611" 0 cmap get data m --type u64
check "hexadecimal" "00ff1b" 0 sh -c 'cmap set data h 00FF1b --type hex && cmap get data h --type hex'
check "what is no number" "\\x00\\xff\\x1b" 0 cmap get data h --type i64
check "goes in as it came out" "00ff1b" 0 \
	sh -c "cmap set data h '\\x00\\xff\\x1b' --type i64 && cmap get data h --type hex"
check "text that looks like a number is text" "abcdefgh" 0 sh -c 'cmap set data t abcdefgh && cmap get data t'
check "JSON" '{"a":[1,12345678901234567890123,"\u00e9"]}' 0 \
	sh -c "cmap set data j '{\"a\":[1,12345678901234567890123,\"é\"]}' --type json && cmap get data j --type json"
check "what is no JSON" "64" 0 sh -c "cmap set data j '{' --type json 2>/dev/null; echo \$?"
check "keys have types, too" "one" 0 \
	sh -c 'cmap set data 1 one --key-type u64 && cmap get data 1 --key-type u64 && cmap delete data 1 --key-type u64'
check "range by a type" "n	10" 0 cmap range data n --type i64
check "a value from a file" "line" 0 sh -c 'echo line >/tmp/value && cmap set data f --file /tmp/value && cmap get data f --raw'
check "as it is" "5" 0 sh -c 'cmap get data f --raw | wc -c'
check "from standard input" "6" 0 sh -c 'printf "a\0b\n\nc" | cmap set data f --file - && cmap get data f --raw | wc -c'
check "a value that is a dash" "-" 0 sh -c 'cmap set data f - && cmap get data f'
check "no file" "cmap: /none: No such file or directory" 2 cmap set data f --file /none
check "neither" "cmap: set: neither a value nor --file" 64 cmap set data f
check "the size of a unit" "max_bytes:     1536" 0 \
	sh -c 'cmap create units --max-bytes 64M --max-entries 5 && cmap stat units | grep max_bytes | sed s/67108864/1536/; cmap unlink units'
check "and out" "max_bytes:     64M" 0 \
	sh -c 'cmap create units --max-bytes 65536K && cmap stat units --human | grep max_bytes; cmap unlink units'

check "a map says its types" "6" 0 sh -c 'cmap create typed --type i64 --key-type u64 && cmap set typed 1 6 && cmap get typed 1'
check "add goes by it" "7" 0 cmap add typed 1
check "range, too" "1	7" 0 cmap range typed
check "unless told otherwise" "\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00	0700000000000000" 0 cmap range typed --key-type text --type hex
check "what is of another type" "64" 0 sh -c 'cmap set typed one 6 2>/dev/null; echo $?'
check "stat tells" "description:   key=u64 value=i64" 0 sh -c 'cmap stat typed | grep ^desc'
check "it is another" "cmap: typed: exists; types are \"key=u64 value=i64\", not \"value=text\"" 2 cmap create typed --exists --type text
for how in '' --json; do
	check "export takes it along ${how:-as text}" "description:   key=u64 value=i64" 0 \
		sh -c "cmap export typed $how | cmap import --create untyped >/dev/null; cmap stat untyped | grep ^desc; cmap unlink untyped"
done
cmap unlink typed
check "the kernel's maps say it, too" "1" 0 sh -c 'insmod /ko/cmap_sample.ko; ping -q -c 1 127.0.0.1 >/dev/null; cmap range kernel:packets | grep -cE "icmp.*	[1-9][0-9]*$"; rmmod cmap_sample'

# ---- conditions and exit codes ----

check "compare_swap" "new" 0 sh -c 'cmap set data c old && cmap compare_swap data c old new && cmap get data c'
check "cas" "newer" 0 sh -c 'cmap cas data c new newer && cmap get data c'
check "compare_swap in a batch" "ok" 0 sh -c 'echo compare_swap c newer new | cmap batch data'
check "compare_swap of another value" "cmap: c: the value is not the expected one" 4 cmap compare_swap data c old newer
check "cas of no key" "cmap: nokey: no such key" 1 cmap cas data nokey old new
check "swap" "new" 0 cmap swap data c newest
check "swap of no key" "" 0 cmap swap data fresh first
check "and it is there" "first" 0 cmap take data fresh
version=$(cmap get data c --json | sed 's/.*"version":\([0-9]*\).*/\1/')
check "set if the version is" "" 0 cmap set data c again --if-version "$version"
check "set if it was" "4" 0 sh -c "cmap set data c lost --if-version $version 2>/dev/null; echo \$?"
check "delete if it was" "4" 0 sh -c "cmap delete data c --if-version $version 2>/dev/null; echo \$?"
check "expire" "1" 0 sh -c 'cmap expire data c 1h && cmap ttl data c | grep -c "^3[56]"'
check "expire never" "never" 0 sh -c 'cmap expire data c never && cmap ttl data c'
check "no such map" "cmap: nomap: no map of that name" 5 cmap get nomap key
check "no such key" "cmap: nokey: no such key" 1 cmap get data nokey
cmap create before && cmap set before k old && cmap create after && cmap set after k new
check "mv to what exists" "cmap: before: a map of that name exists already" 2 cmap mv after before
check "mv --no-replace" "cmap: before: a map of that name exists already" 2 cmap mv after before --no-replace
check "mv --exchange" "new old" 0 sh -c 'cmap mv after before --exchange && echo $(cmap get before k) $(cmap get after k)'
check "mv --exchange with no map" "cmap: nomap: the map's name has been removed, or no map has the name to exchange" 5 \
	cmap mv after nomap --exchange
check "mv --replace" "old" 0 sh -c 'cmap mv --replace after before && cmap get before k'
check "leaves no second map" "5" 0 sh -c 'cmap stat after 2>/dev/null; echo $?'
check "mv in two ways" "64" 0 sh -c 'cmap mv before after --replace --exchange 2>/dev/null; echo $?'
cmap unlink before
check "mv" "c" 0 sh -c 'cmap create before && cmap mv before "af ter" && cmap list | grep -c "af ter" | tr 1 c; cmap unlink "af ter"'

# ---- JSON ----

json() { "$@" --json | same; }

check "an entry" '{"kind":"entry","key":"c","value":"again","version":N}' 0 json cmap get data c
check "a number" '{"kind":"entry","key":"n","value":10,"version":N}' 0 json cmap get data n --type i64
check "bytes that are no text" '{"kind":"entry","key":"h","value_hex":"00ff1b","version":N}' 0 json cmap get data h
check "JSON in JSON" '{"kind":"entry","key":"j","value":{"a":[1,12345678901234567890123,"\u00e9"]},"version":N}' 0 \
	json cmap get data j --type json
check "a time" '{"kind":"entry","key":"c","value":"again","version":N,"ttl":N}' 0 \
	sh -c 'cmap expire data c 1h && cmap get data c --json | sed -E "s/\"(version|ttl)\":[0-9.]+/\"\1\":N/g"'
check "range" '{"kind":"entry","key":"h"}' 0 sh -c 'cmap range data --keys --json | sed -E "s/,\"version\":[0-9]+//" | grep \"h\"'
check "list" '{"kind":"map","name":"data","id":N,"mode":"0600","uid":0,"gid":0,"window":true,"wipe":false,"max_entries":0,"max_bytes":0,"entries":7,"bytes":N}' 0 \
	sh -c "cmap list --json | sed -E 's/\"(id|bytes)\":[0-9]+/\"\\1\":N/g' | grep '\"data\"'"
check "the total" '1' 0 sh -c 'cmap list --json | grep -cE "^\{\"kind\":\"total\",\"maps\":[0-9]+,\"bytes\":[0-9]+\}$"'
check "stat" '1' 0 sh -c 'cmap stat data --json | grep -cE "^\{\"kind\":\"map\",\"name\":\"data\",.*\"key_max\":512,.*\"entries\":7,.*\}$"'
check "limits" '1' 0 sh -c 'cmap limits --json | grep -cE "^\{\"kind\":\"limits\",\"uid\":0,\"maps\":[0-9]+,\"max_maps\":[0-9]+,.*\}$"'
check "stat again and again" "2" 0 sh -c 'cmap stat data --json -w0.1 -n 2 | grep -c \"entries\":7'

# ---- finding ----

check "find by prefix" "n" 0 cmap find data --prefix n --keys
check "find by pattern" "c
t" 0 sh -c "cmap find data --match '[ct]' --keys | sort"
check "find by size" "j" 0 cmap find data --larger 20 --keys --limit 1
check "a limit" "2" 0 sh -c 'cmap range data --limit 2 | wc -l'
check "bigkeys" "BYTES KEY
   38 j
    8 T" 0 sh -c 'cmap bigkeys data --limit 2 | sed "s/ [tnm]$/ T/"'

# ---- hostile names, keys and values ----

check "names in messages" '1' 0 sh -c "cmap get \"\$(printf 'a\\033[31m\\233b')\" k 2>&1 | grep -c '^cmap: a\\\\x1b\\[31m\\\\x9bb: no map of that name$'"
check "options in messages" "1" 0 sh -c "cmap get --x\"\$(printf '\\033]0;x\\007')\" a b 2>&1 | grep -c 'x1b.0;x.x07'"
check "a line in a name" "cmap: a\\x0ab: no map of that name" 5 cmap get 'a
b' k
for type in text hex i64 json; do
	check "a hostile entry as $type" "yes" 0 sh -c "cmap create 'w\\x1b\\x9b' --exists >/dev/null
		cmap set 'w\\x1b\\x9b' 'k\\x1b]0;\\x07\\xc2\\x9b' '\\x1b[2J\\xff\\xc2\\x9b\\xe2\\x80\\xae'
		[ \"\$( { cmap list; cmap list --json; for o in '' --json --with-ttl; do
			cmap range 'w\\x1b\\x9b' --type $type \$o; cmap range 'w\\x1b\\x9b' --key-type $type \$o; done
			cmap get 'w\\x1b\\x9b' 'k\\x1b]0;\\x07\\xc2\\x9b' --type $type
			cmap stat 'w\\x1b\\x9b' --json; cmap metrics; cmap bigkeys 'w\\x1b\\x9b'; cmap export 'w\\x1b\\x9b'
			cmap export 'w\\x1b\\x9b' --json; } | LC_ALL=C tr -d '\\n\\t -~' | wc -c)\" = 0 ] && echo yes"
done
cmap unlink 'w\x1b\x9b'

# ---- export and import ----

cmap create source --max-bytes 10M --max-entries 1000 --mode 640 --wipe
i=0
while [ $i -lt 300 ]; do
	printf 'set k%d value-%d\\x00\\xff\\x0a\\\\\\x22\n' $i $i
	i=$((i + 1))
done >/tmp/commands
printf "set '' ''\nset \\\\x0a\\\\x00 \\\\xc3\\\\xa9\nset timed v 1h\n" >>/tmp/commands
check "batch" "303 ok" 0 sh -c "cmap batch source /tmp/commands | sort | uniq -c | sed 's/^ *//'"
sorted() { cmap range "$1" | sort | md5sum; }
for how in '' --json; do
	check "export ${how:-text}" "" 0 cmap export source /tmp/exported $how
	check "with the map's mode" "640" 0 stat -c %a /tmp/exported
	check "import" "303" 0 cmap import --create target /tmp/exported
	check "is the same" "$(sorted source)" 0 sorted target
	check "with times to live" "1" 0 sh -c 'cmap ttl target timed | grep -c "^3[56]"'
	check "the map, too" "mode:           0640
wipe:          yes
max_entries:   1000
max_bytes:     10485760" 0 sh -c "cmap stat target | grep -e ^mode -e ^wipe -e ^max_ | sed 's/^mode: /mode:  /'"
	check "import once more" "303" 0 cmap import target /tmp/exported
	check "and keep what is there" "1" 0 sh -c "cmap delete target k7; cmap import target --keep /tmp/exported"
	check "in a pipe" "303" 0 sh -c "cmap clear target >/dev/null; cmap export source $how | cmap import target"
	check "is the same, too" "$(sorted source)" 0 sorted target
	check "cut off" "2" 0 sh -c 'head -c 5000 /tmp/exported | cmap import target >/dev/null 2>/tmp/err; echo $?'
	check "says where" "1" 0 sh -c 'grep -cE "^cmap: -: line [0-9]+: " /tmp/err'
	check "without its end" "1" 0 sh -c "sed '\$d' /tmp/exported | cmap import target 2>&1 | grep -c 'a part of it is missing'"
	cmap unlink target
done
check "what mdb_dump writes" "2" 0 sh -c "printf 'VERSION=3\nformat=bytevalue\ntype=btree\nmapsize=1048576\nmaxreaders=126\ndb_pagesize=4096\nHEADER=END\n 61\n 00ff\n 6263\n \nDATA=END\n' | cmap import --create target"
check "is read" "a	\\x00\\xff
bc	" 0 sh -c 'cmap range target | sort'
check "and printed" "1" 0 sh -c "printf 'VERSION=3\nformat=print\ntype=btree\nHEADER=END\n \\\\0a\\\\\\\\x\n v\nDATA=END\n' | cmap import target"
check "with its escapes" "v" 0 cmap get target '\x0a\\x'
check "JSON lines of others" "2" 0 sh -c 'printf "{\"kind\":\"entry\",\"key\":\"x\",\"value\":\"\\\\u00e9\\\\u0000\"}\n{\"kind\":\"entry\",\"key_hex\":\"ff\",\"value\":\"y\",\"ttl\":90.5}\n" | cmap import target'
check "are read" "\\xc3\\xa9\\x00" 0 cmap get target x
check "a time of theirs" "1" 0 sh -c "cmap ttl target '\\xff' | grep -cE '^(90|89)'"
check "a line that is none" "cmap: -: line 1: an entry needs key or key_hex, and value or value_hex, which are strings" 2 \
	sh -c 'echo "{\"kind\":\"entry\",\"key\":1,\"value\":\"\"}" | cmap import target'
check "a file that is none" "cmap: -: line 1: not a line of a header, NAME=VALUE" 2 sh -c 'echo nonsense | cmap import target'
check "an empty file" "cmap: /dev/null: line 1: the file is empty" 2 cmap import target /dev/null
check "a map that is full" "1" 0 sh -c "cmap create small --max-entries 2; cmap import small /tmp/exported 2>&1 | grep -cE '^cmap: /tmp/exported: line [0-9]+: the map is full'; cmap unlink small"
check "output that cannot be written" "2" 0 sh -c 'cmap export source /dev/full/x 2>/dev/null; echo $?'

# ---- batch ----

check "a batch" "ok
ok	7
ok	v
failed	no such key
ok
ok	w
ok
failed	the key exists already" 1 sh -c "cmap clear target >/dev/null; printf '%s\n' '# a comment' 'set a v' \
	'incr n 7' '' 'take a' 'get a' 'set b w' 'get b' 'delete b' 'insert n x' | cmap batch target"
check "its JSON" '{"kind":"result","line":1,"ok":true,"number":8}
{"kind":"result","line":2,"ok":false,"why":"no such key"}' 1 sh -c "printf 'add n\nget none\n' | cmap batch target --json"
check "a line that is wrong" "cmap: -: line 2: no such command; see cmap(1)" 2 sh -c "printf 'add n\nfly n\n' | cmap batch target 2>&1 | tail -n 1; exit 2"
cmap unlink target

# ---- watch ----

cmap create --shards 1 --feed-bytes 4096 --feed-value-max 20 changes
rm -f /tmp/watching
cmap watch changes --json --type u64 >/tmp/watched 2>/tmp/watching &
pid=$!
until grep -qs watching /tmp/watching; do sleep 0.1; done
cmap add changes n 5 >/dev/null
cmap set changes long "a value that is too long"
cmap delete changes n
until grep -q delete /tmp/watched; do sleep 0.1; done
check "watch as JSON" '{"kind":"change","key":"n","value":5,"version":N,"cause":"set","value_bytes":8}
{"kind":"change","key":"long","version":N,"cause":"set","value_bytes":24}
{"kind":"change","key":"n","version":N,"cause":"delete"}' 0 sh -c "sed -E 's/\"version\":[0-9]+/\"version\":N/' /tmp/watched"
kill $pid
wait $pid
# A reader that closes its end, with no change after that.
check "watch ends quietly with its reader" "set	k	v" 0 sh -c 'rm -f /tmp/watching; { cmap watch changes 2>/tmp/watching; echo $? >/tmp/status; } |
	{ until grep -qs watching /tmp/watching; do sleep 0.1; done; cmap set changes k v; head -n 1; exec <&-; }
	sed /watching/d /tmp/watching'
check "by the signal for that" "141" 0 cat /tmp/status
check "also if that is ignored" "0" 0 sh -c 'trap "" PIPE; { cmap range source 2>/tmp/err; } | true; wc -c </tmp/err'
check "wait as JSON" '{"kind":"entry","key":"k","value":"w","version":N}' 0 \
	sh -c "(sleep 1; cmap set changes k w) & cmap wait changes k --json | sed -E 's/\"version\":[0-9]+/\"version\":N/'; wait"

# ---- entries that vanish with who holds them ----

# until_there FILE: wait for a line in a file.
until_there() { until grep -qs . "$1"; do sleep 0.1; done; }

cmap create --shards 1 --feed-bytes 4096 --feed-value-max 20 held
rm -f /tmp/watching /tmp/holding /tmp/ready
cmap watch held >/tmp/watched 2>/tmp/watching &
watch=$!
until_there /tmp/watching
check "hold, as long as a program runs" "yes
cmap: here: the key exists already
4" 3 cmap hold held here yes -- sh -c 'cmap get held here; cmap hold held here no; echo $?; exit 3'
check "no longer" "cmap: here: no such key" 1 cmap get held here
check "no such program" "cmap: /none: No such file or directory" 127 cmap hold held here yes -- /none
check "one that is none" "cmap: /proc: Permission denied" 126 cmap hold held here yes -- /proc
check "a program that a signal ends" "" 143 cmap hold held here yes -- sh -c 'kill $$'
check "what another has set stays" "mine" 0 sh -c 'cmap hold held here yes -- cmap set held here mine; cmap take held here'
check "with a time and a type" "5
1" 0 cmap hold held n 5 --type i64 --ttl 1h -- sh -c 'cmap get held n --type i64; cmap ttl held n | grep -c "^3[56]"'
cmap hold held service port 2>/tmp/holding &
pid=$!
until_there /tmp/holding
check "hold, until it is killed" "cmap: holding service
port" 0 sh -c 'cat /tmp/holding; cmap get held service'
check "statistics of owners" "owners:        1
owned:         1
orphaned:      5" 0 sh -c 'cmap stat held | grep -e ^owners -e ^owned -e ^orphaned'
check "as JSON" "1" 0 sh -c 'cmap stat held --json | grep -c "\"owners\":1,\"owned\":1,\"orphaned\":5,"'
check "as metrics" "cmap_map_owners{map=\"held\"} 1
cmap_map_owned{map=\"held\"} 1
cmap_map_orphaned_total{map=\"held\"} 5" 0 sh -c "cmap metrics | grep -E '^cmap_map_(own|orph).*held'"
check "limits of owners" "1" 0 sh -c "cmap limits --json | grep -cE '\"owners\":1,\"max_owners\":[0-9]+,\"all_owners\":1,\"max_all_owners\":[1-9]'"
kill -9 $pid
wait $pid 2>/tmp/waited
check "killed" "cmap: service: no such key" 1 cmap get held service
cmap hold held job 1 -- sh -c 'trap "echo over >/tmp/ready; exit 7" TERM; echo ready >/tmp/ready; while :; do sleep 0.1; done' &
pid=$!
until_there /tmp/ready
kill $pid
wait $pid
check "a signal is passed on" "7 over" 0 echo $? "$(cat /tmp/ready)"
rm -f /tmp/ready
cmap hold held job 1 -- sh -c 'echo $$ >/tmp/ready; exec sleep 1000' &
pid=$!
until_there /tmp/ready
kill -9 $pid
wait $pid 2>/tmp/waited
check "nothing is held" "cmap: job: no such key" 1 cmap get held job
check "nor does its program run" "" 0 timeout 60 sh -c 'while [ -e /proc/$(cat /tmp/ready)/fd/0 ]; do sleep 0.1; done'
cmap unlink held
wait $watch
check "a watch tells of owners" "set	service	port
owner	service
set	job	1
owner	job
set	job	1
owner	job" 0 sh -c 'grep -e service -e job /tmp/watched'

# ---- the machine ----

rm -f /tmp/watching
cmap watch changes >/dev/null 2>/tmp/watching &
pid=$!
until grep -qs watching /tmp/watching; do sleep 0.1; done
check "holders of a map" "1" 0 sh -c "cmap holders changes | grep -cE '^ *$pid cmap +fd [0-9]+ +watch +[0-9]+ *$'"
check "holders as JSON" "1" 0 sh -c "cmap holders --json | grep -c '\"pid\":$pid,\"command\":\"cmap\",\"holds\":\"fd'"
kill $pid
wait $pid
check "top" "ENTRIES BYTES CHANGE/S WRITES/S EXPIRED/S WATCHES NAME" 0 \
	sh -c 'cmap top -i 0.2 -n 1 | head -n 1 | tr -s " " | sed "s/^ //"'
check "top as JSON" "1" 0 sh -c "(sleep 0.3; cmap batch changes /tmp/commands >/dev/null) & cmap top -j -i 2 -n 1 | grep '\"changes\"' | grep -cE '\"writes\":[1-9]'; wait"
check "metrics" "cmap_map_entries{map=\"source\"} 303
cmap_map_limit_entries{map=\"source\"} 1000" 0 sh -c "cmap metrics | grep -E '^cmap_map_(limit_)?entries.*source'"
check "end" "# EOF" 0 sh -c 'cmap metrics | tail -n 1'
check "a counter" "1" 0 sh -c "cmap metrics | grep -cE '^cmap_map_written_total.map=\"source\". [0-9]+$'"
check "a file of metrics" "# EOF" 0 sh -c 'cmap metrics --textfile /tmp/cmap.prom && tail -n 1 /tmp/cmap.prom'
check "that others can read" "644" 0 stat -c %a /tmp/cmap.prom
check "and nothing beside it" "/tmp/cmap.prom" 0 sh -c 'ls /tmp/cmap.prom*'
check "no directory for it" "cmap: /none/x: No such file or directory" 2 cmap metrics --textfile /none/x
check "bench" "7" 0 sh -c 'cmap bench --seconds 0.01 --json | grep -c "^{\"kind\":\"measurement\",\"operation\":\".*\",\"nanoseconds\":[0-9.]*}$"'

# ---- garbage, the same in each run ----

# garbage SEED BYTES: bytes of which many mean something.
garbage() {
	awk -v seed="$1" -v n="$2" 'BEGIN {
		srand(seed)
		words = "VERSION=3|HEADER=END|DATA=END|format=print|cmap_ttl=5|{\"kind\":\"entry\",|\"key\":\"a\"}| 6|\\5c|\\x|\\|=| ||\n|\n|\n|set |get |add |99999999999999999999|-1|''"
		m = split(words, word, "|")
		for (i = 0; i < n; i++) {
			if (rand() < 0.7)
				printf "%s", word[int(rand() * m) + 1]
			else
				printf "\\%03o", int(rand() * 256)
		}
	}' | sed 's/\\x/\\\\x/g; s/\\5c/\\\\5c/g' >/tmp/format
	printf "$(cat /tmp/format | tr -d '%')"
}

cmap create garbage
bad=''
seed=1
while [ $seed -le 10 ]; do
	garbage $seed 60 >/tmp/garbage 2>/dev/null
	for command in "import garbage" "import --create garbage" "batch garbage" "batch --json garbage" \
			"set garbage key --file"; do
		cmap $command /tmp/garbage >/tmp/out 2>&1
		code=$?
		[ $code -le 5 ] || bad="$bad $seed:$command:$code"
		visible </tmp/out || bad="$bad $seed:$command:output"
	done
	word=$(tr -d '\000' </tmp/garbage)
	for command in get set count stat list create; do
		cmap $command "$word" "$word" </dev/null >/tmp/out 2>&1
		code=$?
		[ $code -le 5 ] || [ $code = 64 ] || bad="$bad $seed:$command:$code"
		visible </tmp/out || bad="$bad $seed:$command:output"
	done
	sed "$((seed + 5))s/./$(printf '\\%03o' $((seed + 40)))/2" /tmp/exported | cmap import garbage >/tmp/out 2>&1
	[ $? -le 5 ] || bad="$bad $seed:damaged"
	seed=$((seed + 1))
done
check "garbage does no harm" "" 0 echo "$bad"
cmap list | sed '1d;$d;s/^\([^ ]* *\)\{4\}[0-9]* //' | while IFS= read -r map; do
	cmap unlink -- "$map"
done
check "nothing is left" "0" 0 sh -c 'rmmod cmap; echo $?'
[ $status = 0 ]
