/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/macros.h"

/* What QEMU said last about itself, in one line: from the end of its stderr, the last message with the hints that
 * follow it, without time and program name, and what to install where it misses a module. Owned by the caller; NULL
 * where it said nothing (or memory ran out). */
char *last_words(const char *text, size_t len);

/* The same words with the files in place of QEMU's names for them: images are "3 /srv/web.qcow2", and "/dev/fdset/3"
 * becomes "/srv/web.qcow2". Owned by the caller; NULL where memory ran out. */
char *name_images(const char *words, char *const *images);

/* The first file that the words name, an argument of QEMU names as well, and this process, in the guest's view of the
 * file system and as its user, cannot read. Owned by the caller; NULL where there is none. */
char *unseen_file(const char *words, char *const *argv);
