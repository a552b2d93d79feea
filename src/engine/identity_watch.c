/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/identity_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "capture/neighbours.h"

#define LOOK_US INT64_C(5000000)

/* What tells that a file is another one. */
struct stamp {
	uint64_t device, number;
	int64_t bytes, seconds, nanoseconds; /* bytes -1 = it is not there */
};

struct watched {
	char *name;
	enum identity_kind kind;
	bool seen; /* `stamp` is of the file that was read last */
	bool broken;
	struct stamp stamp;
	struct identity_list *list; /* in force; NULL = none yet */
};

struct identity_watch {
	struct identity_share *sh;
	void *places;
	identity_tell *tell;
	void *arg;
	struct watched files[IDENTITY_FILES_MAX];
	size_t count;
	struct identity_list *neighbours; /* NULL = none */
	uint64_t neighbours_hash;
	bool changed; /* the lists are not the table that was offered last */
	int64_t next_us;
};

/* ---- two places ------------------------------------------------------------------------------ */

static char *place_of(void *places, uint32_t number)
{
	return (char *)places + (number & 1) * IDENTITY_BYTES_MAX;
}

void *identity_share_create(void)
{
	void *p = mmap(NULL, 2 * IDENTITY_BYTES_MAX, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int identity_share_attach(void *places)
{
	return mprotect(places, 2 * IDENTITY_BYTES_MAX, PROT_READ) == 0 ? 0 : -errno;
}

const struct identity *identity_share_take(struct identity_share *sh, const void *places,
					   uint32_t *in_use)
{
	const uint32_t offered = atomic_load(&sh->offered);

	if (offered == *in_use)
		return NULL;
	*in_use = offered;
	atomic_store(&sh->taken, offered);
	return (const void *)((const char *)places + (offered & 1) * IDENTITY_BYTES_MAX);
}

static void offer(struct identity_share *sh, void *places, const struct identity *t)
{
	const uint32_t number = atomic_load(&sh->offered) + 1;

	memcpy(place_of(places, number), t, identity_bytes(t));
	atomic_store(&sh->offered, number);
}

/* ---- files ----------------------------------------------------------------------------------- */

struct identity_watch *identity_watch_create(struct identity_share *sh, void *places,
					     identity_tell *tell, void *arg)
{
	struct identity_watch *w = calloc(1, sizeof(*w));

	if (w != NULL) {
		w->sh = sh;
		w->places = places;
		w->tell = tell;
		w->arg = arg;
	}
	return w;
}

static void forget(struct watched *f)
{
	free(f->name);
	identity_list_destroy(f->list);
	memset(f, 0, sizeof(*f));
}

void identity_watch_destroy(struct identity_watch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++)
		forget(&w->files[i]);
	identity_list_destroy(w->neighbours);
	free(w);
}

static struct stamp stamp_of(const char *name)
{
	struct stat st;

	if (stat(name, &st) != 0)
		return (struct stamp){.bytes = -1};
	return (struct stamp){.device = st.st_dev,
			      .number = st.st_ino,
			      .bytes = st.st_size,
			      .seconds = st.st_mtim.tv_sec,
			      .nanoseconds = st.st_mtim.tv_nsec};
}

static bool is_as_configured(const struct identity_watch *w, const struct config *c)
{
	bool same = w->count == identity_file_count(c);

	for (size_t i = 0; same && i < w->count; i++) {
		enum identity_kind kind;

		same = strcmp(w->files[i].name, identity_file(c, i, &kind)) == 0 &&
		       w->files[i].kind == kind;
	}
	return same;
}

/* Other files are named: what the old ones said goes with them. */
static void configure(struct identity_watch *w, const struct config *c)
{
	if (is_as_configured(w, c))
		return;
	while (w->count > 0)
		forget(&w->files[--w->count]);
	for (size_t i = 0; i < identity_file_count(c); i++) {
		struct watched *f = &w->files[w->count];

		f->name = strdup(identity_file(c, i, &f->kind));
		w->count += f->name != NULL;
	}
	w->changed = true;
}

static void tell_findings(const struct identity_watch *w, const struct diag *d)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return;
	diag_print(d, out, false);
	(void)fclose(out);
	w->tell(w->arg, false, text);
	free(text);
}

static void look_at_file(struct identity_watch *w, struct watched *f)
{
	/* Before it is read: what is written meanwhile is seen the next time. */
	const struct stamp now = stamp_of(f->name);
	struct identity_list *list;
	struct diag *d;

	if (f->seen && memcmp(&now, &f->stamp, sizeof(now)) == 0)
		return;
	d = diag_create();
	if (d == NULL)
		return;
	list = identity_read(f->kind, f->name, d);
	f->stamp = now;
	f->seen = true;
	if (list == NULL) {
		f->broken = true;
		tell_findings(w, d);
	} else {
		if (f->broken)
			w->tell(w->arg, true, f->name);
		f->broken = false;
		identity_list_destroy(f->list);
		f->list = list;
		w->changed = true;
	}
	diag_destroy(d);
}

/* ---- neighbours -------------------------------------------------------------------------------- */

struct gathered {
	struct identity_list *list;
	uint64_t hash;
	int rc;
};

static void take_neighbour(void *arg, const struct addr *a, const uint8_t *mac)
{
	struct gathered *g = arg;
	struct identity_row row = {.addr = *a,
				   .kind = IDENTITY_NEIGHBOURS,
				   .from_us = INT64_MIN,
				   .until_us = INT64_MAX};

	memcpy(row.mac.b, mac, sizeof(row.mac.b));
	/* In whatever order they come. */
	g->hash += hash_bytes(a->b, sizeof(a->b), hash_bytes(mac, sizeof(row.mac.b), 0));
	if (g->rc == 0)
		g->rc = identity_list_add(g->list, &row, STR_NONE);
}

static void look_at_neighbours(struct identity_watch *w, bool wanted)
{
	struct gathered g = {.list = identity_list_create()};

	if (g.list == NULL)
		return;
	if (wanted && neighbours_read(take_neighbour, &g) != 0)
		g.rc = -EIO;
	if (g.rc != 0 || (w->neighbours != NULL && g.hash == w->neighbours_hash)) {
		identity_list_destroy(g.list);
		return;
	}
	identity_list_destroy(w->neighbours);
	w->neighbours = g.list;
	w->neighbours_hash = g.hash;
	w->changed = true;
}

/* ---- both ---------------------------------------------------------------------------------------- */

static void build_and_offer(struct identity_watch *w)
{
	const struct identity_list *all[IDENTITY_FILES_MAX + 1] = {NULL};
	const char *why = "";
	struct identity *t;
	size_t n = 0, rows = 0;

	for (size_t i = 0; i < w->count; i++)
		if (w->files[i].list != NULL)
			all[n++] = w->files[i].list;
	if (w->neighbours != NULL)
		all[n++] = w->neighbours;
	for (size_t i = 0; i < n; i++)
		rows += identity_list_rows(all[i]);
	t = identity_build(all, n, &why);
	w->changed = false;
	if (t == NULL) {
		w->tell(w->arg, false, why);
		return;
	}
	offer(w->sh, w->places, t);
	atomic_store(&w->sh->rows, (uint32_t)rows);
	identity_destroy(t);
}

void identity_watch_look(struct identity_watch *w, const struct config *c,
			 int64_t mono_us, bool now)
{
	if (!now && mono_us < w->next_us)
		return;
	w->next_us = mono_us + LOOK_US;
	configure(w, c);
	for (size_t i = 0; i < w->count; i++)
		look_at_file(w, &w->files[i]);
	look_at_neighbours(w, c->identity.neighbours);
	/* What was offered last may still be read: then the next time. */
	if (w->changed && atomic_load(&w->sh->taken) == atomic_load(&w->sh->offered))
		build_and_offer(w);
}

unsigned identity_watch_broken(const struct identity_watch *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->count; i++)
		n += w->files[i].broken;
	return n;
}
