/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The end of a device in a guest that runs. It is the guest's to give it away: until QEMU says that it has, the device
 * stays in the live definition, and what it uses stays open. */

#include "guest/guest.h"

/* Asks for it and waits a few seconds. 0 as well where the guest has not answered in time. Within a modify job. */
int unplug_device(Guest *g, Definition *live, xmlNode *device, Error *e);

/* The same of what is no device of the definition's: a vCPU. *ret_gone false: the guest has not answered. Nothing is
 * written, unless it goes later. */
int unplug_alias(Guest *g, const char *alias, bool *ret_gone, Error *e);

/* Hooks of QemuDriver: QEMU says that a device has gone, or stays; a connection to a QEMU is there. */
void unplug_on_deleted(Guest *g, const char *alias);
void unplug_on_refused(Guest *g, const char *alias);
void unplug_on_connected(Guest *g);
