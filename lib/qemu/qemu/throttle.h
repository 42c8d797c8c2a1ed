/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The limits of a disk: what libvirt calls each, in <iotune> and in typed parameters (virDomainSetBlockIoTune), and the
 * argument of block_set_io_throttle (qapi/block-core.json) that it is. In <throttlegroup> they are the same; there each
 * is a member of ThrottleLimits. */

#include <jansson.h>
#include <libxml/tree.h>

typedef struct QemuThrottleLimit {
        const char *field, *argument, *member; /* of a "throttle-group" */
} QemuThrottleLimit;

#define QEMU_THROTTLE_LIMITS 19U
#define QEMU_THROTTLE_REQUIRED 6U       /* so many of them, the first, QEMU wants always */

extern const QemuThrottleLimit qemu_throttle_limits[QEMU_THROTTLE_LIMITS];

/* The arguments of block_set_io_throttle for a disk that runs, also where nothing limits it any more; NULL when memory
 * ran out. */
json_t *qemu_throttle_arguments(const xmlNode *disk);

/* What a <throttlegroup> is as ThrottleLimits; NULL when memory ran out. Those that it does not say are none, and
 * lengths QEMU's own: with whole they are named too, for a group that had others. */
json_t *qemu_throttle_group_limits(const xmlNode *group, bool whole);

/* QEMU's name of a group, "throttle-GROUP"; owned by the caller. */
char *qemu_throttle_group_id(const char *group);
