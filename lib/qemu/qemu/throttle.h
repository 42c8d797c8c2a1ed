/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The limits of a disk: what libvirt calls each, in <iotune> and in typed parameters (virDomainSetBlockIoTune), and the
 * argument of block_set_io_throttle (qapi/block-core.json) that it is. In <throttlegroup> they are the same; there each
 * is a member of ThrottleLimits. */

typedef struct QemuThrottleLimit {
        const char *field, *argument, *member; /* of a "throttle-group" */
} QemuThrottleLimit;

#define QEMU_THROTTLE_LIMITS 19U
#define QEMU_THROTTLE_REQUIRED 6U       /* so many of them, the first, QEMU wants always */

extern const QemuThrottleLimit qemu_throttle_limits[QEMU_THROTTLE_LIMITS];
