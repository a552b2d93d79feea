/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/login.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void name_user(uid_t uid, char buf[LOGIN_MAX])
{
	const struct passwd *pw = getpwuid(uid); /* NOLINT(concurrency-mt-unsafe) */

	if (pw != NULL)
		(void)snprintf(buf, LOGIN_MAX, "%s", pw->pw_name);
	else
		(void)snprintf(buf, LOGIN_MAX, "uid %u", (unsigned)uid);
}

void login_name(pid_t pid, uid_t uid, char buf[LOGIN_MAX])
{
	char path[64];
	uint64_t login = UINT32_MAX;
	char line[16];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/loginuid", (int)pid);
	f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(line, sizeof(line), f) != NULL)
			(void)parse_u64((struct str){line, strcspn(line, "\n")},
					UINT32_MAX, &login);
		(void)fclose(f);
	}
	name_user(login == UINT32_MAX ? uid : (uid_t)login, buf);
}
