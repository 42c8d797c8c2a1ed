/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The limits of a disk: what libvirt calls each, in <iotune> and in typed parameters (virDomainSetBlockIoTune), and the
 * argument of block_set_io_throttle (qapi/block-core.json) that it is. */

typedef struct QemuThrottleLimit {
        const char *field, *argument;
} QemuThrottleLimit;

#define QEMU_THROTTLE_LIMITS 19U
#define QEMU_THROTTLE_REQUIRED 6U       /* so many of them, the first, QEMU wants always */

extern const QemuThrottleLimit qemu_throttle_limits[QEMU_THROTTLE_LIMITS];
