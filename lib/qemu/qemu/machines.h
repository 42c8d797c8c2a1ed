/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The boards that an installed QEMU has, by its own list. Each board is a type whose name is a constant text in the
 * program's file, "pc-q35-9.2-machine", distributions' own ones as well; the list is read there, as the version is
 * (version.h), once for each state of the file, and remembered in /run/libvirt/qemu. A program that is none, a script
 * that starts QEMU, is asked with "-machine help". */

#include "base/error.h"
#include "model/definition.h"
#include "qemu/caps.h"

/* The boards for definitions of this project, pc-i440fx-*, pc-q35-*, microvm and isapc: sorted, the newest version
 * first, those of distributions (whose versions are words) behind them; NULL-terminated, to be freed with strv_free().
 * errno of reading or starting the program where may_run allows that (it is waited for: not within an event loop);
 * -ENOENT where it has none. */
int qemu_machines_get(const char *emulator, bool may_run, char ***ret);

/* Finds them in the output of "-machine help". As above. -ENOENT, -ENOMEM. */
int qemu_machines_parse(const char *output, char ***ret);

/* Can this host start the definition, as far as program and board go? -errno with ERROR_SYSTEM_ERROR where the emulator
 * cannot be run, -EOPNOTSUPP with ERROR_CONFIG_UNSUPPORTED for a board that it does not have; both say where the
 * definition names it, and what to write instead. A list that cannot be had is no failure: QEMU itself will say. */
int qemu_emulator_check(const Definition *d, bool may_run, Error *e);
