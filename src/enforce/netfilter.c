/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/netfilter.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "enforce/netfilter_rules.h"
#include "enforce/program.h"

#define SAID_MAX 160 /* of a program's words, in a message */

struct tools {
	const char *save[2], *restore[2]; /* IPv4, IPv6 */
	const char *names[2];             /* lists the tables that exist; NULL = none */
};

static const struct tools tools[NETFILTER_BACKEND_COUNT] = {
	[NETFILTER_IPTABLES_NFT] = {.save = {"iptables-nft-save", "ip6tables-nft-save"},
				    .restore = {"iptables-nft-restore",
						"ip6tables-nft-restore"}},
	/* The legacy tools make a table by looking at it. */
	[NETFILTER_IPTABLES_LEGACY] =
		{.save = {"iptables-legacy-save", "ip6tables-legacy-save"},
		 .restore = {"iptables-legacy-restore", "ip6tables-legacy-restore"},
		 .names = {"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"}},
};

const char *netfilter_backend_name(enum netfilter_backend b)
{
	static const char *const names[NETFILTER_BACKEND_COUNT] = {
		[NETFILTER_PROBE] = "none",
		[NETFILTER_NFT] = "nft",
		[NETFILTER_IPTABLES_NFT] = "iptables-nft",
		[NETFILTER_IPTABLES_LEGACY] = "iptables-legacy",
	};

	return b < NETFILTER_BACKEND_COUNT ? names[b] : "none";
}

/* ---- running -------------------------------------------------------------------------------- */

/* The first line of what a program said, added to the sentence in `error`. */
static void add_said(char error[NETFILTER_ERROR_MAX], const char *program, int rc,
		     const char *said)
{
	const size_t used = strlen(error);
	const char *what = rc == -ENOENT                   ? "not installed"
			   : rc == -ETIMEDOUT              ? "did not end within 10 s"
			   : rc != 0                       ? strerrordesc_np(-rc)
			   : said == NULL || *said == '\0' ? "failed without a word"
							   : said;
	size_t len = strcspn(what, "\n");

	if (len > SAID_MAX)
		len = SAID_MAX;
	(void)snprintf(error + used, NETFILTER_ERROR_MAX - used, "%s%s: %.*s",
		       used > 0 ? "; " : "", program, (int)len, what);
}

/* Feed `text` to a program.  0, or -errno with what it said added to `error`. */
static int feed(const char *const argv[], const char *text,
		char error[NETFILTER_ERROR_MAX])
{
	char *said;
	int status = 0, rc = program_run(argv, text, &status, &said);

	if (rc == 0 && status != 0) {
		add_said(error, argv[0], 0, said);
		rc = -EIO;
	} else if (rc != 0) {
		add_said(error, argv[0], rc, NULL);
	}
	free(said);
	return rc;
}

static int restore(const struct tools *t, unsigned family, const char *text,
		   char error[NETFILTER_ERROR_MAX])
{
	const char *const argv[] = {t->restore[family], "--noflush", "--wait", "5", NULL};

	return feed(argv, text, error);
}

static bool table_exists(const char *list)
{
	char line[64];
	bool found = false;
	FILE *f = list == NULL ? NULL : fopen(list, "re");

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strcmp(line, "mangle\n") == 0;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/*
 * What iptables-save says of mangle; "" when there is no such table, or neither the tool nor
 * the kernel has this backend.  Never makes a table.  The caller frees.
 */
static int read_rules(const struct tools *t, unsigned family, char **ret,
		      char error[NETFILTER_ERROR_MAX])
{
	const char *const argv[] = {t->save[family], "-t", "mangle", NULL};
	const char *const list = t->names[family];
	char *said = NULL;
	int status = 0, rc = 0;

	if (list == NULL || table_exists(list)) {
		rc = program_run(argv, NULL, &status, &said);
		if (rc == 0 && status == 0 && said == NULL)
			rc = -ENOMEM;
		else if (rc == 0 && status == 0 && strlen(said) >= PROGRAM_OUTPUT_MAX)
			rc = -EFBIG; /* a part of it would hide rules of ours */
		else if (list == NULL && (rc == -ENOENT || status != 0))
			rc = 0;
		else if (rc == 0 && status != 0)
			rc = -EIO;
		else if (rc == 0) {
			*ret = said;
			return 0;
		}
	}
	if (rc != 0)
		add_said(error, argv[0], rc == -EIO ? 0 : rc, said);
	free(said);
	if (rc == 0) {
		*ret = strdup("");
		rc = *ret == NULL ? -ENOMEM : 0;
	}
	return rc;
}

/* True only when nft is there to say so: iptables-nft-save shows a table where none is. */
static bool lacks_nft_table(unsigned family)
{
	const char *const argv[] = {"nft", "list", "tables", family == 0 ? "ip" : "ip6",
				    NULL};
	char *said = NULL;
	int status = 0;
	bool lacks = program_run(argv, NULL, &status, &said) == 0 && status == 0 &&
		     said != NULL && strstr(said, " mangle\n") == NULL;

	free(said);
	return lacks;
}

static bool has_family(unsigned family)
{
	return family == 0 || access("/proc/net/if_inet6", F_OK) == 0;
}

/* ---- installing ------------------------------------------------------------------------------- */

static int install_family(const struct netfilter_cfg *cfg, enum netfilter_backend b,
			  unsigned family, bool shortcut, char error[NETFILTER_ERROR_MAX])
{
	const struct tools *t = &tools[b];
	char *saved = NULL, *text = NULL;
	size_t size = 0;
	FILE *out;
	bool made;
	int rc = read_rules(t, family, &saved, error);

	if (rc != 0)
		return rc;
	/* A table of ours stays ours when it is filled anew. */
	made = b == NETFILTER_IPTABLES_NFT &&
	       (strstr(saved, MADE_TABLE) != NULL || lacks_nft_table(family));
	out = open_memstream(&text, &size);
	if (out == NULL) {
		free(saved);
		return -ENOMEM;
	}
	netfilter_iptables_text(cfg, family == 1, shortcut, made, saved, out);
	rc = fclose(out) == 0 ? restore(t, family, text, error) : -ENOMEM;
	free(text);
	free(saved);
	return rc;
}

static void delete_made_table(const struct tools *t, unsigned family);

/*
 * Of ours, leave what `was` (iptables-save's words) holds; "" = nothing.  *ret_found tells
 * whether anything of ours was there.
 */
static int revert_family(enum netfilter_backend b, unsigned family, const char *was,
			 bool *ret_found, char error[NETFILTER_ERROR_MAX])
{
	const struct tools *t = &tools[b];
	char *now = NULL, *text = NULL;
	size_t size = 0;
	FILE *out;
	bool any;
	int rc = read_rules(t, family, &now, error);

	if (rc != 0)
		return rc;
	out = open_memstream(&text, &size);
	if (out == NULL) {
		free(now);
		return -ENOMEM;
	}
	any = netfilter_iptables_revert_text(now, was, out);
	rc = fclose(out) == 0 ? 0 : -ENOMEM;
	if (rc == 0 && any) {
		rc = restore(t, family, text, error);
		if (rc == 0 && strstr(now, MADE_TABLE) != NULL)
			delete_made_table(t, family);
	}
	*ret_found |= any;
	free(text);
	free(now);
	return rc;
}

/* Both families or neither: when the second fails, the first gets back what it had. */
static int install_iptables(const struct netfilter_cfg *cfg, enum netfilter_backend b,
			    bool shortcut, char error[NETFILTER_ERROR_MAX])
{
	char ignored[NETFILTER_ERROR_MAX] = "", *was = NULL;
	bool found = false;
	int rc = read_rules(&tools[b], 0, &was, error);

	if (rc == 0)
		rc = install_family(cfg, b, 0, shortcut, error);
	if (rc == 0 && has_family(1)) {
		rc = install_family(cfg, b, 1, shortcut, error);
		if (rc != 0)
			(void)revert_family(b, 0, was, &found, ignored);
	}
	free(was);
	return rc;
}

static int install_nft(const struct netfilter_cfg *cfg, char error[NETFILTER_ERROR_MAX])
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int rc;

	if (out == NULL)
		return -ENOMEM;
	netfilter_nft_text(cfg, out);
	rc = fclose(out) == 0 ? feed(argv, text, error) : -ENOMEM;
	free(text);
	return rc;
}

static int remove_all_but(enum netfilter_backend keep, bool *ret_found,
			  char error[NETFILTER_ERROR_MAX]);

static int install_by(const struct netfilter_cfg *cfg, enum netfilter_backend b,
		      char error[NETFILTER_ERROR_MAX])
{
	int rc;

	if (b == NETFILTER_NFT)
		return install_nft(cfg, error);
	/* Without the bpf match more packets come, and nothing else changes. */
	rc = install_iptables(cfg, b, true, error);
	if (rc == -EIO)
		rc = install_iptables(cfg, b, false, error);
	return rc;
}

int netfilter_install(const struct netfilter_cfg *cfg, enum netfilter_backend *ret_used,
		      char error[NETFILTER_ERROR_MAX])
{
	char said[NETFILTER_ERROR_MAX] = "", ignored[NETFILTER_ERROR_MAX] = "";
	bool found = false;
	int rc = -ENOENT;

	for (unsigned b = NETFILTER_NFT; b < NETFILTER_BACKEND_COUNT; b++) {
		if (cfg->backend != NETFILTER_PROBE && cfg->backend != b)
			continue;
		rc = install_by(cfg, (enum netfilter_backend)b, said);
		if (rc == 0) {
			/* What another one left would queue every packet once more. */
			(void)remove_all_but((enum netfilter_backend)b, &found, ignored);
			*ret_used = (enum netfilter_backend)b;
			return 0;
		}
	}
	(void)snprintf(
		error, NETFILTER_ERROR_MAX,
		"cannot put netfilter rules in place (%.*s); needs root and one of: "
		"apt install iptables, apt install nftables",
		NETFILTER_ERROR_MAX - 150, said);
	return rc;
}

/* ---- removing ----------------------------------------------------------------------------------- */

/* Nothing but base chains that accept: what iptables-nft leaves of a table. */
static bool is_bare(const char *saved)
{
	for (const char *line = saved; line != NULL && *line != '\0';) {
		if (line[0] == '-' ||
		    (line[0] == ':' && strstr(line, " ACCEPT ") == NULL))
			return false;
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return true;
}

static void delete_made_table(const struct tools *t, unsigned family)
{
	const char *const argv[] = {
		"nft", "delete", "table", family == 0 ? "ip" : "ip6", "mangle", NULL};
	char ignored[NETFILTER_ERROR_MAX] = "", *saved = NULL, *said = NULL;
	int status;

	if (read_rules(t, family, &saved, ignored) == 0 && is_bare(saved) &&
	    program_run(argv, NULL, &status, &said) == 0)
		free(said);
	free(saved);
}

static int remove_nft(bool *ret_found, char error[NETFILTER_ERROR_MAX])
{
	static const char *const list[] = {"nft",  "list",    "table",
					   "inet", NFT_TABLE, NULL};
	static const char *const argv[] = {"nft",  "delete",  "table",
					   "inet", NFT_TABLE, NULL};
	char *said = NULL;
	int status = 0;
	bool there = program_run(list, NULL, &status, &said) == 0 && status == 0;

	free(said);
	if (!there)
		return 0;
	*ret_found = true;
	return feed(argv, NULL, error);
}

/* What other backends than `keep` hold of ours; NETFILTER_PROBE = of all. */
static int remove_all_but(enum netfilter_backend keep, bool *ret_found,
			  char error[NETFILTER_ERROR_MAX])
{
	int rc, first = keep == NETFILTER_NFT ? 0 : remove_nft(ret_found, error);

	for (unsigned b = NETFILTER_IPTABLES_NFT; b < NETFILTER_BACKEND_COUNT; b++)
		for (unsigned family = 0; family < 2 && b != keep; family++) {
			rc = revert_family((enum netfilter_backend)b, family, "",
					   ret_found, error);
			first = first != 0 ? first : rc;
		}
	return first;
}

/* Without this right the tools fail as they do where there is nothing. */
static bool may_change_rules(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return syscall(SYS_capget, &head, data) == 0 &&
	       (data[0].effective & 1u << CAP_NET_ADMIN) != 0;
}

int netfilter_remove(bool *ret_found, char error[NETFILTER_ERROR_MAX])
{
	error[0] = '\0';
	*ret_found = false;
	if (!may_change_rules()) {
		(void)snprintf(error, NETFILTER_ERROR_MAX,
			       "cannot look for netfilter rules: needs root "
			       "(CAP_NET_ADMIN)");
		return -EPERM;
	}
	return remove_all_but(NETFILTER_PROBE, ret_found, error);
}

void netfilter_print(const struct netfilter_cfg *cfg, enum netfilter_backend b, FILE *out)
{
	if (b == NETFILTER_NFT) {
		netfilter_nft_text(cfg, out);
		return;
	}
	for (unsigned family = 0; family < 2; family++) {
		(void)fprintf(out, "# %s\n", family == 0 ? "IPv4" : "IPv6");
		netfilter_iptables_text(cfg, family == 1, true, false, "", out);
	}
}

/* ---- looking ------------------------------------------------------------------------------------ */

static int read_nft(char **ret)
{
	static const char *const argv[] = {"nft",  "list",    "table",
					   "inet", NFT_TABLE, NULL};
	char *said = NULL;
	int status = 0, rc = program_run(argv, NULL, &status, &said);

	if (rc == 0 && status == 0 && said != NULL) {
		*ret = said;
		return 0;
	}
	free(said);
	if (rc != 0)
		return rc;
	*ret = strdup("");
	return *ret == NULL ? -ENOMEM : 0;
}

int netfilter_read(enum netfilter_backend b, char **ret, char error[NETFILTER_ERROR_MAX])
{
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	int rc = 0;

	error[0] = '\0';
	if (b == NETFILTER_NFT) {
		rc = read_nft(ret);
		if (rc != 0)
			add_said(error, "nft", rc, NULL);
		return rc;
	}
	out = open_memstream(&text, &size);
	if (out == NULL)
		return -ENOMEM;
	for (unsigned family = 0; family < 2 && rc == 0; family++) {
		char *saved = NULL;

		rc = read_rules(&tools[b], family, &saved, error);
		if (rc == 0)
			netfilter_iptables_ours(
				saved, family == 0 ? "# IPv4\n" : "# IPv6\n", out);
		free(saved);
	}
	if (fclose(out) != 0 && rc == 0)
		rc = -ENOMEM;
	if (rc == 0)
		*ret = text;
	else
		free(text);
	return rc;
}

bool netfilter_acct_noted(void)
{
	char ignored[NETFILTER_ERROR_MAX] = "", *text = NULL;
	bool noted = false;

	if (read_nft(&text) == 0) {
		noted = strstr(text, "chain " NFT_NOTE " ") != NULL;
		free(text);
	}
	for (unsigned b = NETFILTER_IPTABLES_NFT; b < NETFILTER_BACKEND_COUNT; b++)
		for (unsigned family = 0; family < 2 && !noted; family++) {
			text = NULL;
			if (read_rules(&tools[b], family, &text, ignored) == 0)
				noted = netfilter_iptables_noted(text);
			free(text);
		}
	return noted;
}
