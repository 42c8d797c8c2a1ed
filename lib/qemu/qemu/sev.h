/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What AMD's processors tell of the memory that they encrypt (CPUID 8000001Fh). */

#include "model/xml.h"

typedef struct SevFacts {
        unsigned cbitpos;          /* the bit of an address that says so */
        unsigned reduced_phys_bits;
        unsigned guests, es_guests; /* how many there can be */
} SevFacts;

/* What the registers mean. */
void sev_facts_from_cpuid(unsigned b, unsigned c, unsigned d, SevFacts *ret);

/* Of this host; false where its processor says nothing of it. */
bool sev_facts(SevFacts *ret);

/* Writes into <launchSecurity> what it leaves to the host. -ENOMEM. */
int sev_complete(xmlNode *security, const SevFacts *facts);
