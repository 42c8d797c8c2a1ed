/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "hotplug/ask.h"
#include "model/definition.h"

/* Is there nothing for vm-plug to open for such a device? */
bool plug_here_can(const xmlNode *device);

/* What vm-plug would answer to plug_ask_attach(). */
int plug_here(const Definition *live, const xmlNode *device, const char *version, PlugAnswer *ret, Error *e);
