/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A guest's plan in the making, for the files that add what its devices need. */

#include "plan-internal.h"

typedef struct GuestPlan {
        Plan *plan;
        const Definition *definition;
        const xmlNode *domain;
        const PlanFacts *facts;
        bool wants_network;    /* QEMU itself opens sockets of the host's network */
        bool wants_inet;       /* ... or of one of its own */
        bool has_pr_helper;    /* there is a unit for persistent reservations */
        bool has_bus;          /* there is a unit for a bus of the guest's own */
        bool wants_names;      /* ... at addresses that are names of hosts */
        Error *error;
} GuestPlan;

/* Adds a setting that comes from an element, and says which one where that is impossible. */
int guest_plan_add(GuestPlan *g, const xmlNode *from, PlanSection section, const char *key, const char *value,
                   const char *options);

/* A file of the host that the guest needs before it may start. */
int guest_plan_mounts_for(GuestPlan *g, const xmlNode *from, const char *path);

/* Refuses a path with a quotation mark in it, for what has to be mounted. */
int guest_plan_check_quotes(GuestPlan *g, const xmlNode *from, const char *path);

/* A file that QEMU opens itself, by its name. */
int guest_plan_readable(GuestPlan *g, const xmlNode *from, const char *path);

/* The folder of a socket that QEMU connects to again when the connection breaks. */
int guest_plan_reconnect(GuestPlan *g, const xmlNode *source);

/* A device node below /dev, with "r" or "rw". */
int guest_plan_device(GuestPlan *g, const xmlNode *from, const char *path, const char *access);

/* The unit of a device that may come late: the guest is ordered behind it. */
int guest_plan_late(GuestPlan *g, const xmlNode *from, const char *path);

/* QEMU listens at, or connects to, an address of the host's network. */
void guest_plan_network(GuestPlan *g, const char *host);

/* What a port, or something like one, is connected to. */
int plan_character_device(GuestPlan *g, const xmlNode *device);

/* guest-disks.c */
int plan_disk(GuestPlan *g, const xmlNode *disk);
/* UEFI's variables that are in no file, and a device of an iSCSI target: as images are. */
int plan_variables(GuestPlan *g, const xmlNode *nvram);
int plan_iscsi_unit(GuestPlan *g, const xmlNode *hostdev);

/* guest-devices.c: what devices of the host, memory and threads add to the unit. */
int plan_hostdev(GuestPlan *g, const xmlNode *hostdev);
/* The kernel lets only who has the right send any SCSI command there is (rawio). */
int plan_raw_io(GuestPlan *g);
/* A device of the host by VFIO. */
int plan_vfio(GuestPlan *g, const xmlNode *from);
/* A place that may be missing, under BindPaths or BindReadOnlyPaths. */
int guest_plan_view(GuestPlan *g, const xmlNode *from, const char *key, const char *path);
int plan_tpm(GuestPlan *g, const xmlNode *tpm);
int plan_filesystem(GuestPlan *g, const xmlNode *fs);
int plan_input(GuestPlan *g, const xmlNode *input);
int plan_shmem(GuestPlan *g, const xmlNode *shmem);
int plan_vsock(GuestPlan *g, const xmlNode *vsock);
int plan_memory_module(GuestPlan *g, const xmlNode *module);
int plan_pstore(GuestPlan *g, const xmlNode *pstore);
/* A card on a network of host devices; result as below. */
int plan_host_network(GuestPlan *g, const xmlNode *interface);
int plan_special_interface(GuestPlan *g, const xmlNode *interface);
int plan_memory(GuestPlan *g);
int plan_usb(GuestPlan *g);
int plan_threads(GuestPlan *g);
int plan_labels(GuestPlan *g);

/* guest-desktop.c: what a guest uses of the desktop of somebody at the host, or of its graphics card. */
int plan_graphics(GuestPlan *g, const xmlNode *graphics);
int plan_audio(GuestPlan *g, const xmlNode *audio);
int plan_video(GuestPlan *g, const xmlNode *video);
int plan_smartcard(GuestPlan *g, const xmlNode *card);

/* sidecars.c: helpers beside the guest, in units of their own. */
int plan_swtpm(GuestPlan *g, const xmlNode *tpm);
int plan_virtiofsd(GuestPlan *g, const xmlNode *fs);
int plan_passt(GuestPlan *g, const xmlNode *interface);
/* One for all disks whose persistent reservations are the host's affair. */
int plan_pr_helper(GuestPlan *g);
int plan_gpu(GuestPlan *g, const xmlNode *video);
/* A bus of the guest's own, for a screen of which graphics_has_own_bus() is true. */
int plan_own_bus(GuestPlan *g);
/* A disk of which disk_is_served() is true. */
int plan_nbdkit(GuestPlan *g, const xmlNode *disk);
