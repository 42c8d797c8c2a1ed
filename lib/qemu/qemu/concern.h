/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/qemu.h"
#include "model/definition.h"

/* The element that a refused setting of qemu.conf is about, in a definition in canonical form. NULL: it is not about
 * this guest. */
const xmlNode *qemu_concerned_element(const Definition *d, QemuConcern concern);

/* Do clients reach a screen by a socket? By a port, rather than that or not at all? */
bool graphics_is_on_socket(const xmlNode *graphics);
bool graphics_has_port(const xmlNode *graphics);
