/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A temporary folder that a group of tests has. */

#include <sys/types.h>

extern char folder[];

/* cmocka's setup and teardown of the group. */
int make_folder(void **state);
int remove_folder(void **state);

/* The path of what is called so in it; the caller's. */
char *in_folder(const char *name);
/* A file with these bytes at its beginning, of this size. */
void write_file(const char *name, const void *data, size_t len, off_t size);
