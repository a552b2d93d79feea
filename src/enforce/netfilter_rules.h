/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENFORCE_NETFILTER_RULES_H
#define ENFORCE_NETFILTER_RULES_H

/*
 * netfilter_rules - the rules as text, for iptables-restore and nft; private to enforce.
 */

#include "enforce/netfilter.h"

#define CHAIN_FORWARD "WEIR-FORWARD"
#define CHAIN_SAVE    "WEIR-SAVE"
/* An empty chain: a note that nf_conntrack_acct was 0 before. */
#define CHAIN_NOTE "WEIR-ACCT-WAS-0"
#define NFT_TABLE  "weir"
#define NFT_NOTE   "acct_was_0"
/* On our jumps where iptables-nft had no mangle table before: it goes when we go. */
#define MADE_TABLE "weir made this table"

/*
 * One transaction of iptables-restore --noflush for IPv4 or IPv6.  `saved` is what
 * iptables-save says now: jumps of ours in it are taken out and put in anew.  `shortcut`: with
 * the rule that needs the bpf match.
 */
void netfilter_iptables_text(const struct netfilter_cfg *cfg, bool ipv6, bool shortcut,
			     bool made_table, const char *saved, FILE *out);

/*
 * The transaction that takes away what of ours `now` holds and puts back what of ours `was`
 * held ("" = nothing); both are words of iptables-save.  False: `now` holds nothing of ours.
 */
bool netfilter_iptables_revert_text(const char *now, const char *was, FILE *out);

/*
 * Those lines of iptables-save that are ours (chains, rules, jumps to them), behind `title`
 * when there are any.
 */
void netfilter_iptables_ours(const char *saved, const char *title, FILE *out);
bool netfilter_iptables_noted(const char *saved);

/* One transaction of nft -f for both families. */
void netfilter_nft_text(const struct netfilter_cfg *cfg, FILE *out);

#endif /* ENFORCE_NETFILTER_RULES_H */
