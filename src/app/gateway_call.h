/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_GATEWAY_CALL_H
#define APP_GATEWAY_CALL_H

/*
 * gateway_call - a connection to the running gateway's control socket (engine/control.c).
 */

#include <stdbool.h>
#include <sys/un.h>

#define GATEWAY_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path) /* with its NUL */

/* The caller's descriptor; -1, and the reason has been said as `command`. */
int gateway_call(const char *command, const char path[GATEWAY_PATH_MAX]);

/* The first word, "ok\n" or "no\n", and the descriptor that came with it; -1 = none. */
bool gateway_hear(int fd, char word[4], int *ret_passed);

#endif /* APP_GATEWAY_CALL_H */
