/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program: counts its heap calls and prints them when it ends.
 * The count of a long run minus that of a short one is what the packets cost.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t calls;
static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static char early[65536]; /* for the dynamic linker's own needs while we look up */
static size_t early_used;

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void *malloc(size_t n)
{
	if (real_malloc == NULL)
		*(void **)&real_malloc = next("malloc");
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	return real_malloc(n);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void *calloc(size_t n, size_t size)
{
	static int looking;

	if (real_calloc == NULL) {
		if (looking) {
			void *p = early + early_used;

			early_used += (n * size + 15) / 16 * 16;
			return early_used <= sizeof(early) ? p : NULL;
		}
		looking = 1;
		*(void **)&real_calloc = next("calloc");
	}
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	return real_calloc(n, size);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void *realloc(void *old, size_t n)
{
	if (real_realloc == NULL)
		*(void **)&real_realloc = next("realloc");
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	return real_realloc(old, n);
}

__attribute__((destructor)) static void report(void)
{
	(void)fprintf(stderr, "heap calls: %llu\n", (unsigned long long)calls);
}
