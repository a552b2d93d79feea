/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

/*
 * schema - the one table of what may stand in a weir.conf.
 *
 * The walker, `weir check --keys`, the man page (a test compares them) and the "did you
 * mean" suggestions all follow it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum schema_type {
	SCHEMA_GROUP,     /* { } whose keys have rows of their own */
	SCHEMA_GROUPS,    /* ( { }, { } ) of them */
	SCHEMA_NAME,      /* a short word: letters, digits, '-', '_', '.' */
	SCHEMA_SITE_NAME, /* a name that some site bears */
	SCHEMA_MODE,
	SCHEMA_ROLE,
	SCHEMA_FILE,          /* must be readable */
	SCHEMA_FILES,         /* a list of them */
	SCHEMA_FILE_OR_FILES, /* one, or a list of at most max */
	SCHEMA_TAG_FILES,     /* the same; may be missing when one is to be written */
	SCHEMA_WATCHED, /* a file that is read anew when it changes; need not exist */
	SCHEMA_PATHS,   /* a list of at most max of these */
	SCHEMA_FOLDER,
	SCHEMA_PREFIXES,
	SCHEMA_ADDRESSES,
	SCHEMA_ZONE,
	SCHEMA_HOURS,
	SCHEMA_HOLIDAYS,
	SCHEMA_COUNTRIES,
	SCHEMA_COUNT,      /* uint32_t within min..max */
	SCHEMA_SIZE,       /* "64MiB": uint64_t within min..max bytes */
	SCHEMA_DURATION,   /* "5min": int64_t within min..max microseconds */
	SCHEMA_SOURCE,     /* enum capture_source */
	SCHEMA_VANTAGE,    /* enum vantage */
	SCHEMA_FAILURE,    /* enum on_failure */
	SCHEMA_HOST,       /* a host name or an address */
	SCHEMA_PROTOCOL,   /* enum ship_protocol */
	SCHEMA_FORM,       /* enum ship_form */
	SCHEMA_ANCHOR,     /* enum anchor_way */
	SCHEMA_MASK,       /* "0x0fff0000": uint32_t, 4 or more neighbouring bits */
	SCHEMA_PATH,       /* of at most max bytes; need not exist */
	SCHEMA_INTERFACES, /* a list of at most max names; need not exist */
	SCHEMA_FLAG,       /* true or false: bool */
	/* for keys of later versions only: checked, then forgotten */
	SCHEMA_TEXT,
	SCHEMA_SIGNERS, /* a list of min to max of these */
	SCHEMA_SHARE,   /* "20%" */
	SCHEMA_SWITCH,  /* true or false */
	SCHEMA_SCORES,  /* { NAME = NUMBER; } */
	SCHEMA_TYPE_COUNT
};

#define SCHEMA_REQUIRED 1u /* within its group */
#define SCHEMA_LATER    2u /* known, but without effect in this version */

struct schema_row {
	const char *path; /* "sites.inside"; groups of a list have no index */
	enum schema_type type;
	unsigned flags;
	int64_t min, max;   /* SCHEMA_COUNT, _SIZE, _DURATION; max: elements, bytes */
	size_t at;          /* where the value goes: offset in its struct */
	size_t count_at;    /* SCHEMA_GROUPS and lists: offset of the count */
	size_t size;        /* SCHEMA_GROUPS: of one element's struct */
	const char *normal; /* what holds without the key; "" = nothing */
	const char *meaning;
};

#define SCHEMA_SITES_MAX      1024
#define SCHEMA_SOURCES_MAX    16384
#define SCHEMA_INTERFACES_MAX 256
#define SCHEMA_LEASES_MAX     30
#define SCHEMA_SOCKET_MAX     107 /* struct sockaddr_un.sun_path without its NUL */

extern const struct schema_row schema_rows[];
extern const size_t schema_count;

/* The row of `key` in the group whose path is `parent` ("" = the file); NULL = unknown. */
const struct schema_row *schema_find(const char *parent, struct str key);

/* The last part of the path when the row belongs to group `parent`, else NULL. */
const char *schema_key_in(const struct schema_row *row, const char *parent);

/* How the type is written, as "a list of prefixes". */
const char *schema_type_name(enum schema_type type);

#endif /* CONFIG_SCHEMA_H */
