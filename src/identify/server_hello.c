/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_hello - the version that a TLS server chose (RFC 8446 4.1.3, 4.2.1).
 *
 *     record:  u8 22 | be16 version | be16 length
 *     message: u8 2 | be24 length | be16 legacy_version | 32 random | u8 length, session id
 *              | be16 cipher suite | u8 compression | be16 length, extensions
 *
 * Nothing is put together: a hello that does not stand in one segment is not read.
 */
#include "base/cursor.h"
#include "identify/identify.h"

#define HANDSHAKE          22 /* content type */
#define SERVER_HELLO       2
#define SUPPORTED_VERSIONS 43

uint16_t identify_server_hello(const uint8_t *bytes, size_t len)
{
	struct cursor c = cur_init(bytes, len);
	struct cursor extensions;
	const uint8_t type = cur_u8(&c), major = cur_u8(&c);
	uint16_t version;
	size_t size;

	if (type != HANDSHAKE || major != 3)
		return 0;
	cur_skip(&c, 3);
	if (cur_u8(&c) != SERVER_HELLO)
		return 0;
	size = cur_be24(&c);
	if (!cur_ok(&c) || size > c.left)
		return 0;
	c = cur_sub(&c, size);
	version = cur_be16(&c);
	cur_skip(&c, 32);
	cur_skip(&c, cur_u8(&c));
	cur_skip(&c, 3);
	if (!cur_ok(&c))
		return 0;
	if (c.left == 0) /* before RFC 4366 there were none */
		return version;
	size = cur_be16(&c);
	extensions = cur_sub(&c, size);
	while (extensions.left > 0) {
		const uint16_t kind = cur_be16(&extensions);
		struct cursor data = cur_sub(&extensions, cur_be16(&extensions));

		if (kind == SUPPORTED_VERSIONS)
			version = cur_be16(&data);
		if (!cur_ok(&extensions) || !cur_ok(&data))
			return 0;
	}
	return cur_ok(&c) ? version : 0;
}
