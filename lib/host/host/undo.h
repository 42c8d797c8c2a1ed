/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The undo list of a guest's run, /run/libvirt/qemu/NAME.undo: what was made on the host for this run and does not go
 * with its processes. Lines of KEY=VALUE (base/keyfile.h), root only, oldest first.
 *
 * A line is written before the thing is made. So whatever is killed in between, the list never misses anything, and
 * undoing what was never made is no error. vm-cleanup carries it out, newest first, after the guest's end; vm-prepare
 * before the next start where no vm-cleanup came to it. A key that is not known, of a newer version that was replaced
 * meanwhile, is reported and does not stop the others.
 *
 * KEY@ALIAS is the same for one device of the guest.
 *
 * A new kind of thing is a row in the table of undo.c and a function in the file that makes it: it is given the value,
 * returns 0 or a negative errno, and has to cope with a thing that is not there, or that is somebody else's by now. */

#include "base/macros.h"
#include "host/undo-list.h"

/* What could not be undone: r is -ENOTSUP for a key that is not known. */
typedef void (*UndoReport)(const char *key, const char *value, int r, void *userdata);

/* Undoes all of the guest's list, newest first, and removes it. report may be NULL. 0 as well where there is none; a
 * negative errno only where the list cannot be read. */
int undo_run(const char *name, UndoReport report, void *userdata);

/* Undoes what was made for one device, newest first, and takes it off the list. 0 as well where there is nothing. The
 * list is written anew: nobody else may add to it meanwhile. A PCI device stays VFIO's for as long as the guest has
 * another one of the same IOMMU group: giving it back is that one's then. */
int undo_device(const char *name, const char *device, UndoReport report, void *userdata);

/* The same for the text of a list; for what another version left elsewhere, known_only leaves out what is not known
 * without a word. */
void undo_text(const char *text, bool known_only, UndoReport report, void *userdata);
