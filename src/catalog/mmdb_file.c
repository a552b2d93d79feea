/* SPDX-License-Identifier: Apache-2.0 */
/* mmdb_file - opening: a sealed copy, checked in full, and what its records say. */
#include "catalog/mmdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "catalog/catalog.h"
#include "catalog/mmdb_check.h"

#define RECORDS_MAX  (UINT32_C(2) << 20) /* GeoLite2-ASN: 80,000; country files: 250 */
#define STEPS_MAX    (UINT64_C(1) << 28) /* of all records: about two seconds */
#define SAMPLE       1000u               /* records that choose the preset */
#define KEYS_RECORDS 200u                /* records whose keys are listed */
#define KEYS_MAX     16u
#define TREE_END     16u                  /* zero bytes between the tree and the data */
#define META_MAX     ((size_t)128 * 1024) /* where the format wants the metadata */

const char *mmdb_library_version(void)
{
	return MMDB_lib_version();
}

/* A sealed copy that nobody can shorten; its descriptor, or -errno. */
static int sealed_copy(const void *bytes, size_t len)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	const char *p = bytes;
	int fd = memfd_create("weir-mmdb", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc = 0;

	if (fd == -1)
		return -errno;
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n == 0 ? -EIO : -errno;
			break;
		}
		p += n;
		len -= (size_t)n;
	}
	if (rc == 0 && fcntl(fd, F_ADD_SEALS, seals) == -1)
		rc = -errno;
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
}

/* MMDB_SUCCESS, a code of libmaxminddb's (positive), or -errno. */
static int open_sealed(const void *bytes, size_t len, MMDB_s *ret)
{
	char path[32];
	int fd = sealed_copy(bytes, len);
	int rc;

	if (fd < 0)
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = MMDB_open(path, MMDB_MODE_MMAP, ret);
	(void)close(fd);
	return rc;
}

/* A file that is being opened. */
struct opening {
	struct mmdb *m;
	struct span whole;
	struct diag *d;
	uint32_t *records; /* distinct offsets in the data section */
	size_t count, room;
	uint8_t *seen_data;  /* a bit an offset */
	uint8_t *seen_nodes; /* a bit a node */
	uint32_t *todo;      /* nodes to visit: each once */
	size_t depth;
	bool found; /* a record was met */
	uint64_t steps;
};

static void no_memory(const struct opening *o)
{
	diag_error(o->d, o->whole, "out of memory");
}

static void refetch(const struct opening *o)
{
	diag_remedy(o->d, "fetch the file again; geo/README.md names sources");
}

static bool mark(uint8_t *bits, uint64_t i)
{
	uint8_t bit = (uint8_t)(1u << (i & 7));
	bool was = (bits[i / 8] & bit) != 0;

	bits[i / 8] |= bit;
	return !was;
}

/* What the metadata claim about the tree; libmaxminddb 1.7.1 believes them (a SIGBUS). */
enum {
	CLAIM_NODES = 0,
	CLAIM_BITS,
	CLAIM_FAMILY,
	CLAIM_COUNT
};

struct claims {
	uint64_t value[CLAIM_COUNT];
	bool met[CLAIM_COUNT];
};

/* Of a key that stands there twice the first counts, as it does for libmaxminddb. */
static void note_claim(void *arg, unsigned depth, struct str key, uint64_t v)
{
	static const char *const keys[CLAIM_COUNT] = {"node_count", "record_size",
						      "ip_version"};
	struct claims *c = arg;

	for (unsigned i = 0; i < CLAIM_COUNT && depth == 1; i++)
		if (!c->met[i] && str_equal(key, str_of(keys[i]))) {
			c->met[i] = true;
			c->value[i] = v;
		}
}

/* `room`: bytes before the metadata.  NULL: fine, or what is wrong. */
static const char *wrong_claim(const struct claims *c, size_t room)
{
	const uint64_t nodes = c->value[CLAIM_NODES], bits = c->value[CLAIM_BITS];

	if (bits != 24 && bits != 28 && bits != 32)
		return "record_size is none of 24, 28, 32";
	if (c->value[CLAIM_FAMILY] != 4 && c->value[CLAIM_FAMILY] != 6)
		return "ip_version is neither 4 nor 6";
	if (nodes == 0)
		return "node_count is 0: it knows no address";
	if (nodes > UINT32_MAX || nodes * bits / 4 + TREE_END > room)
		return "node_count says more than there is";
	return NULL;
}

/* The map behind the last marker, before libmaxminddb reads it. */
static bool check_metadata(const struct opening *o, const uint8_t *bytes, size_t len)
{
	static const uint8_t marker[] = "\xab\xcd\xefMaxMind.com";
	const size_t n = sizeof(marker) - 1;
	size_t least = len > META_MAX ? len - META_MAX : 0;
	struct claims claims = {0};
	const struct mmdb_listener listener = {.number = note_claim, .arg = &claims};
	enum mmdb_fault fault;
	const char *wrong;
	uint64_t steps = 0;

	for (size_t at = len < n ? 0 : len - n + 1; at-- > least;) {
		if (memcmp(bytes + at, marker, n) != 0)
			continue;
		fault = mmdb_check(bytes + at + n, len - at - n, 0, &steps, &listener);
		wrong = fault == MMDB_FAULT_SOUND ? wrong_claim(&claims, at)
						  : mmdb_fault_text(fault);
		if (wrong == NULL)
			return true;
		diag_error(o->d, o->whole, "is no sound MaxMind DB file: metadata: %s",
			   wrong);
		refetch(o);
		return false;
	}
	diag_error(o->d, o->whole,
		   "is no sound MaxMind DB file: no metadata in its last "
		   "128 KiB");
	refetch(o);
	return false;
}

/* ---- the tree ----------------------------------------------------------------------------- */

static bool add_record(struct opening *o, uint64_t offset)
{
	o->found = true;
	if (!mark(o->seen_data, offset))
		return true;
	if (o->count == RECORDS_MAX) {
		diag_error(o->d, o->whole, "has more than %" PRIu32 " different records",
			   RECORDS_MAX);
		diag_remedy(o->d, "a country or network (ASN) database");
		return false;
	}
	if (o->count == o->room) {
		size_t more = o->room == 0 ? 1024 : o->room * 2;
		uint32_t *longer = realloc(o->records, more * sizeof(*longer));

		if (longer == NULL) {
			no_memory(o);
			return false;
		}
		o->records = longer;
		o->room = more;
	}
	o->records[o->count++] = (uint32_t)offset;
	return true;
}

static bool take_side(struct opening *o, uint8_t type, uint64_t record,
		      MMDB_entry_s entry)
{
	switch (type) {
	case MMDB_RECORD_TYPE_EMPTY:
		return true;
	case MMDB_RECORD_TYPE_SEARCH_NODE:
		if (record < o->m->db.metadata.node_count && mark(o->seen_nodes, record))
			o->todo[o->depth++] = (uint32_t)record;
		return true;
	case MMDB_RECORD_TYPE_DATA:
		if (entry.offset < o->m->db.data_section_size)
			return add_record(o, entry.offset);
		break;
	default:
		break;
	}
	diag_error(o->d, o->whole,
		   "is no sound MaxMind DB file: its tree leads outside of it");
	refetch(o);
	return false;
}

/* All nodes below `node` that were not visited yet.  Each once, so circles end. */
static bool visit(struct opening *o, uint32_t node)
{
	MMDB_search_node_s n;

	o->found = false;
	if (!mark(o->seen_nodes, node))
		return true;
	o->todo[o->depth++] = node;
	while (o->depth > 0) {
		if (MMDB_read_node(&o->m->db, o->todo[--o->depth], &n) != MMDB_SUCCESS) {
			diag_error(o->d, o->whole,
				   "is no sound MaxMind DB file: its tree "
				   "cannot be read");
			refetch(o);
			return false;
		}
		if (!take_side(o, n.right_record_type, n.right_record,
			       n.right_record_entry) ||
		    !take_side(o, n.left_record_type, n.left_record, n.left_record_entry))
			return false;
	}
	return true;
}

/* The IPv4 part first: what is met after it is of IPv6. */
static bool walk_tree(struct opening *o)
{
	const MMDB_s *db = &o->m->db;
	const uint32_t nodes = db->metadata.node_count;
	const uint32_t v4 =
		db->metadata.ip_version == 4 ? 0 : db->ipv4_start_node.node_value;

	o->seen_nodes = calloc(1, (size_t)nodes / 8 + 1);
	o->seen_data = calloc(1, (size_t)db->data_section_size / 8 + 1);
	o->todo = malloc(((size_t)nodes + 1) * sizeof(*o->todo));
	if (o->seen_nodes == NULL || o->seen_data == NULL || o->todo == NULL) {
		no_memory(o);
		return false;
	}
	if (v4 < nodes) {
		if (!visit(o, v4))
			return false;
		o->m->v4 = o->found;
	} else {
		o->m->v4 = v4 > nodes; /* one record for all of IPv4 */
	}
	if (!visit(o, 0))
		return false;
	o->m->v6 = db->metadata.ip_version == 6 && o->found;
	return true;
}

/* ---- the records -------------------------------------------------------------------------- */

static MMDB_entry_s entry_at(const struct opening *o, uint32_t offset)
{
	return (MMDB_entry_s){.mmdb = &o->m->db, .offset = offset};
}

static bool check_records(struct opening *o)
{
	const MMDB_s *db = &o->m->db;

	for (size_t i = 0; i < o->count; i++) {
		enum mmdb_fault fault =
			mmdb_check(db->data_section, db->data_section_size, o->records[i],
				   &o->steps, NULL);

		if (fault != MMDB_FAULT_SOUND) {
			diag_error(o->d, o->whole,
				   "is no sound MaxMind DB file: data at byte %" PRIu32
				   ": %s",
				   o->records[i], mmdb_fault_text(fault));
			refetch(o);
			return false;
		}
		if (o->steps > STEPS_MAX) {
			diag_error(o->d, o->whole,
				   "holds more than Weir is willing to read: %" PRIu64
				   " values",
				   STEPS_MAX);
			diag_remedy(o->d, "a country or network (ASN) database");
			return false;
		}
	}
	return true;
}

/* Keys met, "a" and "a.b", each once, for a message. */
struct keys {
	char text[400];
	size_t used;
	char list[KEYS_MAX][64];
	unsigned count;
	char above[32];
};

static void printable(char *to, size_t size, const char *from, size_t len)
{
	size_t n = len < size - 1 ? len : size - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
	for (size_t i = 0; i < n; i++)
		if (to[i] < ' ' || to[i] > '~')
			to[i] = '?';
	to[n] = '\0';
}

static void note_key(void *arg, unsigned depth, struct str key)
{
	struct keys *k = arg;
	char name[32], full[sizeof(k->list[0])];
	int n;

	printable(name, sizeof(name), key.p, key.len);
	if (depth == 1)
		memcpy(k->above, name, sizeof(name));
	if (depth > 2 || k->count == KEYS_MAX)
		return;
	(void)snprintf(full, sizeof(full), "%s%s%s", depth == 1 ? "" : k->above,
		       depth == 1 ? "" : ".", name);
	for (unsigned i = 0; i < k->count; i++)
		if (strcmp(k->list[i], full) == 0)
			return;
	memcpy(k->list[k->count++], full, sizeof(full));
	n = snprintf(k->text + k->used, sizeof(k->text) - k->used, "%s%s",
		     k->used > 0 ? ", " : "", full);
	if (n > 0 && (size_t)n < sizeof(k->text) - k->used)
		k->used += (size_t)n;
	k->text[k->used] = '\0';
}

static void refuse_schema(const struct opening *o, enum mmdb_kind kind)
{
	const MMDB_s *db = &o->m->db;
	struct keys k = {.used = 0};
	const struct mmdb_listener listener = {.key = note_key, .arg = &k};
	char known[160];
	uint64_t steps = 0;

	for (size_t i = 0; i < o->count && i < KEYS_RECORDS; i++)
		(void)mmdb_check(db->data_section, db->data_section_size, o->records[i],
				 &steps, &listener);
	mmdb_paths(kind, known, sizeof(known));
	diag_error(o->d, o->whole, "holds no %s: database type \"%s\" has none of %s",
		   kind == MMDB_COUNTRY ? "country" : "network (ASN)", o->m->type, known);
	diag_note(o->d, "keys met: %s%s", k.used > 0 ? k.text : "none",
		  k.count == KEYS_MAX ? ", ..." : "");
	diag_remedy(o->d, "the name of a %s database",
		    kind == MMDB_COUNTRY ? "country or city" : "network (ASN)");
}

/* The preset that most of the first records show; of equals the one that stands first. */
static bool choose_preset(const struct opening *o, enum mmdb_kind kind)
{
	size_t best = 0;

	for (size_t p = 0; p < MMDB_PRESETS; p++) {
		const struct mmdb_preset *preset = mmdb_preset_at(p);
		size_t n = 0;

		for (size_t i = 0; preset->kind == kind && i < o->count && i < SAMPLE;
		     i++)
			n += mmdb_shows(preset, entry_at(o, o->records[i]));
		if (n > best) {
			best = n;
			o->m->preset = preset;
		}
	}
	if (best == 0)
		refuse_schema(o, kind);
	return best > 0;
}

static bool read_facts(const struct opening *o)
{
	struct mmdb *m = o->m;

	m->records = o->count;
	m->slots = 16;
	while (m->slots < o->count * 2)
		m->slots *= 2;
	m->facts = calloc(m->slots, sizeof(*m->facts));
	if (m->facts == NULL) {
		no_memory(o);
		return false;
	}
	for (size_t i = 0; i < o->count; i++) {
		uint32_t at = mmdb_slot(o->records[i], m->slots);

		while (m->facts[at].offset != 0)
			at = (at + 1) & (m->slots - 1);
		m->facts[at].offset = o->records[i] + 1;
		mmdb_read_fact(m->preset, entry_at(o, o->records[i]), &m->facts[at]);
	}
	return true;
}

static bool open_database(struct opening *o, const void *bytes, size_t len)
{
	struct mmdb *m = o->m;
	int rc;

	if (!check_metadata(o, bytes, len))
		return false;
	rc = open_sealed(bytes, len, &m->db);
	if (rc == MMDB_SUCCESS) {
		printable(m->type, sizeof(m->type), m->db.metadata.database_type,
			  strlen(m->db.metadata.database_type));
		return true;
	}
	diag_error(o->d, o->whole, "is no sound MaxMind DB file: %s",
		   rc < 0 ? strerrordesc_np(-rc) : MMDB_strerror(rc));
	refetch(o);
	return false;
}

struct mmdb *mmdb_open(const char *name, const void *bytes, size_t len,
		       enum mmdb_kind kind, struct diag *d)
{
	struct opening o = {.whole = {.file = name}, .d = d};
	bool opened, sound;

	o.m = calloc(1, sizeof(*o.m));
	if (o.m == NULL) {
		no_memory(&o);
		return NULL;
	}
	opened = open_database(&o, bytes, len);
	sound = opened && walk_tree(&o) && check_records(&o) && choose_preset(&o, kind) &&
		read_facts(&o);
	free(o.records);
	free(o.seen_data);
	free(o.seen_nodes);
	free(o.todo);
	if (sound)
		return o.m;
	if (opened)
		mmdb_close(o.m);
	else
		free(o.m);
	return NULL;
}

void mmdb_close(struct mmdb *m)
{
	if (m == NULL)
		return;
	MMDB_close(&m->db);
	free(m->facts);
	free(m);
}
