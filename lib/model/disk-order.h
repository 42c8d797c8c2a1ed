/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names of disks, and the order that they bring. */

#include "model/xml.h"

#define DISK_PREFIXES 6U
/* What the name of a target begins with, and the bus that it stands for. */
extern const struct DiskPrefix {
        const char *prefix, *bus;
} disk_prefixes[DISK_PREFIXES];

/* "vdb" to 1; -EINVAL for what is no name of a disk. */
int disk_index(const char *target);

/* Moves a disk to where libvirt has it among the others: those of one bus together, by their names. */
void disk_place(xmlNode *devices, xmlNode *disk);
