/* SPDX-License-Identifier: Apache-2.0 */
#include "record/sign.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/hash.h"

#define DOMAIN_MAX 64
#define TEXT_MAX   4096

/* The type is libcrypto's own; the name keeps it out of our headers. */
static EVP_PKEY *own(const struct sign_key *k)
{
	union {
		const struct sign_key *from;
		EVP_PKEY *to;
	} u = {.from = k};

	return u.to;
}

static struct sign_key *shown(EVP_PKEY *k)
{
	return (struct sign_key *)(void *)k;
}

struct sign_key *sign_key_generate(void)
{
	return shown(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

struct sign_key *sign_key_of(const uint8_t seed[SIGN_KEY])
{
	return shown(
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_KEY));
}

void sign_key_destroy(struct sign_key *k)
{
	EVP_PKEY_free(own(k));
}

bool sign_key_seed(const struct sign_key *k, uint8_t ret[SIGN_KEY])
{
	size_t len = SIGN_KEY;

	return EVP_PKEY_get_raw_private_key(own(k), ret, &len) == 1 && len == SIGN_KEY;
}

bool sign_key_public(const struct sign_key *k, uint8_t ret[SIGN_KEY])
{
	size_t len = SIGN_KEY;

	return EVP_PKEY_get_raw_public_key(own(k), ret, &len) == 1 && len == SIGN_KEY;
}

void sign_forget(void *secret, size_t len)
{
	OPENSSL_cleanse(secret, len);
}

/* Ed25519 takes its text in one piece. */
static size_t join(struct str domain, struct str text, uint8_t buf[DOMAIN_MAX + TEXT_MAX])
{
	if (domain.len > DOMAIN_MAX || text.len > TEXT_MAX)
		return 0;
	memcpy(buf, domain.p, domain.len);
	memcpy(buf + domain.len, text.p, text.len);
	return domain.len + text.len;
}

bool sign_make(const struct sign_key *k, struct str domain, struct str text,
	       uint8_t ret[SIGN_SIGNATURE])
{
	uint8_t all[DOMAIN_MAX + TEXT_MAX];
	const size_t len = join(domain, text, all);
	size_t out = SIGN_SIGNATURE;
	EVP_MD_CTX *c = len == 0 ? NULL : EVP_MD_CTX_new();
	const bool ok = c != NULL &&
			EVP_DigestSignInit(c, NULL, NULL, NULL, own(k)) == 1 &&
			EVP_DigestSign(c, ret, &out, all, len) == 1;

	EVP_MD_CTX_free(c);
	return ok && out == SIGN_SIGNATURE;
}

bool sign_check(const uint8_t public_key[SIGN_KEY], struct str domain, struct str text,
		const uint8_t signature[SIGN_SIGNATURE])
{
	uint8_t all[DOMAIN_MAX + TEXT_MAX];
	const size_t len = join(domain, text, all);
	EVP_PKEY *k =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SIGN_KEY);
	EVP_MD_CTX *c = len == 0 || k == NULL ? NULL : EVP_MD_CTX_new();
	const bool ok = c != NULL && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) == 1 &&
			EVP_DigestVerify(c, signature, SIGN_SIGNATURE, all, len) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	return ok;
}

/* ---- how keys are shown ------------------------------------------------------------------- */

void fingerprint_format(const uint8_t public_key[SIGN_KEY], char buf[FINGERPRINT_LEN + 1])
{
	static const char digits[] = "0123456789ABCDEF";
	uint8_t d[32];
	char *p = buf;

	digest_sha256(public_key, SIGN_KEY, d);
	for (unsigned i = 0; i < 16; i++) {
		if (i > 0 && i % 2 == 0)
			*p++ = '-';
		*p++ = digits[d[i] >> 4];
		*p++ = digits[d[i] & 15];
	}
	*p = '\0';
}

bool fingerprint_is(struct str s)
{
	if (s.len != FINGERPRINT_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (i % 5 == 4
			    ? s.p[i] != '-'
			    : !ascii_is_digit(s.p[i]) && (s.p[i] < 'A' || s.p[i] > 'F'))
			return false;
	return true;
}

/* RFC 8410 section 4: SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING of 32 bytes }. */
static const uint8_t spki[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
			       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const char pem_begin[] = "-----BEGIN PUBLIC KEY-----\n";
static const char pem_end[] = "\n-----END PUBLIC KEY-----\n";

size_t sign_pem_format(const uint8_t public_key[SIGN_KEY], char buf[SIGN_PEM_MAX])
{
	uint8_t der[sizeof(spki) + SIGN_KEY];
	size_t at = sizeof(pem_begin) - 1;

	memcpy(der, spki, sizeof(spki));
	memcpy(der + sizeof(spki), public_key, SIGN_KEY);
	memcpy(buf, pem_begin, at);
	at += base64_format(der, sizeof(der), buf + at);
	memcpy(buf + at, pem_end, sizeof(pem_end));
	return at + sizeof(pem_end) - 1;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The digits up to '-', '=' or the end, line ends passed over; the bytes, or 0. */
static size_t base64_parse(struct str s, uint8_t *ret, size_t max)
{
	uint32_t bits = 0;
	size_t n = 0, digits = 0;

	for (const char *p = s.p, *end = s.p + s.len; p < end && *p != '-' && *p != '=';
	     p++) {
		const int v = base64_value(*p);

		if (v < 0 && *p != '\n' && *p != '\r')
			return 0;
		if (v < 0)
			continue;
		bits = bits << 6 | (uint32_t)v;
		if (++digits % 4 == 1)
			continue;
		if (n == max)
			return 0;
		ret[n++] = (uint8_t)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	return n;
}

/* What stands behind a line of a PEM text, from its line end on. */
static struct str behind(struct str pem, const char *line, size_t len)
{
	const char *p = memmem(pem.p, pem.len, line, len);

	return p == NULL ? STR_NONE
			 : (struct str){p + len, (size_t)(pem.p + pem.len - p) - len};
}

bool sign_base64_parse(struct str s, uint8_t ret[SIGN_KEY])
{
	uint8_t der[sizeof(spki) + SIGN_KEY];

	if (s.p == NULL || base64_parse(s, der, sizeof(der)) != sizeof(der) ||
	    memcmp(der, spki, sizeof(spki)) != 0)
		return false;
	memcpy(ret, der + sizeof(spki), SIGN_KEY);
	return true;
}

bool sign_pem_parse(struct str pem, uint8_t ret[SIGN_KEY])
{
	return sign_base64_parse(behind(pem, pem_begin, sizeof(pem_begin) - 2), ret);
}

/* RFC 8410 section 7: SEQUENCE { 0, SEQUENCE { 1.3.101.112 }, OCTET STRING of one of 32 bytes }. */
static const uint8_t pkcs8[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
				0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
static const char private_begin[] = "-----BEGIN PRIVATE KEY-----\n";
static const char private_end[] = "\n-----END PRIVATE KEY-----\n";

size_t sign_private_format(const struct sign_key *k, char buf[SIGN_PEM_MAX])
{
	uint8_t der[sizeof(pkcs8) + SIGN_KEY];
	size_t at = sizeof(private_begin) - 1;

	memcpy(der, pkcs8, sizeof(pkcs8));
	if (!sign_key_seed(k, der + sizeof(pkcs8)))
		return 0;
	memcpy(buf, private_begin, at);
	at += base64_format(der, sizeof(der), buf + at);
	memcpy(buf + at, private_end, sizeof(private_end));
	sign_forget(der, sizeof(der));
	return at + sizeof(private_end) - 1;
}

struct sign_key *sign_private_parse(struct str pem)
{
	const struct str text = behind(pem, private_begin, sizeof(private_begin) - 2);
	uint8_t der[sizeof(pkcs8) + SIGN_KEY];
	struct sign_key *k = NULL;

	if (text.p != NULL && base64_parse(text, der, sizeof(der)) == sizeof(der) &&
	    memcmp(der, pkcs8, sizeof(pkcs8)) == 0)
		k = sign_key_of(der + sizeof(pkcs8));
	sign_forget(der, sizeof(der));
	return k;
}
