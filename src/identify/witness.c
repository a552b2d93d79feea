/* SPDX-License-Identifier: Apache-2.0 */
#include "identify/witness.h"

#include "identify/witness_table.h"

#define KEEP_MIN_US (300 * INT64_C(1000000))
#define KEEP_MAX_US (86400 * INT64_C(1000000))
#define GRACE_US    KEEP_MIN_US /* after the last connection */

static struct witness_entry *bucket_of(const struct witness *w, enum witness_kind kind,
				       const struct addr *whose, const struct addr *addr)
{
	size_t b = (size_t)(witness_pair_hash(whose, addr) & (w->entry_buckets - 1));

	return w->entries[kind] + b * WITNESS_WAYS;
}

static struct addr number_as_addr(uint64_t site)
{
	struct addr a = {{0}};

	memcpy(a.b, &site, sizeof(site));
	return a;
}

static bool lives(const struct witness_entry *e, int64_t clock_us)
{
	return e->until_us > clock_us || e->flows > 0;
}

static bool is_pair(const struct witness_entry *e, const struct addr *whose,
		    const struct addr *addr)
{
	return e->until_us > 0 && addr_equal(&e->whose, whose) &&
	       addr_equal(&e->addr, addr);
}

static const struct witness_name *name_of(const struct witness *w,
					  const struct witness_entry *e)
{
	return pool_at(w->names[e->size_class], e->name);
}

static struct str text_of(const struct witness_name *n)
{
	return (struct str){n->text, n->len};
}

/* The slot that holds `name`, with one user more; POOL_NONE when there is no room. */
static uint32_t take_name(struct witness *w, struct str name, uint8_t class)
{
	uint64_t hash = hash_bytes(name.p, name.len, WITNESS_SEED);
	uint32_t *first = &w->chains[class][hash & (w->chain_count - 1)];
	struct witness_name *n;

	for (uint32_t i = *first; i != POOL_NONE; i = n->next) {
		n = pool_at(w->names[class], i);
		if (n->hash == hash && str_equal(text_of(n), name)) {
			n->users++;
			return i;
		}
	}
	n = pool_get(w->names[class]);
	if (n == NULL)
		return POOL_NONE;
	n->hash = hash;
	n->users = 1;
	n->len = (uint16_t)name.len;
	memcpy(n->text, name.p, name.len);
	n->next = *first;
	*first = pool_index(w->names[class], n);
	return *first;
}

static void drop_entry(struct witness *w, struct witness_entry *e)
{
	struct witness_name *n = pool_at(w->names[e->size_class], e->name);
	uint32_t *link = &w->chains[e->size_class][n->hash & (w->chain_count - 1)];

	e->until_us = 0;
	e->flows = 0;
	if (--n->users > 0)
		return;
	while (*link != e->name)
		link = &((struct witness_name *)pool_at(w->names[e->size_class], *link))
				->next;
	*link = n->next;
	pool_put(w->names[e->size_class], n);
}

static int64_t keep_us(uint32_t ttl_s)
{
	int64_t us = (int64_t)ttl_s * 1000000;

	if (us < KEEP_MIN_US)
		return KEEP_MIN_US;
	return us > KEEP_MAX_US ? KEEP_MAX_US : us;
}

static uint8_t class_of(size_t len)
{
	uint8_t class = 0;

	while (len > witness_class_max[class])
		class ++;
	return class;
}

/* Which of two must go first for want of room. */
static bool goes_before(const struct witness_entry *a, const struct witness_entry *b)
{
	if ((a->flows > 0) != (b->flows > 0))
		return a->flows == 0;
	return a->until_us < b->until_us;
}

/* What is to be kept: an entry without a name's slot. */
struct news {
	enum witness_kind kind;
	struct addr whose, addr;
	struct str name;
	int64_t now_us, first_us, until_us;
};

static void renew(struct witness_entry *e, const struct news *n)
{
	if (!lives(e, n->now_us))
		e->first_us = n->first_us;
	e->last_us = n->now_us;
	if (n->until_us > e->until_us)
		e->until_us = n->until_us;
}

static void keep(struct witness *w, const struct news *n)
{
	struct witness_entry *bucket = bucket_of(w, n->kind, &n->whose, &n->addr);
	struct witness_entry *to = bucket;
	const bool site = n->kind == WITNESS_SITES;
	uint64_t *evicted = site ? &w->stats.site_evicted : &w->stats.evicted;
	uint32_t slot;

	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		struct witness_entry *e = bucket + i;

		if (is_pair(e, &n->whose, &n->addr) &&
		    str_equal(text_of(name_of(w, e)), n->name)) {
			renew(e, n);
			return;
		}
		if (goes_before(e, to))
			to = e;
	}
	if (to->until_us > 0) {
		*evicted += lives(to, n->now_us);
		drop_entry(w, to);
	}
	slot = take_name(w, n->name, class_of(n->name.len));
	if (slot == POOL_NONE) {
		(*evicted)++;
		return;
	}
	*to = (struct witness_entry){.whose = n->whose,
				     .addr = n->addr,
				     .first_us = n->first_us,
				     .last_us = n->now_us,
				     .until_us = n->until_us,
				     .name = slot,
				     .serial = ++w->serial,
				     .size_class = class_of(n->name.len)};
	*(site ? &w->stats.site_kept : &w->stats.kept) += 1;
}

/* ---- who was told addresses of which name ---- */

static struct witness_told *told_bucket(const struct witness *w, enum witness_kind kind,
					const struct addr *whose, struct str name,
					uint64_t *ret_key)
{
	const uint64_t key = hash_bytes(
		name.p, name.len, hash_bytes(whose->b, sizeof(whose->b), WITNESS_SEED));

	*ret_key = key;
	return w->told[kind] + (size_t)(key & (w->entry_buckets - 1)) * WITNESS_WAYS;
}

static void note_told(struct witness *w, const struct news *n)
{
	uint64_t key;
	struct witness_told *bucket = told_bucket(w, n->kind, &n->whose, n->name, &key);
	struct witness_told *to = bucket;

	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		if (bucket[i].until_us > 0 && bucket[i].key == key) {
			to = &bucket[i];
			break;
		}
		if (bucket[i].until_us < to->until_us)
			to = &bucket[i];
	}
	if (to->key != key || n->until_us > to->until_us)
		*to = (struct witness_told){key, n->until_us};
}

static bool was_told(const struct witness *w, enum witness_kind kind,
		     const struct addr *whose, struct str name, int64_t clock_us)
{
	uint64_t key;
	const struct witness_told *bucket = told_bucket(w, kind, whose, name, &key);

	for (size_t i = 0; i < WITNESS_WAYS; i++)
		if (bucket[i].key == key && bucket[i].until_us > clock_us)
			return true;
	return false;
}

/*
 * The public name of ECH is kept among the names that were told: behind a blank, which stands in no
 * name of DNS.
 */
#define FRONT_MARK "ech "

static struct str front_text(struct str name, char buf[sizeof(FRONT_MARK) + HOST_MAX])
{
	const size_t mark = sizeof(FRONT_MARK) - 1;

	if (name.len > HOST_MAX)
		name.len = HOST_MAX;
	memcpy(buf, FRONT_MARK, mark);
	memcpy(buf + mark, name.p, name.len);
	return (struct str){buf, mark + name.len};
}

static void note_front(struct witness *w, struct news n, const struct dns_message *m)
{
	char buf[sizeof(FRONT_MARK) + HOST_MAX];

	n.name = front_text((struct str){m->ech_name, m->ech_name_len}, buf);
	n.until_us = n.now_us + keep_us(m->ech_ttl_s);
	note_told(w, &n);
}

static bool keep_all(struct witness *w, enum witness_kind kind, const struct addr *whose,
		     const struct dns_message *m, int64_t clock_us)
{
	struct news n = {.kind = kind,
			 .whose = *whose,
			 .name = {m->name, m->name_len},
			 .now_us = witness_after_epoch(clock_us)};

	/* Whoever is told a part asks again (RFC 2181 9). */
	if (!m->is_answer || m->question_count != 1 || m->rcode != 0 ||
	    m->name_len == 0 || m->truncated)
		return false;
	if (m->ech_name_len > 0 && kind == WITNESS_CLIENTS)
		note_front(w, n, m);
	n.first_us = n.now_us;
	for (size_t a = 0; a < m->address_count; a++) {
		n.addr = m->addresses[a].addr;
		n.until_us = n.now_us + keep_us(m->addresses[a].ttl_s);
		keep(w, &n);
		note_told(w, &n);
	}
	return m->address_count > 0;
}

void witness_query(struct witness *w, const struct addr *client, uint16_t client_port,
		   const struct addr *resolver, const struct dns_message *m,
		   int64_t clock_us)
{
	outstanding_add(w->asked, client, client_port, resolver, m, clock_us);
}

bool witness_answer(struct witness *w, const struct addr *client, uint16_t client_port,
		    const struct addr *resolver, const struct dns_message *m,
		    int64_t clock_us)
{
	if (!m->is_answer || m->question_count != 1)
		return false;
	if (!outstanding_take(w->asked, client, client_port, resolver, m, clock_us)) {
		w->stats.unasked++;
		return false;
	}
	return witness_keep(w, client, m, clock_us);
}

bool witness_keep(struct witness *w, const struct addr *client,
		  const struct dns_message *m, int64_t clock_us)
{
	return keep_all(w, WITNESS_CLIENTS, client, m, clock_us);
}

bool witness_keep_site(struct witness *w, uint64_t site, const struct dns_message *m,
		       int64_t clock_us)
{
	const struct addr whose = number_as_addr(site);

	return keep_all(w, WITNESS_SITES, &whose, m, clock_us);
}

/* The entry that says so; NULL = none. */
static struct witness_entry *find(const struct witness *w, enum witness_kind kind,
				  const struct addr *whose, const struct addr *addr,
				  struct str host, int64_t clock_us)
{
	struct witness_entry *bucket = bucket_of(w, kind, whose, addr);

	for (size_t i = 0; i < WITNESS_WAYS; i++)
		if (is_pair(&bucket[i], whose, addr) && lives(&bucket[i], clock_us) &&
		    str_equal(text_of(name_of(w, &bucket[i])), host))
			return &bucket[i];
	return NULL;
}

bool witness_confirms(const struct witness *w, const struct addr *client,
		      const struct addr *addr, struct str host, int64_t clock_us)
{
	return find(w, WITNESS_CLIENTS, client, addr, host, clock_us) != NULL;
}

bool witness_site_confirms(const struct witness *w, uint64_t site,
			   const struct addr *addr, struct str host, int64_t clock_us)
{
	const struct addr whose = number_as_addr(site);

	return find(w, WITNESS_SITES, &whose, addr, host, clock_us) != NULL;
}

struct str witness_name(const struct witness *w, const struct addr *client,
			const struct addr *addr, int64_t clock_us)
{
	const struct witness_entry *bucket = bucket_of(w, WITNESS_CLIENTS, client, addr);
	const struct witness_entry *found = NULL;

	for (size_t i = 0; i < WITNESS_WAYS; i++) {
		if (!is_pair(&bucket[i], client, addr) || !lives(&bucket[i], clock_us))
			continue;
		if (found != NULL) /* entries of one pair differ in their names */
			return STR_NONE;
		found = &bucket[i];
	}
	return found == NULL ? STR_NONE : text_of(name_of(w, found));
}

bool witness_contradicts(const struct witness *w, const struct addr *client,
			 uint64_t site, const struct addr *addr, struct str host,
			 int64_t clock_us)
{
	const struct addr whose = number_as_addr(site);
	struct str name;

	if (witness_confirms(w, client, addr, host, clock_us) ||
	    (site != 0 && witness_site_confirms(w, site, addr, host, clock_us)))
		return false;
	name = witness_name(w, client, addr, clock_us);
	if (name.len > 0 && !str_equal(name, host))
		return true;
	return was_told(w, WITNESS_CLIENTS, client, host, clock_us) ||
	       (site != 0 && was_told(w, WITNESS_SITES, &whose, host, clock_us));
}

bool witness_fronts(const struct witness *w, const struct addr *client, struct str host,
		    int64_t clock_us)
{
	char buf[sizeof(FRONT_MARK) + HOST_MAX];

	return was_told(w, WITNESS_CLIENTS, client, front_text(host, buf), clock_us);
}

struct witness_ref witness_hold(struct witness *w, const struct addr *client,
				const struct addr *addr, struct str host,
				int64_t clock_us)
{
	struct witness_entry *e = find(w, WITNESS_CLIENTS, client, addr, host, clock_us);

	if (e == NULL)
		return (struct witness_ref){0};
	e->flows++;
	return (struct witness_ref){.place = (uint32_t)(e - w->entries[WITNESS_CLIENTS]) +
					     1,
				    .serial = e->serial};
}

void witness_let_go(struct witness *w, struct witness_ref ref, int64_t clock_us)
{
	const int64_t until_us = witness_after_epoch(clock_us) + GRACE_US;
	struct witness_entry *e;

	if (ref.place == 0)
		return;
	e = &w->entries[WITNESS_CLIENTS][ref.place - 1];
	if (e->serial != ref.serial || e->flows == 0) /* it had to go */
		return;
	e->flows--;
	if (until_us > e->until_us)
		e->until_us = until_us;
}

size_t witness_places(const struct witness *w)
{
	return (size_t)WITNESS_KINDS * w->entry_buckets * WITNESS_WAYS;
}

bool witness_row_at(const struct witness *w, size_t place, int64_t clock_us,
		    struct witness_row *ret)
{
	const size_t each = (size_t)w->entry_buckets * WITNESS_WAYS;
	const enum witness_kind kind = place < each ? WITNESS_CLIENTS : WITNESS_SITES;
	const struct witness_entry *e = &w->entries[kind][place % each];
	const int64_t end_us = witness_after_epoch(clock_us) + GRACE_US;

	if (e->until_us == 0 || !lives(e, clock_us))
		return false;
	*ret = (struct witness_row){.of_site = kind == WITNESS_SITES,
				    .addr = e->addr,
				    .name = text_of(name_of(w, e)),
				    .first_us = e->first_us,
				    .last_us = e->last_us,
				    .until_us = e->until_us};
	/* In use: at least the grace is still to come. */
	if (e->flows > 0 && end_us > ret->until_us)
		ret->until_us = end_us;
	if (ret->of_site)
		memcpy(&ret->site, e->whose.b, sizeof(ret->site));
	else
		ret->client = e->whose;
	return true;
}

bool witness_restore(struct witness *w, const struct witness_row *row, int64_t clock_us)
{
	const int64_t now_us = witness_after_epoch(clock_us);
	struct news n = {.kind = row->of_site ? WITNESS_SITES : WITNESS_CLIENTS,
			 .whose = row->of_site ? number_as_addr(row->site) : row->client,
			 .addr = row->addr,
			 .name = row->name,
			 .now_us = row->last_us < now_us ? row->last_us : now_us,
			 .first_us = row->first_us,
			 .until_us = row->until_us};

	if (row->until_us <= now_us || row->name.len == 0 || row->name.len > HOST_MAX)
		return false;
	if (n.first_us > n.now_us)
		n.first_us = n.now_us;
	if (n.until_us > now_us + KEEP_MAX_US)
		n.until_us = now_us + KEEP_MAX_US;
	keep(w, &n);
	return true;
}

const struct witness_stats *witness_stats(const struct witness *w)
{
	return &w->stats;
}
