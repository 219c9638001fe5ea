# SPDX-License-Identifier: GPL-2.0
#
# make help lists the targets.

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
BUILD := $(CURDIR)/build
LIB := $(BUILD)/user/lib
HOST := $(BUILD)/module-host
# make check runs the selftests on the first one.
KERNELS ?= 6.12 6.1 7.3

export BUILD PREFIX DESTDIR

all: modules lib

help:
	@echo 'On this machine:'
	@echo '  make              the module for the running kernel, and the library'
	@echo '  make install      both, with headers, manual pages, completion and udev rule'
	@echo '                    (DESTDIR, PREFIX and KDIR are honoured)'
	@echo '  make uninstall    remove them'
	@echo '  make deb          packages for this Debian, in build/deb'
	@echo '  make check-host   load the module here and run the selftests'
	@echo 'In virtual machines, which need no kernel module here:'
	@echo '  make demo         processes count words in one map'
	@echo '  make check        the tests that find most, in a quarter of an hour: builds for'
	@echo '                    kernels $(KERNELS), tests on $(firstword $(KERNELS))'
	@echo '  make check-all    all tests, on these kernels and on debugging kernels;'
	@echo '                    check-rest runs what the last check has left out'
	@echo '  make check-long   tests that take hours'
	@echo '  make kunit        the KUnit tests of the core; SEED=N repeats a run'
	@echo '  make coverage     report which lines of the module the tests run'
	@echo '  make check-6.1    the selftests on one kernel; T="a b" chooses'
	@echo '  make fuzz         for FUZZ_SECONDS (3600): random calls, invalid windows'
	@echo '  make shell        a shell in a guest with the module, tool, manual and examples;'
	@echo '                    RUN="a b" brings programs of your own'
	@echo '  make bench        compare cmap with BPF maps, LMDB, memcached, Redis and a'
	@echo '                    table in shared memory; bench-quick takes 5 minutes,'
	@echo '                    bench-host runs here, where the module is loaded'
	@echo '  make clean        remove the build directory'

modules:
	@tools/ready '$(KDIR)'
	CMAP_TESTS= tools/module '$(KDIR)' '$(HOST)' plain

lib:
	$(MAKE) -C userlib O=$(LIB)

user: | deps-guest
	$(MAKE) -C userlib O=$(LIB) all examples
	$(MAKE) -C selftests O=$(BUILD)/user/tests LIB=$(LIB) \
		KSELFTEST_INC=$$(tools/vm/kernel source)/tools/testing/selftests

modules-%: | deps-guest
	k=$$(tools/vm/kernel $*) && \
		tools/module $$k/build $(BUILD)/module-$$(cat $$k/release)

deps-guest:
	@tools/deps guest

check:
	@tools/deps check
	@tools/check $(KERNELS)

check-all:
	@tools/deps check fresh
	@tools/check --all $(KERNELS)

# The steps that the last check has left out.
check-rest:
	@tools/deps check fresh
	@tools/check --rest $(KERNELS)

check-long:
	tools/deps check coverage
	tools/check-long

check-%: modules-% user
	tools/vm/run --kernel $* $(T)

check-host:
	@tools/host --ready
	tools/deps build
	@tools/ready '$(KDIR)'
	$(MAKE) -s user
	tools/module '$(KDIR)' '$(BUILD)/module-check'
	tools/host $(T)

kunit:
	tools/deps check
	tools/kunit $(SEED)

coverage: user
	tools/deps check coverage
	tools/coverage $(T)

FUZZ_SECONDS ?= 3600

fuzz:
	tools/deps check
	$(MAKE) -s user
	O=$(LIB) userlib/tests/fuzz $$(($(FUZZ_SECONDS) / 4))
	selftests/fuzz/run $(FUZZ_SECONDS)

demo:
	tools/deps guest
	$(MAKE) -s modules-6.12 lib
	selftests/demo/run

shell:
	tools/deps shell
	$(MAKE) -s modules-6.12 lib
	$(MAKE) -s -C userlib O=$(LIB) examples
	tools/vm/run --kernel 6.12 $(foreach f,$(RUN),--program $(f)) --shell

bench-programs: lib
	tools/deps bench
	$(MAKE) -s -C bench O=$(BUILD)/user/bench LIB=$(LIB)

bench bench-quick: bench-programs
	$(MAKE) -s modules-6.12 modules-uml
	bench/kernel/run $(if $(findstring quick,$@),--quick)
	bench/run $(if $(findstring quick,$@),--quick)

bench-host: bench-programs
	bench/kernel/run --host
	bench/run --host

# 60 lets an administrator's rules come later.  Earlier versions installed 99.
RULES := $(DESTDIR)/usr/lib/udev/rules.d
LOAD := $(DESTDIR)/usr/lib/modules-load.d
EXAMPLES := $(DESTDIR)$(PREFIX)/share/doc/cmap/examples
# What modules that use the kernel API are built with.
API := $(DESTDIR)$(PREFIX)/lib/cmap
RELEASE = $$(tools/registered --release '$(HOST)/kmod/cmap.ko')
REMOVE_EMPTY := rmdir --ignore-fail-on-non-empty 2>/dev/null

# Debian's kernels are configured to sign modules when they are installed, with a key
# that only the kernel's builder has.
UNSIGNED = $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

install: all
	$(MAKE) -C '$(KDIR)' M='$(HOST)' \
		INSTALL_MOD_PATH='$(DESTDIR)' INSTALL_MOD_DIR=updates \
		INSTALL_MOD_STRIP=1 $(UNSIGNED) modules_install
	rm -f $(DESTDIR)/lib/modules/$(RELEASE)/extra/kmod/cmap.ko*
	$(MAKE) -C userlib O=$(LIB) install
	install -D -m 644 kmod/60-cmap.rules $(RULES)/60-cmap.rules
	rm -f $(RULES)/99-cmap.rules
	install -D -m 644 kmod/cmap.conf $(LOAD)/cmap.conf
	install -D -m 644 -t $(EXAMPLES) kmod/examples/*
	install -D -m 644 -t $(API)/include/linux kmod/include/linux/*.h
	install -D -m 644 -t $(API)/include/uapi/linux uapi/linux/*.h
	install -D -m 644 -t $(API)/$(RELEASE) $(HOST)/Module.symvers
	@tools/registered '$(HOST)/kmod/cmap.ko'

deb:
	@tools/deps deb
	@tools/deb

# Earlier versions also installed the sample, and on some kernels in another directory.
uninstall:
	for k in $(DESTDIR)/lib/modules/*/updates/kmod $(DESTDIR)/lib/modules/*/extra/kmod; do \
		[ -d $$k ] || continue; \
		rm -f $$k/cmap.ko* $$k/sample/cmap_sample.ko*; \
		$(REMOVE_EMPTY) $$k/sample $$k $${k%/kmod} || true; \
	done
	rm -f $(RULES)/60-cmap.rules $(RULES)/99-cmap.rules $(LOAD)/cmap.conf \
		$(patsubst kmod/examples/%,$(EXAMPLES)/%,$(wildcard kmod/examples/*)) \
		$(patsubst kmod/%,$(API)/%,$(wildcard kmod/include/linux/*.h)) \
		$(patsubst %,$(API)/include/%,$(wildcard uapi/linux/*.h)) \
		$(API)/*/Module.symvers
	$(REMOVE_EMPTY) $(EXAMPLES) $(EXAMPLES:/examples=) $(API)/include/uapi/linux \
		$(API)/include/uapi $(API)/include/linux $(API)/* $(API) || true
	$(MAKE) -C userlib uninstall
	@tools/registered

clean:
	rm -rf $(BUILD)

.PHONY: all bench bench-host bench-programs bench-quick check check-all check-host \
	check-long check-rest clean coverage deb demo deps-guest fuzz help install kunit lib \
	modules shell uninstall user
