/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

/*
 * diag - what is wrong with the operator's input, where, and what to write instead.
 *
 * Loaders add every finding and go on, so that one run reports them all.  Printed form
 * (stable: golden tests and editors parse it):
 *
 *     FILE:LINE:COL: error: MESSAGE
 *      35 | SOURCE LINE
 *         |      ^^^^^
 *         = write: REMEDY
 *
 * Columns count bytes from 1 (a tab is one column; the caret line repeats the tabs of the
 * source line).  Control bytes of source lines and messages are printed escaped.  Of source
 * lines that take over 200 columns the part around the column is printed, with "..." where
 * something is left out; messages, remedies and file names end after 1023 bytes.
 *
 * Memory:   everything is copied; bounded by DIAG_MAX findings kept, further ones counted;
 *           an error takes the place of a warning.
 * Threads:  one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifndef DIAG_MAX     /* the fuzz targets keep fewer */
#define DIAG_MAX 100 /* findings kept; further ones are only counted */
#endif

enum diag_level {
	DIAG_ERROR = 0, /* nothing may be applied */
	DIAG_WARNING = 1,
	DIAG_LEVEL_COUNT
};

struct span {
	const char *file; /* as the operator named it; copied */
	unsigned line;    /* from 1; 0 = the whole file */
	unsigned col;     /* from 1, in bytes; 0 = the whole line */
	unsigned len;     /* bytes to underline; 0 = one caret */
};

struct diag;

struct diag *diag_create(void); /* NULL: out of memory */
void diag_destroy(struct diag *d);

/*
 * Give the text of `file`, so that findings in it show their source line.  Borrowed until
 * diag_destroy() or diag_forget_sources().  At most 64 files; further ones print no source
 * line.
 */
void diag_source(struct diag *d, const char *file, const char *text, size_t len);

/* Copy the lines that the findings so far need, then drop every borrowed text. */
void diag_forget_sources(struct diag *d);

/*
 * Record a finding.  `name` is a short tag for warnings that a person may want to look up
 * ("shadowed"), printed as "warning [shadowed]: "; NULL for none.  Never fails: a finding
 * beyond DIAG_MAX, or without memory, is still counted.
 */
void diag_add(struct diag *d, enum diag_level level, struct span at, const char *name,
	      const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#define diag_error(d, at, ...) diag_add((d), DIAG_ERROR, (at), NULL, __VA_ARGS__)

/* Add a line to the finding just recorded: "= write: ..." or "= ...".  At most 4 a finding. */
void diag_remedy(struct diag *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void diag_note(struct diag *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Give the finding just recorded its source line, of a text that is nowhere whole.  Copied. */
void diag_line(struct diag *d, const char *line, size_t len);

/* All findings of another one, which stays as it is, behind those of d. */
void diag_take(struct diag *d, const struct diag *from);

size_t diag_count(const struct diag *d, enum diag_level level);

/*
 * Print all findings in the order of file (as first seen) and place, then, if there is any,
 * a last line "N errors, M warnings" ("1 error"), with " (K not shown)" for those that were
 * not kept.  `colour`: with terminal colours.
 */
void diag_print(const struct diag *d, FILE *out, bool colour);

/* The same as one JSON array of {file,line,column,length,level,name,message,notes[]}. */
void diag_print_json(const struct diag *d, FILE *out);

#endif /* BASE_DIAG_H */
