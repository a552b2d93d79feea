/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_IDENTIFY_CHECK_FACTS_H
#define TESTS_IDENTIFY_CHECK_FACTS_H

/* check_facts - what must hold of facts whatever bytes they come from; aborts otherwise. */

#include "support.h"

static inline void check_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x21 || s[i] > 0x7e)
			abort();
}

/* Domains with commas between: nothing of an address but what stands behind its '@'. */
static inline void check_domains(const char *s, size_t len, size_t max)
{
	size_t count = len > 0;

	for (size_t i = 0; i < len; i++) {
		count += s[i] == ',';
		if ((uint8_t)s[i] <= 0x20 || s[i] == 0x7f || memchr("@<>\"\\", s[i], 5))
			abort();
		if (s[i] >= 'A' && s[i] <= 'Z')
			abort();
	}
	if (count > max || (len > 0 && (s[0] == ',' || s[len - 1] == ',')))
		abort();
}

static inline void check_facts(const struct facts *f)
{
	if (f->protocol >= PROTOCOL_COUNT || f->undecidable >= UNDECIDABLE_COUNT ||
	    f->host_len > HOST_MAX || f->sni_len > HOST_MAX || f->url_len > URL_MAX ||
	    f->alpn_len > ALPN_MAX || f->key_shares_len > KEY_SHARES_MAX ||
	    f->method_len > sizeof(f->method) ||
	    (f->ja4_len != 0 && f->ja4_len != JA4_LEN))
		abort();
	check_printable(f->host, f->host_len);
	check_printable(f->sni, f->sni_len);
	check_printable(f->url, f->url_len);
	check_printable(f->alpn, f->alpn_len);
	check_printable(f->key_shares, f->key_shares_len);
	if (memchr(f->alpn, ' ', f->alpn_len) != NULL ||
	    memchr(f->key_shares, ' ', f->key_shares_len) != NULL)
		abort();
	check_printable(f->ja4, f->ja4_len);
	check_printable(f->method, f->method_len);
	if (f->database_len > DATABASE_MAX || f->mail.helo_len > HOST_MAX ||
	    f->mail.from_len > HOST_MAX || f->mail.to_len > MAIL_TO_MAX)
		abort();
	for (size_t i = 0; i < f->database_len; i++)
		if (f->database[i] < 0x20 || f->database[i] > 0x7e)
			abort();
	check_domains(f->mail.helo, f->mail.helo_len, 1);
	check_domains(f->mail.from, f->mail.from_len, 1);
	check_domains(f->mail.to, f->mail.to_len, MAIL_TO_DOMAINS);
	for (size_t i = 0; i < f->host_len; i++)
		if (f->host[i] >= 'A' && f->host[i] <= 'Z')
			abort();
	/* A name and a reason against it exclude each other; a name has its evidence. */
	if (f->host_len > 0 &&
	    (f->undecidable != UNDECIDABLE_NONE || f->evidence == EVIDENCE_NONE ||
	     f->host[f->host_len] != 0))
		abort();
	if (f->host_len == 0 && (f->evidence != EVIDENCE_NONE || f->url_len > 0))
		abort();
}

#endif /* TESTS_IDENTIFY_CHECK_FACTS_H */
