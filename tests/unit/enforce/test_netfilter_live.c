/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include "enforce/netfilter.h"
#include "enforce/netfilter_rules.h"
#include "enforce/program.h"
#include "namespace.h"

#define MARK_1 0x02a00000u
#define MARK_2 0x02b00000u

static struct netfilter_cfg with_mark(enum netfilter_backend b, uint32_t mark)
{
	return (struct netfilter_cfg){.backend = b,
				      .queue = 7,
				      .mark_mask = 0x0ff00000,
				      .allow_mark = mark,
				      .fail_open = true,
				      .drop_invalid = true};
}

/* ---- what the kernel holds ---------------------------------------------------------------- */

/* A shell's script that must succeed; what it wrote, which the caller frees. */
static char *shell(const char *script)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	static char
		*said; /* static: gcc 12 believes that strings in it are in the pointer */
	int status = -1;

	assert_int_equal(program_run(argv, NULL, &status, &said), 0);
	if (status != 0)
		fail_msg("%s: %s", script, said);
	return said;
}

/* All rules of every tool and both families, with their counters; without dates. */
static char *all_rules(void)
{
	return shell(
		"for t in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do"
		" echo \"== $t\"; $t-save 2>/dev/null | grep -v '^#'; done;"
		" echo == nft; nft list ruleset 2>/dev/null");
}

static void expect_rules(const char *want)
{
	char *now = all_rules();

	assert_string_equal(now, want);
	free(now);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
		n++;
	return n;
}

static char *saved(const char *tool, bool ipv6)
{
	char script[128];

	(void)snprintf(script, sizeof(script), "ip%stables-%s-save -t mangle 2>/dev/null",
		       ipv6 ? "6" : "", tool);
	return shell(script);
}

static const char *tool_of(enum netfilter_backend b)
{
	return b == NETFILTER_IPTABLES_NFT ? "nft" : "legacy";
}

/* Rules as a host has them, some of them much like ours. */
static void host_rules(const char *tool)
{
	char script[2048];

	(void)snprintf(
		script, sizeof(script),
		"set -e\n"
		"for i in iptables ip6tables; do\n"
		"printf '%%s\\n' '*filter' ':FORWARD DROP [3:4]' ':MINE - [0:0]'"
		" '-A FORWARD -j MINE' '-A MINE -p tcp -m tcp --dport 22 -j ACCEPT' COMMIT"
		" '*mangle' ':WEIR - [0:0]' ':WEIR-FORWARDER - [0:0]'"
		" '-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu'"
		" '-A FORWARD -m comment --comment \"before -j WEIR-FORWARD\" -j WEIR-FORWARDER'"
		" '-A POSTROUTING -o eth3 -j MARK --set-xmark 0x1/0xf'"
		" '-A WEIR -j RETURN' COMMIT"
		" | $i-%s-restore --noflush\n"
		"done\n",
		tool);
	free(shell(script));
}

/* ---- a program's absence ------------------------------------------------------------------ */

/* In a mount namespace of its own, /usr/sbin holds what `script` puts there from /tmp/real. */
static void programs_replace(const char *script)
{
	char all[1024];

	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	(void)snprintf(all, sizeof(all),
		       "set -e; mount -t tmpfs none /mnt; mkdir /mnt/real;"
		       " mount --bind /usr/sbin /mnt/real; mount -t tmpfs none /usr/sbin;"
		       " cd /usr/sbin; %s",
		       script);
	free(shell(all));
}

static void programs_restore(void)
{
	(void)umount2("/usr/sbin", MNT_DETACH);
	(void)umount2("/mnt", MNT_DETACH);
}

/* ---- put in place, replaced, taken away ---------------------------------------------------- */

static void install(const struct netfilter_cfg *cfg)
{
	enum netfilter_backend used = NETFILTER_PROBE;
	char error[NETFILTER_ERROR_MAX] = "";
	int rc = netfilter_install(cfg, &used, error);

	if (rc != 0)
		fail_msg("%d: %s", rc, error);
	if (cfg->backend != NETFILTER_PROBE)
		assert_int_equal(used, cfg->backend);
}

static void expect_removed(bool want_found)
{
	char error[NETFILTER_ERROR_MAX] = "";
	bool found = !want_found;
	int rc = netfilter_remove(&found, error);

	if (rc != 0)
		fail_msg("%d: %s", rc, error);
	assert_int_equal(found, want_found);
	assert_string_equal(error, "");
}

/* One set of our rules with `mark`, in both families, and no other. */
static void expect_ours(enum netfilter_backend b, uint32_t mark)
{
	char want[64];

	(void)snprintf(want, sizeof(want), "--mark 0x%x/0xff00000 ", mark);
	for (unsigned family = 0; family < 2; family++) {
		char *now = saved(tool_of(b), family == 1);

		assert_int_equal(count(now, want), 5); /* four of connmark, and mark */
		assert_int_equal(count(now, "--mark "), 5);
		assert_int_equal(count(now, "-j NFQUEUE --queue-num 7 --queue-bypass\n"),
				 1);
		assert_int_equal(count(now, "-m bpf --bytecode "), 2);
		assert_int_equal(count(now, "-j WEIR-FORWARD\n"), 1);
		assert_int_equal(count(now, "-j WEIR-SAVE\n"), 1);
		assert_int_equal(count(now, "-A WEIR-FORWARD "), 8);
		assert_int_equal(count(now, "-A WEIR-SAVE "), 1);
		free(now);
	}
}

/* Our jump is the last of FORWARD and the first of POSTROUTING. */
static void expect_places(enum netfilter_backend b)
{
	char *now = saved(tool_of(b), false);
	const char *ours = strstr(now, "-j WEIR-FORWARD\n");

	assert_non_null(ours);
	assert_null(strstr(ours, "-A FORWARD "));
	assert_ptr_equal(strstr(now, "-A POSTROUTING "),
			 strstr(now, "-A POSTROUTING -m mark --mark "));
	free(now);
}

static void whole_life_of(enum netfilter_backend b)
{
	const struct netfilter_cfg first = with_mark(b, MARK_1);
	const struct netfilter_cfg second = with_mark(b, MARK_2);
	char *before, *once;

	namespace_enter();
	host_rules("nft");
	host_rules("legacy");
	before = all_rules();
	expect_removed(false);
	expect_rules(before);
	for (unsigned round = 0; round < 2; round++) {
		install(&first);
		expect_ours(b, MARK_1);
		expect_places(b);
		once = all_rules();
		install(&first);
		expect_rules(once); /* no duplicates */
		free(once);
		install(&second);
		expect_ours(b, MARK_2);
		expect_places(b);
		expect_removed(true);
		expect_rules(before);
		expect_removed(false);
		expect_rules(before);
	}
	free(before);
}

static char *ours(enum netfilter_backend b)
{
	char error[NETFILTER_ERROR_MAX] = "", *text = NULL;
	int rc = netfilter_read(b, &text, error);

	if (rc != 0)
		fail_msg("%d: %s", rc, error);
	assert_non_null(text);
	return text;
}

/* What netfilter_read() tells stays the same until somebody changes our rules. */
static void watched_life_of(enum netfilter_backend b, const char *flush)
{
	struct netfilter_cfg cfg = with_mark(b, MARK_1);
	char *none, *first, *again, *before;

	namespace_enter();
	host_rules("nft");
	host_rules("legacy");
	before = all_rules();
	none = ours(b);
	assert_string_equal(none, "");
	assert_false(netfilter_acct_noted());
	cfg.acct_was_off = true;
	install(&cfg);
	assert_true(netfilter_acct_noted());
	first = ours(b);
	assert_non_null(strstr(first, "NFQUEUE --queue-num 7"));
	again = ours(b);
	assert_string_equal(first, again);
	free(again);
	free(shell(flush));
	again = ours(b);
	assert_string_not_equal(first, again);
	free(again);
	install(&cfg);
	again = ours(b);
	assert_string_equal(first, again);
	free(again);
	expect_removed(true);
	expect_rules(before);
	assert_false(netfilter_acct_noted());
	free(none);
	free(first);
	free(before);
}

static void changes_by_others_are_seen(void **state)
{
	(void)state;
	watched_life_of(NETFILTER_IPTABLES_NFT,
			"ip6tables-nft -t mangle -D POSTROUTING 1");
	watched_life_of(NETFILTER_IPTABLES_LEGACY,
			"iptables-legacy -t mangle -F WEIR-FORWARD");
}

static void iptables_nft_comes_and_goes(void **state)
{
	(void)state;
	whole_life_of(NETFILTER_IPTABLES_NFT);
}

static void iptables_legacy_comes_and_goes(void **state)
{
	(void)state;
	whole_life_of(NETFILTER_IPTABLES_LEGACY);
}

static bool kernel_has_nft_queue(void)
{
	static const char *const argv[] = {"nft", "-c", "-f", "-", NULL};
	char *said = NULL;
	int status = -1;

	assert_int_equal(program_run(argv,
				     "table inet t { chain c { queue num 1\n } \n }\n",
				     &status, &said),
			 0);
	free(said);
	return status == 0;
}

static void nft_comes_and_goes_or_says_why_not(void **state)
{
	const struct netfilter_cfg first = with_mark(NETFILTER_NFT, MARK_1);
	const struct netfilter_cfg second = with_mark(NETFILTER_NFT, MARK_2);
	char error[NETFILTER_ERROR_MAX] = "";
	enum netfilter_backend used = NETFILTER_BACKEND_COUNT;
	char *before, *now;

	(void)state;
	namespace_enter();
	host_rules("nft");
	before = all_rules();
	if (!kernel_has_nft_queue()) {
		assert_int_equal(netfilter_install(&first, &used, error), -EIO);
		assert_int_equal(used, NETFILTER_BACKEND_COUNT);
		assert_non_null(strstr(error, "(nft: "));
		assert_non_null(strstr(error, "apt install"));
	} else {
		install(&first);
		install(&first);
		install(&second);
		now = shell("nft list table inet weir");
		assert_int_equal(count(now, "queue "), 1);
		assert_int_equal(count(now, "0x02b00000"), 3);
		assert_int_equal(count(now, "0x02a00000"), 0);
		free(now);
		expect_removed(true);
	}
	expect_rules(before);
	expect_removed(false);
	free(before);
}

/* Whatever is in a table of our name goes, also what nft's own form of the rules is not. */
static void a_table_of_our_name_is_taken_away(void **state)
{
	char *before;

	(void)state;
	namespace_enter();
	host_rules("nft");
	before = all_rules();
	free(shell("nft add table inet weir; nft add chain inet weir other;"
		   "nft add rule inet weir other accept"));
	expect_removed(true);
	expect_rules(before);
	expect_removed(false);
	free(before);
}

/* Where there was no mangle table there is none after us. */
static void a_table_made_for_us_goes_with_us(void **state)
{
	const struct netfilter_cfg first = with_mark(NETFILTER_IPTABLES_NFT, MARK_1);
	const struct netfilter_cfg second = with_mark(NETFILTER_IPTABLES_NFT, MARK_2);
	char *before;

	(void)state;
	namespace_enter();
	before = all_rules();
	install(&first);
	install(&second);
	expect_ours(NETFILTER_IPTABLES_NFT, MARK_2);
	expect_removed(true);
	expect_rules(before);
	/* Unless somebody else came to use it. */
	install(&first);
	free(shell("iptables-nft -t mangle -A PREROUTING -j ACCEPT"));
	expect_removed(true);
	free(before);
	before = saved("nft", false);
	assert_int_equal(count(before, "-A "), 1);
	assert_int_equal(count(before, "-A PREROUTING -j ACCEPT\n"), 1);
	free(before);
	before = shell("nft list tables");
	assert_string_equal(before, "table ip mangle\n");
	free(before);
}

static void looking_makes_no_legacy_table(void **state)
{
	char *before, *after;

	(void)state;
	namespace_enter();
	before = shell("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names");
	assert_string_equal(before, "");
	expect_removed(false);
	after = shell("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names");
	assert_string_equal(after, "");
	free(before);
	free(after);
}

static void probing_takes_the_first_that_works(void **state)
{
	const struct netfilter_cfg cfg = with_mark(NETFILTER_PROBE, MARK_1);
	enum netfilter_backend used = NETFILTER_PROBE;
	char error[NETFILTER_ERROR_MAX] = "", *before;

	(void)state;
	namespace_enter();
	host_rules("nft");
	before = all_rules();
	assert_int_equal(netfilter_install(&cfg, &used, error), 0);
	assert_int_equal(used,
			 kernel_has_nft_queue() ? NETFILTER_NFT : NETFILTER_IPTABLES_NFT);
	expect_removed(true);
	expect_rules(before);
	free(before);
}

static void interfaces_come_and_go(void **state)
{
	static const char *const three[] = {"eth1", "eth2", "br-lan.7"};
	struct netfilter_cfg cfg = with_mark(NETFILTER_IPTABLES_LEGACY, MARK_1);
	char *before, *now;

	(void)state;
	namespace_enter();
	host_rules("legacy");
	before = all_rules();
	cfg.interfaces = three;
	cfg.interface_count = 3;
	install(&cfg);
	now = saved("legacy", true);
	assert_int_equal(count(now, "-j WEIR-FORWARD\n"), 3);
	assert_int_equal(count(now, "-A FORWARD -i eth2 -j WEIR-FORWARD\n"), 1);
	free(now);
	cfg.interfaces = three + 2;
	cfg.interface_count = 1;
	install(&cfg);
	now = saved("legacy", true);
	assert_int_equal(count(now, "-j WEIR-FORWARD\n"), 1);
	assert_int_equal(count(now, "-A FORWARD -i br-lan.7 -j WEIR-FORWARD\n"), 1);
	free(now);
	cfg.interface_count = 0;
	install(&cfg);
	expect_ours(NETFILTER_IPTABLES_LEGACY, MARK_1);
	expect_removed(true);
	expect_rules(before);
	free(before);
}

/* Ours with another tool's are ours: a new backend replaces what an old one left. */
static void another_backend_replaces_too(void **state)
{
	const struct netfilter_cfg legacy = with_mark(NETFILTER_IPTABLES_LEGACY, MARK_1);
	const struct netfilter_cfg nft = with_mark(NETFILTER_IPTABLES_NFT, MARK_2);
	char *before, *now;

	(void)state;
	namespace_enter();
	host_rules("nft");
	host_rules("legacy");
	before = all_rules();
	install(&legacy);
	install(&nft);
	expect_ours(NETFILTER_IPTABLES_NFT, MARK_2);
	now = saved("legacy", false);
	assert_int_equal(count(now, "WEIR-SAVE"), 0);
	free(now);
	install(&legacy);
	expect_ours(NETFILTER_IPTABLES_LEGACY, MARK_1);
	now = saved("nft", true);
	assert_int_equal(count(now, "WEIR-SAVE"), 0);
	free(now);
	expect_removed(true);
	expect_rules(before);
	free(before);
}

static void half_of_the_rules_is_taken_away(void **state)
{
	static const char *const damage[] = {
		"iptables-$t -t mangle -D FORWARD -j WEIR-FORWARD",
		"ip6tables-$t -t mangle -D POSTROUTING 1",
		"iptables-$t -t mangle -F WEIR-FORWARD",
		"for c in \"-D POSTROUTING 1\" \"-F WEIR-SAVE\" \"-X WEIR-SAVE\"; do ip6tables-$t -t mangle $c; done",
		"iptables-$t -t mangle -I FORWARD -i lo -j WEIR-FORWARD",
	};

	(void)state;
	for (unsigned b = NETFILTER_IPTABLES_NFT; b <= NETFILTER_IPTABLES_LEGACY; b++) {
		const struct netfilter_cfg cfg =
			with_mark((enum netfilter_backend)b, MARK_1);
		char *before;

		namespace_enter();
		host_rules("nft");
		host_rules("legacy");
		before = all_rules();
		for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
			char script[320];

			install(&cfg);
			(void)snprintf(script, sizeof(script), "t=%s; %s",
				       tool_of(cfg.backend), damage[i]);
			free(shell(script));
			expect_removed(true);
			expect_rules(before);
			/* And installing mends it. */
			install(&cfg);
			free(shell(script));
			install(&cfg);
			expect_ours(cfg.backend, MARK_1);
			expect_removed(true);
			expect_rules(before);
		}
		free(before);
	}
}

/* ---- when it cannot be done ------------------------------------------------------------------ */

static void expect_refused(const struct netfilter_cfg *cfg, int want, const char *why)
{
	enum netfilter_backend used = NETFILTER_BACKEND_COUNT;
	char error[NETFILTER_ERROR_MAX] = "";
	int rc = netfilter_install(cfg, &used, error);

	if (rc != want || strstr(error, why) == NULL)
		fail_msg("%d, not %d; not '%s' but: %s", rc, want, why, error);
	assert_int_equal(used, NETFILTER_BACKEND_COUNT);
	assert_non_null(strstr(error, "needs root and one of: apt install iptables"));
}

static void missing_programs_leave_all_as_it_was(void **state)
{
	static const struct {
		enum netfilter_backend backend;
		const char *why;
	} cases[] = {
		{NETFILTER_NFT, "(nft: not installed)"},
		{NETFILTER_IPTABLES_NFT, "(iptables-nft-restore: not installed)"},
		{NETFILTER_IPTABLES_LEGACY, "(iptables-legacy-save: not installed)"},
		{NETFILTER_PROBE, "(nft: not installed; iptables-nft-restore: not "
				  "installed; iptables-legacy-save: not installed)"},
	};
	char error[NETFILTER_ERROR_MAX] = "", *before;
	bool found = true;

	(void)state;
	namespace_enter();
	host_rules("nft");
	host_rules("legacy");
	before = all_rules();
	programs_replace("true");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct netfilter_cfg cfg = with_mark(cases[i].backend, MARK_1);

		expect_refused(&cfg, -ENOENT, cases[i].why);
	}
	/* Legacy tables are there, and nobody can say what is in them. */
	assert_int_equal(netfilter_remove(&found, error), -ENOENT);
	assert_non_null(strstr(error, "iptables-legacy-save: not installed"));
	programs_restore();
	expect_rules(before);
	free(before);
}

/* The second family fails: the first gets back what it had. */
static void both_families_or_neither(void **state)
{
	static const char *const links =
		"for f in /mnt/real/*; do ln -s $f .; done; rm ip6tables-*-restore;"
		"printf '#!/bin/sh\\necho no luck today\\nexit 1\\n' >ip6tables-nft-restore;"
		"cp ip6tables-nft-restore ip6tables-legacy-restore;"
		"chmod 755 ip6tables-*-restore";

	(void)state;
	for (unsigned b = NETFILTER_IPTABLES_NFT; b <= NETFILTER_IPTABLES_LEGACY; b++) {
		const struct netfilter_cfg first =
			with_mark((enum netfilter_backend)b, MARK_1);
		struct netfilter_cfg second =
			with_mark((enum netfilter_backend)b, MARK_2);
		static const char *const two[] = {"eth1", "eth2"};
		char *before, *with_first;

		namespace_enter();
		host_rules("nft");
		host_rules("legacy");
		before = all_rules();
		install(&first);
		with_first = all_rules();
		expect_removed(true);
		second.interfaces = two;
		second.interface_count = 2;

		programs_replace(links);
		expect_refused(&second, -EIO, "no luck today");
		programs_restore();
		expect_rules(before); /* nothing was there: nothing is */

		install(&first);
		programs_replace(links);
		expect_refused(&second, -EIO, "no luck today");
		programs_restore();
		expect_rules(with_first);
		expect_removed(true);
		expect_rules(before);
		free(before);
		free(with_first);
	}
}

/* Without rights: nothing happens, and that is said; above all by who looks for rules. */
static void without_rights_nothing_is_done_or_claimed(void **state)
{
	char error[NETFILTER_ERROR_MAX], *before;

	(void)state;
	namespace_enter();
	host_rules("nft");
	host_rules("legacy");
	for (unsigned b = NETFILTER_PROBE; b < NETFILTER_BACKEND_COUNT; b++) {
		const struct netfilter_cfg cfg =
			with_mark((enum netfilter_backend)b, MARK_2);
		const struct netfilter_cfg old = with_mark(NETFILTER_PROBE, MARK_1);
		bool found = true;
		int rc;

		install(&old);
		before = all_rules();
		/* The real one too: the tools are silent where the two differ. */
		assert_int_equal(setresuid(65534, 65534, 0), 0);
		expect_refused(&cfg, -EIO,
			       b == NETFILTER_NFT ? "not permitted" : "must be root");
		error[0] = '\0';
		rc = netfilter_remove(&found, error);
		assert_int_equal(setresuid(0, 0, 0), 0);
		assert_int_equal(rc, -EPERM);
		assert_non_null(strstr(error, "root"));
		expect_rules(before);
		expect_removed(true);
		free(before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iptables_nft_comes_and_goes),
		cmocka_unit_test(changes_by_others_are_seen),
		cmocka_unit_test(iptables_legacy_comes_and_goes),
		cmocka_unit_test(nft_comes_and_goes_or_says_why_not),
		cmocka_unit_test(a_table_of_our_name_is_taken_away),
		cmocka_unit_test(a_table_made_for_us_goes_with_us),
		cmocka_unit_test(looking_makes_no_legacy_table),
		cmocka_unit_test(probing_takes_the_first_that_works),
		cmocka_unit_test(interfaces_come_and_go),
		cmocka_unit_test(another_backend_replaces_too),
		cmocka_unit_test(half_of_the_rules_is_taken_away),
		cmocka_unit_test(missing_programs_leave_all_as_it_was),
		cmocka_unit_test(both_families_or_neither),
		cmocka_unit_test(without_rights_nothing_is_done_or_claimed),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		puts("ok - in a network namespace # SKIP needs root");
		return 0;
	}
	return cmocka_run_group_tests_name("enforce/netfilter_live", tests, NULL, NULL);
}
