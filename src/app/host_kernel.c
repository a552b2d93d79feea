/* SPDX-License-Identifier: Apache-2.0 */
/* host_kernel - netfilter, connection tracking, forwarding, interfaces and their offloads. */
#include <dirent.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/host.h"
#include "base/text.h"

#define LIST_BYTES     ((size_t)4 << 20) /* of a list of modules, or of a kernel's options */
#define INTERFACES_MAX 64
#define FULL_PERCENT   80 /* of the table of connections */

/* ---- what the kernel can ----------------------------------------------------------------- */

enum found {
	FOUND_NOT = 0,
	FOUND,
	FOUND_UNKNOWN
};

static enum found look_in(const struct host *h, char *memory, const char *path,
			  const char *word)
{
	if (!host_read(h, path, memory, LIST_BYTES))
		return FOUND_UNKNOWN;
	return strstr(memory, word) != NULL ? FOUND : FOUND_NOT;
}

/* A feature: loaded, built in, or there to be loaded?  `option`: of the kernel's build. */
static enum found find_feature(const struct host *h, const char *module,
			       const char *option)
{
	static const char *const folders[] = {"/lib/modules", "/usr/lib/modules"};
	char release[128] = "", path[400], word[100];
	char *memory = malloc(LIST_BYTES);
	enum found f = FOUND_UNKNOWN, one;

	if (memory == NULL)
		return FOUND_UNKNOWN;
	(void)snprintf(path, sizeof(path), "/sys/module/%s", module);
	if (host_exists(h, path))
		f = FOUND;
	(void)host_read(h, "/proc/sys/kernel/osrelease", release, sizeof(release));
	release[strcspn(release, "\n/")] = '\0';
	(void)snprintf(word, sizeof(word), "/%s.ko", module);
	for (unsigned i = 0; f != FOUND && i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/%s", folders[i / 2], release,
			       i % 2 == 0 ? "modules.dep" : "modules.builtin");
		one = look_in(h, memory, path, word);
		f = one == FOUND_UNKNOWN ? f : one;
	}
	(void)snprintf(path, sizeof(path), "/boot/config-%s", release);
	for (unsigned i = 0; f != FOUND && i < 2; i++) {
		(void)snprintf(word, sizeof(word), "\n%s=%c", option, i == 0 ? 'y' : 'm');
		one = look_in(h, memory, path, word);
		f = one == FOUND_UNKNOWN ? f : one;
	}
	free(memory);
	return f;
}

static void check_queue(struct host *h)
{
	enum found f = host_exists(h, "/proc/net/netfilter/nfnetlink_queue")
			       ? FOUND
			       : find_feature(h, "nfnetlink_queue",
					      "CONFIG_NETFILTER_NETLINK_QUEUE");
	enum found rule =
		find_feature(h, "xt_NFQUEUE", "CONFIG_NETFILTER_XT_TARGET_NFQUEUE");
	enum found nft = find_feature(h, "nft_queue", "CONFIG_NFT_QUEUE");

	if (f == FOUND)
		host_tell(h, HOST_FINE, "queue", NULL, "the kernel has NFQUEUE%s",
			  rule == FOUND  ? ", by xt_NFQUEUE"
			  : nft == FOUND ? ", by nft_queue"
					 : "");
	else if (f == FOUND_NOT)
		host_tell(h, HOST_WARNING, "queue",
			  "a kernel with CONFIG_NETFILTER_NETLINK_QUEUE, as Debian's",
			  "the kernel has no NFQUEUE");
	else
		host_tell(h, HOST_UNKNOWN, "queue",
			  "modprobe nfnetlink_queue; weir run finds out by trying",
			  "nothing says whether the kernel has NFQUEUE");
	if (f == FOUND && rule == FOUND_NOT && nft == FOUND_NOT)
		host_tell(h, HOST_WARNING, "queue",
			  "a kernel with CONFIG_NETFILTER_XT_TARGET_NFQUEUE or "
			  "CONFIG_NFT_QUEUE",
			  "no rule can send packets to it: neither xt_NFQUEUE nor "
			  "nft_queue is there");
}

static void check_bpf(struct host *h)
{
	switch (find_feature(h, "xt_bpf", "CONFIG_NETFILTER_XT_MATCH_BPF")) {
	case FOUND:
		host_tell(h, HOST_FINE, "xt_bpf", NULL,
			  "segments without payload pass by a rule of their own");
		break;
	case FOUND_NOT:
		host_tell(h, HOST_WARNING, "xt_bpf",
			  "a kernel with CONFIG_NETFILTER_XT_MATCH_BPF, as Debian's",
			  "the kernel has no xt_bpf: rules of iptables cannot be made");
		break;
	case FOUND_UNKNOWN:
		host_tell(h, HOST_UNKNOWN, "xt_bpf",
			  "modprobe xt_bpf; weir run finds out by trying",
			  "nothing says whether the kernel has xt_bpf");
		break;
	}
}

static void check_tools(struct host *h)
{
	static const char *const names[] = {"nft", "iptables-nft-restore",
					    "iptables-legacy-restore"};
	static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin",
					      "/usr/local/sbin"};
	char path[100], found[200] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t k = 0; k < sizeof(folders) / sizeof(folders[0]); k++) {
			(void)snprintf(path, sizeof(path), "%s/%s", folders[k], names[i]);
			if (!host_exists(h, path))
				continue;
			len += (size_t)snprintf(found + len, sizeof(found) - len, "%s%s",
						len > 0 ? ", " : "", names[i]);
			break;
		}
	if (len > 0)
		host_tell(h, HOST_FINE, "tools", NULL, "%s", found);
	else
		host_tell(h, HOST_WARNING, "tools", "apt-get install nftables iptables",
			  "neither nft nor iptables is installed: no rules can be made");
}

static void check_conntrack(struct host *h)
{
	uint64_t max, count;

	if (!host_read_u64(h, "/proc/sys/net/netfilter/nf_conntrack_max", &max) ||
	    !host_read_u64(h, "/proc/sys/net/netfilter/nf_conntrack_count", &count) ||
	    max == 0) {
		host_tell(h, HOST_UNKNOWN, "conntrack", "modprobe nf_conntrack",
			  "connection tracking does not run yet, so its table is not "
			  "known");
		return;
	}
	if (count >= max / 100 * FULL_PERCENT)
		host_tell(h, HOST_WARNING, "conntrack",
			  "sysctl net.netfilter.nf_conntrack_max, twice as large",
			  "%" PRIu64 " of %" PRIu64
			  " entries are taken: when it is full, new connections are "
			  "dropped",
			  count, max);
	else
		host_tell(h, HOST_FINE, "conntrack", NULL,
			  "%" PRIu64 " of %" PRIu64 " entries are taken", count, max);
	if (h->config->limits.max_flows > max)
		host_tell(h, HOST_WARNING, "conntrack",
			  "sysctl net.netfilter.nf_conntrack_max, at least that many",
			  "limits.max_flows is %u, the kernel's table holds %" PRIu64,
			  (unsigned)h->config->limits.max_flows, max);
}

static void check_forwarding(struct host *h)
{
	uint64_t v4 = 0, v6 = 0;

	if (!host_read_u64(h, "/proc/sys/net/ipv4/ip_forward", &v4)) {
		host_tell(h, HOST_UNKNOWN, "forwarding", "sysctl net.ipv4.ip_forward",
			  "nothing says whether packets are forwarded");
		return;
	}
	(void)host_read_u64(h, "/proc/sys/net/ipv6/conf/all/forwarding", &v6);
	if (v4 == 0 && v6 == 0)
		host_tell(h, HOST_WARNING, "forwarding",
			  "sysctl net.ipv4.ip_forward=1 (and "
			  "net.ipv6.conf.all.forwarding=1), unless this is a bridge",
			  "no packets are forwarded: none come to the queue");
	else
		host_tell(h, HOST_FINE, "forwarding", NULL, "IPv4 %s, IPv6 %s",
			  v4 != 0 ? "on" : "off", v6 != 0 ? "on" : "off");
}

/* ---- interfaces -------------------------------------------------------------------------- */

/* A flag of the card; false: it does not say. */
static bool ask_card(const char *name, uint32_t command, uint32_t *ret)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return false;
	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_data = (char *)&value;
	rc = ioctl(fd, SIOCETHTOOL, &r);
	(void)close(fd);
	*ret = value.data;
	return rc == 0;
}

static void check_offloads(struct host *h, const char *name)
{
	const bool mirror = h->config->capture.source == CAPTURE_INTERFACE;
	uint32_t flags = 0, gro = 0;
	char remedy[100];

	(void)snprintf(remedy, sizeof(remedy), "ethtool -K %s lro off%s", name,
		       mirror ? " gro off" : "");
	if (h->root[0] != '\0' || !ask_card(name, ETHTOOL_GFLAGS, &flags) ||
	    !ask_card(name, ETHTOOL_GGRO, &gro))
		host_tell(h, HOST_UNKNOWN, "offloads", remedy,
			  "%s does not say what it merges", name);
	else if ((flags & ETH_FLAG_LRO) != 0)
		host_tell(h, HOST_WARNING, "offloads", remedy,
			  "%s merges packets itself (LRO): their sizes and headers are "
			  "not those of the wire",
			  name);
	else if (mirror && gro != 0)
		host_tell(h, HOST_WARNING, "offloads", remedy,
			  "packets of %s are merged (GRO) before they are seen: packets "
			  "and their sizes are not those of the wire",
			  name);
	else
		host_tell(h, HOST_FINE, "offloads", NULL, "%s: LRO off, GRO %s", name,
			  gro != 0 ? "on (merged packets are taken whole)" : "off");
}

/* `named`: by the configuration; else one that is down is nobody's fault. */
static void check_interface(struct host *h, const char *name, bool named)
{
	char path[200], state[32];

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/operstate", name);
	if (strchr(name, '/') != NULL || !host_read(h, path, state, sizeof(state))) {
		host_tell(
			h, HOST_WARNING, "interface",
			"capture.interfaces: names of `ip link`",
			"there is no interface %s: nothing that comes in by that name is "
			"judged",
			name);
		return;
	}
	state[strcspn(state, "\n")] = '\0';
	if (!named && strcmp(state, "up") != 0)
		return;
	if (strcmp(state, "down") == 0 || strcmp(state, "lowerlayerdown") == 0)
		host_tell(h, HOST_WARNING, "interface", "ip link set NAME up; the cable",
			  "%s is down", name);
	else
		host_tell(h, HOST_FINE, "interface", NULL, "%s is there (%s)", name,
			  state);
	check_offloads(h, name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_interface(const struct dirent *e)
{
	return e->d_name[0] != '.' && strcmp(e->d_name, "lo") != 0;
}

/* Without names every interface counts. */
static void check_all_interfaces(struct host *h)
{
	struct dirent **list = NULL;
	char path[HOST_PATH_MAX];
	int n;

	host_path(h, "/sys/class/net", path);
	n = scandir(path, &list, is_interface, by_name);
	if (n <= 0)
		host_tell(h, HOST_UNKNOWN, "interface", "capture.interfaces",
			  "no interface is seen here");
	for (int i = 0; i < n; i++) {
		if (i < INTERFACES_MAX)
			check_interface(h, list[i]->d_name, false);
		free(list[i]);
	}
	free(list);
}

void host_check_kernel(struct host *h)
{
	const struct capture_cfg *c = &h->config->capture;

	if (c->source == CAPTURE_NONE)
		host_tell(h, HOST_UNKNOWN, "source",
			  "capture.source = \"nfqueue\" or \"interface\"",
			  "the configuration names no source of packets: checked as a "
			  "gateway");
	if (c->source != CAPTURE_INTERFACE) {
		check_queue(h);
		check_bpf(h);
		check_tools(h);
		check_conntrack(h);
		check_forwarding(h);
	}
	for (size_t i = 0; i < c->interface_count; i++)
		check_interface(h, c->interfaces[i], true);
	if (c->interface_count == 0)
		check_all_interfaces(h);
}
