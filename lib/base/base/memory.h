/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Gives memory back that the program does not need to keep: the free parts of the heap (malloc_trim(3)), and the pages
 * of programs' and libraries' files as they were mapped for reading and executing. What of those is used again comes
 * back by itself, from the page cache. The stack below the caller goes as well, so this is for the main one, not for a
 * fiber's. Takes less than a millisecond; for quiet times. */
void memory_give_back(void);

/* What a daemon keeps of an answer: in memory of its own and not in the heap, where it might lie at the end of what was
 * in use just then, and hold all that is below it. */
typedef struct KeptMemory {
        char *data;       /* NULL: nothing */
        size_t size;
} KeptMemory;

void kept_memory_drop(KeptMemory *k);

/* In the place of what was there; filled by the caller. -ENOMEM or 0. */
int kept_memory_take(KeptMemory *k, size_t size);
