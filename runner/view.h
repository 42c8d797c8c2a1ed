/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest's view of the file system is made by the service manager, before vm-run begins. What is there only later is
 * put into it here. */

#include "base/macros.h"

/* Shows a folder of the host at the same place in the mount namespace of a process (pidfd_open(2)), where it is not
 * seen yet. Its parents are made as far as they lie on a file system that is the view's own, which is not writable
 * before and after. Negative errno. */
int view_show(int process, const char *folder);
