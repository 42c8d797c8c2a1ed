/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What qemu.conf says of a guest's screens. */

#include "config/qemu.h"
#include "model/definition.h"
#include "qemu/args.h"

/* Of one <graphics> in canonical form: encryption, logins, whether there is a password. What *ret points to is c's.
 * Ports and sockets are left to the caller. */
void qemu_screen_init(const QemuConfig *c, const xmlNode *graphics, QemuGraphics *ret);

/* Of all of them, for QemuHostResources; *ret is the caller's. */
int qemu_screens_init(const QemuConfig *c, const Definition *d, QemuGraphics **ret, size_t *ret_n);

/* The ports that SPICE on TCP needs beside those that the definition names: as its channels say, where it leaves ports
 * to the host. tls: qemu.conf has spice_tls. */
typedef struct SpicePorts {
        bool plain, secure;
} SpicePorts;
SpicePorts spice_ports_to_choose(const xmlNode *graphics, bool tls);
