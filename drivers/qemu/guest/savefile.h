/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What libvirt keeps for a guest in /var/lib/libvirt/qemu: found there, never from memory. */

#include "guest/guest.h"

bool has_managed_save(const Guest *g);

/* Files of snapshots ("snapshot") or checkpoints ("checkpoint") of the guest. */
unsigned count_metadata(const Guest *g, const char *kind);

/* Removes those files, and their folder. */
int remove_metadata(const Guest *g, const char *kind, Error *e);
int remove_managed_save(const Guest *g, Error *e);
