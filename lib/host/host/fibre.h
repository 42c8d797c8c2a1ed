/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Fibre Channel cards mark the frames of a control group's disks with an id, by which switches and storage tell the
 * traffic of guests apart (VMID). Needs a kernel with CONFIG_BLK_CGROUP_FC_APPID and such a card's driver. */

#include "base/error.h"

/* group: a descriptor of the control group's folder. Code 38 and errno, with the kernel's file, which is not there
 * where nothing knows of such ids. What is set goes with the group. */
int fibre_set_id(int group, const char *id, Error *e);
