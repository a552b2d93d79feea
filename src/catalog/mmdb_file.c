/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/mmdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "catalog/catalog.h"

#define PROBE_RECORDS 1000 /* a record may lack the country: ask some more */
#define PROBE_NODES   100000

static const char *const path_maxmind[] = {"country", "iso_code", NULL};
static const char *const path_flat[] = {"country_code", NULL};
static const char *const path_number[] = {"autonomous_system_number", NULL};

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

static bool has_text(MMDB_entry_s entry, const char *const *path)
{
	MMDB_entry_data_s data;

	return MMDB_aget_value(&entry, &data, path) == MMDB_SUCCESS && data.has_data &&
	       data.type == MMDB_DATA_TYPE_UTF8_STRING;
}

static bool has_number(MMDB_entry_s entry, const char *const *path)
{
	MMDB_entry_data_s data;

	return MMDB_aget_value(&entry, &data, path) == MMDB_SUCCESS && data.has_data &&
	       (data.type == MMDB_DATA_TYPE_UINT32 || data.type == MMDB_DATA_TYPE_UINT16);
}

/* Does this record show the schema?  Sets m->path for countries. */
static bool shows_schema(struct mmdb *m, MMDB_entry_s entry, enum mmdb_kind kind)
{
	if (kind == MMDB_ASN)
		return has_number(entry, path_number);
	if (has_text(entry, path_maxmind))
		m->path = path_maxmind;
	else if (has_text(entry, path_flat))
		m->path = path_flat;
	return m->path != NULL;
}

struct probe {
	uint32_t todo[130]; /* a tree is at most 128 deep */
	size_t depth;
	unsigned records, nodes;
};

static bool probe_side(struct mmdb *m, struct probe *p, enum mmdb_kind kind, uint8_t type,
		       uint64_t record, MMDB_entry_s entry)
{
	const size_t room = sizeof(p->todo) / sizeof(p->todo[0]);

	if (type == MMDB_RECORD_TYPE_DATA) {
		p->records++;
		return shows_schema(m, entry, kind);
	}
	if (type == MMDB_RECORD_TYPE_SEARCH_NODE && p->depth < room)
		p->todo[p->depth++] = (uint32_t)record;
	return false;
}

/*
 * Walk the search tree until a record shows which schema the file has.  Bounded, because a
 * damaged tree may run in circles.
 */
static bool probe(struct mmdb *m, enum mmdb_kind kind)
{
	struct probe p = {.depth = 1};

	while (p.depth > 0 && p.records < PROBE_RECORDS && p.nodes++ < PROBE_NODES) {
		MMDB_search_node_s n;

		if (MMDB_read_node(&m->db, p.todo[--p.depth], &n) != MMDB_SUCCESS)
			return false;
		if (probe_side(m, &p, kind, n.right_record_type, n.right_record,
			       n.right_record_entry) ||
		    probe_side(m, &p, kind, n.left_record_type, n.left_record,
			       n.left_record_entry))
			return true;
	}
	return false;
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

struct mmdb *mmdb_open(const char *name, const void *bytes, size_t len,
		       enum mmdb_kind kind, struct diag *d)
{
	const struct span whole = {.file = name};
	struct mmdb *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL) {
		diag_error(d, whole, "out of memory");
		return NULL;
	}
	rc = open_sealed(bytes, len, &m->db);
	if (rc != MMDB_SUCCESS) {
		diag_error(d, whole, "is no sound MaxMind DB file: %s",
			   rc < 0 ? strerrordesc_np(-rc) : MMDB_strerror(rc));
		diag_remedy(d, "fetch the file again; geo/README.md names sources");
		free(m);
		return NULL;
	}
	if (!probe(m, kind)) {
		diag_error(d, whole, "holds no %s (database type \"%.60s\")",
			   kind == MMDB_COUNTRY ? "country: neither country.iso_code nor "
						  "country_code"
						: "autonomous_system_number",
			   m->db.metadata.database_type);
		diag_remedy(d, "the name of a %s database",
			    kind == MMDB_COUNTRY ? "country or city" : "network (ASN)");
		mmdb_close(m);
		return NULL;
	}
	return m;
}

void mmdb_close(struct mmdb *m)
{
	if (m == NULL)
		return;
	MMDB_close(&m->db);
	free(m);
}
