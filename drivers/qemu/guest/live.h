/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The live definition, which vm-prepare wrote at start: what becomes known or changes afterwards is written here. */

#include "guest/guest.h"

/* Writes the live definition back. */
int live_write(Guest *g, Definition *d, Error *e);

/* Takes the names of ptys, and whether channels are open, from the answer to query-chardev. */
void live_take_chardevs(Guest *g, json_t *list);

/* The guest has taken so much of the memory device. */
void live_set_memory(Guest *g, const char *alias, uint64_t kib);

/* A module of memory has come or gone: QEMU's balloon has so much more or less, of which there is no event. Nothing for
 * other devices. */
void live_count_module(Guest *g, const xmlNode *device, bool came);

#define AGENT_CHANNEL "org.qemu.guest_agent.0"

/* The channel with this alias has been opened in the guest, or closed: the live definition says it. True where it is
 * the guest agent's and that is news, which run->agent_open has afterwards. */
bool live_set_channel(Guest *g, const char *alias, bool open);
