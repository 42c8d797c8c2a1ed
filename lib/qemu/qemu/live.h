/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What of a guest can be changed while it runs, and by which of libvirt's calls. */

#include "model/diff.h"

typedef enum LiveWay {
        LIVE_NOT,       /* at the next start */
        LIVE_ATTACH,
        LIVE_DETACH,
        LIVE_UPDATE,    /* of a device */
        LIVE_IO_TUNE,   /* of a disk */
        LIVE_VCPUS,
        LIVE_MEMORY,
        LIVE_SCHEDULE,
        LIVE_MEMORY_LIMITS,
        LIVE_VCPU_PIN,
        LIVE_EMULATOR_PIN,
        LIVE_IOTHREAD_PIN,
        LIVE_TITLE,
        LIVE_DESCRIPTION,
        LIVE_METADATA,
        _LIVE_WAY_MAX,
} LiveWay;

/* The way of a difference between the running guest and its definition. */
LiveWay live_way(const Difference *d);

/* Whether devices of this element ("disk") can be attached and detached while the guest runs. */
bool live_can_plug(const char *element);
/* Whether anything of one can be changed. */
bool live_can_update(const char *element);

/* The device, a child of <devices>, that n is or is in; NULL where it is in none. */
const xmlNode *live_device_of(const xmlNode *n);
