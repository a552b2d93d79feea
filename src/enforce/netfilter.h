/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENFORCE_NETFILTER_H
#define ENFORCE_NETFILTER_H

/*
 * netfilter - the rules that bring forwarded packets into Weir's queue, and take them away.
 *
 * Rules of our own only, in chains (iptables) or a table (nft) that bear our name; nothing of
 * the host's is changed or moved.  Each address family is one transaction of
 * iptables-restore --noflush, or both are one of nft.  Backends: native nft `queue`,
 * iptables-nft, iptables-legacy; the first that the kernel takes, by trying it.
 *
 * Order, in mangle FORWARD, behind what the host has there (its TCPMSS rules still see SYNs):
 *   1. conntrack INVALID is dropped
 *   2. connections whose conntrack mark equals allow_mark under mark_mask pass
 *   3. ICMP errors RELATED to a known connection pass
 *   4. TCP segments that carry nothing (SYN-ACK, ACK; no payload by the lengths of the
 *      headers, exactly) pass: they tell nothing, and cost as much as the others
 *   5. everything else goes to the queue, in fail-open with --queue-bypass
 * and in mangle POSTROUTING, which a packet reaches only after the host's own filter:
 *   6. a packet mark that equals allow_mark under mark_mask is saved to the conntrack mark
 * A mark of another generation equals nothing, so its connection is queued again.
 *
 * Runs the programs iptables-restore etc. by posix_spawn() with fixed arguments, no shell.
 * Needs CAP_NET_ADMIN.  Not for the packet path.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum netfilter_backend {
	NETFILTER_PROBE = 0, /* install: find out */
	NETFILTER_NFT,
	NETFILTER_IPTABLES_NFT,
	NETFILTER_IPTABLES_LEGACY,
	NETFILTER_BACKEND_COUNT
};

const char *netfilter_backend_name(
	enum netfilter_backend b); /* "nft", "iptables-nft", ... */

#define NETFILTER_ERROR_MAX 600

struct netfilter_cfg {
	enum netfilter_backend backend;
	uint16_t queue;
	uint32_t mark_mask;  /* the bits that are ours; the others are never touched */
	uint32_t allow_mark; /* within mark_mask, not 0 */
	bool fail_open;
	bool drop_invalid; /* else such packets pass: mode monitor blocks nothing */
	bool acct_was_off; /* leave a note of that: netfilter_acct_noted() */
	const char *const *interfaces; /* packets that come in by these; none = by any */
	size_t interface_count;
};

/*
 * Put the rules in place, or replace ours by new ones, in one step a family: at no moment is
 * a packet seen by neither.  0 and *ret_used, or -errno with a sentence in `error` that names
 * the program, what it said and what to do; then what of ours was there before is there
 * again, and nothing else.  Rules of ours that another backend made are taken away afterwards.
 */
int netfilter_install(const struct netfilter_cfg *cfg, enum netfilter_backend *ret_used,
		      char error[NETFILTER_ERROR_MAX])
	__attribute__((warn_unused_result));

/*
 * Take away all rules of ours, whichever backend made them, and nothing else; also half of
 * them.  0, *ret_found tells whether there were any; or -errno with `error`.
 */
int netfilter_remove(bool *ret_found, char error[NETFILTER_ERROR_MAX])
	__attribute__((warn_unused_result));

/* The rules as the backend gets them, for people (dry runs). */
void netfilter_print(const struct netfilter_cfg *cfg, enum netfilter_backend b,
		     FILE *out);

/*
 * What the kernel holds of ours now, in the words of the backend's own tool, without counters:
 * the same text as long as nobody changes our rules.  0 and *ret (the caller frees; "" =
 * nothing), or -errno with `error` when that cannot be found out.
 */
int netfilter_read(enum netfilter_backend b, char **ret, char error[NETFILTER_ERROR_MAX])
	__attribute__((warn_unused_result));

/*
 * Do rules of ours say that nf_conntrack_acct was off before Weir switched it on?  They
 * outlive a weir that was killed, and are the network namespace's, as the setting is.
 */
bool netfilter_acct_noted(void);

#endif /* ENFORCE_NETFILTER_H */
