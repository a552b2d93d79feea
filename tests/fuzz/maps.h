/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_MAPS_H
#define FUZZ_MAPS_H

/*
 * maps - small maps are kept when they are unmapped, and are zeros for the next one who asks.
 *
 * For a target whose input makes an object of a few pages: the kernel would take as long to give
 * and take them as the object to be used.  The linker's --wrap (see the Makefile) brings mmap() and
 * munmap() here.  AddressSanitizer is told of a map that is nobody's, and of what lies between its
 * end and that of its page.
 *
 * Memory: nothing is given back.  One thread.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAPS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MAPS_ASAN 1
#endif
#ifdef MAPS_ASAN
#include <sanitizer/asan_interface.h>
#define maps_permit(at, len) __asan_unpoison_memory_region((at), (len))
#define maps_forbid(at, len) __asan_poison_memory_region((at), (len))
#else
#define maps_permit(at, len) ((void)(at), (void)(len))
#define maps_forbid(at, len) ((void)(at), (void)(len))
#endif

#define MAPS_BYTES ((size_t)65536) /* larger ones are the kernel's */
#define MAPS_COUNT 64
#define MAPS_PAGE  ((size_t)4096)

struct maps {
	unsigned char *at[MAPS_COUNT];
	size_t room[MAPS_COUNT];
	bool used[MAPS_COUNT];
	size_t count;
};

static struct maps maps;

void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t len);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t len);

static inline size_t maps_room(size_t len)
{
	return (len + MAPS_PAGE - 1) / MAPS_PAGE * MAPS_PAGE;
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	const size_t room = maps_room(len);
	size_t i = 0;

	if (fd != -1 || prot != (PROT_READ | PROT_WRITE) || len > MAPS_BYTES)
		return __real_mmap(at, len, prot, flags, fd, offset);
	while (i < maps.count && (maps.used[i] || maps.room[i] != room))
		i++;
	if (i == maps.count) {
		at = __real_mmap(at, room, prot, flags, fd, offset);
		if (i == MAPS_COUNT || at == MAP_FAILED)
			return at;
		maps.count++;
		maps.at[i] = at;
		maps.room[i] = room;
	}
	maps.used[i] = true;
	maps_permit(maps.at[i], room);
	memset(maps.at[i], 0, room);
	maps_forbid(maps.at[i] + len, room - len);
	return maps.at[i];
}

int __wrap_munmap(void *at, size_t len)
{
	for (size_t i = 0; i < maps.count; i++)
		if (maps.at[i] == at) {
			if (!maps.used[i] || maps.room[i] != maps_room(len))
				abort();
			maps.used[i] = false;
			maps_forbid(at, maps.room[i]);
			return 0;
		}
	return __real_munmap(at, len);
}

#endif /* FUZZ_MAPS_H */
