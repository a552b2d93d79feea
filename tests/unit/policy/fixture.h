/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POLICY_FIXTURE_H
#define TESTS_POLICY_FIXTURE_H

/*
 * fixture - a small fixed vocabulary, so that these tests need no catalogue.
 */

#include <stddef.h>
#include <stdint.h>

#include "model/service.h"

enum fixture_service {
	SVC_DATAVERSE = 0,
	SVC_POWER_APPS,
	SVC_POWER_AUTOMATE,
	SVC_ENTRA,
	SVC_SQL,
	SVC_SMTP,
	SVC_RELAY,
	SVC_GRAPH,
	SVC_DOH,
	SVC_DOT,
	SVC_BLOB,
	SVC_COUNT
};

static const char *const fixture_services[SVC_COUNT] = {
	"dataverse", "power-apps", "power-automate", "entra",
	"sql",       "smtp",       "relay",          "graph",
	"doh",       "dot",        "blob",
};

enum fixture_connector {
	CON_SQL = 0,
	CON_SMTP,
	CON_BLOB,
	CON_DROPBOX,
	CON_WEBCONTENTS,
	CON_HTTP,
	CON_TEAMS,
	CON_OUTLOOK,
	CON_HTTP_WEBHOOK,
	CON_DATAVERSE,
	CON_BROWSER,
	CON_SCREEN,
	CON_COUNT
};

static const char *const fixture_connectors[CON_COUNT] = {
	"shared_sql",
	"shared_smtp",
	"shared_azureblob",
	"shared_dropbox",
	"shared_webcontents",
	"Http",
	"shared_teams",
	"shared_office365",
	"HttpWebhook",
	"shared_commondataserviceforapps",
	"DesktopFlow.WebAutomation",
	"DesktopFlow.UIAutomation",
};

enum fixture_tag {
	TAG_CLOUD_WE = 0,
	TAG_CONNECTORS,
	TAG_COUNT
};
static const char *const fixture_tags[TAG_COUNT] = {"AzureCloud.westeurope",
						    "AzureConnectors"};

enum fixture_site {
	SITE_MUNICH = 0,
	SITE_LYON,
	SITE_COUNT
};
static const char *const fixture_sites[SITE_COUNT] = {"munich", "lyon"};

enum fixture_source {
	SRC_DGW1 = 0,
	SRC_ROBOTS,
	SRC_VNET_PROD,
	SRC_COUNT
};
static const char *const fixture_sources[SRC_COUNT] = {"dgw1", "robots", "vnet-prod"};

/* 10.10.8.21, 10.10.9.31 and .32, 10.80.4.0/27 */
#define FIXTURE_V4(a, b, c, d, length)                                                  \
	{                                                                               \
		{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}}, 96 + (length) \
	}
static const struct prefix fixture_dgw1[] = {FIXTURE_V4(10, 10, 8, 21, 32)};
static const struct prefix fixture_robots[] = {FIXTURE_V4(10, 10, 9, 31, 32),
					       FIXTURE_V4(10, 10, 9, 32, 32)};
static const struct prefix fixture_vnet[] = {FIXTURE_V4(10, 80, 4, 0, 27)};
static const struct prefix_list fixture_prefixes[SRC_COUNT] = {
	{fixture_dgw1, 1},
	{fixture_robots, 2},
	{fixture_vnet, 1},
};

/* Translated addresses: 198.51.100.10; 203.0.113.20 and .21 */
#define FIXTURE_ADDR(a, b, c, d)                                             \
	{                                                                    \
		{                                                            \
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d \
		}                                                            \
	}
static const struct addr fixture_munich[] = {FIXTURE_ADDR(198, 51, 100, 10)};
static const struct addr fixture_lyon[] = {FIXTURE_ADDR(203, 0, 113, 20),
					   FIXTURE_ADDR(203, 0, 113, 21)};
static const struct addr_list fixture_egress[SITE_COUNT] = {
	{fixture_munich, 1},
	{fixture_lyon, 2},
};

static const struct service_group fixture_groups[] = {
	{"power-platform",
	 {{1u << SVC_DATAVERSE | 1u << SVC_POWER_APPS | 1u << SVC_POWER_AUTOMATE}}},
};

static const char *const fixture_users[] = {"anna", "CONTOSO\\kim", "Keller, Max"};

static const struct vocabulary fixture_vocabulary = {
	.services = {fixture_services, SVC_COUNT},
	.connectors = {fixture_connectors, CON_COUNT},
	.tags = {fixture_tags, TAG_COUNT},
	.sites = {fixture_sites, SITE_COUNT},
	.sources = {fixture_sources, SRC_COUNT},
	.users = {fixture_users, 3},
	.source_prefixes = fixture_prefixes,
	.site_egress = fixture_egress,
	.groups = fixture_groups,
	.group_count = 1,
};

/* 2026-11-24T12:00:00Z */
#define FIXTURE_NOW_US (INT64_C(1795521600) * 1000000)

#endif /* TESTS_POLICY_FIXTURE_H */
