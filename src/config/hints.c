/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "config/walk.h"

#define ZONES_FILE "/usr/share/zoneinfo/tzdata.zi"
#define ZONES_MAX  (1u << 20)

struct zone_search {
	struct nearest whole;
	struct str wanted;
	char *best;   /* of HINT_ZONE_MAX bytes */
	bool by_city; /* found "Europe/Berlin" for "Berlin": nothing is nearer */
};

static void offer_zone(struct zone_search *z, struct str name)
{
	const char *slash;
	struct str city;
	char copy[HINT_ZONE_MAX];

	if (z->by_city || name.len == 0 || name.len >= HINT_ZONE_MAX)
		return;
	memcpy(copy, name.p, name.len);
	copy[name.len] = '\0';
	slash = strrchr(copy, '/');
	city = str_of(slash == NULL ? copy : slash + 1);
	z->by_city = str_equal_fold(city, z->wanted);
	nearest_offer(&z->whole, copy);
	if (z->by_city || z->whole.best == copy)
		memcpy(z->best, copy, name.len + 1);
	if (z->whole.best == copy)
		z->whole.best = z->best; /* outlives this call */
}

static struct str next_word(struct str *line)
{
	struct str w = {line->p, 0};

	while (w.len < line->len && line->p[w.len] != ' ')
		w.len++;
	line->p += w.len;
	line->len -= w.len;
	if (line->len > 0) {
		line->p++;
		line->len--;
	}
	return w;
}

/* zic(8)'s short form: "Z NAME ..." is a zone, "L TARGET NAME" a link to one. */
static void offer_line(struct zone_search *z, struct str line)
{
	struct str kind = next_word(&line);

	if (str_equal(kind, STR("Z"))) {
		offer_zone(z, next_word(&line));
	} else if (str_equal(kind, STR("L"))) {
		(void)next_word(&line);
		offer_zone(z, next_word(&line));
	}
}

const char *hint_zone(const char *wanted, char buf[HINT_ZONE_MAX])
{
	struct zone_search z = {.wanted = str_of(wanted), .best = buf};
	char *text;
	size_t len;

	if (file_read(ZONES_FILE, ZONES_MAX, &text, &len) != 0)
		return NULL;
	buf[0] = '\0';
	nearest_start(&z.whole, z.wanted);
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end == NULL ? len - at : (size_t)(end - (text + at));

		offer_line(&z, (struct str){text + at, n});
		at += n + 1;
	}
	free(text);
	return buf[0] == '\0' ? NULL : buf;
}
