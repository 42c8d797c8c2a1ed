/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the firmware tells of the machine. */

/* The document <sysinfo type='smbios'> with BIOS, system, board and chassis, from /sys/class/dmi; the caller's to free.
 * -ENOENT where the machine tells nothing (then there is no such folder), -ENOMEM. */
int host_dmi_document(char **ret);
