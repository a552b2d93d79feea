/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/config.h"
#include "config/tree.h"
#include "config/walk.h"

#define MEMORY_MAX (64u << 20)

static const struct span nowhere = {.file = "(built-in configuration)"};

static struct config *create(struct diag *d)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c != NULL)
		c->memory = calloc(1, sizeof(*c->memory));
	if (c != NULL && c->memory != NULL)
		c->memory->arena = arena_create(MEMORY_MAX);
	if (c == NULL || c->memory == NULL || c->memory->arena == NULL) {
		diag_error(d, nowhere, "out of memory");
		config_unload(c);
		return NULL;
	}
	c->sensor = "weir";
	c->mode = MODE_MONITOR;
	c->capture = (struct capture_cfg){.adopt_us = INT64_C(600000000),
					  .watchdog_us = 1000000,
					  .queue = 7411,
					  .mark_mask = 0x0fff0000,
					  .min_ttl = 20,
					  .user = "weir"};
	c->control = (struct control_cfg){.socket = "/run/weir/control",
					  .operators = "weir-admin",
					  .readers = "weir-audit"};
	c->dns.keep = true;
	c->identity.neighbours = true;
	c->dns.save_us = 300000000;
	c->dns.log_group = "weir";
	c->geo.warn_age_us = INT64_C(180) * 86400 * 1000000;
	c->ledger.segment_bytes = (uint64_t)256 << 20;
	c->ledger.seal_events = 1000;
	c->ledger.seal_us = 10000000;
	c->ledger.epoch_us = 3600000000;
	c->ledger.sync_us = 1000000;
	c->ship = (struct ship_cfg){.protocol = SHIP_TLS,
				    .format = SHIP_CEF,
				    .state = "/var/lib/weir-ship/cursor",
				    .window = 20000};
	c->ledger.packets_bytes = (uint64_t)64 << 20;
	c->ledger.compress = true;
	c->limits.hold_flow = 32;
	c->limits.hold_source = 2048;
	c->limits.hold_total = 16384;
	c->limits.hold_time_us = 3000000;
	return c;
}

void config_unload(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->site_count; i++) {
		zone_destroy(c->sites[i].zone);
		holidays_destroy(c->sites[i].holidays);
	}
	if (c->memory != NULL)
		arena_destroy(c->memory->arena);
	free(c->memory);
	free(c);
}

/* RFC 1918, RFC 6598, RFC 4193. */
static bool default_site(struct config *c)
{
	static const char *const ranges[] = {"10.0.0.0/8", "172.16.0.0/12",
					     "192.168.0.0/16", "100.64.0.0/10",
					     "fc00::/7"};
	size_t count = sizeof(ranges) / sizeof(ranges[0]);
	struct site_cfg *site = arena_alloc(c->memory->arena, sizeof(*site));
	struct prefix *inside = arena_alloc(c->memory->arena, count * sizeof(*inside));

	if (site == NULL || inside == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		if (prefix_parse(ranges[i], strlen(ranges[i]), &inside[i]) != PREFIX_OK)
			return false;
	site->name = "default";
	site->inside = inside;
	site->inside_count = count;
	c->sites = site;
	c->site_count = 1;
	return true;
}

static bool shipped(struct config *c, const char *share, const char *name,
		    const char **field)
{
	size_t size;
	char *path;

	if (*field != NULL || share == NULL)
		return true;
	size = strlen(share) + 1 + strlen(name) + 1;
	path = arena_alloc(c->memory->arena, size);
	if (path == NULL)
		return false;
	(void)snprintf(path, size, "%s/%s", share, name);
	*field = path;
	return true;
}

/* One file of service tags a cloud; in force when none were given. */
static bool shipped_tags(struct config *c, const char *share)
{
	static const char *const names[] = {"geo/tags-public.tsv", "geo/tags-usgov.tsv",
					    "geo/tags-china.tsv"};
	const size_t count = sizeof(names) / sizeof(names[0]);
	const char **list;

	if (share == NULL)
		return true;
	list = arena_alloc(c->memory->arena, sizeof(names));
	if (list == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!shipped(c, share, names[i], &list[i]))
			return false;
	c->geo.shipped = list;
	c->geo.shipped_count = count;
	if (c->geo.tags != NULL)
		return true;
	c->geo.tags = list;
	c->geo.tag_count = count;
	c->feeds.tags_shipped = true;
	return true;
}

static bool fill_defaults(struct config *c, const char *share)
{
	return (c->site_count > 0 || default_site(c)) &&
	       shipped(c, share, "rules/catalog/services.tsv", &c->catalog.services) &&
	       shipped(c, share, "rules/catalog/connectors.tsv",
		       &c->catalog.connectors) &&
	       shipped(c, share, "geo/regions.tsv", &c->catalog.regions) &&
	       shipped(c, share, "geo/microsoft-networks.tsv", &c->geo.networks) &&
	       shipped_tags(c, share);
}

/* The settings of `text`; a newline and a NUL follow it. */
static void read_settings(struct config *c, struct str text,
			  const struct config_source *from, struct diag *d)
{
	struct outline o;

	if (outline_read(c->path, text, d, &o) &&
	    tree_read(text.p, &o, c->memory->arena, d)) {
		struct walk w = {.c = c,
				 .arena = c->memory->arena,
				 .d = d,
				 .o = &o,
				 .text = text,
				 .absent = from->absent,
				 .files = from->files};

		walk_settings(&w);
		check_settings(&w);
	}
	outline_release(&o);
}

static struct config *parse(const struct config_source *from, struct str text,
			    struct diag *d)
{
	const char *path = from->path;
	size_t errors = diag_count(d, DIAG_ERROR);
	struct config *c = create(d);
	char *copy;

	if (c == NULL)
		return NULL;
	c->path = arena_strndup(c->memory->arena, path, strlen(path));
	copy = arena_alloc(c->memory->arena, text.len + 2);
	if (c->path == NULL || copy == NULL) {
		diag_error(d, ((struct span){.file = path}), "out of memory");
	} else {
		/* libconfig 1.5 wants a newline after a comment in the last line. */
		if (text.len > 0)
			memcpy(copy, text.p, text.len);
		copy[text.len] = '\n';
		diag_source(d, c->path, copy, text.len);
		read_settings(c, (struct str){copy, text.len}, from, d);
		diag_forget_sources(d);
	}
	if (diag_count(d, DIAG_ERROR) == errors && !fill_defaults(c, from->share))
		diag_error(d, ((struct span){.file = path}), "out of memory");
	if (diag_count(d, DIAG_ERROR) == errors)
		return c;
	config_unload(c);
	return NULL;
}

struct config *config_parse(const char *path, const char *text, size_t len,
			    const char *share, struct diag *d)
{
	const struct config_source from = {.path = path, .share = share};

	return parse(&from, (struct str){text, len}, d);
}

struct config *config_load_from(const struct config_source *from, struct diag *d)
{
	const char *path = from->path;
	struct config *c;
	char *text;
	size_t len;
	int rc;

	if (path == NULL) {
		c = create(d);
		if (c != NULL && !fill_defaults(c, from->share)) {
			diag_error(d, nowhere, "out of memory");
			config_unload(c);
			c = NULL;
		}
		return c;
	}
	rc = file_set_read(from->files, path, OUTLINE_TEXT_MAX, &text, &len);
	if (rc < 0) {
		diag_error(d, ((struct span){.file = path}), "cannot read it: %s",
			   rc == -EFBIG ? "larger than 1 MiB" : strerrordesc_np(-rc));
		return NULL;
	}
	c = parse(from, (struct str){text, len}, d);
	free(text);
	return c;
}

struct config *config_load(const char *path, const char *share, struct diag *d)
{
	const struct config_source from = {.path = path, .share = share};

	return config_load_from(&from, d);
}

const char *config_library_version(void)
{
	return tree_library_version();
}
