# SPDX-License-Identifier: GPL-2.0
#
# In a guest: run the KUnit tests of the core and print their results, with cases
# indented by two columns like those of the selftests.  SEED in the environment repeats
# a run.

if ! insmod /ko/cmap_kunit.ko ${SEED:+seed=$SEED}; then
	echo "Bail out! cmap_kunit.ko does not load"
	exit 1
fi
echo "KTAP version 1"
number=0
for results in /sys/kernel/debug/kunit/cmap_*/results; do
	number=$((number + 1))
	sed -e '/KTAP version/d; /^1\.\.1$/d' -e 's/^    */  /' \
		-e "s/^\(not \)*ok 1 /\1ok $number /" "$results"
done >/tmp/results
cat /tmp/results
echo "1..$number"
rmmod cmap_kunit && rmmod cmap && ! grep -q '^ *not ok' /tmp/results
