/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One device as QEMU objects: the same builder serves -device at start and
 * device_add later. */

#include <jansson.h>
#include <libxml/tree.h>

#include "qemu/args.h"

/* How the host caches a <disk>: the word of driver@cache, or "none" where the disk is shared with other guests; NULL:
 * as QEMU has it. */
const char *qemu_disk_cache(const xmlNode *disk);

/* What has to be added before a device works, in this order; it is taken away in reverse order. */
typedef enum QemuPartKind {
        QEMU_PART_OBJECT,     /* -object, object-add */
        QEMU_PART_CHARDEV,    /* -chardev; the text of the option in "option" */
        QEMU_PART_BLOCKDEV,   /* -blockdev, blockdev-add */
        QEMU_PART_NETDEV,     /* -netdev, netdev_add */
        QEMU_PART_AUDIODEV,   /* -audiodev; no hotplug form */
        QEMU_PART_DEVICE,     /* -device, device_add */
        QEMU_PART_OPTION,     /* no hotplug form: "name" is the option, "option" its value or NULL */
        _QEMU_PART_KIND_MAX,
} QemuPartKind;

typedef struct QemuPart {
        QemuPartKind kind;
        const char *name;     /* static text; QEMU_PART_OPTION only */
        char *option;         /* CHARDEV, OPTION */
        json_t *props;        /* the others */
} QemuPart;

typedef struct QemuParts {
        QemuPart *list;
        size_t n;
} QemuParts;

void qemu_parts_done(QemuParts *parts);
#define _cleanup_qemu_parts_ _cleanup_(qemu_parts_done)

/* The parts of the device element node (a child of definition's <devices>), in
 * the order in which they are added. Errors as qemu_args_build(). */
int qemu_device_build(const Definition *live, const xmlNode *node, const QemuCaps *caps, const QemuHostResources *res,
                      QemuParts *ret, Error *e);

/* The QMP commands that add a part to a QEMU that runs, and take it away again: requests with "execute" and
 * "arguments", the caller's; null for one that nothing takes away. -EOPNOTSUPP with code 84 for what has no such
 * form. */
int qemu_part_commands(const QemuPart *part, json_t **ret_add, json_t **ret_remove, Error *e);

/* Appends to an array the requests that follow once the device is there: for what has no property of its own. */
int qemu_device_after(const xmlNode *device, json_t *commands_after);

/* What limits a disk as its <iotune> says: a request block_set_io_throttle, the caller's; NULL where nothing does, or
 * there is no medium. -ENOMEM. */
int qemu_disk_throttle(const xmlNode *disk, json_t **ret);
