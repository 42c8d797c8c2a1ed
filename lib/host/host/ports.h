/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ports of VNC, SPICE and the like, which belong to a guest from its start to its end, also before QEMU listens. They
 * are lines "PORT NAME" of /run/libvirt/qemu/ports; that list is its own undo list. */

#include "base/macros.h"

/* Reserves a port from first to last that is free at address (IPv4, IPv6, or any where it is neither). -EADDRINUSE
 * where all are taken, -EADDRNOTAVAIL where the host has no such address. */
int ports_reserve(const char *name, const char *address, unsigned first, unsigned last, unsigned *ret);

/* Gives all ports of a guest back; 0 as well where it has none. */
int ports_release(const char *name);
