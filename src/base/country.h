/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_COUNTRY_H
#define BASE_COUNTRY_H

/*
 * country - the codes of ISO 3166-1 alpha-2, for messages about the operator's files.
 */

#include <stdbool.h>

#include "base/text.h"

/* Two capitals that the standard assigns, or XK. */
bool country_known(struct str alpha2);

/*
 * The code that was meant by one that people write for it ("UK"), or by small letters; NULL
 * when nothing is that near.  buf holds it.
 */
const char *country_meant(struct str s, char buf[3]);

#endif /* BASE_COUNTRY_H */
