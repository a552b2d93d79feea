/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOGIN_H
#define ENGINE_LOGIN_H

/*
 * login - who stands behind a process, for the record.
 *
 * Asks the system's list of users, which is not for two threads at a time: the supervisor's own.
 */

#include <sys/types.h>

#define LOGIN_MAX 64

/*
 * The person who logged in, whoever they have become since (proc(5), loginuid); where nobody did,
 * `uid`.  Its name, cut at LOGIN_MAX - 1 bytes, or "uid N".
 */
void login_name(pid_t pid, uid_t uid, char buf[LOGIN_MAX]);

#endif /* ENGINE_LOGIN_H */
