/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* vm-prepare: the privileged step before a guest's QEMU is started. One Prepare is one start.
 *
 *   prepare.c      the steps in their order, the definition, what is written
 *   descriptors.c  numbers of descriptors, the service manager's store, sets of QEMU's -add-fd
 *   images.c       disks and flash, opened here and known to QEMU as /dev/fdset/N
 *   chain.c        what an image says about its backing file
 *   kvm.c          whether QEMU will get at /dev/kvm
 *   boot.c         kernel, initrd, variables of UEFI
 *   network.c      taps on bridges
 *   config.c       qemu.conf, and what of it is refused
 *   graphics.c     addresses, ports and passwords of VNC and SPICE
 *   state.c        ids, ports and other small files below /run/libvirt/qemu
 */

#include <jansson.h>

#include "base/error.h"
#include "base/macros.h"
#include "config/qemu.h"
#include "launch.h"
#include "model/definition.h"
#include "qemu/args.h"

#define NETS_MAX 64U
#define QUEUES_MAX 64U
#define CHARDEVS_MAX 512U
#define GRAPHICS_MAX 8U
#define IMAGES_MAX 1024U

/* One file that QEMU knows as /dev/fdset/SET. */
typedef struct ImageSet {
        char *path;
        bool direct;              /* past the host's page cache */
        int set;
        bool stays_writable;   /* QEMU keeps the descriptor for writing */
} ImageSet;

typedef struct Prepare {
        const char *name;
        char *run_dir;            /* /run/libvirt/qemu/USER, owned by the guest's user */
        uid_t uid;                /* that user */
        gid_t gid;
        int notify_fd;

        Definition *live;         /* what NAME.xml will say */
        Launch launch;
        QemuConfig *config;       /* qemu.conf, or its defaults */
        bool paused;              /* asked for by the supervisor */
        bool reset_nvram;

        int next_fd;              /* numbers of QEMU's descriptors */
        int next_set;
        char **fd_args;           /* -add-fd ... */

        ImageSet *images;
        size_t n_images;

        QemuHostResources res;
        QemuMonitor monitors[2];
        QemuNet nets[NETS_MAX];
        int tap_fds[NETS_MAX][QUEUES_MAX];
        int vhost_fds[NETS_MAX][QUEUES_MAX];
        QemuChardev chardevs[CHARDEVS_MAX];
        char **paths;             /* that res points to */
        QemuGraphics graphics[GRAPHICS_MAX];

        Error error;
} Prepare;

/* Fills the error with "FILE:LINE: ELEMENT: words", where the definition asks for what the host does not give.
 * Returns r. */
int prepare_refuse(Prepare *p, int r, const xmlNode *element, const char *format, ...) _printf_(4, 5);

/* descriptors.c */
/* Reserves the number that QEMU will know a descriptor by. */
int descriptor_number(Prepare *p);
/* Stores fd for QEMU; the copy here may be closed. Returns its number. */
int descriptor_store(Prepare *p, int fd);
/* A new set for -add-fd, and fd number in it. */
int descriptor_set(Prepare *p);
int descriptor_add_to_set(Prepare *p, int set, int number);

/* images.c */
/* Opens each disk's images and the flash chips. */
int prepare_images(Prepare *p);
/* Replaces the names of those files in QEMU's arguments. */
int images_rewrite_arguments(Prepare *p, char **argv);

/* chain.c */
/* Adds <backingStore> to a disk where the image has one and the definition does not say. */
int prepare_chain(Prepare *p, xmlNode *disk);

/* kvm.c */
int prepare_kvm(Prepare *p);

/* boot.c */
int prepare_boot(Prepare *p);

/* network.c */
int prepare_network(Prepare *p);

/* config.c: reads qemu.conf; an error where it is broken, or asks for what this guest would not get. */
int prepare_config(Prepare *p);

/* graphics.c */
int prepare_graphics(Prepare *p);

/* A QMP command for vm-run, executed before the first instruction. Takes the reference, also of NULL (-ENOMEM). */
int prepare_command(Prepare *p, json_t *command);

/* throttle.c: the commands that limit disks. */
int prepare_throttles(Prepare *p);

/* environment.c: variables for QEMU, into launch. -ENOMEM. */
int prepare_environment(Prepare *p);

/* chardevs.c */
/* Sockets, files and logs of serial ports, channels and the like. */
int prepare_chardevs(Prepare *p);

/* state.c */
/* The next id of a running guest. */
int state_next_id(unsigned *ret);
/* Reserves a port of "vnc" or "spice" from first to last that is free at address; the owner is the guest. */
int state_reserve_port(const char *name, const char *address, unsigned first, unsigned last, unsigned *ret);
