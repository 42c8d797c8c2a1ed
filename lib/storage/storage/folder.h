/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where folders are, found out without a question to a file system that may never answer. */

#include <stdbool.h>

/* A path without "." and "..", and without slashes in a row, by its words alone. "" is "/". NULL without memory. */
char *folder_plain(const char *path);

/* Mount points of file systems that another host or a process answers for. -ENOMEM, errno. */
int folder_mute_mounts(char ***ret);

/* The absolute path without links that leads to where path does, whether that is there or not. What lies below one of
 * the mount points is taken by its words, and is said to be there. -ELOOP, -ENOMEM. */
int folder_place(const char *path, char *const *mute, char **ret, bool *ret_there);

/* Is a, a place, inside b, another one? Not where they are the same. */
bool folder_is_inside(const char *a, const char *b);
