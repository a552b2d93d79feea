/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_RULES_SIGN_H
#define APP_RULES_SIGN_H

/* rules_sign - `weir rules sign`. */

#include "app/command.h"

/* Sign what `c` names with the key in the file `key` (NULL = none was given).  An exit code. */
int rules_sign(const struct common *c, const char *key);

#endif /* APP_RULES_SIGN_H */
