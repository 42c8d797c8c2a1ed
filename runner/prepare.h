/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* vm-prepare: the privileged step before a guest's QEMU is started. One Prepare is one start.
 *
 *   vm-prepare.c   the program: who asks, and what it is told
 *   starting.c     who that is
 *   view.c         what it sees that was made here
 *   serve.c        a process for each who asks
 *   prepare.c      the steps in their order, the definition, what is written
 *   descriptors.c  numbers of descriptors, the parcel for vm-run, sets of QEMU's -add-fd
 *   images.c       disks and flash, opened here and known to QEMU as /dev/fdset/N
 *   locks.c        locks on images and leases, for other hosts to see
 *   chain.c        what an image says about its backing file
 *   cpu.c          what host-model stands for
 *   kvm.c          whether QEMU will get at /dev/kvm
 *   sources.c      secrets, sockets and devices that disks need
 *   certificates.c copies of certificates
 *   boot.c         kernel, initrd, variables of UEFI
 *   network.c      taps on bridges
 *   virtual.c      cards on virtual networks
 *   network-port.c the ports that they are there
 *   filters.c      filters of cards
 *   config.c       qemu.conf, and what of it is refused
 *   graphics.c     addresses, ports, passwords and certificates of VNC and SPICE
 *   logins.c       ... and names, by SASL
 *   smartcards.c   databases of smart cards
 *   bus.c          a bus of the guest's own, for its screen
 *   hostdevs.c     devices of the host, by VFIO, USB and SCSI
 *   memory.c       folders for memory in files and huge pages
 *   opened.c       single devices and files that QEMU gets open: TPM, input, vsock, shared memory
 *   tune.c         vCPUs that are plugged in, threads' CPUs and schedulers
 *   state.c        ids
 *
 * vm-plug (plug.c) uses the same for one device of a guest that runs.
 *
 * What is opened and made on the host is in lib/host, which knows no definitions; here is what of it a definition asks
 * for.
 */

#include <jansson.h>

#include "base/error.h"
#include "base/guest-files.h"
#include "base/macros.h"
#include "config/qemu.h"
#include "chain/chain.h"
#include "host/image.h"
#include "host/sink.h"
#include "host/tap.h"
#include "late-port.h"
#include "launch.h"
#include "model/definition.h"
#include "parcel.h"
#include "qemu/args.h"
#include "starting.h"

#define NETS_MAX 64U
#define CHARDEVS_MAX 512U
#define GRAPHICS_MAX 8U
#define IMAGES_MAX 1024U
#define HOSTDEVS_MAX 256U
#define HUGEPAGES_MAX 8U
#define OPENED_MAX 2048U

/* One file that QEMU knows as /dev/fdset/SET. */
typedef struct ImageSet {
        char *path;
        bool direct;              /* past the host's page cache */
        int set;
        bool taken;               /* an argument of QEMU names it */
        ImageFile file;
        bool writable, shared;    /* by the guest; with others */
        const xmlNode *disk;      /* that it is for */
} ImageSet;

/* Descriptors of one file that a client has opened. */
typedef struct FdGroup {
        char name[GROUP_NAME_MAX + 1];
        int fds[GROUP_FDS_MAX];
        unsigned n;
} FdGroup;

typedef struct Prepare Prepare;
struct Prepare {
        const char *name;
        char *run_dir;            /* /run/libvirt/qemu/USER, owned by the guest's user */
        uid_t uid;                /* that user */
        gid_t gid;
        const char *plan;         /* the unit's plan, as systemd has read it; NULL: none */
        int parcel_fd;            /* for what vm-run gets (parcel.h) */
        pid_t process;            /* vm-run, whose view is QEMU's; 0: it is not known */
        char **shown;             /* folders made here that the definition puts into that view */
        FdSink sink;              /* for lib/host: what follows */
        int (*keep)(Prepare *p, int number, int fd); /* where descriptors wait for QEMU; NULL: in the parcel */
        bool running;             /* the guest runs already: vm-plug */
        bool host_network;        /* the unit has the host's network */
        const char *logins;       /* folder of SASL's configuration that the guest has; NULL: it has none */
        const char *device;       /* alias of the device that is at work, for the undo list; NULL: of none */

        uint64_t copies_bytes;    /* what the file system for copies of files, below run_dir, holds; 0: there is none */

        Definition *live;         /* what NAME.xml will say */
        Launch launch;
        LatePort *late;           /* vm-plug: what vm-run is to read of the port; NULL: it reads no more ports */
        QemuConfig *config;       /* qemu.conf, or its defaults */
        bool paused;              /* asked for by the supervisor */
        bool reset_nvram;
        unsigned n_copies;              /* files copied for the guest, see boot.c */

        int next_fd;              /* numbers of QEMU's descriptors */
        int next_set;
        unsigned n_screens;    /* sockets that clients of screens connect to */
        unsigned n_websockets; /* ... by websockets */
        char **fd_args;           /* -add-fd ... */
        unsigned n_backups;       /* of a log file */

        FdGroup *groups;          /* what clients have opened for it, see groups.c */
        unsigned n_groups;
        bool asked_groups;

        Chain *chain;             /* what headers of images were believed */
        ImageSet *images;
        size_t n_images;

        QemuHostResources res;
        QemuMonitor monitors[2];
        QemuNet nets[NETS_MAX];
        int tap_fds[NETS_MAX][TAP_QUEUES_MAX];
        int vhost_fds[NETS_MAX][TAP_QUEUES_MAX];
        QemuChardev chardevs[CHARDEVS_MAX];
        char **paths;             /* that res points to */
        QemuGraphics graphics[GRAPHICS_MAX];
        QemuHostdev hostdevs[HOSTDEVS_MAX];
        QemuHugepages hugepages[HUGEPAGES_MAX];
        char *auto_cpus, *auto_nodes; /* where numad has the guest run; NULL: it was not asked */
        QemuOpened *opened;
        size_t n_opened;
        xmlDocPtr host_sysinfo;

        Error error;
};

/* prepare.c */
/* All of it. plan is the unit's, NULL where it has none; in: the end of the parcel that is filled. Fills the error. */
int prepare_guest(const Starting *s, const char *plan, int in, Error *e);

/* "7-web", as libvirt names files of a run. */
int prepare_short_name(const Prepare *p, char **ret);

/* Fills the error with "FILE:LINE: ELEMENT: words", where the definition asks for what the host does not give.
 * Returns r. */
int prepare_refuse(Prepare *p, int r, const xmlNode *element, const char *format, ...) _printf_(4, 5);

/* Puts "FILE:LINE: ELEMENT: " in front of the error that a function of lib/host filled. Returns r. */
int prepare_blame(Prepare *p, int r, const xmlNode *element);
/* Shows a folder that was made here, or was not there before, in the guest's view of the file system, where it starts
 * (what runs has its view). -ENOMEM. */
int prepare_show(Prepare *p, const char *folder);
/* A line for the guest's undo list (host/undo.h), before the thing is made. */
int prepare_undo(Prepare *p, const char *key, const char *value);

/* filters.c */
typedef struct PrepareFilter {
        Prepare *prepare;
        const xmlNode *interface;
} PrepareFilter;
/* TapOptions.made: gives the tap the rules of its card's filter. userdata is a PrepareFilter. */
int prepare_filter(void *userdata, const char *tap, Error *e);
/* What has no tap on a bridge can have no filter. */
int prepare_refuse_filter(Prepare *p, const xmlNode *interface, const char *type);

/* logs.c */
/* A file that vm-run writes to, by the name in the parcel, and those that full ones become. */
int prepare_log_file(Prepare *p, const char *name, const char *path, bool append);
/* /var/log/libvirt/qemu/NAME.log */
int prepare_guest_log(Prepare *p);

/* Bounds what QEMU can write to its folder, see folder.c. A step before anything is made there. */
int prepare_folder(Prepare *p);
/* Copies a file for the guest, which may read it, into a place that has the room for it; *ret, the copy's path, is
 * owned by the caller. */
int prepare_copy_to_folder(Prepare *p, const char *path, const char *name, char **ret);

/* descriptors.c */
/* The sink's function. */
int descriptor_give(FdSink *sink, int fd, Error *e);
/* Reserves the number that QEMU will know a descriptor by. */
int descriptor_number(Prepare *p);
/* Stores fd for QEMU; the copy here may be closed. Returns its number. */
int descriptor_store(Prepare *p, int fd);
/* A new set for -add-fd, and fd number in it. */
int descriptor_set(Prepare *p);
int descriptor_add_to_set(Prepare *p, int set, int number);
/* A set with the descriptor of this number in it, by the name under which QEMU opens it; the string is p's. */
int descriptor_name(Prepare *p, int number, const char **ret);

/* images.c */
/* Opens each disk's images and the flash chips. */
int prepare_images(Prepare *p);
int prepare_disk(Prepare *p, xmlNode *disk);
/* A disk that is a volume becomes a file or a device like any other. */
int prepare_volume(Prepare *p, xmlNode *disk);
/* Notes which files the other disks have, where they are open already. */
int images_note_others(Prepare *p, const xmlNode *disk);
/* Replaces the names of those files in QEMU's arguments. */
int images_rewrite_arguments(Prepare *p, char **argv);
/* The same in the properties of one node. */
int images_rewrite_node(Prepare *p, json_t *node);

/* fibre.c: after fill_launch(), which knows the unit. */
int prepare_fibre(Prepare *p);

/* groups.c */
/* The group of this name, which the daemon has; the element is to blame where it has none. */
int prepare_group(Prepare *p, const xmlNode *element, const char *name, const FdGroup **ret);
void prepare_groups_done(Prepare *p);

/* chain.c */
/* Adds <backingStore> to a disk where the image has one and the definition does not say. *ret_files is for each layer
 * added, from the top on, the file that was looked at; it is the caller's. Returns how many there are. */
int prepare_chain(Prepare *p, xmlNode *disk, ImageFile **ret_files);
/* Writes down which chains were followed. */
int prepare_chain_record(Prepare *p);

/* autostart.c */
/* The guest starts: once is over, and libvirt's link becomes systemd's. */
void prepare_autostart(Prepare *p);

/* sources.c: after the images. */
int prepare_sources(Prepare *p);
/* What QEMU finds at path, which stays the caller's, for an element. */
int prepare_name_opened(Prepare *p, const xmlNode *element, const char *path);
/* smartcards.c */
int prepare_smartcards(Prepare *p);
int prepare_disk_sources(Prepare *p, const xmlNode *disk);
/* The same of what is no disk, and has a <source> with a protocol. */
int prepare_network_source(Prepare *p, const xmlNode *layer);

/* The password of the key among an element's certificates: a secret's value, QemuOpened of the element. */
int prepare_key_password(Prepare *p, const xmlNode *element, const char *uuid);

/* certificates.c */
typedef struct CertificateUse {
        const char *name;        /* of the folder of copies, in the guest's own */
        const char *folder;      /* taken where it is there and qemu.conf names none */
        size_t setting;          /* in QemuConfig: the folder that it names, NULL: none */
        const char *wish;        /* the key of qemu.conf that wants them */
} CertificateUse;
extern const CertificateUse certificates_nbd, certificates_chardev, certificates_vnc, certificates_spice;
/* A folder of this name in the guest's own, and the guest's; by the path *ret, which is the caller's, for as long as
 * *ret_fd is open. */
int prepare_make_folder(const Prepare *p, const char *name, char **ret, int *ret_fd);
/* Copies those of a server, or of a client, for the guest; *ret, the copies' folder, is p's. */
int prepare_certificates(Prepare *p, const xmlNode *element, const CertificateUse *use, bool server,
                         const char **ret);

/* kvm.c */
int prepare_kvm(Prepare *p);
int prepare_cpu(Prepare *p);

/* boot.c */
int prepare_boot(Prepare *p);
/* copy.c: a copy that appears whole or not at all. Negative errno. */
int prepare_copy_file(const char *from, const char *to, mode_t mode, uid_t uid, gid_t gid);

/* locks.c: after images, where volumes have become paths. */
int prepare_locks(Prepare *p);
/* The lock of one that is plugged in; it goes with the disk. */
/* That of a lease, of a guest that runs. */
int prepare_lease_lock(Prepare *p, const xmlNode *lease);
int prepare_disk_lock(Prepare *p, const xmlNode *disk);

/* network.c */
int prepare_network(Prepare *p);
int prepare_interface(Prepare *p, xmlNode *interface);
/* A tap for a card, with all its queues; its name becomes the card's target. */
int prepare_tap(Prepare *p, xmlNode *interface, TapOptions *o);
/* The name that the user wants the tap to have, NULL for any; the card's MTU, 0 for that of where it is plugged in. */
const char *interface_wanted_name(const xmlNode *interface);
unsigned interface_mtu(const xmlNode *interface);

/* A tap that is to become a port of the bridge, down. */
int prepare_bridge_tap(Prepare *p, xmlNode *interface, const char *bridge);

/* The limits of the card's link, which is no port of a bridge; is_guests_end as of network_limit(). */
int prepare_limit_link(Prepare *p, const xmlNode *interface, bool is_guests_end);

/* A macvtap on a card of the host's; mode is libvirt's word. */
int prepare_macvtap(Prepare *p, xmlNode *interface, const char *lower, const char *mode);

/* virtual.c */
int prepare_virtual_network(Prepare *p, xmlNode *interface);
/* The host's own address on a network that is active; *ret is the caller's. */
int prepare_network_address(Prepare *p, const xmlNode *element, const char *name, char **ret);
/* Makes the tap of the card, which is down, a port of what the card is on now, a bridge or a network, and brings it
 * up. */
int prepare_connect(Prepare *p, xmlNode *interface);
/* Gives the card's link the limits that the card has now. */
int prepare_change_limits(Prepare *p, xmlNode *interface);

/* config.c: reads qemu.conf; an error where it is broken, or asks for what this guest would not get. */
int prepare_config(Prepare *p);

/* graphics.c */
int prepare_graphics(Prepare *p);
/* bus.c: the live definition says where it is. */
int prepare_bus(Prepare *p, xmlNode *graphics);
/* A setting of qemu.conf that the guest's unit does not know of yet. */
int prepare_stale_unit(Prepare *p, const char *key);

/* logins.c: what SASL needs for those of a screen, copied for the guest. */
int prepare_logins(Prepare *p, const xmlNode *graphics);
/* Whether QEMU is to make a socket for this screen. */
bool prepare_graphics_on_socket(const Prepare *p, const xmlNode *graphics);

/* A QMP command for vm-run, executed before the first instruction. Takes the reference, also of NULL (-ENOMEM). */
int prepare_command(Prepare *p, json_t *command);

/* throttle.c: the commands that limit disks. */
int prepare_throttles(Prepare *p);

/* hostdevs.c */
int prepare_hostdevs(Prepare *p);
/* One that is no PCI device. */
int prepare_hostdev(Prepare *p, xmlNode *hostdev);
/* One that is, or a card or disk that is one: for a guest that runs. */
int prepare_pci_device(Prepare *p, xmlNode *device);

/* memory.c */
int prepare_memory(Prepare *p);

/* opened.c: single devices and files of the host. */
int prepare_opened(Prepare *p);
int prepare_opened_device(Prepare *p, xmlNode *device);

/* Notes what was opened for a device: c without its alias. */
int prepare_helper(Prepare *p, const xmlNode *device, const QemuChardev *c);
/* Refuses a socket that QEMU is to connect to, and would wait for: source names it. */
int prepare_check_socket(Prepare *p, const xmlNode *source);
/* Makes a socket in the guest's own folder, which is the guest's user's, for a helper to listen on. */
int prepare_guest_socket(Prepare *p, const char *path, int *ret);
/* Connects to the helper of a device, in a unit beside the guest's: part is "net0" and the like. */
int prepare_connect_helper(Prepare *p, const xmlNode *device, const char *part);
/* The connection alone, which is the caller's. */
int prepare_reach_helper(Prepare *p, const xmlNode *device, const char *part, int *ret);
/* Where the guest runs, the settings of the helper's unit go with the device. */
int prepare_note_late(Prepare *p, const xmlNode *device);
/* The same for one that hands a connection over when it is ready, and else says why it is not: passt. */
int prepare_wait_for_helper(Prepare *p, const xmlNode *device, const char *part);
/* The name under which QEMU opens a device node of the host, opened with flags. */
int prepare_device_name(Prepare *p, const xmlNode *element, const char *path, int flags, const char **ret);

/* smbios.c: the host's own strings, for a guest that shows them. */
int prepare_smbios(Prepare *p);

/* tune.c: vCPUs that are plugged in at the start, and where and how the threads run. */
int prepare_vcpus(Prepare *p);
int prepare_threads(Prepare *p);
/* Quotas of threads; the unit's control group, which they need, goes to vm-run. */
int prepare_thread_quotas(Prepare *p);
/* Parts of caches, and of the way to memory: groups of the kernel's, whose files go to vm-run. */
int prepare_resctrl(Prepare *p);
/* counted.c: events that the kernel counts of the guest. */
int prepare_events(Prepare *p);
/* Where numad would have the guest: for whom the definition leaves it to the host. */
int prepare_placement(Prepare *p);

/* environment.c: variables for QEMU, into launch. -ENOMEM. */
int prepare_environment(Prepare *p);

/* chardevs.c */
/* Sockets, files and logs of serial ports, channels and the like. */
int prepare_chardevs(Prepare *p);
int prepare_chardev_of(Prepare *p, xmlNode *device);
/* QEMU itself connects it by TCP; other connections, and sockets that listen, are made here. */
bool prepare_chardev_connects(const xmlNode *device);

/* needs.c: what QEMU needs of what it could be denied, into launch. */
int prepare_needs(Prepare *p);

/* state.c */
/* The next id of a running guest. */
int state_next_id(unsigned *ret);
