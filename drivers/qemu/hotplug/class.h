/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The classes of devices, as far as changing them goes: a row for each. What of them a running guest can do is in
 * qemu/live.h. */

#include "model/definition.h"

typedef struct DeviceClass DeviceClass;
struct DeviceClass {
        const char *element;
        /* The device that a document means; the finders of hotplug/match.h. */
        int (*find)(const Definition *d, const xmlNode *wanted, xmlNode **ret, Error *e);
        /* Refuses, with code 55, another one that cannot be beside one that is there. NULL: there may be several. */
        int (*conflict)(const Definition *d, const xmlNode *wanted, Error *e);
        bool fixed;     /* a guest always has what it has of it: neither attached nor detached */
        bool update;    /* can be changed */
};

/* NULL where it is no device that can be attached or detached at all. */
const DeviceClass *device_class(const char *element);
