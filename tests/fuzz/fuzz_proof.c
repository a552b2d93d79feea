/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_proof - two segments of any bytes, and lines chosen by others of them, as an evidence pack.
 *
 * Properties: each chosen line that is there is written once, and nothing else is; what ranges
 * and counters say adds up.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "large.h"
#include "record/proof.h"
#include "record/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/dev/shm/weir-fuzz-proof-XXXXXX";
static const char *const names[] = {"000001.jsonl", "000002.jsonl", "epochs.jsonl"};

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static int open_folder(void)
{
	static int fd = -1;

	if (fd == -1) {
		demand(mkdtemp(folder) != NULL);
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		demand(fd >= 0);
	}
	return fd;
}

/* Leaves nothing behind. */
__attribute__((destructor)) static void clean_up(void)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	for (unsigned i = 0; i < 3; i++)
		(void)unlinkat(fd, names[i], 0);
	(void)close(fd);
	(void)rmdir(folder);
}

static void put(int dir_fd, const char *name, const uint8_t *data, size_t size)
{
	const int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	demand(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)close(fd);
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static void check(const struct proof_want *want, size_t count)
{
	static const uint8_t root[SIGN_KEY] = {1};
	char *text[5];
	size_t len[5];
	FILE *f[5];
	struct proof_count n;
	struct proof_out out;

	for (unsigned i = 0; i < 5; i++) {
		f[i] = open_memstream(&text[i], &len[i]);
		demand(f[i] != NULL);
	}
	out = (struct proof_out){f[0], f[1], f[2], f[3], f[4]};
	demand(proof_write(folder, root, want, count, &out, &n) == 0);
	for (unsigned i = 0; i < 5; i++)
		(void)fclose(f[i]);
	demand(n.lines + n.context + n.gone == count);
	demand(count_lines(text[0], len[0]) == n.lines);
	demand(count_lines(text[1], len[1]) == n.context);
	demand(count_lines(text[3], len[3]) == n.seals && n.seals >= n.ranges);
	demand(count_lines(text[4], len[4]) == n.epochs);
	demand(n.unsealed <= n.lines + n.context);
	for (unsigned i = 0; i < 5; i++)
		free(text[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int dir_fd = open_folder();
	struct proof_want want[64];
	size_t count = 0, half;

	if (size < 8)
		return 0;
	for (unsigned bit = 0; bit < 64; bit++)
		if ((data[bit / 8] >> bit % 8 & 1) != 0)
			want[count++] = (struct proof_want){.segment = bit / 32 + 1,
							    .line = bit % 32 + 1,
							    .context = bit % 3 == 0};
	data += 8;
	size -= 8;
	for (half = size / 2; half < size && data[half] != '\n'; half++)
		;
	half += half < size;
	put(dir_fd, names[0], data, half);
	put(dir_fd, names[1], data + half, size - half);
	put(dir_fd, names[2], data, size);
	check(want, count);
	large_end();
	return 0;
}
