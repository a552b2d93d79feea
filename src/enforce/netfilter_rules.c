/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/netfilter_rules.h"

#include <inttypes.h>
#include <string.h>

/*
 * Classic BPF over the IP header (xt_bpf): true when header lengths and total length leave no
 * payload.  IPv4: M0 = total length; X = IP header; A = TCP header + X; M0 - A == 0.
 * IPv6 without extension headers: payload length - TCP header == 0.
 */
static const char no_payload_v4[] =
	"13,40 0 0 2,2 0 0 0,177 0 0 0,80 0 0 12,116 0 0 4,100 0 0 2,12 0 0 0,7 0 0 0,"
	"96 0 0 0,28 0 0 0,21 0 1 0,6 0 0 65535,6 0 0 0";
static const char no_payload_v6[] =
	"11,48 0 0 6,21 0 8 6,48 0 0 52,116 0 0 4,100 0 0 2,7 0 0 0,40 0 0 4,28 0 0 0,"
	"21 0 1 0,6 0 0 65535,6 0 0 0";

/*
 * The same: true unless the UDP payload begins as the long headers of QUIC do (RFC 9000 17.2: the
 * first two bits are set).  Behind one of a client another connection may begin.
 */
static const char no_long_v4[] =
	"6,177 0 0 0,80 0 0 8,84 0 0 192,21 1 0 192,6 0 0 65535,6 0 0 0";
static const char no_long_v6[] = "7,48 0 0 6,21 0 4 17,48 0 0 48,84 0 0 192,21 1 0 192,"
				 "6 0 0 65535,6 0 0 0";

#define DOFF_MIN 5
#define DOFF_MAX 15

/* Is this line of iptables-save a jump to `chain`? */
static bool is_jump(const char *line, size_t len, const char *chain)
{
	char jump[64];
	const int tail = snprintf(jump, sizeof(jump), " -j %s", chain);

	return len > (size_t)tail && strncmp(line, "-A ", 3) == 0 &&
	       memcmp(line + len - (size_t)tail, jump, (size_t)tail) == 0;
}

/* Lines of iptables-save that are jumps to `chain`, as -D lines.  How many. */
static unsigned delete_jumps(const char *saved, const char *chain, FILE *out)
{
	unsigned n = 0;

	for (const char *line = saved; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		const size_t len = end == NULL ? strlen(line) : (size_t)(end - line);

		if (is_jump(line, len, chain)) {
			(void)fprintf(out, "-D %.*s\n", (int)(len - 3), line + 3);
			n++;
		}
		line = end == NULL ? NULL : end + 1;
	}
	return n;
}

static bool has_chain(const char *saved, const char *chain)
{
	char head[64];

	(void)snprintf(head, sizeof(head), "\n:%s ", chain);
	return saved != NULL && strstr(saved, head) != NULL;
}

static void add_jump(const char *interface, bool made_table, FILE *out)
{
	(void)fprintf(out, "-A FORWARD");
	if (interface != NULL)
		(void)fprintf(out, " -i %s", interface);
	if (made_table)
		(void)fprintf(out, " -m comment --comment \"" MADE_TABLE "\"");
	(void)fprintf(out, " -j " CHAIN_FORWARD "\n");
}

/*
 * The mark first: most packets end there.  But a SYN takes it away: where both ends have forgotten a
 * connection without a word, conntrack has not, and would pass the next one between the same ports
 * under the old one's mark (nf_conntrack_proto_tcp.c: "a SYN that we earlier ignored").  (The mark
 * cannot stand in the jump: where there is no connection, "! --mark" does not match either, and INVALID
 * packets would pass by.)
 */
void netfilter_iptables_text(const struct netfilter_cfg *cfg, bool ipv6, bool shortcut,
			     bool made_table, const char *saved, FILE *out)
{
	const uint32_t mask = cfg->mark_mask, mark = cfg->allow_mark;

	(void)fprintf(out,
		      "*mangle\n:" CHAIN_FORWARD " - [0:0]\n:" CHAIN_SAVE " - [0:0]\n%s",
		      cfg->acct_was_off ? ":" CHAIN_NOTE " - [0:0]\n" : "");
	(void)delete_jumps(saved, CHAIN_FORWARD, out);
	(void)delete_jumps(saved, CHAIN_SAVE, out);
	(void)fprintf(out,
		      "-A " CHAIN_FORWARD
		      " -p tcp -m tcp --tcp-flags SYN,ACK SYN -m connmark"
		      " --mark 0x%" PRIx32 "/0x%" PRIx32
		      " -j CONNMARK --set-xmark 0x0/0x%" PRIx32 "\n",
		      mark, mask, mask);
	(void)fprintf(out,
		      "-A " CHAIN_FORWARD "%s -m connmark --mark 0x%" PRIx32 "/0x%" PRIx32
		      " -j RETURN\n",
		      shortcut ? " ! -p udp" : "", mark, mask);
	if (shortcut)
		(void)fprintf(out,
			      "-A " CHAIN_FORWARD " -p udp -m connmark --mark 0x%" PRIx32
			      "/0x%" PRIx32 " -m bpf --bytecode \"%s\" -j RETURN\n"
			      "-A " CHAIN_FORWARD " -p udp -m connmark --mark 0x%" PRIx32
			      "/0x%" PRIx32 " -m conntrack --ctdir REPLY -j RETURN\n",
			      mark, mask, ipv6 ? no_long_v6 : no_long_v4, mark, mask);
	(void)fprintf(out,
		      "-A " CHAIN_FORWARD " -m conntrack --ctstate INVALID -j %s\n"
		      "-A " CHAIN_FORWARD
		      " -p %s -m conntrack --ctstate RELATED -j RETURN\n",
		      cfg->drop_invalid ? "DROP" : "RETURN", ipv6 ? "ipv6-icmp" : "icmp");
	if (shortcut)
		(void)fprintf(out,
			      "-A " CHAIN_FORWARD " -p tcp -m tcp --tcp-flags "
			      "FIN,RST,ACK,URG ACK -m bpf --bytecode \"%s\" -j RETURN\n",
			      ipv6 ? no_payload_v6 : no_payload_v4);
	(void)fprintf(out,
		      "-A " CHAIN_FORWARD " -j NFQUEUE --queue-num %u%s\n"
		      "-A " CHAIN_SAVE " -j CONNMARK --save-mark --nfmask 0x%" PRIx32
		      " --ctmask 0x%" PRIx32 "\n",
		      cfg->queue, cfg->fail_open ? " --queue-bypass" : "", mask, mask);
	for (size_t i = 0; i < cfg->interface_count; i++)
		add_jump(cfg->interfaces[i], made_table, out);
	if (cfg->interface_count == 0)
		add_jump(NULL, made_table, out);
	(void)fprintf(out,
		      "-I POSTROUTING 1 -m mark --mark 0x%" PRIx32 "/0x%" PRIx32
		      " -j " CHAIN_SAVE "\nCOMMIT\n",
		      mark, mask);
}

static const char *const chains[] = {CHAIN_FORWARD, CHAIN_SAVE, CHAIN_NOTE};
#define CHAINS (sizeof(chains) / sizeof(chains[0]))

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* Our rules and the jumps to them, as iptables-save wrote them, at the places they have. */
static void put_back(const char *was, FILE *out)
{
	static const char to_save[] = "-A POSTROUTING ";

	for (const char *line = was; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		const int len = end == NULL ? (int)strlen(line) : (int)(end - line);

		if (starts(line, "-A " CHAIN_FORWARD " ") ||
		    starts(line, "-A " CHAIN_SAVE " ") ||
		    is_jump(line, (size_t)len, CHAIN_FORWARD))
			(void)fprintf(out, "%.*s\n", len, line);
		else if (starts(line, to_save) && is_jump(line, (size_t)len, CHAIN_SAVE))
			(void)fprintf(out, "-I POSTROUTING 1 %.*s\n",
				      len - (int)strlen(to_save), line + strlen(to_save));
		line = end == NULL ? NULL : end + 1;
	}
}

/* Is this line of iptables-save ours; *ret_len: how much of it stays the same. */
static bool is_ours(const char *line, size_t len, size_t *ret_len)
{
	for (size_t i = 0; i < CHAINS; i++) {
		const size_t name = strlen(chains[i]);

		if (line[0] == ':' && starts(line + 1, chains[i]) &&
		    line[1 + name] == ' ') {
			*ret_len = 1 + name; /* without its counters */
			return true;
		}
		if ((starts(line, "-A ") && starts(line + 3, chains[i]) &&
		     line[3 + name] == ' ') ||
		    is_jump(line, len, chains[i])) {
			*ret_len = len;
			return true;
		}
	}
	return false;
}

void netfilter_iptables_ours(const char *saved, const char *title, FILE *out)
{
	bool any = false;

	for (const char *line = saved; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		size_t len = end == NULL ? strlen(line) : (size_t)(end - line);

		if (is_ours(line, len, &len)) {
			(void)fprintf(out, "%s%.*s\n", any ? "" : title, (int)len, line);
			any = true;
		}
		line = end == NULL ? NULL : end + 1;
	}
}

bool netfilter_iptables_noted(const char *saved)
{
	return has_chain(saved, CHAIN_NOTE);
}

bool netfilter_iptables_revert_text(const char *now, const char *was, FILE *out)
{
	bool any = false;

	(void)fprintf(out, "*mangle\n");
	for (size_t i = 0; i < CHAINS; i++)
		if (has_chain(was, chains[i]))
			(void)fprintf(out, ":%s - [0:0]\n", chains[i]);
	for (size_t i = 0; i < CHAINS; i++)
		any |= delete_jumps(now, chains[i], out) > 0;
	put_back(was, out);
	for (size_t i = 0; i < CHAINS; i++) {
		if (!has_chain(now, chains[i]))
			continue;
		if (!has_chain(was, chains[i]))
			(void)fprintf(out, "-F %s\n-X %s\n", chains[i], chains[i]);
		any = true;
	}
	(void)fprintf(out, "COMMIT\n");
	return any;
}

/*
 * Empty acknowledgements pass, but not those with an urgent pointer, which takes a byte out of the
 * stream wherever it stands (RFC 9293 3.8.5).
 *
 * nft compares fields but does not subtract them: a rule for each length of a header.
 */
static void nft_no_payload(FILE *out)
{
	static const char flags[] = "tcp flags & (fin | rst | ack | urg) == ack";

	for (unsigned doff = DOFF_MIN; doff <= DOFF_MAX; doff++)
		(void)fprintf(out,
			      "\t\t%s ip hdrlength 5 tcp doff %u ip length %u return\n"
			      "\t\t%s ip6 nexthdr tcp tcp doff %u ip6 length %u return\n",
			      flags, doff, 20 + 4 * doff, flags, doff, 4 * doff);
}

void netfilter_nft_text(const struct netfilter_cfg *cfg, FILE *out)
{
	const uint32_t mask = cfg->mark_mask, mark = cfg->allow_mark;

	/* Made, so that it can be deleted, so that it is ours alone: all in one step. */
	(void)fprintf(out, "table inet " NFT_TABLE "\ndelete table inet " NFT_TABLE
			   "\ntable inet " NFT_TABLE " {\n\tchain forward {\n"
			   "\t\ttype filter hook forward priority mangle + 1; policy "
			   "accept;\n");
	if (cfg->interface_count > 0) {
		(void)fprintf(out, "\t\tiifname != { ");
		for (size_t i = 0; i < cfg->interface_count; i++)
			(void)fprintf(out, "%s\"%s\"", i == 0 ? "" : ", ",
				      cfg->interfaces[i]);
		(void)fprintf(out, " } return\n");
	}
	(void)fprintf(out,
		      "\t\ttcp flags & (syn | ack) == syn ct mark & 0x%08" PRIx32
		      " == 0x%08" PRIx32 " ct mark set ct mark & 0x%08" PRIx32 "\n",
		      mask, mark, ~mask);
	(void)fprintf(out,
		      "\t\tct mark & 0x%08" PRIx32 " == 0x%08" PRIx32
		      " meta l4proto != udp return\n"
		      "\t\tct mark & 0x%08" PRIx32 " == 0x%08" PRIx32
		      " meta l4proto udp @th,64,2 != 3 return\n"
		      "\t\tct mark & 0x%08" PRIx32 " == 0x%08" PRIx32
		      " ct direction reply return\n"
		      "\t\tct state invalid %s\n"
		      "\t\tct state related meta l4proto { icmp, ipv6-icmp } return\n",
		      mask, mark, mask, mark, mask, mark,
		      cfg->drop_invalid ? "drop" : "return");
	nft_no_payload(out);
	(void)fprintf(out,
		      "\t\tqueue num %u%s\n\t}\n%s\tchain save {\n"
		      "\t\ttype filter hook postrouting priority mangle + 1; policy "
		      "accept;\n"
		      "\t\tmeta mark & 0x%08" PRIx32 " == 0x%08" PRIx32
		      " ct mark set ct mark & 0x%08" PRIx32 " | 0x%08" PRIx32
		      "\n\t}\n}\n",
		      cfg->queue, cfg->fail_open ? " bypass" : "",
		      cfg->acct_was_off ? "\tchain " NFT_NOTE " {\n\t}\n" : "", mask,
		      mark, ~mask, mark);
}
