/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the descriptors go that lib/host opens for a guest.
 *
 * Nobody opens a tap, an image or a device in the place where it is used: QEMU's user may not, and the daemon's sandbox
 * does not let it. So the functions of lib/host open as root and give each descriptor to a sink, and say by which
 * number the guest's QEMU will know it. There are two kinds of callers:
 *
 *   vm-prepare, at the start: the sink is the parcel for vm-run (runner/descriptors.c), the number is the one that
 *   vm-run gives the descriptor in QEMU's process.
 *   a helper as root for a guest that runs: the sink is a socket to who speaks QMP, and the number the position in its
 *   message.
 *
 * The functions take plain arguments, never a definition, so that such a helper can check what it was asked. They fill
 * the error with the cause; who calls puts file, line and element in front. What is made and would stay behind the
 * guest is written to its undo list first (host/undo.h). */

#include "base/error.h"
#include "base/macros.h"

typedef struct FdSink FdSink;

/* An implementation has this as its first member. */
struct FdSink {
        /* Passes fd on, a copy of it: the caller still closes its own. Returns the number that QEMU will know it by, or
         * a negative errno with e filled. */
        int (*give)(FdSink *sink, int fd, Error *e);
};

static inline int fd_sink_give(FdSink *sink, int fd, Error *e) {
        return sink->give(sink, fd, e);
}
