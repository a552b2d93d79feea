/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_EXPORT_FORMS_H
#define APP_EXPORT_FORMS_H

/*
 * export_forms - `weir export cef|asim`: a ledger's events in the forms of other tools.
 */

#include <stdbool.h>

bool export_forms_has(const char *word);

/* Of `word`; argv[0] begins getopt's messages.  An exit code. */
int export_forms(const char *word, int argc, char *argv[]);

#endif /* APP_EXPORT_FORMS_H */
