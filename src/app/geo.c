/* SPDX-License-Identifier: Apache-2.0 */
/* geo - compiles Debian's tor-geoipdb into a country database that Weir reads. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "base/clock.h"
#include "base/file.h"
#include "catalog/mmdb.h"
#include "catalog/mmdb_write.h"
#include "catalog/tor_geoip.h"

#define TEXT_LIMIT ((size_t)256 << 20)
#define LETTERS    26
#define INPUTS_MAX 8

/* Countries that have a record already; -1 = none. */
struct records {
	int of[LETTERS][LETTERS];
};

static bool read_text(const char *path, struct tor_geoip *ret, struct diag *d)
{
	char *text;
	size_t len;
	int rc = file_read(path, TEXT_LIMIT, &text, &len);
	bool sound;

	if (rc < 0) {
		diag_error(d, (struct span){.file = path}, "cannot be read: %s",
			   strerrordesc_np(-rc));
		diag_remedy(d, "apt-get install tor-geoipdb; it puts geoip and geoip6 "
			       "into /usr/share/tor");
		return false;
	}
	diag_source(d, path, text, len);
	sound = tor_geoip_parse(path, text, len, ret, d);
	diag_forget_sources(d);
	free(text);
	return sound;
}

static int record_of(struct mmdb_write *w, struct records *r, const char code[2])
{
	int *known = &r->of[code[0] - 'A'][code[1] - 'A'];

	if (*known < 0)
		*known = mmdb_write_country(w, code);
	return *known;
}

/* 0 or -errno; the bytes are the caller's. */
static int compile(const struct tor_geoip *t, uint8_t **ret, size_t *ret_len)
{
	const struct mmdb_write_cfg cfg = {
		.type = "Weir-IPFire-Country",
		.description = "IPFire Location (https://location.ipfire.org/), by "
			       "Debian's tor-geoipdb, CC BY-SA 4.0",
		.build_s = (uint64_t)t->generated_s,
	};
	struct mmdb_write *w = mmdb_write_create();
	struct records records;
	int rc = w == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < LETTERS; i++)
		for (size_t k = 0; k < LETTERS; k++)
			records.of[i][k] = -1;
	for (size_t i = 0; i < t->count && rc == 0; i++) {
		int record = record_of(w, &records, t->list[i].code);

		rc = record < 0 ? record
				: mmdb_write_range(w, &t->list[i].first, &t->list[i].last,
						   record);
	}
	if (rc == 0)
		rc = mmdb_write_end(w, &cfg, ret, ret_len);
	mmdb_write_destroy(w);
	return rc;
}

static bool says(const struct mmdb *m, const struct addr *a, const char code[2])
{
	char country[3];

	mmdb_country(m, a, country);
	return memcmp(country, code, 2) == 0;
}

/* Read the file back: both ends of every range have their country. */
static bool read_back(const char *path, const uint8_t *bytes, size_t len,
		      const struct tor_geoip *t, struct diag *d)
{
	struct mmdb *m = mmdb_open(path, bytes, len, MMDB_COUNTRY, d);
	bool sound = m != NULL;

	for (size_t i = 0; i < t->count && sound; i++) {
		const struct country_range *r = &t->list[i];

		sound = says(m, &r->first, r->code) && says(m, &r->last, r->code);
		if (!sound)
			diag_error(d, (struct span){.file = path},
				   "does not say what went into it: range %zu, %.2s",
				   i + 1, r->code);
	}
	mmdb_close(m);
	return sound;
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) == -1 ? -errno : 0;
}

/* A reader sees the old file or the new one, and never a part. */
static int replace(const char *path, const uint8_t *bytes, size_t len)
{
	size_t size = strlen(path) + sizeof(".XXXXXX");
	char *aside = malloc(size);
	int fd, rc;

	if (aside == NULL)
		return -ENOMEM;
	(void)snprintf(aside, size, "%s.XXXXXX", path);
	fd = mkstemp(aside);
	if (fd == -1) {
		rc = -errno;
		free(aside);
		return rc;
	}
	rc = fchmod(fd, 0644) == -1 ? -errno : write_all(fd, bytes, len);
	if (close(fd) == -1 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(aside, path) == -1)
		rc = -errno;
	if (rc != 0)
		(void)unlink(aside);
	free(aside);
	return rc;
}

static void tell(const char *path, const struct tor_geoip *t, size_t len)
{
	struct civil c = civil_from_us(t->generated_s * 1000000);

	(void)printf("%s: %zu ranges of %04d-%02d-%02d, %zu without a country left out, "
		     "%zu bytes\n"
		     "data: IPFire Location, CC BY-SA 4.0, https://location.ipfire.org/\n"
		     "weir.conf: geo = { country = \"%s\"; };\n",
		     path, t->count, c.year, c.month, c.day, t->unknown, len, path);
}

static int make(const char *path, const struct tor_geoip *t, struct diag *d)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	int rc = compile(t, &bytes, &len);

	if (rc != 0) {
		(void)fprintf(stderr, "weir geo: %s: %s\n", path, strerrordesc_np(-rc));
		return EXIT_COULD_NOT;
	}
	if (!read_back(path, bytes, len, t, d)) {
		free(bytes);
		return EXIT_FINDINGS;
	}
	if (!may_replace("geo", path)) {
		free(bytes);
		return EXIT_COULD_NOT;
	}
	rc = replace(path, bytes, len);
	free(bytes);
	if (rc != 0) {
		(void)fprintf(stderr, "weir geo: cannot write %s: %s\n", path,
			      strerrordesc_np(-rc));
		return EXIT_COULD_NOT;
	}
	tell(path, t, len);
	return EXIT_FINE;
}

static int geo(const char *path, const char *const *names, int count)
{
	struct tor_geoip t = {0};
	struct diag *d = diag_create();
	int code = EXIT_FINDINGS;
	bool sound = true;

	if (d == NULL) {
		(void)fprintf(stderr, "weir: out of memory\n");
		return EXIT_COULD_NOT;
	}
	for (int i = 0; i < count; i++)
		sound = read_text(names[i], &t, d) && sound;
	if (sound && t.generated_s == 0) {
		diag_error(d, (struct span){.file = names[0]},
			   "does not say when it was made: no line \"# Generated: Thu, "
			   "25 Jun 2026 04:33:59 GMT\"");
		sound = false;
	}
	if (sound)
		code = make(path, &t, d);
	print_findings(d);
	diag_destroy(d);
	free(t.list);
	return finish_output(code);
}

static int run(int argc, char *argv[])
{
	static const char *const debian[] = {"/usr/share/tor/geoip",
					     "/usr/share/tor/geoip6"};
	const char *names[INPUTS_MAX];
	int count = 0;
	static const struct option longs[] = {
		{"output", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	const char *path = NULL;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started */
	while ((o = getopt_long(argc, argv, "o:", longs, NULL)) != -1) {
		if (o == 'o')
			path = optarg;
		else
			return usage_error("geo", "see the options");
	}
	if (path == NULL)
		return usage_error("geo", "where to? -o FILE");
	if (argc - optind > INPUTS_MAX)
		return usage_error("geo", "too many files");
	for (int i = optind; i < argc; i++)
		names[count++] = argv[i];
	return count == 0 ? geo(path, debian, 2) : geo(path, names, count);
}

const struct command command_geo = {
	.name = "geo",
	.summary = "compile a country database from Debian's tor-geoipdb",
	.run = run,
	.help = "usage: weir geo -o FILE [GEOIP...]\n"
		"\n"
		"Reads the country ranges of Debian's package tor-geoipdb (default:\n"
		"/usr/share/tor/geoip and geoip6), writes one MMDB file with IPv4 and IPv6, and\n"
		"replaces FILE when all of it was read back.  The same data give the same bytes.\n"
		"The data are IPFire's, CC BY-SA 4.0: so is what is made of them.\n"
		"\n"
		"  -o FILE    where to; for geo.country in weir.conf\n"
		"\n"
		"Exit status: 0 fine; 1 the data have errors; 2 usage; 3 could not.\n",
};
