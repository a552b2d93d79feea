/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_hello - the version and application protocol that a TLS server chose (RFC 8446 4.1.3,
 * 4.2.1, RFC 7301 3.1).
 *
 *     record:  u8 22 | be16 version | be16 length
 *     message: u8 2 | be24 length | be16 legacy_version | 32 random | u8 length, session id
 *              | be16 cipher suite | u8 compression | be16 length, extensions
 *
 * Nothing is put together: a hello that does not stand in one segment is not read.
 */
#include "base/cursor.h"
#include "identify/hello.h"
#include "identify/identify.h"

#define HANDSHAKE          22 /* content type */
#define SERVER_HELLO       2
#define ALPN               16
#define SUPPORTED_VERSIONS 43
#define TLS_1_3            0x0304
#define TDS_PRELOGIN       0x12
#define TDS_REPLY          0x04
#define TDS_HEADER         8

/* be16 length, then one name behind its u8 length (RFC 7301 3.1). */
static bool read_alpn(struct cursor e, struct server_hello *ret)
{
	struct cursor list = cur_sub(&e, cur_be16(&e));
	const uint8_t len = cur_u8(&list);
	const uint8_t *name = cur_take(&list, len);

	if (name == NULL || len == 0 || list.left != 0 || e.left != 0)
		return false;
	ret->alpn_len =
		hello_put_alpn(ret->alpn, 0, (struct str){(const char *)name, len});
	return true;
}

static bool read_extensions(struct cursor c, struct server_hello *ret)
{
	bool has_alpn = false;

	while (c.left > 0) {
		const uint16_t kind = cur_be16(&c);
		struct cursor data = cur_sub(&c, cur_be16(&c));

		if (kind == SUPPORTED_VERSIONS)
			ret->version = cur_be16(&data);
		if (!cur_ok(&c) || !cur_ok(&data) ||
		    (kind == ALPN && (has_alpn || !read_alpn(data, ret))))
			return false;
		has_alpn |= kind == ALPN;
	}
	return true;
}

/* In TDS 7 it stands in a packet (MS-TDS 2.2.3.1, 2.2.6.5): what there is of its data. */
static struct cursor unwrap(struct cursor c)
{
	struct cursor in = c;
	const uint8_t type = cur_u8(&in);
	size_t len;

	cur_skip(&in, 1);
	len = cur_be16(&in);
	cur_skip(&in, TDS_HEADER - 4);
	if (!cur_ok(&in) || (type != TDS_PRELOGIN && type != TDS_REPLY) ||
	    len < TDS_HEADER)
		return c;
	len -= TDS_HEADER;
	return cur_sub(&in, len < in.left ? len : in.left);
}

static bool read_hello(struct cursor c, struct server_hello *ret)
{
	struct cursor extensions;
	const uint8_t type = cur_u8(&c), major = cur_u8(&c);
	size_t size;

	if (type != HANDSHAKE || major != 3)
		return false;
	cur_skip(&c, 3);
	if (cur_u8(&c) != SERVER_HELLO)
		return false;
	size = cur_be24(&c);
	if (!cur_ok(&c) || size > c.left)
		return false;
	c = cur_sub(&c, size);
	ret->version = cur_be16(&c);
	cur_skip(&c, 32);
	cur_skip(&c, cur_u8(&c));
	cur_skip(&c, 3);
	if (!cur_ok(&c))
		return false;
	if (c.left == 0) /* before RFC 4366 there were none */
		return true;
	extensions = cur_sub(&c, cur_be16(&c));
	return cur_ok(&c) && read_extensions(extensions, ret);
}

bool identify_server_hello(const uint8_t *bytes, size_t len, struct server_hello *ret)
{
	ret->alpn_len = 0;
	if (!read_hello(unwrap(cur_init(bytes, len)), ret))
		ret->version = 0;
	/* In TLS 1.3 a client refuses it there. */
	if (ret->version == 0 || ret->version >= TLS_1_3)
		ret->alpn_len = 0;
	return ret->version != 0;
}
