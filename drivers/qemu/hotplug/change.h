/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices in definitions: what attach, detach and update do to the tree. The result is not normalised. */

#include "hotplug/class.h"

/* How a document's device is to be changed, for the texts of refusals: "persistent", "live". */
typedef struct Change {
        const char *word;
        const DeviceClass *class;
        const xmlNode *device; /* the document's root; NULL where it is named by its alias */
        const char *alias;
} Change;

/* Refuses a class that cannot be attached or the like: code 84, or 67 for a live update, as libvirt has them:
 * "persistent attach of device 'hub' is not supported". verb: "attach", "detach", "update". */
int change_unsupported(const Change *c, const char *verb, Error *e);

/* Adds the device; code 55 where one that excludes it is there. *ret is it. */
int change_attach(Definition *d, const Change *c, xmlNode **ret, Error *e);

/* Finds the device. */
int change_find(const Definition *d, const Change *c, xmlNode **ret, Error *e);

/* Puts the device in the place of the one that it is found by. What it does not say of address, alias and MAC stays as
 * it was. */
int change_update(Definition *d, const Change *c, xmlNode **ret, Error *e);

/* A module of memory, which is complete, has come: <memory> counts it, and so does <currentMemory> of a guest that has
 * all. Refuses one that is beyond <maxMemory>. Nothing happens for other devices. */
int change_count_memory(Definition *d, const xmlNode *device, Error *e);
/* It is about to go. */
int change_uncount_memory(Definition *d, const xmlNode *device);

/* --- of a guest that runs --- */

/* Refuses what cannot change while it runs: code 84. Returns -EOPNOTSUPP. */
int change_fixed(Error *e, const char *format, ...) _printf_(2, 3);

/* Is the name in a list that ends with NULL? */
bool change_is_among(const char *name, const char *const *names);

/* Elements of the document that are not among the free ones have to be said by the device that is there: else
 * change_fixed(), "cannot modify field 'driver' of the WORD". */
int change_check_rest(const xmlNode *have, const xmlNode *wanted, const char *const *free, const char *word, Error *e);
