/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names of disks, and the order that they bring. */

#include "model/xml.h"

#define DISK_PREFIXES 7U
/* What the name of a target begins with, and the bus that it stands for. */
extern const struct DiskPrefix {
        const char *prefix, *bus;
} disk_prefixes[DISK_PREFIXES];

/* Namespaces of one NVMe controller that QEMU has room for. */
#define NVME_NAMESPACES 256U
/* Characters of a controller's serial number, by the specification. */
#define NVME_SERIAL_MAX 20U

/* "vdb" to 1, "nvme1n3" to NVME_NAMESPACES + 2; -EINVAL for what is no name of a disk. */
int disk_index(const char *target);

/* Moves a disk to where libvirt has it among the others: those of one bus together, by their names. */
void disk_place(xmlNode *devices, xmlNode *disk);
