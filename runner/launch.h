/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /run/libvirt/qemu/NAME.launch: what vm-prepare found out and vm-run executes.
 *
 * Lines of KEY=VALUE; in VALUE a line feed is "\n" and a backslash "\\". Keys that may repeat keep
 * their order. Descriptors are numbered by vm-prepare: those that it opened reach vm-run through
 * systemd's store under the name "qemu-NUMBER", the others vm-run makes; QEMU gets each under its number. */

#include "base/macros.h"

#define LAUNCH_MAX (16U * 1024 * 1024) /* bytes of such a file that are read */

typedef struct LaunchConsole {
        char *alias;    /* "serial0" */
        int fd;         /* number under which QEMU gets the writing end */
} LaunchConsole;

typedef struct Launch {
        char *name;
        char *uuid;
        char *unit;            /* name of the guest's unit */
        char *machine;         /* name in machined */
        char *size;            /* "2 vCPUs, 1.5 GiB", for the unit's status */
        char *on_poweroff;     /* destroy, restart, preserve */
        char *on_crash;        /* destroy, restart, preserve, coredump-destroy, ... */
        char *dump_prefix;     /* "/var/lib/libvirt/qemu/dump/7-web": memory may be dumped to a file whose name begins so; or NULL */
        char *dump_limit;      /* bytes that all dumps in that folder may take, as text; NULL: any */
        bool watchdog_dumps;   /* the watchdog's pause is for a dump */
        bool paused;           /* do not start the virtual CPUs */
        int monitor_fd;        /* number of QEMU's end of vm-run's monitor */
        char **argv;           /* QEMU and its arguments */
        char **environment;    /* NAME=VALUE, added to QEMU's environment */
        char **commands;       /* QMP commands, JSON, executed in order before the first instruction */
        char **sockets;        /* paths that the definition names, which lead to QEMU; vm-cleanup removes them */
        char **images;         /* "3 /srv/web.qcow2": what QEMU knows as /dev/fdset/3 */
        char **graphics;       /* "vnc=127.0.0.1:5900", copied to the run file */
        LaunchConsole *consoles;
        size_t n_consoles;
} Launch;

void launch_done(Launch *l);
#define _cleanup_launch_ _cleanup_(launch_done)

/* Fills l from the text of such a file. -EINVAL and the number of the line for what is none. */
int launch_parse(const char *text, Launch *l, unsigned *ret_line);

/* The text, owned by the caller. */
int launch_format(const Launch *l, char **ret);

/* Appends a console. */
int launch_add_console(Launch *l, const char *alias, int fd);
