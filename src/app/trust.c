/* SPDX-License-Identifier: Apache-2.0 */
#include "app/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "base/file.h"

#define ANCHORS_BYTES_MAX ((size_t)512 << 20)
#define PUBLIC_BYTES_MAX  ((size_t)64 << 10)

/* The folder's key when its fingerprint is the given one. */
static int key_of_fingerprint(const char *command, const char *dir, const char *wanted,
			      uint8_t ret[SIGN_KEY])
{
	char print[FINGERPRINT_LEN + 1], *text = NULL;
	char name[4200];
	size_t len = 0;
	int rc;

	(void)snprintf(name, sizeof(name), "%s/ledger.pub", dir);
	rc = file_read(name, PUBLIC_BYTES_MAX, &text, &len);
	if (rc == 0 && !sign_pem_parse((struct str){text, len}, ret))
		rc = -EBADMSG;
	free(text);
	if (rc != 0) {
		(void)fprintf(stderr,
			      "weir %s: %s: %s; without it the key itself is needed: "
			      "a copy of ledger.pub\n",
			      command, name,
			      rc == -EBADMSG ? "no public key" : strerrordesc_np(-rc));
		return EXIT_COULD_NOT;
	}
	fingerprint_format(ret, print);
	if (strcmp(print, wanted) == 0)
		return EXIT_FINE;
	(void)fprintf(stderr,
		      "weir %s: the key in %s is %s, not the one given: this is "
		      "another ledger, or one that was begun anew\n",
		      command, name, print);
	return EXIT_FINDINGS;
}

/* It may have been typed from paper: letter case does not count. */
static bool read_fingerprint(const char *key, char ret[FINGERPRINT_LEN + 1])
{
	const size_t len = strlen(key);

	if (len != FINGERPRINT_LEN)
		return false;
	for (size_t i = 0; i <= len; i++)
		ret[i] = (char)(key[i] >= 'a' && key[i] <= 'f' ? key[i] - 'a' + 'A'
							       : key[i]);
	return fingerprint_is(str_of(ret));
}

int trust_read_key(const char *command, const char *dir, const char *key,
		   uint8_t ret[SIGN_KEY])
{
	char print[FINGERPRINT_LEN + 1], *text = NULL;
	size_t len = 0;
	int rc;

	if (read_fingerprint(key, print))
		return key_of_fingerprint(command, dir, print, ret);
	rc = file_read(key, PUBLIC_BYTES_MAX, &text, &len);
	if (rc == 0 && !sign_pem_parse((struct str){text, len}, ret)) {
		(void)fprintf(stderr,
			      "weir %s: %s: no Ed25519 public key in PEM; give a copy of "
			      "ledger.pub, or the fingerprint\n",
			      command, key);
		free(text);
		return EXIT_COULD_NOT;
	}
	free(text);
	if (rc == -ENOENT)
		(void)fprintf(
			stderr,
			"weir %s: '%s' is no file, and no fingerprint: that has "
			"eight groups of four hex digits, as weir keygen prints it\n",
			command, key);
	else if (rc != 0)
		(void)fprintf(stderr, "weir %s: %s: %s\n", command, key,
			      strerrordesc_np(-rc));
	return rc == 0 ? EXIT_FINE : EXIT_COULD_NOT;
}

static int read_anchors(const char *command, const char *name, struct anchors *ret)
{
	char *text = NULL;
	size_t len = 0;
	int rc = file_read(name, ANCHORS_BYTES_MAX, &text, &len);

	if (rc == 0)
		rc = anchors_parse((struct str){text, len}, ret);
	free(text);
	if (rc == 0 && ret->count == 0) {
		(void)fprintf(
			stderr,
			"weir %s: %s: holds no seal: one a line is looked for, whole "
			"and in UTF-8, as weir seal prints it and weir ship sends it\n",
			command, name);
		return EXIT_COULD_NOT;
	}
	if (rc != 0)
		(void)fprintf(stderr, "weir %s: %s: %s\n", command, name,
			      strerrordesc_np(-rc));
	return rc == 0 ? EXIT_FINE : EXIT_COULD_NOT;
}

static void say_why(const char *command, const struct trust *t, const char *dir, int rc,
		    const struct ledger_proof *p)
{
	(void)fprintf(stderr, "weir %s: %s", command, dir);
	if (p->odd.no_file[0] != '\0')
		(void)fprintf(stderr,
			      "/%s: a segment must be a regular file, and is a link or "
			      "something else\n",
			      p->odd.no_file);
	else if (rc == -ENOKEY)
		(void)fprintf(stderr, ": no ledger.pub; give the key: %s FILE\n",
			      t->key_option);
	else
		(void)fprintf(stderr, ": %s\n",
			      rc == -ENOENT ? "there is no ledger"
					    : strerrordesc_np(-rc));
}

int trust_read(const char *command, const struct trust *t, const char *dir,
	       struct trust_read *ret)
{
	int code = EXIT_FINE;

	*ret = (struct trust_read){.has_root = t->key != NULL};
	if (t->key != NULL)
		code = trust_read_key(command, dir, t->key, ret->root);
	if (code == EXIT_FINE && t->anchors != NULL) {
		code = read_anchors(command, t->anchors, &ret->anchors);
		ret->has_anchors = code == EXIT_FINE;
	}
	return code;
}

int trust_verify(const char *command, const struct trust *t, const struct verify_cfg *cfg,
		 struct ledger_proof *ret)
{
	struct verify_cfg all = *cfg;
	struct trust_read read;
	int code = trust_read(command, t, cfg->dir, &read), rc = 0;

	all.root = read.has_root ? read.root : NULL;
	all.anchors = read.has_anchors ? &read.anchors : NULL;
	ret->odd.no_file[0] = '\0';
	if (code == EXIT_FINE)
		rc = ledger_verify(&all, ret);
	anchors_finish(&read.anchors);
	if (rc == 0)
		return code;
	say_why(command, t, cfg->dir, rc, ret);
	return EXIT_COULD_NOT;
}
