/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "record/lines.h"
#include "record/seal.h"
#include "record/segments.h"

static int look(int dir_fd, uint32_t number, struct seal *ret, char buf[SEAL_LINE_MAX])
{
	struct lines *l;
	struct str line;
	struct seal s;
	int rc = lines_open(dir_fd, number, &l);

	if (rc < 0)
		return rc;
	rc = -ENODATA;
	while (lines_next(l, &line) == LINES_LINE) {
		if (line.len + 2 > SEAL_LINE_MAX || !seal_parse(line, &s))
			continue;
		*ret = s;
		memcpy(buf, line.p, line.len + 1);
		buf[line.len + 1] = '\0';
		rc = 0;
	}
	lines_close(l);
	return rc;
}

int seal_last(const char *dir, struct seal *ret, char buf[SEAL_LINE_MAX])
{
	uint32_t number = 0;
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = dir_fd < 0 ? -errno : segments_last(dir_fd, &number);

	if (rc == 0)
		rc = number == 0 ? -ENOENT : -ENODATA;
	for (; rc == -ENODATA && number > 0; number--)
		rc = look(dir_fd, number, ret, buf);
	if (dir_fd >= 0)
		(void)close(dir_fd);
	return rc;
}
