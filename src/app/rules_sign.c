/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rules_sign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "engine/bundle.h"

#define KEY_BYTES_MAX 4096

static struct sign_key *read_key(const char *path)
{
	struct sign_key *k = NULL;
	char *text = NULL;
	size_t len = 0;
	const int rc = file_read(path, KEY_BYTES_MAX, &text, &len);

	if (rc == 0) {
		k = sign_private_parse((struct str){text, len});
		sign_forget(text, len);
	}
	free(text);
	if (k == NULL)
		(void)fprintf(
			stderr,
			"weir rules: %s: %s; `weir keygen --signer FILE` makes one\n",
			path,
			rc != 0 ? strerrordesc_np(-rc) : "no Ed25519 private key in PEM");
	return k;
}

/* Is the key one of those that count?  Where none does anybody may sign. */
static bool is_signer(const struct config *c, const uint8_t key[SIGN_KEY],
		      const char *print)
{
	for (size_t i = 0; i < c->signer_count; i++)
		if (memcmp(c->signers[i], key, SIGN_KEY) == 0)
			return true;
	if (c->signer_count == 0)
		(void)fprintf(stderr,
			      "weir rules: no rules_signers in this configuration: "
			      "nobody asks for signatures yet\n");
	else
		(void)fprintf(stderr,
			      "weir rules: %s is none of rules_signers in %s: its "
			      "signature would not count, and nothing was written\n",
			      print, c->path);
	return c->signer_count == 0;
}

/* What is there, without lines of this signer, and the new one behind it. */
static int put_line(const char *path, const char *print, const char *line,
		    size_t line_len)
{
	char *old = NULL, *all = NULL;
	size_t len = 0, all_len = 0;
	int rc = file_read(path, BUNDLE_FILE_MAX, &old, &len);
	FILE *f = open_memstream(&all, &all_len);

	if (rc == -ENOENT)
		rc = 0;
	if (f == NULL)
		rc = -ENOMEM;
	for (const char *p = old; rc == 0 && p != NULL && p < old + len;) {
		const size_t n = strcspn(p, "\n");
		const char *at = memmem(p, n, print, FINGERPRINT_LEN);

		if (at == NULL)
			(void)fprintf(f, "%.*s\n", (int)n, p);
		p += n + 1;
	}
	if (f != NULL) {
		(void)fwrite(line, 1, line_len, f);
		if (fclose(f) != 0 && rc == 0)
			rc = -ENOMEM;
	}
	if (rc == 0)
		rc = file_replace(path, all, all_len);
	free(all);
	free(old);
	return rc;
}

static int sign(const struct generation *g, const char *path, const struct sign_key *k)
{
	char digest[65], line[BUNDLE_LINE_MAX], print[FINGERPRINT_LEN + 1];
	uint8_t public_key[SIGN_KEY];
	size_t len;
	int rc;

	if (path == NULL)
		return usage_error("rules", "which rules? write -c FILE or RULES");
	bundle_digest(g, digest);
	len = bundle_sign(k, digest, line);
	if (len == 0 || !sign_key_public(k, public_key))
		return EXIT_COULD_NOT;
	fingerprint_format(public_key, print);
	if (!is_signer(g->config, public_key, print))
		return EXIT_FINDINGS;
	rc = put_line(path, print, line, len);
	if (rc != 0) {
		(void)fprintf(stderr, "weir rules: %s: %s\n", path, strerrordesc_np(-rc));
		return EXIT_COULD_NOT;
	}
	(void)printf("%s: signed by %s\nrules        %s\n", path, print, digest);
	return finish_output(EXIT_FINE);
}

int rules_sign(const struct common *c, const char *key)
{
	const struct generation_cfg cfg = generation_cfg_of(c);
	struct sign_key *k;
	struct generation *g;
	char *path;
	int code;

	if (key == NULL)
		return usage_error("rules", "who signs? write --key FILE");
	g = load_or_report(c, false);
	if (g == NULL)
		return EXIT_FINDINGS;
	k = read_key(key);
	path = bundle_path(g, &cfg);
	code = k == NULL ? EXIT_COULD_NOT : sign(g, path, k);
	free(path);
	sign_key_destroy(k);
	generation_destroy(g);
	return code;
}
