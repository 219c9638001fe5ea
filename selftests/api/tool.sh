#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The cmap tool and the examples of the library, in a guest.  tool_data.sh goes on.

number=0
status=0

# check NAME WANTED-OUTPUT WANTED-STATUS COMMAND...
check() {
	name=$1 want=$2 want_status=$3
	shift 3
	number=$((number + 1))
	got=$("$@" 2>&1)
	got_status=$?
	if [ "$got" = "$want" ] && [ $got_status = "$want_status" ]; then
		echo "ok $number $name"
	else
		echo "not ok $number $name: status $got_status, \"$got\""
		status=1
	fi
}

check "create" "" 0 cmap --mode=0640 --max-entries=3 create colours
check "create again" "cmap: colours: a map of that name exists already, perhaps with other options" 2 cmap create colours
check "set" "" 0 cmap set colours sky blue
check "get" "blue" 0 cmap get colours sky
check "get nothing" "cmap: grass: no such key" 1 cmap get colours grass
check "escapes" "a\\x00\\\\b" 0 sh -c 'cmap set colours k "a\x00\\\\b" && cmap get colours k'
check "add" "41
42" 0 sh -c 'cmap add colours n 41; cmap add colours n'
check "add a negative number" "40" 0 cmap add colours n -2
check "and back" "42" 0 cmap add colours n 2
check "full" "cmap: more: the map is full: it has its max_entries (3)" 2 cmap set colours more x
check "a key that is too long" "cmap: KEY: key longer than the map's key_max (512)" 2 \
	sh -c 'key=$(printf %0513d 0); why=$(cmap get colours "$key" 2>&1); status=$?
		echo "$why" | sed "s/0\{513\}/KEY/"; exit $status'
check "insert what is there" "cmap: sky: the key exists already" 4 cmap insert colours sky red
check "replace what is not" "cmap: grass: no such key" 1 cmap replace colours grass green
check "take, insert and replace" "blue
red" 0 sh -c 'cmap take colours sky && cmap insert colours sky green &&
	cmap replace colours sky red && cmap take colours sky; cmap set colours sky blue'
check "count" "3" 0 cmap count colours
check "range" "k	a\\x00\\\\b
n	*\\x00\\x00\\x00\\x00\\x00\\x00\\x00
sky	blue" 0 sh -c 'cmap range colours | sort'
check "range of keys" "k
n
sky" 0 sh -c 'cmap --keys range colours | sort'
check "the empty key" "nothing" 0 \
	sh -c "cmap delete colours k && cmap set colours '' nothing && cmap get colours ''"
check "range with the empty key" "	nothing
n	*\\x00\\x00\\x00\\x00\\x00\\x00\\x00
sky	blue" 0 sh -c 'cmap range colours | sort'
check "the empty key alone" "
n
sky" 0 sh -c 'cmap --keys range colours | LC_ALL=C sort'
check "add to the empty key" "cmap: '': the value is not a number of 8 bytes" 2 cmap add colours ''
check "the empty key again" "cmap: '': no such key" 1 \
	sh -c "cmap delete colours '' && cmap set colours k v && cmap get colours ''"
check "list" "0640 root root 3 colours" 0 \
	sh -c "cmap list | grep colours | tr -s ' ' | sed 's/ [0-9]* colours/ colours/'"
check "a value that begins with a dash" "-v" 0 \
	sh -c 'cmap set colours sky -v && cmap get colours sky && cmap set colours sky blue'
check "a name with a line in it" "0600 root root 0 a\\x0ab\\\\c" 0 \
	sh -c "cmap create 'a\\x0ab\\\\c' && cmap list | grep x0ab | tr -s ' ' | sed 's/ [0-9]* a/ a/'"
check "is set, counted and removed by what list says" "1" 0 \
	sh -c "cmap set 'a\\x0ab\\\\c' k v && cmap count 'a\\x0ab\\\\c' && cmap unlink 'a\\x0ab\\\\c'"
# A terminal takes the byte 0x9b for the start of a control sequence.
check "a name that a terminal would obey" "0600 root root 0 c\\x9b2J" 0 \
	sh -c "cmap create 'c\\x9b2J' && cmap list | grep x9b | tr -s ' ' | sed 's/ [0-9]* c/ c/'"
check "a value that a terminal would obey" "\\x9b2J\\xc3\\xa9" 0 \
	sh -c "cmap set 'c\\x9b2J' '\\xff' '\\x9b2J\\xc3\\xa9' && cmap get 'c\\x9b2J' '\\xff'"
check "goes in as it came out" "\\xff	\\x9b2J\\xc3\\xa9" 0 \
	sh -c "cmap set 'c\\x9b2J' '\\xff' \"\$(cmap get 'c\\x9b2J' '\\xff')\" && cmap range 'c\\x9b2J'; cmap unlink 'c\\x9b2J'"
check "a name cannot have a NUL" "cmap: colours\\x00: not a name for a map, or an option that is not valid; or the file is no map" 2 \
	cmap count 'colours\x00'
check "output that cannot be written" "cmap: output: No space left on device" 2 \
	sh -c 'cmap range colours >/dev/full'
check "stat" "entries:       3" 0 sh -c 'cmap stat colours | grep ^entries'
check "with a window" "window:        yes
wipe:          no" 0 sh -c 'cmap stat colours | grep -e ^window -e ^wipe'
check "without" "window:        no
wipe:          yes" 0 sh -c 'cmap --no-window --wipe create secrets &&
	cmap stat secrets | grep -e ^window -e ^wipe; cmap unlink secrets'
check "create what exists" "exists" 0 cmap --exists create colours
check "as it is" "exists" 0 cmap --exists --max-entries=3 create colours
check "as it is not" "cmap: colours: exists; max-entries is 3, not 4; it does not wipe" 2 \
	cmap --exists --max-entries=4 --wipe create colours
check "create what does not exist" "created" 0 cmap --exists create others
check "chmod" "mode:          0604" 0 sh -c 'cmap chmod 604 others && cmap stat others | grep mode'
check "chown" "owner:         1234:99" 0 sh -c 'cmap chown 1234:99 others && cmap stat others | grep ^owner:'
check "chown by half" "owner:         1234:0" 0 sh -c 'cmap chown :root others && cmap stat others | grep ^owner:'
check "create what is another's" "cmap: others: the map's owner or mode does not allow this, or with O_CREAT the map is neither the caller's nor root's, or the name is one of the kernel's; or /dev/cmap may not be opened" 2 cmap --exists create others
check "rename to what exists" "cmap: colours: a map of that name exists already" 2 cmap rename others colours
check "rename" "0604" 0 sh -c 'cmap rename others moved && cmap list | grep moved | cut -c1-4; cmap unlink moved'
check "a name of the kernel's" "cmap: kernel:x: the map's owner or mode does not allow this, or with O_CREAT the map is neither the caller's nor root's, or the name is one of the kernel's; or /dev/cmap may not be opened" 2 cmap create kernel:x
check "limits" "user             root
user's maps of no limit" 0 \
	sh -c "cmap limits | grep -e ^user | grep -v -e bytes -e watches -e owners | sed 's/maps  *[1-9] of  */maps of /'"
check "list says what all maps take" "1" 0 sh -c "cmap list | grep -c '^all [1-9] maps, with and without a name: [1-9]'"
check "range over a prefix" "sky	blue" 0 cmap range colours sk
check "watch without a feed" "cmap: colours: the map was created without a feed" 2 cmap watch colours

# watched ARGUMENT... : watch "changes", and make some.
watched() {
	rm -f /tmp/watching
	cmap "$@" >/tmp/watched 2>/tmp/watching &
	pid=$!
	until grep -qs watching /tmp/watching; do sleep 0.1; done
	cmap set changes a/1 one
	cmap set changes b "a value that is too long"
	cmap set changes 'a/\x01' '\x9b'
	cmap delete changes a/1
	cmap clear changes >/dev/null
}

check "create with a feed" "feed_bytes:    4096
feed_value_max: 20
watches:       0" 0 sh -c 'cmap --shards=1 --feed-bytes=4096 --feed-value-max=20 create changes &&
	cmap stat changes | grep -e feed -e watches'
check "as it is not" "cmap: changes: exists; feed-bytes is 4096, not 8192" 2 \
	cmap --exists --feed-bytes=8192 create changes
watched watch changes
cmap unlink changes
wait $pid
check "watch ends with the map" "" 0 sh -c "exit $?"
check "and says that it lost its name" "1" 0 grep -c '^name	changed$' /tmp/watched
# It comes before changes that have not been read.
without_name() { sed -i '/^name	changed$/d' /tmp/watched; }
without_name
check "watch" "set	a/1	one
set	b	(24 bytes)
set	a/\\x01	\\x9b
delete	a/1" 0 head -n 4 /tmp/watched
check "watch a clear" "clear	a/\\x01
clear	b" 0 sh -c 'tail -n +5 /tmp/watched | sort'
cmap --shards=1 --feed-bytes=4096 create changes
watched --keys watch changes a/
until grep -q ^clear /tmp/watched; do sleep 0.1; done
kill $pid
wait $pid
check "watch a prefix, printing keys, until a signal" "set	a/1
set	a/\\x01
delete	a/1
clear	a/\\x01" 0 cat /tmp/watched
rm -f /tmp/watching
cmap watch changes >/tmp/watched 2>/tmp/watching &
pid=$!
until grep -qs watching /tmp/watching; do sleep 0.1; done
kill -STOP $pid
for i in $(seq 200); do cmap set changes key "$i"; done
kill -CONT $pid
cmap unlink changes
wait $pid
check "watch ends after a stop" "" 0 sh -c "exit $?"
without_name
check "watch says what was lost" "1" 0 sh -c 'grep -c "^lost	[0-9]* changes$" /tmp/watched'
check "and goes on" "set	key	(3 bytes)" 0 tail -n 1 /tmp/watched
check "wait, and time out" "" 3 cmap --timeout=1 wait colours sky
check "wait for a change" "green" 0 sh -c '(sleep 1; cmap set colours sky green) & cmap wait colours sky; status=$?; wait; exit $status'
check "wait until it is gone" "cmap: n: no such key" 1 sh -c '(sleep 1; cmap delete colours n) & cmap wait colours n; status=$?; wait; exit $status'
check "wait until it is there" "seven" 0 sh -c '(sleep 1; cmap insert colours n seven) & cmap wait colours n; status=$?; wait; exit $status'
check "wait in no map" "cmap: nomap: no map of that name" 5 cmap wait nomap n
check "delete" "" 0 cmap delete colours n

# ttl_is LEAST MOST MAP KEY: whether what is left is in between, in seconds.
ttl_is() {
	cmap ttl "$3" "$4" | awk -v least="$1" -v most="$2" \
		'{ print ($1 > least && $1 <= most && /^[0-9]+\.[0-9][0-9][0-9]$/) }'
}

# gone MAP KEY: what get says once the key has expired.
gone() {
	i=0
	while cmap get "$1" "$2" >/dev/null 2>&1 && [ $i -lt 300 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	cmap get "$1" "$2"
}

check "no deadline" "never" 0 cmap ttl colours sky
check "the time of no key" "cmap: nokey: no such key" 1 cmap ttl colours nokey
check "a time to live" "" 0 cmap --ttl 1.5 set colours sky blue
check "a unit, behind the command" "" 0 cmap set colours sky blue --ttl=90m
check "what is left" "1" 0 ttl_is 5000 5400 colours sky
check "a set ends it" "never" 0 sh -c 'cmap set colours sky blue && cmap ttl colours sky'
check "touch" "" 0 cmap touch --ttl 1d colours sky
check "what is left then" "1" 0 ttl_is 86000 86400 colours sky
check "the value stays" "blue" 0 cmap get colours sky
check "range with times" "k	v	never
n	\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00	never
sky	blue	86" 0 sh -c "cmap add colours n 2 >/dev/null; cmap range colours --with-ttl | sort | sed 's/86[0-9.]*$/86/'; cmap delete colours n"
check "touch without a time" "cmap: touch: colours has no default time to live, so --ttl is needed" 64 cmap touch colours sky
check "touch for ever" "never" 0 sh -c 'cmap touch colours sky --ttl never && cmap ttl colours sky'
check "touch what is not" "cmap: nokey: no such key" 1 cmap touch colours nokey --ttl 5
cmap touch --ttl 500ms colours sky
check "and gone" "cmap: sky: no such key" 1 gone colours sky
check "insert in its place" "" 0 cmap insert --ttl 1h colours sky green
check "not twice" "cmap: sky: the key exists already" 4 cmap insert --ttl 1h colours sky green
check "replace" "1" 0 sh -c 'cmap replace colours sky red --ttl 2h && cmap ttl colours sky | grep -c "^7[12]"'
check "a time that is none" "cmap: soon: not a time, as 1.5 or 500ms" 64 cmap set colours sky blue --ttl soon
check "no time" "cmap: 0: too small or too large" 64 cmap touch --ttl 0 colours sky
check "an option of another command" "1" 0 \
	sh -c "cmap get colours sky --ttl 5 2>&1 | grep -c \"^cmap get: unrecognized option '--ttl'\""
check "an option that is none" "1" 0 sh -c 'cmap set colours sky --blue 2>&1 | grep -c unrecognized'
check "an argument like an option" "--blue" 0 sh -c 'cmap set colours sky -- --blue && cmap get colours sky && cmap set colours sky blue'
check "add up to a ceiling" "1
2
cmap: hits: the sum would be above the ceiling" 4 sh -c 'cmap add colours hits --ceiling 2 --ttl 1h &&
	cmap add colours hits --ceiling=2 --ttl=9h && cmap add colours hits --ceiling 2'
check "the first began the time" "1" 0 ttl_is 3500 3600 colours hits
cmap delete colours hits
check "a default" "default_ttl:   1800.000" 0 sh -c 'cmap create --default-ttl 30m short && cmap stat short | grep ^default'
check "of what is set" "1" 0 sh -c 'cmap set short k v && cmap ttl short k | grep -c "^1[78]"'
check "touch with the default" "1" 0 sh -c 'cmap touch --ttl 9h short k && cmap touch short k && cmap ttl short k | grep -c "^1[78]"'
check "it is another" "cmap: short: exists; default-ttl is another" 2 cmap create short --exists --default-ttl 5
check "statistics" "deadlines:     1
expired:       0
lateness:" 0 sh -c "cmap stat short | grep -e ^dead -e ^exp -e ^late | sed 's/ *\$//'"
cmap unlink short
cmap --shards=1 --feed-bytes=4096 --feed-value-max=20 create changes
rm -f /tmp/watching
cmap watch changes >/tmp/watched 2>/tmp/watching &
pid=$!
until grep -qs watching /tmp/watching; do sleep 0.1; done
cmap set changes k v
cmap touch changes k --ttl 100ms
i=0
while [ $i -lt 300 ] && ! grep -q expire /tmp/watched; do sleep 0.1; i=$((i + 1)); done
cmap unlink changes
wait $pid
without_name
check "watch tells" "set	k	v
set	k	v
expire	k" 0 cat /tmp/watched
check "clear" "2" 0 cmap clear colours
check "unlink" "" 0 cmap unlink colours
check "unlink again" "cmap: colours: no map of that name" 5 cmap unlink colours
check "example counter" "4000" 0 example-counter
check "example cache" "Ada has 150" 0 example-cache
check "example sessions" "ada is logged in
log in again" 0 example-sessions 2000
check "example limiter" "request 1: passed
request 2: passed
request 3: passed
request 4: too many
request 5: too many" 0 example-limiter
check "example presence" "mail is at port 25
web is at port 80
mail is gone
1 service is left
web is gone" 0 example-presence
check "example pass_fd" "received: hello" 0 example-pass_fd
example-flags serve
example-flags set shop/currency EUR
example-flags follow shop/ >/tmp/followed &
pid=$!
until grep -q EUR /tmp/followed; do sleep 0.1; done
example-flags set shop/beta on
until grep -q beta /tmp/followed; do sleep 0.1; done
example-flags set other on
example-flags set shop/beta
printf '%s\n' 'shop/currency USD' 'shop/gamma on' 'other off' >/tmp/flags
example-flags reload /tmp/flags
until grep -q gamma /tmp/followed; do sleep 0.1; done
example-flags set shop/stop 1
wait $pid
check "example flags" "shop/currency=EUR
shop/beta=on shop/currency=EUR
shop/currency=USD shop/gamma=on shop/stop=1" 0 sed -n '1,2p;$p' /tmp/followed
# The old generation or the new one, and no mix of both.
check "example flags reloads at once" "shop/currency=USD shop/gamma=on" 0 sh -c \
	"grep -e USD -e gamma /tmp/followed | grep -v stop | uniq"
cmap unlink flags
check "example watch" "" 0 sh -c 'insmod /ko/cmap_sample.ko && ping -q -c 1 127.0.0.1 >/dev/null && example-watch | grep -q icmp'
rmmod cmap_sample cmap
# The device's minor is fixed, so that its node can exist before the module is loaded.  If
# another driver has it, the module loads all the same.
device_after() {
	insmod "/ko/$1.ko" && insmod /ko/cmap.ko && cmap list >/dev/null &&
		[ "$(stat -c %T /dev/cmap)" != f7 ]
	echo $?
	rmmod cmap "$1"
}
check "another driver has the device's minor" "0" 0 device_after cmap_minor_test
check "and nobody has" "f7" 0 sh -c 'insmod /ko/cmap.ko && stat -c %T /dev/cmap && rmmod cmap'
[ $status = 0 ]
