/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_identity - lease files and lists of people.  The first byte: which of both.
 *
 * Properties: a refusal has a finding; what is read can be built and, moved elsewhere, answers within
 * its bounds; nobody is known outside of every row's time; a lease's MAC is a machine's; however many
 * leases are odd, few warnings come.
 */
#include <stdlib.h>
#include <string.h>

#include "config/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not zero, and of no group: the lowest bit of the first byte. */
static bool is_machine(const char *mac)
{
	return strchr("02468ace", mac[1]) != NULL &&
	       memcmp(mac, "00:00:00:00:00:00", IDENTITY_MAC_TEXT) != 0;
}

static void ask(const struct identity *t, struct str text)
{
	/* Addresses of the text, at some times. */
	static const int64_t times[] = {INT64_MIN, 0, INT64_C(1795424400000000),
					INT64_MAX};
	char buf[IDENTITY_TEXT_MAX];
	struct addr a;
	size_t len;

	for (size_t i = 0; i < text.len && i < 4096; i++)
		for (size_t n = 7; n < 12 && i + n <= text.len; n++) {
			if (!addr_parse(text.p + i, n, &a))
				continue;
			for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
				const enum identity_answer got =
					identity_find(t, &a, times[k], buf, &len);

				if ((got == IDENTITY_NOBODY) != (len == 0) ||
				    len > sizeof(buf) ||
				    (got == IDENTITY_MAC && len != IDENTITY_MAC_TEXT))
					abort();
				if (got == IDENTITY_MAC && !is_machine(buf))
					abort();
				if (times[k] == INT64_MAX && got != IDENTITY_NOBODY)
					abort(); /* `until` is never reached */
			}
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct identity_list *l = identity_list_create();
	struct diag *d = diag_create();
	const struct identity_list *const all[] = {l};
	struct str text = {(const char *)data + 1, size - 1};
	struct identity *t, *moved;
	const char *why = NULL;

	if (l == NULL || d == NULL || size == 0)
		goto out;
	if (!identity_parse(l, data[0] % 2 == 0 ? IDENTITY_LEASES : IDENTITY_PEOPLE, "f",
			    text, d)) {
		if (diag_count(d, DIAG_ERROR) == 0)
			abort();
		goto out;
	}
	if (diag_count(d, DIAG_WARNING) > 4)
		abort();
	t = identity_build(all, 1, &why);
	if (t == NULL)
		abort();
	moved = malloc(identity_bytes(t));
	if (moved != NULL) {
		memcpy(moved, t, identity_bytes(t));
		identity_destroy(t);
		ask(moved, text);
		free(moved);
	}
out:
	diag_destroy(d);
	identity_list_destroy(l);
	return 0;
}
