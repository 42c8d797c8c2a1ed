/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The threads of a running QEMU. It names them itself, and is believed only where they are its own. */

#include "guest/guest.h"

typedef enum ThreadKind { THREAD_VCPU, THREAD_IOTHREAD, THREAD_EMULATOR } ThreadKind;

/* Which thread is that vCPU, or that I/O thread? -ENOENT, e filled, where there is none. Within a fiber. */
int guest_thread(Guest *g, ThreadKind kind, unsigned id, pid_t *ret, Error *e);

/* Binds a vCPU, an I/O thread, or all other threads to CPUs of the host. Within a fiber. */
int guest_pin(Guest *g, ThreadKind kind, unsigned id, const char *cpus, Error *e);
