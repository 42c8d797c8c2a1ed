/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/definition.h"

/* /etc/libvirt/interface/NAME.xml, where a client's definition of an interface of the host is kept. Owned by the
 * caller; NULL without memory. */
char *interface_definition_path(const char *name);

/* Reads and normalises it. -ENOENT where nothing of the name is defined, without an error filled. */
int interface_definition_load(const char *name, Definition **ret, Error *e);

/* The MAC address of an <interface>: its own, or that of the first member of a bridge or a bond, which the kernel takes
 * where nobody else has a policy, so that a DHCP server knows the host again; NULL where the document says none. */
const char *interface_mac(const xmlNode *interface);
