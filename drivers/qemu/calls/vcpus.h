/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* vCPUs that a definition lists, and places for processors, as query-hotpluggable-cpus lists them. */

#include <jansson.h>

#include "guest/guest.h"

/* The vCPU that the place is for, by the topology of the definition. */
unsigned vcpu_id(const Definition *live, const json_t *place);

/* The alias of a vCPU that was plugged in, as "vcpu3"; NULL for one that was there from the start, which stays. */
const char *vcpu_alias(const json_t *place);

int vcpu_plug(Guest *g, const Definition *live, json_t *place, unsigned id, Error *e);

/* Waits for the guest to give it away. Code 84 for one that stays, and for a guest without KVM: QEMU 7.2 crashes when
 * an emulated processor has gone and another comes. 68 where the guest has not answered. */
int vcpu_unplug(Guest *g, const Definition *live, const json_t *place, unsigned id, Error *e);

/* Whether the guest has it, rather than a place for it. */
bool vcpu_is_on(const Definition *d, unsigned id);

/* So many vCPUs in the definition: those that are added may be unplugged again, and the last ones are left out.
 * -ENOMEM. */
int vcpus_enable(Definition *d, unsigned n);
