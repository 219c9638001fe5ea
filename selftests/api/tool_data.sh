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

# ---- conditions and exit codes ----

check "cas" "new" 0 sh -c 'cmap set data c old && cmap cas data c old new && cmap get data c'
check "cas of another value" "cmap: c: the value is not the expected one" 4 cmap cas data c old newer
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
			cmap stat 'w\\x1b\\x9b' --json; cmap bigkeys 'w\\x1b\\x9b'; } | LC_ALL=C tr -d '\\n\\t -~' | wc -c)\" = 0 ] && echo yes"
done
cmap unlink 'w\x1b\x9b'

cmap list | sed '1d;$d;s/^\([^ ]* *\)\{4\}[0-9]* //' | while IFS= read -r map; do
	cmap unlink -- "$map"
done
check "nothing is left" "0" 0 sh -c 'rmmod cmap; echo $?'
[ $status = 0 ]
