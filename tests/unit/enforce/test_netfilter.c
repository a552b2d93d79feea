/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "enforce/netfilter_rules.h"
#include "enforce/program.h"
#include "namespace.h"

#define TEXT_MAX 16384
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const two_interfaces[] = {"eth1", "br-lan.7"};

/* All that a configuration can turn on or off stands one way here and the other there. */
static const struct netfilter_cfg closed = {
	.queue = 7,
	.mark_mask = 0x0ff00000,
	.allow_mark = 0x02a00000,
	.drop_invalid = true,
};
static const struct netfilter_cfg opened = {
	.queue = 65535,
	.mark_mask = 0xffffffff,
	.allow_mark = 1,
	.fail_open = true,
	.interfaces = two_interfaces,
	.interface_count = 2,
};

/* ---- the texts ---------------------------------------------------------------------------- */

#define EMPTY_ACK "\t\ttcp flags & (fin | rst | ack | urg) == ack "
#define NFT_SHORTCUT                                                                  \
	EMPTY_ACK "ip hdrlength 5 tcp doff 5 ip "                                     \
		  "length 40 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 5 ip6 "    \
		  "length 20 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 6 ip "      \
		  "length 44 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 6 ip6 "    \
		  "length 24 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 7 ip "      \
		  "length 48 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 7 ip6 "    \
		  "length 28 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 8 ip "      \
		  "length 52 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 8 ip6 "    \
		  "length 32 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 9 ip "      \
		  "length 56 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 9 ip6 "    \
		  "length 36 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 10 ip "     \
		  "length 60 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 10 "       \
		  "ip6 length 40 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 11 ip " \
		  "length 64 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 11 "       \
		  "ip6 length 44 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 12 ip " \
		  "length 68 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 12 "       \
		  "ip6 length 48 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 13 ip " \
		  "length 72 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 13 "       \
		  "ip6 length 52 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 14 ip " \
		  "length 76 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 14 "       \
		  "ip6 length 56 return\n" EMPTY_ACK "ip hdrlength 5 tcp doff 15 ip " \
		  "length 80 return\n" EMPTY_ACK "ip6 nexthdr tcp tcp doff 15 "       \
		  "ip6 length 60 return\n"

static const char nft_closed[] =
	"table inet weir\n"
	"delete table inet weir\n"
	"table inet weir {\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority mangle + 1; policy accept;\n"
	"\t\ttcp flags & (syn | ack) == syn ct mark & 0x0ff00000 == 0x02a00000 "
	"ct mark set ct mark & 0xf00fffff\n"
	"\t\tct mark & 0x0ff00000 == 0x02a00000 meta l4proto != udp return\n"
	"\t\tct mark & 0x0ff00000 == 0x02a00000 meta l4proto udp @th,64,2 != 3 return\n"
	"\t\tct mark & 0x0ff00000 == 0x02a00000 ct direction reply return\n"
	"\t\tct state invalid drop\n"
	"\t\tct state related meta l4proto { icmp, ipv6-icmp } return\n" NFT_SHORTCUT
	"\t\tqueue num 7\n"
	"\t}\n"
	"\tchain save {\n"
	"\t\ttype filter hook postrouting priority mangle + 1; policy accept;\n"
	"\t\tmeta mark & 0x0ff00000 == 0x02a00000 ct mark set ct mark & "
	"0xf00fffff | 0x02a00000\n"
	"\t}\n"
	"}\n";

static const char nft_open[] =
	"table inet weir\n"
	"delete table inet weir\n"
	"table inet weir {\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority mangle + 1; policy accept;\n"
	"\t\tiifname != { \"eth1\", \"br-lan.7\" } return\n"
	"\t\ttcp flags & (syn | ack) == syn ct mark & 0xffffffff == 0x00000001 "
	"ct mark set ct mark & 0x00000000\n"
	"\t\tct mark & 0xffffffff == 0x00000001 meta l4proto != udp return\n"
	"\t\tct mark & 0xffffffff == 0x00000001 meta l4proto udp @th,64,2 != 3 return\n"
	"\t\tct mark & 0xffffffff == 0x00000001 ct direction reply return\n"
	"\t\tct state invalid return\n"
	"\t\tct state related meta l4proto { icmp, ipv6-icmp } return\n" NFT_SHORTCUT
	"\t\tqueue num 65535 bypass\n"
	"\t}\n"
	"\tchain save {\n"
	"\t\ttype filter hook postrouting priority mangle + 1; policy accept;\n"
	"\t\tmeta mark & 0xffffffff == 0x00000001 ct mark set ct mark & "
	"0x00000000 | 0x00000001\n"
	"\t}\n"
	"}\n";

#define BYTECODE_V4                                                      \
	"\"13,40 0 0 2,2 0 0 0,177 0 0 0,80 0 0 12,116 0 0 4,100 0 0 2," \
	"12 0 0 0,7 0 0 0,96 0 0 0,28 0 0 0,21 0 1 0,6 0 0 65535,6 0 0 0\""

#define BYTECODE_V6                                                              \
	"\"11,48 0 0 6,21 0 8 6,48 0 0 52,116 0 0 4,100 0 0 2,7 0 0 0,40 0 0 4," \
	"28 0 0 0,21 0 1 0,6 0 0 65535,6 0 0 0\""

#define LONG_V4 "\"6,177 0 0 0,80 0 0 8,84 0 0 192,21 1 0 192,6 0 0 65535,6 0 0 0\""
#define LONG_V6                                                               \
	"\"7,48 0 0 6,21 0 4 17,48 0 0 48,84 0 0 192,21 1 0 192,6 0 0 65535," \
	"6 0 0 0\""

static const char iptables_closed[] =
	"# IPv4\n"
	"*mangle\n"
	":WEIR-FORWARD - [0:0]\n"
	":WEIR-SAVE - [0:0]\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags SYN,ACK SYN -m connmark --mark "
	"0x2a00000/0xff00000 -j CONNMARK --set-xmark 0x0/0xff00000\n"
	"-A WEIR-FORWARD ! -p udp -m connmark --mark 0x2a00000/0xff00000 -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x2a00000/0xff00000 -m bpf "
	"--bytecode " LONG_V4 " -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x2a00000/0xff00000 -m conntrack "
	"--ctdir REPLY -j RETURN\n"
	"-A WEIR-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
	"-A WEIR-FORWARD -p icmp -m conntrack --ctstate RELATED -j RETURN\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags FIN,RST,ACK,URG ACK -m bpf "
	"--bytecode " BYTECODE_V4 " -j RETURN\n"
	"-A WEIR-FORWARD -j NFQUEUE --queue-num 7\n"
	"-A WEIR-SAVE -j CONNMARK --save-mark "
	"--nfmask 0xff00000 --ctmask 0xff00000\n"
	"-A FORWARD -j WEIR-FORWARD\n"
	"-I POSTROUTING 1 -m mark --mark 0x2a00000/0xff00000 -j WEIR-SAVE\n"
	"COMMIT\n"
	"# IPv6\n"
	"*mangle\n"
	":WEIR-FORWARD - [0:0]\n"
	":WEIR-SAVE - [0:0]\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags SYN,ACK SYN -m connmark --mark "
	"0x2a00000/0xff00000 -j CONNMARK --set-xmark 0x0/0xff00000\n"
	"-A WEIR-FORWARD ! -p udp -m connmark --mark 0x2a00000/0xff00000 -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x2a00000/0xff00000 -m bpf "
	"--bytecode " LONG_V6 " -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x2a00000/0xff00000 -m conntrack "
	"--ctdir REPLY -j RETURN\n"
	"-A WEIR-FORWARD -m conntrack --ctstate INVALID -j DROP\n"
	"-A WEIR-FORWARD -p ipv6-icmp -m conntrack --ctstate RELATED -j RETURN\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags FIN,RST,ACK,URG ACK -m bpf "
	"--bytecode " BYTECODE_V6 " -j RETURN\n"
	"-A WEIR-FORWARD -j NFQUEUE --queue-num 7\n"
	"-A WEIR-SAVE -j CONNMARK --save-mark "
	"--nfmask 0xff00000 --ctmask 0xff00000\n"
	"-A FORWARD -j WEIR-FORWARD\n"
	"-I POSTROUTING 1 -m mark --mark 0x2a00000/0xff00000 -j WEIR-SAVE\n"
	"COMMIT\n";

static const char iptables_open[] =
	"# IPv4\n"
	"*mangle\n"
	":WEIR-FORWARD - [0:0]\n"
	":WEIR-SAVE - [0:0]\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags SYN,ACK SYN -m connmark --mark "
	"0x1/0xffffffff -j CONNMARK --set-xmark 0x0/0xffffffff\n"
	"-A WEIR-FORWARD ! -p udp -m connmark --mark 0x1/0xffffffff -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x1/0xffffffff -m bpf "
	"--bytecode " LONG_V4 " -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x1/0xffffffff -m conntrack "
	"--ctdir REPLY -j RETURN\n"
	"-A WEIR-FORWARD -m conntrack --ctstate INVALID -j RETURN\n"
	"-A WEIR-FORWARD -p icmp -m conntrack --ctstate RELATED -j RETURN\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags FIN,RST,ACK,URG ACK -m bpf "
	"--bytecode " BYTECODE_V4 " -j RETURN\n"
	"-A WEIR-FORWARD -j NFQUEUE --queue-num 65535 --queue-bypass\n"
	"-A WEIR-SAVE -j CONNMARK --save-mark "
	"--nfmask 0xffffffff --ctmask 0xffffffff\n"
	"-A FORWARD -i eth1 -j WEIR-FORWARD\n"
	"-A FORWARD -i br-lan.7 -j WEIR-FORWARD\n"
	"-I POSTROUTING 1 -m mark --mark 0x1/0xffffffff -j WEIR-SAVE\n"
	"COMMIT\n"
	"# IPv6\n"
	"*mangle\n"
	":WEIR-FORWARD - [0:0]\n"
	":WEIR-SAVE - [0:0]\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags SYN,ACK SYN -m connmark --mark "
	"0x1/0xffffffff -j CONNMARK --set-xmark 0x0/0xffffffff\n"
	"-A WEIR-FORWARD ! -p udp -m connmark --mark 0x1/0xffffffff -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x1/0xffffffff -m bpf "
	"--bytecode " LONG_V6 " -j RETURN\n"
	"-A WEIR-FORWARD -p udp -m connmark --mark 0x1/0xffffffff -m conntrack "
	"--ctdir REPLY -j RETURN\n"
	"-A WEIR-FORWARD -m conntrack --ctstate INVALID -j RETURN\n"
	"-A WEIR-FORWARD -p ipv6-icmp -m conntrack --ctstate RELATED -j RETURN\n"
	"-A WEIR-FORWARD -p tcp -m tcp --tcp-flags FIN,RST,ACK,URG ACK -m bpf "
	"--bytecode " BYTECODE_V6 " -j RETURN\n"
	"-A WEIR-FORWARD -j NFQUEUE --queue-num 65535 --queue-bypass\n"
	"-A WEIR-SAVE -j CONNMARK --save-mark "
	"--nfmask 0xffffffff --ctmask 0xffffffff\n"
	"-A FORWARD -i eth1 -j WEIR-FORWARD\n"
	"-A FORWARD -i br-lan.7 -j WEIR-FORWARD\n"
	"-I POSTROUTING 1 -m mark --mark 0x1/0xffffffff -j WEIR-SAVE\n"
	"COMMIT\n";
/* A file whose text is a string, which the caller frees. */
static FILE *text_open(char **ret)
{
	FILE *out;

	*ret = calloc(1, TEXT_MAX);
	assert_non_null(*ret);
	out = fmemopen(*ret, TEXT_MAX, "w");
	assert_non_null(out);
	return out;
}

/* What netfilter_print() writes; the caller frees. */
static char *printed(const struct netfilter_cfg *cfg, enum netfilter_backend b)
{
	char *text;
	FILE *out = text_open(&text);

	netfilter_print(cfg, b, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *iptables_text(const struct netfilter_cfg *cfg, bool ipv6, bool shortcut,
			   bool made_table, const char *saved)
{
	char *text;
	FILE *out = text_open(&text);

	netfilter_iptables_text(cfg, ipv6, shortcut, made_table, saved, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* The same text with the first `from` replaced; the caller frees. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	const size_t size = strlen(text) + strlen(to) + 1;
	char *copy = malloc(size);

	assert_non_null(at);
	assert_non_null(copy);
	(void)snprintf(copy, size, "%.*s%s%s", (int)(at - text), text, to,
		       at + strlen(from));
	return copy;
}

static void expect_printed(const struct netfilter_cfg *cfg, enum netfilter_backend b,
			   const char *want)
{
	char *text = printed(cfg, b);

	assert_string_equal(text, want);
	free(text);
}

static void rules_are_printed_as_they_are(void **state)
{
	(void)state;
	expect_printed(&closed, NETFILTER_NFT, nft_closed);
	expect_printed(&opened, NETFILTER_NFT, nft_open);
	for (unsigned b = NETFILTER_IPTABLES_NFT; b <= NETFILTER_IPTABLES_LEGACY; b++) {
		expect_printed(&closed, (enum netfilter_backend)b, iptables_closed);
		expect_printed(&opened, (enum netfilter_backend)b, iptables_open);
	}
}

/* From the text of `closed` with the first `from` of each family replaced. */
static void expect_change(const struct netfilter_cfg *cfg, const char *nft_from,
			  const char *nft_to, const char *from, const char *to)
{
	char *nft = replaced(nft_closed, nft_from, nft_to);
	char *v4 = replaced(iptables_closed, from, to);
	const size_t head = (size_t)(strstr(v4, "# IPv6") - v4);
	char *v6 = replaced(v4 + head, from, to);

	v4[head] = '\0';
	expect_printed(cfg, NETFILTER_NFT, nft);
	for (unsigned i = 0; i < 2; i++) {
		char *text = iptables_text(cfg, i == 1, true, false, "");

		assert_string_equal(text, (i == 0 ? v4 : v6) + strlen("# IPv4\n"));
		free(text);
	}
	free(nft);
	free(v4);
	free(v6);
}

static void each_choice_changes_its_own_words(void **state)
{
	struct netfilter_cfg cfg = closed;

	(void)state;
	cfg.drop_invalid = false;
	expect_change(&cfg, "invalid drop", "invalid return", "INVALID -j DROP",
		      "INVALID -j RETURN");
	cfg = closed;
	cfg.fail_open = true;
	expect_change(&cfg, "queue num 7", "queue num 7 bypass", "--queue-num 7",
		      "--queue-num 7 --queue-bypass");
	cfg = closed;
	cfg.queue = 0;
	expect_change(&cfg, "queue num 7", "queue num 0", "--queue-num 7",
		      "--queue-num 0");
	cfg = closed;
	cfg.interfaces = two_interfaces;
	cfg.interface_count = 1;
	expect_change(&cfg, "accept;\n", "accept;\n\t\tiifname != { \"eth1\" } return\n",
		      "-A FORWARD -j", "-A FORWARD -i eth1 -j");
}

/* Cut a line out of a text. */
static void cut_line(char *text, const char *begin)
{
	char *line = strstr(text, begin), *next;

	assert_non_null(line);
	next = strchr(line, '\n') + 1;
	memmove(line, next, strlen(next) + 1);
}

static void without_bpf_only_its_rules_are_missing(void **state)
{
	char *with, *without, *all;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		with = iptables_text(&closed, i == 1, true, false, "");
		without = iptables_text(&closed, i == 1, false, false, "");
		assert_null(strstr(without, "bpf"));
		cut_line(with, "-A WEIR-FORWARD -p tcp -m tcp --tcp-flags FIN");
		cut_line(with, "-A WEIR-FORWARD -p udp");
		cut_line(with, "-A WEIR-FORWARD -p udp");
		all = replaced(with, " ! -p udp", "");
		assert_string_equal(all, without);
		free(all);
		free(with);
		free(without);
	}
}

static void jumps_of_ours_are_taken_out_first(void **state)
{
	static const char saved[] =
		"# Generated by hand\n*mangle\n:PREROUTING ACCEPT [0:0]\n"
		":FORWARD ACCEPT [12:34]\n:WEIR-FORWARD - [0:0]\n:WEIR-FORWARD-2 - [0:0]\n"
		":WEIR-SAVE - [0:0]\n"
		"-A FORWARD -s 10.0.0.1/32 -j ACCEPT\n"
		"-A FORWARD -i eth9 -m comment --comment \"" MADE_TABLE
		"\" -j WEIR-FORWARD\n"
		"-A FORWARD -j WEIR-FORWARD-2\n"
		"-A FORWARD -m comment --comment \"-j WEIR-FORWARD\" -j ACCEPT\n"
		"-A FORWARD -j NOT-WEIR-SAVE\n"
		"-A POSTROUTING -j WEIR-SAVE\n"
		"-A WEIR-FORWARD -j NFQUEUE --queue-num 1\n"
		"COMMIT\n# Completed by hand\n";
	char *fresh = iptables_text(&closed, false, true, false, "");
	char *want = replaced(fresh, ":WEIR-SAVE - [0:0]\n",
			      ":WEIR-SAVE - [0:0]\n-D FORWARD -i eth9 -m comment "
			      "--comment \"weir made this table\" -j WEIR-FORWARD\n"
			      "-D POSTROUTING -j WEIR-SAVE\n");
	char *text = iptables_text(&closed, false, true, false, saved), *removal;
	FILE *out = text_open(&removal);

	(void)state;
	assert_string_equal(text, want);
	assert_true(netfilter_iptables_revert_text(saved, "", out));
	assert_int_equal(fclose(out), 0);
	assert_string_equal(
		removal,
		"*mangle\n-D FORWARD -i eth9 -m comment --comment \"weir made this "
		"table\" -j WEIR-FORWARD\n-D POSTROUTING -j WEIR-SAVE\n"
		"-F WEIR-FORWARD\n-X WEIR-FORWARD\n-F WEIR-SAVE\n-X WEIR-SAVE\nCOMMIT\n");
	free(fresh);
	free(want);
	free(text);
	free(removal);
}

/* An empty chain tells the next one that accounting was off; it goes with the others. */
static void the_note_of_accounting_is_kept_and_taken_away(void **state)
{
	static const char saved[] =
		"*mangle\n:FORWARD ACCEPT [1:2]\n:WEIR-ACCT-WAS-0 - [0:0]\n"
		":WEIR-FORWARD - [3:4]\n:WEIR-FORWARD-2 - [0:0]\n"
		"-A FORWARD -j OTHER\n-A FORWARD -j WEIR-FORWARD\n"
		"-A WEIR-FORWARD -j NFQUEUE --queue-num 1\nCOMMIT\n";
	struct netfilter_cfg noting = closed;
	char *plain, *text, *want, *ours;
	FILE *out;

	(void)state;
	noting.acct_was_off = true;
	plain = iptables_text(&closed, false, true, false, "");
	text = iptables_text(&noting, false, true, false, "");
	want = replaced(plain, ":WEIR-SAVE - [0:0]\n",
			":WEIR-SAVE - [0:0]\n:WEIR-ACCT-WAS-0 - [0:0]\n");
	assert_string_equal(text, want);
	assert_true(netfilter_iptables_noted(saved));
	assert_false(netfilter_iptables_noted(plain));
	out = text_open(&ours);
	netfilter_iptables_ours(saved, "# T\n", out);
	netfilter_iptables_ours("*mangle\n-A FORWARD -j OTHER\nCOMMIT\n", "# U\n", out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(ours, "# T\n:WEIR-ACCT-WAS-0\n:WEIR-FORWARD\n"
				  "-A FORWARD -j WEIR-FORWARD\n"
				  "-A WEIR-FORWARD -j NFQUEUE --queue-num 1\n");
	free(ours);
	out = text_open(&ours);
	assert_true(netfilter_iptables_revert_text(saved, "", out));
	assert_int_equal(fclose(out), 0);
	assert_string_equal(ours, "*mangle\n-D FORWARD -j WEIR-FORWARD\n-F WEIR-FORWARD\n"
				  "-X WEIR-FORWARD\n-F WEIR-ACCT-WAS-0\n"
				  "-X WEIR-ACCT-WAS-0\nCOMMIT\n");
	free(ours);
	free(plain);
	free(text);
	free(want);
}

static void nothing_of_ours_is_nothing_to_remove(void **state)
{
	static const char *const saved[] = {
		"", "\n", "*mangle\n:FORWARD ACCEPT [0:0]\nCOMMIT\n",
		"*mangle\n:WEIR-FORWARDER - [0:0]\n-A FORWARD -j WEIR-FORWARDER\nCOMMIT\n",
		"*mangle\n:WEIR-SAVER - [0:0]\n-A FORWARD -j MY-WEIR-SAVE"};

	(void)state;
	for (size_t i = 0; i < COUNT(saved); i++) {
		char *text;
		FILE *out = text_open(&text);

		assert_false(netfilter_iptables_revert_text(saved[i], "", out));
		assert_int_equal(fclose(out), 0);
		free(text);
	}
}

static void backends_have_names(void **state)
{
	(void)state;
	assert_string_equal(netfilter_backend_name(NETFILTER_NFT), "nft");
	assert_string_equal(netfilter_backend_name(NETFILTER_IPTABLES_NFT),
			    "iptables-nft");
	assert_string_equal(netfilter_backend_name(NETFILTER_IPTABLES_LEGACY),
			    "iptables-legacy");
	assert_string_equal(netfilter_backend_name(NETFILTER_PROBE), "none");
	assert_string_equal(netfilter_backend_name(NETFILTER_BACKEND_COUNT), "none");
}

/* ---- what nft says of them ---------------------------------------------------------------- */

/* `nft -c -f -`: true when it takes the text; else *ret_said is why (the caller frees). */
static bool nft_takes(const char *text, char **ret_said)
{
	static const char *const argv[] = {"nft", "-c", "-f", "-", NULL};
	int status = -1;

	assert_int_equal(program_run(argv, text, &status, ret_said), 0);
	assert_non_null(*ret_said);
	return status == 0;
}

static void nft_refuses(const char *text, const char *from, const char *to,
			const char *why)
{
	char *bad = replaced(text, from, to), *said;

	assert_false(nft_takes(bad, &said));
	if (strstr(said, why) == NULL || strstr(said, "Could not process") != NULL)
		fail_msg("not '%s' but: %s", why, said);
	free(said);
	free(bad);
}

static void nft_takes_the_rules(void **state)
{
	static const struct {
		const struct netfilter_cfg *cfg;
		const char *queue;
	} cases[] = {{&closed, "queue num 7\n"}, {&opened, "queue num 65535 bypass\n"}};
	char *said;

	(void)state;
	namespace_enter();
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = printed(cases[i].cfg, NETFILTER_NFT);
		char *rest = replaced(text, cases[i].queue, "accept\n");

		/* A kernel without the statement may refuse that, and nothing else. */
		if (!nft_takes(text, &said)) {
			const char *error = strstr(said, "Error");

			assert_non_null(error);
			assert_null(strstr(error + 1, "Error"));
			assert_non_null(strstr(error, "Could not process rule: "
						      "No such file or directory"));
			assert_non_null(strstr(error, cases[i].queue));
			free(said);
			assert_true(nft_takes(rest, &said));
		}
		free(said);
		/* That check can fail. */
		nft_refuses(text, "queue num ", "quueue num ", "");
		nft_refuses(rest, "tcp doff 15", "tcp doff 16", "exceeds");
		nft_refuses(rest, "hook forward", "hook onward", "unknown chain hook");
		nft_refuses(rest, "policy accept", "polciy accept", "syntax error");
		free(rest);
		free(text);
	}
}

/* ---- the program that knows TCP segments which carry nothing ----------------------------- */

#define PROGRAM_MAX 64

struct instruction {
	unsigned code, jt, jf, k;
};

struct bpf {
	unsigned count;
	struct instruction at[PROGRAM_MAX];
};

/* The program as it stands in the text of the rules, behind `match`. */
static struct bpf bpf_behind(const char *match, bool ipv6)
{
	char *text = iptables_text(&closed, ipv6, true, false, "");
	const char *s = strstr(strstr(text, match), "--bytecode \"");
	struct bpf p = {0};
	char *end;

	assert_non_null(s);
	s += strlen("--bytecode \"");
	p.count = (unsigned)strtoul(s, &end, 10);
	assert_in_range(p.count, 1, PROGRAM_MAX);
	for (unsigned i = 0; i < p.count; i++) {
		unsigned *const to[] = {&p.at[i].code, &p.at[i].jt, &p.at[i].jf,
					&p.at[i].k};

		assert_int_equal(*end, ',');
		end++;
		for (size_t n = 0; n < COUNT(to); n++)
			*to[n] = (unsigned)strtoul(end, &end, 10);
	}
	assert_int_equal(*end, '"');
	free(text);
	return p;
}

static struct bpf bpf_of(bool ipv6)
{
	return bpf_behind("--tcp-flags FIN", ipv6);
}

/* Big-endian, as the kernel loads; false beyond the packet, which ends the program with 0. */
static bool load(const uint8_t *packet, size_t len, size_t at, size_t size, uint32_t *ret)
{
	*ret = 0;
	if (at > len || size > len - at)
		return false;
	for (size_t i = 0; i < size; i++)
		*ret = *ret << 8 | packet[at + i];
	return true;
}

/* Classic BPF, as much of it as the programs use; what else they held would fail. */
static uint32_t bpf_run(const struct bpf *p, const uint8_t *packet, size_t len)
{
	uint32_t a = 0, x = 0, m[16] = {0}, byte;

	for (unsigned pc = 0; pc < p->count; pc++) {
		const struct instruction *i = &p->at[pc];
		bool fine = true;

		switch (i->code) {
		case 0x28: /* ldh [k] */
			fine = load(packet, len, i->k, 2, &a);
			break;
		case 0x30: /* ldb [k] */
			fine = load(packet, len, i->k, 1, &a);
			break;
		case 0x50: /* ldb [x + k] */
			fine = load(packet, len, (size_t)x + i->k, 1, &a);
			break;
		case 0xb1: /* ldxb 4 * ([k] & 0xf) */
			fine = load(packet, len, i->k, 1, &byte);
			x = (byte & 0xf) * 4;
			break;
		case 0x60: /* ld M[k] */
			a = m[i->k];
			break;
		case 0x02: /* st M[k] */
			m[i->k] = a;
			break;
		case 0x07: /* tax */
			x = a;
			break;
		case 0x0c: /* add x */
			a += x;
			break;
		case 0x1c: /* sub x */
			a -= x;
			break;
		case 0x54: /* and k */
			a &= i->k;
			break;
		case 0x64: /* lsh k */
			a <<= i->k;
			break;
		case 0x74: /* rsh k */
			a >>= i->k;
			break;
		case 0x15: /* jeq k */
			pc += a == i->k ? i->jt : i->jf;
			break;
		case 0x06: /* ret k */
			return i->k;
		default:
			fail_msg("instruction %u: code %#x", pc, i->code);
		}
		if (!fine)
			return 0;
	}
	fail_msg("the program runs past its end");
	return 0;
}

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10

/* What a packet is made from, and so what is right to do with it. */
struct segment {
	unsigned version, ip_words, tcp_words; /* the headers' lengths, in 4 bytes */
	unsigned payload, trailer;             /* bytes; the trailer is no part of IP */
	unsigned flags;
	unsigned fragment; /* offset, in 8 bytes */
	unsigned protocol; /* 6 unless it is another one */
	unsigned
		extension; /* IPv6: a header of this kind, 8 bytes, before TCP; 0 = none */
};

#define PACKET_MAX 2048

static void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The packet, on a ground of bytes that are nowhere 0; its length. */
static size_t segment_build(const struct segment *s, uint8_t *packet)
{
	const size_t tcp = (size_t)s->tcp_words * 4, more = s->extension != 0 ? 8 : 0;
	const size_t ip = s->version == 4 ? (size_t)s->ip_words * 4 : 40 + more;
	uint8_t *t = packet + ip;

	memset(packet, 0xa5, PACKET_MAX);
	if (s->version == 4) {
		packet[0] = (uint8_t)(0x40 | s->ip_words);
		put16(packet + 2, ip + tcp + s->payload);
		put16(packet + 6, s->fragment);
		packet[9] = (uint8_t)s->protocol;
	} else {
		packet[0] = 0x60;
		put16(packet + 4, more + tcp + s->payload);
		packet[6] = (uint8_t)(more != 0 ? s->extension : s->protocol);
		if (more != 0) {
			packet[40] = (uint8_t)s->protocol;
			packet[41] = 0;
			put16(packet + 42, s->extension == 44 ? s->fragment << 3 : 0);
		}
	}
	t[12] = (uint8_t)(s->tcp_words << 4 | 0x5);
	t[13] = (uint8_t)s->flags;
	return ip + tcp + s->payload + s->trailer;
}

/* By what it was made from. */
static bool carries_nothing(const struct segment *s)
{
	return s->protocol == 6 && s->fragment == 0 && s->extension == 0 &&
	       s->payload == 0 && (s->flags & ACK) != 0 && (s->flags & (FIN | RST)) == 0;
}

/* By the rule: what `-p tcp -m tcp --tcp-flags` finds in the kernel, then the program. */
static bool rule_matches(const struct segment *s, const struct bpf *p,
			 const uint8_t *packet, size_t len)
{
	return s->protocol == 6 && s->fragment == 0 &&
	       (s->flags & (FIN | RST | ACK)) == ACK && bpf_run(p, packet, len) != 0;
}

struct tally {
	unsigned pass, queue;
};

static void judge(const struct segment *s, const struct bpf *p, struct tally *t)
{
	uint8_t packet[PACKET_MAX];
	const size_t len = segment_build(s, packet);
	const bool want = carries_nothing(s);

	if (rule_matches(s, p, packet, len) != want)
		fail_msg("IPv%u, headers of %u and %u words, payload %u, flags %#x, "
			 "fragment %u, extension %u: not %s",
			 s->version, s->ip_words, s->tcp_words, s->payload, s->flags,
			 s->fragment, s->extension, want ? "passed" : "queued");
	t->pass += want ? 1 : 0;
	t->queue += want ? 0 : 1;
}

static void judge_all_flags(struct segment s, const struct bpf *p, struct tally *t)
{
	for (s.flags = 0; s.flags < 256; s.flags++)
		judge(&s, p, t);
	s.flags = ACK;
	s.fragment = 3;
	if (s.version == 4)
		judge(&s, p, t);
	s.fragment = 0;
	s.protocol = 17;
	judge(&s, p, t);
}

static const unsigned payloads[] = {0, 1, 2, 3, 4, 5, 20, 40, 60, 255, 256, 1400};

static void v4_segments_without_payload_are_known(void **state)
{
	const struct bpf p = bpf_of(false);
	struct tally t = {0};

	(void)state;
	for (unsigned ip = 5; ip <= 15; ip++)
		for (unsigned tcp = 5; tcp <= 15; tcp++)
			for (size_t i = 0; i < COUNT(payloads); i++) {
				struct segment s = {.version = 4,
						    .ip_words = ip,
						    .tcp_words = tcp,
						    .payload = payloads[i],
						    .protocol = 6};

				judge_all_flags(s, &p, &t);
				s.trailer = 6; /* Ethernet's padding */
				judge_all_flags(s, &p, &t);
			}
	assert_int_equal(t.pass, 11 * 11 * 2 * 32); /* ACK, not FIN and RST: 1 of 8 */
	assert_true(t.queue > t.pass);
}

static void v6_segments_without_payload_are_known(void **state)
{
	/* With extension headers they are queued: more work, nothing missed. */
	static const unsigned extensions[] = {0, 43, 44, 60, 51};
	const struct bpf p = bpf_of(true);
	struct tally t = {0};

	(void)state;
	for (unsigned tcp = 5; tcp <= 15; tcp++)
		for (size_t i = 0; i < COUNT(payloads); i++)
			for (size_t e = 0; e < COUNT(extensions); e++) {
				struct segment s = {.version = 6,
						    .tcp_words = tcp,
						    .payload = payloads[i],
						    .extension = extensions[e],
						    .protocol = 6};

				judge_all_flags(s, &p, &t);
				s.trailer = 2;
				judge_all_flags(s, &p, &t);
				if (s.extension != 44)
					continue;
				s.flags = ACK;
				s.fragment = 5;
				judge(&s, &p, &t);
			}
	assert_int_equal(t.pass, 11 * 2 * 32);
	assert_true(t.queue > t.pass);
}

/* The kernel passes the rest of a marked connection alone, but never a long header of QUIC. */
static void long_headers_of_quic_are_queued(void **state)
{
	(void)state;
	for (unsigned version = 4; version <= 6; version += 2) {
		const struct bpf p = bpf_behind("-p udp -m connmark", version == 6);

		for (unsigned first = 0; first < 256; first++)
			for (unsigned words = 5; words <= 15; words++) {
				const struct segment s = {.version = version,
							  .ip_words = words,
							  .tcp_words = 2,
							  .payload = 30,
							  .protocol = 17};
				uint8_t packet[PACKET_MAX];
				const size_t len = segment_build(&s, packet);
				const size_t ip = version == 4 ? words * 4 : 40;

				packet[ip + 8] = (uint8_t)first;
				assert_int_equal(bpf_run(&p, packet, len) != 0,
						 (first & 0xc0) != 0xc0);
				/* Nothing to look at: queued. */
				assert_int_equal(bpf_run(&p, packet, ip + 8), 0);
				packet[6] = 60;
				if (version == 6)
					assert_int_equal(bpf_run(&p, packet, len), 0);
			}
	}
}

/* Lengths that contradict each other are nobody's empty segment. */
static void contradicting_lengths_are_queued(void **state)
{
	struct segment s = {
		.version = 4, .ip_words = 5, .tcp_words = 5, .flags = ACK, .protocol = 6};
	const struct bpf v4 = bpf_of(false), v6 = bpf_of(true);
	uint8_t packet[PACKET_MAX];
	size_t len;

	(void)state;
	for (unsigned total = 0; total < 65536; total++) {
		len = segment_build(&s, packet);
		put16(packet + 2, total);
		assert_int_equal(bpf_run(&v4, packet, len) != 0, total == 40);
	}
	s.version = 6;
	for (unsigned total = 0; total < 65536; total++) {
		len = segment_build(&s, packet);
		put16(packet + 4, total);
		assert_int_equal(bpf_run(&v6, packet, len) != 0, total == 20);
	}
	/* Cut short: loads beyond the end give 0. */
	for (len = 0; len <= 52; len++) {
		(void)segment_build(&s, packet);
		assert_int_equal(bpf_run(&v6, packet, len), 0);
	}
	s.version = 4;
	for (len = 0; len <= 32; len++) {
		(void)segment_build(&s, packet);
		assert_int_equal(bpf_run(&v4, packet, len), 0);
	}
}

/* nft has a rule for each length of a header; they say the same where there are no options. */
static void nft_rules_know_the_same_lengths(void **state)
{
	char *text = printed(&closed, NETFILTER_NFT);

	(void)state;
	for (unsigned tcp = 0; tcp <= 16; tcp++) {
		char line[160];
		bool v4, v6;

		(void)snprintf(line, sizeof(line),
			       "ack ip hdrlength 5 tcp doff %u ip length %u return\n",
			       tcp, 20 + 4 * tcp);
		v4 = strstr(text, line) != NULL;
		(void)snprintf(line, sizeof(line),
			       "ack ip6 nexthdr tcp tcp doff %u ip6 length %u return\n",
			       tcp, 4 * tcp);
		v6 = strstr(text, line) != NULL;
		assert_int_equal(v4, tcp >= 5 && tcp <= 15);
		assert_int_equal(v6, tcp >= 5 && tcp <= 15);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_printed_as_they_are),
		cmocka_unit_test(each_choice_changes_its_own_words),
		cmocka_unit_test(without_bpf_only_its_rules_are_missing),
		cmocka_unit_test(jumps_of_ours_are_taken_out_first),
		cmocka_unit_test(the_note_of_accounting_is_kept_and_taken_away),
		cmocka_unit_test(nothing_of_ours_is_nothing_to_remove),
		cmocka_unit_test(backends_have_names),
		cmocka_unit_test(v4_segments_without_payload_are_known),
		cmocka_unit_test(v6_segments_without_payload_are_known),
		cmocka_unit_test(contradicting_lengths_are_queued),
		cmocka_unit_test(long_headers_of_quic_are_queued),
		cmocka_unit_test(nft_rules_know_the_same_lengths),
	};

	const struct CMUnitTest with_kernel[] = {
		cmocka_unit_test(nft_takes_the_rules),
	};
	int failed = cmocka_run_group_tests_name("enforce/netfilter", tests, NULL, NULL);

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
		puts("ok - in a network namespace # SKIP needs root");
		return failed;
	}
	return failed + cmocka_run_group_tests_name("enforce/netfilter kernel",
						    with_kernel, NULL, NULL);
}
