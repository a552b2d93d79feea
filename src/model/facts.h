/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_FACTS_H
#define MODEL_FACTS_H

/*
 * facts - what identify knows of a connection from its own bytes.
 *
 * Plain data without pointers: it can be copied and kept.  A text of length 0 is absent.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "model/names.h"

#define HOST_MAX       255 /* RFC 1035 2.3.4 */
#define URL_MAX        1024
#define ALPN_MAX       64
#define KEY_SHARES_MAX 64
#define JA4_LEN        36

#define MAIL_TO_MAX     512
#define MAIL_TO_DOMAINS 8
#define DATABASE_MAX    128 /* MS-TDS 2.2.6.4 */

/*
 * What an SMTP client says in clear: never more of an address than its domain, in lower case;
 * an address in brackets without them.  Its own word, whether the server took it or not.
 */
struct mail_facts {
	uint16_t helo_len, from_len, to_len;
	uint16_t to_more; /* recipients whose domain is not in `to` */
	char helo[HOST_MAX];
	char from[HOST_MAX];  /* of the first MAIL; absent: none, or none that is one */
	char to[MAIL_TO_MAX]; /* different ones, separated by commas */
};

struct facts {
	enum protocol protocol;
	enum evidence evidence; /* NONE: no name */
	enum visibility visibility;
	enum undecidable undecidable;
	uint32_t flags; /* 1u << FLAG_... */

	uint16_t tls_offered; /* highest version offered: 0x0304 = TLS 1.3; 0 = none */
	uint16_t sni_len;
	uint16_t host_len;
	uint16_t url_len;
	uint16_t asked_len;
	uint16_t inside_len;
	uint16_t hello_end; /* TLS: where its records end; 0 = not in the bytes given */
	bool layered; /* others, who answer first, are asked in front of hello or request */
	uint16_t
		request_at; /* where the first request begins, if `requests` or `commands` */
	bool requests;      /* HTTP/1 requests, which can be followed one by one */
	bool commands;      /* of SMTP in clear, STARTTLS may come among them yet */
	uint8_t proxies;    /* asked for a host, one behind the other ... */
	bool chained;       /* ... and not all for the same one */
	/*
	 * TCP: places in the bytes given where the client has to wait for an answer, and ...
	 */
	uint8_t turns;
	bool waiting; /* ... the bytes end at the last of these, whose answer is there when ... */
	uint8_t replies_due; /* ... the server of SMTP sent so many, the last one a 220; or, 0, ... */
	uint16_t bytes_due;    /* ... the server sent so many bytes */
	uint32_t quic_version; /* 0 = none */
	uint8_t alpn_len, key_shares_len;
	uint8_t method_len;
	uint8_t ja4_len; /* 0 or JA4_LEN */

	char host[HOST_MAX +
		  1]; /* normalized: lower case, no final dot, no port, A-labels */
	char sni[HOST_MAX + 1]; /* as sent; empty when it was not printable ASCII */
	/* Whom a proxy was asked for, where what stands inside names another: a conflict. */
	char asked[HOST_MAX + 1];
	char inside[HOST_MAX + 1]; /* ... and this other one */
	/* Separated by commas, whole ones up to the cap; without spaces. */
	char alpn[ALPN_MAX];             /* protocols offered */
	char key_shares[KEY_SHARES_MAX]; /* groups whose keys were sent */
	char ja4[JA4_LEN];
	char method[16];
	uint16_t database_len;
	char database[DATABASE_MAX]; /* of a TDS login in clear: printable ASCII */
	struct mail_facts mail;
	char url[URL_MAX]; /* http://host[:port]/path, without userinfo and query values */
};

static inline struct str facts_host(const struct facts *f)
{
	return f->host_len == 0 ? STR_NONE : (struct str){f->host, f->host_len};
}

#endif /* MODEL_FACTS_H */
