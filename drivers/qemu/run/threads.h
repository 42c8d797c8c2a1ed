/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The threads of a running QEMU. It names them itself, and is believed only where they are its own. */

#include "guest/guest.h"

typedef enum ThreadKind { THREAD_VCPU, THREAD_IOTHREAD, THREAD_EMULATOR } ThreadKind;

/* Which threads are that vCPU, that I/O thread, or all that are neither, as vm-plug is told: "17 18 23".
 * -ENOENT, e filled, where there is none. Within a fiber. */
int guest_list_threads(Guest *g, ThreadKind kind, unsigned id, char **ret, Error *e);
