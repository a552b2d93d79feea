/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_IDENTITY_IMPL_H
#define CONFIG_IDENTITY_IMPL_H

/* identity_impl - what the readers of lease files and of people share.  Private to config. */

#include <limits.h>

#include "config/identity.h"

#define IDENTITY_BEFORE INT64_MIN
#define IDENTITY_EVER   INT64_MAX

/* Where a reader is.  Findings name the line that was taken last. */
struct identity_reader {
	struct identity_list *list;
	const char *name;
	struct diag *d;
	struct str rest;
	unsigned line;    /* of the text taken last, from 1 */
	const char *base; /* its first byte */
	bool bad;         /* something was wrong */
	bool full;        /* a bound of the table was passed */
	bool lost;        /* leases of a long log were left out */
	unsigned odd;     /* leases of hardware that is no machine's */
};

/* The next line without its end; false at the end.  *ret_whole: it had an end. */
bool identity_line(struct identity_reader *r, struct str *ret, bool *ret_whole);

/* An error at `part` of the line, with what to write; remedy NULL = nothing. */
void identity_fault(struct identity_reader *r, struct str part, const char *message,
		    const char *remedy);

/*
 * The hardware address of a lease.  A client chooses what the server writes: no byte or twenty, zero,
 * a group.  Such a one names no machine: a warning, and *ret is none, so that one machine cannot
 * make the whole file useless.  False, and a finding, when it is no hardware address at all.
 */
bool identity_hardware(struct identity_reader *r, struct str text, struct mac *ret);

/* The same of a MAC that `part` of the line says; false: it names no machine. */
bool identity_machine(struct identity_reader *r, struct str part, const struct mac *m,
		      struct mac *ret);

/* identity_list_add(); a list that is full is a finding, once. */
void identity_keep(struct identity_reader *r, struct identity_row *row, struct str user);

/* Seconds since 1970, as microseconds; false: no such number, or too great a one. */
bool identity_seconds(struct str digits, int64_t *ret_us);

bool mac_is_none(const struct mac *m);

/* In order: by what the row is about, its kind, and when it begins. */
void identity_sort(struct identity_row *rows, size_t count);
/* Are both about the same address, or MAC, and of one kind? */
bool identity_same(const struct identity_row *a, const struct identity_row *b);

/*
 * identity_compact.c: of sorted rows, if they are more than IDENTITY_ROWS_MAX, leave out leases
 * until they are not: first, without loss, renewals; then (*ret_lost) all but the last of each
 * address; then those that have ended.  Returns how many remain.
 */
size_t identity_compact(struct identity_row *rows, size_t count, bool *ret_lost);

/* Rows about one address or MAC whose times overlap are findings.  Sorts the list. */
void identity_refuse_overlaps(struct identity_reader *r);

/* leases.c, leases_isc.c, people.c */
void identity_read_dnsmasq(struct identity_reader *r);
void identity_read_kea(struct identity_reader *r);
void identity_read_isc(struct identity_reader *r);
void identity_read_people(struct identity_reader *r);

#define CSV_FIELDS_MAX 32

/*
 * Fields of one line of CSV (RFC 4180, no line ends within quotes).  `buf` takes what must be
 * unquoted.  The count, or 0 when it is none or has more than CSV_FIELDS_MAX fields.
 */
size_t csv_split(struct str line, struct str fields[CSV_FIELDS_MAX], char *buf,
		 size_t size);

/* Which field stands under each wanted column; -1 = none. */
void csv_columns(const struct str *fields, size_t count, const char *const *wanted,
		 size_t wanted_count, int *ret);

#endif /* CONFIG_IDENTITY_IMPL_H */
