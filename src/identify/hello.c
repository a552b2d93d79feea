/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/hello.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "identify/host.h"
#include "identify/ja4.h"

#define HANDSHAKE_HEADER 4
#define TLS_1_3          0x0304

enum extension {
	EXTENSION_SERVER_NAME = 0x0000,          /* RFC 6066 3 */
	EXTENSION_GROUPS = 0x000a,               /* RFC 8446 4.2.7 */
	EXTENSION_SIGNATURE_ALGORITHMS = 0x000d, /* RFC 8446 4.2.3 */
	EXTENSION_ALPN = 0x0010,                 /* RFC 7301 3.1 */
	EXTENSION_PRE_SHARED_KEY = 0x0029,       /* RFC 8446 4.2.11 */
	EXTENSION_EARLY_DATA = 0x002a,           /* RFC 8446 4.2.10 */
	EXTENSION_SUPPORTED_VERSIONS = 0x002b,   /* RFC 8446 4.2.1 */
	EXTENSION_KEY_SHARE = 0x0033,            /* RFC 8446 4.2.8 */
	EXTENSION_QUIC_PARAMETERS = 0x0039,      /* RFC 9001 8.2 */
	EXTENSION_ECH = 0xfe0d,                  /* RFC 9849 5 */
};

/*
 * Public names of Encrypted ClientHello: with the extension beside it such a name hides the
 * true one.  GREASE is no different on the wire, but comes with the true name.
 */
static const char *const ech_public_names[] = {
	"cloudflare-ech.com", /* Cloudflare, every zone; seen in HTTPS records, 2026 */
	"cover.defo.ie",      /* test servers of the DEfO project */
	"public.tls-ech.dev", /* test server of the BoringSSL authors */
};

/* RFC 8446 4.2.7; draft-ietf-tls-ecdhe-mlkem, draft-ietf-tls-mlkem; the last one is older. */
static const struct {
	uint16_t number;
	const char *name;
} groups[] = {
	{0x11ec, "X25519MLKEM768"},
	{0x001d, "x25519"},
	{0x0017, "secp256r1"},
	{0x0018, "secp384r1"},
	{0x0019, "secp521r1"},
	{0x001e, "x448"},
	{0x0100, "ffdhe2048"},
	{0x0101, "ffdhe3072"},
	{0x0102, "ffdhe4096"},
	{0x0103, "ffdhe6144"},
	{0x0104, "ffdhe8192"},
	{0x0200, "MLKEM512"},
	{0x0201, "MLKEM768"},
	{0x0202, "MLKEM1024"},
	{0x11eb, "SecP256r1MLKEM768"},
	{0x11ed, "SecP384r1MLKEM1024"},
	{0x6399, "X25519Kyber768Draft00"},
};

struct hello {
	unsigned sni_count;
	bool sni_bad;   /* its list is not exactly one host name */
	struct str sni; /* as sent; absent when sni_bad */
	bool ech, tds;
	bool tls13, older; /* it offers TLS 1.3; it lists what is older */
	uint64_t types;    /* a bit for each extension of a type below 64 */
	bool twice;        /* some extension is there twice */
	bool bad_shares;   /* of keys: TLS 1.3 alone looks at them */
	uint16_t last;     /* type of the last one */
	uint8_t compression_count;
	uint8_t session_len;
	struct ja4_input ja4;
};

enum hello_state hello_measure(const uint8_t header[4], size_t have, size_t room,
			       size_t *ret_len)
{
	struct cursor c = cur_init(header, HANDSHAKE_HEADER);

	*ret_len = 0;
	if (have >= 1 && header[0] != HANDSHAKE_CLIENT_HELLO)
		return HELLO_NOT;
	if (have < HANDSHAKE_HEADER)
		return HELLO_MORE;
	cur_skip(&c, 1);
	*ret_len = HANDSHAKE_HEADER + (size_t)cur_be24(&c);
	if (*ret_len > room)
		return HELLO_TOO_BIG;
	return have < *ret_len ? HELLO_MORE : HELLO_WHOLE;
}

/*
 * ServerNameList: be16 length, then entries of u8 type | be16 length | name; one of a type, and those
 * of types to come may be stepped over (RFC 6066 3).  GnuTLS, NSS, Go and rustls do so and go by the
 * host name, OpenSSL and BoringSSL refuse the hello: no server goes by another name.
 */
static void read_server_name(struct cursor e, struct hello *h)
{
	struct cursor list = cur_sub(&e, cur_be16(&e));
	uint64_t seen[4] = {0}; /* a bit for each type */

	h->sni_count++;
	while (list.left > 0 && cur_ok(&list)) {
		const uint8_t type = cur_u8(&list);
		const uint16_t len = cur_be16(&list);
		const uint8_t *name = cur_take(&list, len);

		h->sni_bad |= len == 0 || (seen[type / 64] >> type % 64 & 1) != 0;
		seen[type / 64] |= UINT64_C(1) << type % 64;
		if (type == 0)
			h->sni = (struct str){(const char *)name, len};
	}
	if (!cur_ok(&list) || !cur_ok(&e) || e.left != 0 || (seen[0] & 1) == 0 ||
	    h->sni.len > HOST_MAX)
		h->sni_bad = true;
}

static bool read_versions(struct cursor e, struct hello *h, struct facts *f)
{
	struct cursor list = cur_sub(&e, cur_u8(&e));
	const bool none = list.left == 0;
	uint16_t highest = 0;

	while (list.left > 0 && cur_ok(&list)) {
		uint16_t v = cur_be16(&list);

		if (!tls_is_grease(v) && v > highest)
			highest = v;
		h->tls13 |= v == TLS_1_3;
		h->older |= v < TLS_1_3 && !tls_is_grease(v);
	}
	if (none || !cur_ok(&list) || e.left != 0)
		return false;
	f->tls_offered = highest;
	return true;
}

uint8_t hello_put_alpn(char list[ALPN_MAX], uint8_t list_len, struct str name)
{
	const size_t len = list_put(list, list_len, ALPN_MAX, name);

	for (size_t i = len - (len > list_len ? name.len : 0); i < len; i++)
		if (list[i] <= 0x20 || list[i] >= 0x7f || list[i] == ',')
			list[i] = '?';
	return (uint8_t)len;
}

static bool read_alpn(struct cursor e, struct hello *h, struct facts *f)
{
	static const char tds8[] = {'t', 'd', 's', '/', '8', '.', '0'};
	struct cursor list = cur_sub(&e, cur_be16(&e));
	const bool none = list.left == 0;

	while (list.left > 0 && cur_ok(&list)) {
		uint8_t len = cur_u8(&list);
		const uint8_t *p = cur_take(&list, len);

		if (p == NULL || len == 0)
			return false;
		if (h->ja4.alpn_len == 0) {
			h->ja4.alpn_len = len;
			h->ja4.alpn_first = p[0];
			h->ja4.alpn_last = p[len - 1];
		}
		if (len == sizeof(tds8) && memcmp(p, tds8, len) == 0)
			h->tds = true;
		f->alpn_len = hello_put_alpn(f->alpn, f->alpn_len,
					     (struct str){(const char *)p, len});
	}
	return !none && cur_ok(&list) && e.left == 0;
}

static bool read_signatures(struct cursor e, struct ja4_values *to)
{
	struct cursor list = cur_sub(&e, cur_be16(&e));
	const bool none = list.left == 0;

	while (list.left > 0 && cur_ok(&list))
		ja4_push(to, cur_be16(&list));
	return !none && cur_ok(&list) && e.left == 0;
}

/* RFC 8446 4.2.7: at least one, two bytes each. */
static bool read_groups(struct cursor e)
{
	const uint16_t len = cur_be16(&e);

	return cur_ok(&e) && len == e.left && len > 0 && len % 2 == 0;
}

/* 0x and four digits: one that is not listed. */
static struct str name_of_group(uint16_t group, char buf[7])
{
	const uint8_t bytes[2] = {(uint8_t)(group >> 8), (uint8_t)group};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].number == group)
			return str_of(groups[i].name);
	buf[0] = '0';
	buf[1] = 'x';
	hex_format(bytes, 2, buf + 2);
	return (struct str){buf, 6};
}

static void keep_share(struct facts *f, uint16_t group)
{
	char buf[7];

	f->key_shares_len = (uint8_t)list_put(f->key_shares, f->key_shares_len,
					      KEY_SHARES_MAX, name_of_group(group, buf));
}

/* RFC 8446 4.2.8: be16 length, then be16 group | be16 length | key; a list may be empty. */
static bool read_shares(struct cursor e, struct facts *f)
{
	struct cursor list = cur_sub(&e, cur_be16(&e));

	while (list.left > 0 && cur_ok(&list)) {
		const uint16_t group = cur_be16(&list), len = cur_be16(&list);

		cur_skip(&list, len);
		if (len == 0)
			return false;
		if (cur_ok(&list) && !tls_is_grease(group))
			keep_share(f, group);
	}
	return cur_ok(&list) && e.left == 0;
}

static bool read_extension(uint16_t type, struct cursor e, struct hello *h,
			   struct facts *f)
{
	switch ((enum extension)type) {
	case EXTENSION_SERVER_NAME:
		read_server_name(e, h);
		return true;
	case EXTENSION_GROUPS:
		return read_groups(e);
	case EXTENSION_KEY_SHARE:
		h->bad_shares = !read_shares(e, f);
		return true;
	case EXTENSION_SIGNATURE_ALGORITHMS:
		return read_signatures(e, &h->ja4.signatures);
	case EXTENSION_ALPN:
		return read_alpn(e, h, f);
	case EXTENSION_PRE_SHARED_KEY:
		f->flags |= 1u << FLAG_RESUMPTION;
		return true;
	case EXTENSION_EARLY_DATA:
		f->flags |= 1u << FLAG_EARLY_DATA;
		return true;
	case EXTENSION_SUPPORTED_VERSIONS:
		return read_versions(e, h, f);
	case EXTENSION_ECH:
		f->flags |= 1u << FLAG_ECH_EXT;
		h->ech = true;
		return true;
	case EXTENSION_QUIC_PARAMETERS:
		return true;
	}
	return true;
}

static bool has(const struct hello *h, enum extension type)
{
	return (h->types >> type & 1) != 0;
}

/* Of server_name its reader tells. */
static void note_type(struct hello *h, uint16_t type)
{
	if (type < 64) {
		h->twice |= has(h, (enum extension)type) && type != EXTENSION_SERVER_NAME;
		h->types |= UINT64_C(1) << type;
	}
	for (size_t i = 0; type >= 64 && i < h->ja4.extensions.count; i++)
		h->twice |= h->ja4.extensions.v[i] == type;
	h->last = type;
}

/*
 * What every server has to refuse: an extension that comes twice (RFC 8446 4.2, RFC 5246 7.4.1.4); in
 * QUIC a hello without TLS 1.3 or parameters of the transport (RFC 9001 4.2, 8.2), and one with a
 * session id, which servers should refuse (8.4; BoringSSL does, not all do); compression, a broken
 * list of keys and a pre-shared key that is not last where nothing older than TLS 1.3 may be chosen
 * (RFC 8446 4.1.2, 4.2.8, 4.2.11).  One that lacks what only the handshake needs (9.2) is read: it
 * names nobody falsely.
 */
static bool is_refused(const struct hello *h, bool quic)
{
	if (h->twice || (quic && (!h->tls13 || h->session_len > 0 ||
				  !has(h, EXTENSION_QUIC_PARAMETERS))))
		return true;
	if (!h->tls13 || (h->older && !quic))
		return false;
	return h->compression_count != 1 || h->bad_shares ||
	       (has(h, EXTENSION_PRE_SHARED_KEY) && h->last != EXTENSION_PRE_SHARED_KEY);
}

static bool read_body(struct cursor c, struct hello *h, struct facts *f)
{
	struct cursor ciphers, extensions;
	uint8_t session_len, compression_len;
	const uint8_t *compression;

	f->tls_offered = cur_be16(&c);
	cur_skip(&c, 32);
	session_len = cur_u8(&c);
	cur_skip(&c, session_len);
	ciphers = cur_sub(&c, cur_be16(&c));
	if (session_len > 32 || ciphers.left < 2)
		return false;
	while (ciphers.left > 0 && cur_ok(&ciphers))
		ja4_push(&h->ja4.ciphers, cur_be16(&ciphers));
	compression_len = cur_u8(&c);
	compression = cur_take(&c, compression_len);
	/* "null" must be among them (RFC 5246 7.4.1.2, RFC 8446 4.1.2). */
	if (!cur_ok(&c) || !cur_ok(&ciphers) || compression_len == 0 ||
	    memchr(compression, 0, compression_len) == NULL)
		return false;
	h->compression_count = compression_len;
	h->session_len = session_len;
	if (c.left == 0) /* TLS 1.2 and older may go without extensions (RFC 5246) */
		return true;
	extensions = cur_sub(&c, cur_be16(&c));
	if (!cur_ok(&c) || c.left != 0)
		return false;
	while (extensions.left > 0 && cur_ok(&extensions)) {
		uint16_t type = cur_be16(&extensions);
		struct cursor e = cur_sub(&extensions, cur_be16(&extensions));

		if (!cur_ok(&extensions) || !read_extension(type, e, h, f))
			return false;
		note_type(h, type);
		ja4_push(&h->ja4.extensions, type);
	}
	return true;
}

static bool is_ech_public_name(const struct host *host)
{
	struct str name = {host->text, host->len};

	for (size_t i = 0; i < sizeof(ech_public_names) / sizeof(ech_public_names[0]);
	     i++)
		if (str_equal(name, str_of(ech_public_names[i])))
			return true;
	return false;
}

static enum undecidable judge_name(const struct hello *h, struct facts *f)
{
	struct host host;

	if (h->sni_count == 0)
		return UNDECIDABLE_NO_SNI;
	if (h->sni_count > 1 || h->sni_bad || h->sni.p == NULL)
		return UNDECIDABLE_MALFORMED_NAME;
	if (host_printable(h->sni)) {
		memcpy(f->sni, h->sni.p, h->sni.len);
		f->sni_len = (uint16_t)h->sni.len;
	}
	switch (host_normalize(h->sni, &host)) {
	case HOST_MALFORMED:
		return UNDECIDABLE_MALFORMED_NAME;
	case HOST_ADDRESS: /* RFC 6066 3 forbids literals */
		f->flags |= 1u << FLAG_IP_LITERAL;
		return UNDECIDABLE_MALFORMED_NAME;
	case HOST_NAME:
		break;
	}
	if (h->ech && is_ech_public_name(&host))
		return UNDECIDABLE_ECH_USED;
	memcpy(f->host, host.text, (size_t)host.len + 1);
	f->host_len = host.len;
	f->evidence = EVIDENCE_SNI;
	return UNDECIDABLE_NONE;
}

void hello_read(struct ja4_memory *m, const uint8_t *message, size_t len, char transport,
		struct facts *f)
{
	struct hello h;
	struct cursor c = cur_init(message, len);

	/* The lists are not cleared: only what is counted is ever read. */
	h.sni_count = 0;
	h.sni_bad = false;
	h.sni = STR_NONE;
	h.ech = false;
	h.tds = false;
	h.tls13 = h.older = h.twice = h.bad_shares = false;
	h.types = 0;
	h.last = 0;
	h.ja4.transport = transport;
	h.ja4.alpn_len = h.ja4.alpn_first = h.ja4.alpn_last = 0;
	h.ja4.ciphers.count = h.ja4.extensions.count = h.ja4.signatures.count = 0;
	h.ja4.ciphers.more = h.ja4.extensions.more = h.ja4.signatures.more = false;

	cur_skip(&c, HANDSHAKE_HEADER);
	if (!read_body(c, &h, f) || is_refused(&h, transport == 'q')) {
		f->undecidable = UNDECIDABLE_MALFORMED_HELLO;
		return;
	}
	f->undecidable = judge_name(&h, f);
	if (h.tds)
		f->protocol = PROTOCOL_TDS;
	h.ja4.version = f->tls_offered;
	h.ja4.sni = h.sni_count > 0;
	if (ja4_write(m, &h.ja4, f->ja4))
		f->ja4_len = JA4_LEN;
}
