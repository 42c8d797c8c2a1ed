/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* QEMU as it is installed here. */

#include "guest/driver.h"

/* Its version, 10000013 for 10.0.13. May run QEMU once; then from a cache. Waits. -ENOENT where there is none. */
int emulator_version(QemuDriver *d, unsigned *ret, Error *e);

/* Has QEMU in this state of its file this board (machine), as was found out before? One of the host's own emulator
 * is remembered, the last one; others are looked for each time. */
bool emulator_has_board(const QemuDriver *d, const char *emulator, const char *machine);
void emulator_remember_board(QemuDriver *d, const char *emulator, const char *machine);

/* What normalising must know about this host. Waits as above. */
int driver_host_facts(QemuDriver *d, HostFacts *ret, Error *e);

/* Completes a definition for this host (definition_normalise()). running: it is that of a guest that runs, to which
 * what QEMU cannot plug in any more is not added. ret (or NULL): the facts it was done with. Waits as above. */
int driver_normalise(QemuDriver *d, Definition *def, bool running, HostFacts *ret, Error *e);
