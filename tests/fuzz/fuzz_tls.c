/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tls - the readers of a stream's first bytes: TLS, HTTP and the plain openings.
 *
 * Input: u8 options | stream.  Properties: an end always answers; an answer does not change
 * with more bytes behind it; facts are well formed.
 */
#include "../unit/identify/check_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = {443, 53, 80, 1433};
	static struct identify *id;
	struct facts cut, whole;
	struct server_hello chosen;
	size_t half;
	uint16_t port;

	if (id == NULL)
		id = identify_create();
	if (id == NULL || size < 2 || size > 20000)
		return 0;
	port = ports[data[0] & 3];
	half = 1 + (size - 1) * (data[0] >> 2) / 64;
	data++;
	size--;
	memset(&whole, 0, sizeof(whole));
	if (half <= size) {
		enum identify_step step;

		memset(&cut, 0, sizeof(cut));
		step = identify_stream(id, data, half, false, false, port, &cut);
		check_facts(&cut);
		if (identify_stream(id, data, size, false, false, port, &whole) !=
		    IDENTIFY_DONE) {
			if (step == IDENTIFY_DONE)
				abort();
		} else if (step == IDENTIFY_DONE &&
			   (cut.protocol != whole.protocol ||
			    cut.undecidable != whole.undecidable ||
			    memcmp(cut.host, whole.host, sizeof(cut.host)) != 0)) {
			abort();
		}
	}
	memset(&whole, 0, sizeof(whole));
	if (identify_stream(id, data, size, true, false, port, &whole) != IDENTIFY_DONE)
		abort();
	check_facts(&whole);
	(void)identify_server_hello(data, size, &chosen);
	return 0;
}
