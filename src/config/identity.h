/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_IDENTITY_H
#define CONFIG_IDENTITY_H

/*
 * identity - who had an inside address at a time: by DHCP servers' leases, the neighbour table,
 * and a list of people.
 *
 * Files of leases are told apart by their first line: dnsmasq's dnsmasq.leases, ISC's
 * dhcpd.leases and dhcpd6.leases (dhcpd.leases(5)), Kea's memfile CSV (Kea ARM 8.2, both families).  docs of the
 * list of people: weir.conf(5).  A host name in a lease is the client's own word and not used.
 *
 * They live here, beside weir.conf: like it they are the operator's files, read aside, whole, with
 * every fault told, into plain values; no stage of the packet path sees them.
 *
 * A list is what one file says; a table is all lists together, in one piece of memory without
 * pointers, so that one process can hand it to another.  Looking up allocates nothing and takes
 * the logarithm of the table's size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/diag.h"
#include "base/text.h"
#include "config/config.h"

#define IDENTITY_ROWS_MAX  200000u /* of a table, and of what a list keeps */
#define IDENTITY_LOG_MAX   800000u /* leases while a log is read: 45 MB of memory */
#define IDENTITY_USER_MAX  128     /* bytes of a user's name */
#define IDENTITY_BYTES_MAX ((size_t)16 << 20) /* of a table */
#define IDENTITY_FILE_MAX  ((size_t)64 << 20)
#define IDENTITY_MAC_TEXT  17 /* "02:00:5e:10:00:01" */
/* One MAC with more IPv4 addresses of the neighbour table is a router: nobody's. */
#define IDENTITY_NEIGHBOUR_ADDRESSES 4u

enum identity_kind {
	IDENTITY_LEASES = 0, /* (address, MAC), for a time */
	IDENTITY_PEOPLE,     /* (address or MAC, user), maybe for a time */
	IDENTITY_NEIGHBOURS, /* (address, MAC), now */
	IDENTITY_KINDS
};

struct mac {
	uint8_t b[6];
};

/* From `from_us` on, until before `until_us`, microseconds since 1970. */
struct identity_row {
	struct addr addr; /* all zero: the row is about `mac` */
	struct mac mac;   /* all zero: none */
	uint8_t kind;     /* enum identity_kind */
	uint32_t user;    /* where in the texts; 0 = none */
	int64_t from_us, until_us;
	uint32_t line; /* of the file; 0 = none */
};

struct identity_list;

struct identity_list *identity_list_create(void); /* NULL: out of memory */
void identity_list_destroy(struct identity_list *l);
size_t identity_list_rows(const struct identity_list *l);

/*
 * Leases may be more than a table's until identity_parse() ends or the table is built.
 * `user` absent = none.  0, -ENOMEM, or -ENOSPC: over a bound.
 */
int identity_list_add(struct identity_list *l, const struct identity_row *row,
		      struct str user);

/*
 * Add what `text` says; file `name` is of `kind` LEASES or PEOPLE.  False when anything is wrong:
 * all findings are in `d`, and the list is of no use.  The unfinished last entry of a file of
 * leases, which a server is writing, is left out without a word; a lease whose MAC a client made
 * up so that it is no machine's (zero, a group, not of 6 bytes) tells nobody, with a warning.  A log
 * of leases may be of any length: of more than IDENTITY_ROWS_MAX rows renewals become one with what
 * they renew; if that is not enough the last lease of each address counts, and if that is not, those
 * that had not ended when the newest began, with a warning.
 */
bool identity_parse(struct identity_list *l, enum identity_kind kind, const char *name,
		    struct str text, struct diag *d);

/*
 * The list of a file; a byte order mark before it is passed over.  NULL: all findings are in `d`;
 * that there is no such file is a warning, everything else an error.
 */
struct identity_list *identity_read(enum identity_kind kind, const char *name,
				    struct diag *d);

/* The files that the configuration names, by number. */
#define IDENTITY_FILES_MAX 32
size_t identity_file_count(const struct config *c);
const char *identity_file(const struct config *c, size_t i, enum identity_kind *ret_kind);

struct identity;

/* Of all lists together.  NULL: no memory, or a bound was passed (*ret_error, static). */
struct identity *identity_build(const struct identity_list *const *lists, size_t count,
				const char **ret_error);
void identity_destroy(struct identity *t);
size_t identity_bytes(const struct identity *t); /* all of it; may be copied anywhere */

/*
 * Everything that the configuration names, once; an empty table when it names nothing.  NULL: there
 * is an error in `d`.  Files that are not there are warnings.
 */
struct identity *identity_load(const struct config *c, struct diag *d);

/* Calls `each` with the user of every row that has one; the text is borrowed for the call. */
void identity_users(const struct identity *t, void (*each)(void *arg, struct str user),
		    void *arg);

enum identity_answer {
	IDENTITY_NOBODY = 0,
	IDENTITY_MAC, /* text like "02:00:5e:10:00:01" */
	IDENTITY_USER
};

#define IDENTITY_TEXT_MAX IDENTITY_USER_MAX

/* `buf` gets *ret_len bytes without NUL; t may be NULL. */
enum identity_answer identity_find(const struct identity *t, const struct addr *a,
				   int64_t time_us, char buf[IDENTITY_TEXT_MAX],
				   size_t *ret_len);

/*
 * The same with a name for everybody: where nobody is found, the IPv4 address, else the /64 of
 * an IPv6 one (privacy addresses change, the network stays).
 */
enum identity_answer identity_principal(const struct identity *t, const struct addr *a,
					int64_t time_us, char buf[IDENTITY_TEXT_MAX],
					size_t *ret_len);

/* "02:00:5e:10:00:01", or with '-'; case does not matter.  All zero is none. */
bool mac_parse(struct str text, struct mac *ret);

#endif /* CONFIG_IDENTITY_H */
