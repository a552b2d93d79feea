/* SPDX-License-Identifier: Apache-2.0 */
#include "app/host.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "base/json.h"
#include "base/text.h"

static const char *state_word(enum host_state s)
{
	switch (s) {
	case HOST_FINE:
		return "fine";
	case HOST_WARNING:
		return "warning";
	case HOST_UNKNOWN:
		break;
	}
	return "cannot tell";
}

static void tell_json(const struct host *h, enum host_state state, const char *check,
		      const char *remedy, const char *text)
{
	char buf[16384];
	struct json j;

	json_init(&j, buf, sizeof(buf));
	json_object_begin(&j, NULL);
	json_cstring(&j, "check", check);
	json_cstring(&j, "state", state == HOST_UNKNOWN ? "unknown" : state_word(state));
	json_cstring(&j, "message", text);
	json_cstring(&j, "remedy", remedy);
	json_object_end(&j);
	if (json_ok(&j))
		(void)printf("%s%.*s", h->told > 0 ? ",\n" : "[", (int)j.len, buf);
}

void host_tell(struct host *h, enum host_state state, const char *check,
	       const char *remedy, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	h->warnings += state == HOST_WARNING;
	if (h->json) {
		tell_json(h, state, check, remedy, text);
	} else {
		(void)printf("%-11s  %-12s ", state_word(state), check);
		str_put_printable(stdout, str_of(text));
		(void)putchar('\n');
		if (remedy != NULL)
			(void)printf("%-26s= %s\n", "", remedy);
	}
	h->told++;
}

void host_path(const struct host *h, const char *path, char ret[HOST_PATH_MAX])
{
	(void)snprintf(ret, HOST_PATH_MAX, "%s%s", h->root, path);
}

/* Files of /proc say that they have no size, so the text is read as far as it goes. */
bool host_read(const struct host *h, const char *path, char *buf, size_t size)
{
	char name[HOST_PATH_MAX];
	FILE *f;
	size_t n;
	bool fine;

	host_path(h, path, name);
	f = fopen(name, "re");
	if (f == NULL)
		return false;
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	fine = ferror(f) == 0;
	return fclose(f) == 0 && fine;
}

bool host_read_u64(const struct host *h, const char *path, uint64_t *ret)
{
	char buf[64];

	if (!host_read(h, path, buf, sizeof(buf)))
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return parse_u64(str_trim(str_of(buf)), UINT64_MAX, ret);
}

bool host_exists(const struct host *h, const char *path)
{
	char name[HOST_PATH_MAX];

	host_path(h, path, name);
	return access(name, F_OK) == 0;
}

int host_check(struct host *h)
{
	host_check_kernel(h);
	host_check_position(h);
	host_check_system(h);
	if (h->json)
		(void)printf("%s]\n", h->told > 0 ? "" : "[");
	else
		(void)printf("%u checks, %u warnings\n", h->told, h->warnings);
	return finish_output(h->warnings > 0 ? EXIT_FINDINGS : EXIT_FINE);
}
