# Weir: network-boundary firewall and traffic inspector for Microsoft Power Platform.
#
#   make demo       install packages, build, replay the shipped capture     (start here)
#   make test       install packages, build, run every test
#   make            build ./weir (packages present)
#   make check      format, layers, symbols, unit, rules and golden tests: under 3 minutes
#   make test-e2e   real clients and servers in network namespaces (root); E2E="word ..." picks
#   make lint       clang-format, layers, symbols, cppcheck, shellcheck, codespell, man pages
#   make tidy       clang-tidy, one file a process
#   make sanitize   unit tests under ASan+UBSan, TSan, and MSan (base, match, decode, flow)
#   make bench      benchmarks beside a libpcap loop and ndpiReader
#   make bench-inline  the gateway in namespaces, with and without Weir (root)
#   make bench-names  a host name's lookup in the catalogue: at most 150 ns
#   make bench-policy  a decision with large tables and at the caps: at most 1 and 200 us
#   make bench-forms  an event in the forms of other tools: CEF and ASIM
#   make bench-capture  what lines with capture cost a connection
#   make bench-store  10 million events: the index's rate, each saved query's time
#   make names      NAMES=1000000 host names of all forms, against what lookup says
#   make bench-hop  one process beside enforcer and inspector as two (root)
#   make bench-catalog  loading the catalogue with all service tags, asking it for addresses
#   make tags-check  1,000,000 addresses over the four service-tag files, held against a script
#   make bench-guess  nDPI in a process of its own, beside in the worker and not at all (root)
#   make geo        compile a country database from Debian's tor-geoipdb; GEO=build/country.mmdb
#   make geo-check  how often the country of Azure's regions is right (needs tor-geoipdb)
#   make bench-geo  tags, country and network of a million addresses
#   make fuzz       long fuzzing; FUZZ_SECONDS=60 a target, resumable
#   make fuzz-bar   FUZZ_RUNS=20000000 executions a target, counted over many calls; FUZZ_JOBS=1
#   make evasion    write docs/evasion.md: the evasion captures, Weir and the rivals installed
#   make segmentation  client streams cut, ordered and mixed with decoys at random: RUNS=100000
#   make mutations  a sealed ledger changed in MUTATIONS=100000 places, each found and named
#   make kills      a writer killed KILLS=1000 times: nothing lost, all sealed
#   make ship-kills  weir ship to an rsyslog killed SHIP_KILLS=20 times: nothing lost
#   make bench-ledger  sealed events a second of one core, lines verified by one thread and two
#   make garbage    10,000 mutated captures, rules, configurations, catalogues under ASan
#   make coverage   line coverage of the unit tests and a replay (needs gcovr)
#   make deps       install the packages that building and testing need (Debian 12)
#   make install    PREFIX=/usr/local DESTDIR=
#   make format     let clang-format rewrite the sources
#   make clean      remove everything that was built
#
# Variables: V=1 shows commands; SAN=address,undefined builds with sanitizers into a folder of
# its own; WERROR=1 makes warnings errors; CC, CFLAGS, LDFLAGS stay yours.

PKG_CONFIG ?= pkg-config
PREFIX     ?= /usr/local
DESTDIR    ?=
CFLAGS     ?= -O3 -g
SAN        ?=
WERROR     ?=
FUZZ_SECONDS ?= 60
FUZZ_RUNS  ?= 20000000
RUNS       ?= 100000
NAMES      ?= 1000000
MUTATIONS  ?= 100000
KILLS      ?= 1000
SHIP_KILLS ?= 20
NAMES_SEED ?= 1
E2E        ?=

comma := ,
B ?= build/$(if $(SAN),$(subst $(comma),-,$(SAN)),plain)$(if $(findstring clang,$(CC)),-clang)

PKGS := libpcap libndpi libmaxminddb libconfig libssl libcrypto libxxhash libmnl libnetfilter_conntrack \
        libseccomp libcap-ng libical libidn2 sqlite3 libzstd
# Third-party headers are -isystem: our warning level is for our own code.
DEPINC  := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null))
# Of libical its reader of rules alone.
DEPLIBS := $(filter-out -licalss -licalvcal,$(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)) -lpthread
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual \
        -Wformat=2 -Wundef -Wvla -Wwrite-strings -Wpointer-arith -Wnull-dereference \
        -Wdouble-promotion -Wswitch-enum -Wmissing-prototypes -Wstrict-prototypes \
        -Wold-style-definition -Wredundant-decls -Walloca -Wimplicit-fallthrough
GCCWARN := -Wcast-align=strict -Wformat-signedness -Wduplicated-cond -Wduplicated-branches \
           -Wlogical-op -Wstack-usage=65536
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
WARN += $(if $(IS_CLANG),,$(GCCWARN))
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE \
        $(if $(SAN)$(COVERAGE),,-D_FORTIFY_SOURCE=2)
# Hidden: libndpi exports unprefixed names (cache_new, hll_init, ...) that a symbol of the
# same name in the program would replace.
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Isrc $(DEPINC) -fvisibility=hidden \
        -fno-strict-overflow -fno-common -MMD -MP $(WARN) $(if $(WERROR),-Werror) $(HARD) $(CFLAGS) \
        $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
        $(if $(COVERAGE),--coverage)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN)) \
        $(if $(COVERAGE),--coverage)

FOLDERS := app console ship report engine store import config record enforce detect policy \
           catalog identify flow decode capture match model base
FOLDERS := $(foreach f,$(FOLDERS),$(if $(wildcard src/$f/*.c),$f))
lib = $(B)/lib/$1.a
LIBS := $(foreach f,$(filter-out app,$(FOLDERS)),$(call lib,$f))
APPOBJ := $(patsubst %.c,$(B)/%.o,$(wildcard src/app/*.c))
SRCS := $(wildcard src/*/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch])

UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/*/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY := $(patsubst tests/fuzz/%.c,$(B)/replay/%,$(wildcard tests/fuzz/fuzz_*.c))

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $1 $2;
endif

.PHONY: all weir demo test test-e2e check lint tidy sanitize bench bench-inline bench-names bench-policy names bench-hop bench-guess bench-catalog tags-check bench-geo geo geo-check fuzz fuzz-bar \
        segmentation mutations kills ship-kills bench-ledger garbage evasion coverage deps install format clean help unit unit-build bench-build replay-build fuzz-replay fuzz-build
all: weir
weir: $(B)/weir
	$(Q)cmp -s $< $@ || { cp $< $@.new && mv -f $@.new $@; }
$(B)/weir: $(APPOBJ) $(LIBS)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) -o $@ $(APPOBJ) $(LIBS) $(DEPLIBS)

define folder_rule
$(call lib,$1): $(patsubst %.c,$(B)/%.o,$(wildcard src/$1/*.c))
	@mkdir -p $$(@D)
	$$(call say,AR,$$@) rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rule,$f)))

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(ALL_CFLAGS) -DWEIR_VERSION='"$(VERSION)"' -c -o $@ $<

# A unit test links its own folder and those below it: one that needs more is badly layered.
below = $(filter $(patsubst %,$(B)/lib/%.a,$1 match model base),$(LIBS))
all_below_engine = $(LIBS)
testlibs = $(if $(filter engine report app config store import ship,$1),$(LIBS),$(call below,$1))
define unit_rule
$(B)/tests/$1/%: $(B)/tests/unit/$1/%.o $(call testlibs,$1)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@) $(CC) $$(ALL_LDFLAGS) -o $$@ $$< $(call testlibs,$1) -lcmocka $(DEPLIBS)
endef
$(foreach f,$(FOLDERS),$(eval $(call unit_rule,$f)))

unit-build: $(UNIT)
replay-build: $(REPLAY)
unit: $(UNIT)
	@rc=0; for t in $(UNIT); do $(WRAP) $$t || rc=1; done; exit $$rc

# Fuzz targets: libFuzzer (clang) for searching, a plain main that replays files for testing.
# Of findings few are kept: of random bytes nearly each line has one, and the hundredth is
# read, formatted and printed as the first was.
# The library once for all targets; the archive gives each what it calls: counters cost time.
FUZZ_CC := clang -std=c11 -D_GNU_SOURCE -DWEIR_VERSION='"fuzz"' -DDIAG_MAX=12 -Isrc $(DEPINC) -g -O2 -MMD -MP \
        -fno-sanitize-recover=all -ffile-prefix-map=$(CURDIR)=.
# Not trace-cmp: calls at each comparison take half of the time (strings are still traced).
FUZZ_COVERAGE ?= inline-8bit-counters,pc-table,indirect-calls
FUZZ_CORE := $(patsubst %.c,$(B)/fuzz-obj/%.o,$(filter-out src/app/%,$(wildcard src/*/*.c)))
# These make their state once; see tests/fuzz/rewind.h.
REWOUND := fuzz_guess fuzz_inline fuzz_replay fuzz_resolve fuzz_rival
$(foreach d,fuzz replay,$(patsubst %,$(B)/$d/%,$(REWOUND))): WRAP_LD := \
        -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc,--wrap=mmap,--wrap=__asan_poison_memory_region
$(B)/fuzz/fuzz_table $(B)/replay/fuzz_table: WRAP_LD := -Wl,--wrap=mmap,--wrap=munmap # see tests/fuzz/maps.h
# These keep their large blocks; see tests/fuzz/large.h.
LARGE := fuzz_capture fuzz_catalog fuzz_proof fuzz_tags fuzz_verify
$(foreach d,fuzz replay,$(patsubst %,$(B)/$d/%,$(LARGE))): WRAP_LD := \
        -Wl,--wrap=malloc,--wrap=calloc,--wrap=free
$(B)/fuzz/fuzz_verify $(B)/replay/fuzz_verify: WRAP_LD += -Wl,--wrap=sign_check
fuzz-build: $(FUZZ)
$(B)/fuzz-obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<) $(FUZZ_CC) -fsanitize=address,undefined -fsanitize-coverage=$(FUZZ_COVERAGE) -c -o $@ $<
$(B)/fuzz-obj/core.a: $(FUZZ_CORE)
	$(call say,AR,$@) rm -f $@ && $(AR) rcs $@ $^
$(B)/fuzz/%: $(B)/fuzz-obj/tests/fuzz/%.o $(B)/fuzz-obj/core.a
	@mkdir -p $(@D)
	$(call say,LD,$@) clang -fsanitize=fuzzer,address,undefined $(WRAP_LD) -o $@ $^ $(DEPLIBS)
$(B)/replay/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/standalone.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) $(WRAP_LD) -o $@ $(filter %.o,$^) $(LIBS) $(DEPLIBS)
fuzz-replay: $(REPLAY)
	@for t in $(REPLAY); do n=$$(basename $$t); \
	  [ ! -d tests/fuzz/corpus/$$n ] || $$t tests/fuzz/corpus/$$n/* || exit 1; done
# The driver of `make garbage`: every reader of files, in one process.
$(B)/garbage: $(patsubst %.c,$(B)/%.o,$(wildcard tests/garbage/*.c)) $(LIBS)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) -o $@ $^ $(DEPLIBS)
# Random segmentations: a quick part in `make check`.
$(B)/segmentation: $(patsubst %.c,$(B)/%.o,$(wildcard tests/property/*.c)) $(LIBS)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) -o $@ $^ $(DEPLIBS)
segmentation: $(B)/segmentation
	$< --runs $(RUNS)
# A sealed ledger changed at random places: a quick part in `make check`.
$(B)/ledger-mutations $(B)/ledger-kills: $(B)/ledger-%: $(B)/tests/ledger/%.o $(LIBS)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) -o $@ $< $(LIBS) $(DEPLIBS)
# A process a processor, each with a seed of its own.
mutations: $(B)/ledger-mutations
	seq $$(nproc) | xargs -I{} -P $$(nproc) $< --runs $$(($(MUTATIONS) / $$(nproc))) --seed {}
kills: $(B)/ledger-kills
	$< --runs $(KILLS)
# Three kills are in `make test`.
ship-kills: weir
	SHIP_KILLS=$(SHIP_KILLS) tests/tools/test_ship_rsyslog.py
# At least 200,000 sealed events a second of one core, and 500,000 verified lines.
bench-ledger: $(B)/bench/ledger
	$(RM) -r $(B)/bench-ledger
	$< $(B)/bench-ledger 1000000
	$(RM) -r $(B)/bench-ledger
fuzz: fuzz-build
	scripts/fuzz.sh $(B)/fuzz $(FUZZ_SECONDS)
fuzz-bar: fuzz-build
	scripts/fuzz-bar.sh $(B)/fuzz $(FUZZ_RUNS)

lint: all
	scripts/lint.sh $(B)
tidy:
	printf '%s\n' $(filter %.c,$(SRCS)) | xargs -P$$(nproc) -I{} clang-tidy --quiet {} -- \
	  -std=c11 -D_GNU_SOURCE -DWEIR_VERSION='"tidy"' -Isrc -Itests $(DEPINC) 2>/dev/null
format:
	clang-format -i $(SRCS)

deps:
	scripts/install-packages.sh build test
demo:
	scripts/install-packages.sh build
	+$(MAKE) --no-print-directory weir
	scripts/demo.sh
test:
	scripts/install-packages.sh build test e2e
	+scripts/test.sh
test-e2e:
	scripts/install-packages.sh build test e2e
	+$(MAKE) --no-print-directory weir
	tests/e2e/run.sh $(E2E)
check:
	+scripts/test.sh quick
sanitize:
	+scripts/sanitize.sh
bench:
	scripts/install-packages.sh build test bench
	+scripts/bench.sh
# BENCH_INLINE holds options: --rounds 11 --quick --json FILE.
bench-inline:
	scripts/install-packages.sh build test e2e
	+$(MAKE) --no-print-directory weir $(B)/bench/tlsload
	tests/bench/inline.py --load $(B)/bench/tlsload $(BENCH_INLINE)
$(B)/bench/tlsload: $(B)/tests/bench/tlsload.o
	@mkdir -p $(@D)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) -o $@ $< -lssl -lcrypto -lpthread
# BENCH_HOP holds options: --rounds 11 --quick --json FILE.
bench-hop:
	scripts/install-packages.sh build test e2e
	+$(MAKE) --no-print-directory $(B)/bench/hop $(B)/bench/tlsload
	tests/bench/hop.py --hop $(B)/bench/hop --load $(B)/bench/tlsload $(BENCH_HOP)
# Benchmarks that link the program's own library; built with the tests, so that they stay whole.
BENCHES := $(addprefix $(B)/bench/,hop guess catalog catalog_names forms geo genledger policy ledger)
$(BENCHES): $(B)/bench/%: $(B)/tests/bench/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@) $(CC) $(ALL_LDFLAGS) -o $@ $< $(LIBS) $(DEPLIBS)
bench-build: $(BENCHES) $(B)/bench/tlsload
# TSV as shipped, then Microsoft's JSON.
bench-catalog: $(B)/bench/catalog
	@mkdir -p $(B)/tags
	@xz -dkc tests/data/ServiceTags_Public_20260506_change398.json.xz >$(B)/tags/public.json
	$< . - - geo/tags-public.tsv
	$< . - - $(B)/tags/public.json
	$< . - - geo/tags-public.tsv geo/tags-usgov.tsv geo/tags-china.tsv
	$< . tests/data/country-test.mmdb tests/data/asn-test.mmdb geo/tags-public.tsv geo/tags-usgov.tsv geo/tags-china.tsv
tags-check: weir
	tests/tools/check_tags.py ./weir
# The vectors and 100,000 names at random, each looked up alone.
bench-names: $(B)/bench/catalog_names
	{ sed '1d; s/,.*//' tests/data/hostname_vectors.csv | tr 'A-Z' 'a-z'; \
	  python3 tests/tools/names.py --hosts --count 100000; } >$(B)/bench/names.txt
	$< $(B)/bench/names.txt 150
# Median of a usual decision and of one at the caps in ns, and loading in ms.
bench-policy: $(B)/bench/policy
	$< 1000 200000 1000
# Each line of the demo's ledger, read and written in both forms, so many times.
# What lines with capture cost; needs valgrind and about 1.5 GB.
.PHONY: bench-capture
bench-capture: weir
	@mkdir -p $(B)/bench
	$(CC) -std=c11 -D_GNU_SOURCE -O2 -o $(B)/bench/genmix tests/bench/genmix.c $(wildcard tests/bench/mix_*.c) -lcrypto
	python3 tests/bench/capture.py ./weir $(B)/bench/genmix $(B)/bench/capture $(BENCH_CAPTURE)
.PHONY: bench-forms
bench-forms: weir $(B)/bench/forms
	@rm -rf $(B)/bench/forms-ledger
	./weir replay -c tests/demo/demo.conf -o $(B)/bench/forms-ledger tests/demo/demo.pcap >/dev/null
	$(B)/bench/forms $(B)/bench/forms-ledger/000001.jsonl 200

# BENCH_STORE holds options: --events 10000000 --days 30 --dir FOLDER.
bench-store: weir $(B)/bench/genledger
	tests/bench/store.py --generator $(B)/bench/genledger $(BENCH_STORE)
names: weir
	python3 tests/tools/names.py --count $(NAMES) --seed $(NAMES_SEED) ./weir
# BENCH_GUESS holds CONNECTIONS RATE ROUNDS.
bench-guess: $(B)/bench/guess
	$(B)/bench/guess $(BENCH_GUESS)
GEO ?= build/country.mmdb
geo:
	scripts/install-packages.sh build geo
	+$(MAKE) --no-print-directory weir
	geo/compile.sh $(abspath $(GEO))
geo-check: geo
	tests/tools/geo_check.py ./weir $(GEO)
bench-geo: geo
	+$(MAKE) --no-print-directory $(B)/bench/geo
	$(B)/bench/geo $(GEO) 1000000 geo/tags-public.tsv geo/tags-usgov.tsv geo/tags-china.tsv
garbage:
	+scripts/garbage.sh 10000
evasion: weir
	python3 tests/tools/evasion.py table ./weir
coverage:
	+scripts/coverage.sh

SHARE := $(DESTDIR)$(PREFIX)/share/weir
install: weir
	install -D -m 0755 weir $(DESTDIR)$(PREFIX)/sbin/weir
	install -D -m 0755 scripts/weir-update $(DESTDIR)$(PREFIX)/sbin/weir-update
	install -d $(SHARE)/systemd
	install -m 0644 scripts/weir*.service scripts/weir*.timer scripts/weir-update.conf $(SHARE)/systemd/
	install -d $(SHARE)/rules $(SHARE)/geo $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8
	cp -r rules/. $(SHARE)/rules/
	cp -r geo/. $(SHARE)/geo/
	install -m 0644 scripts/export-tenant.ps1 $(SHARE)/
	install -m 0644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 0755 scripts/upload-logs.py $(SHARE)/
	install -m 0644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 0644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	@echo 'The ledger is sealed with a key that is made once, on this machine:'
	@echo '    $(PREFIX)/sbin/weir keygen -c /etc/weir/weir.conf'
	@echo 'makes it and prints its fingerprint (else the first start does, in its log and in weir ctl status).'
	@echo 'Write the fingerprint down elsewhere: a ledger is checked with it, and proves nothing without.'
clean:
	$(RM) -r build weir
help:
	@sed -n '/^#   make/s/^#   //p' Makefile
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
