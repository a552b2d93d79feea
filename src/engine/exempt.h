/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_EXEMPT_H
#define ENGINE_EXEMPT_H

/*
 * exempt - exceptions that an operator makes for a while, while the gateway runs.
 *
 * They are lines of gate exceptions in a file of the gateway's own, exempt.rules beside the
 * control socket, which is read before the configuration's rule files; so they are logged, shown
 * and explained as any other line.  Adding, removing and the end of one are changes: the rules
 * are loaded anew, and connections that an ended line let pass are judged again.  The folder is
 * gone with the next boot of the machine, and they with it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"

struct supervisor;
struct asker;

#define EXEMPT_LINES_MAX 64
#define EXEMPT_FOR_MIN_S 1
#define EXEMPT_FOR_MAX_S (UINT64_C(7) * 86400)
#define EXEMPT_ERROR_MAX 300

/* What the supervisor remembers. */
struct exempt {
	char *undo;  /* the file before the change that goes on; "" = there was none */
	char *added; /* what changed, for the ledger; NULL = no change of exempt */
	int64_t next_us; /* real time: the first line ends then; 0 = there is none */
};

enum exempt_outcome {
	EXEMPT_BEGUN,
	EXEMPT_BUSY,   /* another change goes on */
	EXEMPT_REFUSED /* `error` says why; nothing changed */
};

/*
 * "add SECONDS SRC TO PORT GATE[,GATE...] [REASON]", where TO is an address, prefix, host name or
 * "-", and PORT 0 is any; or "remove N [REASON]".  The reason goes into the event.  The end is told to `who`.
 */
enum exempt_outcome exempt_ask(struct supervisor *s, const struct asker *who,
			       const char *request, char error[EXEMPT_ERROR_MAX]);

/* "1  LINE", ... */
void exempt_print(const struct supervisor *s, FILE *out);

/* A change ended: what it added for the ledger, or NULL; not kept, the file is put back. */
const char *exempt_settle(struct supervisor *s, bool kept);
void exempt_forget(struct supervisor *s); /* free what exempt_settle() gave */

void exempt_look(struct supervisor *s); /* now and then: ended lines are taken out */

#endif /* ENGINE_EXEMPT_H */
