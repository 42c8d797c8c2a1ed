/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Gives memory back that the program does not need to keep: the free parts of the heap (malloc_trim(3)), and the pages
 * of programs' and libraries' files as they were mapped for reading and executing. What of those is used again comes
 * back by itself, from the page cache. The stack below the caller goes as well, so this is for the main one, not for a
 * fiber's. Takes less than a millisecond; for quiet times. */
void memory_give_back(void);
