/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IDENTIFY_IKE_H
#define IDENTIFY_IKE_H

/*
 * ike - does a datagram begin an IPsec key exchange?  RFC 7296 3.1 (version 2), RFC 2408 3.1
 * (version 1), RFC 3948 2.2 (four zero bytes in front, on port 4500).
 *
 * nDPI 4.2 knows IPsec by its ports alone, which is no proof.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool ike_begins(const uint8_t *payload, size_t len);

#endif /* IDENTIFY_IKE_H */
