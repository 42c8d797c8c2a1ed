/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernel's view of devices, for the files of lib/host that look at it. */

/* The last part of what the link called name in folder leads to; owned by the caller. -ENOENT. */
int sys_link_name(const char *folder, const char *name, char **ret);
