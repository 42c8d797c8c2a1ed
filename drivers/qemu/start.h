/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Starting and ending guests, for the handlers that do. All wait. */

#include "guest.h"
#include "rpc/call.h"

/* Starts an inactive guest through its unit; the lock is held. mark: GuestRun's autodestroy, 0 for none.
 * Success means that QEMU runs (or is paused, with CREATE_PAUSED). */
int guest_start(Guest *g, uint32_t flags, uint64_t mark, Error *e);

/* Writes the drop-in of the guest's unit where it differs, and tells systemd. */
int guest_write_dropin(Guest *g, const Definition *d, bool transient, Error *e);
void guest_remove_dropin(QemuDriver *d, const char *name, bool transient);

/* Takes the lock, with libvirt's error where it does not come free. */
int guest_lock(Guest *g, Error *e);

/* Destroys the guests that the connection with this mark started with autodestroy, in a fiber of its own. */
void guests_autodestroy(QemuDriver *d, uint64_t mark);

/* What normalising must know about this host. May run QEMU once for its version; then from a cache. */
int driver_host_facts(QemuDriver *d, HostFacts *ret, Error *e);

/* Parses and normalises what a client sends, giving it a uuid where it has none. */
int client_definition(QemuDriver *d, const char *xml, bool validate, Definition **ret, Error *e);

/* Waits until the unit of a guest that has ended is gone. Code 42 where the guest is gone with it, 68 after a time. */
int guest_wait_for_cleanup(Guest *g, Error *e);

/* The guest (a new reference) that the definition is for: the one that it replaces, or a new one, added to the index
 * (*ret_new). Code 9 where its name or uuid belongs to another guest. */
int guest_for_definition(QemuDriver *d, const Definition *def, bool *ret_new, Guest **ret, Error *e);

/* Writes the definition file in /etc. Nothing else follows: not the unit, not the index, not the event. */
int persistent_write(const Definition *d, Error *e);
