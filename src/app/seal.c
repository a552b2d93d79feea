/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal, keygen - the last seal for paper or mail, and the key that seals.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app/history.h"
#include "base/clock.h"
#include "base/hash.h"
#include "record/keys.h"
#include "record/seal.h"
#include "record/segments.h"

enum option_letter {
	OPTION_LEDGER = 256,
	OPTION_KEYS,
	OPTION_JSON,
	OPTION_SIGNER
};

static const struct option long_options[] = {
	{"ledger", required_argument, NULL, OPTION_LEDGER},
	{"keys", required_argument, NULL, OPTION_KEYS},
	{"json", no_argument, NULL, OPTION_JSON},
	{"signer", required_argument, NULL, OPTION_SIGNER},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct options {
	struct common common;
	const char *ledger, *keys, *signer;
};

static int parse(const char *command, int argc, char *argv[], struct options *o)
{
	int c;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((c = getopt_long(argc, argv, "c:", long_options, NULL)) != -1)
		switch (c) { // NOLINT(concurrency-mt-unsafe): one thread
		case 'c':
			o->common.config = optarg;
			break;
		case OPTION_LEDGER:
			o->ledger = optarg;
			break;
		case OPTION_KEYS:
			o->keys = optarg;
			break;
		case OPTION_JSON:
			o->common.json = true;
			break;
		case OPTION_SIGNER:
			o->signer = optarg;
			break;
		default:
			return EXIT_USAGE;
		}
	if (optind < argc)
		return usage_error(command, "'%s' is too much", argv[optind]);
	return EXIT_FINE;
}

/* ---- seal --------------------------------------------------------------------------------- */

static void print_seal(const struct seal *s, const char *line)
{
	char time[RFC3339_LEN + 1], head[2 * CHAIN_DIGEST + 1];

	clock_format_rfc3339(s->time_us, time);
	hex_format(s->head, CHAIN_DIGEST, head);
	(void)printf("lines   1 to %" PRIu64 ", sealed by line %" PRIu64 "\n"
		     "time    %s (UTC), cause %s\n"
		     "head    %s\n"
		     "key     %s, epoch %" PRIu64 "\n\n"
		     "%s",
		     s->last_seq, s->seq, time, seal_cause_name(s->cause), head, s->key,
		     s->epoch, line);
}

static int run_seal(int argc, char *argv[])
{
	struct options o = {.ledger = NULL};
	char buf[LEDGER_DIR_MAX], line[SEAL_LINE_MAX];
	struct segments_odd odd;
	struct seal s;
	const char *dir;
	int rc, code = parse("seal", argc, argv, &o);

	if (code != EXIT_FINE)
		return code;
	if (o.keys != NULL || o.signer != NULL)
		return usage_error("seal", "--keys and --signer belong to keygen");
	dir = history_dir("seal", &o.common, o.ledger, buf);
	if (dir == NULL)
		return EXIT_COULD_NOT;
	rc = seal_last(dir, &s, line);
	segments_odd(dir, &odd);
	if (rc != 0 && odd.no_file[0] != '\0') {
		(void)fprintf(
			stderr,
			"weir seal: %s/%s: a segment must be a regular file, and is a "
			"link or something else\n",
			dir, odd.no_file);
		return EXIT_COULD_NOT;
	}
	if (rc != 0) {
		(void)fprintf(stderr, "weir seal: %s: %s\n", dir,
			      rc == -ENODATA  ? "nothing is sealed yet"
			      : rc == -ENOENT ? "there is no ledger"
					      : strerrordesc_np(-rc));
		return rc == -ENODATA ? EXIT_FINDINGS : EXIT_COULD_NOT;
	}
	if (o.common.json)
		(void)fputs(line, stdout);
	else
		print_seal(&s, line);
	return finish_output(EXIT_FINE);
}

const struct command command_seal = {
	.name = "seal",
	.summary = "the ledger's last seal, for paper or mail",
	.run = run_seal,
	.help = "usage: weir seal [-c CONF | --ledger DIR] [--json]\n"
		"\n"
		"Prints the last seal: up to which line, when, the head of the chain, the key, and\n"
		"the line itself.  Kept outside of this machine it is an anchor: weir verify\n"
		"--anchors FILE proves with it that the ledger still is what it was.\n"
		"\n"
		"  -c CONF          whose ledger (default: /etc/weir/weir.conf)\n"
		"  --ledger DIR     that one\n"
		"  --json           only the line\n"
		"\n"
		"Exit status: 0 fine; 1 nothing is sealed yet; 2 usage; 3 no ledger.\n",
};

/* ---- keygen ------------------------------------------------------------------------------- */

static int make_key(const char *dir)
{
	char print[FINGERPRINT_LEN + 1];
	struct keys k;
	int rc = keys_create(dir, &k);

	if (rc == -EEXIST) {
		(void)fprintf(stderr,
			      "weir keygen: %s holds a key already; one that is replaced "
			      "makes the ledger's next seals foreign to it\n",
			      dir);
		return EXIT_FINDINGS;
	}
	if (rc != 0) {
		(void)fprintf(stderr, "weir keygen: %s: %s\n", dir, strerrordesc_np(-rc));
		return EXIT_COULD_NOT;
	}
	fingerprint_format(k.root_public, print);
	keys_close(&k);
	(void)printf("%s\n", print);
	return finish_output(EXIT_FINE);
}

/* A file that does not exist yet, for its owner alone. */
static int put_secret(const char *path, const char *text, size_t len)
{
	const int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : 0;

	if (fd >= 0 && write(fd, text, len) != (ssize_t)len)
		rc = errno == 0 ? -EIO : -errno;
	if (fd >= 0 && fsync(fd) != 0 && rc == 0)
		rc = -errno;
	if (fd >= 0 && close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc != 0 && fd >= 0)
		(void)unlink(path);
	return rc;
}

/* The key of a person who signs rules: the private half in a file, the public one printed. */
static int make_signer(const char *path)
{
	struct sign_key *k = sign_key_generate();
	char text[SIGN_PEM_MAX], print[FINGERPRINT_LEN + 1], *end;
	uint8_t public_key[SIGN_KEY];
	const size_t len = k == NULL ? 0 : sign_private_format(k, text);
	int rc = len == 0 || !sign_key_public(k, public_key)
			 ? -ENOMEM
			 : put_secret(path, text, len);

	sign_forget(text, sizeof(text));
	sign_key_destroy(k);
	if (rc != 0) {
		(void)fprintf(stderr, "weir keygen: %s: %s\n", path,
			      strerrordesc_np(-rc));
		return rc == -EEXIST ? EXIT_FINDINGS : EXIT_COULD_NOT;
	}
	fingerprint_format(public_key, print);
	(void)sign_pem_format(public_key, text);
	end = strstr(text, "\n-");
	*end = '\0';
	(void)printf("fingerprint  %s\nrules_signers = [ \"%s\", ... ];\n", print,
		     strchr(text, '\n') + 1);
	return finish_output(EXIT_FINE);
}

/* The folder that a gateway with this configuration uses.  False: it was said. */
static bool configured_keys(const struct common *c, char buf[KEYS_DIR_MAX])
{
	const char *path = c->config == NULL ? DEFAULT_CONFIG : c->config;
	struct diag *d = diag_create();
	struct config *config = d == NULL ? NULL : config_load(path, share_folder(), d);
	bool ok = false;

	if (config == NULL && d != NULL)
		print_findings(d);
	else if (config != NULL && config->ledger.keys != NULL)
		ok = snprintf(buf, KEYS_DIR_MAX, "%s", config->ledger.keys) <
		     KEYS_DIR_MAX;
	else if (config != NULL && config->ledger.dir != NULL) {
		keys_beside(config->ledger.dir, buf);
		ok = true;
	} else {
		(void)fprintf(stderr,
			      "weir keygen: %s names no ledger: write --keys DIR\n",
			      path);
	}
	config_destroy(config);
	diag_destroy(d);
	return ok;
}

static int run_keygen(int argc, char *argv[])
{
	struct options o = {.ledger = NULL};
	char keys[KEYS_DIR_MAX];
	int code = parse("keygen", argc, argv, &o);

	if (code != EXIT_FINE)
		return code;
	if (o.common.json || o.ledger != NULL)
		return usage_error("keygen", "takes -c, --keys or --signer alone");
	if (o.signer != NULL && (o.keys != NULL || o.common.config != NULL))
		return usage_error("keygen",
				   "--signer makes a person's key: no -c or --keys");
	if (o.signer != NULL)
		return make_signer(o.signer);
	if (o.keys != NULL)
		return make_key(o.keys);
	return configured_keys(&o.common, keys) ? make_key(keys) : EXIT_COULD_NOT;
}

const struct command command_keygen = {
	.name = "keygen",
	.summary = "make the key that seals the ledger, or that of who signs rules",
	.run = run_keygen,
	.help = "usage: weir keygen [-c CONF | --keys DIR]\n"
		"       weir keygen --signer FILE\n"
		"\n"
		"Makes the root key (Ed25519) and prints its fingerprint: write it down outside of\n"
		"this machine.  A gateway makes one by itself at its first start.\n"
		"\n"
		"  -c CONF          configuration that names ledger.keys or ledger.dir\n"
		"                   (default: /etc/weir/weir.conf)\n"
		"  --keys DIR       folder of the key; made when it is missing\n"
		"  --signer FILE    instead, the key of a person who signs rules (weir rules sign): the\n"
		"                   private half in FILE, which must not exist, for a place off this\n"
		"                   machine; the public one is printed as rules_signers takes it\n"
		"\n"
		"Exit status: 0 fine; 1 there is a key already; 2 usage; 3 could not.\n",
};
