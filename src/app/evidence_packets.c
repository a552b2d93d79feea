/* SPDX-License-Identifier: Apache-2.0 */
#include "app/evidence_packets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "store/fields.h"

/* FLOW_ID.pcapng or FLOW_ID-N.pcapng: a line is hostile, and this becomes a path. */
static bool is_name(struct str s)
{
	size_t i = 0;

	while (i < s.len && i < 16 && ascii_is_hex(s.p[i]))
		i++;
	if (i == 16 && i < s.len && s.p[i] == '-')
		for (i++; i < s.len && ascii_is_digit(s.p[i]);)
			i++;
	return s.len < PACKETS_NAME_MAX && i >= 16 &&
	       str_equal((struct str){s.p + i, s.len - i}, STR(".pcapng"));
}

static int keep(struct evidence_packets *p, const struct packets_kept *one)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i].name, one->name) == 0)
			return 0;
	if (p->count == p->room) {
		const size_t room = p->room == 0 ? 64 : 2 * p->room;
		struct packets_kept *more = realloc(p->list, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		p->list = more;
		p->room = room;
	}
	p->list[p->count++] = *one;
	return 0;
}

int evidence_packets_note(struct evidence_packets *p, const struct ledger_line *line,
			  struct diag *d)
{
	static const char key[] = "\"packets\":";
	struct packets_kept one = {.name = ""};
	struct str name, sha256;

	if (memmem(line->text.p, line->text.len, key, sizeof(key) - 1) == NULL)
		return 0;
	if (p->line == NULL)
		p->line = line_for_store();
	if (p->line == NULL)
		return -ENOMEM;
	if (record_line_read(line, d, p->line) == LINE_UNSOUND)
		return 0;
	name = line_text(p->line, LINE_FIELD_PACKETS);
	sha256 = line_text(p->line, LINE_FIELD_PACKETS_SHA256);
	if (!is_name(name) || sha256.len != PACKETS_SHA_LEN)
		return 0;
	memcpy(one.name, name.p, name.len);
	memcpy(one.sha256, sha256.p, sha256.len);
	return keep(p, &one);
}

void evidence_packets_finish(struct evidence_packets *p)
{
	free(p->list);
	free(p->line);
	*p = (struct evidence_packets){.count = 0};
}

static void add_one(struct evidence_packets *p, const struct packets_kept *k,
		    const char *dir, struct tar *t, FILE *readme)
{
	char *path = NULL, *bytes = NULL, hex[PACKETS_SHA_LEN + 1];
	uint8_t digest[PACKETS_SHA_LEN / 2];
	size_t len = 0;
	int rc = -ENOMEM;

	if (asprintf(&path, "%s/" PACKETS_FOLDER "/%s", dir, k->name) < 0)
		path = NULL;
	else
		rc = file_read(path, PACKETS_BYTES_MAX, &bytes, &len);
	if (rc == 0) {
		tar_add(t, path + strlen(dir) + 1, bytes, len);
		digest_sha256(bytes, len, digest);
		hex_format(digest, sizeof(digest), hex);
		if (strcmp(hex, k->sha256) != 0) {
			p->changed++;
			(void)fprintf(readme, "  not the one that was kept: %s\n",
				      k->name);
		}
	} else {
		p->absent++;
		(void)fprintf(readme, "  not in it: %s: %s\n", k->name,
			      strerrordesc_np(-rc));
	}
	free(bytes);
	free(path);
}

void evidence_packets_add(struct evidence_packets *p, const char *dir, struct tar *t,
			  FILE *readme)
{
	for (size_t i = 0; i < p->count; i++)
		add_one(p, &p->list[i], dir, t, readme);
}
