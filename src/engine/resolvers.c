/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolvers - the supervisor's part of dns.log: the socket, made before anybody gives up rights,
 * and what the process that serves it shares with the enforcer.
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/listen.h"
#include "engine/supervisor.h"

#define ANSWERS_BYTES ((size_t)1 << 20)

int resolvers_listen(struct supervisor *s)
{
	const struct config *c = s->generation->config;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the loader does not ask for groups */
	const struct group *gr = getgrnam(c->dns.log_group);
	void *p;

	s->rings.dnstap_fd = -1;
	if (c->dns.log == NULL)
		return 0;
	if (gr == NULL)
		log_warning("dns.log: no group '%s': only root may connect",
			    c->dns.log_group);
	s->rings.dnstap_fd =
		listen_at(c->dns.log, 0660, gr == NULL ? (gid_t)-1 : gr->gr_gid);
	if (s->rings.dnstap_fd < 0) {
		log_error("dns.log: cannot listen at %s: %s", c->dns.log,
			  strerrordesc_np(-s->rings.dnstap_fd));
		return s->rings.dnstap_fd;
	}
	p = mmap(NULL, sizeof(*s->dnstap), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s->rings.resolvers = ring_create_shared(ANSWERS_BYTES);
	if (p == MAP_FAILED || s->rings.resolvers == NULL)
		return -ENOMEM;
	s->dnstap = p;
	return 0;
}

void resolvers_close(struct supervisor *s)
{
	if (s->rings.dnstap_fd >= 0)
		(void)unlink(s->start->config->dns.log);
}
