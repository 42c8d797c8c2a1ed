/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* /run/libvirt/qemu/NAME.launch: what vm-prepare found out and vm-run executes.
 *
 * Lines of KEY=VALUE (base/keyfile.h). Keys that may repeat keep their order. Descriptors are numbered by vm-prepare:
 * those that it opened reach vm-run through systemd's store under the name "qemu-NUMBER", the others vm-run makes; QEMU
 * gets each under its number. */

#include "base/macros.h"

#define LAUNCH_MAX (16U * 1024 * 1024) /* bytes of such a file that are read */

/* Names in the parcel (parcel.h) of the sockets at which clients of the guest's screens are waited for:
 * "screen-vnc-0", numbered among all screens; and of those for websockets, "websocket-0". A name of a host may have
 * more than one address. */
#define SCREEN_FD_PREFIX "screen-"
#define SCREENS_MAX 8U
/* ... of the kind vnc, spice, or this */
#define SCREEN_SPICE_TLS "spice-tls"
#define WEBSOCKET_FD_PREFIX "websocket-"
#define WEBSOCKETS_MAX 4U

/* Names in the parcel (parcel.h) of files that what a console says is copied to, in front of its alias ("qemu"
 * for QEMU's own words): <log file=>, and <source path=> of one of type file. With ".0", ".1", ... behind it those that
 * full ones become. */
#define LOG_FD_PREFIX "log-"
#define FILE_FD_PREFIX "file-"

typedef struct LaunchConsole {
        char *alias;    /* "serial0" */
        int fd;         /* number under which QEMU gets the writing end */
        bool quiet;     /* goes to files only: no text for the journal */
} LaunchConsole;

typedef struct Launch {
        char *name;
        char *uuid;
        char *unit;            /* name of the guest's unit */
        char *machine;         /* name in machined */
        char *size;            /* "2 vCPUs, 1.5 GiB", for the unit's status */
        char *on_poweroff;     /* destroy, restart, preserve */
        char *on_crash;        /* destroy, restart, preserve, coredump-destroy, ... */
        char *dump_prefix; /* "/var/lib/libvirt/qemu/dump/7-web": memory may be dumped to a file whose name begins so;
                              or NULL */
        char *dump_size;       /* bytes of the guest's memory, which a dump holds, as text */
        char *dump_limit;      /* bytes that all dumps in that folder may take, as text; NULL: any */
        char *log_size;        /* bytes of a log file when it is full, as text; 0: none is */
        char *waits;           /* path of a socket at which QEMU waits for somebody before it starts; NULL: none */
        bool watchdog_dumps;   /* the watchdog's pause is for a dump */
        bool paused;           /* do not start the virtual CPUs */
        bool io_uring;         /* a disk is to be read and written by io_uring */
        bool sealed;           /* QEMU neither makes files in its folder nor writes to any there */
        bool connects;         /* QEMU itself makes connections by TCP */
        bool listens;          /* QEMU itself listens for TCP */
        int websocket;         /* port of the guest's own network at which it takes websockets; 0: none */
        int max_files;         /* descriptors that QEMU may have; 0: as many as vm-run */
        int monitor_fd;        /* number of QEMU's end of vm-run's monitor */
        int listen_fd;         /* number of a socket to be listened at, the supervisor's monitor; 0: none */
        char **argv;           /* QEMU and its arguments */
        char **environment;    /* NAME=VALUE, added to QEMU's environment */
        char **commands; /* before the first instruction, in order: QMP commands as JSON, and what is waited for between
                          * two of them, "event NAME" or "event NAME KEY=VALUE" (a text in the event's data) */
        char **threads;        /* where and how QEMU's threads run: "vcpu 0 cpus 2-3", "iothread iothread1 cpus 1",
                                * "emulator cpus 0-1", "vcpu 0 scheduler fifo 1"; the later ones win */
        char **limits;         /* microseconds of each thread's kind and their period: "vcpu 50000 100000",
                                * "emulator 20000 100000", "iothread 10000 100000" */
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
int launch_add_console(Launch *l, const char *alias, int fd, bool quiet);
