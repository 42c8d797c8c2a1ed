/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Enters the mount and network namespaces of the service manager. Commands with "+" run with all privileges, but
 * up to systemd 257 the bind mounts and TemporaryFileSystem= of their unit apply to them as well.
 * Needs Linux 5.8. Negative errno. */
int host_enter(void);
