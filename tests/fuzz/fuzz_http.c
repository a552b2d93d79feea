/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http - the request behind a method that the stream's readers know.
 *
 * Input: what follows "GET ".  Properties: always HTTP; no userinfo and no query value in the
 * URL; the host follows from its own URL.
 */
#include "../unit/identify/check_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const struct facts *f)
{
	const char *query = memchr(f->url, '?', f->url_len);
	const char *end = f->url + f->url_len;

	if (memchr(f->url, '#', f->url_len) != NULL)
		abort();
	if (query == NULL)
		return;
	/* Between '=' and the next '&' there is nothing. */
	for (const char *p = query; p + 1 < end; p++)
		if (*p == '=' && p[1] != '&')
			abort();
	if (end[-1] != '=')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identify *id;
	static const uint8_t method[] = {'G', 'E', 'T', ' '};
	static uint8_t request[8192];
	struct facts f;

	if (id == NULL)
		id = identify_create();
	if (id == NULL || size > sizeof(request) - 4)
		return 0;
	memcpy(request, method, sizeof(method));
	if (size > 0)
		memcpy(request + sizeof(method), data, size);
	memset(&f, 0, sizeof(f));
	if (identify_stream(id, request, size + 4, true, false, 80, &f) !=
		    IDENTIFY_DONE ||
	    f.protocol != PROTOCOL_HTTP)
		abort();
	check_facts(&f);
	if (f.url_len > 0)
		check_url(&f);
	return 0;
}
