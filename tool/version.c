/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/facts.h"
#include "qemu/version.h"
#include "tool.h"

const char *tool_qemu_version(const char *emulator, char ret[32]) {
        HostFacts facts;
        unsigned v;

        if (host_facts_for_qemu(NULL, &facts) < 0 || qemu_version_get(emulator ?: facts.emulator, &v) < 0)
                return NULL;
        snprintf(ret, 32, "%u.%u.%u", v / 1000000, v / 1000 % 1000, v % 1000);
        return ret;
}
