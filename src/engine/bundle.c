/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bundle.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_set.h"
#include "base/hash.h"

#define DOMAIN STR("weir-rules-1\n")
#define WORD   "weir-rules-1 "

/* ---- what is signed ----------------------------------------------------------------------- */

void bundle_digest(const struct generation *g, char ret[65])
{
	char exempt[PATH_MAX], row[66];
	struct policy_source s;
	uint8_t sha256[32];
	struct digest all;

	generation_exempt_path(g->config, exempt, sizeof(exempt));
	digest_start(&all);
	for (size_t i = 0; policy_source(g->policy, i, &s); i++) {
		if (strcmp(s.name, exempt) == 0)
			continue;
		digest_sha256(s.text.p, s.text.len, sha256);
		hex_format(sha256, sizeof(sha256), row);
		row[64] = '\n';
		digest_add(&all, row, 65);
	}
	digest_end(&all, sha256);
	hex_format(sha256, sizeof(sha256), ret);
}

/* The digest and a newline. */
static struct str signed_text(const char digest[65], char buf[66])
{
	memcpy(buf, digest, 64);
	buf[64] = '\n';
	return (struct str){buf, 65};
}

size_t bundle_sign(const struct sign_key *key, const char digest[65],
		   char buf[BUNDLE_LINE_MAX])
{
	char text[66], print[FINGERPRINT_LEN + 1], hex[2 * SIGN_SIGNATURE + 1];
	uint8_t signature[SIGN_SIGNATURE], public_key[SIGN_KEY];

	if (!sign_key_public(key, public_key) ||
	    !sign_make(key, DOMAIN, signed_text(digest, text), signature))
		return 0;
	fingerprint_format(public_key, print);
	hex_format(signature, sizeof(signature), hex);
	return (size_t)snprintf(buf, BUNDLE_LINE_MAX, WORD "%s %s\n", print, hex);
}

/* ---- lines -------------------------------------------------------------------------------- */

enum line_kind {
	LINE_NONE = 0, /* empty, or a comment */
	LINE_GOOD,
	LINE_NO_SIGNATURE, /* not of that form */
	LINE_STRANGER,     /* of nobody who counts */
	LINE_OTHER_RULES   /* of other rules than these */
};

static enum line_kind read_line(struct str line, const char digest[65],
				const struct bundle_signers *signers, size_t *ret_signer)
{
	const size_t head = sizeof(WORD) - 1, at = head + FINGERPRINT_LEN + 1;
	uint8_t signature[SIGN_SIGNATURE];
	char print[FINGERPRINT_LEN + 1], text[66];

	if (line.len == 0 || line.p[0] == '#')
		return LINE_NONE;
	if (line.len != at + (size_t)(2 * SIGN_SIGNATURE) ||
	    memcmp(line.p, WORD, head) != 0 ||
	    !fingerprint_is((struct str){line.p + head, FINGERPRINT_LEN}) ||
	    line.p[at - 1] != ' ' ||
	    !hex_parse((struct str){line.p + at, line.len - at}, signature,
		       SIGN_SIGNATURE))
		return LINE_NO_SIGNATURE;
	for (size_t i = 0; i < signers->count; i++) {
		fingerprint_format(signers->keys[i], print);
		if (memcmp(print, line.p + head, FINGERPRINT_LEN) != 0)
			continue;
		*ret_signer = i;
		return sign_check(signers->keys[i], DOMAIN, signed_text(digest, text),
				  signature)
			       ? LINE_GOOD
			       : LINE_OTHER_RULES;
	}
	return LINE_STRANGER;
}

static void complain(const char *name, unsigned number, enum line_kind kind,
		     enum diag_level level, struct diag *d)
{
	static const char *const words[] = {
		[LINE_NONE] = "",
		[LINE_GOOD] = "",
		[LINE_NO_SIGNATURE] = "is no signature",
		[LINE_STRANGER] = "is by nobody whom rules_signers names",
		[LINE_OTHER_RULES] =
			"is of other rules: a file was changed after it was signed",
	};
	static const char *const remedies[] = {
		[LINE_NONE] = "",
		[LINE_GOOD] = "",
		[LINE_NO_SIGNATURE] = "the line as `weir rules sign` wrote it",
		[LINE_STRANGER] = "`weir rules sign` by one of the signers",
		[LINE_OTHER_RULES] = "the files as they were, or `weir rules sign` anew",
	};
	const struct span at = {.file = name, .line = number, .col = 1};

	diag_add(d, level, at, level == DIAG_WARNING ? "signature" : NULL, "%s",
		 words[kind]);
	diag_remedy(d, "%s", remedies[kind]);
}

/* One pass: who has signed, or (with d) what is wrong with the rest. */
static uint32_t read_lines(const char *name, struct str text, const char digest[65],
			   const struct bundle_signers *signers, enum diag_level level,
			   struct diag *d)
{
	uint32_t who = 0;
	unsigned number = 0;

	while (text.len > 0) {
		const char *end = memchr(text.p, '\n', text.len);
		const size_t len = end == NULL ? text.len : (size_t)(end - text.p);
		size_t i = 0;
		const enum line_kind kind =
			read_line((struct str){text.p, len}, digest, signers, &i);

		number++;
		if (kind == LINE_GOOD)
			who |= UINT32_C(1) << i;
		else if (kind != LINE_NONE && d != NULL)
			complain(name, number, kind, level, d);
		text.p += end == NULL ? len : len + 1;
		text.len -= end == NULL ? len : len + 1;
	}
	return who;
}

uint32_t bundle_read(const char *name, struct str text, const char digest[65],
		     const struct bundle_signers *signers, struct diag *d)
{
	const uint32_t who = read_lines(name, text, digest, signers, DIAG_ERROR, NULL);
	const int n = __builtin_popcount(who);

	diag_source(d, name, text.p, text.len);
	(void)read_lines(name, text, digest, signers,
			 n < BUNDLE_NEEDED ? DIAG_ERROR : DIAG_WARNING, d);
	diag_forget_sources(d);
	if (n < BUNDLE_NEEDED) {
		diag_error(d, (struct span){.file = name},
			   "%d of %zu signers have signed these rules; %d must have", n,
			   signers->count, BUNDLE_NEEDED);
		diag_remedy(d, "weir rules sign --key FILE, by another of rules_signers");
	}
	return who;
}

/* ---- a generation ------------------------------------------------------------------------- */

char *bundle_path(const struct generation *g, const struct generation_cfg *cfg)
{
	const char *first = cfg->rule_count > 0         ? cfg->rules[0]
			    : g->config->rule_count > 0 ? g->config->rules[0]
							: NULL;
	char *path = NULL;

	return first == NULL || asprintf(&path, "%s.sig", first) < 0 ? NULL : path;
}

static void name_signers(struct generation *g, const struct bundle_signers *signers,
			 uint32_t who)
{
	char print[FINGERPRINT_LEN + 1];
	size_t len = 0;

	for (size_t i = 0; i < signers->count; i++) {
		if ((who >> i & 1) == 0)
			continue;
		fingerprint_format(signers->keys[i], print);
		len += (size_t)snprintf(g->signed_by + len, sizeof(g->signed_by) - len,
					"%s%s", len == 0 ? "" : " ", print);
	}
}

void bundle_check(struct generation *g, const struct generation_cfg *cfg, struct diag *d)
{
	const struct bundle_signers signers =
		cfg->signers != NULL
			? (struct bundle_signers){cfg->signers, cfg->signer_count}
			: (struct bundle_signers){g->config->signers,
						  g->config->signer_count};
	char *path, *text = NULL, digest[65];
	size_t len = 0;
	int rc;

	if (!cfg->signed_rules || signers.count == 0)
		return;
	path = bundle_path(g, cfg);
	if (path == NULL) {
		diag_error(d, (struct span){.file = g->config->path},
			   "there are no rules that the signers could have signed");
		diag_remedy(d, "rules = [ \"FILE\" ];");
		return;
	}
	rc = file_set_read(cfg->set, path, BUNDLE_FILE_MAX, &text, &len);
	bundle_digest(g, digest);
	if (rc == 0) {
		name_signers(
			g, &signers,
			bundle_read(path, (struct str){text, len}, digest, &signers, d));
	} else {
		diag_error(d, (struct span){.file = path},
			   "cannot be read: %s; rules_signers demands %d signatures of "
			   "the rules",
			   strerrordesc_np(-rc), BUNDLE_NEEDED);
		diag_remedy(d, "weir rules sign --key FILE, by two of the signers");
	}
	free(text);
	free(path);
}
