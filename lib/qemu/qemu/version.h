/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The version of an installed QEMU: the one fact that only the program itself tells. What "--version" prints is a
 * constant text in the program's file, and is read there: running QEMU for it takes a hundred times as long. It is
 * looked for once for each state of the file and remembered in /run/libvirt/qemu, for all programs of Unitvirt
 * together. Versions are numbers as QEMU_VERSION() of model/facts.h makes them: 7.2.22 is 7002022. */

#include "base/macros.h"

/* What was remembered for this file as it is now; -ENOENT where nothing is, or the file has changed. */
int qemu_version_cached(const char *emulator, unsigned *ret);

/* Remembers; only root's answer is believed, so failing to write is no harm. */
int qemu_version_store(const char *emulator, unsigned version);

/* Finds the version in the output of "--version". -EBADMSG. */
int qemu_version_parse(const char *output, unsigned *ret);

/* Finds it in the program's file. errno of reading it; -ENOENT where the text is not there: another kind of program,
 * such as a script that starts QEMU; -EBADMSG. */
int qemu_version_read(const char *emulator, unsigned *ret);

/* The cached one, else the file's, else runs the program and waits for it (not within an event loop). errno of starting
 * it; -EBADMSG. */
int qemu_version_get(const char *emulator, unsigned *ret);
