/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/resctrl.h"

const char *resctrl_part(const xmlNode *tune) {
        static const char *const parts[][2] = { { "cachetune", "cache" }, { "memorytune", "node" } };
        const char *vcpus = xml_attr(tune, "vcpus");

        for (size_t i = 0; vcpus && i < ELEMENTSOF(parts); i++)
                XML_FOREACH(other, tune->parent, parts[i][0])
                        if (xml_attr_is(other, "vcpus", vcpus) && xml_child(other, parts[i][1]))
                                return vcpus;
        return NULL;
}
