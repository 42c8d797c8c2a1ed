/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qemu/sev.h"

#include <cpuid.h>

#define LEAF 0x8000001fU

void sev_facts_from_cpuid(unsigned b, unsigned c, unsigned d, SevFacts *ret) {
        *ret = (SevFacts) {
                .cbitpos = b & 0x3f,
                .reduced_phys_bits = b >> 6 & 0x3f,
                .guests = c >= d && d > 0 ? c - d + 1 : c,
                .es_guests = d > 0 ? d - 1 : 0,
        };
}

bool sev_facts(SevFacts *ret) {
        unsigned a = 0, b = 0, c = 0, d = 0;

        if (!__get_cpuid(LEAF, &a, &b, &c, &d))
                return false;
        sev_facts_from_cpuid(b, c, d, ret);
        return true;
}

int sev_complete(xmlNode *security, const SevFacts *facts) {
        const struct {
                const char *element;
                unsigned value;
        } parts[] = { { "cbitpos", facts->cbitpos }, { "reducedPhysBits", facts->reduced_phys_bits } };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                char text[16];

                (void) snprintf(text, sizeof(text), "%u", parts[i].value);
                if (!xml_child(security, parts[i].element) && !xml_add(security, parts[i].element, text))
                        return -ENOMEM;
        }
        return 0;
}
