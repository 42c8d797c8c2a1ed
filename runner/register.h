/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Making a guest known to systemd-machined. Only root may, and only vm-run is the leader that machinectl's signals are
 * for: so vm-prepare connects to the system bus as root, and leaves the connection, over which nothing was said yet, to
 * vm-run. The bus asks the kernel who connected, and takes a login without a name for that user.
 *
 * vm-run has a child of its own speak over it, which loads this module: sd-bus and what it needs take more memory than
 * all of vm-run, for one message. A program in place of the module would cost each start another 2 to 4 ms of processor
 * time. */

#include <sys/types.h>

/* The connection's name in the parcel (parcel.h). */
#define REGISTER_FD_NAME "machined"

/* The module, in Unitvirt's folder of programs, and its symbol of type RegisterMachine. */
#define REGISTER_MODULE "vm-register.so"
#define REGISTER_SYMBOL "register_machine"

typedef struct Registration {
        const char *machine;     /* name in machined */
        const char *unit;        /* an earlier machine of this unit is replaced */
        const char *uuid;
        pid_t leader;
} Registration;

/* Logs in over fd, which is the function's from then on, and registers. May wait for a bus that does not answer: the
 * caller's process, which does nothing else, sets the limit. -EEXIST where a machine that is not the unit's has the
 * name; -ENOENT without machined; other errno of the connection. *ret_message is the bus's own text where there is one,
 * owned by the caller. */
typedef int RegisterMachine(int fd, const Registration *g, char **ret_message);
