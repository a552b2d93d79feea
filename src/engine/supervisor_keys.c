/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor_keys - the keys that a gateway needs are there before its processes begin.
 */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/supervisor.h"
#include "record/keys.h"
#include "record/pseudonym.h"
#include "record/sign.h"

/* The key that seals the ledger: made at the first start, and its fingerprint told. */
static int prepare_ledger_key(struct supervisor *s)
{
	const struct config *c = s->generation->config;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the loader does not ask for users */
	const struct passwd *pw = getpwnam(c->capture.user);
	char beside[KEYS_DIR_MAX];
	const char *dir = c->ledger.keys != NULL ? c->ledger.keys : beside;
	struct keys k;
	int rc;

	keys_beside(c->ledger.dir, beside);
	if ((mkdir(dir, 0700) == 0 || errno == EEXIST) && pw != NULL &&
	    chown(dir, pw->pw_uid, pw->pw_gid) != 0)
		log_warning("%s: cannot give it to user '%s': %s", dir, c->capture.user,
			    strerrordesc_np(errno));
	rc = keys_open(dir, &k);
	if (rc == -ENOENT) {
		rc = keys_create(dir, &k);
		if (rc == 0)
			log_notice("ledger: a new root key in %s", dir);
	}
	if (rc != 0) {
		log_error("ledger: the key in %s cannot be used: %s", dir,
			  strerrordesc_np(-rc));
		return rc;
	}
	fingerprint_format(k.root_public, s->fingerprint);
	keys_close(&k);
	return 0;
}

/* The key of pseudonyms: made at the first start that wants them, and never anew. */
static int prepare_pseudonyms(const struct supervisor *s)
{
	const struct config *c = s->generation->config;
	char path[PSEUDONYMS_PATH_MAX], beside[KEYS_DIR_MAX];
	struct pseudonyms p;
	int rc;

	if (!c->identity.pseudonyms)
		return 0;
	keys_beside(c->ledger.dir, beside);
	pseudonyms_path(c->ledger.keys, c->ledger.dir, path);
	rc = pseudonyms_read(path, &p);
	if (rc == -ENOENT) {
		rc = pseudonyms_make(c->ledger.keys != NULL ? c->ledger.keys : beside);
		if (rc == 0)
			log_notice("identity: a new key of pseudonyms, %s", path);
	}
	pseudonyms_forget(&p);
	if (rc == -EBADMSG)
		log_error(
			"identity: %s is no key of pseudonyms (a file of 32 bytes): put "
			"the right one back; with another one each person becomes "
			"another",
			path);
	else if (rc != 0)
		log_error("identity: the key of pseudonyms %s: %s", path,
			  strerrordesc_np(-rc));
	return rc;
}

int supervisor_keys(struct supervisor *s)
{
	const int rc = prepare_ledger_key(s);

	return rc == 0 ? prepare_pseudonyms(s) : rc;
}
