/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_RECORD_FOLDER_H
#define TESTS_RECORD_FOLDER_H

#include <dirent.h>
#include <unistd.h>

/* With its files, folders in it excepted; one that is not there is no fault. */
static inline void remove_folder_of_files(const char *name)
{
	DIR *d = opendir(name);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) // NOLINT(concurrency-mt-unsafe)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	(void)rmdir(name);
}

#endif /* TESTS_RECORD_FOLDER_H */
